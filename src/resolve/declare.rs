//! A plain manual → a declared copy of it: front matter, ids, inputs, and what is in doubt taken out
//! of the run with its reason beside it. All other text stays as it is, byte for byte.
//!
//! Decides only what the manual shows. What a person has to decide is `run=never`, `run=manual` or
//! `confirm="…"`, and told. The value of a secret is never written.

mod chores;
mod inputs;
mod top;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use self::inputs::{Forms, Inputs};
use self::top::Top;
use super::attributes::{Of, Run, Said, is_variable};
use crate::classify::{self, Kind as Tagged, language};
use crate::markdown::attributes::{Attribute, Info, nearest, parse_comment, parse_info};
use crate::markdown::{Document, Fence, SpeaksFor};
use crate::model::{
    Doubt, Effect, FenceReading, Kind, Nature, Offer, Piece, Place, Runbook, Span, Stands, Step,
    StepId, Task,
};

/// Why writing to a text is no risk.
const FINE: &str = "writing to a string does not fail";

/// A declared copy, and what was decided in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The copy.
    pub text: String,
    /// What was decided of fences and pieces, in document order.
    pub decisions: Vec<Decision>,
    /// How many list items and rows of tables became tasks of a checklist.
    pub tasks: usize,
    /// The inputs that it declares, in its order.
    pub inputs: Vec<String>,
    /// Secrets that its steps take from the environment: values of inputs stand in the record.
    pub secrets: Vec<String>,
}

/// What was decided of one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Its line in the manual, from 1.
    pub line: u32,
    /// Its line in the copy, from 1.
    pub line_in_copy: u32,
    /// The id that it has in both.
    pub id: Option<StepId>,
    /// What becomes of it.
    pub fate: Fate,
    /// Why, or what is asked before it; empty where there is nothing to say.
    pub because: String,
}

/// What becomes of a piece in the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A step as it stands.
    Runs,
    /// A step that is asked for with `confirm`.
    Confirmed,
    /// A person does it.
    ByHand,
    /// `run=never`, until a person has decided.
    Left,
    /// It is no step, and its tag would have made it one.
    Sample,
}

/// Why there is no declared copy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDeclared {
    /// It says `runbook: 1` already.
    #[error("it is a declared runbook already")]
    Already,
    /// What stands at its top cannot be read.
    #[error("its front matter does not parse (line {line}): {message}")]
    FrontMatter {
        /// From 1.
        line: u32,
        /// What the parser says.
        message: String,
    },
}

/// Returns the declared copy of `document`, which was resolved to `runbook`.
///
/// # Errors
/// A document that is declared, or whose front matter cannot be read.
pub fn declare(document: &Document<'_>, runbook: &Runbook) -> Result<Declared, NotDeclared> {
    if runbook.kind == Kind::Declared {
        return Err(NotDeclared::Already);
    }
    let top = Top::of(document)?;
    let mut copier = Copier {
        document,
        runbook,
        line_end: if document.source.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        },
        inputs: Inputs::beside(runbook),
        on_a_server: runbook.fences.iter().any(|it| {
            let is_elsewhere = |it: &Piece| matches!(it.place, Place::Server | Place::Container);
            it.pieces.iter().any(is_elsewhere)
        }),
        edits: Vec::new(),
        decisions: Vec::new(),
    };
    copier.comments();
    for (index, fence) in document.fences.iter().enumerate() {
        copier.fence(index, fence);
    }
    let Copier {
        mut edits,
        decisions,
        inputs,
        line_end,
        ..
    } = copier;
    let (more, tasks) = chores::tasks(document, runbook, line_end);
    edits.extend(more);
    let forms = Forms::of(runbook);
    // Where two begin at one byte, what is added there comes before what is replaced.
    edits.insert(0, top.edit(&inputs, &forms, runbook, line_end));
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let (text, places) = applied(document.source, &edits);
    // Decisions stand in the order of the document: the text is read once.
    let mut counter = crate::markdown::Lines::new(&text);
    let decisions = decisions.into_iter().map(|(decision, at)| Decision {
        line_in_copy: counter.line(place_of(&places, at)) - decision.line_in_copy,
        ..decision
    });
    let decisions = decisions.collect();
    Ok(Declared {
        decisions,
        tasks,
        inputs: inputs.names().map(ToOwned::to_owned).collect(),
        secrets: inputs.secrets().map(ToOwned::to_owned).collect(),
        text,
    })
}

/// Bytes of the manual, and what stands there in the copy.
struct Edit {
    span: Span,
    text: String,
}

/// Returns the text after `edits`, and for the end of each how far it has moved.
fn applied(source: &str, edits: &[Edit]) -> (String, Vec<(usize, usize)>) {
    let mut text = String::with_capacity(source.len() + source.len() / 8);
    let mut places = vec![(0, 0)];
    let mut at = 0;
    for edit in edits {
        text.push_str(&source[at..edit.span.start]);
        text.push_str(&edit.text);
        at = edit.span.end;
        places.push((at, text.len()));
    }
    text.push_str(&source[at..]);
    (text, places)
}

/// Returns where byte `at` of the manual stands in the copy.
fn place_of(places: &[(usize, usize)], at: usize) -> usize {
    let after = places.partition_point(|(start, _)| *start <= at);
    let (start, moved) = places[after - 1];
    moved + (at - start)
}

/// What a fence of the manual becomes in part or whole: one fence of the copy.
struct Part<'r> {
    /// Lines of the file, from 1.
    first: u32,
    last: u32,
    piece: Option<&'r Piece>,
    id: Option<StepId>,
    fate: Fate,
    /// Why, for a comment above it.
    because: String,
    /// Attributes that the fence does not have yet.
    attributes: Vec<(&'static str, String)>,
    /// Places in the file, and what stands there instead.
    values: Vec<(Span, String)>,
}

struct Copier<'r, 'a> {
    document: &'r Document<'a>,
    runbook: &'r Runbook,
    line_end: &'static str,
    inputs: Inputs,
    /// Whether some steps are meant for another machine than the reader's.
    on_a_server: bool,
    edits: Vec<Edit>,
    /// With the byte of the manual that each stands at.
    decisions: Vec<(Decision, usize)>,
}

impl<'r> Copier<'r, '_> {
    /// Takes out of comments what a plain document ignores and a declared one refuses.
    fn comments(&mut self) {
        // The comments above one fence are read as one.
        let mut said: BTreeMap<Option<usize>, Vec<String>> = BTreeMap::new();
        for comment in &self.document.comments {
            let of = match comment.speaks_for {
                SpeaksFor::Fence(_) => Of::Fence,
                SpeaksFor::Section(_) => Of::Section,
                SpeaksFor::Table(_) => continue,
                SpeaksFor::Nothing => {
                    // Behind other words it is no comment of ours any more.
                    self.edits.push(Edit {
                        span: Span::new(comment.span.start, comment.body.start),
                        text: "<!-- not read:".to_owned(),
                    });
                    continue;
                }
            };
            let body = self.document.text(comment.body);
            let (attributes, faults) = parse_comment(body, comment.body.start);
            let before = said.entry(fence_of(comment.speaks_for)).or_default();
            let (taken, foreign) = sorted_out(&attributes, of, before);
            if fence_of(comment.speaks_for).is_some() {
                before.extend(taken.iter().map(|(name, _)| name.to_string()));
            }
            if foreign.is_empty() && faults.is_empty() {
                continue;
            }
            let taken: Vec<String> = taken
                .iter()
                .map(|(name, value)| attribute(name, value.as_deref()))
                .collect();
            let foreign = no_comment_end(&foreign.join(" "));
            let remark = format!("<!-- not read: {foreign} -->");
            let text = if taken.is_empty() {
                remark
            } else {
                let at = comment.span.start;
                let remark = Lines::before(self.document.source, at, &remark, self.line_end);
                format!("{remark}<!-- runbook: {} -->", taken.join(" "))
            };
            self.edits.push(Edit {
                span: comment.span,
                text,
            });
        }
    }

    fn fence(&mut self, index: usize, fence: &Fence) {
        let text = self.document.text(fence.info);
        let info = parse_info(text, fence.info.start);
        let comments = self.comments_above(index);
        let row = language_of(&info);
        let Some(reading) = self.runbook.fences.get(index) else {
            return;
        };
        let mut parts = self.parts(fence, reading, said_run(&info));
        if parts.is_empty() {
            parts.push(Part {
                first: fence.line + 1,
                last: reading.last_line,
                piece: reading.pieces.first().filter(|it| !it.nature.is_step()),
                id: None,
                fate: Fate::Sample,
                because: reading.pieces.first().map(sample).unwrap_or_default(),
                attributes: Vec::new(),
                values: Vec::new(),
            });
        }
        let lines = Lines::of(self.document.source, fence);
        let comment = self.comment_attributes(&comments);
        let own = Own::of(&info, &comment);
        let is_changed = parts.len() > 1 || parts[0].fate != Fate::Sample;
        let would_run = Self::would_run(info.language, row, &own);
        if !is_changed && !would_run && own.foreign.is_empty() {
            if !fence.is_closed {
                self.close(fence, &lines);
            }
            return;
        }
        let above = comments.first().map_or(fence.span.start, |it| it.start);
        for (number, part) in parts.iter().enumerate() {
            self.part(fence, &lines, &info, &own, part, number, above, would_run);
        }
        if !fence.is_closed {
            self.close(fence, &lines);
        }
    }

    /// Returns the comments that speak for fence `index`.
    fn comments_above(&self, index: usize) -> Vec<Span> {
        let all = self.document.comments.iter();
        all.filter(|it| it.speaks_for == SpeaksFor::Fence(index))
            .map(|it| it.span)
            .collect()
    }

    fn comment_attributes(&self, spans: &[Span]) -> Vec<Attribute<'r>> {
        let all = self.document.comments.iter();
        all.filter(|it| spans.contains(&it.span))
            .flat_map(|it| parse_comment(self.document.text(it.body), it.body.start).0)
            .collect()
    }

    /// Whether a fence that is no step here would be one, or an error, in a declared runbook.
    fn would_run(tag: Option<(&str, Span)>, row: Option<&language::Row>, own: &Own<'_>) -> bool {
        if own.has("run") {
            return false;
        }
        match (tag, row) {
            (_, Some(row)) => {
                row.kind.is_command() || matches!(row.kind, Tagged::Sql | Tagged::Check)
            }
            (Some((tag, _)), None) => {
                let commands = language::TABLE.iter().filter(|row| row.kind.is_command());
                let tags = commands.flat_map(|row| std::iter::once(&row.name).chain(row.aliases));
                nearest(tag, tags.copied()).is_some()
            }
            (None, None) => false,
        }
    }

    /// Returns what becomes of the fence, part by part.
    fn parts(&mut self, fence: &Fence, reading: &'r FenceReading, said: Run) -> Vec<Part<'r>> {
        if said == Run::Never {
            return Vec::new();
        }
        let steps = self.steps_of(fence);
        if let Some(step) = steps.iter().copied().find(|it| it.span == fence.span)
            && steps.len() == 1
            && !reading
                .pieces
                .iter()
                .any(|it| is_of(it, step, fence, self.document))
        {
            return vec![Self::whole(fence, reading, step)];
        }
        let mut parts: Vec<Part<'r>> = Vec::new();
        for piece in &reading.pieces {
            let step = steps
                .iter()
                .copied()
                .find(|step| is_of(piece, step, fence, self.document));
            let part = match step {
                Some(step) => self.step(fence, reading, piece, step),
                None => Part {
                    first: piece.line,
                    last: piece.last_line,
                    piece: Some(piece),
                    id: None,
                    fate: Fate::Sample,
                    because: sample(piece),
                    attributes: Vec::new(),
                    values: Vec::new(),
                },
            };
            // A remark between commands is a line of theirs; the first part begins where the body does.
            if is_remark(piece, &self.document.body(fence)) {
                if let Some(last) = parts.last_mut() {
                    last.last = part.last;
                }
                continue;
            }
            match parts.last_mut() {
                // What is no step stays together.
                Some(last) if is_same(last, &part) => {
                    last.last = part.last;
                    if !last.because.contains(&part.because) {
                        last.because = format!("{}; {}", last.because, part.because);
                    }
                }
                _ => parts.push(part),
            }
        }
        let is_live = |part: &Part<'_>| !matches!(part.fate, Fate::Left | Fate::Sample);
        let has_choice = reading.pieces.iter().any(|it| it.choice.is_some());
        if parts.len() > 1 && !has_choice && !parts.iter().any(is_live) {
            Self::joined(&mut parts);
        }
        // A part also has the blank lines and remarks that belong to no piece.
        if let Some(first) = parts.first_mut() {
            first.first = fence.line + 1;
        }
        parts
    }

    /// A fence of which nothing runs stays one fence.
    fn joined(parts: &mut Vec<Part<'r>>) {
        let last = parts.iter().map(|it| it.last).max().unwrap_or_default();
        let mut reasons: Vec<String> = Vec::new();
        for part in parts.iter().filter(|it| it.fate == Fate::Left) {
            for reason in part.because.split("; ") {
                if !reasons.iter().any(|it| it == reason) {
                    reasons.push(reason.to_owned());
                }
            }
        }
        let id = parts.iter().find_map(|it| it.id.clone());
        let fate = if id.is_some() {
            Fate::Left
        } else {
            Fate::Sample
        };
        let mut first = parts.remove(0);
        first.last = last;
        first.fate = fate;
        first.id = id;
        first.piece = None;
        if !reasons.is_empty() {
            first.because = reasons.join("; ");
        }
        *parts = vec![first];
    }

    fn steps_of(&self, fence: &Fence) -> Vec<&'r Step> {
        let steps = &self.runbook.steps;
        let from = steps.partition_point(|step| step.span.start < fence.span.start);
        steps[from..]
            .iter()
            .take_while(|step| step.span.start < fence.span.end)
            .collect()
    }

    /// A fence that the manual made one step already, by a name or by `run=manual`.
    fn whole(fence: &Fence, reading: &'r FenceReading, step: &Step) -> Part<'r> {
        let mut part = Part {
            first: fence.line + 1,
            last: reading.last_line,
            piece: None,
            id: Some(step.id.clone()),
            fate: Fate::Runs,
            because: String::new(),
            attributes: Vec::new(),
            values: Vec::new(),
        };
        if matches!(step.task, Task::Command { .. }) {
            let reasons = reasons(&step.doubts);
            match step.offer() {
                Offer::Run => {}
                Offer::Type => confirm(&mut part, step.effect, &step.because, Vec::new()),
                Offer::Ask if reasons.is_empty() => {
                    confirm(&mut part, step.effect, &step.because, Vec::new());
                }
                Offer::Hand => by_hand(&mut part, reasons, &step.because),
                _ => left(&mut part, all_reasons(&step.doubts)),
            }
        } else {
            part.fate = Fate::ByHand;
        }
        part
    }

    fn step(
        &mut self,
        fence: &Fence,
        reading: &FenceReading,
        piece: &'r Piece,
        step: &Step,
    ) -> Part<'r> {
        let mut part = Part {
            first: piece.line,
            last: piece.last_line,
            piece: Some(piece),
            id: Some(step.id.clone()),
            fate: Fate::Runs,
            because: String::new(),
            attributes: Vec::new(),
            values: Vec::new(),
        };
        let mut open = step.doubts.iter().filter(|it| is_open(it)).peekable();
        let is_settled = open.peek().is_none();
        let wants_a_person = open.all(|it| WANT_A_PERSON.contains(&it.rule));
        let reasons = reasons(&step.doubts);
        // The way that is taken unless another is chosen stays.
        let excludes = |it: &Doubt| matches!(it.rule, "alternative" | "opposite");
        if let Some(choice) = piece.choice.filter(|_| step.doubts.iter().any(excludes)) {
            let because = if step.doubts.iter().all(excludes) {
                self.alternative(reading.section, choice, piece)
            } else {
                reasons
            };
            left(&mut part, because);
            return part;
        }
        match step.offer() {
            Offer::Never => part.fate = Fate::Sample,
            Offer::Hand => by_hand(&mut part, reasons, &step.because),
            _ if is_settled => match self.filled(fence, piece) {
                Ok(values) => {
                    part.values = values;
                    self.of_effect(&mut part, piece);
                }
                Err(because) => by_hand(&mut part, because, &step.because),
            },
            _ if wants_a_person => by_hand(&mut part, reasons, &step.because),
            _ => left(&mut part, reasons),
        }
        part
    }

    /// Asks before what destroys, what is not understood, and what happens on another machine.
    fn of_effect(&self, part: &mut Part<'r>, piece: &Piece) {
        let mut said = Vec::new();
        if piece.place == Place::Workstation && self.on_a_server {
            said.push(format!(
                "This is meant for your own computer ({}).",
                piece.place_because
            ));
        }
        if piece.doubts.iter().any(|it| it.rule == LEAVES) {
            said.push(format!("This reaches {}.", piece.hosts.join(", ")));
        }
        confirm(part, piece.effect, &piece.because, said);
    }

    fn alternative(&self, section: usize, choice: u32, piece: &Piece) -> String {
        let fences = self.runbook.fences.iter();
        let pieces = fences
            .filter(|it| it.section == section)
            .flat_map(|it| &it.pieces);
        let others: Vec<String> = pieces
            .filter(|it| it.choice == Some(choice) && it.line != piece.line)
            .map(|it| format!("`{}`", first_line(&it.command)))
            .collect();
        if others.is_empty() {
            return "one of several alternatives: keep one".to_owned();
        }
        format!("an alternative to {}: keep one", others.join(", "))
    }

    /// Returns what stands in the file where `piece` waits for values, or why that cannot be said.
    fn filled(&mut self, fence: &Fence, piece: &Piece) -> Result<Vec<(Span, String)>, String> {
        let kind = piece.language.and_then(|it| language::find(it.0));
        let is_shell = kind.is_some_and(|row| matches!(row.kind, Tagged::Shell | Tagged::Console));
        let body = self.document.body(fence);
        let mut places = Vec::new();
        for it in &piece.placeholders {
            let open = |why: &str| Err(format!("a value is to be put in for `{}`: {why}", it.text));
            if it.stands == Stands::Variable {
                if it.name.starts_with("RUNBOOK_") || !is_variable(&it.name) {
                    return open("an input cannot have its name");
                }
                places.push((it, None));
                continue;
            }
            if !is_shell {
                return open("how to quote it is known of shells only");
            }
            if it.stands == Stands::Plain {
                return open("how it is quoted there is not known");
            }
            let Some(range) = place_in_body(&body, piece, &it.range) else {
                return open("its place is not found");
            };
            let overlaps = |(_, other): &(_, Option<Range<usize>>)| {
                let other = other.as_ref();
                other.is_some_and(|it| it.start < range.end && range.start < it.end)
            };
            if places.iter().any(overlaps) {
                return open("it stands in another one");
            }
            places.push((it, Some(range)));
        }
        let mut values = Vec::new();
        for (it, range) in places {
            let name = self.inputs.take(it, piece.line);
            let Some(range) = range else {
                continue;
            };
            let value = match it.stands {
                Stands::Bare => format!("\"${name}\""),
                Stands::SingleQuoted => format!("'\"${name}\"'"),
                _ => format!("${{{name}}}"),
            };
            values.push((self.document.place(fence, range), value));
        }
        Ok(values)
    }

    /// Writes one part: its opening, and what ends the part before it.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a fence has is read once for all its parts"
    )]
    fn part(
        &mut self,
        fence: &Fence,
        lines: &Lines,
        info: &Info<'_>,
        own: &Own<'_>,
        part: &Part<'_>,
        number: usize,
        above: usize,
        would_run: bool,
    ) {
        let end = self.line_end;
        let body = lines.text(self.document.source, part.first, part.last);
        let form = self.form(part, info, &body, fence);
        let mut attributes = own.kept(number == 0, part.id.as_ref());
        if let Some(id) = &part.id
            && !(number == 0 && own.has_in_comment("id"))
        {
            attributes.insert(0, format!("#{id}"));
        }
        let run = match part.fate {
            Fate::ByHand if !own.has("run") => Some("run=manual"),
            Fate::Left => Some("run=never"),
            Fate::Sample if would_run || number > 0 && form.is_command => Some("run=never"),
            _ => None,
        };
        attributes.extend(run.map(ToOwned::to_owned));
        for (name, value) in part.attributes.iter().filter(|(name, _)| !own.has(name)) {
            attributes.push(attribute(name, Some(value)));
        }
        let mut opening = form.tag.clone();
        if number == 0
            && let Some((rest, _)) = info.rest
        {
            write!(opening, " {rest}").expect(FINE);
        }
        for foreign in own.foreign.iter().filter(|_| number == 0) {
            write!(opening, " {foreign}").expect(FINE);
        }
        if !attributes.is_empty() {
            let space = if opening.is_empty() { "" } else { " " };
            write!(opening, "{space}{{{}}}", attributes.join(" ")).expect(FINE);
        }
        let prefix = &lines.prefix;
        let marks = &lines.marks;
        if let Some(commands) = &form.instead {
            opening += end;
            for line in commands.lines().filter(|it| !it.trim().is_empty()) {
                write!(opening, "{prefix}{line}{end}").expect(FINE);
            }
            write!(
                opening,
                "{prefix}{marks}{end}{}{end}{prefix}{marks}text",
                prefix.trim_end()
            )
            .expect(FINE);
        }
        // A query's own tag says what it is.
        let is_sample = part.fate == Fate::Sample;
        let is_command = language_of(info).is_some_and(|row| row.kind.is_command());
        let says_why = !is_sample || would_run && is_command && !part.because.is_empty();
        let remark = Some(&part.because).filter(|it| says_why && !it.is_empty());
        let word = match part.fate {
            Fate::Sample => "no step",
            Fate::Left => "not run",
            Fate::ByHand => "by hand",
            Fate::Runs | Fate::Confirmed => "to decide",
        };
        let remark = remark.map(|why| format!("<!-- {word}: {} -->", no_comment_end(why)));
        let at;
        let mut above_it = 0;
        if number == 0 {
            if let Some(remark) = remark {
                let text = Lines::before(self.document.source, above, &remark, end);
                self.edits.push(Edit {
                    span: Span::new(above, above),
                    text,
                });
            }
            let span = lines.info;
            at = fence.span.start;
            self.edits.push(Edit {
                span,
                text: opening,
            });
        } else {
            // Between two parts: the end of one fence, a blank line, the beginning of the next.
            let span = lines.gap(self.document.source, part.first);
            let blank = prefix.trim_end();
            let mut text = format!("{end}{prefix}{marks}{end}{blank}{end}");
            if let Some(remark) = remark {
                write!(text, "{prefix}{remark}{end}").expect(FINE);
            }
            write!(text, "{prefix}{marks}{opening}{end}").expect(FINE);
            // The first byte that was there before stands on the line after the opening.
            at = span.end;
            above_it = 1;
            self.edits.push(Edit { span, text });
        }
        for (span, value) in &part.values {
            self.edits.push(Edit {
                span: *span,
                text: value.clone(),
            });
        }
        if part.id.is_some() || says_why {
            let because = match part.attributes.iter().find(|(name, _)| *name == "confirm") {
                Some((_, question)) => question,
                _ => &part.because,
            };
            let decision = Decision {
                line: part.piece.map_or(fence.line, |it| it.line),
                line_in_copy: above_it,
                id: part.id.clone(),
                fate: part.fate,
                because: because.clone(),
            };
            self.decisions.push((decision, at));
        }
    }

    /// Returns the tag that a part gets, and the commands that stand there instead of a session that
    /// a declared runbook would not understand.
    fn form(&self, part: &Part<'_>, info: &Info<'_>, text: &str, fence: &Fence) -> Form {
        let tag = info.language.map_or("", |(tag, _)| tag);
        let row = language::find(tag);
        let keep = || Form {
            tag: tag.to_owned(),
            is_command: row.is_some_and(|row| row.kind.is_command()),
            instead: None,
        };
        let Some(piece) = part.piece else {
            return keep();
        };
        if !piece.nature.is_step() {
            let is_command = row.is_some_and(|row| row.kind.is_command());
            return match piece.nature {
                Nature::Query if is_command => Form::of("sql"),
                Nature::Diagram | Nature::Output if is_command => Form::of("text"),
                _ => keep(),
            };
        }
        let Some(meant) = piece.language.and_then(|it| language::find(it.0)) else {
            return keep();
        };
        let body = self.document.body(fence);
        let own = body.get(piece.range.clone()).unwrap_or(text);
        if piece.nature == Nature::Session || meant.kind == Tagged::Console {
            let session = classify::session(own);
            if session.doubts.is_empty() && is_same_text(&session.commands, &piece.command) {
                return match row {
                    Some(row) if row.kind == Tagged::Console => keep(),
                    _ => Form::of("console"),
                };
            }
        }
        let shell = if meant.kind == Tagged::Console {
            "bash"
        } else {
            meant.name
        };
        let mut form = match row {
            Some(row) if row.name == shell => keep(),
            _ => Form::of(shell),
        };
        // A part that does not run is left as it is.
        if !is_same_text(own, &piece.command) && !matches!(part.fate, Fate::Left) {
            form.instead = Some(piece.command.clone());
        }
        form
    }

    /// Ends a fence that the manual does not end: a declared runbook refuses it.
    fn close(&mut self, fence: &Fence, lines: &Lines) {
        let end = self.line_end;
        let source = self.document.source;
        let at = fence.span.end;
        let has_end = source[..at].ends_with('\n');
        let text = if has_end {
            format!("{}{}{end}", lines.prefix, lines.marks)
        } else {
            format!("{end}{}{}", lines.prefix, lines.marks)
        };
        self.edits.push(Edit {
            span: Span::new(at, at),
            text,
        });
    }
}

/// How a part is written.
struct Form {
    tag: String,
    is_command: bool,
    instead: Option<String>,
}

impl Form {
    fn of(tag: &str) -> Self {
        Self {
            tag: tag.to_owned(),
            is_command: language::find(tag).is_some_and(|it| {
                it.kind.is_command() || matches!(it.kind, Tagged::Sql | Tagged::Check)
            }),
            instead: None,
        }
    }
}

/// The attributes that a fence has already.
struct Own<'a> {
    /// In braces, those that a declared runbook takes.
    taken: Vec<Pair<'a>>,
    /// Names of those in a comment above it.
    in_comment: Vec<Pair<'a>>,
    /// What a declared runbook would refuse: it stays, outside the braces, where it is not read.
    foreign: Vec<String>,
}

impl<'a> Own<'a> {
    fn of(info: &Info<'a>, comment: &[Attribute<'a>]) -> Self {
        let mut own = Self {
            taken: Vec::new(),
            in_comment: Vec::new(),
            foreign: Vec::new(),
        };
        own.in_comment = sorted_out(comment, Of::Fence, &[]).0;
        let is_new = |it: &&Attribute<'a>| it.name == "tag" || !own.has(&name_of(it));
        let (new, second): (Vec<_>, Vec<_>) = info.attributes.iter().partition(is_new);
        let new: Vec<Attribute<'a>> = new.into_iter().cloned().collect();
        (own.taken, own.foreign) = sorted_out(&new, Of::Fence, &[]);
        let second = second
            .into_iter()
            .map(|it| attribute(&it.name, it.value.as_deref()));
        own.foreign.extend(second);
        own.foreign.retain(|it| !it.contains(['{', '}', '`']));
        own
    }

    fn has(&self, name: &str) -> bool {
        self.taken.iter().any(|(it, _)| it == name) || self.has_in_comment(name)
    }

    fn has_in_comment(&self, name: &str) -> bool {
        self.in_comment.iter().any(|(it, _)| it == name)
    }

    /// Returns the attributes of a part but its id: of the first part its own, of a further one
    /// what the comment above the first says too.
    fn kept(&self, is_first: bool, id: Option<&StepId>) -> Vec<String> {
        let comment = self.in_comment.iter().filter(|_| !is_first);
        let keeps_id = |name: &str| name == "id" && is_first && id.is_none();
        self.taken
            .iter()
            .chain(comment)
            .filter(|(name, _)| name != "id" || keeps_id(name))
            .map(|(name, value)| attribute(name, value.as_deref()))
            .collect()
    }
}

/// Name and value.
type Pair<'a> = (Cow<'a, str>, Option<Cow<'a, str>>);

/// Returns the attributes that a declared runbook takes, and the rest as it is written.
/// What is said `before` is not said again.
fn sorted_out<'a>(
    attributes: &[Attribute<'a>],
    of: Of,
    before: &[String],
) -> (Vec<Pair<'a>>, Vec<String>) {
    let mut taken: Vec<Pair<'a>> = Vec::new();
    let mut foreign = Vec::new();
    for it in attributes {
        let mut said = Said::default();
        let mut found = Vec::new();
        let alone = std::slice::from_ref(it);
        said.read(alone, &[], of, Kind::Declared, &mut found);
        let name = name_of(it);
        let adds_up = matches!(name.as_ref(), "tag" | "env");
        let is_second = !adds_up
            && (taken.iter().any(|(other, _)| *other == name)
                || before.iter().any(|other| *other == name));
        if found.is_empty() && said.refused.is_empty() && !is_second {
            taken.push((name, it.value.clone()));
        } else {
            foreign.push(attribute(&it.name, it.value.as_deref()));
        }
    }
    (taken, foreign)
}

fn fence_of(speaks_for: SpeaksFor) -> Option<usize> {
    match speaks_for {
        SpeaksFor::Fence(index) => Some(index),
        _ => None,
    }
}

fn name_of<'a>(it: &Attribute<'a>) -> Cow<'a, str> {
    match it.name.as_ref() {
        "name" => Cow::Borrowed("id"),
        _ => it.name.clone(),
    }
}

/// Returns an attribute as it stands in braces. A fence's info string must hold no backtick.
fn attribute(name: &str, value: Option<&str>) -> String {
    let Some(value) = value else {
        return name.to_owned();
    };
    match name {
        "id" => return format!("#{value}"),
        "tag" if !value.contains([' ', ',']) => return format!(".{value}"),
        _ => {}
    }
    let value: String = value
        .chars()
        .map(|c| match c {
            '`' | '"' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    let value = value.replace('\\', "\\\\");
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ',' | '/' | ':');
    if !value.is_empty() && value.chars().all(is_word) {
        format!("{name}={value}")
    } else {
        format!("{name}=\"{value}\"")
    }
}

/// The lines of a fence in the file.
struct Lines {
    /// The line of the opening.
    first: u32,
    /// Where each line begins, the opening's first; and where the last one ends.
    starts: Vec<usize>,
    /// What stands in front of each line that is added.
    prefix: String,
    marks: String,
    /// What stands behind the opening marks, up to the line's end.
    info: Span,
}

impl Lines {
    fn of(source: &str, fence: &Fence) -> Self {
        let begin = fence.span.start;
        let line = source[..begin].rfind('\n').map_or(0, |at| at + 1);
        let line = if line == 0 && source.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            line
        };
        let mark = source.as_bytes()[begin];
        let length = source[begin..].bytes().take_while(|it| *it == mark).count();
        let marks = source[begin..begin + length].to_owned();
        let after = &source[begin + length..];
        let info_end = begin + length + after.find(['\n', '\r']).unwrap_or(after.len());
        let keep = |c: char| {
            if matches!(c, '>' | ' ' | '\t') {
                c
            } else {
                ' '
            }
        };
        let mut starts = vec![line];
        let mut at = begin;
        while let Some(next) = source[at..fence.span.end].find('\n') {
            at += next + 1;
            starts.push(at);
        }
        if starts.last() != Some(&fence.span.end) {
            starts.push(fence.span.end);
        }
        Self {
            first: fence.line,
            starts,
            prefix: source[line..begin].chars().map(keep).collect(),
            marks,
            info: Span::new(begin + length, info_end),
        }
    }

    fn start(&self, line: u32) -> usize {
        let last = self.starts.len() - 1;
        self.starts[(line.saturating_sub(self.first) as usize).min(last)]
    }

    fn text<'s>(&self, source: &'s str, first: u32, last: u32) -> Cow<'s, str> {
        Cow::Borrowed(&source[self.start(first)..self.start(last + 1)])
    }

    /// Returns the line end before line `first` with the blank lines above it.
    fn gap(&self, source: &str, first: u32) -> Span {
        let end = self.start(first);
        let mut start = end;
        let floor = self.start(self.first + 1);
        while start > floor {
            let above = source[..start - 1].rfind('\n').map_or(0, |at| at + 1);
            let line = source[above..start].trim_matches(|c: char| c.is_whitespace() || c == '>');
            if !line.is_empty() || above < floor {
                break;
            }
            start = above;
        }
        // The line end of the last line that is kept is written anew.
        let kept = source[..start].trim_end_matches(['\n', '\r']).len();
        Span::new(kept.max(floor.saturating_sub(1)).min(end), end)
    }

    /// Returns a line of its own for `remark` at byte `at`, before the fence or a comment above it.
    fn before(source: &str, at: usize, remark: &str, end: &str) -> String {
        let line = source[..at].rfind('\n').map_or(0, |at| at + 1);
        let lead: String = source[line..at]
            .trim_start_matches('\u{feff}')
            .chars()
            .map(|c| {
                if matches!(c, '>' | ' ' | '\t') {
                    c
                } else {
                    ' '
                }
            })
            .collect();
        format!("{remark}{end}{lead}")
    }
}

fn language_of(info: &Info<'_>) -> Option<&'static language::Row> {
    info.language.and_then(|(tag, _)| language::find(tag))
}

fn said_run(info: &Info<'_>) -> Run {
    let mut said = Said::default();
    said.read(
        &info.attributes,
        &[],
        Of::Fence,
        Kind::Plain,
        &mut Vec::new(),
    );
    said.run
}

/// Whether `step` was made of `piece` of this fence.
fn is_of(piece: &Piece, step: &Step, fence: &Fence, document: &Document<'_>) -> bool {
    piece.nature.is_step()
        && step.line == piece.line
        && step.span == document.place(fence, piece.range.clone())
}

/// Whether a piece is comments alone, which run with the commands beside them.
fn is_remark(piece: &Piece, body: &str) -> bool {
    let text = body.get(piece.range.clone()).unwrap_or_default();
    let mut lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
    !piece.nature.is_step() && lines.all(|line| line.starts_with('#'))
}

fn is_same(last: &Part<'_>, next: &Part<'_>) -> bool {
    last.fate == Fate::Sample && next.fate == Fate::Sample
}

/// Has a person asked before a step, where `said` or its effect gives a reason.
fn confirm(part: &mut Part<'_>, effect: Effect, because: &str, mut said: Vec<String>) {
    match effect {
        Effect::Destroys => {
            part.attributes.push(("effect", "destroys".to_owned()));
            said.insert(0, format!("This destroys: {because}."));
        }
        Effect::Unknown => {
            said.insert(0, format!("{}.", capital(because)));
            "say effect=reads, effect=changes or effect=destroys, and take confirm out"
                .clone_into(&mut part.because);
        }
        Effect::Reads | Effect::Changes => {}
    }
    if !said.is_empty() {
        part.fate = Fate::Confirmed;
        said.push("Run it?".to_owned());
        part.attributes.push(("confirm", said.join(" ")));
    }
}

fn by_hand(part: &mut Part<'_>, reasons: String, otherwise: &str) {
    part.fate = Fate::ByHand;
    part.because = if reasons.is_empty() {
        otherwise.to_owned()
    } else {
        reasons
    };
}

fn left(part: &mut Part<'_>, reasons: String) {
    part.fate = Fate::Left;
    part.because = reasons;
}

/// What a step is in doubt for that reaches another host.
const LEAVES: &str = "leaves-machine";
/// What a step is in doubt for that somebody at a terminal can do as it is.
const WANT_A_PERSON: &[&str] = &["interactive", "endless", "prompts"];

/// Whether a doubt is open when values are given and hosts are confirmed.
fn is_open(doubt: &Doubt) -> bool {
    !doubt.is_a_value() && doubt.rule != LEAVES
}

/// Returns why a step is in doubt, values and hosts aside.
fn reasons(doubts: &[Doubt]) -> String {
    joined(doubts.iter().filter(|it| is_open(it)))
}

fn all_reasons(doubts: &[Doubt]) -> String {
    joined(doubts.iter())
}

fn joined<'d>(doubts: impl Iterator<Item = &'d Doubt>) -> String {
    let mut told: Vec<&str> = Vec::new();
    for doubt in doubts {
        if !told.contains(&doubt.because.as_str()) {
            told.push(&doubt.because);
        }
    }
    told.join("; ")
}

fn sample(piece: &Piece) -> String {
    if piece.because.is_empty() {
        format!("it reads as {}", piece.nature)
    } else {
        format!("{}: {}", piece.nature, piece.because)
    }
}

/// Returns `text` with a capital at its beginning.
fn capital(text: &str) -> String {
    let mut rest = text.chars();
    match rest.next() {
        Some(first) => first.to_uppercase().chain(rest).collect(),
        None => "Nobody said what this does".to_owned(),
    }
}

fn first_line(text: &str) -> &str {
    let told = |line: &&str| !line.trim().is_empty();
    let code = |line: &&str| !line.trim_start().starts_with('#');
    let mut lines = text.lines().filter(told);
    let first = lines.clone().find(code).or_else(|| lines.next());
    first.unwrap_or_default().trim()
}

/// A comment must not end before it ends, nor hold a line end.
fn no_comment_end(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("-->", "-- >")
}

/// Whether two texts are the same commands: blank lines and spaces at line ends aside.
fn is_same_text(one: &str, other: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.trim_end().to_owned())
            .filter(|line| !line.is_empty())
            .collect()
    };
    lines(one) == lines(other)
}

/// Returns the bytes of the fence's body of the bytes `range` of the piece's command. A line of the
/// command is a line of the body, without its prompt.
fn place_in_body(body: &str, piece: &Piece, range: &Range<usize>) -> Option<Range<usize>> {
    let wanted = piece.command.get(range.clone())?;
    let before = piece.command.get(..range.start)?;
    let number = before.matches('\n').count();
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
    let command_line = piece.command.lines().nth(number)?;
    let own = body.get(piece.range.clone())?;
    let mut start = piece.range.start;
    for (index, line) in own.split_inclusive('\n').enumerate() {
        if index == number {
            let at = start + line.find(command_line)? + column;
            let found = at..at + wanted.len();
            return (body.get(found.clone())? == wanted).then_some(found);
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests;
