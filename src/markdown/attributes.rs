//! Info strings and `<!-- runbook: … -->` comments → attributes, each with its place; and the one
//! table of all attributes that there are.
//!
//! Reads the form only. Whether a value makes sense, and what an attribute means for a step, is
//! `resolve`'s to say.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::model::Span;

/// What values an attribute takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None: it stands alone.
    Nothing,
    /// A step's id.
    Id,
    /// Ids with commas between them.
    Ids,
    /// Any text.
    Text,
    /// A duration: `90s`, `5m`, `1h30m`.
    Duration,
    /// A duration, or two: `2s`, `2s..1m`.
    Durations,
    /// A whole number.
    Number,
    /// Exit codes with commas between them.
    ExitCodes,
    /// `A=1 B="two words"`.
    Environment,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A rhai expression, or `#id` of a step.
    Condition,
}

/// Whether this version does what an attribute says, or refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Performed {
    /// Since this version.
    Since(&'static str),
    /// Not in this version: refused before step one.
    NotYet,
}

/// One attribute that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name. `#x` is `id=x`, `.x` is `tag=x`.
    pub name: &'static str,
    /// Another name for it.
    pub alias: Option<&'static str>,
    /// What values it takes.
    pub takes: Takes,
    /// Whether this version does what it says.
    pub performed: Performed,
    /// Whether a section may have it, for all its steps.
    pub for_sections: bool,
    /// What it does, in one line.
    pub meaning: &'static str,
}

const fn row(name: &'static str, takes: Takes, meaning: &'static str) -> Row {
    Row {
        name,
        alias: None,
        takes,
        performed: Performed::NotYet,
        for_sections: false,
        meaning,
    }
}

impl Row {
    const fn since(mut self, version: &'static str) -> Self {
        self.performed = Performed::Since(version);
        self
    }

    const fn or(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    const fn for_sections(mut self) -> Self {
        self.for_sections = true;
        self
    }
}

/// All attributes. Documentation, suggestions and refusals are made from it.
pub const TABLE: &[Row] = &[
    row("id", Takes::Id, "the step's id")
        .or("name")
        .since("0.1"),
    row("tag", Takes::Text, "selected by `--tag`")
        .since("0.1")
        .for_sections(),
    row(
        "run",
        Takes::OneOf(&["never", "manual", "auto"]),
        "never a step; a person does it; the default",
    )
    .since("0.1")
    .for_sections(),
    row("on", Takes::Text, "the target it runs on"),
    row("needs", Takes::Ids, "steps that must be ok before it").since("0.1"),
    row("if", Takes::Condition, "run only if this holds").since("0.1"),
    row("unless", Takes::Condition, "done already if this holds").since("0.1"),
    row(
        "timeout",
        Takes::Duration,
        "ended, with all it started, after this long",
    )
    .since("0.1")
    .for_sections(),
    row("retries", Takes::Number, "how often it is tried again").since("0.1"),
    row(
        "every",
        Takes::Durations,
        "the pause between tries; of two it doubles from one to the other",
    )
    .since("0.1"),
    row("until", Takes::Condition, "tried until this holds").since("0.1"),
    row("cwd", Takes::Text, "the folder it starts in")
        .since("0.1")
        .for_sections(),
    row("env", Takes::Environment, "variables that it sees")
        .since("0.1")
        .for_sections(),
    row("user", Takes::Text, "the user it runs as")
        .since("0.1")
        .for_sections(),
    row(
        "stdin",
        Takes::Text,
        "the file that it reads from standard input",
    )
    .since("0.1"),
    row("interactive", Takes::Nothing, "gets the terminal").since("0.1"),
    row(
        "background",
        Takes::Nothing,
        "a server that later steps need",
    )
    .since("0.1"),
    row("ready", Takes::Condition, "when a server is ready").since("0.1"),
    row(
        "stop-at",
        Takes::OneOf(&["end", "never"]),
        "when a server is stopped",
    )
    .since("0.1"),
    row(
        "with",
        Takes::Text,
        "another interpreter of the user's config",
    )
    .since("0.1"),
    row(
        "effect",
        Takes::OneOf(&["reads", "changes", "destroys"]),
        "what it does to the world",
    )
    .since("0.1")
    .for_sections(),
    row("confirm", Takes::Text, "asked before it runs")
        .since("0.1")
        .for_sections(),
    row(
        "idempotent",
        Takes::Nothing,
        "may be repeated when its outcome is unknown",
    )
    .since("0.1")
    .for_sections(),
    row(
        "capture",
        Takes::Text,
        "its output becomes a value of this name",
    )
    .since("0.1"),
    row(
        "secret",
        Takes::Nothing,
        "what it gives to later steps is never shown",
    )
    .since("0.1"),
    row(
        "output",
        Takes::OneOf(&["private"]),
        "only size and verdict of its output are kept",
    )
    .since("0.1")
    .for_sections(),
    row("preview", Takes::Text, "what a preview does instead"),
    row("undo-of", Takes::Id, "undoes that step").since("0.1"),
    row("always", Takes::Nothing, "runs also after a failure").since("0.1"),
    row(
        "allow-fail",
        Takes::Nothing,
        "a failure is recorded and gone on from",
    )
    .since("0.1"),
    row("exit", Takes::ExitCodes, "exit codes that count as ok")
        .since("0.1")
        .for_sections(),
    row("file", Takes::Text, "the body becomes this file").since("0.1"),
    row("mode", Takes::Text, "that file's mode, octal").since("0.1"),
    row(
        "owner",
        Takes::Text,
        "that file's owner: `user`, `user:group`, `:group`",
    )
    .since("0.1"),
    row(
        "backup",
        Takes::Nothing,
        "keeps what that file held, beside it",
    )
    .since("0.1"),
    row(
        "parents",
        Takes::OneOf(&["create"]),
        "folders of that file that are missing are made",
    )
    .since("0.1"),
    row(
        "symlink",
        Takes::OneOf(&["follow"]),
        "where a symbolic link stands in that file's place, what it leads to is written",
    )
    .since("0.1"),
    row("each", Takes::Text, "once for every row of a table").since("0.1"),
    row("template", Takes::Nothing, "the body is a template")
        .since("0.1")
        .for_sections(),
    row(
        "match",
        Takes::OneOf(&["exact", "lines", "contains", "regex", "json"]),
        "how an `output` fence is compared",
    )
    .since("0.1"),
    row(
        "of",
        Takes::Id,
        "the step that a check or an `output` fence speaks of",
    )
    .since("0.1"),
    row(
        "record",
        Takes::OneOf(&["echo"]),
        "what an `interactive` step shows is recorded",
    )
    .since("0.1"),
    row(
        "runbook",
        Takes::Nothing,
        "this fence holds what front matter would",
    )
    .since("0.1"),
];

/// Returns the row of `name` or of an alias of it.
pub fn find(name: &str) -> Option<&'static Row> {
    TABLE
        .iter()
        .find(|row| row.name == name || row.alias == Some(name))
}

/// Returns the name of the table that `name` is a slip of the pen away from.
pub fn near_miss(name: &str) -> Option<&'static str> {
    nearest(name, TABLE.iter().map(|row| row.name).chain(["name"]))
}

/// Returns the one of `known` that `word` is a slip of the pen away from: one letter in a short
/// word, two in a longer one, case aside.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    let reach = match word.chars().count() {
        0..=2 => return None,
        3..=5 => 1,
        _ => 2,
    };
    known
        .map(|name| (strsim::osa_distance(&word, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= reach && name.chars().count() > 1)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// One attribute as it stands in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// As written; `id` for `#x`, `tag` for `.x`.
    pub name: Cow<'a, str>,
    /// Absent for a flag.
    pub value: Option<Cow<'a, str>>,
    /// Name and value.
    pub span: Span,
}

/// What is wrong with the form of attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What, as a message.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What would be right.
    pub way_out: &'static str,
}

/// An info string, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info<'a> {
    /// The first word, or the first class of `{.bash #id}`.
    pub language: Option<(&'a str, Span)>,
    /// What stands in braces.
    pub attributes: Vec<Attribute<'a>>,
    /// What stands neither in the first word nor in braces.
    pub rest: Option<(&'a str, Span)>,
    /// What could not be read.
    pub faults: Vec<Fault>,
}

/// Takes the info string `text`, which stands at byte `base` of its file, apart.
pub fn parse_info(text: &str, base: usize) -> Info<'_> {
    let mut info = Info::default();
    let word = text
        .find(|c: char| c.is_whitespace() || c == '{')
        .unwrap_or(text.len());
    if word > 0 {
        info.language = Some((&text[..word], Span::new(base, base + word)));
    }
    let mut at = word;
    while let Some(start) = text[at..]
        .find(|c: char| !c.is_whitespace())
        .map(|n| at + n)
    {
        if text[start..].starts_with('{') {
            at = braces(text, start, base, &mut info.attributes, &mut info.faults);
        } else {
            let end = text[start..].find('{').map_or(text.len(), |n| start + n);
            let found = text[start..end].trim_end();
            let span = Span::new(base + start, base + start + found.len());
            info.rest.get_or_insert((found, span));
            at = end;
        }
    }
    if info.language.is_none()
        && let Some(first) = info.attributes.first()
        && first.name == "tag"
        && text[first.span.start - base..].starts_with('.')
    {
        let span = first.span;
        info.attributes.remove(0);
        info.language = Some((&text[span.start + 1 - base..span.end - base], span));
    }
    info
}

/// Takes the text of a comment after `runbook:`, which stands at byte `base` of its file, apart:
/// lines of `key: value`, or attributes as in braces.
pub fn parse_comment(text: &str, base: usize) -> (Vec<Attribute<'_>>, Vec<Fault>) {
    let mut attributes = Vec::new();
    let mut faults = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        // In a quote the line begins with its mark.
        let content = line.trim_start_matches(|c: char| c.is_whitespace() || c == '>');
        let at = start + line.len() - content.len();
        let content = content.trim_end();
        start += line.len();
        if content.is_empty() {
            continue;
        }
        if let Some(attribute) = key_and_value(content, base + at) {
            attributes.push(attribute);
        } else if content.starts_with('{') {
            let end = braces(content, 0, base + at, &mut attributes, &mut faults);
            let rest = content[end..].trim();
            if !rest.is_empty() {
                faults.push(Fault {
                    message: format!("`{rest}` after the attributes is not read"),
                    span: Span::new(base + at + end, base + at + content.len()),
                    way_out: "put it into the braces, or into a comment of its own",
                });
            }
        } else {
            list(
                content,
                0,
                content.len(),
                base + at,
                &mut attributes,
                &mut faults,
            );
        }
    }
    (attributes, faults)
}

fn key_and_value(line: &str, base: usize) -> Option<Attribute<'_>> {
    let (key, value) = line.split_once(':')?;
    let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !is_key || !(value.is_empty() || value.starts_with(char::is_whitespace)) {
        return None;
    }
    let value = value.trim();
    let bare = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .or_else(|| {
            value
                .strip_prefix('\'')
                .and_then(|rest| rest.strip_suffix('\''))
        });
    Some(Attribute {
        name: Cow::Borrowed(key),
        value: Some(Cow::Borrowed(bare.unwrap_or(value))),
        span: Span::new(base, base + line.len()),
    })
}

/// Reads the braces at `start` of `text`; returns where what follows them begins.
fn braces<'a>(
    text: &'a str,
    start: usize,
    base: usize,
    attributes: &mut Vec<Attribute<'a>>,
    faults: &mut Vec<Fault>,
) -> usize {
    let inner = start + 1;
    let is_json = text[inner..].trim_start().starts_with('"');
    let Some(close) = closing(text, inner) else {
        faults.push(Fault {
            message: "the braces of these attributes are not closed".into(),
            span: Span::new(base + start, base + text.len()),
            way_out: "close them with `}`, and every quoted value with its quote",
        });
        return text.len();
    };
    if is_json {
        json(text, inner, close, base, attributes, faults);
    } else {
        list(text, inner, close, base, attributes, faults);
    }
    close + 1
}

/// Returns where the brace opened before `at` is closed: quoted values aside.
fn closing(text: &str, at: usize) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0_u32;
    let mut before = ' ';
    let mut characters = text[at..].char_indices();
    while let Some((offset, c)) = characters.next() {
        match quote {
            Some(_) if c == '\\' => {
                characters.next();
            }
            Some(open) => quote = quote.filter(|_| c != open),
            // Elsewhere a quote is a letter: `title=it's`.
            None if (c == '"' || c == '\'')
                && matches!(before, '=' | ':' | ' ' | ',' | '{' | '\t') =>
            {
                quote = Some(c);
            }
            None if c == '{' => depth += 1,
            None if c == '}' && depth == 0 => return Some(at + offset),
            None if c == '}' => depth -= 1,
            None => {}
        }
        before = c;
    }
    None
}

/// Reads `#id .tag key=value key="two words" flag` between `start` and `end` of `text`.
fn list<'a>(
    text: &'a str,
    start: usize,
    end: usize,
    base: usize,
    attributes: &mut Vec<Attribute<'a>>,
    faults: &mut Vec<Fault>,
) {
    let text = &text[..end];
    let mut at = start;
    while let Some(word) = text[at..]
        .find(|c: char| !c.is_whitespace())
        .map(|n| at + n)
    {
        let name_end = text[word..]
            .find(|c: char| c.is_whitespace() || c == '=')
            .map_or(end, |n| word + n);
        let name = &text[word..name_end];
        let equals = text[name_end..].starts_with('=');
        let mut value = None;
        at = name_end;
        if equals {
            let value_start = name_end + 1;
            let quote = text[value_start..]
                .chars()
                .next()
                .filter(|c| matches!(c, '"' | '\''));
            if let Some(quote) = quote {
                let Some((read, after)) = quoted(text, value_start + 1, quote) else {
                    faults.push(Fault {
                        message: format!("the value of `{name}` is not closed"),
                        span: Span::new(base + word, base + end),
                        way_out: "end it with the quote that it began with",
                    });
                    return;
                };
                value = Some(read);
                at = after;
            } else {
                at = text[value_start..]
                    .find(char::is_whitespace)
                    .map_or(end, |n| value_start + n);
                value = Some(Cow::Borrowed(&text[value_start..at]));
            }
        }
        let span = Span::new(base + word, base + at);
        let mark = name.chars().next().filter(|c| matches!(c, '#' | '.'));
        let (name, value) = match (mark, value) {
            (Some(mark), None) if name.len() > 1 => {
                let name_of = if mark == '#' { "id" } else { "tag" };
                (Cow::Borrowed(name_of), Some(Cow::Borrowed(&name[1..])))
            }
            (None, value) if !name.is_empty() => (Cow::Borrowed(name), value),
            _ => {
                faults.push(Fault {
                    message: format!("`{}` is no attribute", &text[word..at]),
                    span,
                    way_out: "write `#id`, `.tag`, `key=value`, `key=\"two words\"` or a flag",
                });
                continue;
            }
        };
        attributes.push(Attribute { name, value, span });
    }
}

/// Reads a quoted value that begins at `start`; returns it and where what follows it begins.
fn quoted(text: &str, start: usize, quote: char) -> Option<(Cow<'_, str>, usize)> {
    let mut value = String::new();
    let mut is_plain = true;
    let mut characters = text[start..].char_indices();
    while let Some((offset, c)) = characters.next() {
        if c == quote {
            let after = start + offset + 1;
            return Some(if is_plain {
                (Cow::Borrowed(&text[start..start + offset]), after)
            } else {
                (Cow::Owned(value), after)
            });
        }
        if c == '\\' {
            if is_plain {
                text[start..start + offset].clone_into(&mut value);
                is_plain = false;
            }
            match characters.next()?.1 {
                escaped @ ('\\' | '"' | '\'') => value.push(escaped),
                other => value.extend(['\\', other]),
            }
        } else if !is_plain {
            value.push(c);
        }
    }
    None
}

/// Reads the members of a flat JSON object between `start` and `end` of `text`.
fn json<'a>(
    text: &'a str,
    start: usize,
    end: usize,
    base: usize,
    attributes: &mut Vec<Attribute<'a>>,
    faults: &mut Vec<Fault>,
) {
    let mut fault = |from: usize, what: &str| {
        faults.push(Fault {
            message: format!("these attributes are no JSON object: {what}"),
            span: Span::new(base + from, base + end),
            way_out: "write `{\"key\": \"value\"}`, or `{key=value}`",
        });
    };
    let skip = |at: usize| at + text[at..end].len() - text[at..end].trim_start().len();
    let mut at = skip(start);
    while at < end {
        let key_start = at;
        let Some((key, after)) = json_string(text, at, end) else {
            return fault(at, "a quoted name is missing");
        };
        at = skip(after);
        if !text[at..end].starts_with(':') {
            return fault(at, "a `:` is missing");
        }
        at = skip(at + 1);
        let value;
        if text[at..end].starts_with('"') {
            let Some((read, after)) = json_string(text, at, end) else {
                return fault(at, "a value is not closed");
            };
            value = Cow::Owned(read);
            at = after;
        } else {
            let stop = text[at..end]
                .find([',', ' ', '\t', '\n'])
                .map_or(end, |n| at + n);
            let word = &text[at..stop];
            let is_scalar = matches!(word, "true" | "false" | "null")
                || serde_json::from_str::<serde_json::Number>(word).is_ok();
            if !is_scalar {
                return fault(at, "a value is neither a string, a number, true nor false");
            }
            value = Cow::Borrowed(word);
            at = stop;
        }
        let span = Span::new(base + key_start, base + at);
        attributes.push(Attribute {
            name: Cow::Owned(key),
            value: Some(value),
            span,
        });
        at = skip(at);
        if at < end {
            if !text[at..end].starts_with(',') {
                return fault(at, "a `,` is missing");
            }
            at = skip(at + 1);
        }
    }
}

fn json_string(text: &str, start: usize, end: usize) -> Option<(String, usize)> {
    let rest = text[start..end].strip_prefix('"')?;
    let mut is_escaped = false;
    let close = rest.bytes().position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    })?;
    let after = start + close + 2;
    Some((serde_json::from_str(&text[start..after]).ok()?, after))
}

/// Writes attributes in the form of braces; [`parse_info`] reads them back.
pub fn print(attributes: &[Attribute<'_>]) -> String {
    let mut text = String::from("{");
    for (number, Attribute { name, value, .. }) in attributes.iter().enumerate() {
        if number > 0 {
            text.push(' ');
        }
        let short = match name.as_ref() {
            "id" => Some('#'),
            "tag" => Some('.'),
            _ => None,
        };
        // Infallible: writing to a string.
        let _ = match (short, value) {
            (Some(mark), Some(value)) if is_word(value) => write!(text, "{mark}{value}"),
            (_, Some(value)) if is_word(value) => write!(text, "{name}={value}"),
            (_, Some(value)) => {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                write!(text, "{name}=\"{escaped}\"")
            }
            (_, None) => write!(text, "{name}"),
        };
    }
    text.push('}');
    text
}

fn is_word(value: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | ',');
    !value.is_empty() && value.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop_assert_eq, proptest};
    use proptest::{collection, option};

    use super::{Attribute, Performed, TABLE, near_miss, parse_comment, parse_info, print};
    use crate::model::Span;

    fn check(info: &str) -> String {
        let read = parse_info(info, 100);
        let place = |span: Span| format!("{}..{}", span.start - 100, span.end - 100);
        let language = read.language.map_or("-", |(word, _)| word).to_owned();
        let attributes = read
            .attributes
            .iter()
            .map(|Attribute { name, value, span }| {
                let value = value
                    .as_deref()
                    .map_or(String::new(), |value| format!("={value:?}"));
                format!("{name}{value}@{}", place(*span))
            });
        let rest = read.rest.map(|(rest, _)| format!("rest {rest:?}"));
        let faults = read
            .faults
            .iter()
            .map(|fault| format!("fault {}@{}", fault.message, place(fault.span)));
        let all: Vec<_> = std::iter::once(language)
            .chain(attributes)
            .chain(rest)
            .chain(faults)
            .collect();
        all.join(" ")
    }

    #[test]
    fn both_forms_are_read_with_their_places() {
        let shown = [
            "bash",
            "bash {#a .slow timeout=5m confirm=\"Really, \\\"now\\\"?\" idempotent}",
            "sh {\"name\":\"x\",\"interactive\":\"false\", \"n\": 3}",
            "{.bash #id}",
            "bash{#x}",
            "bash { name=x interactive=false }",
            "bash title=\"x\" {#a} more",
            "bash {confirm='a } b'}",
            "yaml {runbook}",
            "",
        ]
        .map(check)
        .join("\n");
        insta::assert_snapshot!(shown, @r#"
        bash
        bash id="a"@6..8 tag="slow"@9..14 timeout="5m"@15..25 confirm="Really, \"now\"?"@26..52 idempotent@53..63
        sh name="x"@4..14 interactive="false"@15..36 n="3"@38..44
        bash id="id"@7..10
        bash id="x"@5..7
        bash name="x"@7..13 interactive="false"@14..31
        bash id="a"@16..18 rest "title=\"x\""
        bash confirm="a } b"@6..21
        yaml runbook@6..13
        -
        "#);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let shown = [
            "bash {#a",
            "bash {a=\"b}",
            "bash {#}",
            "bash {=x}",
            "sh {\"a\"}",
            "sh {\"a\":[1]}",
            "sh {\"a\":1 \"b\":2}",
        ]
        .map(check)
        .join("\n");
        insta::assert_snapshot!(shown, @r#"
        bash fault the braces of these attributes are not closed@5..8
        bash fault the braces of these attributes are not closed@5..11
        bash fault `#` is no attribute@6..7
        bash fault `=x` is no attribute@6..8
        sh fault these attributes are no JSON object: a `:` is missing@7..7
        sh fault these attributes are no JSON object: a value is neither a string, a number, true nor false@8..11
        sh a="1"@4..9 fault these attributes are no JSON object: a `,` is missing@10..15
        "#);
    }

    #[test]
    fn comments_hold_lines_or_a_list() {
        let check = |text| {
            let (attributes, faults) = parse_comment(text, 0);
            assert_eq!(faults, []);
            print(&attributes)
        };
        assert_eq!(check(" timeout=5m #a "), "{timeout=5m #a}");
        assert_eq!(check(" timeout: 5m "), "{timeout=5m}");
        assert_eq!(
            check("\n  timeout: 5m\n  confirm: Really, now?\n> env: A=1 B=2\n"),
            "{timeout=5m confirm=\"Really, now?\" env=\"A=1 B=2\"}"
        );
        assert_eq!(check(" {#a .b}"), "{#a .b}");
    }

    #[test]
    fn every_row_has_a_name_of_its_own_and_says_what_it_does() {
        for (number, row) in TABLE.iter().enumerate() {
            assert!(
                !row.meaning.is_empty() && !row.meaning.ends_with('.'),
                "{}",
                row.name
            );
            assert!(
                TABLE[..number].iter().all(|other| other.name != row.name),
                "{}",
                row.name
            );
            assert!(
                !row.for_sections || row.performed != Performed::NotYet,
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        assert_eq!(near_miss("timout"), Some("timeout"));
        assert_eq!(near_miss("Timeout"), Some("timeout"));
        assert_eq!(near_miss("allow_fail"), Some("allow-fail"));
        assert_eq!(near_miss("linenums"), None);
        assert_eq!(near_miss("iff"), Some("if"));
        assert_eq!(near_miss("is"), None);
    }

    fn attribute() -> impl Strategy<Value = (String, Option<String>)> {
        (
            "[a-zA-Z][a-zA-Z0-9_-]{0,8}",
            option::of("[^\\n\\r\u{0}]{0,12}"),
        )
    }

    proptest! {
        #[test]
        fn any_string_is_read_without_a_panic(text in "\\PC{0,60}", base in 0_usize..1000) {
            let info = parse_info(&text, base);
            for attribute in info.attributes {
                assert!(text.get(attribute.span.start - base..attribute.span.end - base).is_some());
            }
            let (attributes, _) = parse_comment(&text, base);
            for attribute in attributes {
                assert!(text.get(attribute.span.start - base..attribute.span.end - base).is_some());
            }
        }

        #[test]
        fn tangles_of_marks_are_read_without_a_panic(text in "[a{}\"'\\\\#.=: ,ñ\\n]{0,40}") {
            parse_info(&text, 0);
            parse_comment(&text, 0);
        }

        #[test]
        fn what_is_printed_is_read_back(all in collection::vec(attribute(), 0..6)) {
            let attributes: Vec<Attribute<'_>> = all
                .iter()
                .map(|(name, value)| Attribute {
                    name: name.as_str().into(),
                    value: value.as_deref().map(Into::into),
                    span: Span::default(),
                })
                .collect();
            let printed = format!("bash {}", print(&attributes));
            let mut read = parse_info(&printed, 0);
            assert_eq!(read.faults, [], "{printed}");
            for attribute in &mut read.attributes {
                attribute.span = Span::default();
            }
            prop_assert_eq!(read.attributes, attributes);
        }
    }
}
