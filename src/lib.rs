#![doc = include_str!("ARCHITECTURE.md")]

pub mod event;
pub mod model;
pub mod report;
// pure floors above; the floors below touch the machine
pub mod cli;
