//! `undo-of=`: the step that it names; and attributes that contradict one another.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::conditions::Stated;
use crate::markdown::attributes::nearest;
use crate::model::{
    Condition, Diagnostic, Doubt, Kind, Settings, Severity, Span, Step, StepId, Task,
};

/// One `undo-of=`.
pub(super) struct Undoes {
    pub(super) step: usize,
    pub(super) of: String,
    pub(super) span: Span,
}

/// Tells of what makes no sense: in a plain document the step is in doubt for it.
pub(super) struct Reader<'r> {
    kind: Kind,
    diagnostics: &'r mut Vec<Diagnostic>,
}

impl<'r> Reader<'r> {
    pub(super) fn new(kind: Kind, diagnostics: &'r mut Vec<Diagnostic>) -> Self {
        Self { kind, diagnostics }
    }

    fn fault(
        &mut self,
        step: &mut Step,
        rule: &'static str,
        span: Span,
        message: String,
        way_out: impl Into<String>,
    ) {
        let mut found = Diagnostic::error(rule, span, message).way_out(way_out);
        if self.kind == Kind::Plain {
            found.severity = Severity::Warning;
            step.doubts.push(Doubt {
                rule,
                because: found.message.clone(),
                span,
            });
        }
        self.diagnostics.push(found);
    }

    /// Gives each step the one that it undoes.
    pub(super) fn undoes(&mut self, steps: &mut [Step], undoes: &[Undoes]) {
        for it in undoes {
            match undone(steps, it) {
                Ok(of) => Arc::make_mut(&mut steps[it.step].settings).undo_of = Some(of),
                Err((message, way_out)) => {
                    self.fault(&mut steps[it.step], "undo-of", it.span, message, way_out);
                }
            }
        }
    }

    /// `ready=` says something of a server only.
    pub(super) fn servers(&mut self, steps: &mut [Step], stated: &[(usize, Stated)]) {
        for (at, it) in stated.iter().filter(|it| it.1.name == "ready") {
            let step = &mut steps[*at];
            if step.settings.background.is_none() {
                let message = "`ready` is said of a server".to_owned();
                self.fault(
                    step,
                    "flow",
                    it.span,
                    message,
                    "add `background`, or take it out",
                );
            }
        }
    }

    /// What steps say that cannot be together.
    pub(super) fn contradictions(&mut self, steps: &mut [Step]) {
        let guards: BTreeSet<StepId> = steps.iter().flat_map(|it| guards(&it.settings)).collect();
        let undoing: BTreeSet<StepId> = steps
            .iter()
            .filter(|it| it.settings.undo_of.is_some())
            .map(|it| it.id.clone())
            .collect();
        for step in steps {
            let settings = &step.settings;
            let is_guard = guards.contains(&step.id);
            let of_another = |id: &StepId| guards.contains(id) || undoing.contains(id);
            let without_place = settings.needs.iter().flatten().find(|it| of_another(it));
            let is_hand = matches!(step.task, Task::ByHand { .. });
            let found = if let Some(need) = without_place {
                Some((
                    format!(
                        "step `{}` needs `{need}`, which runs for another step only",
                        step.id
                    ),
                    "name the step that it runs for",
                ))
            } else if is_guard && guards_something(settings) {
                Some((
                    format!(
                        "`{}` tells whether a step runs: it cannot wait for another that does",
                        step.id
                    ),
                    "put both conditions on the step itself",
                ))
            } else if is_guard && settings.undo_of.is_some() {
                Some((
                    format!(
                        "`{}` cannot both undo and tell whether a step runs",
                        step.id
                    ),
                    "make two steps of it",
                ))
            } else if is_guard && (is_hand || settings.background.is_some() || settings.interactive)
            {
                Some((
                    format!(
                        "`{}` tells whether a step runs, and so must be a command that ends by itself",
                        step.id
                    ),
                    "name another step",
                ))
            } else if settings.undo_of.is_some() && (settings.needs.is_some() || settings.always) {
                Some((
                    format!(
                        "`{}` undoes: it has no place among the other steps",
                        step.id
                    ),
                    "take `needs` and `always` out",
                ))
            } else if settings.undo_of.as_ref().is_some_and(of_another) {
                Some((
                    format!("`{}` undoes a step that runs for another only", step.id),
                    "name a step that changes something",
                ))
            } else if settings.background.is_some()
                && (settings.retries > 0 || settings.until.is_some() || settings.capture.is_some())
            {
                Some((
                    format!(
                        "`{}` is a server: it is not tried again, and gives no value",
                        step.id
                    ),
                    "take `retries`, `until` and `capture` out",
                ))
            } else if settings.every.is_some() && settings.retries == 0 && settings.until.is_none()
            {
                Some((
                    format!(
                        "`every` of `{}` is a pause between tries, and it is tried once",
                        step.id
                    ),
                    "add `retries` or `until`, or take it out",
                ))
            } else {
                None
            };
            if let Some((message, way_out)) = found {
                let span = step.span;
                self.fault(step, "flow", span, message, way_out);
            }
        }
    }
}

fn guards(settings: &Settings) -> impl Iterator<Item = StepId> {
    let both = [&settings.only_if, &settings.unless];
    both.into_iter().filter_map(|it| match it {
        Some(Condition::Step(id)) => Some(id.clone()),
        _ => None,
    })
}

fn guards_something(settings: &Settings) -> bool {
    settings.only_if.is_some() || settings.unless.is_some()
}

fn undone(steps: &[Step], it: &Undoes) -> Result<StepId, (String, String)> {
    let id = it.of.trim_start_matches('#');
    let Some(at) = steps.iter().position(|step| step.id.as_str() == id) else {
        let ids = steps.iter().map(|step| step.id.as_str());
        let way_out = nearest(id, ids).map_or_else(
            || "name a step by its `#id`".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        return Err((format!("no step is called `{id}`"), way_out));
    };
    if at == it.step {
        return Err((
            format!("step `{id}` undoes itself"),
            "name another step".to_owned(),
        ));
    }
    if !steps[at].id_is_explicit {
        return Err((
            format!("`undo-of` wants an id that the document gives; `{id}` is derived"),
            format!("write `{{#{id}}}` on the fence of line {}", steps[at].line),
        ));
    }
    Ok(steps[at].id.clone())
}
