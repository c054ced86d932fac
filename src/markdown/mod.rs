//! Bytes → [`Document`]: sections, fences, list items, tables, comments, front matter, attributes,
//! each with its bytes and its line in the file as it was read.
//!
//! Judges nothing: what a fence *is* belongs to `classify`, what it *means* to `resolve`. Copies no
//! body: a document borrows the text that it was made from.

mod anchor;
pub mod attributes;
mod decode;
mod document;
pub mod encoding;
pub mod front_matter;
mod indented;
mod lines;
pub mod links;
mod outline;
mod prose;

pub use anchor::Anchors;
pub use decode::{Unreadable, decode};
pub use document::{
    Comment, Document, Fence, FrontMatter, Heading, Item, SpeaksFor, Syntax, Table,
};
pub use lines::{Lines, line_of};
pub use outline::outline;
pub use prose::{Cell, cells, folded_words, plain_text};
