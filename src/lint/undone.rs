//! What a document leaves open: changes that nothing undoes, and dumps that nothing tries to read back.

use super::fences::{first_line, head_line};
use super::{by_kind, listed};
use crate::classify::knowledge::Knowledge;
use crate::classify::understanding::{Tongue, understand};
use crate::markdown::{Document, Fence};
use crate::model::{Diagnostic, Effect, Kind, Piece, Runbook, Span, Step, StepId, Task};

pub(super) fn check(
    document: &Document<'_>,
    runbook: &Runbook,
    knowledge: &Knowledge,
    found: &mut Vec<Diagnostic>,
) {
    found.extend(no_undo(document, runbook));
    found.extend(untried(document, runbook, knowledge));
}

/// All steps of a declared runbook that change something and that no other undoes, in one finding: how
/// much of it is worth an undo only its writer knows.
fn no_undo(document: &Document<'_>, runbook: &Runbook) -> Option<Diagnostic> {
    if runbook.kind != Kind::Declared {
        return None;
    }
    let is_undone = |id: &StepId| {
        let mut undoing = runbook.steps.iter();
        undoing.any(|it| it.settings.undo_of.as_ref() == Some(id))
    };
    let mut steps: Vec<&Step> = Vec::new();
    for step in &runbook.steps {
        let settings = &step.settings;
        let changes = matches!(step.task, Task::Command { .. })
            && matches!(step.effect, Effect::Changes | Effect::Destroys);
        // A server is stopped at the end; what cleans up is to stay; what is on demand is no part of a run.
        let is_its_own_end = settings.background.is_some()
            || settings.always
            || settings.undo_of.is_some()
            || step.on_demand;
        // Of a table's rows the step of the document stands for all.
        let is_new = steps.last().is_none_or(|it| it.span != step.span);
        if changes && !is_its_own_end && is_new && !is_undone(&step.id) {
            steps.push(step);
        }
    }
    let names: Vec<&str> = steps
        .iter()
        .map(|it| it.settings.row_of.as_ref().unwrap_or(&it.id).as_str())
        .collect();
    let places: Vec<Span> = steps.iter().map(|it| head_line(document, it)).collect();
    let (first, rest) = places.split_first()?;
    let message = match names.len() {
        1 => format!(
            "step {} changes something, and no step undoes it",
            listed(&names, 1)
        ),
        number => format!(
            "{number} steps change something, and no step undoes them: {}",
            listed(&names, 5)
        ),
    };
    let way_out = format!(
        "where it should be as before after a failure, a step with `undo-of={}`",
        names[0]
    );
    Some(
        Diagnostic::hint("no-undo", *first, message)
            .label(steps[0].because.clone())
            .way_out(way_out)
            .also(rest.iter().copied()),
    )
}

/// Programs that copy the data of a database into a file.
const DUMPS: &[&str] = &[
    "pg_dump",
    "pg_dumpall",
    "pg_basebackup",
    "mysqldump",
    "mysqlpump",
    "mariadb-dump",
    "mydumper",
    "mongodump",
    "mongoexport",
    "xtrabackup",
    "mariabackup",
];

/// Programs that read a dump, or say whether it can be read.
const READERS: &[&str] = &[
    "pg_restore",
    "pg_verifybackup",
    "mongorestore",
    "mongoimport",
    "myloader",
    "mysqlimport",
];

/// Consoles that read a dump where one is handed to them.
const CONSOLES: &[&str] = &["psql", "mysql", "mariadb", "sqlite3"];

/// Programs that test what they have packed.
const PACKERS: &[&str] = &[
    "gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "zstd", "lz4",
];

fn untried(
    document: &Document<'_>,
    runbook: &Runbook,
    knowledge: &Knowledge,
) -> Option<Diagnostic> {
    let mut dumps: Vec<(&Fence, &Piece, &str)> = Vec::new();
    for (fence, reading) in document.fences.iter().zip(&runbook.fences) {
        let step = runbook.steps.iter().find(|it| it.span == fence.span);
        if runbook.kind == Kind::Declared && step.is_none() {
            continue;
        }
        let is_part = step.is_none_or(|it| !it.on_demand && it.settings.undo_of.is_none());
        for piece in reading.pieces.iter().filter(|it| it.nature.is_step()) {
            // A manual that tells how to restore is enough; a runbook is to do it.
            if reads_back(piece, knowledge) && (is_part || runbook.kind == Kind::Plain) {
                return None;
            }
            let is_checked = step.is_some_and(|it| !it.checks.is_empty());
            if let Some(dump) = writes_dump(piece).filter(|_| is_part && !is_checked) {
                dumps.push((fence, piece, dump));
            }
        }
    }
    let mut places = dumps.iter().map(|it| first_line(document, it.0, it.1));
    let first = places.next()?;
    let message = "a dump, and nothing tries whether it can be read back".to_owned();
    Some(
        by_kind(runbook.kind, "untried-dump", first, message)
            .label(format!("`{}` writes one", dumps[0].2))
            .way_out(
                "look into it in the step after: `pg_restore --list FILE`, `gzip -t FILE`; or restore it \
                 elsewhere",
            )
            .also(places),
    )
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter(|it| !it.trim_start().starts_with('#'));
    lines.flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || "-_".contains(c))))
}

fn writes_dump(piece: &Piece) -> Option<&'static str> {
    let dump = |word: &str| DUMPS.iter().find(|it| **it == word).copied();
    words(&piece.command).find_map(dump)
}

fn reads_back(piece: &Piece, knowledge: &Knowledge) -> bool {
    let text = &piece.command;
    let has = |names: &[&str]| words(text).any(|word| names.contains(&word));
    let is_handed = || text.contains('<') || words(text).any(|it| matches!(it, "-f" | "--file"));
    let is_tested = || words(text).any(|it| it == "--test" || is_short_test(it));
    has(READERS)
        || has(CONSOLES) && is_handed() && !text.contains("<<")
        || has(PACKERS) && is_tested()
        || understand(text, Tongue::Shell, knowledge)
            .verbs
            .iter()
            .any(|it| it == "restore")
}

/// `-t`, alone or among other letters.
fn is_short_test(word: &str) -> bool {
    let letters = word.strip_prefix('-').unwrap_or_default();
    letters.contains('t') && letters.chars().all(|it| it.is_ascii_lowercase())
}
