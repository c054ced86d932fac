//! `steps.ID.values.NAME` in templates: what is wrong with it is told before anything runs.

use std::ops::Range;

use super::{Fault, Names, STEP, tags};
use crate::markdown::attributes::nearest;

/// Returns what is wrong with the steps that `body` names.
pub(super) fn faults(body: &str, names: &Names) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (start, inner) in tags(body) {
        for path in paths(inner) {
            let mut parts = path.into_iter();
            let Some((id, at)) = parts.next() else {
                continue;
            };
            let place = |at: Range<usize>| start + at.start..start + at.end;
            let mut tell = |at: Range<usize>, message: String, way_out: String| {
                faults.push(Fault {
                    rule: "template-name",
                    range: place(at),
                    message,
                    way_out: Some(way_out),
                });
            };
            // A row of a table is called by the id of its step and a dot.
            let all = || names.steps.keys().map(String::as_str);
            let known = all().find(|known| {
                let rest = id.strip_prefix(known);
                rest.is_some_and(|it| it.is_empty() || it.starts_with('.'))
            });
            let Some(known) = known else {
                let way_out = match nearest(&id, all()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "name a step by its `#id`".to_owned(),
                };
                tell(at, format!("no step is called `{id}`"), way_out);
                continue;
            };
            let Some((member, at)) = parts.next() else {
                continue;
            };
            if !STEP.contains(&member.as_str()) {
                let way_out = match member.as_str() {
                    "stdout" | "stderr" => {
                        "capture it: `capture=name` on that step, then `values.name`".to_owned()
                    }
                    _ => match nearest(&member, STEP.iter().copied()) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("there are `{}`", STEP.join("`, `")),
                    },
                };
                tell(
                    at,
                    format!("a template sees no `{member}` of a step"),
                    way_out,
                );
                continue;
            }
            if member == "values"
                && let Some((name, at)) = parts.next()
                && let Some(gives) = names.steps.get(known)
                && let Some((message, way_out)) = gives.lacks(&id, &name)
            {
                tell(at, message, way_out);
            }
        }
    }
    faults
}

type Part = (String, Range<usize>);

// What stands behind `steps`, part by part: `.a`, `["a"]`.
fn paths(inner: &str) -> Vec<Vec<Part>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, word) in inner.match_indices("steps") {
        let before = inner[..at].chars().next_back();
        if before.is_some_and(|c| is_word(c) || matches!(c, '.' | '"' | '\'')) {
            continue;
        }
        let mut parts = Vec::new();
        let mut end = at + word.len();
        while let Some(part) = part(inner, end) {
            end = part.1;
            parts.push(part.0);
        }
        found.push(parts);
    }
    found
}

fn part(inner: &str, at: usize) -> Option<(Part, usize)> {
    let rest = inner.get(at..)?;
    if let Some(word) = rest.strip_prefix('.') {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = word.find(|c| !is_word(c)).unwrap_or(word.len());
        let start = at + 1;
        let name = word[..length].to_owned();
        return (length > 0).then(|| ((name, start..start + length), start + length));
    }
    let quoted = rest.strip_prefix('[')?;
    let space = quoted.len() - quoted.trim_start().len();
    let quoted = quoted.trim_start();
    let quote = quoted
        .chars()
        .next()
        .filter(|it| matches!(it, '"' | '\''))?;
    let length = quoted[1..].find(quote)?;
    let start = at + 1 + space + 1;
    let name = quoted[1..=length].to_owned();
    let close = inner[start + length + 1..].find(']')?;
    let end = start + length + 1 + close + 1;
    Some(((name, start..start + length), end))
}
