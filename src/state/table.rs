//! The transition table: which event may follow which.

use std::collections::BTreeMap;

use crate::event::{Closing, Decision, EndedBy, EventKind, PlannedStep, Verdict};
use crate::model::StepId;

use super::carried::{Carried, carried};
use super::order::{Fate, Role, fates};
use super::{
    Change, IllegalEvent, Phase, State, StepState, Undo, is_accepted, name, tries, verdict_of_stay,
};

/// The state as it will be once the events that were looked at are accepted.
#[derive(Debug)]
pub struct Ahead<'a> {
    state: &'a State,
    steps: BTreeMap<usize, StepState>,
    undo: Option<Undo>,
    begun: u64,
    pub(super) changes: Vec<Change>,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(state: &'a State) -> Self {
        Self {
            state,
            steps: BTreeMap::new(),
            undo: state.undo.clone(),
            begun: state.begun,
            changes: Vec::new(),
        }
    }

    /// Returns the state that it begins from.
    pub fn state(&self) -> &'a State {
        self.state
    }

    /// Returns the step at this place of the plan.
    ///
    /// # Panics
    /// Where the plan has no such place.
    pub fn at(&self, index: usize) -> &StepState {
        self.steps.get(&index).unwrap_or(&self.state.steps[index])
    }

    /// Returns the step at this place of the plan, as it was planned.
    pub fn planned(&self, index: usize) -> Option<&'a PlannedStep> {
        self.state.opened.as_deref()?.steps.get(index)
    }

    /// Returns a place before which all is over: what is about to happen may open a step again.
    pub(super) fn first_open(&self) -> usize {
        let first = self.steps.keys().next();
        first.map_or(self.state.over, |it| self.state.over.min(*it))
    }

    /// Returns the step `id` with its state.
    pub fn step(&self, id: &StepId) -> Option<(&'a PlannedStep, &StepState)> {
        let index = self.state.order.place(id)?;
        Some((self.planned(index)?, self.at(index)))
    }

    /// Returns the undo that is under way or over, with the failure that it belongs to.
    pub fn undo(&self) -> Option<&Undo> {
        self.undo.as_ref()
    }

    /// Returns whether steps of an undo are still to run.
    pub fn is_undoing(&self) -> bool {
        let steps = self.undo.iter().flat_map(|it| &it.steps);
        let mut states = steps.filter_map(|id| self.step(id));
        states.any(|(_, it)| !it.is_over())
    }

    /// Returns how the parts of the run stand to one another, in the order of the plan: all that are
    /// not over, at least.
    pub fn fates(&self) -> Vec<(usize, Fate)> {
        fates(self)
    }

    /// Returns the places of the steps whose phase is as wanted, whatever they are for.
    pub fn with_phase(&self, wanted: impl Fn(&Phase) -> bool) -> Vec<usize> {
        let from = if self.state.order.is_chain() {
            self.first_open()
        } else {
            0
        };
        let all = from..self.state.steps.len();
        all.filter(|at| wanted(&self.at(*at).phase)).collect()
    }

    /// Returns what `step` sees of the steps before it.
    pub fn carried(&self, step: &StepId) -> Carried {
        let place = self.state.order.place(step);
        place.map_or_else(Carried::default, |at| carried(self, at))
    }

    /// Returns the undo steps of what ran, that of the last that began first.
    pub fn undoable(&self) -> Vec<StepId> {
        let mut found: Vec<(u64, StepId)> = Vec::new();
        for index in 0..self.state.steps.len() {
            let (Role::Undo(of), Some(planned)) =
                (self.state.order.role(index), self.planned(index))
            else {
                continue;
            };
            if let Some((_, target)) = self.step(of)
                && target.ran
            {
                found.push((target.began, planned.id.clone()));
            }
        }
        // Of several that undo one step the last of the document comes first.
        found.reverse();
        found.sort_by_key(|(began, _)| std::cmp::Reverse(*began));
        found.into_iter().map(|it| it.1).collect()
    }

    /// Takes one event.
    pub(super) fn look(&mut self, event: &EventKind) -> Result<(), IllegalEvent> {
        let refuse = |because: String| IllegalEvent {
            event: name(event).to_owned(),
            because,
        };
        match event {
            EventKind::RunClosed { result, .. } => {
                if *result == Closing::Passed && !self.all_passed() {
                    return Err(refuse(
                        "not every step is ok, skipped or asserted".to_owned(),
                    ));
                }
                self.changes.push(Change::Close(*result));
            }
            EventKind::Signal { action, .. } => {
                let stops = action != "wait" && action != "detach";
                self.changes.push(Change::Stopped(stops));
            }
            EventKind::RunResumed(_) => self.changes.push(Change::Stopped(false)),
            EventKind::ValueGiven { name, value, .. } => {
                // A secret is nowhere but in the memory of the session that it was given to.
                let value = value
                    .iter()
                    .map(|it| Change::Value(name.clone(), it.clone()));
                self.changes.extend(value);
            }
            EventKind::HostConfirmed { host, .. } => self.changes.push(Change::Host(host.clone())),
            EventKind::WorkstationDecided { decision, .. } => {
                self.changes.push(Change::Workstation(*decision));
            }
            EventKind::RunbookAdopted(adopted) => {
                if self.is_undoing() {
                    return Err(refuse("what was done is being undone".to_owned()));
                }
                let steps = self.state.adopting(&adopted.steps).map_err(refuse)?;
                self.changes.push(Change::Adopt(adopted.clone(), steps));
            }
            EventKind::UndoStarted { failed, steps, .. } => {
                self.undo_started(failed, steps).map_err(refuse)?;
            }
            _ => {
                if let Some(step) = step_of(event) {
                    self.of_step(step, event).map_err(|because| IllegalEvent {
                        event: format!("{} of step `{step}`", name(event)),
                        because,
                    })?;
                }
            }
        }
        Ok(())
    }

    fn all_passed(&self) -> bool {
        let all = self.first_open()..self.state.steps.len();
        let mut all = all.map(|at| (self.at(at), self.planned(at), self.state.order.is_part(at)));
        all.all(|(step, planned, is_part)| match step.phase {
            Phase::Running(_) | Phase::Serving(_) | Phase::Exited(_) | Phase::Unknown { .. } => {
                false
            }
            Phase::Finished(Verdict::Failed) => {
                !is_part || planned.is_some_and(|it| it.flow.allow_fail)
            }
            Phase::Pending => !is_part,
            Phase::Finished(_) => true,
        })
    }

    fn set(&mut self, index: usize, step: StepState) {
        self.changes
            .push(Change::Step(index, Box::new(step.clone())));
        self.steps.insert(index, step);
    }

    fn set_undo(&mut self, undo: Option<Undo>) {
        self.changes.push(Change::Undo(undo.clone()));
        self.undo = undo;
    }

    fn undo_started(&mut self, failed: &StepId, steps: &[StepId]) -> Result<(), String> {
        if self.is_undoing() {
            return Err("what was done is being undone".to_owned());
        }
        let has_failed = |it: &StepState| it.phase == Phase::Finished(Verdict::Failed);
        if !self.step(failed).is_some_and(|(_, it)| has_failed(it)) {
            return Err(format!("step `{failed}` has not failed"));
        }
        for id in steps {
            let place = self.state.order.place(id);
            let role = place.map(|at| self.state.order.role(at));
            let (Some(place), Some(Role::Undo(of))) = (place, role) else {
                return Err(format!("step `{id}` undoes nothing"));
            };
            if !self.step(of).is_some_and(|(_, it)| it.ran) {
                return Err(format!("step `{of}` has not run"));
            }
            let mut step = self.at(place).clone();
            match step.phase {
                Phase::Pending | Phase::Finished(_) => step.phase = Phase::Pending,
                _ => return Err(format!("step `{id}` is {}", phase_name(&step.phase))),
            }
            step.retried = 0;
            self.set(place, step);
        }
        self.set_undo(Some(Undo {
            failed: failed.clone(),
            steps: steps.to_vec(),
        }));
        Ok(())
    }

    // Whether the order lets the step at `index` begin now.
    fn may_begin(&self, index: usize) -> Result<(), String> {
        match self.state.order.role(index) {
            Role::Guard => Ok(()),
            Role::Undo(_) => {
                let steps = self.undo.iter().flat_map(|it| &it.steps);
                for id in steps {
                    if self.state.order.place(id) == Some(index) {
                        return Ok(());
                    }
                    if !self.step(id).is_some_and(|(_, it)| it.is_over()) {
                        return Err(format!("`{id}` comes before it"));
                    }
                }
                Err("nothing is being undone".to_owned())
            }
            Role::Part if self.is_undoing() => Err("what was done is being undone".to_owned()),
            Role::Part => {
                let always = self.planned(index).is_some_and(|it| it.flow.always);
                let needs = self.state.order.needs(index).unwrap_or_default();
                let unmet = needs.iter().find(|at| !self.is_met(**at));
                match unmet.and_then(|at| self.planned(*at)) {
                    Some(planned) if !always => Err(format!("it needs `{}`", planned.id)),
                    _ => Ok(()),
                }
            }
        }
    }

    fn is_met(&self, index: usize) -> bool {
        let goes_on = || self.planned(index).is_some_and(|it| it.flow.allow_fail);
        match &self.at(index).phase {
            Phase::Finished(Verdict::Failed) => goes_on(),
            Phase::Serving(_) | Phase::Finished(_) => true,
            _ => false,
        }
    }

    // The transition table.
    fn of_step(&mut self, id: &StepId, event: &EventKind) -> Result<(), String> {
        self.state
            .opened
            .as_deref()
            .ok_or("the plan is not known yet")?;
        let index = self
            .state
            .order
            .place(id)
            .ok_or("the plan has no such step")?;
        let planned = self.planned(index).ok_or("the plan has no such step")?;
        let mut step = self.at(index).clone();
        let by_hand = !planned.can_run();
        let is_guard = *self.state.order.role(index) == Role::Guard;
        let is_server = planned.flow.background;
        step.phase = match (step.phase, event) {
            (ref phase, EventKind::StepStarting(starting))
                if !by_hand
                    && match phase {
                        Phase::Pending | Phase::Finished(Verdict::Failed) => true,
                        // It reads, and is asked as often as somebody wants to know.
                        Phase::Finished(_) => is_guard,
                        _ => false,
                    } =>
            {
                if starting.attempt != step.attempts + 1 {
                    return Err(format!(
                        "attempt {} after {}",
                        starting.attempt, step.attempts
                    ));
                }
                self.may_begin(index)?;
                if matches!(phase, Phase::Finished(_)) {
                    step.retried = 0;
                }
                step.attempts = starting.attempt;
                step.exited = None;
                step.probed.clear();
                self.begun += 1;
                self.changes.push(Change::Begun(self.begun));
                step.began = self.begun;
                Phase::Running(starting.clone())
            }
            (
                Phase::Running(starting) | Phase::Serving(starting),
                EventKind::AttemptExited(exited),
            ) if starting.nonce == exited.nonce => {
                step.exited = Some((**exited).clone());
                step.ran = true;
                Phase::Exited(exited.clone())
            }
            (Phase::Running(starting), EventKind::AttemptVoid { nonce, .. })
                if starting.nonce == *nonce =>
            {
                Phase::Pending
            }
            (
                Phase::Running(starting) | Phase::Serving(starting),
                EventKind::AttemptUnknown { nonce, because, .. },
            ) if starting.nonce == *nonce => {
                step.ran = true;
                Phase::Unknown {
                    nonce: nonce.clone(),
                    because: because.clone(),
                }
            }
            (Phase::Running(starting), EventKind::ServiceStarted { nonce, .. })
                if is_server && starting.nonce == *nonce =>
            {
                Phase::Running(starting)
            }
            (Phase::Running(starting), EventKind::ServiceReady { nonce, .. })
                if is_server && starting.nonce == *nonce =>
            {
                Phase::Serving(starting)
            }
            // It is to run again when the run goes on.
            (Phase::Exited(exited), EventKind::ServiceStopped { nonce, .. })
                if is_server
                    && exited.nonce == *nonce
                    && matches!(exited.ended_by, Some(EndedBy::End | EndedBy::Stop)) =>
            {
                Phase::Pending
            }
            (phase @ Phase::Finished(Verdict::Ok), EventKind::ServiceStopped { .. })
                if is_server =>
            {
                phase
            }
            (
                Phase::Exited(exited),
                EventKind::CheckProbed {
                    nonce, look, fact, ..
                },
            ) if exited.nonce == *nonce => {
                step.probed.push((look.clone(), fact.clone()));
                Phase::Exited(exited)
            }
            (Phase::Exited(exited), EventKind::CheckJudged { nonce, .. })
                if exited.nonce == *nonce =>
            {
                Phase::Exited(exited)
            }
            (
                Phase::Running(starting),
                EventKind::CheckProbed {
                    nonce, look, fact, ..
                },
            ) if is_server && starting.nonce == *nonce => {
                step.probed.push((look.clone(), fact.clone()));
                Phase::Running(starting)
            }
            // What must hold before an attempt.
            (phase, EventKind::CheckProbed { nonce, .. })
                if nonce.is_empty() && !matches!(phase, Phase::Exited(_)) =>
            {
                phase
            }
            (Phase::Exited(exited), EventKind::StepRetrying { nonce, .. })
                if exited.nonce == *nonce =>
            {
                if step.retried + 1 >= tries(planned) {
                    return Err(format!("it was tried {} times", step.retried + 1));
                }
                step.retried += 1;
                Phase::Pending
            }
            (Phase::Exited(exited), EventKind::StepFinished { verdict, .. }) => match verdict {
                Verdict::Ok if is_accepted(planned, &exited) => Phase::Finished(Verdict::Ok),
                Verdict::Ok => return Err("its exit is not accepted".to_owned()),
                Verdict::Failed => Phase::Finished(Verdict::Failed),
                other => return Err(format!("it ran, so it is not {other:?}")),
            },
            (Phase::Serving(_), EventKind::StepFinished { verdict, .. })
                if verdict_of_stay(planned) == Some(*verdict) =>
            {
                Phase::Finished(*verdict)
            }
            // It could not even begin.
            (
                Phase::Pending,
                EventKind::StepFinished {
                    verdict: Verdict::Failed,
                    because: Some(_),
                    ..
                },
            ) => Phase::Finished(Verdict::Failed),
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
            ) => {
                step.retried = 0;
                Phase::Pending
            }
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
        self.set(index, step);
        self.follow(index, event);
        Ok(())
    }

    // What an event of one step changes besides that step.
    fn follow(&mut self, index: usize, event: &EventKind) {
        match (self.state.order.role(index), event) {
            // What is undone is to do again when the run goes on.
            (
                Role::Undo(of),
                EventKind::StepFinished {
                    verdict: Verdict::Ok | Verdict::OperatorAsserted,
                    ..
                },
            ) => {
                if let Some(place) = self.state.order.place(of) {
                    let mut target = self.at(place).clone();
                    target.ran = false;
                    target.retried = 0;
                    if target.is_over() {
                        target.phase = Phase::Pending;
                    }
                    self.set(place, target);
                }
            }
            // The run goes on after a failure: what was undone is done with.
            (
                Role::Part,
                EventKind::OperatorDecided {
                    decision: Decision::Rerun | Decision::Done | Decision::Skip,
                    ..
                },
            ) => {
                let failed = self.undo.as_ref().map(|it| &it.failed);
                let is_it = failed.and_then(|it| self.state.order.place(it)) == Some(index);
                if is_it && !self.is_undoing() {
                    self.set_undo(None);
                }
            }
            _ => {}
        }
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
        | EventKind::StepRetrying { step, .. }
        | EventKind::CheckProbed { step, .. }
        | EventKind::CheckJudged { step, .. }
        | EventKind::ServiceStarted { step, .. }
        | EventKind::ServiceReady { step, .. }
        | EventKind::ServiceStopped { step, .. }
        | EventKind::StepFinished { step, .. } => Some(step),
        EventKind::OperatorDecided { step, .. } | EventKind::Note { step, .. } => step.as_ref(),
        _ => None,
    }
}

fn phase_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Pending => "still to run",
        Phase::Running(_) => "running",
        Phase::Serving(_) => "a server that is ready",
        Phase::Exited(_) => "over, without a verdict",
        Phase::Unknown { .. } => "unknown",
        Phase::Finished(_) => "finished",
    }
}
