//! What a run would do, told before there is one: the steps with all that is known of them, what is
//! missing, what is not part of it, and what differs from the last run. Executes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::compare::{Difference, Side, compare};
use super::{Known, Plan, refusals, setup};
use crate::check::{self, Facts, Judgement, Patience, RunFacts};
use crate::classify::language;
use crate::event::{InputValue, LeftOut, PlannedStep, Request, Setup};
use crate::model::{
    Change, Condition, Effect, Expression, FileChange, Kind, Nature, Place, Probe, Step, StepId,
    Task,
};
use crate::state::{Order, Role};

/// The version of [`Outlook`].
pub const VERSION: u32 = 1;

/// What a run would do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outlook {
    /// [`VERSION`].
    pub version: u32,
    /// The runbook's title.
    pub title: String,
    /// The document, as it was named.
    pub document: String,
    /// Whether it is a declared runbook.
    pub declared: bool,
    /// Where steps would start.
    pub folder: String,
    /// What of the document was chosen, and what was allowed.
    pub request: Request,
    /// What it is given, and what is missing.
    pub inputs: Vec<Given>,
    /// The steps, in the order in which they would run.
    pub steps: Vec<Foreseen>,
    /// Steps that are not part of it.
    pub left_out: Vec<LeftOut>,
    /// Fences that are no steps.
    pub no_steps: Vec<NoStep>,
    /// Values that are given and cannot be taken, a sentence each.
    pub wrong: Vec<String>,
    /// What this machine lacks, a line each.
    pub lacks: Vec<String>,
    /// What a run without a terminal would be refused for.
    pub refusals: Vec<Refused>,
    /// The last run of this runbook, and what differs from it; absent where there was none.
    pub last: Option<Last>,
    /// Whether anything is found that would change: a file, or against the last run.
    pub differs: bool,
}

/// A value that the runbook needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// Its value; absent for a secret, and where there is none.
    pub value: Option<String>,
    /// Where it comes from: `--set`, `default`, `env:NAME` …; absent where nothing gives it.
    pub source: Option<String>,
    /// It is never shown.
    pub secret: bool,
    /// A run without it is refused.
    pub required: bool,
    /// What a person is told of it.
    pub description: Option<String>,
}

impl Given {
    /// Whether a run waits for it.
    pub fn is_missing(&self) -> bool {
        self.source.is_none() && self.required
    }
}

/// A step that would run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Foreseen {
    /// Its id.
    pub id: StepId,
    /// What a person reads.
    pub title: String,
    /// The section's path, joined with ` / `.
    pub section: String,
    /// Its line.
    pub line: u32,
    /// What it is for.
    pub role: Purpose,
    /// The name of its language; absent for what a person does.
    pub language: Option<String>,
    /// As whom, with what, from what it runs; the file that it becomes.
    #[serde(flatten)]
    pub setup: Setup,
    /// What it does to the world.
    pub effect: Effect,
    /// Why it is classed so.
    pub because: String,
    /// Where it really runs.
    pub target: String,
    /// Where the document means it to happen.
    pub place: Place,
    /// Steps that must be ok before it; absent for all before it.
    pub needs: Option<Vec<StepId>>,
    /// What must hold before it runs, or until it has.
    pub conditions: Vec<Foretold>,
    /// How many checks judge it.
    pub checks: usize,
    /// The document's own question before it.
    pub confirm: Option<String>,
    /// Hosts that it leaves this machine for.
    pub hosts: Vec<String>,
    /// Why it does not run as it stands.
    pub doubts: Vec<String>,
    /// Its text, with the values that are known.
    pub text: String,
    /// What becomes of the file that it writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<FileChange>,
    /// Why that is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

impl Foreseen {
    /// Returns what starts it, as whom, from what: `bash as app < dump.sql`; `by hand`.
    pub fn started(&self) -> String {
        match &self.language {
            None => "by hand".to_owned(),
            Some(language) => self.setup.told(language),
        }
    }

    /// Whether a condition says already that it does not run.
    pub fn is_skipped(&self) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|it| match it.says.as_str() {
            "if" => it.answer == Answer::Fails,
            "unless" => it.answer == Answer::Holds,
            _ => false,
        })
    }

    fn would_write(&self) -> bool {
        let writes = self
            .change
            .as_ref()
            .is_some_and(|it| it.change != Change::Unchanged);
        self.role == Purpose::Part && !self.is_skipped() && (writes || self.unknown.is_some())
    }
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A part of the run.
    Part,
    /// It tells whether another step runs.
    Guard,
    /// It undoes another step.
    Undo,
}

/// A condition, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foretold {
    /// `if`, `unless`, `until` or `ready`.
    pub says: String,
    /// A rhai expression, or `#step`.
    pub condition: String,
    /// What it comes to.
    pub answer: Answer,
    /// When it will be known, or why it fails; empty where nothing is to be said.
    pub because: String,
}

/// What a condition comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// Only a run can know.
    Later,
}

/// A fence that is no step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoStep {
    /// Its line.
    pub line: u32,
    /// What it is.
    pub nature: Nature,
    /// Why.
    pub because: String,
}

/// What a run without a terminal would be refused for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The step; absent where the whole run is.
    pub step: Option<StepId>,
    /// Why.
    pub because: String,
    /// What the operator can do.
    pub way_out: String,
}

/// The last run of the runbook, and what differs from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Its id.
    pub run: String,
    /// When it was opened.
    pub opened: String,
    /// How it stands: `passed`, `open-failed` …
    pub result: String,
    /// Steps that differ.
    pub steps: Vec<Difference>,
    /// What else differs, a line each: values of inputs, the folder.
    pub also: Vec<String>,
}

/// What was looked at: nothing of it was executed.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What is given, and what is missing.
    pub inputs: Vec<Given>,
    /// What is given and cannot be taken.
    pub wrong: Vec<String>,
    /// What becomes of the files that steps write, or why nobody knows yet.
    pub files: BTreeMap<StepId, Result<FileChange, String>>,
    /// What this machine lacks.
    pub lacks: Vec<String>,
    /// The last run of this runbook.
    pub last: Option<Before>,
}

/// The last run of a runbook, as its journal has it.
#[derive(Clone, Debug)]
pub struct Before {
    /// Its id.
    pub run: String,
    /// When it was opened.
    pub opened: String,
    /// How it stands.
    pub result: String,
    /// Its start folder.
    pub folder: String,
    /// Its inputs.
    pub inputs: Vec<InputValue>,
    /// Its steps, in order.
    pub steps: Vec<PlannedStep>,
    /// What was not part of it.
    pub left_out: Vec<LeftOut>,
}

impl Plan {
    /// Returns what a run of this plan would do.
    pub fn outlook(&self, known: &Known, seen: Seen) -> Outlook {
        let planned = self.planned();
        let order = Order::of(&planned);
        let missing: BTreeSet<&str> = seen
            .inputs
            .iter()
            .filter(|it| it.source.is_none())
            .map(|it| it.name.as_str())
            .collect();
        let steps: Vec<Foreseen> = self
            .steps()
            .zip(&planned)
            .enumerate()
            .map(|(at, (step, planned))| {
                let role = match order.role(at) {
                    Role::Part => Purpose::Part,
                    Role::Guard => Purpose::Guard,
                    Role::Undo(_) => Purpose::Undo,
                };
                let mut one = self.foreseen(step, planned, known, &missing);
                one.role = role;
                match seen.files.get(&step.id) {
                    Some(Ok(change)) => one.change = Some(change.clone()),
                    Some(Err(because)) => one.unknown = Some(because.clone()),
                    None => {}
                }
                one
            })
            .collect();
        let last = seen.last.map(|before| self.since(before, &planned));
        let is_news = last
            .as_ref()
            .is_none_or(|it| !it.steps.is_empty() || !it.also.is_empty());
        let refusals = refusals(self, known, false).into_iter().map(|it| Refused {
            step: it
                .step
                .and_then(|index| self.runbook.steps.get(index))
                .map(|step| step.id.clone()),
            because: it.because,
            way_out: it.way_out,
        });
        Outlook {
            version: VERSION,
            title: self.runbook.title.clone(),
            document: self.document.clone(),
            declared: self.runbook.kind == Kind::Declared,
            folder: self.cwd.display().to_string(),
            request: self.request.clone(),
            inputs: seen.inputs,
            left_out: self.left_out.clone(),
            no_steps: self.no_steps(),
            wrong: seen.wrong,
            lacks: seen.lacks,
            refusals: refusals.collect(),
            differs: is_news || steps.iter().any(Foreseen::would_write),
            last,
            steps,
        }
    }

    fn foreseen(
        &self,
        step: &Step,
        planned: &PlannedStep,
        known: &Known,
        missing: &BTreeSet<&str>,
    ) -> Foreseen {
        let now = self.now(step, None, known);
        let filled = self.filled(step, known).and_then(Result::ok);
        let mut setup = setup(&step.settings);
        if let (Some(file), Some(Ok(known))) = (&mut setup.file, self.file(step, known)) {
            *file = known;
        }
        let settings = &step.settings;
        let mut conditions = Vec::new();
        for (says, condition) in [("if", &settings.only_if), ("unless", &settings.unless)] {
            if let Some(condition) = condition {
                conditions.push(self.foretold(says, condition, missing));
            }
        }
        let service = settings
            .background
            .as_ref()
            .and_then(|it| it.ready.as_ref());
        for (says, expression) in [("until", settings.until.as_ref()), ("ready", service)] {
            if let Some(expression) = expression {
                conditions.push(Foretold {
                    says: says.to_owned(),
                    condition: expression.source.clone(),
                    answer: Answer::Later,
                    because: format!("known after step {}", step.id),
                });
            }
        }
        Foreseen {
            id: step.id.clone(),
            title: step.title.clone(),
            section: planned.section.clone(),
            line: step.line,
            role: Purpose::Part,
            language: planned.language.clone(),
            setup,
            effect: now.effect,
            because: now.because.clone(),
            target: "this machine".to_owned(),
            place: step.circumstances.place,
            needs: settings.needs.clone(),
            conditions,
            checks: step.checks.len(),
            confirm: settings.confirm.clone(),
            hosts: self.hosts(step, &known.values),
            doubts: now.doubts.iter().map(|it| it.because.clone()).collect(),
            text: filled.map_or_else(|| planned.body.clone(), |it| it.shown),
            change: None,
            unknown: None,
        }
    }

    fn foretold(&self, says: &str, condition: &Condition, missing: &BTreeSet<&str>) -> Foretold {
        let told = |condition: String, answer, because: String| Foretold {
            says: says.to_owned(),
            condition,
            answer,
            because,
        };
        let expression = match condition {
            Condition::Step(id) => {
                let because = format!("known after step {id}");
                return told(format!("#{id}"), Answer::Later, because);
            }
            Condition::Holds(expression) => expression,
        };
        let (answer, because) = self.evaluated(expression, missing);
        told(expression.source.clone(), answer, because)
    }

    // What depends on inputs alone is known now; no step is looked at, and nothing else either.
    fn evaluated(&self, expression: &Expression, missing: &BTreeSet<&str>) -> (Answer, String) {
        let source = &expression.source;
        let names = names(source);
        if names.contains("steps") || names.contains("step") {
            let named = |step: &&Step| {
                let id = step.id.as_str();
                source.contains(&format!("\"{id}\"")) || names.contains(id)
            };
            let ids: Vec<String> = self
                .steps()
                .filter(named)
                .map(|it| it.id.to_string())
                .collect();
            let because = match ids.as_slice() {
                [] => "known after the steps before it".to_owned(),
                [id] => format!("known after step {id}"),
                ids => format!("known after steps {}", ids.join(", ")),
            };
            return (Answer::Later, because);
        }
        if names.contains("values") {
            let gives = |step: &&Step| {
                let capture = step.settings.capture.as_ref();
                capture.is_some_and(|it| names.contains(it.as_str()))
            };
            let because = match self.steps().find(gives) {
                Some(step) => format!("known after step {}", step.id),
                None => "known after the steps before it".to_owned(),
            };
            return (Answer::Later, because);
        }
        if names.contains("run") {
            return (Answer::Later, "known once there is a run".to_owned());
        }
        if let Some(name) = missing.iter().find(|it| names.contains(**it)) {
            return (Answer::Later, format!("known once `{name}` has a value"));
        }
        let inputs = self.inputs.iter();
        let inputs = inputs
            .map(|it| (it.name.clone(), it.value.clone()))
            .collect();
        let (steps, values, run) = (BTreeMap::new(), BTreeMap::new(), RunFacts::default());
        let facts = Facts {
            step: None,
            steps: &steps,
            inputs: &inputs,
            values: &values,
            run: &run,
            probed: &[],
            // What it may cost is bounded in any case.
            patience: &Patience::endless(),
        };
        match check::holds(expression, &facts) {
            Judgement::Judged(judged) if judged.holds => (Answer::Holds, String::new()),
            Judgement::Judged(judged) => (Answer::Fails, judged.message),
            Judgement::Needs(probes) => {
                let looks: Vec<String> = probes.iter().map(looked_at).collect();
                let because = format!("known when it is reached: it looks at {}", looks.join(", "));
                (Answer::Later, because)
            }
        }
    }

    fn no_steps(&self) -> Vec<NoStep> {
        let is_step = |start: usize, end: usize| {
            let mut steps = self.runbook.steps.iter();
            steps.any(|it| start <= it.span.start && it.span.start < end)
        };
        let is_declared = self.runbook.kind == Kind::Declared;
        let fences = self.runbook.fences.iter();
        fences
            .filter(|it| !is_step(it.span.start, it.span.end))
            .filter_map(|it| {
                let row = language::find(&it.tag);
                let judges = |row: &language::Row| {
                    matches!(row.kind, language::Kind::Check | language::Kind::Output)
                };
                // What judges a step is told with it.
                if is_declared && row.is_some_and(judges) {
                    return None;
                }
                let is_command = row.is_some_and(|it| it.kind.is_command());
                Some(NoStep {
                    line: it.line,
                    nature: it.nature,
                    because: if is_declared && is_command {
                        "the document says `run=never`, or it is empty".to_owned()
                    } else {
                        it.because.clone()
                    },
                })
            })
            .collect()
    }

    fn since(&self, before: Before, planned: &[PlannedStep]) -> Last {
        let old = Side {
            steps: &before.steps,
            left_out: &before.left_out,
        };
        let now = Side {
            steps: planned,
            left_out: &self.left_out,
        };
        let mut also = Vec::new();
        let value = |all: &[InputValue], name: &str| {
            let found = all.iter().find(|it| it.name == name);
            found.map(|it| it.value.clone())
        };
        let names: BTreeSet<&str> = self
            .inputs
            .iter()
            .chain(&before.inputs)
            .map(|it| it.name.as_str())
            .collect();
        for name in names {
            let (old, new) = (value(&before.inputs, name), value(&self.inputs, name));
            if old != new {
                let told = |it: Option<String>| it.unwrap_or_else(|| "–".to_owned());
                also.push(format!("input {name}: {} → {}", told(old), told(new)));
            }
        }
        let folder = self.cwd.display().to_string();
        if before.folder != folder {
            also.push(format!("folder: {} → {folder}", before.folder));
        }
        Last {
            steps: compare(old, now),
            also,
            run: before.run,
            opened: before.opened,
            result: before.result,
        }
    }

    /// Returns the selected step before `step` that may have left its folder for another, which decides
    /// where relative paths of `step` begin.
    pub fn moved_before(&self, step: &Step) -> Option<&Step> {
        let moves = |it: &&Step| {
            let Task::Command { body, .. } = &it.task else {
                return false;
            };
            it.settings.file.is_none()
                && body
                    .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .any(|word| matches!(word, "cd" | "pushd" | "popd" | "chdir"))
        };
        self.steps().take_while(|it| it.id != step.id).find(moves)
    }
}

fn looked_at(probe: &Probe) -> String {
    match probe {
        Probe::Http { url } => url.clone(),
        Probe::Tcp { host, port } => format!("{host}:{port}"),
        Probe::File { path } | Probe::Text { path } | Probe::Disk { path } => path.clone(),
        Probe::Cert { of } => of.clone(),
        Probe::Now | Probe::Patience { .. } => "the time".to_owned(),
        Probe::Printed => "what it has printed".to_owned(),
    }
}

// The names in an expression, those in its texts included: more than one waits for is never less.
fn names(source: &str) -> BTreeSet<&str> {
    source
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|it| !it.is_empty())
        .collect()
}
