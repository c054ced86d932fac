//! Commands → the values that they leave to the reader, and those that only look like values of this
//! machine. A wrong run is the worst fault, so that doubt wins.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use crate::model::Stands;

use super::text::{Dialect, Parts, Region, holds, place_of, tell_regions};
use super::words;

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

/// Whether the name of a value says that it must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    let folded = words::fold(name);
    words::SECRETS.iter().any(|word| match *word {
        "key" | "pass" | "pwd" | "clave" | "cle" | "chave" => folded
            .split(|c: char| !c.is_alphanumeric())
            .any(|part| part == *word),
        word => folded.contains(word),
    })
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
}

impl<'a, 'c> Words<'a, 'c> {
    const fn new(command: &'a str, chars: &'c Chars) -> Self {
        Self {
            command,
            chars,
            index: 0,
            program: "",
            before: "",
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
        }
        let inside = (first + 1).min(self.chars.len() - 1);
        let word = Word {
            range: start..end,
            text,
            program: self.program,
            before: self.before,
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

/// `USERNAME.conf` is a file of somebody's name, which `README.md` is not: returns the name.
fn file_of_capitals(text: &str) -> Option<&str> {
    let (stem, _) = text.split_once('.')?;
    let is_capitals = stem.len() > 3 && stem.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    (is_capitals && words::NOUNS.contains(&words::fold(stem))).then_some(stem)
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

/// `dump_TIMESTAMP.sql` is a dump of some time: returns what stands for it.
fn segment(text: &str) -> Option<&str> {
    if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        return None;
    }
    // They are in capitals.
    if !text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    text.split(['_', '-', '.'])
        .find(|part| words::SEGMENTS.contains(part))
}

fn bare_part(text: &str) -> &str {
    let text = text.trim_matches(['"', '\'']);
    text.rsplit_once('=')
        .map_or(text, |(_, value)| value)
        .trim_matches(['"', '\''])
}

/// `/path/to/x`, `ruta/a/x`.
fn is_example_path(text: &str) -> bool {
    if !text.contains('/') {
        return false;
    }
    let folded = words::fold(text);
    let mut parts = folded
        .split(['/', '=', ':', '"', '\'', ' ', '\\'])
        .peekable();
    let mut before = "";
    while let Some(part) = parts.next() {
        if words::PATHS.contains(&part)
            && parts
                .peek()
                .is_some_and(|next| words::PATH_LINKS.contains(next))
        {
            return true;
        }
        if matches!(
            part,
            "path" | "ruta" | "chemin" | "caminho" | "pfad" | "percorso" | "путь"
        ) && before.is_empty()
            && folded.contains(&format!("/{part}/"))
            && folded.find(&format!("/{part}/")).is_some_and(|at| {
                at == 0 || !folded[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.')
            })
        {
            return true;
        }
        before = part;
    }
    false
}

enum Verdict {
    Nothing,
    Value,
    Example(String),
    Address,
    /// Of somebody's machine; to look at it harms nobody.
    Own(String),
}

/// A part of a word between `/ = : @ ,` and their like.
struct Part<'a, 'w> {
    text: &'a str,
    before: char,
    after: char,
    earlier: &'a str,
    word: &'w Word<'a>,
    program: &'a str,
    takes_text: bool,
}

impl Part<'_, '_> {
    fn verdict(&self) -> Verdict {
        let text = self.text;
        let is_option =
            self.before == ' ' && text.starts_with('-') && self.word.text.starts_with('-');
        let text = if is_option {
            // `-pyour_password`: the value is glued to the option.
            if text.starts_with("--") {
                return Verdict::Nothing;
            }
            match text.char_indices().nth(2) {
                Some((at, _)) => &text[at..],
                None => return Verdict::Nothing,
            }
        } else {
            text
        };
        let folded = words::fold(text);
        let is_key = self.after == '=';
        if is_strong(&folded) {
            return Verdict::Value;
        }
        if is_option || self.word.region == Region::HereDocument {
            return Verdict::Nothing;
        }
        if is_example_host(&folded) {
            return Verdict::Value;
        }
        if !self.takes_text
            && let Some(verdict) = self.number(text)
        {
            return verdict;
        }
        if self.word.is_text || is_key {
            return Verdict::Nothing;
        }
        if (text.ends_with("...") || text.ends_with('…'))
            && text.len() > 3
            && !matches!(self.program, "echo" | "printf")
        {
            return Verdict::Value;
        }
        if self.takes_text {
            return Verdict::Nothing;
        }
        let is_value = matches!(self.before, ' ' | '=' | '"' | '\'')
            && !(self.before != ' ' && self.word.text.contains("{\""));
        let alone = is_value && matches!(self.after, ' ' | '"' | '\'');
        let in_place = is_value || self.before == '@' || (self.before == ':' && !text.is_ascii());
        if in_place
            && words::NOUNS.contains(&folded)
            && !(folded == "hostname" && matches!(self.program, "ssh" | "xargs"))
            // `minikube ip` asks for one.
            && !(folded == "ip"
                && self.word.before == self.program
                && !words::REACHES.contains(&self.program))
            && (alone || self.before != ' ' || !text.is_ascii())
        {
            return Verdict::Value;
        }
        if self.before == '/' {
            let is_home = matches!(self.earlier, "home" | "Users");
            if is_home && words::USERS.contains(&folded)
                || !text.is_ascii() && words::NOUNS.contains(&folded)
                || words::NOUNS.contains(&folded)
                    && matches!(
                        &*folded,
                        "usuario"
                            | "username"
                            | "utilisateur"
                            | "benutzer"
                            | "benutzername"
                            | "utente"
                            | "dominio"
                            | "domaine"
                            | "proyecto"
                            | "projeto"
                            | "projet"
                            | "archivo"
                            | "arquivo"
                            | "fichier"
                            | "carpeta"
                            | "nombre"
                    )
            {
                return Verdict::Value;
            }
        }
        if matches!(
            self.word.before,
            "-u" | "--user" | "-U" | "--username" | "-h" | "--host" | "-d" | "-p" | "--password"
        ) && alone
            && matches!(&*folded, "user" | "host" | "database" | "db_name" | "pass")
            && (folded != "host" || matches!(self.word.before, "-h" | "--host"))
        {
            return Verdict::Value;
        }
        if words::REACHES.contains(&self.program)
            && alone
            && words::HOSTS.contains(&folded)
            && self.before == ' '
            && !self.word.before.contains('@')
        {
            return Verdict::Value;
        }
        if matches!(self.program, "git")
            && matches!(self.before, '/' | ':')
            && self.after == '/'
            && matches!(
                &*folded,
                "user"
                    | "username"
                    | "usuario"
                    | "owner"
                    | "org"
                    | "organization"
                    | "organizacion"
                    | "repo"
                    | "account"
                    | "company"
            )
        {
            return Verdict::Value;
        }
        // `container_name`, `nombre-paquete`, `nom_du_serveur`.
        let mut parts = folded.split(['_', '-']);
        let (first, last) = (
            parts.next().unwrap_or_default(),
            parts.next_back().unwrap_or_default(),
        );
        if (is_value || self.before == '/')
            && !last.is_empty()
            && (words::NAMES.contains(first)
                || words::NAMES.contains(last)
                || matches!(last, "here" | "aqui" | "hier" | "ici" | "qui")
                || last == "id" && alone && folded != last)
            && !folded.contains('.')
        {
            return Verdict::Value;
        }
        // `poolname/datasetname`, `gerätename`
        if (is_value || self.before == '/' && self.word.before != "-name")
            && folded.len() > 5
            && (folded.ends_with("name") || folded.ends_with("nombre"))
            && folded.chars().all(char::is_alphanumeric)
            && !matches!(
                &*folded,
                "hostname"
                    | "rename"
                    | "codename"
                    | "basename"
                    | "dirname"
                    | "pathname"
                    | "cname"
                    | "dname"
                    | "uname"
                    | "typename"
                    | "logname"
                    | "tagname"
                    | "getname"
                    | "nickname"
            )
            && !matches!(
                self.program,
                "awk" | "jq" | "grep" | "egrep" | "sed" | "ps" | "sort"
            )
        {
            return Verdict::Value;
        }
        if (self.is_capitals(text) || file_of_capitals(text).is_some() || segment(text).is_some())
            && !is_key
        {
            return Verdict::Value;
        }
        Verdict::Nothing
    }

    /// Words in capitals where an argument stands: `USERNAME`, `DB_NAME`.
    fn is_capitals(&self, text: &str) -> bool {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let is_word = letters > 1
            && text.chars().next().is_some_and(char::is_alphabetic)
            && text.chars().all(|c| {
                (c.is_alphabetic() && !c.is_lowercase() && c.is_uppercase())
                    || c.is_ascii_digit()
                    || matches!(c, '_' | '-')
            });
        if !is_word || words::CAPITALS.contains(text) {
            return false;
        }
        let is_hex = text.len() > 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let is_named = matches!(
            self.word.before,
            "-e" | "--env"
                | "-E"
                | "export"
                | "-H"
                | "--header"
                | "--cap-add"
                | "--cap-drop"
                | "-X"
                | "--request"
                | "unset"
                | "-o"
                | "-A"
                | "-I"
                | "-j"
                | "-D"
                | "--unset"
        ) || matches!(self.program, "export" | "getconf" | "set" | "setx" | "stat");
        let is_subject = self.word.text.contains("/CN=")
            || self.word.text.contains("/C=")
            || self.word.text.contains("/O=");
        // `…/EVENT_2024/…` in an address is a name with its year.
        if self.word.text.contains("://") && text.ends_with(|c: char| c.is_ascii_digit()) {
            return false;
        }
        let is_attached = matches!(self.before, '.' | '*' | '+' | '(' | '{') || self.after == '(';
        // `tar -C /srv`, `refs/heads/X`: inside a path capitals are a name as often as not; `/opt/APP` is asked about.
        !is_hex && !is_named && !is_subject && !is_attached && text.len() < 40
    }

    fn number(&self, text: &str) -> Option<Verdict> {
        let bytes = text.as_bytes();
        let is_whole = self.before == ' ' && self.after == ' ';
        if let Some(is_example) = example_ip(text) {
            if is_example {
                return Some(Verdict::Value);
            }
            // A network is a rule, a machine is somebody's.
            let is_network = self.after == '/'
                && self.word.text
                    [(text.as_ptr() as usize - self.word.text.as_ptr() as usize) + text.len()..]
                    .len()
                    < 4;
            let is_rule = matches!(self.program, "ufw" | "iptables");
            return ((!is_network || is_rule) && !self.word.is_text).then_some(Verdict::Address);
        }
        if matches!(
            self.program,
            "kill" | "renice" | "taskkill" | "strace" | "gdb"
        ) && is_whole
            && text.len() > 1
            && bytes.iter().all(u8::is_ascii_digit)
        {
            return Some(Verdict::Value);
        }
        if words::NUMBERED.contains(&self.program)
            && is_whole
            && text.len() > 2
            && !self.word.before.starts_with('-')
            && bytes.iter().all(u8::is_ascii_digit)
        {
            return Some(Verdict::Own(format!(
                "`{text}` is the number of somebody's machine"
            )));
        }
        if self.before == '/'
            && matches!(
                self.earlier,
                "by-id" | "by-uuid" | "by-partuuid" | "by-path"
            )
        {
            return Some(Verdict::Own(format!("`{text}` is somebody's disk")));
        }
        if is_uuid(text) {
            return Some(Verdict::Own(format!(
                "`{text}` is the number of something that is not here"
            )));
        }
        let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
        let is_hex = (7..=64).contains(&text.len())
            && bytes
                .iter()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b));
        if is_hex
            && digits > 0
            && digits < text.len()
            && is_whole
            && matches!(
                self.program,
                "git" | "docker" | "podman" | "kubectl" | "crictl" | "nerdctl"
            )
        {
            return Some(Verdict::Example(format!(
                "`{text}` is the number of something that is not here"
            )));
        }
        if matches!(
            text,
            "abc123"
                | "abc1234"
                | "abcd1234"
                | "a1b2c3d"
                | "a1b2c3d4"
                | "123abc"
                | "abcdef"
                | "12345abc"
        ) || digits > 7 && (holds(text, "12345678") || holds(text, "0123456789"))
        {
            return Some(Verdict::Value);
        }
        if self.program == "kubectl" && is_pod(text) {
            return Some(Verdict::Example(format!(
                "`{text}` is a pod of somebody's cluster"
            )));
        }
        if !self.word.is_text
            && holds_date(text)
            && !matches!(
                self.program,
                "journalctl" | "date" | "find" | "last" | "sar"
            )
        {
            return Some(Verdict::Example(format!(
                "`{text}` holds a date: which one is meant?"
            )));
        }
        if matches!(
            text,
            "sdX" | "sdXN" | "sdX1" | "sdx" | "sdXY" | "nvmeXn1" | "diskN" | "diskX"
        ) {
            return Some(Verdict::Value);
        }
        None
    }
}

/// `8-4-4-4-12` hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| {
            if matches!(at, 8 | 13 | 18 | 23) {
                b == b'-'
            } else {
                b.is_ascii_hexdigit()
            }
        })
}

/// What stands for a value wherever it stands, in texts too.
fn is_strong(folded: &str) -> bool {
    if is_possessive(folded) {
        return true;
    }
    if holds(folded, "xx")
        && (holds(folded, "xxxx")
            || folded.split(['.', '-', '_']).any(|part| part == "xxx")
            || folded == "xxx"
            || folded == "xx"
            || folded.ends_with("_xxx")
            || folded.ends_with("-xxx")
            || folded.starts_with("xxx-"))
    {
        return true;
    }
    // All of them have a month.
    if holds(folded, "mm")
        && [
            "yyyymm",
            "yyyy-mm",
            "yyyy_mm",
            "aaaammdd",
            "aaaa-mm-dd",
            "jjjj-mm-tt",
            "jjjjmmtt",
        ]
        .iter()
        .any(|date| holds(folded, date))
    {
        return true;
    }
    if folded.starts_with("__")
        && folded.ends_with("__")
        && folded.len() > 6
        && !matches!(folded, "__pycache__" | "__init__" | "__main__")
    {
        return true;
    }
    matches!(
        folded,
        "changeme"
            | "change_me"
            | "change-me"
            | "replaceme"
            | "replace_me"
            | "replace-me"
            | "todo"
            | "fixme"
            | "changethis"
            | "change_this"
            | "change-this"
            | "changeit"
            | "replace_with"
            | "yourself"
            | "placeholder"
    ) || folded.starts_with("changeme")
        || folded.starts_with("change_me")
        || folded.starts_with("replace_with")
        || folded.starts_with("replace-with")
        || folded.starts_with("insert_")
        || folded.starts_with("insert-your")
        || is_version_shape(folded)
}

/// `x.x.x.x`, `192.168.x.x`, `v1.x.y`.
fn is_version_shape(folded: &str) -> bool {
    if !folded.contains('.') {
        return false;
    }
    let labels: Vec<&str> = folded
        .strip_prefix('v')
        .unwrap_or(folded)
        .split('.')
        .collect();
    labels.len() > 1
        && labels.iter().all(|label| {
            matches!(*label, "x" | "xx" | "xxx" | "y" | "z" | "n")
                || !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit())
        })
        && labels
            .iter()
            .any(|label| matches!(*label, "x" | "xx" | "xxx" | "y" | "z"))
}

/// `your_password`, `tu-dominio`, `mydomain`.
fn is_possessive(folded: &str) -> bool {
    const CJK: &[&str] = &["你的", "您的", "あなたの", "ваш", "твой", "мой"];
    if !folded.is_ascii() && CJK.iter().any(|mark| folded.starts_with(mark)) {
        return true;
    }
    if words::GLUED
        .iter()
        .any(|mark| folded.len() > mark.len() + 1 && folded.starts_with(mark))
    {
        return true;
    }
    if let Some(at) = place_of(folded, "your")
        && (at == 0 || folded[..at].ends_with(['-', '_', '.', '+', '~']))
        && folded.len() > at + 5
    {
        return true;
    }
    let mut parts = folded.split(['_', '-']);
    let first = parts.next().unwrap_or_default();
    let second = parts.next().unwrap_or_default();
    if !second.is_empty()
        && second.chars().next().is_some_and(char::is_alphabetic)
        && words::IS_POSSESSIVE.contains(first)
        && folded != "su-exec"
    {
        return true;
    }
    words::SHORT_POSSESSIVES.rests(folded).any(|rest| {
        words::GLUED_NOUNS.iter().any(|noun| {
            rest.strip_prefix(noun).is_some_and(|after| {
                after.is_empty()
                    || after.starts_with(['-', '_', '.'])
                    || after.bytes().all(|b| b.is_ascii_digit())
            })
        })
    })
}

/// `example.com`, `www.tu-dominio.es`, `host.tld`.
fn is_example_host(folded: &str) -> bool {
    const ENDS: &[&str] = &[
        "com", "org", "net", "io", "de", "fr", "es", "it", "br", "pt", "ru", "jp", "cn", "co",
        "uk", "us", "eu", "info", "app", "dev", "tld", "local", "internal", "lan", "test", "ar",
        "mx", "cl", "pe", "ve", "edu", "gov", "ch", "at", "be", "nl", "me", "cloud", "xyz",
        "online", "conf", "crt", "key", "pem", "ai", "tech", "site", "host", "domain", "corp",
        "intern", "рф", "su", "ua", "by", "tw", "hk", "kr", "in", "ca", "au", "biz", "cer", "csr",
    ];
    if !folded.contains('.') {
        return false;
    }
    let labels: Vec<&str> = folded.split('.').collect();
    let [.., second, last] = labels.as_slice() else {
        return false;
    };
    if matches!(*last, "tld" | "invalid")
        || (*last == "example"
            && labels.len() == 2
            && !second.is_empty()
            && !matches!(
                *second,
                "env"
                    | "yml"
                    | "yaml"
                    | "json"
                    | "config"
                    | "settings"
                    | "ini"
                    | "toml"
                    | "conf"
                    | "properties"
                    | "dockerfile"
                    | "compose"
                    | "secrets"
                    | "local"
                    | "docker-compose"
                    | "inventory"
                    | "hosts"
                    | "vars"
                    | "values"
            ))
    {
        return true;
    }
    let third = labels.len().checked_sub(3).map_or("", |at| labels[at]);
    ENDS.contains(last)
        && (words::DOMAINS.contains(second)
            || (matches!(*second, "com" | "co" | "org") && words::DOMAINS.contains(third))
            || is_possessive(second))
}

/// Addresses that manuals write down for any.
const EXAMPLES: &[&str] = &[
    "1.2.3.4",
    "5.6.7.8",
    "123.123.123.123",
    "123.45.67.89",
    "12.34.56.78",
    "11.22.33.44",
    "111.222.333.444",
    "1.1.1.2",
    "4.3.2.1",
    "10.20.30.40",
    "123.456.789.0",
    "123.456.789.10",
    "99.99.99.99",
    "111.111.111.111",
    "222.222.222.222",
];

/// `Some(true)` for an address that documents use, `Some(false)` for any other machine's address;
/// `None` for what is no address, for this machine's own and for well-known services.
fn example_ip(text: &str) -> Option<bool> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let labels: Vec<&str> = text.split('.').collect();
    if labels.len() != 4
        || !labels.iter().all(|label| {
            !label.is_empty() && label.len() < 4 && label.bytes().all(|b| b.is_ascii_digit())
        })
    {
        return None;
    }
    if EXAMPLES.contains(&text)
        || ["192.0.2.", "198.51.100.", "203.0.113."]
            .iter()
            .any(|net| text.starts_with(net))
        || labels
            .iter()
            .any(|label| label.parse::<u32>().is_ok_and(|n| n > 255))
    {
        return Some(true);
    }
    if text.starts_with("127.")
        || text.starts_with("0.")
        || text.starts_with("255.")
        || text == "169.254.169.254"
        || matches!(
            text,
            "8.8.8.8" | "8.8.4.4" | "1.1.1.1" | "1.0.0.1" | "9.9.9.9"
        )
    {
        return None;
    }
    Some(false)
}

fn is_pod(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let (last, before) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let mixed = |part: &str| {
        part.bytes().any(|b| b.is_ascii_digit())
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    last.len() == 5
        && (8..=10).contains(&before.len())
        && mixed(before)
        && last
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && parts.next().is_some()
}

/// Whether a day of this century stands in it.
fn holds_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    (0..bytes.len()).any(|at| {
        let rest = &bytes[at..];
        rest.starts_with(b"20")
            && (at == 0 || !bytes[at - 1].is_ascii_digit())
            && ((rest.len() >= 8
                && digits(&rest[..8])
                && rest.get(8).is_none_or(|b| !b.is_ascii_digit())
                && matches!(rest[4], b'0' | b'1'))
                || (rest.len() >= 10
                    && digits(&rest[..4])
                    && matches!(rest[4], b'-' | b'_')
                    && digits(&rest[5..7])
                    && rest[7] == rest[4]
                    && digits(&rest[8..10])))
    })
}

/// A secret's value written down: `PASSWORD=hunter2`, `"password": "admin"`.
/// Whether a login to a server of this machine is the one that everybody has there.
fn is_own_default(login: &str, password: &str, rest: &str) -> bool {
    let is_here = ["@localhost", "@127.0.0.1"]
        .iter()
        .any(|host| rest.contains(host));
    let user = login.split(':').next().unwrap_or_default();
    is_here && (password == user || matches!(password, "postgres" | "root" | "password" | "guest"))
}

fn literal_secret(text: &str) -> Option<String> {
    const KEYS: &[&str] = &[
        "password",
        "passwd",
        "secret",
        "token",
        "api_key",
        "apikey",
        "api-key",
        "secret_key",
        "access_key",
        "secretkey",
        "contrasena",
        "contraseña",
        "senha",
        "passwort",
        "kennwort",
        "motdepasse",
        "mot_de_passe",
        "-pass",
        "_pass",
        "_pwd",
        "requirepass",
        "密码",
        "пароль",
    ];
    // A value stands behind one of these.
    if !text.bytes().any(|it| matches!(it, b'=' | b':')) {
        return None;
    }
    let lower = text.to_lowercase();
    // `postgres://user:pass@host`.
    if let Some((_, rest)) = lower.split_once("://")
        && let Some((login, _)) = rest
            .split(['/', '?'])
            .next()
            .unwrap_or_default()
            .rsplit_once('@')
        && let Some((_, password)) = login.split_once(':')
        && !password.is_empty()
        && !password.starts_with(['$', '<', '{'])
        // `postgres:postgres@localhost` is nobody's secret.
        && !is_own_default(login, password, rest)
    {
        return Some("a secret's value stands in the command".to_owned());
    }
    for key in KEYS {
        let mut from = 0;
        while let Some(found) = place_of(&lower[from..], key) {
            let end = from + found + key.len();
            from = end;
            let rest = lower[end..].trim_start_matches(['"', '\'', '\\']);
            let Some(value) = rest.strip_prefix(['=', ':']) else {
                continue;
            };
            let value = value.trim_start().trim_start_matches(['"', '\'', '\\']);
            let is_literal = value
                .chars()
                .next()
                .is_some_and(|c| c.is_alphanumeric() || matches!(c, '!' | '@' | '#' | '*'))
                && !value.starts_with("file")
                && !value.starts_with("env")
                && !matches!(
                    value.trim_end_matches(['"', '\'']),
                    "true" | "false" | "no" | "yes" | "none"
                );
            if is_literal {
                return Some("a secret's value stands in the command".to_owned());
            }
        }
    }
    None
}

/// `IDENTIFIED BY 'x'`, `PASSWORD 'x'` inside a text.
fn takes_sql_secret(text: &str) -> bool {
    if !text.contains(['\'', '"']) {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    [
        "identified by '",
        "password '",
        "identified by \"",
        "identified by \\'",
        "password('",
    ]
    .iter()
    .any(|mark| {
        lower
            .find(mark)
            .is_some_and(|at| !lower[at + mark.len()..].starts_with(['$', '\'', '<']))
    })
}

#[cfg(test)]
mod tests {
    use super::{Dialect, find};

    fn check(command: &str) -> String {
        let programs = [
            "ls", "wc", "grep", "sudo", "apt", "docker", "ssh", "jq", "sort",
        ];
        let found: Vec<String> = find(command, Dialect::Shell, &|name| programs.contains(&name))
            .into_iter()
            .filter(|found| found.rule != "address")
            .map(|found| format!("{}:{}", found.rule, &command[found.range]))
            .collect();
        found.join(" ")
    }

    #[test]
    fn values_left_to_the_reader_are_found() {
        for (command, expected) in [
            (
                "ssh -p <PUERTO> deploy@<IP>",
                "placeholder:<PUERTO> placeholder:<IP>",
            ),
            ("apt remove nombre-paquete", "placeholder:nombre-paquete"),
            (
                "curl https://tu-dominio.com/x",
                "placeholder:tu-dominio.com",
            ),
            (
                "curl https://api.example.com/x",
                "placeholder:api.example.com",
            ),
            ("mysql -u root -pyour_password", "placeholder:your_password"),
            ("export TOKEN=your-token", "example-value:TOKEN=your-token"),
            (
                "python /path/to/backup.py",
                "placeholder:/path/to/backup.py",
            ),
            ("python /ruta/a/backup.py", "placeholder:/ruta/a/backup.py"),
            ("docker logs container_name", "placeholder:container_name"),
            ("docker logs CONTAINER_ID", "placeholder:CONTAINER_ID"),
            ("ssh user@host", "placeholder:user@host"),
            ("ssh root@IP", "placeholder:root@IP"),
            (
                "scp f usuario@servidor:/tmp",
                "placeholder:usuario@servidor",
            ),
            ("cat [archivo]", "placeholder:[archivo]"),
            ("x {name}", "placeholder:{name}"),
            ("x {{ value }}", "placeholder:{{ value }}"),
            ("curl -H 'Authorization: Bearer sk-...'", ""),
            ("x --key sk-...", "placeholder:sk-..."),
            ("cat /srv/users/USERNAME.conf", "placeholder:USERNAME"),
            ("cp dump_TIMESTAMP.sql x", "placeholder:TIMESTAMP"),
            ("cat README.md", ""),
            ("ping ip", "placeholder:ip"),
            ("minikube ip", ""),
            ("x --from-literal=password=$(pwgen)", ""),
            ("x -o jsonpath='{range .items[*]}{.name}{end}'", ""),
            ("x postgres://postgres:postgres@localhost/db", ""),
            (
                "x postgres://app:geheim@localhost/db",
                "example-value:postgres://app:geheim@localhost/db",
            ),
            ("docker run ... nginx", "ellipsis:..."),
            ("x re_xxxxxxxx", "placeholder:re_xxxxxxxx"),
            ("ping 192.168.x.x", "placeholder:192.168.x.x"),
            ("ping 203.0.113.7", "placeholder:203.0.113.7"),
            ("ping 1.2.3.4", "placeholder:1.2.3.4"),
            ("mysql <数据库>", "placeholder:<数据库>"),
            ("ssh [nom_du_serveur]", "placeholder:[nom_du_serveur]"),
            ("createdb VOTRE_BASE", "placeholder:VOTRE_BASE"),
            ("createdb dein-name", "placeholder:dein-name"),
            ("createdb ваш_база", "placeholder:ваш_база"),
            ("createdb 你的库", "placeholder:你的库"),
            ("createdb mydb", "placeholder:mydb"),
            ("./deploy.sh dev|stage|prod", "menu:dev|stage"),
            ("git revert 3f2a1b9", "example-value:3f2a1b9"),
            ("kill -9 12345", "placeholder:12345"),
            ("dd if=a.iso of=/dev/sdX", "placeholder:sdX"),
            ("cat /home/user/x", "placeholder:user"),
            (
                "tar xzf backup_20240115.tar.gz",
                "example-value:backup_20240115.tar.gz",
            ),
            (
                "docker run -e POSTGRES_PASSWORD=secret postgres",
                "example-value:POSTGRES_PASSWORD=secret",
            ),
            (
                "certbot -m simon@smart.com",
                "example-value:simon@smart.com",
            ),
            (
                "cat <<EOF\nhost: <YOUR_HOST>\nEOF\n",
                "placeholder:<YOUR_HOST>",
            ),
        ] {
            assert_eq!(check(command), expected, "{command}");
        }
    }

    #[test]
    fn values_of_this_machine_are_left_alone() {
        for command in [
            "sudo systemctl restart nginx",
            "docker compose up -d",
            "sudo apt update && sudo apt install -y nginx",
            "pg_dump integral_service_db > backup.sql",
            "cp .env.example .env",
            "cp config.example.yml config.yml",
            "curl -X POST http://127.0.0.1:8000/api/",
            "docker ps --format '{{.Names}}'",
            "ls|wc -l",
            "sort < in > out",
            "find . -name '*.log' -exec rm {} \\;",
            "awk '{print $1}' f",
            "curl -w '%{http_code}' x.io",
            "pip install 'uvicorn[standard]'",
            "journalctl -u nginx --since \"2024-01-15\"",
            "grep ERROR /var/log/syslog",
            "kill -HUP $(cat /run/nginx.pid)",
            "ls [a-z]*",
            "[ -f x ] && echo y",
            "cat /etc/passwd /etc/hostname",
            "git reset --hard HEAD",
            "mysqldump -u root -p shop > shop.sql",
            "sudo ufw allow 80/tcp",
            "ping 8.8.8.8",
            "export PATH=$PATH:/usr/local/bin",
            "echo \"Starting...\"",
            "go test ./...",
            "date +%Y-%m-%d",
            "docker login --password-stdin",
            "cat <<EOF\n<html>\nEOF\n",
            "git clone git@github.com:acme-corp/shop.git",
            "kubectl get pods -o custom-columns=NAME:.metadata.name",
            "sudo hostnamectl set-hostname web1",
            "dig +short smartsolutions.com.ve A",
            "lsof -iTCP:80 -sTCP:LISTEN",
            "chmod 600 ~/.ssh/id_ed25519",
        ] {
            assert_eq!(check(command), "", "{command}");
        }
    }
}
