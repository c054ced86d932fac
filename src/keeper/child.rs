//! Forks the process of an attempt and holds it at its gate.
//!
//! std's `Command` cannot do this: it blocks the parent until the program is executed. The keeper
//! has one thread, so the child of a fork may do what it likes before it executes.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};

use super::protocol::Launch;
use super::{DUMP_FD, SCRIPT_FD};

// Everything the child needs stays above the numbers that it will fill.
const ABOVE: RawFd = 64;

// What the child tells on its status pipe: `V` when its gate was closed; else `G` and the time since
// boot (seconds and nanoseconds, two i64, native order) as it passes, and, where it cannot become the
// interpreter, `E` and the error number (i32, native order).
static VOID: u8 = b'V';
const GONE: u8 = b'G';
const FAULT: u8 = b'E';
const GONE_LENGTH: usize = 17;

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

/// Returns why the child could not become the interpreter: an error number.
pub(super) fn fault(told: &[u8]) -> Option<i32> {
    let (first, rest) = told.get(GONE_LENGTH..)?.split_first()?;
    let number = rest.get(..4)?.try_into().ok()?;
    (*first == FAULT).then(|| i32::from_ne_bytes(number))
}

/// A forked process that waits at its gate.
pub(super) struct Child {
    pub(super) pid: i32,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) status: OwnedFd,
    pub(super) dump: Option<OwnedFd>,
}

/// Forks. The child waits until a byte comes through `gate`; its end means that it never runs.
pub(super) fn fork_held(launch: &Launch, gate: OwnedFd) -> io::Result<Child> {
    let program = c_string(launch.program.as_bytes())?;
    let mut args = vec![program.clone()];
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
    let cwd = c_string(&launch.cwd.to_bytes())?;
    let script = memory_file("runbook-step", launch.script.as_bytes())?;
    let dump = launch
        .dumps
        .then(|| memory_file("runbook-environment", b""))
        .transpose()?;
    let (stdout, stdout_child) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr, stderr_child) = pipe_with(PipeFlags::CLOEXEC)?;
    let (status, status_child) = pipe_with(PipeFlags::CLOEXEC)?;
    for pipe in [&stdout, &stderr, &status] {
        rustix::io::ioctl_fionbio(pipe, true)?;
    }
    // A larger pipe saves wake-ups; where the user's allowance is used up the usual one will do.
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, 1 << 20);
    let argv = pointers(&args);
    let envp = pointers(&env);
    let stdin = if launch.script_on_stdin {
        script.try_clone()?
    } else {
        File::open("/dev/null")?.into()
    };
    // SAFETY: the keeper has one thread, so no lock can be held by another one across the fork.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let ends = Ends {
                stdin: stdin.as_raw_fd(),
                stdout: stdout_child.as_raw_fd(),
                stderr: stderr_child.as_raw_fd(),
                script: script.as_raw_fd(),
                dump: dump.as_ref().map(AsRawFd::as_raw_fd),
                gate: gate.as_raw_fd(),
                status: status_child.as_raw_fd(),
            };
            // SAFETY: this is the child; it never returns.
            unsafe { become_step(&ends, &cwd, &program, &argv, &envp) }
        }
        pid => Ok(Child {
            pid,
            stdout,
            stderr,
            status,
            dump,
        }),
    }
}

struct Ends {
    stdin: RawFd,
    stdout: RawFd,
    stderr: RawFd,
    script: RawFd,
    dump: Option<RawFd>,
    gate: RawFd,
    status: RawFd,
}

unsafe fn become_step(
    ends: &Ends,
    cwd: &CString,
    program: &CString,
    argv: &[*const libc::c_char],
    envp: &[*const libc::c_char],
) -> ! {
    // SAFETY: plain system calls on descriptors and pointers that live until `execve`.
    unsafe {
        let above = |fd: RawFd| libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, ABOVE);
        let (gate, status) = (above(ends.gate), above(ends.status));
        libc::setsid();
        let mut byte = 0_u8;
        let passed = loop {
            match libc::read(gate, (&raw mut byte).cast(), 1) {
                1 => break true,
                -1 if *libc::__errno_location() == libc::EINTR => {}
                _ => break false,
            }
        };
        if !passed {
            libc::write(status, (&raw const VOID).cast(), 1);
            libc::_exit(0);
        }
        let mut now: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now);
        let mut word = [GONE; GONE_LENGTH];
        word[1..9].copy_from_slice(&now.tv_sec.to_ne_bytes());
        word[9..].copy_from_slice(&now.tv_nsec.to_ne_bytes());
        libc::write(status, word.as_ptr().cast(), word.len());
        let (stdin, stdout, stderr) = (above(ends.stdin), above(ends.stdout), above(ends.stderr));
        let (script, dump) = (above(ends.script), ends.dump.map(above));
        let mut fine = libc::dup2(stdin, 0) >= 0
            && libc::dup2(stdout, 1) >= 0
            && libc::dup2(stderr, 2) >= 0
            && libc::dup2(script, SCRIPT_FD) >= 0;
        if let Some(dump) = dump {
            fine = fine && libc::dup2(dump, DUMP_FD) >= 0;
        }
        // What the keeper ignores the step must not.
        for signal in [libc::SIGPIPE, libc::SIGHUP, libc::SIGINT] {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        if fine && libc::chdir(cwd.as_ptr()) == 0 {
            libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr());
        }
        let error = *libc::__errno_location();
        let mut message = [FAULT; 5];
        message[1..].copy_from_slice(&error.to_ne_bytes());
        libc::write(status, message.as_ptr().cast(), message.len());
        libc::_exit(127)
    }
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings
        .iter()
        .map(|it| it.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::other("a NUL byte in a command or its environment"))
}

fn memory_file(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let fd = memfd_create(name, MemfdFlags::CLOEXEC)?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0))?;
    Ok(file.into())
}

/// Takes a descriptor that this process was started with.
///
/// # Safety
/// Nothing else in the process may own `fd`.
pub(super) unsafe fn inherited(fd: RawFd) -> OwnedFd {
    // SAFETY: the caller's promise.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
