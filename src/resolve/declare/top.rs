//! Where a declared copy says `runbook: 1`, and what stands there: title, inputs, and what a person
//! may make an input of.

use std::fmt::Write as _;

use super::inputs::{Forms, Inputs, Taken};
use super::{Edit, FINE, NotDeclared};
use crate::markdown::attributes::nearest;
use crate::markdown::front_matter::{Value, parse};
use crate::markdown::{Document, Syntax, line_of};
use crate::model::{Runbook, Span};
use crate::resolve::TOP_KEYS;

/// Where the declaration goes.
pub(super) enum Top {
    /// There is no front matter: at this byte.
    New(usize),
    /// Into that of another tool: at this byte, with or without a title of ours.
    Into {
        at: usize,
        syntax: Syntax,
        has_title: bool,
    },
    /// What another tool wrote there would be read as ours: into a visible fence after it.
    Visible(usize),
}

impl Top {
    pub(super) fn of(document: &Document<'_>) -> Result<Self, NotDeclared> {
        let Some(found) = document.front_matter else {
            let mark = '\u{feff}';
            let start = if document.source.starts_with(mark) {
                mark.len_utf8()
            } else {
                0
            };
            return Ok(Self::New(start));
        };
        let node = parse(document.text(found.body), found.syntax).map_err(|broken| {
            NotDeclared::FrontMatter {
                line: line_of(document.source, found.body.start + broken.span.start),
                message: broken.message,
            }
        })?;
        let Value::Map(entries) = node.value else {
            return Ok(Self::Visible(found.span.end));
        };
        let has = |name: &str| entries.iter().any(|(key, ..)| key == name);
        let is_title =
            |value: &Value| matches!(value, Value::Text(text) if !text.trim().is_empty());
        let is_ours = entries.iter().any(|(key, _, node)| {
            let names = TOP_KEYS.iter().map(|key| key.name);
            match key.as_str() {
                "title" => !is_title(&node.value),
                key => TOP_KEYS.iter().any(|it| it.name == key) || nearest(key, names).is_some(),
            }
        });
        // Keys that stand indented take none at the margin beside them.
        let body = document.text(found.body);
        let is_indented = body
            .lines()
            .find(|line| !line.trim().is_empty())
            .is_some_and(|line| line.starts_with([' ', '\t']));
        if is_ours || is_indented {
            return Ok(Self::Visible(found.span.end));
        }
        Ok(Self::Into {
            at: found.body.start,
            syntax: found.syntax,
            has_title: has("title"),
        })
    }

    pub(super) fn edit(
        self,
        inputs: &Inputs,
        forms: &Forms,
        runbook: &Runbook,
        line_end: &str,
    ) -> Edit {
        let title = Some(runbook.title.as_str());
        let (at, text) = match self {
            Self::New(at) => {
                let lines = declaration(title, inputs, forms, Syntax::Yaml);
                (at, format!("---\n{lines}---\n\n"))
            }
            Self::Into {
                at,
                syntax,
                has_title,
            } => {
                let title = title.filter(|_| !has_title);
                (at, declaration(title, inputs, forms, syntax))
            }
            Self::Visible(at) => {
                let lines = declaration(title, inputs, forms, Syntax::Yaml);
                (at, format!("\n```yaml {{runbook}}\n{lines}```\n"))
            }
        };
        Edit {
            span: Span::new(at, at),
            text: text.replace('\n', line_end),
        }
    }
}

/// Returns the lines of the declaration.
fn declaration(title: Option<&str>, inputs: &Inputs, forms: &Forms, syntax: Syntax) -> String {
    let is = match syntax {
        Syntax::Yaml => ": ",
        Syntax::Toml => " = ",
    };
    let mut text = format!("runbook{is}1\n");
    if let Some(title) = title {
        writeln!(text, "title{is}{}", quoted(title)).expect(FINE);
    }
    let entry = |name: &str, description: &str, secret: bool| match syntax {
        Syntax::Yaml => {
            let secret = if secret { ", secret: true" } else { "" };
            format!(
                "  {name}: {{ description: {}{secret} }}\n",
                quoted(description)
            )
        }
        Syntax::Toml => {
            let secret = if secret { ", secret = true" } else { "" };
            format!(
                "inputs.{name} = {{ description = {}{secret} }}\n",
                quoted(description)
            )
        }
    };
    if !inputs.taken.is_empty() {
        if syntax == Syntax::Yaml {
            text += "inputs:\n";
        }
        for it in &inputs.taken {
            text += &entry(&it.name, &described(it, forms), it.secret);
        }
    }
    let left: Vec<_> = forms
        .entries
        .iter()
        .filter(|form| !inputs.taken.iter().any(|it| it.name == form.name))
        .collect();
    if !left.is_empty() {
        text += "# Settings that the manual shows and no step reads. What is to be asked for goes under\n\
                 # `inputs`; every step sees it as a variable then.\n";
        for form in left {
            write!(
                text,
                "#{}",
                entry(&form.name, &Forms::described(form), form.secret)
            )
            .expect(FINE);
        }
    }
    text
}

fn described(it: &Taken, forms: &Forms) -> String {
    let form = forms.entries.iter().find(|form| form.name == it.name);
    let example = form.and_then(|form| form.example.as_deref());
    let example = example.map_or_else(String::new, |it| format!("; the manual shows {it}"));
    format!("for {} of line {}{example}", shown(&it.text), it.line)
}

/// Returns what stands in the manual, fit for one line of a comment or a description.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A JSON string is one of YAML and of TOML too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text has a JSON form")
}
