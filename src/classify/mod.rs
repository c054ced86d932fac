//! What a fence is, and why not to run it as it stands: the table of languages, placeholders,
//! doubtful characters.
//!
//! In this version a fence's nature comes from its language tag alone; what is in doubt is refused.
//! Runs nothing, and asks nothing of the machine.

mod accident;
pub mod chores;
pub mod knowledge;
pub mod language;
pub mod powershell;
mod prompt;
pub mod reading;
mod shell;
pub mod sql;
mod suspicion;
mod text;
pub mod understanding;

pub use language::{Kind, Row};
pub use prompt::{Session, session};
pub use suspicion::{Suspicion, suspicions};
