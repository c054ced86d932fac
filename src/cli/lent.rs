//! The operator's terminal while another program has it: keys go there as they are typed, what comes
//! from there is shown as it is. On a thread of its own, so that nobody waits for a key.

use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use crate::engine::operator::{Lending, When};
use crate::host::terminal::{Modes, Raw};
use crate::report::{clean, duration};

use super::print;
use super::walk::{FAINT, paint};

// Ctrl-], as for telnet: typed twice it brings the operator back.
const ESCAPE: u8 = 0x1d;
// What was typed and not taken yet.
const MOST_TYPED: usize = 4 << 10;

/// The terminal is lent while this lives.
pub struct Lent {
    thread: Option<JoinHandle<()>>,
    wake: OwnedFd,
}

/// Returns what is said before the terminal is lent.
pub fn notice(to: &Lending<'_>, width: usize) -> String {
    let who = if to.is_shell {
        format!(
            "A shell in the environment of `{}`: `exit` comes back.",
            to.step
        )
    } else {
        let timeout = to.timeout.map_or_else(String::new, |it| {
            format!(" It is ended after {}.", duration(it))
        });
        format!("The terminal goes to `{}`.{timeout}", to.step)
    };
    let keys = "Ctrl-C and Ctrl-Z go there; Ctrl-] twice comes back here.";
    let mut text = String::new();
    for line in [who.as_str(), keys] {
        let line = clean::inline(line);
        for row in clean::wrap_words(&line, width.saturating_sub(3).max(8)) {
            let _ = writeln!(text, "  {}", paint(FAINT, row));
        }
    }
    text
}

impl Lent {
    /// Lends it: when this returns, every key goes to `line`.
    ///
    /// # Errors
    /// Where it is no terminal, or no thread can be started.
    pub fn start(line: OwnedFd) -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC)?;
        let woken = wake.try_clone()?;
        rustix::io::ioctl_fionbio(&line, true)?;
        let raw = Raw::enter()?;
        let relay = Relay {
            line,
            woken,
            typed: Vec::new(),
            keys: Keys::default(),
            modes: Modes::default(),
            is_painted: false,
            last: b'\n',
        };
        let thread = std::thread::Builder::new()
            .name("terminal".to_owned())
            .spawn(move || relay.serve(raw))?;
        Ok(Self {
            thread: Some(thread),
            wake,
        })
    }

    /// Takes it back.
    pub fn take_back(mut self, when: When) {
        if when == When::Over {
            self.wait();
        }
    }

    fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        self.wait();
    }
}

struct Relay {
    line: OwnedFd,
    woken: OwnedFd,
    typed: Vec<u8>,
    keys: Keys,
    modes: Modes,
    // Whether anything but plain text was shown.
    is_painted: bool,
    last: u8,
}

impl Relay {
    fn serve(mut self, raw: Raw) {
        let calls = self.relay();
        let mut rest = self.modes.undo();
        if self.is_painted {
            // Colours, and letters that stand for lines.
            rest.extend_from_slice(b"\x1b[0m\x1b(B\x0f");
        }
        if self.last != b'\n' {
            // What comes next begins on a line of its own.
            rest.extend_from_slice(b"\r\n");
        }
        print::raw(&rest);
        drop(raw);
        if calls {
            // As Ctrl-C would while a step runs that has no terminal.
            // SAFETY: a plain system call.
            unsafe { libc::kill(libc::getpid(), libc::SIGINT) };
        }
    }

    // Returns whether the operator wants to come back.
    fn relay(&mut self) -> bool {
        let stdin = rustix::stdio::stdin();
        let mut hears = true;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let mut to_line = PollFlags::IN;
            to_line.set(PollFlags::OUT, !self.typed.is_empty());
            let mut fds = vec![
                PollFd::new(&self.woken, PollFlags::IN),
                PollFd::from_borrowed_fd(self.line.as_fd(), to_line),
            ];
            if hears && self.typed.len() < MOST_TYPED {
                fds.push(PollFd::from_borrowed_fd(stdin, PollFlags::IN));
            }
            let _ = poll(&mut fds, None);
            let ready: Vec<bool> = fds.iter().map(|it| !it.revents().is_empty()).collect();
            if ready[1] && !self.show(&mut buffer) {
                return false;
            }
            if ready[0] {
                return false;
            }
            if ready.get(2) == Some(&true) {
                match rustix::io::read(stdin, &mut buffer[..MOST_TYPED]) {
                    // The terminal is gone: its signal says so too.
                    Ok(0) => hears = false,
                    Ok(count) => {
                        if self.keys.feed(&buffer[..count], &mut self.typed) {
                            return true;
                        }
                    }
                    Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                    Err(_) => hears = false,
                }
            }
            self.hand_on();
        }
    }

    // Returns whether there is more to come.
    fn show(&mut self, buffer: &mut [u8]) -> bool {
        match rustix::io::read(&self.line, &mut *buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.modes.feed(&buffer[..count]);
                self.is_painted |= memchr::memchr2(0x1b, 0x0e, &buffer[..count]).is_some();
                self.last = buffer[count - 1];
                print::raw(&buffer[..count]);
                true
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => true,
            Err(_) => false,
        }
    }

    fn hand_on(&mut self) {
        while !self.typed.is_empty() {
            match rustix::net::send(&self.line, &self.typed, rustix::net::SendFlags::NOSIGNAL) {
                Ok(count) => drop(self.typed.drain(..count)),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return,
                // It is over, which is seen when it is read.
                Err(_) => self.typed.clear(),
            }
        }
    }
}

/// Looks for the two keys that bring the operator back.
#[derive(Debug, Default)]
struct Keys {
    is_half: bool,
}

impl Keys {
    /// Adds to `typed` what is to be handed on; returns whether the operator wants to come back.
    fn feed(&mut self, keys: &[u8], typed: &mut Vec<u8>) -> bool {
        for key in keys {
            match (self.is_half, *key) {
                (true, ESCAPE) => {
                    self.is_half = false;
                    return true;
                }
                (false, ESCAPE) => self.is_half = true,
                (is_half, key) => {
                    if is_half {
                        typed.push(ESCAPE);
                    }
                    self.is_half = false;
                    typed.push(key);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn one_escape_is_a_key_like_any_and_two_come_back() {
        let check = |pieces: &[&[u8]]| {
            let (mut keys, mut typed) = (Keys::default(), Vec::new());
            let back = pieces.iter().any(|it| keys.feed(it, &mut typed));
            (
                String::from_utf8(typed).unwrap().replace('\u{1d}', "]"),
                back,
            )
        };
        assert_eq!(check(&[b"ab\x03\x1a"]), ("ab\u{3}\u{1a}".to_owned(), false));
        assert_eq!(check(&[b"a\x1db"]), ("a]b".to_owned(), false));
        assert_eq!(check(&[b"a\x1d", b"b"]), ("a]b".to_owned(), false));
        assert_eq!(check(&[b"a\x1d\x1db"]), ("a".to_owned(), true));
        assert_eq!(check(&[b"\x1d", b"\x1d"]), (String::new(), true));
    }
}
