//! Two plans of one runbook → what differs between their steps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{LeftOut, PlannedStep};
use crate::model::StepId;
use crate::unified::{Old, Texts, unified};

/// What differs about one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its id, in the plan that has it.
    pub step: StepId,
    /// What a person reads.
    pub title: String,
    /// Its line, in the document that has it.
    pub line: u32,
    /// What became of it.
    pub change: StepChange,
    /// What it was called before, where that is something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<StepId>,
    /// Unified diff of its text; empty where that is the same.
    pub diff: String,
    /// What else differs, a line each.
    pub also: Vec<String>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepChange {
    /// It was not there.
    Added,
    /// It is there no more.
    Removed,
    /// Its text, or what its attributes say, is another.
    Changed,
    /// It stands elsewhere among the others, or is called otherwise.
    Moved,
}

/// A plan, as far as it is compared.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its steps, in order.
    pub steps: &'a [PlannedStep],
    /// What is not part of it.
    pub left_out: &'a [LeftOut],
}

/// Returns what differs: the steps of `now` in their order, then those that are gone.
pub fn compare(before: Side<'_>, now: Side<'_>) -> Vec<Difference> {
    let pairs = pairs(before.steps, now.steps);
    let stays = longest_rising(&pairs);
    let mut found = Vec::new();
    for (at, step) in now.steps.iter().enumerate() {
        let Some(old) = pairs[at].map(|it| &before.steps[it]) else {
            found.push(of_one_side(
                step,
                StepChange::Added,
                before.left_out,
                "the last run",
            ));
            continue;
        };
        let texts = Texts {
            old: &old.body,
            new: &step.body,
            from: "last run",
            to: "now",
        };
        let diff = unified(texts, Old::Told);
        let mut also = attributes(old, step);
        let was = (old.id != step.id).then(|| old.id.clone());
        let is_elsewhere = !stays[at];
        let change = if !diff.is_empty() || !also.is_empty() {
            StepChange::Changed
        } else if is_elsewhere || was.is_some() {
            StepChange::Moved
        } else {
            continue;
        };
        if is_elsewhere {
            also.push("it stands elsewhere among the others".to_owned());
        }
        if let Some(was) = &was {
            also.push(format!("it was called `{was}`"));
        }
        found.push(Difference {
            step: step.id.clone(),
            title: step.title.clone(),
            line: step.line,
            change,
            was,
            diff,
            also,
        });
    }
    for (at, step) in before.steps.iter().enumerate() {
        if !pairs.contains(&Some(at)) {
            found.push(of_one_side(
                step,
                StepChange::Removed,
                now.left_out,
                "this one",
            ));
        }
    }
    found
}

fn of_one_side(step: &PlannedStep, change: StepChange, other: &[LeftOut], run: &str) -> Difference {
    let left = other.iter().find(|it| it.id == step.id);
    let because = |it: &LeftOut| format!("it is not part of {run}: {}", it.because);
    Difference {
        step: step.id.clone(),
        title: step.title.clone(),
        line: step.line,
        change,
        was: None,
        diff: String::new(),
        also: left.map(because).into_iter().collect(),
    }
}

// Which step of the other side each step of `now` is: the same under the same name; then the same under
// another, for names that are made from headings shift; then what has kept its name.
fn pairs(before: &[PlannedStep], now: &[PlannedStep]) -> Vec<Option<usize>> {
    let mut found: Vec<Option<usize>> = vec![None; now.len()];
    let mut taken = vec![false; before.len()];
    let by_id: BTreeMap<&StepId, usize> = before
        .iter()
        .enumerate()
        .map(|(at, it)| (&it.id, at))
        .collect();
    for (at, step) in now.iter().enumerate() {
        if let Some(old) = by_id.get(&step.id).filter(|it| before[**it].is_like(step)) {
            (found[at], taken[*old]) = (Some(*old), true);
        }
    }
    let mut by_text: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, step) in before.iter().enumerate().rev() {
        if !taken[at] {
            by_text.entry(&step.body).or_default().push(at);
        }
    }
    let ids: Vec<&StepId> = now.iter().map(|it| &it.id).collect();
    for (at, step) in now
        .iter()
        .enumerate()
        .filter(|(at, _)| found[*at].is_none())
        .collect::<Vec<_>>()
    {
        let Some(others) = by_text.get_mut(step.body.as_str()) else {
            continue;
        };
        // What still has its name is that step, whatever else has its text; but names that are made
        // from one heading are numbers.
        let is_free = |it: &usize| {
            let old = &before[*it];
            let keeps = ids.contains(&&old.id) && stem(&old.id) != stem(&step.id);
            !taken[*it] && old.is_like(step) && !keeps
        };
        if let Some(place) = others.iter().rposition(is_free) {
            let old = others.remove(place);
            (found[at], taken[old]) = (Some(old), true);
        }
    }
    for (at, step) in now.iter().enumerate() {
        if found[at].is_none()
            && let Some(old) = by_id.get(&step.id).filter(|it| !taken[**it])
        {
            (found[at], taken[*old]) = (Some(*old), true);
        }
    }
    found
}

// `backup-2` is made from the same heading as `backup`.
fn stem(id: &StepId) -> &str {
    let text = id.as_str();
    let bare = text.trim_end_matches(|c: char| c.is_ascii_digit());
    match bare.strip_suffix('-') {
        Some(stem) if bare.len() < text.len() => stem,
        _ => text,
    }
}

// Of each step whether it belongs to the longest row of steps that stand in the same order on both
// sides: the others have moved.
fn longest_rising(pairs: &[Option<usize>]) -> Vec<bool> {
    // The places where the shortest rows of each length end, and what stands before each place.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; pairs.len()];
    for (at, old) in pairs.iter().enumerate() {
        let Some(old) = old else { continue };
        let length = ends.partition_point(|it| pairs[*it].is_some_and(|end| end < *old));
        before[at] = length.checked_sub(1).map(|it| ends[it]);
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut stays = vec![false; pairs.len()];
    let mut place = ends.last().copied();
    while let Some(at) = place {
        stays[at] = true;
        place = before[at];
    }
    stays
}

// What attributes say, key by key, as the journal keeps it.
fn attributes(old: &PlannedStep, new: &PlannedStep) -> Vec<String> {
    let all = |step: &PlannedStep| -> BTreeMap<String, Value> {
        let mut said = BTreeMap::from([
            ("effect".to_owned(), Value::from(step.effect.to_string())),
            ("language".to_owned(), step.language.clone().into()),
            ("idempotent".to_owned(), step.idempotent.into()),
            ("exit".to_owned(), step.exit.clone().into()),
        ]);
        for part in [
            serde_json::to_value(&step.setup),
            serde_json::to_value(&step.flow),
        ] {
            // Infallible: names and numbers.
            if let Ok(Value::Object(map)) = part {
                said.extend(map);
            }
        }
        said
    };
    let told = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let (old, new) = (all(old), all(new));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| format!("{name}: {} → {}", told(old.get(name)), told(new.get(name))))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use proptest::{collection, sample};

    use super::{Side, StepChange, compare};
    use crate::event::{LeftOut, PlannedStep};
    use crate::model::{Effect, StepId};

    fn step(id: &str, body: &str) -> PlannedStep {
        PlannedStep {
            id: StepId::new(id).unwrap(),
            title: id.to_uppercase(),
            section: String::new(),
            line: 1,
            language: Some("bash".to_owned()),
            body: format!("{body}\n"),
            offered: None,
            effect: Effect::Changes,
            idempotent: false,
            exit: Vec::new(),
            setup: crate::event::Setup::default(),
            flow: crate::event::Flow::default(),
        }
    }

    fn steps(text: &str) -> Vec<PlannedStep> {
        let words = text.split_whitespace();
        words
            .map(|it| {
                let (id, body) = it.split_once('=').unwrap_or((it, it));
                step(id, body)
            })
            .collect()
    }

    fn check(before: &str, now: &str) -> String {
        let left_out = [LeftOut {
            id: StepId::new("z").unwrap(),
            title: "Z".to_owned(),
            line: 9,
            because: "on demand".to_owned(),
        }];
        let (before, now) = (steps(before), steps(now));
        let side = |steps| Side {
            steps,
            left_out: &left_out,
        };
        let mut told = String::new();
        for it in compare(side(&before), side(&now)) {
            let diff: Vec<&str> = it.diff.lines().skip(3).collect();
            let _ = writeln!(told, "{:?} {} {diff:?} {:?}", it.change, it.step, it.also);
        }
        told
    }

    #[test]
    fn steps_that_were_added_changed_moved_and_taken_out_are_told() {
        insta::assert_snapshot!(check("a b c", "a b c"), @"");
        insta::assert_snapshot!(check("a b c", "a b=new c d"), @r#"
        Changed b ["-b", "+new"] []
        Added d [] []
        "#);
        insta::assert_snapshot!(check("a b c z", "b c a"), @r#"
        Moved a [] ["it stands elsewhere among the others"]
        Removed z [] ["it is not part of this one: on demand"]
        "#);
        // A heading that is repeated shifts the names after it.
        insta::assert_snapshot!(check("a=1 a-2=2 a-3=3", "a=1 a-2=new a-3=2 a-4=3"), @r#"
        Added a-2 [] []
        Moved a-3 [] ["it was called `a-2`"]
        Moved a-4 [] ["it was called `a-3`"]
        "#);
        insta::assert_snapshot!(check("old=text", "new=text z"), @r#"
        Moved new [] ["it was called `old`"]
        Added z [] ["it is not part of the last run: on demand"]
        "#);
    }

    #[test]
    fn what_attributes_say_is_told_by_name() {
        let before = step("a", "x");
        let mut now = step("a", "x");
        now.effect = Effect::Destroys;
        now.flow.needs = Some(vec![StepId::new("b").unwrap()]);
        now.setup.user = Some("app".to_owned());
        let side = |steps| Side {
            steps,
            left_out: &[],
        };
        let found = compare(side(&[before]), side(&[now]));
        assert_eq!(
            found[0].also,
            [
                "effect: changes → destroys",
                "needs: – → [\"b\"]",
                "user: – → app"
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_differs_from_itself_and_each_step_is_told_once(
            before in collection::vec(sample::select(vec!["a", "b", "c", "a-2"]), 0..6),
            now in collection::vec(sample::select(vec!["a", "b=x", "c", "d", "a-2=a"]), 0..6),
        ) {
            let once = |text: &[&'static str]| {
                let mut seen = std::collections::BTreeSet::new();
                let fresh = text.iter().filter(|it| seen.insert(it.split('=').next()));
                let text: Vec<&str> = fresh.copied().collect();
                steps(&text.join(" "))
            };
            let (before, now) = (once(&before), once(&now));
            let side = |steps| Side { steps, left_out: &[] };
            prop_assert_eq!(compare(side(&before), side(&before)).len(), 0);
            let found = compare(side(&before), side(&now));
            let count = |change| found.iter().filter(|it| it.change == change).count();
            let (added, removed) = (count(StepChange::Added), count(StepChange::Removed));
            prop_assert_eq!(before.len() + added, now.len() + removed);
            let mut ids: Vec<_> = found.iter().map(|it| (&it.step, it.change == StepChange::Removed)).collect();
            let all = ids.len();
            ids.sort();
            ids.dedup();
            prop_assert!(ids.len() == all);
        }
    }
}
