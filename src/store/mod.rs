//! Run folders: where they are, who owns one, the journal with its hash chain, the keeper's exit
//! records, and what a crash left of them. The only floor that knows the layout on disk.

pub mod attempts;
mod chain;
pub mod folder;
pub mod journal;
pub mod lock;
pub mod state_dir;
pub mod verify;

use std::io;
use std::path::PathBuf;

pub use chain::Hash;
pub(crate) use chain::hex;

/// A folder or file of the store that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{}`", path.display())]
pub struct StoreError {
    /// What was tried: `create`, `read`, `lock`.
    pub doing: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
    /// What the operator can do.
    pub hint: Option<String>,
}

impl StoreError {
    fn new(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self {
            doing,
            path: path.into(),
            source,
            hint: None,
        }
    }

    fn refused(
        doing: &'static str,
        path: impl Into<PathBuf>,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let source = io::Error::other(why.into());
        Self {
            doing,
            path: path.into(),
            source,
            hint: Some(hint.into()),
        }
    }
}
