//! The file that the body of a step becomes, and what that changes.

use serde::{Deserialize, Serialize};

/// What `file=` and the attributes beside it say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// As the document writes it: relative to the folder of the step, or absolute.
    pub path: String,
    /// Its permissions; those that it has, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Whose it is; as before, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// What it held is kept beside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub backup: bool,
    /// Folders that are missing are made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parents: bool,
    /// What a symbolic link in its place means.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub links: Links,
}

/// Whose a file is: names, or numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The user; as before, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group; as before, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Owner {
    /// Reads `user`, `user:group` or `:group`; `None` where it is neither.
    pub fn read(text: &str) -> Option<Self> {
        let name = |it: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '$');
            let fine = !it.is_empty() && !it.starts_with('-') && it.chars().all(allowed);
            fine.then(|| it.to_owned())
        };
        match text.split_once(':') {
            None => Some(Self {
                user: Some(name(text)?),
                group: None,
            }),
            Some(("", group)) => Some(Self {
                user: None,
                group: Some(name(group)?),
            }),
            Some((user, group)) => Some(Self {
                user: Some(name(user)?),
                group: Some(name(group)?),
            }),
        }
    }
}

/// What a symbolic link in the place of a file means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Links {
    /// The step fails: nobody knows where it leads.
    #[default]
    Refused,
    /// The file that it leads to is written.
    Followed,
}

fn is_usual<T: Default + PartialEq>(it: &T) -> bool {
    *it == T::default()
}

/// What becomes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Its path, absolute where that is known.
    pub path: String,
    /// What is done.
    pub change: Change,
    /// Unified diff of its text; empty where the text is the same, or none.
    pub diff: String,
    /// What else changes: mode, owner, folders that are made, what is kept; a line each.
    pub also: Vec<String>,
}

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is as it should be.
    Unchanged,
    /// It was not there.
    Created,
    /// It held something else, or was somebody else's.
    Changed,
}

impl Change {
    /// Returns its name, as it is told.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Created => "created",
            Self::Changed => "changed",
        }
    }

    /// Returns what a run would do.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Unchanged => "leaves",
            Self::Created => "creates",
            Self::Changed => "changes",
        }
    }
}

impl FileChange {
    /// Returns the diff and what else changes, as lines.
    pub fn details(&self) -> String {
        let mut text = self.diff.clone();
        for line in &self.also {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Returns what was done, and to what: "changed /etc/app.conf".
    pub fn last_line(&self) -> String {
        format!("{} {}", self.change.name(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::Owner;

    #[test]
    fn owners_are_a_user_a_group_or_both() {
        let check = |text| {
            Owner::read(text).map(|it| {
                let part = |it: Option<String>| it.unwrap_or_else(|| "-".to_owned());
                format!("{} {}", part(it.user), part(it.group))
            })
        };
        assert_eq!(check("app").as_deref(), Some("app -"));
        assert_eq!(check("app:www-data").as_deref(), Some("app www-data"));
        assert_eq!(check(":adm").as_deref(), Some("- adm"));
        assert_eq!(check("1000:0").as_deref(), Some("1000 0"));
        for wrong in ["", ":", "a:", "a b", "a:b:c", "-x", "a/b"] {
            assert_eq!(check(wrong), None, "{wrong}");
        }
    }
}
