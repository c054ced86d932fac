//! One session of a run, from the command line: what `run` and `resume` have in common.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::engine::decide::{Leaving, OnTerm, Session};
use crate::engine::operator::{Nobody, Operator};
use crate::engine::recover::Survivor;
use crate::engine::{Engine, Parts, Publisher, Signals, StoredOutputs, terminal_width};
use crate::event::{Event, EventKind, OnFailure, RunOpened, Text};
use crate::host::clock::Clock;
use crate::host::{machine, storage};
use crate::plan::Plan;
use crate::report;
use crate::report::{Colour, Console, Detail, Ending, Head, Json, Look, Reporter, Surface};
use crate::store::folder::RunFolder;
use crate::store::journal::{Journal, Reading, read_journal};
use crate::store::lock::{Holder, Lock};
use crate::store::state_dir::StateDir;
use crate::target::Survey;

use super::exit::ExitCode;
use super::failure::Failure;
use super::print;
use super::terminal::Terminal;

/// Options that every command that looks into the store takes.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// Where runs are kept [default: $RUNBOOK_STATE, else $XDG_STATE_HOME/runbook]
    #[arg(long, value_name = "DIR", global = true)]
    pub state_dir: Option<PathBuf>,
}

impl StoreArgs {
    /// Returns where the state directory is.
    pub fn path(&self) -> PathBuf {
        StateDir::locate(self.state_dir.as_deref())
    }
}

/// How a session is watched and asked.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// Show all that steps print, while they run
    #[arg(short, long)]
    pub verbose: bool,
    /// Print every event as a line of JSON
    #[arg(long)]
    pub json: bool,
    /// What SIGTERM does [default: detach on a terminal, else stop]
    #[arg(long, value_name = "WHAT", value_enum)]
    pub on_term: Option<TermChoice>,
}

/// How steps follow one another.
#[derive(Debug, Clone, Args)]
pub struct FlowArgs {
    /// What a failure does to the rest, where nobody is asked [default: stop]
    #[arg(long, value_name = "WHAT", value_enum)]
    pub on_failure: Option<FailureChoice>,
    /// Run up to N steps side by side, where `needs` allows it [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=512))]
    pub jobs: Option<u32>,
}

impl FlowArgs {
    /// Returns what a failure does.
    pub fn on_failure(&self) -> Option<OnFailure> {
        self.on_failure.map(|it| match it {
            FailureChoice::Stop => OnFailure::Stop,
            FailureChoice::Undo => OnFailure::Undo,
            FailureChoice::Continue => OnFailure::Continue,
        })
    }
}

/// What a failure does to the rest of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailureChoice {
    /// Nothing more is started, but what `always` runs
    Stop,
    /// As `stop`; then what was done is undone
    Undo,
    /// Steps that do not need the one that failed go on
    Continue,
}

/// What SIGTERM does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TermChoice {
    /// End the step, record, exit 3
    Stop,
    /// Leave the step running; `runbook resume` attaches
    Detach,
}

impl WatchArgs {
    /// Returns what SIGTERM does.
    pub fn on_term(&self) -> OnTerm {
        match self.on_term {
            None => OnTerm::ByTerminal,
            Some(TermChoice::Stop) => OnTerm::Stop,
            Some(TermChoice::Detach) => OnTerm::Detach,
        }
    }
}

/// Returns whether someone can be asked: questions go to stderr, answers come from standard input.
pub fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Returns how text for people looks on standard output.
pub fn look(verbose: bool) -> Look {
    let stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    let colour = match anstream::AutoStream::choice(&stdout) {
        anstream::ColorChoice::Never => Colour::None,
        _ => Colour::Shown,
    };
    let columns = std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
    let width = if is_terminal {
        terminal_width().or(columns)
    } else {
        columns
    };
    Look {
        width: width.unwrap_or(80).clamp(20, 400),
        surface: if is_terminal {
            Surface::Terminal
        } else {
            Surface::Plain
        },
        colour,
        detail: if verbose { Detail::Full } else { Detail::Brief },
    }
}

/// Returns the inherited environment; what this program gives to steps itself is left out.
pub fn environment() -> BTreeMap<String, Text> {
    use std::os::unix::ffi::OsStrExt;
    let ours = [
        "RUNBOOK_ATTEMPT",
        "RUNBOOK_RUN_ID",
        "RUNBOOK_STEP_ID",
        "RUNBOOK_IDEMPOTENCY_KEY",
        "RUNBOOK_OUTPUT",
    ];
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| !ours.contains(&name.as_str()) && !name.is_empty())
        .map(|(name, value)| (name, Text::of_bytes(value.as_bytes())))
        .collect()
}

/// Returns who holds a lock from now on.
pub fn holder() -> Holder {
    let operator = machine::operator(false);
    Holder {
        pid: std::process::id(),
        user: machine::by(&operator),
        since: Clock::from_environment().wall(),
    }
}

/// What is needed for a session besides its plan.
pub struct Stage {
    /// The run's folder.
    pub folder: RunFolder,
    /// Its lock, held until the session is over.
    pub lock: Lock,
    /// Its journal.
    pub journal: Journal,
    /// The keeper that an earlier session left.
    pub survivor: Option<Survivor>,
    /// What interpreters there are.
    pub survey: Survey,
    /// Signals to this process.
    pub signals: Signals,
    /// What was told before this session, without being told again.
    pub past: Vec<Event>,
}

/// Runs a session; `begin` records what comes before its first step.
///
/// # Errors
/// Where a promise of the run cannot be kept.
pub fn run(
    stage: Stage,
    plan: Plan,
    session: Session,
    watch: &WatchArgs,
    begin: impl FnOnce(&mut Engine<'_>) -> Result<(), Failure>,
) -> Result<ExitCode, Failure> {
    let look = look(watch.verbose);
    let terminal = session.terminal;
    let reporter: Box<dyn Reporter> = if watch.json {
        Box::new(Json::new(io::stdout()))
    } else {
        let outputs = StoredOutputs::of(&stage.folder);
        Box::new(Console::new(io::stdout(), look, outputs).with_past(&stage.past))
    };
    let all_output = watch.verbose || watch.json;
    let publisher = Publisher::start(reporter, &stage.folder, all_output);
    let mut person = Terminal::new(stage.folder.path().to_owned());
    let mut nobody = Nobody;
    let operator: &mut dyn Operator = if terminal { &mut person } else { &mut nobody };
    let me = rustix::process::getuid().as_raw();
    let foreign_keeper = stage.survivor.as_ref().is_some_and(|it| it.uid != me);
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(ExitCode::ENVIRONMENT, "cannot find this program itself").cause(error)
    })?;
    let folder = stage.folder.clone();
    let mut engine = Engine::new(Parts {
        folder: stage.folder,
        journal: stage.journal,
        plan,
        session,
        link: stage.survivor.map(|it| it.link),
        foreign_keeper,
        program,
        survey: stage.survey,
        environment: environment(),
        publisher: &publisher,
        operator,
        signals: &stage.signals,
    });
    if let Err(failure) = begin(&mut engine) {
        drop(engine);
        publisher.finish(Ending::default());
        return Err(failure);
    }
    let outcome = engine.run().map_err(Failure::from);
    drop(engine);
    let transcript = write_transcript(&folder);
    let told = transcript.as_ref().ok().map(|it| {
        if watch.json {
            it.path.display().to_string()
        } else {
            from_home(&it.path)
        }
    });
    publisher.finish(Ending { transcript: told });
    if let Ok(written) = &transcript {
        written.remark();
    }
    drop(stage.lock);
    // On a terminal the console has just said so, and what to do next.
    let is_told = !watch.json && look.surface == Surface::Terminal && terminal;
    let code = ending(&folder, outcome?, is_told);
    if let Err(failure) = transcript {
        let failed = print::fail(&failure);
        if code == ExitCode::PASSED {
            return Ok(failed);
        }
    }
    Ok(code)
}

// Short enough for one row of a terminal, and still fit to be copied into a shell.
fn from_home(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|it| it.len() > 1);
    home.and_then(|home| path.strip_prefix(home).ok())
        .map_or_else(
            || path.display().to_string(),
            |it| format!("~/{}", it.display()),
        )
}

// Says what a person must know who only sees the exit code; the console said the rest.
fn ending(folder: &RunFolder, leaving: Leaving, is_told: bool) -> ExitCode {
    let run = folder.run();
    match leaving {
        Leaving::Passed => ExitCode::PASSED,
        Leaving::Failed(_) => ExitCode::FAILED,
        Leaving::Stopped(_) | Leaving::Detached if is_told => ExitCode::STOPPED,
        Leaving::Stopped(because) => {
            note(&format!(
                "stopped: {because}; `runbook resume {run}` goes on"
            ));
            ExitCode::STOPPED
        }
        Leaving::Waiting(step) => {
            note(&format!(
                "step `{step}` is done by a person: `runbook resume {run} --decide {step}=done` \
                 when it is, or `{step}=skip`"
            ));
            ExitCode::STOPPED
        }
        Leaving::Lost(lost) => {
            note(&format!(
                "step `{}` reads `{}`, which only step `{}` can give again: `runbook resume {run} \
                 --rerun {}` goes on",
                lost.step, lost.name, lost.giver, lost.giver
            ));
            ExitCode::STOPPED
        }
        Leaving::Unknown(step) => {
            note(&format!(
                "nobody can know how step `{step}` ended: look, then \
                 `runbook resume {run} --decide {step}=done|rerun|skip`"
            ));
            ExitCode::UNKNOWN
        }
        Leaving::Detached => {
            note(&format!(
                "detached: the step goes on; `runbook resume {run}` attaches"
            ));
            ExitCode::STOPPED
        }
        Leaving::KeeperLost => {
            note(&format!(
                "the process that kept the steps of this run is gone; `runbook resume {run}` finds \
                 out what became of the step"
            ));
            ExitCode::UNKNOWN
        }
        Leaving::OutputLost(because) => {
            let failure = Failure::new(ExitCode::JOURNAL, "cannot keep what the step printed")
                .cause(because)
                .hint(format!("free some space, then `runbook resume {run}`"));
            print::fail(&failure)
        }
        Leaving::CannotStart(because) => {
            let failure = Failure::environment("cannot start the step").cause(because);
            print::fail(&failure)
        }
    }
}

pub(super) fn note(text: &str) {
    print::note(report::clean::inline(text));
}

/// Shows what a run is going to do.
///
/// # Errors
/// Where standard output cannot be written.
pub fn show_plan(opened: &RunOpened, verbose: bool) -> Result<(), Failure> {
    let mut text = Vec::new();
    let _ = report::console::plan(&mut text, &look(verbose), opened);
    print::out(&String::from_utf8_lossy(&text))
}

/// A transcript that is there.
pub struct Written {
    /// Where.
    pub path: PathBuf,
    // Why it is not as the document's template would have it.
    because: Option<String>,
}

impl Written {
    /// Says so where it is not as the template of the document would have it.
    pub fn remark(&self) {
        if let Some(because) = &self.because {
            note(&format!(
                "warning: the transcript is not written by its template: {because}"
            ));
        }
    }
}

/// Writes `transcript.md` anew from the journal: by the template of the document where it has one, and by
/// our own where that fails.
///
/// # Errors
/// Where it cannot be written. The run is as it is.
pub fn write_transcript(folder: &RunFolder) -> Result<Written, Failure> {
    let reading = read_journal(folder)?;
    let head = Head {
        seq: (reading.events.len() as u64).saturating_sub(1),
        hash: reading.head.hex(),
    };
    let path = folder.transcript();
    let fresh = path.with_extension("md.new");
    let fault = |error: io::Error| {
        Failure::new(
            ExitCode::JOURNAL,
            format!("cannot write transcript `{}`", path.display()),
        )
        .cause(error)
    };
    let file = folder.new_or_empty_file(&fresh)?;
    let mut out = io::BufWriter::new(file);
    let outputs = StoredOutputs::of(folder);
    let template = std::fs::read_to_string(folder.page_template());
    let page = template.map(|it| report::page::page(&it, &reading.events, &outputs, &head));
    let (page, because) = match page {
        Ok(Ok(page)) => (Some(page), None),
        Ok(Err(fault)) => (
            None,
            Some(format!("line {}: {}", fault.line, fault.message)),
        ),
        // Most documents have none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => (None, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let told = match page {
        Some(page) => out.write_all(page.as_bytes()),
        None => report::transcript::transcript(&mut out, &reading.events, &outputs, &head),
    };
    told.and_then(|()| out.flush())
        .and_then(|()| out.get_ref().sync_data())
        .and_then(|()| std::fs::rename(&fresh, &path))
        .map_err(fault)?;
    Ok(Written { path, because })
}

/// Creates the journal of a new run.
///
/// # Errors
/// Where it cannot be made.
pub fn new_journal(folder: &RunFolder) -> Result<Journal, Failure> {
    Ok(Journal::create(
        folder,
        storage::from_environment(),
        Clock::from_environment(),
    )?)
}

/// Returns the run that `name` means: an id, a unique prefix, or `last`.
///
/// # Errors
/// None, or several.
pub fn find_run(store: &StoreArgs, name: &str) -> Result<RunFolder, Failure> {
    let path = store.path();
    let missing = || {
        Failure::usage(format!("no run is called `{name}` in `{}`", path.display()))
            .hint(elsewhere(&path).unwrap_or_else(|| "`runbook history` shows the runs".to_owned()))
    };
    if !path.exists() {
        return Err(missing());
    }
    let mut found = StateDir::look(&path)?.find(name);
    match found.len() {
        0 => Err(missing()),
        1 => Ok(found.remove(0)),
        count => {
            let names: Vec<&str> = found.iter().take(8).map(RunFolder::run).collect();
            Err(
                Failure::usage(format!("`{name}` is the beginning of {count} runs"))
                    .hint(format!("say more of one of: {}", names.join(", "))),
            )
        }
    }
}

/// Returns the last run of the document `file`, an absolute path; looked for among the latest only.
pub fn last_run_of(state: &StateDir, file: &str) -> Option<(RunFolder, Reading)> {
    if file == "-" {
        return None;
    }
    state
        .folders()
        .into_iter()
        .rev()
        .take(64)
        .find_map(|folder| {
            let reading = read_journal(&folder).ok()?;
            let is_it = reading.events.first().is_some_and(
                |event| matches!(&event.kind, EventKind::RunOpened(opened) if opened.file == file),
            );
            is_it.then_some((folder, reading))
        })
}

/// Returns the absolute path by which a run knows its document.
pub fn path_of(here: &Path, file: &Path) -> String {
    if file.as_os_str() == "-" {
        return "-".to_owned();
    }
    let file = here.join(file);
    file.canonicalize().unwrap_or(file).display().to_string()
}

/// Returns a hint that runs may live under another user, where such a state directory is there.
pub fn elsewhere(ours: &Path) -> Option<String> {
    let mut places = Vec::new();
    if !rustix::process::getuid().is_root() {
        places.push(PathBuf::from("/root/.local/state/runbook"));
    }
    if let Ok(user) = std::env::var("SUDO_USER") {
        places.push(PathBuf::from(format!("/home/{user}/.local/state/runbook")));
    }
    let may_be_there = |place: &PathBuf| {
        place != ours
            && match std::fs::metadata(place.join("runs")) {
                Ok(_) => true,
                Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
            }
    };
    let place = places.into_iter().find(may_be_there)?;
    Some(format!(
        "a run of another user lives in that user's state folder, perhaps `{}`; resume it as that \
         user, or with --state-dir",
        place.display()
    ))
}
