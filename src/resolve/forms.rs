//! Settings that a plain document shows as lines of `NAME=value`: a form for what it needs.

use super::attributes::is_variable;
use crate::markdown::Document;
use crate::model::{FenceReading, Field, Form, Nature};

/// Returns the forms of `document`, whose fences were read as `readings`.
pub(super) fn forms(document: &Document<'_>, readings: &[FenceReading]) -> Vec<Form> {
    let mut forms = Vec::new();
    for (fence, reading) in document.fences.iter().zip(readings) {
        let is_form = |it: &Nature| matches!(it, Nature::File | Nature::Data);
        let mut pieces = reading.pieces.iter().map(|it| &it.nature);
        if !is_form(&reading.nature) || !pieces.all(is_form) {
            continue;
        }
        let body = document.body(fence);
        forms.extend(fields(&body, fence.line + 1).map(|fields| Form {
            section: fence.section as usize,
            line: fence.line,
            fields,
        }));
    }
    forms
}

/// Returns the settings of `body`, whose first line is `first`; `None` where it is not a form.
fn fields(body: &str, first: u32) -> Option<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    for (number, line) in body.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        let is_setting = is_variable(name) && !name.chars().any(char::is_lowercase);
        if !is_setting || value.starts_with([' ', '=']) {
            return None;
        }
        if name.starts_with("RUNBOOK_") || fields.iter().any(|it| it.name == name) {
            continue;
        }
        let secret = is_secret(name);
        let value = value.trim().trim_matches(['"', '\'']);
        // Of a URL, what stands before `@` may be a password.
        let is_plain = !value.is_empty() && value.len() <= 60 && !value.contains(['@', '<']);
        let is_told = is_plain && !secret && !value.chars().any(char::is_control);
        fields.push(Field {
            name: name.to_owned(),
            line: first + number as u32,
            example: is_told.then(|| value.to_owned()),
            secret,
        });
    }
    (!fields.is_empty()).then_some(fields)
}

fn is_secret(name: &str) -> bool {
    const WORDS: &[&str] = &[
        "PASS",
        "PASSWD",
        "PASSWORD",
        "PWD",
        "SECRET",
        "KEY",
        "TOKEN",
        "CREDENTIAL",
        "DSN",
        "AUTH",
        "PRIVATE",
        "SALT",
    ];
    let named = |part: &str| WORDS.iter().any(|word| part.contains(word));
    named(&name.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn a_form_never_tells_a_secret() {
        let body = "# Base\nDB_HOST=localhost\nDB_PASSWORD=hunter2hunter2\nURL=\"http://a:hunter2@b\"\n\nAPI_KEY=hunter2\nDEBUG=True\nDEBUG=False\n";
        let told: Vec<_> = fields(body, 10)
            .unwrap()
            .iter()
            .map(|it| format!("{} {:?} {} {}", it.name, it.example, it.line, it.secret))
            .collect();
        assert_eq!(
            told,
            [
                "DB_HOST Some(\"localhost\") 11 false",
                "DB_PASSWORD None 12 true",
                "URL None 13 false",
                "API_KEY None 15 true",
                "DEBUG Some(\"True\") 16 false",
            ]
        );
        for body in ["", "# a\n", "A=1\nls\n", "a = 1\n", "if x == 1:\n"] {
            assert_eq!(fields(body, 1), None, "{body}");
        }
    }
}
