//! A check, told to a person: the line of the Markdown that decided, what stands there, both sides,
//! and how they differ. What comes from a step stands behind `│`.

use std::fmt::Write as _;

use super::clean::{block, inline, wrap, wrap_words};
use super::words::{BAD, FAINT, GOOD, STRONG, file_name, paint, put, size};
use super::{Look, Surface};
use crate::model::{Judged, Run, Tag};

/// Rows that one side of a comparison, or one line of a difference, may take.
const ROWS: usize = 4;
/// Characters of a line where there are no rows.
const LONGEST: usize = 2000;

/// Writes what a check of `file` came to, for a terminal or a log; nothing of one that holds.
pub fn console(judged: &Judged, file: &str, look: &Look) -> String {
    let mut text = String::new();
    if judged.holds {
        return text;
    }
    let place = format!("{}:{}", file_name(file), judged.line);
    let mut lead = format!("  {}  ", paint(look, FAINT, &place));
    let indent = " ".repeat(place.chars().count() + 4);
    let columns = look.width.saturating_sub(indent.len() + 1).max(20);
    for line in judged.expression.lines() {
        for row in rows(line, columns, look) {
            put(&mut text, &format!("{lead}{}", paint(look, STRONG, &row)));
            lead.clone_from(&indent);
        }
    }
    for row in wrap_words(&inline(&judged.message), columns) {
        put(&mut text, &format!("{lead}{}", paint(look, BAD, row)));
        lead.clone_from(&indent);
    }
    if judged.diff.is_empty() {
        for (label, side, style) in [("left ", &judged.left, GOOD), ("right", &judged.right, BAD)] {
            if let Some(side) = side {
                let label = paint(look, style, label);
                let columns = look.width.saturating_sub(12).max(20);
                for (number, row) in rows(&visible(side), columns, look).iter().enumerate() {
                    let label = if number == 0 { label.as_str() } else { "     " };
                    put(&mut text, &format!("  {} {label}  {row}", bar(look)));
                }
            }
        }
        return text;
    }
    for line in lines(&judged.diff) {
        let (mark, style) = mark(line);
        let is_one = line.len() == 1;
        let whole: String = line.iter().map(|run| run.text.as_str()).collect();
        let whole = inline(whole.trim_end_matches('\n'));
        let columns = look.width.saturating_sub(7).max(20);
        if is_one || wrap(&whole, columns).len() > 1 {
            for row in rows(&whole, columns, look) {
                let row = format!("{mark} {row}");
                let row = style.map_or(row.clone(), |style| paint(look, style, &row));
                put(&mut text, &format!("  {} {row}", bar(look)));
            }
        } else {
            // What a wildcard stood for is grey inside of its line.
            let parts: String = line
                .iter()
                .map(|run| {
                    let part = run.text.trim_end_matches('\n');
                    if run.greyed {
                        paint(look, FAINT, &inline(part))
                    } else {
                        inline(part).into_owned()
                    }
                })
                .collect();
            put(&mut text, &format!("  {} {mark} {parts}", bar(look)));
        }
    }
    text
}

/// Writes the same as Markdown, for the transcript: no text of a step or a document can end its
/// fence.
pub fn markdown(judged: &Judged, file: &str) -> String {
    let mut body = String::new();
    put(&mut body, block(&judged.expression).trim_end());
    put(&mut body, "");
    if judged.diff.is_empty() {
        for (label, side) in [("left ", &judged.left), ("right", &judged.right)] {
            if let Some(side) = side {
                let mut label = label;
                for line in block(&visible(side)).lines() {
                    put(&mut body, &format!("{label}  {line}"));
                    label = "     ";
                }
            }
        }
    }
    for line in lines(&judged.diff) {
        let whole: String = line.iter().map(|run| run.text.as_str()).collect();
        let (mark, _) = mark(line);
        put(
            &mut body,
            &format!("{mark} {}", inline(whole.trim_end_matches('\n'))),
        );
    }
    let longest = body
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    let mut text = String::new();
    let word = if judged.holds {
        "holds"
    } else {
        "does not hold"
    };
    let _ = write!(
        text,
        "Check at {}:{} {word}",
        inline_code(&file_name(file)),
        judged.line
    );
    if !judged.message.is_empty() {
        let _ = write!(text, ": {}", inline_code(&judged.message));
    }
    text.push('\n');
    if !judged.holds {
        let language = if judged.diff.is_empty() {
            "text"
        } else {
            "diff"
        };
        let _ = write!(text, "\n{fence}{language}\n{}\n{fence}\n", body.trim_end());
    }
    text
}

/// Text of others as one piece of code on a line.
fn inline_code(text: &str) -> String {
    let text = inline(text).replace(['\n', '\r'], " ");
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let marks = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{marks}{pad}{text}{pad}{marks}")
}

fn bar(look: &Look) -> String {
    paint(look, FAINT, "│")
}

/// What stands in a single line and cannot be seen otherwise.
fn visible(side: &str) -> String {
    match side {
        "" => "(empty)".to_owned(),
        side => side.replace('\t', "→").replace('\n', "⏎"),
    }
}

/// Rows of a line, as many as it may take; one where there are no rows.
fn rows(line: &str, columns: usize, look: &Look) -> Vec<String> {
    let line = inline(line);
    if look.surface == Surface::Plain {
        // Whole, for whoever searches a log for it, unless nobody could read that.
        let mut shown: String = line.chars().take(LONGEST).collect();
        if shown.len() < line.len() {
            let _ = write!(
                shown,
                "… ({} more)",
                size((line.len() - shown.len()) as u64)
            );
        }
        return vec![shown];
    }
    let all = wrap(&line, columns);
    let mut rows: Vec<String> = all.iter().take(ROWS).map(|row| (*row).to_owned()).collect();
    if all.len() > ROWS {
        rows.push("…".to_owned());
    }
    if rows.is_empty() {
        rows.push(String::new());
    }
    rows
}

/// Puts the runs of each line together.
fn lines(runs: &[Run]) -> Vec<&[Run]> {
    runs.split_inclusive(|run| run.text.ends_with('\n'))
        .collect()
}

/// How a line is marked: `-` is expected (left), `+` is there (right), `~` was not asked for.
fn mark(line: &[Run]) -> (char, Option<anstyle::Style>) {
    match line.first().map(|run| run.tag) {
        Some(Tag::Left) => ('-', Some(GOOD)),
        Some(Tag::Right) => ('+', Some(BAD)),
        _ if line.iter().all(|run| run.greyed) => ('~', Some(FAINT)),
        _ => (' ', None),
    }
}

#[cfg(test)]
mod tests {
    use super::{console, markdown};
    use crate::model::{Judged, Run, Tag};
    use crate::report::{Colour, Detail, Look, Surface};

    fn run(tag: Tag, text: &str, greyed: bool) -> Run {
        Run {
            tag,
            text: text.to_owned(),
            greyed,
        }
    }

    fn judged() -> Judged {
        Judged {
            holds: false,
            line: 42,
            expression: "assert_eq(body.status, \"ok\")".into(),
            message: "the API is up".into(),
            left: Some("down".into()),
            right: Some("ok\n".into()),
            diff: Vec::new(),
        }
    }

    #[test]
    fn a_line_that_nobody_could_read_is_cut_also_where_lines_have_no_width() {
        let mut judged = judged();
        judged.right = Some("é".repeat(5000));
        let look = Look {
            width: 80,
            surface: Surface::Plain,
            colour: Colour::None,
            detail: Detail::Brief,
        };
        let text = console(&judged, "a.md", &look);
        let longest = text.lines().map(|it| it.chars().count()).max().unwrap();
        assert!((2000..2100).contains(&longest), "{longest}");
        assert!(text.contains("é… (5.9 KiB more)"), "{text}");
    }

    fn output() -> Judged {
        let same = Tag::Same;
        Judged {
            expression: "uptime {\\d+} days".into(),
            message: "the output lacks a line that is expected".into(),
            left: Some("…".into()),
            right: Some("…".into()),
            diff: vec![
                run(same, "… 12 lines\n", true),
                run(same, "started\n", false),
                run(same, "uptime ", false),
                run(same, "3", true),
                run(same, " days\n", false),
                run(Tag::Left, "ready\n", false),
                run(
                    Tag::Right,
                    &format!("failed \u{1b}[31m{}\n", "x".repeat(90)),
                    false,
                ),
                run(same, "ignored ```\n", true),
            ],
            ..judged()
        }
    }

    fn look(colour: Colour) -> Look {
        Look {
            width: 80,
            surface: Surface::Terminal,
            colour,
            detail: Detail::Brief,
        }
    }

    #[test]
    fn a_check_that_fails_shows_its_line_both_sides_and_what_differs() {
        let long = Judged {
            expression: format!("assert_match(step.stdout, \"{}\")", "a".repeat(80)),
            left: Some("b".repeat(500)),
            right: Some(String::new()),
            message: "words ".repeat(20),
            ..judged()
        };
        let all = [judged(), output(), long];
        let plain = all
            .each_ref()
            .map(|it| console(it, "docs/deploy.md", &look(Colour::None)))
            .join("\n");
        assert!(
            plain
                .lines()
                .all(|line| crate::report::clean::width(line) <= 80),
            "{plain}"
        );
        insta::assert_snapshot!(plain);
        let coloured = console(&output(), "deploy.md", &look(Colour::Shown));
        insta::assert_snapshot!(coloured.replace('\u{1b}', "␛"));
    }

    #[test]
    fn a_transcript_shows_the_same_and_no_text_ends_its_fence() {
        let hostile = Judged {
            message: "`code` ``` and\n# a heading".into(),
            left: Some("````\n# x".into()),
            ..judged()
        };
        let holds = Judged {
            holds: true,
            message: String::new(),
            ..judged()
        };
        let shown = [judged(), output(), hostile, holds]
            .map(|it| markdown(&it, "deploy.md"))
            .join("\n");
        insta::assert_snapshot!(shown);
    }
}
