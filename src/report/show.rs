//! `runbook show`: how a run stands, for people and for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::clean::{inline, pad, width};
use super::console::{about, chosen, fact, fact_to_copy, next, remark};
use super::story::{Attempt, Chapter, End, Standing, Story};
use super::words::{self, BAD, DOUBT, FAINT, STRONG, paint, put};
use super::{Head, Look};
use crate::event::{
    Closing, Decision, Delta, Elsewhere, EndedBy, Event, EventKind, Exit, FailedAt, InputValue,
    LeftOut, Operator, Output, Verdict,
};
use crate::model::{Effect, Judged, StepId};
use crate::redact;

/// The version of the shape of [`Shown`]: fields may be added to it, never changed or removed.
pub const VERSION: u32 = 1;

/// What is known of a run beyond its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The run's folder, absolute.
    pub folder: String,
    /// The transcript's path, if there is one.
    pub transcript: Option<String>,
    /// Who holds the run now, in words: `engine 4242`, `the keeper alone`; absent when nobody does.
    pub held_by: Option<String>,
    /// The head of the chain.
    pub head: Head,
}

/// Writes how the run stands, for people.
///
/// # Errors
/// When the writer fails.
pub fn show(
    out: &mut dyn Write,
    look: &Look,
    events: &[Event],
    around: &Surroundings,
) -> io::Result<()> {
    let story = Story::of(events);
    let mut text = String::new();
    facts(&mut text, look, &story, around);
    text.push('\n');
    steps(&mut text, look, &story);
    remarks(&mut text, look, events);
    let mut commands = next(&story);
    if is_abandoned(&story, around) {
        let resume = format!("runbook resume {}", inline(story.run()));
        let why = "finds out what became of the step".to_owned();
        commands = vec![(resume, why)];
    }
    if !commands.is_empty() {
        text.push('\n');
    }
    for (i, (command, why)) in commands.iter().enumerate() {
        let label = if i == 0 { "next" } else { "" };
        fact_to_copy(&mut text, look, label, &format!("{command}  # {why}"));
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

// A step was begun, and neither an engine nor a keeper is there to say that it runs.
fn is_abandoned(story: &Story, around: &Surroundings) -> bool {
    story.closed.is_none() && story.tally().running > 0 && around.held_by.is_none()
}

fn facts(text: &mut String, look: &Look, story: &Story, around: &Surroundings) {
    let title = story.opened.as_ref().map_or("", |opened| &opened.title);
    let heading = format!("# {}", inline(title));
    let heading = super::clean::fit(&heading, look.width).into_owned();
    put(text, &paint(look, STRONG, &heading));
    let (mark, style, word) = if is_abandoned(story, around) {
        (
            "?",
            DOUBT,
            "open: a step was begun, and nobody holds the run",
        )
    } else {
        words::result(story)
    };
    put(text, &paint(look, style, &format!("{mark} {word}")));
    let begun = if is_abandoned(story, around) {
        "begun"
    } else {
        "running"
    };
    fact(text, look, "steps", &story.tally().told(begun));
    fact_to_copy(text, look, "run", story.run());
    if let Some(opened) = &story.opened {
        let file = if opened.file == "-" {
            "standard input"
        } else {
            &opened.file
        };
        fact(text, look, "file", file);
        fact(text, look, "folder", &opened.cwd);
        if let Some(reason) = &opened.reason {
            fact(text, look, "reason", reason);
        }
        for (label, value) in chosen(&opened.request) {
            fact(text, look, label, &value);
        }
        for (i, input) in opened.inputs.iter().enumerate() {
            let label = if i == 0 { "inputs" } else { "" };
            let what = format!("{} = {} ({})", input.name, input.value, input.source);
            fact(text, look, label, &what);
        }
    }
    for (i, session) in story.sessions.iter().enumerate() {
        let (who, when) = (words::person(&session.operator), words::time(&session.wall));
        let label = if i == 0 { "started" } else { "resumed" };
        fact(text, look, label, &format!("{when} by {who}"));
    }
    fact(text, look, "last event", &words::time(&story.last));
    if let Some(closed) = &story.closed {
        let by = closed
            .by
            .as_ref()
            .map(|by| format!(" by {by}"))
            .unwrap_or_default();
        let why = closed
            .reason
            .as_ref()
            .map(|why| format!(": {why}"))
            .unwrap_or_default();
        fact(
            text,
            look,
            "closed",
            &format!("{}{by}{why}", words::time(&closed.wall)),
        );
    }
    if let Some(holder) = &around.held_by {
        fact(text, look, "held by", holder);
    }
    fact_to_copy(text, look, "record", &around.folder);
    if let Some(transcript) = &around.transcript {
        fact_to_copy(text, look, "transcript", transcript);
    }
}

fn steps(text: &mut String, look: &Look, story: &Story) {
    let digits = story.steps.len().to_string().len();
    let titles = story
        .steps
        .iter()
        .map(|step| width(&inline(&step.planned.title)))
        .max();
    let others = 2 + digits + 2 + 2 + 8 + 2 + 8;
    let room = look
        .width
        .saturating_sub(others)
        .min(titles.unwrap_or(0))
        .max(8);
    for (i, chapter) in story.steps.iter().enumerate() {
        let (mark, style, word) = words::standing(chapter.standing);
        let time = match chapter.exited() {
            Some(exited) => words::duration(Duration::from_millis(exited.ms)),
            None => String::new(),
        };
        let tries = match chapter.attempts.len() {
            0 | 1 => String::new(),
            tries => format!("  {tries} attempts"),
        };
        let row = format!(
            "{} {:>digits$}  {}  {}  {time}",
            paint(look, style, mark),
            i + 1,
            pad(&inline(&chapter.planned.title), room),
            paint(look, style, &pad(word, 8)),
        );
        put(text, &format!("{}{tries}", row.trim_end()));
        below(text, look, story, chapter);
    }
}

/// Writes what is worth knowing of a step beyond its verdict.
fn below(text: &mut String, look: &Look, story: &Story, chapter: &Chapter) {
    if let Some(because) = &chapter.because {
        remark(text, look, FAINT, because);
    }
    let Some(exited) = chapter.exited() else {
        return;
    };
    if chapter.standing == Standing::Finished(Verdict::Failed) {
        let judged = chapter.attempts.last().map_or(&[][..], |it| &it.judged);
        for judged in judged {
            text.push_str(&super::judged::console(judged, story.file(), look));
        }
        let time = Duration::from_millis(exited.ms);
        remark(
            text,
            look,
            BAD,
            &words::ending(exited.exit, exited.ended_by, time),
        );
        if let Some(at) = &exited.failed_at {
            remark(text, look, STRONG, &words::place(story.file(), at));
        }
    }
    if let Some(output) = &exited.output {
        remark(text, look, FAINT, &words::stored(output));
        if let Some(told) = words::detected(output) {
            remark(text, look, DOUBT, &told);
        }
    }
    if !exited.left_running.is_empty() {
        let who = format!("left running: {}", exited.left_running.join(", "));
        remark(text, look, DOUBT, &who);
    }
    for line in words::given(exited) {
        remark(text, look, FAINT, &line);
    }
    for line in &exited.remarks {
        remark(text, look, FAINT, line);
    }
}

/// Writes what people decided and noted, and what the run was told.
fn remarks(text: &mut String, look: &Look, events: &[Event]) {
    let mut heading = "\n";
    for event in events {
        let Some(what) = remarked(&event.kind) else {
            continue;
        };
        text.push_str(std::mem::take(&mut heading));
        remark(
            text,
            look,
            anstyle::Style::new(),
            &format!("{} {what}", words::time(&event.wall)),
        );
    }
}

/// Returns what an event says of decisions, notes and signals, in plain words.
pub(super) fn remarked(event: &EventKind) -> Option<String> {
    Some(match event {
        EventKind::OperatorDecided {
            step, decision, by, ..
        } => {
            format!(
                "{by} decided{}: {}",
                about(step.as_ref()),
                words::decision(decision)
            )
        }
        EventKind::Note { step, text, by } => {
            format!("note by {by}{}: {text}", about(step.as_ref()))
        }
        EventKind::Signal { name, action } => format!("{name}: {}", words::action(action)),
        EventKind::StepEdited { step, .. } => format!("{step} was edited for this run"),
        EventKind::StepFilled { step, .. } => format!("{step} was filled in with values"),
        other => return words::answer(other),
    })
}

/// How a run stands, for programs: what `runbook show --json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The version of this shape: [`VERSION`].
    pub version: u32,
    /// The run's ULID.
    pub run: String,
    /// The runbook's title.
    pub title: String,
    /// The document's absolute path; `-` for standard input.
    pub file: String,
    /// SHA-256 of the snapshot.
    pub snapshot: String,
    /// The start folder.
    pub cwd: String,
    /// `--reason`.
    pub reason: Option<String>,
    /// How it was closed; `null` while it is open.
    pub closed: Option<ShownClosing>,
    /// The inputs with their values.
    pub inputs: Vec<InputValue>,
    /// Each engine that owned it, the one that opened it first.
    pub sessions: Vec<ShownSession>,
    /// In the order of the plan.
    pub steps: Vec<ShownStep>,
    /// What of the document is not part of it.
    pub left_out: Vec<LeftOut>,
    /// The values that placeholders were given, in order.
    pub values: Vec<ShownValue>,
    /// What operators confirmed for the whole run, in order.
    pub confirmations: Vec<ShownConfirmation>,
    /// What operators answered, in order.
    pub decisions: Vec<ShownDecision>,
    /// What operators remarked, in order.
    pub notes: Vec<ShownNote>,
    /// UTC, RFC 3339, of the last event.
    pub last: String,
    /// The run's folder.
    pub folder: String,
    /// The transcript's path.
    pub transcript: Option<String>,
    /// Who holds the run now, in words.
    pub held_by: Option<String>,
    /// The last event's number and the hash of its line.
    pub head: Head,
}

/// How a run was closed.
#[derive(Clone, Debug, Serialize)]
pub struct ShownClosing {
    /// `passed`, `failed`, `left`, `stopped`.
    pub result: Closing,
    /// `close --reason`.
    pub reason: Option<String>,
    /// Who; `null` when it closed itself by passing.
    pub by: Option<String>,
    /// UTC, RFC 3339.
    pub at: String,
}

/// One engine's time with the run.
#[derive(Clone, Debug, Serialize)]
pub struct ShownSession {
    /// Who.
    pub operator: Operator,
    /// UTC, RFC 3339.
    pub at: String,
    /// What had survived; `null` for the first.
    pub survived: Option<String>,
}

/// How a step stands.
#[derive(Clone, Debug, Serialize)]
pub struct ShownStep {
    /// Its id.
    pub id: StepId,
    /// What a person reads.
    pub title: String,
    /// Its line in the snapshot.
    pub line: u32,
    /// Its language; `null` when a person does it.
    pub language: Option<String>,
    /// What it does to the world.
    pub effect: Effect,
    /// `pending`, `running`, `unknown`, or the verdict: `ok`, `failed`, `skipped`, `operator-asserted`.
    pub state: &'static str,
    /// Why, where the state alone does not say.
    pub because: Option<String>,
    /// Whether its body was edited for this run.
    pub edited: bool,
    /// In order.
    pub attempts: Vec<ShownAttempt>,
}

/// One try of a step.
#[derive(Clone, Debug, Serialize)]
pub struct ShownAttempt {
    /// From 1.
    pub number: u32,
    /// UTC, RFC 3339.
    pub started: String,
    /// `running`, `exited`, `void`, `unknown`.
    pub state: &'static str,
    /// What shows that it is void or unknown.
    pub because: Option<String>,
    /// How the process ended.
    pub exit: Option<Exit>,
    /// Who ended it.
    pub ended_by: Option<EndedBy>,
    /// How long it ran, in milliseconds.
    pub ms: Option<u64>,
    /// What it printed.
    pub output: Option<Output>,
    /// What it changed of the environment.
    pub environment: Option<Delta>,
    /// Where it failed.
    pub failed_at: Option<FailedAt>,
    /// Processes that live on.
    pub left_running: Vec<String>,
    /// What else a person should know.
    pub remarks: Vec<String>,
    /// What it gave to later steps, by name; secrets are masked.
    pub values: BTreeMap<String, String>,
    /// Why what it was to give could not be taken.
    pub unfit: Option<String>,
    /// What its checks came to, in their order.
    pub checks: Vec<Judged>,
}

/// An operator's answer.
#[derive(Clone, Debug, Serialize)]
pub struct ShownDecision {
    /// The step that it was about.
    pub step: Option<StepId>,
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub decision: Decision,
    /// Who.
    pub by: String,
    /// UTC, RFC 3339.
    pub at: String,
}

/// The value of a placeholder.
#[derive(Clone, Debug, Serialize)]
pub struct ShownValue {
    /// Its name.
    pub name: String,
    /// Its value; `null` for a secret.
    pub value: Option<String>,
    /// `prompt`, `--set`, `--inputs FILE`, `environment`.
    pub source: String,
    /// Who gave it.
    pub by: String,
    /// UTC, RFC 3339.
    pub at: String,
}

/// What an operator confirmed for the whole run.
#[derive(Clone, Debug, Serialize)]
pub struct ShownConfirmation {
    /// `host` or `workstation`.
    pub about: &'static str,
    /// The host that steps may reach, or the machine that the decision was taken on.
    pub host: String,
    /// Of `workstation`: `here`, `skip` or `each`.
    pub decision: Option<Elsewhere>,
    /// Who.
    pub by: String,
    /// UTC, RFC 3339.
    pub at: String,
}

/// An operator's remark.
#[derive(Clone, Debug, Serialize)]
pub struct ShownNote {
    /// The step that it is about.
    pub step: Option<StepId>,
    /// Its text.
    pub text: String,
    /// Who.
    pub by: String,
    /// UTC, RFC 3339.
    pub at: String,
}

impl Shown {
    /// Returns how the run of `events` stands. Empty texts where the run was never opened.
    pub fn of(events: &[Event], around: &Surroundings) -> Self {
        let story = Story::of(events);
        let opened = story.opened.as_deref();
        let text = |of: fn(&crate::event::RunOpened) -> &str| {
            opened.map(of).unwrap_or_default().to_owned()
        };
        Self {
            version: VERSION,
            run: story.run().to_owned(),
            title: text(|opened| &opened.title),
            file: text(|opened| &opened.file),
            snapshot: text(|opened| &opened.snapshot),
            cwd: text(|opened| &opened.cwd),
            reason: opened.and_then(|opened| opened.reason.clone()),
            closed: story.closed.as_ref().map(|closed| ShownClosing {
                result: closed.result,
                reason: closed.reason.clone(),
                by: closed.by.clone(),
                at: closed.wall.clone(),
            }),
            inputs: opened
                .map(|opened| opened.inputs.clone())
                .unwrap_or_default(),
            sessions: story
                .sessions
                .iter()
                .map(|session| ShownSession {
                    operator: session.operator.clone(),
                    at: session.wall.clone(),
                    survived: session.survived.clone(),
                })
                .collect(),
            steps: story.steps.iter().map(ShownStep::of).collect(),
            left_out: opened
                .map(|opened| opened.left_out.clone())
                .unwrap_or_default(),
            values: events.iter().filter_map(ShownValue::of).collect(),
            confirmations: events.iter().filter_map(ShownConfirmation::of).collect(),
            decisions: events.iter().filter_map(ShownDecision::of).collect(),
            notes: events.iter().filter_map(ShownNote::of).collect(),
            last: story.last.clone(),
            folder: around.folder.clone(),
            transcript: around.transcript.clone(),
            held_by: around.held_by.clone(),
            head: around.head.clone(),
        }
    }
}

impl ShownStep {
    fn of(chapter: &Chapter) -> Self {
        let planned = &chapter.planned;
        Self {
            id: planned.id.clone(),
            title: planned.title.clone(),
            line: planned.line,
            language: planned.language.clone(),
            effect: planned.effect,
            state: match chapter.standing {
                Standing::Pending => "pending",
                Standing::Running => "running",
                Standing::Unknown => "unknown",
                Standing::Finished(Verdict::Ok) => "ok",
                Standing::Finished(Verdict::Failed) => "failed",
                Standing::Finished(Verdict::Skipped) => "skipped",
                Standing::Finished(Verdict::OperatorAsserted) => "operator-asserted",
            },
            because: chapter.because.clone(),
            edited: chapter.edits.iter().any(|it| it.by_hand),
            attempts: chapter.attempts.iter().map(ShownAttempt::of).collect(),
        }
    }
}

impl ShownAttempt {
    fn of(attempt: &Attempt) -> Self {
        let mut shown = Self {
            number: attempt.number,
            started: attempt.started.clone(),
            state: "running",
            because: None,
            exit: None,
            ended_by: None,
            ms: None,
            output: None,
            environment: None,
            failed_at: None,
            left_running: Vec::new(),
            remarks: Vec::new(),
            values: BTreeMap::new(),
            unfit: None,
            checks: attempt.judged.clone(),
        };
        match &attempt.end {
            End::Running => (),
            End::Void { because } => {
                shown.state = "void";
                shown.because = Some(because.clone());
            }
            End::Unknown { because } => {
                shown.state = "unknown";
                shown.because = Some(because.clone());
            }
            End::Exited { exited, .. } => {
                shown.state = "exited";
                shown.exit = Some(exited.exit);
                shown.ended_by = exited.ended_by;
                shown.ms = Some(exited.ms);
                shown.output.clone_from(&exited.output);
                shown.environment.clone_from(&exited.environment);
                shown.failed_at.clone_from(&exited.failed_at);
                shown.left_running.clone_from(&exited.left_running);
                shown.remarks.clone_from(&exited.remarks);
                let values = exited.values.iter();
                let values = values.map(|(name, it)| (name.clone(), redact::shown(it)));
                shown.values = values.collect();
                shown.unfit.clone_from(&exited.unfit);
            }
        }
        shown
    }
}

impl ShownDecision {
    fn of(event: &Event) -> Option<Self> {
        let EventKind::OperatorDecided {
            step,
            question,
            decision,
            by,
        } = &event.kind
        else {
            return None;
        };
        Some(Self {
            step: step.clone(),
            question: question.clone(),
            decision: decision.clone(),
            by: by.clone(),
            at: event.wall.clone(),
        })
    }
}

impl ShownValue {
    fn of(event: &Event) -> Option<Self> {
        let EventKind::ValueGiven {
            name,
            value,
            source,
            by,
        } = &event.kind
        else {
            return None;
        };
        Some(Self {
            name: name.clone(),
            value: value.clone(),
            source: source.clone(),
            by: by.clone(),
            at: event.wall.clone(),
        })
    }
}

impl ShownConfirmation {
    fn of(event: &Event) -> Option<Self> {
        let at = event.wall.clone();
        match &event.kind {
            EventKind::HostConfirmed { host, by } => Some(Self {
                about: "host",
                host: host.clone(),
                decision: None,
                by: by.clone(),
                at,
            }),
            EventKind::WorkstationDecided { decision, host, by } => Some(Self {
                about: "workstation",
                host: host.clone(),
                decision: Some(*decision),
                by: by.clone(),
                at,
            }),
            _ => None,
        }
    }
}

impl ShownNote {
    fn of(event: &Event) -> Option<Self> {
        let EventKind::Note { step, text, by } = &event.kind else {
            return None;
        };
        let at = event.wall.clone();
        Some(Self {
            step: step.clone(),
            text: text.clone(),
            by: by.clone(),
            at,
        })
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::{Shown, Surroundings, show};
    use crate::event::{Decision, EventKind, Verdict};
    use crate::report::fixture::{Tape, by_hand, look, opened, person, step};
    use crate::report::{Head, Surface};

    fn tape() -> Tape {
        let mut tape = Tape::open(opened(vec![
            step("backup", "Respaldar la base de datos", 12),
            by_hand("announce", "顧客に知らせる", 20),
            step("deploy", "Deploy", 31),
            step("clean", "Clean up", 40),
        ]));
        tape.ok("backup", "12 tables\n")
            .decide("announce", Decision::Skip, "ana")
            .finish("announce", Verdict::Skipped, "nobody is awake")
            .resume(person("bob", 1001), "the machine, not the keeper")
            .fails("deploy", "no\n")
            .fails("deploy", "no\n")
            .add(EventKind::Note {
                step: None,
                text: "call \x1b[2J ana".into(),
                by: "bob".into(),
            });
        tape
    }

    fn around() -> Surroundings {
        Surroundings {
            folder: "/state/runs/01J9ZZZZZZZZZZZZZZZZZZZZZZ".into(),
            transcript: None,
            held_by: Some("engine 4242".into()),
            head: Head {
                seq: 12,
                hash: "ab".repeat(32),
            },
        }
    }

    #[test]
    fn people_see_how_the_run_stands() {
        let mut out = Vec::new();
        show(
            &mut out,
            &look(80, Surface::Plain),
            &tape().events,
            &around(),
        )
        .unwrap();
        assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn programs_see_the_same() {
        let shown = Shown::of(&tape().events, &around());
        assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap());
    }
}
