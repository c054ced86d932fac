//! The text around a fence → what it says of it: where, an example, what is wrong on purpose, what is
//! printed, one of several ways, a warning.

use crate::markdown::{Document, Fence};
use crate::model::{Place, Span};

use super::words;

/// As many bytes and lines are looked at on either side: a warning further off speaks of more than
/// the fence, and the cost stays bounded.
const FAR: usize = 600;
const LINES: usize = 5;

/// A line of prose.
#[derive(Clone, Debug)]
pub(super) struct Prose {
    pub(super) span: Span,
    /// Folded, marks of lists and quotes taken off.
    pub(super) text: String,
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
    pub(super) headings: Vec<String>,
    /// The same, as written, for file names.
    pub(super) written: String,
}

/// Reads the surroundings of the fences of a document in order, in one pass.
pub(super) struct Reader<'a, 'd> {
    document: &'d Document<'a>,
    /// Index of the next heading.
    heading: usize,
    /// Level and folded title of the headings that hold.
    chain: Vec<(u8, String)>,
}

impl<'a, 'd> Reader<'a, 'd> {
    pub(super) const fn new(document: &'d Document<'a>) -> Self {
        Self {
            document,
            heading: 0,
            chain: Vec::new(),
        }
    }

    /// Reads what is around fence `index`; to be asked in order.
    pub(super) fn read(&mut self, index: usize) -> Surroundings {
        let document = self.document;
        let fence: &Fence = &document.fences[index];
        while let Some(heading) = document.headings.get(self.heading)
            && heading.span.start < fence.span.start
        {
            while self
                .chain
                .last()
                .is_some_and(|(level, _)| *level >= heading.level)
            {
                self.chain.pop();
            }
            self.chain.push((heading.level, words::fold(&heading.text)));
            self.heading += 1;
        }
        let above = self
            .heading
            .checked_sub(1)
            .map_or(0, |last| document.headings[last].span.end);
        let previous = index
            .checked_sub(1)
            .map_or(0, |last| document.fences[last].span.end);
        let next_heading = document
            .headings
            .get(self.heading)
            .map_or(document.source.len(), |heading| heading.span.start);
        let next_fence = document
            .fences
            .get(index + 1)
            .map_or(document.source.len(), |next| next.span.start);
        let mut around = Surroundings {
            headings: self
                .chain
                .iter()
                .rev()
                .map(|(_, title)| title.clone())
                .collect(),
            ..Surroundings::default()
        };
        self.look_up(fence.span.start, above.max(previous), &mut around);
        let after_end = next_heading.min(next_fence);
        around.after = self.look_down(fence.span.end, after_end);
        if let Some(heading) = self
            .heading
            .checked_sub(1)
            .map(|last| &document.headings[last])
        {
            around.written.push('\n');
            around.written.push_str(&heading.text);
        }
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
            if around.before.len() < 3 {
                around.written.push('\n');
                around.written.push_str(line);
            }
            around.before.push(Prose {
                span: Span::new(at, at + line.len()),
                text: words::fold(text),
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
                    text: words::fold(text),
                });
                if found.len() == LINES {
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

    /// Says where the fence is meant to happen, by the words `title` of a comment, the prose, the headings.
    pub(super) fn place(&self, title: &str) -> (Place, String) {
        let title = words::fold(title);
        if let Some(found) = place_of(&title, Source::Comment) {
            return found;
        }
        for prose in self.before.iter().take(self.paragraph.max(2)) {
            if let Some(found) = place_of(&prose.text, Source::Prose) {
                return found;
            }
        }
        for heading in &self.headings {
            if let Some(found) = place_of(heading, Source::Heading) {
                return found;
            }
        }
        (Place::Unknown, String::new())
    }

    /// Returns the warnings that a person must see before.
    pub(super) fn warnings(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = self
            .before
            .iter()
            .rev()
            .chain(self.after.iter().take(3))
            .filter(|prose| words::find(&prose.text, words::WARNING).is_some())
            .map(|prose| prose.span)
            .collect();
        spans.dedup();
        spans
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Comment,
    Prose,
    Heading,
}

fn place_of(folded: &str, source: Source) -> Option<(Place, String)> {
    // "from your computer to the server": the first one named is where it is typed.
    let places: &[(Place, &[&str])] = &[
        (Place::Container, words::CONTAINER),
        (Place::Workstation, words::WORKSTATION),
        (
            Place::Server,
            if source == Source::Heading {
                words::SERVER_HEADINGS
            } else {
                words::SERVER
            },
        ),
    ];
    for (place, list) in places {
        if let Some(word) = words::find(folded, list) {
            let by = match source {
                Source::Comment => "its comment says",
                Source::Prose => "the text above says",
                Source::Heading => "the heading says",
            };
            return Some((*place, format!("{by} “{}”", word.trim_end_matches('*'))));
        }
    }
    None
}
