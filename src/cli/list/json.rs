//! What `runbook list --json` prints: everything that was made of a document. `docs/json.md`
//! describes each field; a test compares the two.

use std::ops::Range;
use std::path::Path;

use serde::Serialize;

use super::{counts, shown};
use crate::markdown::Lines;
use crate::model::{
    Diagnostic, Doubt, Effect, FenceReading, Form, InputType, Kind, Nature, Offer, Piece, Place,
    Placeholder, Runbook, Span, Stands, Step, Task,
};

/// The whole answer. `version` changes when a field changes its meaning or goes.
#[derive(Serialize)]
pub(super) struct Listing<'a> {
    pub(super) version: u32,
    pub(super) runbooks: Vec<ListedRunbook>,
    /// Documents that could not be read, a sentence each.
    pub(super) unreadable: Vec<&'a str>,
}

#[derive(Serialize)]
pub(super) struct ListedRunbook {
    path: String,
    title: String,
    kind: Kind,
    inputs: Vec<ListedInput>,
    /// The first is what stands before any heading.
    sections: Vec<ListedSection>,
    steps: Vec<ListedStep>,
    fences: Vec<ListedFence>,
    forms: Vec<Form>,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
struct ListedInput {
    name: String,
    #[serde(rename = "type")]
    kind: InputType,
    description: Option<String>,
    default: Option<String>,
    choices: Vec<String>,
    pattern: Option<String>,
    min: Option<String>,
    max: Option<String>,
    required: bool,
    secret: bool,
    from: Option<String>,
}

#[derive(Serialize)]
struct ListedSection {
    title: String,
    path: Vec<String>,
    level: u8,
    anchor: String,
    line: u32,
    on_demand: bool,
}

#[derive(Serialize)]
struct ListedStep {
    id: String,
    id_is_explicit: bool,
    title: String,
    /// Index into `sections`.
    section: usize,
    /// Of the fence's opening, of the piece, or of the item; from 1.
    line: u32,
    last_line: u32,
    /// Of the first line of `text`.
    text_line: u32,
    /// `command` or `by-hand`.
    task: &'static str,
    /// Of a command.
    language: Option<&'static str>,
    /// The command, or what the person is to do.
    text: String,
    /// The command that the document names for what a person is to do.
    offered: Option<ListedCommand>,
    tags: Vec<String>,
    nature: Nature,
    effect: Effect,
    because: String,
    offer: Offer,
    doubts: Vec<ListedDoubt>,
    on_demand: bool,
    ticked: bool,
    /// The value that its output becomes.
    capture: Option<String>,
    /// What it gives is never shown.
    secret: bool,
    #[serde(flatten)]
    around: Around,
}

#[derive(Serialize)]
struct ListedCommand {
    language: &'static str,
    text: String,
}

#[derive(Serialize)]
struct ListedDoubt {
    rule: &'static str,
    because: String,
    line: u32,
}

/// What pieces and steps have in common.
#[derive(Serialize)]
struct Around {
    place: Place,
    place_because: String,
    placeholders: Vec<ListedPlaceholder>,
    hosts: Vec<String>,
    overwrites: Vec<String>,
    choice: Option<u32>,
    /// Lines.
    warnings: Vec<u32>,
}

#[derive(Serialize)]
struct ListedPlaceholder {
    name: String,
    text: String,
    line: u32,
    secret: bool,
    stands: Stands,
}

#[derive(Serialize)]
struct ListedFence {
    line: u32,
    last_line: u32,
    tag: String,
    nature: Nature,
    because: String,
    /// Index into `sections`.
    section: usize,
    pieces: Vec<ListedPiece>,
}

#[derive(Serialize)]
struct ListedPiece {
    line: u32,
    last_line: u32,
    title: String,
    nature: Nature,
    effect: Effect,
    because: String,
    offer: Offer,
    /// Id of the step that it became, alone or with the other pieces of its fence.
    step: Option<String>,
    language: Option<&'static str>,
    command: String,
    doubts: Vec<ListedDoubt>,
    #[serde(flatten)]
    around: Around,
}

/// Returns all that is known of the document at `path`.
pub(super) fn listed(
    path: &Path,
    source: &str,
    runbook: Runbook,
    diagnostics: &[Diagnostic],
) -> ListedRunbook {
    let [errors, warnings, _] = counts(diagnostics);
    let mut lines = Lines::new(source);
    let fences = runbook
        .fences
        .into_iter()
        .map(|reading| fence(reading, &runbook.steps, &mut lines))
        .collect();
    ListedRunbook {
        path: shown(path),
        title: runbook.title,
        kind: runbook.kind,
        inputs: runbook
            .inputs
            .into_iter()
            .map(|input| ListedInput {
                secret: input.is_secret(),
                name: input.name,
                kind: input.kind,
                description: input.description,
                default: input.default,
                choices: input.choices,
                pattern: input.pattern,
                min: input.min,
                max: input.max,
                required: input.required,
                from: input.from.map(|it| it.to_string()),
            })
            .collect(),
        sections: runbook
            .sections
            .into_iter()
            .map(|section| ListedSection {
                title: section.title,
                path: section.path,
                level: section.level,
                anchor: section.anchor,
                line: section.line,
                on_demand: section.on_demand,
            })
            .collect(),
        steps: runbook
            .steps
            .into_iter()
            .map(|it| step(it, &mut lines))
            .collect(),
        fences,
        forms: runbook.forms,
        errors,
        warnings,
    }
}

fn step(step: Step, lines: &mut Lines<'_>) -> ListedStep {
    let offer = step.offer();
    let last_line = last_line(step.span, lines).max(step.line);
    let (task, language, text, offered) = match step.task {
        Task::Command { language, body } => ("command", Some(language.0), body, None),
        Task::ByHand { text, offered } => ("by-hand", None, text, offered),
    };
    let around = step.circumstances;
    let placeholders = of_text(around.placeholders, &text, step.body_line);
    ListedStep {
        id: step.id.to_string(),
        id_is_explicit: step.id_is_explicit,
        title: step.title,
        section: step.section,
        line: step.line,
        last_line,
        text_line: step.body_line,
        task,
        language,
        text,
        offered: offered.map(|it| ListedCommand {
            language: it.language.0,
            text: it.body,
        }),
        tags: step.tags,
        nature: step.nature,
        effect: step.effect,
        because: step.because,
        offer,
        doubts: doubts(step.doubts, lines),
        on_demand: step.on_demand,
        ticked: step.ticked,
        capture: step.settings.capture.clone(),
        secret: step.settings.secret,
        around: Around {
            place: around.place,
            place_because: around.place_because,
            placeholders,
            hosts: around.hosts,
            overwrites: around.overwrites,
            choice: around.choice,
            warnings: starts(&around.warnings, lines),
        },
    }
}

fn fence(reading: FenceReading, steps: &[Step], lines: &mut Lines<'_>) -> ListedFence {
    let pieces = reading.pieces.into_iter().map(|piece| {
        let step = super::step_of(&piece, reading.line, reading.span, steps);
        let step = step.map(|it| it.id.to_string());
        listed_piece(piece, step, lines)
    });
    ListedFence {
        line: reading.line,
        last_line: reading.last_line,
        tag: reading.tag,
        nature: reading.nature,
        because: reading.because,
        section: reading.section,
        pieces: pieces.collect(),
    }
}

fn listed_piece(piece: Piece, step: Option<String>, lines: &mut Lines<'_>) -> ListedPiece {
    ListedPiece {
        line: piece.line,
        last_line: piece.last_line,
        offer: piece.offer(),
        title: piece.title,
        nature: piece.nature,
        effect: piece.effect,
        because: piece.because,
        step,
        language: piece.language.map(|it| it.0),
        doubts: doubts(piece.doubts, lines),
        around: Around {
            place: piece.place,
            place_because: piece.place_because,
            placeholders: of_text(piece.placeholders, &piece.command, piece.line),
            hosts: piece.hosts,
            overwrites: piece.overwrites,
            choice: piece.choice,
            warnings: starts(&piece.warnings, lines),
        },
        command: piece.command,
    }
}

fn doubts(doubts: Vec<Doubt>, lines: &mut Lines<'_>) -> Vec<ListedDoubt> {
    let listed = |doubt: Doubt| ListedDoubt {
        rule: doubt.rule,
        because: doubt.because,
        line: lines.line(doubt.span.start),
    };
    doubts.into_iter().map(listed).collect()
}

fn of_text(placeholders: Vec<Placeholder>, text: &str, first: u32) -> Vec<ListedPlaceholder> {
    let listed = |it: Placeholder| ListedPlaceholder {
        line: line_in(text, &it.range, first),
        name: it.name,
        text: it.text,
        secret: it.secret,
        stands: it.stands,
    };
    placeholders.into_iter().map(listed).collect()
}

/// Returns the line in the file of `range` of `text`, whose first line is line `first`.
pub(super) fn line_in(text: &str, range: &Range<usize>, first: u32) -> u32 {
    let before = text.as_bytes().get(..range.start).unwrap_or_default();
    first + memchr::memchr_iter(b'\n', before).count() as u32
}

fn starts(spans: &[Span], lines: &mut Lines<'_>) -> Vec<u32> {
    spans.iter().map(|span| lines.line(span.start)).collect()
}

fn last_line(span: Span, lines: &mut Lines<'_>) -> u32 {
    lines.line(span.end.saturating_sub(1).max(span.start))
}
