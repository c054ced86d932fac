//! `if=`, `unless=`, `undo-of=`: the steps that they name; and attributes that contradict one another.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::markdown::attributes::nearest;
use crate::model::{Condition, Diagnostic, Doubt, Effect, Kind, Span, Step, StepId, Task};

/// An attribute that names a step, or gives an expression.
pub(super) struct Named {
    pub(super) step: usize,
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) span: Span,
}

/// Gives each step what its attributes name, and tells of what makes no sense.
pub(super) fn settle(
    steps: &mut [Step],
    named: &[Named],
    kind: Kind,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut guards: BTreeSet<usize> = BTreeSet::new();
    for it in named {
        match read(steps, it) {
            Ok(Meant::Guard(guard, condition)) => {
                guards.insert(guard);
                let settings = Arc::make_mut(&mut steps[it.step].settings);
                match it.name {
                    "if" => settings.only_if = Some(condition),
                    _ => settings.unless = Some(condition),
                }
            }
            Ok(Meant::Undoes(of)) => Arc::make_mut(&mut steps[it.step].settings).undo_of = Some(of),
            Err(found) => fault(steps, it.step, kind, *found, diagnostics),
        }
    }
    for it in named {
        if let Some(found) = contradiction(steps, &guards, it) {
            fault(steps, it.step, kind, found, diagnostics);
        }
    }
    for at in 0..steps.len() {
        let needs = steps[at].settings.needs.clone().unwrap_or_default();
        for id in needs {
            let to = steps.iter().position(|it| it.id == id);
            let without_place =
                to.is_some_and(|to| guards.contains(&to) || steps[to].settings.undo_of.is_some());
            if without_place {
                let span = steps[at].span;
                let message = format!(
                    "step `{}` needs `{id}`, which runs for another step only",
                    steps[at].id
                );
                let found = Diagnostic::error("needs", span, message)
                    .way_out("name the step that it runs for");
                fault(steps, at, kind, found, diagnostics);
            }
        }
    }
}

enum Meant {
    Guard(usize, Condition),
    Undoes(StepId),
}

fn read(steps: &[Step], it: &Named) -> Result<Meant, Box<Diagnostic>> {
    let error = |message: String| Diagnostic::error(it.name, it.span, message);
    let is_condition = it.name != "undo-of";
    if is_condition && !it.value.starts_with('#') {
        let message = format!("expressions in `{}` are not in this version", it.name);
        return Err(Box::new(
            Diagnostic::error("not-in-this-version", it.span, message)
                .way_out(format!("name a step that tells: `{}=#id`", it.name)),
        ));
    }
    let id = it.value.trim_start_matches('#');
    let Some(at) = steps.iter().position(|step| step.id.as_str() == id) else {
        let ids = steps.iter().map(|step| step.id.as_str());
        let way_out = nearest(id, ids).map_or_else(
            || "name a step by its `#id`".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        return Err(Box::new(
            error(format!("no step is called `{id}`")).way_out(way_out),
        ));
    };
    let step = &steps[at];
    if at == it.step {
        let message = format!("step `{id}` names itself");
        return Err(Box::new(error(message).way_out("name another step")));
    }
    if !step.id_is_explicit {
        let message = format!(
            "`{}` wants an id that the document gives; `{id}` is derived",
            it.name
        );
        let way_out = format!("write `{{#{id}}}` on the fence of line {}", step.line);
        return Err(Box::new(error(message).way_out(way_out)));
    }
    if !is_condition {
        return Ok(Meant::Undoes(step.id.clone()));
    }
    if !matches!(step.task, Task::Command { .. }) {
        let message = format!("`{id}` is done by a person: it cannot tell whether a step runs");
        return Err(Box::new(
            error(message).way_out("name a step that a command tells"),
        ));
    }
    if step.effect != Effect::Reads {
        let message = format!(
            "`{id}` tells whether a step runs, and so must only read: it is classed as {}",
            step.effect
        );
        let way_out = format!(
            "write `effect=reads` on the fence of line {}, if it only reads",
            step.line
        );
        return Err(Box::new(error(message).way_out(way_out)));
    }
    Ok(Meant::Guard(at, Condition::Step(step.id.clone())))
}

// What one step says that another, or it itself, makes impossible.
fn contradiction(steps: &[Step], guards: &BTreeSet<usize>, it: &Named) -> Option<Diagnostic> {
    let error = |message: String| Some(Diagnostic::error(it.name, it.span, message));
    let step = &steps[it.step];
    let of = step.settings.undo_of.as_ref();
    if it.name == "undo-of" {
        let target = of.and_then(|of| steps.iter().position(|step| step.id == *of))?;
        if guards.contains(&target) || steps[target].settings.undo_of.is_some() {
            let message = format!("there is nothing to undo of `{}`", steps[target].id);
            return error(message).map(|it| it.way_out("name a step that changes something"));
        }
        if guards.contains(&it.step) {
            let message = format!(
                "`{}` cannot both undo and tell whether a step runs",
                step.id
            );
            return error(message).map(|it| it.way_out("make two steps of it"));
        }
        if step.settings.needs.is_some() || step.settings.always {
            let message = format!(
                "`{}` undoes: it has no place among the other steps",
                step.id
            );
            return error(message).map(|it| it.way_out("take `needs` and `always` out"));
        }
        return None;
    }
    if guards.contains(&it.step) {
        let message = format!(
            "`{}` tells whether a step runs: it cannot wait for another that does",
            step.id
        );
        return error(message).map(|it| it.way_out("put both conditions on the step itself"));
    }
    None
}

fn fault(
    steps: &mut [Step],
    at: usize,
    kind: Kind,
    mut found: Diagnostic,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if kind == Kind::Plain {
        found.severity = crate::model::Severity::Warning;
        steps[at].doubts.push(Doubt {
            rule: "attributes",
            because: found.message.clone(),
            span: found.span,
        });
    }
    diagnostics.push(found);
}
