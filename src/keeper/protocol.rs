//! What engine and keeper say to each other: a length (u32, little-endian), then JSON; the write end
//! of a gate travels beside its frame.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::event::{EndedBy, Identity, Text};
use crate::host::machine::Account;
use crate::host::terminal::Size;
use crate::model::{StepId, given_secret};
use crate::redact::{Named, Texts};
use crate::store::Hash;
use crate::store::attempts::AttemptRecord;

/// All that is needed to start one attempt of a step.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Its step.
    pub step: StepId,
    /// Which attempt: also `$RUNBOOK_ATTEMPT`.
    pub nonce: String,
    /// Absolute path of the interpreter.
    pub program: String,
    /// Its arguments, without its name.
    pub args: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, Text)>,
    /// The working folder, absolute.
    pub cwd: Text,
    /// The user that it runs as, where that is not the keeper's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Account>,
    /// The file that is its standard input, relative to the working folder; none is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// Whether it has a terminal, which the keeper holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
    /// Whether it is no attempt at all, but a shell for the operator: nothing is recorded of it, and it
    /// ends with the engine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shell: bool,
    /// What the interpreter runs.
    pub script: String,
    /// Where it finds it: on standard input, else on [`super::SCRIPT_FD`].
    pub script_on_stdin: bool,
    /// Added to a line that the interpreter names, to make it a line of the Markdown file.
    pub line_offset: u32,
    /// Whether the interpreter was asked to leave its environment on [`super::DUMP_FD`].
    pub dumps: bool,
    /// Whether what it leaves there is a line for people instead: what it did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tells: bool,
    /// After this many milliseconds it is ended.
    pub timeout_ms: Option<u64>,
    /// Where its output goes, below the run's folder, without `.log`.
    pub log: String,
    /// What is masked in all that is stored of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Named>,
    /// Whether nothing of what it prints is stored: only how much it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// What it gives to later steps; absent where it can give nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gives: Option<Gives>,
}

/// How a step gives values to later steps: what it prints, and what it writes into `$RUNBOOK_OUTPUT`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gives {
    /// What it prints becomes the value of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<String>,
    /// Nothing of it is stored: its values are told to the engine alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// The secret input that its output is, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// That input may have fewer than eight characters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short: bool,
    /// Names that it may not give, and what they are: `an input`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taken: BTreeMap<String, String>,
    /// Exit codes that count as ok; 0 alone, when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exit: Vec<i32>,
}

impl Gives {
    /// Returns what the secret is called that `step` gives as `name`.
    pub fn secret_name(&self, step: &StepId, name: &str) -> String {
        match (&self.input, &self.capture) {
            (Some(input), Some(capture)) if capture == name => input.clone(),
            _ => given_secret(step, name),
        }
    }
}

// Its environment and its script are nobody's to read.
impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Launch({}, {})", self.step, self.nonce)
    }
}

impl Launch {
    /// Returns the SHA-256 of the command as it is handed to the interpreter, its secrets masked,
    /// hexadecimal.
    pub fn digest(&self, secrets: &Texts) -> String {
        Hash::of(&secrets.mask(self.script.as_bytes()).0).hex()
    }
}

/// How a step is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// SIGINT to its process group; it may go on.
    Interrupt,
    /// SIGTERM to all its processes, SIGKILL to those that are left after the grace.
    Terminate,
    /// SIGKILL to all its processes.
    Kill,
}

/// What a client asks of the keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask")]
pub enum Ask {
    /// Hold this attempt at a gate.
    Prepare(Box<Launch>),
    /// End an attempt.
    End {
        /// Which.
        nonce: String,
        /// How.
        ending: Ending,
        /// On whose behalf.
        by: EndedBy,
    },
    /// Open the line to the terminal of this attempt: its end comes along with the answer.
    Terminal {
        /// Which.
        nonce: String,
        /// How large the operator's own is.
        size: Size,
    },
    /// The operator's terminal has another size.
    Resize {
        /// Which attempt has it.
        nonce: String,
        /// The size.
        size: Size,
    },
    /// Say what is running, and from now on what happens: an engine attaches.
    Attach,
    /// Pass this on to the engine: another command of the operator.
    Tell(Message),
    /// End when nothing is held any more.
    Retire,
}

/// What another command tells the engine through the keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "tell")]
pub enum Message {
    /// `runbook stop`.
    Stop {
        /// Who.
        by: String,
    },
    /// `runbook note`.
    Note {
        /// The text.
        text: String,
        /// Who.
        by: String,
    },
}

/// What the keeper answers and reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "say")]
pub enum Say {
    /// It listens.
    Ready {
        /// Its process number.
        pid: u32,
    },
    /// The attempt waits at its gate, whose only write end comes along.
    Held {
        /// Which.
        nonce: String,
        /// The process.
        identity: Identity,
    },
    /// The attempt could not even be held.
    Refused {
        /// Which.
        nonce: String,
        /// Why.
        because: String,
    },
    /// Answer to `terminal`: the line comes along, where that attempt has a terminal.
    Terminal {
        /// Which.
        nonce: String,
        /// Whether it has one.
        there: bool,
    },
    /// A shell for the operator is over.
    ShellEnded {
        /// Which.
        nonce: String,
        /// How, in words.
        how: String,
    },
    /// What became of an attempt is on the disk.
    Ended {
        /// Its record.
        record: Box<AttemptRecord>,
        /// The values that the record does not hold whole.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        live: Vec<Named>,
    },
    /// Answer to `attach`: the attempts that are held or running.
    Holding {
        /// Their nonces.
        nonces: Vec<String>,
        /// The user that the keeper, and so its steps, run as.
        uid: u32,
    },
    /// Another command speaks to the engine.
    Told(Message),
    /// Answer to `tell`.
    Passed {
        /// Whether an engine was there to hear it.
        heard: bool,
        /// Whether a step was running.
        running: bool,
    },
    /// The keeper cannot keep its promise.
    Broken {
        /// Why.
        because: String,
    },
}

const LARGEST: usize = 256 * 1024 * 1024;

/// Frames on a stream socket.
pub struct Frames {
    socket: OwnedFd,
    received: Vec<u8>,
    fds: Vec<OwnedFd>,
    outgoing: Vec<u8>,
    chunk: Vec<u8>,
}

impl Frames {
    /// Speaks over `socket`.
    pub fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            received: Vec::new(),
            fds: Vec::new(),
            outgoing: Vec::new(),
            chunk: vec![0; 64 * 1024],
        }
    }

    /// Returns the socket, for polling.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Returns whether something is still to be sent.
    pub fn is_behind(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Sends `message`, and `fd` with it. What the socket does not take now is kept, and sent by
    /// [`Frames::flush`].
    ///
    /// # Errors
    /// Where the peer is gone.
    pub fn send(&mut self, message: &impl Serialize, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let start = self.outgoing.len();
        self.outgoing.extend_from_slice(&[0; 4]);
        serde_json::to_writer(&mut self.outgoing, message)?;
        let length = (self.outgoing.len() - start - 4) as u32;
        self.outgoing[start..start + 4].copy_from_slice(&length.to_le_bytes());
        if let Some(fd) = fd {
            self.flush_blocking(start)?;
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            let fds = [fd];
            ancillary.push(SendAncillaryMessage::ScmRights(&fds));
            let first = [io::IoSlice::new(&self.outgoing[..1])];
            retry(|| sendmsg(&self.socket, &first, &mut ancillary, SendFlags::NOSIGNAL))?;
            self.outgoing.drain(..1);
        }
        self.flush()
    }

    /// Sends what can be sent without waiting.
    ///
    /// # Errors
    /// Where the peer is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match rustix::net::send(
                &self.socket,
                &self.outgoing,
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            ) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sends all that is kept, waiting for the peer.
    ///
    /// # Errors
    /// Where the peer is gone.
    pub fn flush_all(&mut self) -> io::Result<()> {
        self.flush_blocking(self.outgoing.len())
    }

    fn flush_blocking(&mut self, until: usize) -> io::Result<()> {
        let mut left = until;
        while left > 0 {
            let sent = retry(|| {
                rustix::net::send(&self.socket, &self.outgoing[..left], SendFlags::NOSIGNAL)
            })?;
            self.outgoing.drain(..sent);
            left -= sent;
        }
        Ok(())
    }

    /// Reads what is there without waiting. `false` once the peer has hung up.
    ///
    /// # Errors
    /// Where the socket fails.
    pub fn fill(&mut self) -> io::Result<bool> {
        loop {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [io::IoSliceMut::new(&mut self.chunk)];
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            match recvmsg(&self.socket, &mut slices, &mut ancillary, flags) {
                Ok(message) => {
                    let count = message.bytes;
                    for part in ancillary.drain() {
                        if let RecvAncillaryMessage::ScmRights(fds) = part {
                            self.fds.extend(fds);
                        }
                    }
                    if count == 0 {
                        return Ok(false);
                    }
                    self.received.extend_from_slice(&self.chunk[..count]);
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(true),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::CONNRESET) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns the next whole message that was read.
    ///
    /// # Errors
    /// Where the bytes are not of this protocol.
    pub fn message<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let Some(length) = self.received.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length > LARGEST {
            return Err(io::Error::other("a message of more than 256 MiB"));
        }
        let Some(body) = self.received.get(4..4 + length) else {
            return Ok(None);
        };
        let message = serde_json::from_slice(body)?;
        self.received.drain(..4 + length);
        Ok(Some(message))
    }

    /// Returns the oldest file descriptor that came along and was not taken yet.
    pub fn take_fd(&mut self) -> Option<OwnedFd> {
        (!self.fds.is_empty()).then(|| self.fds.remove(0))
    }
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map_err(io::Error::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    fn pair() -> (Frames, Frames) {
        let flags = SocketFlags::CLOEXEC;
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        (Frames::new(a), Frames::new(b))
    }

    #[test]
    fn a_message_and_its_file_descriptor_arrive_together_and_in_order() {
        let (mut here, mut there) = pair();
        let stop = Ask::Tell(Message::Stop {
            by: "ana".to_owned(),
        });
        here.send(&stop, None).unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        here.send(&Ask::Attach, Some(read.as_fd())).unwrap();
        assert!(there.fill().unwrap());
        assert_eq!(there.message::<Ask>().unwrap(), Some(stop));
        assert_eq!(there.message::<Ask>().unwrap(), Some(Ask::Attach));
        assert_eq!(there.message::<Ask>().unwrap(), None);
        let gate = there.take_fd().unwrap();
        rustix::io::write(&write, b"g").unwrap();
        let mut byte = [0];
        assert_eq!(rustix::io::read(&gate, &mut byte).unwrap(), 1);
    }

    #[test]
    fn a_peer_that_hangs_up_is_noticed_after_its_last_message() {
        let (mut here, mut there) = pair();
        here.send(&Ask::Retire, None).unwrap();
        drop(here);
        assert!(!there.fill().unwrap());
        assert_eq!(there.message::<Ask>().unwrap(), Some(Ask::Retire));
    }
}
