//! A document, resolved: what a plan is made from.

use std::time::Duration;

use serde::Serialize;

use super::{FenceReading, Input, Span, Step};

/// Whether the document was written for this tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Front matter (or a visible `yaml {runbook}` fence) says `runbook: 1`.
    Declared,
    /// Any other Markdown.
    Plain,
}

/// A heading and what stands under it. Section 0 is what stands before the first heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// The heading's text without markup; empty for section 0.
    pub title: String,
    /// The titles of the sections it stands in, outermost first, and its own title last.
    pub path: Vec<String>,
    /// 1 to 6; 0 for section 0.
    pub level: u8,
    /// The GitHub anchor, without `#`.
    pub anchor: String,
    /// The heading's line in the file, from 1.
    pub line: u32,
    /// The heading's bytes.
    pub span: Span,
    /// Whether its steps run only when they are named (Rollback, Troubleshooting, …).
    pub on_demand: bool,
}

/// A table that steps run through, row by row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What `each=#…` calls it: its own id, or its section's anchor.
    pub id: String,
    /// The names of its columns, as variables are called.
    pub columns: Vec<String>,
    /// What stands in the cells of each row, without markup; as many as columns.
    pub rows: Vec<Vec<String>>,
    /// The line of its head, from 1.
    pub line: u32,
    /// Its bytes.
    pub span: Span,
}

/// Settings that a plain document shows as lines of `NAME=value`: its own form for what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Form {
    /// Index into `Runbook::sections`.
    pub section: usize,
    /// The line of the fence's opening, from 1.
    pub line: u32,
    /// In their order, each name once.
    pub fields: Vec<Field>,
}

/// A line of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The name, also of the variable.
    pub name: String,
    /// Its line in the file, from 1.
    pub line: u32,
    /// The value that the document shows; never that of a secret.
    pub example: Option<String>,
    /// Its name says that it must not be shown.
    pub secret: bool,
}

impl Form {
    /// Returns "6 values, 2 secret".
    pub fn told(&self) -> String {
        let number = self.fields.len();
        let plural = if number == 1 { "" } else { "s" };
        match self.fields.iter().filter(|it| it.secret).count() {
            0 => format!("{number} value{plural}"),
            secrets => format!("{number} value{plural}, {secrets} secret"),
        }
    }
}

/// A file that the front matter names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageTemplate {
    /// Its path, relative to the document.
    pub file: String,
    /// Where it is named.
    pub span: Span,
}

/// A document, resolved. Plain data; nothing in it has touched the machine.
#[derive(Clone, Debug, Serialize)]
pub struct Runbook {
    /// The front matter's `title`, else the first heading, else the file's name.
    pub title: String,
    /// Declared or plain.
    pub kind: Kind,
    /// In document order; the first is what stands before any heading.
    pub sections: Vec<Section>,
    /// In document order.
    pub steps: Vec<Step>,
    /// What was made of each fence, in document order, those that are no steps included.
    pub fences: Vec<FenceReading>,
    /// The tables that steps run through; each such step is there once for every row already.
    pub tables: Vec<Table>,
    /// The forms of a plain document, in document order; none of a declared one.
    pub forms: Vec<Form>,
    /// In the order of the front matter.
    pub inputs: Vec<Input>,
    /// `env:` of the front matter, in its order.
    pub env: Vec<(String, String)>,
    /// `cwd:` of the front matter, relative to the document.
    pub cwd: Option<String>,
    /// Programs that must be there before step one.
    pub requires: Vec<String>,
    /// The template that the transcript is written by.
    pub transcript: Option<PageTemplate>,
    /// `defaults: { timeout: … }`, for steps that say nothing.
    pub default_timeout: Option<Duration>,
}
