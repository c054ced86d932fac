//! Whether a run's folder is what the program wrote. Verifies a record, not the system.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::event::{AttemptExited, EventKind, Output};

use super::attempts::{Outcome, read_attempts};
use super::chain::{Hash, hex};
use super::folder::RunFolder;
use super::journal::{Fault, ReopenError, read_journal};

/// What was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Records of the journal.
    pub events: u64,
    /// Records of the keeper.
    pub attempts: u64,
    /// Stored outputs whose digest was compared.
    pub outputs: u64,
    /// The head of the chain.
    pub head: String,
    /// Whether the run is closed: only then nothing more is to come.
    pub closed: bool,
}

/// Why a run's folder is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// `corrupt`, `torn`, `illegal`, `missing` or `mismatch`.
    pub class: &'static str,
    /// What, and where.
    pub because: String,
}

/// Verifies the chain of the journal and of the keeper's records, the snapshot, every stored
/// output, and the head that the transcript names. Changes nothing.
///
/// # Errors
/// The first thing that is not as it was written.
pub fn verify(folder: &RunFolder) -> Result<Verified, Unverified> {
    let missing = |because: String| Unverified {
        class: "missing",
        because,
    };
    let mismatch = |because: String| Unverified {
        class: "mismatch",
        because,
    };
    let reading = read_journal(folder).map_err(|error| missing(chain_of(&error)))?;
    match &reading.fault {
        Some(Fault::Corrupt { seq, because, .. }) => {
            return Err(Unverified {
                class: "corrupt",
                because: format!("journal record {seq}: {because}"),
            });
        }
        Some(Fault::Torn { seq, .. }) => {
            return Err(Unverified {
                class: "torn",
                because: format!(
                    "the journal is cut off at record {seq}; nothing after it was acknowledged, \
                     and `runbook resume` sets it aside"
                ),
            });
        }
        None => {}
    }
    let state = reading.state().map_err(|error| Unverified {
        class: "illegal",
        because: match error {
            ReopenError::Illegal { seq, source } => format!("journal record {seq}: {source}"),
            other => other.to_string(),
        },
    })?;
    let Some(opened) = state.opened() else {
        return Err(missing(
            "the journal does not hold the opening of the run".to_owned(),
        ));
    };
    if opened.run != folder.run() {
        let because = format!(
            "the journal is of run {}, the folder of {}",
            opened.run,
            folder.run()
        );
        return Err(mismatch(because));
    }
    for event in &reading.events {
        let (file, wanted) = match &event.kind {
            EventKind::RunOpened(opened) => ("runbook.md", &opened.snapshot),
            EventKind::RunbookAdopted(adopted) => (adopted.file.as_str(), &adopted.snapshot),
            _ => continue,
        };
        // A journal that was tampered with must not make us read elsewhere.
        let name = Path::new(file).file_name().unwrap_or_default();
        let snapshot = fs::read(folder.path().join(name))
            .map_err(|error| missing(format!("`{file}`: {error}")))?;
        if Hash::of(&snapshot).hex() != *wanted {
            return Err(mismatch(format!(
                "`{file}` is not the document that was run"
            )));
        }
    }
    let attempts = read_attempts(folder).map_err(|error| missing(chain_of(&error)))?;
    if let Some(because) = &attempts.corrupt {
        return Err(Unverified {
            class: "corrupt",
            because: format!("`attempts.jsonl`: {because}"),
        });
    }
    let known: BTreeSet<&str> = reading
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepStarting(starting) => Some(starting.nonce.as_str()),
            _ => None,
        })
        .collect();
    for record in &attempts.records {
        if let (Outcome::Exited(exited), false) =
            (&record.outcome, known.contains(record.nonce.as_str()))
        {
            return Err(mismatch(format!(
                "the keeper recorded an attempt of step `{}` that the journal never began",
                exited.step
            )));
        }
    }
    let mut outputs = 0;
    let mut unheard = None;
    for event in &reading.events {
        let EventKind::AttemptExited(exited) = &event.kind else {
            continue;
        };
        match attempts.outcome(&exited.nonce) {
            Some(Outcome::Exited(record)) if is_told(record, exited) => {
                if let Some(step) = unheard {
                    return Err(missing(format!("the keeper's record of step `{step}`")));
                }
            }
            Some(_) => {
                let because = format!(
                    "the keeper and the journal tell different ends of step `{}`",
                    exited.step
                );
                return Err(mismatch(because));
            }
            // A power cut may take the keeper's last records, and never what the journal has: that
            // was synced before anybody was told.
            None => unheard = Some(&exited.step),
        }
        if let Some(output) = &exited.output {
            check_output(folder, output)?;
            outputs += 1;
        }
    }
    let head = reading.head.hex();
    // The last record has no other to vouch for it, but the transcript that was written after it.
    if let Ok(transcript) = fs::read_to_string(folder.transcript())
        && !reading
            .hashes
            .iter()
            .rev()
            .any(|hash| transcript.contains(&hash.hex()))
    {
        return Err(mismatch(
            "the transcript names no head of this journal".to_owned(),
        ));
    }
    Ok(Verified {
        events: reading.events.len() as u64,
        attempts: attempts.records.len() as u64,
        outputs,
        head,
        closed: state.closed().is_some(),
    })
}

// The engine adds where a step failed, when what it printed tells, and why a secret that it printed is
// not what its input takes; all else is the keeper's word.
fn is_told(record: &AttemptExited, exited: &AttemptExited) -> bool {
    let told = AttemptExited {
        failed_at: record.failed_at.clone(),
        unfit: record.unfit.clone(),
        ..exited.clone()
    };
    told == *record
        && (record.failed_at.is_none() || record.failed_at == exited.failed_at)
        && (record.unfit.is_none() || record.unfit == exited.unfit)
}

fn check_output(folder: &RunFolder, output: &Output) -> Result<(), Unverified> {
    if output.log.is_empty() && output.stored == 0 {
        // The step's output is private: nothing of it was to be stored.
        return Ok(());
    }
    let path = folder.path().join(&output.log);
    if output.lost.is_some() && output.stored == 0 && !path.exists() {
        // The disk did not even take the file, and the record says so.
        return Ok(());
    }
    let (digest, length) = digest_of(&path).map_err(|error| Unverified {
        class: "missing",
        because: format!("`{}`: {error}", output.log),
    })?;
    let wanted = output.stored_digest.as_ref().unwrap_or(&output.digest);
    if length != output.stored || digest != *wanted {
        return Err(Unverified {
            class: "mismatch",
            because: format!("`{}` is not what the step printed", output.log),
        });
    }
    Ok(())
}

fn digest_of(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 256 * 1024];
    let mut length = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((hex(&hasher.finalize()), length));
        }
        hasher.update(&buffer[..count]);
        length += count as u64;
    }
}

fn chain_of(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
