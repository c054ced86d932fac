//! What one run will do: the selected steps in order, the inputs with their values, what is left
//! out; and who must be asked what before it may. Starts nothing, reads nothing.

pub mod compare;
mod consent;
mod gives;
pub mod outlook;
mod templates;
mod values;

use std::path::PathBuf;
use std::sync::Arc;

use crate::classify::knowledge::Knowledge;
use crate::event::{Flow, InputValue, LeftOut, PlannedOffer, PlannedStep, Request, Setup};
use crate::model::{Condition, Runbook, Settings, Step, StepId, Task};

pub use consent::{Consent, Existing, Facts, Known, Manner, Refusal, consent, facts, refusals};
pub use templates::datum;

/// The steps of one run, resolved.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The document.
    pub runbook: Runbook,
    /// Its text, which the spans of its steps speak of.
    pub source: String,
    /// Indices into `runbook.steps`, in the order in which they run.
    pub selected: Vec<usize>,
    /// What of the document is not part of the run.
    pub left_out: Vec<LeftOut>,
    /// The inputs with their values.
    pub inputs: Vec<InputValue>,
    /// What was asked for.
    pub request: Request,
    /// The run's id; empty before there is one.
    pub run: String,
    /// The document as messages name it.
    pub document: String,
    /// Where steps start, absolute.
    pub cwd: PathBuf,
    /// What programs do: an edited command is understood anew.
    pub knowledge: Arc<Knowledge>,
}

impl Plan {
    /// Returns the selected steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.selected
            .iter()
            .filter_map(|index| self.runbook.steps.get(*index))
    }

    /// Returns the selected step `id`.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps().find(|step| step.id == *id)
    }

    /// Returns the steps as the journal keeps them.
    pub fn planned(&self) -> Vec<PlannedStep> {
        self.steps()
            .map(|step| planned(&self.runbook, step))
            .collect()
    }
}

fn planned(runbook: &Runbook, step: &Step) -> PlannedStep {
    let section = runbook.sections.get(step.section);
    let (language, body, offered) = match &step.task {
        Task::Command { language, body } => (Some(language.0.to_owned()), body.clone(), None),
        Task::ByHand { text, offered } => (None, text.clone(), offered.as_ref()),
    };
    PlannedStep {
        id: step.id.clone(),
        title: step.title.clone(),
        section: section.map(|it| it.path.join(" / ")).unwrap_or_default(),
        line: step.line,
        language,
        body,
        offered: offered.map(|it| PlannedOffer {
            language: it.language.0.to_owned(),
            body: it.body.clone(),
        }),
        effect: step.effect,
        idempotent: step.settings.idempotent,
        exit: step.settings.exit.clone(),
        setup: setup(&step.settings),
        flow: flow(&step.settings),
    }
}

/// Returns what attributes say of how a step is started.
pub fn setup(settings: &Settings) -> Setup {
    Setup {
        user: settings.user.clone(),
        stdin: settings.stdin.clone(),
        with: settings.with.as_ref().map(|it| it.name.clone()),
        file: settings.file.clone(),
        interactive: settings.interactive,
    }
}

fn flow(settings: &Settings) -> Flow {
    let told = |condition: &Condition| match condition {
        Condition::Step(id) => format!("#{id}"),
        Condition::Holds(expression) => expression.source.clone(),
    };
    let service = settings.background.as_ref();
    Flow {
        needs: settings.needs.clone(),
        only_if: settings.only_if.as_ref().map(told),
        unless: settings.unless.as_ref().map(told),
        retries: settings.retries,
        until: settings.until.as_ref().map(|it| it.source.clone()),
        always: settings.always,
        allow_fail: settings.allow_fail,
        undo_of: settings.undo_of.clone(),
        background: service.is_some(),
        ready: service
            .and_then(|it| it.ready.as_ref())
            .map(|it| it.source.clone()),
        stays: service.is_some_and(|it| it.stays),
        capture: settings.capture.clone(),
        secret: settings.secret,
        row: settings
            .each
            .clone()
            .filter(|_| settings.row_number > 0)
            .map(|table| (table, settings.row_number)),
    }
}
