//! One thing that a run does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Check, Condition, Expression, Nature, Offer, Place, Placeholder, Span, WrittenFile};

/// The name of a step, unique in its document: letters, digits, `-`, `_`, `.`; never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(String);

impl StepId {
    /// Returns the id with this text; `None` where a character is not allowed in one.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let fine = !text.is_empty() && !text.starts_with('.') && text.chars().all(allowed);
        fine.then(|| Self(text.to_owned()))
    }

    /// Returns the id of a text of ASCII letters, digits and `-`, as they are derived from titles; `None`
    /// where another character stands in it.
    pub fn derived(text: String) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (!text.is_empty() && text.bytes().all(allowed)).then_some(Self(text))
    }

    /// Returns its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A language of the table in `classify`, by its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Language(pub &'static str);

/// What a command does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Looks, and leaves all as it was.
    Reads,
    /// Changes something that can be changed back.
    Changes,
    /// Loses something for good.
    Destroys,
    /// Nobody said, and it was not understood.
    Unknown,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reads => "reads",
            Self::Changes => "changes",
            Self::Destroys => "destroys",
            Self::Unknown => "unknown",
        })
    }
}

/// Why a step does not run as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// The rule's stable name: `placeholder`, `unset-variable`, `character`, `prompt`,
    /// `interactive`, `endless`, `prompts`, `alternative` (to another step), `menu` (of one step),
    /// `example`, `counter-example`, …
    pub rule: &'static str,
    /// What was found, in words: "`<PORT>` stands for a value".
    pub because: String,
    /// Where.
    pub span: Span,
}

impl Doubt {
    /// Whether a value, once given, settles it.
    pub fn is_a_value(&self) -> bool {
        matches!(self.rule, "placeholder" | "unset-variable")
    }

    /// Whether confirming a host, once for the run, settles it.
    pub fn is_a_host(&self) -> bool {
        self.rule == "leaves-machine"
    }

    /// Whether a person who has read it may run the step as it stands all the same: it may not be
    /// meant, but it is whole, and it neither hangs nor means something else than it says.
    pub fn may_be_overruled(&self) -> bool {
        matches!(
            self.rule,
            "alternative"
                | "opposite"
                | "company"
                | "follows"
                | "reference"
                | "example"
                | "example-value"
                | "output"
                | "leaves-machine"
                | "prompts"
                | "tag"
                | "other-shell"
                | "too-long"
        )
    }
}

/// What a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "task")]
pub enum Task {
    /// A fence that an interpreter runs.
    Command {
        /// The row of the language table.
        language: Language,
        /// The fence's text, indentation of lists and quotes removed, LF line ends.
        /// Line `n` of it stands on line `body_line + n` of the file (both from 0).
        body: String,
    },
    /// A checklist item, or a fence with `run=manual`: a person does it.
    ByHand {
        /// What the person is to do; a fence's text, or the item's text without markup.
        text: String,
        /// The command that the document names for it, which may be run instead.
        offered: Option<Offered>,
    },
}

/// A command that stands in the text of a manual step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offered {
    /// The row of the language table.
    pub language: Language,
    /// The command.
    pub body: String,
}

/// What a document says around a step, and what the step touches besides its effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Circumstances {
    /// Where the document means it to happen.
    pub place: Place,
    /// Why there; empty where the place is unknown.
    pub place_because: String,
    /// The values that it waits for.
    pub placeholders: Vec<Placeholder>,
    /// Hosts that it logs in to or copies to and from, as written.
    pub hosts: Vec<String>,
    /// Files that `>` would overwrite, as written.
    pub overwrites: Vec<String>,
    /// Steps with the same number exclude each other: one is chosen.
    pub choice: Option<u32>,
    /// Warnings that stand around it in the file, also after it.
    pub warnings: Vec<Span>,
    /// The text in the file that introduces it; empty for none. Of a plain document only.
    pub prose: Span,
}

/// How a step is started, judged and followed; what its attributes say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// After this long the step and all its descendants are ended.
    pub timeout: Option<Duration>,
    /// Working folder, relative to the run's start folder.
    pub cwd: Option<String>,
    /// `env="A=1 B=2"`.
    pub env: Vec<(String, String)>,
    /// May be repeated when its outcome is unknown.
    pub idempotent: bool,
    /// Asked before it runs.
    pub confirm: Option<String>,
    /// Exit codes that count as ok; 0 alone, when empty.
    pub exit: Vec<i32>,
    /// The steps that must be ok before it; `None` for all that stand before it.
    pub needs: Option<Vec<StepId>>,
    /// Runs only where this holds.
    pub only_if: Option<Condition>,
    /// Is done already where this holds.
    pub unless: Option<Condition>,
    /// How often it is tried again after a failure.
    pub retries: u32,
    /// The pause between tries; a second where nothing is said.
    pub every: Option<Every>,
    /// Tried until this holds.
    pub until: Option<Expression>,
    /// The user that it runs as.
    pub user: Option<String>,
    /// What it reads from standard input: a file.
    pub stdin: Option<String>,
    /// The interpreter of the user's config that runs it.
    pub with: Option<With>,
    /// It is handed the terminal.
    pub interactive: bool,
    /// What its terminal shows is recorded, and so what is typed, as far as it is shown.
    pub record_echo: bool,
    /// It is a server that later steps need.
    pub background: Option<Service>,
    /// Its trimmed output becomes the value of this name.
    pub capture: Option<String>,
    /// What it gives to later steps is never shown, and in no record.
    pub secret: bool,
    /// Only size and verdict of its output are kept.
    pub output_private: bool,
    /// It undoes that step.
    pub undo_of: Option<StepId>,
    /// Runs also after a failure.
    pub always: bool,
    /// Its failure is recorded and gone on from.
    pub allow_fail: bool,
    /// Runs once for every row of a table.
    pub each: Option<String>,
    /// Where it runs for a row of a table: the columns with what stands in them.
    pub row: Vec<(String, String)>,
    /// The step of the document that it is a row of.
    pub row_of: Option<StepId>,
    /// Which row of the table it runs for, from 1; 0 for none.
    pub row_number: u32,
    /// Its body is a template.
    pub template: bool,
    /// Its body becomes this file.
    pub file: Option<WrittenFile>,
}

/// The pause between tries: `2s`, or `2s..1m`, which doubles with each try, and ends at a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Every {
    /// Before the second try.
    pub first: Duration,
    /// The longest.
    pub most: Duration,
}

impl Every {
    /// Returns the pause after this many tries again: 0 after the first try.
    pub fn pause(self, retried: u32) -> Duration {
        let factor = 1_u32.checked_shl(retried).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.most)
    }
}

impl Default for Every {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self {
            first: second,
            most: second,
        }
    }
}

/// What `with=` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct With {
    /// The interpreter's name in the user's config.
    pub name: String,
    /// Where that is said.
    pub span: Span,
}

/// What `background` says of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Service {
    /// It is ready once this holds; at once where nothing is said.
    pub ready: Option<Expression>,
    /// It is left running at the end of the run.
    pub stays: bool,
}

/// One thing that a run does: a command or a manual item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Unique in the document.
    pub id: StepId,
    /// Whether the document says the id itself; else it was derived and is shown with `~`.
    pub id_is_explicit: bool,
    /// What a person reads: the section's title, the item's text, with `(2)` where it repeats.
    pub title: String,
    /// Index into `Runbook::sections`.
    pub section: usize,
    /// The line of the fence's opening or of the item, from 1.
    pub line: u32,
    /// The line in the file of the first line of the body, from 1.
    pub body_line: u32,
    /// The fence or item, whole.
    pub span: Span,
    /// Command or manual item.
    #[serde(flatten)]
    pub task: Task,
    /// What it is: [`Nature::File`] where its body becomes a file, else never one that is no step.
    pub nature: Nature,
    /// `.tag` attributes.
    pub tags: Vec<String>,
    /// What it does to the world.
    pub effect: Effect,
    /// Why it is classed so.
    pub because: String,
    /// Why it does not run as it stands; empty when it may.
    pub doubts: Vec<Doubt>,
    /// Its section is on demand.
    pub on_demand: bool,
    /// A checklist item that is ticked in the document: `- [x]`. Never part of a run.
    pub ticked: bool,
    /// What stands around it.
    #[serde(flatten)]
    pub circumstances: Circumstances,
    /// What its attributes say.
    #[serde(flatten)]
    pub settings: Arc<Settings>,
    /// What is asserted of it, in the order of the document.
    pub checks: Vec<Check>,
}

/// Why a step has the effect that its document gives it.
pub const SAID: &str = "the document says so";

/// Returns why a step that writes the file `path` has the effect that it has.
pub fn writes(path: &str) -> String {
    format!("it writes `{path}`")
}

impl Step {
    /// Whether the document itself says what it does to the world.
    pub fn effect_is_explicit(&self) -> bool {
        self.because == SAID
    }

    /// Whether bash would run what its document tags as PowerShell.
    pub fn is_of_another_shell(&self) -> bool {
        self.doubts.iter().any(|it| it.rule == "other-shell")
    }

    /// Whether it wants a person at its terminal: the document says so, or its commands are known for it.
    pub fn wants_a_person(&self) -> bool {
        let is_command = matches!(self.task, Task::Command { .. });
        let is_known = self.nature == Nature::Interactive || self.has_doubt("interactive");
        is_command && (self.settings.interactive || is_known)
    }

    /// Whether it is handed the terminal when it runs: where it may ask something too.
    pub fn wants_terminal(&self) -> bool {
        let may_ask = self.has_doubt("prompts") && self.settings.stdin.is_none();
        self.wants_a_person() || may_ask
    }

    fn has_doubt(&self, rule: &str) -> bool {
        self.doubts.iter().any(|it| it.rule == rule)
    }

    /// Says what is offered of it: what a person does by hand is never run as it stands.
    pub fn offer(&self) -> Offer {
        match &self.task {
            Task::ByHand { .. } if self.ticked => Offer::Never,
            Task::ByHand { .. } => Offer::Hand,
            Task::Command { .. } if self.settings.file.is_some() => {
                Offer::of(Nature::Command, self.effect, &self.doubts)
            }
            Task::Command { .. } => Offer::of(self.nature, self.effect, &self.doubts),
        }
    }
}
