//! Which steps of a runbook a run is made of: sections by their headings, steps by their ids and
//! tags. Says why each other step is left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{LeftOut, Request};
use crate::markdown::attributes::nearest;
use crate::markdown::folded_words;
use crate::model::{Condition, Runbook, Section, Step, StepId};

/// What a request chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Indexes into `Runbook::steps`, in document order.
    pub steps: Vec<usize>,
    /// Every other step, in document order, and why.
    pub left_out: Vec<LeftOut>,
    /// The paths of the sections that were named, in the order of the request.
    pub sections: Vec<String>,
}

/// Why a request chooses nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSelected {
    /// No heading is called so.
    #[error("no section is called `{argument}`")]
    NoSection {
        /// As given.
        argument: String,
        /// Paths of sections that are called much like it.
        suggestions: Vec<String>,
    },
    /// Several headings are called so.
    #[error("`{argument}` names {} sections", candidates.len())]
    ManySections {
        /// As given.
        argument: String,
        /// Each with its line and anchor: `Deploy / Logs (line 12, #logs)`.
        candidates: Vec<String>,
    },
    /// No step is called so.
    #[error("no step is called `{id}` ({option})")]
    NoStep {
        /// As given.
        id: String,
        /// `--only`, `--from`, `--to` or `--skip`.
        option: &'static str,
        /// An id that it may have meant.
        suggestion: Option<String>,
    },
    /// No step has the tag.
    #[error("no step has the tag `{tag}`")]
    NoTag {
        /// As given.
        tag: String,
        /// The tags that there are.
        known: Vec<String>,
    },
    /// `--from` stands after `--to`.
    #[error("step `{from}` (--from) stands after step `{to}` (--to)")]
    Backwards {
        /// As given.
        from: String,
        /// As given.
        to: String,
    },
}

impl NotSelected {
    /// Returns what the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSection { suggestions, .. } if suggestions.is_empty() => {
                Some("`runbook list` shows the sections".to_owned())
            }
            Self::NoSection { suggestions, .. } => {
                Some(format!("did you mean {}?", quoted(suggestions, " or ")))
            }
            Self::ManySections { candidates, .. } => Some(format!(
                "say more of the path, or the anchor:\n  {}",
                candidates.join("\n  ")
            )),
            Self::NoStep {
                suggestion: Some(id),
                ..
            } => Some(format!("did you mean `{id}`?")),
            Self::NoStep {
                suggestion: None, ..
            } => Some("`runbook list` shows the steps".to_owned()),
            Self::NoTag { known, .. } if known.is_empty() => {
                Some("no step of this runbook has a tag".to_owned())
            }
            Self::NoTag { known, .. } => Some(format!("known are {}", quoted(known, ", "))),
            Self::Backwards { .. } => Some("exchange them".to_owned()),
        }
    }
}

fn quoted(names: &[String], between: &str) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(between)
}

/// Returns the index of the section that `argument` names: a heading's text or a path of them
/// (`Troubleshooting/MySQL`), case, accents, numbering and emoji aside; headings between the parts
/// of a path may be left out; a GitHub anchor, with or without `#`, is an alias.
///
/// # Errors
/// When no section or more than one is named.
pub fn find_section(sections: &[Section], argument: &str) -> Result<usize, NotSelected> {
    let by_anchor = |anchor: &str| {
        let anchor = anchor.to_lowercase();
        sections
            .iter()
            .position(|section| section.level > 0 && section.anchor == anchor)
    };
    if let Some(index) = argument.strip_prefix('#').and_then(by_anchor) {
        return Ok(index);
    }
    let parts: Vec<Vec<String>> = argument
        .split('/')
        .map(folded_words)
        .filter(|part| !part.is_empty())
        .collect();
    let whole = folded_words(argument);
    let mut found: Vec<usize> = (1..sections.len())
        .filter(|index| {
            let section = &sections[*index];
            // A heading may have a `/` in it.
            (!whole.is_empty() && folded_words(&section.title) == whole) || is_path(section, &parts)
        })
        .collect();
    if found.is_empty()
        && let Some(index) = by_anchor(argument)
    {
        found.push(index);
    }
    if found.is_empty() {
        found = (1..sections.len())
            .filter(|index| sections[*index].title.trim() == argument.trim())
            .collect();
    }
    match found.as_slice() {
        [index] => Ok(*index),
        [] => Err(NotSelected::NoSection {
            argument: argument.to_owned(),
            suggestions: suggestions(sections, argument),
        }),
        several => Err(NotSelected::ManySections {
            argument: argument.to_owned(),
            candidates: several
                .iter()
                .map(|index| {
                    let section = &sections[*index];
                    let path = section.path.join(" / ");
                    format!("{path} (line {}, #{})", section.line, section.anchor)
                })
                .collect(),
        }),
    }
}

/// Whether `parts` are titles on the path of `section`, in order, the last one its own.
fn is_path(section: &Section, parts: &[Vec<String>]) -> bool {
    let titles: Vec<_> = section
        .path
        .iter()
        .map(|title| folded_words(title))
        .collect();
    let Some((own, above)) = titles.split_last() else {
        return false;
    };
    before(own, parts).any(|rest| are_above(above, rest))
}

fn are_above(titles: &[Vec<String>], parts: &[Vec<String>]) -> bool {
    if parts.is_empty() {
        return true;
    }
    let Some((title, above)) = titles.split_last() else {
        return false;
    };
    are_above(above, parts) || before(title, parts).any(|rest| are_above(above, rest))
}

/// Returns what stands before the last parts, where these are `title`: a title may have a `/` in it.
fn before<'p>(
    title: &'p [String],
    parts: &'p [Vec<String>],
) -> impl Iterator<Item = &'p [Vec<String>]> {
    (0..parts.len())
        .filter(move |at| parts[*at..].concat() == title)
        .map(move |at| &parts[..at])
}

fn suggestions(sections: &[Section], argument: &str) -> Vec<String> {
    let wanted = folded_words(argument.rsplit('/').next().unwrap_or(argument));
    let text = wanted.join(" ");
    let mut close: Vec<(usize, &Section)> = sections
        .iter()
        .filter(|section| section.level > 0)
        .filter_map(|section| {
            let title = folded_words(&section.title);
            let shared = wanted.iter().filter(|word| title.contains(word)).count();
            let distance = strsim::osa_distance(&title.join(" "), &text);
            let is_close = shared > 0 || distance <= (text.chars().count() / 4).max(1);
            is_close.then_some((distance, section))
        })
        .collect();
    close.sort_by_key(|(distance, _)| *distance);
    close
        .into_iter()
        .take(3)
        .map(|(_, section)| section.path.join("/"))
        .collect()
}

/// Returns the indexes of `section` and of all sections that stand in it.
pub fn with_subsections(sections: &[Section], section: usize) -> BTreeSet<usize> {
    let level = sections[section].level;
    let below = sections[section + 1..]
        .iter()
        .take_while(|other| other.level > level)
        .count();
    // What stands before the first heading holds no other section.
    let below = if level == 0 { 0 } else { below };
    (section..=section + below).collect()
}

/// Returns the steps that `request` chooses; each part of it narrows the choice. A step of an
/// on-demand section is chosen only where that section, or an on-demand one that it stands in, or
/// the step itself is named. Ticked items are never chosen.
///
/// # Errors
/// When a section, step or tag that is named does not exist.
pub fn select(runbook: &Runbook, request: &Request) -> Result<Selection, NotSelected> {
    let mut in_sections: BTreeSet<usize> = BTreeSet::new();
    // Sections whose being on demand is overruled by a name.
    let mut demanded: BTreeSet<usize> = BTreeSet::new();
    let mut selection = Selection::default();
    for argument in &request.sections {
        let named = find_section(&runbook.sections, argument)?;
        let section = &runbook.sections[named];
        let all = with_subsections(&runbook.sections, named);
        if section.on_demand {
            demanded.extend(&all);
        }
        in_sections.extend(all);
        selection.sections.push(section.path.join("/"));
    }
    let only = positions(runbook, &request.only, "--only")?;
    let skip = positions(runbook, &request.skip, "--skip")?;
    let from = positions(runbook, request.from.as_slice(), "--from")?
        .first()
        .copied();
    let to = positions(runbook, request.to.as_slice(), "--to")?
        .last()
        .copied();
    if let (Some(first), Some(last)) = (from, to)
        && first > last
    {
        return Err(NotSelected::Backwards {
            from: request.from.clone().unwrap_or_default(),
            to: request.to.clone().unwrap_or_default(),
        });
    }
    for tag in &request.tags {
        if !runbook.steps.iter().any(|step| step.tags.contains(tag)) {
            let known: BTreeSet<_> = runbook.steps.iter().flat_map(|step| &step.tags).collect();
            let known = known.into_iter().cloned().collect();
            return Err(NotSelected::NoTag {
                tag: tag.clone(),
                known,
            });
        }
    }
    let chooses = |index: usize, step: &Step| {
        let is_named = only.contains(&index) || from == Some(index) || to == Some(index);
        let is_chosen = (request.sections.is_empty() || in_sections.contains(&step.section))
            && (only.is_empty() || only.contains(&index))
            && from.is_none_or(|first| first <= index)
            && to.is_none_or(|last| index <= last)
            && (request.tags.is_empty() || step.tags.iter().any(|tag| request.tags.contains(tag)));
        if step.ticked {
            Err("ticked in the document")
        } else if skip.contains(&index) {
            Err("--skip")
        } else if step.on_demand && !is_named && !demanded.contains(&step.section) {
            Err("on demand")
        } else if !is_chosen {
            Err("not selected")
        } else {
            Ok(())
        }
    };
    // What runs for another step only is part of the run where that step is.
    let serves = served(runbook);
    let is_part = |index: usize| {
        !serves.contains_key(&index) && chooses(index, &runbook.steps[index]).is_ok()
    };
    for (index, step) in runbook.steps.iter().enumerate() {
        let because = match serves.get(&index) {
            Some(of) if skip.contains(&index) || !of.iter().any(|it| is_part(*it)) => {
                Err("it serves steps that are not selected")
            }
            Some(_) => Ok(()),
            None => chooses(index, step),
        };
        match because {
            Ok(()) => selection.steps.push(index),
            Err(because) => selection.left_out.push(LeftOut {
                id: step.id.clone(),
                title: step.title.clone(),
                line: step.line,
                because: because.to_owned(),
            }),
        }
    }
    Ok(selection)
}

// The steps that run for others only, with those others: what tells whether a step runs, and what
// undoes one; and what tells whether an undo runs.
fn served(runbook: &Runbook) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut serves: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let steps = &runbook.steps;
    let place = |id: &StepId| steps.iter().position(|it| it.id == *id);
    for (at, step) in steps.iter().enumerate() {
        let settings = &step.settings;
        if let Some(of) = settings.undo_of.as_ref().and_then(place) {
            serves.entry(at).or_default().insert(of);
        }
    }
    for (at, step) in steps.iter().enumerate() {
        let of = match step.settings.undo_of.as_ref().and_then(place) {
            Some(of) => of,
            None => at,
        };
        for condition in [&step.settings.only_if, &step.settings.unless] {
            if let Some(Condition::Step(id)) = condition
                && let Some(guard) = place(id)
            {
                serves.entry(guard).or_default().insert(of);
            }
        }
    }
    serves
}

// A step that runs once for every row of a table is called by its own id for all of them.
fn positions(
    runbook: &Runbook,
    ids: &[String],
    option: &'static str,
) -> Result<Vec<usize>, NotSelected> {
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        let id = id.trim_start_matches('~').trim_start_matches('#');
        let steps = runbook.steps.iter().enumerate();
        let found = steps.filter(|(_, step)| {
            let row_of = step.settings.row_of.as_ref();
            step.id.as_str() == id || row_of.is_some_and(|it| it.as_str() == id)
        });
        let before = all.len();
        all.extend(found.map(|(index, _)| index));
        if all.len() == before {
            let near = nearest(id, runbook.steps.iter().map(|step| step.id.as_str()));
            return Err(NotSelected::NoStep {
                id: id.to_owned(),
                option,
                suggestion: near.map(ToOwned::to_owned),
            });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::{find_section, select};
    use crate::event::Request;
    use crate::model::Runbook;
    use crate::resolve::testing::read_and_resolve;

    const DOCUMENT: &str = "# 🐳 Guía\n```sh {#a .slow}\n1\n```\n## 1. Configuración\n```sh {#b}\n2\n```\n## SSL/TLS y más\n- [ ] mirar\n- [x] visto\n## Troubleshooting\n### MySQL no conecta\n```sh {#m}\n3\n```\n### Configuración\n```sh {#c .slow}\n4\n```\n";

    fn runbook() -> Runbook {
        read_and_resolve(DOCUMENT, "test").0
    }

    fn find(argument: &str) -> String {
        let runbook = runbook();
        match find_section(&runbook.sections, argument) {
            Ok(index) => runbook.sections[index].path.join("/"),
            Err(error) => format!("{error}; {}", error.hint().unwrap_or_default()),
        }
    }

    #[test]
    fn sections_are_found_by_heading_path_and_anchor() {
        for argument in [
            "mysql-no-conecta",
            "MySQL no conecta",
            "troubleshooting/mysql no conecta",
            "guia/MYSQL NO CONECTA",
            "#mysql-no-conecta",
        ] {
            assert_eq!(
                find(argument),
                "🐳 Guía/Troubleshooting/MySQL no conecta",
                "{argument}"
            );
        }
        assert_eq!(find("ssl/tls y mas"), "🐳 Guía/SSL/TLS y más");
        assert_eq!(find("Guía/SSL/TLS y más"), "🐳 Guía/SSL/TLS y más");
        assert_eq!(
            find("troubleshooting/configuracion"),
            "🐳 Guía/Troubleshooting/Configuración"
        );
        assert_eq!(find("#1-configuración"), "🐳 Guía/1. Configuración");
        insta::assert_snapshot!(find("configuracion"), @r#"
        `configuracion` names 2 sections; say more of the path, or the anchor:
          🐳 Guía / 1. Configuración (line 5, #1-configuración)
          🐳 Guía / Troubleshooting / Configuración (line 17, #configuración)
        "#);
        insta::assert_snapshot!(find("mysql"), @r#"no section is called `mysql`; did you mean `🐳 Guía/Troubleshooting/MySQL no conecta`?"#);
        insta::assert_snapshot!(find("nada"), @r#"no section is called `nada`; `runbook list` shows the sections"#);
    }

    fn choose(request: Request) -> String {
        let runbook = runbook();
        match select(&runbook, &request) {
            Ok(selection) => {
                let steps: Vec<_> = selection
                    .steps
                    .iter()
                    .map(|index| runbook.steps[*index].id.as_str())
                    .collect();
                let left: Vec<_> = selection
                    .left_out
                    .iter()
                    .map(|left| format!("{}: {}", left.id, left.because))
                    .collect();
                format!("{} | {}", steps.join(" "), left.join(", "))
            }
            Err(error) => format!("{error}; {}", error.hint().unwrap_or_default()),
        }
    }

    #[test]
    fn steps_are_chosen_and_the_rest_is_left_out_with_its_reason() {
        let request = Request::default;
        let list = |text: &str| vec![text.to_owned()];
        let shown = [
            choose(request()),
            choose(Request {
                sections: list("troubleshooting"),
                ..request()
            }),
            choose(Request {
                sections: list("guia"),
                ..request()
            }),
            choose(Request {
                only: list("m"),
                ..request()
            }),
            choose(Request {
                from: Some("b".into()),
                to: Some("c".into()),
                ..request()
            }),
            choose(Request {
                skip: list("a"),
                ..request()
            }),
            choose(Request {
                tags: list("slow"),
                ..request()
            }),
            choose(Request {
                tags: list("slow"),
                sections: list("#configuración"),
                ..request()
            }),
            choose(Request {
                only: list("x"),
                ..request()
            }),
            choose(Request {
                from: Some("c".into()),
                to: Some("a".into()),
                ..request()
            }),
            choose(Request {
                tags: list("fast"),
                ..request()
            }),
        ]
        .join("\n");
        insta::assert_snapshot!(shown, @"
        a b mirar | visto: ticked in the document, m: on demand, c: on demand
        m c | a: not selected, b: not selected, mirar: not selected, visto: ticked in the document
        a b mirar | visto: ticked in the document, m: on demand, c: on demand
        m | a: not selected, b: not selected, mirar: not selected, visto: ticked in the document, c: on demand
        b mirar c | a: not selected, visto: ticked in the document, m: on demand
        b mirar | a: --skip, visto: ticked in the document, m: on demand, c: on demand
        a | b: not selected, mirar: not selected, visto: ticked in the document, m: on demand, c: on demand
        c | a: not selected, b: not selected, mirar: not selected, visto: ticked in the document, m: on demand
        no step is called `x` (--only); `runbook list` shows the steps
        step `c` (--from) stands after step `a` (--to); exchange them
        no step has the tag `fast`; known are `slow`
        ");
    }
}
