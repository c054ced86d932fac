//! What a step gives to later steps: what it printed, trimmed, and what it wrote into
//! `$RUNBOOK_OUTPUT`. In bounded memory; what is wrong is said without a word of what was written, for
//! that may be a secret.
//!
//! The file holds a value a line, `name=value`, or one of several lines:
//!
//! ```text
//! name<<END
//! one
//! two
//! END
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use crate::event::AttemptExited;
use crate::model::{LARGEST_VALUE, unfit_name};
use crate::redact::{Detector, LEAST, Named, Texts, is_short, lost_hole};

use super::protocol::{Gives, Launch};

/// The most bytes that a step writes into `$RUNBOOK_OUTPUT`.
const LARGEST_FILE: u64 = 1 << 20;
/// The most values of one step.
const MOST: usize = 256;

/// What a step prints, as far as it can become a value.
#[derive(Debug, Default)]
pub(super) struct Printed {
    bytes: Vec<u8>,
    is_too_large: bool,
}

impl Printed {
    /// Takes what was printed next. White space before it and, once it is as large as it may be, behind
    /// it takes no room.
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        if self.is_too_large {
            return;
        }
        if self.bytes.is_empty() {
            bytes = bytes.trim_ascii_start();
        }
        let room = LARGEST_VALUE.saturating_sub(self.bytes.len());
        let (fits, rest) = bytes.split_at(room.min(bytes.len()));
        self.bytes.extend_from_slice(fits);
        if !rest.trim_ascii().is_empty() {
            self.is_too_large = true;
            self.bytes = Vec::new();
        }
    }

    fn value(self) -> Result<String, String> {
        if self.is_too_large {
            return Err(format!(
                "what it prints is too large for a value: more than {LARGEST_VALUE} bytes; write it to \
                 a file and print the path of that"
            ));
        }
        let text = String::from_utf8(self.bytes)
            .map_err(|_| "what it prints is no value: it is not UTF-8".to_owned())?;
        if text.contains('\0') {
            return Err("what it prints is no value: it holds a NUL".to_owned());
        }
        Ok(text.trim().to_owned())
    }
}

/// What a step gives: as it is, or why it gives nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    values: BTreeMap<String, String>,
    unfit: Option<String>,
}

/// Returns what the step of `launch` gives.
pub(super) fn given(launch: &Launch, printed: Printed, output: OwnedFd) -> Given {
    let Some(gives) = &launch.gives else {
        return Given::default();
    };
    let mut given = Given::default();
    match bytes_of(output).and_then(|bytes| read(&bytes, gives)) {
        Ok(values) => given.values = values,
        Err(because) => given.unfit = Some(because),
    }
    if let Some(name) = &gives.capture {
        match printed.value() {
            Ok(value) => drop(given.values.insert(name.clone(), value)),
            Err(because) => given.unfit = Some(because),
        }
    }
    if gives.secret && given.unfit.is_none() {
        given.unfit = given.values.iter().find_map(|(name, value)| {
            let may_be_short = gives.short && gives.capture.as_ref() == Some(name);
            if value.is_empty() {
                Some(format!("the secret `{name}` that it gives is empty"))
            } else if is_short(value) && !may_be_short {
                Some(format!(
                    "the secret `{name}` that it gives has fewer than {LEAST} characters: it would be \
                     found everywhere by chance; let it be longer, or no secret"
                ))
            } else {
                None
            }
        });
    }
    given
}

impl Given {
    /// Returns the secrets among what is given, by the names that holes give them; those of a step that
    /// failed too, for its own record may hold them.
    pub(super) fn secrets(&self, launch: &Launch) -> Vec<Named> {
        let Some(gives) = launch.gives.as_ref().filter(|it| it.secret) else {
            return Vec::new();
        };
        let values = self.values.iter().filter(|(_, value)| !value.is_empty());
        values
            .map(|(name, value)| Named::new(&gives.secret_name(&launch.step, name), value))
            .collect()
    }

    /// Writes what is given into the record of the attempt, with holes where a secret stands. Returns
    /// the values that the record does not hold whole.
    pub(super) fn record(
        self,
        launch: &Launch,
        secrets: &Texts,
        exited: &mut AttemptExited,
    ) -> Vec<Named> {
        if self.unfit.is_some() {
            exited.unfit = self.unfit;
            return Vec::new();
        }
        let mut live = Vec::new();
        let is_secret = launch.gives.as_ref().is_some_and(|it| it.secret);
        for (name, value) in self.values {
            let stored = secrets.holes(value.as_bytes());
            let mut stored = String::from_utf8_lossy(&stored).into_owned();
            if !is_secret && let Some(what) = suspicious(&stored) {
                exited.remarks.push(format!(
                    "the value `{name}` looks like a secret ({what}): it is not stored; `secret` on the \
                     step says that it is one"
                ));
                stored = lost_hole(&format!("{}.{name}", launch.step));
            }
            if stored != value {
                live.push(Named::new(&name, &value));
            }
            exited.values.insert(name, stored);
        }
        live
    }
}

// What nobody declared as a secret and looks like one.
fn suspicious(text: &str) -> Option<&'static str> {
    let mut detector = Detector::default();
    let mut out = Vec::new();
    detector.feed(text.as_bytes(), &mut out);
    detector.finish(&mut out);
    detector.found().keys().next().copied()
}

fn bytes_of(output: OwnedFd) -> Result<Vec<u8>, String> {
    let unread = |error: std::io::Error| format!("`$RUNBOOK_OUTPUT` cannot be read: {error}");
    let file = File::from(output);
    let length = file.metadata().map_err(unread)?.len();
    if length > LARGEST_FILE {
        return Err(format!(
            "it wrote {length} bytes into `$RUNBOOK_OUTPUT`, which takes {LARGEST_FILE}; write them to a \
             file and give its path"
        ));
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, 0).map_err(unread)?;
    Ok(bytes)
}

/// Reads what a step wrote into `$RUNBOOK_OUTPUT`. Of a name that stands twice the last counts.
fn read(bytes: &[u8], gives: &Gives) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::new();
    let mut lines = (1_usize..).zip(bytes.split(|byte| *byte == b'\n'));
    while let Some((number, line)) = lines.next() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |what: &str| Err(format!("line {number} of `$RUNBOOK_OUTPUT` {what}"));
        let equals = memchr::memchr(b'=', line);
        let opening = memchr::memmem::find(line, b"<<");
        let (name, value) = match (equals, opening) {
            (equals, Some(at)) if equals.is_none_or(|equals| at < equals) => {
                let end = &line[at + 2..];
                if end.is_empty() {
                    return wrong("names no end after `<<`");
                }
                let mut parts: Vec<&[u8]> = Vec::new();
                loop {
                    let Some((_, part)) = lines.next() else {
                        return wrong("opens a value whose end does not come");
                    };
                    let part = part.strip_suffix(b"\r").unwrap_or(part);
                    if part == end {
                        break;
                    }
                    parts.push(part);
                }
                (&line[..at], parts.join(&b'\n'))
            }
            (Some(at), _) => (&line[..at], line[at + 1..].to_vec()),
            (None, _) => return wrong("is neither `name=value` nor `name<<END`"),
        };
        let Ok(name) = std::str::from_utf8(name) else {
            return wrong("begins with what is no name: it is not UTF-8");
        };
        if let Some(because) = unfit_name(name) {
            return wrong(&format!("begins with what is no name: {because}"));
        }
        if let Some(what) = gives.taken.get(name) {
            return wrong(&format!(
                "gives `{name}`, which is {what}: take another name"
            ));
        }
        if value.len() > LARGEST_VALUE {
            return wrong(&format!(
                "gives `{name}` more than {LARGEST_VALUE} bytes; write them to a file and give its path"
            ));
        }
        let Ok(value) = String::from_utf8(value) else {
            return wrong(&format!("gives `{name}` what is not UTF-8"));
        };
        if value.contains('\0') {
            return wrong(&format!("gives `{name}` a NUL"));
        }
        values.insert(name.to_owned(), value);
        if values.len() > MOST {
            return wrong(&format!(
                "is the value after the {MOST} that a step may give"
            ));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &[u8]) -> String {
        let taken = [("version".to_owned(), "an input".to_owned())];
        let gives = Gives {
            taken: taken.into(),
            ..Gives::default()
        };
        match read(text, &gives) {
            Ok(values) => format!("{values:?}"),
            Err(because) => because,
        }
    }

    #[test]
    fn lines_and_values_of_several_lines_are_read_and_what_is_wrong_has_its_line() {
        let large = format!("k={}\n", "x".repeat(LARGEST_VALUE + 1));
        let many: Vec<String> = (0..=MOST).map(|it| format!("k{it}=\n")).collect();
        let many = many.concat();
        let texts: [&[u8]; 21] = [
            b"",
            b"a=1\nb= two words =\n\nc=",
            b"a=1\r\na<<E\r\nx\r\nE\r\n",
            b"a<<EOF\none\n\n two = 2\nEOF\nb=3\n",
            b"a<<E\nE\n",
            b"a=x<<y\nb<<c=d\nin\nc=d\n",
            b"a=1\na=2\n",
            b"a={secret:DB}\n",
            b"ok=1\nno value here\n",
            b"a<<\nx\n",
            b"a=1\nb<<END\nx\n",
            b"=1\n",
            b"a b=1\n",
            b"PATH=/tmp\n",
            b"RUNBOOK_X=1\n",
            b"version=2\n",
            b"a=\xff\n",
            b"\xff=a\n",
            b"a=\0\n",
            large.as_bytes(),
            many.as_bytes(),
        ];
        let told: Vec<String> = texts.into_iter().map(check).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        {}
        {"a": "1", "b": " two words =", "c": ""}
        {"a": "x"}
        {"a": "one\n\n two = 2", "b": "3"}
        {"a": ""}
        {"a": "x<<y", "b": "in"}
        {"a": "2"}
        {"a": "{secret:DB}"}
        line 2 of `$RUNBOOK_OUTPUT` is neither `name=value` nor `name<<END`
        line 1 of `$RUNBOOK_OUTPUT` names no end after `<<`
        line 2 of `$RUNBOOK_OUTPUT` opens a value whose end does not come
        line 1 of `$RUNBOOK_OUTPUT` begins with what is no name: a name is made of letters from a to z, digits and `_`, no digit first
        line 1 of `$RUNBOOK_OUTPUT` begins with what is no name: a name is made of letters from a to z, digits and `_`, no digit first
        line 1 of `$RUNBOOK_OUTPUT` begins with what is no name: it is a variable that steers programs
        line 1 of `$RUNBOOK_OUTPUT` begins with what is no name: names that begin with `RUNBOOK_` are this program's
        line 1 of `$RUNBOOK_OUTPUT` gives `version`, which is an input: take another name
        line 1 of `$RUNBOOK_OUTPUT` gives `a` what is not UTF-8
        line 1 of `$RUNBOOK_OUTPUT` begins with what is no name: it is not UTF-8
        line 1 of `$RUNBOOK_OUTPUT` gives `a` a NUL
        line 1 of `$RUNBOOK_OUTPUT` gives `k` more than 65536 bytes; write them to a file and give its path
        line 257 of `$RUNBOOK_OUTPUT` is the value after the 256 that a step may give
        "#);
    }

    #[test]
    fn what_is_printed_is_trimmed_and_never_held_beyond_what_a_value_takes() {
        let check = |parts: &[&[u8]]| {
            let mut printed = Printed::default();
            for part in parts {
                printed.add(part);
                assert!(printed.bytes.capacity() <= 2 * LARGEST_VALUE);
            }
            printed.value()
        };
        let whole = vec![b'x'; LARGEST_VALUE];
        assert_eq!(check(&[b" \n", b"\t a", b" b\n", b"\n"]).unwrap(), "a b");
        assert_eq!(check(&[]).unwrap(), "");
        assert_eq!(check(&["é\u{a0}\n".as_bytes()]).unwrap(), "é");
        assert_eq!(
            check(&[&whole, b"\n\n", b" "]).unwrap().len(),
            LARGEST_VALUE
        );
        for (parts, because) in [
            (&[whole.as_slice(), b"\nx"][..], "too large"),
            (&[b"a\xff"], "not UTF-8"),
            (&[b"a\0b"], "a NUL"),
        ] {
            let told = check(parts).unwrap_err();
            assert!(told.contains(because), "{told}");
        }
    }

    fn written(values: &[(String, String)]) -> String {
        let lines = values.iter().map(|(name, value)| {
            if value.contains('\n') {
                format!("{name}<<_END_\n{value}\n_END_\n")
            } else {
                format!("{name}={value}\n")
            }
        });
        lines.collect::<Vec<_>>().concat()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            values in proptest::collection::vec(("[a-z][a-z0-9_]{0,6}", "[ -~é]{0,12}(\n[ -~é=<]{0,8}){0,3}"), 0..6),
        ) {
            // A value of one line that ends in a carriage return is one that a CRLF ends.
            let wanted: BTreeMap<String, String> = values.iter().cloned().collect();
            prop_assert_eq!(read(written(&values).as_bytes(), &Gives::default()).unwrap(), wanted);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic_and_never_repeated(
            bytes in proptest::collection::vec(prop_oneof![
                any::<u8>(), Just(b'\n'), Just(b'='), Just(b'<'), Just(b'a'), Just(b'E'),
            ], 0..120),
        ) {
            if let Err(because) = read(&bytes, &Gives::default()) {
                prop_assert!(because.starts_with("line "), "{}", because);
            }
        }
    }
}
