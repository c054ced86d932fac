//! What is mounted: `/proc/self/mountinfo`, read.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// The number of the mount.
    pub(super) id: u64,
    /// The file system, `major:minor`.
    pub(super) device: String,
    /// What of the file system is mounted.
    pub(super) root: PathBuf,
    /// Where.
    pub(super) point: PathBuf,
    /// With which options.
    pub(super) options: String,
    /// The type of the file system.
    pub(super) kind: String,
}

impl Mount {
    /// Whether it has this option.
    pub(super) fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|it| it == option)
    }
}

/// What a preview makes of a mount, by the type of its file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// It is covered by a layer.
    Cover,
    /// It is no file system of files: nothing of it is shown.
    Hide,
    /// It cannot be covered and holds no sockets, pipes or devices: shown, read-only.
    ReadOnly,
}

/// Returns what becomes of file systems of this type.
pub(super) fn treatment(kind: &str) -> Treatment {
    // A type may have a subtype: `fuse.sshfs`.
    let kind = kind.split('.').next().unwrap_or_default();
    match kind {
        "proc" | "sysfs" | "cgroup" | "cgroup2" | "devtmpfs" | "devpts" | "mqueue"
        | "hugetlbfs" | "debugfs" | "tracefs" | "securityfs" | "pstore" | "bpf" | "configfs"
        | "efivarfs" | "fusectl" | "autofs" | "binfmt_misc" | "nsfs" | "rpc_pipefs" | "nfsd"
        | "selinuxfs" | "resctrl" | "functionfs" | "pipefs" | "sockfs" => Treatment::Hide,
        "vfat" | "msdos" | "exfat" | "iso9660" | "udf" | "ntfs" | "ntfs3" => Treatment::ReadOnly,
        _ => Treatment::Cover,
    }
}

/// Reads `mountinfo`; lines that are not understood are left out.
pub(super) fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse().ok();
    let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
    let id = number(words.next()?)?;
    let _parent = words.next()?;
    let device = text(words.next()?);
    let root = path(words.next()?);
    let point = path(words.next()?);
    let options = text(words.next()?);
    let kind = text(words.skip_while(|it| *it != b"-").nth(1)?);
    Some(Mount {
        id,
        device,
        root,
        point,
        options,
        kind,
    })
}

// Blanks, backslashes and ends of lines stand as three octal digits.
fn path(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..3).filter(|_| *first == b'\\');
        let code = digits.and_then(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 8).ok());
        if let Some(code) = code {
            bytes.push(code);
            rest = &behind[3..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Returns whether `path` is `folder` or stands below it.
pub(super) fn is_below(path: &Path, folder: &str) -> bool {
    let rest = path.as_os_str().as_bytes().strip_prefix(folder.as_bytes());
    rest.is_some_and(|it| it.is_empty() || it[0] == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_may_hold_blanks_and_backslashes() {
        let text =
            b"36 35 98:0 /mnt1 /mnt\\040a\\134b rw,noatime shared:1 master:2 - ext3 /dev/root rw\n\
            garbage\n37 36 0:5 / /mnt/x ro,nosuid - fuse.sshfs h: rw\n";
        let all = parse(text);
        let told: Vec<String> = all
            .iter()
            .map(|it| format!("{} {} {} {}", it.id, it.point.display(), it.kind, it.device))
            .collect();
        assert_eq!(told, ["36 /mnt a\\b ext3 98:0", "37 /mnt/x fuse.sshfs 0:5"]);
        assert!(all[1].has("ro") && !all[0].has("ro"));
        assert_eq!(treatment(&all[1].kind), Treatment::Cover);
    }

    #[test]
    fn a_folder_is_not_below_one_whose_name_it_begins_with() {
        assert!(is_below(Path::new("/dev/shm"), "/dev"));
        assert!(is_below(Path::new("/dev"), "/dev"));
        assert!(!is_below(Path::new("/devel"), "/dev"));
    }
}
