//! A page for people that a template of the document writes: the transcript of a run. Values are escaped as
//! the caller's marks say, so that none becomes Markdown; nothing is read, and it always ends.

use std::io;
use std::sync::Arc;

use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Serialize;

use crate::markdown::attributes::nearest;

/// What a page may cost: instructions, and bytes.
const FUEL: u64 = 20_000_000;
const DEEPEST: usize = 64;
const LARGEST: usize = 32 << 20;

/// The names that a page knows.
pub const NAMES: &[&str] = &[
    "head", "inputs", "left_out", "record", "run", "sessions", "steps",
];
/// The filters of its own.
pub const FILTERS: &[&str] = &["code", "fence"];

/// What is wrong with a template of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line of the template, from 1.
    pub line: usize,
    /// What, in words.
    pub message: String,
    /// What was probably meant.
    pub way_out: Option<String>,
}

/// How text is written so that it shows what it is and nothing else.
#[derive(Clone, Copy)]
pub struct Marks {
    /// Within a line.
    pub text: fn(&str) -> String,
    /// As code within a line.
    pub code: fn(&str) -> String,
    /// As a block of its own, in this language.
    pub fence: fn(&str, &str) -> String,
}

/// Returns what is wrong with `template` before there is anything to tell.
pub fn check(template: &str) -> Option<Fault> {
    let as_it_is = Marks {
        text: str::to_owned,
        code: str::to_owned,
        fence: |text, _| text.to_owned(),
    };
    let environment = environment(as_it_is);
    let parsed = match environment.template_from_str(template) {
        Ok(parsed) => parsed,
        Err(error) => return Some(fault(&error)),
    };
    let mut names: Vec<String> = parsed.undeclared_variables(false).into_iter().collect();
    names.sort();
    let is_known =
        |name: &str| NAMES.contains(&name) || environment.globals().any(|(known, _)| known == name);
    let name = names.into_iter().find(|it| !is_known(it))?;
    let line = template
        .lines()
        .position(|line| line.contains(&name))
        .map_or(1, |at| at + 1);
    let way_out = nearest(&name, NAMES.iter().copied()).map_or_else(
        || format!("there are {}", NAMES.join(", ")),
        |meant| format!("did you mean `{meant}`?"),
    );
    Some(Fault {
        line,
        message: format!("nothing is called `{name}`"),
        way_out: Some(way_out),
    })
}

/// Returns what `template` makes of `context`.
///
/// # Errors
/// A template that does not parse, a name without a value, a page that costs too much.
pub fn render(template: &str, context: &impl Serialize, marks: Marks) -> Result<String, Fault> {
    let environment = environment(marks);
    let parsed = environment
        .template_from_str(template)
        .map_err(|error| fault(&error))?;
    let mut page = Page(Vec::new());
    parsed
        .render_captured_to(Serde(context), &mut page)
        .map_err(|error| fault(&error))?;
    Ok(String::from_utf8_lossy(&page.0).into_owned())
}

struct Page(Vec<u8>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(io::Error::other("the page is too large"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn environment(marks: Marks) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_recursion_limit(DEEPEST);
    environment.set_fuel(Some(FUEL));
    // A line that holds nothing but a block leaves none behind: lists and tables stay whole.
    if let Ok(syntax) = minijinja::syntax::SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment.remove_filter("safe");
    environment.remove_global("debug");
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("markdown".into()));
    environment.set_formatter(move |out, _, value| {
        let text = shown(value);
        let text = if value.is_safe() {
            text.to_string()
        } else {
            (marks.text)(&text)
        };
        out.write_str(&text).map_err(Error::from)
    });
    environment.add_filter("code", move |value: Value| {
        Value::from_safe_string((marks.code)(&shown(&value)))
    });
    environment.add_filter("fence", move |value: Value, language: Option<String>| {
        let language = language.unwrap_or_else(|| "text".to_owned());
        Value::from_safe_string((marks.fence)(&shown(&value), &language))
    });
    environment
}

fn shown(value: &Value) -> Arc<str> {
    match value.kind() {
        ValueKind::None => return "".into(),
        ValueKind::Bool => return if value.is_true() { "true" } else { "false" }.into(),
        _ => {}
    }
    value
        .as_str()
        .map_or_else(|| value.to_string().into(), Into::into)
}

fn fault(error: &Error) -> Fault {
    let message = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it does not come to an end".to_owned(),
        (ErrorKind::WriteFailure, _) => format!("it makes more than {} MiB", LARGEST >> 20),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    Fault {
        line: error.line().unwrap_or(1),
        message,
        way_out: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Marks, check, render};

    const MARKS: Marks = Marks {
        text: |text| text.replace('*', "\\*"),
        code: |text| format!("`{text}`"),
        fence: |text, language| format!("```{language}\n{text}\n```"),
    };

    fn page(template: &str, context: Value) -> String {
        match render(template, &context, MARKS) {
            Ok(page) => page,
            Err(fault) => format!("{}: {}", fault.line, fault.message),
        }
    }

    #[test]
    fn values_are_escaped_and_marks_are_not() {
        let context = json!({"run": {"title": "a * b", "n": 3, "none": null, "yes": true}});
        assert_eq!(
            page(
                "* {{ run.title }} {{ run.n + 1 }}{{ run.none }} {{ run.yes }} {{ run.title | code }}\n{{ run.title | upper | fence(\"sh\") }}\n",
                context
            ),
            "* a \\* b 4 true `a * b`\n```sh\nA * B\n```\n"
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let run = || json!({"run": {"title": "x"}});
        assert_eq!(
            page("a\n{{ run.titel }}\n", run()),
            "2: undefined value: `run.titel` is undefined"
        );
        assert_eq!(
            page("a\n\n{{ run.title | cod }}\n", run()),
            "3: unknown filter: filter cod is unknown"
        );
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}";
        assert!(
            page(endless, run()).starts_with("1: it "),
            "{}",
            &page(endless, run())[..80]
        );
    }

    #[test]
    fn names_and_syntax_are_told_before_there_is_anything_to_tell() {
        let told = |template: &str| {
            check(template).map(|it| {
                let way_out = it.way_out.unwrap_or_default();
                format!("{}: {} → {way_out}", it.line, it.message)
            })
        };
        assert_eq!(told("{% for it in steps %}{{ it.id }}{% endfor %}"), None);
        assert_eq!(
            told("a\n{% for it in stpes %}{{ it.id }}{% endfor %}").as_deref(),
            Some("2: nothing is called `stpes` → did you mean `steps`?")
        );
        let unclosed = told("a\n{% for it in steps %}").unwrap();
        assert!(unclosed.starts_with("2: syntax error: "), "{unclosed}");
    }
}
