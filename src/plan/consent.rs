//! Who is asked what before a step runs: the table of the manual's chapter on consent, in one place.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Elsewhere, OnFailure, Request};
use crate::model::{Doubt, Effect, Kind, Place, Placeholder, Stands, Step, StepId, Task};
use crate::render::Value;

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
    /// It does not run as it stands here: do it elsewhere, edit it, or skip it.
    Elsewhere,
    /// It may not be meant to run: its id is typed to run it all the same.
    Doubtful,
    /// It wants a person at the terminal: run it in this one?
    Terminal,
    /// A person does it.
    Manual,
    /// A person does it, or runs the command that the document names for it.
    Offered {
        /// Enter alone runs it.
        enter: bool,
        /// The step's id is to be typed to run it.
        types: bool,
    },
    /// It and these exclude each other: one is chosen.
    Choose(Vec<StepId>),
    /// It is meant for the operator's own computer: what becomes of such steps?
    Workstation,
    /// It waits for the value of this name.
    Value {
        /// The name.
        name: String,
        /// Why the value that was given last does not do.
        refused: Option<String>,
    },
    /// It leaves this machine for this host: may it?
    Host(String),
}

/// Whether a step may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Nobody need be asked.
    Given,
    /// A person must be asked.
    Ask(Manner),
    /// It is skipped, as was decided for all of its kind.
    Skip(String),
    /// There is nobody to ask.
    Refused(String),
    /// A person must do it, and nobody is there: the run stops in front of it.
    Waits,
}

/// A file that a step would overwrite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// As the step writes it.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// How long ago it was changed, in seconds.
    pub age: Option<u64>,
}

/// What has been given and confirmed in a run so far.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The values of placeholders, by name.
    pub values: BTreeMap<String, Value>,
    /// Hosts that steps may leave this machine for.
    pub hosts: BTreeSet<String>,
    /// What becomes of steps that are meant for the operator's own computer.
    pub workstation: Option<Elsewhere>,
    /// Steps that would overwrite a file which is there.
    pub overwriting: BTreeSet<StepId>,
    /// Variables that the steps before have left behind, as far as one step sees them.
    pub left_behind: BTreeSet<String>,
}

/// What decides about one step besides what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// A person agreed to run every step of a declared runbook.
    pub all: bool,
    /// A person agreed to the rest of the step's section.
    pub rest: bool,
    /// A person has agreed to this step.
    pub agreed: bool,
    /// A person wrote what would run.
    pub edited: bool,
    /// Steps still to run that it excludes.
    pub rivals: Vec<StepId>,
    /// The document has steps that it excludes, part of this run or not: then to choose it settles
    /// that it is one of several.
    pub is_choice: bool,
    /// The names of the values that it has not got.
    pub missing: Vec<String>,
    /// Why a value of it cannot be given at all.
    pub unfillable: Option<String>,
    /// The first host that nobody confirmed.
    pub host: Option<String>,
    /// It would overwrite a file that is there.
    pub overwrites: bool,
    /// What becomes of steps that are meant for the operator's own computer.
    pub workstation: Option<Elsewhere>,
}

/// Returns the facts about `step`, which may have been edited. `is_open` says which steps are still
/// to run.
pub fn facts(plan: &Plan, step: &Step, known: &Known, is_open: impl Fn(&StepId) -> bool) -> Facts {
    if plan.runbook.kind == Kind::Declared {
        return Facts::default();
    }
    let places = &step.circumstances.placeholders;
    let mut missing: Vec<String> = Vec::new();
    let is_there =
        |it: &&Placeholder| it.stands == Stands::Variable && known.left_behind.contains(&it.name);
    let names = places.iter().filter(|it| !is_there(it));
    let names = names.map(|it| it.name.as_str());
    for name in names.chain(plan.secrets_in(step)) {
        if !known.values.contains_key(name) && !missing.iter().any(|it| it == name) {
            missing.push(name.to_owned());
        }
    }
    let is_allowed = |host: &String| {
        let asked = format!("host={host}");
        known.hosts.contains(host) || plan.request.allow.contains(&asked)
    };
    let mut hosts = plan.hosts(step, &known.values).into_iter();
    let allows = |word: &str| plan.request.allow.iter().any(|it| it == word);
    Facts {
        rivals: plan.rivals(step, is_open),
        is_choice: plan.is_choice(step),
        missing,
        unfillable: plan.unfillable(step),
        host: hosts.find(|it| !is_allowed(it)),
        overwrites: known.overwriting.contains(&step.id),
        workstation: known
            .workstation
            .or(allows("workstation").then_some(Elsewhere::Here)),
        ..Facts::default()
    }
}

/// Says whether `step` may run.
pub fn consent(
    kind: Kind,
    step: &Step,
    request: &Request,
    terminal: bool,
    facts: &Facts,
) -> Consent {
    match kind {
        Kind::Declared => of_declared(step, request, terminal, facts),
        Kind::Plain => of_plain(step, request, terminal, facts),
    }
}

fn allows(request: &Request, word: &str) -> bool {
    request.allow.iter().any(|it| it == word)
}

fn of_declared(step: &Step, request: &Request, terminal: bool, facts: &Facts) -> Consent {
    if let Task::ByHand { offered, .. } = &step.task {
        let may_run = offered.is_some() && step.doubts.is_empty();
        return match (terminal, may_run) {
            (false, _) => Consent::Waits,
            (true, false) => Consent::Ask(Manner::Manual),
            (true, true) if facts.agreed => Consent::Given,
            (true, true) => Consent::Ask(Manner::Offered {
                enter: step.effect == Effect::Reads,
                types: step.effect == Effect::Destroys,
            }),
        };
    }
    if let Some(doubt) = step.doubts.iter().find(|it| it.rule != "interactive") {
        return ask_or(terminal, Manner::Incomplete, || doubt.because.clone());
    }
    if step.wants_a_person() && !terminal {
        return Consent::Refused(WANTS_A_PERSON.to_owned());
    }
    if let Some(asked) = of_any(step, request, terminal) {
        return asked;
    }
    match terminal {
        true if step.wants_a_person() && !(step.settings.interactive && request.yes) => {
            Consent::Ask(Manner::Terminal)
        }
        true if facts.all || request.yes => Consent::Given,
        true => Consent::Ask(Manner::Run {
            enter: step.effect == Effect::Reads,
        }),
        false => Consent::Given,
    }
}

// What destroys, or has a question of its own, in both kinds of documents.
fn of_any(step: &Step, request: &Request, terminal: bool) -> Option<Consent> {
    if step.effect == Effect::Destroys && (terminal || !allows(request, "destroys")) {
        return Some(ask_or(terminal, Manner::Type, || "it destroys".to_owned()));
    }
    step.settings.confirm.as_ref().map(|question| {
        ask_or(terminal, Manner::Confirm(question.clone()), || {
            format!("it asks before it runs: {question}")
        })
    })
}

// A document that was not written for this tool: each row is a question of its own, in the order in
// which a person can answer them.
fn of_plain(step: &Step, request: &Request, terminal: bool, facts: &Facts) -> Consent {
    if let Some(rival) = facts.rivals.first() {
        let all = std::iter::once(step.id.clone()).chain(facts.rivals.iter().cloned());
        return ask_or(terminal, Manner::Choose(all.collect()), || {
            format!("it and `{rival}` exclude each other")
        });
    }
    let by_hand = matches!(step.task, Task::ByHand { offered: None, .. });
    let is_elsewhere = step.circumstances.place == Place::Workstation && !by_hand;
    if is_elsewhere {
        match facts.workstation {
            None => {
                return ask_or(terminal, Manner::Workstation, || {
                    "it is meant for your own computer".to_owned()
                });
            }
            Some(Elsewhere::Skip) => {
                return Consent::Skip("it is meant for the operator's own computer".to_owned());
            }
            Some(Elsewhere::Here | Elsewhere::Each) => {}
        }
    }
    let unusual = facts.overwrites
        || facts.edited
        || (is_elsewhere && facts.workstation == Some(Elsewhere::Each));
    let enter = step.effect == Effect::Reads && !unusual;
    if let Task::ByHand { offered, .. } = &step.task {
        let may_run = offered.is_some() && step.doubts.is_empty();
        let types = step.effect == Effect::Destroys;
        match (terminal, may_run) {
            (false, _) => return Consent::Waits,
            (true, false) => return Consent::Ask(Manner::Manual),
            (true, true) if !facts.agreed => {
                return Consent::Ask(Manner::Offered { enter, types });
            }
            (true, true) => {}
        }
    }
    match in_doubt(step, facts) {
        // Who has typed its id has read why it is in doubt.
        Some(Trouble::Doubtful(_)) if facts.agreed && terminal => {}
        Some(Trouble::Doubtful(because)) => {
            return ask_or(terminal, Manner::Doubtful, || because.clone());
        }
        Some(Trouble::Hopeless(because)) => {
            return ask_or(terminal, Manner::Elsewhere, || because.clone());
        }
        None => {}
    }
    if step.wants_a_person() && !terminal {
        return Consent::Refused(WANTS_A_PERSON.to_owned());
    }
    if let Some(name) = facts.missing.first() {
        let manner = Manner::Value {
            name: name.clone(),
            refused: None,
        };
        return ask_or(terminal, manner, || match facts.missing.as_slice() {
            [name] => format!("`{name}` has no value"),
            names => format!("`{}` have no values", names.join("`, `")),
        });
    }
    if let Some(host) = &facts.host {
        return ask_or(terminal, Manner::Host(host.clone()), || {
            format!("it leaves this machine for `{host}`")
        });
    }
    if facts.agreed {
        return Consent::Given;
    }
    if facts.overwrites && !terminal && !allows(request, "overwrite") {
        return Consent::Refused("a file that it overwrites is here".to_owned());
    }
    if let Some(asked) = of_any(step, request, terminal) {
        return asked;
    }
    let is_known = step.effect != Effect::Unknown;
    if step.wants_a_person() {
        return Consent::Ask(Manner::Terminal);
    }
    if terminal {
        // What was in doubt is seen, with its value, before it runs.
        let is_plain = is_known && !unusual && step.doubts.is_empty();
        let unasked = (facts.rest || request.yes) && is_plain;
        return if unasked {
            Consent::Given
        } else {
            Consent::Ask(Manner::Run { enter })
        };
    }
    let is_named = !request.sections.is_empty() || !request.only.is_empty();
    if !is_named || !request.yes {
        Consent::Refused("the document was not written for this tool".to_owned())
    } else if !is_known && !allows(request, "unknown") {
        Consent::Refused("nobody said what it does".to_owned())
    } else {
        Consent::Given
    }
}

/// Without a terminal its standard input is empty: an editor would hang, a console would end at once
/// and look as if all were well.
const WANTS_A_PERSON: &str = "it wants a person at the terminal";

/// Why a step does not run as it stands.
enum Trouble {
    /// A person may overrule it.
    Doubtful(String),
    /// It must be edited, or done elsewhere.
    Hopeless(String),
}

// Why the step does not run, whatever values it is given.
fn in_doubt(step: &Step, facts: &Facts) -> Option<Trouble> {
    let around = &step.circumstances;
    // What an answer settles: a value, the choice of one, the host.
    let settled = |doubt: &Doubt| match doubt.rule {
        "alternative" | "opposite" => facts.is_choice,
        "leaves-machine" => !around.hosts.is_empty(),
        // It is handed the terminal.
        "interactive" => true,
        _ => doubt.is_a_value() && !around.placeholders.is_empty(),
    };
    let open = || step.doubts.iter().filter(|it| !settled(it));
    if let Some(doubt) = open().find(|it| !it.may_be_overruled()) {
        return Some(Trouble::Hopeless(doubt.because.clone()));
    }
    if let Some(because) = &facts.unfillable {
        return Some(Trouble::Hopeless(because.clone()));
    }
    open()
        .next()
        .map(|doubt| Trouble::Doubtful(doubt.because.clone()))
}

fn ask_or(terminal: bool, manner: Manner, because: impl Fn() -> String) -> Consent {
    if terminal {
        Consent::Ask(manner)
    } else {
        Consent::Refused(because())
    }
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

/// Returns all that keeps the run from beginning, at once.
pub fn refusals(plan: &Plan, known: &Known, terminal: bool) -> Vec<Refusal> {
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
    // What the steps before will have left behind.
    let mut known = known.clone();
    for index in &plan.selected {
        let Some(step) = plan.runbook.steps.get(*index) else {
            continue;
        };
        // Without a person nothing is undone, but where that was asked for.
        let undoes = terminal || plan.request.on_failure == Some(OnFailure::Undo);
        if step.settings.undo_of.is_some() && !undoes {
            continue;
        }
        let step = &*plan.now(step, None, &known.values);
        let facts = facts(plan, step, &known, |_| true);
        known.left_behind.extend(plan.sets(step));
        if let Consent::Refused(because) =
            consent(plan.runbook.kind, step, &plan.request, terminal, &facts)
        {
            found.push(Refusal {
                step: Some(*index),
                because,
                way_out: way_out(plan, step, &facts),
            });
        }
    }
    found
}

fn way_out(plan: &Plan, step: &Step, facts: &Facts) -> String {
    let allows = |word: &str| allows(&plan.request, word);
    let is_plain = plan.runbook.kind == Kind::Plain;
    if is_plain && !facts.rivals.is_empty() {
        "choose with --only or --skip".to_owned()
    } else if is_plain
        && step.circumstances.place == Place::Workstation
        && facts.workstation.is_none()
    {
        "run it on a terminal, or with --allow workstation".to_owned()
    } else if step.wants_a_person() && step.doubts.iter().all(|it| it.rule == "interactive") {
        "run it on a terminal".to_owned()
    } else if in_doubt(step, facts).is_some()
        || (plan.runbook.kind == Kind::Declared && !step.doubts.is_empty())
    {
        "run it on a terminal, where it can be edited, or mend the document".to_owned()
    } else if is_plain && !facts.missing.is_empty() {
        "give values with --set NAME=VALUE or --inputs FILE".to_owned()
    } else if let Some(host) = &facts.host {
        format!("run it on a terminal, or with --allow host={host}")
    } else if facts.overwrites && !allows("overwrite") {
        "run it on a terminal, or with --allow overwrite".to_owned()
    } else if step.settings.confirm.is_some() {
        "run it on a terminal".to_owned()
    } else if step.effect == Effect::Destroys {
        "run it on a terminal, or with --allow destroys".to_owned()
    } else if is_plain && step.effect == Effect::Unknown {
        "run it on a terminal; or name a section, with --yes --allow unknown".to_owned()
    } else {
        "run it on a terminal; or name a section, with --yes".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::model::{Circumstances, Language, Nature, Span};

    fn doubt(rule: &'static str) -> Doubt {
        Doubt {
            rule,
            because: "in doubt".to_owned(),
            span: Span::default(),
        }
    }

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
            settings: Arc::default(),
            checks: Vec::new(),
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
            let found = consent(
                *kind,
                &step(*effect),
                &request(words),
                *terminal,
                &Facts::default(),
            );
            match wanted {
                Some(wanted) => assert_eq!(&found, wanted, "{kind:?} {effect:?} `{words}`"),
                None => assert!(
                    matches!(found, Consent::Refused(_)),
                    "{kind:?} {effect:?} {words}"
                ),
            }
        }
    }

    type Row<'a> = (&'a str, (Step, Facts), Manner, Option<&'a str>);

    // A row for each question of a plain document: what is special about the step, how it is asked
    // about on a terminal, and which words let it run without one.
    #[test]
    fn the_rows_of_plain_documents() {
        let plain = |facts: &dyn Fn(&mut Step, &mut Facts)| {
            let (mut step, mut given) = (step(Effect::Reads), Facts::default());
            facts(&mut step, &mut given);
            (step, given)
        };
        let value = |name: &str| Manner::Value {
            name: name.to_owned(),
            refused: None,
        };
        let place = || Placeholder {
            name: "A".to_owned(),
            text: "<A>".to_owned(),
            range: 0..0,
            stands: Stands::Bare,
            secret: false,
        };
        let s = StepId::new("s").unwrap();
        let other = StepId::new("t").unwrap();
        let rows: &[Row<'_>] = &[
            (
                "a choice",
                plain(&|_, facts| facts.rivals.push(other.clone())),
                Manner::Choose(vec![s, other.clone()]),
                None,
            ),
            (
                "its own computer",
                plain(&|step, _| step.circumstances.place = Place::Workstation),
                Manner::Workstation,
                None,
            ),
            (
                "each of them",
                plain(&|step, facts| {
                    step.circumstances.place = Place::Workstation;
                    facts.workstation = Some(Elsewhere::Each);
                }),
                Manner::Run { enter: false },
                Some(""),
            ),
            (
                "a doubt",
                plain(&|step, _| step.doubts.push(doubt("endless"))),
                Manner::Elsewhere,
                None,
            ),
            (
                "an editor",
                plain(&|step, _| step.nature = Nature::Interactive),
                Manner::Terminal,
                None,
            ),
            (
                "a console among other commands",
                plain(&|step, _| step.doubts.push(doubt("interactive"))),
                Manner::Terminal,
                None,
            ),
            (
                "an editor that waits for a value",
                plain(&|step, facts| {
                    step.nature = Nature::Interactive;
                    facts.missing.push("port".to_owned());
                }),
                Manner::Value {
                    name: "port".to_owned(),
                    refused: None,
                },
                None,
            ),
            (
                "an alternative that nothing else is one to",
                plain(&|step, _| step.doubts.push(doubt("alternative"))),
                Manner::Doubtful,
                None,
            ),
            (
                "an alternative that was chosen",
                plain(&|step, facts| {
                    step.doubts.push(doubt("alternative"));
                    facts.is_choice = true;
                }),
                Manner::Run { enter: true },
                Some(""),
            ),
            (
                "a value",
                plain(&|step, facts| {
                    step.doubts.push(doubt("placeholder"));
                    step.circumstances.placeholders.push(place());
                    facts.missing.push("A".to_owned());
                }),
                value("A"),
                None,
            ),
            (
                "a value that cannot be given",
                plain(&|step, facts| {
                    step.doubts.push(doubt("placeholder"));
                    step.circumstances.placeholders.push(place());
                    facts.unfillable = Some("no".to_owned());
                }),
                Manner::Elsewhere,
                None,
            ),
            (
                "a value that is there",
                plain(&|step, _| {
                    step.doubts.push(doubt("placeholder"));
                    step.circumstances.placeholders.push(place());
                }),
                Manner::Run { enter: true },
                Some(""),
            ),
            (
                "a host",
                plain(&|_, facts| facts.host = Some("web1".to_owned())),
                Manner::Host("web1".to_owned()),
                None,
            ),
            (
                "a file that is there",
                plain(&|_, facts| facts.overwrites = true),
                Manner::Run { enter: false },
                Some("overwrite"),
            ),
            (
                "what a person wrote",
                plain(&|_, facts| facts.edited = true),
                Manner::Run { enter: false },
                Some(""),
            ),
        ];
        for (name, (step, facts), manner, allowed) in rows {
            let all = request("--yes named unknown destroys");
            let asked = consent(Kind::Plain, step, &Request::default(), true, facts);
            assert_eq!(asked, Consent::Ask(manner.clone()), "{name}");
            let headless = consent(Kind::Plain, step, &all, false, facts);
            assert_eq!(headless == Consent::Given, *allowed == Some(""), "{name}");
            if let Some(word) = allowed {
                let all = request(&format!("--yes named {word}"));
                let headless = consent(Kind::Plain, step, &all, false, facts);
                assert_eq!(headless, Consent::Given, "{name}");
            }
            // Neither `--yes` nor the rest of a section passes any of them by.
            let rest = Facts {
                rest: true,
                ..facts.clone()
            };
            let unasked = consent(Kind::Plain, step, &request("--yes"), true, &rest);
            let is_plain = *name == "an alternative that was chosen";
            assert!(matches!(unasked, Consent::Ask(_)) || is_plain, "{name}");
        }
    }

    #[test]
    fn the_rest_of_a_section_is_what_reads_or_changes() {
        let rest = Facts {
            rest: true,
            ..Facts::default()
        };
        for (effect, runs) in [
            (Effect::Reads, true),
            (Effect::Changes, true),
            (Effect::Unknown, false),
            (Effect::Destroys, false),
        ] {
            let found = consent(Kind::Plain, &step(effect), &Request::default(), true, &rest);
            assert_eq!(found == Consent::Given, runs, "{effect}");
        }
        let mut asks = step(Effect::Reads);
        Arc::make_mut(&mut asks.settings).confirm = Some("Sure?".to_owned());
        let found = consent(Kind::Plain, &asks, &Request::default(), true, &rest);
        assert_eq!(found, Consent::Ask(Manner::Confirm("Sure?".to_owned())));
    }

    #[test]
    fn an_offered_command_is_run_done_or_skipped_and_waits_without_anybody() {
        let mut offers = step(Effect::Destroys);
        offers.task = Task::ByHand {
            text: "stop it".to_owned(),
            offered: Some(crate::model::Offered {
                language: Language("bash"),
                body: "rm x".to_owned(),
            }),
        };
        let request = request("--yes named destroys");
        let mut facts = Facts::default();
        let manner = Manner::Offered {
            enter: false,
            types: true,
        };
        let asked = consent(Kind::Plain, &offers, &request, true, &facts);
        assert_eq!(asked, Consent::Ask(manner));
        let alone = consent(Kind::Plain, &offers, &request, false, &facts);
        assert_eq!(alone, Consent::Waits);
        facts.agreed = true;
        facts.host = Some("web1".to_owned());
        let asked = consent(Kind::Plain, &offers, &request, true, &facts);
        assert_eq!(asked, Consent::Ask(Manner::Host("web1".to_owned())));
        facts.host = None;
        let asked = consent(Kind::Plain, &offers, &request, true, &facts);
        assert_eq!(asked, Consent::Given);
    }

    #[test]
    fn yes_answers_neither_a_confirm_nor_a_doubt_nor_a_manual_item() {
        let mut asks = step(Effect::Changes);
        Arc::make_mut(&mut asks.settings).confirm = Some("Sure?".to_owned());
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
            let all = Facts {
                all: true,
                ..Facts::default()
            };
            let on_terminal = consent(Kind::Declared, &step, &yes, true, &all);
            assert!(matches!(on_terminal, Consent::Ask(_)), "{on_terminal:?}");
            let headless = consent(Kind::Declared, &step, &yes, false, &all);
            assert_eq!(headless == Consent::Waits, without, "{headless:?}");
            assert_ne!(headless, Consent::Given);
        }
    }

    #[test]
    fn who_has_the_terminal_was_asked_and_only_what_the_document_says_is_not_asked_twice() {
        let mut said = step(Effect::Changes);
        Arc::make_mut(&mut said.settings).interactive = true;
        let mut known = step(Effect::Changes);
        known.nature = Nature::Interactive;
        let asked = Consent::Ask(Manner::Terminal);
        for (step, words, terminal, wanted) in [
            (&said, "", true, Some(&asked)),
            (&said, "--yes", true, Some(&Consent::Given)),
            (&said, "--yes", false, None),
            (&known, "--yes", true, Some(&asked)),
            (&known, "--yes named", false, None),
        ] {
            let all = Facts {
                all: true,
                ..Facts::default()
            };
            let found = consent(Kind::Declared, step, &request(words), terminal, &all);
            match wanted {
                Some(wanted) => assert_eq!(&found, wanted, "{words} {terminal}"),
                None => assert_eq!(found, Consent::Refused(WANTS_A_PERSON.to_owned())),
            }
        }
        let mut destroys = step(Effect::Destroys);
        destroys.nature = Nature::Interactive;
        for kind in [Kind::Declared, Kind::Plain] {
            let found = consent(kind, &destroys, &request(""), true, &Facts::default());
            assert_eq!(found, Consent::Ask(Manner::Type));
        }
    }

    #[test]
    fn a_doubt_that_may_not_be_meant_is_overruled_by_a_person_and_by_nothing_else() {
        let doubted = |rules: &[&'static str]| {
            let mut step = step(Effect::Changes);
            step.doubts.extend(rules.iter().map(|rule| doubt(rule)));
            step
        };
        let agreed = Facts {
            agreed: true,
            ..Facts::default()
        };
        let all = request("--yes named unknown destroys overwrite");
        let example = doubted(&["example"]);
        let of = |step: &Step, terminal, facts: &Facts| {
            consent(Kind::Plain, step, &all, terminal, facts)
        };
        let asked = Consent::Ask(Manner::Doubtful);
        assert_eq!(of(&example, true, &Facts::default()), asked);
        assert_eq!(of(&example, true, &agreed), Consent::Given);
        assert!(matches!(of(&example, false, &agreed), Consent::Refused(_)));
        let hopeless = doubted(&["example", "endless"]);
        let elsewhere = Consent::Ask(Manner::Elsewhere);
        assert_eq!(of(&hopeless, true, &agreed), elsewhere);
    }
}
