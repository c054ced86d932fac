//! Fences beside each other → which of them exclude each other by where they stand: tabs, ways that go on
//! over several fences, chores that undo each other.

use super::context::Context;
use super::excluding::{alone, choose, opposite};
use super::tabs::Tab;
use super::text::Parts;
use super::words::{self, Heard, List};
use crate::markdown::Document;

/// A title of so many words names a chore; more of them make a sentence.
const SHORT: usize = 4;

/// So many fences apart, a command and what takes it back are told of together.
const NEAR: usize = 6;

/// What is open.
enum Open {
    /// A tab, and how far it is indented if what is in it must be more so.
    Tab { title: String, under: Option<usize> },
    /// A group of fences each of which is a tab.
    Group,
}

/// The fences of a set of tabs, each with the title of its tab.
type Set = Vec<(usize, String)>;

/// Marks what stands in tabs: the reader picks one of them.
pub(super) fn tabs(fences: &mut [Context<'_>], document: &Document<'_>, next: &mut u32) {
    let tab = |context: &Context<'_>| context.around.as_ref().and_then(|it| it.tab.clone());
    if fences.iter().all(|context| tab(context).is_none()) {
        return;
    }
    let mut sets: Vec<Set> = Vec::new();
    let mut set: Set = Set::new();
    let mut open: Option<Open> = None;
    let mut section = 0;
    for (index, context) in fences.iter().enumerate() {
        if context.fence.section != section {
            sets.push(std::mem::take(&mut set));
            open = None;
            section = context.fence.section;
        }
        match tab(context) {
            Some(Tab::First {
                title,
                is_new_set,
                under,
            }) => {
                if is_new_set {
                    sets.push(std::mem::take(&mut set));
                }
                open = Some(Open::Tab { title, under });
            }
            Some(Tab::Group) => {
                sets.push(std::mem::take(&mut set));
                open = Some(Open::Group);
            }
            Some(Tab::Behind) => {
                sets.push(std::mem::take(&mut set));
                open = None;
            }
            None => {}
        }
        let is_left_of = |under: usize| {
            let before = &document.source[..context.fence.span.start];
            before.len() - before.rfind('\n').map_or(0, |at| at + 1) <= under
        };
        match &open {
            Some(Open::Tab {
                under: Some(under), ..
            }) if is_left_of(*under) => {
                sets.push(std::mem::take(&mut set));
                open = None;
            }
            Some(Open::Tab { title, .. }) => set.push((index, title.clone())),
            Some(Open::Group) => set.push((index, index.to_string())),
            None => {}
        }
    }
    sets.push(set);
    for set in sets {
        let Some((_, title)) = set.first() else {
            continue;
        };
        if set.iter().all(|(_, other)| other == title) {
            continue;
        }
        let members: Vec<(usize, usize)> = set
            .iter()
            .flat_map(|(fence, _)| {
                let pieces = fences[*fence].pieces.iter().enumerate();
                let steps = pieces.filter(|(_, piece)| piece.nature.is_step());
                steps.map(|(piece, _)| (*fence, piece))
            })
            .collect();
        choose(
            fences,
            &members,
            0,
            "it stands in one of several tabs",
            next,
        );
    }
}

/// `Stop the database:` and `Start the database:` right above two fences side by side: a list of chores, of
/// which the one that stops is not on anybody's way.
pub(super) fn chores(fences: &mut [Context<'_>], document: &Document<'_>) {
    let mut taken: Vec<usize> = Vec::new();
    for at in 1..fences.len() {
        let (before, after) = (&fences[at - 1], &fences[at]);
        let may_be = |context: &Context<'_>| context.pieces.iter().any(|it| it.has_opposite);
        if before.fence.section != after.fence.section || !may_be(before) || !may_be(after) {
            continue;
        }
        let (Some(first), Some(second)) = (alone(before), alone(after)) else {
            continue;
        };
        let Some((is_forward, _)) = opposite(&first, &second) else {
            continue;
        };
        let end = at.checked_sub(2).map_or(0, |it| fences[it].fence.span.end);
        if !is_chore(before, end, document) || !is_chore(after, before.fence.span.end, document) {
            continue;
        }
        if is_forward {
            taken.push(at);
        }
        if first.iter().any(|word| words::STOPS.contains(word)) {
            taken.push(at - 1);
        }
    }
    for at in taken {
        for piece in fences[at].pieces.to_mut() {
            if piece.nature.is_step() {
                let whole = piece.range.clone();
                let because = "its opposite stands beside it: one of them is meant";
                piece.doubt("opposite", because, whole);
            }
        }
    }
}

/// Whether what stands right above a fence is no sentence, and nobody speaks of a restart. The text before
/// `from` belongs to the fence before.
fn is_chore(context: &Context<'_>, from: usize, document: &Document<'_>) -> bool {
    let above = &document.source[from..context.fence.span.start];
    let lead = above.trim_end().rsplit('\n').next().unwrap_or_default();
    let lead = Heard::new(lead);
    let speaks_of_restart = |text: &Heard| text.find(List::Restart).is_some();
    lead.each_word().filter(|it| *it != "-").count() <= SHORT
        && !speaks_of_restart(&lead)
        && !context
            .headings()
            .first()
            .is_some_and(|it| speaks_of_restart(it))
}

/// `ufw allow 80`, and further down `ufw delete allow 80`: the same words and one that takes it back. Whoever
/// lists both means one of them.
pub(super) fn taken_back(fences: &mut [Context<'_>]) {
    let mut taken: Vec<usize> = Vec::new();
    for at in 1..fences.len() {
        let Some((mut words, word)) = taking_back(&fences[at]) else {
            continue;
        };
        words.remove(word);
        let near = at.saturating_sub(NEAR)..at;
        let given = near
            .rev()
            .find(|before| alone(&fences[*before]).is_some_and(|given| given == words));
        if let Some(given) = given {
            taken.extend([given, at]);
        }
    }
    for at in taken {
        for piece in fences[at].pieces.to_mut() {
            if piece.nature.is_step() {
                let whole = piece.range.clone();
                let because = "another command takes it back: one of them is meant";
                piece.doubt("opposite", because, whole);
            }
        }
    }
}

/// The words of the only command of a fence, and which of them takes something back.
fn taking_back<'a>(context: &Context<'a>) -> Option<(Vec<&'a str>, usize)> {
    // All of those words are somebody's opposites.
    if !context.pieces.iter().any(|piece| piece.has_opposite) {
        return None;
    }
    let words = alone(context)?;
    let mut all = words.iter();
    let at = all.position(|word| words::TAKES_BACK.contains(word))?;
    (at > 0).then_some((words, at))
}
