//! What a fence is, and why not to run it as it stands: the table of languages, placeholders,
//! doubtful characters.
//!
//! In this version a fence's nature comes from its language tag alone; what is in doubt is refused.
//! Runs nothing, and asks nothing of the machine.

mod body;
pub mod knowledge;
pub mod language;
mod nature;
mod pieces;
mod placeholders;
mod prompt;
mod prompted;
pub mod reading;
mod surroundings;
mod suspicion;
mod text;
pub mod understanding;
mod words;

pub use language::{Kind, Row};
pub use prompt::{Session, session};
pub use suspicion::{Suspicion, suspicions};

use crate::model::Effect;

/// Returns what a text for a database's console does.
fn query_effect(text: &str) -> Effect {
    let _ = text;
    Effect::Unknown
}
