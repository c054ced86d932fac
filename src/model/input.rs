//! A named value that a runbook needs before it can run.

use serde::Serialize;

use super::Span;

/// What kind of value an input takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputType {
    /// Any text.
    #[default]
    String,
    /// A decimal number, kept as it is written.
    Number,
    /// `true` or `false`.
    Bool,
    /// One of its choices.
    Choice,
    /// The path of a file or folder; absolute, once it is given.
    Path,
    /// A text that is never shown.
    Secret,
    /// Several texts, a line for each.
    List,
}

impl InputType {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::String,
        Self::Number,
        Self::Bool,
        Self::Choice,
        Self::Path,
        Self::Secret,
        Self::List,
    ];

    /// Returns its name, as `type:` says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Choice => "choice",
            Self::Path => "path",
            Self::Secret => "secret",
            Self::List => "list",
        }
    }
}

/// A value that the operator, a file, the environment or a default gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    /// Its name; also the name of the environment variable that the steps see.
    pub name: String,
    /// What kind of value it takes.
    pub kind: InputType,
    /// What a person is told when asked for it.
    pub description: Option<String>,
    /// What it is when nobody says: a text, or a template of earlier inputs.
    pub default: Option<String>,
    /// The only values it may have; any, when empty. Of a list: that its items may have.
    pub choices: Vec<String>,
    /// A regular expression that the whole of it must match; of a list each item.
    pub pattern: Option<String>,
    /// The least, a decimal number: of a number itself, of a text its characters, of a list its items.
    pub min: Option<String>,
    /// The most, as for `min`.
    pub max: Option<String>,
    /// Whether a run without a value is refused. `true` unless the document says `required: false`.
    pub required: bool,
    /// Where the document declares it.
    pub span: Span,
}
