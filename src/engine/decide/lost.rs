//! Values that no record holds, and that this session does not have: the step that gave one runs again
//! before a step that reads it begins.

use crate::event::{Decision, EventKind, Text};
use crate::model::{Step, StepId};
use crate::plan::Plan;
use crate::redact::Lost as Gone;
use crate::state::{Ahead, Carried, StepState};

use super::super::conceal::text_filled;
use super::begin::Proposal;
use super::{Answer, Leaving, Question, Secret, Turn, by_the_runbook, repeatable};

/// A value that is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The step that reads it.
    pub step: StepId,
    /// Its name.
    pub name: String,
    /// The step that gives it.
    pub giver: StepId,
    /// What the secret is called that is missing for it.
    pub secret: String,
}

impl Turn<'_> {
    /// Returns the first value that `step` reads and that cannot be had without running a step again.
    pub(super) fn lost(&self, carried: &Carried, step: &Step, now: &StepState) -> Option<Lost> {
        let found = |name: &str, gone: Gone, otherwise: Option<&StepId>| {
            let giver = self.giver(&gone.name).map(|it| &it.id).or(otherwise)?;
            Some(Lost {
                step: step.id.clone(),
                name: name.to_owned(),
                giver: giver.clone(),
                secret: gone.name,
            })
        };
        for (name, given) in &carried.values {
            if self.plan.reads(step, now.edited.as_deref(), name)
                && let Err(gone) = self.session.value(name, given)
            {
                return found(name, gone, Some(&given.step));
            }
        }
        let texts = self.session.texts();
        let is_given = |name: &str, text: &Text| {
            let given = carried.values.get(name);
            given.is_some_and(|it| Text::Plain(it.stored.clone()) == *text)
        };
        let variables = carried.variables.iter();
        let variables = variables.filter_map(|(name, text)| Some((name.as_str(), text.as_ref()?)));
        let left = variables.chain(carried.cwd.as_ref().map(|it| ("PWD", it)));
        left.filter(|(name, text)| !is_given(name, text))
            .find_map(|(name, text)| found(name, text_filled(text, texts).err()?, None))
    }

    // Where the secret is there what is lost was made of it by the step that gave it.
    fn giver(&self, secret: &str) -> Option<&Step> {
        let mut known = self.session.texts().secrets().iter();
        let is_there = known.any(|it| it.name == secret);
        self.plan.giver(secret).filter(|_| !is_there)
    }

    /// Lets the step run again that gives what is lost: by itself, where that changes nothing.
    pub(super) fn offer(&self, ahead: &Ahead<'_>, lost: Lost) -> Proposal {
        let planned = ahead.step(&lost.giver).map(|(planned, _)| planned);
        if let Some(why) = planned.and_then(repeatable) {
            let question = question(&lost);
            let rerun = by_the_runbook(&lost.giver, question, Decision::Rerun, why);
            return Proposal::Settled(vec![rerun]);
        }
        if self.session.terminal {
            return Proposal::Ask(Question::Lost(lost));
        }
        Proposal::Stuck(Leaving::Lost(lost))
    }

    pub(super) fn answer_lost(&mut self, lost: Lost, answer: Answer) {
        let asked = question(&lost);
        match answer {
            Answer::Run => {
                self.session.agreed.insert(lost.giver.clone());
                let decided = self.decided(&lost.giver, &asked, Decision::Rerun);
                self.go(vec![decided]);
            }
            Answer::Value(text) => self.give(lost, text),
            Answer::Skip(reason) => self.skip(&lost.step, &asked, reason),
            Answer::Quit => self.quit(Some((&lost.step, &asked))),
            // No answer to this question: it stays open.
            _ => self.ask(Question::Lost(lost)),
        }
    }

    fn give(&mut self, lost: Lost, text: Secret) {
        if text.expose().is_empty() || crate::redact::is_short(text.expose()) {
            return self.ask(Question::Lost(lost));
        }
        let given = EventKind::ValueGiven {
            name: lost.secret.clone(),
            value: None,
            source: "prompt".to_owned(),
            by: self.session.by.clone(),
        };
        self.session.keep_given(lost.secret, text);
        self.again(vec![given]);
    }
}

fn question(lost: &Lost) -> String {
    format!(
        "`{}`, which step `{}` reads, is kept nowhere: run this step again for it?",
        lost.name, lost.step
    )
}

/// Whether a person can type what is lost: it is the secret itself, not something made of it.
pub fn can_be_typed(plan: &Plan, lost: &Lost) -> bool {
    plan.giver(&lost.secret)
        .is_some_and(|it| plan.secret_given(&it.id, &lost.name) == lost.secret)
}
