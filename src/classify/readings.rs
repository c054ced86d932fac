//! Document → all that the classifier makes of it: fences, and manual steps outside of them.

use std::collections::BTreeMap;

use super::chores::{Chore, Commands, chores, offered};
use super::knowledge::Knowledge;
use super::reading::read;
use super::threads::both;
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

/// Fewer list items and tables are read before another thread would have started.
const ITEMS_WORTH_A_THREAD: usize = 256;

/// Returns what is made of `document`, on up to `threads` threads.
pub fn readings(document: &Document<'_>, knowledge: &Knowledge, threads: usize) -> Readings {
    let by_hand = || {
        let mut commands = Commands::new(knowledge);
        let tasks = document.items.iter().enumerate();
        let offered = tasks
            .filter(|(_, item)| item.ticked.is_some())
            .filter_map(|(index, item)| Some((index, offered(item, &mut commands)?)))
            .collect();
        (chores(document, &mut commands), offered)
    };
    let is_large = document.items.len() + document.tables.len() > ITEMS_WORTH_A_THREAD;
    let (chores_and_offers, fences) = both(if is_large { threads } else { 1 }, by_hand, || {
        read(document, knowledge, threads)
    });
    let (chores, offered) = chores_and_offers;
    Readings {
        fences,
        chores,
        offered,
    }
}
