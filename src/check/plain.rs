//! What a person sees of an output: no colours, no other escapes.

use vte::{Parser, Perform};

/// Returns `text` without escape sequences, with LF line ends; what a `\r` inside a line begins again
/// replaces what stood there.
pub(super) fn plain(text: &str) -> String {
    let is_plain = |byte: u8| byte >= b' ' || byte == b'\n' || byte == b'\t';
    if text.bytes().all(is_plain) && !text.contains('\u{9b}') {
        return text.to_owned();
    }
    let mut seen = Seen::default();
    Parser::new().advance(&mut seen, text.as_bytes());
    seen.text
}

#[derive(Default)]
struct Seen {
    text: String,
    /// A `\r` has come, and nothing after it.
    returned: bool,
}

impl Perform for Seen {
    fn print(&mut self, c: char) {
        if std::mem::take(&mut self.returned) {
            let line = self.text.rfind('\n').map_or(0, |at| at + 1);
            self.text.truncate(line);
        }
        self.text.push(c);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.returned = false;
                self.text.push('\n');
            }
            b'\t' => self.print('\t'),
            b'\r' => self.returned = true,
            8 if !self.text.ends_with('\n') => {
                self.text.pop();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn escapes_and_what_was_written_over_are_gone() {
        assert_eq!(plain("\x1b[1;32mok\x1b[0m\r\n\tx"), "ok\n\tx");
        assert_eq!(plain("10%\r100%\n"), "100%\n");
        assert_eq!(
            plain("\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\"),
            "link"
        );
        assert_eq!(plain("año"), "año");
    }
}
