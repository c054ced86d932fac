//! Asks for the values of inputs on a terminal: choices by number or letters, yes or no, secrets unseen,
//! and again where a value does not fit.
//!
//! Lines of the terminal's usual mode, as everywhere: a prompt that takes each key for itself (as the
//! crate `inquire` does) must imitate Ctrl-C, Ctrl-Z and the end of a connection, and draws its lines for a
//! width that may have changed.

use std::fmt::Write as _;

use crate::engine::Signals;
use crate::model::{Input, InputType};
use crate::report::clean;
use crate::resolve::{accept, items};

use super::exit::ExitCode;
use super::failure::Failure;
use super::print;
use super::prompt::{self, Lines};
use super::secrets;

/// Asks for the value of `input` until one fits; an empty line is `default`, where there is one.
///
/// # Errors
/// Where the operator interrupts, or the input ends.
pub fn ask(
    input: &Input,
    default: Option<&str>,
    lines: &mut Lines,
    signals: &Signals,
) -> Result<String, Failure> {
    let question = question(input, default);
    loop {
        let answer = if input.is_secret() {
            prompt::ask_unseen(&question, lines, signals)
        } else {
            prompt::ask(&question, lines, signals)
        };
        let Some(answer) = answer else {
            let name = &input.name;
            // `resume` asks for secrets too.
            let message = if input.is_secret() {
                format!("interrupted before the secret `{name}` was given")
            } else {
                format!("interrupted before input `{name}` was given; no run was opened")
            };
            return Err(Failure::new(ExitCode::INTERRUPTED, message));
        };
        match answered(input, default, &answer) {
            Answered::Value(value) => return Ok(value),
            Answered::Nothing => {
                let name = &input.name;
                print::note(format!("input `{name}` needs a value; Ctrl-C leaves"));
            }
            Answered::Wrong(because) => print::note(because),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answered {
    Value(String),
    /// An empty line, and nothing that it could mean.
    Nothing,
    Wrong(String),
}

fn answered(input: &Input, default: Option<&str>, answer: &str) -> Answered {
    // A space may belong to a secret.
    let text = if input.is_secret() {
        answer
    } else {
        answer.trim()
    };
    if text.is_empty() {
        return default.map_or(Answered::Nothing, |it| Answered::Value(it.to_owned()));
    }
    if input.is_secret() {
        return match secrets::fit(input, text, false, None) {
            Ok(()) => Answered::Value(text.to_owned()),
            Err(failure) => Answered::Wrong(failure.message),
        };
    }
    let text = match input.kind {
        InputType::List => {
            let items = items(text).into_iter();
            let meant: Result<Vec<String>, String> = items
                .map(|item| meant(input, &item).map(str::to_owned))
                .collect();
            meant.map(|items| items.join("\n"))
        }
        _ => meant(input, text).map(str::to_owned),
    };
    let text = match text {
        Ok(text) => text,
        Err(because) => return Answered::Wrong(because),
    };
    match accept(input, &text) {
        Ok(value) => Answered::Value(value),
        Err(right) => Answered::Wrong(cannot_be(input, &text, None, &right)),
    }
}

/// Says that `text` is no value of `input`, without showing a secret.
pub fn cannot_be(input: &Input, text: &str, source: Option<&str>, right: &str) -> String {
    let source = source.map(|it| format!(" ({it})")).unwrap_or_default();
    let text = match input.kind {
        InputType::Secret => "this".to_owned(),
        _ => format!("`{}`", text.replace('\n', ", ")),
    };
    format!("input `{}` cannot be {text}{source}: {right}", input.name)
}

fn has_choices(input: &Input) -> bool {
    input.kind == InputType::Choice || (input.kind == InputType::List && !input.choices.is_empty())
}

/// Returns the choice that `text` means: itself, its number, or letters that only it has.
fn meant<'t>(input: &'t Input, text: &'t str) -> Result<&'t str, String> {
    let choices = &input.choices;
    if !has_choices(input) || choices.iter().any(|it| it == text) {
        return Ok(text);
    }
    if let Some(choice) = text
        .parse::<usize>()
        .ok()
        .and_then(|it| choices.get(it.wrapping_sub(1)))
    {
        return Ok(choice);
    }
    let word = text.to_lowercase();
    let begins = |it: &&String| it.to_lowercase().starts_with(&word);
    let holds = |it: &&String| it.to_lowercase().contains(&word);
    for like in [
        choices.iter().filter(begins).collect(),
        choices.iter().filter(holds).collect::<Vec<_>>(),
    ] {
        match like.as_slice() {
            [one] => return Ok(one),
            [] => {}
            several => {
                let several: Vec<&str> = several.iter().map(|it| it.as_str()).collect();
                return Err(format!("`{text}` could be any of: {}", several.join(", ")));
            }
        }
    }
    Ok(text)
}

fn question(input: &Input, default: Option<&str>) -> String {
    let mut told = Vec::new();
    if let Some(description) = &input.description {
        told.push(clean::inline(description).into_owned());
    }
    match input.kind {
        InputType::Secret => {
            told.push("unseen".to_owned());
            told.extend(default.map(|_| "Enter leaves it out".to_owned()));
        }
        InputType::List => told.push("with commas between".to_owned()),
        InputType::Number => {
            let limits = match (&input.min, &input.max) {
                (Some(min), Some(max)) => Some(format!("{min} to {max}")),
                (Some(min), None) => Some(format!("at least {min}")),
                (None, Some(max)) => Some(format!("at most {max}")),
                (None, None) => None,
            };
            told.extend(limits);
        }
        _ => {}
    }
    let mut question = input.name.clone();
    if !told.is_empty() {
        let _ = write!(question, " ({})", told.join(", "));
    }
    if has_choices(input) {
        let _ = writeln!(question);
        for (at, choice) in input.choices.iter().enumerate() {
            let _ = writeln!(question, "  {}  {}", at + 1, clean::inline(choice));
        }
        let _ = write!(question, "1 to {}, or its letters", input.choices.len());
    }
    let shown = match (input.kind, default) {
        (InputType::Bool, None) => Some("y/n".to_owned()),
        (InputType::Bool, Some(default)) => {
            Some(if default == "true" { "Y/n" } else { "y/N" }.to_owned())
        }
        (InputType::Secret, _) | (_, None) => None,
        (_, Some(default)) => Some(clean::inline(&default.replace('\n', ", ")).into_owned()),
    };
    if let Some(shown) = shown {
        let _ = write!(question, " [{shown}]");
    }
    question.push_str(": ");
    question
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    fn input(kind: InputType, choices: &[&str]) -> Input {
        Input {
            name: "where".to_owned(),
            kind,
            description: Some("which cluster".to_owned()),
            default: None,
            choices: choices.iter().map(|it| (*it).to_owned()).collect(),
            pattern: None,
            min: None,
            max: None,
            required: true,
            from: None,
            short: false,
            span: Span::default(),
        }
    }

    #[test]
    fn a_choice_is_taken_by_its_number_its_letters_and_itself() {
        let input = input(InputType::Choice, &["blue", "green", "green-2", "2"]);
        let value = |text: &str| Answered::Value(text.to_owned());
        for (answer, wanted) in [
            ("blue", value("blue")),
            ("1", value("blue")),
            ("2", value("2")),
            ("B", value("blue")),
            ("lue", value("blue")),
            ("green", value("green")),
            (
                "gre",
                Answered::Wrong("`gre` could be any of: green, green-2".to_owned()),
            ),
            (
                "9",
                Answered::Wrong(
                    "input `where` cannot be `9`: it is one of: blue, green, green-2, 2".to_owned(),
                ),
            ),
            ("", Answered::Nothing),
        ] {
            assert_eq!(answered(&input, None, answer), wanted, "{answer}");
        }
        assert_eq!(answered(&input, Some("green"), ""), value("green"));
    }

    #[test]
    fn the_items_of_a_list_are_chosen_as_one_is() {
        let input = input(InputType::List, &["blue", "green", "green-2"]);
        let value = |text: &str| Answered::Value(text.to_owned());
        for (answer, wanted) in [
            ("1, 3", value("blue\ngreen-2")),
            ("b", value("blue")),
            ("green,blue", value("green\nblue")),
            (
                "1,gr",
                Answered::Wrong("`gr` could be any of: green, green-2".to_owned()),
            ),
            ("", Answered::Nothing),
        ] {
            assert_eq!(answered(&input, None, answer), wanted, "{answer}");
        }
        assert!(matches!(answered(&input, None, "1,9"), Answered::Wrong(_)));
    }

    #[test]
    fn a_question_says_what_it_takes() {
        let mut number = input(InputType::Number, &[]);
        (number.min, number.max) = (Some("1".to_owned()), Some("9".to_owned()));
        let shown = [
            question(&input(InputType::String, &[]), None),
            question(&input(InputType::Choice, &["blue", "green"]), Some("blue")),
            question(&input(InputType::Bool, &[]), Some("false")),
            question(&input(InputType::Bool, &[]), None),
            question(&input(InputType::Secret, &[]), None),
            question(&input(InputType::Secret, &[]), Some("")),
            question(&input(InputType::List, &[]), Some("a\nb")),
            question(&input(InputType::List, &["blue", "green"]), Some("blue")),
            question(&number, None),
        ]
        .join("\n");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_secret_is_in_no_message() {
        let mut secret = input(InputType::Secret, &[]);
        secret.min = Some("9".to_owned());
        let Answered::Wrong(message) = answered(&secret, None, "canary") else {
            panic!("it fits");
        };
        assert_eq!(
            message,
            "input `where` cannot be this: it has at least 9 characters"
        );
    }
}
