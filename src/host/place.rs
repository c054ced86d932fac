//! A path → the folder that it is in, held open, and the name in it.
//!
//! What is held open is what is written to: a folder that somebody exchanges for a link meanwhile is
//! not followed. A link among the folders is followed where root or this user made it; one in the
//! place of the file itself only where that is allowed.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::model::Links;

/// Links that lead to links: as many as the kernel follows.
const MOST_LINKS: usize = 40;

/// Why a file is not written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A link stands in its place.
    #[error("`{}` is a symbolic link to `{}`", path.display(), to.display())]
    Link {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
    /// A link among its folders was made by somebody else.
    #[error("`{}` is a symbolic link that another user made", .0.display())]
    ForeignLink(PathBuf),
    /// Links that lead in a circle.
    #[error("`{}` leads through too many symbolic links", .0.display())]
    TooManyLinks(PathBuf),
    /// A folder that it is in is none.
    #[error("`{}` is no folder", .0.display())]
    NoFolder(PathBuf),
    /// A folder that it is in is not there.
    #[error("the folder `{}` is not there", .0.display())]
    NoParent(PathBuf),
    /// Something that is no file stands there.
    #[error("`{}` is {what}, not a file", path.display())]
    NoFile {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Somebody else wrote to it just now.
    #[error("`{}` changed while it was looked at", .0.display())]
    Changed(PathBuf),
    /// Whose it is would be lost.
    #[error("its owner `{owner}` cannot be kept: only root gives files away")]
    Owner {
        /// The owner that it has, or is to have.
        owner: String,
    },
    /// The system did not do it.
    #[error("cannot {what} `{}`", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Refusal {
    /// Returns what the writer of the document can do about it.
    pub fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::Link { .. } => Some(
                "name the file that it leads to, or say `symlink=follow` if that is to be written",
            ),
            Self::NoParent(_) => Some("say `parents=create`, or make it in a step before"),
            Self::Changed(_) => Some("see who else writes to it, and run the step again"),
            Self::Owner { .. } => Some("run it as root, or say whose it shall be: `owner=`"),
            _ => None,
        }
    }

    pub(super) fn io(what: &'static str, path: &Path, error: impl Into<io::Error>) -> Self {
        Self::Io {
            what,
            path: path.to_owned(),
            source: error.into(),
        }
    }
}

/// The place of a file.
#[derive(Debug)]
pub struct Place {
    /// The folder that is there; opened as a path alone.
    pub folder: OwnedFd,
    /// The folders below it that are not, outermost first.
    pub missing: Vec<OsString>,
    /// The file's name.
    pub name: OsString,
    /// The path of the folder that is there, without links.
    pub above: PathBuf,
}

impl Place {
    /// Returns the path of the file, without links.
    pub fn path(&self) -> PathBuf {
        let mut path = self.above.clone();
        path.extend(&self.missing);
        path.join(&self.name)
    }
}

enum Part {
    Root,
    Up,
    Down(OsString),
}

fn parts(path: &Path) -> Vec<Part> {
    path.components()
        .filter_map(|it| match it {
            Component::RootDir | Component::Prefix(_) => Some(Part::Root),
            Component::CurDir => None,
            Component::ParentDir => Some(Part::Up),
            Component::Normal(name) => Some(Part::Down(name.to_owned())),
        })
        .collect()
}

/// Finds the place of `path`, which begins at `base` where it is relative.
///
/// # Errors
/// Where no file can be.
pub fn find(base: &Path, path: &Path, links: Links) -> Result<Place, Refusal> {
    let open = |path: &Path| {
        openat(CWD, path, FOLDER, Mode::empty()).map_err(|it| Refusal::io("open", path, it))
    };
    let mut folder = open(base)?;
    let mut above = base.canonicalize().unwrap_or_else(|_| base.to_owned());
    let mut left: VecDeque<Part> = parts(path).into();
    let mut followed = 0;
    while let Some(part) = left.pop_front() {
        let name = match part {
            Part::Root => {
                above = PathBuf::from("/");
                folder = open(&above)?;
                continue;
            }
            Part::Up => {
                folder = openat(&folder, "..", FOLDER, Mode::empty())
                    .map_err(|it| Refusal::io("open", &above.join(".."), it))?;
                above.pop();
                continue;
            }
            Part::Down(name) => name,
        };
        let here = above.join(&name);
        let is_last = left.is_empty();
        let entered = if is_last {
            Err(Errno::NOTDIR)
        } else {
            openat(&folder, &name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
        };
        match entered {
            Ok(next) => {
                folder = next;
                above = here;
                continue;
            }
            Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT) => {}
            Err(error) => return Err(Refusal::io("open", &here, error)),
        }
        let Some(facts) = look(&folder, &name).map_err(|it| Refusal::io("look at", &here, it))?
        else {
            return missing(folder, above, name, left);
        };
        if FileType::from_raw_mode(facts.st_mode) != FileType::Symlink {
            if !is_last {
                return Err(Refusal::NoFolder(here));
            }
            return Ok(Place {
                folder,
                missing: Vec::new(),
                name,
                above,
            });
        }
        let to =
            readlinkat(&folder, &name, Vec::new()).map_err(|it| Refusal::io("read", &here, it))?;
        let to = PathBuf::from(OsString::from_vec(to.into_bytes()));
        if is_last && links == Links::Refused {
            return Err(Refusal::Link { path: here, to });
        }
        let is_ours = facts.st_uid == 0 || facts.st_uid == rustix::process::geteuid().as_raw();
        if !is_ours && links == Links::Refused {
            return Err(Refusal::ForeignLink(here));
        }
        followed += 1;
        if followed > MOST_LINKS {
            return Err(Refusal::TooManyLinks(path.to_owned()));
        }
        for part in parts(&to).into_iter().rev() {
            left.push_front(part);
        }
    }
    Err(Refusal::NoFile {
        path: above,
        what: "a folder",
    })
}

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Returns what is called `name` in `folder`; `None` where nothing is.
///
/// # Errors
/// Where the folder cannot be searched.
pub(super) fn look(folder: &OwnedFd, name: &OsStr) -> io::Result<Option<Stat>> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(facts) => Ok(Some(facts)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn missing(
    folder: OwnedFd,
    above: PathBuf,
    first: OsString,
    left: VecDeque<Part>,
) -> Result<Place, Refusal> {
    let mut names = vec![first];
    for part in left {
        match part {
            Part::Down(name) => names.push(name),
            // What is not there has nothing above it.
            Part::Up | Part::Root => return Err(Refusal::NoParent(above.join(&names[0]))),
        }
    }
    let name = names.pop().unwrap_or_default();
    Ok(Place {
        folder,
        missing: names,
        name,
        above,
    })
}
