//! `runbook lint`: what is wrong or doubtful in documents. Executes nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anstyle::Style;
use serde::Serialize;

use super::config::Config;
use super::document::{find_documents, name_of, quoted, read_document, shown, text_of};
use super::exit::ExitCode;
use super::failure::Failure;
use super::list::{counted, counts, to_json};
use super::surroundings::Surroundings;
use super::{mend, pages, print};
use crate::lint::{Surveyed, further, lint, masked, merge};
use crate::markdown::{Lines, outline};
use crate::model::{Diagnostic, Severity, Span};
use crate::report::clean::inline;
use crate::report::diagnostic::Shown;

const WIDTH: usize = 80;
const TITLE: Style = Style::new().bold();

/// Arguments of `runbook lint`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, `-` for standard input, or folders that are searched for *.md and *.markdown
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print JSON: `docs/json.md` describes it
    #[arg(long)]
    json: bool,
    /// End with 2 where there are warnings, as for errors
    #[arg(long)]
    strict: bool,
    /// Write documents whose UTF-8 was read as another encoding as they were before; a backup
    /// stands beside each
    #[arg(long, conflicts_with = "strict")]
    fix_encoding: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if args.fix_encoding {
        return mend::run(&args.paths, args.json);
    }
    let config = Config::load()?;
    let surroundings = Surroundings::here();
    let (paths, mut failures) = find_documents(&args.paths);
    let mut text = String::new();
    let mut documents = Vec::new();
    let mut total = [0; 3];
    for path in &paths {
        let read = read_document(path).and_then(|bytes| {
            let source = text_of(path, &bytes)?;
            let diagnostics = diagnose(path, source, &config, &surroundings);
            let found = counts(&diagnostics);
            total
                .iter_mut()
                .zip(found)
                .for_each(|(total, found)| *total += found);
            if args.json {
                documents.push(json(path, source, diagnostics));
            } else if !diagnostics.is_empty() {
                if paths.len() > 1 {
                    let name = shown(path);
                    let _ = writeln!(text, "{TITLE}{}{TITLE:#}\n", inline(&name));
                }
                show(&mut text, path, source, diagnostics);
            }
            Ok(())
        });
        failures.extend(read.err());
    }
    let [errors, warnings, hints] = total;
    text = if args.json {
        let unreadable = failures
            .iter()
            .map(|failure| failure.message.as_str())
            .collect();
        to_json(&Findings {
            version: 1,
            documents,
            unreadable,
            errors,
            warnings,
            hints,
        })
    } else {
        format!(
            "{text}{}: {}, {}, {}\n",
            counted(paths.len(), "document"),
            // What cannot be read is wrong too.
            counted(errors + failures.len(), "error"),
            counted(warnings, "warning"),
            counted(hints, "hint")
        )
    };
    print::out(&text)?;
    Ok(match print::failures(&failures) {
        ExitCode::PASSED if errors > 0 || args.strict && warnings > 0 => ExitCode::USAGE,
        code => code,
    })
}

/// Returns all that is to be said of a document, in document order.
fn diagnose(
    path: &Path,
    source: &str,
    config: &Config,
    surroundings: &Surroundings,
) -> Vec<Diagnostic> {
    let document = outline(source);
    let (runbook, resolved) = config.resolve(&document, &name_of(path));
    let surveyed = Surveyed {
        name: &quoted(&path.display().to_string()),
        beside: &|target| surroundings.beside(path, target),
        has: &|program| surroundings.has(program),
    };
    let mut linted = lint(&document, &runbook, &config.knowledge, &surveyed);
    let folder = path.parent().unwrap_or(Path::new(""));
    linted.extend(pages::diagnose(&runbook, folder));
    merge(resolved, linted)
}

fn show(text: &mut String, path: &Path, source: &str, diagnostics: Vec<Diagnostic>) {
    // A line that is shown must not repeat a secret that stands in it.
    let masked = masked(source, &diagnostics);
    let mut shown = Shown::new(&masked, &shown(path), WIDTH);
    let mut lines = Lines::new(source);
    for mut diagnostic in diagnostics {
        let further = further(&diagnostic, &mut lines);
        if !further.is_empty() {
            let separator = if diagnostic.label.is_empty() {
                ""
            } else {
                "; "
            };
            diagnostic.label = format!("{}{separator}{further}", diagnostic.label);
        }
        text.push_str(&shown.show(&diagnostic));
        text.push_str("\n\n");
    }
}

/// What `--json` prints. `version` changes when a field changes its meaning or goes.
#[derive(Serialize)]
struct Findings<'a> {
    version: u32,
    documents: Vec<LintedDocument>,
    /// Documents that could not be read, a sentence each.
    unreadable: Vec<&'a str>,
    errors: usize,
    warnings: usize,
    hints: usize,
}

#[derive(Serialize)]
struct LintedDocument {
    path: String,
    diagnostics: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    severity: Severity,
    rule: &'static str,
    message: String,
    /// May be empty.
    label: String,
    way_out: Option<String>,
    #[serde(flatten)]
    place: Place,
    /// Further places of the same finding.
    also: Vec<Place>,
}

#[derive(Serialize)]
struct Place {
    /// From 1.
    line: u32,
    /// In characters, from 1.
    column: usize,
    /// Bytes of the file.
    span: Span,
}

fn json(path: &Path, source: &str, diagnostics: Vec<Diagnostic>) -> LintedDocument {
    let mut lines = Lines::new(source);
    let mut place = |span: Span| {
        let before = source.get(..span.start).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[line_start..]
            .trim_start_matches('\u{feff}')
            .chars()
            .count()
            + 1;
        Place {
            line: lines.line(span.start),
            column,
            span,
        }
    };
    let finding = |diagnostic: Diagnostic| Finding {
        severity: diagnostic.severity,
        rule: diagnostic.rule,
        message: diagnostic.message,
        label: diagnostic.label,
        way_out: diagnostic.way_out,
        place: place(diagnostic.span),
        also: diagnostic.also.into_iter().map(&mut place).collect(),
    };
    LintedDocument {
        path: shown(path),
        diagnostics: diagnostics.into_iter().map(finding).collect(),
    }
}
