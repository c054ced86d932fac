//! What a run would do, for people: before there is one.

pub mod markdown;

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::Style;

use super::clean::{block, fit, inline, pad, width, wrap_words};
use super::console::{chosen, fact};
use super::words::{self, BAD, CALM, DOUBT, FAINT, GOOD, STRONG, paint, put};
use super::{Detail, Look};
use crate::model::{Change, Effect};
use crate::plan::compare::{Difference, StepChange};
use crate::plan::outlook::{Answer, Foreseen, Foretold, Given, Outlook, Purpose};

/// The most lines of a diff, where not all is asked for.
const DIFF: usize = 40;
/// What is left out is listed up to this many for each reason.
const LEFT_OUT: usize = 10;

/// Writes `outlook` for a terminal or a file.
///
/// # Errors
/// When the writer fails.
pub fn outlook(out: &mut dyn Write, look: &Look, outlook: &Outlook) -> io::Result<()> {
    let mut text = String::new();
    head(&mut text, look, outlook);
    steps(&mut text, look, outlook);
    left_out(&mut text, look, outlook);
    since(&mut text, look, outlook);
    before(&mut text, look, outlook);
    text.push('\n');
    put(
        &mut text,
        &paint(
            look,
            FAINT,
            "Nothing was executed, and nothing was written.",
        ),
    );
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn head(text: &mut String, look: &Look, outlook: &Outlook) {
    let title = format!("# {}", inline(&outlook.title));
    put(text, &paint(look, STRONG, &fit(&title, look.width)));
    let kind = kind(outlook);
    fact(
        text,
        look,
        "file",
        &format!("{} ({kind})", outlook.document),
    );
    fact(text, look, "folder", &outlook.folder);
    for (label, value) in chosen(&outlook.request) {
        fact(text, look, label, &value);
    }
    for (at, input) in outlook.inputs.iter().enumerate() {
        let label = if at == 0 { "inputs" } else { "" };
        fact(text, look, label, &told(input));
    }
    let last = match &outlook.last {
        Some(last) => format!("{} ({}, {})", last.run, last.result, day(&last.opened)),
        None => "none is known here".to_owned(),
    };
    fact(text, look, "last run", &last);
}

fn kind(outlook: &Outlook) -> &'static str {
    if outlook.declared {
        "declared runbook"
    } else {
        "plain document"
    }
}

// The day and the minute are enough for a person.
fn day(wall: &str) -> String {
    wall.get(..16).unwrap_or(wall).replace('T', " ")
}

/// Says what an input has, and where from.
fn told(input: &Given) -> String {
    let name = &input.name;
    match (&input.value, &input.source) {
        (_, None) if input.required => {
            let what = input.description.as_deref().map(|it| format!(": {it}"));
            format!("{name} has no value{}", what.unwrap_or_default())
        }
        (_, None) => format!("{name} has no value, and needs none"),
        (None, Some(source)) => format!("{name} = {} ({source})", crate::redact::MASK),
        (Some(value), Some(source)) => format!("{name} = {value} ({source})"),
    }
}

fn steps(text: &mut String, look: &Look, outlook: &Outlook) {
    let (parts, others): (Vec<_>, Vec<_>) = outlook
        .steps
        .iter()
        .partition(|it| it.role == Purpose::Part);
    text.push('\n');
    let heading = match parts.len() {
        0 => "Nothing would run".to_owned(),
        number => format!("{}, on this machine", words::count(number as u64, "step")),
    };
    put(text, &paint(look, STRONG, &heading));
    rows(text, look, &parts);
    if !others.is_empty() {
        text.push('\n');
        put(text, &paint(look, STRONG, "Only where they are called for"));
        rows(text, look, &others);
    }
}

fn rows(text: &mut String, look: &Look, steps: &[&Foreseen]) {
    let digits = steps.len().to_string().len();
    let widest = |of: &dyn Fn(&Foreseen) -> usize| steps.iter().map(|it| of(it)).max().unwrap_or(0);
    let number = |at: usize, step: &Foreseen| match step.role {
        Purpose::Part => (at + 1).to_string(),
        Purpose::Guard => "check".to_owned(),
        Purpose::Undo => "undo".to_owned(),
    };
    let numbers: Vec<String> = steps
        .iter()
        .enumerate()
        .map(|(at, it)| number(at, it))
        .collect();
    let digits = numbers.iter().map(String::len).max().unwrap_or(digits);
    let effects = widest(&|it| width(&effect(it)));
    let ids = widest(&|it| width(it.id.as_str())).min(24);
    for (step, number) in steps.iter().zip(&numbers) {
        let style = match step.effect {
            _ if step.language.is_none() => FAINT,
            Effect::Reads => FAINT,
            Effect::Changes => Style::new(),
            Effect::Destroys => BAD,
            Effect::Unknown => DOUBT,
        };
        let room = look
            .width
            .saturating_sub(2 + digits + 2 + ids + 2 + effects + 2);
        let line = format!(" · line {}", step.line);
        let title = inline(&step.title);
        let title = fit(&title, room.saturating_sub(width(&line)));
        let what = format!("{title}{line}");
        let row = format!(
            "  {number:>digits$}  {}  {}  {}",
            pad(&fit(&inline(step.id.as_str()), ids), ids),
            paint(look, style, &pad(&effect(step), effects)),
            what
        );
        put(text, row.trim_end());
        details(text, look, step, digits + 4);
    }
}

fn effect(step: &Foreseen) -> String {
    match step.language {
        Some(_) => step.effect.to_string(),
        None => "by hand".to_owned(),
    }
}

fn details(text: &mut String, look: &Look, step: &Foreseen, deep: usize) {
    let indent = " ".repeat(deep);
    let mut say = |style: Style, what: &str| {
        for row in wrap_words(&inline(what), look.width.saturating_sub(deep)) {
            put(text, &format!("{indent}{}", paint(look, style, row)));
        }
    };
    for (style, line) in lines(step) {
        say(style, &line);
    }
    if look.detail == Detail::Full {
        body(text, look, &step.text, &indent);
    }
    if let Some(change) = &step.change {
        diff(text, look, &change.diff, &indent);
        for line in &change.also {
            put(
                text,
                &format!(
                    "{indent}{}",
                    fit(&inline(line), look.width.saturating_sub(deep))
                ),
            );
        }
    }
}

/// Returns what is to be said of a step besides its row.
fn lines(step: &Foreseen) -> Vec<(Style, String)> {
    let mut said = Vec::new();
    if step.language.is_some() && step.setup.file.is_none() {
        said.push((FAINT, format!("{}: {}", step.started(), step.because)));
    }
    if let Some(file) = &step.setup.file {
        let as_whom = step.setup.user.as_ref().map(|it| format!(" as {it}"));
        let as_whom = as_whom.unwrap_or_default();
        said.push(match (&step.change, &step.unknown) {
            (Some(it), _) if it.change == Change::Unchanged => {
                (FAINT, format!("leaves {} as it is{as_whom}", it.path))
            }
            (Some(it), _) => (CALM, format!("{} {}{as_whom}", it.change.verb(), it.path)),
            (None, Some(because)) => (CALM, format!("writes {}{as_whom} ({because})", file.path)),
            (None, None) => (CALM, format!("writes {}{as_whom}", file.path)),
        });
    }
    if !matches!(step.place, crate::model::Place::Unknown) {
        said.push((Style::new(), format!("meant for the {}", step.place)));
    }
    if let Some(needs) = &step.needs {
        let ids: Vec<&str> = needs.iter().map(crate::model::StepId::as_str).collect();
        said.push((
            Style::new(),
            match ids.as_slice() {
                [] => "needs nothing before it".to_owned(),
                ids => format!("needs {}", ids.join(", ")),
            },
        ));
    }
    said.extend(
        step.conditions
            .iter()
            .map(|it| (Style::new(), condition(it))),
    );
    if step.is_skipped() {
        said.push((DOUBT, "so it would be skipped".to_owned()));
    }
    if step.checks > 0 {
        let checks = words::count(step.checks as u64, "check");
        said.push((Style::new(), format!("judged by {checks}")));
    }
    if !step.hosts.is_empty() {
        said.push((
            Style::new(),
            format!("leaves this machine for {}", step.hosts.join(", ")),
        ));
    }
    if let Some(question) = &step.confirm {
        said.push((Style::new(), format!("asks before: {question}")));
    }
    for because in &step.doubts {
        said.push((DOUBT, format!("in doubt: {because}")));
    }
    said
}

fn condition(it: &Foretold) -> String {
    let answer = match (it.answer, it.because.as_str()) {
        (Answer::Holds, _) => "holds".to_owned(),
        (Answer::Fails, "" | crate::check::FALSE) => "does not hold".to_owned(),
        (Answer::Fails, because) => format!("does not hold: {because}"),
        (Answer::Later, because) => format!("({because})"),
    };
    let (says, condition) = (&it.says, one_line(&it.condition));
    format!("{says} {condition} {answer}")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn body(text: &mut String, look: &Look, body: &str, indent: &str) {
    for line in block(body).trim_end().lines() {
        let line = format!("{indent}{} {line}", paint(look, FAINT, "│"));
        put(text, line.trim_end());
    }
}

fn diff(text: &mut String, look: &Look, diff: &str, indent: &str) {
    let all = block(diff);
    let lines: Vec<&str> = all.trim_end_matches('\n').lines().collect();
    let most = match look.detail {
        Detail::Full => usize::MAX,
        Detail::Brief => DIFF,
    };
    let bar = paint(look, FAINT, "│");
    for line in lines.iter().take(most) {
        let style = match line.as_bytes().first() {
            Some(b'+') => GOOD,
            Some(b'-') => BAD,
            Some(b'@') => CALM,
            _ => Style::new(),
        };
        let row = format!("{indent}{bar} {}", paint(look, style, line));
        put(text, row.trim_end());
    }
    if lines.len() > most {
        let more = words::count((lines.len() - most) as u64, "line");
        put(text, &format!("{indent}{bar} … {more} more: -v shows them"));
    }
}

fn left_out(text: &mut String, look: &Look, outlook: &Outlook) {
    if outlook.left_out.is_empty() && outlook.no_steps.is_empty() {
        return;
    }
    text.push('\n');
    put(text, &paint(look, STRONG, "Not part of this run"));
    let most = match look.detail {
        Detail::Full => usize::MAX,
        Detail::Brief => LEFT_OUT,
    };
    let mut listed = |reason: &str, these: Vec<String>| {
        let reason = fit(&inline(reason), look.width.saturating_sub(2)).into_owned();
        put(text, &format!("  {reason}"));
        for line in these.iter().take(most) {
            let line = fit(&inline(line), look.width.saturating_sub(4)).into_owned();
            put(text, &format!("    {line}"));
        }
        if these.len() > most {
            put(text, &format!("    … and {} more", these.len() - most));
        }
    };
    let mut reasons: Vec<&str> = Vec::new();
    for left in &outlook.left_out {
        if !reasons.contains(&left.because.as_str()) {
            reasons.push(&left.because);
        }
    }
    for reason in reasons {
        let these = outlook.left_out.iter().filter(|it| it.because == reason);
        let these = these.map(|it| format!("{} ({}, line {})", it.title, it.id, it.line));
        listed(reason, these.collect());
    }
    if !outlook.no_steps.is_empty() {
        let number = outlook.no_steps.len() as u64;
        let reason = match number {
            1 => "1 fence that is no step".to_owned(),
            _ => format!("{number} fences that are no steps"),
        };
        let these = outlook.no_steps.iter();
        let these = these.map(|it| format!("line {}: {}, {}", it.line, it.nature, it.because));
        listed(&reason, these.collect());
    }
}

fn since(text: &mut String, look: &Look, outlook: &Outlook) {
    let Some(last) = &outlook.last else {
        return;
    };
    text.push('\n');
    put(text, &paint(look, STRONG, "Since the last run"));
    if last.steps.is_empty() && last.also.is_empty() {
        put(text, "  no step and no input differs");
    }
    for it in &last.steps {
        let (mark, style, word) = mark(it);
        let what = format!(
            "{} ({}, line {}) {word}",
            inline(&it.title),
            it.step,
            it.line
        );
        let what = fit(&what, look.width.saturating_sub(4)).into_owned();
        put(text, &format!("  {} {what}", paint(look, style, mark)));
        diff(text, look, &it.diff, "    ");
        for line in &it.also {
            put(
                text,
                &format!("    {}", fit(&inline(line), look.width.saturating_sub(4))),
            );
        }
    }
    for line in &last.also {
        put(
            text,
            &format!("  ~ {}", fit(&inline(line), look.width.saturating_sub(4))),
        );
    }
}

fn mark(it: &Difference) -> (&'static str, Style, &'static str) {
    match it.change {
        StepChange::Added => ("+", GOOD, "is new"),
        StepChange::Removed => ("-", BAD, "is gone"),
        StepChange::Changed => ("~", CALM, "is another"),
        StepChange::Moved => (">", CALM, "has moved"),
    }
}

// What keeps a run from beginning.
fn before(text: &mut String, look: &Look, outlook: &Outlook) {
    let all = hindrances(outlook);
    if all.is_empty() {
        return;
    }
    text.push('\n');
    put(
        text,
        &paint(look, STRONG, "What a run without a terminal is refused for"),
    );
    let mut say = |what: &str| {
        let mut mark = "  - ";
        for row in wrap_words(&inline(what), look.width.saturating_sub(4)) {
            put(text, &format!("{mark}{row}"));
            mark = "    ";
        }
    };
    for line in all {
        say(&line);
    }
}

/// Returns all that keeps a run without a terminal from beginning, a line each.
fn hindrances(outlook: &Outlook) -> Vec<String> {
    // What is wrong with the source of a value says more than that there is none.
    let is_told = |it: &Given| {
        let name = format!("`{}`", it.name);
        outlook.wrong.iter().any(|wrong| wrong.contains(&name))
    };
    let missing = outlook
        .inputs
        .iter()
        .filter(|it| it.is_missing() && !is_told(it));
    let missing = missing.map(told);
    let lacks = outlook.lacks.iter();
    let lacks = lacks.map(|it| format!("this machine lacks {it}"));
    let refusals = refused(outlook)
        .into_iter()
        .map(|(line, ids)| match ids.as_slice() {
            [] => line,
            ids => format!("{line}: {}", ids.join(", ")),
        });
    let wrong = outlook.wrong.iter().cloned();
    missing.chain(wrong).chain(lacks).chain(refusals).collect()
}

/// Returns what is refused for one reason and with one way out, with the steps of each.
fn refused(outlook: &Outlook) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for it in &outlook.refusals {
        let line = format!("{} ({})", it.because, it.way_out);
        let id = it.step.as_ref().map(ToString::to_string);
        match all.iter_mut().find(|(other, _)| *other == line) {
            Some((_, ids)) => ids.extend(id),
            None => all.push((line, id.into_iter().collect())),
        }
    }
    all
}

/// Returns what of an outlook changes something: `2 files, 1 step against the last run`.
pub fn summary(outlook: &Outlook) -> String {
    let files = outlook.steps.iter().filter(|it| {
        let change = it.change.as_ref();
        change.is_some_and(|it| it.change != Change::Unchanged) && !it.is_skipped()
    });
    let files = files.count() as u64;
    let mut text = String::new();
    let _ = write!(text, "{} would be written", words::count(files, "file"));
    match &outlook.last {
        None => text.push_str("; no run before is known here"),
        Some(last) => {
            let steps = words::count(last.steps.len() as u64, "step");
            let differ = if last.steps.len() == 1 {
                "differs"
            } else {
                "differ"
            };
            let _ = write!(text, "; {steps} {differ} from the last run");
        }
    }
    text
}
