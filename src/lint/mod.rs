//! Document, runbook and what the machine has → what a writer should know: each finding with its
//! rule, its place, its reason and a way out.
//!
//! Judges no style. Looks at no file and no program itself: what is beside the document and on the
//! machine is handed in. A rule says a thing once for a document, with all its places.

mod fences;
mod leads;
mod programs;
pub mod rules;
mod secrets;
#[cfg(test)]
mod tests;
mod undone;

use std::collections::{BTreeMap, BTreeSet};

use crate::classify::knowledge::Knowledge;
use crate::markdown::encoding::mend;
use crate::markdown::{Document, Lines};
use crate::model::{Diagnostic, Kind, Runbook, Span};

pub use programs::INSTEAD;

/// What a link to a file beside the document leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beside {
    /// It is not there.
    Missing,
    /// It is there.
    There,
    /// It is there, and is Markdown with these anchors, folded.
    Markdown(BTreeSet<String>),
    /// It cannot be known: the document has no folder.
    Unknown,
}

/// What the machine says.
pub struct Surveyed<'a> {
    /// What a person calls the document on the command line, as a shell takes it.
    pub name: &'a str,
    /// What stands at a path relative to the document's folder.
    pub beside: &'a dyn Fn(&str) -> Beside,
    /// Whether a program is here: `ss`, `docker compose`.
    pub has: &'a dyn Fn(&str) -> bool,
}

/// Returns what is wrong or doubtful in `document`, in document order, besides what
/// [`resolve`](crate::resolve::resolve) says of it.
pub fn lint(
    document: &Document<'_>,
    runbook: &Runbook,
    knowledge: &Knowledge,
    surveyed: &Surveyed<'_>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mended = mend(document.source);
    if let Some(mended) = &mended {
        found.push(mojibake_of(document.source, mended, surveyed.name));
    }
    let mended = mended.as_ref().map(|mended| mended.text.as_str());
    leads::check(document, mended, surveyed, &mut found);
    secrets::check(document.source, &mut found);
    fences::check(document, runbook, knowledge, &mut found);
    undone::check(document, runbook, knowledge, &mut found);
    programs::check(document, runbook, knowledge, surveyed, &mut found);
    found.sort_by_key(|diagnostic| diagnostic.span.start);
    found
}

/// Says so where `source` is mojibake; `name` is what a person calls the document on
/// the command line.
pub fn mojibake(source: &str, name: &str) -> Option<Diagnostic> {
    mend(source).map(|mended| mojibake_of(source, &mended, name))
}

fn mojibake_of(source: &str, mended: &crate::markdown::encoding::Mended, name: &str) -> Diagnostic {
    let message = format!(
        "{} damaged: UTF-8 was read as {}",
        match mended.characters {
            1 => "1 character is".to_owned(),
            number => format!("{number} characters are"),
        },
        mended.read_as()
    );
    let damaged = &source[mended.place.start..mended.place.end];
    Diagnostic::warning("mojibake", mended.place, message)
        .label(format!("`{damaged}` was `{}`", mended.example))
        .way_out(format!("`runbook lint --fix-encoding {name}`"))
}

/// Puts the findings of `resolve` and of [`lint`] in document order, each thing said once: where
/// both speak of one place by one rule the first is kept, and what is said of several places in the
/// same words becomes one finding with all of them.
pub fn merge(resolved: Vec<Diagnostic>, linted: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut known: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
    for diagnostic in &resolved {
        known
            .entry(diagnostic.rule)
            .or_default()
            .push(diagnostic.span);
    }
    let is_known = |rule: &str, span: Span| {
        known.get(rule).is_some_and(|places| {
            // In document order, and apart from one another.
            let after = places.partition_point(|it| it.end <= span.start);
            places.get(after).is_some_and(|it| it.start < span.end)
        })
    };
    let fresh: Vec<Diagnostic> = linted
        .into_iter()
        .filter_map(|mut it| {
            it.also.insert(0, it.span);
            it.also.retain(|span| !is_known(it.rule, *span));
            if it.also.is_empty() {
                return None;
            }
            it.span = it.also.remove(0);
            Some(it)
        })
        .collect();
    let mut all: Vec<Diagnostic> = Vec::new();
    let mut seen: BTreeMap<(&'static str, String, Option<String>), usize> = BTreeMap::new();
    for diagnostic in resolved.into_iter().chain(fresh) {
        let key = (
            diagnostic.rule,
            diagnostic.message.clone(),
            diagnostic.way_out.clone(),
        );
        if let Some(first) = seen.get(&key) {
            all[*first].also.push(diagnostic.span);
            all[*first].also.extend(diagnostic.also);
        } else {
            seen.insert(key, all.len());
            all.push(diagnostic);
        }
    }
    for diagnostic in &mut all {
        diagnostic.also.push(diagnostic.span);
        diagnostic.also.sort_unstable();
        diagnostic.also.dedup();
        diagnostic.span = diagnostic.also.remove(0);
    }
    all.sort_by_key(|diagnostic| diagnostic.span.start);
    all
}

/// Returns `source` with every secret that `diagnostics` speak of made unreadable wherever it
/// stands, byte for byte as long: a line that is shown must not repeat it.
pub fn masked(source: &str, diagnostics: &[Diagnostic]) -> String {
    let secrets: BTreeSet<&str> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.rule == "secret")
        .flat_map(|diagnostic| std::iter::once(&diagnostic.span).chain(&diagnostic.also))
        .filter_map(|span| source.get(span.start..span.end))
        .filter(|secret| !secret.is_empty())
        .collect();
    let mut bytes = source.as_bytes().to_vec();
    for secret in secrets {
        for (start, _) in source.match_indices(secret) {
            let end = start + secret.len();
            let hidden = start + secrets::shown_length(secret)..end;
            // Lines stay where they are.
            for byte in bytes[hidden].iter_mut().filter(|byte| **byte != b'\n') {
                *byte = b'*';
            }
        }
    }
    // Characters are masked whole, so that none is cut.
    String::from_utf8(bytes).unwrap_or_else(|_| source.chars().map(|_| '*').collect())
}

/// Returns "and on lines 3, 4, 5 and 12 more" of further places; empty for none.
pub fn further(diagnostic: &Diagnostic, lines: &mut Lines<'_>) -> String {
    const SHOWN: usize = 5;
    let first = lines.line(diagnostic.span.start);
    let mut others: Vec<u32> = diagnostic
        .also
        .iter()
        .map(|span| lines.line(span.start))
        .filter(|line| *line != first)
        .collect();
    others.dedup();
    let shown: Vec<String> = others.iter().take(SHOWN).map(u32::to_string).collect();
    match (others.len(), others.len().saturating_sub(SHOWN)) {
        (0, _) => String::new(),
        (1, _) => format!("also on line {}", shown[0]),
        (_, 0) => {
            let (last, rest) = shown.split_last().expect("two at least");
            format!("also on lines {} and {last}", rest.join(", "))
        }
        (_, more) => format!("also on lines {} and {more} more", shown.join(", ")),
    }
}

/// A finding weighs as a warning in a document that was written for this tool, and as a hint in one
/// that was not.
fn by_kind(kind: Kind, rule: &'static str, span: Span, message: String) -> Diagnostic {
    match kind {
        Kind::Declared => Diagnostic::warning(rule, span, message),
        Kind::Plain => Diagnostic::hint(rule, span, message),
    }
}

/// Returns `a`, `b` and 3 more.
fn listed(names: &[&str], most: usize) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(most)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len().saturating_sub(most) {
        0 => match shown.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => shown.join(""),
        },
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
