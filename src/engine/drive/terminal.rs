//! The operator's terminal, lent to a step that wants it, or to a shell in a step's environment.

use std::time::Duration;

use crate::event::EventKind;
use crate::host::command;
use crate::host::terminal::Size;
use crate::keeper::link::Held;
use crate::keeper::protocol::{Ask, Launch, Say};
use crate::model::StepId;

use super::super::decide::Input;
use super::super::operator::{Lending, When};
use super::{Engine, EngineError};

// A keeper that does not answer for this long is taken for gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// What may have the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Borrower {
    pub(super) step: StepId,
    pub(super) nonce: String,
    is_shell: bool,
}

impl Engine<'_> {
    /// Lends the terminal to what runs and wants it, where no question is open.
    pub(super) fn lend(&mut self) -> Result<(), EngineError> {
        if self.asking || self.lent.is_some() || !self.parts.session.terminal {
            return Ok(());
        }
        let Some(borrower) = self.borrower() else {
            return Ok(());
        };
        if self.without_terminal.contains(&borrower.nonce) {
            return Ok(());
        }
        let nonce = borrower.nonce.clone();
        let size = Size::here();
        let Some(link) = &mut self.parts.link else {
            return Ok(());
        };
        let asked = link.ask(&Ask::Terminal {
            nonce: nonce.clone(),
            size,
        });
        if asked.is_err() {
            return Ok(());
        }
        let line = loop {
            let Some(link) = &mut self.parts.link else {
                return Ok(());
            };
            match link.wait(PATIENCE) {
                Ok(Some(Say::Terminal { nonce: of, there })) if of == nonce => {
                    break if there { link.take_line() } else { None };
                }
                // What else the keeper says meanwhile waits its turn.
                Ok(Some(say)) => self.said(say)?,
                // Noticed when it is read.
                Ok(None) | Err(_) => return Ok(()),
            }
        };
        let Some(line) = line else {
            // It is over by now, or an engine of another make began it.
            self.without_terminal.insert(nonce);
            return Ok(());
        };
        let plan = &self.parts.plan;
        let step = plan.step(&borrower.step);
        let timeout = step.and_then(|it| it.settings.timeout);
        let lending = Lending {
            step: &borrower.step,
            timeout: timeout
                .or(plan.runbook.default_timeout)
                .filter(|_| !borrower.is_shell),
            is_shell: borrower.is_shell,
        };
        self.parts.publisher.suspend();
        if self.parts.operator.lend(line, lending).is_ok() {
            self.lent = Some(borrower);
        } else {
            self.without_terminal.insert(nonce);
            self.parts.publisher.resume();
        }
        Ok(())
    }

    // The shell, else the step that runs and wants a terminal: there is one at most.
    pub(super) fn borrower(&self) -> Option<Borrower> {
        let session = &self.parts.session;
        if let Some((step, nonce)) = session.shell() {
            return Some(Borrower {
                step: step.clone(),
                nonce: nonce.to_owned(),
                is_shell: true,
            });
        }
        let mut running = session.running();
        let (step, nonce) = running.find(|(step, _)| {
            let step = self.parts.plan.step(step);
            step.is_some_and(|it| self.now(it).wants_terminal())
        })?;
        Some(Borrower {
            step: step.clone(),
            nonce: nonce.to_owned(),
            is_shell: false,
        })
    }

    /// Takes the terminal back, where it is lent; says whether it was.
    pub(super) fn take_back(&mut self, when: When) -> bool {
        let was_lent = self.lent.take().is_some();
        if was_lent {
            self.parts.operator.take_back(when);
        }
        was_lent
    }

    /// What had the terminal is over.
    pub(super) fn given_back(&mut self, nonce: &str) {
        if self.lent.as_ref().is_some_and(|it| it.nonce == nonce) {
            self.take_back(When::Over);
            self.parts.publisher.resume();
        }
    }

    /// Tells the step that has the terminal how large it is now.
    pub(super) fn resize_lent(&mut self) {
        if let (Some(lent), Some(link)) = (&self.lent, &mut self.parts.link) {
            // A keeper that is gone is noticed when it is read.
            let _ = link.ask(&Ask::Resize {
                nonce: lent.nonce.clone(),
                size: Size::here(),
            });
        }
    }

    /// Opens a shell in the environment of a step; `events` say that the operator wanted it.
    pub(super) fn open_shell(
        &mut self,
        step: &StepId,
        events: Vec<EventKind>,
    ) -> Result<(), EngineError> {
        self.need_keeper()?;
        let held = self
            .shell(step)
            .and_then(|launch| Ok((launch.nonce.clone(), self.hold_shell(launch)?)));
        let events = self.concealed(events);
        let recorded = self.parts.journal.commit(events)?;
        let events = recorded.events().to_vec();
        self.parts.publisher.events(events);
        match held {
            Ok((nonce, held)) => {
                self.parts.session.shell_opened(nonce);
                self.lend()?;
                // Where its process is gone the keeper says so.
                let _ = held.release(&recorded);
            }
            Err(because) => self.inputs.push_back(Input::ShellEnded {
                how: format!("it could not be opened: {because}"),
            }),
        }
        Ok(())
    }

    // As the step would be started, but for what runs: nothing of it is recorded.
    fn shell(&self, step: &StepId) -> Result<Launch, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = ["bash", "sh"]
            .iter()
            .find_map(|name| command::find(name, &path));
        let program = found.ok_or("there is no shell here")?;
        let mut launch = self.launch(step, 0)?;
        // No start-up file, as for steps.
        let args: &[&str] = if program.ends_with("bash") {
            &["--noprofile", "--norc", "-i"]
        } else {
            &["-i"]
        };
        launch.program = program.to_string_lossy().into_owned();
        launch.args = args.iter().map(|it| (*it).to_owned()).collect();
        for (name, value) in [
            ("PS1", format!("({step}) $ ")),
            ("HISTFILE", "/dev/null".into()),
        ] {
            launch.env.retain(|(it, _)| it != name);
            launch
                .env
                .push((name.to_owned(), crate::event::Text::Plain(value)));
        }
        launch.script = String::new();
        launch.script_on_stdin = false;
        launch.stdin = None;
        launch.dumps = false;
        launch.timeout_ms = None;
        launch.private = true;
        launch.terminal = true;
        launch.shell = true;
        Ok(launch)
    }

    fn hold_shell(&mut self, launch: Launch) -> Result<Held, String> {
        let wanted = launch.nonce.clone();
        let gone = || "the keeper is gone".to_owned();
        let link = self.parts.link.as_mut().ok_or_else(gone)?;
        let asked = link.ask(&Ask::Prepare(Box::new(launch)));
        asked.map_err(|error| error.to_string())?;
        loop {
            let link = self.parts.link.as_mut().ok_or_else(gone)?;
            match link.wait(PATIENCE) {
                Ok(Some(Say::Held { nonce, identity })) if nonce == wanted => {
                    let gate = link.take_gate();
                    let gate = gate.ok_or("the gate did not come along")?;
                    return Ok(Held::new(nonce, identity, gate));
                }
                Ok(Some(Say::Refused { nonce, because })) if nonce == wanted => {
                    return Err(because);
                }
                Ok(Some(say)) => self.said(say).map_err(|error| error.to_string())?,
                Ok(None) | Err(_) => return Err(gone()),
            }
        }
    }
}
