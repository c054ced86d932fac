//! The run's append-only record: one line an event, chained, synced before anything is believed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::event::{Event, EventKind, VERSION};
use crate::host::clock::{self, Clock};
use crate::host::fault;
use crate::host::storage::Storage;
use crate::state::{IllegalEvent, State};

use super::StoreError;
use super::chain::Hash;
use super::folder::RunFolder;

const DOMAIN: &str = "runbook-journal/v1";

/// Why a commit did not happen. After one, the journal takes nothing more.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk did not take it.
    #[error("cannot append to journal `{}`", path.display())]
    Write {
        /// The journal.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An earlier write or sync failed; what came after it could not be trusted.
    #[error("journal `{}` failed before and takes nothing more", path.display())]
    Failed {
        /// The journal.
        path: PathBuf,
    },
    /// The transition table does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
}

impl JournalError {
    /// Returns whether the disk was full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Write { source, .. }
            if matches!(source.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT)))
    }
}

/// The receipt of a commit: what it holds is on the disk. Only a commit makes one.
#[derive(Debug)]
#[must_use = "a receipt is what releases a step"]
pub struct Recorded {
    events: Vec<Event>,
}

impl Recorded {
    /// Returns the events as they are stored.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Returns them for publication.
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }
}

/// An open journal, owned by the engine that holds the run's lock.
pub struct Journal {
    path: PathBuf,
    ballast: PathBuf,
    file: File,
    storage: &'static dyn Storage,
    clock: Clock,
    boot_id: String,
    length: u64,
    head: Option<Hash>,
    next: u64,
    durable: i64,
    epoch: u32,
    failed: bool,
    state: State,
}

impl Journal {
    /// Creates the journal of a new run.
    ///
    /// # Errors
    /// Where the file exists or cannot be made.
    pub fn create(
        folder: &RunFolder,
        storage: &'static dyn Storage,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let path = folder.journal();
        let file = folder.new_file(&path)?;
        own(&file, &path)?;
        Ok(Self {
            path,
            ballast: folder.ballast(),
            file,
            storage,
            clock,
            boot_id: clock::boot_id(),
            length: 0,
            head: None,
            next: 0,
            durable: -1,
            epoch: 0,
            failed: false,
            state: State::default(),
        })
    }

    /// Opens the journal of a run that another engine left, sets a torn tail aside, and starts the
    /// next epoch. Returns what was recovered, still to be recorded.
    ///
    /// # Errors
    /// Where it cannot be read, is corrupt, or holds what the transition table does not allow.
    pub fn reopen(
        folder: &RunFolder,
        storage: &'static dyn Storage,
        clock: Clock,
    ) -> Result<(Self, Option<EventKind>), ReopenError> {
        let path = folder.journal();
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|error| StoreError::new("open", &path, error))?;
        own(&file, &path)?;
        let bytes = read(&path)?;
        let reading = Reading::of(&bytes);
        let state = reading.state()?;
        let epoch = reading.events.last().map_or(0, |event| event.epoch) + 1;
        let recovered = match &reading.fault {
            None => None,
            Some(Fault::Corrupt { seq, because, .. }) => {
                return Err(ReopenError::Corrupt {
                    path,
                    seq: *seq,
                    because: because.clone(),
                });
            }
            Some(Fault::Torn { at, .. }) => Some(set_aside(folder, &path, &bytes, *at, epoch)?),
        };
        // What is there may never have been synced by the engine that wrote it.
        storage
            .sync(&file)
            .map_err(|error| StoreError::new("sync", &path, error))?;
        let journal = Self {
            ballast: folder.ballast(),
            file,
            storage,
            clock,
            boot_id: clock::boot_id(),
            length: reading.length as u64,
            head: Some(reading.head),
            next: reading.events.len() as u64,
            durable: reading.events.len() as i64 - 1,
            epoch,
            failed: false,
            state,
            path,
        };
        Ok((journal, recovered))
    }

    /// Returns the run as the disk has it.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the head of the chain and the number of events.
    pub fn head(&self) -> (Hash, u64) {
        (self.head.unwrap_or_default(), self.next)
    }

    /// Makes `events` durable with one write and one sync, then lets the state follow.
    ///
    /// # Errors
    /// Where the table does not allow them (nothing is written), or the disk does not take them;
    /// that is final: every later commit fails too.
    pub fn commit(&mut self, events: Vec<EventKind>) -> Result<Recorded, JournalError> {
        if self.failed {
            return Err(JournalError::Failed {
                path: self.path.clone(),
            });
        }
        let accepted = self.state.check(&events)?;
        let (lines, stored, head) = self.lines(events);
        if let Err(source) = self.write(&lines) {
            self.failed = true;
            if matches!(source.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT)) {
                self.close_full();
            }
            return Err(JournalError::Write {
                path: self.path.clone(),
                source,
            });
        }
        self.length += lines.len() as u64;
        self.head = Some(head);
        self.next += stored.len() as u64;
        self.durable = self.next as i64 - 1;
        self.state.accept(accepted);
        fault::point("committed");
        Ok(Recorded { events: stored })
    }

    fn write(&self, lines: &[u8]) -> io::Result<()> {
        self.storage.append(&self.file, lines)?;
        self.storage.sync(&self.file)
    }

    fn lines(&self, events: Vec<EventKind>) -> (Vec<u8>, Vec<Event>, Hash) {
        let wall = self.clock.wall();
        let mono = self.clock.since_boot().as_nanos() as u64;
        let mut head = self.head;
        let mut lines = Vec::with_capacity(512 * events.len());
        let mut stored = Vec::with_capacity(events.len());
        for (seq, kind) in (self.next..).zip(events) {
            let event = Event {
                v: VERSION,
                seq,
                durable: self.durable,
                epoch: self.epoch,
                prev: head.unwrap_or_default().hex(),
                wall: wall.clone(),
                mono,
                boot_id: self.boot_id.clone(),
                kind,
            };
            let start = lines.len();
            serde_json::to_writer(&mut lines, &event)
                .expect("an event holds only strings, numbers and lists, which JSON can tell");
            head = Some(Hash::of_line(DOMAIN, &lines[start..]));
            lines.push(b'\n');
            stored.push(event);
        }
        (lines, stored, head.unwrap_or_default())
    }

    // The batch did not fit: cut what was written of it, give the ballast back, and say why the
    // run ends here. A failure here changes nothing: the run is over for this engine either way.
    // Before the run is open there is nothing to end.
    fn close_full(&mut self) {
        if self.file.set_len(self.length).is_err() || std::fs::remove_file(&self.ballast).is_err() {
            return;
        }
        if self.next == 0 {
            return;
        }
        let event = EventKind::Signal {
            name: "ENOSPC".to_owned(),
            action: "stop".to_owned(),
        };
        let (line, _, _) = self.lines(vec![event]);
        let _ = self.storage.append(&self.file, &line);
        let _ = self.storage.sync(&self.file);
    }
}

/// Why a journal cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum ReopenError {
    /// A file could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Bytes that had been acknowledged are not what was written.
    #[error("corrupt: journal `{}`, record {seq}: {because}", path.display())]
    Corrupt {
        /// The journal.
        path: PathBuf,
        /// The first bad record.
        seq: u64,
        /// What is wrong with it.
        because: String,
    },
    /// The records are whole, but no engine of ours would have written them in this order.
    #[error("illegal: journal record {seq}: {source}")]
    Illegal {
        /// The record.
        seq: usize,
        /// What the table says.
        #[source]
        source: IllegalEvent,
    },
}

/// What is wrong with the end, or the middle, of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The last batch was cut off before it was acknowledged.
    Torn {
        /// Bytes before it.
        at: usize,
        /// The first record that is lost.
        seq: u64,
    },
    /// Acknowledged bytes are not what was written.
    Corrupt {
        /// Bytes before the first bad one.
        at: usize,
        /// The first bad record.
        seq: u64,
        /// What is wrong with it.
        because: String,
    },
}

/// What a journal's bytes say.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The good events, from the first.
    pub events: Vec<Event>,
    /// Bytes that they take.
    pub length: usize,
    /// The hash of the last of them.
    pub head: Hash,
    /// The hash of each of them.
    pub hashes: Vec<Hash>,
    /// What comes after them, if anything.
    pub fault: Option<Fault>,
}

impl Reading {
    /// Reads a journal from its bytes; changes nothing.
    ///
    /// Bad bytes at record *s* are corruption if any later valid record was written when *s* was
    /// already durable; else the last batch is torn, and nothing in it was ever acknowledged.
    pub fn of(bytes: &[u8]) -> Self {
        let mut reading = Self {
            events: Vec::new(),
            length: 0,
            head: Hash::default(),
            hashes: Vec::new(),
            fault: None,
        };
        let mut starts: Vec<(usize, Hash)> = Vec::new();
        while reading.length < bytes.len() {
            let start = reading.length;
            let seq = reading.events.len() as u64;
            let Some(length) = memchr::memchr(b'\n', &bytes[start..]) else {
                reading.fault = Some(judge(bytes, start, seq, "it has no end"));
                return reading;
            };
            let line = &bytes[start..start + length];
            let event = match valid(line) {
                Ok(event) if event.seq == seq => event,
                Ok(event) => {
                    let because = format!("it says that it is record {}", event.seq);
                    reading.fault = Some(judge(bytes, start, seq, &because));
                    return reading;
                }
                Err(because) => {
                    reading.fault = Some(judge(bytes, start, seq, &because));
                    return reading;
                }
            };
            if event.prev != reading.head.hex() {
                // This line or the one before it is not what was written; which, nobody can say.
                if let (Some((before, head)), Some(_)) = (starts.pop(), reading.events.pop()) {
                    reading.length = before;
                    reading.head = head;
                    reading.hashes.pop();
                }
                let because = "the record after it names another hash";
                let seq = reading.events.len() as u64;
                reading.fault = Some(judge(bytes, reading.length, seq, because));
                return reading;
            }
            starts.push((start, reading.head));
            reading.head = Hash::of_line(DOMAIN, line);
            reading.hashes.push(reading.head);
            reading.length = start + line.len() + 1;
            reading.events.push(event);
        }
        reading
    }

    /// Returns the state that the good events make.
    ///
    /// # Errors
    /// The first of them that the transition table does not allow.
    pub fn state(&self) -> Result<State, ReopenError> {
        State::fold(self.events.iter().map(|event| &event.kind))
            .map_err(|(seq, source)| ReopenError::Illegal { seq, source })
    }
}

/// Reads the journal of a run; changes nothing.
///
/// # Errors
/// Where the file cannot be read.
pub fn read_journal(folder: &RunFolder) -> Result<Reading, StoreError> {
    Ok(Reading::of(&read(&folder.journal())?))
}

// The run's lock is a file of its own, and whoever removes it lets a second engine in. The journal
// itself cannot be replaced unnoticed: so it is locked too.
fn own(file: &File, path: &Path) -> Result<(), StoreError> {
    rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        StoreError::refused(
            "write to",
            path,
            "another engine does",
            "the run's lock file was replaced; let that engine end first",
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|error| StoreError::new("read", path, error))?;
    Ok(bytes)
}

fn valid(line: &[u8]) -> Result<Event, String> {
    let event: Event = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if event.v > VERSION {
        return Err(format!(
            "it is of version {}, this program knows {VERSION}",
            event.v
        ));
    }
    Ok(event)
}

fn judge(bytes: &[u8], at: usize, seq: u64, because: &str) -> Fault {
    // A record is looked for wherever one may begin, for the line feed before it may be what is bad.
    // Inside a string its quotes would be escaped.
    let rest = &bytes[at..];
    let acknowledged = memchr::memmem::find_iter(rest, b"{\"v\":")
        .filter_map(|start| {
            let values = serde_json::Deserializer::from_slice(&rest[start..]);
            values.into_iter::<Event>().next()?.ok()
        })
        .any(|event| event.seq > seq && event.durable >= seq as i64);
    if acknowledged {
        Fault::Corrupt {
            at,
            seq,
            because: because.to_owned(),
        }
    } else {
        Fault::Torn { at, seq }
    }
}

// Copy, sync, and only then cut: a crash in between leaves both.
fn set_aside(
    folder: &RunFolder,
    path: &Path,
    bytes: &[u8],
    at: usize,
    epoch: u32,
) -> Result<EventKind, StoreError> {
    let name = format!("tail.{epoch}");
    let tail = folder.path().join(&name);
    let file = folder.new_or_empty_file(&tail)?;
    crate::host::storage::Disk
        .append(&file, &bytes[at..])
        .and_then(|()| file.sync_all())
        .map_err(|error| StoreError::new("write", &tail, error))?;
    folder.sync()?;
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|journal| {
            journal.set_len(at as u64)?;
            journal.sync_all()
        })
        .map_err(|error| StoreError::new("cut", path, error))?;
    Ok(EventKind::Recovered {
        bytes: (bytes.len() - at) as u64,
        tail: name,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Closing, Operator, Request, RunOpened};
    use crate::host::storage::Disk;

    fn opened() -> EventKind {
        EventKind::RunOpened(Box::new(RunOpened {
            run: "RUN".to_owned(),
            title: "Título".to_owned(),
            file: "/a.md".to_owned(),
            snapshot: String::new(),
            declared: true,
            versions: Vec::new(),
            operator: Operator {
                user: "ana".to_owned(),
                uid: 1,
                sudo_user: None,
                host: "here".to_owned(),
                terminal: false,
            },
            reason: None,
            cwd: "/".to_owned(),
            called_from: "/".to_owned(),
            request: Request::default(),
            inputs: Vec::new(),
            steps: Vec::new(),
            left_out: Vec::new(),
            environment: Vec::new(),
            before: None,
        }))
    }

    fn note(text: &str) -> EventKind {
        EventKind::Note {
            step: None,
            text: text.to_owned(),
            by: "ana".to_owned(),
        }
    }

    // A journal of an opening and batches of notes, and where each batch ends.
    fn written(batches: &[Vec<String>]) -> (tempfile::TempDir, RunFolder, Vec<u8>, Vec<usize>) {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(place.path(), "RUN", false, b"").unwrap();
        let mut journal = Journal::create(&folder, &Disk, Clock::default()).unwrap();
        let mut ends = Vec::new();
        let _ = journal.commit(vec![opened()]).unwrap();
        ends.push(journal.length as usize);
        for batch in batches {
            let _ = journal
                .commit(batch.iter().map(|it| note(it)).collect())
                .unwrap();
            ends.push(journal.length as usize);
        }
        let bytes = std::fs::read(folder.journal()).unwrap();
        (place, folder, bytes, ends)
    }

    fn batches() -> impl Strategy<Value = Vec<Vec<String>>> {
        prop::collection::vec(prop::collection::vec("[^\\x00]{0,12}", 1..4), 1..5)
    }

    #[test]
    fn a_failed_write_is_final() {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(place.path(), "RUN", false, b"").unwrap();
        let mut journal = Journal::create(&folder, &Full, Clock::default()).unwrap();
        let error = journal.commit(vec![opened()]).unwrap_err();
        assert!(error.is_full(), "{error}");
        let error = journal.commit(vec![opened()]).unwrap_err();
        assert!(matches!(error, JournalError::Failed { .. }), "{error}");
        assert!(journal.state().opened().is_none());
    }

    struct Full;

    impl Storage for Full {
        fn append(&self, _file: &File, _bytes: &[u8]) -> io::Result<()> {
            Err(io::Error::from_raw_os_error(libc::ENOSPC))
        }

        fn sync(&self, _file: &File) -> io::Result<()> {
            Ok(())
        }
    }

    // A process that another test starts holds all descriptors of this one until it has become its
    // program, the lock of a journal that was closed meanwhile too.
    fn reopen(folder: &RunFolder) -> (Journal, Option<EventKind>) {
        for _ in 0..1_000_000 {
            match Journal::reopen(folder, &Disk, Clock::default()) {
                Err(ReopenError::Store(_)) => std::thread::yield_now(),
                other => return other.unwrap(),
            }
        }
        panic!("the lock of a closed journal is still held");
    }

    #[test]
    fn nothing_comes_after_the_closing() {
        let (_place, folder, _, _) = written(&[]);
        let (mut journal, _) = reopen(&folder);
        let closing = EventKind::RunClosed {
            result: Closing::Passed,
            reason: None,
            by: None,
        };
        let _ = journal.commit(vec![closing]).unwrap();
        let error = journal.commit(vec![note("late")]).unwrap_err();
        assert!(matches!(error, JournalError::Illegal(_)), "{error}");
    }

    proptest! {
        #[test]
        fn a_cut_anywhere_loses_only_what_was_never_acknowledged(
            batches in batches(),
            cut in any::<prop::sample::Index>(),
        ) {
            let (_place, folder, bytes, ends) = written(&batches);
            let cut = cut.index(bytes.len() + 1);
            let whole = Reading::of(&bytes);
            prop_assert!(whole.fault.is_none());
            std::fs::write(folder.journal(), &bytes[..cut]).unwrap();
            let reading = Reading::of(&bytes[..cut]);
            // A batch was acknowledged once the next one begins.
            let acknowledged = ends.iter().filter(|end| **end <= cut).max().copied();
            prop_assert!(reading.length >= acknowledged.unwrap_or(0) || cut < bytes.len());
            prop_assert_eq!(&reading.events[..], &whole.events[..reading.events.len()]);
            let is_torn = matches!(reading.fault, None | Some(Fault::Torn { .. }));
            prop_assert!(is_torn, "{:?}", reading.fault);
            if ends[0] > cut {
                return Ok(());
            }
            let (mut journal, recovered) = reopen(&folder);
            prop_assert_eq!(recovered.is_some(), reading.length < cut);
            let _ = journal.commit(vec![note("goes on")]).unwrap();
            drop(journal);
            let again = read_journal(&folder).unwrap();
            prop_assert!(again.fault.is_none());
            let kept = reading.events.len();
            prop_assert_eq!(&again.events[..kept], &whole.events[..kept]);
            prop_assert_eq!(again.events.len(), kept + 1);
        }

        #[test]
        fn a_flipped_bit_is_never_believed(
            batches in batches(),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let (_place, folder, mut bytes, ends) = written(&batches);
            let whole = Reading::of(&bytes);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            std::fs::write(folder.journal(), &bytes).unwrap();
            let reading = Reading::of(&bytes);
            let last = ends[ends.len() - 2];
            let is_in_last_batch = at >= last;
            if is_in_last_batch {
                // Nothing after it tells that it was acknowledged; what is believed is at most one
                // record that was changed, and never one before it.
                let kept = reading.events.len().min(whole.events.len() - batches.last().unwrap().len());
                prop_assert_eq!(&reading.events[..kept], &whole.events[..kept]);
            } else {
                let is_corrupt = matches!(reading.fault, Some(Fault::Corrupt { .. }));
                prop_assert!(is_corrupt, "{:?}", reading.fault);
                prop_assert_eq!(&reading.events[..], &whole.events[..reading.events.len()]);
                prop_assert!(Journal::reopen(&folder, &Disk, Clock::default()).is_err());
                prop_assert_eq!(std::fs::read(folder.journal()).unwrap(), bytes);
            }
        }
    }
}
