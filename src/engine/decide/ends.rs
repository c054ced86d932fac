//! How attempts ended, and what that means.

use crate::event::{AttemptExited, EndedBy, EventKind, Exit, PlannedStep, Verdict};
use crate::keeper::protocol::Ending;
use crate::model::StepId;
use crate::state::{Fate, is_accepted, tries};
use crate::store::attempts::{AttemptRecord, Outcome};

use super::session::{Flight, Which};
use super::{Action, Judged, Judging, Leaving, Question, Turn, failed};

impl Turn<'_> {
    pub(super) fn ended(&mut self, records: Vec<AttemptRecord>) {
        let mut events = Vec::new();
        for record in records {
            let mut flights = self.session.flights.iter();
            let nonce = Some(record.nonce.as_str());
            let Some(at) = flights.position(|it| it.nonce.as_deref() == nonce) else {
                continue;
            };
            let flight = self.session.flights.remove(at);
            let leaving = self.one_ended(&mut events, flight, record);
            if let Some(leaving) = leaving {
                self.session.departing.get_or_insert(leaving);
            }
        }
        let is_interrupted = matches!(self.session.question, Some(Question::Interrupted(_)));
        if self.session.steps_running().is_empty() {
            self.session.interrupts = 0;
            if is_interrupted {
                self.take_back();
            }
        }
        self.go(events);
    }

    fn one_ended(
        &mut self,
        events: &mut Vec<EventKind>,
        flight: Flight,
        record: AttemptRecord,
    ) -> Option<Leaving> {
        let state = self.state;
        let step = flight.step;
        let (planned, _) = state.step(&step)?;
        let exited = match record.outcome {
            Outcome::Void { because } => {
                // It was released, and yet never ran: to try at once again could go on for ever.
                events.push(EventKind::AttemptVoid {
                    step,
                    nonce: record.nonce,
                    because: because.clone(),
                });
                return Some(if self.session.stop {
                    Leaving::Stopped("before the step ran".to_owned())
                } else {
                    Leaving::CannotStart(because)
                });
            }
            Outcome::Exited(exited) => exited,
        };
        let ended_by = exited.ended_by;
        let lost = exited.output.as_ref().and_then(|it| it.lost.clone());
        events.push(EventKind::AttemptExited(exited.clone()));
        if self.is_to_be_judged(planned, &exited) {
            self.judge_attempt(&step, exited, flight.guards);
            return lost.map(Leaving::OutputLost);
        }
        let verdict = self.verdict(events, planned, &exited);
        let is_ok = verdict.iter().any(is_fine);
        let is_over = verdict
            .iter()
            .any(|it| matches!(it, EventKind::StepFinished { .. }));
        if let Some((of, which)) = flight.guards.filter(|_| is_over) {
            self.tell(of, which, &exited, is_ok);
        }
        events.extend(verdict);
        if let Some(lost) = lost {
            // What it printed was to be kept, and is not: nothing goes on as if it were.
            return Some(Leaving::OutputLost(lost));
        }
        if ended_by == Some(EndedBy::Stop) && !flight.is_server {
            return Some(Leaving::Stopped(format!("step `{step}` was ended")));
        }
        let stops = self.session.stop && !is_ok && !flight.is_server;
        stops.then(|| Leaving::Stopped(format!("after step `{step}`")))
    }

    fn is_to_be_judged(&self, planned: &PlannedStep, exited: &AttemptExited) -> bool {
        let step = self.plan.step(&planned.id);
        let asserts = step.is_some_and(|it| !it.checks.is_empty() || it.settings.until.is_some());
        asserts && is_accepted(planned, exited) && !planned.flow.background
    }

    fn judge_attempt(
        &mut self,
        step: &StepId,
        exited: Box<AttemptExited>,
        guards: Option<(StepId, Which)>,
    ) {
        self.session.judging.push((step.clone(), guards));
        self.judgings.push(Judging {
            step: step.clone(),
            of: Judged::Attempt(exited),
        });
    }

    pub(super) fn judged(
        &mut self,
        judging: Judging,
        mut events: Vec<EventKind>,
        answer: Result<bool, String>,
    ) {
        let state = self.state;
        let step = judging.step;
        match judging.of {
            Judged::Attempt(exited) => {
                let mut open = self.session.judging.iter();
                let at = open.position(|it| it.0 == step);
                let guards = at.and_then(|at| self.session.judging.remove(at).1);
                let Some((planned, _)) = state.step(&step) else {
                    return;
                };
                let because = match answer {
                    Ok(true) => None,
                    Ok(false) => Some("a check does not hold".to_owned()),
                    Err(because) => Some(because),
                };
                let verdict = match because {
                    None => vec![ok(&step)],
                    Some(because) => self.fails(planned, &exited, Some(because)),
                };
                let is_over = |it: &EventKind| matches!(it, EventKind::StepFinished { .. });
                if let Some((of, which)) = guards.filter(|_| verdict.iter().any(is_over)) {
                    self.tell(of, which, &exited, verdict.iter().any(is_fine));
                }
                events.extend(verdict);
            }
            Judged::Condition(which) => {
                self.session.judging.retain(|it| it.0 != step);
                self.session.told.insert((step, which), answer);
            }
            Judged::Ready(nonce) => {
                self.session.readying.remove(&nonce);
                let lives = self
                    .session
                    .running()
                    .any(|(_, running)| running == nonce.as_str());
                if !lives {
                    events.clear();
                }
                match answer {
                    Ok(true) if lives => events.push(EventKind::ServiceReady { step, nonce }),
                    // It failed already, and said so.
                    _ if !lives => {}
                    _ => self.actions.push(Action::End {
                        nonce,
                        ending: Ending::Terminate,
                        by: EndedBy::Timeout,
                    }),
                }
            }
        }
        self.go(events);
    }

    // What a guard says of the step that it stands before.
    fn tell(&mut self, of: StepId, which: Which, exited: &AttemptExited, is_ok: bool) {
        let told = match (exited.exit, exited.ended_by) {
            (_, Some(EndedBy::Timeout)) => Err("it timed out".to_owned()),
            (_, Some(_)) => Err("it was ended".to_owned()),
            (Exit::Code(_), None) => Ok(is_ok),
            (Exit::Signal(number), None) => Err(format!("signal {number} ended it")),
            (Exit::NotStarted(number), None) => Err(format!("it was not started: error {number}")),
        };
        self.session.told.insert((of, which), told);
    }

    /// Returns what follows from the end of an attempt, by its record alone: judged again after a
    /// crash it is the same. `events` are about to happen.
    pub(super) fn verdict(
        &mut self,
        events: &[EventKind],
        planned: &PlannedStep,
        exited: &AttemptExited,
    ) -> Vec<EventKind> {
        let id = &planned.id;
        if planned.flow.background {
            return self.verdict_of_server(events, planned, exited);
        }
        if is_accepted(planned, exited) {
            if self.is_to_be_judged(planned, exited) {
                // A crash came before its checks were judged: from what they looked at then.
                self.judge_attempt(id, Box::new(exited.clone()), None);
                return Vec::new();
            }
            return vec![ok(id)];
        }
        self.fails(planned, exited, None)
    }

    fn fails(
        &mut self,
        planned: &PlannedStep,
        exited: &AttemptExited,
        because: Option<String>,
    ) -> Vec<EventKind> {
        let id = &planned.id;
        let ended_by_itself = matches!(exited.ended_by, None | Some(EndedBy::Timeout));
        let retried = self.state.step(id).map_or(0, |(_, it)| it.retried);
        if ended_by_itself && !self.session.stop && retried + 1 < tries(planned) {
            let because = because.unwrap_or_else(|| why(exited));
            return vec![self.retrying(planned, exited, because)];
        }
        self.session.failed_here.insert(id.clone());
        self.session.rest = None;
        vec![failed(id, because)]
    }

    fn retrying(
        &mut self,
        planned: &PlannedStep,
        exited: &AttemptExited,
        because: String,
    ) -> EventKind {
        let step = planned.id.clone();
        let every = self.plan.step(&step).and_then(|it| it.settings.every);
        let retried = self.state.step(&step).map_or(0, |(_, it)| it.retried);
        let ms = every.unwrap_or_default().pause(retried).as_millis() as u64;
        self.session.pauses.insert(step.clone());
        self.actions.push(Action::Pause {
            step: step.clone(),
            ms,
        });
        EventKind::StepRetrying {
            step,
            nonce: exited.nonce.clone(),
            because,
            pause_ms: ms,
        }
    }

    // A server ends when it is told to. Where the run goes on it is to run again.
    fn verdict_of_server(
        &mut self,
        events: &[EventKind],
        planned: &PlannedStep,
        exited: &AttemptExited,
    ) -> Vec<EventKind> {
        let (step, nonce) = (planned.id.clone(), exited.nonce.clone());
        let stopped = |because: &str| EventKind::ServiceStopped {
            step: step.clone(),
            nonce,
            because: because.to_owned(),
        };
        match exited.ended_by {
            Some(EndedBy::End)
                if self.session.departing.is_none() && self.is_last(events, &step) =>
            {
                let finished = EventKind::StepFinished {
                    step: step.clone(),
                    verdict: Verdict::Ok,
                    because: None,
                };
                vec![finished, stopped("the run is over")]
            }
            Some(EndedBy::End) => vec![stopped("the session is over")],
            Some(EndedBy::Stop) => vec![stopped("the run was told to stop")],
            Some(EndedBy::Timeout | EndedBy::Operator) | None => {
                self.session.failed_here.insert(step.clone());
                self.session.rest = None;
                let was_ready = self
                    .state
                    .step(&step)
                    .is_some_and(|(_, it)| matches!(it.phase, crate::state::Phase::Serving(_)));
                let when = if was_ready {
                    "while steps could need it"
                } else {
                    "before it was ready"
                };
                let because = format!("the server ended {when}: {}", why(exited));
                vec![failed(&step, Some(because))]
            }
        }
    }

    // Whether all other parts of the run are over.
    fn is_last(&self, events: &[EventKind], step: &StepId) -> bool {
        let Ok(ahead) = self.state.look_ahead(events) else {
            return false;
        };
        let place = self.state.order().place(step);
        let mut fates = ahead.fates().into_iter();
        fates.all(|(at, fate)| Some(at) == place || matches!(fate, Fate::Over | Fate::Serving))
    }

    pub(super) fn woke(&mut self, step: &StepId) {
        self.session.pauses.remove(step);
        self.go(Vec::new());
    }

    pub(super) fn keeper_gone(&mut self) {
        if self.session.shell.is_some() {
            self.shell_ended("it is gone with the process that kept it");
        }
        if self.session.flights.is_empty() {
            return;
        }
        let flights = std::mem::take(&mut self.session.flights);
        self.session.interrupts = 0;
        self.take_back();
        let events = std::mem::take(&mut self.session.pending);
        self.commit(events);
        if flights.iter().any(|it| it.nonce.is_some()) {
            self.leave(Leaving::KeeperLost);
        } else {
            self.leave(Leaving::CannotStart("the keeper ended".to_owned()));
        }
    }
}

fn ok(step: &StepId) -> EventKind {
    EventKind::StepFinished {
        step: step.clone(),
        verdict: Verdict::Ok,
        because: None,
    }
}

fn is_fine(event: &EventKind) -> bool {
    matches!(
        event,
        EventKind::StepFinished {
            verdict: Verdict::Ok,
            ..
        }
    )
}

fn why(exited: &AttemptExited) -> String {
    match (exited.exit, exited.ended_by) {
        (_, Some(EndedBy::Timeout)) => "it timed out".to_owned(),
        (Exit::Code(code), _) => format!("exit code {code}"),
        (Exit::Signal(number), _) => format!("signal {number}"),
        (Exit::NotStarted(number), _) => format!("it was not started: error {number}"),
    }
}
