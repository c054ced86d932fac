//! What stands beside a document, and which programs this machine has: each is looked for once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::host::command;
use crate::lint::Beside;
use crate::markdown::links::anchors;
use crate::markdown::{decode, outline};

/// A longer file is not read for its headings: that it is there is enough.
const LARGEST: u64 = 8 << 20;

/// What was found so far.
#[derive(Debug)]
pub struct Surroundings {
    path: OsString,
    programs: RefCell<BTreeMap<String, bool>>,
    files: RefCell<BTreeMap<PathBuf, Beside>>,
}

impl Surroundings {
    /// Returns those of this process: its `PATH` and its folder.
    pub fn here() -> Self {
        Self {
            path: std::env::var_os("PATH").unwrap_or_default(),
            programs: RefCell::default(),
            files: RefCell::default(),
        }
    }

    /// Returns whether a program is here; `docker compose` is a plugin of `docker`.
    pub fn has(&self, program: &str) -> bool {
        if let Some(known) = self.programs.borrow().get(program) {
            return *known;
        }
        let is_here = match program.split_once(' ') {
            Some((first, part)) => self.has(first) && has_plugin(first, part),
            None => command::find(program, &self.path).is_some(),
        };
        self.programs
            .borrow_mut()
            .insert(program.to_owned(), is_here);
        is_here
    }

    /// Returns what stands at `target`, relative to the folder of `document`.
    pub fn beside(&self, document: &Path, target: &str) -> Beside {
        if document.as_os_str() == "-" {
            return Beside::Unknown;
        }
        let path = document.parent().unwrap_or(Path::new("")).join(target);
        if let Some(known) = self.files.borrow().get(&path) {
            return known.clone();
        }
        let beside = look(&path);
        self.files.borrow_mut().insert(path, beside.clone());
        beside
    }
}

fn look(path: &Path) -> Beside {
    let Ok(facts) = fs::metadata(path) else {
        return Beside::Missing;
    };
    let is_markdown = path
        .extension()
        .is_some_and(|it| it.eq_ignore_ascii_case("md") || it.eq_ignore_ascii_case("markdown"));
    if !facts.is_file() || !is_markdown || facts.len() > LARGEST {
        return Beside::There;
    }
    let bytes = fs::read(path).unwrap_or_default();
    match decode(&bytes) {
        Ok(text) => Beside::Markdown(anchors(&outline(text))),
        Err(_) => Beside::There,
    }
}

/// Whether `program` has the plugin `part`, where Docker's packages put them.
fn has_plugin(program: &str, part: &str) -> bool {
    // What podman runs it by is a program of its own.
    if program != "docker" {
        return true;
    }
    let name = format!("docker-{part}");
    let own = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
    [
        own,
        Some("/usr/local/lib/docker".into()),
        Some("/usr/local/libexec/docker".into()),
        Some("/usr/lib/docker".into()),
        Some("/usr/libexec/docker".into()),
    ]
    .into_iter()
    .flatten()
    .any(|folder| folder.join("cli-plugins").join(&name).is_file())
}
