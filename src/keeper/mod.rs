//! The keeper: the only place where steps are started, held, read, signalled and reaped.
//!
//! One process a run, the same binary, one thread, synchronous. It has a session of its own, is the
//! reaper of every process that a step leaves behind, and outlives the engine: a step goes on when
//! engine and terminal are gone, and how it ended is on the disk before anybody hears of it.
//! It never decides what runs: it holds a step at a gate whose other end the engine has.

mod child;
mod dump;
pub mod link;
mod output;
pub mod protocol;
mod serve;
mod terminal;

pub use dump::parse_exports;
pub use serve::main;

/// The file descriptor on which an interpreter finds the step's body.
pub const SCRIPT_FD: i32 = 18;

/// The file descriptor on which an interpreter leaves its environment at its end.
pub const DUMP_FD: i32 = 19;

/// How long a step that was told to end may take before it is killed.
pub const GRACE: std::time::Duration = std::time::Duration::from_secs(10);
