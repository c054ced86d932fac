//! Makes the process of an attempt and holds it at its gate.
//!
//! std's `Command` cannot do this: it blocks the parent until the program is executed. A plain fork
//! can, but copies the page tables of the keeper and makes it fault on every page it touches
//! afterwards, which is a tenth of what a short step costs. So the child shares the keeper's memory
//! (`CLONE_VM`, as `posix_spawn` does) on a stack of its own until it becomes the interpreter. It
//! runs beside the keeper meanwhile: it allocates nothing, cannot panic, and makes its system calls
//! without libc, whose `errno` it would share.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::ptr;
use std::time::Duration;

use rustix::fs::{Gid, Uid};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};
use syscalls::{Errno, Sysno, syscall};

use crate::event::Identity;
use crate::host::machine::Account;
use crate::host::process;

use super::protocol::Launch;
use super::{DUMP_FD, SCRIPT_FD};

// A number that no interpreter and no script of ours uses.
const ABOVE: RawFd = 20;

// What the child tells on its status pipe: `V` when its gate was closed; else `G` and the time since
// boot (seconds and nanoseconds, two i64, native order) as it passes, and, where it cannot become the
// interpreter, what it could not do and the error number (i32, native order).
const VOID: u8 = b'V';
const GONE: u8 = b'G';
const GONE_LENGTH: usize = 17;

/// What the child could not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Become the user that it was to run as.
    User,
    /// Open its standard input.
    Stdin,
    /// Go to its folder and become the interpreter.
    Start,
}

impl Fault {
    const fn mark(self) -> u8 {
        match self {
            Self::User => b'U',
            Self::Stdin => b'I',
            Self::Start => b'E',
        }
    }
}

/// Returns whether the child said that its gate was closed.
pub(super) fn is_void(told: &[u8]) -> bool {
    told.first() == Some(&VOID)
}

/// Returns when the child passed its gate, since boot.
pub(super) fn released_at(told: &[u8]) -> Option<Duration> {
    let (first, rest) = told.get(..GONE_LENGTH)?.split_first()?;
    let seconds = i64::from_ne_bytes(rest.get(..8)?.try_into().ok()?);
    let nanoseconds = i64::from_ne_bytes(rest.get(8..)?.try_into().ok()?);
    (*first == GONE).then(|| Duration::new(seconds as u64, nanoseconds as u32))
}

/// Returns what the child could not do before it became the interpreter, and the error number.
pub(super) fn fault(told: &[u8]) -> Option<(Fault, i32)> {
    let (first, rest) = told.get(GONE_LENGTH..)?.split_first()?;
    let number = rest.get(..4)?.try_into().ok()?;
    let faults = [Fault::User, Fault::Stdin, Fault::Start];
    let fault = faults.into_iter().find(|it| it.mark() == *first)?;
    Some((fault, i32::from_ne_bytes(number)))
}

/// A process that waits at its gate, or has passed it.
pub(super) struct Child {
    pub(super) pid: i32,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) status: OwnedFd,
    pub(super) dump: OwnedFd,
    shared: Shared,
}

// What the process reads and runs on in our memory until it becomes the interpreter.
struct Shared {
    pid: i32,
    recipe: Box<Recipe>,
    _stack: Stack,
    is_reaped: bool,
}

impl Drop for Shared {
    // Memory that a process may still run on is not given back.
    fn drop(&mut self) {
        if !self.is_reaped {
            // SAFETY: plain system calls on a child of this process that nobody has waited for.
            unsafe {
                libc::kill(self.pid, libc::SIGKILL);
                libc::waitpid(self.pid, ptr::null_mut(), 0);
            }
        }
    }
}

impl Child {
    /// Says that the process was waited for.
    pub(super) fn reaped(&mut self) {
        self.shared.is_reaped = true;
    }
}

/// A process at its gate, who it is, and the only write end of that gate.
pub(super) type Holding = (Child, Identity, OwnedFd);

/// A process that waits at its gate and does not know yet what it will be. Made while the step
/// before runs, so that the next one need not wait for it.
pub(super) struct Spare {
    identity: Identity,
    child: Child,
    script: OwnedFd,
    gate: OwnedFd,
}

impl Spare {
    /// Makes the process; where a terminal is given it will be its own.
    pub(super) fn new(terminal: Option<OwnedFd>) -> io::Result<Self> {
        let script = memory_file("runbook-step")?;
        let dump = memory_file("runbook-environment")?;
        let (stdout, stdout_child) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stderr, stderr_child) = pipe_with(PipeFlags::CLOEXEC)?;
        let (status, status_child) = pipe_with(PipeFlags::CLOEXEC)?;
        let (gate_child, gate) = pipe_with(PipeFlags::CLOEXEC)?;
        for pipe in [&stdout, &stderr, &status] {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        // A larger pipe saves wake-ups; where the user's allowance is used up the usual one will do.
        let _ = rustix::pipe::fcntl_setpipe_size(&stdout, 1 << 20);
        let nothing = File::open("/dev/null")?;
        let mut recipe = Box::new(Recipe {
            nothing: nothing.as_raw_fd(),
            stdout: stdout_child.as_raw_fd(),
            stderr: stderr_child.as_raw_fd(),
            script: script.as_raw_fd(),
            dump: dump.as_raw_fd(),
            gate: gate_child.as_raw_fd(),
            other_end: gate.as_raw_fd(),
            status: status_child.as_raw_fd(),
            script_on_stdin: false,
            terminal: terminal.as_ref().map_or(-1, AsRawFd::as_raw_fd),
            user: None,
            stdin: None,
            program: CString::default(),
            cwd: CString::default(),
            argv: Vec::new(),
            envp: Vec::new(),
            pointed_at: Vec::new(),
        });
        let stack = Stack::new()?;
        // SAFETY: recipe and stack outlive the process's use of them (see `Child`); `become_step`
        // keeps the promises above. The descriptors are copied by the clone, so ours may be closed
        // after it.
        let pid = unsafe {
            let flags = libc::CLONE_VM | libc::SIGCHLD;
            libc::clone(become_step, stack.top(), flags, (&raw mut *recipe).cast())
        };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        let shared = Shared {
            pid,
            recipe,
            _stack: stack,
            is_reaped: false,
        };
        let child = Child {
            pid,
            stdout,
            stderr,
            status,
            dump,
            shared,
        };
        let identity =
            process::identity(pid).ok_or_else(|| io::Error::other("its process is gone"))?;
        Ok(Self {
            identity,
            child,
            script,
            gate,
        })
    }

    /// Says that the process was waited for.
    pub(super) fn reaped(&mut self) {
        self.child.reaped();
    }

    /// Returns its number.
    pub(super) fn pid(&self) -> i32 {
        self.child.pid
    }

    /// Tells it what it will be. Returns it with its identity and the only write end of its gate:
    /// a byte lets it run, the end of the pipe ends it.
    pub(super) fn hold(mut self, launch: &Launch) -> io::Result<Holding> {
        let mut args = vec![c_string(launch.program.as_bytes())?];
        for arg in &launch.args {
            args.push(c_string(arg.as_bytes())?);
        }
        let mut env = Vec::with_capacity(launch.env.len());
        for (name, value) in &launch.env {
            let mut entry = name.clone().into_bytes();
            entry.push(b'=');
            entry.extend_from_slice(&value.to_bytes());
            env.push(c_string(&entry)?);
        }
        // At an offset, so that the process, which shares the position, reads from the beginning.
        File::from(self.script).write_all_at(launch.script.as_bytes(), 0)?;
        if let Some(user) = &launch.user {
            // `/dev/stdout` and its like are opened anew by name, which only its owner may.
            for pipe in [&self.child.stdout, &self.child.stderr] {
                let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
                rustix::fs::fchown(pipe, Some(uid), Some(gid))?;
            }
        }
        // It waits, and reads nothing of this before the gate opens.
        let recipe = &mut self.child.shared.recipe;
        recipe.program = c_string(launch.program.as_bytes())?;
        recipe.cwd = c_string(&launch.cwd.to_bytes())?;
        recipe.argv = pointers(&args);
        recipe.envp = pointers(&env);
        args.extend(env);
        recipe.pointed_at = args;
        recipe.script_on_stdin = launch.script_on_stdin;
        recipe.user.clone_from(&launch.user);
        recipe.stdin = match &launch.stdin {
            Some(path) => Some(c_string(path.as_bytes())?),
            None => None,
        };
        Ok((self.child, self.identity, self.gate))
    }
}

struct Recipe {
    nothing: RawFd,
    stdout: RawFd,
    stderr: RawFd,
    script: RawFd,
    dump: RawFd,
    gate: RawFd,
    // The write end of the gate, which the clone copied too.
    other_end: RawFd,
    status: RawFd,
    script_on_stdin: bool,
    // None where negative.
    terminal: RawFd,
    user: Option<Account>,
    stdin: Option<CString>,
    program: CString,
    cwd: CString,
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    // What the pointers above point into.
    pointed_at: Vec<CString>,
}

// The stack of a process until it becomes its interpreter, with a page below it that no one may
// touch.
struct Stack(*mut libc::c_void);

impl Stack {
    const SIZE: usize = 64 << 10;
    const GUARD: usize = 4 << 10;

    fn new() -> io::Result<Self> {
        use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
        // SAFETY: a new mapping, of which nobody knows yet.
        unsafe {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            let flags = MapFlags::PRIVATE | MapFlags::STACK;
            let base = mmap_anonymous(ptr::null_mut(), Self::SIZE, protection, flags)?;
            let stack = Self(base);
            mprotect(base, Self::GUARD, MprotectFlags::empty())?;
            Ok(stack)
        }
    }

    fn top(&self) -> *mut libc::c_void {
        // SAFETY: one past the end of the mapping, page-aligned.
        unsafe { self.0.cast::<u8>().add(Self::SIZE).cast() }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: nobody runs on it any more: its process was reaped.
        let _ = unsafe { rustix::mm::munmap(self.0, Self::SIZE) };
    }
}

extern "C" fn become_step(recipe: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `Spare::new` gave us a recipe that outlives this use of it.
    unsafe { run_recipe(recipe.cast::<Recipe>()) }
}

// Beside the keeper, in its memory: no allocation, no panic, no libc that sets `errno`.
unsafe fn run_recipe(recipe: *const Recipe) -> libc::c_int {
    // SAFETY: plain system calls on descriptors of this process and on memory of the recipe.
    unsafe {
        // With its own copy of the other end it would never see the gate close.
        let _ = syscall!(Sysno::close, (*recipe).other_end);
        let gate = above((*recipe).gate);
        let status = above((*recipe).status);
        let _ = syscall!(Sysno::setsid);
        // Its command line is the keeper's until then: by this name a person tells them apart.
        let name = c"runbook-next".as_ptr();
        let _ = syscall!(Sysno::prctl, libc::PR_SET_NAME, name, 0, 0, 0);
        let mut byte = 0_u8;
        let passed = loop {
            match syscall!(Sysno::read, gate, &raw mut byte, 1) {
                Ok(1) => break true,
                Err(Errno::EINTR) => {}
                _ => break false,
            }
        };
        if !passed {
            let word = [VOID];
            let _ = syscall!(Sysno::write, status, word.as_ptr(), 1);
            return 0;
        }
        // Only now: before, the keeper may have written to it.
        let it = &*recipe;
        let (stdin, stdout, stderr) = match it.terminal {
            ..0 if it.script_on_stdin => (it.script, it.stdout, it.stderr),
            ..0 => (it.nothing, it.stdout, it.stderr),
            terminal => (terminal, terminal, terminal),
        };
        let mut now = [0_i64; 2];
        let _ = syscall!(Sysno::clock_gettime, libc::CLOCK_BOOTTIME, now.as_mut_ptr());
        let mut word = [[GONE; 8]; 3];
        word[1] = now[0].to_ne_bytes();
        word[2] = now[1].to_ne_bytes();
        let start = word.as_ptr().cast::<u8>().add(7);
        let _ = syscall!(Sysno::write, status, start, GONE_LENGTH);
        let result = place(stdin, 0)
            .and_then(|()| place(stdout, 1))
            .and_then(|()| place(stderr, 2))
            .and_then(|()| place(it.script, SCRIPT_FD))
            .and_then(|()| place(it.dump, DUMP_FD));
        if it.terminal >= 0 {
            // Ctrl-C and Ctrl-Z are its own, and the end of the terminal ends it.
            let _ = syscall!(Sysno::ioctl, 0, libc::TIOCSCTTY, 0);
        }
        // What the keeper ignores or blocks the step must not. A `struct sigaction` of zeros is the
        // default, for x86_64 and aarch64 alike.
        let default = [0_u64; 4];
        for signal in [libc::SIGPIPE, libc::SIGHUP, libc::SIGINT, libc::SIGXFSZ] {
            let nothing = ptr::null_mut::<u64>();
            let _ = syscall!(Sysno::rt_sigaction, signal, default.as_ptr(), nothing, 8);
        }
        let nothing = ptr::null_mut::<u64>();
        let _ = syscall!(
            Sysno::rt_sigprocmask,
            libc::SIG_SETMASK,
            default.as_ptr(),
            nothing,
            8
        );
        let result = result
            .map_err(|error| (Fault::Start, error))
            .and_then(|()| match &it.user {
                Some(user) => become_user(user).map_err(|error| (Fault::User, error)),
                None => Ok(()),
            })
            .and_then(|()| {
                syscall!(Sysno::chdir, it.cwd.as_ptr()).map_err(|error| (Fault::Start, error))
            })
            // What it may not read itself it is not handed.
            .and_then(|_| match &it.stdin {
                Some(path) => open_stdin(path).map_err(|error| (Fault::Stdin, error)),
                None => Ok(()),
            })
            .and_then(|()| {
                syscall!(
                    Sysno::execve,
                    it.program.as_ptr(),
                    it.argv.as_ptr(),
                    it.envp.as_ptr()
                )
                .map_err(|error| (Fault::Start, error))
            });
        let (fault, number) = match result {
            Ok(_) => (Fault::Start, 0),
            Err((fault, error)) => (fault, error.into_raw()),
        };
        let mut word = [[fault.mark(); 4]; 2];
        word[1] = number.to_ne_bytes();
        let start = word.as_ptr().cast::<u8>().add(3);
        let _ = syscall!(Sysno::write, status, start, 5);
        127
    }
}

// Not through libc, which would make all threads of the keeper the user.
unsafe fn become_user(user: &Account) -> Result<(), Errno> {
    let (uid, gid) = (user.uid, user.gid);
    // SAFETY: plain system calls; the groups live as long as the recipe.
    unsafe {
        syscall!(Sysno::setgroups, user.groups.len(), user.groups.as_ptr())?;
        syscall!(Sysno::setresgid, gid, gid, gid)?;
        syscall!(Sysno::setresuid, uid, uid, uid).map(drop)
    }
}

unsafe fn open_stdin(path: &CString) -> Result<(), Errno> {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NOCTTY;
    // SAFETY: plain system calls on a path of the recipe and on descriptors of this process alone.
    unsafe {
        let fd = syscall!(Sysno::openat, libc::AT_FDCWD, path.as_ptr(), flags)?;
        place(fd as RawFd, 0)
    }
}

// Everything the process needs stays above the numbers that it will fill.
unsafe fn above(fd: RawFd) -> usize {
    // SAFETY: a plain system call; where it fails the next one on its result does too.
    unsafe { syscall!(Sysno::fcntl, fd, libc::F_DUPFD_CLOEXEC, ABOVE).unwrap_or(usize::MAX) }
}

unsafe fn place(fd: RawFd, at: RawFd) -> Result<(), Errno> {
    // SAFETY: plain system calls on descriptors of this process alone.
    unsafe { syscall!(Sysno::dup3, above(fd), at, 0).map(drop) }
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings
        .iter()
        .map(|it| it.as_ptr())
        .chain([ptr::null()])
        .collect()
}

fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::other("a NUL byte in a command or its environment"))
}

fn memory_file(name: &str) -> io::Result<OwnedFd> {
    Ok(memfd_create(name, MemfdFlags::CLOEXEC)?)
}

/// Takes a descriptor that this process was started with.
///
/// # Safety
/// Nothing else in the process may own `fd`.
pub(super) unsafe fn inherited(fd: RawFd) -> OwnedFd {
    // SAFETY: the caller's promise.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
