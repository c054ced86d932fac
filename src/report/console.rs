//! A run, told to a person who watches: the plan, one line a step, what failed and why, what to do
//! next. Everything that comes from a document, a step or another person is cleaned first, and what a
//! step printed stands behind `│`, so that nothing can pass for a line of ours.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;

use super::clean::{Cleaner, LINE_LIMIT, fit, inline, pad, width, wrap, wrap_words};
use super::excerpt::{Excerpt, Measure, excerpt};
use super::story::{Chapter, Session, Standing, Story};
use super::words::{self, BAD, CALM, DOUBT, FAINT, STRONG, paint, put};
use super::{Detail, Ending, Look, Outputs, Progress, Reporter, Surface};
use crate::event::{AttemptExited, Decision, Event, EventKind, Exit, Output, Verdict};
use crate::model::StepId;
use crate::state::Role;

mod live;
mod plan;
#[cfg(test)]
mod tests;

use live::Live;
pub(super) use plan::chosen;
pub use plan::plan;

/// Lines of a failed step's output that are shown.
const LAST_LINES: usize = 20;
/// Bytes of it that are read for them.
const LAST_BYTES: u64 = 64 * 1024;
/// Rows that one line of it may take.
const LAST_ROWS: usize = 5;
/// Bytes that are read at once where live output has to be caught up with.
const PIECE: usize = 64 * 1024;
/// Bytes that are held back while someone is asked; what comes after them is read from the log.
const HELD: usize = 64 * 1024;
/// Silence that is worth a word.
const SILENCE: Duration = Duration::from_secs(60);
/// Columns of a label.
const LABEL: usize = 10;
/// Columns that the time of a step may take.
const TIME: usize = 8;

/// Tells a run on a terminal, or line by line where there is none.
pub struct Console<W, O> {
    out: W,
    outputs: O,
    look: Look,
    story: Story,
    live: Option<Live>,
    /// Columns of the longest title.
    widest: usize,
    suspended: bool,
    /// Written when the terminal is ours again.
    held: String,
    /// Monotonic time of the first and the last event of this session.
    span: Option<(u64, u64)>,
    /// The attempts that run.
    running: Vec<Running>,
}

/// An attempt that runs, as far as it was shown.
struct Running {
    step: StepId,
    latest: Latest,
    stream: Option<Stream>,
    /// The silence that the next word is due at, where there is no live line.
    silence: Duration,
}

/// The last line that the running step printed.
struct Latest {
    cleaner: Cleaner,
    text: String,
}

/// All that the running step prints, as far as it was shown.
struct Stream {
    cleaner: Cleaner,
    /// Where in the log goes on what was not shown yet.
    next: u64,
}

impl<W: Write + Send, O: Outputs + Send> Console<W, O> {
    /// Returns a console that writes to `out` and reads from `outputs` what failed steps printed.
    pub fn new(out: W, look: Look, outputs: O) -> Self {
        Self {
            out,
            outputs,
            look,
            story: Story::default(),
            live: None,
            widest: 0,
            suspended: false,
            held: String::new(),
            span: None,
            running: Vec::new(),
        }
    }

    /// Learns what happened before this session, without a word of it.
    pub fn with_past(mut self, events: &[Event]) -> Self {
        for event in events {
            self.hear(event);
            match &event.kind {
                // It may run still: then what it prints is shown from its beginning.
                EventKind::StepStarting(starting) => self.runs(&starting.step),
                EventKind::AttemptExited(exited) => drop(self.ran(&exited.step)),
                EventKind::AttemptVoid { step, .. } | EventKind::AttemptUnknown { step, .. } => {
                    drop(self.ran(step));
                }
                _ => {}
            }
        }
        self
    }

    fn runs(&mut self, step: &StepId) {
        let full = self.look.detail == Detail::Full;
        drop(self.ran(step));
        self.running.push(Running {
            step: step.clone(),
            latest: Latest::new(),
            stream: full.then(|| Stream {
                cleaner: Cleaner::new(LINE_LIMIT),
                next: 0,
            }),
            silence: SILENCE,
        });
    }

    fn ran(&mut self, step: &StepId) -> Option<Running> {
        let at = self.running.iter().position(|it| it.step == *step)?;
        Some(self.running.remove(at))
    }

    /// Returns what stands before each line of a step, where several run side by side.
    fn whose(&self, step: &StepId) -> String {
        let jobs = self.story.opened.as_ref().and_then(|it| it.request.jobs);
        if jobs.unwrap_or(1) > 1 || self.running.len() > 1 {
            format!("{step}: ")
        } else {
            String::new()
        }
    }

    fn hear(&mut self, event: &Event) {
        self.story.hear(event);
        if let EventKind::RunOpened(opened) = &event.kind {
            let titles = opened.steps.iter().map(|step| width(&inline(&step.title)));
            self.widest = titles.max().unwrap_or(0);
        }
    }

    /// Writes whole lines above the live one.
    fn say(&mut self, text: &str) -> io::Result<()> {
        if self.suspended {
            self.held.push_str(text);
            return Ok(());
        }
        if let Some(live) = &self.live {
            live.above(text, &mut self.out)?;
        } else {
            if self.look.surface == Surface::Terminal && !text.is_empty() {
                // What the terminal echoed, `^C` say, is not to stand before our line.
                self.out.write_all(b"\r\x1b[2K")?;
            }
            self.out.write_all(text.as_bytes())?;
        }
        self.out.flush()
    }

    fn clear_live(&mut self) -> io::Result<()> {
        match self.live.take() {
            Some(live) => live.end(&mut self.out),
            None => Ok(()),
        }
    }

    /// Returns `3/7` for the step, and what is known of it.
    fn numbered(&self, step: &StepId) -> Option<(String, &Chapter)> {
        let (number, chapter) = self.story.chapter(step)?;
        let total = self.story.parts().to_string();
        let digits = total.len();
        let told = match chapter.role {
            Role::Part => format!("{number:>digits$}/{total}"),
            Role::Guard => "check".to_owned(),
            Role::Undo(_) => "undo".to_owned(),
        };
        Some((told, chapter))
    }

    /// Returns the columns of a title in a result line: the same for all, so that times are aligned.
    fn title_columns(&self) -> usize {
        let digits = self.story.parts().to_string().len();
        let room = self
            .look
            .width
            .saturating_sub("✓ ".chars().count() + digits * 2 + 4 + TIME);
        self.widest.min(room).max(8)
    }

    /// Returns the line that tells how a step stands.
    fn result_line(&self, step: &StepId, standing: Standing) -> String {
        let Some((number, chapter)) = self.numbered(step) else {
            return String::new();
        };
        let (mark, style, word) = words::standing(standing);
        let title = pad(&inline(&chapter.planned.title), self.title_columns());
        let ran = matches!(standing, Standing::Finished(Verdict::Ok | Verdict::Failed));
        let what = match chapter.exited().filter(|_| ran) {
            Some(exited) => words::duration(Duration::from_millis(exited.ms)),
            None => word.to_owned(),
        };
        let again = match chapter.attempts.last() {
            Some(attempt) if ran && attempt.number > 1 => format!(", attempt {}", attempt.number),
            _ => String::new(),
        };
        let mark = paint(&self.look, style, mark);
        let what = paint(
            &self.look,
            if ran { FAINT } else { style },
            &format!("{what}{again}"),
        );
        format!("{mark} {number} {title}  {what}\n")
    }

    fn started(&mut self, step: &StepId) -> io::Result<()> {
        self.runs(step);
        if self.look.detail == Detail::Full || self.look.surface == Surface::Plain {
            let Some((number, chapter)) = self.numbered(step) else {
                return Ok(());
            };
            let again = match chapter.attempts.last() {
                Some(attempt) if attempt.number > 1 => format!(" (attempt {})", attempt.number),
                _ => String::new(),
            };
            let room = self
                .look
                .width
                .saturating_sub(number.len() + 5 + again.len());
            let title = inline(&chapter.planned.title);
            let line = format!("  {number} {}{again} …\n", fit(&title, room));
            self.say(&line)?;
        }
        self.draw(step, Duration::ZERO, Duration::ZERO)
    }

    /// Draws the live line anew.
    fn draw(&mut self, step: &StepId, elapsed: Duration, silent: Duration) -> io::Result<()> {
        if self.look.surface == Surface::Plain || self.suspended {
            return Ok(());
        }
        let Some((number, chapter)) = self.numbered(step) else {
            return Ok(());
        };
        let spinner = 2;
        let room = self.look.width.saturating_sub(spinner + 1);
        let time = words::duration(elapsed);
        let latest = self.running.iter().find(|it| it.step == *step);
        let tail = if silent >= SILENCE {
            format!("silent for {}", words::duration(silent))
        } else {
            latest.map(|it| it.latest.text.clone()).unwrap_or_default()
        };
        let beside = match self.running.len() {
            0 | 1 => String::new(),
            all => format!(" (+{})", all - 1),
        };
        let number = format!("{number}{beside}");
        let free = room.saturating_sub(number.len() + 1 + 2 + time.len());
        let title = inline(&chapter.planned.title);
        let title = fit(&title, if tail.is_empty() { free } else { free * 3 / 5 });
        let mut text = format!("{number} {title}  {time}");
        let left = room.saturating_sub(width(&text) + 2);
        if left >= 8 && !tail.is_empty() {
            text = format!("{text}  {}", fit(&tail, left));
        }
        let text = fit(&text, room).into_owned();
        let live = self.live.get_or_insert_with(|| Live::new(self.look.width));
        live.draw(text, &mut self.out)
    }

    /// Shows live output, as far as it follows on what was shown.
    fn stream(&mut self, step: &StepId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.held.len() > HELD {
            return Ok(());
        }
        let mut text = String::new();
        let look = self.look;
        let whose = self.whose(step);
        let running = self.running.iter_mut().find(|it| it.step == *step);
        if let Some(stream) = running.and_then(|it| it.stream.as_mut()) {
            // After a loss nothing more is shown live: the log gives all that is missing at the end.
            let known = stream.next.checked_sub(offset).map(|known| known as usize);
            let Some(fresh) = known.and_then(|known| bytes.get(known..)) else {
                return Ok(());
            };
            stream.next += fresh.len() as u64;
            stream.cleaner.push(fresh, |line| {
                quote(&mut text, &look, &format!("{whose}{line}"), usize::MAX);
            });
        }
        if text.is_empty() {
            Ok(())
        } else {
            self.say(&text)
        }
    }

    /// Shows what of a finished attempt's output was not shown live.
    fn catch_up(&mut self, exited: &AttemptExited) -> io::Result<()> {
        let whose = self.whose(&exited.step);
        let Some(mut stream) = self.ran(&exited.step).and_then(|it| it.stream) else {
            return Ok(());
        };
        let look = self.look;
        let quoted = |text: &mut String, line: &str| {
            quote(text, &look, &format!("{whose}{line}"), usize::MAX);
        };
        if let Some(output) = &exited.output {
            while stream.next < output.stored {
                let piece = match self.outputs.read(output, stream.next, PIECE) {
                    Ok(piece) if !piece.is_empty() => piece,
                    Ok(_) => break,
                    Err(error) => return self.unreadable(output, &error),
                };
                // What a full memory dropped from the log is said where it is missing.
                let end = stream.next + piece.len() as u64;
                let gap = output.gap_at.filter(|at| (stream.next..end).contains(at));
                let (before, after) =
                    piece.split_at(gap.map_or(piece.len(), |at| (at - stream.next) as usize));
                let mut text = String::new();
                stream.cleaner.push(before, |line| quoted(&mut text, line));
                if gap.is_some() {
                    let lost = words::size(output.bytes.saturating_sub(output.stored));
                    put(&mut text, &format!("    … {lost} were not kept"));
                }
                stream.cleaner.push(after, |line| quoted(&mut text, line));
                stream.next = end;
                self.say(&text)?;
            }
        }
        let mut text = String::new();
        stream.cleaner.finish(|line| quoted(&mut text, line));
        if text.is_empty() {
            Ok(())
        } else {
            self.say(&text)
        }
    }

    fn unreadable(&mut self, output: &Output, error: &io::Error) -> io::Result<()> {
        let text = format!("cannot read `{}`: {error}", output.log);
        let mut lines = String::new();
        remark(&mut lines, &self.look, DOUBT, &text);
        self.say(&lines)
    }

    /// Tells how a step ended.
    fn finished(&mut self, step: &StepId, verdict: Verdict) -> io::Result<()> {
        self.clear_live()?;
        let mut text = self.result_line(step, Standing::Finished(verdict));
        let Some((number, chapter)) = self.numbered(step) else {
            return Ok(());
        };
        if chapter.role == Role::Guard
            && let Some(exited) = chapter.exited()
            && let (Exit::Code(code), None) = (exited.exit, exited.ended_by)
        {
            // It was asked, and it answered.
            let title = pad(&inline(&chapter.planned.title), self.title_columns());
            let told = if verdict == Verdict::Ok {
                "yes".to_owned()
            } else {
                format!("no, exit code {code}")
            };
            let told = paint(&self.look, FAINT, &told);
            return self.say(&format!("? {number} {title}  {told}\n"));
        }
        if let Some(because) = &chapter.because {
            remark(&mut text, &self.look, Style::new(), because);
        }
        let ran = matches!(verdict, Verdict::Ok | Verdict::Failed);
        if let Some(exited) = chapter.exited().filter(|_| ran) {
            if verdict == Verdict::Failed {
                self.failure(&mut text, exited);
            }
            if !exited.left_running.is_empty() {
                let who = format!("still running: {}", exited.left_running.join(", "));
                remark(&mut text, &self.look, DOUBT, &who);
            }
            for line in words::given(exited) {
                remark(&mut text, &self.look, FAINT, &line);
            }
            for line in &exited.remarks {
                remark(&mut text, &self.look, FAINT, line);
            }
            if let Some(told) = exited.output.as_ref().and_then(words::detected) {
                remark(&mut text, &self.look, DOUBT, &told);
            }
        }
        self.say(&text)
    }

    /// Tells why a step failed: the exit, the line and command, the end of what it printed.
    fn failure(&self, text: &mut String, exited: &AttemptExited) {
        let time = Duration::from_millis(exited.ms);
        remark(
            text,
            &self.look,
            BAD,
            &words::ending(exited.exit, exited.ended_by, time),
        );
        if let Some(at) = &exited.failed_at {
            remark(
                text,
                &self.look,
                STRONG,
                &words::place(self.story.file(), at),
            );
        }
        let Some(output) = &exited.output else {
            return remark(text, &self.look, FAINT, "it printed nothing");
        };
        if output.log.is_empty() {
            return remark(text, &self.look, FAINT, &words::stored(output));
        }
        if self.look.detail == Detail::Full {
            return remark(
                text,
                &self.look,
                FAINT,
                &format!("all of it: {}", output.log),
            );
        }
        let measure = Measure {
            head: 0,
            tail: LAST_LINES,
            bytes: LAST_BYTES,
        };
        match excerpt(&self.outputs, output, measure) {
            Ok(Excerpt {
                head,
                between,
                tail,
                total,
            }) => {
                if between.is_some() {
                    let shown = tail.len();
                    remark(
                        text,
                        &self.look,
                        FAINT,
                        &format!("last {shown} of {total} lines:"),
                    );
                }
                for line in head.iter().chain(&tail) {
                    quote(text, &self.look, line, LAST_ROWS);
                }
                let rest = match between {
                    Some(between) => format!("the rest: {}, {}", output.log, between.told()),
                    None => format!("all of it: {}", output.log),
                };
                remark(text, &self.look, FAINT, &rest);
            }
            Err(error) => {
                let text_of = format!("cannot read `{}`: {error}", output.log);
                remark(text, &self.look, DOUBT, &text_of);
            }
        }
    }

    fn resumed(&mut self) -> io::Result<()> {
        let mut text = String::new();
        if let [.., before, now] = self.story.sessions.as_slice() {
            tell_session(&mut text, &self.look, before, now);
        }
        // What runs, and what does not any more, is not known before the evidence was read.
        let tally = self.story.tally().told("begun");
        remark(&mut text, &self.look, FAINT, &format!("so far: {tally}"));
        self.say(&text)
    }

    fn tell(&mut self, event: &Event) -> io::Result<()> {
        let look = self.look;
        let mut text = String::new();
        match &event.kind {
            EventKind::RunOpened(opened) => {
                let line = format!("run {}", inline(&opened.run));
                text.push('\n');
                put(&mut text, &paint(&look, FAINT, &line));
            }
            EventKind::RunResumed(_) => return self.resumed(),
            EventKind::RunbookAdopted(adopted) => {
                let what = format!(
                    "{} adopted the document as it is now ({})",
                    inline(&adopted.by),
                    adopted.file
                );
                remark(&mut text, &look, STRONG, &what);
            }
            EventKind::Recovered { bytes, tail } => {
                let what = format!(
                    "the journal had a torn end: {} set aside in {tail}",
                    words::size(*bytes)
                );
                remark(&mut text, &look, DOUBT, &what);
            }
            EventKind::StepStarting(starting) => return self.started(&starting.step),
            EventKind::AttemptExited(exited) => return self.catch_up(exited),
            EventKind::AttemptVoid { step, because, .. } => {
                drop(self.ran(step));
                self.clear_live()?;
                let what = format!("{step} was never started: {because}");
                remark(&mut text, &look, FAINT, &what);
            }
            EventKind::AttemptUnknown { step, because, .. } => {
                drop(self.ran(step));
                self.clear_live()?;
                text = self.result_line(step, Standing::Unknown);
                remark(&mut text, &look, DOUBT, because);
            }
            EventKind::StepEdited { step, diff, .. } => {
                remark(
                    &mut text,
                    &look,
                    CALM,
                    &format!("{step} was edited for this run"),
                );
                for line in super::clean::block(diff).lines() {
                    quote(&mut text, &look, line, LAST_ROWS);
                }
            }
            // A person saw what would run, and was asked; a log that nobody was asked in tells it.
            EventKind::StepFilled { .. } if look.surface == Surface::Terminal => return Ok(()),
            EventKind::StepFilled { step, diff, .. } => {
                let what = format!("{step} runs with these values");
                remark(&mut text, &look, CALM, &what);
                for line in super::clean::block(diff).lines() {
                    quote(&mut text, &look, line, LAST_ROWS);
                }
            }
            EventKind::ValueGiven { source, .. }
                if source == "prompt" && look.surface == Surface::Terminal =>
            {
                return Ok(());
            }
            EventKind::ValueGiven { .. }
            | EventKind::HostConfirmed { .. }
            | EventKind::WorkstationDecided { .. } => {
                if let Some(what) = words::answer(&event.kind) {
                    remark(&mut text, &look, FAINT, &what);
                }
            }
            EventKind::StepRetrying {
                step,
                because,
                pause_ms,
                ..
            } => {
                self.clear_live()?;
                let pause = words::duration(Duration::from_millis(*pause_ms));
                let what = format!("{step} is tried again in {pause}: {because}");
                remark(&mut text, &look, FAINT, &what);
            }
            EventKind::CheckJudged { judged, .. } => {
                text = super::judged::console(judged, self.story.file(), &look);
            }
            // Its own line said that it was started; what matters is when it is ready.
            EventKind::ServiceStarted { .. } | EventKind::CheckProbed { .. } => return Ok(()),
            EventKind::ServiceReady { step, .. } => {
                self.clear_live()?;
                let what = format!("{step} is ready, and runs while later steps do");
                remark(&mut text, &look, CALM, &what);
            }
            EventKind::ServiceStopped { step, because, .. } => {
                self.clear_live()?;
                let what = format!("{step} was stopped: {because}");
                remark(&mut text, &look, FAINT, &what);
            }
            EventKind::UndoStarted { steps, by, .. } => {
                self.clear_live()?;
                let list: Vec<&str> = steps.iter().map(StepId::as_str).collect();
                let what = format!("undoing what was done ({by}): {}", list.join(", "));
                remark(&mut text, &look, STRONG, &what);
            }
            EventKind::StepFinished { step, verdict, .. } => return self.finished(step, *verdict),
            EventKind::OperatorDecided {
                step, decision, by, ..
            } => {
                let routine = matches!(
                    decision,
                    Decision::Run
                        | Decision::RunAll
                        | Decision::StepByStep
                        // What follows tells these.
                        | Decision::Done
                        | Decision::Skip
                        | Decision::Stop
                );
                if routine && look.detail == Detail::Brief {
                    return Ok(());
                }
                let about = about(step.as_ref());
                let what = format!("{by} decided{about}: {}", words::decision(decision));
                remark(&mut text, &look, FAINT, &what);
            }
            EventKind::Note {
                step,
                text: note,
                by,
            } => {
                let about = about(step.as_ref());
                remark(
                    &mut text,
                    &look,
                    CALM,
                    &format!("note by {by}{about}: {note}"),
                );
            }
            EventKind::Signal { name, action } => {
                let what = format!("{name}: {}", words::action(action));
                remark(&mut text, &look, DOUBT, &what);
            }
            EventKind::RunClosed { reason, by, .. } => {
                let Some(by) = by else { return Ok(()) };
                let why = reason
                    .as_ref()
                    .map(|why| format!(": {why}"))
                    .unwrap_or_default();
                remark(&mut text, &look, STRONG, &format!("closed by {by}{why}"));
            }
            EventKind::Unknown => {
                let what = format!("event {} is of a later version", event.seq);
                remark(&mut text, &look, FAINT, &what);
            }
        }
        self.say(&text)
    }
}

impl<W: Write + Send, O: Outputs + Send> Reporter for Console<W, O> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let begin = self.span.map_or(event.mono, |(begin, _)| begin);
        self.span = Some((begin, event.mono));
        self.hear(event);
        self.tell(event)
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        match progress {
            Progress::Output {
                step,
                offset,
                bytes,
            } => {
                if let Some(it) = self.running.iter_mut().find(|it| it.step == *step) {
                    it.latest.read(bytes);
                    it.silence = SILENCE;
                }
                self.stream(step, *offset, bytes)
            }
            Progress::Tick {
                step,
                elapsed,
                silent,
            } => {
                let is_plain = self.look.surface == Surface::Plain;
                let running = self.running.iter_mut().find(|it| it.step == *step);
                if let Some(it) = running.filter(|it| is_plain && *silent >= it.silence) {
                    // Twice as long each time: a log is not to be filled with silence.
                    it.silence = silent.saturating_mul(2);
                    let Some((number, _)) = self.numbered(step) else {
                        return Ok(());
                    };
                    let what = format!("{number} silent for {}", words::duration(*silent));
                    return self.say(&format!("  {what}\n"));
                }
                self.draw(step, *elapsed, *silent)
            }
            Progress::Attached(step) => self.started(step),
            Progress::Suspend => {
                self.clear_live()?;
                self.suspended = true;
                self.out.flush()
            }
            Progress::Resume => {
                self.suspended = false;
                let held = std::mem::take(&mut self.held);
                self.say(&held)
            }
            Progress::Resized(columns) => {
                self.look.width = *columns;
                self.clear_live()
            }
            Progress::Message(message) => {
                let mut text = String::new();
                remark(&mut text, &self.look, Style::new(), message);
                self.say(&text)
            }
        }
    }

    fn finish(&mut self, ending: &Ending) -> io::Result<()> {
        self.clear_live()?;
        self.suspended = false;
        let mut text = std::mem::take(&mut self.held);
        if self.story.opened.is_some() {
            let time = self
                .span
                .map(|(begin, end)| Duration::from_nanos(end.saturating_sub(begin)));
            text.push('\n');
            summary(&mut text, &self.look, &self.story, time, ending);
        }
        self.say(&text)
    }
}

impl Latest {
    fn new() -> Self {
        Self {
            cleaner: Cleaner::new(1024),
            text: String::new(),
        }
    }

    /// Reads the end of what was printed; the rest is not looked at.
    fn read(&mut self, bytes: &[u8]) {
        const ENOUGH: usize = 4096;
        let text = &mut self.text;
        let mut keep = |line: &str| {
            if !line.trim().is_empty() {
                line.trim().clone_into(text);
            }
        };
        if bytes.len() > ENOUGH {
            self.cleaner = Cleaner::new(1024);
        }
        self.cleaner
            .push(&bytes[bytes.len().saturating_sub(ENOUGH)..], &mut keep);
        keep(&self.cleaner.current());
    }
}

/// Tells who took the run over, and what had survived.
fn tell_session(text: &mut String, look: &Look, before: &Session, now: &Session) {
    let (was, is) = (
        words::person(&before.operator),
        words::person(&now.operator),
    );
    let who = if before.operator.uid == now.operator.uid && was == is {
        format!("resumed by {is}")
    } else {
        format!("resumed by {is}, who takes over from {was}")
    };
    let who = format!("↻ {who}");
    let mut indent = "";
    for row in wrap_words(&who, look.width.saturating_sub(2)) {
        put(text, &format!("{indent}{}", paint(look, STRONG, row)));
        indent = "  ";
    }
    if let Some(survived) = &now.survived {
        remark(text, look, FAINT, &format!("what had survived: {survived}"));
    }
    if now.file_changed {
        let what =
            "the document has changed since the run began: this run goes on with what it was";
        remark(text, look, DOUBT, what);
    }
}

/// Writes what stands at the end: the result, the counts, where things are, what to do next.
fn summary(text: &mut String, look: &Look, story: &Story, time: Option<Duration>, ending: &Ending) {
    let (mark, style, word) = words::result(story);
    let mut parts = vec![story.tally().told("running")];
    parts.extend(time.map(words::duration));
    let parts = parts.join(" · ");
    let line = format!("{mark} {word} · {parts}");
    if width(&line) <= look.width {
        put(
            text,
            &format!(
                "{} · {parts}",
                paint(look, style, &format!("{mark} {word}"))
            ),
        );
    } else {
        put(
            text,
            &format!(
                "{}\n  {parts}",
                paint(look, style, &format!("{mark} {word}"))
            ),
        );
    }
    for chapter in &story.steps {
        if let Some(needed) = story.blocked_by(chapter) {
            let what = format!("{} was not run: needs `{needed}`", chapter.planned.id);
            remark(text, look, FAINT, &what);
        }
    }
    let undone: Vec<&str> = story
        .steps
        .iter()
        .filter(|it| it.undone)
        .map(|it| it.planned.id.as_str())
        .collect();
    if !undone.is_empty() {
        let what = format!("undone: {}", undone.join(", "));
        remark(text, look, CALM, &what);
    }
    fact_to_copy(text, look, "run", story.run());
    if let Some(transcript) = &ending.transcript {
        fact_to_copy(text, look, "transcript", transcript);
    }
    for (i, (command, why)) in next(story).iter().enumerate() {
        // A comment to a shell too: the line can be copied as it stands.
        let (label, why) = (if i == 0 { "next" } else { "" }, format!("# {why}"));
        let line = format!("{command}  {why}");
        if LABEL + 4 + width(&line) <= look.width {
            fact_to_copy(text, look, label, &line);
        } else {
            fact_to_copy(text, look, label, command);
            fact(text, look, "", &why);
        }
    }
}

/// Returns the commands that make sense now, and what each is for.
pub(super) fn next(story: &Story) -> Vec<(String, String)> {
    if story.closed.is_some() {
        return Vec::new();
    }
    let run = inline(story.run()).into_owned();
    let resume = format!("runbook resume {run}");
    let tally = story.tally();
    let id = |of: Standing| {
        // What a guard told is no failure, and what may fail is gone on from.
        let counts = |step: &&Chapter| {
            step.role != Role::Guard
                && (step.standing != Standing::Finished(Verdict::Failed)
                    || !step.planned.flow.allow_fail)
        };
        let mut steps = story.steps.iter().filter(counts);
        let found = steps.find(|step| step.standing == of);
        found
            .map(|step| step.planned.id.to_string())
            .unwrap_or_default()
    };
    if tally.running > 0 {
        return vec![
            (resume, "takes hold of it again".to_owned()),
            (format!("runbook show -f {run}"), "only watches".to_owned()),
        ];
    }
    if tally.unknown > 0 {
        let step = id(Standing::Unknown);
        return vec![
            (resume.clone(), format!("asks what became of {step}")),
            (
                format!("{resume} --decide {step}=done"),
                "or =rerun, or =skip".to_owned(),
            ),
        ];
    }
    if tally.failed > 0 {
        let step = id(Standing::Finished(Verdict::Failed));
        return vec![
            (resume.clone(), format!("asks what to do about {step}")),
            (
                format!("{resume} --retry-failed"),
                "runs it again".to_owned(),
            ),
        ];
    }
    match story
        .steps
        .iter()
        .find(|step| step.standing == Standing::Pending && step.is_part())
    {
        Some(step) if step.is_by_hand() => {
            let done = format!("{resume} --decide {}=done", step.planned.id);
            vec![
                (resume, "goes on".to_owned()),
                (done, "when it has been done by hand".to_owned()),
            ]
        }
        _ => vec![(resume, "goes on".to_owned())],
    }
}

/// Returns ` on backup`, or nothing.
pub(super) fn about(step: Option<&StepId>) -> String {
    step.map(|step| format!(" on {step}")).unwrap_or_default()
}

/// Writes `  label     value`, in as many rows as it takes, none of which begins at the edge.
pub(super) fn fact(text: &mut String, look: &Look, label: &str, value: &str) {
    let mut label = pad(label, LABEL);
    for row in wrap_words(&inline(value), look.width.saturating_sub(LABEL + 4)) {
        put(text, &format!("  {}  {row}", paint(look, FAINT, &label)));
        label = " ".repeat(LABEL);
    }
}

/// Writes `  label     value` on one line, however long: a value of ours that is to be copied.
pub(super) fn fact_to_copy(text: &mut String, look: &Look, label: &str, value: &str) {
    let label = paint(look, FAINT, &pad(label, LABEL));
    put(text, &format!("  {label}  {}", inline(value)));
}

/// Writes a remark below a step's line, in as many rows as it takes.
pub(super) fn remark(text: &mut String, look: &Look, style: Style, remark: &str) {
    for line in remark.lines() {
        for row in wrap_words(&inline(line), look.width.saturating_sub(4)) {
            text.push_str("    ");
            text.push_str(&paint(look, style, row));
            text.push('\n');
        }
    }
}

/// Writes a clean line that a step printed, so that it cannot be taken for one of ours: behind `│`,
/// in every row. A file has no rows: there a line stays whole.
fn quote(text: &mut String, look: &Look, line: &str, rows: usize) {
    let bar = paint(look, FAINT, "│");
    if look.surface == Surface::Plain {
        put(text, &format!("  {bar} {line}"));
        return;
    }
    for (i, row) in wrap(line, look.width.saturating_sub(5))
        .into_iter()
        .enumerate()
    {
        if i == rows {
            put(text, &format!("  {bar} …"));
            return;
        }
        put(text, &format!("  {bar} {row}"));
    }
}
