//! Values of scripts: how they compare, how they are shown, and how JSON becomes one.

use std::cmp::Ordering;
use std::fmt;

use rhai::{Array, Dynamic, Map};
use serde_json::Value;

/// The longest value that a verdict keeps, in bytes.
const LONGEST: usize = 64 * 1024;
/// How deep values are compared and shown.
const DEEPEST: u32 = 64;

/// A version: numbers and words with `.`, `-`, `_`, `+` or `~` between them.
#[derive(Clone, Debug)]
pub(super) struct Version(pub(super) String);

/// A point of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date(pub(super) jiff::Timestamp);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Ord for Version {
    /// As packages are sorted: numbers by their size, a word before a release (`1.0-rc1` before
    /// `1.0`), more parts after fewer (`1.0.1` after `1.0`), and what follows `+` aside.
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = (parts(&self.0), parts(&other.0));
        for at in 0..left.len().max(right.len()) {
            let ordering = match (left.get(at), right.get(at)) {
                (Some(Part::Number(a)), Some(Part::Number(b))) => {
                    // Of any length: longer is larger, once zeros are off.
                    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
                }
                (Some(Part::Word(a)), Some(Part::Word(b))) => a.cmp(b),
                // `1.0` and `1.0.0` are one version.
                (Some(Part::Number(zero)), None) | (None, Some(Part::Number(zero)))
                    if zero.is_empty() =>
                {
                    Ordering::Equal
                }
                (Some(Part::Number(_)), _) | (None, Some(Part::Word(_))) => Ordering::Greater,
                (Some(Part::Word(_)) | None, _) => Ordering::Less,
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

enum Part {
    /// Its digits without zeros before them.
    Number(String),
    Word(String),
}

fn parts(text: &str) -> Vec<Part> {
    let text = text.trim();
    let text = text
        .strip_prefix(['v', 'V'])
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or(text);
    let text = text.split('+').next().unwrap_or_default();
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_number = first.is_ascii_digit();
        if !first.is_alphanumeric() {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest
            .find(|c: char| c.is_ascii_digit() != is_number || !c.is_alphanumeric())
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push(if is_number {
            Part::Number(part.trim_start_matches('0').to_owned())
        } else {
            Part::Word(part.to_lowercase())
        });
        rest = after;
    }
    parts
}

/// Whether two values are the same: numbers by their size, whole or not; lists and maps by what
/// they hold.
pub(super) fn is_equal(left: &Dynamic, right: &Dynamic) -> bool {
    equal(left, right, 0)
}

fn equal(left: &Dynamic, right: &Dynamic, depth: u32) -> bool {
    if depth > DEEPEST {
        return false;
    }
    if let (Some(a), Some(b)) = (number(left), number(right)) {
        return a.same(b);
    }
    if let (Some(a), Some(b)) = (text(left), text(right)) {
        return a == b;
    }
    if let (Some(a), Some(b)) = (
        left.read_lock::<Array>().as_deref(),
        right.read_lock::<Array>().as_deref(),
    ) {
        return a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b, depth + 1));
    }
    if let (Some(a), Some(b)) = (
        left.read_lock::<Map>().as_deref(),
        right.read_lock::<Map>().as_deref(),
    ) {
        return a.len() == b.len()
            && a.iter()
                .zip(b)
                .all(|((name, a), (other, b))| name == other && equal(a, b, depth + 1));
    }
    if let (Some(a), Some(b)) = (
        left.read_lock::<Version>().as_deref(),
        right.read_lock::<Version>().as_deref(),
    ) {
        return a == b;
    }
    if let (Some(a), Some(b)) = (
        left.read_lock::<Date>().as_deref(),
        right.read_lock::<Date>().as_deref(),
    ) {
        return a == b;
    }
    match (left.as_bool(), right.as_bool()) {
        (Ok(a), Ok(b)) => a == b,
        _ => left.is_unit() && right.is_unit(),
    }
}

#[derive(Clone, Copy)]
enum Number {
    Whole(i64),
    Real(f64),
}

impl Number {
    #[expect(
        clippy::float_cmp,
        reason = "what a check compares is compared exactly"
    )]
    fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a == b,
            (Self::Real(a), Self::Real(b)) => a == b,
            (Self::Whole(a), Self::Real(b)) | (Self::Real(b), Self::Whole(a)) => a as f64 == b,
        }
    }
}

fn number(value: &Dynamic) -> Option<Number> {
    let whole = value.as_int().map(Number::Whole);
    whole.or_else(|_| value.as_float().map(Number::Real)).ok()
}

fn text(value: &Dynamic) -> Option<String> {
    if let Ok(character) = value.as_char() {
        return Some(character.to_string());
    }
    value
        .as_immutable_string_ref()
        .ok()
        .map(|it| it.to_string())
}

/// Returns what a value is, for people: "a text", "a number".
pub(super) fn kind(value: &Dynamic) -> &'static str {
    if value.is_string() || value.is_char() {
        "a text"
    } else if value.is_int() || value.is_float() {
        "a number"
    } else if value.is_bool() {
        "true or false"
    } else if value.is_array() {
        "a list"
    } else if value.is_map() {
        "a map"
    } else if value.is_unit() {
        "nothing"
    } else if value.is::<Version>() {
        "a version"
    } else if value.is::<Date>() {
        "a date"
    } else {
        "something else"
    }
}

/// Returns a value as a verdict keeps it: a text as it is, lists and maps as JSON on several lines.
pub(super) fn shown(value: &Dynamic) -> String {
    cut(match text(value) {
        Some(text) => text,
        None if value.is_unit() => "()".to_owned(),
        None if value.is_array() || value.is_map() => {
            serde_json::to_string_pretty(&to_json(value, 0)).unwrap_or_default()
        }
        None => plain(value),
    })
}

/// Cuts a text that is longer than a verdict keeps.
pub(super) fn cut(mut all: String) -> String {
    if all.len() > LONGEST {
        let mut end = LONGEST;
        while !all.is_char_boundary(end) {
            end -= 1;
        }
        let more = all.len() - end;
        all.truncate(end);
        all.push_str("… (");
        all.push_str(&more.to_string());
        all.push_str(" bytes more)");
    }
    all
}

fn plain(value: &Dynamic) -> String {
    if let Some(version) = value.read_lock::<Version>() {
        return version.to_string();
    }
    if let Some(date) = value.read_lock::<Date>() {
        return date.to_string();
    }
    value.to_string()
}

fn to_json(value: &Dynamic, depth: u32) -> Value {
    if depth > DEEPEST {
        return Value::String("…".to_owned());
    }
    if let Some(text) = text(value) {
        return Value::String(text);
    }
    if let Ok(whole) = value.as_int() {
        return whole.into();
    }
    if let Ok(real) = value.as_float() {
        return real.into();
    }
    if let Ok(is_so) = value.as_bool() {
        return is_so.into();
    }
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().map(|it| to_json(it, depth + 1)).collect();
    }
    if let Some(map) = value.read_lock::<Map>() {
        let entries = map.iter();
        return entries
            .map(|(name, it)| (name.to_string(), to_json(it, depth + 1)))
            .collect();
    }
    if value.is_unit() {
        return Value::Null;
    }
    Value::String(plain(value))
}

/// Returns the value that `json` is in a script: `null` is `()`, a number that is not whole, or too
/// large, is a real one.
pub(super) fn of_json(json: &Value) -> Dynamic {
    match json {
        Value::Null => Dynamic::UNIT,
        Value::Bool(is_so) => (*is_so).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => {
            let list: Array = list.iter().map(of_json).collect();
            list.into()
        }
        Value::Object(entries) => {
            let map: Map = entries
                .iter()
                .map(|(name, it)| (name.as_str().into(), of_json(it)))
                .collect();
            map.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::Version;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        let check = |left: &str, right: &str| Version(left.into()).cmp(&Version(right.into()));
        for (smaller, larger) in [
            ("1.9", "1.10"),
            ("v1.9", "1.10"),
            ("1.0-rc1", "1.0"),
            ("1.0-rc1", "1.0-rc2"),
            ("1.0", "1.0.1"),
            ("2.34-13ubuntu4", "2.34-14ubuntu1"),
            ("9", "18446744073709551616"),
        ] {
            assert_eq!(check(smaller, larger), Ordering::Less, "{smaller} {larger}");
            assert_eq!(
                check(larger, smaller),
                Ordering::Greater,
                "{larger} {smaller}"
            );
        }
        for (one, other) in [
            ("1.0", "1.0.0"),
            ("v2", "2"),
            ("1.2+build5", "1.2"),
            ("01", "1"),
        ] {
            assert_eq!(check(one, other), Ordering::Equal, "{one} {other}");
        }
    }
}
