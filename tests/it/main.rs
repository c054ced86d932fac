//! The program from outside: one binary, so that it links once.

mod bad_input;
mod fixture;
mod floors;
mod kills;
mod model;
mod recovery;
mod running;
