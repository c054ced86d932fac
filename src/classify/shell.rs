//! Shell text → its simple commands: words, redirections, here-documents, who feeds whom, and the
//! variables that it sets and reads. Judges nothing. That a text parses is no evidence of shell:
//! prose, trees and crontab lines parse too.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use tree_sitter::{Node, ParseOptions, Parser, Tree};

/// Longer texts are not parsed: nobody writes such a fence to be read.
pub const LONGEST: usize = 64 * 1024;

/// Deeper nesting is not followed, so that no text can exhaust the stack.
const DEEPEST: usize = 120;

/// One word of a command, quotes taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Its text; expansions stand in it as written.
    pub text: Cow<'a, str>,
    /// Where it stands, quotes included.
    pub range: Range<usize>,
    /// Nothing in it is expanded: the program receives exactly this text.
    pub literal: bool,
    /// Some part of it is quoted.
    pub quoted: bool,
}

impl Word<'_> {
    /// Whether the shell replaces it by file names.
    pub fn is_glob(&self) -> bool {
        !self.quoted && self.text.contains(['*', '?'])
    }
}

/// What a redirection does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect<'a> {
    /// `< file`.
    From(Word<'a>),
    /// `> file`, `&> file`, `>| file`.
    Over(Word<'a>),
    /// `>> file`.
    Onto(Word<'a>),
    /// A here-document or here-string, and whether nothing in it is expanded.
    Here(Cow<'a, str>, bool),
}

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simple<'a> {
    /// Program and arguments; empty for a redirection that belongs to a loop or group.
    pub words: Vec<Word<'a>>,
    /// Where it stands, without redirections.
    pub range: Range<usize>,
    /// Names of the variables set for it alone.
    pub assigned: Vec<Cow<'a, str>>,
    /// Its redirections, in order; duplicated descriptors (`2>&1`) left out.
    pub redirects: Vec<Redirect<'a>>,
    /// The command that feeds it through a pipe, as an index.
    pub fed_by: Option<usize>,
    /// It stands inside `$(…)`, backquotes or `<(…)`.
    pub in_substitution: bool,
    /// It stands in the body of a loop.
    pub in_loop: bool,
    /// It stands in the body of a function.
    pub in_function: bool,
    /// It is started with `&`.
    pub in_background: bool,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script<'a> {
    /// In the order of the text.
    pub commands: Vec<Simple<'a>>,
    /// Functions and aliases that it defines.
    pub defines: BTreeSet<Cow<'a, str>>,
    /// Variables that it sets, each once, in order.
    pub sets: Vec<Cow<'a, str>>,
    /// Variables that it reads before it sets them, each place.
    pub reads: Vec<(Cow<'a, str>, Range<usize>)>,
    /// Assignments that stand by themselves.
    pub assignments: usize,
    /// Why it is not shell, in words.
    pub fault: Option<String>,
}

thread_local! {
    // A parser allocates stacks that are worth keeping: one for each thread that classifies.
    static PARSER: RefCell<Option<Parser>> = const { RefCell::new(None) };
}

fn parse(text: &str) -> Option<Tree> {
    PARSER.with_borrow_mut(|kept| {
        let parser = kept.get_or_insert_with(|| {
            let mut parser = Parser::new();
            parser
                .set_language(&tree_sitter_bash::LANGUAGE.into())
                .expect("the grammar fits the library that Cargo.lock names");
            parser
        });
        // A count of steps instead of a clock: the same text gives the same answer on any machine.
        let mut left = text.len() + 1000;
        let mut count = |_: &tree_sitter::ParseState| {
            left = left.saturating_sub(1);
            if left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        // The grammar's scanner looks characters up in a table of 256 (`isdigit` of a wide one reads
        // out of bounds). To a shell each of them is an ordinary part of a word, and so is a dot.
        let bytes: Cow<'_, [u8]> = if text.is_ascii() {
            Cow::Borrowed(text.as_bytes())
        } else {
            let plain = |byte: u8| if byte.is_ascii() { byte } else { b'.' };
            Cow::Owned(text.bytes().map(plain).collect())
        };
        let tree = parser.parse_with_options(
            &mut |at, _| bytes.get(at..).unwrap_or_default(),
            None,
            Some(ParseOptions::new().progress_callback(&mut count)),
        );
        if tree.is_none() {
            parser.reset();
        }
        tree
    })
}

/// Reads `text`. What is not shell has a `fault`, and then its commands are not to be trusted.
pub fn read(text: &str) -> Script<'_> {
    let fault = |why: &str| Script {
        fault: Some(why.to_owned()),
        ..Script::default()
    };
    if text.len() > LONGEST {
        return fault("is longer than 64 KiB");
    }
    if text.bytes().any(|byte| byte == 0) {
        return fault("holds a NUL byte");
    }
    if let Some(script) = simple(text) {
        return script;
    }
    parsed(text)
}

/// Words that the grammar reads otherwise than as programs and arguments.
const KEYWORDS: &[&str] = &[
    "case", "coproc", "declare", "do", "done", "elif", "else", "esac", "export", "fi", "for",
    "function", "if", "in", "let", "local", "readonly", "select", "test", "then", "time",
    "typeset", "unset", "unsetenv", "until", "while",
];

/// Reads lines of bare words between `|`, `&&` and `;`, which most fences are made of, as the parser
/// would; `None` for anything else.
fn simple(text: &str) -> Option<Script<'_>> {
    let mut reader = Reader {
        text,
        script: Script::default(),
        set: BTreeSet::new(),
        depth: 0,
    };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let bare = line.trim_start_matches(' ');
        if bare.starts_with('#') {
            if bare.contains('\\') || !bare.is_ascii() {
                return None;
            }
            continue;
        }
        let line = line.strip_suffix('\n').unwrap_or(line);
        reader.simple_line(line, start)?;
    }
    Some(reader.script)
}

fn parsed(text: &str) -> Script<'_> {
    let fault = |why: &str| Script {
        fault: Some(why.to_owned()),
        ..Script::default()
    };
    let Some(tree) = parse(text) else {
        return fault("is too tangled to be read as shell");
    };
    let root = tree.root_node();
    let mut reader = Reader {
        text,
        script: Script::default(),
        set: BTreeSet::new(),
        depth: 0,
    };
    if root.has_error() {
        let line = first_error(root).map_or(1, |node| node.start_position().row + 1);
        reader.script.fault = Some(format!("line {line} is not shell"));
    }
    reader.statements(root, Around::default());
    reader.script
}

fn first_error(root: Node<'_>) -> Option<Node<'_>> {
    let mut node = root;
    // Each step goes one level down: bounded by the depth of the tree.
    loop {
        if node.is_error() || node.is_missing() {
            return Some(node);
        }
        let mut cursor = node.walk();
        let next = node.children(&mut cursor).find(Node::has_error);
        node = next?;
    }
}

/// What a command stands in.
#[derive(Clone, Copy, Default)]
struct Around {
    substitution: bool,
    looped: bool,
    function: bool,
    background: bool,
    /// The command before it in the pipe.
    fed_by: Option<usize>,
}

struct Reader<'a> {
    text: &'a str,
    script: Script<'a>,
    set: BTreeSet<Cow<'a, str>>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    fn of(&self, node: Node<'_>) -> &'a str {
        self.slice(self.range(node))
    }

    /// Where a node stands. The parser sees a dot for each byte beyond ASCII, and may end a word
    /// between two of them: the whole character belongs to it.
    fn range(&self, node: Node<'_>) -> Range<usize> {
        let text = self.text;
        let start = (0..=node.start_byte().min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at));
        let end = (node.end_byte()..text.len()).find(|at| text.is_char_boundary(*at));
        start.unwrap_or(0)..end.unwrap_or(text.len())
    }

    fn define(&mut self, name: Cow<'a, str>) {
        if self.set.insert(name.clone()) {
            self.script.sets.push(name);
        }
    }

    fn consult(&mut self, name: &'a str, range: Range<usize>) {
        if !is_the_shells_own(name) && !self.set.contains(name) {
            self.script.reads.push((Cow::Borrowed(name), range));
        }
    }

    fn children(node: Node<'_>) -> Vec<Node<'_>> {
        let mut cursor = node.walk();
        node.children(&mut cursor).collect()
    }

    /// Goes one level down, or says that there are too many.
    fn deeper(&mut self, within: impl FnOnce(&mut Self)) {
        if self.depth >= DEEPEST {
            self.script.fault = Some("is nested too deeply".to_owned());
            return;
        }
        self.depth += 1;
        within(self);
        self.depth -= 1;
    }

    fn statements(&mut self, node: Node<'_>, around: Around) {
        let children = Self::children(node);
        for (index, child) in children.iter().enumerate() {
            let background = children
                .get(index + 1)
                .is_some_and(|next| next.kind() == "&");
            let around = Around {
                background: around.background || background,
                ..around
            };
            self.deeper(|it| it.statement(*child, around));
        }
    }

    fn statement(&mut self, node: Node<'_>, around: Around) {
        match node.kind() {
            "command" => self.command(node, around),
            "declaration_command" | "unset_command" => self.declaration(node, around),
            "variable_assignment" => {
                self.script.assignments += 1;
                self.assignment(node, around);
            }
            "variable_assignments" => {
                for child in Self::children(node) {
                    self.script.assignments += 1;
                    self.assignment(child, around);
                }
            }
            "test_command" => {
                let open = self.slice(node.start_byte()..node.start_byte() + 1);
                self.script.commands.push(Simple {
                    words: vec![Word {
                        text: Cow::Borrowed(open),
                        range: self.range(node),
                        literal: true,
                        quoted: false,
                    }],
                    range: self.range(node),
                    fed_by: around.fed_by,
                    in_substitution: around.substitution,
                    in_loop: around.looped,
                    in_function: around.function,
                    ..Simple::default()
                });
                self.expansions(node, around);
            }
            "pipeline" => {
                let mut around = around;
                for child in Self::children(node) {
                    let first = self.script.commands.len();
                    self.deeper(|it| it.statement(child, around));
                    if self.script.commands.len() > first {
                        around.fed_by = Some(self.script.commands.len() - 1);
                    }
                }
            }
            "redirected_statement" => self.redirected(node, around),
            "for_statement" | "c_style_for_statement" => {
                for child in Self::children(node) {
                    match child.kind() {
                        "variable_name" => self.define(Cow::Borrowed(self.of(child))),
                        "do_group" | "compound_statement" => {
                            let around = Around {
                                looped: true,
                                fed_by: None,
                                ..around
                            };
                            self.statements(child, around);
                        }
                        _ => self.expansions(child, around),
                    }
                }
            }
            "while_statement" => {
                let around = Around {
                    looped: true,
                    fed_by: None,
                    ..around
                };
                self.statements(node, around);
            }
            "function_definition" => {
                let around = Around {
                    function: true,
                    fed_by: None,
                    ..around
                };
                for child in Self::children(node) {
                    if child.kind() == "word" {
                        self.script.defines.insert(Cow::Borrowed(self.of(child)));
                    } else {
                        self.deeper(|it| it.statement(child, around));
                    }
                }
            }
            "case_statement" | "case_item" => {
                for child in Self::children(node) {
                    self.deeper(|it| match child.kind() {
                        "word" | "extglob_pattern" | "regex" => {}
                        "string"
                        | "simple_expansion"
                        | "expansion"
                        | "concatenation"
                        | "raw_string"
                        | "command_substitution" => it.expansions(child, around),
                        _ => it.statement(child, around),
                    });
                }
            }
            "comment" => {}
            // Groups, lists, conditions, subshells, and what an error left over.
            _ => {
                if node.child_count() > 0 {
                    let around = if node.kind() == "list" || node.kind() == "negated_command" {
                        around
                    } else {
                        Around {
                            fed_by: None,
                            ..around
                        }
                    };
                    self.statements(node, around);
                }
            }
        }
    }

    /// A statement with redirections: those of a pipe or a list belong to its last command.
    fn redirected(&mut self, node: Node<'_>, around: Around) {
        let body = node.child_by_field_name("body");
        let first = self.script.commands.len();
        if let Some(body) = body {
            self.deeper(|it| it.statement(body, around));
        }
        let takes = body.is_some_and(|body| {
            matches!(
                body.kind(),
                "command"
                    | "pipeline"
                    | "list"
                    | "negated_command"
                    | "redirected_statement"
                    | "declaration_command"
            )
        });
        if !takes || self.script.commands.len() == first {
            self.script.commands.push(Simple {
                range: self.range(node),
                in_substitution: around.substitution,
                in_loop: around.looped,
                in_function: around.function,
                ..Simple::default()
            });
        }
        let owner = self.script.commands.len() - 1;
        for child in Self::children(node) {
            if Some(child) != body {
                self.redirect(child, owner, around);
            }
        }
    }

    fn redirect(&mut self, node: Node<'_>, owner: usize, around: Around) {
        match node.kind() {
            "file_redirect" => {
                let mut operator = "";
                let mut words = Vec::new();
                for child in Self::children(node) {
                    match child.kind() {
                        "file_descriptor" => {}
                        it if it.starts_with(['<', '>', '&']) => operator = self.of(child),
                        _ => words.push(self.word(child, around)),
                    }
                }
                let mut words = words.into_iter();
                if let Some(file) = words.next() {
                    let redirect = match operator {
                        "<" => Some(Redirect::From(file)),
                        ">" | "&>" | ">|" => Some(Redirect::Over(file)),
                        ">>" | "&>>" => Some(Redirect::Onto(file)),
                        // `2>&1` opens nothing; `>& file` is csh's way to write both.
                        ">&" if !file
                            .text
                            .bytes()
                            .all(|it| it.is_ascii_digit() || it == b'-') =>
                        {
                            Some(Redirect::Over(file))
                        }
                        _ => None,
                    };
                    self.script.commands[owner].redirects.extend(redirect);
                }
                // The grammar takes `> file more words` for several files; they are arguments.
                self.script.commands[owner].words.extend(words);
            }
            "herestring_redirect" => {
                for child in Self::children(node) {
                    if !matches!(child.kind(), "file_descriptor" | "<<<") {
                        let word = self.word(child, around);
                        let here = Redirect::Here(word.text, word.literal);
                        self.script.commands[owner].redirects.push(here);
                    }
                }
            }
            "heredoc_redirect" => self.heredoc(node, owner, around),
            _ => {}
        }
    }

    fn heredoc(&mut self, node: Node<'_>, owner: usize, around: Around) {
        let is_literal = Self::children(node)
            .iter()
            .find(|child| child.kind() == "heredoc_start")
            .is_some_and(|start| self.of(*start).contains(['\'', '"', '\\']));
        for child in Self::children(node) {
            match child.kind() {
                "heredoc_body" => {
                    if !is_literal {
                        self.expansions(child, around);
                    }
                    let here = Redirect::Here(Cow::Borrowed(self.of(child)), is_literal);
                    self.script.commands[owner].redirects.push(here);
                }
                "file_redirect" | "herestring_redirect" => self.redirect(child, owner, around),
                "pipeline" => {
                    let around = Around {
                        fed_by: Some(owner),
                        ..around
                    };
                    self.deeper(|it| it.statement(child, around));
                }
                "heredoc_start" | "heredoc_end" | "file_descriptor" | "<<" | "<<-" | "\n"
                | "&&" | "||" | "comment" => {}
                it if is_word(it) => {
                    let word = self.word(child, around);
                    self.script.commands[owner].words.push(word);
                }
                _ => self.deeper(|it| it.statement(child, around)),
            }
        }
    }

    fn command(&mut self, node: Node<'_>, around: Around) {
        let owner = self.script.commands.len();
        self.script.commands.push(Simple {
            range: self.range(node),
            fed_by: around.fed_by,
            in_substitution: around.substitution,
            in_loop: around.looped,
            in_function: around.function,
            in_background: around.background,
            ..Simple::default()
        });
        for child in Self::children(node) {
            match child.kind() {
                "command_name" => {
                    let inner = child.child(0).unwrap_or(child);
                    let word = self.word(inner, around);
                    self.script.commands[owner].words.push(word);
                }
                "variable_assignment" => {
                    let name = self.value(child, around);
                    self.script.commands[owner].assigned.extend(name);
                }
                "file_redirect" | "herestring_redirect" | "heredoc_redirect" => {
                    self.redirect(child, owner, around);
                }
                "subshell" => self.deeper(|it| it.statement(child, around)),
                "comment" => {}
                _ => {
                    let word = self.word(child, around);
                    self.script.commands[owner].words.push(word);
                }
            }
        }
        self.set_by_command(owner);
    }

    /// Reads one line for [`simple`].
    fn simple_line(&mut self, line: &'a str, start: usize) -> Option<()> {
        let bytes = line.as_bytes();
        let mut at = 0;
        // The command that is being read, if one is; whether one must follow, and who feeds it.
        let mut owner: Option<usize> = None;
        let mut is_wanted = false;
        let mut fed_by = None;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b' ' => at += 1,
                b'|' | b'&' | b';' => {
                    let owner = owner.take()?;
                    self.set_by_command(owner);
                    let is_double = bytes.get(at + 1) == Some(byte);
                    match (byte, is_double, bytes.get(at + 1 + usize::from(is_double))) {
                        (b'|', false, Some(b' ')) => fed_by = Some(owner),
                        (b'&', true, Some(b' ')) | (b';', false, Some(b' ')) => fed_by = None,
                        _ => return None,
                    }
                    is_wanted = *byte != b';';
                    at += 1 + usize::from(is_double);
                }
                _ => {
                    let word = line[at..].split([' ', ';', '|', '&']).next()?;
                    let is_option = word.starts_with('-');
                    let is_plain = |it: u8| {
                        it.is_ascii_alphanumeric()
                            || matches!(it, b'_' | b'.' | b'/' | b'-')
                            || matches!(it, b':' | b'@' | b'%' | b',') && owner.is_some()
                            || it == b'=' && is_option
                    };
                    if !word.bytes().all(is_plain) || KEYWORDS.contains(&word) {
                        return None;
                    }
                    let place = start + at..start + at + word.len();
                    at += word.len();
                    let index = match owner {
                        Some(index) => index,
                        // A number or an option opens no command.
                        None if !word.starts_with(|it: char| it.is_ascii_alphabetic()) => {
                            return None;
                        }
                        None => {
                            self.script.commands.push(Simple {
                                range: place.clone(),
                                fed_by,
                                ..Simple::default()
                            });
                            self.script.commands.len() - 1
                        }
                    };
                    owner = Some(index);
                    is_wanted = false;
                    let command = &mut self.script.commands[index];
                    command.range.end = place.end;
                    command.words.push(Word {
                        text: Cow::Borrowed(word),
                        range: place,
                        literal: true,
                        quoted: false,
                    });
                }
            }
        }
        if let Some(owner) = owner {
            self.set_by_command(owner);
        }
        (!is_wanted).then_some(())
    }

    /// Takes note of what a builtin sets: `read name`, `alias x=…`.
    fn set_by_command(&mut self, owner: usize) {
        let words = &self.script.commands[owner].words;
        let Some((program, rest)) = words.split_first() else {
            return;
        };
        let mut names: Vec<Cow<'a, str>> = Vec::new();
        match program.text.as_ref() {
            "read" | "mapfile" | "readarray" => {
                let mut skip = false;
                for word in rest {
                    if skip {
                        skip = false;
                    } else if let Some(option) = word.text.strip_prefix('-') {
                        skip = matches!(option.chars().last(), Some('p' | 't' | 'd' | 'n' | 'u'))
                            && !word.quoted;
                    } else if is_name(&word.text) {
                        names.push(word.text.clone());
                    }
                }
            }
            "getopts" => names.extend(rest.get(1).map(|word| word.text.clone())),
            "printf" if rest.first().is_some_and(|word| word.text == "-v") => {
                names.extend(rest.get(1).map(|word| word.text.clone()));
            }
            "alias" => {
                for word in rest {
                    if let Some((name, _)) = word.text.split_once('=') {
                        self.script.defines.insert(Cow::Owned(name.to_owned()));
                    }
                }
            }
            _ => {}
        }
        for name in names {
            self.define(name);
        }
    }

    fn declaration(&mut self, node: Node<'_>, around: Around) {
        let owner = self.script.commands.len();
        self.script.commands.push(Simple {
            range: self.range(node),
            fed_by: around.fed_by,
            in_substitution: around.substitution,
            in_loop: around.looped,
            in_function: around.function,
            ..Simple::default()
        });
        for (index, child) in Self::children(node).into_iter().enumerate() {
            let word = match child.kind() {
                "variable_assignment" => {
                    self.assignment(child, around);
                    Word {
                        text: Cow::Borrowed(self.of(child)),
                        range: self.range(child),
                        literal: true,
                        quoted: true,
                    }
                }
                _ => self.word(child, around),
            };
            let keyword = self.script.commands[owner].words.first();
            let declares = keyword.is_some_and(|it| {
                matches!(
                    it.text.as_ref(),
                    "local" | "declare" | "typeset" | "readonly"
                )
            });
            if index > 0 && declares && is_name(&word.text) {
                self.define(word.text.clone());
            }
            self.script.commands[owner].words.push(word);
        }
    }

    fn assignment(&mut self, node: Node<'_>, around: Around) {
        if let Some(name) = self.value(node, around) {
            self.define(name);
        }
    }

    /// Reads the value of an assignment, and returns its name.
    fn value(&mut self, node: Node<'_>, around: Around) -> Option<Cow<'a, str>> {
        let mut name = None;
        for (index, child) in Self::children(node).into_iter().enumerate() {
            match child.kind() {
                "variable_name" if index == 0 => name = Some(Cow::Borrowed(self.of(child))),
                "subscript" if index == 0 => {
                    let array = self.of(child).split('[').next().unwrap_or_default();
                    name = Some(Cow::Borrowed(array));
                }
                _ => self.deeper(|it| it.expansions(child, around)),
            }
        }
        name
    }

    fn word(&mut self, node: Node<'_>, around: Around) -> Word<'a> {
        let mut word = Word {
            text: Cow::Borrowed(""),
            range: self.range(node),
            literal: true,
            quoted: false,
        };
        self.deeper(|it| it.part(node, around, &mut word));
        word
    }

    fn part(&mut self, node: Node<'_>, around: Around, word: &mut Word<'a>) {
        let raw = self.of(node);
        match node.kind() {
            "word" if raw.contains('\\') => push(word, Cow::Owned(unescaped(raw))),
            "raw_string" => {
                word.quoted = true;
                push(word, Cow::Borrowed(raw.trim_matches('\'')));
            }
            "ansi_c_string" => {
                word.quoted = true;
                let inner = raw.strip_prefix("$'").unwrap_or(raw);
                push(
                    word,
                    Cow::Borrowed(inner.strip_suffix('\'').unwrap_or(inner)),
                );
            }
            "string" | "translated_string" => {
                word.quoted = true;
                self.string(node, around, word);
            }
            "concatenation" => {
                for child in Self::children(node) {
                    self.deeper(|it| it.part(child, around, word));
                }
            }
            "simple_expansion"
            | "expansion"
            | "command_substitution"
            | "process_substitution"
            | "arithmetic_expansion" => {
                word.literal = false;
                push(word, Cow::Borrowed(raw));
                self.expansions(node, around);
            }
            "brace_expression" => {
                word.literal = false;
                push(word, Cow::Borrowed(raw));
            }
            _ => {
                push(word, Cow::Borrowed(raw));
                if node.named_child_count() > 0 {
                    self.expansions(node, around);
                }
            }
        }
    }

    /// The grammar leaves out blanks between the parts of a string: they are taken from the text.
    fn string(&mut self, node: Node<'_>, around: Around, word: &mut Word<'a>) {
        let inner = node.byte_range();
        let mut at = self
            .slice(inner.clone())
            .find('"')
            .map_or(inner.start, |it| inner.start + it + 1);
        let end = inner.end.saturating_sub(1).max(at);
        for child in Self::children(node) {
            if matches!(
                child.kind(),
                "simple_expansion" | "expansion" | "command_substitution" | "arithmetic_expansion"
            ) {
                let before = self.slice(at..child.start_byte().max(at));
                push(word, unquoted(before));
                push(word, Cow::Borrowed(self.of(child)));
                word.literal = false;
                self.deeper(|it| it.expansions(child, around));
                at = child.end_byte();
            }
        }
        push(word, unquoted(self.slice(at..end)));
    }

    /// Notes what is read inside `node`, and goes into its command substitutions.
    fn expansions(&mut self, node: Node<'_>, around: Around) {
        match node.kind() {
            "simple_expansion" => {
                if let Some(name) = node
                    .named_child(0)
                    .filter(|it| it.kind() == "variable_name")
                {
                    self.consult(self.of(name), self.range(node));
                }
            }
            "expansion" => {
                let raw = self.of(node);
                for child in Self::children(node) {
                    match child.kind() {
                        "variable_name" => {
                            let name = self.of(child);
                            let after = self.slice(child.end_byte()..node.end_byte());
                            self.expansion(name, after, raw, self.range(node));
                        }
                        "subscript" => {
                            let name = self.of(child).split('[').next().unwrap_or_default();
                            let after = self.slice(child.end_byte()..node.end_byte());
                            self.expansion(name, after, raw, self.range(node));
                        }
                        _ => self.deeper(|it| it.expansions(child, around)),
                    }
                }
            }
            "command_substitution" | "process_substitution" => {
                let around = Around {
                    substitution: true,
                    fed_by: None,
                    background: false,
                    ..around
                };
                self.deeper(|it| it.statements(node, around));
            }
            "variable_name" => self.consult(self.of(node), self.range(node)),
            "raw_string" | "comment" => {}
            _ => {
                if node.named_child_count() > 0 {
                    for child in Self::children(node) {
                        self.deeper(|it| it.expansions(child, around));
                    }
                }
            }
        }
    }

    fn expansion(&mut self, name: &'a str, after: &str, raw: &str, range: Range<usize>) {
        let operator = after.trim_start_matches(':');
        if operator.starts_with('=') {
            self.define(Cow::Borrowed(name));
        }
        let has_default = operator.starts_with(['-', '=', '+'])
            // `${X:3}` and `${X#y}` read; `${#X}` counts, which an unset name answers too.
            && !raw.starts_with("${#");
        if !has_default {
            self.consult(name, range);
        }
    }
}

fn is_word(kind: &str) -> bool {
    matches!(
        kind,
        "word"
            | "string"
            | "raw_string"
            | "ansi_c_string"
            | "translated_string"
            | "concatenation"
            | "number"
            | "simple_expansion"
            | "expansion"
            | "command_substitution"
            | "process_substitution"
            | "brace_expression"
            | "arithmetic_expansion"
    )
}

/// Whether `text` is the name of a variable.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|it| it.is_ascii_alphabetic() || it == b'_')
        && bytes.all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

fn push<'a>(word: &mut Word<'a>, part: Cow<'a, str>) {
    if word.text.is_empty() {
        word.text = part;
    } else if !part.is_empty() {
        word.text.to_mut().push_str(&part);
    }
}

fn unescaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(it) = chars.next() {
        match it {
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(next) => out.push(next),
            },
            it => out.push(it),
        }
    }
    out
}

/// Between double quotes a backslash protects four characters and a line's end, nothing else.
fn unquoted(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(it) = chars.next() {
        match (it, chars.peek()) {
            ('\\', Some('\n')) => {
                chars.next();
            }
            ('\\', Some('"' | '\\' | '$' | '`')) => out.extend(chars.next()),
            _ => out.push(it),
        }
    }
    Cow::Owned(out)
}

/// Names that the shell or a login sets: nobody has to give them.
fn is_the_shells_own(name: &str) -> bool {
    !is_name(name)
        || name.starts_with("BASH")
        || name.starts_with("LC_")
        || name.starts_with("XDG_")
        || OWN.contains(&name)
}

const OWN: &[&str] = &[
    "COLUMNS",
    "DISPLAY",
    "EDITOR",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTFILE",
    "HISTSIZE",
    "HOME",
    "HOSTNAME",
    "HOSTTYPE",
    "IFS",
    "LANG",
    "LINENO",
    "LINES",
    "LOGNAME",
    "MACHTYPE",
    "OLDPWD",
    "OPTARG",
    "OPTIND",
    "OSTYPE",
    "PAGER",
    "PATH",
    "PIPESTATUS",
    "PPID",
    "PROMPT_COMMAND",
    "PS1",
    "PS2",
    "PWD",
    "RANDOM",
    "REPLY",
    "SECONDS",
    "SHELL",
    "SHLVL",
    "SRANDOM",
    "SUDO_USER",
    "TERM",
    "TMPDIR",
    "UID",
    "USER",
    "VISUAL",
    "_",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LONGEST, Redirect, parsed, read, simple};

    /// Shows each command as `[word word] <redirections`, and what is set and read.
    fn check(text: &str, expected: &str) {
        let script = read(text);
        let mut shown: Vec<String> = Vec::new();
        for it in &script.commands {
            let words: Vec<String> = it
                .words
                .iter()
                .map(|word| {
                    let quote = if word.quoted { "'" } else { "" };
                    let open = if word.literal { "" } else { "~" };
                    format!("{open}{quote}{}{quote}", word.text)
                })
                .collect();
            let mut line = format!("[{}]", words.join(" "));
            for redirect in &it.redirects {
                let shown = match redirect {
                    Redirect::From(word) => format!("<{}", word.text),
                    Redirect::Over(word) => format!(">{}", word.text),
                    Redirect::Onto(word) => format!(">>{}", word.text),
                    Redirect::Here(text, literal) => {
                        let quote = if *literal { "'" } else { "" };
                        format!("<<{quote}{}", text.trim_end())
                    }
                };
                line = format!("{line} {shown}");
            }
            if let Some(from) = it.fed_by {
                line = format!("{line} fed by {from}");
            }
            line += if it.in_substitution { " sub" } else { "" };
            line += if it.in_loop { " loop" } else { "" };
            line += if it.in_function { " function" } else { "" };
            line += if it.in_background { " &" } else { "" };
            shown.push(line);
        }
        if !script.sets.is_empty() {
            shown.push(format!("sets {}", script.sets.join(" ")));
        }
        if !script.reads.is_empty() {
            let names: Vec<&str> = script.reads.iter().map(|(name, _)| name.as_ref()).collect();
            shown.push(format!("reads {}", names.join(" ")));
        }
        shown.extend(script.fault.map(|fault| format!("fault: {fault}")));
        assert_eq!(shown.join("; "), expected, "{text}");
    }

    #[test]
    fn words_lose_their_quotes_and_keep_their_expansions() {
        check("ls -l /tmp", "[ls -l /tmp]");
        check("echo 'a b' \"c d\" e\\ f", "[echo 'a b' 'c d' e f]");
        check("echo \"a $X b\" ${Y}", "[echo ~'a $X b' ~${Y}]; reads X Y");
        check("a --b='c d'\"$E\"f", "[a ~'--b=c d$Ef']; reads E");
        check("a \\\n  -b \\\n  c", "[a -b c]");
        check("echo \"  x  \"", "[echo '  x  ']");
        check("find . -exec rm {} \\;", "[find . -exec rm {} ;]");
        check("awk '{print $1}' f", "[awk '{print $1}' f]");
    }

    #[test]
    fn redirections_belong_to_the_last_command_of_a_pipe() {
        check("a | b > c 2>&1", "[a]; [b] >c fed by 0");
        check("a && b >> c", "[a]; [b] >>c");
        check("mysql db < f.sql", "[mysql db] <f.sql");
        check("a > out b", "[a b] >out");
        check("wc -l <<< hi", "[wc -l] <<'hi");
        check("(a; b) > c", "[a]; [b]; [] >c");
        check(
            "while read l; do a; done < f",
            "[read l] loop; [a] loop; [] <f; sets l",
        );
    }

    #[test]
    fn here_documents_are_kept_whole() {
        check("cat <<EOF > f\nhi $X\nEOF", "[cat] >f <<hi $X; reads X");
        check("cat <<'EOF'\nhi $X\nEOF", "[cat] <<'hi $X");
        check(
            "psql <<E | grep y\nDROP x;\nE",
            "[psql] <<DROP x;; [grep y] fed by 0",
        );
    }

    #[test]
    fn structure_is_told() {
        check("echo $(date +%F)", "[echo ~$(date +%F)]; [date +%F] sub");
        check("for i in 1 2; do a $i; done", "[a ~$i] loop; sets i");
        check("f() { b; }\nf", "[b] function; [f]");
        check("sleep 9 &", "[sleep 9] &");
        check("if [ -f x ]; then rm x; fi", "[[]; [rm x]");
        check("case $x in a) rm f;; esac", "[rm f]; reads x");
        check("a | b | c", "[a]; [b] fed by 0; [c] fed by 1");
    }

    #[test]
    fn variables_are_set_and_read_in_order() {
        check("A=1; echo $A $B", "[echo ~$A ~$B]; sets A; reads B");
        check("export A=$B C", "[export 'A=$B' C]; sets A; reads B");
        check("A=1 b $A", "[b ~$A]; reads A");
        check(
            "read -p 'x? ' V; a $V",
            "[read -p 'x? ' V]; [a ~$V]; sets V",
        );
        check(
            "a ${X:-y} ${Z:=1} $Z ${W:?no}",
            "[a ~${X:-y} ~${Z:=1} ~$Z ~${W:?no}]; sets Z; reads W",
        );
        check("a $1 $? $HOME $@ $$", "[a ~$1 ~$? ~$HOME ~$@ ~$$]");
        check("a $((N+1))", "[a ~$((N+1))]; reads N");
    }

    #[test]
    fn no_range_ends_inside_a_character() {
        let found = "sudo ufw delete eofx  F>OI<< \u{fffd}\u{fffd}\u{7c3}\u{7cc}\u{fffd} -c \"ufw delete\"\n\u{fffd}\u{fffd}ALE t;\nEOF\n";
        for text in [found, "a <<ñ\nñx\nñ\n", "x=é${é}é; «é» >ü"] {
            let script = read(text);
            for command in &script.commands {
                assert!(text.get(command.range.clone()).is_some(), "{text}");
                for word in &command.words {
                    assert!(text.get(word.range.clone()).is_some(), "{text}");
                }
            }
            for (_, range) in &script.reads {
                assert!(text.get(range.clone()).is_some(), "{text}");
            }
        }
    }

    #[test]
    fn what_is_not_shell_says_the_line() {
        check(
            "ls -l\necho ) x\n",
            "[ls -l]; [echo ) x]; fault: line 2 is not shell",
        );
        assert!(read(&"a ".repeat(LONGEST)).fault.is_some());
        assert!(read("a\0b").fault.is_some());
        assert!(read(&"$(".repeat(9000)).fault.is_some());
        assert!(read(&"(".repeat(60000)).fault.is_some());
        read(&"\"$(".repeat(9000));
        read(&"{ ".repeat(9000));
        read(&"if a; then ".repeat(5000));
        read(&"<<A ".repeat(9000));
        read(&"<<A\n".repeat(9000));
        read(&"((".repeat(9000));
        read(&"a[".repeat(9000));
        read(&"${".repeat(9000));
        read(&"`".repeat(9000));
        read("{\u{1f600}..{9\u{10ffff}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,200}") {
            read(&text);
        }

        #[test]
        fn any_tangle_is_read_without_a_panic(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "<<EOF", "EOF", "\n", "'", "\"", "$(", ")", "`", "${", "}", "((", "))", "[[", "]]",
                    "|", "&&", ">", "<", "if ", "then ", "fi", "do ", "done", "case x in ", "esac",
                    "a", " ", "=", ";", "\\", "#", "é", "*", "function ", "{ ", "<<<", "!", "$", "x=(",
                ]),
                0..60,
            )
        ) {
            let text: String = parts.concat();
            let script = read(&text);
            for it in &script.commands {
                prop_assert!(text.get(it.range.clone()).is_some());
            }
        }
    }

    #[test]
    fn bare_lines_need_no_parser() {
        for text in [
            "systemctl status nginx --no-pager\njournalctl -u nginx | tail -20\n",
            "# Look\n\ndocker ps; df -h && free -m",
            "read NAME; ls --color=auto 2 20 a.b:80 u@h:/x,y %i",
        ] {
            assert_eq!(simple(text), Some(parsed(text)), "{text}");
        }
        for text in [
            "a |", "| a", "a && ", "a=1 b", "a;;b", "if x", "a &", "a > b", "$x", "a*",
        ] {
            assert_eq!(simple(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_needs_no_parser_is_read_as_the_parser_reads_it(
            text in "(ls|a|b-c|tail|read|printf|alias|getopts|mapfile|exec|eval|set|source|sudo|env|time|x|y|-v|-n|-p|--o=v|--|-|-20|20|0|1|2|3x|1\\.5|0x1|1:2|a\\.b|\\./a|/b/c|u@h:/p|80:80|a,b|%i|100%|%|@|,|:|_|_a|a_|\\.|\\.\\.|A|EOF|in|if|# c|#|[a-z]{1,6}|[A-Za-z0-9_./:@%,=+-]{1,5}| | | | |  |\n|\n| \\| | && |; |\\||&&|;|&| \n){0,16}",
        ) {
            if let Some(script) = simple(&text) {
                prop_assert_eq!(script, parsed(&text));
            }
        }
    }
}
