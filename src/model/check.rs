//! What a document asserts of a step, and what must hold before it runs.

use serde::{Deserialize, Serialize};

use super::{Span, StepId};

/// A rhai script of a fence, or an expression of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expression {
    /// Its text.
    pub source: String,
    /// Where it stands.
    pub span: Span,
    /// The line in the file of its first line, from 1.
    pub line: u32,
}

/// What `if=` and `unless=` name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// A reading step: it holds when that step is ok.
    Step(StepId),
    /// An expression: it holds when it is true.
    Holds(Expression),
}

/// How an expected output is compared with the real one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matching {
    /// Byte for byte, but for a line end at the end of all.
    Exact,
    /// It stands somewhere in the output.
    Contains,
    /// Line by line, with `...`, `[..]` and `{regex}`.
    #[default]
    Lines,
    /// One regular expression for all of it.
    Regex,
    /// The same structure; what the expectation leaves out is ignored.
    Json,
}

/// An assertion about a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// A rhai fence.
    Script(Expression),
    /// An `output` fence.
    Output {
        /// How it is compared.
        matching: Matching,
        /// What is expected.
        expected: Expression,
    },
}

/// A look at the world that a check asks for. The evaluator never looks itself: what is missing is
/// named, looked at by the engine, recorded, and the check is judged again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "probe")]
pub enum Probe {
    /// A GET of an address.
    Http {
        /// With scheme.
        url: String,
    },
    /// Whether a connection can be made.
    Tcp {
        /// A name or an address.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A file of this machine: whether it is there, its size, mode, owner, times.
    File {
        /// Its path, relative to the folder of the step.
        path: String,
    },
    /// The text of a file of this machine: a look of its own, for what is found is recorded.
    Text {
        /// Its path, relative to the folder of the step.
        path: String,
    },
    /// A certificate: its names, its end, the days that are left.
    Cert {
        /// The path of a PEM file, or `host:port`.
        of: String,
    },
    /// The file system that a path is on: its size, what is free, what is used.
    Disk {
        /// Any path on it.
        path: String,
    },
    /// The time.
    Now,
    /// How much a server had printed when its condition was judged: its engine tells.
    Printed,
    /// That a script ran for too long by the clock: its engine tells, and it does not hold.
    Patience {
        /// The line of the file on which the script begins.
        script: u32,
        /// The line that it had come to.
        line: u32,
    },
}
