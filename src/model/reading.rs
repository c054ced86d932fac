//! What the classifier makes of a fence and of its pieces: inert data, each with a *because*.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Doubt, Effect, Span};

/// What a fence or a piece of one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nature {
    /// Lines for an interpreter: the only nature that runs as it stands.
    Command,
    /// Prompted commands with what they printed.
    Session,
    /// A command that wants a person at the terminal: an editor, a console, a remote shell.
    Interactive,
    /// What is to stand in a file: settings, units, crontab lines, `.env`, source of programs.
    File,
    /// What a command prints.
    Output,
    /// For the console of a database or another service.
    Query,
    /// A payload or sample.
    Data,
    /// A picture in words: mermaid, a tree, boxes.
    Diagram,
    /// Anything else: prose, a synopsis, a list.
    Listing,
}

impl Nature {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Command,
        Self::Session,
        Self::Interactive,
        Self::File,
        Self::Output,
        Self::Query,
        Self::Data,
        Self::Diagram,
        Self::Listing,
    ];

    /// Returns its name, as `--json` prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Session => "session",
            Self::Interactive => "interactive",
            Self::File => "file",
            Self::Output => "output",
            Self::Query => "query",
            Self::Data => "data",
            Self::Diagram => "diagram",
            Self::Listing => "listing",
        }
    }

    /// Whether something of it could be a step of a plain document.
    pub const fn is_step(self) -> bool {
        matches!(self, Self::Command | Self::Session | Self::Interactive)
    }
}

impl fmt::Display for Nature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where the document means a step to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The computer of the person who reads.
    Workstation,
    /// The machine that is operated.
    Server,
    /// Inside a container.
    Container,
    /// A database's console.
    Database,
    /// The document does not say.
    #[default]
    Unknown,
}

impl Place {
    /// Returns its name, as `--json` prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Workstation => "workstation",
            Self::Server => "server",
            Self::Container => "container",
            Self::Database => "database",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A value that the document leaves to the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Placeholder {
    /// What it is called when it is asked for: `PORT`, `tu-dominio.com`. The same name is the same
    /// value all over a document.
    pub name: String,
    /// As it stands in the body, `<PORT>`; `$NAME` for a variable that nothing sets.
    pub text: String,
    /// Where it stands in the body of its step, in bytes.
    pub range: Range<usize>,
    /// How a value must be written there.
    pub stands: Stands,
    /// Its name says that it must not be shown.
    pub secret: bool,
}

/// Where in a command a value stands, and so how it is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stands {
    /// A bare word, or part of one: the value is quoted as one word.
    Bare,
    /// Between double quotes.
    DoubleQuoted,
    /// Between single quotes.
    SingleQuoted,
    /// In a here-document, or anywhere where no quoting is known: the value goes in as it is, and
    /// only if it consists of letters, digits and `-_./:@,+=%`.
    Plain,
    /// In a here-document that is handed on as it is, with what the shell expands in it.
    Expanded,
    /// In one that the shell does not look into.
    Verbatim,
    /// It is a variable of the environment: the body stays as it is, the variable is set.
    Variable,
}

/// What is offered of a piece on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offer {
    /// Run it, as it stands.
    Run,
    /// Run it, once its id is typed: it destroys.
    Type,
    /// A person must look first: it is not known what it does, or it is in doubt.
    Ask,
    /// A value must be given first.
    Fill,
    /// A person does it, in a terminal of their own or anywhere else.
    Hand,
    /// It is no step.
    Never,
}

impl Offer {
    /// Returns what is offered of that which has this nature and effect, and these doubts. A host is
    /// confirmed, and a choice made, besides.
    pub fn of(nature: Nature, effect: Effect, doubts: &[Doubt]) -> Self {
        let has = |rule: &str| doubts.iter().any(|doubt| doubt.rule == rule);
        if !nature.is_step() {
            Self::Never
        } else if nature == Nature::Interactive || has("interactive") || has("endless") {
            Self::Hand
        } else if doubts
            .iter()
            .any(|doubt| !doubt.is_a_value() && !doubt.is_a_host())
        {
            Self::Ask
        } else if doubts.iter().any(Doubt::is_a_value) {
            Self::Fill
        } else {
            match effect {
                Effect::Reads | Effect::Changes => Self::Run,
                Effect::Destroys => Self::Type,
                Effect::Unknown => Self::Ask,
            }
        }
    }

    /// Returns its name, as `--json` prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Type => "type",
            Self::Ask => "ask",
            Self::Fill => "fill",
            Self::Hand => "hand",
            Self::Never => "never",
        }
    }
}

/// What was made of one piece: a run of lines of a fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Its bytes in the body of the fence (for a session: in the body, prompts included).
    pub range: Range<usize>,
    /// Its first line in the file, from 1.
    pub line: u32,
    /// Its last line in the file, from 1.
    pub last_line: u32,
    /// What its comment calls it, without marks; empty where there is none.
    pub title: String,
    /// What it is.
    pub nature: Nature,
    /// What would run: the piece without prompts and outputs, one line for each of its lines.
    /// Empty where nothing would.
    pub command: String,
    /// The language that runs it, by its name in the table; `None` where nothing does.
    pub language: Option<super::Language>,
    /// What it does to the world.
    pub effect: Effect,
    /// Why nature and effect are what they are, in one sentence.
    pub because: String,
    /// Where the document means it to happen.
    pub place: Place,
    /// Why there; empty where the place is unknown.
    pub place_because: String,
    /// Why it does not run as it stands.
    pub doubts: Vec<Doubt>,
    /// The values it waits for; ranges are in `command`.
    pub placeholders: Vec<Placeholder>,
    /// Hosts that it reaches and changes or logs in to (`ssh`, `scp`, `rsync`), as written.
    pub hosts: Vec<String>,
    /// Files that `>` would overwrite, as written, where the name is literal.
    pub overwrites: Vec<String>,
    /// Pieces of the same section with the same number exclude each other: one is chosen.
    pub choice: Option<u32>,
    /// A warning of the text around it that a person must see before, also where it stands after.
    pub warnings: Vec<Span>,
}

impl Piece {
    /// Says what is offered of it on a terminal.
    pub fn offer(&self) -> Offer {
        Offer::of(self.nature, self.effect, &self.doubts)
    }
}

/// What was made of one fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FenceReading {
    /// The line of its opening, from 1.
    pub line: u32,
    /// Its closing line, or the last one of its body, from 1.
    pub last_line: u32,
    /// The fence, marks included.
    pub span: Span,
    /// Index into `Runbook::sections`.
    pub section: usize,
    /// The tag as written; empty for none.
    pub tag: String,
    /// What it is as a whole: that of its first step, else of its first piece.
    pub nature: Nature,
    /// Why.
    pub because: String,
    /// Its pieces, in order; at least one unless it is empty.
    pub pieces: Vec<Piece>,
}
