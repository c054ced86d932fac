//! Judges checks and conditions: hands the pure evaluator what is known, looks at what it asks for
//! on a thread of its own, and asks again.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

use crate::check::{FALSE, Facts, Judgement, Patience, RunFacts, StepFacts, holds, judge, limits};
use crate::event::{AttemptExited, EventKind, Exit, Output, Text};
use crate::host::{clock, probe};
use crate::model::{Condition, Expression, Fact, Probe, Step, StepId};
use crate::state::Phase;

use super::super::decide::{Input, Judged, Judging, Which};
use super::super::publish::{StoredOutputs, log_of};
use super::Engine;

/// The longest that a look may take.
const LOOK: Duration = Duration::from_secs(15);
/// The pause between two looks at a server.
const POLL: Duration = Duration::from_millis(200);
/// How long a server may take until it is ready, where `timeout` says nothing.
const READY: Duration = Duration::from_secs(60);
/// How long one script may run: its other limits end it long before.
const PATIENCE: Duration = Duration::from_secs(10);
/// Scripts that look at ever more things are ended.
const ROUNDS: usize = 64;
/// The most of an output that a check reads.
const PRINTED: u64 = 16 << 20;

/// What is being judged.
#[derive(Default)]
pub(super) struct Judgements {
    open: Vec<Open>,
    news: Option<News>,
    number: u64,
}

struct Open {
    number: u64,
    judging: Judging,
    probed: Vec<(Probe, Fact)>,
    // Those that no record holds yet.
    fresh: usize,
    rounds: usize,
    // When a server is looked at again, and until when.
    due: Option<Duration>,
    until: Duration,
}

struct News {
    wake: Arc<OwnedFd>,
    found: Receiver<(u64, Vec<(Probe, Fact)>)>,
    tell: Sender<(u64, Vec<(Probe, Fact)>)>,
}

enum Came {
    Needs(Vec<Probe>),
    To(Vec<EventKind>, Result<bool, String>),
}

impl Judgements {
    /// Returns what to poll while something is looked at.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.news.as_ref().map(|it| it.wake.as_fd())
    }

    /// Returns when something is to be judged again, since boot.
    pub(super) fn due(&self) -> Option<Duration> {
        self.open.iter().filter_map(|it| it.due).min()
    }
}

impl Engine<'_> {
    /// Begins to judge.
    pub(super) fn judge(&mut self, judging: Judging) {
        let state = self.parts.journal.state();
        let probed = match &judging.of {
            // Judged again after a crash: from what was found then.
            Judged::Attempt(_) | Judged::Ready(_) => state
                .step(&judging.step)
                .map(|(_, it)| it.probed.clone())
                .unwrap_or_default(),
            Judged::Condition(_) => Vec::new(),
        };
        let patience = self
            .parts
            .plan
            .step(&judging.step)
            .and_then(|it| it.settings.timeout);
        self.judgements.number += 1;
        let open = Open {
            number: self.judgements.number,
            judging,
            fresh: probed.len(),
            probed,
            rounds: 0,
            due: None,
            until: clock::since_boot() + patience.unwrap_or(READY),
        };
        self.judge_once(open);
    }

    /// Goes on with what was looked at, or is due.
    pub(super) fn judge_more(&mut self) {
        let mut ready: Vec<Open> = Vec::new();
        if let Some(news) = &self.judgements.news {
            let mut count = [0; 8];
            let _ = rustix::io::read(&*news.wake, &mut count);
            while let Ok((number, found)) = news.found.try_recv() {
                let open = &mut self.judgements.open;
                if let Some(at) = open.iter().position(|it| it.number == number) {
                    let mut it = open.remove(at);
                    it.probed.extend(found);
                    ready.push(it);
                }
            }
        }
        let now = clock::since_boot();
        let is_due = |it: &mut Open| it.due.is_some_and(|due| due <= now);
        ready.extend(self.judgements.open.extract_if(.., is_due));
        for open in ready {
            self.judge_once(open);
        }
    }

    fn judge_once(&mut self, mut open: Open) {
        open.due = None;
        open.rounds += 1;
        self.count_printed(&mut open);
        let came = if open.rounds > ROUNDS {
            Came::To(Vec::new(), Err("it looks at ever more things".to_owned()))
        } else {
            self.evaluate(&open)
        };
        match came {
            Came::Needs(probes) if open.tell_late(&probes) => self.judge_once(open),
            Came::Needs(probes) => {
                self.look_at(open.number, &open.judging.step, probes);
                self.judgements.open.push(open);
            }
            Came::To(_, answer)
                if matches!(open.judging.of, Judged::Ready(_))
                    && answer != Ok(true)
                    && !open.is_late()
                    && clock::since_boot() < open.until
                    && self.lives(&open.judging) =>
            {
                open.due = Some(clock::since_boot() + POLL);
                (open.rounds, open.fresh) = (0, 0);
                open.probed.clear();
                self.judgements.open.push(open);
            }
            Came::To(judged, answer) => {
                let nonce = match &open.judging.of {
                    Judged::Attempt(exited) => exited.nonce.clone(),
                    Judged::Ready(nonce) => nonce.clone(),
                    Judged::Condition(_) => String::new(),
                };
                let fresh = open.probed.drain(open.fresh..);
                let mut events: Vec<EventKind> = fresh
                    .map(|(look, fact)| EventKind::CheckProbed {
                        step: open.judging.step.clone(),
                        nonce: nonce.clone(),
                        look,
                        fact,
                    })
                    .collect();
                events.extend(judged);
                self.inputs.push_back(Input::Judged {
                    judging: open.judging,
                    events,
                    answer,
                });
            }
        }
    }

    // Whether the server that is waited for still runs.
    fn lives(&self, judging: &Judging) -> bool {
        let Judged::Ready(nonce) = &judging.of else {
            return true;
        };
        let mut running = self.parts.session.running();
        running.any(|(_, it)| it == nonce)
    }

    fn look_at(&mut self, number: u64, id: &StepId, probes: Vec<Probe>) {
        let folder = self.parts.plan.step(id).map(|step| {
            let carried = self.parts.journal.state().carried(id, &[]);
            self.cwd(step, carried.cwd.as_ref())
        });
        let folder = folder.unwrap_or(Text::Plain("/".to_owned())).to_bytes();
        let folder = PathBuf::from(OsStr::from_bytes(&folder));
        if self.judgements.news.is_none() {
            let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
            let Ok(wake) = eventfd(0, flags) else {
                return;
            };
            let (tell, found) = channel();
            self.judgements.news = Some(News {
                wake: Arc::new(wake),
                found,
                tell,
            });
        }
        let Some(news) = &self.judgements.news else {
            return;
        };
        let (tell, wake) = (news.tell.clone(), Arc::clone(&news.wake));
        let look = move || {
            let found = probes.into_iter().map(|it| {
                let fact = probe::probe(&it, &folder, LOOK);
                (it, fact)
            });
            let _ = tell.send((number, found.collect()));
            let _ = rustix::io::write(&*wake, &1_u64.to_ne_bytes());
        };
        let _ = std::thread::Builder::new()
            .name("looks".to_owned())
            .spawn(look);
    }

    fn evaluate(&self, open: &Open) -> Came {
        let plan = &self.parts.plan;
        let Some(step) = plan.step(&open.judging.step) else {
            return Came::To(Vec::new(), Err("the plan has no such step".to_owned()));
        };
        let state = self.parts.journal.state();
        let attempt = state.step(&step.id).map_or(0, |(_, it)| it.attempts);
        let own = match &open.judging.of {
            Judged::Attempt(exited) => Some(self.step_facts(exited, attempt, true)),
            Judged::Ready(_) => {
                let (stdout, stderr) = self.printed_by_now(&step.id, attempt, open.printed());
                Some(StepFacts {
                    stdout: stdout.into(),
                    stderr: stderr.into(),
                    attempt,
                    truncated: open.printed() > limits::PRINTED as u64,
                    ..StepFacts::default()
                })
            }
            Judged::Condition(_) => None,
        };
        let steps = self.ended(step, texts(step, &open.judging.of));
        let inputs: BTreeMap<String, String> = plan
            .inputs
            .iter()
            .map(|it| (it.name.clone(), it.value.clone()))
            .collect();
        let run = RunFacts {
            id: self.parts.folder.run().to_owned(),
            title: plan.runbook.title.clone(),
            document: plan.document.clone(),
            folder: plan.cwd.display().to_string(),
        };
        let facts = Facts {
            step: own.as_ref(),
            steps: &steps,
            inputs: &inputs,
            values: &BTreeMap::new(),
            run: &run,
            probed: &open.probed,
            patience: &Patience::new(patience(), clock::since_boot),
        };
        match &open.judging.of {
            Judged::Attempt(exited) => asserted(step, exited, &facts),
            Judged::Condition(which) => {
                let condition = match which {
                    Which::If => &step.settings.only_if,
                    Which::Unless => &step.settings.unless,
                };
                match condition {
                    Some(Condition::Holds(expression)) => condition_of(expression, &facts),
                    _ => Came::To(Vec::new(), Err("it is no expression".to_owned())),
                }
            }
            Judged::Ready(_) => {
                let service = step.settings.background.as_ref();
                match service.and_then(|it| it.ready.as_ref()) {
                    Some(expression) => condition_of(expression, &facts),
                    None => Came::To(Vec::new(), Ok(true)),
                }
            }
        }
    }

    // What is known of the steps that have ended; what they printed only where somebody asks.
    fn ended(&self, but: &Step, texts: String) -> BTreeMap<StepId, StepFacts> {
        let state = self.parts.journal.state();
        if !texts.contains("steps") {
            return BTreeMap::new();
        }
        // The end of the step before may be on its way to the disk, with the start of another.
        let Ok(ahead) = state.look_ahead(self.parts.session.pending()) else {
            return BTreeMap::new();
        };
        let all =
            (0..state.steps().len()).filter_map(|at| Some((ahead.planned(at)?, ahead.at(at))));
        let all = all.filter(|(planned, _)| planned.id != but.id);
        let mut ended = BTreeMap::new();
        for (planned, step) in all {
            let Some(exited) = &step.exited else { continue };
            let row = self.same_row(but, &planned.id);
            let is_named = |id: &StepId| texts.contains(id.as_str());
            let reads = is_named(&planned.id) || row.is_some_and(is_named);
            let mut facts = self.step_facts(exited, step.attempts, reads);
            if let Phase::Finished(verdict) = step.phase {
                facts.verdict = Some(verdict);
            }
            if let Some(id) = row {
                ended.insert(id.clone(), facts.clone());
            }
            ended.insert(planned.id.clone(), facts);
        }
        ended
    }

    // What a step of a table's row calls another of the same row: by the id that the document gives it.
    fn same_row(&self, step: &Step, other: &StepId) -> Option<&StepId> {
        let table = step.settings.each.as_ref()?;
        let other = self.parts.plan.step(other)?;
        let is_same = other.settings.each.as_ref() == Some(table) && row_of(other) == row_of(step);
        other.settings.row_of.as_ref().filter(|_| is_same)
    }

    fn step_facts(&self, exited: &AttemptExited, attempt: u32, reads: bool) -> StepFacts {
        let (status, signal) = match exited.exit {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal(number) => (None, Some(number)),
            Exit::NotStarted(_) => (None, None),
        };
        let output = exited.output.as_ref().filter(|_| reads);
        let (stdout, stderr, truncated) = output.map(|it| self.printed(it)).unwrap_or_default();
        StepFacts {
            status,
            signal,
            stdout: stdout.into(),
            stderr: stderr.into(),
            ms: exited.ms,
            attempt,
            truncated,
            ..StepFacts::default()
        }
    }

    // What a step printed, by stream, as its log and the index of it tell.
    fn printed(&self, output: &Output) -> (String, String, bool) {
        let length = output.stored.min(PRINTED);
        let (out, err) = self.by_stream(&output.log, 0..length);
        (out, err, output.bytes > length)
    }

    // What of a running server its condition sees is recorded: judged again, it sees the same.
    fn count_printed(&self, open: &mut Open) {
        let is_known = open.probed.iter().any(|it| it.0 == Probe::Printed);
        let id = &open.judging.step;
        let (Judged::Ready(_), Some(step), false) =
            (&open.judging.of, self.parts.plan.step(id), is_known)
        else {
            return;
        };
        if texts(step, &open.judging.of).contains("step") {
            let attempts = self.parts.journal.state().step(id);
            let attempt = attempts.map_or(0, |(_, it)| it.attempts);
            let index = self.index(&log_of(id, attempt));
            let bytes: u64 = stretches(&index).map(|it| it.1).sum();
            let fact = Fact::Found(bytes.into());
            open.probed.push((Probe::Printed, fact));
        }
    }

    // The last of it, as much as a script may read.
    fn printed_by_now(&self, id: &StepId, attempt: u32, length: u64) -> (String, String) {
        let from = length.saturating_sub(limits::PRINTED as u64);
        self.by_stream(&log_of(id, attempt), from..length)
    }

    fn index(&self, log: &str) -> String {
        let index = self.parts.folder.path().join(log).with_extension("idx");
        std::fs::read_to_string(index).unwrap_or_default()
    }

    // These bytes of a log: what came on standard output, and what came on standard error.
    fn by_stream(&self, log: &str, range: Range<u64>) -> (String, String) {
        let length = range.end.saturating_sub(range.start) as usize;
        if length == 0 {
            return (String::new(), String::new());
        }
        let outputs = StoredOutputs::of(&self.parts.folder);
        let part = outputs.part(log, range.start, length);
        let part = part.unwrap_or_default();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (mut rest, mut before) = (part.as_slice(), range.start);
        for (stream, length) in stretches(&self.index(log)) {
            let skipped = before.min(length);
            before -= skipped;
            let length = (length - skipped) as usize;
            let (part, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            match stream {
                "err" => err.extend_from_slice(part),
                _ => out.extend_from_slice(part),
            }
        }
        out.extend_from_slice(rest);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (text(out), text(err))
    }
}

impl Open {
    // Answers a script that ran out of time; says whether one did.
    fn tell_late(&mut self, probes: &[Probe]) -> bool {
        let is_late = |it: &&Probe| matches!(it, Probe::Patience { .. });
        let late = probes.iter().filter(is_late).cloned();
        let before = self.probed.len();
        let ms = patience().as_millis() as u64;
        self.probed
            .extend(late.map(|it| (it, Fact::Found(ms.into()))));
        self.probed.len() > before
    }

    fn is_late(&self) -> bool {
        let mut probed = self.probed.iter();
        probed.any(|it| matches!(it.0, Probe::Patience { .. }))
    }

    // How many bytes of what a server prints its condition sees.
    fn printed(&self) -> u64 {
        let mut probed = self.probed.iter();
        let found = probed.find(|it| it.0 == Probe::Printed);
        match found {
            Some((_, Fact::Found(bytes))) => bytes.as_u64().unwrap_or_default(),
            _ => 0,
        }
    }
}

fn patience() -> Duration {
    #[cfg(feature = "testing")]
    if let Some(ms) = std::env::var("RUNBOOK_TEST_PATIENCE_MS")
        .ok()
        .and_then(|it| it.parse().ok())
    {
        return Duration::from_millis(ms);
    }
    PATIENCE
}

// What tells the rows of a step apart: the end of its id.
fn row_of(step: &Step) -> Option<&str> {
    let of = step.settings.row_of.as_ref()?;
    step.id.as_str().strip_prefix(of.as_str())
}

// The lines of an index: which stream, and how many bytes.
fn stretches(index: &str) -> impl Iterator<Item = (&str, u64)> {
    index.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?.parse().ok()?))
    })
}

// The text of all that is judged of the step now.
fn texts(step: &Step, of: &Judged) -> String {
    use crate::model::Check;
    let settings = &step.settings;
    let mut found: Vec<&str> = Vec::new();
    match of {
        Judged::Attempt(_) => {
            found.extend(step.checks.iter().filter_map(|it| match it {
                Check::Script(script) => Some(script.source.as_str()),
                Check::Output { .. } => None,
            }));
            found.extend(settings.until.as_ref().map(|it| it.source.as_str()));
        }
        Judged::Condition(_) => {
            let both = [&settings.only_if, &settings.unless];
            found.extend(both.into_iter().filter_map(|it| match it {
                Some(Condition::Holds(it)) => Some(it.source.as_str()),
                _ => None,
            }));
        }
        Judged::Ready(_) => {
            let ready = settings
                .background
                .as_ref()
                .and_then(|it| it.ready.as_ref());
            found.extend(ready.map(|it| it.source.as_str()));
        }
    }
    found.join("\n")
}

// Every check, and `until`: all of them, so that all that is wrong is told at once.
fn asserted(step: &Step, exited: &AttemptExited, facts: &Facts<'_>) -> Came {
    let mut events = Vec::new();
    let mut failed: Option<String> = None;
    let checks = step.checks.iter().map(|it| judge(it, facts));
    let until = step.settings.until.iter().map(|it| holds(it, facts));
    for judgement in checks.chain(until) {
        match judgement {
            Judgement::Needs(probes) => return Came::Needs(probes),
            Judgement::Judged(judged) => {
                if !judged.holds && failed.is_none() {
                    failed = Some(said(&judged));
                }
                events.push(EventKind::CheckJudged {
                    step: step.id.clone(),
                    nonce: exited.nonce.clone(),
                    judged,
                });
            }
        }
    }
    Came::To(events, failed.map_or(Ok(true), Err))
}

fn condition_of(expression: &Expression, facts: &Facts<'_>) -> Came {
    match holds(expression, facts) {
        Judgement::Needs(probes) => Came::Needs(probes),
        Judgement::Judged(judged) if judged.holds => Came::To(Vec::new(), Ok(true)),
        Judgement::Judged(judged) if judged.message.starts_with(FALSE) => {
            Came::To(Vec::new(), Ok(false))
        }
        Judgement::Judged(judged) => Came::To(Vec::new(), Err(said(&judged))),
    }
}

fn said(judged: &crate::model::Judged) -> String {
    format!(
        "the check of line {} fails: {}",
        judged.line, judged.message
    )
}
