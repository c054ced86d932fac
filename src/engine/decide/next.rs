//! Which steps begin next, and when a session is over.

use crate::event::{Closing, Decision, EndedBy, EventKind, OnFailure, PlannedStep, Verdict};
use crate::keeper::protocol::Ending;
use crate::model::StepId;
use crate::state::{Ahead, Fate, Phase, Role};

use super::begin::Proposal;
use super::session::{Flight, Which};
use super::{
    Action, Judged, Judging, Leaving, Question, Turn, by_the_runbook, repeatable, skipped,
};

impl Turn<'_> {
    /// Begins, or goes on after something that changes what is next.
    pub(super) fn begin(&mut self) {
        let mut events = Vec::new();
        let waits = |id| self.wants_terminal(id);
        if !self.session.terminal && self.session.steps_in_flight().any(waits) {
            // It waits for a person, and nobody is here: it goes on waiting.
            return self.leave(Leaving::Detached);
        }
        for (step, ms) in std::mem::take(&mut self.session.awaited) {
            self.session.pauses.insert(step.clone());
            self.actions.push(Action::Pause { step, ms });
        }
        self.judge_rest(&mut events);
        if self.session.departing.is_none() {
            events.extend(self.watch_attached());
        }
        self.go(events);
    }

    // Attempts whose end is recorded and whose verdict is not: a crash came between.
    fn judge_rest(&mut self, events: &mut Vec<EventKind>) {
        let state = self.state;
        let Ok(ahead) = state.look_ahead(&[]) else {
            return;
        };
        for at in ahead.with_phase(|it| matches!(it, Phase::Exited(_))) {
            if let (Some(planned), Phase::Exited(exited)) = (ahead.planned(at), &ahead.at(at).phase)
                && !self.session.is_in_flight(&planned.id)
            {
                let verdict = self.verdict(events, planned, exited);
                events.extend(verdict);
                // It failed in another session.
                self.session.failed_here.remove(&planned.id);
            }
        }
    }

    /// Goes on: `events` are about to happen, and are committed with what comes of them.
    pub(super) fn go(&mut self, mut events: Vec<EventKind>) {
        let state = self.state;
        // Each round settles one step that nobody need be asked about.
        loop {
            let Ok(ahead) = state.look_ahead(&events) else {
                // The journal refuses them too, and says why.
                return self.commit(events);
            };
            if let Some(leaving) = self.session.departing.clone() {
                return self.depart(leaving, events);
            }
            if self.session.question.is_some() || self.session.shell.is_some() {
                return self.commit(events);
            }
            let more = if let Some(more) = self.unknowns(&ahead) {
                more
            } else if ahead.is_undoing() {
                self.go_back(&ahead, &mut events)
            } else {
                self.go_on(&ahead, &mut events)
            };
            match more {
                More::Settled(more) => events.extend(more),
                More::Start(starts) => return self.start(&ahead, starts, events),
                More::Ask(question) => {
                    self.commit(events);
                    return self.ask(question);
                }
                More::Look(step) => {
                    self.commit(events);
                    return self.actions.push(Action::Look(step));
                }
                More::Wait => return self.commit(events),
                More::Depart(leaving) => return self.depart(leaving, events),
                More::Close => return self.close(&ahead, events),
            }
        }
    }

    fn go_on(&mut self, ahead: &Ahead<'_>, events: &mut Vec<EventKind>) -> More {
        if let Some(undo) = ahead.undo() {
            // It was undone: only a person, or a flag, begins again.
            let goes_on = self.session.terminal || self.session.retry_failed;
            if self.session.went_back || !goes_on {
                return More::Depart(Leaving::Failed(undo.failed.clone()));
            }
        }
        let fates = ahead.fates();
        let of = |wanted: fn(&Fate) -> bool| fates.iter().filter(move |(_, it)| wanted(it));
        let is_over = of(|it| !matches!(it, Fate::Over | Fate::Serving))
            .next()
            .is_none();
        if is_over && self.session.busy() == 0 {
            return More::Close;
        }
        if self.session.stop {
            return if self.session.busy() > 0 {
                More::Wait
            } else {
                More::Depart(Leaving::Stopped("as you asked".to_owned()))
            };
        }
        for (at, _) in of(|it| *it == Fate::Failed) {
            if let Some(planned) = ahead.planned(*at)
                && let Some(more) = self.failure(planned)
            {
                return more;
            }
        }
        let first_failed = of(|it| *it == Fate::Failed).next();
        let first_failed = first_failed.and_then(|(at, _)| ahead.planned(*at));
        let halts = first_failed.is_some()
            && (self.session.gives_up || self.session.on_failure != Some(OnFailure::Continue));
        let mut begins = Begins::default();
        for (at, _) in of(|it| *it == Fate::Ready) {
            let Some(planned) = ahead.planned(*at) else {
                continue;
            };
            if halts && !planned.flow.always {
                continue;
            }
            if let Some(more) = self.one_more(ahead, planned, &mut begins) {
                return more;
            }
        }
        let waits = begins.waits || of(|it| *it == Fate::Busy).next().is_some();
        if !begins.starts.is_empty() {
            let again = self.reopened(ahead, &begins.starts);
            events.extend(again);
            return More::Start(begins.starts);
        }
        if let Some(more) = begins.first {
            return more;
        }
        if waits || self.session.busy() > 0 {
            return More::Wait;
        }
        if let Some(planned) = first_failed {
            return self.give_up(ahead, planned);
        }
        More::Depart(
            begins.stuck.unwrap_or_else(|| {
                Leaving::CannotStart("no step is left that could begin".to_owned())
            }),
        )
    }

    /// Adds `planned` to what begins now, as far as it may; returns what must be settled first.
    pub(super) fn one_more(
        &mut self,
        ahead: &Ahead<'_>,
        planned: &PlannedStep,
        begins: &mut Begins,
    ) -> Option<More> {
        if self.session.pauses.contains(&planned.id) || self.session.is_in_flight(&planned.id) {
            begins.waits = true;
            return None;
        }
        if self.session.busy() + begins.starts.len() >= self.session.jobs.max(1) {
            begins.waits = true;
            return None;
        }
        // Who has the terminal has it alone.
        let mut others = begins.starts.iter().map(|it| &it.0);
        let is_lent = |id: &StepId| self.wants_terminal(id);
        let is_taken = others.any(is_lent)
            || self.session.steps_in_flight().any(is_lent)
            || (self.session.busy() + begins.starts.len() > 0 && is_lent(&planned.id));
        if is_taken {
            begins.waits = true;
            return None;
        }
        match self.propose(ahead, planned) {
            Proposal::Start => begins.starts.push((planned.id.clone(), None)),
            Proposal::Guard(guard, which) => {
                let is_taken = self.session.is_in_flight(&guard)
                    || self.session.pauses.contains(&guard)
                    || begins.starts.iter().any(|(it, _)| *it == guard);
                if is_taken {
                    begins.waits = true;
                } else {
                    let wanted = Some((planned.id.clone(), which));
                    begins.starts.push((guard, wanted));
                }
            }
            Proposal::Judge(which) => {
                self.judge_condition(&planned.id, which);
                begins.waits = true;
            }
            Proposal::Settled(more) => return Some(More::Settled(more)),
            // What can begin without a question begins first.
            Proposal::Ask(question) => {
                begins.first.get_or_insert(More::Ask(question));
            }
            Proposal::Look(step) => {
                begins.first.get_or_insert(More::Look(step));
            }
            Proposal::Stuck(leaving) => {
                begins.stuck.get_or_insert(leaving);
            }
        }
        None
    }

    /// Whether the step is handed the terminal, as it stands now.
    pub(super) fn wants_terminal(&self, id: &StepId) -> bool {
        let Some(step) = self.plan.step(id) else {
            return false;
        };
        let edited = self.state.step(id).and_then(|it| it.1.edited.as_deref());
        match edited {
            Some(body) => self.plan.as_edited(step, body).wants_terminal(),
            None => step.wants_terminal(),
        }
    }

    // What always runs has run after a failure, and the run goes on now: it is to run again at its
    // place.
    fn reopened(&self, ahead: &Ahead<'_>, starts: &[Start]) -> Vec<EventKind> {
        let state = self.state;
        let order = state.order();
        let is_usual = |id: &StepId| ahead.step(id).is_some_and(|(it, _)| !it.flow.always);
        let begun: Vec<usize> = starts
            .iter()
            .filter(|(id, guards)| guards.is_none() && is_usual(id))
            .filter_map(|(id, _)| order.place(id))
            .collect();
        let all = state.steps().enumerate();
        all.filter(|(at, (planned, _))| {
            let has_run = matches!(
                ahead.at(*at).phase,
                Phase::Finished(Verdict::Ok | Verdict::Failed)
            );
            planned.flow.always && has_run && {
                let before = order.before(*at);
                begun.iter().any(|it| before.contains(it))
            }
        })
        .map(|(_, (planned, _))| {
            let question = "the run goes on; run it again at the end?".to_owned();
            by_the_runbook(&planned.id, question, Decision::Rerun, "always")
        })
        .collect()
    }

    // Nothing begins beside a step of which nobody knows how it ended.
    fn unknowns(&mut self, ahead: &Ahead<'_>) -> Option<More> {
        for at in ahead.with_phase(|it| matches!(it, Phase::Unknown { .. })) {
            let planned = ahead.planned(at)?;
            let Phase::Unknown { because, .. } = &ahead.at(at).phase else {
                continue;
            };
            return Some(self.unknown(planned, because));
        }
        None
    }

    fn unknown(&mut self, planned: &PlannedStep, because: &str) -> More {
        let id = &planned.id;
        let question = format!("the outcome is unknown ({because}); run it again?");
        let rerun = |why: &str| {
            let question = question.clone();
            More::Settled(vec![by_the_runbook(id, question, Decision::Rerun, why)])
        };
        let is_guard = self
            .state
            .order()
            .place(id)
            .is_some_and(|at| *self.state.order().role(at) == Role::Guard);
        if is_guard {
            return rerun("it only reads");
        }
        match self.guarded(planned) {
            Some(Ok(true)) => {
                let guard = planned.flow.unless.as_deref().unwrap_or_default();
                return More::Settled(vec![skipped(id, done_already(guard))]);
            }
            Some(Ok(false)) => return rerun("unless"),
            Some(Err(more)) => return more,
            None => {}
        }
        if self.session.terminal {
            More::Ask(Question::Unknown {
                step: id.clone(),
                because: because.to_owned(),
            })
        } else if planned.idempotent {
            rerun("idempotent")
        } else if self.session.busy() > 0 {
            More::Wait
        } else {
            More::Depart(Leaving::Unknown(id.clone()))
        }
    }

    // What its `unless` tells of a step that may have been done; `None` where it has none that a step
    // tells, or that step could not tell.
    fn guarded(&mut self, planned: &PlannedStep) -> Option<Result<bool, More>> {
        let unless = planned.flow.unless.as_deref()?;
        let guard = unless.strip_prefix('#').and_then(StepId::new);
        let key = (planned.id.clone(), Which::Unless);
        match self.session.told.get(&key) {
            Some(Ok(holds)) => Some(Ok(*holds)),
            Some(Err(_)) => None,
            None if self.session.stop || self.session.busy() > 0 => Some(Err(More::Wait)),
            None => Some(Err(if let Some(guard) = guard {
                More::Start(vec![(guard, Some(key))])
            } else {
                self.judge_condition(&planned.id, Which::Unless);
                More::Wait
            })),
        }
    }

    fn judge_condition(&mut self, step: &StepId, which: Which) {
        self.session.judging.push((step.clone(), None));
        self.judgings.push(Judging {
            step: step.clone(),
            of: Judged::Condition(which),
        });
    }

    // Settles or asks about a failed step; `None` where its failure stands.
    fn failure(&mut self, planned: &PlannedStep) -> Option<More> {
        let id = &planned.id;
        if self.session.terminal {
            let asks = !self.session.gives_up;
            return asks.then(|| More::Ask(Question::Failed(id.clone())));
        }
        if self.session.failed_here.contains(id) {
            return None;
        }
        if self.session.retry_failed {
            let question = "retry the failed step?";
            let retry = self.decided(id, question, Decision::Rerun);
            return Some(More::Settled(vec![retry]));
        }
        let question = "retry the failed step?".to_owned();
        let rerun = |why| {
            let retry = by_the_runbook(id, question, Decision::Rerun, why);
            Some(More::Settled(vec![retry]))
        };
        match self.guarded(planned) {
            Some(Ok(true)) => {
                let guard = planned.flow.unless.as_deref().unwrap_or_default();
                Some(More::Settled(vec![skipped(id, done_already(guard))]))
            }
            Some(Ok(false)) => rerun("unless"),
            Some(Err(more)) => Some(more),
            None => rerun(repeatable(planned)?),
        }
    }

    // Nothing more can begin, for a step has failed.
    fn give_up(&mut self, ahead: &Ahead<'_>, failed: &PlannedStep) -> More {
        let wants_undo = self.session.undoes || self.session.on_failure == Some(OnFailure::Undo);
        if wants_undo && !self.session.went_back {
            let steps = ahead.undoable();
            if !steps.is_empty() {
                let by = if self.session.undoes {
                    self.session.by.clone()
                } else {
                    "--on-failure=undo".to_owned()
                };
                self.session.went_back = true;
                self.agree_to_undo(&steps);
                return More::Settled(vec![EventKind::UndoStarted {
                    failed: failed.id.clone(),
                    steps,
                    by,
                }]);
            }
        }
        if self.session.gives_up && !self.session.undoes {
            return More::Depart(Leaving::Stopped("as you asked".to_owned()));
        }
        More::Depart(Leaving::Failed(failed.id.clone()))
    }

    fn start(&mut self, ahead: &Ahead<'_>, starts: Vec<Start>, mut events: Vec<EventKind>) {
        self.session.found = None;
        let mut steps = Vec::with_capacity(starts.len());
        for (step, guards) in starts {
            events.extend(self.filling(&step));
            let is_server = ahead.step(&step).is_some_and(|(it, _)| it.flow.background);
            self.session.flights.push(Flight {
                step: step.clone(),
                nonce: None,
                is_server,
                guards,
            });
            steps.push(step);
        }
        // The end of one step and the start of the next are one commit: a crash before it finds
        // the end in the keeper's records, and the next step at its gate.
        self.session.pending = events;
        self.actions.push(Action::Prepare(steps));
    }

    /// Leaves once all that runs has ended: first the steps, then the servers, the last one first.
    pub(super) fn depart(&mut self, leaving: Leaving, events: Vec<EventKind>) {
        self.session.departing = Some(leaving.clone());
        let running = self.session.busy() > 0;
        self.commit(events);
        if running || self.end_server() {
            return;
        }
        self.take_back();
        self.leave(leaving);
    }

    // Tells the server that was started last to end; says whether one still lives.
    fn end_server(&mut self) -> bool {
        let servers = self.session.flights.iter().filter(|it| it.is_server);
        let Some(nonce) = servers.filter_map(|it| it.nonce.clone()).next_back() else {
            return false;
        };
        if self.session.ending.insert(nonce.clone()) {
            self.actions.push(Action::End {
                nonce,
                ending: Ending::Terminate,
                by: EndedBy::End,
            });
        }
        true
    }

    // Every part of the run is over: servers end, and the run is closed.
    fn close(&mut self, ahead: &Ahead<'_>, mut events: Vec<EventKind>) {
        for at in ahead.with_phase(|it| matches!(it, Phase::Serving(_))) {
            let Some(planned) = ahead.planned(at).filter(|it| it.flow.stays) else {
                continue;
            };
            self.session.flights.retain(|it| it.step != planned.id);
            events.push(EventKind::StepFinished {
                step: planned.id.clone(),
                verdict: Verdict::Ok,
                because: Some("left running, as `stop-at=never` says".to_owned()),
            });
        }
        if self.end_server() {
            return self.commit(events);
        }
        events.push(EventKind::RunClosed {
            result: Closing::Passed,
            reason: None,
            by: None,
        });
        self.commit(events);
        self.leave(Leaving::Passed);
    }
}

/// A step that begins, and what it is to tell of which other step.
pub(super) type Start = (StepId, Option<(StepId, Which)>);

/// What begins now.
#[derive(Debug, Default)]
pub(super) struct Begins {
    pub(super) starts: Vec<Start>,
    /// The first question, or look, that is due.
    pub(super) first: Option<More>,
    pub(super) stuck: Option<Leaving>,
    /// Something that is under way may let more begin.
    pub(super) waits: bool,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum More {
    /// These happen, and it is looked again.
    Settled(Vec<EventKind>),
    Start(Vec<Start>),
    Ask(Question),
    Look(StepId),
    /// Until something ends.
    Wait,
    Depart(Leaving),
    /// Every part of the run is over.
    Close,
}

pub(super) fn done_already(guard: &str) -> String {
    format!("done already: `{guard}` holds")
}
