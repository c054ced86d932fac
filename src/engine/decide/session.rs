//! What an engine knows besides the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::event::{EventKind, Exit, OnFailure, Request, Verdict};
use crate::model::StepId;
use crate::plan::{Existing, Known, Plan};
use crate::redact::{Lost, Named, Texts};
use crate::render::{Datum, Value};
use crate::state::{Ahead, Carried, Given, Phase, State, StepState};

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
    // Secrets that steps gave, by the names of holes; and those that others have taken the place of.
    given: BTreeMap<String, Secret>,
    replaced: Vec<Named>,
    // Values that no record holds whole, by attempt and name.
    live: BTreeMap<(String, String), Secret>,
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
        self.know();
    }

    // What steps gave comes first: a hole is filled with that.
    fn know(&mut self) {
        let named = self.given.iter().chain(&self.secrets);
        let named = named.filter(|(_, it)| !it.expose().is_empty());
        let named = named.map(|(name, it)| Named::new(name, it.expose()));
        self.texts = Texts::new(named.chain(self.replaced.iter().cloned()).collect());
    }

    /// Keeps a secret that a step gave, called `name` in holes, for this session; from now on it is
    /// masked, and so is the one in whose place it comes.
    pub fn keep_given(&mut self, name: String, secret: Secret) {
        let before = self.given.insert(name.clone(), secret.clone());
        if let Some(before) = before.filter(|it| *it != secret) {
            // No stored value is filled with it any more but what was made of it.
            let number = self.replaced.len() + 1;
            let before = Named::new(&format!("{name}#{number}"), before.expose());
            self.replaced.push(before);
        }
        self.know();
    }

    /// Keeps a value of the attempt `nonce` that no record holds whole.
    pub fn keep_live(&mut self, nonce: &str, name: String, value: Secret) {
        self.live.insert((nonce.to_owned(), name), value);
    }

    /// Returns what was given as `name`.
    ///
    /// # Errors
    /// The secret that it holds, and that is not there.
    pub fn value(&self, name: &str, given: &Given) -> Result<String, Lost> {
        match self.live.get(&(given.nonce.clone(), name.to_owned())) {
            Some(live) => Ok(live.expose().to_owned()),
            None => filled(&given.stored, &self.texts),
        }
    }

    /// Returns what has been given and confirmed so far, and what `step` sees of the steps before it.
    pub fn known_at(
        &self,
        ahead: &Ahead<'_>,
        carried: &Carried,
        plan: &Plan,
        step: &StepId,
    ) -> Known {
        let state = ahead.state();
        let mut known = self.known(state, plan);
        let is_secret = |id: &StepId| plan.step(id).is_some_and(|it| it.settings.secret);
        let given = &carried.values;
        for (name, it) in given {
            let Ok(value) = self.value(name, it) else {
                continue;
            };
            let value = if is_secret(&it.step) {
                Value::Secret {
                    variable: name.clone(),
                }
            } else {
                Value::Plain(value)
            };
            known.values.insert(name.clone(), value);
        }
        let names_steps = plan.step(step).is_some_and(|it| {
            it.settings.template
                && plan
                    .command(it)
                    .is_some_and(|(_, body)| body.contains("steps"))
        });
        if names_steps {
            let all = (0..state.steps().len())
                .filter_map(|at| Some((ahead.planned(at)?.id.clone(), ahead.at(at))));
            known.steps = all
                .filter_map(|(id, it)| Some((id.to_string(), self.ended(plan, &id, it, given)?)))
                .collect();
        }
        known
    }

    // What a template sees of a step that has ended.
    fn ended(
        &self,
        plan: &Plan,
        id: &StepId,
        step: &StepState,
        seen: &BTreeMap<String, Given>,
    ) -> Option<BTreeMap<String, Datum>> {
        let (Phase::Finished(verdict), Some(exited)) = (&step.phase, &step.exited) else {
            return None;
        };
        let status = match exited.exit {
            Exit::Code(code) => Datum::Number(code.to_string()),
            _ => Datum::None,
        };
        let is_secret = plan.step(id).is_some_and(|it| it.settings.secret);
        let values = exited.values.iter().filter_map(|(name, stored)| {
            let given = Given {
                stored: stored.clone(),
                step: id.clone(),
                nonce: exited.nonce.clone(),
            };
            let value = self.value(name, &given).ok()?;
            let value = match is_secret {
                false => Datum::Text(value),
                // It goes into a command by its variable, where the step has that.
                true if seen.get(name) == Some(&given) => Datum::Secret {
                    variable: name.clone(),
                },
                true => return None,
            };
            Some((name.clone(), value))
        });
        let values = Datum::Map(match verdict {
            Verdict::Ok => values.collect(),
            _ => Vec::new(),
        });
        let verdict = serde_json::to_value(verdict).ok()?;
        Some(BTreeMap::from([
            (
                "attempt".to_owned(),
                Datum::Number(step.attempts.to_string()),
            ),
            ("ms".to_owned(), Datum::Number(exited.ms.to_string())),
            ("status".to_owned(), status),
            ("values".to_owned(), values),
            (
                "verdict".to_owned(),
                Datum::Text(verdict.as_str()?.to_owned()),
            ),
        ]))
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
            ..Known::default()
        }
    }

    /// Says that this operator agreed to all steps in an earlier session: it is not asked again.
    pub fn agreed_to_all(&mut self) {
        self.begun = true;
        self.all = true;
    }
}
