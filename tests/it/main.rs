//! The program from outside: one binary, so that it links once.

mod docs;
mod fixture;
mod floors;
mod handover;
mod kills;
mod pty;
mod recovery;
mod running;
mod terminal;
