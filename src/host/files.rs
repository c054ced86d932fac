//! What is known of files that a step names: size and age. Reads no content.

use std::path::{Path, PathBuf};

use crate::plan::Existing;

use super::clock::Clock;

/// Returns those of `names`, relative to `folder`, that are there as files; `~/` is the home folder.
pub fn existing(folder: &Path, names: &[String]) -> Vec<Existing> {
    let now = Clock::from_environment().wall_ms();
    names
        .iter()
        .filter_map(|name| {
            let facts = std::fs::metadata(place(folder, name)).ok()?;
            // What is written to a device or a pipe overwrites nothing.
            if !facts.is_file() {
                return None;
            }
            let modified = facts.modified().ok()?;
            let modified = modified.duration_since(std::time::UNIX_EPOCH).ok();
            let age = modified.and_then(|it| (now as u64 / 1000).checked_sub(it.as_secs()));
            Some(Existing {
                name: name.clone(),
                bytes: facts.len(),
                age,
            })
        })
        .collect()
}

pub(super) fn place(folder: &Path, name: &str) -> PathBuf {
    if let Some(rest) = name.strip_prefix("~/")
        && let Some(home) = std::env::var_os("HOME")
    {
        return PathBuf::from(home).join(rest);
    }
    folder.join(name)
}

#[cfg(test)]
mod tests {
    use super::existing;

    #[test]
    fn only_files_that_are_there_are_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.sql"), "12345").unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        let names = ["a.sql", "b", "c", "/dev/null"].map(str::to_owned);
        let found = existing(folder.path(), &names);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].bytes), ("a.sql", 5));
    }
}
