//! The documentation says what the program does: tables are compared with the program's own, every
//! option is named, every command line in a fence is one, the examples run.
//!
//! `RUNBOOK_DOCS=write` writes the tables that are made from the program into the documents.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read its own files has nothing better to say"
)]

use std::fmt::Write as _;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use runbook::classify::language;
use runbook::cli::exit::ExitCode;
use runbook::lint::{INSTEAD, rules};
use runbook::markdown::attributes::{self, Performed, Row, Takes};
use runbook::markdown::outline;
use runbook::model::{Nature, Offer, Severity};
use runbook::resolve::{INPUT_KEYS, Key, TOP_KEYS};
use runbook::target::{needed, starter};

use crate::fixture;

const COMMANDS: &[&str] = &[
    "run",
    "plan",
    "resume",
    "stop",
    "close",
    "note",
    "list",
    "lint",
    "init",
    "history",
    "show",
    "verify",
    "completions",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

struct Outcome {
    code: i32,
    text: String,
}

/// A folder of configuration that holds the interpreters which docs/format.md configures.
fn configuration() -> PathBuf {
    static WRITTEN: std::sync::Once = std::sync::Once::new();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("docs");
    WRITTEN.call_once(|| {
        let text = read("docs/format.md");
        let document = outline(&text);
        let fences = document.fences.iter().map(|it| document.body(it));
        let rows: String = fences
            .filter(|it| it.starts_with("[interpreters]"))
            .collect();
        assert!(!rows.is_empty(), "docs/format.md configures no interpreter");
        std::fs::create_dir_all(folder.join("runbook")).unwrap();
        std::fs::write(folder.join("runbook/config.toml"), rows).unwrap();
    });
    folder
}

/// Runs the program as in CI: no terminal, a state folder of its own.
fn runbook(state: &Path, args: &[&str]) -> Outcome {
    let mut printed = tempfile::tempfile().unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a test starts the program itself"
    )]
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_runbook"));
    command
        .args(args)
        .current_dir(root())
        .env("RUNBOOK_STATE", state)
        .env("XDG_CONFIG_HOME", configuration())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(printed.try_clone().unwrap())
        .stderr(printed.try_clone().unwrap());
    let status = fixture::wait(fixture::spawn(&mut command));
    let mut text = Vec::new();
    printed.seek(SeekFrom::Start(0)).unwrap();
    printed.read_to_end(&mut text).unwrap();
    Outcome {
        code: status.code().unwrap_or(-1),
        text: String::from_utf8_lossy(&text).into_owned(),
    }
}

/// Compares what stands between the marks of `block` in the document `name` with `wanted`.
pub fn check_block(name: &str, block: &str, wanted: &str) {
    let text = read(name);
    let (begin, end) = (
        format!("<!-- begin: {block} -->\n"),
        format!("<!-- end: {block} -->"),
    );
    let start = text.find(&begin).expect("the block begins") + begin.len();
    let stop = start + text[start..].find(&end).expect("the block ends");
    if std::env::var("RUNBOOK_DOCS").is_ok_and(|it| it == "write") {
        let fresh = format!("{}{wanted}{}", &text[..start], &text[stop..]);
        std::fs::write(root().join(name), fresh).unwrap();
        return;
    }
    assert_eq!(
        &text[start..stop],
        wanted,
        "`{block}` in {name} is not what the program says; RUNBOOK_DOCS=write mends it"
    );
}

fn performed(performed: Performed) -> String {
    match performed {
        Performed::Since(version) => format!("since {version}"),
        Performed::NotYet => "refused".to_owned(),
    }
}

fn values(takes: Takes) -> String {
    match takes {
        Takes::Nothing => "–".to_owned(),
        Takes::Id => "an id".to_owned(),
        Takes::Ids => "ids".to_owned(),
        Takes::Text => "text".to_owned(),
        Takes::Duration => "a duration".to_owned(),
        Takes::Durations => "a duration, or `2s..1m`".to_owned(),
        Takes::Number => "a number".to_owned(),
        Takes::ExitCodes => "exit codes".to_owned(),
        Takes::Environment => "variables".to_owned(),
        Takes::OneOf(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(" ")
        }
        Takes::Condition => "a condition".to_owned(),
    }
}

#[test]
fn the_table_of_attributes_is_the_programs_own() {
    let mut table =
        String::from("| attribute | takes | meaning | of a section | |\n|---|---|---|---|---|\n");
    // What works first, then what is refused.
    let (here, later): (Vec<&Row>, Vec<&Row>) = attributes::TABLE
        .iter()
        .partition(|row| row.performed != Performed::NotYet);
    for row in here.into_iter().chain(later) {
        let name = match (row.name, row.alias) {
            ("id", Some(alias)) => format!("`#…` `id` `{alias}`"),
            ("tag", _) => "`.…` `tag`".to_owned(),
            (name, Some(alias)) => format!("`{name}` `{alias}`"),
            (name, None) => format!("`{name}`"),
        };
        let section = if row.for_sections { "yes" } else { "" };
        writeln!(
            table,
            "| {name} | {} | {} | {section} | {} |",
            values(row.takes),
            row.meaning,
            performed(row.performed)
        )
        .unwrap();
    }
    check_block("docs/format.md", "attributes", &table);
}

fn weight(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Error) => "error",
        Some(Severity::Warning) => "warning",
        Some(Severity::Hint) => "hint",
        None => "–",
    }
}

#[test]
fn the_table_of_rules_is_the_programs_own() {
    let mut table = String::from(
        "| rule | declared | plain | what it finds | way out |\n|---|---|---|---|---|\n",
    );
    for rule in rules::TABLE {
        writeln!(
            table,
            "| `{}` | {} | {} | {} | {} |",
            rule.id,
            weight(Some(rule.declared)),
            weight(rule.plain),
            rule.reason,
            rule.way_out
        )
        .unwrap();
    }
    check_block("docs/lint.md", "rules", &table);
    let mut instead = String::from("| missing | instead |\n|---|---|\n");
    for (program, others) in INSTEAD {
        let others: Vec<String> = others.iter().map(|it| format!("`{it}`")).collect();
        writeln!(instead, "| `{program}` | {} |", others.join(", ")).unwrap();
    }
    check_block("docs/lint.md", "instead", &instead);
}

fn keys(keys: &[Key]) -> String {
    let mut table = String::from("| key | meaning | |\n|---|---|---|\n");
    for key in keys {
        writeln!(
            table,
            "| `{}` | {} | {} |",
            key.name,
            key.meaning,
            performed(key.performed)
        )
        .unwrap();
    }
    table
}

#[test]
fn the_tables_of_front_matter_are_the_programs_own() {
    check_block("docs/format.md", "top keys", &keys(TOP_KEYS));
    check_block("docs/format.md", "input keys", &keys(INPUT_KEYS));
}

const fn is(nature: Nature) -> &'static str {
    match nature {
        Nature::Command => "lines for an interpreter: the only one that runs as it stands",
        Nature::Session => "prompted commands, with what they printed",
        Nature::Interactive => {
            "a command that wants a person at the terminal: an editor, a console"
        }
        Nature::File => {
            "what is to stand in a file: settings, units, crontab lines, `.env`, source"
        }
        Nature::Output => "what a command prints",
        Nature::Query => "for the console of a database or another service",
        Nature::Data => "a payload or a sample",
        Nature::Diagram => "a picture in words: mermaid, a tree, boxes",
        Nature::Listing => "anything else: prose, a synopsis, a list",
    }
}

#[test]
fn the_tables_of_natures_and_offers_are_the_programs_own() {
    let mut natures = String::from("| nature | |\n|---|---|\n");
    for nature in Nature::ALL {
        writeln!(natures, "| `{nature}` | {} |", is(nature)).unwrap();
    }
    let offers = [
        (Offer::Run, "it may be run as it stands"),
        (Offer::Type, "it destroys: it runs once its id was typed"),
        (
            Offer::Ask,
            "a person must look first: it is in doubt, it is one of several, or it is not known what it does",
        ),
        (Offer::Fill, "a value must be given first"),
        (
            Offer::Hand,
            "a person does it, in a terminal of their own or anywhere else",
        ),
        (Offer::Never, "it is no step, and never runs"),
    ];
    let mut table = String::from("| offer | |\n|---|---|\n");
    for (offer, meaning) in offers {
        writeln!(table, "| `{}` | {meaning} |", offer.name()).unwrap();
    }
    for document in ["docs/json.md", "docs/manuals.md"] {
        check_block(document, "natures", &natures);
        check_block(document, "offers", &table);
    }
}

/// Runs `list --json` on a manual of this text.
fn listed(text: &str) -> serde_json::Value {
    let state = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manual.md");
    std::fs::write(&file, text).unwrap();
    let list = runbook(state.path(), &["list", "--json", file.to_str().unwrap()]);
    assert_eq!(list.code, 0, "{}", list.text);
    serde_json::from_str(&list.text).unwrap()
}

#[test]
fn every_field_of_list_is_documented_and_every_documented_field_is_there() {
    let document = read("docs/json.md");
    let text = "# A\n\n- [ ] look\n\n```bash\nssh deploy@<HOST> uptime > /tmp/x\n```\n\n```env\nA=1\n```\n";
    let plain = listed(text);
    let declared = listed("---\nrunbook: 1\ninputs: { a: { default: b } }\n---\n");
    let runbook = &plain["runbooks"][0];
    let piece = &runbook["fences"][0]["pieces"][0];
    for (what, value) in [
        ("the whole", &plain),
        ("a runbook", runbook),
        ("an input", &declared["runbooks"][0]["inputs"][0]),
        ("a section", &runbook["sections"][0]),
        ("a fence", &runbook["fences"][0]),
        ("a form", &runbook["forms"][0]),
        ("a field", &runbook["forms"][0]["fields"][0]),
        ("a piece", piece),
        ("a step", &runbook["steps"][0]),
        ("a doubt", &piece["doubts"][0]),
        ("a placeholder", &piece["placeholders"][0]),
    ] {
        let rows = rows(&document, &format!("of {what}"));
        let mut documented: Vec<&str> = rows.iter().flat_map(|row| in_backticks(&row[0])).collect();
        documented.sort_unstable();
        let object = value
            .as_object()
            .unwrap_or_else(|| panic!("{what}: {plain:#}"));
        let mut there: Vec<&str> = object.keys().map(String::as_str).collect();
        there.sort_unstable();
        assert_eq!(documented, there, "{what}");
    }
}

#[test]
fn every_field_of_plan_is_documented_and_every_documented_field_is_there() {
    let document = read("docs/json.md");
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let file = folder.path().join("a.md");
    let text = "---\nrunbook: 1\ninputs: { a: { default: b } }\n---\n# A\n\n```ini {#one file=x if=true user=root}\ny\n```\n\n```bash {#two stdin=x}\ncat\n```\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    runbook(&state, &["run", file, "--only", "two"]);
    let plan = runbook(&state, &["plan", "--json", file]);
    assert_eq!(plan.code, 0, "{}", plan.text);
    let plan: serde_json::Value = serde_json::from_str(&plan.text).unwrap();
    // There only where it is said.
    let at_times = [
        "user",
        "stdin",
        "with",
        "interactive",
        "file",
        "change",
        "unknown",
    ];
    for (what, value) in [
        ("a plan", &plan),
        ("a planned input", &plan["inputs"][0]),
        ("a planned step", &plan["steps"][0]),
        ("a last run", &plan["last"]),
    ] {
        let rows = rows(&document, &format!("of {what}"));
        let documented: Vec<&str> = rows.iter().flat_map(|row| in_backticks(&row[0])).collect();
        let object = value
            .as_object()
            .unwrap_or_else(|| panic!("{what}: {plan:#}"));
        for name in object.keys() {
            assert!(
                documented.contains(&name.as_str()),
                "{what}: `{name}` is not documented"
            );
        }
        for name in documented {
            let is_there = object.contains_key(name) || at_times.contains(&name);
            assert!(is_there, "{what}: `{name}` is not there");
        }
    }
}

#[test]
fn the_example_of_list_is_what_it_prints() {
    let document = read("docs/json.md");
    let start = document.find("````markdown\n").unwrap() + "````markdown\n".len();
    let end = start + document[start..].find("````\n").unwrap();
    // As it is printed, in the order in which it is printed.
    let state = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manual.md");
    std::fs::write(&file, &document[start..end]).unwrap();
    let list = runbook(state.path(), &["list", "--json", file.to_str().unwrap()]);
    let lines = list.text.lines();
    let lines = lines.skip_while(|line| *line != "      \"steps\": [");
    let lines = lines.take_while(|line| !line.starts_with("      \"errors\""));
    let shown: Vec<&str> = lines.map(|line| line.get(4..).unwrap_or(line)).collect();
    let shown = shown.join("\n");
    let shown = format!("{{\n{}\n}}", shown.trim_end_matches(','));
    assert!(
        serde_json::from_str::<serde_json::Value>(&shown).is_ok(),
        "{shown}"
    );
    let text = format!("```json\n{shown}\n```\n");
    check_block("docs/json.md", "example of list", &text);
}

/// The rows of the table whose first column is headed `heading`, cell by cell.
fn rows(document: &str, heading: &str) -> Vec<Vec<String>> {
    let start = format!("| {heading} |");
    document
        .lines()
        .skip_while(|line| !line.starts_with(&start))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

fn in_backticks(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_table_of_languages_names_all_that_run_and_how_they_are_started() {
    let document = read("docs/format.md");
    let rows = rows(&document, "language");
    let mut documented: Vec<&str> = rows.iter().flat_map(|row| in_backticks(&row[0])).collect();
    documented.sort_unstable();
    let mut known: Vec<&str> = language::TABLE
        .iter()
        .filter(|row| row.kind.is_command())
        .map(|row| row.name)
        .collect();
    known.sort_unstable();
    assert_eq!(documented, known);
    for row in &rows {
        for name in in_backticks(&row[0]) {
            let language = language::find(name).unwrap();
            for alias in language.aliases {
                assert!(in_backticks(&row[1]).contains(alias), "{name}: `{alias}`");
            }
            for program in needed(starter(language.language()).unwrap()) {
                assert!(row[2].contains(program), "{name}: `{program}`");
            }
        }
    }
}

#[test]
fn the_table_of_exit_codes_is_the_programs_own() {
    let codes = [
        ("PASSED", ExitCode::PASSED),
        ("FAILED", ExitCode::FAILED),
        ("USAGE", ExitCode::USAGE),
        ("STOPPED", ExitCode::STOPPED),
        ("ENVIRONMENT", ExitCode::ENVIRONMENT),
        ("CHANGES", ExitCode::CHANGES),
        ("UNKNOWN", ExitCode::UNKNOWN),
        ("UNVERIFIED", ExitCode::UNVERIFIED),
        ("JOURNAL", ExitCode::JOURNAL),
        ("BUG", ExitCode::BUG),
        ("INTERRUPTED", ExitCode::INTERRUPTED),
    ];
    // A constant that is added there is missed here.
    let declared = read("src/cli/exit.rs").matches("pub const ").count();
    assert_eq!(declared, codes.len());
    let documented: Vec<(String, String)> = rows(&read("docs/exit-codes.md"), "code")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].trim_matches('`').to_owned()))
        .collect();
    let wanted: Vec<(String, String)> = codes
        .iter()
        .map(|(name, code)| (code.0.to_string(), (*name).to_owned()))
        .collect();
    assert_eq!(documented, wanted);
}

#[test]
fn every_command_and_every_option_is_documented() {
    let state = tempfile::tempdir().unwrap();
    let document = read("docs/running.md");
    let top = runbook(state.path(), &["--help"]);
    for line in top.text.lines().skip_while(|it| *it != "Commands:").skip(1) {
        let Some(name) = line.split_whitespace().next() else {
            break;
        };
        assert!(
            name == "help" || COMMANDS.contains(&name),
            "`{name}` is new"
        );
    }
    let mut options = 0;
    for command in COMMANDS {
        assert!(
            document.contains(&format!("`runbook {command}")),
            "{command}"
        );
        let help = runbook(state.path(), &[command, "--help"]);
        assert_eq!(help.code, 0, "{command}");
        for word in help.text.split([' ', ',', '\n', ';', '`', '[', ']']) {
            let name = word.split(['=', ':']).next().unwrap_or_default();
            if name.starts_with("--") && name.len() > 2 {
                options += 1;
                let is_named = document.match_indices(name).any(|(at, _)| {
                    !document[at + name.len()..]
                        .starts_with(|it: char| it.is_alphanumeric() || it == '-')
                });
                assert!(is_named, "`{command} {name}` is not in docs/running.md");
            }
        }
    }
    assert!(options > 30, "{options}");
}

#[test]
fn what_is_said_to_be_refused_is_refused_before_step_one() {
    let state = tempfile::tempdir().unwrap();
    let document = read("docs/running.md");
    let paragraph = document
        .split("\n\n")
        .find(|it| it.contains("known and refused"))
        .expect("there is such a paragraph");
    let words = in_backticks(paragraph);
    assert!(words.len() > 4, "{words:?}");
    for word in words {
        let args: &[&str] = match word {
            "--require" => &["verify", "last", word, "x"],
            "--dry-run" => &["run", "runbooks/health.md", word],
            option if option.starts_with("--") => &["run", "runbooks/health.md", word, "x=1"],
            command => &[command, "runbooks/health.md"],
        };
        let refused = runbook(state.path(), args);
        assert_eq!(refused.code, 2, "{args:?}: {}", refused.text);
        assert!(
            refused.text.contains("is not in this version"),
            "{args:?}: {}",
            refused.text
        );
    }
    // An attribute that is refused stops all that stands beside it.
    for row in attributes::TABLE {
        if row.performed != Performed::NotYet {
            continue;
        }
        let value = match row.takes {
            Takes::Nothing => row.name.to_owned(),
            Takes::OneOf(words) => format!("{}={}", row.name, words[0]),
            Takes::Ids | Takes::Id => format!("{}=first", row.name),
            _ => format!("{}=1", row.name),
        };
        let text = format!(
            "---\nrunbook: 1\n---\n# A\n```bash {{#first}}\ntouch ran\n```\n# B\n```bash {{{value}}}\ntrue\n```\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("later.md");
        std::fs::write(&file, text).unwrap();
        let refused = runbook(state.path(), &["run", file.to_str().unwrap()]);
        assert_eq!(refused.code, 2, "{value}: {}", refused.text);
        assert!(!folder.path().join("ran").exists(), "{value}");
    }
}

fn documents() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("README.md")];
    for folder in [
        "docs",
        "runbooks",
        "runbooks/prestamos",
        "runbooks/servicios",
    ] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "md") {
                found.push(path.strip_prefix(root()).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// Every `runbook …` that begins a line of a fence or of indented code, as words.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    joined
        .lines()
        .filter(|line| line.starts_with("    ") || !line.starts_with(' '))
        .filter_map(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("$ ").unwrap_or(line);
            let rest = match line.strip_prefix("cargo run -- ") {
                Some(rest) => rest,
                None => line.strip_prefix("runbook ")?,
            };
            Some(words(rest))
        })
        .collect()
}

/// Splits at blanks outside double quotes, up to what the shell would do next.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            '&' | ';' | '|' | '<' | '>' | '#' if !is_quoted => break,
            c => words.last_mut().expect("there is one").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_line_in_the_documents_is_one() {
    let state = tempfile::tempdir().unwrap();
    let mut count = 0;
    for path in documents() {
        let text = read(path.to_str().unwrap());
        for line in command_lines(&text) {
            count += 1;
            // `--help` is answered only by a command line that is right so far.
            let mut args: Vec<&str> = line.iter().map(String::as_str).collect();
            args.push("--help");
            let help = runbook(state.path(), &args);
            assert_eq!(help.code, 0, "{}: {line:?}\n{}", path.display(), help.text);
            let command = COMMANDS.contains(&args[0]) || args[0].starts_with("--");
            assert!(command, "{}: {line:?}", path.display());
            // … but it stops reading there: an unknown option before it is found so.
            for word in line.iter().filter(|word| word.starts_with("--")) {
                let name = word.split('=').next().unwrap_or_default();
                let known = runbook(state.path(), &[&line[0], "--help"]).text;
                assert!(known.contains(name), "{}: `{name}`", path.display());
            }
        }
    }
    assert!(count > 15, "{count} command lines");
}

#[test]
fn links_lead_somewhere() {
    for path in documents() {
        let text = read(path.to_str().unwrap());
        let folder = root().join(path.parent().unwrap());
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            if target.starts_with("http") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => root().join(&path),
                file => folder.join(file),
            };
            let there = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(!there.is_empty(), "{}: {target}", path.display());
            let document = outline(&there);
            let mut anchors = runbook::markdown::Anchors::default();
            let is_there = anchor.is_empty()
                || document
                    .headings
                    .iter()
                    .any(|heading| anchors.next(&heading.text) == anchor);
            assert!(is_there, "{}: {target}", path.display());
        }
    }
}

#[test]
fn the_documents_and_the_examples_have_nothing_to_complain_of() {
    let state = tempfile::tempdir().unwrap();
    let lint = runbook(state.path(), &["lint", "README.md", "docs", "runbooks"]);
    assert_eq!(lint.code, 0, "{}", lint.text);
    assert!(lint.text.contains("0 errors, 0 warnings"), "{}", lint.text);
}

// Only root runs a step as another user.
fn wants_root(example: &str) -> bool {
    let wants = example.contains("user=") && !rustix::process::getuid().is_root();
    if wants {
        fixture::skip("an example with `user=` wants root");
    }
    wants
}

// An example that wants a person runs on a terminal; whether it does is told here.
fn talks(example: &str) -> bool {
    if !example.contains(" interactive") {
        return false;
    }
    let desk = crate::pty::Desk::new();
    let file = desk.file("example.md", example);
    let lint = runbook(
        &desk.path().join("state"),
        &["lint", "--strict", file.to_str().unwrap()],
    );
    assert_eq!(lint.code, 0, "{}", lint.text);
    let mut pty = desk.terminal(&["run", "example.md", "--yes"]);
    pty.expect("Passphrase: ").send("open sesame\r");
    pty.expect("Your name: ").send("ana\r");
    pty.expect("Hello, ana.").expect("passed");
    assert_eq!(pty.wait(), 0);
    true
}

/// Every example that is a whole declared document does what it says: it runs, and all of it is ok.
#[test]
fn whole_documents_in_the_documentation_run() {
    let mut count = 0;
    for name in ["docs/format.md"] {
        let text = read(name);
        let document = outline(&text);
        for fence in &document.fences {
            let body = document.body(fence);
            if document.text(fence.info) != "markdown" || !body.starts_with("---\nrunbook: 1\n") {
                continue;
            }
            count += 1;
            if wants_root(&body) || talks(&body) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("example.md");
            std::fs::write(&path, body.as_bytes()).unwrap();
            let state = folder.path().join("state");
            let run = runbook(&state, &["run", path.to_str().unwrap()]);
            assert_eq!(run.code, 0, "{name}:{}: {}", fence.line, run.text);
            assert!(
                run.text.contains("✓ passed"),
                "{name}:{}: {}",
                fence.line,
                run.text
            );
            let lint = runbook(&state, &["lint", "--strict", path.to_str().unwrap()]);
            assert_eq!(lint.code, 0, "{name}:{}: {}", fence.line, lint.text);
        }
    }
    assert!(count >= 3, "{count} whole documents");
}

#[test]
fn the_readmes_main_job_runs() {
    let state = tempfile::tempdir().unwrap();
    let readme = read("README.md");
    let line = command_lines(&readme)
        .into_iter()
        .find(|line| line[0] == "run")
        .expect("the README runs something");
    let args: Vec<&str> = line.iter().map(String::as_str).collect();
    let run = runbook(state.path(), &args);
    assert_eq!(run.code, 0, "{}", run.text);
    assert!(run.text.contains("✓ passed · 9 ok"), "{}", run.text);
    // The last step says one of the two, made from what the steps before it exported.
    let summary = ["│ Nothing to worry about on ", "│ Worth a look on "];
    let told = summary.iter().any(|it| run.text.contains(it));
    assert!(told, "{}", run.text);
    let verified = runbook(state.path(), &["verify", "last"]);
    assert_eq!(verified.code, 0, "{}", verified.text);
}

#[test]
fn the_health_report_carries_findings_to_its_summary() {
    let state = tempfile::tempdir().unwrap();
    let run = runbook(
        state.path(),
        &[
            "run",
            "runbooks/health.md",
            "--set",
            "memory_limit=-1",
            "--set",
            "strict=yes",
        ],
    );
    assert_eq!(run.code, 1, "{}", run.text);
    assert!(run.text.contains("- memory: "), "{}", run.text);
    assert!(
        run.text.contains("open: a step failed · 8 ok, 1 failed"),
        "{}",
        run.text
    );
}

#[test]
fn the_backup_comes_back_and_leaves_nothing_behind() {
    let state = tempfile::tempdir().unwrap();
    let place = tempfile::tempdir().unwrap();
    let kept = place.path().join("kept");
    let keep = format!("backup_folder={}", kept.display());
    let folder = format!("source_folder={}", root().join("runbooks").display());
    let run = runbook(
        state.path(),
        &[
            "run",
            "-v",
            "runbooks/backup.md",
            "--set",
            &keep,
            "--set",
            &folder,
        ],
    );
    assert_eq!(run.code, 0, "{}", run.text);
    assert!(
        run.text.contains("5000 rows came back as they were"),
        "{}",
        run.text
    );
    let work = run
        .text
        .lines()
        .find_map(|line| line.split(" and ").nth(1)?.strip_suffix("/sample.db"))
        .expect("the first step tells where it works");
    assert!(!Path::new(work).exists(), "{work}");
    let backup = std::fs::read_dir(&kept).unwrap().next().unwrap().unwrap();
    let keep = format!("backup_folder={}", backup.path().display());
    let back = place.path().join("back");
    let to = format!("restore_to={}", back.display());
    let run = runbook(
        state.path(),
        &[
            "run",
            "runbooks/backup.md",
            "Rollback",
            "--set",
            &keep,
            "--set",
            &to,
        ],
    );
    assert_eq!(run.code, 0, "{}", run.text);
    assert_eq!(
        std::fs::read(back.join("folder/health.md")).unwrap(),
        std::fs::read(root().join("runbooks/health.md")).unwrap()
    );
}

#[test]
fn every_attribute_has_an_example_that_runs() {
    let document = read("docs/format.md");
    let examples: Vec<&str> = document
        .split("````markdown\n")
        .skip(1)
        .filter_map(|it| it.split("````\n").next())
        .filter(|it| it.starts_with("---\nrunbook: 1\n"))
        .collect();
    let mut shown = std::collections::BTreeSet::new();
    for example in &examples {
        let state = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("example.md");
        std::fs::write(&file, example).unwrap();
        if !wants_root(example) && !talks(example) {
            let run = runbook(
                state.path(),
                &["run", file.to_str().unwrap(), "--jobs", "4"],
            );
            assert_eq!(run.code, 0, "{example}\n{}", run.text);
        }
        let document = outline(example);
        for fence in &document.fences {
            let info = &example[fence.info.start..fence.info.end];
            let parsed = attributes::parse_info(info, 0);
            shown.extend(
                parsed
                    .attributes
                    .iter()
                    .filter_map(|it| attributes::find(&it.name).map(|row| row.name)),
            );
        }
    }
    // Of these there is nothing to run.
    shown.extend(["run", "confirm", "runbook"]);
    for row in attributes::TABLE {
        let is_shown = row.performed == Performed::NotYet || shown.contains(row.name);
        assert!(is_shown, "`{}` has no example that runs", row.name);
    }
}
