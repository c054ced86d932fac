//! Notifications of the filter → intents. What is read here of a process may be changed by it a
//! moment later: it is for telling, never for deciding what is safe.

use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use crate::change::{Intent, Sort};
use crate::event::Text;

use super::filter::{RULES, Rule};
use super::network::{Arrival, Network, connection};
use super::sys;
use super::view::View;

// `struct seccomp_notif` and `struct seccomp_notif_resp`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Notification {
    id: u64,
    pid: u32,
    flags: u32,
    number: i32,
    machine: u32,
    pointer: u64,
    arguments: [u64; 6],
}

#[repr(C)]
struct Response {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

const RECEIVE: libc::c_ulong = 0xc050_2100;
const SEND: libc::c_ulong = 0xc018_2101;
const GOES_ON: u32 = 1;

// Of one step: what does the same in a loop is counted, what does something else each time is not
// kept for ever.
const MOST: usize = 10_000;

enum Answer {
    GoOn,
    Fail(i32),
}

/// The supervisor's ear: what the steps were refused.
pub(super) struct Ear {
    pub(super) network: Network,
    intents: Vec<Intent>,
    // The host's `/proc`, the view's, and the host's list of sockets.
    host: Arc<OwnedFd>,
    view: OwnedFd,
    sockets: Option<OwnedFd>,
    hidden: Vec<PathBuf>,
}

impl Ear {
    /// Returns one for a view, whose own `/proc` is given. Called while this process is still in the
    /// network of the host.
    pub(super) fn new(view: &View, own: OwnedFd) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let sockets = rustix::fs::openat(&view.proc, "net/unix", flags, Mode::empty());
        let hidden = view.limits.iter().map(|it| it.path.to_bytes());
        Ok(Self {
            network: Network::default(),
            intents: Vec::new(),
            host: Arc::new(view.proc.try_clone()?),
            view: own,
            sockets: sockets.ok(),
            hidden: hidden
                .map(|it| PathBuf::from(OsStr::from_bytes(&it)))
                .collect(),
        })
    }

    /// Returns what was refused since the last time.
    pub(super) fn take(&mut self) -> Vec<Intent> {
        let mut all = std::mem::take(&mut self.intents);
        for (process, host) in self.network.lookups() {
            all.push(Intent {
                sort: Sort::Lookup { host },
                process,
                times: 1,
            });
        }
        // What differs only in what was heard later is counted together only now.
        let mut told: Vec<Intent> = Vec::new();
        for intent in all {
            let same = |it: &&mut Intent| it.sort == intent.sort && it.process == intent.process;
            match told.iter_mut().find(same) {
                Some(known) => known.times += intent.times,
                None => told.push(intent),
            }
        }
        told
    }

    /// Lets the black hole work.
    pub(super) fn work(&mut self) {
        for (ticket, words) in self.network.work() {
            if let Some(intent) = self.intents.get_mut(ticket)
                && let Sort::Connect {
                    method, path, tls, ..
                } = &mut intent.sort
            {
                *method = words.method;
                *path = words.path;
                *tls = words.tls.filter(|it| !it.is_empty());
            }
        }
    }

    /// Answers one notification. `false` once nobody is left under the filter.
    pub(super) fn hear(&mut self, listener: BorrowedFd<'_>, view: &View) -> bool {
        let mut notification = Notification::default();
        // SAFETY: the pointer lives until the call returns, and the struct has the size that the
        // number of the call says.
        let code = unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE, &raw mut notification) };
        if code < 0 {
            // Whoever asked is gone again; or everybody is.
            return io::Error::last_os_error().raw_os_error() == Some(libc::ENOENT)
                || io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        }
        let answer = self.answer(&notification, view);
        let response = match answer {
            Answer::GoOn => Response {
                id: notification.id,
                value: 0,
                error: 0,
                flags: GOES_ON,
            },
            Answer::Fail(error) => Response {
                id: notification.id,
                value: 0,
                error: -error,
                flags: 0,
            },
        };
        // SAFETY: as above. Where the asker is gone nobody needs the answer.
        unsafe { libc::ioctl(listener.as_raw_fd(), SEND, &raw const response) };
        true
    }

    fn answer(&mut self, it: &Notification, view: &View) -> Answer {
        let asker = Asker {
            pid: it.pid as i32,
            host: Arc::clone(&self.host),
        };
        let number = i64::from(it.number);
        let arguments = &it.arguments;
        match number {
            libc::SYS_connect => {
                let address = asker.bytes(arguments[1], arguments[2] as usize);
                return self.reach(&asker, arguments[0] as i32, address.as_deref(), view);
            }
            libc::SYS_sendto => {
                let address = asker.bytes(arguments[4], arguments[5] as usize);
                return self.reach(&asker, arguments[0] as i32, address.as_deref(), view);
            }
            // `struct mmsghdr` begins with a `struct msghdr`.
            libc::SYS_sendmsg | libc::SYS_sendmmsg => {
                let Some(header) = asker.bytes(arguments[1], 16) else {
                    return Answer::GoOn;
                };
                let word = |at: usize| {
                    let bytes = header.get(at..at + 8).and_then(|it| it.try_into().ok());
                    bytes.map_or(0, u64::from_ne_bytes)
                };
                let (name, length) = (word(0), word(8) as u32);
                if name == 0 || length == 0 {
                    return Answer::GoOn;
                }
                let address = asker.bytes(name, length as usize);
                return self.reach(&asker, arguments[0] as i32, address.as_deref(), view);
            }
            libc::SYS_kill => {
                self.signal(&asker, i64::from(arguments[0] as i32), arguments[1] as i32);
                return Answer::GoOn;
            }
            libc::SYS_tgkill => {
                self.signal(&asker, i64::from(arguments[0] as i32), arguments[2] as i32);
                return Answer::GoOn;
            }
            libc::SYS_execve | libc::SYS_execveat => {
                let at = usize::from(number == libc::SYS_execveat);
                self.program(&asker, arguments[at]);
                return Answer::GoOn;
            }
            libc::SYS_socket => {
                let family = arguments[0] as i32;
                self.note(&asker, Sort::Family { family });
                return Answer::Fail(libc::EAFNOSUPPORT);
            }
            _ => {}
        }
        let rule = RULES.iter().find(|(of, _)| *of == number);
        let (error, name) = match rule {
            Some((_, Rule::Refuse(error, name))) => (*error, *name),
            _ if number == libc::SYS_clone || number == libc::SYS_unshare => {
                (libc::EPERM, "make a namespace")
            }
            // The others that the filter tells of make devices.
            _ => (libc::EPERM, "mknod"),
        };
        let text = |at: usize| asker.text(arguments[at]).map(|it| Text::of_bytes(&it));
        let about = match number {
            libc::SYS_mount => text(1),
            libc::SYS_umount2 | libc::SYS_swapon | libc::SYS_swapoff => text(0),
            libc::SYS_sethostname | libc::SYS_setdomainname => text(0),
            libc::SYS_mknodat => text(1),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_mknod => text(0),
            _ => None,
        };
        let name = name.to_owned();
        self.note(&asker, Sort::Call { name, about });
        Answer::Fail(error)
    }

    fn note(&mut self, asker: &Asker, sort: Sort) -> usize {
        self.note_for(asker.name(), sort)
    }

    fn note_for(&mut self, process: String, sort: Sort) -> usize {
        if self.intents.len() < MOST {
            self.intents.push(Intent {
                sort,
                process,
                times: 1,
            });
        }
        self.intents.len() - 1
    }

    fn reach(&mut self, asker: &Asker, fd: i32, address: Option<&[u8]>, view: &View) -> Answer {
        let Some(address) = address else {
            return Answer::GoOn;
        };
        match socket_address(address) {
            Some(Reached::Host(address)) => self.reach_host(asker, fd, address),
            Some(Reached::Abstract(name)) => {
                if self.host_has_abstract(&name) {
                    let path = Text::of_bytes(&[b"@", name.as_slice()].concat());
                    self.note(asker, Sort::Socket { path });
                }
                Answer::GoOn
            }
            Some(Reached::Path(path)) => {
                let path = asker.absolute(&path);
                if let Some(path) = self.host_socket(&path, view) {
                    let path = Text::of_bytes(path.as_os_str().as_bytes());
                    self.note(asker, Sort::Socket { path });
                }
                Answer::GoOn
            }
            None => Answer::GoOn,
        }
    }

    fn reach_host(&mut self, asker: &Asker, fd: i32, address: SocketAddr) -> Answer {
        const NAMES: u16 = 53;
        // `::ffff:192.0.2.1` is an address of IPv4, and arrives there.
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let address = if address.ip().is_unspecified() {
            let ip = if address.is_ipv4() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                Ipv6Addr::LOCALHOST.into()
            };
            SocketAddr::new(ip, address.port())
        } else {
            address
        };
        let is_stream = asker.is_stream(fd);
        if !is_stream {
            match address.port() {
                // Only to learn which address would be used.
                0 => {}
                NAMES => self.network.serve_names(address, &asker.name(), false),
                port => {
                    let host = self.network.name(address.ip());
                    self.note(asker, Sort::Datagram { host, port });
                }
            }
            return Answer::GoOn;
        }
        if address.port() == NAMES {
            self.network.serve_names(address, &asker.name(), true);
            return Answer::GoOn;
        }
        if self.network.is_expected(address) {
            return Answer::GoOn;
        }
        // Where it is noted, if it is.
        let ticket = self.intents.len();
        let arrival = self.network.expect(address, ticket);
        if arrival == Arrival::Inside {
            return Answer::GoOn;
        }
        let host = self.network.name(address.ip());
        self.note(asker, connection(host, address.port()));
        match arrival {
            Arrival::Refused => Answer::Fail(libc::ECONNREFUSED),
            _ => Answer::GoOn,
        }
    }

    fn host_has_abstract(&self, name: &[u8]) -> bool {
        let Some(list) = &self.sockets else {
            return false;
        };
        let mut text = Vec::new();
        let mut space = vec![0; 64 << 10];
        while let Ok(count) = rustix::io::pread(list, &mut space, text.len() as u64)
            && count > 0
        {
            text.extend_from_slice(&space[..count]);
        }
        let wanted = [b" @", name].concat();
        text.split(|byte| *byte == b'\n')
            .any(|line| line.ends_with(&wanted))
    }

    // The path of a socket that is the host's, or could be.
    fn host_socket(&self, path: &Path, view: &View) -> Option<PathBuf> {
        let path = path.canonicalize().ok()?;
        if self.hidden.iter().any(|it| path.starts_with(it)) {
            return Some(path);
        }
        if !path.metadata().ok()?.file_type().is_socket() {
            return None;
        }
        let of = |it: &&super::view::Layer| path.starts_with(&it.point);
        let layer = view
            .layers
            .iter()
            .filter(of)
            .max_by_key(|it| it.point.as_os_str().len())?;
        let rest = path.strip_prefix(&layer.point).ok()?;
        // What stands in the upper layer was made by a step.
        let made = rustix::fs::accessat(
            &layer.upper,
            rest,
            rustix::fs::Access::EXISTS,
            rustix::fs::AtFlags::empty(),
        );
        made.is_err().then_some(path)
    }

    fn signal(&mut self, asker: &Asker, pid: i64, signal: i32) {
        let is_in_view = |pid: i64| {
            let name = pid.to_string();
            let flags = rustix::fs::AtFlags::empty();
            let access = rustix::fs::Access::EXISTS;
            rustix::fs::accessat(&self.view, name, access, flags).is_ok()
        };
        // Nothing is sent by 0, and its own group is its own.
        // The first process is the view's own, which no step means.
        if signal == 0 || pid == 0 || (pid.abs() != 1 && is_in_view(pid.abs())) {
            return;
        }
        if pid < -1 && self.groups().contains(&-pid) {
            return;
        }
        let name = (pid > 0)
            .then(|| comm(self.host.as_fd(), pid as i32))
            .filter(|it| !it.is_empty());
        self.note(asker, Sort::Signal { pid, name, signal });
    }

    // The process groups of the view.
    fn groups(&self) -> Vec<i64> {
        let Ok(folder) = rustix::fs::Dir::read_from(&self.view) else {
            return Vec::new();
        };
        let group = |entry: rustix::fs::DirEntry| {
            let pid: i32 = entry.file_name().to_str().ok()?.parse().ok()?;
            let text = read_at(self.view.as_fd(), &format!("{pid}/stat")).ok()?;
            let end = memchr::memrchr(b')', &text)?;
            let rest = std::str::from_utf8(&text[end + 1..]).ok()?;
            rest.split_ascii_whitespace().nth(2)?.parse().ok()
        };
        folder.flatten().filter_map(group).collect()
    }

    // A program that works with rights of its own, which it does not get in a user's view.
    fn program(&mut self, asker: &Asker, pointer: u64) {
        let Some(path) = asker.text(pointer) else {
            return;
        };
        let path = asker.absolute(Path::new(OsStr::from_bytes(&path)));
        let Ok(is) = path.metadata() else {
            return;
        };
        let name = std::ffi::CString::new(path.as_os_str().as_bytes());
        let has_capabilities =
            || name.is_ok_and(|it| sys::attribute(&it, c"security.capability").is_some());
        let own = rustix::process::geteuid().as_raw();
        let is_setuid = is.mode() & 0o4000 != 0 && is.uid() != own;
        if is.is_file() && (is_setuid || has_capabilities()) {
            let path = Text::of_bytes(path.as_os_str().as_bytes());
            self.note(asker, Sort::Privileges { path });
        }
    }

    /// Returns the processes of the view but its init, with their names.
    pub(super) fn processes(&self) -> Vec<(i32, String)> {
        let Ok(folder) = rustix::fs::Dir::read_from(&self.view) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in folder.flatten() {
            let pid = entry
                .file_name()
                .to_str()
                .ok()
                .and_then(|it| it.parse().ok());
            let Some(pid) = pid.filter(|it| *it != 1) else {
                continue;
            };
            let stat = read_at(self.view.as_fd(), &format!("{pid}/stat")).unwrap_or_default();
            let state = memchr::memrchr(b')', &stat).and_then(|at| stat.get(at + 2));
            if state != Some(&b'Z') {
                found.push((pid, comm(self.view.as_fd(), pid)));
            }
        }
        found.sort_unstable();
        found
    }
}

// The process that made a call.
struct Asker {
    pid: i32,
    host: Arc<OwnedFd>,
}

impl Asker {
    fn name(&self) -> String {
        comm(self.host.as_fd(), self.pid)
    }

    fn bytes(&self, from: u64, length: usize) -> Option<Vec<u8>> {
        let length = length.min(4096);
        let mut bytes = vec![0; length];
        let local = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: length,
        };
        let remote = libc::iovec {
            iov_base: from as *mut libc::c_void,
            iov_len: length,
        };
        // SAFETY: our side points to memory of this function; the other side is the kernel's to
        // check.
        let count = unsafe {
            libc::process_vm_readv(self.pid, &raw const local, 1, &raw const remote, 1, 0)
        };
        bytes.truncate(usize::try_from(count).ok()?);
        Some(bytes)
    }

    // A text that ends with a NUL byte.
    fn text(&self, from: u64) -> Option<Vec<u8>> {
        // Not over the end of a page, beyond which there may be nothing.
        let first = 4096 - (from as usize % 4096);
        let mut text = self.bytes(from, first)?;
        if !text.contains(&0) {
            text.extend(self.bytes(from + first as u64, 4096).unwrap_or_default());
        }
        let end = memchr::memchr(0, &text)?;
        text.truncate(end);
        Some(text)
    }

    // A path of the view, absolute: its own folder is one of the view.
    fn absolute(&self, path: &Path) -> PathBuf {
        if path.is_absolute() {
            return path.to_owned();
        }
        let folder = rustix::fs::readlinkat(&self.host, format!("{}/cwd", self.pid), Vec::new());
        match folder {
            Ok(folder) => Path::new(OsStr::from_bytes(folder.to_bytes())).join(path),
            Err(_) => path.to_owned(),
        }
    }

    // The process of the thread that asks: a descriptor of a process is of its first thread.
    fn process(&self) -> Option<i32> {
        let text = read_at(self.host.as_fd(), &format!("{}/status", self.pid)).ok()?;
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find_map(|it| it.strip_prefix("Tgid:"))?;
        line.trim().parse().ok()
    }

    // Whether its descriptor is a socket of connections.
    fn is_stream(&self, fd: i32) -> bool {
        let found = || -> Option<OwnedFd> {
            let pidfd = sys::pidfd(self.process()?).ok()?;
            // SAFETY: a plain system call; the descriptor is ours alone.
            unsafe {
                let fd = libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0);
                (fd >= 0).then(|| OwnedFd::from_raw_fd(fd as i32))
            }
        };
        let kind = found().and_then(|it| rustix::net::sockopt::socket_type(&it).ok());
        kind.is_none_or(|it| it == rustix::net::SocketType::STREAM)
    }
}

fn read_at(folder: BorrowedFd<'_>, name: &str) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    let mut bytes = vec![0; 4096];
    let count = rustix::io::read(&fd, &mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}

// The kernel's name of a process; empty where it is gone.
fn comm(proc: BorrowedFd<'_>, pid: i32) -> String {
    let text = read_at(proc, &format!("{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

enum Reached {
    Host(SocketAddr),
    Path(PathBuf),
    Abstract(Vec<u8>),
}

fn socket_address(bytes: &[u8]) -> Option<Reached> {
    let family = i32::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let port = || Some(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
    match family {
        libc::AF_INET => {
            let ip: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            Some(Reached::Host(SocketAddr::from((ip, port()?))))
        }
        libc::AF_INET6 => {
            let ip: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            Some(Reached::Host(SocketAddr::from((ip, port()?))))
        }
        libc::AF_UNIX => {
            let name = &bytes[2..];
            if *name.first()? == 0 {
                return Some(Reached::Abstract(name[1..].to_vec()));
            }
            let end = memchr::memchr(0, name).unwrap_or(name.len());
            Some(Reached::Path(PathBuf::from(OsStr::from_bytes(
                &name[..end],
            ))))
        }
        _ => None,
    }
}
