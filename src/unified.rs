//! Two texts → a unified diff, as people read it and `patch` takes it.
//!
//! What stood where a secret is to stand may be the secret of yesterday, which nobody knows any more:
//! where a line with a secret is added, the lines that go with it are not told.

use std::fmt::Write as _;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use crate::redact::MASK;

/// After this long the rest is told as it is: a difference never decides anything.
const DEADLINE: Duration = Duration::from_millis(500);
/// Lines that are shown around what differs.
const AROUND: usize = 3;

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// What is there.
    pub old: &'a str,
    /// What it becomes.
    pub new: &'a str,
    /// What the old text is called.
    pub from: &'a str,
    /// What the new text is called.
    pub to: &'a str,
}

/// What of the old text is told.
#[derive(Clone, Copy)]
pub enum Old<'a> {
    /// All of it.
    Told,
    /// What does not go along with a line of the new text, from 0, in which a secret stands.
    Beside(&'a dyn Fn(usize) -> bool),
    /// None of it but how many lines go.
    Hidden,
}

/// Returns the unified diff of `texts`; nothing where they are the same.
pub fn unified(texts: Texts<'_>, shown: Old<'_>) -> String {
    if texts.old == texts.new {
        return String::new();
    }
    let diff = TextDiff::configure()
        .timeout(DEADLINE)
        .diff_lines(texts.old, texts.new);
    // Infallible: writing to a string.
    let mut text = format!("--- {}\n+++ {}\n", one_line(texts.from), one_line(texts.to));
    for hunk in diff.unified_diff().context_radius(AROUND).iter_hunks() {
        let _ = writeln!(text, "{}", hunk.header());
        let changes: Vec<_> = hunk.iter_changes().collect();
        let hides = match shown {
            Old::Told => false,
            Old::Hidden => true,
            Old::Beside(is_secret) => changes
                .iter()
                .any(|it| it.tag() == ChangeTag::Insert && it.new_index().is_some_and(is_secret)),
        };
        for change in changes {
            let mark = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            if hides && change.tag() == ChangeTag::Delete {
                let _ = writeln!(text, "-{MASK}");
                continue;
            }
            let line = change.value();
            let _ = write!(text, "{mark}{line}");
            if !line.ends_with('\n') {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    text
}

// A name with a line end would begin a line of its own.
fn one_line(name: &str) -> String {
    name.replace(['\n', '\r'], "?")
}

#[cfg(test)]
mod tests {
    use super::{Old, Texts, unified};

    fn check(old: &str, new: &str, secret: Option<usize>) -> String {
        let texts = Texts {
            old,
            new,
            from: "a",
            to: "b",
        };
        unified(texts, Old::Beside(&|line| Some(line) == secret))
    }

    #[test]
    fn what_differs_is_told_with_three_lines_around_it() {
        assert_eq!(check("a\n", "a\n", None), "");
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        insta::assert_snapshot!(check(old, &old.replace('5', "five"), None), @r"
        --- a
        +++ b
        @@ -2,7 +2,7 @@
         2
         3
         4
        -5
        +five
         6
         7
         8
        ");
        insta::assert_snapshot!(check("", "x", None), @r"
        --- a
        +++ b
        @@ -0,0 +1 @@
        +x
        \ No newline at end of file
        ");
    }

    #[test]
    fn what_a_secret_replaces_may_be_the_secret_of_yesterday() {
        insta::assert_snapshot!(check("user=a\npass=old\n", "user=a\npass=new\n", Some(1)), @r"
        --- a
        +++ b
        @@ -1,2 +1,2 @@
         user=a
        -***
        +pass=new
        ");
        // A secret that stays hides nothing.
        assert!(check("u=a\np=x\n", "u=b\np=x\n", Some(1)).contains("-u=a"));
    }
}
