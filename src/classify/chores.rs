//! Manual steps that a plain document holds outside its fences: list items that name a command, and
//! tables of tasks. A table that explains commands is none.

use std::collections::BTreeMap;

use super::knowledge::Knowledge;
use super::understanding::{Sense, Tongue, Understanding, understand};
use super::{Kind, suspicions, words};
use crate::markdown::{Cell, Document, Item, Table, cells};
use crate::model::{Effect, Language, Offered, Span};

/// Something that a person does, perhaps by a command that the document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chore {
    /// The list item or the row of the table.
    pub span: Span,
    /// Its line, from 1.
    pub line: u32,
    /// As for a fence.
    pub section: u32,
    /// What is to be done, without markup.
    pub text: String,
    /// The command, what it does, and why.
    pub offered: Option<(Offered, Effect, String)>,
}

/// Returns the chores of `document` in document order. Tasks (`- [ ]`) are steps anyway, and are
/// left out; [`offered`] finds what they offer.
pub fn chores(document: &Document<'_>, commands: &mut Commands<'_>) -> Vec<Chore> {
    let mut all = Vec::new();
    for item in &document.items {
        all.extend(of_item(document, item, commands));
    }
    for table in &document.tables {
        of_table(document, table, commands, &mut all);
    }
    all.sort_by_key(|chore| chore.span.start);
    all
}

/// Returns the command that a task of a checklist offers: the only piece of inline code in it.
pub fn offered(item: &Item<'_>, commands: &mut Commands<'_>) -> Option<Offer> {
    let (code, _) = item.code.as_ref().filter(|_| item.codes == 1)?;
    commands.offer(code)
}

/// A command, what it does, and why.
type Offer = (Offered, Effect, String);

/// What inline code offers. The same code, which a manual repeats, is read once.
#[derive(Debug)]
pub struct Commands<'k> {
    knowledge: &'k Knowledge,
    read: BTreeMap<String, Option<Offer>>,
}

impl<'k> Commands<'k> {
    /// Returns an empty memory.
    pub const fn new(knowledge: &'k Knowledge) -> Self {
        Self {
            knowledge,
            read: BTreeMap::new(),
        }
    }

    fn offer(&mut self, code: &str) -> Option<Offer> {
        let code = code.trim();
        let code = code.strip_prefix("$ ").unwrap_or(code);
        // Most inline code is a name.
        if !code.contains(' ') || code.contains("...") || code.contains('…') {
            return None;
        }
        if let Some(read) = self.read.get(code) {
            return read.clone();
        }
        let offer = command(code, self.knowledge);
        self.read.insert(code.to_owned(), offer.clone());
        offer
    }
}

fn of_item(document: &Document<'_>, item: &Item<'_>, commands: &mut Commands<'_>) -> Option<Chore> {
    if item.ticked.is_some() || item.codes != 1 {
        return None;
    }
    let (code, place) = item.code.as_ref()?;
    // Most inline code is a name: a look at it is cheaper than at the sentence.
    if !code.contains(' ') {
        return None;
    }
    let line_end = |at: usize| {
        let rest = &document.source.as_bytes()[at..];
        at + memchr::memchr(b'\n', rest).unwrap_or(rest.len())
    };
    let span = Span::new(item.span.start, item.span.end.max(line_end(place.end)));
    let before = document.text(Span::new(item.span.start, place.start));
    let after = document.text(Span::new(place.end, span.end));
    let is_mark = |c: char| !c.is_alphabetic();
    // "`apt update` only refreshes the index" explains a command; it does not ask for it.
    if before.trim_matches(is_mark).is_empty() && !after.trim_matches(is_mark).is_empty() {
        return None;
    }
    let offered = commands.offer(code)?;
    let text = crate::markdown::plain_text(document.text(span));
    let text = text.trim_start_matches("- ").replace('\n', " ");
    Some(Chore {
        span,
        line: item.line,
        section: item.section,
        text,
        offered: Some(offered),
    })
}

fn of_table(
    document: &Document<'_>,
    table: &Table,
    commands: &mut Commands<'_>,
    all: &mut Vec<Chore>,
) {
    let text = document.text(table.span);
    let head = text.lines().next().unwrap_or_default();
    let is_task = |cell: &str| {
        let folded = crate::markdown::folded_words(cell).join(" ");
        words::TASK.contains(&folded.as_str())
    };
    // Only a table that has the word in its head is read cell by cell.
    if !head.split('|').any(is_task) {
        return;
    }
    let rows = cells(text);
    let Some(column) = rows
        .first()
        .and_then(|head| head.iter().position(|cell| is_task(&cell.text)))
    else {
        return;
    };
    // The head, the line under it, then a line for each row.
    let mut at = table.span.start;
    let starts: Vec<(usize, usize)> = text
        .split_inclusive('\n')
        .map(|line| {
            let start = at;
            at += line.len();
            (start, start + line.trim_end().len())
        })
        .collect();
    for (number, row) in rows.iter().enumerate().skip(1) {
        let Some((start, end)) = starts.get(number + 1) else {
            return;
        };
        let Some(task) = row.get(column).filter(|cell| !cell.text.trim().is_empty()) else {
            continue;
        };
        let rest: Vec<&str> = row
            .iter()
            .skip(column + 1)
            .map(|cell| cell.text.trim())
            .filter(|text| !text.is_empty())
            .collect();
        let text = if rest.is_empty() {
            task.text.trim().to_owned()
        } else {
            format!("{}: {}", task.text.trim(), rest.join(" · "))
        };
        all.push(Chore {
            span: Span::new(*start, *end),
            line: table.line + number as u32 + 1,
            section: table.section,
            text,
            offered: only_command(row, commands),
        });
    }
}

/// The command of a row, where it names exactly one.
fn only_command(row: &[Cell], commands: &mut Commands<'_>) -> Option<Offer> {
    let mut found = row
        .iter()
        .flat_map(|cell| &cell.codes)
        .filter_map(|code| commands.offer(code));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Understands `code` where it is a complete command that runs as it stands.
fn command(code: &str, knowledge: &Knowledge) -> Option<Offer> {
    let found = understand(code, Tongue::Shell, knowledge);
    let Understanding {
        sense,
        effect,
        because,
        interactive,
        endless,
        reads,
        ..
    } = found;
    let is_complete = sense == Sense::Commands
        && effect != Effect::Unknown
        && interactive.is_none()
        && endless.is_none()
        && reads.is_empty()
        && suspicions(code, Kind::Shell).is_empty();
    let offered = Offered {
        language: Language("bash"),
        body: code.to_owned(),
    };
    is_complete.then_some((offered, effect, because))
}
