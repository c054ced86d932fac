//! `runbook lint`: what is wrong or doubtful in documents. Executes nothing.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::config::Config;
use super::document::{find_documents, name_of, read_document, shown, text_of};
use super::exit::ExitCode;
use super::failure::Failure;
use super::list::{counted, counts, to_json};
use super::print;
use crate::markdown::{Lines, outline};
use crate::model::{Diagnostic, Severity, Span};
use crate::report::diagnostic::Shown;

const WIDTH: usize = 100;

/// Arguments of `runbook lint`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, `-` for standard input, or folders that are searched for *.md and *.markdown
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print JSON: `docs/json.md` describes it
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let config = Config::load()?;
    let (paths, mut failures) = find_documents(&args.paths);
    let mut text = String::new();
    let mut documents = Vec::new();
    let mut total = [0; 3];
    for path in &paths {
        let read = read_document(path).and_then(|bytes| {
            let source = text_of(path, &bytes)?;
            let (_, diagnostics) = config.resolve(&outline(source), &name_of(path));
            let found = counts(&diagnostics);
            total
                .iter_mut()
                .zip(found)
                .for_each(|(total, found)| *total += found);
            if args.json {
                documents.push(json(path, source, diagnostics));
            } else {
                let mut shown = Shown::new(source, &shown(path), WIDTH);
                for diagnostic in &diagnostics {
                    text.push_str(&shown.show(diagnostic));
                    text.push_str("\n\n");
                }
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
        ExitCode::PASSED if errors > 0 => ExitCode::USAGE,
        code => code,
    })
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
    /// From 1.
    line: u32,
    /// In characters, from 1.
    column: usize,
    /// Bytes of the file.
    span: Span,
}

fn json(path: &Path, source: &str, diagnostics: Vec<Diagnostic>) -> LintedDocument {
    let mut lines = Lines::new(source);
    let finding = |diagnostic: Diagnostic| {
        let start = diagnostic.span.start;
        let before = source.get(..start).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[line_start..]
            .trim_start_matches('\u{feff}')
            .chars()
            .count()
            + 1;
        Finding {
            severity: diagnostic.severity,
            rule: diagnostic.rule,
            message: diagnostic.message,
            label: diagnostic.label,
            way_out: diagnostic.way_out,
            line: lines.line(start),
            column,
            span: diagnostic.span,
        }
    };
    LintedDocument {
        path: shown(path),
        diagnostics: diagnostics.into_iter().map(finding).collect(),
    }
}
