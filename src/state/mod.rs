//! Folds events into what a run is now. Holds the only transition table, used live and in recovery:
//! [`State::check`] says whether events may happen, the journal makes them durable, and only then
//! [`State::accept`] lets memory follow. Memory is never ahead of the disk.

mod carried;
mod order;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::event::{
    AttemptExited, Closing, Elsewhere, EndedBy, EventKind, Exit, PlannedStep, RunOpened,
    RunbookAdopted, StepStarting, Verdict,
};
use crate::model::{Fact, Probe, StepId};

pub use carried::{Carried, Conflict, Given};
pub use order::{Fate, Order, Role};
pub use table::Ahead;

/// How often a step that only says `until` is tried.
const TRIES: u32 = 60;

/// Where a step is in its life.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Still to run.
    Pending,
    /// An attempt was recorded as starting; it may run, or may be over without our knowing.
    Running(StepStarting),
    /// A server that is ready: it runs while later steps do.
    Serving(StepStarting),
    /// The attempt ended; the verdict is still to be given.
    Exited(Box<AttemptExited>),
    /// Nobody can know how the attempt ended.
    Unknown {
        /// Which attempt.
        nonce: String,
        /// What is known.
        because: String,
    },
    /// Over.
    Finished(Verdict),
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct StepState {
    /// Where it is.
    pub phase: Phase,
    /// Attempts so far.
    pub attempts: u32,
    /// The body after an edit; else the plan's.
    pub edited: Option<String>,
    /// The body with its values as it was shown, secrets masked; absent where none were filled in.
    pub filled: Option<String>,
    /// How its latest attempt ended, if it did.
    pub exited: Option<AttemptExited>,
    /// How often it was tried again by itself since somebody decided about it.
    pub retried: u32,
    /// An attempt of it ran, and was not undone.
    pub ran: bool,
    /// What checks of its latest attempt looked at.
    pub probed: Vec<(Probe, Fact)>,
    /// Which of all starts of the run its latest was, from 1; 0 for none.
    pub began: u64,
}

impl StepState {
    fn fresh() -> Self {
        Self {
            phase: Phase::Pending,
            attempts: 0,
            edited: None,
            filled: None,
            exited: None,
            retried: 0,
            ran: false,
            probed: Vec::new(),
            began: 0,
        }
    }

    /// Returns whether its latest attempt was not ok, and it waits to be tried again by itself.
    pub fn is_tried_again(&self) -> bool {
        self.phase == Phase::Pending && self.retried > 0
    }

    /// Returns whether it is ok, skipped or asserted: nothing of it is still to do.
    pub fn is_over(&self) -> bool {
        matches!(
            self.phase,
            Phase::Finished(Verdict::Ok | Verdict::Skipped | Verdict::OperatorAsserted)
        )
    }
}

/// What a run is, as its events say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    opened: Option<Box<RunOpened>>,
    steps: Vec<StepState>,
    order: Order,
    begun: u64,
    undo: Option<Undo>,
    // All steps before this one are over for good: a run of many steps is not searched from its
    // beginning each time.
    over: usize,
    closed: Option<Closing>,
    stopped: bool,
    // The snapshot that was adopted last, where one was.
    adopted: Option<String>,
    values: BTreeMap<String, String>,
    hosts: BTreeSet<String>,
    workstation: Option<Elsewhere>,
}

/// What was done is undone, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undo {
    /// The step that failed.
    pub failed: StepId,
    /// The steps that undo, in their order.
    pub steps: Vec<StepId>,
}

/// An event that the table does not allow here: our bug, or a journal that was tampered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IllegalEvent {
    /// What was to happen.
    pub event: String,
    /// Why it cannot.
    pub because: String,
}

impl fmt::Display for IllegalEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot happen here: {}", self.event, self.because)
    }
}

impl std::error::Error for IllegalEvent {}

/// Events that the table allows, with what they change; only [`State::check`] makes one.
#[derive(Debug)]
#[must_use = "an accepted event changes nothing until the state takes it"]
pub struct Accepted(Vec<Change>);

#[derive(Debug)]
enum Change {
    Open(Box<RunOpened>),
    Step(usize, Box<StepState>),
    Begun(u64),
    Undo(Option<Undo>),
    Stopped(bool),
    Close(Closing),
    Adopt(Box<RunbookAdopted>, Vec<StepState>),
    Value(String, String),
    Host(String),
    Workstation(Elsewhere),
}

impl State {
    /// Returns the run as it was opened; `None` before `run.opened`.
    pub fn opened(&self) -> Option<&RunOpened> {
        self.opened.as_deref()
    }

    /// Returns the steps with their states, in the order of the plan.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = (&PlannedStep, &StepState)> {
        let planned = self
            .opened
            .as_deref()
            .map_or(&[][..], |opened| &opened.steps);
        planned.iter().zip(&self.steps)
    }

    /// Returns the step `id` with its state.
    pub fn step(&self, id: &StepId) -> Option<(&PlannedStep, &StepState)> {
        let index = self.order.place(id)?;
        Some((
            self.opened.as_deref()?.steps.get(index)?,
            self.steps.get(index)?,
        ))
    }

    /// Returns the steps from the first one on that is not over for good.
    pub fn open_steps(&self) -> impl Iterator<Item = (&PlannedStep, &StepState)> {
        self.steps().skip(self.over)
    }

    /// Returns the file in the run's folder that holds the document as it is run now.
    pub fn snapshot(&self) -> &str {
        self.adopted.as_deref().unwrap_or("runbook.md")
    }

    /// Returns the values that placeholders were given, by name. Secrets are not kept.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Returns the hosts that steps may leave this machine for.
    pub fn hosts(&self) -> &BTreeSet<String> {
        &self.hosts
    }

    /// Returns what was decided about the steps that are meant for the operator's own computer.
    pub fn workstation(&self) -> Option<Elsewhere> {
        self.workstation
    }

    // What the steps of another version of the document are in this run: same id and same content
    // carry over; what is over stays over, also where its text changed, unless it is run again by a
    // decision; the rest begins anew.
    fn adopting(&self, steps: &[PlannedStep]) -> Result<Vec<StepState>, String> {
        let mut last = None;
        let mut carried = Vec::with_capacity(steps.len());
        let mut kept = BTreeSet::new();
        for planned in steps {
            let Some(at) = self.order.place(&planned.id) else {
                carried.push(StepState::fresh());
                continue;
            };
            if last.is_some_and(|before| at < before) {
                return Err(format!(
                    "step `{}` stands in another order there",
                    planned.id
                ));
            }
            (last, _) = (Some(at), kept.insert(at));
            let before = self.opened.as_deref().and_then(|it| it.steps.get(at));
            let is_same = before.is_some_and(|it| it.is_like(planned));
            let step = self.steps[at].clone();
            carried.push(if is_same || step.is_over() {
                step
            } else {
                StepState {
                    attempts: step.attempts,
                    ..StepState::fresh()
                }
            });
        }
        for (at, (planned, step)) in self.steps().enumerate() {
            match step.phase {
                Phase::Running(_)
                | Phase::Serving(_)
                | Phase::Exited(_)
                | Phase::Unknown { .. } => {
                    return Err(format!(
                        "what became of step `{}` is not known yet",
                        planned.id
                    ));
                }
                Phase::Finished(_) if !kept.contains(&at) => {
                    return Err(format!(
                        "step `{}`, which has run, is not in it",
                        planned.id
                    ));
                }
                Phase::Pending | Phase::Finished(_) => {}
            }
        }
        Ok(carried)
    }

    /// Returns how the run was closed; `None` while it is open.
    pub fn closed(&self) -> Option<Closing> {
        self.closed
    }

    /// Returns whether the last that was told to the run was to stop.
    pub fn was_stopped(&self) -> bool {
        self.stopped
    }

    /// Returns the order of the steps.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Returns the undo that is under way or over, with the failure that it belongs to.
    pub fn undo(&self) -> Option<&Undo> {
        self.undo.as_ref()
    }

    /// Returns what a step sees beside the inherited environment: names set (`Some`) or removed
    /// (`None`) by the steps before `step`, in the order of the document, and the folder they left.
    /// `pending` are events that this state does not hold yet, and that count as if it did.
    pub fn carried(&self, step: &StepId, pending: &[EventKind]) -> Carried {
        match self.look_ahead(pending) {
            Ok(ahead) => ahead.carried(step),
            Err(_) => Ahead::new(self).carried(step),
        }
    }

    /// Returns the state as it would be after these events.
    ///
    /// # Errors
    /// The first of them that may not happen now, and why.
    pub fn look_ahead(&self, events: &[EventKind]) -> Result<Ahead<'_>, IllegalEvent> {
        let mut ahead = Ahead::new(self);
        let mut is_open = self.opened.is_some();
        let mut is_closed = self.closed.is_some();
        for event in events {
            let refuse = |because: &str| {
                Err(IllegalEvent {
                    event: name(event).to_owned(),
                    because: because.to_owned(),
                })
            };
            match event {
                EventKind::RunOpened(_) if is_open => return refuse("the run is open already"),
                EventKind::RunOpened(opened) => {
                    is_open = true;
                    ahead.changes.push(Change::Open(opened.clone()));
                }
                _ if !is_open => return refuse("the run is not open yet"),
                // A torn end may come after the closing too.
                EventKind::Recovered { .. } => {}
                _ if is_closed => return refuse("the run is closed"),
                _ => {
                    is_closed = matches!(event, EventKind::RunClosed { .. });
                    ahead.look(event)?;
                }
            }
        }
        Ok(ahead)
    }

    /// Says whether `events`, in this order, may happen now.
    ///
    /// # Errors
    /// The first of them that may not, and why.
    pub fn check(&self, events: &[EventKind]) -> Result<Accepted, IllegalEvent> {
        Ok(Accepted(self.look_ahead(events)?.changes))
    }

    /// Lets memory follow what is on the disk now.
    pub fn accept(&mut self, accepted: Accepted) {
        for change in accepted.0 {
            match change {
                Change::Open(opened) => {
                    self.steps = vec![StepState::fresh(); opened.steps.len()];
                    self.opened = Some(opened);
                    self.number();
                }
                Change::Adopt(adopted, steps) => {
                    if let Some(opened) = &mut self.opened {
                        opened.snapshot = adopted.snapshot;
                        opened.title = adopted.title;
                        opened.steps = adopted.steps;
                        opened.left_out = adopted.left_out;
                    }
                    self.adopted = Some(adopted.file);
                    self.steps = steps;
                    self.undo = None;
                    self.number();
                }
                Change::Step(index, step) => {
                    self.steps[index] = *step;
                    self.over = self.over.min(index);
                    self.skip_over();
                }
                Change::Begun(begun) => self.begun = begun,
                Change::Undo(undo) => self.undo = undo,
                Change::Stopped(stopped) => self.stopped = stopped,
                Change::Close(result) => self.closed = Some(result),
                Change::Value(name, value) => drop(self.values.insert(name, value)),
                Change::Host(host) => drop(self.hosts.insert(host)),
                Change::Workstation(decision) => self.workstation = Some(decision),
            }
        }
    }

    fn number(&mut self) {
        let planned = self.opened.as_deref().map_or(&[][..], |it| &it.steps);
        self.order = Order::of(planned);
        self.over = 0;
        self.skip_over();
    }

    fn skip_over(&mut self) {
        while self.steps.get(self.over).is_some_and(StepState::is_over) {
            self.over += 1;
        }
    }

    /// Folds events that were read from a journal.
    ///
    /// # Errors
    /// The position of the first event that the table does not allow, and why.
    pub fn fold<'a>(
        events: impl IntoIterator<Item = &'a EventKind>,
    ) -> Result<Self, (usize, IllegalEvent)> {
        let mut state = Self::default();
        for (position, event) in events.into_iter().enumerate() {
            let accepted = state
                .check(std::slice::from_ref(event))
                .map_err(|error| (position, error))?;
            state.accept(accepted);
        }
        Ok(state)
    }
}

/// Returns whether the attempt ended with a code that `step` accepts, and gave what it was to give.
pub fn is_accepted(step: &PlannedStep, exited: &AttemptExited) -> bool {
    match (exited.exit, exited.ended_by) {
        _ if exited.unfit.is_some() => false,
        // A server does not end by itself; what it says when it is told to is its own affair.
        (_, by) if step.flow.background => by == Some(EndedBy::End),
        (Exit::Code(code), None) if step.exit.is_empty() => code == 0,
        (Exit::Code(code), None) => step.exit.contains(&code),
        (_, Some(_)) | (Exit::Signal(_) | Exit::NotStarted(_), None) => false,
    }
}

/// Returns how often a step is tried before it has failed.
pub fn tries(step: &PlannedStep) -> u32 {
    match (step.flow.retries, &step.flow.until) {
        (0, Some(_)) => TRIES,
        (retries, _) => retries.saturating_add(1),
    }
}

// A server that outlives the run is ok while it still runs.
fn verdict_of_stay(step: &PlannedStep) -> Option<Verdict> {
    step.flow.stays.then_some(Verdict::Ok)
}

/// Returns the name of the event as the journal writes it.
pub fn name(event: &EventKind) -> &'static str {
    match event {
        EventKind::RunOpened(_) => "run.opened",
        EventKind::RunResumed(_) => "run.resumed",
        EventKind::Recovered { .. } => "recovered",
        EventKind::RunbookAdopted(_) => "runbook.adopted",
        EventKind::StepStarting(_) => "step.starting",
        EventKind::AttemptExited(_) => "attempt.exited",
        EventKind::AttemptVoid { .. } => "attempt.void",
        EventKind::AttemptUnknown { .. } => "attempt.unknown",
        EventKind::StepEdited { .. } => "step.edited",
        EventKind::StepFilled { .. } => "step.filled",
        EventKind::ValueGiven { .. } => "value.given",
        EventKind::HostConfirmed { .. } => "host.confirmed",
        EventKind::WorkstationDecided { .. } => "workstation.decided",
        EventKind::StepRetrying { .. } => "step.retrying",
        EventKind::CheckProbed { .. } => "check.probed",
        EventKind::CheckJudged { .. } => "check.judged",
        EventKind::ServiceStarted { .. } => "service.started",
        EventKind::ServiceReady { .. } => "service.ready",
        EventKind::ServiceStopped { .. } => "service.stopped",
        EventKind::UndoStarted { .. } => "undo.started",
        EventKind::StepFinished { .. } => "step.finished",
        EventKind::OperatorDecided { .. } => "operator.decided",
        EventKind::Note { .. } => "note",
        EventKind::Signal { .. } => "signal",
        EventKind::RunClosed { .. } => "run.closed",
        EventKind::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests;
