#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! The program on a real terminal: a pseudo-terminal of 80 columns and 24 rows, what is typed into
//! it, and what a person sees on it. Waits for what appears, never for time to pass.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use runbook::host::clock::since_boot;
use runbook::host::process;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal};
use rustix::termios::{Termios, Winsize};

use crate::fixture;

/// What the tests run.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_runbook");

/// Nothing that is waited for takes longer, on a machine that does something else besides.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of its own with a state folder and a cleared environment. Dropped, it fails the test
/// that leaves a process behind.
pub struct Desk {
    folder: tempfile::TempDir,
    environment: BTreeMap<OsString, OsString>,
}

impl Desk {
    /// Returns an empty desk.
    pub fn new() -> Self {
        // A folder whose name is always as long, so that screens are always the same.
        let folder = tempfile::Builder::new()
            .prefix("pty-")
            .tempdir_in("/tmp")
            .unwrap();
        let mut desk = Self {
            folder,
            environment: BTreeMap::new(),
        };
        let tag = desk.path().to_owned();
        for (name, value) in [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LANG", "C.UTF-8"),
            ("TERM", "xterm-256color"),
            ("RUNBOOK_TEST_CLOCK", "1800000000"),
            ("RUNBOOK_TEST_GRACE_MS", "300"),
        ] {
            desk.set(name, value);
        }
        desk.set("RUNBOOK_STATE", tag.join("state"));
        desk.set("HOME", &tag);
        desk.set("DESK", &tag);
        desk.set("RUNBOOK_TEST_TAG", &tag);
        desk
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Sets a variable for what is started from now on.
    pub fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.environment
            .insert(name.into(), value.as_ref().to_owned());
    }

    /// Writes a file.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes a program that the operator may start, an editor say.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let source = self.file(&format!("{name}.txt"), text);
        self.install(&source, name)
    }

    /// Copies a program to this desk.
    pub fn install(&self, source: &Path, name: &str) -> PathBuf {
        let path = self.path().join(name);
        // By another process: a child that another test forks meanwhile would hold the file open
        // for writing, and it could not be executed.
        let mut install = self.command("install");
        install.arg("-m755").arg(source).arg(&path);
        assert!(fixture::wait(fixture::spawn(&mut install)).success());
        path
    }

    /// Makes a gate that a step waits at: `read -r _ < "$DESK/NAME"`.
    pub fn gate(&self, name: &str) -> Gate {
        let path = self.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o666.into()).unwrap();
        // Open at both ends: neither we nor the step ever wait for the other to open it.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        Gate { file }
    }

    /// Returns a command that sees this desk and nothing else.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        #[expect(clippy::disallowed_methods, reason = "a test is no engine")]
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.path());
        command
    }

    /// Starts the program on a terminal.
    pub fn terminal(&self, args: &[&str]) -> Pty {
        let mut command = self.command(PROGRAM);
        command.args(args);
        Pty::start(command)
    }

    /// Returns the text of a file that the run left, by the end of its path.
    pub fn kept(&self, name: &str) -> String {
        let runs = self.path().join("state/runs");
        let run = fs::read_dir(runs).unwrap().next().unwrap().unwrap().path();
        fs::read_to_string(run.join(name)).unwrap_or_default()
    }

    /// Returns the text of a file; empty where there is none.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// Makes what differs from run to run the same, without moving anything.
    pub fn same(&self, screen: &str) -> String {
        let tag = self.path().display().to_string();
        let screen = screen.replace(&tag, "/tmp/pty-XXXXXX");
        let operator = runbook::host::machine::operator(false);
        let me = format!("{}@{}", operator.user, operator.host);
        let screen = screen.replace(&me, "ana@web1");
        let screen = same_processes(&screen);
        // Only where a person stands: a user may be called `nobody`, as in "nobody said".
        let screen = screen.replace(&format!("by {} ", operator.user), "by ana ");
        let screen = screen.replace(&format!("(by {},", operator.user), "(by ana,");
        let screen = screen.replace(&format!("    {} says", operator.user), "    ana says");
        same_ids(&screen)
    }

    // Processes that were started from here, directly or not.
    fn left(&self) -> Vec<process::Process> {
        let tag = self.path().as_os_str().as_encoded_bytes();
        let carries =
            |file: String| fs::read(file).is_ok_and(|it| memchr::memmem::find(&it, tag).is_some());
        let all = process::all().into_iter();
        all.filter(|it| it.state != b'Z')
            .filter(|it| {
                // The keeper's environment cannot be read by everybody; its arguments can.
                carries(format!("/proc/{}/environ", it.pid))
                    || carries(format!("/proc/{}/cmdline", it.pid))
            })
            .collect()
    }
}

// `goes on by itself: 4711 bash` names a process.
fn same_processes(text: &str) -> String {
    let mark = "goes on by itself: ";
    let Some((before, after)) = text.split_once(mark) else {
        return text.to_owned();
    };
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{mark}4711{after}")
}

fn same_ids(text: &str) -> String {
    let is_digit = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
    let mut same = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("01") {
        let length = rest[at..].find(|c| !is_digit(c)).unwrap_or(rest.len() - at);
        same.push_str(&rest[..at]);
        if length == 26 {
            same.push_str("01J9ZZZZZZZZZZZZZZZZZZZZZZ");
        } else {
            same.push_str(&rest[at..at + length]);
        }
        rest = &rest[at + length..];
    }
    same.push_str(rest);
    same
}

impl Drop for Desk {
    fn drop(&mut self) {
        let until = since_boot() + Duration::from_secs(10);
        let mut left = self.left();
        while let Some(it) = left.first() {
            // A keeper ends by itself a moment after its engine.
            if since_boot() > until {
                break;
            }
            let _ = wait_for(it.pid, Duration::from_millis(500));
            left = self.left();
        }
        for it in &left {
            let _ = process::kill(it.pid);
        }
        if !std::thread::panicking() {
            assert!(left.is_empty(), "processes were left behind: {left:?}");
        }
    }
}

/// A named pipe that is open at both ends.
pub struct Gate {
    file: File,
}

impl Gate {
    /// Lets one reader pass.
    pub fn open(&mut self) {
        self.file.write_all(b"go\n").unwrap();
    }

    /// Waits until a step writes a line into it, and returns the line.
    #[track_caller]
    pub fn hear(&mut self) -> String {
        let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
        let count = poll(&mut fds, Some(&timespec(PATIENCE))).unwrap();
        assert_eq!(count, 1, "nobody wrote into the pipe");
        let mut bytes = [0; 256];
        let count = self.file.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).trim().to_owned()
    }
}

/// A program on a pseudo-terminal of its own.
pub struct Pty {
    child: Child,
    master: Option<OwnedFd>,
    slave: OwnedFd,
    before: Termios,
    told: Arc<Told>,
    reader: Option<JoinHandle<()>>,
    stop: Option<OwnedFd>,
    /// How much of the text was expected already.
    at: usize,
}

#[derive(Default)]
struct Told {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    screen: vt100::Parser,
    parser: vte::Parser,
    text: Text,
}

/// All that was written, without its escape sequences.
#[derive(Default)]
struct Text {
    words: String,
    marks: usize,
    titles: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        let [rows, columns] = [24, 80].map(|it| NonZeroU16::new(it).unwrap());
        Self {
            screen: vt100::Parser::new(rows, columns, 1000),
            parser: vte::Parser::new(),
            text: Text::default(),
        }
    }
}

impl vte::Perform for Text {
    fn print(&mut self, c: char) {
        self.words.push(c);
    }

    fn execute(&mut self, byte: u8) {
        if byte == b'\n' {
            self.words.push('\n');
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        match params {
            [b"777", ..] => self.marks += 1,
            [_, title, ..] => self
                .titles
                .push(String::from_utf8_lossy(title).into_owned()),
            _ => {}
        }
    }
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, master: &OwnedFd, stop: &OwnedFd) {
        let mut bytes = [0; 4096];
        loop {
            let mut fds = [
                PollFd::new(master, PollFlags::IN),
                PollFd::new(stop, PollFlags::IN),
            ];
            if poll(&mut fds, None).is_err() {
                continue;
            }
            if !fds[1].revents().is_empty() {
                return;
            }
            let Ok(count) = rustix::io::read(master, &mut bytes) else {
                return;
            };
            let mut state = self.lock();
            let State {
                screen,
                parser,
                text,
            } = &mut *state;
            screen.process(&bytes[..count]);
            parser.advance(text, &bytes[..count]);
            self.changed.notify_all();
        }
    }
}

impl Pty {
    /// Starts `command` as the leader of a session whose terminal is a new one.
    pub fn start(mut command: Command) -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave: OwnedFd = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY | libc::O_CLOEXEC)
            .open(Path::new(name.to_str().unwrap()))
            .unwrap()
            .into();
        rustix::termios::tcsetwinsize(&master, size(80, 24)).unwrap();
        let before = rustix::termios::tcgetattr(&slave).unwrap();
        command
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave.try_clone().unwrap());
        // SAFETY: only system calls between fork and exec.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let child = fixture::spawn(&mut command);
        let told = Arc::new(Told::default());
        let (stopped, stop) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let (reading, theirs) = (Arc::clone(&told), master.try_clone().unwrap());
        let reader = std::thread::spawn(move || reading.read(&theirs, &stopped));
        Self {
            child,
            master: Some(master),
            slave,
            before,
            told,
            reader: Some(reader),
            stop: Some(stop),
            at: 0,
        }
    }

    /// Waits until `text` is written, after all that was expected before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> &mut Self {
        let at = self.at;
        let end = self.wait_until(text, |state| {
            let text_after = state.text.words.get(at..)?;
            text_after.find(text).map(|found| at + found + text.len())
        });
        self.at = end;
        self
    }

    /// Waits until a person sees `text`, wherever it stands.
    #[track_caller]
    pub fn see(&mut self, text: &str) -> &mut Self {
        self.wait_until(text, |state| {
            state
                .screen
                .screen()
                .contents()
                .contains(text)
                .then_some(())
        });
        self
    }

    /// Waits until what a person sees is as `is_so` says.
    #[track_caller]
    pub fn settled(&mut self, is_so: impl Fn(&str) -> bool) -> &mut Self {
        self.wait_until("another screen", |state| {
            is_so(state.screen.screen().contents().trim_end()).then_some(())
        });
        self
    }

    #[track_caller]
    fn wait_until<T>(&self, what: &str, is_there: impl Fn(&State) -> Option<T>) -> T {
        let until = since_boot() + PATIENCE;
        let mut state = self.told.lock();
        loop {
            if let Some(found) = is_there(&state) {
                return found;
            }
            let left = until.saturating_sub(since_boot());
            if left.is_zero() {
                let screen = state.screen.screen().contents();
                drop(state);
                panic!("waited for `{what}`; the screen shows:\n{screen}");
            }
            let woken = self.told.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Types `text`.
    pub fn send(&mut self, text: &str) -> &mut Self {
        let master = self.master.as_ref().expect("the terminal is there");
        rustix::io::write(master, text.as_bytes()).unwrap();
        self
    }

    /// Types a control character: `c` is Ctrl-C.
    pub fn ctrl(&mut self, letter: char) -> &mut Self {
        self.send(&char::from(letter as u8 & 0x1f).to_string())
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) -> &mut Self {
        let master = self.master.as_ref().expect("the terminal is there");
        let [wide, high] = [columns, rows].map(|it| NonZeroU16::new(it).unwrap());
        self.told.lock().screen.set_size(high, wide);
        rustix::termios::tcsetwinsize(master, size(columns, rows)).unwrap();
        self
    }

    /// Closes the terminal: its session gets SIGHUP.
    pub fn hang_up(&mut self) -> &mut Self {
        self.stop = None;
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.master = None;
        self
    }

    /// Sends a signal to the program.
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
        self
    }

    /// Returns what a person sees, once all that was written is shown.
    pub fn screen(&mut self) -> String {
        self.settle();
        let state = self.told.lock();
        let screen = state.screen.screen();
        let (rows, columns) = screen.size();
        let rows: Vec<String> = screen
            .rows(0, columns.get())
            .take(rows.get().into())
            .map(|row| row.trim_end().to_owned())
            .collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// Returns the titles that the terminal's window was given.
    pub fn titles(&mut self) -> Vec<String> {
        self.settle();
        self.told.lock().text.titles.clone()
    }

    /// Returns whether anything on the screen has a colour or is bold or faint.
    pub fn is_painted(&mut self) -> bool {
        self.settle();
        let state = self.told.lock();
        let screen = state.screen.screen();
        let (rows, columns) = screen.size();
        let mut cells = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |at| (row, at)));
        cells.any(|(row, at)| {
            screen
                .cell(row, at)
                .is_some_and(|it| it.bold() || it.dim() || it.fgcolor() != vt100::Color::Default)
        })
    }

    // What the program wrote stands before a mark that we write behind it.
    fn settle(&mut self) {
        if self.reader.is_none() {
            return;
        }
        let marks = self.told.lock().text.marks;
        rustix::io::write(&self.slave, b"\x1b]777;mark\x07").unwrap();
        self.wait_until("its end", |state| (state.text.marks > marks).then_some(()));
    }

    /// Returns whether the terminal is as it was before the program came.
    pub fn is_sane(&self) -> bool {
        let now = rustix::termios::tcgetattr(&self.slave).unwrap();
        format!("{now:?}") == format!("{:?}", self.before)
    }

    /// Returns whether the cursor is seen and the usual screen is shown.
    pub fn is_usual(&mut self) -> bool {
        self.settle();
        let state = self.told.lock();
        let screen = state.screen.screen();
        !screen.alternate_screen() && !screen.hide_cursor()
    }

    /// Waits for the program's end and returns its exit code; a signal's number is negative.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        let pid = Pid::from_child(&self.child).as_raw_nonzero().get();
        let ended = wait_for(pid, PATIENCE).is_ok();
        assert!(
            ended,
            "it does not end; the screen shows:\n{}",
            self.screen()
        );
        let status = self.child.wait().unwrap();
        if self.master.is_some() {
            assert!(self.is_sane(), "the terminal was not restored");
        }
        status
            .code()
            .unwrap_or_else(|| -status.signal().unwrap_or_default())
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.hang_up();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: time.as_secs() as i64,
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// Waits until the process is over.
fn wait_for(pid: i32, patience: Duration) -> io::Result<()> {
    let Some(pid) = Pid::from_raw(pid) else {
        return Ok(());
    };
    let fd = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    match poll(&mut fds, Some(&timespec(patience)))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}
