//! The one vocabulary of a run: what the journal stores, what every reporter reads.
//! Only data; whether an event may follow another is `state`'s to say.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::model::{Effect, Fact, Judged, Probe, StepId, WrittenFile};

/// The version of the vocabulary that this program writes.
pub const VERSION: u32 = 1;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The version of the vocabulary: [`VERSION`].
    pub v: u32,
    /// From 0, without gaps.
    pub seq: u64,
    /// The highest `seq` that was synced when this line was written; -1 for none.
    pub durable: i64,
    /// How many engines have owned the run before this one.
    pub epoch: u32,
    /// The hash of the line before, 64 hexadecimal digits; for the first line 64 zeros.
    pub prev: String,
    /// UTC, RFC 3339 with milliseconds.
    pub wall: String,
    /// Nanoseconds since boot, suspended time included.
    pub mono: u64,
    /// The kernel's boot id.
    pub boot_id: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. Named `kind` in the journal, with its fields beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum EventKind {
    /// The run exists; binds its id, the snapshot and the plan.
    #[serde(rename = "run.opened")]
    RunOpened(Box<RunOpened>),
    /// Another engine took the run over.
    #[serde(rename = "run.resumed")]
    RunResumed(RunResumed),
    /// A torn tail of the journal was set aside.
    #[serde(rename = "recovered")]
    Recovered {
        /// Bytes that were moved.
        bytes: u64,
        /// The file in the run's folder that holds them now.
        tail: String,
    },
    /// The run goes on with another version of the document.
    #[serde(rename = "runbook.adopted")]
    RunbookAdopted(Box<RunbookAdopted>),
    /// A held attempt is about to be released.
    #[serde(rename = "step.starting")]
    StepStarting(StepStarting),
    /// The attempt ended, and how.
    #[serde(rename = "attempt.exited")]
    AttemptExited(Box<AttemptExited>),
    /// The attempt was never released: nothing of it ran.
    #[serde(rename = "attempt.void")]
    AttemptVoid {
        /// Its step.
        step: StepId,
        /// Which attempt.
        nonce: String,
        /// What shows it.
        because: String,
    },
    /// Nobody can know how the attempt ended.
    #[serde(rename = "attempt.unknown")]
    AttemptUnknown {
        /// Its step.
        step: StepId,
        /// Which attempt.
        nonce: String,
        /// What is known.
        because: String,
    },
    /// The operator changed the step's body for this run.
    #[serde(rename = "step.edited")]
    StepEdited {
        /// Which.
        step: StepId,
        /// The new body, whole.
        body: String,
        /// Unified diff from the body before.
        diff: String,
    },
    /// What runs is the step's body with the values that its placeholders were given.
    #[serde(rename = "step.filled")]
    StepFilled {
        /// Which.
        step: StepId,
        /// The body with its values, whole; secrets are `***`.
        body: String,
        /// Unified diff from the body of the document.
        diff: String,
    },
    /// A placeholder got its value, for the whole run.
    #[serde(rename = "value.given")]
    ValueGiven {
        /// Its name.
        name: String,
        /// Its value; absent for a secret, which is not kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
        /// `prompt`, `--set`, `--inputs FILE`, `environment`.
        source: String,
        /// Who gave it.
        by: String,
    },
    /// Steps may leave this machine for this host, for the whole run.
    #[serde(rename = "host.confirmed")]
    HostConfirmed {
        /// Its name, without a user.
        host: String,
        /// Who confirmed it.
        by: String,
    },
    /// What becomes of the steps that the document means for the operator's own computer.
    #[serde(rename = "workstation.decided")]
    WorkstationDecided {
        /// What was answered.
        decision: Elsewhere,
        /// The machine that the run is on.
        host: String,
        /// Who decided.
        by: String,
    },
    /// The attempt is not ok, and the step is tried again by itself.
    #[serde(rename = "step.retrying")]
    StepRetrying {
        /// Which.
        step: StepId,
        /// The attempt that is not ok.
        nonce: String,
        /// Why it is not.
        because: String,
        /// How long the pause before the next attempt is, in milliseconds.
        pause_ms: u64,
    },
    /// A check, or a condition, asked for a look at the world.
    #[serde(rename = "check.probed")]
    CheckProbed {
        /// The step that it is about.
        step: StepId,
        /// The attempt that is judged; empty for what must hold before one.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        nonce: String,
        /// What was looked at.
        look: Probe,
        /// What was found.
        fact: Fact,
    },
    /// What was asserted of an attempt was judged.
    #[serde(rename = "check.judged")]
    CheckJudged {
        /// The step.
        step: StepId,
        /// The attempt.
        nonce: String,
        /// What it came to.
        judged: Judged,
    },
    /// A server was started: it runs while the steps after it do.
    #[serde(rename = "service.started")]
    ServiceStarted {
        /// Its step.
        step: StepId,
        /// Which attempt.
        nonce: String,
    },
    /// The server is ready: the steps that need it may begin.
    #[serde(rename = "service.ready")]
    ServiceReady {
        /// Its step.
        step: StepId,
        /// Which attempt.
        nonce: String,
    },
    /// The server does not serve this run any more.
    #[serde(rename = "service.stopped")]
    ServiceStopped {
        /// Its step.
        step: StepId,
        /// Which attempt.
        nonce: String,
        /// Why: the run is over, or the session is.
        because: String,
    },
    /// What was done is undone: these steps run, in this order.
    #[serde(rename = "undo.started")]
    UndoStarted {
        /// The step that failed.
        failed: StepId,
        /// The `undo-of` steps, the one of the last step that ran first.
        steps: Vec<StepId>,
        /// Who wanted it.
        by: String,
    },
    /// The step is over.
    #[serde(rename = "step.finished")]
    StepFinished {
        /// Which.
        step: StepId,
        /// How it ended.
        verdict: Verdict,
        /// Why, where the verdict alone does not say: a skip's reason, who asserted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// The operator was asked, and answered.
    #[serde(rename = "operator.decided")]
    OperatorDecided {
        /// The step that it was about, if one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
        /// What was asked, as shown.
        question: String,
        /// What was answered.
        decision: Decision,
        /// Who.
        by: String,
    },
    /// A remark of the operator.
    #[serde(rename = "note")]
    Note {
        /// The step that it is about, if one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
        /// Its text.
        text: String,
        /// Who wrote it.
        by: String,
    },
    /// The engine, or the step, was told to stop, wait or detach.
    #[serde(rename = "signal")]
    Signal {
        /// `SIGINT`, `SIGTERM`, `SIGHUP`, or `stop` for `runbook stop`.
        name: String,
        /// What was done: `interrupt`, `terminate`, `kill`, `detach`, `stop-after`, `wait`, `stop`.
        action: String,
    },
    /// Nothing more will happen in this run.
    #[serde(rename = "run.closed")]
    RunClosed {
        /// How it ended.
        result: Closing,
        /// `close --reason`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Who closed it; absent when it closed itself by passing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// An event of a later version. Old readers show it as such and go on.
    #[serde(other, rename = "unknown")]
    Unknown,
}

/// The first event of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunOpened {
    /// The run's ULID.
    pub run: String,
    /// The runbook's title.
    pub title: String,
    /// The document's absolute path; `-` for standard input.
    pub file: String,
    /// SHA-256 of the snapshot `runbook.md`, hexadecimal.
    pub snapshot: String,
    /// Whether the document is a declared runbook.
    pub declared: bool,
    /// Versions: `runbook`, and each interpreter of the selected steps as it names itself.
    pub versions: Vec<(String, String)>,
    /// Who started it.
    pub operator: Operator,
    /// `--reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The start folder, absolute.
    pub cwd: String,
    /// The folder that the operator stood in, absolute: `resume` without a run looks for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub called_from: String,
    /// What of the document was chosen, and what was allowed.
    pub request: Request,
    /// The inputs with their values.
    pub inputs: Vec<InputValue>,
    /// The steps, in order.
    pub steps: Vec<PlannedStep>,
    /// What of the document is not part of this run.
    pub left_out: Vec<LeftOut>,
    /// Names (never values) of the inherited environment.
    pub environment: Vec<String>,
    /// The run of the same document before this one, and its head: a hint, not a proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// The run goes on with another version of the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookAdopted {
    /// The file in the run's folder that holds the document from now on: `runbook.2.md`.
    pub file: String,
    /// SHA-256 of it, hexadecimal.
    pub snapshot: String,
    /// The runbook's title now.
    pub title: String,
    /// The steps, in order.
    pub steps: Vec<PlannedStep>,
    /// What of the document is not part of this run.
    pub left_out: Vec<LeftOut>,
    /// Who adopted it.
    pub by: String,
}

/// The run before, of the same document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Its ULID.
    pub run: String,
    /// The hash of its last line.
    pub head: String,
}

/// What the operator asked for on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// SECTION arguments, as resolved paths (`Troubleshooting/MySQL`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<String>,
    /// `--only`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// `--from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `--to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// `--skip`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<String>,
    /// `--tag`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `--yes`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub yes: bool,
    /// `--allow`: `destroys`, `unknown`, `overwrite`, `workstation`, `host=NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// `--on-failure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// `--jobs`: how many steps run side by side; one, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<u32>,
}

/// What a failure does to the rest of the run, where nobody is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Nothing more is started, but what `always` runs.
    Stop,
    /// As `stop`; then what was done is undone.
    Undo,
    /// Steps that do not need the one that failed go on. So it is where nothing is said.
    Continue,
}

/// One step of the plan, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Its id.
    pub id: StepId,
    /// What a person reads.
    pub title: String,
    /// The section's path, joined with ` / `.
    pub section: String,
    /// Its line in the snapshot.
    pub line: u32,
    /// The name of its language; absent for a manual item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The body, or what the person is to do.
    pub body: String,
    /// The command that the document names for a manual item, which may be run instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<PlannedOffer>,
    /// What it does to the world.
    pub effect: Effect,
    /// May be repeated when its outcome is unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idempotent: bool,
    /// Exit codes that count as ok; 0 alone, when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exit: Vec<i32>,
    /// How it is started.
    #[serde(default, skip_serializing_if = "Setup::is_usual")]
    pub setup: Setup,
    /// When it runs, and what follows.
    #[serde(default, skip_serializing_if = "Flow::is_usual")]
    pub flow: Flow,
}

/// How a step is started: what its attributes say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The user that it runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The file that it reads from standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// The interpreter of the user's config that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// The file that its body becomes: then no interpreter runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<WrittenFile>,
    /// It is handed the terminal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interactive: bool,
}

impl Setup {
    /// Returns whether nothing of it is said.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Says with what, as whom and from what a step in `language` runs.
    pub fn told(&self, language: &str) -> String {
        let language = match &self.file {
            Some(_) => "file",
            None => self.with.as_deref().unwrap_or(language),
        };
        let mut told = language.to_owned();
        if let Some(user) = &self.user {
            told.push_str(" as ");
            told.push_str(user);
        }
        if let Some(stdin) = &self.stdin {
            told.push_str(" < ");
            told.push_str(stdin);
        }
        if self.interactive {
            told.push_str(", interactive");
        }
        told
    }
}

/// When a step runs, and what follows: what its attributes say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The steps that must be ok before it; absent for all that stand before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Vec<StepId>>,
    /// It runs only where this holds: `#step`, or an expression.
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    pub only_if: Option<String>,
    /// It is done already where this holds: `#step`, or an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<String>,
    /// How often it is tried again after a failure.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// It is tried until this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// It runs also after a failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub always: bool,
    /// Its failure is recorded and gone on from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_fail: bool,
    /// It undoes this step, and runs only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_of: Option<StepId>,
    /// It is a server that later steps need.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
    /// The server is ready once this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
    /// The server is left running at the end of the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays: bool,
    /// Its trimmed output becomes the value of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<String>,
    /// What it gives to later steps is never shown, and in no record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// The row of a table that it runs for: the table, and its number from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<(String, u32)>,
}

impl Flow {
    /// Returns whether nothing of it is said.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the steps that `if` and `unless` name.
    pub fn guards(&self) -> impl Iterator<Item = StepId> {
        let named = [&self.only_if, &self.unless].into_iter().flatten();
        named.filter_map(|it| StepId::new(it.strip_prefix('#')?))
    }
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

impl PlannedStep {
    /// Returns whether the other step does the same: its place in the document aside.
    pub fn is_like(&self, other: &Self) -> bool {
        self.language == other.language
            && self.body == other.body
            && self.offered == other.offered
            && self.setup == other.setup
    }

    /// Returns whether something of it can be started.
    pub fn can_run(&self) -> bool {
        self.language.is_some() || self.offered.is_some()
    }
}

/// A command that may be run instead of doing a manual item by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedOffer {
    /// The name of its language.
    pub language: String,
    /// The command.
    pub body: String,
}

/// Something of the document that this run does not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The step's id.
    pub id: StepId,
    /// What a person reads.
    pub title: String,
    /// Its line in the snapshot.
    pub line: u32,
    /// Why: `on demand`, `not selected`, `--skip`, `ticked in the document`.
    pub because: String,
}

/// The value of an input, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputValue {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// `--set`, `--inputs FILE`, `environment`, `default`, `prompt`.
    pub source: String,
}

/// A person at a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Login name, or the uid where there is none.
    pub user: String,
    /// Numeric user id.
    pub uid: u32,
    /// The login name before `sudo`, where that is how it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<String>,
    /// The machine's host name.
    pub host: String,
    /// Whether someone could be asked.
    pub terminal: bool,
}

/// Another engine took the run over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResumed {
    /// Who.
    pub operator: Operator,
    /// What had survived: `the keeper and its step`, `the machine, not the keeper`, `nothing: the machine was restarted`.
    pub survived: String,
    /// Whether the document has changed since the snapshot was taken.
    pub file_changed: bool,
}

/// A held attempt is about to be released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStarting {
    /// Its step.
    pub step: StepId,
    /// From 1.
    pub attempt: u32,
    /// Random, unique: 26 characters. Also `$RUNBOOK_ATTEMPT` in the step's environment.
    pub nonce: String,
    /// The process that waits at the gate.
    pub identity: Identity,
    /// SHA-256 of the command as it is handed to the interpreter, hexadecimal.
    pub command: String,
}

/// A process, so that it is never mistaken for another with the same number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its number.
    pub pid: u32,
    /// When it started: clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_time: u64,
    /// The kernel's boot id.
    pub boot_id: String,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The interpreter could not be started: the operating system's error number.
    NotStarted(i32),
}

/// Who ended a process that did not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    /// Its `timeout=`.
    Timeout,
    /// The operator interrupted or killed this step.
    Operator,
    /// The run was told to stop.
    Stop,
    /// The session is over, and with it its server.
    End,
}

/// The attempt ended, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptExited {
    /// Its step.
    pub step: StepId,
    /// Which attempt.
    pub nonce: String,
    /// How.
    pub exit: Exit,
    /// Who ended it, if it did not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// From release to reaping, in milliseconds.
    pub ms: u64,
    /// What it printed; absent when nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// What it changed of the environment; absent when that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Delta>,
    /// The Markdown line and the command that failed, where the interpreter told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<FailedAt>,
    /// Processes of the step that live on: `PID name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_running: Vec<String>,
    /// What else a person should know: "carries no environment: …".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// What it gives to later steps, by name: with `{secret:NAME}` where a secret stands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// Why what it was to give cannot be taken: then it is not ok.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
}

/// What a step printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Path in the run's folder: `output/backup-1.log`; empty where nothing of it is stored.
    pub log: String,
    /// Bytes that were printed, secrets masked.
    pub bytes: u64,
    /// Bytes that the log holds; fewer than `bytes` when the cap was reached.
    pub stored: u64,
    /// SHA-256 of all that was printed, secrets masked, hexadecimal; empty where the step's output is
    /// private, for the digest of a short text tells the text.
    pub digest: String,
    /// SHA-256 of what the log holds; absent when that is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_digest: Option<String>,
    /// Where in the log the head ends and the tail begins, when bytes between them were dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_at: Option<u64>,
    /// Why the log holds less than it was meant to: the disk did not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    /// Declared secrets that were masked in it, before it was counted, digested and stored.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub masked: u64,
    /// What else was masked because it looked like a secret, and how often: `a password`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detected: BTreeMap<String, u64>,
}

/// What a step changed of its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Names that were set, with their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<(String, Text)>,
    /// Names that were removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unset: Vec<String>,
    /// The working folder at its end, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Text>,
}

/// Bytes of the operating system: text where they are UTF-8, else hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Text {
    /// UTF-8.
    Plain(String),
    /// Anything else.
    Bytes {
        /// Two digits a byte.
        hex: String,
    },
}

impl Text {
    /// Returns the text of these bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Plain(text.to_owned()),
            Err(_) => Self::Bytes { hex: hex(bytes) },
        }
    }

    /// Returns its bytes; digits that are not hexadecimal are left out.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Plain(text) => text.clone().into_bytes(),
            Self::Bytes { hex } => hex
                .as_bytes()
                .chunks_exact(2)
                .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect(),
        }
    }
}

// By hand: an untagged enum is buffered before it is understood, and environments are many.
impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or bytes as {\"hex\": …}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text::Plain(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Text, E> {
                Ok(Text::Plain(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                match map.next_entry::<String, String>()? {
                    Some((name, hex)) if name == "hex" => Ok(Text::Bytes { hex }),
                    _ => Err(de::Error::custom("bytes are written as {\"hex\": …}")),
                }
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where a step failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAt {
    /// The line of the Markdown file, from 1.
    pub line: u32,
    /// The command that failed, as the interpreter names it; may be empty.
    pub command: String,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It ran, and its exit code is accepted.
    Ok,
    /// It ran, and is not ok.
    Failed,
    /// It did not run, by decision.
    Skipped,
    /// A person says that it is done.
    OperatorAsserted,
}

/// What the operator answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Run this step (or go on with the run).
    Run,
    /// Run all that is left without asking.
    RunAll,
    /// Ask before each step.
    StepByStep,
    /// Run a finished or unknown step again.
    Rerun,
    /// It is done; a person says so.
    Done,
    /// Do not run it.
    Skip,
    /// Undo what was done.
    Undo,
    /// Open a shell in the environment of the step, and ask again.
    Shell,
    /// Stop here; the run stays open.
    Stop,
}

/// What becomes of steps that are meant for another machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Elsewhere {
    /// They run here, as any step.
    Here,
    /// They are skipped.
    Skip,
    /// Each is asked about.
    Each,
}

/// How a run was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    /// Every step is ok, skipped or asserted.
    Passed,
    /// Closed by a person while a step had failed or was unknown.
    Failed,
    /// Closed by a person while steps were still to run.
    Left,
    /// Closed by a person after the run was told to stop a step.
    Stopped,
}
