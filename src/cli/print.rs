//! Text → standard output and standard error. Colours are taken off where they are not wanted; a
//! reader that has gone away is no fault. What this process holds of secrets is masked in all of it.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use crate::host::held;

use super::exit::ExitCode;
use super::failure::Failure;

/// Writes `text` to standard output.
///
/// # Errors
/// When it cannot be written; not when nobody reads it any more.
pub fn out(text: &str) -> Result<(), Failure> {
    let text = held::concealed(text.to_owned());
    let mut stream = anstream::stdout().lock();
    tolerate(
        stream
            .write_all(text.as_bytes())
            .and_then(|()| stream.flush()),
    )
}

/// Writes `text` to standard output as it is, byte for byte: a document.
///
/// # Errors
/// When it cannot be written; not when nobody reads it any more.
pub fn verbatim(text: &str) -> Result<(), Failure> {
    let mut stream = io::stdout().lock();
    tolerate(
        stream
            .write_all(text.as_bytes())
            .and_then(|()| stream.flush()),
    )
}

/// Writes `text` and a line end to standard error, as well as may be.
pub fn note(text: impl Display) {
    let text = held::concealed(text.to_string());
    let mut stream = anstream::stderr().lock();
    // Where standard error is closed nobody is left to be told.
    let _ = writeln!(stream, "{text}");
}

/// Writes `text` to standard error as it is, as well as may be: a question, its end left open.
pub fn show(text: &str) {
    let text = held::concealed(text.to_owned());
    let mut stream = anstream::stderr().lock();
    // A terminal that is gone is noticed by its signal.
    let _ = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
}

/// Writes what another program shows to the terminal on standard error, byte for byte: its secrets are
/// masked by whoever hands it on.
pub fn raw(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stderr(), bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            // A terminal that is gone is noticed by its signal.
            Err(_) => return,
        }
    }
}

/// Tells of `failure` and returns its exit code.
pub fn fail(failure: &Failure) -> ExitCode {
    note(failure);
    failure.code
}

fn tolerate(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::environment("cannot write to standard output").cause(error))
        }
        _ => Ok(()),
    }
}

/// Tells of all `failures` and returns the exit code of the worst: the environment's before usage.
pub fn failures(failures: &[Failure]) -> ExitCode {
    let mut code = ExitCode::PASSED;
    for failure in failures {
        let failed = fail(failure);
        if code != ExitCode::ENVIRONMENT {
            code = failed;
        }
    }
    code
}
