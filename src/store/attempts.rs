//! The keeper's exit records: append-only, chained, synced.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::event::AttemptExited;
use crate::host::clock::Clock;
use crate::host::storage::Storage;

use super::StoreError;
use super::chain::Hash;
use super::folder::RunFolder;

const DOMAIN: &str = "runbook-attempts/v1";

/// One line of `attempts.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The version of the format: 1.
    pub v: u32,
    /// From 0, without gaps.
    pub seq: u64,
    /// The hash of the line before; for the first line 64 zeros.
    pub prev: String,
    /// UTC, RFC 3339.
    pub wall: String,
    /// Which attempt.
    pub nonce: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was never released: nothing of it ran.
    Void {
        /// What shows it.
        because: String,
    },
    /// It ended.
    Exited(Box<AttemptExited>),
}

/// The file, open for appending; the keeper's alone.
pub struct AttemptLog {
    path: PathBuf,
    ballast: PathBuf,
    file: File,
    storage: &'static dyn Storage,
    clock: Clock,
    length: u64,
    next: u64,
    head: Hash,
    is_synced: bool,
}

impl AttemptLog {
    /// Opens the file, and makes it where it is not there. A torn last line is set aside first.
    ///
    /// # Errors
    /// Where it cannot be opened, or is corrupt.
    pub fn open(
        folder: &RunFolder,
        storage: &'static dyn Storage,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let path = folder.attempts();
        let file = folder.file_to_append(&path)?;
        let bytes = fs::read(&path).map_err(|error| StoreError::new("read", &path, error))?;
        let reading = AttemptReading::of(&bytes);
        if let Some(because) = &reading.corrupt {
            return Err(StoreError::refused(
                "append to",
                &path,
                because,
                "`runbook verify` tells more",
            ));
        }
        if reading.length < bytes.len() {
            set_aside(folder, &path, &file, &bytes, reading.length)?;
        }
        Ok(Self {
            ballast: folder.ballast(),
            file,
            storage,
            clock,
            length: reading.length as u64,
            next: reading.records.len() as u64,
            head: reading.head,
            is_synced: true,
            path,
        })
    }

    /// Appends one record, to be synced by [`AttemptLog::sync`].
    ///
    /// # Errors
    /// Where the disk does not take it. A full disk gets the run's ballast first.
    pub fn append(&mut self, nonce: &str, outcome: Outcome) -> Result<AttemptRecord, StoreError> {
        let record = AttemptRecord {
            v: 1,
            seq: self.next,
            prev: self.head.hex(),
            wall: self.clock.wall(),
            nonce: nonce.to_owned(),
            outcome,
        };
        let mut line = serde_json::to_vec(&record)
            .expect("a record holds only strings, numbers and lists, which JSON can tell");
        let head = Hash::of_line(DOMAIN, &line);
        line.push(b'\n');
        if let Err(error) = self.write(&line) {
            let full = matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT));
            let retried = full && fs::remove_file(&self.ballast).is_ok() && self.cut().is_ok();
            if !retried {
                return Err(StoreError::new("append to", &self.path, error));
            }
            self.write(&line)
                .map_err(|error| StoreError::new("append to", &self.path, error))?;
        }
        self.is_synced = false;
        self.length += line.len() as u64;
        self.next += 1;
        self.head = head;
        Ok(record)
    }

    /// Returns whether everything that was appended is on the disk.
    pub fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// Returns once everything that was appended is on the disk.
    ///
    /// # Errors
    /// Where the disk fails. Nothing may be appended after that: a later sync that succeeds would
    /// not mean what it says.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        if !self.is_synced {
            self.storage
                .sync(&self.file)
                .map_err(|error| StoreError::new("sync", &self.path, error))?;
            self.is_synced = true;
        }
        Ok(())
    }

    fn write(&self, line: &[u8]) -> io::Result<()> {
        self.storage.append(&self.file, line)
    }

    fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.length)
    }
}

fn set_aside(
    folder: &RunFolder,
    path: &Path,
    file: &File,
    bytes: &[u8],
    at: usize,
) -> Result<(), StoreError> {
    let tail = (1..).map(|n| folder.path().join(format!("attempts.tail.{n}")));
    for tail in tail {
        if tail.exists() {
            continue;
        }
        let copy = folder.new_file(&tail)?;
        return crate::host::storage::Disk
            .append(&copy, &bytes[at..])
            .and_then(|()| copy.sync_all())
            .and_then(|()| file.set_len(at as u64))
            .and_then(|()| file.sync_all())
            .map_err(|error| StoreError::new("set aside the torn end of", path, error));
    }
    Ok(())
}

/// What the bytes of `attempts.jsonl` say.
#[derive(Clone, Debug, Default)]
pub struct AttemptReading {
    /// The good records, from the first.
    pub records: Vec<AttemptRecord>,
    /// Bytes that they take.
    pub length: usize,
    /// The hash of the last of them.
    pub head: Hash,
    /// What is wrong, when a whole line is not what was written.
    pub corrupt: Option<String>,
}

impl AttemptReading {
    /// Reads the records. A last line without an end was never acknowledged and is left out.
    pub fn of(bytes: &[u8]) -> Self {
        let mut reading = Self::default();
        while let Some(length) = memchr::memchr(b'\n', &bytes[reading.length..]) {
            let line = &bytes[reading.length..reading.length + length];
            let seq = reading.records.len() as u64;
            let record = match serde_json::from_slice::<AttemptRecord>(line) {
                Ok(record) if record.seq == seq && record.prev == reading.head.hex() => record,
                Ok(_) => {
                    reading.corrupt = Some(format!("the chain breaks before record {seq}"));
                    return reading;
                }
                // The very last line may be torn: a power cut can leave its end without its middle.
                Err(_) if reading.length + length + 1 == bytes.len() => return reading,
                Err(error) => {
                    reading.corrupt = Some(format!("record {seq}: {error}"));
                    return reading;
                }
            };
            reading.head = Hash::of_line(DOMAIN, line);
            reading.length += length + 1;
            reading.records.push(record);
        }
        reading
    }

    /// Returns what became of the attempt `nonce`.
    pub fn outcome(&self, nonce: &str) -> Option<&Outcome> {
        self.records
            .iter()
            .find(|it| it.nonce == nonce)
            .map(|it| &it.outcome)
    }
}

/// Reads the keeper's records of a run; no file is no records. Changes nothing.
///
/// # Errors
/// Where the file is there and cannot be read.
pub fn read_attempts(folder: &RunFolder) -> Result<AttemptReading, StoreError> {
    match fs::read(folder.attempts()) {
        Ok(bytes) => Ok(AttemptReading::of(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(AttemptReading::default()),
        Err(error) => Err(StoreError::new("read", folder.attempts(), error)),
    }
}
