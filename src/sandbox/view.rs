//! Builds the view: every file system of the machine covered by a layer of its own, in a mount
//! namespace of this process. When it is done, this process's own root is the view, and the host is
//! left only as descriptors of the lower folders, read-only.
//!
//! Order matters. The layers are mounted and the root is changed *before* the process that becomes
//! the view's init leaves for namespaces of its own: mounts that come along there are locked, and a
//! locked mount cannot become a root.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, OFlags, Timespec, Timestamps, Uid};

use super::mounts::{Mount, Treatment, is_below, parse, treatment};
use super::{Limit, Refused, Rights, sys};

// Where the host is while the view is built, and the view before it becomes the root.
const HOST: &str = "/host";
const VIEW: &str = "/view";
const LAYERS: &str = "/layers";

// Copied where it is mounted by itself; a larger one is hidden.
const LARGEST_COPY: u64 = 64 << 20;

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// One file system, or one file that is mounted by itself, and what covers it.
pub(super) struct Layer {
    /// Where it stands in the view.
    pub(super) point: PathBuf,
    /// What it is.
    pub(super) shape: Shape,
    /// What was written: the upper folder, or the copy of the file.
    pub(super) upper: OwnedFd,
    /// What is on the host.
    pub(super) lower: OwnedFd,
}

/// How a layer covers.
pub(super) enum Shape {
    /// An overlay; with the folder that the kernel keeps hard links in, where it does.
    Overlay(Option<OwnedFd>),
    /// A copy of one file.
    Copy,
}

/// The view, seen from the process that built it.
pub(super) struct View {
    /// In the order in which they are mounted.
    pub(super) layers: Vec<Layer>,
    /// What it does otherwise than the machine.
    pub(super) limits: Vec<Limit>,
    /// The host's `/proc`.
    pub(super) proc: OwnedFd,
    /// The prefix of the names of the overlay's own attributes.
    pub(super) prefix: &'static str,
}

fn refused(what: &str, error: impl ToString) -> Refused {
    Refused {
        what: what.to_owned(),
        because: error.to_string(),
        way_out: None,
    }
}

/// Builds it. `size` bounds the bytes that all steps together may write.
pub(super) fn build(rights: Rights, size: u64) -> Result<View, Refused> {
    if !fs::exists("/proc/self/mountinfo").unwrap_or_default() {
        return Err(refused(
            "the mounts of this machine are not known",
            "no `/proc`",
        ));
    }
    if !mounts()?.iter().any(|it| it.point == Path::new("/")) {
        return Err(Refused {
            what: "the root folder is no mount".to_owned(),
            because: "this process runs in a chroot".to_owned(),
            way_out: Some("run the preview outside of it".to_owned()),
        });
    }
    leave(rights)?;
    sys::mount(
        Path::new(""),
        Path::new("/"),
        "",
        libc::MS_REC | libc::MS_PRIVATE,
        "",
    )
    .map_err(|it| refused("the mounts cannot be made private", it))?;
    let mounts = mounts()?;
    stage()?;
    let mut builder = Builder {
        rights,
        made: 0,
        layers: Vec::new(),
        limits: Vec::new(),
    };
    let options = format!("size={size},mode=700");
    sys::mount(
        Path::new("tmpfs"),
        Path::new(LAYERS),
        "tmpfs",
        libc::MS_NOSUID | libc::MS_NODEV,
        &options,
    )
    .map_err(|it| refused("no memory for what the steps write", it))?;
    builder.cover_all(&mounts)?;
    builder.machine()?;
    let proc = open(Path::new("/host/proc"))
        .map_err(|it| refused("`/proc` of the machine cannot be opened", it))?;
    become_root()?;
    Ok(View {
        layers: builder.layers,
        limits: builder.limits,
        proc,
        prefix: match rights {
            Rights::Root => "trusted.overlay.",
            Rights::User { .. } => "user.overlay.",
        },
    })
}

fn mounts() -> Result<Vec<Mount>, Refused> {
    let text = fs::read("/proc/self/mountinfo")
        .map_err(|it| refused("the mounts of this machine cannot be read", it))?;
    Ok(parse(&text))
}

// Leaves the mount namespace of the host, and as a user the user namespace too.
fn leave(rights: Rights) -> Result<(), Refused> {
    let Rights::User { uid, gid } = rights else {
        return sys::unshare(libc::CLONE_NEWNS)
            .map_err(|it| refused("no mount namespace of its own", it));
    };
    if let Err(error) = sys::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) {
        return Err(forbidden(&error));
    }
    let map = |file: &str, text: &str| {
        fs::write(file, text).map_err(|it| refused("no user namespace can be set up", it))
    };
    map("/proc/self/setgroups", "deny")?;
    map("/proc/self/uid_map", &format!("{uid} {uid} 1"))?;
    map("/proc/self/gid_map", &format!("{gid} {gid} 1"))
}

/// Says why a user may have no namespaces here.
fn forbidden(error: &io::Error) -> Refused {
    let reads = |file: &str| {
        fs::read_to_string(file)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let mut refused = refused("this system gives users no namespaces of their own", error);
    let restricted = "kernel.apparmor_restrict_unprivileged_userns";
    refused.way_out = if reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" {
        refused.because = format!("AppArmor forbids it (`{restricted}` is 1): {error}");
        Some(format!(
            "run the preview as root, or as root: sysctl {restricted}=0"
        ))
    } else if reads("/proc/sys/kernel/unprivileged_userns_clone") == "0" {
        Some(
            "run the preview as root, or as root: sysctl kernel.unprivileged_userns_clone=1".into(),
        )
    } else if reads("/proc/sys/user/max_user_namespaces") == "0" {
        refused.because = format!("`user.max_user_namespaces` is 0: {error}");
        Some("run the preview as root, or as root raise `user.max_user_namespaces`".to_owned())
    } else {
        Some("run the preview as root".to_owned())
    };
    refused
}

// A file system in memory becomes the root, and the host is below it: what is mounted anywhere stays
// reachable, and nothing is made on the host.
fn stage() -> Result<(), Refused> {
    let failed = |it: io::Error| refused("the view has no place to be built in", it);
    let base = ["/tmp", "/run", "/mnt", "/var"]
        .into_iter()
        .map(Path::new)
        .find(|it| it.is_dir())
        .ok_or_else(|| failed(io::Error::other("neither `/tmp` nor `/run` is a folder")))?;
    sys::mount(
        Path::new("tmpfs"),
        base,
        "tmpfs",
        libc::MS_NOSUID | libc::MS_NODEV,
        "mode=755",
    )
    .map_err(failed)?;
    for name in [HOST, VIEW, LAYERS] {
        fs::create_dir(base.join(&name[1..])).map_err(failed)?;
    }
    sys::pivot_root(base, &base.join(&HOST[1..])).map_err(|it| Refused {
        what: "the root folder cannot be changed".to_owned(),
        because: it.to_string(),
        way_out: Some("run the preview outside of a chroot or an initial ramdisk".to_owned()),
    })?;
    std::env::set_current_dir("/").map_err(failed)?;
    // From here on nothing on the host can be written by a mistake of ours either.
    // But for `/proc`, where the view's init is given its users.
    sys::seal(Path::new(HOST))
        .and_then(|()| sys::unseal(&Path::new(HOST).join("proc")))
        .map_err(|it| {
            refused(
                "the host's file systems cannot be made read-only for the view",
                it,
            )
        })
}

fn become_root() -> Result<(), Refused> {
    let failed = |it: io::Error| refused("the view cannot become the root folder", it);
    std::env::set_current_dir(VIEW).map_err(failed)?;
    let here = Path::new(".");
    sys::pivot_root(here, here).map_err(failed)?;
    sys::detach(here).map_err(failed)?;
    std::env::set_current_dir("/").map_err(failed)
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

// `/a` below `base`.
fn below(base: &str, path: &Path) -> PathBuf {
    let mut joined = PathBuf::from(base);
    joined.push(path.strip_prefix("/").unwrap_or(path));
    joined
}

struct Builder {
    rights: Rights,
    // How many places for what is written were made; those that led to nothing too.
    made: usize,
    layers: Vec<Layer>,
    limits: Vec<Limit>,
}

impl Builder {
    fn limit(&mut self, path: &Path, because: impl ToString) {
        self.limits.push(Limit {
            path: crate::event::Text::of_bytes(path.as_os_str().as_bytes()),
            because: because.to_string(),
        });
    }

    fn cover_all(&mut self, mounts: &[Mount]) -> Result<(), Refused> {
        // Of mounts upon each other only the last can be seen; of those below one that is covered
        // by a later one, none.
        let is_seen = |it: &&Mount| {
            mount_at(&below(HOST, &it.point)).is_some_and(|id| id == it.id)
                && !["/proc", "/sys"].iter().any(|at| is_below(&it.point, at))
                && (!is_below(&it.point, "/dev") || it.point == Path::new("/dev/shm"))
        };
        let mut seen: Vec<&Mount> = mounts.iter().filter(is_seen).collect();
        seen.sort_by(|a, b| a.point.cmp(&b.point));
        let root = Path::new("/");
        match self.rights {
            Rights::Root => {
                let is_root = |it: &&&Mount| it.point == root;
                let mount = seen.iter().find(is_root).copied().cloned();
                self.overlay(root, mount.as_ref()).map_err(|it| Refused {
                    what: "the root file system cannot be covered".to_owned(),
                    because: match &mount {
                        Some(mount) if mount.kind == "overlay" => {
                            format!("it is an overlay itself, as in a container: {it}")
                        }
                        Some(mount) => format!("it is of type {}: {it}", mount.kind),
                        None => it.to_string(),
                    },
                    way_out: Some("run the preview on the machine itself".to_owned()),
                })?;
                for mount in seen.iter().filter(|it| it.point != root) {
                    // The place of `/dev/shm` is made with `/dev`.
                    if mount.point != Path::new("/dev/shm") {
                        self.cover(mount)?;
                    }
                }
            }
            Rights::User { .. } => self.skeleton(root, &seen)?,
        }
        self.devices(&seen)?;
        self.aliases(&seen);
        Ok(())
    }

    // The same folder in two places is one on the host, and two in the view.
    fn aliases(&mut self, seen: &[&Mount]) {
        for (at, mount) in seen.iter().enumerate() {
            let twin = seen[..at].iter().find(|it| {
                it.device == mount.device
                    && (it.root.starts_with(&mount.root) || mount.root.starts_with(&it.root))
            });
            let is_covered = |it: &Mount| self.layers.iter().any(|layer| layer.point == it.point);
            if let Some(twin) = twin
                && is_covered(twin)
                && is_covered(mount)
            {
                let because = format!(
                    "it is mounted from the same file system as `{}`: what is written to one does \
                     not appear in the other",
                    twin.point.display()
                );
                self.limit(&mount.point, because);
            }
        }
    }

    // Covers one mount, or hides it and says so.
    fn cover(&mut self, mount: &Mount) -> Result<(), Refused> {
        let point = mount.point.clone();
        let host = below(HOST, &point);
        let what = fs::symlink_metadata(&host);
        let is_folder = what.as_ref().is_ok_and(fs::Metadata::is_dir);
        // It may be mounted on something that the layers above do not show.
        if fs::symlink_metadata(below(VIEW, &point)).is_err() {
            self.limit(&point, "it is mounted where the view shows nothing");
            return Ok(());
        }
        let covered = match treatment(&mount.kind) {
            Treatment::Cover if is_folder => self.overlay(&point, Some(mount)),
            Treatment::Cover => match what {
                Ok(what) if what.is_file() => self.copy(&point, mount, &what),
                _ => Err(io::Error::other("it is neither a folder nor a file")),
            },
            Treatment::ReadOnly if is_folder => {
                let at = below(VIEW, &point);
                let flags = libc::MS_RDONLY | libc::MS_NODEV | flags(mount);
                let bound = sys::bind(&host, &at).and_then(|()| sys::remount(&at, flags));
                if bound.is_ok() {
                    let because = format!("{} cannot be covered: it is read-only", mount.kind);
                    self.limit(&point, because);
                    return Ok(());
                }
                bound
            }
            Treatment::ReadOnly | Treatment::Hide => {
                Err(io::Error::other(format!("{} holds no files", mount.kind)))
            }
        };
        if let Err(error) = covered {
            hide(&point, is_folder)?;
            self.limit(&point, format!("it is hidden: {error}"));
        }
        Ok(())
    }

    fn next(&mut self) -> PathBuf {
        self.made += 1;
        Path::new(LAYERS).join(self.made.to_string())
    }

    fn overlay(&mut self, point: &Path, mount: Option<&Mount>) -> io::Result<()> {
        let lower = below(HOST, point);
        let folder = self.next();
        let (upper, work) = (folder.join("u"), folder.join("w"));
        fs::create_dir(&folder)?;
        fs::create_dir(&upper)?;
        fs::create_dir(&work)?;
        let lower_fd = open_folder(&lower)?;
        self.dress(&lower, &upper)?;
        let own = match self.rights {
            Rights::Root => "redirect_dir=on,index=on,metacopy=off,xino=on",
            Rights::User { .. } => "userxattr",
        };
        // By its descriptor: a name may hold what separates options.
        let data = format!(
            "lowerdir={HOST}/proc/self/fd/{},upperdir={},workdir={},{own}",
            lower_fd.as_raw_fd(),
            upper.display(),
            work.display(),
        );
        let at = below(VIEW, point);
        let flags = mount.map_or(0, flags) | libc::MS_NODEV;
        let read_only = flags & libc::MS_RDONLY;
        sys::mount(Path::new("view"), &at, "overlay", flags & !read_only, &data)?;
        if read_only != 0 {
            sys::remount(&at, flags)?;
        }
        let index = matches!(self.rights, Rights::Root)
            .then(|| open_folder(&work.join("index")).ok())
            .flatten();
        if index.is_none() && matches!(self.rights, Rights::Root) {
            self.limit(
                point,
                "its file system gives no handles: hard links are broken by a change, renames are \
                 told as a deletion and an addition",
            );
        }
        self.layers.push(Layer {
            point: point.to_owned(),
            shape: Shape::Overlay(index),
            upper: open_folder(&upper)?,
            lower: lower_fd,
        });
        Ok(())
    }

    // The topmost folder of an overlay looks as that of its upper layer.
    fn dress(&self, lower: &Path, upper: &Path) -> io::Result<()> {
        let is = fs::symlink_metadata(lower)?;
        let mut mode = is.mode() & 0o7777;
        match self.rights {
            Rights::Root => {
                let owner = (Uid::from_raw(is.uid()), Gid::from_raw(is.gid()));
                rustix::fs::chown(upper, Some(owner.0), Some(owner.1))?;
            }
            // It cannot be given away: what its owner may not write, nobody may.
            Rights::User { uid, .. } => {
                if is.uid() != uid && !may_write(lower) {
                    mode &= !0o222;
                }
            }
        }
        copy_attributes(lower, upper);
        rustix::fs::chmod(upper, Mode::from_raw_mode(mode))?;
        rustix::fs::utimensat(
            rustix::fs::CWD,
            upper,
            &times(&is),
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )?;
        Ok(())
    }

    // A file that is mounted by itself, as those of a container are: no overlay covers a file.
    fn copy(&mut self, point: &Path, mount: &Mount, is: &fs::Metadata) -> io::Result<()> {
        if is.len() > LARGEST_COPY {
            return Err(io::Error::other(
                "a file mounted by itself, and too large to be copied",
            ));
        }
        let host = below(HOST, point);
        let copy = self.next();
        fs::write(&copy, fs::read(&host)?)?;
        if matches!(self.rights, Rights::Root) {
            rustix::fs::chown(
                &copy,
                Some(Uid::from_raw(is.uid())),
                Some(Gid::from_raw(is.gid())),
            )?;
        }
        copy_attributes(&host, &copy);
        rustix::fs::chmod(&copy, Mode::from_raw_mode(is.mode() & 0o7777))?;
        let nofollow = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, &copy, &times(is), nofollow)?;
        let at = below(VIEW, point);
        sys::bind(&copy, &at)?;
        sys::remount(&at, flags(mount) | libc::MS_NODEV)?;
        self.layers.push(Layer {
            point: point.to_owned(),
            shape: Shape::Copy,
            upper: open(&copy)?,
            lower: open(&host)?,
        });
        Ok(())
    }

    // A folder that cannot be covered itself, in which what is below can: as `/` for a user. What
    // stands in it directly is read-only.
    fn skeleton(&mut self, point: &Path, seen: &[&Mount]) -> Result<(), Refused> {
        let failed = |it: io::Error| refused(&format!("`{}` cannot be shown", point.display()), it);
        let (host, at) = (below(HOST, point), below(VIEW, point));
        let is = fs::symlink_metadata(&host).map_err(failed)?;
        let flags = libc::MS_NOSUID | libc::MS_NODEV;
        let options = format!("size=1m,mode={:o}", is.mode() & 0o7777);
        sys::mount(Path::new("tmpfs"), &at, "tmpfs", flags, &options).map_err(failed)?;
        let names = fs::read_dir(&host).map_err(failed)?;
        let mut names: Vec<_> = names.filter_map(|it| Some(it.ok()?.file_name())).collect();
        names.sort();
        for name in names {
            let child = point.join(&name);
            let (there, here) = (host.join(&name), at.join(&name));
            let Ok(what) = fs::symlink_metadata(&there) else {
                continue;
            };
            if what.is_symlink() {
                let target = fs::read_link(&there).map_err(failed)?;
                symlink(target, &here).map_err(failed)?;
            } else if what.is_dir() {
                fs::create_dir(&here).map_err(failed)?;
                if ["/proc", "/sys", "/dev"]
                    .iter()
                    .any(|it| child == Path::new(it))
                {
                    continue;
                }
                self.user_folder(&child, seen)?;
            } else if what.is_file() {
                fs::write(&here, "").map_err(failed)?;
                if let Err(error) = sys::bind(&there, &here) {
                    self.limit(&child, format!("it is hidden: {error}"));
                }
            } else {
                self.limit(&child, "it is hidden: neither a folder, a file nor a link");
            }
        }
        if may_write(&host) {
            self.limit(
                point,
                "file systems are mounted in it: itself it is read-only",
            );
        }
        let sealed = sys::remount(&at, flags | libc::MS_RDONLY);
        sealed.map_err(failed)
    }

    fn user_folder(&mut self, point: &Path, seen: &[&Mount]) -> Result<(), Refused> {
        let here = seen.iter().find(|it| it.point == point).copied();
        let is_crowded = seen
            .iter()
            .any(|it| it.point != point && it.point.starts_with(point));
        if let Some(mount) = here
            && treatment(&mount.kind) == Treatment::Hide
        {
            hide(point, true)?;
            self.limit(
                point,
                format!("it is hidden: {} holds no files", mount.kind),
            );
            return Ok(());
        }
        // The kernel covers no folder for a user in which others are mounted.
        let covered = if is_crowded {
            Err(io::Error::from_raw_os_error(libc::EINVAL))
        } else {
            self.overlay(point, here)
        };
        match covered {
            Ok(()) => Ok(()),
            Err(_) if is_crowded && fs::read_dir(below(HOST, point)).is_ok() => {
                self.skeleton(point, seen)
            }
            Err(error) => {
                hide(point, true)?;
                let is_own = rustix::fs::access(below(HOST, point), rustix::fs::Access::READ_OK);
                if is_own.is_ok() {
                    self.limit(point, format!("it is hidden: {error}"));
                }
                Ok(())
            }
        }
    }

    // A `/dev` with nothing in it that reaches a machine.
    fn devices(&mut self, seen: &[&Mount]) -> Result<(), Refused> {
        let failed = |it: io::Error| refused("no `/dev` for the view", it);
        let at = below(VIEW, Path::new("/dev"));
        if !at.is_dir() {
            return Err(failed(io::Error::other("the machine has none")));
        }
        let flags = libc::MS_NOSUID | libc::MS_NOEXEC;
        sys::mount(Path::new("tmpfs"), &at, "tmpfs", flags, "size=64k,mode=755").map_err(failed)?;
        for name in DEVICES {
            let (there, here) = (below(HOST, Path::new("/dev")).join(name), at.join(name));
            let is_device = |it: fs::Metadata| it.file_type().is_char_device();
            if !fs::symlink_metadata(&there).is_ok_and(is_device) {
                continue;
            }
            fs::write(&here, "").map_err(failed)?;
            sys::bind(&there, &here).map_err(failed)?;
            // Written to it can be, and its mode and owner, which are the host's, cannot.
            sys::remount(&here, libc::MS_RDONLY | flags).map_err(failed)?;
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
            ("ptmx", "pts/ptmx"),
        ] {
            symlink(target, at.join(name)).map_err(failed)?;
        }
        fs::create_dir(at.join("pts")).map_err(failed)?;
        fs::DirBuilder::new()
            .mode(0o1777)
            .create(at.join("shm"))
            .map_err(failed)?;
        let shared = seen.iter().find(|it| it.point == Path::new("/dev/shm"));
        if let Some(mount) = shared {
            self.cover(mount)?;
        }
        sys::remount(&at, flags | libc::MS_RDONLY).map_err(failed)
    }

    // The kernel shows a new `/proc` and `/sys` only to those who see the old ones whole: the view's
    // init mounts them over these.
    fn machine(&mut self) -> Result<(), Refused> {
        for name in ["proc", "sys"] {
            let (there, here) = (Path::new(HOST).join(name), Path::new(VIEW).join(name));
            // A user may not leave out what is mounted below; it is covered all the same.
            let bind = match self.rights {
                Rights::Root => sys::bind,
                Rights::User { .. } => sys::bind_all,
            };
            bind(&there, &here).map_err(|it| refused(&format!("no `/{name}` for the view"), it))?;
        }
        Ok(())
    }
}

// What cannot be covered must not be reached: a socket under a read-only mount is still the
// host's.
fn hide(point: &Path, is_folder: bool) -> Result<(), Refused> {
    let at = below(VIEW, point);
    let nothing = Path::new(LAYERS).join(if is_folder { "nothing" } else { "no-file" });
    let made = || -> io::Result<()> {
        if !nothing.exists() {
            if is_folder {
                fs::DirBuilder::new().mode(0o555).create(&nothing)?;
            } else {
                fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o444)
                    .open(&nothing)?;
            }
        }
        sys::bind(&nothing, &at)?;
        sys::remount(
            &at,
            libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC,
        )
    };
    made().map_err(|it| refused(&format!("`{}` cannot be hidden", point.display()), it))
}

fn flags(mount: &Mount) -> libc::c_ulong {
    let known = [
        ("ro", libc::MS_RDONLY),
        ("nosuid", libc::MS_NOSUID),
        ("nodev", libc::MS_NODEV),
        ("noexec", libc::MS_NOEXEC),
    ];
    let those = known.iter().filter(|(name, _)| mount.has(name));
    those.fold(0, |all, (_, flag)| all | flag)
}

// Whether the modes let this user write there: that it is read-only for us by now does not count.
fn may_write(path: &Path) -> bool {
    let found = rustix::fs::access(path, rustix::fs::Access::WRITE_OK);
    matches!(found, Ok(()) | Err(rustix::io::Errno::ROFS))
}

fn times(is: &fs::Metadata) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: is.atime(),
            tv_nsec: is.atime_nsec(),
        },
        last_modification: Timespec {
            tv_sec: is.mtime(),
            tv_nsec: is.mtime_nsec(),
        },
    }
}

// Access lists and the like; what the file system in memory does not take is left out.
fn copy_attributes(from: &Path, to: &Path) {
    let c = |path: &Path| std::ffi::CString::new(path.as_os_str().as_bytes());
    let (Ok(from), Ok(to)) = (c(from), c(to)) else {
        return;
    };
    let names = sys::attribute_names(&from).unwrap_or_default();
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = std::ffi::CStr::from_bytes_with_nul(name) else {
            continue;
        };
        if let Some(value) = sys::attribute(&from, name) {
            let _ = sys::set_attribute(&to, name, &value);
        }
    }
}

// The number of the mount on which `path` stands.
fn mount_at(path: &Path) -> Option<u64> {
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW | rustix::fs::AtFlags::NO_AUTOMOUNT;
    let wanted = rustix::fs::StatxFlags::from_bits_retain(0x1000);
    let found = rustix::fs::statx(
        open(path).ok()?.as_fd(),
        "",
        flags | rustix::fs::AtFlags::EMPTY_PATH,
        wanted,
    )
    .ok()?;
    Some(found.stx_mnt_id)
}
