//! What a command could not do, for the operator: what, why, and the way out.

use std::fmt;

use super::exit::ExitCode;

/// A command ends here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What, naming the thing: lower case, without a full stop.
    pub message: String,
    /// Why, once.
    pub cause: Option<String>,
    /// What can be done.
    pub hint: Option<String>,
    /// What the caller is told.
    pub code: ExitCode,
}

impl Failure {
    /// Returns one that is the caller's to mend.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: None,
            hint: None,
            code: ExitCode::USAGE,
        }
    }

    /// Returns one that is the machine's.
    pub fn environment(message: impl Into<String>) -> Self {
        Self {
            code: ExitCode::ENVIRONMENT,
            ..Self::usage(message)
        }
    }

    /// Adds the cause.
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
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
        use crate::report::clean::block;
        write!(f, "error: {}", block(&self.message).trim_end())?;
        if let Some(cause) = &self.cause {
            write!(f, "\n  caused by: {}", block(cause).trim_end())?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {}", block(hint).trim_end())?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
