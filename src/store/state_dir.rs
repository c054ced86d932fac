//! The state directory: where all runs are.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::host::machine;

use super::StoreError;
use super::folder::RunFolder;

/// The state directory, looked at and found fit.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
    shared: bool,
}

impl StateDir {
    /// Returns where the state directory is: `given`, else `$RUNBOOK_STATE`, else
    /// `$XDG_STATE_HOME/runbook`, else `~/.local/state/runbook`.
    pub fn locate(given: Option<&Path>) -> PathBuf {
        let of = |name| {
            std::env::var_os(name)
                .filter(|it| !it.is_empty())
                .map(PathBuf::from)
        };
        given
            .map(Path::to_owned)
            .or_else(|| of("RUNBOOK_STATE"))
            .or_else(|| of("XDG_STATE_HOME").map(|it| it.join("runbook")))
            .or_else(|| of("HOME").map(|it| it.join(".local/state/runbook")))
            .or_else(|| {
                let home = machine::home(rustix::process::getuid().as_raw())?;
                Some(home.join(".local/state/runbook"))
            })
            // Nowhere: then the way out is named where it cannot be made.
            .unwrap_or_else(|| PathBuf::from("/nonexistent/runbook"))
    }

    /// Opens the state directory for writing: makes it where it is missing (0700), and tries that
    /// locks and syncs work there.
    ///
    /// # Errors
    /// Where it is a symlink, writable by everybody, somebody else's, or on a file system without
    /// locks or syncs.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Err(error) = fs::symlink_metadata(path) {
            if error.kind() != std::io::ErrorKind::NotFound {
                return Err(hinted(StoreError::new("use", path, error)));
            }
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(|error| hinted(StoreError::new("create", path, error)))?;
        }
        let dir = Self::look(path)?;
        let runs = dir.runs();
        if !runs.exists() {
            let mode = if dir.shared { 0o2770 } else { 0o700 };
            let made = fs::DirBuilder::new().mode(mode).create(&runs);
            match made {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(hinted(StoreError::new("create", &runs, error)));
                }
                _ if dir.shared => {
                    let _ = fs::set_permissions(&runs, fs::Permissions::from_mode(mode));
                }
                _ => {}
            }
        }
        dir.try_out()?;
        Ok(dir)
    }

    /// Returns the state directory for reading, with the same refusals but for the try-out;
    /// nothing is made.
    ///
    /// # Errors
    /// Where it is a symlink, or writable by everybody.
    pub fn look(path: &Path) -> Result<Self, StoreError> {
        let metadata =
            fs::symlink_metadata(path).map_err(|error| StoreError::new("use", path, error))?;
        let refuse = |why: &str, hint: &str| Err(StoreError::refused("use", path, why, hint));
        if metadata.is_symlink() {
            return refuse(
                "it is a symlink, and who can change the link could change the evidence",
                "give the folder itself with --state-dir",
            );
        }
        if !metadata.is_dir() {
            return refuse("it is not a folder", "give another place with --state-dir");
        }
        if metadata.mode() & 0o002 != 0 {
            return refuse(
                "everybody may write to it",
                "`chmod o-w` it, or give another place with --state-dir",
            );
        }
        if let Err(error) = fs::read_dir(path) {
            let mut error = StoreError::new("look into", path, error);
            if error.source.kind() == std::io::ErrorKind::PermissionDenied {
                let owner = machine::user_name(metadata.uid());
                error.hint = Some(format!(
                    "it belongs to {owner} and its group: act as one of them, or give another \
                     place with --state-dir"
                ));
            }
            return Err(error);
        }
        Ok(Self {
            path: path.to_owned(),
            shared: metadata.mode() & 0o020 != 0,
        })
    }

    /// Returns `runs/`.
    pub fn runs(&self) -> PathBuf {
        self.path.join("runs")
    }

    /// Returns whether a group may write here, so that others can take a run over.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Returns the folders of all runs, oldest first; those that cannot be read are left out.
    pub fn folders(&self) -> Vec<RunFolder> {
        let Ok(entries) = fs::read_dir(self.runs()) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|it| it.is_dir())
            .collect();
        paths.sort();
        paths
            .iter()
            .filter_map(|path| RunFolder::open(path).ok())
            .collect()
    }

    /// Returns the runs whose id starts with `prefix` (case aside), or the latest for `last`.
    pub fn find(&self, prefix: &str) -> Vec<RunFolder> {
        let mut folders = self.folders();
        if prefix == "last" {
            return folders.pop().into_iter().collect();
        }
        let prefix = prefix.to_ascii_uppercase();
        folders.retain(|folder| folder.run().starts_with(&prefix));
        folders
    }

    fn try_out(&self) -> Result<(), StoreError> {
        let probe = self.path.join(format!(".probe-{}", std::process::id()));
        let outcome = (|| {
            let first = File::create_new(&probe)?;
            flock(&first, FlockOperation::NonBlockingLockExclusive)?;
            let second = File::open(&probe)?;
            if flock(&second, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Err(std::io::Error::other(
                    "two processes can hold the same lock there",
                ));
            }
            first.sync_all()
        })();
        let _ = fs::remove_file(&probe);
        outcome.map_err(|error| {
            let mut error = StoreError::new("keep runs in", &self.path, error);
            error.hint = Some(
                "locks and syncs must work there: give another place with --state-dir or \
                 $RUNBOOK_STATE"
                    .to_owned(),
            );
            error
        })
    }
}

fn hinted(mut error: StoreError) -> StoreError {
    error.hint = Some("give another place with --state-dir or $RUNBOOK_STATE".to_owned());
    error
}
