//! `runbook run`.

use std::path::Path;

use clap::Args;

use crate::engine::decide::Session;
use crate::engine::{Signals, block_signals};
use crate::event::{Before, EventKind, Request, RunOpened};
use crate::host::clock::Clock;
use crate::host::{fault, machine};
use crate::model::Kind;
use crate::plan::{Known, Plan};
use crate::store::Hash;
use crate::store::folder::RunFolder;
use crate::store::lock::Lock;
use crate::store::state_dir::StateDir;

use super::choose;
use super::config::Config;
use super::document::{read_document, shown, text_of};
use super::exit::ExitCode;
use super::failure::Failure;
use super::forms;
use super::inputs::{self, Given};
use super::pages;
use super::prepare::{self, admit, start_folder};
use super::prompt::Lines;
use super::select::SelectArgs;
use super::session::{self, FlowArgs, Stage, StoreArgs, WatchArgs};

/// Arguments of `runbook run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    flow: FlowArgs,
    /// Why: kept in the journal and the transcript
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    later: Later,
}

// Options that the manual names and this version does not perform: refused, never ignored.
#[derive(Debug, Args)]
struct Later {
    #[arg(long, hide = true)]
    dry_run: bool,
    #[arg(long, hide = true, value_name = "TARGET=…")]
    on: Vec<String>,
    #[arg(long, hide = true, value_name = "FORMAT=FILE")]
    report: Vec<String>,
}

impl Later {
    fn first(&self) -> Option<&'static str> {
        [
            (self.dry_run, "--dry-run"),
            (!self.on.is_empty(), "--on"),
            (!self.report.is_empty(), "--report"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }
}

/// Runs it.
///
/// # Errors
/// Whatever keeps the run from beginning, or a promise from being kept.
pub fn run(args: RunArgs) -> Result<ExitCode, Failure> {
    fault::role("engine");
    if let Some(option) = args.later.first() {
        return Err(Failure::usage(format!("`{option}` is not in this version")));
    }
    let here = std::env::current_dir().map_err(|error| {
        Failure::new(ExitCode::ENVIRONMENT, "the current folder is gone").cause(error)
    })?;
    let is_stdin = args.select.file.as_os_str() == "-";
    let terminal = session::is_terminal() && !is_stdin && !args.watch.json;
    // Before signals wait their turn: a document that never ends must not hold anybody.
    let bytes = read_document(&args.select.file)?;
    let signals = block_signals()
        .map_err(|error| Failure::new(ExitCode::ENVIRONMENT, "cannot read signals").cause(error))?;
    let document = shown(&args.select.file);
    let text = text_of(&args.select.file, &bytes)?;
    let mut request = request(&args);
    let config = Config::load()?;
    let given = Given::new(&args.select.set, &args.select.inputs)?;
    let runbook = prepare::resolve(&args.select.file, text, &config)?;
    let mut lines = Lines::default();
    if terminal && is_open(&request) {
        request.sections = choose::sections(&runbook, &document, &mut lines, &signals)?;
    }
    let prepared = prepare::choose(runbook, &request)?;
    request.sections.clone_from(&prepared.selection.sections);
    let path = (!is_stdin).then_some(args.select.file.as_path());
    let cwd = start_folder(
        &prepared.runbook,
        path,
        args.select.directory.as_deref(),
        &here,
    );
    let search = std::env::var_os("PATH").unwrap_or_default();
    let survey = prepare::survey(
        &prepared.runbook,
        &prepared.selection.steps,
        &config,
        &search,
    );
    let mut plan = prepare::plan(prepared, text, request, document, cwd, &config);
    let by = machine::by(&machine::operator(terminal));
    let mut session = Session::new(by, terminal, args.watch.on_term());
    session.follow(&plan.request);
    let mut values = inputs::placeholders(&plan, &given, &session.by, |_| false)?;
    if terminal {
        forms::fill(&plan, &mut values, &session.by, &mut lines, &signals)?;
    }
    let mut known = Known::default();
    values.tell(&plan, &mut session, &mut known);
    prepare::look_for_files(&plan, &mut known);
    admit(&plan, &known, &survey, terminal, &search)?;
    prepare::doubt_missing(&mut plan, &survey);
    let asking = terminal.then_some((&mut lines, &signals));
    let base = path.and_then(Path::parent);
    let base = base.map_or_else(|| here.clone(), |it| here.join(it));
    let (inputs, mut secrets) = inputs::declared(&plan, &given, &base, &session.by, asking)?;
    plan.inputs = inputs;
    secrets.tell(&plan, &mut session, &mut known);
    values.events.append(&mut secrets.events);
    prepare::admit_templates(&plan, &known, &session)?;
    let mut page = pages::template(&plan.runbook, &base)?;
    if let Some(page) = &mut page {
        session.texts().clean(page);
    }
    let versions = versions(&survey);
    let opening = Opening {
        args: &args,
        here: &here,
        versions,
        session,
        given: values.events,
        bytes: &bytes,
        page,
    };
    open(opening, plan, survey, signals)
}

struct Opening<'a> {
    args: &'a RunArgs,
    here: &'a Path,
    versions: Vec<(String, String)>,
    session: Session,
    given: Vec<EventKind>,
    bytes: &'a [u8],
    // The template of the transcript.
    page: Option<String>,
}

fn open(
    opening: Opening<'_>,
    mut plan: Plan,
    survey: crate::target::Survey,
    signals: Signals,
) -> Result<ExitCode, Failure> {
    let Opening {
        args,
        here,
        versions,
        session,
        given,
        bytes,
        page,
    } = opening;
    let clock = Clock::from_environment();
    let state = StateDir::open(&args.store.path())?;
    let file = session::path_of(here, &args.select.file);
    let before = before(&state, &file);
    let run = machine::ulid(clock.wall_ms());
    plan.run.clone_from(&run);
    if signals.was_interrupted() {
        let message = "interrupted before a run was opened";
        return Err(Failure::new(ExitCode::INTERRUPTED, message));
    }
    let folder = RunFolder::create(&state.runs(), &run, state.is_shared(), bytes)?;
    let lock = Lock::take(&folder, &session::holder())?;
    if let Some(page) = page {
        folder.keep(&folder.page_template(), page.as_bytes())?;
    }
    let path = folder.path().to_owned();
    let journal = session::new_journal(&folder)?;
    let operator = machine::operator(session.terminal);
    let environment = session::environment();
    let opened = Box::new(RunOpened {
        run,
        title: plan.runbook.title.clone(),
        file,
        snapshot: Hash::of(bytes).hex(),
        declared: plan.runbook.kind == Kind::Declared,
        versions,
        operator,
        reason: args.reason.clone().map(|mut reason| {
            session.texts().clean(&mut reason);
            reason
        }),
        cwd: plan.cwd.display().to_string(),
        called_from: here.display().to_string(),
        request: plan.request.clone(),
        inputs: plan.inputs.clone(),
        steps: plan.planned(),
        left_out: plan.left_out.clone(),
        environment: environment.keys().cloned().collect(),
        before,
    });
    let stage = Stage {
        folder,
        lock,
        journal,
        survivor: None,
        survey,
        signals,
        past: Vec::new(),
    };
    if !args.watch.json {
        session::show_plan(&opened, args.watch.verbose)?;
    }
    let mut events = vec![EventKind::RunOpened(opened)];
    events.extend(given);
    session::run(stage, plan, session, &args.watch, |engine| {
        engine.record(events).map_err(|error| {
            // Nothing half-written stays: the run was never opened.
            let _ = std::fs::remove_dir_all(&path);
            let mut failure = Failure::from(error);
            failure.hint = Some("no run was opened; free some space, or see --state-dir".into());
            failure
        })
    })
}

fn request(args: &RunArgs) -> Request {
    Request {
        on_failure: args.flow.on_failure(),
        jobs: args.flow.jobs,
        ..args.select.request()
    }
}

// Whether nothing says which part of the document is meant.
fn is_open(request: &Request) -> bool {
    let Request {
        sections,
        only,
        from,
        to,
        tags,
        ..
    } = request;
    sections.is_empty() && only.is_empty() && from.is_none() && to.is_none() && tags.is_empty()
}

fn versions(survey: &crate::target::Survey) -> Vec<(String, String)> {
    let mut versions = vec![("runbook".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    versions.extend(survey.interpreters().iter().map(|it| it.version()));
    versions
}

// The run of the same document before this one: a hint.
fn before(state: &StateDir, file: &str) -> Option<Before> {
    let (folder, reading) = session::last_run_of(state, file)?;
    Some(Before {
        run: folder.run().to_owned(),
        head: reading.head.hex(),
    })
}
