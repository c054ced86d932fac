//! The folder of one run.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;

// Enough for the record that says why the run ends, and for the keeper's last ones.
const BALLAST: usize = 64 * 1024;

/// The folder `runs/<ulid>/`.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    shared: bool,
}

impl RunFolder {
    /// Creates the folder with the snapshot of the document, synced, and the ballast in it.
    ///
    /// # Errors
    /// Where it exists or cannot be written.
    pub fn create(
        runs: &Path,
        run: &str,
        shared: bool,
        snapshot: &[u8],
    ) -> Result<Self, StoreError> {
        let folder = Self {
            path: runs.join(run),
            shared,
        };
        folder.new_folder(&folder.path)?;
        folder.new_folder(&folder.outputs())?;
        let write = |path: &Path, bytes: &[u8]| {
            let mut file = folder.new_file(path)?;
            let written = file.write_all(bytes).map(|()| file);
            written.map_err(|error| StoreError::new("write", path, error))
        };
        let snapshot = |path: &Path| {
            let written = write(path, snapshot)?.sync_data();
            written.map_err(|error| StoreError::new("write", path, error))
        };
        let made = snapshot(&folder.snapshot())
            // Its room is taken once it is written: what stands in it need never reach the disk.
            .and_then(|()| write(&folder.ballast(), &vec![b'.'; BALLAST]).map(drop))
            .and_then(|()| folder.new_file(&folder.lock()).map(drop))
            .and_then(|()| folder.sync())
            .and_then(|()| sync_folder(runs));
        if let Err(error) = made {
            // Nothing half-written stays: the run was never opened.
            let _ = fs::remove_dir_all(&folder.path);
            return Err(error);
        }
        Ok(folder)
    }

    /// Returns the folder at `path`, which is there already.
    ///
    /// # Errors
    /// Where it cannot be looked at.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mode = fs::metadata(path)
            .map_err(|error| StoreError::new("open", path, error))?
            .permissions()
            .mode();
        Ok(Self {
            path: path.to_owned(),
            shared: mode & 0o020 != 0,
        })
    }

    /// Returns the run's id: the folder's name.
    pub fn run(&self) -> &str {
        self.path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns `journal.jsonl`.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// Returns `attempts.jsonl`, the keeper's.
    pub fn attempts(&self) -> PathBuf {
        self.path.join("attempts.jsonl")
    }

    /// Returns `runbook.md`, the exact bytes that were run.
    pub fn snapshot(&self) -> PathBuf {
        self.path.join("runbook.md")
    }

    /// Returns `transcript.md`.
    pub fn transcript(&self) -> PathBuf {
        self.path.join("transcript.md")
    }

    /// Returns `transcript.template`, there where the document names one.
    pub fn page_template(&self) -> PathBuf {
        self.path.join("transcript.template")
    }

    /// Returns `output/`.
    pub fn outputs(&self) -> PathBuf {
        self.path.join("output")
    }

    /// Returns `keeper.sock`.
    pub fn socket(&self) -> PathBuf {
        self.path.join("keeper.sock")
    }

    /// Returns `lock`.
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Returns `ballast`, freed when the disk is full.
    pub fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    /// Creates a file that must not be there yet, opened for appending; 0600, or 0660 when shared.
    ///
    /// # Errors
    /// Where it is there, or cannot be made.
    pub fn new_file(&self, path: &Path) -> Result<File, StoreError> {
        self.make(path, OpenOptions::new().append(true).create_new(true))
    }

    /// Keeps `bytes` in a new file, and returns once it is on the disk.
    ///
    /// # Errors
    /// Where it is there, or cannot be written.
    pub fn keep(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = self.new_file(path)?;
        file.write_all(bytes)
            .and_then(|()| file.sync_data())
            .map_err(|error| StoreError::new("write", path, error))?;
        self.sync()
    }

    /// Creates a file, or empties the one that is there.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new_or_empty_file(&self, path: &Path) -> Result<File, StoreError> {
        self.make(
            path,
            OpenOptions::new().write(true).create(true).truncate(true),
        )
    }

    /// Opens a file for appending, and makes it where it is not there.
    ///
    /// # Errors
    /// Where it can neither be opened nor made.
    pub fn file_to_append(&self, path: &Path) -> Result<File, StoreError> {
        self.make(path, OpenOptions::new().append(true).create(true))
    }

    /// Returns once the folder's entries are on the disk.
    ///
    /// # Errors
    /// Where it cannot be synced.
    pub fn sync(&self) -> Result<(), StoreError> {
        sync_folder(&self.outputs())?;
        sync_folder(&self.path)
    }

    fn make(&self, path: &Path, options: &mut OpenOptions) -> Result<File, StoreError> {
        let mode = if self.shared { 0o660 } else { 0o600 };
        let is_new = !path.exists();
        let file = options
            .mode(mode)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(path)
            .map_err(|error| StoreError::new("create", path, error))?;
        if self.shared && is_new {
            // The caller's umask would take the group's right away.
            file.set_permissions(fs::Permissions::from_mode(mode))
                .map_err(|error| StoreError::new("share", path, error))?;
        }
        Ok(file)
    }

    fn new_folder(&self, path: &Path) -> Result<(), StoreError> {
        let mode = if self.shared { 0o2770 } else { 0o700 };
        fs::DirBuilder::new()
            .mode(mode)
            .create(path)
            .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
            .map_err(|error| StoreError::new("create", path, error))
    }
}

fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::new("sync", path, error))
}
