//! What a preview changed, as data: nodes of the file system before and after, the differences
//! between two snapshots, text diffs, noise folded, secrets masked.
//!
//! Pure: [`crate`]'s sandbox reads the layers and hands over what it saw. Nothing here opens a file.

mod compare;
mod intent;
mod mask;
mod noise;
mod set;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Text;

pub use compare::compare;
pub use intent::{Intent, Sort};
pub use mask::hidden_by_path;
pub use noise::Noise;
pub use set::{Blob, Change, ChangeSet, Diff, Facet, Folded, set_of};

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
}

/// A time of the file system, since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds beyond them.
    pub nanoseconds: u32,
}

/// A node of the file system: all of it but its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Permissions, with set-user, set-group and sticky: at most `0o7777`.
    pub mode: u32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Bytes, of a file.
    pub size: u64,
    /// When its content was last changed.
    pub modified: Moment,
    /// How many names it has.
    pub links: u64,
    /// Where a symbolic link points, or the numbers of a device (`8:1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Text>,
    /// Extended attributes, capabilities and access lists among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<Text, Text>,
}

/// Which node it is, whatever its name: equal for the same node before and after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// A node of the host, by the handle that its file system gives it.
    Host(u32, Arc<[u8]>),
    /// A node of the host whose file system gives no handles, by layer and inode number.
    HostNumber(u32, u64),
    /// A node that was made in the view, by layer, inode number and birth.
    New(u32, u64, i128),
    /// A node that was changed in the view, whose origin the kernel did not note: by layer and inode
    /// number.
    Copied(u32, u64),
}

/// What is known of a file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// It is no file, or nobody asked.
    None,
    /// All of it.
    Bytes(Arc<[u8]>),
    /// Too much to keep: its SHA-256.
    Digest([u8; 32]),
    /// Too much to read, or not to be read, with the reason.
    Unread(String),
}

/// A node as it was seen at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub node: Node,
    /// Which it is.
    pub identity: Identity,
    /// What it holds.
    pub content: Content,
}

/// What stands at one path, on the host and in the view. `None` is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// On the host.
    pub base: Option<Arc<Seen>>,
    /// In the view.
    pub now: Option<Arc<Seen>>,
    /// Whether the host changed it while the preview ran.
    pub host_changed: bool,
}

/// Everything that the view may hold otherwise than the host, by absolute path. What is not in it is
/// as on the host.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// By path.
    pub entries: BTreeMap<Vec<u8>, Entry>,
}

/// In what two nodes at a path differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// What sort of node it is.
    Kind,
    /// Bytes of a file.
    Content,
    /// Where a link points; the numbers of a device.
    Target,
    /// Permissions.
    Mode,
    /// User or group.
    Owner,
    /// Capabilities of a program.
    Capabilities,
    /// Access lists.
    AccessList,
    /// Other extended attributes.
    Attributes,
    /// How many names it has.
    Links,
    /// Times.
    Times,
}

/// What became of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Nothing was there.
    Added,
    /// It is the same node, or a file in place of a file.
    Modified,
    /// Nothing is there now.
    Deleted,
    /// Another sort of node, or another folder, stands there.
    Replaced,
    /// It stood under another name.
    Renamed,
    /// Its times alone are others.
    TimesOnly,
}

/// One difference between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub path: Vec<u8>,
    /// What.
    pub what: What,
    /// The name it had.
    pub from: Option<Vec<u8>>,
    /// Another name of the same node that was there before, of one that was added.
    pub link_to: Option<Vec<u8>>,
    /// What stood there; of what was renamed: as it was under its old name.
    pub before: Option<Arc<Seen>>,
    /// What stands there.
    pub after: Option<Arc<Seen>>,
    /// In what they differ.
    pub aspects: Vec<Aspect>,
    /// How many nodes inside a renamed folder moved along unchanged.
    pub inside: u64,
    /// Whether the host changed it while the preview ran: the comparison is with what is there now.
    pub host_changed: bool,
}
