//! Signals to the engine, as something to poll.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

use super::decide::Signal;

/// What the operating system wants of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// For `decide`.
    Signal(Signal),
    /// Ctrl-Z.
    Suspend,
    /// The terminal has another size.
    Resized,
}

/// What came before a session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// Nothing that matters.
    None,
    /// The process was stopped, and goes on: what the terminal shows is not ours any more.
    Suspended,
    /// It is to end.
    Ended,
}

/// Blocks the signals that the engine reads in its own time. Must run before any thread is made,
/// so that all of them inherit the mask; programs that are started get an empty one.
///
/// # Errors
/// Where the kernel has no signalfd.
pub fn block() -> io::Result<Signals> {
    // SAFETY: plain system calls on a set that lives long enough.
    let fd = unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [
            libc::SIGINT,
            libc::SIGTERM,
            libc::SIGHUP,
            libc::SIGTSTP,
            libc::SIGWINCH,
        ] {
            libc::sigaddset(&raw mut set, signal);
        }
        // A file that may not grow is an error like a full disk.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and is nobody else's.
    Ok(Signals {
        fd: unsafe { OwnedFd::from_raw_fd(fd) },
    })
}

/// The blocked signals.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Returns what to poll.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn read(&self) -> Vec<News> {
        let mut news = Vec::new();
        let mut info = [0_u8; 128];
        while let Ok(count) = rustix::io::read(&self.fd, &mut info) {
            if count < info.len() {
                break;
            }
            let number = i32::from_ne_bytes([info[0], info[1], info[2], info[3]]);
            news.extend(match number {
                libc::SIGINT => Some(News::Signal(Signal::Interrupt)),
                libc::SIGTERM => Some(News::Signal(Signal::Terminate)),
                libc::SIGHUP => Some(News::Signal(Signal::HangUp)),
                libc::SIGTSTP => Some(News::Suspend),
                libc::SIGWINCH => Some(News::Resized),
                _ => None,
            });
        }
        news
    }

    /// Waits for so long, or until an interruption comes; says whether one did.
    pub fn wait(&self, at_most: std::time::Duration) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        let timeout = rustix::event::Timespec {
            tv_sec: at_most.as_secs() as i64,
            tv_nsec: at_most.subsec_nanos().into(),
        };
        let _ = poll(&mut fds, Some(&timeout));
        self.was_interrupted()
    }

    /// Returns whether an interruption is waiting; takes it. Ctrl-Z is obeyed.
    pub fn was_interrupted(&self) -> bool {
        self.look() == Interruption::Ended
    }

    /// Takes what is waiting; obeys Ctrl-Z.
    pub fn look(&self) -> Interruption {
        let news = self.read();
        if news.iter().any(|it| matches!(it, News::Signal(_))) {
            return Interruption::Ended;
        }
        if news.contains(&News::Suspend) {
            suspend();
            return Interruption::Suspended;
        }
        Interruption::None
    }
}

/// Stops this process as Ctrl-Z does, until it is continued. The kernel decides: where no shell is
/// there that could continue it (`ssh -t host runbook …`), it does not stop.
pub(super) fn suspend() {
    stoppable(|| {
        // SAFETY: a plain system call.
        unsafe { libc::raise(libc::SIGTSTP) };
    });
}

/// Lets Ctrl-Z stop this process as any other while `work` runs: another program has the terminal,
/// and a job stops as a whole.
pub fn stoppable<T>(work: impl FnOnce() -> T) -> T {
    let mask = |how| {
        // SAFETY: plain system calls on a set that lives long enough.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGTSTP);
            libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut());
        }
    };
    mask(libc::SIG_UNBLOCK);
    let done = work();
    mask(libc::SIG_BLOCK);
    done
}
