//! The program from outside: one binary, so that it links once.

mod docs;
mod handover;
mod pty;
mod terminal;
