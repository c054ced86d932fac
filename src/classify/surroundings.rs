//! The text around a fence → what it says of it: where, an example, what is wrong on purpose, what is
//! printed, one of several ways, a warning.

use std::sync::Arc;

use crate::markdown::{Document, Fence};
use crate::model::{Place, Span};

use super::words::{Heard, List};

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
}

/// Where in the outline a fence stands.
#[derive(Clone)]
pub(super) struct Standing {
    /// Index of the next heading.
    heading: usize,
    /// Folded titles, innermost first: shared by the fences of a section.
    headings: Arc<[Arc<Heard>]>,
}

/// Returns where each fence of `document` stands, in order.
pub(super) fn standings(document: &Document<'_>) -> Vec<Standing> {
    let mut chain: Vec<(u8, Arc<Heard>)> = Vec::new();
    let mut standing = Standing {
        heading: 0,
        headings: Arc::new([]),
    };
    let mut all = Vec::with_capacity(document.fences.len());
    for fence in &document.fences {
        let before = standing.heading;
        while let Some(heading) = document.headings.get(standing.heading)
            && heading.span.start < fence.span.start
        {
            while chain
                .last()
                .is_some_and(|(level, _)| *level >= heading.level)
            {
                chain.pop();
            }
            chain.push((heading.level, Arc::new(Heard::new(&heading.text))));
            standing.heading += 1;
        }
        if standing.heading > before {
            standing.headings = chain.iter().rev().map(|(_, it)| Arc::clone(it)).collect();
        }
        all.push(standing.clone());
    }
    all
}

/// Reads the surroundings of a fence.
pub(super) struct Reader<'a, 'd> {
    document: &'d Document<'a>,
}

impl<'a, 'd> Reader<'a, 'd> {
    pub(super) const fn new(document: &'d Document<'a>) -> Self {
        Self { document }
    }

    /// Reads what is around fence `index`, which stands there.
    pub(super) fn read(&self, index: usize, standing: &Standing) -> Surroundings {
        let document = self.document;
        let fence: &Fence = &document.fences[index];
        let above = standing
            .heading
            .checked_sub(1)
            .map_or(0, |last| document.headings[last].span.end);
        let previous = index
            .checked_sub(1)
            .map_or(0, |last| document.fences[last].span.end);
        let next_heading = document
            .headings
            .get(standing.heading)
            .map_or(document.source.len(), |heading| heading.span.start);
        let next_fence = document
            .fences
            .get(index + 1)
            .map_or(document.source.len(), |next| next.span.start);
        let mut around = Surroundings {
            headings: Arc::clone(&standing.headings),
            heading: standing.heading.checked_sub(1),
            ..Surroundings::default()
        };
        self.look_up(fence.span.start, above.max(previous), &mut around);
        let after_end = next_heading.min(next_fence);
        around.after = self.look_down(fence.span.end, after_end);
        around
    }

    fn look_up(&self, end: usize, start: usize, around: &mut Surroundings) {
        let source = self.document.source;
        let mut from = start.max(end.saturating_sub(FAR)).min(end);
        while from < end && !source.is_char_boundary(from) {
            from += 1;
        }
        let mut at = end;
        let mut blank_seen = false;
        // The part of the fence's own line before its marks is indentation or a list's mark.
        let mut lines = source[from..end].rsplit('\n');
        at -= lines.next().map_or(0, str::len);
        for line in lines {
            at -= line.len() + 1;
            let text = plain(line);
            if text.is_empty() {
                blank_seen |= !around.before.is_empty();
                continue;
            }
            if !blank_seen {
                around.paragraph = around.before.len() + 1;
            }
            around.before.push(Prose {
                span: Span::new(at, at + line.len()),
                text: Heard::new(text),
            });
            if around.before.len() == LINES {
                break;
            }
        }
    }

    fn look_down(&self, start: usize, end: usize) -> Vec<Prose> {
        let source = self.document.source;
        let mut to = end.min(start.saturating_add(FAR)).max(start);
        while to > start && !source.is_char_boundary(to) {
            to -= 1;
        }
        let mut found = Vec::new();
        let mut at = start;
        for line in source[start..to].split('\n') {
            let text = plain(line);
            if !text.is_empty() {
                found.push(Prose {
                    span: Span::new(at, at + line.len()),
                    text: Heard::new(text),
                });
                if found.len() == LINES_AFTER {
                    break;
                }
            }
            at += line.len() + 1;
        }
        found
    }
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

    /// Returns the lines above and the heading as written, for file names.
    pub(super) fn written<'d>(&self, document: &'d Document<'_>) -> impl Iterator<Item = &'d str> {
        let lines = self.before.iter().take(3);
        let heading = self.heading.map(|it| &*document.headings[it].text);
        lines.map(|prose| document.text(prose.span)).chain(heading)
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
        self.before.truncate(1);
        self.before.shrink_to_fit();
        self.after = Vec::new();
    }

    /// Says where the fence is meant to happen, by the words `title` of a comment, the prose, the
    /// headings.
    pub(super) fn place(&self, title: &Heard) -> (Place, String) {
        place_of(title, Source::Comment)
            .or_else(|| self.place.clone())
            .unwrap_or((Place::Unknown, String::new()))
    }
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
