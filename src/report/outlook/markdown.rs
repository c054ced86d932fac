//! What a run would do, in Markdown: for a pull request. Nothing that stands in a document, a file or
//! a value is taken for Markdown of ours.

use std::io::{self, Write};

use super::super::clean::block;
use super::super::transcript::{code, escape, info, longest_run};
use super::{condition, hindrances, kind, summary, told};
use crate::model::Change;
use crate::plan::outlook::{Foreseen, Outlook, Purpose};

/// Writes `outlook` as Markdown.
///
/// # Errors
/// When the writer fails.
pub fn markdown(out: &mut dyn Write, outlook: &Outlook) -> io::Result<()> {
    writeln!(out, "# Plan: {}", escape(&outlook.title))?;
    writeln!(out)?;
    writeln!(
        out,
        "{} ({}): {}. Nothing was executed.",
        code(&outlook.document),
        kind(outlook),
        summary(outlook)
    )?;
    if !outlook.inputs.is_empty() {
        writeln!(out, "\n## Inputs\n")?;
        for input in &outlook.inputs {
            writeln!(out, "- {}", escape(&told(input)))?;
        }
    }
    steps(out, outlook)?;
    for step in &outlook.steps {
        details(out, step)?;
    }
    since(out, outlook)?;
    left_out(out, outlook)?;
    before(out, outlook)
}

fn steps(out: &mut dyn Write, outlook: &Outlook) -> io::Result<()> {
    writeln!(out, "\n## Steps\n")?;
    if outlook.steps.is_empty() {
        return writeln!(out, "Nothing would run.");
    }
    writeln!(out, "| | step | what | effect | runs as | line |")?;
    writeln!(out, "|---:|---|---|---|---|---:|")?;
    let mut number = 0;
    for step in &outlook.steps {
        let first = match step.role {
            Purpose::Part => {
                number += 1;
                number.to_string()
            }
            Purpose::Guard => "check".to_owned(),
            Purpose::Undo => "undo".to_owned(),
        };
        let effect = match &step.language {
            Some(_) => step.effect.to_string(),
            None => "by hand".to_owned(),
        };
        writeln!(
            out,
            "| {first} | {} | {} | {effect} | {} | {} |",
            code(step.id.as_str()).replace('|', "\\|"),
            escape(&step.title),
            escape(&step.started()),
            step.line
        )?;
    }
    Ok(())
}

fn details(out: &mut dyn Write, step: &Foreseen) -> io::Result<()> {
    let what = match (&step.change, &step.unknown, &step.setup.file) {
        (Some(it), _, _) if it.change == Change::Unchanged => {
            format!("leaves {} as it is", code(&it.path))
        }
        (Some(it), _, _) => format!("{} {}", it.change.verb(), code(&it.path)),
        (None, Some(because), Some(file)) => {
            format!("writes {} ({})", code(&file.path), escape(because))
        }
        (None, None, Some(file)) => format!("writes {}", code(&file.path)),
        (None, _, None) => escape(&step.because),
    };
    writeln!(
        out,
        "\n<details><summary>{}</summary>\n",
        html(step.id.as_str())
    )?;
    writeln!(out, "- {what}")?;
    if let Some(needs) = &step.needs {
        let ids: Vec<String> = needs.iter().map(|it| code(it.as_str())).collect();
        match ids.as_slice() {
            [] => writeln!(out, "- needs nothing before it")?,
            ids => writeln!(out, "- needs {}", ids.join(", "))?,
        }
    }
    for it in &step.conditions {
        writeln!(out, "- {}", escape(&condition(it)))?;
    }
    if step.is_skipped() {
        writeln!(out, "- so it would be skipped")?;
    }
    if step.checks > 0 {
        writeln!(out, "- checks: {}", step.checks)?;
    }
    for host in &step.hosts {
        writeln!(out, "- leaves this machine for {}", code(host))?;
    }
    if let Some(question) = &step.confirm {
        writeln!(out, "- asks before: {}", escape(question))?;
    }
    for because in &step.doubts {
        writeln!(out, "- in doubt: {}", escape(because))?;
    }
    if let Some(change) = &step.change {
        for line in &change.also {
            writeln!(out, "- {}", escape(line))?;
        }
        if !change.diff.is_empty() {
            writeln!(out)?;
            fence(out, Some("diff"), &change.diff)?;
        }
    } else {
        writeln!(out)?;
        fence(out, step.language.as_deref(), &step.text)?;
    }
    writeln!(out, "\n</details>")
}

fn since(out: &mut dyn Write, outlook: &Outlook) -> io::Result<()> {
    let Some(last) = &outlook.last else {
        return Ok(());
    };
    writeln!(out, "\n## Since the last run\n")?;
    writeln!(
        out,
        "Run {} ({}, {}).",
        code(&last.run),
        escape(&last.result),
        escape(&last.opened)
    )?;
    if last.steps.is_empty() && last.also.is_empty() {
        return writeln!(out, "\nNo step and no input differs.");
    }
    writeln!(out)?;
    for line in &last.also {
        writeln!(out, "- {}", escape(line))?;
    }
    for it in &last.steps {
        let (_, _, word) = super::mark(it);
        let also: Vec<String> = it.also.iter().map(|it| escape(it)).collect();
        let also = match also.as_slice() {
            [] => String::new(),
            also => format!(" ({})", also.join("; ")),
        };
        writeln!(
            out,
            "- {} {} {word}{also}",
            code(it.step.as_str()),
            escape(&it.title)
        )?;
    }
    for it in last.steps.iter().filter(|it| !it.diff.is_empty()) {
        writeln!(out, "\n{}\n", code(it.step.as_str()))?;
        fence(out, Some("diff"), &it.diff)?;
    }
    Ok(())
}

fn left_out(out: &mut dyn Write, outlook: &Outlook) -> io::Result<()> {
    if outlook.left_out.is_empty() && outlook.no_steps.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Not part of this run\n")?;
    for it in &outlook.left_out {
        let (title, because) = (escape(&it.title), escape(&it.because));
        writeln!(
            out,
            "- {} {title}, line {}: {because}",
            code(it.id.as_str()),
            it.line
        )?;
    }
    if !outlook.no_steps.is_empty() {
        let lines = outlook.no_steps.iter();
        let lines: Vec<String> = lines
            .map(|it| format!("{} ({})", it.line, it.nature))
            .collect();
        writeln!(
            out,
            "- fences that are no steps: lines {}",
            lines.join(", ")
        )?;
    }
    Ok(())
}

fn before(out: &mut dyn Write, outlook: &Outlook) -> io::Result<()> {
    let all = hindrances(outlook);
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## What a run without a terminal is refused for\n")?;
    for line in all {
        writeln!(out, "- {}", escape(&line))?;
    }
    Ok(())
}

fn fence(out: &mut dyn Write, language: Option<&str>, text: &str) -> io::Result<()> {
    let text = block(text);
    let marks = "`".repeat(longest_run(&text).max(2) + 1);
    writeln!(
        out,
        "{marks}{}\n{}\n{marks}",
        info(language),
        text.trim_end_matches('\n')
    )
}

// Between tags of HTML.
fn html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}
