//! What went wrong, for a person: one message, its causes, a way out; and its exit code.

use std::error::Error;
use std::fmt;

use crate::engine::EngineError;
use crate::report::clean;
use crate::resolve::select::NotSelected;
use crate::store::StoreError;
use crate::store::journal::{JournalError, ReopenError};
use crate::store::lock::LockError;

use super::exit::ExitCode;

/// Why a command did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: ExitCode,
    /// What: lower case, without a full stop. May hold further lines, shown as they are.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What the operator can do.
    pub hint: Option<String>,
}

impl Failure {
    /// Returns a failure without causes.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// Returns a failure of usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::USAGE, message)
    }

    /// Returns a failure of the machine.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(ExitCode::ENVIRONMENT, message)
    }

    /// Returns the failure that `error` is, with all its causes.
    pub fn of(code: ExitCode, error: &dyn Error) -> Self {
        let mut failure = Self::new(code, error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            failure.causes.push(error.to_string());
            cause = error.source();
        }
        failure
    }

    /// Adds a cause.
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds the way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file's name, or a document's text, must not forge the terminal.
        write!(f, "error: {}", clean::block(&self.message).trim_end())?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {}", clean::block(cause).trim_end())?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {}", clean::block(hint).trim_end())?;
        }
        Ok(())
    }
}

impl Error for Failure {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::of(ExitCode::ENVIRONMENT, &error);
        match error.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { ref run, .. } => {
                let hint =
                    format!("watch it with `runbook show -f {run}`, or `runbook stop {run}`");
                Self::of(ExitCode::ENVIRONMENT, &error).hint(hint)
            }
            LockError::Store(error) => error.into(),
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let code = match error {
            JournalError::Illegal(_) => ExitCode::BUG,
            _ => ExitCode::JOURNAL,
        };
        let failure = Self::of(code, &error);
        if error.is_full() {
            return failure.hint("free some space, then `runbook resume`");
        }
        failure
    }
}

impl From<ReopenError> for Failure {
    fn from(error: ReopenError) -> Self {
        match error {
            ReopenError::Store(error) => error.into(),
            other => Self::of(ExitCode::UNVERIFIED, &other).hint(
                "the record was changed after it was written: restore the folder from a backup, \
                 or begin a new run",
            ),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Journal(error) => error.into(),
            EngineError::Keeper(_) => Self::of(ExitCode::ENVIRONMENT, &error),
            EngineError::Broken(_) => Self::of(ExitCode::JOURNAL, &error)
                .hint("free some space or mend the disk, then `runbook resume`"),
        }
    }
}

impl From<NotSelected> for Failure {
    fn from(error: NotSelected) -> Self {
        let failure = Self::of(ExitCode::USAGE, &error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_its_causes_and_a_way_out_and_cannot_forge_the_terminal() {
        let failure = Failure::new(ExitCode::JOURNAL, "cannot append to `a\u{1b}[2Jb`")
            .cause("no space left on device")
            .hint("free some space");
        insta::assert_snapshot!(failure.to_string(), @r"
        error: cannot append to `a␛[2Jb`
          caused by: no space left on device
          hint: free some space
        ");
    }
}
