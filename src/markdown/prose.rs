//! Small parts of a document → what a person reads of them: text without markup, the cells of a
//! table. For parts that are shown; a whole document is never read twice.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Its text without markup.
    pub text: String,
    /// Its pieces of inline code, in order.
    pub codes: Vec<String>,
}

/// Returns `text` without markup: paragraphs and list items a line each, fences and HTML left out.
pub fn plain_text(text: &str) -> String {
    let mut plain = String::new();
    let mut in_code = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(_) if in_code => {}
            Event::Text(text) => plain.push_str(&text),
            Event::Code(code) => {
                plain.push('`');
                plain.push_str(&code);
                plain.push('`');
            }
            Event::SoftBreak | Event::End(TagEnd::TableCell) => plain.push(' '),
            Event::Start(Tag::Item) => {
                end_line(&mut plain);
                plain.push_str("- ");
            }
            Event::HardBreak
            | Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item) => {
                end_line(&mut plain);
            }
            Event::End(TagEnd::TableRow | TagEnd::TableHead) => end_line(&mut plain),
            _ => {}
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

fn end_line(plain: &mut String) {
    let kept = plain.trim_end_matches([' ', '\n']).len();
    plain.truncate(kept);
    if !plain.is_empty() {
        plain.push('\n');
    }
}

/// Returns the words of a heading: lower case, no accents, no marks, no numbering.
pub fn folded_words(heading: &str) -> Vec<String> {
    let folded = folded_title(heading);
    let words = folded.split(' ').filter(|word| !word.is_empty());
    words.map(ToOwned::to_owned).collect()
}

/// Returns the words of a heading as [`folded_words`] does, with a space between them.
pub fn folded_title(heading: &str) -> String {
    let mut folded = String::with_capacity(heading.len());
    let mut in_word = false;
    let mut add = |c: char| {
        if c.is_alphanumeric() {
            if !in_word && !folded.is_empty() {
                folded.push(' ');
            }
            if c.is_ascii() {
                folded.push(c.to_ascii_lowercase());
            } else {
                folded.extend(c.to_lowercase());
            }
            in_word = true;
        } else if !matches!(c, '\'' | '’') {
            in_word = false;
        }
    };
    if heading.is_ascii() {
        heading.chars().for_each(&mut add);
    } else {
        heading
            .nfkd()
            .filter(|c| !is_combining_mark(*c))
            .for_each(&mut add);
    }
    // `## 2024` has nothing else to be called by.
    let text = folded.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let at = folded.len() - text.len();
    // A word that only begins with digits is no number.
    let space = folded[..at].rfind(' ').filter(|_| !text.is_empty());
    folded.drain(..space.map_or(0, |space| space + 1));
    folded
}

/// Returns the rows of the table `text`, the head first.
pub fn cells(text: &str) -> Vec<Vec<Cell>> {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::TableHead | Tag::TableRow) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => {
                if let Some(row) = rows.last_mut() {
                    row.push(Cell::default());
                }
            }
            Event::Text(text) => {
                if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
                    cell.text.push_str(&text);
                }
            }
            Event::Code(code) => {
                if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
                    cell.text.push_str(&code);
                    cell.codes.push(code.into_string());
                }
            }
            _ => {}
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::{cells, plain_text};

    #[test]
    fn text_is_shown_without_markup() {
        let text =
            "**Cuidado**: usa [la guía](x.md) y\n`ls -la`.\n\n```sh\nrm x\n```\n\n- uno\n- *dos*\n";
        assert_eq!(
            plain_text(text),
            "Cuidado: usa la guía y `ls -la`.\n- uno\n- dos"
        );
        assert_eq!(plain_text(""), "");
    }

    #[test]
    fn a_table_is_read_cell_by_cell() {
        let rows = cells("| Tarea | Cómo |\n|---|---|\n| **Ver** | con `docker ps` y `df` |\n");
        let shown: Vec<Vec<_>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| cell.text.as_str()).collect())
            .collect();
        assert_eq!(shown, [["Tarea", "Cómo"], ["Ver", "con docker ps y df"]]);
        assert_eq!(rows[1][1].codes, ["docker ps", "df"]);
    }
}
