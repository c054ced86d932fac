//! `runbook history`, `show`, `verify`: what the records say. Never write a byte in a run's folder.

use std::io;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::engine::{StoredOutputs, block_signals};
use crate::event::{Event, EventKind};
use crate::keeper::link::Link;
use crate::report::history::{History, Standing};
use crate::report::show::{Shown, Surroundings};
use crate::report::{
    Console, Detail, Ending, Head, Json, Look, Progress, Reporter, RunSummary, json,
};
use crate::store::folder::RunFolder;
use crate::store::journal::{Fault, Reading, read_journal};
use crate::store::lock::Lock;
use crate::store::state_dir::StateDir;
use crate::store::verify::verify;

use super::exit::ExitCode;
use super::failure::Failure;
use super::print;
use super::session::{self, StoreArgs};

/// Arguments of `runbook history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Show at most this many, the latest
    #[arg(short = 'n', long, value_name = "N")]
    number: Option<usize>,
    #[command(flatten)]
    store: StoreArgs,
}

/// Arguments of `runbook show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The run: an id, the beginning of one, or `last`
    #[arg(default_value = "last")]
    run: String,
    /// Follow it while it goes on
    #[arg(short, long)]
    follow: bool,
    /// With --follow: show all that steps print
    #[arg(short, long)]
    verbose: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// As the transcript, or the events as they are stored
    #[arg(
        long = "as",
        value_name = "FORMAT",
        value_enum,
        conflicts_with = "follow"
    )]
    format: Option<Format>,
    #[command(flatten)]
    store: StoreArgs,
}

/// What `show --as` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The transcript, in Markdown
    Markdown,
    /// The journal's events, a line of JSON each
    Events,
}

/// Arguments of `runbook verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The run: an id, the beginning of one, or `last`
    run: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[arg(long, hide = true, value_name = "WHAT")]
    require: Vec<String>,
    #[command(flatten)]
    store: StoreArgs,
}

fn print(text: &[u8]) -> Result<(), Failure> {
    print::out(&String::from_utf8_lossy(text))
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let line = json::to_line(value)
        .map_err(|error| Failure::new(ExitCode::BUG, "cannot tell this in JSON").cause(error))?;
    print(format!("{}\n", line.trim_end()).as_bytes())
}

/// `runbook history`.
///
/// # Errors
/// Where the state directory cannot be used.
pub fn history(args: &HistoryArgs) -> Result<ExitCode, Failure> {
    let path = args.store.path();
    let mut folders = if path.exists() {
        StateDir::look(&path)?.folders()
    } else {
        Vec::new()
    };
    folders.reverse();
    folders.truncate(args.number.unwrap_or(usize::MAX));
    let runs: Vec<RunSummary> = folders.iter().filter_map(summary).collect();
    if args.json {
        print_json(&History {
            version: crate::report::history::VERSION,
            runs: &runs,
        })?;
    } else {
        let mut text = Vec::new();
        let _ = crate::report::history::history(&mut text, &session::look(false), &runs);
        print(&text)?;
    }
    Ok(ExitCode::PASSED)
}

fn summary(folder: &RunFolder) -> Option<RunSummary> {
    let reading = read_journal(folder).ok()?;
    let mut summary = RunSummary::of(&reading.events)?;
    if matches!(reading.fault, Some(Fault::Corrupt { .. })) {
        summary.result = Standing::Unreadable;
    } else if held_by(folder).is_some() {
        summary.result = Standing::Running;
    }
    Some(summary)
}

fn held_by(folder: &RunFolder) -> Option<String> {
    if let Some(holder) = Lock::holder(folder) {
        return Some(format!("process {} of {}", holder.pid, holder.user));
    }
    let is_kept = matches!(Link::connect(folder), Ok(Some(_)));
    is_kept.then(|| "the keeper alone".to_owned())
}

/// `runbook show`.
///
/// # Errors
/// Where the run is not there or cannot be read.
pub fn show(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let folder = session::find_run(&args.store, &args.run)?;
    if args.follow {
        return follow(&folder, args);
    }
    let reading = read_journal(&folder)?;
    warn(&folder, &reading);
    let head = head(&reading);
    match args.format {
        Some(Format::Markdown) => {
            let mut text = Vec::new();
            let outputs = StoredOutputs::of(&folder);
            let _ =
                crate::report::transcript::transcript(&mut text, &reading.events, &outputs, &head);
            print(&text)?;
        }
        Some(Format::Events) => {
            for event in &reading.events {
                print_json(event)?;
            }
        }
        None => {
            let transcript = folder.transcript();
            let around = Surroundings {
                folder: folder.path().display().to_string(),
                transcript: transcript
                    .exists()
                    .then(|| transcript.display().to_string()),
                held_by: held_by(&folder),
                head,
            };
            if args.json {
                print_json(&Shown::of(&reading.events, &around))?;
            } else {
                let mut text = Vec::new();
                let look = session::look(args.verbose);
                let _ = crate::report::show::show(&mut text, &look, &reading.events, &around);
                print(&text)?;
            }
        }
    }
    Ok(ExitCode::PASSED)
}

fn head(reading: &Reading) -> Head {
    Head {
        seq: (reading.events.len() as u64).saturating_sub(1),
        hash: reading.head.hex(),
    }
}

fn warn(folder: &RunFolder, reading: &Reading) {
    match &reading.fault {
        Some(Fault::Corrupt { seq, because, .. }) => session::note(&format!(
            "warning: the journal of run {} is corrupt at record {seq} ({because}); what comes \
             after it is not shown",
            folder.run()
        )),
        Some(Fault::Torn { seq, .. }) if Lock::holder(folder).is_none() => session::note(&format!(
            "warning: the journal of run {} is cut off at record {seq}; `runbook resume` sets the \
             rest aside",
            folder.run()
        )),
        _ => {}
    }
}

// Reads the journal as it grows, and the log of the running step beside it: the same that the
// engine's own console does, from outside.
fn follow(folder: &RunFolder, args: &ShowArgs) -> Result<ExitCode, Failure> {
    let signals = block_signals()
        .map_err(|error| Failure::new(ExitCode::ENVIRONMENT, "cannot read signals").cause(error))?;
    let look = Look {
        detail: if args.verbose {
            Detail::Full
        } else {
            Detail::Brief
        },
        ..session::look(args.verbose)
    };
    let reporter: Box<dyn Reporter> = if args.json {
        Box::new(Json::new(io::stdout()))
    } else {
        Box::new(Console::new(io::stdout(), look, StoredOutputs::of(folder)))
    };
    let publisher = crate::engine::Publisher::start(reporter, folder, args.verbose || args.json);
    let mut told = 0;
    loop {
        let is_held = held_by(folder).is_some();
        let reading = read_journal(folder)?;
        let fresh: Vec<Event> = reading.events.get(told..).unwrap_or_default().to_vec();
        if told == 0
            && !args.json
            && let Some(EventKind::RunOpened(opened)) = fresh.first().map(|it| &it.kind)
        {
            let mut text = Vec::new();
            let _ = crate::report::console::plan(&mut text, &look, opened);
            print(&text)?;
        }
        told = reading.events.len();
        publisher.events(fresh);
        let is_closed = reading.state().is_ok_and(|it| it.closed().is_some());
        if is_closed || !is_held {
            break;
        }
        if signals.wait(Duration::from_millis(100)) {
            publisher.progress(Progress::Message("the run goes on".to_owned()));
            break;
        }
    }
    let transcript = folder.transcript();
    let transcript = transcript
        .exists()
        .then(|| transcript.display().to_string());
    publisher.finish(Ending { transcript });
    Ok(ExitCode::PASSED)
}

/// `runbook verify`.
///
/// # Errors
/// [`ExitCode::UNVERIFIED`] with the class of what is wrong as the first word.
pub fn run_verify(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    if !args.require.is_empty() {
        return Err(Failure::usage("`--require` is not in this version"));
    }
    let folder = session::find_run(&args.store, &args.run)?;
    let run = folder.run();
    match verify(&folder) {
        Ok(found) if args.json => {
            print_json(&serde_json::json!({
                "version": 1, "run": run, "verified": true, "events": found.events,
                "attempts": found.attempts, "outputs": found.outputs, "head": found.head,
                "closed": found.closed,
            }))?;
            Ok(ExitCode::PASSED)
        }
        Ok(found) => {
            let is_open = if found.closed {
                ""
            } else {
                "; the run is still open"
            };
            let text = format!(
                "run {run} is as it was written: {} events, {} attempts, {} outputs{is_open}\n\
                 head {}\n",
                found.events, found.attempts, found.outputs, found.head
            );
            print(text.as_bytes())?;
            Ok(ExitCode::PASSED)
        }
        Err(wrong) => {
            if args.json {
                print_json(&serde_json::json!({
                    "version": 1, "run": run, "verified": false, "class": wrong.class,
                    "because": wrong.because,
                }))?;
            }
            // The class is the first word on stderr: scripts read it.
            session::note(&format!("{}: run {run}: {}", wrong.class, wrong.because));
            Ok(ExitCode::UNVERIFIED)
        }
    }
}
