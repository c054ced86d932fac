//! Document → what each of its fences and pieces is. What a body says by itself is read once for each
//! tag and body, on several threads; what the document around says is added after.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{Deref, Range};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::body::{self, BodyPiece, Reason};
use super::knowledge::Knowledge;
use super::nature::Form;
use super::placeholders;
use super::surroundings::{Reader, Surroundings, standings};
use super::text::holds;
use super::words::{self, Heard, List};
use crate::markdown::{Document, Fence};
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
/// threads. The same body under the same tag is read once.
pub fn read(document: &Document<'_>, knowledge: &Knowledge, threads: usize) -> Vec<FenceReading> {
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
    let mut fences: Vec<Context<'_>> = each(&standings, threads, |index, standing| {
        let body = of_fence[index];
        let mut context = Context {
            fence: &document.fences[index],
            around: around.read(index, standing),
            tag: bodies[body].0,
            body: &bodies[body].1,
            pieces: readings[body].pieces.iter().map(Said::new).collect(),
            is_another_way: false,
            choices: Vec::new(),
            opposed: Vec::new(),
        };
        context.listen(document);
        let lead = context.around.lead();
        context.is_another_way = lead.is_some_and(|prose| says_alternative(&prose.text));
        context.opposed = context.find_opposites();
        context.around.settle();
        context
    });
    typed_inside(&mut fences);
    exclude(&mut fences);
    let unset = variables(&fences, document);
    let fences: Vec<_> = fences.into_iter().zip(unset).collect();
    each(&fences, threads, |_, (context, unset)| {
        context.finish(document, unset)
    })
}

/// Returns the different bodies of `document` with their tags, and which one each fence has.
fn bodies<'d>(document: &'d Document<'_>) -> (Vec<(&'d str, Cow<'d, str>)>, Vec<usize>) {
    let mut bodies: Vec<(&str, Cow<'_, str>)> = Vec::new();
    // By hash, and among equal ones by number: what is compared whole is nearly always the same.
    let mut index_of: BTreeMap<(u64, u32), usize> = BTreeMap::new();
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

/// A piece of a body, and what the document around makes of it.
struct Said<'a> {
    read: &'a BodyPiece,
    nature: Nature,
    effect: Effect,
    because: Cow<'a, str>,
    doubts: Vec<Reason>,
}

impl<'a> Said<'a> {
    fn new(read: &'a BodyPiece) -> Self {
        Self {
            read,
            nature: read.nature,
            effect: read.effect,
            because: Cow::Borrowed(&read.because),
            doubts: read.doubts.clone(),
        }
    }

    fn doubt(&mut self, rule: &'static str, because: impl Into<String>, range: Range<usize>) {
        body::add(&mut self.doubts, rule, because, range);
    }
}

impl Deref for Said<'_> {
    type Target = BodyPiece;

    fn deref(&self) -> &BodyPiece {
        self.read
    }
}

/// A fence with what stands around it.
struct Context<'a> {
    fence: &'a Fence,
    around: Surroundings,
    tag: &'a str,
    body: &'a str,
    pieces: Vec<Said<'a>>,
    /// Whether the sentence above offers the fence as one of several ways.
    is_another_way: bool,
    /// For each piece that is one of several ways: the number they share.
    choices: Vec<(usize, u32)>,
    /// The pieces that hold a command and its opposite, or one of the two.
    opposed: Vec<usize>,
}

impl Context<'_> {
    /// Hears what headings, sentences and comments say.
    fn listen(&mut self, document: &Document<'_>) {
        let nothing = Heard::default();
        let lead = self.around.lead().map_or(&nothing, |prose| &prose.text);
        let heading = self.around.headings.first().map_or(&nothing, |it| &**it);
        let is_lone = self.pieces.len() == 1;
        let is_untagged = self.tag.is_empty() || matches!(self.tag, "text" | "txt" | "plaintext");
        let leads_to_output = says_output(lead);
        let is_to_be_replaced = words::says_replace(lead)
            || self
                .around
                .after
                .first()
                .is_some_and(|after| words::says_replace(&after.text));
        // Behind the fence only what speaks of it: its own block of lines.
        let forbidden = self
            .around
            .before
            .iter()
            .take(self.around.paragraph.max(2))
            .chain(self.around.after.iter().take(2))
            .map(|prose| &prose.text)
            .chain(self.around.headings.iter().map(|it| &**it))
            .find_map(|text| text.find(List::Forbids));
        for piece in &mut self.pieces {
            let title = &piece.read.heard;
            // Samples of what is printed.
            if (leads_to_output && is_lone || says_output(title))
                && !matches!(piece.nature, Nature::Diagram | Nature::Session)
            {
                let is_free = piece.nature == Nature::Listing
                    || matches!(
                        piece.form,
                        Some(
                            Form::Data
                                | Form::Printed
                                | Form::Log
                                | Form::Prose
                                | Form::Address
                                | Form::Settings
                                | Form::Assignments
                        )
                    );
                let is_told = piece.nature.is_step() && is_untagged && leads_to_output;
                if is_free && !piece.nature.is_step() || is_told {
                    piece.nature = Nature::Output;
                    piece.because = Cow::Borrowed("the text says that this is printed");
                } else if piece.nature.is_step() {
                    let whole = piece.range.clone();
                    piece.doubt("output", "the text says that this is printed", whole);
                }
            }
            if piece.nature == Nature::Data
                || piece.nature == Nature::Listing && piece.form == Some(Form::Source)
            {
                let is_sample =
                    title.find(List::Example).is_some() || lead.find(List::Example).is_some();
                if !is_sample
                    && (self.around.written(document).any(names_a_file)
                        || names_a_file(&piece.title))
                    && piece.form != Some(Form::Printed)
                    && looks_whole(&self.body[piece.range.clone()])
                {
                    piece.nature = Nature::File;
                    piece.because.to_mut().push_str("; the text names its file");
                }
            }
            // A script, or a line of a profile: it is written, not run.
            if piece.nature == Nature::Command
                && lead.find(List::Looks).is_none()
                && (words::find(lead, words::WRITTEN_INTO).is_some()
                    || words::find(title, words::WRITTEN_INTO).is_some())
            {
                piece.nature = Nature::File;
                piece.because = Cow::Borrowed("the text says that it is written into a file");
            }
            // Python for the shell of an application.
            if piece.form == Some(Form::Python)
                && (lead.find(List::Shells).is_some()
                    || title.find(List::Shells).is_some()
                    || heading.find(List::Shells).is_some())
            {
                piece.nature = Nature::Query;
                piece.because = Cow::Borrowed("it is Python for a shell");
                let text = &self.body[piece.range.clone()];
                piece.effect = if text.contains("delete(") {
                    Effect::Destroys
                } else if [
                    "save(",
                    ".create(",
                    "update(",
                    "set_password",
                    ".add(",
                    "open(",
                    "subprocess",
                    "os.system",
                ]
                .iter()
                .any(|mark| text.contains(mark))
                {
                    Effect::Changes
                } else {
                    Effect::Reads
                };
            }
            if !piece.nature.is_step() {
                continue;
            }
            // The writer knows what a program of their own does.
            if piece.effect != Effect::Destroys
                && let Some(word) = title.find(List::Loses)
            {
                piece.effect = Effect::Destroys;
                piece.because = Cow::Owned(format!("its comment says “{word}”"));
            }
            let whole = piece.range.clone();
            for (text, who) in [
                (title, "its comment"),
                (lead, "the text above"),
                (heading, "the heading"),
            ] {
                if let Some(word) = counter_example(text, who == "its comment")
                    // To look at what fails harms nobody.
                    && !(piece.effect == Effect::Reads && words::FAILURE.contains(&word))
                {
                    piece.doubt(
                        "counter-example",
                        format!("{who} says “{word}”: not to be run"),
                        whole.clone(),
                    );
                }
                let is_example = match who {
                    // An example of what to look at may be looked at.
                    "the heading" if piece.effect == Effect::Reads => None,
                    "the heading" => text
                        .find(List::Example)
                        .filter(|_| text.split_whitespace().count() < 5),
                    // `cp .env.example .env`: the file is the example.
                    _ => text
                        .find(List::Example)
                        .filter(|_| !names_an_example(&piece.command)),
                };
                if let Some(word) = is_example {
                    piece.doubt("example", format!("{who} says “{word}”"), whole.clone());
                }
            }
            if let Some(word) = forbidden {
                piece.doubt(
                    "counter-example",
                    format!("the text around says “{word}”: not to be run"),
                    whole.clone(),
                );
            }
            if piece.effect != Effect::Reads
                && words::CONDITIONS
                    .iter()
                    .any(|words| title.trim_start().starts_with(words))
            {
                piece.doubt(
                    "alternative",
                    "its comment says when it is meant",
                    whole.clone(),
                );
            }
            if piece.effect != Effect::Reads
                && let Some(heading) = self.around.headings.iter().find(|it| {
                    let text = it.trim_start();
                    words::OTHER_WAYS
                        .iter()
                        .any(|words| text.starts_with(words))
                })
            {
                piece.doubt(
                    "alternative",
                    format!("it stands under “{}”", heading.trim()),
                    whole.clone(),
                );
            }
            if piece.effect != Effect::Reads || words::says_replace(lead) {
                if is_to_be_replaced {
                    piece.doubt(
                        "example-value",
                        "the text says that a value of it is to be replaced",
                        whole.clone(),
                    );
                } else if let Some(because) = writers_own(&piece.command) {
                    piece.doubt("example-value", because, whole.clone());
                }
            }
            if piece.nature != Nature::Interactive
                && self.around.says_inside(title)
                && piece
                    .read
                    .understanding
                    .as_ref()
                    .is_some_and(|understood| !understood.in_container)
                && !body::drives(piece.read)
            {
                piece.doubt(
                    "remote-shell",
                    "the text says that it is typed in a container",
                    whole.clone(),
                );
            }
            if leaves(&piece.command) {
                piece.doubt(
                    "remote-shell",
                    "it closes a shell that the text has opened",
                    whole.clone(),
                );
            }
            if piece.effect == Effect::Changes
                && (unpacks(piece) || copies_a_backup(piece))
                && (title.find(List::Restores).is_some()
                    || heading.find(List::Restores).is_some()
                    || lead.find(List::Restores).is_some())
            {
                piece.effect = Effect::Destroys;
                piece.because = Cow::Borrowed("it restores over what is there");
            }
            let text = &self.body[piece.range.clone()];
            let remarked = if holds(text, "#") { text } else { "" };
            for line in remarked.lines() {
                let remark = line
                    .trim_start()
                    .strip_prefix('#')
                    .or_else(|| line.split_once(" # ").map(|(_, remark)| remark));
                let trailing = line.split_once(" # ").map(|(_, remark)| remark);
                if piece.effect != Effect::Reads
                    && let Some(word) = remark.and_then(|it| Heard::new(it).find(List::Adjust))
                    && (trailing.is_some() || is_told_to(remark.unwrap_or_default(), word))
                {
                    piece.doubt(
                        "example-value",
                        format!("its comment says “{}”", word.trim_end_matches('*')),
                        whole.clone(),
                    );
                }
                // A remark behind a command may take it back.
                if let Some(remark) = trailing
                    && let Some(word) = counter_example(&Heard::new(remark), true)
                {
                    piece.doubt(
                        "counter-example",
                        format!("its comment says “{word}”: not to be run"),
                        whole.clone(),
                    );
                }
            }
        }
    }

    fn finish(&self, document: &Document<'_>, unset: &[Vec<Unset>]) -> FenceReading {
        let fence = self.fence;
        let warnings = &self.around.warnings;
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
                    match self.around.place(&piece.heard) {
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
            for (rule, because, range) in &piece.doubts {
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
                    warnings.clone()
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

/// Whether a line leads to what is printed: `Expected output:`, not "the output is written to a file".
fn says_output(folded: &Heard) -> bool {
    if folded.find(List::Output).is_none() {
        return false;
    }
    if folded.find(List::Looks).is_some()
        && !words::EXPECTED.iter().any(|word| folded.contains(word))
    {
        return false;
    }
    let ends = folded
        .trim_end_matches(['*', '_', '`', ' ', ')'])
        .ends_with([':', '：']);
    (ends && folded.len() < 120) || folded.split_whitespace().count() < 5
}

/// Whether a word of `command` is a file that is an example: `.env.example`.
fn names_an_example(command: &str) -> bool {
    command
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(str::split_whitespace)
        .any(|word| words::find(&words::fold(word), words::EXAMPLE).is_some())
}

fn counter_example(folded: &Heard, is_comment: bool) -> Option<&'static str> {
    // That something does not work is said of the piece in its comment, of the trouble elsewhere.
    let bare = folded.trim_matches(|c: char| !c.is_alphanumeric());
    if let Some(word) = folded.find(List::Failure)
        && (is_comment || bare == word)
    {
        return Some(word);
    }
    // One word alone is enough in a comment; in a sentence it must be said of running it.
    let word = folded
        .find(List::CounterExample)
        .or_else(|| folded.find(List::Forbids))?;
    let is_phrase = word.contains(' ') || word.contains('\'') || !word.is_ascii();
    let is_short = folded.split_whitespace().count() < 5;
    (is_comment || is_phrase || is_short).then_some(word)
}

/// Returns why `command` holds something that only its writer can have meant.
fn writers_own(command: &str) -> Option<&'static str> {
    command.lines().find_map(|line| {
        let line = line.trim_start();
        words::WRITERS_OWN
            .iter()
            .find(|(begin, _)| {
                line.starts_with(begin)
                    || holds(line, "&& ") && line.contains(&format!("&& {begin}"))
            })
            .map(|(_, because)| *because)
    })
}

/// Whether a comment of its own line asks for a change, and does not only say what the command does:
/// `the last backup (adjust the date!)`, not `# adapt the hosts`.
fn is_told_to(remark: &str, word: &str) -> bool {
    let folded = words::fold(remark);
    folded
        .find(word.trim_end_matches('*'))
        .is_some_and(|at| folded[..at].contains(['(', '（', '!', '⚠', '<', '←']))
}

/// Whether a command is only the end of a shell that the text has opened.
fn leaves(command: &str) -> bool {
    let mut lines = command
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .next()
        .is_some_and(|line| matches!(line, "exit" | "logout" | "quit"))
        && lines.next().is_none()
}

/// Whether what it changes is unpacked or copied, which in a restore lies over what is there.
fn unpacks(piece: &BodyPiece) -> bool {
    piece.understanding.as_ref().is_some_and(|understood| {
        understood.commands.iter().any(|known| {
            known.effect == Effect::Changes
                && matches!(
                    known.name.split(' ').next().unwrap_or_default(),
                    "tar" | "gtar" | "bsdtar" | "unzip" | "rsync" | "cpio" | "pax"
                )
        })
    })
}

/// Whether it copies something that is called a backup: in a restore, over what is there.
fn copies_a_backup(piece: &BodyPiece) -> bool {
    piece.command.lines().any(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "sudo");
        words.next() == Some("cp")
            && words
                .find(|word| !word.starts_with('-'))
                .is_some_and(|from| words::find(&words::fold(from), words::BACKUPS).is_some())
    })
}

/// Whether a text names a file that a fence could be the content of.
fn names_a_file(text: &str) -> bool {
    const ENDS: &[&str] = &[
        ".yml",
        ".yaml",
        ".json",
        ".conf",
        ".cnf",
        ".toml",
        ".ini",
        ".service",
        ".timer",
        ".env",
        ".cfg",
        ".config",
        ".xml",
        ".properties",
        ".tf",
        ".py",
        ".js",
        ".ts",
        ".php",
        ".sh",
        ".html",
        ".rules",
        ".list",
        ".network",
        ".hcl",
        ".local",
        ".d",
        ".sql",
        ".css",
    ];
    text.split(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '`' | '"'
                    | '\''
                    | '('
                    | ')'
                    | '*'
                    | ','
                    | ':'
                    | '<'
                    | '>'
                    | '“'
                    | '”'
                    | '；'
                    | '：'
                    | '、'
                    | '，'
            )
    })
    .any(|word| {
        let word = word.trim_end_matches(['.', ';']);
        matches!(
            word,
            "Dockerfile"
                | "Makefile"
                | "Caddyfile"
                | "Jenkinsfile"
                | "Vagrantfile"
                | "crontab"
                | "nginx.conf"
                | "sshd_config"
        ) || word.len() > 3
            && !word.contains("://")
            && ENDS.iter().any(|end| word.ends_with(end))
            && !word.contains('=')
            || word.starts_with("/etc/") && word.len() > 6
    })
}

/// Whether settings read as a whole file and not as three lines out of it.
fn looks_whole(body: &str) -> bool {
    body.lines().filter(|line| !line.trim().is_empty()).count() > 3
}

// --- What is typed elsewhere ------------------------------------------------------------------

/// A fence that ends in the shell of a container or a node: the fences after it, in its section, are
/// typed there.
fn typed_inside(fences: &mut [Context<'_>]) {
    let mut inside: Option<(u32, String)> = None;
    for context in fences {
        if inside
            .as_ref()
            .is_some_and(|(section, _)| *section != context.fence.section)
        {
            inside = None;
        }
        if let Some((_, because)) = &inside {
            for piece in &mut context.pieces {
                if piece.nature.is_step() && !body::drives(piece.read) {
                    let whole = piece.range.clone();
                    let because = format!("{because}: what follows is typed there");
                    piece.doubt("remote-shell", because, whole);
                }
            }
        }
        let last = context.pieces.iter().rfind(|piece| piece.nature.is_step());
        if let Some(because) = last.and_then(|piece| body::opens_inside(piece.read)) {
            inside = Some((context.fence.section, because));
        }
    }
}

// --- What excludes what ---------------------------------------------------------------------

/// Finds pieces that are alternatives or opposites of each other.
fn exclude(fences: &mut [Context<'_>]) {
    let mut next = 1;
    let mut start = 0;
    while start < fences.len() {
        let section = fences[start].fence.section;
        let length = fences[start..]
            .iter()
            .take_while(|context| context.fence.section == section)
            .count();
        let group = &mut fences[start..start + length];
        alternatives(group, &mut next);
        for context in group.iter_mut() {
            opposites(context, &mut next);
        }
        start += length;
    }
    sibling_sections(fences, &mut next);
    undoing_sections(fences);
    stopped_for_good(fences);
}

/// Stops what nothing in the document after it starts again: from a list to choose from, rather than a
/// step on the way.
fn stopped_for_good(fences: &mut [Context<'_>]) {
    let mut started: BTreeSet<String> = BTreeSet::new();
    for context in fences.iter_mut().rev() {
        for piece in context.pieces.iter_mut().rev() {
            let Some(understood) = piece
                .read
                .understanding
                .as_ref()
                .filter(|_| piece.nature.is_step())
            else {
                continue;
            };
            let mut stops = false;
            for known in understood.commands.iter().rev() {
                let Some(text) = piece.read.command.get(known.range.clone()) else {
                    continue;
                };
                let words = text.split_whitespace();
                let words: Vec<&str> = words
                    .filter(|word| !word.starts_with('-') && *word != "sudo")
                    .collect();
                let with = |at: usize, word: &str| {
                    let mut words = words.clone();
                    words[at] = word;
                    words.join(" ")
                };
                let undone = words.iter().enumerate().find_map(|(at, word)| {
                    let does: Vec<&str> = words::OPPOSITES
                        .iter()
                        .filter(|(_, undoes)| undoes == word)
                        .map(|(does, _)| *does)
                        .collect();
                    (at > 0 && words::STOPS.contains(word) && !does.is_empty())
                        .then_some((at, does))
                });
                if let Some((at, does)) = undone {
                    stops |= !does
                        .iter()
                        .chain(&["restart"])
                        .any(|word| started.contains(&with(at, word)));
                }
                started.insert(words.join(" "));
            }
            let is_told = piece
                .doubts
                .iter()
                .any(|(rule, _, _)| matches!(*rule, "alternative" | "opposite" | "reference"));
            if stops && !is_told && piece.effect == Effect::Changes {
                let whole = piece.range.clone();
                let because = "nothing after it starts again what it stops";
                piece.doubt("opposite", because, whole);
            }
        }
    }
}

/// `Start the service`, then `Stop the service`, as sections side by side: a list to choose from. The
/// other way round they are a procedure.
fn undoing_sections(fences: &mut [Context<'_>]) {
    let alone: Vec<Option<Vec<String>>> = fences
        .iter()
        .map(|context| {
            let mut steps = context.pieces.iter().filter(|piece| piece.nature.is_step());
            let step = steps.next().filter(|_| steps.next().is_none())?;
            let understood = step.understanding.as_ref()?;
            let mut commands = understood
                .commands
                .iter()
                .filter(|known| known.name != "cd");
            let known = commands.next().filter(|_| commands.next().is_none())?;
            let text = step.command.get(known.range.clone())?;
            let words = text.split_whitespace();
            let words = words.filter(|word| !word.starts_with('-') && *word != "sudo");
            Some(words.map(str::to_owned).collect())
        })
        .collect();
    for at in 1..fences.len() {
        let Some(undoes) = alone[at].as_ref() else {
            continue;
        };
        let undoes: Vec<&str> = undoes.iter().map(String::as_str).collect();
        let is_undone = (at.saturating_sub(SIBLINGS)..at).any(|before| {
            let is_beside = fences[before].around.headings.get(1..)
                == fences[at].around.headings.get(1..)
                && fences[before].fence.section != fences[at].fence.section;
            is_beside
                && alone[before].as_ref().is_some_and(|does| {
                    let does: Vec<&str> = does.iter().map(String::as_str).collect();
                    opposite(&does, &undoes).is_some_and(|(forward, _)| forward)
                })
        });
        if is_undone {
            for piece in &mut fences[at].pieces {
                if piece.nature.is_step() {
                    let whole = piece.range.clone();
                    let because = "it undoes what stands before it: one of them is meant";
                    piece.doubt("opposite", because, whole);
                }
            }
        }
    }
}

/// Marks pieces of one choice. The first `taken` of them are the way to take unless another is chosen.
fn choose(
    fences: &mut [Context<'_>],
    members: &[(usize, usize)],
    taken: usize,
    because: &str,
    next: &mut u32,
) {
    if members.is_empty() {
        return;
    }
    // `Option A`, then `Option B`: what joins a choice later is part of it.
    let joined = members.iter().find_map(|(fence, piece)| {
        fences[*fence]
            .choices
            .iter()
            .find(|(index, _)| index == piece)
            .map(|(_, choice)| *choice)
    });
    let number = joined.unwrap_or(*next);
    for (at, (fence, piece)) in members.iter().enumerate() {
        let context = &mut fences[*fence];
        // What only looks harms nobody, whichever way is taken.
        if context.pieces[*piece].effect == Effect::Reads
            || context.choices.iter().any(|(index, _)| index == piece)
        {
            continue;
        }
        let whole = context.pieces[*piece].range.clone();
        context.choices.push((*piece, number));
        if at >= taken {
            context.pieces[*piece].doubt("alternative", because.to_owned(), whole);
        }
    }
    *next += 1;
}

/// Whether a text says that what follows stands in place of what came before.
fn says_alternative(folded: &Heard) -> bool {
    let text = folded.trim_start_matches(|c: char| !c.is_alphanumeric());
    let first = text
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    // `or`, `o`, `ou` begin the line; longer words may stand anywhere in a short one.
    let begins = matches!(
        first,
        "or" | "o"
            | "ou"
            | "oder"
            | "oppure"
            | "или"
            | "либо"
            | "alternatively"
            | "alternative"
            | "alternativa"
            | "alternativamente"
            | "alternativ"
            | "sinon"
            | "instead"
            | "stattdessen"
            | "autrement"
            | "也可以"
            | "或者"
            | "或"
            | "または"
            | "あるいは"
            | "もしくは"
    );
    let begins = begins
        || ["或", "也可", "または", "あるいは", "もしくは"]
            .iter()
            .any(|mark| text.starts_with(mark));
    // Steps are numbered; what is numbered is no way of doing the step before.
    let is_numbered = text
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .starts_with(['.', ')'])
        && text.starts_with(|c: char| c.is_ascii_digit());
    // One word must begin the line or be all of it; several may stand in a short one.
    let phrase = || {
        folded.find(List::Phrase).is_some()
            || words::ALTERNATIVE.contains(&text.trim_end_matches(|c: char| !c.is_alphanumeric()))
    };
    !is_numbered && (begins || text.split_whitespace().count() < 12 && phrase())
        || numbered_way(folded, text).is_some()
}

/// `Via Helm:`, short and with nothing else to say.
fn names_the_means(lead: &str) -> bool {
    let lead = lead.trim_matches(|c: char| !c.is_alphanumeric() && c != ':');
    let mut words = lead.split_whitespace();
    lead.ends_with(':')
        && words
            .next()
            .is_some_and(|first| words::MEANS.contains(&first))
        && (1..4).contains(&words.count())
}

/// As far apart sections stand side by side.
const SIBLINGS: usize = 6;

/// As many pieces make a procedure.
const PROCEDURE: usize = 3;

/// Whether a text says of several ways that this is the one to take.
fn is_recommended(heard: &Heard) -> bool {
    words::find(heard, words::RECOMMENDED).is_some()
}

/// `Method 1:` begins a row of ways: what stands before it is none of them.
fn is_first_way(lead: Option<&Heard>) -> bool {
    let way =
        lead.and_then(|it| numbered_way(it, it.trim_start_matches(|c: char| !c.is_alphanumeric())));
    way.is_some_and(|way| matches!(way, "1" | "a" | "one" | "uno" | "un" | "eins" | "i" | "①"))
}

/// `option a`, `método 2`, `way 1:`: the name of the way.
fn numbered_way<'t>(heard: &Heard, folded: &'t str) -> Option<&'t str> {
    if folded.starts_with(words::MENU) {
        return folded.split_whitespace().next();
    }
    heard.find(List::NumberedWay)?;
    let mut all = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    while let Some(word) = all.next() {
        if words::NUMBERED_WAY.contains(&word)
            && let Some(number) = all.clone().next()
            && (number.chars().count() == 1
                || matches!(
                    number,
                    "one" | "two" | "three" | "uno" | "dos" | "eins" | "zwei" | "ii" | "iii"
                ))
        {
            return Some(number);
        }
        if ["方法", "方式", "方案", "选项"]
            .iter()
            .any(|way| word.starts_with(way) && word.chars().count() == 3)
        {
            return Some(word);
        }
    }
    None
}

/// The system that a title names, where it says little else: `Ubuntu/Debian`, `macOS:`.
fn system(folded: &Heard) -> Option<&'static str> {
    folded
        .find(List::Systems)
        .filter(|_| folded.split_whitespace().count() <= 5)
}

/// The family of a package manager that installs.
fn manager(piece: &Said<'_>) -> Option<&'static str> {
    const FAMILIES: &[(&str, &[&str])] = &[
        ("apt", &["apt", "apt-get", "aptitude"]),
        ("rpm", &["yum", "dnf", "zypper", "microdnf"]),
        ("brew", &["brew"]),
        ("apk", &["apk"]),
        ("pacman", &["pacman", "yay"]),
        ("windows", &["choco", "winget", "scoop"]),
        ("snap", &["snap"]),
        ("npm", &["npm"]),
        ("yarn", &["yarn"]),
        ("pnpm", &["pnpm"]),
        ("pkg", &["pkg"]),
        ("poetry", &["poetry"]),
        ("uv", &["uv"]),
        ("docker-compose", &["docker-compose"]),
        ("podman", &["podman"]),
    ];
    if piece.effect == Effect::Reads {
        return None;
    }
    let understood = piece.understanding.as_ref()?;
    understood.commands.iter().find_map(|known| {
        let program = known.name.split(' ').next().unwrap_or_default();
        FAMILIES
            .iter()
            .find(|(_, names)| names.contains(&program))
            .map(|(family, _)| *family)
    })
}

fn alternatives(group: &mut [Context<'_>], next: &mut u32) {
    let steps: Vec<(usize, usize)> = group
        .iter()
        .enumerate()
        .flat_map(|(fence, context)| {
            context
                .pieces
                .iter()
                .enumerate()
                .filter(|(_, piece)| piece.nature.is_step())
                .map(move |(piece, _)| (fence, piece))
        })
        .collect();
    // By words: `or`, `Option B`, ①.
    for (at, (fence, piece)) in steps.iter().enumerate() {
        let context = &group[*fence];
        let title = &context.pieces[*piece].read.heard;
        let is_first_of_fence = steps
            .get(at.wrapping_sub(1))
            .is_none_or(|(before, _)| before != fence);
        let by_title = says_alternative(title);
        let by_lead = is_first_of_fence && context.is_another_way;
        if !(by_title || by_lead) {
            continue;
        }
        let lead = context.around.lead().map(|prose| &prose.text);
        let mut members = Vec::new();
        if at > 0 {
            let before = steps[at - 1];
            if by_title && !by_lead && before.0 == *fence {
                members.push(before);
            } else if by_lead && !is_first_way(lead) {
                // All of the fence before is the other way where the sentence between them says so:
                // but a procedure of many pieces is the way, and this is another.
                let from = steps[..at].partition_point(|(fence, _)| *fence < before.0);
                if at - from < PROCEDURE {
                    members.extend(&steps[from..at]);
                }
            }
        }
        // `Or …` between two fences: the first is the way, unless the other is chosen. In one fence, and
        // where ways have numbers, it is a menu.
        let is_menu = by_title || lead.is_some_and(|it| numbered_way(it, it).is_some());
        let taken = if is_menu { 0 } else { members.len() };
        if by_lead && lead.is_some_and(is_recommended) {
            // It is the way to take.
        } else if by_lead {
            members.extend(steps[at..].iter().take_while(|(other, _)| other == fence));
        } else {
            members.push((*fence, *piece));
        }
        choose(
            group,
            &members,
            taken,
            "the text offers it as one of several ways",
            next,
        );
    }
    // `Via Helm:`, `Via Terraform:`.
    let by_means: Vec<(usize, usize)> = steps
        .iter()
        .filter(|(fence, _)| {
            let lead = group[*fence].around.lead();
            lead.is_some_and(|prose| names_the_means(&prose.text))
        })
        .copied()
        .collect();
    if by_means.first().map(|it| it.0) != by_means.last().map(|it| it.0) {
        choose(
            group,
            &by_means,
            0,
            "the text offers it as one of several ways",
            next,
        );
    }
    // By systems that stand side by side as titles or leads.
    let mut named: Vec<((usize, usize), &str)> = Vec::new();
    for (fence, piece) in &steps {
        let context = &group[*fence];
        let title = &context.pieces[*piece].read.heard;
        let lead = context.around.lead().map(|prose| &prose.text);
        if let Some(name) = system(title).or_else(|| system(lead?).filter(|_| title.is_empty())) {
            named.push(((*fence, *piece), name));
        }
    }
    let different: BTreeSet<&str> = named.iter().map(|(_, name)| *name).collect();
    if different.len() > 1 {
        let members: Vec<_> = named.iter().map(|(member, _)| *member).collect();
        choose(group, &members, 0, "it is for one of several systems", next);
    }
    // By package managers: nobody installs with two of them.
    let managed: Vec<((usize, usize), &str)> = steps
        .iter()
        .filter_map(|(fence, piece)| {
            manager(&group[*fence].pieces[*piece]).map(|family| ((*fence, *piece), family))
        })
        .collect();
    let families: BTreeSet<&str> = managed.iter().map(|(_, family)| *family).collect();
    let systems = families
        .iter()
        .filter(|family| {
            matches!(
                **family,
                "apt" | "rpm" | "brew" | "apk" | "pacman" | "windows" | "pkg"
            )
        })
        .count();
    let scripts = families
        .iter()
        .filter(|family| matches!(**family, "npm" | "yarn" | "pnpm"))
        .count();
    let is_told_already = named.len() > 1
        && managed
            .iter()
            .filter(|(member, _)| named.binary_search_by_key(member, |(it, _)| *it).is_ok())
            .count()
            > 1;
    if (systems > 1 || scripts > 1) && !is_told_already {
        let members: Vec<_> = managed
            .iter()
            .filter(|(_, family)| {
                (systems > 1
                    && matches!(
                        *family,
                        "apt" | "rpm" | "brew" | "apk" | "pacman" | "windows" | "pkg"
                    ))
                    || (scripts > 1 && matches!(*family, "npm" | "yarn" | "pnpm"))
            })
            .map(|(member, _)| *member)
            .collect();
        choose(
            group,
            &members,
            0,
            "another package manager stands beside it: one of them is meant",
            next,
        );
    }
    variants(group, next);
    lettered(group, next);
    for context in group.iter_mut() {
        list_to_choose_from(context);
    }
    // A menu inside one run of lines: trailing `# or`, `①`, two package managers.
    for context in group.iter_mut() {
        for piece in context
            .pieces
            .iter_mut()
            .filter(|piece| piece.nature.is_step())
        {
            let text = &context.body[piece.range.clone()];
            let is_menu = !text.is_ascii()
                && text
                    .lines()
                    .any(|line| line.trim_start().starts_with(words::MENU));
            let managers: BTreeSet<&str> = piece
                .understanding
                .iter()
                .flat_map(|understood| &understood.commands)
                .filter_map(
                    |known| match known.name.split(' ').next().unwrap_or_default() {
                        "apt" | "apt-get" => Some("apt"),
                        "yum" | "dnf" => Some("rpm"),
                        name @ ("brew" | "apk" | "pacman" | "zypper" | "choco" | "winget") => {
                            Some(name)
                        }
                        _ => None,
                    },
                )
                .collect();
            let is_separate = || !holds(text, "||") && !holds(text, "if ");
            if is_menu || managers.len() > 1 && is_separate() {
                let whole = piece.range.clone();
                piece.doubt("menu", "it holds several ways of doing the same", whole);
            }
        }
    }
}

/// `a) Smart`, `b) Fast` above one command each, which differ in a word: one of them is meant.
fn lettered(group: &mut [Context<'_>], next: &mut u32) {
    let mut members: Vec<(usize, usize)> = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for (index, context) in group.iter().enumerate() {
        let mut steps = context.pieces.iter().enumerate();
        let mut steps = steps.by_ref().filter(|(_, piece)| piece.nature.is_step());
        let (Some((at, piece)), None) = (steps.next(), steps.next()) else {
            continue;
        };
        if !context
            .around
            .lead()
            .is_some_and(|prose| is_lettered(&prose.text))
        {
            continue;
        }
        let text: Vec<&str> = piece.read.command.split_whitespace().collect();
        let differing = words.iter().zip(&text).filter(|(a, b)| a != b).count();
        let is_like = words.is_empty() || words.len() == text.len() && differing < 2;
        if !is_like {
            break;
        }
        words = text;
        members.push((index, at));
    }
    if members.len() > 1 {
        choose(
            group,
            &members,
            0,
            "the text offers it as one of several ways",
            next,
        );
    }
}

/// `a) …`, `(b) …`
fn is_lettered(lead: &str) -> bool {
    let mut letters = lead.trim_start_matches(['(', '*', '_', ' ']).chars();
    letters.next().is_some_and(|c| c.is_ascii_lowercase()) && letters.next() == Some(')')
}

/// A cheat sheet: a run of commands each of which has its own remark behind it. What of the fence does
/// more than look is chosen from, not run in a row.
fn list_to_choose_from(context: &mut Context<'_>) {
    let body = context.body;
    let is_list = context.pieces.iter().any(|piece| {
        let lines = body[piece.range.clone()].lines();
        let lines =
            lines.filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let (all, remarked) = lines.fold((0, 0), |(all, remarked), line| {
            (all + 1, remarked + usize::from(line.contains(" # ")))
        });
        piece.nature.is_step() && all > 2 && remarked * 5 >= all * 4
    }) || context
        .around
        .lead()
        .is_some_and(|prose| words::find(&prose.text, words::OPTIONS).is_some());
    if !is_list {
        return;
    }
    for piece in &mut context.pieces {
        if piece.nature.is_step() && piece.effect != Effect::Reads {
            let whole = piece.range.clone();
            let because = "it is one of a list to choose from";
            piece.doubt("reference", because, whole);
        }
    }
}

/// The same command with other options or another redirection, side by side under comments of their
/// own: a plain and a compressed backup. One of them is meant.
fn variants(group: &mut [Context<'_>], next: &mut u32) {
    for fence in 0..group.len() {
        let mut seen: BTreeMap<Vec<String>, Vec<(usize, String)>> = BTreeMap::new();
        for (index, piece) in group[fence].pieces.iter().enumerate() {
            let is_one = piece.nature.is_step()
                && piece.effect == Effect::Changes
                && (index == 0 || !piece.title.is_empty());
            let Some(known) = piece
                .understanding
                .as_ref()
                .and_then(|understood| understood.commands.first())
                .filter(|_| is_one)
            else {
                continue;
            };
            let Some(text) = piece.command.get(known.range.clone()) else {
                continue;
            };
            // A line or two, one of them a comment: a script is no variant of another.
            if piece
                .command
                .lines()
                .filter(|line| !line.trim_start().starts_with('#'))
                .count()
                > 2
                || text.contains("dry-run")
            {
                continue;
            }
            let is_powershell = piece.language.is_some_and(|it| it.0 == "powershell");
            let key: Vec<String> = text
                .split(['|', '>', '<', ';', '&'])
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .filter(|word| !word.starts_with('-') && *word != "sudo")
                // There every value has a name: the second word is what the command is about.
                .take(if is_powershell { 2 } else { usize::MAX })
                .map(str::to_owned)
                .collect();
            let body: String = piece
                .command
                .lines()
                .filter(|line| !line.trim_start().starts_with('#'))
                .collect();
            if key.len() > 1 {
                seen.entry(key).or_default().push((index, body));
            }
        }
        for members in seen.into_values() {
            let different: BTreeSet<&String> = members.iter().map(|(_, body)| body).collect();
            if different.len() > 1 {
                let pieces: Vec<(usize, usize)> =
                    members.iter().map(|(index, _)| (fence, *index)).collect();
                choose(
                    group,
                    &pieces,
                    1,
                    "the same command stands beside it in another form: one of them is meant",
                    next,
                );
            }
        }
    }
}

/// `Option A` and `Option B` as headings side by side, or `Ubuntu` and `CentOS`.
fn sibling_sections(fences: &mut [Context<'_>], next: &mut u32) {
    let mut ways: BTreeMap<(String, &'static str), Vec<(usize, String)>> = BTreeMap::new();
    for (index, context) in fences.iter().enumerate() {
        for (depth, heading) in context.around.headings.iter().enumerate().take(2) {
            let parent = || {
                let above = context.around.headings[depth + 1..].iter();
                above.map(|it| &***it).collect::<Vec<&str>>().join("\n")
            };
            if let Some(way) = numbered_way(heading, heading) {
                ways.entry((parent(), "way"))
                    .or_default()
                    .push((index, way.to_owned()));
                break;
            }
            if words::IN_CASE
                .iter()
                .any(|words| heading.trim_start().starts_with(words))
            {
                let way = heading.to_string();
                ways.entry((parent(), "case"))
                    .or_default()
                    .push((index, way));
                break;
            }
            if let Some(name) = words::WEB_SERVERS
                .iter()
                .find(|name| heading.trim() == **name)
            {
                let way = (*name).to_owned();
                ways.entry((parent(), "system"))
                    .or_default()
                    .push((index, way));
                break;
            }
            if let Some(name) = system(heading)
                && heading.split_whitespace().count() < 4
                && (depth == 0 || name != "linux")
            {
                ways.entry((parent(), "system"))
                    .or_default()
                    .push((index, name.to_owned()));
                break;
            }
        }
    }
    for ((_, kind), members) in ways {
        let different: BTreeSet<&String> = members.iter().map(|(_, way)| way).collect();
        if different.len() < 2 {
            continue;
        }
        let steps = |(fence, _): &(usize, String)| -> Vec<(usize, usize)> {
            let all = fences[*fence].pieces.iter().enumerate();
            let all = all.filter(|(_, piece)| piece.nature.is_step());
            all.map(|(piece, _)| (*fence, piece)).collect()
        };
        let is_recommended = |fence: usize| {
            let mut headings = fences[fence].around.headings.iter().take(2);
            headings.any(|heading| is_recommended(heading))
        };
        // A machine has one system, and nobody here knows which.
        let way = (kind != "system")
            .then(|| members.iter().find(|(fence, _)| is_recommended(*fence)))
            .flatten()
            .map(|(_, way)| way.clone());
        let (main, others): (Vec<_>, Vec<_>) = members
            .into_iter()
            .partition(|(_, name)| way.as_ref() == Some(name));
        let mut pieces: Vec<(usize, usize)> = main.iter().flat_map(steps).collect();
        let taken = pieces.len();
        pieces.extend(others.iter().flat_map(steps));
        choose(
            fences,
            &pieces,
            taken,
            "its heading names one of several ways",
            next,
        );
    }
}

/// A command as far as opposites go: its words, and which of them is a verb.
struct Act<'a> {
    piece: usize,
    words: Vec<&'a str>,
    end: usize,
    /// Where it stands in its piece.
    start: usize,
}

impl Context<'_> {
    /// Start and stop of the same thing in one fence: a menu, unless they make a sequence.
    fn find_opposites(&self) -> Vec<usize> {
        if !self.pieces.iter().any(|piece| piece.read.has_opposite) {
            return Vec::new();
        }
        let mut acts: Vec<Act<'_>> = Vec::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            let read = piece.read;
            let Some(understood) = read
                .understanding
                .as_ref()
                .filter(|_| piece.nature.is_step())
            else {
                continue;
            };
            for known in &understood.commands {
                let Some(text) = read.command.get(known.range.clone()) else {
                    continue;
                };
                let words: Vec<&str> = text
                    .split_whitespace()
                    .filter(|word| !word.starts_with('-') && *word != "sudo")
                    .collect();
                acts.push(Act {
                    piece: index,
                    words,
                    start: known.range.start,
                    end: known.range.end,
                });
            }
        }
        if acts.len() < 2 {
            return Vec::new();
        }
        let speaks_of_restart = LazyCell::new(|| {
            let heading = self.around.headings.first();
            let mut said = heading.map_or_else(String::new, |it| it.to_string());
            for prose in &self.around.before {
                said.push(' ');
                said.push_str(&prose.text);
            }
            words::find(&said, words::RESTART).is_some()
        });
        let mut members: BTreeSet<usize> = BTreeSet::new();
        // Neighbours within reach: a long script is a sequence.
        for (at, first) in acts.iter().enumerate() {
            for (distance, second) in acts[at + 1..].iter().enumerate().take(12) {
                let Some((forward, _)) = opposite(&first.words, &second.words) else {
                    continue;
                };
                let is_same_piece = first.piece == second.piece;
                let title = &self.pieces[first.piece].heard;
                let is_joined = is_same_piece
                    && self.pieces[first.piece]
                        .command
                        .get(first.end..second.start)
                        .is_some_and(|between| between.contains("&&") || between.contains(';'));
                // Stop … start: a sequence where something stands between, or where a restart is spoken of.
                let is_sequence = !forward
                    && (distance > 0
                        || !is_same_piece
                        || title.find(List::Restart).is_some()
                        || *speaks_of_restart);
                if !is_joined && !is_sequence {
                    members.insert(first.piece);
                    members.insert(second.piece);
                }
            }
        }
        members.into_iter().collect()
    }
}

/// Marks what was found to be opposed.
fn opposites(context: &mut Context<'_>, next: &mut u32) {
    let members = std::mem::take(&mut context.opposed);
    if members.is_empty() {
        return;
    }
    for piece in members {
        let whole = context.pieces[piece].range.clone();
        context.pieces[piece].doubt(
            "opposite",
            "its opposite stands in the same fence: one of them is meant",
            whole,
        );
        if context.choices.iter().all(|(index, _)| *index != piece) {
            context.choices.push((piece, *next));
        }
    }
    *next += 1;
}

/// Whether two commands undo each other; `true` where the first one is the one that does.
fn opposite(first: &[&str], second: &[&str]) -> Option<(bool, &'static str)> {
    if first.len() != second.len() {
        return None;
    }
    let mut differing = first.iter().zip(second).filter(|(a, b)| a != b);
    let (a, b) = differing.next()?;
    if differing.next().is_some() {
        return None;
    }
    // `paused=true`, then `paused=false`.
    let is_switched = |a: &str, b: &str| {
        words::SWITCHES
            .iter()
            .any(|(on, off)| a.contains(on) && a.replace(on, off) == b)
    };
    if is_switched(a, b) || is_switched(b, a) {
        return Some((true, "true"));
    }
    words::OPPOSITES.iter().find_map(|(does, undoes)| {
        if a == does && b == undoes {
            Some((true, *does))
        } else if a == undoes && b == does {
            Some((false, *does))
        } else {
            None
        }
    })
}

// --- Variables --------------------------------------------------------------------------------

/// A variable that nothing sets before it is read.
struct Unset {
    name: String,
    range: Range<usize>,
    because: String,
    /// Something above it in the document sets it, in a section of its own: it has its value where that
    /// has run, and is asked for where it has not.
    is_set_above: bool,
}

/// Names that environments have, or that a shell sets by itself.
const ENVIRONMENT: &[&str] = &[
    "HOME",
    "PATH",
    "USER",
    "PWD",
    "OLDPWD",
    "SHELL",
    "HOSTNAME",
    "LANG",
    "LC_ALL",
    "TERM",
    "EDITOR",
    "LOGNAME",
    "TMPDIR",
    "UID",
    "EUID",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "IFS",
    "PPID",
    "BASH_VERSION",
    "BASH_SOURCE",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "DISPLAY",
    "SUDO_USER",
    "OSTYPE",
    "HOSTTYPE",
    "MACHTYPE",
    "PIPESTATUS",
    "FUNCNAME",
    "REPLY",
    "OPTARG",
    "OPTIND",
    "VERSION_CODENAME",
    "ID",
    "VERSION_ID",
    "UBUNTU_CODENAME",
    "GITHUB_WORKSPACE",
    "JAVA_HOME",
    "KUBECONFIG",
    "COMPUTERNAME",
    "USERNAME",
    "USERPROFILE",
    "APPDATA",
    "NVM_DIR",
];

/// Returns what is unset of each piece of each fence; nothing at all for a fence without variables.
fn variables(fences: &[Context<'_>], document: &Document<'_>) -> Vec<Vec<Vec<Unset>>> {
    // Who sets what first: the section's number, and its heading.
    let mut first_set: BTreeMap<&str, (usize, u32)> = BTreeMap::new();
    for (index, context) in fences.iter().enumerate() {
        for name in context
            .pieces
            .iter()
            .filter(|piece| piece.nature.is_step())
            .filter_map(|piece| piece.understanding.as_ref())
            .flat_map(|understood| &understood.sets)
        {
            first_set
                .entry(name)
                .or_insert((index, context.fence.section));
        }
    }
    let headings: Vec<&str> = document
        .sections()
        .map(|heading| heading.text.as_ref())
        .collect();
    let mut seen: BTreeMap<&str, BTreeSet<Vec<&str>>> = BTreeMap::new();
    let mut all = Vec::with_capacity(fences.len());
    for context in fences {
        let has_variables = context.pieces.iter().any(|piece| {
            let understood = piece.understanding.as_ref();
            understood.is_some_and(|it| !it.reads.is_empty() || !it.sets.is_empty())
        });
        if !has_variables {
            all.push(Vec::new());
            continue;
        }
        let mut of_fence = Vec::with_capacity(context.pieces.len());
        let chain: LazyCell<Vec<&str>, _> =
            LazyCell::new(|| context.around.headings.iter().map(|it| &***it).collect());
        for piece in &context.pieces {
            let mut unset = Vec::new();
            if let Some(understood) = piece
                .understanding
                .as_ref()
                .filter(|_| piece.nature.is_step())
            {
                let reads_file = !understood.reads.is_empty()
                    && piece.command.lines().any(|line| {
                        line.trim_start().starts_with("source ")
                            || line.trim_start().starts_with(". ")
                            || line.contains("set -a")
                    });
                for (name, range) in &understood.reads {
                    let is_inside = piece.found.iter().any(|found| {
                        found.range.start < range.end && range.start < found.range.end
                    });
                    if ENVIRONMENT.contains(&name.as_str())
                        || reads_file
                        || is_inside
                        || range.end > piece.command.len()
                    {
                        continue;
                    }
                    // Set above, in this section or in one that this one stands in.
                    let is_set = seen.get(name.as_str()).is_some_and(|places| {
                        (0..=chain.len()).any(|from| places.contains(&chain[from..]))
                    });
                    if is_set {
                        continue;
                    }
                    let elsewhere = first_set.get(name.as_str()).map(|(_, section)| *section);
                    let because = match elsewhere {
                        Some(section) if section != context.fence.section => {
                            let heading = (section as usize)
                                .checked_sub(1)
                                .and_then(|index| headings.get(index))
                                .copied()
                                .unwrap_or("the beginning");
                            format!("`${name}` is set in another section: “{heading}”")
                        }
                        Some(_) => format!("`${name}` is set after this only"),
                        None => format!("nothing sets `${name}`"),
                    };
                    unset.push(Unset {
                        name: name.clone(),
                        range: range.clone(),
                        because,
                        is_set_above: seen.contains_key(name.as_str()),
                    });
                }
                for name in &understood.sets {
                    seen.entry(name).or_default().insert(chain.clone());
                }
            }
            of_fence.push(unset);
        }
        all.push(of_fence);
    }
    all
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::read;
    use crate::classify::knowledge::Knowledge;
    use crate::markdown::outline;

    /// Shows each piece as `lines nature offer rules`.
    fn show(document: &str) -> String {
        let document = outline(document);
        let mut shown = Vec::new();
        for fence in read(&document, &Knowledge::built_in(), 1) {
            for piece in &fence.pieces {
                let mut rules: Vec<&str> = piece.doubts.iter().map(|doubt| doubt.rule).collect();
                rules.sort_unstable();
                rules.dedup();
                let line = format!(
                    "{}-{} {} {} {}",
                    piece.line,
                    piece.last_line,
                    piece.nature,
                    piece.offer().name(),
                    rules.join(",")
                );
                shown.push(line.trim_end().to_owned());
            }
        }
        shown.join("; ")
    }

    fn check(before: &str, tag: &str, body: &str, expected: &str) {
        let document = format!("{before}\n\n```{tag}\n{body}\n```\n");
        // Lines are counted from the body's first one.
        let first = before.lines().count().max(1) + 2;
        let shown: Vec<String> = show(&document)
            .split("; ")
            .map(|piece| {
                let Some((lines, rest)) = piece.split_once(' ') else {
                    return piece.to_owned();
                };
                let Some((start, end)) = lines.split_once('-') else {
                    return piece.to_owned();
                };
                let line = |text: &str| text.parse::<usize>().unwrap() - first;
                format!("{}-{} {rest}", line(start), line(end))
            })
            .collect();
        assert_eq!(shown.join("; "), expected, "{document}");
    }

    #[test]
    fn plain_commands_run() {
        for (tag, body) in [
            ("", "sudo systemctl restart nginx"),
            ("bash", "docker compose up -d"),
            ("sh", "sudo apt update && sudo apt install -y nginx"),
            ("bash", "pg_dump shop > backup.sql"),
            ("", "df -h\nfree -m"),
            ("bash", "for i in 1 2; do\n\n  docker restart web$i\ndone"),
            (
                "bash",
                "kubectl apply -f - <<'YAML'\nkind: Namespace\n\nname: x\nYAML",
            ),
            ("bash", "docker compose down && docker compose up -d"),
            (
                "bash",
                "sudo systemctl stop app\nsudo cp app /usr/local/bin/app\nsudo systemctl start app",
            ),
            ("powershell", "docker run -d `\n  --name x `\n  redis"),
            ("python", "pip3 --version"),
        ] {
            let last = body.lines().count();
            check("# Do it", tag, body, &format!("1-{last} command run"));
        }
    }

    #[test]
    fn pieces_have_offers_of_their_own() {
        check(
            "# Backup",
            "bash",
            "# Make one\npg_dump shop > backup.sql\n\n# Restore it\npsql shop < backup.sql\n\n# that was all",
            "1-2 command run; 4-5 command type; 7-7 listing never",
        );
        check(
            "x",
            "bash",
            "{\n  \"a\": 1\n}\ncurl http://localhost/",
            "1-3 data never; 4-4 command run",
        );
        check(
            "x",
            "python",
            "# look\npython3 --version\n\n# end them\nSELECT pg_terminate_backend(pid)\nFROM pg_stat_activity;",
            "1-2 command run; 4-6 query never",
        );
    }

    #[test]
    fn what_is_no_command_never_runs() {
        for (tag, body, nature) in [
            ("bash", "0 2 * * * /usr/bin/x >> /tmp/log 2>&1", "file"),
            ("bash", "{\"a\": 1}", "data"),
            ("bash", "DB_HOST=localhost\nDB_PASSWORD=x", "file"),
            ("python", "streamlit==1.32.0\npandas==2.2.0", "listing"),
            ("python", "├── a\n└── b", "diagram"),
            ("console", "rate(http_requests_total[5m])", "query"),
            ("python", "SELECT 1;", "query"),
            ("", "Internet → Nginx → Django\n           ↓", "diagram"),
            ("", "Status: active\n\nTo   Action\n--   ------", "output"),
            (
                "",
                "[Unit]\nDescription=x\n\n[Service]\nExecStart=/bin/x",
                "file",
            ),
            (
                "",
                "NAME    READY   STATUS\nweb-1   1/1     Running",
                "output",
            ),
            ("", "mysql> SHOW TABLES;\n+--+", "query"),
            (
                "",
                "Now go to the server and restart it.\nThen look at the log.",
                "listing",
            ),
            ("", "make sure the database is running", "listing"),
            ("", "git checkout [OPTIONS] <branch>", "listing"),
            ("", "GET /health HTTP/1.1", "data"),
            ("", "2024-01-01 10:00:00 INFO up", "output"),
            (
                "python",
                "DATABASES = {\n    'default': {\n        'NAME': os.environ.get('X'),\n    }\n}",
                "listing",
            ),
            ("", "FROM python:3.11\nRUN pip install x", "file"),
            ("mermaid", "graph LR", "diagram"),
            (
                "bash",
                "① docker compose up -d\n② docker compose down",
                "listing",
            ),
            ("", "import os\nprint(1)", "listing"),
        ] {
            let last = body.lines().count();
            check("x", tag, body, &format!("1-{last} {nature} never"));
        }
    }

    #[test]
    fn the_text_around_is_heard() {
        for (before, tag, body, expected) in [
            (
                "Expected output:",
                "",
                "nginx is running",
                "1-1 output never",
            ),
            ("Salida esperada:", "", "{\"a\": 1}", "1-1 output never"),
            (
                "Don't do this:",
                "bash",
                "chmod 777 /srv",
                "1-1 command ask counter-example",
            ),
            (
                "NO ejecutar en producción:",
                "bash",
                "docker restart x",
                "1-1 command ask counter-example",
            ),
            (
                "Falsch:",
                "bash",
                "docker restart x",
                "1-1 command ask counter-example",
            ),
            (
                "À ne pas faire :",
                "bash",
                "docker restart x",
                "1-1 command ask counter-example",
            ),
            (
                "Ejemplo:",
                "bash",
                "docker restart x",
                "1-1 command ask example",
            ),
            (
                "Beispiel:",
                "bash",
                "docker restart x",
                "1-1 command ask example",
            ),
            (
                "x",
                "bash",
                "# Sin sudo: falla\ndocker restart x\n\n# Con sudo\nsudo docker restart x",
                "1-2 command ask alternative,counter-example; 4-5 command ask alternative",
            ),
        ] {
            if body.contains("Sin sudo") {
                assert!(
                    show(&format!("{before}\n\n```{tag}\n{body}\n```\n"))
                        .contains("counter-example")
                );
            } else {
                check(before, tag, body, expected);
            }
        }
    }

    #[test]
    fn trouble_is_named_and_orders_are_heard() {
        for (before, expected) in [
            // The heading names what is wrong, not what is wrong to run.
            ("# Der Start schlägt fehl", "1-1 command run"),
            ("Si el correo no funciona:", "1-1 command run"),
            ("# When the queue does not work", "1-1 command run"),
            ("Wrong:", "1-1 command ask counter-example"),
            ("# NEVER DO THESE", "1-1 command ask counter-example"),
            (
                "> No ejecutar en producción",
                "1-1 command ask counter-example",
            ),
        ] {
            check(before, "bash", "docker restart web", expected);
        }
        let behind =
            "# A\n\n```sh\ndocker restart web\n```\n\n> Nicht ausführen, solange kopiert wird.\n";
        assert_eq!(show(behind), "4-4 command ask counter-example");
    }

    #[test]
    fn values_of_the_writer_are_asked_about() {
        for (body, expected) in [
            (
                "git commit -m 'feat: carts'",
                "1-1 command ask example-value",
            ),
            ("git tag v1.4.0", "1-1 command ask example-value"),
            ("qm set 592 --memory 4096", "1-1 command ask example-value"),
            ("qm create 9000 --memory 4096", "1-1 command run"),
            ("qm status 592", "1-1 command run"),
            (
                "mkdir /srv/shop # ajusta la ruta",
                "1-1 command ask example-value",
            ),
            ("zpool scrub poolname", "1-1 command fill placeholder"),
            ("exit", "1-1 command ask remote-shell"),
            // SQL over several lines is an argument, and no Dockerfile.
            (
                "psql -c \"\nSELECT pid\nFROM pg_stat_activity;\"",
                "1-3 command run",
            ),
            ("hostname -f", "1-1 command run"),
        ] {
            check("# Do it", "bash", body, expected);
        }
        let behind =
            "# A\n\n```sh\nmkdir /srv/shop\n```\n\nReplace `shop` with the name of the site.\n";
        assert_eq!(show(behind), "4-4 command ask example-value");
    }

    #[test]
    fn numbered_steps_are_no_alternatives() {
        check(
            "# Setup",
            "bash",
            "# 1. Clone it\ndocker pull web\n\n# 2. Make a folder or a link\nmkdir /srv/web",
            "1-2 command run; 4-5 command run",
        );
    }

    #[test]
    fn what_an_unpacking_restores_is_lost() {
        check(
            "# Restore",
            "bash",
            "tar xzf base.tar.gz -C /srv/data",
            "1-1 command type",
        );
        check(
            "# Install",
            "bash",
            "tar xzf base.tar.gz -C /srv/data",
            "1-1 command run",
        );
    }

    #[test]
    fn what_excludes_each_other_is_asked() {
        check(
            "x",
            "bash",
            "sudo systemctl start nginx\nsudo systemctl stop nginx",
            "1-2 command ask opposite",
        );
        check(
            "# Menu",
            "bash",
            "# Up\ndocker compose up -d\n\n# Down\ndocker compose down",
            "1-2 command ask opposite; 4-5 command ask opposite",
        );
        check(
            "# Restart",
            "bash",
            "docker compose down\ndocker compose up -d",
            "1-2 command run",
        );
        check(
            "x",
            "bash",
            "# Ubuntu\nsudo apt install -y nginx\n\n# CentOS\nsudo yum install -y nginx",
            "1-2 command ask alternative; 4-5 command ask alternative",
        );
        check(
            "x",
            "bash",
            "# Plain\npg_dump a > a.sql\n\n# Small\npg_dump a | gzip > a.gz",
            "1-2 command run; 4-5 command ask alternative",
        );
        let document = "# A\n\n```sh\ndocker restart x\n```\n\nOr:\n\n```sh\ndocker stop x\n```\n";
        assert_eq!(
            show(document),
            "4-4 command run; 10-10 command ask alternative"
        );
        let document = "## Opción A\n\n```sh\ndocker restart x\n```\n\n## Opción B\n\n```sh\ndocker pull y\n```\n";
        assert_eq!(
            show(document),
            "4-4 command ask alternative; 10-10 command ask alternative"
        );
    }

    #[test]
    fn of_several_ways_the_one_that_harms_nobody_or_is_recommended_runs() {
        for (document, said) in [
            (
                "# A\n\n```sh\n# One\ndocker restart x\n\n# Or\ndocker ps\n```\n",
                "4-5 command ask alternative; 7-8 command run",
            ),
            (
                "## Option 1 (recommended)\n\n```sh\ndocker restart x\n```\n\n## Option 2\n\n```sh\ndocker pull y\n```\n",
                "4-4 command run; 10-10 command ask alternative",
            ),
            (
                "# A\n\n```sh\n# 1\ncd /srv\n\n# 2\ngit pull\n\n# 3\ndocker restart x\n```\n\nOr use the script:\n\n```sh\nnpm install\n```\n",
                "4-5 command run; 7-8 command run; 10-11 command run; 17-17 command ask alternative",
            ),
            (
                "# A\n\n## If you use Compose\n\n```sh\ndocker compose pull\n```\n\n## If you use Git\n\n```sh\ngit pull\n```\n",
                "6-6 command ask alternative; 12-12 command ask alternative",
            ),
            (
                "# A\n\n## Alternative methods\n\n### With a file\n\n```sh\ntouch x\nls\n```\n",
                "8-9 command ask alternative",
            ),
            (
                "# A\n\n**a) Slow**\n\n```sh\npg_ctl -m smart stop\n```\n\n**b) Fast**\n\n```sh\npg_ctl -m fast stop\n```\n",
                "6-6 command ask alternative; 12-12 command ask alternative",
            ),
        ] {
            assert_eq!(show(document), said, "{document}");
        }
    }

    #[test]
    fn a_list_to_choose_from_is_no_procedure() {
        for (document, said) in [
            (
                "# A\n\n## Start\n\n```sh\nsystemctl start x\n```\n\n## Stop\n\n```sh\nsystemctl stop x\n```\n",
                "6-6 command run; 12-12 command ask opposite",
            ),
            (
                "# A\n\n## Stop\n\n```sh\nsystemctl stop x\n```\n\n## Start\n\n```sh\nsystemctl start x\n```\n",
                "6-6 command run; 12-12 command run",
            ),
            (
                "# A\n\n```sh\nsystemctl stop x\n```\n\nCopy, then:\n\n```sh\nsystemctl restart x\n```\n",
                "4-4 command run; 10-10 command run",
            ),
            (
                "# A\n\n```sh\nsystemctl stop x\n```\n\nThat was all.\n",
                "4-4 command ask opposite",
            ),
            (
                "# A\n\n```sh\n# If it runs under pm2\npm2 restart x\n\n# Look\npm2 list\n```\n",
                "4-5 command ask alternative; 7-8 command run",
            ),
            (
                "# A\n\n```sh\nnginx -t        # looks\nnginx -s reload # again\nnginx -s stop   # ends\n```\n",
                "4-6 command ask reference",
            ),
            (
                "# A\n\nUseful options:\n\n```sh\n# Quietly\ndocker pull -q x\n\n# Looks\ndocker ps\n```\n",
                "6-7 command ask reference; 9-10 command run",
            ),
            (
                "# A\n\n```sh\n# Stop\ndocker compose stop db\n\n# Copy\ntar czf x.tgz data\n\n# Start\ndocker compose start db\n```\n",
                "4-5 command run; 7-8 command run; 10-11 command run",
            ),
        ] {
            assert_eq!(show(document), said, "{document}");
        }
    }

    #[test]
    fn what_is_typed_in_a_container_or_a_console_is_told_from_what_is_not() {
        for (document, said) in [
            (
                "# A\n\n```sh\n# Look\ndocker exec -it db psql -U app\n\n# Count\ndocker exec db psql -U app -c 'SELECT 1'\n```\n",
                "4-5 interactive hand; 7-8 command run",
            ),
            (
                "# A\n\n```sh\ndocker exec -it web sh\n```\n\n```sh\nls\n```\n\n```sh\ndocker ps\n```\n\n# B\n\n```sh\nls\n```\n",
                "4-4 interactive hand; 8-8 command ask remote-shell; 12-12 command run; 18-18 command run",
            ),
            (
                "# A\n\nInside the container:\n\n```sh\nls\n```\n\nInside the container:\n\n```sh\ndocker exec web ls\n```\n",
                "6-6 command ask remote-shell; 12-12 command run",
            ),
            (
                "# A\n\n```sh\n# Look\nls\n\n# Call\npython manage.py shell\n>>> from x import y\n>>> y()\n```\n",
                "4-5 command run; 7-8 interactive hand; 9-10 query never",
            ),
        ] {
            assert_eq!(show(document), said, "{document}");
        }
    }

    #[test]
    fn a_host_is_confirmed_besides_and_takes_no_offer_back() {
        check(
            "x",
            "bash",
            "ssh deploy@web1 'df -h'",
            "1-1 command run leaves-machine",
        );
    }

    #[test]
    fn examples_are_told_from_files_that_are_called_so() {
        check(
            "x",
            "bash",
            "# Copy the example\ncp .env.example .env",
            "1-2 command run",
        );
        assert_eq!(
            show("# Examples\n\n```sh\nls\n\ntouch x\n```\n"),
            "4-4 command run; 6-6 command ask example"
        );
    }

    #[test]
    fn shells_inside_shells_are_not_run() {
        check(
            "x",
            "bash",
            "ssh deploy@web1\ncd /srv\ngit pull",
            "1-3 command hand interactive,leaves-machine,remote-shell",
        );
        check(
            "x",
            "bash",
            "docker exec -it web bash\n\nls",
            "1-1 interactive hand; 3-3 command ask remote-shell",
        );
    }

    #[test]
    fn sessions_hold_their_commands() {
        check(
            "x",
            "",
            "$ docker ps\nCONTAINER ID\n\n$ uptime\nup",
            "1-2 session run; 4-5 session run",
        );
        check(
            "x",
            "console",
            "root@web1:~# systemctl status nginx\nok",
            "1-2 session run",
        );
        check(
            "x",
            "",
            "C:\\Users\\x>dir",
            "1-1 session ask no-interpreter",
        );
        let document = outline("```\n$ ls -l \\\n  /tmp\ntotal 0\n```\n");
        let readings = read(&document, &Knowledge::built_in(), 1);
        assert_eq!(readings[0].pieces[0].command, "ls -l \\\n  /tmp");
    }

    #[test]
    fn values_are_asked_for_where_they_stand() {
        let source = "> ```sh\n> ssh-keyscan <HOST> > $OUT\n> echo 'x{name}'\n> ```\n";
        let document = outline(source);
        let readings = read(&document, &Knowledge::built_in(), 1);
        let piece = &readings[0].pieces[0];
        for value in &piece.placeholders {
            assert_eq!(&piece.command[value.range.clone()], value.text);
        }
        let texts: Vec<&str> = piece
            .doubts
            .iter()
            .filter(|doubt| doubt.is_a_value())
            .map(|doubt| document.text(doubt.span))
            .collect();
        assert_eq!(texts, ["<HOST>", "$OUT", "{name}"]);
    }

    #[test]
    fn what_a_section_above_sets_is_there_and_what_is_set_later_is_not() {
        let document =
            "# A\n\n```sh\nNS=$(id -un)\necho $NS\n```\n\n# B\n\n```sh\ndocker restart $NS\n```\n";
        assert_eq!(show(document), "4-5 command run; 11-11 command run");
        let document = "# A\n\n```sh\ndocker restart $NS\n```\n\n# B\n\n```sh\nNS=$(id -un)\n```\n";
        assert_eq!(
            show(document),
            "4-4 command fill unset-variable; 10-10 command run"
        );
    }

    #[test]
    fn threads_change_nothing() {
        let mut source = String::new();
        for number in 0..4000 {
            let _ = write!(
                source,
                "# S{}\n\n```sh\n# do {number}\nsudo systemctl restart web{number}\n\nls <X{number}>\n```\n",
                number % 7
            );
        }
        let document = outline(&source);
        let knowledge = Knowledge::built_in();
        assert_eq!(
            read(&document, &knowledge, 1),
            read(&document, &knowledge, 4)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_pieces_keep_their_places(
            tag in "(sh|python|powershell||console|sql|yaml|text)",
            body in "(ls|\\$ |# |> |<X>|\\{|\\}|\"|'|=|\\||\\\\|<<E|E|SELECT|;|mysql> |sudo |docker |[ \\n\\n\\t]|ñ|→|\\PC){0,50}",
        ) {
            let source = format!("{body}\n\n```{tag}\n{body}\n```\n\n{body}\n\n> ~~~{tag}\n> {}\n> ~~~\n", body.replace('\n', "\n> "));
            let document = outline(&source);
            let readings = read(&document, &Knowledge::built_in(), 1);
            prop_assert_eq!(readings.len(), document.fences.len());
            for (reading, fence) in readings.iter().zip(&document.fences) {
                let body = document.body(fence);
                let mut end = 0;
                for piece in &reading.pieces {
                    prop_assert!(piece.range.start >= end && piece.range.end <= body.len());
                    end = piece.range.end;
                    let _ = &body[piece.range.clone()];
                    for value in &piece.placeholders {
                        prop_assert!(piece.command.get(value.range.clone()).is_some());
                    }
                    for doubt in &piece.doubts {
                        prop_assert!(source.get(doubt.span.start..doubt.span.end).is_some());
                    }
                }
            }
        }
    }
}
