//! What the templates of a run see, and what they make of it.

use std::collections::BTreeSet;

use crate::markdown::line_of;
use crate::model::{Input, InputType, Language, SecretSource, Step, WrittenFile};
use crate::render::template::{self, Context, Fault};
use crate::render::{Datum, Filled, MASK, Unfit, Value};

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

// What stands in for a secret of a file until it is written: fit for every place of a text.
const STANDS_IN: &str = "RUNBOOK_SECRET_";

const fn is_secret(value: &Value) -> bool {
    matches!(value, Value::Secret { .. })
}

// The same values, with what `secret` knows in the places of secrets.
fn with_secrets(known: &Known, secret: &dyn Fn(&str) -> Option<String>) -> Known {
    let one = |(name, value): (&String, &Value)| {
        let exposed = secret(name).filter(|_| is_secret(value));
        (
            name.clone(),
            exposed.map_or_else(|| value.clone(), Value::Plain),
        )
    };
    Known {
        values: known.values.iter().map(one).collect(),
        ..known.clone()
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
        if step.settings.file.is_some() {
            let stands_in = |name: &str| format!("{STANDS_IN}{name}");
            let context = self.context(step, &with_secrets(known, &|it| Some(stands_in(it))));
            let rendered = template::render(body, language, &context);
            return Some(match rendered {
                Err(fault) => Err(self.unfit_at(step, body, &fault)),
                Ok(mut filled) => {
                    let secrets = known.values.iter().filter(|it| is_secret(it.1));
                    // The longest first: one name may begin another.
                    let mut names: Vec<&String> = secrets.map(|it| it.0).collect();
                    names.sort_by_key(|it| std::cmp::Reverse(it.len()));
                    for name in names {
                        filled.shown = filled.shown.replace(&stands_in(name), MASK);
                    }
                    Ok(filled)
                }
            });
        }
        let rendered = template::render(body, language, &self.context(step, known));
        Some(rendered.map_err(|fault| self.unfit_at(step, body, &fault)))
    }

    /// Returns what `step` writes into its file, with the values of its secrets, which `secret` knows.
    ///
    /// # Errors
    /// A value that is missing, or does not go where it is to stand. It says nothing of a secret.
    pub fn content(
        &self,
        step: &Step,
        known: &Known,
        secret: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, Unfit> {
        let Some((language, body)) = self.command(step) else {
            return Ok(String::new());
        };
        match self.rendered(step, known) {
            None => return Ok(body.to_owned()),
            // What stands in for a secret must not be taken for one.
            Some(shown) => drop(shown?),
        }
        let exposed = with_secrets(known, secret);
        let missing = exposed
            .values
            .iter()
            .find(|it| is_secret(it.1) && body.contains(it.0.as_str()));
        if let Some((name, _)) = missing {
            return Err(Unfit {
                name: name.clone(),
                because: format!("the secret `{name}` has no value"),
            });
        }
        let context = self.context(step, &exposed);
        match template::render(body, language, &context) {
            Ok(filled) => Ok(filled.body),
            Err(fault) => {
                let because = format!(
                    "a secret does not go there: how `{}` quotes all of its characters is not known; \
                     `| raw` writes it as it is",
                    language.0
                );
                let fault = Fault {
                    message: because,
                    way_out: None,
                    ..fault
                };
                Err(self.unfit_at(step, body, &fault))
            }
        }
    }

    /// Whether what `step` says depends on what steps before it give.
    pub fn waits_for_values(&self, step: &Step) -> bool {
        // What a step prints is known once it has run.
        let inputs = self.runbook.inputs.iter();
        let inputs = inputs.filter(|it| !matches!(it.from, Some(SecretSource::Step(_))));
        let mut names: BTreeSet<String> = inputs.map(|it| it.name.clone()).collect();
        names.extend(step.settings.row.iter().map(|(name, _)| name.clone()));
        let body = self.command(step).map_or("", |(_, body)| body);
        let path = step.settings.file.as_ref().map_or("", |it| &it.path);
        let is_ready = |text: &str| template::is_ready(text, &names);
        step.settings.template && !(is_ready(body) && is_ready(path))
    }

    /// Returns the file that `step` writes, its path with values; `None` where it writes none.
    ///
    /// # Errors
    /// A value that does not go into a path.
    pub fn file(&self, step: &Step, known: &Known) -> Option<Result<WrittenFile, Unfit>> {
        let file = step.settings.file.as_ref()?;
        if !step.settings.template {
            return Some(Ok(file.clone()));
        }
        let unfit = |because: String| Unfit {
            name: file.path.clone(),
            because: format!("{}:{}: `file`: {because}", self.document, step.line),
        };
        let context = self.context(step, known);
        let path = match template::render(&file.path, Language("path"), &context) {
            Ok(filled) => filled.body,
            Err(fault) => return Some(Err(unfit(fault.message))),
        };
        let climbs = |path: &str| path.split('/').filter(|it| *it == "..").count();
        if climbs(&path) != climbs(&file.path) || path.ends_with('/') {
            return Some(Err(unfit(format!("a value makes `{path}` of the path"))));
        }
        Some(Ok(WrittenFile {
            path,
            ..file.clone()
        }))
    }

    /// Returns the selected steps whose templates can be known not to render before anything runs,
    /// with what is wrong. Of the values that are known they see the secrets among the inputs; those
    /// that stand in files are what `secret` says.
    pub fn broken_templates(
        &self,
        known: &Known,
        secret: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<(&Step, Unfit)> {
        let steps = self
            .steps()
            .filter(|it| it.settings.template && !self.waits_for_values(it));
        steps
            .filter_map(|step| {
                let unfit = match self.file(step, known) {
                    None => self.rendered(step, known)?.err()?,
                    Some(Err(unfit)) => unfit,
                    Some(Ok(_)) => self.content(step, known, secret).err()?,
                };
                Some((step, unfit))
            })
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
