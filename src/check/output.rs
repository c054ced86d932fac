//! What a step printed beside what the document expects of it.

use serde_json::Value;

use super::compile::Fault;
use super::evaluate::limits;
use super::functions::compiled;
use super::lines::{Compared, Expected};
use super::plain::plain;
use super::value::cut;
use super::{difference, lines, structure};
use crate::model::{Expression, Judged, Matching, Run, Tag};

/// Why an output is not what is expected.
struct Mismatch {
    /// The expected line that decides, from 0.
    line: usize,
    message: String,
    diff: Vec<Run>,
}

/// Compares what was printed with what is expected.
pub(super) fn compare(matching: Matching, expected: &Expression, printed: &str) -> Judged {
    let printed = match matching {
        Matching::Exact => printed.to_owned(),
        _ if printed.len() > limits::COMPARED => printed.to_owned(),
        _ => tidy(&plain(printed)),
    };
    let mismatch = if printed.len() > limits::COMPARED {
        Some(Mismatch {
            line: 0,
            message: format!(
                "the output is {} bytes long: {} MiB are compared at most",
                printed.len(),
                limits::COMPARED >> 20
            ),
            diff: Vec::new(),
        })
    } else {
        compared(matching, &expected.source, &printed)
    };
    let Some(mismatch) = mismatch else {
        return Judged {
            holds: true,
            line: expected.line,
            expression: name(matching).to_owned(),
            message: String::new(),
            left: None,
            right: None,
            diff: Vec::new(),
        };
    };
    let deciding = expected.source.lines().nth(mismatch.line);
    Judged {
        holds: false,
        line: expected.line + mismatch.line as u32,
        expression: cut(deciding.unwrap_or_default().to_owned()),
        message: mismatch.message,
        left: Some(cut(expected.source.clone())),
        right: Some(cut(printed)),
        diff: mismatch.diff,
    }
}

fn name(matching: Matching) -> &'static str {
    match matching {
        Matching::Exact => "match=exact",
        Matching::Contains => "match=contains",
        Matching::Lines => "match=lines",
        Matching::Regex => "match=regex",
        Matching::Json => "match=json",
    }
}

/// Takes off what nobody sees: spaces at the ends of lines, empty lines at the end.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end_matches('\n').to_owned()
}

/// Without its last line end: a fence has one, a program may leave it out.
fn without_end(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

/// Returns the difference, of single lines too: `-` and `+` say which of the two was expected.
fn expected_and_there(left: &str, right: &str) -> Vec<Run> {
    let diff = difference::of(left, right);
    if !diff.is_empty() {
        return diff;
    }
    [(Tag::Left, left), (Tag::Right, right)]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(tag, text)| Run {
            tag,
            text: format!("{text}\n"),
            greyed: false,
        })
        .collect()
}

fn compared(matching: Matching, expected: &str, printed: &str) -> Option<Mismatch> {
    match matching {
        Matching::Exact => {
            let (left, right) = (without_end(expected), without_end(printed));
            (left != right).then(|| {
                let same = left.lines().zip(right.lines()).take_while(|(a, b)| a == b);
                let diff = expected_and_there(left, right);
                let message = if tidy(left) == tidy(&plain(right)) {
                    "the output differs in what nobody sees: spaces, line ends, escapes"
                } else {
                    "the output is not what is expected"
                };
                Mismatch {
                    line: same.count().min(left.lines().count().saturating_sub(1)),
                    message: message.to_owned(),
                    diff,
                }
            })
        }
        Matching::Contains => {
            let wanted = tidy(expected);
            (!printed.contains(&wanted)).then(|| {
                let all: Vec<&str> = printed.lines().collect();
                let diff = match lines::compare(&Expected::somewhere(&wanted), &all) {
                    Compared::Differs(_, runs) => runs,
                    _ => Vec::new(),
                };
                Mismatch {
                    line: 0,
                    message: "the output does not contain what is expected".to_owned(),
                    diff,
                }
            })
        }
        Matching::Lines => {
            let (wanted, _) = Expected::read(expected);
            let all: Vec<&str> = printed.lines().collect();
            match lines::compare(&wanted, &all) {
                Compared::Same => None,
                Compared::Differs(missing, diff) => Some(Mismatch {
                    line: missing.unwrap_or(0),
                    message: match missing {
                        Some(_) => "the output lacks a line that is expected",
                        None => "the output has lines that are not expected",
                    }
                    .to_owned(),
                    diff,
                }),
                Compared::TooMuch => Some(Mismatch {
                    line: 0,
                    message: "this is too much to compare line by line".to_owned(),
                    diff: Vec::new(),
                }),
            }
        }
        Matching::Regex => {
            let wanted = tidy(expected);
            let message = match compiled(&format!(r"\A(?:{wanted})\z")) {
                Ok(regex) if regex.is_match(printed) => return None,
                Ok(_) => "the regular expression does not match all of the output".to_owned(),
                Err(_) => compiled(&wanted).err().unwrap_or_default(),
            };
            Some(Mismatch {
                line: 0,
                message,
                diff: Vec::new(),
            })
        }
        Matching::Json => {
            let read = |text: &str| serde_json::from_str::<Value>(text);
            let (line, message, diff) = match (read(expected), read(printed)) {
                (Ok(wanted), Ok(there)) => {
                    let differs = structure::compare(&wanted, &there)?;
                    let message = format!("`{}` is {}", differs.path, differs.message);
                    (0, message.replace(" is it is ", " is "), differs.runs)
                }
                (Err(cause), _) => {
                    let line = cause.line().saturating_sub(1);
                    (
                        line,
                        format!("what is expected is no JSON: {cause}"),
                        Vec::new(),
                    )
                }
                (_, Err(cause)) => (0, format!("the output is no JSON: {cause}"), Vec::new()),
            };
            Some(Mismatch {
                line,
                message,
                diff,
            })
        }
    }
}

/// Returns what is wrong in an expectation, before anything runs.
pub fn compile_output(matching: Matching, expected: &Expression) -> Vec<Fault> {
    let text = expected.source.as_str();
    let fault = |range, message: String, way_out: &str| Fault {
        range,
        message,
        way_out: way_out.to_owned(),
    };
    match matching {
        Matching::Exact | Matching::Contains => Vec::new(),
        Matching::Lines => {
            let (_, wrong) = Expected::read(text);
            let wrong = wrong.into_iter().map(|(line, range, message)| {
                let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
                fault(
                    start + range.start..start + range.end,
                    message,
                    "mend it; `{…}` holds a regular expression",
                )
            });
            wrong.collect()
        }
        Matching::Regex => {
            let wanted = tidy(text);
            let wrong = compiled(&wanted).err().into_iter();
            wrong
                .map(|message| fault(0..wanted.len(), message, "mend it"))
                .collect()
        }
        Matching::Json => {
            let Err(cause) = serde_json::from_str::<Value>(text) else {
                return Vec::new();
            };
            let line = cause.line().saturating_sub(1);
            let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
            let rest = &text[start..];
            let end = start + rest.lines().next().unwrap_or_default().len();
            // Columns count bytes here.
            let mut at = (start + cause.column().saturating_sub(1)).min(end);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let message = format!("what is expected is no JSON: {cause}");
            let message = match message.rfind(" at line ") {
                Some(end) => message[..end].to_owned(),
                None => message,
            };
            let range = if at < end { at..end } else { start..end };
            vec![fault(
                range,
                message,
                "mend it; a list ends in `\"...\"` where more may follow",
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::{compare, compile_output};
    use crate::model::{Expression, Matching, Span, Tag};

    const ALL: [Matching; 5] = [
        Matching::Exact,
        Matching::Contains,
        Matching::Lines,
        Matching::Regex,
        Matching::Json,
    ];

    fn expression(source: &str) -> Expression {
        Expression {
            source: source.to_owned(),
            span: Span::default(),
            line: 10,
        }
    }

    fn check(matching: Matching, expected: &str, printed: &str) -> String {
        let judged = compare(matching, &expression(expected), printed);
        if judged.holds {
            return "holds\n".to_owned();
        }
        let mut text = format!(
            "{}: {} | {}\n",
            judged.line, judged.expression, judged.message
        );
        for run in &judged.diff {
            let mark = match run.tag {
                Tag::Same => "=",
                Tag::Left => "-",
                Tag::Right => "+",
            };
            let (open, close) = if run.greyed { ("⟨", "⟩") } else { ("", "") };
            writeln!(text, "  {mark}{open}{}{close}", run.text.replace('\n', "⏎")).unwrap();
        }
        text
    }

    #[test]
    fn what_nobody_sees_is_ignored_but_where_it_is_exact() {
        let expected = "ok\ndone\n";
        for matching in ALL {
            let printed = "\x1b[32mok\x1b[0m  \r\ndone\r\n\r\n";
            let found = check(matching, expected, printed);
            match matching {
                Matching::Exact => assert!(found.contains("nobody sees"), "{found}"),
                Matching::Json => {}
                _ => assert_eq!(found, "holds\n", "{matching:?}"),
            }
        }
        assert_eq!(check(Matching::Exact, expected, "ok\ndone"), "holds\n");
        assert_eq!(check(Matching::Exact, expected, "ok\ndone\n"), "holds\n");
        assert_ne!(check(Matching::Exact, expected, "ok\ndone\n\n"), "holds\n");
        assert_eq!(check(Matching::Contains, "on", "ok\ndone\n"), "holds\n");
        assert_eq!(check(Matching::Contains, "k\ndo", "ok\ndone\n"), "holds\n");
        assert_eq!(check(Matching::Regex, r"ok\n\w+", "ok\ndone\n"), "holds\n");
        assert_ne!(check(Matching::Regex, "ok", "ok\ndone\n"), "holds\n");
        assert_eq!(
            check(Matching::Json, "{\"a\":1}", "{\"b\":[],\"a\":1}\n"),
            "holds\n"
        );
    }

    #[test]
    fn a_mismatch_shows_what_differs_and_greys_what_was_ignored() {
        let shown = [
            (Matching::Exact, "a\nb \nc\n", "a\nb\nc\n"),
            (Matching::Contains, "b\nx\n", "a\nb\nc\nd\n"),
            (
                Matching::Lines,
                "start\n...\nuptime {\\d+} days, [..]\nend\n",
                "start\n1\n2\nuptime 3 days, load 0.1\nfailed\n",
            ),
            (Matching::Lines, "a\nb\n", "a\nb\nc\n"),
            (Matching::Lines, "{unordered}\nb[..]\na\nx\n", "a\nb1\nc\n"),
            (
                Matching::Lines,
                "a\nb\nc\nd\ne\nf\nG\n",
                "a\nb\nc\nd\ne\nf\ng\n",
            ),
            (Matching::Regex, "a+", "b"),
            (Matching::Regex, "a(", "b"),
            (
                Matching::Json,
                "{\"a\": [1, {\"b\": 2}], \"n\": \"x[..]\"}",
                "{\"a\": [1, {\"b\": 3, \"c\": 4}], \"n\": \"xyz\", \"z\": {\"y\": 1}}",
            ),
            (Matching::Json, "{\"a\": 1}", "{\"b\": 1}"),
            (Matching::Json, "[1]", "not found"),
            (Matching::Json, "[1", "[1]"),
        ]
        .map(|(matching, expected, printed)| check(matching, expected, printed))
        .concat();
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn an_expectation_that_cannot_be_read_is_told_with_its_place() {
        let check = |matching, text: &str| {
            let faults = compile_output(matching, &expression(text));
            let told = faults.iter().map(|it| {
                format!(
                    "{:?}: {} → {}\n",
                    &text[it.range.clone()],
                    it.message,
                    it.way_out
                )
            });
            told.collect::<String>()
        };
        let shown = [
            check(Matching::Regex, "a(\n"),
            check(Matching::Lines, "a\n b {\\d(}\n"),
            check(Matching::Json, "{\n  \"a\": }\n"),
            check(Matching::Json, "[1,\n"),
            check(Matching::Json, "\n"),
        ]
        .concat();
        insta::assert_snapshot!(shown);
        for matching in ALL {
            assert_eq!(
                check(matching, "[1, {\"a\": \"...\"}]\n"),
                "",
                "{matching:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn anything_compares_with_anything(
            expected in "[ab.\\[\\]{}\\\\\"\n :,1]{0,30}",
            printed in "[ab.\\[\\]{}\\\\\"\n :,1\x1b\r]{0,30}",
        ) {
            for matching in ALL {
                let judged = compare(matching, &expression(&expected), &printed);
                prop_assert!(judged.holds || !judged.message.is_empty());
                prop_assert!(judged.line >= 10);
                for fault in compile_output(matching, &expression(&expected)) {
                    prop_assert!(expected.get(fault.range).is_some());
                }
            }
        }
    }
}
