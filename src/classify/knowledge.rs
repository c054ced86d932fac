//! What programs do: the table of commands, and the rows that a user adds to it. Looks at words
//! alone; who feeds a command and where its output goes is judged in `understanding`.
//!
//! The language of the rows stands at the top of `commands.table`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::model::Effect;

/// The table that comes with the program.
const TABLE: &str = include_str!("commands.table");

/// The table, with the user's rows.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    own: BTreeMap<String, Vec<(String, String)>>,
}

/// A run of rows of the table; they are read when one of its programs is first asked for.
#[derive(Debug)]
struct Block {
    text: &'static str,
    rows: OnceLock<Vec<Row<'static>>>,
}

/// One row: the words that it speaks of, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row<'t> {
    parts: Vec<Part<'t>>,
    facts: Facts<'t>,
}

/// One word of a row's path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part<'t> {
    /// The next argument that is no option is one of these: `start|stop`, `describe-*`.
    Word(Vec<Pattern<'t>>),
    /// `**`: the word after it may stand anywhere further on.
    Anywhere,
    /// `ARG`: there is a further argument.
    Argument,
    /// One of these options is given: `-f|--follow`, `-X=DELETE`.
    Option(Vec<Pattern<'t>>),
}

/// One of the alternatives of a word, told apart when the row is read: a program has dozens of
/// rows, and each of its commands is held against all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern<'t> {
    /// Exactly this.
    Plain(&'t str),
    /// Capitals stand for either case.
    Capitals(&'t str),
    /// Holds a `*`.
    Glob(&'t str),
    /// An option, and the value that it must have.
    Option(&'t str, Option<&'t str>),
}

impl<'t> Pattern<'t> {
    fn all(alternatives: &'t str) -> Vec<Self> {
        let is_capital = |it: u8| it.is_ascii_uppercase() || it == b'_' || it == b'-';
        let mut all: Vec<Self> = Vec::new();
        for it in alternatives.split('|') {
            let pattern = if it.starts_with('-') && it.len() > 1 {
                match it.split_once('=') {
                    Some((name, value)) => Self::Option(name, Some(value)),
                    None => Self::Option(it, None),
                }
            } else if let Some(Self::Option(name, Some(_))) = all.last() {
                // `-m=ping|setup`: one option, two values.
                Self::Option(name, Some(it))
            } else if it.contains('*') {
                Self::Glob(it)
            } else if it.len() > 1 && it.bytes().all(is_capital) {
                Self::Capitals(it)
            } else {
                Self::Plain(it)
            };
            all.push(pattern);
        }
        all
    }

    fn is(self, word: &str) -> bool {
        match self {
            Self::Plain(it) => it == word,
            Self::Capitals(it) => it.eq_ignore_ascii_case(word),
            Self::Glob(it) => glob(it, word),
            Self::Option(..) => false,
        }
    }
}

/// How much of a terminal a program wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Terminal {
    None,
    Interactive,
    Opens,
}

/// Where the command stands that a wrapper runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner<'t> {
    /// After so many arguments of the wrapper's own.
    After(usize),
    /// After `--`.
    Dashes,
    /// After one of these options, up to `;` or `+`.
    Option(&'t str),
}

/// Where something stands in the arguments: at a place (from 1), everywhere (0), or after options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence<'t> {
    /// The n-th argument after the words of the row, from 1; 0 is all of them.
    At(usize),
    /// The value of one of these options.
    Option(&'t str),
}

/// In which language a program reads its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Shell commands.
    Shell,
    /// SQL.
    Sql,
    /// JavaScript of a mongo shell.
    Mongo,
    /// A program of another language.
    Program,
    /// What it sends on or works on: it only needs no terminal then.
    Data,
}

/// What rows say; `None` and empty where they say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts<'t> {
    effect: Option<Effect>,
    because: Option<&'t str>,
    terminal: Option<Terminal>,
    endless: Option<bool>,
    asks: Option<bool>,
    values: Vec<&'t str>,
    inner: Option<Inner<'t>>,
    shell: Vec<Whence<'t>>,
    sql: Vec<Whence<'t>>,
    mongo: Vec<Whence<'t>>,
    code: Vec<Whence<'t>>,
    host: Vec<Whence<'t>>,
    copies: bool,
    writes: Vec<Whence<'t>>,
    needs: Vec<Whence<'t>>,
    script: Option<Whence<'t>>,
    guest: Option<Whence<'t>>,
    stdin: Option<Reads>,
    appends: bool,
    alone: bool,
    container: bool,
    bundled: bool,
    verbs: Vec<&'t str>,
}

/// What the table says of one command.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// The program and the arguments that decided.
    pub name: String,
    /// What it does; `None` where no row says so.
    pub effect: Option<Effect>,
    /// Why, as the row has it; empty for the ordinary reason.
    pub because: &'a str,
    /// It wants a person at the terminal.
    pub interactive: bool,
    /// What follows is typed into it.
    pub opens: bool,
    /// It does not end by itself.
    pub endless: bool,
    /// It asks questions.
    pub asks: bool,
    /// It runs inside a container.
    pub container: bool,
    /// Among its arguments are files of other hosts, `host:path`.
    pub copies: bool,
    /// It is a wrapper: the index of the word where its command begins, and where that ends.
    pub inner: Option<(usize, usize)>,
    /// Indices of words that are shell text; more than one are one text, joined.
    pub shell: Vec<Text<'a>>,
    /// SQL among the arguments.
    pub sql: Vec<Text<'a>>,
    /// JavaScript for a mongo shell among the arguments.
    pub mongo: Vec<Text<'a>>,
    /// A program of another language among the arguments.
    pub code: Vec<Text<'a>>,
    /// Hosts that it reaches.
    pub hosts: Vec<String>,
    /// Files that it writes over.
    pub writes: Vec<Text<'a>>,
    /// Files that must be there.
    pub needs: Vec<Text<'a>>,
    /// A program of the project that it runs.
    pub script: Option<Text<'a>>,
    /// The index of the word where a command begins that it runs in a container made for it.
    pub guest: Option<usize>,
    /// What it makes of its standard input.
    pub stdin: Option<Reads>,
    /// Verbs for finding opposites.
    pub verbs: Vec<&'a str>,
}

/// A text among the arguments: the word that holds it, and the text without the option's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// Index of the word.
    pub word: usize,
    /// The text.
    pub text: Cow<'a, str>,
}

/// Where the rows of a program stand.
struct Index {
    blocks: Vec<Block>,
    /// Programs with their block, in the order of the table, and the next of the same slot.
    names: Vec<(&'static str, u32, Option<u32>)>,
    /// The first of `names` whose hash ends so.
    slots: Vec<Option<u32>>,
    /// Programs whose names are patterns, `mkfs.*`, with how they begin.
    patterns: Vec<(&'static str, &'static str, u32)>,
}

/// A power of two, well above the number of programs.
const SLOTS: usize = 1 << 13;

fn slot_of(name: &str) -> usize {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = name.bytes().fold(0x811c_9dc5, mix);
    (hash ^ (hash >> 15)) as usize & (SLOTS - 1)
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = Index {
            blocks: Vec::with_capacity(1024),
            names: Vec::with_capacity(4096),
            slots: vec![None; SLOTS],
            patterns: Vec::new(),
        };
        let mut start = 0;
        let mut at = 0;
        let bytes = TABLE.as_bytes();
        while at < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |it| at + it + 1);
            if !matches!(bytes[at], b' ' | b'\n') {
                index.add(&TABLE[start..at]);
                start = at;
            }
            at = end;
        }
        index.add(&TABLE[start..]);
        // The last first, so that a slot begins with the first of the table.
        for at in (0..index.names.len()).rev() {
            let (name, _, next) = &mut index.names[at];
            *next = index.slots[slot_of(name)].replace(at as u32);
        }
        index
    })
}

impl Index {
    fn add(&mut self, text: &'static str) {
        let end = memchr::memchr2(b' ', b'\n', text.as_bytes()).unwrap_or(text.len());
        let head = &text[..end];
        if head.is_empty() || head.starts_with('#') {
            return;
        }
        let block = self.blocks.len() as u32;
        self.blocks.push(Block {
            text,
            rows: OnceLock::new(),
        });
        let ends = memchr::memchr_iter(b'|', head.as_bytes());
        let mut start = 0;
        for end in ends.chain([head.len()]) {
            let name = &head[start..end];
            start = end + 1;
            if name.bytes().any(|byte| byte == b'*') {
                let begin = name.split('*').next().unwrap_or_default();
                self.patterns.push((begin, name, block));
            } else {
                self.names.push((name, block, None));
            }
        }
    }

    fn block(&self, at: u32) -> &Block {
        &self.blocks[at as usize]
    }

    /// All names with their blocks.
    #[cfg(test)]
    fn all(&self) -> impl Iterator<Item = (&'static str, &Block)> {
        let names = self.names.iter().map(|(name, at, _)| (*name, *at));
        names
            .chain(self.patterns.iter().map(|(_, name, at)| (*name, *at)))
            .map(|(name, at)| (name, self.block(at)))
    }
}

/// The rows of a block: its first line and the indented ones, which go on under its program.
fn rows_of(text: &'static str) -> Result<Vec<Row<'static>>, String> {
    let mut rows = Vec::new();
    for line in text.lines() {
        let line = line.trim_end();
        if line.trim_start().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let (words, facts) = divided(line.trim_start());
        let words = if line.starts_with(' ') {
            words
        } else {
            words.split_once(' ').map_or("", |(_, rest)| rest)
        };
        rows.push(row(words, facts).map_err(|why| format!("`{}`: {why}", line.trim()))?);
    }
    Ok(rows)
}

/// Two blanks divide the words of a row from what it says of them.
fn divided(line: &str) -> (&str, &str) {
    line.split_once("  ")
        .map_or((line, ""), |(words, facts)| (words, facts.trim_start()))
}

fn row<'t>(words: &'t str, facts: &'t str) -> Result<Row<'t>, String> {
    let parts = words
        .split_ascii_whitespace()
        .map(|word| match word {
            "ARG" => Part::Argument,
            "**" => Part::Anywhere,
            _ if word.starts_with('-') && word.len() > 1 => Part::Option(Pattern::all(word)),
            _ => Part::Word(Pattern::all(word)),
        })
        .collect();
    Ok(Row {
        parts,
        facts: facts_of(facts)?,
    })
}

/// The facts that have no value, for suggestions.
const FLAGS: &[&str] = &[
    "reads",
    "changes",
    "destroys",
    "unknown",
    "interactive",
    "opens",
    "endless",
    "ends",
    "asks",
    "quiet",
    "container",
    "copies",
    "alone",
    "appends",
    "bundled",
    "runs",
];

/// The facts that have one.
const VALUED: &[&str] = &[
    "values", "runs", "shell", "sql", "mongo", "code", "host", "writes", "needs", "script",
    "guest", "stdin", "verb",
];

fn whence(value: &str) -> Result<Vec<Whence<'_>>, String> {
    let mut found = Vec::new();
    if value.starts_with('-') {
        found.push(Whence::Option(value));
    } else {
        for it in value.split(',') {
            if it.starts_with('-') {
                found.push(Whence::Option(it));
            } else if it == "*" {
                found.push(Whence::At(0));
            } else {
                let place = it
                    .parse()
                    .map_err(|_| format!("`{it}` is no place: write a number, `*` or options"))?;
                found.push(Whence::At(place));
            }
        }
    }
    Ok(found)
}

fn facts_of(text: &str) -> Result<Facts<'_>, String> {
    let mut facts = Facts::default();
    let (words, because) = match text.split_once(';') {
        Some((words, because)) => (words, Some(because.trim())),
        None => (text, None),
    };
    facts.because = because.filter(|it| !it.is_empty());
    for word in words.split_ascii_whitespace() {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (word, None),
        };
        if value == Some("") {
            return Err(format!("`{word}` has no value"));
        }
        let said = facts.effect;
        match (key, value) {
            ("reads", None) => facts.effect = Some(Effect::Reads),
            ("changes", None) => facts.effect = Some(Effect::Changes),
            ("destroys", None) => facts.effect = Some(Effect::Destroys),
            ("unknown", None) => facts.effect = Some(Effect::Unknown),
            ("interactive", None) => facts.terminal = Some(Terminal::Interactive),
            ("opens", None) => facts.terminal = Some(Terminal::Opens),
            ("endless", None) => facts.endless = Some(true),
            ("ends", None) => {
                facts.endless = Some(false);
                facts.terminal = Some(Terminal::None);
            }
            ("asks", None) => facts.asks = Some(true),
            ("quiet", None) => facts.asks = Some(false),
            ("container", None) => facts.container = true,
            ("copies", None) => facts.copies = true,
            ("alone", None) => facts.alone = true,
            ("appends", None) => facts.appends = true,
            ("bundled", None) => facts.bundled = true,
            ("runs", None) => facts.inner = Some(Inner::After(0)),
            ("runs", Some("--")) => facts.inner = Some(Inner::Dashes),
            ("runs", Some(value)) if value.starts_with('-') => {
                facts.inner = Some(Inner::Option(value));
            }
            ("runs", Some(value)) => {
                let count = value
                    .parse()
                    .map_err(|_| format!("`{word}`: how many arguments stand before it?"))?;
                facts.inner = Some(Inner::After(count));
            }
            ("values", Some(value)) => facts.values = value.split(',').collect(),
            ("shell", Some(value)) => facts.shell = whence(value)?,
            ("sql", Some(value)) => facts.sql = whence(value)?,
            ("mongo", Some(value)) => facts.mongo = whence(value)?,
            ("code", Some(value)) => facts.code = whence(value)?,
            ("host", Some(value)) => facts.host = whence(value)?,
            ("writes", Some(value)) => facts.writes = whence(value)?,
            ("needs", Some(value)) => facts.needs = whence(value)?,
            ("script", Some(value)) => facts.script = whence(value)?.into_iter().next(),
            ("guest", Some(value)) => facts.guest = whence(value)?.into_iter().next(),
            ("stdin", Some("shell")) => facts.stdin = Some(Reads::Shell),
            ("stdin", Some("sql")) => facts.stdin = Some(Reads::Sql),
            ("stdin", Some("mongo")) => facts.stdin = Some(Reads::Mongo),
            ("stdin", Some("program")) => facts.stdin = Some(Reads::Program),
            ("stdin", Some("data")) => facts.stdin = Some(Reads::Data),
            ("stdin", Some(value)) => {
                return Err(format!(
                    "`stdin={value}`: write `shell`, `sql`, `mongo`, `program` or `data`"
                ));
            }
            ("verb", Some(value)) => facts.verbs = value.split(',').collect(),
            _ if value.is_some() && FLAGS.contains(&key) => {
                return Err(format!("`{key}` takes no value"));
            }
            _ if VALUED.contains(&key) => return Err(format!("`{key}` needs a value")),
            _ => {
                let near = FLAGS
                    .iter()
                    .chain(VALUED)
                    .map(|it| (strsim::damerau_levenshtein(it, key), *it))
                    .min()
                    .filter(|(distance, _)| *distance <= 2)
                    .map_or(String::new(), |(_, it)| format!("; did you mean `{it}`?"));
                return Err(format!("`{key}` says nothing of a command{near}"));
            }
        }
        if let (Some(said), Some(now)) = (said, facts.effect)
            && said != now
        {
            return Err(format!(
                "one effect only: it cannot be `{said}` and `{now}`"
            ));
        }
    }
    Ok(facts)
}

impl Knowledge {
    /// Returns the table that comes with the program.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// Adds the user's rows, each the words of a command and what it does, as in the table; a
    /// later row wins over an earlier one for the same command.
    ///
    /// # Errors
    /// A row that cannot be read, in words.
    pub fn with(mut self, rows: &[(String, String)]) -> Result<Self, String> {
        for (words, facts) in rows {
            let fail = |why: String| format!("command `{words}`: {why}");
            let (programs, rest) = words.trim().split_once(' ').unwrap_or((words.trim(), ""));
            if programs.is_empty() || programs.starts_with(['-', '#']) {
                return Err(fail("names no program".to_owned()));
            }
            if row(rest, facts).map_err(fail)?.facts == Facts::default() {
                return Err(fail(
                    "says nothing: write `reads`, `changes` or `destroys`".to_owned(),
                ));
            }
            for program in programs.split('|') {
                self.own
                    .entry(program.to_owned())
                    .or_default()
                    .push((rest.to_owned(), facts.clone()));
            }
        }
        Ok(self)
    }

    /// Whether a program of this name is known.
    pub fn knows(&self, program: &str) -> bool {
        self.own.contains_key(program)
            || named(program).next().is_some()
            || patterns_of(program).next().is_some()
    }

    /// Returns what the table says of a command: its program first, then its arguments. `None`
    /// where nobody knows the program.
    pub fn find<'a>(&'a self, words: &[&'a str]) -> Option<Finding<'a>> {
        let (program, arguments) = words.split_first()?;
        let blocks = blocks_of(program);
        let own = self.own.get(*program);
        if blocks.is_empty() && own.is_none() {
            return None;
        }
        let built_in = blocks.into_iter().flat_map(|block| {
            block
                .rows
                .get_or_init(|| rows_of(block.text).expect("a test reads every row of the table"))
        });
        // `with` has read each of them once; there are few.
        let own: Vec<Row<'a>> = own
            .into_iter()
            .flatten()
            .filter_map(|(words, facts)| row(words, facts).ok())
            .collect();
        Some(find(program, arguments, built_in.chain(&own)))
    }
}

/// The blocks that speak of a program, in the order of the table.
fn blocks_of(program: &str) -> Vec<&'static Block> {
    let mut blocks: Vec<_> = named(program).collect();
    if blocks.is_empty() {
        blocks.extend(patterns_of(program));
    }
    blocks
}

/// The blocks of just this name.
fn named(program: &str) -> impl Iterator<Item = &'static Block> {
    let index = index();
    let mut next = index.slots[slot_of(program)];
    std::iter::from_fn(move || {
        let (name, block, after) = index.names[next? as usize];
        next = after;
        Some((name, block))
    })
    .filter(move |(name, _)| *name == program)
    .map(|(_, block)| index.block(block))
}

/// The blocks of patterns that a name fits.
fn patterns_of(program: &str) -> impl Iterator<Item = &'static Block> {
    let index = index();
    let patterns = index.patterns.iter();
    patterns
        .filter(move |(begin, name, _)| program.starts_with(begin) && glob(name, program))
        .map(|(_, _, at)| index.block(*at))
}

/// The arguments of a command, told apart.
#[derive(Debug, Default)]
struct Split<'a> {
    /// Indices into the arguments.
    plain: Vec<usize>,
    /// Name and, where it takes one, value; with the index of the word that holds the value.
    options: Vec<(Cow<'a, str>, Option<&'a str>, usize)>,
    /// Where `--` stands.
    dashes: Option<usize>,
}

/// Tells options from arguments. `values` are the options that take a value; `stop` is the number
/// of arguments after which all that follows belongs to an inner command.
fn split<'a>(
    arguments: &[&'a str],
    values: &[&str],
    stop: Option<usize>,
    bundled: bool,
) -> Split<'a> {
    let mut it = Split::default();
    let mut at = 0;
    while at < arguments.len() {
        let word = arguments[at];
        if it.dashes.is_none() && word == "--" {
            it.dashes = Some(at);
        } else if it.dashes.is_none() && word.starts_with("--") {
            match word.split_once('=') {
                Some((name, value)) => it.options.push((Cow::Borrowed(name), Some(value), at)),
                None if values.contains(&word) && at + 1 < arguments.len() => {
                    at += 1;
                    it.options
                        .push((Cow::Borrowed(word), Some(arguments[at]), at));
                }
                None => it.options.push((Cow::Borrowed(word), None, at)),
            }
        } else if it.dashes.is_none() && word.len() > 1 && word.starts_with('-') {
            at = short(&mut it, arguments, values, at, &word[1..]);
        } else if bundled && at == 0 && word.bytes().all(|it| it.is_ascii_alphabetic()) {
            at = short(&mut it, arguments, values, at, word);
        } else {
            it.plain.push(at);
            if stop.is_some_and(|stop| it.plain.len() > stop) {
                break;
            }
        }
        at += 1;
    }
    it
}

/// `-xzf file`, `-ofile`, `-delete`, `-n 5`: the whole word, and each of its letters up to one
/// that takes a value. Returns the index of the last word that was taken.
fn short<'a>(
    it: &mut Split<'a>,
    arguments: &[&'a str],
    values: &[&str],
    mut at: usize,
    letters: &'a str,
) -> usize {
    let word = arguments[at];
    let (name, value) = word
        .split_once('=')
        .map_or((word, None), |(name, value)| (name, Some(value)));
    if values.contains(&name) && value.is_none() {
        let value = arguments.get(at + 1).copied();
        at += usize::from(value.is_some());
        it.options.push((Cow::Borrowed(name), value, at));
        return at;
    }
    it.options.push((Cow::Borrowed(name), value, at));
    if letters.chars().nth(1).is_none() {
        return at;
    }
    for (offset, letter) in letters.char_indices() {
        let name = dashed(letter);
        let rest = &letters[offset + letter.len_utf8()..];
        let optional = values.iter().any(|it| it.strip_suffix('?') == Some(&*name));
        if values.contains(&&*name) || optional {
            if rest.is_empty() {
                let value = arguments.get(at + 1).copied().filter(|_| !optional);
                at += usize::from(value.is_some());
                it.options.push((name, value, at));
            } else {
                let value = rest.strip_prefix('=').unwrap_or(rest);
                it.options.push((name, Some(value), at));
            }
            return at;
        }
        if !letter.is_ascii_alphanumeric() {
            return at;
        }
        it.options.push((name, None, at));
    }
    at
}

/// Returns the option of a letter; those that there are need no room of their own.
fn dashed(letter: char) -> Cow<'static, str> {
    const ALL: &str = "-a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q-r-s-t-u-v-w-x-y-z\
                       -A-B-C-D-E-F-G-H-I-J-K-L-M-N-O-P-Q-R-S-T-U-V-W-X-Y-Z\
                       -0-1-2-3-4-5-6-7-8-9";
    let place = match letter {
        'a'..='z' => letter as usize - 'a' as usize,
        'A'..='Z' => 26 + letter as usize - 'A' as usize,
        '0'..='9' => 52 + letter as usize - '0' as usize,
        _ => return Cow::Owned(format!("-{letter}")),
    };
    Cow::Borrowed(&ALL[2 * place..2 * place + 2])
}

fn glob(pattern: &str, word: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = word.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// What a row found in the arguments that it fits.
#[derive(Default)]
struct Fit<'a> {
    /// How many arguments its words take.
    words: usize,
    /// The words and options that decided.
    shown: Vec<Cow<'a, str>>,
}

fn fits<'a>(row: &Row<'_>, split: &Split<'a>, arguments: &[&'a str]) -> Option<Fit<'a>> {
    let mut fit = Fit::default();
    let mut next = 0;
    let mut anywhere = false;
    // `compose -f x logs` is not `compose logs -f`: an option stands after the words before it.
    let mut from = 0;
    for part in &row.parts {
        match part {
            Part::Anywhere => anywhere = true,
            Part::Argument => {
                split.plain.get(next)?;
                next += 1;
            }
            Part::Option(alternatives) => {
                fit.shown.push(option(alternatives, split, from)?);
            }
            Part::Word(alternatives) => {
                let found = (next..split.plain.len())
                    .take(if anywhere { usize::MAX } else { 1 })
                    .find(|at| {
                        let word = arguments[split.plain[*at]];
                        alternatives.iter().any(|it| it.is(word))
                    });
                if let Some(at) = found {
                    next = at + 1;
                    fit.words = next;
                    from = split.plain[at];
                    if alternatives.as_slice() != [Pattern::Glob("*")] {
                        fit.shown.push(Cow::Borrowed(arguments[from]));
                    }
                } else {
                    // `version|--version`.
                    fit.shown.push(option(alternatives, split, from)?);
                }
                anywhere = false;
            }
        }
    }
    Some(fit)
}

/// Returns the first of the alternatives that is given after the word at `from`, as it is shown.
fn option<'a>(
    alternatives: &[Pattern<'_>],
    split: &Split<'a>,
    from: usize,
) -> Option<Cow<'a, str>> {
    alternatives.iter().find_map(|wanted| {
        let Pattern::Option(name, value) = *wanted else {
            return None;
        };
        split.options.iter().find_map(|(given, has, at)| {
            let fits = name == given || name.ends_with('*') && glob(name, given);
            let same = value.is_none_or(|value| {
                has.is_some_and(|has| has == value || value.contains('*') && glob(value, has))
            });
            (fits && same && *at >= from).then(|| match value {
                Some(_) => Cow::Owned(format!("{name} {}", has.unwrap_or_default())),
                None => given.clone(),
            })
        })
    })
}

fn find<'a, 'r>(
    program: &str,
    arguments: &[&'a str],
    rows: impl Iterator<Item = &'r Row<'a>>,
) -> Finding<'a>
where
    'a: 'r,
{
    let mut values: Vec<&str> = Vec::new();
    let mut inner: Option<Inner<'a>> = None;
    let mut stop = None;
    let mut bundled = false;
    let mut facts: Facts<'a> = Facts::default();
    let mut name: Vec<Cow<'a, str>> = Vec::new();
    let mut words = 0;
    // The first rows of a program mostly say how its arguments are to be told apart.
    let mut parts: Option<Split<'a>> = None;
    for row in rows {
        let fit = if row.parts.is_empty() {
            Fit::default()
        } else {
            let parts = parts.get_or_insert_with(|| split(arguments, &values, stop, bundled));
            match fits(row, parts, arguments) {
                Some(fit) => fit,
                None => continue,
            }
        };
        let said = &row.facts;
        facts.effect = said.effect.or(facts.effect);
        if said.effect.is_some() || said.because.is_some() {
            facts.because = said.because;
        }
        facts.terminal = said.terminal.or(facts.terminal);
        facts.endless = said.endless.or(facts.endless);
        facts.asks = said.asks.or(facts.asks);
        facts.stdin = said.stdin.or(facts.stdin);
        facts.script = said.script.or(facts.script);
        facts.guest = said.guest.or(facts.guest);
        facts.container |= said.container;
        facts.copies |= said.copies;
        for (all, new) in [
            (&mut facts.shell, &said.shell),
            (&mut facts.sql, &said.sql),
            (&mut facts.mongo, &said.mongo),
            (&mut facts.code, &said.code),
            (&mut facts.host, &said.host),
            (&mut facts.writes, &said.writes),
            (&mut facts.needs, &said.needs),
        ] {
            if !new.is_empty() {
                all.clone_from(new);
            }
        }
        if said.appends {
            facts.writes.clear();
        }
        facts.verbs.extend(said.verbs.iter().copied());
        if fit.words > words || !fit.shown.is_empty() {
            words = words.max(fit.words);
            for shown in fit.shown {
                if !name.contains(&shown) {
                    name.push(shown);
                }
            }
        }
        let changed = !said.values.is_empty() || said.bundled || said.inner.is_some();
        values.extend(said.values.iter().copied());
        bundled |= said.bundled;
        if let Some(new) = said.inner {
            inner = Some(new);
            stop = match new {
                Inner::After(count) => Some(fit.words + count),
                Inner::Dashes | Inner::Option(_) => None,
            };
        }
        if said.alone {
            inner = None;
            stop = None;
        }
        if changed || said.alone {
            parts = None;
        }
    }
    let parts = parts.unwrap_or_else(|| split(arguments, &values, stop, bundled));
    let mut finding = Finding {
        name: program.to_owned(),
        effect: facts.effect,
        because: facts.because.unwrap_or_default(),
        interactive: facts.terminal.is_some_and(|it| it >= Terminal::Interactive),
        opens: facts.terminal == Some(Terminal::Opens),
        endless: facts.endless == Some(true),
        asks: facts.asks == Some(true),
        container: facts.container,
        copies: facts.copies,
        inner: within(inner, &parts, stop, arguments),
        shell: texts(&facts.shell, &parts, words, arguments),
        sql: texts(&facts.sql, &parts, words, arguments),
        mongo: texts(&facts.mongo, &parts, words, arguments),
        code: texts(&facts.code, &parts, words, arguments),
        hosts: texts(&facts.host, &parts, words, arguments)
            .into_iter()
            .map(|it| it.text.into_owned())
            .collect(),
        writes: texts(&facts.writes, &parts, words, arguments),
        needs: texts(&facts.needs, &parts, words, arguments),
        script: facts
            .script
            .and_then(|it| texts(&[it], &parts, words, arguments).into_iter().next()),
        guest: facts
            .guest
            .and_then(|it| texts(&[it], &parts, words, arguments).into_iter().next())
            .map(|it| it.word),
        stdin: facts.stdin,
        verbs: facts.verbs,
    };
    // A subcommand that no row knows is named too: "`docker frob` is not known".
    if finding.effect.is_none()
        && name.is_empty()
        && let Some(first) = parts.plain.first()
    {
        name.push(Cow::Borrowed(arguments[*first]));
    }
    for word in name {
        finding.name.push(' ');
        finding.name.push_str(&word);
    }
    finding
}

/// Where the command of a wrapper stands among all words, the program's included.
fn within(
    inner: Option<Inner<'_>>,
    parts: &Split<'_>,
    stop: Option<usize>,
    arguments: &[&str],
) -> Option<(usize, usize)> {
    let all = arguments.len();
    match inner? {
        Inner::After(_) => {
            let mut first = *parts.plain.get(stop?)?;
            // `env A=1 cmd`, `sudo A=1 cmd`.
            while arguments.get(first).is_some_and(|it| is_assignment(it)) {
                first += 1;
            }
            if arguments.get(first) == Some(&"--") {
                first += 1;
            }
            (first < all).then_some((first + 1, all + 1))
        }
        Inner::Dashes => {
            let first = parts.dashes? + 1;
            (first < all).then_some((first + 1, all + 1))
        }
        Inner::Option(options) => {
            let first = arguments
                .iter()
                .position(|it| options.split(',').any(|o| o == *it))?
                + 1;
            let last = arguments[first..]
                .iter()
                .position(|it| matches!(*it, ";" | "+"))
                .map_or(all, |it| first + it);
            (first < last).then_some((first + 1, last + 1))
        }
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| super::shell::is_name(name))
}

fn texts<'a>(
    places: &[Whence<'_>],
    parts: &Split<'a>,
    words: usize,
    arguments: &[&'a str],
) -> Vec<Text<'a>> {
    let mut found = Vec::new();
    for place in places {
        match place {
            Whence::At(0) => found.extend(parts.plain.iter().skip(words).map(|at| Text {
                word: at + 1,
                text: Cow::Borrowed(arguments[*at]),
            })),
            Whence::At(place) => {
                found.extend(parts.plain.get(words + place - 1).map(|at| Text {
                    word: at + 1,
                    text: Cow::Borrowed(arguments[*at]),
                }));
            }
            Whence::Option(options) => {
                for (name, value, at) in &parts.options {
                    if options.split(',').any(|it| it == name.as_ref())
                        && let Some(value) = value
                    {
                        found.push(Text {
                            word: at + 1,
                            text: Cow::Borrowed(value),
                        });
                    }
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Facts, TABLE, index, rows_of};

    #[test]
    fn every_row_of_the_table_is_read() {
        for (name, block) in index().all() {
            match rows_of(block.text) {
                Err(why) => panic!("{name}: {why}"),
                Ok(rows) => {
                    for row in rows {
                        assert!(
                            row.facts != Facts::default(),
                            "{name} says nothing: {row:?}"
                        );
                    }
                }
            }
        }
        assert!(
            TABLE.lines().all(|line| line.trim_end() == line),
            "a line ends with blanks"
        );
    }

    #[test]
    fn no_command_has_two_rows() {
        let mut seen = std::collections::BTreeSet::new();
        let mut twice = Vec::new();
        for (name, block) in index().all() {
            // A program alone may stand in a list of many, and again with what sets it apart.
            let rows = rows_of(block.text).unwrap();
            for row in rows.iter().filter(|row| !row.parts.is_empty()) {
                let shown = format!("{name} {:?}", row.parts);
                if !seen.insert(shown.clone()) {
                    twice.push(shown);
                }
            }
        }
        assert!(twice.is_empty(), "twice:\n{}", twice.join("\n"));
    }
}
