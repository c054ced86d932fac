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
    let (first, rest) = mark.as_bytes().split_first()?;
    let text = text.as_bytes();
    let last = text.len().checked_sub(mark.len())?;
    if text.len() < SHORT {
        return (0..=last).find(|at| text[*at] == *first && text[at + 1..].starts_with(rest));
    }
    memchr::memchr_iter(*first, text).find(|at| text[at + 1..].starts_with(rest))
}

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
    let mut all = Vec::with_capacity(text.len());
    if dialect == Dialect::Other {
        all.extend(text.char_indices().map(|(at, c)| (at, c, Region::Code)));
        return all;
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
    all
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
