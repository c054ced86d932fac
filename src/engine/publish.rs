//! Tells reporters what happens, on a thread of its own: a terminal that is stopped by Ctrl-S stops
//! that thread, and never the journal. Durable events are queued without loss; what a step prints
//! is read from its log, live or after the engine attached again: one way.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::event::{Event, EventKind, Output};
use crate::host::clock;
use crate::model::StepId;
use crate::report::{Ending, Outputs, Progress, Reporter};
use crate::store::folder::RunFolder;

// How often a running step is looked at.
const TICK: Duration = Duration::from_millis(100);
const CHUNK: usize = 64 << 10;

enum Item {
    Event(Box<Event>),
    Attach(Box<Event>),
    Progress(Progress, Option<Sender<()>>),
    Finish(Ending),
}

/// The queue to the reporters.
pub struct Publisher {
    queue: Sender<Item>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Starts the thread. `all_output` says that the reporter shows every byte, so that none may be
    /// left out when it is slow.
    pub fn start(reporter: Box<dyn Reporter>, folder: &RunFolder, all_output: bool) -> Self {
        let (queue, items) = channel();
        let mut reader = Reader {
            reporter,
            folder: folder.path().to_owned(),
            watched: Vec::new(),
            all_output,
        };
        let thread = std::thread::Builder::new()
            .name("reporter".to_owned())
            .spawn(move || reader.serve(&items))
            .ok();
        Self { queue, thread }
    }

    /// Queues events that are on the disk.
    pub fn events(&self, events: Vec<Event>) {
        for event in events {
            let _ = self.queue.send(Item::Event(Box::new(event)));
        }
    }

    /// Shows the attempt that this event began, in an earlier session, as it goes on; what it
    /// printed so far comes from its log.
    pub fn attach(&self, starting: Event) {
        let _ = self.queue.send(Item::Attach(Box::new(starting)));
    }

    /// Queues a remark or a change of the terminal.
    pub fn progress(&self, progress: Progress) {
        let _ = self.queue.send(Item::Progress(progress, None));
    }

    /// Returns once all that was queued is told and the live line is gone: the terminal is free for
    /// a question.
    pub fn suspend(&self) {
        let (done, wait) = channel();
        if self
            .queue
            .send(Item::Progress(Progress::Suspend, Some(done)))
            .is_ok()
        {
            let _ = wait.recv();
        }
    }

    /// Gives the terminal back.
    pub fn resume(&self) {
        self.progress(Progress::Resume);
    }

    /// Returns once all is told.
    pub fn finish(mut self, ending: Ending) {
        let _ = self.queue.send(Item::Finish(ending));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Reader {
    reporter: Box<dyn Reporter>,
    folder: PathBuf,
    watched: Vec<Watched>,
    all_output: bool,
}

struct Watched {
    step: StepId,
    nonce: String,
    log: PathBuf,
    file: Option<File>,
    offset: u64,
    since: Duration,
    last_output: Duration,
}

impl Reader {
    // What a reporter cannot write is lost to it, and to nobody else.
    fn serve(&mut self, items: &Receiver<Item>) {
        loop {
            let item = if self.watched.is_empty() {
                match items.recv() {
                    Ok(item) => item,
                    Err(_) => return,
                }
            } else {
                match items.recv_timeout(TICK) {
                    Ok(item) => item,
                    Err(RecvTimeoutError::Timeout) => {
                        self.look();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            };
            match item {
                Item::Event(event) => self.event(&event),
                Item::Attach(event) => self.attach(&event),
                Item::Progress(progress, done) => {
                    let _ = self.reporter.progress(&progress);
                    if let Some(done) = done {
                        let _ = done.send(());
                    }
                }
                Item::Finish(ending) => {
                    let _ = self.reporter.finish(&ending);
                    return;
                }
            }
        }
    }

    fn watch(&mut self, event: &Event) {
        let EventKind::StepStarting(starting) = &event.kind else {
            return;
        };
        let now = clock::since_boot();
        // An event that is not of this moment, or of this boot, is read from a journal.
        let begun = Duration::from_nanos(event.mono);
        let is_told_late = event.mono > 0 && begun + TICK < now;
        let since = if is_told_late && event.boot_id == clock::boot_id() {
            begun
        } else {
            now
        };
        let log = log_of(&starting.step, starting.attempt);
        self.watched.retain(|it| it.step != starting.step);
        self.watched.push(Watched {
            step: starting.step.clone(),
            nonce: starting.nonce.clone(),
            log: self.folder.join(log),
            file: None,
            offset: 0,
            since,
            last_output: since,
        });
    }

    fn attach(&mut self, event: &Event) {
        self.watch(event);
        if let Some(watched) = self.watched.last() {
            let attached = Progress::Attached(watched.step.clone());
            let _ = self.reporter.progress(&attached);
        }
    }

    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::StepStarting(_) => self.watch(event),
            EventKind::AttemptExited(exited) => self.unwatch(&exited.nonce, true),
            EventKind::AttemptVoid { nonce, .. } | EventKind::AttemptUnknown { nonce, .. } => {
                self.unwatch(nonce, false);
            }
            _ => {}
        }
        let _ = self.reporter.event(event);
    }

    fn unwatch(&mut self, nonce: &str, reads: bool) {
        let Some(at) = self.watched.iter().position(|it| it.nonce == nonce) else {
            return;
        };
        let mut watched = self.watched.remove(at);
        if reads {
            watched.read_log(&mut *self.reporter, self.all_output);
        }
    }

    fn look(&mut self) {
        for watched in &mut self.watched {
            watched.read_log(&mut *self.reporter, self.all_output);
            let now = clock::since_boot();
            let tick = Progress::Tick {
                step: watched.step.clone(),
                elapsed: now.saturating_sub(watched.since) + skipped(),
                silent: now.saturating_sub(watched.last_output) + skipped(),
            };
            let _ = self.reporter.progress(&tick);
        }
    }
}

impl Watched {
    fn read_log(&mut self, reporter: &mut dyn Reporter, all_output: bool) {
        if self.file.is_none() {
            self.file = File::open(&self.log).ok();
        }
        let Some(file) = &self.file else { return };
        let length = file.metadata().map_or(0, |it| it.len());
        if !all_output && length > self.offset + CHUNK as u64 {
            // Only the last lines are shown: what is between need not even be read.
            self.offset = length - CHUNK as u64;
        }
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = match file.read_at(&mut buffer, self.offset) {
                Ok(count) if count > 0 => count,
                _ => return,
            };
            let step = self.step.clone();
            let bytes = buffer[..count].to_vec();
            let offset = self.offset;
            self.offset += count as u64;
            self.last_output = clock::since_boot();
            let _ = reporter.progress(&Progress::Output {
                step,
                offset,
                bytes,
            });
        }
    }
}

// A test need not wait for a minute: `$RUNBOOK_TEST_SKIP_S` seconds have passed besides.
fn skipped() -> Duration {
    #[cfg(feature = "testing")]
    if let Some(seconds) = std::env::var("RUNBOOK_TEST_SKIP_S")
        .ok()
        .and_then(|it| it.parse().ok())
    {
        return Duration::from_secs(seconds);
    }
    Duration::ZERO
}

/// The stored outputs of a run, for reporters.
#[derive(Clone, Debug)]
pub struct StoredOutputs(pub PathBuf);

impl StoredOutputs {
    /// Returns the outputs in the folder of a run.
    pub fn of(folder: &RunFolder) -> Self {
        Self(folder.path().to_owned())
    }
}

/// Returns the log of an attempt, in the folder of its run.
pub(super) fn log_of(step: &StepId, attempt: u32) -> String {
    format!("output/{step}-{attempt}.log")
}

impl Outputs for StoredOutputs {
    fn read(&self, output: &Output, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.part(&output.log, offset, length)
    }
}

impl StoredOutputs {
    /// Returns up to `length` bytes of `log` from `offset` on; fewer only at its end.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn part(&self, log: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        // A journal that was tampered with must not make us read elsewhere.
        let name = Path::new(log).file_name().unwrap_or_default();
        let file = File::open(self.0.join("output").join(name))?;
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}
