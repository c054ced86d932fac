//! The supervisor: one small process with one thread for each preview. It builds the view, lets steps
//! in one after another, hears what they are refused, and tells what each changed. When it ends,
//! however it does, the kernel ends everything in the view, and the view.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::change::{self, Content, Seen, Snapshot, What, compare};
use crate::event::Text;
use crate::host::clock::since_boot;
use crate::keeper::protocol::Frames;

use super::init;
use super::layer::{Reader, now};
use super::notice::Ear;
use super::view::{View, build};
use super::wire::{self, Ask, Say};
use super::{LeftRunning, Ready, Refused, Rights, Wanted, sys};

/// Where the engine's end of the line is.
pub(super) const ENGINE_FD: RawFd = 3;

// How long connections that are open at the end of a step may still say what they are about.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs until the engine hangs up or says so. Returns an exit code.
pub(super) fn run() -> i32 {
    // SAFETY: the engine starts this process with its end there, and nothing else owns it.
    let engine = unsafe { OwnedFd::from_raw_fd(ENGINE_FD) };
    let mut engine = Frames::new(engine);
    let Ok(Some(Ask::Build(wanted))) = wire::wait(&mut engine, None) else {
        return 1;
    };
    match Supervisor::build(&wanted) {
        Ok((mut supervisor, ready)) => {
            let told = engine.send(&Say::Ready(ready), None);
            let code = i32::from(told.is_err() || supervisor.serve(&mut engine).is_err());
            supervisor.end();
            code
        }
        Err(refused) => {
            let _ = engine.send(&Say::Refused(refused), None);
            let _ = engine.flush_all();
            1
        }
    }
}

struct Supervisor {
    view: View,
    rights: Rights,
    init: i32,
    // Held open: where it closes, the init ends.
    _line: OwnedFd,
    namespaces: Vec<OwnedFd>,
    door: OwnedFd,
    // Steps on their way in, and the ears of those that are in.
    entering: Vec<OwnedFd>,
    listeners: Vec<OwnedFd>,
    ear: Ear,
    reader: Reader,
    snapshot: Snapshot,
    is_over: bool,
}

fn refused(what: &str) -> impl FnOnce(io::Error) -> Refused {
    move |it| Refused {
        what: what.to_owned(),
        because: it.to_string(),
        way_out: None,
    }
}

impl Supervisor {
    fn build(wanted: &Wanted) -> Result<(Self, Ready), Refused> {
        let began = now();
        let uid = rustix::process::geteuid().as_raw();
        let rights = if uid == 0 {
            Rights::Root
        } else {
            Rights::User {
                uid,
                gid: rustix::process::getegid().as_raw(),
            }
        };
        let no_line = "the view cannot be reached";
        let (door, address) = door().map_err(refused(no_line))?;
        let size = wanted.size.unwrap_or_else(half_of_memory);
        let view = build(rights, size)?;
        let (line, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|it| refused(no_line)(it.into()))?;
        // SAFETY: this process has one thread.
        let init = unsafe { sys::fork(init::NAMESPACES) }
            .map_err(refused("the view can have no namespaces of its own"))?;
        let Some(init) = init else {
            drop(line);
            drop(door);
            init::run(theirs)
        };
        drop(theirs);
        let end = |refused| {
            sys::kill_and_wait(init);
            refused
        };
        let mut own = start(init, line.as_fd(), rights).map_err(end)?;
        let no_proc = || refused(no_line)(io::Error::other("its `/proc` did not come"));
        let proc = own.pop().ok_or_else(no_proc)?;
        let ear = Ear::new(&view, proc)
            .map_err(refused(no_line))
            .map_err(end)?;
        super::network::join(&own[3])
            .map_err(refused("the view's network cannot be entered"))
            .map_err(end)?;
        let mut reader = Reader::new(began);
        // How it looks while nothing was done yet.
        let first = reader.read(&view, &Snapshot::default());
        let ready = Ready {
            address,
            rights,
            limits: view.limits.clone(),
            size,
        };
        let supervisor = Self {
            view,
            rights,
            init,
            _line: line,
            namespaces: own,
            door,
            entering: Vec::new(),
            listeners: Vec::new(),
            ear,
            reader,
            snapshot: first.snapshot,
            is_over: false,
        };
        Ok((supervisor, ready))
    }

    fn serve(&mut self, engine: &mut Frames) -> io::Result<()> {
        loop {
            while let Some(ask) = engine.message()? {
                match ask {
                    Ask::Effects => self.tell(engine)?,
                    Ask::Finish => {
                        self.hear_out();
                        self.finish(engine)?;
                        return engine.flush_all();
                    }
                    Ask::Build(_) => {
                        let again = "the view is built already".to_owned();
                        engine.send(&Say::Failed(again), None)?;
                    }
                }
                engine.flush_all()?;
            }
            if self.turn(Some(engine.fd()), None)? && !engine.fill()? {
                return Ok(());
            }
        }
    }

    // Waits for something to happen, and does what it asks for. Returns whether the engine spoke.
    fn turn(&mut self, engine: Option<BorrowedFd<'_>>, most: Option<Duration>) -> io::Result<bool> {
        let now = since_boot();
        let patience = self.ear.network.deadline().map(|it| it.saturating_sub(now));
        let patience = [patience, most].into_iter().flatten().min();
        let mut watched = Vec::new();
        let mut add = |fd| watched.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let door = self.door.as_fd();
        add(engine.unwrap_or(door));
        add(door);
        self.entering.iter().for_each(|it| add(it.as_fd()));
        self.listeners.iter().for_each(|it| add(it.as_fd()));
        self.ear.network.watched().into_iter().for_each(&mut add);
        let patience = patience.map(|it| it + Duration::from_millis(1));
        let patience = patience.and_then(|it| it.try_into().ok());
        match poll(&mut watched, patience.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let happened: Vec<PollFlags> = watched.iter().map(PollFd::revents).collect();
        drop(watched);
        let (entering, listeners) = (self.entering.len(), self.listeners.len());
        let is_open = |it: &PollFlags| it.contains(PollFlags::IN);
        // From behind, so that the numbers of the others stay.
        for at in (0..listeners).rev() {
            let what = happened[2 + entering + at];
            if what.is_empty() {
                continue;
            }
            let listener = &self.listeners[at];
            if !is_open(&what) || !self.ear.hear(listener.as_fd(), &self.view) {
                self.listeners.remove(at);
            }
        }
        self.ear.work();
        for at in (0..entering).rev() {
            if !happened[2 + at].is_empty() {
                let line = self.entering.remove(at);
                self.let_in(&line);
            }
        }
        if is_open(&happened[1]) {
            self.open_door();
        }
        Ok(engine.is_some() && !happened[0].is_empty())
    }

    // A step knocks: it is given the namespaces.
    fn open_door(&mut self) {
        let Ok(line) = rustix::net::accept_with(&self.door, SocketFlags::CLOEXEC) else {
            return;
        };
        let uid = rustix::process::geteuid();
        let is_own = sockopt::socket_peercred(&line).is_ok_and(|it| it.uid == uid);
        let word = match self.rights {
            Rights::Root => wire::OF_ROOT,
            Rights::User { .. } => wire::OF_USER,
        };
        if is_own && wire::send_with(line.as_fd(), &[word], &self.namespaces).is_ok() {
            self.entering.push(line);
        }
    }

    // A step is under its filter: from here on it is heard.
    fn let_in(&mut self, line: &OwnedFd) {
        let mut word = [0];
        let Ok((1, mut listener)) = wire::receive_with(line.as_fd(), &mut word) else {
            return;
        };
        if let Some(listener) = listener.pop() {
            self.listeners.push(listener);
        }
    }

    fn tell(&mut self, engine: &mut Frames) -> io::Result<()> {
        if self.is_gone() {
            let gone = "the processes of the view were ended from outside".to_owned();
            return engine.send(&Say::Failed(gone), None);
        }
        self.hear_out();
        let left = self.ear.processes();
        let before = std::mem::take(&mut self.snapshot);
        let found = self.reader.read(&self.view, &before);
        let told = self.told(&before, &found.snapshot, left, found.notes);
        self.snapshot = found.snapshot;
        send(engine, told)
    }

    fn told(
        &mut self,
        before: &Snapshot,
        after: &Snapshot,
        left: Vec<(i32, String)>,
        notes: Vec<String>,
    ) -> (Vec<change::Difference>, wire::Told) {
        let told = wire::Told {
            differences: Vec::new(),
            intents: self.ear.take(),
            left_running: left
                .into_iter()
                .map(|(pid, name)| LeftRunning { pid, name })
                .collect(),
            notes,
        };
        (compare(before, after), told)
    }

    // Whoever was about to say something has said it then.
    fn hear_out(&mut self) {
        let until = since_boot() + LAST_WORDS;
        // Once more at least: what a process did last may not have been heard.
        loop {
            let left = until.saturating_sub(since_boot());
            let most = if self.ear.network.is_busy() {
                left
            } else {
                Duration::ZERO
            };
            if self.turn(None, Some(most)).is_err() {
                break;
            }
            if !self.ear.network.is_busy() || since_boot() >= until {
                break;
            }
        }
        self.ear.network.forget();
    }

    fn finish(&mut self, engine: &mut Frames) -> io::Result<()> {
        let left = self.ear.processes();
        self.end();
        let before = std::mem::take(&mut self.snapshot);
        let found = self.reader.read(&self.view, &before);
        let told = self.told(&before, &found.snapshot, left, found.notes);
        send(engine, told)?;
        engine.flush_all()?;
        // And all of it together, against the host.
        let whole = self.told(
            &Snapshot::default(),
            &found.snapshot,
            Vec::new(),
            Vec::new(),
        );
        send(engine, whole)
    }

    fn is_gone(&self) -> bool {
        let pid = rustix::process::Pid::from_raw(self.init);
        let options = rustix::process::WaitOptions::NOHANG;
        !matches!(rustix::process::waitpid(pid, options), Ok(None))
    }

    fn end(&mut self) {
        if !self.is_over {
            self.is_over = true;
            sys::kill_and_wait(self.init);
        }
    }
}

// Gives the init its users, lets it go, and takes what it opened.
fn start(init: i32, line: BorrowedFd<'_>, rights: Rights) -> Result<Vec<OwnedFd>, Refused> {
    let no_users = "the view cannot be given its users";
    let map = |file: &str, text: String| {
        fs::write(format!("/proc/{init}/{file}"), text).map_err(refused(no_users))
    };
    match rights {
        Rights::Root => {
            // Everybody is who they are.
            map("uid_map", format!("0 0 {}", u32::MAX))?;
            map("gid_map", format!("0 0 {}", u32::MAX))?;
        }
        Rights::User { uid, gid } => {
            map("setgroups", "deny".to_owned())?;
            map("uid_map", format!("{uid} {uid} 1"))?;
            map("gid_map", format!("{gid} {gid} 1"))?;
        }
    }
    let silent = "the view's init says nothing";
    rustix::io::write(line, b"g").map_err(|it| refused(silent)(it.into()))?;
    let mut answer = vec![0; 4096];
    let (count, found) = wire::receive_with(line, &mut answer).map_err(refused(silent))?;
    if found.len() == wire::NAMESPACES.len() + 1 {
        return Ok(found);
    }
    let told = serde_json::from_slice(&answer[..count]).map_err(io::Error::other);
    Err(told.unwrap_or_else(refused(silent)))
}

// The socket at which steps come in: without a name in the file system, so that it leaves none.
fn door() -> io::Result<(OwnedFd, String)> {
    let mut bytes = [0_u8; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    let number = u128::from_ne_bytes(bytes);
    let address = format!("runbook-view-{number:032x}");
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    rustix::net::bind(
        &socket,
        &SocketAddrUnix::new_abstract_name(address.as_bytes())?,
    )?;
    rustix::net::listen(&socket, 16)?;
    Ok((socket, address))
}

// What is written is memory: half of what is free may be used for it.
fn half_of_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|it| it.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(512 << 10) / 2 * 1024
}

fn send(
    engine: &mut Frames,
    (differences, mut told): (Vec<change::Difference>, wire::Told),
) -> io::Result<()> {
    let mut contents = Contents::default();
    told.differences = differences
        .iter()
        .map(|it| contents.difference(it))
        .collect();
    let file = memfd_create("runbook-contents", MemfdFlags::CLOEXEC)?;
    fs::File::from(file.try_clone()?).write_all(&contents.bytes)?;
    engine.send(&Say::Effects(told), Some(file.as_fd()))
}

// Contents, one after the other, each once.
#[derive(Default)]
struct Contents {
    bytes: Vec<u8>,
    known: BTreeMap<*const u8, u64>,
}

impl Contents {
    fn difference(&mut self, it: &change::Difference) -> wire::Difference {
        let is_told = matches!(it.what, What::Added | What::Deleted | What::Replaced)
            || it.aspects.contains(&change::Aspect::Content);
        let text = |path: &Vec<u8>| Text::of_bytes(path);
        let mut side = |seen: &Option<std::sync::Arc<Seen>>| {
            let seen = seen.as_ref()?;
            Some(wire::Side {
                node: seen.node.clone(),
                content: self.content(&seen.content, is_told),
            })
        };
        let (before, after) = (side(&it.before), side(&it.after));
        wire::Difference {
            path: text(&it.path),
            what: it.what,
            from: it.from.as_ref().map(text),
            link_to: it.link_to.as_ref().map(text),
            before,
            after,
            aspects: it.aspects.clone(),
            inside: it.inside,
            host_changed: it.host_changed,
        }
    }

    fn content(&mut self, content: &Content, is_told: bool) -> wire::Held {
        match content {
            Content::Bytes(bytes) if is_told => {
                let end = self.bytes.len() as u64;
                let at = *self.known.entry(bytes.as_ptr()).or_insert(end);
                if at == end {
                    self.bytes.extend_from_slice(bytes);
                }
                wire::Held::At(at, bytes.len() as u64)
            }
            Content::Digest(digest) if is_told => wire::Held::Digest(*digest),
            Content::Unread(because) => wire::Held::Unread(because.clone()),
            _ => wire::Held::None,
        }
    }
}
