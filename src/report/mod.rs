//! Readers of what happened: they write it down for people and for machines, to what they are
//! handed. They decide nothing.

pub mod diagnostic;
