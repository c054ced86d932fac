#![doc = include_str!("ARCHITECTURE.md")]

// The floors, lowest first: a module uses only modules declared above it, and a test holds that.
// Pure: no files, clock, processes, environment.
pub mod model;
pub mod event;
pub mod state;
pub mod markdown;
pub mod classify;
pub mod check;
pub mod redact;
pub mod unified;
pub mod change;
pub mod render;
pub mod resolve;
pub mod lint;
pub mod plan;
pub mod report;
// Touches the machine.
pub mod host;
pub mod store;
pub mod secret;
pub mod keeper;
pub mod sandbox;
pub mod target;
pub mod engine;
pub mod cli;
