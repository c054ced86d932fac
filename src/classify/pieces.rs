//! A fence's body → runs of lines that belong together. A light scanner, no parser: it knows quotes,
//! here-documents, compound commands and lines that go on, and nothing of what commands do. Linear.

use std::collections::BTreeSet;
use std::ops::Range;

use super::text::{Dialect, Parts};

/// A run of lines, with the comment above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// From the start of its first line to the end of its last, line feed excluded.
    pub(super) range: Range<usize>,
    /// Holds nothing but comments.
    pub(super) is_comment: bool,
    /// Its first comment line, without marks.
    pub(super) title: String,
}

/// Bodies beyond this are one piece: nobody reads them as commands one by one.
pub(super) const LONGEST_BODY: usize = 64 * 1024;

/// Splits `body` at comments and blank lines at the top level.
pub(super) fn split(body: &str, dialect: Dialect) -> Vec<Run> {
    if body.len() > LONGEST_BODY {
        return whole(body).into_iter().collect();
    }
    let mut scan = Scan::new(body, dialect);
    let mut runs = scan.runs();
    // A quote or a loop that never ends is none: `echo it's`. Lines then stand for themselves.
    if scan.is_open() {
        scan = Scan::new(body, dialect);
        scan.lines_stand_alone = true;
        runs = scan.runs();
    }
    runs
}

/// Returns the whole body as one run, blank lines around it left out; `None` where it is blank.
pub(super) fn whole(body: &str) -> Option<Run> {
    let mut range: Option<Range<usize>> = None;
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let text = line.trim_end();
        if !text.is_empty() {
            let start = range.as_ref().map_or(at, |range| range.start);
            range = Some(start..at + text.len());
        }
        at += line.len();
    }
    let range = range?;
    let mut title = String::new();
    for line in body[range.clone()].each_line().take(8) {
        match remark(line) {
            Some(text) if text.chars().any(char::is_alphanumeric) => {
                text.clone_into(&mut title);
                break;
            }
            Some(_) => {}
            None => break,
        }
    }
    Some(Run {
        is_comment: false,
        title,
        range,
    })
}

/// Returns the text of a line that is a comment in any of the languages that manuals hold.
pub(super) fn remark(line: &str) -> Option<&str> {
    let line = line.trim();
    let marks: &[&str] = &["#", "//", "-- ", ";", "REM ", "rem ", "::", "<!--"];
    let mark = marks.iter().find(|mark| line.starts_with(**mark))?;
    if line.starts_with("#!") {
        return Some("");
    }
    let text = line[mark.len()..].trim_start_matches(['#', '/', '-', '=', '*', '─', '═', '━']);
    Some(
        text.trim_end_matches(['#', '-', '=', '*', '─', '═', '━', ' ', '>'])
            .trim(),
    )
}

/// What opened and waits for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Parenthesis,
    Brace,
    Case,
    If,
    Loop,
}

struct Scan<'a> {
    body: &'a str,
    dialect: Dialect,
    /// Quotes and compounds end with their line.
    lines_stand_alone: bool,
    quote: Option<u8>,
    open: Vec<Open>,
    goes_on: bool,
    /// Inside of JSON brackets nest; a shell's do not.
    is_payload: bool,
    /// Here-documents whose end was looked for in vain: never again.
    endless: BTreeSet<&'a str>,
}

impl<'a> Scan<'a> {
    fn new(body: &'a str, dialect: Dialect) -> Self {
        Self {
            body,
            dialect,
            lines_stand_alone: false,
            quote: None,
            open: Vec::new(),
            goes_on: false,
            is_payload: false,
            endless: BTreeSet::new(),
        }
    }

    fn is_open(&self) -> bool {
        self.quote.is_some() || !self.open.is_empty()
    }

    fn runs(&mut self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut current: Option<Run> = None;
        let mut json: Option<usize> = None;
        let mut at = 0;
        while at < self.body.len() {
            let end = self.line_end(at);
            let line = &self.body[at..end];
            let next = (end + 1).min(self.body.len());
            let is_top = self.quote.is_none() && self.open.is_empty() && !self.goes_on;
            if line.trim().is_empty() {
                self.goes_on = false;
                if is_top {
                    runs.extend(current.take());
                }
                at = next;
                continue;
            }
            let comment = is_top.then(|| self.comment(line)).flatten();
            let last = at + line.trim_end().len();
            if let Some(text) = comment {
                if current.as_ref().is_some_and(|run| !run.is_comment) {
                    runs.extend(current.take());
                }
                let run = current.get_or_insert_with(|| Run {
                    range: at..last,
                    is_comment: true,
                    title: String::new(),
                });
                run.range.end = last;
                if run.title.is_empty() {
                    text.clone_into(&mut run.title);
                }
                at = next;
                continue;
            }
            // A payload that begins at the margin is no part of the command above it.
            if is_top && opens_payload(line) {
                if current.as_ref().is_some_and(|run| !run.is_comment) {
                    runs.extend(current.take());
                }
                json = Some(at);
                self.is_payload = true;
            }
            let run = current.get_or_insert_with(|| Run {
                range: at..last,
                is_comment: false,
                title: String::new(),
            });
            run.is_comment = false;
            run.range.end = last;
            let after = self.line(at, end);
            if after > next {
                // A here-document was passed over.
                run.range.end = at + self.body[at..after].trim_end().len();
            }
            at = after.max(next);
            if json.is_some() && !self.is_open() {
                json = None;
                self.is_payload = false;
                runs.extend(current.take());
            }
        }
        runs.extend(current);
        runs
    }

    fn line_end(&self, at: usize) -> usize {
        memchr::memchr(b'\n', &self.body.as_bytes()[at..]).map_or(self.body.len(), |n| at + n)
    }

    /// Returns the text of a comment line.
    fn comment<'b>(&self, line: &'b str) -> Option<&'b str> {
        let text = line.trim_start();
        let is_comment = match self.dialect {
            Dialect::Shell | Dialect::Powershell => {
                text.starts_with('#') && !text.starts_with("#!")
            }
            Dialect::Other => {
                text.starts_with('#') || text.starts_with("-- ") || text.starts_with("//")
            }
        };
        if !is_comment {
            return None;
        }
        remark(text)
    }

    /// Passes over the line `at..end`; returns where the next begins, here-documents passed over.
    fn line(&mut self, at: usize, end: usize) -> usize {
        let bytes = self.body.as_bytes();
        let escape = if self.dialect == Dialect::Powershell {
            b'`'
        } else {
            b'\\'
        };
        let mut waiting: Vec<(&'a str, bool)> = Vec::new();
        let mut starts_command = !self.goes_on || self.quote.is_none();
        let mut last_code = at;
        let mut index = at;
        self.goes_on = false;
        while index < end {
            let byte = bytes[index];
            if let Some(open) = self.quote {
                last_code = index + 1;
                if byte == escape && open == b'"' {
                    index += 2;
                } else {
                    if byte == open {
                        self.quote = None;
                    }
                    index += 1;
                }
                starts_command = false;
                continue;
            }
            match byte {
                b' ' | b'\t' | b'\r' => {
                    index += 1;
                    continue;
                }
                b'#' if index == at
                    || matches!(bytes[index - 1], b' ' | b'\t' | b';' | b'&' | b'|' | b'(') =>
                {
                    break;
                }
                b'"' | b'\'' => {
                    // A here-string of PowerShell ends at the line's start, like any quote here.
                    self.quote = Some(byte);
                    starts_command = false;
                    index += 1;
                }
                b'<' if self.dialect == Dialect::Shell
                    && bytes[index + 1..end].starts_with(b"<")
                    && !bytes[index + 2..end].starts_with(b"<") =>
                {
                    let (word, length) = here(&self.body[index + 2..end]);
                    if !word.is_empty() {
                        waiting.push((word, bytes[index + 2..end].starts_with(b"-")));
                    }
                    index += 2 + length;
                    starts_command = false;
                }
                b'<' if bytes[index + 1..end].starts_with(b"<<") => index += 3,
                b';' | b'|' | b'&' => {
                    starts_command = true;
                    index += 1;
                }
                b'(' => {
                    self.open.push(Open::Parenthesis);
                    starts_command = true;
                    index += 1;
                }
                b')' => {
                    if self.open.last() == Some(&Open::Parenthesis) {
                        self.open.pop();
                    }
                    starts_command = true;
                    index += 1;
                }
                b'$' => {
                    if bytes[index + 1..end].starts_with(b"{") {
                        self.open.push(Open::Brace);
                        index += 1;
                    }
                    index += 1;
                    starts_command = false;
                }
                b'{' if self.dialect != Dialect::Shell
                    || starts_command
                    || self.open.last() == Some(&Open::Brace) =>
                {
                    self.open.push(Open::Brace);
                    index += 1;
                }
                b'[' if self.is_payload => {
                    self.open.push(Open::Brace);
                    index += 1;
                }
                b']' if !self.is_payload => index += 1,
                b'}' | b']' => {
                    if self.open.last() == Some(&Open::Brace) {
                        self.open.pop();
                    }
                    starts_command = true;
                    index += 1;
                }
                _ if byte == escape => {
                    if index + 1 >= end
                        || bytes[index + 1..end]
                            .iter()
                            .all(|b| matches!(b, b' ' | b'\r'))
                    {
                        self.goes_on = true;
                    }
                    index += 2;
                }
                _ => {
                    let length = bytes[index..end]
                        .iter()
                        .position(|byte| {
                            matches!(
                                byte,
                                b' ' | b'\t'
                                    | b'\r'
                                    | b';'
                                    | b'|'
                                    | b'&'
                                    | b'('
                                    | b')'
                                    | b'{'
                                    | b'}'
                                    | b'['
                                    | b']'
                                    | b'"'
                                    | b'\''
                                    | b'<'
                                    | b'$'
                            ) || *byte == escape
                        })
                        .unwrap_or(end - index)
                        .max(1);
                    if starts_command && self.dialect == Dialect::Shell {
                        starts_command = self.word(&bytes[index..index + length]);
                    } else {
                        starts_command = false;
                    }
                    index += length;
                    // `name() {`: what follows the parentheses is a command again.
                }
            }
            last_code = index.min(end);
        }
        let code = self
            .body
            .get(at..last_code.min(end))
            .unwrap_or_default()
            .trim_end();
        if self.quote.is_none() && (code.ends_with('|') || code.ends_with("&&")) {
            self.goes_on = true;
        }
        let mut next = (end + 1).min(self.body.len());
        for (word, strips_tabs) in waiting {
            if let Some(after) = self.here_end(word, strips_tabs, next) {
                next = after;
            }
        }
        if self.lines_stand_alone {
            self.quote = None;
            self.open.clear();
        }
        next
    }

    /// Notes a word where a command begins; returns whether a command may begin after it.
    fn word(&mut self, word: &[u8]) -> bool {
        let closes = |open: &mut Vec<Open>, kind| {
            if open.last() == Some(&kind) {
                open.pop();
            }
        };
        match word {
            b"if" => self.open.push(Open::If),
            b"for" | b"while" | b"until" | b"select" => {
                self.open.push(Open::Loop);
                return word != b"for" && word != b"select";
            }
            b"case" => {
                self.open.push(Open::Case);
                return false;
            }
            b"fi" => closes(&mut self.open, Open::If),
            b"done" => closes(&mut self.open, Open::Loop),
            b"esac" => closes(&mut self.open, Open::Case),
            b"then" | b"do" | b"else" | b"elif" | b"!" | b"time" => {}
            _ => return false,
        }
        true
    }

    fn here_end(&mut self, word: &'a str, strips_tabs: bool, start: usize) -> Option<usize> {
        if self.endless.contains(word) || self.endless.len() > 16 {
            return None;
        }
        let mut at = start;
        while at < self.body.len() {
            let end = self.line_end(at);
            let line = self.body[at..end].trim_end_matches('\r');
            let line = if strips_tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            let next = (end + 1).min(self.body.len());
            if line == word {
                return Some(next);
            }
            at = next;
        }
        self.endless.insert(word);
        None
    }
}

/// Returns the word of a here-document and how many bytes were read for it.
fn here(rest: &str) -> (&str, usize) {
    let inner = rest.trim_start_matches(['-', ' ', '\t', '\\']);
    let skipped = rest.len() - inner.len();
    match inner.as_bytes().first() {
        Some(quote @ (b'"' | b'\'')) => {
            let word = inner[1..].split(*quote as char).next().unwrap_or_default();
            (word, (skipped + word.len() + 2).min(rest.len()))
        }
        Some(_) => {
            let length = inner
                .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '!' | '%')))
                .unwrap_or(inner.len());
            (&inner[..length], skipped + length)
        }
        None => ("", skipped),
    }
}

/// Whether a line begins a JSON object or list: no command begins like that.
pub(super) fn opens_payload(line: &str) -> bool {
    let line = line.trim_end();
    if line == "{" || line == "[" {
        return true;
    }
    let Some(rest) = line.strip_prefix(['{', '[']) else {
        return false;
    };
    let rest = rest.trim_start();
    rest.starts_with('"')
        && (rest.contains("\":") || rest.contains("\" :") || line.starts_with('['))
        || line.starts_with("[{")
        || line.starts_with("{}")
        || line.starts_with("[]")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{Dialect, split};

    fn check(body: &str, dialect: Dialect, expected: &[&str]) {
        let runs = split(body, dialect);
        let texts: Vec<_> = runs.iter().map(|run| &body[run.range.clone()]).collect();
        assert_eq!(texts, expected, "{body}");
    }

    #[test]
    fn pieces_end_at_comments_and_blank_lines() {
        check(
            "# one\nls\ncd x\n\n# two\n# more\nrm x\n# end\n",
            Dialect::Shell,
            &["# one\nls\ncd x", "# two\n# more\nrm x", "# end"],
        );
        check("\n\n", Dialect::Shell, &[]);
        let runs = split("# --------\n#  Do it ##\nls\n\n# why\n", Dialect::Shell);
        assert_eq!(runs[0].title, "Do it");
        assert!(!runs[0].is_comment && runs[1].is_comment);
    }

    #[test]
    fn nothing_is_split_inside_what_belongs_together() {
        for body in [
            "cat > f <<EOF\n# a\n\nb\nEOF",
            "cat <<-'E F' | tee x\n\n\t# x\n\tE F",
            "for i in 1 2; do\n\n  # c\n  echo $i\ndone",
            "if true; then\n\n# c\nls; fi",
            "case $x in\n  a) ls ;;\n\n  # c\n  *) rm ;;\nesac",
            "f() {\n\n # c\n ls\n}",
            "(\n cd x\n\n ls\n)",
            "docker run \\\n  -d \\\n  nginx",
            "curl x |\n# c\n jq .",
            "make &&\n ls",
            "echo 'a\n\n# b\n'",
            "curl -d '{\n\n# b\n}' x",
            "x=$(\n\n ls\n)",
            "while read -r l; do\n\n# c\necho; done < f",
        ] {
            check(body, Dialect::Shell, &[body]);
        }
        for body in [
            "docker run `\n  -d `\n  nginx",
            "if ($x) {\n\n# c\n  ls\n}",
            "$x = @\"\n\n# a\n\"@",
            "Get-Item x |\n  Select y",
        ] {
            check(body, Dialect::Powershell, &[body]);
        }
    }

    #[test]
    fn what_never_ends_does_not_swallow_the_rest() {
        check("echo it's\n\nls", Dialect::Shell, &["echo it's", "ls"]);
        check("for x in y\n\nls", Dialect::Shell, &["for x in y", "ls"]);
        check(
            "n=$((1<<width))\n\nls",
            Dialect::Shell,
            &["n=$((1<<width))", "ls"],
        );
        check(
            "echo done\n\nls # it's\n\npwd",
            Dialect::Shell,
            &["echo done", "ls # it's", "pwd"],
        );
    }

    #[test]
    fn a_payload_is_a_piece_of_its_own() {
        check(
            "{\n  \"a\": [1]\n}\ncurl x\n{\"b\": 1}\nls",
            Dialect::Shell,
            &["{\n  \"a\": [1]\n}", "curl x", "{\"b\": 1}", "ls"],
        );
    }

    proptest! {
        #[test]
        fn pieces_cover_every_line_and_never_overlap(
            body in "([#a'\"\\\\{}()<|&` \t-]|\n|\r|do|done|if|fi|<<E|E|ñ|\\[|\\]|\\$){0,60}"
        ) {
            for dialect in [Dialect::Shell, Dialect::Powershell, Dialect::Other] {
                let runs = split(&body, dialect);
                let mut covered = vec![false; body.len()];
                let mut end = 0;
                for run in &runs {
                    prop_assert!(run.range.start >= end && run.range.end > run.range.start);
                    end = run.range.end;
                    let _ = &body[run.range.clone()];
                    covered[run.range.clone()].fill(true);
                }
                for (at, c) in body.char_indices() {
                    prop_assert!(c.is_whitespace() || covered[at], "{at} {body:?}");
                }
            }
        }
    }
}
