//! Who answers questions: a person at a terminal, nobody, or a script.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::model::{Step, StepId};
use crate::plan::{Existing, Plan};
use crate::render::Value;

use super::decide::{Answer, Question};

/// A question with what a person needs to answer it.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// What is asked.
    pub question: &'a Question,
    /// The plan of the run.
    pub plan: &'a Plan,
    /// The step that it is about.
    pub step: Option<&'a Step>,
    /// That step's body as it would run, edits and values included: what an edit begins with.
    pub body: &'a str,
    /// The same for people: secrets are masked.
    pub shown: &'a str,
    /// What placeholders were given so far.
    pub values: &'a BTreeMap<String, Value>,
    /// Files that are there and that it would overwrite.
    pub existing: &'a [Existing],
    /// How many steps are still to run.
    pub left: usize,
    /// Whether something that ran can be undone.
    pub undoes: bool,
}

/// To what the terminal is lent.
#[derive(Clone, Copy, Debug)]
pub struct Lending<'a> {
    /// The step.
    pub step: &'a StepId,
    /// It is ended after this long.
    pub timeout: Option<Duration>,
    /// Whether it is a shell in the step's environment, and not the step.
    pub is_shell: bool,
}

/// When the terminal is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once: what has it goes on without it.
    Now,
    /// Once the last word of what had it is shown.
    Over,
}

/// Someone who answers. Never blocks the run: a question is put, and the answer comes later.
pub trait Operator {
    /// Puts a question; a question that was open is withdrawn.
    fn ask(&mut self, asking: Asking<'_>);

    /// Leaves the terminal as it was found: it is somebody else's for a while.
    fn pause(&mut self) {}

    /// Shows the open question anew: the terminal was somebody else's for a while.
    fn repeat(&mut self);

    /// Takes the open question back.
    fn withdraw(&mut self);

    /// Returns what to poll while a question is open; `None` where answers come at once.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// Lends the terminal: what is typed goes into `line` as it is, what comes out of it is shown.
    ///
    /// # Errors
    /// Where there is no terminal that could be lent.
    fn lend(&mut self, line: OwnedFd, to: Lending<'_>) -> io::Result<()>;

    /// Takes the terminal back, and leaves it as it was before it was lent.
    fn take_back(&mut self, when: When);

    /// Returns the answer, if it is complete now. The end of input is [`Answer::Quit`].
    fn hear(&mut self) -> Option<Answer>;
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Operator for Nobody {
    fn ask(&mut self, _asking: Asking<'_>) {}

    fn repeat(&mut self) {}

    fn withdraw(&mut self) {}

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn lend(&mut self, _line: OwnedFd, _to: Lending<'_>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn take_back(&mut self, _when: When) {}

    fn hear(&mut self) -> Option<Answer> {
        Some(Answer::Quit)
    }
}
