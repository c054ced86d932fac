//! The engine's end of the line to the keeper.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::event::Identity;
use crate::host::fault;
use crate::store::folder::RunFolder;
use crate::store::journal::Recorded;

use super::protocol::{Ask, Frames, Say};
use super::serve::ENGINE_FD;

// A keeper that does not answer for this long is taken for gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the keeper of a run.
pub struct Link {
    frames: Frames,
}

/// The write end of a gate. Dropped, it ends the step before it ever ran.
#[derive(Debug)]
pub struct Gate(OwnedFd);

/// An attempt that waits at its gate, until the journal has its beginning.
#[derive(Debug)]
pub struct Held {
    /// Which attempt.
    pub nonce: String,
    /// The process.
    pub identity: Identity,
    gate: Gate,
}

impl Held {
    /// Returns the held attempt that the keeper named.
    pub fn new(nonce: String, identity: Identity, gate: Gate) -> Self {
        Self {
            nonce,
            identity,
            gate,
        }
    }

    /// Lets the step run. Only the receipt of the commit that names it does that: durable before
    /// effect.
    ///
    /// # Errors
    /// Where the process at the gate is gone.
    pub fn release(self, _receipt: &Recorded) -> io::Result<()> {
        fault::point("releasing");
        rustix::io::write(&self.gate.0, b"g")?;
        fault::point("released");
        Ok(())
    }
}

impl Link {
    /// Starts a keeper for the run in `folder` and waits until it listens.
    ///
    /// # Errors
    /// Where it cannot be started, or says why it cannot keep the run.
    pub fn start(folder: &RunFolder, program: &Path) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let theirs_raw = theirs.as_raw_fd();
        #[expect(clippy::disallowed_methods, reason = "the keeper itself has no keeper")]
        let mut command = std::process::Command::new(program);
        command
            .arg("__keeper")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // SAFETY: only async-signal-safe calls between fork and exec.
        unsafe {
            command.pre_exec(move || {
                libc::setsid();
                if theirs_raw == ENGINE_FD {
                    libc::fcntl(ENGINE_FD, libc::F_SETFD, 0);
                } else if libc::dup2(theirs_raw, ENGINE_FD) < 0 {
                    return Err(io::Error::last_os_error());
                }
                Ok(())
            });
        }
        command.spawn()?;
        drop(theirs);
        let mut link = Self {
            frames: Frames::new(ours),
        };
        match link.wait(PATIENCE)? {
            Some(Say::Ready { pid }) => {
                fault::peer(pid as i32);
                Ok(link)
            }
            Some(Say::Broken { because }) => Err(io::Error::other(because)),
            _ => Err(io::Error::other("the keeper ended before it was ready")),
        }
    }

    /// Connects to the keeper that is there; `None` where none is.
    ///
    /// # Errors
    /// Where one is there and does not let us in.
    pub fn connect(folder: &RunFolder) -> io::Result<Option<Self>> {
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let dir = File::open(folder.path())?;
        let name = format!("/proc/self/fd/{}/keeper.sock", dir.as_raw_fd());
        match rustix::net::connect(&socket, &SocketAddrUnix::new(name)?) {
            Ok(()) => Ok(Some(Self {
                frames: Frames::new(socket),
            })),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::CONNREFUSED) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the socket, for polling.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.frames.fd()
    }

    /// Asks something.
    ///
    /// # Errors
    /// Where the keeper is gone.
    pub fn ask(&mut self, ask: &Ask) -> io::Result<()> {
        self.frames.send(ask, None)?;
        self.frames.flush_all()
    }

    /// Returns the gate of the attempt that the keeper has just said to hold.
    pub fn take_gate(&mut self) -> Option<Gate> {
        self.frames.take_fd().map(Gate)
    }

    /// Returns the line to a terminal that the keeper has just opened.
    pub fn take_line(&mut self) -> Option<OwnedFd> {
        self.frames.take_fd()
    }

    /// Returns what the keeper has said and nobody has read yet, without waiting; the flag is
    /// `false` once it has hung up.
    ///
    /// # Errors
    /// Where it does not speak our language.
    pub fn read(&mut self) -> io::Result<(Vec<Say>, bool)> {
        let alive = self.frames.fill()?;
        let mut said = Vec::new();
        while let Some(say) = self.frames.message()? {
            said.push(say);
        }
        Ok((said, alive))
    }

    /// Waits for one message; `None` where the keeper hangs up first.
    ///
    /// # Errors
    /// Where it says nothing for so long, or does not speak our language.
    pub fn wait(&mut self, patience: Duration) -> io::Result<Option<Say>> {
        loop {
            if let Some(say) = self.frames.message()? {
                return Ok(Some(say));
            }
            let mut fds = [PollFd::from_borrowed_fd(self.frames.fd(), PollFlags::IN)];
            let timeout = rustix::event::Timespec {
                tv_sec: patience.as_secs() as i64,
                tv_nsec: patience.subsec_nanos().into(),
            };
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Err(io::Error::other("the keeper does not answer")),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if !self.frames.fill()? {
                return self.frames.message();
            }
        }
    }
}
