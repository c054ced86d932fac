//! What happened in a run, folded from its events so that it can be told. Judges nothing: an event
//! that does not fit is passed over; whether it may be there is `state`'s to say.

use std::collections::BTreeMap;

use crate::event::{
    AttemptExited, Closing, Event, EventKind, Operator, PlannedStep, RunOpened, RunbookAdopted,
    Verdict,
};
use crate::model::{Judged, StepId};
use crate::state::{Order, Role};

/// A run, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) opened: Option<Box<RunOpened>>,
    /// In the order of the plan.
    pub(super) steps: Vec<Chapter>,
    /// Each engine that owned the run; the first is the one that opened it.
    pub(super) sessions: Vec<Session>,
    pub(super) closed: Option<Closed>,
    /// The snapshot that was adopted last, where one was: a file in the run's folder.
    pub(super) adopted: Option<String>,
    /// Wall time of the last event.
    pub(super) last: String,
    places: BTreeMap<StepId, usize>,
}

/// One engine's time with the run.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) operator: Operator,
    pub(super) wall: String,
    /// What had survived; absent for the first.
    pub(super) survived: Option<String>,
    pub(super) file_changed: bool,
}

/// How the run was closed.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) result: Closing,
    pub(super) reason: Option<String>,
    pub(super) by: Option<String>,
    pub(super) wall: String,
}

/// One step, as far as it has come.
#[derive(Debug)]
pub(super) struct Chapter {
    pub(super) planned: PlannedStep,
    pub(super) standing: Standing,
    /// What was said with the verdict, or of an unknown outcome.
    pub(super) because: Option<String>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) edits: Vec<Edit>,
    /// What it is for.
    pub(super) role: Role,
    /// It ran, and was undone.
    pub(super) undone: bool,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Pending,
    Running,
    Unknown,
    Finished(Verdict),
}

/// One try of a step.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) nonce: String,
    pub(super) started: String,
    pub(super) command: String,
    pub(super) end: End,
    /// What its checks came to.
    pub(super) judged: Vec<Judged>,
}

/// How a try ended.
#[derive(Debug)]
pub(super) enum End {
    Running,
    Exited {
        exited: Box<AttemptExited>,
        wall: String,
    },
    Void {
        because: String,
    },
    Unknown {
        because: String,
    },
}

/// A change of a step's body.
#[derive(Debug)]
pub(super) struct Edit {
    /// A person wrote it; else it was filled in with values.
    pub(super) by_hand: bool,
    pub(super) wall: String,
    pub(super) diff: String,
}

/// How many steps stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) ok: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
    pub(super) asserted: usize,
    pub(super) unknown: usize,
    pub(super) running: usize,
    pub(super) pending: usize,
    /// Failed, which the document allows.
    pub(super) allowed: usize,
}

impl Story {
    /// Returns the story of `events`.
    pub(super) fn of(events: &[Event]) -> Self {
        let mut story = Self::default();
        for event in events {
            story.hear(event);
        }
        story
    }

    /// Goes on with one more event.
    pub(super) fn hear(&mut self, event: &Event) {
        event.wall.clone_into(&mut self.last);
        let wall = || event.wall.clone();
        match &event.kind {
            EventKind::RunOpened(opened) => self.open(opened, wall()),
            EventKind::RunbookAdopted(adopted) => self.adopt(adopted),
            EventKind::RunResumed(resumed) => self.sessions.push(Session {
                operator: resumed.operator.clone(),
                wall: wall(),
                survived: Some(resumed.survived.clone()),
                file_changed: resumed.file_changed,
            }),
            EventKind::StepStarting(starting) => {
                let Some(chapter) = self.chapter_mut(&starting.step) else {
                    return;
                };
                chapter.standing = Standing::Running;
                chapter.because = None;
                chapter.undone = false;
                chapter.attempts.push(Attempt {
                    number: starting.attempt,
                    nonce: starting.nonce.clone(),
                    started: wall(),
                    command: starting.command.clone(),
                    end: End::Running,
                    judged: Vec::new(),
                });
            }
            EventKind::AttemptExited(exited) => {
                let end = End::Exited {
                    exited: exited.clone(),
                    wall: wall(),
                };
                self.end(&exited.step, &exited.nonce, end);
            }
            EventKind::AttemptVoid {
                step,
                nonce,
                because,
            } => {
                self.end(
                    step,
                    nonce,
                    End::Void {
                        because: because.clone(),
                    },
                );
                if let Some(chapter) = self.chapter_mut(step) {
                    chapter.standing = Standing::Pending;
                }
            }
            EventKind::AttemptUnknown {
                step,
                nonce,
                because,
            } => {
                self.end(
                    step,
                    nonce,
                    End::Unknown {
                        because: because.clone(),
                    },
                );
                if let Some(chapter) = self.chapter_mut(step) {
                    chapter.standing = Standing::Unknown;
                    chapter.because = Some(because.clone());
                }
            }
            EventKind::StepEdited { step, diff, .. } => {
                if let Some(chapter) = self.chapter_mut(step) {
                    chapter.edits.push(Edit {
                        by_hand: true,
                        wall: wall(),
                        diff: diff.clone(),
                    });
                }
            }
            EventKind::StepFilled { step, diff, .. } => {
                if let Some(chapter) = self.chapter_mut(step) {
                    chapter.edits.push(Edit {
                        by_hand: false,
                        wall: wall(),
                        diff: diff.clone(),
                    });
                }
            }
            EventKind::StepFinished {
                step,
                verdict,
                because,
            } => self.finish(step, *verdict, because.as_ref()),
            EventKind::CheckJudged {
                step,
                nonce,
                judged,
            } => {
                let attempts = self.chapter_mut(step).map(|it| &mut it.attempts);
                let attempt = attempts.and_then(|all| all.iter_mut().find(|it| it.nonce == *nonce));
                // Judged again after a crash it says the same, and once is enough.
                if let Some(attempt) = attempt.filter(|it| !it.judged.contains(judged)) {
                    attempt.judged.push(judged.clone());
                }
            }
            EventKind::StepRetrying { step, .. } => {
                if let Some(chapter) = self.chapter_mut(step) {
                    chapter.standing = Standing::Pending;
                }
            }
            EventKind::ServiceStopped { step, .. } => {
                if let Some(chapter) = self.chapter_mut(step)
                    && chapter.standing == Standing::Running
                {
                    chapter.standing = Standing::Pending;
                }
            }
            EventKind::UndoStarted { steps, .. } => {
                for step in steps {
                    if let Some(chapter) = self.chapter_mut(step) {
                        chapter.standing = Standing::Pending;
                    }
                }
            }
            EventKind::RunClosed { result, reason, by } => {
                self.closed = Some(Closed {
                    result: *result,
                    reason: reason.clone(),
                    by: by.clone(),
                    wall: wall(),
                });
            }
            EventKind::Recovered { .. }
            | EventKind::OperatorDecided { .. }
            | EventKind::ValueGiven { .. }
            | EventKind::HostConfirmed { .. }
            | EventKind::WorkstationDecided { .. }
            | EventKind::Note { .. }
            | EventKind::Signal { .. }
            | EventKind::CheckProbed { .. }
            | EventKind::ServiceStarted { .. }
            | EventKind::ServiceReady { .. }
            | EventKind::Unknown => (),
        }
    }

    /// Returns the step's number among the parts of the run, from 1, and what is known of it; what is
    /// no part of its own has the number of the part before it.
    pub(super) fn chapter(&self, step: &StepId) -> Option<(usize, &Chapter)> {
        let place = *self.places.get(step)?;
        let chapter = self.steps.get(place)?;
        let before = self.steps[..place].iter().filter(|it| it.is_part());
        Some((before.count() + usize::from(chapter.is_part()), chapter))
    }

    /// Returns how many parts the run has.
    pub(super) fn parts(&self) -> usize {
        self.steps.iter().filter(|it| it.is_part()).count()
    }

    /// Returns the step that keeps this one from running, where the document says that it needs it.
    pub(super) fn blocked_by<'s>(&self, chapter: &'s Chapter) -> Option<&'s StepId> {
        if chapter.standing != Standing::Pending {
            return None;
        }
        let needs = chapter.planned.flow.needs.as_ref()?;
        needs.iter().find(|id| {
            let need = self.places.get(id).and_then(|at| self.steps.get(*at));
            need.is_some_and(|it| it.has_failed() || self.blocked_by(it).is_some())
        })
    }

    /// Returns the document's path; empty before the run was opened.
    pub(super) fn file(&self) -> &str {
        self.opened.as_ref().map_or("", |opened| &opened.file)
    }

    /// Returns the file in the run's folder that holds the document as it is run now.
    pub(super) fn snapshot(&self) -> &str {
        self.adopted.as_deref().unwrap_or("runbook.md")
    }

    /// Returns the run's id; empty before the run was opened.
    pub(super) fn run(&self) -> &str {
        self.opened.as_ref().map_or("", |opened| &opened.run)
    }

    /// Counts the steps.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for chapter in &self.steps {
            match (&chapter.role, chapter.standing) {
                // What it told is in the step that it stands before.
                (Role::Guard, _) | (Role::Undo(_), Standing::Pending) => continue,
                _ => {}
            }
            *match chapter.standing {
                Standing::Finished(Verdict::Failed) if chapter.planned.flow.allow_fail => {
                    &mut tally.allowed
                }
                Standing::Pending => &mut tally.pending,
                Standing::Running => &mut tally.running,
                Standing::Unknown => &mut tally.unknown,
                Standing::Finished(Verdict::Ok) => &mut tally.ok,
                Standing::Finished(Verdict::Failed) => &mut tally.failed,
                Standing::Finished(Verdict::Skipped) => &mut tally.skipped,
                Standing::Finished(Verdict::OperatorAsserted) => &mut tally.asserted,
            } += 1;
        }
        tally
    }

    fn open(&mut self, opened: &RunOpened, wall: String) {
        self.sessions.push(Session {
            operator: opened.operator.clone(),
            wall,
            survived: None,
            file_changed: false,
        });
        self.steps = opened.steps.iter().map(Chapter::new).collect();
        self.opened = Some(Box::new(opened.clone()));
        self.number();
    }

    fn adopt(&mut self, adopted: &RunbookAdopted) {
        self.adopted = Some(adopted.file.clone());
        if let Some(opened) = &mut self.opened {
            opened.snapshot.clone_from(&adopted.snapshot);
            opened.title.clone_from(&adopted.title);
            opened.steps.clone_from(&adopted.steps);
            opened.left_out.clone_from(&adopted.left_out);
        }
        let before = std::mem::take(&mut self.steps).into_iter();
        let mut before: BTreeMap<StepId, Chapter> =
            before.map(|it| (it.planned.id.clone(), it)).collect();
        let chapters = adopted.steps.iter().map(|planned| {
            let Some(mut chapter) = before.remove(&planned.id) else {
                return Chapter::new(planned);
            };
            let is_same = chapter.planned.is_like(planned);
            if !is_same && chapter.standing == Standing::Finished(Verdict::Failed) {
                chapter.standing = Standing::Pending;
            }
            chapter.planned = planned.clone();
            chapter
        });
        self.steps = chapters.collect();
        self.number();
    }

    fn number(&mut self) {
        let ids = self.steps.iter().enumerate();
        let places = ids.map(|(place, step)| (step.planned.id.clone(), place));
        self.places = places.collect();
        let planned: Vec<PlannedStep> = self.steps.iter().map(|it| it.planned.clone()).collect();
        let order = Order::of(&planned);
        for (place, chapter) in self.steps.iter_mut().enumerate() {
            chapter.role = order.role(place).clone();
        }
    }

    fn finish(&mut self, step: &StepId, verdict: Verdict, because: Option<&String>) {
        let Some(chapter) = self.chapter_mut(step) else {
            return;
        };
        chapter.standing = Standing::Finished(verdict);
        chapter.because = because.cloned();
        let (Role::Undo(of), Verdict::Ok | Verdict::OperatorAsserted) =
            (chapter.role.clone(), verdict)
        else {
            return;
        };
        if let Some(target) = self.chapter_mut(&of) {
            target.undone = true;
            if target.standing != Standing::Finished(Verdict::Failed) {
                target.standing = Standing::Pending;
            }
        }
    }

    fn chapter_mut(&mut self, step: &StepId) -> Option<&mut Chapter> {
        self.steps.get_mut(*self.places.get(step)?)
    }

    fn end(&mut self, step: &StepId, nonce: &str, end: End) {
        let Some(chapter) = self.chapter_mut(step) else {
            return;
        };
        if let Some(attempt) = chapter
            .attempts
            .iter_mut()
            .rfind(|attempt| attempt.nonce == nonce)
        {
            attempt.end = end;
        }
    }
}

impl Chapter {
    fn new(planned: &PlannedStep) -> Self {
        Self {
            planned: planned.clone(),
            standing: Standing::Pending,
            because: None,
            attempts: Vec::new(),
            edits: Vec::new(),
            role: Role::Part,
            undone: false,
        }
    }

    /// Returns whether it has a place of its own in the run.
    pub(super) fn is_part(&self) -> bool {
        self.role == Role::Part
    }

    fn has_failed(&self) -> bool {
        self.standing == Standing::Finished(Verdict::Failed) && !self.planned.flow.allow_fail
    }

    /// Returns how the last try that ran ended.
    pub(super) fn exited(&self) -> Option<&AttemptExited> {
        match &self.attempts.last()?.end {
            End::Exited { exited, .. } => Some(exited),
            End::Running | End::Void { .. } | End::Unknown { .. } => None,
        }
    }

    /// Returns whether a person does it.
    pub(super) fn is_by_hand(&self) -> bool {
        self.planned.language.is_none()
    }
}

impl Tally {
    /// Returns `2 ok, 1 failed, 3 not run`: what there is none of is left out.
    /// What runs is called `running`.
    pub(super) fn told(self, running: &str) -> String {
        let parts = [
            (self.ok, "ok"),
            (self.failed, "failed"),
            (self.allowed, "failed as allowed"),
            (self.skipped, "skipped"),
            (self.asserted, "asserted"),
            (self.unknown, "unknown"),
            (self.running, running),
            (self.pending, "not run"),
        ];
        let told: Vec<String> = parts
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}"))
            .collect();
        if told.is_empty() {
            "no steps".to_owned()
        } else {
            told.join(", ")
        }
    }
}
