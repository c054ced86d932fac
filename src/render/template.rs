//! Bodies of fences that say `template` → what runs: the template is rendered, and each of its values
//! is written for the language and the place where it stands, so that none becomes code.
//!
//! The template engine never writes a value itself. It leaves a mark for each; only once the whole text
//! is there, and with it the place of each mark, values are written.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Object, ObjectRepr, Value as Dynamic, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use super::encode::{self, Datum};
use super::fill::{self, Filled, Value};
use super::shell;
use crate::check::Gives;
use crate::classify::{Kind, language};
use crate::markdown::attributes::nearest;
use crate::model::{Language, Placeholder, Stands};

/// What a render may cost: instructions, and bytes of what it makes.
const FUEL: u64 = 200_000;
const DEEPEST: usize = 64;
/// The most bytes of a rendered body.
const LARGEST: usize = 4 << 20;
/// Marks around the number of a value. Noncharacters of Unicode: they stand in no text.
const OPEN: char = '\u{fdd0}';
const CLOSE: char = '\u{fdd1}';

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The rule's stable name.
    pub rule: &'static str,
    /// Its bytes in the template.
    pub range: Range<usize>,
    /// What, in words.
    pub message: String,
    /// What the writer can do about it.
    pub way_out: Option<String>,
}

/// The names that a template may say.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Inputs.
    pub inputs: BTreeSet<String>,
    /// Captures of the steps before it.
    pub values: BTreeSet<String>,
    /// Columns of the table that it runs through.
    pub row: BTreeSet<String>,
    /// A step before it may give values of any name.
    pub are_open: bool,
    /// Values that it may not name, and why.
    pub elsewhere: BTreeMap<String, String>,
    /// The steps, each with what it gives: `steps.ID.values.NAME`.
    pub steps: BTreeMap<String, Gives>,
}

/// What a template is rendered with.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// `inputs.NAME`
    pub inputs: BTreeMap<String, Datum>,
    /// `values.NAME`: what steps captured.
    pub values: BTreeMap<String, Datum>,
    /// `row.COLUMN`
    pub row: BTreeMap<String, Datum>,
    /// `run.id` and its like.
    pub run: BTreeMap<String, Datum>,
    /// `steps.ID.…`: what is known of the steps that have ended, by id.
    pub steps: BTreeMap<String, BTreeMap<String, Datum>>,
}

/// What `run.` knows.
pub const RUN: &[&str] = &["document", "id", "title"];
/// What a template sees of a step that has ended.
pub const STEP: &[&str] = &["attempt", "ms", "status", "values", "verdict"];
const MAPS: [&str; 5] = ["inputs", "row", "run", "steps", "values"];

/// Whether `text` says anything to a template engine.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Returns what is wrong with `body` before any value is known.
pub fn check(body: &str, names: &Names) -> Vec<Fault> {
    let marks = Marks::default();
    let environment = environment(&marks, true);
    let template = match environment.template_from_str(body) {
        Ok(template) => template,
        Err(error) => return vec![fault(body, &error, names)],
    };
    let mut faults = Vec::new();
    let globals: BTreeSet<String> = environment
        .globals()
        .map(|(name, _)| name.to_owned())
        .collect();
    let undeclared: BTreeSet<String> = template.undeclared_variables(true).into_iter().collect();
    for name in undeclared {
        let head = name.split('.').next().unwrap_or_default();
        if globals.contains(head) || names.know(&name) {
            continue;
        }
        faults.push(unknown(body, &name, names));
    }
    faults.extend(steps::faults(body, names));
    for (filter, range) in filters(body) {
        let result = environment.empty_state().apply_filter(&filter, &[]);
        if !result.is_err_and(|error| error.kind() == ErrorKind::UnknownFilter) {
            continue;
        }
        let way_out = match filter.as_str() {
            "safe" => Some("`raw` writes a value as it is, for all to see".to_owned()),
            _ => {
                nearest(&filter, FILTERS.iter().copied()).map(|it| format!("did you mean `{it}`?"))
            }
        };
        faults.push(Fault {
            rule: "template",
            range,
            message: format!("no filter is called `{filter}`"),
            way_out,
        });
    }
    faults.sort_by_key(|it| it.range.start);
    faults
}

/// Returns the places of `|raw` in `body`: a value there is written as it is.
pub fn raw(body: &str) -> Vec<Range<usize>> {
    let found = filters(body).into_iter();
    let raw = found.filter(|(name, _)| name == "raw");
    raw.map(|(_, range)| range).collect()
}

/// Whether what `body` says depends on nothing but the inputs and columns called `known`, and the run.
pub fn is_ready(body: &str, known: &BTreeSet<String>) -> bool {
    let marks = Marks::default();
    let environment = environment(&marks, true);
    let Ok(template) = environment.template_from_str(body) else {
        return false;
    };
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    let named = template.undeclared_variables(true);
    named.iter().all(|name| {
        let mut parts = name.split('.');
        let (head, next) = (parts.next().unwrap_or_default(), parts.next());
        match (head, next) {
            ("inputs" | "row", Some(next)) => known.contains(next),
            ("values" | "steps", _) => false,
            ("inputs" | "row" | "run", _) => true,
            _ => known.contains(head) || globals.contains(head),
        }
    })
}

/// Returns `body` with its values, written for `language` and the place where each stands.
///
/// # Errors
/// A name without a value, a value that does not go where it is to stand, a render that costs too much.
pub fn render(body: &str, language: Language, context: &Context) -> Result<Filled, Fault> {
    let whole = |message: String| Fault {
        rule: "template",
        range: 0..body.len(),
        message,
        way_out: None,
    };
    if body.contains([OPEN, CLOSE]) {
        return Err(whole("it holds U+FDD0 or U+FDD1".to_owned()));
    }
    let marks = Marks::default();
    let environment = environment(&marks, true);
    let names = context.names();
    let template = environment
        .template_from_str(body)
        .map_err(|error| fault(body, &error, &names))?;
    let (text, spans) = template
        .render_with_spans(context.dynamic())
        .map_err(|error| fault(body, &error, &names))?;
    if text.len() > LARGEST {
        return Err(whole(format!("it makes more than {LARGEST} bytes")));
    }
    let values = marks.take();
    let came_from = |at: usize| {
        spans
            .iter()
            .find(|it| it.output_range().contains(&at))
            .map_or(0..body.len(), minijinja::OutputSpan::source_range)
    };
    let unfit = |at: usize, because: String| {
        let range = came_from(at);
        let name = body.get(range.clone()).unwrap_or_default();
        Fault {
            rule: "template",
            message: format!("the value of `{name}` does not go there: {because}"),
            range,
            way_out: None,
        }
    };
    let mut found = Vec::new();
    for (at, number, length) in marked(&text)
        .map_err(|at| unfit(at, "a filter took the text around it apart".to_owned()))?
    {
        let value = values
            .get(number)
            .and_then(datum)
            .ok_or_else(|| unfit(at, "it is neither text, number, list nor map".to_owned()))?;
        found.push((at, length, value));
    }
    let is_shell = language::find(language.0)
        .is_some_and(|row| matches!(row.kind, Kind::Shell | Kind::Console));
    if is_shell {
        into_shell(&text, language, &found, &unfit)
    } else {
        into_others(&text, language, &found, &unfit)
    }
}

/// Returns the text that `template` makes of `values`, as it is: for what is no code.
///
/// # Errors
/// What is wrong, in words.
pub fn plain(template: &str, values: &BTreeMap<String, Datum>) -> Result<String, Fault> {
    let context = Context {
        inputs: values.clone(),
        ..Context::default()
    };
    let names = context.names();
    let marks = Marks::default();
    let environment = environment(&marks, false);
    let text = environment
        .template_from_str(template)
        .and_then(|it| it.render(context.dynamic()))
        .map_err(|error| fault(template, &error, &names))?;
    Ok(text)
}

type Found = [(usize, usize, Datum)];

fn into_shell(
    text: &str,
    language: Language,
    found: &Found,
    unfit: &dyn Fn(usize, String) -> Fault,
) -> Result<Filled, Fault> {
    let knows_ansi = !matches!(language.0, "sh" | "shell");
    let offsets: Vec<usize> = found.iter().map(|(at, ..)| *at).collect();
    let reading = shell::read(text, &offsets, &[], knows_ansi);
    let mut script = String::with_capacity(text.len());
    let mut places = Vec::new();
    let mut given = BTreeMap::new();
    let mut origins = Vec::new();
    let mut end = 0;
    for ((at, length, value), stands) in found.iter().zip(reading.stands) {
        script.push_str(&text[end..*at]);
        end = at + length;
        let words: Vec<Value> = words(value, stands).map_err(|because| unfit(*at, because))?;
        for (number, word) in words.into_iter().enumerate() {
            if number > 0 {
                script.push(' ');
            }
            let name = origins.len().to_string();
            let start = script.len();
            script.push(OPEN);
            script.push_str(&name);
            script.push(CLOSE);
            places.push(Placeholder {
                secret: matches!(word, Value::Secret { .. }),
                text: script[start..].to_owned(),
                range: start..script.len(),
                name: name.clone(),
                stands,
            });
            given.insert(name, word);
            origins.push(*at);
        }
    }
    script.push_str(&text[end..]);
    let filled = fill::fill(&script, language, &places, &given).map_err(|it| {
        let at = it.name.parse().ok().and_then(|it: usize| origins.get(it));
        unfit(at.copied().unwrap_or(0), it.because)
    })?;
    // Read once more with its values: what opens and closes is what opened and closed without them.
    let marks: Vec<Range<usize>> = places.iter().map(|it| it.range.clone()).collect();
    let before = shell::read(&script, &[], &marks, knows_ansi);
    let after = shell::read(&filled.shown, &[], &filled.places, knows_ansi);
    if !before.is_like(&after) {
        let at = origins.first().copied().unwrap_or(0);
        return Err(unfit(at, "with it the script reads otherwise".to_owned()));
    }
    Ok(filled)
}

/// Returns what of `value` stands side by side.
fn words(value: &Datum, stands: Stands) -> Result<Vec<Value>, String> {
    let plain = |text: &str| Value::Plain(text.to_owned());
    Ok(match value {
        Datum::Text(text) | Datum::Number(text) => vec![plain(text)],
        Datum::Bool(truth) => vec![plain(if *truth { "true" } else { "false" })],
        Datum::Secret { variable } => vec![Value::Secret {
            variable: variable.clone(),
        }],
        Datum::List(values) if stands == Stands::Bare => {
            let mut all = Vec::with_capacity(values.len());
            for value in values {
                if matches!(value, Datum::List(_)) {
                    return Err("a list of lists is no list of words".to_owned());
                }
                all.extend(words(value, stands)?);
            }
            all
        }
        Datum::List(_) => {
            return Err(
                "a list goes in as words, outside of quotes; `| join(\",\")` makes a text of it"
                    .to_owned(),
            );
        }
        Datum::Map(_) => return Err("names and values are no text".to_owned()),
        Datum::None => return Err("it is nothing".to_owned()),
    })
}

fn into_others(
    text: &str,
    language: Language,
    found: &Found,
    unfit: &dyn Fn(usize, String) -> Fault,
) -> Result<Filled, Fault> {
    let mut body = String::with_capacity(text.len());
    let mut places = Vec::with_capacity(found.len());
    let mut end = 0;
    for (at, length, value) in found {
        body.push_str(&text[end..*at]);
        end = at + length;
        let written = encode::encode(language.0, &body, &text[end..], value)
            .map_err(|because| unfit(*at, because))?;
        places.push(body.len()..body.len() + written.len());
        body.push_str(&written);
    }
    body.push_str(&text[end..]);
    Ok(Filled {
        shown: body.clone(),
        body,
        places,
    })
}

/// The values of a render, by the numbers of their marks.
#[derive(Clone, Debug, Default)]
struct Marks(Arc<Mutex<Vec<Dynamic>>>);

impl Marks {
    fn add(&self, value: Dynamic) -> usize {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.push(value);
        values.len() - 1
    }

    fn take(&self) -> Vec<Dynamic> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A secret: no filter sees more of it than this.
#[derive(Debug)]
struct Hidden(String);

impl Object for Hidden {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    // What is made of this text is made of a mark that belongs to no value, and so is refused.
    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{OPEN}secret{CLOSE}")
    }
}

fn environment<'e>(marks: &Marks, is_code: bool) -> Environment<'e> {
    let mut environment = Environment::new();
    environment.set_debug(true);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEEPEST);
    // Lines stay lines: what an interpreter says of one is true, loops aside.
    if let Ok(syntax) = minijinja::syntax::SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment.remove_filter("safe");
    environment.remove_global("debug");
    if !is_code {
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        return environment;
    }
    environment.add_filter("raw", |value: &Dynamic| {
        match value.downcast_object_ref::<Hidden>() {
            Some(_) => Err(Error::new(
                ErrorKind::InvalidOperation,
                "a secret is never written as it is",
            )),
            None => Ok(Dynamic::from_safe_string(value.to_string())),
        }
    });
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("place".into()));
    let marks = marks.clone();
    environment.set_formatter(move |out, _, value| {
        if value.is_undefined() {
            return Err(Error::from(ErrorKind::UndefinedError));
        }
        // What `raw` made, and what a block of the template wrote: values in it are marks already.
        if value.is_safe() {
            return out.write_str(&value.to_string()).map_err(Error::from);
        }
        let number = marks.add(value.clone());
        out.write_str(&format!("{OPEN}{number}{CLOSE}"))
            .map_err(Error::from)
    });
    environment
}

/// Returns offset, number and length of each mark.
fn marked(text: &str) -> Result<Vec<(usize, usize, usize)>, usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find([OPEN, CLOSE]).map(|it| at + it) {
        let inner = start + OPEN.len_utf8();
        let end = text[start..]
            .strip_prefix(OPEN)
            .and_then(|rest| rest.find(CLOSE))
            .map(|it| inner + it)
            .ok_or(start)?;
        let number = text[inner..end].parse().map_err(|_| start)?;
        at = end + CLOSE.len_utf8();
        found.push((start, number, at - start));
    }
    Ok(found)
}

fn datum(value: &Dynamic) -> Option<Datum> {
    if let Some(Hidden(variable)) = value.downcast_object_ref::<Hidden>() {
        return Some(Datum::Secret {
            variable: variable.clone(),
        });
    }
    Some(match value.kind() {
        ValueKind::None => Datum::None,
        ValueKind::Bool => Datum::Bool(value.is_true()),
        ValueKind::Number => Datum::Number(value.to_string()),
        ValueKind::String => {
            let text = value.as_str()?;
            // What was cut out of a block that holds values.
            if text.contains([OPEN, CLOSE]) {
                return None;
            }
            Datum::Text(text.to_owned())
        }
        ValueKind::Seq | ValueKind::Iterable => Datum::List(
            value
                .try_iter()
                .ok()?
                .map(|it| datum(&it))
                .collect::<Option<_>>()?,
        ),
        ValueKind::Map => {
            let mut all = Vec::new();
            for key in value.try_iter().ok()? {
                let item = value.get_item(&key).ok()?;
                all.push((key.as_str()?.to_owned(), datum(&item)?));
            }
            Datum::Map(all)
        }
        _ => return None,
    })
}

fn dynamic(datum: &Datum) -> Dynamic {
    match datum {
        Datum::None => Dynamic::from(()),
        Datum::Bool(truth) => Dynamic::from(*truth),
        Datum::Number(number) => match (number.parse::<i64>(), number.parse::<f64>()) {
            (Ok(whole), _) => Dynamic::from(whole),
            (_, Ok(number)) => Dynamic::from(number),
            _ => Dynamic::from(number.clone()),
        },
        Datum::Text(text) => Dynamic::from(text.clone()),
        Datum::List(all) => Dynamic::from(all.iter().map(dynamic).collect::<Vec<_>>()),
        Datum::Map(all) => {
            let all = all.iter().map(|(name, it)| (name.clone(), dynamic(it)));
            Dynamic::from(all.collect::<BTreeMap<_, _>>())
        }
        Datum::Secret { variable } => Dynamic::from_object(Hidden(variable.clone())),
    }
}

impl Context {
    // Names of the row, of captures and of inputs stand alone too, the nearest first.
    fn dynamic(&self) -> Dynamic {
        let map = |all: &BTreeMap<String, Datum>| -> Dynamic {
            let all = all.iter().map(|(name, it)| (name.clone(), dynamic(it)));
            Dynamic::from(all.collect::<BTreeMap<_, _>>())
        };
        let mut all: BTreeMap<String, Dynamic> = BTreeMap::new();
        for values in [&self.inputs, &self.values, &self.row] {
            all.extend(values.iter().map(|(name, it)| (name.clone(), dynamic(it))));
        }
        all.insert("inputs".to_owned(), map(&self.inputs));
        all.insert("values".to_owned(), map(&self.values));
        all.insert("row".to_owned(), map(&self.row));
        all.insert("run".to_owned(), map(&self.run));
        let steps = self.steps.iter().map(|(id, it)| (id.clone(), map(it)));
        let steps = Dynamic::from(steps.collect::<BTreeMap<_, _>>());
        all.insert("steps".to_owned(), steps);
        Dynamic::from(all)
    }

    fn names(&self) -> Names {
        let names = |all: &BTreeMap<String, Datum>| all.keys().cloned().collect();
        Names {
            inputs: names(&self.inputs),
            values: names(&self.values),
            row: names(&self.row),
            ..Names::default()
        }
    }
}

impl Names {
    fn know(&self, name: &str) -> bool {
        let mut parts = name.split('.');
        let head = parts.next().unwrap_or_default();
        let Some(next) = parts.next() else {
            return MAPS.contains(&head)
                || self.are_open
                || [&self.inputs, &self.values, &self.row]
                    .into_iter()
                    .any(|all| all.contains(head));
        };
        match head {
            "inputs" => self.inputs.contains(next),
            "values" => self.are_open || self.values.contains(next),
            "row" => self.row.contains(next),
            "run" => RUN.contains(&next),
            // Told apart by what stands in the tags: an id may hold `-`.
            "steps" => true,
            _ => self.know(head),
        }
    }

    /// Returns the known name that `name` is a slip of the pen away from.
    fn near(&self, name: &str) -> Option<String> {
        let parts: Vec<&str> = name.splitn(3, '.').collect();
        let of = |all: &BTreeSet<String>, word: &str| {
            nearest(word, all.iter().map(String::as_str)).map(str::to_owned)
        };
        match parts.as_slice() {
            ["inputs", word, ..] => of(&self.inputs, word).map(|it| format!("inputs.{it}")),
            ["values", word, ..] => of(&self.values, word).map(|it| format!("values.{it}")),
            ["row", word, ..] => of(&self.row, word).map(|it| format!("row.{it}")),
            ["run", word, ..] => nearest(word, RUN.iter().copied()).map(|it| format!("run.{it}")),
            [word, ..] => {
                let all = [&self.row, &self.values, &self.inputs];
                let alone = all.into_iter().find_map(|all| of(all, word));
                let maps = || nearest(word, MAPS.into_iter()).map(str::to_owned);
                let found = alone.or_else(maps)?;
                let rest = &name[word.len()..];
                Some(format!("{found}{rest}"))
            }
            [] => None,
        }
    }
}

fn unknown(body: &str, name: &str, names: &Names) -> Fault {
    let bare = name
        .strip_prefix("values.")
        .or_else(|| name.strip_prefix("inputs."));
    let bare = bare.unwrap_or(name);
    let bare = bare.split('.').next().unwrap_or_default();
    if let Some(because) = names.elsewhere.get(bare) {
        return Fault {
            rule: "template-name",
            range: place_of(body, name),
            message: format!("`{name}` has no value here"),
            way_out: Some(because.clone()),
        };
    }
    let way_out = match names.near(name) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "declare an input of this name, or capture it in a step before this one".to_owned(),
    };
    Fault {
        rule: "template-name",
        range: place_of(body, name),
        message: format!("no value is called `{name}`"),
        way_out: Some(way_out),
    }
}

fn fault(body: &str, error: &Error, names: &Names) -> Fault {
    let line = || {
        let number = error.line().unwrap_or(1).saturating_sub(1);
        let mut at = 0;
        for line in body.split_inclusive('\n').take(number) {
            at += line.len();
        }
        let rest = &body[at.min(body.len())..];
        at..at + rest.find('\n').unwrap_or(rest.len())
    };
    let range = error
        .range()
        .filter(|it| it.start <= it.end && body.get(it.clone()).is_some())
        .unwrap_or_else(line);
    let text = body.get(range.clone()).unwrap_or_default().trim();
    let detail = error.detail().map(str::to_owned);
    let (message, way_out) = match error.kind() {
        ErrorKind::UndefinedError => {
            let way_out = names
                .near(text)
                .filter(|near| near != text)
                .map(|near| format!("did you mean `{near}`?"));
            (format!("`{text}` has no value"), way_out)
        }
        ErrorKind::OutOfFuel => (
            "this template makes too much, or never ends".to_owned(),
            Some("loop over less".to_owned()),
        ),
        ErrorKind::SyntaxError => (
            format!(
                "this template does not parse: {}",
                detail.unwrap_or_default()
            ),
            Some("`{% raw %}…{% endraw %}` keeps braces as they are".to_owned()),
        ),
        kind => (
            format!(
                "this template fails: {}",
                detail.unwrap_or_else(|| kind.to_string())
            ),
            None,
        ),
    };
    Fault {
        rule: "template",
        range,
        message,
        way_out,
    }
}

/// Where in its tags `body` says `name` first.
fn place_of(body: &str, name: &str) -> Range<usize> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    for (start, inner) in tags(body) {
        let mut from = 0;
        while let Some(at) = inner[from..].find(name).map(|it| from + it) {
            let end = at + name.len();
            let before = inner[..at].chars().next_back().is_some_and(is_part);
            let after = inner[end..].chars().next();
            if !before && !after.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                return start + at..start + end;
            }
            from = end;
        }
    }
    0..body.find('\n').unwrap_or(body.len())
}

/// Returns what stands between `{{ }}` and between `{% %}`, with its offset.
pub fn tags(body: &str) -> Vec<(usize, &str)> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(start) = body[at..]
        .find("{{")
        .into_iter()
        .chain(body[at..].find("{%"))
        .min()
    {
        let inner = at + start + 2;
        let close = if body[at + start..].starts_with("{{") {
            "}}"
        } else {
            "%}"
        };
        let end = body[inner..]
            .find(close)
            .map_or(body.len(), |it| inner + it);
        all.push((inner, &body[inner..end]));
        at = (end + 2).min(body.len());
    }
    all
}

/// Returns the filters that `body` names, with their places: `| upper`, `{% filter upper %}`.
fn filters(body: &str) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    for (start, inner) in tags(body) {
        let mut quote = None;
        let mut expects = false;
        let mut at = 0;
        let words = inner.trim_start_matches(['-', '+']).trim_start();
        if let Some(rest) = words.strip_prefix("filter ") {
            at = inner.len() - rest.len();
            expects = true;
        }
        while let Some(c) = inner[at..].chars().next() {
            let next = at + c.len_utf8();
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (Some(_), '\\') => {
                    at = next + inner[next..].chars().next().map_or(0, char::len_utf8);
                    continue;
                }
                (None, '"' | '\'') => quote = Some(c),
                (None, '|') => expects = true,
                (None, c) if expects && (c.is_alphabetic() || c == '_') => {
                    let rest = &inner[at..];
                    let length = rest
                        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                        .unwrap_or(rest.len());
                    let range = start + at..start + at + length;
                    found.push((rest[..length].to_owned(), range));
                    expects = false;
                    at += length;
                    continue;
                }
                (None, c) if !c.is_whitespace() => expects = false,
                _ => {}
            }
            at = next;
        }
    }
    found
}

/// Filters that a writer may mean.
const FILTERS: &[&str] = &[
    "abs",
    "batch",
    "capitalize",
    "default",
    "first",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "raw",
    "reject",
    "replace",
    "reverse",
    "round",
    "select",
    "slice",
    "sort",
    "split",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
];

mod steps;
#[cfg(test)]
mod tests;
