//! The command line: arguments, one file per subcommand, failure → exit code.
//! The only floor that prints.

mod choose;
pub mod config;
mod control;
pub mod document;
pub mod exit;
pub mod failure;
mod forms;
mod highlight;
mod init;
mod inputs;
mod lent;
pub mod lint;
pub mod list;
mod mend;
mod pages;
mod plan;
mod prepare;
pub mod print;
mod prompt;
mod questions;
mod records;
mod resume;
mod run;
mod secrets;
mod select;
mod session;
mod surroundings;
mod terminal;
mod walk;

use std::ffi::OsString;
use std::path::Path;

use clap::{CommandFactory, Parser, Subcommand};

use crate::host::terminal::give_back;

use exit::ExitCode;
use failure::Failure;

/// Runs the operations manuals you already have in Markdown: safely, one step at a time, resumably.
#[derive(Debug, Parser)]
#[command(name = "runbook", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 passed · 1 a step failed · 2 usage, or nothing may run · 3 stopped, resumable ·
4 something is missing on this machine · 5 `plan --detailed-exitcode` found changes · 6 a step's outcome is unknown · 7 verification failed ·
9 the journal could not be written · 70 our bug · 130 interrupted before a run was opened";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a document, or a section of it
    Run(Box<run::RunArgs>),
    /// Say what would run and what differs from last time; executes nothing
    Plan(Box<plan::PlanArgs>),
    /// Go on with a run, after a stop, a failure or a crash
    Resume(resume::ResumeArgs),
    /// End the running step of a run; the run stays resumable
    Stop(control::StopArgs),
    /// Close a run for good
    Close(control::CloseArgs),
    /// Add a remark to a run
    Note(control::NoteArgs),
    /// Show runbooks, sections and steps
    List(list::Args),
    /// Say what is wrong or doubtful in documents
    Lint(lint::Args),
    /// Write the beginning of a runbook, or a declared copy of a manual
    Init(init::InitArgs),
    /// Show the runs that were
    History(records::HistoryArgs),
    /// Show how a run stands; --follow watches it
    Show(records::ShowArgs),
    /// Verify that the record of a run is as it was written (the record, not the system)
    Verify(records::VerifyArgs),
    /// Print a completion script for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Run in a throw-away copy of the machine and show the diffs
    #[command(hide = true)]
    Preview(NotYet),
}

#[derive(Debug, clap::Args)]
struct NotYet {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<OsString>,
}

/// Runs the command line `arguments` (the program's name first) and returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        give_back();
        print::note(panic);
    }));
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() {
                ExitCode::USAGE
            } else {
                ExitCode::PASSED
            };
            let _ = error.print();
            return code;
        }
    };
    perform(arguments.command).unwrap_or_else(|failure| print::fail(&failure))
}

fn perform(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(args) => run::run(*args),
        Command::Plan(args) => plan::run(&args),
        Command::Resume(args) => resume::run(&args),
        Command::Stop(args) => control::stop(&args),
        Command::Close(args) => control::close(&args),
        Command::Note(args) => control::note(&args),
        Command::List(args) => list::run(&args),
        Command::Lint(args) => lint::run(&args),
        Command::Init(args) => init::run(&args),
        Command::History(args) => records::history(&args),
        Command::Show(args) => records::show(&args),
        Command::Verify(args) => records::run_verify(&args),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "runbook", &mut text);
            print::out(&String::from_utf8_lossy(&text))?;
            Ok(ExitCode::PASSED)
        }
        Command::Preview(_) => Err(not_yet("preview", "`runbook plan` executes nothing")),
    }
}

fn not_yet(command: &str, way_out: &str) -> Failure {
    Failure::usage(format!("`runbook {command}` is not in this version")).hint(way_out)
}

/// Tells that the program itself is at fault; returns the exit code.
pub fn own_fault() -> ExitCode {
    let failure = Failure::new(ExitCode::BUG, "this is a fault of runbook itself")
        .hint("nothing that was acknowledged is lost: `runbook resume` goes on");
    print::fail(&failure)
}

/// Writes the file of a step that the keeper has started; returns its exit code. Not for people.
pub fn write_file() -> ExitCode {
    ExitCode(crate::target::file::main())
}

/// Runs the keeper of the run in `folder`; returns its exit code. Not for people.
pub fn keep(folder: &Path) -> ExitCode {
    ExitCode(crate::keeper::main(folder))
}
