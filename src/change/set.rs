//! Differences → a change set that may be shown and stored: text diffs, digests of what is no text,
//! secrets masked, noise marked.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use similar::TextDiff;

use crate::event::{Text, hex};
use crate::redact::Texts;

use super::compare::aspect_of;
use super::mask::{hidden_by_content, hidden_by_path};
use super::{Aspect, Content, Difference, Kind, Node, Noise, Seen, What};

// After this a diff is only of the parts that were found to be equal by then.
const DEADLINE: Duration = Duration::from_millis(500);

/// The version of the shape of [`ChangeSet`].
pub const VERSION: u32 = 1;

/// What changed, fit to be shown and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The version of this shape.
    pub version: u32,
    /// Every change, in the order of paths; those that are folded too.
    pub changes: Vec<Change>,
    /// How many of them are noise, by sort.
    pub folded: Vec<Folded>,
}

/// How many changes of one sort are noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folded {
    /// Which sort.
    pub noise: Noise,
    /// How many.
    pub count: u64,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where.
    pub path: Text,
    /// What.
    pub what: What,
    /// What stands, or stood, there.
    pub kind: Kind,
    /// The name it had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Text>,
    /// Another name of the same node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_to: Option<Text>,
    /// How many nodes moved along in a renamed folder.
    #[serde(default, skip_serializing_if = "is_none")]
    pub inside: u64,
    /// In what it differs, with both sides, but for the content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facets: Vec<Facet>,
    /// How its content differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
    /// Whether the host changed it while the preview ran.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_changed: bool,
    /// Why it is folded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde asks for"
)]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// One property on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    /// Which.
    pub aspect: Aspect,
    /// Before; empty where it was not there.
    pub before: String,
    /// After.
    pub after: String,
}

/// How a content differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "diff")]
pub enum Diff {
    /// Of texts: unified, without its two head lines.
    Text {
        /// The hunks.
        hunks: String,
        /// How many lines came.
        added: u64,
        /// How many lines went.
        removed: u64,
    },
    /// Of anything else: size and digest.
    Binary {
        /// Before.
        before: Option<Blob>,
        /// After.
        after: Option<Blob>,
    },
    /// Nobody is to see it.
    Hidden {
        /// Why.
        because: String,
        /// How many bytes it was.
        before: Option<u64>,
        /// How many bytes it is.
        after: Option<u64>,
    },
}

/// A content by its size and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Bytes.
    pub size: u64,
    /// Its SHA-256, hexadecimal; `None` where it was not read.
    pub sha256: Option<String>,
}

/// Returns what may be shown of `differences`: declared secrets are masked in contents, names and
/// attributes, and what holds secrets by its name is not shown at all.
pub fn set_of(differences: &[Difference], secrets: &Texts) -> ChangeSet {
    let changes: Vec<Change> = differences.iter().map(|it| change(it, secrets)).collect();
    let mut counts: BTreeMap<Noise, u64> = BTreeMap::new();
    for noise in changes.iter().filter_map(|it| it.noise) {
        *counts.entry(noise).or_default() += 1;
    }
    let folded = counts
        .into_iter()
        .map(|(noise, count)| Folded { noise, count });
    ChangeSet {
        version: VERSION,
        folded: folded.collect(),
        changes,
    }
}

fn change(it: &Difference, secrets: &Texts) -> Change {
    let path = |bytes: &Vec<u8>| Text::of_bytes(&secrets.mask(bytes).0);
    let seen = it.after.as_ref().or(it.before.as_ref());
    let kind = seen.map_or(Kind::File, |it| it.node.kind);
    let is_times = it.what == What::TimesOnly && kind == Kind::Folder;
    Change {
        path: path(&it.path),
        what: it.what,
        kind,
        from: it.from.as_ref().map(path),
        link_to: it.link_to.as_ref().map(path),
        inside: it.inside,
        facets: facets(it, secrets),
        diff: diff(it, secrets),
        host_changed: it.host_changed,
        noise: Noise::at(&it.path).or(is_times.then_some(Noise::Times)),
    }
}

fn facets(it: &Difference, secrets: &Texts) -> Vec<Facet> {
    let mut found = Vec::new();
    let sides = (it.before.as_ref(), it.after.as_ref());
    let aspects = match sides {
        // Of what is new, what a person would not expect.
        (None, Some(after)) => unusual(&after.node),
        _ => it.aspects.clone(),
    };
    for aspect in aspects {
        let told = |seen: Option<&std::sync::Arc<Seen>>| {
            let mut text = seen.map_or_else(String::new, |it| property(aspect, &it.node));
            secrets.clean(&mut text);
            text
        };
        if aspect != Aspect::Content {
            found.push(Facet {
                aspect,
                before: told(sides.0),
                after: told(sides.1),
            });
        }
    }
    found
}

fn unusual(node: &Node) -> Vec<Aspect> {
    let mut found = Vec::new();
    let mode = match node.kind {
        Kind::Folder => 0o755,
        Kind::Symlink => node.mode,
        _ => 0o644,
    };
    let mut add = |aspect, is_there: bool| {
        if is_there {
            found.push(aspect);
        }
    };
    add(Aspect::Target, node.target.is_some());
    add(Aspect::Mode, node.mode != mode);
    add(Aspect::Owner, (node.uid, node.gid) != (0, 0));
    let of = |aspect| node.attributes.keys().any(|it| aspect_of(it) == aspect);
    add(Aspect::Capabilities, of(Aspect::Capabilities));
    add(Aspect::AccessList, of(Aspect::AccessList));
    add(Aspect::Attributes, of(Aspect::Attributes));
    found
}

fn property(aspect: Aspect, node: &Node) -> String {
    let shown = |text: &Text| String::from_utf8_lossy(&text.to_bytes()).into_owned();
    match aspect {
        Aspect::Kind => kind_word(node.kind).to_owned(),
        Aspect::Content => String::new(),
        Aspect::Target => node.target.as_ref().map(shown).unwrap_or_default(),
        Aspect::Mode => format!("{:04o}", node.mode),
        Aspect::Owner => format!("{}:{}", node.uid, node.gid),
        Aspect::Links => node.links.to_string(),
        Aspect::Times => format!("{}.{:09}", node.modified.seconds, node.modified.nanoseconds),
        Aspect::Capabilities | Aspect::AccessList | Aspect::Attributes => {
            let those = node
                .attributes
                .iter()
                .filter(|it| aspect_of(it.0) == aspect);
            let told: Vec<String> = those.map(|(name, value)| attribute(name, value)).collect();
            told.join(" ")
        }
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Folder => "folder",
        Kind::Symlink => "symbolic link",
        Kind::Fifo => "named pipe",
        Kind::Socket => "socket",
        Kind::CharacterDevice => "character device",
        Kind::BlockDevice => "block device",
    }
}

fn attribute(name: &Text, value: &Text) -> String {
    let bytes = value.to_bytes();
    let label = String::from_utf8_lossy(&name.to_bytes()).into_owned();
    match label.as_str() {
        "security.capability" => capabilities(&bytes).unwrap_or_else(|| hex(&bytes)),
        "system.posix_acl_access" | "system.posix_acl_default" => {
            let list = access_list(&bytes).unwrap_or_else(|| hex(&bytes));
            if label.ends_with("default") {
                format!("default:{list}")
            } else {
                list
            }
        }
        _ => match value {
            Text::Plain(text) => format!("{label}={text:?}"),
            Text::Bytes { hex } => format!("{label}=0x{hex}"),
        },
    }
}

// `struct vfs_cap_data`: a head with a flag, then pairs of permitted and inheritable.
fn capabilities(bytes: &[u8]) -> Option<String> {
    const NAMES: &[&str] = &[
        "chown",
        "dac_override",
        "dac_read_search",
        "fowner",
        "fsetid",
        "kill",
        "setgid",
        "setuid",
        "setpcap",
        "linux_immutable",
        "net_bind_service",
        "net_broadcast",
        "net_admin",
        "net_raw",
        "ipc_lock",
        "ipc_owner",
        "sys_module",
        "sys_rawio",
        "sys_chroot",
        "sys_ptrace",
        "sys_pacct",
        "sys_admin",
        "sys_boot",
        "sys_nice",
        "sys_resource",
        "sys_time",
        "sys_tty_config",
        "mknod",
        "lease",
        "audit_write",
        "audit_control",
        "setfcap",
        "mac_override",
        "mac_admin",
        "syslog",
        "wake_alarm",
        "block_suspend",
        "audit_read",
        "perfmon",
        "bpf",
        "checkpoint_restore",
    ];
    let word = |at: usize| {
        let bytes = bytes.get(at * 4..at * 4 + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let is_effective = word(0)? & 1 != 0;
    let pair = |low, high: Option<u32>| u64::from(low) | u64::from(high.unwrap_or_default()) << 32;
    let permitted = pair(word(1)?, word(3));
    let inheritable = pair(word(2)?, word(4));
    let names = |mask: u64| -> Vec<&str> {
        let known = NAMES.iter().enumerate();
        known
            .filter(|it| mask & (1 << it.0) != 0)
            .map(|it| *it.1)
            .collect()
    };
    let mut told = Vec::new();
    for (mask, letter) in [(permitted, 'p'), (inheritable, 'i')] {
        if mask != 0 {
            let effective = if is_effective && letter == 'p' {
                "e"
            } else {
                ""
            };
            told.push(format!("{}={effective}{letter}", names(mask).join(",")));
        }
    }
    Some(told.join(" "))
}

// A version, then entries: tag, permissions, number of a user or group.
fn access_list(bytes: &[u8]) -> Option<String> {
    let (version, entries) = bytes.split_at_checked(4)?;
    if version != [2, 0, 0, 0] {
        return None;
    }
    let mut told = Vec::new();
    for entry in entries.chunks_exact(8) {
        let half = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
        let number = u32::from_le_bytes(entry[4..8].try_into().ok()?);
        let who = match half(0) {
            0x01 => "user:".to_owned(),
            0x02 => format!("user:{number}"),
            0x04 => "group:".to_owned(),
            0x08 => format!("group:{number}"),
            0x10 => "mask:".to_owned(),
            0x20 => "other:".to_owned(),
            _ => return None,
        };
        let bit = |mask, letter| if half(2) & mask != 0 { letter } else { '-' };
        told.push(format!(
            "{who}:{}{}{}",
            bit(4, 'r'),
            bit(2, 'w'),
            bit(1, 'x')
        ));
    }
    Some(told.join(","))
}

fn diff(it: &Difference, secrets: &Texts) -> Option<Diff> {
    fn file(seen: Option<&std::sync::Arc<Seen>>) -> Option<&Seen> {
        let seen = seen?;
        (seen.node.kind == Kind::File).then_some(seen)
    }
    let is_whole = matches!(it.what, What::Added | What::Deleted | What::Replaced);
    // Another name of what is there already says nothing new.
    if (!is_whole && !it.aspects.contains(&Aspect::Content)) || it.link_to.is_some() {
        return None;
    }
    let (before, after) = (file(it.before.as_ref()), file(it.after.as_ref()));
    if before.is_none() && after.is_none() {
        return None;
    }
    let size = |it: Option<&Seen>| it.map(|it| it.node.size);
    let hidden = |because: &str| {
        Some(Diff::Hidden {
            because: because.to_owned(),
            before: size(before),
            after: size(after),
        })
    };
    let names = [Some(&it.path), it.from.as_ref()];
    if let Some(because) = names
        .into_iter()
        .flatten()
        .find_map(|it| hidden_by_path(it))
    {
        return hidden(because);
    }
    let (Some(old), Some(new)) = (text(before), text(after)) else {
        return Some(Diff::Binary {
            before: before.map(|it| blob(it, secrets)),
            after: after.map(|it| blob(it, secrets)),
        });
    };
    for content in [old, new] {
        if let Some(because) = hidden_by_content(content.as_bytes()) {
            return hidden(because);
        }
    }
    let masked = |text: &str| {
        let mut stream = secrets.stream();
        let mut out = Vec::with_capacity(text.len());
        stream.feed(text.as_bytes(), &mut out);
        stream.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    let (old_shown, new_shown) = (masked(old), masked(new));
    if old_shown == new_shown && old != new {
        return hidden("it differs in a secret alone");
    }
    Some(unified(&old_shown, &new_shown))
}

// An empty side is a text too.
fn text(seen: Option<&Seen>) -> Option<&str> {
    match seen.map(|it| &it.content) {
        None => Some(""),
        Some(Content::Bytes(bytes)) if !bytes.contains(&0) => std::str::from_utf8(bytes).ok(),
        Some(_) => None,
    }
}

fn blob(seen: &Seen, secrets: &Texts) -> Blob {
    let digest = match &seen.content {
        // The digest of something short that is a secret would let it be guessed.
        Content::Bytes(bytes) if secrets.hold(bytes) => None,
        Content::Bytes(bytes) => Some(Sha256::digest(bytes).into()),
        Content::Digest(digest) => Some(*digest),
        Content::None | Content::Unread(_) => None,
    };
    Blob {
        size: seen.node.size,
        sha256: digest.map(|it: [u8; 32]| hex(&it)),
    }
}

fn unified(old: &str, new: &str) -> Diff {
    let diff = TextDiff::configure().timeout(DEADLINE).diff_lines(old, new);
    let (mut added, mut removed) = (0, 0);
    for change in diff.iter_all_changes() {
        match change.tag() {
            similar::ChangeTag::Insert => added += 1,
            similar::ChangeTag::Delete => removed += 1,
            similar::ChangeTag::Equal => {}
        }
    }
    Diff::Text {
        hunks: diff.unified_diff().context_radius(3).to_string(),
        added,
        removed,
    }
}
