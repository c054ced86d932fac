//! Masks in a stream what looks like a secret, though nobody declared it. Lines without a word of any
//! rule pass as they are; the others are looked at by the rules of their words.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};
use regex::bytes::Regex;

use super::{MASK, rules};

/// Of a line no more is looked at together than this, from the first word of a rule on.
const WINDOW: usize = 16 << 10;
/// So much before the word of a rule may belong to what the rule finds.
const BEFORE: usize = 64;
/// A piece of a stream that is worth a look of its own before it is copied.
const LARGE: usize = 4 << 10;
/// A private key has no more lines than this, and the first is no shorter than this.
const KEY_LINES: usize = 400;
const KEY_WIDTH: usize = 40;

struct Words {
    search: AhoCorasick,
    all: Vec<(&'static str, Vec<usize>)>,
    longest: usize,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let all = rules::words();
    Words {
        search: AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            // A table of all states would be a tenth of the keeper's memory.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(all.iter().map(|it| it.0))
            .expect("our words are few"),
        longest: all.iter().map(|it| it.0.len()).max().unwrap_or_default(),
        all,
    }
});

// Nothing of a value yet: `Password:`, `token="`.
static PROMPT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)^[\w.\-"'`*]*(?:pass(?:word|wd|phrase|wort)|kennwort|contrase|pwd|clave|senha|secret|token|key)[\w"'`*]*[:=]["'`*]{0,8}$"#,
    )
    .expect("a pattern of ours compiles")
});

/// Looks at one stream.
#[derive(Default)]
pub struct Detector {
    // The end of the line so far. The first `written` bytes are only there to be looked at.
    line: Vec<u8>,
    written: usize,
    // Inside a private key: its lines so far.
    key: Option<Key>,
    found: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Copy, Default)]
struct Key {
    lines: usize,
    // What stands before each of its lines, in bytes: another program's prefix.
    margin: usize,
}

impl Detector {
    /// Takes the next bytes of the stream and adds to `out` what is certain by now.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if self.line.is_empty() && self.key.is_none() {
            self.look(chunk, false, out);
        } else {
            let mut line = std::mem::take(&mut self.line);
            let edge = chunk.len().min(WORDS.longest);
            line.extend_from_slice(&chunk[..edge]);
            let has_word = |text: &[u8]| WORDS.search.is_match(text);
            if chunk.len() >= LARGE && self.key.is_none() && !has_word(&line) && !has_word(chunk) {
                // Most of what is much is not even copied.
                out.extend_from_slice(&line[self.written..line.len() - edge]);
                self.written = 0;
                return self.rest(chunk, 0, 0, false, out);
            }
            line.extend_from_slice(&chunk[edge..]);
            self.look(&line, false, out);
        }
    }

    /// Ends the stream: adds to `out` what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        self.look(&line, true, out);
        self.line.clear();
        self.written = 0;
    }

    /// Returns what was masked, and how often.
    pub fn found(&self) -> &BTreeMap<&'static str, u64> {
        &self.found
    }

    // Looks at `text`: what is left of the line before, and what came. Keeps the rest.
    fn look(&mut self, text: &[u8], is_last: bool, out: &mut Vec<u8>) {
        let mut at = 0;
        let mut from = 0;
        loop {
            if self.key.is_some() {
                let Some(end) = end_of_line(text, at, is_last) else {
                    return self.keep(&text[at..], self.written.saturating_sub(at));
                };
                self.key_line(&text[at..end], self.written.saturating_sub(at), out);
                self.written = self.written.max(end);
                (at, from) = (end, end);
                if at == text.len() {
                    return self.keep(&[], 0);
                }
                continue;
            }
            let Some(hit) = WORDS.search.find(Input::new(text).range(from..)) else {
                break;
            };
            let begin = memchr::memrchr(b'\n', &text[at..hit.start()]).map_or(at, |it| at + it + 1);
            let begin = begin.max(hit.start().saturating_sub(BEFORE));
            let most = begin + WINDOW;
            let line_end = memchr::memchr(b'\n', &text[hit.end()..]).map(|it| hit.end() + it + 1);
            let end = match line_end {
                Some(end) => end.min(most),
                None if text.len() >= most => most,
                None if is_last => text.len(),
                None => {
                    self.pass(text, begin, out);
                    return self.partial(&text[begin..], self.written - begin, out);
                }
            };
            self.pass(text, begin, out);
            self.whole(&text[begin..end], self.written - begin, out);
            self.written = end;
            (at, from) = (end, end);
        }
        self.rest(text, at, from, is_last, out);
    }

    // From `at` on there is no word: writes all but what could be the beginning of one, and keeps
    // what a rule may want to see of the line before it.
    fn rest(&mut self, text: &[u8], at: usize, from: usize, is_last: bool, out: &mut Vec<u8>) {
        let hold = if is_last {
            text.len()
        } else {
            beginning(text, from)
        };
        self.pass(text, hold, out);
        let before = hold.saturating_sub(BEFORE).max(at);
        let line = memchr::memrchr(b'\n', &text[before..hold]);
        let keep = line.map_or(before, |it| before + it + 1);
        self.keep(&text[keep..], self.written - keep);
    }

    fn keep(&mut self, rest: &[u8], written: usize) {
        self.line.clear();
        self.line.extend_from_slice(rest);
        self.written = written;
    }

    // Writes `text` up to `end`, as far as it is not written yet.
    fn pass(&mut self, text: &[u8], end: usize, out: &mut Vec<u8>) {
        if end > self.written {
            out.extend_from_slice(&text[self.written..end]);
            self.written = end;
        }
    }

    // A line from the word of a rule on, to its end; `written` bytes of it are written already.
    fn whole(&mut self, line: &[u8], written: usize, out: &mut Vec<u8>) {
        self.mask(line, written, line.len(), out);
        if begins_key(line) {
            self.key = Some(Key::default());
        }
    }

    // A line that goes on: all is written but its last word, which may be the beginning of a value.
    fn partial(&mut self, line: &[u8], written: usize, out: &mut Vec<u8>) {
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        let last = line.iter().rposition(blank).map_or(0, |it| it + 1);
        let hold = if PROMPT.is_match(&line[last..]) {
            line.len()
        } else {
            last
        };
        let hold = hold.max(written);
        self.mask(&line[..hold], written, hold, out);
        self.keep(line, hold);
    }

    fn mask(&mut self, line: &[u8], written: usize, end: usize, out: &mut Vec<u8>) {
        let mut wanted = 0_u64;
        let mut from = 0;
        while let Some(hit) = WORDS.search.find(Input::new(line).range(from..)) {
            for rule in &WORDS.all[hit.pattern().as_usize()].1 {
                wanted |= 1 << rule;
            }
            // One word may stand in another.
            from = hit.start() + 1;
        }
        let mut found = rules::look(line, |rule| wanted & (1 << rule) != 0);
        found.sort_by_key(|it| it.range.start);
        let mut at = written;
        for suspect in found.iter().filter(|it| it.range.start >= written) {
            if suspect.range.start < at {
                continue;
            }
            out.extend_from_slice(&line[at..suspect.range.start]);
            out.extend_from_slice(MASK.as_bytes());
            at = whole_value(line, suspect.range.end);
            *self.found.entry(suspect.what).or_default() += 1;
        }
        out.extend_from_slice(&line[at..end]);
    }

    // A line that may be one of a private key: its last word is masked.
    fn key_line(&mut self, line: &[u8], written: usize, out: &mut Vec<u8>) {
        let key = self.key.unwrap_or_default();
        let text = line.trim_ascii_end();
        let blank = text.iter().rposition(u8::is_ascii_whitespace);
        let margin = blank.map_or(0, |it| it + 1);
        let value = &text[margin..];
        let is_digit = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/' | b'=');
        let is_first = key.lines == 0;
        let is_like_it = if is_first {
            value.len() >= KEY_WIDTH
        } else {
            !value.is_empty() && margin == key.margin
        };
        if is_like_it && value.iter().all(is_digit) && written <= margin {
            out.extend_from_slice(&line[written..margin]);
            out.extend_from_slice(MASK.as_bytes());
            out.extend_from_slice(&line[text.len()..]);
            if is_first {
                *self.found.entry("a private key").or_default() += 1;
            }
            let lines = key.lines + 1;
            self.key = (lines < KEY_LINES).then_some(Key { lines, margin });
            return;
        }
        let is_header = text.is_empty() || memchr::memchr(b':', text).is_some();
        if !(is_first && is_header) {
            self.key = None;
        }
        self.mask(line, written, line.len(), out);
    }
}

// A shell's `&` and `|` end a value in a document; in output they may be part of it.
fn whole_value(line: &[u8], end: usize) -> usize {
    if !matches!(line.get(end), Some(b'&' | b'|')) {
        return end;
    }
    let ends = |it: &u8| it.is_ascii_whitespace() || b"\"'`,;".contains(it);
    let rest = line[end..].iter().position(ends);
    rest.map_or(line.len(), |it| end + it)
}

// Whether the lines of a private key follow this line.
fn begins_key(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    memchr::memmem::find(line, b"-----BEGIN ").is_some() && line.ends_with(b"PRIVATE KEY-----")
}

// Where the line that begins at `at` ends, its line break included; `None` where it goes on.
fn end_of_line(text: &[u8], at: usize, is_last: bool) -> Option<usize> {
    let line = &text[at..];
    match memchr::memchr(b'\n', line) {
        Some(end) if end < WINDOW => Some(at + end + 1),
        _ if line.len() >= WINDOW => Some(at + WINDOW),
        _ => (is_last && !line.is_empty()).then_some(text.len()),
    }
}

// Where the end of `text` could be the beginning of a word; the end where it cannot.
fn beginning(text: &[u8], from: usize) -> usize {
    let first = (text.len() + 1).saturating_sub(WORDS.longest).max(from);
    let begins = |at: &usize| {
        let rest = &text[*at..];
        WORDS
            .all
            .iter()
            .any(|(word, _)| word.as_bytes().starts_with(rest))
    };
    (first..text.len()).find(begins).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Vec<u8>, BTreeMap<&'static str, u64>) {
        let mut detector = Detector::default();
        let mut out = Vec::new();
        for piece in pieces {
            detector.feed(piece, &mut out);
            assert!(detector.line.len() <= WINDOW + BEFORE);
        }
        detector.finish(&mut out);
        (out, detector.found)
    }

    // The same whatever the pieces; returns what is left and what was found.
    fn masked(text: &str) -> String {
        let whole = seen([text.as_bytes()]);
        let shown = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        for at in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            let parts = seen([first, second]);
            assert_eq!(shown(&parts.0), shown(&whole.0), "at {at}");
            assert_eq!(parts.1, whole.1);
        }
        assert_eq!(seen(text.as_bytes().chunks(1)), whole);
        let found: Vec<String> = whole
            .1
            .iter()
            .map(|(what, n)| format!("{n} {what}"))
            .collect();
        format!("{} | {}", shown(&whole.0), found.join(", "))
    }

    #[test]
    fn what_nobody_declared_is_masked() {
        let long = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
        for (text, wanted) in [
            ("password=hunter2", "password=*** | 1 a password"),
            (
                "x\nDB_PASSWORD: Tr0ub4dor&3\ny",
                "x\nDB_PASSWORD: ***\ny | 1 a password",
            ),
            (
                "{\"password\":\"admin1234\",\"a\":1}",
                "{\"password\":\"***\",\"a\":1} | 1 a password",
            ),
            (
                "GET https://app:s3cr3tly@db/app ok",
                "GET https://app:***@db/app ok | 1 a password",
            ),
            (
                "+ curl -u admin:qwerty99 https://x",
                "+ curl -u admin:*** https://x | 1 a password",
            ),
            (
                "Authorization: Bearer 0a1b2c3d4e5f6a7b8c9d\n",
                "Authorization: Bearer ***\n | 1 a token",
            ),
            ("key AKIA2E3VJX7QJ4ABCDEF!", "key ***! | 1 an AWS key"),
            ("API_KEY=9f8e7d6c5b4a39281706", "API_KEY=*** | 1 a token"),
            (&format!("a ghp_{long} b"), "a *** b | 1 a GitHub token"),
            (
                &format!("glpat-{long} xoxb-1-abcdefghij"),
                "*** *** | 1 a GitLab token, 1 a Slack token",
            ),
            (
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w",
                "*** | 1 a JSON web token",
            ),
            (
                "--db-password kk99zz -v",
                "--db-password *** -v | 1 a password",
            ),
            (
                "password=ab12 password=cd34",
                "password=*** password=*** | 2 a password",
            ),
        ] {
            assert_eq!(masked(text), wanted);
        }
    }

    #[test]
    fn the_words_are_few_enough_for_the_fast_search() {
        assert!(WORDS.all.len() <= 64, "{}", WORDS.all.len());
    }

    #[test]
    fn a_private_key_is_masked_line_by_line() {
        let line = "MIIEowIBAAKCAQEA7bq3hZ8Jm0Zk1q2w3e4r5t6y7u8i9o0pabcdefgh";
        let text = format!(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{line}\n{line}\nabcd==\n-----END RSA PRIVATE KEY-----\nand on\n"
        );
        assert_eq!(
            masked(&text),
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n***\n***\n***\n-----END RSA PRIVATE KEY-----\nand on\n | 1 a private key"
        );
        let one = format!("{{\"key\":\"-----BEGIN PRIVATE KEY-----\\n{line}\\n-----END\"}}");
        assert!(
            masked(&one).starts_with("{\"key\":\"-----BEGIN PRIVATE KEY-----\\n***-----END"),
            "{}",
            masked(&one)
        );
        let prefixed = format!("app | -----BEGIN PRIVATE KEY-----\napp | {line}\nno key at all\n");
        assert_eq!(
            masked(&prefixed),
            "app | -----BEGIN PRIVATE KEY-----\napp | ***\nno key at all\n | 1 a private key"
        );
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "Password: ",
            "password=$VAR",
            "password=***",
            "token: null",
            "Enter passphrase for key '/root/.ssh/id_rsa': ",
            "your_token=xxxx",
            "https://example.org/a:b@c",
            "monkey: banana keyword=1",
            "-----BEGIN CERTIFICATE-----\nMIIEowIBAAKCAQEA7bq3hZ8Jm0Zk1q2w3e4r5t6y7u8i9o0pabcdefgh\n",
            "the -----BEGIN PRIVATE KEY-----\nis a line\nof a file\n",
        ] {
            assert_eq!(masked(text), format!("{text} | "));
        }
    }

    #[test]
    fn a_prompt_appears_at_once_and_what_is_typed_behind_it_is_masked() {
        let mut detector = Detector::default();
        for (piece, wanted) in [
            ("Password: ", "Password: "),
            ("hunt", ""),
            ("er22\n", "***\n"),
            ("token=", "token="),
            ("\"9f8e7d6c5b4a", ""),
            ("39281706\"\n", "\"***\"\n"),
            ("Progress 10%", "Progress 10%"),
            ("\rPassword:", "\rPassword:"),
        ] {
            let mut out = Vec::new();
            detector.feed(piece.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), wanted, "{piece}");
        }
    }

    #[test]
    fn a_secret_across_large_pieces_is_masked_as_in_one() {
        for before in LARGE - 30..LARGE + 30 {
            let filler = "z".repeat(before);
            let text = format!("{filler} password=hunter2 {}\n", "y".repeat(2 * LARGE));
            let whole = seen([text.as_bytes()]);
            assert_eq!(whole.1.len(), 1);
            assert_eq!(seen(text.as_bytes().chunks(LARGE)), whole, "{before}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_looked_at_by_windows() {
        let mut text = "token ".repeat(20_000);
        text.push_str("password=hunter2 ");
        text.push_str(&"y".repeat(3 * WINDOW));
        let whole = seen([text.as_bytes()]);
        assert_eq!(seen(text.as_bytes().chunks(1000)), whole);
        assert_eq!(whole.0.len(), text.len() - 4);
    }

    proptest! {
        #[test]
        fn any_stream_is_the_same_in_any_pieces(
            text in "(password|Token|sk-|ghp_|eyJ|://|a1b2c3d4|@|:|=|\"| |\n|\r|-----BEGIN PRIVATE KEY-----|[ -~é]){0,24}",
        ) {
            masked(&text);
        }
    }
}
