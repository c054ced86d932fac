//! The entry of a step into the view: what a keeper starts in place of the interpreter. It joins the
//! namespaces of the view, gives away what the step may not have, and becomes the interpreter; the
//! part of it that stays outside passes on how that ended.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::ptr;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::keeper::{DUMP_FD, SCRIPT_FD};

use super::{filter, sys, wire};

/// What the entry ends with where the step could not be started.
pub(super) const NOT_STARTED: i32 = 127;

// Of root's rights: those over files, over other users' processes in the view, and to become other
// users. Not those over the system, the network, devices or the kernel.
const RIGHTS_OF_ROOT: u64 = {
    // CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP,
    // NET_BIND_SERVICE, SYS_CHROOT, AUDIT_WRITE, SETFCAP
    let all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 18, 29, 31];
    let mut mask = 0;
    let mut at = 0;
    while at < all.len() {
        mask |= 1 << all[at];
        at += 1;
    }
    mask
};

// The type of the file system of pipes without a name.
const PIPES: rustix::fs::FsWord = 0x5049_5045;

// What a step keeps of the descriptors that its keeper gives it.
const KEPT: [RawFd; 5] = [0, 1, 2, SCRIPT_FD, DUMP_FD];

/// Enters the view at the address that the first argument names, and becomes the program that the
/// second one names. Returns an exit code; where the program was ended by a signal, ends by it too.
pub(super) fn run(mut arguments: impl Iterator<Item = OsString>) -> i32 {
    let address = arguments.next().unwrap_or_default();
    let command: Vec<OsString> = arguments.collect();
    match start(address.as_bytes(), &command) {
        Ok(pid) => pass_on(pid),
        Err(error) => {
            let program = command.first().map(|it| it.to_string_lossy().into_owned());
            let program = program.unwrap_or_default();
            say(&format!("cannot start `{program}` in the preview: {error}"));
            NOT_STARTED
        }
    }
}

fn say(text: &str) {
    let _ = rustix::io::write(
        rustix::stdio::stderr(),
        format!("runbook: {text}\n").as_bytes(),
    );
}

fn start(address: &[u8], command: &[OsString]) -> io::Result<i32> {
    let c = |it: &OsString| CString::new(it.as_bytes());
    let argv = command.iter().map(c).collect::<Result<Vec<_>, _>>()?;
    let program = argv
        .first()
        .ok_or_else(|| io::Error::other("no program is named"))?;
    let mut envp = Vec::new();
    for (name, value) in std::env::vars_os() {
        let mut entry = name.into_vec();
        entry.push(b'=');
        entry.extend(value.into_vec());
        envp.push(CString::new(entry)?);
    }
    let folder = std::env::current_dir()?;
    let mut nothing = Vec::new();
    for fd in KEPT {
        if look_at(fd)? {
            nothing.push(fd);
        }
    }
    leave_terminal()?;
    let line = connect(address)?;
    let mut word = [0];
    let (count, namespaces) = wire::receive_with(line.as_fd(), &mut word)?;
    if count != 1 || namespaces.len() != wire::NAMESPACES.len() {
        return Err(io::Error::other("the view is gone"));
    }
    let is_root = word[0] == wire::OF_ROOT;
    // Between here and the program's start this process, with the host's program as `/proc/N/exe`,
    // can be seen from the view: nothing of it is to be opened there.
    sys::prctl(libc::PR_SET_DUMPABLE, 0)?;
    for fd in &namespaces {
        sys::enter(fd.as_fd(), 0)?;
    }
    drop(namespaces);
    // The part that stays and the part that goes in share their descriptors at first: what goes in is
    // under the filter from the moment on at which it has the listener, and could not send it.
    let (stays, goes) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // SAFETY: this process has one thread.
    let Some(pid) = (unsafe { sys::fork(libc::CLONE_FILES)? }) else {
        let inside = Inside {
            line: goes.as_fd(),
            is_root,
            nothing,
        };
        let error = inside.become_step(program, &argv, &envp, &folder);
        let program = program.to_string_lossy();
        say(&format!("cannot start `{program}` in the preview: {error}"));
        sys::end(NOT_STARTED);
    };
    // Closed here it would be closed there too, where it is needed still.
    let _ = goes.into_raw_fd();
    if let Err(error) = hand_over(pid, stays.as_fd(), line.as_fd()) {
        // Nobody would hear it.
        sys::kill_and_wait(pid);
        return Err(error);
    }
    Ok(pid)
}

// Passes the listener of the part that goes in to the supervisor.
fn hand_over(pid: i32, stays: BorrowedFd<'_>, line: BorrowedFd<'_>) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    let pidfd = sys::pidfd(pid)?;
    let mut watched = [
        PollFd::new(&stays, PollFlags::IN),
        PollFd::new(&pidfd, PollFlags::IN),
    ];
    while let Err(error) = poll(&mut watched, None) {
        if error != rustix::io::Errno::INTR {
            return Err(error.into());
        }
    }
    let mut number = [0; 4];
    // Where it ended instead, it has said why, and its code is passed on.
    if watched[0].revents().is_empty() || rustix::io::read(stays, &mut number)? != number.len() {
        return Ok(());
    }
    // SAFETY: the other part opened it in the table that is shared, and leaves it to this one.
    let listener = unsafe { OwnedFd::from_raw_fd(i32::from_ne_bytes(number)) };
    wire::send_with(line, b"f", &[listener])
}

// What a step is handed must not lead out of the view: a folder does, and a file, a device, a terminal
// or a named pipe can be opened again by its descriptor, for writing, or given another mode. Returns
// whether it is the host's `/dev/null`, in place of which the view's is put.
fn look_at(fd: RawFd) -> io::Result<bool> {
    // SAFETY: borrowed for this function only, in which nothing closes it.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let Ok(is) = rustix::fs::fstat(fd) else {
        return Ok(false);
    };
    let what = match FileType::from_raw_mode(is.st_mode) {
        // Without a name it is nobody else's.
        FileType::Fifo if rustix::fs::fstatfs(fd)?.f_type == PIPES => return Ok(false),
        FileType::RegularFile if is.st_nlink == 0 => return Ok(false),
        FileType::CharacterDevice
            if (libc::major(is.st_rdev), libc::minor(is.st_rdev)) == (1, 3) =>
        {
            return Ok(true);
        }
        FileType::RegularFile => "a file",
        FileType::Directory => "a folder",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        _ => "a device",
    };
    let number = fd.as_raw_fd();
    Err(io::Error::other(format!(
        "descriptor {number} is {what} of the host"
    )))
}

// Has no terminal from here on: whoever may open `/dev/tty` writes to the operator's.
fn leave_terminal() -> io::Result<()> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(terminal) = rustix::fs::open("/dev/tty", flags, Mode::empty()) else {
        return Ok(());
    };
    if rustix::process::setsid().is_ok() {
        return Ok(());
    }
    // SAFETY: a plain system call.
    if unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCNOTTY) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn connect(address: &[u8]) -> io::Result<OwnedFd> {
    let line = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let address = SocketAddrUnix::new_abstract_name(address)?;
    rustix::net::connect(&line, &address)
        .map_err(|it| io::Error::other(format!("the view is gone: {it}")))?;
    Ok(line)
}

struct Inside<'a> {
    line: BorrowedFd<'a>,
    is_root: bool,
    // The descriptors that are `/dev/null`.
    nothing: Vec<RawFd>,
}

impl Inside<'_> {
    // Returns only where it fails.
    fn become_step(
        &self,
        program: &CString,
        argv: &[CString],
        envp: &[CString],
        folder: &std::path::Path,
    ) -> io::Error {
        if let Err(error) = self.prepare(folder) {
            return error;
        }
        let pointers = |all: &[CString]| -> Vec<*const libc::c_char> {
            all.iter()
                .map(|it| it.as_ptr())
                .chain([ptr::null()])
                .collect()
        };
        let (argv, envp) = (pointers(argv), pointers(envp));
        // SAFETY: both arrays end with null and live until the program is started.
        unsafe {
            libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr());
        }
        io::Error::last_os_error()
    }

    fn prepare(&self, folder: &std::path::Path) -> io::Result<()> {
        sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64)?;
        std::env::set_current_dir(folder).map_err(|it| {
            let folder = folder.display();
            io::Error::other(format!("its folder `{folder}` is not in the view: {it}"))
        })?;
        // SAFETY: plain system calls. Of a program that crashes the kernel starts the host's handler
        // of core dumps, outside of the view; it does not where the limit is 1. The keys of the
        // session that is left are the operator's.
        unsafe {
            let limit = libc::rlimit {
                rlim_cur: 1,
                rlim_max: 1,
            };
            if libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) != 0 {
                return Err(io::Error::last_os_error());
            }
            let join_session_keyring = 1;
            libc::syscall(
                libc::SYS_keyctl,
                join_session_keyring,
                ptr::null::<libc::c_char>(),
            );
            // Rust ignores it for its programs.
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        }
        let listener = filter::install(self.is_root)?;
        let number = listener.into_raw_fd().to_ne_bytes();
        // It need not wait: a call that is told of waits until somebody hears it.
        rustix::io::write(self.line, &number)?;
        sys::keep_capabilities(if self.is_root { RIGHTS_OF_ROOT } else { 0 })?;
        sys::close_others(0, &KEPT)?;
        let nothing = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty())?;
        for at in &self.nothing {
            // SAFETY: a plain system call, on descriptors of this process alone.
            if unsafe { libc::dup2(nothing.as_raw_fd(), *at) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }
}

// Waits for the step, and ends as it did.
fn pass_on(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: plain system calls on memory of this function. Signals for the step reach it by
    // themselves; this process stays until it has ended.
    unsafe {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
            libc::signal(signal, libc::SIG_IGN);
        }
        while libc::waitpid(pid, &raw mut status, 0) < 0 {
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return NOT_STARTED;
            }
        }
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            libc::signal(signal, libc::SIG_DFL);
            libc::kill(libc::getpid(), signal);
            return 128 + signal;
        }
    }
    libc::WEXITSTATUS(status)
}
