//! What a step is started with, and how its attempt comes to wait at its gate.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use crate::event::{Identity, Text};
use crate::host::{accounts, machine};
use crate::keeper::OUTPUT_FD;
use crate::keeper::link::{Held, Link};
use crate::keeper::protocol::{Ask, Launch, Say};
use crate::model::{Step, StepId};
use crate::render::Value;
use crate::target::{Start, file, launch, launch_own};

use super::super::conceal::{filled, text_filled};
use super::super::decide::{Holding, Input};
use super::{Engine, EngineError};

impl Engine<'_> {
    /// Asks the keeper to hold the next attempt of each of these steps, and waits until it does.
    pub(super) fn prepare(&mut self, steps: &[StepId]) -> Result<(), EngineError> {
        self.need_keeper()?;
        let mut wanted: Vec<Holding> = Vec::with_capacity(steps.len());
        let mut refused = Vec::new();
        for step in steps {
            let state = self.parts.journal.state();
            let attempt = state.step(step).map_or(0, |(_, it)| it.attempts) + 1;
            let launch = match self.launch(step, attempt) {
                Ok(launch) => launch,
                Err(because) => {
                    refused.push((step.clone(), because));
                    continue;
                }
            };
            let (nonce, command) = (
                launch.nonce.clone(),
                launch.digest(self.parts.session.texts()),
            );
            let Some(link) = &mut self.parts.link else {
                return Ok(());
            };
            if link.ask(&Ask::Prepare(Box::new(launch))).is_err() {
                self.keeper_is_gone();
                return Ok(());
            }
            wanted.push(Holding {
                step: step.clone(),
                attempt,
                nonce,
                identity: Identity::default(),
                command,
            });
        }
        let mut held = Vec::with_capacity(wanted.len());
        // What else the keeper says meanwhile waits its turn.
        while !wanted.is_empty() {
            let Some(link) = &mut self.parts.link else {
                return Ok(());
            };
            let of = |it: &String| wanted.iter().position(|held| held.nonce == *it);
            match link.wait(Duration::from_secs(30)) {
                Ok(Some(Say::Held { nonce, identity })) => {
                    let gate = link.take_gate();
                    let Some(mut it) = of(&nonce).map(|at| wanted.remove(at)) else {
                        continue;
                    };
                    let Some(gate) = gate else {
                        refused.push((it.step, "the gate did not come along".to_owned()));
                        continue;
                    };
                    self.held.push(Held::new(nonce, identity.clone(), gate));
                    it.identity = identity;
                    held.push(it);
                }
                Ok(Some(Say::Refused { nonce, because })) => {
                    if let Some(at) = of(&nonce) {
                        refused.push((wanted.remove(at).step, because));
                    }
                }
                Ok(Some(say)) => self.said(say)?,
                Ok(None) | Err(_) => {
                    self.keeper_is_gone();
                    return Ok(());
                }
            }
        }
        self.inputs.push_front(Input::Held { held, refused });
        Ok(())
    }

    /// Starts a keeper where none of ours is there.
    pub(super) fn need_keeper(&mut self) -> Result<(), EngineError> {
        if self.parts.foreign_keeper {
            self.dismiss_keeper();
        }
        if self.parts.link.is_none() {
            let link = Link::start(&self.parts.folder, &self.parts.program);
            self.parts.link = Some(link.map_err(EngineError::Keeper)?);
        }
        Ok(())
    }

    fn keeper_is_gone(&mut self) {
        self.held.clear();
        self.parts.link = None;
        self.inputs.push_back(Input::KeeperGone);
    }

    pub(super) fn cwd(&self, step: &Step, carried: Option<&Text>) -> Text {
        let plan = &self.parts.plan;
        match (&step.settings.cwd, carried) {
            (Some(cwd), _) => path_text(&plan.cwd.join(cwd)),
            (None, Some(carried)) => carried.clone(),
            (None, None) => path_text(&plan.cwd),
        }
    }

    // The steps of one operator never run as another: a keeper that runs as somebody else goes.
    fn dismiss_keeper(&mut self) {
        self.parts.foreign_keeper = false;
        if let Some(mut link) = self.parts.link.take()
            && link.ask(&Ask::Retire).is_ok()
        {
            while let Ok(Some(_)) = link.wait(Duration::from_secs(10)) {}
        }
    }

    pub(super) fn launch(&self, id: &StepId, attempt: u32) -> Result<Launch, String> {
        let plan = &self.parts.plan;
        let step = plan.step(id).ok_or("the plan has no such step")?;
        let step = &*self.now(step);
        let (language, text) = plan.command(step).ok_or("a person does this step")?;
        let survey = &self.parts.survey;
        let own = match &step.settings.with {
            None => None,
            Some(with) => match survey.own(&with.name) {
                Some(Ok(own)) => Some(own),
                _ => return Err(format!("nothing here is interpreter `{}`", with.name)),
            },
        };
        if step.wants_terminal() && !self.parts.session.terminal {
            return Err(format!("step `{id}` wants a person at the terminal"));
        }
        let state = self.parts.journal.state();
        let carried = state.carried(id, self.parts.session.pending());
        let secrets = self.parts.session.texts();
        let again = |text: &Text, what: &str| {
            text_filled(text, secrets).map_err(|lost| {
                format!(
                    "{what} is lost: {lost}; run the step that set it again (--rerun STEP), or give \
                     the secret"
                )
            })
        };
        let cwd = match &carried.cwd {
            Some(cwd) => Some(again(cwd, "the folder that an earlier step went to")?),
            None => None,
        };
        let cwd = self.cwd(step, cwd.as_ref());
        // What stands for a value is never passed to an interpreter.
        let known = self.known(id);
        let exposed = |name: &str| {
            let secrets = self.parts.session.secrets();
            let secret = secrets.get(name).or_else(|| {
                let mut givers = plan.steps().filter(|it| it.settings.secret);
                givers.find_map(|it| secrets.get(&plan.secret_given(&it.id, name)))
            });
            secret.map(|it| it.expose().to_owned())
        };
        let file = match plan.file(step, &known) {
            None => None,
            Some(Ok(file)) => Some(file),
            Some(Err(unfit)) => return Err(unfit.because),
        };
        let body = match plan.filled(step, &known) {
            _ if file.is_some() => plan
                .content(step, &known, &exposed)
                .map_err(|it| format!("`{}`: {}", it.name, it.because))?,
            None => self.body(step).0,
            Some(Ok(filled)) => filled.body,
            Some(Err(unfit)) => return Err(format!("`{}`: {}", unfit.name, unfit.because)),
        };
        let is_edited = state.step(id).is_some_and(|(_, it)| it.edited.is_some());
        let body = if is_edited {
            filled(&body, secrets).map_err(|lost| format!("the edited command is lost: {lost}"))?
        } else {
            body
        };
        let nonce = machine::nonce();
        let mut env = self.parts.environment.clone();
        let plain = |value: &str| Text::Plain(value.to_owned());
        for (name, value) in &plan.runbook.env {
            env.insert(name.clone(), plain(value));
        }
        for input in &plan.inputs {
            env.insert(input.name.clone(), plain(&input.value));
        }
        for input in plan.runbook.inputs.iter().filter(|it| it.is_secret()) {
            if let Some(secret) = self.parts.session.secrets().get(&input.name) {
                env.insert(input.name.clone(), plain(secret.expose()));
            }
        }
        for (name, value) in &known.values {
            let secret = self.parts.session.secrets().get(name);
            match (value, secret) {
                (Value::Plain(value), _) if plan.is_variable(name) => {
                    env.insert(name.clone(), plain(value));
                }
                (Value::Secret { variable }, Some(secret)) => {
                    if body.contains(variable.as_str()) {
                        env.insert(variable.clone(), plain(secret.expose()));
                    }
                    if plan.is_variable(name) {
                        env.insert(name.clone(), plain(secret.expose()));
                    }
                }
                _ => {}
            }
        }
        for (name, value) in carried.variables {
            match value {
                Some(value) => {
                    let given = carried.values.get(&name);
                    let given = given.filter(|it| Text::Plain(it.stored.clone()) == value);
                    let what = format!("`{name}`, which an earlier step set,");
                    let value = match given.map(|it| self.parts.session.value(&name, it)) {
                        Some(Ok(value)) => plain(&value),
                        // A step that reads it is not started.
                        Some(Err(_)) if !plan.reads(step, None, &name) => {
                            env.remove(&name);
                            continue;
                        }
                        _ => again(&value, &what)?,
                    };
                    env.insert(name, value);
                }
                None => drop(env.remove(&name)),
            }
        }
        let user = match &step.settings.user {
            Some(name) => {
                let user = self.parts.survey.user(name);
                Some(user.ok_or_else(|| format!("there is no user `{name}` here"))?)
            }
            None => None,
        };
        if let Some(account) = user {
            env.insert("HOME".to_owned(), plain(&account.home));
            env.insert("USER".to_owned(), plain(&account.name));
            env.insert("LOGNAME".to_owned(), plain(&account.name));
        }
        for (name, value) in &step.settings.env {
            env.insert(name.clone(), plain(value));
        }
        let run = self.parts.folder.run();
        env.insert("RUNBOOK_RUN_ID".to_owned(), plain(run));
        env.insert("RUNBOOK_STEP_ID".to_owned(), plain(id.as_str()));
        env.insert(
            "RUNBOOK_IDEMPOTENCY_KEY".to_owned(),
            plain(&format!("{run}-{id}")),
        );
        env.insert("RUNBOOK_ATTEMPT".to_owned(), plain(&nonce));
        env.insert("PWD".to_owned(), cwd.clone());
        let gives = self.gives(step);
        if gives.is_some() {
            let output = format!("/dev/fd/{OUTPUT_FD}");
            env.insert("RUNBOOK_OUTPUT".to_owned(), plain(&output));
        }
        let me = rustix::process::getuid().as_raw();
        // Of a server it says how long it may take until it is ready.
        let timeout = step.settings.timeout.or(plan.runbook.default_timeout);
        let start = Start {
            step: id,
            nonce: &nonce,
            attempt,
            body: &body,
            body_line: step.body_line,
            document: &plan.document,
            settings: &step.settings,
            terminal: step.wants_terminal(),
            kind: plan.runbook.kind,
            env: env.into_iter().collect(),
            cwd,
            user: user.filter(|it| it.uid != me).cloned(),
            timeout: timeout.filter(|_| step.settings.background.is_none()),
            secrets: secrets.secrets().to_vec(),
            gives,
        };
        if let Some(file) = file {
            let owner = file.owner.clone().unwrap_or_default();
            let ids = accounts::ids(&owner).map_err(|it| format!("there is no {it} here"))?;
            return Ok(file::launch(start, file, ids, run, &self.parts.program));
        }
        if let Some(own) = own {
            return Ok(launch_own(start, own));
        }
        let interpreter = survey
            .runs(language, text)
            .ok_or_else(|| format!("nothing here runs {}", language.0))?;
        Ok(launch(start, interpreter))
    }
}

fn path_text(path: &Path) -> Text {
    Text::of_bytes(path.as_os_str().as_bytes())
}
