//! Placeholders of a command → the command with their values.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::classify::{Kind, language};
use crate::model::{Language, Placeholder, Stands};
pub use crate::redact::MASK;

/// What a placeholder is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// This text.
    Plain(String),
    /// A text that nobody may see: it reaches the command in this variable of its environment, so that
    /// neither the command, nor its digest, nor what an interpreter says of a line holds it.
    Secret {
        /// The variable's name.
        variable: String,
    },
}

/// A command with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// What runs.
    pub body: String,
    /// The same for people and records: secrets are [`MASK`].
    pub shown: String,
    /// The bytes of `shown` that values take up, in their order.
    pub places: Vec<Range<usize>>,
}

/// Why a value does not go in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Which placeholder.
    pub name: String,
    /// Why, in words: "`;` is not allowed there: …".
    pub because: String,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// As one word of a shell, or part of one.
    Word,
    /// Between double quotes.
    Double,
    /// Between single quotes.
    Single,
    /// In a here-document that the shell expands.
    Here,
    /// In one that it takes as it is.
    Verbatim,
    /// As it is.
    Bare,
    /// Not at all: a variable carries it.
    Carried,
}

/// A place in a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    written: Written,
    /// Why only the most harmless characters go in; `None` where all do.
    only_plain: Option<&'static str>,
}

/// Returns `body` with the values of its placeholders.
///
/// # Errors
/// A placeholder without a value, one that stands where none can be written, a value that does not
/// fit.
pub fn fill(
    body: &str,
    language: Language,
    placeholders: &[Placeholder],
    values: &BTreeMap<String, Value>,
) -> Result<Filled, Unfit> {
    let mut order: Vec<&Placeholder> = placeholders.iter().collect();
    order.sort_by_key(|it| it.range.start);
    let mut filled = Filled {
        body: String::with_capacity(body.len()),
        shown: String::with_capacity(body.len()),
        places: Vec::with_capacity(order.len()),
    };
    let mut at = 0;
    for placeholder in order {
        let unfit = |because: &str| Unfit {
            name: placeholder.name.clone(),
            because: because.to_owned(),
        };
        let spot = spot(body, language, placeholder).map_err(|because| unfit(&because))?;
        if spot.written == Written::Carried {
            continue;
        }
        let before = body
            .get(at..placeholder.range.start)
            .ok_or_else(|| unfit("two values stand in one place"))?;
        let value = values
            .get(&placeholder.name)
            .ok_or_else(|| unfit("it has no value"))?;
        at = placeholder.range.end;
        let next = body[at..].chars().next();
        let (run, shown) = match value {
            Value::Plain(text) => {
                check(text, spot).map_err(|because| unfit(&because))?;
                let text = written(text, spot.written, next);
                (text.clone(), text)
            }
            Value::Secret { variable } => {
                let text = match spot.written {
                    Written::Word => format!("\"${{{variable}}}\""),
                    Written::Double | Written::Here => format!("${{{variable}}}"),
                    Written::Single => format!("'\"${{{variable}}}\"'"),
                    Written::Bare | Written::Verbatim | Written::Carried => {
                        return Err(unfit("a secret is written only where a shell quotes it"));
                    }
                };
                (text, MASK.to_owned())
            }
        };
        filled.body.push_str(before);
        filled.body.push_str(&run);
        filled.shown.push_str(before);
        let start = filled.shown.len();
        filled.shown.push_str(&shown);
        filled.places.push(start..filled.shown.len());
    }
    filled.body.push_str(&body[at..]);
    filled.shown.push_str(&body[at..]);
    Ok(filled)
}

/// Says why this placeholder cannot be given any value; `None` where it can.
pub fn unfillable(body: &str, language: Language, placeholder: &Placeholder) -> Option<String> {
    let spot = match spot(body, language, placeholder) {
        Ok(spot) => spot,
        Err(because) => return Some(because),
    };
    (placeholder.secret && spot.written == Written::Bare)
        .then(|| "a secret is written only where a shell quotes it".to_owned())
}

/// Says whether `text` may stand in the place of `placeholder`.
///
/// # Errors
/// Why not, in words.
pub fn fits(
    body: &str,
    language: Language,
    placeholder: &Placeholder,
    text: &str,
) -> Result<(), String> {
    check(text, spot(body, language, placeholder)?)
}

fn check(text: &str, spot: Spot) -> Result<(), String> {
    if text.contains('\0') {
        return Err("it holds a NUL".to_owned());
    }
    let Some(because) = spot.only_plain else {
        return Ok(());
    };
    if text.is_empty() {
        return Err(format!("it is empty, and {because}"));
    }
    match text.chars().find(|c| !is_plain(*c)) {
        Some(c) => {
            let c = c.escape_debug();
            Err(format!(
                "`{c}` is not allowed: {because}, so only letters, digits and -_./:@,+=% go in"
            ))
        }
        None => Ok(()),
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "-_./:@,+=%".contains(c)
}

fn is_shell(language: Language) -> bool {
    language::find(language.0).is_some_and(|row| matches!(row.kind, Kind::Shell | Kind::Console))
}

/// Variables that change what a shell does, whatever the command says.
const POWERFUL: &[&str] = &[
    "BASHOPTS",
    "BASH_ENV",
    "ENV",
    "IFS",
    "PATH",
    "PROMPT_COMMAND",
    "PS4",
    "SHELLOPTS",
];

// Where a placeholder says that it stands between quotes, and a second program reads them once more,
// the quoting of the first protects nothing: what looks doubtful here takes harmless characters only.
fn spot(body: &str, language: Language, placeholder: &Placeholder) -> Result<Spot, String> {
    let range = placeholder.range.clone();
    if body.get(range.clone()).is_none() {
        return Err("its place is not known".to_owned());
    }
    let before = &body[..range.start];
    let shell = is_shell(language);
    let again = reads_again(body);
    let doubtful = if !shell {
        Some("how this language quotes is not known")
    } else if let Some(because) = again {
        Some(because)
    } else if is_computed(before) {
        Some("the shell computes with what stands there")
    } else {
        None
    };
    if placeholder.stands == Stands::Variable {
        let name = placeholder.name.as_str();
        let fine = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !fine || POWERFUL.contains(&name) || name.starts_with("LD_") {
            return Err(format!("`{name}` is not set from outside"));
        }
        return Ok(Spot {
            written: Written::Carried,
            only_plain: again,
        });
    }
    if shell && before.ends_with('$') && !before.ends_with("\\$") {
        return Err("it stands right behind a `$`".to_owned());
    }
    let slashes = before.len() - before.trim_end_matches('\\').len();
    let written = match placeholder.stands {
        _ if !shell || slashes % 2 == 1 => Written::Bare,
        _ if doubtful.is_some() && again.is_none() => Written::Bare,
        Stands::Bare => Written::Word,
        Stands::DoubleQuoted => Written::Double,
        Stands::SingleQuoted => Written::Single,
        Stands::Expanded => Written::Here,
        Stands::Verbatim => Written::Verbatim,
        Stands::Plain | Stands::Variable => Written::Bare,
    };
    let only_plain = doubtful.or((written == Written::Bare).then_some("nothing quotes it there"));
    let behind = body[range.end..].chars().next();
    if shell && written == Written::Bare && matches!(behind, Some('<' | '>' | '(')) {
        return Err("it stands right before a redirection".to_owned());
    }
    Ok(Spot {
        written,
        only_plain,
    })
}

fn written(text: &str, written: Written, next: Option<char>) -> String {
    match written {
        Written::Bare | Written::Verbatim | Written::Carried => text.to_owned(),
        Written::Word => word(text, next),
        Written::Single => text.replace('\'', r"'\''"),
        Written::Double => {
            let mut escaped = String::with_capacity(text.len());
            for c in text.chars() {
                if matches!(c, '\\' | '"' | '$' | '`') {
                    escaped.push('\\');
                }
                escaped.push(c);
            }
            escaped
        }
        Written::Here => {
            let mut escaped = String::with_capacity(text.len());
            for c in text.chars() {
                if matches!(c, '\\' | '$' | '`') {
                    escaped.push('\\');
                }
                escaped.push(c);
            }
            escaped
        }
    }
}

/// Words that a shell reads for itself where a command may begin.
const RESERVED: &[&str] = &[
    "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "foreach", "function",
    "if", "in", "repeat", "select", "then", "time", "until", "while",
];

fn word(text: &str, next: Option<char>) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:@+".contains(c);
    // `2` before a `>` would be a descriptor, a word before a `(` a function.
    let joins = matches!(next, Some('<' | '>' | '(' | '[' | '=' | '+'));
    if !text.is_empty() && text.chars().all(harmless) && !joins && !RESERVED.contains(&text) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

// An unfinished arithmetic expression, expansion, condition, subscript or old substitution: what
// stands there is more than text, quoted or not.
fn is_computed(before: &str) -> bool {
    let open = |opening: &str, closing: &str| {
        let opened = before.rfind(opening);
        opened.is_some_and(|at| !before[at + opening.len()..].contains(closing))
    };
    let line = before.rsplit('\n').next().unwrap_or_default();
    let subscript = line.rfind('[').is_some_and(|at| !line[at..].contains(']'));
    open("((", "))")
        // Between double quotes a substitution begins its own quoting.
        || open("$(", ")")
        || open("[[", "]]")
        || open("${", "}")
        || open("$[", "]")
        || subscript
        || before.matches('`').count() % 2 == 1
}

/// Programs and builtins that read their arguments, or what they are piped, as code once more.
const READERS: &[&str] = &[
    "ansible",
    "at",
    "awk",
    "bash",
    "batch",
    "clush",
    "crontab",
    "dash",
    "declare",
    "eval",
    "ex",
    "expect",
    "fish",
    "gawk",
    "gdb",
    "ksh",
    "let",
    "lua",
    "make",
    "mapfile",
    "mariadb",
    "mawk",
    "mongo",
    "mongosh",
    "mysql",
    "node",
    "parallel",
    "pdsh",
    "perl",
    "php",
    "pssh",
    "python",
    "python2",
    "python3",
    "psql",
    "read",
    "redis-cli",
    "rsync",
    "ruby",
    "salt",
    "scp",
    "screen",
    "sed",
    "sftp",
    "sh",
    "source",
    "sqlcmd",
    "sqlite3",
    "sqlplus",
    "ssh",
    "su",
    "tmux",
    "trap",
    "typeset",
    "unset",
    "vim",
    "watch",
    "xargs",
    "zsh",
];

/// Programs whose `-c` and `-e` mean something else.
const HARMLESS: &[&str] = &[
    "[", "cat", "curl", "cut", "df", "dig", "du", "echo", "grep", "head", "ls", "nc", "ping",
    "sort", "stat", "tail", "test", "uniq", "wc",
];

// Whether a part of `body` is read as code by something else than the shell that starts it. Says so
// too often: a value is then asked for again, never run.
fn reads_again(body: &str) -> Option<&'static str> {
    let separates = |c: char| "|&;()\n`".contains(c);
    let ends = |c: char| c.is_whitespace() || separates(c) || "<>\"'{}=".contains(c);
    for segment in body.split(separates) {
        let mut tokens = segment.split(ends).filter(|it| !it.is_empty()).peekable();
        let owner = tokens.peek().copied().unwrap_or_default();
        for token in tokens {
            let name = token.rsplit('/').next().unwrap_or_default();
            if READERS.contains(&name) {
                return Some("a program there reads it as code once more");
            }
            let flag = token.strip_prefix('-').unwrap_or_default();
            let cluster = !flag.is_empty()
                && flag.len() <= 4
                && flag.bytes().all(|it| it.is_ascii_alphabetic())
                && flag.ends_with(['c', 'e']);
            let long = matches!(
                flag,
                "exec" | "execdir" | "ok" | "okdir" | "-command" | "-execute" | "-eval" | "-exec"
            );
            if long || (cluster && !HARMLESS.contains(&owner)) {
                return Some("an option there takes code");
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASH: Language = Language("bash");

    /// Placeholders `<…>` of a template; where each stands is told by what is right before it.
    fn placeholders(body: &str) -> Vec<Placeholder> {
        let mut found = Vec::new();
        let (mut double, mut single) = (false, false);
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' if !single => double = !double,
                '\'' if !double => single = !single,
                '<' if body[at..].starts_with("<X>") => {
                    let stands = match (double, single) {
                        (true, _) => Stands::DoubleQuoted,
                        (_, true) => Stands::SingleQuoted,
                        _ => Stands::Bare,
                    };
                    found.push(Placeholder {
                        name: "X".to_owned(),
                        text: "<X>".to_owned(),
                        range: at..at + 3,
                        stands,
                        secret: false,
                    });
                    chars.nth(1);
                }
                _ => {}
            }
        }
        found
    }

    fn filled(body: &str, value: &str) -> Result<String, String> {
        let values = BTreeMap::from([("X".to_owned(), Value::Plain(value.to_owned()))]);
        fill(body, BASH, &placeholders(body), &values)
            .map(|it| it.body)
            .map_err(|it| it.because)
    }

    #[test]
    fn a_value_is_quoted_for_its_place() {
        for (body, value, wanted) in [
            ("curl <X>:80", "web1", "curl web1:80"),
            ("curl http://<X>/a", "a b", "curl http://'a b'/a"),
            ("echo <X>", "it's", r"echo 'it'\''s'"),
            (
                "echo \"a <X> b\"",
                "$(id) \"x\"",
                "echo \"a \\$(id) \\\"x\\\" b\"",
            ),
            ("echo 'a <X>'", "it's", r"echo 'a it'\''s'"),
            ("echo <X>> out", "2", "echo '2'> out"),
            ("<X> x", "while", "'while' x"),
            ("<X> x", "A=b", "'A=b' x"),
            ("test -e <X> | wc -c", "a b", "test -e 'a b' | wc -c"),
            ("echo <X>", "", "echo ''"),
        ] {
            assert_eq!(filled(body, value).as_deref(), Ok(wanted), "{body}");
        }
    }

    #[test]
    fn what_is_read_as_code_once_more_takes_only_harmless_values() {
        for body in [
            "ssh web1 systemctl restart <X>",
            "bash -c \"echo <X>\"",
            "docker exec db sh -c 'a; test -e <X>'",
            "mysql -Ne \"wc -c; <X>\"",
            "psql -Atc 'SELECT <X>'",
            "eval echo <X>",
            "echo $((<X> + 1))",
            "[[ 1 -eq <X> ]]",
            "a[<X>]=1",
            "echo `echo <X>`",
            "echo \"<X>\" | sh",
        ] {
            assert!(filled(body, "8080").is_ok(), "{body}");
            for value in ["; id", "$(id)", "a[$(id)]", "`id`", "' x", "a b", ""] {
                assert!(filled(body, value).is_err(), "{body} {value}");
            }
        }
        assert!(filled("echo \"$<X>\"", "HOME").is_err());
        assert!(filled("echo \"$<X>\"", "(id)").is_err());
    }

    #[test]
    fn a_secret_is_in_no_text() {
        let body = "mysql -p<X> \"a<X>\" '<X>'";
        let mut places = placeholders(body);
        for it in &mut places {
            it.secret = true;
        }
        let secret = Value::Secret {
            variable: "RUNBOOK_SECRET_1".to_owned(),
        };
        let values = BTreeMap::from([("X".to_owned(), secret)]);
        let filled = fill(body, BASH, &places, &values).unwrap();
        assert_eq!(filled.shown, "mysql -p*** \"a***\" '***'");
        assert_eq!(
            filled.body,
            "mysql -p\"${RUNBOOK_SECRET_1}\" \"a${RUNBOOK_SECRET_1}\" ''\"${RUNBOOK_SECRET_1}\"''"
        );
        places[0].stands = Stands::Plain;
        assert!(unfillable(body, BASH, &places[0]).is_some());
        assert!(fill(body, BASH, &places, &values).is_err());
    }

    #[test]
    fn a_variable_leaves_the_command_as_it_is_and_some_are_never_set() {
        let variable = |name: &str| Placeholder {
            name: name.to_owned(),
            text: format!("${name}"),
            range: 5..7,
            stands: Stands::Variable,
            secret: false,
        };
        let none = BTreeMap::new();
        let filled = fill("echo $A", BASH, &[variable("A")], &none).unwrap();
        assert_eq!(filled.body, "echo $A");
        for name in ["PATH", "LD_PRELOAD", "1A", "a-b", ""] {
            assert!(unfillable("echo $A", BASH, &variable(name)).is_some());
        }
    }

    fn any_value() -> impl Strategy<Value = String> {
        let nasty = prop::sample::select(vec![
            "$(touch hit)",
            "`touch hit`",
            "; touch hit;",
            "\n touch hit\n",
            "' ; touch hit; '",
            "\" ; touch hit; \"",
            "\\",
            "!!",
            "${IFS}",
            "a[$(touch hit)]",
            "2",
            "if",
            "*",
            "~",
            "{a,b}",
            "#",
            "-n",
            "ñ 磁",
            "\\'",
            "$'\\x41'",
            ">hit",
            "&",
            "|touch hit",
        ]);
        prop::collection::vec(
            prop_oneof![4 => nasty.prop_map(str::to_owned), 1 => "[ -~]{0,6}"],
            0..4,
        )
        .prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
        // A real bash prints each value as it was given, and nothing else happens.
        #[test]
        fn no_value_becomes_code(values in prop::collection::vec(any_value(), 1..40)) {
            let folder = tempfile::tempdir().unwrap();
            let mut script = String::new();
            let mut wanted = Vec::new();
            for value in &values {
                for (body, told) in [
                    ("printf '%s\\0' <X>", value.clone()),
                    ("printf '%s\\0' a<X>b", format!("a{value}b")),
                    ("printf '%s\\0' \"a <X>\"", format!("a {value}")),
                    ("printf '%s\\0' 'a <X>'", format!("a {value}")),
                    ("X=<X> && printf '%s\\0' \"$X\"", value.clone()),
                    ("printf '%s\\0' \"$(printf %s. <X>)\"", format!("{value}.")),
                    ("cat <<< <X>; printf '\\0'", format!("{value}\n")),
                ] {
                    if let Ok(body) = filled(body, value) {
                        script.push_str(&body);
                        script.push('\n');
                        wanted.push(told);
                    }
                }
            }
            let file = folder.path().join("script");
            std::fs::write(&file, &script).unwrap();
            let told = duct::cmd!("bash", &file)
                .dir(folder.path())
                .unchecked()
                .stderr_to_stdout()
                .stdout_capture()
                .run()
                .unwrap();
            let told = String::from_utf8_lossy(&told.stdout).into_owned();
            let told: Vec<&str> = told.split_terminator('\0').collect();
            prop_assert_eq!(told, wanted, "{}", script);
            prop_assert!(!folder.path().join("hit").exists());
        }

        #[test]
        fn filling_never_panics(body in ".{0,40}", start in 0..50_usize, length in 0..10_usize, value in ".{0,8}") {
            let placeholder = Placeholder {
                name: "X".to_owned(),
                text: String::new(),
                range: start..start + length,
                stands: Stands::Bare,
                secret: false,
            };
            let values = BTreeMap::from([("X".to_owned(), Value::Plain(value))]);
            let _ = fill(&body, BASH, &[placeholder.clone(), placeholder], &values);
        }
    }
}
