//! Text → what it is, where that is not commands. Cheap tests over lines, no parser: parsing is no
//! evidence of shell (crontab lines, trees, SQL and imports all parse), so these come first.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::model::Nature;

use super::pieces::opens_payload;
use super::text::{Parts, holds, place_of};
use super::words::{self, Beginnings};

/// What a text was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) nature: Nature,
    /// In words, after "it is": "a directory tree".
    pub(super) because: &'static str,
    pub(super) kind: Form,
}

/// Which test said so; what the tag and the surroundings can still change depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Diagram,
    Printed,
    Log,
    Data,
    Settings,
    Assignments,
    Crontab,
    Dockerfile,
    Sql,
    Console,
    Metrics,
    Python,
    Source,
    Pins,
    Prose,
    Synopsis,
    Address,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every test ends with it, and every test may find nothing"
)]
const fn shape(kind: Form, nature: Nature, because: &'static str) -> Option<Shape> {
    Some(Shape {
        nature,
        because,
        kind,
    })
}

/// How much the tag says in favour of a shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaning {
    /// Tagged as a shell's.
    Shell,
    /// No tag, or one that says nothing.
    Nothing,
    /// Tagged as Python.
    Python,
    /// Tagged as a data or another language.
    Data,
}

/// Returns what `text` is, where it is no command; `is_program` says whether a word is a known program.
pub(super) fn shape_of(
    text: &str,
    leaning: Leaning,
    is_program: &dyn Fn(&str) -> bool,
) -> Option<Shape> {
    let lines: Vec<&str> = text
        .each_line()
        .map(str::trim_end)
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first = *lines.first()?;
    let code: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| !is_remark(line))
        .collect();
    let sure = diagram(&code)
        .or_else(|| printed_table(&code))
        .or_else(|| marked(&lines, first))
        .or_else(|| payload(text, &code))
        .or_else(|| crontab(&code))
        .or_else(|| sql(&lines))
        .or_else(|| markup(text.trim()))
        .or_else(|| dockerfile(&code))
        .or_else(|| python(&lines, leaning, is_program))
        .or_else(|| source(&lines, &code));
    if sure.is_some() {
        return sure;
    }
    // A program's name opens it: what follows may be a here-document of anything.
    let opening = code.first().copied().unwrap_or_default();
    let opens = opening
        .each_word()
        .find(|word| !matches!(*word, "sudo" | "time" | "env") && is_assignment(word).is_none());
    if opens.is_some_and(is_program) && !is_sentence(opening) {
        return synopsis(&code);
    }
    settings(&code)
        .or_else(|| assignments(&code, leaning, is_program))
        .or_else(|| blocks(&code))
        .or_else(|| pins(&code))
        .or_else(|| metrics(&code))
        .or_else(|| console(&code))
        .or_else(|| printed(&code, leaning))
        .or_else(|| yaml(&code, is_program))
        .or_else(|| addresses(&code))
        .or_else(|| synopsis(&code))
        .or_else(|| prose(&code, leaning, is_program))
}

fn is_remark(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('#')
        && !line.starts_with("#!")
        && !line.starts_with("#include")
        && !line.starts_with("#define")
}

/// Whether at least `percent` of the lines pass.
fn most(lines: &[&str], percent: usize, test: impl Fn(&str) -> bool) -> bool {
    let passed = lines.iter().filter(|line| test(line)).count();
    passed > 0 && passed * 100 >= lines.len() * percent
}

fn all(lines: &[&str], test: impl Fn(&str) -> bool) -> bool {
    most(lines, 100, test)
}

fn first_word(line: &str) -> &str {
    line.each_word().next().unwrap_or_default()
}

fn diagram(code: &[&str]) -> Option<Shape> {
    const BOX: &[char] = &[
        '│', '├', '└', '┌', '┐', '┘', '┬', '┴', '┼', '║', '╔', '╚', '╠', '▼', '▲', '┃', '┏', '┗',
        '┣', '╭', '╰',
    ];
    const ARROWS: &[char] = &['→', '←', '↓', '↑', '▼', '▶', '⇒', '➜', '►', '⟶', '➔', '↔'];
    let begins = |line: &str| {
        let text = line.trim_start();
        text.starts_with(BOX)
            || ((text.starts_with("|--")
                || text.starts_with("`--")
                || text.starts_with("+--")
                || text.starts_with("\\--"))
                && text[3..].starts_with([' ', '-'])
                && text.chars().any(char::is_alphanumeric))
            || !text.is_ascii()
                && (text.contains('│') || text.contains("├─") || text.contains("└─"))
                && !text.contains('"')
                && !text.contains('\'')
    };
    if most(code, 30, begins)
        && code
            .iter()
            .any(|line| !line.is_ascii() && line.contains(BOX) || holds(line, "--"))
    {
        let is_tree = code.iter().any(|line| {
            holds(line, "├─") || holds(line, "└─") || holds(line, "|--") || holds(line, "`--")
        });
        let because = if is_tree {
            "a tree"
        } else {
            "a drawing of boxes"
        };
        return shape(Form::Diagram, Nature::Diagram, because);
    }
    // `+-----+` over `|  a  |`: boxes, unless it is a table that a client printed (see below).
    let rule = |line: &str| {
        let text = line.trim();
        text.len() > 4
            && text.starts_with('+')
            && text.ends_with('+')
            && text.bytes().filter(|b| *b == b'-' || *b == b'=').count() * 2 > text.len()
    };
    if code.iter().any(|line| rule(line))
        && !all(code, |line| line.trim_start().starts_with(['+', '|']))
        && most(code, 50, |line| {
            line.contains("| ")
                || line.contains(" |")
                || rule(line)
                || line.trim() == "v"
                || line
                    .trim()
                    .trim_matches(['|', ' ', 'v', 'V', '^'])
                    .is_empty()
        })
    {
        return shape(Form::Diagram, Nature::Diagram, "a drawing of boxes");
    }
    let without_remark = |line: &str| place_of(line, " #").unwrap_or(line.len());
    let flows = |line: &str| {
        if line.is_ascii() && !line.as_bytes().contains(&b'>') {
            return false;
        }
        let line = &line[..without_remark(line)];
        let arrow = if line.is_ascii() {
            None
        } else {
            line.find(ARROWS)
        };
        (arrow.is_some()
            || holds(line, "-->") && !holds(line, "<!--")
            || holds(line, " -> ") && line.matches(" -> ").count() > 1
            || holds(line, "==>"))
            && !line.contains(['"', '\''])
            // `value   → what it means`: a remark behind something.
            && !arrow.is_some_and(|at| line[..at].ends_with("  ") && !line[..at].trim().is_empty())
    };
    let flowing = code.iter().filter(|line| flows(line)).count();
    if most(code, 50, flows) || flowing > 1 && most(code, 30, flows) {
        return shape(Form::Diagram, Nature::Diagram, "a drawing with arrows");
    }
    // A tree of names: `src/`, `  main.py   # entry`.
    let bare = |line: &str| {
        let name = line[..without_remark(line)].trim();
        !name.is_empty()
            && !name.contains(char::is_whitespace)
            && (name.ends_with('/')
                || name
                    .rsplit('/')
                    .next()
                    .is_some_and(|last| last.contains('.') || name.starts_with('.')))
    };
    if code.len() > 2
        && code
            .first()
            .is_some_and(|line| line[..without_remark(line)].trim().ends_with('/'))
        && code.iter().any(|line| line.starts_with("  "))
        && most(code, 80, bare)
    {
        return shape(Form::Diagram, Nature::Diagram, "a tree");
    }
    None
}

fn printed_table(code: &[&str]) -> Option<Shape> {
    let is_row = |line: &str| line.trim_start().starts_with(['+', '|']);
    if code.len() > 2 && most(code, 70, is_row) && code.iter().any(|line| line.contains("---")) {
        if code[0].trim_start().starts_with("| ") {
            return shape(Form::Printed, Nature::Listing, "a table");
        }
        return shape(
            Form::Printed,
            Nature::Output,
            "a table that a client printed",
        );
    }
    // psql: ` id | name` over `----+------`, and `(2 rows)`.
    let is_rule = |line: &str| {
        line.len() > 2
            && line.trim().bytes().all(|b| matches!(b, b'-' | b'+'))
            && line.contains("--")
    };
    if code.iter().skip(1).any(|line| is_rule(line))
        && code.iter().any(|line| {
            line.contains(" | ") || line.contains('+') || line.trim_start().starts_with('(')
        })
    {
        return shape(
            Form::Printed,
            Nature::Output,
            "a table that a client printed",
        );
    }
    None
}

/// Texts that say what they are in their first words.
fn marked(lines: &[&str], first: &str) -> Option<Shape> {
    let starts = |mark: &str| lines.iter().any(|line| line.starts_with(mark));
    if starts("diff --git ") || starts("@@ -") || (starts("--- ") && starts("+++ ")) {
        return shape(Form::Data, Nature::Data, "a difference between files");
    }
    if starts("Traceback (most recent call last)")
        || starts("Exception in thread")
        || starts("goroutine ")
        || starts("panic: ")
    {
        return shape(Form::Printed, Nature::Output, "a trace of a failure");
    }
    if first.starts_with("-----BEGIN ")
        || first.starts_with("ssh-rsa AAAA")
        || first.starts_with("ssh-ed25519 AAAA")
    {
        return shape(Form::Data, Nature::Data, "a key or certificate");
    }
    let mut words = first.each_word();
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_default();
    if matches!(
        method,
        "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS"
    ) && (path.starts_with('/') || path.starts_with("http") || path.starts_with('{'))
    {
        return shape(Form::Data, Nature::Data, "an HTTP request");
    }
    if first.starts_with("HTTP/1") || first.starts_with("HTTP/2") {
        return shape(Form::Printed, Nature::Output, "an HTTP answer");
    }
    if first.starts_with("<?php") {
        return shape(Form::Source, Nature::Listing, "source in PHP");
    }
    if first.starts_with("#!") && !first.contains("sh") {
        return shape(Form::Source, Nature::File, "a script of another language");
    }
    // Two lines below `#!` may be pasted; more are meant to be saved.
    if first.starts_with("#!") && lines.len() > 3 {
        return shape(Form::Source, Nature::File, "a script, to be saved");
    }
    let flow = [
        "graph TD",
        "graph LR",
        "graph TB",
        "flowchart ",
        "sequenceDiagram",
        "@startuml",
        "digraph ",
        "erDiagram",
        "stateDiagram",
        "gantt",
        "classDiagram",
    ];
    if flow.iter().any(|mark| first.trim_start().starts_with(mark)) {
        return shape(Form::Diagram, Nature::Diagram, "the source of a drawing");
    }
    None
}

fn payload(text: &str, code: &[&str]) -> Option<Shape> {
    let first = code.first()?.trim();
    let begins = opens_payload(first)
        || (first.starts_with('{') || first.starts_with('['))
            && first.contains('"')
            && first.contains(':')
            && !first.contains("]]");
    let last = code.last()?.trim_end();
    if begins && last.ends_with(['}', ']', ',']) {
        return shape(Form::Data, Nature::Data, "JSON");
    }
    // An excerpt: lines `"key": value`.
    let member = |line: &str| {
        let line = line.trim();
        line.starts_with('"')
            && line[1..]
                .find('"')
                .is_some_and(|at| line[at + 2..].trim_start().starts_with(':'))
            || matches!(line, "{" | "}" | "}," | "]" | "]," | "...")
    };
    if text.contains("\":") && all(code, member) {
        return shape(Form::Data, Nature::Data, "JSON");
    }
    None
}

fn crontab(code: &[&str]) -> Option<Shape> {
    if code.iter().any(|line| is_cron(line))
        && all(code, |line| is_cron(line) || is_assignment(line).is_some())
    {
        return shape(Form::Crontab, Nature::File, "lines of a crontab");
    }
    None
}

const DAYS: &[&str] = &[
    "sun", "mon", "tue", "wed", "thu", "fri", "sat", "jan", "feb", "mar", "apr", "may", "jun",
    "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Whether a line is one of a crontab: five fields or `@daily`, then a command.
pub(super) fn is_cron(line: &str) -> bool {
    let mut words = line.each_word();
    let first = words.clone().next().unwrap_or_default();
    if let Some(name) = first.strip_prefix('@') {
        return matches!(
            name,
            "reboot"
                | "yearly"
                | "annually"
                | "monthly"
                | "weekly"
                | "daily"
                | "midnight"
                | "hourly"
        ) && line.each_word().count() > 1;
    }
    let field = |word: &str| {
        word.split([',', '-', '/']).all(|part| {
            part == "*"
                || (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && part.len() < 3)
                || part.len() == 3 && DAYS.iter().any(|day| day.eq_ignore_ascii_case(part))
        })
    };
    (0..5).all(|_| words.next().is_some_and(field)) && words.next().is_some()
}

const SQL_VERBS: &[(&str, &[&str])] = &[
    ("SELECT", &[]),
    ("INSERT", &["INTO", "IGNORE", "OR"]),
    ("UPDATE", &[]),
    ("DELETE", &["FROM"]),
    (
        "CREATE",
        &[
            "TABLE",
            "DATABASE",
            "USER",
            "ROLE",
            "EXTENSION",
            "INDEX",
            "UNIQUE",
            "VIEW",
            "SCHEMA",
            "FUNCTION",
            "TRIGGER",
            "OR",
            "PROCEDURE",
            "SEQUENCE",
            "TYPE",
            "MATERIALIZED",
            "PUBLICATION",
            "SUBSCRIPTION",
            "TEMPORARY",
            "TEMP",
            "LOGIN",
            "POLICY",
            "KEYSPACE",
            "EVENT",
        ],
    ),
    (
        "ALTER",
        &[
            "TABLE",
            "DATABASE",
            "USER",
            "ROLE",
            "SYSTEM",
            "SCHEMA",
            "INDEX",
            "SEQUENCE",
            "EXTENSION",
            "DEFAULT",
            "VIEW",
            "SUBSCRIPTION",
            "PUBLICATION",
            "LOGIN",
            "FUNCTION",
            "TYPE",
            "EVENT",
            "INSTANCE",
        ],
    ),
    (
        "DROP",
        &[
            "TABLE",
            "DATABASE",
            "USER",
            "ROLE",
            "SCHEMA",
            "INDEX",
            "VIEW",
            "EXTENSION",
            "FUNCTION",
            "TRIGGER",
            "IF",
            "OWNED",
            "SEQUENCE",
            "PUBLICATION",
            "SUBSCRIPTION",
            "MATERIALIZED",
            "TYPE",
            "EVENT",
            "PROCEDURE",
            "KEYSPACE",
        ],
    ),
    ("TRUNCATE", &["TABLE", "ONLY"]),
    ("GRANT", &[]),
    ("REVOKE", &[]),
    ("SHOW", &[]),
    ("EXPLAIN", &[]),
    ("DESCRIBE", &[]),
    ("VACUUM", &[]),
    ("ANALYZE", &[]),
    ("REINDEX", &[]),
    ("CLUSTER", &[]),
    ("CHECKPOINT", &[]),
    ("FLUSH", &[]),
    ("USE", &[]),
    ("SET", &[]),
    ("RESET", &[]),
    ("BEGIN", &[]),
    ("COMMIT", &[]),
    ("ROLLBACK", &[]),
    (
        "START",
        &["TRANSACTION", "SLAVE", "REPLICA", "GROUP_REPLICATION"],
    ),
    ("STOP", &["SLAVE", "REPLICA", "GROUP_REPLICATION"]),
    ("CHANGE", &["MASTER", "REPLICATION"]),
    ("KILL", &[]),
    ("LOCK", &["TABLES", "TABLE"]),
    ("UNLOCK", &["TABLES"]),
    ("OPTIMIZE", &["TABLE"]),
    ("REPAIR", &["TABLE"]),
    ("CHECK", &["TABLE"]),
    ("PURGE", &["BINARY"]),
    ("REFRESH", &["MATERIALIZED"]),
    ("RENAME", &["TABLE", "USER"]),
    ("WITH", &[]),
    ("CALL", &[]),
    ("COPY", &[]),
    ("LOAD", &["DATA"]),
    ("REPLACE", &["INTO"]),
    ("COMMENT", &["ON"]),
    ("MERGE", &["INTO"]),
    ("PRAGMA", &[]),
    ("EXIT;", &[]),
    ("QUIT;", &[]),
    ("SOURCE", &[]),
    ("DO", &[]),
    ("EXEC", &[]),
    ("GO", &[]),
    ("BACKUP", &["DATABASE", "LOG"]),
    ("RESTORE", &["DATABASE"]),
    ("IF", &["NOT", "EXISTS"]),
];

/// Whether a statement of SQL begins on this line. Words that are also programs or prose need capitals.
pub(super) fn begins_sql(line: &str) -> bool {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix('\\') {
        return rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '?')
            && line.each_word().count() < 6
            && !line.ends_with('\\');
    }
    if line.starts_with('.') {
        let word = first_word(line);
        return matches!(
            word,
            ".tables"
                | ".schema"
                | ".quit"
                | ".exit"
                | ".headers"
                | ".mode"
                | ".backup"
                | ".dump"
                | ".databases"
                | ".restore"
                | ".open"
                | ".read"
        );
    }
    let mut words = line
        .split(|c: char| c.is_whitespace() || c == '(')
        .filter(|word| !word.is_empty());
    let Some(verb) = words.next() else {
        return false;
    };
    let bare = verb.trim_end_matches(';');
    let Some(&initial) = bare.as_bytes().first() else {
        return false;
    };
    let Some((_, nexts)) = SQL_VERBS.iter().find(|(name, _)| {
        name.as_bytes()[0].eq_ignore_ascii_case(&initial)
            && name.trim_end_matches(';').eq_ignore_ascii_case(bare)
    }) else {
        return false;
    };
    let upper = bare.to_ascii_uppercase();
    let next = words.next().unwrap_or_default().trim_end_matches(';');
    if bare == upper {
        return nexts.is_empty()
            || next.is_empty()
            || nexts.contains(&next.to_ascii_uppercase().as_str());
    }
    // Small letters: only what no shell command looks like.
    let ends = line.trim_end().ends_with(';');
    match upper.as_str() {
        "SELECT" => ends || line.to_ascii_lowercase().contains(" from ") || line.contains('*'),
        "USE" | "SHOW" | "GRANT" | "REVOKE" | "FLUSH" | "UPDATE" | "DESCRIBE" | "VACUUM"
        | "COMMIT" | "BEGIN" | "ROLLBACK" | "EXPLAIN" | "EXIT" | "QUIT" | "SET" => {
            ends && !line.contains("\\;")
        }
        _ => {
            !nexts.is_empty()
                && nexts.contains(&next.to_ascii_uppercase().as_str())
                && (ends
                    || !next.is_empty() && bare.chars().next().is_some_and(char::is_uppercase)
                    || matches!(
                        upper.as_str(),
                        "CREATE" | "ALTER" | "DROP" | "INSERT" | "DELETE"
                    ))
        }
    }
}

fn sql(lines: &[&str]) -> Option<Shape> {
    let code: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| {
            !is_remark(line)
                && !line.trim_start().starts_with("--")
                && !line.trim_start().starts_with("/*")
        })
        .collect();
    let first = code.first()?;
    if !begins_sql(first) {
        return None;
    }
    // Every line after the end of a statement begins another.
    let mut begins = true;
    for line in &code {
        if begins && !begins_sql(line) {
            return None;
        }
        let code = line.split(" --").next().unwrap_or_default().trim_end();
        begins = code.ends_with(';')
            || line.trim_start().starts_with('\\')
            || line.trim_start().starts_with('.');
    }
    shape(Form::Sql, Nature::Query, "SQL")
}

fn markup(text: &str) -> Option<Shape> {
    let rest = text.strip_prefix('<')?;
    let begins =
        rest.starts_with(['!', '?']) || rest.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins
        && text.ends_with('>')
        && (text.contains("</")
            || text.contains("/>")
            || text.contains("<!")
            || text.contains("?>"))
    {
        return shape(Form::Data, Nature::Data, "XML or HTML");
    }
    None
}

fn dockerfile(code: &[&str]) -> Option<Shape> {
    const WORDS: &[&str] = &[
        "FROM",
        "RUN",
        "CMD",
        "COPY",
        "ENV",
        "WORKDIR",
        "EXPOSE",
        "ENTRYPOINT",
        "ARG",
        "VOLUME",
        "USER",
        "ADD",
        "LABEL",
        "HEALTHCHECK",
        "SHELL",
        "STOPSIGNAL",
    ];
    let first = first_word(code.first()?);
    if WORDS.contains(&first)
        && (first == "FROM" || most(code, 50, |line| WORDS.contains(&first_word(line))))
    {
        return shape(Form::Dockerfile, Nature::File, "a Dockerfile");
    }
    None
}

fn python(lines: &[&str], leaning: Leaning, is_program: &dyn Fn(&str) -> bool) -> Option<Shape> {
    let is_sure = |line: &str| {
        let text = line.trim_start();
        (text.starts_with("import ") && !text.contains(['\'', '"', '{', ';']))
            || (text.starts_with("from ") && text.contains(" import "))
            || (text.starts_with("def ")
                || text.starts_with("class ")
                || text.starts_with("async def "))
                && text.ends_with(':')
            || text.starts_with("print(")
            || text.starts_with('@')
                && text[1..].starts_with(|c: char| c.is_ascii_lowercase())
                && !text.contains(' ')
                && !text.starts_with("@reboot")
            || (text.starts_with("for ")
                || text.starts_with("if ")
                || text.starts_with("with ")
                || text.starts_with("while ")
                || text.starts_with("try")
                || text.starts_with("except"))
                && text.ends_with(':')
            || text.starts_with("if __name__")
            || text.starts_with(">>> ")
    };
    if lines.iter().any(|line| is_sure(line))
        && !lines
            .iter()
            .any(|line| line.contains("<<") && !line.contains("<<<"))
    {
        let first = lines
            .iter()
            .find(|line| !is_remark(line))
            .copied()
            .unwrap_or_default();
        // `python - <<EOF` and `python -c "import x` begin with a program.
        if is_sure(first) || leaning == Leaning::Python || !is_program(first_word(first)) {
            return shape(Form::Python, Nature::Listing, "Python");
        }
        return None;
    }
    if leaning == Leaning::Python {
        let code: Vec<&str> = lines
            .iter()
            .copied()
            .filter(|line| !is_remark(line))
            .collect();
        let first = first_word(code.first()?);
        // `DATABASES = {` and calls: Python as the tag says; a program's name: not.
        let is_python = |line: &str| {
            let text = line.trim();
            is_python_assignment(text)
                || text.starts_with(['}', ']', ')', '\'', '"', '{', '[', '('])
                || text.contains('(') && !text.contains("$(")
        };
        if !is_program(first)
            && !first.contains('/')
            && most(&code, 60, is_python)
            && !code[0].contains("==")
        {
            return shape(Form::Python, Nature::Listing, "Python");
        }
    }
    None
}

fn is_python_assignment(text: &str) -> bool {
    text.split_once(" = ").is_some_and(|(name, _)| {
        !name.is_empty()
            && name.chars().all(|c| {
                c.is_alphanumeric() || matches!(c, '_' | '.' | ',' | ' ' | '[' | ']' | '"' | '\'')
            })
            && name.each_word().count() < 3
    })
}

fn source(lines: &[&str], code: &[&str]) -> Option<Shape> {
    let first = code
        .first()
        .copied()
        .or(lines.first().copied())?
        .trim_start();
    let starts = |marks: &[&str]| marks.iter().any(|mark| first.starts_with(mark));
    let any = |test: &dyn Fn(&str) -> bool| lines.iter().any(|line| test(line.trim_start()));
    if starts(&[
        "#include",
        "package main",
        "func ",
        "public class ",
        "public static ",
        "private ",
        "using System",
        "namespace ",
        "fn main",
        "pub fn ",
        "impl ",
        "struct ",
        "interface ",
    ]) && any(&|line| line.ends_with(['{', ';', '>']) || line.starts_with("package"))
    {
        return shape(Form::Source, Nature::Listing, "source of a program");
    }
    if starts(&[
        "const ",
        "let ",
        "var ",
        "module.exports",
        "export default",
        "export const",
        "export function",
        "import {",
        "'use strict'",
        "\"use strict\"",
        "async function",
        "console.log(",
        "require(",
    ]) || first.starts_with("function ")
        && (any(&|line| {
            line.starts_with("return ") || line.starts_with("const ") || line.ends_with(';')
        }) && first.contains('(')
            && first.contains(')')
            && !first.contains("()"))
        || first.starts_with("import ") && first.contains(" from ")
    {
        return shape(Form::Source, Nature::Listing, "JavaScript");
    }
    if any(&|line| {
        line.starts_with("resource \"")
            || line.starts_with("provider \"")
            || line.starts_with("variable \"")
            || line.starts_with("module \"")
            || line.starts_with("terraform {")
            || line.starts_with("data \"") && line.ends_with('{')
    }) && lines.iter().any(|line| line.trim_end().ends_with('{'))
        && !lines.iter().any(|line| line.contains("<<"))
    {
        return shape(Form::Source, Nature::File, "Terraform");
    }
    // A Makefile: a target, and lines under a tab.
    if first.ends_with(':')
        && !first.contains(' ')
        && lines.iter().any(|line| line.starts_with('\t'))
    {
        return shape(Form::Source, Nature::File, "a Makefile");
    }
    None
}

fn settings(code: &[&str]) -> Option<Shape> {
    let is_section = |line: &str| {
        let line = line.trim();
        line.starts_with('[')
            && line.ends_with(']')
            && line.len() > 2
            && !line.starts_with("[ ")
            && line[1..].starts_with(|c: char| c.is_alphanumeric() || c == '[')
            && !line.contains("...")
    };
    let is_pair = |line: &str| {
        line.trim().split_once('=').is_some_and(|(name, _)| {
            !name.is_empty()
                && name.trim().chars().all(|c| {
                    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '"' | '/' | ':')
                })
                && name.each_word().count() < 3
        })
    };
    let first = code.first()?;
    if is_section(first)
        && code.len() > 1
        && most(code, 60, |line| {
            is_section(line) || is_pair(line) || line.trim_start().starts_with(';')
        })
    {
        let is_unit = code.iter().any(|line| {
            matches!(
                line.trim(),
                "[Unit]" | "[Service]" | "[Install]" | "[Timer]" | "[Socket]"
            )
        });
        return shape(
            Form::Settings,
            Nature::File,
            if is_unit {
                "a unit of systemd"
            } else {
                "settings in sections"
            },
        );
    }
    if is_section(first)
        && code.len() > 1
        && most(&code[1..], 80, |line| {
            first_word(line).contains('.') || line.contains("ansible_")
        })
    {
        return shape(Form::Settings, Nature::File, "an inventory of hosts");
    }
    None
}

/// Returns name and value of `NAME=value` and `NAME = value`.
fn is_assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim().split_once('=')?;
    let bare = name.trim_end();
    let is_name = bare.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && bare
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    (is_name && !value.starts_with('=') && !value.starts_with('~')).then_some((bare, value.trim()))
}

fn assignments(
    code: &[&str],
    leaning: Leaning,
    is_program: &dyn Fn(&str) -> bool,
) -> Option<Shape> {
    let is_plain = |line: &str| {
        let Some((name, value)) = is_assignment(line) else {
            return false;
        };
        // `NAME=value command` runs a command; `NAME=$(…)` is the shell's.
        let after = value
            .split_once(' ')
            .map_or("", |(_, rest)| rest.trim_start());
        let quoted = value.starts_with(['"', '\'']);
        if leaning == Leaning::Shell
            && (value.contains("$(")
                || value.contains('`')
                || name.contains(['-', '.']) && !line.contains(" = "))
        {
            return false;
        }
        quoted
            || after.is_empty()
            || after.starts_with('#')
            || line.contains(" = ")
            || !is_program(first_word(after)) && !value.contains("&&")
    };
    if all(code, is_plain) {
        return shape(
            Form::Assignments,
            Nature::File,
            "assignments only, an input form like `.env`",
        );
    }
    // `Port 22`, `PermitRootLogin no`: one name and one value per line.
    let is_option = |line: &str| {
        let mut words = line.each_word();
        let name = words.next().unwrap_or_default();
        name.chars().next().is_some_and(char::is_uppercase)
            && name.chars().any(char::is_lowercase)
            && name.chars().all(char::is_alphanumeric)
            && name.chars().skip(1).any(char::is_uppercase)
            && words.clone().count() > 0
            && words.count() < 4
    };
    if code.len() > 1
        && most(code, 80, |line| {
            is_option(line) || matches!(first_word(line), "Host" | "User" | "Port" | "Match")
        })
        || code.len() == 1 && is_option(code[0]) && !code[0].contains('-')
    {
        return shape(
            Form::Settings,
            Nature::File,
            "settings, a name and a value on each line",
        );
    }
    let is_sysctl = |line: &str| {
        line.split_once('=').is_some_and(|(name, _)| {
            name.contains('.')
                && name
                    .trim()
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'))
        })
    };
    if all(code, is_sysctl) {
        return shape(
            Form::Settings,
            Nature::File,
            "settings, a name and a value on each line",
        );
    }
    None
}

/// nginx and its kin: directives that end with `;`, blocks in braces; Apache's `<VirtualHost>`.
fn blocks(code: &[&str]) -> Option<Shape> {
    const NGINX: &[&str] = &[
        "server",
        "location",
        "upstream",
        "listen",
        "server_name",
        "proxy_pass",
        "root",
        "http",
        "events",
        "worker_processes",
        "include",
        "ssl_certificate",
        "ssl_certificate_key",
        "ssl_protocols",
        "add_header",
        "return",
        "rewrite",
        "proxy_set_header",
        "client_max_body_size",
        "gzip",
        "limit_req_zone",
        "limit_req",
        "error_log",
        "access_log",
        "map",
        "keepalive_timeout",
        "proxy_read_timeout",
        "proxy_connect_timeout",
        "fastcgi_pass",
        "try_files",
        "user",
        "upstream_backend",
        "worker_connections",
        "proxy_cache_path",
        "allow",
        "deny",
        "auth_basic",
        "zone",
        "resolver",
        "global_defs",
        "vrrp_instance",
    ];
    let first = first_word(code.first()?);
    let directive = |line: &str| {
        line.trim_end()
            .split(" #")
            .next()
            .unwrap_or_default()
            .trim_end()
            .ends_with([';', '{', '}'])
    };
    if NGINX.contains(&first.trim_end_matches('{'))
        && most(code, 80, directive)
        && !code[0].contains("()")
    {
        // A directive or two out of a file are a sample.
        let nature = if code.len() < 6 && !matches!(first, "server" | "http" | "user") {
            Nature::Data
        } else {
            Nature::File
        };
        return shape(
            Form::Settings,
            nature,
            "settings in blocks, like those of nginx",
        );
    }
    let text = code[0].trim();
    if text.starts_with('<')
        && text.ends_with('>')
        && ["<VirtualHost", "<Directory", "<IfModule", "<Location"]
            .iter()
            .any(|mark| text.starts_with(mark))
    {
        return shape(Form::Settings, Nature::File, "settings of Apache");
    }
    // Caddy, logrotate: `name {` and lines inside.
    if code.len() > 2
        && text.ends_with('{')
        && text.each_word().count() < 4
        && !text.contains('(')
        && code.last().is_some_and(|line| line.trim() == "}")
        && (first.contains('.') || first.starts_with('/') || first.starts_with(':'))
    {
        return shape(Form::Settings, Nature::File, "settings in blocks");
    }
    None
}

fn pins(code: &[&str]) -> Option<Shape> {
    let is_pin = |line: &str| {
        let line = line.trim();
        ["==", ">=", "~=", "<=", "!="].iter().any(|mark| {
            line.split_once(mark).is_some_and(|(name, version)| {
                !name.is_empty()
                    && name.trim_end().chars().all(|c| {
                        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '[' | ']' | ',')
                    })
                    && version
                        .trim_start()
                        .starts_with(|c: char| c.is_ascii_digit())
            })
        })
    };
    if most(code, 70, is_pin) && all(code, |line| is_pin(line) || line.each_word().count() == 1) {
        return shape(Form::Pins, Nature::Listing, "versions of packages");
    }
    None
}

fn metrics(code: &[&str]) -> Option<Shape> {
    const FUNCTIONS: &[&str] = &[
        "rate(",
        "irate(",
        "increase(",
        "sum(",
        "sum by",
        "avg(",
        "avg by",
        "max(",
        "max by",
        "min(",
        "count(",
        "count by",
        "topk(",
        "histogram_quantile(",
        "absent(",
        "delta(",
        "avg_over_time(",
        "100 *",
        "100 - (",
        "(sum",
        "(1 -",
        "count_over_time(",
        "sum without",
        "predict_linear(",
        "up{",
        "label_replace(",
    ];
    let first = code.first()?.trim_start();
    let selector = |line: &str| {
        let line = line.trim();
        line.find('{').is_some_and(|at| {
            let name = &line[..at];
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
                && (line[at..].contains("=\"") || line[at..].contains("=~\""))
                && line.contains('}')
        })
    };
    if FUNCTIONS.iter().any(|mark| first.starts_with(mark)) || selector(first) {
        return shape(Form::Metrics, Nature::Query, "a query for metrics or logs");
    }
    None
}

/// Lines for the consoles of redis and mongo.
fn console(code: &[&str]) -> Option<Shape> {
    const REDIS: &[&str] = &[
        "PING",
        "INFO",
        "KEYS",
        "GET",
        "SET",
        "DEL",
        "FLUSHALL",
        "FLUSHDB",
        "CONFIG",
        "AUTH",
        "DBSIZE",
        "SCAN",
        "TTL",
        "CLIENT",
        "MONITOR",
        "SLOWLOG",
        "BGSAVE",
        "SAVE",
        "LASTSAVE",
        "MEMORY",
        "CLUSTER",
        "HGETALL",
        "LRANGE",
        "LLEN",
        "SMEMBERS",
        "SELECT",
        "EXPIRE",
        "HSET",
        "LPUSH",
        "TYPE",
        "REPLICAOF",
        "SHUTDOWN",
        "BGREWRITEAOF",
        "ACL",
        "ZRANGE",
        "EXISTS",
        "QUIT",
    ];
    if all(code, |line| REDIS.contains(&first_word(line))) {
        return shape(Form::Console, Nature::Query, REDIS_LINES);
    }
    let mongo = |line: &str| {
        let line = line.trim();
        line.starts_with("db.")
            || line.starts_with("rs.")
            || line.starts_with("sh.")
            || line.starts_with("show dbs")
            || line.starts_with("show collections")
            || (line.starts_with("use ") && line.each_word().count() == 2)
    };
    let first = code.first()?;
    if mongo(first) && (code.iter().any(|line| line.contains('(')) || all(code, mongo)) {
        return shape(
            Form::Console,
            Nature::Query,
            "lines for the console of a database",
        );
    }
    None
}

/// Why lines are for redis.
pub(super) const REDIS_LINES: &str = "lines for the console of redis";

/// Whether a line among commands is rather what one of them printed.
pub(super) fn is_printed(line: &str) -> bool {
    matches!(printed(&[line], Leaning::Shell), Some(shape) if shape.nature == Nature::Output)
        || printed_table(&[line]).is_some()
}

/// How lines begin that commands print.
static BEGINNINGS: LazyLock<Beginnings> = LazyLock::new(|| {
    Beginnings::new([
        "total ",
        "drwx",
        "-rw",
        "lrwx",
        "Filesystem ",
        "● ",
        "Active: ",
        "Loaded: ",
        "tcp ",
        "udp ",
        "LISTEN ",
        "PING ",
        "64 bytes",
        "Server:",
        "Status: ",
        "State: ",
        "USER ",
        "PID ",
        "Proto ",
        "Netid ",
        "CONTAINER ID",
        "REPOSITORY",
        "NAMESPACE",
        "NAME ",
        "Name: ",
        "Name:",
        "Active Internet",
        "Mem: ",
        "Chain INPUT",
        "uid=",
        "inet ",
        "Linux ",
        "Python 3",
        "Docker version",
        "v1",
        "v2",
        "git version 2",
        "nginx version",
        "nginx: ",
        "Usage: ",
        "usage: ",
        "Successfully ",
        "Reading package lists",
        "Certificate Name:",
        "Saving debug log",
        "Generating public",
        "The key fingerprint",
        "SHA256:",
        "Created symlink",
        "Filename ",
        "Welcome to",
        "bash: ",
        "-bash: ",
        "sh: ",
        "zsh: ",
        "curl: (",
        "ssh: ",
        "ERROR ",
        "Permission denied",
        "Connection refused",
        "Could not ",
        "Cannot ",
        "Failed ",
        "Killed",
        "Started ",
        "Hello",
        "[+] ",
        "[sudo] ",
        "Unable to",
        "No such",
        "Exit code",
        "✔",
        "✓",
        "✅",
        "❌",
        "CRITICAL",
    ])
});

static MONTHS: LazyLock<Beginnings> = LazyLock::new(|| {
    Beginnings::new([
        "Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ",
        "Dec ",
    ])
});

/// How lines of logs say how bad it is.
static LEVELS: LazyLock<Beginnings> = LazyLock::new(|| {
    Beginnings::new([
        "INFO", "WARN", "ERROR", "DEBUG", "FATAL", "CRITICAL", "NOTICE", "Error", "error", "ERR!",
        "fatal", "npm ERR!", "warning", "Warning", "E:", "W:", "Hit:", "Get:", "Err:", "Hint",
        "FAILED", "OK", "PASS",
    ])
});

/// Logs, listings and tables that commands print.
fn printed(code: &[&str], leaning: Leaning) -> Option<Shape> {
    let dated = |line: &str| {
        let text = line.trim_start().trim_start_matches('[');
        let bytes = text.as_bytes();
        let digits = |range: std::ops::Range<usize>| {
            bytes
                .get(range)
                .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
        };
        (digits(0..4) && matches!(bytes.get(4), Some(b'-' | b'/')) && digits(5..7))
            || (digits(0..2)
                && bytes.get(2) == Some(&b':')
                && digits(3..5)
                && bytes.get(5) == Some(&b':'))
            || (MONTHS.rests(text).next().is_some() && text.contains(':'))
            || (bytes.first().is_some_and(u8::is_ascii_digit) && text.contains(" - - ["))
    };
    let level = |line: &str| {
        let text = line.trim_start().trim_start_matches('[');
        LEVELS.rests(text).any(|rest| {
            rest.is_empty()
                || rest.starts_with([':', ']', ' ', '['])
                    && (rest.starts_with([':', ']'])
                        || text.chars().next().is_some_and(char::is_uppercase))
        })
    };
    if most(code, 50, |line| {
        dated(line) || level(line) || line.starts_with("time=\"") || line.starts_with("ts=")
    }) {
        return shape(Form::Log, Nature::Output, "lines of a log");
    }
    let first = code.first()?.trim_start();
    let is_head = |word: &str| {
        word.chars().any(char::is_uppercase)
            && !word.chars().any(char::is_lowercase)
            && word.chars().all(|c| {
                c.is_ascii_alphanumeric()
                    || matches!(c, '%' | '_' | '-' | '(' | ')' | '/' | '#' | ':')
            })
    };
    // `NAME  READY  STATUS` over its rows.
    if (holds(first, "  ") || first.contains('\t'))
        && !first.contains('=')
        && first.each_word().nth(1).is_some()
        && first.each_word().all(is_head)
    {
        return shape(
            Form::Printed,
            Nature::Output,
            "a table that a command printed",
        );
    }
    if BEGINNINGS.rests(first).next().is_some() {
        return shape(Form::Printed, Nature::Output, "what a command prints");
    }
    if leaning != Leaning::Shell {
        // `Key: value` with a capital, on every line.
        let field = |line: &str| {
            line.trim().split_once(':').is_some_and(|(name, _)| {
                name.len() < 40
                    && name.chars().next().is_some_and(char::is_uppercase)
                    && name.each_word().count() < 5
                    && name.chars().all(|c| {
                        c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '(' | ')' | '/')
                    })
            })
        };
        if all(code, field) {
            return shape(
                Form::Printed,
                Nature::Output,
                "fields that a command prints",
            );
        }
    }
    None
}

fn yaml(code: &[&str], is_program: &dyn Fn(&str) -> bool) -> Option<Shape> {
    let is_key = |line: &str| {
        let text = line.trim_start().trim_start_matches("- ");
        text.find(':').is_some_and(|at| {
            let name = text[..at].trim_matches(['"', '\'']);
            let rest = &text[at + 1..];
            !name.is_empty()
                && (rest.is_empty() || rest.starts_with(' '))
                && name.chars().all(|c| {
                    c.is_ascii_alphanumeric()
                        || matches!(c, '_' | '-' | '.' | '/' | '$' | '{' | '}' | '*')
                })
        })
    };
    let first = code.first()?;
    let is_yaml =
        |line: &str| is_key(line) || line.trim_start().starts_with("- ") || line.trim() == "---";
    if (is_key(first) || first.trim() == "---")
        && !is_program(first_word(first))
        && (most(code, 60, is_yaml))
    {
        let is_small = code.iter().find(|line| is_key(line)).is_some_and(|line| {
            line.trim_start().starts_with(|c: char| {
                c.is_ascii_lowercase()
                    || c == '"'
                    || c == '$'
                    || c == '_'
                    || c == '-'
                    || c == '.'
                    || c == '/'
            })
        });
        if is_small || first.contains("apiVersion") {
            return shape(Form::Data, Nature::Data, "YAML");
        }
        return shape(Form::Prose, Nature::Listing, "a list");
    }
    if first.trim_start().starts_with("- ") && is_key(first) && most(code, 60, is_yaml) {
        return shape(Form::Data, Nature::Data, "YAML");
    }
    None
}

fn addresses(code: &[&str]) -> Option<Shape> {
    let is_address = |line: &str| {
        let line = line.trim();
        let mut words = line.each_word();
        let first = words.next().unwrap_or_default();
        first.find("://").is_some_and(|at| {
            at > 1
                && first[..at]
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'+')
        }) && words.next().is_none()
    };
    if all(code, is_address) {
        return shape(Form::Address, Nature::Listing, "an address");
    }
    let is_path = |line: &str| {
        let line = line.split(" #").next().unwrap_or_default().trim();
        (line.starts_with('/') || line.starts_with("~/"))
            && !line.contains(char::is_whitespace)
            && !line.contains(".sh")
            && !line.contains("/bin/")
            && !line.contains("/sbin/")
            && !line.contains("init.d")
    };
    if all(code, is_path) {
        return shape(Form::Address, Nature::Listing, "paths");
    }
    let is_file = |line: &str| {
        let line = line.split(" #").next().unwrap_or_default().trim();
        !line.contains(char::is_whitespace)
            && !line.starts_with(['.', '~', '/'])
            && line.rsplit_once('.').is_some_and(|(name, end)| {
                !name.is_empty()
                    && (1..5).contains(&end.len())
                    && end != "sh"
                    && end.bytes().all(|b| b.is_ascii_alphanumeric())
            })
    };
    if all(code, is_file) {
        return shape(Form::Address, Nature::Listing, "names of files");
    }
    None
}

fn synopsis(code: &[&str]) -> Option<Shape> {
    let first = code.first()?.trim_start();
    if [
        "usage:",
        "synopsis:",
        "uso:",
        "syntax:",
        "sintaxis:",
        "syntaxe :",
        "verwendung:",
    ]
    .iter()
    .any(|mark| {
        first
            .get(..mark.len())
            .is_some_and(|begins| begins.eq_ignore_ascii_case(mark))
    }) {
        return shape(Form::Synopsis, Nature::Listing, "a synopsis");
    }
    let optional = |line: &str| {
        line.contains('[')
            && [
                "[OPTIONS]",
                "[options]",
                "[OPTION]",
                "[option]",
                "[flags]",
                "[FLAGS]",
                "[args]",
                "[ARGS]",
                "[opciones]",
                "[opções]",
                "[Optionen]",
                "[COMMAND]",
                "[command]",
                "[--",
                "[-",
            ]
            .iter()
            .any(|mark| {
                place_of(line, mark).is_some_and(|at| {
                    line[..at].ends_with(' ')
                        && !line[..at].trim_end().ends_with('[')
                        && line[at..].find(']').is_some_and(|end| {
                            !line[at..at + end].contains(" ]") && !line[at..].starts_with("[- ")
                        })
                })
            })
            && !line.trim_start().starts_with("if ")
            && !line.trim_start().starts_with('[')
    };
    if all(code, optional) {
        return shape(Form::Synopsis, Nature::Listing, "a synopsis");
    }
    None
}

/// Whether a line reads as a sentence.
pub(super) fn is_sentence(line: &str) -> bool {
    let text = line.trim();
    if text.starts_with("- ")
        || text.starts_with("* ")
        || text.starts_with("• ")
        || text.starts_with("[ ]")
        || text.starts_with("[x]")
    {
        return true;
    }
    // `1. First`: a list.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0
        && digits < 3
        && (text[digits..].starts_with(". ") || text[digits..].starts_with(") "))
    {
        return true;
    }
    let unquoted: Cow<'_, str> = if text.contains(['"', '\'', '`']) {
        text.split(['"', '\'', '`']).step_by(2).collect()
    } else {
        Cow::Borrowed(text)
    };
    let is_mark = |byte| matches!(byte, b'$' | b'|' | b'<' | b'{' | b'=');
    if unquoted.bytes().any(is_mark) || holds(&unquoted, " --") || holds(&unquoted, " && ") {
        return false;
    }
    let has_option = unquoted
        .each_word()
        .any(|word| word.starts_with('-') && word.len() > 1);
    if has_option {
        return false;
    }
    let folded = words::fold(&unquoted);
    let (mut length, mut stops) = (0, 0);
    for word in folded.split(|c: char| !(c.is_alphanumeric() || c == '\'')) {
        if !word.is_empty() {
            stops += usize::from(length > 0 && words::STOP_WORDS.contains(word));
            length += 1;
        }
    }
    // Numbers, paths and names with dots are what commands are made of.
    let is_small = text.starts_with(|c: char| c.is_ascii_lowercase());
    if text.starts_with("sudo ")
        || is_small
            && unquoted.each_word().any(|word| {
                word.contains('/')
                    || word.contains(|c: char| c.is_ascii_digit())
                    || word[..word.len() - usize::from(word.is_ascii())].contains('.')
            })
            && stops < 4
    {
        return false;
    }
    let begins_large = text.chars().next().is_some_and(char::is_uppercase);
    let ends = text.ends_with(['.', ':', '!', '?', '。', '：'])
        && !text.ends_with(" .")
        && !text.ends_with("/.")
        && !text.ends_with("..");
    length > 3 && stops > 1
        || begins_large && length > 2 && (stops > 0 || ends)
        || ends && length > 4 && stops > 0
        || !text.is_ascii()
            && text
                .chars()
                .filter(|c| matches!(c, '\u{3040}'..='\u{9fff}'))
                .count()
                * 2
                > text.chars().count()
}

fn prose(code: &[&str], leaning: Leaning, is_program: &dyn Fn(&str) -> bool) -> Option<Shape> {
    let percent = if leaning == Leaning::Shell { 60 } else { 40 };
    if most(code, percent, is_sentence) {
        return shape(Form::Prose, Nature::Listing, "sentences");
    }
    // A menu of words and symbols: emoji, bullets, `Ctrl+X`.
    let is_item = |line: &str| {
        let first = first_word(line);
        let c = first.chars().next().unwrap_or('a');
        (!c.is_ascii() && !c.is_alphabetic()
            || first.starts_with("Ctrl")
            || first.starts_with("⌘")
            || first.ends_with(':') && !is_program(first))
            && !first.contains('$')
    };
    if most(code, 60, is_item) {
        return shape(Form::Prose, Nature::Listing, "a list");
    }
    None
}
