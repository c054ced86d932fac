//! The operator at a terminal: shows a step with where, what and why, and hears what to do.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use crate::engine::decide::{Answer, Question};
use crate::engine::operator::{Asking, Operator};
use crate::engine::terminal_width;
use crate::host::command;
use crate::model::{Step, Task};
use crate::plan::{Manner, Plan};
use crate::report::clean;

use super::prompt::{Line, Lines};

/// The most lines of a body that a question shows.
const SHOWN: usize = 30;

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
    step: Option<String>,
    body: String,
    menu: String,
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

    fn say(text: &str) {
        let mut stderr = io::stderr().lock();
        // A terminal that is gone is noticed by its signal.
        let _ = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }

    fn prompt(&self) {
        match (self.stage, &self.open) {
            (Stage::Reason, _) => Self::say("Why? > "),
            (Stage::Note, _) => Self::say("Note > "),
            (Stage::Choice, Some(open)) => Self::say(&format!("{} > ", open.menu)),
            (Stage::Choice, None) => {}
        }
    }

    fn choose(&mut self, line: &str) -> Option<Answer> {
        let open = self.open.as_ref()?;
        let word = line.trim().to_lowercase();
        if let Question::Run {
            manner: Manner::Type,
            ..
        } = &open.question
            && open.step.as_deref() == Some(line.trim())
        {
            return Some(Answer::Run);
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
            (Question::Begin | Question::Interrupted(_), _) => return None,
            (
                Question::Run {
                    manner: Manner::Run { enter: true },
                    ..
                },
                "",
            ) => Answer::Run,
            (
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
                self.stage = Stage::Reason;
                return None;
            }
            (_, "n" | "note") => {
                self.stage = Stage::Note;
                return None;
            }
            (
                Question::Run {
                    manner: Manner::Manual,
                    ..
                },
                _,
            ) => return None,
            (_, "e" | "edit") => return self.edit(),
            _ => return None,
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
        let edited = std::fs::write(&file, &open.body)
            .and_then(|()| command::edit(&editor, &file))
            .and_then(|()| std::fs::read_to_string(&file));
        let _ = std::fs::remove_file(&file);
        match edited {
            Ok(body) if body == open.body => {
                Self::say("Nothing was changed.\n");
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
                Self::say(&format!("The editor `{editor}` cannot be used: {error}\n"));
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
        Self::say(&describe(&asking, width));
        self.open = Some(Open {
            question: asking.question.clone(),
            step: asking.step.map(|it| it.id.to_string()),
            body: asking.body.to_owned(),
            menu: menu(&asking),
        });
        self.prompt();
    }

    fn withdraw(&mut self) {
        if self.open.take().is_some() {
            Self::say("\n");
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
            Stage::Reason => Some(Answer::Skip(line.trim().to_owned())),
            Stage::Note if line.trim().is_empty() => {
                self.stage = Stage::Choice;
                None
            }
            Stage::Note => Some(Answer::Note(line.trim().to_owned())),
        };
        match answer {
            Some(answer) => {
                self.open = None;
                Some(answer)
            }
            None => {
                self.prompt();
                None
            }
        }
    }
}

fn menu(asking: &Asking<'_>) -> String {
    match asking.question {
        Question::Begin => {
            let count = asking.plan.selected.len();
            let steps = if count == 1 {
                "the step".to_owned()
            } else {
                format!("all {count} steps")
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
    let mut text = String::new();
    let Some(step) = asking.step else { return text };
    match asking.question {
        Question::Interrupted(_) => {
            let _ = writeln!(
                text,
                "\nStep `{}` goes on meanwhile. Ctrl-C again interrupts it, once more kills it.",
                step.id
            );
            return text;
        }
        Question::Failed(_) => {
            let _ = writeln!(text, "\nStep `{}` failed.", step.id);
        }
        Question::Unknown { because, .. } => {
            let _ = writeln!(
                text,
                "\nNobody can know how step `{}` ended: {because}.",
                step.id
            );
        }
        Question::Begin | Question::Run { .. } => text.push('\n'),
    }
    heading(&mut text, asking.plan, step, width);
    let rows = asking.body.lines().count();
    for line in asking.body.lines().take(SHOWN) {
        let line = clean::block(line);
        for row in clean::wrap(line.trim_end_matches('\n'), width.saturating_sub(4).max(8)) {
            let _ = writeln!(text, "  │ {row}");
        }
    }
    if rows > SHOWN {
        let _ = writeln!(text, "  │ … {} more lines", rows - SHOWN);
    }
    if let Question::Run { manner, .. } = asking.question {
        match manner {
            Manner::Confirm(question) => {
                let _ = writeln!(text, "  {}", clean::inline(question));
            }
            Manner::Incomplete => {
                for doubt in &step.doubts {
                    let _ = writeln!(text, "  It does not run as it stands: {}", doubt.because);
                }
            }
            _ => {}
        }
    }
    text
}

// Where, what, and why it is classed so: in every question.
fn heading(text: &mut String, plan: &Plan, step: &Step, width: usize) {
    let number = plan
        .steps()
        .position(|it| it.id == step.id)
        .map_or(0, |it| it + 1);
    let title = clean::inline(&step.title);
    let mark = if step.id_is_explicit { "" } else { "~" };
    let first = format!("{number}/{} {title}", plan.selected.len());
    let _ = writeln!(text, "{}", clean::fit(&first, width));
    let what = match &step.task {
        Task::Command { language, .. } => {
            format!(
                "{} on this machine · {}: {}",
                language.0, step.effect, step.because
            )
        }
        Task::ByHand { .. } => "by hand".to_owned(),
    };
    let second = format!(
        "  {mark}{} · line {} · {}",
        step.id,
        step.line,
        clean::inline(&what)
    );
    let _ = writeln!(text, "{}", clean::fit(&second, width));
}
