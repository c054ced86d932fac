//! Fences that say `template`: what is wrong with them is told before anything runs.

use super::captures::{self, Scopes};
use crate::markdown::Document;
use crate::model::{Diagnostic, Input, SecretSource, Span, Step, StepId, Table, Task};
use crate::render::template::{self, Names};

/// Adds what is wrong with the templates of `steps`, which no table has multiplied yet. What only looks
/// doubtful because a template stands there is taken back.
pub(super) fn check(
    document: &Document<'_>,
    inputs: &[Input],
    tables: &[Table],
    steps: &mut [Step],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for step in steps.iter().filter(|it| !it.settings.template) {
        if let Some(file) = &step.settings.file
            && template::is_template(&file.path)
        {
            let message = format!("`file={}` is read as it stands", file.path);
            diagnostics.push(
                Diagnostic::error("template", head(document, step), message)
                    .way_out("say `template` beside it"),
            );
        }
    }
    if !steps.iter().any(|it| it.settings.template) {
        return;
    }
    let guarding: Vec<String> = steps
        .iter()
        .flat_map(|it| captures::guards(&it.settings))
        .map(ToString::to_string)
        .collect();
    let scopes = Scopes::of(steps, &guarding.iter().map(String::as_str).collect());
    let gives = |id: &StepId| scopes.gives.get(id.as_str()).cloned().unwrap_or_default();
    let mut names = Names {
        inputs: inputs.iter().map(|it| it.name.clone()).collect(),
        steps: steps
            .iter()
            .map(|it| (it.id.to_string(), gives(&it.id)))
            .collect(),
        ..Names::default()
    };
    for (at, step) in steps.iter_mut().enumerate() {
        if !step.settings.template {
            continue;
        }
        let values = scopes.at(at, false);
        names.values = values.names;
        names.elsewhere = values.elsewhere;
        // An input that a step prints is one that only comes with it.
        for input in inputs {
            if let Some(SecretSource::Step(_)) = &input.from {
                let is_late = names.elsewhere.contains_key(&input.name);
                if is_late {
                    names.inputs.remove(&input.name);
                } else {
                    names.inputs.insert(input.name.clone());
                }
                names.values.remove(&input.name);
            }
        }
        names.are_open = values.are_open;
        let table = step.settings.each.as_ref();
        let table = table.and_then(|name| tables.iter().find(|it| it.id == *name));
        names.row = table
            .map(|it| it.columns.iter().cloned().collect())
            .unwrap_or_default();
        one(document, step, &names, diagnostics);
        path(document, step, &names, diagnostics);
    }
}

// The line on which its fence opens.
fn head(document: &Document<'_>, step: &Step) -> Span {
    let text = document.text(step.span);
    let end = step.span.start + text.find('\n').unwrap_or(text.len());
    Span::new(step.span.start, end)
}

fn path(document: &Document<'_>, step: &Step, names: &Names, diagnostics: &mut Vec<Diagnostic>) {
    let Some(file) = &step.settings.file else {
        return;
    };
    for fault in template::check(&file.path, names) {
        let message = format!("`file`: {}", fault.message);
        let diagnostic = Diagnostic::error(fault.rule, head(document, step), message);
        diagnostics.push(match fault.way_out {
            Some(way_out) => diagnostic.way_out(way_out),
            None => diagnostic,
        });
    }
}

fn one(document: &Document<'_>, step: &mut Step, names: &Names, diagnostics: &mut Vec<Diagnostic>) {
    let Task::Command { body, .. } = &step.task else {
        return;
    };
    let fence = document.fences.iter().find(|it| it.span == step.span);
    let fence = fence.filter(|it| document.body(it) == body.as_str());
    let place = |range: std::ops::Range<usize>| match fence {
        Some(fence) => document.place(fence, range),
        None => step.span,
    };
    let tags: Vec<Span> = template::tags(body)
        .into_iter()
        .map(|(at, inner)| place(at.saturating_sub(2)..(at + inner.len() + 2).min(body.len())))
        .collect();
    let is_a_tag = |span: Span| {
        tags.iter()
            .any(|it| it.start < span.end && span.start < it.end)
    };
    let doubtful: Vec<Span> = step.doubts.iter().map(|it| it.span).collect();
    step.doubts.retain(|it| !is_a_tag(it.span));
    diagnostics.retain(|it| !(doubtful.contains(&it.span) && is_a_tag(it.span)));
    for fault in template::check(body, names) {
        let diagnostic = Diagnostic::error(fault.rule, place(fault.range), fault.message);
        diagnostics.push(match fault.way_out {
            Some(way_out) => diagnostic.way_out(way_out),
            None => diagnostic,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::testing::read_and_resolve;
    use crate::markdown::line_of;

    fn check(rest: &str) -> String {
        let source = format!("---\nrunbook: 1\ninputs: {{ version: {{}} }}\n---\n{rest}");
        let (runbook, diagnostics) = read_and_resolve(&source, "file");
        let mut told = String::new();
        for step in runbook.steps {
            let _ = writeln!(told, "{} {} {:?}", step.id, step.effect, step.doubts);
        }
        for it in &diagnostics {
            let line = line_of(&source, it.span.start);
            let start = source[..it.span.start].rfind('\n').map_or(0, |at| at + 1);
            let column = source[start..it.span.start].chars().count() + 1;
            let marked = &source[it.span.start..it.span.end];
            let way_out = it.way_out.as_deref().unwrap_or("-");
            let _ = writeln!(
                told,
                "! {line}:{column} {}: {} @ {marked:?} → {way_out}",
                it.rule, it.message
            );
        }
        told
    }

    #[test]
    fn templates_are_read_before_the_run_and_only_where_they_are_meant() {
        insta::assert_snapshot!([
            check("```sh {#a template}\nrm -rf /srv/{{ version }} {{ inputs.version }}\n```\n"),
            check("```sh {#a}\ndocker ps --format '{{.Names}}'\n```\n"),
            check("- x\n\n  ```sh {#a template}\n  echo {{ version }}\n  echo {{ verson }} {{ values.x }}\n  ```\n"),
            check("```sh {#a template}\necho {{ version\n```\n"),
            check("```sh {#a template}\necho x >> $RUNBOOK_OUTPUT {{ version | uper }}\n```\n```sh {#b template}\necho {{ values.x }} {{ inputs.x }}\n```\n"),
            check("# Hosts\n| a |\n|---|\n| x |\n\n```sh {#a template each=#hosts}\necho {{ a }} {{ row.b }}\n```\n"),
        ].join("--\n"));
    }
}
