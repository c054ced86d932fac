//! What a fence is, what it does, and why not to run it as it stands.
//!
//! [`reading::read`] takes a document's fences apart: cheap tests of lines say what is no command
//! (`nature`), a light scanner splits the rest into pieces (`pieces`), what is left to the reader is
//! found (`placeholders`), and only then commands are understood (`understanding`). What the document
//! around a fence says (`surroundings`) comes last: what it makes of a piece (`listening`), which pieces
//! exclude each other (`excluding`, `ways`, `side_by_side`, `tabs`), which variables nothing sets (`variables`). Words of human
//! languages are data (`words`).
//! Runs nothing, and asks nothing of the machine.

mod accident;
mod body;
pub mod chores;
mod context;
mod excluding;
pub mod knowledge;
pub mod language;
mod listening;
mod nature;
mod pieces;
mod placeholders;
pub mod powershell;
mod prompt;
mod prompted;
pub mod reading;
pub mod readings;
mod shell;
mod side_by_side;
pub mod sql;
mod surroundings;
mod suspicion;
mod tabs;
mod text;
pub mod understanding;
mod variables;
mod ways;
mod words;

pub use language::{Kind, Row};
pub use prompt::{Session, session};
pub use suspicion::{Suspicion, suspicions};
