//! What this machine has of what the selected steps need.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::classify::powershell::is_powershells_own;
use crate::host::command;
use crate::host::machine::{self, Account};
use crate::model::Language;

use super::local::{Starter, is_named, needed, starter};

/// The language that another may stand in for, and that one.
pub const POWERSHELL: Language = Language("powershell");
/// What stands in for PowerShell.
pub const BASH: Language = Language("bash");

/// A program that runs a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// How it is started.
    pub starter: Starter,
    /// Where it is.
    pub path: PathBuf,
    /// Whether `set -o pipefail` is known to it; looked at for a plain `sh` only.
    pub knows_pipefail: bool,
}

impl Interpreter {
    /// Returns whether it is bash.
    pub fn is_bash(&self) -> bool {
        is_named(&self.path, "bash")
    }

    /// Returns the program's name and what it says of its version.
    pub fn version(&self) -> (String, String) {
        let name = self
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let version = command::version(&self.path).unwrap_or_else(|| "unknown version".to_owned());
        (name, version)
    }
}

/// An interpreter of the user's own: what `with=` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Where the program is.
    pub path: PathBuf,
    /// Its arguments; `{}` in them is the file that it runs, else that is its standard input.
    pub args: Vec<String>,
}

/// What there is of what the selected steps need: interpreters by language, users by name.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    users: BTreeMap<String, Option<Account>>,
    own: BTreeMap<String, Result<Own, String>>,
    found: BTreeMap<Language, Interpreter>,
    missing: BTreeMap<Language, &'static [&'static str]>,
}

impl Survey {
    /// Looks for the interpreters of `languages` in `path` (the value of `PATH`).
    pub fn of(languages: impl IntoIterator<Item = Language>, path: &OsString) -> Self {
        Self::looked_for(languages, path, command::knows_pipefail)
    }

    /// Looks for them as [`Survey::of`] does, but starts none of them: good to tell what is missing, not
    /// to run anything.
    pub fn glance(languages: impl IntoIterator<Item = Language>, path: &OsString) -> Self {
        Self::looked_for(languages, path, |_| false)
    }

    fn looked_for(
        languages: impl IntoIterator<Item = Language>,
        path: &OsString,
        knows_pipefail: impl Fn(&Path) -> bool,
    ) -> Self {
        let mut survey = Self::default();
        for language in languages {
            let Some(starter) = starter(language) else {
                continue;
            };
            if survey.found.contains_key(&language) || survey.missing.contains_key(&language) {
                continue;
            }
            let program = needed(starter)
                .iter()
                .find_map(|name| command::find(name, path));
            match program {
                Some(path) => {
                    let knows_pipefail = is_named(&path, "sh") && knows_pipefail(&path);
                    let interpreter = Interpreter {
                        starter,
                        path,
                        knows_pipefail,
                    };
                    survey.found.insert(language, interpreter);
                }
                None => drop(survey.missing.insert(language, needed(starter))),
            }
        }
        survey
    }

    /// Looks for these users too.
    #[must_use]
    pub fn with_users<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        for name in names {
            let users = &mut self.users;
            users
                .entry(name.to_owned())
                .or_insert_with(|| machine::find_account(name));
        }
        self
    }

    /// Looks for these interpreters of the user's own too: their names, and the words of each.
    #[must_use]
    pub fn with_own<'a>(
        mut self,
        rows: impl IntoIterator<Item = (&'a str, &'a [String])>,
        path: &OsString,
    ) -> Self {
        for (name, words) in rows {
            let Some((program, args)) = words.split_first() else {
                continue;
            };
            let found = match command::find(program, path) {
                Some(path) => Ok(Own {
                    path,
                    args: args.to_vec(),
                }),
                None => Err(program.clone()),
            };
            self.own.insert(name.to_owned(), found);
        }
        self
    }

    /// Returns the interpreter of the user's own that is called so; or the program that is missing.
    pub fn own(&self, name: &str) -> Option<&Result<Own, String>> {
        self.own.get(name)
    }

    /// Returns the user that a step calls so.
    pub fn user(&self, name: &str) -> Option<&Account> {
        self.users.get(name).and_then(Option::as_ref)
    }

    /// Returns what runs `language`.
    pub fn interpreter(&self, language: Language) -> Option<&Interpreter> {
        self.found.get(&language)
    }

    /// Returns what runs `body`, which is in `language`: where PowerShell is missing, bash runs what holds
    /// nothing of PowerShell's own. A person must have agreed to that.
    pub fn runs(&self, language: Language, body: &str) -> Option<&Interpreter> {
        let stands_in = |it: Language| it == POWERSHELL && !is_powershells_own(body);
        self.interpreter(language)
            .or_else(|| self.interpreter(BASH).filter(|_| stands_in(language)))
    }

    /// Returns all that was found, once each.
    pub fn interpreters(&self) -> Vec<&Interpreter> {
        let mut all: Vec<&Interpreter> = self.found.values().collect();
        all.dedup_by(|a, b| a.path == b.path);
        all
    }

    /// Returns the languages that nothing here can run, with the programs that could.
    pub fn missing(&self) -> impl Iterator<Item = (Language, &'static [&'static str])> {
        self.missing
            .iter()
            .map(|(language, programs)| (*language, *programs))
    }
}
