//! What the operator answers.

use crate::event::{Decision, EventKind, Verdict};
use crate::model::{Kind, Step, StepId};
use crate::plan::Manner;
use crate::state::{Phase, Role};

use super::{Action, Answer, Leaving, Question, Secret, Turn, skipped};

impl Turn<'_> {
    pub(super) fn answer(&mut self, answer: Answer) {
        let Some(question) = self.session.question.take() else {
            return;
        };
        if let Answer::Note(text) = answer {
            let step = about(&question).cloned();
            self.commit(vec![EventKind::Note {
                step,
                text,
                by: self.session.by.clone(),
            }]);
            return self.ask(question);
        }
        match question {
            Question::Begin => self.answer_begin(answer),
            Question::Run { step, manner } => self.answer_run(step, &manner, answer),
            Question::Failed(step) => self.answer_failed(step, answer),
            Question::Unknown { step, because } => {
                self.answer_retry(step, &format!("the outcome is unknown: {because}"), answer);
            }
            Question::Interrupted(step) => self.answer_interrupted(step, answer),
        }
    }

    fn answer_begin(&mut self, answer: Answer) {
        let decision = match answer {
            Answer::RunAll => Decision::RunAll,
            Answer::StepByStep => Decision::StepByStep,
            _ => return self.quit(None),
        };
        self.session.begun = true;
        self.session.all = decision == Decision::RunAll;
        let decided = EventKind::OperatorDecided {
            step: None,
            question: "run all steps?".to_owned(),
            decision,
            by: self.session.by.clone(),
        };
        self.go(vec![decided]);
    }

    fn answer_run(&mut self, step: StepId, manner: &Manner, answer: Answer) {
        let question = match manner {
            Manner::Run { .. } => "run this step?".to_owned(),
            Manner::Type => {
                let own = self
                    .plan
                    .step(&step)
                    .and_then(|it| it.settings.confirm.as_deref());
                format!("it destroys: {}", own.unwrap_or("run this step?"))
            }
            Manner::Confirm(text) => text.clone(),
            Manner::Incomplete | Manner::Elsewhere => "it does not run as it stands".to_owned(),
            Manner::Doubtful if self.plan.step(&step).is_some_and(Step::is_of_another_shell) => {
                "its fence is tagged `powershell`: is bash to run it?".to_owned()
            }
            Manner::Doubtful => "it is in doubt: run this step all the same?".to_owned(),
            Manner::Terminal => "it wants a person: run it in this terminal?".to_owned(),
            Manner::Manual => "is it done?".to_owned(),
            Manner::Offered { .. } => "is it done, or is the offered command to run?".to_owned(),
            Manner::Choose(steps) => format!("these exclude each other: {}", listed(steps)),
            Manner::Workstation => "it is meant for the operator's own computer".to_owned(),
            Manner::Value { name, .. } => format!("the value of `{name}`?"),
            Manner::Host(host) => format!("may it leave this machine for `{host}`?"),
        };
        let runs = matches!(
            manner,
            Manner::Run { .. }
                | Manner::Type
                | Manner::Doubtful
                | Manner::Confirm(_)
                | Manner::Terminal
                | Manner::Offered { .. }
        );
        match (answer, manner) {
            (Answer::Run, _) if runs => {
                self.session.agreed.insert(step.clone());
                let decided = self.decided(&step, &question, Decision::Run);
                self.go(vec![decided]);
            }
            (Answer::Rest, Manner::Run { .. }) => {
                self.session.rest = self.plan.step(&step).map(|it| it.section);
                self.session.agreed.insert(step.clone());
                let question = "run this step and the rest of its section?";
                let decided = self.decided(&step, question, Decision::RunAll);
                self.go(vec![decided]);
            }
            (Answer::Value(text), Manner::Value { name, .. }) => self.value(step, name, text),
            (Answer::Confirm, Manner::Host(host)) => {
                let (host, by) = (host.clone(), self.session.by.clone());
                self.again(vec![EventKind::HostConfirmed { host, by }]);
            }
            (Answer::Workstation(decision), Manner::Workstation) => {
                self.again(vec![EventKind::WorkstationDecided {
                    decision,
                    host: self
                        .state
                        .opened()
                        .map(|it| it.operator.host.clone())
                        .unwrap_or_default(),
                    by: self.session.by.clone(),
                }]);
            }
            (Answer::Choose(chosen), Manner::Choose(steps)) if steps.contains(&chosen) => {
                let mut events = vec![self.decided(&chosen, &question, Decision::Run)];
                let others = steps.iter().filter(|it| **it != chosen);
                let because = format!("the other was chosen: {chosen}");
                events.extend(others.map(|it| skipped(it, because.clone())));
                self.again(events);
            }
            (Answer::Skip(reason), Manner::Choose(steps)) => {
                let mut events = vec![self.decided(&step, &question, Decision::Skip)];
                events.extend(steps.iter().map(|it| skipped(it, reason.clone())));
                self.again(events);
            }
            (Answer::Done, _) => self.assert_done(&step, &question),
            (Answer::Skip(reason), _) => self.skip(&step, &question, reason),
            (Answer::Edit { body, diff }, _) => self.edit(&step, body, diff),
            (Answer::Quit, _) => self.quit(Some((&step, &question))),
            // No answer to this question: it stays open.
            (_, manner) => self.ask(Question::Run {
                step,
                manner: manner.clone(),
            }),
        }
    }

    fn value(&mut self, step: StepId, name: &str, text: Secret) {
        if let Some(because) = self.plan.unfit(name, text.expose()) {
            return self.ask(Question::Run {
                step,
                manner: Manner::Value {
                    name: name.to_owned(),
                    refused: Some(because),
                },
            });
        }
        let is_secret = self.plan.is_secret(name);
        let given = EventKind::ValueGiven {
            name: name.to_owned(),
            value: (!is_secret).then(|| text.expose().to_owned()),
            source: "prompt".to_owned(),
            by: self.session.by.clone(),
        };
        if is_secret {
            self.session.keep(name.to_owned(), text);
        }
        self.again(vec![given]);
    }

    fn answer_failed(&mut self, step: StepId, answer: Answer) {
        let question = "the step failed";
        let is_part = {
            let order = self.state.order();
            order
                .place(&step)
                .is_some_and(|at| *order.role(at) == Role::Part)
        };
        match answer {
            // What always runs does so before the run is left; and so does what undoes it.
            Answer::Quit | Answer::Undo if is_part => {
                self.session.gives_up = true;
                self.session.undoes = answer == Answer::Undo;
                let decision = if self.session.undoes {
                    Decision::Undo
                } else {
                    Decision::Stop
                };
                let decided = self.decided(&step, question, decision);
                self.go(vec![decided]);
            }
            Answer::Shell => {
                let events = vec![self.decided(&step, question, Decision::Shell)];
                self.session.shell = Some((step.clone(), None));
                self.actions.push(Action::Shell { step, events });
            }
            _ => self.answer_retry(step, question, answer),
        }
    }

    /// What was done in a shell is the operator's: it says nothing of the step.
    pub(super) fn shell_ended(&mut self, how: &str) {
        let Some((step, _)) = self.session.shell.take() else {
            return;
        };
        self.commit(vec![EventKind::Note {
            step: Some(step.clone()),
            text: format!("a shell in its environment: {how}"),
            by: self.session.by.clone(),
        }]);
        if self.session.departing.is_some() {
            return self.go(Vec::new());
        }
        self.ask(Question::Failed(step));
    }

    fn answer_retry(&mut self, step: StepId, question: &str, answer: Answer) {
        match answer {
            Answer::Run => {
                self.session.agreed.insert(step.clone());
                let decided = self.decided(&step, question, Decision::Rerun);
                self.go(vec![decided]);
            }
            Answer::Done => self.assert_done(&step, question),
            Answer::Skip(reason) => self.skip(&step, question, reason),
            Answer::Edit { body, diff } => self.edit(&step, body, diff),
            _ => self.quit(Some((&step, question))),
        }
    }

    fn assert_done(&mut self, step: &StepId, question: &str) {
        let decided = self.decided(step, question, Decision::Done);
        let finished = EventKind::StepFinished {
            step: step.clone(),
            verdict: Verdict::OperatorAsserted,
            because: Some(format!("{} says that it is done", self.session.by)),
        };
        self.go(vec![decided, finished]);
    }

    fn skip(&mut self, step: &StepId, question: &str, reason: String) {
        let decided = self.decided(step, question, Decision::Skip);
        let finished = skipped(step, reason);
        self.go(vec![decided, finished]);
    }

    fn edit(&mut self, step: &StepId, body: String, diff: String) {
        let phase = self.state.step(step).map(|(_, it)| it.phase.clone());
        self.commit(vec![EventKind::StepEdited {
            step: step.clone(),
            body,
            diff,
        }]);
        self.session.found = None;
        self.session.agreed.remove(step);
        if phase == Some(Phase::Pending) && self.plan.runbook.kind == Kind::Plain {
            self.actions.push(Action::Again);
            return;
        }
        // What was edited is asked about again, with its new text.
        self.ask(match phase {
            Some(Phase::Finished(_)) => Question::Failed(step.clone()),
            Some(Phase::Unknown { because, .. }) => Question::Unknown {
                step: step.clone(),
                because,
            },
            _ => Question::Run {
                manner: self.manner_of_edited(step),
                step: step.clone(),
            },
        });
    }

    fn quit(&mut self, about: Option<(&StepId, &str)>) {
        let (step, question) = match about {
            Some((step, question)) => (Some(step.clone()), question.to_owned()),
            None => (None, "run all steps?".to_owned()),
        };
        let by = self.session.by.clone();
        let decision = Decision::Stop;
        let decided = EventKind::OperatorDecided {
            step,
            question,
            decision,
            by,
        };
        self.depart(Leaving::Stopped("as you asked".to_owned()), vec![decided]);
    }
}

fn about(question: &Question) -> Option<&StepId> {
    match question {
        Question::Begin => None,
        Question::Run { step, .. }
        | Question::Failed(step)
        | Question::Unknown { step, .. }
        | Question::Interrupted(step) => Some(step),
    }
}

fn listed(steps: &[StepId]) -> String {
    let names: Vec<String> = steps.iter().map(|it| format!("`{it}`")).collect();
    names.join(", ")
}
