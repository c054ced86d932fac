//! The classifier against hand labels: of every fence and piece of real manuals, what it is, what it
//! does, and whether a prudent engineer would run it as it stands.
//!
//! Labels are line numbers and words, `tests/labels/NNN.tsv`; the manuals themselves are not part of
//! the project. `cargo bench --bench labels -- FOLDER` measures the same on any folder of `*.md` with
//! a `*.tsv` of the same name beside each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use runbook::classify::knowledge::Knowledge;
use runbook::classify::reading::read;
use runbook::markdown::{decode, outline};
use runbook::model::{FenceReading, Offer, Piece};

/// One labelled piece.
pub struct Label {
    fence: u32,
    first: u32,
    last: u32,
    nature: String,
    effect: String,
    run: String,
}

/// How well labels and readings agree.
#[derive(Default)]
pub struct Score {
    rows: usize,
    natures: usize,
    effects: [usize; 2],
    yes: [usize; 2],
    no: [usize; 2],
    ask: [usize; 2],
    /// Where they do not, a line each.
    pub faults: Vec<String>,
}

impl Score {
    /// Shares in percent, and the faults that weigh most.
    pub fn tell(&self) -> String {
        let share = |[part, all]: [usize; 2]| 100.0 * part as f64 / all.max(1) as f64;
        let mut text = String::new();
        let _ = writeln!(text, "pieces {}", self.rows);
        let _ = writeln!(
            text,
            "nature right {:.1} %, effect right {:.1} % (of {})",
            share([self.natures, self.rows]),
            share(self.effects),
            self.effects[1]
        );
        let _ = writeln!(
            text,
            "to run, and offered {:.1} % ({} of {})",
            share(self.yes),
            self.yes[0],
            self.yes[1]
        );
        let _ = writeln!(
            text,
            "not to run, and offered {:.1} % ({} of {}); in between, and offered {} of {}",
            share(self.no),
            self.no[0],
            self.no[1],
            self.ask[0],
            self.ask[1]
        );
        text
    }

    /// The share, from 0 to 1, of pieces not to run that are offered to run.
    pub fn wrong_run(&self) -> f64 {
        self.no[0] as f64 / self.no[1].max(1) as f64
    }

    /// The share of pieces to run that are offered to run.
    pub fn right_run(&self) -> f64 {
        self.yes[0] as f64 / self.yes[1].max(1) as f64
    }

    /// The share of right natures.
    pub fn nature(&self) -> f64 {
        self.natures as f64 / self.rows.max(1) as f64
    }

    /// The share of right effects, of pieces that have one.
    pub fn effect(&self) -> f64 {
        self.effects[0] as f64 / self.effects[1].max(1) as f64
    }
}

/// Returns the labels of a table of tabs with a head.
pub fn labels(table: &str) -> Vec<Label> {
    let mut lines = table.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| head.iter().position(|it| *it == name).expect("a column");
    let [fence, first, last] = ["fence", "first", "last"].map(column);
    let [nature, effect, run] = ["nature", "effect", "run"].map(column);
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let number = |at: usize| cells[at].trim().parse().expect("a line number");
            Label {
                fence: number(fence),
                first: number(first),
                last: number(last),
                nature: cells[nature].trim().to_owned(),
                effect: cells[effect].trim().to_owned(),
                run: cells[run].trim().to_owned(),
            }
        })
        .collect()
}

/// Adds how well `readings` of the document `name` agree with `labels`.
pub fn compare(name: &str, labels: &[Label], readings: &[FenceReading], score: &mut Score) {
    for label in labels {
        let pieces: Vec<&Piece> = readings
            .iter()
            .filter(|reading| reading.line == label.fence)
            .flat_map(|reading| &reading.pieces)
            .filter(|piece| piece.line <= label.last && piece.last_line >= label.first)
            .collect();
        // A remark under a command is a piece without a command: what is labelled is the command.
        let commands: Vec<&Piece> = pieces
            .iter()
            .copied()
            .filter(|piece| !piece.because.starts_with("it holds comments only"))
            .collect();
        let pieces = if commands.is_empty() {
            pieces
        } else {
            commands
        };
        let overlap =
            |piece: &&&Piece| piece.last_line.min(label.last) + 1 - piece.line.max(label.first);
        score.rows += 1;
        let place = format!("{name}:{}-{}", label.first, label.last);
        let Some(main) = pieces.iter().max_by_key(overlap) else {
            score.faults.push(format!("{place} has no piece"));
            continue;
        };
        let told = format!(
            "{} {} {}: {}{}",
            main.nature,
            main.effect,
            main.offer().name(),
            main.because,
            main.doubts.iter().fold(String::new(), |mut all, doubt| {
                let _ = write!(all, " [{}: {}]", doubt.rule, doubt.because);
                all
            })
        );
        let wanted = format!("{} {} {}", label.nature, label.effect, label.run);
        if main.nature.name() == label.nature {
            score.natures += 1;
        } else {
            score
                .faults
                .push(format!("{place} NATURE {wanted} ≠ {told}"));
        }
        if label.effect != "-" {
            score.effects[1] += 1;
            if main.effect.to_string() == label.effect {
                score.effects[0] += 1;
            } else {
                score
                    .faults
                    .push(format!("{place} EFFECT {wanted} ≠ {told}"));
            }
        }
        let runs = |piece: &&Piece| piece.offer() == Offer::Run;
        match label.run.as_str() {
            "yes" => {
                score.yes[1] += 1;
                if pieces.iter().all(runs) {
                    score.yes[0] += 1;
                } else {
                    score
                        .faults
                        .push(format!("{place} MISSED {wanted} ≠ {told}"));
                }
            }
            "no" => {
                score.no[1] += 1;
                if pieces.iter().any(runs) {
                    score.no[0] += 1;
                    score
                        .faults
                        .push(format!("{place} WRONG-RUN {wanted} ≠ {told}"));
                }
            }
            _ => {
                score.ask[1] += 1;
                score.ask[0] += usize::from(pieces.iter().any(runs));
            }
        }
    }
}

/// Returns how well the program agrees with the labels beside each document of `documents`.
pub fn measure(documents: &[(PathBuf, PathBuf)]) -> Score {
    let knowledge = Knowledge::built_in();
    let mut score = Score::default();
    for (document, table) in documents {
        let bytes = fs::read(document).expect("a document");
        let text = decode(&bytes).expect("text");
        let readings = read(&outline(text), &knowledge, 1);
        let labels = labels(&fs::read_to_string(table).expect("labels"));
        let name = document.file_stem().unwrap_or_default().to_string_lossy();
        compare(&name, &labels, &readings, &mut score);
    }
    score
}

/// The seeds with their labels; empty where they are not there.
pub fn seeds() -> Vec<(PathBuf, PathBuf)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(entries) = fs::read_dir(here.join("../shared/seeds")) else {
        return Vec::new();
    };
    let by_number: BTreeMap<String, PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| Some((path.file_name()?.to_str()?.get(..3)?.to_owned(), path)))
        .collect();
    by_number
        .into_iter()
        .map(|(number, path)| (path, here.join(format!("tests/labels/{number}.tsv"))))
        .collect()
}

#[test]
fn the_labels_are_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/labels");
    let mut rows = 0;
    for number in ["000", "001", "002", "003"] {
        let table = fs::read_to_string(folder.join(format!("{number}.tsv"))).unwrap();
        let mut last = 0;
        for label in labels(&table) {
            assert!(label.fence < label.first && label.first <= label.last);
            assert!(last < label.first, "{number}: {} overlaps", label.first);
            assert!(["yes", "no", "ask"].contains(&label.run.as_str()));
            last = label.last;
            rows += 1;
        }
    }
    assert!(rows > 100);
}

#[test]
fn the_seeds_are_read_as_a_prudent_engineer_reads_them() {
    let seeds = seeds();
    if seeds.is_empty() {
        eprintln!("SKIPPED: ../shared/seeds is not there: labels were not compared");
        return;
    }
    let score = measure(&seeds);
    let told = score.tell() + score.faults.join("\n").as_str();
    assert!(score.wrong_run() <= 0.0, "{told}");
    assert!(score.right_run() >= 0.9, "{told}");
    assert!(score.nature() >= 0.9, "{told}");
    assert!(score.effect() >= 0.85, "{told}");
}
