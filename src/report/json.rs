//! A run as JSON Lines for programs: each event as the journal has it, and between them what passes,
//! with a `kind` that begins with `live.` and is never in a journal.
//!
//! ```json
//! {"kind":"live.output","step":"backup","offset":0,"text":"12 tables\n"}
//! {"kind":"live.output","step":"backup","offset":10,"hex":"ff00"}
//! {"kind":"live.tick","step":"backup","elapsed_ms":1200,"silent_ms":300}
//! {"kind":"live.message","text":"waiting for the step"}
//! {"kind":"live.finished","transcript":"/…/transcript.md"}
//! ```

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use super::{Ending, Progress, Reporter};
use crate::event::Event;
use crate::model::StepId;

/// Writes a line of JSON for all that it is told.
pub struct Json<W> {
    out: W,
    /// Output that ends within a character: its step, where it begins in the log, its bytes.
    partial: Option<(StepId, u64, Vec<u8>)>,
}

#[derive(Serialize)]
#[serde(tag = "kind")]
enum Live<'a> {
    #[serde(rename = "live.output")]
    Output {
        step: &'a StepId,
        offset: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        hex: Option<String>,
    },
    #[serde(rename = "live.tick")]
    Tick {
        step: &'a StepId,
        elapsed_ms: u128,
        silent_ms: u128,
    },
    #[serde(rename = "live.message")]
    Message { text: &'a str },
    #[serde(rename = "live.finished")]
    Finished { transcript: Option<&'a str> },
}

impl<W: Write + Send> Json<W> {
    /// Returns a reporter that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, partial: None }
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        writeln!(self.out, "{}", to_line(value)?)?;
        self.out.flush()
    }

    /// Writes what was held back of a character that did not go on.
    fn settle(&mut self) -> io::Result<()> {
        match self.partial.take() {
            Some((step, offset, bytes)) => self.output(&step, offset, &bytes),
            None => Ok(()),
        }
    }

    fn output(&mut self, step: &StepId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let text = str::from_utf8(bytes).ok();
        let hex = text.is_none().then(|| hexadecimal(bytes));
        self.line(&Live::Output {
            step,
            offset,
            text,
            hex,
        })
    }

    fn grown(&mut self, step: &StepId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let follows = |(of, at, held): &(StepId, u64, Vec<u8>)| {
            of == step && at + held.len() as u64 == offset
        };
        let (offset, mut bytes) = match self.partial.take_if(|partial| follows(partial)) {
            Some((_, at, held)) => (at, [&held, bytes].concat()),
            None => (offset, bytes.to_vec()),
        };
        self.settle()?;
        if let Err(error) = str::from_utf8(&bytes)
            && error.error_len().is_none()
        {
            let held = bytes.split_off(error.valid_up_to());
            self.partial = Some((step.clone(), offset + bytes.len() as u64, held));
        }
        if bytes.is_empty() {
            Ok(())
        } else {
            self.output(step, offset, &bytes)
        }
    }
}

impl<W: Write + Send> Reporter for Json<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.settle()?;
        self.line(event)
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        match progress {
            Progress::Output {
                step,
                offset,
                bytes,
            } => self.grown(step, *offset, bytes),
            Progress::Tick {
                step,
                elapsed,
                silent,
            } => self.line(&Live::Tick {
                step,
                elapsed_ms: elapsed.as_millis(),
                silent_ms: silent.as_millis(),
            }),
            Progress::Message(text) => self.line(&Live::Message { text }),
            Progress::Attached(_) | Progress::Suspend | Progress::Resume | Progress::Resized(_) => {
                Ok(())
            }
        }
    }

    fn finish(&mut self, ending: &Ending) -> io::Result<()> {
        self.settle()?;
        self.line(&Live::Finished {
            transcript: ending.transcript.as_deref(),
        })
    }
}

/// Returns `value` as one line of JSON that is safe on a terminal too: every control character and
/// everything that cannot be seen is escaped.
///
/// # Errors
/// When the value cannot be told in JSON.
pub fn to_line(value: &impl Serialize) -> io::Result<String> {
    let line = serde_json::to_string(value)?;
    if line.is_ascii() && !line.contains('\x7f') {
        return Ok(line);
    }
    // Such characters stand in strings only, where an escape means the same.
    let mut safe = String::with_capacity(line.len());
    for c in line.chars() {
        if super::clean::is_plain(c) {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    Ok(safe)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;

    use super::{Json, to_line};
    use crate::event::{Event, EventKind};
    use crate::report::fixture::{Tape, id, opened, step};
    use crate::report::{Ending, Progress, Reporter};

    fn told(act: impl FnOnce(&mut Json<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        act(&mut Json::new(&mut out));
        String::from_utf8(out).unwrap()
    }

    fn output(offset: u64, bytes: &[u8]) -> Progress {
        Progress::Output {
            step: id("a"),
            offset,
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn an_event_is_told_as_the_journal_has_it() {
        let mut tape = Tape::open(opened(vec![step("a", "One", 3)]));
        tape.add(EventKind::Note {
            step: None,
            text: "é\u{9b}\u{202e}\x1b".into(),
            by: "ana".into(),
        });
        let text = told(|json| {
            for event in &tape.events {
                json.event(event).unwrap();
            }
        });
        let read: Vec<Event> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(read, tape.events);
        assert!(
            text.ends_with("\"text\":\"é\\u009b\\u202e\\u001b\",\"by\":\"ana\"}\n"),
            "{text}"
        );
    }

    #[test]
    fn live_lines_stand_between_events() {
        let text = told(|json| {
            json.progress(&output(0, "caf\u{e9}\n".as_bytes())).unwrap();
            json.progress(&output(6, &[b'x', 0xc3])).unwrap();
            json.progress(&output(8, &[0xa9, 0xff])).unwrap();
            json.progress(&output(10, &[0xe2])).unwrap();
            let (elapsed, silent) = (Duration::from_millis(1200), Duration::from_millis(300));
            json.progress(&Progress::Tick {
                step: id("a"),
                elapsed,
                silent,
            })
            .unwrap();
            json.progress(&Progress::Message("waits".into())).unwrap();
            json.finish(&Ending {
                transcript: Some("/t.md".into()),
            })
            .unwrap();
        });
        assert_snapshot!(text, @r##"
{"kind":"live.output","step":"a","offset":0,"text":"café\n"}
{"kind":"live.output","step":"a","offset":6,"text":"x"}
{"kind":"live.output","step":"a","offset":7,"hex":"c3a9ff"}
{"kind":"live.tick","step":"a","elapsed_ms":1200,"silent_ms":300}
{"kind":"live.message","text":"waits"}
{"kind":"live.output","step":"a","offset":10,"hex":"e2"}
{"kind":"live.finished","transcript":"/t.md"}
"##);
    }

    #[test]
    fn what_cannot_be_seen_is_escaped_and_means_the_same() {
        let text = "\u{e0041}\u{7f}日本";
        let line = to_line(&text).unwrap();
        assert_eq!(line, "\"\\udb40\\udc41\\u007f日本\"");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
