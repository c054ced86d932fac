//! Titles → ids and titles that are unique in their document.

use std::collections::hash_map::Entry;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::model::StepId;

/// Returns `text` in ASCII letters and digits of lower case with single `-` between them: accents
/// are taken off, all else separates.
pub(super) fn slug(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut slug = String::with_capacity(text.len());
    let mut add = |c: char| {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !matches!(c, '\'' | '’') && !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    };
    if text.is_ascii() {
        text.chars().for_each(&mut add);
    } else {
        text.nfkd()
            .filter(|c| !is_combining_mark(*c))
            .for_each(&mut add);
    }
    if slug.len() > LONGEST {
        let cut = slug[..LONGEST]
            .rfind('-')
            .filter(|at| *at > 0)
            .unwrap_or(LONGEST);
        slug.truncate(cut);
    }
    let length = slug.trim_end_matches('-').len();
    slug.truncate(length);
    if slug.is_empty() {
        "step".to_owned()
    } else {
        slug
    }
}

fn numbered(text: &str, before: &str, number: u32, after: &str) -> String {
    let mut numbered = String::with_capacity(text.len() + 8);
    numbered.push_str(text);
    numbered.push_str(before);
    push(&mut numbered, number);
    numbered.push_str(after);
    numbered
}

/// Writes a number: by hand, for ids are made by the thousand.
fn push(text: &mut String, number: u32) {
    if number > 9 {
        push(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

/// Texts with a number each.
#[expect(
    clippy::disallowed_types,
    reason = "it is only looked into, never gone through"
)]
type Numbers = std::collections::HashMap<String, u32>;

/// Gives ids and titles that nothing else in the document has.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// What is taken, and the last number that was given to it as a slug; 0 for none.
    taken: Numbers,
    titles: Numbers,
    /// The title that was asked for last, its slug, and the last number that was given to that: steps of
    /// a section stand together.
    before: (String, String, u32),
}

impl Names {
    /// Returns names that leave alone what the document says itself.
    /// There is room for `number` of them.
    pub(super) fn beside(explicit: impl Iterator<Item = String>, number: usize) -> Self {
        let mut taken = Numbers::with_capacity(number);
        taken.extend(explicit.map(|id| (id, 0)));
        Self {
            taken,
            ..Self::default()
        }
    }

    /// Returns an id made from `title`: numbered from the second on.
    pub(super) fn id(&mut self, title: &str) -> StepId {
        if self.before.0 != title || self.before.1.is_empty() {
            self.keep();
            let slug = slug(title);
            let last = self.taken.get(&slug).copied();
            self.before = (title.to_owned(), slug, last.map_or(0, |last| last.max(1)));
        }
        let (_, slug, last) = &mut self.before;
        let text = loop {
            *last += 1;
            let text = match *last {
                1 => slug.clone(),
                number => numbered(slug, "-", number, ""),
            };
            if let Entry::Vacant(entry) = self.taken.entry(text) {
                let text = entry.key().clone();
                entry.insert(0);
                break text;
            }
        };
        StepId::derived(text).expect("a slug holds letters, digits and `-` only")
    }

    /// Remembers the last number of the title before another is asked for.
    fn keep(&mut self) {
        let (_, slug, last) = &self.before;
        if let Some(kept) = self.taken.get_mut(slug) {
            *kept = *last;
        }
    }

    /// Returns `title`, numbered from the second time on.
    pub(super) fn title(&mut self, title: &str) -> String {
        if let Some(times) = self.titles.get_mut(title) {
            *times += 1;
            numbered(title, " (", *times, ")")
        } else {
            self.titles.insert(title.to_owned(), 1);
            title.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, slug};

    #[test]
    fn slugs_are_ascii() {
        assert_eq!(
            slug("🐳 Configuración de Base de Datos"),
            "configuracion-de-base-de-datos"
        );
        assert_eq!(
            slug("10. SSL/TLS y Let's Encrypt"),
            "10-ssl-tls-y-lets-encrypt"
        );
        assert_eq!(slug("データベース"), "step");
        assert_eq!(
            slug(&"palabra ".repeat(20)),
            "palabra-palabra-palabra-palabra-palabra"
        );
    }

    #[test]
    fn explicit_ids_win_over_derived_ones() {
        let mut names = Names::beside(["logs".to_owned(), "logs-3".to_owned()].into_iter(), 5);
        let ids: Vec<_> = (0..3).map(|_| names.id("Logs").to_string()).collect();
        assert_eq!(ids, ["logs-2", "logs-4", "logs-5"]);
        assert_eq!(names.title("Logs"), "Logs");
        assert_eq!(names.title("Logs"), "Logs (2)");
    }
}
