//! What the classifier made of a fence → what becomes of its steps.

use crate::markdown::Document;
use crate::model::{Circumstances, Doubt, Effect, FenceReading, Kind, Nature, Piece, Span};

/// What a step takes over from the reading of its fence.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) nature: Nature,
    pub(super) effect: Effect,
    pub(super) because: String,
    pub(super) circumstances: Circumstances,
    pub(super) doubts: Vec<Doubt>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            nature: Nature::Command,
            effect: Effect::Unknown,
            because: "nobody said".to_owned(),
            circumstances: Circumstances::default(),
            doubts: Vec::new(),
        }
    }
}

/// What an author who declares a step cannot have meant otherwise: nothing hears what it asks for.
/// What polls, or asks and goes on, `lint` tells of; a `timeout` and the operator watch over it.
const OF_A_DECLARED_STEP: &[&str] = &["interactive", "remote-shell"];

/// Returns what one piece becomes.
pub(super) fn one(piece: &Piece) -> Made {
    Made {
        nature: piece.nature,
        effect: piece.effect,
        because: piece.because.clone(),
        circumstances: Circumstances {
            place: piece.place,
            place_because: piece.place_because.clone(),
            placeholders: piece.placeholders.clone(),
            hosts: piece.hosts.clone(),
            overwrites: piece.overwrites.clone(),
            choice: piece.choice,
            warnings: piece.warnings.clone(),
            prose: Span::default(),
        },
        doubts: piece.doubts.clone(),
    }
}

/// Returns what a fence becomes that is one step as a whole: the worst effect of its pieces decides.
pub(super) fn whole(reading: Option<&FenceReading>, kind: Kind) -> Made {
    let mut made = Made::default();
    let Some(reading) = reading else {
        return made;
    };
    let steps: Vec<&Piece> = reading
        .pieces
        .iter()
        .filter(|piece| piece.nature.is_step())
        .collect();
    if steps.is_empty() {
        if kind == Kind::Plain {
            made.doubts.push(Doubt {
                rule: "not-a-command",
                because: format!("it reads as {}: {}", reading.nature, reading.because),
                span: reading.span,
            });
        }
        return made;
    }
    if let Some(worst) = steps.iter().max_by_key(|piece| weight(piece.effect)) {
        made.effect = worst.effect;
        made.because.clone_from(&worst.because);
    }
    made.nature = steps[0].nature;
    let circumstances = &mut made.circumstances;
    for piece in steps {
        if circumstances.place_because.is_empty() {
            circumstances.place = piece.place;
            circumstances.place_because.clone_from(&piece.place_because);
        }
        add(&mut circumstances.hosts, &piece.hosts);
        add(&mut circumstances.overwrites, &piece.overwrites);
        add(&mut circumstances.warnings, &piece.warnings);
        // Values are asked for one piece at a time: ranges are in the piece's own command.
        let matters =
            |doubt: &&Doubt| kind == Kind::Plain || OF_A_DECLARED_STEP.contains(&doubt.rule);
        for doubt in piece.doubts.iter().filter(matters) {
            if !made.doubts.contains(doubt) {
                made.doubts.push(doubt.clone());
            }
        }
    }
    made
}

/// Orders effects by how careful one must be.
pub(super) const fn weight(effect: Effect) -> u8 {
    match effect {
        Effect::Reads => 0,
        Effect::Changes => 1,
        Effect::Unknown => 2,
        Effect::Destroys => 3,
    }
}

fn add<T: Clone + PartialEq>(all: &mut Vec<T>, more: &[T]) {
    for it in more {
        if !all.contains(it) {
            all.push(it.clone());
        }
    }
}

/// The most bytes of prose that a step is shown with.
const PROSE: usize = 1_200;

/// Goes down a document with its fences, in order, and knows what stands right above each.
#[derive(Debug, Default)]
pub(super) struct Above {
    /// How many of them begin before the fence.
    headings: usize,
    tables: usize,
}

impl Above {
    /// Returns where the text right above fence `index` begins: behind the heading, fence or table before
    /// it.
    fn begin(&mut self, document: &Document<'_>, index: usize) -> usize {
        let end = document.fences[index].span.start;
        let passed = |spans: &mut dyn Iterator<Item = Span>| {
            spans.take_while(|span| span.start < end).count()
        };
        let headings = document.headings.get(self.headings..).unwrap_or_default();
        self.headings += passed(&mut headings.iter().map(|it| it.span));
        let tables = document.tables.get(self.tables..).unwrap_or_default();
        self.tables += passed(&mut tables.iter().map(|it| it.span));
        [
            document.headings[..self.headings].last().map(|it| it.span),
            document.fences[..index].last().map(|it| it.span),
            document.tables[..self.tables].last().map(|it| it.span),
            document.front_matter.as_ref().map(|it| it.span),
        ]
        .into_iter()
        .flatten()
        .map(|span| span.end)
        .filter(|at| *at <= end)
        .max()
        .unwrap_or(0)
    }
}

/// Returns the text right above fence `index`, back to the heading, fence or table before it, as far as a
/// person wants to read it. Empty where there is none. Fences are asked for in their order.
pub(super) fn prose(document: &Document<'_>, index: usize, above: &mut Above) -> Span {
    let end = document.fences[index].span.start;
    let start = above.begin(document, index);
    let text = document.text(Span::new(start, end));
    // A list's own mark before the fence is no text.
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '-' | '*' | '+' | '>' | '#');
    let length = text.trim_end_matches(is_mark).len();
    let mut from = length.saturating_sub(PROSE);
    while from > 0 && !text.is_char_boundary(from) {
        from += 1;
    }
    if from > 0 {
        from += text[from..length].find('\n').map_or(0, |at| at + 1);
    }
    let kept = &text[from..length];
    let lead = kept.len()
        - kept
            .trim_start_matches(|c: char| c.is_whitespace() || c == '#')
            .len();
    if kept.trim_matches(is_mark).is_empty() {
        return Span::default();
    }
    Span::new(start + from + lead, start + length)
}
