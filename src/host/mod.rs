//! The machine as the program sees it: clock, boot, processes, people, storage, helper commands, looks
//! for checks. Everything that pure floors must be handed comes from here. Decides nothing.

pub mod accounts;
mod certificate;
pub mod clock;
pub mod command;
pub mod fault;
pub mod files;
pub mod held;
pub mod machine;
pub mod place;
pub mod probe;
pub mod process;
pub mod replace;
pub mod storage;
pub mod terminal;
