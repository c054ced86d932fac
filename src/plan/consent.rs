//! Who is asked what before a step runs: the table of the manual's chapter on consent, in one place.

use crate::event::Request;
use crate::model::{Effect, Kind, Step, Task};

use super::Plan;

/// How a person is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Run it? `enter` says that Enter alone means yes.
    Run {
        /// Only a step that reads.
        enter: bool,
    },
    /// The step's id is to be typed.
    Type,
    /// The document's own question, `confirm="…"`, is to be answered.
    Confirm(String),
    /// It does not run as it stands: edit it, or skip it.
    Incomplete,
    /// A person does it.
    Manual,
}

/// Whether a step may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Nobody need be asked.
    Given,
    /// A person must be asked.
    Ask(Manner),
    /// There is nobody to ask.
    Refused(String),
    /// A person must do it, and nobody is there: the run stops in front of it.
    Waits,
}

/// Why a run does not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Index into `runbook.steps`; `None` where the whole run is refused.
    pub step: Option<usize>,
    /// Why.
    pub because: String,
    /// What the operator can do.
    pub way_out: String,
}

/// Says whether `step` may run. `all` is what a person has agreed to already: to run every step of
/// a declared runbook without being asked for each.
pub fn consent(kind: Kind, step: &Step, request: &Request, terminal: bool, all: bool) -> Consent {
    if matches!(step.task, Task::ByHand { .. }) {
        return if terminal {
            Consent::Ask(Manner::Manual)
        } else {
            Consent::Waits
        };
    }
    if let Some(doubt) = step.doubts.first() {
        return ask_or(terminal, Manner::Incomplete, || doubt.because.clone());
    }
    let allows = |word: &str| request.allow.iter().any(|it| it == word);
    if step.effect == Effect::Destroys && (terminal || !allows("destroys")) {
        return ask_or(terminal, Manner::Type, || "it destroys".to_owned());
    }
    if let Some(question) = &step.settings.confirm {
        return ask_or(terminal, Manner::Confirm(question.clone()), || {
            format!("it asks before it runs: {question}")
        });
    }
    let enter = step.effect == Effect::Reads;
    match (kind, terminal) {
        (Kind::Declared, true) if all || request.yes => Consent::Given,
        (Kind::Plain, true) if request.yes && step.effect != Effect::Unknown => Consent::Given,
        (_, true) => Consent::Ask(Manner::Run { enter }),
        (Kind::Declared, false) => Consent::Given,
        (Kind::Plain, false) => {
            let is_named = !request.sections.is_empty() || !request.only.is_empty();
            if !is_named || !request.yes {
                Consent::Refused("the document was not written for this tool".to_owned())
            } else if step.effect == Effect::Unknown && !allows("unknown") {
                Consent::Refused("nobody said what it does".to_owned())
            } else {
                Consent::Given
            }
        }
    }
}

fn ask_or(terminal: bool, manner: Manner, because: impl Fn() -> String) -> Consent {
    if terminal {
        Consent::Ask(manner)
    } else {
        Consent::Refused(because())
    }
}

/// Returns all that keeps the run from beginning, at once.
pub fn refusals(plan: &Plan, terminal: bool) -> Vec<Refusal> {
    let mut found = Vec::new();
    if plan.selected.is_empty() {
        let way_out = if plan.left_out.is_empty() {
            "`runbook list` shows what the document holds".to_owned()
        } else {
            "name a section or a step; `runbook list` shows them".to_owned()
        };
        found.push(Refusal {
            step: None,
            because: "nothing would run".to_owned(),
            way_out,
        });
        return found;
    }
    for index in &plan.selected {
        let Some(step) = plan.runbook.steps.get(*index) else {
            continue;
        };
        if let Consent::Refused(because) =
            consent(plan.runbook.kind, step, &plan.request, terminal, false)
        {
            found.push(Refusal {
                step: Some(*index),
                because,
                way_out: way_out(plan, step),
            });
        }
    }
    found
}

fn way_out(plan: &Plan, step: &Step) -> String {
    if !step.doubts.is_empty() {
        "run it on a terminal, where it can be edited, or mend the document".to_owned()
    } else if step.effect == Effect::Destroys {
        "run it on a terminal, or with --allow destroys".to_owned()
    } else if step.settings.confirm.is_some() {
        "run it on a terminal".to_owned()
    } else if plan.runbook.kind == Kind::Plain && step.effect == Effect::Unknown {
        "run it on a terminal; or name a section, with --yes --allow unknown".to_owned()
    } else {
        "run it on a terminal; or name a section, with --yes".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Circumstances, Doubt, Language, Nature, Settings, Span, StepId};

    fn step(effect: Effect) -> Step {
        Step {
            id: StepId::new("s").unwrap(),
            id_is_explicit: true,
            title: "S".to_owned(),
            section: 0,
            line: 1,
            body_line: 2,
            span: Span::default(),
            task: Task::Command {
                language: Language("bash"),
                body: "true".to_owned(),
            },
            nature: Nature::Command,
            tags: Vec::new(),
            effect,
            because: String::new(),
            doubts: Vec::new(),
            on_demand: false,
            circumstances: Circumstances::default(),
            settings: Settings::default(),
            ticked: false,
        }
    }

    fn request(words: &str) -> Request {
        let mut request = Request::default();
        for word in words.split_whitespace() {
            match word {
                "--yes" => request.yes = true,
                "named" => request.sections.push("A".to_owned()),
                other => request.allow.push(other.to_owned()),
            }
        }
        request
    }

    #[test]
    fn the_table_of_who_is_asked_what() {
        use Effect::{Changes, Destroys, Reads, Unknown};
        use Kind::{Declared, Plain};
        let ask = |enter| Consent::Ask(Manner::Run { enter });
        let rows: &[(Kind, Effect, &str, bool, Option<Consent>)] = &[
            (Declared, Reads, "", true, Some(ask(true))),
            (Declared, Changes, "", true, Some(ask(false))),
            (Declared, Unknown, "--yes", true, Some(Consent::Given)),
            (Declared, Unknown, "", false, Some(Consent::Given)),
            (
                Declared,
                Destroys,
                "--yes destroys",
                true,
                Some(Consent::Ask(Manner::Type)),
            ),
            (Declared, Destroys, "--yes", false, None),
            (Declared, Destroys, "destroys", false, Some(Consent::Given)),
            (Plain, Reads, "", true, Some(ask(true))),
            (Plain, Changes, "", true, Some(ask(false))),
            (Plain, Unknown, "--yes", true, Some(ask(false))),
            (Plain, Changes, "", false, None),
            (Plain, Changes, "--yes", false, None),
            (Plain, Changes, "--yes named", false, Some(Consent::Given)),
            (Plain, Unknown, "--yes named", false, None),
            (
                Plain,
                Unknown,
                "--yes named unknown",
                false,
                Some(Consent::Given),
            ),
            (Plain, Destroys, "--yes named unknown", false, None),
        ];
        for (kind, effect, words, terminal, wanted) in rows {
            let found = consent(*kind, &step(*effect), &request(words), *terminal, false);
            match wanted {
                Some(wanted) => assert_eq!(&found, wanted, "{kind:?} {effect:?} `{words}`"),
                None => assert!(
                    matches!(found, Consent::Refused(_)),
                    "{kind:?} {effect:?} {words}"
                ),
            }
        }
    }

    #[test]
    fn yes_answers_neither_a_confirm_nor_a_doubt_nor_a_manual_item() {
        let mut asks = step(Effect::Changes);
        asks.settings.confirm = Some("Sure?".to_owned());
        let mut doubted = step(Effect::Reads);
        doubted.doubts.push(Doubt {
            rule: "placeholder",
            because: "`<PORT>` stands for a value".to_owned(),
            span: Span::default(),
        });
        let mut manual = step(Effect::Unknown);
        manual.task = Task::ByHand {
            text: "look".to_owned(),
            offered: None,
        };
        let yes = request("--yes named unknown destroys");
        for (step, without) in [(asks, false), (doubted, false), (manual, true)] {
            let on_terminal = consent(Kind::Declared, &step, &yes, true, true);
            assert!(matches!(on_terminal, Consent::Ask(_)), "{on_terminal:?}");
            let headless = consent(Kind::Declared, &step, &yes, false, true);
            assert_eq!(headless == Consent::Waits, without, "{headless:?}");
            assert_ne!(headless, Consent::Given);
        }
    }
}
