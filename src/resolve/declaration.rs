//! Front matter, or a visible `yaml {runbook}` fence → what the runbook says of itself.

use std::collections::BTreeSet;
use std::time::Duration;

use super::attributes::is_variable;
use super::duration::parse_duration;
use super::inputs;
use crate::markdown::attributes::{Performed, nearest, parse_info};
use crate::markdown::front_matter::{Broken, Node, Value, parse};
use crate::markdown::{Document, Fence, Syntax, line_of};
use crate::model::{Diagnostic, Input, InputType, Kind, PageTemplate, SecretSource, Span};
use crate::render::template;

/// A key of the front matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Whether this version does what it says.
    pub performed: Performed,
    /// What it says, in one line.
    pub meaning: &'static str,
}

const fn here(name: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        performed: Performed::Since("0.1"),
        meaning,
    }
}

const fn later(name: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        performed: Performed::NotYet,
        meaning,
    }
}

/// The keys at the top of front matter.
pub const TOP_KEYS: &[Key] = &[
    here("runbook", "1: this document is a runbook"),
    here("title", "what the runbook is called"),
    here("inputs", "values that are given to a run"),
    later("targets", "where steps run"),
    here("env", "variables that all steps see"),
    here("defaults", "attributes of steps that say nothing"),
    here("requires", "programs that must be there"),
    here("cwd", "the start folder, relative to the document"),
    here(
        "transcript",
        "the template that the transcript is written by: a file, relative to the document",
    ),
];

/// The keys of an input.
pub const INPUT_KEYS: &[Key] = &[
    here("description", "what a person is told when asked for it"),
    here("default", "what it is when nobody says"),
    here("choices", "the only values it may have"),
    here(
        "required",
        "whether a run without it is refused; true unless said",
    ),
    here(
        "type",
        "`string`, `number`, `bool`, `choice`, `path`, `secret` or `list`",
    ),
    here(
        "secret",
        "is kept in no record, and masked wherever it appears",
    ),
    here("short", "a secret that may have under eight characters"),
    here(
        "from",
        "where a secret comes from: env:NAME, file:PATH, dotenv:PATH#KEY, prompt, #step",
    ),
    here(
        "pattern",
        "a regular expression that all of it must match; of a list each item",
    ),
    here(
        "min",
        "the least: of a number itself, of a text its characters, of a list its items",
    ),
    here("max", "the most, as for `min`"),
];

const DEFAULT_KEYS: &[Key] = &[here("timeout", "the timeout of steps that say nothing")];

/// What a document says of itself.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) kind: Kind,
    pub(super) title: Option<String>,
    pub(super) inputs: Vec<Input>,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: Option<String>,
    pub(super) requires: Vec<String>,
    pub(super) transcript: Option<PageTemplate>,
    pub(super) default_timeout: Option<Duration>,
    /// The fence that holds it, where one does.
    pub(super) fence: Option<usize>,
}

/// Reads it; what is wrong is added to `diagnostics`.
pub(super) fn read(document: &Document<'_>, diagnostics: &mut Vec<Diagnostic>) -> Declaration {
    let mut declaration = Declaration {
        kind: Kind::Plain,
        title: None,
        inputs: Vec::new(),
        env: Vec::new(),
        cwd: None,
        requires: Vec::new(),
        transcript: None,
        default_timeout: None,
        fence: None,
    };
    let mut declared_at = None;
    if let Some(found) = document.front_matter {
        let base = found.body.start;
        let place = |span: Span| Span::new(base + span.start, base + span.end);
        let mut reader = Reader {
            declaration: &mut declaration,
            diagnostics,
            place: &place,
        };
        match parse(document.text(found.body), found.syntax) {
            Ok(node) => reader.top(&node, false),
            Err(broken) => reader.broken(&broken, found.syntax),
        }
        declared_at = (declaration.kind == Kind::Declared).then_some(found.span);
    }
    for (index, fence) in document.fences.iter().enumerate() {
        let Some(syntax) = declares(document, fence) else {
            continue;
        };
        if let Some(before) = declared_at {
            let line = line_of(document.source, before.start);
            diagnostics.push(
                Diagnostic::error(
                    "declared-twice",
                    fence.info,
                    "this runbook is declared twice",
                )
                .label(format!("the first stands on line {line}"))
                .way_out("put both into one"),
            );
            continue;
        }
        declared_at = Some(fence.span);
        declaration.fence = Some(index);
        let body = document.body(fence);
        let place = |span: Span| document.place(fence, span.start..span.end);
        let mut reader = Reader {
            declaration: &mut declaration,
            diagnostics,
            place: &place,
        };
        match parse(&body, syntax) {
            Ok(node) => reader.top(&node, true),
            Err(broken) => reader.broken(&broken, syntax),
        }
    }
    declaration
}

/// Returns the language of a fence `yaml {runbook}`.
fn declares(document: &Document<'_>, fence: &Fence) -> Option<Syntax> {
    let text = document.text(fence.info);
    if !text.contains("runbook") {
        return None;
    }
    let info = parse_info(text, fence.info.start);
    let syntax = match info.language?.0 {
        "yaml" | "yml" => Syntax::Yaml,
        "toml" => Syntax::Toml,
        _ => return None,
    };
    info.attributes
        .iter()
        .any(|attribute| attribute.name == "runbook")
        .then_some(syntax)
}

struct Reader<'r> {
    declaration: &'r mut Declaration,
    diagnostics: &'r mut Vec<Diagnostic>,
    place: &'r dyn Fn(Span) -> Span,
}

type Entries = [(String, Span, Node)];

impl Reader<'_> {
    fn broken(&mut self, broken: &Broken, syntax: Syntax) {
        let name = match syntax {
            Syntax::Yaml => "YAML",
            Syntax::Toml => "TOML",
        };
        let message = format!("this {name} does not parse: {}", broken.message);
        self.diagnostics.push(
            Diagnostic::error("front-matter", (self.place)(broken.span), message)
                .way_out("mend it; text with `:`, `#` or `{` in it wants quotes"),
        );
    }

    fn error(&mut self, rule: &'static str, span: Span, message: String, way_out: &str) {
        let diagnostic = Diagnostic::error(rule, (self.place)(span), message).way_out(way_out);
        self.diagnostics.push(diagnostic);
    }

    fn wants(&mut self, node: &Node, name: &str, what: &str, example: &str) {
        let message = format!("`{name}` wants {what}");
        self.error(
            "front-matter-value",
            node.span,
            message,
            &format!("write `{example}`"),
        );
    }

    fn top(&mut self, node: &Node, is_fence: bool) {
        let Value::Map(entries) = &node.value else {
            // A list or a sentence between two rules.
            if is_fence {
                self.wants(node, "runbook", "names and values", "runbook: 1");
            }
            return;
        };
        let version = entries.iter().find(|(name, ..)| name == "runbook");
        match version {
            Some((_, _, node)) if node.scalar().as_deref() == Some("1") => {
                self.declaration.kind = Kind::Declared;
            }
            Some((_, _, node)) => {
                self.declaration.kind = Kind::Declared;
                let shown = node.scalar().unwrap_or_else(|| "…".to_owned());
                let message = if matches!(node.value, Value::Number(_)) {
                    format!("`runbook: {shown}` is not in this version")
                } else {
                    format!("`runbook: {shown}` names no version of the format")
                };
                self.error(
                    "not-in-this-version",
                    node.span,
                    message,
                    "write `runbook: 1`",
                );
            }
            None if is_fence => {
                self.declaration.kind = Kind::Declared;
                let message = "this `runbook` fence does not say `runbook: 1`".to_owned();
                self.error(
                    "front-matter-value",
                    node.span,
                    message,
                    "begin it with `runbook: 1`",
                );
            }
            None => {
                self.plain(entries);
                return;
            }
        }
        for (name, span, node) in entries {
            match name.as_str() {
                "runbook" => {}
                "title" => match node.scalar() {
                    Some(title) => self.declaration.title = Some(title),
                    None => self.wants(node, "title", "text", "title: Deploy the shop"),
                },
                "inputs" => self.inputs(node),
                "env" => self.env(node),
                "defaults" => self.defaults(node),
                "requires" => match texts(node) {
                    Some(programs) => self.declaration.requires = programs,
                    None => {
                        self.wants(node, "requires", "a list of programs", "requires: [docker]");
                    }
                },
                "cwd" => match node.scalar() {
                    Some(cwd) => self.declaration.cwd = Some(cwd),
                    None => self.wants(node, "cwd", "a folder", "cwd: deploy"),
                },
                "transcript" => match node.scalar().filter(|it| !it.trim().is_empty()) {
                    Some(file) => {
                        let span = (self.place)(node.span);
                        self.declaration.transcript = Some(PageTemplate { file, span });
                    }
                    None => {
                        self.wants(node, "transcript", "a file", "transcript: handover.md.j2");
                    }
                },
                _ => self.unknown_top(name, *span),
            }
        }
    }

    fn unknown_top(&mut self, name: &str, span: Span) {
        if TOP_KEYS.iter().any(|key| key.name == name) {
            self.not_here(name, span);
        } else if let Some(meant) = nearest(name, TOP_KEYS.iter().map(|key| key.name)) {
            let message = format!("unknown key `{name}`");
            self.error(
                "unknown-key",
                span,
                message,
                &format!("did you mean `{meant}`?"),
            );
        } else {
            self.diagnostics.push(
                Diagnostic::warning(
                    "foreign-key",
                    (self.place)(span),
                    format!("key `{name}` is not ours, and is not read"),
                )
                .way_out("leave it, if another tool reads it"),
            );
        }
    }

    fn not_here(&mut self, name: &str, span: Span) {
        let message = format!("`{name}` is not in this version");
        self.error("not-in-this-version", span, message, "take it out");
    }

    /// Front matter of another tool: its title is taken, the rest is not ours.
    fn plain(&mut self, entries: &Entries) {
        for (name, span, node) in entries {
            if name == "title" {
                self.declaration.title = node.scalar().filter(|title| !title.trim().is_empty());
                continue;
            }
            let diagnostic = if nearest(name, ["runbook"].into_iter()).is_some() {
                Diagnostic::warning(
                    "unknown-key",
                    (self.place)(*span),
                    format!("unknown key `{name}`: this document is not declared a runbook"),
                )
                .way_out("did you mean `runbook: 1`?")
            } else if TOP_KEYS.iter().any(|key| key.name == name) {
                Diagnostic::hint(
                    "foreign-key",
                    (self.place)(*span),
                    format!("`{name}` is read in declared runbooks only"),
                )
                .way_out("add `runbook: 1`, if it is meant for this tool")
            } else {
                Diagnostic::hint(
                    "foreign-key",
                    (self.place)(*span),
                    format!("key `{name}` is not ours, and is not read"),
                )
            };
            self.diagnostics.push(diagnostic);
        }
    }

    fn defaults(&mut self, node: &Node) {
        let Value::Map(entries) = &node.value else {
            return self.wants(
                node,
                "defaults",
                "names and values",
                "defaults: { timeout: 10m }",
            );
        };
        for (name, span, node) in entries {
            if name == "timeout" {
                match node.scalar().as_deref().and_then(parse_duration) {
                    Some(timeout) => self.declaration.default_timeout = Some(timeout),
                    None => self.wants(node, "timeout", "a duration with its unit", "timeout: 10m"),
                }
            } else if crate::markdown::attributes::find(name).is_some() {
                self.not_here(&format!("defaults.{name}"), *span);
            } else {
                self.unknown(name, *span, DEFAULT_KEYS);
            }
        }
    }

    fn unknown(&mut self, name: &str, span: Span, keys: &[Key]) {
        let way_out = nearest(name, keys.iter().map(|key| key.name)).map_or_else(
            || {
                let known: Vec<_> = keys
                    .iter()
                    .filter(|key| key.performed != Performed::NotYet)
                    .map(|key| format!("`{}`", key.name))
                    .collect();
                format!("known are {}", known.join(", "))
            },
            |meant| format!("did you mean `{meant}`?"),
        );
        self.error(
            "unknown-key",
            span,
            format!("unknown key `{name}`"),
            &way_out,
        );
    }

    fn env(&mut self, node: &Node) {
        let Value::Map(entries) = &node.value else {
            return self.wants(node, "env", "names and values", "env: { TZ: UTC }");
        };
        for (name, span, node) in entries {
            if !self.variable(name, *span) {
                continue;
            }
            match node.scalar() {
                Some(value) if !value.contains('\0') => {
                    self.declaration.env.push((name.clone(), value));
                }
                _ => self.wants(node, name, "text", &format!("{name}: \"text\"")),
            }
        }
    }

    fn variable(&mut self, name: &str, span: Span) -> bool {
        let is_ours = name.to_ascii_uppercase().starts_with("RUNBOOK_");
        if is_ours {
            let message = format!("`{name}`: names that begin with `RUNBOOK_` are ours");
            self.error("variable-name", span, message, "take another name");
        } else if !is_variable(name) {
            let message = format!("`{name}` is no name of a variable");
            self.error(
                "variable-name",
                span,
                message,
                "use letters, digits and `_`, no digit first",
            );
        }
        !is_ours && is_variable(name)
    }

    fn inputs(&mut self, node: &Node) {
        let example = "inputs: { version: { description: \"tag to deploy\" } }";
        let Value::Map(entries) = &node.value else {
            return self.wants(node, "inputs", "names and what they are", example);
        };
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (name, span, node) in entries {
            if !self.variable(name, *span) || !seen.insert(name) {
                continue;
            }
            let mut input = Input {
                name: name.clone(),
                kind: InputType::default(),
                description: None,
                default: None,
                choices: Vec::new(),
                pattern: None,
                min: None,
                max: None,
                required: true,
                from: None,
                short: false,
                span: (self.place)(*span),
            };
            match &node.value {
                Value::Map(entries) => self.input(&mut input, entries),
                Value::Null => {}
                _ => {
                    let example = format!("{name}: {{ default: … }}");
                    self.wants(node, name, "what the input is", &example);
                }
            }
            self.declaration.inputs.push(input);
        }
    }

    fn input(&mut self, input: &mut Input, entries: &Entries) {
        let mut places = Places::default();
        for (name, span, node) in entries {
            match name.as_str() {
                "description" => match node.scalar() {
                    Some(text) => input.description = Some(text),
                    None => self.wants(node, name, "text", "description: \"tag to deploy\""),
                },
                "default" => match node.scalar().or_else(|| Some(texts(node)?.join("\n"))) {
                    Some(text) => {
                        input.default = Some(text);
                        places.default = Some(node.span);
                    }
                    None => self.wants(node, name, "text", "default: \"text\""),
                },
                "choices" => match texts(node).filter(|choices| !choices.is_empty()) {
                    Some(choices) => {
                        input.choices = choices;
                        places.choices = Some(*span);
                    }
                    None => self.wants(node, name, "a list of values", "choices: [blue, green]"),
                },
                "required" => match node.value {
                    Value::Bool(required) => input.required = required,
                    _ => self.wants(node, name, "true or false", "required: false"),
                },
                "type" => {
                    places.kind = Some(node.span);
                    self.kind(input, node);
                }
                "pattern" => match node.scalar() {
                    Some(pattern) => {
                        if let Err(because) = inputs::compile(&pattern) {
                            let message = format!("`{pattern}` is no pattern: {because}");
                            let way_out = "write a regular expression, or take it out";
                            self.error("front-matter-value", node.span, message, way_out);
                        } else {
                            input.pattern = Some(pattern);
                            places.limits.push((name.clone(), *span));
                        }
                    }
                    None => self.wants(node, name, "a regular expression", "pattern: 'v[0-9]+'"),
                },
                "min" | "max" => match node.scalar().filter(|it| inputs::is_number(it)) {
                    Some(limit) => {
                        places.limits.push((name.clone(), *span));
                        let limit = Some(limit);
                        match name.as_str() {
                            "min" => input.min = limit,
                            _ => input.max = limit,
                        }
                    }
                    None => self.wants(node, name, "a number", &format!("{name}: 3")),
                },
                "secret" => match node.value {
                    Value::Bool(secret) => places.secret = Some((secret, *span)),
                    _ => self.wants(node, name, "true or false", "secret: true"),
                },
                "short" => {
                    places.only_secret.push((name.clone(), *span));
                    match node.value {
                        Value::Bool(short) => input.short = short,
                        _ => self.wants(node, name, "true or false", "short: true"),
                    }
                }
                "from" => {
                    places.only_secret.push((name.clone(), *span));
                    self.source(input, node);
                }
                _ if INPUT_KEYS.iter().any(|key| key.name == name) => self.not_here(name, *span),
                _ => self.unknown(name, *span, INPUT_KEYS),
            }
        }
        self.sense(input, &places);
    }

    fn kind(&mut self, input: &mut Input, node: &Node) {
        let names = InputType::ALL.map(InputType::name);
        let said = node.scalar();
        let mut kinds = InputType::ALL.into_iter();
        if let Some(kind) = kinds.find(|it| said.as_deref() == Some(it.name())) {
            input.kind = kind;
            return;
        }
        let said = said.unwrap_or_default();
        let message = format!("`{said}` is no type of an input");
        let way_out = match nearest(&said, names.into_iter()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("types are {}", names.join(", ")),
        };
        self.error("front-matter-value", node.span, message, &way_out);
    }

    /// Whether what is said of a secret goes together; `secret: true` and `type: secret` say the same.
    fn secret(&mut self, input: &mut Input, places: &Places) {
        let name = input.name.clone();
        let mut error = |span: Span, message: String, way_out: &str| {
            self.error("front-matter-value", span, message, way_out);
        };
        match (places.secret, input.kind) {
            (Some((true, span)), kind) => {
                if !matches!(kind, InputType::String | InputType::Secret) {
                    let message = format!("`{name}` is a secret, and a {}", kind.name());
                    error(span, message, "take `type` out: a secret is a text");
                }
                input.kind = InputType::Secret;
            }
            (Some((false, span)), InputType::Secret) => {
                let message = format!("`{name}` is a secret by its type, and `secret: false`");
                error(span, message, "take one of them out");
            }
            _ => {}
        }
        if !input.is_secret() {
            for (key, span) in &places.only_secret {
                let message = format!("`{key}` is for secrets");
                error(*span, message, "add `secret: true`");
            }
            return;
        }
        if let Some(span) = places.default {
            let message = format!("the secret `{name}` has a default: everybody reads it");
            let way_out = "take it out, and say where it comes from: `from: env:NAME`";
            error(span, message, way_out);
        }
        if let Some(span) = places.choices {
            let message = format!("the secret `{name}` has choices: everybody reads them");
            error(span, message, "take them out");
        }
    }

    /// Whether what is said of an input goes together.
    fn sense(&mut self, input: &mut Input, places: &Places) {
        self.secret(input, places);
        let name = input.name.clone();
        let mut error = |span: Span, message: String, way_out: &str| {
            self.error("front-matter-value", span, message, way_out);
        };
        match (input.kind, places.choices, places.kind) {
            (InputType::String, Some(_), _) => input.kind = InputType::Choice,
            (InputType::Choice, None, Some(span)) => error(
                span,
                format!("`{name}` is a choice without choices"),
                "add `choices: [blue, green]`",
            ),
            (InputType::Number | InputType::Bool, Some(span), _) => error(
                span,
                format!("`{name}` is a {} with choices", input.kind.name()),
                "take `type` out, or the choices",
            ),
            _ => {}
        }
        for (limit, span) in &places.limits {
            let senseless = match input.kind {
                InputType::Bool | InputType::Choice => true,
                InputType::Number => limit == "pattern",
                _ => false,
            };
            if senseless {
                let message = format!("`{limit}` says nothing of a {}", input.kind.name());
                error(*span, message, "take it out");
            }
        }
        let limits = (input.min.as_deref(), input.max.as_deref());
        if let (Some(least), Some(most)) = limits
            && let (Ok(from), Ok(to)) = (least.parse::<f64>(), most.parse::<f64>())
            && from > to
            && let Some((_, span)) = places.limits.iter().rfind(|(it, _)| it != "pattern")
        {
            let message = format!("`{name}` can have no value: min {least} is above max {most}");
            error(*span, message, "make one of them another");
        }
        let (Some(default), Some(span)) = (&input.default, places.default) else {
            return;
        };
        if input.is_secret() {
            return;
        }
        // What a template makes is judged once the inputs that it names are known.
        if template::is_template(default) {
            let earlier = &self.declaration.inputs;
            // What a default is made of stands in the record.
            let plain = earlier.iter().filter(|it| !it.is_secret());
            let names = template::Names {
                inputs: plain.map(|it| it.name.clone()).collect(),
                ..template::Names::default()
            };
            for fault in template::check(default, &names) {
                let named = default.get(fault.range.clone()).unwrap_or_default();
                let named = named.rsplit('.').next().unwrap_or_default();
                let is_secret = earlier.iter().any(|it| it.is_secret() && it.name == named);
                let because = match &fault.message {
                    _ if is_secret => format!("the secret `{named}` goes into no default"),
                    message => message.clone(),
                };
                let message = format!("the default of `{name}`: {because}");
                let diagnostic = Diagnostic::error(fault.rule, (self.place)(span), message);
                let is_near = |it: &String| it.starts_with("did you mean");
                let is_name = fault.rule == "template-name";
                let way_out = fault.way_out.filter(|it| !is_name || is_near(it));
                let way_out = match way_out {
                    _ if is_secret => "name an input that is no secret".to_owned(),
                    Some(near) => near,
                    None => "name an input above it".to_owned(),
                };
                self.diagnostics.push(diagnostic.way_out(way_out));
            }
        } else {
            match inputs::accept(input, default) {
                Ok(value) => input.default = Some(value),
                Err(right) => error(
                    span,
                    format!(
                        "`{name}` cannot have the default `{}`",
                        default.replace('\n', ", ")
                    ),
                    &right,
                ),
            }
        }
    }
}

/// Where the keys of an input stand that must go together.
#[derive(Debug, Default)]
struct Places {
    default: Option<Span>,
    choices: Option<Span>,
    kind: Option<Span>,
    secret: Option<(bool, Span)>,
    /// `short`, `from`.
    only_secret: Vec<(String, Span)>,
    /// `pattern`, `min`, `max`.
    limits: Vec<(String, Span)>,
}

impl Reader<'_> {
    fn source(&mut self, input: &mut Input, node: &Node) {
        let source = node.scalar().and_then(|it| SecretSource::parse(&it));
        match source {
            Some(source) => input.from = Some(source),
            None => self.wants(node, "from", "a source", "from: env:DB_PASSWORD"),
        }
    }
}

fn texts(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Value::List(nodes) => nodes.iter().map(Node::scalar).collect(),
        _ => None,
    }
}
