#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! Shift handover: another user of the same machine goes on with a run. Needs root, to make two
//! real users and a group; says so where it is not, and fails there under `RUNBOOK_TEST_REQUIRE=all`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use runbook::host::process;
use rustix::process::Signal;

use super::pty::{Desk, Gate, PROGRAM, Pty};
use crate::fixture;

const RUNBOOK: &str = r#"---
runbook: 1
title: Night shift
---
# First
```bash {#first effect=changes}
echo "first $(id -u)" >> "$DESK/ledger"
```
# Slow
```bash {#slow effect=changes}
echo "before the gate"
read -r _ < "$DESK/gate"
echo "slow $(id -u)" >> "$DESK/ledger"
```
# Last
```bash {#last effect=changes}
echo "last $(id -u)" >> "$DESK/ledger"
```
"#;

// The user database has one lock.
static DATABASE: Mutex<()> = Mutex::new(());

/// Two users of a group, one who is not in it, and a state folder that the group shares.
struct Shift {
    desk: Desk,
    gate: Gate,
    program: PathBuf,
    users: Users,
}

struct Users {
    group: String,
    names: Vec<String>,
    _guard: MutexGuard<'static, ()>,
}

impl Users {
    fn add() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let guard = DATABASE.lock().unwrap_or_else(PoisonError::into_inner);
        let stem = format!("rbt{}", std::process::id());
        let group = format!("{stem}g");
        let mut users = Self {
            group: group.clone(),
            names: Vec::new(),
            _guard: guard,
        };
        admin(&["groupadd", &group])?;
        for (letter, is_member) in [("a", true), ("b", true), ("c", false)] {
            let name = format!("{stem}{letter}");
            let mut line = vec!["useradd", "--no-create-home", "--shell", "/bin/sh"];
            if is_member {
                line.extend(["--groups", &group]);
            }
            line.push(&name);
            admin(&line)?;
            users.names.push(name);
        }
        Some(users)
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = admin(&["userdel", name]);
        }
        let _ = admin(&["groupdel", &self.group]);
    }
}

fn admin(line: &[&str]) -> Option<()> {
    runbook::host::command::find(line[0], &std::env::var_os("PATH")?)?;
    #[expect(clippy::disallowed_methods, reason = "a test is no engine")]
    let mut command = Command::new(line[0]);
    let output = fixture::output(command.args(&line[1..]));
    output.status.success().then_some(())
}

impl Shift {
    /// Returns `None`, and says so, where users cannot be made.
    fn new() -> Option<Self> {
        let Some(users) = Users::add() else {
            let required = std::env::var("RUNBOOK_TEST_REQUIRE").is_ok_and(|it| it == "all");
            assert!(!required, "a shift handover is tested as root only");
            // Past the test runner, which keeps what a passing test prints to itself.
            let told = b"SKIPPED: a shift handover is tested as root, who can make users\n";
            let _ = rustix::io::write(rustix::stdio::stderr(), told);
            return None;
        };
        let mut desk = Desk::new();
        desk.file("night.md", RUNBOOK);
        let gate = desk.gate("gate");
        fs::set_permissions(desk.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // The build folder may be closed to others.
        let program = desk.install(Path::new(PROGRAM), "runbook");
        fs::set_permissions(desk.path().join("gate"), fs::Permissions::from_mode(0o666)).unwrap();
        let ledger = desk.file("ledger", "");
        fs::set_permissions(ledger, fs::Permissions::from_mode(0o666)).unwrap();
        let shared = desk.path().join("shared");
        fs::create_dir(&shared).unwrap();
        let group = group_id(&users.group);
        chown(&shared, Some(0), Some(group)).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o2770)).unwrap();
        desk.set("HOME", "/");
        Some(Self {
            desk,
            gate,
            program,
            users,
        })
    }

    fn name(&self, user: usize) -> &str {
        &self.users.names[user]
    }

    fn uid(&self, user: usize) -> u32 {
        numbers("/etc/passwd", self.name(user))
    }

    /// Returns the program as this user would start it.
    fn command(&self, user: usize, args: &[&str]) -> Command {
        let mut command = self.desk.command("setpriv");
        let name = self.name(user);
        let primary = numbers("/etc/group", name).to_string();
        command
            .args(["--reuid", name, "--regid", &primary, "--init-groups"])
            .arg(&self.program)
            .args(args)
            .env("RUNBOOK_STATE", self.desk.path().join("shared"))
            .env("USER", name);
        command
    }

    fn run(&self, user: usize, args: &[&str]) -> Output {
        fixture::output(&mut self.command(user, args))
    }

    fn terminal(&self, user: usize, args: &[&str]) -> Pty {
        Pty::start(self.command(user, args))
    }

    fn folder(&self) -> PathBuf {
        let runs = self.desk.path().join("shared/runs");
        fs::read_dir(runs).unwrap().next().unwrap().unwrap().path()
    }

    fn ledger(&self) -> String {
        let mut text = self.desk.read("ledger");
        for user in [0, 1] {
            text = text.replace(&self.uid(user).to_string(), ["ana", "bob"][user]);
        }
        text
    }

    /// Both members can go on with whatever the other made.
    #[track_caller]
    fn is_shared_throughout(&self) {
        let group = group_id(&self.users.group);
        check_shared(&self.folder(), group);
    }
}

#[track_caller]
fn check_shared(path: &Path, group: u32) {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::symlink_metadata(path).unwrap();
    let (mode, name) = (metadata.mode() & 0o777, path.display());
    assert_eq!(metadata.gid(), group, "{name}");
    assert_eq!(
        mode & 0o007,
        0,
        "others have no business in {name}: {mode:o}"
    );
    assert_eq!(mode & 0o060, 0o060, "the group cannot use {name}: {mode:o}");
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            check_shared(&entry.unwrap().path(), group);
        }
    }
}

fn numbers(file: &str, name: &str) -> u32 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find(|it| it.split(':').next() == Some(name));
    line.unwrap().split(':').nth(2).unwrap().parse().unwrap()
}

fn group_id(name: &str) -> u32 {
    numbers("/etc/group", name)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn another_user_takes_a_stopped_run_over_and_is_recorded() {
    let Some(mut shift) = Shift::new() else {
        return;
    };
    let mut ana = shift.terminal(0, &["run", "night.md", "--yes", "--on-term=stop"]);
    ana.expect("before the gate").signal(Signal::TERM);
    assert_eq!(ana.wait(), 3);
    shift.is_shared_throughout();
    shift.gate.open();
    let bob = shift.run(1, &["resume", "--retry-failed"]);
    assert_eq!(bob.status.code(), Some(0), "{}", stderr(&bob));
    assert_eq!(shift.ledger(), "first ana\nslow bob\nlast bob\n");
    shift.is_shared_throughout();
    let journal = fs::read_to_string(shift.folder().join("journal.jsonl")).unwrap();
    let resumed = journal
        .lines()
        .find(|it| it.contains("run.resumed"))
        .unwrap();
    assert!(
        resumed.contains(&format!("\"user\":\"{}\"", shift.name(1))),
        "{resumed}"
    );
    let transcript = fs::read_to_string(shift.folder().join("transcript.md")).unwrap();
    for user in [0, 1] {
        assert!(transcript.contains(shift.name(user)), "{transcript}");
    }
    let told = String::from_utf8_lossy(&bob.stdout).into_owned();
    let over = format!("resumed by {}@", shift.name(1));
    assert!(
        told.contains(&over) && told.contains("who takes over from"),
        "{told}"
    );
    let verified = shift.run(1, &["verify", "last"]);
    assert_eq!(verified.status.code(), Some(0), "{}", stderr(&verified));
}

#[test]
fn a_running_step_ends_as_its_own_user_and_the_next_runs_as_who_attached() {
    let Some(mut shift) = Shift::new() else {
        return;
    };
    let mut ana = shift.terminal(0, &["run", "night.md", "--yes"]);
    ana.expect("before the gate").hang_up();
    assert_eq!(ana.wait(), 3);
    shift.is_shared_throughout();
    let mut bob = shift.terminal(1, &["resume"]);
    bob.expect("takes over from")
        .expect("the keeper and its step")
        .expect("before the gate");
    // While it is attached, ana can look on and say something.
    let note = shift.run(0, &["note", "last", "the gate sticks"]);
    assert_eq!(note.status.code(), Some(0), "{}", stderr(&note));
    bob.expect("the gate sticks");
    shift.gate.open();
    bob.expect("passed");
    assert_eq!(bob.wait(), 0);
    assert_eq!(shift.ledger(), "first ana\nslow ana\nlast bob\n");
    shift.is_shared_throughout();
}

#[test]
fn what_another_user_s_killed_engine_and_keeper_left_is_recovered() {
    let Some(shift) = Shift::new() else { return };
    let mut ana = shift.terminal(0, &["run", "night.md", "--yes"]);
    ana.expect("before the gate");
    let tag = shift.desk.path().display().to_string();
    for it in process::all() {
        let line = fs::read(format!("/proc/{}/cmdline", it.pid)).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("runbook") && line.contains(&tag) && !line.contains("setpriv") {
            process::kill(it.pid).unwrap();
        }
    }
    ana.wait();
    // The step lives on, as ana's: bob sees it, and cannot kill it.
    let headless = shift.run(1, &["resume"]);
    assert_eq!(headless.status.code(), Some(6), "{}", stderr(&headless));
    assert!(
        stderr(&headless).contains("lost its keeper"),
        "{}",
        stderr(&headless)
    );
    let mut bob = shift.terminal(1, &["resume"]);
    bob.expect("lost its keeper").expect(" > ").send("k\n");
    bob.expect("cannot kill")
        .expect(" > ")
        .send("w\n")
        .expect("waiting");
    let nonce = fs::read_to_string(shift.folder().join("journal.jsonl")).unwrap();
    let nonce = nonce.rsplit("\"nonce\":\"").next().unwrap()[..26].to_owned();
    for it in process::of_attempt(&nonce) {
        process::kill(it.pid).unwrap();
    }
    bob.expect("Nobody can know").expect(" > ").send("d\n");
    bob.expect("passed");
    assert_eq!(bob.wait(), 0);
    assert_eq!(shift.ledger(), "first ana\nlast bob\n");
    shift.is_shared_throughout();
}

#[test]
fn who_is_not_of_the_group_is_told_so() {
    let Some(shift) = Shift::new() else { return };
    let mut ana = shift.terminal(0, &["run", "night.md", "--yes", "--on-term=stop"]);
    ana.expect("before the gate").signal(Signal::TERM);
    ana.wait();
    for args in [
        &["resume"][..],
        &["history"],
        &["show", "last"],
        &["run", "night.md", "--yes"],
    ] {
        let outsider = shift.run(2, args);
        let told = stderr(&outsider);
        assert_eq!(outsider.status.code(), Some(4), "{args:?}: {told}");
        assert!(told.contains("ermission denied"), "{args:?}: {told}");
        assert!(told.contains("belongs to root"), "{args:?}: {told}");
    }
}

#[test]
fn a_run_of_root_is_hinted_at() {
    let Some(shift) = Shift::new() else { return };
    // Only where root's folder is there, or is hidden from others, can it be hinted at.
    let mut command = shift.command(2, &["resume"]);
    command.env("RUNBOOK_STATE", shift.desk.path().join("none"));
    let outsider = fixture::output(&mut command);
    let told = stderr(&outsider);
    assert_eq!(outsider.status.code(), Some(2), "{told}");
    assert!(told.contains("/root/.local/state/runbook"), "{told}");
}
