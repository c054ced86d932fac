#![cfg(test)]
//! Runbooks for tests: with what the classifier makes of their fences, or with readings that a test
//! writes itself.

use super::resolve;
use crate::classify::knowledge::Knowledge;
use crate::classify::language;
use crate::classify::readings::{Readings, readings};
use crate::markdown::attributes::parse_info;
use crate::markdown::{Document, Fence, outline};
use crate::model::{
    Diagnostic, Doubt, Effect, FenceReading, Language, Nature, Piece, Place, Placeholder, Runbook,
    Span, Stands,
};

/// Returns the runbook as the classifier makes it.
pub(crate) fn read_and_resolve(source: &str, name: &str) -> (Runbook, Vec<Diagnostic>) {
    let document = outline(source);
    let readings = readings(&document, &Knowledge::built_in(), 1);
    resolve(&document, name, readings)
}

/// Returns the runbook whose fences are what `said` says, fence by fence and piece by piece. A piece
/// is `"1-2 command changes"`, lines of the body first, and then after `;` any of `title …`,
/// `in LANGUAGE`, `doubt RULE …`, `bare|double|single|plain|variable NAME TEXT`, `secret` (the last
/// value is one), `choice N`, `host NAME`, `place PLACE …`, `because …`, `warned`.
pub(crate) fn by_hand(
    document: &Document<'_>,
    name: &str,
    said: &[&[&str]],
) -> (Runbook, Vec<Diagnostic>) {
    assert_eq!(
        document.fences.len(),
        said.len(),
        "a reading for each fence"
    );
    let readings = document.fences.iter().zip(said);
    let readings = readings.map(|(fence, said)| reading_of(document, fence, said));
    let readings = Readings {
        fences: readings.collect(),
        ..Readings::default()
    };
    resolve(document, name, readings)
}

fn reading_of(document: &Document<'_>, fence: &Fence, said: &[&str]) -> FenceReading {
    let body = document.body(fence);
    let pieces: Vec<Piece> = said
        .iter()
        .map(|said| piece_of(document, fence, &body, said))
        .collect();
    let first = pieces
        .iter()
        .find(|it| it.nature.is_step())
        .or(pieces.first());
    let info = parse_info(document.text(fence.info), 0);
    let whole = document.text(fence.span);
    FenceReading {
        line: fence.line,
        last_line: fence.line + whole.matches('\n').count() as u32,
        span: fence.span,
        section: fence.section as usize,
        tag: info.language.map_or_else(String::new, |it| it.0.to_owned()),
        nature: first.map_or(Nature::Listing, |it| it.nature),
        because: first.map_or_else(String::new, |it| it.because.clone()),
        pieces,
    }
}

fn piece_of(document: &Document<'_>, fence: &Fence, body: &str, said: &str) -> Piece {
    let mut parts = said.split(';').map(str::trim);
    let mut head = parts.next().unwrap().split(' ');
    let (first, last) = head.next().unwrap().split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let name = head.next().unwrap();
    let nature = Nature::ALL.into_iter().find(|it| it.name() == name);
    let effect = match head.next() {
        Some("reads") => Effect::Reads,
        Some("changes") => Effect::Changes,
        Some("destroys") => Effect::Destroys,
        _ => Effect::Unknown,
    };
    let start: usize = body
        .split_inclusive('\n')
        .take(first - 1)
        .map(str::len)
        .sum();
    let lines: String = body
        .split_inclusive('\n')
        .skip(first - 1)
        .take(last + 1 - first)
        .collect();
    let nature = nature.unwrap();
    let command = match nature {
        Nature::Session => crate::classify::session(&lines).commands,
        nature if nature.is_step() => lines.clone(),
        _ => String::new(),
    };
    let mut piece = Piece {
        range: start..start + lines.len(),
        line: fence.line + first as u32,
        last_line: fence.line + last as u32,
        title: String::new(),
        nature,
        command,
        language: nature.is_step().then_some(Language("bash")),
        effect,
        because: format!("it reads as {nature}"),
        place: Place::Unknown,
        place_because: String::new(),
        doubts: Vec::new(),
        placeholders: Vec::new(),
        hosts: Vec::new(),
        overwrites: Vec::new(),
        choice: None,
        warnings: Vec::new(),
    };
    let span = document.place(fence, piece.range.clone());
    for part in parts {
        say(&mut piece, part, span);
    }
    piece
}

fn say(piece: &mut Piece, part: &str, span: Span) {
    let (word, rest) = part.split_once(' ').unwrap_or((part, ""));
    let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
    match word {
        "title" => rest.clone_into(&mut piece.title),
        "because" => rest.clone_into(&mut piece.because),
        "in" => {
            piece.language = language::find(rest).map(language::Row::language);
        }
        "host" => piece.hosts.push(rest.to_owned()),
        "choice" => piece.choice = rest.parse().ok(),
        "warned" => piece.warnings.push(span),
        "secret" => piece.placeholders.last_mut().unwrap().secret = true,
        "place" => {
            piece.place = match first {
                "workstation" => Place::Workstation,
                "server" => Place::Server,
                "container" => Place::Container,
                _ => Place::Database,
            };
            more.clone_into(&mut piece.place_because);
        }
        "doubt" => piece.doubts.push(Doubt {
            rule: of_rule(first),
            because: more.to_owned(),
            span,
        }),
        stands => {
            let at = piece.command.find(more).unwrap();
            let stands = match stands {
                "bare" => Stands::Bare,
                "double" => Stands::DoubleQuoted,
                "single" => Stands::SingleQuoted,
                "plain" => Stands::Plain,
                "variable" => Stands::Variable,
                other => panic!("`{other}` is not understood"),
            };
            let is_variable = stands == Stands::Variable;
            piece.doubts.push(Doubt {
                rule: of_rule(if is_variable {
                    "unset-variable"
                } else {
                    "placeholder"
                }),
                because: format!("`{more}` stands for a value"),
                span,
            });
            piece.placeholders.push(Placeholder {
                name: first.to_owned(),
                text: more.to_owned(),
                range: at..at + more.len(),
                stands,
                secret: false,
            });
        }
    }
}

fn of_rule(name: &str) -> &'static str {
    const RULES: &[&str] = &[
        "placeholder",
        "unset-variable",
        "example",
        "counter-example",
        "alternative",
        "remote-shell",
        "interactive",
        "endless",
        "prompts",
        "leaves-machine",
    ];
    RULES.iter().find(|it| **it == name).unwrap()
}
