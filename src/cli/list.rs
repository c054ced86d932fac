//! `runbook list`: runbooks, their sections and steps. Executes nothing.

mod declared;
mod json;
mod map;

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::config::Config;
use super::document::{find_documents, name_of, read_document, shown, text_of};
use super::exit::ExitCode;
use super::failure::Failure;
use super::print;
use super::session::look;
use crate::lint::mojibake;
use crate::model::{Diagnostic, Kind, Piece, Runbook, Severity, Span, Step};
use crate::report::clean::{fit, inline, pad, width, wrap_words};
use json::{Listing, listed};

/// Where nobody watches; a terminal has its own width, within these bounds.
const WIDTH: usize = 80;
const NARROWEST: usize = 60;
const WIDEST: usize = 100;

const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const DOUBT: Style = AnsiColor::Yellow.on_default();
const DANGER: Style = AnsiColor::Red.on_default();
const GOOD: Style = AnsiColor::Green.on_default();

/// Arguments of `runbook list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, `-` for standard input, or folders that are searched for *.md and *.markdown
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print JSON: `docs/json.md` describes it
    #[arg(long)]
    json: bool,
    /// Show the pieces of all fences and why each is classed so; of declared steps the first line
    #[arg(short, long)]
    verbose: bool,
}

/// How a document is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// One of many: the totals alone.
    Compact,
    /// The sections.
    Map,
    /// The pieces too.
    Pieces,
}

/// Runs it.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let config = Config::load()?;
    let (paths, mut failures) = find_documents(&args.paths);
    let detail = match (args.verbose, paths.len()) {
        (true, _) => Detail::Pieces,
        (false, 0 | 1) => Detail::Map,
        (false, _) => Detail::Compact,
    };
    let columns = if std::io::stdout().is_terminal() {
        look(false).width.clamp(NARROWEST, WIDEST)
    } else {
        WIDTH
    };
    let mut text = String::new();
    let mut runbooks = Vec::new();
    for path in &paths {
        let read = read_document(path).and_then(|bytes| {
            let source = text_of(path, &bytes)?;
            let document = config.outline(source);
            let (runbook, mut diagnostics) = config.resolve(&document, &name_of(path));
            diagnostics.extend(mojibake(source, &shown(path)));
            if args.json {
                runbooks.push(listed(path, source, runbook, &diagnostics));
            } else {
                if !text.is_empty() {
                    text.push('\n');
                }
                let page = Page {
                    path,
                    source,
                    runbook: &runbook,
                    diagnostics: &diagnostics,
                    columns,
                };
                text.push_str(&page.told(detail));
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

/// Returns the step that `piece` became, of the fence at `line` and `span`: alone, or as a part of
/// a fence that is one step.
fn step_of<'s>(piece: &Piece, line: u32, span: Span, steps: &'s [Step]) -> Option<&'s Step> {
    if !piece.nature.is_step() {
        return None;
    }
    let from = steps.partition_point(|step| step.span.start < span.start);
    steps[from..]
        .iter()
        .take_while(|step| step.span.start < span.end)
        .find(|step| (step.span == span && step.line == line) || step.line == piece.line)
}

/// One document, as a person reads it.
struct Page<'a> {
    path: &'a Path,
    source: &'a str,
    runbook: &'a Runbook,
    diagnostics: &'a [Diagnostic],
    columns: usize,
}

impl Page<'_> {
    fn told(&self, detail: Detail) -> String {
        let mut text = String::new();
        self.heading(&mut text);
        match self.runbook.kind {
            Kind::Declared => declared::show(&mut text, self, detail == Detail::Pieces),
            Kind::Plain => map::show(&mut text, self, detail),
        }
        self.findings(&mut text);
        text
    }

    fn heading(&self, text: &mut String) {
        let kind = match self.runbook.kind {
            Kind::Declared => "declared",
            Kind::Plain => "plain",
        };
        let title = inline(&self.runbook.title);
        let place = format!("{} · {kind}", inline(&shown(self.path)));
        let room = self.columns.saturating_sub(width(&place) + 2);
        if width(&title) <= room {
            let title = pad(&title, room);
            line(
                text,
                format_args!("{TITLE}{title}{TITLE:#}  {FAINT}{place}{FAINT:#}"),
            );
        } else {
            for row in wrap_words(&title, self.columns) {
                line(text, format_args!("{TITLE}{row}{TITLE:#}"));
            }
            line(text, format_args!("{FAINT}{place}{FAINT:#}"));
        }
    }

    /// How much is wrong, and how to see it.
    fn findings(&self, text: &mut String) {
        let [errors, warnings, _] = counts(self.diagnostics);
        if errors + warnings == 0 {
            return;
        }
        let style = if errors > 0 { DANGER } else { DOUBT };
        line(
            text,
            format_args!(
                "  {style}{}, {}{style:#}: `runbook lint {}`",
                counted(errors, "error"),
                counted(warnings, "warning"),
                inline(&shown(self.path))
            ),
        );
    }

    /// Adds `words` in rows of the page behind `indent` columns, none of it cut.
    fn rows(&self, text: &mut String, indent: usize, style: Style, words: &str) {
        let words = inline(words);
        for row in wrap_words(&words, self.columns.saturating_sub(indent).max(20)) {
            line(text, format_args!("{:indent$}{style}{row}{style:#}", ""));
        }
    }

    /// Adds one row behind `indent` columns, cut at the edge of the page.
    fn row(&self, text: &mut String, indent: usize, style: Style, words: &str) {
        let words = inline(words);
        let words = fit(&words, self.columns.saturating_sub(indent));
        line(text, format_args!("{:indent$}{style}{words}{style:#}", ""));
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

#[cfg(test)]
mod tests;
