//! What the operating system, another command, or Ctrl-C wants.

use crate::event::{EndedBy, EventKind};
use crate::keeper::protocol::{Ending, Message};
use crate::model::StepId;

use super::{Action, Answer, Leaving, OnTerm, Question, Signal, Turn};

impl Turn<'_> {
    // Servers are not meant: they end with the session.
    fn end_all(&mut self, ending: Ending, by: EndedBy) {
        for (_, nonce) in self.session.steps_running() {
            self.actions.push(Action::End { nonce, ending, by });
        }
    }

    fn withdraw(&mut self) {
        self.session.interrupts = 0;
        self.take_back();
    }

    pub(super) fn answer_interrupted(&mut self, step: StepId, answer: Answer) {
        if self.session.steps_running().is_empty() {
            return;
        }
        match answer {
            Answer::Interrupt => {
                self.session.interrupts = 2;
                self.commit(vec![signal("SIGINT", "interrupt")]);
                self.end_all(Ending::Interrupt, EndedBy::Operator);
            }
            Answer::Kill => {
                self.commit(vec![signal("SIGINT", "kill")]);
                self.end_all(Ending::Kill, EndedBy::Operator);
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

    pub(super) fn signal(&mut self, signal: Signal) {
        let running = self.session.steps_running().into_iter().next();
        let is_in_flight = self.session.busy() > 0;
        let serves = self.session.flights.iter().any(|it| it.is_server);
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
        if let Some((_, nonce)) = self.session.shell()
            && asks
        {
            let nonce = nonce.to_owned();
            let (ending, by) = (Ending::Terminate, EndedBy::Operator);
            return self.actions.push(Action::End { nonce, ending, by });
        }
        match running {
            Some((step, _)) if asks => self.interrupt(step),
            Some(_) if detaches => {
                self.commit(vec![self::signal(name, "detach")]);
                self.leave(Leaving::Detached);
            }
            Some(_) => {
                self.session.stop = true;
                self.take_back();
                self.commit(vec![self::signal(name, "terminate")]);
                self.end_all(Ending::Terminate, EndedBy::Stop);
            }
            // It is being held: nothing of it runs yet, and closing its gate ends it.
            None if is_in_flight => {
                self.session.flights.retain(|it| it.nonce.is_some());
                let mut events = std::mem::take(&mut self.session.pending);
                events.push(self::signal(name, "stop"));
                self.depart(Leaving::Stopped(format!("by {name}")), events);
            }
            None if detaches && serves => {
                self.withdraw();
                self.commit(vec![self::signal(name, "detach")]);
                self.leave(Leaving::Detached);
            }
            None => {
                self.withdraw();
                let action = if detaches { "detach" } else { "stop" };
                let events = vec![self::signal(name, action)];
                self.depart(Leaving::Stopped(format!("by {name}")), events);
            }
        }
    }

    // On a terminal the first Ctrl-C touches nothing and asks, the second interrupts, the third
    // kills.
    fn interrupt(&mut self, step: StepId) {
        self.session.interrupts += 1;
        match self.session.interrupts {
            1 => self.ask(Question::Interrupted(step)),
            2 => {
                self.take_back();
                self.commit(vec![signal("SIGINT", "interrupt")]);
                self.end_all(Ending::Interrupt, EndedBy::Operator);
            }
            _ => {
                self.take_back();
                self.commit(vec![signal("SIGINT", "kill")]);
                self.end_all(Ending::Kill, EndedBy::Operator);
            }
        }
    }

    pub(super) fn told(&mut self, message: Message) {
        match message {
            Message::Note { text, by } => {
                let step = self.session.flights.first().map(|it| it.step.clone());
                self.commit(vec![EventKind::Note { step, text, by }]);
            }
            Message::Stop { by } => {
                self.session.stop = true;
                self.commit(vec![signal(&format!("stop by {by}"), "stop")]);
                if self.session.busy() == 0 {
                    self.withdraw();
                    self.depart(Leaving::Stopped(format!("by {by}")), Vec::new());
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
