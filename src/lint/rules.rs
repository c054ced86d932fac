//! The rules: what each is called, how much it weighs, why it is there, and what to do.

use crate::model::Severity;

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its stable name.
    pub id: &'static str,
    /// What it weighs in a declared document; the same in a plain one where that is `None`.
    pub declared: Severity,
    /// What it weighs in a plain document; `None` where it is not looked at there.
    pub plain: Option<Severity>,
    /// What it finds, and why that matters.
    pub reason: &'static str,
    /// What to do, in general.
    pub way_out: &'static str,
}

const fn rule(
    id: &'static str,
    declared: Severity,
    plain: Option<Severity>,
    reason: &'static str,
    way_out: &'static str,
) -> Rule {
    Rule {
        id,
        declared,
        plain,
        reason,
        way_out,
    }
}

use Severity::{Error, Hint, Warning};

/// All rules, those of the text first, then those of fences and steps, then those of the format.
pub const TABLE: &[Rule] = &[
    rule(
        "mojibake",
        Warning,
        Some(Warning),
        "the text was UTF-8, was read as another encoding and saved again: names, paths and anchors in it are wrong",
        "`runbook lint --fix-encoding FILE`",
    ),
    rule(
        "secret",
        Warning,
        Some(Warning),
        "a password, key or token stands in the text, and so in every copy, in Git and in each run's snapshot",
        "change it where it is used, and write a placeholder or declare an input with `secret: true`",
    ),
    rule(
        "dead-link",
        Warning,
        Some(Warning),
        "a link to a file that is not there",
        "mend the path, or take the link out",
    ),
    rule(
        "dead-anchor",
        Warning,
        Some(Warning),
        "a link to a heading that is not there, in this document or another beside it",
        "name the heading's anchor as GitHub gives it",
    ),
    rule(
        "character",
        Warning,
        Some(Warning),
        "characters in a command that mislead: no width, another direction, no-break spaces, typographic quotes and dashes",
        "type the plain character",
    ),
    rule(
        "mislabelled",
        Warning,
        Some(Warning),
        "the tag of a fence says another language than its text is in: shell under `python`, settings under `bash`",
        "give the fence the tag of what it holds",
    ),
    rule(
        "opposites",
        Warning,
        Some(Hint),
        "one fence holds commands that undo or replace one another (backup and restore, stop and start, a menu): nobody means all of them in a row",
        "give each a fence, and a heading, of its own",
    ),
    rule(
        "no-confirm",
        Warning,
        None,
        "a step destroys, and nothing is asked before it",
        "`confirm=\"…\"`",
    ),
    rule(
        "prompts",
        Warning,
        Some(Hint),
        "a program asks questions on the way: without a terminal it hangs or fails",
        "the option that answers them (`-y`, `--noinput`)",
    ),
    rule(
        "interactive",
        Warning,
        Some(Hint),
        "a program wants a person at the terminal: an editor, a console",
        "the form that takes its input from a file or an option (`psql -c`, `crontab FILE`)",
    ),
    rule(
        "remote-shell",
        Warning,
        Some(Hint),
        "a command opens another shell, and what follows it in the fence runs only after that is left, and here",
        "hand the commands over: `ssh HOST 'COMMANDS'`, `docker exec NAME sh -c 'COMMANDS'`",
    ),
    rule(
        "endless",
        Warning,
        Some(Hint),
        "a program does not end by itself: the steps after it never come",
        "the form that ends or goes to the background (`-d`, `systemctl start`, `logs --tail 50`); in a declared runbook `{background ready=…}` for a server that later steps need",
    ),
    rule(
        "no-undo",
        Hint,
        None,
        "steps change something, and no step undoes them: after a failure what they did stays",
        "`undo-of=` on a step that makes it as it was, where that matters",
    ),
    rule(
        "untried-dump",
        Warning,
        Some(Hint),
        "data is dumped, and nothing tries whether the dump can be read back: a copy that nobody has read is none",
        "look into it in the step after (`pg_restore --list`, `gzip -t`), or a check of the step itself",
    ),
    rule(
        "placeholder",
        Warning,
        Some(Hint),
        "a word that stands for a value: passed to a shell, `<PORT>` is a redirection",
        "declare an input and write `\"$PORT\"`",
    ),
    rule(
        "unset-variable",
        Warning,
        Some(Hint),
        "a variable that nothing in the document sets: empty, unless it happens to be in the environment",
        "declare an input of that name, or set it in a step before",
    ),
    rule(
        "missing-command",
        Warning,
        Some(Hint),
        "a program is not on this machine, or under another name",
        "what is here instead, or install it; `requires:` says so before step one",
    ),
    rule(
        "prompt",
        Warning,
        Some(Warning),
        "prompts inside a fence that is not a `console`, or a session in which commands cannot be told from output",
        "tag it `console`, and begin each command with `$ `",
    ),
    rule(
        "no-fence",
        Error,
        None,
        "a line that looks like the beginning of a fence is text, for a backtick stands in it after the marks: no step, and the line that was to end it begins one",
        "open and close the fence with `~~~`",
    ),
    rule(
        "unclosed-fence",
        Error,
        Some(Warning),
        "a fence without its closing line takes all that follows for its text",
        "close it with the marks that open it",
    ),
    rule(
        "unknown-language",
        Error,
        Some(Warning),
        "the tag is a slip of the pen away from a language that runs; a hint where no such language is near",
        "the language that was meant",
    ),
    rule(
        "not-a-step",
        Warning,
        Some(Hint),
        "a fence that would be a step but is empty, or attributes of a step on a fence that is none",
        "fill it, tag it, or take the attributes out",
    ),
    rule(
        "foreign-attribute",
        Hint,
        Some(Hint),
        "an attribute of another tool, which is not read",
        "nothing, unless it was meant for this one",
    ),
    rule(
        "foreign-key",
        Warning,
        Some(Hint),
        "a key of another tool in the front matter, which is not read",
        "nothing, unless it was meant for this one",
    ),
    rule(
        "unknown-attribute",
        Error,
        Some(Warning),
        "an attribute that does not exist",
        "the one that was meant",
    ),
    rule(
        "unknown-key",
        Error,
        None,
        "a key of the front matter that does not exist",
        "the one that was meant",
    ),
    rule(
        "attributes",
        Error,
        Some(Warning),
        "attributes that cannot be read, or stand outside the braces",
        "`{#id .tag key=value}`",
    ),
    rule(
        "attribute-value",
        Error,
        Some(Warning),
        "a value that the attribute does not take",
        "a value of the kind that the table of attributes names",
    ),
    rule(
        "comment",
        Error,
        Some(Warning),
        "a `<!-- runbook: … -->` that speaks for no fence and no section",
        "right above a fence, or right under a heading",
    ),
    rule(
        "front-matter",
        Error,
        Some(Warning),
        "front matter that does not parse",
        "mend it; text with `:`, `#` or `{` in it wants quotes",
    ),
    rule(
        "front-matter-value",
        Error,
        None,
        "a value that the key does not take",
        "a value of the kind that the table of keys names",
    ),
    rule(
        "variable-name",
        Error,
        None,
        "a name that no shell takes for a variable",
        "letters, digits and `_`, no digit first",
    ),
    rule(
        "declared-twice",
        Error,
        None,
        "front matter and a `yaml {runbook}` fence both declare",
        "one of them",
    ),
    rule(
        "duplicate-id",
        Error,
        Some(Warning),
        "two steps of one id",
        "another id for one of them",
    ),
    rule(
        "step-id",
        Error,
        Some(Warning),
        "an id with characters that no id has",
        "letters, digits, `-`, `_` and `.`",
    ),
    rule(
        "needs",
        Error,
        Some(Warning),
        "`needs` that no step can meet, or a circle of them",
        "an id that the document gives",
    ),
    rule(
        "undo-of",
        Error,
        Some(Warning),
        "`undo-of` that names no step",
        "an id that the document gives",
    ),
    rule(
        "interpreter",
        Error,
        None,
        "`with` names an interpreter that your configuration does not have, or has in another form",
        "a row of `[interpreters]`",
    ),
    rule(
        "flow",
        Error,
        Some(Warning),
        "attributes that cannot be together: a server that is tried again, a step that undoes and waits",
        "one of the two",
    ),
    rule(
        "expression",
        Error,
        Some(Warning),
        "a check, a condition or an expected output that cannot be read, or names a variable, function, step or input that is not there",
        "the name that was meant; `docs/checks.md` names all there are",
    ),
    rule(
        "check",
        Error,
        None,
        "a check that judges no step, or `match` and `of` where nothing is judged",
        "right under the step that it judges, in its section, or `of=#id`",
    ),
    rule(
        "template",
        Error,
        None,
        "a template that does not parse, or names a filter that there is not",
        "mend it; `{% raw %}` keeps braces as they are",
    ),
    rule(
        "template-name",
        Error,
        None,
        "a template that names a value that there is not: no input, no column, nothing that a step before it captures",
        "the name that was meant, or an input of that name",
    ),
    rule(
        "template-raw",
        Warning,
        None,
        "a value that a template writes as it is: whoever gives it can write commands",
        "leave `raw` out: the value is quoted for its place",
    ),
    rule(
        "transcript",
        Error,
        None,
        "the template of the transcript is not there, does not parse, or names what no transcript has",
        "a file beside the document; `docs/record.md` names what it may say",
    ),
    rule(
        "each",
        Error,
        Some(Warning),
        "`each` without that table, or a table that no step can run through: no rows, too many, columns without a name of their own",
        "`<!-- runbook: #hosts -->` above the table that is meant",
    ),
    rule(
        "not-in-this-version",
        Error,
        Some(Error),
        "what the format names and this version does not perform: refused, never ignored",
        "leave it out, or wait",
    ),
];

/// Returns the rule that is called `id`.
pub fn find(id: &str) -> Option<&'static Rule> {
    TABLE.iter().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::TABLE;

    #[test]
    fn every_rule_has_a_name_of_its_own_a_reason_and_a_way_out() {
        let ids: BTreeSet<_> = TABLE.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), TABLE.len());
        for rule in TABLE {
            assert!(
                rule.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{}",
                rule.id
            );
            assert!(
                rule.reason.len() > 10 && !rule.way_out.is_empty(),
                "{}",
                rule.id
            );
            assert!(
                !rule.reason.contains('|') && !rule.way_out.contains('|'),
                "{}",
                rule.id
            );
        }
    }
}
