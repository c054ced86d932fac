//! The operator at a terminal: shows a step with where, what and why, and hears what to do.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};

use crate::engine::decide::{Answer, Question, Secret};
use crate::engine::operator::{Asking, Lending, Operator, When};
use crate::engine::{stoppable, terminal_width};
use crate::event::Elsewhere;
use crate::host::command;
use crate::model::{Effect, Kind, StepId, Task};
use crate::plan::Manner;
use crate::report::clean;

use super::lent::{self, Lent};
use super::print;
use super::prompt::{Echo, Line, Lines};
use super::walk::{self, paint};

const KEY: Style = AnsiColor::Cyan.on_default().bold();

/// Asks on stderr, hears on standard input.
pub struct Terminal {
    lines: Lines,
    stage: Stage,
    open: Option<Open>,
    scratch: PathBuf,
    // The step and the text of it that stand right above: a further question about them need not
    // show them again.
    above: Option<(StepId, String)>,
    // While it lives, what is typed is not shown.
    silence: Option<Echo>,
    // While it lives, another program has the terminal.
    lent: Option<Lent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Choice,
    Reason,
    Note,
    Value,
}

struct Open {
    question: Question,
    told: String,
    step: Option<String>,
    body: String,
    menu: String,
    /// What the placeholder is called in the document, and where it stands; of a secret too.
    wants: Option<Wanted>,
    /// The id must be typed where another step could be run by a letter.
    types_id: bool,
}

struct Wanted {
    text: String,
    line: u32,
    secret: bool,
}

impl Terminal {
    /// Returns the operator; an edit takes place in the folder `scratch`.
    pub fn new(scratch: PathBuf) -> Self {
        Self {
            lines: Lines::default(),
            stage: Stage::Choice,
            open: None,
            scratch,
            above: None,
            silence: None,
            lent: None,
        }
    }

    fn prompt(&mut self) {
        self.silence = None;
        match (self.stage, &self.open) {
            (
                Stage::Value,
                Some(Open {
                    wants: Some(wanted),
                    ..
                }),
            ) => {
                let (text, line) = (clean::inline(&wanted.text), wanted.line);
                let note = if wanted.secret { "not shown; " } else { "" };
                if wanted.secret {
                    let told = "Kept nowhere; what steps print of it is masked.";
                    print::show(&format!("  {}\n", paint(walk::DOUBT, told)));
                }
                // Before it is asked for: nobody types faster than this.
                self.silence = wanted.secret.then(Echo::off).flatten();
                print::show(&format!(
                    "Value for {} (line {line}; {note}Enter: other answers) > ",
                    paint(walk::STRONG, &format!("`{text}`"))
                ));
            }
            (Stage::Reason, _) => print::show("Why? (Enter alone: back) > "),
            (Stage::Note, _) => print::show("Note (Enter alone: back) > "),
            (Stage::Choice, Some(open)) => print::show(&format!("{} > ", keys(&open.menu))),
            (Stage::Value, _) | (Stage::Choice, None) => {}
        }
    }

    // What was typed before this question was seen was not meant for it.
    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.lines.forget();
    }

    fn choose(&mut self, line: &str) -> Option<Answer> {
        let open = self.open.as_ref()?;
        let word = line.trim().to_lowercase();
        if open.types_id {
            if open.step.as_deref() == Some(line.trim()) {
                return Some(Answer::Run);
            }
            if matches!(word.as_str(), "r" | "run" | "y" | "yes") {
                return misheard(open, line);
            }
        }
        if let Question::Run { manner, .. } = &open.question
            && let Some(answer) = of_manner(manner, &word)
        {
            return Some(answer);
        }
        let answer = match (&open.question, word.as_str()) {
            (Question::Begin, "a" | "all") => Answer::RunAll,
            (Question::Begin, "s" | "step") => Answer::StepByStep,
            (_, "q" | "quit") if !matches!(open.question, Question::Interrupted(_)) => Answer::Quit,
            (Question::Interrupted(_), "w" | "wait") => Answer::Wait,
            (Question::Interrupted(_), "i" | "interrupt") => Answer::Interrupt,
            (Question::Interrupted(_), "k" | "kill") => Answer::Kill,
            (Question::Interrupted(_), "s" | "stop") => Answer::StopAfter,
            (Question::Interrupted(_), "d" | "detach") => Answer::Detach,
            (Question::Begin | Question::Interrupted(_), _) => return misheard(open, line),
            (
                Question::Run {
                    manner: Manner::Run { enter: true },
                    ..
                },
                "",
            )
            | (
                Question::Run {
                    manner: Manner::Run { .. } | Manner::Terminal,
                    ..
                },
                "r" | "run" | "y" | "yes",
            )
            | (
                Question::Run {
                    manner: Manner::Confirm(_),
                    ..
                },
                "y" | "yes",
            )
            | (Question::Failed(_), "r" | "retry")
            | (Question::Unknown { .. }, "r" | "run") => Answer::Run,
            (Question::Unknown { .. }, "d" | "done") => Answer::Done,
            (Question::Failed(_), "sh" | "shell") => Answer::Shell,
            (Question::Failed(_), "u" | "undo") if open.menu.contains("[u]ndo") => Answer::Undo,
            (Question::Run { .. }, "rest") if open.menu.contains("[rest]") => Answer::Rest,
            (Question::Run { .. }, "v" | "value") if open.wants.is_some() => {
                self.enter(Stage::Value);
                return None;
            }
            (_, "s" | "skip") => {
                self.enter(Stage::Reason);
                return None;
            }
            (_, "n" | "note") => {
                self.enter(Stage::Note);
                return None;
            }
            _ if !open.menu.contains("[e]dit") => return misheard(open, line),
            (_, "e" | "edit") => return self.edit(),
            _ => return misheard(open, line),
        };
        Some(answer)
    }

    fn edit(&mut self) -> Option<Answer> {
        let open = self.open.as_ref()?;
        let editor = ["VISUAL", "EDITOR"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()))
            .unwrap_or_else(|| "vi".to_owned());
        let file = self
            .scratch
            .join(format!("edit-{}", open.step.as_deref().unwrap_or("step")));
        let edited = write_new(&file, &open.body)
            .and_then(|()| stoppable(|| command::edit(&editor, &file)))
            .and_then(|()| std::fs::read_to_string(&file));
        let _ = std::fs::remove_file(&file);
        match edited {
            Ok(body) if body == open.body => {
                print::show("Nothing was changed.\n");
                None
            }
            Ok(body) => {
                let diff = similar::TextDiff::from_lines(&open.body, &body)
                    .unified_diff()
                    .header("document", "edited")
                    .to_string();
                Some(Answer::Edit { body, diff })
            }
            Err(error) => {
                let error = clean::inline(&error.to_string()).into_owned();
                print::show(&format!("The editor `{editor}` cannot be used: {error}\n"));
                None
            }
        }
    }
}

impl Operator for Terminal {
    fn ask(&mut self, asking: Asking<'_>) {
        let width = terminal_width().unwrap_or(80);
        self.lines.forget();
        let wants = wanted(&asking);
        self.stage = if wants.is_some() {
            Stage::Value
        } else {
            Stage::Choice
        };
        let whole = walk::describe(&asking, width);
        let now = asking
            .step
            .map(|it| (it.id.clone(), asking.shown.to_owned()));
        let is_plain = asking.plan.runbook.kind == Kind::Plain;
        if is_plain && now.is_some() && self.above == now {
            print::show(&walk::question(&asking, width));
        } else {
            print::show(&whole);
        }
        self.above = now;
        let told = whole;
        self.open = Some(Open {
            wants,
            question: asking.question.clone(),
            told,
            step: asking.step.map(|it| it.id.to_string()),
            body: asking.body.to_owned(),
            menu: menu(&asking),
            types_id: types_id(&asking),
        });
        self.prompt();
    }

    fn pause(&mut self) {
        self.silence = None;
    }

    fn repeat(&mut self) {
        if let Some(open) = &self.open {
            print::show(&format!("\r{}", open.told));
            self.lines.forget();
            self.prompt();
        }
    }

    fn withdraw(&mut self) {
        (self.silence, self.above) = (None, None);
        if self.open.take().is_some() {
            print::show("\n");
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.lines.fd())
    }

    fn lend(&mut self, line: OwnedFd, to: Lending<'_>) -> io::Result<()> {
        (self.silence, self.above) = (None, None);
        print::show(&lent::notice(&to, terminal_width().unwrap_or(80)));
        self.lent = Some(Lent::start(line)?);
        Ok(())
    }

    fn take_back(&mut self, when: When) {
        if let Some(lent) = self.lent.take() {
            lent.take_back(when);
        }
    }

    fn hear(&mut self) -> Option<Answer> {
        let read = self.lines.read()?;
        if self.silence.take().is_some() {
            // The end of the line was not shown either.
            print::show("\n");
        }
        let line = match read {
            Line::Text(line) => line,
            Line::End => {
                self.open = None;
                return Some(Answer::Quit);
            }
        };
        let answer = match self.stage {
            Stage::Choice => self.choose(&line),
            Stage::Reason | Stage::Note | Stage::Value if line.trim().is_empty() => {
                self.stage = Stage::Choice;
                None
            }
            Stage::Reason => Some(Answer::Skip(line.trim().to_owned())),
            Stage::Note => Some(Answer::Note(line.trim().to_owned())),
            Stage::Value => {
                let is_secret = self.open.as_ref().and_then(|it| it.wants.as_ref());
                let text = match is_secret {
                    // A space may belong to it.
                    Some(Wanted { secret: true, .. }) => line,
                    _ => line.trim().to_owned(),
                };
                Some(Answer::Value(Secret::new(text)))
            }
        };
        let stays = matches!(
            answer,
            None | Some(Answer::Value(_) | Answer::Confirm | Answer::Workstation(_))
        );
        if !stays {
            self.above = None;
        }
        if answer.is_some() {
            self.open = None;
        } else {
            self.prompt();
        }
        answer
    }
}

// The answers that only one manner of asking has.
fn of_manner(manner: &Manner, word: &str) -> Option<Answer> {
    Some(match (manner, word) {
        (Manner::Offered { enter: true, .. }, "")
        | (Manner::Offered { types: false, .. }, "r" | "run") => Answer::Run,
        (
            Manner::Manual
            | Manner::Offered { .. }
            | Manner::Elsewhere
            | Manner::Terminal
            | Manner::Doubtful
            | Manner::Value { .. }
            | Manner::Host(_),
            "d" | "done",
        ) => Answer::Done,
        (Manner::Host(_), "y" | "yes") => Answer::Confirm,
        (Manner::Workstation, "h" | "here") => Answer::Workstation(Elsewhere::Here),
        (Manner::Workstation, "skip" | "s") => Answer::Workstation(Elsewhere::Skip),
        (Manner::Workstation, "each" | "a" | "ask") => Answer::Workstation(Elsewhere::Each),
        (Manner::Choose(steps), word) => {
            let number: usize = word.parse().ok()?;
            Answer::Choose(steps.get(number.checked_sub(1)?)?.clone())
        }
        _ => return None,
    })
}

fn wanted(asking: &Asking<'_>) -> Option<Wanted> {
    let Question::Run {
        manner: Manner::Value { name, .. },
        ..
    } = asking.question
    else {
        return None;
    };
    let step = asking.step?;
    let own = step.circumstances.placeholders.iter();
    let own = own.map(|it| (it, step.line)).find(|it| it.0.name == *name);
    // What an edited step waits for may stand elsewhere in the document.
    let (place, line) = own.or_else(|| {
        let all = asking.plan.placeholders();
        all.into_iter().find(|it| it.0.name == *name)
    })?;
    let body = asking.plan.command(step).map_or("", |(_, body)| body);
    let above = body.get(..place.range.start).unwrap_or_default();
    let first = match &step.task {
        Task::Command { .. } => step.body_line,
        Task::ByHand { .. } => line,
    };
    Some(Wanted {
        text: place.text.clone(),
        line: first + above.matches('\n').count() as u32,
        secret: asking.plan.is_secret(name),
    })
}

// What destroys is never run by a letter: not the first time, and not again.
fn types_id(asking: &Asking<'_>) -> bool {
    let destroys = asking.step.is_some_and(|it| it.effect == Effect::Destroys);
    match asking.question {
        Question::Run { manner, .. } => {
            matches!(
                manner,
                Manner::Type | Manner::Doubtful | Manner::Offered { types: true, .. }
            )
        }
        Question::Failed(_) | Question::Unknown { .. } => destroys,
        Question::Begin | Question::Interrupted(_) => false,
    }
}

fn menu(asking: &Asking<'_>) -> String {
    let types_id = types_id(asking);
    match asking.question {
        Question::Begin => {
            let (left, all) = (asking.left, asking.plan.selected.len());
            let steps = match left {
                1 => "the step".to_owned(),
                _ if left < all => format!("the {left} steps that are left"),
                _ => format!("all {all} steps"),
            };
            format!("Run {steps}?  [a]ll · [s]tep by step · [q]uit")
        }
        Question::Run { manner, step } => match manner {
            Manner::Run { enter } => {
                let run = if *enter { "[Enter] run" } else { "[r]un" };
                let rest = if has_rest(asking) {
                    " · [rest] of section"
                } else {
                    ""
                };
                format!("{run}{rest} · [e]dit · [s]kip · [n]ote · [q]uit")
            }
            Manner::Type => {
                format!("Type `{step}` to run it · [e]dit · [s]kip · [n]ote · [q]uit")
            }
            Manner::Confirm(_) => "[y]es · [e]dit · [s]kip · [n]ote · [q]uit".to_owned(),
            Manner::Incomplete => "[e]dit · [s]kip · [n]ote · [q]uit".to_owned(),
            Manner::Terminal => {
                "[r]un it here · [d]one elsewhere · [e]dit · [s]kip · [n]ote · [q]uit".to_owned()
            }
            Manner::Manual => "[d]one · [s]kip · [n]ote · [q]uit".to_owned(),
            Manner::Elsewhere => "[d]one elsewhere · [e]dit · [s]kip · [n]ote · [q]uit".to_owned(),
            Manner::Doubtful => format!(
                "Type `{step}` to run it all the same · [d]one elsewhere · [e]dit · [s]kip · [n]ote · \
                 [q]uit"
            ),
            Manner::Offered { types: true, .. } => {
                format!(
                    "Type `{step}` to run it · [d]one (I did it) · [e]dit · [s]kip · [n]ote · [q]uit"
                )
            }
            Manner::Offered { enter, .. } => {
                let run = if *enter { "[Enter] run it" } else { "[r]un it" };
                format!("{run} · [d]one (I did it) · [e]dit · [s]kip · [n]ote · [q]uit")
            }
            Manner::Choose(steps) => {
                format!(
                    "[1]–[{}] choose · [s]kip all · [n]ote · [q]uit",
                    steps.len()
                )
            }
            Manner::Workstation => {
                "[h]ere, run such steps · [s]kip all such · [a]sk each · [n]ote · [q]uit".to_owned()
            }
            Manner::Value { .. } => {
                "[v]alue · [d]one elsewhere · [e]dit · [s]kip · [n]ote · [q]uit".to_owned()
            }
            Manner::Host(_) => {
                "[y]es, for this run · [d]one elsewhere · [e]dit · [s]kip · [n]ote · [q]uit"
                    .to_owned()
            }
        },
        Question::Failed(step) => {
            let retry = if types_id {
                format!("Type `{step}` to retry it")
            } else {
                "[r]etry".to_owned()
            };
            let undo = if asking.undoes { " · [u]ndo all" } else { "" };
            format!("{retry} · [e]dit · [s]kip{undo} · [sh]ell · [n]ote · [q]uit")
        }
        Question::Unknown { step, .. } if types_id => {
            format!("Type `{step}` to run it again · [d]one · [e]dit · [s]kip · [n]ote · [q]uit")
        }
        Question::Unknown { .. } => {
            "[r]un again · [d]one · [e]dit · [s]kip · [n]ote · [q]uit".to_owned()
        }
        Question::Interrupted(_) => {
            "[w]ait · [i]nterrupt · [k]ill · [s]top after it · [d]etach".to_owned()
        }
    }
}

// Whether there is a rest of its section that could run unasked.
fn has_rest(asking: &Asking<'_>) -> bool {
    let Some(step) = asking.step else {
        return false;
    };
    let is_quiet = matches!(step.effect, Effect::Reads | Effect::Changes);
    let mut after = asking
        .plan
        .steps()
        .skip_while(|it| it.id != step.id)
        .skip(1);
    asking.plan.runbook.kind == Kind::Plain
        && is_quiet
        && after.next().is_some_and(|it| it.section == step.section)
}

// The letters to type stand out.
fn keys(menu: &str) -> String {
    let mut told = String::new();
    let mut rest = menu;
    while let Some((before, after)) = rest.split_once('[')
        && let Some((key, after)) = after.split_once(']')
    {
        told.push_str(before);
        told.push_str(&paint(KEY, &format!("[{key}]")));
        rest = after;
    }
    told.push_str(rest);
    told
}

// Says what would have been an answer. A line that was left empty says enough by the question alone,
// but where Enter would be expected to run the step.
fn misheard(open: &Open, line: &str) -> Option<Answer> {
    let line = clean::inline(line.trim()).into_owned();
    match &open.question {
        _ if open.types_id => {
            let id = open.step.as_deref().unwrap_or_default();
            let why = match &open.question {
                Question::Run {
                    manner: Manner::Doubtful,
                    ..
                } => "It is in doubt",
                _ => "It destroys",
            };
            print::show(&format!("{why}: type its id, `{id}`, to run it.\n"));
        }
        Question::Run {
            manner: Manner::Run { enter: false },
            ..
        } if line.is_empty() => {
            print::show("Enter alone runs only a step that reads: type r.\n");
        }
        _ if line.is_empty() => {}
        _ => print::show(&format!(
            "`{line}` is no answer here: type one of the letters in brackets.\n"
        )),
    }
    None
}

// In a folder that is shared nobody else's file, and no link, is written through.
fn write_new(file: &Path, body: &str) -> io::Result<()> {
    let _ = std::fs::remove_file(file);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?
        .write_all(body.as_bytes())
}
