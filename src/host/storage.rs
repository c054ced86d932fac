//! Durable writes: one seam, so that tests can let the n-th of them fail.

use std::fs::File;
use std::io::{self, Write};

/// Appends and syncs.
pub trait Storage {
    /// Writes all of `bytes` at the end of `file`, which was opened for appending.
    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()>;
    /// Returns once what was written to `file` is on the disk (`fdatasync`).
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The disk as it is.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Storage for Disk {
    fn append(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// A disk that fails, or a machine that dies, where `$RUNBOOK_FAULT` says.
#[cfg(feature = "testing")]
#[derive(Clone, Copy, Debug)]
pub struct Faulty;

#[cfg(feature = "testing")]
impl Storage for Faulty {
    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        use super::fault::{Fault, die, die_both, next};
        match next() {
            Fault::None => Disk.append(file, bytes),
            Fault::Kill => die(),
            Fault::Both => die_both(),
            Fault::Torn => {
                let _ = Disk.append(file, &bytes[..bytes.len() / 2]);
                die()
            }
            Fault::Eio => Err(io::Error::from_raw_os_error(libc::EIO)),
            Fault::Enospc => {
                let _ = Disk.append(file, &bytes[..bytes.len() / 2]);
                Err(io::Error::from_raw_os_error(libc::ENOSPC))
            }
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        use super::fault::{Fault, die, die_both, next};
        match next() {
            Fault::None => Disk.sync(file),
            Fault::Kill | Fault::Torn => die(),
            Fault::Both => die_both(),
            Fault::Eio => Err(io::Error::from_raw_os_error(libc::EIO)),
            Fault::Enospc => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
        }
    }
}

/// Returns the storage that this build and environment ask for.
pub fn from_environment() -> &'static dyn Storage {
    #[cfg(feature = "testing")]
    if std::env::var_os("RUNBOOK_FAULT").is_some() {
        return &Faulty;
    }
    &Disk
}
