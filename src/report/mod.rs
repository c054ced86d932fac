//! Tells a run to people and programs: readers of one line of events, writing to what they are
//! handed. Reads no files, clock or environment, and prints nothing by itself: the writer, the facts
//! of the terminal and the stored outputs are handed in.
//!
//! Two kinds of news reach a [`Reporter`]: [`Event`]s, which are durable and come without loss, in
//! order, and [`Progress`], which is live and may be dropped when the reader is slow. A reporter
//! lives on a thread of its own: a terminal stopped by Ctrl-S stops it, and never the run.

use std::io;
use std::time::Duration;

use crate::event::{Event, Output};
use crate::model::StepId;

pub mod clean;
pub mod console;
pub mod diagnostic;
mod excerpt;
#[cfg(test)]
mod fixture;
pub mod history;
pub mod json;
pub mod judged;
pub mod outlook;
pub mod page;
pub mod show;
mod story;
pub mod transcript;
mod words;

pub use console::Console;
pub use history::RunSummary;
pub use json::Json;
pub use transcript::Head;
pub use words::{duration, size};

/// Someone who is told of a run while it goes on.
pub trait Reporter: Send {
    /// Tells of something that is on disk.
    ///
    /// # Errors
    /// When the writer fails; the run goes on, the reporter need not be told more.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Tells of something that passes.
    ///
    /// # Errors
    /// As for `event`.
    fn progress(&mut self, progress: &Progress) -> io::Result<()>;

    /// Tells that no more will come, and writes what stands at the end.
    ///
    /// # Errors
    /// As for `event`.
    fn finish(&mut self, ending: &Ending) -> io::Result<()>;
}

/// News that is not kept. Any of `Output` and `Tick` may be lost; the others must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The log of a running step grew.
    Output {
        /// Its step.
        step: StepId,
        /// Where in the log of this attempt `bytes` begin: shows what was lost between two.
        offset: u64,
        /// As they stand in the log.
        bytes: Vec<u8>,
    },
    /// Time passes while a step runs; about ten times a second for a terminal, rarely elsewhere.
    Tick {
        /// Its step.
        step: StepId,
        /// Since it was released.
        elapsed: Duration,
        /// Since it last printed anything, or since it was released.
        silent: Duration,
    },
    /// A step goes on that an earlier session began; what it printed so far comes first.
    Attached(StepId),
    /// Someone else is about to use the terminal: when this call returns, the live line is gone and
    /// nothing is written until `Resume`.
    Suspend,
    /// The terminal is the reporter's again; what was held back is written.
    Resume,
    /// The terminal has another width now, in columns.
    Resized(usize),
    /// A remark of the program that is not part of the record, for people: one line.
    Message(String),
}

/// What a reporter is told when a session is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Where the transcript is, if one was written.
    pub transcript: Option<String>,
}

/// The stored outputs of a run.
pub trait Outputs {
    /// Returns up to `length` bytes of the log from `offset` on; fewer only at its end.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn read(&self, output: &Output, offset: u64, length: usize) -> io::Result<Vec<u8>>;
}

impl<T: Outputs + ?Sized> Outputs for &T {
    fn read(&self, output: &Output, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        (**self).read(output, offset, length)
    }
}

/// What the reader of text sees it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Whether lines can be drawn over.
    pub surface: Surface,
    /// Whether colours are shown; no text relies on them.
    pub colour: Colour,
    /// How much of the output is shown.
    pub detail: Detail,
}

/// Whether lines can be drawn over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// A terminal: one live line, replaced by the result.
    Terminal,
    /// A file or a pipe: line after line, without any escape sequence but colours that were asked for.
    Plain,
}

/// Whether colours are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// By ANSI sequences.
    Shown,
    /// Not at all.
    None,
}

/// How much of what steps print is shown while they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The end of it, when the step fails.
    Brief,
    /// All (`-v`).
    Full,
}
