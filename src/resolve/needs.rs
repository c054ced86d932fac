//! `needs=`: every id is one that the document gives, and nothing waits for itself.

use std::collections::BTreeMap;

use crate::markdown::attributes::nearest;
use crate::model::{Diagnostic, Span, Step};

/// One `needs=`: the index of the step that has it, the id it names, its place.
pub(super) type Need = (usize, String, Span);

/// Gives each step the needs that it names, and adds an error for every one that cannot be met.
pub(super) fn check(steps: &mut [Step], needs: &[Need], diagnostics: &mut Vec<Diagnostic>) {
    let before = diagnostics.len();
    let mut wanted: BTreeMap<usize, Vec<(usize, Span)>> = BTreeMap::new();
    for (from, id, span) in needs {
        let found = steps.iter().position(|step| step.id.as_str() == id);
        let error = |message: String| Diagnostic::error("needs", *span, message);
        match found {
            Some(to) if to == *from => diagnostics
                .push(error(format!("step `{id}` needs itself")).way_out("take it out of `needs`")),
            Some(to) if !steps[to].id_is_explicit => {
                let line = steps[to].line;
                diagnostics.push(
                    error(format!(
                        "`needs` wants an id that the document gives; `{id}` is derived"
                    ))
                    .way_out(format!("write `{{#{id}}}` on the fence of line {line}")),
                );
            }
            Some(to) => wanted.entry(*from).or_default().push((to, *span)),
            None => {
                let ids = steps.iter().map(|step| step.id.as_str());
                let way_out = nearest(id, ids).map_or_else(
                    || "name a step by its `#id`".to_owned(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                diagnostics.push(error(format!("no step is called `{id}`")).way_out(way_out));
            }
        }
    }
    circles(steps, &wanted, diagnostics);
    if diagnostics.len() == before {
        for (from, needed) in &wanted {
            let ids = needed.iter().map(|(to, _)| steps[*to].id.clone()).collect();
            std::sync::Arc::make_mut(&mut steps[*from].settings).needs = Some(ids);
        }
        hidden_circles(steps, &wanted, diagnostics);
    }
}

/// A step that names no needs waits for all before it: a step before it cannot need it.
fn hidden_circles(
    steps: &[Step],
    wanted: &BTreeMap<usize, Vec<(usize, Span)>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (from, needed) in wanted {
        for (to, span) in needed {
            let mut seen = vec![false; steps.len()];
            let mut open = vec![*to];
            while let Some(at) = open.pop() {
                if std::mem::replace(&mut seen[at], true) {
                    continue;
                }
                match (wanted.get(&at), &steps[at].settings.needs) {
                    (Some(needed), _) => open.extend(needed.iter().map(|it| it.0)),
                    (None, Some(_)) => {}
                    (None, None) => open.extend(0..at),
                }
            }
            if seen[*from] {
                let (before, after) = (&steps[*from].id, &steps[*to].id);
                let message = format!(
                    "step `{before}` needs `{after}`, which waits for `{before}`: without `needs` a \
                     step waits for all before it"
                );
                let way_out =
                    format!("give the later one its own `needs`, `{{#{after} needs=\"\"}}`");
                diagnostics.push(Diagnostic::error("needs", *span, message).way_out(way_out));
                return;
            }
        }
    }
}

/// Reports each circle once, at the need that closes it.
fn circles(
    steps: &[Step],
    wanted: &BTreeMap<usize, Vec<(usize, Span)>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut is_done = vec![false; steps.len()];
    for start in wanted.keys() {
        // The way to here: a step and which of its needs is next.
        let mut way: Vec<(usize, usize)> = vec![(*start, 0)];
        while let Some((step, next)) = way.last_mut() {
            let step = *step;
            let need = wanted.get(&step).and_then(|needs| needs.get(*next));
            let Some((to, span)) = need.filter(|_| !is_done[step]) else {
                is_done[step] = true;
                way.pop();
                continue;
            };
            *next += 1;
            if let Some(at) = way.iter().position(|(other, _)| other == to) {
                let mut names: Vec<_> = way[at..]
                    .iter()
                    .map(|(index, _)| {
                        format!("`{}` (line {})", steps[*index].id, steps[*index].line)
                    })
                    .collect();
                names.push(format!("`{}`", steps[*to].id));
                diagnostics.push(
                    Diagnostic::error("needs", *span, "these steps need one another in a circle")
                        .label(names.join(" needs "))
                        .way_out("take one of them out"),
                );
            } else if !is_done[*to] {
                way.push((*to, 0));
            }
        }
    }
}
