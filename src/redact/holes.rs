//! Stored values that held a secret: text with holes, which only who has the secret can fill again.
//!
//! `{secret:NAME}` stands for the value of NAME, `{secret:NAME|FORM}` for it in another form
//! (`base64.0`), `{secret:NAME|lost}` for what cannot be made again. What looks like a hole and is
//! none is written `{secret::`.

use std::fmt::Write as _;

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Input, MatchKind};

use super::disguise::disguises;
use super::{MASK, Named};

const OPENING: &[u8] = b"{secret:";
const RAW: &str = "raw";
const LOST: &str = "lost";

/// A value cannot be had again: this secret is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was made from the secret `{name}`, which is not there")]
pub struct Lost {
    /// The secret's name.
    pub name: String,
}

/// A form of a secret that may stand in a text.
#[derive(Clone)]
pub(super) struct Form {
    name: String,
    label: String,
    bytes: Vec<u8>,
}

impl Form {
    /// Returns how it looks.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Returns all forms of these secrets.
pub(super) fn forms(secrets: &[Named]) -> Vec<Form> {
    let mut forms = Vec::new();
    for secret in secrets {
        forms.extend(disguises(&secret.value).into_iter().map(|it| Form {
            name: secret.name.clone(),
            label: it.label,
            bytes: it.bytes,
        }));
    }
    forms
}

/// Returns `text` with holes where one of these forms stands.
pub(super) fn holes(text: &[u8], forms: &[Form]) -> Vec<u8> {
    // Most forms of most secrets are not there.
    let stands = |it: &&Form| memchr::memmem::find(text, &it.bytes).is_some();
    let forms: Vec<&Form> = forms.iter().filter(stands).collect();
    let found = all_matches(text, &forms);
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let Some(first) = found.iter().position(|it| it.start >= at) else {
            break;
        };
        let start = found[first].start;
        let mut end = found[first].end;
        for it in &found[first..] {
            if it.start < end {
                end = end.max(it.end);
            }
        }
        escape(&text[at..start], &mut out);
        match tiles(&found, start, end) {
            Some(tiles) => tiles
                .iter()
                .for_each(|it| hole(&it.form.name, &it.form.label, &mut out)),
            None => hole(&found[first].form.name, LOST, &mut out),
        }
        at = end;
    }
    escape(&text[at..], &mut out);
    out
}

struct Found<'f> {
    start: usize,
    end: usize,
    form: &'f Form,
}

// All of them, overlapping ones too: by their beginning, the longest first.
fn all_matches<'f>(text: &[u8], forms: &[&'f Form]) -> Vec<Found<'f>> {
    let mut found = Vec::new();
    if forms.is_empty() {
        return found;
    }
    let all = NFA::builder()
        .match_kind(MatchKind::Standard)
        .build(forms.iter().map(|it| &it.bytes))
        .expect("the forms of secrets are fewer than an automaton holds");
    let matches = all
        .try_find_overlapping_iter(Input::new(text))
        .expect("a standard automaton finds what overlaps");
    for it in matches {
        found.push(Found {
            start: it.start(),
            end: it.end(),
            form: forms[it.pattern().as_usize()],
        });
    }
    found.sort_by_key(|it| (it.start, std::cmp::Reverse(it.end)));
    found
}

// Forms that stand one behind the other from `start` to `end`; `None` where they overlap otherwise.
fn tiles<'a, 'f>(found: &'a [Found<'f>], start: usize, end: usize) -> Option<Vec<&'a Found<'f>>> {
    let mut tiles = Vec::new();
    let mut at = start;
    while at < end {
        let next = found.iter().find(|it| it.start == at)?;
        at = next.end;
        tiles.push(next);
    }
    (at == end).then_some(tiles)
}

fn hole(name: &str, label: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(OPENING);
    let mut written = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') {
            written.push(char::from(byte));
        } else {
            let _ = write!(written, "%{byte:02X}");
        }
    }
    if label != RAW {
        let _ = write!(written, "|{label}");
    }
    out.extend_from_slice(written.as_bytes());
    out.push(b'}');
}

/// Returns the hole of what cannot be made again: all of a value that is kept nowhere.
pub fn lost_hole(name: &str) -> String {
    let mut out = Vec::new();
    hole(name, LOST, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Returns `text`, as it is stored, for people to see: a mask for each hole.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let opening = "{secret:";
    while let Some(found) = rest.find(opening) {
        out.push_str(&rest[..found]);
        rest = &rest[found + opening.len()..];
        if let Some(literal) = rest.strip_prefix(':') {
            out.push_str(opening);
            rest = literal;
        } else {
            out.push_str(MASK);
            rest = rest.split_once('}').map_or("", |it| it.1);
        }
    }
    out.push_str(rest);
    out
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    for found in memchr::memmem::find_iter(text, OPENING) {
        out.extend_from_slice(&text[at..found]);
        out.extend_from_slice(OPENING);
        out.push(b':');
        at = found + OPENING.len();
    }
    out.extend_from_slice(&text[at..]);
}

/// Returns `text` with its holes filled: `lookup` gives the value of a secret.
///
/// # Errors
/// A secret that is not there, or a form that cannot be made again.
pub fn refill(text: &[u8], lookup: impl Fn(&str) -> Option<String>) -> Result<Vec<u8>, Lost> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = memchr::memmem::find(rest, OPENING) {
        out.extend_from_slice(&rest[..found]);
        rest = &rest[found + OPENING.len()..];
        if let Some(literal) = rest.strip_prefix(b":") {
            out.extend_from_slice(OPENING);
            rest = literal;
            continue;
        }
        let end = memchr::memchr(b'}', rest).unwrap_or(rest.len());
        let inner = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = rest.get(end + 1..).unwrap_or_default();
        let (name, label) = inner.split_once('|').unwrap_or((&inner, RAW));
        let name = unescaped(name);
        let forms = lookup(&name).map(|value| disguises(&value));
        let form = forms.and_then(|forms| forms.into_iter().find(|it| it.label == label));
        match form {
            Some(form) => out.extend_from_slice(&form.bytes),
            None => return Err(Lost { name }),
        }
    }
    out.extend_from_slice(rest);
    Ok(out)
}

fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|it| std::str::from_utf8(it).ok());
        if let Some(byte) = digits.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored(text: &str, secrets: &[(&str, &str)]) -> String {
        let secrets: Vec<Named> = secrets.iter().map(|(n, v)| Named::new(n, v)).collect();
        String::from_utf8(holes(text.as_bytes(), &forms(&secrets))).unwrap()
    }

    fn filled(text: &str, secrets: &[(&str, &str)]) -> Result<String, String> {
        let lookup = |name: &str| {
            let found = secrets.iter().find(|it| it.0 == name);
            found.map(|it| it.1.to_owned())
        };
        refill(text.as_bytes(), lookup)
            .map(|it| String::from_utf8(it).unwrap())
            .map_err(|it| it.name)
    }

    const SECRETS: &[(&str, &str)] = &[("DB", "hunter2hunter2"), ("your pass", "open sesame!")];

    fn check(text: &str, wanted: &str) {
        assert_eq!(stored(text, SECRETS), wanted);
        assert_eq!(filled(wanted, SECRETS).as_deref(), Ok(text));
    }

    #[test]
    fn a_value_has_a_hole_where_a_secret_stood() {
        check("nothing", "nothing");
        check("x=hunter2hunter2;", "x={secret:DB};");
        check("hunter2hunter2hunter2hunter2", "{secret:DB}{secret:DB}");
        check("a open sesame! b", "a {secret:your%20pass} b");
        check(
            "open%20sesame%21",
            "{secret:your%20pass|url.strict.percent.upper}",
        );
        check(
            "Basic aHVudGVyMmh1bnRlcjI=",
            "Basic {secret:DB|base64.0.padded}",
        );
    }

    #[test]
    fn what_only_looks_like_a_hole_stays_what_it_is() {
        check("{secret:DB}", "{secret::DB}");
        check("{secret::{secret:", "{secret:::{secret::");
    }

    #[test]
    fn a_secret_that_is_not_there_is_named() {
        let stored = stored("hunter2hunter2", SECRETS);
        assert_eq!(filled(&stored, &[]), Err("DB".to_owned()));
        assert_eq!(filled("{secret:DB|lost}", SECRETS), Err("DB".to_owned()));
        assert_eq!(filled("{secret:DB", &[]), Err("DB".to_owned()));
    }

    #[test]
    fn what_is_shown_of_a_stored_value_has_masks_for_its_holes() {
        for (text, wanted) in [
            ("a", "a"),
            ("x={secret:DB};{secret:your%20pass|base64.0}", "x=***;***"),
            ("{secret::DB}", "{secret:DB}"),
            ("{secret:DB", "***"),
        ] {
            assert_eq!(shown(text), wanted);
        }
        assert_eq!(shown(&lost_hole("a b")), MASK);
        assert_eq!(filled(&lost_hole("DB"), SECRETS), Err("DB".to_owned()));
    }

    #[test]
    fn secrets_that_overlap_leave_nothing_and_are_lost() {
        let secrets = [("A", "abcdefgh"), ("B", "efghijkl")];
        let stored = stored("abcdefghijkl", &secrets);
        assert_eq!(stored, "{secret:A|lost}");
        assert_eq!(filled(&stored, &secrets), Err("A".to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_filled_again_is_what_it_was(
            values in proptest::collection::vec("[ -~é\n]{3,12}", 1..4),
            parts in proptest::collection::vec(
                prop_oneof![
                    "[ -~]{0,8}".prop_map(Err),
                    Just(Err("{secret:".to_owned())),
                    (any::<proptest::sample::Index>(), any::<proptest::sample::Index>()).prop_map(Ok),
                ], 0..6),
        ) {
            let secrets: Vec<Named> = values.iter().enumerate()
                .map(|(at, it)| Named::new(&format!("S {at}"), it)).collect();
            let mut text = Vec::new();
            for part in parts {
                match part {
                    Err(plain) => text.extend(plain.bytes()),
                    Ok((secret, form)) => {
                        let forms = disguises(&values[secret.index(values.len())]);
                        text.extend(&forms[form.index(forms.len())].bytes);
                    }
                }
            }
            let stored = holes(&text, &forms(&secrets));
            let lookup = |name: &str| secrets.iter().find(|it| it.name == name).map(|it| it.value.clone());
            if let Ok(again) = refill(&stored, lookup) {
                prop_assert_eq!(again, text);
            } else {
                // Only what overlaps is lost.
                let lost = memchr::memmem::find(&stored, b"|lost}");
                prop_assert!(lost.is_some());
            }
            // Outside its holes the stored text has no secret left.
            let mut plain = Vec::new();
            let mut rest = stored.as_slice();
            while let Some(at) = memchr::memmem::find(rest, OPENING) {
                plain.push(&rest[..at]);
                rest = &rest[at + OPENING.len()..];
                if rest.first() != Some(&b':') {
                    let end = memchr::memchr(b'}', rest).unwrap();
                    rest = &rest[end + 1..];
                }
            }
            plain.push(rest);
            for secret in secrets.iter().filter(|it| !it.value.contains(['{', ':', 's'])) {
                for piece in &plain {
                    prop_assert!(memchr::memmem::find(piece, secret.value.as_bytes()).is_none());
                }
            }
        }
    }
}
