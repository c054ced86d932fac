#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! What an operator sees and does at a terminal, and what becomes of a step when the terminal, or
//! the operator, goes away.

use std::process::Command;

use insta::assert_snapshot;
use runbook::host::process;
use rustix::process::Signal;

use super::pty::{Desk, PROGRAM, Pty};
use crate::fixture;

/// As `GATED`, and prints nothing once its keeper may be gone: a pipe without a reader would end it.
const QUIET: &str = r#"---
runbook: 1
title: Quiet work
---
# Slow

```bash {#slow effect=changes}
echo "before the gate"
read -r _ < "$DESK/gate1"
echo past > "$DESK/out"
read -r _ < "$DESK/gate2"
echo slow >> "$DESK/ledger"
```

# After

```bash {#after effect=changes}
echo after >> "$DESK/ledger"
```
"#;

/// Three steps: one that reads, one that changes, one that destroys.
const THREE: &str = r#"---
runbook: 1
title: Respaldo del año
---
# Revisión

```bash {#look effect=reads}
echo "mirando la base de datos"
```

# データベースのバックアップ

```bash {#dump effect=changes}
echo "tabla 1"; echo dump >> "$DESK/ledger"
```

# 🚀 Limpieza

```bash {#drop effect=destroys}
echo drop >> "$DESK/ledger"
```
"#;

/// A step that waits at `gate1` and `gate2`, and tells `out` when it has passed.
const GATED: &str = r#"---
runbook: 1
title: Slow work
---
# Slow

```bash {#slow effect=changes}
echo "before the gate"
read -r _ < "$DESK/gate1"
echo "past the gate"; echo past > "$DESK/out"
read -r _ < "$DESK/gate2"
echo slow >> "$DESK/ledger"
```

# After

```bash {#after effect=changes}
echo after >> "$DESK/ledger"
```
"#;

fn three() -> (Desk, Pty) {
    let desk = Desk::new();
    desk.file("year.md", THREE);
    let pty = desk.terminal(&["run", "year.md"]);
    (desk, pty)
}

struct Gated {
    desk: Desk,
    gates: [super::pty::Gate; 2],
    out: super::pty::Gate,
}

impl Gated {
    fn new() -> Self {
        Self::of(GATED)
    }

    fn of(text: &str) -> Self {
        let desk = Desk::new();
        desk.file("slow.md", text);
        let gates = ["gate1", "gate2"].map(|name| desk.gate(name));
        let out = desk.gate("out");
        Self { desk, gates, out }
    }

    fn start(&self, more: &[&str]) -> Pty {
        let mut args = vec!["run", "slow.md", "--yes"];
        args.extend(more);
        let mut pty = self.desk.terminal(&args);
        pty.expect("before the gate");
        pty
    }

    /// The step passes its first gate: it was neither ended nor stopped.
    #[track_caller]
    fn goes_on(&mut self) {
        self.gates[0].open();
        assert_eq!(self.out.hear(), "past");
    }
}

/// Kills the keeper of the desk's run; its steps lose it.
fn kill_keeper(desk: &Desk) {
    let tag = desk.path().display().to_string();
    let is_keeper = |pid: i32| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|it| {
            let line = String::from_utf8_lossy(&it).into_owned();
            line.contains("__keeper") && line.contains(&tag)
        })
    };
    // Its twin too, that waits to become the next step.
    let all = process::all().into_iter();
    let keepers: Vec<_> = all.filter(|it| is_keeper(it.pid)).collect();
    assert!(!keepers.is_empty(), "no keeper lives");
    for it in keepers {
        process::kill(it.pid).unwrap();
    }
}

#[test]
fn the_plan_comes_before_the_question_and_all_titles_are_aligned() {
    let (desk, mut pty) = three();
    pty.expect("[q]uit > ");
    assert_snapshot!("plan", desk.same(&pty.screen()));
    pty.send("a\n")
        .expect("Type `drop` to run it")
        .expect(" > ");
    assert_eq!(desk.read("ledger"), "dump\n");
    pty.send("drop\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_snapshot!("passed", desk.same(&pty.screen()));
    assert_eq!(desk.read("ledger"), "dump\ndrop\n");
}

#[test]
fn enter_runs_only_a_step_that_reads_and_what_destroys_wants_its_id() {
    let (desk, mut pty) = three();
    pty.expect(" > ").send("s\n");
    pty.expect("[Enter] run").expect(" > ").send("\n");
    pty.expect("[r]un").expect(" > ").send("\n");
    pty.expect("Enter alone runs only a step that reads")
        .expect(" > ");
    assert_eq!(desk.read("ledger"), "");
    pty.send("r\n").expect("Type `drop`").expect(" > ");
    for wrong in ["y", "r", "", "dro"] {
        pty.send(&format!("{wrong}\n"))
            .expect("type its id")
            .expect(" > ");
    }
    assert_eq!(desk.read("ledger"), "dump\n");
    assert_snapshot!("destroys", desk.same(&pty.screen()));
    pty.send("drop\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("ledger"), "dump\ndrop\n");
}

#[test]
fn notes_are_kept_a_skip_wants_its_reason_and_quitting_leaves_the_run_resumable() {
    let (desk, mut pty) = three();
    pty.expect(" > ").send("s\n").expect("[n]ote").expect(" > ");
    pty.send("n\n")
        .expect("Note")
        .expect(" > ")
        .send("el disco está lleno 磁盘\n");
    pty.expect("[n]ote").expect(" > ").send("s\n");
    pty.expect("Why?").expect(" > ").send("\n");
    // Without a reason it is asked about again.
    pty.expect("[s]kip").expect(" > ").send("x\n");
    pty.expect("`x` is no answer here")
        .expect(" > ")
        .send("s\n");
    pty.expect("Why?").expect(" > ").send("nothing to see\n");
    pty.expect("nothing to see")
        .expect("[r]un")
        .expect(" > ")
        .send("q\n");
    assert_eq!(pty.wait(), 3);
    assert_snapshot!("quit", desk.same(&pty.screen()));
    let transcript = desk.kept("transcript.md");
    assert!(
        transcript.contains("el disco está lleno 磁盘"),
        "{transcript}"
    );
    assert!(transcript.contains("nothing to see"), "{transcript}");
    let mut pty = desk.terminal(&["resume"]);
    pty.expect("resumed")
        .expect("Run the 2 steps that are left?")
        .expect(" > ")
        .send("s\n")
        .expect("データベース")
        .expect("[r]un")
        .expect(" > ")
        .send("r\n");
    pty.expect("Type `drop`")
        .expect(" > ")
        .send("drop\n")
        .expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("ledger"), "dump\ndrop\n");
}

#[test]
fn a_plain_document_is_asked_about_step_by_step() {
    let desk = Desk::new();
    desk.file(
        "manual.md",
        "# Manual\n\n```bash\necho one >> \"$DESK/ledger\"\n```\n\n## Then\n\n```bash\n\
         echo two >> \"$DESK/ledger\"\n```\n",
    );
    let mut pty = desk.terminal(&["run", "manual.md"]);
    pty.expect("Which section").expect(" > ").send("a\n");
    pty.expect("[r]un").expect(" > ");
    assert_snapshot!("plain", desk.same(&pty.screen()));
    pty.send("r\n").expect("2/2 Then").expect(" > ");
    assert_eq!(desk.read("ledger"), "one\n");
    pty.send("s\n")
        .expect("Why?")
        .expect(" > ")
        .send("not today\n")
        .expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("ledger"), "one\n");
}

#[test]
fn a_confirmation_a_manual_item_and_a_placeholder_are_asked_about_whatever_was_agreed() {
    let mut desk = Desk::new();
    let editor = desk.script("editor", "#!/bin/sh\nsed -i 's/<PORT>/8080/' \"$1\"\n");
    desk.set("EDITOR", editor);
    desk.file(
        "ask.md",
        r#"---
runbook: 1
title: Questions
---
# Deploy
```bash {#deploy confirm="Is the maintenance page up?"}
echo deploy >> "$DESK/ledger"
```
- [ ] Tell the customers
# Listen
```bash {#listen effect=changes}
echo "listening on <PORT>" >> "$DESK/ledger"
```
"#,
    );
    let mut pty = desk.terminal(&["run", "ask.md", "--yes"]);
    pty.expect("Is the maintenance page up?")
        .expect("[y]es")
        .expect(" > ")
        .send("\n");
    pty.expect("[y]es").expect(" > ").send("y\n");
    pty.expect("Tell the customers")
        .expect("[d]one")
        .expect(" > ")
        .send("d\n");
    pty.expect("[e]dit").expect(" > ");
    assert_snapshot!("incomplete", desk.same(&pty.screen()));
    // As it stands it does not run, whatever is typed.
    pty.send("r\n").expect("no answer").expect(" > ");
    pty.send("e\n")
        .expect("+echo \"listening on 8080\"")
        .expect("[r]un")
        .expect(" > ");
    assert_snapshot!("edited", desk.same(&pty.screen()));
    pty.send("r\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("ledger"), "deploy\nlistening on 8080\n");
    let journal = desk.kept("journal.jsonl");
    assert!(journal.contains("step.edited") && journal.contains("-echo \\\"listening on <PORT>"));
    assert!(
        desk.kept("transcript.md")
            .contains("+echo \"listening on 8080\"")
    );
}

#[test]
fn an_editor_that_changes_nothing_or_fails_records_nothing() {
    let mut desk = Desk::new();
    let editor = desk.script(
        "editor",
        "#!/bin/sh\ntest -e \"$DESK/fails\" && exit 7; exit 0\n",
    );
    desk.set("EDITOR", editor);
    desk.file("year.md", THREE);
    let mut pty = desk.terminal(&["run", "year.md"]);
    pty.expect(" > ").send("s\n").expect("[e]dit").expect(" > ");
    pty.send("e\n").expect("Nothing was changed").expect(" > ");
    desk.file("fails", "");
    pty.send("e\n")
        .expect("cannot be used")
        .expect(" > ")
        .send("q\n");
    assert_eq!(pty.wait(), 3);
    assert!(!desk.kept("journal.jsonl").contains("step.edited"));
}

#[test]
fn what_destroys_wants_its_id_after_an_edit_and_for_a_retry_too() {
    let mut desk = Desk::new();
    let editor = desk.script(
        "editor",
        "#!/bin/sh\necho 'echo edited >> \"$DESK/ledger\"; test -e ready' > \"$1\"\n",
    );
    desk.set("EDITOR", editor);
    desk.file(
        "drop.md",
        "---\nrunbook: 1\n---\n# Drop\n```bash {#drop effect=destroys}\necho drop\n```\n",
    );
    let mut pty = desk.terminal(&["run", "drop.md", "--yes"]);
    pty.expect("Type `drop` to run it")
        .expect(" > ")
        .send("e\n");
    pty.expect("was edited")
        .expect("Type `drop` to run it")
        .expect(" > ")
        .send("r\n");
    pty.expect("It destroys").expect(" > ");
    assert_eq!(desk.read("ledger"), "");
    pty.send("drop\n")
        .expect("Type `drop` to retry it")
        .expect(" > ")
        .send("r\n");
    pty.expect("It destroys").expect(" > ");
    assert_eq!(desk.read("ledger"), "edited\n");
    desk.file("ready", "");
    pty.send("drop\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("ledger"), "edited\nedited\n");
}

#[test]
fn a_failure_shows_the_line_and_the_output_and_can_be_retried() {
    let desk = Desk::new();
    desk.file(
        "fail.md",
        "---\nrunbook: 1\n---\n# Restart\n```bash {#restart effect=changes}\n\
         echo \"deteniendo…\"\ntest -e \"$DESK/ready\"\necho fine\n```\n",
    );
    let mut pty = desk.terminal(&["run", "fail.md", "--yes"]);
    pty.expect("[r]etry").expect(" > ");
    assert_snapshot!("failed", desk.same(&pty.screen()));
    desk.file("ready", "");
    pty.send("r\n").expect("attempt 2").expect("passed");
    assert_eq!(pty.wait(), 0);
}

#[test]
fn after_a_failure_what_was_done_can_be_undone() {
    let desk = Desk::new();
    desk.file(
        "undo.md",
        "---\nrunbook: 1\n---\n# Do\n\n```bash {#do effect=changes}\necho do >> \"$DESK/ledger\"\n```\n\n\
         ```bash {#undo undo-of=do effect=changes}\necho undo >> \"$DESK/ledger\"\n```\n\n\
         # Fail\n\n```bash {#fail effect=changes}\nfalse\n```\n",
    );
    let mut pty = desk.terminal(&["run", "undo.md", "--yes"]);
    pty.expect("[u]ndo all").expect(" > ");
    pty.send("u\n")
        .expect("undoing what was done")
        .expect("undone: do");
    assert_eq!(pty.wait(), 1);
    assert_eq!(desk.read("ledger"), "do\nundo\n");
}

#[test]
fn the_first_ctrl_c_touches_nothing_the_second_interrupts_the_third_kills() {
    let mut desk = Desk::new();
    desk.set("RUNBOOK_TEST_GRACE_MS", "60000");
    let mut gate = desk.gate("gate1");
    let mut out = desk.gate("out");
    desk.file(
        "stubborn.md",
        r#"---
runbook: 1
title: Stubborn
---
# Stubborn
```bash {#stubborn effect=changes}
trap 'echo interrupted > "$DESK/out"' INT
echo waiting
while ! read -r _ < "$DESK/gate1"; do :; done
echo past > "$DESK/out"
while :; do read -r _ < "$DESK/gate1" || true; done
```
"#,
    );
    let mut pty = desk.terminal(&["run", "stubborn.md", "--yes"]);
    pty.expect("waiting").ctrl('c').expect("[d]etach > ");
    assert_snapshot!("menu", desk.same(&pty.screen()));
    gate.open();
    assert_eq!(out.hear(), "past");
    pty.ctrl('c').expect("the step is interrupted");
    assert_eq!(out.hear(), "interrupted");
    pty.ctrl('c')
        .expect("the step is killed")
        .expect("SIGKILL (9)");
    pty.expect("[r]etry").expect(" > ");
    assert_snapshot!("killed", desk.same(&pty.screen()));
    pty.send("q\n");
    assert_eq!(pty.wait(), 3);
}

#[test]
fn the_menu_waits_interrupts_kills_stops_after_and_detaches() {
    let mut gated = Gated::new();
    let mut pty = gated.start(&[]);
    pty.ctrl('c')
        .expect("[d]etach > ")
        .send("w\n")
        .expect("goes on waiting");
    gated.goes_on();
    // Having waited, the next Ctrl-C is a first one again.
    pty.ctrl('c')
        .expect("[d]etach > ")
        .send("s\n")
        .expect("stops after this step");
    gated.gates[1].open();
    pty.expect("steps are still to run");
    assert_eq!(pty.wait(), 3);
    assert_eq!(gated.desk.read("ledger"), "slow\n");

    for (key, word, exit) in [("i", "interrupted", 3), ("k", "killed", 3)] {
        let gated = Gated::new();
        let mut pty = gated.start(&[]);
        pty.ctrl('c')
            .expect("[d]etach > ")
            .send(&format!("{key}\n"))
            .expect(word);
        pty.expect("ended by the operator")
            .expect("[q]uit > ")
            .send("q\n");
        assert_eq!(pty.wait(), exit);
        assert_eq!(gated.desk.read("ledger"), "");
    }

    let mut gated = Gated::new();
    let mut pty = gated.start(&[]);
    pty.ctrl('c')
        .expect("[d]etach > ")
        .send("d\n")
        .expect("detached");
    assert_eq!(pty.wait(), 3);
    gated.goes_on();
    attach_and_finish(&mut gated);
}

/// Resumes on another terminal: the step is attached, and nothing starts twice.
fn attach_and_finish(gated: &mut Gated) {
    let mut pty = gated.desk.terminal(&["resume"]);
    pty.expect("the keeper and its step")
        .expect("past the gate");
    gated.gates[1].open();
    pty.expect("1/2").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(gated.desk.read("ledger"), "slow\nafter\n");
}

#[test]
fn a_lost_terminal_leaves_the_step_running_and_resume_shows_it_again() {
    let mut gated = Gated::new();
    let mut pty = gated.start(&[]);
    pty.hang_up();
    assert_eq!(pty.wait(), 3);
    gated.goes_on();
    attach_and_finish(&mut gated);
    assert!(
        gated
            .desk
            .kept("journal.jsonl")
            .contains(r#""name":"SIGHUP","action":"detach""#)
    );
}

#[test]
fn all_that_an_attached_step_printed_is_shown_with_v() {
    let mut gated = Gated::new();
    let mut pty = gated.start(&[]);
    pty.hang_up();
    pty.wait();
    gated.goes_on();
    let mut pty = gated.desk.terminal(&["resume", "-v"]);
    pty.expect("│ before the gate").expect("│ past the gate");
    gated.gates[1].open();
    pty.expect("passed");
    assert_eq!(pty.wait(), 0);
}

#[test]
fn sigterm_on_a_terminal_detaches() {
    let mut gated = Gated::new();
    let mut pty = gated.start(&[]);
    pty.signal(Signal::TERM).expect("detached");
    assert_eq!(pty.wait(), 3);
    gated.goes_on();
    attach_and_finish(&mut gated);
}

#[test]
fn on_term_stop_ends_the_step_on_a_terminal_too_even_while_the_menu_is_open() {
    for opens_menu in [false, true] {
        let gated = Gated::new();
        let mut pty = gated.start(&["--on-term=stop"]);
        if opens_menu {
            pty.ctrl('c').expect("[d]etach > ");
        }
        pty.signal(Signal::TERM).expect("the step is told to end");
        pty.expect("ended because the run was stopped");
        assert_eq!(pty.wait(), 3);
        assert_eq!(gated.desk.read("ledger"), "");
        if opens_menu {
            assert_snapshot!("stopped_at_the_menu", gated.desk.same(&pty.screen()));
        }
    }
}

/// The program as a job of a shell, which can stop it and go on with it.
fn job(desk: &Desk, line: &str) -> Pty {
    let mut shell = desk.command("bash");
    let script = format!("{line}; echo \"left $?\"; read -r _; fg; echo \"code $?\"");
    shell.args(["--norc", "--noprofile", "-m", "-c", &script]);
    Pty::start(shell)
}

#[test]
fn ctrl_z_stops_the_engine_while_the_step_goes_on() {
    let mut gated = Gated::new();
    let mut pty = job(&gated.desk, &format!("{PROGRAM} run slow.md --yes"));
    pty.expect("before the gate").ctrl('z').expect("left 148");
    assert!(pty.is_sane());
    gated.goes_on();
    pty.send("\n").expect("past the gate");
    gated.gates[1].open();
    pty.expect("passed").expect("code 0");
    assert_eq!(gated.desk.read("ledger"), "slow\nafter\n");
    pty.wait();
}

#[test]
fn after_ctrl_z_at_a_question_it_is_asked_again() {
    let desk = Desk::new();
    desk.file("year.md", THREE);
    let mut pty = job(&desk, &format!("{PROGRAM} run year.md"));
    pty.expect("[q]uit > ").ctrl('z').expect("left 148");
    pty.send("\n")
        .expect("Run all 3 steps?")
        .expect(" > ")
        .send("s\n");
    pty.expect("[q]uit > ").send("q\n").expect("code 3");
    pty.wait();
}

#[test]
fn ctrl_z_where_nobody_could_continue_us_does_not_hang() {
    let (_desk, mut pty) = three();
    // We lead the session: there is no shell behind us.
    pty.expect("[q]uit > ")
        .ctrl('z')
        .expect("Run all 3 steps?")
        .expect(" > ")
        .send("q\n");
    assert_eq!(pty.wait(), 3);
}

#[test]
fn what_was_typed_ahead_answers_nothing() {
    let mut gated = Gated::new();
    let mut pty = gated.desk.terminal(&["run", "slow.md"]);
    pty.expect(" > ")
        .send("s\n")
        .expect("[r]un")
        .expect(" > ")
        .send("r\n");
    pty.expect("before the gate").send("r\nr\nr\n");
    gated.goes_on();
    gated.gates[1].open();
    pty.expect("2/2 After").expect("[r]un").expect(" > ");
    pty.send("s\n")
        .expect("Why?")
        .expect(" > ")
        .send("no need\n")
        .expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(gated.desk.read("ledger"), "slow\n");
}

#[test]
fn ctrl_c_and_ctrl_d_at_a_question_leave_the_run_resumable() {
    for (key, questions) in [('c', 1), ('d', 1), ('c', 2), ('d', 2)] {
        let (desk, mut pty) = three();
        pty.expect(" > ");
        if questions == 2 {
            pty.send("s\n").expect("[Enter] run").expect(" > ");
        }
        pty.ctrl(key);
        assert_eq!(pty.wait(), 3);
        assert_eq!(desk.read("ledger"), "");
        let mut pty = desk.terminal(&["resume"]);
        pty.expect(" > ").send("q\n");
        assert_eq!(pty.wait(), 3);
    }
}

#[test]
fn inputs_are_asked_for_with_their_descriptions_and_before_a_run_is_opened() {
    let desk = Desk::new();
    desk.file(
        "input.md",
        "---\nrunbook: 1\ntitle: Inputs\ninputs:\n  version: { description: \"tag to deploy\" }\n  \
         where: { description: \"which cluster\", choices: [blue, green] }\n---\n# Deploy\n\
         ```bash {#deploy effect=changes}\necho \"$version $where\" >> \"$DESK/ledger\"\n```\n",
    );
    for key in ['c', 'd'] {
        let mut pty = desk.terminal(&["run", "input.md"]);
        pty.expect("version (tag to deploy): ")
            .ctrl(key)
            .expect("interrupted before");
        assert_eq!(pty.wait(), 130);
        assert!(!desk.path().join("state").exists(), "no run was opened");
    }
    let mut pty = desk.terminal(&["run", "input.md", "--yes"]);
    pty.expect("version (tag to deploy): ").send("v1.2\n");
    pty.expect("where (which cluster)")
        .expect("1  blue")
        .expect("2  green")
        .expect("1 to 2, or its letters: ")
        .send("red\n");
    pty.expect("cannot be `red`: it is one of: blue, green")
        .expect("or its letters: ")
        .send("1\n");
    pty.expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("ledger"), "v1.2 blue\n");
}

#[test]
fn a_wrong_value_is_asked_for_again_with_its_default_and_types_have_their_own_questions() {
    let desk = Desk::new();
    desk.file(
        "types.md",
        "---\nrunbook: 1\ninputs:\n  name: { pattern: '[a-z]+', default: shop }\n  \
         copies: { type: number, min: 1, max: 9 }\n  sure: { type: bool }\n  hosts: { type: list }\n  \
         db: { default: '{{ name }}-db' }\n---\n# A\n\
         ```bash {#a effect=changes}\necho \"$name $copies $sure $hosts $db\" >> \"$DESK/ledger\"\n```\n",
    );
    let mut pty = desk.terminal(&["run", "types.md", "--yes", "--set", "name=X1"]);
    pty.expect("input `name` cannot be `X1` (--set): it has to match the pattern `[a-z]+`")
        .expect("name [shop]: ")
        .send("\n");
    pty.expect("copies (1 to 9): ").send("12\n");
    pty.expect("cannot be `12`: it is at most 9")
        .expect("copies (1 to 9): ")
        .send("3\n");
    pty.expect("sure [y/n]: ").send("y\n");
    pty.expect("hosts (with commas between): ").send("\n");
    pty.expect("input `hosts` needs a value; Ctrl-C leaves")
        .expect("hosts (with commas between): ")
        .send("a, b\n");
    pty.expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("ledger"), "shop 3 true a\nb shop-db\n");
}

const HOSTILE: &str = r#"---
runbook: 1
title: Hostile
---
# Hostile
```bash {#hostile effect=changes}
printf '\033]0;pwned\007\033[2J\033[H✓ 2/2 forged  0.1s\r✓ 3/3 more\n'
printf '\033[9A\033[1G✓ 9/9 up\n\033[?1049h\033[31mred\033(0lqk\n'
printf '\u202eevil\u2066 bidi\n\x9b31mc1\n'
printf 'x%.0s' {1..300}; printf '✓\n'
printf '%80s✓ 1/1 wrapped\n' ''
printf 'half a line\033[10D✓'
read -r _ < "$DESK/gate1"
exit 3
```
"#;

#[test]
fn what_a_step_prints_cannot_leave_its_line_or_pass_for_ours() {
    for more in [&[][..], &["-v"][..]] {
        let desk = Desk::new();
        let mut gate = desk.gate("gate1");
        desk.file("hostile.md", HOSTILE);
        let mut args = vec!["run", "hostile.md", "--yes"];
        args.extend(more);
        let mut pty = desk.terminal(&args);
        pty.see("half a line").settled(|screen| {
            let last = screen.lines().last().unwrap_or_default().to_owned();
            last.contains("1/1 Hostile")
        });
        let live = pty.screen();
        assert_eq!(
            live.lines().filter(|it| it.contains("1/1 Hostile")).count(),
            if more.is_empty() { 1 } else { 2 }
        );
        gate.open();
        pty.expect("[r]etry").expect(" > ");
        let screen = pty.screen();
        for line in screen.lines().chain(live.lines()) {
            let forged = line.trim_start().starts_with('✓');
            assert!(!forged, "{screen}");
        }
        assert!(pty.titles().is_empty());
        let name = if more.is_empty() {
            "hostile"
        } else {
            "hostile_full"
        };
        assert_snapshot!(name, desk.same(&screen));
        pty.send("q\n");
        assert_eq!(pty.wait(), 3);
    }
}

#[test]
fn colours_obey_no_color() {
    let (_desk, mut pty) = three();
    pty.expect("[q]uit > ");
    assert!(pty.is_painted());
    pty.send("q\n").wait();
    let mut desk = Desk::new();
    desk.set("NO_COLOR", "1");
    desk.file("year.md", THREE);
    let mut pty = desk.terminal(&["run", "year.md"]);
    pty.expect("[q]uit > ").send("s\n").expect("[q]uit > ");
    assert!(!pty.is_painted());
    pty.send("q\n");
    assert_eq!(pty.wait(), 3);
    assert!(!pty.is_painted());
}

#[test]
fn silence_is_told_after_a_minute() {
    let mut gated = Gated::new();
    gated.desk.set("RUNBOOK_TEST_SKIP_S", "65");
    let mut pty = gated.desk.terminal(&["run", "slow.md", "--yes"]);
    pty.expect("1/2 Slow").expect("silent for 1m 0");
    gated.goes_on();
    gated.gates[1].open();
    assert_eq!(pty.wait(), 0);
}

#[test]
fn the_live_line_fits_a_window_that_becomes_narrow() {
    let mut gated = Gated::new();
    let mut pty = gated.start(&[]);
    pty.resize(30, 24);
    gated.goes_on();
    pty.expect("past");
    pty.settled(|screen| {
        let last = screen.lines().last().unwrap_or_default().to_owned();
        last.contains("1/2 Slow") && last.contains("past") && last.chars().count() < 30
    });
    gated.gates[1].open();
    assert_eq!(pty.wait(), 0);
}

#[test]
fn an_unknown_outcome_is_asked_about_and_a_decision_recorded() {
    for (key, decision, ledger) in [
        ("d\n", "done", "after\n"),
        ("r\n", "rerun", "slow\nafter\n"),
    ] {
        let mut gated = Gated::of(QUIET);
        let mut pty = gated.start(&[]);
        kill_keeper(&gated.desk);
        pty.expect("is gone");
        assert_eq!(pty.wait(), 6);
        // The step lives on without its keeper.
        gated.goes_on();
        let mut pty = gated.desk.terminal(&["resume"]);
        pty.expect("lost its keeper")
            .expect("[q]uit > ")
            .send("q\n");
        assert_eq!(pty.wait(), 6);
        let mut pty = gated.desk.terminal(&["resume"]);
        pty.expect("[k]ill them").expect(" > ").send("k\n");
        pty.expect("Nobody can know")
            .expect("[r]un again")
            .expect(" > ");
        assert_snapshot!("unknown", gated.desk.same(&pty.screen()));
        pty.send(key);
        if key == "r\n" {
            pty.expect("before the gate");
            gated.goes_on();
            gated.gates[1].open();
        }
        pty.expect("passed");
        assert_eq!(pty.wait(), 0);
        assert_eq!(gated.desk.read("ledger"), ledger);
        let journal = gated.desk.kept("journal.jsonl");
        assert!(journal.contains("attempt.unknown"), "{journal}");
        let decision = format!("\"decision\":\"{decision}\"");
        assert!(journal.contains(&decision), "{journal}");
    }
}

#[test]
fn orphans_are_waited_for() {
    let mut gated = Gated::of(QUIET);
    let mut pty = gated.start(&[]);
    kill_keeper(&gated.desk);
    pty.wait();
    let mut pty = gated.desk.terminal(&["resume"]);
    pty.expect("[w]ait for them")
        .expect(" > ")
        .send("w\n")
        .expect("waiting");
    gated.goes_on();
    gated.gates[1].open();
    pty.expect("Nobody can know").expect(" > ").send("d\n");
    pty.expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(gated.desk.read("ledger"), "slow\nafter\n");
}

fn ok(command: &mut Command) -> String {
    let output = fixture::output(command);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn others_follow_note_and_stop_a_run_from_another_terminal() {
    let mut gated = Gated::new();
    let mut pty = gated.start(&[]);
    let mut watcher = gated.desk.terminal(&["show", "-f", "last"]);
    watcher.expect("2 steps").expect("before the gate");
    ok(gated
        .desk
        .command(PROGRAM)
        .args(["note", "last", "the pager is quiet"]));
    pty.expect("note by").expect("the pager is quiet");
    watcher.expect("the pager is quiet");
    gated.goes_on();
    watcher
        .expect("past the gate")
        .ctrl('c')
        .expect("the run goes on");
    assert_eq!(watcher.wait(), 0);
    let said = ok(gated.desk.command(PROGRAM).args(["stop", "last"]));
    assert!(said.contains("its step is being ended"), "{said}");
    pty.expect("ended because the run was stopped");
    assert_eq!(pty.wait(), 3);
    assert_eq!(gated.desk.read("ledger"), "");
}

#[test]
fn a_stop_from_another_terminal_takes_an_open_question_back() {
    let (desk, mut pty) = three();
    pty.expect("[q]uit > ");
    ok(desk.command(PROGRAM).args(["stop", "last"]));
    assert_eq!(pty.wait(), 3);
    assert_eq!(desk.read("ledger"), "");
}
