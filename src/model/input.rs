//! A named value that a runbook needs before it can run.

use std::fmt;

use serde::Serialize;

use super::Span;

/// What kind of value an input takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputType {
    /// Any text.
    #[default]
    String,
    /// A decimal number, kept as it is written.
    Number,
    /// `true` or `false`.
    Bool,
    /// One of its choices.
    Choice,
    /// The path of a file or folder; absolute, once it is given.
    Path,
    /// A text that is never shown.
    Secret,
    /// Several texts, a line for each.
    List,
}

impl InputType {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::String,
        Self::Number,
        Self::Bool,
        Self::Choice,
        Self::Path,
        Self::Secret,
        Self::List,
    ];

    /// Returns its name, as `type:` says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Choice => "choice",
            Self::Path => "path",
            Self::Secret => "secret",
            Self::List => "list",
        }
    }
}

/// A value that the operator, a file, the environment or a default gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    /// Its name; also the name of the environment variable that the steps see.
    pub name: String,
    /// What kind of value it takes.
    pub kind: InputType,
    /// What a person is told when asked for it.
    pub description: Option<String>,
    /// What it is when nobody says: a text, or a template of earlier inputs.
    pub default: Option<String>,
    /// The only values it may have; any, when empty. Of a list: that its items may have.
    pub choices: Vec<String>,
    /// A regular expression that the whole of it must match; of a list each item.
    pub pattern: Option<String>,
    /// The least, a decimal number: of a number itself, of a text its characters, of a list its items.
    pub min: Option<String>,
    /// The most, as for `min`.
    pub max: Option<String>,
    /// Whether a run without a value is refused. `true` unless the document says `required: false`.
    pub required: bool,
    /// Where a secret comes from; the environment or a prompt, where the document does not say.
    pub from: Option<SecretSource>,
    /// Whether a secret may have fewer than eight characters.
    pub short: bool,
    /// Where the document declares it.
    pub span: Span,
}

impl Input {
    /// Whether its value is nobody's to see: kept in no record, masked in what steps print.
    pub fn is_secret(&self) -> bool {
        self.kind == InputType::Secret
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// `env:NAME`: a variable.
    Env(String),
    /// `file:PATH`: all of a file.
    File(String),
    /// `dotenv:PATH#KEY`: a line of a dotenv file.
    Dotenv {
        /// The file.
        path: String,
        /// The name in it; that of the input where the document names none.
        key: Option<String>,
    },
    /// `prompt`: a person types it, unseen.
    Prompt,
    /// `#step`: what this step prints.
    Step(String),
}

impl SecretSource {
    /// Returns the source that `text` names; `None` where it names none.
    pub fn parse(text: &str) -> Option<Self> {
        let filled = |it: &str| (!it.is_empty()).then(|| it.to_owned());
        if text == "prompt" {
            return Some(Self::Prompt);
        }
        if let Some(step) = text.strip_prefix('#') {
            return filled(step).map(Self::Step);
        }
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "env" => filled(rest).map(Self::Env),
            "file" => filled(rest).map(Self::File),
            "dotenv" => {
                let (path, key) = match rest.rsplit_once('#') {
                    Some((path, key)) => (path, Some(filled(key)?)),
                    None => (rest, None),
                };
                let path = filled(path)?;
                Some(Self::Dotenv { path, key })
            }
            _ => None,
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Dotenv { path, key: None } => write!(f, "dotenv:{path}"),
            Self::Dotenv {
                path,
                key: Some(key),
            } => write!(f, "dotenv:{path}#{key}"),
            Self::Prompt => f.write_str("prompt"),
            Self::Step(step) => write!(f, "#{step}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SecretSource;

    #[test]
    fn a_source_is_read_as_it_is_written() {
        for text in [
            "env:DB_PASSWORD",
            "file:/run/secrets/db",
            "dotenv:.env",
            "dotenv:a#b/.env#DB",
            "prompt",
            "#login",
        ] {
            let source = SecretSource::parse(text);
            assert_eq!(source.map(|it| it.to_string()).as_deref(), Some(text));
        }
        for text in [
            "",
            "env:",
            "file:",
            "dotenv:#K",
            "dotenv:x#",
            "vault:x",
            "#",
            "DB",
        ] {
            assert_eq!(SecretSource::parse(text), None, "{text}");
        }
    }
}
