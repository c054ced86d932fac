//! The values that a declared copy asks for: their names as variables, and the settings that the
//! manual shows as a form.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::model::{Field, Placeholder, Runbook, Stands, Task};
use crate::resolve::attributes::is_variable;

/// Names that a shell, or what it starts, takes for its own.
const TAKEN: &[&str] = &[
    "argv",
    "cdpath",
    "fignore",
    "fpath",
    "histchars",
    "mailpath",
    "manpath",
    "module_path",
    "options",
    "path",
    "prompt",
    "psvar",
    "pipestatus",
    "signals",
    "status",
    "watch",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "OLDPWD",
    "IFS",
    "TERM",
    "LANG",
    "TMPDIR",
    "EDITOR",
    "UID",
    "EUID",
    "HOSTNAME",
    "OPTARG",
    "OPTIND",
    "PS1",
    "RANDOM",
    "SECONDS",
];
const LONGEST: usize = 40;

/// One value that steps of the copy read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The variable.
    pub(super) name: String,
    /// What the placeholder is called in the manual.
    of: String,
    is_variable: bool,
    /// As it stands there, first.
    pub(super) text: String,
    /// Where, first.
    pub(super) line: u32,
    /// It comes from the environment.
    pub(super) secret: bool,
}

/// The values that the copy reads, each once, in the order in which they are met.
pub(super) struct Inputs {
    pub(super) taken: Vec<Taken>,
    /// Every word of the commands: a value must not be called as what they set themselves.
    words: BTreeSet<String>,
}

impl Inputs {
    /// Returns none, whose names will not meet what the commands of `runbook` call their own.
    pub(super) fn beside(runbook: &Runbook) -> Self {
        let mut words = BTreeSet::new();
        for step in &runbook.steps {
            if let Task::Command { body, .. } = &step.task {
                words.extend(variables_in(body).map(str::to_owned));
            }
        }
        Self {
            taken: Vec::new(),
            words,
        }
    }

    /// Returns the variable that `placeholder`, of the piece on `line`, is in the copy.
    pub(super) fn take(&mut self, placeholder: &Placeholder, line: u32) -> String {
        let is_variable = placeholder.stands == Stands::Variable;
        let known = self
            .taken
            .iter_mut()
            .find(|it| it.of == placeholder.name && it.is_variable == is_variable);
        if let Some(known) = known {
            known.secret |= placeholder.secret;
            return known.name.clone();
        }
        let name = if is_variable {
            placeholder.name.clone()
        } else {
            self.free(&identifier(&placeholder.name, placeholder.secret))
        };
        self.taken.push(Taken {
            name: name.clone(),
            of: placeholder.name.clone(),
            is_variable,
            text: placeholder.text.clone(),
            line,
            secret: placeholder.secret,
        });
        name
    }

    fn free(&self, name: &str) -> String {
        let is_free = |name: &str| {
            !TAKEN.contains(&name)
                && !self.words.contains(name)
                && !self.taken.iter().any(|it| it.name == name)
        };
        if is_free(name) {
            return name.to_owned();
        }
        let ending = if name.chars().any(char::is_lowercase) {
            "value"
        } else {
            "VALUE"
        };
        let longer = format!("{name}_{ending}");
        let mut numbered = (2..).map(|number| format!("{longer}_{number}"));
        if is_free(&longer) {
            return longer;
        }
        numbered
            .find(|name| is_free(name))
            .expect("numbers do not end")
    }

    /// Returns the names of the inputs.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let inputs = self.taken.iter().filter(|it| !it.secret);
        inputs.map(|it| it.name.as_str())
    }

    /// Returns the names of the secrets.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let secrets = self.taken.iter().filter(|it| it.secret);
        secrets.map(|it| it.name.as_str())
    }
}

/// Returns the names that a command reads or sets; now and then one word more.
fn variables_in(body: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let sets = |word: &str| {
        matches!(
            word,
            "for" | "read" | "export" | "local" | "declare" | "unset"
        )
    };
    let mut at = 0;
    let mut before = "";
    let words = std::iter::from_fn(move || {
        let start = at + body[at..].find(is_part)?;
        let rest = &body[start..];
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        at = start + length;
        let word = &rest[..length];
        let is_read = body[..start].ends_with(['$', '{']);
        let is_set = rest[length..].starts_with(['=', '+', '[']) || sets(before);
        before = word;
        Some((is_read || is_set).then_some(word))
    });
    words.flatten().filter(|word| is_variable(word))
}

/// Returns the name of a variable: lower case, as inputs are called; a secret, which stands in the
/// environment, in capitals.
fn identifier(name: &str, secret: bool) -> String {
    let mut text = String::new();
    for c in name.nfkd().filter(|c| !is_combining_mark(*c)) {
        if c.is_ascii_alphanumeric() {
            text.push(c.to_ascii_lowercase());
        } else if !text.is_empty() && !text.ends_with('_') {
            text.push('_');
        }
    }
    text.truncate(LONGEST);
    let length = text.trim_end_matches('_').len();
    text.truncate(length);
    if text.is_empty() {
        "value".clone_into(&mut text);
    } else if text.starts_with(|c: char| c.is_ascii_digit()) || text.starts_with("runbook_") {
        text.insert_str(0, "value_");
    }
    if secret {
        text.make_ascii_uppercase();
    }
    text
}

/// The settings that the manual shows as forms, each name once.
pub(super) struct Forms {
    pub(super) entries: Vec<Field>,
}

impl Forms {
    pub(super) fn of(runbook: &Runbook) -> Self {
        let mut entries: Vec<Field> = Vec::new();
        for field in runbook.forms.iter().flat_map(|it| &it.fields) {
            if !entries.iter().any(|it| it.name == field.name) {
                entries.push(field.clone());
            }
        }
        Self { entries }
    }

    /// Says what the manual shows of it.
    pub(super) fn described(field: &Field) -> String {
        match &field.example {
            Some(example) => format!("line {} shows {example}", field.line),
            None if field.secret => format!("a secret, line {}", field.line),
            None => format!("line {}", field.line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{identifier, variables_in};

    #[test]
    fn what_a_command_calls_its_own_is_found() {
        let body = "for port in 1 2; do echo ${host}$x --user name; done\nDAY=1; read answer";
        let found: Vec<_> = variables_in(body).collect();
        assert_eq!(found, ["port", "host", "x", "DAY", "answer"]);
    }

    #[test]
    fn names_become_variables() {
        for (name, variable) in [
            ("PORT", "port"),
            ("tu-dominio.com", "tu_dominio_com"),
            ("Año / día", "ano_dia"),
            ("/path/to/file", "path_to_file"),
            ("8080", "value_8080"),
            ("データ", "value"),
            ("runbook id", "value_runbook_id"),
        ] {
            assert_eq!(identifier(name, false), variable, "{name}");
        }
        assert_eq!(identifier("tu contraseña", true), "TU_CONTRASENA");
    }
}
