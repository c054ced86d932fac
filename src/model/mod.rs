//! The inert data that every floor speaks of: runbook, section, step, input, diagnostic.
//! Holds no behaviour beyond small questions about itself; reads and writes nothing.

mod check;
mod diagnostic;
mod input;
mod judged;
mod reading;
mod runbook;
mod step;
mod value;
mod written_file;

pub use check::{Check, Condition, Expression, Matching, Probe};
pub use diagnostic::{Diagnostic, Severity, Span};
pub use input::{Input, InputType, SecretSource};
pub use judged::{Fact, Judged, Run, Tag};
pub use reading::{FenceReading, Nature, Offer, Piece, Place, Placeholder, Stands};
pub use runbook::{Field, Form, Kind, PageTemplate, Runbook, Section, Table};
pub use step::{
    Circumstances, Doubt, Effect, Every, Language, Offered, SAID, Service, Settings, Step, StepId,
    Task, With, writes,
};
pub use value::{LARGEST_VALUE, given_secret, is_variable, mentions, unfit_name};
pub use written_file::{Change, FileChange, Links, Owner, WrittenFile};
