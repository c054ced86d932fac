//! The user's configuration: `$XDG_CONFIG_HOME/runbook/config.toml`, else `~/.config/…`.

use std::num::NonZero;
use std::path::PathBuf;

use crate::classify::knowledge::Knowledge;
use crate::classify::reading;
use crate::markdown::Document;
use crate::model::{Diagnostic, Runbook};

use super::exit::ExitCode;
use super::failure::Failure;

/// What the user said once for all documents.
#[derive(Clone, Debug)]
pub struct Config {
    /// What programs do, the rows of `[commands]` included.
    pub knowledge: Knowledge,
    threads: usize,
}

impl Config {
    /// Reads the configuration; none is fine.
    ///
    /// # Errors
    /// A file that cannot be read or understood.
    pub fn load() -> Result<Self, Failure> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let knowledge = Knowledge::built_in();
        let Some(path) = path() else {
            return Ok(Self { knowledge, threads });
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { knowledge, threads });
            }
            Err(error) => {
                let message = format!("cannot read `{}`", path.display());
                return Err(Failure::new(ExitCode::ENVIRONMENT, message).cause(error));
            }
        };
        let rows = commands(&text).map_err(|message| {
            Failure::usage(format!("`{}`: {message}", path.display()))
                .hint("docs/commands.md tells how a row is written")
        })?;
        let knowledge = knowledge.with(&rows).map_err(|message| {
            Failure::usage(format!("`{}`, [commands]: {message}", path.display()))
                .hint("docs/commands.md tells how a row is written")
        })?;
        Ok(Self { knowledge, threads })
    }

    /// Resolves `document`.
    pub fn resolve(&self, document: &Document<'_>, name: &str) -> (Runbook, Vec<Diagnostic>) {
        let readings = reading::readings(document, &self.knowledge, self.threads);
        crate::resolve::resolve(document, name, readings)
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

/// Returns the rows of `[commands]`; says what else the text holds that is not ours.
fn commands(text: &str) -> Result<Vec<(String, String)>, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    if let Some(key) = table.keys().find(|key| *key != "commands") {
        return Err(format!("`{key}` is not known; there is `[commands]`"));
    }
    let Some(commands) = table.get("commands") else {
        return Ok(Vec::new());
    };
    let commands = commands
        .as_table()
        .ok_or("`commands` is to be a table: `[commands]`")?;
    commands
        .iter()
        .map(|(command, facts)| {
            let facts = facts
                .as_str()
                .ok_or_else(|| format!("`{command}` is to have a text: \"reads\""))?;
            Ok((command.clone(), facts.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn rows_are_read_and_what_is_not_ours_is_refused() {
        let rows = commands("[commands]\n\"deployctl status\" = \"reads\"\n").unwrap();
        assert_eq!(rows, [("deployctl status".to_owned(), "reads".to_owned())]);
        assert_eq!(commands("").unwrap(), []);
        for (text, message) in [
            (
                "[command]\n",
                "`command` is not known; there is `[commands]`",
            ),
            ("commands = 1", "`commands` is to be a table: `[commands]`"),
            ("[commands]\na = 1", "`a` is to have a text: \"reads\""),
        ] {
            assert_eq!(commands(text).unwrap_err(), message);
        }
        assert!(commands("[commands").is_err());
    }
}
