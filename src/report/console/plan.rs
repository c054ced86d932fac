//! The plan of a run, before anything happens: what, where, with what, and what is left out.

use std::io::{self, Write};

use anstyle::Style;

use super::fact;
use crate::event::{PlannedStep, Request, RunOpened};
use crate::model::Effect;
use crate::report::Look;
use crate::report::clean::{fit, inline, pad, width};
use crate::report::words::{self, BAD, DOUBT, FAINT, STRONG, paint, put};
use crate::state::{Order, Role};

/// What is left out is listed up to this many for each reason.
const LEFT_OUT: usize = 10;

/// Writes the plan of a run that may not be open yet: what will happen, where, with what.
///
/// # Errors
/// When the writer fails.
pub fn plan(out: &mut dyn Write, look: &Look, opened: &RunOpened) -> io::Result<()> {
    let mut text = String::new();
    let title = format!("# {}", inline(&opened.title));
    put(&mut text, &paint(look, STRONG, &fit(&title, look.width)));
    let kind = if opened.declared {
        "declared runbook"
    } else {
        "plain document"
    };
    let file = if opened.file == "-" {
        "standard input"
    } else {
        &opened.file
    };
    fact(&mut text, look, "file", &format!("{file} ({kind})"));
    fact(&mut text, look, "folder", &opened.cwd);
    fact(
        &mut text,
        look,
        "operator",
        &words::person(&opened.operator),
    );
    if let Some(reason) = &opened.reason {
        fact(&mut text, look, "reason", reason);
    }
    for (label, value) in chosen(&opened.request) {
        fact(&mut text, look, label, &value);
    }
    for (i, input) in opened.inputs.iter().enumerate() {
        let label = if i == 0 { "inputs" } else { "" };
        fact(
            &mut text,
            look,
            label,
            &format!("{} = {} ({})", input.name, input.value, input.source),
        );
    }
    text.push('\n');
    let order = Order::of(&opened.steps);
    let rows: Vec<Row<'_>> = opened
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| Row {
            step,
            role: order.role(at),
        })
        .collect();
    let (parts, others): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| *row.role == Role::Part);
    let heading = format!(
        "{}, on this machine",
        words::count(parts.len() as u64, "step")
    );
    text.push_str(&paint(look, STRONG, &heading));
    text.push('\n');
    steps(&mut text, look, &parts);
    if !others.is_empty() {
        text.push('\n');
        text.push_str(&paint(look, STRONG, "Only where they are called for"));
        text.push('\n');
        steps(&mut text, look, &others);
    }
    left_out(&mut text, look, opened);
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Returns what the operator chose of the document, in words.
pub(in crate::report) fn chosen(request: &Request) -> Vec<(&'static str, String)> {
    let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
    let all = [
        ("sections", request.sections.clone()),
        ("only", request.only.clone()),
        ("from", one(&request.from)),
        ("to", one(&request.to)),
        ("skip", request.skip.clone()),
        ("tags", request.tags.clone()),
        ("allowed", request.allow.clone()),
    ];
    let mut told: Vec<_> = all
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(label, values)| (label, values.join(", ")))
        .collect();
    if request.yes {
        told.push(("asked", "nothing (--yes)".to_owned()));
    }
    told
}

/// A step, and what it is for.
struct Row<'a> {
    step: &'a PlannedStep,
    role: &'a Role,
}

impl Row<'_> {
    // What stands before its title: its number, or what it is for.
    fn number(&self, at: usize) -> String {
        match self.role {
            Role::Part => (at + 1).to_string(),
            Role::Guard => "check".to_owned(),
            Role::Undo(_) => "undo".to_owned(),
        }
    }
}

fn steps(text: &mut String, look: &Look, rows: &[Row<'_>]) {
    let steps: Vec<&PlannedStep> = rows.iter().map(|row| row.step).collect();
    let language = |step: &PlannedStep| match &step.language {
        Some(language) => inline(&step.setup.told(language)).into_owned(),
        None => "by hand".to_owned(),
    };
    let effect = |step: &PlannedStep| match step.language {
        Some(_) => step.effect.to_string(),
        None => "–".to_owned(),
    };
    let widest =
        |of: &dyn Fn(&PlannedStep) -> usize| steps.iter().map(|it| of(it)).max().unwrap_or(0);
    let numbers: Vec<String> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| row.number(at))
        .collect();
    let digits = numbers.iter().map(String::len).max().unwrap_or(0);
    let ids = widest(&|step| width(step.id.as_str())).min(20);
    let languages = widest(&|step| width(&language(step))).min(24);
    let effects = widest(&|step| width(&effect(step)));
    let places = widest(&|step| step.line.to_string().len()) + "line ".len();
    let titles = widest(&|step| width(&inline(&step.title)));
    let others = 2 + digits + 2 + 2 + ids + 2 + languages + 2 + effects + 2 + places;
    let room = look.width.saturating_sub(others).min(titles);
    for (i, step) in steps.iter().enumerate() {
        let number = &numbers[i];
        let title = inline(&step.title);
        let style = match step.effect {
            _ if step.language.is_none() => FAINT,
            Effect::Reads => FAINT,
            Effect::Changes => Style::new(),
            Effect::Destroys => BAD,
            Effect::Unknown => DOUBT,
        };
        let (language, effect) = (language(step), effect(step));
        if room >= titles.min(16) {
            let effect = paint(look, style, &pad(&effect, effects));
            let row = format!(
                "  {number:>digits$}  {}  {}  {}  {effect}  line {}\n",
                pad(&title, room),
                pad(&inline(step.id.as_str()), ids),
                pad(&language, languages),
                step.line
            );
            text.push_str(&row);
        } else {
            let title = fit(&title, look.width.saturating_sub(4 + digits));
            put(text, &format!("  {number:>digits$}  {title}"));
            let id = inline(step.id.as_str());
            let what = format!("{id} · {language} · {effect} · line {}", step.line);
            let what = fit(&what, look.width.saturating_sub(4 + digits)).into_owned();
            put(
                text,
                &format!("  {:digits$}  {}", "", paint(look, style, &what)),
            );
        }
    }
}

fn left_out(text: &mut String, look: &Look, opened: &RunOpened) {
    if opened.left_out.is_empty() {
        return;
    }
    text.push('\n');
    text.push_str(&paint(look, STRONG, "Not part of this run"));
    text.push('\n');
    let mut reasons: Vec<&str> = Vec::new();
    for left in &opened.left_out {
        if !reasons.contains(&left.because.as_str()) {
            reasons.push(&left.because);
        }
    }
    for reason in reasons {
        put(
            text,
            &format!("  {}", fit(&inline(reason), look.width.saturating_sub(2))),
        );
        let these: Vec<_> = opened
            .left_out
            .iter()
            .filter(|left| left.because == reason)
            .collect();
        for left in these.iter().take(LEFT_OUT) {
            let place = format!(" ({}, line {})", inline(left.id.as_str()), left.line);
            let place = fit(&place, look.width.saturating_sub(12)).into_owned();
            let title = inline(&left.title);
            let title = fit(&title, look.width.saturating_sub(4 + width(&place)));
            put(text, &format!("    {title}{}", paint(look, FAINT, &place)));
        }
        if these.len() > LEFT_OUT {
            put(text, &format!("    … and {} more", these.len() - LEFT_OUT));
        }
    }
}
