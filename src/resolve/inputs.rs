//! What an input takes: a text → the value that it is, or what would be right.

use regex::{Regex, RegexBuilder};

use crate::model::{Input, InputType};

/// The most bytes that a pattern may take once it is compiled.
const LARGEST_PATTERN: usize = 1 << 20;

/// Returns the value that `text` is for `input`, as runs keep it: `true` for `yes`, a line for each
/// item of a list. A path stays as it is given.
///
/// # Errors
/// What would be right, in words: "it is a number, `3` or `0.5`". Never holds `text`.
pub fn accept(input: &Input, text: &str) -> Result<String, String> {
    if text.contains('\0') {
        return Err("a value holds no NUL".to_owned());
    }
    let value = match input.kind {
        InputType::Number => number(text).ok_or("it is a number, `3` or `0.5`")?,
        InputType::Bool => truth(text)
            .ok_or("it is `true` or `false`, `yes` or `no`")?
            .to_owned(),
        InputType::Path if text.is_empty() => return Err("it is a path".to_owned()),
        InputType::List => items(text).join("\n"),
        InputType::String | InputType::Choice | InputType::Path | InputType::Secret => {
            text.to_owned()
        }
    };
    let parts: Vec<&str> = match input.kind {
        InputType::List => value.split('\n').filter(|it| !it.is_empty()).collect(),
        _ => vec![&value],
    };
    if !input.choices.is_empty() {
        for part in &parts {
            if !input.choices.iter().any(|it| it == part) {
                let each = if input.kind == InputType::List {
                    "each item"
                } else {
                    "it"
                };
                return Err(format!("{each} is one of: {}", input.choices.join(", ")));
            }
        }
    }
    if let Some(pattern) = &input.pattern {
        let matches = compile(pattern)?;
        if !parts.iter().all(|part| matches.is_match(part)) {
            let each = if input.kind == InputType::List {
                "each item"
            } else {
                "it"
            };
            return Err(format!("{each} has to match the pattern `{pattern}`"));
        }
    }
    limits(input, &value, parts.len())?;
    Ok(value)
}

/// Returns the items of a list that is given as text: a line each; a text of one line has commas
/// between them.
pub fn items(text: &str) -> Vec<String> {
    let separator = if text.contains('\n') { '\n' } else { ',' };
    let items = text.split(separator).map(str::trim);
    items
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns the pattern, which speaks of the whole value.
///
/// # Errors
/// Why it is none, in words.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(LARGEST_PATTERN)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        })
}

/// Whether `text` is a decimal number, as JSON and every shell read it.
pub(super) fn is_number(text: &str) -> bool {
    number(text).is_some()
}

fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |it: &str| !it.is_empty() && it.bytes().all(|c| c.is_ascii_digit());
    // `010` is eight for some programs and ten for others.
    let is_plain = whole == "0" || !whole.starts_with('0');
    let fine = is_digits(whole) && is_digits(rest) && is_plain && text.len() <= 40;
    fine.then(|| text.to_owned())
}

fn truth(text: &str) -> Option<&'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" => Some("true"),
        "false" | "no" | "n" | "off" | "0" => Some("false"),
        _ => None,
    }
}

// How much of it there is, in its own unit.
fn limits(input: &Input, value: &str, parts: usize) -> Result<(), String> {
    let (much, unit) = match input.kind {
        InputType::Number => (value.parse().unwrap_or(0.0), ""),
        InputType::List => (parts as f64, "item"),
        _ => (value.chars().count() as f64, "character"),
    };
    let limit = |it: &Option<String>| it.as_ref().and_then(|it| it.parse::<f64>().ok());
    let told = |word: &str, it: &Option<String>| {
        let limit = it.as_deref().unwrap_or_default();
        let plural = if limit == "1" { "" } else { "s" };
        match unit {
            "" => Err(format!("it is {word} {limit}")),
            _ => Err(format!("it has {word} {limit} {unit}{plural}")),
        }
    };
    if limit(&input.min).is_some_and(|least| much < least) {
        return told("at least", &input.min);
    }
    if limit(&input.max).is_some_and(|most| much > most) {
        return told("at most", &input.max);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    fn input(kind: InputType) -> Input {
        Input {
            name: "x".to_owned(),
            kind,
            description: None,
            default: None,
            choices: Vec::new(),
            pattern: None,
            min: None,
            max: None,
            required: true,
            from: None,
            short: false,
            span: Span::default(),
        }
    }

    /// Each text with what becomes of it, a line each.
    fn check(input: &Input, texts: &[&str]) -> String {
        let mut shown = String::new();
        for text in texts {
            let line = match accept(input, text) {
                Ok(value) => format!("{text:?} is {value:?}\n"),
                Err(right) => format!("{text:?}: {right}\n"),
            };
            shown.push_str(&line);
        }
        shown
    }

    #[test]
    fn each_type_takes_its_own_and_says_what_would_be_right() {
        let mut number = input(InputType::Number);
        (number.min, number.max) = (Some("1".to_owned()), Some("10.5".to_owned()));
        let mut list = input(InputType::List);
        list.pattern = Some("web[0-9]+".to_owned());
        (list.min, list.max) = (Some("1".to_owned()), Some("2".to_owned()));
        let mut choice = input(InputType::Choice);
        choice.choices = vec!["eu".to_owned(), "us".to_owned()];
        let mut text = input(InputType::String);
        text.pattern = Some("v[0-9]+|next".to_owned());
        text.max = Some("4".to_owned());
        let shown = [
            check(
                &number,
                &["1", " 2.50 ", "0", "11", "-1", "ten", "010", "1e3", ""],
            ),
            check(&input(InputType::Bool), &["yes", "False", "1", "maybe", ""]),
            check(&choice, &["eu", "EU"]),
            check(&input(InputType::Path), &["/a b", ""]),
            check(
                &list,
                &[
                    "web1, web2",
                    "web1\nweb2\n",
                    "web1,db",
                    "",
                    "web1,web2,web3",
                ],
            ),
            check(&text, &["v1", "xv1", "v1\nrm", "next", "v12345"]),
            check(&input(InputType::Secret), &["a\0b"]),
        ]
        .concat();
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_pattern_that_is_none_or_too_large_is_told() {
        for (pattern, because) in [
            ("(", "unclosed group"),
            (
                "a{1000}{1000}{1000}",
                "Compiled regex exceeds size limit of 1048576 bytes.",
            ),
        ] {
            assert_eq!(compile(pattern).unwrap_err(), because);
        }
    }
}
