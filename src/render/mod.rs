//! Writes values into commands, each encoded for the place where it stands, so that none can become
//! code. Pure text; asks nobody and knows no run.

mod encode;
mod fill;
pub mod page;
mod shell;
pub mod template;

pub use encode::Datum;
pub use fill::{Filled, MASK, Unfit, Value, fill, fits, unfillable};
