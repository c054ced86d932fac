#![doc = include_str!("ARCHITECTURE.md")]

pub mod model;
pub mod event;
pub mod state;
// pure floors above; the floors below touch the machine
pub mod host;
pub mod store;
pub mod keeper;
pub mod target;
pub mod cli;
