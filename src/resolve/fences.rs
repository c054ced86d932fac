//! Fences and checklist items, in document order → steps.

use std::borrow::Cow;
use std::ops::Range;

use super::attributes::{Of, Run, Said};
use super::names::Names;
use super::needs::{self, Need};
use super::{declaration, sections};
use crate::classify::{self, Kind as Nature, language};
use crate::markdown::attributes::{Info, nearest, parse_comment, parse_info};
use crate::markdown::{Document, Fence, Item, SpeaksFor};
use crate::model::{
    Diagnostic, Doubt, Effect, Kind, Runbook, Section, Severity, Span, Step, StepId, Task,
};

/// Returns the runbook that `document` is, and what is wrong or doubtful in it, in document order.
/// `name` is what it is called where nothing in it says: the file's name. Never fails; where a
/// diagnostic is an error, nothing of the runbook may run.
pub fn resolve(document: &Document<'_>, name: &str) -> (Runbook, Vec<Diagnostic>) {
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
        said: Vec::new(),
        drafts: Vec::new(),
        diagnostics,
    };
    resolver.comments();
    resolver.all(declaration.fence);
    let steps = resolver.steps(&title);
    let mut diagnostics = resolver.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    let runbook = Runbook {
        title,
        kind: declaration.kind,
        sections,
        steps,
        inputs: declaration.inputs,
        env: declaration.env,
        cwd: declaration.cwd,
        requires: declaration.requires,
        default_timeout: declaration.default_timeout,
    };
    (runbook, diagnostics)
}

/// A step that has no name yet.
struct Draft {
    said: Said,
    section: usize,
    line: u32,
    body_line: u32,
    span: Span,
    task: Task,
    doubts: Vec<Doubt>,
    ticked: bool,
}

struct Resolver<'r, 'a> {
    document: &'r Document<'a>,
    kind: Kind,
    sections: &'r [Section],
    /// What each section says for its steps, what the sections above it say included.
    said: Vec<Said>,
    drafts: Vec<Draft>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Resolver<'_, 'a> {
    /// Reads the comments that speak for sections, and tells of those that speak for nothing.
    fn comments(&mut self) {
        let mut own: Vec<Vec<usize>> = vec![Vec::new(); self.sections.len()];
        for (index, comment) in self.document.comments.iter().enumerate() {
            match comment.speaks_for {
                SpeaksFor::Section(section) => own[section as usize].push(index),
                SpeaksFor::Fence(_) => {}
                SpeaksFor::Table(_) => self.diagnostics.push(
                    Diagnostic::error(
                        "not-in-this-version",
                        comment.span,
                        "attributes of a table are not in this version",
                    )
                    .way_out("take the comment out"),
                ),
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
        let mut open: Vec<usize> = Vec::new();
        for (index, section) in self.sections.iter().enumerate() {
            open.retain(|above| self.sections[*above].level < section.level);
            let mut said = match open.last() {
                Some(above) => self.said[*above].clone(),
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
            self.said.push(said);
            // What stands before the first heading is no section that others stand in.
            if section.level > 0 {
                open.push(index);
            }
        }
    }

    /// Goes through fences and tasks in document order.
    fn all(&mut self, declaration: Option<usize>) {
        let document = self.document;
        let mut tasks = document
            .items
            .iter()
            .filter(|item| item.ticked.is_some())
            .peekable();
        for (index, fence) in document.fences.iter().enumerate() {
            while let Some(item) = tasks.next_if(|item| item.span.start < fence.span.start) {
                self.task(item);
            }
            if declaration != Some(index) {
                self.fence(index, fence);
            }
        }
        for item in tasks {
            self.task(item);
        }
    }

    fn task(&mut self, item: &Item<'a>) {
        let section = item.section as usize;
        let said = self.said[section].clone();
        if said.run == Run::Never {
            return;
        }
        self.refuse(&said);
        self.drafts.push(Draft {
            said,
            section,
            line: item.line,
            body_line: item.line,
            span: item.span,
            task: Task::ByHand {
                text: item.text.to_string(),
            },
            doubts: Vec::new(),
            ticked: item.ticked == Some(true),
        });
    }

    fn fence(&mut self, index: usize, fence: &Fence) {
        let document = self.document;
        let section = fence.section as usize;
        let info = parse_info(document.text(fence.info), fence.info.start);
        let mut said = self.said[section].clone();
        let mut attributes = Vec::new();
        let mut faults = Vec::new();
        let above = document
            .comments
            .iter()
            .filter(|comment| comment.speaks_for == SpeaksFor::Fence(index));
        for comment in above {
            let body = comment.body;
            let (more, wrong) = parse_comment(document.text(body), body.start);
            attributes.extend(more);
            faults.extend(wrong);
        }
        attributes.extend(info.attributes.iter().cloned());
        faults.extend(info.faults.iter().cloned());
        let known = info.language.and_then(|(word, _)| language::find(word));
        said.read(
            &attributes,
            &faults,
            Of::Fence,
            self.kind,
            &mut self.diagnostics,
        );
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
            self.draft(fence, said, Task::ByHand { text }, Vec::new());
            return;
        }
        let Some(row) = known else {
            self.listing(&info, &said);
            return;
        };
        match row.kind {
            kind if kind.is_command() => {
                self.refuse(&said);
                self.command(fence, row, said);
            }
            Nature::Check | Nature::Sql => {
                let what = if row.kind == Nature::Check {
                    "checks"
                } else {
                    "queries"
                };
                let (_, span) = info.language.unwrap_or(("", fence.info));
                if self.kind == Kind::Declared {
                    let message = format!("`{}` fences ({what}) are not in this version", row.name);
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
            Nature::Output => self.refuse(&said),
            _ => self.listing(&info, &said),
        }
    }

    /// Tells of what stands in the info string outside braces.
    fn rest(&mut self, info: &Info<'a>, known: Option<&language::Row>, said: &mut Said) {
        let Some((rest, span)) = info.rest else {
            return;
        };
        let is_ours = |word: &str| {
            let name = word.split('=').next().unwrap_or_default();
            crate::markdown::attributes::find(name).is_some()
                || word.starts_with('#') && word.len() > 1
        };
        let ours = rest.split_whitespace().find(|word| is_ours(word));
        match (ours, known.is_some_and(|row| row.kind.is_command())) {
            (Some(word), true) => {
                let message = format!("`{word}` stands outside braces, and is not read");
                let way_out = format!("write `{{{rest}}}`");
                let diagnostic = match self.kind {
                    Kind::Declared => Diagnostic::error("attributes", span, message),
                    Kind::Plain => {
                        let because = message.clone();
                        said.doubts.push(Doubt {
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

    fn unclosed(&mut self, fence: &Fence, known: Option<&language::Row>, said: &mut Said) {
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
            said.doubts.push(Doubt {
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
            .push(diagnostic.way_out(format!("end it with a line `{marks}`")));
    }

    /// A fence that is no step.
    fn listing(&mut self, info: &Info<'a>, said: &Said) {
        if let Some((word, span)) = info.language
            && language::find(word).is_none()
        {
            let commands = language::TABLE.iter().filter(|row| row.kind.is_command());
            let tags = commands.flat_map(|row| std::iter::once(&row.name).chain(row.aliases));
            let diagnostic = match nearest(word, tags.copied()) {
                Some(meant) => {
                    let message = format!("unknown language `{word}`: the fence is not a step");
                    let way_out = format!("did you mean `{meant}`?");
                    Diagnostic::warning("unknown-language", span, message).way_out(way_out)
                }
                None => {
                    let message = format!("language `{word}` is not known: the fence is a listing");
                    Diagnostic::hint("unknown-language", span, message)
                }
            };
            self.diagnostics.push(diagnostic);
        }
        self.refuse(said);
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
            // `needs` is refused once it is known to make sense.
            if *name == "needs" {
                continue;
            }
            let diagnostic = refusal(name, *span);
            // A section's word is refused once, not for each of its steps.
            if !self.diagnostics.contains(&diagnostic) {
                self.diagnostics.push(diagnostic);
            }
        }
    }

    fn command(&mut self, fence: &Fence, row: &language::Row, said: Said) {
        let document = self.document;
        let body = document.body(fence);
        if body.trim().is_empty() {
            self.diagnostics.push(Diagnostic::hint(
                "not-a-step",
                Span::new(fence.span.start, fence.info.end),
                "this fence is empty: it is not a step",
            ));
            return;
        }
        let mut doubts = said.doubts.clone();
        let text: Cow<'_, str>;
        if row.kind == Nature::Console {
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
            text = Cow::Owned(session.commands);
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
            text = body;
        }
        let task = Task::Command {
            language: row.language(),
            body: text.into_owned(),
        };
        self.draft(fence, said, task, doubts);
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

    fn draft(&mut self, fence: &Fence, said: Said, task: Task, doubts: Vec<Doubt>) {
        self.drafts.push(Draft {
            said,
            section: fence.section as usize,
            line: fence.line,
            body_line: fence.line + 1,
            span: fence.span,
            task,
            doubts,
            ticked: false,
        });
    }

    /// Gives the drafts their names.
    fn steps(&mut self, runbook_title: &str) -> Vec<Step> {
        let drafts = std::mem::take(&mut self.drafts);
        let explicit = self.explicit_ids(&drafts);
        let mut names = Names::beside(explicit.iter().flatten().map(ToString::to_string));
        let mut steps = Vec::with_capacity(drafts.len());
        let mut needs: Vec<Need> = Vec::new();
        for (index, (draft, explicit)) in drafts.into_iter().zip(explicit).enumerate() {
            let Draft {
                said,
                section,
                line,
                body_line,
                span,
                task,
                doubts,
                ticked,
            } = draft;
            let title = match self.sections[section].title.as_str() {
                "" => runbook_title,
                title => title,
            };
            let id_is_explicit = explicit.is_some();
            let id = explicit.unwrap_or_else(|| names.id(title));
            let title = match &task {
                Task::ByHand { text } if !text.is_empty() && !text.contains('\n') => text.as_str(),
                _ => title,
            };
            needs.extend(said.needs.into_iter().map(|(id, span)| (index, id, span)));
            let because = match said.effect {
                Some(_) => "the document says so",
                None => "nobody said",
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
                tags: said.tags,
                effect: said.effect.unwrap_or(Effect::Unknown),
                because: because.to_owned(),
                doubts,
                on_demand: self.sections[section].on_demand,
                ticked,
                settings: said.settings,
            });
        }
        if needs::check(&steps, &needs, &mut self.diagnostics) {
            for (_, _, span) in &needs {
                let diagnostic = refusal("needs", *span);
                if !self.diagnostics.contains(&diagnostic) {
                    self.diagnostics.push(diagnostic);
                }
            }
        }
        steps
    }

    /// Returns the id that the document gives to each draft; tells of ids that are no ids, and of
    /// those that are given twice.
    fn explicit_ids(&mut self, drafts: &[Draft]) -> Vec<Option<StepId>> {
        let mut given: Vec<(StepId, u32)> = Vec::new();
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
            if let Some((_, line)) = given.iter().find(|(other, _)| *other == id) {
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
            given.push((id.clone(), draft.line));
            ids.push(Some(id));
        }
        ids
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
fn prompt(body: &str, kind: Nature) -> Option<(Range<usize>, &'static str, &'static str)> {
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let place = at..at + line.trim_end().len();
        at += line.len();
        let found = match kind {
            Nature::Shell if line.starts_with("$ ") => (
                "the line begins with the prompt `$ `",
                "take the prompts off, or tag the fence `console`",
            ),
            Nature::Python if line.starts_with(">>> ") => (
                "the line begins with the prompt `>>> `",
                "take the prompts and what was printed off",
            ),
            Nature::Powershell if line.starts_with("PS ") && line.contains("> ") => (
                "the line begins with the prompt of PowerShell",
                "take the prompts and what was printed off",
            ),
            _ => continue,
        };
        return Some((place, found.0, found.1));
    }
    None
}
