//! Makes any text and any bytes safe for a terminal and for Markdown.
//!
//! What a step prints is stripped of escape sequences ([`Cleaner`], [`lines`]); what a document, an
//! operator or a journal says is shown with everything visible ([`inline`]). Nothing that leaves
//! this module holds a control character other than the `\n` between lines, a character that
//! changes the direction of text, or one that cannot be seen. Memory is bounded by the limit that is
//! handed in, whatever comes.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use vte::{Parser, Perform};

/// Bytes of one line that are kept when nobody says otherwise; of a longer one its end.
pub const LINE_LIMIT: usize = 8 * 1024;

const TAB: usize = 8;
const CANCEL: u8 = 0x18;
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
/// Marks that may stand on one character: more are dropped where text is fitted into columns.
const MARKS: usize = 8;

/// Turns a stream of bytes, in whatever chunks it comes, into clean lines.
///
/// Escape sequences are removed, an unfinished one ends with its line; after a `\r` the line starts
/// anew, so that of a progress bar its last state remains; a backspace takes a character back; tabs
/// become spaces; bytes that are no UTF-8 become U+FFFD; everything else that cannot be seen is
/// shown by a picture (`␇`) or its number (`\u{202e}`).
pub struct Cleaner {
    parser: Parser,
    line: Line,
    /// The beginning of a character whose other bytes have not come.
    partial: Vec<u8>,
    begun: bool,
}

impl Cleaner {
    /// Returns a cleaner that keeps at most `limit` bytes of a line: its end, after a `…`.
    pub fn new(limit: usize) -> Self {
        let line = Line {
            limit,
            ..Line::default()
        };
        Self {
            parser: Parser::new(),
            line,
            partial: Vec::new(),
            begun: false,
        }
    }

    /// Reads more bytes and calls `each` with every line that is now whole, without its `\n`.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.read(&rest[..end]);
            self.end_line(&mut each);
            rest = &rest[end + 1..];
        }
        self.read(rest);
        self.begun |= !rest.is_empty();
    }

    /// Returns the line that is not whole yet, as it stands.
    pub fn current(&self) -> Cow<'_, str> {
        self.line.told()
    }

    /// Calls `each` with the last line, if it was begun.
    pub fn finish(mut self, mut each: impl FnMut(&str)) {
        if self.begun {
            self.end_line(&mut each);
        }
    }

    /// Reads bytes without a line feed. Decodes them first: what the parser makes of bytes that are
    /// no UTF-8 depends on the chunks.
    fn read(&mut self, bytes: &[u8]) {
        let joined = if self.partial.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            Cow::Owned([&std::mem::take(&mut self.partial), bytes].concat())
        };
        let mut left = joined.len();
        for chunk in joined.utf8_chunks() {
            let (valid, invalid) = (chunk.valid(), chunk.invalid());
            left -= valid.len() + invalid.len();
            self.parser.advance(&mut self.line, valid.as_bytes());
            let unfinished = str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none());
            if left == 0 && unfinished {
                self.partial = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.parser.advance(&mut self.line, REPLACEMENT);
            }
        }
    }

    fn end_line(&mut self, each: &mut impl FnMut(&str)) {
        if !std::mem::take(&mut self.partial).is_empty() {
            self.parser.advance(&mut self.line, REPLACEMENT);
        }
        // A sequence that never ends would swallow all that follows: it ends here.
        self.line.deaf = true;
        self.parser.advance(&mut self.line, &[CANCEL]);
        self.line.deaf = false;
        each(&self.line.told());
        self.line.clear();
        self.begun = false;
    }
}

/// Returns the clean lines of `bytes`, each at most `limit` bytes long.
pub fn lines(bytes: &[u8], limit: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut cleaner = Cleaner::new(limit);
    cleaner.push(bytes, |line| all.push(line.to_owned()));
    cleaner.finish(|line| all.push(line.to_owned()));
    all
}

/// Returns `text` on one line with everything in it visible: nothing is removed, an escape character
/// becomes `␛`, a line feed `␊`.
pub fn inline(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut line = Line::default();
    text.chars().for_each(|c| line.put(c));
    Cow::Owned(line.told().into_owned())
}

/// Returns `text` with everything in it visible, its lines and tabs kept: for bodies and diffs.
pub fn block(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for line in text.lines() {
        for (i, part) in line.split('\t').enumerate() {
            if i > 0 {
                told.push_str("    ");
            }
            told.push_str(&inline(part));
        }
        told.push('\n');
    }
    told
}

/// Returns the columns that clean `text` takes on a terminal that knows Unicode.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Returns clean `text` cut to `columns`, with a `…` at the end where something was cut.
///
/// Measured as a terminal does that knows no joined emoji, so that no line ever wraps.
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    let Some(cut) = first_row(text, columns) else {
        return Cow::Borrowed(text);
    };
    let Some(room) = columns.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let end = first_row(text, room).unwrap_or(cut);
    Cow::Owned(format!("{}…", &text[..end]))
}

/// Returns clean `text` cut or filled with spaces to exactly `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let mut text = fit(text, columns).into_owned();
    let missing = columns.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// Returns clean `text` in rows of at most `columns`; one empty row for an empty text.
pub fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let columns = columns.max(2);
    let mut rows = Vec::new();
    let mut rest = text;
    while let Some(end) = first_row(rest, columns) {
        // A heap of marks that does not fit takes a row of its own rather than none at all.
        let end = if end == 0 {
            rest.chars().next().map_or(1, char::len_utf8)
        } else {
            end
        };
        rows.push(&rest[..end]);
        rest = &rest[end..];
    }
    rows.push(rest);
    rows
}

/// Returns clean `text` in rows of at most `columns`, broken between words where there are any.
pub fn wrap_words(text: &str, columns: usize) -> Vec<&str> {
    let columns = columns.max(2);
    let mut rows = Vec::new();
    let mut rest = text;
    while let Some(end) = first_row(rest, columns) {
        // A word that begins in the first half of the row would leave it too empty.
        let full = rest[end..].starts_with(' ').then_some(end);
        let space = full
            .or_else(|| rest[..end].rfind(' '))
            .filter(|&at| at > end / 2);
        let row = match space {
            Some(at) => &rest[..at],
            None => wrap(rest, columns)[0],
        };
        rows.push(row);
        rest = rest[row.len()..].trim_start_matches(' ');
    }
    rows.push(rest);
    rows
}

/// Returns where `text` has to be cut to fit into `columns`; `None` when it fits whole.
fn first_row(text: &str, columns: usize) -> Option<usize> {
    let (mut used, mut marks) = (0, 0);
    for (at, c) in text.char_indices() {
        // The emoji selector widens what stands before it.
        let wide = if c == '\u{fe0f}' {
            1
        } else {
            c.width().unwrap_or(0)
        };
        marks = if wide == 0 { marks + 1 } else { 0 };
        used += wide;
        if used > columns || marks > MARKS {
            return Some(at);
        }
    }
    None
}

/// One line while it grows. Holds clean text only.
#[derive(Default)]
struct Line {
    text: String,
    /// Bytes that are kept; 0 for all.
    limit: usize,
    column: usize,
    /// Something was dropped at the front.
    cut: bool,
    /// A `\r` came: the next character starts the line anew.
    returned: bool,
    /// A joiner came after an emoji: kept when another one follows.
    joiner: bool,
    last: Last,
    /// The cancelling byte of our own is not to be told.
    deaf: bool,
}

/// What the last character was, for those that depend on it.
#[derive(Clone, Copy, Default, PartialEq)]
enum Last {
    #[default]
    Other,
    Plain,
    Emoji,
}

impl Line {
    fn clear(&mut self) {
        *self = Self {
            text: std::mem::take(&mut self.text),
            limit: self.limit,
            ..Self::default()
        };
        self.text.clear();
    }

    /// Adds a character of any kind.
    fn put(&mut self, c: char) {
        if c == '\u{200d}' && self.last == Last::Emoji && !self.joiner && !self.returned {
            self.joiner = true;
            return;
        }
        let emoji = matches!(c, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}');
        if std::mem::take(&mut self.joiner) {
            if emoji {
                self.add('\u{200d}');
            } else {
                self.number('\u{200d}');
            }
        }
        match c {
            '\0'..='\x1f' => self.show(char::from_u32(0x2400 + u32::from(c)).unwrap_or('␦')),
            '\x7f' => self.show('␡'),
            '\u{fe0e}' | '\u{fe0f}' if self.last != Last::Other => {
                let last = self.last;
                self.add(c);
                self.last = if last == Last::Emoji {
                    Last::Emoji
                } else {
                    Last::Other
                };
            }
            _ if is_hidden(c) => self.number(c),
            _ => {
                self.add(c);
                self.last = if emoji { Last::Emoji } else { Last::Plain };
            }
        }
    }

    fn number(&mut self, c: char) {
        for c in c.escape_unicode() {
            self.add(c);
        }
        self.last = Last::Other;
    }

    fn show(&mut self, picture: char) {
        self.add(picture);
        self.last = Last::Other;
    }

    /// Adds a character that is clean.
    fn add(&mut self, c: char) {
        if self.returned {
            self.clear();
        }
        self.text.push(c);
        self.column += c.width().unwrap_or(0);
        // Twice the limit may pile up, so that moving the rest is rare.
        if self.limit > 0 && self.text.len() > self.limit * 2 {
            let from = self.kept_from();
            self.text.drain(..from);
            self.cut = true;
        }
    }

    /// Returns where the kept end of the text begins.
    fn kept_from(&self) -> usize {
        let from = self.text.len().saturating_sub(self.limit);
        (from..=self.text.len())
            .find(|&at| self.text.is_char_boundary(at))
            .unwrap_or(from)
    }

    fn told(&self) -> Cow<'_, str> {
        let over = self.limit > 0 && self.text.len() > self.limit;
        let text = if over {
            &self.text[self.kept_from()..]
        } else {
            &self.text
        };
        if !over && !self.cut && !self.joiner {
            return Cow::Borrowed(text);
        }
        let mark = if over || self.cut { "…" } else { "" };
        let joiner = if self.joiner { "\\u{200d}" } else { "" };
        Cow::Owned(format!("{mark}{text}{joiner}"))
    }
}

impl Perform for Line {
    fn print(&mut self, c: char) {
        self.put(c);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            _ if self.deaf => (),
            b'\r' => self.returned = true,
            b'\t' => {
                let column = if self.returned { 0 } else { self.column };
                for _ in 0..TAB - column % TAB {
                    self.put(' ');
                }
            }
            0x08 => {
                if !self.returned && !std::mem::take(&mut self.joiner) {
                    let gone = self.text.pop().and_then(|c| c.width()).unwrap_or(0);
                    self.column = self.column.saturating_sub(gone);
                    self.last = Last::Other;
                }
            }
            // Shifts between character sets: as much a sequence as those with an escape.
            0x0e | 0x0f => (),
            byte => self.put(char::from(byte)),
        }
    }
}

/// Returns whether `c` may be written as it is.
pub(super) fn is_plain(c: char) -> bool {
    !c.is_control() && !is_hidden(c)
}

/// Whether `c` takes no ink, moves what stands beside it, or ends a line.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{
        Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
    };

    use super::{Cleaner, block, fit, inline, is_hidden, lines, pad, width, wrap, wrap_words};

    fn cleaned(bytes: &[u8]) -> String {
        lines(bytes, 64).join("\n")
    }

    #[test]
    fn escape_sequences_leave_nothing() {
        assert_eq!(
            cleaned(b"\x1b[31mred\x1b[0m \x1b]0;title\x07plain \x1bPq\x1b\\end"),
            "red plain end"
        );
        assert_eq!(cleaned("\u{9b}31mc1".as_bytes()), "\\u{9b}31mc1");
    }

    #[test]
    fn an_unfinished_sequence_hides_only_its_own_line() {
        assert_eq!(cleaned(b"\x1b]0;never ended\nshown\n\x1b["), "\nshown\n");
    }

    #[test]
    fn a_progress_bar_leaves_its_last_state() {
        assert_eq!(
            cleaned(b"10%\r50%\r100%\r\nnext\r\nlast\r"),
            "100%\nnext\nlast"
        );
        assert_eq!(cleaned(b"|\x08/\x08-\x08done"), "done");
    }

    #[test]
    fn tabs_become_columns() {
        assert_eq!(cleaned("a\tb\n日本\tb".as_bytes()), "a       b\n日本    b");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(
            cleaned("bell\x07 \u{202e}evil\u{200b}\x7f".as_bytes()),
            "bell␇ \\u{202e}evil\\u{200b}␡"
        );
        assert_eq!(cleaned(b"\xff\xfeok"), "\u{fffd}\u{fffd}ok");
        assert_eq!(inline("a\x1b[31m\nb"), "a␛[31m␊b");
        assert_eq!(block("a\tb\r\n\x1b\n"), "a    b\n␛\n");
    }

    #[test]
    fn joined_emoji_stay_joined_and_stray_joiners_show() {
        assert_eq!(
            inline("👩\u{200d}💻 ❤\u{fe0f} 🏳\u{fe0f}\u{200d}🌈"),
            "👩\u{200d}💻 ❤\u{fe0f} 🏳\u{fe0f}\u{200d}🌈"
        );
        assert_eq!(inline("pa\u{200d}ss"), "pa\\u{200d}ss");
        assert_eq!(inline("💻\u{200d}x"), "💻\\u{200d}x");
    }

    #[test]
    fn of_a_line_that_never_ends_the_end_is_kept() {
        let mut cleaner = Cleaner::new(8);
        for _ in 0..10_000 {
            cleaner.push("é0123456789".as_bytes(), |_| panic!("no line ended"));
            assert!(cleaner.line.text.len() <= 16);
        }
        assert_eq!(cleaner.current(), "…23456789");
    }

    #[test]
    fn text_is_cut_to_columns() {
        assert_eq!(fit("Respaldo de la base", 8), "Respald…");
        assert_eq!(fit("データベース", 8), "データ…");
        assert_eq!(pad("データベース", 8), "データ… ");
        assert_eq!(pad("año", 5), "año  ");
        assert_eq!(wrap("データベース", 5), ["デー", "タベ", "ース"]);
        assert_eq!(
            wrap_words("one day in May it rained", 10),
            ["one day in", "May it", "rained"]
        );
        assert_eq!(wrap_words("a 0123456789 b", 5), ["a 012", "34567", "89 b"]);
    }

    fn nasty() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<Vec<u8>>(),
            any::<String>().prop_map(String::into_bytes),
            prop_oneof![
                Just("\x1b]0;x"),
                Just("\x1b[2K"),
                Just("\x1bP"),
                Just("\r"),
                Just("\n"),
                Just("\t"),
                Just("\x08"),
                Just("\u{202e}"),
                Just("👩\u{200d}💻"),
                Just("❤\u{fe0f}"),
                Just("日本"),
                Just("e\u{301}\u{301}\u{301}"),
                Just("\u{200d}"),
                Just("\u{9b}1m"),
                Just("\x18"),
            ]
            .prop_map(|text| text.as_bytes().to_vec()),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn is_clean(text: &str) -> bool {
        !text.chars().any(|c| {
            c.is_control()
                || (is_hidden(c) && c != '\u{200d}' && !matches!(c, '\u{fe0e}' | '\u{fe0f}'))
        })
    }

    proptest! {
        #[test]
        fn no_control_character_survives(bytes in nasty(), columns in 0usize..40) {
            for line in lines(&bytes, 256) {
                prop_assert!(is_clean(&line), "{line:?}");
                let room = 256 + "…".len() + "\\u{200d}".len();
                prop_assert!(line.len() <= room);
                prop_assert!(width(&fit(&line, columns)) <= columns);
                prop_assert_eq!(width(&pad(&line, columns)), columns);
                prop_assert_eq!(wrap(&line, columns).concat(), line.clone());
                for row in wrap_words(&line, columns) {
                    prop_assert!(width(row) <= columns.max(2));
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            prop_assert!(is_clean(&inline(&text)));
            prop_assert!(is_clean(&block(&text).replace('\n', "")));
        }

        #[test]
        fn the_chunks_do_not_matter(bytes in nasty(), size in 1usize..7) {
            let mut chunked = Vec::new();
            let mut cleaner = Cleaner::new(64);
            for chunk in bytes.chunks(size) {
                cleaner.push(chunk, |line| chunked.push(line.to_owned()));
            }
            cleaner.finish(|line| chunked.push(line.to_owned()));
            prop_assert_eq!(chunked, lines(&bytes, 64));
        }
    }
}
