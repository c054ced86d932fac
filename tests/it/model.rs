#![cfg(feature = "testing")]
//! The model check: the real `decide` and the real transition table, on a disk, a keeper and an
//! operator that are simulated. After every action the engine, the keeper or both may die; then a
//! new engine finds out what is left, as the manual's table says, and goes on. Small plans are
//! searched exhaustively, larger ones by random walks.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert, prop_oneof, proptest};

use runbook::engine::decide::{
    Action, Answer, Holding, Input, Judged, Leaving, OnTerm, Question, Secret, Session, Signal,
    decide,
};
use runbook::event::{
    AttemptExited, Closing, Decision, Elsewhere, EndedBy, EventKind, Exit, Identity, OnFailure,
    Operator, RunOpened, RunResumed, StepStarting, Verdict,
};
use runbook::keeper::protocol::Message;
use runbook::model::{
    Doubt, Kind, Language, Offered, Place, Placeholder, Span, Stands, Step, StepId, Task,
};
use runbook::plan::{Manner, Plan};
use runbook::state::{Phase, Role, State};
use runbook::store::attempts::{AttemptRecord, Outcome};

use crate::kills::promises;

/// More sessions than any history of so few crashes needs.
const SESSIONS: usize = 40;

fn plan(steps: &[&str]) -> Plan {
    let mut text = "---\nrunbook: 1\n---\n# A\n".to_owned();
    for (at, info) in steps.iter().enumerate() {
        let id = ["a", "b", "c", "d"][at];
        if *info == "manual" {
            text.push_str(&format!("\n## {id}\n\n- [ ] look\n"));
        } else {
            text.push_str(&format!(
                "\n## {id}\n\n```bash {{#{id} {info}}}\ntrue\n```\n"
            ));
        }
    }
    let document = runbook::markdown::outline(&text);
    let knowledge = runbook::classify::knowledge::Knowledge::built_in();
    let readings = runbook::classify::readings::readings(&document, &knowledge, 1);
    let (runbook, faults) = runbook::resolve::resolve(&document, "a.md", readings);
    assert!(faults.is_empty(), "{faults:?}");
    Plan {
        selected: (0..runbook.steps.len()).collect(),
        runbook,
        source: text,
        left_out: Vec::new(),
        inputs: Vec::new(),
        request: runbook::event::Request::default(),
        run: String::new(),
        document: "a.md".to_owned(),
        cwd: PathBuf::from("/"),
        knowledge: std::sync::Arc::default(),
    }
}

/// A plain document of two steps that exclude each other, one that waits for a value and leaves the
/// machine, and one that is done by hand or by the command that is offered for it.
fn walked() -> Plan {
    let mut plan = plan(&["", "", "", "manual"]);
    plan.runbook.kind = Kind::Plain;
    let steps = &mut plan.runbook.steps;
    let [a, b, c, d] = &mut steps[..] else {
        panic!("four steps");
    };
    let waits = |step: &mut Step, body: &str, name: &str, range, secret| {
        let Task::Command { body: old, .. } = &mut step.task else {
            panic!("a command");
        };
        body.clone_into(old);
        step.circumstances.placeholders.push(Placeholder {
            name: name.to_owned(),
            text: format!("<{name}>"),
            range,
            stands: Stands::Bare,
            secret,
        });
        step.doubts.push(Doubt {
            rule: "placeholder",
            because: "a value".to_owned(),
            span: Span::default(),
        });
    };
    waits(a, "echo <S>", "S", 5..8, true);
    waits(c, "ssh <H> true", "H", 4..7, false);
    c.circumstances.place = Place::Workstation;
    c.circumstances.hosts.push("<H>".to_owned());
    (a.circumstances.choice, b.circumstances.choice) = (Some(1), Some(1));
    let Task::ByHand { offered, .. } = &mut d.task else {
        panic!("by hand");
    };
    *offered = Some(Offered {
        language: Language("bash"),
        body: "true".to_owned(),
    });
    plan
}

/// Where a history takes its turns from; past its end nothing special happens.
struct Choices {
    taken: Vec<usize>,
    options: Vec<usize>,
    at: usize,
}

impl Choices {
    fn new(taken: Vec<usize>) -> Self {
        Self {
            taken,
            options: Vec::new(),
            at: 0,
        }
    }

    /// Chooses one of `count` turns; 0 is the usual one.
    fn choose(&mut self, count: usize) -> usize {
        let taken = self.taken.get(self.at).copied().unwrap_or(0) % count;
        self.options.push(count);
        self.at += 1;
        taken
    }

    /// Returns the choices of the next history, in depth first order; `None` after the last.
    fn next(mut self) -> Option<Vec<usize>> {
        self.taken.resize(self.options.len(), 0);
        while let (Some(taken), Some(count)) = (self.taken.pop(), self.options.pop()) {
            if taken + 1 < count {
                self.taken.push(taken + 1);
                return Some(self.taken);
            }
        }
        None
    }
}

/// The engine died: what it knew is lost.
struct Died;

/// A process of a step.
#[derive(Clone, Debug)]
struct Alive {
    step: StepId,
    nonce: String,
    ended_by: Option<EndedBy>,
}

struct World<'a> {
    plan: &'a Plan,
    choices: Choices,
    crashes: usize,
    signals: usize,
    failures: usize,
    forgets: usize,
    terminal: bool,
    disk: Vec<EventKind>,
    state: State,
    has_keeper: bool,
    /// Wait at their gates.
    held: Vec<(StepId, String)>,
    /// Were released, and live; with or without a keeper.
    running: Vec<Alive>,
    /// Steps that are tried again once their pause is over.
    pauses: VecDeque<StepId>,
    records: BTreeMap<String, Outcome>,
    ledger: Vec<(String, String)>,
    nonces: usize,
    story: Vec<String>,
}

impl<'a> World<'a> {
    fn new(
        plan: &'a Plan,
        choices: Choices,
        crashes: usize,
        signals: usize,
        terminal: bool,
    ) -> Self {
        Self {
            plan,
            choices,
            crashes,
            signals,
            failures: signals + 1,
            // Not together with signals: the histories would be too many to search.
            forgets: usize::from(signals != 1),
            terminal,
            disk: Vec::new(),
            state: State::default(),
            has_keeper: false,
            held: Vec::new(),
            running: Vec::new(),
            pauses: VecDeque::new(),
            records: BTreeMap::new(),
            ledger: Vec::new(),
            nonces: 0,
            story: Vec::new(),
        }
    }

    /// Lets something die here, or not.
    fn point(&mut self, name: &str) -> Result<(), Died> {
        if self.crashes == 0 {
            return Ok(());
        }
        let turn = self.choices.choose(4);
        if turn == 0 {
            return Ok(());
        }
        self.crashes -= 1;
        let who = ["", "the engine", "the keeper", "both"][turn];
        self.story.push(format!("{who} died {name}"));
        if turn >= 2 {
            self.keeper_dies();
        }
        if turn == 2 {
            return Ok(());
        }
        // Its end of the gate closes: what waits there never runs, and a keeper writes that down.
        self.close_gate();
        Err(Died)
    }

    fn keeper_dies(&mut self) {
        self.has_keeper = false;
    }

    fn close_gate(&mut self) {
        for (_, nonce) in std::mem::take(&mut self.held) {
            if self.has_keeper {
                let because = "its gate was closed".to_owned();
                self.records.insert(nonce, Outcome::Void { because });
            }
        }
    }

    fn commit(&mut self, events: Vec<EventKind>) -> Result<(), Died> {
        self.point("before a commit")?;
        match self.state.check(&events) {
            Ok(accepted) => self.state.accept(accepted),
            Err(error) => panic!("{error}\n{}", self.tell()),
        }
        for event in &events {
            if let EventKind::StepStarting(starting) = event {
                self.comes_in_order(&starting.step);
            }
            self.story
                .push(format!("  {}", runbook::state::name(event)));
        }
        self.disk.extend(events);
        self.point("after a commit")
    }

    /// Nothing begins before what it waits for is over.
    fn comes_in_order(&self, step: &StepId) {
        let order = self.state.order();
        let at = order.place(step).unwrap();
        if *order.role(at) != Role::Part {
            return;
        }
        let steps: Vec<_> = self.state.steps().collect();
        for before in order.waits_for(at) {
            let (planned, it) = &steps[before];
            let is_met = match it.phase {
                Phase::Finished(Verdict::Failed) => {
                    planned.flow.allow_fail || steps[at].0.flow.always
                }
                // What it cannot run any more for what failed.
                Phase::Pending => steps[at].0.flow.always,
                Phase::Serving(_) | Phase::Finished(_) => true,
                _ => false,
            };
            assert!(is_met, "`{step}` before `{}`\n{}", planned.id, self.tell());
        }
    }

    fn tell(&self) -> String {
        format!(
            "{}\nledger {:?}\n{:#?}",
            self.story.join("\n"),
            self.ledger,
            self.disk
        )
    }

    /// Runs sessions until the run is closed.
    fn live(&mut self) {
        for _ in 0..SESSIONS {
            let left = self.session();
            self.close_gate();
            self.pauses.clear();
            self.story.push(match &left {
                Ok(leaving) => format!("left: {leaving:?}"),
                Err(Died) => "the engine is gone".to_owned(),
            });
            if self.state.closed().is_some() {
                self.judge();
                return;
            }
        }
        panic!("it never ends\n{}", self.tell());
    }

    /// What must hold after the last session: the table was never asked about what a new engine
    /// would not read so, and nothing promised is broken; both only grow worse with time.
    fn judge(&self) {
        assert_eq!(
            State::fold(&self.disk).as_ref(),
            Ok(&self.state),
            "{}",
            self.tell()
        );
        assert_eq!(
            self.state.closed(),
            Some(Closing::Passed),
            "{}",
            self.tell()
        );
        for (planned, step) in self.state.steps() {
            let ran = self
                .ledger
                .iter()
                .filter(|it| it.0 == planned.id.as_str())
                .count();
            let is_ok = step.phase == Phase::Finished(Verdict::Ok);
            assert!(
                !is_ok || ran > 0,
                "`{}` is ok and never ran\n{}",
                planned.id,
                self.tell()
            );
        }
        if let Err(broken) = promises(&self.disk, &self.ledger) {
            panic!("{broken}\n{}", self.tell());
        }
    }

    /// What `run` and `resume` do: find out, record, decide what the operator said, go on.
    fn session(&mut self) -> Result<Leaving, Died> {
        let mut session = Session::new("me".to_owned(), self.terminal, OnTerm::ByTerminal);
        if self.state.opened().is_none() {
            self.commit(vec![opened(self.plan)])?;
        } else {
            let running = self.state.steps().filter_map(|(_, it)| match &it.phase {
                Phase::Running(starting) | Phase::Serving(starting) => {
                    Some((it.began, starting.clone()))
                }
                _ => None,
            });
            let mut running: Vec<_> = running.collect();
            running.sort_by_key(|it| it.0);
            let evidence: Vec<(Evidence, StepStarting)> = running
                .into_iter()
                .map(|(_, starting)| (self.evidence(&starting), starting))
                .collect();
            if evidence.iter().any(|it| matches!(it.0, Evidence::Orphaned)) {
                // Nothing starts, nothing is recorded; some time later they end by themselves.
                self.story.push("orphaned".to_owned());
                self.running.clear();
                return Ok(Leaving::KeeperLost);
            }
            if self
                .disk
                .iter()
                .any(|it| matches!(it, EventKind::StepStarting(_)))
            {
                session.agreed_to_all();
            }
            self.commit(vec![resumed()])?;
            for (evidence, it) in evidence {
                match evidence {
                    Evidence::Running if self.has_keeper => {
                        let is_server = self.is_server(&it.step);
                        session.attached(it.step, it.nonce, is_server);
                    }
                    // The keeper died since it was asked.
                    Evidence::Running => return Err(Died),
                    Evidence::Tells(event) => self.commit(vec![event])?,
                    Evidence::Orphaned => {}
                }
            }
            self.decide_by_flag()?;
            session.retry_failed = self.retries();
        }
        session.follow(&self.plan.request);
        self.drive(&mut session)
    }

    fn evidence(&self, starting: &StepStarting) -> Evidence {
        let (step, nonce) = (starting.step.clone(), starting.nonce.clone());
        match self.records.get(&nonce) {
            Some(Outcome::Void { because }) => {
                let because = because.clone();
                return Evidence::Tells(EventKind::AttemptVoid {
                    step,
                    nonce,
                    because,
                });
            }
            Some(Outcome::Exited(exited)) => {
                return Evidence::Tells(EventKind::AttemptExited(exited.clone()));
            }
            None => {}
        }
        let lives = self.running.iter().any(|it| it.nonce == nonce);
        match (lives, self.has_keeper) {
            (true, true) => Evidence::Running,
            (true, false) => Evidence::Orphaned,
            _ => {
                let because = "nobody knows".to_owned();
                Evidence::Tells(EventKind::AttemptUnknown {
                    step,
                    nonce,
                    because,
                })
            }
        }
    }

    /// `--retry-failed`, which a person forgets once.
    fn retries(&mut self) -> bool {
        let mut all = self.state.steps();
        let is_failed = all.any(|(_, it)| it.phase == Phase::Finished(Verdict::Failed));
        let forgets = is_failed && self.forgets > 0 && self.choices.choose(2) == 1;
        self.forgets -= usize::from(forgets);
        !forgets
    }

    /// `--decide`, where nobody can be asked.
    fn decide_by_flag(&mut self) -> Result<(), Died> {
        if self.terminal {
            return Ok(());
        }
        let unknown = self
            .state
            .steps()
            .find(|(_, it)| matches!(it.phase, Phase::Unknown { .. }));
        let Some((planned, step)) = unknown.or_else(|| self.state.open_steps().next()) else {
            return Ok(());
        };
        let id = planned.id.clone();
        let is_guarded = planned.flow.unless.is_some() || self.is_guard(&id);
        if (planned.idempotent || is_guarded) && matches!(step.phase, Phase::Unknown { .. }) {
            // Nobody need say anything.
            return Ok(());
        }
        let decision = match (&step.phase, planned.language.is_none()) {
            (Phase::Unknown { .. }, _) => {
                [Decision::Rerun, Decision::Done, Decision::Skip][self.choices.choose(3)].clone()
            }
            (Phase::Pending, true) => {
                [Decision::Done, Decision::Skip][self.choices.choose(2)].clone()
            }
            _ => return Ok(()),
        };
        let verdict = match decision {
            Decision::Done => Some(Verdict::OperatorAsserted),
            Decision::Skip => Some(Verdict::Skipped),
            _ => None,
        };
        let mut events = vec![EventKind::OperatorDecided {
            step: Some(id.clone()),
            question: "what became of it?".to_owned(),
            decision,
            by: "me".to_owned(),
        }];
        events.extend(verdict.map(|verdict| EventKind::StepFinished {
            step: id,
            verdict,
            because: None,
        }));
        self.commit(events)
    }

    fn drive(&mut self, session: &mut Session) -> Result<Leaving, Died> {
        let mut inputs = VecDeque::from([Input::Go]);
        // Nobody goes on for ever: a loop that does not is a fault of the table.
        for _ in 0..400 {
            let Some(input) = inputs.pop_front() else {
                let input = self.wait(session)?;
                inputs.push_back(input);
                continue;
            };
            for action in decide(&self.state, self.plan, session, input) {
                self.point("before an action")?;
                if let Some(leaving) = self.act(action, &mut inputs)? {
                    return Ok(leaving);
                }
            }
        }
        panic!("the session never ends\n{}", self.tell());
    }

    fn act(
        &mut self,
        action: Action,
        inputs: &mut VecDeque<Input>,
    ) -> Result<Option<Leaving>, Died> {
        match action {
            Action::Commit(events) => self.commit(events)?,
            Action::Prepare(steps) => {
                let jobs = self.plan.request.jobs.unwrap_or(1) as usize;
                let beside = self.running.iter().filter(|it| !self.is_server(&it.step));
                assert!(
                    beside.count() + steps.len() <= jobs,
                    "too many at once\n{}",
                    self.tell()
                );
                // A keeper that is gone is noticed when it is asked; without one, one is started.
                self.has_keeper = true;
                let mut held = Vec::new();
                for step in steps {
                    self.nonces += 1;
                    let nonce = format!("n{}", self.nonces);
                    let attempt = self.state.step(&step).unwrap().1.attempts + 1;
                    self.held.push((step.clone(), nonce.clone()));
                    held.push(Holding {
                        step,
                        attempt,
                        nonce,
                        identity: identity(),
                        command: "c".to_owned(),
                    });
                }
                self.point("with a step at its gate")?;
                inputs.push_front(if self.has_keeper {
                    let refused = Vec::new();
                    Input::Held { held, refused }
                } else {
                    self.held.clear();
                    Input::KeeperGone
                });
            }
            Action::Pause { step, .. } => self.pauses.push_back(step),
            Action::Judge(judging) => {
                let fails = self.failures > 0 && self.choices.choose(2) == 1;
                self.failures -= usize::from(fails);
                let answer = match (&judging.of, fails) {
                    (_, false) => Ok(true),
                    (Judged::Condition(_), true) => Ok(false),
                    (_, true) => Err("it does not hold".to_owned()),
                };
                inputs.push_back(Input::Judged {
                    judging,
                    events: Vec::new(),
                    answer,
                });
            }
            Action::Release(events) => {
                self.commit(events)?;
                self.point("before a release")?;
                // The process at the gate needs no keeper to pass it.
                for (step, nonce) in std::mem::take(&mut self.held) {
                    self.ledger.push((step.to_string(), nonce.clone()));
                    self.running.push(Alive {
                        step,
                        nonce,
                        ended_by: None,
                    });
                }
                self.point("after a release")?;
            }
            Action::Shell { events, .. } => {
                self.commit(events)?;
                self.point("with a shell")?;
                inputs.push_back(Input::ShellEnded {
                    how: "it ended".to_owned(),
                });
            }
            Action::Look(step) => {
                let found = Vec::new();
                inputs.push_front(Input::Looked { step, found });
            }
            Action::Again => inputs.push_back(Input::Go),
            Action::Ask(question) => inputs.push_back(Input::Answer(self.answer(&question))),
            Action::Withdraw => {}
            Action::End { nonce, by, .. } => {
                let mut running = self.running.iter_mut();
                if let Some(it) = running.find(|it| it.nonce == nonce) {
                    it.ended_by = Some(by);
                }
            }
            Action::Leave(leaving) => return Ok(Some(leaving)),
        }
        Ok(None)
    }

    fn answer(&mut self, question: &Question) -> Answer {
        let answers = match question {
            Question::Run { manner, step } if self.plan.runbook.kind == Kind::Plain => {
                walked_answers(manner, step)
            }
            Question::Begin => vec![Answer::RunAll, Answer::StepByStep, Answer::Quit],
            Question::Run { .. } if self.asks_by_hand(question) => {
                vec![Answer::Done, Answer::Quit]
            }
            Question::Run { .. } => vec![Answer::Run, Answer::Quit],
            Question::Failed(step) if self.undoes(step) => {
                vec![Answer::Run, Answer::Undo, Answer::Done, Answer::Quit]
            }
            Question::Failed(_) => {
                vec![Answer::Run, Answer::Done, Answer::Quit, Answer::Shell]
            }
            Question::Unknown { .. } => {
                vec![Answer::Run, Answer::Done, Answer::Quit]
            }
            Question::Interrupted(_) => vec![
                Answer::Wait,
                Answer::Kill,
                Answer::StopAfter,
                Answer::Detach,
            ],
        };
        // Who always quits never gets anywhere: only so often.
        let count = if self.signals == 0 {
            answers.len().min(1)
        } else {
            answers.len()
        };
        let turn = if count > 1 {
            self.choices.choose(count)
        } else {
            0
        };
        if turn > 0 {
            self.signals -= 1;
        }
        answers[turn].clone()
    }

    fn asks_by_hand(&self, question: &Question) -> bool {
        let Question::Run { step, .. } = question else {
            return false;
        };
        self.state
            .step(step)
            .is_some_and(|(planned, _)| planned.language.is_none())
    }

    fn undoes(&self, step: &StepId) -> bool {
        let order = self.state.order();
        let is_part = *order.role(order.place(step).unwrap()) == Role::Part;
        is_part && !self.state.look_ahead(&[]).unwrap().undoable().is_empty()
    }

    fn is_guard(&self, step: &StepId) -> bool {
        let order = self.state.order();
        *order.role(order.place(step).unwrap()) == Role::Guard
    }

    fn is_server(&self, step: &StepId) -> bool {
        self.state.step(step).unwrap().0.flow.background
    }

    /// The engine waits: a step ends, the keeper is found dead, a signal comes, a pause is over.
    fn wait(&mut self, session: &Session) -> Result<Input, Died> {
        if !self.has_keeper && !self.running.is_empty() {
            return Ok(Input::KeeperGone);
        }
        // A server that nobody told to end goes on.
        let ending: Vec<usize> = (0..self.running.len())
            .filter(|at| {
                let it = &self.running[*at];
                it.ended_by.is_some() || !self.is_server(&it.step)
            })
            .collect();
        let is_told = self.running.iter().any(|it| it.ended_by.is_some());
        if self.signals > 0 && !is_told && !self.running.is_empty() {
            let turn = self.choices.choose(5);
            if turn > 0 {
                self.signals -= 1;
                return Ok(match turn {
                    1 => Input::Signal(Signal::Terminate),
                    2 => Input::Signal(Signal::Interrupt),
                    3 => Input::Signal(Signal::HangUp),
                    _ => {
                        for it in &mut self.running {
                            it.ended_by = Some(EndedBy::Stop);
                        }
                        Input::Told(Message::Stop {
                            by: "me".to_owned(),
                        })
                    }
                });
            }
        }
        let at = match (ending.as_slice(), self.pauses.pop_front()) {
            (_, Some(step)) => return Ok(Input::Woke(step)),
            ([], None) => panic!("it waits for nothing: {session:?}\n{}", self.tell()),
            ([one], None) => *one,
            (several, None) => several[self.choices.choose(several.len())],
        };
        let fails = self.failures > 0 && self.choices.choose(2) == 1;
        self.failures -= usize::from(fails);
        let Alive {
            step,
            nonce,
            ended_by,
        } = self.running.remove(at);
        self.point("between the end of a step and its record")?;
        if !self.has_keeper {
            return Ok(Input::KeeperGone);
        }
        let exited = exited(step, &nonce, fails, ended_by);
        let outcome = Outcome::Exited(Box::new(exited));
        self.records.insert(nonce.clone(), outcome.clone());
        self.point("between a record and the news of it")?;
        if !self.has_keeper {
            return Ok(Input::KeeperGone);
        }
        Ok(Input::Ended(vec![AttemptRecord {
            v: 1,
            seq: 0,
            prev: String::new(),
            wall: String::new(),
            nonce,
            outcome,
        }]))
    }
}

/// What a person answers who walks a plain document, the usual answer first.
fn walked_answers(manner: &Manner, step: &StepId) -> Vec<Answer> {
    let [first, second] = match manner {
        Manner::Choose(steps) => [
            Answer::Choose(steps[0].clone()),
            Answer::Skip("neither".to_owned()),
        ],
        Manner::Workstation => [
            Answer::Workstation(Elsewhere::Each),
            Answer::Workstation(Elsewhere::Skip),
        ],
        Manner::Value { .. } => [Answer::Value(Secret::new("web1".to_owned())), Answer::Done],
        Manner::Host(_) => [Answer::Confirm, Answer::Done],
        Manner::Run { .. } => [Answer::Run, Answer::Rest],
        Manner::Offered { .. } => [Answer::Run, Answer::Done],
        other => panic!("`{step}` is asked about so: {other:?}"),
    };
    vec![first, second, Answer::Quit]
}

enum Evidence {
    Running,
    Orphaned,
    Tells(EventKind),
}

fn identity() -> Identity {
    Identity {
        pid: 1,
        start_time: 1,
        boot_id: "b".to_owned(),
    }
}

fn exited(step: StepId, nonce: &str, fails: bool, ended_by: Option<EndedBy>) -> AttemptExited {
    AttemptExited {
        step,
        nonce: nonce.to_owned(),
        exit: Exit::Code(i32::from(fails)),
        ended_by,
        ms: 1,
        output: None,
        environment: None,
        failed_at: None,
        left_running: Vec::new(),
        remarks: Vec::new(),
    }
}

fn operator() -> Operator {
    Operator {
        user: "me".to_owned(),
        uid: 1,
        sudo_user: None,
        host: "h".to_owned(),
        terminal: false,
    }
}

fn resumed() -> EventKind {
    EventKind::RunResumed(RunResumed {
        operator: operator(),
        survived: String::new(),
        file_changed: false,
    })
}

fn opened(plan: &Plan) -> EventKind {
    EventKind::RunOpened(Box::new(RunOpened {
        run: "r".to_owned(),
        title: "A".to_owned(),
        file: "a.md".to_owned(),
        snapshot: String::new(),
        declared: true,
        versions: Vec::new(),
        operator: operator(),
        reason: None,
        cwd: "/".to_owned(),
        called_from: "/".to_owned(),
        request: plan.request.clone(),
        inputs: Vec::new(),
        steps: plan.planned(),
        left_out: Vec::new(),
        environment: Vec::new(),
        before: None,
    }))
}

/// Searches all histories of a walk; a step that excludes another never runs beside it, and no secret
/// is in a record.
fn search_walk(crashes: usize, signals: usize) -> u64 {
    let plan = walked();
    let mut next = Some(Vec::new());
    let mut count = 0;
    while let Some(taken) = next {
        let mut world = World::new(&plan, Choices::new(taken), crashes, signals, true);
        world.live();
        let ran = |id: &str| world.ledger.iter().any(|it| it.0 == id);
        assert!(!(ran("a") && ran("b")), "opposites ran\n{}", world.tell());
        for event in &world.disk {
            let is_told = matches!(
                event,
                EventKind::ValueGiven { name, value: Some(_), .. } if name == "S"
            );
            assert!(!is_told, "a secret is told\n{}", world.tell());
        }
        next = world.choices.next();
        count += 1;
    }
    count
}

#[test]
fn every_walk_with_a_crash_or_another_answer_keeps_the_promises() {
    assert!(search_walk(1, 0) > 30);
    assert!(search_walk(0, 1) > 10);
}

/// Searches all histories of a plan with so many crashes and signals; returns how many there were.
fn search(steps: &[&str], crashes: usize, signals: usize, terminal: bool) -> u64 {
    let plan = plan(steps);
    let mut next = Some(Vec::new());
    let mut count = 0;
    while let Some(taken) = next {
        let mut world = World::new(&plan, Choices::new(taken), crashes, signals, terminal);
        world.live();
        next = world.choices.next();
        count += 1;
    }
    count
}

/// A plan whose steps run side by side, or are undone after a failure.
fn flow(steps: &[&str], jobs: u32, on_failure: Option<OnFailure>) -> Plan {
    let mut plan = plan(steps);
    plan.request.jobs = Some(jobs);
    plan.request.on_failure = on_failure;
    plan
}

fn search_flow(plan: &Plan, crashes: usize, signals: usize, terminal: bool) -> u64 {
    let mut next = Some(Vec::new());
    let mut count = 0;
    while let Some(taken) = next {
        let mut world = World::new(plan, Choices::new(taken), crashes, signals, terminal);
        world.live();
        next = world.choices.next();
        count += 1;
    }
    count
}

#[test]
fn every_history_of_steps_side_by_side_with_a_crash_keeps_the_promises() {
    let plan = flow(&["needs=\"\"", "needs=\"\" idempotent", ""], 2, None);
    assert!(search_flow(&plan, 1, 0, false) > 100);
    let plan = flow(&["needs=\"\"", "needs=\"\""], 2, Some(OnFailure::Stop));
    assert!(search_flow(&plan, 0, 1, false) > 20);
    assert!(search_flow(&plan, 0, 1, true) > 20);
}

#[test]
fn every_history_of_steps_that_are_tried_again_keeps_the_promises() {
    for steps in [
        &["retries=1", ""][..],
        &["allow-fail", "always"],
        &["", "always", "always"],
    ] {
        let plan = flow(steps, 1, None);
        assert!(search_flow(&plan, 1, 0, false) > 50, "{steps:?}");
        assert!(search_flow(&plan, 0, 1, true) > 10, "{steps:?}");
    }
}

#[test]
fn every_history_of_steps_that_others_tell_of_keeps_the_promises() {
    for steps in [
        &["effect=reads", "unless=#a"][..],
        &["effect=reads", "if=#a", ""],
        &["effect=reads", "if=#a needs=\"\"", "unless=#a needs=\"\""],
    ] {
        let plan = flow(steps, 2, None);
        assert!(search_flow(&plan, 1, 0, false) > 50, "{steps:?}");
        assert!(search_flow(&plan, 1, 0, true) > 50, "{steps:?}");
    }
}

#[test]
fn every_history_of_steps_that_are_judged_keeps_the_promises() {
    for steps in [
        &["until=\"step.status == 0\"", "unless=\"1 > 2\""][..],
        &["if=\"2 > 1\" retries=1 until=\"step.status == 0\"", ""],
    ] {
        let plan = flow(steps, 1, None);
        assert!(search_flow(&plan, 1, 0, false) > 50, "{steps:?}");
        assert!(search_flow(&plan, 0, 1, true) > 10, "{steps:?}");
    }
}

#[test]
fn every_history_with_a_server_keeps_the_promises() {
    for steps in [
        &["background", "", ""][..],
        &["background ready=\"2 > 1\"", "", "undo-of=b"],
        &["background", "background needs=\"\"", ""],
    ] {
        let plan = flow(steps, 2, None);
        assert!(search_flow(&plan, 1, 0, false) > 50, "{steps:?}");
        assert!(search_flow(&plan, 0, 1, true) > 10, "{steps:?}");
    }
}

#[test]
fn every_history_of_an_undo_keeps_the_promises() {
    let steps = &["", "undo-of=a", ""];
    let plan = flow(steps, 1, Some(OnFailure::Undo));
    assert!(search_flow(&plan, 1, 1, false) > 100);
    assert!(search_flow(&plan, 1, 0, true) > 100);
    let plan = flow(
        &["", "undo-of=a idempotent", "always"],
        1,
        Some(OnFailure::Undo),
    );
    assert!(search_flow(&plan, 1, 0, false) > 100);
}

#[test]
fn every_history_of_one_step_with_two_crashes_keeps_the_promises() {
    for step in ["", "idempotent", "effect=reads", "manual"] {
        let count = search(&[step], 2, 0, false);
        assert!(count > 20, "`{step}`: only {count} histories");
    }
}

#[test]
fn every_history_of_two_and_three_steps_with_one_crash_keeps_the_promises() {
    for steps in [
        &["", "idempotent"][..],
        &["idempotent", "manual"],
        &["", "", ""],
        &["", "manual", "effect=reads"],
    ] {
        let count = search(steps, 1, 0, false);
        assert!(count > 100, "{steps:?}: only {count} histories");
    }
}

#[test]
fn every_history_with_a_crash_and_a_signal_keeps_the_promises() {
    for steps in [&[""][..], &["", "idempotent"]] {
        let count = search(steps, 1, 1, false);
        assert!(count > 100, "{steps:?}: only {count} histories");
    }
}

#[test]
fn every_history_with_a_person_and_a_crash_keeps_the_promises() {
    for steps in [&[""][..], &["", "manual"]] {
        let count = search(steps, 1, 1, true);
        assert!(count > 100, "{steps:?}: only {count} histories");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_histories_with_many_crashes_keep_the_promises(
        steps in proptest::collection::vec(prop_oneof![Just(""), Just("idempotent"), Just("effect=reads"), Just("manual")], 1..=3),
        // Most of the time nothing special happens.
        taken in proptest::collection::vec(prop_oneof![3 => Just(0_usize), 1 => 0_usize..12].boxed(), 0..120),
        terminal in proptest::bool::ANY,
    ) {
        let plan = plan(&steps);
        let mut world = World::new(&plan, Choices::new(taken), 8, 4, terminal);
        world.live();
        prop_assert!(world.state.closed().is_some());
    }
}
