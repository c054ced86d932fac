#![doc = include_str!("ARCHITECTURE.md")]

pub mod model;
pub mod event;
// pure floors above; the floors below touch the machine
pub mod cli;
