//! Which step gives a value, and which steps read one.

use std::collections::BTreeMap;

use crate::model::{
    Check, Condition, Expression, Input, SecretSource, Step, StepId, given_secret, mentions,
};

use super::Plan;

impl Plan {
    /// Returns the secret input that `step` prints: `from: "#step"`.
    pub fn prints(&self, step: &StepId) -> Option<&Input> {
        let mut inputs = self.runbook.inputs.iter();
        inputs
            .find(|it| matches!(&it.from, Some(SecretSource::Step(from)) if from == step.as_str()))
    }

    /// Returns what the secret is called that `step` gives as `name`, in holes of stored values.
    pub fn secret_given(&self, step: &StepId, name: &str) -> String {
        match self.prints(step).filter(|it| it.name == name) {
            Some(input) => input.name.clone(),
            None => given_secret(step, name),
        }
    }

    /// Returns the selected step that gives the secret which holes call `secret`.
    pub fn giver(&self, secret: &str) -> Option<&Step> {
        self.steps().find(|step| {
            let is_its = || {
                let rest = secret.strip_prefix(step.id.as_str());
                rest.is_some_and(|it| it.starts_with('.'))
            };
            let is_input = self.prints(&step.id).is_some_and(|it| it.name == secret);
            step.settings.secret && (is_input || is_its())
        })
    }

    /// Whether something that runs or is judged with `step` names the value `name`; `edited` runs instead
    /// of its body.
    pub fn reads(&self, step: &Step, edited: Option<&str>, name: &str) -> bool {
        let settings = &step.settings;
        let body = edited.or_else(|| self.command(step).map(|(_, body)| body));
        let of_condition = |it: &'_ Option<Condition>| match it {
            Some(Condition::Holds(it)) => mentions(&it.source, name),
            _ => false,
        };
        let of_expression =
            |it: Option<&Expression>| it.is_some_and(|it| mentions(&it.source, name));
        let ready = settings.background.as_ref();
        body.is_some_and(|it| mentions(it, name))
            || settings.env.iter().any(|(_, it)| mentions(it, name))
            || of_condition(&settings.only_if)
            || of_condition(&settings.unless)
            || of_expression(settings.until.as_ref())
            || of_expression(ready.and_then(|it| it.ready.as_ref()))
            || step.checks.iter().any(|it| match it {
                Check::Script(script) => mentions(&script.source, name),
                Check::Output { .. } => false,
            })
    }

    /// Returns the names that `step` may not give as it likes, and what they are.
    pub fn taken(&self, step: &Step) -> BTreeMap<String, String> {
        let mut taken = BTreeMap::new();
        let tables = self.runbook.tables.iter();
        for column in tables.flat_map(|it| &it.columns) {
            taken.insert(column.clone(), "a column of a table".to_owned());
        }
        for input in &self.runbook.inputs {
            taken.insert(input.name.clone(), "an input".to_owned());
        }
        for other in &self.runbook.steps {
            if let Some(name) = &other.settings.capture {
                let is_row =
                    step.settings.row_of.is_some() && other.settings.row_of == step.settings.row_of;
                let what = if other.id == step.id || is_row {
                    "what its output is".to_owned()
                } else {
                    format!("what step `{}` captures", other.id)
                };
                taken.insert(name.clone(), what);
            }
        }
        taken
    }
}
