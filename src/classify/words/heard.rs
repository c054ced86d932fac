//! Texts that much is asked of: folded, and which words of which lists stand in them.

use std::ops::Deref;
use std::sync::LazyLock;

use super::folded::{fold_onto, is_spaced};
use super::said::{
    ADJUST, ALTERNATIVE, BRIDGES, CONTAINER, COUNTER_EXAMPLE, EXAMPLE, FAILURE, FORBIDS, LOOKS,
    LOSES, NUMBERED_WAY, OPTIONS, OUTPUT, RECOMMENDED, REPLACE, RESTART, RESTORES, SERVER,
    SERVER_HEADINGS, SHELLS, SYSTEMS, WARNING, WORKSTATION, WRITTEN_INTO,
};
use crate::classify::text::Marks;

/// The lists that a text around a fence is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::classify) enum List {
    Output,
    Looks,
    Example,
    CounterExample,
    /// Those of [`ALTERNATIVE`] that may stand anywhere in a line.
    Phrase,
    NumberedWay,
    Systems,
    Warning,
    Loses,
    Workstation,
    Server,
    ServerHeadings,
    Container,
    Restart,
    Shells,
    Forbids,
    Failure,
    Restores,
    Adjust,
    WrittenInto,
    Options,
    Recommended,
    Bridges,
}

/// In the order of [`List`].
const LISTS: [&[&str]; 23] = [
    OUTPUT,
    LOOKS,
    EXAMPLE,
    COUNTER_EXAMPLE,
    ALTERNATIVE,
    NUMBERED_WAY,
    SYSTEMS,
    WARNING,
    LOSES,
    WORKSTATION,
    SERVER,
    SERVER_HEADINGS,
    CONTAINER,
    RESTART,
    SHELLS,
    FORBIDS,
    FAILURE,
    RESTORES,
    ADJUST,
    WRITTEN_INTO,
    OPTIONS,
    RECOMMENDED,
    BRIDGES,
];

/// Folded text, and which words of which lists stand in it: found in one pass, whatever is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::classify) struct Heard {
    text: String,
    /// List and index in it; the first word of each list only. Mostly empty.
    found: Vec<(u8, u16)>,
}

impl Heard {
    /// Folds `text` and listens to it.
    pub(in crate::classify) fn new(text: &str) -> Self {
        let mut heard = Self::default();
        heard.listen(text);
        heard
    }

    /// Forgets what it heard, and listens to `text`: for many texts of which few say anything.
    pub(in crate::classify) fn listen(&mut self, text: &str) {
        self.text.clear();
        self.found.clear();
        fold_onto(text, &mut self.text);
        INDEX.hear(&self.text, &mut self.found);
    }

    /// Returns the first word of `list` that stands in it, as [`find`] does.
    pub(in crate::classify) fn find(&self, list: List) -> Option<&'static str> {
        let (_, index) = self.found.iter().find(|(of, _)| *of == list as u8)?;
        Some(LISTS[list as usize][usize::from(*index)])
    }

    /// Whether none of the words stands in it that mean something by themselves.
    pub(in crate::classify) fn is_empty_of_words(&self) -> bool {
        let helps = |list: u8| list == List::Bridges as u8 || list == List::Looks as u8;
        self.found.iter().all(|(list, _)| helps(*list))
    }

    /// Whether it says that a value of the command beside it is to be replaced.
    pub(in crate::classify) fn says_replace(&self) -> bool {
        self.find(List::Bridges).is_some() && says_replace(&self.text)
    }
}

impl Deref for Heard {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Whether this of [`ALTERNATIVE`] says so wherever it stands in a short line; the others must begin
/// the line or be all of it.
fn is_phrase(word: &str) -> bool {
    word.contains(' ')
        || !word.is_ascii() && word.ends_with(['一', '二', '1', '2'])
        || matches!(word, "另一种" | "instead" | "stattdessen")
}

/// Whether a folded sentence says that a value of the command beside it is to be replaced.
fn says_replace(folded: &str) -> bool {
    static FIRST: LazyLock<Marks> =
        LazyLock::new(|| Marks::new(REPLACE.iter().map(|(first, _)| first)));
    FIRST.stand_in(folded)
        && REPLACE.iter().any(|(first, second)| {
            folded
                .find(first)
                .is_some_and(|at| folded[at + first.len()..].contains(second))
        })
}

/// A word of a list.
#[derive(Clone, Copy)]
struct Entry {
    /// Of the part of the stem that says where it is kept.
    hash: u32,
    list: u8,
    index: u16,
    /// Without the `*`.
    stem: &'static str,
    any_ending: bool,
}

/// Words by how they begin.
struct Index {
    /// Sorted by slot; those of slot `n` stand at `starts[n]..starts[n + 1]`.
    entries: Vec<Entry>,
    starts: Vec<u16>,
    /// Words that any slot may begin, to be looked at everywhere.
    anywhere: Vec<Entry>,
}

/// A power of two.
const SLOTS: usize = 1 << 12;

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

const fn mixed(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

const fn slot(hash: u32) -> usize {
    (hash ^ (hash >> 15)) as usize & (SLOTS - 1)
}

fn hash_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(SEED, |hash, byte| mixed(hash, *byte))
}

const SEED: u32 = 0x811c_9dc5;

/// How much of a word with any ending says where it is kept: as much as it has of these.
const STUBS: [usize; 2] = [4, 2];

impl Index {
    fn new() -> Self {
        let mut placed: Vec<Entry> = Vec::new();
        let mut anywhere = Vec::new();
        for (list, words) in LISTS.iter().enumerate() {
            for (index, word) in words.iter().enumerate() {
                if list == List::Phrase as usize && !is_phrase(word) {
                    continue;
                }
                let (stem, any_ending) = word
                    .strip_suffix('*')
                    .map_or((*word, false), |stem| (stem, true));
                let token = stem.find(|c| !is_spaced(c)).unwrap_or(stem.len());
                let key = match stem.chars().next() {
                    Some(first) if token == 0 => Some(first.len_utf8()),
                    Some(_) if token < stem.len() || !any_ending => Some(token),
                    _ => STUBS.into_iter().find(|stub| *stub <= token),
                };
                let entry = Entry {
                    hash: hash_of(&stem.as_bytes()[..key.unwrap_or(0)]),
                    list: list as u8,
                    index: index as u16,
                    stem,
                    any_ending,
                };
                match key {
                    Some(_) => placed.push(entry),
                    None => anywhere.push(entry),
                }
            }
        }
        placed.sort_by_key(|entry| (slot(entry.hash), entry.list, entry.index));
        let starts = (0..=SLOTS)
            .map(|at| placed.partition_point(|entry| slot(entry.hash) < at) as u16)
            .collect();
        Self {
            entries: placed,
            starts,
            anywhere,
        }
    }

    fn hear(&self, text: &str, found: &mut Vec<(u8, u16)>) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            if bytes[at] == b' ' {
                at += 1;
                continue;
            }
            let mut hash = SEED;
            // A word, as far as it goes.
            loop {
                while let Some(byte) = bytes.get(at).filter(|it| it.is_ascii_alphanumeric()) {
                    hash = mixed(hash, *byte);
                    at += 1;
                }
                if bytes.get(at).is_none_or(u8::is_ascii) {
                    break;
                }
                let Some(c) = text[at..].chars().next().filter(|c| is_spaced(*c)) else {
                    break;
                };
                for byte in &bytes[at..at + c.len_utf8()] {
                    hash = mixed(hash, *byte);
                }
                at += c.len_utf8();
            }
            if at > start {
                self.look(hash, text, start, found);
                for stub in STUBS {
                    if at - start > stub {
                        self.look(hash_of(&bytes[start..start + stub]), text, start, found);
                    }
                }
                for entry in &self.anywhere {
                    note(entry, text, start, found);
                }
                continue;
            }
            // A mark, or a letter of writing without spaces.
            let length = text[at..].chars().next().map_or(1, char::len_utf8);
            at += length;
            self.look(hash_of(&bytes[start..at]), text, start, found);
        }
    }

    #[inline]
    fn look(&self, hash: u32, text: &str, start: usize, found: &mut Vec<(u8, u16)>) {
        let slot = slot(hash);
        let here = usize::from(self.starts[slot])..usize::from(self.starts[slot + 1]);
        for entry in self.entries[here].iter().filter(|it| it.hash == hash) {
            note(entry, text, start, found);
        }
    }
}

/// Notes `entry` where it stands at `start`, which no word runs up to.
fn note(entry: &Entry, text: &str, start: usize, found: &mut Vec<(u8, u16)>) {
    let Some(rest) = text[start..].strip_prefix(entry.stem) else {
        return;
    };
    let ends =
        entry.any_ending || !(entry.stem.ends_with(is_spaced) && rest.starts_with(is_spaced));
    if !ends {
        return;
    }
    match found.iter_mut().find(|(list, _)| *list == entry.list) {
        Some((_, index)) => *index = entry.index.min(*index),
        None => found.push((entry.list, entry.index)),
    }
}

#[cfg(test)]
mod tests;
