//! Judges what documents assert: rhai scripts and expressions, and expected outputs.
//!
//! [`judge`] and [`holds`] are functions of what they are handed, [`Facts`]: they look at nothing
//! themselves. A script that asks for something of the world (`http`, `tcp`, `file`, `cert`, `disk`,
//! the time) and finds no fact for it comes back as [`Judgement::Needs`]: the caller looks, records
//! what was found, adds it to [`Facts::probed`], and asks again, until the answer is
//! [`Judgement::Judged`]. So what is judged again after a crash comes to the same. A script that
//! errs, loops, panics or grows beyond its [`limits`] does not hold; it is never an error of
//! the caller. One that outlasts the [`Patience`] of the caller asks for just that fact, and falls with it:
//! also when it is judged again, on a faster machine.
//!
//! [`compile`] tells before step one what is wrong in an expression: syntax, and names that do not
//! exist, with what was probably meant.
//!
//! ```text
//! judge(&Check, &Facts) -> Judgement           a rhai fence, an output fence
//! holds(&Expression, &Facts) -> Judgement      if= unless= until= ready=
//! compile(&Expression, &Known) -> Vec<Fault>   before step one; ranges are bytes of the expression
//! compile_output(Matching, &Expression) -> …   the same for an expected output
//! Facts { step, steps, inputs, values, run, probed: &[(Probe, Fact)], patience }
//! Judgement = Judged(model::Judged) | Needs(Vec<Probe>)
//! ```
//!
//! The floor stands below `resolve`, which compiles what it attaches to steps. `Fact`, `Judged` and
//! its `Run`s are of [`model`](crate::model): events hold them.
//!
//! What is handed back may hold values of the run: the caller masks secrets before it shows or
//! stores a [`Judged`](crate::model::Judged).

mod asserts;
mod compile;
mod difference;
mod evaluate;
mod facts;
mod functions;
mod judge;
mod lines;
mod output;
mod plain;
mod quantity;
mod source;
mod structure;
mod table;
mod value;

pub use compile::{Fault, Gives, Known, Values, compile};
pub use evaluate::{FALSE, limits};
pub use facts::{Facts, Patience, RunFacts, StepFacts};
pub use functions::{FUNCTIONS, Function, OF_A_RUN, OF_A_STEP, STANDARD};
pub use judge::{Judgement, holds, judge};
pub use output::compile_output;

#[cfg(test)]
mod tests;
