//! What a command does beyond what a row of the table can say: programs inside the arguments of awk
//! and sed, options that name a program to run, variables that decide what later commands run, loops
//! without an end. Looks at words and text alone.

use super::super::shell::{Redirect, Script, Simple};
use crate::model::Effect;

/// Returns what the arguments of a known program make it do, where that may be worse than what the
/// table says, and the end of the sentence "`awk` …".
pub(super) fn of_arguments(words: &[&str]) -> Option<(Effect, &'static str)> {
    let (program, arguments) = words.split_first()?;
    match *program {
        "awk" | "gawk" | "mawk" | "nawk" | "goawk" => awk(arguments),
        "sed" | "gsed" => sed(arguments),
        "git" => git(arguments),
        "tar" | "gtar" | "bsdtar" => tar(arguments),
        "ssh" | "scp" | "sftp" | "autossh" | "slogin" | "sshfs" => values(arguments, "-o")
            .any(runs_locally)
            .then_some((Effect::Unknown, "runs a program that an option names")),
        "man" => values(arguments, "-P")
            .any(|it| !is_pager(it))
            .then_some((Effect::Unknown, "runs a program that an option names")),
        "chmod" | "chown" | "chgrp" => {
            let is_deep = arguments.iter().any(|it| {
                *it == "--recursive"
                    || it.starts_with('-') && !it.starts_with("--") && it.contains('R')
            });
            (is_deep && arguments.iter().any(|it| is_of_the_system(it))).then_some((
                Effect::Destroys,
                "changes the owner or the mode of the whole system",
            ))
        }
        "kill" => {
            let is_hard = arguments.iter().any(|it| {
                matches!(
                    *it,
                    "-9" | "-KILL" | "-SIGKILL" | "-15" | "-TERM" | "-SIGTERM"
                )
            });
            let is_all = arguments.last() == Some(&"-1") && arguments.len() > 1;
            (is_hard && is_all).then_some((Effect::Destroys, "ends all processes"))
        }
        "env" | "sudo" | "doas" => arguments
            .iter()
            .take_while(|it| it.starts_with('-') || it.contains('='))
            .filter_map(|it| it.split_once('='))
            .find_map(|(name, value)| of_variable(name, value)),
        // The program is in the input.
        "xargs" | "gxargs" | "parallel" => match arguments {
            [.., "sh" | "bash" | "dash" | "zsh", "-c" | "-lc"] => Some(INPUT),
            [.., "sh" | "bash" | "dash" | "zsh", "-c" | "-lc", text]
                if matches!(*text, "{}" | "%" | "$0" | "$1" | "$@" | "$*") =>
            {
                Some(INPUT)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Programs that run what a project calls by a name.
pub(super) const RUNNERS: &[&str] = &[
    "make", "gmake", "just", "task", "go-task", "mage", "npm", "yarn", "pnpm", "rake", "composer",
    "invoke", "fab", "nox", "tox",
];

/// What in the name of a project's own program says that it loses something.
const LOSSES: &[&str] = &[
    "restore",
    "reset",
    "wipe",
    "destroy",
    "purge",
    "nuke",
    "drop",
    "erase",
    "restaurar",
    "restaura",
    "restauration",
    "restaurer",
    "wiederherstellen",
    "wiederherstellung",
    "ripristina",
    "ripristino",
    "przywroc",
    "herstel",
];

/// Returns the word of a program's name, or of its first words and its options, that says that it loses
/// something: `./scripts/db_restore.sh`, `backup.sh --restore`, `make db-reset`.
pub(super) fn word_of_loss<'w>(words: impl Iterator<Item = &'w str>) -> Option<&'static str> {
    /// Further words are values as often as not.
    const FIRST: usize = 2;
    words.enumerate().find_map(|(at, word)| {
        if at >= FIRST && !word.starts_with("--") {
            return None;
        }
        let name = word.rsplit('/').next().unwrap_or_default();
        let mut parts = name.split(|c: char| !c.is_ascii_alphanumeric());
        parts.find_map(|part| {
            LOSSES
                .iter()
                .find(|it| it.eq_ignore_ascii_case(part))
                .copied()
        })
    })
}

const INPUT: (Effect, &str) = (Effect::Unknown, "runs whatever its input says");

/// The values of a short option, `-o x` and `-ox`.
fn values<'a>(arguments: &'a [&'a str], option: &'a str) -> impl Iterator<Item = &'a str> {
    arguments.iter().enumerate().filter_map(move |(at, it)| {
        if *it == option {
            arguments.get(at + 1).copied()
        } else {
            it.strip_prefix(option).filter(|it| !it.is_empty())
        }
    })
}

fn runs_locally(setting: &str) -> bool {
    let (name, value) = setting.split_once(['=', ' ']).unwrap_or((setting, ""));
    let value = value.trim();
    match name.trim().to_ascii_lowercase().as_str() {
        "proxycommand" => {
            value != "none"
                && (!value.starts_with("ssh ") && !value.starts_with("nc ")
                    || value.contains([';', '|', '&', '`', '$']))
        }
        "localcommand" | "knownhostscommand" => true,
        _ => false,
    }
}

fn is_pager(program: &str) -> bool {
    let first = program.split(' ').next().unwrap_or_default();
    program.is_empty()
        || matches!(first, "cat" | "less" | "more" | "most" | "bat" | "delta")
            && !program.contains([';', '|', '&', '`', '$'])
}

/// `git -c name=value`: some settings are programs.
fn git(arguments: &[&str]) -> Option<(Effect, &'static str)> {
    let settings = arguments
        .iter()
        .enumerate()
        .take_while(|(at, it)| it.starts_with('-') || *at > 0 && arguments[at - 1].starts_with('-'))
        .filter(|(_, it)| **it == "-c")
        .filter_map(|(at, _)| arguments.get(at + 1));
    for setting in settings {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let name = name.to_ascii_lowercase();
        let is_harmless = is_pager(value) || matches!(value, "true" | "false" | "0" | "1");
        let names_a_program = matches!(
            name.as_str(),
            "core.pager"
                | "core.editor"
                | "sequence.editor"
                | "core.sshcommand"
                | "core.fsmonitor"
                | "core.hookspath"
                | "core.askpass"
                | "core.gitproxy"
                | "diff.external"
                | "gpg.program"
        ) || ["alias.", "pager.", "filter."]
            .iter()
            .any(|it| name.starts_with(it))
            || (name.starts_with("credential.") && value.starts_with('!'))
            || [".textconv", ".command", ".driver", ".cmd"]
                .iter()
                .any(|it| name.ends_with(it));
        if names_a_program && !is_harmless {
            return Some((Effect::Unknown, "runs a program that an option names"));
        }
    }
    None
}

fn tar(arguments: &[&str]) -> Option<(Effect, &'static str)> {
    let packs = |program: &str| {
        let first = program.split(' ').next().unwrap_or_default();
        let base = first.rsplit('/').next().unwrap_or_default();
        matches!(
            base,
            "gzip"
                | "pigz"
                | "zstd"
                | "zstdmt"
                | "unzstd"
                | "pzstd"
                | "xz"
                | "pixz"
                | "bzip2"
                | "pbzip2"
                | "lbzip2"
                | "lz4"
                | "lzma"
                | "lzip"
                | "plzip"
                | "lzop"
                | "brotli"
        ) && !program.contains([';', '|', '&', '`', '$'])
    };
    let runs = arguments.iter().enumerate().any(|(at, it)| {
        let next = || arguments.get(at + 1).copied().unwrap_or_default();
        if let Some(action) = it.strip_prefix("--checkpoint-action") {
            let action = action.strip_prefix('=').unwrap_or_else(next);
            action.starts_with("exec")
        } else if let Some(program) = it.strip_prefix("--use-compress-program") {
            !packs(program.strip_prefix('=').unwrap_or_else(next))
        } else if *it == "-I" {
            !packs(next())
        } else {
            [
                "--to-command",
                "--info-script",
                "--new-volume-script",
                "--rsh-command",
                "--rmt-command",
            ]
            .iter()
            .any(|option| it.starts_with(option))
        }
    });
    runs.then_some((Effect::Unknown, "runs a program that an option names"))
}

fn is_of_the_system(path: &str) -> bool {
    let path = path.trim_end_matches(['*', '.']).trim_end_matches('/');
    matches!(
        path,
        "" | "/etc"
            | "/usr"
            | "/var"
            | "/home"
            | "/bin"
            | "/sbin"
            | "/lib"
            | "/lib64"
            | "/boot"
            | "/root"
            | "/dev"
            | "~"
            | "$HOME"
            | "${HOME}"
    )
}

/// The program of awk among its arguments: it can run commands and write files.
fn awk(arguments: &[&str]) -> Option<(Effect, &'static str)> {
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        at += 1;
        match *word {
            "-f" | "--file" => return Some((Effect::Unknown, "runs a program of a file")),
            "-F" | "-v" | "--field-separator" | "--assign" | "-i" => at += 1,
            it if it.starts_with("--file=") => {
                return Some((Effect::Unknown, "runs a program of a file"));
            }
            it if it.len() > 1 && it.starts_with('-') => {}
            program => return awk_program(program),
        }
    }
    None
}

fn awk_program(program: &str) -> Option<(Effect, &'static str)> {
    const RUNS: (Effect, &str) = (Effect::Unknown, "runs commands of its own");
    let code = bare(program);
    let runs = code.match_indices("system").any(|(at, it)| {
        !code[..at].ends_with(|it: char| it.is_alphanumeric() || it == '_')
            && code[at + it.len()..].trim_start().starts_with('(')
    });
    let takes = code
        .match_indices("getline")
        .any(|(at, _)| code[..at].trim_end().ends_with(['|', '&']));
    if runs || takes || code.contains("|&") {
        return Some(RUNS);
    }
    let mut writes = false;
    for (at, it) in code.match_indices("print") {
        if code[..at].ends_with(|it: char| it.is_alphanumeric() || it == '_') {
            continue;
        }
        let mut depth = 0_usize;
        let start = at + it.len();
        let mut bytes = code.bytes().enumerate().skip(start).peekable();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth = depth.saturating_sub(1),
                b';' | b'}' | b'\n' => break,
                b'|' if depth == 0 && bytes.next_if(|(_, next)| *next == b'|').is_none() => {
                    return Some(RUNS);
                }
                b'>' if depth == 0 => {
                    let file = program[at + 1..].trim_start_matches(['>', ' ', '"']);
                    writes |= !file.starts_with("/dev/std") && !file.starts_with("/dev/null");
                    break;
                }
                _ => {}
            }
        }
    }
    writes.then_some((Effect::Changes, "writes files of its own"))
}

/// A program of awk, strings, patterns and comments blanked; as long as it was.
fn bare(program: &str) -> String {
    let mut out = String::with_capacity(program.len());
    let mut until: Option<char> = None;
    let mut before = ';';
    let mut is_escaped = false;
    for it in program.chars() {
        let blank = |out: &mut String| out.extend(std::iter::repeat_n(' ', it.len_utf8()));
        if let Some(end) = until {
            if it == '\n' && end != '"' {
                until = None;
                out.push(it);
            } else if is_escaped {
                is_escaped = false;
                blank(&mut out);
            } else {
                is_escaped = it == '\\' && end != '\n';
                if it == end {
                    until = None;
                    before = '"';
                }
                blank(&mut out);
            }
            continue;
        }
        match it {
            '"' => until = Some('"'),
            '#' => until = Some('\n'),
            '/' if "(,!~&|{};\n=".contains(before) => until = Some('/'),
            _ => {
                if it.is_ascii() {
                    out.push(it);
                } else {
                    blank(&mut out);
                }
                if it != ' ' {
                    before = it;
                }
                continue;
            }
        }
        blank(&mut out);
    }
    out
}

/// The script of sed among its arguments: `w` writes files, `e` runs commands.
fn sed(arguments: &[&str]) -> Option<(Effect, &'static str)> {
    let mut scripts: Vec<&str> = Vec::new();
    let mut first: Option<&str> = None;
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        at += 1;
        if let Some(script) = word.strip_prefix("--expression=") {
            scripts.push(script);
        } else if *word == "-f" || word.starts_with("--file") {
            return Some((Effect::Unknown, "runs a script of a file"));
        } else if *word == "-l" {
            at += 1;
        } else if word.starts_with('-') && !word.starts_with("--") && !word.starts_with("-i") {
            // `-ne script`, `-e script`, `-escript`.
            if let Some((_, rest)) = word.split_once('e') {
                if rest.is_empty() {
                    scripts.extend(arguments.get(at));
                    at += 1;
                } else {
                    scripts.push(rest);
                }
            }
        } else if !word.starts_with('-') && !word.is_empty() {
            first = first.or(Some(word));
        }
    }
    if scripts.is_empty() {
        scripts.extend(first);
    }
    scripts
        .into_iter()
        .filter_map(sed_script)
        .max_by_key(|(effect, _)| super::weight(*effect))
}

fn sed_script(script: &str) -> Option<(Effect, &'static str)> {
    const RUNS: (Effect, &str) = (Effect::Unknown, "runs commands of its own");
    let bytes = script.as_bytes();
    let line_end = |from: usize| {
        memchr::memchr(b'\n', bytes.get(from..).unwrap_or_default())
            .map_or(bytes.len(), |it| from + it)
    };
    // Behind the next unescaped delimiter.
    let past = |mut at: usize, delimiter: u8| {
        while let Some(byte) = bytes.get(at) {
            at += 1;
            if *byte == b'\\' {
                at += 1;
            } else if *byte == delimiter {
                break;
            }
        }
        at
    };
    let is_a_stream = |from: usize| {
        let file = bytes.get(from..).unwrap_or_default().trim_ascii_start();
        file.starts_with(b"/dev/std")
    };
    let mut writes = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'/' => at = past(at, b'/'),
            b'\\' => at = bytes.get(at).map_or(at, |it| past(at + 1, *it)),
            b's' | b'y' => {
                let Some(delimiter) = bytes.get(at) else {
                    break;
                };
                at = past(past(at + 1, *delimiter), *delimiter);
                while let Some(flag) = bytes.get(at).filter(|it| !b";}\n".contains(it)) {
                    at += 1;
                    if *flag == b'e' {
                        return Some(RUNS);
                    }
                    if *flag == b'w' {
                        writes |= !is_a_stream(at);
                        at = line_end(at);
                    }
                }
            }
            b'w' | b'W' => {
                writes |= !is_a_stream(at);
                at = line_end(at);
            }
            b'e' => return Some(RUNS),
            b'a' | b'i' | b'c' | b'r' | b'R' | b'#' => at = line_end(at),
            b':' | b'b' | b't' | b'T' => {
                while bytes.get(at).is_some_and(|it| !b";}\n".contains(it)) {
                    at += 1;
                }
            }
            _ => {}
        }
    }
    writes.then_some((Effect::Changes, "writes files of its own"))
}

/// Returns what setting a variable does to the commands after it.
fn of_variable(name: &str, value: &str) -> Option<(Effect, &'static str)> {
    const RUNS: (Effect, &str) = (
        Effect::Unknown,
        "decides what every later command runs first",
    );
    const CHANGES: (Effect, &str) = (Effect::Changes, "changes what later commands run");
    let value = value.trim_matches(['"', '\'']);
    if value.is_empty() {
        return None;
    }
    match name {
        "LD_PRELOAD" | "LD_AUDIT" | "DYLD_INSERT_LIBRARIES" | "BASH_ENV" | "PROMPT_COMMAND" => {
            Some(RUNS)
        }
        "ENV" if value.contains('/') => Some(RUNS),
        "LD_LIBRARY_PATH" | "DYLD_LIBRARY_PATH" | "PYTHONPATH" | "PYTHONSTARTUP" | "PERL5LIB"
        | "RUBYLIB" | "NODE_PATH" => Some(CHANGES),
        "PATH" => of_path(value),
        _ => None,
    }
}

/// More places at the end of `PATH` change no command that was there before.
fn of_path(value: &str) -> Option<(Effect, &'static str)> {
    let is_kept = |it: &str| matches!(it, "$PATH" | "${PATH}" | "$PATH\"" | "\"$PATH");
    let places: Vec<&str> = value.split(':').collect();
    if places.first().is_some_and(|it| is_kept(it)) {
        return None;
    }
    // `/usr/local/go/bin:$PATH`: a place that only an owner can fill.
    let is_owned = |it: &&str| {
        is_kept(it)
            || (it.starts_with(['/', '~', '$'])
                && !it.starts_with("/tmp")
                && !it.starts_with("/var/tmp")
                && !it.starts_with("$PWD")
                && !it.starts_with("$(pwd"))
    };
    if places.iter().any(|it| is_kept(it)) && places.iter().all(is_owned) {
        return Some((Effect::Changes, "changes which programs are found first"));
    }
    Some((Effect::Unknown, "decides which programs are found"))
}

/// Variables that the text sets and that decide what later commands run: name, place, and what
/// setting it does.
pub(super) fn of_variables(
    text: &str,
    script: &Script<'_>,
) -> Vec<(&'static str, std::ops::Range<usize>, Effect, &'static str)> {
    const NAMES: &[&str] = &[
        "LD_PRELOAD",
        "LD_AUDIT",
        "DYLD_INSERT_LIBRARIES",
        "BASH_ENV",
        "PROMPT_COMMAND",
        "ENV",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PERL5LIB",
        "RUBYLIB",
        "NODE_PATH",
        "PATH",
    ];
    let mut found = Vec::new();
    for name in NAMES {
        let is_set = script.sets.iter().any(|it| it == name);
        let is_given = script
            .commands
            .iter()
            .any(|it| it.assigned.iter().any(|it| it == name));
        if !is_set && !is_given {
            continue;
        }
        for (at, _) in text.match_indices(name) {
            let after = at + name.len();
            let is_whole =
                !text[..at].ends_with(|it: char| it.is_alphanumeric() || "_$/{-'".contains(it));
            let Some(value) = text[after..].strip_prefix('=').filter(|_| is_whole) else {
                continue;
            };
            let end = match value.chars().next() {
                Some(mark @ ('"' | '\'')) => value[1..].find(mark).map(|it| it + 2),
                _ => value.find(|it: char| it.is_whitespace() || ";&|)".contains(it)),
            }
            .unwrap_or(value.len());
            let value = &value[..end];
            // For one command alone it is that command's business.
            if !is_set && *name != "LD_PRELOAD" && *name != "BASH_ENV" && *name != "LD_AUDIT" {
                continue;
            }
            if let Some((effect, because)) = of_variable(name, value) {
                found.push((*name, at..after + 1 + end, effect, because));
            }
        }
    }
    found
}

/// Whether a function calls itself in the background or through a pipe, `:(){ :|:& };:`.
pub(super) fn multiplies(text: &str, command: &Simple<'_>, script: &Script<'_>) -> bool {
    if !command.in_function || !(command.in_background || command.fed_by.is_some()) {
        return false;
    }
    let Some(before) = text.get(..command.range.start) else {
        return false;
    };
    let called = command.words.first().map_or("", |it| it.text.as_ref());
    // The function that was begun last before it.
    script
        .defines
        .iter()
        .filter_map(|name| {
            [
                format!("{name}()"),
                format!("{name} ()"),
                format!("function {name}"),
            ]
            .iter()
            .filter_map(|head| before.rfind(head.as_str()))
            .max()
            .map(|at| (at, name.as_ref()))
        })
        .max()
        .is_some_and(|(_, name)| name == called)
}

/// Returns the head of the loop whose condition a command is, where nothing ends that loop: `while
/// true`, `until curl`.
pub(super) fn never_ends(text: &str, index: usize, script: &Script<'_>) -> Option<String> {
    let command = script.commands.get(index).filter(|it| it.in_loop)?;
    if command.in_background {
        return None;
    }
    let before = text.get(..command.range.start)?.trim_end();
    let (before, is_negated) = match before.strip_suffix('!') {
        Some(before) => (before.trim_end(), true),
        None => (before, false),
    };
    let keyword = ["while", "until"].into_iter().find(|it| {
        before
            .strip_suffix(it)
            .is_some_and(|it| !it.ends_with(|it: char| it.is_alphanumeric() || "_-/.".contains(it)))
    })?;
    let program = command.words.first()?.text.as_ref();
    let condition = text.get(command.range.clone())?;
    let polls = (keyword == "until") != is_negated;
    let is_always = matches!(program, "true" | ":" | "sleep")
        || matches!(condition, "[ 1 ]" | "[[ 1 ]]" | "[ true ]" | "[ : ]");
    if !polls && !is_always {
        return None;
    }
    let after = text.get(command.range.start..)?;
    let body = after.find("done").map_or(after, |end| &after[..end]);
    let counts = [
        "((", "++", " -gt ", " -ge ", " -lt ", " -le ", " -eq ", "let ",
    ]
    .iter()
    .any(|it| body.contains(it));
    if polls && counts || leaves(script, index) {
        return None;
    }
    let sign = if is_negated { " !" } else { "" };
    Some(format!("{keyword}{sign} {program}"))
}

/// Whether something in a loop after a command leaves it.
fn leaves(script: &Script<'_>, index: usize) -> bool {
    script.commands.iter().skip(index).any(|it| {
        it.in_loop
            && it
                .words
                .first()
                .is_some_and(|it| matches!(it.text.as_ref(), "break" | "exit" | "return" | "exec"))
    })
}

/// `for ((;;))` that nothing leaves.
pub(super) fn has_bare_for(text: &str, script: &Script<'_>) -> bool {
    script.commands.iter().any(|it| it.in_loop)
        && text.match_indices("for").any(|(at, it)| {
            let inside = text[at + it.len()..].trim_start().strip_prefix("((");
            inside.is_some_and(|inside| {
                let inside = inside.split("))").next().unwrap_or_default();
                inside.split_whitespace().collect::<String>() == ";;"
            })
        })
        && !leaves(script, 0)
}

/// `select x in …`: a menu.
pub(super) fn has_menu(text: &str, script: &Script<'_>) -> bool {
    !script.sets.is_empty()
        && text.match_indices("select ").any(|(at, it)| {
            let starts = text[..at].trim_end_matches([' ', '\t']);
            let mut words = text[at + it.len()..].split_whitespace();
            let name = words.next().unwrap_or_default();
            (starts.is_empty() || starts.ends_with(['\n', ';', '{', '(']))
                && words.next() == Some("in")
                && script.sets.iter().any(|it| it == name)
        })
}

/// Whether loops and groups of the text are fed by a pipe or a file: then `read` in them asks nobody.
pub(super) fn feeds_its_loops(text: &str, script: &Script<'_>) -> bool {
    let is_redirected = script.commands.iter().any(|it| {
        it.words.is_empty()
            && it
                .redirects
                .iter()
                .any(|it| matches!(it, Redirect::From(_) | Redirect::Here(..)))
    });
    is_redirected
        || text.match_indices('|').any(|(at, _)| {
            let after = text[at + 1..].trim_start();
            ["while", "until", "for", "{", "("]
                .iter()
                .any(|it| after.starts_with(it))
        })
        || text.contains("done <")
        || text.contains("} <")
}

/// Whether a command prints nothing that it could put into the file that `>` opens.
pub(super) fn prints_nothing(text: &str, command: &Simple<'_>, is_fed: bool) -> bool {
    let words: Vec<&str> = command.words.iter().map(|it| it.text.as_ref()).collect();
    match words.as_slice() {
        // Not a group or a loop, whose redirection stands for itself too.
        [] => text
            .get(command.range.clone())
            .is_some_and(|it| it.trim_start().starts_with('>')),
        ["cat"] => !is_fed,
        [":" | "true" | "echo"]
        | ["echo", "-n" | ""]
        | ["echo", "-n", ""]
        | ["printf", ""]
        | ["cat", "/dev/null"] => true,
        _ => false,
    }
}
