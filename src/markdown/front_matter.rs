//! YAML or TOML → a tree of values, each with its place. Knows no key.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::document::Syntax;
use crate::model::Span;

/// A value and its bytes in the text that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// A value of front matter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `null`, `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number or a date, as it is written.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Names and values in their order, each name with its place.
    Map(Vec<(String, Span, Node)>),
}

impl Node {
    /// Returns a single value as text, as it is written; `None` for lists, maps and nothing.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(text) | Value::Text(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// What does not parse, and where in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What the parser says, without its place.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// Reads `text`. An empty text is an empty map.
///
/// # Errors
/// What does not parse, with its place.
pub fn parse(text: &str, syntax: Syntax) -> Result<Node, Broken> {
    let node = match syntax {
        Syntax::Yaml => yaml(text)?,
        Syntax::Toml => toml(text)?,
    };
    Ok(match node.value {
        Value::Null => Node {
            span: node.span,
            value: Value::Map(Vec::new()),
        },
        _ => node,
    })
}

fn yaml(text: &str) -> Result<Node, Broken> {
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Node {
            span: Span::default(),
            value: Value::Null,
        });
    }
    // `no` and `y` are words: only `true` and `false` are truth.
    let options = serde_saphyr::options! { strict_booleans: true };
    let Yaml(mut node) = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let start = error.location().map_or(0, |place| {
            offset_of(text, place.line() as usize, place.column() as usize)
        });
        let message = error.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default();
        // The place is shown by the line under the message.
        let message = message.split(" at line ").next().unwrap_or_default();
        let message = message
            .split(", set DuplicateKeyPolicy")
            .next()
            .unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        Broken {
            message: message.trim_end_matches(['.', ':']).to_owned(),
            span: to_word_end(text, start),
        }
    })?;
    as_written(&mut node, text);
    Ok(node)
}

/// Returns the byte offset of line and column (both from 1, columns in characters).
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for found in text.split_inclusive('\n').take(line.saturating_sub(1)) {
        start += found.len();
    }
    let rest = &text[start..];
    start
        + rest
            .char_indices()
            .nth(column.saturating_sub(1))
            .map_or(rest.len(), |(n, _)| n)
}

/// Marks what stands at `start` up to the end of its line.
fn to_word_end(text: &str, start: usize) -> Span {
    let rest = &text[start..];
    let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
    if end == 0 && start > 0 {
        // The fault is that something ended: mark what stands before.
        let before = text[..start].trim_end();
        let line = before.rfind('\n').map_or(0, |n| n + 1);
        return Span::new(line, before.len());
    }
    Span::new(start, start + end)
}

/// Numbers keep their spelling: `1.10` is a version as often as a number.
fn as_written(node: &mut Node, text: &str) {
    match &mut node.value {
        Value::Number(number) => {
            let written = text
                .get(node.span.start..node.span.end)
                .unwrap_or_default()
                .trim();
            if !written.is_empty() {
                written.clone_into(number);
            }
        }
        Value::List(nodes) => nodes.iter_mut().for_each(|node| as_written(node, text)),
        Value::Map(entries) => entries
            .iter_mut()
            .for_each(|(_, _, node)| as_written(node, text)),
        Value::Null | Value::Bool(_) | Value::Text(_) => {}
    }
}

struct Yaml(Node);

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<Tree>::deserialize(deserializer)?;
        Ok(Self(Node {
            span: span_of(&spanned.referenced),
            value: spanned.value.0,
        }))
    }
}

fn span_of(place: &serde_saphyr::Location) -> Span {
    let span = place.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    let length = span.byte_len().unwrap_or(0) as usize;
    Span::new(start, start + length)
}

struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Self)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Value, E> {
        Err(E::custom("binary values are not read"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(Yaml(node)) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<serde_saphyr::Spanned<String>>()? {
            let Yaml(node) = map.next_value()?;
            entries.push((key.value, span_of(&key.referenced), node));
        }
        Ok(Value::Map(entries))
    }
}

fn toml(text: &str) -> Result<Node, Broken> {
    let table = toml::de::DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let span = if span.is_empty() {
            to_word_end(text, span.start.min(text.len()))
        } else {
            Span::new(span.start, span.end)
        };
        Broken {
            message: error
                .message()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
            span,
        }
    })?;
    let span = table.span();
    Ok(Node {
        span: Span::new(span.start, span.end),
        value: toml_map(table.into_inner(), text),
    })
}

fn toml_map(table: toml::de::DeTable<'_>, text: &str) -> Value {
    let mut entries: Vec<_> = table
        .into_iter()
        .map(|(key, value)| {
            let span = Span::new(key.span().start, key.span().end);
            (key.into_inner().into_owned(), span, toml_node(value, text))
        })
        .collect();
    entries.sort_by_key(|(_, span, _)| *span);
    Value::Map(entries)
}

fn toml_node(value: toml::Spanned<toml::de::DeValue<'_>>, text: &str) -> Node {
    use toml::de::DeValue;
    let span = Span::new(value.span().start, value.span().end);
    let written = || {
        text.get(span.start..span.end)
            .unwrap_or_default()
            .to_owned()
    };
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => Value::Number(written()),
        DeValue::Array(list) => Value::List(
            list.into_iter()
                .map(|value| toml_node(value, text))
                .collect(),
        ),
        DeValue::Table(table) => toml_map(table, text),
    };
    Node { span, value }
}

#[cfg(test)]
mod tests {
    use super::{Node, Value, parse};
    use crate::markdown::Syntax;

    fn show(text: &str, node: &Node) -> String {
        match &node.value {
            Value::Null => "~".into(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => format!("n{number}"),
            Value::Text(value) => format!("{value:?}@{:?}", &text[node.span.start..node.span.end]),
            Value::List(nodes) => {
                let nodes: Vec<_> = nodes.iter().map(|node| show(text, node)).collect();
                format!("[{}]", nodes.join(", "))
            }
            Value::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(name, span, node)| {
                        assert_eq!(text[span.start..span.end].trim_matches('"'), *name);
                        format!("{name}: {}", show(text, node))
                    })
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn check(text: &str, syntax: Syntax) -> String {
        match parse(text, syntax) {
            Ok(node) => show(text, &node),
            Err(broken) => {
                let marked = &text[broken.span.start..broken.span.end];
                let line = text[..broken.span.start].matches('\n').count() + 1;
                format!("{} at {line} {marked:?}", broken.message)
            }
        }
    }

    #[test]
    fn yaml_keeps_order_places_and_the_spelling_of_numbers() {
        let text = "título: \"Día 1\"\nz: 1.10\na: { b: [x, 'y z'], c: true, d: }\nversion: 010\nn: null\n";
        insta::assert_snapshot!(check(text, Syntax::Yaml), @r#"{título: "Día 1"@"\"Día 1\"", z: n1.10, a: {b: ["x"@"x", "y z"@"'y z'"], c: true, d: ~}, version: n010, n: ~}"#);
        assert_eq!(check("# nothing\n", Syntax::Yaml), "{}");
    }

    #[test]
    fn toml_keeps_order_and_places() {
        let text = "z = \"Día\"\nv = 1.10\n[inputs.a]\nchoices = [\"x\", 'y']\nrequired = false\n";
        insta::assert_snapshot!(check(text, Syntax::Toml), @r#"{z: "Día"@"\"Día\"", v: n1.10, inputs: {a: {choices: ["x"@"\"x\"", "y"@"'y'"], required: false}}}"#);
    }

    #[test]
    fn what_does_not_parse_is_told_with_its_place() {
        let shown = [
            check("a: 1\ntitle: [x\nb: 2\n", Syntax::Yaml),
            check("a: 1\na: 2\n", Syntax::Yaml),
            check("a: ñ: b\n", Syntax::Yaml),
            check("a = 1\nb = \n", Syntax::Toml),
            check("a: &x [*x]\n", Syntax::Yaml),
        ]
        .join("\n");
        insta::assert_snapshot!(shown, @r#"
        illegal placement of ':' indicator at 3 ": 2"
        duplicate mapping key: a at 2 "a: 2"
        mapping values are not allowed in this context at 1 ": b"
        string values must be quoted, expected literal string at 2 "b ="
        recursive references require weak recursion types at 1 "*x]"
        "#);
    }
}
