//! Reads what the layers hold: upper folders, what is below them, and the kernel's index of hard
//! links → a [`Snapshot`] of all that the view may hold otherwise than the host.
//!
//! The same walk serves every case. At each path there are up to three nodes: what was written
//! (*upper*), what the view shows from below (*content*, which a renamed folder brings along from
//! elsewhere), and what the host has there (*base*). Where nothing was written and content and base
//! are the same folder, nothing below can differ.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Statx};
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};

use crate::change::{Content, Entry, Identity, Kind, Moment, Node, Seen, Snapshot};
use crate::event::Text;
use crate::host::clock::since_boot;

use super::node::{
    Folder, from_hex, is_whiteout, kind, look, moment, nanoseconds, node, noted_handle, open_file,
    size, target,
};
use super::sys;
use super::view::{Layer, Shape, View};

// Kept whole up to here, each and all together; beyond, a digest.
const KEPT: u64 = 1 << 20;
const KEPT_IN_ALL: u64 = 128 << 20;
// Beyond this not even a digest.
const READ: u64 = 1 << 30;

// How long other names of one node are looked for.
const PATIENCE: Duration = Duration::from_secs(3);

// A file written twice within one tick of the file system's clock looks as if it were written once.
const TICK: i64 = 20_000_000;

/// Reads the layers again and again; remembers what it read.
pub(super) struct Reader {
    remembered: BTreeMap<(usize, u64), Remembered>,
    // How the topmost folder of a layer looked at first, where it cannot look as the host's.
    roots: BTreeMap<usize, Arc<Seen>>,
    began: i64,
    last: i64,
    kept: u64,
}

struct Remembered {
    changed: i64,
    seen: Arc<Seen>,
}

/// What was read, and what could not be.
pub(super) struct Found {
    pub(super) snapshot: Snapshot,
    pub(super) notes: Vec<String>,
}

impl Reader {
    /// Returns one that takes what the host changed after `began` for changed meanwhile. From its
    /// return on no change is missed.
    pub(super) fn new(began: i64) -> Self {
        wait_until_files_are_stamped_after(began);
        Self {
            remembered: BTreeMap::new(),
            roots: BTreeMap::new(),
            began,
            last: 0,
            kept: 0,
        }
    }

    /// Reads every layer of the view.
    pub(super) fn read(&mut self, view: &View, before: &Snapshot) -> Found {
        let started = now();
        self.kept = 0;
        let mut found = Found {
            snapshot: Snapshot::default(),
            notes: Vec::new(),
        };
        for (number, layer) in view.layers.iter().enumerate() {
            let mut scan = Scan {
                reader: self,
                number,
                layer,
                prefix: view.prefix,
                before,
                index: BTreeMap::new(),
                numbers: BTreeMap::new(),
                fresh: BTreeSet::new(),
                found: &mut found,
            };
            if let Err(error) = scan.run() {
                let point = layer.point.display();
                scan.found
                    .notes
                    .push(format!("`{point}` cannot be compared: {error}"));
            }
        }
        // The walk changes folders to read attributes by their names.
        let _ = std::env::set_current_dir("/");
        self.last = started;
        found
    }
}

/// Returns the time of day, in nanoseconds.
pub(super) fn now() -> i64 {
    time_of(ClockId::Realtime)
}

fn time_of(clock: ClockId) -> i64 {
    let now = clock_gettime(clock);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

// The clock that stamps files moves on in ticks, of 10 milliseconds at most: what is changed right
// after `moment` may bear a time before it. A view takes about a tick to be built, so that there is
// little or nothing to wait for. Bounded, for the clock may be set back.
fn wait_until_files_are_stamped_after(moment: i64) {
    for _ in 0..40 {
        if time_of(ClockId::RealtimeCoarse) > moment {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn there<'a>(folder: Option<&'a Folder>, name: &CStr) -> Option<(&'a Folder, Statx)> {
    let folder = folder?;
    Some((folder, look(&folder.fd, name, AtFlags::empty()).ok()?))
}

// What the view shows at a path.
enum Shown {
    Nothing,
    // Written; where a folder, with what the view shows below it from elsewhere.
    Upper(Arc<Seen>),
    // As it is on the host, here or elsewhere.
    Lower(Arc<Seen>),
}

struct Scan<'a> {
    reader: &'a mut Reader,
    number: usize,
    layer: &'a Layer,
    prefix: &'static str,
    before: &'a Snapshot,
    // Files with several names on the host that were changed through one: by handle.
    index: BTreeMap<Vec<u8>, Arc<Seen>>,
    // Of nodes of the host that were met: inode number and number of names, by handle.
    numbers: BTreeMap<Vec<u8>, (u64, u64)>,
    // Paths whose base was read for the first time.
    fresh: BTreeSet<Vec<u8>>,
    found: &'a mut Found,
}

impl Scan<'_> {
    fn run(&mut self) -> io::Result<()> {
        let point = self.layer.point.as_os_str().as_bytes().to_vec();
        let index = match &self.layer.shape {
            Shape::Copy => return self.copy(point),
            Shape::Overlay(index) => index.as_ref(),
        };
        if let Some(index) = index {
            self.read_index(index)?;
        }
        let upper = Folder::at(&self.layer.upper, c".")?;
        let lower = Folder::at(&self.layer.lower, c".")?;
        self.root(&point, &upper, &lower)?;
        let mut path = if point == b"/" { Vec::new() } else { point };
        self.merge(&mut path, Some(&upper), Some(&lower), Some(&lower))?;
        self.other_names()?;
        self.contents();
        self.follow_copies();
        Ok(())
    }

    fn copy(&mut self, path: Vec<u8>) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let whole = |fd: &OwnedFd| -> io::Result<OwnedFd> {
            let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
            Ok(rustix::fs::open(name, flags, Mode::empty())?)
        };
        let seen = |scan: &mut Self, fd: &OwnedFd| -> io::Result<(Statx, Seen)> {
            let is = look(fd, c"", AtFlags::EMPTY_PATH)?;
            let name = CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
            let attributes = scan.attributes(&name);
            let node = node(&is, None, attributes).ok_or(io::ErrorKind::InvalidData)?;
            let content = scan.reader.content(&whole(fd)?, &node);
            let identity = Identity::HostNumber(scan.number as u32, 0);
            let seen = Seen {
                node: Node { links: 1, ..node },
                identity,
                content,
            };
            Ok((is, seen))
        };
        let (is, base) = seen(self, &self.layer.lower)?;
        let (_, now) = seen(self, &self.layer.upper)?;
        if base != now {
            let entry = Entry {
                base: Some(Arc::new(base)),
                now: Some(Arc::new(now)),
                host_changed: nanoseconds(is.stx_ctime) > self.reader.began,
            };
            self.found.snapshot.entries.insert(path, entry);
        }
        Ok(())
    }

    fn root(&mut self, point: &[u8], upper: &Folder, lower: &Folder) -> io::Result<()> {
        let identity = Identity::HostNumber(self.number as u32, lower.number);
        let seen = |folder: &Folder| -> io::Result<Arc<Seen>> {
            let is = look(&folder.fd, c"", AtFlags::EMPTY_PATH)?;
            rustix::process::fchdir(&folder.fd)?;
            let node = node(&is, None, self.attributes(c"."));
            let seen = Seen {
                node: node.ok_or(io::ErrorKind::InvalidData)?,
                identity: identity.clone(),
                content: Content::None,
            };
            Ok(Arc::new(seen))
        };
        let now = seen(upper)?;
        let base = if self.prefix.starts_with("user.") {
            self.reader
                .roots
                .entry(self.number)
                .or_insert_with(|| Arc::clone(&now))
                .clone()
        } else {
            seen(lower)?
        };
        let entry = Entry {
            base: Some(base),
            now: Some(now),
            host_changed: false,
        };
        self.found.snapshot.entries.insert(point.to_vec(), entry);
        Ok(())
    }

    fn read_index(&mut self, index: &OwnedFd) -> io::Result<()> {
        let folder = Folder::at(index, c".")?;
        for name in folder.names()? {
            let Some(handle) = from_hex(name.to_bytes()).and_then(|it| noted_handle(&it)) else {
                continue;
            };
            let is = look(&folder.fd, &name, AtFlags::empty())?;
            if is_whiteout(&is) || kind(&is) == Some(Kind::Folder) {
                continue;
            }
            if let Some(seen) = self.upper(&folder, &name, &is)? {
                self.index.insert(handle, seen);
            }
        }
        Ok(())
    }

    fn merge(
        &mut self,
        path: &mut Vec<u8>,
        upper: Option<&Folder>,
        content: Option<&Folder>,
        base: Option<&Folder>,
    ) -> io::Result<()> {
        let is_as_on_host = match (content, base) {
            (Some(content), Some(base)) => content.is(base),
            (None, None) => true,
            _ => false,
        };
        let mut names = BTreeSet::new();
        for folder in [
            upper,
            content.filter(|_| !is_as_on_host),
            base.filter(|_| !is_as_on_host),
        ]
        .into_iter()
        .flatten()
        {
            match folder.names() {
                Ok(some) => names.extend(some),
                Err(error) => {
                    let path = String::from_utf8_lossy(path).into_owned();
                    self.found
                        .notes
                        .push(format!("`{path}` cannot be read: {error}"));
                }
            }
        }
        let length = path.len();
        for name in names {
            path.push(b'/');
            path.extend_from_slice(name.to_bytes());
            self.node(path, &name, upper, content, base)?;
            path.truncate(length);
        }
        Ok(())
    }

    fn node(
        &mut self,
        path: &mut Vec<u8>,
        name: &CStr,
        upper: Option<&Folder>,
        content: Option<&Folder>,
        base: Option<&Folder>,
    ) -> io::Result<()> {
        let in_upper = there(upper, name);
        let (in_content, in_base) = (there(content, name), there(base, name));
        let is_folder = |it: &Option<(&Folder, Statx)>| {
            it.as_ref()
                .is_some_and(|(_, is)| kind(is) == Some(Kind::Folder))
        };
        let mut below = None;
        let shown = match &in_upper {
            Some((_, is)) if is_whiteout(is) => Shown::Nothing,
            Some((folder, is)) if kind(is) == Some(Kind::Folder) => {
                let (seen, lower) =
                    self.upper_folder(folder, name, is, content, is_folder(&in_content))?;
                below = lower;
                Shown::Upper(seen)
            }
            Some((folder, is)) => match self.upper(folder, name, is)? {
                Some(seen) => Shown::Upper(seen),
                None => Shown::Nothing,
            },
            None => match &in_content {
                Some((folder, is)) => {
                    if kind(is) == Some(Kind::Folder) {
                        below = Some(Folder::at(&folder.fd, name)?);
                    }
                    self.lower(folder, name, is)
                }
                None => Shown::Nothing,
            },
        };
        let below_base = match &in_base {
            Some((folder, is)) if kind(is) == Some(Kind::Folder) => {
                Folder::at(&folder.fd, name).ok()
            }
            _ => None,
        };
        let below_upper = match &in_upper {
            Some((folder, is)) if kind(is) == Some(Kind::Folder) => {
                Some(Folder::at(&folder.fd, name)?)
            }
            _ => None,
        };
        let (base, host_changed) = match &in_base {
            Some((folder, is)) => self.base(path, folder, name, is),
            None => (None, false),
        };
        let now = match shown {
            Shown::Nothing => None,
            Shown::Upper(seen) | Shown::Lower(seen) => Some(seen),
        };
        if base.is_some() || now.is_some() {
            let entry = Entry {
                base,
                now,
                host_changed,
            };
            self.found.snapshot.entries.insert(path.clone(), entry);
        }
        let is_untouched = below_upper.is_none()
            && match (&below, &below_base) {
                (Some(content), Some(base)) => content.is(base),
                (None, None) => true,
                _ => false,
            };
        if is_untouched {
            return Ok(());
        }
        self.merge(
            path,
            below_upper.as_ref(),
            below.as_ref(),
            below_base.as_ref(),
        )
    }

    // A folder that was written to: with the one of the host that shines through it.
    fn upper_folder(
        &mut self,
        folder: &Folder,
        name: &CStr,
        is: &Statx,
        content: Option<&Folder>,
        has_content: bool,
    ) -> io::Result<(Arc<Seen>, Option<Folder>)> {
        rustix::process::fchdir(&folder.fd)?;
        let own = |key: &str| {
            let name_of = CString::new(format!("{}{key}", self.prefix)).ok()?;
            sys::attribute(name, &name_of)
        };
        let lower = match own("redirect") {
            // From the top of the layer, or a name beside this one.
            Some(target) if target.first() == Some(&b'/') => {
                let target = CString::new(&target[1..])?;
                Some(Folder::at(&self.layer.lower, &target)?)
            }
            Some(target) => match content {
                Some(content) => Some(Folder::at(&content.fd, &CString::new(target)?)?),
                None => None,
            },
            None if own("opaque").is_some() || !has_content => None,
            None => match content {
                Some(content) => Some(Folder::at(&content.fd, name)?),
                None => None,
            },
        };
        let identity = match &lower {
            Some(lower) => self.identity(&lower.fd, c"", lower.number),
            None => self.new_identity(is),
        };
        let attributes = self.attributes(name);
        let seen = Seen {
            node: node(is, None, attributes).ok_or(io::ErrorKind::InvalidData)?,
            identity,
            content: Content::None,
        };
        Ok((self.reader.same(self.number, is, seen), lower))
    }

    // What was written and is no folder.
    fn upper(&mut self, folder: &Folder, name: &CStr, is: &Statx) -> io::Result<Option<Arc<Seen>>> {
        if let Some(seen) = self.reader.recall(self.number, is) {
            return Ok(Some(seen));
        }
        rustix::process::fchdir(&folder.fd)?;
        let (attributes, own) = self.attributes_and_own(name);
        let Some(mut node) = node(is, target(&folder.fd, name, is), attributes) else {
            return Ok(None);
        };
        let identity = match own
            .get("origin")
            .map(|it| (it.is_empty(), noted_handle(it)))
        {
            Some((_, Some(handle))) => Identity::Host(self.number as u32, handle.into()),
            Some((true, None)) => Identity::Copied(self.number as u32, is.stx_ino),
            _ => self.new_identity(is),
        };
        if let Some(links) = own
            .get("nlink")
            .and_then(|it| self.links(it, is, &identity))
        {
            node.links = links;
        }
        let content = if node.kind == Kind::File {
            match open_file(&folder.fd, name) {
                Ok(fd) => self.reader.content(&fd, &node),
                Err(error) => Content::Unread(error.to_string()),
            }
        } else {
            Content::None
        };
        let seen = Seen {
            node,
            identity,
            content,
        };
        Ok(Some(self.reader.same(self.number, is, seen)))
    }

    // How many names a node has in the view: `U+1` is one more than the upper node has, `L-1` one
    // less than the host's.
    fn links(&self, text: &[u8], is: &Statx, identity: &Identity) -> Option<u64> {
        let text = std::str::from_utf8(text).ok()?;
        let number: i64 = text.get(1..)?.parse().ok()?;
        let from = match (text.as_bytes().first()?, identity) {
            (b'U', _) => i64::from(is.stx_nlink),
            (b'L', Identity::Host(_, handle)) => self
                .numbers
                .get(&handle[..])
                .map_or(i64::from(is.stx_nlink), |it| it.1 as i64),
            _ => return None,
        };
        u64::try_from(from + number).ok()
    }

    // What the view shows of the host.
    fn lower(&mut self, folder: &Folder, name: &CStr, is: &Statx) -> Shown {
        let identity = self.identity(&folder.fd, name, is.stx_ino);
        if let Identity::Host(_, handle) = &identity {
            self.numbers
                .insert(handle.to_vec(), (is.stx_ino, u64::from(is.stx_nlink)));
            if let Some(changed) = self.index.get(&handle[..]) {
                return Shown::Upper(Arc::clone(changed));
            }
        }
        match self.below(folder, name, is, identity) {
            Some(seen) => Shown::Lower(Arc::new(seen)),
            None => Shown::Nothing,
        }
    }

    // A node of the host, without its content.
    fn below(&self, folder: &Folder, name: &CStr, is: &Statx, identity: Identity) -> Option<Seen> {
        let path = format!("/proc/self/fd/{}/", folder.fd.as_raw_fd());
        let path = CString::new([path.as_bytes(), name.to_bytes()].concat()).ok()?;
        let node = node(is, target(&folder.fd, name, is), self.attributes(&path))?;
        Some(Seen {
            node,
            identity,
            content: Content::None,
        })
    }

    // What the host has at a path: as it was seen first.
    fn base(
        &mut self,
        path: &[u8],
        folder: &Folder,
        name: &CStr,
        is: &Statx,
    ) -> (Option<Arc<Seen>>, bool) {
        let identity = self.identity(&folder.fd, name, is.stx_ino);
        if let Identity::Host(_, handle) = &identity {
            self.numbers
                .insert(handle.to_vec(), (is.stx_ino, u64::from(is.stx_nlink)));
        }
        let is_folder = kind(is) == Some(Kind::Folder);
        // Told at every step from then on, though what the later ones compare with is the same.
        let changed = nanoseconds(is.stx_ctime) > self.reader.began && !is_folder;
        let known = self.before.entries.get(path).and_then(|it| it.base.clone());
        if let Some(known) = known {
            let moment = moment(is);
            let is_same = known.node.modified == moment
                && known.node.mode == u32::from(is.stx_mode) & 0o7777
                && known.node.size == size(is)
                && known.identity == identity;
            return (Some(known), changed || (!is_same && !is_folder));
        }
        self.fresh.insert(path.to_vec());
        (
            self.below(folder, name, is, identity).map(Arc::new),
            changed,
        )
    }

    fn identity(&self, folder: &OwnedFd, name: &CStr, number: u64) -> Identity {
        match sys::handle(folder.as_fd(), name) {
            Some(handle) => Identity::Host(self.number as u32, handle.into()),
            None => Identity::HostNumber(self.number as u32, number),
        }
    }

    fn new_identity(&self, is: &Statx) -> Identity {
        let born = i128::from(nanoseconds(is.stx_btime));
        Identity::New(self.number as u32, is.stx_ino, born)
    }

    fn attributes(&self, path: &CStr) -> BTreeMap<Text, Text> {
        self.attributes_and_own(path).0
    }

    // Extended attributes, and those of the overlay itself, by name without prefix.
    fn attributes_and_own(&self, path: &CStr) -> (BTreeMap<Text, Text>, BTreeMap<String, Vec<u8>>) {
        let mut found = BTreeMap::new();
        let mut own = BTreeMap::new();
        let names = sys::attribute_names(path).unwrap_or_default();
        for name in names.split_inclusive(|byte| *byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else {
                continue;
            };
            let Some(value) = sys::attribute(path, name) else {
                continue;
            };
            match name
                .to_str()
                .ok()
                .and_then(|it| it.strip_prefix(self.prefix))
            {
                Some(key) => drop(own.insert(key.to_owned(), value)),
                None => {
                    found.insert(Text::of_bytes(name.to_bytes()), Text::of_bytes(&value));
                }
            }
        }
        (found, own)
    }

    // A change may live in the index alone: edited through one name, which was deleted then. Every
    // other name shows it.
    fn other_names(&mut self) -> io::Result<()> {
        let mut known: BTreeMap<&[u8], u64> = BTreeMap::new();
        // The longest first: those that are deepest.
        let mut near: BTreeSet<(Reverse<usize>, Vec<u8>)> = BTreeSet::new();
        for (path, entry) in &self.found.snapshot.entries {
            if let Some(base) = &entry.base
                && let Identity::Host(layer, handle) = &base.identity
                && *layer == self.number as u32
                && self.index.contains_key(&handle[..])
            {
                *known.entry(handle).or_default() += 1;
                let end = memchr::memrchr(b'/', path).unwrap_or_default();
                near.insert((Reverse(end), path[..end].to_vec()));
            }
        }
        let mut wanted: BTreeMap<u64, (Vec<u8>, u64)> = BTreeMap::new();
        for handle in self.index.keys() {
            let Some((number, links)) = self.numbers.get(handle) else {
                continue;
            };
            let left = links.saturating_sub(known.get(&handle[..]).copied().unwrap_or_default());
            if left > 0 {
                wanted.insert(*number, (handle.clone(), left));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let until = since_boot() + PATIENCE;
        let point = self.layer.point.as_os_str().as_bytes();
        let top = if point == b"/" {
            Vec::new()
        } else {
            point.to_vec()
        };
        let mut done = BTreeSet::new();
        // Other names are near, most often: from the folder of a known one outwards.
        while let Some((_, folder)) = near.pop_first() {
            if let Some(at) = memchr::memrchr(b'/', &folder)
                && at >= top.len()
            {
                near.insert((Reverse(at), folder[..at].to_vec()));
            }
            if !self.names_below(&folder, &top, &mut wanted, &mut done, until)? {
                self.found.notes.push(
                    "files with several names were changed; not all of their other names could be \
                     found in time"
                        .to_owned(),
                );
                break;
            }
            if wanted.is_empty() {
                break;
            }
        }
        Ok(())
    }

    // Looks for other names below a folder of the host. `false` where the time is over.
    fn names_below(
        &mut self,
        start: &[u8],
        top: &[u8],
        wanted: &mut BTreeMap<u64, (Vec<u8>, u64)>,
        done: &mut BTreeSet<Vec<u8>>,
        until: Duration,
    ) -> io::Result<bool> {
        let name = start.get(top.len() + 1..).filter(|it| !it.is_empty());
        let name = CString::new(name.unwrap_or(b"."))?;
        let Ok(first) = Folder::at(&self.layer.lower, &name) else {
            return Ok(true);
        };
        let mut open = vec![(start.to_vec(), first)];
        while let Some((path, folder)) = open.pop() {
            if since_boot() > until {
                return Ok(false);
            }
            if wanted.is_empty() {
                break;
            }
            if !done.insert(path.clone()) {
                continue;
            }
            let Ok(entries) = Dir::read_from(&folder.fd) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                if name == c"." || name == c".." {
                    continue;
                }
                let child = [&path[..], b"/", name.to_bytes()].concat();
                if entry.file_type() == FileType::Directory {
                    if !done.contains(&child)
                        && let Ok(folder) = Folder::at(&folder.fd, name)
                    {
                        open.push((child, folder));
                    }
                    continue;
                }
                let Some((handle, left)) = wanted.get_mut(&entry.ino()) else {
                    continue;
                };
                if self.found.snapshot.entries.contains_key(&child)
                    || sys::handle(folder.fd.as_fd(), name).as_ref() != Some(handle)
                {
                    continue;
                }
                *left -= 1;
                let now = self.index.get(handle).cloned();
                if *left == 0 {
                    wanted.remove(&entry.ino());
                }
                let is = look(&folder.fd, name, AtFlags::empty())?;
                let (base, host_changed) = self.base(&child, &folder, name, &is);
                let entry = Entry {
                    base,
                    now,
                    host_changed,
                };
                self.found.snapshot.entries.insert(child, entry);
            }
        }
        Ok(true)
    }

    // Reads what the host had, where it is needed to tell a difference.
    fn contents(&mut self) {
        let entries = &mut self.found.snapshot.entries;
        let number = self.number as u32;
        let is_ours = |seen: &Seen| match seen.identity {
            Identity::Host(layer, _) | Identity::HostNumber(layer, _) => layer == number,
            _ => false,
        };
        // A node that shines through under another name is the same, unread.
        let moved: BTreeSet<Identity> = entries
            .values()
            .filter_map(|it| it.now.as_ref())
            .filter(|it| is_ours(it) && it.content == Content::None)
            .map(|it| it.identity.clone())
            .collect();
        let point = self.layer.point.as_os_str().as_bytes();
        let above = if point == b"/" { 1 } else { point.len() + 1 };
        for path in std::mem::take(&mut self.fresh) {
            let Some(entry) = entries.get_mut(&path) else {
                continue;
            };
            let Some(base) = &mut entry.base else {
                continue;
            };
            if base.node.kind != Kind::File || moved.contains(&base.identity) {
                continue;
            }
            let content = CString::new(&path[above..])
                .map_err(io::Error::other)
                .and_then(|name| open_file(&self.layer.lower, &name))
                .map_or_else(
                    |it| Content::Unread(it.to_string()),
                    |fd| self.reader.content(&fd, &base.node),
                );
            let mut seen = Seen::clone(base);
            seen.content = content;
            *base = Arc::new(seen);
        }
    }

    // A user's overlay does not note where a copy came from: a file with the content, the size, the
    // mode and, to the nanosecond, the time of one that is gone is that one.
    fn follow_copies(&mut self) {
        let entries = &mut self.found.snapshot.entries;
        let number = self.number as u32;
        let mut gone: BTreeMap<(Moment, u64, u32), Vec<Arc<Seen>>> = BTreeMap::new();
        let key = |it: &Seen| (it.node.modified, it.node.size, it.node.mode);
        for entry in entries.values() {
            if let (Some(base), None) = (&entry.base, &entry.now) {
                gone.entry(key(base)).or_default().push(Arc::clone(base));
            }
        }
        for entry in entries.values_mut() {
            let Some(now) = &mut entry.now else { continue };
            if !matches!(now.identity, Identity::Copied(layer, _) if layer == number) {
                continue;
            }
            if let Some(base) = &entry.base
                && base.node.kind == now.node.kind
            {
                // Written where it stands.
                let mut seen = Seen::clone(now);
                seen.identity = base.identity.clone();
                *now = Arc::new(seen);
                continue;
            }
            let candidates = gone.get_mut(&key(now));
            let found = candidates.and_then(|all| {
                let at = all.iter().position(|it| {
                    it.content == now.content && it.node.target == now.node.target
                })?;
                Some(all.remove(at))
            });
            if let Some(base) = found {
                let mut seen = Seen::clone(now);
                seen.identity = base.identity.clone();
                *now = Arc::new(seen);
            }
        }
    }
}

impl Reader {
    // The node as it was read the last time, where nothing was done to it since.
    fn recall(&mut self, layer: usize, is: &Statx) -> Option<Arc<Seen>> {
        let changed = nanoseconds(is.stx_ctime);
        let known = self.remembered.get(&(layer, is.stx_ino))?;
        if known.changed != changed || changed + TICK > self.last {
            return None;
        }
        if let Content::Bytes(bytes) = &known.seen.content {
            self.kept += bytes.len() as u64;
        }
        Some(Arc::clone(&known.seen))
    }

    // Remembers it; where it is as it was, as the same.
    fn same(&mut self, layer: usize, is: &Statx, seen: Seen) -> Arc<Seen> {
        let key = (layer, is.stx_ino);
        let changed = nanoseconds(is.stx_ctime);
        if let Some(known) = self.remembered.get_mut(&key)
            && *known.seen == seen
        {
            known.changed = changed;
            return Arc::clone(&known.seen);
        }
        let seen = Arc::new(seen);
        let known = Remembered {
            changed,
            seen: Arc::clone(&seen),
        };
        self.remembered.insert(key, known);
        seen
    }

    fn content(&mut self, fd: &OwnedFd, node: &Node) -> Content {
        if node.size > READ {
            return Content::Unread(format!("{} bytes are too many to be read", node.size));
        }
        let failed = |it: io::Error| Content::Unread(it.to_string());
        if node.size <= KEPT && self.kept + node.size <= KEPT_IN_ALL {
            let mut bytes = Vec::with_capacity(node.size as usize + 1);
            let file = std::fs::File::from(match fd.try_clone() {
                Ok(fd) => fd,
                Err(error) => return failed(error),
            });
            if let Err(error) = file.take(KEPT + 1).read_to_end(&mut bytes) {
                return failed(error);
            }
            self.kept += bytes.len() as u64;
            return Content::Bytes(bytes.into());
        }
        let mut hasher = Sha256::new();
        let mut space = vec![0; 256 << 10];
        loop {
            match rustix::io::read(fd, &mut space) {
                Ok(0) => return Content::Digest(hasher.finalize().into()),
                Ok(count) => hasher.update(&space[..count]),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return failed(error.into()),
            }
        }
    }
}
