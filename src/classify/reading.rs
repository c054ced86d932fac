//! Document → what each of its fences and pieces is. What a body says by itself is read once for each
//! tag and body, on several threads; what the document around says is added after.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use super::body::{self, BodyPiece};
use super::context::{Context, Said};
use super::excluding::{exclude, find_opposites, typed_inside};
use super::knowledge::Knowledge;
use super::listening::listen;
use super::nature::Form;
use super::placeholders;
use super::surroundings::{Reader, Standing, Surroundings, place, standings};
use super::variables::{Unset, variables};
use super::words::List;
use crate::markdown::Document;
use crate::model::{Doubt, Effect, FenceReading, Nature, Piece, Place, Placeholder, Stands};

/// So many chunks for each thread: a long one holds up nobody else.
const CHUNKS: usize = 16;

/// Less than this is not worth asking for.
const SHORTEST_CHUNK: usize = 16;

/// Fewer bytes than this are read before a second thread would have started.
const WORTH_A_THREAD: usize = 32 * 1024;

/// The same for fences whose bodies are read.
const FENCES_WORTH_A_THREAD: usize = 64;

/// Returns what is made of each fence of `document`, in document order, on up to `threads`
/// threads. The same body under the same tag is read once, and what becomes of it where nothing around
/// says anything is worked out once.
pub fn read(document: &Document<'_>, knowledge: &Knowledge, threads: usize) -> Vec<FenceReading> {
    read_where(document, knowledge, threads, Reader::is_silent)
}

/// Does what [`read`] does; `is_silent` says of which fences nothing is said around.
fn read_where<'d>(
    document: &'d Document<'d>,
    knowledge: &Knowledge,
    threads: usize,
    is_silent: impl Fn(&Reader<'d, 'd>, usize, &Standing) -> bool + Sync,
) -> Vec<FenceReading> {
    let (bodies, of_fence) = bodies(document);
    let bytes: usize = bodies.iter().map(|(_, body)| body.len()).sum();
    let readings = each(
        &bodies,
        threads.min(bytes / WORTH_A_THREAD + 1),
        |_, body| body::read(body.0, &body.1, knowledge),
    );
    let threads = threads.min(document.fences.len() / FENCES_WORTH_A_THREAD + 1);
    let standings = standings(document);
    let around = Reader::new(document);
    let by_itself: Vec<OnceLock<Option<Vec<Said<'_>>>>> =
        bodies.iter().map(|_| OnceLock::new()).collect();
    let mut fences: Vec<Context<'_>> = each(&standings, threads, |index, standing| {
        let of = of_fence[index];
        let (tag, body) = (bodies[of].0, &*bodies[of].1);
        let mut context = Context {
            fence: &document.fences[index],
            standing,
            body,
            pieces: Cow::Borrowed(&[]),
            around: None,
            choices: Vec::new(),
            opposed: Vec::new(),
        };
        let pieces = &readings[of].pieces;
        if is_silent(&around, index, standing)
            && let Some(pieces) =
                by_itself[of].get_or_init(|| by_itself_alone(pieces, tag, body, document))
        {
            context.pieces = Cow::Borrowed(pieces);
            return context;
        }
        let mut surroundings = around.read(index, standing);
        let mut pieces: Vec<Said<'_>> = pieces.iter().map(Said::new).collect();
        listen(&mut pieces, tag, body, &surroundings, document);
        context.opposed = find_opposites(&pieces, || surroundings.speaks_of_restart());
        surroundings.settle();
        context.pieces = Cow::Owned(pieces);
        context.around = Some(Box::new(surroundings));
        context
    });
    typed_inside(&mut fences);
    exclude(&mut fences, document);
    let unset = variables(&fences, document);
    let done = each(&fences, threads, |index, context| {
        context.finish(document, unset.get(index).map_or(&[], Vec::as_slice))
    });
    release(fences, threads);
    release(by_itself, threads);
    release(readings, threads);
    done
}

/// Gives back what many small pieces of memory hold, on up to `threads` threads.
fn release<T: Send>(mut all: Vec<T>, threads: usize) {
    std::thread::scope(|scope| {
        for left in (2..=threads).rev() {
            let part = all.split_off(all.len() - all.len() / left);
            scope.spawn(move || drop(part));
        }
        drop(all);
    });
}

/// Returns what becomes of the pieces of a body where nothing around says anything; `None` where
/// that depends on what stands there all the same.
fn by_itself_alone<'a>(
    pieces: &'a [BodyPiece],
    tag: &str,
    body: &str,
    document: &Document<'_>,
) -> Option<Vec<Said<'a>>> {
    // The text around may name its file, or say that it is looked at.
    let may_be_a_file = |piece: &BodyPiece| {
        piece.nature == Nature::Data
            || piece.nature == Nature::Listing && piece.form == Some(Form::Source)
            || piece.heard.find(List::WrittenInto).is_some()
    };
    if pieces.iter().any(may_be_a_file) {
        return None;
    }
    let mut pieces: Vec<Said<'_>> = pieces.iter().map(Said::new).collect();
    listen(&mut pieces, tag, body, &Surroundings::default(), document);
    // Or speak of a restart, in words of several lines.
    find_opposites(&pieces, || false)
        .is_empty()
        .then_some(pieces)
}

/// Numbers of bodies by hash, and among equal ones by number: what is compared whole is nearly always the
/// same.
#[expect(
    clippy::disallowed_types,
    reason = "it is only looked into, never gone through"
)]
type Numbers = std::collections::HashMap<(u64, u32), usize>;

/// Returns the different bodies of `document` with their tags, and which one each fence has.
fn bodies<'d>(document: &'d Document<'_>) -> (Vec<(&'d str, Cow<'d, str>)>, Vec<usize>) {
    let mut bodies: Vec<(&str, Cow<'_, str>)> = Vec::new();
    let mut index_of = Numbers::new();
    let mut of_fence = Vec::with_capacity(document.fences.len());
    for fence in &document.fences {
        let body = (document.text(fence.info), document.body(fence));
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let mut key = (hasher.finish(), 0);
        let index = loop {
            match index_of.get(&key) {
                Some(index) if bodies[*index] == body => break *index,
                Some(_) => key.1 += 1,
                None => {
                    index_of.insert(key, bodies.len());
                    bodies.push(body);
                    break bodies.len() - 1;
                }
            }
        };
        of_fence.push(index);
    }
    (bodies, of_fence)
}

/// Does `work` with each of `all`, on up to `threads` threads; returns what comes of it, in order.
fn each<'i, T: Sync, R: Send>(
    all: &'i [T],
    threads: usize,
    work: impl Fn(usize, &'i T) -> R + Sync,
) -> Vec<R> {
    if threads < 2 {
        let all = all.iter().enumerate();
        return all.map(|(index, it)| work(index, it)).collect();
    }
    let size = (all.len() / (threads * CHUNKS)).max(SHORTEST_CHUNK);
    let chunks: Vec<&[T]> = all.chunks(size).collect();
    let done: Vec<Mutex<Vec<R>>> = chunks.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(number) else {
                break;
            };
            let chunk = chunk.iter().enumerate();
            let results = chunk
                .map(|(index, it)| work(number * size + index, it))
                .collect();
            *done[number].lock().expect("nobody else has this number") = results;
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(take);
        }
        take();
    });
    let mut results = Vec::with_capacity(all.len());
    for chunk in done {
        results.extend(chunk.into_inner().expect("no reader panics with the lock"));
    }
    results
}

impl Context<'_> {
    fn finish(&self, document: &Document<'_>, unset: &[Vec<Unset>]) -> FenceReading {
        let fence = self.fence;
        let around = self.around.as_deref();
        let warnings = around.map_or(&[][..], |around| &around.warnings);
        let body_lines = Lines::new(self.body);
        let mut pieces = Vec::with_capacity(self.pieces.len());
        let choices = &self.choices;
        for (index, piece) in self.pieces.iter().enumerate() {
            let unset = unset
                .get(index)
                .map_or_else(Default::default, Vec::as_slice);
            let line = |offset: usize| fence.line + 1 + body_lines.of(offset);
            let (place, place_because) =
                if piece.nature == Nature::Query && piece.form != Some(Form::Python) {
                    (
                        Place::Database,
                        "it is for the console of a database".to_owned(),
                    )
                } else if piece.nature.is_step() {
                    let in_container = piece
                        .understanding
                        .as_ref()
                        .is_some_and(|understood| understood.in_container);
                    match place(&piece.heard, around) {
                        (Place::Container, _) if in_container => (Place::Unknown, String::new()),
                        found => found,
                    }
                } else {
                    (Place::Unknown, String::new())
                };
            let mut doubts: Vec<Doubt> = Vec::new();
            let mut placeholders: Vec<Placeholder> = Vec::new();
            for found in &piece.found {
                let rule = if found.rule == "address" {
                    // What the fence itself makes is its own.
                    let text = &piece.command[found.range.clone()];
                    if piece.effect == Effect::Reads
                        || self.body.contains(&format!("create {text}"))
                    {
                        continue;
                    }
                    "example-value"
                } else {
                    found.rule
                };
                let span = document.place(fence, piece.place(&found.range));
                if doubts.iter().all(|doubt| doubt.because != found.because) {
                    doubts.push(Doubt {
                        rule,
                        because: found.because.clone(),
                        span,
                    });
                }
                if let (Some(name), "placeholder") = (&found.name, rule) {
                    placeholders.push(Placeholder {
                        name: name.clone(),
                        text: piece.command[found.range.clone()].to_owned(),
                        range: found.range.clone(),
                        stands: found.stands,
                        secret: found.secret,
                    });
                }
            }
            for unset in unset {
                let span = document.place(fence, piece.place(&unset.range));
                if !unset.is_set_above && doubts.iter().all(|doubt| doubt.because != unset.because)
                {
                    doubts.push(Doubt {
                        rule: "unset-variable",
                        because: unset.because.clone(),
                        span,
                    });
                }
                placeholders.push(Placeholder {
                    secret: placeholders::is_secret(&unset.name),
                    text: format!("${}", unset.name),
                    name: unset.name.clone(),
                    range: unset.range.clone(),
                    stands: Stands::Variable,
                });
            }
            for (rule, because, range) in piece.doubts.iter() {
                doubts.push(Doubt {
                    rule,
                    because: because.clone(),
                    span: document.place(fence, range.clone()),
                });
            }
            doubts.sort_by_key(|doubt| doubt.span.start);
            placeholders.sort_by_key(|placeholder| placeholder.range.start);
            let is_step = piece.nature.is_step();
            let (hosts, overwrites) = piece
                .understanding
                .as_ref()
                .map(|understood| (understood.hosts.clone(), understood.overwrites.clone()))
                .unwrap_or_default();
            pieces.push(Piece {
                line: line(piece.range.start),
                last_line: line(piece.range.end.saturating_sub(1).max(piece.range.start)),
                range: piece.range.clone(),
                title: piece.title.clone(),
                nature: piece.nature,
                command: if is_step {
                    piece.command.clone()
                } else {
                    String::new()
                },
                language: piece.language.filter(|_| is_step),
                effect: piece.effect,
                because: piece.because.clone().into_owned(),
                place,
                place_because,
                doubts: if is_step { doubts } else { Vec::new() },
                placeholders: if is_step { placeholders } else { Vec::new() },
                hosts,
                overwrites,
                choice: choices
                    .iter()
                    .find(|(piece, _)| *piece == index)
                    .map(|(_, choice)| *choice),
                warnings: if is_step {
                    warnings.to_vec()
                } else {
                    Vec::new()
                },
            });
        }
        let leading = pieces
            .iter()
            .find(|piece| piece.nature.is_step())
            .or(pieces.first());
        let source = document.source.as_bytes();
        let last_line = fence.line
            + memchr::memchr_iter(
                b'\n',
                &source[fence.span.start..fence.span.end.saturating_sub(1).max(fence.span.start)],
            )
            .count() as u32;
        FenceReading {
            line: fence.line,
            last_line,
            span: fence.span,
            section: fence.section as usize,
            tag: document
                .text(fence.info)
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned(),
            nature: leading.map_or(Nature::Listing, |piece| piece.nature),
            because: leading
                .map_or_else(|| "it is empty".to_owned(), |piece| piece.because.clone()),
            pieces,
        }
    }
}

/// Offsets of a body → its lines, from 0.
struct Lines {
    feeds: Vec<usize>,
}

impl Lines {
    fn new(body: &str) -> Self {
        Self {
            feeds: memchr::memchr_iter(b'\n', body.as_bytes()).collect(),
        }
    }

    fn of(&self, offset: usize) -> u32 {
        self.feeds.partition_point(|feed| *feed < offset) as u32
    }
}

#[cfg(test)]
mod tests;
