//! The lock of a run: flock'ed by the engine that owns it.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::folder::RunFolder;

/// Who holds, or last held, a run's lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The engine's process number.
    pub pid: u32,
    /// Its operator.
    pub user: String,
    /// Since when, UTC.
    pub since: String,
}

/// The lock, held until it is dropped. Steps never inherit it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another engine owns the run.
    #[error("run {run} is owned by another engine{}", describe(holder.as_ref()))]
    Held {
        /// The run.
        run: String,
        /// Who, where the file tells.
        holder: Option<Holder>,
    },
    /// The file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn describe(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |it| {
        format!(": process {} of {}, since {}", it.pid, it.user, it.since)
    })
}

impl Lock {
    /// Takes the lock of the run, without waiting.
    ///
    /// # Errors
    /// [`LockError::Held`] where another engine has it.
    pub fn take(folder: &RunFolder, holder: &Holder) -> Result<Self, LockError> {
        let path = folder.lock();
        let fault = |error| StoreError::new("lock", &path, error);
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
                .open(&path)
                .map_err(fault)?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                let holder = fs::read(&path)
                    .ok()
                    .and_then(|it| serde_json::from_slice(&it).ok());
                return Err(LockError::Held {
                    run: folder.run().to_owned(),
                    holder,
                });
            }
            // A file that was replaced between open and lock is another file: look again.
            let (ours, theirs) = (
                file.metadata().map_err(fault)?,
                fs::metadata(&path).map_err(fault)?,
            );
            if (ours.dev(), ours.ino()) != (theirs.dev(), theirs.ino()) {
                continue;
            }
            let text = serde_json::to_vec(holder).unwrap_or_default();
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(&text))
                .map_err(fault)?;
            return Ok(Self { _file: file });
        }
    }

    /// Returns who holds the run's lock now; `None` where nobody does.
    pub fn holder(folder: &RunFolder) -> Option<Holder> {
        let file = File::open(folder.lock()).ok()?;
        if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
            return None;
        }
        let unknown = || Holder {
            pid: 0,
            user: "?".to_owned(),
            since: "?".to_owned(),
        };
        let text = fs::read(folder.lock()).ok()?;
        Some(serde_json::from_slice(&text).unwrap_or_else(|_| unknown()))
    }
}
