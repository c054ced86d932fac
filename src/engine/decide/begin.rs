//! What must be asked, told or looked at before a step begins.

use crate::event::{EventKind, PlannedStep, StepStarting};
use crate::model::{Kind, Nature, Step, StepId};
use crate::plan::{Consent, Facts, Known, Manner, consent, facts};
use crate::state::{Ahead, Phase, StepState};

use super::next::done_already;
use super::session::Which;
use super::{Action, Holding, Judged, Judging, Leaving, Question, Turn, failed, skipped};

/// What becomes of a step that could begin.
#[derive(Debug)]
pub(super) enum Proposal {
    Start,
    /// This step tells first whether it is to run.
    Guard(StepId, Which),
    /// This condition is to be judged first.
    Judge(Which),
    /// It is over with these.
    Settled(Vec<EventKind>),
    Ask(Question),
    Look(StepId),
    /// It cannot begin in this session.
    Stuck(Leaving),
}

impl Turn<'_> {
    pub(super) fn propose(&mut self, ahead: &Ahead<'_>, planned: &PlannedStep) -> Proposal {
        let id = planned.id.clone();
        let Some((_, step)) = ahead.step(&id) else {
            return Proposal::Stuck(Leaving::CannotStart(format!("the plan has no step `{id}`")));
        };
        let Some(proposed) = self.plan.step(&id) else {
            return Proposal::Stuck(Leaving::CannotStart(format!("the plan has no step `{id}`")));
        };
        let asks_at_all = self.session.terminal && !self.plan.request.yes;
        if asks_at_all && !self.session.begun && self.plan.runbook.kind == Kind::Declared {
            return Proposal::Ask(Question::Begin);
        }
        if let Some(first) = self.conditions(planned) {
            return first;
        }
        if let Some(conflict) = ahead.carried(&id).conflict {
            self.session.failed_here.insert(id.clone());
            let because = format!(
                "`{}` and `{}` both set `{}`, and nothing says which of them comes first: let one of \
                 them need the other",
                conflict.first, conflict.second, conflict.name
            );
            return Proposal::Settled(vec![failed(&id, Some(because))]);
        }
        if self.session.rest.is_some_and(|it| it != proposed.section) {
            self.session.rest = None;
        }
        let is_plain = self.plan.runbook.kind == Kind::Plain;
        if self.session.agreed.contains(&id) && !is_plain {
            return Proposal::Start;
        }
        let mut known = self.session.known(self.state, self.plan);
        let carried = ahead.carried(&id).variables.into_iter();
        let set = carried.filter(|(_, value)| value.is_some());
        known.left_behind = set.map(|(name, _)| name).collect();
        let now = self
            .plan
            .now(proposed, step.edited.as_deref(), &known.values);
        let facts = self.facts(ahead, &now, step, &known);
        let looked = matches!(&self.session.found, Some((it, _)) if *it == id);
        if is_plain
            && self.session.terminal
            && !looked
            && facts.missing.is_empty()
            && !now.circumstances.overwrites.is_empty()
        {
            return Proposal::Look(id);
        }
        let (kind, request) = (self.plan.runbook.kind, &self.plan.request);
        match consent(kind, &now, request, self.session.terminal, &facts) {
            Consent::Given => Proposal::Start,
            Consent::Ask(manner) => Proposal::Ask(Question::Run { step: id, manner }),
            Consent::Skip(because) => Proposal::Settled(vec![skipped(&id, because)]),
            Consent::Waits => Proposal::Stuck(Leaving::Waiting(id)),
            Consent::Refused(because) => Proposal::Stuck(Leaving::Stopped(format!(
                "step `{id}` was not run: {because}"
            ))),
        }
    }

    // `if` and `unless`: what they name runs right before the step, each time that it is to run.
    fn conditions(&mut self, planned: &PlannedStep) -> Option<Proposal> {
        let id = &planned.id;
        let flow = &planned.flow;
        for (which, condition) in [(Which::If, &flow.only_if), (Which::Unless, &flow.unless)] {
            let Some(condition) = condition else { continue };
            let told = self.session.told.get(&(id.clone(), which)).cloned();
            let Some(told) = told else {
                let guard = condition.strip_prefix('#').and_then(StepId::new);
                return Some(match guard {
                    Some(guard) => Proposal::Guard(guard, which),
                    None => Proposal::Judge(which),
                });
            };
            let settled = match (which, told) {
                (Which::If, Ok(true)) | (Which::Unless, Ok(false)) => continue,
                (Which::If, Ok(false)) => skipped(id, format!("`{condition}` does not hold")),
                (Which::Unless, Ok(true)) => skipped(id, done_already(condition)),
                (_, Err(because)) => {
                    self.session.failed_here.insert(id.clone());
                    failed(id, Some(format!("`{condition}` cannot be told: {because}")))
                }
            };
            self.forget_told(id);
            return Some(Proposal::Settled(vec![settled]));
        }
        None
    }

    fn forget_told(&mut self, id: &StepId) {
        for which in [Which::If, Which::Unless] {
            self.session.told.remove(&(id.clone(), which));
        }
    }

    fn facts(&self, ahead: &Ahead<'_>, now: &Step, step: &StepState, known: &Known) -> Facts {
        let is_open = |id: &StepId| ahead.step(id).is_some_and(|(_, it)| !it.is_over());
        let was_doubted = || {
            let proposed = self.plan.step(&now.id);
            proposed.is_some_and(|it| !it.doubts.is_empty())
        };
        let edited = step.edited.is_some();
        let is_plain = self.plan.runbook.kind == Kind::Plain;
        Facts {
            all: self.session.all && !(edited && was_doubted()),
            rest: self.session.rest == Some(now.section),
            agreed: self.session.agreed.contains(&now.id),
            edited: edited && is_plain,
            ..facts(self.plan, now, known, is_open)
        }
    }

    // As for any step: an edit does not make a step that destroys, or asks, run unasked. Nobody has
    // looked at what was written, so Enter alone never runs it.
    pub(super) fn manner_of_edited(&self, step: &StepId) -> Manner {
        let asked = self.plan.step(step).map(|proposed| {
            let mut edited = proposed.clone();
            edited.doubts.clear();
            edited.nature = Nature::Command;
            let (kind, request) = (self.plan.runbook.kind, &self.plan.request);
            consent(kind, &edited, request, true, &Facts::default())
        });
        match asked {
            Some(Consent::Ask(manner @ (Manner::Type | Manner::Confirm(_) | Manner::Terminal))) => {
                manner
            }
            _ => Manner::Run { enter: false },
        }
    }

    // What runs instead of the document's text is recorded before it does.
    pub(super) fn filling(&self, id: &StepId) -> Option<EventKind> {
        let (_, step) = self.state.step(id)?;
        let proposed = self.plan.step(id)?;
        if step.edited.is_some() {
            return None;
        }
        let (_, body) = self.plan.command(proposed)?;
        let known = self.session.known(self.state, self.plan);
        let filled = self.plan.filled(proposed, &known.values)?.ok()?;
        if filled.shown == body || step.filled.as_ref() == Some(&filled.shown) {
            return None;
        }
        let diff = similar::TextDiff::from_lines(body, &filled.shown)
            .unified_diff()
            .header("document", "filled in")
            .to_string();
        Some(EventKind::StepFilled {
            step: id.clone(),
            body: filled.shown,
            diff,
        })
    }

    pub(super) fn held(&mut self, held: Vec<Holding>, refused: Vec<(StepId, String)>) {
        let mut events = std::mem::take(&mut self.session.pending);
        let mut ready = Vec::new();
        let mut waits = Vec::new();
        let is_any = !held.is_empty();
        for it in held {
            let (step, nonce) = (it.step, it.nonce);
            let mut flights = self.session.flights.iter_mut();
            let flight = flights.find(|flight| flight.step == step && flight.nonce.is_none());
            let Some(flight) = flight else { continue };
            flight.nonce = Some(nonce.clone());
            let is_server = flight.is_server;
            self.session.agreed.remove(&step);
            self.forget_told(&step);
            events.push(EventKind::StepStarting(StepStarting {
                step: step.clone(),
                attempt: it.attempt,
                nonce: nonce.clone(),
                identity: it.identity,
                command: it.command,
            }));
            if is_server {
                let (step, nonce) = (step.clone(), nonce.clone());
                events.push(EventKind::ServiceStarted { step, nonce });
            }
            if is_server && self.is_ready_at_once(&step) {
                ready.push(EventKind::ServiceReady { step, nonce });
            } else if is_server {
                waits.push((step, nonce));
            }
        }
        self.session.interrupts = 0;
        if is_any {
            self.actions.push(Action::Release(events));
        } else {
            self.commit(events);
        }
        for (step, nonce) in waits {
            self.watch(step, nonce);
        }
        if let Some((_, because)) = refused.first() {
            let leaving = Leaving::CannotStart(because.clone());
            self.session.departing.get_or_insert(leaving);
        }
        self.session.flights.retain(|it| it.nonce.is_some());
        let goes_on = !refused.is_empty() || !ready.is_empty() || self.session.jobs > 1;
        self.commit(ready);
        if goes_on {
            // Others may begin beside it.
            self.actions.push(Action::Again);
        }
    }

    /// Asks again and again whether the server is ready.
    fn watch(&mut self, step: StepId, nonce: String) {
        if self.session.readying.insert(nonce.clone()) {
            let of = Judged::Ready(nonce);
            self.judgings.push(Judging { step, of });
        }
    }

    /// Servers that an earlier session started, and that were not ready then.
    pub(super) fn watch_attached(&mut self) -> Vec<EventKind> {
        let flights = self.session.flights.iter().filter(|it| it.is_server);
        let servers: Vec<(StepId, String)> = flights
            .filter_map(|it| Some((it.step.clone(), it.nonce.clone()?)))
            .collect();
        let mut ready = Vec::new();
        for (step, nonce) in servers {
            let phase = self.state.step(&step).map(|(_, it)| &it.phase);
            if !matches!(phase, Some(Phase::Running(_))) {
                continue;
            }
            if self.is_ready_at_once(&step) {
                ready.push(EventKind::ServiceReady { step, nonce });
            } else {
                self.watch(step, nonce);
            }
        }
        ready
    }

    fn is_ready_at_once(&self, step: &StepId) -> bool {
        let planned = self.state.step(step);
        planned.is_some_and(|(it, _)| it.flow.ready.is_none())
    }
}
