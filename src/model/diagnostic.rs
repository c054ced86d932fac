//! A fault or doubt of a document, with its place and a way out.

use serde::Serialize;

/// A range of bytes in the file as it was read, byte order mark and CRLF included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// Returns the span of the bytes `start..end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing of the document runs.
    Error,
    /// It runs, but probably not as the writer meant.
    Warning,
    /// Worth knowing; never changes an exit code.
    Hint,
}

/// What is wrong or doubtful at one place of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How much it weighs.
    pub severity: Severity,
    /// The rule's stable name, kebab-case: `unknown-attribute`.
    pub rule: &'static str,
    /// What is wrong, lower case, naming the thing and the value.
    pub message: String,
    /// The place in the file.
    pub span: Span,
    /// What stands under the marked place; may be empty.
    pub label: String,
    /// What the writer can do about it.
    pub way_out: Option<String>,
    /// Further places of the same finding, in document order.
    pub also: Vec<Span>,
}

impl Diagnostic {
    /// Returns an error of `rule` at `span`.
    pub fn error(rule: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, rule, span, message)
    }

    /// Returns a warning of `rule` at `span`.
    pub fn warning(rule: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, rule, span, message)
    }

    /// Returns a hint of `rule` at `span`.
    pub fn hint(rule: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Hint, rule, span, message)
    }

    fn new(severity: Severity, rule: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity,
            rule,
            message: message.into(),
            span,
            label: String::new(),
            way_out: None,
            also: Vec::new(),
        }
    }

    /// Adds further places of the same finding.
    pub fn also(mut self, places: impl IntoIterator<Item = Span>) -> Self {
        self.also.extend(places);
        self
    }

    /// Adds the words that stand under the marked place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds the way out.
    pub fn way_out(mut self, way_out: impl Into<String>) -> Self {
        self.way_out = Some(way_out.into());
        self
    }
}
