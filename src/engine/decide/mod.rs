//! What to do next: a pure function of what is on the disk, the plan, and what just happened.
//! Touches nothing; a model check drives it through crashes after every action.
//!
//! `next` finds the steps that may begin, `begin` what must be asked before one of them does, `ends`
//! judges attempts, `back` undoes, `answers` and `signals` hear what people want.

mod answers;
mod back;
mod begin;
mod ends;
mod next;
mod session;
mod signals;

use crate::event::{
    AttemptExited, Decision, Elsewhere, EndedBy, EventKind, Identity, PlannedStep, Verdict,
};
use crate::keeper::protocol::{Ending, Message};
use crate::model::{Effect, StepId};
use crate::plan::{Existing, Manner, Plan};
use crate::state::State;
use crate::store::attempts::AttemptRecord;

pub use session::{OnTerm, Secret, Session, Which};

/// What just happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Nothing: go on.
    Go,
    /// The attempts that were asked for: those that the keeper holds, and those that could not be
    /// held, with the reason.
    Held {
        /// Held at their gates.
        held: Vec<Holding>,
        /// Not held.
        refused: Vec<(StepId, String)>,
    },
    /// These files are there, and the step would overwrite them.
    Looked {
        /// Which step.
        step: StepId,
        /// The files.
        found: Vec<Existing>,
    },
    /// What became of attempts is in the keeper's records.
    Ended(Vec<AttemptRecord>),
    /// The pause before the next attempt of this step is over.
    Woke(StepId),
    /// What was to be judged is.
    Judged {
        /// What.
        judging: Judging,
        /// What was looked at, and what it came to: to be recorded.
        events: Vec<EventKind>,
        /// Whether it holds; or why that cannot be told, or what does not hold.
        answer: Result<bool, String>,
    },
    /// The shell that the operator wanted is over, in words.
    ShellEnded {
        /// How.
        how: String,
    },
    /// The keeper is gone.
    KeeperGone,
    /// The operator answered the open question.
    Answer(Answer),
    /// The operating system, or the terminal, wants something.
    Signal(Signal),
    /// Another command of the operator.
    Told(Message),
}

/// Something that is to be judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judging {
    /// The step.
    pub step: StepId,
    /// What of it.
    pub of: Judged,
}

/// What of a step is judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// What its checks, and `until`, say of an attempt that ended well.
    Attempt(Box<AttemptExited>),
    /// Its `if` or `unless`.
    Condition(Which),
    /// Whether the server, by the name of its attempt, is ready: until it is, or its time is up.
    Ready(String),
}

/// An attempt that waits at its gate.
#[derive(Clone, Debug)]
pub struct Holding {
    /// Its step.
    pub step: StepId,
    /// Its number, from 1.
    pub attempt: u32,
    /// Its name.
    pub nonce: String,
    /// The process.
    pub identity: Identity,
    /// The digest of the command.
    pub command: String,
}

/// A signal to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is gone.
    HangUp,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make these durable.
    Commit(Vec<EventKind>),
    /// Ask the keeper to hold the next attempts of these steps.
    Prepare(Vec<StepId>),
    /// Make these durable, and release the held attempts with the receipt.
    Release(Vec<EventKind>),
    /// Judge this, and say what it came to.
    Judge(Judging),
    /// Say when this long has passed: the step is tried again then.
    Pause {
        /// Which.
        step: StepId,
        /// In milliseconds.
        ms: u64,
    },
    /// Make these durable, and open a shell in the environment of this step.
    Shell {
        /// Which.
        step: StepId,
        /// That the operator wanted it.
        events: Vec<EventKind>,
    },
    /// Look which of the files that this step would overwrite are there.
    Look(StepId),
    /// What was committed changes what is next: go on from there.
    Again,
    /// Ask the operator.
    Ask(Question),
    /// The open question no longer matters.
    Withdraw,
    /// End a running attempt.
    End {
        /// Which.
        nonce: String,
        /// How.
        ending: Ending,
        /// On whose behalf.
        by: EndedBy,
    },
    /// The session is over.
    Leave(Leaving),
}

/// How a session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Every step is ok, skipped or asserted; the run is closed.
    Passed,
    /// This step failed; the run stays open.
    Failed(StepId),
    /// By choice, or because nobody could be asked.
    Stopped(String),
    /// A person must do this step, or agree to it, and nobody is there.
    Waiting(StepId),
    /// Nobody can know how this step ended.
    Unknown(StepId),
    /// The engine goes, the step stays with the keeper.
    Detached,
    /// The keeper died while a step was running.
    KeeperLost,
    /// A step could not be held.
    CannotStart(String),
    /// The disk did not take what a step printed.
    OutputLost(String),
}

/// What the operator is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Run all, step by step, quit?
    Begin,
    /// May this step run?
    Run {
        /// Which.
        step: StepId,
        /// How it is asked.
        manner: Manner,
    },
    /// This step failed: retry, edit, skip, stop?
    Failed(StepId),
    /// Nobody knows how this step ended: run it again, done, skip, stop?
    Unknown {
        /// Which.
        step: StepId,
        /// What is known.
        because: String,
    },
    /// Ctrl-C while this step runs, and others perhaps: wait, interrupt, stop after it, detach?
    Interrupted(StepId),
}

/// What the operator answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Run everything.
    RunAll,
    /// Ask before each step.
    StepByStep,
    /// Run this step (again).
    Run,
    /// Run this step and, without asking, those of its section that read or change.
    Rest,
    /// This is the value that the step waits for.
    Value(Secret),
    /// Steps may leave this machine for the host.
    Confirm,
    /// Of the steps that exclude each other this one is chosen.
    Choose(StepId),
    /// This becomes of the steps that are meant for the operator's own computer.
    Workstation(Elsewhere),
    /// It is done.
    Done,
    /// Do not run it, for this reason.
    Skip(String),
    /// Undo what was done.
    Undo,
    /// Open a shell in the environment of the step.
    Shell,
    /// Run this body instead.
    Edit {
        /// The new body.
        body: String,
        /// Unified diff from the old one.
        diff: String,
    },
    /// Keep this remark, and ask again.
    Note(String),
    /// Leave the run resumable.
    Quit,
    /// Let the step go on.
    Wait,
    /// SIGINT to the step.
    Interrupt,
    /// SIGKILL to all processes of the step.
    Kill,
    /// Let the step end, then stop.
    StopAfter,
    /// Leave the step to the keeper.
    Detach,
}

/// Returns what to do now that `input` happened.
pub fn decide(state: &State, plan: &Plan, session: &mut Session, input: Input) -> Vec<Action> {
    let mut turn = Turn {
        state,
        plan,
        session,
        actions: Vec::new(),
        judgings: Vec::new(),
    };
    match input {
        Input::Go => turn.begin(),
        Input::Held { held, refused } => turn.held(held, refused),
        Input::Looked { step, found } => {
            turn.session.found = Some((step, found));
            turn.go(Vec::new());
        }
        Input::Ended(records) => turn.ended(records),
        Input::Woke(step) => turn.woke(&step),
        Input::Judged {
            judging,
            events,
            answer,
        } => turn.judged(judging, events, answer),
        Input::ShellEnded { how } => turn.shell_ended(&how),
        Input::KeeperGone => turn.keeper_gone(),
        Input::Answer(answer) => turn.answer(answer),
        Input::Signal(signal) => turn.signal(signal),
        Input::Told(message) => turn.told(message),
    }
    // What is judged is judged over what is on the disk by then.
    let judgings = turn.judgings.into_iter().map(Action::Judge);
    turn.actions.extend(judgings);
    turn.actions
}

struct Turn<'a> {
    state: &'a State,
    plan: &'a Plan,
    session: &'a mut Session,
    actions: Vec<Action>,
    judgings: Vec<Judging>,
}

impl Turn<'_> {
    fn commit(&mut self, events: Vec<EventKind>) {
        if !events.is_empty() {
            self.actions.push(Action::Commit(events));
        }
    }

    fn leave(&mut self, leaving: Leaving) {
        self.actions.push(Action::Leave(leaving));
    }

    fn ask(&mut self, question: Question) {
        self.session.question = Some(question.clone());
        self.actions.push(Action::Ask(question));
    }

    fn again(&mut self, events: Vec<EventKind>) {
        self.commit(events);
        self.actions.push(Action::Again);
    }

    fn take_back(&mut self) {
        if self.session.question.take().is_some() {
            self.actions.push(Action::Withdraw);
        }
    }

    fn decided(&self, step: &StepId, question: &str, decision: Decision) -> EventKind {
        EventKind::OperatorDecided {
            step: Some(step.clone()),
            question: question.to_owned(),
            decision,
            by: self.session.by.clone(),
        }
    }
}

// A decision that the document took, not a person.
fn by_the_runbook(step: &StepId, question: String, decision: Decision, why: &str) -> EventKind {
    EventKind::OperatorDecided {
        step: Some(step.clone()),
        question,
        decision,
        by: format!("the runbook ({why})"),
    }
}

// Why a step may be repeated without asking anybody.
fn repeatable(planned: &PlannedStep) -> Option<&'static str> {
    if planned.idempotent {
        Some("idempotent")
    } else if planned.effect == Effect::Reads {
        Some("it only reads")
    } else {
        None
    }
}

fn skipped(step: &StepId, because: String) -> EventKind {
    EventKind::StepFinished {
        step: step.clone(),
        verdict: Verdict::Skipped,
        because: (!because.is_empty()).then_some(because),
    }
}

fn failed(step: &StepId, because: Option<String>) -> EventKind {
    EventKind::StepFinished {
        step: step.clone(),
        verdict: Verdict::Failed,
        because,
    }
}
