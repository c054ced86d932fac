//! What an engine knows besides the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::event::{EventKind, OnFailure, Request};
use crate::model::StepId;
use crate::plan::{Existing, Known, Plan};
use crate::redact::{Lost, Named, Texts};
use crate::render::Value;
use crate::state::State;

use super::super::conceal::filled;
use super::{Leaving, Question};

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
    /// What a failure does to the rest, where nobody is asked.
    pub on_failure: Option<OnFailure>,
    /// How many steps run side by side; 0 is one.
    pub jobs: usize,
    pub(super) begun: bool,
    pub(super) all: bool,
    pub(super) agreed: BTreeSet<StepId>,
    pub(super) secrets: BTreeMap<String, Secret>,
    texts: Texts,
    // The section whose rest was agreed to.
    pub(super) rest: Option<usize>,
    // What the step that is proposed would overwrite.
    pub(super) found: Option<(StepId, Vec<Existing>)>,
    pub(super) failed_here: BTreeSet<StepId>,
    pub(super) flights: Vec<Flight>,
    pub(super) pending: Vec<EventKind>,
    pub(super) question: Option<Question>,
    // The shell that the operator opened after a failure of this step, and its name once it runs.
    pub(super) shell: Option<(StepId, Option<String>)>,
    pub(super) interrupts: u8,
    pub(super) stop: bool,
    // Steps that are tried again once their pause is over.
    pub(super) pauses: BTreeSet<StepId>,
    // … as an earlier session began to wait, with what is left of it in milliseconds.
    pub(super) awaited: Vec<(StepId, u64)>,
    // Attempts and conditions that are being judged, and which step wants to know of it.
    pub(super) judging: Vec<(StepId, Option<(StepId, Which)>)>,
    // Servers whose readiness is being judged, by attempt.
    pub(super) readying: BTreeSet<String>,
    // What the guards of steps that are about to begin have told.
    pub(super) told: BTreeMap<(StepId, Which), Result<bool, String>>,
    // The operator has seen a failure and wants no more steps.
    pub(super) gives_up: bool,
    // … and wants undone what was done.
    pub(super) undoes: bool,
    // Something was undone in this session.
    pub(super) went_back: bool,
    // The session is over once what runs has ended.
    pub(super) departing: Option<Leaving>,
    // Servers that were told to end.
    pub(super) ending: BTreeSet<String>,
}

/// Which of a step's two conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// It runs only where this holds.
    If,
    /// It is done already where this holds.
    Unless,
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

// An attempt that is being held, or runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    pub(super) step: StepId,
    pub(super) nonce: Option<String>,
    pub(super) is_server: bool,
    // The step that wants to know what it tells.
    pub(super) guards: Option<(StepId, Which)>,
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

    /// Takes over what was asked for when the run began.
    pub fn follow(&mut self, request: &Request) {
        self.on_failure = request.on_failure;
        self.jobs = request.jobs.unwrap_or(1) as usize;
    }

    /// Says that the attempt `nonce` of `step` is running: an earlier engine started it.
    pub fn attached(&mut self, step: StepId, nonce: String, is_server: bool) {
        self.flights.push(Flight {
            step,
            nonce: Some(nonce),
            is_server,
            guards: None,
        });
    }

    /// Says that `step` is tried again once this many milliseconds have passed: an earlier session
    /// began to wait.
    pub fn awaits(&mut self, step: StepId, ms: u64) {
        self.awaited.push((step, ms));
    }

    /// Returns the attempts that are running, servers included.
    pub fn running(&self) -> impl Iterator<Item = (&StepId, &str)> {
        let flights = self.flights.iter();
        flights.filter_map(|it| Some((&it.step, it.nonce.as_deref()?)))
    }

    /// Returns the shell that the operator has, and the step in whose environment it runs.
    pub fn shell(&self) -> Option<(&StepId, &str)> {
        let (step, nonce) = self.shell.as_ref()?;
        Some((step, nonce.as_deref()?))
    }

    /// Says that the shell which was wanted is about to run.
    pub fn shell_opened(&mut self, nonce: String) {
        if let Some(shell) = &mut self.shell {
            shell.1 = Some(nonce);
        }
    }

    // Those that will end by themselves.
    pub(super) fn steps_running(&self) -> Vec<(StepId, String)> {
        let flights = self.flights.iter().filter(|it| !it.is_server);
        flights
            .filter_map(|it| Some((it.step.clone(), it.nonce.clone()?)))
            .collect()
    }

    // The same, and those that are being held.
    pub(super) fn steps_in_flight(&self) -> impl Iterator<Item = &StepId> {
        let flights = self.flights.iter().filter(|it| !it.is_server);
        flights.map(|it| &it.step)
    }

    // How many of the steps that may run side by side do.
    pub(super) fn busy(&self) -> usize {
        let flights = self.flights.iter().filter(|it| !it.is_server);
        flights.count() + self.judging.len()
    }

    pub(super) fn is_in_flight(&self, step: &StepId) -> bool {
        let is_judged = self.judging.iter().any(|it| it.0 == *step);
        is_judged || self.flights.iter().any(|it| it.step == *step)
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
