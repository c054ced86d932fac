//! The functions of checks: one table that documentation and suggestions are made from, and what
//! each does.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map, Module, NativeCallContext};

use super::evaluate::{StepView, StepsView, limits, reads, session};
use super::value::{Date, Version, of_json};
use super::{asserts, quantity, table};
use crate::markdown::attributes::nearest;
use crate::model::{Fact, Probe, StepId};

/// A function that checks have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How many values it takes: from, to.
    pub takes: (usize, usize),
    /// How it is written.
    pub form: &'static str,
    /// What it gives, in one line.
    pub meaning: &'static str,
    /// An expression with it that holds; for a probe, one that can hold.
    pub example: &'static str,
    /// Whether it looks at the world.
    pub is_probe: bool,
}

const fn row(
    name: &'static str,
    takes: (usize, usize),
    form: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Function {
    Function {
        name,
        takes,
        form,
        meaning,
        example,
        is_probe: false,
    }
}

const fn probe(
    name: &'static str,
    takes: (usize, usize),
    form: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Function {
    let mut it = row(name, takes, form, meaning, example);
    it.is_probe = true;
    it
}

/// The functions that are ours. `docs/checks.md` is held to it.
pub const FUNCTIONS: &[Function] = &[
    row(
        "assert",
        (1, 2),
        "assert(condition, message)",
        "the check fails where it does not hold; both sides of a comparison are shown",
        r#"assert(1 + 1 == 2, "arithmetic"); true"#,
    ),
    row(
        "assert_eq",
        (2, 3),
        "assert_eq(a, b, message)",
        "fails where the two are not the same",
        r#"assert_eq(json("[1, 2]"), [1, 2]); true"#,
    ),
    row(
        "assert_ne",
        (2, 3),
        "assert_ne(a, b, message)",
        "fails where the two are the same",
        r#"assert_ne("a", "b"); true"#,
    ),
    row(
        "assert_match",
        (2, 3),
        "assert_match(text, regex, message)",
        "fails where the regular expression matches nowhere",
        r#"assert_match("nginx/1.24.0", "nginx/\\d+"); true"#,
    ),
    row(
        "json",
        (1, 1),
        "json(text)",
        "the value that the text is; `null` is `()`",
        r#"json(`{"status": "ok", "parts": [1, 2]}`).parts[1] == 2"#,
    ),
    row(
        "yaml",
        (1, 1),
        "yaml(text)",
        "the same for YAML",
        r#"yaml("status: ok").status == "ok""#,
    ),
    row(
        "lines",
        (1, 1),
        "lines(text)",
        "a list of its lines, without line ends",
        r#"lines("a\nb\n").len() == 2"#,
    ),
    row(
        "table",
        (1, 1),
        "table(text)",
        "the rows of a printed table, each a map by column",
        r#"table("NAME  STATUS\nweb   Up 3 days\n")[0].status == "Up 3 days""#,
    ),
    row(
        "plain",
        (1, 1),
        "plain(text)",
        "the text without colours and other escapes",
        r#"plain("\x1b[32mok\x1b[0m") == "ok""#,
    ),
    row(
        "matches",
        (2, 2),
        "matches(text, regex)",
        "whether the regular expression matches somewhere",
        r#"matches("3 rows", "^\\d+ rows?$")"#,
    ),
    row(
        "groups",
        (2, 2),
        "groups(text, regex)",
        "its groups by name, or a list by number where none has one; `()` where it does not match",
        r#"groups("nginx/1.24", "/(?<major>\\d+)").major == "1""#,
    ),
    row(
        "number",
        (1, 1),
        "number(text)",
        "the number at the start of the text, `%` and separators of thousands aside",
        r#"number("87%") < 90"#,
    ),
    row(
        "bytes",
        (1, 1),
        "bytes(text)",
        "a size in bytes: `K M G T P`, `KiB`, `Gi` are powers of 1024, `kB MB GB` of 1000",
        r#"bytes("3.2G") > bytes("3 GB")"#,
    ),
    row(
        "duration",
        (1, 1),
        "duration(text)",
        "a duration in milliseconds: `ms s m h d w`",
        r#"duration("5m") == 300000"#,
    ),
    row(
        "version",
        (1, 1),
        "version(text)",
        "a version, which is compared number by number",
        r#"version("1.10") > version("1.9")"#,
    ),
    row(
        "date",
        (1, 1),
        "date(text)",
        "a point of time, which is compared; the difference of two is in milliseconds",
        r#"date("2026-01-02T03:04:05Z") - date("2026-01-02") == duration("3h4m5s")"#,
    ),
    row(
        "trim",
        (1, 1),
        "trim(text)",
        "the text without white space around it",
        r#"trim(" ok\n") == "ok""#,
    ),
    row(
        "replace",
        (3, 3),
        "replace(text, what, with)",
        "the text with every `what` replaced",
        r#"replace("a-b", "-", "_") == "a_b""#,
    ),
    probe(
        "now",
        (0, 0),
        "now()",
        "the time, as a date",
        r#"now() > date("2020-01-01")"#,
    ),
    probe(
        "http",
        (1, 1),
        "http(url)",
        "a GET: `status`, `body`, `json`, `headers`, `ms`, `error`; redirects are not followed",
        r#"http("http://127.0.0.1:8000/health").status == 200"#,
    ),
    probe(
        "tcp",
        (2, 2),
        "tcp(host, port)",
        "whether a connection can be made",
        r#"tcp("127.0.0.1", 5432)"#,
    ),
    probe(
        "file",
        (1, 1),
        "file(path)",
        "a file: `exists`, `kind`, `size`, `mode`, `owner`, `mtime`",
        r#"file("app.conf").mode == "0640""#,
    ),
    probe(
        "read",
        (1, 1),
        "read(path)",
        "the text of a file of at most 64 KiB, which is recorded; what looks like a secret in it is masked before",
        r#"read("app.conf").contains("port")"#,
    ),
    probe(
        "cert",
        (1, 1),
        "cert(path_or_host_port)",
        "a certificate: `days_left`, `not_after`, `subject`, `issuer`, `names`, `error`",
        r#"cert("example.org:443").days_left > 14"#,
    ),
    probe(
        "disk",
        (1, 1),
        "disk(path)",
        "its file system: `size`, `free`, `used`, `used_percent`",
        r#"disk("/").free > bytes("2G")"#,
    ),
];

/// What checks have of the language's own functions.
pub const STANDARD: &[&str] = &[
    "abs",
    "all",
    "append",
    "call",
    "ceiling",
    "chars",
    "chop",
    "clear",
    "contains",
    "crop",
    "curry",
    "dedup",
    "drain",
    "ends_with",
    "exp",
    "extract",
    "fill_with",
    "filter",
    "find",
    "find_map",
    "floor",
    "for_each",
    "fraction",
    "get",
    "index_of",
    "insert",
    "int",
    "is_def_fn",
    "is_def_var",
    "is_empty",
    "is_even",
    "is_finite",
    "is_infinite",
    "is_nan",
    "is_odd",
    "is_zero",
    "keys",
    "len",
    "ln",
    "log",
    "map",
    "max",
    "min",
    "mixin",
    "order",
    "order_by",
    "order_desc",
    "pad",
    "parse_float",
    "parse_int",
    "parse_json",
    "pop",
    "push",
    "range",
    "reduce",
    "reduce_rev",
    "remove",
    "retain",
    "reverse",
    "round",
    "set",
    "shift",
    "sign",
    "some",
    "sort",
    "sort_by",
    "sort_desc",
    "splice",
    "split",
    "split_rev",
    "sqrt",
    "starts_with",
    "sub_string",
    "take",
    "to_binary",
    "to_chars",
    "to_debug",
    "to_float",
    "to_hex",
    "to_int",
    "to_json",
    "to_lower",
    "to_octal",
    "to_string",
    "to_upper",
    "truncate",
    "type_of",
    "values",
    "zip",
];

/// Functions of the language that no check may call, and why.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("eval", "a check does not make code"),
    ("import", "a check loads nothing"),
    ("export", "a check is whole in itself"),
    ("sleep", "a check does not wait: `until=` and `retries=` do"),
    ("exit", "a check ends by its last value, or with `return`"),
    (
        "print",
        "a check prints nothing: `assert` says what is wrong",
    ),
    (
        "debug",
        "a check prints nothing: `assert` says what is wrong",
    ),
];

/// What `step` and `steps["id"]` have.
pub const OF_A_STEP: &[&str] = &[
    "status",
    "signal",
    "stdout",
    "stderr",
    "ms",
    "attempt",
    "verdict",
    "values",
    "truncated",
];

/// What `run` has.
pub const OF_A_RUN: &[&str] = &["id", "title", "document", "folder"];

type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

/// Returns the one of our functions that is called `name`.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|it| it.name == name)
}

/// Returns what the evaluator says in the words of this program.
pub(super) fn words(said: &str) -> String {
    if let Some(call) = said.strip_prefix("Function not found: ") {
        let name = call.split([' ', '(']).next().unwrap_or_default();
        return match find(name) {
            Some(it) => format!("`{name}` does not take this: write `{}`", it.form),
            None => format!("no function `{name}` takes this: {}", named(call)),
        };
    }
    let mut said = named(said);
    if let Some(first) = said.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    said
}

fn named(said: &str) -> String {
    said.replace("&str | ImmutableString | String", "text")
        .replace("ImmutableString", "text")
        .replace("i64", "number")
        .replace("f64", "number")
}

/// Returns all functions.
pub(super) fn module() -> Module {
    let mut module = Module::new();
    module
        .set_custom_type::<Version>("version")
        .set_custom_type::<Date>("date")
        .set_custom_type::<StepView>("step")
        .set_custom_type::<StepsView>("steps");
    asserts::add(&mut module);
    texts(&mut module);
    quantities(&mut module);
    steps(&mut module);
    probes(&mut module);
    refused(&mut module);
    module
}

#[expect(
    clippy::unnecessary_box_returns,
    reason = "as the evaluator wants its errors"
)]
fn error(message: impl Into<String>) -> Box<EvalAltResult> {
    message.into().into()
}

fn texts(module: &mut Module) {
    type Text = ImmutableString;
    module.set_native_fn("json", |context: NativeCallContext, text: Text| {
        reads(&context, text.len())?;
        match serde_json::from_str(&text) {
            Ok(value) => Ok(of_json(&value)),
            Err(cause) => Err(error(format!(
                "this is no JSON: {cause}{}",
                beginning(&text)
            ))),
        }
    });
    module.set_native_fn("yaml", |context: NativeCallContext, text: Text| {
        reads(&context, text.len())?;
        match serde_saphyr::from_str::<serde_json::Value>(&text) {
            Ok(value) => Ok(of_json(&value)),
            Err(cause) => {
                let cause = cause.to_string();
                let first = cause.lines().next().unwrap_or_default();
                Err(error(format!(
                    "this is no YAML: {first}{}",
                    beginning(&text)
                )))
            }
        }
    });
    module.set_native_fn("lines", |context: NativeCallContext, text: Text| {
        reads(&context, text.len())?;
        within(text.lines().count(), limits::LIST)?;
        let lines: Array = text
            .lines()
            .map(|it| Dynamic::from(it.to_owned()))
            .collect();
        Ok(lines)
    });
    module.set_native_fn("plain", |context: NativeCallContext, text: Text| {
        reads(&context, text.len())?;
        Ok(Text::from(super::plain::plain(&text)))
    });
    module.set_native_fn("table", |context: NativeCallContext, text: Text| {
        reads(&context, text.len())?;
        let rows = table::table(&text);
        // Each cell has two names.
        within(rows.iter().map(Vec::len).sum::<usize>() * 2, limits::MAP)?;
        let rows: Array = rows
            .into_iter()
            .map(|row| Dynamic::from(by_column(row)))
            .collect();
        Ok(rows)
    });
    module.set_native_fn(
        "matches",
        |context: NativeCallContext, text: Text, pattern: Text| {
            reads(&context, text.len())?;
            Ok(regex(&context, &pattern)?.is_match(&text))
        },
    );
    module.set_native_fn(
        "groups",
        |context: NativeCallContext, text: Text, pattern: Text| {
            reads(&context, text.len())?;
            Ok(groups(&regex(&context, &pattern)?, &text))
        },
    );
    module.set_native_fn("trim", |context: NativeCallContext, text: Text| {
        reads(&context, text.len())?;
        Ok(Text::from(text.trim()))
    });
    module.set_native_fn(
        "replace",
        |context: NativeCallContext, text: Text, what: Text, with: Text| {
            let times = if what.is_empty() {
                text.chars().count() + 1
            } else {
                text.matches(&*what).count()
            };
            let size = times.saturating_mul(with.len()).saturating_add(text.len());
            reads(&context, size)?;
            if size > limits::TEXT {
                return Err(error("the text would become too large"));
            }
            Ok(Text::from(text.replace(&*what, &with)))
        },
    );
    // What the language has for these asks nothing for their length.
    module.set_native_fn("to_upper", |context: NativeCallContext, text: Text| {
        reads(&context, 16 * text.len())?;
        Ok(Text::from(text.to_uppercase()))
    });
    module.set_native_fn("to_lower", |context: NativeCallContext, text: Text| {
        reads(&context, 16 * text.len())?;
        Ok(Text::from(text.to_lowercase()))
    });
    module.set_native_fn("number", |context: NativeCallContext, text: Text| {
        reads(&context, text.len())?;
        let found = quantity::number(&text);
        found.ok_or_else(|| error(format!("`{}` is no number", inline(&text))))
    });
}

/// Refuses to make more of a text than a script may hold.
fn within(elements: usize, most: usize) -> Result<()> {
    if elements > most {
        return Err(error(format!(
            "{elements} elements are too many: at most {most}"
        )));
    }
    Ok(())
}

fn by_column(row: Vec<(String, String)>) -> Map {
    let mut map = Map::new();
    for (name, value) in row {
        let alias = table::alias(&name);
        let value = Dynamic::from(value);
        if !alias.is_empty() {
            map.entry(alias.as_str().into())
                .or_insert_with(|| value.clone());
        }
        // The header as it stands wins over an alias of another.
        map.insert(name.as_str().into(), value);
    }
    map
}

fn groups(regex: &Regex, text: &str) -> Dynamic {
    let Some(found) = regex.captures(text) else {
        return Dynamic::UNIT;
    };
    let of = |at: usize| {
        let part = found.get(at);
        part.map_or(Dynamic::UNIT, |part| {
            Dynamic::from(part.as_str().to_owned())
        })
    };
    if regex.capture_names().flatten().next().is_none() {
        let all: Array = (0..found.len()).map(of).collect();
        return all.into();
    }
    let mut map = Map::new();
    for (at, name) in regex.capture_names().enumerate() {
        if let Some(name) = name {
            map.insert(name.into(), of(at));
        }
    }
    map.into()
}

/// Returns the compiled expression: each is compiled once for each time that a script is judged.
pub(super) fn regex(context: &NativeCallContext<'_>, pattern: &str) -> Result<Regex> {
    let session = session(context.engine())?;
    if let Some(known) = session.regexes.borrow().get(pattern) {
        return Ok(known.clone());
    }
    reads(context, limits::REGEX)?;
    let made = compiled(pattern).map_err(error)?;
    let mut regexes = session.regexes.borrow_mut();
    if regexes.len() < 64 {
        regexes.insert(pattern.to_owned(), made.clone());
    }
    Ok(made)
}

/// Compiles a regular expression within limits.
pub(super) fn compiled(pattern: &str) -> std::result::Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(limits::REGEX)
        .dfa_size_limit(2 * limits::REGEX)
        .build()
        .map_err(|cause| {
            let cause = cause.to_string();
            let last = cause.lines().last().unwrap_or_default().trim();
            let last = last.strip_prefix("error: ").unwrap_or(last);
            format!("`{}` is no regular expression: {last}", inline(pattern))
        })
}

fn beginning(text: &str) -> String {
    let text = text.trim_start();
    if text.is_empty() {
        return ": it is empty".to_owned();
    }
    format!(": it begins with `{}`", inline(text))
}

fn inline(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(60).collect()
}

/// Registers all comparisons of two types by how one is ordered beside the other.
fn compared<A, B>(module: &mut Module, order: fn(&A, &B) -> Result<Ordering>)
where
    A: rhai::Variant + Clone,
    B: rhai::Variant + Clone,
{
    type Decides = fn(Ordering) -> bool;
    let operators: [(&str, Decides); 6] = [
        ("==", Ordering::is_eq),
        ("!=", Ordering::is_ne),
        ("<", Ordering::is_lt),
        ("<=", Ordering::is_le),
        (">", Ordering::is_gt),
        (">=", Ordering::is_ge),
    ];
    for (operator, decides) in operators {
        module.set_native_fn(operator, move |a: A, b: B| order(&a, &b).map(decides));
    }
}

fn quantities(module: &mut Module) {
    type Text = ImmutableString;
    module.set_native_fn("bytes", |text: Text| {
        quantity::bytes(&text).ok_or_else(|| {
            error(format!(
                "`{}` is no size: write `bytes(\"3.2G\")`",
                inline(&text)
            ))
        })
    });
    module.set_native_fn("bytes", |number: i64| Ok(number));
    module.set_native_fn("duration", |text: Text| {
        quantity::duration(&text).ok_or_else(|| {
            error(format!(
                "`{}` is no duration: write `duration(\"5m\")`",
                inline(&text)
            ))
        })
    });
    module.set_native_fn("version", |text: Text| {
        let text = text.trim();
        if !text.contains(|c: char| c.is_ascii_digit()) || text.contains(char::is_whitespace) {
            let message = format!(
                "`{}` is no version: write `version(\"1.10\")`",
                inline(text)
            );
            return Err(error(message));
        }
        Ok(Version(text.to_owned()))
    });
    module.set_native_fn("date", |text: Text| date(&text));
    module.set_native_fn("date", |seconds: i64| {
        let time = jiff::Timestamp::from_second(seconds);
        time.map(Date)
            .map_err(|_| error(format!("{seconds} is no date")))
    });
    compared::<Version, Version>(module, |a, b| Ok(a.cmp(b)));
    compared::<Version, Text>(module, |a, b| Ok(a.cmp(&Version(b.to_string()))));
    compared::<Text, Version>(module, |a, b| Ok(Version(a.to_string()).cmp(b)));
    compared::<Date, Date>(module, |a, b| Ok(a.cmp(b)));
    compared::<Date, Text>(module, |a, b| Ok(a.cmp(&date(b)?)));
    compared::<Text, Date>(module, |a, b| Ok(date(a)?.cmp(b)));
    module.set_native_fn("-", |a: Date, b: Date| {
        Ok(a.0.as_millisecond() - b.0.as_millisecond())
    });
    module.set_native_fn("+", |a: Date, ms: i64| moved(a, ms));
    module.set_native_fn("-", |a: Date, ms: i64| moved(a, ms.saturating_neg()));
    for name in ["to_string", "to_debug"] {
        module.set_native_fn(name, |it: Date| Ok(it.to_string()));
        module.set_native_fn(name, |it: Version| Ok(it.to_string()));
    }
    module.set_native_fn("+", |a: Text, b: Date| Ok(format!("{a}{b}")));
    module.set_native_fn("+", |a: Text, b: Version| Ok(format!("{a}{b}")));
}

fn date(text: &str) -> Result<Date> {
    quantity::date(text).map(Date).ok_or_else(|| {
        error(format!(
            "`{}` is no date: write `date(\"2026-01-02T03:04:05Z\")`",
            inline(text)
        ))
    })
}

fn moved(date: Date, ms: i64) -> Result<Date> {
    let moved = date.0.as_millisecond().checked_add(ms);
    let moved = moved.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moved
        .map(Date)
        .ok_or_else(|| error("this date is out of reach"))
}

fn steps(module: &mut Module) {
    let number = |of: Option<i32>| of.map_or(Dynamic::UNIT, |it| i64::from(it).into());
    module.set_getter_fn("status", move |it: &mut StepView| Ok(number(it.0.status)));
    module.set_getter_fn("signal", move |it: &mut StepView| Ok(number(it.0.signal)));
    module.set_getter_fn("stdout", |context: NativeCallContext, it: &mut StepView| {
        printed(&context, &it.0.stdout)
    });
    module.set_getter_fn("stderr", |context: NativeCallContext, it: &mut StepView| {
        printed(&context, &it.0.stderr)
    });
    module.set_getter_fn("ms", |it: &mut StepView| {
        Ok(i64::try_from(it.0.ms).unwrap_or(i64::MAX))
    });
    module.set_getter_fn("attempt", |it: &mut StepView| Ok(i64::from(it.0.attempt)));
    module.set_getter_fn("truncated", |it: &mut StepView| Ok(it.0.truncated));
    module.set_getter_fn("verdict", |it: &mut StepView| {
        let word =
            it.0.verdict
                .map(|it| serde_json::to_value(it).unwrap_or_default());
        Ok(word.map_or(Dynamic::UNIT, |word| of_json(&word)))
    });
    module.set_getter_fn("values", |it: &mut StepView| {
        let values = it.0.values.iter();
        let map: Map = values
            .map(|(name, text)| (name.as_str().into(), text.as_str().into()))
            .collect();
        Ok(map)
    });
    module.set_indexer_get_fn(|it: &mut StepsView, id: ImmutableString| {
        let found = it.0.iter().find(|(known, _)| known.as_str() == id.as_str());
        let Some((_, facts)) = found else {
            let meant = nearest(&id, it.0.keys().map(StepId::as_str));
            let hint = meant.map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
            return Err(error(format!(
                "step `{id}` has not ended in this run{hint}"
            )));
        };
        Ok(StepView(std::rc::Rc::new(facts.clone())))
    });
    module.set_native_fn("contains", |it: &mut StepsView, id: ImmutableString| {
        Ok(it.0.keys().any(|known| known.as_str() == id.as_str()))
    });
    module.set_native_fn("keys", |it: &mut StepsView| {
        let ids: Array =
            it.0.keys()
                .map(|id| Dynamic::from(id.to_string()))
                .collect();
        Ok(ids)
    });
    for name in ["to_string", "to_debug"] {
        module.set_native_fn(name, |_: &mut StepView| Ok("a step".to_owned()));
        module.set_native_fn(name, |_: &mut StepsView| Ok("steps".to_owned()));
    }
}

fn printed(context: &NativeCallContext<'_>, text: &str) -> Result<ImmutableString> {
    reads(context, text.len())?;
    if text.len() > limits::PRINTED {
        return Err(error(format!(
            "the output is {} bytes long: a check reads {} MiB at most",
            text.len(),
            limits::PRINTED >> 20
        )));
    }
    Ok(text.into())
}

fn probes(module: &mut Module) {
    type Text = ImmutableString;
    let fact = |context: &NativeCallContext<'_>, probe: Probe| -> Result<Fact> {
        reads(context, 0)?;
        session(context.engine())?.fact(probe, context.call_position())
    };
    // A look that was not possible is a map with its error, where a script can ask for that.
    let map = move |context: &NativeCallContext<'_>, probe: Probe| -> Result<Map> {
        let found = match fact(context, probe)? {
            Fact::Found(value) => of_json(&value),
            Fact::Failed(cause) => Map::from([("error".into(), cause.into())]).into(),
        };
        let mut found = found.try_cast::<Map>().unwrap_or_default();
        found.entry("error".into()).or_insert_with(|| "".into());
        Ok(found)
    };
    module.set_native_fn("now", move |context: NativeCallContext| {
        let time = match fact(&context, Probe::Now)? {
            Fact::Found(value) => value.as_i64(),
            Fact::Failed(_) => None,
        };
        let time = time.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        time.map(Date).ok_or_else(|| error("the time is not known"))
    });
    module.set_native_fn("http", move |context: NativeCallContext, url: Text| {
        let mut found = map(
            &context,
            Probe::Http {
                url: url.to_string(),
            },
        )?;
        for missing in ["status", "ms"] {
            found.entry(missing.into()).or_insert(Dynamic::UNIT);
        }
        found.entry("body".into()).or_insert_with(|| "".into());
        found
            .entry("headers".into())
            .or_insert_with(|| Map::new().into());
        let body = found
            .get("body")
            .map(super::value::shown)
            .unwrap_or_default();
        reads(&context, body.len())?;
        let json = serde_json::from_str(&body).map_or(Dynamic::UNIT, |it| of_json(&it));
        found.insert("json".into(), json);
        Ok(found)
    });
    module.set_native_fn(
        "tcp",
        move |context: NativeCallContext, host: Text, port: i64| {
            let Ok(port) = u16::try_from(port) else {
                return Err(error(format!("{port} is no port")));
            };
            let host = host.to_string();
            let found = map(&context, Probe::Tcp { host, port })?;
            Ok(found.get("open").is_some_and(|it| it.as_bool() == Ok(true)))
        },
    );
    module.set_native_fn("file", move |context: NativeCallContext, path: Text| {
        let mut found = map(
            &context,
            Probe::File {
                path: path.to_string(),
            },
        )?;
        found.entry("exists".into()).or_insert_with(|| false.into());
        for missing in ["kind", "size", "mode", "owner", "mtime"] {
            found.entry(missing.into()).or_insert(Dynamic::UNIT);
        }
        dated(&mut found, "mtime");
        Ok(found)
    });
    module.set_native_fn("read", move |context: NativeCallContext, path: Text| {
        let mut found = map(
            &context,
            Probe::Text {
                path: path.to_string(),
            },
        )?;
        let cause = found.get("error").map(super::value::shown);
        match (cause.filter(|it| !it.is_empty()), found.remove("text")) {
            (None, Some(text)) => {
                reads(
                    &context,
                    text.as_immutable_string_ref().map_or(0, |it| it.len()),
                )?;
                Ok(text)
            }
            (cause, _) => {
                let cause = cause.unwrap_or_default();
                Err(error(format!("`{path}` cannot be read: {cause}")))
            }
        }
    });
    module.set_native_fn("cert", move |context: NativeCallContext, of: Text| {
        let mut found = map(&context, Probe::Cert { of: of.to_string() })?;
        for missing in ["days_left", "not_after", "subject", "issuer", "names"] {
            found.entry(missing.into()).or_insert(Dynamic::UNIT);
        }
        dated(&mut found, "not_after");
        Ok(found)
    });
    module.set_native_fn("disk", move |context: NativeCallContext, path: Text| {
        let found = map(
            &context,
            Probe::Disk {
                path: path.to_string(),
            },
        )?;
        match found.get("error").map(super::value::shown) {
            Some(cause) if !cause.is_empty() => {
                Err(error(format!("the disk of `{path}` is not known: {cause}")))
            }
            _ => Ok(found),
        }
    });
}

/// A recorded date, in milliseconds since 1970, becomes one that compares.
fn dated(found: &mut Map, name: &str) {
    let Some(value) = found.get_mut(name) else {
        return;
    };
    if let Some(time) = value
        .as_int()
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
    {
        *value = Dynamic::from(Date(time));
    }
}

fn refused(module: &mut Module) {
    let because = |name: &'static str| {
        let row = REFUSED.iter().find(|(known, _)| *known == name);
        row.map_or("", |row| row.1)
    };
    module.set_native_fn("sleep", move |_: i64| Err::<(), _>(error(because("sleep"))));
    module.set_native_fn("sleep", move |_: f64| Err::<(), _>(error(because("sleep"))));
    module.set_native_fn("exit", move || Err::<(), _>(error(because("exit"))));
    module.set_native_fn("exit", move |_: Dynamic| {
        Err::<(), _>(error(because("exit")))
    });
}
