//! argv → keeper, a step that writes a file, or command line → exit code.

use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;

use runbook::cli;

fn main() -> ExitCode {
    // The keeper first: it shares nothing with the command line, and starts in no time.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|it| it == "__keeper") {
        let folder = arguments.next().unwrap_or_default();
        return ExitCode::from(cli::keep(Path::new(&folder)).0);
    }
    if std::env::args_os().nth(1).is_some_and(|it| it == "__file") {
        return ExitCode::from(cli::write_file().0);
    }
    // A panic has told what and where by now. The steps are the keeper's, and go on.
    let code = catch_unwind(|| cli::main(std::env::args_os()));
    ExitCode::from(code.unwrap_or_else(|_| cli::own_fault()).0)
}
