#![doc = include_str!("ARCHITECTURE.md")]

pub mod classify;
pub mod event;
pub mod markdown;
pub mod model;
pub mod resolve;
pub mod report;
// pure floors above; the floors below touch the machine
pub mod cli;
