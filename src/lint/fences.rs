//! What fences and steps are, against what they say that they are.

use std::collections::BTreeSet;

use super::{by_kind, listed};
use crate::classify::knowledge::Knowledge;
use crate::classify::understanding::{Tongue, understand};
use crate::classify::{Kind as Tagged, language};
use crate::markdown::{Document, Fence};
use crate::model::{
    Diagnostic, Doubt, Effect, FenceReading, Kind, Nature, Piece, Runbook, Span, Step, Task,
};
use crate::render::template;

pub(super) fn check(
    document: &Document<'_>,
    runbook: &Runbook,
    knowledge: &Knowledge,
    found: &mut Vec<Diagnostic>,
) {
    for (fence, reading) in document.fences.iter().zip(&runbook.fences) {
        found.extend(mislabelled(fence, reading));
        found.extend(opposites(document, fence, reading, runbook.kind));
    }
    if runbook.kind == Kind::Declared {
        found.extend(
            runbook
                .steps
                .iter()
                .filter_map(|step| no_confirm(document, step)),
        );
        for fence in &document.fences {
            let mut steps = runbook.steps.iter().filter(|it| it.span == fence.span);
            if steps.any(|step| step.settings.template) {
                found.extend(raw(document, fence));
            }
        }
    }
    hindrances(document, runbook, found);
    values(document, runbook, knowledge, found);
}

/// A value that a template writes as it is.
fn raw(document: &Document<'_>, fence: &Fence) -> Vec<Diagnostic> {
    let places = template::raw(&document.body(fence));
    let told = places.into_iter().map(|range| {
        let message = "`raw` writes a value as it is: whoever gives it can write commands";
        Diagnostic::warning("template-raw", document.place(fence, range), message)
            .way_out("take `raw` out: the value is quoted for its place then")
    });
    told.collect()
}

/// A place in a body, of which the first line is what a person looks for.
pub(super) fn first_line(document: &Document<'_>, fence: &Fence, piece: &Piece) -> Span {
    let span = document.place(fence, piece.range.clone());
    let text = document.text(span);
    let mut start = span.start;
    // What its comment says is known; the command is what is spoken of.
    for line in text.split_inclusive('\n') {
        let words = line.trim_start_matches([' ', '\t', '>']);
        if !words.trim().is_empty() && !words.starts_with('#') {
            let indent = line.len() - words.len();
            return Span::new(start + indent, start + line.trim_end().len());
        }
        start += line.len();
    }
    Span::new(
        span.start,
        span.start + text.find('\n').unwrap_or(text.len()),
    )
}

/// The line that opens the fence of a step.
pub(super) fn head_line(document: &Document<'_>, step: &Step) -> Span {
    let text = document.text(step.span);
    let length = text.find('\n').unwrap_or(text.len());
    Span::new(step.span.start, step.span.start + length)
}

/// Returns the first words of a command, as many as fit under a line.
fn begins_with(piece: &Piece) -> String {
    let line = piece
        .command
        .lines()
        .find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let line = line.unwrap_or_default().trim();
    let words: String = line.chars().take(40).collect();
    let cut = if words.len() < line.len() { "…" } else { "" };
    format!("`{words}{cut}` is a shell's")
}

/// What the text of a fence is in, in the words of a tag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Really {
    Shell,
    Other(Nature),
}

fn mislabelled(fence: &Fence, reading: &FenceReading) -> Option<Diagnostic> {
    let tagged = language::find(&reading.tag)?;
    let really = |piece: &Piece| match (piece.nature, piece.language) {
        (Nature::Command | Nature::Session | Nature::Interactive, Some(it)) => {
            let kind = language::find(it.0).map(|row| row.kind);
            matches!(kind, Some(Tagged::Shell | Tagged::Console)).then_some(Really::Shell)
        }
        (nature, _) => Some(Really::Other(nature)),
    };
    let first = really(reading.pieces.first()?)?;
    if !reading
        .pieces
        .iter()
        .all(|piece| really(piece) == Some(first))
    {
        return None;
    }
    let (is_in, tag) = match (tagged.kind, first) {
        (
            Tagged::Python | Tagged::Node | Tagged::Sql | Tagged::Check | Tagged::Diagram,
            Really::Shell,
        ) => ("shell commands", "`bash`"),
        (Tagged::Shell | Tagged::Console | Tagged::Powershell, Really::Other(nature)) => {
            match nature {
                Nature::Query => ("queries", "the query's language, or `text`"),
                Nature::Data => ("data", "its own format, or `text`"),
                Nature::File => (
                    "the content of a file",
                    "its own format (`env`, `cron`, `ini`), or `text`",
                ),
                Nature::Output if tagged.kind != Tagged::Console => {
                    ("what a command prints", "`output` or `text`")
                }
                Nature::Diagram => ("a picture", "`text`"),
                _ => return None,
            }
        }
        (Tagged::Python | Tagged::Node, Really::Other(nature)) => match nature {
            Nature::Query => ("queries", "`sql`"),
            Nature::Output => ("what a command prints", "`output` or `text`"),
            Nature::Diagram => ("a picture", "`text`"),
            _ => return None,
        },
        _ => return None,
    };
    let span = Span::new(fence.span.start, fence.info.end.max(fence.span.start));
    let word = &reading.tag;
    let label = match first {
        // Why it does what it does is not why it is shell.
        Really::Shell => begins_with(reading.pieces.first()?),
        Really::Other(_) => reading.because.clone(),
    };
    let message = format!("tagged `{word}`, and its text is {is_in}");
    Some(
        Diagnostic::warning("mislabelled", span, message)
            .label(label)
            .way_out(format!("tag it {tag}")),
    )
}

/// The doubts of pieces that are not to run one after the other.
const EXCLUDING: &[&str] = &[
    "alternative",
    "menu",
    "choice",
    "opposite",
    "opposites",
    "counter-example",
];

fn opposites(
    document: &Document<'_>,
    fence: &Fence,
    reading: &FenceReading,
    kind: Kind,
) -> Option<Diagnostic> {
    let steps: Vec<&Piece> = reading
        .pieces
        .iter()
        .filter(|it| it.nature.is_step())
        .collect();
    let excludes = |piece: &&&Piece| {
        steps.iter().any(|other| {
            piece.choice.is_some() && !std::ptr::eq(*other, **piece) && other.choice == piece.choice
        })
    };
    let chosen: Vec<&&Piece> = steps.iter().filter(excludes).collect();
    let doubt = steps
        .iter()
        .filter(|_| steps.len() > 1)
        .find_map(|piece| piece.doubts.iter().find(|it| EXCLUDING.contains(&it.rule)));
    let (place, label) = match (chosen.first(), doubt) {
        (_, Some(doubt)) => {
            let piece = steps.iter().find(|it| it.doubts.contains(doubt))?;
            (first_line(document, fence, piece), doubt.because.clone())
        }
        (Some(_), None) => {
            let lines: Vec<String> = chosen.iter().map(|it| it.line.to_string()).collect();
            let label = format!("one of those on lines {}", lines.join(", "));
            (first_line(document, fence, chosen[0]), label)
        }
        (None, None) => return None,
    };
    let message = "one of the commands of this fence is meant, not all in a row".to_owned();
    Some(
        by_kind(kind, "opposites", place, message)
            .label(label)
            .way_out("give each a fence, and a heading, of its own"),
    )
}

fn no_confirm(document: &Document<'_>, step: &Step) -> Option<Diagnostic> {
    let is_command = matches!(step.task, Task::Command { .. });
    if !is_command || step.effect != Effect::Destroys || step.settings.confirm.is_some() {
        return None;
    }
    let span = head_line(document, step);
    let message = format!("step `{}` destroys, and asks nothing before", step.id);
    Some(
        Diagnostic::warning("no-confirm", span, message)
            .label(step.because.clone())
            .way_out("say what is lost: `confirm=\"delete the old backups?\"`"),
    )
}

/// Of a doubt's rule: what is said of it, and what to do.
const HINDRANCES: &[(&str, &str, &str)] = &[
    (
        "prompts",
        "a command asks questions: it hangs where nobody answers",
        "give the option that answers them (`-y`, `--noinput`)",
    ),
    (
        "interactive",
        "a command wants a person at the terminal",
        "give it a file or an option, or leave it to a person: `run=manual`",
    ),
    (
        "remote-shell",
        "a command opens another shell: the lines after it run here",
        "hand the lines over: `ssh HOST 'LINES'`, `docker exec NAME sh -c 'LINES'`",
    ),
    (
        "endless",
        "a command does not end by itself: nothing after it is reached",
        "use what ends or goes to the background (`-d`, `--tail 50`)",
    ),
];

const BACKGROUND: &str = "a server that later steps need is `background`, with `ready=\"…\"`; else use what ends \
                          (`--tail 50`)";

fn hindrances(document: &Document<'_>, runbook: &Runbook, found: &mut Vec<Diagnostic>) {
    for (rule, message, way_out) in HINDRANCES {
        for (fence, reading) in document.fences.iter().zip(&runbook.fences) {
            for piece in reading.pieces.iter().filter(|it| it.nature.is_step()) {
                let Some(doubt) = piece.doubts.iter().find(|it| it.rule == *rule) else {
                    continue;
                };
                // A listing of one's own making is no step, and hangs nothing; nor does a server that is
                // said to be one.
                let is_declared = runbook.kind == Kind::Declared;
                let is_server = *rule == "endless" && is_a_server(runbook, fence);
                if is_declared && (is_server || !is_a_step(runbook, fence)) {
                    continue;
                }
                // The author says that a person is there.
                if *rule != "endless" && is_attended(runbook, fence) {
                    continue;
                }
                let way_out = match *rule {
                    "endless" if is_declared => BACKGROUND,
                    _ => way_out,
                };
                let place = if doubt.span == Span::default() {
                    first_line(document, fence, piece)
                } else {
                    doubt.span
                };
                found.push(
                    by_kind(runbook.kind, rule, place, (*message).to_owned())
                        .label(doubt.because.clone())
                        .way_out(way_out),
                );
            }
        }
    }
}

fn is_shell(name: &str) -> bool {
    language::find(name).is_some_and(|row| matches!(row.kind, Tagged::Shell | Tagged::Console))
}

fn is_a_server(runbook: &Runbook, fence: &Fence) -> bool {
    let mut steps = runbook.steps.iter().filter(|it| it.span == fence.span);
    steps.any(|step| step.settings.background.is_some())
}

fn is_a_step(runbook: &Runbook, fence: &Fence) -> bool {
    runbook
        .steps
        .iter()
        .filter(|step| step.settings.file.is_none())
        .any(|step| step.span == fence.span && matches!(step.task, Task::Command { .. }))
}

fn is_attended(runbook: &Runbook, fence: &Fence) -> bool {
    let mut steps = runbook.steps.iter();
    steps.any(|step| step.span == fence.span && step.settings.interactive)
}

/// Values that the document leaves to its reader: one finding each for words and variables.
fn values(
    document: &Document<'_>,
    runbook: &Runbook,
    knowledge: &Knowledge,
    found: &mut Vec<Diagnostic>,
) {
    // In a declared document variables carry over from every step, whatever section it stands in.
    let mut carried: BTreeSet<String> = BTreeSet::new();
    let mut programs: Vec<&str> = Vec::new();
    if runbook.kind == Kind::Declared {
        let steps = runbook.fences.iter().flat_map(|reading| &reading.pieces);
        for piece in steps.filter(|piece| piece.nature.is_step()) {
            carried.extend(understand(&piece.command, Tongue::Shell, knowledge).sets);
        }
        // What a program of another language does with a name is not read: it may set it.
        let run = runbook.steps.iter().filter(|it| it.settings.file.is_none());
        programs.extend(run.filter_map(|step| match &step.task {
            Task::Command { language, body } if !is_shell(language.0) => Some(body.as_str()),
            _ => None,
        }));
        // So may one that writes values for later steps.
        programs.extend(runbook.steps.iter().filter_map(|step| match &step.task {
            Task::Command { body, .. } if body.contains("RUNBOOK_OUTPUT") => Some(body.as_str()),
            _ => None,
        }));
        let captured = runbook
            .steps
            .iter()
            .filter_map(|it| it.settings.capture.clone());
        carried.extend(captured);
        carried.insert("RUNBOOK_OUTPUT".to_owned());
        carried.extend(runbook.inputs.iter().map(|input| input.name.clone()));
        let steps = runbook.steps.iter().flat_map(|it| &it.settings.env);
        let env = runbook.env.iter().chain(steps);
        carried.extend(env.map(|(name, _)| name.clone()));
        carried.extend(runbook.tables.iter().flat_map(|it| it.columns.clone()));
    }
    let templates: BTreeSet<Span> = {
        let steps = runbook.steps.iter().filter(|it| it.settings.template);
        steps.map(|it| it.span).collect()
    };
    for (rule, many, one, way_out) in [
        (
            "placeholder",
            "words that stand for values",
            "a word that stands for a value",
            "declare inputs, and write `\"$NAME\"` where they are used",
        ),
        (
            "unset-variable",
            "variables that nothing in the document sets",
            "a variable that nothing in the document sets",
            "declare inputs of these names, or set them in a step before",
        ),
    ] {
        let mut names: Vec<&str> = Vec::new();
        let mut places: Vec<Span> = Vec::new();
        for (fence, reading) in document.fences.iter().zip(&runbook.fences) {
            if runbook.kind == Kind::Declared && !is_a_step(runbook, fence) {
                continue;
            }
            for piece in reading.pieces.iter().filter(|it| it.nature.is_step()) {
                for placeholder in &piece.placeholders {
                    // What a template names is known, or an error.
                    if templates.contains(&fence.span) && template::is_template(&placeholder.text) {
                        continue;
                    }
                    let is_variable = placeholder.stands == crate::model::Stands::Variable;
                    if is_variable != (rule == "unset-variable")
                        || is_variable
                            && (carried.contains(&placeholder.name)
                                || programs.iter().any(|it| it.contains(&placeholder.name)))
                    {
                        continue;
                    }
                    let speaks_of_it = |doubt: &&Doubt| {
                        doubt.rule == rule && doubt.because.contains(&placeholder.text)
                    };
                    let doubts = piece.doubts.iter().filter(speaks_of_it);
                    places.extend(doubts.map(|doubt| doubt.span));
                    if !names.contains(&placeholder.text.as_str()) {
                        names.push(&placeholder.text);
                    }
                }
            }
        }
        places.sort_unstable();
        places.dedup();
        let Some((first, rest)) = places.split_first() else {
            continue;
        };
        if names.is_empty() {
            continue;
        }
        let message = if names.len() == 1 {
            format!("{one}: {}", listed(&names, 1))
        } else {
            format!("{} {many}: {}", names.len(), listed(&names, 5))
        };
        found.push(
            by_kind(runbook.kind, rule, *first, message)
                .way_out(way_out)
                .also(rest.iter().copied()),
        );
    }
}
