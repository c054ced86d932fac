//! `transcript.md`: the journal of a run, told to a person. Deterministic: the same events, outputs
//! and head give the same bytes; there is nothing in it that the journal does not say.
//!
//! Whatever stands in a title, a note or an output, it stays where it was put: inline text is escaped,
//! and what a step printed stands in a fence longer than any run of backticks in it.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::clean::{block, inline};
use super::console::chosen;
use super::excerpt::{Excerpt, Measure, excerpt};
use super::story::{Attempt, Chapter, End, Session, Story};
use super::{Outputs, words};
use crate::event::{AttemptExited, Event, EventKind, Operator, Output, RunOpened};

/// How much of an attempt's output is shown; the log has the rest.
const SHOWN: Measure = Measure {
    head: 100,
    tail: 100,
    bytes: 32 * 1024,
};

/// The head of the chain when the transcript was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The last event's number.
    pub seq: u64,
    /// The hash of its line, hexadecimal.
    pub hash: String,
}

/// Writes the transcript of a run.
///
/// A log that cannot be read is said in its place; the transcript goes on.
///
/// # Errors
/// When the writer fails.
pub fn transcript(
    out: &mut dyn Write,
    events: &[Event],
    outputs: &dyn Outputs,
    head: &Head,
) -> io::Result<()> {
    let story = Story::of(events);
    let mut page = Page::default();
    page.summary(&story);
    if let Some(opened) = &story.opened {
        page.inputs(opened);
        page.overview(&story);
        for (place, chapter) in story.steps.iter().enumerate() {
            page.chapter(place + 1, chapter, &story, outputs);
            // Page by page: a run of many steps is never whole in memory.
            out.write_all(std::mem::take(&mut page.text).as_bytes())?;
        }
        page.left_out(opened);
    }
    page.record(events);
    page.versions(&story);
    page.text.push_str(&evidence(head));
    out.write_all(page.text.as_bytes())?;
    out.flush()
}

/// Markdown, while it is written.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, level: usize, text: &str) {
        let marks = "#".repeat(level);
        if !self.text.is_empty() || level > 1 {
            self.text.push('\n');
        }
        self.line(&format!("{marks} {text}"));
        self.text.push('\n');
    }

    /// Writes an item; `value` is Markdown.
    fn item(&mut self, label: &str, value: &str) {
        self.line(&format!("- **{label}:** {value}"));
    }

    fn fence(&mut self, info: &str, text: &str) {
        self.text.push_str(&fenced(info, text));
    }

    fn summary(&mut self, story: &Story) {
        let title = story.opened.as_ref().map_or("", |opened| &opened.title);
        self.heading(
            1,
            &escape(if title.trim().is_empty() {
                "Untitled"
            } else {
                title
            }),
        );
        let (mark, _, word) = words::result(story);
        self.item(
            "Result",
            &format!("{mark} {word} ({})", story.tally().told("running")),
        );
        if let Some(closed) = &story.closed {
            if let Some(by) = &closed.by {
                let when = escape(&words::time(&closed.wall));
                self.item("Closed by", &format!("{}, {when}", escape(by)));
            }
            if let Some(reason) = &closed.reason {
                self.item("Closed because", &escape(reason));
            }
        }
        let Some(opened) = &story.opened else { return };
        self.item("Run", &code(&opened.run));
        let kind = if opened.declared {
            "a declared runbook"
        } else {
            "a plain document"
        };
        let file = if opened.file == "-" {
            "standard input"
        } else {
            &opened.file
        };
        self.item("Runbook", &format!("{}, {kind}", code(file)));
        self.item(
            "Snapshot",
            &format!(
                "{}, SHA-256 {}",
                code(story.snapshot()),
                code(&opened.snapshot)
            ),
        );
        for (label, value) in chosen(&opened.request) {
            let mut label = label.to_owned();
            label[..1].make_ascii_uppercase();
            self.item(&label, &escape(&value));
        }
        self.item("Folder", &code(&opened.cwd));
        for (i, session) in story.sessions.iter().enumerate() {
            let before = i
                .checked_sub(1)
                .and_then(|before| story.sessions.get(before));
            self.session(session, before);
        }
        if let Some(reason) = &opened.reason {
            self.item("Reason", &escape(reason));
        }
        self.item("Last event", &escape(&words::time(&story.last)));
        if let Some(before) = &opened.before {
            let what = format!("{}, head {}", code(&before.run), code(&before.head));
            self.item("Run before of the same document", &what);
        }
    }

    fn session(&mut self, session: &Session, before: Option<&Session>) {
        let (when, who) = (
            escape(&words::time(&session.wall)),
            whole_person(&session.operator),
        );
        let Some(before) = before else {
            return self.item("Started", &format!("{when} by {who}"));
        };
        let over = if whole_person(&before.operator) == who {
            ""
        } else {
            ", who took over"
        };
        let survived = session.survived.as_deref().unwrap_or_default();
        let mut line = format!(
            "{when} by {who}{over}; what had survived: {}",
            escape(survived)
        );
        if session.file_changed {
            line.push_str("; the document had changed since: the snapshot was run");
        }
        self.item("Resumed", &line);
    }

    fn inputs(&mut self, opened: &RunOpened) {
        if opened.inputs.is_empty() {
            return;
        }
        self.heading(2, "Inputs");
        for input in &opened.inputs {
            let (name, value) = (code(&input.name), code(&input.value));
            self.line(&format!(
                "- {name} = {value} (from {})",
                escape(&input.source)
            ));
        }
    }

    fn overview(&mut self, story: &Story) {
        self.heading(2, "Steps");
        self.line("| # | step | id | result | attempts | time |");
        self.line("| ---: | --- | --- | --- | ---: | ---: |");
        for (i, chapter) in story.steps.iter().enumerate() {
            let (mark, _, word) = words::standing(chapter.standing);
            let time = chapter.exited().map(|exited| words::duration(took(exited)));
            let row = format!(
                "| {} | {} | {} | {mark} {word} | {} | {} |",
                i + 1,
                escape(&chapter.planned.title),
                escape(chapter.planned.id.as_str()),
                chapter.attempts.len(),
                time.unwrap_or_default(),
            );
            self.line(&row);
        }
    }

    fn chapter(&mut self, number: usize, chapter: &Chapter, story: &Story, outputs: &dyn Outputs) {
        let planned = &chapter.planned;
        let (mark, _, word) = words::standing(chapter.standing);
        self.heading(2, &format!("{number}. {}", escape(&planned.title)));
        self.item("Result", &format!("{mark} {word}"));
        if let Some(because) = &chapter.because {
            self.item("Because", &escape(because));
        }
        self.item(
            "Step",
            &format!("{}, line {}", code(planned.id.as_str()), planned.line),
        );
        if !planned.section.is_empty() {
            self.item("Section", &escape(&planned.section));
        }
        if chapter.is_by_hand() {
            self.item("Done by", "a person");
        } else {
            let language = planned.language.as_deref().unwrap_or_default();
            let again = if planned.idempotent {
                ", may be repeated"
            } else {
                ""
            };
            let what = format!(
                "{}, {}{again}, on this machine",
                escape(&planned.setup.told(language)),
                planned.effect
            );
            self.item("Command", &what);
        }
        if !planned.exit.is_empty() {
            let codes: Vec<_> = planned.exit.iter().map(ToString::to_string).collect();
            self.item("Accepted exit codes", &codes.join(", "));
        }
        self.text.push('\n');
        self.fence(&info(planned.language.as_deref()), &block(&planned.body));
        if let Some(offered) = &planned.offered {
            self.line("\nThe command that is offered for it:\n");
            self.fence(&info(Some(&offered.language)), &block(&offered.body));
        }
        for edit in &chapter.edits {
            let when = escape(&words::time(&edit.wall));
            let what = if edit.by_hand {
                "Edited for this run"
            } else {
                "Run with these values"
            };
            self.line(&format!("\n{what}, {when}:\n"));
            self.fence("diff", &block(&edit.diff));
        }
        for attempt in &chapter.attempts {
            self.attempt(attempt, story, outputs);
        }
    }

    fn attempt(&mut self, attempt: &Attempt, story: &Story, outputs: &dyn Outputs) {
        self.heading(3, &format!("Attempt {}", attempt.number));
        self.item("Started", &escape(&words::time(&attempt.started)));
        self.item(
            "Handed over",
            &format!("SHA-256 {}", code(&attempt.command)),
        );
        match &attempt.end {
            End::Running => self.item("Ended", "not yet, as far as this record goes"),
            End::Void { because } => {
                self.item("Never started", &escape(because));
            }
            End::Unknown { because } => self.item("Outcome unknown", &escape(because)),
            End::Exited { exited, wall } => {
                let (when, time) = (escape(&words::time(wall)), words::duration(took(exited)));
                self.item("Recorded", &format!("{when}, after {time}"));
                let how = words::ending(exited.exit, exited.ended_by, took(exited));
                self.item("Exit", &escape(&how));
                self.exited(exited, story, outputs);
                for judged in &attempt.judged {
                    self.text.push('\n');
                    self.text
                        .push_str(&super::judged::markdown(judged, story.file()));
                }
            }
        }
    }

    fn exited(&mut self, exited: &AttemptExited, story: &Story, outputs: &dyn Outputs) {
        if let Some(at) = &exited.failed_at {
            self.item("Failed at", &code(&words::place(story.file(), at)));
        }
        for process in &exited.left_running {
            self.item("Left running", &code(process));
        }
        for given in words::given(exited) {
            self.item("Gave", &code(&given));
        }
        if let Some(unfit) = &exited.unfit {
            self.item("Gave nothing", &escape(unfit));
        }
        for remark in &exited.remarks {
            self.item("Remark", &escape(remark));
        }
        let Some(output) = &exited.output else {
            return self.item("Output", "none");
        };
        let size = words::size(output.bytes);
        let is_private = output.log.is_empty();
        let place = if is_private {
            "private: nothing of it is kept".to_owned()
        } else {
            format!("{}, SHA-256 {}", code(&output.log), code(&output.digest))
        };
        self.item("Output", &format!("{size}, {place}"));
        if let Some(told) = words::detected(output) {
            self.item("Masked", &told);
        }
        if is_private {
            return;
        }
        if let Some(digest) = &output.stored_digest {
            let stored = words::size(output.stored);
            self.item(
                "Stored",
                &format!("{stored} of it, SHA-256 {}", code(digest)),
            );
        }
        self.text.push('\n');
        self.output(output, outputs);
    }

    fn output(&mut self, output: &Output, outputs: &dyn Outputs) {
        match excerpt(outputs, output, SHOWN) {
            Ok(Excerpt {
                head,
                between,
                tail,
                ..
            }) => {
                if !head.is_empty() {
                    self.fence("text", &joined(&head));
                }
                if let Some(between) = between {
                    let (more, log) = (between.told(), code(&output.log));
                    self.line(&format!("\n*Not shown here: {more}; see {log}.*\n"));
                }
                if !tail.is_empty() {
                    self.fence("text", &joined(&tail));
                }
            }
            Err(error) => {
                let what = format!("{} cannot be read: {error}", output.log);
                self.line(&format!("*{}*", escape(&what)));
            }
        }
    }

    fn left_out(&mut self, opened: &RunOpened) {
        if opened.left_out.is_empty() {
            return;
        }
        self.heading(2, "Not part of this run");
        for left in &opened.left_out {
            let (title, id) = (escape(&left.title), code(left.id.as_str()));
            let because = escape(&left.because);
            self.line(&format!("- {title} ({id}, line {}): {because}", left.line));
        }
    }

    /// Writes what people decided and noted, and what the run was told.
    fn record(&mut self, events: &[Event]) {
        let mut lines = Vec::new();
        for event in events {
            let on = |step: &Option<crate::model::StepId>| match step {
                Some(step) => format!(" on {}", code(step.as_str())),
                None => String::new(),
            };
            let what = match &event.kind {
                EventKind::OperatorDecided {
                    step,
                    question,
                    decision,
                    by,
                } => {
                    let decision = words::decision(decision);
                    let (by, question) = (escape(by), escape(question));
                    format!(
                        "{by} decided{}: **{decision}** (asked: {question})",
                        on(step)
                    )
                }
                EventKind::Note { step, text, by } => {
                    format!("note by {}{}: {}", escape(by), on(step), escape(text))
                }
                EventKind::Signal { name, action } => {
                    format!(
                        "signal {}: {}",
                        escape(name),
                        escape(&words::action(action))
                    )
                }
                EventKind::RunbookAdopted(adopted) => format!(
                    "{} adopted the document as it was then: {}, SHA-256 {}",
                    escape(&adopted.by),
                    code(&adopted.file),
                    code(&adopted.snapshot)
                ),
                EventKind::Recovered { bytes, tail } => {
                    let size = words::size(*bytes);
                    format!(
                        "the journal had a torn end: {size} set aside in {}",
                        code(tail)
                    )
                }
                EventKind::Unknown => format!("event {} is of a later version", event.seq),
                other => match words::answer(other) {
                    Some(told) => escape(&told),
                    None => continue,
                },
            };
            lines.push(format!("- {} {what}", escape(&words::time(&event.wall))));
        }
        if !lines.is_empty() {
            self.heading(2, "Decisions, notes and signals");
            for line in &lines {
                self.line(line);
            }
        }
    }

    fn versions(&mut self, story: &Story) {
        let Some(opened) = &story.opened else { return };
        self.heading(2, "Versions and environment");
        for (name, version) in &opened.versions {
            self.line(&format!("- {}: {}", escape(name), escape(version)));
        }
        let names: Vec<_> = opened.environment.iter().map(|name| code(name)).collect();
        let names = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        self.line(&format!("- Inherited variables, by name only: {names}"));
    }
}

/// Returns what stands below every transcript: where in the chain it was told from.
pub(super) fn evidence(head: &Head) -> String {
    let mut page = Page::default();
    page.heading(2, "Evidence");
    page.line("Told from `journal.jsonl`, whose lines are chained by their hashes.\n");
    page.item("Last event", &head.seq.to_string());
    page.item("Head of the chain", &code(&head.hash));
    page.text
}

/// Returns `text` as a fence that is longer than any run of backticks in it.
pub(super) fn fenced(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{fence}{language}\n{text}{end}{fence}\n")
}

fn took(exited: &AttemptExited) -> Duration {
    Duration::from_millis(exited.ms)
}

fn joined(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn whole_person(operator: &Operator) -> String {
    format!(
        "{} (uid {})",
        escape(&words::person(operator)),
        operator.uid
    )
}

/// Returns the word behind a fence: the language, if its name is harmless.
pub(super) fn info(language: Option<&str>) -> String {
    let language = language.unwrap_or("text");
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '.');
    language.chars().filter(|c| harmless(*c)).collect()
}

pub(super) fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Returns `text` as Markdown that shows exactly it, on one line, wherever inline text may stand.
pub(super) fn escape(text: &str) -> String {
    let text = inline(text);
    let mut escaped = String::with_capacity(text.len());
    let mut letter = false;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        let next_is_letter = chars.peek().is_some_and(|c| c.is_alphanumeric());
        let mark = match c {
            // Within a word it means nothing.
            '_' => !(letter && next_is_letter),
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' | '#' | '!' => true,
            _ => false,
        };
        if mark {
            escaped.push('\\');
        }
        escaped.push(c);
        letter = c.is_alphanumeric();
    }
    escaped
}

/// Returns `text` as inline code.
pub(super) fn code(text: &str) -> String {
    let text = inline(text);
    if text.trim().is_empty() {
        return "(empty)".to_owned();
    }
    let marks = "`".repeat(longest_run(&text) + 1);
    let bare = !text.starts_with(['`', ' ']) && !text.ends_with(['`', ' ']);
    let room = if bare { "" } else { " " };
    format!("{marks}{room}{text}{room}{marks}")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::{
        Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
    };
    use pulldown_cmark::{CodeBlockKind, Event as Markdown, Options, Parser, Tag, TagEnd};

    use super::{Head, transcript};
    use crate::event::{Closing, Decision, EventKind, Exit, Verdict};
    use crate::report::clean::{block, inline, lines};
    use crate::report::fixture::{Tape, by_hand, id, numbered, opened, person, step};

    fn told(tape: &Tape) -> String {
        let mut out = Vec::new();
        let head = Head {
            seq: tape.events.len() as u64 - 1,
            hash: "ab".repeat(32),
        };
        transcript(&mut out, &tape.events, &tape.logs, &head).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// What a reader of the Markdown sees: headings, fences, and whether anything else slipped in.
    #[derive(Debug, Default)]
    struct Seen {
        headings: Vec<String>,
        fences: Vec<String>,
        foreign: Vec<String>,
    }

    fn seen(markdown: &str) -> Seen {
        let mut seen = Seen::default();
        let (mut heading, mut fence) = (false, false);
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_MATH
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_GFM;
        for event in Parser::new_ext(markdown, options) {
            match event {
                Markdown::Start(Tag::Heading { .. }) => {
                    heading = true;
                    seen.headings.push(String::new());
                }
                Markdown::End(TagEnd::Heading(_)) => heading = false,
                Markdown::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => {
                    fence = true;
                    seen.fences.push(String::new());
                }
                Markdown::End(TagEnd::CodeBlock) => fence = false,
                Markdown::Text(text) if fence => seen.fences.last_mut().unwrap().push_str(&text),
                Markdown::Text(text) if heading => {
                    seen.headings.last_mut().unwrap().push_str(&text);
                }
                Markdown::Start(
                    Tag::CodeBlock(_)
                    | Tag::BlockQuote(_)
                    | Tag::Link { .. }
                    | Tag::Image { .. }
                    | Tag::HtmlBlock
                    | Tag::Strikethrough
                    | Tag::FootnoteDefinition(_),
                )
                | Markdown::Html(_)
                | Markdown::InlineHtml(_)
                | Markdown::InlineMath(_)
                | Markdown::DisplayMath(_)
                | Markdown::FootnoteReference(_)
                | Markdown::TaskListMarker(_)
                | Markdown::Rule
                | Markdown::HardBreak => seen.foreign.push(format!("{event:?}")),
                _ => (),
            }
        }
        seen
    }

    #[test]
    fn a_handed_over_run() {
        let mut tape = Tape::open(opened(vec![
            step("backup", "Back the database up", 12),
            by_hand("announce", "Tell the customers", 20),
            step("deploy", "Deploy | 部署 🚀", 31),
            step("clean", "Clean up", 40),
        ]));
        tape.fails("backup", "dumping\nno space left\n")
            .add(EventKind::StepEdited {
                step: id("backup"),
                body: "do-backup --small\n".into(),
                diff: "@@ -1 +1 @@\n-do-backup\n+do-backup --small\n".into(),
            })
            .resume(person("bob", 1001), "the keeper and its step")
            .decide("backup", Decision::Rerun, "bob")
            .start("backup")
            .exit("backup", Exit::Code(0), b"", |exited| {
                exited.left_running = vec!["4242 sleep".into()];
                exited.remarks = vec!["carries no environment".into()];
            })
            .finish("backup", Verdict::Ok, "")
            .finish(
                "announce",
                Verdict::OperatorAsserted,
                "bob says that it is done",
            )
            .add(EventKind::Note {
                step: None,
                text: "all *fine*".into(),
                by: "bob".into(),
            })
            .finish("deploy", Verdict::Skipped, "not today")
            .start("clean")
            .add(EventKind::Signal {
                name: "SIGHUP".into(),
                action: "detach".into(),
            })
            .add(EventKind::RunClosed {
                result: Closing::Left,
                reason: Some("postponed".into()),
                by: Some("bob".into()),
            });
        assert_snapshot!(told(&tape));
    }

    #[test]
    fn of_a_huge_output_the_ends_are_shown() {
        let mut tape = Tape::open(opened(vec![step("a", "A", 1)]));
        let x = "x".repeat(30);
        let text = numbered(0..5000, &format!(" {x}"));
        tape.ok("a", &text);
        let told = told(&tape);
        assert!(
            told.contains("*Not shown here: 4800 lines more; see `output/a-1.log`.*"),
            "{told}"
        );
        assert!(told.contains("\nline 4999 ") && told.contains("\nline 99 "));
        assert!(!told.contains("\nline 100 "));
        tape.logs = crate::report::fixture::Logs::default();
        assert!(super::super::transcript::tests::told(&tape).contains("cannot be read"));
    }

    #[test]
    fn nothing_escapes_its_fence() {
        let hostile =
            "```\n# Forged\n</details><script>\x1b]0;x\x07\n~~~~\n``````````\n- [x] done\n";
        let mut tape = Tape::open(opened(vec![step(
            "a",
            "</details> ![x](y) `a` | b & c <!-- ",
            1,
        )]));
        tape.ok("a", hostile);
        let told = told(&tape);
        let seen = seen(&told);
        assert_eq!(seen.foreign, [""; 0], "{told}");
        assert_eq!(
            seen.fences[1],
            "```\n# Forged\n</details><script>\n~~~~\n``````````\n- [x] done\n"
        );
        assert!(
            seen.headings
                .iter()
                .any(|heading| heading == "1. </details> ![x](y) `a` | b & c <!--"),
            "{seen:?}"
        );
    }

    fn words() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            "[`~*_#|\\\\<>!&$\\[\\]()\\-+=0-9. \n]{0,12}",
            prop_oneof![
                Just("```"),
                Just("\n# x\n"),
                Just("</details>"),
                Just("<!--"),
                Just("\n---\n"),
                Just("![a](b)"),
                Just("[^1]"),
                Just("&amp;"),
                Just("| a |"),
                Just("\n    code\n"),
                Just("https://example.org/_a_"),
                Just("~~a~~"),
                Just("$$x$$"),
                Just("\x1b[2J"),
                Just("- [ ] task"),
                Just("> quote"),
                Just("\u{2028}"),
                Just("\\"),
                Just("  \n"),
            ]
            .prop_map(str::to_owned),
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn whatever_is_written_the_document_keeps_its_shape(
            title in words(), heading in words(), body in words(), output in words(),
            note in words(), path in words(), bytes in any::<Vec<u8>>(),
        ) {
            let mut one = step("a", &heading, 1);
            one.body.clone_from(&body);
            one.section.clone_from(&note);
            one.language = Some(path.clone());
            let mut run = opened(vec![one, step("b", &note, 2)]);
            run.title.clone_from(&title);
            run.file.clone_from(&path);
            run.cwd.clone_from(&path);
            run.reason = Some(note.clone());
            run.inputs[0].value.clone_from(&path);
            run.inputs[0].source.clone_from(&note);
            run.left_out[0].title.clone_from(&note);
            run.operator.user.clone_from(&heading);
            run.environment = vec![path.clone()];
            run.versions = vec![(path.clone(), note.clone())];
            let mut tape = Tape::open(run);
            let printed = [output.as_bytes(), &bytes].concat();
            tape.start("a").exit("a", Exit::Code(1), &printed, |exited| {
                exited.remarks = vec![note.clone()];
                exited.left_running = vec![path.clone()];
                exited.failed_at = Some(crate::event::FailedAt { line: 1, command: body.clone() });
            });
            tape.finish("a", Verdict::Failed, &note)
                .add(EventKind::StepEdited { step: id("b"), body: String::new(), diff: body.clone() })
                .add(EventKind::Note { step: None, text: note.clone(), by: path.clone() })
                .add(EventKind::Signal { name: note.clone(), action: path.clone() });
            let told = told(&tape);
            let seen = seen(&told);
            prop_assert_eq!(&seen.foreign, &Vec::<String>::new(), "{}", told);
            // Title, inputs, steps, two steps, an attempt, not part, decisions, versions, evidence.
            prop_assert_eq!(seen.headings.len(), 10, "{}", told);
            let shown = inline(&title);
            if !title.trim().is_empty() {
                prop_assert_eq!(&seen.headings[0], shown.trim());
            }
            let mut fences = vec![block(&body)];
            if !printed.is_empty() {
                let text = lines(&printed, 8192).join("
") + "
";
                fences.push(text);
            }
            fences.extend([block("do-b\n"), block(&body)]);
            prop_assert_eq!(seen.fences, fences, "{}", told);
            prop_assert!(!told.contains('\x1b'));
        }
    }
}
