//! A named value that a runbook needs before it can run.

use serde::Serialize;

use super::Span;

/// A value that the operator, a file, the environment or a default gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    /// Its name; also the name of the environment variable that the steps see.
    pub name: String,
    /// What a person is told when asked for it.
    pub description: Option<String>,
    /// What it is when nobody says.
    pub default: Option<String>,
    /// The only values it may have; any, when empty.
    pub choices: Vec<String>,
    /// Whether a run without a value is refused. `true` unless the document says `required: false`.
    pub required: bool,
    /// Where the document declares it.
    pub span: Span,
}
