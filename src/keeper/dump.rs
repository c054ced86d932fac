//! Reads what an interpreter left of its environment, and says what the step changed.
//!
//! The file holds, each ended by NUL: the form (`S` for a shell, `0` for others), the line and the
//! command that failed (both may be empty), the working folder; then for `S` what `export -p`
//! prints, for `0` `name=value` entries, each ended by NUL.

use std::collections::BTreeMap;

use crate::event::{Delta, FailedAt, Text};

use crate::redact::Texts;

use super::protocol::Launch;

/// What an interpreter left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dump {
    pub(super) failed_at: Option<FailedAt>,
    pub(super) delta: Delta,
}

/// Reads `bytes`; `None` where the interpreter wrote nothing, or not all of it.
pub(super) fn read(bytes: &[u8], launch: &Launch) -> Option<Dump> {
    let mut parts = bytes.splitn(5, |byte| *byte == 0);
    let form = parts.next()?;
    let line = parts.next()?;
    let command = parts.next()?;
    let cwd = parts.next()?;
    let rest = parts.next()?;
    let variables = match form {
        b"S" => parse_exports(rest),
        b"0" => entries(rest),
        _ => return None,
    };
    let number = std::str::from_utf8(line)
        .ok()
        .and_then(|it| it.parse::<u32>().ok());
    let failed_at = number.map(|number| FailedAt {
        line: number.saturating_add(launch.line_offset),
        command: named(command, number, &launch.script),
    });
    let mut delta = changes(&launch.env, variables);
    if cwd != launch.cwd.to_bytes() && !cwd.is_empty() {
        delta.cwd = Some(Text::of_bytes(cwd));
    }
    Some(Dump { failed_at, delta })
}

// A shell names the last command of a pipeline, whichever failed; `| ` says that it was one. Then
// the line of the script tells more.
fn named(command: &[u8], line: u32, script: &str) -> String {
    if let Some(last) = command.strip_prefix(b"| ") {
        let whole = script.lines().nth(line.saturating_sub(1) as usize);
        return match whole.map(str::trim) {
            Some(whole) if whole.contains('|') => whole.to_owned(),
            _ => String::from_utf8_lossy(last).into_owned(),
        };
    }
    String::from_utf8_lossy(command).into_owned()
}

// What a shell sets for itself, and what the engine sets for each step.
fn is_ours(name: &str) -> bool {
    matches!(name, "_" | "SHLVL" | "PWD" | "OLDPWD" | "LINENO" | "PPID")
        || matches!(
            name,
            "RUNBOOK_ATTEMPT"
                | "RUNBOOK_RUN_ID"
                | "RUNBOOK_STEP_ID"
                | "RUNBOOK_IDEMPOTENCY_KEY"
                | "RUNBOOK_OUTPUT"
        )
}

fn changes(before: &[(String, Text)], after: Vec<(String, Vec<u8>)>) -> Delta {
    let before: BTreeMap<&str, &Text> = before.iter().map(|(n, v)| (n.as_str(), v)).collect();
    let after: BTreeMap<String, Vec<u8>> = after.into_iter().collect();
    let mut delta = Delta::default();
    for (name, value) in &after {
        let value = Text::of_bytes(value);
        if !is_ours(name) && before.get(name.as_str()) != Some(&&value) {
            delta.set.push((name.clone(), value));
        }
    }
    for name in before.keys() {
        // What no shell can name is not in its list, and was not removed by it either.
        let can_be_named = name
            .bytes()
            .all(|it| it == b'_' || it.is_ascii_alphanumeric())
            && !name.starts_with(|it: char| it.is_ascii_digit());
        if !is_ours(name) && can_be_named && !after.contains_key(*name) {
            delta.unset.push((*name).to_owned());
        }
    }
    delta
}

/// Takes the secrets out of what a step changed: values are stored with holes. A name cannot be; what
/// is called so is not carried, which is returned as a remark.
pub(super) fn redact(delta: &mut Delta, secrets: &Texts) -> Option<String> {
    let hole = |text: &Text| Text::of_bytes(&secrets.holes(&text.to_bytes()));
    for (_, value) in &mut delta.set {
        *value = hole(value);
    }
    delta.cwd = delta.cwd.as_ref().map(hole);
    let before = delta.set.len() + delta.unset.len();
    delta.set.retain(|(name, _)| !secrets.hold(name.as_bytes()));
    delta.unset.retain(|name| !secrets.hold(name.as_bytes()));
    (delta.set.len() + delta.unset.len() < before)
        .then(|| "a variable whose name holds a secret is not carried to the next step".to_owned())
}

fn entries(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    bytes
        .split(|byte| *byte == 0)
        .filter_map(|entry| {
            let equals = memchr::memchr(b'=', entry)?;
            let name = std::str::from_utf8(&entry[..equals]).ok()?;
            Some((name.to_owned(), entry[equals + 1..].to_vec()))
        })
        .collect()
}

/// Returns the names and values in what `export -p` of bash, dash, ksh or zsh prints. A name that is
/// exported without a value is left out; so is what cannot be read.
pub fn parse_exports(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut words = Words { text, at: 0 };
    let mut found = Vec::new();
    while words.at < text.len() {
        let line = words.line();
        let Some(declared) = line.iter().position(|word| word.contains(&b'=')) else {
            continue;
        };
        let is_export = line.first().is_some_and(|word| {
            matches!(
                word.as_slice(),
                b"export" | b"declare" | b"typeset" | b"readonly"
            )
        });
        let entry = &line[declared];
        let Some(equals) = memchr::memchr(b'=', entry) else {
            continue;
        };
        if let (true, Ok(name)) = (is_export, std::str::from_utf8(&entry[..equals])) {
            found.push((name.to_owned(), entry[equals + 1..].to_vec()));
        }
    }
    found
}

// Splits lines into words as a POSIX shell quotes them, `$'…'` included.
struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl Words<'_> {
    fn take(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn line(&mut self) -> Vec<Vec<u8>> {
        let mut words = Vec::new();
        let mut word: Option<Vec<u8>> = None;
        while let Some(byte) = self.take() {
            match byte {
                b'\n' => break,
                b' ' | b'\t' => words.extend(word.take()),
                b'\'' => self.single(word.get_or_insert_default()),
                b'"' => self.double(word.get_or_insert_default()),
                b'$' if self.text.get(self.at) == Some(&b'\'') => {
                    self.at += 1;
                    self.ansi(word.get_or_insert_default());
                }
                b'\\' => match self.take() {
                    Some(b'\n') | None => {}
                    Some(next) => word.get_or_insert_default().push(next),
                },
                other => word.get_or_insert_default().push(other),
            }
        }
        words.extend(word);
        words
    }

    fn single(&mut self, word: &mut Vec<u8>) {
        while let Some(byte) = self.take() {
            if byte == b'\'' {
                return;
            }
            word.push(byte);
        }
    }

    fn double(&mut self, word: &mut Vec<u8>) {
        while let Some(byte) = self.take() {
            match byte {
                b'"' => return,
                b'\\' => match self.take() {
                    Some(next @ (b'$' | b'`' | b'"' | b'\\')) => word.push(next),
                    Some(b'\n') | None => {}
                    Some(next) => word.extend([b'\\', next]),
                },
                other => word.push(other),
            }
        }
    }

    fn ansi(&mut self, word: &mut Vec<u8>) {
        while let Some(byte) = self.take() {
            match byte {
                b'\'' => return,
                b'\\' => match self.take() {
                    Some(b'a') => word.push(7),
                    Some(b'b') => word.push(8),
                    Some(b'e' | b'E') => word.push(27),
                    Some(b'f') => word.push(12),
                    Some(b'n') => word.push(b'\n'),
                    Some(b'r') => word.push(b'\r'),
                    Some(b't') => word.push(b'\t'),
                    Some(b'v') => word.push(11),
                    Some(b'x') => {
                        let value = self.digits(16, 2, 0);
                        word.push(value as u8);
                    }
                    Some(b'u') => {
                        let value = self.digits(16, 4, 0);
                        push_char(word, value);
                    }
                    Some(b'U') => {
                        let value = self.digits(16, 8, 0);
                        push_char(word, value);
                    }
                    Some(first @ b'0'..=b'7') => {
                        let value = self.digits(8, 2, u32::from(first - b'0'));
                        word.push(value as u8);
                    }
                    Some(other) => word.push(other),
                    None => return,
                },
                other => word.push(other),
            }
        }
    }

    fn digits(&mut self, radix: u32, most: usize, first: u32) -> u32 {
        let mut value = first;
        for _ in 0..most {
            let digit = self
                .text
                .get(self.at)
                .and_then(|it| char::from(*it).to_digit(radix));
            let Some(digit) = digit else { break };
            value = value.wrapping_mul(radix).wrapping_add(digit);
            self.at += 1;
        }
        value
    }
}

fn push_char(word: &mut Vec<u8>, value: u32) {
    if let Some(it) = char::from_u32(value) {
        word.extend(it.encode_utf8(&mut [0; 4]).bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &[(&str, &str)]) {
        let found = parse_exports(text.as_bytes());
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap()))
            .collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_bash_prints_is_read() {
        check(
            "declare -x A=\"1\"\ndeclare -x NONE\ndeclare -rx B=\"a \\\"b\\\" \\$c \\`d\\` \\\\ e\"\n\
             declare -x C=$'l1\\nl2\\t\\E[0m\\303\\251'\n",
            &[
                ("A", "1"),
                ("B", "a \"b\" $c `d` \\ e"),
                ("C", "l1\nl2\t\u{1b}[0mé"),
            ],
        );
    }

    #[test]
    fn a_value_with_a_line_break_in_quotes_is_one_value() {
        check(
            "declare -x A=\"x\ndeclare -x B=\\\"1\\\"\"\ndeclare -x C=\"2\"\n",
            &[("A", "x\ndeclare -x B=\"1\""), ("C", "2")],
        );
    }

    #[test]
    fn what_dash_and_zsh_print_is_read() {
        check(
            "export A='it'\"'\"'s'\nexport B=plain\nexport C=a\\ b\ntypeset -x D='x'\n",
            &[("A", "it's"), ("B", "plain"), ("C", "a b"), ("D", "x")],
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        ) {
            let _ = parse_exports(&bytes);
        }
    }
}
