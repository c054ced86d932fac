//! Folds events into what a run is now. Holds the only transition table, used live and in recovery:
//! [`State::check`] says whether events may happen, the journal makes them durable, and only then
//! [`State::accept`] lets memory follow. Memory is never ahead of the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::event::{
    AttemptExited, Closing, Decision, Elsewhere, EventKind, Exit, PlannedStep, RunOpened,
    RunbookAdopted, StepStarting, Text, Verdict,
};
use crate::model::StepId;

/// Where a step is in its life.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Still to run.
    Pending,
    /// An attempt was recorded as starting; it may run, or may be over without our knowing.
    Running(StepStarting),
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
}

impl StepState {
    fn fresh() -> Self {
        Self {
            phase: Phase::Pending,
            attempts: 0,
            edited: None,
            filled: None,
            exited: None,
        }
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
    index: BTreeMap<StepId, usize>,
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
    pub fn steps(&self) -> impl Iterator<Item = (&PlannedStep, &StepState)> {
        let planned = self
            .opened
            .as_deref()
            .map_or(&[][..], |opened| &opened.steps);
        planned.iter().zip(&self.steps)
    }

    /// Returns the step `id` with its state.
    pub fn step(&self, id: &StepId) -> Option<(&PlannedStep, &StepState)> {
        let index = *self.index.get(id)?;
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
            let Some(at) = self.index.get(&planned.id).copied() else {
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
                Phase::Running(_) | Phase::Exited(_) | Phase::Unknown { .. } => {
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

    /// Returns what a step sees beside the inherited environment: names set (`Some`) or removed
    /// (`None`) by the steps before `step`, in the order of the plan, and the folder they left.
    /// `pending` are events that this state does not hold yet, and that count as if it did.
    pub fn carried(&self, step: &StepId, pending: &[EventKind]) -> Carried {
        let at = |id: &StepId| self.index.get(id).copied();
        let mut ended: Vec<(Option<usize>, &AttemptExited)> = Vec::new();
        let mut given: Vec<(Option<usize>, Phase)> = Vec::new();
        for event in pending {
            match event {
                EventKind::AttemptExited(exited) => ended.push((at(&exited.step), exited)),
                EventKind::StepFinished { step, verdict, .. } => {
                    given.push((at(step), Phase::Finished(*verdict)));
                }
                EventKind::OperatorDecided {
                    step: Some(step),
                    decision: Decision::Rerun,
                    ..
                } => given.push((at(step), Phase::Pending)),
                _ => {}
            }
        }
        let until = at(step).unwrap_or(self.steps.len());
        let mut carried = Carried::default();
        for (index, state) in self.steps[..until].iter().enumerate() {
            let phase = latest(&given, index).unwrap_or(&state.phase);
            let counts = matches!(
                phase,
                Phase::Finished(Verdict::Ok | Verdict::OperatorAsserted)
            );
            let exited = latest(&ended, index).copied().or(state.exited.as_ref());
            if let (true, Some(exited)) = (counts, exited) {
                carried.add(exited);
            }
        }
        carried
    }

    /// Says whether `events`, in this order, may happen now.
    ///
    /// # Errors
    /// The first of them that may not, and why.
    pub fn check(&self, events: &[EventKind]) -> Result<Accepted, IllegalEvent> {
        let mut ahead = Ahead {
            state: self,
            steps: BTreeMap::new(),
            changes: Vec::new(),
        };
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
                    continue;
                }
                _ if !is_open => return refuse("the run is not open yet"),
                // A torn end may come after the closing too.
                EventKind::Recovered { .. } => continue,
                _ if is_closed => return refuse("the run is closed"),
                _ => {}
            }
            match event {
                EventKind::RunClosed { result, .. } => {
                    if *result == Closing::Passed && !ahead.all_passed() {
                        return refuse("not every step is ok, skipped or asserted");
                    }
                    is_closed = true;
                    ahead.changes.push(Change::Close(*result));
                }
                EventKind::Signal { action, .. } => {
                    ahead
                        .changes
                        .push(Change::Stopped(action != "wait" && action != "detach"));
                }
                EventKind::RunResumed(_) => ahead.changes.push(Change::Stopped(false)),
                EventKind::ValueGiven { name, value, .. } => {
                    // A secret is nowhere but in the memory of the session that it was given to.
                    let value = value
                        .iter()
                        .map(|it| Change::Value(name.clone(), it.clone()));
                    ahead.changes.extend(value);
                }
                EventKind::HostConfirmed { host, .. } => {
                    ahead.changes.push(Change::Host(host.clone()));
                }
                EventKind::WorkstationDecided { decision, .. } => {
                    ahead.changes.push(Change::Workstation(*decision));
                }
                EventKind::RunbookAdopted(adopted) => match self.adopting(&adopted.steps) {
                    Ok(steps) => ahead.changes.push(Change::Adopt(adopted.clone(), steps)),
                    Err(because) => return refuse(&because),
                },
                _ => {
                    if let Some(step) = step_of(event) {
                        ahead.step(step, event).map_err(|because| IllegalEvent {
                            event: format!("{} of step `{step}`", name(event)),
                            because,
                        })?;
                    }
                }
            }
        }
        Ok(Accepted(ahead.changes))
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
                    self.number();
                }
                Change::Step(index, step) => {
                    self.steps[index] = *step;
                    self.over = self.over.min(index);
                    self.skip_over();
                }
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
        let numbered = planned.iter().enumerate();
        self.index = numbered.map(|(at, it)| (it.id.clone(), at)).collect();
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

fn latest<T>(list: &[(Option<usize>, T)], index: usize) -> Option<&T> {
    let mut found = list.iter().rev();
    found.find(|(at, _)| *at == Some(index)).map(|(_, it)| it)
}

/// What steps hand on to the steps after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Names with their values; `None` where the name was removed.
    pub variables: BTreeMap<String, Option<Text>>,
    /// The folder that the last of them left, where it was another.
    pub cwd: Option<Text>,
}

impl Carried {
    fn add(&mut self, exited: &AttemptExited) {
        let Some(delta) = &exited.environment else {
            return;
        };
        for (name, value) in &delta.set {
            self.variables.insert(name.clone(), Some(value.clone()));
        }
        for name in &delta.unset {
            self.variables.insert(name.clone(), None);
        }
        if let Some(cwd) = &delta.cwd {
            self.cwd = Some(cwd.clone());
        }
    }
}

/// Returns whether the attempt ended with a code that `step` accepts.
pub fn is_accepted(step: &PlannedStep, exited: &AttemptExited) -> bool {
    match (exited.exit, exited.ended_by) {
        (Exit::Code(code), None) if step.exit.is_empty() => code == 0,
        (Exit::Code(code), None) => step.exit.contains(&code),
        (_, Some(_)) | (Exit::Signal(_) | Exit::NotStarted(_), None) => false,
    }
}

// The state as it will be once the events that were checked so far are accepted.
struct Ahead<'a> {
    state: &'a State,
    steps: BTreeMap<usize, StepState>,
    changes: Vec<Change>,
}

impl Ahead<'_> {
    fn all_passed(&self) -> bool {
        self.state
            .steps
            .iter()
            .enumerate()
            .skip(self.state.over)
            .all(|(i, s)| self.steps.get(&i).unwrap_or(s).is_over())
    }

    // The transition table.
    fn step(&mut self, id: &StepId, event: &EventKind) -> Result<(), String> {
        let opened = self
            .state
            .opened
            .as_deref()
            .ok_or("the plan is not known yet")?;
        let index = *self
            .state
            .index
            .get(id)
            .ok_or("the plan has no such step")?;
        let planned = &opened.steps[index];
        let mut step = self
            .steps
            .get(&index)
            .unwrap_or(&self.state.steps[index])
            .clone();
        let by_hand = !planned.can_run();
        step.phase = match (step.phase, event) {
            (
                Phase::Pending | Phase::Finished(Verdict::Failed),
                EventKind::StepStarting(starting),
            ) if !by_hand => {
                if starting.attempt != step.attempts + 1 {
                    return Err(format!(
                        "attempt {} after {}",
                        starting.attempt, step.attempts
                    ));
                }
                step.attempts = starting.attempt;
                step.exited = None;
                Phase::Running(starting.clone())
            }
            (Phase::Running(starting), EventKind::AttemptExited(exited))
                if starting.nonce == exited.nonce =>
            {
                step.exited = Some((**exited).clone());
                Phase::Exited(exited.clone())
            }
            (Phase::Running(starting), EventKind::AttemptVoid { nonce, .. })
                if starting.nonce == *nonce =>
            {
                Phase::Pending
            }
            (Phase::Running(starting), EventKind::AttemptUnknown { nonce, because, .. })
                if starting.nonce == *nonce =>
            {
                Phase::Unknown {
                    nonce: nonce.clone(),
                    because: because.clone(),
                }
            }
            (Phase::Exited(exited), EventKind::StepFinished { verdict, .. }) => match verdict {
                Verdict::Ok if is_accepted(planned, &exited) => Phase::Finished(Verdict::Ok),
                Verdict::Ok => return Err("its exit is not accepted".to_owned()),
                Verdict::Failed => Phase::Finished(Verdict::Failed),
                other => return Err(format!("it ran, so it is not {other:?}")),
            },
            (
                Phase::Pending | Phase::Unknown { .. } | Phase::Finished(Verdict::Failed),
                EventKind::StepFinished {
                    verdict: verdict @ (Verdict::Skipped | Verdict::OperatorAsserted),
                    ..
                },
            ) => Phase::Finished(*verdict),
            (
                Phase::Unknown { .. } | Phase::Finished(_),
                EventKind::OperatorDecided {
                    decision: Decision::Rerun,
                    ..
                },
            ) => Phase::Pending,
            (phase, EventKind::OperatorDecided { .. } | EventKind::Note { .. }) => phase,
            (
                phase @ (Phase::Pending | Phase::Unknown { .. } | Phase::Finished(Verdict::Failed)),
                EventKind::StepEdited { body, .. },
            ) => {
                step.edited = Some(body.clone());
                step.filled = None;
                phase
            }
            (
                phase @ (Phase::Pending | Phase::Unknown { .. } | Phase::Finished(Verdict::Failed)),
                EventKind::StepFilled { body, .. },
            ) if step.edited.is_none() => {
                step.filled = Some(body.clone());
                phase
            }
            (phase, _) => return Err(format!("it is {}", phase_name(&phase))),
        };
        self.changes
            .push(Change::Step(index, Box::new(step.clone())));
        self.steps.insert(index, step);
        Ok(())
    }
}

fn step_of(event: &EventKind) -> Option<&StepId> {
    match event {
        EventKind::StepStarting(starting) => Some(&starting.step),
        EventKind::AttemptExited(exited) => Some(&exited.step),
        EventKind::AttemptVoid { step, .. }
        | EventKind::AttemptUnknown { step, .. }
        | EventKind::StepEdited { step, .. }
        | EventKind::StepFilled { step, .. }
        | EventKind::StepFinished { step, .. } => Some(step),
        EventKind::OperatorDecided { step, .. } | EventKind::Note { step, .. } => step.as_ref(),
        _ => None,
    }
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
        EventKind::StepFinished { .. } => "step.finished",
        EventKind::OperatorDecided { .. } => "operator.decided",
        EventKind::Note { .. } => "note",
        EventKind::Signal { .. } => "signal",
        EventKind::RunClosed { .. } => "run.closed",
        EventKind::Unknown => "unknown",
    }
}

fn phase_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Pending => "still to run",
        Phase::Running(_) => "running",
        Phase::Exited(_) => "over, without a verdict",
        Phase::Unknown { .. } => "unknown",
        Phase::Finished(_) => "finished",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{EndedBy, Identity, Operator, Request};
    use crate::model::Effect;

    fn id(name: &str) -> StepId {
        StepId::new(name).unwrap()
    }

    fn opened() -> EventKind {
        let step = |name: &str, language: Option<&str>| PlannedStep {
            id: id(name),
            title: name.to_owned(),
            section: String::new(),
            line: 1,
            language: language.map(str::to_owned),
            body: "true".to_owned(),
            offered: None,
            effect: Effect::Unknown,
            idempotent: false,
            exit: Vec::new(),
        };
        EventKind::RunOpened(Box::new(RunOpened {
            run: "RUN".to_owned(),
            title: String::new(),
            file: String::new(),
            snapshot: String::new(),
            declared: true,
            versions: Vec::new(),
            operator: Operator {
                user: "ana".to_owned(),
                uid: 1,
                sudo_user: None,
                host: "here".to_owned(),
                terminal: false,
            },
            reason: None,
            cwd: "/".to_owned(),
            called_from: "/".to_owned(),
            request: Request::default(),
            inputs: Vec::new(),
            steps: vec![
                step("a", Some("bash")),
                step("b", Some("bash")),
                step("c", None),
            ],
            left_out: Vec::new(),
            environment: Vec::new(),
            before: None,
        }))
    }

    fn starting(step: &str, attempt: u32, nonce: &str) -> EventKind {
        EventKind::StepStarting(StepStarting {
            step: id(step),
            attempt,
            nonce: nonce.to_owned(),
            identity: Identity {
                pid: 1,
                start_time: 1,
                boot_id: String::new(),
            },
            command: String::new(),
        })
    }

    fn exited(step: &str, nonce: &str, exit: Exit, ended_by: Option<EndedBy>) -> EventKind {
        EventKind::AttemptExited(Box::new(AttemptExited {
            step: id(step),
            nonce: nonce.to_owned(),
            exit,
            ended_by,
            ms: 1,
            output: None,
            environment: None,
            failed_at: None,
            left_running: Vec::new(),
            remarks: Vec::new(),
        }))
    }

    fn finished(step: &str, verdict: Verdict) -> EventKind {
        EventKind::StepFinished {
            step: id(step),
            verdict,
            because: None,
        }
    }

    fn refused(events: &[EventKind]) -> String {
        let (_, error) = State::fold(events).unwrap_err();
        error.to_string()
    }

    #[test]
    fn ok_needs_an_accepted_exit() {
        let before = [opened(), starting("a", 1, "n")];
        for (exit, ended_by) in [
            (Exit::Code(1), None),
            (Exit::Signal(9), None),
            (Exit::NotStarted(2), None),
            (Exit::Code(0), Some(EndedBy::Timeout)),
        ] {
            let mut events = before.to_vec();
            events.push(exited("a", "n", exit, ended_by));
            events.push(finished("a", Verdict::Ok));
            assert_eq!(
                refused(&events),
                "step.finished of step `a` cannot happen here: its exit is not accepted"
            );
        }
        assert_eq!(
            refused(&[opened(), finished("a", Verdict::Ok)]),
            "step.finished of step `a` cannot happen here: it is still to run"
        );
    }

    #[test]
    fn a_step_that_is_over_does_not_start_again_without_a_decision() {
        let mut events = vec![
            opened(),
            starting("a", 1, "n"),
            exited("a", "n", Exit::Code(0), None),
            finished("a", Verdict::Ok),
            starting("a", 2, "m"),
        ];
        assert_eq!(
            refused(&events),
            "step.starting of step `a` cannot happen here: it is finished"
        );
        events.insert(
            4,
            EventKind::OperatorDecided {
                step: Some(id("a")),
                question: String::new(),
                decision: Decision::Rerun,
                by: "ana".to_owned(),
            },
        );
        assert!(State::fold(&events).is_ok());
    }

    #[test]
    fn an_exit_of_another_attempt_is_not_taken_for_this_one() {
        let events = [
            opened(),
            starting("a", 1, "n"),
            exited("a", "stale", Exit::Code(0), None),
        ];
        assert_eq!(
            refused(&events),
            "attempt.exited of step `a` cannot happen here: it is running"
        );
    }

    fn any_event() -> impl Strategy<Value = EventKind> {
        let step = prop::sample::select(vec!["a", "b", "c", "d"]);
        let nonce = prop::sample::select(vec!["n", "m"]);
        let exit = prop::sample::select(vec![Exit::Code(0), Exit::Code(1), Exit::Signal(15)]);
        let verdict = prop::sample::select(vec![
            Verdict::Ok,
            Verdict::Failed,
            Verdict::Skipped,
            Verdict::OperatorAsserted,
        ]);
        (0..8_u8, step, nonce, exit, verdict, 1..4_u32).prop_map(
            |(kind, step, nonce, exit, verdict, attempt)| match kind {
                0 | 1 => starting(step, attempt, nonce),
                2 => exited(step, nonce, exit, None),
                3 | 4 => finished(step, verdict),
                5 => EventKind::AttemptUnknown {
                    step: id(step),
                    nonce: nonce.to_owned(),
                    because: String::new(),
                },
                6 => EventKind::OperatorDecided {
                    step: Some(id(step)),
                    question: String::new(),
                    decision: Decision::Rerun,
                    by: String::new(),
                },
                _ => EventKind::RunClosed {
                    result: Closing::Passed,
                    reason: None,
                    by: None,
                },
            },
        )
    }

    proptest! {
        // Whatever comes: what is refused changes nothing, a batch is its events one by one, and
        // the promises hold in every state that can be reached.
        #[test]
        fn the_table_keeps_its_promises(
            events in prop::collection::vec(any_event(), 0..60),
            split in 1..5_usize,
        ) {
            let mut state = State::default();
            state.accept(state.check(&[opened()]).unwrap());
            let mut legal = Vec::new();
            for event in events {
                let before = state.clone();
                if let Ok(accepted) = state.check(std::slice::from_ref(&event)) {
                    state.accept(accepted);
                    legal.push(event);
                } else {
                    prop_assert_eq!(&state, &before);
                }
                for (planned, step) in state.steps() {
                    let is_ok = step.phase == Phase::Finished(Verdict::Ok);
                    let accepted = step.exited.as_ref().is_some_and(|it| is_accepted(planned, it));
                    prop_assert!(!is_ok || accepted);
                    prop_assert!(planned.language.is_some() || step.attempts == 0);
                }
                let over = state.steps().all(|(_, step)| step.is_over());
                prop_assert!(state.closed() != Some(Closing::Passed) || over);
            }
            let mut batched = State::default();
            batched.accept(batched.check(&[opened()]).unwrap());
            for batch in legal.chunks(split) {
                let accepted = batched.check(batch);
                prop_assert!(accepted.is_ok(), "{:?}", accepted.err());
                batched.accept(accepted.unwrap());
            }
            prop_assert_eq!(batched, state);
        }
    }
}
