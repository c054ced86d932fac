//! What steps hand on to the steps after them: the environment, as the fold of what each changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{AttemptExited, Text, Verdict};
use crate::model::StepId;

use super::order::Role;
use super::table::Ahead;
use super::{Phase, StepState};

/// What steps hand on to the steps after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Names with their values; `None` where the name was removed.
    pub variables: BTreeMap<String, Option<Text>>,
    /// The folder that the last of them left, where it was another.
    pub cwd: Option<Text>,
    /// What steps have captured, or written into `$RUNBOOK_OUTPUT`, by name.
    pub values: BTreeMap<String, Given>,
    /// A name that nobody can say the value of.
    pub conflict: Option<Conflict>,
}

/// A value that a step gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// As the record holds it: with `{secret:NAME}` where a secret stands.
    pub stored: String,
    /// The step that gave it.
    pub step: StepId,
    /// The attempt.
    pub nonce: String,
}

/// Two steps, of which none comes before the other, give a name different values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The name.
    pub name: String,
    /// The one that stands first in the document.
    pub first: StepId,
    /// The other.
    pub second: StepId,
}

impl Carried {
    fn add(&mut self, exited: &AttemptExited, values: &BTreeMap<String, String>) {
        if let Some(delta) = &exited.environment {
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
        for (name, stored) in values {
            let value = Some(Text::Plain(stored.clone()));
            self.variables.insert(name.clone(), value);
            let given = Given {
                stored: stored.clone(),
                step: exited.step.clone(),
                nonce: exited.nonce.clone(),
            };
            self.values.insert(name.clone(), given);
        }
    }
}

static NOTHING: BTreeMap<String, String> = BTreeMap::new();

// What the step at `of` gave that the one at `to` sees: of a row of a table only what runs for the same
// row, and nothing that a person only says was done.
fn given<'a>(ahead: &'a Ahead<'_>, of: usize, to: usize) -> &'a BTreeMap<String, String> {
    let row = |at: usize| ahead.planned(at).and_then(|it| it.flow.row.as_ref());
    let step = ahead.at(of);
    let is_for_it = row(of).is_none_or(|it| row(to) == Some(it));
    match &step.exited {
        Some(exited) if is_for_it && step.phase == Phase::Finished(Verdict::Ok) => &exited.values,
        _ => &NOTHING,
    }
}

/// Returns what the step at `index` sees of the steps before it.
pub(super) fn carried(ahead: &Ahead<'_>, index: usize) -> Carried {
    let order = &ahead.state().order;
    let (until, itself) = asked_for(ahead, index);
    if order.is_chain() {
        let mut carried = Carried::default();
        for at in 0..until {
            if let Some(exited) = counting(ahead.at(at)) {
                carried.add(exited, given(ahead, at, index));
            }
        }
        return carried;
    }
    let mut before = order.before(until);
    before.extend(itself.then_some(until));
    let hands_on: Vec<usize> = before
        .into_iter()
        .filter(|at| counting(ahead.at(*at)).is_some())
        .collect();
    fold(ahead, &hands_on, index)
}

// A guard sees what the step sees that it stands before; what undoes a step sees what that step left.
fn asked_for(ahead: &Ahead<'_>, index: usize) -> (usize, bool) {
    let state = ahead.state();
    match state.order.role(index) {
        Role::Part => (index, false),
        Role::Undo(of) => state
            .order
            .place(of)
            .map_or((index, false), |at| (at, true)),
        Role::Guard => {
            let id = ahead.planned(index).map(|it| &it.id);
            let stands_before = |at: &usize| {
                let planned = ahead.planned(*at);
                let mut guards = planned.into_iter().flat_map(|it| it.flow.guards());
                !ahead.at(*at).is_over() && guards.any(|it| Some(&it) == id)
            };
            let asking = (0..state.steps.len()).find(stands_before);
            (asking.unwrap_or(index), false)
        }
    }
}

fn counting(step: &StepState) -> Option<&AttemptExited> {
    let counts = matches!(
        step.phase,
        Phase::Finished(Verdict::Ok | Verdict::OperatorAsserted)
    );
    step.exited.as_ref().filter(|_| counts)
}

// In the order of the document, but never a step before one that it waits for.
fn fold(ahead: &Ahead<'_>, steps: &[usize], index: usize) -> Carried {
    let order = &ahead.state().order;
    let before: BTreeMap<usize, BTreeSet<usize>> =
        steps.iter().map(|at| (*at, order.before(*at))).collect();
    let comes_before = |a: usize, b: usize| before.get(&b).is_some_and(|it| it.contains(&a));
    let mut sorted: Vec<usize> = Vec::with_capacity(steps.len());
    let mut left = steps.to_vec();
    while !left.is_empty() {
        let is_first = |at: &usize| !left.iter().any(|other| comes_before(*other, *at));
        let place = left.iter().position(is_first).unwrap_or(0);
        sorted.push(left.remove(place));
    }
    let mut carried = Carried::default();
    let mut by: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut movers: Vec<usize> = Vec::new();
    for at in &sorted {
        let Some(exited) = &ahead.at(*at).exited else {
            continue;
        };
        let values = given(ahead, *at, index);
        for name in values.keys() {
            by.entry(name).or_default().push(*at);
        }
        if let Some(delta) = &exited.environment {
            for name in delta.set.iter().map(|it| &it.0).chain(&delta.unset) {
                by.entry(name).or_default().push(*at);
            }
            movers.extend(delta.cwd.as_ref().map(|_| *at));
        }
        carried.add(exited, values);
    }
    // A folder is carried along a single chain only.
    let is_chain = |steps: &[usize]| {
        let mut pairs = steps.windows(2);
        pairs.all(|pair| comes_before(pair[0], pair[1]))
    };
    if !is_chain(&movers) {
        carried.cwd = None;
    }
    let value = |at: usize, name: &str| {
        if let Some(value) = given(ahead, at, index).get(name) {
            return Some(Text::Plain(value.clone()));
        }
        let exited = ahead.at(at).exited.as_ref();
        let delta = exited.and_then(|it| it.environment.as_ref())?;
        let mut set = delta.set.iter();
        set.find(|it| it.0 == name).map(|it| it.1.clone())
    };
    for (name, setters) in by {
        // What comes last of all decides; else those that nothing comes after must agree.
        let last = |at: &&usize| !setters.iter().any(|other| comes_before(**at, *other));
        let last: Vec<usize> = setters.iter().filter(last).copied().collect();
        let Some(first) = last.first() else { continue };
        let other = last
            .iter()
            .find(|at| value(**at, name) != value(*first, name));
        let ids = |at: usize| ahead.planned(at).map(|it| it.id.clone());
        if let (Some(second), Some(first)) = (other.and_then(|at| ids(*at)), ids(*first)) {
            carried.conflict = Some(Conflict {
                name: name.to_owned(),
                first,
                second,
            });
            return carried;
        }
    }
    carried
}
