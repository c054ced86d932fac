//! The operator's terminal while another program has it: raw, and given back as it was, however this
//! process ends; what the other program switched on of it; and how large it is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use serde::{Deserialize, Serialize};

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// How wide.
    pub columns: u16,
    /// How high.
    pub rows: u16,
}

impl Size {
    /// What a terminal is taken for that does not tell.
    pub const USUAL: Self = Self {
        columns: 80,
        rows: 24,
    };

    /// Returns the size of the terminal of this process.
    pub fn here() -> Self {
        match rustix::termios::tcgetwinsize(rustix::stdio::stdin()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Self {
                columns: size.ws_col,
                rows: size.ws_row,
            },
            _ => Self::USUAL,
        }
    }
}

// Signals that end a process where nobody minds them. Those that the engine reads in its own time are
// blocked, and give the terminal back in the usual way.
const DEADLY: [libc::c_int; 14] = [
    libc::SIGQUIT,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGXCPU,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGSYS,
];

static IS_RAW: AtomicBool = AtomicBool::new(false);
// Written before `IS_RAW` is set, read after it was taken back.
static mut BEFORE: MaybeUninit<libc::termios> = MaybeUninit::uninit();

/// While it lives every key goes through this process as it is; then the terminal is as it was.
pub struct Raw {
    before: Termios,
    handlers: Vec<(libc::c_int, libc::sigaction)>,
}

impl Raw {
    /// Makes the terminal on standard input raw. What was typed before is forgotten.
    ///
    /// # Errors
    /// Where it is none, or is raw already.
    pub fn enter() -> io::Result<Self> {
        let stdin = rustix::stdio::stdin();
        let before = tcgetattr(stdin)?;
        // SAFETY: one thread at a time makes a terminal raw: whoever holds it.
        unsafe {
            let before = &raw mut BEFORE;
            if libc::tcgetattr(libc::STDIN_FILENO, (*before).as_mut_ptr()) < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        let mut raw = before.clone();
        raw.make_raw();
        IS_RAW.store(true, Ordering::SeqCst);
        let handlers = DEADLY.into_iter().filter_map(give_back_at).collect();
        let this = Self { before, handlers };
        tcsetattr(stdin, OptionalActions::Flush, &raw)?;
        Ok(this)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // What was typed for the program that had it is not for us.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &self.before);
        IS_RAW.store(false, Ordering::SeqCst);
        for (signal, before) in &self.handlers {
            // SAFETY: what was there before is put back.
            unsafe { libc::sigaction(*signal, before, ptr::null_mut()) };
        }
    }
}

/// Gives the terminal back as it was, if this process has it raw: before a last word is said.
pub fn give_back() {
    if IS_RAW.swap(false, Ordering::SeqCst) {
        // SAFETY: it was written before the flag was set; the call is safe in a signal handler.
        unsafe {
            let before = &raw const BEFORE;
            libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, (*before).as_ptr());
        }
    }
}

extern "C" fn before_the_end(signal: libc::c_int) {
    give_back();
    // The handler is gone by now: this time it ends the process.
    // SAFETY: safe in a signal handler.
    unsafe { libc::raise(signal) };
}

// Returns what was done at the signal before.
fn give_back_at(signal: libc::c_int) -> Option<(libc::c_int, libc::sigaction)> {
    // SAFETY: both actions are valid; the handler makes only calls that are safe there.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = before_the_end as *const () as usize;
        action.sa_flags = libc::SA_RESETHAND;
        let mut before: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, &raw const action, &raw mut before) == 0)
            .then_some((signal, before))
    }
}

/// What a program switched on of its terminal, and perhaps never off again: another screen, the mouse,
/// a hidden cursor. Reads what it prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    unusual: BTreeSet<u16>,
    reading: Reading,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Text,
    Escape,
    Bracket,
    Private(Vec<u16>),
}

// Cursor keys, line wrap, the cursor itself, the mouse in its forms, focus, other screens, pasting.
const MODES: [u16; 16] = [
    1, 7, 9, 25, 47, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004,
];

const fn is_usual(mode: u16) -> bool {
    matches!(mode, 7 | 25)
}

impl Modes {
    /// Reads the next bytes that it prints.
    pub fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.reading = match (std::mem::take(&mut self.reading), byte) {
                (_, 0x1b) => Reading::Escape,
                (Reading::Escape, b'[') => Reading::Bracket,
                (Reading::Bracket, b'?') => Reading::Private(vec![0]),
                (Reading::Private(mut numbers), b'0'..=b'9') => {
                    if let Some(last) = numbers.last_mut() {
                        *last = last
                            .saturating_mul(10)
                            .saturating_add(u16::from(byte - b'0'));
                    }
                    Reading::Private(numbers)
                }
                (Reading::Private(mut numbers), b';') if numbers.len() < 16 => {
                    numbers.push(0);
                    Reading::Private(numbers)
                }
                (Reading::Private(numbers), b'h' | b'l') => {
                    for mode in numbers.into_iter().filter(|it| MODES.contains(it)) {
                        if (*byte == b'h') == is_usual(mode) {
                            self.unusual.remove(&mode);
                        } else {
                            self.unusual.insert(mode);
                        }
                    }
                    Reading::Text
                }
                _ => Reading::Text,
            };
        }
    }

    /// Whether it draws on a screen of its own, which it will draw anew when the size changes.
    pub fn has_own_screen(&self) -> bool {
        [47, 1047, 1049].iter().any(|it| self.unusual.contains(it))
    }

    /// Returns what puts a terminal back: nothing where nothing is to be put back.
    pub fn undo(&self) -> Vec<u8> {
        self.told(is_usual)
    }

    /// Returns what brings another terminal where this one is.
    pub fn redo(&self) -> Vec<u8> {
        self.told(|mode| !is_usual(mode))
    }

    fn told(&self, on: impl Fn(u16) -> bool) -> Vec<u8> {
        let mut told = String::new();
        for mode in &self.unusual {
            let letter = if on(*mode) { 'h' } else { 'l' };
            // Infallible: writing to a string.
            let _ = write!(told, "\x1b[?{mode}{letter}");
        }
        told.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::Modes;

    fn check(printed: &str) -> (String, String) {
        let mut whole = Modes::default();
        whole.feed(printed.as_bytes());
        let mut by_bytes = Modes::default();
        for byte in printed.bytes() {
            by_bytes.feed(&[byte]);
        }
        assert_eq!(whole, by_bytes);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace('\x1b', "E");
        (text(whole.undo()), text(whole.redo()))
    }

    #[test]
    fn what_is_left_switched_is_put_back_and_nothing_else() {
        assert_eq!(check("plain \x1b[31mred\x1b[0m"), Default::default());
        let full = "\x1b[?1049h\x1b[?25l\x1b[?1000;1006h text";
        assert_eq!(
            check(full),
            (
                "E[?25hE[?1000lE[?1006lE[?1049l".to_owned(),
                "E[?25lE[?1000hE[?1006hE[?1049h".to_owned()
            )
        );
        assert_eq!(
            check(&format!("{full}\x1b[?1006;1000l\x1b[?25h\x1b[?1049l")),
            Default::default()
        );
        assert_eq!(
            check("\x1b[?99999999999h\x1b[?12h\x1b[?"),
            Default::default()
        );
        let mut modes = Modes::default();
        modes.feed(b"\x1b[?1049h");
        assert!(modes.has_own_screen());
    }
}
