//! Document → [`Runbook`](crate::model::Runbook) and its diagnostics: which fences and checklist
//! items are steps, what they are called, what their attributes and the front matter say.
//!
//! Never fails: what is wrong is a diagnostic, what is doubtful is a doubt of its step. What the
//! format names and this version does not perform is an error, never accepted and ignored.

mod attributes;
mod declaration;
mod duration;
mod fences;
mod names;
mod needs;
mod pieces;
mod sections;
pub mod select;

pub use declaration::{INPUT_KEYS, Key, TOP_KEYS};
pub use duration::parse_duration;
pub use fences::resolve;
pub use sections::words as heading_words;

#[cfg(test)]
mod testing {
    use super::resolve;
    use crate::classify::knowledge::Knowledge;
    use crate::classify::reading;
    use crate::markdown::outline;
    use crate::model::{Diagnostic, Runbook};

    pub(super) fn read_and_resolve(source: &str, name: &str) -> (Runbook, Vec<Diagnostic>) {
        let document = outline(source);
        let readings = reading::read(&document, &Knowledge::built_in(), 1);
        resolve(&document, name, readings)
    }
}
