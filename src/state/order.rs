//! Which step comes before which, and which may begin: computed from the plan and the phases alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{PlannedStep, Verdict};
use crate::model::StepId;

use super::table::Ahead;
use super::{Phase, StepState};

/// What a step is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A part of the run.
    Part,
    /// It tells whether other steps are to run, and runs before each of them. It has no place of its
    /// own.
    Guard,
    /// It undoes that step, and runs for nothing else.
    Undo(StepId),
}

/// How a part of the run stands towards the steps around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is over, and steps that need it may begin.
    Over,
    /// A server: steps that need it may begin.
    Serving,
    /// An attempt of it runs, or has ended without a verdict.
    Busy,
    /// Nobody knows how it ended.
    Unknown,
    /// It failed.
    Failed,
    /// All that it waits for is over.
    Ready,
    /// Something that it waits for is not over.
    Waits,
    /// What it needs failed, or waits for what failed: the index of the step that failed.
    Blocked(usize),
}

/// The order of the steps of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    roles: Vec<Role>,
    // The steps that a step names in `needs`, by index; those that are not part of the run are left
    // out.
    needs: Vec<Option<Vec<usize>>>,
    index: BTreeMap<StepId, usize>,
    // One after another, each waiting for all before it, and nothing besides.
    is_chain: bool,
}

impl Order {
    /// Returns the order of these steps.
    pub fn of(steps: &[PlannedStep]) -> Self {
        let numbered = steps.iter().enumerate();
        let index: BTreeMap<StepId, usize> = numbered.map(|(at, it)| (it.id.clone(), at)).collect();
        let guards: BTreeSet<StepId> = steps.iter().flat_map(|it| it.flow.guards()).collect();
        let role = |step: &PlannedStep| match &step.flow.undo_of {
            Some(of) => Role::Undo(of.clone()),
            None if guards.contains(&step.id) => Role::Guard,
            None => Role::Part,
        };
        let known = |ids: &Vec<StepId>| {
            let found = ids.iter().filter_map(|id| index.get(id).copied());
            found.collect()
        };
        let is_usual = |step: &PlannedStep| {
            let flow = &step.flow;
            let has_place = flow.needs.is_some() || flow.always || flow.allow_fail;
            !has_place && !flow.background && flow.undo_of.is_none()
        };
        Self {
            roles: steps.iter().map(role).collect(),
            needs: steps
                .iter()
                .map(|it| it.flow.needs.as_ref().map(known))
                .collect(),
            is_chain: guards.is_empty() && steps.iter().all(is_usual),
            index,
        }
    }

    /// Returns where the step stands in the plan.
    pub fn place(&self, id: &StepId) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// Returns what the step at `index` is for.
    pub fn role(&self, index: usize) -> &Role {
        self.roles.get(index).unwrap_or(&Role::Part)
    }

    pub(super) fn is_chain(&self) -> bool {
        self.is_chain
    }

    pub(super) fn is_part(&self, index: usize) -> bool {
        *self.role(index) == Role::Part
    }

    /// Returns the steps that the one at `index` names in `needs`; `None` where it names none and
    /// waits for all before it.
    pub fn needs(&self, index: usize) -> Option<&[usize]> {
        self.needs.get(index)?.as_deref()
    }

    /// Returns what the step at `index` waits for.
    pub fn waits_for(&self, index: usize) -> Vec<usize> {
        match self.needs(index) {
            Some(needs) => needs.to_vec(),
            None => (0..index).filter(|at| self.is_part(*at)).collect(),
        }
    }

    /// Returns all steps that come before the one at `index`, in the order of the document.
    pub fn before(&self, index: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = self.waits_for(index);
        while let Some(at) = open.pop() {
            if found.insert(at) {
                match self.needs(at) {
                    Some(needs) => open.extend(needs),
                    // Those before it, of which each may need a later one.
                    None => open.extend((0..at).filter(|it| self.is_part(*it))),
                }
            }
        }
        found
    }
}

/// How every part of a run stands, as far as it matters.
pub(super) fn fates(ahead: &Ahead<'_>) -> Vec<(usize, Fate)> {
    let state = ahead.state();
    let steps = state.steps.len();
    if state.order.is_chain {
        let first = (ahead.first_open()..steps).find(|at| !ahead.at(*at).is_over());
        let first = first.map(|at| (at, own(ahead, at).unwrap_or(Fate::Ready)));
        return first.into_iter().collect();
    }
    let mut reader = Reader {
        ahead,
        known: vec![None; steps],
        open: Vec::new(),
    };
    (0..steps)
        .filter(|at| state.order.is_part(*at))
        .map(|at| (at, reader.fate(at)))
        .collect()
}

// What the phase alone tells; `None` for a step that is still to run.
fn own(ahead: &Ahead<'_>, at: usize) -> Option<Fate> {
    let StepState { phase, .. } = ahead.at(at);
    let goes_on = || ahead.planned(at).is_some_and(|it| it.flow.allow_fail);
    Some(match phase {
        Phase::Pending => return None,
        Phase::Running(_) | Phase::Exited(_) => Fate::Busy,
        Phase::Serving(_) => Fate::Serving,
        Phase::Unknown { .. } => Fate::Unknown,
        Phase::Finished(Verdict::Failed) if !goes_on() => Fate::Failed,
        Phase::Finished(_) => Fate::Over,
    })
}

struct Reader<'a> {
    ahead: &'a Ahead<'a>,
    known: Vec<Option<Fate>>,
    // Where a circle could be; `resolve` allows none, a journal that was tampered with may.
    open: Vec<usize>,
}

impl Reader<'_> {
    fn fate(&mut self, at: usize) -> Fate {
        if let Some(known) = self.known[at] {
            return known;
        }
        if self.open.contains(&at) {
            return Fate::Waits;
        }
        self.open.push(at);
        let fate = own(self.ahead, at).unwrap_or_else(|| self.pending(at));
        self.open.pop();
        self.known[at] = Some(fate);
        fate
    }

    fn pending(&mut self, at: usize) -> Fate {
        let order = &self.ahead.state().order;
        let always = self.ahead.planned(at).is_some_and(|it| it.flow.always);
        let mut blocked = None;
        let mut waits = false;
        for before in order.waits_for(at) {
            match self.fate(before) {
                Fate::Over | Fate::Serving => {}
                Fate::Failed => blocked = blocked.or(Some(before)),
                Fate::Blocked(by) => blocked = blocked.or(Some(by)),
                Fate::Busy | Fate::Unknown | Fate::Ready | Fate::Waits => waits = true,
            }
        }
        match blocked {
            Some(by) if !always => Fate::Blocked(by),
            _ if waits => Fate::Waits,
            _ => Fate::Ready,
        }
    }
}
