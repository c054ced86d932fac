//! The loop: wait for news, decide, record, act, tell.

mod gives;
mod judge;
mod launch;
mod syncer;
mod terminal;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use crate::event::{AttemptExited, Event, EventKind, Exit, Text};
use crate::host::files::existing;
use crate::host::{clock, fault, held};
use crate::keeper::link::{Held, Link};
use crate::keeper::protocol::{Ask, Say};
use crate::model::{Step, StepId, Task};
use crate::plan::Plan;
use crate::report::{Outputs, Progress};
use crate::state::{Phase, Role};
use crate::store::attempts::{Outcome, read_attempts};
use crate::store::folder::RunFolder;
use crate::store::journal::{Journal, JournalError};
use crate::target::{Survey, line_offset, named_line};

use super::conceal::{conceal, text_filled};
use super::decide::{Action, Answer, Input, Leaving, Question, Session, decide};
use super::operator::{Asking, Operator, When};
use super::publish::{Publisher, StoredOutputs};
use super::recover::{Evidence, evidence};
use super::signals::{News, Signals, suspend};
use syncer::Syncer;

/// Why a session ended without having been left.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal does not take more.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The keeper cannot be started, or not be spoken to.
    #[error("cannot keep the steps of this run")]
    Keeper(#[source] io::Error),
    /// The keeper cannot write its records: nothing more is acknowledged.
    #[error("the keeper cannot record the ends of steps: {0}")]
    Broken(String),
}

/// What an engine is made of.
pub struct Parts<'a> {
    /// The run's folder.
    pub folder: RunFolder,
    /// Its journal.
    pub journal: Journal,
    /// What the run does.
    pub plan: Plan,
    /// What this session knows besides.
    pub session: Session,
    /// The keeper, where one lives.
    pub link: Option<Link>,
    /// Whether that keeper runs as another user and must go once its step is over.
    pub foreign_keeper: bool,
    /// This program, to start a keeper.
    pub program: PathBuf,
    /// What the selected steps are started with.
    pub survey: Survey,
    /// The inherited environment.
    pub environment: BTreeMap<String, Text>,
    /// Whom to tell.
    pub publisher: &'a Publisher,
    /// Whom to ask.
    pub operator: &'a mut dyn Operator,
    /// The signals to this process.
    pub signals: &'a Signals,
}

/// Runs one session of a run.
pub struct Engine<'a> {
    parts: Parts<'a>,
    held: Vec<Held>,
    // When steps are tried again, since boot.
    pauses: Vec<(Duration, StepId)>,
    asking: bool,
    // What has the terminal.
    lent: Option<terminal::Borrower>,
    // Attempts that have none to be lent to.
    without_terminal: BTreeSet<String>,
    inputs: VecDeque<Input>,
    syncer: Syncer,
    judgements: judge::Judgements,
}

impl<'a> Engine<'a> {
    /// Returns the engine of this run.
    pub fn new(parts: Parts<'a>) -> Self {
        let syncer = Syncer::start();
        Self {
            parts,
            held: Vec::new(),
            pauses: Vec::new(),
            asking: false,
            lent: None,
            without_terminal: BTreeSet::new(),
            inputs: VecDeque::new(),
            syncer,
            judgements: judge::Judgements::default(),
        }
    }

    /// Records what recovery found out, and tells it.
    ///
    /// # Errors
    /// Where the journal does not take it.
    pub fn record(&mut self, events: Vec<EventKind>) -> Result<(), EngineError> {
        if events.is_empty() {
            return Ok(());
        }
        let events = self.concealed(events);
        let recorded = self.parts.journal.commit(events)?;
        self.parts.publisher.events(recorded.into_events());
        Ok(())
    }

    // The only way to the journal: no secret of this session gets past.
    fn concealed(&self, events: Vec<EventKind>) -> Vec<EventKind> {
        let secrets = self.parts.session.texts();
        held::conceal(secrets);
        let events = events.into_iter();
        events.map(|event| conceal(event, secrets)).collect()
    }

    /// Takes hold of an attempt that an earlier session began; `starting` is the event of it.
    pub fn attach(&mut self, step: StepId, nonce: String, starting: Option<Event>) {
        let planned = self.parts.journal.state().step(&step);
        let is_server = planned.is_some_and(|(it, _)| it.flow.background);
        self.parts.session.attached(step, nonce, is_server);
        if let Some(starting) = starting {
            self.parts.publisher.attach(starting);
        }
    }

    /// Waits before `step` is tried again, as an earlier session did, for so many milliseconds more.
    pub fn wait_for(&mut self, step: StepId, ms: u64) {
        self.parts.session.awaits(step, ms);
    }

    /// Returns the journal.
    pub fn journal(&self) -> &Journal {
        &self.parts.journal
    }

    /// Runs until the session is over; returns how it is left.
    ///
    /// # Errors
    /// Where a promise cannot be kept: the journal, or the keeper.
    pub fn run(&mut self) -> Result<Leaving, EngineError> {
        self.inputs.push_back(Input::Go);
        let outcome = self.turn();
        if self.asking {
            self.parts.operator.withdraw();
            self.parts.publisher.resume();
        }
        if self.take_back(When::Now) {
            self.parts.publisher.resume();
        }
        // What a session leaves behind is on the disk, also what steps printed.
        self.syncer.finish();
        let _ = self.parts.folder.sync();
        outcome
    }

    fn turn(&mut self) -> Result<Leaving, EngineError> {
        loop {
            while let Some(input) = self.inputs.pop_front() {
                let state = self.parts.journal.state();
                let actions = decide(state, &self.parts.plan, &mut self.parts.session, input);
                for action in actions {
                    if let Some(leaving) = self.act(action)? {
                        return Ok(leaving);
                    }
                }
            }
            self.lend()?;
            self.wait()?;
        }
    }

    fn act(&mut self, action: Action) -> Result<Option<Leaving>, EngineError> {
        match action {
            Action::Commit(events) => self.record(events)?,
            Action::Prepare(steps) => self.prepare(&steps)?,
            Action::Judge(judging) => self.judge(judging),
            Action::Pause { step, ms } => {
                let due = clock::since_boot() + Duration::from_millis(ms);
                self.pauses.push((due, step));
            }
            Action::Release(events) => self.release(events)?,
            Action::Shell { step, events } => self.open_shell(&step, events)?,
            Action::Look(step) => self.look(step),
            Action::Again => self.inputs.push_back(Input::Go),
            Action::Ask(question) => self.ask(&question),
            Action::Withdraw => {
                self.parts.operator.withdraw();
                self.free_terminal();
            }
            Action::End { nonce, ending, by } => {
                if let Some(link) = &mut self.parts.link {
                    // A keeper that is gone is noticed when it is read.
                    let _ = link.ask(&Ask::End { nonce, ending, by });
                }
                self.free_terminal();
            }
            Action::Leave(leaving) => {
                // A step at its gate is not released any more: its gate closes with this.
                self.held.clear();
                if leaving == Leaving::KeeperLost {
                    return self.without_keeper().map(Some);
                }
                return Ok(Some(leaving));
            }
        }
        Ok(None)
    }

    // What became of the step can be known now as well as by the next resume: unless it lives on.
    fn without_keeper(&mut self) -> Result<Leaving, EngineError> {
        let Ok(records) = read_attempts(&self.parts.folder) else {
            return Ok(Leaving::KeeperLost);
        };
        let mut leaving = Leaving::KeeperLost;
        let mut events = Vec::new();
        for it in evidence(self.parts.journal.state(), None, &records) {
            let Evidence::Tells(event) = it else { continue };
            if let (EventKind::AttemptUnknown { step, .. }, Leaving::KeeperLost) =
                (&event, &leaving)
            {
                leaving = Leaving::Unknown(step.clone());
            }
            events.push(event);
        }
        self.record(events)?;
        Ok(leaving)
    }

    fn ask(&mut self, question: &Question) {
        if !self.take_back(When::Now) && !self.asking {
            self.parts.publisher.suspend();
        }
        self.asking = true;
        let step = match question {
            Question::Begin => None,
            Question::Lost(lost) => self.parts.plan.step(&lost.giver),
            Question::Run { step, .. }
            | Question::Failed(step)
            | Question::Unknown { step, .. }
            | Question::Interrupted(step) => self.parts.plan.step(step),
        };
        let plan = &self.parts.plan;
        let state = self.parts.journal.state();
        let now = step.map(|step| self.now(step));
        let step = now.as_deref();
        let (body, shown) = step.map(|it| self.body(it)).unwrap_or_default();
        let known = match step {
            Some(step) => self.known(&step.id),
            None => self.parts.session.known(state, plan),
        };
        let left = state.steps();
        let left = left.filter(|(_, it)| it.phase == Phase::Pending).count();
        let undoes = match question {
            Question::Failed(step) => {
                let order = state.order();
                let is_part = order
                    .place(step)
                    .is_some_and(|at| *order.role(at) == Role::Part);
                let ahead = state.look_ahead(&[]);
                is_part && ahead.is_ok_and(|it| !it.undoable().is_empty())
            }
            _ => false,
        };
        let existing = step.map_or(&[][..], |it| self.parts.session.found(&it.id));
        self.parts.operator.ask(Asking {
            question,
            plan,
            step,
            body: &body,
            shown: &shown,
            values: &known.values,
            existing,
            left,
            undoes,
        });
        if self.parts.operator.fd().is_none() {
            self.hear();
        }
    }

    fn free_terminal(&mut self) {
        if self.asking {
            self.asking = false;
            self.parts.publisher.resume();
        }
    }

    fn hear(&mut self) {
        let Some(answer) = self.parts.operator.hear() else {
            return;
        };
        // A note or an edit asks again at once; the terminal stays with the questions.
        if !matches!(answer, Answer::Note(_)) {
            self.free_terminal();
        }
        self.inputs.push_back(Input::Answer(answer));
    }

    // The step as it would run: edited, or with its values.
    fn now<'s>(&self, step: &'s Step) -> Cow<'s, Step> {
        let state = self.parts.journal.state();
        let edited = state
            .step(&step.id)
            .and_then(|(_, it)| it.edited.as_deref());
        let known = self.known(&step.id);
        self.parts.plan.now(step, edited, &known)
    }

    // What runs of this step, or what a person does; and the same for people to see, with values
    // where they are known.
    fn body(&self, now: &Step) -> (String, String) {
        let plan = &self.parts.plan;
        let known = self.known(&now.id);
        if let Some(Ok(filled)) = plan.filled(now, &known) {
            return (filled.body, filled.shown);
        }
        let body = match (&now.task, plan.command(now)) {
            (_, Some((_, body))) => body.to_owned(),
            (Task::ByHand { text, .. }, None) => text.clone(),
            (Task::Command { body, .. }, None) => body.clone(),
        };
        (body.clone(), body)
    }

    // Which of the files that the step overwrites are there: relative to the folder it starts in.
    fn look(&mut self, id: StepId) {
        let plan = &self.parts.plan;
        let mut found = Vec::new();
        if let Some(step) = plan.step(&id) {
            let now = self.now(step);
            let names = &now.circumstances.overwrites;
            let carried = self.parts.journal.state().carried(&id, &[]);
            let folder = carried.cwd.as_ref();
            let folder = folder.and_then(|it| text_filled(it, self.parts.session.texts()).ok());
            let folder = self.cwd(&now, folder.as_ref());
            let folder = PathBuf::from(OsStr::from_bytes(&folder.to_bytes()));
            found = existing(&folder, names);
        }
        self.inputs.push_front(Input::Looked { step: id, found });
    }

    fn release(&mut self, events: Vec<EventKind>) -> Result<(), EngineError> {
        let held = std::mem::take(&mut self.held);
        let events = self.concealed(events);
        let recorded = self.parts.journal.commit(events)?;
        let is_lent = self.parts.session.terminal && self.borrower().is_some();
        if is_lent {
            // All that came before is told, and nothing that is typed from here on is for us.
            let events = recorded.events().to_vec();
            self.parts.publisher.events(events);
            self.lend()?;
        }
        for held in held {
            // Where its process is gone the keeper says so.
            let _ = held.release(&recorded);
        }
        if !is_lent {
            self.parts.publisher.events(recorded.into_events());
        }
        Ok(())
    }

    fn said(&mut self, say: Say) -> Result<(), EngineError> {
        match say {
            Say::Ended { mut record, live } => {
                fault::point("heard");
                self.given_back(&record.nonce);
                if let Outcome::Exited(exited) = &mut record.outcome {
                    self.explain(exited);
                    self.learn(exited, live);
                    if let Some(output) = exited.output.as_ref().filter(|it| !it.log.is_empty()) {
                        self.syncer.sync(self.parts.folder.path().join(&output.log));
                    }
                }
                // Those that come together are one commit.
                match self.inputs.back_mut() {
                    Some(Input::Ended(records)) => records.push(*record),
                    _ => self.inputs.push_back(Input::Ended(vec![*record])),
                }
            }
            // That of an engine before this one may take longer to end than the engine did.
            Say::ShellEnded { nonce, how } => {
                let shell = self.parts.session.shell();
                if shell.is_some_and(|(_, it)| it == nonce) {
                    self.given_back(&nonce);
                    self.inputs.push_back(Input::ShellEnded { how });
                }
            }
            Say::Told(message) => self.inputs.push_back(Input::Told(message)),
            Say::Broken { because } => return Err(EngineError::Broken(because)),
            Say::Ready { .. }
            | Say::Held { .. }
            | Say::Refused { .. }
            | Say::Holding { .. }
            | Say::Terminal { .. }
            | Say::Passed { .. } => {}
        }
        Ok(())
    }

    // Where an interpreter's end did not tell its line, what it printed last may.
    fn explain(&self, exited: &mut AttemptExited) {
        let Some(output) = &exited.output else { return };
        if exited.failed_at.is_some() || !matches!(exited.exit, Exit::Code(code) if code != 0) {
            return;
        }
        let offset = output.stored.saturating_sub(4096);
        let outputs = StoredOutputs::of(&self.parts.folder);
        let Ok(bytes) = outputs.read(output, offset, 4096) else {
            return;
        };
        let body_line = self
            .parts
            .plan
            .step(&exited.step)
            .map_or(1, |it| it.body_line);
        let text = String::from_utf8_lossy(&bytes);
        // Read from the log, which holds no secret.
        exited.failed_at = named_line(&text, line_offset(body_line))
            .map(|(line, command)| crate::event::FailedAt { line, command });
    }

    fn wait(&mut self) -> Result<(), EngineError> {
        let (signalled, said, answered) = {
            let operator = if self.asking {
                self.parts.operator.fd()
            } else {
                None
            };
            let mut fds = vec![PollFd::from_borrowed_fd(
                self.parts.signals.fd(),
                PollFlags::IN,
            )];
            let link = self.parts.link.as_ref().map(|it| {
                fds.push(PollFd::from_borrowed_fd(it.fd(), PollFlags::IN));
                fds.len() - 1
            });
            let operator = operator.map(|it| {
                fds.push(PollFd::from_borrowed_fd(it, PollFlags::IN));
                fds.len() - 1
            });
            let looks = self.judgements.fd();
            if let Some(looks) = looks {
                fds.push(PollFd::from_borrowed_fd(looks, PollFlags::IN));
            }
            let pause = self.pauses.iter().map(|it| it.0);
            let pause = pause.chain(self.judgements.due()).min();
            let pause = pause.map(|due| {
                let left = due.saturating_sub(clock::since_boot());
                rustix::event::Timespec {
                    tv_sec: left.as_secs() as i64,
                    tv_nsec: left.subsec_nanos().into(),
                }
            });
            match poll(&mut fds, pause.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(EngineError::Keeper(error.into())),
            }
            let is_ready = |at: Option<usize>| at.is_some_and(|at| !fds[at].revents().is_empty());
            (is_ready(Some(0)), is_ready(link), is_ready(operator))
        };
        if said {
            self.read_keeper()?;
        }
        if signalled {
            for news in self.parts.signals.read() {
                match news {
                    News::Signal(signal) => self.inputs.push_back(Input::Signal(signal)),
                    News::Suspend => self.suspend(),
                    News::Resized => self.resized(),
                }
            }
        }
        if answered {
            self.hear();
        }
        self.judge_more();
        let now = clock::since_boot();
        for (_, step) in self.pauses.extract_if(.., |(due, _)| *due <= now) {
            self.inputs.push_back(Input::Woke(step));
        }
        Ok(())
    }

    // Steps go on meanwhile: they are the keeper's. An open question is asked again, for the shell
    // has written over it.
    fn suspend(&mut self) {
        let was_lent = self.take_back(When::Now);
        if self.asking {
            self.parts.operator.pause();
        } else if !was_lent {
            self.parts.publisher.suspend();
        }
        suspend();
        self.resized();
        if self.asking {
            self.parts.operator.repeat();
        } else {
            self.parts.publisher.resume();
        }
    }

    fn resized(&mut self) {
        self.resize_lent();
        if let Some(width) = terminal_width() {
            self.parts.publisher.progress(Progress::Resized(width));
        }
    }

    fn read_keeper(&mut self) -> Result<(), EngineError> {
        let Some(link) = &mut self.parts.link else {
            return Ok(());
        };
        let (said, alive) = link.read().map_err(EngineError::Keeper)?;
        for say in said {
            self.said(say)?;
        }
        if !alive {
            self.parts.link = None;
            self.inputs.push_back(Input::KeeperGone);
        }
        Ok(())
    }
}

/// Returns the width of the terminal that this process writes to.
pub fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}
