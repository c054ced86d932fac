//! What the engine, the supervisor and a step's entry say to each other: frames of the keeper's
//! protocol, and descriptors beside them.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::change::{Aspect, Intent, Node, What};
use crate::event::Text;
use crate::keeper::protocol::Frames;

use super::{LeftRunning, Ready, Refused, Wanted};

/// What the engine asks of the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// Build the view.
    Build(Wanted),
    /// Say what happened since the last time.
    Effects,
    /// End everything in the view, then say what happened since the last time, and end.
    Finish,
}

/// What the supervisor answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Say {
    /// The view is there.
    Ready(Ready),
    /// It cannot be.
    Refused(Refused),
    /// What happened; the contents are in the file that comes along.
    Effects(Told),
    /// It cannot be told.
    Failed(String),
}

/// What happened between two looks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) differences: Vec<Difference>,
    pub(super) intents: Vec<Intent>,
    pub(super) left_running: Vec<LeftRunning>,
    pub(super) notes: Vec<String>,
}

/// A difference without its contents.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Difference {
    pub(super) path: Text,
    pub(super) what: What,
    pub(super) from: Option<Text>,
    pub(super) link_to: Option<Text>,
    pub(super) before: Option<Side>,
    pub(super) after: Option<Side>,
    pub(super) aspects: Vec<Aspect>,
    pub(super) inside: u64,
    pub(super) host_changed: bool,
}

/// One side of a difference.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Side {
    pub(super) node: Node,
    pub(super) content: Held,
}

/// Where a content is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Held {
    /// Nowhere: there is none, or it did not change.
    None,
    /// In the file that comes along.
    At(u64, u64),
    /// It is too large; its SHA-256.
    Digest([u8; 32]),
    /// It could not be read.
    Unread(String),
}

/// The namespaces of a view, in the order in which they are entered: rights over the others come
/// with the first.
pub(super) const NAMESPACES: [&str; 6] = ["user", "mnt", "pid", "net", "ipc", "uts"];

/// What the supervisor sends with the namespaces, where the view is root's, and a user's.
pub(super) const OF_ROOT: u8 = b'r';
pub(super) const OF_USER: u8 = b'u';

// How many descriptors travel at once.
const MOST: usize = 8;

/// Sends a few bytes with descriptors.
pub(super) fn send_with(to: BorrowedFd<'_>, bytes: &[u8], fds: &[OwnedFd]) -> io::Result<()> {
    use std::os::fd::AsFd;
    let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    sendmsg(
        to,
        &[io::IoSlice::new(bytes)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// Receives a few bytes with descriptors; waits for them.
pub(super) fn receive_with(
    from: BorrowedFd<'_>,
    bytes: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [io::IoSliceMut::new(bytes)];
    let count = loop {
        match recvmsg(from, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => break message.bytes,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    let mut found = Vec::new();
    for part in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = part {
            found.extend(fds);
        }
    }
    Ok((count, found))
}

/// Waits for the next message; `None` once the peer has hung up.
pub(super) fn wait<T: DeserializeOwned>(
    frames: &mut Frames,
    patience: Option<Duration>,
) -> io::Result<Option<T>> {
    loop {
        if let Some(message) = frames.message()? {
            return Ok(Some(message));
        }
        let fd = frames.fd();
        let mut watched = [PollFd::new(&fd, PollFlags::IN)];
        let patience = patience.and_then(|it| it.try_into().ok());
        match poll(&mut watched, patience.as_ref()) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::TimedOut)),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        if !frames.fill()? {
            return frames.message();
        }
    }
}
