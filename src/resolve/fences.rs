//! Fences and checklist items, in document order → steps.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::attributes::{Of, Run, Said};
use super::captures::{self, Scopes};
use super::checks::{self, Pending};
use super::conditions::{self, Stated};
use super::flow::{self, Undoes};
use super::names::Names;
use super::needs::{self, Need};
use super::pieces::{self, Made};
use super::{declaration, forms, sections, starts, tables, templates};
use crate::check::{Gives, Known, Values};
use crate::classify::chores::Chore;
use crate::classify::readings::Readings;
use crate::classify::{self, Kind as Tagged, language};
use crate::markdown::attributes::{Info, nearest, parse_comment, parse_info};
use crate::markdown::{Document, Fence, Item, SpeaksFor};
use crate::model::{
    Check, Circumstances, Diagnostic, Doubt, Effect, Input, Kind, Nature, Offered, Piece, Runbook,
    Section, Severity, Span, Step, StepId, Task,
};

/// Why a manual step has no effect of its own.
const BY_HAND: &str = "a person does it";

/// Returns the runbook that `document` is, and what is wrong or doubtful in it, in document order.
/// `name` is what it is called where nothing in it says: the file's name. Never fails; where a
/// diagnostic is an error, nothing of the runbook may run. `readings` is what the classifier made of
/// it.
pub fn resolve(
    document: &Document<'_>,
    name: &str,
    mut readings: Readings,
) -> (Runbook, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let declaration = declaration::read(document, &mut diagnostics);
    let sections = sections::sections(document);
    let first_heading = sections
        .iter()
        .map(|section| &section.title)
        .find(|title| !title.is_empty());
    let title = declaration
        .title
        .or_else(|| first_heading.cloned())
        .unwrap_or_else(|| name.to_owned());
    let mut resolver = Resolver {
        document,
        kind: declaration.kind,
        sections: &sections,
        readings: &readings,
        above: Vec::new(),
        said: Vec::new(),
        prose_above: pieces::Above::default(),
        drafts: Vec::with_capacity(document.fences.len() + readings.chores.len()),
        pending: Vec::new(),
        diagnostics,
    };
    resolver.comments();
    resolver.all(declaration.fence);
    let mut steps = resolver.steps(&title, &declaration.inputs);
    let mut diagnostics = resolver.diagnostics;
    let kind = declaration.kind;
    let tables = tables::tables(document, &sections, &steps, kind, &mut diagnostics);
    let inputs = &declaration.inputs;
    captures::against_columns(&steps, &tables, &mut diagnostics);
    templates::check(document, inputs, &tables, &mut steps, &mut diagnostics);
    let steps = tables::expand(document, steps, &tables, &mut diagnostics);
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    for step in steps.iter().filter(|it| it.settings.with.is_some()) {
        // What a shell would make of it says nothing of what another interpreter does.
        let mut fences = readings.fences.iter_mut();
        if let Some(reading) = fences.find(|it| it.span == step.span) {
            reading.pieces.clear();
        }
    }
    let forms = match kind {
        Kind::Declared => Vec::new(),
        Kind::Plain => forms::forms(document, &readings.fences),
    };
    let runbook = Runbook {
        title,
        kind: declaration.kind,
        sections,
        steps,
        fences: readings.fences,
        tables,
        forms,
        inputs: declaration.inputs,
        env: declaration.env,
        cwd: declaration.cwd,
        requires: declaration.requires,
        transcript: declaration.transcript,
        default_timeout: declaration.default_timeout,
    };
    (runbook, diagnostics)
}

/// A step that has no name yet.
struct Draft {
    /// Shared: most steps say nothing that their section does not.
    said: Rc<Said>,
    section: usize,
    line: u32,
    body_line: u32,
    span: Span,
    task: Task,
    nature: Nature,
    effect: Effect,
    because: String,
    circumstances: Circumstances,
    /// What its comment calls it; empty for none.
    title: String,
    doubts: Vec<Doubt>,
    ticked: bool,
}

/// What stands outside of fences.
enum ByHand<'r, 'a> {
    /// A task, and its index among the items.
    Task(usize, &'r Item<'a>),
    Chore(&'r Chore),
}

/// Takes what a manual step offers apart; a step that offers nothing has no effect of its own.
fn apart(found: Option<&(Offered, Effect, String)>) -> (Option<Offered>, Effect, String) {
    match found {
        Some((offered, effect, because)) => (Some(offered.clone()), *effect, because.clone()),
        None => (None, Effect::Unknown, BY_HAND.to_owned()),
    }
}

struct Resolver<'r, 'a> {
    document: &'r Document<'a>,
    kind: Kind,
    sections: &'r [Section],
    readings: &'r Readings,
    /// The comments that speak for fences: the fence, then the comment.
    above: Vec<(usize, usize)>,
    /// What each section says for its steps, what the sections above it say included.
    said: Vec<Rc<Said>>,
    /// Where the text above the fence at hand begins.
    prose_above: pieces::Above,
    drafts: Vec<Draft>,
    /// Checks, in document order.
    pending: Vec<Pending>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Resolver<'_, 'a> {
    /// Reads the comments that speak for sections, and tells of those that speak for nothing.
    fn comments(&mut self) {
        let mut own: Vec<Vec<usize>> = vec![Vec::new(); self.sections.len()];
        for (index, comment) in self.document.comments.iter().enumerate() {
            match comment.speaks_for {
                SpeaksFor::Section(section) => own[section as usize].push(index),
                SpeaksFor::Fence(fence) => self.above.push((fence, index)),
                // What it says is read where a step runs through the table.
                SpeaksFor::Table(_) => {}
                SpeaksFor::Nothing => {
                    let message = "this comment speaks for no fence and no section";
                    let diagnostic = match self.kind {
                        Kind::Declared => Diagnostic::error("comment", comment.span, message),
                        Kind::Plain => Diagnostic::warning("comment", comment.span, message),
                    };
                    self.diagnostics.push(
                        diagnostic.way_out("put it right above a fence, or right under a heading"),
                    );
                }
            }
        }
        self.above.sort_unstable();
        let mut open: Vec<usize> = Vec::new();
        for (index, section) in self.sections.iter().enumerate() {
            open.retain(|above| self.sections[*above].level < section.level);
            let mut said = match open.last() {
                Some(above) => Said::clone(&self.said[*above]),
                None => Said::default(),
            };
            for comment in &own[index] {
                let body = self.document.comments[*comment].body;
                let (attributes, faults) = parse_comment(self.document.text(body), body.start);
                said.read(
                    &attributes,
                    &faults,
                    Of::Section,
                    self.kind,
                    &mut self.diagnostics,
                );
            }
            said.of_a_step = None;
            self.said.push(Rc::new(said));
            // What stands before the first heading is no section that others stand in.
            if section.level > 0 {
                open.push(index);
            }
        }
    }

    /// Goes through fences, tasks and chores in document order.
    fn all(&mut self, declaration: Option<usize>) {
        let (document, readings) = (self.document, self.readings);
        let items = document.items.iter().enumerate();
        let tasks = items.filter(|(_, item)| item.ticked.is_some());
        let chores = match self.kind {
            // The author says which items are steps.
            Kind::Declared => &[],
            Kind::Plain => readings.chores.as_slice(),
        };
        let mut by_hand: Vec<(usize, ByHand<'_, 'a>)> = tasks
            .map(|(index, item)| (item.span.start, ByHand::Task(index, item)))
            .chain(chores.iter().map(|it| (it.span.start, ByHand::Chore(it))))
            .collect();
        by_hand.sort_by_key(|(start, _)| *start);
        let mut by_hand = by_hand.into_iter().peekable();
        let mut before = 0;
        for (index, fence) in document.fences.iter().enumerate() {
            while let Some((_, it)) = by_hand.next_if(|(start, _)| *start < fence.span.start) {
                self.by_hand(it);
            }
            self.no_fences(before, fence.span.start);
            before = fence.span.end;
            if declaration != Some(index) {
                self.fence(index, fence);
            }
        }
        self.no_fences(before, document.source.len());
        for (_, it) in by_hand {
            self.by_hand(it);
        }
    }

    /// Tells of lines of prose that were meant to open a fence: by CommonMark a fence of backticks has
    /// none in its first line.
    fn no_fences(&mut self, from: usize, to: usize) {
        let text = match self.kind {
            Kind::Declared => self.document.source.get(from..to).unwrap_or_default(),
            Kind::Plain => return,
        };
        let mut start = from;
        for line in text.split_inclusive('\n') {
            let words = line.trim_start_matches(' ');
            let rest = words.trim_start_matches('`');
            let marks = words.len() - rest.len();
            if marks >= 3 && rest.find('{').is_some_and(|at| rest[at..].contains('`')) {
                let at = start + (line.len() - words.len());
                let span = Span::new(at, at + words.trim_end().len());
                let message =
                    "this opens no fence: a fence of backticks has none in its first line";
                self.diagnostics.push(
                    Diagnostic::error("no-fence", span, message)
                        .way_out(format!("open and close it with {}", "~".repeat(marks))),
                );
            }
            start += line.len();
        }
    }

    fn by_hand(&mut self, it: ByHand<'_, 'a>) {
        match it {
            ByHand::Task(index, item) => self.task(index, item),
            ByHand::Chore(chore) => self.chore(chore),
        }
    }

    fn chore(&mut self, chore: &Chore) {
        let section = chore.section as usize;
        let said = Rc::clone(&self.said[section]);
        if said.run == Run::Never {
            return;
        }
        self.refuse(&said);
        let (offered, effect, because) = apart(chore.offered.as_ref());
        self.drafts.push(Draft {
            said,
            section,
            line: chore.line,
            body_line: chore.line,
            span: chore.span,
            task: Task::ByHand {
                text: chore.text.clone(),
                offered,
            },
            nature: Nature::Command,
            effect,
            because,
            circumstances: Circumstances::default(),
            title: String::new(),
            doubts: Vec::new(),
            ticked: false,
        });
    }

    fn task(&mut self, index: usize, item: &Item<'a>) {
        let section = item.section as usize;
        let said = Rc::clone(&self.said[section]);
        if said.run == Run::Never {
            return;
        }
        self.refuse(&said);
        let (offered, effect, because) = apart(self.readings.offered.get(&index));
        self.drafts.push(Draft {
            said,
            section,
            line: item.line,
            body_line: item.line,
            span: item.span,
            task: Task::ByHand {
                text: item.text.to_string(),
                offered,
            },
            nature: Nature::Command,
            effect,
            because,
            circumstances: Circumstances::default(),
            title: String::new(),
            doubts: Vec::new(),
            ticked: item.ticked == Some(true),
        });
    }

    fn fence(&mut self, index: usize, fence: &Fence) {
        let document = self.document;
        let section = fence.section as usize;
        let info = parse_info(document.text(fence.info), fence.info.start);
        let mut said = Rc::clone(&self.said[section]);
        let mut attributes = Vec::new();
        let mut faults = Vec::new();
        let from = self.above.partition_point(|(fence, _)| *fence < index);
        let above = self.above[from..].iter();
        for (_, comment) in above.take_while(|(fence, _)| *fence == index) {
            let body = document.comments[*comment].body;
            let (more, wrong) = parse_comment(document.text(body), body.start);
            attributes.extend(more);
            faults.extend(wrong);
        }
        attributes.extend(info.attributes.iter().cloned());
        faults.extend(info.faults.iter().cloned());
        let known = info.language.and_then(|(word, _)| language::find(word));
        if !attributes.is_empty() || !faults.is_empty() {
            Rc::make_mut(&mut said).read(
                &attributes,
                &faults,
                Of::Fence,
                self.kind,
                &mut self.diagnostics,
            );
        }
        if said.run == Run::Never {
            return;
        }
        self.rest(&info, known, &mut said);
        if !fence.is_closed {
            self.unclosed(fence, known, &mut said);
        }
        if said.run == Run::Manual {
            self.refuse(&said);
            let text = document.body(fence).trim_end().to_owned();
            let task = Task::ByHand {
                text,
                offered: None,
            };
            let made = Made {
                because: BY_HAND.to_owned(),
                ..Made::default()
            };
            self.draft(fence, said, task, made);
            return;
        }
        if said.settings.file.is_some() {
            self.refuse(&said);
            self.file(fence, &info, known, said);
            return;
        }
        // What another tool gave a name to is one step of that name.
        let is_command = known.is_some_and(|row| row.kind.is_command());
        if self.kind == Kind::Plain && !(is_command && said.id.is_some()) {
            if self.pieces(index, fence, &said) {
                return;
            }
            if is_command {
                self.refuse(&said);
                return;
            }
        }
        if said.settings.with.is_some() {
            self.refuse(&said);
            self.judges_nothing(said.matching.map(|it| ("match", it.1)), &said);
            let language = known.map_or(language::OTHER, language::Row::language);
            let body = document.body(fence).into_owned();
            let task = Task::Command { language, body };
            let because = "nobody said what its interpreter does".to_owned();
            let made = Made {
                because,
                ..Made::default()
            };
            self.draft(fence, said, task, made);
            return;
        }
        let Some(row) = known else {
            self.listing(&info, &said);
            return;
        };
        match row.kind {
            kind if kind.is_command() => {
                self.refuse(&said);
                self.command(index, fence, row, said);
            }
            Tagged::Check if self.kind == Kind::Declared => {
                if let Some((_, span)) = said.matching {
                    let message = "`match` on a script: it says itself what must hold";
                    self.diagnostics.push(
                        Diagnostic::error("check", span, message)
                            .way_out("take it out, or tag the fence `output`"),
                    );
                }
                let check = Check::Script(checks::expression(document, fence));
                self.check(index, fence, check, &said);
            }
            Tagged::Check | Tagged::Sql => {
                let (_, span) = info.language.unwrap_or(("", fence.info));
                if self.kind == Kind::Declared {
                    let message =
                        format!("`{}` fences (queries) are not in this version", row.name);
                    self.diagnostics.push(
                        Diagnostic::error("not-in-this-version", span, message)
                            .way_out("mark the fence `{run=never}`"),
                    );
                } else {
                    let message = format!("a `{}` fence is not a step in this version", row.name);
                    self.diagnostics
                        .push(Diagnostic::hint("not-a-step", span, message));
                }
            }
            Tagged::Output => {
                self.refuse(&said);
                // Without a word of its own it is a sample, as in any manual.
                if said.matching.is_some() || said.judges.is_some() {
                    let matching = said.matching.map(|it| it.0).unwrap_or_default();
                    let check = checks::output(document, fence, matching);
                    self.check(index, fence, check, &said);
                }
            }
            _ => self.listing(&info, &said),
        }
    }

    /// Tells of words that only a check can have, on a fence that is none.
    fn judges_nothing(&mut self, matching: Option<(&'static str, Span)>, said: &Said) {
        let of = said.judges.as_ref().map(|(_, span)| ("of", *span));
        for (name, span) in matching.into_iter().chain(of) {
            let message = format!("`{name}` on a fence that judges nothing");
            let diagnostic = match self.kind {
                Kind::Declared => Diagnostic::error("check", span, message),
                Kind::Plain => Diagnostic::hint("check", span, message),
            };
            self.diagnostics
                .push(diagnostic.way_out("tag the fence `output`, or take the word out"));
        }
    }

    /// A fence that judges a step.
    fn check(&mut self, index: usize, fence: &Fence, check: Check, said: &Said) {
        if self.kind == Kind::Plain {
            return;
        }
        let above = self.drafts.iter().rposition(|draft| {
            draft.section == fence.section as usize && matches!(draft.task, Task::Command { .. })
        });
        self.pending.push(Pending {
            fence: index,
            check,
            above,
            of: said.judges.clone(),
        });
    }

    /// Tells of what stands in the info string outside braces.
    fn rest(&mut self, info: &Info<'a>, known: Option<&language::Row>, said: &mut Rc<Said>) {
        let Some((rest, span)) = info.rest else {
            return;
        };
        let is_ours = |word: &str| {
            let name = word.split('=').next().unwrap_or_default();
            crate::markdown::attributes::find(name).is_some()
                || word.starts_with('#') && word.len() > 1
        };
        let ours = rest.split_whitespace().find(|word| is_ours(word));
        // A file that was meant to be written must not be left out in silence.
        let is_file = self.kind == Kind::Declared && ours.is_some_and(|it| it.starts_with("file="));
        match (
            ours,
            is_file || known.is_some_and(|row| row.kind.is_command()),
        ) {
            (Some(word), true) => {
                let message = format!("`{word}` stands outside braces, and is not read");
                let way_out = format!("write `{{{rest}}}`");
                let diagnostic = match self.kind {
                    Kind::Declared => Diagnostic::error("attributes", span, message),
                    Kind::Plain => {
                        let because = message.clone();
                        Rc::make_mut(said).doubts.push(Doubt {
                            rule: "attributes",
                            because,
                            span,
                        });
                        Diagnostic::warning("attributes", span, message)
                    }
                };
                self.diagnostics.push(diagnostic.way_out(way_out));
            }
            _ => self.diagnostics.push(Diagnostic::hint(
                "foreign-attribute",
                span,
                format!("`{rest}` is not ours, and is not read"),
            )),
        }
    }

    fn unclosed(&mut self, fence: &Fence, known: Option<&language::Row>, said: &mut Rc<Said>) {
        let span = Span::new(fence.span.start, fence.info.end.max(fence.span.start + 1));
        let message = "this fence is not closed: all that follows is taken for its text";
        let is_command = known.is_some_and(|row| row.kind.is_command());
        let diagnostic = if self.kind == Kind::Declared {
            Diagnostic::error("unclosed-fence", span, message)
        } else {
            Diagnostic::warning("unclosed-fence", span, message)
        };
        if is_command {
            let because = "the fence is not closed".to_owned();
            Rc::make_mut(said).doubts.push(Doubt {
                rule: "unclosed-fence",
                because,
                span,
            });
        }
        let marks = self
            .document
            .text(Span::new(fence.span.start, fence.info.start));
        let marks = marks.trim_end();
        self.diagnostics
            .push(diagnostic.way_out(format!("end it with a line of {marks}")));
    }

    /// A fence that is no step.
    fn listing(&mut self, info: &Info<'a>, said: &Said) {
        if let Some((word, span)) = info.language
            && language::find(word).is_none()
        {
            let commands = language::TABLE.iter().filter(|row| row.kind.is_command());
            let tags = commands.flat_map(|row| std::iter::once(&row.name).chain(row.aliases));
            let diagnostic = if let Some(meant) = nearest(word, tags.copied()) {
                let message = format!("unknown language `{word}`: the fence is not a step");
                let way_out = format!("did you mean `{meant}`?");
                // A step that was meant to run must not be left out in silence.
                let of = match self.kind {
                    Kind::Declared => Diagnostic::error,
                    Kind::Plain => Diagnostic::warning,
                };
                of("unknown-language", span, message).way_out(way_out)
            } else {
                let message = format!("language `{word}` is not known: the fence is a listing");
                Diagnostic::hint("unknown-language", span, message)
            };
            self.diagnostics.push(diagnostic);
        }
        self.refuse(said);
        self.judges_nothing(said.matching.map(|it| ("match", it.1)), said);
        if let Some((name, span)) = said.of_a_step
            && self.kind == Kind::Declared
        {
            let message = format!("`{name}` on a fence that is not a step");
            self.diagnostics.push(
                Diagnostic::warning("not-a-step", span, message)
                    .way_out("give the fence a language that is run, `bash` say, or take it out"),
            );
        }
    }

    /// Adds an error for each attribute that this version does not perform.
    fn refuse(&mut self, said: &Said) {
        for (name, span) in &said.refused {
            let diagnostic = refusal(name, *span);
            // A section's word is refused once, not for each of its steps.
            if !self.diagnostics.contains(&diagnostic) {
                self.diagnostics.push(diagnostic);
            }
        }
    }

    /// A fence that is one step as a whole.
    fn command(&mut self, index: usize, fence: &Fence, row: &language::Row, said: Rc<Said>) {
        let document = self.document;
        self.judges_nothing(said.matching.map(|it| ("match", it.1)), &said);
        let body = document.body(fence);
        if body.trim().is_empty() {
            self.diagnostics.push(Diagnostic::hint(
                "not-a-step",
                Span::new(fence.span.start, fence.info.end),
                "this fence is empty: it is not a step",
            ));
            return;
        }
        let mut made = pieces::whole(self.readings.fences.get(index), self.kind);
        let mut doubts = said.doubts.clone();
        doubts.append(&mut made.doubts);
        let text: Cow<'_, str> = if row.kind == Tagged::Console {
            let session = classify::session(&body);
            for (because, range) in &session.doubts {
                self.doubt(
                    &mut doubts,
                    "prompt",
                    because,
                    self.document.place(fence, range.clone()),
                    "begin each command with `$ `, each further line of it with `> `",
                );
            }
            for found in classify::suspicions(&session.commands, row.kind) {
                let place = document.place(fence, session.place(&body, found.range));
                self.doubt(
                    &mut doubts,
                    found.rule,
                    &found.because,
                    place,
                    found.way_out,
                );
            }
            Cow::Owned(session.commands)
        } else {
            if let Some((range, because, way_out)) = prompt(&body, row.kind) {
                self.doubt(
                    &mut doubts,
                    "prompt",
                    because,
                    document.place(fence, range),
                    way_out,
                );
            }
            for found in classify::suspicions(&body, row.kind) {
                let place = document.place(fence, found.range);
                self.doubt(
                    &mut doubts,
                    found.rule,
                    &found.because,
                    place,
                    found.way_out,
                );
            }
            body
        };
        let task = Task::Command {
            language: row.language(),
            body: text.into_owned(),
        };
        made.doubts = doubts;
        self.draft(fence, said, task, made);
    }

    /// A fence whose body becomes a file: nothing in it is run, and so nothing in it is doubtful but
    /// characters that nobody sees.
    fn file(
        &mut self,
        fence: &Fence,
        info: &Info<'a>,
        known: Option<&'static language::Row>,
        mut said: Rc<Said>,
    ) {
        self.judges_nothing(said.matching.map(|it| ("match", it.1)), &said);
        let said_here = Rc::make_mut(&mut said);
        let settings = Arc::make_mut(&mut said_here.settings);
        let path = settings.file.as_ref().map_or("", |it| &it.path).to_owned();
        let span = Span::new(fence.span.start, fence.info.end);
        if path.is_empty() {
            let message = "`mode`, `owner`, `backup`, `parents` and `symlink` speak of a file";
            let way_out = "say which: `file=PATH`";
            self.diagnostics
                .push(Diagnostic::error("attributes", span, message).way_out(way_out));
            return;
        }
        // To write the same once more changes nothing.
        settings.idempotent = true;
        let row = known.or_else(|| language::find("text"));
        let Some(row) = row else {
            return self.listing(info, &said);
        };
        let body = self.document.body(fence);
        let mut doubts = said.doubts.clone();
        let found = classify::suspicions(&body, row.kind).into_iter();
        for found in found.filter(|it| it.rule == "character" && row.kind.is_command()) {
            let place = self.document.place(fence, found.range);
            self.doubt(
                &mut doubts,
                found.rule,
                &found.because,
                place,
                found.way_out,
            );
        }
        let made = Made {
            nature: Nature::File,
            effect: Effect::Changes,
            because: crate::model::writes(&path),
            doubts,
            ..Made::default()
        };
        let task = Task::Command {
            language: row.language(),
            body: body.into_owned(),
        };
        self.draft(fence, said, task, made);
    }

    fn doubt(
        &mut self,
        doubts: &mut Vec<Doubt>,
        rule: &'static str,
        because: &str,
        span: Span,
        way_out: &str,
    ) {
        self.diagnostics.push(
            Diagnostic::warning(rule, span, format!("in doubt, so not run: {because}"))
                .way_out(way_out),
        );
        doubts.push(Doubt {
            rule,
            because: because.to_owned(),
            span,
        });
    }

    fn draft(&mut self, fence: &Fence, said: Rc<Said>, task: Task, made: Made) {
        self.drafts.push(Draft {
            said,
            section: fence.section as usize,
            line: fence.line,
            body_line: fence.line + 1,
            span: fence.span,
            task,
            nature: made.nature,
            effect: made.effect,
            because: made.because,
            circumstances: made.circumstances,
            title: String::new(),
            doubts: made.doubts,
            ticked: false,
        });
    }

    /// Makes the pieces of a fence of a plain document into steps. Returns whether there were any.
    fn pieces(&mut self, index: usize, fence: &Fence, said: &Rc<Said>) -> bool {
        let readings = self.readings;
        let pieces = readings.fences.get(index).map_or(&[][..], |it| &it.pieces);
        let is_step = |it: &&Piece| it.nature.is_step() && it.language.is_some();
        if !pieces.iter().any(|it| is_step(&it)) {
            return false;
        }
        self.refuse(said);
        let mut prose = pieces::prose(self.document, index, &mut self.prose_above);
        for piece in pieces.iter().filter(is_step) {
            let Some(language) = piece.language else {
                continue;
            };
            let mut made = pieces::one(piece);
            made.circumstances.prose = std::mem::take(&mut prose);
            made.doubts.extend(said.doubts.iter().cloned());
            self.drafts.push(Draft {
                said: Rc::clone(said),
                section: fence.section as usize,
                line: piece.line,
                body_line: piece.line,
                span: self.document.place(fence, piece.range.clone()),
                task: Task::Command {
                    language,
                    body: piece.command.clone(),
                },
                nature: made.nature,
                effect: made.effect,
                because: made.because,
                circumstances: made.circumstances,
                title: piece.title.clone(),
                doubts: made.doubts,
                ticked: false,
            });
        }
        true
    }

    /// Gives the drafts their names.
    fn steps(&mut self, runbook_title: &str, inputs: &[Input]) -> Vec<Step> {
        let drafts = std::mem::take(&mut self.drafts);
        let explicit = self.explicit_ids(&drafts);
        let given = explicit.iter().flatten().map(ToString::to_string);
        let mut names = Names::beside(given, drafts.len());
        let mut steps = Vec::with_capacity(drafts.len());
        let mut needs: Vec<Need> = Vec::new();
        let mut undoes: Vec<Undoes> = Vec::new();
        let mut stated: Vec<(usize, Stated)> = Vec::new();
        let mut captures: Vec<captures::Said> = Vec::new();
        for (index, (draft, explicit)) in drafts.into_iter().zip(explicit).enumerate() {
            let Draft {
                said,
                section,
                line,
                body_line,
                span,
                task,
                nature,
                effect,
                because,
                circumstances,
                title: own_title,
                doubts,
                ticked,
            } = draft;
            let title = match self.sections[section].title.as_str() {
                "" => runbook_title,
                title => title,
            };
            let id_is_explicit = explicit.is_some();
            let own_text = match &task {
                Task::ByHand { text, .. } if !text.is_empty() && !text.contains('\n') => Some(text),
                _ => None,
            };
            let id = explicit.unwrap_or_else(|| names.id(own_text.map_or(title, String::as_str)));
            let title = match own_text {
                Some(text) => text.as_str(),
                None if !own_title.is_empty() => own_title.as_str(),
                None => title,
            };
            needs.extend(
                said.needs
                    .iter()
                    .map(|(id, span)| (index, id.clone(), *span)),
            );
            undoes.extend(said.undo_of.iter().map(|(of, span)| Undoes {
                step: index,
                of: of.clone(),
                span: *span,
            }));
            captures.extend(
                said.capture
                    .map(|span| captures::Said { step: index, span }),
            );
            stated.extend(said.conditions.iter().cloned().map(|it| (index, it)));
            let (effect, because) = match said.effect {
                // Which file it is must be seen in any case.
                Some(effect) if said.settings.file.is_some() => (effect, because),
                Some(effect) => (effect, crate::model::SAID.to_owned()),
                None => (effect, because),
            };
            steps.push(Step {
                id,
                id_is_explicit,
                title: names.title(title),
                section,
                line,
                body_line,
                span,
                task,
                nature,
                tags: said.tags.clone(),
                effect,
                because,
                doubts,
                on_demand: self.sections[section].on_demand,
                ticked,
                circumstances,
                settings: Arc::clone(&said.settings),
                checks: Vec::new(),
            });
        }
        needs::check(&mut steps, &needs, &mut self.diagnostics);
        let mut flow = flow::Reader::new(self.kind, &mut self.diagnostics);
        flow.undoes(&mut steps, &undoes);
        flow.servers(&mut steps, &stated);
        let names = inputs.iter().map(|it| it.name.as_str()).collect();
        captures::sources(&mut steps, inputs, &mut self.diagnostics);
        self.judgements(&mut steps, &stated, &names);
        if self.kind == Kind::Declared {
            captures::check(&steps, &captures, inputs, &mut self.diagnostics);
        }
        flow::Reader::new(self.kind, &mut self.diagnostics).contradictions(&mut steps);
        starts::check(self.kind, &mut steps, &mut self.diagnostics);
        steps
    }

    /// Gives the steps their checks and conditions.
    fn judgements(
        &mut self,
        steps: &mut [Step],
        stated: &[(usize, Stated)],
        inputs: &BTreeSet<&str>,
    ) {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() && stated.is_empty() {
            return;
        }
        let nameable = tables::nameable(self.document, self.sections, steps, self.kind);
        let all: BTreeSet<&str> = nameable.all.iter().map(String::as_str).collect();
        let through = nameable.through.iter().map(|(table, names)| {
            let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            (table.as_str(), names)
        });
        let each: Vec<StepId> = steps
            .iter()
            .filter(|step| step.settings.each.is_some())
            .map(|step| step.id.clone())
            .collect();
        let guarding = stated
            .iter()
            .filter(|it| matches!(it.1.name, "if" | "unless"));
        let guarding = guarding.filter_map(|it| it.1.value.trim().strip_prefix('#'));
        let scopes = Scopes::of(steps, &guarding.collect());
        let mut gives = scopes.gives.clone();
        for id in &each {
            let Some(of) = scopes.gives.get(id.as_str()) else {
                continue;
            };
            // A row of a table is called by the id of its step and a dot.
            let is_row = |it: &&String| {
                let rest = it.strip_prefix(id.as_str());
                rest.is_some_and(|it| it.starts_with('.'))
            };
            let rows = nameable.all.iter().filter(is_row);
            gives.extend(rows.map(|it| (it.clone(), of.clone())));
        }
        let judging = Judging {
            document: self.document,
            tables: steps.iter().map(|it| it.settings.each.clone()).collect(),
            scopes: &scopes,
            gives: &gives,
            all: &all,
            through: &through.collect(),
            inputs,
        };
        let kind = self.kind;
        conditions::attach(&judging, kind, steps, stated, &mut self.diagnostics);
        checks::attach(&judging, steps, pending, &mut self.diagnostics);
    }

    /// Returns the id that the document gives to each draft; tells of ids that are no ids, and of
    /// those that are given twice.
    fn explicit_ids(&mut self, drafts: &[Draft]) -> Vec<Option<StepId>> {
        let mut given: BTreeMap<StepId, u32> = BTreeMap::new();
        let mut ids = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let Some((text, span)) = &draft.said.id else {
                ids.push(None);
                continue;
            };
            let severity = match self.kind {
                Kind::Declared => Severity::Error,
                Kind::Plain => Severity::Warning,
            };
            let Some(id) = StepId::new(text) else {
                // Another tool may call its fences as it likes.
                let mut diagnostic =
                    Diagnostic::error("step-id", *span, format!("`{text}` is no id of a step"))
                        .way_out("use letters, digits, `-`, `_` and `.`, no `.` first");
                diagnostic.severity = severity;
                self.diagnostics.push(diagnostic);
                ids.push(None);
                continue;
            };
            if let Some(line) = given.get(&id) {
                self.diagnostics.push(
                    Diagnostic::error(
                        "duplicate-id",
                        *span,
                        format!("two steps are called `{id}`"),
                    )
                    .label(format!("the first stands on line {line}"))
                    .way_out("give one of them another id"),
                );
                ids.push(None);
                continue;
            }
            given.insert(id.clone(), draft.line);
            ids.push(Some(id));
        }
        ids
    }
}

/// What expressions are compiled with.
pub(super) struct Judging<'j, 'a> {
    pub(super) document: &'j Document<'a>,
    // The table that each step runs through.
    tables: Vec<Option<String>>,
    scopes: &'j Scopes,
    gives: &'j BTreeMap<String, Gives>,
    all: &'j BTreeSet<&'j str>,
    through: &'j BTreeMap<&'j str, BTreeSet<&'j str>>,
    inputs: &'j BTreeSet<&'j str>,
}

impl Judging<'_, '_> {
    /// Returns what `compile` makes of an expression of the step at `at`; `after` it has run, what it
    /// gives is known too.
    pub(super) fn faults<T>(
        &self,
        at: Option<usize>,
        after: bool,
        compile: impl FnOnce(&Known<'_>) -> T,
    ) -> T {
        let values = at.map_or_else(Values::default, |at| self.scopes.at(at, after));
        let table = at.and_then(|at| self.tables.get(at)?.as_deref());
        compile(&Known {
            steps: table
                .and_then(|it| self.through.get(it))
                .unwrap_or(self.all),
            inputs: self.inputs,
            values: &values,
            gives: self.gives,
            has_step: after,
        })
    }
}

fn refusal(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        "not-in-this-version",
        span,
        format!("attribute `{name}` is not in this version"),
    )
    .way_out("take it out, or mark the fence `run=never`")
}

/// Finds the prompt that a fence of commands begins its lines with.
fn prompt(body: &str, kind: Tagged) -> Option<(Range<usize>, &'static str, &'static str)> {
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let place = at..at + line.trim_end().len();
        at += line.len();
        let found = match kind {
            Tagged::Shell if line.starts_with("$ ") => (
                "the line begins with the prompt `$ `",
                "take the prompts off, or tag the fence `console`",
            ),
            Tagged::Python if line.starts_with(">>> ") => (
                "the line begins with the prompt `>>> `",
                "take the prompts and what was printed off",
            ),
            Tagged::Powershell if line.starts_with("PS ") && line.contains("> ") => (
                "the line begins with the prompt of PowerShell",
                "take the prompts and what was printed off",
            ),
            _ => continue,
        };
        return Some((place, found.0, found.1));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::super::testing::read_and_resolve;
    use crate::markdown::line_of;
    use crate::model::{Severity, Task};

    // What is said, without what is not.
    fn told(settings: &crate::model::Settings) -> serde_json::Value {
        let mut told = serde_json::to_value(settings).unwrap();
        let said = |it: &serde_json::Value| {
            let nothing = [json!(null), json!(false), json!([]), json!(0)];
            !nothing.contains(it)
        };
        told.as_object_mut().unwrap().retain(|_, it| said(it));
        told
    }

    /// The runbook and its diagnostics, a line each.
    fn check(source: &str) -> String {
        let (runbook, diagnostics) = read_and_resolve(source, "file");
        let mut text = format!("{:?} {:?}\n", runbook.kind, runbook.title);
        for step in &runbook.steps {
            let (language, body) = match &step.task {
                Task::Command { language, body } => (language.0, body),
                Task::ByHand { text, .. } => ("by hand", text),
            };
            let derived = if step.id_is_explicit { "" } else { "~" };
            write!(
                text,
                "{derived}{} {:?} {}:{} {language} {body:?} {}",
                step.id, step.title, step.line, step.body_line, step.effect
            )
            .unwrap();
            for (is_so, word) in [(step.on_demand, " on demand"), (step.ticked, " ticked")] {
                text.push_str(if is_so { word } else { "" });
            }
            for tag in &step.tags {
                write!(text, " .{tag}").unwrap();
            }
            if *step.settings != crate::model::Settings::default() {
                write!(text, " {}", told(&step.settings)).unwrap();
            }
            for doubt in &step.doubts {
                write!(
                    text,
                    " doubt {} {:?}",
                    doubt.rule,
                    &source[doubt.span.start..doubt.span.end]
                )
                .unwrap();
            }
            text.push('\n');
        }
        for diagnostic in &diagnostics {
            let mark = match diagnostic.severity {
                Severity::Error => "!",
                Severity::Warning => "?",
                Severity::Hint => "-",
            };
            let place = diagnostic.span;
            let marked = source[place.start..place.end]
                .lines()
                .next()
                .unwrap_or_default();
            let way_out = diagnostic.way_out.as_deref().unwrap_or("-");
            let label = if diagnostic.label.is_empty() {
                String::new()
            } else {
                format!(" [{}]", diagnostic.label)
            };
            writeln!(
                text,
                "{mark} {}: {}: {}{label} @ {marked:?} → {way_out}",
                line_of(source, place.start),
                diagnostic.rule,
                diagnostic.message
            )
            .unwrap();
        }
        text
    }

    const DECLARED: &str = "---\nrunbook: 1\n---\n";

    fn declared(rest: &str) -> String {
        check(&format!("{DECLARED}{rest}"))
    }

    #[test]
    fn a_plain_document_gives_steps_by_language_and_checklist() {
        let source = "# Guía\n```bash\nls\n```\n```python\nx\n```\n```\nno\n```\n```json\n{}\n```\n```sql\nselect\n```\n```mermaid\n```\n- [ ] mirar `x`\n- [x] visto\n\n## Vuelta atrás\n\n1. a\n\n   ```sh\n   b\n   ```\n";
        insta::assert_snapshot!(check(source), @r#"
        Plain "Guía"
        ~guia "Guía" 3:3 bash "ls" reads
        ~guia-2 "Guía (2)" 15:15 bash "select" unknown doubt unreadable "select" doubt tag "select"
        ~mirar-x "mirar x" 19:19 by hand "mirar x" unknown
        ~visto "visto" 20:20 by hand "visto" unknown ticked
        ~vuelta-atras "Vuelta atrás" 27:27 sh "b" unknown on demand
        "#);
    }

    #[test]
    fn front_matter_declares_and_a_visible_fence_does_too() {
        let source = "---\nrunbook: 1\ntitle: T\ninputs:\n  v: { description: d, default: 1.10, choices: [1.10, b], required: false, type: string }\n  w:\nenv: { TZ: UTC, N: 010 }\ndefaults: { timeout: 10m }\nrequires: [docker, psql]\ncwd: sub\n---\n";
        let (runbook, diagnostics) = read_and_resolve(source, "file");
        assert_eq!(diagnostics, []);
        insta::assert_snapshot!(
            format!("{:?}\n{:?}\n{:?} {:?} {:?}", runbook.inputs, runbook.env, runbook.cwd, runbook.requires, runbook.default_timeout),
            @r#"
        [Input { name: "v", kind: Choice, description: Some("d"), default: Some("1.10"), choices: ["1.10", "b"], pattern: None, min: None, max: None, required: false, from: None, short: false, span: Span { start: 34, end: 35 } }, Input { name: "w", kind: String, description: None, default: None, choices: [], pattern: None, min: None, max: None, required: true, from: None, short: false, span: Span { start: 124, end: 125 } }]
        [("TZ", "UTC"), ("N", "010")]
        Some("sub") ["docker", "psql"] Some(600s)
        "#
        );
        let toml = "+++\nrunbook = 1\ntitle = \"T\"\n[defaults]\ntimeout = \"10m\"\n+++\n";
        assert_eq!(check(toml), "Declared \"T\"\n");
        let fence = "# A\n> ```yaml {runbook}\n> runbook: 1\n> title: T\n> tittle: x\n> ```\n";
        insta::assert_snapshot!(check(fence), @r##"
        Declared "T"
        ! 5: unknown-key: unknown key `tittle` @ "tittle" → did you mean `title`?
        "##);
    }

    #[test]
    fn front_matter_that_is_wrong_is_told_where() {
        let shown = [
            "---\nrunbook: 2\n---\n",
            "---\nrunbook: yes\n---\n",
            "---\na: [\n---\n",
            "---\r\nrunbook: 1\r\ntargets: {}\r\ninputs:\r\n  p: { secret: true, patern: x }\r\n  RUNBOOK_X: {}\r\n  a-b: {}\r\n  n: { type: number, default: z, choices: [a] }\r\nenv: []\r\nlayout: x\r\ninput: {}\r\n---\r\n",
            "---\nrunbok: 1\nlayout: x\nenv: {}\n---\n",
            "---\nrunbook: 1\n---\n```yaml {runbook}\nrunbook: 1\n```\n",
            "---\nrunbook: 1\ninputs:\n  a: { type: numbr, pattern: '(', min: x }\n  b: { type: number, min: 3, max: 1, pattern: x }\n  c: { type: choice }\n  d: { type: bool, choices: [a], default: maybe }\n  e: { type: secret }\n  f: { default: '{{ g }}-{{ d | uper }}' }\n  g: { type: list, choices: [x], default: [x, z] }\n  h: { default: '{{ a' }\n---\n",
        ]
        .map(check)
        .join("--\n");
        insta::assert_snapshot!(shown, @r#"
        Declared "file"
        ! 2: not-in-this-version: `runbook: 2` is not in this version @ "2" → write `runbook: 1`
        --
        Declared "file"
        ! 2: not-in-this-version: `runbook: yes` names no version of the format @ "yes" → write `runbook: 1`
        --
        Plain "file"
        ! 2: front-matter: this YAML does not parse: unclosed bracket '[' @ "[" → mend it; text with `:`, `#` or `{` in it wants quotes
        --
        Declared "file"
        ! 3: not-in-this-version: `targets` is not in this version @ "targets" → take it out
        ! 5: unknown-key: unknown key `patern` @ "patern" → did you mean `pattern`?
        ! 6: variable-name: `RUNBOOK_X`: names that begin with `RUNBOOK_` are ours @ "RUNBOOK_X" → take another name
        ! 7: variable-name: `a-b` is no name of a variable @ "a-b" → use letters, digits and `_`, no digit first
        ! 8: front-matter-value: `n` cannot have the default `z` @ "z" → it is a number, `3` or `0.5`
        ! 8: front-matter-value: `n` is a number with choices @ "choices" → take `type` out, or the choices
        ! 9: front-matter-value: `env` wants names and values @ "[" → write `env: { TZ: UTC }`
        ? 10: foreign-key: key `layout` is not ours, and is not read @ "layout" → leave it, if another tool reads it
        ! 11: unknown-key: unknown key `input` @ "input" → did you mean `inputs`?
        --
        Plain "file"
        ? 2: unknown-key: unknown key `runbok`: this document is not declared a runbook @ "runbok" → did you mean `runbook: 1`?
        - 3: foreign-key: key `layout` is not ours, and is not read @ "layout" → -
        - 4: foreign-key: `env` is read in declared runbooks only @ "env" → add `runbook: 1`, if it is meant for this tool
        --
        Declared "file"
        ! 4: declared-twice: this runbook is declared twice [the first stands on line 1] @ "yaml {runbook}" → put both into one
        --
        Declared "file"
        ! 4: front-matter-value: `numbr` is no type of an input @ "numbr" → did you mean `number`?
        ! 4: front-matter-value: `(` is no pattern: unclosed group @ "'('" → write a regular expression, or take it out
        ! 4: front-matter-value: `min` wants a number @ "x" → write `min: 3`
        ! 5: front-matter-value: `b` can have no value: min 3 is above max 1 @ "max" → make one of them another
        ! 5: front-matter-value: `pattern` says nothing of a number @ "pattern" → take it out
        ! 6: front-matter-value: `c` is a choice without choices @ "choice" → add `choices: [blue, green]`
        ! 7: front-matter-value: `d` is a bool with choices @ "choices" → take `type` out, or the choices
        ! 7: front-matter-value: `d` cannot have the default `maybe` @ "maybe" → it is `true` or `false`, `yes` or `no`
        ! 9: template-name: the default of `f`: no value is called `g` @ "'{{ g }}-{{ d | uper }}'" → name an input above it
        ! 9: template: the default of `f`: no filter is called `uper` @ "'{{ g }}-{{ d | uper }}'" → did you mean `upper`?
        ! 10: front-matter-value: `g` cannot have the default `x, z` @ "[" → each item is one of: x
        ! 11: template: the default of `h`: this template does not parse: unexpected end of input, expected end of variable block @ "'{{ a'" → `{% raw %}…{% endraw %}` keeps braces as they are
        "#);
    }

    #[test]
    fn attributes_are_obeyed_in_every_form() {
        let source = "# A\n<!-- runbook: timeout=5m .all env=\"A=1 B=2\" -->\n\n```bash {#x .one cwd=\"a b\" effect=reads confirm=\"Really?\" idempotent exit=0,3 env=\"B=3\"}\na\n```\n<!-- runbook:\nname: y\ntimeout: 1h\n-->\n```sh\nb\n```\n```sh {\"name\":\"z\",\"interactive\":\"false\"}\nc\n```\n```sh {run=never on=x}\n```\n```text {run=manual}\nask Bob\n```\n## B\n```sh {timeout=1s}\nd\n```\n";
        insta::assert_snapshot!(declared(source), @r#"
        Declared "A"
        x "A" 7:8 bash "a\n" reads .all .one {"confirm":"Really?","cwd":"a b","env":[["A","1"],["B","3"]],"exit":[0,3],"idempotent":true,"timeout":{"nanos":0,"secs":300}}
        y "A (2)" 14:15 sh "b\n" unknown .all {"env":[["A","1"],["B","2"]],"timeout":{"nanos":0,"secs":3600}}
        z "A (3)" 17:18 sh "c\n" unknown .all {"env":[["A","1"],["B","2"]],"timeout":{"nanos":0,"secs":300}}
        ~ask-bob "ask Bob" 22:23 by hand "ask Bob" unknown .all {"env":[["A","1"],["B","2"]],"timeout":{"nanos":0,"secs":300}}
        ~b "B" 26:27 sh "d\n" unknown .all {"env":[["A","1"],["B","2"]],"timeout":{"nanos":0,"secs":1}}
        "#);
    }

    #[test]
    fn what_is_not_ours_is_an_error_here_and_a_hint_elsewhere() {
        let source = "```bash {timout=5m linenums=1}\na\n```\n```bash title=\"x\"\nb\n```\n```bash timeout=5m\nc\n```\n```bsh\nd\n```\n```klingon\ne\n```\n```bash {timeout=30 run=maybe exit=300 idempotent=x cwd}\nf\n```\n```bash {#a\ng\n```\n```text {#t}\n```\n";
        insta::assert_snapshot!(declared(source), @r##"
        Declared "file"
        ~file "file" 4:5 bash "a\n" unknown
        ~file-2 "file (2)" 7:8 bash "b\n" unknown
        ~file-3 "file (3)" 10:11 bash "c\n" unknown
        ~file-4 "file (4)" 19:20 bash "f\n" unknown
        ~file-5 "file (5)" 22:23 bash "g\n" unknown
        ! 4: unknown-attribute: unknown attribute `timout` @ "timout=5m" → did you mean `timeout`?
        ! 4: unknown-attribute: unknown attribute `linenums` @ "linenums=1" → known are `id`, `tag`, `run`, `needs`, `if`, `unless`, `timeout`, `retries`, `every`, `until`, `cwd`, `env`, `user`, `stdin`, `interactive`, `background`, `ready`, `stop-at`, `with`, `effect`, `confirm`, `idempotent`, `capture`, `secret`, `output`, `undo-of`, `always`, `allow-fail`, `exit`, `file`, `mode`, `owner`, `backup`, `parents`, `symlink`, `each`, `template`, `match`, `of`, `record`
        - 7: foreign-attribute: `title="x"` is not ours, and is not read @ "title=\"x\"" → -
        ! 10: attributes: `timeout=5m` stands outside braces, and is not read @ "timeout=5m" → write `{timeout=5m}`
        ! 13: unknown-language: unknown language `bsh`: the fence is not a step @ "bsh" → did you mean `bash`?
        - 16: unknown-language: language `klingon` is not known: the fence is a listing @ "klingon" → -
        ! 19: attribute-value: `timeout` wants a duration with its unit, not `30` @ "timeout=30" → write `timeout=5m`
        ! 19: attribute-value: `maybe` is none of never, manual, auto @ "run=maybe" → write `run=never`
        ! 19: attribute-value: `exit` wants exit codes from 0 to 255, not `300` @ "exit=300" → write `exit=0,3`
        ! 19: attribute-value: `idempotent` wants no value, not `x` @ "idempotent=x" → write `idempotent`
        ! 19: attribute-value: `cwd` wants a value @ "cwd" → write `cwd=…`
        ! 22: attributes: the braces of these attributes are not closed @ "{#a" → close them with `}`, and every quoted value with its quote
        ? 25: not-a-step: `id` on a fence that is not a step @ "#t" → give the fence a language that is run, `bash` say, or take it out
        "##);
        insta::assert_snapshot!(check(source), @r#"
        Plain "file"
        ~file "file" 2:2 bash "a" unknown doubt unknown-attribute "timout=5m"
        ~file-2 "file (2)" 5:5 bash "b" unknown
        ~file-3 "file (3)" 8:8 bash "c" unknown doubt attributes "timeout=5m"
        ~file-4 "file (4)" 17:17 bash "f" unknown doubt attribute-value "timeout=30" doubt attribute-value "run=maybe" doubt attribute-value "exit=300" doubt attribute-value "idempotent=x" doubt attribute-value "cwd"
        ~file-5 "file (5)" 20:20 bash "g" unknown doubt attributes "{#a"
        ? 1: unknown-attribute: unknown attribute `timout` @ "timout=5m" → did you mean `timeout`?
        - 1: foreign-attribute: attribute `linenums` is not ours, and is not read @ "linenums=1" → -
        - 4: foreign-attribute: `title="x"` is not ours, and is not read @ "title=\"x\"" → -
        ? 7: attributes: `timeout=5m` stands outside braces, and is not read @ "timeout=5m" → write `{timeout=5m}`
        ? 10: unknown-language: unknown language `bsh`: the fence is not a step @ "bsh" → did you mean `bash`?
        - 13: unknown-language: language `klingon` is not known: the fence is a listing @ "klingon" → -
        ? 16: attribute-value: `timeout` wants a duration with its unit, not `30` @ "timeout=30" → write `timeout=5m`
        ? 16: attribute-value: `maybe` is none of never, manual, auto @ "run=maybe" → write `run=never`
        ? 16: attribute-value: `exit` wants exit codes from 0 to 255, not `300` @ "exit=300" → write `exit=0,3`
        ? 16: attribute-value: `idempotent` wants no value, not `x` @ "idempotent=x" → write `idempotent`
        ? 16: attribute-value: `cwd` wants a value @ "cwd" → write `cwd=…`
        ? 19: attributes: the braces of these attributes are not closed @ "{#a" → close them with `}`, and every quoted value with its quote
        "#);
    }

    #[test]
    fn what_this_version_does_not_perform_is_refused() {
        let source = "```bash {retries=3 background if=\"a\" preview=x interactive=false}\na\n```\n```rhai\nassert(x)\n```\n```psql\nselect\n```\n```output\nsample\n```\n```output {match=lines}\nx\n```\n```yaml {file=a.yml}\nx\n```\n```sql {run=never}\n```\n<!-- runbook: #hosts -->\n| a |\n|---|\n\n# S\n<!-- runbook: on=web -->\n\n```sh\nb\n```\n```sh\nc\n```\n";
        insta::assert_snapshot!(declared(source), @r#"
        Declared "S"
        ~s "S" 4:5 bash "a\n" unknown {"background":{"ready":null,"stays":false},"only_if":{"holds":{"line":4,"source":"a","span":{"end":54,"start":53}}},"retries":3}
        ~s-2 "S (2)" 19:20 yaml "x\n" changes {"file":{"path":"a.yml"},"idempotent":true}
        ~s-3 "S (3)" 31:32 sh "b\n" unknown
        ~s-4 "S (4)" 34:35 sh "c\n" unknown
        ! 4: flow: `s` is a server: it is not tried again @ "```bash {retries=3 background if=\"a\" preview=x interactive=false}" → take `retries` and `until` out
        ! 4: expression: unknown variable `a` @ "a" → there are `step`, `steps`, `inputs`, `values`, `run`; others begin with `let`
        ! 4: not-in-this-version: attribute `preview` is not in this version @ "preview=x" → take it out, or mark the fence `run=never`
        ! 8: expression: unknown variable `x` @ "x" → there are `step`, `steps`, `inputs`, `values`, `run`; others begin with `let`
        ! 10: not-in-this-version: `psql` fences (queries) are not in this version @ "psql" → mark the fence `{run=never}`
        ! 29: not-in-this-version: attribute `on` is not in this version @ "on=web" → take it out, or mark the fence `run=never`
        "#);
    }

    #[test]
    fn needs_that_cannot_be_met_are_told_with_their_places() {
        let source = "# S\n```sh {#a needs=b}\n1\n```\n```sh {#b needs=\"c, s\"}\n2\n```\n```sh {#c needs=#a}\n3\n```\n```sh {#d needs=d}\n4\n```\n```sh {#e needs=aa}\n5\n```\n```sh\n6\n```\n";
        insta::assert_snapshot!(declared(source), @r#"
        Declared "S"
        a "S" 5:6 sh "1\n" unknown {}
        b "S (2)" 8:9 sh "2\n" unknown {}
        c "S (3)" 11:12 sh "3\n" unknown {}
        d "S (4)" 14:15 sh "4\n" unknown {}
        e "S (5)" 17:18 sh "5\n" unknown {}
        ~s "S (6)" 20:21 sh "6\n" unknown
        ! 8: needs: `needs` wants an id that the document gives; `s` is derived @ "needs=\"c, s\"" → write `{#s}` on the fence of line 20
        ! 11: needs: these steps need one another in a circle [`a` (line 5) needs `b` (line 8) needs `c` (line 11) needs `a`] @ "needs=#a" → take one of them out
        ! 14: needs: step `d` needs itself @ "needs=d" → take it out of `needs`
        ! 17: needs: no step is called `aa` @ "needs=aa" → name a step by its `#id`
        "#);
        insta::assert_snapshot!(declared("```sh {#a}\n1\n```\n```sh {#b needs=a}\n2\n```\n"), @r#"
        Declared "file"
        a "file" 4:5 sh "1\n" unknown
        b "file (2)" 7:8 sh "2\n" unknown {"needs":["a"]}
        "#);
    }

    #[test]
    fn ids_are_unique_and_explicit_ones_win() {
        let source = "# Logs\n```sh\n1\n```\n```sh {#logs}\n2\n```\n```sh {#logs}\n3\n```\n```sh {#.x}\n4\n```\n```sh {#año}\n5\n```\n";
        insta::assert_snapshot!(declared(source), @r##"
        Declared "Logs"
        ~logs-2 "Logs" 5:6 sh "1\n" unknown
        logs "Logs (2)" 8:9 sh "2\n" unknown
        ~logs-3 "Logs (3)" 11:12 sh "3\n" unknown
        ~logs-4 "Logs (4)" 14:15 sh "4\n" unknown
        año "Logs (5)" 17:18 sh "5\n" unknown
        ! 11: duplicate-id: two steps are called `logs` [the first stands on line 8] @ "#logs" → give one of them another id
        ! 14: step-id: `.x` is no id of a step @ "#.x" → use letters, digits, `-`, `_` and `.`, no `.` first
        "##);
    }

    #[test]
    fn doubts_know_their_place_in_quotes_lists_and_sessions() {
        let source = "\u{feff}- > ```console\r\n  > $ ssh <HOST>\r\n  > out <X>\r\n  > ```\r\n\r\n```sh\r\n$ ls\r\n```\r\n\r\n```console\r\nls\r\n```\r\n\r\n```bash\r\nls\u{a0}x\r\n";
        insta::assert_snapshot!(check(source), @r#"
        Plain "file"
        ~file "file" 2:2 bash "ssh <HOST>" unknown doubt leaves-machine "$ ssh <HOST>\r\n  > out <X>" doubt interactive "ssh <HOST>" doubt placeholder "<HOST>"
        ~file-2 "file (2)" 7:7 sh "ls" reads
        ~file-3 "file (3)" 11:11 bash "ls" reads
        ~file-4 "file (4)" 15:15 bash "ls\u{a0}x" unknown doubt character "\u{a0}" doubt unclosed-fence "```bash"
        ? 14: unclosed-fence: this fence is not closed: all that follows is taken for its text @ "```bash" → end it with a line of ```
        "#);
    }

    #[test]
    fn comments_that_speak_for_nothing_are_told() {
        let source =
            "<!-- runbook: timeout=5m -->\n\ntext\n\n# A\n<!-- runbook: #x timeout=1m -->\n";
        insta::assert_snapshot!(declared(source), @r##"
        Declared "A"
        ! 4: comment: this comment speaks for no fence and no section @ "<!-- runbook: timeout=5m -->" → put it right above a fence, or right under a heading
        ! 9: attributes: `id` is said of a step, not of a section @ "#x" → put it on the fence, or into a comment right above the fence
        "##);
    }

    proptest::proptest! {
        #[test]
        fn any_document_is_resolved_without_a_panic(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "---\nrunbook: 1\n", "---\n", "inputs: {a: {}}\n", "# A\n", "```bash {#a needs=b}\n", "```\n",
                "```console\n", "$ a <X>\n", "> b\n", "- [ ] x\n", "<!-- runbook: timeout=1m -->\n", "ñ\u{a0}\n", "```yaml {runbook}\n",
                "runbook: 1\n", "  ", "> ", "\r\n", "```sh {#b needs=a}\n", "\"", "{", "x: [\n",
            ]), 0..25)
        ) {
            check(&parts.concat());
        }
    }
}
