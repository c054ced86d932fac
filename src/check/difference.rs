//! Two texts → their difference, as data.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use crate::model::{Run, Tag};

/// After this long the rest is told as it is: a difference never decides anything.
const DEADLINE: Duration = Duration::from_millis(200);
/// Lines that are shown around what differs.
const AROUND: usize = 3;
/// The most lines that a difference tells.
const LONGEST: usize = 400;

/// Returns the difference of two texts, line by line; nothing where both are a line at most.
pub(super) fn of(left: &str, right: &str) -> Vec<Run> {
    let is_line = |text: &str| !text.trim_end_matches('\n').contains('\n');
    if is_line(left) && is_line(right) {
        return Vec::new();
    }
    let diff = TextDiff::configure()
        .timeout(DEADLINE)
        .diff_lines(left, right);
    let mut runs = Vec::new();
    let mut before = 0;
    for group in diff.grouped_ops(AROUND) {
        let first = group.first().map_or(0, |op| op.old_range().start);
        if first > before {
            runs.push(left_out(first - before));
        }
        before = group.last().map_or(before, |op| op.old_range().end);
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            runs.push(Run {
                tag: match change.tag() {
                    ChangeTag::Equal => Tag::Same,
                    ChangeTag::Delete => Tag::Left,
                    ChangeTag::Insert => Tag::Right,
                },
                text: with_end(change.value()),
                greyed: false,
            });
        }
    }
    shortened(runs)
}

/// Cuts a difference that nobody would read to its end.
pub(super) fn shortened(mut runs: Vec<Run>) -> Vec<Run> {
    if runs.len() > LONGEST {
        let more = runs.len() - LONGEST;
        runs.truncate(LONGEST);
        runs.push(left_out(more));
    }
    runs
}

/// Stands for `lines` lines that are the same, or too many.
pub(super) fn left_out(lines: usize) -> Run {
    Run {
        tag: Tag::Same,
        text: match lines {
            1 => "… 1 line\n".to_owned(),
            lines => format!("… {lines} lines\n"),
        },
        greyed: true,
    }
}

/// Returns a line with its end.
pub(super) fn with_end(line: &str) -> String {
    format!("{}\n", line.trim_end_matches(['\n', '\r']))
}
