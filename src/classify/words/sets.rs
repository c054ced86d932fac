//! Lists of words, made to be asked quickly.

use std::sync::OnceLock;

/// A list that is asked whether it holds a word: only those of its length are looked at.
pub(in crate::classify) struct Set {
    words: &'static [&'static str],
    by_length: OnceLock<Vec<Vec<&'static str>>>,
}

impl Set {
    pub(in crate::classify) const fn new(words: &'static [&'static str]) -> Self {
        Self {
            words,
            by_length: OnceLock::new(),
        }
    }

    /// Returns a list that is put together from others.
    pub(in crate::classify) fn of(words: impl Iterator<Item = &'static str>) -> Self {
        let mut by_length: Vec<Vec<&'static str>> = Vec::new();
        for word in words {
            if by_length.len() <= word.len() {
                by_length.resize(word.len() + 1, Vec::new());
            }
            by_length[word.len()].push(word);
        }
        Self {
            words: &[],
            by_length: OnceLock::from(by_length),
        }
    }

    pub(in crate::classify) fn contains(&self, word: &str) -> bool {
        let by_length = self.by_length.get_or_init(|| {
            let all = Self::of(self.words.iter().copied());
            all.by_length.into_inner().unwrap_or_default()
        });
        let first = word.as_bytes().first();
        by_length.get(word.len()).is_some_and(|words| {
            words
                .iter()
                .any(|other| other.as_bytes().first() == first && *other == word)
        })
    }
}

/// Beginnings of texts, by their first byte: of a long list hardly any are looked at.
pub(in crate::classify) struct Beginnings(Vec<Vec<&'static str>>);

impl Beginnings {
    pub(in crate::classify) fn new(all: impl IntoIterator<Item = &'static str>) -> Self {
        let mut by_byte = vec![Vec::new(); 256];
        for it in all {
            if let Some(byte) = it.as_bytes().first() {
                by_byte[usize::from(*byte)].push(it);
            }
        }
        Self(by_byte)
    }

    /// Returns what stands behind each of them that `text` begins with, in the order of the list.
    pub(in crate::classify) fn rests<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let byte = text.as_bytes().first();
        let all = byte.map_or(&[][..], |byte| &self.0[usize::from(*byte)]);
        all.iter().filter_map(|it| text.strip_prefix(it))
    }
}
