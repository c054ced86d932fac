//! The classifier against hand labels, in shares of pieces: `cargo bench --bench labels` for the
//! manuals of `tests/labels`, `cargo bench --bench labels -- FOLDER…` for folders of `*.md` with a
//! `*.tsv` beside each. Every disagreement is listed.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints"
)]

use std::path::{Path, PathBuf};

#[path = "../tests/it/labels.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod labels;

fn main() {
    let folders: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with("--"))
        .collect();
    let documents = if folders.is_empty() {
        labels::seeds()
    } else {
        folders
            .iter()
            .flat_map(|it| inside(Path::new(it)))
            .collect()
    };
    if documents.is_empty() {
        eprintln!("no labelled documents here");
        return;
    }
    let score = labels::measure(&documents);
    for fault in &score.faults {
        println!("{fault}");
    }
    println!("{} documents\n{}", documents.len(), score.tell());
}

fn inside(folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .map(|path| (path.clone(), path.with_extension("tsv")))
        .filter(|(_, table)| table.exists())
        .collect();
    found.sort();
    found
}
