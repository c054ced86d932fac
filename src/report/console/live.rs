//! The line that is drawn over: a spinner and one line of text, and what is written above it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// The live line.
pub(super) struct Live {
    bar: ProgressBar,
    screen: Screen,
}

impl Live {
    pub(super) fn new(columns: usize) -> Self {
        let screen = Screen {
            columns: columns.min(u16::MAX.into()) as u16,
            bytes: Arc::default(),
        };
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{spinner} {msg}")
            .expect("the template is a constant that parses")
            .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ");
        bar.set_style(style);
        Self { bar, screen }
    }

    pub(super) fn draw(&self, text: String, out: &mut dyn Write) -> io::Result<()> {
        self.bar.set_message(text);
        self.screen.take();
        self.bar.tick();
        out.write_all(&self.screen.take())?;
        out.flush()
    }

    pub(super) fn above(&self, text: &str, out: &mut dyn Write) -> io::Result<()> {
        self.bar.suspend(|| self.screen.push(text));
        out.write_all(&self.screen.take())
    }

    pub(super) fn end(self, out: &mut dyn Write) -> io::Result<()> {
        self.bar.finish_and_clear();
        out.write_all(&self.screen.take())
    }
}

/// What indicatif takes for a terminal: keeps what it draws, until it is written to ours.
#[derive(Clone, Debug)]
struct Screen {
    columns: u16,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    fn push(&self, text: &str) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(text.as_bytes());
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.columns
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        if n > 0 {
            self.push(&format!("\x1b[{n}A"));
        }
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        if n > 0 {
            self.push(&format!("\x1b[{n}B"));
        }
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        if n > 0 {
            self.push(&format!("\x1b[{n}C"));
        }
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        if n > 0 {
            self.push(&format!("\x1b[{n}D"));
        }
        Ok(())
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.push(s);
        self.push("\n");
        Ok(())
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        // A filler up to the right edge wraps where a terminal measures an emoji otherwise.
        if !s.bytes().all(|b| b == b' ') {
            self.push(s);
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
