//! Where in a shell script a value stands. Reads the script as a shell does, quote by quote, and says
//! so where it does not know: there only harmless characters go in.

use std::ops::Range;

use crate::model::Stands;

/// What the shell is reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// Commands; `$(…)` and `(…)` are commands too.
    Code,
    Double,
    Single,
    /// `$'…'`
    Ansi,
    Backtick,
    /// `${…}`
    Parameter,
    /// `$((…))` and `((…))`
    Arithmetic,
}

/// What opened or closed. Single quotes, which values bring along, leave no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trace {
    Opened(Frame),
    Closed(Frame),
    Comment,
    HereDocument(String),
    Ended,
    /// A line of commands: more of them, and a here-document has ended too early.
    Line,
}

/// What was made of a script.
#[derive(Debug)]
pub(super) struct Reading {
    /// Where each of the offsets that were asked for stands.
    pub(super) stands: Vec<Stands>,
    /// In its order, each with its place, what values take up aside.
    trace: Vec<(Trace, usize)>,
}

impl Reading {
    /// Whether both scripts open and close the same in the same places: the values of one became no
    /// code of the other.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.trace == other.trace
    }
}

/// Programs that hand a here-document on as it is.
const COPIES: &[&str] = &["cat", "sudo", "tee", "wc"];

/// Reads `script`; `offsets`, of which it says where they stand, are in ascending order, and so are
/// `values`, the bytes that values take up. `knows_ansi` says whether `$'…'` is a quote for this shell:
/// an `sh` may be one or the other.
pub(super) fn read(
    script: &str,
    offsets: &[usize],
    values: &[Range<usize>],
    knows_ansi: bool,
) -> Reading {
    let mut reader = Reader {
        script,
        offsets,
        values,
        passed: (0, 0),
        at: 0,
        knows_ansi,
        frames: vec![Frame::Code],
        waiting: Vec::new(),
        is_lost: false,
        line: 0,
        reading: Reading {
            stands: Vec::with_capacity(offsets.len()),
            trace: Vec::new(),
        },
    };
    reader.all();
    reader.reading
}

struct HereDocument {
    word: String,
    strips_tabs: bool,
    expands: bool,
    copies: bool,
}

struct Reader<'s> {
    script: &'s str,
    offsets: &'s [usize],
    values: &'s [Range<usize>],
    /// How many values are behind, and how many bytes they take up.
    passed: (usize, usize),
    /// Where the reader is.
    at: usize,
    knows_ansi: bool,
    frames: Vec<Frame>,
    waiting: Vec<HereDocument>,
    /// Something was seen that this reader does not follow.
    is_lost: bool,
    /// Where the line of commands began.
    line: usize,
    reading: Reading,
}

impl Reader<'_> {
    fn all(&mut self) {
        let mut at = 0;
        let mut before = '\n';
        while let Some(c) = self.script[at..].chars().next() {
            self.at = at;
            let stands = self.stands();
            self.tell(at, stands);
            let rest = &self.script[at..];
            let next = at + c.len_utf8();
            let top = self.top();
            let after = rest[c.len_utf8()..].chars().next();
            // What is read as one mark.
            let mut length = c.len_utf8();
            match top {
                Frame::Single => {
                    if c == '\'' {
                        self.frames.pop();
                    }
                }
                Frame::Ansi if c == '\\' => length += after.map_or(0, char::len_utf8),
                Frame::Ansi => {
                    if c == '\'' {
                        self.close();
                    }
                }
                _ if c == '\\' => length += after.map_or(0, char::len_utf8),
                _ if rest.starts_with("$((") => {
                    self.open(Frame::Arithmetic);
                    self.frames.push(Frame::Arithmetic);
                    length = 3;
                }
                _ if rest.starts_with("$(") => {
                    self.open(Frame::Code);
                    length = 2;
                }
                _ if rest.starts_with("${") => {
                    self.open(Frame::Parameter);
                    length = 2;
                }
                _ if c == '`' => match top {
                    Frame::Backtick => self.close(),
                    _ if self.frames.contains(&Frame::Backtick) => self.is_lost = true,
                    _ => self.open(Frame::Backtick),
                },
                _ if rest.starts_with("$[") => self.is_lost = true,
                Frame::Double => match c {
                    '"' => self.close(),
                    '\n' if !self.waiting.is_empty() => self.is_lost = true,
                    _ => {}
                },
                _ if c == '"' => self.open(Frame::Double),
                _ if c == '\'' && before == '$' => {
                    // `$$'…'` is a number and a quote.
                    let is_number = self.script[..at].ends_with("$$");
                    self.is_lost |= !self.knows_ansi || is_number;
                    self.open(Frame::Ansi);
                }
                _ if c == '\'' => {
                    // `"${x:-it's}"`: for some a quote, for some a letter.
                    self.is_lost |= top == Frame::Parameter && self.frames.contains(&Frame::Double);
                    self.frames.push(Frame::Single);
                }
                Frame::Parameter => {
                    if c == '}' {
                        self.close();
                    }
                }
                Frame::Arithmetic => match c {
                    '(' => self.frames.push(Frame::Arithmetic),
                    ')' => self.close_arithmetic(),
                    _ => {}
                },
                Frame::Code | Frame::Backtick => {
                    length = self.code(at, c, before);
                }
            }
            before = self.script[at..at + length]
                .chars()
                .next_back()
                .unwrap_or(c);
            if length > c.len_utf8() && c == '\\' {
                // An escaped character begins no word and no comment.
                before = 'x';
            }
            at = (at + length).max(next);
        }
        let stands = self.stands();
        self.tell(usize::MAX, stands);
        self.at = self.script.len();
        if self.line < self.script.len() {
            self.record(Trace::Line);
        }
    }

    /// Reads one mark of commands; returns its bytes.
    fn code(&mut self, at: usize, c: char, before: char) -> usize {
        let rest = &self.script[at..];
        let begins_word = before.is_whitespace() || ";&|()<>`".contains(before);
        match c {
            '(' if rest.starts_with("((") && begins_word => {
                self.open(Frame::Arithmetic);
                self.frames.push(Frame::Arithmetic);
                return 2;
            }
            '(' => self.open(Frame::Code),
            ')' if self.frames.len() > 1 && self.top() == Frame::Code => self.close(),
            '#' if begins_word => {
                self.record(Trace::Comment);
                let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
                self.tell(at + end, Stands::Plain);
                return end;
            }
            '<' if rest.starts_with("<<<") => return 3,
            '<' if rest.starts_with("<<") => return self.announce(at),
            '\n' => return self.here_documents(at),
            // Its patterns close parentheses that nothing opened.
            'c' if begins_word && self.frames.len() > 1 && is_word(rest, "case") => {
                self.is_lost = true;
            }
            _ => {}
        }
        c.len_utf8()
    }

    // `<<EOF`, `<<-'EOF'`.
    fn announce(&mut self, at: usize) -> usize {
        let rest = &self.script[at + 2..];
        let strips_tabs = rest.starts_with('-');
        let mut word = String::new();
        let mut expands = true;
        let mut length = 2 + usize::from(strips_tabs);
        let mut quote = None;
        let mut has_begun = false;
        let mut chars = self.script[at + length..].chars();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (None, ' ' | '\t') if !has_begun => {}
                (None, c) if c.is_whitespace() || ";&|<>()".contains(c) => break,
                (None, '\'' | '"') => {
                    quote = Some(c);
                    expands = false;
                }
                (Some(open), c) if c == open => quote = None,
                (None, '\\') => {
                    expands = false;
                    length += 1;
                    let Some(c) = chars.next() else { break };
                    word.push(c);
                    length += c.len_utf8();
                    has_begun = true;
                    continue;
                }
                (_, c) => {
                    self.is_lost |= "$`\n\\".contains(c);
                    word.push(c);
                }
            }
            has_begun |= !matches!(c, ' ' | '\t');
            length += c.len_utf8();
        }
        let end = memchr::memchr(b'\n', &self.script.as_bytes()[at..]);
        let line = &self.script[self.line..end.map_or(self.script.len(), |it| at + it)];
        let programs = line.split(['|', ';', '&', '(', ')', '\n']);
        let copies = programs
            .filter_map(|it| it.split_whitespace().next())
            .all(|it| COPIES.contains(&it));
        // `sudo bash` copies nothing.
        let copies = copies
            && line
                .split("sudo ")
                .skip(1)
                .all(|it| COPIES.contains(&it.split_whitespace().next().unwrap_or_default()));
        self.record(Trace::HereDocument(word.clone()));
        self.waiting.push(HereDocument {
            word,
            strips_tabs,
            expands,
            copies,
        });
        length
    }

    // The end of a line: what was announced on it comes now.
    fn here_documents(&mut self, at: usize) -> usize {
        let mut start = at + 1;
        self.record(Trace::Line);
        for document in std::mem::take(&mut self.waiting) {
            let text = &self.script[start..];
            let (mut length, mut inner) = (text.len(), text.len());
            let mut read = 0;
            for line in text.split_inclusive('\n') {
                let bare = line.trim_end_matches('\n');
                let bare = if document.strips_tabs {
                    bare.trim_start_matches('\t')
                } else {
                    bare
                };
                if bare == document.word {
                    (length, inner) = (read + line.len(), read);
                    break;
                }
                read += line.len();
            }
            let stands = match (document.copies && !self.is_lost, document.expands) {
                (false, _) => Stands::Plain,
                (true, true) => Stands::Expanded,
                (true, false) => Stands::Verbatim,
            };
            // Within an expansion of its own a value is more than text: a word that `is_computed`
            // would have to read as the shell does.
            let inside = &text[..inner];
            let computes = inside.contains('`') || inside.contains("$(");
            let stands = if document.expands && computes {
                Stands::Plain
            } else {
                stands
            };
            self.tell(start + inner, stands);
            self.at = start + inner;
            self.record(Trace::Ended);
            start += length;
        }
        self.line = start;
        start - at
    }

    fn top(&self) -> Frame {
        self.frames.last().copied().unwrap_or(Frame::Code)
    }

    fn record(&mut self, trace: Trace) {
        while let Some(value) = self
            .values
            .get(self.passed.0)
            .filter(|it| it.end <= self.at)
        {
            self.passed = (self.passed.0 + 1, self.passed.1 + value.len());
        }
        let inside = self.values.get(self.passed.0);
        let inside = inside.map_or(0, |it| self.at.saturating_sub(it.start));
        let place = self.at - self.passed.1 - inside;
        self.reading.trace.push((trace, place));
    }

    fn open(&mut self, frame: Frame) {
        self.frames.push(frame);
        self.record(Trace::Opened(frame));
    }

    fn close(&mut self) {
        if self.frames.len() > 1
            && let Some(frame) = self.frames.pop()
        {
            self.record(Trace::Closed(frame));
        }
    }

    fn close_arithmetic(&mut self) {
        self.frames.pop();
        if self.top() != Frame::Arithmetic {
            self.record(Trace::Closed(Frame::Arithmetic));
        }
    }

    fn stands(&self) -> Stands {
        let known = |frame: &Frame| matches!(frame, Frame::Code | Frame::Double);
        match self.frames.split_last() {
            _ if self.is_lost => Stands::Plain,
            Some((Frame::Single, below)) if below.iter().all(known) => Stands::SingleQuoted,
            Some((Frame::Double, below)) if below.iter().all(known) => Stands::DoubleQuoted,
            Some((Frame::Code, below)) if below.iter().all(known) => Stands::Bare,
            _ => Stands::Plain,
        }
    }

    /// Says of the offsets up to `end` that they stand so.
    fn tell(&mut self, end: usize, stands: Stands) {
        let told = self.reading.stands.len();
        let more = self.offsets[told..].iter().take_while(|it| **it <= end);
        let more = more.count();
        self.reading
            .stands
            .extend(std::iter::repeat_n(stands, more));
    }
}

fn is_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word)
        .is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::model::Stands;

    /// Where each `@` of the script stands.
    fn check(script: &str, wanted: &[Stands]) {
        let offsets: Vec<usize> = script.match_indices('@').map(|(at, _)| at).collect();
        assert_eq!(read(script, &offsets, &[], true).stands, wanted, "{script}");
    }

    #[test]
    fn a_place_is_known_or_harmless() {
        use Stands::{Bare, DoubleQuoted, Expanded, Plain, SingleQuoted, Verbatim};
        check("a @ \"@\" '@' @", &[Bare, DoubleQuoted, SingleQuoted, Bare]);
        check("echo $'it\\'s' @", &[Bare]);
        check("echo $'@'", &[Plain]);
        check("echo \"$(echo '\"')\" @", &[Bare]);
        check(
            "echo \"a $(echo @ \"@\") @\"",
            &[Bare, DoubleQuoted, DoubleQuoted],
        );
        check("# don't @\necho @", &[Plain, Bare]);
        check("echo a#'@' @", &[SingleQuoted, Bare]);
        check("echo `echo @` @", &[Plain, Bare]);
        check("echo $((1 << @)) @\n@", &[Plain, Bare, Bare]);
        check("echo ${a:-@} @", &[Plain, Bare]);
        check("echo \"${a:-it's}\" @", &[Plain]);
        check("x=$(case a in a) echo;; esac) @", &[Plain]);
        check("case a in a) echo @;; esac", &[Bare]);
        check("cat <<EOF\n@\nEOF\necho '@'", &[Expanded, SingleQuoted]);
        check("cat > f <<'E F'\nit's @\nE F\n@", &[Verbatim, Bare]);
        check("cat <<-EOF\n\t@\n\tEOF\n@", &[Expanded, Bare]);
        check("psql <<EOF\n@\nEOF\n@", &[Plain, Bare]);
        check("cat <<EOF | psql\n@\nEOF\n@", &[Plain, Bare]);
        check("cat <<EOF\n$(echo @)\nEOF\n", &[Plain]);
        check("cat <<A <<'B'\n@\nA\n@\nB\n@", &[Expanded, Verbatim, Bare]);
    }
}
