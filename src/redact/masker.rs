//! Masks secrets in a stream, whatever the pieces in which it comes.

use std::sync::Arc;

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{AhoCorasick, Anchored, MatchKind};

use super::disguise::disguises;
use super::{MASK, Named};

/// What is looked for: all forms of some secrets. Built once, used by many maskers.
pub struct Patterns {
    // Finds that there is none, fast.
    absence: AhoCorasick,
    // Finds all, overlapping ones too, byte by byte.
    all: NFA,
    longest: usize,
}

// What more patterns cost than they spare: to look which of them hold others is a square.
const FEW: usize = 300;

impl Patterns {
    /// Returns the patterns of those secrets that are long enough to be masked by themselves; `None`
    /// where that is none.
    pub fn new(secrets: &[Named]) -> Option<Self> {
        let mut all: Vec<Vec<u8>> = secrets
            .iter()
            .filter(|it| !it.short)
            .flat_map(|it| disguises(&it.value))
            .map(|it| it.bytes)
            .collect();
        all.sort();
        all.dedup();
        Self::of(&all)
    }

    pub(super) fn of(all: &[Vec<u8>]) -> Option<Self> {
        let longest = all.iter().map(Vec::len).max().filter(|it| *it > 0)?;
        // Where a pattern stands, what it holds stands too.
        let is_minimal = |it: &&Vec<u8>| {
            let holds = |other: &Vec<u8>| {
                other.len() < it.len() && memchr::memmem::find(it, other).is_some()
            };
            all.len() > FEW || !all.iter().any(holds)
        };
        let minimal: Vec<&Vec<u8>> = all.iter().filter(is_minimal).collect();
        Some(Self {
            absence: AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(minimal)
                .expect("the forms of secrets are fewer than an automaton holds"),
            all: NFA::builder()
                .match_kind(MatchKind::Standard)
                .build(all)
                .expect("the forms of secrets are fewer than an automaton holds"),
            longest,
        })
    }

    // Which bytes belong to a pattern, as ranges that neither overlap nor touch; `covered` bytes at
    // the beginning do anyway. And where the last pattern that is not over may begin.
    fn spans(&self, bytes: &[u8], covered: usize) -> (Vec<(usize, usize)>, usize) {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        if covered > 0 {
            spans.push((0, covered));
        }
        let hold = self.walk(bytes, 0, |mut start, mut end| {
            while let Some((first, last)) = spans.pop_if(|it| it.1 >= start) {
                (start, end) = (start.min(first), end.max(last));
            }
            spans.push((start, end));
        });
        (spans, hold)
    }

    // Walks the automaton from `from` on; returns the last place where it was at its start: no
    // pattern that is not over yet begins before.
    fn walk(&self, bytes: &[u8], from: usize, mut found: impl FnMut(usize, usize)) -> usize {
        let start = self
            .all
            .start_state(Anchored::No)
            .expect("the automaton searches everywhere");
        let mut state = start;
        let mut at_start = from;
        for (at, byte) in bytes.iter().enumerate().skip(from) {
            state = self.all.next_state(Anchored::No, state, *byte);
            if state == start {
                at_start = at + 1;
            } else if self.all.is_match(state) {
                let lengths = (0..self.all.match_len(state)).map(|index| {
                    let pattern = self.all.match_pattern(state, index);
                    self.all.pattern_len(pattern)
                });
                // The longest that ends here covers the others.
                let length = lengths.max().unwrap_or_default();
                found(at + 1 - length, at + 1);
            }
        }
        at_start.max(self.reach(bytes))
    }

    // What stands before cannot be part of a pattern that ends behind these bytes.
    fn reach(&self, bytes: &[u8]) -> usize {
        (bytes.len() + 1).saturating_sub(self.longest)
    }
}

/// Masks one stream. What could still become a secret is held back; never more than the longest
/// pattern.
pub struct Masker {
    patterns: Option<Arc<Patterns>>,
    held: Vec<u8>,
    // How much of what is held belongs to a mask that was written already.
    covered: usize,
    // Whether the last that was written is a mask: what touches it needs none of its own.
    is_behind_mask: bool,
    count: u64,
}

impl Masker {
    /// Returns a masker for these patterns; without any it changes nothing.
    pub fn new(patterns: Option<Arc<Patterns>>) -> Self {
        Self {
            patterns,
            held: Vec::new(),
            covered: 0,
            is_behind_mask: false,
            count: 0,
        }
    }

    /// Takes the next bytes of the stream and adds to `out` what is certain by now.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(patterns) = self.patterns.clone() else {
            out.extend_from_slice(chunk);
            return;
        };
        // Most is proved clean where it stands, and not copied.
        if self.held.is_empty() && !patterns.absence.is_match(chunk) {
            let hold = patterns.walk(chunk, patterns.reach(chunk), |_, _| {});
            self.is_behind_mask &= hold == 0;
            out.extend_from_slice(&chunk[..hold]);
            self.held.extend_from_slice(&chunk[hold..]);
            return;
        }
        self.held.extend_from_slice(chunk);
        let (spans, hold) = if self.covered == 0 && !patterns.absence.is_match(&self.held) {
            let hold = patterns.walk(&self.held, patterns.reach(&self.held), |_, _| {});
            (Vec::new(), hold)
        } else {
            patterns.spans(&self.held, self.covered)
        };
        self.write(&spans, hold, out);
    }

    /// Ends the stream: adds to `out` what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(patterns) = self.patterns.clone() {
            let (spans, _) = patterns.spans(&self.held, self.covered);
            self.write(&spans, self.held.len(), out);
        }
    }

    /// Whether it may change anything.
    pub fn is_needed(&self) -> bool {
        self.patterns.is_some()
    }

    /// Returns how many masks were written.
    pub fn count(&self) -> u64 {
        self.count
    }

    // Writes what is held up to `hold`, with `spans` masked.
    fn write(&mut self, spans: &[(usize, usize)], hold: usize, out: &mut Vec<u8>) {
        let mut at = 0;
        self.covered = self.covered.saturating_sub(hold);
        for (start, end) in spans.iter().copied().filter(|it| it.0 < hold) {
            if start > at {
                out.extend_from_slice(&self.held[at..start]);
                self.is_behind_mask = false;
            }
            if !self.is_behind_mask {
                out.extend_from_slice(MASK.as_bytes());
                self.is_behind_mask = true;
                self.count += 1;
            }
            at = end.min(hold);
            self.covered = end.saturating_sub(hold);
        }
        if at < hold {
            out.extend_from_slice(&self.held[at..hold]);
            self.is_behind_mask = false;
        }
        self.held.drain(..hold);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // The whole text at once, by the definition: every byte of every pattern is masked, and what
    // touches is one mask.
    fn naive(text: &[u8], patterns: &[Vec<u8>]) -> Vec<u8> {
        let mut is_secret = vec![false; text.len()];
        for pattern in patterns {
            for start in 0..text.len() {
                if text[start..].starts_with(pattern) {
                    is_secret[start..start + pattern.len()].fill(true);
                }
            }
        }
        let mut out = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            if !is_secret[at] {
                out.push(*byte);
            } else if at == 0 || !is_secret[at - 1] {
                out.extend_from_slice(MASK.as_bytes());
            }
        }
        out
    }

    fn masked<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
        patterns: &Arc<Patterns>,
    ) -> (Vec<u8>, u64) {
        let mut masker = Masker::new(Some(Arc::clone(patterns)));
        let mut out = Vec::new();
        for piece in pieces {
            masker.feed(piece, &mut out);
            assert!(masker.held.len() < patterns.longest);
        }
        masker.finish(&mut out);
        assert!(masker.held.is_empty());
        (out, masker.count())
    }

    fn check(text: &[u8], all: &[Vec<u8>]) {
        let patterns = Arc::new(Patterns::of(all).unwrap());
        let wanted = naive(text, all);
        let (whole, count) = masked([text], &patterns);
        let shown = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        assert_eq!(shown(&whole), shown(&wanted));
        for at in 0..=text.len() {
            let (first, second) = text.split_at(at);
            assert_eq!(
                masked([first, second], &patterns),
                (wanted.clone(), count),
                "at {at}"
            );
        }
        assert_eq!(masked(text.chunks(1), &patterns), (wanted.clone(), count));
        assert_eq!(masked(text.chunks(3), &patterns), (wanted, count));
    }

    fn forms(secrets: &[&str]) -> Vec<Vec<u8>> {
        let all = secrets.iter().flat_map(|it| disguises(it));
        all.map(|it| it.bytes).collect()
    }

    #[test]
    fn every_form_is_masked_at_every_boundary() {
        let secret = "tr0ub4d'r & \"3\"";
        for form in disguises(secret) {
            let text = [b"before ", form.bytes.as_slice(), b" behind"].concat();
            check(&text, &forms(&[secret]));
            let patterns = Arc::new(Patterns::of(&forms(&[secret])).unwrap());
            let (out, _) = masked([text.as_slice()], &patterns);
            let out = String::from_utf8_lossy(&out).into_owned();
            // Of a form that holds a shorter one with a quote at its edge, nothing else is left.
            assert_eq!(out, "before *** behind", "{}", form.label);
        }
    }

    #[test]
    fn of_secrets_that_overlap_no_part_is_left() {
        let all: Vec<Vec<u8>> = ["abcdefgh", "efghijkl", "cdef", "xabcdefghx"]
            .iter()
            .map(|it| it.as_bytes().to_vec())
            .collect();
        for text in [
            "abcdefghijkl",
            "xabcdefghx",
            "xabcdefghijkl",
            "abcdabcdefghabcd",
            "efghijklabcdefgh",
            "ababcdefefefghijklkl",
        ] {
            check(text.as_bytes(), &all);
        }
    }

    #[test]
    fn what_cannot_become_a_secret_is_written_at_once() {
        let secrets = [
            Named::new("p", "Password-of-mine"),
            Named::new("q", "sesame-open"),
        ];
        let patterns = Arc::new(Patterns::new(&secrets).unwrap());
        let mut masker = Masker::new(Some(patterns));
        let mut out = Vec::new();
        for (piece, wanted) in [
            ("Password: ", "Password: "),
            ("Pass", ""),
            ("word-of", ""),
            (" you: ", "Password-of you: "),
            ("line\n", "line\n"),
            ("x sesame-ope", "x "),
            ("n.", "***."),
        ] {
            out.clear();
            masker.feed(piece.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), wanted, "{piece}");
        }
    }

    #[test]
    fn a_text_that_never_leaves_the_patterns_is_held_no_longer_than_they_are() {
        let all = vec![b"aaaaaaaaaaaab".to_vec()];
        check("a".repeat(100).as_bytes(), &all);
        check(
            format!("{}b{}", "a".repeat(40), "a".repeat(40)).as_bytes(),
            &all,
        );
    }

    proptest! {
        #[test]
        fn any_stream_is_masked_as_the_whole_text_is(
            secrets in proptest::collection::vec("[ab\n'\"]{2,6}", 1..5),
            text in "[ab\n'\"\\\\]{0,40}",
        ) {
            let all: Vec<Vec<u8>> = secrets.iter().map(|it| it.as_bytes().to_vec()).collect();
            check(text.as_bytes(), &all);
        }

        #[test]
        fn any_secret_in_any_form_is_masked(
            secret in "[!-~é][ -~é\n]{6,22}[!-~é]",
            pick in any::<proptest::sample::Index>(),
            around in "[ -~\n]{0,12}",
        ) {
            let all = disguises(&secret);
            let form = &all[pick.index(all.len())];
            let text = [around.as_bytes(), &form.bytes, around.as_bytes()].concat();
            check(&text, &forms(&[&secret]));
            let patterns = Arc::new(Patterns::new(&[Named::new("s", &secret)]).unwrap());
            let (out, count) = masked([text.as_slice()], &patterns);
            prop_assert!(count > 0);
            prop_assert!(memchr::memmem::find(&out, &form.bytes).is_none());
        }
    }
}
