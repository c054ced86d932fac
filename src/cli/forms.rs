//! The forms of a plain document, lines of `NAME=value`: filled in by the operator before its steps are
//! walked. Writes no file: what is given is a variable of the steps, and fills placeholders of its name.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::engine::Signals;
use crate::model::{Field, Form, Kind, Runbook};
use crate::plan::Plan;
use crate::report::clean::{self, inline};
use crate::resolve::select::{find_section, with_subsections};

use super::exit::ExitCode;
use super::failure::Failure;
use super::inputs::Values;
use super::print;
use super::prompt::{self, Echo, Lines};
use super::walk::{STRONG, paint};

/// Offers the forms of the chosen sections, and adds to `values` what they are given. What has a value
/// already is not asked for.
///
/// # Errors
/// Where the operator interrupts, or the input ends: no run was opened.
pub fn fill(
    plan: &Plan,
    values: &mut Values,
    by: &str,
    lines: &mut Lines,
    signals: &Signals,
) -> Result<(), Failure> {
    let runbook = &plan.runbook;
    if runbook.kind == Kind::Declared {
        return Ok(());
    }
    let chosen = chosen(plan);
    for form in runbook
        .forms
        .iter()
        .filter(|it| chosen.contains(&it.section))
    {
        let fields: Vec<&Field> = form
            .fields
            .iter()
            .filter(|it| !values.has(&it.name))
            .collect();
        if fields.is_empty() {
            continue;
        }
        print::show(&shown(runbook, form, &fields));
        let question = "Fill it in? [y]es · [Enter] leave it > ";
        let answer = prompt::ask(question, lines, signals).ok_or_else(left)?;
        if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            continue;
        }
        for field in fields {
            if let Some(value) = ask(field, lines, signals)? {
                values.add(plan, &field.name, value, "form".to_owned(), by);
            }
        }
    }
    Ok(())
}

// The sections that were named, with what stands in them; where only steps were, theirs; else all that
// are not on demand.
fn chosen(plan: &Plan) -> BTreeSet<usize> {
    let sections = &plan.runbook.sections;
    let request = &plan.request;
    if !request.sections.is_empty() {
        let named = request.sections.iter();
        let found = named.filter_map(|it| find_section(sections, it).ok());
        return found
            .flat_map(|index| with_subsections(sections, index))
            .collect();
    }
    let names_steps = !request.only.is_empty()
        || !request.tags.is_empty()
        || request.from.is_some()
        || request.to.is_some();
    if names_steps {
        return plan.steps().map(|it| it.section).collect();
    }
    let all = sections.iter().enumerate().filter(|(_, it)| !it.on_demand);
    all.map(|(index, _)| index).collect()
}

fn shown(runbook: &Runbook, form: &Form, fields: &[&Field]) -> String {
    let title = &runbook.sections[form.section].title;
    let title = match title.as_str() {
        "" => String::new(),
        title => format!("{} · ", inline(title)),
    };
    let head = format!("Settings of the document: {}", form.told());
    let mut text = format!("\n{}\n", paint(STRONG, &head));
    let _ = writeln!(
        text,
        "  {title}line {} · what is given, steps see as variables; no file is written",
        form.line
    );
    let room = fields.iter().map(|it| it.name.len()).max().unwrap_or(0);
    for field in fields {
        let what = match &field.example {
            Some(example) => clean::block(example).trim_end().to_owned(),
            None if field.secret => "a secret".to_owned(),
            None => String::new(),
        };
        let row = format!("  {:room$}  {what}", field.name);
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

fn ask(field: &Field, lines: &mut Lines, signals: &Signals) -> Result<Option<String>, Failure> {
    let question = match &field.example {
        Some(example) => format!("{} [{}] (- leaves it out): ", field.name, inline(example)),
        None if field.secret => format!("{} (unseen; Enter leaves it out): ", field.name),
        None => format!("{} (Enter leaves it out): ", field.name),
    };
    let echo = field.secret.then(Echo::off).flatten();
    let answer = prompt::ask(&question, lines, signals);
    if echo.is_some() && answer.is_some() {
        print::show("\n");
    }
    drop(echo);
    let answer = answer.ok_or_else(left)?;
    Ok(match (answer.as_str(), &field.example) {
        (answer, Some(example)) if answer.trim().is_empty() => Some(example.clone()),
        (answer, None) if answer.trim().is_empty() => None,
        (answer, Some(_)) if answer.trim() == "-" => None,
        (answer, _) if answer.contains('\0') => None,
        (answer, _) if field.secret => Some(answer.to_owned()),
        (answer, _) => Some(answer.trim().to_owned()),
    })
}

fn left() -> Failure {
    let message = "left before the settings were given; no run was opened";
    Failure::new(ExitCode::INTERRUPTED, message)
}
