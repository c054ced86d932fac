//! `runbook history`: the runs that were, one line each, for people and for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::Look;
use super::clean::{fit, inline, pad, width};
use super::words::{self, BAD, CALM, DOUBT, FAINT, GOOD, paint, put};
use crate::event::{Closing, Event, Operator};
use crate::report::story::Story;

/// The version of the shape of [`History`]: fields may be added to it, never changed or removed.
pub const VERSION: u32 = 1;

/// The fewest characters of a run's id that are shown: the time in it to about half a minute.
const SHORTEST: usize = 8;

/// One run in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// Its ULID.
    pub run: String,
    /// UTC, RFC 3339, of its first event.
    pub opened: String,
    /// UTC, RFC 3339, of its last event.
    pub last: String,
    /// The runbook's title.
    pub title: String,
    /// The document's absolute path.
    pub file: String,
    /// How it stands.
    pub result: Standing,
    /// Steps that are ok, skipped or asserted.
    pub done: usize,
    /// Steps of its plan.
    pub total: usize,
    /// Who owned it last.
    pub operator: Operator,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Someone is running it now.
    Running,
    /// It can be resumed: steps are still to run.
    Open,
    /// It can be resumed: a step failed.
    OpenFailed,
    /// It can be resumed: nobody knows how a step ended.
    OpenUnknown,
    /// Closed: every step is done.
    Passed,
    /// Closed by a person after a failure.
    Failed,
    /// Closed by a person with steps still to run.
    Left,
    /// Closed by a person after a stop.
    Stopped,
    /// Its journal cannot be read.
    Unreadable,
}

/// What `runbook history --json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct History<'a> {
    /// The version of this shape: [`VERSION`].
    pub version: u32,
    /// Newest first.
    pub runs: &'a [RunSummary],
}

impl RunSummary {
    /// Returns the summary of a run's events; `None` where it was never opened.
    ///
    /// Tells of what the journal says: that someone is running it now is the caller's to know.
    pub fn of(events: &[Event]) -> Option<Self> {
        let story = Story::of(events);
        let opened = story.opened.as_deref()?;
        let session = story.sessions.last()?;
        let tally = story.tally();
        let result = match story.closed.as_ref().map(|closed| closed.result) {
            Some(Closing::Passed) => Standing::Passed,
            Some(Closing::Failed) => Standing::Failed,
            Some(Closing::Left) => Standing::Left,
            Some(Closing::Stopped) => Standing::Stopped,
            None if tally.unknown > 0 => Standing::OpenUnknown,
            None if tally.failed > 0 => Standing::OpenFailed,
            None => Standing::Open,
        };
        Some(Self {
            run: opened.run.clone(),
            opened: story.sessions.first()?.wall.clone(),
            last: story.last.clone(),
            title: opened.title.clone(),
            file: opened.file.clone(),
            result,
            done: tally.ok + tally.skipped + tally.asserted,
            total: story.steps.len(),
            operator: session.operator.clone(),
        })
    }
}

/// Writes the table of `runs`, in the order that they are given, for people. Ids are cut to the
/// shortest prefix that tells them apart, and can be given to any command as they are.
///
/// # Errors
/// When the writer fails.
pub fn history(out: &mut dyn Write, look: &Look, runs: &[RunSummary]) -> io::Result<()> {
    if runs.is_empty() {
        return writeln!(out, "no runs yet");
    }
    let ids: Vec<_> = runs
        .iter()
        .map(|run| inline(&run.run).into_owned())
        .collect();
    let length = prefix(&ids);
    let steps: Vec<_> = runs
        .iter()
        .map(|run| format!("{}/{}", run.done, run.total))
        .collect();
    let people: Vec<_> = runs
        .iter()
        .map(|run| words::person(&run.operator))
        .collect();
    let widest = |texts: &[String], title: &str| {
        texts
            .iter()
            .map(|text| width(text))
            .max()
            .unwrap_or(0)
            .max(title.len())
    };
    let words: Vec<_> = runs
        .iter()
        .map(|run| run.result.told().2.to_owned())
        .collect();
    let (results, counts) = (widest(&words, "result") + 2, widest(&steps, "steps"));
    let whos = widest(&people, "operator").min(20);
    let times = "2026-05-04 10:20".len();
    let others = length + 2 + times + 2 + results + 2 + counts + 2 + whos + 2;
    // On a narrow terminal the title takes a row of its own.
    let room = look.width.checked_sub(others).filter(|room| *room >= 12);

    let mut text = String::new();
    let heading = format!(
        "{}  {}  {}  {}  {}{}",
        pad("run", length),
        pad("when (UTC)", times),
        pad("result", results),
        pad("steps", counts),
        pad("operator", whos),
        if room.is_some() { "  title" } else { "" },
    );
    put(&mut text, &paint(look, FAINT, heading.trim_end()));
    for (i, run) in runs.iter().enumerate() {
        let (mark, style, word) = run.result.told();
        let when: String = words::time(&run.opened).chars().take(times).collect();
        let row = format!(
            "{}  {}  {}  {:>counts$}  {}",
            pad(&ids[i].chars().take(length).collect::<String>(), length),
            pad(&when, times),
            paint(look, style, &pad(&format!("{mark} {word}"), results)),
            steps[i],
            pad(&people[i], whos),
        );
        let title = inline(&run.title);
        if let Some(room) = room {
            put(&mut text, &format!("{row}  {}", fit(&title, room)));
        } else {
            put(&mut text, row.trim_end());
            put(
                &mut text,
                &format!("  {}", fit(&title, look.width.saturating_sub(2))),
            );
        }
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Returns how many characters tell all `ids` apart.
fn prefix(ids: &[String]) -> usize {
    let mut sorted: Vec<&str> = ids.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let common = |pair: &[&str]| {
        pair[0]
            .chars()
            .zip(pair[1].chars())
            .take_while(|(a, b)| a == b)
            .count()
    };
    let longest = sorted.windows(2).map(common).max().unwrap_or(0);
    (longest + 1).max(SHORTEST)
}

impl Standing {
    fn told(self) -> (&'static str, anstyle::Style, &'static str) {
        match self {
            Self::Running => ("▸", CALM, "running"),
            Self::Open => ("–", DOUBT, "open"),
            Self::OpenFailed => ("✗", BAD, "open, failed"),
            Self::OpenUnknown => ("?", DOUBT, "open, unknown"),
            Self::Passed => ("✓", GOOD, "passed"),
            Self::Failed => ("✗", BAD, "failed"),
            Self::Left => ("–", FAINT, "left"),
            Self::Stopped => ("–", FAINT, "stopped"),
            Self::Unreadable => ("!", BAD, "unreadable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::{RunSummary, Standing, history};
    use crate::report::fixture::{Tape, look, opened, person, step};
    use crate::report::{Surface, json};

    fn runs() -> Vec<RunSummary> {
        let mut tape = Tape::open(opened(vec![step("a", "A", 1), step("b", "B", 2)]));
        tape.ok("a", "")
            .fails("b", "")
            .resume(person("bob", 1001), "nothing");
        let one = RunSummary::of(&tape.events).unwrap();
        let other = RunSummary {
            run: "01J9ZZZZZAZZZZZZZZZZZZZZZZ".into(),
            title: "データベースの復元 \x1b[2J✓ and far more words than one line can hold".into(),
            result: Standing::Passed,
            done: 12,
            total: 12,
            ..one.clone()
        };
        vec![other, one]
    }

    fn told(width: usize) -> String {
        let mut out = Vec::new();
        history(&mut out, &look(width, Surface::Plain), &runs()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_fits() {
        assert_snapshot!(told(80), @r##"
run         when (UTC)        result          steps  operator  title
01J9ZZZZZA  2026-05-04 10:00  ✓ passed        12/12  bob@web1  データベースの復…
01J9ZZZZZZ  2026-05-04 10:00  ✗ open, failed    1/2  bob@web1  Deploy the shop
"##);
        assert_snapshot!(told(60), @r##"
run         when (UTC)        result          steps  operator
01J9ZZZZZA  2026-05-04 10:00  ✓ passed        12/12  bob@web1
  データベースの復元 ␛[2J✓ and far more words than one line…
01J9ZZZZZZ  2026-05-04 10:00  ✗ open, failed    1/2  bob@web1
  Deploy the shop
"##);
    }

    #[test]
    fn programs_get_whole_ids() {
        let runs = runs();
        let line = json::to_line(&super::History {
            version: super::VERSION,
            runs: &runs[1..],
        });
        assert_snapshot!(line.unwrap(), @r##"
{"version":1,"runs":[{"run":"01J9ZZZZZZZZZZZZZZZZZZZZZZ","opened":"2026-05-04T10:00:00.123Z","last":"2026-05-04T10:00:07.123Z","title":"Deploy the shop","file":"/srv/manuals/deploy.md","result":"open-failed","done":1,"total":2,"operator":{"user":"bob","uid":1001,"host":"web1","terminal":true}}]}
"##);
    }
}
