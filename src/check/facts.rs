//! What a check may know.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::event::Verdict;
use crate::model::{Fact, Probe, StepId};

/// What is known of one attempt of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepFacts {
    /// Its exit code; `None` where a signal ended it, or it has not ended.
    pub status: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it printed, as stored.
    pub stdout: Arc<str>,
    /// What it printed to standard error, as stored.
    pub stderr: Arc<str>,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// How it ended, where that is decided.
    pub verdict: Option<Verdict>,
    /// What it gave through `$RUNBOOK_OUTPUT` or `capture=`.
    pub values: BTreeMap<String, String>,
    /// Whether some of its output was not kept.
    pub truncated: bool,
}

/// What is known of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFacts {
    /// Its id.
    pub id: String,
    /// The runbook's title.
    pub title: String,
    /// The document, as it was named.
    pub document: String,
    /// The start folder.
    pub folder: String,
}

/// How long a script may run, by a clock that is handed in. Its operations and bytes end it long before,
/// but on a machine that hardly moves.
#[derive(Clone)]
pub struct Patience {
    most: Duration,
    now: Rc<dyn Fn() -> Duration>,
}

impl Patience {
    /// Returns the patience of somebody who waits so long, and reads the time from `now`.
    pub fn new(most: Duration, now: impl Fn() -> Duration + 'static) -> Self {
        Self {
            most,
            now: Rc::new(now),
        }
    }

    /// Returns the patience of somebody who has no clock.
    pub fn endless() -> Self {
        Self::new(Duration::MAX, || Duration::ZERO)
    }

    /// Begins to wait; returns what says whether the time is over.
    pub(super) fn begin(&self) -> impl Fn() -> bool + 'static {
        let (most, now) = (self.most, Rc::clone(&self.now));
        let start = now();
        move || now().saturating_sub(start) >= most
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patience({:?})", self.most)
    }
}

/// What a check may know: all of it is handed in, so that judging again gives the same.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The step that is judged: `step`. `None` where a condition stands before its step has run.
    pub step: Option<&'a StepFacts>,
    /// The steps that have ended: `steps["id"]`.
    pub steps: &'a BTreeMap<StepId, StepFacts>,
    /// The inputs, as text: `inputs.name`.
    pub inputs: &'a BTreeMap<String, String>,
    /// What steps captured: `values.name`.
    pub values: &'a BTreeMap<String, String>,
    /// The run: `run`.
    pub run: &'a RunFacts,
    /// What looks at the world have found for this check.
    pub probed: &'a [(Probe, Fact)],
    /// How long each script may run.
    pub patience: &'a Patience,
}
