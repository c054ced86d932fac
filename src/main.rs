//! argv → keeper or cli → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(runbook::cli::main(std::env::args_os()).0)
}
