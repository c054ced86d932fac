//! `runbook lint --fix-encoding`: writes documents that were mojibake as they were before. A file is
//! replaced whole or not at all; what it was stands beside it.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::document::{find_documents, quoted, read_document, shown, text_of};
use super::exit::ExitCode;
use super::failure::Failure;
use super::list::{counted, to_json};
use super::print;
use crate::markdown::encoding::{Mended, mend};

/// Mends the documents at `paths`.
pub fn run(paths: &[PathBuf], json: bool) -> Result<ExitCode, Failure> {
    if paths.iter().any(|path| path.as_os_str() == "-") {
        return stream(paths, json);
    }
    let (paths, mut failures) = find_documents(paths);
    let mut outcomes = Vec::new();
    for path in &paths {
        match fix(path) {
            Ok(fixed) => outcomes.push((path, fixed)),
            Err(failure) => failures.push(failure),
        }
    }
    let text = if json {
        to_json(&Report {
            version: 1,
            mended: outcomes
                .iter()
                .filter_map(|(path, fixed)| Some(of(path, fixed.as_ref()?)))
                .collect(),
            untouched: outcomes
                .iter()
                .filter(|it| it.1.is_none())
                .map(|it| shown(it.0))
                .collect(),
            failed: failures.iter().map(|it| it.message.as_str()).collect(),
        })
    } else {
        tell(&outcomes, failures.len())
    };
    print::out(&text)?;
    Ok(print::failures(&failures))
}

/// Standard input → standard output.
fn stream(paths: &[PathBuf], json: bool) -> Result<ExitCode, Failure> {
    if paths.len() > 1 || json {
        return Err(
            Failure::usage("`-` is mended to standard output, alone and without `--json`")
                .hint("`runbook lint --fix-encoding - < damaged.md > mended.md`"),
        );
    }
    let bytes = read_document(&paths[0])?;
    let text = text_of(&paths[0], &bytes)?;
    let mended = mend(text);
    print::out(mended.as_ref().map_or(text, |it| it.text.as_str()))?;
    print::note(format!(
        "<stdin>: {}",
        mended.as_ref().map_or_else(|| NOTHING.to_owned(), summary)
    ));
    Ok(ExitCode::PASSED)
}

const NOTHING: &str = "needs nothing";

/// What was written.
struct Fixed {
    /// The file itself, where the path is a link to it.
    target: PathBuf,
    backup: PathBuf,
    /// A damaged word.
    damaged: String,
    mended: Mended,
}

fn tell(outcomes: &[(&PathBuf, Option<Fixed>)], failed: usize) -> String {
    let mut text = String::new();
    let mut mended = 0;
    for (path, fixed) in outcomes {
        let line = match fixed {
            None => NOTHING.to_owned(),
            Some(fixed) => {
                mended += 1;
                let backup = shown(&fixed.backup);
                format!(
                    "{}\n  `{}` is `{}` again; what it was is in {backup}",
                    summary(&fixed.mended),
                    fixed.damaged,
                    fixed.mended.example
                )
            }
        };
        let is_link = fixed
            .as_ref()
            .is_some_and(|it| fs::read_link(path).is_ok() && it.target != **path);
        let target = match fixed {
            Some(fixed) if is_link => format!(" → {}", shown(&fixed.target)),
            _ => String::new(),
        };
        let _ = writeln!(text, "{}{target}: {line}", shown(path));
    }
    let mut counts = vec![
        format!("{} mended", counted(mended, "document")),
        format!(
            "{} left as {}",
            outcomes.len() - mended,
            if outcomes.len() - mended == 1 {
                "it is"
            } else {
                "they are"
            }
        ),
    ];
    if failed > 0 {
        counts.push(counted(failed, "error"));
    }
    let text = crate::report::clean::block(&text);
    format!("{}\n{}\n", text.trim_end(), counts.join(", "))
        .trim_start()
        .to_owned()
}

fn summary(mended: &Mended) -> String {
    let left = match mended.left {
        0 => String::new(),
        1 => {
            "; 1 place is left as it is: what stood there is lost, or was never damaged".to_owned()
        }
        left => format!(
            "; {left} places are left as they are: what stood there is lost, or was never damaged"
        ),
    };
    format!(
        "mended {}, read as {}{left}",
        counted(mended.characters, "character"),
        mended.read_as()
    )
}

/// What `--json` prints. `version` changes when a field changes its meaning or goes.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    mended: Vec<MendedDocument>,
    /// Documents that need nothing.
    untouched: Vec<String>,
    /// What could not be mended, a sentence each.
    failed: Vec<&'a str>,
}

#[derive(Serialize)]
struct MendedDocument {
    path: String,
    /// The file that was written: another than `path` where that is a link.
    target: String,
    backup: String,
    /// The last mistake first.
    read_as: Vec<&'static str>,
    characters: usize,
    left: usize,
    damaged: String,
    example: String,
}

fn of(path: &Path, fixed: &Fixed) -> MendedDocument {
    MendedDocument {
        path: shown(path),
        target: shown(&fixed.target),
        backup: shown(&fixed.backup),
        read_as: fixed.mended.read_as.iter().map(|it| it.name()).collect(),
        characters: fixed.mended.characters,
        left: fixed.mended.left,
        damaged: fixed.damaged.clone(),
        example: fixed.mended.example.clone(),
    }
}

/// Mends the file at `path`; `None` where it needs nothing.
fn fix(path: &Path) -> Result<Option<Fixed>, Failure> {
    let bytes = read_document(path)?;
    let text = text_of(path, &bytes)?;
    let Some(mended) = mend(text) else {
        return Ok(None);
    };
    let damaged = text[mended.place.start..mended.place.end].to_owned();
    // A link stays one: its file is what is mended.
    let is_link = fs::symlink_metadata(path).is_ok_and(|it| it.is_symlink());
    let target = if is_link {
        fs::canonicalize(path).map_err(|error| cannot("follow", path, error))?
    } else {
        path.to_owned()
    };
    let facts = fs::metadata(&target).map_err(|error| cannot("look at", &target, error))?;
    may_be_replaced(&target, &facts)?;
    let backup = replace(&target, &facts, &bytes, mended.text.as_bytes())?;
    Ok(Some(Fixed {
        target,
        backup,
        damaged,
        mended,
    }))
}

fn cannot(what: &str, path: &Path, error: io::Error) -> Failure {
    Failure::environment(format!("cannot {what} `{}`", shown(path))).cause(error)
}

fn may_be_replaced(target: &Path, facts: &fs::Metadata) -> Result<(), Failure> {
    let name = shown(target);
    if !facts.is_file() {
        return Err(
            Failure::usage(format!("`{name}` is no file that can be replaced"))
                .hint("`runbook lint --fix-encoding -` mends what it reads to standard output"),
        );
    }
    // The bits are asked besides the kernel: to root every file is writable.
    let is_writable = facts.mode() & 0o222 != 0
        && rustix::fs::access(target, rustix::fs::Access::WRITE_OK).is_ok();
    if !is_writable {
        return Err(Failure::environment(format!("`{name}` is read-only"))
            .hint(format!("`chmod u+w {}`, or mend a copy", quoted(&name))));
    }
    if facts.nlink() > 1 {
        return Err(Failure::environment(format!(
            "`{name}` has {} names (hard links)",
            facts.nlink()
        ))
        .hint("it would be mended under one of them only: mend a copy, and put it in place"));
    }
    Ok(())
}

/// Puts `fresh` in the place of `old` in one step, and `old` beside it; returns where. Until that
/// step all is as it was: what was made for it is taken away again.
fn replace(
    target: &Path,
    facts: &fs::Metadata,
    old: &[u8],
    fresh: &[u8],
) -> Result<PathBuf, Failure> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.runbook-{}", std::process::id()));
    write_new(&temporary, facts, fresh).map_err(|error| cannot("write beside", target, error))?;
    let undo = |backup: Option<&Path>, failure: Failure| {
        let _ = fs::remove_file(&temporary);
        if let Some(backup) = backup {
            let _ = fs::remove_file(backup);
        }
        failure
    };
    let backup = write_backup(target, facts, old)
        .map_err(|error| undo(None, cannot("write a backup of", target, error)))?;
    let is_as_read = fs::read(target).is_ok_and(|now| now == old);
    if !is_as_read {
        let failure = Failure::environment(format!("`{}` was changed meanwhile", shown(target)));
        return Err(undo(
            Some(&backup),
            failure.hint("nothing was written: try again"),
        ));
    }
    fs::rename(&temporary, target)
        .map_err(|error| undo(Some(&backup), cannot("replace", target, error)))?;
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    let is_as_written = fs::read(target).is_ok_and(|now| now == fresh);
    if !is_as_written {
        return Err(
            Failure::environment(format!("`{}` is not as it was written", shown(target)))
                .hint(format!("what it was is in {}", shown(&backup))),
        );
    }
    Ok(backup)
}

/// Writes the first of `NAME.bak`, `NAME.bak.1`, … that is not there yet.
fn write_backup(target: &Path, facts: &fs::Metadata, old: &[u8]) -> io::Result<PathBuf> {
    let mut number = 0;
    loop {
        let mut name = target.as_os_str().to_owned();
        name.push(".bak");
        if number > 0 {
            name.push(format!(".{number}"));
        }
        let backup = PathBuf::from(name);
        match write_new(&backup, facts, old) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            done => return done.map(|()| backup),
        }
    }
}

/// Writes a file that must not be there yet, with mode and owner of the one that `facts` are of.
fn write_new(path: &Path, facts: &fs::Metadata, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = (|| {
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (facts.uid(), facts.gid()) {
            fchown(&file, Some(facts.uid()), Some(facts.gid()))?;
        }
        // After the owner: changing that may take bits away.
        file.set_permissions(fs::Permissions::from_mode(facts.mode() & 0o7777))?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}
