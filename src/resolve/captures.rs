//! Values that steps give to later steps: `capture=`, `secret`, `$RUNBOOK_OUTPUT`, `from: "#step"`; and
//! which of them each step may name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::check::{Gives, Values};
use crate::markdown::attributes::nearest;
use crate::model::{
    Condition, Diagnostic, Input, SecretSource, Settings, Span, Step, StepId, Table, Task, mentions,
};

/// The variable that names the file for values.
const OUTPUT: &str = "RUNBOOK_OUTPUT";

/// `capture=` or `secret` of one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) step: usize,
    pub(super) span: Span,
}

/// Lets the steps that secret inputs come from give them: `from: "#step"`.
pub(super) fn sources(steps: &mut [Step], inputs: &[Input], diagnostics: &mut Vec<Diagnostic>) {
    for (number, input) in inputs.iter().enumerate() {
        let Some(SecretSource::Step(id)) = &input.from else {
            continue;
        };
        if let Some(other) = inputs[..number].iter().find(|it| it.from == input.from) {
            let message = format!(
                "`{}` and `{}` both come from `#{id}`",
                other.name, input.name
            );
            let way_out = "let each have a step of its own".to_owned();
            diagnostics.push(fault(input.span, message, way_out));
            continue;
        }
        match source(steps, input, id) {
            Err((message, way_out)) => diagnostics.push(fault(input.span, message, way_out)),
            Ok(at) => {
                let settings = Arc::make_mut(&mut steps[at].settings);
                settings.capture = Some(input.name.clone());
                settings.secret = true;
            }
        }
    }
    // What a step that gives secrets prints is kept nowhere.
    for step in steps {
        if step.settings.secret && !step.settings.output_private {
            Arc::make_mut(&mut step.settings).output_private = true;
        }
    }
}

/// Tells of captures that make no sense.
pub(super) fn check(
    steps: &[Step],
    said: &[Said],
    inputs: &[Input],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let guards: BTreeSet<StepId> = steps
        .iter()
        .flat_map(|it| guards(&it.settings))
        .cloned()
        .collect();
    for it in said {
        let step = &steps[it.step];
        let settings = &step.settings;
        if let Some((because, way_out)) = unfit(step, &guards) {
            diagnostics.push(fault(it.span, because, way_out));
        } else if settings.capture.is_none() && settings.secret && !writes(step) {
            let message = format!("`secret` says nothing here: `{}` gives no value", step.id);
            diagnostics.push(fault(it.span, message, "add `capture=name`".to_owned()));
        }
        let Some(name) = &settings.capture else {
            continue;
        };
        let other = said.iter().find(|other| {
            other.step < it.step && steps[other.step].settings.capture.as_ref() == Some(name)
        });
        let is_source = |it: &&Input| matches!(&it.from, Some(SecretSource::Step(from)) if from == step.id.as_str());
        let input = inputs.iter().find(|it| it.name == *name);
        if input.is_some_and(|it| !is_source(&it)) {
            let message = format!("`{name}` is an input: what is captured needs another name");
            let way_out = format!(
                "take another name; or say `from: \"#{}\"` of the input, where it is a secret",
                step.id
            );
            diagnostics.push(fault(it.span, message, way_out));
        } else if let Some(other) = other {
            let other = &steps[other.step];
            let message = format!("two steps capture `{name}`");
            let label = format!("`{}` of line {} does too", other.id, other.line);
            let way_out = "give one of them another name".to_owned();
            diagnostics.push(fault(it.span, message, way_out).label(label));
        }
    }
    for step in steps {
        if (writes(step) || step.settings.capture.is_some())
            && let Some((because, way_out)) = unfit(step, &guards)
            && !said.iter().any(|it| steps[it.step].id == step.id)
        {
            diagnostics.push(fault(step.span, because, way_out));
        }
    }
}

/// Tells of captures that have the name of a column of a table.
pub(super) fn against_columns(steps: &[Step], tables: &[Table], diagnostics: &mut Vec<Diagnostic>) {
    for step in steps {
        let Some(name) = &step.settings.capture else {
            continue;
        };
        if let Some(table) = tables.iter().find(|it| it.columns.contains(name)) {
            let message = format!(
                "`{}` captures `{name}`, which is a column of the table `{}`",
                step.id, table.id
            );
            let diagnostic = Diagnostic::error("capture", step.span, message);
            diagnostics.push(diagnostic.way_out("take another name"));
        }
    }
}

fn fault(span: Span, message: String, way_out: String) -> Diagnostic {
    Diagnostic::error("capture", span, message).way_out(way_out)
}

// Why a step gives no value, whatever it says.
fn unfit(step: &Step, guards: &BTreeSet<StepId>) -> Option<(String, String)> {
    let id = &step.id;
    let settings = &step.settings;
    let (message, way_out) = if matches!(step.task, Task::ByHand { .. }) {
        (
            format!("a person does step `{id}`: it gives no value"),
            "ask for it: declare an input",
        )
    } else if settings.background.is_some() {
        (
            format!("`{id}` is a server: it gives no value"),
            "capture in a step that ends: one that asks the server",
        )
    } else if settings.undo_of.is_some() {
        (
            format!("`{id}` undoes: no step is left that could use its value"),
            "take it out",
        )
    } else if guards.contains(id) {
        (
            format!("`{id}` tells whether another step runs: it gives no value"),
            "capture in a step of its own",
        )
    } else {
        return None;
    };
    Some((message, way_out.to_owned()))
}

fn source(steps: &[Step], input: &Input, id: &str) -> Result<usize, (String, String)> {
    let name = &input.name;
    let Some(at) = steps.iter().position(|it| it.id.as_str() == id) else {
        let way_out = nearest(id, steps.iter().map(|it| it.id.as_str())).map_or_else(
            || "name a step by its `#id`".to_owned(),
            |meant| format!("did you mean `from: \"#{meant}\"`?"),
        );
        return Err((
            format!("the secret `{name}`: no step is called `{id}`"),
            way_out,
        ));
    };
    let step = &steps[at];
    if let Some(found) = unfit(step, &BTreeSet::new()) {
        return Err(found);
    }
    let settings = &step.settings;
    let reads_itself = match &step.task {
        Task::Command { body, .. } => mentions(body, name),
        Task::ByHand { .. } => false,
    };
    let (message, way_out) = if !step.id_is_explicit {
        (
            format!("`from` wants an id that the document gives; `{id}` is derived"),
            format!("write `{{#{id}}}` on the fence of line {}", step.line),
        )
    } else if settings.each.is_some() {
        (
            format!("the secret `{name}`: `{id}` runs once for every row of a table"),
            "let a step of its own print it".to_owned(),
        )
    } else if let Some(capture) = settings.capture.as_ref().filter(|it| *it != name) {
        (
            format!("the secret `{name}`: `{id}` captures `{capture}` already"),
            "take `capture` out: what it prints is the secret".to_owned(),
        )
    } else if reads_itself {
        (
            format!("the secret `{name}` comes from `{id}`, which reads it"),
            "let the step that prints it do without it".to_owned(),
        )
    } else {
        return Ok(at);
    };
    Err((message, way_out))
}

pub(super) fn guards(settings: &Settings) -> impl Iterator<Item = &StepId> {
    let both = [&settings.only_if, &settings.unless];
    both.into_iter().filter_map(|it| match it {
        Some(Condition::Step(id)) => Some(id),
        _ => None,
    })
}

fn writes(step: &Step) -> bool {
    matches!(&step.task, Task::Command { body, .. } if body.contains(OUTPUT))
}

/// Which values each step may name.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    // Nothing where no step gives any.
    givers: Vec<Giver>,
    needs: Vec<Option<Vec<usize>>>,
    // Those that are no part of the run's order: guards, undo steps.
    aside: Vec<bool>,
    each: Vec<Option<String>>,
    // What the steps give, by their ids.
    pub(super) gives: BTreeMap<String, Gives>,
}

#[derive(Debug)]
struct Giver {
    at: usize,
    id: StepId,
    capture: Option<String>,
    is_open: bool,
}

impl Scopes {
    /// Returns those of these steps, which no table has multiplied yet. Those called as in `guarding` tell
    /// whether others run.
    pub(super) fn of(steps: &[Step], guarding: &BTreeSet<&str>) -> Self {
        let mut scopes = Self::default();
        for (at, step) in steps.iter().enumerate() {
            let is_open = writes(step);
            let capture = step.settings.capture.clone();
            if capture.is_some() || is_open {
                let gives = Gives {
                    names: capture.iter().cloned().collect(),
                    are_open: is_open,
                };
                scopes.gives.insert(step.id.to_string(), gives);
                let id = step.id.clone();
                scopes.givers.push(Giver {
                    at,
                    id,
                    capture,
                    is_open,
                });
            }
        }
        if scopes.givers.is_empty() {
            return scopes;
        }
        let index: BTreeMap<&StepId, usize> = steps
            .iter()
            .enumerate()
            .map(|(at, it)| (&it.id, at))
            .collect();
        for step in steps {
            let settings = &step.settings;
            let needs = settings.needs.as_ref();
            let needs =
                needs.map(|ids| ids.iter().filter_map(|id| index.get(id).copied()).collect());
            scopes.needs.push(needs);
            let is_aside = settings.undo_of.is_some() || guarding.contains(step.id.as_str());
            scopes.aside.push(is_aside);
            scopes.each.push(settings.each.clone());
        }
        scopes
    }

    /// Returns what the step at `at` may name; with `itself` also what it gives.
    pub(super) fn at(&self, at: usize, itself: bool) -> Values {
        let mut values = Values::default();
        if self.givers.is_empty() {
            return values;
        }
        let before = self.before(at);
        for giver in &self.givers {
            let is_before = before.contains(&giver.at) || (itself && giver.at == at);
            let table = self.each.get(giver.at).and_then(Option::as_ref);
            let is_for_it = table.is_none() || self.each.get(at).and_then(Option::as_ref) == table;
            values.are_open |= giver.is_open && is_before && is_for_it;
            let Some(name) = &giver.capture else {
                continue;
            };
            if is_before && is_for_it {
                values.names.insert(name.clone());
                continue;
            }
            let id = &giver.id;
            // Of two that give one name the other is told apart.
            if values.elsewhere.contains_key(name) {
                continue;
            }
            let because = match table {
                Some(table) if is_before => format!(
                    "`{id}` gives it once for every row: name one, `steps[\"{id}.ROW\"].values.{name}`, \
                     or run through the table too, `each=#{table}`"
                ),
                _ if giver.at == at => "it is what this step itself gives".to_owned(),
                _ => format!("`{id}` gives it, and does not come before this step"),
            };
            values.elsewhere.insert(name.clone(), because);
        }
        values
    }

    // All that comes before it for certain. What runs for another step sees what that one sees: it is
    // not told apart here.
    fn before(&self, at: usize) -> BTreeSet<usize> {
        if self.aside.get(at).copied().unwrap_or(false) {
            return (0..self.needs.len()).filter(|it| *it != at).collect();
        }
        let mut found = BTreeSet::new();
        let mut open = self.waits_for(at);
        while let Some(it) = open.pop() {
            if found.insert(it) {
                open.extend(self.waits_for(it));
            }
        }
        found
    }

    fn waits_for(&self, at: usize) -> Vec<usize> {
        match self.needs.get(at) {
            Some(Some(needs)) => needs.clone(),
            _ => (0..at).filter(|it| !self.aside[*it]).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::testing::read_and_resolve;
    use crate::markdown::line_of;

    /// What each step gives, then what is wrong.
    fn check(inputs: &str, rest: &str) -> String {
        let source = format!("---\nrunbook: 1\n{inputs}---\n# A\n{rest}");
        let (runbook, diagnostics) = read_and_resolve(&source, "file");
        let mut told = String::new();
        for step in &runbook.steps {
            let settings = &step.settings;
            let Some(name) = &settings.capture else {
                continue;
            };
            let secret = if settings.secret { ", a secret" } else { "" };
            let private = if settings.output_private {
                ", private"
            } else {
                ""
            };
            let _ = writeln!(told, "{} gives {name}{secret}{private}", step.id);
        }
        for it in &diagnostics {
            let line = line_of(&source, it.span.start);
            let marked = source[it.span.start..it.span.end].lines().next();
            let label = if it.label.is_empty() {
                String::new()
            } else {
                format!(" [{}]", it.label)
            };
            let way_out = it.way_out.as_deref().unwrap_or("-");
            let _ = writeln!(
                told,
                "! {line}: {}: {}{label} @ {:?} → {way_out}",
                it.rule,
                it.message,
                marked.unwrap_or_default()
            );
        }
        told
    }

    #[test]
    fn what_steps_give_is_read_and_what_makes_no_sense_is_told() {
        insta::assert_snapshot!(
            [
                check("", "```sh {#a capture=version}\nx\n```\n```sh {#b capture=token secret}\nx\n```\n```sh {#c secret}\necho a=1 >> $RUNBOOK_OUTPUT\n```\n"),
                check("", "```sh {#a capture=a-b}\nx\n```\n```sh {#b capture=PATH}\nx\n```\n```sh {#c secret}\nx\n```\n```sh {#d capture}\nx\n```\n"),
                check("inputs: { version: {} }\n", "```sh {#a capture=version}\nx\n```\n```sh {#b capture=x}\nx\n```\n```sh {#c capture=x}\nx\n```\n"),
                check("", "```sh {#a capture=x background}\nx\n```\n```sh {#b capture=y undo-of=a}\nx\n```\n```sh {#c capture=z effect=reads}\nx\n```\n```sh {#d unless=#c}\nx\n```\n```sh {#e capture=w run=manual}\nx\n```\n```sh {#f undo-of=d}\necho a=1 >> $RUNBOOK_OUTPUT\n```\n"),
                check("", "| host |\n|---|\n| web1 |\n\n```sh {#a each=#a capture=host}\nx\n```\n"),
            ]
            .join("--\n"),
            @r##"
        a gives version
        b gives token, a secret, private
        --
        ! 5: attribute-value: no value can be called `a-b`: a name is made of letters from a to z, digits and `_`, no digit first @ "capture=a-b" → write `capture=version`
        ! 8: attribute-value: no value can be called `PATH`: it is a variable that steers programs @ "capture=PATH" → write `capture=version`
        ! 11: capture: `secret` says nothing here: `c` gives no value @ "secret" → add `capture=name`
        ! 14: attribute-value: `capture` wants a value @ "capture" → write `capture=…`
        --
        a gives version
        b gives x
        c gives x
        ! 6: capture: `version` is an input: what is captured needs another name @ "capture=version" → take another name; or say `from: "#a"` of the input, where it is a secret
        ! 12: capture: two steps capture `x` [`b` of line 9 does too] @ "capture=x" → give one of them another name
        --
        a gives x
        b gives y
        c gives z
        e gives w
        ! 5: capture: `a` is a server: it gives no value @ "capture=x" → capture in a step that ends: one that asks the server
        ! 8: capture: `b` undoes: no step is left that could use its value @ "capture=y" → take it out
        ! 11: capture: `c` tells whether another step runs: it gives no value @ "capture=z" → capture in a step of its own
        ! 17: capture: a person does step `e`: it gives no value @ "capture=w" → ask for it: declare an input
        ! 20: capture: `f` undoes: no step is left that could use its value @ "```sh {#f undo-of=d}" → take it out
        --
        a.web1 gives host
        ! 9: capture: `a` captures `host`, which is a column of the table `a` @ "```sh {#a each=#a capture=host}" → take another name
        "##
        );
    }

    #[test]
    fn a_secret_comes_from_a_step_that_the_document_names() {
        let from = |it: &str| format!("inputs: {{ DB: {{ secret: true, from: \"#{it}\" }} }}\n");
        let two =
            "inputs: { DB: { secret: true, from: \"#a\" }, KEY: { secret: true, from: \"#a\" } }\n";
        insta::assert_snapshot!(
            [
                check(&from("fetch"), "```sh {#fetch}\nx\n```\n"),
                check(&from("fetsh"), "```sh {#fetch}\nx\n```\n"),
                check(&from("a"), "```sh\nx\n```\n"),
                check(&from("fetch"), "```sh {#fetch}\necho $DB\n```\n"),
                check(&from("fetch"), "```sh {#fetch capture=x}\nx\n```\n"),
                check(&from("fetch"), "```sh {#fetch background}\nx\n```\n"),
                check(&from("fetch"), "```sh {#use template}\necho {{ DB }} {{ inputs.DB }}\n```\n```sh {#fetch}\nx\n```\n"),
                check(two, "```sh {#a}\nx\n```\n"),
            ]
            .join("--\n"),
            @r##"
        fetch gives DB, a secret, private
        --
        ! 3: capture: the secret `DB`: no step is called `fetsh` @ "DB" → did you mean `from: "#fetch"`?
        --
        ! 3: capture: `from` wants an id that the document gives; `a` is derived @ "DB" → write `{#a}` on the fence of line 6
        --
        ! 3: capture: the secret `DB` comes from `fetch`, which reads it @ "DB" → let the step that prints it do without it
        --
        fetch gives x
        ! 3: capture: the secret `DB`: `fetch` captures `x` already @ "DB" → take `capture` out: what it prints is the secret
        --
        ! 3: capture: `fetch` is a server: it gives no value @ "DB" → capture in a step that ends: one that asks the server
        --
        fetch gives DB, a secret, private
        ! 7: template-name: `DB` has no value here @ "DB" → `fetch` gives it, and does not come before this step
        ! 7: template-name: `inputs.DB` has no value here @ "inputs.DB" → `fetch` gives it, and does not come before this step
        --
        a gives DB, a secret, private
        ! 3: capture: `DB` and `KEY` both come from `#a` @ "KEY" → let each have a step of its own
        "##
        );
    }

    #[test]
    fn a_value_is_named_only_where_it_is_there_by_then() {
        insta::assert_snapshot!(
            [
                check("", "```sh {#a if=\"values.x == 1\"}\nx\n```\n```sh {#b capture=x}\nx\n```\n```rhai\nassert(values.x != \"\");\nassert(values.y != \"\");\n```\n```sh {#c needs=\"\" if=\"values.x == 1\"}\nx\n```\n```sh {#d needs=b if=\"values.x == 1\"}\nx\n```\n"),
                check("", "```sh {#a template}\necho {{ x }}\n```\n```sh {#b capture=x}\nx\n```\n```sh {#c template needs=a}\necho {{ values.x }}\n```\n```sh {#d template}\necho {{ x }} {{ steps.b.values.x }} {{ steps.b.values.y }} {{ y }}\n```\n"),
                check("", "```sh {#a}\necho y=1 >> $RUNBOOK_OUTPUT\n```\n```sh {#d template if=\"values.z == 1\"}\necho {{ y }} {{ steps.a.values.y }}\n```\n"),
                check("", "| host |\n|---|\n| web1 |\n\n```sh {#a each=#a capture=x}\nx\n```\n```sh {#b each=#a template}\necho {{ x }}\n```\n```sh {#c template if=\"steps[\\\"a.web1\\\"].values.x == 1 && values.x == 1\"}\necho {{ x }} {{ steps[\"a.web1\"].values.x }}\n```\n"),
            ]
            .join("--\n"),
            @r#"
        b gives x
        ! 5: expression: `x` has no value here @ "x" → `b` gives it, and does not come before this step
        ! 13: expression: no step captures `y` @ "y" → there are `x`
        ! 15: expression: `x` has no value here @ "x" → `b` gives it, and does not come before this step
        --
        b gives x
        ! 6: template-name: `x` has no value here @ "x" → `b` gives it, and does not come before this step
        ! 12: template-name: `values.x` has no value here @ "values.x" → `b` gives it, and does not come before this step
        ! 15: template-name: step `b` gives no `y` @ "y" → it gives `x`
        ! 15: template-name: no value is called `y` @ "y" → declare an input of this name, or capture it in a step before this one
        --
        --
        a.web1 gives x
        ! 15: expression: `x` has no value here @ "x" → `a` gives it once for every row: name one, `steps["a.ROW"].values.x`, or run through the table too, `each=#a`
        ! 16: template-name: `x` has no value here @ "x" → `a` gives it once for every row: name one, `steps["a.ROW"].values.x`, or run through the table too, `each=#a`
        "#
        );
    }
}
