//! Lines that a person types. The terminal stays in its usual mode, so that Ctrl-C, Ctrl-Z and a
//! lost connection arrive as the signals they are, at a prompt as anywhere.

use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr,
};

use crate::engine::{Interruption, Signals};

use super::print;

/// Standard input, line by line.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    ended: bool,
}

/// A line, or what came instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Without its end.
    Text(String),
    /// Standard input is over.
    End,
}

impl Lines {
    /// Returns what to poll.
    #[expect(
        clippy::unused_self,
        reason = "whose lines these are is this type's to know"
    )]
    pub fn fd(&self) -> BorrowedFd<'static> {
        rustix::stdio::stdin()
    }

    /// Forgets what was typed before the question was seen: it was not meant for it.
    pub fn forget(&mut self) {
        self.buffer.clear();
        let _ = tcflush(rustix::stdio::stdin(), QueueSelector::IFlush);
    }

    /// Reads what is there; returns a line once it is whole.
    pub fn read(&mut self) -> Option<Line> {
        let mut bytes = [0; 4096];
        match rustix::io::read(rustix::stdio::stdin(), &mut bytes) {
            Ok(0) => self.ended = true,
            Ok(count) => self.buffer.extend_from_slice(&bytes[..count]),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) => self.ended = true,
        }
        if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line[..end])
                .trim_end_matches('\r')
                .to_owned();
            return Some(Line::Text(text));
        }
        self.ended.then_some(Line::End)
    }
}

/// While it lives the terminal does not show what is typed; then it is as it was.
#[derive(Debug)]
pub struct Echo(Termios);

impl Echo {
    /// Switches it off; `None` where that cannot be.
    pub fn off() -> Option<Self> {
        let before = tcgetattr(rustix::stdio::stdin()).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &silent).ok()?;
        Some(Self(before))
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Asks for one line and waits for it; `None` where the operator interrupts or the input ends.
pub fn ask(question: &str, lines: &mut Lines, signals: &Signals) -> Option<String> {
    lines.forget();
    print::show(question);
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(lines.fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(signals.fd(), PollFlags::IN),
        ];
        let _ = poll(&mut fds, None);
        let (typed, signalled) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
        if signalled {
            match signals.look() {
                Interruption::None => {}
                // The shell has written over it.
                Interruption::Suspended => print::show(question),
                Interruption::Ended => return end(),
            }
        }
        if typed {
            match lines.read() {
                Some(Line::Text(text)) => return Some(text),
                Some(Line::End) => return end(),
                None => {}
            }
        }
    }
}

/// The same, and what is typed is not shown.
pub fn ask_unseen(question: &str, lines: &mut Lines, signals: &Signals) -> Option<String> {
    let silence = Echo::off();
    let answer = ask(question, lines, signals);
    if silence.is_some() && answer.is_some() {
        // The line break was not shown either.
        print::show("\n");
    }
    answer
}

// What comes next begins on a line of its own.
fn end() -> Option<String> {
    print::show("\n");
    None
}
