//! The inert data that every floor speaks of: runbook, section, step, input, diagnostic.
//! Holds no behaviour beyond small questions about itself; reads and writes nothing.

mod diagnostic;
mod input;
mod reading;
mod runbook;
mod step;

pub use diagnostic::{Diagnostic, Severity, Span};
pub use input::{Input, SecretSource};
pub use reading::{FenceReading, Nature, Offer, Piece, Place, Placeholder, Stands};
pub use runbook::{Kind, Runbook, Section};
pub use step::{Circumstances, Doubt, Effect, Language, Offered, Settings, Step, StepId, Task};
