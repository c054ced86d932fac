//! The values of a runbook's inputs: `--set`, `--inputs FILE`, environment, default, prompt; in this
//! order. And those of the placeholders of a plain document.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::engine::Signals;
use crate::engine::decide::{Secret, Session};
use crate::event::{EventKind, InputValue, RunOpened};
use crate::markdown::attributes::nearest;
use crate::model::{Input, Kind, SecretSource};
use crate::plan::{Known, Plan};
use crate::redact::{LEAST, Named, Texts, is_short};
use crate::render::Value;
use crate::report::clean;
use crate::secret;

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
    pub fn new(set: &[String], files: &[PathBuf]) -> Result<Self, Failure> {
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
    plan: &Plan,
    given: &Given,
    asking: Option<(&mut Lines, &Signals)>,
) -> Result<Vec<InputValue>, Failure> {
    let runbook = &plan.runbook;
    are_known(plan, given)?;
    let mut values = Vec::new();
    let mut missing = Vec::new();
    for input in runbook.inputs.iter().filter(|it| !it.secret) {
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

fn are_known(plan: &Plan, given: &Given) -> Result<(), Failure> {
    let inputs = plan.runbook.inputs.iter().map(|it| it.name.as_str());
    let placeholders = plan.placeholders();
    let is_plain = plan.runbook.kind == Kind::Plain;
    let placeholders = placeholders.iter().filter(|_| is_plain);
    let names: Vec<&str> = inputs
        .chain(placeholders.map(|(it, _)| it.name.as_str()))
        .collect();
    let Some(name) = given.set.keys().find(|it| !names.contains(&it.as_str())) else {
        return Ok(());
    };
    let what = if is_plain {
        format!("the document waits for no value `{name}` (--set)")
    } else {
        format!("the runbook has no input `{name}` (--set)")
    };
    let failure = Failure::usage(what);
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() && is_plain => failure.hint("it waits for no value at all"),
        None if names.is_empty() => failure.hint("it declares no inputs at all"),
        None if is_plain => failure.hint("`runbook list` shows the values that it waits for"),
        None => failure.hint("`runbook list` shows its inputs"),
    })
}

/// The values of placeholders that are known before a step asks for them.
#[derive(Debug, Default)]
pub struct Values {
    /// What is recorded of them.
    pub events: Vec<EventKind>,
    /// Those that are not to be seen.
    pub secrets: Vec<(String, Secret)>,
}

impl Values {
    /// Lets `session` keep the secrets, and adds all of them to `known`.
    pub fn tell(&mut self, plan: &Plan, session: &mut Session, known: &mut Known) {
        for event in &self.events {
            if let EventKind::ValueGiven {
                name,
                value: Some(value),
                ..
            } = event
            {
                known
                    .values
                    .insert(name.clone(), Value::Plain(value.clone()));
            }
        }
        for (name, secret) in self.secrets.drain(..) {
            let variable = plan.secret_variable(&name);
            known
                .values
                .insert(name.clone(), Value::Secret { variable });
            session.keep(name, secret);
        }
    }
}

/// Returns the values of the placeholders of the selected steps of a plain document, as far as they
/// are given: `--set`, `--inputs FILE`, and for variables the environment. `has` says which a run has
/// already; these are only taken anew from `--set` and `--inputs`.
///
/// # Errors
/// Unknown names, values that do not fit where they are to stand.
pub fn placeholders(
    plan: &Plan,
    given: &Given,
    by: &str,
    has: impl Fn(&str) -> bool,
) -> Result<Values, Failure> {
    let mut values = Values::default();
    if plan.runbook.kind == Kind::Declared {
        return Ok(values);
    }
    are_known(plan, given)?;
    let mut seen = BTreeSet::new();
    for step in plan.steps() {
        for place in &step.circumstances.placeholders {
            let name = place.name.as_str();
            if !seen.insert(name) {
                continue;
            }
            let found = match (given.set.get(name), given.file.get(name)) {
                (Some(value), _) => Some((value.clone(), "--set".to_owned())),
                (None, Some((value, file))) => Some((value.clone(), format!("--inputs {file}"))),
                (None, None) if has(name) || !plan.is_variable(name) => None,
                (None, None) => std::env::var(name)
                    .ok()
                    .map(|value| (value, "environment".to_owned())),
            };
            let Some((value, source)) = found else {
                continue;
            };
            if let Some(because) = plan.unfit(name, &value) {
                let message = format!("`{name}` cannot have this value ({source}): {because}");
                return Err(Failure::usage(message));
            }
            let is_secret = plan.is_secret(name);
            values.events.push(EventKind::ValueGiven {
                name: name.to_owned(),
                value: (!is_secret).then(|| value.clone()),
                source,
                by: by.to_owned(),
            });
            if is_secret {
                values.secrets.push((name.to_owned(), Secret::new(value)));
            }
        }
    }
    Ok(values)
}

/// Returns the values of the secret inputs of a declared runbook: from `--inputs FILE`, their source,
/// the environment, or a person who types them unseen. `base` is where relative paths begin.
///
/// # Errors
/// A source that gives none, what everybody could read on the command line, what is too short to be
/// masked, missing values.
pub fn secrets(
    plan: &Plan,
    given: &Given,
    base: &Path,
    by: &str,
    mut asking: Option<(&mut Lines, &Signals)>,
) -> Result<Values, Failure> {
    let mut values = Values::default();
    let mut missing = Vec::new();
    for input in plan.runbook.inputs.iter().filter(|it| it.secret) {
        let name = &input.name;
        if given.set.contains_key(name) {
            let message =
                format!("the secret `{name}` is given with --set, where everybody sees it");
            return Err(Failure::usage(message).hint(format!(
                "put it into a file for --inputs FILE, or say where it comes from: \
                 `from: env:{name}`"
            )));
        }
        let found = match from(input, given, base)? {
            Some(found) => Some(found),
            None => match &mut asking {
                Some((lines, signals)) => Some(ask_unseen(input, lines, signals)?),
                None => None,
            },
        };
        let Some((value, source)) = found else {
            missing.extend(input.required.then_some(input));
            continue;
        };
        long_enough(input, &value, &source)?;
        values.events.push(EventKind::ValueGiven {
            name: name.clone(),
            value: None,
            source,
            by: by.to_owned(),
        });
        values.secrets.push((name.clone(), Secret::new(value)));
    }
    if missing.is_empty() {
        return Ok(values);
    }
    let mut message = "secrets have no value:".to_owned();
    for input in &missing {
        message.push_str("\n  ");
        message.push_str(&described(input));
    }
    Err(Failure::usage(message).hint(format!(
        "give them with --inputs FILE or in the environment (`{}`), or run it on a terminal",
        missing[0].name
    )))
}

/// Returns the secrets among `inputs` that can be had without asking anybody.
pub fn at_hand(inputs: &[Input], base: &Path) -> Texts {
    let given = Given::default();
    let found = inputs.iter().filter(|it| it.secret).filter_map(|input| {
        let (value, _) = from(input, &given, base).ok()??;
        Some(Named::new(&input.name, &value))
    });
    Texts::new(found.filter(|it| !it.value.is_empty()).collect())
}

/// Returns where relative paths of the sources of secrets begin: beside the document.
pub fn base(opened: &RunOpened) -> PathBuf {
    let beside = Path::new(&opened.file).parent();
    match beside.filter(|_| opened.file != "-") {
        Some(folder) => folder.to_owned(),
        None => PathBuf::from(&opened.called_from),
    }
}

fn from(input: &Input, given: &Given, base: &Path) -> Result<Option<(String, String)>, Failure> {
    let name = &input.name;
    if let Some((value, file)) = given.file.get(name) {
        return Ok(Some((value.clone(), format!("--inputs {file}"))));
    }
    let variable = |name: &str| std::env::var(name).ok();
    match &input.from {
        None => Ok(variable(name).map(|value| (value, "environment".to_owned()))),
        Some(SecretSource::Prompt) => Ok(None),
        Some(source) => {
            let fetched = secret::fetch(source, name, base, variable).map_err(|error| {
                let message = format!("the secret `{name}` cannot be had from `{source}`");
                Failure::environment(message).cause(match error.source() {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                })
            })?;
            if let Some(warning) = fetched.warning {
                print::note(format!("warning: {warning}: the secret `{name}` is in it"));
            }
            Ok(Some((fetched.value, source.to_string())))
        }
    }
}

fn long_enough(input: &Input, value: &str, source: &str) -> Result<(), Failure> {
    let name = &input.name;
    if value.is_empty() || value.contains('\0') {
        let what = if value.is_empty() {
            "empty"
        } else {
            "no text: it holds a NUL"
        };
        return Err(Failure::usage(format!(
            "the secret `{name}` is {what} ({source})"
        )));
    }
    if !is_short(value) || input.short {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the secret `{name}` has fewer than {LEAST} characters ({source}): it would be found \
         everywhere by chance"
    ))
    .hint("take a longer one; or write `short: true`, and whole lines that hold it are masked"))
}

fn ask_unseen(
    input: &Input,
    lines: &mut Lines,
    signals: &Signals,
) -> Result<(String, String), Failure> {
    loop {
        let question = format!("{} (not shown): ", described(input));
        let Some(value) = prompt::ask_unseen(&question, lines, signals) else {
            let message = format!("interrupted before the secret `{}` was given", input.name);
            return Err(Failure::new(ExitCode::INTERRUPTED, message));
        };
        if value.is_empty() {
            continue;
        }
        match long_enough(input, &value, "prompt") {
            Ok(()) => return Ok((value, "prompt".to_owned())),
            Err(failure) => print::note(&failure),
        }
    }
}

fn described(input: &Input) -> String {
    match &input.description {
        Some(description) => format!("{}: {}", input.name, clean::inline(description)),
        None => input.name.clone(),
    }
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
