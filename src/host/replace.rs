//! A file as it is, and how it becomes another: all of it or nothing, whenever the machine stops.
//!
//! The new content is written beside the file, synced, and renamed over it; then the folder is synced.
//! Nothing is written where nothing differs.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid, XattrFlags, fchmod, fchown,
    fgetxattr, flistxattr, fsetxattr, fstat, linkat, mkdirat, openat, renameat, renameat_with,
    unlinkat,
};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::place::{self, Place, Refusal};
use super::storage::Storage;
use super::{accounts, fault, machine};
use crate::model::{Change, FileChange, Links};
use crate::redact::is_private;
use crate::unified::{Old, Texts, unified};

/// The longest text that is compared line by line.
const LONGEST: u64 = 4 << 20;
/// The most bytes of a name.
const NAME: usize = 255;

/// What a file is to be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What it holds.
    pub content: &'a [u8],
    /// Its permissions; as before, where nothing is said.
    pub mode: Option<u32>,
    /// Its user; as before, where nothing is said.
    pub uid: Option<u32>,
    /// Its group; as before, where nothing is said.
    pub gid: Option<u32>,
    /// Folders that are missing are made.
    pub parents: bool,
    /// Lines of it, from 0, in which a secret stands.
    pub secret_lines: &'a [usize],
}

/// To whom what a file holds is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The record of a run, which is its operator's.
    Record,
    /// Anybody: of a file that not everybody may read, nothing is told.
    Anybody,
}

/// What stands in the place of a file.
#[derive(Debug)]
pub struct Found {
    place: Place,
    standing: Option<Standing>,
}

#[derive(Debug)]
struct Standing {
    file: File,
    facts: Stat,
    /// Absent where it is too long to be read for nothing.
    content: Option<Vec<u8>>,
}

/// Looks at the place of `path`, which begins at `base` where it is relative.
///
/// # Errors
/// Where no file can be, or what is there cannot be read.
pub fn look(base: &Path, path: &Path, links: Links, wanted: &Wanted<'_>) -> Result<Found, Refusal> {
    let place = place::find(base, path, links)?;
    let path = place.path();
    if !place.missing.is_empty() {
        if !wanted.parents {
            let folder = path.parent().unwrap_or(&path).to_owned();
            return Err(Refusal::NoParent(folder));
        }
        return Ok(Found {
            place,
            standing: None,
        });
    }
    let facts =
        place::look(&place.folder, &place.name).map_err(|it| Refusal::io("look at", &path, it))?;
    let Some(facts) = facts else {
        return Ok(Found {
            place,
            standing: None,
        });
    };
    if let Some(what) = no_file(&facts) {
        return Err(Refusal::NoFile { path, what });
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(&place.folder, &place.name, flags, Mode::empty())
        .map_err(|it| Refusal::io("read", &path, it))?;
    let now = fstat(&file).map_err(|it| Refusal::io("look at", &path, it))?;
    if !is_same(&facts, &now) {
        return Err(Refusal::Changed(path));
    }
    let mut file = File::from(file);
    let length = u64::try_from(now.st_size).unwrap_or(u64::MAX);
    let is_read = length == wanted.content.len() as u64 || length <= LONGEST;
    let mut content = Vec::new();
    if is_read {
        // One byte more than there was: what has grown meanwhile is another text.
        (&mut file)
            .take(length.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|it| Refusal::io("read", &path, it))?;
    }
    Ok(Found {
        place,
        standing: Some(Standing {
            file,
            facts: now,
            content: is_read.then_some(content),
        }),
    })
}

fn no_file(facts: &Stat) -> Option<&'static str> {
    Some(match FileType::from_raw_mode(facts.st_mode) {
        FileType::RegularFile => return None,
        FileType::Directory => "a folder",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::Symlink => "a symbolic link",
        _ => "a device",
    })
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    let of = |it: &Stat| {
        (
            (it.st_dev, it.st_ino, it.st_size),
            (it.st_mtime, it.st_mtime_nsec),
            (it.st_ctime, it.st_ctime_nsec),
        )
    };
    of(one) == of(other)
}

impl Found {
    /// Returns where the file is.
    pub fn path(&self) -> PathBuf {
        self.place.path()
    }

    /// Says what `wanted` makes of it, for `audience`. `kept` is what the old file is kept as, where it is.
    /// Of a file that is called like one of secrets nothing that it held is told to anybody.
    pub fn change(
        &self,
        wanted: &Wanted<'_>,
        kept: Option<&str>,
        audience: Audience,
    ) -> FileChange {
        let path = self.path();
        let shown = path.display().to_string();
        let mut also = Vec::new();
        let Some(standing) = &self.standing else {
            let mut folder = self.place.above.clone();
            for name in &self.place.missing {
                folder.push(name);
                also.push(format!("folder {} is made", folder.display()));
            }
            also.extend(wanted.mode.map(|it| format!("mode {it:04o}")));
            if let Some(owner) = owner(wanted.uid, wanted.gid) {
                also.push(format!("owner {owner}"));
            }
            return FileChange {
                diff: difference(b"", "/dev/null", wanted, &shown, false),
                path: shown,
                change: Change::Created,
                also,
            };
        };
        let differs = standing.differs(wanted);
        let diff = match &standing.content {
            _ if !differs => String::new(),
            Some(content) => {
                let is_public = standing.facts.st_mode & 0o004 != 0;
                let hides = audience == Audience::Anybody && !is_public;
                difference(content, &shown, wanted, &shown, hides || is_private(&shown))
            }
            None => format!(
                "{} bytes become {}\n",
                standing.facts.st_size,
                wanted.content.len()
            ),
        };
        if let Some(kept) = kept.filter(|_| differs) {
            also.push(format!("what it held is kept as {kept}"));
        }
        if differs && standing.facts.st_nlink > 1 {
            also.push(format!(
                "it has {} names: the others keep what it held",
                standing.facts.st_nlink
            ));
        }
        if let Some((old, new)) = standing.mode(wanted) {
            also.push(format!("mode {old:04o} → {new:04o}"));
        }
        if let Some((old, new)) = standing.owner(wanted) {
            also.push(format!("owner {old} → {new}"));
        }
        let change = if differs || !also.is_empty() {
            Change::Changed
        } else {
            Change::Unchanged
        };
        FileChange {
            path: shown,
            change,
            diff,
            also,
        }
    }

    /// Returns what the file that is there would be kept as: beside it, called after `mark`. A copy that
    /// is kept already is found again; another file of that name is left alone. `None` where nothing is
    /// lost.
    ///
    /// # Errors
    /// Where no name is free.
    pub fn kept(&self, wanted: &Wanted<'_>, mark: &str) -> Result<Option<OsString>, Refusal> {
        let Some(standing) = self.standing.as_ref().filter(|it| it.differs(wanted)) else {
            return Ok(None);
        };
        for number in 1..1000 {
            let ending = match number {
                1 => format!(".before-{mark}"),
                _ => format!(".before-{mark}.{number}"),
            };
            let name = called(OsStr::new(""), &self.place.name, &ending);
            let there = place::look(&self.place.folder, &name)
                .map_err(|it| Refusal::io("look at", &self.path(), it))?;
            let is_it = |it: &Stat| {
                it.st_ino == standing.facts.st_ino && it.st_dev == standing.facts.st_dev
            };
            if there.as_ref().is_none_or(is_it) {
                return Ok(Some(name));
            }
        }
        Err(Refusal::NoFile {
            path: self.path(),
            what: "kept a thousand times",
        })
    }

    /// Makes the file what `wanted` says. `kept` is the name beside it that keeps what it held, `mark`
    /// what the new file is called until it is whole: the same for each try, so that none is left behind.
    ///
    /// # Errors
    /// Whatever keeps it from being so; then it is as it was.
    pub fn write(
        self,
        wanted: &Wanted<'_>,
        kept: Option<&OsStr>,
        mark: &str,
        storage: &dyn Storage,
    ) -> Result<(), Refusal> {
        let path = self.path();
        let folder = self.folder()?;
        if let Some(standing) = self.standing.as_ref().filter(|it| !it.differs(wanted)) {
            if standing.mode(wanted).is_none() && standing.owner(wanted).is_none() {
                return Ok(());
            }
            own(&standing.file, wanted.uid, wanted.gid, &path)?;
            if let Some((_, mode)) = standing.mode(wanted) {
                permit(&standing.file, mode, &path)?;
            }
            return sync(&standing.file, &path, storage);
        }
        let name = called(
            OsStr::new("."),
            &self.place.name,
            &format!(".runbook-{mark}"),
        );
        clear(&folder, &name, &path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let fresh = openat(
            &folder,
            &name,
            flags | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o600),
        )
        .map_err(|it| Refusal::io("write beside", &path, it))?;
        let fresh = File::from(fresh);
        let written = self.fill(&fresh, wanted, &path, storage).and_then(|()| {
            fault::point("file.written");
            self.exchange(&folder, &name, kept, &path)
        });
        if written.is_err() {
            let _ = unlinkat(&folder, &name, AtFlags::empty());
        }
        written?;
        fault::point("file.renamed");
        sync(&File::from(folder), &path, storage)
    }

    // Opens the folder, and makes it where it is missing.
    fn folder(&self) -> Result<OwnedFd, Refusal> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut above = self.place.above.clone();
        let open = |folder: &OwnedFd, name: &OsStr, path: &Path| {
            openat(folder, name, flags, Mode::empty()).map_err(|it| Refusal::io("open", path, it))
        };
        let mut folder = open(&self.place.folder, OsStr::new("."), &above)?;
        for name in &self.place.missing {
            above.push(name);
            match mkdirat(&folder, name, Mode::from_raw_mode(0o777)) {
                // Another step may have made it meanwhile.
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(Refusal::io("make", &above, error)),
            }
            let _ = rustix::fs::fsync(&folder);
            folder = open(&folder, name, &above)?;
        }
        Ok(folder)
    }

    fn fill(
        &self,
        fresh: &File,
        wanted: &Wanted<'_>,
        path: &Path,
        storage: &dyn Storage,
    ) -> Result<(), Refusal> {
        storage
            .append(fresh, wanted.content)
            .map_err(|it| Refusal::io("write beside", path, it))?;
        let (mode, uid, gid) = if let Some(standing) = &self.standing {
            attributes(&standing.file, fresh, path)?;
            (
                wanted.mode.unwrap_or(standing.facts.st_mode & 0o7777),
                wanted.uid.or(Some(standing.facts.st_uid)),
                wanted.gid.or(Some(standing.facts.st_gid)),
            )
        } else {
            let new = wanted.mode.unwrap_or_else(|| 0o666 & !umask());
            (new, wanted.uid, wanted.gid)
        };
        // The owner first: to change it takes the bits away that run a program as somebody else.
        own(fresh, uid, gid, path)?;
        permit(fresh, mode, path)?;
        sync(fresh, path, storage)
    }

    // The one moment at which the old file becomes the new one.
    fn exchange(
        &self,
        folder: &OwnedFd,
        fresh: &OsStr,
        kept: Option<&OsStr>,
        path: &Path,
    ) -> Result<(), Refusal> {
        let now =
            place::look(folder, &self.place.name).map_err(|it| Refusal::io("look at", path, it))?;
        let name = &self.place.name;
        let failed = |error: Errno| Refusal::io("replace", path, error);
        match (&self.standing, now) {
            (None, None) => {
                match renameat_with(folder, fresh, folder, name, RenameFlags::NOREPLACE) {
                    Err(Errno::EXIST) => Err(Refusal::Changed(path.to_owned())),
                    // Not every file system knows it.
                    Err(Errno::INVAL | Errno::NOSYS) => {
                        renameat(folder, fresh, folder, name).map_err(failed)
                    }
                    other => other.map_err(failed),
                }
            }
            (Some(standing), Some(now)) if is_same(&standing.facts, &now) => {
                if let Some(kept) = kept {
                    self.keep(standing, folder, kept, path)?;
                    fault::point("file.kept");
                }
                renameat(folder, fresh, folder, name).map_err(failed)
            }
            _ => Err(Refusal::Changed(path.to_owned())),
        }
    }

    // The old file itself, under another name: whole at once, with all that belongs to it.
    fn keep(
        &self,
        standing: &Standing,
        folder: &OwnedFd,
        kept: &OsStr,
        path: &Path,
    ) -> Result<(), Refusal> {
        match linkat(folder, &self.place.name, folder, kept, AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => return Ok(()),
            // Files of others may not be linked to, and not every file system has links.
            Err(Errno::PERM | Errno::NOTSUP | Errno::MLINK | Errno::NOSYS) => {}
            Err(error) => return Err(Refusal::io("keep what is in", path, error)),
        }
        let failed = |it: std::io::Error| Refusal::io("keep what is in", path, it);
        let half = called(OsStr::new("."), kept, ".half");
        clear(folder, &half, path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let copy = openat(
            folder,
            &half,
            flags | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o600),
        )
        .map_err(|it| failed(it.into()))?;
        let mut copy = File::from(copy);
        let mut from = standing.file.try_clone().map_err(failed)?;
        std::io::Seek::rewind(&mut from).map_err(failed)?;
        std::io::copy(&mut from, &mut copy).map_err(failed)?;
        permit(&copy, standing.facts.st_mode & 0o777, path)?;
        copy.sync_all().map_err(failed)?;
        renameat(folder, &half, folder, kept).map_err(|it| failed(it.into()))
    }
}

impl Standing {
    fn differs(&self, wanted: &Wanted<'_>) -> bool {
        self.content.as_deref() != Some(wanted.content)
    }

    fn mode(&self, wanted: &Wanted<'_>) -> Option<(u32, u32)> {
        let old = self.facts.st_mode & 0o7777;
        wanted.mode.filter(|new| *new != old).map(|new| (old, new))
    }

    fn owner(&self, wanted: &Wanted<'_>) -> Option<(String, String)> {
        let (uid, gid) = (self.facts.st_uid, self.facts.st_gid);
        let (new_uid, new_gid) = (wanted.uid.unwrap_or(uid), wanted.gid.unwrap_or(gid));
        let told = |uid, gid| owner(Some(uid), Some(gid)).unwrap_or_default();
        ((uid, gid) != (new_uid, new_gid)).then(|| (told(uid, gid), told(new_uid, new_gid)))
    }
}

fn owner(uid: Option<u32>, gid: Option<u32>) -> Option<String> {
    let (user, group) = (uid.map(machine::user_name), gid.map(accounts::group_name));
    match (user, group) {
        (None, None) => None,
        (Some(user), None) => Some(user),
        (user, Some(group)) => Some(format!("{}:{group}", user.unwrap_or_default())),
    }
}

fn difference(old: &[u8], from: &str, wanted: &Wanted<'_>, to: &str, hides: bool) -> String {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') && bytes.len() as u64 <= LONGEST => Some(text.to_owned()),
        _ => None,
    };
    if let (Some(old), Some(new)) = (text(old), text(wanted.content)) {
        let texts = Texts {
            old: &old,
            new: &new,
            from,
            to,
        };
        let is_secret = |line| wanted.secret_lines.contains(&line);
        let shown = if hides {
            Old::Hidden
        } else {
            Old::Beside(&is_secret)
        };
        return unified(texts, shown);
    }
    let told = |bytes: &[u8]| {
        let mut text = format!("{} bytes (sha256 ", bytes.len());
        for byte in Sha256::digest(bytes).iter().take(8) {
            // Infallible: writing to a string.
            let _ = write!(text, "{byte:02x}");
        }
        text + "…)"
    };
    format!("{} become {}\n", told(old), told(wanted.content))
}

// A name that is too long with its ending loses of itself, not of the ending.
fn called(before: &OsStr, name: &OsStr, ending: &str) -> OsString {
    let room = NAME.saturating_sub(before.len() + ending.len());
    let bytes = name.as_bytes();
    let mut called = before.to_owned();
    called.push(OsStr::from_bytes(&bytes[..bytes.len().min(room)]));
    called.push(ending);
    called
}

// What an earlier try left behind; never anything but a file.
fn clear(folder: &OwnedFd, name: &OsStr, path: &Path) -> Result<(), Refusal> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(Refusal::io("clear up beside", path, error)),
    }
}

fn own(file: &File, uid: Option<u32>, gid: Option<u32>, path: &Path) -> Result<(), Refusal> {
    let facts = fstat(file).map_err(|it| Refusal::io("look at", path, it))?;
    let uid = uid.filter(|it| *it != facts.st_uid);
    let gid = gid.filter(|it| *it != facts.st_gid);
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    match fchown(file, uid.map(Uid::from_raw), gid.map(Gid::from_raw)) {
        Ok(()) => Ok(()),
        Err(Errno::PERM) => Err(Refusal::Owner {
            owner: owner(uid, gid).unwrap_or_default(),
        }),
        Err(error) => Err(Refusal::io("give its owner to", path, error)),
    }
}

fn permit(file: &File, mode: u32, path: &Path) -> Result<(), Refusal> {
    fchmod(file, Mode::from_raw_mode(mode)).map_err(|it| Refusal::io("give its mode to", path, it))
}

fn sync(file: &File, path: &Path, storage: &dyn Storage) -> Result<(), Refusal> {
    storage
        .sync(file)
        .map_err(|it| Refusal::io("sync", path, it))
}

// Access lists, labels and what users attach. What a program may do beyond its user (capabilities), and
// what seals its content, was given to the old content.
fn attributes(from: &File, to: &File, path: &Path) -> Result<(), Refusal> {
    let failed = |it: Errno| Refusal::io("keep the attributes of", path, it);
    let mut names = vec![0_u8; 64 << 10];
    let length = match flistxattr(from.as_fd(), &mut names) {
        Ok(length) => length,
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for name in names[..length]
        .split(|it| *it == 0)
        .filter(|it| !it.is_empty())
    {
        let is_of_content =
            name == b"security.capability" || name == b"security.ima" || name == b"security.evm";
        if is_of_content {
            continue;
        }
        let name = OsStr::from_bytes(name);
        let mut value = vec![0_u8; 64 << 10];
        let length = match fgetxattr(from.as_fd(), name, &mut value) {
            Ok(length) => length,
            Err(Errno::NODATA) => continue,
            Err(error) => return Err(failed(error)),
        };
        fsetxattr(to.as_fd(), name, &value[..length], XattrFlags::empty()).map_err(failed)?;
    }
    Ok(())
}

// Asking for it sets it: it is put back at once.
fn umask() -> u32 {
    let mask = rustix::process::umask(Mode::from_raw_mode(0o077));
    rustix::process::umask(mask);
    mask.as_raw_mode()
}
