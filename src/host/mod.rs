//! The machine as the program sees it: clock, boot, processes, people, storage, helper commands.
//! Everything that pure floors must be handed comes from here. Decides nothing.

pub mod clock;
pub mod command;
pub mod fault;
pub mod files;
pub mod held;
pub mod machine;
pub mod process;
pub mod storage;
