//! The keeper's process: one thread that waits for its clients, its steps and the clock.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::event::{AttemptExited, EndedBy, Exit, Text};
use crate::host::clock::{self, Clock};
use crate::host::process::{self, Process};
use crate::host::terminal::Size;
use crate::host::{fault, held, storage};
use crate::redact::{Named, Texts};
use crate::store::StoreError;
use crate::store::attempts::{AttemptLog, Outcome};
use crate::store::folder::RunFolder;

use super::GRACE;
use super::child::{self, Child, Fault, Spare};
use super::dump;
use super::gives::{self, Printed};
use super::output::{OutputLog, Stream};
use super::protocol::{Ask, Ending, Frames, Launch, Say};
use super::terminal::{Line, Terminal};

/// The descriptor on which the engine that starts a keeper hands it the first connection.
pub(super) const ENGINE_FD: i32 = 3;

// After its leader is gone a step's pipes may be held by what it left behind: they are read until
// they have been quiet for this long …
const QUIET: Duration = Duration::from_millis(50);
// … but no longer than this.
const DRAIN: Duration = Duration::from_secs(1);
// How often processes that must die are looked for.
const HUNT: Duration = Duration::from_millis(20);
// An engine that hears of an end makes it durable itself, in its journal, before anybody is told. So
// the keeper's own sync may wait this long, while it prepares the next step; without an engine it
// does not wait at all.
const SYNC: Duration = Duration::from_millis(2);
// An environment larger than this is not read.
const LARGEST_DUMP: u64 = 8 << 20;
// What a program of ours tells of what it did.
const LONGEST_LINE: u64 = 8 << 10;

/// Runs the keeper of the run in `folder` until nothing is left to keep. Returns the exit code.
pub fn main(folder: &Path) -> u8 {
    fault::role("keeper");
    if let Some(parent) = rustix::process::getppid() {
        fault::peer(parent.as_raw_nonzero().get());
    }
    let Ok(folder) = RunFolder::open(folder) else {
        return 4;
    };
    let note = folder.path().join("keeper.panic");
    std::panic::set_hook(Box::new(move |panic| {
        let _ = std::fs::write(&note, held::concealed(panic.to_string()));
    }));
    // SAFETY: the engine that started this process put the connection there for it.
    let engine = unsafe { child::inherited(ENGINE_FD) };
    let _ = rustix::io::fcntl_setfd(&engine, rustix::io::FdFlags::CLOEXEC);
    let mut engine = Client {
        frames: Frames::new(engine),
        is_engine: true,
        is_gone: false,
    };
    match Keeper::new(folder) {
        Ok(mut keeper) => {
            let pid = std::process::id();
            if engine.frames.send(&Say::Ready { pid }, None).is_err() {
                return 0;
            }
            keeper.clients.push(engine);
            keeper.serve()
        }
        Err(error) => {
            let because = error.to_string();
            let _ = engine.frames.send(&Say::Broken { because }, None);
            let _ = engine.frames.flush_all();
            4
        }
    }
}

struct Client {
    frames: Frames,
    is_engine: bool,
    is_gone: bool,
}

struct Attempt {
    launch: Launch,
    secrets: Texts,
    child: Child,
    terminal: Option<Terminal>,
    out_open: bool,
    err_open: bool,
    status_open: bool,
    told: Vec<u8>,
    log: OutputLog,
    printed: Printed,
    released: Option<Duration>,
    started: Duration,
    deadline: Option<Duration>,
    ended_by: Option<EndedBy>,
    hunting: Option<Hunt>,
    leader: Option<Leader>,
    start_time: u64,
}

// All processes of an attempt are being ended.
struct Hunt {
    kill_at: Duration,
    next_look: Duration,
}

struct Leader {
    exit: Exit,
    at: Duration,
    last_output: Duration,
}

struct Keeper {
    folder: RunFolder,
    attempts: AttemptLog,
    clock: Clock,
    listener: OwnedFd,
    signals: OwnedFd,
    clients: Vec<Client>,
    running: Vec<Attempt>,
    spare: Option<Spare>,
    // Those of the last launch: the next has the same, as a rule.
    secrets: Texts,
    // Pipes of steps that are over, held open by what they left behind: read, so that it never
    // gets SIGPIPE, and thrown away.
    leftovers: Vec<OwnedFd>,
    // Lines on which the last word of a step is still to be shown.
    farewells: Vec<Line>,
    retiring: bool,
    broken: Option<String>,
    sync_at: Option<Duration>,
    buffer: Vec<u8>,
}

impl Keeper {
    fn new(folder: RunFolder) -> io::Result<Self> {
        let clock = Clock::from_environment();
        let attempts = AttemptLog::open(&folder, storage::from_environment(), clock)
            .map_err(io::Error::other)?;
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let signals = block_signals()?;
        let listener = listen(&folder)?;
        // After the socket is bound: what is not dumpable has no `/proc` of its own to bind through
        // on some kernels. From here on no core and no debugger sees a step's environment.
        let not_dumpable = rustix::process::DumpableBehavior::NotDumpable;
        let _ = rustix::process::set_dumpable_behavior(not_dumpable);
        Ok(Self {
            folder,
            attempts,
            clock,
            listener,
            signals,
            clients: Vec::new(),
            running: Vec::new(),
            spare: None,
            secrets: Texts::default(),
            leftovers: Vec::new(),
            farewells: Vec::new(),
            retiring: false,
            broken: None,
            sync_at: None,
            buffer: vec![0; 256 << 10],
        })
    }

    fn serve(&mut self) -> u8 {
        loop {
            self.finish();
            let has_engine = self.clients.iter().any(|it| it.is_engine);
            let is_needed = !self.running.is_empty() || !self.leftovers.is_empty();
            if !has_engine {
                self.sync();
                self.end_shells();
                self.farewells.clear();
            }
            if !is_needed && (self.retiring || !has_engine) {
                break;
            }
            if self.wait().is_err() {
                break;
            }
        }
        self.sync();
        let _ = std::fs::remove_file(self.folder.socket());
        for client in &mut self.clients {
            let _ = client.frames.flush_all();
        }
        u8::from(self.broken.is_some()) * 9
    }

    fn wait(&mut self) -> io::Result<()> {
        self.make_spare();
        let timeout = self
            .next_deadline()
            .map(|at| at.saturating_sub(clock::since_boot()));
        let ready = self.poll(timeout)?;
        for source in ready {
            match source {
                Source::Signals => self.read_signals(),
                Source::Listener => self.accept(),
                Source::Client(index) => self.serve_client(index),
                Source::Status(index) => self.running[index].read_status(),
                Source::Output(index, stream) => self.running[index].read(stream, &mut self.buffer),
                Source::Terminal(index) => self.running[index].serve_terminal(),
                Source::Leftover(index) => discard(&self.leftovers[index], &mut self.buffer),
                Source::Farewell => self.farewells.retain_mut(Line::flush),
            }
        }
        self.clients.retain(|client| !client.is_gone);
        self.look_at_clock();
        Ok(())
    }

    fn poll(&self, timeout: Option<Duration>) -> io::Result<Vec<Source>> {
        let mut sources = vec![Source::Signals, Source::Listener];
        let mut fds = vec![
            PollFd::new(&self.signals, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        for (index, client) in self.clients.iter().enumerate() {
            let behind = if client.frames.is_behind() {
                PollFlags::OUT
            } else {
                PollFlags::empty()
            };
            sources.push(Source::Client(index));
            fds.push(PollFd::from_borrowed_fd(
                client.frames.fd(),
                PollFlags::IN | behind,
            ));
        }
        for (index, attempt) in self.running.iter().enumerate() {
            let mut add = |events: PollFlags, fd: BorrowedFd<'_>, source: Source| {
                if !events.is_empty() {
                    sources.push(source);
                    // SAFETY: the descriptor belongs to `self`, which outlives the poll below.
                    let fd = unsafe { BorrowedFd::borrow_raw(fd.as_raw_fd()) };
                    fds.push(PollFd::from_borrowed_fd(fd, events));
                }
            };
            let read = |is_open: bool| {
                if is_open {
                    PollFlags::IN
                } else {
                    PollFlags::empty()
                }
            };
            let child = &attempt.child;
            let terminal = attempt.terminal.as_ref();
            let is_behind = attempt.leader.is_none() && terminal.is_some_and(Terminal::is_behind);
            add(
                read(attempt.out_open && !is_behind),
                child.stdout.as_fd(),
                Source::Output(index, Stream::Out),
            );
            add(
                read(attempt.err_open),
                child.stderr.as_fd(),
                Source::Output(index, Stream::Err),
            );
            // Its word that it passed the gate starts its timeout; without one it can wait.
            let waits = attempt.status_open && attempt.launch.timeout_ms.is_some();
            add(read(waits), child.status.as_fd(), Source::Status(index));
            if let Some((line, has_room, is_full)) = terminal.and_then(Terminal::line) {
                let mut events = read(has_room);
                events.set(PollFlags::OUT, is_full);
                add(events, line, Source::Terminal(index));
            }
            if let Some(input) = terminal.and_then(Terminal::input) {
                add(PollFlags::OUT, input, Source::Terminal(index));
            }
        }
        for line in &self.farewells {
            sources.push(Source::Farewell);
            fds.push(PollFd::from_borrowed_fd(line.fd(), PollFlags::OUT));
        }
        for (index, fd) in self.leftovers.iter().enumerate() {
            sources.push(Source::Leftover(index));
            fds.push(PollFd::new(fd, PollFlags::IN));
        }
        let timeout = timeout.map(|it| rustix::event::Timespec {
            tv_sec: it.as_secs() as i64,
            tv_nsec: it.subsec_nanos().into(),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = sources.into_iter().zip(&fds);
        Ok(ready
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|(source, _)| source)
            .collect())
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.running
            .iter()
            .flat_map(|attempt| {
                let hunt = attempt.hunting.as_ref().map(|it| it.next_look);
                let drain = attempt
                    .leader
                    .as_ref()
                    .filter(|_| attempt.hunting.is_none());
                let drain = drain.map(|it| (it.last_output + QUIET).min(it.at + DRAIN));
                [attempt.deadline, hunt, drain, attempt.index_due()]
            })
            .flatten()
            .chain(self.sync_at)
            .min()
    }

    fn look_at_clock(&mut self) {
        let now = clock::since_boot();
        if self.sync_at.is_some_and(|at| at <= now) {
            self.sync();
        }
        for index in 0..self.running.len() {
            if self.running[index].deadline.is_some_and(|at| at <= now) {
                self.running[index].deadline = None;
                self.end(index, Ending::Terminate, EndedBy::Timeout);
            }
            if self.running[index].index_due().is_some_and(|at| at <= now) {
                self.running[index].log.settle();
            }
            self.hunt(index, now);
        }
    }

    fn read_signals(&mut self) {
        let mut info = [0_u8; 128];
        while let Ok(count) = rustix::io::read(&self.signals, &mut info) {
            if count < info.len() {
                break;
            }
            let signal = u32::from_ne_bytes([info[0], info[1], info[2], info[3]]);
            if signal == libc::SIGTERM as u32 {
                for index in 0..self.running.len() {
                    self.end(index, Ending::Terminate, EndedBy::Stop);
                }
                self.retiring = true;
            }
        }
        self.reap();
    }

    fn reap(&mut self) {
        loop {
            let mut status = 0;
            // SAFETY: `status` is valid; the keeper is the only one in this process that waits.
            let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
            if pid <= 0 {
                return;
            }
            let exit = if libc::WIFSIGNALED(status) {
                Exit::Signal(libc::WTERMSIG(status))
            } else {
                Exit::Code(libc::WEXITSTATUS(status))
            };
            if let Some(spare) = self.spare.as_mut().filter(|it| it.pid() == pid) {
                spare.reaped();
                self.spare = None;
            }
            if let Some(attempt) = self.running.iter_mut().find(|it| it.child.pid == pid) {
                attempt.child.reaped();
                let now = clock::since_boot();
                attempt.leader = Some(Leader {
                    exit,
                    at: now,
                    last_output: now,
                });
                attempt.deadline = None;
            }
        }
    }

    fn accept(&mut self) {
        let flags = SocketFlags::CLOEXEC;
        let Ok(socket) = rustix::net::accept_with(&self.listener, flags) else {
            return;
        };
        // The folder's permissions let others of its group in; anybody else has no business here.
        let is_shared = std::fs::metadata(self.folder.path()).is_ok_and(|it| {
            std::os::unix::fs::PermissionsExt::mode(&it.permissions()) & 0o020 != 0
        });
        let me = rustix::process::getuid();
        let peer = rustix::net::sockopt::socket_peercred(&socket);
        if peer.is_ok_and(|it| it.uid == me || it.uid.is_root() || is_shared) {
            self.clients.push(Client {
                frames: Frames::new(socket),
                is_engine: false,
                is_gone: false,
            });
        }
    }

    fn serve_client(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let alive = client.frames.flush().is_ok() && client.frames.fill().unwrap_or(false);
        loop {
            match self.clients[index].frames.message::<Ask>() {
                Ok(Some(ask)) => self.answer(index, ask),
                Ok(None) => break,
                Err(_) => {
                    self.clients[index].is_gone = true;
                    return;
                }
            }
        }
        self.clients[index].is_gone = !alive;
    }

    fn answer(&mut self, index: usize, ask: Ask) {
        match ask {
            Ask::Prepare(launch) => {
                let (say, gate) = match self.broken.clone() {
                    None => self.prepare(*launch),
                    Some(because) => (
                        Say::Refused {
                            nonce: launch.nonce,
                            because,
                        },
                        None,
                    ),
                };
                let gate = gate.as_ref().map(AsFd::as_fd);
                // A client that is gone is noticed when it is read; its gate closes with ours.
                let _ = self.clients[index].frames.send(&say, gate);
            }
            Ask::End { nonce, ending, by } => {
                if let Some(at) = self.running.iter().position(|it| it.launch.nonce == nonce) {
                    self.end(at, ending, by);
                }
            }
            Ask::Terminal { nonce, size } => self.open_line(index, nonce, size),
            Ask::Resize { nonce, size } => {
                let attempt = self.running.iter().find(|it| it.launch.nonce == nonce);
                if let Some(terminal) = attempt.and_then(|it| it.terminal.as_ref()) {
                    terminal.resize(size);
                }
            }
            Ask::Attach => {
                self.clients[index].is_engine = true;
                let nonces = self
                    .running
                    .iter()
                    .filter(|it| !it.launch.shell)
                    .map(|it| it.launch.nonce.clone())
                    .collect();
                let uid = rustix::process::getuid().as_raw();
                self.say(index, &Say::Holding { nonces, uid });
            }
            Ask::Tell(message) => {
                let stop = matches!(message, super::protocol::Message::Stop { .. });
                let running = !self.running.is_empty();
                let heard = self.tell_engines(&Say::Told(message));
                if stop {
                    for at in 0..self.running.len() {
                        self.end(at, Ending::Terminate, EndedBy::Stop);
                    }
                }
                self.say(index, &Say::Passed { heard, running });
            }
            Ask::Retire => self.retiring = true,
        }
    }

    fn open_line(&mut self, index: usize, nonce: String, size: Size) {
        let mut running = self.running.iter_mut();
        let attempt = running.find(|it| it.launch.nonce == nonce);
        let terminal = attempt.and_then(|it| it.terminal.as_mut());
        let line = terminal.and_then(|it| it.attach(size).ok());
        let there = line.is_some();
        let say = Say::Terminal { nonce, there };
        // A client that is gone is noticed when it is read.
        let line = line.as_ref().map(AsFd::as_fd);
        let _ = self.clients[index].frames.send(&say, line);
    }

    // A shell is the operator's, and goes with the engine.
    fn end_shells(&mut self) {
        for at in 0..self.running.len() {
            if self.running[at].launch.shell && self.running[at].hunting.is_none() {
                self.end(at, Ending::Terminate, EndedBy::End);
            }
        }
    }

    fn say(&mut self, index: usize, say: &Say) {
        // A client that is gone is noticed when it is read.
        let _ = self.clients[index].frames.send(say, None);
    }

    fn tell_engines(&mut self, say: &Say) -> bool {
        let mut heard = false;
        for client in self.clients.iter_mut().filter(|it| it.is_engine) {
            heard |= client.frames.send(say, None).is_ok();
        }
        heard
    }

    fn prepare(&mut self, launch: Launch) -> (Say, Option<OwnedFd>) {
        let nonce = launch.nonce.clone();
        if self.secrets.secrets() != launch.secrets {
            self.secrets = Texts::new(launch.secrets.clone());
            held::conceal(&self.secrets);
        }
        let (terminal, (child, identity, gate)) = match self.hold(&launch) {
            Ok(held) => held,
            Err(error) => {
                let because = error.to_string();
                return (Say::Refused { nonce, because }, None);
            }
        };
        let now = clock::since_boot();
        self.running.push(Attempt {
            terminal,
            log: OutputLog::new(&self.folder, &launch.log, &self.secrets, launch.private),
            launch,
            secrets: self.secrets.clone(),
            child,
            out_open: true,
            err_open: true,
            status_open: true,
            told: Vec::new(),
            printed: Printed::default(),
            released: None,
            started: now,
            deadline: None,
            ended_by: None,
            hunting: None,
            leader: None,
            start_time: identity.start_time,
        });
        (Say::Held { nonce, identity }, Some(gate))
    }

    fn hold(&mut self, launch: &Launch) -> io::Result<(Option<Terminal>, child::Holding)> {
        if !launch.terminal {
            let spare = self.spare.take().map_or_else(|| Spare::new(None), Ok)?;
            return Ok((None, spare.hold(launch)?));
        }
        let (terminal, slave) = Terminal::open(launch.user.as_ref(), &self.secrets)?;
        let output = terminal.output()?;
        let (mut child, identity, gate) = Spare::new(Some(slave))?.hold(launch)?;
        child.stdout = output;
        Ok((Some(terminal), (child, identity, gate)))
    }

    // The next step's process, while this one runs.
    fn make_spare(&mut self) {
        // It would hold a copy of the terminal open.
        let has_terminal = self.running.iter().any(|it| it.terminal.is_some());
        let is_wanted =
            !self.running.is_empty() && !has_terminal && !self.retiring && self.broken.is_none();
        if is_wanted && self.spare.is_none() && self.clients.iter().any(|it| it.is_engine) {
            // Where none can be made now, the next `prepare` says why.
            self.spare = Spare::new(None).ok();
        }
    }

    fn end(&mut self, index: usize, ending: Ending, by: EndedBy) {
        let attempt = &mut self.running[index];
        if attempt.released.is_none() {
            // Perhaps it has passed the gate and its word is still on the way.
            attempt.read_status();
        }
        attempt.ended_by = Some(by);
        let has_terminal = attempt.terminal.is_some();
        let now = clock::since_boot();
        match ending {
            Ending::Interrupt => {
                signal_group(attempt.child.pid, libc::SIGINT);
                return;
            }
            Ending::Terminate => {
                if attempt.hunting.is_some() {
                    return;
                }
                attempt.hunting = Some(Hunt {
                    kill_at: now + grace(),
                    next_look: now + HUNT,
                });
            }
            Ending::Kill => {
                attempt.hunting = Some(Hunt {
                    kill_at: now,
                    next_look: now,
                });
            }
        }
        if ending == Ending::Terminate {
            for pid in self.members(index) {
                signal_one(pid, libc::SIGTERM);
                if has_terminal {
                    // A shell that somebody types into does not mind the other.
                    signal_one(pid, libc::SIGHUP);
                }
                signal_one(pid, libc::SIGCONT);
            }
        }
        self.hunt(index, now);
    }

    // Kills what is left after the grace, again and again: a process may fork while it is hunted.
    fn hunt(&mut self, index: usize, now: Duration) {
        let Some(hunt) = &self.running[index].hunting else {
            return;
        };
        if hunt.next_look > now {
            return;
        }
        let kill = hunt.kill_at <= now;
        let members = self.members(index);
        if kill {
            for pid in &members {
                signal_one(*pid, libc::SIGKILL);
            }
        }
        let attempt = &mut self.running[index];
        if members.is_empty() && attempt.leader.is_some() {
            attempt.hunting = None;
        } else if let Some(hunt) = &mut attempt.hunting {
            hunt.next_look = now + HUNT;
        }
    }

    // The processes of an attempt: the tree below its leader, whoever carries its nonce, and
    // orphans that came to the keeper and belong to no other attempt.
    fn members(&self, index: usize) -> Vec<i32> {
        let attempt = &self.running[index];
        let me = std::process::id() as i32;
        let mut members = Vec::new();
        for child in process::all() {
            if child.parent == me && child.state != b'Z' && self.is_of(&child, attempt) {
                members.push(child.pid);
                members.extend(process::descendants(child.pid).iter().map(|it| it.pid));
            }
        }
        members
    }

    // Whether a child of the keeper belongs to `attempt`: its leader, or an orphan of it. What an
    // earlier step left running is not this one's; an orphan that hides where it comes from is, if
    // it is not older.
    fn is_of(&self, child: &Process, attempt: &Attempt) -> bool {
        if child.pid == attempt.child.pid {
            return true;
        }
        if self.is_spare(child.pid) || self.running.iter().any(|it| it.child.pid == child.pid) {
            return false;
        }
        match process::attempt_of(child.pid) {
            Some(nonce) => nonce == attempt.launch.nonce,
            None => child.start_time >= attempt.start_time,
        }
    }

    // Ends the attempts whose processes and pipes are done with.
    fn finish(&mut self) {
        let now = clock::since_boot();
        let mut index = 0;
        while index < self.running.len() {
            if self.running[index].is_over(now) {
                let attempt = self.running.remove(index);
                self.record(attempt);
            } else {
                index += 1;
            }
        }
        self.leftovers.retain(|fd| !is_at_end(fd));
    }

    fn record(&mut self, mut attempt: Attempt) {
        attempt.read(Stream::Out, &mut self.buffer);
        attempt.read(Stream::Err, &mut self.buffer);
        attempt.read_status();
        #[cfg(feature = "testing")]
        assert!(
            std::env::var_os("RUNBOOK_TEST_KEEPER_PANIC").is_none(),
            "asked for, while it holds {:?}",
            attempt.launch.env
        );
        let nonce = attempt.launch.nonce.clone();
        let line = attempt.terminal.take().and_then(Terminal::end);
        self.farewells.extend(line);
        if attempt.launch.shell {
            let how = attempt.ended();
            if attempt.out_open {
                self.leftovers.push(attempt.child.stdout);
            }
            self.tell_engines(&Say::ShellEnded { nonce, how });
            return;
        }
        let left_running = self.left_running(&attempt);
        let gives = attempt.launch.gives.clone();
        let (outcome, texts, live) = attempt.outcome(self.clock, left_running, &mut self.leftovers);
        if let Outcome::Exited(exited) = &outcome
            && gives.is_some_and(|it| it.secret && is_taken(&it.exit, exited))
        {
            self.learn(&texts);
        }
        match self.attempts.append(&nonce, outcome) {
            Ok(record) => {
                fault::point("recorded");
                let record = Box::new(record);
                self.tell_engines(&Say::Ended { record, live });
                self.sync_at.get_or_insert(clock::since_boot() + SYNC);
            }
            Err(error) => self.broken(&error),
        }
    }

    // What runs beside may print what a step has just given.
    fn learn(&mut self, texts: &Texts) {
        held::conceal(texts);
        let known = texts.secrets();
        for attempt in &mut self.running {
            let has = attempt.secrets.secrets();
            let fresh = known.iter().filter(|it| !has.contains(it)).cloned();
            let fresh: Vec<Named> = fresh.collect();
            if !fresh.is_empty() {
                attempt.log.learn(&Texts::new(fresh.clone()));
                attempt.secrets = attempt.secrets.with(fresh);
            }
        }
    }

    fn sync(&mut self) {
        self.sync_at = None;
        if self.broken.is_none()
            && let Err(error) = self.attempts.sync()
        {
            self.broken(&error);
        }
    }

    fn broken(&mut self, error: &StoreError) {
        let source = std::error::Error::source(error).map(ToString::to_string);
        let because = format!("{error}: {}", source.unwrap_or_default());
        self.tell_engines(&Say::Broken {
            because: because.clone(),
        });
        self.broken = Some(because);
    }

    // Whether `/proc` need not be read whole to know that a step left nothing behind: every child is
    // the leader of a step that runs, or the next one's process.
    fn has_only_its_own(&self) -> bool {
        let Ok(children) = std::fs::read_to_string("/proc/thread-self/children") else {
            return false;
        };
        let is_leader = |pid| self.running.iter().any(|it| it.child.pid == pid);
        let mut children = children.split_whitespace().map(str::parse);
        children.all(|pid| pid.is_ok_and(|pid| self.is_spare(pid) || is_leader(pid)))
    }

    fn is_spare(&self, pid: i32) -> bool {
        self.spare.as_ref().is_some_and(|it| it.pid() == pid)
    }

    fn left_running(&self, attempt: &Attempt) -> Vec<String> {
        if attempt.released.is_none() || self.has_only_its_own() {
            return Vec::new();
        }
        let me = std::process::id() as i32;
        let children = process::all().into_iter().filter(|it| it.parent == me);
        let orphans = children.filter(|it| it.state != b'Z' && self.is_of(it, attempt));
        orphans
            .flat_map(|it| {
                let below = process::descendants(it.pid);
                std::iter::once(it).chain(below)
            })
            .map(|it| format!("{} {}", it.pid, it.name))
            .collect()
    }
}

enum Source {
    Signals,
    Listener,
    Client(usize),
    Status(usize),
    Output(usize, Stream),
    Terminal(usize),
    Leftover(usize),
    Farewell,
}

impl Attempt {
    fn is_over(&self, now: Duration) -> bool {
        let Some(leader) = &self.leader else {
            return false;
        };
        if self.hunting.is_some() {
            return false;
        }
        let is_drained = !self.out_open && !self.err_open;
        is_drained || leader.last_output + QUIET <= now || leader.at + DRAIN <= now
    }

    fn index_due(&self) -> Option<Duration> {
        Some(self.began() + self.log.due()?)
    }

    fn began(&self) -> Duration {
        self.released.unwrap_or(self.started)
    }

    fn read(&mut self, stream: Stream, buffer: &mut [u8]) {
        // A step that prints without end must not keep the keeper from its clients.
        for _ in 0..16 {
            let (fd, is_open) = match stream {
                Stream::Out => (&self.child.stdout, &mut self.out_open),
                Stream::Err => (&self.child.stderr, &mut self.err_open),
            };
            if !*is_open {
                return;
            }
            match rustix::io::read(fd, &mut *buffer) {
                Ok(0) => *is_open = false,
                Ok(count) => {
                    if self.released.is_none() {
                        self.read_status();
                    }
                    let now = clock::since_boot();
                    let since = now.saturating_sub(self.began());
                    if !self.launch.shell {
                        self.log.add(since, stream, &buffer[..count]);
                    }
                    if let Some(terminal) = &mut self.terminal {
                        terminal.show(&buffer[..count]);
                    }
                    let captures = self
                        .launch
                        .gives
                        .as_ref()
                        .and_then(|it| it.capture.as_ref());
                    if stream == Stream::Out && captures.is_some() {
                        self.printed.add(&buffer[..count]);
                    }
                    if let Some(leader) = &mut self.leader {
                        leader.last_output = now;
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return,
                Err(_) => *is_open = false,
            }
        }
    }

    fn serve_terminal(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.serve();
        }
    }

    // How a shell ended, for the operator's note of it.
    fn ended(&self) -> String {
        if let Some((fault, number)) = child::fault(&self.told) {
            return not_started(fault, number, &self.launch);
        }
        match self.leader.as_ref().map(|it| it.exit) {
            Some(Exit::Code(code)) => format!("it ended with exit code {code}"),
            Some(Exit::Signal(number)) => format!("it was ended by signal {number}"),
            _ => "it ended".to_owned(),
        }
    }

    fn read_status(&mut self) {
        let mut bytes = [0; 8];
        while self.status_open {
            match rustix::io::read(&self.child.status, &mut bytes) {
                Ok(0) => self.status_open = false,
                Ok(count) => self.told.extend(&bytes[..count]),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => self.status_open = false,
            }
        }
        if self.released.is_none()
            && let Some(now) = child::released_at(&self.told)
        {
            self.released = Some(now);
            if self.ended_by.is_none() {
                self.deadline = self
                    .launch
                    .timeout_ms
                    .map(|ms| now + Duration::from_millis(ms));
            }
        }
    }

    // What became of it; what masks its secrets and those that it gave; and the values that the record
    // does not hold whole.
    fn outcome(
        self,
        clock: Clock,
        left_running: Vec<String>,
        leftovers: &mut Vec<OwnedFd>,
    ) -> (Outcome, Texts, Vec<Named>) {
        let void = |because: &str| {
            let because = because.to_owned();
            (Outcome::Void { because }, Texts::default(), Vec::new())
        };
        let Some(leader) = &self.leader else {
            return void("its process was never seen to end");
        };
        let Some(released) = self.released else {
            let because = if child::is_void(&self.told) {
                "its gate was closed before it was released"
            } else {
                "its process was ended at the gate"
            };
            return void(because);
        };
        let given = gives::given(&self.launch, self.printed, self.child.output);
        // From here on what it gave is masked: its own record may hold it too.
        let given_secrets = given.secrets(&self.launch);
        let secrets = if given_secrets.is_empty() {
            self.secrets
        } else {
            self.secrets.with(given_secrets)
        };
        let mut remarks = Vec::new();
        let exit = match child::fault(&self.told) {
            Some((fault, number)) => {
                remarks.push(not_started(fault, number, &self.launch));
                if number == libc::E2BIG {
                    remarks.extend(largest(&self.launch.env));
                }
                Exit::NotStarted(number)
            }
            None => leader.exit,
        };
        let ms = match clock.since_boot() {
            Duration::ZERO => 0,
            _ => leader.at.saturating_sub(released).as_millis() as u64,
        };
        // An interrupt that the step took in its stride did not end it.
        let is_fine = exit == Exit::Code(0) && self.ended_by == Some(EndedBy::Operator);
        let ended_by = self.ended_by.filter(|_| !is_fine);
        let dump = if self.launch.tells {
            remarks.extend(read_line(self.child.dump));
            None
        } else {
            read_dump(self.child.dump, &self.launch)
        };
        let has_dump = dump.is_some();
        let (mut environment, mut failed_at) =
            dump.map_or((None, None), |it| (Some(it.delta), it.failed_at));
        if self.launch.user.is_some() {
            // Every process of that user can write there, and what comes next may be root's.
            environment = None;
        }
        if let Some(delta) = &mut environment {
            remarks.extend(dump::redact(delta, &secrets));
        }
        if let Some(failed_at) = &mut failed_at {
            secrets.clean(&mut failed_at.command);
        }
        let mut left_running = left_running;
        for text in remarks.iter_mut().chain(&mut left_running) {
            secrets.clean(text);
        }
        if self.launch.dumps && !has_dump && matches!(exit, Exit::Code(_)) {
            remarks.push(
                "carries no environment to the next step: it replaced the EXIT trap or its own \
                 process, or closed its file descriptors"
                    .to_owned(),
            );
        }
        let failed_at = failed_at.filter(|_| exit != Exit::Code(0));
        if self.out_open {
            leftovers.push(self.child.stdout);
        }
        if self.err_open {
            leftovers.push(self.child.stderr);
        }
        let output = self.log.seal();
        remarks.extend(output.as_ref().and_then(|it| it.lost.clone()));
        let mut exited = Box::new(AttemptExited {
            step: self.launch.step.clone(),
            nonce: self.launch.nonce.clone(),
            exit,
            ended_by,
            ms,
            output,
            environment,
            failed_at,
            left_running,
            remarks,
            values: BTreeMap::new(),
            unfit: None,
        });
        let mut live = given.record(&self.launch, &secrets, &mut exited);
        let gives = self.launch.gives.unwrap_or_default();
        if gives.secret && exited.unfit.is_some() {
            // What cannot be taken is not known to be masked in what it left behind.
            exited.environment = None;
        }
        if !is_taken(&gives.exit, &exited) {
            live.clear();
            exited.values.clear();
            exited.unfit = None;
        }
        (Outcome::Exited(exited), secrets, live)
    }
}

// Whether what a step gave counts: it ended by itself, with a code that it may end with.
fn is_taken(codes: &[i32], exited: &AttemptExited) -> bool {
    match (exited.exit, exited.ended_by) {
        (Exit::Code(0), None) if codes.is_empty() => true,
        (Exit::Code(code), None) => codes.contains(&code),
        _ => false,
    }
}

fn not_started(fault: Fault, number: i32, launch: &Launch) -> String {
    let error = io::Error::from_raw_os_error(number);
    let cwd = String::from_utf8_lossy(&launch.cwd.to_bytes()).into_owned();
    let user = launch.user.as_ref().map(|it| it.name.as_str());
    let by = user.map_or_else(String::new, |name| format!(" as `{name}`"));
    match fault {
        Fault::User => format!("cannot run{by}: {error}"),
        Fault::Stdin => {
            let path = launch.stdin.as_deref().unwrap_or_default();
            format!("cannot read `{path}` in `{cwd}`{by} for its standard input: {error}")
        }
        Fault::Start => {
            let program = &launch.program;
            format!("cannot start `{program}` in `{cwd}`{by}: {error}")
        }
    }
}

fn largest(env: &[(String, Text)]) -> Option<String> {
    let sizes = env
        .iter()
        .map(|(name, value)| (value.to_bytes().len(), name));
    let (size, name) = sizes.max()?;
    Some(format!(
        "its environment is too large: `{name}` alone is {size} bytes, and Linux takes 128 KiB for one \
         variable"
    ))
}

fn read_line(fd: OwnedFd) -> Option<String> {
    let mut file = File::from(fd);
    file.seek(SeekFrom::Start(0)).ok()?;
    let mut bytes = Vec::new();
    file.take(LONGEST_LINE).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn read_dump(fd: OwnedFd, launch: &Launch) -> Option<dump::Dump> {
    let mut file = File::from(fd);
    file.seek(SeekFrom::Start(0)).ok()?;
    let mut bytes = Vec::new();
    file.take(LARGEST_DUMP).read_to_end(&mut bytes).ok()?;
    dump::read(&bytes, launch)
}

fn grace() -> Duration {
    #[cfg(feature = "testing")]
    if let Some(ms) = std::env::var("RUNBOOK_TEST_GRACE_MS")
        .ok()
        .and_then(|it| it.parse().ok())
    {
        return Duration::from_millis(ms);
    }
    GRACE
}

fn discard(fd: &OwnedFd, buffer: &mut [u8]) {
    for _ in 0..16 {
        match rustix::io::read(fd, &mut *buffer) {
            Ok(count) if count > 0 => {}
            _ => return,
        }
    }
}

fn is_at_end(fd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    let now = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let _ = poll(&mut fds, Some(&now));
    let events = fds[0].revents();
    events.contains(PollFlags::HUP) && !events.contains(PollFlags::IN)
}

fn signal_one(pid: i32, signal: i32) {
    // SAFETY: a plain system call; the process may be gone, which is as well.
    unsafe { libc::kill(pid, signal) };
}

fn signal_group(pid: i32, signal: i32) {
    // SAFETY: as above; the leader of an attempt is the leader of its group.
    unsafe { libc::killpg(pid, signal) };
}

fn block_signals() -> io::Result<OwnedFd> {
    // SAFETY: plain system calls on a set that lives long enough.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        libc::signal(libc::SIGHUP, libc::SIG_IGN);
        libc::signal(libc::SIGINT, libc::SIG_IGN);
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        // A file that may not grow is an error like a full disk, not the end of the keeper.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(child::inherited(fd))
    }
}

fn listen(folder: &RunFolder) -> io::Result<OwnedFd> {
    let _ = std::fs::remove_file(folder.socket());
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // A socket's name is limited to 107 bytes; a run's folder may be deeper than that.
    let dir = File::open(folder.path())?;
    let name = format!("/proc/self/fd/{}/keeper.sock", dir.as_raw_fd());
    rustix::net::bind(&socket, &SocketAddrUnix::new(name)?)?;
    let is_shared = std::os::unix::fs::PermissionsExt::mode(&dir.metadata()?.permissions()) & 0o020;
    let mode = if is_shared == 0 { 0o600 } else { 0o660 };
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(folder.socket(), permissions)?;
    rustix::net::listen(&socket, 16)?;
    Ok(socket)
}
