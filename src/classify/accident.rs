//! Texts that parse as shell by accident: prose, crontab lines, prompts, settings, trees, SQL,
//! Python. Cheap tests of lines and words; whoever is in doubt here is not run.

use super::shell::{Simple, is_name};
use super::text::{Parts, holds, place_of};
use super::words::Set;

/// Returns why `text` is not meant for a shell although it may parse, by its lines.
pub fn of_lines(text: &str) -> Option<String> {
    let mut here: Option<&str> = None;
    let mut continued = false;
    let mut quote: Option<char> = None;
    for line in text.each_line() {
        let trimmed = line.trim();
        // What stands in a here-document or goes on from the line before is no command.
        if let Some(end) = here {
            if trimmed == end {
                here = None;
            }
            continue;
        }
        // Nor is the inside of a quoted argument: SQL over several lines.
        let was_quoted = quote.is_some();
        quote = quoted(line, quote);
        if was_quoted {
            continued = trimmed.ends_with('\\');
            continue;
        }
        let was_continued = std::mem::replace(&mut continued, trimmed.ends_with('\\'));
        here = here_document(trimmed);
        if was_continued || trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if let Some(why) = of_line(trimmed) {
            return Some(why);
        }
    }
    None
}

/// Returns the quote that is open at the end of a line that begins inside `quote`. A quote opens where
/// a word or its value does: the apostrophe of a sentence opens nothing.
fn quoted(line: &str, mut quote: Option<char>) -> Option<char> {
    if quote.is_none() && line.trim_start().starts_with('#') {
        return None;
    }
    if !line.bytes().any(|byte| matches!(byte, b'"' | b'\'')) {
        return quote;
    }
    let mut before = ' ';
    for c in line.chars() {
        match quote {
            Some(open) if c == open && (before != '\\' || open == '\'') => quote = None,
            None if matches!(c, '"' | '\'')
                && (before.is_whitespace() || matches!(before, '=' | '(' | '"' | '\'')) =>
            {
                quote = Some(c);
            }
            None if c == '#' && before.is_whitespace() => break,
            _ => {}
        }
        before = c;
    }
    quote
}

fn here_document(line: &str) -> Option<&str> {
    let after = &line[place_of(line, "<<")? + 2..];
    if after.starts_with('<') {
        return None;
    }
    let word = after.trim_start_matches('-').trim_start();
    let word = word.each_word().next()?;
    let word = word.split(['|', '>', ';', ')']).next().unwrap_or(word);
    let word = word.trim_matches(['\'', '"', '\\']);
    (!word.is_empty()
        && word
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'_'))
    .then_some(word)
}

fn of_line(line: &str) -> Option<String> {
    let first = line.each_word().next().unwrap_or_default();
    let says = |what: &str| Some(format!("`{}` {what}", shortened(line)));
    if !line.is_ascii() && line.contains(['├', '└', '│', '┌', '╔', '║']) {
        return says("is part of a picture");
    }
    if is_schedule(line) {
        return says("is a line of a crontab");
    }
    // `> /var/log/app.log` empties a file.
    let empties = line
        .trim_start()
        .strip_prefix("> ")
        .is_some_and(|rest| rest.starts_with(['/', '~', '.', '$']) && !rest.trim().contains(' '));
    if !empties && matches!(first, "$" | "%" | ">" | ">>>" | "..." | "PS>" | "#")
        || first.starts_with("mysql>")
        || (first.ends_with("=#") || first.ends_with("=>") || first.ends_with("=$"))
        || first.ends_with('>') && first.len() > 1 && !first.contains(['<', '&', '|', '$'])
        || prompt_of_a_host(first)
    {
        return says("begins with a prompt");
    }
    if line.starts_with('[')
        && line.ends_with(']')
        && !line.starts_with("[ ")
        && !line.starts_with("[[")
    {
        return says("heads a section of a settings file");
    }
    if holds(first, "://") {
        return says("is an address, not a command");
    }
    if let Some(name) = first.strip_suffix(':')
        && !name.is_empty()
    {
        return says("is a key and its value, or a sentence");
    }
    if first.starts_with(['"', '{', '}', ','])
        && (line.ends_with([',', '{', '[', '}']) || line.contains("\": "))
        && line != "}"
        && line != "{"
        && !line.starts_with("{ ")
        && !line.starts_with("} ")
    {
        return says("is data");
    }
    if first.len() <= 6
        && first
            .get(..5)
            .is_some_and(|it| it.eq_ignore_ascii_case("usage"))
    {
        return says("is a synopsis");
    }
    let mut words = line.each_word();
    let (one, two) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    if two == "="
        && one
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"_.-[]'\"".contains(&it))
    {
        return says("is a setting: blanks stand around its `=`");
    }
    let is_python = match one {
        "from" => line.contains(" import "),
        "import" => words.next().is_none() || line.contains(" as "),
        "def" | "class" => line.ends_with(':'),
        _ => one.starts_with("print(") || one.starts_with('@') && is_name(&one[1..]),
    };
    if is_python {
        return says("is Python");
    }
    if matches!(one, "local" | "host" | "hostssl" | "hostnossl")
        && line.each_word().count() > 3
        && line.each_word().any(|word| {
            matches!(
                word,
                "peer" | "ident" | "md5" | "trust" | "scram-sha-256" | "reject" | "cert"
            )
        })
    {
        return says("is a line of pg_hba.conf");
    }
    if one == "ip" && (two.starts_with("helper-address") || two == "nat" || two == "dhcp")
        || matches!(one, "switchport" | "spanning-tree")
        || line == "configure terminal"
        || line == "no shutdown"
    {
        return says("is for the console of a switch or router");
    }
    let is_dockers = matches!(
        one,
        "FROM"
            | "RUN"
            | "COPY"
            | "WORKDIR"
            | "ENTRYPOINT"
            | "EXPOSE"
            | "CMD"
            | "ENV"
            | "ARG"
            | "ADD"
            | "VOLUME"
            | "HEALTHCHECK"
            | "MAINTAINER"
            | "LABEL"
    );
    if is_dockers && !two.is_empty() {
        return says("is a line of a Dockerfile");
    }
    let is_sql = matches!(
        one,
        "SELECT"
            | "INSERT"
            | "UPDATE"
            | "DELETE"
            | "CREATE"
            | "ALTER"
            | "DROP"
            | "GRANT"
            | "REVOKE"
            | "TRUNCATE"
            | "WITH"
            | "EXPLAIN"
            | "SHOW"
            | "VACUUM"
            | "FLUSH"
            | "USE"
            | "BEGIN"
            | "COMMIT"
    );
    if is_sql && (!two.is_empty() || line.ends_with(';')) {
        return says("is SQL");
    }
    if matches!(one, "location" | "server" | "upstream" | "http" | "events") && line.ends_with('{')
    {
        return says("is a block of nginx");
    }
    if matches!(
        one,
        "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HTTP/1.1" | "Host:"
    ) {
        return says("is HTTP");
    }
    None
}

/// `user@host:~$`, `root@host:/#`, `[user@host ~]$`.
fn prompt_of_a_host(first: &str) -> bool {
    (first.contains('@') && first.contains(':') && first.ends_with(['$', '#', '%']))
        || (first.starts_with('[') && first.contains('@'))
}

/// Five fields of a schedule and a command, or `@daily command`.
fn is_schedule(line: &str) -> bool {
    let mut words = line.each_word();
    let mut first = words.clone();
    if matches!(
        first.next(),
        Some("@reboot" | "@daily" | "@hourly" | "@weekly" | "@monthly" | "@yearly" | "@midnight")
    ) {
        return true;
    }
    let field = |word: &str| {
        word.bytes()
            .all(|it| it.is_ascii_digit() || b"*/,-".contains(&it))
            || [
                "sun", "mon", "tue", "wed", "thu", "fri", "sat", "mon-fri", "sat,sun", "jan",
            ]
            .iter()
            .any(|day| day.eq_ignore_ascii_case(word))
    };
    (0..5).all(|_| words.next().is_some_and(field))
}

/// Words that a sentence has and a command has not, in five languages. One-letter words and those
/// that are arguments of well-known programs are left out.
static SENTENCE: Set = Set::new(&[
    "the", "and", "your", "you", "this", "that", "will", "then", "with", "which", "should", "must",
    "before", "after", "when", "into", "of", "is", "are", "to", "it", "its", "has", "have", "be",
    "el", "los", "las", "una", "para", "que", "con", "del", "desde", "por", "como", "cuando", "su",
    "está", "antes", "después", "der", "das", "und", "ein", "eine", "mit", "für", "wird", "ist",
    "auf", "nicht", "von", "werden", "le", "les", "des", "une", "pour", "avec", "dans", "est",
    "qui", "sur", "vous", "você", "não", "uma", "os", "em", "ao", "na", "dos", "seu", "já", "or",
    "if", "an", "can", "not", "so", "we", "we'll", "don't", "now", "just", "also", "using", "from",
    "for", "cada", "este", "esta", "sin", "nous", "sie", "wenn", "dass", "zum", "zur", "den",
    "dem",
]);

/// Articles and possessives: one of them as the first argument makes a sentence.
const ARTICLES: &[&str] = &[
    "the", "your", "this", "that", "el", "los", "las", "una", "der", "das", "eine", "les", "une",
    "uma", "these", "those", "its", "our", "tu", "su",
];

/// Returns why a command that would run reads like a sentence or a synopsis.
pub fn of_words(command: &Simple<'_>) -> Option<String> {
    let (program, arguments) = command.words.split_first()?;
    let line = || {
        let words: Vec<&str> = command.words.iter().map(|it| it.text.as_ref()).collect();
        shortened(&words.join(" "))
    };
    if arguments
        .iter()
        .any(|it| !it.quoted && is_synopsis(&it.text))
    {
        return Some(format!("`{}` is a synopsis", line()));
    }
    if matches!(program.text.as_ref(), "echo" | "printf" | "[") || command.in_substitution {
        return None;
    }
    let mut plain = arguments.iter().filter(|it| !it.quoted && it.literal);
    let common = plain
        .clone()
        .filter(|it| SENTENCE.contains(it.text.trim_end_matches([',', '.', ':'])))
        .count();
    let article = plain
        .next()
        .is_some_and(|it| ARTICLES.contains(&it.text.as_ref()));
    // `ip route add x via y`, `git log --since yesterday to`: one such word is no sentence yet.
    // Nor is the language of a firewall, or a user of that name.
    let speaks = |word: &str| matches!(word, "ufw" | "su" | "iptables" | "nft" | "tcpdump" | "at");
    let is_told = speaks(&program.text)
        || matches!(program.text.as_ref(), "sudo" | "doas")
            && arguments.first().is_some_and(|it| speaks(&it.text));
    if !is_told && (common >= 2 || article) {
        return Some(format!("`{}` reads like a sentence", line()));
    }
    None
}

/// `[OPTIONS]`, `[ARG...]`, `[-h]`, `...`, but not a glob like `[a-z]` or `[0-9]`.
fn is_synopsis(word: &str) -> bool {
    if word == "..." || word == "…" || word == "[...]" {
        return true;
    }
    let Some(inside) = word
        .strip_prefix('[')
        .and_then(|it| it.trim_end_matches('.').strip_suffix(']'))
    else {
        return false;
    };
    let bytes = inside.as_bytes();
    inside.starts_with('-')
        || inside.contains(['|', ' '])
        || inside.ends_with("...")
        || (bytes.len() > 2
            && bytes
                .iter()
                .all(|it| it.is_ascii_alphabetic() || matches!(it, b'_' | b'-' | b'=')))
            && bytes.get(1) != Some(&b'-')
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= 40 {
        line.to_owned()
    } else {
        let head: String = line.chars().take(39).collect();
        format!("{head}…")
    }
}
