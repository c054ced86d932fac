//! Shell text → characters and where each stands: code, quotes, comment, here-document. No parser:
//! enough to know what a person would take for a placeholder.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Where a character stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    Code,
    Quoted,
    Comment,
    HereDocument,
}

/// Which marks mean what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// bash and its kin.
    Shell,
    /// No here-documents; the backtick escapes.
    Powershell,
    /// Neither quotes nor comments are looked for.
    Other,
}

/// Where `mark`, which is not empty, first stands in `text`. For the few bytes of a line: nothing is
/// prepared, which costs [`str::find`] more than the search.
pub(super) fn place_of(text: &str, mark: &str) -> Option<usize> {
    /// Longer texts are worth a call that looks at many bytes at once.
    const SHORT: usize = 48;
    let mark = mark.as_bytes();
    let (first, rest) = mark.split_first()?;
    let text = text.as_bytes();
    let last = text.len().checked_sub(mark.len())?;
    if text.len() < SHORT {
        let mut begins = text[..=last].iter().enumerate();
        let found = begins.find(|(at, byte)| *byte == first && text[at + 1..].starts_with(rest));
        return found.map(|(at, _)| at);
    }
    // Blanks are everywhere: what stands behind one is found sooner.
    if let [b' ', second, ..] = mark {
        let mut seconds = memchr::memchr_iter(*second, &text[1..]);
        return seconds.find(|at| text[*at..].starts_with(mark));
    }
    memchr::memchr_iter(*first, text).find(|at| text[at + 1..].starts_with(rest))
}

/// Lines and words of short texts, as [`str::lines`] and [`str::split_whitespace`] have them: those
/// prepare more than it costs to look at every byte, and most texts are ASCII.
pub(super) trait Parts {
    /// Returns its lines.
    fn each_line(&self) -> Lines<'_>;
    /// Returns what stands between blanks.
    fn each_word(&self) -> Words<'_>;
}

impl Parts for str {
    fn each_line(&self) -> Lines<'_> {
        Lines { rest: self }
    }

    fn each_word(&self) -> Words<'_> {
        Words { rest: self }
    }
}

/// The lines of a text.
#[derive(Clone)]
pub(super) struct Lines<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(at) = memchr::memchr(b'\n', self.rest.as_bytes()) else {
            return Some(std::mem::take(&mut self.rest));
        };
        let line = &self.rest[..at];
        self.rest = &self.rest[at + 1..];
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

/// The words of a text.
#[derive(Clone)]
pub(super) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let start = self
            .rest
            .bytes()
            .position(|byte| KINDS[usize::from(byte)] != Kind::Blank)?;
        let rest = &self.rest[start..];
        let end = rest
            .bytes()
            .position(|byte| KINDS[usize::from(byte)] != Kind::Ink);
        match end {
            None => {
                self.rest = "";
                Some(rest)
            }
            Some(end) if rest.as_bytes()[end].is_ascii() => {
                self.rest = &rest[end..];
                Some(&rest[..end])
            }
            // Other writing has blanks of its own.
            Some(_) => {
                let rest = rest.trim_start();
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                self.rest = &rest[end..];
                (end > 0).then(|| &rest[..end])
            }
        }
    }
}

/// What a byte is to words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Ink,
    /// Part of a character outside of ASCII.
    Other,
}

static KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Ink; 256];
    let mut byte = 0;
    while byte < 256 {
        if byte == 32 || byte >= 9 && byte <= 13 {
            kinds[byte] = Kind::Blank;
        } else if byte > 127 {
            kinds[byte] = Kind::Other;
        }
        byte += 1;
    }
    kinds
};

/// Whether `mark` stands in `text`.
pub(super) fn holds(text: &str, mark: &str) -> bool {
    place_of(text, mark).is_some()
}

/// Texts that are looked for together, in one pass.
pub(super) struct Marks(AhoCorasick);

impl Marks {
    pub(super) fn new<M: AsRef<[u8]>>(marks: impl IntoIterator<Item = M>) -> Self {
        // The quickest of all to search takes longer to build than a short document to read.
        let marks = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(marks);
        Self(marks.expect("the lists of marks are short"))
    }

    /// Whether one of them stands in `text`.
    pub(super) fn stand_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// Returns each character of `text` with its offset and region.
pub(super) fn regions(text: &str, dialect: Dialect) -> Vec<(usize, char, Region)> {
    let mut all = Vec::new();
    tell_regions(text, dialect, &mut all);
    all
}

/// Does what [`regions`] does, into room that is there already.
pub(super) fn tell_regions(text: &str, dialect: Dialect, all: &mut Vec<(usize, char, Region)>) {
    all.clear();
    all.reserve(text.len());
    if dialect == Dialect::Other {
        all.extend(text.char_indices().map(|(at, c)| (at, c, Region::Code)));
        return;
    }
    let escape = if dialect == Dialect::Shell { '\\' } else { '`' };
    let mut quote = None;
    let mut before = '\n';
    let mut waiting: Vec<HereDocument> = Vec::new();
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let c = if byte.is_ascii() {
            char::from(*byte)
        } else {
            text[at..].chars().next().unwrap_or_default()
        };
        let next = at + c.len_utf8();
        // Nearly all of a command.
        if quote.is_none()
            && matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '-' | '.' | '/' | '_')
        {
            all.push((at, c, Region::Code));
            before = c;
            at = next;
            continue;
        }
        match quote {
            Some(open) => {
                all.push((at, c, Region::Quoted));
                if c == escape && open == '"' {
                    if let Some(escaped) = text[next..].chars().next() {
                        all.push((next, escaped, Region::Quoted));
                        at = next + escaped.len_utf8();
                        continue;
                    }
                } else if c == open {
                    quote = None;
                }
            }
            None if c == '#'
                && (before.is_whitespace() || matches!(before, ';' | '&' | '|' | '(')) =>
            {
                let end = text[at..].find('\n').map_or(text.len(), |n| at + n);
                all.extend(
                    text[at..end]
                        .char_indices()
                        .map(|(n, c)| (at + n, c, Region::Comment)),
                );
                at = end;
                before = '#';
                continue;
            }
            None => {
                all.push((at, c, Region::Code));
                match c {
                    '"' | '\'' => quote = Some(c),
                    '<' if dialect == Dialect::Shell
                        && before != '<'
                        && text[next..].starts_with('<')
                        && !text[next + 1..].starts_with('<') =>
                    {
                        waiting.extend(HereDocument::read(&text[next + 1..]));
                    }
                    '\n' if !waiting.is_empty() => {
                        let mut start = next;
                        for document in waiting.drain(..) {
                            // Without its end it is none: `$((1 << n))`.
                            let Some(end) = document.end(text, start) else {
                                continue;
                            };
                            let body = text[start..end].char_indices();
                            all.extend(body.map(|(n, c)| (start + n, c, Region::HereDocument)));
                            start = end;
                        }
                        at = start;
                        before = '\n';
                        continue;
                    }
                    _ if c == escape => {
                        if let Some(escaped) = text[next..].chars().next() {
                            all.push((next, escaped, Region::Code));
                            before = escaped;
                            at = next + escaped.len_utf8();
                            continue;
                        }
                    }
                    _ => {}
                }
            }
        }
        before = c;
        at = next;
    }
}

/// A here-document that was announced on the line.
struct HereDocument<'a> {
    word: &'a str,
    strips_tabs: bool,
}

impl<'a> HereDocument<'a> {
    fn read(rest: &'a str) -> Option<Self> {
        let strips_tabs = rest.starts_with('-');
        let rest = rest[usize::from(strips_tabs)..].trim_start_matches([' ', '\t', '\\']);
        let word = match rest.chars().next()? {
            quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
            _ => {
                &rest[..rest
                    .find(|c: char| {
                        !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '!' | '%'))
                    })
                    .unwrap_or(rest.len())]
            }
        };
        (!word.is_empty()).then_some(Self { word, strips_tabs })
    }

    /// Returns where its last line, the word, ends: the body begins at `start`.
    fn end(&self, text: &str, start: usize) -> Option<usize> {
        let mut at = start;
        for line in text[start..].split_inclusive('\n') {
            at += line.len();
            let line = line.trim_end_matches(['\n', '\r']);
            let line = if self.strips_tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            if line == self.word {
                return Some(at);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{Parts, place_of};

    proptest! {
        #[test]
        fn parts_are_those_of_the_library(text in "([ab#-]|  |\n|\r|\t|\x0b|\x1c|\u{a0}|ñ|\\PC){0,40}") {
            prop_assert!(text.each_line().eq(text.lines()), "{text:?}");
            prop_assert!(text.each_word().eq(text.split_whitespace()), "{text:?}");
        }

        #[test]
        fn a_mark_is_found_where_it_first_stands(text in "([ab#-]| |ñ){0,90}", mark in "([ab#-]| ){1,3}") {
            prop_assert_eq!(place_of(&text, &mark), text.find(&mark));
        }
    }
}
