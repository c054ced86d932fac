#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! Steps that are handed the terminal, and shells in the environment of a step.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;

use super::pty::{Desk, PROGRAM, Pty};
use crate::fixture::{self, Fixture};

/// What nobody but the step is to see.
const CANARY: &str = "canary-7d1f0b4e-typed";

fn declared(fences: &str) -> (Desk, Pty) {
    let desk = Desk::new();
    desk.file("a.md", &format!("---\nrunbook: 1\n---\n# Talk\n\n{fences}"));
    let mut pty = desk.terminal(&["run", "a.md"]);
    pty.expect("[a]ll").expect(" > ").send("a\n");
    (desk, pty)
}

/// The same, with the terminal handed to the first step.
fn talking(fences: &str) -> (Desk, Pty) {
    let (desk, mut pty) = declared(fences);
    pty.expect("It wants a person")
        .expect("[r]un it here")
        .expect(" > ")
        .send("r\n");
    pty.expect("Ctrl-] twice comes back here.");
    (desk, pty)
}

/// Whether `text` stands in any file of the folder.
fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = fs::read(path).unwrap_or_default();
        memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    })
}

fn is_kept(desk: &Desk, text: &str) -> bool {
    holds(&desk.path().join("state"), text)
}

const ASKS: &str = r#"```bash {#ask interactive}
read -rsp "Passphrase: " phrase; echo
echo "it has ${#phrase} characters" | tee "$DESK/out"
```
"#;

#[test]
fn what_is_typed_into_a_step_is_neither_shown_nor_kept() {
    let (desk, mut pty) = talking(ASKS);
    pty.expect("Passphrase: ").send(&format!("{CANARY}\r"));
    pty.expect("it has 21 characters").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert!(!pty.screen().contains(CANARY));
    assert_eq!(desk.read("out"), "it has 21 characters\n");
    assert!(!is_kept(&desk, CANARY));
    // Not even what the step printed.
    assert!(!is_kept(&desk, "it has 21 characters"));
    assert!(desk.kept("transcript.md").contains("interactive"));
}

#[test]
fn a_step_on_a_terminal_fits_eighty_columns() {
    let (desk, mut pty) =
        declared("```bash {#ask interactive timeout=90s}\nread -rp \"Name: \" name\n```\n");
    pty.expect("[r]un it here").expect(" > ");
    pty.send("r\n").expect("Name: ");
    insta::assert_snapshot!("handed_over", desk.same(&pty.screen()));
    pty.send("ana\r").expect("passed");
    assert_eq!(pty.wait(), 0);
}

#[test]
fn with_record_echo_what_is_shown_is_kept_and_declared_secrets_are_masked() {
    let mut desk = Desk::new();
    desk.set("TOKEN", "hunter2-hunter2");
    desk.file(
        "a.md",
        "---\nrunbook: 1\ninputs: { token: { secret: true, from: \"env:TOKEN\" } }\n---\n# Talk\n\n\
         ```bash {#ask interactive record=echo}\necho \"the token is $token\"\nread -rp \"Name: \" name\n\
         echo \"hello $name\"\n```\n",
    );
    let mut pty = desk.terminal(&["run", "a.md", "--yes"]);
    pty.expect("the token is ***")
        .expect("Name: ")
        .send("ana\r");
    pty.expect("hello ana").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert!(!is_kept(&desk, "hunter2"));
    let log = desk.kept("output/ask-1.log");
    assert_eq!(log, "the token is ***\r\nName: ana\r\nhello ana\r\n");
}

// A signal that comes between a look and a wait is seen at once: it writes into the pipe that is waited for.
const SCREEN: &str = r#"```python {#screen interactive}
import os, select, signal, sys, tty
def draw(*_):
    size = os.get_terminal_size()
    sys.stdout.write(f"\x1b[2J\x1b[Hthe screen is {size.columns} by {size.lines}\r\n")
    sys.stdout.flush()
signal.signal(signal.SIGWINCH, draw)
sys.stdout.write("\x1b[?1049h\x1b[?25l")
tty.setraw(0)
wake, told = os.pipe()
os.set_blocking(told, False)
signal.set_wakeup_fd(told)
draw()
while True:
    ready = select.select([0, wake], [], [])[0]
    if wake in ready:
        os.read(wake, 9)
    if 0 in ready and os.read(0, 1) == b"q":
        break
```
"#;

#[test]
fn a_program_that_draws_the_whole_screen_follows_its_size_and_leaves_the_terminal_usual() {
    let (_desk, mut pty) = talking(SCREEN);
    pty.expect("the screen is 80 by 24");
    assert!(!pty.is_usual());
    pty.resize(100, 30).see("the screen is 100 by 30");
    pty.resize(40, 12).see("the screen is 40 by 12");
    // It ends without switching anything back.
    pty.send("q").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert!(pty.is_usual());
}

#[test]
fn ctrl_c_and_ctrl_z_are_the_steps() {
    let (desk, mut pty) = talking(
        "```python {#keys interactive}\nimport os, select, signal\ndef note(number, _):\n    \
         open(os.environ['DESK'] + '/out', 'a').write(signal.Signals(number).name + '\\n')\n    \
         print('heard', signal.Signals(number).name, flush=True)\nfor it in (signal.SIGINT, signal.SIGTSTP, signal.SIGQUIT):\n    \
         signal.signal(it, note)\nwake, told = os.pipe()\nos.set_blocking(told, False)\nsignal.set_wakeup_fd(told)\nprint('ready', flush=True)\nwhile True:\n    \
         ready = select.select([0, wake], [], [])[0]\n    if wake in ready:\n        os.read(wake, 9)\n    \
         if 0 in ready and os.read(0, 99) == b'enough\\n':\n        break\n```\n",
    );
    pty.expect("ready").ctrl('c').expect("heard SIGINT");
    pty.ctrl('z').expect("heard SIGTSTP");
    pty.send("\x1c").expect("heard SIGQUIT");
    pty.send("enough\r").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("out"), "SIGINT\nSIGTSTP\nSIGQUIT\n");
    let journal = desk.kept("journal.jsonl");
    assert!(!journal.contains(r#""kind":"signal""#), "{journal}");
}

#[test]
fn ctrl_c_ends_a_step_that_does_not_mind_it() {
    let (_desk, mut pty) =
        talking("```bash {#long interactive}\nsh -c 'echo ready; exec sleep 1000'\n```\n");
    pty.expect("ready").ctrl('c').expect("failed");
    pty.expect("[q]uit").expect(" > ").send("q\n");
    assert_eq!(pty.wait(), 3);
}

#[test]
fn twice_the_escape_brings_the_operator_back_and_the_step_goes_on() {
    let (_desk, mut pty) = talking(ASKS);
    pty.expect("Passphrase: ").ctrl(']').ctrl(']');
    pty.expect("Step `ask` goes on.")
        .expect("[d]etach > ")
        .send("w\n");
    // It is shown what stood there last.
    pty.expect("Passphrase: ").send("x\r");
    pty.expect("it has 1 characters").expect("passed");
    assert_eq!(pty.wait(), 0);
}

#[test]
fn a_killed_engine_leaves_the_step_and_resume_hands_the_terminal_over_again() {
    let (desk, mut pty) = talking(ASKS);
    pty.expect("Passphrase: ");
    pty.signal(Signal::KILL).hang_up();
    assert_eq!(pty.wait(), -9);
    // Nobody is here whom it could ask.
    let mut command = desk.command(PROGRAM);
    command
        .arg("resume")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = fixture::wait(fixture::spawn(&mut command));
    assert_eq!(status.code(), Some(3));
    let mut pty = desk.terminal(&["resume"]);
    pty.expect("The terminal goes to `ask`.")
        .expect("Passphrase: ")
        .send(&format!("{CANARY}\r"));
    pty.expect("it has 21 characters").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("out"), "it has 21 characters\n");
    assert!(!is_kept(&desk, CANARY));
    let starts = desk.kept("journal.jsonl").matches("step.starting").count();
    assert_eq!(starts, 1);
}

#[test]
fn a_whole_screen_is_drawn_anew_for_who_comes_back() {
    let (desk, mut pty) = talking(SCREEN);
    pty.expect("the screen is 80 by 24");
    pty.signal(Signal::KILL).hang_up();
    assert_eq!(pty.wait(), -9);
    let mut pty = desk.terminal(&["resume"]);
    pty.see("the screen is 80 by 24");
    assert!(!pty.is_usual());
    pty.send("q").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert!(pty.is_usual());
}

#[test]
fn whatever_ends_the_engine_gives_the_terminal_back_and_the_step_goes_on() {
    // `wait` looks whether the terminal is as it was.
    for (signal, code) in [
        (Signal::TERM, 3),
        (Signal::QUIT, -3),
        (Signal::ABORT, -6),
        (Signal::USR1, -10),
    ] {
        let (desk, mut pty) = talking(ASKS);
        pty.expect("Passphrase: ").signal(signal);
        assert_eq!(pty.wait(), code, "{signal:?}");
        let mut pty = desk.terminal(&["resume"]);
        pty.expect("Passphrase: ").send("x\r").expect("passed");
        assert_eq!(pty.wait(), 0);
    }
}

#[test]
fn without_a_terminal_it_is_refused_before_step_one() {
    let text = "---\nrunbook: 1\n---\n# A\n```bash {#first}\ntouch ran\n```\n```bash {#ask interactive}\nread -r x\n```\n\
                ```bash {#edit}\nnano notes.txt\n```\n";
    let fixture = Fixture::new().file("a.md", text);
    for args in [&["run", "a.md"][..], &["run", "a.md", "--yes"]] {
        fixture
            .run(args)
            .code(2)
            .says("step `ask`: it wants a person at the terminal")
            .says("step `edit`: it wants a person at the terminal")
            .says("hint: run it on a terminal");
    }
    assert!(!fixture.path("ran").exists());
    assert!(fixture.runs().is_empty());
}

#[test]
fn what_cannot_be_together_with_a_terminal_is_told() {
    for (info, told) in [
        (
            "interactive stdin=a.md",
            "its standard input is something else",
        ),
        ("interactive background", "it has no terminal"),
        (
            "record=echo",
            "`record` is said of a step that is `interactive`",
        ),
        ("interactive record=all", "`all` is none of echo"),
    ] {
        let text = format!("---\nrunbook: 1\n---\n# A\n```bash {{#x {info}}}\nread -r x\n```\n");
        Fixture::new()
            .file("a.md", text)
            .run(&["run", "a.md"])
            .code(2)
            .says(told);
    }
}

#[test]
fn its_time_is_shown_and_kept() {
    let (_desk, mut pty) =
        declared("```bash {#slow interactive timeout=1s}\nread -rp \"Name: \" name\n```\n");
    pty.expect("[r]un it here").expect(" > ").send("r\n");
    pty.expect("It is ended after 1.0s.");
    pty.expect("timed out").expect(" > ").send("q\n");
    assert_eq!(pty.wait(), 3);
}

#[test]
fn nothing_runs_beside_a_step_that_has_the_terminal() {
    let desk = Desk::new();
    desk.file(
        "a.md",
        "---\nrunbook: 1\n---\n# A\n```bash {#one needs=\"\"}\necho one >> \"$DESK/out\"\n```\n\
         ```bash {#talk needs=\"\" interactive}\necho in >> \"$DESK/out\"\nread -rp \"Name: \" name\necho out >> \"$DESK/out\"\n```\n\
         ```bash {#two needs=\"\"}\necho two >> \"$DESK/out\"\n```\n",
    );
    let mut pty = desk.terminal(&["run", "a.md", "--yes", "--jobs", "4"]);
    pty.expect("Name: ").send("ana\r").expect("passed");
    assert_eq!(pty.wait(), 0);
    let out = desk.read("out");
    assert!(out.contains("in\nout\n"), "{out}");
    assert_eq!(out.lines().count(), 4);
}

#[test]
fn how_a_step_ended_is_told_before_the_next_has_the_terminal() {
    let desk = Desk::new();
    desk.file(
        "a.md",
        "---\nrunbook: 1\n---\n# A\n```bash {#one interactive}\nread -rp \"First: \" x\n```\n\
         # B\n```bash {#two interactive}\nread -rp \"Second: \" x\nprintf '\\e[31mleft red'\n```\n",
    );
    let mut pty = desk.terminal(&["run", "a.md", "--yes"]);
    pty.expect("First: ").send("x\r");
    pty.expect("✓ 1/2 A")
        .expect("The terminal goes to `two`.")
        .expect("Second: ")
        .send("x\r");
    // What it left on a line of its own stays there, and its colour is over.
    pty.expect("left red\n").expect("✓ 2/2 B").expect("passed");
    assert_eq!(pty.wait(), 0);
}

#[test]
fn a_terminal_belongs_to_the_user_of_the_step() {
    if !rustix::process::getuid().is_root() {
        return fixture::skip("only root runs a step as another user");
    }
    let (_desk, mut pty) = talking(
        "```bash {#who interactive user=nobody cwd=/}\nread -rp \"$(id -un) on $(stat -c %U \"$(tty)\"): \" x < /dev/tty\n\
         echo \"opened by name\" > \"$(tty)\"\n```\n",
    );
    pty.expect("nobody on nobody: ").send("x\r");
    pty.expect("opened by name").expect("passed");
    assert_eq!(pty.wait(), 0);
}

/// A desk with an editor that asks for a line.
fn with_editor(text: &str) -> Desk {
    let mut desk = Desk::new();
    desk.script(
        "nano",
        "#!/bin/bash\nread -rp \"GNU nano $1: \" line\necho \"$line\" >> \"$DESK/out\"\n",
    );
    desk.set("PATH", format!("{}:/usr/bin:/bin", desk.path().display()));
    desk.file("manual.md", text);
    desk
}

#[test]
fn the_walk_offers_to_run_what_wants_a_person_here_and_nothing_endless() {
    let desk = with_editor(
        "# Settings\n\n```bash\nnano app.conf\n```\n\n```bash\ntail -f /var/log/app.log\n```\n",
    );
    let mut pty = desk.terminal(&["run", "manual.md", "Settings"]);
    pty.expect("It wants a person")
        .expect("[r]un it here")
        .expect(" > ");
    insta::assert_snapshot!("walked", desk.same(&pty.screen()));
    pty.send("\n").expect(" > ").send("r\n");
    pty.expect("GNU nano app.conf: ").send("port=80\r");
    pty.expect("It does not run as it stands")
        .expect(" > ")
        .send("r\n");
    pty.expect("is no answer here").expect(" > ").send("s\n");
    pty.expect("Why?").send("not now\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("out"), "port=80\n");
    assert!(!is_kept(&desk, "port=80"));
}

#[test]
fn after_a_failure_a_shell_opens_in_the_environment_of_the_step() {
    let (desk, mut pty) = declared(
        "```bash {#set}\nexport COLOUR=green\nmkdir below; cd below\n```\n\
         ```bash {#fails env=\"SIZE=9\"}\ntest -e mended\n```\n",
    );
    pty.expect("Step `fails` failed.")
        .expect("[sh]ell")
        .expect(" > ");
    insta::assert_snapshot!("shell_offered", desk.same(&pty.screen()));
    pty.send("sh\n")
        .expect("A shell in the environment of `fails`");
    pty.expect("(fails) $ ")
        .send("echo \"$COLOUR $SIZE ${PWD##*/}\" > \"$DESK/out\"; touch mended; echo dared-not-keep\r")
        .expect("dared-not-keep\n")
        .expect("(fails) $ ")
        .send("sh -c 'echo rea''dy; exec sleep 1000'\r")
        .expect("ready\n")
        .ctrl('c')
        .expect("(fails) $ ")
        .send("exit 4\r");
    pty.expect("Step `fails` failed.")
        .expect(" > ")
        .send("r\n")
        .expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("out"), "green 9 below\n");
    assert!(!is_kept(&desk, "dared-not-keep"));
    let transcript = desk.kept("transcript.md");
    for told in [
        "a shell in its environment: it ended with exit code 4",
        "a shell",
    ] {
        assert!(transcript.contains(told), "{transcript}");
    }
    let mut command = desk.command(PROGRAM);
    command.args(["verify", "last"]).stdout(Stdio::null());
    assert_eq!(fixture::wait(fixture::spawn(&mut command)).code(), Some(0));
}

#[test]
fn a_shell_ends_with_the_engine_and_the_run_can_be_resumed() {
    for signal in [Some(Signal::KILL), None] {
        let (desk, mut pty) = declared("```bash {#fails}\ntest -e \"$DESK/mended\"\n```\n");
        pty.expect("[sh]ell").expect(" > ").send("shell\n");
        pty.expect("(fails) $ ").send("echo $$ > \"$DESK/shell\"\r");
        pty.expect("(fails) $ ");
        if let Some(signal) = signal {
            pty.signal(signal).hang_up();
            assert_eq!(pty.wait(), -9);
        } else {
            // By hand: the shell is told to end, and the question comes back.
            pty.ctrl(']').ctrl(']');
            pty.expect("Step `fails` failed.").expect(" > ").send("q\n");
            assert_eq!(pty.wait(), 3);
        }
        let shell: i32 = desk.read("shell").trim().parse().unwrap();
        assert!(fixture::holds(std::time::Duration::from_secs(20), || {
            runbook::host::process::look(shell).is_none()
        }));
        // The keeper of that session is gone: a shell has one made.
        let mut pty = desk.terminal(&["resume"]);
        pty.expect("Step `fails` failed.")
            .expect("[sh]ell")
            .expect(" > ")
            .send("sh\n");
        pty.expect("(fails) $ ")
            .send("touch \"$DESK/mended\"; exit\r");
        pty.expect("Step `fails` failed.")
            .expect(" > ")
            .send("r\n")
            .expect("passed");
        assert_eq!(pty.wait(), 0);
    }
}

#[test]
fn the_end_of_a_shell_that_an_engine_left_behind_is_not_taken_for_that_of_the_next() {
    let mut desk = Desk::new();
    desk.set("RUNBOOK_TEST_GRACE_MS", "60000");
    desk.file(
        "a.md",
        "---\nrunbook: 1\n---\n# Talk\n\n```bash {#fails}\ntest -e \"$DESK/mended\"\n```\n",
    );
    let mut pty = desk.terminal(&["run", "a.md"]);
    pty.expect("[a]ll").expect(" > ").send("a\n");
    pty.expect("[sh]ell").expect(" > ").send("sh\n");
    pty.expect("(fails) $ ")
        .send("trap '' HUP TERM; echo $$ > \"$DESK/shell\"; echo is\"\"deaf\r");
    pty.expect("isdeaf").expect("(fails) $ ");
    pty.signal(Signal::KILL).hang_up();
    assert_eq!(pty.wait(), -9);
    let shell: i32 = desk.read("shell").trim().parse().unwrap();
    let mut pty = desk.terminal(&["resume"]);
    pty.expect("[sh]ell").expect(" > ").send("sh\n");
    pty.expect("(fails) $ ");
    runbook::host::process::kill(shell).unwrap();
    // The keeper lets go of the terminal of the first as it tells that it ended.
    pty.send(
        "while [ \"$(ls -l /proc/$PPID/fd | grep -c ptmx)\" -gt 2 ]; do :; done; \
         touch \"$DESK/mended\"; exit\r",
    );
    pty.expect("Step `fails` failed.")
        .expect(" > ")
        .send("r\n")
        .expect("passed");
    assert_eq!(pty.wait(), 0);
    assert!(!desk.kept("journal.jsonl").contains("ended by signal"));
}
