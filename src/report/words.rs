//! One way of saying each thing: durations, sizes, exits, verdicts, people, and the colours they have.
//! Everything returned is clean: it may be written to a terminal as it is.

use std::borrow::Cow;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::clean::inline;
use super::story::{Standing, Story};
use super::{Colour, Look};
use crate::event::{
    Closing, Decision, Elsewhere, EndedBy, EventKind, Exit, FailedAt, Operator, Output, Verdict,
};
use crate::render::MASK;

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const CALM: Style = AnsiColor::Cyan.on_default();
pub(super) const FAINT: Style = Style::new().dimmed();
pub(super) const STRONG: Style = Style::new().bold();

/// Adds a line.
pub(super) fn put(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// Says what was masked in an output though nobody declared it; `None` where nothing was.
pub(super) fn detected(output: &Output) -> Option<String> {
    let times: u64 = output.detected.values().sum();
    let kinds: Vec<&str> = output.detected.keys().map(String::as_str).collect();
    let kinds = inline(&kinds.join(", ")).into_owned();
    match times {
        0 => None,
        1 => Some(format!("1 secret masked that nobody declared ({kinds})")),
        _ => Some(format!(
            "{times} secrets masked that nobody declared ({kinds})"
        )),
    }
}

/// Says how much was printed, and where it is.
pub(super) fn stored(output: &Output) -> String {
    if output.log.is_empty() {
        format!("{}, private: nothing of it is kept", size(output.bytes))
    } else {
        format!("{} in {}", size(output.bytes), output.log)
    }
}

/// Returns `text` in `style`, where colours are shown.
pub(super) fn paint(look: &Look, style: Style, text: &str) -> String {
    match look.colour {
        Colour::Shown if !text.is_empty() => {
            format!("{}{text}{}", style.render(), style.render_reset())
        }
        _ => text.to_owned(),
    }
}

/// Returns `0.4s`, `12.4s`, `1m 05s`, `2h 03m`, `4d 05h`.
pub fn duration(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{}.{}s", tenths / 10, tenths % 10),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Returns `12 bytes`, `64.0 KiB`, `1.5 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return count(bytes, "byte");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Returns `1 line`, `2 lines`.
pub(super) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Returns how a process ended: `exit code 1`, `SIGTERM (15)`, `timed out after 1m 00s: SIGKILL (9)`.
pub(super) fn ending(exit: Exit, ended_by: Option<EndedBy>, time: Duration) -> String {
    let how = match exit {
        Exit::Code(code) => match hint(code) {
            Some(hint) => format!("exit code {code} ({hint})"),
            None => format!("exit code {code}"),
        },
        Exit::Signal(number) => match signal(number) {
            Some(name) => format!("{name} ({number})"),
            None => format!("signal {number}"),
        },
        Exit::NotStarted(errno) => {
            let error = std::io::Error::from_raw_os_error(errno).to_string();
            format!("could not be started: {}", inline(&error))
        }
    };
    match ended_by {
        None => how,
        Some(EndedBy::Timeout) => format!("timed out after {}: {how}", duration(time)),
        Some(EndedBy::Operator) => format!("ended by the operator: {how}"),
        Some(EndedBy::Stop) => format!("ended because the run was stopped: {how}"),
        Some(EndedBy::End) => format!("stopped at the end: {how}"),
    }
}

fn hint(code: i32) -> Option<String> {
    match code {
        126 => Some("not executable".to_owned()),
        127 => Some("command not found".to_owned()),
        129.. => signal(code - 128).map(|name| format!("as if by {name}")),
        _ => None,
    }
}

fn signal(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// Returns `manual.md:42: pg_dump shop`.
pub(super) fn place(file: &str, at: &FailedAt) -> String {
    let file = file_name(file);
    if at.command.is_empty() {
        return format!("{file}:{}", at.line);
    }
    format!("{file}:{}: {}", at.line, inline(&at.command))
}

/// Returns the last part of a path.
pub(super) fn file_name(path: &str) -> Cow<'_, str> {
    match path.rsplit('/').next() {
        Some("-" | "") | None => Cow::Borrowed("standard input"),
        Some(name) => inline(name),
    }
}

/// Returns `ana@web1`, or `root@web1 (sudo by ana)`.
pub(super) fn person(operator: &Operator) -> String {
    let who = format!("{}@{}", inline(&operator.user), inline(&operator.host));
    match &operator.sudo_user {
        Some(user) => format!("{who} (sudo by {})", inline(user)),
        None => who,
    }
}

/// Returns the mark of a step, its colour, and the word for it.
pub(super) fn standing(standing: Standing) -> (&'static str, Style, &'static str) {
    match standing {
        Standing::Pending => ("·", FAINT, "not run"),
        Standing::Running => ("▸", CALM, "running"),
        Standing::Unknown => ("?", DOUBT, "unknown"),
        Standing::Finished(Verdict::Ok) => ("✓", GOOD, "ok"),
        Standing::Finished(Verdict::Failed) => ("✗", BAD, "failed"),
        Standing::Finished(Verdict::Skipped) => ("–", FAINT, "skipped"),
        Standing::Finished(Verdict::OperatorAsserted) => ("●", CALM, "asserted"),
    }
}

/// Returns the mark of a run, its colour, and the word for how it stands.
pub(super) fn result(story: &Story) -> (&'static str, Style, &'static str) {
    let tally = story.tally();
    match &story.closed {
        Some(closed) => match closed.result {
            Closing::Passed => ("✓", GOOD, "passed"),
            Closing::Failed => ("✗", BAD, "closed as failed"),
            Closing::Left => ("–", DOUBT, "closed, left unfinished"),
            Closing::Stopped => ("–", DOUBT, "closed after a stop"),
        },
        None if tally.running > 0 => ("▸", CALM, "open: a step is running"),
        None if tally.unknown > 0 => ("?", DOUBT, "open: a step's outcome is unknown"),
        None if tally.failed > 0 => ("✗", BAD, "open: a step failed"),
        None => ("–", DOUBT, "open: steps are still to run"),
    }
}

/// Returns what an operator's answer was.
pub(super) fn decision(decision: &Decision) -> &'static str {
    match decision {
        Decision::Run => "run",
        Decision::RunAll => "run all",
        Decision::StepByStep => "step by step",
        Decision::Rerun => "run again",
        Decision::Done => "it is done",
        Decision::Skip => "skip",
        Decision::Undo => "undo",
        Decision::Shell => "a shell",
        Decision::Stop => "stop here",
    }
}

/// Returns what was given or confirmed for the whole run; `None` for any other event. Not clean.
pub(super) fn answer(event: &EventKind) -> Option<String> {
    Some(match event {
        EventKind::ValueGiven {
            name,
            value,
            source,
            by,
        } => {
            let value = value.as_deref().unwrap_or(MASK);
            format!("value of {name}: {value} (by {by}, {source})")
        }
        EventKind::HostConfirmed { host, by } => {
            format!("{by} confirmed that steps may leave this machine for {host}")
        }
        EventKind::WorkstationDecided { decision, host, by } => {
            let what = match decision {
                Elsewhere::Here => "run here",
                Elsewhere::Skip => "are skipped",
                Elsewhere::Each => "are each asked about",
            };
            format!("{by} decided on {host}: steps meant for the operator's own computer {what}")
        }
        _ => return None,
    })
}

/// Returns what was done on a signal.
pub(super) fn action(action: &str) -> Cow<'_, str> {
    Cow::Borrowed(match action {
        "interrupt" => "the step is interrupted",
        "terminate" => "the step is told to end",
        "kill" => "the step is killed",
        "detach" => "detached; the step goes on",
        "stop-after" => "the run stops after this step",
        "wait" => "goes on waiting",
        "stop" => "the run stops",
        other => return inline(other),
    })
}

/// Returns `2026-05-04 10:20:30Z` from `2026-05-04T10:20:30.123Z`; any other text as it is.
pub(super) fn time(wall: &str) -> String {
    let wall = inline(wall);
    match (
        wall.get(..10),
        wall.get(10..11),
        wall.get(11..19),
        wall.get(19..),
    ) {
        (Some(day), Some("T"), Some(clock), Some(rest)) if rest.ends_with('Z') => {
            format!("{day} {clock}Z")
        }
        _ => wall.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, ending, size, time};
    use crate::event::{EndedBy, Exit};

    #[test]
    fn times_and_sizes_read_well() {
        let told = |ms| duration(Duration::from_millis(ms));
        assert_eq!(
            [told(3), told(449), told(59_999)],
            ["0.0s", "0.4s", "59.9s"]
        );
        assert_eq!(
            [told(65_000), told(7_380_000), told(363_600_000)],
            ["1m 05s", "2h 03m", "4d 05h"]
        );
        assert_eq!(
            [size(1), size(1023), size(1 << 20)],
            ["1 byte", "1023 bytes", "1.0 MiB"]
        );
        assert_eq!(time("2026-05-04T10:20:30.123Z"), "2026-05-04 10:20:30Z");
        assert_eq!(time("yesterday\x1b"), "yesterday␛");
    }

    #[test]
    fn an_exit_is_told_in_words() {
        let told = |exit, by| ending(exit, by, Duration::from_secs(65));
        assert_eq!(
            told(Exit::Code(127), None),
            "exit code 127 (command not found)"
        );
        assert_eq!(
            told(Exit::Code(137), None),
            "exit code 137 (as if by SIGKILL)"
        );
        assert_eq!(
            told(Exit::Signal(15), Some(EndedBy::Timeout)),
            "timed out after 1m 05s: SIGTERM (15)"
        );
        assert_eq!(
            told(Exit::Signal(64), Some(EndedBy::Operator)),
            "ended by the operator: signal 64"
        );
        assert_eq!(
            told(Exit::NotStarted(2), None),
            "could not be started: No such file or directory (os error 2)"
        );
    }
}
