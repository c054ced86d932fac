//! `runbook stop`, `close`, `note`: another command of the operator speaks to a run.

use std::time::Duration;

use clap::Args;

use crate::engine::conceal;
use crate::event::{Closing, EndedBy, EventKind, Verdict};
use crate::host::clock::Clock;
use crate::host::{machine, storage};
use crate::keeper::link::Link;
use crate::keeper::protocol::{Ask, Message, Say};
use crate::markdown::{decode, outline};
use crate::redact::Texts;
use crate::state::{Phase, Role, State};
use crate::store::folder::RunFolder;
use crate::store::journal::Journal;
use crate::store::lock::{Lock, LockError};

use super::config::Config;
use super::exit::ExitCode;
use super::failure::Failure;
use super::secrets;
use super::session::{self, StoreArgs};

/// Arguments of `runbook stop`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// The run: an id, the beginning of one, or `last`
    run: String,
    #[command(flatten)]
    store: StoreArgs,
}

/// Arguments of `runbook close`.
#[derive(Debug, Args)]
pub struct CloseArgs {
    /// The run: an id, the beginning of one, or `last`
    run: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    store: StoreArgs,
}

/// Arguments of `runbook note`.
#[derive(Debug, Args)]
pub struct NoteArgs {
    /// The run: an id, the beginning of one, or `last`
    run: String,
    /// The remark
    text: String,
    #[command(flatten)]
    store: StoreArgs,
}

fn by() -> String {
    machine::by(&machine::operator(false))
}

fn connect(folder: &RunFolder) -> Result<Option<Link>, Failure> {
    Link::connect(folder).map_err(|error| {
        Failure::new(
            ExitCode::ENVIRONMENT,
            format!("cannot speak to the keeper of run {}", folder.run()),
        )
        .cause(error)
        .hint("it may belong to another user")
    })
}

// Returns whether an engine heard it, and whether a step was running; `None` where no keeper lives.
fn tell(folder: &RunFolder, message: Message) -> Result<Option<(bool, bool)>, Failure> {
    let Some(mut link) = connect(folder)? else {
        return Ok(None);
    };
    let answer = link
        .ask(&Ask::Tell(message))
        .and_then(|()| link.wait(Duration::from_secs(10)));
    match answer {
        Ok(Some(Say::Passed { heard, running })) => Ok(Some((heard, running))),
        _ => Ok(None),
    }
}

/// `runbook stop`.
///
/// # Errors
/// Where the run is not there.
pub fn stop(args: &StopArgs) -> Result<ExitCode, Failure> {
    let folder = session::find_run(&args.store, &args.run)?;
    let run = folder.run();
    match tell(&folder, Message::Stop { by: by() })? {
        Some((_, true)) => session::note(&format!(
            "run {run}: its step is being ended; `runbook resume {run}` goes on"
        )),
        Some((true, false)) => session::note(&format!("run {run} stops")),
        _ => match Lock::holder(&folder) {
            // An engine that waits for its first answer has no keeper yet.
            Some(holder) if holder.pid > 0 => {
                let pid = i32::try_from(holder.pid)
                    .ok()
                    .and_then(rustix::process::Pid::from_raw);
                let told = pid.map_or(Ok(()), |pid| {
                    rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                });
                told.map_err(|error| {
                    let what = format!("cannot stop process {} of {}", holder.pid, holder.user);
                    Failure::new(ExitCode::ENVIRONMENT, what)
                        .cause(error)
                        .hint("ask them, or stop it as that user")
                })?;
                session::note(&format!("run {run} stops"));
            }
            _ => {
                return Err(Failure::usage(format!("nothing of run {run} is running"))
                    .hint(format!("`runbook show {run}` tells how it stands")));
            }
        },
    }
    Ok(ExitCode::PASSED)
}

/// `runbook note`.
///
/// # Errors
/// Where the run is not there, closed, or its journal cannot be written.
pub fn note(args: &NoteArgs) -> Result<ExitCode, Failure> {
    let folder = session::find_run(&args.store, &args.run)?;
    if args.text.trim().is_empty() {
        return Err(Failure::usage("the note is empty"));
    }
    let message = Message::Note {
        text: args.text.clone(),
        by: by(),
    };
    if let Some((true, _)) = tell(&folder, message)? {
        return Ok(ExitCode::PASSED);
    }
    let mut journal = own(&folder)?.1;
    let note = EventKind::Note {
        step: None,
        text: args.text.clone(),
        by: by(),
    };
    let note = conceal(note, &at_hand(&folder, journal.state()));
    let _ = journal.commit(vec![note]).map_err(closed)?;
    session::write_transcript(&folder)?.remark();
    Ok(ExitCode::PASSED)
}

/// `runbook close`.
///
/// # Errors
/// Where the run is not there, closed already, or a step of it still runs.
pub fn close(args: &CloseArgs) -> Result<ExitCode, Failure> {
    let folder = session::find_run(&args.store, &args.run)?;
    if args.reason.trim().is_empty() {
        return Err(Failure::usage("the reason is empty").hint("say why with --reason TEXT"));
    }
    let (lock, mut journal) = own(&folder)?;
    let state = journal.state();
    if state.closed().is_some() {
        return Err(Failure::usage(format!(
            "run {} is closed already",
            folder.run()
        )));
    }
    let is_running = state
        .steps()
        .any(|(_, step)| matches!(step.phase, Phase::Running(_) | Phase::Serving(_)));
    if is_running {
        return Err(
            Failure::usage(format!("a step of run {} may be running", folder.run())).hint(format!(
                "`runbook stop {0}`, or `runbook resume {0}` to find out what became of it",
                folder.run()
            )),
        );
    }
    let closing = EventKind::RunClosed {
        result: closing(state),
        reason: Some(args.reason.clone()),
        by: Some(by()),
    };
    let closing = conceal(closing, &at_hand(&folder, state));
    let _ = journal.commit(vec![closing]).map_err(closed)?;
    drop(journal);
    let written = session::write_transcript(&folder)?;
    written.remark();
    drop(lock);
    session::note(&format!(
        "run {} is closed; {}",
        folder.run(),
        written.path.display()
    ));
    Ok(ExitCode::PASSED)
}

// The secrets of the run that can be had without asking: what is recorded without an engine is
// recorded without them.
fn at_hand(folder: &RunFolder, state: &State) -> Texts {
    let Some(opened) = state.opened() else {
        return Texts::default();
    };
    let bytes = std::fs::read(folder.path().join(state.snapshot())).unwrap_or_default();
    let (Ok(text), Ok(config)) = (decode(&bytes), Config::load()) else {
        return Texts::default();
    };
    let (runbook, _) = config.resolve(&outline(text), "runbook");
    secrets::at_hand(&runbook.inputs, &secrets::base(opened))
}

fn closing(state: &State) -> Closing {
    let passed = EventKind::RunClosed {
        result: Closing::Passed,
        reason: None,
        by: None,
    };
    if state.check(&[passed]).is_ok() {
        return Closing::Passed;
    }
    let is_bad = state.steps().enumerate().any(|(at, (planned, step))| {
        let counts = *state.order().role(at) == Role::Part && !planned.flow.allow_fail;
        match step.phase {
            Phase::Unknown { .. } | Phase::Exited(_) => true,
            Phase::Finished(Verdict::Failed) => counts,
            _ => false,
        }
    });
    let was_ended = state.steps().any(|(_, step)| {
        matches!(step.phase, Phase::Finished(Verdict::Failed))
            && step
                .exited
                .as_ref()
                .is_some_and(|it| it.ended_by == Some(EndedBy::Stop))
    });
    match (state.was_stopped() || was_ended, is_bad) {
        (true, true) => Closing::Stopped,
        (false, true) => Closing::Failed,
        (_, false) => Closing::Left,
    }
}

fn closed(error: crate::store::journal::JournalError) -> Failure {
    match error {
        crate::store::journal::JournalError::Illegal(illegal) => {
            Failure::usage("the run takes nothing more").cause(illegal)
        }
        other => other.into(),
    }
}

// The lock and the journal of a run that no engine owns. Only `resume` repairs.
fn own(folder: &RunFolder) -> Result<(Lock, Journal), Failure> {
    let lock = Lock::take(folder, &session::holder()).map_err(|error| match error {
        LockError::Held { .. } => Failure::from(error),
        LockError::Store(error) => error.into(),
    })?;
    if crate::store::journal::read_journal(folder)?.fault.is_some() {
        return Err(Failure::new(
            ExitCode::UNVERIFIED,
            format!("torn: the journal of run {} is not whole", folder.run()),
        )
        .hint(format!(
            "`runbook resume {}` sets the torn end aside",
            folder.run()
        )));
    }
    let (journal, _) = Journal::reopen(
        folder,
        storage::from_environment(),
        Clock::from_environment(),
    )?;
    Ok((lock, journal))
}
