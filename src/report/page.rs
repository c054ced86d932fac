//! The transcript as a template of the document tells it: the facts of a run by name, and what must stand in
//! every transcript below it. As in the transcript of our own, no text of others becomes Markdown.

use std::time::Duration;

use serde::Serialize;

use super::clean::block;
use super::console::chosen;
use super::excerpt::{Excerpt, Measure, excerpt};
use super::show::remarked;
use super::story::{Attempt, Chapter, End, Session, Story};
use super::transcript::{Head, code, escape, evidence, fenced, info};
use super::{Outputs, words};
use crate::event::{Event, InputValue, LeftOut, Output};
use crate::model::Judged;
use crate::render::page::{Fault, Marks, render};

/// How much of an attempt's output a template sees …
const SHOWN: Measure = Measure {
    head: 100,
    tail: 100,
    bytes: 32 * 1024,
};
/// … and of all of them together.
const ALL: usize = 16 << 20;

/// Returns the page that `template` makes of a run, with the evidence below it.
///
/// # Errors
/// What is wrong with the template, or came of it.
pub fn page(
    template: &str,
    events: &[Event],
    outputs: &dyn Outputs,
    head: &Head,
) -> Result<String, Fault> {
    let story = Story::of(events);
    let marks = Marks {
        text: escape,
        code,
        fence: |text, language| fenced(&info(Some(language)), &block(text)),
    };
    let context = Context::of(&story, events, outputs, head);
    let mut page = render(template, &context, marks)?;
    if !page.ends_with('\n') {
        page.push('\n');
    }
    page.push_str(&evidence(head));
    Ok(page)
}

#[derive(Serialize)]
struct Context<'a> {
    run: Run<'a>,
    inputs: &'a [InputValue],
    sessions: Vec<Sitting<'a>>,
    steps: Vec<Part<'a>>,
    left_out: &'a [LeftOut],
    record: Vec<Remark>,
    head: &'a Head,
}

#[derive(Serialize)]
struct Run<'a> {
    id: &'a str,
    title: &'a str,
    file: &'a str,
    declared: bool,
    snapshot: &'a str,
    digest: &'a str,
    folder: &'a str,
    operator: String,
    reason: Option<&'a str>,
    started: String,
    last: String,
    mark: &'static str,
    result: &'static str,
    told: String,
    closed_by: Option<&'a str>,
    closed_because: Option<&'a str>,
    chosen: Vec<(&'static str, String)>,
    versions: &'a [(String, String)],
}

#[derive(Serialize)]
struct Sitting<'a> {
    started: String,
    operator: String,
    survived: Option<&'a str>,
}

#[derive(Serialize)]
struct Part<'a> {
    number: usize,
    id: &'a str,
    title: &'a str,
    section: &'a str,
    line: u32,
    language: Option<&'a str>,
    effect: String,
    body: &'a str,
    mark: &'static str,
    result: &'static str,
    because: Option<&'a str>,
    time: Option<String>,
    attempts: Vec<Try<'a>>,
}

#[derive(Serialize)]
struct Try<'a> {
    number: u32,
    started: String,
    ended: Option<String>,
    time: Option<String>,
    exit: Option<String>,
    because: Option<&'a str>,
    output: String,
    bytes: u64,
    log: Option<&'a str>,
    digest: Option<&'a str>,
    checks: &'a [Judged],
    remarks: &'a [String],
}

#[derive(Serialize)]
struct Remark {
    when: String,
    what: String,
}

impl<'a> Context<'a> {
    fn of(story: &'a Story, events: &[Event], outputs: &dyn Outputs, head: &'a Head) -> Self {
        let mut left = ALL;
        let steps = story.steps.iter().enumerate();
        let steps = steps.map(|(at, chapter)| Part::of(at + 1, chapter, outputs, &mut left));
        let remarks = events.iter().filter_map(|event| {
            let what = remarked(&event.kind)?;
            let when = words::time(&event.wall);
            Some(Remark { when, what })
        });
        Self {
            steps: steps.collect(),
            run: Run::of(story),
            inputs: story.opened.as_ref().map_or(&[], |it| &it.inputs),
            sessions: story.sessions.iter().map(Sitting::of).collect(),
            left_out: story.opened.as_ref().map_or(&[], |it| &it.left_out),
            record: remarks.collect(),
            head,
        }
    }
}

impl<'a> Run<'a> {
    fn of(story: &'a Story) -> Self {
        let opened = story.opened.as_deref();
        let text = |of: fn(&crate::event::RunOpened) -> &str| opened.map_or("", of);
        let first = story.sessions.first();
        let (mark, _, result) = words::result(story);
        let closed = story.closed.as_ref();
        Self {
            id: story.run(),
            title: text(|it| &it.title),
            file: story.file(),
            declared: opened.is_some_and(|it| it.declared),
            snapshot: story.snapshot(),
            digest: text(|it| &it.snapshot),
            folder: text(|it| &it.cwd),
            operator: first.map_or_else(String::new, |it| words::person(&it.operator)),
            reason: opened.and_then(|it| it.reason.as_deref()),
            started: first.map_or_else(String::new, |it| words::time(&it.wall)),
            last: words::time(&story.last),
            mark,
            result,
            told: story.tally().told("running"),
            closed_by: closed.and_then(|it| it.by.as_deref()),
            closed_because: closed.and_then(|it| it.reason.as_deref()),
            chosen: opened.map(|it| chosen(&it.request)).unwrap_or_default(),
            versions: opened.map_or(&[], |it| &it.versions),
        }
    }
}

impl<'a> Sitting<'a> {
    fn of(session: &'a Session) -> Self {
        Self {
            started: words::time(&session.wall),
            operator: words::person(&session.operator),
            survived: session.survived.as_deref(),
        }
    }
}

impl<'a> Part<'a> {
    fn of(number: usize, chapter: &'a Chapter, outputs: &dyn Outputs, left: &mut usize) -> Self {
        let planned = &chapter.planned;
        let (mark, _, result) = words::standing(chapter.standing);
        let attempts = chapter.attempts.iter();
        Self {
            number,
            id: planned.id.as_str(),
            title: &planned.title,
            section: &planned.section,
            line: planned.line,
            language: planned.language.as_deref(),
            effect: planned.effect.to_string(),
            body: &planned.body,
            mark,
            result,
            because: chapter.because.as_deref(),
            time: chapter.exited().map(|it| lasted(it.ms)),
            attempts: attempts.map(|it| Try::of(it, outputs, left)).collect(),
        }
    }
}

impl<'a> Try<'a> {
    fn of(attempt: &'a Attempt, outputs: &dyn Outputs, left: &mut usize) -> Self {
        let mut told = Self {
            number: attempt.number,
            started: words::time(&attempt.started),
            ended: None,
            time: None,
            exit: None,
            because: None,
            output: String::new(),
            bytes: 0,
            log: None,
            digest: None,
            checks: &attempt.judged,
            remarks: &[],
        };
        match &attempt.end {
            End::Running => {}
            End::Void { because } | End::Unknown { because } => told.because = Some(because),
            End::Exited { exited, wall } => {
                let time = Duration::from_millis(exited.ms);
                told.ended = Some(words::time(wall));
                told.time = Some(lasted(exited.ms));
                told.exit = Some(words::ending(exited.exit, exited.ended_by, time));
                told.remarks = &exited.remarks;
                if let Some(output) = &exited.output {
                    told.bytes = output.bytes;
                    told.log = Some(&output.log)
                        .filter(|it| !it.is_empty())
                        .map(|it| &**it);
                    told.digest = Some(&output.digest);
                    told.output = printed(output, outputs);
                    let length = told.output.len();
                    if length > *left {
                        told.output = format!("(not shown: see {})\n", output.log);
                    }
                    *left = left.saturating_sub(length);
                }
            }
        }
        told
    }
}

fn lasted(ms: u64) -> String {
    words::duration(Duration::from_millis(ms))
}

// What an attempt printed, with a line for what is left out of it.
fn printed(output: &Output, outputs: &dyn Outputs) -> String {
    if output.log.is_empty() {
        return String::new();
    }
    match excerpt(outputs, output, SHOWN) {
        Ok(Excerpt {
            mut head,
            between,
            tail,
            ..
        }) => {
            head.extend(between.map(|it| format!("… {} …", it.told())));
            head.extend(tail);
            let mut text = head.join("\n");
            text.push('\n');
            text
        }
        Err(error) => format!("({} cannot be read: {error})\n", output.log),
    }
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::event::{Closing, Decision, EventKind, Verdict};
    use crate::model::Judged;
    use crate::report::fixture::{Tape, by_hand, id, opened, step};
    use crate::report::transcript::Head;

    fn told(template: &str, tape: &Tape) -> String {
        let head = Head {
            seq: tape.events.len() as u64 - 1,
            hash: "ab".repeat(32),
        };
        match page(template, &tape.events, &tape.logs, &head) {
            Ok(page) => page,
            Err(fault) => format!("{}: {}", fault.line, fault.message),
        }
    }

    fn tape(title: &str, printed: &str) -> Tape {
        let mut tape = Tape::open(opened(vec![
            step("backup", title, 12),
            by_hand("announce", "Tell the customers", 20),
        ]));
        tape.start("backup").exit(
            "backup",
            crate::event::Exit::Code(0),
            printed.as_bytes(),
            |_| (),
        );
        let nonce = tape.events.iter().rev().find_map(|it| match &it.kind {
            EventKind::AttemptExited(exited) => Some(exited.nonce.clone()),
            _ => None,
        });
        tape.add(EventKind::CheckJudged {
            step: id("backup"),
            nonce: nonce.unwrap_or_default(),
            judged: Judged {
                holds: false,
                line: 16,
                expression: "step.stdout == \"ok\"".to_owned(),
                message: "it does not hold".to_owned(),
                left: None,
                right: None,
                diff: Vec::new(),
            },
        })
        .finish("backup", Verdict::Failed, "a check does not hold")
        .decide("backup", Decision::Skip, "ana")
        .add(EventKind::RunClosed {
            result: Closing::Failed,
            reason: Some("the window is over".to_owned()),
            by: Some("ana".to_owned()),
        });
        tape
    }

    #[test]
    fn a_template_says_what_it_wants_and_the_evidence_stands_below() {
        let template = "# {{ run.title }}: {{ run.result }}\n\n{{ run.operator }} in {{ run.folder | code }}, because {{ run.reason }}, closed because {{ run.closed_because }}\n\n| step | result |\n|---|---|\n{% for step in steps %}\n| {{ step.title }} | {{ step.mark }} {{ step.result }}{% for try in step.attempts %}, {{ try.exit }}{% for check in try.checks if not check.holds %}, line {{ check.line }}: {{ check.expression | code }}{% endfor %}{% endfor %} |\n{% endfor %}\n\n{% for step in steps if step.attempts %}\n{{ step.attempts[-1].output | fence }}\n{% endfor %}\n{% for input in inputs %}\n- {{ input.name }} = {{ input.value | code }}\n{% endfor %}\n{% for it in record %}\n- {{ it.what }}\n{% endfor %}\n{{ left_out | length }} left out, {{ sessions | length }} session, head {{ head.hash[:4] }}\n";
        insta::assert_snapshot!(told(template, &tape("Back it up", "dumping\n")));
    }

    #[test]
    fn nothing_that_a_step_or_a_person_wrote_becomes_markdown() {
        let template = "{% for step in steps[:1] %}{{ step.title }}\n{{ step.attempts[0].output | fence }}{{ step.title | upper }}\n{% endfor %}";
        let hostile = "<b>x</b> | # [a](b) `c`\u{1b}[2J";
        let page = told(template, &tape(hostile, "```\n# forged\n"));
        let (body, _) = page.split_once("\n## Evidence").unwrap();
        insta::assert_snapshot!(body, @r"
        \<b\>x\</b\> \| \# \[a\](b) \`c\`␛\[2J
        ````text
        ```
        # forged
        ````
        \<B\>X\</B\> \| \# \[A\](B) \`C\`␛\[2J
        ");
    }

    #[test]
    fn what_is_not_there_is_told_with_its_line() {
        let tape = tape("Back it up", "");
        assert_eq!(
            told("\n{{ steps[9].title }}", &tape),
            "2: undefined value: `steps[9]` is undefined"
        );
    }
}
