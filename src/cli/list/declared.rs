//! A declared runbook, as `list` tells it: its inputs, and its steps with their ids.

use anstyle::Style;

use super::{DANGER, DOUBT, FAINT, Page, line};
use crate::model::{Effect, Input, InputType, Step, Task};
use crate::report::clean::{fit, inline, pad, width};

/// Adds inputs, sections and steps of the runbook of `page`.
pub(super) fn show(text: &mut String, page: &Page<'_>, verbose: bool) {
    let runbook = page.runbook;
    for input in &runbook.inputs {
        show_input(text, page, input);
    }
    let id_width = runbook
        .steps
        .iter()
        .map(|step| width(step.id.as_str()) + usize::from(!step.id_is_explicit))
        .max()
        .unwrap_or(0)
        .clamp(8, 44);
    let mut steps = runbook.steps.iter().peekable();
    for (index, section) in runbook.sections.iter().enumerate() {
        let has_steps = steps.peek().is_some_and(|step| step.section == index);
        if index > 0 && (has_steps || verbose) {
            let indent = usize::from(section.level.saturating_sub(1)) * 2;
            let mark = if section.on_demand {
                " · on demand"
            } else {
                ""
            };
            let room = page.columns.saturating_sub(indent + width(mark));
            let title = inline(&section.title);
            line(
                text,
                format_args!("{:indent$}{}{FAINT}{mark}{FAINT:#}", "", fit(&title, room)),
            );
        }
        while let Some(step) = steps.next_if(|step| step.section == index) {
            show_step(text, page, step, id_width, verbose);
        }
    }
    if runbook.steps.is_empty() {
        page.row(text, 2, FAINT, "no steps: nothing in it would run");
    }
}

fn show_input(text: &mut String, page: &Page<'_>, input: &Input) {
    let description = input.description.as_deref();
    let default = match &input.default {
        _ if input.is_secret() => Some(match &input.from {
            Some(from) => format!("(a secret, from {from})"),
            None => "(a secret)".to_owned(),
        }),
        Some(default) => Some(format!("(default {})", default.replace('\n', ", "))),
        None => (!input.required).then(|| "(not required)".to_owned()),
    };
    let choices =
        (!input.choices.is_empty()).then(|| format!("(one of {})", input.choices.join(", ")));
    let kind = match input.kind {
        InputType::String | InputType::Choice | InputType::Secret => None,
        kind => Some(format!("({})", kind.name())),
    };
    let mut limits: Vec<String> = Vec::new();
    for (word, limit) in [
        ("min", &input.min),
        ("max", &input.max),
        ("like", &input.pattern),
    ] {
        limits.extend(limit.as_ref().map(|it| format!("{word} {it}")));
    }
    let limits = (!limits.is_empty()).then(|| format!("({})", limits.join(", ")));
    let mut told = format!("input {} ", input.name);
    for words in [
        description,
        kind.as_deref(),
        default.as_deref(),
        choices.as_deref(),
        limits.as_deref(),
    ]
    .into_iter()
    .flatten()
    {
        told.push(' ');
        told.push_str(words);
    }
    page.row(text, 2, Style::new(), told.trim_end());
}

fn show_step(text: &mut String, page: &Page<'_>, step: &Step, id_width: usize, verbose: bool) {
    let id = format!("{}{}", if step.id_is_explicit { "" } else { "~" }, step.id);
    let language = match &step.task {
        Task::Command { .. } if step.settings.file.is_some() => "file",
        Task::Command { language, .. } => language.0,
        Task::ByHand { .. } => "by hand",
    };
    let style = match step.effect {
        Effect::Destroys => DANGER,
        Effect::Reads | Effect::Changes | Effect::Unknown => Style::new(),
    };
    let effect = match &step.task {
        Task::ByHand { .. } => String::new(),
        Task::Command { .. } => step.effect.to_string(),
    };
    let mut marks: Vec<String> = Vec::new();
    if step.ticked {
        marks.push("ticked".to_owned());
    }
    if let Some(name) = &step.settings.capture {
        let secret = if step.settings.secret {
            ", a secret"
        } else {
            ""
        };
        marks.push(format!("gives {name}{secret}"));
    }
    marks.extend(step.tags.iter().map(|tag| format!(".{}", inline(tag))));
    let head = format!(
        "  {} {:>5}  {language:<10}  ",
        pad(&id, id_width),
        step.line
    );
    let room = page.columns.saturating_sub(width(&head) + 10);
    let marks = marks.join(" ");
    let marks = fit(&marks, room);
    // Colours without text would keep the spaces before them.
    let effect = match (effect.as_str(), marks.is_empty()) {
        ("", true) => String::new(),
        (effect, true) => format!("{style}{effect}{style:#}"),
        (effect, false) => format!("{style}{effect:<9}{style:#} {FAINT}{marks}{FAINT:#}"),
    };
    line(text, format_args!("{head}{effect}"));
    let (body, is_command) = match &step.task {
        Task::Command { body, .. } => (body, true),
        Task::ByHand { text, .. } => (text, false),
    };
    if (verbose || !is_command)
        && let Some(first) = body.lines().find(|line| !line.trim().is_empty())
    {
        page.row(text, 6, FAINT, first.trim());
    }
    // What the document says itself needs no reason.
    if verbose && is_command && step.effect != Effect::Unknown && step.because != SAID {
        let words = format!("{}: {}", step.effect, step.because);
        page.rows(text, 6, FAINT, &words);
    }
    for doubt in &step.doubts {
        page.rows(text, 6, DOUBT, &format!("in doubt: {}", doubt.because));
    }
}

/// Why a step has the effect that an attribute gives it.
const SAID: &str = "the document says so";
