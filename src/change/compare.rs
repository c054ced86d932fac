//! Two snapshots → differences. Renames are exact: a node is followed by its identity.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::event::Text;

use super::{Aspect, Content, Difference, Entry, Identity, Kind, Seen, Snapshot, What};

type Side<'a> = Option<&'a Arc<Seen>>;

// What stands at a path before and after.
#[derive(Clone, Copy)]
struct Pair<'a> {
    before: Side<'a>,
    after: Side<'a>,
    host_changed: bool,
}

impl Pair<'_> {
    fn is_same_node(&self) -> bool {
        matches!((self.before, self.after), (Some(b), Some(a)) if b.identity == a.identity)
    }
}

/// Returns what differs between two snapshots of one view, in the order of paths. A node that moved
/// is one difference, whatever it was called; what moved along in a folder is counted there.
pub fn compare(before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let pairs = pairs(before, after);
    let moves = Moves::of(&pairs);
    let mut found: BTreeMap<&[u8], Vec<Difference>> = BTreeMap::new();
    let mut inside: BTreeMap<&[u8], u64> = BTreeMap::new();
    let crowded = folders_with_other_names(&pairs);
    for (&path, pair) in &pairs {
        for difference in moves.differences(path, pair, &pairs, &crowded, &mut inside) {
            found.entry(path).or_default().push(difference);
        }
    }
    let mut all: Vec<Difference> = found.into_values().flatten().collect();
    for difference in &mut all {
        if difference.what == What::Renamed {
            difference.inside = inside
                .get(&difference.path[..])
                .copied()
                .unwrap_or_default();
        }
    }
    all
}

fn pairs<'a>(before: &'a Snapshot, after: &'a Snapshot) -> BTreeMap<&'a [u8], Pair<'a>> {
    let (old, new) = (&before.entries, &after.entries);
    let paths = new
        .keys()
        .chain(old.keys().filter(|it| !new.contains_key(*it)));
    let pair = |path: &'a Vec<u8>| {
        let (old, new): (Option<&'a Entry>, Option<&'a Entry>) = (old.get(path), new.get(path));
        let pair = Pair {
            before: match (old, new) {
                (Some(entry), _) => entry.now.as_ref(),
                (None, entry) => entry.and_then(|it| it.base.as_ref()),
            },
            after: match (new, old) {
                (Some(entry), _) => entry.now.as_ref(),
                (None, entry) => entry.and_then(|it| it.base.as_ref()),
            },
            host_changed: new.or(old).is_some_and(|it| it.host_changed),
        };
        let is_there = pair.before.is_some() || pair.after.is_some();
        is_there.then_some((path.as_slice(), pair))
    };
    paths.filter_map(pair).collect()
}

// Folders in which a name came, went or became another node: their times say nothing more.
fn folders_with_other_names<'a>(pairs: &BTreeMap<&'a [u8], Pair<'_>>) -> BTreeSet<&'a [u8]> {
    let changed = pairs.iter().filter(|(_, pair)| !pair.is_same_node());
    changed.filter_map(|(path, _)| parent(path)).collect()
}

fn parent(path: &[u8]) -> Option<&[u8]> {
    let at = memchr::memrchr(b'/', path)?;
    (path.len() > 1).then(|| &path[..at.max(1)])
}

// Which name became which.
struct Moves<'a> {
    // New name → old name.
    from: BTreeMap<&'a [u8], &'a [u8]>,
    // Old names whose node has another name now.
    gone: BTreeSet<&'a [u8]>,
    // One name that a node had before.
    names: BTreeMap<&'a Identity, &'a [u8]>,
}

impl<'a> Moves<'a> {
    fn of(pairs: &BTreeMap<&'a [u8], Pair<'a>>) -> Self {
        let mut left: BTreeMap<&Identity, BTreeSet<&[u8]>> = BTreeMap::new();
        let mut names: BTreeMap<&Identity, &[u8]> = BTreeMap::new();
        for (&path, pair) in pairs {
            let Some(before) = pair.before else { continue };
            names.entry(&before.identity).or_insert(path);
            if !pair.is_same_node() {
                left.entry(&before.identity).or_default().insert(path);
            }
        }
        let mut moves = Self {
            from: BTreeMap::new(),
            gone: BTreeSet::new(),
            names,
        };
        // Parents come before what is in them, so that a folder's move explains its children's.
        for (&path, pair) in pairs {
            let Some(after) = pair.after.filter(|_| !pair.is_same_node()) else {
                continue;
            };
            let Some(candidates) = left.get_mut(&after.identity) else {
                continue;
            };
            let expected = moves.expected(path);
            let from = expected
                .and_then(|it| candidates.get(it.as_slice()).copied())
                .or_else(|| candidates.first().copied());
            if let Some(from) = from {
                candidates.remove(from);
                moves.from.insert(path, from);
                moves.gone.insert(from);
            }
        }
        // What stands where it stood while its folder was renamed did not move along: it is told as
        // renamed from its own name.
        let mut to: BTreeMap<&[u8], &[u8]> =
            moves.from.iter().map(|(to, from)| (*from, *to)).collect();
        for (&path, pair) in pairs {
            if pair.is_same_node()
                && let Some(folder) = parent(path)
                && to.get(folder).is_some_and(|it| *it != folder)
            {
                to.insert(path, path);
                moves.from.insert(path, path);
                moves.gone.insert(path);
            }
        }
        moves
    }

    // The name that `path` had before, if it moved along with its folder.
    fn expected(&self, path: &[u8]) -> Option<Vec<u8>> {
        let folder = parent(path)?;
        let old = self.from.get(folder)?;
        Some([old, &path[folder.len()..]].concat())
    }

    fn differences(
        &self,
        path: &'a [u8],
        pair: &Pair<'a>,
        pairs: &BTreeMap<&'a [u8], Pair<'a>>,
        crowded: &BTreeSet<&[u8]>,
        inside: &mut BTreeMap<&'a [u8], u64>,
    ) -> Vec<Difference> {
        let mut found = Vec::new();
        let is_crowded = |path: &[u8]| crowded.contains(path);
        let new = |what, before: Side<'_>, after: Side<'_>, aspects| Difference {
            path: path.to_vec(),
            what,
            from: None,
            link_to: None,
            before: before.cloned(),
            after: after.cloned(),
            aspects,
            inside: 0,
            host_changed: pair.host_changed,
        };
        if let (Some(&from), Some(after)) = (self.from.get(path), pair.after) {
            // What stood here, and has no other name now.
            if let Some(before) = pair.before
                && !self.gone.contains(path)
            {
                found.push(new(What::Deleted, Some(before), None, Vec::new()));
            }
            let before = pairs.get(from).and_then(|it| it.before);
            let aspects = before.map_or_else(Vec::new, |it| aspects(it, after, is_crowded(path)));
            let is_along = self.expected(path).is_some_and(|it| it == from);
            if is_along && aspects.is_empty() {
                *inside.entry(self.top(path)).or_default() += 1;
                return found;
            }
            let what = match (is_along, aspects.as_slice()) {
                (true, [Aspect::Times]) => What::TimesOnly,
                (true, _) => What::Modified,
                (false, _) => What::Renamed,
            };
            let mut moved = new(what, before, Some(after), aspects);
            moved.from = Some(from.to_vec());
            found.push(moved);
            return found;
        }
        match (pair.before, pair.after) {
            (Some(_), None) if self.gone.contains(path) => {}
            (Some(before), None) => found.push(new(What::Deleted, Some(before), None, Vec::new())),
            (None, Some(after)) => {
                let mut added = new(What::Added, None, Some(after), Vec::new());
                if after.node.kind != Kind::Folder {
                    added.link_to = self.names.get(&after.identity).map(|it| it.to_vec());
                }
                found.push(added);
            }
            (Some(before), Some(after)) if Arc::ptr_eq(before, after) => {}
            (Some(before), Some(after)) => {
                let is_other_folder = before.node.kind == Kind::Folder && !pair.is_same_node();
                let is_other = before.node.kind != after.node.kind || is_other_folder;
                // What stood here is told under its new name: nothing was replaced. A file in place
                // of a file is compared with it all the same; the old one may be its backup.
                if is_other && self.gone.contains(path) {
                    found.push(new(What::Added, None, Some(after), Vec::new()));
                    return found;
                }
                let aspects = aspects(before, after, is_crowded(path));
                let what = match aspects.as_slice() {
                    _ if is_other => What::Replaced,
                    [] => return found,
                    [Aspect::Times] => What::TimesOnly,
                    _ => What::Modified,
                };
                found.push(new(what, Some(before), Some(after), aspects));
            }
            (None, None) => {}
        }
        found
    }

    // The folder with whose rename `path` moved along.
    fn top(&self, path: &'a [u8]) -> &'a [u8] {
        let mut top = path;
        while let Some(folder) = parent(top)
            && let (Some(expected), Some(from)) = (self.expected(top), self.from.get(top))
            && expected == *from
        {
            top = folder;
        }
        top
    }
}

fn aspects(before: &Seen, after: &Seen, is_crowded: bool) -> Vec<Aspect> {
    let (old, new) = (&before.node, &after.node);
    let mut found = Vec::new();
    let mut add = |aspect, differs: bool| {
        if differs {
            found.push(aspect);
        }
    };
    let is_same_kind = old.kind == new.kind;
    let is_file = old.kind == Kind::File && is_same_kind;
    let content = is_file && differ_in_content(before, after);
    add(Aspect::Kind, !is_same_kind);
    add(Aspect::Content, content);
    add(Aspect::Target, is_same_kind && old.target != new.target);
    // The mode of a symbolic link means nothing.
    let has_mode = new.kind != Kind::Symlink && old.kind != Kind::Symlink;
    add(Aspect::Mode, has_mode && old.mode != new.mode);
    add(Aspect::Owner, (old.uid, old.gid) != (new.uid, new.gid));
    let of = |aspect| {
        let filter = move |node: &'_ super::Node| -> Vec<_> {
            let all = node.attributes.iter();
            let those = all.filter(|(name, _)| aspect_of(name) == aspect);
            those.map(|(a, b)| (a.clone(), b.clone())).collect()
        };
        filter(old) != filter(new)
    };
    if old.attributes != new.attributes {
        add(Aspect::Capabilities, of(Aspect::Capabilities));
        add(Aspect::AccessList, of(Aspect::AccessList));
        add(Aspect::Attributes, of(Aspect::Attributes));
    }
    // Of a folder the number counts the folders in it.
    let is_folder = old.kind == Kind::Folder || new.kind == Kind::Folder;
    add(
        Aspect::Links,
        !is_folder && is_same_kind && old.links != new.links,
    );
    let speaks = is_same_kind && !content && !(is_folder && is_crowded);
    add(Aspect::Times, speaks && old.modified != new.modified);
    found
}

/// Returns which aspect of a node an extended attribute is.
pub(super) fn aspect_of(name: &Text) -> Aspect {
    match name {
        Text::Plain(name) if name == "security.capability" => Aspect::Capabilities,
        Text::Plain(name) if name.starts_with("system.posix_acl_") => Aspect::AccessList,
        _ => Aspect::Attributes,
    }
}

fn differ_in_content(before: &Seen, after: &Seen) -> bool {
    if before.node.size != after.node.size {
        return true;
    }
    match (&before.content, &after.content) {
        (Content::Bytes(a), Content::Bytes(b)) => !Arc::ptr_eq(a, b) && a != b,
        (Content::Digest(a), Content::Digest(b)) => a != b,
        (Content::Bytes(bytes), Content::Digest(digest))
        | (Content::Digest(digest), Content::Bytes(bytes)) => {
            Sha256::digest(bytes).as_slice() != digest
        }
        // A node that nobody wrote to keeps its time.
        _ => before.identity != after.identity || before.node.modified != after.node.modified,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Moment, Node};
    use super::*;

    // `path kind identity text` a line; a path may stand with `-` for nothing.
    fn seen(words: &[&str]) -> Option<Arc<Seen>> {
        let kind = match words[0] {
            "-" => return None,
            "file" => Kind::File,
            "folder" => Kind::Folder,
            "symlink" => Kind::Symlink,
            other => panic!("{other}"),
        };
        let text = words.get(2).copied().unwrap_or_default();
        let mode = words
            .get(3)
            .map_or(0o644, |it| u32::from_str_radix(it, 8).unwrap());
        Some(Arc::new(Seen {
            node: Node {
                kind,
                mode,
                uid: 0,
                gid: 0,
                size: text.len() as u64,
                modified: Moment::default(),
                links: 1,
                target: None,
                attributes: BTreeMap::new(),
            },
            identity: Identity::HostNumber(0, words[1].parse().unwrap()),
            content: Content::Bytes(text.as_bytes().into()),
        }))
    }

    fn snapshot(text: &str) -> Snapshot {
        let entry = |line: &str| {
            let (path, sides) = line.trim().split_once(": ").unwrap();
            let (base, now) = sides.split_once(" > ").unwrap();
            let words = |it: &str| seen(&it.split_whitespace().collect::<Vec<_>>());
            let entry = Entry {
                base: words(base),
                now: words(now),
                host_changed: false,
            };
            (path.as_bytes().to_vec(), entry)
        };
        let lines = text.lines().filter(|it| !it.trim().is_empty());
        Snapshot {
            entries: lines.map(entry).collect(),
        }
    }

    fn told(differences: &[Difference]) -> String {
        let mut lines = Vec::new();
        for it in differences {
            let from = it.from.as_deref().map(String::from_utf8_lossy);
            lines.push(
                format!(
                    "{} {:?} {} {:?} {}",
                    String::from_utf8_lossy(&it.path),
                    it.what,
                    from.map(|it| format!("from {it}")).unwrap_or_default(),
                    it.aspects,
                    if it.inside > 0 {
                        format!("inside {}", it.inside)
                    } else {
                        String::new()
                    }
                )
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            );
        }
        lines.join("\n")
    }

    fn check(text: &str, wanted: &[&str]) {
        let found = told(&compare(&Snapshot::default(), &snapshot(text)));
        assert_eq!(found, wanted.join("\n"));
    }

    #[test]
    fn a_replaced_folder_lists_its_old_children() {
        check(
            "/d: folder 1 > folder 9
             /d/a: file 2 x > -
             /d/n: - > file 8 y",
            &["/d Replaced []", "/d/a Deleted []", "/d/n Added []"],
        );
    }

    #[test]
    fn two_folders_that_changed_places_are_two_renames() {
        check(
            "/a: folder 1 > folder 2
             /a/x: file 3 x > -
             /a/y: - > file 4 y
             /b: folder 2 > folder 1
             /b/x: - > file 3 x
             /b/y: file 4 y > -",
            &[
                "/a Renamed from /b [] inside 1",
                "/b Renamed from /a [] inside 1",
            ],
        );
    }

    #[test]
    fn what_changed_inside_a_renamed_folder_is_told_with_its_old_name() {
        check(
            "/a: folder 1 > -
             /a/k: file 2 x > -
             /a/s: folder 5 > -
             /a/s/k: file 6 x > -
             /b: - > folder 1
             /b/k: - > file 2 xy
             /b/s: - > folder 5
             /b/s/k: - > file 6 x",
            &[
                "/b Renamed from /a [] inside 2",
                "/b/k Modified from /a/k [Content]",
            ],
        );
    }

    #[test]
    fn what_stays_where_it_was_while_its_folder_is_renamed_is_told() {
        check(
            "/a: folder 1 > folder 9
             /a/k: file 2 x > file 2 x
             /b: - > folder 1
             /a/m: file 3 x > -
             /b/m: - > file 3 x",
            &[
                "/a Added []",
                "/a/k Renamed from /a/k []",
                "/b Renamed from /a [] inside 1",
            ],
        );
    }

    #[test]
    fn what_is_made_where_something_moved_away_is_added_but_a_file_is_compared_with_its_backup() {
        check(
            "/a: folder 1 > folder 9
             /b: - > folder 1",
            &["/a Added []", "/b Renamed from /a []"],
        );
        check(
            "/a: file 1 x > folder 9
             /b: - > file 1 x",
            &["/a Added []", "/b Renamed from /a []"],
        );
        check(
            "/a: file 1 x > file 9 y
             /b: - > file 1 x",
            &["/a Modified [Content]", "/b Renamed from /a []"],
        );
    }

    #[test]
    fn a_file_written_anew_over_its_old_name_is_modified() {
        check(
            "/f: file 1 x > file 9 y 600",
            &["/f Modified [Content, Mode]"],
        );
        check("/f: file 1 x > file 9 x", &[]);
    }

    #[test]
    fn a_rename_over_a_file_deletes_what_stood_there() {
        check(
            "/f: file 1 x > file 2 y
             /g: file 2 y > -",
            &["/f Deleted []", "/f Renamed from /g []"],
        );
    }

    #[test]
    fn the_difference_of_a_later_step_starts_from_the_earlier_one() {
        let first = snapshot("/f: - > file 7 x");
        let second = snapshot("/f: - > file 7 xy\n/g: file 1 x > -");
        assert_eq!(
            told(&compare(&first, &second)),
            "/f Modified [Content]\n/g Deleted []"
        );
        // What was undone since is a difference too.
        let third = snapshot("/g: file 1 x > file 1 x");
        assert_eq!(
            told(&compare(&second, &third)),
            "/f Deleted []\n/g Added []"
        );
    }
}
