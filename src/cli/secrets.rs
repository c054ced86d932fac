//! The values of secret inputs: `--inputs FILE`, their source, the environment, a person who types them
//! unseen; in this order. No message holds one.

use std::error::Error as _;
use std::path::{Path, PathBuf};

use crate::engine::Signals;
use crate::engine::decide::{Secret, Session};
use crate::event::{EventKind, RunOpened};
use crate::model::{Input, SecretSource};
use crate::plan::Plan;
use crate::redact::{LEAST, Named, Texts, is_short};
use crate::resolve::accept;
use crate::secret;

use super::failure::Failure;
use super::inputs::{Given, Lack, Values};
use super::print;
use super::prompt::Lines;
use super::questions::{self, cannot_be};

/// A secret input, and what was found for it: the value, and its source.
pub type Found<'p> = (&'p Input, Option<(String, String)>);

/// Looks for the secrets of `plan` without asking anybody. What everybody could read on the command
/// line, and what a source does not give, goes into `lack`.
pub fn find<'p>(plan: &'p Plan, given: &Given, base: &Path, lack: &mut Lack<'_>) -> Vec<Found<'p>> {
    let mut all = Vec::new();
    for input in plan.runbook.inputs.iter().filter(|it| it.is_secret()) {
        let name = &input.name;
        if given.is_set(name) {
            let message =
                format!("the secret `{name}` is given with --set, where everybody sees it");
            lack.wrong.push(Failure::usage(message).hint(format!(
                "put the secret into a file for --inputs FILE, or say where it comes from: \
                 `from: env:{name}`"
            )));
            continue;
        }
        match from(input, given, base) {
            // A step of the run prints it.
            Ok(None) if is_printed(plan, input, lack) => {}
            Ok(found) => all.push((input, found)),
            Err(failure) => lack.wrong.push(failure),
        }
    }
    all
}

// Whether a step gives it; where that step is not part of the run, that is told.
fn is_printed(plan: &Plan, input: &Input, lack: &mut Lack<'_>) -> bool {
    let Some(SecretSource::Step(id)) = &input.from else {
        return false;
    };
    if input.required && !plan.steps().any(|it| it.id.as_str() == id) {
        let name = &input.name;
        let message = format!(
            "the secret `{name}` is what step `{id}` prints, which is not part of this run"
        );
        let way_out = "run that step too, or give the secret with --inputs FILE";
        lack.wrong.push(Failure::usage(message).hint(way_out));
    }
    true
}

/// Returns what was found, as far as it fits. Where someone can be asked, the rest is asked for; else
/// it goes into `lack`.
///
/// # Errors
/// Where the operator interrupts.
pub fn take<'p>(
    found: Vec<Found<'p>>,
    given: &Given,
    by: &str,
    mut asking: Option<(&mut Lines, &Signals)>,
    lack: &mut Lack<'p>,
) -> Result<Values, Failure> {
    let mut values = Values::default();
    for (input, found) in found {
        let fitting = match found {
            None => None,
            Some((value, source)) => {
                let is_list = given.is_list(&input.name, &source);
                match fit(input, &value, is_list, Some(&source)) {
                    Ok(()) => Some((value, source)),
                    Err(failure) if asking.is_none() => {
                        lack.wrong.push(failure);
                        continue;
                    }
                    Err(failure) => {
                        print::note(&failure);
                        None
                    }
                }
            }
        };
        let taken = match (fitting, &mut asking) {
            (Some(fitting), _) => Some(fitting),
            (None, Some((lines, signals))) => {
                let left_out = (!input.required).then_some("");
                let value = questions::ask(input, left_out, lines, signals)?;
                (!value.is_empty()).then(|| (value, "prompt".to_owned()))
            }
            (None, None) => {
                lack.missing.extend(input.required.then_some(input));
                None
            }
        };
        let Some((value, source)) = taken else {
            continue;
        };
        values.events.push(EventKind::ValueGiven {
            name: input.name.clone(),
            value: None,
            source,
            by: by.to_owned(),
        });
        values
            .secrets
            .push((input.name.clone(), Secret::new(value)));
    }
    Ok(values)
}

/// Lets `session` keep the secrets that steps gave in an earlier one, as far as `--inputs FILE` gives them
/// again. Returns what is recorded of it.
///
/// # Errors
/// One that is too short to be masked.
pub fn given_again(
    plan: &Plan,
    given: &Given,
    session: &mut Session,
) -> Result<Vec<EventKind>, Failure> {
    let mut events = Vec::new();
    for step in plan.steps().filter(|it| it.settings.secret) {
        let name = step.settings.capture.as_ref();
        let Some(name) = name.filter(|_| plan.prints(&step.id).is_none()) else {
            continue;
        };
        let Some((value, source)) = given.of_file(name) else {
            continue;
        };
        if is_short(&value) {
            let message =
                format!("the secret `{name}` has fewer than {LEAST} characters ({source})");
            return Err(Failure::usage(message));
        }
        let called = plan.secret_given(&step.id, name);
        events.push(EventKind::ValueGiven {
            name: called.clone(),
            value: None,
            source,
            by: session.by.clone(),
        });
        session.keep_given(called, Secret::new(value));
    }
    Ok(events)
}

/// Returns the secrets among `inputs` that can be had without asking anybody.
pub fn at_hand(inputs: &[Input], base: &Path) -> Texts {
    let given = Given::default();
    let found = inputs
        .iter()
        .filter(|it| it.is_secret())
        .filter_map(|input| {
            let (value, _) = from(input, &given, base).ok()??;
            Some(Named::new(&input.name, &value))
        });
    Texts::new(found.filter(|it| !it.value.is_empty()).collect())
}

/// Returns where relative paths of the sources of secrets begin: beside the document.
pub fn base(opened: &RunOpened) -> PathBuf {
    let beside = Path::new(&opened.file).parent();
    match beside.filter(|_| opened.file != "-") {
        Some(folder) => folder.to_owned(),
        None => PathBuf::from(&opened.called_from),
    }
}

/// Says why `text`, which `source` gave or a person typed, cannot be the secret `input`; never what
/// it is.
///
/// # Errors
/// What does not fit the input, and what is too short to be masked.
pub fn fit(input: &Input, text: &str, is_list: bool, source: Option<&str>) -> Result<(), Failure> {
    let name = &input.name;
    let from = source.map(|it| format!(" ({it})")).unwrap_or_default();
    let right = match accept(input, text) {
        _ if is_list => Err("it is one value, not a list".to_owned()),
        Ok(_) if text.is_empty() => Err("it is empty".to_owned()),
        Ok(_) => Ok(()),
        Err(right) => Err(right),
    };
    if let Err(right) = right {
        let failure = Failure::usage(cannot_be(input, text, source, &right));
        return Err(failure.hint("mend the secret where it comes from"));
    }
    if !is_short(text) || input.short {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the secret `{name}` has fewer than {LEAST} characters{from}: it would be found \
         everywhere by chance"
    ))
    .hint("take a longer one; or write `short: true`, and whole lines that hold it are masked"))
}

fn from(input: &Input, given: &Given, base: &Path) -> Result<Option<(String, String)>, Failure> {
    let name = &input.name;
    if let Some(found) = given.of_file(name) {
        return Ok(Some(found));
    }
    let variable = |name: &str| std::env::var(name).ok();
    match &input.from {
        None => Ok(variable(name).map(|value| (value, "environment".to_owned()))),
        Some(SecretSource::Prompt | SecretSource::Step(_)) => Ok(None),
        Some(source) => {
            let fetched = secret::fetch(source, name, base, variable).map_err(|error| {
                let message = format!("the secret `{name}` cannot be had from `{source}`");
                Failure::environment(message).cause(match error.source() {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                })
            })?;
            if let Some(warning) = fetched.warning {
                print::note(format!("warning: {warning}: the secret `{name}` is in it"));
            }
            Ok(Some((fetched.value, source.to_string())))
        }
    }
}
