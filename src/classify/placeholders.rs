//! Commands → the values that they leave to the reader, and those that only look like values of this
//! machine. A wrong run is the worst fault, so that doubt wins.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use crate::model::Stands;

use super::text::{Dialect, Parts, Region, holds, tell_regions};
use super::words;

mod names;
mod numbers;
mod part;
mod secrets;

pub(super) use secrets::is_secret;

use names::{file_of_capitals, is_example_host, is_example_path, is_possessive, segment};
use part::{Part, Verdict};
use secrets::{literal_secret, takes_sql_secret};

/// Something in a command that a person must give or confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// `placeholder`, `example-value`, `ellipsis`, `menu`; `address` where it depends on what the command does.
    pub(super) rule: &'static str,
    pub(super) because: String,
    /// Its bytes in the command.
    pub(super) range: Range<usize>,
    /// What the value is called; `None` where no value would settle it.
    pub(super) name: Option<String>,
    pub(super) stands: Stands,
    pub(super) secret: bool,
    /// Marks around it that a shell would take for its own: to be neutralised before it is parsed.
    pub(super) is_bracketed: bool,
}

type Chars = [(usize, char, Region)];

thread_local! {
    // Many times as large as the text: kept from one command to the next.
    static CHARS: Cell<Vec<(usize, char, Region)>> = const { Cell::new(Vec::new()) };
}

/// Returns what stands for a value in `command`, in order, without overlaps.
pub(super) fn find(
    command: &str,
    dialect: Dialect,
    is_program: &dyn Fn(&str) -> bool,
) -> Vec<Found> {
    let mut chars = CHARS.take();
    tell_regions(command, dialect, &mut chars);
    let mut found = bracketed(command, &chars, dialect);
    let mut words = Words::new(command, &chars);
    while let Some(word) = words.next_word() {
        look_at(command, &word, &mut found, is_program);
    }
    CHARS.set(chars);
    found.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
    let mut end = 0;
    found.retain(|found| {
        let is_first = found.range.start >= end;
        if is_first {
            end = found.range.end;
        }
        is_first
    });
    found
}

/// Returns `command` with what a shell would misread replaced by a word of the same length.
pub(super) fn neutral<'c>(command: &'c str, found: &[Found]) -> Cow<'c, str> {
    let mut bytes = Cow::Borrowed(command.as_bytes());
    for found in found.iter().filter(|found| found.is_bracketed) {
        bytes.to_mut()[found.range.clone()].fill(b'x');
    }
    match bytes {
        Cow::Borrowed(_) => Cow::Borrowed(command),
        Cow::Owned(bytes) => String::from_utf8(bytes).map_or(Cow::Borrowed(command), Cow::Owned),
    }
}

fn stands(chars: &Chars, index: usize) -> Stands {
    match chars[index].2 {
        Region::Code | Region::Comment => Stands::Bare,
        Region::HereDocument => Stands::Plain,
        Region::Quoted => {
            // The quote that is open here: the nearest before it where the region begins.
            let first = chars[..index]
                .iter()
                .rposition(|(_, _, region)| *region != Region::Quoted);
            match first.map(|at| chars[at].1) {
                Some('"') => Stands::DoubleQuoted,
                Some('\'') => Stands::SingleQuoted,
                _ => Stands::Plain,
            }
        }
    }
}

fn value(
    command: &str,
    chars: &Chars,
    range: Range<usize>,
    name: &str,
    is_bracketed: bool,
) -> Found {
    let text = &command[range.clone()];
    let index = chars
        .partition_point(|(at, _, _)| *at < range.start)
        .min(chars.len().saturating_sub(1));
    let name = name.trim();
    Found {
        rule: "placeholder",
        because: format!("`{text}` stands for a value"),
        name: Some(name.to_owned()),
        stands: if chars.is_empty() {
            Stands::Bare
        } else {
            stands(chars, index)
        },
        secret: is_secret(name),
        range,
        is_bracketed,
    }
}

/// `<PORT>`, `{{ value }}`, `{name}`, `[file]`, `【值】`.
fn bracketed(command: &str, chars: &Chars, dialect: Dialect) -> Vec<Found> {
    const LONGEST: usize = 60;
    let mut found = Vec::new();
    let opens = |byte: u8| matches!(byte, b'<' | b'{' | b'[' | 0x80..);
    if !command.bytes().any(opens) {
        return found;
    }
    let has_template = holds(command, "{{")
        && ["{{.", "{{ .", "{{range", "{{json", "{{if"]
            .iter()
            .any(|mark| holds(command, mark));
    let mut index = 0;
    while index < chars.len() {
        let (at, c, region) = chars[index];
        index += 1;
        if region == Region::Comment {
            continue;
        }
        let before = index.checked_sub(2).map_or('\n', |before| chars[before].1);
        let next = chars.get(index).map_or('\n', |(_, c, _)| *c);
        let close = match c {
            '<' if before != '<' && next != '<' => '>',
            '{' if before != '$' && before != '%' && before != '@' => '}',
            '[' if before.is_whitespace()
                || matches!(before, '@' | ':' | '/' | '=' | '"' | '\'') =>
            {
                ']'
            }
            '【' => '】',
            '《' => '》',
            '「' => '」',
            '（' => '）',
            _ => continue,
        };
        let is_double = c == '{' && next == '{';
        if is_double && has_template {
            continue;
        }
        let from = index + usize::from(is_double);
        let Some(length) = chars[from.min(chars.len())..]
            .iter()
            .take(LONGEST)
            .position(|(_, c, _)| *c == close || *c == '\n')
        else {
            continue;
        };
        let last = from + length;
        if chars[last].1 != close {
            continue;
        }
        let inner = &command[chars[from].0..chars[last].0];
        if !(match c {
            '<' => is_angled(inner, region, dialect),
            '{' if is_double => {
                is_name(inner.trim(), " _-.|")
                    && !inner.trim().starts_with('.')
                    && !matches!(inner.trim(), "end" | "else")
            }
            '{' => {
                region != Region::HereDocument
                    && is_name(inner, "_-")
                    && inner.chars().filter(|c| c.is_alphabetic()).count() > 1
                    && !inner.contains(' ')
                    // `-o jsonpath='{range .items[*]}…{end}'`
                    && !(inner == "end" && command.contains("{range"))
            }
            // `[math]::Round`, `[int]$x` are types.
            '[' if dialect == Dialect::Powershell
                && chars
                    .get(last + 1)
                    .is_some_and(|(_, c, _)| matches!(c, ':' | '$' | '(')) =>
            {
                false
            }
            '[' => region != Region::HereDocument && is_optional(inner) && next != '[',
            _ => !inner.is_empty(),
        }) {
            continue;
        }
        let mut end = chars[last].0 + close.len_utf8();
        if is_double {
            if chars.get(last + 1).is_none_or(|(_, c, _)| *c != '}') {
                continue;
            }
            end += 1;
        }
        found.push(value(command, chars, at..end, inner, true));
        index = last + 1;
    }
    found
}

fn is_name(text: &str, marks: &str) -> bool {
    !text.is_empty()
        && text.chars().next().is_some_and(char::is_alphabetic)
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || marks.contains(c))
}

/// Tells `<PORT>` from a redirection, and `<YOUR_TOKEN>` from the `<div>` of a file's text.
fn is_angled(inner: &str, region: Region, dialect: Dialect) -> bool {
    // `cmd <in >out` are redirections.
    if inner.ends_with(' ')
        || !inner.chars().next().is_some_and(char::is_alphanumeric)
        || !inner.chars().any(char::is_alphabetic)
    {
        return false;
    }
    if !inner.chars().all(|c| {
        c.is_alphanumeric()
            || matches!(
                c,
                '_' | '-'
                    | '.'
                    | ' '
                    | '@'
                    | ':'
                    | '/'
                    | ','
                    | '|'
                    | '\''
                    | '+'
                    | '#'
                    | '*'
                    | '('
                    | ')'
                    | '…'
                    | '\u{301}'..='\u{303}'
            )
    }) {
        return false;
    }
    if region == Region::Code && dialect != Dialect::Other {
        return true;
    }
    let folded = words::fold(inner);
    let first = folded
        .split([' ', '_', '-', '.'])
        .next()
        .unwrap_or_default();
    let has_lower = inner.chars().any(char::is_lowercase);
    let is_markup = matches!(
        first,
        "div"
            | "html"
            | "head"
            | "body"
            | "span"
            | "p"
            | "h1"
            | "h2"
            | "a"
            | "b"
            | "i"
            | "ul"
            | "li"
            | "br"
            | "script"
            | "style"
            | "title"
            | "table"
            | "tr"
            | "td"
            | "meta"
            | "link"
            | "img"
            | "form"
            | "input"
            | "pre"
            | "code"
            | "xml"
            | "configuration"
            | "property"
            | "name"
            | "value"
    );
    (region == Region::Quoted && dialect != Dialect::Other && !is_markup)
        || !has_lower
        || words::POSSESSIVES.contains(&first)
}

/// Tells `[file]` from `[a-z]` and `[ -f x ]`.
fn is_optional(inner: &str) -> bool {
    let letters = inner.chars().filter(|c| c.is_alphabetic()).count();
    letters > 2
        && is_name(inner, " _-./…")
        && !inner.contains("a-z")
        && !inner.contains("A-Z")
        && !inner.starts_with(' ')
        && !inner.ends_with(' ')
}

/// A word of a command.
struct Word<'a> {
    range: Range<usize>,
    text: &'a str,
    program: &'a str,
    /// The word before it.
    before: &'a str,
    /// The word behind the program.
    first: &'a str,
    /// It is the program itself, or something before it.
    is_program: bool,
    /// Holds a space within quotes: a text.
    is_text: bool,
    region: Region,
    stands: Stands,
}

/// Walks over the words of commands.
struct Words<'a, 'c> {
    command: &'a str,
    chars: &'c Chars,
    index: usize,
    program: &'a str,
    before: &'a str,
    first: &'a str,
}

impl<'a, 'c> Words<'a, 'c> {
    const fn new(command: &'a str, chars: &'c Chars) -> Self {
        Self {
            command,
            chars,
            index: 0,
            program: "",
            before: "",
            first: "",
        }
    }

    fn next_word(&mut self) -> Option<Word<'a>> {
        loop {
            let (_, c, region) = *self.chars.get(self.index)?;
            if region == Region::Comment {
                self.index += 1;
            } else if c == '\n' && region == Region::Code {
                // `\` before a line end: the command goes on.
                let goes_on = self
                    .index
                    .checked_sub(1)
                    .is_some_and(|before| matches!(self.chars[before].1, '\\' | '`'));
                if !goes_on {
                    self.program = "";
                    self.before = "";
                }
                self.index += 1;
            } else if region != Region::Quoted
                && matches!(c, '|' | ';' | '&' | '(' | ')')
                && region == Region::Code
            {
                self.program = "";
                self.before = "";
                self.index += 1;
            } else if c.is_whitespace() || (matches!(c, '\\' | '<' | '>') && region == Region::Code)
            {
                self.index += 1;
            } else {
                break;
            }
        }
        let first = self.index;
        let start_region = self.chars[first].2;
        let mut is_text = false;
        while let Some((_, c, region)) = self.chars.get(self.index) {
            match region {
                Region::Code
                    if c.is_whitespace()
                        || matches!(c, '|' | ';' | '&' | '(' | ')' | '<' | '>') =>
                {
                    break;
                }
                Region::HereDocument if c.is_whitespace() => break,
                Region::Comment => break,
                Region::Quoted if c.is_whitespace() => is_text = true,
                _ => {}
            }
            if *region != start_region
                && (*region == Region::HereDocument || start_region == Region::HereDocument)
            {
                break;
            }
            self.index += 1;
        }
        let start = self.chars[first].0;
        let end = self
            .chars
            .get(self.index)
            .map_or(self.command.len(), |(at, _, _)| *at);
        let text = &self.command[start..end];
        let is_assignment = self.program.is_empty()
            && text.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            });
        let is_wrapper = matches!(
            text,
            "sudo"
                | "env"
                | "time"
                | "nohup"
                | "exec"
                | "if"
                | "then"
                | "do"
                | "while"
                | "!"
                | "-E"
                | "-H"
                | "else"
                | "until"
        );
        let is_program = self.program.is_empty() && !is_assignment;
        if is_program && !is_wrapper && start_region != Region::HereDocument {
            self.program = text;
            self.first = "";
        } else if !is_program && self.first.is_empty() {
            self.first = text;
        }
        let inside = (first + 1).min(self.chars.len() - 1);
        let word = Word {
            range: start..end,
            text,
            program: self.program,
            before: self.before,
            first: self.first,
            is_program,
            is_text,
            region: start_region,
            stands: if matches!(self.chars[first].1, '"' | '\'') && start_region == Region::Code {
                stands(self.chars, inside)
            } else {
                stands(self.chars, first)
            },
        };
        self.before = text;
        Some(word)
    }
}

fn look_at(
    command: &str,
    word: &Word<'_>,
    found: &mut Vec<Found>,
    is_program: &dyn Fn(&str) -> bool,
) {
    let text = word.text;
    let slash = memchr::memrchr(b'/', word.program.as_bytes());
    let program = &word.program[slash.map_or(0, |at| at + 1)..];
    let takes_text = words::TAKES_TEXT.contains(program);
    let push = |found: &mut Vec<Found>,
                rule: &'static str,
                range: Range<usize>,
                because: String,
                name: Option<&str>| {
        found.push(Found {
            rule,
            because,
            range,
            name: name.map(|name| name.trim_matches(['"', '\'']).to_owned()),
            stands: word.stands,
            secret: name.is_some_and(is_secret),
            is_bracketed: false,
        });
    };
    let at = |part: &str| {
        let start = word.range.start + (part.as_ptr() as usize - text.as_ptr() as usize);
        start..start + part.len()
    };
    let stand_in = |found: &mut Vec<Found>, part: &str| {
        push(
            found,
            "placeholder",
            at(part),
            format!("`{part}` stands for a value"),
            Some(part),
        );
    };

    // `mktemp` writes letters of its own there.
    if holds(text, "XXX") && holds(command, "mktemp") {
        return;
    }
    // The end of a here-document is a word of the writer's own choice.
    let is_mark = |byte: &u8| matches!(byte, b'-' | b'~' | b'\\' | b'\'' | b'"' | b' ');
    let before = &command.as_bytes()[..word.range.start];
    let length = before.iter().rposition(|byte| !is_mark(byte));
    let before = &before[..length.map_or(0, |last| last + 1)];
    if before.ends_with(b"<<") && !before.ends_with(b"<<<") {
        return;
    }
    // `-Identity "Enter the name of a server here"`
    if word.is_text && !word.is_program && tells_to_enter(text) {
        stand_in(found, text.trim_matches(['"', '\'']));
        return;
    }
    // `export NODE=`: the reader writes it.
    if word.program == "export" && text.len() > 1 && text.ends_with('=') {
        push(
            found,
            "example-value",
            word.range.clone(),
            format!("`{text}` waits for a value"),
            None,
        );
        return;
    }
    // Left out on purpose.
    let bare = text.trim_matches(['"', '\'']);
    if matches!(bare, "..." | "…" | "[...]" | "[…]") && word.region != Region::HereDocument {
        push(
            found,
            "ellipsis",
            word.range.clone(),
            format!("`{bare}` leaves something out"),
            None,
        );
        return;
    }
    // `dev|stage|prod` without spaces: a choice that a shell would take for pipes.
    if word.region == Region::Code && !word.is_text {
        let after = command[word.range.end..]
            .strip_prefix('|')
            .unwrap_or_default();
        let next: &str = after
            .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')))
            .next()
            .unwrap_or_default();
        if !next.is_empty()
            && !after.starts_with('|')
            && !is_program(next)
            && !word.text.ends_with('\\')
        {
            let end = word.range.end + 1 + next.len();
            push(
                found,
                "menu",
                word.range.start..end,
                format!(
                    "`{}` is a choice, not a pipe",
                    &command[word.range.start..end]
                ),
                None,
            );
        }
    }
    if let Some(because) = literal_secret(text) {
        push(found, "example-value", word.range.clone(), because, None);
    } else if takes_sql_secret(text) {
        push(
            found,
            "example-value",
            word.range.clone(),
            "a password stands in the text".to_owned(),
            None,
        );
    }
    if word.is_program {
        // `./your-script.sh`, `path/to/tool`: the program itself may stand for one.
        if text.starts_with("some_") || text.starts_with("some-") {
            stand_in(found, text);
        }
        if text.contains('/') || holds(text, "your") {
            for part in text.split('/') {
                if is_possessive(&words::fold(part)) {
                    stand_in(found, part);
                }
            }
            if is_example_path(text) {
                stand_in(found, text);
            }
        }
        return;
    }
    if is_example_path(text) {
        stand_in(found, bare_part(text));
        return;
    }
    // user@host
    if let Some((user, host)) = bare.split_once('@')
        && !word.is_text
        && !user.is_empty()
    {
        let user = user.rsplit(['/', ':', '=']).next().unwrap_or_default();
        let host = host.split([':', '/']).next().unwrap_or_default();
        let (folded_user, folded_host) = (words::fold(user), words::fold(host));
        if !host.is_empty()
            && user != "git"
            && (words::USERS.contains(&folded_user) || words::HOSTS.contains(&folded_host))
        {
            let both = at(user).start..at(host).end;
            let name = &command[both.clone()];
            push(
                found,
                "placeholder",
                both,
                format!("`{name}` stands for a value"),
                Some(name),
            );
            return;
        }
        if host.contains('.')
            && host
                .split('.')
                .next_back()
                .is_some_and(|tld| tld.len() > 1 && tld.chars().all(char::is_alphabetic))
            && user != "git"
            && !is_example_host(&folded_host)
            && !matches!(
                program,
                "ssh" | "scp" | "rsync" | "sftp" | "git" | "ssh-copy-id"
            )
            && !text.contains("://")
        {
            push(
                found,
                "example-value",
                at(user).start..at(host).end,
                format!("`{user}@{host}` is somebody's address"),
                None,
            );
        }
    }
    let has_variables = text.as_bytes().contains(&b'$');
    let mut before_separator = ' ';
    let mut rest = text;
    let mut earlier = "";
    while !rest.is_empty() {
        let length = parted(rest);
        let part = &rest[..length];
        let after_separator = rest[length..].chars().next().unwrap_or(' ');
        // `$NAME`, `${NAME}`, `%{field}`: variables are looked at elsewhere.
        let is_variable = matches!(before_separator, '$' | '%')
            || has_variables
                && ["${", "${env:", "$env:"]
                    .iter()
                    .any(|mark| text[..text.len() - rest.len()].ends_with(mark));
        if !part.is_empty() && !is_variable {
            let part = Part {
                text: part,
                before: before_separator,
                after: after_separator,
                earlier,
                word,
                program,
                takes_text,
            };
            match part.verdict() {
                Verdict::Nothing => {}
                Verdict::Value => {
                    // `-pyour_password`: the option's letter is no part of the value.
                    let is_glued = part.text.starts_with('-')
                        && part.before == ' '
                        && word.text.starts_with('-');
                    let value = if is_glued {
                        part.text
                            .char_indices()
                            .nth(2)
                            .map_or(part.text, |(at, _)| &part.text[at..])
                    } else {
                        file_of_capitals(part.text)
                            .or_else(|| segment(part.text))
                            .unwrap_or(part.text)
                    };
                    stand_in(found, value);
                }
                Verdict::Example(because) => {
                    push(found, "example-value", at(part.text), because, None);
                }
                Verdict::Own(because) => {
                    push(found, "address", at(part.text), because, None);
                }
                Verdict::Address => push(
                    found,
                    "address",
                    at(part.text),
                    format!("`{}` is an address of somebody's network", part.text),
                    None,
                ),
            }
            earlier = part.text;
        }
        before_separator = after_separator;
        rest = rest
            .get(length + after_separator.len_utf8()..)
            .unwrap_or_default();
    }
}

/// Returns how far the first part of a word goes.
fn parted(text: &str) -> usize {
    let parts = |byte: u8| {
        matches!(
            byte,
            b'/' | b'='
                | b':'
                | b'@'
                | b','
                | b'"'
                | b'\''
                | b';'
                | b'&'
                | b'?'
                | b'('
                | b')'
                | b'{'
                | b'}'
                | b'['
                | b']'
                | b'+'
                | b'%'
                | b'$'
                | b'*'
                | b'|'
                | b'<'
                | b'>'
                | b' '
                | b'\t'..=b'\r'
        )
    };
    let mut from = 0;
    loop {
        let rest = text[from..].bytes();
        let Some(at) = rest
            .clone()
            .position(|byte| parts(byte) || !byte.is_ascii())
        else {
            return text.len();
        };
        // Other writing has spaces of its own.
        match text[from + at..].chars().next() {
            Some(c) if !c.is_ascii() && !c.is_whitespace() => from += at + c.len_utf8(),
            _ => return from + at,
        }
    }
}

/// Whether a quoted text tells the reader to write something in its place.
fn tells_to_enter(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'']);
    let mut words = text.each_word();
    let first = words::fold(words.next().unwrap_or_default());
    words.count() > 1
        && words::ENTERS.contains(&&*first)
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '\'' | '-' | '.'))
}

fn bare_part(text: &str) -> &str {
    let text = text.trim_matches(['"', '\'']);
    text.rsplit_once('=')
        .map_or(text, |(_, value)| value)
        .trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests;
