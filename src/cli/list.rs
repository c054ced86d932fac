//! `runbook list`: runbooks, their sections and steps. Executes nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::config::Config;
use super::document::{find_documents, name_of, read_document, shown, text_of};
use super::exit::ExitCode;
use super::failure::Failure;
use super::print;
use crate::lint::mojibake;
use crate::markdown::{Lines, outline};
use crate::model::{Diagnostic, Effect, Input, Kind, Runbook, Severity, Step, Task};
use crate::report::clean::{fit, inline, pad, width};

const WIDTH: usize = 80;
const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const DOUBT: Style = AnsiColor::Yellow.on_default();
const DANGER: Style = AnsiColor::Red.on_default();

/// Arguments of `runbook list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, `-` for standard input, or folders that are searched for *.md and *.markdown
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print JSON: `docs/json.md` describes it
    #[arg(long)]
    json: bool,
    /// Show sections without steps too, and the first line of each step
    #[arg(short, long)]
    verbose: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let config = Config::load()?;
    let (paths, mut failures) = find_documents(&args.paths);
    let mut text = String::new();
    let mut runbooks = Vec::new();
    for path in &paths {
        let read = read_document(path).and_then(|bytes| {
            let source = text_of(path, &bytes)?;
            let document = outline(source);
            let (runbook, mut diagnostics) = config.resolve(&document, &name_of(path));
            diagnostics.extend(mojibake(source, &shown(path)));
            if args.json {
                runbooks.push(json(path, source, runbook, &diagnostics));
            } else {
                if !text.is_empty() {
                    text.push('\n');
                }
                show(&mut text, path, &runbook, &diagnostics, args.verbose);
            }
            Ok(())
        });
        failures.extend(read.err());
    }
    if args.json {
        let failed = failures
            .iter()
            .map(|failure| failure.message.as_str())
            .collect();
        text = to_json(&Listing {
            version: 1,
            runbooks,
            unreadable: failed,
        });
    } else if paths.is_empty() && failures.is_empty() {
        print::note("no *.md or *.markdown here: `runbook list FILE` takes any file");
    }
    print::out(&text)?;
    Ok(print::failures(&failures))
}

/// Returns `value` as JSON and a line end.
pub(super) fn to_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value).expect("plain data has a JSON form");
    json + "\n"
}

/// Counts of diagnostics by severity: errors, warnings, hints.
pub(super) fn counts(diagnostics: &[Diagnostic]) -> [usize; 3] {
    [Severity::Error, Severity::Warning, Severity::Hint].map(|severity| {
        diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    })
}

/// Returns `1 error`, `2 errors`.
pub(super) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn show(
    text: &mut String,
    path: &Path,
    runbook: &Runbook,
    diagnostics: &[Diagnostic],
    verbose: bool,
) {
    let kind = match runbook.kind {
        Kind::Declared => "declared",
        Kind::Plain => "plain",
    };
    let title = inline(&runbook.title);
    let place = format!("{} · {kind}", inline(&shown(path)));
    let room = WIDTH.saturating_sub(width(&place) + 2);
    if width(&title) <= room {
        line(
            text,
            format_args!(
                "{TITLE}{}{TITLE:#}  {FAINT}{place}{FAINT:#}",
                pad(&title, room)
            ),
        );
    } else {
        line(text, format_args!("{TITLE}{}{TITLE:#}", fit(&title, WIDTH)));
        line(text, format_args!("{FAINT}{place}{FAINT:#}"));
    }
    for input in &runbook.inputs {
        show_input(text, input);
    }
    let id_width = runbook
        .steps
        .iter()
        .map(|step| width(step.id.as_str()) + usize::from(!step.id_is_explicit))
        .max()
        .unwrap_or(0)
        .clamp(8, 44);
    let mut steps = runbook.steps.iter().peekable();
    for (index, section) in runbook.sections.iter().enumerate() {
        let has_steps = steps.peek().is_some_and(|step| step.section == index);
        if index > 0 && (has_steps || verbose) {
            let indent = usize::from(section.level.saturating_sub(1)) * 2;
            let mark = if section.on_demand {
                " · on demand"
            } else {
                ""
            };
            let room = WIDTH.saturating_sub(indent + width(mark));
            let title = inline(&section.title);
            line(
                text,
                format_args!("{:indent$}{}{FAINT}{mark}{FAINT:#}", "", fit(&title, room)),
            );
        }
        while let Some(step) = steps.next_if(|step| step.section == index) {
            show_step(text, step, id_width, verbose);
        }
    }
    if runbook.steps.is_empty() {
        line(
            text,
            format_args!("  {FAINT}no steps: nothing in it would run{FAINT:#}"),
        );
    }
    let [errors, warnings, _] = counts(diagnostics);
    if errors + warnings > 0 {
        let style = if errors > 0 { DANGER } else { DOUBT };
        line(
            text,
            format_args!(
                "  {style}{}, {}{style:#}: `runbook lint {}`",
                counted(errors, "error"),
                counted(warnings, "warning"),
                inline(&shown(path))
            ),
        );
    }
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    let start = text.len();
    text.write_fmt(words)
        .expect("writing to a string does not fail");
    // Filling up to a column leaves spaces where nothing follows.
    let length = start + text[start..].trim_end().len();
    text.truncate(length);
    text.push('\n');
}

fn show_input(text: &mut String, input: &Input) {
    let description = input
        .description
        .as_deref()
        .map(|words| format!(" {words}"));
    let default = match &input.default {
        Some(default) => Some(format!("(default {default})")),
        None => (!input.required).then(|| "(not required)".to_owned()),
    };
    let choices =
        (!input.choices.is_empty()).then(|| format!("(one of {})", input.choices.join(", ")));
    let words: Vec<_> = [
        Some(format!("  input {}", input.name)),
        description,
        default,
        choices,
    ]
    .into_iter()
    .flatten()
    .collect();
    let told = words.join(" ");
    let told = inline(&told);
    line(text, format_args!("{}", fit(&told, WIDTH)));
}

fn show_step(text: &mut String, step: &Step, id_width: usize, verbose: bool) {
    let id = format!("{}{}", if step.id_is_explicit { "" } else { "~" }, step.id);
    let language = match &step.task {
        Task::Command { language, .. } => language.0,
        Task::ByHand { .. } => "by hand",
    };
    let style = match step.effect {
        Effect::Destroys => DANGER,
        Effect::Reads | Effect::Changes | Effect::Unknown => Style::new(),
    };
    let effect = match &step.task {
        Task::ByHand { .. } => String::new(),
        Task::Command { .. } => step.effect.to_string(),
    };
    let mut marks: Vec<String> = Vec::new();
    if step.ticked {
        marks.push("ticked".to_owned());
    }
    marks.extend(step.tags.iter().map(|tag| format!(".{}", inline(tag))));
    let head = format!(
        "  {} {:>5}  {language:<10}  ",
        pad(&id, id_width),
        step.line
    );
    let room = WIDTH.saturating_sub(width(&head) + 10);
    let marks = marks.join(" ");
    let marks = fit(&marks, room);
    // Colours without text would keep the spaces before them.
    let effect = match (effect.as_str(), marks.is_empty()) {
        ("", true) => String::new(),
        (effect, true) => format!("{style}{effect}{style:#}"),
        (effect, false) => format!("{style}{effect:<9}{style:#} {FAINT}{marks}{FAINT:#}"),
    };
    line(text, format_args!("{head}{effect}"));
    let body = match &step.task {
        Task::Command { body, .. } => body,
        Task::ByHand { text, .. } => text,
    };
    let is_by_hand = matches!(step.task, Task::ByHand { .. });
    if (verbose || is_by_hand)
        && let Some(first) = body.lines().find(|line| !line.trim().is_empty())
    {
        line(
            text,
            format_args!(
                "      {FAINT}{}{FAINT:#}",
                fit(&inline(first.trim()), WIDTH - 6)
            ),
        );
    }
    for doubt in &step.doubts {
        let words = format!("in doubt: {}", inline(&doubt.because));
        line(
            text,
            format_args!("      {DOUBT}{}{DOUBT:#}", fit(&words, WIDTH - 6)),
        );
    }
}

/// What `--json` prints. `version` changes when a field changes its meaning or goes.
#[derive(Serialize)]
struct Listing<'a> {
    version: u32,
    runbooks: Vec<ListedRunbook>,
    /// Documents that could not be read, a sentence each.
    unreadable: Vec<&'a str>,
}

#[derive(Serialize)]
struct ListedRunbook {
    path: String,
    title: String,
    kind: Kind,
    inputs: Vec<ListedInput>,
    /// The first is what stands before any heading.
    sections: Vec<ListedSection>,
    steps: Vec<ListedStep>,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
struct ListedInput {
    name: String,
    description: Option<String>,
    default: Option<String>,
    choices: Vec<String>,
    required: bool,
}

#[derive(Serialize)]
struct ListedSection {
    title: String,
    path: Vec<String>,
    level: u8,
    anchor: String,
    line: u32,
    on_demand: bool,
}

#[derive(Serialize)]
struct ListedStep {
    id: String,
    id_is_explicit: bool,
    title: String,
    /// Index into `sections`.
    section: usize,
    /// Of the fence's opening, or of the item; from 1.
    line: u32,
    /// Of the first line of `text`.
    text_line: u32,
    /// `command` or `by-hand`.
    task: &'static str,
    /// Of a command.
    language: Option<&'static str>,
    /// The command, or what the person is to do.
    text: String,
    tags: Vec<String>,
    effect: Effect,
    because: String,
    doubts: Vec<ListedDoubt>,
    on_demand: bool,
    ticked: bool,
}

#[derive(Serialize)]
struct ListedDoubt {
    rule: &'static str,
    because: String,
    line: u32,
}

fn json(path: &Path, source: &str, runbook: Runbook, diagnostics: &[Diagnostic]) -> ListedRunbook {
    let [errors, warnings, _] = counts(diagnostics);
    let mut lines = Lines::new(source);
    let step = |step: Step| {
        let (task, language, text) = match step.task {
            Task::Command { language, body } => ("command", Some(language.0), body),
            Task::ByHand { text, .. } => ("by-hand", None, text),
        };
        ListedStep {
            id: step.id.to_string(),
            id_is_explicit: step.id_is_explicit,
            title: step.title,
            section: step.section,
            line: step.line,
            text_line: step.body_line,
            task,
            language,
            text,
            tags: step.tags,
            effect: step.effect,
            because: step.because,
            doubts: step
                .doubts
                .into_iter()
                .map(|doubt| ListedDoubt {
                    rule: doubt.rule,
                    because: doubt.because,
                    line: lines.line(doubt.span.start),
                })
                .collect(),
            on_demand: step.on_demand,
            ticked: step.ticked,
        }
    };
    ListedRunbook {
        path: shown(path),
        title: runbook.title,
        kind: runbook.kind,
        inputs: runbook
            .inputs
            .into_iter()
            .map(|input| ListedInput {
                name: input.name,
                description: input.description,
                default: input.default,
                choices: input.choices,
                required: input.required,
            })
            .collect(),
        sections: runbook
            .sections
            .into_iter()
            .map(|section| ListedSection {
                title: section.title,
                path: section.path,
                level: section.level,
                anchor: section.anchor,
                line: section.line,
                on_demand: section.on_demand,
            })
            .collect(),
        steps: runbook.steps.into_iter().map(step).collect(),
        errors,
        warnings,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use anstream::adapter::strip_str;

    use super::{read_document, show, text_of};
    use crate::classify::knowledge::Knowledge;
    use crate::classify::readings;
    use crate::markdown::attributes::parse_info;
    use crate::markdown::outline;
    use crate::model::{Diagnostic, Runbook};

    fn resolve(source: &str, name: &str) -> (Runbook, Vec<Diagnostic>) {
        let document = outline(source);
        let readings = readings::readings(&document, &Knowledge::built_in(), 1);
        crate::resolve::resolve(&document, name, readings)
    }

    fn check(source: &str, verbose: bool) -> String {
        let (runbook, diagnostics) = resolve(source, "deploy");
        let mut text = String::new();
        show(
            &mut text,
            Path::new("docs/deploy.md"),
            &runbook,
            &diagnostics,
            verbose,
        );
        let text = strip_str(&text).to_string();
        for line in text.lines() {
            assert!(crate::report::clean::width(line) <= 80, "{line}");
        }
        text
    }

    #[test]
    fn a_runbook_is_listed_in_eighty_columns() {
        let source = "---\nrunbook: 1\ntitle: デプロイ 🛒 de la tienda\ninputs:\n  version: { description: tag to deploy, default: v1, choices: [v1, v2] }\n---\n# Preparación\n```bash {#check .slow effect=reads}\ndf -h\n```\n```bash\nssh <HOST>\n```\n## Vacía\n## A mano\n- [ ] Avisar a **todos** (`@canal`) de que en un momento empieza la ventana de mantenimiento programada\n- [x] hecho\n## Rollback\n```sh {effect=destroys retries=3}\nrm -rf x\n```\n";
        insta::assert_snapshot!(check(source, false), @r#"
        デプロイ 🛒 de la tienda                               docs/deploy.md · declared
          input version  tag to deploy (default v1) (one of v1, v2)
        Preparación
          check            8  bash        reads     .slow
          ~preparacion    11  bash        unknown
              in doubt: `<HOST>` stands for a value
          A mano
          ~a-mano         16  by hand
              Avisar a todos (@canal) de que en un momento empieza la ventana de manten…
          ~a-mano-2       17  by hand               ticked
              hecho
          Rollback · on demand
          ~rollback       19  sh          destroys
          1 error, 1 warning: `runbook lint docs/deploy.md`
        "#);
        insta::assert_snapshot!(check(source, true), @r#"
        デプロイ 🛒 de la tienda                               docs/deploy.md · declared
          input version  tag to deploy (default v1) (one of v1, v2)
        Preparación
          check            8  bash        reads     .slow
              df -h
          ~preparacion    11  bash        unknown
              ssh <HOST>
              in doubt: `<HOST>` stands for a value
          Vacía
          A mano
          ~a-mano         16  by hand
              Avisar a todos (@canal) de que en un momento empieza la ventana de manten…
          ~a-mano-2       17  by hand               ticked
              hecho
          Rollback · on demand
          ~rollback       19  sh          destroys
              rm -rf x
          1 error, 1 warning: `runbook lint docs/deploy.md`
        "#);
        insta::assert_snapshot!(check("text\n", false), @r#"
        deploy                                                    docs/deploy.md · plain
          no steps: nothing in it would run
        "#);
    }

    /// A seed, its steps, and its fences by language.
    type Expected = (&'static str, usize, &'static [(&'static str, usize)]);

    /// Counted by hand in the four manuals that the project exists for.
    #[test]
    fn the_seeds_are_read_as_they_are() {
        let expected: &[Expected] = &[
            ("000_16a2d67ec8918db7.txt", 0, &[("", 1)]),
            (
                "001_0dce8c2ff002d009.txt",
                35,
                &[
                    ("ini", 2),
                    ("json", 1),
                    ("mermaid", 2),
                    ("powershell", 13),
                    ("python", 1),
                ],
            ),
            (
                "002_0398b6bd75eb86dc.txt",
                8,
                &[("", 2), ("bash", 3), ("env", 1), ("python", 5), ("sql", 2)],
            ),
            (
                "003_35b30ed50e79f912.txt",
                19,
                &[
                    ("", 9),
                    ("bash", 17),
                    ("dockerfile", 1),
                    ("nginx", 3),
                    ("python", 2),
                    ("sql", 1),
                    ("yaml", 3),
                ],
            ),
        ];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seeds");
        if !folder.is_dir() {
            eprintln!(
                "SKIPPED: {} is not there: the seeds were not read",
                folder.display()
            );
            return;
        }
        for (name, steps, languages) in expected {
            let path = folder.join(name);
            let bytes = read_document(&path).expect("a seed can be read");
            let source = text_of(&path, &bytes).expect("a seed is text");
            let document = outline(source);
            let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
            for fence in &document.fences {
                let language = parse_info(document.text(fence.info), 0).language;
                *counted
                    .entry(language.map_or("", |(word, _)| word))
                    .or_default() += 1;
                assert!(fence.is_closed, "{name}:{}", fence.line);
                // Line n of the body is line `fence.line + 1 + n` of the file.
                for (number, line) in document.body(fence).lines().enumerate() {
                    let in_file = source.lines().nth(fence.line as usize + number);
                    assert_eq!(
                        in_file.map(str::trim),
                        Some(line.trim()),
                        "{name}:{}",
                        fence.line
                    );
                }
            }
            assert_eq!(
                counted.into_iter().collect::<Vec<_>>(),
                *languages,
                "{name}"
            );
            let (runbook, diagnostics) = resolve(source, name);
            assert_eq!(runbook.steps.len(), *steps, "{name}");
            assert!(
                diagnostics.iter().all(|found| found.rule == "not-a-step"),
                "{name}"
            );
        }
    }
}
