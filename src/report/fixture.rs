//! Runs to tell, for the tests of this floor.

use std::collections::BTreeMap;
use std::io;

use super::{Colour, Detail, Look, Outputs, Surface};
use crate::event::{
    AttemptExited, Decision, Event, EventKind, Exit, FailedAt, Flow, Identity, InputValue, LeftOut,
    Operator, Output, PlannedStep, Request, RunOpened, RunResumed, Setup, StepStarting, Verdict,
};
use crate::model::{Effect, StepId};

/// Logs by their path.
#[derive(Default)]
pub(super) struct Logs(BTreeMap<String, Vec<u8>>);

impl Logs {
    pub(super) fn of(log: &str, bytes: &[u8]) -> Self {
        Self(BTreeMap::from([(log.to_owned(), bytes.to_vec())]))
    }
}

impl Outputs for Logs {
    fn read(&self, output: &Output, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let bytes = self.0.get(&output.log).ok_or(io::ErrorKind::NotFound)?;
        let from = bytes.len().min(offset as usize);
        Ok(bytes[from..bytes.len().min(from + length)].to_vec())
    }
}

pub(super) fn output(log: &str, bytes: usize) -> Output {
    Output {
        log: log.to_owned(),
        bytes: bytes as u64,
        stored: bytes as u64,
        digest: "d1".repeat(32),
        stored_digest: None,
        gap_at: None,
        lost: None,
        masked: 0,
        detected: BTreeMap::new(),
    }
}

pub(super) fn id(text: &str) -> StepId {
    StepId::new(text).unwrap()
}

pub(super) fn person(user: &str, uid: u32) -> Operator {
    Operator {
        user: user.into(),
        uid,
        sudo_user: None,
        host: "web1".into(),
        terminal: true,
    }
}

pub(super) fn step(name: &str, title: &str, line: u32) -> PlannedStep {
    PlannedStep {
        id: id(name),
        title: title.to_owned(),
        section: title.to_owned(),
        line,
        language: Some("bash".to_owned()),
        body: format!("do-{name}\n"),
        offered: None,
        effect: Effect::Changes,
        idempotent: false,
        exit: Vec::new(),
        setup: Setup::default(),
        flow: Flow::default(),
    }
}

pub(super) fn by_hand(name: &str, title: &str, line: u32) -> PlannedStep {
    PlannedStep {
        language: None,
        effect: Effect::Unknown,
        ..step(name, title, line)
    }
}

pub(super) fn opened(steps: Vec<PlannedStep>) -> RunOpened {
    RunOpened {
        run: "01J9ZZZZZZZZZZZZZZZZZZZZZZ".to_owned(),
        title: "Deploy the shop".to_owned(),
        file: "/srv/manuals/deploy.md".to_owned(),
        snapshot: "5a".repeat(32),
        declared: true,
        versions: vec![
            ("runbook".to_owned(), "0.1.0".to_owned()),
            ("bash".to_owned(), "GNU bash, version 5.2.15".to_owned()),
        ],
        operator: person("ana", 1000),
        reason: Some("quarterly drill".to_owned()),
        cwd: "/srv".to_owned(),
        called_from: "/srv".to_owned(),
        request: Request::default(),
        inputs: vec![InputValue {
            name: "version".to_owned(),
            value: "v1.2.3".to_owned(),
            source: "--set".to_owned(),
        }],
        steps,
        left_out: vec![LeftOut {
            id: id("rollback"),
            title: "Roll the database back".to_owned(),
            line: 80,
            because: "on demand".to_owned(),
        }],
        environment: vec!["HOME".to_owned(), "PATH".to_owned()],
        before: None,
    }
}

/// A journal that grows, a second an event.
#[derive(Default)]
pub(super) struct Tape {
    pub(super) events: Vec<Event>,
    pub(super) logs: Logs,
    attempts: BTreeMap<StepId, u32>,
    epoch: u32,
}

impl Tape {
    pub(super) fn open(opened: RunOpened) -> Self {
        let mut tape = Self::default();
        tape.add(EventKind::RunOpened(Box::new(opened)));
        tape
    }

    pub(super) fn add(&mut self, kind: EventKind) -> &mut Self {
        let seq = self.events.len() as u64;
        self.events.push(Event {
            v: 1,
            seq,
            durable: seq as i64 - 1,
            epoch: self.epoch,
            prev: "00".repeat(32),
            wall: format!("2026-05-04T10:{:02}:{:02}.123Z", seq / 60, seq % 60),
            mono: seq * 1_000_000_000,
            boot_id: "boot".to_owned(),
            kind,
        });
        self
    }

    pub(super) fn start(&mut self, step: &str) -> &mut Self {
        let attempt = self.attempts.entry(id(step)).or_default();
        *attempt += 1;
        let attempt = *attempt;
        self.add(EventKind::StepStarting(StepStarting {
            step: id(step),
            attempt,
            nonce: format!("{step}-{attempt}"),
            identity: Identity {
                pid: 100,
                start_time: 1,
                boot_id: "boot".to_owned(),
            },
            command: "c0".repeat(32),
        }))
    }

    pub(super) fn exited(&self, step: &str, exit: Exit) -> AttemptExited {
        AttemptExited {
            step: id(step),
            nonce: format!("{step}-{}", self.attempts.get(&id(step)).unwrap_or(&1)),
            exit,
            ended_by: None,
            ms: 412,
            output: None,
            environment: None,
            failed_at: None,
            left_running: Vec::new(),
            remarks: Vec::new(),
            values: BTreeMap::new(),
            unfit: None,
        }
    }

    /// Ends the running attempt; `change` tells what is special about it.
    pub(super) fn exit(
        &mut self,
        step: &str,
        exit: Exit,
        text: &[u8],
        change: impl FnOnce(&mut AttemptExited),
    ) -> &mut Self {
        let mut exited = self.exited(step, exit);
        if !text.is_empty() {
            let log = format!("output/{}.log", exited.nonce);
            exited.output = Some(output(&log, text.len()));
            self.logs.0.insert(log, text.to_vec());
        }
        change(&mut exited);
        self.add(EventKind::AttemptExited(Box::new(exited)))
    }

    pub(super) fn finish(&mut self, step: &str, verdict: Verdict, because: &str) -> &mut Self {
        let because = (!because.is_empty()).then(|| because.to_owned());
        self.add(EventKind::StepFinished {
            step: id(step),
            verdict,
            because,
        })
    }

    /// Runs a step to a good end.
    pub(super) fn ok(&mut self, step: &str, text: &str) -> &mut Self {
        self.start(step)
            .exit(step, Exit::Code(0), text.as_bytes(), |_| ())
            .finish(step, Verdict::Ok, "")
    }

    /// Runs a step to a bad end.
    pub(super) fn fails(&mut self, step: &str, text: &str) -> &mut Self {
        let at = FailedAt {
            line: 42,
            command: "pg_dump shop".to_owned(),
        };
        self.start(step)
            .exit(step, Exit::Code(1), text.as_bytes(), |exited| {
                exited.failed_at = Some(at);
            })
            .finish(step, Verdict::Failed, "")
    }

    pub(super) fn decide(&mut self, step: &str, decision: Decision, by: &str) -> &mut Self {
        self.add(EventKind::OperatorDecided {
            step: Some(id(step)),
            question: format!("What became of {step}?"),
            decision,
            by: by.to_owned(),
        })
    }

    pub(super) fn resume(&mut self, operator: Operator, survived: &str) -> &mut Self {
        self.epoch += 1;
        let survived = survived.to_owned();
        self.add(EventKind::RunResumed(RunResumed {
            operator,
            survived,
            file_changed: true,
        }))
    }
}

pub(super) fn look(width: usize, surface: Surface) -> Look {
    Look {
        width,
        surface,
        colour: Colour::None,
        detail: Detail::Brief,
    }
}

/// Returns `line 0`, `line 1`…, each with `more` behind it.
pub(super) fn numbered(numbers: std::ops::Range<u32>, more: &str) -> String {
    let lines: Vec<_> = numbers.map(|n| format!("line {n}{more}\n")).collect();
    lines.concat()
}
