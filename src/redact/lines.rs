//! Masks the lines that hold a short secret: from the first place in the line where one could begin
//! to the line's end. What stands before is no part of any, and is written at once.

use aho_corasick::AhoCorasick;

use super::disguise::disguises;
use super::{MASK, Named};

/// A line is not held back longer than this; what comes behind is looked at for itself.
const WINDOW: usize = 64 << 10;

/// Masks lines of one stream.
pub(super) struct Lines {
    patterns: AhoCorasick,
    longest: usize,
    begins: [bool; 256],
    held: Vec<u8>,
    // The rest of this line is masked.
    is_masked: bool,
    pub(super) count: u64,
}

impl Lines {
    /// Returns a masker for the short ones of these secrets; `None` where there is none.
    pub(super) fn new(secrets: &[Named]) -> Option<Self> {
        let all: Vec<Vec<u8>> = secrets
            .iter()
            .filter(|it| it.short)
            .flat_map(|it| disguises(&it.value))
            .map(|it| it.bytes)
            .collect();
        let longest = all.iter().map(Vec::len).max()?;
        let mut begins = [false; 256];
        for first in all.iter().filter_map(|it| it.first()) {
            begins[usize::from(*first)] = true;
        }
        Some(Self {
            patterns: AhoCorasick::new(&all)
                .expect("the forms of secrets are fewer than an automaton holds"),
            longest,
            begins,
            held: Vec::new(),
            is_masked: false,
            count: 0,
        })
    }

    pub(super) fn feed(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) {
        while !chunk.is_empty() {
            let end = memchr::memchr(b'\n', chunk);
            let (line, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
            self.part(line, out);
            chunk = rest;
            if end.is_some() {
                self.end(out);
                self.is_masked = false;
                out.push(b'\n');
                chunk = &rest[1..];
            }
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.end(out);
    }

    fn part(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if self.is_masked {
            return;
        }
        let begins = |byte: &u8| self.begins[usize::from(*byte)];
        let start = match line.iter().position(begins) {
            _ if !self.held.is_empty() => 0,
            Some(start) => start,
            None => line.len(),
        };
        out.extend_from_slice(&line[..start]);
        self.held.extend_from_slice(&line[start..]);
        if self.held.len() > WINDOW && !self.look(out) {
            let done = self.held.len() - (self.longest - 1).min(self.held.len());
            out.extend(self.held.drain(..done));
        }
    }

    // Masks what is held, and the rest of the line, if a secret stands in it.
    fn look(&mut self, out: &mut Vec<u8>) -> bool {
        let found = self.patterns.is_match(&self.held);
        if found {
            self.held.clear();
            out.extend_from_slice(MASK.as_bytes());
            self.count += 1;
            self.is_masked = true;
        }
        found
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if !self.held.is_empty() && !self.look(out) {
            out.append(&mut self.held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &str) {
        let secrets = [Named::new("pin", "1234"), Named::new("word", "Zoë")];
        for size in 1..=text.len() {
            let mut lines = Lines::new(&secrets).unwrap();
            let mut out = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                lines.feed(piece, &mut out);
            }
            lines.finish(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), wanted, "by {size}");
        }
    }

    #[test]
    fn a_line_with_a_short_secret_is_masked_to_its_end() {
        check("no such\n", "no such\n");
        check("a\nPIN is 1234, thanks\nb", "a\nPIN is ***\nb");
        check("its code is 1234 today\nof 12", "its code is ***\nof 12");
        check("x 31 32 33\nq 31323334 x", "x 31 32 33\nq ***");
        check("q Zo%C3%AB!\n", "q ***\n");
        check("1234", "***");
    }

    #[test]
    fn a_prompt_without_a_first_byte_of_it_appears_at_once() {
        let mut lines = Lines::new(&[Named::new("pin", "7788")]).unwrap();
        let mut out = Vec::new();
        lines.feed(b"say it: ", &mut out);
        assert_eq!(out, b"say it: ");
    }

    #[test]
    fn a_line_longer_than_the_window_is_masked_from_where_the_secret_comes() {
        let mut lines = Lines::new(&[Named::new("pin", "7788")]).unwrap();
        let mut out = Vec::new();
        for _ in 0..3 {
            lines.feed(&vec![b'7'; WINDOW - 3], &mut out);
        }
        assert!(lines.held.len() <= 2 * WINDOW);
        lines.feed(b"7788 and more\nnext", &mut out);
        lines.finish(&mut out);
        let text = String::from_utf8_lossy(&out).into_owned();
        assert!(
            text.ends_with("7***\nnext") && !text.contains('8'),
            "{}",
            &text[text.len() - 20..]
        );
    }
}
