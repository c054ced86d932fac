//! Values that steps give to later steps: what they may be called, and how large they are.

use super::StepId;

/// The most bytes of one value: it becomes a variable, and Linux takes 128 KiB for one.
pub const LARGEST_VALUE: usize = 64 << 10;

/// Names that steer shells, loaders and interpreters: what a program printed must not.
const STEERING: &[&str] = &[
    "BASHOPTS",
    "BASH_ENV",
    "CDPATH",
    "ENV",
    "GLOBIGNORE",
    "HOME",
    "IFS",
    "LC_ALL",
    "NODE_OPTIONS",
    "OLDPWD",
    "PATH",
    "PERL5LIB",
    "PERL5OPT",
    "PERLLIB",
    "PROMPT_COMMAND",
    "PS4",
    "PWD",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "SHLVL",
    "TMPDIR",
    "ZDOTDIR",
    "_",
];

/// Whether `name` can be the name of a variable of the environment in every shell.
pub fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Says why no value can be called `name`; `None` where one can.
pub fn unfit_name(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    if !is_variable(name) {
        Some("a name is made of letters from a to z, digits and `_`, no digit first")
    } else if name.len() > 128 {
        Some("a name has at most 128 letters")
    } else if upper.starts_with("RUNBOOK_") || name.starts_with("__runbook") {
        Some("names that begin with `RUNBOOK_` are this program's")
    } else if STEERING.contains(&name)
        || ["LD_", "DYLD_", "BASH_FUNC", "GIT_"]
            .iter()
            .any(|it| name.starts_with(it))
    {
        Some("it is a variable that steers programs")
    } else {
        None
    }
}

/// Returns what the secret is called that `step` gives as `name`: in holes of stored values.
pub fn given_secret(step: &StepId, name: &str) -> String {
    format!("{step}.{name}")
}

/// Whether `text` holds `name`, with nothing around it that could be a part of a longer one.
pub fn mentions(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_called_as_variables_are_and_steers_nothing() {
        for (name, fits) in [
            ("version", true),
            ("_x9", true),
            ("Path", true),
            ("PATH", false),
            ("LD_PRELOAD", false),
            ("runbook_x", false),
            ("RUNBOOK_OUTPUT", false),
            ("9a", false),
            ("a-b", false),
            ("é", false),
            ("", false),
        ] {
            assert_eq!(unfit_name(name).is_none(), fits, "{name}");
        }
    }

    #[test]
    fn a_name_is_mentioned_by_itself_only() {
        for (text, is_so) in [
            ("echo $token", true),
            ("echo \"${token}\"", true),
            ("values.token == 1", true),
            ("echo $tokens $_token", false),
            ("", false),
        ] {
            assert_eq!(mentions(text, "token"), is_so, "{text}");
        }
    }
}
