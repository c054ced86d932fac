//! PATH arguments → documents: a file with any ending, `-`, or a folder that is searched.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::markdown::encoding::guess;
use crate::markdown::{Unreadable, decode};

/// One byte more than `decode` takes: enough to be refused, however endless the file.
const MOST: u64 = (1 << 30) + 1;

/// Returns the bytes of the document at `path`; `-` is standard input.
///
/// # Errors
/// What does not exist and what is a folder is usage; what cannot be read is the environment.
pub fn read_document(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = shown(path);
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin()
            .lock()
            .take(MOST)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::environment("cannot read standard input").cause(error))?;
        return Ok(bytes);
    }
    let failed = |error: io::Error| {
        let failure = match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => {
                return Failure::usage(format!("`{name}` does not exist"))
                    .hint("`runbook list` shows the runbooks of this folder");
            }
            ErrorKind::IsADirectory => return is_a_folder(path),
            _ => Failure::environment(format!("cannot read `{name}`")),
        };
        failure.cause(error)
    };
    let file = File::open(path).map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    if facts.is_dir() {
        return Err(is_a_folder(path));
    }
    bytes.reserve_exact(facts.len().min(MOST) as usize);
    file.take(MOST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Returns the text of a document that was read from `path`.
///
/// # Errors
/// What is no text, with its place: usage.
pub fn text_of<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, Failure> {
    decode(bytes).map_err(|unreadable| {
        let is_of_another = matches!(
            unreadable,
            Unreadable::NotUtf8 { .. } | Unreadable::OtherEncoding(_) | Unreadable::Binary { .. }
        );
        let way_out = match guess(bytes).filter(|_| is_of_another) {
            Some((encoding, words)) => format!(
                "it could be {words}: `iconv -f {encoding} -t UTF-8 {} > utf8.md`",
                if path.as_os_str() == "-" {
                    String::new()
                } else {
                    quoted(&shown(path))
                }
            ),
            None => unreadable.way_out().to_owned(),
        };
        Failure::usage(format!("`{}` {unreadable}", shown(path))).hint(way_out)
    })
}

/// Returns `name` as a shell takes it.
pub fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./+,@%".contains(c);
    if !name.is_empty() && name.chars().all(is_plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}

/// Returns what a person knows `path` as.
pub fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" {
        return "<stdin>".to_owned();
    }
    path.display().to_string()
}

/// Returns the name of the document, for where nothing in it says one: the file's, without ending.
pub fn name_of(path: &Path) -> String {
    if path.as_os_str() == "-" {
        return "standard input".to_owned();
    }
    path.file_stem()
        .map_or_else(|| shown(path), |stem| stem.to_string_lossy().into_owned())
}

fn is_a_folder(path: &Path) -> Failure {
    let name = shown(path);
    Failure::usage(format!("`{name}` is a folder")).hint(format!(
        "name a file in it; `runbook list {name}` shows them"
    ))
}

/// Returns the documents that `paths` mean: files as they are named, folders searched for `*.md` and
/// `*.markdown` without what `.gitignore` and hidden folders hold, sorted; and what of it failed.
pub fn find_documents(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Failure>) {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut failures = Vec::new();
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &here } else { paths };
    for path in paths {
        if path.as_os_str() == "-" || !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let mut walk = ignore::WalkBuilder::new(path);
        walk.require_git(false)
            .sort_by_file_name(std::ffi::OsStr::cmp);
        for entry in walk.build() {
            match entry {
                Ok(entry) => {
                    let is_file = entry.file_type().is_some_and(|kind| !kind.is_dir());
                    if is_file && is_markdown(entry.path()) {
                        let path = entry.path();
                        found.push(path.strip_prefix(".").unwrap_or(path).to_path_buf());
                    }
                }
                Err(error) => failures.push(
                    Failure::environment(format!("cannot search `{}`", shown(path))).cause(error),
                ),
            }
        }
    }
    // A file that is named, and stands in a folder that is named too, is one document.
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|path| seen.insert(path.clone()));
    (found, failures)
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|ending| {
        ending.eq_ignore_ascii_case("md") || ending.eq_ignore_ascii_case("markdown")
    })
}
