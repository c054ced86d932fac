//! `runbook plan`: what a run would do, and what differs from the last one. Reads files; executes
//! nothing, asks nobody, and writes nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::engine::decide::{OnTerm, Session};
use crate::event::EventKind;
use crate::host::replace::{Audience, Wanted, look};
use crate::host::{accounts, machine};
use crate::model::{FileChange, Kind, Step, StepId};
use crate::plan::outlook::{Before, Given, Outlook, Seen};
use crate::plan::{Known, Plan};
use crate::redact::Texts;
use crate::report::RunSummary;
use crate::report::outlook::{markdown, outlook};
use crate::store::state_dir::StateDir;
use crate::target::file::secret_lines;

use super::config::Config;
use super::document::{read_document, shown, text_of};
use super::exit::ExitCode;
use super::failure::Failure;
use super::inputs;
use super::prepare::{self, start_folder};
use super::print;
use super::select::SelectArgs;
use super::session::{self, StoreArgs};

/// Arguments of `runbook plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    select: SelectArgs,
    /// Show the text of all steps, and diffs whole
    #[arg(short, long)]
    verbose: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// In Markdown, for a pull request
    #[arg(long = "as", value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    /// End with 5 where a file would be written, or something differs from the last run
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// How a plan is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Markdown
    Markdown,
}

/// Shows it.
///
/// # Errors
/// Where the document has errors, or what is asked for is not there.
pub fn run(args: &PlanArgs) -> Result<ExitCode, Failure> {
    let (outlook, _) = foresee(&args.select, &args.store)?;
    if args.json {
        let text = serde_json::to_string_pretty(&outlook).map_err(|error| {
            Failure::new(ExitCode::BUG, "cannot tell this in JSON").cause(error)
        })?;
        print::out(&format!("{text}\n"))?;
    } else {
        print::out(&told(&outlook, args.format, args.verbose))?;
    }
    if args.detailed_exitcode && outlook.differs {
        return Ok(ExitCode::CHANGES);
    }
    Ok(ExitCode::PASSED)
}

fn told(found: &Outlook, format: Option<Format>, verbose: bool) -> String {
    let mut text = Vec::new();
    let look = session::look(verbose);
    // Infallible: writing to memory.
    let _ = match format {
        Some(Format::Markdown) => markdown::markdown(&mut text, found),
        None => outlook(&mut text, &look, found),
    };
    String::from_utf8_lossy(&text).into_owned()
}

/// Returns what a run would do, with its secrets masked; and its plan.
///
/// # Errors
/// As for [`run`].
pub fn foresee(select: &SelectArgs, store: &StoreArgs) -> Result<(Outlook, Plan), Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::new(ExitCode::ENVIRONMENT, "the current folder is gone").cause(error)
    })?;
    let bytes = read_document(&select.file)?;
    let text = text_of(&select.file, &bytes)?;
    let mut request = select.request();
    let config = Config::load()?;
    let given = inputs::Given::new(&select.set, &select.inputs)?;
    let runbook = prepare::resolve(&select.file, text, &config)?;
    let prepared = prepare::choose(runbook, &request)?;
    request.sections.clone_from(&prepared.selection.sections);
    let path = (select.file.as_os_str() != "-").then_some(select.file.as_path());
    let cwd = start_folder(&prepared.runbook, path, select.directory.as_deref(), &here);
    let search = std::env::var_os("PATH").unwrap_or_default();
    let chosen = &prepared.selection.steps;
    let survey = prepare::glance(&prepared.runbook, chosen, &config, &search);
    let mut plan = prepare::plan(prepared, text, request, shown(&select.file), cwd, &config);
    let mut session = Session::new(machine::by(&machine::operator(false)), false, OnTerm::Stop);
    let mut known = Known::default();
    let mut values = inputs::placeholders(&plan, &given, &session.by, |_| false)?;
    let mut events = values.events.clone();
    values.tell(&plan, &mut session, &mut known);
    prepare::look_for_files(&plan, &mut known);
    prepare::doubt_missing(&mut plan, &survey);
    let mut wrong = Vec::new();
    if plan.runbook.kind == Kind::Declared {
        let base = path.and_then(Path::parent);
        let base = base.map_or_else(|| here.clone(), |it| here.join(it));
        let (plain, mut secrets, lack) = inputs::at_hand(&plan, &given, &base, &session.by)?;
        wrong = lack.wrong.iter().map(one_line).collect();
        plan.inputs = plain;
        events.extend(secrets.events.iter().cloned());
        secrets.tell(&plan, &mut session, &mut known);
    }
    let inputs = given_to(&plan, &events);
    let files = files(&plan, &known, &session, &inputs);
    let mut lacks = prepare::lacking(&plan, &survey, &search, false);
    if !plan.cwd.is_dir() {
        lacks.push(format!("the start folder `{}`", plan.cwd.display()));
    }
    let seen = Seen {
        inputs,
        wrong,
        files,
        lacks,
        last: last(store, &session::path_of(&here, &select.file)),
    };
    let outlook = plan.outlook(&known, seen);
    Ok((masked(outlook, session.texts())?, plan))
}

fn one_line(failure: &Failure) -> String {
    let mut text = failure.message.clone();
    for cause in &failure.causes {
        text.push_str(": ");
        text.push_str(cause);
    }
    text
}

// What the plan has of what it waits for.
fn given_to(plan: &Plan, events: &[EventKind]) -> Vec<Given> {
    let given = |name: &str| {
        events.iter().find_map(|it| match it {
            EventKind::ValueGiven {
                name: of,
                value,
                source,
                ..
            } if of == name => Some((value.clone(), source.clone())),
            _ => None,
        })
    };
    let mut all = Vec::new();
    for input in &plan.runbook.inputs {
        let plain = plan.inputs.iter().find(|it| it.name == input.name);
        let found = plain
            .map(|it| (Some(it.value.clone()), it.source.clone()))
            .or_else(|| given(&input.name));
        let (value, source) = found.map_or((None, None), |it| (it.0, Some(it.1)));
        all.push(Given {
            name: input.name.clone(),
            value,
            source,
            secret: input.is_secret(),
            required: input.required,
            description: input.description.clone(),
        });
    }
    if plan.runbook.kind == Kind::Declared {
        return all;
    }
    let waits: BTreeSet<&str> = plan
        .steps()
        .flat_map(|it| &it.circumstances.placeholders)
        .map(|it| it.name.as_str())
        .collect();
    for (place, line) in plan.placeholders() {
        let found = given(&place.name);
        if !waits.contains(place.name.as_str()) {
            continue;
        }
        let (value, source) = found.map_or((None, None), |it| (it.0, Some(it.1)));
        all.push(Given {
            name: place.name.clone(),
            value,
            source,
            secret: place.secret,
            required: true,
            description: Some(format!("`{}`, line {line}", place.text)),
        });
    }
    all
}

type Files = BTreeMap<StepId, Result<FileChange, String>>;

// What becomes of the files that steps write, as the disk is now.
fn files(plan: &Plan, known: &Known, session: &Session, inputs: &[Given]) -> Files {
    let mut found = Files::new();
    let mut written: BTreeMap<PathBuf, &StepId> = BTreeMap::new();
    for step in plan.steps().filter(|it| it.settings.file.is_some()) {
        let one = file(plan, step, known, session, inputs).and_then(|(path, change)| match written
            .insert(path, &step.id)
        {
            Some(before) => Err(format!("known after step {before}, which writes it too")),
            None => Ok(change),
        });
        found.insert(step.id.clone(), one);
    }
    found
}

fn file(
    plan: &Plan,
    step: &Step,
    known: &Known,
    session: &Session,
    inputs: &[Given],
) -> Result<(PathBuf, FileChange), String> {
    let told = |it: crate::render::Unfit| {
        let body = plan.command(step).map_or("", |it| it.1);
        let waits = |it: &&Given| it.source.is_none() && body.contains(&it.name);
        match inputs.iter().find(waits) {
            Some(missing) => format!("known once `{}` has a value", missing.name),
            None => it.because,
        }
    };
    if plan.waits_for_values(step) {
        return Err("known after the steps that give its values".to_owned());
    }
    let file = match plan.file(step, known) {
        None => return Err("it writes none".to_owned()),
        Some(file) => file.map_err(told)?,
    };
    let path = Path::new(&file.path);
    if path.is_relative()
        && step.settings.cwd.is_none()
        && let Some(before) = plan.moved_before(step)
    {
        return Err(format!(
            "known after step {}: it may leave the folder",
            before.id
        ));
    }
    let exposed = |name: &str| {
        let secret = session.secrets().get(name);
        secret.map(|it| it.expose().to_owned())
    };
    let body = plan.content(step, known, &exposed).map_err(told)?;
    let lines = secret_lines(&body, session.texts());
    let owner = file.owner.clone().unwrap_or_default();
    let (uid, gid) = accounts::ids(&owner).unwrap_or_default();
    let wanted = Wanted {
        content: body.as_bytes(),
        mode: file.mode,
        uid,
        gid,
        parents: file.parents,
        secret_lines: &lines,
    };
    let folder = match &step.settings.cwd {
        Some(cwd) => plan.cwd.join(cwd),
        None => plan.cwd.clone(),
    };
    let found = look(&folder, path, file.links, &wanted).map_err(|refusal| {
        let source = std::error::Error::source(&refusal).map(|it| format!(": {it}"));
        format!("{refusal}{}", source.unwrap_or_default())
    })?;
    let beside = || format!("{}.before-RUN", found.path().display());
    let beside = file.backup.then(beside);
    let mut change = found.change(&wanted, beside.as_deref(), Audience::Anybody);
    // What stands on the disk may hold what nobody declared.
    let mut redactor = session.texts().stream();
    let mut diff = Vec::new();
    redactor.feed(change.diff.as_bytes(), &mut diff);
    redactor.finish(&mut diff);
    change.diff = String::from_utf8_lossy(&diff).into_owned();
    Ok((found.path(), change))
}

// The last run of the document, if its record can be read.
fn last(store: &StoreArgs, file: &str) -> Option<Before> {
    let path = store.path();
    let state = StateDir::look(&path).ok()?;
    let (_, reading) = session::last_run_of(&state, file)?;
    let summary = RunSummary::of(&reading.events)?;
    let mut found: Option<Before> = None;
    for event in &reading.events {
        match (&event.kind, &mut found) {
            (EventKind::RunOpened(opened), _) => {
                let result = serde_json::to_value(summary.result).ok();
                let result = result.as_ref().and_then(Value::as_str).unwrap_or_default();
                found = Some(Before {
                    run: opened.run.clone(),
                    opened: summary.opened.clone(),
                    result: result.to_owned(),
                    folder: opened.cwd.clone(),
                    inputs: opened.inputs.clone(),
                    steps: opened.steps.clone(),
                    left_out: opened.left_out.clone(),
                });
            }
            (EventKind::RunbookAdopted(adopted), Some(before)) => {
                before.steps.clone_from(&adopted.steps);
                before.left_out.clone_from(&adopted.left_out);
            }
            _ => {}
        }
    }
    found
}

// Every text of it, whatever is added to it one day.
fn masked(outlook: Outlook, texts: &Texts) -> Result<Outlook, Failure> {
    if texts.secrets().is_empty() {
        return Ok(outlook);
    }
    let fault = |error| Failure::new(ExitCode::BUG, "cannot mask what is to be told").cause(error);
    let mut value = serde_json::to_value(outlook).map_err(fault)?;
    clean(&mut value, texts);
    serde_json::from_value(value).map_err(fault)
}

fn clean(value: &mut Value, texts: &Texts) {
    match value {
        Value::String(text) => texts.clean(text),
        Value::Array(all) => all.iter_mut().for_each(|it| clean(it, texts)),
        Value::Object(all) => all.values_mut().for_each(|it| clean(it, texts)),
        _ => {}
    }
}
