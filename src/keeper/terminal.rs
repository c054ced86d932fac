//! The terminal of a step that wants one: a pseudo-terminal that the keeper holds, so that it outlives
//! the engine, and the line on which an operator types into it and sees what it shows.
//!
//! What is shown has its declared secrets masked, as what is stored. Nothing of what is typed is kept.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Gid, Mode, Uid};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::host::machine::Account;
use crate::host::terminal::{Modes, Size};
use crate::redact::{Masker, Texts};

// An operator whose terminal takes no more than this holds the step up, as any terminal does.
const MOST_SHOWN: usize = 256 << 10;
// So much that was typed waits for a step that does not read.
const MOST_TYPED: usize = 4 << 10;
// What an operator who comes back is shown of what was printed last.
const LAST: usize = 2 << 10;

/// The keeper's end.
pub(super) struct Terminal {
    master: OwnedFd,
    masker: Masker,
    clean: Vec<u8>,
    modes: Modes,
    last: Vec<u8>,
    typed: Vec<u8>,
    line: Option<Line>,
}

/// The way to an operator.
pub(super) struct Line {
    socket: OwnedFd,
    shown: Vec<u8>,
}

impl Terminal {
    /// Makes one for a step of this user; returns the step's end besides.
    pub(super) fn open(user: Option<&Account>, secrets: &Texts) -> io::Result<(Self, OwnedFd)> {
        let master =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
        if let Some(user) = user {
            // It opens its terminal by name as well.
            let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
            rustix::fs::fchown(&slave, Some(uid), Some(gid))?;
            rustix::fs::fchmod(&slave, Mode::from_raw_mode(0o600))?;
        }
        rustix::io::ioctl_fionbio(&master, true)?;
        let this = Self {
            master,
            masker: secrets.masker(),
            clean: Vec::new(),
            modes: Modes::default(),
            last: Vec::new(),
            typed: Vec::new(),
            line: None,
        };
        this.resize(Size::USUAL);
        Ok((this, slave))
    }

    /// Returns another descriptor of the same end, to read what the step prints.
    pub(super) fn output(&self) -> io::Result<OwnedFd> {
        Ok(rustix::io::fcntl_dupfd_cloexec(&self.master, 0)?)
    }

    /// Opens the line to an operator whose terminal has this size; one that was open is closed.
    pub(super) fn attach(&mut self, size: Size) -> io::Result<OwnedFd> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        let mut shown = self.modes.redo();
        if !self.modes.has_own_screen() {
            shown.extend_from_slice(&self.last);
        }
        self.line = Some(Line {
            socket: ours,
            shown,
        });
        // Who draws a whole screen draws it anew when the size changes, and only then.
        if self.modes.has_own_screen() {
            self.resize(Size {
                rows: size.rows.saturating_sub(1).max(1),
                ..size
            });
        }
        self.resize(size);
        Ok(theirs)
    }

    pub(super) fn resize(&self, size: Size) {
        let size = Winsize {
            ws_row: size.rows,
            ws_col: size.columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // A step that is gone has no terminal any more.
        let _ = rustix::termios::tcsetwinsize(&self.master, size);
    }

    /// Shows what the step printed.
    pub(super) fn show(&mut self, bytes: &[u8]) {
        let mut clean = std::mem::take(&mut self.clean);
        clean.clear();
        self.masker.feed(bytes, &mut clean);
        self.shown(&clean);
        self.clean = clean;
    }

    fn shown(&mut self, clean: &[u8]) {
        self.modes.feed(clean);
        self.last.extend_from_slice(clean);
        if self.last.len() > LAST {
            let from = self.last.len() - LAST;
            let line = memchr::memchr(b'\n', &self.last[from..]).map_or(from, |at| from + at + 1);
            self.last.drain(..line);
        }
        if let Some(line) = &mut self.line {
            line.shown.extend_from_slice(clean);
            line.flush();
        }
    }

    /// Whether the operator's terminal is so far behind that the step is to wait.
    pub(super) fn is_behind(&self) -> bool {
        self.line
            .as_ref()
            .is_some_and(|it| it.shown.len() > MOST_SHOWN)
    }

    /// Returns the line, whether there is room for what is typed, and whether something waits to be
    /// shown.
    pub(super) fn line(&self) -> Option<(BorrowedFd<'_>, bool, bool)> {
        let line = self.line.as_ref()?;
        let has_room = self.typed.len() < MOST_TYPED;
        Some((line.socket.as_fd(), has_room, !line.shown.is_empty()))
    }

    /// Returns the step's terminal where something that was typed waits for it.
    pub(super) fn input(&self) -> Option<BorrowedFd<'_>> {
        (!self.typed.is_empty()).then(|| self.master.as_fd())
    }

    /// Takes what was typed, hands on what can be.
    pub(super) fn serve(&mut self) {
        if let Some(line) = &mut self.line {
            line.flush();
            if self.typed.len() < MOST_TYPED {
                let mut bytes = [0; MOST_TYPED];
                match rustix::io::read(&line.socket, &mut bytes) {
                    Ok(0) => self.line = None,
                    Ok(count) => self.typed.extend_from_slice(&bytes[..count]),
                    Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                    Err(_) => self.line = None,
                }
            }
        }
        while !self.typed.is_empty() {
            match rustix::io::write(&self.master, &self.typed) {
                Ok(count) => drop(self.typed.drain(..count)),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return,
                Err(_) => self.typed.clear(),
            }
        }
    }

    /// The step is over: returns the line, where its last word is still to be shown.
    pub(super) fn end(mut self) -> Option<Line> {
        let mut rest = Vec::new();
        self.masker.finish(&mut rest);
        self.shown(&rest);
        self.line.filter(|it| !it.shown.is_empty())
    }
}

impl Drop for Line {
    // A process that is made meanwhile has a copy of it for a moment.
    fn drop(&mut self) {
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }
}

impl Line {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Shows what can be shown without waiting. `false` once nothing is left.
    pub(super) fn flush(&mut self) -> bool {
        while !self.shown.is_empty() {
            let flags = rustix::net::SendFlags::NOSIGNAL;
            match rustix::net::send(&self.socket, &self.shown, flags) {
                Ok(count) => drop(self.shown.drain(..count)),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return true,
                Err(_) => self.shown.clear(),
            }
        }
        false
    }
}
