//! Undoes what was done, the last step first.

use crate::event::{Decision, EventKind, Verdict};
use crate::model::{Effect, StepId};
use crate::state::{Ahead, Phase};

use super::next::{Begins, More};
use super::{Leaving, Question, Turn, by_the_runbook, repeatable};

impl Turn<'_> {
    /// Goes on with an undo that has begun: one step after the other.
    pub(super) fn go_back(&mut self, ahead: &Ahead<'_>, _events: &mut [EventKind]) -> More {
        self.session.went_back = true;
        let Some(undo) = ahead.undo() else {
            return More::Wait;
        };
        let mut steps = undo.steps.iter().filter_map(|id| ahead.step(id));
        let Some((planned, step)) = steps.find(|(_, it)| !it.is_over()) else {
            return More::Depart(Leaving::Failed(undo.failed.clone()));
        };
        let id = &planned.id;
        match &step.phase {
            Phase::Finished(Verdict::Failed) => {
                let is_fresh = self.session.failed_here.contains(id);
                let why = repeatable(planned);
                if self.session.terminal {
                    More::Ask(Question::Failed(id.clone()))
                } else if !is_fresh && self.session.retry_failed {
                    let retry = self.decided(id, "retry the failed undo?", Decision::Rerun);
                    More::Settled(vec![retry])
                } else if let (false, Some(why)) = (is_fresh, why) {
                    let question = "retry the failed undo?".to_owned();
                    More::Settled(vec![by_the_runbook(id, question, Decision::Rerun, why)])
                } else {
                    // What failed first is what the run failed of.
                    More::Depart(Leaving::Failed(undo.failed.clone()))
                }
            }
            Phase::Pending if self.session.stop => {
                More::Depart(Leaving::Stopped("as you asked".to_owned()))
            }
            Phase::Pending => {
                let mut begins = Begins::default();
                if let Some(more) = self.one_more(ahead, planned, &mut begins) {
                    return more;
                }
                if !begins.starts.is_empty() {
                    return More::Start(begins.starts);
                }
                match (begins.first, begins.stuck) {
                    (Some(more), _) => more,
                    (None, Some(leaving)) => More::Depart(leaving),
                    (None, None) => More::Wait,
                }
            }
            _ => More::Wait,
        }
    }

    /// Who wants an undo wants its steps; what destroys, or has a question of its own, still asks.
    pub(super) fn agree_to_undo(&mut self, steps: &[StepId]) {
        for id in steps {
            let asks = self
                .plan
                .step(id)
                .is_none_or(|it| it.effect == Effect::Destroys || it.settings.confirm.is_some());
            if !asks {
                self.session.agreed.insert(id.clone());
            }
        }
    }
}
