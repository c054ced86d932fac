//! The operator at a terminal: shows a step with where, what and why, and hears what to do.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};

use crate::engine::decide::{Answer, Question};
use crate::engine::operator::{Asking, Operator};
use crate::engine::{stoppable, terminal_width};
use crate::host::command;
use crate::model::{Effect, Step, Task};
use crate::plan::{Manner, Plan};
use crate::report::clean;

use super::print;
use super::prompt::{Line, Lines};

/// The most lines of a body that a question shows.
const SHOWN: usize = 30;
/// After a failure, which shows its output too.
const SHOWN_AGAIN: usize = 6;

const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const KEY: Style = AnsiColor::Cyan.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBT: Style = AnsiColor::Yellow.on_default().bold();

/// Asks on stderr, hears on standard input.
pub struct Terminal {
    lines: Lines,
    stage: Stage,
    open: Option<Open>,
    scratch: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Choice,
    Reason,
    Note,
}

struct Open {
    question: Question,
    told: String,
    step: Option<String>,
    body: String,
    menu: String,
    /// The id must be typed where another step could be run by a letter.
    types_id: bool,
}

impl Terminal {
    /// Returns the operator; an edit takes place in the folder `scratch`.
    pub fn new(scratch: PathBuf) -> Self {
        Self {
            lines: Lines::default(),
            stage: Stage::Choice,
            open: None,
            scratch,
        }
    }

    fn prompt(&self) {
        match (self.stage, &self.open) {
            (Stage::Reason, _) => print::show("Why? (Enter alone: back) > "),
            (Stage::Note, _) => print::show("Note (Enter alone: back) > "),
            (Stage::Choice, Some(open)) => print::show(&format!("{} > ", keys(&open.menu))),
            (Stage::Choice, None) => {}
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
                    manner: Manner::Run { .. },
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
            (
                Question::Run {
                    manner: Manner::Manual,
                    ..
                }
                | Question::Unknown { .. },
                "d" | "done",
            ) => Answer::Done,
            (_, "s" | "skip") => {
                self.enter(Stage::Reason);
                return None;
            }
            (_, "n" | "note") => {
                self.enter(Stage::Note);
                return None;
            }
            (
                Question::Run {
                    manner: Manner::Manual,
                    ..
                },
                _,
            ) => return misheard(open, line),
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
        self.stage = Stage::Choice;
        let told = describe(&asking, width);
        print::show(&told);
        self.open = Some(Open {
            question: asking.question.clone(),
            told,
            step: asking.step.map(|it| it.id.to_string()),
            body: asking.body.to_owned(),
            menu: menu(&asking),
            types_id: types_id(&asking),
        });
        self.prompt();
    }

    fn repeat(&mut self) {
        if let Some(open) = &self.open {
            print::show(&format!("\r{}", open.told));
            self.lines.forget();
            self.prompt();
        }
    }

    fn withdraw(&mut self) {
        if self.open.take().is_some() {
            print::show("\n");
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.lines.fd())
    }

    fn hear(&mut self) -> Option<Answer> {
        let line = match self.lines.read()? {
            Line::Text(line) => line,
            Line::End => {
                self.open = None;
                return Some(Answer::Quit);
            }
        };
        let answer = match self.stage {
            Stage::Choice => self.choose(&line),
            Stage::Reason | Stage::Note if line.trim().is_empty() => {
                self.stage = Stage::Choice;
                None
            }
            Stage::Reason => Some(Answer::Skip(line.trim().to_owned())),
            Stage::Note => Some(Answer::Note(line.trim().to_owned())),
        };
        if answer.is_some() {
            self.open = None;
        } else {
            self.prompt();
        }
        answer
    }
}

// What destroys is never run by a letter: not the first time, and not again.
fn types_id(asking: &Asking<'_>) -> bool {
    let destroys = asking.step.is_some_and(|it| it.effect == Effect::Destroys);
    match asking.question {
        Question::Run { manner, .. } => *manner == Manner::Type,
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
            Manner::Run { enter: true } => {
                "[Enter] run · [e]dit · [s]kip · [n]ote · [q]uit".to_owned()
            }
            Manner::Run { enter: false } => "[r]un · [e]dit · [s]kip · [n]ote · [q]uit".to_owned(),
            Manner::Type => {
                format!("Type `{step}` to run it · [e]dit · [s]kip · [n]ote · [q]uit")
            }
            Manner::Confirm(_) => "[y]es · [e]dit · [s]kip · [n]ote · [q]uit".to_owned(),
            Manner::Incomplete => "[e]dit · [s]kip · [n]ote · [q]uit".to_owned(),
            Manner::Manual => "[d]one · [s]kip · [n]ote · [q]uit".to_owned(),
        },
        Question::Failed(step) if types_id => {
            format!("Type `{step}` to retry it · [e]dit · [s]kip · [n]ote · [q]uit")
        }
        Question::Unknown { step, .. } if types_id => {
            format!("Type `{step}` to run it again · [d]one · [e]dit · [s]kip · [n]ote · [q]uit")
        }
        Question::Failed(_) => "[r]etry · [e]dit · [s]kip · [n]ote · [q]uit".to_owned(),
        Question::Unknown { .. } => {
            "[r]un again · [d]one · [e]dit · [s]kip · [n]ote · [q]uit".to_owned()
        }
        Question::Interrupted(_) => {
            "[w]ait · [i]nterrupt · [k]ill · [s]top after it · [d]etach".to_owned()
        }
    }
}

fn describe(asking: &Asking<'_>, width: usize) -> String {
    let mut text = "\n".to_owned();
    let Some(step) = asking.step else { return text };
    match asking.question {
        Question::Interrupted(_) => {
            let what = format!(
                "Step `{}` goes on. Ctrl-C again interrupts it, once more kills it.",
                step.id
            );
            wrapped(&mut text, "", STRONG, &what, width);
            return text;
        }
        Question::Failed(_) => {
            let what = format!("Step `{}` failed.", step.id);
            wrapped(&mut text, "", BAD, &what, width);
        }
        Question::Unknown { because, .. } => {
            let what = format!("Nobody can know how step `{}` ended: {because}.", step.id);
            wrapped(&mut text, "", DOUBT, &what, width);
        }
        Question::Begin | Question::Run { .. } => {}
    }
    heading(&mut text, asking.plan, step, width);
    let most = match asking.question {
        Question::Failed(_) => SHOWN_AGAIN,
        _ => SHOWN,
    };
    let bar = paint(FAINT, "│");
    let total = asking.body.lines().count();
    for line in asking.body.lines().take(most) {
        let line = clean::block(line);
        for row in clean::wrap(line.trim_end_matches('\n'), width.saturating_sub(5).max(8)) {
            let _ = writeln!(text, "  {bar} {row}");
        }
    }
    if total > most {
        let more = total - most;
        let plural = if more == 1 { "" } else { "s" };
        let _ = writeln!(text, "  {bar} … {more} more line{plural}");
    }
    if let Question::Run { manner, .. } = asking.question {
        match manner {
            Manner::Confirm(question) => wrapped(&mut text, "  ", STRONG, question, width),
            Manner::Incomplete => {
                for doubt in &step.doubts {
                    let what = format!("It does not run as it stands: {}", doubt.because);
                    wrapped(&mut text, "  ", DOUBT, &what, width);
                }
            }
            _ => {}
        }
    }
    text
}

// Where, what, and why it is classed so: in every question, and never cut off.
fn heading(text: &mut String, plan: &Plan, step: &Step, width: usize) {
    let number = plan
        .steps()
        .position(|it| it.id == step.id)
        .map_or(0, |it| it + 1);
    let first = format!("{number}/{} {}", plan.selected.len(), step.title);
    wrapped(text, "", STRONG, &first, width);
    let mark = if step.id_is_explicit { "" } else { "~" };
    let what = match &step.task {
        Task::Command { language, .. } => format!(
            "{} on this machine · {}: {}",
            language.0, step.effect, step.because
        ),
        Task::ByHand { .. } => "by hand".to_owned(),
    };
    let second = format!("{mark}{} · line {} · {what}", step.id, step.line);
    wrapped(text, "  ", FAINT, &second, width);
    let alarm = match step.effect {
        Effect::Destroys => BAD,
        Effect::Unknown => DOUBT,
        Effect::Reads | Effect::Changes => return,
    };
    // A person is to stumble over this word.
    let word = format!("{}: ", step.effect);
    if let Some(at) = text.rfind(&word) {
        let end = at + word.len() - ": ".len();
        let painted = format!(
            "{}{}{}",
            FAINT.render_reset(),
            paint(alarm, &text[at..end]),
            FAINT.render()
        );
        text.replace_range(at..end, &painted);
    }
}

fn wrapped(text: &mut String, indent: &str, style: Style, line: &str, width: usize) {
    let line = clean::inline(line);
    for row in clean::wrap_words(&line, width.saturating_sub(indent.len() + 1).max(8)) {
        let _ = writeln!(text, "{indent}{}", paint(style, row));
    }
}

// Colours are taken off again where nobody wants them: see `print`.
fn paint(style: Style, text: &str) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
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
            print::show(&format!("It destroys: type its id, `{id}`, to run it.\n"));
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
