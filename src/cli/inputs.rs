//! The values of a runbook's inputs: `--set`, `--inputs FILE`, environment, default, prompt; in this
//! order.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::engine::Signals;
use crate::event::InputValue;
use crate::markdown::attributes::nearest;
use crate::model::{Input, Runbook};
use crate::report::clean;

use super::exit::ExitCode;
use super::failure::Failure;
use super::print;
use super::prompt::{self, Lines};

/// What the operator gave on the command line.
#[derive(Clone, Debug, Default)]
pub struct Given {
    set: BTreeMap<String, String>,
    file: BTreeMap<String, (String, String)>,
}

impl Given {
    /// Reads `--set k=v` and `--inputs FILE`.
    ///
    /// # Errors
    /// What is not `k=v`, and files that cannot be read.
    pub fn new(set: &[String], files: &[std::path::PathBuf]) -> Result<Self, Failure> {
        let mut given = Self::default();
        for text in set {
            let Some((name, value)) = text.split_once('=') else {
                return Err(Failure::usage(format!("`--set {text}` names no value"))
                    .hint(format!("write --set {text}=VALUE")));
            };
            if given
                .set
                .insert(name.to_owned(), value.to_owned())
                .is_some()
            {
                return Err(
                    Failure::usage(format!("`--set {name}=…` is given twice")).hint("give it once")
                );
            }
        }
        for path in files {
            for (name, value) in read(path)? {
                given.file.insert(name, (value, path.display().to_string()));
            }
        }
        Ok(given)
    }
}

/// Returns the values of the inputs of `runbook`. Where someone can be asked, what is missing is
/// asked for; else all that is missing is told at once.
///
/// # Errors
/// Unknown names, values that are no choice, missing values.
pub fn values(
    runbook: &Runbook,
    given: &Given,
    asking: Option<(&mut Lines, &Signals)>,
) -> Result<Vec<InputValue>, Failure> {
    let known = |name: &str| runbook.inputs.iter().any(|it| it.name == name);
    if let Some(name) = given.set.keys().find(|name| !known(name)) {
        let failure = Failure::usage(format!("the runbook has no input `{name}` (--set)"));
        let names = runbook.inputs.iter().map(|it| it.name.as_str());
        return Err(match nearest(name, names) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None if runbook.inputs.is_empty() => failure.hint("it declares no inputs at all"),
            None => failure.hint("`runbook list` shows its inputs"),
        });
    }
    let mut values = Vec::new();
    let mut missing = Vec::new();
    for input in &runbook.inputs {
        match find(input, given) {
            Some(found) => values.push(found),
            None if input.required => missing.push(input),
            None => {}
        }
    }
    for value in &values {
        if let Some(input) = runbook.inputs.iter().find(|it| it.name == value.name) {
            check(input, &value.value, &value.source)?;
        }
    }
    match asking {
        Some((lines, signals)) => {
            for input in missing {
                values.push(ask(input, lines, signals)?);
            }
        }
        None if missing.is_empty() => {}
        None => return Err(tell_missing(&missing)),
    }
    let place = |value: &InputValue| runbook.inputs.iter().position(|it| it.name == value.name);
    values.sort_by_key(place);
    Ok(values)
}

fn find(input: &Input, given: &Given) -> Option<InputValue> {
    let name = &input.name;
    let of = |value: &str, source: &str| {
        Some(InputValue {
            name: name.clone(),
            value: value.to_owned(),
            source: source.to_owned(),
        })
    };
    if let Some(value) = given.set.get(name) {
        return of(value, "--set");
    }
    if let Some((value, file)) = given.file.get(name) {
        return of(value, &format!("--inputs {file}"));
    }
    if let Ok(value) = std::env::var(name) {
        return of(&value, "environment");
    }
    of(input.default.as_deref()?, "default")
}

fn check(input: &Input, value: &str, source: &str) -> Result<(), Failure> {
    if value.contains('\0') {
        return Err(Failure::usage(format!(
            "input `{}` holds a NUL ({source})",
            input.name
        )));
    }
    if input.choices.is_empty() || input.choices.iter().any(|it| it == value) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "input `{}` cannot be `{value}` ({source})",
        input.name
    ))
    .hint(format!("it is one of: {}", input.choices.join(", "))))
}

fn ask(input: &Input, lines: &mut Lines, signals: &Signals) -> Result<InputValue, Failure> {
    let mut question = input.name.clone();
    if let Some(description) = &input.description {
        question = format!("{question} ({})", clean::inline(description));
    }
    if !input.choices.is_empty() {
        question = format!("{question} [{}]", input.choices.join(", "));
    }
    loop {
        let Some(value) = prompt::ask(&format!("{question}: "), lines, signals) else {
            return Err(Failure::new(
                ExitCode::INTERRUPTED,
                format!(
                    "interrupted before input `{}` was given; no run was opened",
                    input.name
                ),
            ));
        };
        let value = value.trim().to_owned();
        if value.is_empty() {
            continue;
        }
        match check(input, &value, "prompt") {
            Ok(()) => {
                let name = input.name.clone();
                return Ok(InputValue {
                    name,
                    value,
                    source: "prompt".to_owned(),
                });
            }
            Err(failure) => print::note(&failure),
        }
    }
}

fn tell_missing(missing: &[&Input]) -> Failure {
    let mut message = "inputs have no value:".to_owned();
    for input in missing {
        message.push_str("\n  ");
        message.push_str(&input.name);
        if let Some(description) = &input.description {
            message.push_str(": ");
            message.push_str(description);
        }
    }
    let first = &missing[0].name;
    Failure::usage(message).hint(format!(
        "give them with --set {first}=VALUE or --inputs FILE"
    ))
}

fn read(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => ExitCode::USAGE,
            _ => ExitCode::ENVIRONMENT,
        };
        Failure::new(
            code,
            format!("cannot read inputs from `{}`", path.display()),
        )
        .cause(error)
    })?;
    let name = path
        .file_name()
        .and_then(|it| it.to_str())
        .unwrap_or_default();
    let ending = path
        .extension()
        .and_then(|it| it.to_str())
        .unwrap_or_default();
    let fault = |error: String| {
        Failure::usage(format!("cannot understand inputs in `{}`", path.display())).cause(error)
    };
    match ending {
        "json" => {
            let values: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
            scalars(values).map_err(fault)
        }
        "yaml" | "yml" => {
            let values: BTreeMap<String, serde_json::Value> =
                serde_saphyr::from_str(&text).map_err(|error| fault(error.to_string()))?;
            scalars(values).map_err(&fault)?;
            // As it is written: `1.10` is no 1.1, and `no` is no `false`.
            let values: BTreeMap<String, Option<String>> =
                serde_saphyr::from_str(&text).map_err(|error| fault(error.to_string()))?;
            let given = |(name, value): (_, Option<String>)| (name, value.unwrap_or_default());
            Ok(values.into_iter().map(given).collect())
        }
        _ if ending == "env" || name.starts_with(".env") => {
            dotenvy::from_read_iter(text.as_bytes())
                .collect::<Result<_, _>>()
                .map_err(|error| fault(error.to_string()))
        }
        _ => Err(fault("its ending says nothing of its format".to_owned())
            .hint("name it .yaml, .json or .env")),
    }
}

fn scalars(
    values: BTreeMap<String, serde_json::Value>,
) -> Result<BTreeMap<String, String>, String> {
    use serde_json::Value;
    values
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Number(number) => Ok((name, number.to_string())),
            Value::Bool(flag) => Ok((name, flag.to_string())),
            Value::Null => Ok((name, String::new())),
            Value::Array(_) | Value::Object(_) => Err(format!(
                "`{name}` is a list or a map; an input is one value"
            )),
        })
        .collect()
}
