//! How each language is started on this machine.
//!
//! Bodies reach their interpreter through a file in memory, never through argv. Line `n` of that
//! file is line `n` of the Markdown file, so that what an interpreter says of a line is true.

use std::path::Path;
use std::time::Duration;

use crate::event::Text;
use crate::host::machine::Account;
use crate::keeper::protocol::{Gives, Launch};
use crate::keeper::{DUMP_FD, SCRIPT_FD};
use crate::model::{Kind, Language, Settings, StepId};
use crate::redact::Named;

use super::survey::{Interpreter, Own};

// A document with more lines than this does not get them all as empty lines before a body.
const MOST_PADDING: u32 = 100_000;

/// How an interpreter is started: the row of a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starter {
    /// bash with `-e -o pipefail`.
    Bash,
    /// bash where it is present, else `sh -e`.
    Shell,
    /// zsh without start-up files.
    Zsh,
    /// `python3`, else `python`.
    Python,
    /// `node`.
    Node,
    /// `pwsh`.
    PowerShell,
}

/// Returns how `language` is started; `None` where nothing starts it.
pub fn starter(language: Language) -> Option<Starter> {
    Some(match language.0 {
        "bash" | "console" => Starter::Bash,
        "sh" | "shell" => Starter::Shell,
        "zsh" => Starter::Zsh,
        "python" => Starter::Python,
        "node" => Starter::Node,
        "powershell" => Starter::PowerShell,
        _ => return None,
    })
}

/// Returns the programs that can start `starter`, the best first.
pub fn needed(starter: Starter) -> &'static [&'static str] {
    match starter {
        Starter::Bash => &["bash"],
        Starter::Shell => &["bash", "sh"],
        Starter::Zsh => &["zsh"],
        Starter::Python => &["python3", "python"],
        Starter::Node => &["node", "nodejs"],
        Starter::PowerShell => &["pwsh"],
    }
}

/// What of a step decides how it is started.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The step.
    pub step: &'a StepId,
    /// Which attempt.
    pub nonce: &'a str,
    /// Its number, from 1.
    pub attempt: u32,
    /// The body.
    pub body: &'a str,
    /// The Markdown line of its first line.
    pub body_line: u32,
    /// The document, as its name is shown in what interpreters say.
    pub document: &'a str,
    /// What its attributes say.
    pub settings: &'a Settings,
    /// Whether it gets a terminal.
    pub terminal: bool,
    /// Declared runbooks run with `-u`.
    pub kind: Kind,
    /// The whole environment.
    pub env: Vec<(String, Text)>,
    /// The working folder.
    pub cwd: Text,
    /// The user that it runs as, where that is another.
    pub user: Option<Account>,
    /// After this long it is ended.
    pub timeout: Option<Duration>,
    /// What is masked in all that is stored of it.
    pub secrets: Vec<Named>,
    /// How it gives values to later steps; absent where it cannot.
    pub gives: Option<Gives>,
}

/// Returns how this step is started with this interpreter.
pub fn launch(start: Start<'_>, interpreter: &Interpreter) -> Launch {
    let script_path = format!("/dev/fd/{SCRIPT_FD}");
    let strict = start.kind == Kind::Declared;
    let (args, prologue, dumps) = match (interpreter.starter, interpreter.is_bash()) {
        (_, true) => {
            let args = vec!["--noprofile".to_owned(), "--norc".to_owned(), script_path];
            (args, bash_prologue(strict), true)
        }
        (Starter::Bash | Starter::Shell, false) => (
            vec![script_path],
            sh_prologue(interpreter.knows_pipefail, strict),
            true,
        ),
        (Starter::Zsh, false) => (
            vec!["-f".to_owned(), script_path],
            zsh_prologue(strict),
            true,
        ),
        (Starter::Python, false) => {
            let boot = PYTHON
                .replace("SCRIPT_FD", &SCRIPT_FD.to_string())
                .replace("DUMP_FD", &DUMP_FD.to_string());
            let args = ["-u", "-c", &boot, start.document]
                .map(str::to_owned)
                .to_vec();
            (args, String::new(), true)
        }
        (Starter::Node, false) => (vec!["-".to_owned()], String::new(), false),
        (Starter::PowerShell, false) => {
            let args = ["-NoProfile", "-NonInteractive", "-Command", "-"];
            (args.map(str::to_owned).to_vec(), String::new(), false)
        }
    };
    let padding = padding(start.body_line);
    let mut script = prologue;
    script.extend(std::iter::repeat_n('\n', padding as usize));
    script.push_str(start.body);
    let how = How {
        program: interpreter.path.to_string_lossy().into_owned(),
        args,
        script,
        script_on_stdin: matches!(interpreter.starter, Starter::Node | Starter::PowerShell),
        line_offset: line_offset(start.body_line),
        dumps,
        tells: false,
    };
    how.of(start)
}

/// Returns how this step is started with an interpreter of the user's own, which is handed the body as
/// it stands: what it says of a line counts from the body's first.
pub fn launch_own(start: Start<'_>, own: &Own) -> Launch {
    let script_path = format!("/dev/fd/{SCRIPT_FD}");
    let how = How {
        program: own.path.to_string_lossy().into_owned(),
        args: own
            .args
            .iter()
            .map(|it| it.replace("{}", &script_path))
            .collect(),
        script: start.body.to_owned(),
        script_on_stdin: !own.args.iter().any(|it| it.contains("{}")),
        line_offset: start.body_line.saturating_sub(1),
        dumps: false,
        tells: false,
    };
    how.of(start)
}

// What depends on the interpreter.
pub(super) struct How {
    pub(super) program: String,
    pub(super) args: Vec<String>,
    pub(super) script: String,
    pub(super) script_on_stdin: bool,
    pub(super) line_offset: u32,
    pub(super) dumps: bool,
    pub(super) tells: bool,
}

impl How {
    pub(super) fn of(mut self, start: Start<'_>) -> Launch {
        // What becomes a file is not touched.
        if !self.tells && !self.script.ends_with('\n') {
            self.script.push('\n');
        }
        let terminal = start.terminal && !self.script_on_stdin;
        let settings = start.settings;
        Launch {
            step: start.step.clone(),
            nonce: start.nonce.to_owned(),
            program: self.program,
            args: self.args,
            env: start.env,
            cwd: start.cwd,
            user: start.user,
            stdin: settings.stdin.clone(),
            terminal,
            shell: false,
            script: self.script,
            script_on_stdin: self.script_on_stdin,
            line_offset: self.line_offset,
            dumps: self.dumps,
            tells: self.tells,
            timeout_ms: start.timeout.map(|it| it.as_millis() as u64),
            log: format!("output/{}-{}", start.step, start.attempt),
            secrets: start.secrets,
            // What is typed is seen among what it prints.
            private: settings.output_private || (terminal && !settings.record_echo),
            gives: start.gives,
        }
    }
}

// `-e` alone would end a step at `yes | head -1`: with pipefail the status is 141. So the ERR trap
// looks at the whole pipeline first; where only members before the last died of SIGPIPE it takes
// `-e` away for this one command, and a DEBUG trap gives it back before the next. In a command
// substitution bash itself drops `-e`, which `$-` tells, and the trap leaves those alone. What ends
// with 141 because its last pipeline was forgiven is forgiven too: a subshell, an assignment, and a
// function, which is told by the DEBUG trap having fired since for nothing but this trap's own first
// two commands. The first command that fails in earnest is remembered with its line, for the EXIT
// trap to leave behind.
const BASH_ERR: &str = r#"__runbook_err(){ case "$-${__runbook_off-}" in *e*|*X*);; *) return 0;; esac; local s=$1 l=$2 c=$3 p w=; shift 3; if [ $# -gt 1 ]; then if [ "${!#}" = 0 ]; then w=1; for p; do case $p in 0|141);; *) w=;; esac; done; fi; elif [ "$s" = 141 ]; then case "${__runbook_since-}:$c" in 2:*|*:\(*|*:*=*\$\(*|*:*=*\`*) w=1;; esac; fi; if [ -n "$w" ]; then __runbook_off=X __runbook_since=0; set +e; return 1; fi; if [ $# -gt 1 ]; then c="| $c"; fi; __runbook_line=$l __runbook_command=$c; case ${__runbook_off-} in X) exit "$s";; esac; return 0; }; "#;
const BASH_TRAPS: &str = r#"trap '__runbook_now=("$?" "$LINENO" "$BASH_COMMAND" "${PIPESTATUS[@]}"); trap - DEBUG; __runbook_err "${__runbook_now[@]}" || trap "set -e; __runbook_off=; case \$((++__runbook_since)) in 3) trap - DEBUG;; esac" DEBUG' ERR; trap __runbook_leave EXIT; "#;
// Only builtins: nothing is started at the end of a step. A pipeline that was forgiven and came last
// is what the step ends with: then it ends well. That it came last is told by the DEBUG trap, which
// has fired once since, for this very function.
const BASH_LEAVE: &str = r#"__runbook_leave(){ local s=$?; { printf "S\0%s\0%s\0%s\0" "${__runbook_line-}" "${__runbook_command-}" "$PWD"; export -p; } >/dev/fd/DUMP_FD 2>/dev/null; if [ "$s ${__runbook_since-} ${__runbook_line-}" = "141 1 " ]; then exit 0; fi; return 0; }; "#;

fn bash_prologue(strict: bool) -> String {
    let leave = BASH_LEAVE.replace("DUMP_FD", &DUMP_FD.to_string());
    let unset = strict_or_shared(strict);
    format!("exec {SCRIPT_FD}<&-; {BASH_ERR}{leave}{BASH_TRAPS}set -Ee{unset}o pipefail")
}

// A manual was written for one shell: what one of its pieces sets, exported or not, the next ones read.
const fn strict_or_shared(strict: bool) -> &'static str {
    if strict { "u" } else { "a" }
}

fn sh_prologue(pipefail: bool, strict: bool) -> String {
    let exit = exit_trap();
    let unset = strict_or_shared(strict);
    let pipefail = if pipefail { "; set -o pipefail" } else { "" };
    format!("{exit}set -e{unset}{pipefail}")
}

// In zsh the ZERR trap may take `errexit` away for good, because from then on it ends the step itself.
const ZSH_ERR: &str = r"__runbook_forgives() { (( $# > 1 && ${@[-1]} == 0 )) || return 1; local p; for p; do (( p == 0 || p == 141 )) || return 1; done; return 0; }; trap '__runbook_s=$? __runbook_p=($pipestatus); if __runbook_forgives $__runbook_p; then unsetopt errexit; __runbook_off=1; else __runbook_line=${(%):-%I}; if [[ -n ${__runbook_off-} ]]; then exit $__runbook_s; fi; fi' ZERR; ";
const ZSH_LEAVE: &str = r#"trap '__runbook_s=$?; { printf "S\0%s\0\0%s\0" "${__runbook_line-}" "$PWD"; export -p; } >/dev/fd/DUMP_FD 2>/dev/null; if [[ $__runbook_s == 141 && -n ${__runbook_off-} ]]; then exit 0; fi' EXIT; "#;

fn zsh_prologue(strict: bool) -> String {
    let leave = ZSH_LEAVE.replace("DUMP_FD", &DUMP_FD.to_string());
    let unset = if strict { " nounset" } else { " allexport" };
    format!("{ZSH_ERR}{leave}setopt errexit pipefail{unset}")
}

fn exit_trap() -> String {
    format!(
        r#"trap '{{ printf "S\0\0\0%s\0" "$PWD"; export -p; }} >/dev/fd/{DUMP_FD} 2>/dev/null' EXIT; "#
    )
}

// Runs the body as `__main__`, names the Markdown file and its lines in tracebacks, and leaves the
// environment behind, however the body ends.
const PYTHON: &str = r#"
import atexit, os, sys
with os.fdopen(SCRIPT_FD, "rb") as f:
    body = f.read()
name = sys.argv[1]
sys.argv = [name]
failed = ["", ""]
def leave():
    try:
        with open("/dev/fd/DUMP_FD", "wb") as f:
            head = ["0", failed[0], failed[1], os.getcwd()]
            f.write(b"".join(os.fsencode(it) + b"\0" for it in head))
            f.write(b"".join(k + b"=" + v + b"\0" for k, v in os.environb.items()))
    except OSError:
        pass
def explain(kind, error, trace):
    while trace and trace.tb_frame.f_code.co_filename != name:
        trace = trace.tb_next
    at = trace
    while at:
        if at.tb_frame.f_code.co_filename == name:
            failed[0] = str(at.tb_lineno)
        at = at.tb_next
    if isinstance(error, SyntaxError) and error.filename == name and error.lineno:
        failed[0] = str(error.lineno)
    failed[1] = kind.__name__
    sys.__excepthook__(kind, error, trace)
atexit.register(leave)
sys.excepthook = explain
exec(compile(body, name, "exec", dont_inherit=True), {"__name__": "__main__", "__builtins__": __builtins__})
"#;

// The prologue takes one line; a body never begins before line 2.
fn padding(body_line: u32) -> u32 {
    body_line.saturating_sub(1).clamp(1, MOST_PADDING)
}

/// Returns what is added to a line that an interpreter names, for a body that begins on this line of
/// the Markdown file; 0 for all but very long documents.
pub fn line_offset(body_line: u32) -> u32 {
    body_line.saturating_sub(padding(body_line) + 1)
}

/// Returns the line and the command that an interpreter named on stderr, where its end did not tell:
/// `/dev/fd/18: line 42: name: unbound variable`.
pub fn named_line(text: &str, offset: u32) -> Option<(u32, String)> {
    let marks = [format!("/dev/fd/{SCRIPT_FD}:"), "[stdin]:".to_owned()];
    text.lines().rev().find_map(|text| {
        let rest = marks
            .iter()
            .find_map(|mark| Some(text.split_once(mark.as_str())?.1))?;
        let rest = rest.trim_start();
        let rest = rest.strip_prefix("line ").unwrap_or(rest);
        let digits = rest.len()
            - rest
                .trim_start_matches(|it: char| it.is_ascii_digit())
                .len();
        let line: u32 = rest.get(..digits)?.parse().ok()?;
        let what = rest[digits..].trim_start_matches(':').trim();
        Some((line.saturating_add(offset), what.to_owned()))
    })
}

/// Returns whether `path` is a program of that name.
pub(super) fn is_named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|it| it == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_an_interpreter_names_is_found() {
        let bash = "x\n/dev/fd/18: line 42: name: unbound variable\n";
        assert_eq!(
            named_line(bash, 0),
            Some((42, "name: unbound variable".to_owned()))
        );
        let dash = "/dev/fd/18: 7: foo: not found";
        assert_eq!(
            named_line(dash, 100),
            Some((107, "foo: not found".to_owned()))
        );
        assert_eq!(
            named_line("[stdin]:12\n  boom()", 0),
            Some((12, String::new()))
        );
        assert_eq!(named_line("line 3: nothing of ours", 0), None);
    }
}
