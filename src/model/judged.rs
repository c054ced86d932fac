//! What a look at the world found, and what a check came to: recorded as they are.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a look at the world found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// This.
    Found(Value),
    /// The look itself was not possible, and why.
    Failed(String),
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Whether it holds.
    pub holds: bool,
    /// The line of the Markdown file that decided, from 1.
    pub line: u32,
    /// The part of the check that decided, as it is written there.
    pub expression: String,
    /// Why it does not hold; empty where it does.
    pub message: String,
    /// What stood on the left, or was expected: where two things were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// What stood on the right, or was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<String>,
    /// How the two differ, where one of them is longer than a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<Run>,
}

/// Whose a part of a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tag {
    /// Of both.
    Same,
    /// Of the left, or of what was expected.
    Left,
    /// Of the right, or of what was there.
    Right,
}

/// A part of a difference: never more than a line, and with its line end where it ends one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Whose it is.
    pub tag: Tag,
    /// Its text.
    pub text: String,
    /// Whether it was matched by a wildcard, and so says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub greyed: bool,
}
