//! The user's configuration: `$XDG_CONFIG_HOME/runbook/config.toml`, else `~/.config/…`.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;

use crate::classify::knowledge::Knowledge;
use crate::classify::readings;
use crate::markdown::Document;
use crate::markdown::attributes::nearest;
use crate::model::{Diagnostic, Runbook, Step, With};

use super::exit::ExitCode;
use super::failure::Failure;

/// What the user said once for all documents.
#[derive(Clone, Debug)]
pub struct Config {
    /// What programs do, the rows of `[commands]` included.
    pub knowledge: Knowledge,
    /// What `with=` may name: the rows of `[interpreters]`, the words of each.
    pub interpreters: BTreeMap<String, Vec<String>>,
    threads: usize,
}

impl Config {
    /// Reads the configuration; none is fine.
    ///
    /// # Errors
    /// A file that cannot be read or understood.
    pub fn load() -> Result<Self, Failure> {
        let mut config = Self {
            knowledge: Knowledge::built_in(),
            interpreters: BTreeMap::new(),
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
        };
        let Some(path) = path() else {
            return Ok(config);
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(config),
            Err(error) => {
                let message = format!("cannot read `{}`", path.display());
                return Err(Failure::new(ExitCode::ENVIRONMENT, message).cause(error));
            }
        };
        let rows = rows(&text).map_err(|message| {
            Failure::usage(format!("`{}`: {message}", path.display()))
                .hint("docs/commands.md tells how a row is written")
        })?;
        config.knowledge = config.knowledge.with(&rows.commands).map_err(|message| {
            Failure::usage(format!("`{}`, [commands]: {message}", path.display()))
                .hint("docs/commands.md tells how a row is written")
        })?;
        config.interpreters = rows.interpreters;
        Ok(config)
    }

    /// Resolves `document`.
    pub fn resolve(&self, document: &Document<'_>, name: &str) -> (Runbook, Vec<Diagnostic>) {
        let readings = readings::readings(document, &self.knowledge, self.threads);
        let (runbook, mut diagnostics) = crate::resolve::resolve(document, name, readings);
        for step in &runbook.steps {
            let with = step.settings.with.as_ref();
            let fault = with.and_then(|with| self.unfit(step, with));
            diagnostics.extend(fault.filter(|it| !diagnostics.contains(it)));
        }
        diagnostics.sort_by_key(|it| it.span.start);
        (runbook, diagnostics)
    }

    // A document brings no interpreter: what it names must be here.
    fn unfit(&self, step: &Step, with: &With) -> Option<Diagnostic> {
        let name = &with.name;
        if let Some(words) = self.interpreters.get(name) {
            let is_on_stdin = !words.iter().any(|it| it.contains("{}"));
            let has_other = step.settings.stdin.is_some() || step.settings.interactive;
            return (is_on_stdin && has_other).then(|| {
                let message =
                    format!("interpreter `{name}` reads its text from standard input itself");
                Diagnostic::error("interpreter", with.span, message)
                    .way_out("take `stdin` or `interactive` out, or let its row say where the file stands: `{}`")
            });
        }
        let message = format!("no interpreter is called `{name}` in your configuration");
        let names = self.interpreters.keys().map(String::as_str);
        let way_out = match nearest(name, names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!(
                "add a row to `[interpreters]` of `{}`: {name} = \"program {{}}\"",
                path().map_or_else(
                    || "runbook/config.toml".to_owned(),
                    |it| it.display().to_string()
                )
            ),
        };
        Some(Diagnostic::error("interpreter", with.span, message).way_out(way_out))
    }
}

fn path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|it| !it.is_empty());
    let folder = match set("XDG_CONFIG_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(set("HOME")?).join(".config"),
    };
    folder
        .is_absolute()
        .then(|| folder.join("runbook").join("config.toml"))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Rows {
    commands: Vec<(String, String)>,
    interpreters: BTreeMap<String, Vec<String>>,
}

/// Returns the rows of the tables; says what else the text holds that is not ours.
fn rows(text: &str) -> Result<Rows, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut rows = Rows::default();
    for (name, value) in &table {
        if !matches!(name.as_str(), "commands" | "interpreters") {
            return Err(format!(
                "`{name}` is not known; there are `[commands]` and `[interpreters]`"
            ));
        }
        let value = value
            .as_table()
            .ok_or_else(|| format!("`{name}` is to be a table: `[{name}]`"))?;
        for (key, value) in value {
            if name == "commands" {
                let facts = value
                    .as_str()
                    .ok_or_else(|| format!("`{key}` is to have a text: \"reads\""))?;
                rows.commands.push((key.clone(), facts.to_owned()));
            } else {
                let words = words(value).ok_or_else(|| {
                    format!(
                        "interpreter `{key}` is to have a program, with its arguments: \"ruby {{}}\" \
                         or [\"ruby\", \"{{}}\"]"
                    )
                })?;
                if words[0].contains('/') && !words[0].starts_with('/') {
                    return Err(format!(
                        "interpreter `{key}`: `{}` is to be a name, or a path from `/`",
                        words[0]
                    ));
                }
                rows.interpreters.insert(key.clone(), words);
            }
        }
    }
    Ok(rows)
}

// A text is split at blanks, and nothing in it is quoted; a list is taken as it is.
fn words(value: &toml::Value) -> Option<Vec<String>> {
    let words: Vec<String> = match value {
        toml::Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        toml::Value::Array(words) => words
            .iter()
            .map(|word| Some(word.as_str()?.to_owned()))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    let is_whole = words.first().is_some_and(|it| !it.is_empty() && it != "{}");
    (is_whole && !words.iter().any(|it| it.contains('\0'))).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn rows_are_read_and_what_is_not_ours_is_refused() {
        let text = "[commands]\n\"deployctl status\" = \"reads\"\n[interpreters]\nruby = \"ruby -w {}\"\nbi = [\"/opt/my tool\", \"{}\"]\n";
        let read = rows(text).unwrap();
        assert_eq!(
            read.commands,
            [("deployctl status".to_owned(), "reads".to_owned())]
        );
        assert_eq!(read.interpreters["ruby"], ["ruby", "-w", "{}"]);
        assert_eq!(read.interpreters["bi"], ["/opt/my tool", "{}"]);
        assert_eq!(rows("").unwrap(), super::Rows::default());
        for (text, message) in [
            (
                "[command]\n",
                "`command` is not known; there are `[commands]` and `[interpreters]`",
            ),
            ("commands = 1", "`commands` is to be a table: `[commands]`"),
            ("[commands]\na = 1", "`a` is to have a text: \"reads\""),
            (
                "[interpreters]\na = \"\"",
                "interpreter `a` is to have a program, with its arguments: \"ruby {}\" or [\"ruby\", \"{}\"]",
            ),
            (
                "[interpreters]\na = \"./a.sh\"",
                "interpreter `a`: `./a.sh` is to be a name, or a path from `/`",
            ),
        ] {
            assert_eq!(rows(text).unwrap_err(), message);
        }
        assert!(rows("[commands").is_err());
    }
}
