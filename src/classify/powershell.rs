//! PowerShell → what its commands do, by the verbs of its cmdlets. It is never read as shell: a
//! backtick would be a substitution there. Reads words only; a script block is read like the
//! commands around it.

use std::ops::Range;

use super::knowledge::Knowledge;
use super::sql;
use super::understanding::{Known, Mark, PROJECTS, Sense, Understanding, conclude};
use crate::model::Effect;

/// What cmdlets do, by their verb. A later row that names the whole cmdlet wins: see `CMDLETS`.
const VERBS: &[(&str, Effect)] = &[
    ("Add", Effect::Changes),
    ("Approve", Effect::Changes),
    ("Backup", Effect::Changes),
    ("Checkpoint", Effect::Changes),
    ("Clear", Effect::Destroys),
    ("Close", Effect::Changes),
    ("Compare", Effect::Reads),
    ("Complete", Effect::Changes),
    ("Compress", Effect::Changes),
    ("Connect", Effect::Changes),
    ("Convert", Effect::Reads),
    ("ConvertFrom", Effect::Reads),
    ("ConvertTo", Effect::Reads),
    ("Copy", Effect::Changes),
    ("Debug", Effect::Reads),
    ("Disable", Effect::Changes),
    ("Disconnect", Effect::Changes),
    ("Dismount", Effect::Changes),
    ("Enable", Effect::Changes),
    ("Enter", Effect::Unknown),
    ("Exit", Effect::Reads),
    ("Expand", Effect::Changes),
    ("Export", Effect::Changes),
    ("Find", Effect::Reads),
    ("Format", Effect::Destroys),
    ("ForEach", Effect::Reads),
    ("Get", Effect::Reads),
    ("Grant", Effect::Changes),
    ("Group", Effect::Reads),
    ("Import", Effect::Changes),
    ("Initialize", Effect::Destroys),
    ("Install", Effect::Changes),
    ("Invoke", Effect::Unknown),
    ("Join", Effect::Reads),
    ("Limit", Effect::Changes),
    ("Lock", Effect::Changes),
    ("Measure", Effect::Reads),
    ("Merge", Effect::Changes),
    ("Mount", Effect::Changes),
    ("Move", Effect::Changes),
    ("New", Effect::Changes),
    ("Open", Effect::Changes),
    ("Optimize", Effect::Changes),
    ("Out", Effect::Reads),
    ("Ping", Effect::Reads),
    ("Pop", Effect::Reads),
    ("Publish", Effect::Changes),
    ("Push", Effect::Reads),
    ("Read", Effect::Reads),
    ("Receive", Effect::Reads),
    ("Register", Effect::Changes),
    ("Remove", Effect::Destroys),
    ("Rename", Effect::Changes),
    ("Repair", Effect::Changes),
    ("Reset", Effect::Destroys),
    ("Resize", Effect::Changes),
    ("Resolve", Effect::Reads),
    ("Restart", Effect::Changes),
    ("Restore", Effect::Destroys),
    ("Resume", Effect::Changes),
    ("Revoke", Effect::Changes),
    ("Save", Effect::Changes),
    ("Search", Effect::Reads),
    ("Select", Effect::Reads),
    ("Send", Effect::Changes),
    ("Set", Effect::Changes),
    ("Show", Effect::Reads),
    ("Sort", Effect::Reads),
    ("Split", Effect::Reads),
    ("Start", Effect::Changes),
    ("Stop", Effect::Changes),
    ("Submit", Effect::Changes),
    ("Suspend", Effect::Changes),
    ("Switch", Effect::Changes),
    ("Sync", Effect::Changes),
    ("Tee", Effect::Changes),
    ("Test", Effect::Reads),
    ("Trace", Effect::Reads),
    ("Unblock", Effect::Changes),
    ("Undo", Effect::Changes),
    ("Uninstall", Effect::Changes),
    ("Unlock", Effect::Changes),
    ("Unpublish", Effect::Destroys),
    ("Unregister", Effect::Destroys),
    ("Update", Effect::Changes),
    ("Use", Effect::Reads),
    ("Wait", Effect::Reads),
    ("Where", Effect::Reads),
    ("Write", Effect::Reads),
];

/// Cmdlets that are not what their verb says.
const CMDLETS: &[(&str, Effect)] = &[
    ("Clear-DnsClientCache", Effect::Changes),
    ("Clear-Host", Effect::Reads),
    ("Clear-Variable", Effect::Reads),
    ("Format-Custom", Effect::Reads),
    ("Format-Hex", Effect::Reads),
    ("Format-List", Effect::Reads),
    ("Format-Table", Effect::Reads),
    ("Format-Wide", Effect::Reads),
    ("Import-Csv", Effect::Reads),
    ("Import-Module", Effect::Reads),
    ("Import-PowerShellDataFile", Effect::Reads),
    ("Invoke-RestMethod", Effect::Reads),
    ("Invoke-WebRequest", Effect::Reads),
    ("New-Object", Effect::Reads),
    ("New-TimeSpan", Effect::Reads),
    ("New-Variable", Effect::Reads),
    ("Out-File", Effect::Changes),
    ("Out-Printer", Effect::Changes),
    ("Remove-Module", Effect::Reads),
    ("Remove-PSSession", Effect::Changes),
    ("Remove-Variable", Effect::Reads),
    ("Reset-ComputerMachinePassword", Effect::Changes),
    ("Restart-Computer", Effect::Destroys),
    ("Set-Location", Effect::Reads),
    ("Set-StrictMode", Effect::Reads),
    ("Set-Variable", Effect::Reads),
    ("Start-Sleep", Effect::Reads),
    ("Start-Transcript", Effect::Changes),
    ("Stop-Computer", Effect::Destroys),
    ("Write-EventLog", Effect::Changes),
];

/// Short names of cmdlets that are no programs elsewhere, or mean the same there.
const ALIASES: &[(&str, &str)] = &[
    ("%", "ForEach-Object"),
    ("?", "Where-Object"),
    ("cat", "Get-Content"),
    ("cd", "Set-Location"),
    ("chdir", "Set-Location"),
    ("clc", "Clear-Content"),
    ("cls", "Clear-Host"),
    ("copy", "Copy-Item"),
    ("cp", "Copy-Item"),
    ("del", "Remove-Item"),
    ("dir", "Get-ChildItem"),
    ("echo", "Write-Output"),
    ("erase", "Remove-Item"),
    ("fl", "Format-List"),
    ("foreach", "ForEach-Object"),
    ("ft", "Format-Table"),
    ("gc", "Get-Content"),
    ("gci", "Get-ChildItem"),
    ("gcm", "Get-Command"),
    ("gi", "Get-Item"),
    ("gm", "Get-Member"),
    ("gps", "Get-Process"),
    ("gsv", "Get-Service"),
    ("iex", "Invoke-Expression"),
    ("irm", "Invoke-RestMethod"),
    ("iwr", "Invoke-WebRequest"),
    ("kill", "Stop-Process"),
    ("ls", "Get-ChildItem"),
    ("md", "New-Item"),
    ("measure", "Measure-Object"),
    ("mkdir", "New-Item"),
    ("move", "Move-Item"),
    ("mv", "Move-Item"),
    ("ni", "New-Item"),
    ("popd", "Pop-Location"),
    ("ps", "Get-Process"),
    ("pushd", "Push-Location"),
    ("pwd", "Get-Location"),
    ("rd", "Remove-Item"),
    ("ren", "Rename-Item"),
    ("ri", "Remove-Item"),
    ("rm", "Remove-Item"),
    ("rmdir", "Remove-Item"),
    ("saps", "Start-Process"),
    ("sasv", "Start-Service"),
    ("select", "Select-Object"),
    ("sleep", "Start-Sleep"),
    ("sls", "Select-String"),
    ("sort", "Sort-Object"),
    ("spps", "Stop-Process"),
    ("spsv", "Stop-Service"),
    ("tee", "Tee-Object"),
    ("type", "Get-Content"),
    ("where", "Where-Object"),
];

/// Words of the language itself.
const KEYWORDS: &[&str] = &[
    "if", "else", "elseif", "foreach", "for", "while", "do", "until", "switch", "function", "try",
    "catch", "finally", "return", "throw", "param", "begin", "process", "end", "break", "continue",
    "exit", "in", "trap", "class", "enum", "using", "filter",
];

/// One command: its words with their places, and whether what went before feeds it.
#[derive(Debug, Default)]
struct Command<'a> {
    words: Vec<(&'a str, Range<usize>)>,
    is_fed: bool,
}

/// Whether something in `body` is PowerShell's own, so that no other shell may be given it: a
/// backtick at a line's end, `$env:`, `$x =`, `Verb-Noun`, `.\`.
pub fn is_powershells_own(body: &str) -> bool {
    body.lines().any(|line| {
        let line = line.trim();
        if line.starts_with('#') {
            return false;
        }
        line.ends_with('`')
            || line.to_ascii_lowercase().contains("$env:")
            || is_assignment(line)
            || line.contains(".\\")
            || line
                .split(|it: char| !(it.is_ascii_alphanumeric() || it == '-'))
                .any(|word| {
                    word.contains(|it: char| it.is_ascii_uppercase()) && cmdlet(word).is_some()
                })
    })
}

/// `$x = …`, `$x.y += …`.
fn is_assignment(line: &str) -> bool {
    let Some(rest) = line.strip_prefix('$') else {
        return false;
    };
    let end = rest
        .find(|it: char| !(it.is_alphanumeric() || matches!(it, '_' | ':' | '.' | '[' | ']')))
        .unwrap_or(rest.len());
    let after = rest[end..].trim_start();
    end > 0 && (after.starts_with('=') && !after.starts_with("==") || after.starts_with("+="))
}

/// Returns what a cmdlet does, case aside; `None` where the word is none.
fn cmdlet(word: &str) -> Option<Effect> {
    if let Some((_, effect)) = CMDLETS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word))
    {
        return Some(*effect);
    }
    let (verb, noun) = word.split_once('-')?;
    if noun.len() < 2 || !noun.bytes().all(|it| it.is_ascii_alphanumeric()) {
        return None;
    }
    VERBS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(verb))
        .map(|(_, effect)| *effect)
}

/// Ends the word that is open. A word keeps its quotes: only its first characters are looked at.
fn finish<'a>(
    body: &'a str,
    offset: usize,
    start: &mut Option<usize>,
    command: &mut Command<'a>,
    end: usize,
) {
    if let Some(from) = start.take() {
        let place = offset + from..offset + end;
        command.words.push((&body[from..end], place));
    }
}

/// Sub-expressions of strings inside sub-expressions are followed so far.
const DEEPEST: usize = 8;

/// The commands of a text, in order.
fn commands(body: &str) -> Vec<Command<'_>> {
    let mut all = Vec::new();
    collect(body, 0, 0, &mut all);
    all
}

/// Returns where the parenthesis that is open at `from` ends.
fn closing(body: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in body.bytes().enumerate().skip(from) {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    body.len()
}

/// Adds the commands of `body`, which stands at `offset` of the whole.
fn collect<'a>(body: &'a str, offset: usize, depth: usize, all: &mut Vec<Command<'a>>) {
    let mut command = Command::default();
    let mut start: Option<usize> = None;
    let mut quote: Option<char> = None;
    let mut chars = body.char_indices().peekable();
    let mut here: Option<char> = None;
    let mut comment = false;
    let mut block_comment = false;
    while let Some((at, it)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        if block_comment {
            if it == '#' && next == Some('>') {
                block_comment = false;
                chars.next();
            }
            continue;
        }
        if comment {
            if it != '\n' {
                continue;
            }
            comment = false;
        }
        // `"… $(Remove-Item x) …"` runs it.
        let expands = quote == Some('"') || here == Some('"');
        if expands && it == '$' && next == Some('(') && depth < DEEPEST {
            let end = closing(body, at + 1);
            let from = at + 2;
            if let Some(inside) = body.get(from..end) {
                collect(inside, offset + from, depth + 1, all);
            }
            while chars.next_if(|(at, _)| *at < end).is_some() {}
            continue;
        }
        if let Some(mark) = here {
            if it == mark && next == Some('@') && body[..at].ends_with('\n') {
                here = None;
                chars.next();
            }
            continue;
        }
        if let Some(mark) = quote {
            if it == '`' && mark == '"' {
                chars.next();
            } else if it == mark {
                quote = None;
            }
            continue;
        }
        match it {
            '@' if matches!(next, Some('\'' | '"')) => {
                here = next;
                start.get_or_insert(at);
                chars.next();
            }
            '\'' | '"' => {
                quote = Some(it);
                start.get_or_insert(at);
            }
            '<' if next == Some('#') => block_comment = true,
            '#' if start.is_none() => comment = true,
            '`' if matches!(next, Some('\n' | '\r')) => {
                finish(body, offset, &mut start, &mut command, at);
                while chars.next_if(|(_, next)| matches!(next, '\r')).is_some() {}
                chars.next();
            }
            '`' => {
                start.get_or_insert(at);
                chars.next();
            }
            '\n' | ';' | '|' | '{' | '}' | '(' | ')' | '&' => {
                finish(body, offset, &mut start, &mut command, at);
                let is_fed = it == '|';
                if !command.words.is_empty() {
                    all.push(std::mem::take(&mut command));
                }
                // A pipe at a line's end goes on below.
                if it != '\n' || !command.is_fed {
                    command.is_fed = is_fed;
                }
            }
            _ if it.is_whitespace() => finish(body, offset, &mut start, &mut command, at),
            _ => {
                start.get_or_insert(at);
            }
        }
    }
    finish(body, offset, &mut start, &mut command, body.len());
    if !command.words.is_empty() {
        all.push(command);
    }
}

/// Returns what the commands of `body` do.
pub(super) fn understand(body: &str, knowledge: &Knowledge) -> Understanding {
    let mut all = Understanding::new();
    let mut strange: Vec<String> = Vec::new();
    let mut assignments = 0;
    let mut before: Option<Command<'_>> = None;
    for command in commands(body) {
        called(&mut all, body, &command);
        let is_named = before.as_ref().is_some_and(names_a_process);
        let mut words = command.words.as_slice();
        // `$x = Get-Item y`: what stands right of it is the command.
        if let [(name, _), (sign, _), ..] = words
            && name.starts_with('$')
            && matches!(*sign, "=" | "+=")
        {
            assignments += 1;
            let variable = name.trim_start_matches('$').to_owned();
            if !all.sets.contains(&variable) {
                all.sets.push(variable);
            }
            words = &words[2..];
        }
        if let Some((first, range)) = words.first() {
            let fed = match (command.is_fed, is_named) {
                (false, _) => Fed::Not,
                (true, true) => Fed::Named,
                (true, false) => Fed::Anything,
            };
            let judged = all.commands.len();
            judge(&mut all, &mut strange, first, range, words, fed, knowledge);
            redirected(&mut all, judged, words);
        }
        before = Some(command);
    }
    all.only_assignments = assignments > 0 && all.commands.is_empty();
    all.sense = if body.len() > super::shell::LONGEST {
        Sense::Nonsense("is longer than 64 KiB".to_owned())
    } else if all.commands.is_empty() && assignments == 0 {
        Sense::Nonsense("holds no command".to_owned())
    } else if strange.is_empty() {
        Sense::Commands
    } else {
        Sense::Strange(strange)
    };
    conclude(&mut all);
    all
}

/// What `>` and `>>` write: a command that only looks changes something with them. What was judged from
/// number `first` on is this command.
fn redirected(all: &mut Understanding, first: usize, words: &[(&str, Range<usize>)]) {
    for (at, (word, range)) in words.iter().enumerate() {
        let sign = word.trim_start_matches(|it: char| it.is_ascii_digit() || it == '*');
        let Some(rest) = sign.strip_prefix('>') else {
            continue;
        };
        let (file, is_over) = match rest.strip_prefix('>') {
            Some(rest) => (rest, false),
            None => (rest, true),
        };
        let next = || words.get(at + 1).map_or("", |(next, _)| *next);
        let file = if file.is_empty() { next() } else { file };
        let file = file.trim_matches(['"', '\'']);
        // `2>&1` has no name: the `&` ends the command.
        if file.is_empty() || file.eq_ignore_ascii_case("$null") || file.eq_ignore_ascii_case("nul")
        {
            continue;
        }
        if is_over && !file.contains('$') && !all.overwrites.iter().any(|it| it == file) {
            all.overwrites.push(file.to_owned());
        }
        if all.commands[first..]
            .iter()
            .all(|it| it.effect == Effect::Reads)
        {
            all.commands.push(Known {
                name: (*word).to_owned(),
                range: range.clone(),
                effect: Effect::Changes,
                because: if is_over {
                    format!("`>` writes `{file}`")
                } else {
                    format!("`>>` adds to `{file}`")
                },
            });
        }
    }
}

/// What comes down the pipe to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fed {
    /// Nothing.
    Not,
    /// The process that the text names.
    Named,
    /// Whatever there is.
    Anything,
}

/// `Get-Process nginx`: one name, no pattern and no variable.
fn names_a_process(command: &Command<'_>) -> bool {
    let Some(((first, _), rest)) = command.words.split_first() else {
        return false;
    };
    let lower = first.to_ascii_lowercase();
    matches!(lower.as_str(), "get-process" | "ps" | "gps")
        && rest
            .iter()
            .any(|(word, _)| !word.starts_with('-') && !word.contains(['*', '$', '?', '@']))
}

/// What a method does, by its name; `None` for one that only looks.
fn method(name: &str) -> Option<Effect> {
    let lower = name.trim_matches(['"', '\'']).to_ascii_lowercase();
    let has = |verbs: &[&str]| verbs.iter().any(|verb| lower.starts_with(verb));
    if has(&[
        "delete", "remove", "kill", "clear", "drop", "truncate", "format", "reboot", "shutdown",
    ]) {
        Some(Effect::Destroys)
    } else if has(&[
        "invoke", "exec", "run", "create", "download", "upload", "start", "eval",
    ]) {
        Some(Effect::Unknown)
    } else if has(&[
        "stop", "set", "save", "write", "move", "copy", "install", "send", "enable", "disable",
        "append", "rename", "change", "pause", "resume", "restart", "refresh",
    ]) {
        Some(Effect::Changes)
    } else {
        None
    }
}

/// `$service.Stop()`, `[IO.File]::Delete("x")`: a word before a parenthesis that ends in a method.
fn called(all: &mut Understanding, body: &str, command: &Command<'_>) {
    let Some((word, range)) = command.words.last() else {
        return;
    };
    if !word.starts_with(['$', '[']) || !body.get(range.end..).is_some_and(|it| it.starts_with('('))
    {
        return;
    }
    let Some((_, name)) = word.rsplit_once(['.', ':']) else {
        return;
    };
    if let Some(effect) = method(name) {
        all.commands.push(Known {
            name: (*word).to_owned(),
            range: range.clone(),
            effect,
            because: of_method(word, effect),
        });
    }
}

fn of_method(name: &str, effect: Effect) -> String {
    match effect {
        Effect::Destroys => format!("`{name}` loses something for good"),
        Effect::Unknown => format!("what `{name}` runs is not known"),
        _ => format!("`{name}` changes something"),
    }
}

fn judge(
    all: &mut Understanding,
    strange: &mut Vec<String>,
    first: &str,
    range: &Range<usize>,
    words: &[(&str, Range<usize>)],
    fed: Fed,
    knowledge: &Knowledge,
) {
    let is_fed = fed != Fed::Not;
    let last = words.last().map_or(range.end, |(_, last)| last.end);
    let whole = range.start..last;
    let lower = first.to_ascii_lowercase();
    if KEYWORDS.contains(&lower.as_str()) && !is_fed && lower != "exit" {
        return;
    }
    // Values: numbers, strings, variables, types, operators, hash table keys.
    if first.starts_with(['$', '"', '\'', '[', '@', '-', '!', ',', '+', '=', '*'])
        || is_member(&lower)
        || first.bytes().all(|it| it.is_ascii_digit() || it == b'.')
        || words.get(1).is_some_and(|(sign, _)| *sign == "=")
    {
        return;
    }
    let has = |option: &str| {
        words.iter().any(|(word, _)| {
            word.get(..option.len())
                .is_some_and(|it| it.eq_ignore_ascii_case(option))
        })
    };
    let push = |all: &mut Understanding, effect: Effect, because: String| {
        all.commands.push(Known {
            name: first.to_owned(),
            range: whole.clone(),
            effect,
            because,
        });
    };
    let full = ALIASES
        .iter()
        .find(|(alias, _)| *alias == lower)
        .map_or(first, |(_, full)| full);
    if let Some(mut effect) = cmdlet(full) {
        let mark = |what: &str| {
            Some(Mark {
                because: format!("`{first}` {what}"),
                range: whole.clone(),
            })
        };
        match full.to_ascii_lowercase().as_str() {
            "read-host" | "get-credential" => all.prompts = mark("asks questions"),
            "enter-pssession" => {
                all.interactive = mark("opens a shell");
                all.opens = mark("opens a shell");
                if let Some(host) = value_of(words, "-ComputerName").or_else(|| plain(words))
                    && !all.hosts.contains(&host)
                {
                    all.hosts.push(host);
                }
            }
            "get-content" if has("-Wait") => all.endless = mark("does not end by itself"),
            "invoke-webrequest" | "invoke-restmethod" => {
                let method = value_of(words, "-Method")
                    .unwrap_or_default()
                    .to_ascii_uppercase();
                effect = match method.as_str() {
                    "DELETE" => Effect::Destroys,
                    "" | "GET" | "HEAD" if !has("-OutFile") => Effect::Reads,
                    _ => Effect::Changes,
                };
            }
            "invoke-command" => {
                effect = Effect::Reads;
                if let Some(host) = value_of(words, "-ComputerName")
                    && !all.hosts.contains(&host)
                {
                    all.hosts.push(host);
                }
            }
            // Whatever comes down the pipe, and what it has not saved.
            "stop-process"
                if fed == Fed::Anything
                    || is_fed && has("-Force")
                    || words.iter().any(|(word, _)| word.contains('*')) =>
            {
                effect = Effect::Destroys;
            }
            // `| % Delete`: the method of each.
            "foreach-object" => {
                let name = value_of(words, "-MemberName").or_else(|| plain(words));
                effect = name.and_then(|it| method(&it)).unwrap_or(effect);
            }
            "start-mpscan" => effect = Effect::Reads,
            _ => {}
        }
        let verb = full
            .split('-')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        if matches!(
            verb.as_str(),
            "start"
                | "stop"
                | "enable"
                | "disable"
                | "install"
                | "uninstall"
                | "backup"
                | "restore"
                | "mount"
                | "dismount"
                | "add"
                | "remove"
                | "restart"
                | "import"
                | "export"
        ) && !all.verbs.contains(&verb)
        {
            all.verbs.push(verb);
        }
        let because = match effect {
            Effect::Reads => format!("`{first}` only looks"),
            Effect::Changes => format!("`{first}` changes something"),
            Effect::Destroys => format!("`{first}` loses something for good"),
            Effect::Unknown => format!("what `{first}` runs is not known"),
        };
        push(all, effect, because);
        return;
    }
    // `.\venv\Scripts\python.exe manage.py`, `.\gradlew build`.
    if let Some((folder, base)) = first.rsplit_once(['\\', '/'])
        && let name = base.strip_suffix(".exe").unwrap_or(base)
        && (PROJECTS.contains(&name) || folder.ends_with("Scripts") || folder.ends_with("bin"))
        && knowledge.knows(name)
    {
        let mut inner = words.to_vec();
        inner[0].0 = name;
        native(all, strange, name, &whole, &inner, knowledge);
        return;
    }
    if [
        "\\scripts\\activate",
        "\\scripts\\activate.ps1",
        "\\scripts\\activate.bat",
    ]
    .iter()
    .any(|end| lower.ends_with(end))
    {
        let because = "it enters a virtual environment".to_owned();
        push(all, Effect::Reads, because);
        return;
    }
    if first.contains(['\\', '/']) || [".ps1", ".bat"].iter().any(|it| lower.ends_with(it)) {
        push(
            all,
            Effect::Unknown,
            format!("what the program `{first}` does is not known"),
        );
        return;
    }
    native(all, strange, first, &whole, words, knowledge);
}

/// `.Count`, `.Trim`: what is looked at of the value before, unless its name says that it does something.
fn is_member(lower: &str) -> bool {
    lower.strip_prefix('.').is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric())
            && ![
                "delete", "remove", "kill", "stop", "start", "set", "save", "write", "close",
                "invoke", "create", "add", "clear", "run", "exec", "put", "download", "upload",
                "install", "send", "move", "copy",
            ]
            .iter()
            .any(|verb| name.contains(verb))
    })
}

/// A program of its own is what the table of commands says.
fn native(
    all: &mut Understanding,
    strange: &mut Vec<String>,
    first: &str,
    whole: &Range<usize>,
    words: &[(&str, Range<usize>)],
    knowledge: &Knowledge,
) {
    let program = first.strip_suffix(".exe").unwrap_or(first);
    let lower = program.to_ascii_lowercase();
    let mut plain: Vec<&str> = words
        .iter()
        .map(|(word, _)| word.trim_matches(['"', '\'']))
        .collect();
    plain[0] = if knowledge.knows(program) {
        program
    } else {
        &lower
    };
    let Some(finding) = knowledge.find(&plain) else {
        if !strange.iter().any(|it| it == first) {
            strange.push(first.to_owned());
        }
        all.commands.push(Known {
            name: first.to_owned(),
            range: whole.clone(),
            effect: Effect::Unknown,
            because: format!("nobody knows what `{first}` does"),
        });
        return;
    };
    // `python web\manage.py migrate` is what `manage.py migrate` is.
    if let Some(script) = &finding.script {
        let base = script.text.rsplit(['/', '\\']).next().unwrap_or_default();
        if PROJECTS.contains(&base)
            && knowledge.knows(base)
            && let Some((_, rest)) = words.get(script.word..).and_then(<[_]>::split_first)
        {
            let mut inner: Vec<(&str, Range<usize>)> = vec![(base, whole.clone())];
            inner.extend(rest.iter().cloned());
            native(all, strange, base, whole, &inner, knowledge);
            return;
        }
    }
    let mark = |what: &str| {
        Some(Mark {
            because: format!("`{}` {what}", finding.name),
            range: whole.clone(),
        })
    };
    if finding.interactive {
        all.interactive = mark("wants a person at the terminal");
    }
    if finding.opens {
        all.opens = mark("opens a shell or a console");
    }
    if finding.endless {
        all.endless = mark("does not end by itself");
    }
    if finding.asks {
        all.prompts = mark("asks questions");
    }
    all.in_container |= finding.container;
    for host in &finding.hosts {
        if !all.hosts.contains(host) {
            all.hosts.push(host.clone());
        }
    }
    // `docker compose exec web python manage.py shell` is what runs there, and what the wrapper does.
    if let Some((from, to)) = finding.inner
        && let Some(inner) = words.get(from..to.min(words.len()))
        && let Some((inner_first, _)) = inner.first()
        && finding.shell.is_empty()
    {
        if let Some(effect) = finding.effect.filter(|it| *it != Effect::Unknown) {
            all.commands.push(Known {
                name: finding.name.clone(),
                range: whole.clone(),
                effect,
                because: format!("`{}` runs `{inner_first}`", finding.name),
            });
        }
        native(all, strange, inner_first, whole, inner, knowledge);
        return;
    }
    // `psql -c "SELECT 1"`
    if let Some(verdict) = finding
        .sql
        .iter()
        .map(|text| sql::judge(&text.text))
        .max_by_key(|verdict| sql::weight(verdict.effect))
        && finding.sql.iter().all(|text| !text.text.contains('$'))
    {
        all.commands.push(Known {
            name: finding.name.clone(),
            range: whole.clone(),
            effect: verdict.effect,
            because: format!("`{}` runs {}", finding.name, verdict.words),
        });
        return;
    }
    let is_told = finding.inner.is_none()
        && finding.script.is_none()
        && finding.shell.is_empty()
        && finding.code.is_empty()
        && finding.sql.is_empty();
    let effect = finding
        .effect
        .filter(|_| is_told)
        .unwrap_or(Effect::Unknown);
    let name = &finding.name;
    let because = match effect {
        _ if effect != Effect::Unknown && !finding.because.is_empty() => {
            format!("`{name}` {}", finding.because)
        }
        Effect::Reads => format!("`{name}` only looks"),
        Effect::Changes => format!("`{name}` changes something"),
        Effect::Destroys => format!("`{name}` loses something for good"),
        Effect::Unknown => format!("nobody knows what `{name}` does"),
    };
    all.commands.push(Known {
        name: name.clone(),
        range: whole.clone(),
        effect,
        because,
    });
}

fn value_of(words: &[(&str, Range<usize>)], option: &str) -> Option<String> {
    let at = words
        .iter()
        .position(|(word, _)| word.eq_ignore_ascii_case(option))?;
    let (value, _) = words.get(at + 1)?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

fn plain(words: &[(&str, Range<usize>)]) -> Option<String> {
    let (word, _) = words.get(1)?;
    (!word.starts_with('-')).then(|| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::knowledge::Knowledge;
    use super::super::understanding::{Sense, Tongue, understand};
    use super::is_powershells_own;

    fn check(body: &str, expected: &str) {
        let it = understand(body, Tongue::Powershell, &Knowledge::built_in());
        let mut shown = match &it.sense {
            Sense::Commands => it.effect.to_string(),
            Sense::Strange(words) => format!("strange: {}", words.join(" ")),
            Sense::Nonsense(why) => format!("nonsense: {why}"),
        };
        for (mark, name) in [
            (&it.opens, "opens"),
            (&it.endless, "endless"),
            (&it.prompts, "asks"),
        ] {
            if mark.is_some() {
                shown = format!("{shown} {name}");
            }
        }
        if !it.hosts.is_empty() {
            shown = format!("{shown} host={}", it.hosts.join(","));
        }
        assert_eq!(shown, expected, "{body}\n{}", it.because);
    }

    #[test]
    fn the_verb_of_a_cmdlet_says_what_it_does() {
        check("Get-Service nginx", "reads");
        check(
            "get-process | where-object { $_.CPU -gt 10 } | Sort-Object CPU",
            "reads",
        );
        check("Get-ChildItem C:\\x | Format-Table", "reads");
        check("Test-NetConnection web1 -Port 443", "reads");
        check("Restart-Service W3SVC", "changes");
        check("New-Item -ItemType Directory `\n  -Path C:\\x", "changes");
        check("Remove-Item -Recurse -Force C:\\x", "destroys");
        check("Get-ChildItem *.log | Remove-Item", "destroys");
        check("if (Test-Path x) { Remove-Item x }", "destroys");
        check("$x = Get-Date\nWrite-Host $x", "reads");
        check("Read-Host 'name'", "reads asks");
        check("Get-Content x.log -Wait", "reads endless");
        check(
            "Enter-PSSession -ComputerName web1",
            "unknown opens host=web1",
        );
        check("Invoke-WebRequest http://x -OutFile y", "changes");
        check("Invoke-RestMethod http://x -Method Delete", "destroys");
        check("iwr http://x | iex", "unknown");
        check("Restart-Computer -Force", "destroys");
        check("Stop-Computer", "destroys");
    }

    #[test]
    fn what_stands_inside_strings_and_methods_is_judged() {
        check("Write-Host \"a $(Remove-Item x) b\"", "destroys");
        check("Write-Host 'a $(Remove-Item x) b'", "reads");
        check("Write-Host \"a $(Get-Date) b $($x.Count)\"", "reads");
        check("Write-Host \"a $(\"$(Remove-Item x)\") b\"", "destroys");
        check("Write-Host (Remove-Item x)", "destroys");
        check("Get-ChildItem *.log | % Delete", "destroys");
        check(
            "Get-ChildItem *.log | ForEach-Object { Remove-Item $_ }",
            "destroys",
        );
        check("Get-Process | ForEach-Object Kill", "destroys");
        check("Get-Service x | ForEach-Object Stop", "changes");
        check("Get-ChildItem | ForEach-Object Name", "reads");
        check("Get-ChildItem | % { $_.Delete() }", "destroys");
        check("[IO.File]::Delete(\"x\")", "destroys");
        check("$x = Get-Date\nWrite-Host $x.ToString()", "reads");
        check("Get-Process | Stop-Process", "destroys");
        check("Get-Process nginx | Stop-Process", "changes");
        check("Stop-Process -Name nginx", "changes");
    }

    #[test]
    fn what_is_redirected_is_written() {
        check("echo hi >> notes.txt", "changes");
        check("Get-Date > now.txt", "changes");
        check("Get-Date >now.txt", "changes");
        check("Get-Date 2>$null", "reads");
        check("Get-Date > $null", "reads");
        check("docker ps 2>&1", "reads");
        check("Remove-Item x > log.txt", "destroys");
    }

    #[test]
    fn other_programs_are_what_the_table_says() {
        check("docker compose up -d", "changes");
        check("ipconfig /all", "reads");
        check("ipconfig /flushdns", "changes");
        check("git status", "reads");
        check("python manage.py runserver", "changes endless");
        check("python app/manage.py migrate", "changes");
        check("python app/manage.py createsuperuser", "changes asks");
        check(
            ".\\venv\\Scripts\\python.exe manage.py runserver",
            "changes endless",
        );
        check(
            "docker compose exec web python manage.py createsuperuser",
            "changes asks",
        );
        check("docker exec web rm x", "destroys");
        check("python app\\manage.py showmigrations", "reads");
        check("python tool.py", "unknown");
        check(".\\deploy.ps1 -Env prod", "unknown");
        check("frobnicate x", "strange: frobnicate");
        check("sc.exe query nginx", "reads");
        check("robocopy a b /MIR", "destroys");
    }

    #[test]
    fn what_is_powershells_own_is_told() {
        for own in [
            "a `\n b",
            "echo $env:PATH",
            "$x = 1",
            "Get-Item x",
            ".\\x.ps1",
            "a | Where-Object b",
        ] {
            assert!(is_powershells_own(own), "{own}");
        }
        for other in [
            "docker compose up -d",
            "apt-get install x",
            "echo $HOME",
            "docker-compose ps",
            "git log --pretty=x",
        ] {
            assert!(!is_powershells_own(other), "{other}");
        }
    }
}
