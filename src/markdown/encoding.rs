//! Mojibake: UTF-8 that was read as another encoding and saved again, and the way back, exact.
//!
//! Never guesses: what is mended gives the damaged bytes back when the mistake is made once more,
//! or it is left alone. A text that merely holds `Ã`, or speaks of such damage, is not touched.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use memchr::memchr_iter;

use crate::model::Span;

/// How often in a row the mistake may have been made.
const DEEPEST: usize = 3;

/// The encoding that UTF-8 was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misreading {
    /// Windows-1252. Its five unused bytes stand for control characters, as Windows has them.
    Windows1252,
    /// Mac Roman.
    MacRoman,
    /// ISO-8859-1, control characters included.
    Latin1,
    /// ISO-8859-15.
    Latin9,
}

impl Misreading {
    /// All of them; where two explain a text alike, the first is named.
    pub const ALL: [Self; 4] = [
        Self::Windows1252,
        Self::MacRoman,
        Self::Latin1,
        Self::Latin9,
    ];

    /// Returns what a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Windows1252 => "Windows-1252",
            Self::MacRoman => "Mac Roman",
            Self::Latin1 => "ISO-8859-1",
            Self::Latin9 => "ISO-8859-15",
        }
    }

    /// Returns `text` as it is after its UTF-8 bytes were read in this encoding: the mistake itself.
    pub fn damage(self, text: &str) -> String {
        let table = self.table();
        let read = |byte: u8| {
            if byte.is_ascii() {
                char::from(byte)
            } else {
                table.chars[usize::from(byte - 0x80)]
            }
        };
        text.bytes().map(read).collect()
    }

    /// Returns `text` with every run of characters that this mistake could have made taken back.
    fn undo(self, text: &str) -> String {
        let table = self.table();
        let mut mended = String::with_capacity(text.len());
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while let Some(c) = chars.get(at) {
            let (decoded, length) = table.sequence(&chars[at..]).unwrap_or((*c, 1));
            mended.push(decoded);
            at += length;
        }
        mended
    }

    fn table(self) -> &'static Table {
        static TABLES: LazyLock<[Table; 4]> = LazyLock::new(|| Misreading::ALL.map(Table::of));
        &TABLES[self as usize]
    }
}

/// The upper half of an encoding of one byte a character, both ways. None of the four leaves a byte
/// without a character of its own, so that going back is exact.
struct Table {
    chars: [char; 128],
    /// By character, up to the last block that the four encodings know; 0 for none.
    bytes: Vec<u8>,
    /// The few that stand beyond it.
    rest: Vec<(char, u8)>,
}

/// Beyond the signs that the encodings have in common with one another.
const NEAR: u32 = 0x2700;

impl Table {
    fn of(misreading: Misreading) -> Self {
        let encoding = match misreading {
            Misreading::Windows1252 => Some(encoding_rs::WINDOWS_1252),
            Misreading::MacRoman => Some(encoding_rs::MACINTOSH),
            Misreading::Latin9 => Some(encoding_rs::ISO_8859_15),
            // For browsers it is Windows-1252; here it is what its standard says.
            Misreading::Latin1 => None,
        };
        let mut chars = ['\0'; 128];
        for (byte, c) in (0x80..=0xff_u8).zip(&mut chars) {
            let decoded =
                encoding.and_then(|it| it.decode_without_bom_handling(&[byte]).0.chars().next());
            *c = decoded.unwrap_or(char::from(byte));
        }
        let mut bytes = vec![0; NEAR as usize];
        let mut rest = Vec::new();
        for (c, byte) in chars.into_iter().zip(0x80..=0xff) {
            match bytes.get_mut(c as usize) {
                Some(place) => *place = byte,
                None => rest.push((c, byte)),
            }
        }
        Self { chars, bytes, rest }
    }

    fn byte(&self, c: char) -> Option<u8> {
        match self.bytes.get(c as usize) {
            Some(0) => None,
            Some(byte) => Some(*byte),
            None => self.rest.iter().find(|it| it.0 == c).map(|it| it.1),
        }
    }

    /// Whether two characters at least of `text` could have been made by the mistake. In sound text
    /// what is not ASCII mostly stands alone, so that this costs little more than to look at it.
    fn explains_some(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let mut count = 0;
        let mut at = 0;
        while let Some(next) = bytes[at..].iter().position(|byte| *byte >= 0x80) {
            let start = at + next;
            let mut chars = text[start..].chars();
            let Some(first) = chars.next() else {
                break;
            };
            at = start + first.len_utf8();
            if self.byte(first).is_none_or(|byte| byte < 0xc2) {
                continue;
            }
            let window = [
                first,
                chars.next().unwrap_or('\0'),
                chars.next().unwrap_or('\0'),
                chars.next().unwrap_or('\0'),
            ];
            count += usize::from(self.sequence(&window).is_some());
            if count == 2 {
                return true;
            }
        }
        false
    }

    /// Returns the character whose UTF-8 bytes the first of `chars` are, misread, and their number.
    fn sequence(&self, chars: &[char]) -> Option<(char, usize)> {
        let lead = self.byte(*chars.first()?)?;
        let length = match lead {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return None,
        };
        let mut bytes = [lead, 0, 0, 0];
        for (byte, c) in bytes[1..length].iter_mut().zip(chars.get(1..length)?) {
            *byte = self.byte(*c)?;
        }
        let decoded = std::str::from_utf8(&bytes[..length]).ok()?.chars().next()?;
        Some((decoded, length))
    }
}

/// A text that was damaged, mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The mended text.
    pub text: String,
    /// What its UTF-8 was taken for, the last mistake first; more than one where it was damaged
    /// again.
    pub read_as: Vec<Misreading>,
    /// How many characters of the mended text were damaged.
    pub characters: usize,
    /// How many places look damaged and could not be mended with certainty: left as they are.
    pub left: usize,
    /// A damaged word, as it stands in the damaged text.
    pub place: Span,
    /// That word, mended.
    pub example: String,
}

impl Mended {
    /// Returns what its UTF-8 was read as, in words.
    pub fn read_as(&self) -> String {
        let names: Vec<&str> = self.read_as.iter().rev().map(|it| it.name()).collect();
        names.join(", then as ")
    }
}

/// Returns the mended text where `text` is mojibake beyond doubt, and every part of what was mended
/// gives back what stood there when the mistake is made again; else nothing. Linear.
pub fn mend(text: &str) -> Option<Mended> {
    if text.is_ascii() {
        return None;
    }
    let layers = search(text, DEEPEST)?;
    let last = layers.last()?;
    let read_as: Vec<Misreading> = layers.iter().map(|layer| layer.misreading).collect();
    let undone = |place: &Span| {
        let word = text[place.start..place.end].to_owned();
        read_as.iter().fold(word, |word, it| it.undo(&word))
    };
    // A word shows the damage better than a sign does.
    let is_a_word = |word: &str| word.chars().any(|c| !c.is_ascii() && c.is_alphabetic());
    let places = &layers.first()?.places;
    let place = *places
        .iter()
        .find(|place| is_a_word(&undone(place)))
        .or(places.first())?;
    let example = undone(&place);
    Some(Mended {
        characters: last.parts.len(),
        left: last.left,
        place,
        example,
        read_as,
        text: layers.into_iter().next_back()?.text,
    })
}

/// Returns the mistakes to take back, in that order.
fn search(text: &str, depth: usize) -> Option<Vec<Layer>> {
    let mut best: Option<(i64, Vec<Layer>)> = None;
    for misreading in Misreading::ALL {
        let Some(layer) = Layer::of(text, misreading) else {
            continue;
        };
        let deeper = if depth > 1 {
            search(&layer.text, depth - 1)
        } else {
            None
        };
        // Halfway back through a double mistake the text makes no sense yet.
        if deeper.is_none() && layer.makes_no_sense() {
            continue;
        }
        let score = layer.score(deeper.as_ref().and_then(|layers| layers.last()));
        if best.as_ref().is_none_or(|(other, _)| score > *other) {
            let mut layers = vec![layer];
            layers.extend(deeper.into_iter().flatten());
            best = Some((score, layers));
        }
    }
    best.map(|(_, layers)| layers)
}

/// One mistake taken back.
struct Layer {
    misreading: Misreading,
    text: String,
    /// Of each mended character, its place in the damaged text and in the mended one.
    parts: Vec<(Span, Span)>,
    odd: usize,
    others: usize,
    left: usize,
    /// Damaged words that may serve as an example.
    places: Vec<Span>,
}

impl Layer {
    fn of(text: &str, misreading: Misreading) -> Option<Self> {
        if !misreading.table().explains_some(text) {
            return None;
        }
        let found = Findings::of(text, misreading.table());
        let extent = found.extent(text)?;
        let mut mended = String::with_capacity(text.len());
        let mut parts = Vec::new();
        let mut at = 0;
        for sequence in &found.sequences {
            if !extent.takes(sequence, &found) {
                continue;
            }
            mended.push_str(&text[at..sequence.span.start]);
            let start = mended.len();
            mended.push(sequence.decoded);
            parts.push((sequence.span, Span::new(start, mended.len())));
            at = sequence.span.end;
        }
        mended.push_str(&text[at..]);
        let layer = Self {
            misreading,
            odd: found.sequences.iter().filter(|it| it.is_odd).count(),
            others: found.others,
            left: found.others + found.lost + found.sequences.len() - parts.len(),
            places: found.examples(text),
            text: mended,
            parts,
        };
        layer.gives_back(text).then_some(layer)
    }

    /// Whether the mistake, made again on what was mended and nowhere else, gives `damaged`.
    fn gives_back(&self, damaged: &str) -> bool {
        let mut again = String::with_capacity(damaged.len());
        let mut at = 0;
        for (_, part) in &self.parts {
            again.push_str(&self.text[at..part.start]);
            again.push_str(&self.misreading.damage(&self.text[part.start..part.end]));
            at = part.end;
        }
        again.push_str(&self.text[at..]);
        again == damaged
    }

    fn makes_no_sense(&self) -> bool {
        self.odd * 10 > self.parts.len()
    }

    fn score(&self, last: Option<&Self>) -> i64 {
        let odd = last.map_or(self.odd, |last| last.odd);
        self.parts.len() as i64 - 2 * self.others as i64 - 3 * odd as i64
            + last.map_or(0, |last| last.parts.len() as i64)
    }
}

/// Where in Markdown something stands, as far as evidence goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Prose,
    Fence,
    /// Between backticks: where a document shows what damage looks like.
    InlineCode,
}

/// Characters that one character could have become.
struct Sequence {
    span: Span,
    decoded: char,
    line: u32,
    stands: Stands,
    /// Nothing else that is not ASCII touches it, but its like.
    is_whole: bool,
    /// Part of a word, or of a row of its like.
    is_in_word: bool,
    /// The character makes no sense where it would stand.
    is_odd: bool,
}

/// How much of a text is damaged.
#[derive(Clone, Copy)]
enum Extent {
    /// All of it.
    Whole,
    /// Lines of it: a part was pasted in, or appended.
    Lines,
}

impl Extent {
    fn takes(self, sequence: &Sequence, found: &Findings) -> bool {
        sequence.is_whole
            && match self {
                Self::Whole => true,
                Self::Lines => !found.other_lines.contains(&sequence.line),
            }
    }
}

/// What a text holds that is not ASCII, seen through one mistake.
#[derive(Default)]
struct Findings {
    sequences: Vec<Sequence>,
    /// Characters that the mistake did not make.
    others: usize,
    /// The lines on which they stand.
    other_lines: BTreeSet<u32>,
    /// U+FFFD: what stood there is gone for good.
    lost: usize,
}

impl Findings {
    fn of(text: &str, table: &Table) -> Self {
        let mut found = Self::default();
        let mut fence: Option<&str> = None;
        let mut start = 0;
        for (line, content) in (1..).zip(text.split_inclusive('\n')) {
            let words = content.trim_start_matches([' ', '\t', '>']);
            let mark = ["```", "~~~"]
                .into_iter()
                .find(|mark| words.starts_with(mark));
            match (fence, mark) {
                (None, Some(mark)) => fence = Some(mark),
                (Some(open), Some(mark)) if open == mark => fence = None,
                _ => {}
            }
            if !content.is_ascii() {
                found.line(table, content, start, line, fence.is_some());
            }
            start += content.len();
        }
        found
    }

    fn line(&mut self, table: &Table, content: &str, start: usize, line: u32, in_fence: bool) {
        let all: Vec<(usize, char)> = content.char_indices().collect();
        let mut in_code = false;
        let mut at = 0;
        while at < all.len() {
            let (_, c) = all[at];
            if c.is_ascii() {
                if c == '`' && (at == 0 || all[at - 1].1 != '`') {
                    in_code = !in_code;
                }
                at += 1;
                continue;
            }
            let length = all[at..].iter().take_while(|(_, c)| !c.is_ascii()).count();
            let stands = match (in_fence, in_code) {
                (true, _) => Stands::Fence,
                (false, true) => Stands::InlineCode,
                (false, false) => Stands::Prose,
            };
            self.run(table, &all, at, at + length, start, line, stands);
            at += length;
        }
    }

    /// Reads the characters `first..past` of a line, none of which is ASCII.
    #[allow(clippy::too_many_arguments, reason = "the place of a run, taken apart")]
    fn run(
        &mut self,
        table: &Table,
        all: &[(usize, char)],
        first: usize,
        past: usize,
        start: usize,
        line: u32,
        stands: Stands,
    ) {
        let chars: Vec<char> = all[first..past].iter().map(|(_, c)| *c).collect();
        let outside = |at: Option<usize>| at.and_then(|at| all.get(at)).map(|(_, c)| *c);
        // What each would become; one that stays is not counted as a sequence.
        let mut becomes: Vec<(usize, usize, char, bool)> = Vec::new();
        let mut at = 0;
        let mut is_whole = true;
        while at < chars.len() {
            if let Some((decoded, length)) = table.sequence(&chars[at..]) {
                becomes.push((at, length, decoded, true));
                at += length;
                continue;
            }
            let c = chars[at];
            becomes.push((at, 1, c, false));
            let next = chars.get(at + 1).copied().or(outside(Some(past)));
            let begins = table.byte(c).is_some_and(|byte| byte >= 0xc2);
            if c == char::REPLACEMENT_CHARACTER {
                self.lost += 1;
            } else if begins && matches!(next, Some(char::REPLACEMENT_CHARACTER | '?')) {
                // The rest of it was lost on the way.
                self.lost += usize::from(next == Some('?'));
            } else if c != '\u{feff}' || start + first > 0 {
                self.others += 1;
                self.other_lines.insert(line);
                is_whole = false;
            }
            at += 1;
        }
        let before_run = outside(first.checked_sub(1));
        let after_run = outside(Some(past));
        let offset = |at: usize| {
            start
                + all.get(at).map_or_else(
                    || all.last().map_or(0, |(at, c)| at + c.len_utf8()),
                    |(at, _)| *at,
                )
        };
        for (index, (at, length, decoded, is_sequence)) in becomes.iter().enumerate() {
            if !is_sequence {
                continue;
            }
            let before = index
                .checked_sub(1)
                .map_or(before_run, |it| Some(becomes[it].2));
            let after = becomes.get(index + 1).map_or(after_run, |it| Some(it.2));
            let touches = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            self.sequences.push(Sequence {
                span: Span::new(offset(first + at), offset(first + at + length)),
                decoded: *decoded,
                line,
                stands,
                is_whole,
                is_in_word: touches(before) || touches(after),
                is_odd: is_odd(before, *decoded, after),
            });
        }
    }

    /// Returns how much of the text is damaged; `None` where it may as well be meant as it stands.
    fn extent(&self, text: &str) -> Option<Extent> {
        let evidence: Vec<&Sequence> = self
            .sequences
            .iter()
            .filter(|it| it.is_whole && it.stands != Stands::InlineCode)
            .collect();
        if evidence.len() < 2 {
            return None;
        }
        let speaks_of_it = speaks_of_it(text);
        let lines: BTreeSet<u32> = evidence.iter().map(|it| it.line).collect();
        if self.others * 10 <= evidence.len() {
            let is_enough = !speaks_of_it || evidence.len() >= 8 && lines.len() >= 4;
            return is_enough.then_some(Extent::Whole);
        }
        // Beside sound text there must be more to go by: damage in words, of several characters, on
        // lines that are damaged throughout.
        let in_words: Vec<&&Sequence> = evidence
            .iter()
            .filter(|it| it.stands == Stands::Prose && it.is_in_word)
            .collect();
        let kinds: BTreeSet<char> = in_words.iter().map(|it| it.decoded).collect();
        let (mixed, damaged): (Vec<u32>, Vec<u32>) = lines
            .iter()
            .partition(|line| self.other_lines.contains(line));
        let is_enough = !speaks_of_it
            && in_words.len() >= 5
            && in_words.len() * 2 >= evidence.len()
            && kinds.len() >= 3
            && damaged.len() >= 3
            && mixed.len() * 3 <= damaged.len();
        is_enough.then_some(Extent::Lines)
    }

    /// Returns some of the words that are damaged.
    fn examples(&self, text: &str) -> Vec<Span> {
        let suits = |it: &&Sequence| it.is_whole && it.stands == Stands::Prose && it.is_in_word;
        let in_prose = self.sequences.iter().filter(suits);
        let anywhere = self.sequences.iter().filter(|it| it.is_whole);
        in_prose
            .take(100)
            .chain(anywhere.take(100))
            .map(|sequence| word_around(text, sequence.span))
            .collect()
    }
}

fn word_around(text: &str, place: Span) -> Span {
    let ends = |c: char| c.is_whitespace() || c.is_ascii_punctuation();
    let start = text[..place.start].rfind(ends).map_or(0, |at| {
        at + text[at..].chars().next().map_or(1, char::len_utf8)
    });
    let end = text[place.end..]
        .find(ends)
        .map_or(text.len(), |at| place.end + at);
    // A script without spaces makes one word of a paragraph.
    if end - start > 80 {
        return place;
    }
    Span::new(start, end)
}

/// Whether the text speaks of such damage itself: then what looks damaged may be an example.
fn speaks_of_it(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "mojibake",
        "latin-1",
        "latin1",
        "iso-8859",
        "windows-1252",
        "cp1252",
        "macroman",
        "mac roman",
        "krähenfüße",
        "double-encoded",
        "double encoding",
    ]
    .iter()
    .any(|word| text.contains(word))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    EastAsian,
    Other,
}

fn script(c: char) -> Script {
    match c {
        '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Script::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Script::Greek,
        '\u{400}'..='\u{52f}' => Script::Cyrillic,
        '\u{590}'..='\u{5ff}' => Script::Hebrew,
        '\u{600}'..='\u{6ff}' => Script::Arabic,
        '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Script::EastAsian,
        _ => Script::Other,
    }
}

/// Whether no person would write `c` between these two.
fn is_odd(before: Option<char>, c: char, after: Option<char>) -> bool {
    let is_rare = matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{180}'..='\u{1cc}'
        | '\u{1dd}'..='\u{217}'
        | '\u{21c}'..='\u{2af}'
        | '\u{700}'..='\u{8ff}'
        | '\u{e000}'..='\u{f8ff}'
        | '\u{fdd0}'..='\u{fdef}'
        | '\u{fff0}'..='\u{ffff}'
        | '\u{f0000}'..);
    if is_rare || c.is_uppercase() && before.is_some_and(char::is_lowercase) {
        return true;
    }
    if !c.is_alphabetic() {
        return false;
    }
    let mut neighbours = [before, after]
        .into_iter()
        .flatten()
        .filter(|c| c.is_alphabetic())
        .peekable();
    // A letter among letters of another script only.
    neighbours.peek().is_some() && neighbours.all(|it| script(it) != script(c))
}

/// Says what bytes that are not UTF-8 could be: the name that `iconv -f` knows, and in words.
/// `None` where they are UTF-8 but for single bytes, or nothing speaks for any encoding.
pub fn guess(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some(("UTF-32", "UTF-32")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some(("UTF-16", "UTF-16")),
        _ => {}
    }
    let sample = &bytes[..bytes.len().min(64 << 10)];
    let nuls = |parity: usize| {
        memchr_iter(0, sample).filter(|at| at % 2 == parity).count() * 10 > sample.len() * 3
    };
    match (nuls(0), nuls(1)) {
        (true, false) => return Some(("UTF-16BE", "UTF-16 without a mark")),
        (false, true) => return Some(("UTF-16LE", "UTF-16 without a mark")),
        _ => {}
    }
    if sample.contains(&0) {
        return None;
    }
    let sound = String::from_utf8_lossy(sample);
    let bad = sound.matches(char::REPLACEMENT_CHARACTER).count();
    let good = sound.chars().filter(|c| !c.is_ascii()).count() - bad;
    if good > bad {
        return None;
    }
    // A byte that touches no letter may be anything.
    let touches_a_letter = |at: usize| {
        let is_letter = |at: Option<usize>| {
            at.and_then(|at| sample.get(at))
                .is_some_and(u8::is_ascii_alphabetic)
        };
        !sample[at].is_ascii() && (is_letter(at.checked_sub(1)) || is_letter(Some(at + 1)))
    };
    if !(0..sample.len()).any(touches_a_letter) {
        return None;
    }
    let best = [Misreading::Windows1252, Misreading::MacRoman]
        .into_iter()
        .map(|it| (strangeness(sample, it.table()), it))
        .min_by_key(|(strange, _)| *strange)?;
    let high = sample.iter().filter(|byte| !byte.is_ascii()).count();
    match best {
        (strange, _) if strange * 3 > high => None,
        (_, Misreading::MacRoman) => Some(("MACINTOSH", "Mac Roman")),
        _ if sample.iter().any(|byte| (0x80..0xa0).contains(byte)) => {
            Some(("WINDOWS-1252", "Windows-1252"))
        }
        _ => Some(("ISO-8859-1", "Latin-1")),
    }
}

/// Returns how many bytes of `sample` make no sense in this encoding.
fn strangeness(sample: &[u8], table: &Table) -> usize {
    let text: Vec<char> = sample
        .iter()
        .map(|byte| match byte {
            0..=0x7f => char::from(*byte),
            _ => table.chars[usize::from(byte - 0x80)],
        })
        .collect();
    let strange = |at: usize| {
        let c = text[at];
        let before = at.checked_sub(1).map(|at| text[at]);
        let after = text.get(at + 1).copied();
        let in_word =
            before.is_some_and(char::is_alphabetic) && after.is_some_and(char::is_alphabetic);
        // A sign in the middle of a word is a letter of another encoding.
        is_odd(before, c, after) || in_word && !c.is_alphabetic() && c != '\u{2019}'
    };
    (0..text.len())
        .filter(|at| !text[*at].is_ascii() && strange(*at))
        .count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, prop_oneof, proptest};

    use super::{Misreading, guess, mend};

    const SPANISH: &str = "# ⚙️ Operaciones\n\n- [Requisitos](#-requisitos)\n- Configuración de la base de datos\n- Gestión y auditoría\n\n```mermaid\nA -->|Sí| B[Préstamos :3307→3306]\n```\n\n## 🗄️ Índice\n\n¿Qué hace? Valida «respuestas» — únicas…\n";
    const FRENCH: &str = "# Procédure d'arrêt\n\nVérifiez que l’équipe est prévenue : « à bientôt ». Ça coûte 30 €.\nÉteignez le serveur où la tâche s’exécute.\nMais Noël approche, et cætera.\n";
    const GERMAN: &str = "# Prüfung\n\nDie Größe der Übertragung ändern, bevor der Schlüssel abläuft.\nStraße, Äpfel, Öl, Übung.\nFür jede Änderung: „läuft“ prüfen.\n";
    const PORTUGUESE: &str = "# Operação\n\nNÃO execute sem confirmação. A IRMÃ»? Não.\nSÃO PAULO: manutenção às três.\nRestauração do sistema, após a verificação.\n";
    const JAPANESE: &str = "# データベース復旧\n\n手順を確認してから実行します。\nサーバーを再起動する。Dockerを使う。\n以上です。\n";
    const POLISH: &str = "# Kopia zapasowa\n\nUruchom usługę, sprawdź dzienniki.\nŁączność z bazą: zażółć gęślą jaźń.\nKoniec pracy — gotowe ćwiczenie.\n";
    const RUSSIAN: &str =
        "# Резервная копия\n\nПроверьте журнал службы.\nПерезапустите сервер.\nГотово: 100 %.\n";

    const SAMPLES: &[&str] = &[
        SPANISH, FRENCH, GERMAN, PORTUGUESE, JAPANESE, POLISH, RUSSIAN,
    ];

    #[test]
    fn each_mistake_is_taken_back_exactly_also_when_it_was_made_twice() {
        for sample in SAMPLES {
            for first in Misreading::ALL {
                let damaged = first.damage(sample);
                let mended = mend(&damaged).unwrap_or_else(|| panic!("{first:?}\n{damaged}"));
                assert_eq!(mended.text, *sample, "{first:?}");
                assert_eq!(mended.left, 0);
                // Where no byte tells two encodings apart, the more usual one is named.
                let again = mended.read_as[0].damage(&mended.text);
                assert_eq!(again, damaged);
                for second in Misreading::ALL {
                    let twice = second.damage(&damaged);
                    let mended = mend(&twice).unwrap_or_else(|| panic!("{first:?} {second:?}"));
                    assert_eq!(mended.text, *sample, "{first:?} {second:?}");
                    assert_eq!(mended.read_as.len(), 2);
                }
            }
        }
    }

    #[test]
    fn the_evidence_names_the_mistake_and_shows_a_word() {
        let mended = mend(&Misreading::MacRoman.damage(SPANISH)).expect("damaged");
        assert_eq!(mended.read_as(), "Mac Roman");
        assert_eq!(mended.example, "Configuración");
        let twice = Misreading::Windows1252.damage(&Misreading::MacRoman.damage(SPANISH));
        let mended = mend(&twice).expect("damaged");
        assert_eq!(mended.read_as(), "Mac Roman, then as Windows-1252");
        assert_eq!(mended.example, "Configuración");
    }

    #[test]
    fn sound_text_is_not_touched() {
        for sample in SAMPLES {
            assert_eq!(mend(sample), None, "{sample}");
        }
        for text in [
            "",
            "plain ASCII\n",
            "NÃO É PÃ, MAÇÃ, IRMÃ. Ã© sozinho.\n",
            "« terminé\u{a0}» et « fermé\u{a0}» et « donné\u{a0}»\n« né\u{a0}»\n« été\u{a0}»\n",
            "IRMÃ» MANHÃ» AMANHÃ»\nmaçã\nação\n",
            "√9 = 3, √¬p, ¬∞\n",
            "â\nÂ\nÃ\n",
        ] {
            assert_eq!(mend(text), None, "{text}");
        }
    }

    #[test]
    fn a_document_about_mojibake_is_not_touched() {
        for text in [
            "# Encoding\n\nIf you see `Ã©` instead of `é`, or `espaÃ±ol`, it is mojibake.\n",
            "# Mojibake\n\nÃ© Ã¡ Ã± Ã³ Ãº â€™\n\ncafÃ© espaÃ±ol\n",
            "# Codificación\n\nSi ves `Ã©`, `Ã±`, `Ã³`, `Ã¡` o `Ãº`, guarda como UTF-8.\n\n- `aÃ±o`: año\n- `cafÃ©`: café\n- `mÃ¡s`: más\n",
            "# Síntomas\n\n| se ve | es |\n|---|---|\n| camiÃ³n | camión |\n| aÃ±o | año |\n| cafÃ© | café |\n| mÃ¡s | más |\n| PerÃº | Perú |\n",
        ] {
            assert_eq!(mend(text), None, "{text}");
        }
    }

    #[test]
    fn of_a_document_that_is_damaged_in_part_only_that_part_changes() {
        let damaged = Misreading::Windows1252.damage(GERMAN);
        let text = format!("{SPANISH}\n{damaged}\nAquí sigue lo bueno, también después.\n");
        let mended = mend(&text).expect("damaged in part");
        assert_eq!(
            mended.text,
            format!("{SPANISH}\n{GERMAN}\nAquí sigue lo bueno, también después.\n")
        );
        // What is lost stays lost, and is counted.
        let lost = Misreading::Windows1252
            .damage(SPANISH)
            .replace('\u{81}', "\u{fffd}")
            .replace("Ã\u{ad}", "Ã?");
        let mended = mend(&lost).expect("damaged");
        assert!(mended.text.contains("Configuración"), "{}", mended.text);
        assert!(mended.text.contains("auditorÃ?a"), "{}", mended.text);
        assert!(mended.left > 0);
    }

    #[test]
    fn what_is_not_utf8_is_guessed_from_what_its_letters_would_be() {
        let latin = |text: &str| -> Vec<u8> {
            text.chars()
                .map(|c| u8::try_from(u32::from(c)).expect("Latin-1"))
                .collect()
        };
        let spanish = "# Guía\n\nConfiguración y gestión: año, índice.\n";
        assert_eq!(guess(&latin(spanish)), Some(("ISO-8859-1", "Latin-1")));
        let (windows, _, _) =
            encoding_rs::WINDOWS_1252.encode("# Guía\n\n“Configuración” – año…\n");
        assert_eq!(guess(&windows), Some(("WINDOWS-1252", "Windows-1252")));
        let (mac, _, _) = encoding_rs::MACINTOSH.encode(spanish);
        assert_eq!(guess(&mac), Some(("MACINTOSH", "Mac Roman")));
        let wide: Vec<u8> = spanish.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(guess(&wide), Some(("UTF-16LE", "UTF-16 without a mark")));
        assert_eq!(guess(b"\xff\xfe#\0 \0A\0"), Some(("UTF-16", "UTF-16")));
        assert_eq!(guess("año día \u{fffd}".as_bytes()), None);
        assert_eq!(guess(b"# A\n\necho \xff\n"), None);
        assert_eq!(guess(&[&b"\xff"[..], spanish.as_bytes()].concat()), None);
    }

    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("configuración".to_owned()),
            Just("Größe".to_owned()),
            Just("français".to_owned()),
            Just("ação".to_owned()),
            Just("データ".to_owned()),
            Just("→ ✅ 🗄️".to_owned()),
            "[a-z]{1,8}",
        ]
    }

    proptest! {
        #[test]
        fn what_damages_cleanly_is_mended_exactly(
            words in proptest::collection::vec(word(), 4..40),
            which in 0..4_usize,
        ) {
            let text = format!("Über España: {}.\n", words.join(" "));
            let mistake = Misreading::ALL[which];
            let damaged = mistake.damage(&text);
            let mended = mend(&damaged).expect("two words at least are damaged");
            assert_eq!(mended.text, text);
            assert_eq!(mistake.undo(&damaged), text);
            assert_eq!(mend(&mended.text), None);
        }

        #[test]
        fn a_mistake_is_undone_for_any_text(text in "\\PC{0,200}", which in 0..4_usize) {
            let mistake = Misreading::ALL[which];
            assert_eq!(mistake.undo(&mistake.damage(&text)), text);
        }

        #[test]
        fn any_text_is_looked_at_without_a_panic_and_what_is_mended_gives_it_back(
            text in "[ -~Ã©√≥¬â€™\u{80}-\u{9f}ñ`\n\u{fffd}]{0,200}",
            bytes in proptest::collection::vec(0_u8..=255, 0..200),
        ) {
            mend(&text);
            guess(&bytes);
            guess(text.as_bytes());
        }
    }
}
