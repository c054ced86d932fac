//! Document → [`Runbook`](crate::model::Runbook) and its diagnostics: which fences and checklist
//! items are steps, what they are called, what their attributes and the front matter say.
//!
//! Never fails: what is wrong is a diagnostic, what is doubtful is a doubt of its step. What the
//! format names and this version does not perform is an error, never accepted and ignored.

mod attributes;
mod captures;
mod checks;
mod conditions;
mod declaration;
mod declare;
mod duration;
mod fences;
mod forms;
mod inputs;
mod names;
mod flow;
mod needs;
mod pieces;
mod sections;
pub mod select;
mod starts;
mod tables;
mod templates;

pub use declaration::{INPUT_KEYS, Key, TOP_KEYS};
pub use declare::{Decision, Declared, Fate, NotDeclared, declare};
pub use duration::parse_duration;
pub use fences::resolve;
pub use inputs::{accept, items};
pub use tables::each;

#[cfg(test)]
pub(crate) mod testing;
