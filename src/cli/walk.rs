//! What an operator sees of a step: its number and title, where, what and why; what the document says
//! around it; the command; and what makes its question a special one.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::engine::decide::Question;
use crate::engine::operator::Asking;
use crate::host::machine;
use crate::model::{Effect, Kind, Language, Place, Span, Step, StepId, Task};
use crate::plan::{Existing, Manner, Plan};
use crate::render::Value;
use crate::report::clean;

use super::highlight::{Painter, painted};

/// The most lines of a body that a question shows.
const SHOWN: usize = 30;
/// After a failure, which shows its output too.
const SHOWN_AGAIN: usize = 6;
/// Of each of several to choose from.
const SHOWN_OF_EACH: usize = 4;
/// The most rows of the text around a step.
const PROSE: usize = 6;

const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_STRIKETHROUGH);

pub const STRONG: Style = Style::new().bold();
pub const FAINT: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default().bold();
pub const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// Returns all that is shown with a question, the line of answers aside.
pub fn describe(asking: &Asking<'_>, width: usize) -> String {
    let mut text = "\n".to_owned();
    let Some(step) = asking.step else { return text };
    match asking.question {
        Question::Interrupted(_) => {
            let what = format!(
                "Step `{}` goes on. Ctrl-C again interrupts it, once more kills it.",
                step.id
            );
            wrapped(&mut text, "", STRONG, &what, width);
            return text;
        }
        Question::Failed(_) => {
            let what = format!("Step `{}` failed.", step.id);
            wrapped(&mut text, "", BAD, &what, width);
        }
        Question::Unknown { because, .. } => {
            let what = format!("Nobody can know how step `{}` ended: {because}.", step.id);
            wrapped(&mut text, "", DOUBT, &what, width);
        }
        Question::Run {
            manner: Manner::Choose(steps),
            ..
        } => {
            text.push_str(&question(asking, width));
            for (at, id) in steps.iter().enumerate() {
                alternative(&mut text, asking, at + 1, id, width);
            }
            return text;
        }
        Question::Begin | Question::Run { .. } => {}
    }
    heading(&mut text, asking.plan, step, width);
    around(&mut text, asking, step, width);
    let most = match asking.question {
        Question::Failed(_) => SHOWN_AGAIN,
        _ => SHOWN,
    };
    if let Task::ByHand {
        text: item,
        offered: Some(_),
    } = &step.task
        && *item != step.title
    {
        wrapped(&mut text, "  ", Style::new(), item, width);
    }
    body(&mut text, asking.plan, step, asking.shown, most, width);
    text.push_str(&question(asking, width));
    text
}

/// Returns what makes this question about a step a special one.
pub fn question(asking: &Asking<'_>, width: usize) -> String {
    let mut text = String::new();
    let (Some(step), Question::Run { manner, .. }) = (asking.step, asking.question) else {
        return text;
    };
    let mut say = |style, what: &str| wrapped(&mut text, "  ", style, what, width);
    for file in asking.existing {
        say(DOUBT, &overwritten(file));
    }
    match manner {
        Manner::Confirm(question) => say(STRONG, question),
        // To type its id answers the document's own question too.
        Manner::Type => {
            if let Some(question) = &step.settings.confirm {
                say(STRONG, question);
            }
        }
        Manner::Incomplete | Manner::Elsewhere | Manner::Doubtful => {
            for doubt in &step.doubts {
                say(
                    DOUBT,
                    &match manner {
                        Manner::Doubtful => format!("In doubt: {}", doubt.because),
                        _ => format!("It does not run as it stands: {}", doubt.because),
                    },
                );
            }
            if step.doubts.iter().all(crate::model::Doubt::is_a_value)
                && let Some(because) = asking.plan.unfillable(step)
            {
                say(DOUBT, &because);
            }
        }
        Manner::Terminal => say(DOUBT, &wants(step)),
        Manner::Choose(_) => say(STRONG, "These exclude each other: one of them is chosen."),
        Manner::Workstation => {
            say(
                DOUBT,
                &format!(
                    "It is meant for your own computer; this is {}. What of such steps?",
                    here()
                ),
            );
        }
        Manner::Host(host) => say(
            DOUBT,
            &format!("It leaves this machine for `{host}`: may steps of this run do so?"),
        ),
        Manner::Value {
            refused: Some(because),
            ..
        } => say(DOUBT, &format!("That value does not go there: {because}")),
        Manner::Value { refused: None, .. }
        | Manner::Run { .. }
        | Manner::Manual
        | Manner::Offered { .. } => {}
    }
    text
}

// Why it is handed the terminal.
fn wants(step: &Step) -> String {
    if step.settings.interactive {
        return "It wants a person: it is handed this terminal.".to_owned();
    }
    let doubt = step.doubts.iter().find(|it| it.rule == "interactive");
    let because = doubt.map_or(step.because.as_str(), |it| it.because.as_str());
    format!("It wants a person: {because}. It can be handed this terminal.")
}

// One of several steps that exclude each other.
fn alternative(text: &mut String, asking: &Asking<'_>, number: usize, id: &StepId, width: usize) {
    let plan = asking.plan;
    let Some(step) = plan.step(id) else { return };
    let first = format!("{number}  {}", step.title);
    wrapped(text, "  ", STRONG, &first, width);
    let second = format!("~{} · line {} · {}: ", step.id, step.line, step.effect);
    wrapped(
        text,
        "     ",
        FAINT,
        &format!("{second}{}", step.because),
        width,
    );
    let command = plan.command(step).map_or("", |(_, body)| body);
    body(text, plan, step, command, SHOWN_OF_EACH, width);
}

// What the document says around the step, warnings last: right before the command.
fn around(text: &mut String, asking: &Asking<'_>, step: &Step, width: usize) {
    if asking.plan.runbook.kind == Kind::Declared
        || !matches!(asking.question, Question::Run { .. })
    {
        return;
    }
    let around = &step.circumstances;
    if around.place != Place::Unknown {
        let because = if around.place_because.is_empty() {
            String::new()
        } else {
            format!(" ({})", around.place_because)
        };
        let place = match around.place {
            Place::Workstation => "your own computer",
            Place::Server | Place::Unknown => "the server",
            Place::Container => "the inside of a container",
            Place::Database => "the console of a database",
        };
        let place = format!("meant for {place}{because}");
        wrapped(text, "  ", FAINT, &place, width);
    }
    let hosts = asking.plan.hosts(step, asking.values);
    if !hosts.is_empty() {
        let line = format!("leaves this machine for: {}", hosts.join(", "));
        wrapped(text, "  ", FAINT, &line, width);
    }
    for place in &around.placeholders {
        if let (crate::model::Stands::Variable, Some(value)) =
            (place.stands, asking.values.get(&place.name))
        {
            let value = match value {
                Value::Plain(value) => value.as_str(),
                Value::Secret { .. } => crate::render::MASK,
            };
            let line = format!("{}={value}", place.name);
            wrapped(text, "  ", FAINT, &line, width);
        }
    }
    let source = &asking.plan.source;
    let prose = plain(source, around.prose);
    let room = width.saturating_sub(3).max(8);
    let rows: Vec<&str> = prose
        .iter()
        .flat_map(|line| clean::wrap_words(line, room))
        .collect();
    let left = rows.len().saturating_sub(PROSE);
    if !prose.is_empty() {
        text.push('\n');
    }
    for (at, row) in rows.iter().skip(left).enumerate() {
        let cut = if at == 0 && left > 0 { "… " } else { "" };
        let row = clean::fit(row, room - cut.len().min(2));
        let _ = writeln!(text, "  {cut}{row}");
    }
    let mut first = true;
    for warning in &around.warnings {
        let line = plain(source, *warning).join(" ");
        let line = line.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '`');
        // What stands in the prose above is not said twice.
        if line.is_empty() || (left == 0 && prose.join(" ").contains(line)) {
            continue;
        }
        if std::mem::take(&mut first) {
            text.push('\n');
        }
        wrapped(text, "  ", WARNING, &format!("⚠ {line}"), width);
    }
    if !prose.is_empty() || !first {
        text.push('\n');
    }
}

// The words of a stretch of Markdown, a line for each paragraph or item, everything in it visible.
fn plain(source: &str, span: Span) -> Vec<String> {
    let Some(markdown) = source.get(span.start..span.end) else {
        return Vec::new();
    };
    let mut lines = vec![String::new()];
    for event in Parser::new_ext(markdown, OPTIONS) {
        match event {
            Event::Text(words) | Event::Code(words) => {
                if let Some(line) = lines.last_mut() {
                    line.push_str(&clean::inline(&words));
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(line) = lines.last_mut() {
                    line.push(' ');
                }
            }
            Event::Start(Tag::Item) => lines.push("- ".to_owned()),
            Event::End(
                TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::CodeBlock,
            ) => lines.push(String::new()),
            _ => {}
        }
    }
    lines.retain(|line| !matches!(line.trim(), "" | "-"));
    for line in &mut lines {
        *line = line.trim().to_owned();
    }
    lines
}

fn body(text: &mut String, plan: &Plan, step: &Step, shown: &str, most: usize, width: usize) {
    let bar = paint(FAINT, "│");
    let language = plan.command(step).map_or(Language(""), |it| it.0);
    let places = step.circumstances.placeholders.iter();
    let mut painter = Painter::new(language, places.map(|it| it.text.as_str()).collect());
    let total = shown.lines().count();
    for line in shown.lines().take(most) {
        let line = clean::block(line);
        let line = line.trim_end_matches('\n');
        let styles = painter.line(line);
        let mut at = 0;
        for row in clean::wrap(line, width.saturating_sub(5).max(8)) {
            let row_styles = styles.get(at..at + row.len()).unwrap_or_default();
            at += row.len();
            let _ = writeln!(text, "  {bar} {}", painted(row, row_styles));
        }
    }
    if total > most {
        let more = total - most;
        let plural = if more == 1 { "" } else { "s" };
        let _ = writeln!(text, "  {bar} … {more} more line{plural}");
    }
}

fn overwritten(file: &Existing) -> String {
    let age = match file.age {
        None | Some(0..60) => "written just now".to_owned(),
        Some(age) => {
            let (number, unit) = match age {
                60..3600 => (age / 60, "minute"),
                3600..86_400 => (age / 3600, "hour"),
                _ => (age / 86_400, "day"),
            };
            let plural = if number == 1 { "" } else { "s" };
            format!("{number} {unit}{plural} old")
        }
    };
    let size = crate::report::size(file.bytes);
    format!(
        "`{}` is here: {size}, {age}; it would be overwritten",
        file.name
    )
}

// Whether a machine is a server cannot be known; that one came to it over the network can.
fn here() -> String {
    let name = machine::host_name();
    let is_remote = std::env::var_os("SSH_CONNECTION").is_some_and(|it| !it.is_empty());
    if is_remote {
        format!("`{name}`, reached over SSH")
    } else {
        format!("`{name}`")
    }
}

// Where, what, and why it is classed so: in every question, and never cut off.
fn heading(text: &mut String, plan: &Plan, step: &Step, width: usize) {
    let number = plan
        .steps()
        .position(|it| it.id == step.id)
        .map_or(0, |it| it + 1);
    let first = format!("{number}/{} {}", plan.selected.len(), step.title);
    wrapped(text, "", STRONG, &first, width);
    let mark = if step.id_is_explicit { "" } else { "~" };
    let setup = crate::plan::setup(&step.settings);
    let what = match &step.task {
        Task::Command { language, .. } => format!(
            "{} on this machine · {}: {}",
            setup.told(language.0),
            step.effect,
            step.because
        ),
        Task::ByHand { offered: None, .. } => "by hand".to_owned(),
        Task::ByHand {
            offered: Some(offered),
            ..
        } => format!(
            "by hand, or {} on this machine · {}: {}",
            setup.told(offered.language.0),
            step.effect,
            step.because
        ),
    };
    let second = format!("{mark}{} · line {} · {what}", step.id, step.line);
    wrapped(text, "  ", FAINT, &second, width);
    let alarm = match step.effect {
        Effect::Destroys => BAD,
        Effect::Unknown => DOUBT,
        Effect::Reads | Effect::Changes => return,
    };
    // A person is to stumble over this word.
    let word = format!("{}: ", step.effect);
    if let Some(at) = text.rfind(&word) {
        let end = at + word.len() - ": ".len();
        let painted = format!(
            "{}{}{}",
            FAINT.render_reset(),
            paint(alarm, &text[at..end]),
            FAINT.render()
        );
        text.replace_range(at..end, &painted);
    }
}

fn wrapped(text: &mut String, indent: &str, style: Style, line: &str, width: usize) {
    let line = clean::inline(line);
    for row in clean::wrap_words(&line, width.saturating_sub(indent.len() + 1).max(8)) {
        let _ = writeln!(text, "{indent}{}", paint(style, row));
    }
}

/// Returns `text` in `style`. Colours are taken off again where nobody wants them: see `print`.
pub fn paint(style: Style, text: &str) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}
