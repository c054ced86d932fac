//! What a manual asks for outside its fences → tasks of a checklist in the declared copy: a list item
//! becomes one where it stands, a table of tasks gets one under it.

use super::Edit;
use crate::markdown::Document;
use crate::model::{Runbook, Span, Step, Task};

/// Returns what makes tasks of the chores of `runbook`, and how many there are.
pub(super) fn tasks(
    document: &Document<'_>,
    runbook: &Runbook,
    line_end: &str,
) -> (Vec<Edit>, usize) {
    let mut edits: Vec<Edit> = Vec::new();
    let mut number = 0;
    for step in &runbook.steps {
        let Task::ByHand { text, offered } = &step.task else {
            continue;
        };
        if let Some(at) = item(document, step) {
            edits.push(Edit {
                span: Span::new(at, at),
                text: "[ ] ".to_owned(),
            });
        } else if let Some(end) = table(document, step) {
            let offered = offered.as_ref().map(|it| it.body.as_str());
            let task = format!("- [ ] {}{line_end}", written(text, offered));
            if let Some(edit) = edits.last_mut().filter(|it| it.span.start == end) {
                edit.text.push_str(&task);
            } else {
                let is_ended = document.source[..end].ends_with('\n');
                let before = if is_ended { "" } else { line_end };
                edits.push(Edit {
                    span: Span::new(end, end),
                    text: format!("{before}{line_end}{task}"),
                });
            }
        } else {
            continue;
        }
        number += 1;
    }
    (edits, number)
}

/// Returns where the words of the list item begin that `step` was made of; `None` for a task, which is
/// one already.
fn item(document: &Document<'_>, step: &Step) -> Option<usize> {
    let items = document.items.iter();
    let mut items = items.filter(|it| it.span.start == step.span.start && it.ticked.is_none());
    let text = document.text(items.next()?.span);
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mark = digits + 1;
    let is_mark = match text.as_bytes().get(digits)? {
        b'-' | b'*' | b'+' => digits == 0,
        b'.' | b')' => digits > 0,
        _ => false,
    };
    let rest = text.get(mark..)?;
    let words = rest.trim_start_matches(' ');
    let fits = is_mark && words.len() < rest.len() && !words.starts_with('\n');
    fits.then(|| step.span.start + mark + (rest.len() - words.len()))
}

/// Returns where the table ends that holds the row that `step` was made of. In a list or a quote
/// nothing is written under it: its lines would have to begin as theirs do.
fn table(document: &Document<'_>, step: &Step) -> Option<usize> {
    let mut tables = document.tables.iter();
    let holds = |span: Span| span.start <= step.span.start && step.span.end <= span.end;
    let table = tables.find(|it| holds(it.span))?;
    let start = document.source[..table.span.start]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    (start == table.span.start).then_some(table.span.end)
}

// The text of a task, as Markdown: nothing in it is markup but the command that it offers.
fn written(text: &str, offered: Option<&str>) -> String {
    let escaped = |text: &str| {
        let mut written = String::with_capacity(text.len());
        for c in text.chars() {
            if "\\`*_[]<>".contains(c) {
                written.push('\\');
            }
            written.push(c);
        }
        written
    };
    let code = offered.filter(|it| !it.contains('`'));
    match code.and_then(|code| Some((code, text.split_once(code)?))) {
        Some((code, (before, after))) => {
            format!("{}`{code}`{}", escaped(before), escaped(after))
        }
        None => escaped(text),
    }
}
