//! The command line: arguments, one file per subcommand, failure → exit code.
//! The only floor that prints.

pub mod document;
pub mod exit;
pub mod failure;
pub mod lint;
pub mod list;
pub mod print;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use exit::ExitCode;

/// Runs the operations manuals you already have in Markdown: safely, one step at a time, resumably.
#[derive(Debug, Parser)]
#[command(name = "runbook", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show runbooks, sections and steps
    List(list::Args),
    /// Say what is wrong or doubtful in documents
    Lint(lint::Args),
}

/// Runs the command line `arguments` (the program's name first) and returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
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
    match arguments.command {
        Command::List(args) => list::run(&args),
        Command::Lint(args) => lint::run(&args),
    }
}
