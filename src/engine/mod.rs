//! Runs a plan: decides, records, and only then acts.
//!
//! `decide` is pure; `drive` does what it says, one thing after the other; `recover` finds out what
//! a crash left. The engine never starts a process: it asks the keeper, and releases what is held
//! with the receipt of the commit that names it.

mod conceal;
pub mod decide;
mod drive;
pub mod operator;
mod publish;
pub mod recover;
mod signals;

pub use conceal::conceal;
pub use drive::{Engine, EngineError, Parts, terminal_width};
pub use publish::{Publisher, StoredOutputs};
pub use signals::{Interruption, Signals, block as block_signals, stoppable};
