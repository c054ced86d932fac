//! Checks and conditions over facts → a verdict, or what must be looked at first.

use std::fmt::Write as _;

use rhai::Position;

use super::difference;
use super::evaluate::{Fall, Outcome, evaluate};
use super::facts::Facts;
use super::{source, value};
use crate::model::{Check, Expression, Fact, Judged, Probe};

/// What judging came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A verdict.
    Judged(Judged),
    /// These must be looked at first; there may be more after them.
    Needs(Vec<Probe>),
}

/// Judges what a document asserts of a step.
pub fn judge(check: &Check, facts: &Facts<'_>) -> Judgement {
    match check {
        Check::Script(script) => scripted(script, facts, Wants::NotFalse),
        Check::Output { matching, expected } => {
            let printed = facts.step.map_or("", |step| &step.stdout);
            Judgement::Judged(super::output::compare(*matching, expected, printed))
        }
    }
}

/// Judges a condition: `if=`, `unless=`, `until=`, `ready=`. It holds when it is `true`, and an
/// expression that gives anything but `true` or `false` does not.
pub fn holds(expression: &Expression, facts: &Facts<'_>) -> Judgement {
    scripted(expression, facts, Wants::Bool)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    Bool,
    NotFalse,
}

fn scripted(script: &Expression, facts: &Facts<'_>, wants: Wants) -> Judgement {
    let text = &script.source;
    let first = || {
        let mut lines = text.lines().map(str::trim);
        lines
            .find(|line| !line.is_empty() && !line.starts_with("//"))
            .unwrap_or_default()
    };
    if let Some(fall) = outlasted(script, facts) {
        return Judgement::Judged(fallen(script, fall, first()));
    }
    Judgement::Judged(match evaluate(text, facts) {
        Outcome::Needs(probes) => return Judgement::Needs(probes),
        Outcome::Late(at) => {
            let line = script.line + source::line(at);
            let script = script.line;
            return Judgement::Needs(vec![Probe::Patience { script, line }]);
        }
        Outcome::Came(found) if wants == Wants::Bool && !found.is_bool() => Judged {
            holds: false,
            line: script.line,
            expression: first().to_owned(),
            message: format!("it gives {}, not true or false", value::kind(&found)),
            left: None,
            right: None,
            diff: Vec::new(),
        },
        Outcome::Came(_) => Judged {
            holds: true,
            line: script.line,
            expression: first().to_owned(),
            message: String::new(),
            left: None,
            right: None,
            diff: Vec::new(),
        },
        Outcome::Fell(fall) => {
            let mut judged = fallen(script, fall, first());
            judged
                .message
                .push_str(&looks_failed(&judged.expression, facts));
            judged
        }
    })
}

// What was ended by the clock once is not tried again: on another day it could hold.
fn outlasted(script: &Expression, facts: &Facts<'_>) -> Option<Fall> {
    facts.probed.iter().find_map(|(probe, fact)| {
        let Probe::Patience { script: of, line } = probe else {
            return None;
        };
        let row = line.checked_sub(*of)?.saturating_add(1);
        let after = match fact {
            Fact::Found(ms) => ms.as_u64().unwrap_or_default(),
            Fact::Failed(_) => 0,
        };
        (*of == script.line).then(|| Fall {
            at: Position::new(u16::try_from(row).unwrap_or(u16::MAX), 1),
            is_assertion: false,
            message: format!("it had not ended after {}, and was ended", seconds(after)),
            sides: None,
        })
    })
}

// Why what the deciding part of a script looked at was not there: both sides alone do not say it.
fn looks_failed(expression: &str, facts: &Facts<'_>) -> String {
    let mut told = String::new();
    for (probe, fact) in facts.probed {
        let (name, of) = match probe {
            Probe::Http { url } => ("http", url),
            Probe::Tcp { host, .. } => ("tcp", host),
            Probe::Cert { of } => ("cert", of),
            _ => continue,
        };
        let Fact::Found(found) = fact else { continue };
        let error = found["error"].as_str().unwrap_or_default();
        let is_meant = expression.contains(name) && expression.contains(of.as_str());
        if is_meant && !error.is_empty() {
            let _ = write!(told, "; `{of}`: {error}");
        }
    }
    told
}

fn seconds(ms: u64) -> String {
    match (ms / 1000, ms % 1000) {
        (seconds, 0) => format!("{seconds} s"),
        _ => format!("{ms} ms"),
    }
}

fn fallen(script: &Expression, fall: Fall, first: &str) -> Judged {
    let text = &script.source;
    let at = source::offset(text, fall.at);
    let expression = if fall.at.is_none() {
        first
    } else if fall.is_assertion {
        source::assertion(text, at)
    } else if fall.sides.is_some() {
        source::from(text, at)
    } else {
        source::whole_line(text, at)
    };
    let (left, right) = match &fall.sides {
        Some((left, right)) => (Some(value::shown(left)), Some(value::shown(right))),
        None => (None, None),
    };
    let diff = match (&left, &right) {
        (Some(left), Some(right)) if left != right => difference::of(left, right),
        _ => Vec::new(),
    };
    Judged {
        holds: false,
        line: script.line + source::line(fall.at),
        expression: expression.to_owned(),
        message: fall.message,
        left,
        right,
        diff,
    }
}
