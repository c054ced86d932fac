//! Takes secrets out of events before they are committed. What the run needs again is stored with
//! holes, all else is masked. The document's own text is not touched: it stands in the snapshot.

use serde_json::Value;

use crate::event::EventKind;
use crate::event::Text;
use crate::redact::{Lost, Texts, refill};

/// Fields that name things, or say one of a few words: the run would not be understood without.
const STRUCTURE: &[&str] = &[
    "kind", "step", "nonce", "name", "host", "identity", "command", "verdict", "decision",
    "result", "tail", "log", "digest",
];

/// Returns `event` without the secrets.
pub fn conceal(event: EventKind, secrets: &Texts) -> EventKind {
    let hole = |text: &str| String::from_utf8_lossy(&secrets.holes(text.as_bytes())).into_owned();
    match event {
        EventKind::RunOpened(mut opened) => {
            for input in &mut opened.inputs {
                input.value = hole(&input.value);
            }
            if let Some(reason) = &mut opened.reason {
                secrets.clean(reason);
            }
            EventKind::RunOpened(opened)
        }
        EventKind::StepEdited {
            step,
            body,
            mut diff,
        } => {
            secrets.clean(&mut diff);
            // An edit of an edit has holes already.
            let body = hole(&filled(&body, secrets).unwrap_or(body));
            EventKind::StepEdited { step, body, diff }
        }
        EventKind::ValueGiven {
            name,
            value,
            mut source,
            by,
        } => {
            secrets.clean(&mut source);
            let value = value.map(|it| hole(&it));
            EventKind::ValueGiven {
                name,
                value,
                source,
                by,
            }
        }
        // The document's text; and what the keeper masked, whose own record says the same.
        EventKind::RunbookAdopted(_) | EventKind::AttemptExited(_) => event,
        _ if secrets.secrets().is_empty() => event,
        _ => masked(event, secrets),
    }
}

/// Returns `text` with its holes filled.
///
/// # Errors
/// The secret that is not there.
pub(super) fn filled(text: &str, secrets: &Texts) -> Result<String, Lost> {
    let bytes = bytes_filled(text.as_bytes(), secrets)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns `text` with its holes filled, as bytes of the operating system.
///
/// # Errors
/// The secret that is not there.
pub(super) fn text_filled(text: &Text, secrets: &Texts) -> Result<Text, Lost> {
    Ok(Text::of_bytes(&bytes_filled(&text.to_bytes(), secrets)?))
}

fn bytes_filled(text: &[u8], secrets: &Texts) -> Result<Vec<u8>, Lost> {
    refill(text, |name| {
        let found = secrets.secrets().iter().find(|it| it.name == name);
        found.map(|it| it.value.clone())
    })
}

// By its stored form, so that a field which is added later is masked too. Text by text: where a word
// of ours looks like a secret the event could not be read any more, and that word stays.
fn masked(event: EventKind, secrets: &Texts) -> EventKind {
    let mut event = event;
    let mut number = 0;
    loop {
        let Ok(mut stored) = serde_json::to_value(&event) else {
            return event;
        };
        let mut at = 0;
        let mut is_masked = false;
        each(&mut stored, &mut |text| {
            if !is_masked && at >= number && secrets.hold(text.as_bytes()) {
                secrets.clean(text);
                is_masked = true;
                number = at;
            }
            at += 1;
        });
        if !is_masked {
            return event;
        }
        if let Ok(masked) = serde_json::from_value(stored) {
            event = masked;
        }
        number += 1;
    }
}

// Every text of an event that is not of its structure, in one order.
fn each(value: &mut Value, act: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => act(text),
        Value::Array(all) => all.iter_mut().for_each(|it| each(it, act)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if !STRUCTURE.contains(&name.as_str()) {
                    each(field, act);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Decision, Verdict};
    use crate::model::StepId;
    use crate::redact::Named;

    fn check(event: EventKind, wanted: &str) {
        let secrets = Texts::new(vec![
            Named::new("DB", "hunter2hunter2"),
            Named::new("WORD", "operator-asserted"),
        ]);
        let stored = serde_json::to_string(&conceal(event, &secrets)).unwrap();
        assert_eq!(stored, wanted);
    }

    #[test]
    fn what_is_told_is_masked_and_what_is_needed_again_has_holes() {
        let step = || StepId::new("s").unwrap();
        check(
            EventKind::Note {
                step: None,
                text: "it is hunter2hunter2 and aHVudGVyMmh1bnRlcjI=".into(),
                by: "hunter2hunter2".into(),
            },
            r#"{"kind":"note","text":"it is *** and ***","by":"***"}"#,
        );
        check(
            EventKind::StepEdited {
                step: step(),
                body: "echo hunter2hunter2".into(),
                diff: "-echo\n+echo hunter2hunter2\n".into(),
            },
            r#"{"kind":"step.edited","step":"s","body":"echo {secret:DB}","diff":"-echo\n+echo ***\n"}"#,
        );
        check(
            EventKind::StepEdited {
                step: step(),
                body: "echo {secret:DB} {secret:OTHER}".into(),
                diff: String::new(),
            },
            r#"{"kind":"step.edited","step":"s","body":"echo {secret::DB} {secret::OTHER}","diff":""}"#,
        );
        check(
            EventKind::ValueGiven {
                name: "url".into(),
                value: Some("x://a:hunter2hunter2@b".into()),
                source: "prompt".into(),
                by: "a@b".into(),
            },
            r#"{"kind":"value.given","name":"url","value":"x://a:{secret:DB}@b","source":"prompt","by":"a@b"}"#,
        );
    }

    #[test]
    fn a_word_of_ours_stays_and_the_rest_is_masked() {
        check(
            EventKind::StepFinished {
                step: StepId::new("s").unwrap(),
                verdict: Verdict::OperatorAsserted,
                because: Some("operator-asserted, hunter2hunter2".into()),
            },
            r#"{"kind":"step.finished","step":"s","verdict":"operator-asserted","because":"***, ***"}"#,
        );
        check(
            EventKind::OperatorDecided {
                step: None,
                question: "hunter2hunter2?".into(),
                decision: Decision::Done,
                by: "x".into(),
            },
            r#"{"kind":"operator.decided","question":"***?","decision":"done","by":"x"}"#,
        );
    }
}
