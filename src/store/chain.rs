//! The hash chain of a file of lines.
//!
//! `h = SHA-256(domain ‖ 0 ‖ u64 big-endian length ‖ exact bytes of the line, without LF)`; each
//! line names the hash of the line before it as `prev`, the first one 64 zeros. What is hashed is
//! what is stored.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The hash of one line: 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Returns the hash of `line` in the chain `domain`.
    pub fn of_line(domain: &str, line: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(domain.as_bytes());
        hasher.update([0]);
        hasher.update((line.len() as u64).to_be_bytes());
        hasher.update(line);
        Self(hasher.finalize().into())
    }

    /// Returns the plain SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns 64 hexadecimal digits.
    pub fn hex(self) -> String {
        hex(&self.0)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
