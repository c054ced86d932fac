//! The text around a fence → what it says of it: where, an example, what is wrong on purpose, what is
//! printed, one of several ways, a warning.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::markdown::Document;
use crate::model::{Place, Span};

use super::tabs::{self, Tab};
use super::ways;
use super::words::{self, Heard, List};

/// As many bytes and lines are looked at on either side: a warning further off speaks of more than
/// the fence, and the cost stays bounded.
const FAR: usize = 600;
const LINES: usize = 5;

/// Behind a fence, less speaks of it.
const LINES_AFTER: usize = 3;

/// A line of prose.
#[derive(Clone, Debug)]
pub(super) struct Prose {
    pub(super) span: Span,
    /// Marks of lists and quotes taken off.
    pub(super) text: Heard,
}

impl Prose {
    fn new(at: usize, line: &str, text: &str) -> Self {
        Self {
            span: Span::new(at, at + line.len()),
            text: Heard::new(text),
        }
    }
}

/// What stands around a fence.
#[derive(Clone, Debug, Default)]
pub(super) struct Surroundings {
    /// Nearest first.
    pub(super) before: Vec<Prose>,
    /// Whether a blank line parts the fence's own paragraph from `before`, by index.
    pub(super) paragraph: usize,
    /// Nearest first.
    pub(super) after: Vec<Prose>,
    /// Folded titles, innermost first.
    pub(super) headings: Arc<[Arc<Heard>]>,
    /// The innermost heading, by its index.
    heading: Option<usize>,
    /// The warnings that a person must see before.
    pub(super) warnings: Vec<Span>,
    /// What prose and headings say of the place.
    place: Option<(Place, String)>,
    /// Whether the lead offers the fence as one of several ways.
    pub(super) is_another_way: bool,
    /// Where it stands as far as tabs go.
    pub(super) tab: Option<Tab>,
}

/// Where in the outline a fence stands.
#[derive(Clone)]
pub(super) struct Standing {
    /// Index of the next heading.
    heading: usize,
    /// Folded titles, innermost first: shared by the fences of a section.
    headings: Arc<[Arc<Heard>]>,
    /// None of them says anything of a fence.
    is_silent: bool,
}

impl Standing {
    /// Folded titles, innermost first.
    pub(super) fn headings(&self) -> &[Arc<Heard>] {
        &self.headings
    }

    /// Whether none of the headings says anything of a fence.
    pub(super) const fn is_silent(&self) -> bool {
        self.is_silent
    }
}

/// Returns where each fence of `document` stands, in order.
pub(super) fn standings(document: &Document<'_>) -> Vec<Standing> {
    let mut chain: Vec<(u8, Arc<Heard>, bool)> = Vec::new();
    let mut standing = Standing {
        heading: 0,
        headings: Arc::new([]),
        is_silent: true,
    };
    let mut all = Vec::with_capacity(document.fences.len());
    for fence in &document.fences {
        let before = standing.heading;
        while let Some(heading) = document.headings.get(standing.heading)
            && heading.span.start < fence.span.start
        {
            while chain
                .last()
                .is_some_and(|(level, _, _)| *level >= heading.level)
            {
                chain.pop();
            }
            let heard = Heard::new(&heading.text);
            let is_silent = ways::is_silent_heading(&heard);
            chain.push((heading.level, Arc::new(heard), is_silent));
            standing.heading += 1;
        }
        if standing.heading > before {
            let headings = chain.iter().rev();
            standing.headings = headings.map(|(_, it, _)| Arc::clone(it)).collect();
            standing.is_silent = chain.iter().all(|(_, _, is_silent)| *is_silent);
        }
        all.push(standing.clone());
    }
    all
}

/// Reads the surroundings of a fence.
pub(super) struct Reader<'a, 'd> {
    document: &'d Document<'a>,
    /// For each fence: whether all between the fence before and it was heard, and says nothing. Such
    /// text stands around both, and is heard once.
    is_quiet_above: Vec<AtomicBool>,
}

thread_local! {
    // Most lines say nothing, and leave nothing behind.
    static EAR: RefCell<Heard> = RefCell::new(Heard::default());
}

impl<'a, 'd> Reader<'a, 'd> {
    pub(super) fn new(document: &'d Document<'a>) -> Self {
        Self {
            document,
            is_quiet_above: document
                .fences
                .iter()
                .map(|_| AtomicBool::default())
                .collect(),
        }
    }

    /// Whether nothing around fence `index`, which stands there, says anything of it.
    pub(super) fn is_silent(&self, index: usize, standing: &Standing) -> bool {
        if !standing.is_silent {
            return false;
        }
        let is_quiet_above = self.is_quiet_above[index].load(Ordering::Relaxed)
            || EAR.with_borrow_mut(|ear| {
                let lines = self.above(index, standing).map(|(_, line)| plain(line));
                let mut lines = lines.filter(|line| !line.is_empty()).take(LINES);
                lines.all(|line| is_silent(line, ear))
            });
        is_quiet_above
            && EAR.with_borrow_mut(|ear| {
                let (start, end) = self.reach_below(index, standing);
                let text = &self.document.source[start..end];
                let lines = text.split('\n').map(plain);
                let mut lines = lines.filter(|line| !line.is_empty());
                let is_silent = lines
                    .by_ref()
                    .take(LINES_AFTER)
                    .all(|line| is_silent(line, ear));
                if is_silent
                    && lines.next().is_none()
                    && let Some(next) = self.document.fences.get(index + 1)
                    && next.span.start == end
                {
                    self.is_quiet_above[index + 1].store(true, Ordering::Relaxed);
                }
                is_silent
            })
    }

    /// Reads what is around fence `index`, which stands there.
    pub(super) fn read(&self, index: usize, standing: &Standing) -> Surroundings {
        let mut around = Surroundings {
            headings: Arc::clone(&standing.headings),
            heading: standing.heading.checked_sub(1),
            ..Surroundings::default()
        };
        let mut blank_seen = false;
        for (at, line) in self.above(index, standing) {
            let text = plain(line);
            if text.is_empty() {
                blank_seen |= !around.before.is_empty();
                continue;
            }
            if !blank_seen {
                around.paragraph = around.before.len() + 1;
            }
            around.before.push(Prose::new(at, line, text));
            if around.before.len() == LINES {
                break;
            }
        }
        let indentation = |prose: &Prose| {
            let line = self.document.text(prose.span);
            line.len() - line.trim_start().len()
        };
        let above = around.before.iter();
        around.tab = tabs::tab_of(above.map(|prose| (&*prose.text, indentation(prose))));
        for (at, line) in self.below(index, standing) {
            let text = plain(line);
            if !text.is_empty() {
                around.after.push(Prose::new(at, line, text));
                if around.after.len() == LINES_AFTER {
                    break;
                }
            }
        }
        around
    }

    /// Returns the lines above a fence, back to the heading or fence before it, nearest first.
    fn above(&self, index: usize, standing: &Standing) -> impl Iterator<Item = (usize, &'d str)> {
        let document = self.document;
        let heading = standing
            .heading
            .checked_sub(1)
            .map_or(0, |last| document.headings[last].span.end);
        let fence = index
            .checked_sub(1)
            .map_or(0, |last| document.fences[last].span.end);
        let end = document.fences[index].span.start;
        let mut from = heading.max(fence).max(end.saturating_sub(FAR)).min(end);
        while from < end && !document.source.is_char_boundary(from) {
            from += 1;
        }
        let mut lines = document.source[from..end].rsplit('\n');
        // The part of the fence's own line before its marks is indentation or a list's mark.
        let mut at = end - lines.next().map_or(0, str::len);
        lines.map(move |line| {
            at -= line.len() + 1;
            (at, line)
        })
    }

    /// Returns the lines below a fence.
    fn below(&self, index: usize, standing: &Standing) -> impl Iterator<Item = (usize, &'d str)> {
        let (start, end) = self.reach_below(index, standing);
        let mut at = start;
        self.document.source[start..end]
            .split('\n')
            .map(move |line| {
                let begin = at;
                at += line.len() + 1;
                (begin, line)
            })
    }

    /// Returns from where to where the text below a fence is looked at: up to the next heading or fence.
    fn reach_below(&self, index: usize, standing: &Standing) -> (usize, usize) {
        let document = self.document;
        let heading = document
            .headings
            .get(standing.heading)
            .map_or(document.source.len(), |heading| heading.span.start);
        let fence = document
            .fences
            .get(index + 1)
            .map_or(document.source.len(), |next| next.span.start);
        let start = document.fences[index].span.end;
        let end = heading.min(fence);
        let mut to = end.min(start.saturating_add(FAR)).max(start);
        while to > start && !document.source.is_char_boundary(to) {
            to -= 1;
        }
        (start, to)
    }
}

/// Whether a line of prose says nothing.
fn is_silent(line: &str, ear: &mut Heard) -> bool {
    ear.listen(line);
    ways::is_silent(ear)
}

/// Takes the marks of quotes, lists, emphasis and tables off a line.
fn plain(line: &str) -> &str {
    line.trim()
        .trim_start_matches(['>', '-', '*', '+', ' ', '_', '|'])
        .trim_end_matches(['*', '_', ' ', '|'])
        .trim_matches('`')
}

impl Surroundings {
    /// Returns the sentence that leads to the fence: the line right above it.
    pub(super) fn lead(&self) -> Option<&Prose> {
        self.before.first()
    }

    /// Whether the words of a comment, or those right above the fence, put it into a container.
    pub(super) fn says_inside(&self, title: &Heard) -> bool {
        let above = self.before.iter().take(self.paragraph.max(1));
        let mut texts = std::iter::once(title).chain(above.map(|prose| &prose.text));
        texts.any(|text| text.find(List::Container).is_some())
    }

    /// Whether a restart is spoken of.
    pub(super) fn speaks_of_restart(&self) -> bool {
        let mut said = self
            .headings
            .first()
            .map_or_else(String::new, |it| it.to_string());
        for prose in &self.before {
            said.push(' ');
            said.push_str(&prose.text);
        }
        words::find(&said, words::RESTART).is_some()
    }

    /// Returns the lines above and the heading as written, for file names.
    pub(super) fn written<'d>(&self, document: &'d Document<'_>) -> impl Iterator<Item = &'d str> {
        let lines = self.before.iter().take(3);
        let heading = self.heading.map(|it| &*document.headings[it].text);
        lines.map(|prose| document.text(prose.span)).chain(heading)
    }

    /// Returns what of `command` the text around names in code, and says that it is to be changed.
    pub(super) fn quotes_to_change<'d>(
        &self,
        document: &'d Document<'_>,
        command: &str,
    ) -> Option<&'d str> {
        let parts =
            |c: char| c.is_whitespace() || matches!(c, '/' | '=' | ':' | '@' | ',' | '"' | '\'');
        let is_part = |name: &str| {
            name.len() > 1 && !name.starts_with('-') && command.split(parts).any(|it| it == name)
        };
        self.before
            .iter()
            .take(3)
            .chain(&self.after)
            .filter(|prose| prose.text.find(List::Adjust).is_some() || prose.text.says_replace())
            .flat_map(|prose| document.text(prose.span).split('`').skip(1).step_by(2))
            .find(|name| is_part(name))
    }

    /// Keeps the lead and what all the rest says, and forgets the rest: a document has many fences.
    pub(super) fn settle(&mut self) {
        let before = self.before.iter().take(self.paragraph.max(2));
        self.place = before
            .map(|prose| (&prose.text, Source::Prose))
            .chain(self.headings.iter().map(|it| (&**it, Source::Heading)))
            .find_map(|(text, source)| place_of(text, source));
        self.warnings = self
            .before
            .iter()
            .rev()
            .chain(&self.after)
            .filter(|prose| prose.text.find(List::Warning).is_some())
            .map(|prose| prose.span)
            .collect();
        self.warnings.dedup();
        let lead = self.lead();
        self.is_another_way = lead.is_some_and(|prose| ways::says_alternative(&prose.text));
        self.before.truncate(1);
        self.before.shrink_to_fit();
        self.after = Vec::new();
    }
}

/// Says where a piece is meant to happen, by the words `title` of its comment, the prose, the headings.
pub(super) fn place(title: &Heard, around: Option<&Surroundings>) -> (Place, String) {
    place_of(title, Source::Comment)
        .or_else(|| around?.place.clone())
        .unwrap_or((Place::Unknown, String::new()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Comment,
    Prose,
    Heading,
}

fn place_of(folded: &Heard, source: Source) -> Option<(Place, String)> {
    // "from your computer to the server": the first one named is where it is typed.
    let places = [
        (Place::Container, List::Container),
        (Place::Workstation, List::Workstation),
        (
            Place::Server,
            if source == Source::Heading {
                List::ServerHeadings
            } else {
                List::Server
            },
        ),
    ];
    for (place, list) in places {
        if let Some(word) = folded.find(list) {
            let by = match source {
                Source::Comment => "its comment says",
                Source::Prose => "the text above says",
                Source::Heading => "the heading says",
            };
            return Some((place, format!("{by} “{}”", word.trim_end_matches('*'))));
        }
    }
    None
}
