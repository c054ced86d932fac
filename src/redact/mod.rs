//! Keeps secrets out of what is stored and shown: the forms in which a secret appears, a masker for
//! streams, holes in stored values, and a second look for what nobody declared.
//!
//! Pure: it is handed text and secrets, and knows neither where they come from nor where they go.

mod detector;
mod disguise;
mod holes;
mod lines;
mod masker;
mod paths;
mod redactor;
pub mod rules;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use detector::Detector;
pub use holes::{Lost, lost_hole, refill, shown};
pub use masker::{Masker, Patterns};
pub use paths::is_private;
pub use redactor::{Redactor, Texts};

/// What stands where a secret was.
pub const MASK: &str = "***";

/// A secret with fewer characters is found everywhere by chance: it is masked only by whole lines,
/// and only where its input says `short: true`.
pub const LEAST: usize = 8;

/// A secret and its name. Serialised for the keeper's socket alone; no record holds it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name that records give it.
    pub name: String,
    /// Its value, which nobody is to see.
    pub value: String,
    /// Whether lines that hold it are masked whole.
    #[serde(default)]
    pub short: bool,
}

impl Named {
    /// Returns the secret `name` with this value; it is short when its value is.
    pub fn new(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            short: is_short(value),
        }
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={MASK}", self.name)
    }
}

/// Whether `value` is too short to be masked by itself.
pub fn is_short(value: &str) -> bool {
    value.chars().take(LEAST).count() < LEAST
}
