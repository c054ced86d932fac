//! Fences that Markdown takes for indented code, because they stand in the tabs and notes of a
//! documentation site: `=== "Ubuntu"`, `!!! note`, and what is indented under them.

use std::ops::Range;

/// The content of a tab or a note is indented by so much.
const INDENTATION: usize = 4;

/// A fence inside of indented code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inner {
    /// From the opening marks to the closing ones.
    pub(super) span: Range<usize>,
    /// What stands behind the opening marks, trimmed.
    pub(super) info: Range<usize>,
    /// The lines of its body, without their indentation and without carriage returns.
    pub(super) lines: Vec<Range<usize>>,
    pub(super) is_closed: bool,
}

/// Whether what is indented at `start` stands under the mark of a tab or a note.
pub(super) fn is_content(source: &str, start: usize) -> bool {
    let above = source[..start].trim_end();
    let line = &above[above.rfind('\n').map_or(0, |at| at + 1)..];
    let text = line.trim_start_matches([' ', '>']);
    ["=== ", "===! ", "===+ ", "!!! ", "??? ", "???+ "]
        .iter()
        .find_map(|mark| text.strip_prefix(mark))
        .is_some_and(|title| !title.trim().is_empty())
}

/// Returns the fences inside of the indented code at `range`.
pub(super) fn fences(source: &str, range: Range<usize>) -> Vec<Inner> {
    let mut all = Vec::new();
    let mut open: Option<(Inner, u8, usize, usize)> = None;
    // The first line's own indentation stands before the range.
    let mut at = source[..range.start].rfind('\n').map_or(0, |at| at + 1);
    while at < range.end {
        let end = source[at..range.end]
            .find('\n')
            .map_or(range.end, |length| at + length);
        let line = source[at..end].trim_end_matches('\r');
        let text = line.trim_start_matches(' ');
        let indentation = line.len() - text.len();
        let mark = if text.starts_with('~') { b'~' } else { b'`' };
        let marks = text.bytes().take_while(|byte| *byte == mark).count();
        let is_fence = marks >= 3;
        let rest = &text[marks..];
        if let Some((inner, of, least, shift)) = &mut open {
            inner.span.end = at + line.len();
            if is_fence && mark == *of && marks >= *least && rest.trim().is_empty() {
                inner.span.end = at + indentation + marks;
                inner.is_closed = true;
                all.extend(open.take().map(|(inner, ..)| inner));
            } else {
                let cut = indentation.min(*shift);
                let feed = end..(end + 1).min(range.end);
                if at + line.len() == end {
                    inner.lines.push(at + cut..feed.end);
                } else {
                    inner.lines.push(at + cut..at + line.len());
                    inner.lines.push(feed);
                }
            }
        } else if is_fence && indentation >= INDENTATION && !(mark == b'`' && rest.contains('`')) {
            let start = at + indentation;
            let info = rest.trim();
            let from = start + marks + (rest.len() - rest.trim_start().len());
            let inner = Inner {
                span: start..at + line.len(),
                info: from..from + info.len(),
                lines: Vec::new(),
                is_closed: false,
            };
            open = Some((inner, mark, marks, indentation));
        }
        at = end + 1;
    }
    all.extend(open.map(|(inner, ..)| inner));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{fences, is_content};
    use crate::markdown::outline;

    fn check(source: &str, expected: &[(u32, &str, &str)]) {
        let document = outline(source);
        let found: Vec<(u32, &str, String)> = document
            .fences
            .iter()
            .map(|fence| {
                let body = document.body(fence).into_owned();
                (fence.line, document.text(fence.info), body)
            })
            .collect();
        let expected: Vec<(u32, &str, String)> = expected
            .iter()
            .map(|(line, info, body)| (*line, *info, (*body).to_owned()))
            .collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn fences_in_tabs_and_notes_are_fences() {
        check(
            "=== \"Ubuntu\"\n\n    Then:\n\n    ```bash\n    apt update\n\n      x\n    ```\n\n=== \"CentOS\"\n\n    ```sh\n    yum update\n    ```\n\n```\nlast\n```\n",
            &[
                (5, "bash", "apt update\n\n  x\n"),
                (13, "sh", "yum update\n"),
                (17, "", "last\n"),
            ],
        );
        check(
            "!!! note \"Mind\"\n\n    ~~~ sh\n    ls\n    ~~~\n\n??? tip\n\n    ```\n    df\n",
            &[(3, "sh", "ls\n"), (9, "", "df\n")],
        );
        check(
            "1. Do it\n\n    === \"A\"\n\n        ```sh\n        ls\n        ```\n",
            &[(5, "sh", "ls\n")],
        );
    }

    #[test]
    fn other_indented_code_holds_no_fences() {
        check("Text\n\n    ```sh\n    ls\n    ```\n", &[]);
        check("===\n\n    ```sh\n    ls\n    ```\n", &[]);
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at_and_places_are_inside(
            source in "(=== \"a\"|!!! x|\n|\r\n|    |```|~~~|`|sh|é|\t|> ){0,40}",
        ) {
            let document = outline(&source);
            for fence in &document.fences {
                prop_assert!(source.get(fence.span.start..fence.span.end).is_some());
                prop_assert!(source.get(fence.info.start..fence.info.end).is_some());
                let _ = document.body(fence);
            }
            if source.is_char_boundary(source.len() / 2) {
                is_content(&source, source.len() / 2);
                fences(&source, source.len() / 2..source.len());
            }
        }
    }
}
