//! The program from outside: one binary, so that it links once.

mod fixture;
mod floors;
mod kills;
mod recovery;
mod running;
