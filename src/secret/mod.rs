//! Where secrets come from: a variable, a file, a line of a dotenv file. Errors name the source, and
//! never what was read.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::model::SecretSource;

/// A secret as its source gave it.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its value.
    pub value: String,
    /// What a person should know of the source: that others may read it.
    pub warning: Option<String>,
}

/// Why a source gives no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not there, or no text.
    #[error("the variable `{0}` is not set")]
    Unset(String),
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("`{path}` is no dotenv file: line {line}")]
    NotDotenv {
        /// Which file.
        path: PathBuf,
        /// The line that cannot be read, from 1.
        line: usize,
    },
    /// The dotenv file has no such name.
    #[error("`{path}` has no `{key}`")]
    NoKey {
        /// Which file.
        path: PathBuf,
        /// The name that is missing.
        key: String,
    },
    /// It is empty, or holds a NUL.
    #[error("what it gives is {0}")]
    Useless(&'static str),
    /// Only a person, or a step, can give it.
    #[error("nothing here can ask for it")]
    NotHere,
}

/// Returns the secret `name` from `source`; relative paths are meant from `base`, and `variable` looks
/// into the environment.
///
/// # Errors
/// Where the source gives none. A prompt is asked by whoever can ask, never here.
pub fn fetch(
    source: &SecretSource,
    name: &str,
    base: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Fetched, SecretError> {
    let mut warning = None;
    let value = match source {
        SecretSource::Env(variable_name) => {
            variable(variable_name).ok_or_else(|| SecretError::Unset(variable_name.clone()))?
        }
        SecretSource::File(path) => {
            let (mut text, open) = read(&place(path, base, &variable))?;
            warning = open;
            if text.ends_with('\n') {
                text.pop();
                if text.ends_with('\r') {
                    text.pop();
                }
            }
            text
        }
        SecretSource::Dotenv { path, key } => {
            let path = place(path, base, &variable);
            let (text, open) = read(&path)?;
            warning = open;
            dotenv(&text, key.as_deref().unwrap_or(name), path)?
        }
        SecretSource::Prompt | SecretSource::Step(_) => return Err(SecretError::NotHere),
    };
    if value.is_empty() {
        return Err(SecretError::Useless("empty"));
    }
    if value.contains('\0') {
        return Err(SecretError::Useless("no text: it holds a NUL"));
    }
    Ok(Fetched { value, warning })
}

fn place(path: &str, base: &Path, variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    match (path.strip_prefix("~/"), variable("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => base.join(path),
    }
}

fn read(path: &Path) -> Result<(String, Option<String>), SecretError> {
    let unreadable = |source| SecretError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mode = std::fs::metadata(path)
        .map_err(unreadable)?
        .permissions()
        .mode();
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let warning = (mode & 0o004 != 0)
        .then(|| format!("everybody on this machine may read `{}`", path.display()));
    Ok((text, warning))
}

/// Returns the names and values of a dotenv file; of a name that stands twice the last.
///
/// # Errors
/// The line that cannot be read, from 1: what a dotenv reader says of it repeats it.
pub fn read_dotenv(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let entries = dotenvy::from_read_iter(text.as_bytes()).enumerate();
    entries
        .map(|(index, entry)| entry.map_err(|_| line_of_entry(text, index)))
        .collect()
}

fn dotenv(text: &str, key: &str, path: PathBuf) -> Result<String, SecretError> {
    match read_dotenv(text) {
        Err(line) => Err(SecretError::NotDotenv { path, line }),
        Ok(mut values) => values.remove(key).ok_or_else(|| SecretError::NoKey {
            path,
            key: key.to_owned(),
        }),
    }
}

fn line_of_entry(text: &str, entry: usize) -> usize {
    let is_entry = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let mut entries = text.lines().enumerate().filter(|(_, line)| is_entry(line));
    entries.nth(entry).map_or(1, |(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(source: &SecretSource) -> String {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str, mode| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        };
        write("key", "line one\nline two\r\n", 0o600);
        write("open", "hunter2hunter2\n\n", 0o644);
        write("empty", "\n", 0o600);
        write(".env", "# all\n\nDB=\"hunter2 hunter2\"\nOTHER=x\n", 0o600);
        write("bad.env", "A=1\nB='canary-canary\n", 0o600);
        let variable = |name: &str| match name {
            "THERE" => Some("from the environment".to_owned()),
            "HOME" => Some(folder.path().display().to_string()),
            _ => None,
        };
        let told = match fetch(source, "DB", folder.path(), variable) {
            Ok(it) => match it.warning {
                Some(warning) => format!("{:?}, {warning}", it.value),
                None => format!("{:?}", it.value),
            },
            Err(error) => match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
        };
        told.replace(&folder.path().display().to_string(), "FOLDER")
    }

    #[test]
    fn a_source_gives_its_value_and_errors_name_the_source_alone() {
        let env = |name: &str| SecretSource::Env(name.to_owned());
        let file = |path: &str| SecretSource::File(path.to_owned());
        let dotenv = |path: &str, key: Option<&str>| SecretSource::Dotenv {
            path: path.to_owned(),
            key: key.map(str::to_owned),
        };
        for (source, wanted) in [
            (env("THERE"), "\"from the environment\""),
            (env("GONE"), "the variable `GONE` is not set"),
            (file("key"), "\"line one\\nline two\""),
            (file("~/key"), "\"line one\\nline two\""),
            (
                file("open"),
                "\"hunter2hunter2\\n\", everybody on this machine may read `FOLDER/open`",
            ),
            (file("empty"), "what it gives is empty"),
            (
                file("gone"),
                "cannot read `FOLDER/gone`: No such file or directory (os error 2)",
            ),
            (dotenv(".env", None), "\"hunter2 hunter2\""),
            (dotenv(".env", Some("OTHER")), "\"x\""),
            (dotenv(".env", Some("NO")), "`FOLDER/.env` has no `NO`"),
            (
                dotenv("bad.env", Some("A")),
                "`FOLDER/bad.env` is no dotenv file: line 2",
            ),
            (SecretSource::Prompt, "nothing here can ask for it"),
        ] {
            assert_eq!(fetched(&source), wanted);
        }
    }
}
