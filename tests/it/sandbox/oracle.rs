//! The oracle: random sequences of file operations, each run once for real in one tree and once in a
//! view of its twin. What the view shows at its end is the real tree; what it reports, done to the
//! tree before, gives the real tree too; and the host's twin is as it was.
//!
//! `RUNBOOK_ORACLE_SEEDS=5000` tries as many, `RUNBOOK_ORACLE_FROM=1234` begins there. A failure
//! names its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

use runbook::change::{Content, Difference, Kind, Seen, What};

use super::{View, fixture};

const SEEDS: u64 = 500;
const OPERATIONS: usize = 14;
// As many share one view, each with trees of its own.
const BATCH: u64 = 50;

struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        // Xorshift, Marsaglia 2003.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % most
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    fn path(&mut self) -> String {
        // As Perl writes them between double quotes.
        let names = ["a", "b", "c", "f", "g", "n\\n:,\\\\ \\xff"];
        let depth = 1 + self.below(3);
        let parts: Vec<&str> = (0..depth).map(|_| self.pick(&names)).collect();
        parts.join("/")
    }

    // No set-user bits: who writes to such a file as root of a view alone takes the bit away, as any
    // other user does.
    fn operation(&mut self) -> String {
        let (one, two) = (self.path(), self.path());
        let number = self.below(100);
        match self.below(19) {
            0..=2 => format!("w('>', \"{one}\", 'new {number}');"),
            3 | 4 => format!("w('>>', \"{one}\", 'more {number}');"),
            5 | 6 => format!("mkdir \"{one}\";"),
            7 => format!("unlink \"{one}\";"),
            8 => format!("rmdir \"{one}\";"),
            9 => format!("gone(\"{one}\");"),
            10..=12 => format!("rename \"{one}\", \"{two}\";"),
            13 => format!("link \"{one}\", \"{two}\";"),
            14 => format!("symlink \"{two}\", \"{one}\";"),
            15 => format!(
                "chmod 0{}, \"{one}\" unless -l \"{one}\";",
                self.pick(&["600", "755", "711", "000"])
            ),
            16 => format!(
                "chown {}, {}, \"{one}\" unless -l \"{one}\";",
                self.below(3) * 33,
                self.below(3) * 12
            ),
            17 => format!("mkfifo(\"{one}\", 0644);"),
            _ => format!("attribute(\"{one}\", '{}');", self.pick(&["x", "yy", ""])),
        }
    }
}

// Numbers of `lsetxattr`, `lgetxattr` and `mknodat`: Perl's own modules take longer to load than all
// of a sequence takes.
#[cfg(target_arch = "x86_64")]
const CALLS: &str = "my ($set, $get, $mknodat) = (189, 192, 259);";
#[cfg(not(target_arch = "x86_64"))]
const CALLS: &str = "my ($set, $get, $mknodat) = (6, 9, 33);";

const PRELUDE: &str = r#"
umask 022;
sub w { my ($how, $path, $text) = @_; return if -p $path; open(my $f, $how, $path) or return; print $f $text; close $f; }
sub gone { my ($path) = @_;
  if (-d $path && !-l $path) { opendir(my $d, $path) or return; my @all = readdir $d; closedir $d;
    for (@all) { gone("$path/$_") if $_ ne '.' && $_ ne '..' } rmdir $path } else { unlink $path } }
sub mkfifo { my ($path, $mode) = @_; syscall($mknodat, -100, $path, 0010000 | $mode, 0); }
sub attribute { my ($path, $value) = @_; return if -l $path || !-e $path; return if !-f $path && !-d $path; my $name = "user.oracle"; syscall($set, $path, $name, $value, length $value, 0); }
sub dump_of { my ($path, $shown) = @_;
  my @is = lstat $path or return; my $kind = -l _ ? 'symlink' : -d _ ? 'folder' : -p _ ? 'fifo' : -f _ ? 'file' : 'other';
  my $what = ''; if ($kind eq 'symlink') { $what = readlink $path }
  if ($kind eq 'file') { open(my $f, '<', $path) or die "$path: $!"; local $/; $what = <$f> // ''; }
  my $value = "\0" x 64; my $name = "user.oracle";
  my $length = $kind eq 'file' || $kind eq 'folder' ? syscall($get, $path, $name, $value, 64) : -1;
  my $attribute = $length >= 0 ? 'h' . unpack('H*', substr($value, 0, $length)) : '-';
  my $links = $kind eq 'folder' ? 0 : $is[3];
  my $mode = $kind eq 'symlink' ? 0 : $is[2] & 07777;
  print join("\t", 'h' . unpack('H*', $shown), $kind, $mode, $is[4], $is[5], $links, 'h' . unpack('H*', $what), $attribute), "\n" if $shown ne '';
  if ($kind eq 'folder') { opendir(my $d, $path) or die "$path: $!"; for (sort readdir $d) { next if $_ eq '.' || $_ eq '..';
    dump_of("$path/$_", $shown eq '' ? $_ : "$shown/$_") } } }
"#;

// All of a node that a real run and a preview must agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leaf {
    kind: String,
    mode: u32,
    owner: (u32, u32),
    links: u64,
    what: Vec<u8>,
    attribute: Option<Vec<u8>>,
}

type Tree = BTreeMap<Vec<u8>, Leaf>;

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix('h').unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn tree(text: &str) -> Tree {
    let line = |line: &str| {
        let words: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| words[at].parse().unwrap_or_else(|_| panic!("{line}"));
        let leaf = Leaf {
            kind: words[1].to_owned(),
            mode: number(2),
            owner: (number(3), number(4)),
            links: u64::from(number(5)),
            what: unhex(words[6]),
            attribute: (words[7] != "-").then(|| unhex(words[7])),
        };
        (unhex(words[0]), leaf)
    };
    text.lines().map(line).collect()
}

fn leaf(seen: &Seen) -> Leaf {
    let node = &seen.node;
    let kind = match node.kind {
        Kind::File => "file",
        Kind::Folder => "folder",
        Kind::Symlink => "symlink",
        Kind::Fifo => "fifo",
        _ => "other",
    };
    let what = match (&seen.content, &node.target) {
        (Content::Bytes(bytes), _) => bytes.to_vec(),
        (_, Some(target)) => target.to_bytes(),
        _ => Vec::new(),
    };
    let name = runbook::event::Text::Plain("user.oracle".to_owned());
    Leaf {
        kind: kind.to_owned(),
        mode: if node.kind == Kind::Symlink {
            0
        } else {
            node.mode
        },
        owner: (node.uid, node.gid),
        links: if node.kind == Kind::Folder {
            0
        } else {
            node.links
        },
        what,
        attribute: node
            .attributes
            .get(&name)
            .map(runbook::event::Text::to_bytes),
    }
}

// Does to a tree what was reported.
fn done(before: &Tree, reported: &[Difference], root: &[u8]) -> Tree {
    let below = |path: &[u8]| {
        let rest = path.strip_prefix(root)?.strip_prefix(b"/")?;
        Some(rest.to_vec())
    };
    let those: Vec<(Vec<u8>, &Difference)> = reported
        .iter()
        .filter_map(|it| Some((below(&it.path)?, it)))
        .collect();
    let moves: BTreeMap<Vec<u8>, Vec<u8>> = those
        .iter()
        .filter(|(_, it)| it.what == What::Renamed)
        .map(|(path, it)| (below(it.from.as_ref().unwrap()).unwrap(), path.clone()))
        .collect();
    let deleted: BTreeSet<&Vec<u8>> = those
        .iter()
        .filter(|(_, it)| it.what == What::Deleted)
        .map(|it| &it.0)
        .collect();
    let mut after = Tree::new();
    for (path, leaf) in before {
        if deleted.contains(path) && !moves.contains_key(path) {
            continue;
        }
        let mut head = path.as_slice();
        let moved = loop {
            if let Some(to) = moves.get(head) {
                break [to, &path[head.len()..]].concat();
            }
            match head.iter().rposition(|byte| *byte == b'/') {
                Some(at) => head = &head[..at],
                None => break path.clone(),
            }
        };
        after.insert(moved, leaf.clone());
    }
    for (path, it) in those {
        let Some(seen) = &it.after else { continue };
        let mut new = leaf(seen);
        // A content that did not change is not told again.
        if seen.content == Content::None && seen.node.kind == Kind::File {
            new.what = match (
                after.get(&path),
                it.link_to.as_ref().and_then(|it| below(it)),
            ) {
                (_, Some(link)) => after
                    .get(&link)
                    .map(|it| it.what.clone())
                    .unwrap_or_default(),
                (Some(known), None) => known.what.clone(),
                (None, None) => panic!("no content of {}: {it:?}", path.escape_ascii()),
            };
        }
        after.insert(path, new);
    }
    after
}

fn different(one: &Tree, other: &Tree) -> String {
    let mut told = String::new();
    for path in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
        let (a, b) = (one.get(path), other.get(path));
        if a != b {
            let _ = writeln!(told, "{}: {a:?}\n   but {b:?}", path.escape_ascii());
        }
    }
    told
}

struct Case {
    seed: u64,
    first: String,
    second: String,
}

fn case(seed: u64) -> Case {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..8 {
        chance.below(2);
    }
    let mut some = |count| {
        (0..count)
            .map(|_| chance.operation() + "\n")
            .collect::<String>()
    };
    // What is there before, and links of it.
    let _ = some(1);
    Case {
        seed,
        first: some(OPERATIONS),
        second: some(OPERATIONS),
    }
}

const BEFORE: &str = r#"
mkdir $_ for 'a', 'b', 'a/a', 'a/b', 'b/c', 'a/a/c';
w('>', $_, "old $_") for 'f', 'a/f', 'a/g', 'a/a/f', 'a/a/c/f', 'b/f', 'b/c/f', 'b/c/g', "a/n\n:,\\ \xff";
link 'a/f', 'b/g'; link 'b/c/f', 'a/b/f'; link 'f', 'a/a/g'; symlink 'f', 'c'; mkfifo('g', 0644);
attribute('a/f', 'old'); attribute('b', 'old'); chmod 0700, 'b/c';
"#;

#[test]
fn a_preview_shows_what_a_run_does() {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse().ok());
    let count = number("RUNBOOK_ORACLE_SEEDS").unwrap_or(SEEDS);
    let from = number("RUNBOOK_ORACLE_FROM").unwrap_or(1);
    if fixture::which("perl").is_none() {
        return fixture::skip("the operations are done by perl");
    }
    let mut seed = from;
    while seed < from + count {
        let end = (seed + BATCH).min(from + count);
        if !batch(seed, end) {
            return;
        }
        seed = end;
    }
}

fn batch(from: u64, end: u64) -> bool {
    let cases: Vec<Case> = (from..end).map(case).collect();
    let perl = |body: &str| {
        format!(
            "perl -e '{}'",
            format!("{CALLS}{PRELUDE}{body}").replace('\'', "'\\''")
        )
    };
    let mut setup = String::new();
    for case in &cases {
        for name in ["real", "twin"] {
            let folder = format!("{name}{}", case.seed);
            let _ = write!(
                setup,
                "mkdir '{folder}'; chdir '{folder}'; {BEFORE} chdir '..';"
            );
        }
    }
    let Some(mut view) = View::prepared(&perl(&setup)) else {
        return false;
    };
    for case in &cases {
        check(&mut view, case, &perl);
    }
    true
}

fn check(view: &mut View, case: &Case, perl: &dyn Fn(&str) -> String) {
    let seed = case.seed;
    let (real, twin) = (format!("real{seed}"), format!("twin{seed}"));
    let within =
        |folder: &str, body: &str| perl(&format!("chdir '{folder}'; {body} dump_of('.', '');"));
    let root = view.path(&twin).as_os_str().as_bytes().to_vec();
    let of_host = |view: &View, folder: &str, body: &str| {
        tree(&super::on_host_printing(
            &within(folder, body),
            view.place.path(),
        ))
    };
    let fail = |what: &str, told: &str| {
        assert!(
            told.is_empty(),
            "seed {seed}: {what}\n{told}\nstep 1:\n{}step 2:\n{}",
            case.first,
            case.second
        );
    };
    let before = of_host(view, &real, "");
    assert!(before.len() > 15, "the trees are not read: {before:?}");
    let mut known = before.clone();
    for body in [&case.first, &case.second] {
        let wanted = of_host(view, &real, body);
        let (ended, effects) = view.step(&within(&twin, body));
        assert_eq!(ended.code, Some(0), "seed {seed}: {}", ended.printed);
        fail(
            "the view is not what a run makes",
            &different(&wanted, &tree(&ended.printed)),
        );
        if std::env::var_os("RUNBOOK_ORACLE_SHOW").is_some() {
            let told = format!("seed {seed}\n{body}{}\n", view.tell(&effects));
            let _ = rustix::io::write(rustix::stdio::stderr(), told.as_bytes());
        }
        let told = done(&known, &effects.differences, &root);
        fail(
            "what is reported is not what changed",
            &different(&wanted, &told),
        );
        for it in &effects.differences {
            let is_real = it.what != What::Modified
                || it
                    .aspects
                    .iter()
                    .any(|it| *it != runbook::change::Aspect::Times);
            assert!(is_real, "seed {seed}: {it:?}");
        }
        known = wanted;
    }
    fail(
        "the host's twin was touched",
        &different(&before, &of_host(view, &twin, "")),
    );
}
