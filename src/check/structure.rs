//! Expected JSON beside printed JSON: what the expectation leaves out is ignored.

use std::time::Duration;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::lines::folded;
use crate::model::{Run, Tag};

/// As the last element of a list: more may follow.
const MORE: &str = "...";
/// In a text: anything.
const ANY: &str = "[..]";
const DEADLINE: Duration = Duration::from_millis(200);

/// Where two structures differ first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Differs {
    /// `$.a[2].b`
    pub(super) path: String,
    /// What is there, in words.
    pub(super) message: String,
    /// The difference, with what is ignored greyed.
    pub(super) runs: Vec<Run>,
}

/// Compares structures; `None` where they agree.
pub(super) fn compare(expected: &Value, printed: &Value) -> Option<Differs> {
    let mut path = String::from("$");
    let message = differs(expected, printed, &mut path)?;
    Some(Differs {
        path,
        message,
        runs: difference(expected, printed),
    })
}

/// Returns why the two differ, and leaves `path` where they do.
fn differs(expected: &Value, printed: &Value, path: &mut String) -> Option<String> {
    let length = path.len();
    match (expected, printed) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (name, wanted) in wanted {
                path.push_str(&member(name));
                let Some(there) = there.get(name) else {
                    return Some(format!("it is not there; expected {}", short(wanted)));
                };
                let message = differs(wanted, there, path);
                if message.is_some() {
                    return message;
                }
                path.truncate(length);
            }
            None
        }
        (Value::Array(wanted), Value::Array(there)) => {
            let (wanted, is_open) = match wanted.split_last() {
                Some((Value::String(last), rest)) if last == MORE => (rest, true),
                _ => (wanted.as_slice(), false),
            };
            for (at, wanted) in wanted.iter().enumerate() {
                path.extend(["[", &at.to_string(), "]"]);
                let Some(there) = there.get(at) else {
                    return Some(format!("it is not there; expected {}", short(wanted)));
                };
                let message = differs(wanted, there, path);
                if message.is_some() {
                    return message;
                }
                path.truncate(length);
            }
            let more = there.len().saturating_sub(wanted.len());
            (more > 0 && !is_open)
                .then(|| format!("{} elements, expected {}", there.len(), wanted.len()))
        }
        _ if is_same(expected, printed) => None,
        _ => Some(format!("{}, expected {}", short(printed), short(expected))),
    }
}

fn is_same(expected: &Value, printed: &Value) -> bool {
    match (expected, printed) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) => a == b || a.contains(ANY) && fits(a, b),
        (a, b) => a == b,
    }
}

/// Whether `text` is `pattern` with anything for each `[..]`: the parts between come one after the
/// other, the first at the start, the last at the end.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split(ANY);
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

fn member(name: &str) -> String {
    let is_plain = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_plain {
        format!(".{name}")
    } else {
        format!("[{}]", Value::String(name.to_owned()))
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Object(_) => "a map".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(60) {
                Some((end, _)) => format!("`{}…`", &text[..end]),
                None => format!("`{text}`"),
            }
        }
    }
}

/// A line of a structure that is written down: its text, and whether nobody asked for it.
struct Line {
    text: String,
    is_ignored: bool,
}

/// Writes a structure down, a value to a line. Without commas: what comes after is no difference.
fn written(
    value: &Value,
    wanted: Option<&Value>,
    name: &str,
    depth: usize,
    is_ignored: bool,
    lines: &mut Vec<Line>,
) {
    let indent = "  ".repeat(depth);
    let mut line = |text: String| lines.push(Line { text, is_ignored });
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            line(format!("{indent}{name}{{"));
            for (key, value) in entries {
                let asked = wanted.and_then(|it| it.as_object()).map(|it| it.get(key));
                let is_ignored = is_ignored || matches!(asked, Some(None));
                let name = format!("{}: ", Value::String(key.clone()));
                written(value, asked.flatten(), &name, depth + 1, is_ignored, lines);
            }
            lines.push(Line {
                text: format!("{indent}}}"),
                is_ignored,
            });
        }
        Value::Array(values) if !values.is_empty() => {
            line(format!("{indent}{name}["));
            let asked = wanted.and_then(Value::as_array);
            let is_open = asked.is_some_and(|it| it.last().is_some_and(|it| it == MORE));
            let count = asked.map_or(0, |it| it.len() - usize::from(is_open));
            for (at, value) in values.iter().enumerate() {
                let is_ignored = is_ignored || is_open && at >= count;
                let wanted = asked.and_then(|it| it.get(at));
                written(value, wanted, "", depth + 1, is_ignored, lines);
            }
            lines.push(Line {
                text: format!("{indent}]"),
                is_ignored,
            });
        }
        // What is as expected is written as it is expected, so that the two are one.
        value => match wanted.filter(|wanted| is_same(wanted, value)) {
            Some(wanted) => line(format!("{indent}{name}{wanted}")),
            None => line(format!("{indent}{name}{value}")),
        },
    }
}

fn difference(expected: &Value, printed: &Value) -> Vec<Run> {
    let mut wanted = Vec::new();
    written(expected, None, "", 0, false, &mut wanted);
    wanted.retain(|line| line.text.trim() != "\"...\"");
    let mut there = Vec::new();
    written(printed, Some(expected), "", 0, false, &mut there);
    let old: Vec<&str> = wanted.iter().map(|line| line.text.as_str()).collect();
    let asked: Vec<usize> = (0..there.len())
        .filter(|at| !there[*at].is_ignored)
        .collect();
    let new: Vec<&str> = asked.iter().map(|at| there[*at].text.as_str()).collect();
    let diff = TextDiff::configure()
        .timeout(DEADLINE)
        .diff_slices(&old, &new);
    let run = |tag: Tag, text: &str, greyed: bool| Run {
        tag,
        text: format!("{text}\n"),
        greyed,
    };
    let mut runs = Vec::new();
    let mut next = 0;
    for change in diff.iter_all_changes() {
        if let Some(at) = change.new_index().map(|at| asked[at]) {
            // What was ignored before it.
            for line in &there[next..at] {
                runs.push(run(Tag::Same, &line.text, true));
            }
            next = at + 1;
        }
        let tag = match change.tag() {
            ChangeTag::Equal => Tag::Same,
            ChangeTag::Delete => Tag::Left,
            ChangeTag::Insert => Tag::Right,
        };
        runs.push(run(tag, change.value(), false));
    }
    for line in &there[next..] {
        runs.push(run(Tag::Same, &line.text, true));
    }
    folded(runs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::compare;

    fn check(expected: Value, printed: Value) -> String {
        compare(&expected, &printed).map_or_else(
            || "same".to_owned(),
            |it| format!("{} {}", it.path, it.message),
        )
    }

    #[test]
    fn what_is_left_out_is_ignored_and_what_differs_is_named_by_its_path() {
        let same = [
            (json!({"a": 1}), json!({"b": 2, "a": 1.0})),
            (json!([1, "..."]), json!([1, 2, 3])),
            (json!(["..."]), json!([])),
            (
                json!({"a": [{"b": null}]}),
                json!({"a": [{"b": null, "c": 1}]}),
            ),
            (json!({"id": "x-[..]-z[..]"}), json!({"id": "x-1-2-z"})),
            (json!({}), json!({"a": 1})),
        ];
        for (expected, printed) in same {
            assert_eq!(check(expected.clone(), printed), "same", "{expected}");
        }
        for (expected, printed, told) in [
            (
                json!({"a": [0, 1, {"b": 1}]}),
                json!({"a": [0, 1, {"b": 2}]}),
                "$.a[2].b `2`, expected `1`",
            ),
            (
                json!({"a b": 1}),
                json!({}),
                "$[\"a b\"] it is not there; expected `1`",
            ),
            (json!([1]), json!([1, 2]), "$ 2 elements, expected 1"),
            (
                json!([1, 2]),
                json!([1]),
                "$[1] it is not there; expected `2`",
            ),
            (
                json!({"a": {}}),
                json!({"a": []}),
                "$.a a list, expected a map",
            ),
            (
                json!("x[..]y"),
                json!("xyz"),
                "$ `\"xyz\"`, expected `\"x[..]y\"`",
            ),
            (
                json!("ab[..]ba"),
                json!("aba"),
                "$ `\"aba\"`, expected `\"ab[..]ba\"`",
            ),
        ] {
            assert_eq!(check(expected, printed), told);
        }
    }

    fn of_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4_i64).prop_map(Value::from),
            "[ab.\\[\\]]{0,5}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[ab]{1,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_structure_is_as_it_says_itself_and_any_two_compare(a in of_json(), b in of_json()) {
            let holds = check(a.clone(), a.clone());
            prop_assert!(holds == "same" || a.to_string().contains("[..]") || a.to_string().contains("..."), "{holds}");
            check(a, b);
        }
    }
}
