//! Bytes → text that the outline can read in time linear in its length.

use memchr::{memchr, memchr_iter};

/// The longest line that is read.
const LONGEST_LINE: usize = 8 << 20;
/// The deepest nesting of lists and quotes that is read.
const DEEPEST: usize = 100;
/// The largest document that is read: offsets inside it fit 32 bits.
const LARGEST: usize = 1 << 30;

/// Why bytes are not a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Nothing, or white space alone.
    #[error("is empty")]
    Empty,
    /// A NUL: no text file holds one.
    #[error("is not text: byte {offset} (line {line}) is NUL")]
    Binary {
        /// From 0.
        offset: usize,
        /// From 1.
        line: u32,
    },
    /// A byte order mark of another encoding.
    #[error("is {0}, not UTF-8")]
    OtherEncoding(&'static str),
    /// Bytes that are not UTF-8.
    #[error("is not UTF-8: byte {offset} (line {line}, column {column}) is 0x{byte:02x}")]
    NotUtf8 {
        /// The first bad byte, from 0.
        offset: usize,
        /// From 1.
        line: u32,
        /// In characters, from 1.
        column: u32,
        /// The byte.
        byte: u8,
    },
    /// A line that no person wrote.
    #[error("line {line} is {length} bytes long; at most {LONGEST_LINE} are read")]
    LongLine {
        /// From 1.
        line: u32,
        /// In bytes.
        length: usize,
    },
    /// Lists or quotes in one another, beyond sense.
    #[error("line {line} nests lists and quotes deeper than {DEEPEST} levels")]
    DeepNesting {
        /// From 1.
        line: u32,
    },
    /// More than offsets can hold.
    #[error("is {0} bytes long; at most {LARGEST} are read")]
    Large(usize),
}

impl Unreadable {
    /// Returns what the reader can do about it.
    pub fn way_out(&self) -> &'static str {
        match self {
            Self::Empty => "write a heading and a fenced code block into it",
            Self::Binary { .. } => "name a Markdown file",
            Self::OtherEncoding(_) | Self::NotUtf8 { .. } => {
                "save it as UTF-8: `iconv -f ENCODING -t UTF-8`"
            }
            Self::LongLine { .. } => "break the line, or move it to a file of its own",
            Self::DeepNesting { .. } => "take the list or quote apart",
            Self::Large(_) => "split it",
        }
    }
}

/// Returns the text of a document, its byte order mark included.
///
/// # Errors
/// What is not UTF-8 text, and what would cost more than time linear in its length: single lines of
/// megabytes, lists and quotes nested beyond a hundred levels.
pub fn decode(bytes: &[u8]) -> Result<&str, Unreadable> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            return Err(Unreadable::OtherEncoding("UTF-32"));
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(Unreadable::OtherEncoding("UTF-16")),
        _ => {}
    }
    if bytes.len() > LARGEST {
        return Err(Unreadable::Large(bytes.len()));
    }
    if let Some(offset) = memchr(0, bytes) {
        return Err(Unreadable::Binary {
            offset,
            line: line_at(bytes, offset),
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let start = bytes[..offset]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |n| n + 1);
        let column = bytes[start..offset]
            .iter()
            .filter(|b| !(0x80..0xc0).contains(*b))
            .count();
        Unreadable::NotUtf8 {
            offset,
            line: line_at(bytes, offset),
            column: column as u32 + 1,
            byte: bytes[offset],
        }
    })?;
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    check_shape(bytes)?;
    Ok(text)
}

fn line_at(bytes: &[u8], offset: usize) -> u32 {
    memchr_iter(b'\n', &bytes[..offset]).count() as u32 + 1
}

/// Refuses what pulldown-cmark reads in more than linear time: it walks all open lists and quotes
/// at every line, and blank lines keep a list open for nothing.
fn check_shape(bytes: &[u8]) -> Result<(), Unreadable> {
    let mut open: Vec<usize> = Vec::new();
    let mut start = 0;
    let mut number = 0;
    while start < bytes.len() {
        let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |n| start + n);
        let line = &bytes[start..end];
        number += 1;
        if line.len() > LONGEST_LINE {
            return Err(Unreadable::LongLine {
                line: number,
                length: line.len(),
            });
        }
        if matches!(
            line.first(),
            Some(b' ' | b'\t' | b'>' | b'-' | b'+' | b'*' | b'0'..=b'9')
        ) {
            nest(line, &mut open);
            if open.len() > DEEPEST {
                return Err(Unreadable::DeepNesting { line: number });
            }
        }
        start = end + 1;
    }
    Ok(())
}

/// Follows the list and quote marks at the start of `line`: each at a column right of the marks
/// that are open opens a level more. Never less than the true depth, save for marks of one column.
fn nest(line: &[u8], open: &mut Vec<usize>) {
    let mut at = 0;
    let mut column = 0;
    while let Some(byte) = line.get(at) {
        let width = match byte {
            b' ' => {
                column += 1;
                at += 1;
                continue;
            }
            b'\t' => {
                column += 4 - column % 4;
                at += 1;
                continue;
            }
            b'>' | b'-' | b'+' | b'*' => 1,
            b'0'..=b'9' => {
                let digits = line[at..]
                    .iter()
                    .take(10)
                    .take_while(|b| b.is_ascii_digit())
                    .count();
                if !matches!(line.get(at + digits), Some(b'.' | b')')) {
                    return;
                }
                digits + 1
            }
            _ => return,
        };
        if *byte != b'>' && !matches!(line.get(at + width), None | Some(b' ' | b'\t' | b'\r')) {
            return;
        }
        while open.last().is_some_and(|last| *last >= column) {
            open.pop();
        }
        open.push(column);
        if open.len() > DEEPEST {
            return;
        }
        at += width;
        column += width;
    }
}

#[cfg(test)]
mod tests {
    use super::{Unreadable, decode};

    fn check(bytes: &[u8]) -> String {
        decode(bytes).map_or_else(|error| error.to_string(), |_| "text".into())
    }

    #[test]
    fn what_is_not_text_is_told_with_its_place() {
        assert_eq!(check(b""), "is empty");
        assert_eq!(check(b"\xef\xbb\xbf \n"), "is empty");
        assert_eq!(
            check(b"# a\n\x7fELF\0"),
            "is not text: byte 8 (line 2) is NUL"
        );
        assert_eq!(
            check("# á\nñ\u{fc}".as_bytes().split_last().expect("bytes").1),
            "is not UTF-8: byte 7 (line 2, column 2) is 0xc3"
        );
        assert_eq!(
            check(b"# a\nb\xe9c\n"),
            "is not UTF-8: byte 5 (line 2, column 2) is 0xe9"
        );
        assert_eq!(check(b"\xff\xfe#\0"), "is UTF-16, not UTF-8");
        assert_eq!(check("# día\r\n".as_bytes()), "text");
    }

    #[test]
    fn a_line_of_megabytes_and_nesting_beyond_sense_are_refused() {
        let line = "a".repeat(9 << 20);
        assert_eq!(
            check(format!("# a\n{line}").as_bytes()),
            "line 2 is 9437184 bytes long; at most 8388608 are read"
        );
        for deep in [
            "> ".repeat(200),
            ">".repeat(200),
            "- ".repeat(200),
            "1. ".repeat(200),
        ] {
            let error = decode(deep.as_bytes());
            assert_eq!(error, Err(Unreadable::DeepNesting { line: 1 }), "{deep}");
        }
        let steps: String = (0..200).fold(String::new(), |mut text, n| {
            text.push_str(&"  ".repeat(n));
            text.push_str("- a\n");
            text
        });
        assert_eq!(
            decode(steps.as_bytes()),
            Err(Unreadable::DeepNesting { line: 101 })
        );
    }

    #[test]
    fn long_flat_lists_rules_and_tables_are_read() {
        assert_eq!(check("- a\n".repeat(1000).as_bytes()), "text");
        assert_eq!(
            check("* * * * * * * * * * *\n".repeat(1000).as_bytes()),
            "text"
        );
        assert_eq!(check("-".repeat(100_000).as_bytes()), "text");
    }
}
