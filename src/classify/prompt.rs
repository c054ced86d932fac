//! Sessions: prompted lines are commands, the rest is what they printed.

use std::borrow::Cow;
use std::ops::Range;

/// A session, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The commands; every other line is empty, so that lines keep their numbers.
    pub commands: String,
    /// What keeps it from being run, in words, and where in the body.
    pub doubts: Vec<(Cow<'static, str>, Range<usize>)>,
    /// For every line of `commands`, how many bytes of prompt were taken off it.
    taken_off: Vec<usize>,
}

impl Session {
    /// Returns the bytes in the body of the bytes `range` of `commands`.
    pub fn place(&self, body: &str, range: Range<usize>) -> Range<usize> {
        let mut body_start = 0;
        let mut start = 0;
        let lines = self
            .commands
            .split_inclusive('\n')
            .zip(body.split_inclusive('\n'));
        for ((command, line), taken_off) in lines.zip(&self.taken_off) {
            if range.start < start + command.len() {
                let offset = body_start + taken_off + (range.start - start);
                return offset..offset + range.len();
            }
            start += command.len();
            body_start += line.len();
        }
        body.len()..body.len()
    }
}

/// Reads the body of a `console` fence: lines that begin with `$ ` are commands, and so are the
/// lines that begin with `> ` right under one.
///
/// Where no line is prompted the whole body is handed back, with a doubt.
pub fn session(body: &str) -> Session {
    let mut commands = String::with_capacity(body.len());
    let mut taken_off = Vec::new();
    let mut doubts: Vec<(Cow<'static, str>, Range<usize>)> = Vec::new();
    let mut is_command = false;
    let mut has_command = false;
    // The command so far, where it may go on on the next line.
    let mut open = String::new();
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let text = line.trim_end_matches('\n');
        let place = at..at + text.len();
        at += line.len();
        let continued = text.strip_prefix("> ").or((text == ">").then_some(""));
        let mut kept = None;
        if let Some(command) = text.strip_prefix("$ ").or((text == "$").then_some("")) {
            open.clear();
            is_command = true;
            has_command = true;
            kept = Some(command);
        } else if is_command && let Some(rest) = continued {
            if !goes_on(&open) {
                let because = "`> ` goes on with a command that is complete: a line of it, or what it printed?";
                doubts.push((because.into(), place));
            }
            kept = Some(rest);
        } else {
            is_command = false;
            if text.starts_with("# ") {
                let because = "`# ` is the prompt of root, or a remark: write `$ ` for a command";
                doubts.push((because.into(), place));
            }
        }
        if let Some(command) = kept {
            open.push_str(command);
            open.push('\n');
            commands.push_str(command);
            taken_off.push(text.len() - command.len());
        } else {
            taken_off.push(0);
        }
        if line.ends_with('\n') {
            commands.push('\n');
        }
    }
    if !has_command {
        let because = "no line begins with the prompt `$ `: which are commands is not said";
        doubts = vec![(because.into(), 0..body.lines().next().map_or(0, str::len))];
        body.clone_into(&mut commands);
        taken_off.fill(0);
    }
    Session {
        commands,
        doubts,
        taken_off,
    }
}

/// Whether a shell would ask for more after `command`: an unfinished line, quote, here-document or
/// compound command. Prefers to say yes only where something shows it.
pub(super) fn goes_on(command: &str) -> bool {
    let last = command.trim_end();
    let word = last
        .rsplit(|c: char| c.is_whitespace() || c == ';')
        .next()
        .unwrap_or_default();
    let quotes = |quote| command.matches(quote).count() % 2 == 1;
    let starts = |words: &[&str]| {
        command
            .split(|c: char| c.is_whitespace() || c == ';')
            .any(|word| words.contains(&word))
    };
    command.trim_end_matches('\n').ends_with('\\')
        || last.ends_with(['|', '{', '('])
        || last.ends_with("&&")
        || matches!(word, "do" | "then" | "else" | "in")
        || quotes('"')
        || quotes('\'')
        || (command.contains("<<") && !command.contains("<<<"))
        || (starts(&["for", "while", "until"]) && !starts(&["done"]))
        || (starts(&["if"]) && !starts(&["fi"]))
        || (starts(&["case"]) && !starts(&["esac"]))
        || command.matches('{').count() > command.matches('}').count()
        || command.matches('(').count() > command.matches(')').count()
}

#[cfg(test)]
mod tests {
    use super::session;

    fn check(body: &str) -> (String, String) {
        let session = session(body);
        assert_eq!(
            session.commands.matches('\n').count(),
            body.matches('\n').count(),
            "lines keep their numbers"
        );
        for (at, c) in session.commands.char_indices().filter(|(_, c)| *c != '\n') {
            assert_eq!(
                &body[session.place(body, at..at + c.len_utf8())],
                c.to_string()
            );
        }
        let doubts: Vec<_> = session
            .doubts
            .iter()
            .map(|(because, _)| because.as_ref())
            .collect();
        (session.commands, doubts.join("; "))
    }

    #[test]
    fn prompted_lines_are_commands_and_the_rest_is_empty() {
        let body = "$ for i in 1 2; do\n>   echo $i\n> done\n1\n2\n\n$ ls ñ\n> not needed";
        let (commands, doubts) = check(body);
        assert_eq!(
            commands,
            "for i in 1 2; do\n  echo $i\ndone\n\n\n\nls ñ\nnot needed"
        );
        assert_eq!(
            doubts,
            "`> ` goes on with a command that is complete: a line of it, or what it printed?"
        );
        assert_eq!(check("$ a \\\n> b\nout\n> out\n").0, "a \\\nb\n\n\n");
        assert_eq!(check("$ a \\\n> b\nout\n> out\n").1, "");
    }

    #[test]
    fn a_session_without_a_prompt_or_with_that_of_root_is_doubted() {
        let (commands, doubts) = check("ls\nx\n");
        assert_eq!(commands, "ls\nx\n");
        assert_eq!(
            doubts,
            "no line begins with the prompt `$ `: which are commands is not said"
        );
        assert_eq!(
            check("$ a\n# reboot\n").1,
            "`# ` is the prompt of root, or a remark: write `$ ` for a command"
        );
        assert_eq!(check("").0, "");
    }
}
