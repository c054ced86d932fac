//! `runbook resume`: finds out what a crash left, and goes on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::engine::decide::Session;
use crate::engine::recover::{self, Evidence, Survivor};
use crate::engine::{Engine, Signals, block_signals};
use crate::event::{
    Closing, Decision, Event, EventKind, RunOpened, RunResumed, RunbookAdopted, Verdict,
};
use crate::host::clock::{self, Clock};
use crate::host::process::{self, Process};
use crate::host::{fault, machine, storage};
use crate::keeper::link::Link;
use crate::markdown::{decode, outline};
use crate::model::StepId;
use crate::plan::{Known, Plan};
use crate::state::{Phase, State};
use crate::store::Hash;
use crate::store::attempts::read_attempts;
use crate::store::folder::RunFolder;
use crate::store::journal::{Journal, read_journal};
use crate::store::lock::Lock;
use crate::store::state_dir::StateDir;

use super::config::Config;
use super::document::{read_document, text_of};
use super::exit::ExitCode;
use super::failure::Failure;
use super::inputs::{self, Given};
use super::prepare::{self, admit};
use super::prompt::{self, Lines};
use super::secrets;
use super::session::{self, FlowArgs, Stage, StoreArgs, WatchArgs};

/// Arguments of `runbook resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run: an id, the beginning of one, or `last` [default: the open run of this folder]
    run: Option<String>,
    /// Run failed steps again without asking
    #[arg(long)]
    retry_failed: bool,
    /// Run this finished step again
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    rerun: Vec<String>,
    /// Decide about a step: `done`, `rerun` or `skip`
    #[arg(long, value_name = "STEP=WHAT", value_delimiter = ',')]
    decide: Vec<String>,
    /// Give a placeholder of a plain document its value
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Read such values from a file: .yaml, .toml, .json or .env
    #[arg(long, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// Go on with the document as it is now, instead of the snapshot
    #[arg(long)]
    adopt: bool,
    #[command(flatten)]
    flow: FlowArgs,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs it.
///
/// # Errors
/// Whatever keeps the run from going on.
pub fn run(args: &ResumeArgs) -> Result<ExitCode, Failure> {
    fault::role("engine");
    let mut decisions = decisions(args)?;
    let signals = block_signals()
        .map_err(|error| Failure::new(ExitCode::ENVIRONMENT, "cannot read signals").cause(error))?;
    let terminal = session::is_terminal() && !args.watch.json;
    let folder = match &args.run {
        Some(name) => session::find_run(&args.store, name)?,
        None => only_open(&args.store)?,
    };
    let lock = Lock::take(&folder, &session::holder())?;
    let survivor = survivor(&folder)?;
    let records = read_attempts(&folder)?;
    if let Some(because) = &records.corrupt {
        return Err(corrupt(because));
    }
    let reading = read_journal(&folder)?;
    // Before anything is set aside: where the keeper knows more than the journal, what is torn was
    // acknowledged.
    if let Some(because) = recover::unheard_of(reading.events.iter().map(|it| &it.kind), &records) {
        return Err(corrupt(&format!(
            "{because}, and the journal does not know it"
        )));
    }
    let past = reading.events;
    let (mut journal, recovered) = Journal::reopen(
        &folder,
        storage::from_environment(),
        Clock::from_environment(),
    )?;
    let mut state = journal.state().clone();
    if let Some(closing) = state.closed() {
        let _ = journal.commit(recovered.into_iter().collect())?;
        return Err(closed(&folder, closing));
    }
    let Some(mut opened) = state.opened().cloned() else {
        return Err(Failure::new(
            ExitCode::UNVERIFIED,
            format!("missing: run {} was never opened", folder.run()),
        )
        .hint("nothing of it ran; begin a new run"));
    };
    are_there(&state, &decisions)?;
    let config = Config::load()?;
    let operator = machine::operator(terminal);
    let mut lines = Lines::default();
    let mut adopted = None;
    if args.adopt {
        let asking = terminal.then_some((&mut lines, &signals));
        let by = machine::by(&operator);
        adopted = adopt(
            &folder,
            &state,
            &opened,
            by,
            &mut decisions,
            asking,
            &config,
        )?;
    }
    if let Some(event) = &adopted {
        let accepted = state.check(std::slice::from_ref(event)).map_err(|error| {
            Failure::usage(format!("`{}` cannot be adopted", opened.file))
                .cause(error.because)
                .hint("resume without --adopt goes on with the snapshot; or begin a new run")
        })?;
        state.accept(accepted);
        opened = state.opened().cloned().unwrap_or(opened);
    }
    let mut plan = plan(&folder.path().join(state.snapshot()), &opened, &config)?;
    let search = std::env::var_os("PATH").unwrap_or_default();
    let survey = prepare::survey(&plan.runbook, &to_do(&plan, &state), &config, &search);
    let mut session = Session::new(machine::by(&operator), terminal, args.watch.on_term());
    session.retry_failed = args.retry_failed;
    session.follow(&plan.request);
    session.on_failure = args.flow.on_failure().or(session.on_failure);
    if let Some(jobs) = args.flow.jobs {
        session.jobs = jobs as usize;
    }
    let has = |name: &str| state.values().contains_key(name);
    let mut given = Given::new(&args.set, &args.inputs)?;
    for path in files_of_secrets(&past) {
        given.remember(Path::new(path));
    }
    let mut values = inputs::placeholders(&plan, &given, &session.by, has)?;
    let mut known = session.known(&state, &plan);
    values.tell(&plan, &mut session, &mut known);
    if !to_do(&plan, &state).is_empty() {
        let asking = terminal.then_some((&mut lines, &signals));
        let base = secrets::base(&opened);
        let mut secrets = inputs::secrets(&plan, &given, &base, &session.by, asking)?;
        secrets.tell(&plan, &mut session, &mut known);
        values.events.append(&mut secrets.events);
        let mut again = secrets::given_again(&plan, &given, &mut session)?;
        values.events.append(&mut again);
    }
    fill_inputs(&mut plan, &session)?;
    let held = survivor.as_ref().map_or(&[][..], |it| &it.nonces);
    admit_rest(&plan, &known, &state, &survey, terminal, held, &search)?;
    prepare::doubt_missing(&mut plan, &survey);
    let changed = has_changed(&opened);
    if changed {
        session::note(&format!(
            "warning: `{}` has changed since this run began; resume goes on with the snapshot",
            opened.file
        ));
    }
    if has_agreed_to_all(&past, &session.by) {
        session.agreed_to_all();
    }
    let resumed = EventKind::RunResumed(RunResumed {
        survived: survived(&state, survivor.as_ref(), &past).to_owned(),
        operator,
        file_changed: changed,
    });
    let evidence = loop {
        let evidence = recover::evidence(&state, survivor.as_ref(), &records);
        let orphan = evidence
            .iter()
            .find(|it| matches!(it, Evidence::Orphaned { .. }));
        let Some(Evidence::Orphaned {
            step,
            nonce,
            processes,
        }) = orphan
        else {
            break evidence;
        };
        let asking = terminal.then_some((&mut lines, &signals));
        orphaned(&folder, step, nonce, processes, asking)?;
    };
    let begun = |wanted: &str| {
        let is_it =
            |it: &&Event| matches!(&it.kind, EventKind::StepStarting(it) if it.nonce == wanted);
        past.iter().rev().find(is_it).cloned()
    };
    let evidence: Vec<(Evidence, Option<Event>)> = evidence
        .into_iter()
        .map(|it| match &it {
            Evidence::Running { nonce, .. } => (begun(nonce), it),
            _ => (None, it),
        })
        .map(|(starting, it)| (it, starting))
        .collect();
    let now = Clock::from_environment().wall_ms();
    let pauses = recover::pauses(&state, &past, now);
    let stage = Stage {
        folder,
        lock,
        journal,
        survivor,
        survey,
        signals,
        past,
    };
    session::run(stage, plan, session, &args.watch, |engine| {
        let mut events: Vec<EventKind> = recovered.into_iter().collect();
        events.push(resumed);
        events.extend(adopted);
        events.extend(values.events);
        engine.record(events)?;
        for (evidence, starting) in evidence {
            match evidence {
                Evidence::Orphaned { .. } => {}
                Evidence::Running { step, nonce } => engine.attach(step, nonce, starting),
                Evidence::Tells(event) => engine.record(vec![event])?,
            }
        }
        decide(engine, &decisions)?;
        for (step, ms) in pauses {
            // Who says something of it does not want it to wait.
            if !decisions.contains_key(step.as_str()) {
                let left = crate::report::duration(Duration::from_millis(ms));
                session::note(&format!(
                    "step `{step}` is tried again in {left}; `--rerun {step}` does not wait"
                ));
                engine.wait_for(step, ms);
            }
        }
        Ok(())
    })
}

fn closed(folder: &RunFolder, closing: Closing) -> Failure {
    let how = match closing {
        Closing::Passed => "it passed",
        Closing::Failed => "after a failure",
        Closing::Left => "with steps left to run",
        Closing::Stopped => "after it was stopped",
    };
    Failure::usage(format!("run {} is closed: {how}", folder.run()))
        .hint(format!("`runbook show {}` tells how it went", folder.run()))
}

fn corrupt(because: &str) -> Failure {
    Failure::new(ExitCode::UNVERIFIED, format!("corrupt: {because}")).hint(
        "the record was changed after it was written: restore the folder from a backup, or begin a \
         new run",
    )
}

fn survivor(folder: &RunFolder) -> Result<Option<Survivor>, Failure> {
    Link::connect(folder)
        .and_then(recover::attach)
        .map_err(|error| {
            Failure::new(
                ExitCode::ENVIRONMENT,
                format!("cannot speak to the keeper of run {}", folder.run()),
            )
            .cause(error)
            .hint("it may be stopped (`kill -CONT` goes on), or belong to another user")
        })
}

// Whether this operator, and no other, answered "all" to the plan the last time it was asked.
// The files that gave secrets to this run, the last one first.
fn files_of_secrets(past: &[Event]) -> impl Iterator<Item = &str> {
    past.iter().rev().filter_map(|event| match &event.kind {
        EventKind::ValueGiven {
            value: None,
            source,
            ..
        } => source.strip_prefix("--inputs "),
        _ => None,
    })
}

fn has_agreed_to_all(past: &[Event], me: &str) -> bool {
    let answer = past.iter().rev().find_map(|event| match &event.kind {
        EventKind::OperatorDecided {
            step: None,
            decision,
            by,
            ..
        } => Some((decision, by)),
        _ => None,
    });
    answer.is_some_and(|(decision, by)| *decision == Decision::RunAll && by == me)
}

fn survived(state: &State, survivor: Option<&Survivor>, past: &[Event]) -> &'static str {
    let is_running = state
        .steps()
        .any(|(_, step)| matches!(step.phase, Phase::Running(_) | Phase::Serving(_)));
    let same_boot = past.last().is_some_and(|it| it.boot_id == clock::boot_id());
    match (survivor, same_boot) {
        (Some(it), _) if is_running && !it.nonces.is_empty() => "the keeper and its step",
        _ if !is_running => "nothing was running",
        (Some(_), _) => "the keeper",
        (None, true) => "the machine, not the keeper",
        (None, false) => "nothing: the machine was restarted",
    }
}

fn only_open(store: &StoreArgs) -> Result<RunFolder, Failure> {
    let path = store.path();
    let here = std::env::current_dir()
        .map(|it| it.display().to_string())
        .unwrap_or_default();
    let mut open = Vec::new();
    if path.exists() {
        for folder in StateDir::look(&path)?.folders() {
            let Ok(reading) = read_journal(&folder) else {
                continue;
            };
            let Ok(state) = reading.state() else { continue };
            if let (None, Some(opened)) = (state.closed(), state.opened()) {
                let is_here = opened.called_from == here || opened.cwd == here;
                open.push((folder, opened.title.clone(), is_here));
            }
        }
    }
    let from_here = open.iter().filter(|(_, _, is_here)| *is_here).count();
    if from_here == 1 {
        open.retain(|(_, _, is_here)| *is_here);
        return Ok(open.remove(0).0);
    }
    if from_here > 1 {
        open.retain(|(_, _, is_here)| *is_here);
    }
    let mut list = String::new();
    for (folder, title, _) in &open {
        let _ = write!(list, "\n  {}  {title}", folder.run());
    }
    Err(match (from_here, open.len()) {
        (_, 0) => Failure::usage(format!("no open run in `{}`", path.display())).hint(
            session::elsewhere(&path).unwrap_or_else(|| "`runbook history` shows the runs".into()),
        ),
        (0, _) => Failure::usage(format!("no open run was started from this folder{list}"))
            .hint("name one of these: `runbook resume RUN`"),
        _ => Failure::usage(format!(
            "several open runs were started from this folder:{list}"
        ))
        .hint("name one: `runbook resume RUN`"),
    })
}

// Reads the document anew, keeps it in the run's folder, and asks about each step that has run and is
// another now. `None` where the document is the snapshot.
fn adopt(
    folder: &RunFolder,
    state: &State,
    opened: &RunOpened,
    by: String,
    decisions: &mut Decisions,
    mut asking: Option<(&mut Lines, &Signals)>,
    config: &Config,
) -> Result<Option<EventKind>, Failure> {
    if opened.file == "-" {
        return Err(Failure::usage(
            "this run was read from standard input: nothing can be adopted",
        ));
    }
    let path = Path::new(&opened.file);
    let bytes = read_document(path)?;
    let snapshot = Hash::of(&bytes).hex();
    if snapshot == opened.snapshot {
        session::note("the document has not changed; there is nothing to adopt");
        return Ok(None);
    }
    let text = text_of(path, &bytes)?;
    let prepared = prepare::prepare(path, text, &opened.request, config)?;
    let is_given = |name: &str| opened.inputs.iter().any(|it| it.name == name);
    let mut inputs = prepared.runbook.inputs.iter();
    if let Some(input) = inputs.find(|it| it.required && !it.is_secret() && !is_given(&it.name)) {
        let message = format!("the document now needs an input `{}`", input.name);
        return Err(Failure::usage(message).hint("begin a new run, where it can be given"));
    }
    let title = prepared.runbook.title.clone();
    let cwd = PathBuf::from(&opened.cwd);
    let request = opened.request.clone();
    let plan = prepare::plan(prepared, text, request, opened.file.clone(), cwd, config);
    let steps = plan.planned();
    let mut undecided = Vec::new();
    for planned in &steps {
        let Some((before, step)) = state.step(&planned.id) else {
            continue;
        };
        if before.is_like(planned) || !step.is_over() {
            continue;
        }
        let name = planned.id.to_string();
        match (decisions.get(&name), &mut asking) {
            (Some(Decision::Done), _) => drop(decisions.remove(&name)),
            (Some(_), _) => {}
            (None, Some((lines, signals))) => {
                let question = format!(
                    "Step `{name}` has run, and is another now. [k]eep · [r]un again · [q]uit > "
                );
                match prompt::ask(&question, lines, signals).as_deref() {
                    Some("k" | "keep") => {}
                    Some("r" | "run") => drop(decisions.insert(name, Decision::Rerun)),
                    _ => return Err(Failure::new(ExitCode::STOPPED, "nothing was adopted")),
                }
            }
            (None, None) => undecided.push(name),
        }
    }
    if let Some(first) = undecided.first() {
        let message = format!(
            "steps that have run are others now: {}; nothing was adopted",
            undecided.join(", ")
        );
        return Err(Failure::usage(message).hint(format!(
            "decide about each: --decide {first}=done keeps it, --rerun {first} runs it again"
        )));
    }
    let adopted = |file: String| {
        EventKind::RunbookAdopted(Box::new(RunbookAdopted {
            file,
            snapshot,
            title,
            steps,
            left_out: plan.left_out,
            by,
        }))
    };
    let mut number = 2;
    while folder.path().join(format!("runbook.{number}.md")).exists() {
        number += 1;
    }
    let file = format!("runbook.{number}.md");
    let event = adopted(file.clone());
    if state.check(std::slice::from_ref(&event)).is_ok() {
        folder.keep(&folder.path().join(&file), &bytes)?;
    }
    Ok(Some(event))
}

// Resume runs the snapshot. Where this program reads it otherwise than the one that opened the run,
// it must not go on as if nothing were.
fn plan(path: &Path, opened: &RunOpened, config: &Config) -> Result<Plan, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(
            ExitCode::ENVIRONMENT,
            format!("cannot read `{}`", path.display()),
        )
        .cause(error)
    })?;
    if Hash::of(&bytes).hex() != opened.snapshot {
        let message = format!(
            "mismatch: `{}` is not the document that was run",
            path.display()
        );
        return Err(Failure::new(ExitCode::UNVERIFIED, message)
            .hint("restore the folder from a backup, or begin a new run"));
    }
    let text = decode(&bytes).map_err(|error| Failure::usage(error.to_string()))?;
    let (runbook, _) = config.resolve(&outline(text), &document_name(&opened.file));
    let mut selected = Vec::new();
    for planned in &opened.steps {
        selected.extend(runbook.steps.iter().position(|it| it.id == planned.id));
    }
    let plan = Plan {
        runbook,
        source: text.to_owned(),
        selected,
        left_out: opened.left_out.clone(),
        inputs: opened.inputs.clone(),
        request: opened.request.clone(),
        run: opened.run.clone(),
        document: name_of(&opened.file),
        cwd: PathBuf::from(&opened.cwd),
        knowledge: Arc::new(config.knowledge.clone()),
    };
    if plan.planned() != opened.steps {
        return Err(Failure::usage(
            "this version of runbook reads the document otherwise than the one that began the run",
        )
        .hint(
            "resume with the version that `runbook show` names, and with the rows that \
             `[commands]` of the configuration had then; or begin a new run",
        ));
    }
    Ok(plan)
}

// An input that held a secret is recorded with a hole in it.
fn fill_inputs(plan: &mut Plan, session: &Session) -> Result<(), Failure> {
    for input in &mut plan.inputs {
        input.value = session.filled(&input.value).map_err(|lost| {
            Failure::usage(format!("input `{}` is lost", input.name))
                .cause(lost)
                .hint("begin a new run")
        })?;
    }
    Ok(())
}

fn document_name(file: &str) -> String {
    super::document::name_of(Path::new(file))
}

fn name_of(file: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    Path::new(file)
        .strip_prefix(&here)
        .map_or_else(|_| file.to_owned(), |it| it.display().to_string())
}

fn to_do(plan: &Plan, state: &State) -> Vec<usize> {
    let is_done = |id: &StepId| {
        state.step(id).is_some_and(|(_, step)| {
            matches!(
                step.phase,
                Phase::Finished(Verdict::Ok | Verdict::Skipped | Verdict::OperatorAsserted)
            )
        })
    };
    let steps = &plan.runbook.steps;
    plan.selected
        .iter()
        .copied()
        .filter(|at| !is_done(&steps[*at].id))
        .collect()
}

// What is still to run must be allowed now, by the person who resumes: on another terminal, or on
// none, the answers of the first session count as far as they were flags.
fn admit_rest(
    plan: &Plan,
    known: &Known,
    state: &State,
    survey: &crate::target::Survey,
    terminal: bool,
    held: &[String],
    search: &std::ffi::OsString,
) -> Result<(), Failure> {
    let mut rest = plan.clone();
    rest.selected = to_do(plan, state);
    // What waits at its terminal already goes on waiting where nobody is.
    rest.selected.retain(|at| {
        let step = &plan.runbook.steps[*at];
        let is_held = state.step(&step.id).is_some_and(|(_, it)| match &it.phase {
            Phase::Running(starting) => held.contains(&starting.nonce),
            _ => false,
        });
        !(is_held && step.wants_terminal())
    });
    // What a person wrote instead is no longer in doubt for what stood there before.
    for step in &mut rest.runbook.steps {
        let edited = state
            .step(&step.id)
            .and_then(|(_, it)| it.edited.as_deref());
        if let Some(body) = edited {
            *step = plan.as_edited(step, body);
        }
    }
    if rest.selected.is_empty() {
        return Ok(());
    }
    admit(&rest, known, survey, terminal, search)
}

fn has_changed(opened: &RunOpened) -> bool {
    opened.file != "-"
        && std::fs::read(&opened.file).is_ok_and(|it| Hash::of(&it).hex() != opened.snapshot)
}

type Decisions = BTreeMap<String, Decision>;

fn decisions(args: &ResumeArgs) -> Result<Decisions, Failure> {
    let mut decisions = Decisions::new();
    for step in &args.rerun {
        decisions.insert(step.clone(), Decision::Rerun);
    }
    for text in &args.decide {
        let (step, what) = text.split_once('=').unwrap_or((text, ""));
        let decision = match what {
            "done" => Decision::Done,
            "rerun" => Decision::Rerun,
            "skip" => Decision::Skip,
            _ => {
                return Err(
                    Failure::usage(format!("`--decide {text}` decides nothing")).hint(format!(
                        "write --decide {step}=done, {step}=rerun or {step}=skip"
                    )),
                );
            }
        };
        decisions.insert(step.to_owned(), decision);
    }
    Ok(decisions)
}

fn are_there(state: &State, decisions: &Decisions) -> Result<(), Failure> {
    for name in decisions.keys() {
        if StepId::new(name).is_none_or(|id| state.step(&id).is_none()) {
            return Err(Failure::usage(format!("the run has no step `{name}`"))
                .hint("`runbook show` lists its steps"));
        }
    }
    Ok(())
}

fn decide(engine: &mut Engine<'_>, decisions: &Decisions) -> Result<(), Failure> {
    let by = machine::by(&machine::operator(false));
    for (name, decision) in decisions {
        let Some(step) = StepId::new(name) else {
            continue;
        };
        let question = match decision {
            Decision::Rerun => "run it again?",
            _ => "what became of it?",
        };
        let mut events = vec![EventKind::OperatorDecided {
            step: Some(step.clone()),
            question: question.to_owned(),
            decision: decision.clone(),
            by: by.clone(),
        }];
        let finished = match decision {
            Decision::Done => Some((
                Verdict::OperatorAsserted,
                Some(format!("{by} says that it is done")),
            )),
            Decision::Skip => Some((Verdict::Skipped, Some(format!("{by} decided so")))),
            _ => None,
        };
        if let Some((verdict, because)) = finished {
            events.push(EventKind::StepFinished {
                step: step.clone(),
                verdict,
                because,
            });
        }
        let state = engine.journal().state().step(&step);
        let may_run_again = state.is_some_and(|(_, it)| {
            let has_ended = matches!(it.phase, Phase::Finished(_) | Phase::Unknown { .. });
            has_ended || it.is_tried_again()
        });
        if *decision == Decision::Rerun && !may_run_again {
            return Err(
                Failure::usage(format!("step `{step}` cannot run again: it has not run"))
                    .hint("`runbook show` tells where it is"),
            );
        }
        if let Err(error) = engine.journal().state().check(&events) {
            return Err(
                Failure::usage(format!("nothing can be decided about step `{step}` so"))
                    .cause(error)
                    .hint("`runbook show` tells where it is"),
            );
        }
        engine.record(events)?;
    }
    Ok(())
}

fn orphaned(
    folder: &RunFolder,
    step: &StepId,
    nonce: &str,
    processes: &[Process],
    asking: Option<(&mut Lines, &Signals)>,
) -> Result<(), Failure> {
    let list: Vec<String> = processes
        .iter()
        .map(|it| format!("{} {}", it.pid, it.name))
        .collect();
    let list = list.join(", ");
    let Some((lines, signals)) = asking else {
        return Err(Failure::new(
            ExitCode::UNKNOWN,
            format!("step `{step}` lost its keeper, and goes on by itself: {list}"),
        )
        .hint(format!(
            "wait until they have ended, or end them with `kill`; then `runbook resume {}`. \
             Nothing was started",
            folder.run()
        )));
    };
    session::note(&format!(
        "step `{step}` lost its keeper, and goes on by itself: {list}"
    ));
    let left = || -> Vec<Process> {
        let known = processes.iter().filter(|it| {
            process::look(it.pid)
                .is_some_and(|now| now.start_time == it.start_time && now.state != b'Z')
        });
        let mut left: Vec<Process> = known.cloned().collect();
        for it in process::of_attempt(nonce) {
            if !left.iter().any(|known| known.pid == it.pid) {
                left.push(it);
            }
        }
        left
    };
    loop {
        match prompt::ask("[w]ait for them · [k]ill them · [q]uit > ", lines, signals).as_deref()
        {
            Some("w" | "wait") => {
                session::note("waiting; Ctrl-C leaves them alone");
                while !left().is_empty() {
                    if signals.wait(Duration::from_millis(200)) {
                        return Err(left_alone(folder));
                    }
                }
                return Ok(());
            }
            Some("k" | "kill") => {
                for it in left() {
                    if let Err(error) = process::kill(it.pid) {
                        session::note(&format!("cannot kill {} {}: {error}", it.pid, it.name));
                    }
                }
                // They die at once, or never.
                for _ in 0..50 {
                    if left().is_empty() {
                        return Ok(());
                    }
                    if signals.wait(Duration::from_millis(20)) {
                        return Err(left_alone(folder));
                    }
                }
            }
            Some("q" | "quit") | None => return Err(left_alone(folder)),
            Some(_) => {}
        }
    }
}

fn left_alone(folder: &RunFolder) -> Failure {
    Failure::new(ExitCode::UNKNOWN, "left alone, as you asked").hint(format!(
        "`runbook resume {}` when they have ended",
        folder.run()
    ))
}
