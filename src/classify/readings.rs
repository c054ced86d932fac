//! Document → all that the classifier makes of it: fences, and manual steps outside of them.

use std::collections::BTreeMap;

use super::chores::{Chore, chores, offered};
use super::knowledge::Knowledge;
use super::reading::read;
use crate::markdown::Document;
use crate::model::{Effect, FenceReading, Offered};

/// What is made of a document.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Of each fence, in document order.
    pub fences: Vec<FenceReading>,
    /// Manual steps outside of fences, in document order. For plain documents: in a declared one the
    /// author says what is a step.
    pub chores: Vec<Chore>,
    /// What its tasks offer, by their index among the items.
    pub offered: BTreeMap<usize, (Offered, Effect, String)>,
}

/// Returns what is made of `document`, on up to `threads` threads.
pub fn readings(document: &Document<'_>, knowledge: &Knowledge, threads: usize) -> Readings {
    let tasks = document.items.iter().enumerate();
    Readings {
        fences: read(document, knowledge, threads),
        chores: chores(document, knowledge),
        offered: tasks
            .filter(|(_, item)| item.ticked.is_some())
            .filter_map(|(index, item)| Some((index, offered(item, knowledge)?)))
            .collect(),
    }
}
