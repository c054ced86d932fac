//! What to do next: a pure function of what is on the disk, the plan, and what just happened.
//! Touches nothing; a model check drives it through crashes after every action.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::event::{
    AttemptExited, Closing, Decision, Elsewhere, EndedBy, EventKind, Identity, PlannedStep,
    StepStarting, Verdict,
};
use crate::keeper::protocol::{Ending, Message};
use crate::model::{Effect, Kind, Nature, Step, StepId};
use crate::plan::{Consent, Existing, Facts, Known, Manner, Plan, consent, facts};
use crate::redact::{Lost, Named, Texts};
use crate::render::Value;
use crate::state::{Phase, State, StepState, is_accepted};
use crate::store::attempts::{AttemptRecord, Outcome};

use super::conceal::filled;

/// What this engine knows besides the journal. Lost in a crash, and not missed.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Whether someone can be asked.
    pub terminal: bool,
    /// Who: for records.
    pub by: String,
    /// Whether a failed step of an earlier session is retried without asking.
    pub retry_failed: bool,
    /// What SIGTERM does.
    pub on_term: OnTerm,
    begun: bool,
    all: bool,
    agreed: BTreeSet<StepId>,
    secrets: BTreeMap<String, Secret>,
    texts: Texts,
    // The section whose rest was agreed to.
    rest: Option<usize>,
    // What the step that is proposed would overwrite.
    found: Option<(StepId, Vec<Existing>)>,
    failed_here: BTreeSet<StepId>,
    flight: Option<Flight>,
    pending: Vec<EventKind>,
    question: Option<Question>,
    interrupts: u8,
    stop: bool,
}

/// A value that nobody is to see: it is in the memory of one session, and in no record of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret of this text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns its text, for the step that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::render::MASK)
    }
}

/// What the operator wants from SIGTERM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnTerm {
    /// On a terminal detach, else stop.
    #[default]
    ByTerminal,
    /// End the step, record, exit 3.
    Stop,
    /// Leave the step to the keeper.
    Detach,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Flight {
    step: StepId,
    nonce: Option<String>,
}

impl Session {
    /// Returns the session of `by`, who can be asked or not.
    pub fn new(by: String, terminal: bool, on_term: OnTerm) -> Self {
        Self {
            terminal,
            by,
            on_term,
            ..Self::default()
        }
    }

    /// Says that the attempt `nonce` of `step` is running: an earlier engine started it.
    pub fn attached(&mut self, step: StepId, nonce: String) {
        self.flight = Some(Flight {
            step,
            nonce: Some(nonce),
        });
    }

    /// Returns the attempt that is running, if one is.
    pub fn running(&self) -> Option<(&StepId, &str)> {
        let flight = self.flight.as_ref()?;
        Some((&flight.step, flight.nonce.as_deref()?))
    }

    /// Returns the events that wait for the next commit.
    pub fn pending(&self) -> &[EventKind] {
        &self.pending
    }

    /// Keeps the value of a secret for this session; from now on it is masked.
    pub fn keep(&mut self, name: String, secret: Secret) {
        self.secrets.insert(name, secret);
        let named = self.secrets.iter();
        let named = named.filter(|(_, it)| !it.expose().is_empty());
        self.texts = Texts::new(
            named
                .map(|(name, it)| Named::new(name, it.expose()))
                .collect(),
        );
    }

    /// Returns what masks the secrets of this session.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Returns `text`, as a record holds it, with its secrets.
    ///
    /// # Errors
    /// The secret that is not there.
    pub fn filled(&self, text: &str) -> Result<String, Lost> {
        filled(text, &self.texts)
    }

    /// Returns the secrets of this session by name.
    pub fn secrets(&self) -> &BTreeMap<String, Secret> {
        &self.secrets
    }

    /// Returns the files that are there and that `step` would overwrite, as they were looked at when
    /// it was proposed.
    pub fn found(&self, step: &StepId) -> &[Existing] {
        match &self.found {
            Some((id, found)) if id == step => found,
            _ => &[],
        }
    }

    /// Returns what has been given and confirmed so far, in the run and in this session.
    pub fn known(&self, state: &State, plan: &Plan) -> Known {
        // A value with a secret in it is known only where the secret is.
        let plain = state.values().iter();
        let mut values: BTreeMap<String, Value> = plain
            .filter_map(|(name, value)| {
                let value = filled(value, &self.texts).ok()?;
                Some((name.clone(), Value::Plain(value)))
            })
            .collect();
        for name in self.secrets.keys() {
            let variable = plan.secret_variable(name);
            values.insert(name.clone(), Value::Secret { variable });
        }
        let overwriting = self.found.iter().filter(|(_, found)| !found.is_empty());
        Known {
            values,
            hosts: state.hosts().clone(),
            workstation: state.workstation(),
            overwriting: overwriting.map(|(id, _)| id.clone()).collect(),
            left_behind: BTreeSet::new(),
        }
    }

    /// Says that this operator agreed to all steps in an earlier session: it is not asked again.
    pub fn agreed_to_all(&mut self) {
        self.begun = true;
        self.all = true;
    }
}

/// What just happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Nothing: go on.
    Go,
    /// The keeper holds the attempt that was asked for.
    Held {
        /// Its number, from 1.
        attempt: u32,
        /// Its name.
        nonce: String,
        /// The process.
        identity: Identity,
        /// The digest of the command.
        command: String,
    },
    /// The attempt could not be held.
    Refused(String),
    /// These files are there, and the step would overwrite them.
    Looked {
        /// Which step.
        step: StepId,
        /// The files.
        found: Vec<Existing>,
    },
    /// What became of an attempt is in the keeper's records.
    Ended(Box<AttemptRecord>),
    /// The keeper is gone.
    KeeperGone,
    /// The operator answered the open question.
    Answer(Answer),
    /// The operating system, or the terminal, wants something.
    Signal(Signal),
    /// Another command of the operator.
    Told(Message),
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
    /// Ask the keeper to hold the next attempt of this step.
    Prepare(StepId),
    /// Make these durable, and release the held attempt with the receipt.
    Release(Vec<EventKind>),
    /// Look which of the files that this step would overwrite are there.
    Look(StepId),
    /// What was committed changes what is next: go on from there.
    Again,
    /// Ask the operator.
    Ask(Question),
    /// The open question no longer matters.
    Withdraw,
    /// End the running attempt.
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
    /// Ctrl-C while this step runs: wait, interrupt, stop after it, detach?
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
    };
    match input {
        Input::Go => turn.go(None, Vec::new()),
        Input::Held {
            attempt,
            nonce,
            identity,
            command,
        } => {
            turn.held(attempt, nonce, identity, command);
        }
        Input::Refused(because) => turn.refused(because),
        Input::Looked { step, found } => {
            turn.session.found = Some((step, found));
            turn.go(None, Vec::new());
        }
        Input::Ended(record) => turn.ended(*record),
        Input::KeeperGone => turn.keeper_gone(),
        Input::Answer(answer) => turn.answer(answer),
        Input::Signal(signal) => turn.signal(signal),
        Input::Told(message) => turn.told(message),
    }
    turn.actions
}

struct Turn<'a> {
    state: &'a State,
    plan: &'a Plan,
    session: &'a mut Session,
    actions: Vec<Action>,
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

    // Finds the first step that is not over and proposes it. `assume` is a verdict that `events`,
    // not committed yet, are about to give.
    fn go(&mut self, assume: Option<(&StepId, Phase)>, events: Vec<EventKind>) {
        let mut events = events;
        for (planned, step) in self.state.open_steps() {
            let phase = match &assume {
                Some((id, phase)) if planned.id == **id => phase,
                _ => &step.phase,
            };
            match phase {
                Phase::Finished(Verdict::Ok | Verdict::Skipped | Verdict::OperatorAsserted) => {}
                Phase::Finished(Verdict::Failed) => return self.failed(planned, events),
                Phase::Pending => return self.propose(planned, step, events),
                Phase::Unknown { because, .. } => {
                    let because = because.clone();
                    return self.unknown(planned, because, events);
                }
                // Attached: it ends when the keeper says so.
                Phase::Running(_) => return self.commit(events),
                Phase::Exited(exited) => {
                    let (verdict, finish) = judged(planned, exited);
                    events.push(finish);
                    return self.go(Some((&planned.id, Phase::Finished(verdict))), events);
                }
            }
        }
        events.push(EventKind::RunClosed {
            result: Closing::Passed,
            reason: None,
            by: None,
        });
        self.commit(events);
        self.leave(Leaving::Passed);
    }

    fn failed(&mut self, planned: &PlannedStep, mut events: Vec<EventKind>) {
        let id = planned.id.clone();
        let is_fresh = self.session.failed_here.contains(&id);
        let may_retry =
            self.session.retry_failed || planned.idempotent || planned.effect == Effect::Reads;
        if self.session.terminal {
            self.commit(events);
            self.ask(Question::Failed(id));
        } else if !is_fresh && may_retry {
            let mut retry = self.decided(&id, "retry the failed step?", Decision::Rerun);
            if let (EventKind::OperatorDecided { by, .. }, false) =
                (&mut retry, self.session.retry_failed)
            {
                *by = by_the_runbook(planned);
            }
            events.push(retry);
            self.prepare(id, events);
        } else {
            self.commit(events);
            self.leave(Leaving::Failed(id));
        }
    }

    fn unknown(&mut self, planned: &PlannedStep, because: String, mut events: Vec<EventKind>) {
        let id = planned.id.clone();
        if self.session.terminal {
            self.commit(events);
            self.ask(Question::Unknown { step: id, because });
        } else if planned.idempotent {
            events.push(EventKind::OperatorDecided {
                step: Some(id.clone()),
                question: format!("the outcome is unknown ({because}); run it again?"),
                decision: Decision::Rerun,
                by: by_the_runbook(planned),
            });
            self.prepare(id, events);
        } else {
            self.commit(events);
            self.leave(Leaving::Unknown(id));
        }
    }

    fn propose(&mut self, planned: &PlannedStep, step: &StepState, events: Vec<EventKind>) {
        let id = planned.id.clone();
        if self.session.stop {
            self.commit(events);
            return self.leave(Leaving::Stopped("as you asked".to_owned()));
        }
        let Some(proposed) = self.plan.step(&id) else {
            self.commit(events);
            return self.leave(Leaving::CannotStart(format!("the plan has no step `{id}`")));
        };
        let asks_at_all = self.session.terminal && !self.plan.request.yes;
        if asks_at_all && !self.session.begun && self.plan.runbook.kind == Kind::Declared {
            self.commit(events);
            return self.ask(Question::Begin);
        }
        if self.session.rest.is_some_and(|it| it != proposed.section) {
            self.session.rest = None;
        }
        let is_plain = self.plan.runbook.kind == Kind::Plain;
        if self.session.agreed.contains(&id) && !is_plain {
            return self.prepare(id, events);
        }
        let mut known = self.session.known(self.state, self.plan);
        // What has just ended is not in the state yet: its end and the next start are one commit.
        let carried = self.state.carried(&id, &events).variables;
        let set = carried.into_iter().filter(|(_, value)| value.is_some());
        known.left_behind = set.map(|(name, _)| name).collect();
        let now = self
            .plan
            .now(proposed, step.edited.as_deref(), &known.values);
        let facts = self.facts(&now, step, &known);
        let looked = matches!(&self.session.found, Some((it, _)) if *it == id);
        if is_plain
            && self.session.terminal
            && !looked
            && facts.missing.is_empty()
            && !now.circumstances.overwrites.is_empty()
        {
            self.commit(events);
            self.actions.push(Action::Look(id));
            return;
        }
        let (kind, request) = (self.plan.runbook.kind, &self.plan.request);
        match consent(kind, &now, request, self.session.terminal, &facts) {
            Consent::Given => self.prepare(id, events),
            Consent::Ask(manner) => {
                self.commit(events);
                self.ask(Question::Run { step: id, manner });
            }
            Consent::Skip(because) => {
                let mut events = events;
                events.push(skipped(&id, because));
                self.again(events);
            }
            Consent::Waits => {
                self.commit(events);
                self.leave(Leaving::Waiting(id));
            }
            Consent::Refused(because) => {
                self.commit(events);
                self.leave(Leaving::Stopped(format!(
                    "step `{id}` was not run: {because}"
                )));
            }
        }
    }

    fn facts(&self, now: &Step, step: &StepState, known: &Known) -> Facts {
        let state = self.state;
        let is_open = |id: &StepId| state.step(id).is_some_and(|(_, it)| !it.is_over());
        let was_doubted = || {
            let proposed = self.plan.step(&now.id);
            proposed.is_some_and(|it| !it.doubts.is_empty())
        };
        let edited = step.edited.is_some();
        let is_plain = self.plan.runbook.kind == Kind::Plain;
        Facts {
            all: self.session.all && !(edited && was_doubted()),
            rest: self.session.rest == Some(now.section),
            agreed: self.session.agreed.contains(&now.id),
            edited: edited && is_plain,
            ..facts(self.plan, now, known, is_open)
        }
    }

    fn prepare(&mut self, step: StepId, mut events: Vec<EventKind>) {
        self.session.found = None;
        events.extend(self.filling(&step));
        // The end of one step and the start of the next are one commit: a crash before it finds
        // the end in the keeper's records, and the next step at its gate.
        self.session.pending = events;
        self.session.flight = Some(Flight {
            step: step.clone(),
            nonce: None,
        });
        self.actions.push(Action::Prepare(step));
    }

    // What runs instead of the document's text is recorded before it does.
    fn filling(&self, id: &StepId) -> Option<EventKind> {
        let (_, step) = self.state.step(id)?;
        let proposed = self.plan.step(id)?;
        if step.edited.is_some() {
            return None;
        }
        let (_, body) = self.plan.command(proposed)?;
        let known = self.session.known(self.state, self.plan);
        let filled = self.plan.filled(proposed, &known.values)?.ok()?;
        if filled.shown == body || step.filled.as_ref() == Some(&filled.shown) {
            return None;
        }
        let diff = similar::TextDiff::from_lines(body, &filled.shown)
            .unified_diff()
            .header("document", "filled in")
            .to_string();
        Some(EventKind::StepFilled {
            step: id.clone(),
            body: filled.shown,
            diff,
        })
    }

    fn held(&mut self, attempt: u32, nonce: String, identity: Identity, command: String) {
        let Some(flight) = &mut self.session.flight else {
            return;
        };
        flight.nonce = Some(nonce.clone());
        let step = flight.step.clone();
        self.session.agreed.remove(&step);
        self.session.interrupts = 0;
        let mut events = std::mem::take(&mut self.session.pending);
        events.push(EventKind::StepStarting(StepStarting {
            step,
            attempt,
            nonce,
            identity,
            command,
        }));
        self.actions.push(Action::Release(events));
    }

    fn refused(&mut self, because: String) {
        self.session.flight = None;
        let events = std::mem::take(&mut self.session.pending);
        self.commit(events);
        self.leave(Leaving::CannotStart(because));
    }

    fn ended(&mut self, record: AttemptRecord) {
        let is_ours = self
            .session
            .running()
            .is_some_and(|(_, nonce)| nonce == record.nonce);
        if !is_ours {
            return;
        }
        let Some(flight) = self.session.flight.take() else {
            return;
        };
        self.withdraw();
        let Some((planned, _)) = self.state.step(&flight.step) else {
            return;
        };
        match record.outcome {
            Outcome::Void { because } => {
                // It was released, and yet never ran: to try at once again could go on for ever.
                let void = EventKind::AttemptVoid {
                    step: flight.step,
                    nonce: record.nonce,
                    because: because.clone(),
                };
                self.commit(vec![void]);
                self.leave(if self.session.stop {
                    Leaving::Stopped("before the step ran".to_owned())
                } else {
                    Leaving::CannotStart(because)
                });
            }
            Outcome::Exited(exited) => {
                let (verdict, finish) = judged(planned, &exited);
                let ended_by = exited.ended_by;
                let lost = exited.output.as_ref().and_then(|it| it.lost.clone());
                let events = vec![EventKind::AttemptExited(exited), finish];
                if verdict == Verdict::Failed {
                    self.session.failed_here.insert(flight.step.clone());
                    self.session.rest = None;
                }
                if let Some(lost) = lost {
                    // What it printed was to be kept, and is not: nothing goes on as if it were.
                    self.commit(events);
                    return self.leave(Leaving::OutputLost(lost));
                }
                self.after(&flight.step, Phase::Finished(verdict), ended_by, events);
            }
        }
    }

    fn after(
        &mut self,
        step: &StepId,
        phase: Phase,
        ended_by: Option<EndedBy>,
        events: Vec<EventKind>,
    ) {
        if ended_by == Some(EndedBy::Stop) {
            self.commit(events);
            self.leave(Leaving::Stopped(format!("step `{step}` was ended")));
        } else if self.session.stop && phase != Phase::Finished(Verdict::Ok) {
            self.commit(events);
            self.leave(Leaving::Stopped(format!("after step `{step}`")));
        } else {
            self.go(Some((step, phase)), events);
        }
    }

    fn withdraw(&mut self) {
        self.session.interrupts = 0;
        self.take_back();
    }

    fn take_back(&mut self) {
        if self.session.question.take().is_some() {
            self.actions.push(Action::Withdraw);
        }
    }

    fn keeper_gone(&mut self) {
        let Some(flight) = self.session.flight.take() else {
            return;
        };
        self.withdraw();
        let events = std::mem::take(&mut self.session.pending);
        self.commit(events);
        if flight.nonce.is_some() {
            self.leave(Leaving::KeeperLost);
        } else {
            self.leave(Leaving::CannotStart("the keeper ended".to_owned()));
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

    fn answer(&mut self, answer: Answer) {
        let Some(question) = self.session.question.take() else {
            return;
        };
        if let Answer::Note(text) = answer {
            let step = about(&question).cloned();
            self.commit(vec![EventKind::Note {
                step,
                text,
                by: self.session.by.clone(),
            }]);
            return self.ask(question);
        }
        match question {
            Question::Begin => self.answer_begin(answer),
            Question::Run { step, manner } => self.answer_run(step, &manner, answer),
            Question::Failed(step) => self.answer_retry(step, "the step failed", answer),
            Question::Unknown { step, because } => {
                self.answer_retry(step, &format!("the outcome is unknown: {because}"), answer);
            }
            Question::Interrupted(step) => self.answer_interrupted(step, answer),
        }
    }

    fn answer_begin(&mut self, answer: Answer) {
        let decision = match answer {
            Answer::RunAll => Decision::RunAll,
            Answer::StepByStep => Decision::StepByStep,
            _ => return self.quit(None),
        };
        self.session.begun = true;
        self.session.all = decision == Decision::RunAll;
        let decided = EventKind::OperatorDecided {
            step: None,
            question: "run all steps?".to_owned(),
            decision,
            by: self.session.by.clone(),
        };
        self.go(None, vec![decided]);
    }

    fn answer_run(&mut self, step: StepId, manner: &Manner, answer: Answer) {
        let question = match manner {
            Manner::Run { .. } => "run this step?".to_owned(),
            Manner::Type => "it destroys: run this step?".to_owned(),
            Manner::Confirm(text) => text.clone(),
            Manner::Incomplete | Manner::Elsewhere => "it does not run as it stands".to_owned(),
            Manner::Doubtful if self.plan.step(&step).is_some_and(Step::is_of_another_shell) => {
                "its fence is tagged `powershell`: is bash to run it?".to_owned()
            }
            Manner::Doubtful => "it is in doubt: run this step all the same?".to_owned(),
            Manner::Manual => "is it done?".to_owned(),
            Manner::Offered { .. } => "is it done, or is the offered command to run?".to_owned(),
            Manner::Choose(steps) => format!("these exclude each other: {}", listed(steps)),
            Manner::Workstation => "it is meant for the operator's own computer".to_owned(),
            Manner::Value { name, .. } => format!("the value of `{name}`?"),
            Manner::Host(host) => format!("may it leave this machine for `{host}`?"),
        };
        let runs = matches!(
            manner,
            Manner::Run { .. }
                | Manner::Type
                | Manner::Doubtful
                | Manner::Confirm(_)
                | Manner::Offered { .. }
        );
        match (answer, manner) {
            (Answer::Run, Manner::Offered { .. } | Manner::Doubtful) => {
                self.session.agreed.insert(step.clone());
                let decided = self.decided(&step, &question, Decision::Run);
                self.again(vec![decided]);
            }
            (Answer::Run, _) if runs => {
                self.session.agreed.insert(step.clone());
                let decided = self.decided(&step, &question, Decision::Run);
                self.prepare(step, vec![decided]);
            }
            (Answer::Rest, Manner::Run { .. }) => {
                self.session.rest = self.plan.step(&step).map(|it| it.section);
                self.session.agreed.insert(step.clone());
                let question = "run this step and the rest of its section?";
                let decided = self.decided(&step, question, Decision::RunAll);
                self.prepare(step, vec![decided]);
            }
            (Answer::Value(text), Manner::Value { name, .. }) => self.value(step, name, text),
            (Answer::Confirm, Manner::Host(host)) => {
                let (host, by) = (host.clone(), self.session.by.clone());
                self.again(vec![EventKind::HostConfirmed { host, by }]);
            }
            (Answer::Workstation(decision), Manner::Workstation) => {
                self.again(vec![EventKind::WorkstationDecided {
                    decision,
                    host: self
                        .state
                        .opened()
                        .map(|it| it.operator.host.clone())
                        .unwrap_or_default(),
                    by: self.session.by.clone(),
                }]);
            }
            (Answer::Choose(chosen), Manner::Choose(steps)) if steps.contains(&chosen) => {
                let mut events = vec![self.decided(&chosen, &question, Decision::Run)];
                let others = steps.iter().filter(|it| **it != chosen);
                let because = format!("the other was chosen: {chosen}");
                events.extend(others.map(|it| skipped(it, because.clone())));
                self.again(events);
            }
            (Answer::Skip(reason), Manner::Choose(steps)) => {
                let mut events = vec![self.decided(&step, &question, Decision::Skip)];
                events.extend(steps.iter().map(|it| skipped(it, reason.clone())));
                self.again(events);
            }
            (Answer::Done, _) => self.assert_done(&step, &question),
            (Answer::Skip(reason), _) => self.skip(&step, &question, reason),
            (Answer::Edit { body, diff }, _) => self.edit(&step, body, diff),
            (Answer::Quit, _) => self.quit(Some((&step, &question))),
            // No answer to this question: it stays open.
            (_, manner) => self.ask(Question::Run {
                step,
                manner: manner.clone(),
            }),
        }
    }

    fn again(&mut self, events: Vec<EventKind>) {
        self.commit(events);
        self.actions.push(Action::Again);
    }

    fn value(&mut self, step: StepId, name: &str, text: Secret) {
        if let Some(because) = self.plan.unfit(name, text.expose()) {
            return self.ask(Question::Run {
                step,
                manner: Manner::Value {
                    name: name.to_owned(),
                    refused: Some(because),
                },
            });
        }
        let is_secret = self.plan.is_secret(name);
        let given = EventKind::ValueGiven {
            name: name.to_owned(),
            value: (!is_secret).then(|| text.expose().to_owned()),
            source: "prompt".to_owned(),
            by: self.session.by.clone(),
        };
        if is_secret {
            self.session.keep(name.to_owned(), text);
        }
        self.again(vec![given]);
    }

    fn answer_retry(&mut self, step: StepId, question: &str, answer: Answer) {
        match answer {
            Answer::Run => {
                self.session.agreed.insert(step.clone());
                let decided = self.decided(&step, question, Decision::Rerun);
                if self.plan.runbook.kind == Kind::Plain {
                    // It may need a secret that this session was not given yet.
                    return self.again(vec![decided]);
                }
                self.prepare(step, vec![decided]);
            }
            Answer::Done => self.assert_done(&step, question),
            Answer::Skip(reason) => self.skip(&step, question, reason),
            Answer::Edit { body, diff } => self.edit(&step, body, diff),
            _ => self.quit(Some((&step, question))),
        }
    }

    fn assert_done(&mut self, step: &StepId, question: &str) {
        let decided = self.decided(step, question, Decision::Done);
        let finished = EventKind::StepFinished {
            step: step.clone(),
            verdict: Verdict::OperatorAsserted,
            because: Some(format!("{} says that it is done", self.session.by)),
        };
        let phase = Phase::Finished(Verdict::OperatorAsserted);
        self.go(Some((step, phase)), vec![decided, finished]);
    }

    fn skip(&mut self, step: &StepId, question: &str, reason: String) {
        let decided = self.decided(step, question, Decision::Skip);
        let finished = skipped(step, reason);
        self.go(
            Some((step, Phase::Finished(Verdict::Skipped))),
            vec![decided, finished],
        );
    }

    fn edit(&mut self, step: &StepId, body: String, diff: String) {
        let phase = self.state.step(step).map(|(_, it)| it.phase.clone());
        self.commit(vec![EventKind::StepEdited {
            step: step.clone(),
            body,
            diff,
        }]);
        self.session.found = None;
        self.session.agreed.remove(step);
        if phase == Some(Phase::Pending) && self.plan.runbook.kind == Kind::Plain {
            self.actions.push(Action::Again);
            return;
        }
        // What was edited is asked about again, with its new text.
        self.ask(match phase {
            Some(Phase::Finished(_)) => Question::Failed(step.clone()),
            Some(Phase::Unknown { because, .. }) => Question::Unknown {
                step: step.clone(),
                because,
            },
            _ => Question::Run {
                manner: self.manner_of_edited(step),
                step: step.clone(),
            },
        });
    }

    // As for any step: an edit does not make a step that destroys, or asks, run unasked. Nobody has
    // looked at what was written, so Enter alone never runs it.
    fn manner_of_edited(&self, step: &StepId) -> Manner {
        let asked = self.plan.step(step).map(|proposed| {
            let mut edited = proposed.clone();
            edited.doubts.clear();
            edited.nature = Nature::Command;
            let (kind, request) = (self.plan.runbook.kind, &self.plan.request);
            consent(kind, &edited, request, true, &Facts::default())
        });
        match asked {
            Some(Consent::Ask(manner @ (Manner::Type | Manner::Confirm(_)))) => manner,
            _ => Manner::Run { enter: false },
        }
    }

    fn quit(&mut self, about: Option<(&StepId, &str)>) {
        let (step, question) = match about {
            Some((step, question)) => (Some(step.clone()), question.to_owned()),
            None => (None, "run all steps?".to_owned()),
        };
        let by = self.session.by.clone();
        let decision = Decision::Stop;
        self.commit(vec![EventKind::OperatorDecided {
            step,
            question,
            decision,
            by,
        }]);
        self.leave(Leaving::Stopped("as you asked".to_owned()));
    }

    fn answer_interrupted(&mut self, step: StepId, answer: Answer) {
        let Some(nonce) = self.session.running().map(|(_, nonce)| nonce.to_owned()) else {
            return;
        };
        let by = EndedBy::Operator;
        match answer {
            Answer::Interrupt => {
                self.session.interrupts = 2;
                self.commit(vec![signal("SIGINT", "interrupt")]);
                self.actions.push(Action::End {
                    nonce,
                    ending: Ending::Interrupt,
                    by,
                });
            }
            Answer::Kill => {
                self.commit(vec![signal("SIGINT", "kill")]);
                self.actions.push(Action::End {
                    nonce,
                    ending: Ending::Kill,
                    by,
                });
            }
            Answer::StopAfter => {
                self.session.stop = true;
                self.session.interrupts = 0;
                self.commit(vec![signal("SIGINT", "stop-after")]);
            }
            // The terminal is gone.
            Answer::Detach | Answer::Quit => {
                self.commit(vec![signal("SIGINT", "detach")]);
                self.leave(Leaving::Detached);
            }
            Answer::Wait => {
                self.session.interrupts = 0;
                self.commit(vec![signal("SIGINT", "wait")]);
            }
            _ => self.ask(Question::Interrupted(step)),
        }
    }

    fn signal(&mut self, signal: Signal) {
        let running = self
            .session
            .running()
            .map(|(step, nonce)| (step.clone(), nonce.to_owned()));
        let is_in_flight = self.session.flight.is_some();
        let detaches = match (signal, self.session.on_term) {
            (Signal::HangUp, _) | (_, OnTerm::Detach) => true,
            (Signal::Interrupt, _) | (_, OnTerm::Stop) => false,
            (Signal::Terminate, OnTerm::ByTerminal) => self.session.terminal,
        };
        let name = match signal {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
            Signal::HangUp => "SIGHUP",
        };
        let asks = signal == Signal::Interrupt && self.session.terminal;
        match running {
            Some((step, nonce)) if asks => self.interrupt(step, nonce),
            Some(_) if detaches => {
                self.commit(vec![self::signal(name, "detach")]);
                self.leave(Leaving::Detached);
            }
            Some((_, nonce)) => {
                self.session.stop = true;
                self.take_back();
                self.commit(vec![self::signal(name, "terminate")]);
                let (ending, by) = (Ending::Terminate, EndedBy::Stop);
                self.actions.push(Action::End { nonce, ending, by });
            }
            // It is being held: nothing of it runs yet, and closing its gate ends it.
            None if is_in_flight => {
                self.session.flight = None;
                let mut events = std::mem::take(&mut self.session.pending);
                events.push(self::signal(name, "stop"));
                self.commit(events);
                self.leave(Leaving::Stopped(format!("by {name}")));
            }
            None => {
                self.withdraw();
                let action = if detaches { "detach" } else { "stop" };
                self.commit(vec![self::signal(name, action)]);
                self.leave(Leaving::Stopped(format!("by {name}")));
            }
        }
    }

    // On a terminal the first Ctrl-C touches nothing and asks, the second interrupts, the third
    // kills.
    fn interrupt(&mut self, step: StepId, nonce: String) {
        self.session.interrupts += 1;
        let by = EndedBy::Operator;
        match self.session.interrupts {
            1 => self.ask(Question::Interrupted(step)),
            2 => {
                self.take_back();
                self.commit(vec![signal("SIGINT", "interrupt")]);
                self.actions.push(Action::End {
                    nonce,
                    ending: Ending::Interrupt,
                    by,
                });
            }
            _ => {
                self.take_back();
                self.commit(vec![signal("SIGINT", "kill")]);
                self.actions.push(Action::End {
                    nonce,
                    ending: Ending::Kill,
                    by,
                });
            }
        }
    }

    fn told(&mut self, message: Message) {
        match message {
            Message::Note { text, by } => {
                let step = self.session.flight.as_ref().map(|it| it.step.clone());
                self.commit(vec![EventKind::Note { step, text, by }]);
            }
            Message::Stop { by } => {
                self.session.stop = true;
                self.commit(vec![signal(&format!("stop by {by}"), "stop")]);
                if self.session.flight.is_none() {
                    self.withdraw();
                    self.leave(Leaving::Stopped(format!("by {by}")));
                }
            }
        }
    }
}

fn signal(name: &str, action: &str) -> EventKind {
    EventKind::Signal {
        name: name.to_owned(),
        action: action.to_owned(),
    }
}

// A decision that the document took, not a person.
fn by_the_runbook(planned: &PlannedStep) -> String {
    let because = if planned.idempotent {
        "idempotent"
    } else {
        "it only reads"
    };
    format!("the runbook ({because})")
}

fn about(question: &Question) -> Option<&StepId> {
    match question {
        Question::Begin => None,
        Question::Run { step, .. }
        | Question::Failed(step)
        | Question::Unknown { step, .. }
        | Question::Interrupted(step) => Some(step),
    }
}

fn skipped(step: &StepId, because: String) -> EventKind {
    EventKind::StepFinished {
        step: step.clone(),
        verdict: Verdict::Skipped,
        because: (!because.is_empty()).then_some(because),
    }
}

fn listed(steps: &[StepId]) -> String {
    let names: Vec<String> = steps.iter().map(|it| format!("`{it}`")).collect();
    names.join(", ")
}

/// Returns the verdict on an attempt that ended, from its record alone: judged again after a crash
/// it is the same.
pub fn judged(planned: &PlannedStep, exited: &AttemptExited) -> (Verdict, EventKind) {
    let verdict = if is_accepted(planned, exited) {
        Verdict::Ok
    } else {
        Verdict::Failed
    };
    let finished = EventKind::StepFinished {
        step: exited.step.clone(),
        verdict,
        because: None,
    };
    (verdict, finished)
}
