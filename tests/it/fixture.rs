#![cfg(feature = "testing")]
//! A place of its own for each test: folder, state folder, cleared environment, fixed clock and
//! width. Starts the real program; fails the test that leaves a process behind.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use runbook::event::{Event, EventKind};
use runbook::host::clock::since_boot;
use runbook::host::process::{self, Process};
use runbook::state::State;
use runbook::store::folder::RunFolder;
use runbook::store::journal::read_journal;

/// No condition takes longer than this, on a machine that does something else besides.
const PATIENCE: Duration = Duration::from_secs(60);

/// Appends the step and its attempt to the ledger: the only proof that nothing ran twice.
pub const LEDGER: &str =
    r#"printf '%s %s\n' "$RUNBOOK_STEP_ID" "$RUNBOOK_ATTEMPT" >> "$LEDGER"; sync "$LEDGER""#;

/// A place of its own for one test.
pub struct Fixture {
    dir: tempfile::TempDir,
    tag: String,
    env: BTreeMap<OsString, OsString>,
    started: Cell<u32>,
    expected: RefCell<BTreeSet<i32>>,
}

/// What a command did.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code; the signal that ended it, negative.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it printed for diagnostics.
    pub stderr: String,
}

impl Outcome {
    /// Returns this outcome after checking its exit code.
    #[track_caller]
    pub fn code(self, wanted: i32) -> Self {
        assert_eq!(self.code, wanted, "{self}");
        self
    }

    /// Returns this outcome after checking that it says `text` on either stream.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let is_said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(is_said, "does not say `{text}`:\n{self}");
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        writeln!(f, "exit: {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

impl Fixture {
    /// Returns an empty place.
    pub fn new() -> Self {
        static SUBREAPER: Once = Once::new();
        SUBREAPER.call_once(|| {
            let me = rustix::process::getpid();
            rustix::process::set_child_subreaper(Some(me)).unwrap();
        });
        let dir = tempfile::Builder::new()
            .prefix("runbook-")
            .tempdir()
            .unwrap();
        let tag = dir.path().file_name().unwrap().to_str().unwrap().to_owned();
        fs::create_dir(dir.path().join("home")).unwrap();
        fs::create_dir(dir.path().join(".started")).unwrap();
        let fixture = Self {
            dir,
            tag,
            env: BTreeMap::new(),
            started: Cell::new(0),
            expected: RefCell::new(BTreeSet::new()),
        };
        let (home, state, ledger) = (
            fixture.path("home"),
            fixture.path("state"),
            fixture.path("ledger"),
        );
        let tag = fixture.tag.clone();
        fixture
            .env("PATH", path())
            .env("LANG", "C.UTF-8")
            .env("HOME", home)
            .env("COLUMNS", "80")
            .env("LEDGER", ledger)
            .env("RUNBOOK_STATE", state)
            .env("RUNBOOK_TEST_CLOCK", "1800000000")
            .env("RUNBOOK_TEST_TAG", tag)
    }

    /// Writes a file of the test.
    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.write(name, text);
        self
    }

    /// Writes a declared runbook `a.md` of these fences, each `info⏎body`; a ledger line comes
    /// first in each bash fence.
    pub fn steps(self, fences: &[(&str, &str)]) -> Self {
        let mut text = "---\nrunbook: 1\n---\n# Steps\n".to_owned();
        for (info, body) in fences {
            let ledger = if info.starts_with("bash") {
                format!("{LEDGER}\n")
            } else {
                String::new()
            };
            text.push_str(&format!("\n```{info}\n{ledger}{body}\n```\n"));
        }
        self.file("a.md", text)
    }

    /// Writes a file of the test.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Sets a variable for every command of the test.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Returns a path in the test's folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the text of a file of the test; empty where it is not there.
    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns a command of the program, to be run or started.
    pub fn command(&self, args: &[&str]) -> Invocation<'_> {
        Invocation {
            fixture: self,
            args: args.iter().map(Into::into).collect(),
            env: self.env.clone(),
            cwd: self.dir.path().to_owned(),
            stdin: Vec::new(),
            user: None,
        }
    }

    /// Runs the program and waits for its end.
    pub fn run(&self, args: &[&str]) -> Outcome {
        self.command(args).run()
    }

    /// Starts the program.
    pub fn spawn(&self, args: &[&str]) -> Running<'_> {
        self.command(args).spawn()
    }

    /// Returns the folders of the runs, oldest first.
    pub fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("state/runs")) else {
            return Vec::new();
        };
        let mut runs: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
        runs.sort();
        runs
    }

    /// Returns the folder of the only run.
    #[track_caller]
    pub fn folder(&self) -> PathBuf {
        let mut runs = self.runs();
        assert_eq!(runs.len(), 1, "one run is expected: {runs:?}");
        runs.remove(0)
    }

    /// Returns the events of the only run that are whole on the disk.
    #[track_caller]
    pub fn events(&self) -> Vec<Event> {
        let folder = RunFolder::open(&self.folder()).unwrap();
        read_journal(&folder).map_or_else(|_| Vec::new(), |it| it.events)
    }

    /// Returns what happened in the only run, without what the chain adds.
    #[track_caller]
    pub fn happened(&self) -> Vec<EventKind> {
        self.events().into_iter().map(|it| it.kind).collect()
    }

    /// Returns the kinds of the events of the only run, `step.finished` with step and verdict.
    #[track_caller]
    pub fn story(&self) -> Vec<String> {
        let told = |kind: &EventKind| match kind {
            EventKind::StepFinished { step, verdict, .. } => {
                format!("{step} {verdict:?}").to_lowercase()
            }
            EventKind::StepStarting(it) => format!("starting {} {}", it.step, it.attempt),
            EventKind::OperatorDecided { step, decision, .. } => {
                let step = step.as_ref().map_or("all", |it| it.as_str());
                format!("decided {step} {decision:?}").to_lowercase()
            }
            other => runbook::state::name(other).to_owned(),
        };
        self.happened().iter().map(told).collect()
    }

    /// Returns the fold of the journal of the only run.
    #[track_caller]
    pub fn state(&self) -> State {
        State::fold(&self.happened()).unwrap()
    }

    /// Returns the lines of the ledger as step and attempt.
    pub fn ledger(&self) -> Vec<(String, String)> {
        let text = self.read("ledger");
        text.lines()
            .map(|line| {
                let (step, nonce) = line.split_once(' ').unwrap();
                (step.to_owned(), nonce.to_owned())
            })
            .collect()
    }

    /// Returns how often `step` ran, by the ledger.
    pub fn times(&self, step: &str) -> usize {
        self.ledger().iter().filter(|it| it.0 == step).count()
    }

    /// Makes a FIFO.
    pub fn fifo(&self, name: &str) -> Fifo {
        let path = self.path(name);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        let cwd = rustix::fs::CWD;
        rustix::fs::mknodat(cwd, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        Fifo { path }
    }

    /// Waits until `condition` holds.
    #[track_caller]
    #[expect(
        clippy::unused_self,
        reason = "reads as what it is: the test waits for its fixture"
    )]
    pub fn until(&self, what: &str, condition: impl FnMut() -> bool) {
        assert!(holds(PATIENCE, condition), "never happened: {what}");
    }

    /// Waits until the ledger has `count` lines.
    #[track_caller]
    pub fn until_ledger(&self, count: usize) {
        self.until(&format!("{count} lines in the ledger"), || {
            self.ledger().len() >= count
        });
    }

    /// Returns the processes of this test that live: by its tag, its folder, or its arguments.
    pub fn processes(&self) -> Vec<Process> {
        let me = std::process::id() as i32;
        process::all()
            .into_iter()
            .filter(|it| it.pid != me && it.state != b'Z' && self.is_ours(it.pid))
            .collect()
    }

    /// Returns the living keepers of this test.
    pub fn keepers(&self) -> Vec<i32> {
        let is_keeper = |pid: i32| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|it| {
                it.split(|byte| *byte == 0)
                    .nth(1)
                    .is_some_and(|arg| arg == b"__keeper")
            })
        };
        // The next step's process, a child of the keeper, shares its command line until it becomes
        // its interpreter.
        let named = self.processes().into_iter().filter(|it| is_keeper(it.pid));
        let keepers = named.filter(|it| !is_keeper(it.parent));
        keepers.map(|it| it.pid).collect()
    }

    /// Waits until no process of this test lives but those that were expected to.
    #[track_caller]
    pub fn until_quiet(&self) {
        self.until("the processes of the test are gone", || {
            self.strays().is_empty()
        });
    }

    /// Says that the process may outlive the test, which ends it.
    pub fn expect(&self, pid: i32) {
        self.expected.borrow_mut().insert(pid);
    }

    /// Returns `text` with paths, ULIDs, hashes and process numbers replaced.
    pub fn normalise(&self, text: &str) -> String {
        let dir = self.dir.path().display().to_string();
        normalise(&text.replace(&dir, "[DIR]"))
    }

    fn strays(&self) -> Vec<Process> {
        let mut strays = self.processes();
        strays.retain(|it| !self.expected.borrow().contains(&it.pid));
        strays
    }

    fn is_ours(&self, pid: i32) -> bool {
        let holds = |name: &str| {
            fs::read(format!("/proc/{pid}/{name}"))
                .is_ok_and(|it| memchr::memmem::find(&it, self.tag.as_bytes()).is_some())
        };
        let cwd = fs::read_link(format!("/proc/{pid}/cwd"));
        holds("cmdline") || holds("environ") || cwd.is_ok_and(|it| it.starts_with(self.dir.path()))
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // A keeper ends by itself, soon after its engine.
        let patience = if std::thread::panicking() {
            Duration::ZERO
        } else {
            Duration::from_secs(10)
        };
        let is_quiet = holds(patience, || self.strays().is_empty());
        let strays = self.strays();
        for _ in 0..100 {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            for it in &left {
                let _ = process::kill(it.pid);
            }
        }
        reap_orphans();
        if std::thread::panicking() {
            let text = format!("ledger:\n{}", self.read("ledger"));
            #[expect(clippy::print_stdout, reason = "the harness shows it with what failed")]
            {
                println!("{text}");
            }
        } else {
            assert!(is_quiet, "the test left processes behind: {strays:?}");
        }
    }
}

/// A command that is not started yet.
pub struct Invocation<'a> {
    fixture: &'a Fixture,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    cwd: PathBuf,
    stdin: Vec<u8>,
    user: Option<(u32, u32)>,
}

impl<'a> Invocation<'a> {
    /// Runs it as this user and group; only root can.
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.user = Some((uid, gid));
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// Starts it in this folder of the test.
    pub fn within(mut self, folder: &str) -> Self {
        self.cwd = self.fixture.path(folder);
        self
    }

    /// Gives it this on standard input.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// Runs it and waits for its end.
    #[track_caller]
    pub fn run(self) -> Outcome {
        self.spawn().wait()
    }

    /// Starts it. Its output goes to files: who holds them open keeps nobody waiting.
    pub fn spawn(self) -> Running<'a> {
        let fixture = self.fixture;
        let number = fixture.started.get();
        fixture.started.set(number + 1);
        let place = |name: &str| fixture.path(format!(".started/{number}.{name}"));
        fs::write(place("in"), &self.stdin).unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "a test starts the program itself"
        )]
        let mut command = std::process::Command::new(if self.user.is_none() {
            PathBuf::from(super::pty::PROGRAM)
        } else {
            // The build folder may be closed to others.
            let copy = fixture.path(".started/runbook");
            if !copy.exists() {
                fs::copy(super::pty::PROGRAM, &copy).unwrap();
            }
            copy
        });
        command
            .args(&self.args)
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.cwd)
            .stdin(File::open(place("in")).unwrap())
            .stdout(File::create(place("out")).unwrap())
            .stderr(File::create(place("err")).unwrap());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        // SAFETY: `setsid` is async-signal-safe. Without a controlling terminal nobody is asked.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                Ok(())
            });
        }
        let child = spawn(&mut command);
        Running {
            child: Some(child),
            out: place("out"),
            err: place("err"),
            fixture,
        }
    }
}

/// A command that was started.
pub struct Running<'a> {
    child: Option<Child>,
    out: PathBuf,
    err: PathBuf,
    fixture: &'a Fixture,
}

impl Running<'_> {
    /// Returns its process number.
    pub fn pid(&self) -> i32 {
        self.child.as_ref().unwrap().id() as i32
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: a plain system call; the process is ours and not reaped yet.
        unsafe { libc::kill(self.pid(), signal) };
    }

    /// Returns what it has printed so far.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.out).unwrap()).into_owned()
    }

    /// Waits until it has printed `text`.
    #[track_caller]
    pub fn until_said(&self, text: &str) {
        let said = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).contains(text);
        let is_said = holds(PATIENCE, || said(&self.out) || said(&self.err));
        assert!(is_said, "never said `{text}`:\n{}", self.stdout());
    }

    /// Ends it as a power cut would, and waits for its end.
    pub fn kill(self) -> Outcome {
        self.signal(libc::SIGKILL);
        self.wait()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        let mut child = self.child.take().unwrap();
        let pid = child.id() as i32;
        let is_over = ends_within(pid, PATIENCE);
        if !is_over {
            let _ = child.kill();
        }
        let status = child.wait().unwrap();
        registry().remove(&pid);
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let outcome = Outcome {
            code: status
                .code()
                .unwrap_or_else(|| -status.signal().unwrap_or(0)),
            stdout: read(&self.out),
            stderr: read(&self.err),
        };
        assert!(is_over, "it does not end:\n{outcome}");
        reap_orphans();
        outcome
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            registry().remove(&(child.id() as i32));
            let what = self.fixture.dir.path().display();
            let is_forgotten = !std::thread::panicking();
            assert!(!is_forgotten, "a command of {what} was never waited for");
        }
    }
}

/// A barrier: who reads it waits for who writes it.
pub struct Fifo {
    path: PathBuf,
}

impl Fifo {
    /// Returns what to set `RUNBOOK_PAUSE` to, to wait here at `point`.
    pub fn pause(&self, point: &str) -> String {
        format!("{point}:{}", self.path.display())
    }

    /// Waits until somebody has said something here; returns what.
    pub fn hear(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    /// Lets who waits here go on; says whether somebody did wait.
    pub fn open(&self) -> bool {
        let mut options = File::options();
        options.write(true).custom_flags(libc::O_NONBLOCK);
        holds(PATIENCE, || match options.open(&self.path) {
            Ok(mut file) => std::io::Write::write_all(&mut file, b"go\n").is_ok(),
            Err(_) => false,
        })
    }
}

/// Waits until `condition` holds, for so long at most; returns whether it does.
pub fn holds(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let until = since_boot() + patience;
    let mut pause = Duration::from_micros(200);
    loop {
        if condition() {
            return true;
        }
        if since_boot() >= until {
            return false;
        }
        std::thread::park_timeout(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Says loudly that a test could not run here, unless `RUNBOOK_TEST_REQUIRE=all` makes that a
/// failure.
#[track_caller]
pub fn skip(because: &str) {
    let is_required = std::env::var("RUNBOOK_TEST_REQUIRE").is_ok_and(|it| it == "all");
    assert!(!is_required, "cannot run here: {because}");
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test").to_owned();
    // Past the harness, which keeps what a passing test prints to itself.
    let text = format!("SKIPPED {name}: {because}\n");
    let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
}

/// Returns where `program` is on the path of the tests.
pub fn which(program: &str) -> Option<PathBuf> {
    runbook::host::command::find(program, &path())
}

/// Runs a helper of the test itself and returns whether it succeeded.
pub fn helper(program: &str, args: &[&str]) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a helper of the test itself")]
    let mut command = std::process::Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    wait(spawn(&mut command)).success()
}

/// Returns `text` with ULIDs, hashes and process numbers replaced.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        let is_ulid = word.len() == 26
            && word
                .bytes()
                .all(|it| it.is_ascii_uppercase() || it.is_ascii_digit());
        let is_hash = word.len() == 64 && word.bytes().all(|it| it.is_ascii_hexdigit());
        let is_pid = !word.is_empty()
            && word.bytes().all(|it| it.is_ascii_digit())
            && (out.ends_with("process ") || out.ends_with("pid "));
        match (is_ulid, is_hash, is_pid) {
            (true, _, _) => out.push_str("[ULID]"),
            (_, true, _) => out.push_str("[HASH]"),
            (_, _, true) => out.push_str("[PID]"),
            _ => out.push_str(word),
        }
        word.clear();
    };
    for it in text.chars() {
        if it.is_ascii_alphanumeric() {
            word.push(it);
        } else {
            flush(&mut word, &mut out);
            out.push(it);
        }
    }
    flush(&mut word, &mut out);
    out
}

fn path() -> OsString {
    let usual = OsString::from("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let has_all = |path: &OsString| {
        ["bash", "python3", "node"]
            .iter()
            .all(|it| runbook::host::command::find(it, path).is_some())
    };
    if has_all(&usual) {
        return usual;
    }
    std::env::var_os("PATH").unwrap_or(usual)
}

fn ends_within(pid: i32, patience: Duration) -> bool {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let Ok(fd) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) else {
        return true;
    };
    let mut fds = [rustix::event::PollFd::new(
        &fd,
        rustix::event::PollFlags::IN,
    )];
    let timeout = rustix::event::Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: patience.subsec_nanos().into(),
    };
    rustix::event::poll(&mut fds, Some(&timeout)).unwrap() > 0
}

// The children that tests started and wait for themselves. All others came to this process because
// their parent died, and nobody else reaps them.
fn registry() -> MutexGuard<'static, BTreeSet<i32>> {
    static CHILDREN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a child that the caller waits for.
pub fn spawn(command: &mut std::process::Command) -> Child {
    let mut registry = registry();
    let child = command.spawn().unwrap();
    registry.insert(child.id() as i32);
    child
}

/// Waits for a child that [`spawn`] started.
pub fn wait(mut child: Child) -> std::process::ExitStatus {
    let pid = child.id() as i32;
    let status = child.wait().unwrap();
    registry().remove(&pid);
    status
}

/// Runs a child to its end and returns what it printed. Another test reaps whatever ended and nobody is
/// known to wait for.
pub fn output(command: &mut std::process::Command) -> Output {
    command.stdin(Stdio::null());
    let child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let pid = child.id() as i32;
    let output = child.wait_with_output().unwrap();
    registry().remove(&pid);
    output
}

fn reap_orphans() {
    let registry = registry();
    let me = std::process::id() as i32;
    for it in process::all() {
        if it.parent == me && it.state == b'Z' && !registry.contains(&it.pid) {
            // SAFETY: a plain system call on a child that nobody else waits for.
            unsafe { libc::waitpid(it.pid, std::ptr::null_mut(), libc::WNOHANG) };
        }
    }
}
