//! Where a step really runs. In this version: this machine.
//! Turns a step into a [`Launch`](crate::keeper::protocol::Launch); the keeper starts it.

pub mod file;
mod local;
mod survey;

pub use local::{Start, Starter, launch, launch_own, line_offset, named_line, needed, starter};
pub use survey::{BASH, Interpreter, Own, POWERSHELL, Survey};
