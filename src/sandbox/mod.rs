//! A throw-away copy-on-write view of the machine, in which a preview executes steps, and what they
//! changed in it. Nothing that happens in it reaches the host: every file system is covered by a
//! layer in memory, the network leads nowhere, no socket, process or right of the host is there.
//! Where that cannot be had, it is refused with the reason, and nothing is executed.
//!
//! It is no boundary for hostile runbooks: it shares the kernel. And root of a view is not the kernel's:
//! a write to a set-user program takes that bit away, `trusted.*` attributes and `chattr` are refused.
//!
//! ```text
//! engine ── Sandbox ──▶ supervisor (a process; builds the view, reads its layers, hears refusals)
//!                            └─ init of the view (gives every right away; ends with the supervisor)
//! keeper ── prefix ───▶ entry of a step ─ joins the view's namespaces ─▶ the interpreter
//! ```
//!
//! A preview is not an executor: a keeper starts, reads and ends its steps as it does any other, with
//! [`Sandbox::prefix`] before the interpreter. [`Sandbox::effects`] after each step tells what it
//! changed and tried; [`Sandbox::finish`] ends what is left and tells all of it together.

mod enter;
mod filter;
mod init;
mod layer;
mod mounts;
mod network;
mod node;
mod notice;
mod supervisor;
mod sys;
mod view;
mod wire;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde::{Deserialize, Serialize};

use crate::change::{Content, Difference, Identity, Intent, Seen};
use crate::event::Text;
use crate::keeper::protocol::Frames;

use supervisor::ENGINE_FD;
use wire::{Ask, Held, Say, Told};

/// The first argument with which this program is a supervisor.
pub const SUPERVISOR: &str = "__sandbox";

/// The first argument with which this program is the entry of a step.
pub const INSIDE: &str = "__inside";

// A view is there in milliseconds; a machine with thousands of mounts takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a view is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// How many bytes all steps together may write: beyond, they meet a full disk, and the host's
    /// is not touched. `None` is half of the memory that is free.
    pub size: Option<u64>,
}

/// Whose view it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rights {
    /// Root's: every user is who they are.
    Root,
    /// A user's: nobody else is there, and nothing of what others own can be changed.
    User {
        /// Their number.
        uid: u32,
        /// Their group's.
        gid: u32,
    },
}

/// Something that the view does otherwise than the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Where.
    pub path: Text,
    /// What.
    pub because: String,
}

/// A view that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Whose it is.
    pub rights: Rights,
    /// What it does otherwise than the machine.
    pub limits: Vec<Limit>,
    /// How many bytes all steps together may write.
    pub size: u64,
    // Where steps come in.
    address: String,
}

/// Why there can be no view. Nothing was executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What cannot be had.
    pub what: String,
    /// Why not: the system's reason.
    pub because: String,
    /// What a person can do about it.
    pub way_out: Option<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.because)
    }
}

impl std::error::Error for Refused {}

/// A process that a step left running in the view. It ends with the view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftRunning {
    /// Its number in the view.
    pub pid: i32,
    /// The kernel's name of it.
    pub name: String,
}

/// What happened between two looks at the view.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// What changed, in the order of paths, contents included; secrets are in it. Made fit to be
    /// shown by [`crate::change::set_of`].
    pub differences: Vec<Difference>,
    /// What was refused.
    pub intents: Vec<Intent>,
    /// What runs in the view now.
    pub left_running: Vec<LeftRunning>,
    /// What could not be compared, and why.
    pub notes: Vec<String>,
}

/// The engine's end of a view. Dropped, it ends everything in it.
pub struct Sandbox {
    // Declared first: it is closed first, and that ends the supervisor.
    frames: Frames,
    program: PathBuf,
    ready: Ready,
    supervisor: Supervisor,
}

// Waited for, so that the engine leaves no dead child.
struct Supervisor(Child);

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = self.0.wait();
    }
}

impl Sandbox {
    /// Starts a supervisor, which is `program` (this one), and waits until the view is there.
    ///
    /// # Errors
    /// Where this machine, or this user, cannot have one: with the reason, and nothing executed.
    pub fn start(program: &Path, wanted: &Wanted) -> Result<Self, Refused> {
        let failed = |it: io::Error| Refused {
            what: "the supervisor of the preview cannot be started".to_owned(),
            because: it.to_string(),
            way_out: None,
        };
        let (mut frames, supervisor) = spawn(program).map_err(failed)?;
        frames
            .send(&Ask::Build(wanted.clone()), None)
            .map_err(failed)?;
        match wire::wait(&mut frames, Some(PATIENCE)).map_err(failed)? {
            Some(Say::Ready(ready)) => Ok(Self {
                frames,
                program: program.to_owned(),
                ready,
                supervisor,
            }),
            Some(Say::Refused(refused)) => Err(refused),
            _ => Err(failed(io::Error::other("it ended before it was ready"))),
        }
    }

    /// Returns what the view is.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Returns the process number of the supervisor.
    pub fn pid(&self) -> u32 {
        self.supervisor.0.id()
    }

    /// Returns what is put before a program and its arguments to start it in the view: the program
    /// by its absolute path, in the working folder and with the environment that it is to have.
    ///
    /// It keeps the descriptors 0 to 2, [`crate::keeper::SCRIPT_FD`] and [`crate::keeper::DUMP_FD`]
    /// where they are pipes, files in memory or `/dev/null`; anything else of the host is refused,
    /// for a way out of the view. It ends as the program does, 127 where that could not be started.
    pub fn prefix(&self) -> Vec<OsString> {
        vec![
            self.program.clone().into(),
            INSIDE.into(),
            self.ready.address.clone().into(),
        ]
    }

    /// Returns what happened since the last time, or since the beginning: of one step, when it is
    /// asked after each.
    ///
    /// # Errors
    /// Where the view is gone.
    pub fn effects(&mut self) -> io::Result<Effects> {
        self.frames.send(&Ask::Effects, None)?;
        self.frames.flush_all()?;
        self.told()
    }

    /// Ends everything that still runs in the view, and the view. Returns what happened since the
    /// last time, with what was still running; and all changes of all steps together.
    ///
    /// # Errors
    /// Where the view is gone already.
    pub fn finish(mut self) -> io::Result<(Effects, Effects)> {
        self.frames.send(&Ask::Finish, None)?;
        self.frames.flush_all()?;
        let last = self.told()?;
        let whole = self.told()?;
        Ok((last, whole))
    }

    fn told(&mut self) -> io::Result<Effects> {
        match wire::wait(&mut self.frames, None)? {
            Some(Say::Effects(told)) => {
                let file = self.frames.take_fd().map(File::from);
                let file = file.ok_or_else(|| io::Error::other("contents did not come along"))?;
                effects(told, &file)
            }
            Some(Say::Failed(because)) => Err(io::Error::other(because)),
            _ => Err(io::Error::other("the view is gone")),
        }
    }
}

fn spawn(program: &Path) -> io::Result<(Frames, Supervisor)> {
    let flags = SocketFlags::CLOEXEC;
    let (ours, theirs) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let theirs_raw = theirs.as_raw_fd();
    #[expect(
        clippy::disallowed_methods,
        reason = "the supervisor has no keeper: it is one"
    )]
    let mut command = std::process::Command::new(program);
    command
        .arg(SUPERVISOR)
        .env_clear()
        .current_dir("/")
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
    let child = command.spawn()?;
    Ok((Frames::new(ours), Supervisor(child)))
}

fn effects(told: Told, file: &File) -> io::Result<Effects> {
    let mut bytes = vec![0; file.metadata()?.len() as usize];
    file.read_exact_at(&mut bytes, 0)?;
    let side = |side: wire::Side| {
        let content = match side.content {
            Held::None => Content::None,
            Held::At(at, length) => {
                let part = bytes.get(at as usize..(at + length) as usize);
                Content::Bytes(part.unwrap_or_default().into())
            }
            Held::Digest(digest) => Content::Digest(digest),
            Held::Unread(because) => Content::Unread(because),
        };
        Arc::new(Seen {
            node: side.node,
            // Of one node alone nothing needs to be told by it any more.
            identity: Identity::HostNumber(0, 0),
            content,
        })
    };
    let difference = |it: wire::Difference| Difference {
        path: it.path.to_bytes(),
        what: it.what,
        from: it.from.map(|it| it.to_bytes()),
        link_to: it.link_to.map(|it| it.to_bytes()),
        before: it.before.map(side),
        after: it.after.map(side),
        aspects: it.aspects,
        inside: it.inside,
        host_changed: it.host_changed,
    };
    Ok(Effects {
        differences: told.differences.into_iter().map(difference).collect(),
        intents: told.intents,
        left_running: told.left_running,
        notes: told.notes,
    })
}

/// Runs as a supervisor until the engine hangs up. Returns an exit code.
pub fn supervise() -> u8 {
    supervisor::run() as u8
}

/// Runs as the entry of a step, with what stands behind [`INSIDE`]. Returns the exit code of the
/// step; where a signal ended it, ends by the same one.
pub fn step_inside(arguments: impl Iterator<Item = OsString>) -> u8 {
    enter::run(arguments) as u8
}
