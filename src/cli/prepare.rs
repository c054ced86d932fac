//! From a document to a plan: read, resolve, choose, fill in, and refuse before step one.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::decide::Session;
use crate::event::Request;
use crate::host::files::existing;
use crate::host::{accounts, command};
use crate::model::{Doubt, Kind, Language, Runbook, Severity, Task};
use crate::plan::{Known, Plan, refusals};
use crate::report::diagnostic::Shown as Told;
use crate::resolve::select::{Selection, select};
use crate::target::{BASH, POWERSHELL, Survey};

use super::config::Config;
use super::document::{name_of, shown};
use super::exit::ExitCode;
use super::failure::Failure;
use super::print;

/// A document that may run.
pub struct Prepared {
    /// Its runbook.
    pub runbook: Runbook,
    /// What the request chooses.
    pub selection: Selection,
}

/// Resolves `text` and chooses its steps.
///
/// # Errors
/// Where the document has errors, or the request names what is not there.
pub fn prepare(
    path: &Path,
    text: &str,
    request: &Request,
    config: &Config,
) -> Result<Prepared, Failure> {
    choose(resolve(path, text, config)?, request)
}

/// Chooses the steps of `runbook` that `request` means.
///
/// # Errors
/// Where the request names what is not there.
pub fn choose(runbook: Runbook, request: &Request) -> Result<Prepared, Failure> {
    let selection = select(&runbook, request)?;
    Ok(Prepared { runbook, selection })
}

/// Resolves `text`, and tells what is doubtful in it.
///
/// # Errors
/// Where the document has errors.
pub fn resolve(path: &Path, text: &str, config: &Config) -> Result<Runbook, Failure> {
    let (runbook, diagnostics) = config.resolve(&config.outline(text), &name_of(path));
    let name = shown(path);
    let width = crate::engine::terminal_width().unwrap_or(100);
    let mut told = Told::new(text, &name, width);
    for it in diagnostics
        .iter()
        .filter(|it| it.severity <= Severity::Warning)
    {
        print::note(told.show(it));
    }
    let errors = diagnostics
        .iter()
        .filter(|it| it.severity == Severity::Error)
        .count();
    if errors > 0 {
        let what = if errors == 1 {
            "an error".to_owned()
        } else {
            format!("{errors} errors")
        };
        return Err(Failure::usage(format!(
            "`{name}` has {what}; nothing was run"
        )));
    }
    Ok(runbook)
}

/// Refuses what may not begin: with every reason at once.
///
/// # Errors
/// [`ExitCode::USAGE`] where nothing may run, [`ExitCode::ENVIRONMENT`] where something is missing
/// on this machine.
pub fn admit(
    plan: &Plan,
    known: &Known,
    survey: &Survey,
    terminal: bool,
    path: &OsString,
) -> Result<(), Failure> {
    let found = refusals(plan, known, terminal);
    if !found.is_empty() {
        let mut message = "nothing was run:".to_owned();
        let mut ways: Vec<String> = Vec::new();
        for refusal in &found {
            let step = refusal.step.and_then(|index| plan.runbook.steps.get(index));
            if let Some(step) = step {
                let _ = write!(
                    message,
                    "\n  {}:{}: step `{}`: {}",
                    plan.document, step.line, step.id, refusal.because
                );
            } else {
                message = format!("{} in `{}`", refusal.because, plan.document);
            }
            if !ways.contains(&refusal.way_out) {
                ways.push(refusal.way_out.clone());
            }
        }
        return Err(Failure::usage(message).hint(ways.join("; or ")));
    }
    let missing = lacking(plan, survey, path, terminal);
    if !missing.is_empty() {
        let message = format!("this machine lacks:\n  {}", missing.join("\n  "));
        return Err(Failure::new(ExitCode::ENVIRONMENT, message)
            .hint("put it there, or leave the steps out with --skip"));
    }
    admit_users(plan, survey)?;
    if !plan.cwd.is_dir() {
        let message = format!("the start folder `{}` is not there", plan.cwd.display());
        return Err(
            Failure::new(ExitCode::ENVIRONMENT, message).hint("make it, or name another with -C")
        );
    }
    Ok(())
}

/// Returns what the selected steps need and this machine has not, a line each.
pub fn lacking(plan: &Plan, survey: &Survey, path: &OsString, terminal: bool) -> Vec<String> {
    let mut missing = Vec::new();
    // A person who walks a plain document skips what cannot run here.
    let walks = terminal && plan.runbook.kind == Kind::Plain;
    for (language, programs) in survey.missing().filter(|_| !walks) {
        let steps: Vec<String> = plan
            .steps()
            .filter(|it| it.settings.file.is_none())
            .filter(|it| matches!(it.task, Task::Command { language: of, .. } if of == language))
            .filter(|it| it.settings.with.is_none())
            .map(|it| format!("`{}` (line {})", it.id, it.line))
            .collect();
        missing.push(format!(
            "{} for {}",
            programs.join(" or "),
            steps.join(", ")
        ));
    }
    for step in plan.steps() {
        if let Some(with) = &step.settings.with
            && let Some(Err(program)) = survey.own(&with.name)
        {
            missing.push(format!(
                "{program}, interpreter `{}` of `{}` (line {})",
                with.name, step.id, step.line
            ));
        }
    }
    for program in &plan.runbook.requires {
        if command::find(program, path).is_none() {
            missing.push(format!("{program}, which the runbook requires"));
        }
    }
    for step in plan.steps() {
        let owner = step.settings.file.as_ref().and_then(|it| it.owner.as_ref());
        if let Some(Err(unknown)) = owner.map(accounts::ids) {
            missing.push(format!("{unknown} for `{}` (line {})", step.id, step.line));
        }
        if let Some(user) = step.settings.user.as_deref()
            && survey.user(user).is_none()
        {
            missing.push(format!(
                "user `{user}` for `{}` (line {})",
                step.id, step.line
            ));
        }
    }
    missing
}

/// Refuses a run some of whose templates cannot be rendered with its inputs: all of them at once.
///
/// # Errors
/// [`ExitCode::USAGE`].
pub fn admit_templates(plan: &Plan, known: &Known, session: &Session) -> Result<(), Failure> {
    let secret = |name: &str| {
        let secret = session.secrets().get(name);
        secret.map(|it| it.expose().to_owned())
    };
    let broken = plan.broken_templates(known, &secret);
    if broken.is_empty() {
        return Ok(());
    }
    let mut message = "nothing was run:".to_owned();
    for (step, unfit) in &broken {
        let _ = write!(message, "\n  {} (step `{}`)", unfit.because, step.id);
    }
    Err(Failure::usage(message))
}

/// Returns the folder in which steps start: `-C`, else the document's `cwd:`, else the document's
/// folder when declared, the folder of the call when plain.
pub fn start_folder(
    runbook: &Runbook,
    document: Option<&Path>,
    given: Option<&Path>,
    here: &Path,
) -> PathBuf {
    if let Some(given) = given {
        return tidy(&here.join(given));
    }
    let beside = document
        .and_then(Path::parent)
        .map_or_else(|| here.to_owned(), |it| here.join(it));
    match (&runbook.cwd, runbook.kind) {
        (Some(cwd), _) => tidy(&beside.join(cwd)),
        (None, Kind::Declared) => tidy(&beside),
        (None, Kind::Plain) => here.to_owned(),
    }
}

fn tidy(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Returns the plan, without values for its inputs yet.
pub fn plan(
    prepared: Prepared,
    source: &str,
    request: Request,
    document: String,
    cwd: PathBuf,
    config: &Config,
) -> Plan {
    Plan {
        runbook: prepared.runbook,
        source: source.to_owned(),
        selected: prepared.selection.steps,
        left_out: prepared.selection.left_out,
        inputs: Vec::new(),
        request,
        run: String::new(),
        document,
        cwd,
        knowledge: Arc::new(config.knowledge.clone()),
    }
}

/// Puts the steps of a plain document in doubt that nothing here can start: a person is shown why, and
/// where bash may stand in for PowerShell is asked.
pub fn doubt_missing(plan: &mut Plan, survey: &Survey) {
    if plan.runbook.kind == Kind::Declared {
        return;
    }
    let missing: Vec<_> = survey.missing().map(|(language, _)| language).collect();
    let mut doubts = Vec::new();
    for (index, step) in plan.runbook.steps.iter().enumerate() {
        let Task::Command { language, body } = &step.task else {
            continue;
        };
        if !missing.contains(language) {
            continue;
        }
        let stands_in = survey
            .runs(*language, body)
            .and_then(|_| plan.in_bash(step));
        let (rule, because) = match stands_in {
            Some((effect, because)) => (
                "other-shell",
                format!(
                    "it is tagged `powershell`, which is not here; nothing in it is PowerShell's \
                     own, so that bash can run it ({effect}: {because})"
                ),
            ),
            None => (
                "no-interpreter",
                format!("nothing here runs {}", language.0),
            ),
        };
        let span = step.span;
        doubts.push((
            index,
            Doubt {
                rule,
                because,
                span,
            },
        ));
    }
    for (index, doubt) in doubts {
        plan.runbook.steps[index].doubts.push(doubt);
    }
}

/// Adds to `known` which steps would overwrite a file that is there before the run begins.
pub fn look_for_files(plan: &Plan, known: &mut Known) {
    for step in plan.steps() {
        let folder = match &step.settings.cwd {
            Some(cwd) => plan.cwd.join(cwd),
            None => plan.cwd.clone(),
        };
        let now = plan.now(step, None, known);
        if !existing(&folder, &now.circumstances.overwrites).is_empty() {
            known.overwriting.insert(step.id.clone());
        }
    }
}

/// Looks for what the selected steps need of this machine: interpreters, and users.
pub fn survey(runbook: &Runbook, selected: &[usize], config: &Config, path: &OsString) -> Survey {
    surveyed(runbook, selected, config, path, |it| Survey::of(it, path))
}

/// Looks for the same, and starts nothing of it.
pub fn glance(runbook: &Runbook, selected: &[usize], config: &Config, path: &OsString) -> Survey {
    surveyed(runbook, selected, config, path, |it| {
        Survey::glance(it, path)
    })
}

fn surveyed(
    runbook: &Runbook,
    selected: &[usize],
    config: &Config,
    path: &OsString,
    found: impl Fn(Vec<Language>) -> Survey,
) -> Survey {
    let steps = || {
        let steps = selected.iter();
        steps.filter_map(|index| runbook.steps.get(*index))
    };
    let languages = steps().filter_map(|step| match &step.task {
        Task::Command { .. } if step.settings.with.is_some() => None,
        // What becomes a file, nothing runs.
        Task::Command { .. } if step.settings.file.is_some() => None,
        Task::Command { language, .. } => Some(*language),
        Task::ByHand { offered, .. } => offered.as_ref().map(|it| it.language),
    });
    let mut languages: Vec<_> = languages.collect();
    // In a plain document bash may stand in for it.
    if runbook.kind == Kind::Plain && languages.contains(&POWERSHELL) {
        languages.push(BASH);
    }
    let users = steps().filter_map(|step| step.settings.user.as_deref());
    let own = steps().filter_map(|step| {
        let (name, words) = config
            .interpreters
            .get_key_value(&step.settings.with.as_ref()?.name)?;
        Some((name.as_str(), words.as_slice()))
    });
    found(languages).with_users(users).with_own(own, path)
}

// Only root becomes somebody else: told before step one, with what anybody can do.
fn admit_users(plan: &Plan, survey: &Survey) -> Result<(), Failure> {
    let me = rustix::process::getuid();
    if me.is_root() {
        return Ok(());
    }
    let mut message = "only root can run a step as another user:".to_owned();
    let mut sudo = None;
    for step in plan.steps() {
        let user = step.settings.user.as_deref();
        let user = user.and_then(|it| survey.user(it));
        if let Some(user) = user.filter(|it| it.uid != me.as_raw()) {
            let _ = write!(
                message,
                "\n  {}:{}: step `{}`: user `{}`",
                plan.document, step.line, step.id, user.name
            );
            sudo.get_or_insert_with(|| format!("sudo -u {} …", user.name));
        }
    }
    match sudo {
        None => Ok(()),
        Some(sudo) => Err(Failure::new(ExitCode::ENVIRONMENT, message).hint(format!(
            "run it as root; or take `user=` out and write `{sudo}` in the step, where it is seen"
        ))),
    }
}
