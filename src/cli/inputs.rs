//! The values of a runbook's inputs: `--set`, `--inputs FILE`, environment, default, prompt; in this
//! order. And those of the placeholders of a plain document.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::engine::Signals;
use crate::engine::decide::{Secret, Session};
use crate::event::{EventKind, InputValue};
use crate::markdown::Syntax;
use crate::markdown::attributes::nearest;
use crate::markdown::front_matter::{Broken, Node, Value, parse};
use crate::model::{Input, InputType, Kind};
use crate::plan::{Known, Plan, datum};
use crate::render::{self, Datum, template};
use crate::report::clean;
use crate::resolve::accept;
use crate::secret;

use super::exit::ExitCode;
use super::failure::Failure;
use super::print;
use super::prompt::Lines;
use super::questions::{self, cannot_be};
use super::secrets;

/// What the operator gave on the command line.
#[derive(Clone, Debug, Default)]
pub struct Given {
    set: BTreeMap<String, String>,
    file: BTreeMap<String, (String, String)>,
    /// Names of the files whose values are lists.
    lists: BTreeSet<String>,
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
            let (values, lists) = read(path)?;
            for (name, value) in values {
                // A later file wins.
                given.lists.remove(&name);
                given.file.insert(name, (value, path.display().to_string()));
            }
            given.lists.extend(lists);
        }
        Ok(given)
    }

    /// Reads a file that gave secrets to an earlier session of the run, for what nothing gives now. Where it
    /// is not there any more, that is told when one of them is missed.
    pub fn remember(&mut self, path: &Path) {
        let Ok((values, lists)) = read(path) else {
            return;
        };
        for (name, value) in values {
            if let Entry::Vacant(place) = self.file.entry(name) {
                if lists.contains(place.key()) {
                    self.lists.insert(place.key().clone());
                }
                place.insert((value, path.display().to_string()));
            }
        }
    }

    /// Whether `--set` gives a value called `name`.
    pub fn is_set(&self, name: &str) -> bool {
        self.set.contains_key(name)
    }

    /// Returns what a file gives for `name`, and its source.
    pub fn of_file(&self, name: &str) -> Option<(String, String)> {
        let (value, file) = self.file.get(name)?;
        Some((value.clone(), format!("--inputs {file}")))
    }

    /// Whether what `source` gives for `name` is a list.
    pub fn is_list(&self, name: &str, source: &str) -> bool {
        source.starts_with("--inputs") && self.lists.contains(name)
    }
}

/// What keeps a run from its values: all of it, to be told at once.
#[derive(Debug, Default)]
pub struct Lack<'p> {
    /// Inputs that nobody gave.
    pub missing: Vec<&'p Input>,
    /// What is given and cannot be taken.
    pub wrong: Vec<Failure>,
}

impl Lack<'_> {
    /// Tells what there is to tell.
    ///
    /// # Errors
    /// Everything that is missing or wrong.
    pub fn tell(mut self) -> Result<(), Failure> {
        if self.missing.is_empty() && self.wrong.len() < 2 {
            return self.wrong.pop().map_or(Ok(()), Err);
        }
        let secret = self.missing.iter().find(|it| it.is_secret());
        let plain = self.missing.iter().find(|it| !it.is_secret());
        // A source that gives nothing is a matter of the machine, unless there is more to mend.
        let is_of_machine = |it: &Failure| it.code == ExitCode::ENVIRONMENT;
        let is_all = self.missing.is_empty() && self.wrong.iter().all(is_of_machine);
        let code = if is_all {
            ExitCode::ENVIRONMENT
        } else {
            ExitCode::USAGE
        };
        let mut message = match (self.missing.as_slice(), self.wrong.as_slice()) {
            (_, []) if plain.is_none() => "secrets have no value:",
            (_, []) => "inputs have no value:",
            _ if is_all => "secrets cannot be had:",
            ([], _) => "inputs have wrong values:",
            _ => "inputs have no value, or a wrong one:",
        }
        .to_owned();
        for input in &self.missing {
            message.push_str("\n  ");
            message.push_str(&input.name);
            if let Some(description) = &input.description {
                message.push_str(": ");
                message.push_str(&clean::inline(description));
            }
        }
        for failure in &self.wrong {
            message.push_str("\n  ");
            message.push_str(&failure.message);
            for cause in &failure.causes {
                message.push_str(": ");
                message.push_str(cause);
            }
        }
        let mut ways = Vec::new();
        let is_plain = |it: &Failure| it.hint.is_none() && !is_of_machine(it);
        if plain.is_some() || self.wrong.iter().any(is_plain) {
            let name = plain.map_or("NAME", |it| &it.name);
            ways.push(format!(
                "give them with --set {name}=VALUE or --inputs FILE"
            ));
        }
        if let Some(secret) = secret {
            let what = if ways.is_empty() { "them" } else { "secrets" };
            ways.push(format!(
                "give {what} with --inputs FILE or in the environment (`{}`), or run it on a terminal",
                secret.name
            ));
        }
        for failure in &mut self.wrong {
            ways.extend(failure.hint.take().filter(|it| !ways.contains(it)));
        }
        let failure = Failure::new(code, message);
        Err(match ways.as_slice() {
            [] => failure,
            ways => failure.hint(ways.join("; ")),
        })
    }
}

/// Who answers, where someone can be asked.
type Asking<'a, 's> = Option<(&'a mut Lines, &'s Signals)>;

/// Returns the values of the inputs of a declared runbook, and its secrets apart. Where someone can be
/// asked, what is missing or does not fit is asked for; else all of it is told at once. Relative
/// sources of secrets begin at `base`.
///
/// # Errors
/// Unknown names, values that do not fit, missing values, secrets that everybody could read on the
/// command line or that their source does not give.
pub fn declared(
    plan: &Plan,
    given: &Given,
    base: &Path,
    by: &str,
    mut asking: Asking<'_, '_>,
) -> Result<(Vec<InputValue>, Values), Failure> {
    are_known(plan, given)?;
    let mut lack = Lack::default();
    let found = secrets::find(plan, given, base, &mut lack);
    if asking.is_some() {
        // Nobody answers questions for a run that cannot begin.
        std::mem::take(&mut lack).tell()?;
    }
    let lent = asking
        .as_mut()
        .map(|(lines, signals)| (&mut **lines, *signals));
    let values = plain(plan, given, lent, &mut lack)?;
    let secrets = secrets::take(found, given, by, asking, &mut lack)?;
    lack.tell()?;
    Ok((values, secrets))
}

/// Returns what is known of the inputs of a declared runbook without asking anybody, its secrets apart,
/// and what is lacking.
///
/// # Errors
/// Unknown names.
pub fn at_hand<'p>(
    plan: &'p Plan,
    given: &Given,
    base: &Path,
    by: &str,
) -> Result<(Vec<InputValue>, Values, Lack<'p>), Failure> {
    are_known(plan, given)?;
    let mut lack = Lack::default();
    let found = secrets::find(plan, given, base, &mut lack);
    let values = plain(plan, given, None, &mut lack)?;
    let secrets = secrets::take(found, given, by, None, &mut lack)?;
    Ok((values, secrets, lack))
}

/// Returns only the secrets of a declared runbook.
///
/// # Errors
/// As for [`declared`].
pub fn secrets(
    plan: &Plan,
    given: &Given,
    base: &Path,
    by: &str,
    asking: Asking<'_, '_>,
) -> Result<Values, Failure> {
    let mut lack = Lack::default();
    let found = secrets::find(plan, given, base, &mut lack);
    if asking.is_some() {
        std::mem::take(&mut lack).tell()?;
    }
    let secrets = secrets::take(found, given, by, asking, &mut lack)?;
    lack.tell()?;
    Ok(secrets)
}

fn plain<'p>(
    plan: &'p Plan,
    given: &Given,
    mut asking: Asking<'_, '_>,
    lack: &mut Lack<'p>,
) -> Result<Vec<InputValue>, Failure> {
    let mut values: Vec<InputValue> = Vec::new();
    let mut known: BTreeMap<String, Datum> = BTreeMap::new();
    for input in plan.runbook.inputs.iter().filter(|it| !it.is_secret()) {
        let default = default(input, &known);
        let found = match find(input, given) {
            Some(found) => Some(found),
            None => match &default {
                Some(Ok(value)) => Some((value.clone(), "default".to_owned())),
                // What it is made of is missing itself.
                Some(Err(_)) if !lack.missing.is_empty() || !lack.wrong.is_empty() => continue,
                Some(Err(because)) if input.required => {
                    let message = format!("input `{}` has no default: {because}", input.name);
                    lack.wrong.push(Failure::usage(message));
                    continue;
                }
                Some(Err(_)) | None => None,
            },
        };
        let default = default.and_then(Result::ok);
        let accepted = match found {
            Some((text, source)) => match fit(input, given, &text, &source) {
                Ok(value) => Some((value, source)),
                Err(because) => {
                    let Some((lines, signals)) = &mut asking else {
                        lack.wrong.push(Failure::usage(because));
                        continue;
                    };
                    print::note(because);
                    Some(ask(input, default.as_deref(), lines, signals)?)
                }
            },
            None if !input.required => None,
            None => {
                let Some((lines, signals)) = &mut asking else {
                    lack.missing.push(input);
                    continue;
                };
                Some(ask(input, None, lines, signals)?)
            }
        };
        if let Some((value, source)) = accepted {
            known.insert(input.name.clone(), datum(input, &value));
            values.push(InputValue {
                name: input.name.clone(),
                value,
                source,
            });
        }
    }
    Ok(values)
}

// A default that is a template is made of the inputs before it.
fn default(input: &Input, known: &BTreeMap<String, Datum>) -> Option<Result<String, String>> {
    let default = input.default.as_deref()?;
    if !template::is_template(default) {
        return Some(Ok(default.to_owned()));
    }
    let made = template::plain(default, known).map_err(|fault| fault.message);
    Some(made.and_then(|text| {
        accept(input, &text).map_err(|right| cannot_be(input, &text, Some("default"), &right))
    }))
}

fn fit(input: &Input, given: &Given, text: &str, source: &str) -> Result<String, String> {
    if input.kind != InputType::List && given.is_list(&input.name, source) {
        let right = "it is one value, not a list";
        return Err(cannot_be(input, text, Some(source), right));
    }
    let value =
        accept(input, text).map_err(|right| cannot_be(input, text, Some(source), &right))?;
    Ok(match input.kind {
        InputType::Path if source != "default" => absolute(&value),
        _ => value,
    })
}

// Steps start elsewhere than where the operator typed it.
fn absolute(text: &str) -> String {
    let home = std::env::var_os("HOME").filter(|_| text == "~" || text.starts_with("~/"));
    let path = match home {
        Some(home) => Path::new(&home).join(text[1..].trim_start_matches('/')),
        None => Path::new(text).to_owned(),
    };
    std::path::absolute(&path)
        .unwrap_or(path)
        .into_os_string()
        .into_string()
        .unwrap_or_else(|_| text.to_owned())
}

fn ask(
    input: &Input,
    default: Option<&str>,
    lines: &mut Lines,
    signals: &Signals,
) -> Result<(String, String), Failure> {
    let value = questions::ask(input, default, lines, signals)?;
    let value = match input.kind {
        InputType::Path if Some(value.as_str()) != default => absolute(&value),
        _ => value,
    };
    Ok((value, "prompt".to_owned()))
}

fn are_known(plan: &Plan, given: &Given) -> Result<(), Failure> {
    let inputs = plan.runbook.inputs.iter().map(|it| it.name.as_str());
    let placeholders = plan.placeholders();
    let is_plain = plan.runbook.kind == Kind::Plain;
    let placeholders = placeholders.iter().filter(|_| is_plain);
    let fields = plan.runbook.forms.iter().flat_map(|it| &it.fields);
    let names: Vec<&str> = inputs
        .chain(placeholders.map(|(it, _)| it.name.as_str()))
        .chain(fields.map(|it| it.name.as_str()))
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
    /// Adds a value that was given.
    pub fn add(&mut self, plan: &Plan, name: &str, value: String, source: String, by: &str) {
        let is_secret = plan.is_secret(name);
        self.events.push(EventKind::ValueGiven {
            name: name.to_owned(),
            value: (!is_secret).then(|| value.clone()),
            source,
            by: by.to_owned(),
        });
        if is_secret {
            self.secrets.push((name.to_owned(), Secret::new(value)));
        }
    }

    /// Whether it has a value of this name.
    pub fn has(&self, name: &str) -> bool {
        self.events
            .iter()
            .any(|it| matches!(it, EventKind::ValueGiven { name: given, .. } if given == name))
    }

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
                    .insert(name.clone(), render::Value::Plain(value.clone()));
            }
        }
        for (name, secret) in self.secrets.drain(..) {
            let variable = plan.secret_variable(&name);
            known
                .values
                .insert(name.clone(), render::Value::Secret { variable });
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
            if given.is_list(name, &source) {
                let message = format!("`{name}` is one value, not a list ({source})");
                return Err(Failure::usage(message));
            }
            if let Some(because) = plan.unfit(name, &value) {
                let message = format!("`{name}` cannot have this value ({source}): {because}");
                return Err(Failure::usage(message));
            }
            values.add(plan, name, value, source, by);
        }
    }
    for field in plan.runbook.forms.iter().flat_map(|it| &it.fields) {
        let name = field.name.as_str();
        if !seen.insert(name) {
            continue;
        }
        let found = match (given.set.get(name), given.file.get(name)) {
            (Some(value), _) => (value, "--set".to_owned()),
            (None, Some((value, file))) => (value, format!("--inputs {file}")),
            // What the environment has, steps have anyway.
            (None, None) => continue,
        };
        values.add(plan, name, found.0.clone(), found.1, by);
    }
    Ok(values)
}

/// Returns what is given for `input`, and by what.
fn find(input: &Input, given: &Given) -> Option<(String, String)> {
    let name = &input.name;
    if let Some(value) = given.set.get(name) {
        return Some((value.clone(), "--set".to_owned()));
    }
    if let Some((value, file)) = given.file.get(name) {
        return Some((value.clone(), format!("--inputs {file}")));
    }
    let value = std::env::var(name).ok()?;
    Some((value, "environment".to_owned()))
}

/// What a file of inputs holds: texts by their names, and which of them are lists, a line for each item.
type Held = (BTreeMap<String, String>, BTreeSet<String>);

fn read(path: &Path) -> Result<Held, Failure> {
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
    let broken = |text: &str, broken: Broken| {
        let line = crate::markdown::line_of(text, broken.span.start);
        format!("line {line}: {}", broken.message)
    };
    match ending {
        "json" => {
            let values: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
            let mut held = Held::default();
            for (name, value) in values {
                let text = scalar(&value).or_else(|| {
                    let items: Option<Vec<_>> = value.as_array()?.iter().map(scalar).collect();
                    held.1.insert(name.clone());
                    Some(items?.join("\n"))
                });
                let text = text.ok_or_else(|| fault(is_a_map(&name)))?;
                held.0.insert(name, text);
            }
            Ok(held)
        }
        // As it is written: `1.10` is no 1.1, and `no` is no `false`.
        "yaml" | "yml" | "toml" => {
            let syntax = match ending {
                "toml" => Syntax::Toml,
                _ => Syntax::Yaml,
            };
            let node = parse(&text, syntax).map_err(|it| fault(broken(&text, it)))?;
            let Node {
                value: Value::Map(entries),
                ..
            } = node
            else {
                return Err(fault("it holds no names and values".to_owned()));
            };
            let mut held = Held::default();
            for (name, _, node) in entries {
                let text = match &node.value {
                    Value::Null => Some(String::new()),
                    Value::List(nodes) => {
                        held.1.insert(name.clone());
                        let items: Option<Vec<_>> = nodes.iter().map(Node::scalar).collect();
                        items.map(|it| it.join("\n"))
                    }
                    _ => node.scalar(),
                };
                let text = text.ok_or_else(|| fault(is_a_map(&name)))?;
                held.0.insert(name, text);
            }
            Ok(held)
        }
        _ if ending == "env" || name.starts_with(".env") => {
            let values = secret::read_dotenv(&text)
                .map_err(|line| fault(format!("line {line} is no NAME=value")))?;
            Ok((values, BTreeSet::new()))
        }
        _ => Err(fault("its ending says nothing of its format".to_owned())
            .hint("name it .yaml, .toml, .json or .env")),
    }
}

fn is_a_map(name: &str) -> String {
    format!("`{name}` is neither one value nor a list of values")
}

fn scalar(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
