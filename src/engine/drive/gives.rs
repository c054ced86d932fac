//! What steps give to later steps: kept in memory as it is, where records hold it with holes.

use crate::event::AttemptExited;
use crate::keeper::protocol::Gives;
use crate::model::{Kind, Step, StepId};
use crate::plan::Known;
use crate::redact::Named;
use crate::resolve::accept;
use crate::state::Role;

use super::super::decide::Secret;
use super::Engine;

impl Engine<'_> {
    /// Keeps the values of an attempt that its record does not hold whole. A secret that is not what its
    /// input takes makes the attempt unfit.
    pub(super) fn learn(&mut self, exited: &mut AttemptExited, live: Vec<Named>) {
        let plan = &self.parts.plan;
        let is_secret = plan.step(&exited.step).is_some_and(|it| it.settings.secret);
        for it in live {
            let secret = Secret::new(it.value);
            if is_secret {
                let input = plan
                    .prints(&exited.step)
                    .filter(|input| input.name == it.name);
                let unfit = input.and_then(|input| accept(input, secret.expose()).err());
                if let Some(right) = unfit {
                    let because =
                        format!("what it prints cannot be the secret `{}`: {right}", it.name);
                    exited.unfit.get_or_insert(because);
                }
                let name = plan.secret_given(&exited.step, &it.name);
                self.parts.session.keep_given(name, secret.clone());
            }
            self.parts.session.keep_live(&exited.nonce, it.name, secret);
        }
    }

    /// Returns what is known where `step` runs: what was given to the run, and by the steps before it.
    pub(super) fn known(&self, step: &StepId) -> Known {
        let (session, plan) = (&self.parts.session, &self.parts.plan);
        let state = self.parts.journal.state();
        match state.look_ahead(session.pending()) {
            Ok(ahead) => session.known_at(&ahead, &ahead.carried(step), plan, step),
            Err(_) => session.known(state, plan),
        }
    }

    /// Returns how `step` gives values; `None` where it gives none.
    pub(super) fn gives(&self, step: &Step) -> Option<Gives> {
        let plan = &self.parts.plan;
        let order = self.parts.journal.state().order();
        let is_part = order
            .place(&step.id)
            .is_some_and(|at| *order.role(at) == Role::Part);
        let settings = &step.settings;
        if !is_part || settings.background.is_some() || plan.runbook.kind == Kind::Plain {
            return None;
        }
        let input = plan.prints(&step.id);
        Some(Gives {
            capture: settings.capture.clone(),
            secret: settings.secret,
            input: input.map(|it| it.name.clone()),
            short: input.is_some_and(|it| it.short),
            taken: plan.taken(step),
            exit: settings.exit.clone(),
        })
    }
}
