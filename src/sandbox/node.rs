//! One node of a file system, as the kernel describes it, and folders that are read without leaving
//! a trace.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Statx, StatxFlags, openat, statx};

use crate::change::{Kind, Moment, Node};
use crate::event::Text;

// A folder that was opened to be read.
pub(super) struct Folder {
    pub(super) fd: OwnedFd,
    pub(super) number: u64,
    device: (u32, u32),
}

impl Folder {
    pub(super) fn at(parent: &OwnedFd, name: &CStr) -> io::Result<Self> {
        let flags = OFlags::RDONLY
            | OFlags::DIRECTORY
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC
            | OFlags::NOATIME;
        let open = |flags| openat(parent, name, flags, Mode::empty());
        // Others' folders may not be opened without leaving a time of access.
        let fd = open(flags).or_else(|_| open(flags - OFlags::NOATIME))?;
        let is = look(&fd, c"", AtFlags::EMPTY_PATH)?;
        Ok(Self {
            fd,
            number: is.stx_ino,
            device: (is.stx_dev_major, is.stx_dev_minor),
        })
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        (self.number, self.device) == (other.number, other.device)
    }

    pub(super) fn names(&self) -> io::Result<Vec<CString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

pub(super) fn look(folder: &impl AsFd, name: &CStr, flags: AtFlags) -> rustix::io::Result<Statx> {
    let flags = flags | AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    statx(
        folder,
        name,
        flags,
        StatxFlags::BASIC_STATS | StatxFlags::BTIME,
    )
}

pub(super) fn kind(is: &Statx) -> Option<Kind> {
    Some(match FileType::from_raw_mode(is.stx_mode.into()) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Unknown => return None,
    })
}

pub(super) fn is_whiteout(is: &Statx) -> bool {
    kind(is) == Some(Kind::CharacterDevice) && (is.stx_rdev_major, is.stx_rdev_minor) == (0, 0)
}

pub(super) fn nanoseconds(time: rustix::fs::StatxTimestamp) -> i64 {
    time.tv_sec * 1_000_000_000 + i64::from(time.tv_nsec)
}

// A handle as the kernel notes it in an attribute, or as the name of an index entry: a header, the
// kind, an identity of the file system, and what `name_to_handle_at` gives.
pub(super) fn noted_handle(bytes: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 21;
    let length = usize::from(*bytes.get(2)?);
    let handle = bytes.get(HEADER..length)?;
    let mut found = vec![*bytes.get(4)?];
    found.extend_from_slice(handle);
    (bytes.get(1) == Some(&0xfb) && !handle.is_empty()).then_some(found)
}

pub(super) fn from_hex(name: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    name.chunks(2)
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
            _ => None,
        })
        .collect()
}

// Never one that could block, and without leaving a time of access where that is allowed.
pub(super) fn open_file(folder: &OwnedFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let open = |flags| openat(folder, name, flags, Mode::empty());
    Ok(open(flags | OFlags::NOATIME).or_else(|_| open(flags))?)
}

pub(super) fn size(is: &Statx) -> u64 {
    if kind(is) == Some(Kind::File) {
        is.stx_size
    } else {
        0
    }
}

pub(super) fn moment(is: &Statx) -> Moment {
    Moment {
        seconds: is.stx_mtime.tv_sec,
        nanoseconds: is.stx_mtime.tv_nsec,
    }
}

pub(super) fn target(folder: &OwnedFd, name: &CStr, is: &Statx) -> Option<Text> {
    match kind(is)? {
        Kind::Symlink => {
            let target = rustix::fs::readlinkat(folder, name, Vec::new()).ok()?;
            Some(Text::of_bytes(target.to_bytes()))
        }
        Kind::CharacterDevice | Kind::BlockDevice => Some(Text::Plain(format!(
            "{}:{}",
            is.stx_rdev_major, is.stx_rdev_minor
        ))),
        _ => None,
    }
}

pub(super) fn node(
    is: &Statx,
    target: Option<Text>,
    attributes: BTreeMap<Text, Text>,
) -> Option<Node> {
    Some(Node {
        kind: kind(is)?,
        mode: u32::from(is.stx_mode) & 0o7777,
        uid: is.stx_uid,
        gid: is.stx_gid,
        size: size(is),
        modified: moment(is),
        links: u64::from(is.stx_nlink),
        target,
        attributes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_that_the_kernel_noted_is_the_one_that_it_gives() {
        let mut noted = vec![0, 0xfb, 29, 0, 1];
        noted.extend([7; 16]);
        noted.extend([1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(noted_handle(&noted), Some(vec![1, 1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(noted_handle(&noted[..20]), None);
        assert_eq!(noted_handle(&[]), None);
        let name = crate::event::hex(&noted);
        assert_eq!(from_hex(name.as_bytes()), Some(noted));
        assert_eq!(from_hex(b"#1a"), None);
    }
}
