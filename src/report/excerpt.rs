//! The beginning and the end of a stored output as clean lines, read in bounded memory.

use std::io;

use super::clean::{LINE_LIMIT, lines};
use super::{Outputs, words};
use crate::event::Output;

/// Bytes that are read at once where lines are only counted.
const PIECE: usize = 256 * 1024;

/// How much is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Lines from the beginning.
    pub(super) head: usize,
    /// Lines from the end.
    pub(super) tail: usize,
    /// Bytes of each of the two.
    pub(super) bytes: u64,
}

/// Clean lines of an output.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// From the beginning; all there is, when nothing is left out.
    pub(super) head: Vec<String>,
    /// What stands between; absent when nothing does.
    pub(super) between: Option<Between>,
    /// From the end.
    pub(super) tail: Vec<String>,
    /// Whole lines of the log, the last one counted even when it is unfinished.
    pub(super) total: u64,
}

/// What is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Between {
    /// Lines that the log holds; 0 when it is a part of one line.
    pub(super) lines: u64,
    /// Bytes that the log does not hold either.
    pub(super) lost: u64,
}

impl Between {
    /// Returns `114 lines more`, `part of a line more, 3.0 MiB were not kept`.
    pub(super) fn told(self) -> String {
        let more = match self.lines {
            0 => "part of a line more".to_owned(),
            lines => format!("{} more", words::count(lines, "line")),
        };
        match self.lost {
            0 => more,
            lost => format!("{more}, {} were not kept", words::size(lost)),
        }
    }
}

/// Takes the lines that `measure` asks for.
///
/// # Errors
/// When the log cannot be read.
pub(super) fn excerpt(
    outputs: &dyn Outputs,
    output: &Output,
    measure: Measure,
) -> io::Result<Excerpt> {
    let (stored, lost) = (output.stored, output.bytes.saturating_sub(output.stored));
    let gap = output.gap_at.filter(|&at| lost > 0 && at <= stored);
    if lost == 0 && stored <= measure.bytes * 2 {
        let mut all = lines(&outputs.read(output, 0, stored as usize)?, LINE_LIMIT);
        let total = all.len() as u64;
        let over = all.len().saturating_sub(measure.head + measure.tail);
        if over == 0 {
            return Ok(Excerpt {
                head: all,
                total,
                ..Excerpt::default()
            });
        }
        let tail = all.split_off(all.len() - measure.tail);
        all.truncate(measure.head);
        let between = Some(Between {
            lines: over as u64,
            lost,
        });
        return Ok(Excerpt {
            head: all,
            between,
            tail,
            total,
        });
    }

    let split = gap.unwrap_or(stored);
    let head = if measure.head == 0 {
        Vec::new()
    } else {
        let end = split.min(measure.bytes);
        let bytes = outputs.read(output, 0, end as usize)?;
        let mut head = lines(&bytes, LINE_LIMIT);
        if end < split && !bytes.ends_with(b"\n") && head.len() > 1 {
            head.pop();
        }
        head.truncate(measure.head);
        head
    };
    // One byte more tells whether the first line is whole.
    let begin = gap.unwrap_or(0).max(stored.saturating_sub(measure.bytes));
    let before = begin.saturating_sub(u64::from(gap != Some(begin)));
    let bytes = outputs.read(output, before, (stored - before) as usize)?;
    let mut tail = lines(&bytes, LINE_LIMIT);
    if before < begin && tail.len() > 1 {
        tail.remove(0);
    }
    tail.drain(..tail.len().saturating_sub(measure.tail));

    let total = count_lines(outputs, output)?;
    let shown = (head.len() + tail.len()) as u64;
    let between = Some(Between {
        lines: total.saturating_sub(shown),
        lost,
    });
    Ok(Excerpt {
        head,
        between,
        tail,
        total,
    })
}

fn count_lines(outputs: &dyn Outputs, output: &Output) -> io::Result<u64> {
    let (mut at, mut total, mut last) = (0, 0, b'\n');
    while at < output.stored {
        let piece = outputs.read(output, at, PIECE)?;
        let Some(&end) = piece.last() else { break };
        total += memchr::memchr_iter(b'\n', &piece).count() as u64;
        at += piece.len() as u64;
        last = end;
    }
    Ok(total + u64::from(last != b'\n'))
}

#[cfg(test)]
mod tests {
    use super::{Between, Excerpt, Measure, excerpt};
    use crate::report::fixture::{Logs, numbered, output};

    fn take(text: &str, head: usize, tail: usize, bytes: u64) -> Excerpt {
        let logs = Logs::of("a.log", text.as_bytes());
        excerpt(
            &logs,
            &output("a.log", text.len()),
            Measure { head, tail, bytes },
        )
        .unwrap()
    }

    #[test]
    fn a_short_output_is_shown_whole() {
        let taken = take("a\nb\nc", 2, 1, 100);
        assert_eq!(
            (taken.head.join(" "), taken.between, taken.total),
            ("a b c".to_owned(), None, 3)
        );
    }

    #[test]
    fn of_a_long_one_the_middle_is_counted() {
        let taken = take("a\nb\nc\nd\ne\n", 1, 2, 100);
        assert_eq!(
            (taken.head, taken.tail),
            (vec!["a".to_owned()], vec!["d".into(), "e".into()])
        );
        assert_eq!(taken.between, Some(Between { lines: 2, lost: 0 }));

        let text = numbered(0..1000, "");
        let taken = take(&text, 2, 2, 64);
        assert_eq!(taken.head, ["line 0", "line 1"]);
        assert_eq!(taken.tail, ["line 998", "line 999"]);
        assert_eq!(
            (taken.between, taken.total),
            (
                Some(Between {
                    lines: 996,
                    lost: 0
                }),
                1000
            )
        );
    }

    #[test]
    fn cut_lines_are_left_out_unless_there_is_nothing_else() {
        let taken = take("aaaa\nbbbb\ncccc\ndddd\neeee\n", 9, 9, 8);
        assert_eq!(
            (taken.head.join(" "), taken.tail.join(" ")),
            ("aaaa".into(), "eeee".into())
        );
        let taken = take(&"x".repeat(100), 9, 9, 8);
        assert_eq!(taken.between.unwrap().told(), "part of a line more");
        assert!(taken.tail[0].ends_with("xxxxxxxx"));
    }

    #[test]
    fn what_was_not_kept_is_said() {
        let logs = Logs::of("a.log", b"one\ntwo\nlast\n");
        let record = crate::event::Output {
            bytes: 5000,
            gap_at: Some(8),
            lost: None,
            ..output("a.log", 13)
        };
        let taken = excerpt(
            &logs,
            &record,
            Measure {
                head: 9,
                tail: 9,
                bytes: 100,
            },
        )
        .unwrap();
        assert_eq!(
            (taken.head.join(" "), taken.tail.join(" ")),
            ("one two".into(), "last".into())
        );
        assert_eq!(
            taken.between.unwrap().told(),
            "part of a line more, 4.9 KiB were not kept"
        );
    }
}
