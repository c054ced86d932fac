//! What the templates of a run see, and what they make of it.

use std::collections::BTreeSet;

use crate::markdown::line_of;
use crate::model::{Input, InputType, SecretSource, Step};
use crate::render::template::{self, Context, Fault};
use crate::render::{Datum, Filled, Unfit, Value};

use super::{Known, Plan};

/// Returns what a template sees of the value `text` of `input`.
pub fn datum(input: &Input, text: &str) -> Datum {
    match input.kind {
        InputType::Number => Datum::Number(text.to_owned()),
        InputType::Bool => Datum::Bool(text == "true"),
        InputType::List => {
            let items = text.split('\n').filter(|it| !it.is_empty());
            Datum::List(items.map(|it| Datum::Text(it.to_owned())).collect())
        }
        // The steps see it under its own name.
        InputType::Secret => Datum::Secret {
            variable: input.name.clone(),
        },
        InputType::String | InputType::Choice | InputType::Path => Datum::Text(text.to_owned()),
    }
}

impl Plan {
    /// Returns what the template of `step` makes of inputs, of its row and of what steps have given;
    /// `None` where its body is no template.
    ///
    /// # Errors
    /// What is wrong, with the line and the column of the document.
    pub(super) fn rendered(&self, step: &Step, known: &Known) -> Option<Result<Filled, Unfit>> {
        let (language, body) = self.command(step).filter(|_| step.settings.template)?;
        let rendered = template::render(body, language, &self.context(step, known));
        Some(rendered.map_err(|fault| self.unfit_at(step, body, &fault)))
    }

    /// Returns the selected steps whose templates can be known not to render before anything runs,
    /// with what is wrong. Of the values that are known they see the secrets among the inputs.
    pub fn broken_templates(&self, known: &Known) -> Vec<(&Step, Unfit)> {
        // What a step prints is known once it has run.
        let inputs = self.runbook.inputs.iter();
        let inputs = inputs.filter(|it| !matches!(it.from, Some(SecretSource::Step(_))));
        let inputs: BTreeSet<String> = inputs.map(|it| it.name.clone()).collect();
        let steps = self.steps().filter(|step| {
            let body = self.command(step).map_or("", |(_, body)| body);
            let mut names = inputs.clone();
            names.extend(step.settings.row.iter().map(|(name, _)| name.clone()));
            step.settings.template && template::is_ready(body, &names)
        });
        steps
            .filter_map(|step| Some((step, self.rendered(step, known)?.err()?)))
            .collect()
    }

    fn context(&self, step: &Step, known: &Known) -> Context {
        let text = |text: &str| Datum::Text(text.to_owned());
        let inputs = self.inputs.iter().filter_map(|value| {
            let input = self
                .runbook
                .inputs
                .iter()
                .find(|it| it.name == value.name)?;
            Some((value.name.clone(), datum(input, &value.value)))
        });
        let given = known.values.iter().map(|(name, value)| {
            let value = match value {
                Value::Plain(value) => text(value),
                Value::Secret { variable } => Datum::Secret {
                    variable: variable.clone(),
                },
            };
            (name.clone(), value)
        });
        let (secrets, values): (Vec<_>, Vec<_>) =
            given.partition(|(name, _)| self.is_secret_input(name));
        let row = step.settings.row.iter();
        Context {
            inputs: inputs.chain(secrets).collect(),
            values: values.into_iter().collect(),
            steps: known.steps.clone(),
            row: row.map(|(name, cell)| (name.clone(), text(cell))).collect(),
            run: [
                ("document".to_owned(), text(&self.document)),
                ("id".to_owned(), text(&self.run)),
                ("title".to_owned(), text(&self.runbook.title)),
            ]
            .into(),
        }
    }

    // The column is counted where the line stands in the file: in a list or a quote it stands deeper.
    fn unfit_at(&self, step: &Step, body: &str, fault: &Fault) -> Unfit {
        let start = body[..fault.range.start].rfind('\n').map_or(0, |it| it + 1);
        let number = line_of(body, fault.range.start) + step.body_line - 1;
        let line = body[start..].lines().next().unwrap_or_default();
        let in_file = self.source.lines().nth(number as usize - 1);
        let deeper = in_file
            .and_then(|it| Some(it.trim_end().strip_suffix(line.trim_end())?.chars().count()))
            .unwrap_or(0);
        let column = deeper + body[start..fault.range.start].chars().count() + 1;
        let mut because = format!("{}:{number}:{column}: {}", self.document, fault.message);
        if let Some(way_out) = &fault.way_out {
            because = format!("{because}; {way_out}");
        }
        let name = body.get(fault.range.clone()).unwrap_or_default();
        Unfit {
            name: name.lines().next().unwrap_or_default().to_owned(),
            because,
        }
    }
}
