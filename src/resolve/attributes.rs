//! The attributes of one fence, checklist item or section → what they say of its steps.

use std::borrow::Cow;
use std::sync::Arc;

use super::conditions::Stated;
use super::duration::{parse_duration, parse_every};
use crate::markdown::attributes::{
    Attribute, Fault, Performed, Row, TABLE, Takes, find, near_miss, nearest,
};
use crate::model::{
    Diagnostic, Doubt, Effect, Kind, Links, Matching, Owner, Service, Settings, Span, With,
    WrittenFile, unfit_name,
};

/// More tries than these are a loop that nobody ends.
const MOST_RETRIES: u32 = 1000;

/// Who does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Run {
    Never,
    Manual,
    #[default]
    Auto,
}

/// Whom the attributes speak for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Fence,
    Section,
}

/// What attributes say.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) id: Option<(String, Span)>,
    pub(super) tags: Vec<String>,
    pub(super) run: Run,
    /// `needs=`, each id with the place of the attribute.
    pub(super) needs: Vec<(String, Span)>,
    /// `undo-of=`, with the place of the attribute.
    pub(super) undo_of: Option<(String, Span)>,
    pub(super) effect: Option<Effect>,
    pub(super) settings: Arc<Settings>,
    /// What this version does not perform, by name, with its place.
    pub(super) refused: Vec<(&'static str, Span)>,
    /// What could not be understood, in a plain document.
    pub(super) doubts: Vec<Doubt>,
    /// Something that only a step can have, and where: for what turns out to be none.
    pub(super) of_a_step: Option<(&'static str, Span)>,
    /// `output` fences: how they are compared, and where that is said.
    pub(super) matching: Option<(Matching, Span)>,
    /// `capture=`, or `secret`: where it is said.
    pub(super) capture: Option<Span>,
    /// `rhai` and `output` fences: the step that they judge.
    pub(super) judges: Option<(String, Span)>,
    /// What must hold before it runs, or until it has.
    pub(super) conditions: Vec<Stated>,
}

impl Said {
    /// Adds what `attributes` say to what is said already. Later words win; tags and variables add
    /// up.
    pub(super) fn read(
        &mut self,
        attributes: &[Attribute<'_>],
        faults: &[Fault],
        of: Of,
        kind: Kind,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let mut reader = Reader {
            said: self,
            kind,
            diagnostics,
        };
        for fault in faults {
            reader.fault(
                "attributes",
                fault.span,
                fault.message.clone(),
                fault.way_out.to_owned(),
            );
        }
        let mut seen: Vec<&'static str> = Vec::new();
        for attribute in attributes {
            let Some(row) = find(&attribute.name) else {
                reader.unknown(attribute);
                continue;
            };
            let is_second = seen.contains(&row.name);
            // Of the two that runme writes, the name is the one for people.
            let is_runme = reader.kind == Kind::Plain
                && row.name == "id"
                && attributes.iter().any(|other| other.name == "name");
            if is_runme && attribute.name == "id" {
                continue;
            }
            if is_second && row.name != "tag" && row.name != "env" {
                let message = format!("`{}` is given twice", row.name);
                reader.fault(
                    "attributes",
                    attribute.span,
                    message,
                    "keep one of them".to_owned(),
                );
                continue;
            }
            seen.push(row.name);
            reader.attribute(row, attribute, of);
        }
    }
}

struct Reader<'r> {
    said: &'r mut Said,
    kind: Kind,
    diagnostics: &'r mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.said.settings)
    }

    /// In a declared runbook an error; in a plain one the step is in doubt.
    fn fault(&mut self, rule: &'static str, span: Span, message: String, way_out: String) {
        let diagnostic = match self.kind {
            Kind::Declared => Diagnostic::error(rule, span, message),
            Kind::Plain => {
                self.said.doubts.push(Doubt {
                    rule,
                    because: message.clone(),
                    span,
                });
                Diagnostic::warning(rule, span, message)
            }
        };
        self.diagnostics.push(diagnostic.way_out(way_out));
    }

    fn unknown(&mut self, attribute: &Attribute<'_>) {
        let name = &attribute.name;
        let message = format!("unknown attribute `{name}`");
        if let Some(meant) = near_miss(name) {
            let way_out = format!("did you mean `{meant}`?");
            self.fault("unknown-attribute", attribute.span, message, way_out);
        } else if self.kind == Kind::Declared {
            let known: Vec<_> = TABLE
                .iter()
                .filter(|row| row.performed != Performed::NotYet && row.name != "runbook")
                .map(|row| format!("`{}`", row.name))
                .collect();
            let way_out = format!("known are {}", known.join(", "));
            self.fault("unknown-attribute", attribute.span, message, way_out);
        } else {
            let message = format!("attribute `{name}` is not ours, and is not read");
            self.diagnostics.push(Diagnostic::hint(
                "foreign-attribute",
                attribute.span,
                message,
            ));
        }
    }

    fn wants(&mut self, attribute: &Attribute<'_>, what: &str, example: &str) {
        let message = match attribute.value.as_deref() {
            Some(value) => format!("`{}` wants {what}, not `{value}`", attribute.name),
            None => format!("`{}` wants {what}", attribute.name),
        };
        self.fault(
            "attribute-value",
            attribute.span,
            message,
            format!("write `{example}`"),
        );
    }

    fn attribute(&mut self, row: &'static Row, attribute: &Attribute<'_>, of: Of) {
        let span = attribute.span;
        let value = attribute.value.as_deref().map(str::trim);
        if row.takes == Takes::Nothing {
            match value {
                None | Some("true") => {}
                // As runme writes it: the flag is not set.
                Some("false" | "null") => return,
                Some(_) => return self.wants(attribute, "no value", row.name),
            }
        }
        if value == Some("null") {
            return;
        }
        if row.performed == Performed::NotYet {
            self.judged(row, attribute, value);
            self.said.refused.push((row.name, span));
            return;
        }
        if of == Of::Section && !row.for_sections {
            let message = format!("`{}` is said of a step, not of a section", row.name);
            let way_out = "put it on the fence, or into a comment right above the fence".to_owned();
            return self.fault("attributes", span, message, way_out);
        }
        let value = match (row.takes, value) {
            // `needs=""` waits for nothing.
            (Takes::Nothing, _) | (Takes::Ids, Some("")) => "",
            (_, Some(value)) if !value.is_empty() => value,
            _ => return self.wants(attribute, "a value", &format!("{}=…", row.name)),
        };
        if !matches!(row.name, "run" | "runbook" | "tag" | "match" | "of") && of == Of::Fence {
            self.said.of_a_step.get_or_insert((row.name, span));
        }
        match row.name {
            "id" => self.said.id = Some((value.to_owned(), span)),
            "tag" => {
                for tag in value.split([',', ' ']).filter(|tag| !tag.is_empty()) {
                    if !self.said.tags.iter().any(|known| known == tag) {
                        self.said.tags.push(tag.to_owned());
                    }
                }
            }
            "run" => match value {
                "never" => self.said.run = Run::Never,
                "manual" => self.said.run = Run::Manual,
                "auto" => self.said.run = Run::Auto,
                _ => self.one_of(row, attribute, value),
            },
            "effect" => match value {
                "reads" => self.said.effect = Some(Effect::Reads),
                "changes" => self.said.effect = Some(Effect::Changes),
                "destroys" => self.said.effect = Some(Effect::Destroys),
                _ => self.one_of(row, attribute, value),
            },
            "timeout" => match parse_duration(value) {
                Some(timeout) => self.settings().timeout = Some(timeout),
                None => self.wants(attribute, "a duration with its unit", "timeout=5m"),
            },
            "cwd" => self.settings().cwd = Some(value.to_owned()),
            "user" => self.settings().user = Some(value.to_owned()),
            "stdin" if value.starts_with('#') => {
                let message = "`stdin` wants a file; what a step printed is not handed on";
                let way_out = "let that step write a file, and name it".to_owned();
                self.fault("attribute-value", span, message.to_owned(), way_out);
            }
            "stdin" => self.settings().stdin = Some(value.to_owned()),
            "confirm" => self.settings().confirm = Some(value.to_owned()),
            "idempotent" => self.settings().idempotent = true,
            "each" | "template" | "with" | "capture" | "secret" | "file" | "mode" | "owner"
            | "backup" | "parents" | "symlink"
                if self.kind == Kind::Plain =>
            {
                let message = format!("`{}` is read in declared runbooks only", row.name);
                let way_out = "declare it: `runbook: 1` in front matter".to_owned();
                self.fault("attributes", span, message, way_out);
            }
            "each" => {
                let id = value.trim_start_matches('#');
                self.settings().each = Some(id.to_owned());
            }
            "template" => self.settings().template = true,
            "capture" => {
                if let Some(because) = unfit_name(value) {
                    let message = format!("no value can be called `{value}`: {because}");
                    let way_out = "write `capture=version`".to_owned();
                    return self.fault("attribute-value", span, message, way_out);
                }
                self.settings().capture = Some(value.to_owned());
                self.said.capture = Some(span);
            }
            "secret" => {
                self.settings().secret = true;
                self.said.capture.get_or_insert(span);
            }
            "file" | "mode" | "owner" | "backup" | "parents" | "symlink" => {
                self.of_a_file(row, attribute, value);
            }
            "with" => {
                let name = value.to_owned();
                self.settings().with = Some(With { name, span });
            }
            "env" => match variables(value) {
                Some(variables) => {
                    let env = &mut self.settings().env;
                    env.retain(|(name, _)| variables.iter().all(|(other, _)| other != name));
                    env.extend(variables);
                }
                None => self.wants(attribute, "variables", "env=\"A=1 B='two words'\""),
            },
            "exit" => match codes(value) {
                Some(codes) => self.settings().exit = codes,
                None => self.wants(attribute, "exit codes from 0 to 255", "exit=0,3"),
            },
            "needs" => {
                let ids = value.split([',', ' ']).filter(|id| !id.is_empty());
                let ids = ids.map(|id| (id.trim_start_matches('#').to_owned(), span));
                self.said.needs.extend(ids);
                self.settings().needs = Some(Vec::new());
            }
            "undo-of" => self.said.undo_of = Some((value.to_owned(), span)),
            "retries" => match value.parse::<u32>() {
                Ok(retries @ 1..=MOST_RETRIES) => self.settings().retries = retries,
                _ => self.wants(attribute, "a number from 1 to 1000", "retries=3"),
            },
            "every" => match parse_every(value) {
                Some(every) => self.settings().every = Some(every),
                None => self.wants(
                    attribute,
                    "a duration with its unit, or a shorter and a longer one",
                    "every=5s` or `every=2s..1m",
                ),
            },
            "background" => {
                let service = &mut self.settings().background;
                service.get_or_insert_with(Service::default);
            }
            "stop-at" => match value {
                "end" => {}
                "never" => {
                    let service = &mut self.settings().background;
                    service.get_or_insert_with(Service::default).stays = true;
                }
                _ => self.one_of(row, attribute, value),
            },
            "interactive" => self.settings().interactive = true,
            "record" => match value {
                "echo" => self.settings().record_echo = true,
                _ => self.one_of(row, attribute, value),
            },
            "always" => self.settings().always = true,
            "output" => match value {
                "private" => self.settings().output_private = true,
                _ => self.one_of(row, attribute, value),
            },
            "allow-fail" => self.settings().allow_fail = true,
            // `runbook` is the declaration's.
            _ => self.judged(row, attribute, Some(value)),
        }
    }

    /// What becomes of the body that is a file.
    fn of_a_file(&mut self, row: &'static Row, attribute: &Attribute<'_>, value: &str) {
        let file = self
            .settings()
            .file
            .get_or_insert_with(WrittenFile::default);
        match (row.name, value) {
            ("file", path) => match unwritable(path) {
                None => path.clone_into(&mut file.path),
                Some((because, way_out)) => {
                    // What it says beside it is not to be called homeless as well.
                    path.clone_into(&mut file.path);
                    let message = format!("`file={path}`: {because}");
                    self.fault("attribute-value", attribute.span, message, way_out.into());
                }
            },
            ("mode", text) => match mode(text) {
                Some(mode) => file.mode = Some(mode),
                None => self.wants(attribute, "three or four octal digits", "mode=0644"),
            },
            ("owner", text) => match Owner::read(text) {
                Some(owner) => file.owner = Some(owner),
                None => self.wants(attribute, "a user, a group or both", "owner=app:app"),
            },
            ("backup", _) => file.backup = true,
            ("parents", "create") => file.parents = true,
            ("symlink", "follow") => file.links = Links::Followed,
            _ => self.one_of(row, attribute, value),
        }
    }

    /// What is judged, and by what.
    fn judged(&mut self, row: &'static Row, attribute: &Attribute<'_>, value: Option<&str>) {
        let span = attribute.span;
        let is_ours = matches!(row.takes, Takes::Condition) || matches!(row.name, "match" | "of");
        let value = match value {
            Some(value) if !value.is_empty() => value,
            _ if is_ours => return self.wants(attribute, "a value", &format!("{}=…", row.name)),
            _ => return,
        };
        match row.name {
            "match" => {
                let matching = match value {
                    "exact" => Matching::Exact,
                    "contains" => Matching::Contains,
                    "lines" => Matching::Lines,
                    "regex" => Matching::Regex,
                    "json" => Matching::Json,
                    _ => return self.one_of(row, attribute, value),
                };
                self.said.matching = Some((matching, span));
            }
            "of" => {
                let id = value.trim_start_matches('#');
                self.said.judges = Some((id.to_owned(), span));
            }
            name if row.takes == Takes::Condition => self.said.conditions.push(Stated {
                name,
                value: value.to_owned(),
                span,
            }),
            _ => {}
        }
    }

    fn one_of(&mut self, row: &Row, attribute: &Attribute<'_>, value: &str) {
        let Takes::OneOf(words) = row.takes else {
            return;
        };
        let message = format!("`{}` is none of {}", value, words.join(", "));
        let meant = nearest(value, words.iter().copied()).unwrap_or(words[0]);
        let way_out = format!("write `{}={meant}`", row.name);
        self.fault("attribute-value", attribute.span, message, way_out);
    }
}

pub(super) use crate::model::is_variable;

/// Returns why no file can be at `path`, and the way out.
fn unwritable(path: &str) -> Option<(&'static str, &'static str)> {
    let last = path.rsplit('/').next().unwrap_or_default();
    if path.starts_with('~') {
        let way_out = "write the whole path, or one from the folder of the step";
        return Some(("`~` is not expanded", way_out));
    }
    if path.contains('$') {
        let way_out = "write `{{ NAME }}`, and `template` beside it";
        return Some(("variables are not expanded", way_out));
    }
    if matches!(last, "" | "." | "..") {
        return Some(("it names a folder", "end it with the name of a file"));
    }
    (path.contains(char::is_control)).then_some((
        "it holds a control character",
        "write the path in plain characters",
    ))
}

/// Reads `644`, `0644`, `4755`.
fn mode(text: &str) -> Option<u32> {
    let is_octal = text.bytes().all(|it| (b'0'..=b'7').contains(&it));
    let fits = is_octal && (3..=4).contains(&text.len());
    fits.then(|| u32::from_str_radix(text, 8).ok()).flatten()
}

fn codes(text: &str) -> Option<Vec<i32>> {
    text.split(',')
        .map(|code| code.trim().parse::<u8>().ok().map(i32::from))
        .collect()
}

/// Reads `A=1 B="two words" C='x'`; nothing in it is expanded.
fn variables(text: &str) -> Option<Vec<(String, String)>> {
    let mut variables = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        if !is_variable(name) || name.to_ascii_uppercase().starts_with("RUNBOOK_") {
            return None;
        }
        let mut value: Cow<'_, str> = Cow::Borrowed("");
        rest = after;
        while let Some(c) = rest.chars().next().filter(|c| !c.is_whitespace()) {
            let part;
            if c == '"' || c == '\'' {
                (part, rest) = rest[1..].split_once(c)?;
            } else {
                let end = rest.find(|c: char| c.is_whitespace() || c == '"' || c == '\'');
                (part, rest) = rest.split_at(end.unwrap_or(rest.len()));
            }
            value += part;
        }
        variables.push((name.to_owned(), value.into_owned()));
        rest = rest.trim_start();
    }
    (!variables.is_empty()).then_some(variables)
}

#[cfg(test)]
mod tests {
    use super::variables;

    #[test]
    fn variables_are_read_with_their_quotes() {
        let check = |text| {
            variables(text).map(|all| {
                all.into_iter()
                    .map(|(name, value)| format!("{name}:{value}"))
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(
            check("A=1 B='two words' C=x\"y z\"").as_deref(),
            Some(&["A:1", "B:two words", "C:xy z"].map(str::to_owned)[..])
        );
        for wrong in ["", "A", "1=2", "A='x", "A=1 b", "RUNBOOK_X=1"] {
            assert_eq!(check(wrong), None, "{wrong}");
        }
    }
}
