//! argv → keeper, a step that writes a file, or command line → exit code.

use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;

use runbook::{cli, sandbox};

fn main() -> ExitCode {
    // The keeper first, and what a preview consists of: they share nothing with the command line, and
    // start in no time.
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next().as_ref().and_then(|it| it.to_str()) {
        Some("__keeper") => {
            let folder = arguments.next().unwrap_or_default();
            return ExitCode::from(cli::keep(Path::new(&folder)).0);
        }
        Some("__file") => return ExitCode::from(cli::write_file().0),
        Some(sandbox::SUPERVISOR) => return ExitCode::from(sandbox::supervise()),
        Some(sandbox::INSIDE) => return ExitCode::from(sandbox::step_inside(arguments)),
        _ => {}
    }
    // A panic has told what and where by now. The steps are the keeper's, and go on.
    let code = catch_unwind(|| cli::main(std::env::args_os()));
    ExitCode::from(code.unwrap_or_else(|_| cli::own_fault()).0)
}
