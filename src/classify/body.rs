//! Tag and body → nature, pieces and what they do, by themselves: nothing here looks at the document
//! around. What stands here is remembered by tag and body.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::LazyLock;

use crate::model::{Effect, Language, Nature};

use super::knowledge::Knowledge;
use super::language::{self, Kind};
use super::nature::{Form, Leaning, REDIS_LINES, Shape, is_printed, is_sentence, shape_of};
use super::pieces::{self, Run};
use super::placeholders::{self, Found};
use super::prompted::{self, Asks, Exchange};
use super::suspicion;
use super::text::{Dialect, Marks, Parts, holds};
use super::understanding::{Sense, Tongue, Understanding, understand};
use super::ways::Ways;
use super::words::{self, Heard, Set};

/// Why a piece without commands is none.
pub(super) const REMARKS_ONLY: &str = "it holds comments only";

/// A fence's body, read.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) pieces: Vec<BodyPiece>,
}

/// A piece, read by itself.
#[derive(Clone, Debug)]
pub(super) struct BodyPiece {
    pub(super) range: Range<usize>,
    pub(super) title: String,
    /// The title, folded.
    pub(super) heard: Heard,
    /// Whether one of its commands could be the opposite of another.
    pub(super) has_opposite: bool,
    /// The same, or it restarts something.
    pub(super) may_start: bool,
    /// What it says of ways of doing the same, where it is a step.
    pub(super) ways: Ways,
    pub(super) nature: Nature,
    pub(super) because: String,
    pub(super) effect: Effect,
    pub(super) command: String,
    /// For each line of `command`: where it begins there, and where in the body.
    pub(super) lines: Vec<(usize, usize)>,
    pub(super) language: Option<Language>,
    pub(super) understanding: Option<Box<Understanding>>,
    pub(super) found: Vec<Found>,
    pub(super) doubts: Vec<Reason>,
    /// Which cheap test decided, where one did.
    pub(super) form: Option<Form>,
}

impl BodyPiece {
    fn new(range: Range<usize>, title: String, nature: Nature, because: impl Into<String>) -> Self {
        Self {
            range,
            title,
            heard: Heard::default(),
            has_opposite: false,
            may_start: false,
            ways: Ways::default(),
            nature,
            because: because.into(),
            effect: Effect::Unknown,
            command: String::new(),
            lines: Vec::new(),
            language: None,
            understanding: None,
            found: Vec::new(),
            doubts: Vec::new(),
            form: None,
        }
    }

    /// Returns the bytes in the body of the bytes `range` of the command.
    pub(super) fn place(&self, range: &Range<usize>) -> Range<usize> {
        let index = self
            .lines
            .partition_point(|(at, _)| *at <= range.start)
            .saturating_sub(1);
        let Some((at, place)) = self.lines.get(index) else {
            return self.range.clone();
        };
        let start = place + range.start.saturating_sub(*at);
        start..start + range.len()
    }

    pub(super) fn doubt(
        &mut self,
        rule: &'static str,
        because: impl Into<String>,
        range: Range<usize>,
    ) {
        add(&mut self.doubts, rule, because, range);
    }
}

/// Whether a piece under a comment of its own cannot be meant for what `opener` opens: no shell is
/// typed into a console, and no container drives containers.
fn is_outside(piece: &BodyPiece, opener: &str) -> bool {
    let Some(understood) = piece
        .understanding
        .as_ref()
        .filter(|_| !piece.title.is_empty())
    else {
        return false;
    };
    let base = |word: &'_ str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let is_console = opener
        .each_word()
        .any(|word| words::CONSOLES.contains(&base(word).as_str()));
    if is_console {
        return understood.sense == Sense::Commands;
    }
    let is_driven = opener
        .each_word()
        .any(|word| words::DRIVERS.contains(&word));
    is_driven && drives(piece)
}

/// Whether all of a piece drives containers: it is not typed inside one.
pub(super) fn drives(piece: &BodyPiece) -> bool {
    piece.understanding.as_ref().is_some_and(|understood| {
        !understood.commands.is_empty()
            && understood.commands.iter().all(|known| {
                let program = known.name.split(' ').next().unwrap_or_default();
                words::DRIVERS.contains(&program)
            })
    })
}

/// Returns why what follows a piece is typed inside a container or a node of a cluster; `None` where it
/// is not.
pub(super) fn opens_inside(piece: &BodyPiece) -> Option<String> {
    let mark = piece.understanding.as_ref()?.opens.as_ref()?;
    let opener = piece.command.get(mark.range.clone())?;
    let base = |word: &'_ str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let mut words = opener.each_word();
    let is_driven = words.next().is_some_and(|program| {
        words::DRIVERS.contains(&program) || words::CLOUDS.contains(&program)
    });
    let is_console = opener
        .each_word()
        .skip(1)
        .any(|word| words::CONSOLES.contains(&base(word).as_str()));
    (is_driven && !is_console).then(|| mark.because.clone())
}

/// Rule, reason and bytes in the body.
pub(super) type Reason = (&'static str, String, Range<usize>);

/// Adds a doubt; some rules are told once only.
pub(super) fn add(
    doubts: &mut Vec<Reason>,
    rule: &'static str,
    because: impl Into<String>,
    range: Range<usize>,
) {
    if doubts.iter().all(|(other, _, _)| *other != rule)
        || !matches!(
            rule,
            "remote-shell"
                | "leaves-machine"
                | "opposite"
                | "alternative"
                | "example"
                | "counter-example"
        )
    {
        doubts.push((rule, because.into(), range));
    }
}

/// What the tag says.
#[derive(Clone, Copy)]
struct Tag {
    kind: Option<Kind>,
    name: &'static str,
    leaning: Leaning,
    tongue: Tongue,
}

fn tag_of(tag: &str) -> Tag {
    let word = tag
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '{' | ':' | ';'))
        .next()
        .unwrap_or_default()
        .trim_start_matches('.');
    let row = language::find(word);
    let (leaning, tongue) = match row.map(|row| row.kind) {
        Some(Kind::Shell | Kind::Console) => (Leaning::Shell, Tongue::Shell),
        Some(Kind::Powershell) => (Leaning::Shell, Tongue::Powershell),
        Some(Kind::Python) => (Leaning::Python, Tongue::Shell),
        Some(Kind::Data) if row.is_some_and(|row| row.name == "text") => {
            (Leaning::Nothing, Tongue::Shell)
        }
        Some(_) => (Leaning::Data, Tongue::Shell),
        // `terminal`, `command`, `shell script`: words that no table knows.
        None if [
            "terminal",
            "cli",
            "commandline",
            "command",
            "linux",
            "unix",
            "root",
            "azurecli",
            "shellscript",
            "bashrc",
            "cmdline",
            "term",
        ]
        .contains(&word.to_ascii_lowercase().as_str()) =>
        {
            (Leaning::Shell, Tongue::Shell)
        }
        None => (Leaning::Nothing, Tongue::Shell),
    };
    Tag {
        kind: row.map(|row| row.kind),
        name: row.map_or("", |row| row.name),
        leaning,
        tongue,
    }
}

/// Words of which a command holds one where another undoes it.
static OPPOSITES: LazyLock<Set> = LazyLock::new(|| {
    let pairs = words::OPPOSITES.iter();
    Set::of(pairs.flat_map(|(does, undoes)| [*does, *undoes]))
});

/// Values of which a command holds one where another switches it back.
static SWITCHES: LazyLock<Marks> = LazyLock::new(|| {
    let pairs = words::SWITCHES.iter();
    Marks::new(pairs.flat_map(|(on, off)| [*on, *off]))
});

/// Reads a body under its tag.
pub(super) fn read(tag: &str, body: &str, knowledge: &Knowledge) -> Body {
    let reader = Reader {
        tag: tag_of(tag),
        body,
        knowledge,
    };
    let mut pieces = reader.pieces();
    for piece in &mut pieces {
        piece.range.end = piece.range.end.min(body.len());
        if !piece.title.is_empty() {
            piece.heard = Heard::new(&piece.title);
        }
        let commands = piece.understanding.as_ref();
        let commands = commands.map_or(&[][..], |understood| &understood.commands);
        let texts = commands
            .iter()
            .filter_map(|known| piece.command.get(known.range.clone()));
        piece.has_opposite = !commands.is_empty() && SWITCHES.stand_in(&piece.command);
        piece.may_start = piece.has_opposite;
        for word in texts.flat_map(str::each_word) {
            piece.has_opposite |= OPPOSITES.contains(word);
            piece.may_start |= piece.has_opposite || word == "restart";
        }
        if piece.nature.is_step() {
            piece.ways = Ways::of(&piece.heard, &body[piece.range.clone()], commands);
        }
        // It has been said in other words, and there may be a great many bodies.
        if let Some(understood) = &mut piece.understanding {
            understood.because = String::new();
            understood.needs = Vec::new();
            understood.verbs = Vec::new();
            understood.commands.shrink_to_fit();
            for known in &mut understood.commands {
                known.because = String::new();
            }
        }
    }
    Body { pieces }
}

struct Reader<'a> {
    tag: Tag,
    body: &'a str,
    knowledge: &'a Knowledge,
}

impl Reader<'_> {
    fn knows(&self, word: &str) -> bool {
        let bare = word
            .trim_start_matches(['(', '"', '\''])
            .rsplit('/')
            .next()
            .unwrap_or(word);
        !bare.is_empty()
            && (self.knowledge.knows(bare) || self.knowledge.knows(word) || word.starts_with("./"))
    }

    fn one(&self, nature: Nature, because: impl Into<String>) -> Vec<BodyPiece> {
        pieces::whole(self.body)
            .map(|run| BodyPiece::new(run.range, run.title, nature, because))
            .into_iter()
            .collect()
    }

    fn pieces(&self) -> Vec<BodyPiece> {
        let Some(whole) = pieces::whole(self.body) else {
            return Vec::new();
        };
        match self.tag.kind {
            Some(Kind::Diagram) => {
                return self.one(
                    Nature::Diagram,
                    format!("its tag says {}, a drawing", self.tag.name),
                );
            }
            Some(Kind::Output) => return self.one(Nature::Output, "its tag says output"),
            Some(Kind::Check) => {
                return self.one(Nature::Listing, "its tag says rhai: a check, no command");
            }
            _ => {}
        }
        if self.body.len() > pieces::LONGEST_BODY {
            let mut piece = BodyPiece::new(
                whole.range.clone(),
                whole.title,
                self.nature_of_tag().0,
                "it is too long to be read",
            );
            if piece.nature == Nature::Command {
                piece.doubt(
                    "too-long",
                    "it is too long to be read: nobody knows what it does",
                    whole.range,
                );
                self.body[piece.range.clone()].clone_into(&mut piece.command);
                piece.lines = line_map(&piece.command, piece.range.start);
                piece.language = self.language();
            }
            return vec![piece];
        }
        if let Some(pieces) = self.session() {
            return pieces;
        }
        let is_program = |word: &str| self.knows(word);
        let text = &self.body[whole.range.clone()];
        let shape = shape_of(text, self.tag.leaning, &is_program);
        match self.tag.kind {
            Some(Kind::Sql) => {
                // `psql -U x` under `sql`: a shell's command.
                let first = first_code(text).each_word().next().unwrap_or_default();
                if !self.knows(first) || shape.is_some_and(|shape| shape.kind == Form::Sql) {
                    return vec![self.query(whole, format!("its tag says {}", self.tag.name))];
                }
            }
            Some(Kind::Data) if self.tag.name == "cmd" => {
                let mut piece = BodyPiece::new(
                    whole.range.clone(),
                    whole.title,
                    Nature::Command,
                    "its tag names a shell that nothing here runs",
                );
                piece.doubt(
                    "no-interpreter",
                    "no interpreter of this version runs it",
                    whole.range,
                );
                return vec![piece];
            }
            Some(Kind::Data) if self.tag.name != "text" => {
                let is_commands = shape.is_none()
                    && !text.trim_start().starts_with(['<', '{', '['])
                    && self.is_commands(text);
                if !is_commands {
                    return vec![self.data(&whole, shape)];
                }
            }
            Some(Kind::Node) => {
                return self.one(
                    Nature::Listing,
                    "its tag says JavaScript: source of a program",
                );
            }
            Some(Kind::Python)
                if shape.is_none()
                    && !self.knows(first_code(text).each_word().next().unwrap_or_default()) =>
            {
                let mut piece = BodyPiece::new(
                    whole.range,
                    whole.title,
                    Nature::Listing,
                    "its tag says Python: source of a program",
                );
                piece.form = Some(Form::Python);
                return vec![piece];
            }
            _ => {}
        }
        if let Some(shape) = shape {
            return vec![self.shaped(whole, shape)];
        }
        let dialect = if self.tongue() == Tongue::Powershell {
            Dialect::Powershell
        } else {
            Dialect::Shell
        };
        let mut found: Vec<BodyPiece> = pieces::split(self.body, dialect)
            .into_iter()
            .map(|run| {
                // Then its shape was looked for already.
                if run.range == whole.range && !run.is_comment {
                    self.lines(run)
                } else {
                    self.piece(run)
                }
            })
            .collect();
        self.mind_the_company(&mut found);
        // A fence of one thing that is no command is one piece: its blank lines part nothing.
        if found.iter().all(|piece| !piece.nature.is_step()) {
            let mut natures: Vec<Nature> = found
                .iter()
                .filter(|piece| !piece.because.starts_with(REMARKS_ONLY))
                .map(|piece| piece.nature)
                .collect();
            natures.dedup();
            if natures.len() < 2 {
                let leading = found
                    .iter()
                    .position(|piece| !piece.because.starts_with(REMARKS_ONLY))
                    .unwrap_or(0);
                let mut piece = found.swap_remove(leading);
                piece.range = whole.range;
                if piece.nature == Nature::Query {
                    return vec![self.query(
                        Run {
                            range: piece.range,
                            is_comment: false,
                            title: whole.title,
                        },
                        piece.because,
                    )];
                }
                piece.title = whole.title;
                return vec![piece];
            }
        }
        found
    }

    fn tongue(&self) -> Tongue {
        if self.tag.tongue == Tongue::Shell
            && self.tag.kind.is_none()
            && looks_like_powershell(self.body)
        {
            return Tongue::Powershell;
        }
        self.tag.tongue
    }

    fn language(&self) -> Option<Language> {
        let name = match self.tag.kind {
            Some(Kind::Shell) => self.tag.name,
            _ if self.tongue() == Tongue::Powershell => "powershell",
            _ => "bash",
        };
        language::find(name).map(language::Row::language)
    }

    /// Whether every line of code begins with a known program.
    fn is_commands(&self, text: &str) -> bool {
        let dialect = Dialect::Shell;
        pieces::split(text, dialect)
            .iter()
            .filter(|run| !run.is_comment)
            .all(|run| {
                let first = first_code(&text[run.range.clone()]);
                let mut words = first
                    .each_word()
                    .skip_while(|word| word.contains('=') && !word.starts_with('='));
                words
                    .next()
                    .is_some_and(|word| self.knows(word.trim_end_matches(';')))
                    && !is_sentence(first)
            })
    }

    fn nature_of_tag(&self) -> (Nature, String) {
        let says = format!("its tag says {}", self.tag.name);
        let nature = match (self.tag.kind, self.tag.name) {
            (Some(kind), _) if kind.is_command() => Nature::Command,
            (Some(Kind::Data), "nginx" | "apache") if self.body.each_line().count() < 6 => {
                Nature::Data
            }
            (
                Some(Kind::Data),
                "ini" | "env" | "nginx" | "apache" | "dockerfile" | "cron" | "makefile" | "toml"
                | "hcl",
            ) => Nature::File,
            (Some(Kind::Data), "promql") | (Some(Kind::Sql), _) => Nature::Query,
            (Some(Kind::Data), "source" | "text" | "markdown") | (None, _) => Nature::Listing,
            (Some(Kind::Data), _) => Nature::Data,
            _ => Nature::Listing,
        };
        if self.tag.name.is_empty() {
            (
                nature,
                "it has no tag, and not every line is a command".to_owned(),
            )
        } else {
            (nature, says)
        }
    }

    fn data(&self, run: &Run, shape: Option<Shape>) -> BodyPiece {
        let (mut nature, mut because) = self.nature_of_tag();
        let mut form = None;
        if let Some(shape) = shape {
            form = Some(shape.kind);
            // What the body shows beyond doubt outweighs the tag.
            if matches!(
                shape.kind,
                Form::Diagram | Form::Assignments | Form::Crontab | Form::Sql | Form::Dockerfile
            ) && !matches!(
                self.tag.name,
                "source" | "markdown" | "css" | "diff" | "makefile" | "hcl" | "promql"
            ) && !(shape.kind == Form::Diagram
                && matches!(self.tag.name, "yaml" | "json" | "html" | "xml"))
            {
                nature = shape.nature;
                because = format!("it is {}", shape.because);
                if nature == Nature::Query {
                    return self.query(run.clone(), because);
                }
            }
        }
        let mut piece = BodyPiece::new(run.range.clone(), run.title.clone(), nature, because);
        piece.form = form;
        piece
    }

    fn shaped(&self, run: Run, shape: Shape) -> BodyPiece {
        let mut because = format!("it is {}", shape.because);
        if self.tag.leaning == Leaning::Shell {
            because = format!("its tag says {}, but {because}", self.tag.name);
        }
        if shape.nature == Nature::Query {
            return self.query(run, because);
        }
        let mut piece = BodyPiece::new(run.range, run.title, shape.nature, because);
        piece.form = Some(shape.kind);
        piece
    }

    fn query(&self, run: Run, because: String) -> BodyPiece {
        let text = &self.body[run.range.clone()];
        let mut piece = BodyPiece::new(run.range, run.title, Nature::Query, because);
        let verdict = if piece.because.contains(REDIS_LINES) {
            super::sql::judge_redis(text)
        } else {
            super::sql::judge(text)
        };
        piece.effect = if is_mongo(text) {
            super::sql::judge_mongo(text).effect
        } else {
            verdict.effect
        };
        if !verdict.words.is_empty() {
            let _ = write!(piece.because, ": {}", verdict.words);
        }
        piece.form = Some(Form::Sql);
        text.clone_into(&mut piece.command);
        piece.lines = line_map(text, piece.range.start);
        piece
    }

    fn piece(&self, run: Run) -> BodyPiece {
        if run.is_comment {
            return BodyPiece::new(run.range, run.title, Nature::Listing, REMARKS_ONLY);
        }
        let text = &self.body[run.range.clone()];
        let is_program = |word: &str| self.knows(word);
        if let Some(shape) = shape_of(text, self.tag.leaning, &is_program) {
            // `POD="web-$NUMBER"` above the commands that read it is the shell's, no form.
            let is_part = self.body.trim().len() > text.len();
            let sets = is_part
                && shape.kind == Form::Assignments
                && self.tag.leaning == Leaning::Shell
                && holds(text, "$");
            if !sets {
                return self.shaped(run, shape);
            }
        }
        self.lines(run)
    }

    /// Reads a run that has no other shape than that of commands.
    fn lines(&self, run: Run) -> BodyPiece {
        let text = &self.body[run.range.clone()];
        let lines = line_map(text, run.range.start);
        self.command(
            run.range,
            run.title,
            text.to_owned(),
            lines,
            self.tongue(),
            Nature::Command,
        )
    }

    /// Reads a run of commands.
    fn command(
        &self,
        range: Range<usize>,
        title: String,
        command: String,
        lines: Vec<(usize, usize)>,
        tongue: Tongue,
        nature: Nature,
    ) -> BodyPiece {
        let dialect = if tongue == Tongue::Powershell {
            Dialect::Powershell
        } else {
            Dialect::Shell
        };
        let mut piece = BodyPiece::new(range, title, nature, "");
        piece.found = placeholders::find(&command, dialect, &|word| self.knows(word));
        let mut understood = understand(
            &placeholders::neutral(&command, &piece.found),
            tongue,
            self.knowledge,
        );
        if tongue == Tongue::Powershell {
            read_environment(&command, &mut understood);
        }
        piece.effect = understood.effect;
        piece.because.clone_from(&understood.because);
        piece.command = command;
        piece.lines = lines;
        piece.language = if tongue == Tongue::Powershell {
            language::find("powershell").map(language::Row::language)
        } else {
            self.language()
        };
        let whole = piece.range.clone();
        let is_tagged = self.tag.leaning == Leaning::Shell || nature == Nature::Session;
        match &understood.sense {
            Sense::Commands => {}
            Sense::Strange(names) => {
                let listed: Vec<String> = names
                    .iter()
                    .take(3)
                    .map(|name| format!("`{name}`"))
                    .collect();
                let is_all = understood.commands.iter().all(|known| {
                    names
                        .iter()
                        .any(|name| known.name.split(' ').next() == Some(name.as_str()))
                });
                // One known word at the head of a report makes no command of it.
                let is_most = names.len() > 2 && names.len() * 2 > understood.commands.len();
                let is_mere = (understood.commands.is_empty() || is_all)
                    && !looks_like_a_command(first_code(&piece.command));
                if !is_tagged && (is_most || is_mere) {
                    piece.nature = Nature::Listing;
                    piece.language = None;
                    piece.because = format!(
                        "it has no tag of a shell, and nobody knows {}",
                        listed.join(", ")
                    );
                    piece.command.clear();
                    piece.lines.clear();
                    piece.found.clear();
                    return piece;
                }
                if piece.effect != Effect::Destroys {
                    piece.effect = Effect::Unknown;
                    piece.because = format!("nobody knows what {} does", listed.join(", "));
                }
            }
            Sense::Nonsense(why) => {
                let first = first_code(&piece.command);
                let is_near =
                    self.knows(first.each_word().next().unwrap_or_default()) && !is_sentence(first);
                if is_tagged || is_near {
                    piece.doubt(
                        "unreadable",
                        format!("it does not read as commands: {why}"),
                        whole.clone(),
                    );
                    piece.effect = if piece.effect == Effect::Destroys {
                        Effect::Destroys
                    } else {
                        Effect::Unknown
                    };
                    piece.because.clone_from(why);
                }
                if !is_near {
                    piece.nature = Nature::Listing;
                    piece.language = None;
                    piece.because = format!("it does not read as commands: {why}");
                    piece.command.clear();
                    piece.lines.clear();
                    piece.found.clear();
                    return piece;
                }
            }
        }
        Self::mark(&mut piece, &understood);
        for found in suspicion::suspicions(
            &piece.command,
            if dialect == Dialect::Powershell {
                Kind::Powershell
            } else {
                Kind::Shell
            },
        ) {
            if found.rule == "character" {
                let place = piece.place(&found.range);
                piece.doubts.push(("character", found.because, place));
            }
        }
        // A sentence among commands: half the fence is prose, or its marks are a line off.
        if let Some(line) = piece.command.each_line().find(|line| {
            !line.trim_start().starts_with('#') && !line.contains("echo") && is_sentence(line)
        }) {
            let at = line.as_ptr() as usize - piece.command.as_ptr() as usize;
            let place = piece.place(&(at..at + line.len()));
            piece.doubt(
                "prose",
                format!("`{}` reads as a sentence", line.trim()),
                place,
            );
        }
        // What a command printed, right under it, without a prompt.
        let outside = understood
            .commands
            .iter()
            .map(|known| known.range.start)
            .collect::<Vec<_>>();
        if let Some(line) = piece.command.each_line().skip(1).find(|line| {
            let at = line.as_ptr() as usize - piece.command.as_ptr() as usize;
            let begins = outside
                .iter()
                .any(|start| (at..at + line.len()).contains(start));
            begins && is_printed(line)
        }) {
            let at = line.as_ptr() as usize - piece.command.as_ptr() as usize;
            let place = piece.place(&(at..at + line.len()));
            piece.doubt(
                "output",
                format!("`{}` reads as what a command prints", line.trim()),
                place,
            );
        }
        if self.tag.leaning == Leaning::Data {
            piece.doubt(
                "tag",
                format!("its tag says {}, but it reads as commands", self.tag.name),
                whole,
            );
        }
        piece.understanding = Some(Box::new(understood));
        piece
    }

    fn mark(piece: &mut BodyPiece, understood: &Understanding) {
        let place = |piece: &BodyPiece, range: &Range<usize>| piece.place(range);
        if let Some(mark) = &understood.interactive {
            let at = place(piece, &mark.range);
            if understood.commands.len() < 2 && piece.nature == Nature::Command {
                piece.nature = Nature::Interactive;
                piece.because.clone_from(&mark.because);
            } else {
                piece.doubt("interactive", mark.because.clone(), at);
            }
        }
        if let Some(mark) = &understood.endless {
            let at = place(piece, &mark.range);
            piece.doubt("endless", mark.because.clone(), at);
        }
        if let Some(mark) = &understood.prompts {
            let at = place(piece, &mark.range);
            let asked = understood.commands.iter().find(|known| {
                known.range.start <= mark.range.start
                    && mark.range.start < known.range.end.max(known.range.start + 1)
            });
            let is_dialogue = understood.commands.len() < 2
                && asked.or(understood.commands.first()).is_some_and(|known| {
                    let text = piece.command.get(known.range.clone()).unwrap_or_default();
                    words::DIALOGUES
                        .iter()
                        .any(|name| known.name.contains(name) || text.contains(name))
                });
            if is_dialogue && piece.nature == Nature::Command {
                piece.nature = Nature::Interactive;
            }
            piece.doubt("prompts", mark.because.clone(), at);
        }
        if let Some(mark) = &understood.opens {
            // What follows in the same run is typed there.
            if piece.command[mark.range.end.min(piece.command.len())..]
                .each_line()
                .skip(1)
                .any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
            {
                let at = place(piece, &mark.range);
                piece.doubt(
                    "remote-shell",
                    format!("{}: what follows is typed there", mark.because),
                    at,
                );
            }
        }
        if let Some(host) = understood.hosts.first() {
            let whole = piece.range.clone();
            piece.doubt(
                "leaves-machine",
                format!("it reaches `{host}`: that host is to be confirmed"),
                whole,
            );
        }
    }

    /// What one piece means for the others of its fence.
    fn mind_the_company(&self, found: &mut [BodyPiece]) {
        let mut opened: Option<String> = None;
        let mut opener = String::new();
        for piece in found.iter_mut() {
            // A comment of its own, and no line for that console: it is typed where the opener was.
            if opened.is_some() && piece.nature == Nature::Command && is_outside(piece, &opener) {
                opened = None;
            }
            if let Some(because) = &opened
                && piece.nature.is_step()
            {
                let whole = piece.range.clone();
                piece.doubt(
                    "remote-shell",
                    format!("{because}: what follows is typed there"),
                    whole,
                );
            }
            if let Some(mark) = piece
                .understanding
                .as_ref()
                .and_then(|understood| understood.opens.as_ref())
            {
                opened = Some(mark.because.clone());
                opener.clear();
                opener.push_str(piece.command.get(mark.range.clone()).unwrap_or_default());
            }
            // SQL, a console's lines under its opener.
            if opened.is_some() && piece.nature == Nature::Query {
                opened = None;
            }
        }
        // Untagged: what nobody knows among lines that are no commands is no command either.
        if self.tag.leaning != Leaning::Shell {
            let commands = found.iter().filter(|piece| piece.nature.is_step()).count();
            let others = found
                .iter()
                .filter(|piece| {
                    matches!(piece.nature, Nature::Listing | Nature::Output)
                        && !piece.because.starts_with(REMARKS_ONLY)
                })
                .count();
            if others > commands {
                for piece in found.iter_mut().filter(|piece| piece.nature.is_step()) {
                    let whole = piece.range.clone();
                    piece.doubt(
                        "company",
                        "most of the fence around it is no command",
                        whole,
                    );
                }
            }
        }
    }

    fn session(&self) -> Option<Vec<BodyPiece>> {
        let exchanges = prompted::exchanges(self.body, self.is_root_session())?;
        let is_console = exchanges
            .iter()
            .all(|exchange| exchange.asks == Asks::Console);
        if is_console
            && self.tag.leaning == Leaning::Shell
            && let Some(first) = exchanges.first()
            && let Some(pieces) = self.above_a_console(first.range.start)
        {
            return Some(pieces);
        }
        if is_console {
            let run = pieces::whole(self.body)?;
            let text: String = exchanges
                .iter()
                .map(|exchange| exchange.command.as_str())
                .collect::<Vec<_>>()
                .join("\n");
            let mut piece = BodyPiece::new(
                run.range,
                run.title,
                Nature::Query,
                "its lines stand at the prompt of a console",
            );
            piece.effect = super::sql::judge(&text).effect;
            piece.form = Some(Form::Console);
            return Some(vec![piece]);
        }
        let mut pieces: Vec<BodyPiece> = Vec::with_capacity(exchanges.len());
        // What stands above the first prompt belongs to no command.
        if let Some(first) = exchanges.first()
            && let Some(run) = pieces::whole(&self.body[..first.range.start])
        {
            let above = (run.range.clone(), run.title.clone());
            let piece = self.piece(run);
            // Unless it is the same without its prompt.
            if self.tag.leaning == Leaning::Shell
                && piece.nature == Nature::Command
                && piece.effect == Effect::Reads
                && piece.doubts.is_empty()
            {
                pieces.push(piece);
            } else {
                pieces.push(BodyPiece::new(
                    above.0,
                    above.1,
                    Nature::Listing,
                    "it stands above the first prompt",
                ));
            }
        }
        let mut has_console = false;
        for exchange in exchanges {
            has_console |= exchange.asks == Asks::Console;
            pieces.push(self.exchange(exchange));
        }
        self.mind_the_company(&mut pieces);
        if has_console {
            for piece in pieces.iter_mut().filter(|piece| piece.nature.is_step()) {
                let whole = piece.range.clone();
                piece.doubt(
                    "remote-shell",
                    "a console is opened in this session, and the rest is typed there",
                    whole,
                );
            }
        }
        Some(pieces)
    }

    /// Commands, the last of which opens a console, and then the lines that are typed into it.
    fn above_a_console(&self, at: usize) -> Option<Vec<BodyPiece>> {
        let above = Reader {
            tag: self.tag,
            body: &self.body[..at],
            knowledge: self.knowledge,
        };
        let mut pieces = above.pieces();
        let last = pieces.iter().rfind(|piece| piece.nature.is_step())?;
        last.understanding.as_ref()?.opens.as_ref()?;
        let typed = pieces::whole(&self.body[at..])?;
        let mut piece = BodyPiece::new(
            at + typed.range.start..at + typed.range.end,
            typed.title,
            Nature::Query,
            "its lines stand at the prompt of a console",
        );
        piece.effect = super::sql::judge(&self.body[piece.range.clone()]).effect;
        piece.form = Some(Form::Console);
        pieces.push(piece);
        Some(pieces)
    }

    fn exchange(&self, exchange: Exchange) -> BodyPiece {
        let says = if exchange.has_output {
            "prompted, with what it printed"
        } else {
            "prompted"
        };
        match exchange.asks {
            Asks::Console => {
                let mut piece = BodyPiece::new(
                    exchange.range,
                    exchange.title,
                    Nature::Query,
                    "it stands at the prompt of a console",
                );
                piece.effect = super::sql::judge(&exchange.command).effect;
                piece
            }
            Asks::Batch => {
                let mut piece = BodyPiece::new(
                    exchange.range.clone(),
                    exchange.title,
                    Nature::Session,
                    "it stands at the prompt of Windows",
                );
                piece.doubt(
                    "no-interpreter",
                    "no interpreter of this version runs it",
                    exchange.range,
                );
                piece.command = exchange.command;
                piece.lines = exchange.lines;
                piece
            }
            asks => {
                let tongue = if asks == Asks::Powershell || self.tag.tongue == Tongue::Powershell {
                    Tongue::Powershell
                } else {
                    Tongue::Shell
                };
                let mut piece = self.command(
                    exchange.range,
                    exchange.title,
                    exchange.command,
                    exchange.lines,
                    tongue,
                    Nature::Session,
                );
                if piece.nature == Nature::Session {
                    piece.because = format!("{says}; {}", piece.because);
                }
                piece
            }
        }
    }

    /// Whether `# ` begins commands of root here, not comments.
    fn is_root_session(&self) -> bool {
        let is_console = self.tag.kind == Some(Kind::Console);
        let mut commands = 0;
        for line in self
            .body
            .each_line()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            if let Some(rest) = line.strip_prefix("# ") {
                let first = rest.each_word().next().unwrap_or_default();
                let is_command =
                    self.knows(first) && !is_sentence(rest) && !rest.ends_with([':', '.']);
                // A word that is both a program and the beginning of a remark wants more: `# test the site`.
                let is_plain = rest.contains([' ', '-', '/', '.']) && rest.each_word().count() > 1
                    || matches!(
                        first,
                        "reboot" | "exit" | "su" | "sync" | "ls" | "id" | "whoami"
                    );
                if !(is_command && is_plain) {
                    if is_console && commands > 0 {
                        continue;
                    }
                    return false;
                }
                commands += 1;
            } else if !is_console
                && (commands == 0 || self.knows(line.each_word().next().unwrap_or_default()))
            {
                return false;
            }
        }
        commands > 0 && (is_console || self.tag.leaning != Leaning::Python)
    }
}

/// For each line of `text`: where it begins, there and in the body.
fn line_map(text: &str, start: usize) -> Vec<(usize, usize)> {
    let mut at = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        lines.push((at, start + at));
        at += line.len();
    }
    lines
}

/// Returns the first line that is no comment.
fn first_code(text: &str) -> &str {
    text.each_line()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .unwrap_or_default()
}

/// Whether a line whose program nobody knows still has the form of a command: an option, a path, a script.
fn looks_like_a_command(line: &str) -> bool {
    let mut words = line.each_word();
    let first = words.next().unwrap_or_default();
    let is_name = first
        .starts_with(|c: char| c.is_ascii_lowercase() || matches!(c, '.' | '/' | '~'))
        && first.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-' | b'_' | b'~' | b'+')
        });
    let rest: Vec<&str> = words.collect();
    is_name
        && !is_sentence(line)
        && !line.ends_with([':', '.', '{', ';', ','])
        && !rest
            .first()
            .is_some_and(|word| matches!(*word, "=" | ":" | ":=" | "->" | "=>" | "==" | "-"))
        && (rest
            .iter()
            .any(|word| word.starts_with('-') && word.len() > 1)
            || (first.starts_with("./") || first.contains(".sh") || first.starts_with("~/"))
            || (!rest.is_empty()
                && rest.len() < 5
                && rest.iter().all(|word| word.is_ascii())
                && !line.contains(['(', ',', ':', '='])))
}

fn looks_like_powershell(body: &str) -> bool {
    const VERBS: &[&str] = &[
        "Get-", "Set-", "New-", "Remove-", "Start-", "Stop-", "Restart-", "Test-", "Invoke-",
        "Install-", "Import-", "Add-", "Enable-", "Disable-", "Write-", "Select-", "Out-", "Copy-",
    ];
    body.each_line().map(str::trim_start).any(|line| {
        VERBS.iter().any(|verb| {
            line.strip_prefix(verb)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
        }) || line.starts_with("$env:")
    })
}

/// Adds the variables that PowerShell takes from the environment, `$env:NAME`.
fn read_environment(command: &str, understood: &mut Understanding) {
    const MARK: &str = "$env:";
    let lower = command.to_ascii_lowercase();
    let mut from = 0;
    while let Some(found) = lower[from..].find(MARK) {
        let start = from + found;
        let name_start = start + MARK.len();
        let length = command[name_start..]
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
            .count();
        from = name_start + length;
        let name = &command[name_start..from];
        let is_set = command[from..]
            .trim_start()
            .strip_prefix('=')
            .is_some_and(|rest| !rest.starts_with('='));
        if name.is_empty() {
            continue;
        }
        if is_set {
            understood.sets.push(name.to_owned());
        } else if !understood.sets.iter().any(|set| set == name)
            && understood.reads.iter().all(|(read, _)| read != name)
        {
            understood.reads.push((name.to_owned(), start..from));
        }
    }
}

fn is_mongo(text: &str) -> bool {
    ["db.", "rs.", "sh."].iter().any(|mark| text.contains(mark))
        && text.contains('(')
        && !text.to_ascii_uppercase().contains("SELECT")
}
