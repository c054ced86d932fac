//! Commands in colours, as far as a reader is helped by them. Understands nothing, changes no text.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::classify::{Kind, language};
use crate::model::Language;

const COMMENT: Style = Style::new().dimmed();
const TEXT: Style = AnsiColor::Green.on_default();
const COMMAND: Style = Style::new().bold();
const PLACE: Style = AnsiColor::Yellow.on_default().bold();

/// Paints the lines of one command, from its first to its last.
pub struct Painter<'a> {
    shell: bool,
    places: Vec<&'a str>,
    // The quote that is open at the end of a line.
    quote: Option<char>,
    // The line before went on.
    goes_on: bool,
}

impl<'a> Painter<'a> {
    /// Returns the painter of a body in `language`, where `places` stand for values.
    pub fn new(language: Language, places: Vec<&'a str>) -> Self {
        let kind = language::find(language.0).map(|row| row.kind);
        Self {
            shell: matches!(kind, Some(Kind::Shell | Kind::Console)),
            places,
            quote: None,
            goes_on: false,
        }
    }

    /// Returns the style of each byte of the next line.
    pub fn line(&mut self, line: &str) -> Vec<Style> {
        let mut styles = vec![Style::new(); line.len()];
        if self.shell {
            self.shell(line, &mut styles);
        }
        for place in self.places.iter().filter(|it| !it.is_empty()) {
            for (at, found) in line.match_indices(place) {
                styles[at..at + found.len()].fill(PLACE);
            }
        }
        styles
    }

    fn shell(&mut self, line: &str, styles: &mut [Style]) {
        // Whether a word that begins here would be a command.
        let mut first = self.quote.is_none() && !self.goes_on;
        let mut word: Option<usize> = None;
        let mut escaped = false;
        let close =
            |word: &mut Option<usize>, first: &mut bool, at: usize, styles: &mut [Style]| {
                if let Some(start) = word.take()
                    && *first
                {
                    let text = &line[start..at];
                    // An assignment, `sudo` and its like leave the command to come.
                    let before = text.contains('=') || ["sudo", "time", "env", "!"].contains(&text);
                    if !text.contains('=') {
                        styles[start..at].fill(COMMAND);
                    }
                    *first = before;
                }
            };
        for (at, c) in line.char_indices() {
            if let Some(quote) = self.quote {
                styles[at..at + c.len_utf8()].fill(TEXT);
                if c == quote && !escaped {
                    self.quote = None;
                }
                escaped = c == '\\' && quote == '"' && !escaped;
                continue;
            }
            if std::mem::take(&mut escaped) {
                word.get_or_insert(at);
                continue;
            }
            match c {
                '\\' => escaped = true,
                '#' if word.is_none() => {
                    styles[at..].fill(COMMENT);
                    break;
                }
                '"' | '\'' => {
                    styles[at..=at].fill(TEXT);
                    self.quote = Some(c);
                    first = false;
                }
                '|' | ';' | '&' | '(' | '{' => {
                    close(&mut word, &mut first, at, styles);
                    first = true;
                }
                _ if c.is_whitespace() => close(&mut word, &mut first, at, styles),
                _ => {
                    word.get_or_insert(at);
                }
            }
        }
        let end = line.len();
        if self.quote.is_none() || word.is_some() {
            close(&mut word, &mut first, end, styles);
        }
        self.goes_on = escaped;
    }
}

/// Returns `row`, whose bytes have these styles, with the styles in it.
pub fn painted(row: &str, styles: &[Style]) -> String {
    let mut text = String::with_capacity(row.len() * 2);
    let mut at = 0;
    while at < row.len() {
        let style = styles.get(at).copied().unwrap_or_default();
        let same = styles
            .iter()
            .skip(at)
            .take_while(|it| **it == style)
            .count();
        let mut end = (at + same.max(1)).min(row.len());
        while !row.is_char_boundary(end) {
            end += 1;
        }
        if style == Style::new() {
            text.push_str(&row[at..end]);
        } else {
            let _ = write!(
                text,
                "{}{}{}",
                style.render(),
                &row[at..end],
                style.render_reset()
            );
        }
        at = end;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{COMMAND, COMMENT, PLACE, Painter, TEXT, painted};
    use crate::model::Language;

    /// The body with a letter under each byte.
    fn check(body: &str, places: Vec<&str>) -> Vec<String> {
        let mut painter = Painter::new(Language("bash"), places);
        let letter = |style| match style {
            COMMENT => '#',
            TEXT => '"',
            COMMAND => 'c',
            PLACE => 'P',
            _ => '.',
        };
        let lines = body.lines();
        lines
            .map(|line| painter.line(line).into_iter().map(letter).collect())
            .collect()
    }

    #[test]
    fn commands_strings_comments_and_placeholders_stand_out() {
        let body =
            "A=1 sudo curl -s \"http://<H>/a\" | jq . # why\necho 'two\nlines' x; ls \\\n  -l";
        assert_eq!(
            check(body, vec!["<H>"]),
            [
                "....cccc.cccc....\"\"\"\"\"\"\"\"PPP\"\"\"...cc...#####",
                "cccc.\"\"\"\"",
                "\"\"\"\"\"\"....cc..",
                "....",
            ]
        );
    }

    proptest! {
        #[test]
        fn painting_changes_no_text(line in "\\PC{0,60}") {
            let mut painter = Painter::new(Language("bash"), vec!["<A>", "é"]);
            let styles = painter.line(&line);
            prop_assert_eq!(styles.len(), line.len());
            let told = painted(&line, &styles);
            let bare = anstream::adapter::strip_str(&told).to_string();
            prop_assert_eq!(bare, line);
        }
    }
}
