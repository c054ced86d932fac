//! Places in a script: lines and columns → bytes, and the text of what stands there.

use std::ops::Range;

use rhai::Position;

/// The longest text of a script that is shown.
const LONGEST: usize = 400;

/// Returns the byte of `source` that `position` stands for; its end where it stands for none.
pub(super) fn offset(source: &str, position: Position) -> usize {
    let Some(line) = position.line() else {
        return source.len();
    };
    let start: usize = source
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let column = position.position().unwrap_or(1).saturating_sub(1);
    let text = source.get(start..).unwrap_or_default();
    text.char_indices()
        .nth(column)
        .map_or(source.len(), |(at, _)| start + at)
}

/// Returns the number of the line of `position`, from 0.
pub(super) fn line(position: Position) -> u32 {
    position.line().map_or(0, |line| line as u32 - 1)
}

/// Returns the word that begins at byte `at`; one character where none does.
pub(super) fn word(source: &str, at: usize) -> Range<usize> {
    let rest = source.get(at..).unwrap_or_default();
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
    let length = match length {
        0 => rest.chars().next().map_or(0, char::len_utf8),
        length => length,
    };
    at.min(source.len())..at.min(source.len()) + length
}

/// Returns the call whose name begins at byte `at`, up to its closing parenthesis; the rest of the
/// line where there is none.
pub(super) fn call(source: &str, at: usize) -> &str {
    let rest = source.get(at..).unwrap_or_default();
    let mut depth = 0_u32;
    let mut quote = None;
    let mut characters = rest.char_indices();
    while let Some((offset, c)) = characters.next() {
        match quote {
            Some('`') if c == '`' => quote = None,
            Some('`') => {}
            Some(_) if c == '\\' => {
                characters.next();
            }
            Some(open) => quote = quote.filter(|_| c != open),
            None => match c {
                '"' | '\'' | '`' => quote = Some(c),
                '(' => depth += 1,
                ')' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return shortened(&rest[..=offset]);
                    }
                }
                _ => {}
            },
        }
    }
    shortened(rest.lines().next().unwrap_or_default())
}

/// Returns the assertion that byte `at` is the name of, or stands in.
pub(super) fn assertion(source: &str, at: usize) -> &str {
    let at = at.min(source.len());
    if source[at..].starts_with("assert") {
        return call(source, at);
    }
    match source[..at].rfind("assert") {
        Some(start) => call(source, start),
        None => whole_line(source, at),
    }
}

/// Returns the line of `source` that holds byte `at`, without the spaces around it.
pub(super) fn whole_line(source: &str, at: usize) -> &str {
    let at = at.min(source.len());
    let start = source[..at].rfind('\n').map_or(0, |it| it + 1);
    let end = source[at..].find('\n').map_or(source.len(), |it| at + it);
    shortened(source[start..end].trim())
}

/// Returns what stands from byte `at` to the end, without spaces and `;` there.
pub(super) fn from(source: &str, at: usize) -> &str {
    let rest = source.get(at..).unwrap_or_default();
    shortened(rest.trim().trim_end_matches(';').trim_end())
}

fn shortened(text: &str) -> &str {
    let text = text.trim_end();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{call, from, offset, whole_line, word};

    #[test]
    fn a_position_counts_characters_and_an_offset_bytes() {
        let source = "let ñ = 1;\n  assert(\"a)\" == (b)); c";
        let at = offset(source, rhai::Position::new(2, 3));
        assert_eq!(call(source, at), "assert(\"a)\" == (b))");
        assert_eq!(&source[word(source, at)], "assert");
        assert_eq!(whole_line(source, at), "assert(\"a)\" == (b)); c");
        assert_eq!(from(source, source.len() - 1), "c");
        assert_eq!(offset(source, rhai::Position::new(9, 9)), source.len());
        assert_eq!(call("assert(", 0), "assert(");
    }
}
