//! argv → keeper or command line → exit code.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The keeper first: it shares nothing with the command line, and starts in no time.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|it| it == "__keeper") {
        let folder = arguments.next().unwrap_or_default();
        return ExitCode::from(runbook::cli::keep(Path::new(&folder)).0);
    }
    ExitCode::from(runbook::cli::main(std::env::args_os()).0)
}
