//! Values → literals of languages that are no shell, for the place where each stands.

use std::fmt::Write as _;

/// A value of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// Nothing.
    None,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// Several.
    List(Vec<Datum>),
    /// Names and values.
    Map(Vec<(String, Datum)>),
    /// A text that nobody may see: a variable of the environment of the step carries it.
    Secret {
        /// The variable's name.
        variable: String,
    },
}

/// A language whose quoting is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tongue {
    Json,
    Yaml,
    Toml,
    Python,
    Node,
    Powershell,
    /// Of an unknown kind: what its kinds read differently goes into none of them.
    Sql,
    Postgres,
    Mysql,
    Sqlite,
}

/// Where in a text a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// As a whole value.
    Whole,
    /// Next to a word or a quote.
    Joined,
    /// Between these quotes.
    Quoted(&'static str),
    Comment,
    /// Something was seen that is not followed here.
    Lost,
}

fn tongue(language: &str) -> Option<Tongue> {
    Some(match language {
        "json" => Tongue::Json,
        "yaml" => Tongue::Yaml,
        "toml" => Tongue::Toml,
        "python" => Tongue::Python,
        "node" => Tongue::Node,
        "powershell" => Tongue::Powershell,
        "sql" => Tongue::Sql,
        "psql" => Tongue::Postgres,
        "mysql" => Tongue::Mysql,
        "sqlite" => Tongue::Sqlite,
        _ => return None,
    })
}

/// Returns `value` as it is written between `before` and `after` in a text of `language`, a name of
/// the table of languages.
///
/// # Errors
/// Why it does not go in there, in words.
pub(super) fn encode(
    language: &str,
    before: &str,
    after: &str,
    value: &Datum,
) -> Result<String, String> {
    if let Datum::Secret { .. } = value {
        return Err("a secret is written only where a shell quotes it".to_owned());
    }
    let Some(tongue) = tongue(language) else {
        let because = format!("how `{language}` quotes is not known");
        return only(&text_of(value)?, "-_./:@,+=%", &because);
    };
    match place(tongue, before, after) {
        Place::Whole => literal(tongue, value),
        Place::Quoted(quote) => {
            let text = text_of(value)?;
            check(tongue, &text)?;
            quoted(tongue, quote, &text)
        }
        Place::Joined => only(&text_of(value)?, "_", "it stands next to a word"),
        Place::Comment => only(&text_of(value)?, "-_. ", "it stands in a comment"),
        Place::Lost => Err("how the text around it is quoted is not known".to_owned()),
    }
}

fn text_of(value: &Datum) -> Result<String, String> {
    match value {
        Datum::Text(text) | Datum::Number(text) => Ok(text.clone()),
        Datum::Bool(truth) => Ok(truth.to_string()),
        Datum::List(_) => {
            Err("a list goes in as a whole only; `| join(\",\")` makes a text of it".to_owned())
        }
        Datum::Map(_) => Err("names and values go in as a whole only".to_owned()),
        Datum::None => Err("it is nothing".to_owned()),
        Datum::Secret { .. } => Err("a secret is written only where a shell quotes it".to_owned()),
    }
}

fn only(text: &str, more: &str, because: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    if text.is_empty() {
        return Err(format!("it is empty, and {because}"));
    }
    match text.chars().find(|c| !fits(*c)) {
        Some(c) => {
            let c = c.escape_debug();
            Err(format!(
                "`{c}` is not allowed: {because}, so only letters, digits and `{more}` go in"
            ))
        }
        None => Ok(text.to_owned()),
    }
}

fn check(tongue: Tongue, text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err("it holds a NUL".to_owned());
    }
    // A backslash is a letter for one database and an escape for the next.
    if tongue == Tongue::Sql && text.contains('\\') {
        return Err(
            "databases disagree on `\\`; tag the fence `psql`, `mysql` or `sqlite`".to_owned(),
        );
    }
    Ok(())
}

fn literal(tongue: Tongue, value: &Datum) -> Result<String, String> {
    let list = |values: &[Datum], open: &str, close: &str| -> Result<String, String> {
        let all: Result<Vec<_>, _> = values.iter().map(|it| literal(tongue, it)).collect();
        Ok(format!("{open}{}{close}", all?.join(", ")))
    };
    let is_sql = matches!(
        tongue,
        Tongue::Sql | Tongue::Postgres | Tongue::Mysql | Tongue::Sqlite
    );
    Ok(match (value, tongue) {
        (Datum::None, Tongue::Toml) => return Err("TOML has no word for nothing".to_owned()),
        (Datum::None, Tongue::Python) => "None".to_owned(),
        (Datum::None, Tongue::Powershell) => "$null".to_owned(),
        (Datum::None, _) if is_sql => "NULL".to_owned(),
        (Datum::None, _) => "null".to_owned(),
        (Datum::Bool(truth), Tongue::Python) => if *truth { "True" } else { "False" }.to_owned(),
        (Datum::Bool(truth), Tongue::Powershell) => format!("${truth}"),
        (Datum::Bool(truth), _) => truth.to_string(),
        // `--1` would be a comment.
        (Datum::Number(number), _) if is_sql && number.starts_with('-') => format!("({number})"),
        (Datum::Number(number), _) => number.clone(),
        (Datum::Text(text), _) => {
            check(tongue, text)?;
            match tongue {
                Tongue::Powershell => format!("'{}'", quoted(tongue, "'", text)?),
                Tongue::Postgres if text.contains('\\') => {
                    let escaped = text.replace('\\', "\\\\").replace('\'', "''");
                    format!("E'{escaped}'")
                }
                _ if is_sql => format!("'{}'", quoted(tongue, "'", text)?),
                _ => format!("\"{}\"", quoted(tongue, "\"", text)?),
            }
        }
        (Datum::List(values), Tongue::Powershell) => list(values, "@(", ")")?,
        (Datum::List(values), _) if is_sql && values.is_empty() => "NULL".to_owned(),
        (Datum::List(values), _) if is_sql => list(values, "", "")?,
        (Datum::List(values), _) => list(values, "[", "]")?,
        (Datum::Map(values), Tongue::Json | Tongue::Yaml | Tongue::Python | Tongue::Node) => {
            let mut all = Vec::with_capacity(values.len());
            for (name, value) in values {
                let name = literal(tongue, &Datum::Text(name.clone()))?;
                all.push(format!("{name}: {}", literal(tongue, value)?));
            }
            format!("{{{}}}", all.join(", "))
        }
        (Datum::Map(_), _) => return Err("names and values do not go in there".to_owned()),
        (Datum::Secret { .. }, _) => {
            return Err("a secret is written only where a shell quotes it".to_owned());
        }
    })
}

/// Returns `text` as it stands between quotes.
fn quoted(tongue: Tongue, quote: &str, text: &str) -> Result<String, String> {
    let mut written = String::with_capacity(text.len() + 2);
    match (tongue, quote) {
        (Tongue::Powershell, "\"") => {
            for c in text.chars() {
                if matches!(c, '`' | '$' | '"' | '\u{201c}'..='\u{201e}') {
                    written.push('`');
                }
                written.push(c);
            }
        }
        (Tongue::Powershell, _) => {
            for c in text.chars() {
                // All of these close what `'` opens.
                if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
                    written.push(c);
                }
                written.push(c);
            }
        }
        (Tongue::Mysql, "'" | "\"") => {
            for c in text.chars() {
                if matches!(c, '\\' | '\'' | '"') {
                    written.push('\\');
                }
                written.push(c);
            }
        }
        (Tongue::Sql | Tongue::Postgres | Tongue::Sqlite | Tongue::Mysql, _) => {
            written = text.replace(quote, &quote.repeat(2));
        }
        (Tongue::Yaml, "'") => {
            if text.contains(['\n', '\r']) {
                return Err("a line break goes between double quotes only".to_owned());
            }
            written = text.replace('\'', "''");
        }
        (Tongue::Toml, "'") => {
            if text.contains(['\'', '\n', '\r']) {
                return Err("`'` and line breaks go between double quotes only".to_owned());
            }
            text.clone_into(&mut written);
        }
        _ => {
            for c in text.chars() {
                match c {
                    '\\' | '"' => {
                        written.push('\\');
                        written.push(c);
                    }
                    '\'' if quote.contains('\'') => written.push_str("\\'"),
                    '`' | '$' if quote == "`" => {
                        written.push('\\');
                        written.push(c);
                    }
                    '\n' => written.push_str("\\n"),
                    '\r' => written.push_str("\\r"),
                    '\t' => written.push_str("\\t"),
                    c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                        let _ = write!(written, "\\u{:04x}", u32::from(c));
                    }
                    c => written.push(c),
                }
            }
        }
    }
    Ok(written)
}

/// How a quote that is open goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// A backslash takes what follows.
    Backslash,
    /// The quote, twice, is a letter.
    Doubled,
    /// Both.
    Both,
    /// A backtick takes what follows.
    Backtick,
    /// Nothing is special.
    Nothing,
}

fn quotes(tongue: Tongue) -> &'static [(&'static str, Inside)] {
    use Inside::{Backslash, Backtick, Both, Doubled, Nothing};
    match tongue {
        Tongue::Json => &[("\"", Backslash)],
        Tongue::Yaml => &[("\"", Backslash), ("'", Doubled)],
        Tongue::Toml => &[
            ("\"\"\"", Backslash),
            ("'''", Nothing),
            ("\"", Backslash),
            ("'", Nothing),
        ],
        Tongue::Python => &[
            ("\"\"\"", Backslash),
            ("'''", Backslash),
            ("\"", Backslash),
            ("'", Backslash),
        ],
        Tongue::Node => &[("\"", Backslash), ("'", Backslash), ("`", Backslash)],
        Tongue::Powershell => &[("\"", Backtick), ("'", Doubled)],
        Tongue::Mysql => &[("'", Both), ("\"", Both), ("`", Doubled)],
        Tongue::Sql | Tongue::Postgres | Tongue::Sqlite => &[("'", Doubled), ("\"", Doubled)],
    }
}

fn comments(tongue: Tongue) -> &'static [(&'static str, &'static str)] {
    match tongue {
        Tongue::Json => &[],
        Tongue::Yaml | Tongue::Toml | Tongue::Python => &[("#", "\n")],
        Tongue::Node => &[("//", "\n"), ("/*", "*/")],
        Tongue::Powershell => &[("<#", "#>"), ("#", "\n")],
        Tongue::Mysql => &[("--", "\n"), ("#", "\n"), ("/*", "*/")],
        Tongue::Sql | Tongue::Postgres | Tongue::Sqlite => &[("--", "\n"), ("/*", "*/")],
    }
}

/// Says where the end of `before` stands.
fn place(tongue: Tongue, before: &str, after: &str) -> Place {
    let mut at = 0;
    let mut last = '\n';
    'text: while let Some(c) = before[at..].chars().next() {
        let rest = &before[at..];
        if is_lost(tongue, rest, last) {
            return Place::Lost;
        }
        for (open, close) in comments(tongue) {
            let begins = match tongue {
                Tongue::Yaml => last.is_whitespace(),
                _ => true,
            };
            if begins && rest.starts_with(open) {
                let Some(end) = rest[open.len()..].find(close) else {
                    return Place::Comment;
                };
                at += open.len() + end + close.len();
                last = '\n';
                continue 'text;
            }
        }
        for (quote, inside) in quotes(tongue) {
            // `it's` in YAML is a word.
            let begins = tongue != Tongue::Yaml || last.is_whitespace() || "[{,:".contains(last);
            if begins && rest.starts_with(quote) {
                // `f"{…}"`, `r'…'`, `E'…'`, `N'…'`: another way of reading it.
                let has_prefix = last.is_alphanumeric() || matches!(last, '_' | '&' | '@' | '$');
                match end_of(&rest[quote.len()..], quote, *inside) {
                    Some(_) if has_prefix && tongue != Tongue::Python => return Place::Lost,
                    Some(length) => at += quote.len() + length,
                    None if has_prefix => return Place::Lost,
                    None => return open_quote(tongue, quote, &rest[quote.len()..], after),
                }
                last = '"';
                continue 'text;
            }
        }
        last = c;
        at += c.len_utf8();
    }
    let next = after.chars().next();
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '\'' | '`' | '$' | '\\');
    let is_whole = match tongue {
        // A plain scalar ends where its line does: nothing else may stand on it.
        Tongue::Yaml => {
            let line = before.rsplit('\n').next().unwrap_or_default();
            let head = line.trim_end();
            let begins = head.is_empty() || head.ends_with([':', '-', '[', ',', '{']);
            let spaced = line.ends_with([' ', '[', '{']) || line.is_empty();
            let rest = after.split('\n').next().unwrap_or_default();
            let ends = rest.trim().is_empty()
                || rest.starts_with([',', ']', '}'])
                || rest.starts_with(" #")
                || rest.starts_with(": ");
            begins && spaced && ends
        }
        _ => !(joins(last) || matches!(last, '.' | '@') || next.is_some_and(joins)),
    };
    if is_whole {
        Place::Whole
    } else {
        Place::Joined
    }
}

// A value between quotes: unless it is code that stands there.
fn open_quote(tongue: Tongue, quote: &'static str, inner: &str, after: &str) -> Place {
    let is_lost = match tongue {
        Tongue::Node if quote == "`" => inner.contains("${"),
        Tongue::Powershell if quote == "\"" => inner.contains("$("),
        Tongue::Toml => quote == "'''",
        // A value behind an odd number of escapes would be escaped itself.
        _ => false,
    };
    let escape = if tongue == Tongue::Powershell {
        '`'
    } else {
        '\\'
    };
    let escapes = inner.len() - inner.trim_end_matches(escape).len();
    let spans_lines = quote.len() == 1
        && matches!(
            tongue,
            Tongue::Json | Tongue::Toml | Tongue::Python | Tongue::Node
        )
        && quote != "`"
        && inner.contains('\n');
    if is_lost || escapes % 2 == 1 || spans_lines || !after.contains(quote) {
        return Place::Lost;
    }
    Place::Quoted(quote)
}

/// What this reader does not follow.
fn is_lost(tongue: Tongue, rest: &str, last: char) -> bool {
    match tongue {
        Tongue::Json => rest.starts_with('\'') || rest.starts_with("//") || rest.starts_with("/*"),
        Tongue::Yaml => {
            let line = rest.split('\n').next().unwrap_or_default();
            let mark = line
                .trim_end()
                .trim_end_matches(|c: char| c.is_ascii_digit());
            // A block of text: quotes in it are letters.
            rest.starts_with(['|', '>'])
                && last.is_whitespace()
                && mark.trim_end_matches(['+', '-']).len() <= 1
        }
        Tongue::Toml | Tongue::Python => false,
        Tongue::Node => {
            // It may begin a regular expression.
            rest.starts_with('/') && !rest.starts_with("//") && !rest.starts_with("/*")
        }
        Tongue::Powershell => {
            rest.starts_with("@\"")
                || rest.starts_with("@'")
                || rest.starts_with('`')
                || rest.starts_with(|c: char| ('\u{2018}'..='\u{201e}').contains(&c))
        }
        Tongue::Sql | Tongue::Postgres | Tongue::Sqlite => {
            // `$tag$ … $tag$`, and strings with a backslash, which databases read differently.
            rest.starts_with('$')
                || rest.starts_with('\\')
                || rest.starts_with('`')
                || (rest.starts_with('#') && tongue == Tongue::Sql)
                || (tongue == Tongue::Sql && rest.starts_with('\'') && rest.contains('\\'))
        }
        Tongue::Mysql => rest.starts_with("/*!") || rest.starts_with('\\'),
    }
}

/// Returns where in `text` what follows the closing `quote` begins.
fn end_of(text: &str, quote: &str, inside: Inside) -> Option<usize> {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let escapes = match inside {
            Inside::Backslash | Inside::Both => c == '\\',
            Inside::Backtick => c == '`',
            Inside::Doubled | Inside::Nothing => false,
        };
        if escapes {
            let next = rest[c.len_utf8()..].chars().next();
            at += c.len_utf8() + next.map_or(0, char::len_utf8);
            continue;
        }
        if let Some(behind) = rest.strip_prefix(quote) {
            let doubles = matches!(inside, Inside::Doubled | Inside::Both | Inside::Backtick);
            if doubles && behind.starts_with(quote) {
                at += 2 * quote.len();
                continue;
            }
            return Some(at + quote.len());
        }
        at += c.len_utf8();
    }
    None
}
