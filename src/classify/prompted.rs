//! Prompts at the beginnings of lines, whatever the tag says: `$ `, `user@host:~# `, `mysql> `,
//! `PS C:\> `. Finds the commands of a session, its output and the pieces that they make.

use std::ops::Range;

use super::pieces::remark;
use super::prompt::goes_on;
use super::text::{Parts, place_of};

/// Who asks with a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Shell,
    /// `# `: root's shell, or a comment.
    Root,
    Powershell,
    Batch,
    /// A database, redis, Python.
    Console,
}

/// A run of commands of a session with what they printed.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// Its bytes in the body.
    pub(super) range: Range<usize>,
    pub(super) asks: Asks,
    pub(super) command: String,
    /// For each line of `command`: where it begins there, and where in the body.
    pub(super) lines: Vec<(usize, usize)>,
    pub(super) title: String,
    pub(super) has_output: bool,
}

/// Returns who asks, and how many bytes of the line the prompt takes.
pub(super) fn prompt(line: &str) -> Option<(Asks, usize)> {
    // All prompts end with one of these, but for those of a notebook.
    let may_end = |it: u8| matches!(it, b'>' | b'#' | b'$' | b'%' | 0x80..);
    let text = line.trim_start();
    if !text.bytes().any(may_end) && !text.starts_with("In [") {
        return None;
    }
    let indent = line.len() - text.len();
    let found = |asks, length: usize| Some((asks, indent + length));
    if let Some(rest) = text.strip_prefix("$ ") {
        return (!rest.trim().is_empty()).then_some((Asks::Shell, indent + 2));
    }
    for mark in ["❯ ", "➜ ", "λ "] {
        if text.starts_with(mark) {
            return found(Asks::Shell, mark.len());
        }
    }
    if text.starts_with("% ") && text[2..].starts_with(|c: char| c.is_ascii_lowercase()) {
        return found(Asks::Shell, 2);
    }
    if text.starts_with(">>> ") || text.starts_with("In [") {
        return found(Asks::Console, 4);
    }
    if let Some(rest) = text.strip_prefix("PS") {
        if rest.starts_with("> ") {
            return found(Asks::Powershell, 4);
        }
        if rest.starts_with(' ')
            && let Some(end) = rest.find("> ")
            && (rest[..end].contains(':') || rest[..end].contains('/'))
        {
            return found(Asks::Powershell, 2 + end + 2);
        }
    }
    if text.len() > 3
        && text.as_bytes()[0].is_ascii_alphabetic()
        && text[1..].starts_with(":\\")
        && let Some(end) = text.find('>')
    {
        return found(Asks::Batch, end + 1);
    }
    // All prompts that are left end with one of these.
    if !text.bytes().any(|it| matches!(it, b'>' | b'#' | b'$')) {
        return None;
    }
    // `mysql> `, `postgres=# `, `db=> `, `127.0.0.1:6379> `, `MariaDB [(none)]> `, `test> `.
    let has_angle = text.as_bytes().contains(&b'>');
    for mark in ["> ", "=# ", "=> ", "-> ", ">"] {
        if (has_angle || mark == "=# ")
            && let Some(end) = place_of(text, mark)
            && end > 0
            && end < 40
        {
            let name = &text[..end];
            let word = name.split([' ', '[']).next().unwrap_or_default();
            let is_console = matches!(
                word,
                "mysql"
                    | "MariaDB"
                    | "sqlite"
                    | "redis"
                    | "mongo"
                    | "mongosh"
                    | "sql"
                    | "SQL"
                    | "psql"
                    | "postgres"
                    | "template1"
                    | "rs0"
                    | "influx"
                    | "cqlsh"
                    | "ftp"
                    | "sftp"
                    | "telnet"
                    | "irb"
                    | "iex"
                    | "node"
                    | "test"
                    | "admin"
                    | "clickhouse"
                    | "ghci"
                    | "scala"
                    | "gremlin"
                    | "nslookup"
            );
            let is_redis = word.contains(':')
                && word
                    .bytes()
                    .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b':'))
                && word.contains('.');
            let is_postgres = matches!(mark, "=# " | "=> ")
                && !name.contains(' ')
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if (is_console
                && (mark != ">" || text.len() == end + 1)
                && name.len() < word.len() + 14
                && (name == word || name.starts_with("MariaDB [")))
                || is_redis
                || is_postgres
            {
                return found(Asks::Console, (end + mark.len()).min(text.len()));
            }
        }
    }
    // `user@host:~$ `, `[root@host dir]# `, `root@1a2b:/# `, `(venv) $ `, `bash-5.1$ `, `host:~ user$ `.
    let end = text.char_indices().take(80).find_map(|(at, c)| {
        (matches!(c, '$' | '#') && at > 0 && text[at + 1..].starts_with(' ')).then_some(at)
    })?;
    let head = &text[..end];
    let has_user = head
        .trim_start_matches('[')
        .split(['@', ':', ' '])
        .next()
        .is_some_and(|user| {
            !user.is_empty()
                && user
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')'))
        });
    let is_host = head.contains('@')
        && has_user
        && !head.contains(['"', '\'', '|', '=', ';'])
        && (head.starts_with('[') && head.ends_with(']')
            || head.contains(':')
            || head.ends_with(['~', '>']))
        && head.each_word().count() < 4;
    let is_named = matches!(
        head,
        "bash-5.1"
            | "bash-4.2"
            | "bash-4.4"
            | "bash-5.0"
            | "bash-5.2"
            | "sh-4.2"
            | "sh-4.4"
            | "sh-5.1"
            | "bash"
            | "sh"
            | "root"
    ) || head.starts_with('(') && head.ends_with(") ") && !head.contains('$')
        || matches!(head, "~ " | "/ " | "~" | "/app " | "/");
    (is_host || is_named).then_some((Asks::Shell, indent + end + 2))
}

/// Reads a body as a session; `None` where it has no prompt. `is_root` says whether `# ` lines are
/// commands.
pub(super) fn exchanges(body: &str, is_root: bool) -> Option<Vec<Exchange>> {
    let asked = |line: &str| {
        prompt(line).or_else(|| {
            let text = line.trim_start();
            (is_root && text.starts_with("# ")).then_some((Asks::Root, line.len() - text.len() + 2))
        })
    };
    if !body.each_line().any(|line| asked(line).is_some()) {
        return None;
    }
    let mut all: Vec<Exchange> = Vec::new();
    let mut open = String::new();
    let mut is_open = false;
    // Something that is no prompt came since the last command: the next prompt begins another piece.
    let mut is_over = true;
    let mut comment: Option<(usize, String)> = None;
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let text = line.trim_end();
        let start = at;
        at += line.len();
        let end = start + text.len();
        if let Some((asks, taken)) = asked(text) {
            let command = text.get(taken..).unwrap_or_default();
            if is_over || comment.is_some() || all.last().is_none_or(|last| last.asks != asks) {
                let (first, title) = comment.take().unwrap_or((start, String::new()));
                all.push(Exchange {
                    range: first..end,
                    asks,
                    command: String::new(),
                    lines: Vec::new(),
                    title,
                    has_output: false,
                });
            }
            is_over = false;
            open.clear();
            is_open = take(all.last_mut(), command, end - command.len(), end, &mut open);
            continue;
        }
        if is_open {
            // The command goes on: under `> `, or bare after a backslash or in a here-document.
            let indent = text.len() - text.trim_start().len();
            let skipped = if text.trim_start().starts_with("> ") {
                indent + 2
            } else {
                0
            };
            let command = text.get(skipped..).unwrap_or_default();
            is_open = take(all.last_mut(), command, start + skipped, end, &mut open);
            continue;
        }
        if text.trim().is_empty() {
            is_over = true;
            continue;
        }
        if text.trim_start().starts_with("# ") && (is_over || all.is_empty()) {
            if comment.is_none() {
                comment = Some((start, remark(text).unwrap_or_default().to_owned()));
            }
            continue;
        }
        is_over = true;
        if let Some(last) = all.last_mut() {
            last.range.end = end;
            last.has_output = true;
        }
        comment = None;
    }
    Some(all)
}

fn take(
    exchange: Option<&mut Exchange>,
    command: &str,
    from: usize,
    end: usize,
    open: &mut String,
) -> bool {
    let Some(exchange) = exchange else {
        return false;
    };
    if !exchange.lines.is_empty() {
        exchange.command.push('\n');
    }
    exchange.lines.push((exchange.command.len(), from));
    exchange.command.push_str(command);
    exchange.range.end = end.max(exchange.range.end);
    open.push_str(command);
    open.push('\n');
    // Bounded: a here-document without its end would be read again for every line.
    open.len() < 4096 && goes_on(open) && !ends_here_document(open)
}

fn ends_here_document(open: &str) -> bool {
    let Some(at) = open.find("<<") else {
        return false;
    };
    if open[at..].starts_with("<<<") {
        return false;
    }
    let word: String = open[at + 2..]
        .trim_start_matches(['-', ' ', '\'', '"'])
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    !word.is_empty() && open.each_line().skip(1).any(|line| line.trim() == word)
}

#[cfg(test)]
mod tests {
    use super::{exchanges, prompt};

    fn check(body: &str) -> String {
        let mut shown = Vec::new();
        for exchange in exchanges(body, false).unwrap_or_default() {
            for (line, (at, place)) in exchange.command.lines().zip(&exchange.lines) {
                assert_eq!(&exchange.command[*at..at + line.len()], line);
                assert_eq!(&body[*place..place + line.len()], line);
            }
            shown.push(format!(
                "{:?} {} [{}]",
                exchange.asks,
                exchange.command.replace('\n', "; "),
                body[exchange.range].lines().count()
            ));
        }
        shown.join(" | ")
    }

    #[test]
    fn prompts_are_known() {
        for (line, command) in [
            ("$ ls", "ls"),
            ("user@host:~$ ls", "ls"),
            ("[root@host ~]# ls", "ls"),
            ("root@1a2b3c:/app# ls", "ls"),
            ("(venv) $ ls", "ls"),
            (">>> print(1)", "print(1)"),
            ("mysql> SHOW TABLES;", "SHOW TABLES;"),
            ("postgres=# \\l", "\\l"),
            ("127.0.0.1:6379> PING", "PING"),
            ("sqlite> .tables", ".tables"),
            ("C:\\Users\\x>dir", "dir"),
            ("PS C:\\> Get-Item x", "Get-Item x"),
            ("  $ ls", "ls"),
        ] {
            let found = prompt(line).map(|(_, taken)| &line[taken..]);
            assert_eq!(found, Some(command), "{line}");
        }
        for line in [
            "ls",
            "$HOME/x",
            "echo a > b",
            "# ls",
            "mail a@b.c # x",
            "docker run x > y",
            "cost 5$ per",
            "sort test > x",
            "echo $ x",
        ] {
            assert_eq!(prompt(line), None, "{line}");
        }
    }

    #[test]
    fn a_command_and_its_output_are_a_piece() {
        assert_eq!(
            check("$ ls\na\nb\n\n$ pwd\n/x\n"),
            "Shell ls [3] | Shell pwd [2]"
        );
        assert_eq!(check("$ a \\\n  b\n$ c\nout"), "Shell a \\;   b; c [4]");
        assert_eq!(check("$ cat <<E\nx\nE\nout\n"), "Shell cat <<E; x; E [4]");
        assert_eq!(check("# do it\n$ a\n"), "Shell a [2]");
    }
}
