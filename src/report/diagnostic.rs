//! Diagnostics, shown with the line of Markdown that they speak of, the place marked, and the way
//! out under it.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use memchr::{memchr, memrchr};

use super::clean::inline;
use crate::markdown::Lines;
use crate::model::{Diagnostic, Severity, Span};

/// The longest part of a line that is shown to the renderer, which trims it to the width.
const LONGEST: usize = 1000;

/// Shows the diagnostics of one document. Asked in document order, it reads the source once.
#[derive(Debug)]
pub struct Shown<'a> {
    source: &'a str,
    path: String,
    lines: Lines<'a>,
    renderer: Renderer,
}

impl<'a> Shown<'a> {
    /// Returns one for the document `source`, which a person knows as `path`, at `width` columns,
    /// with the escape sequences of colours; whoever prints it takes them off where they are not
    /// wanted.
    pub fn new(source: &'a str, path: &str, width: usize) -> Self {
        let renderer = Renderer::styled().term_width(width);
        Self {
            source,
            path: inline(path).into_owned(),
            lines: Lines::new(source),
            renderer,
        }
    }

    /// Returns one without colours.
    pub fn plain(source: &'a str, path: &str, width: usize) -> Self {
        let renderer = Renderer::plain().term_width(width);
        Self {
            source,
            path: inline(path).into_owned(),
            lines: Lines::new(source),
            renderer,
        }
    }

    /// Returns the diagnostic as text, without a line end.
    pub fn show(&mut self, diagnostic: &Diagnostic) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Hint => Level::NOTE.with_name("hint"),
        };
        let message = inline(&diagnostic.message);
        let label = inline(&diagnostic.label);
        let help = diagnostic.way_out.as_deref().map(inline);
        let (window, marked) = self.window(diagnostic.span);
        let line = self.lines.line(window.start) as usize;
        let snippet = Snippet::source(&self.source[window.start..window.end])
            .path(self.path.as_str())
            .line_start(line);
        let place = marked.start - window.start..marked.end - window.start;
        let mut annotation = AnnotationKind::Primary.span(place);
        if !label.is_empty() {
            annotation = annotation.label(label);
        }
        let title = level.primary_title(message).id(diagnostic.rule);
        let mut group = title.element(snippet.annotation(annotation));
        if let Some(help) = &help {
            group = group.element(Level::HELP.message(help.as_ref()));
        }
        self.renderer.render(&[group])
    }

    /// Returns the part of the source that is shown, and what of it is marked: the line of the
    /// place, cut where it is very long. Of a place of several lines the first is marked.
    fn window(&self, span: Span) -> (Span, Span) {
        let bytes = self.source.as_bytes();
        let start = self.floor(span.start.min(bytes.len()));
        let line_start = memrchr(b'\n', &bytes[..start]).map_or(0, |at| at + 1);
        let line_end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
        let line_end = line_end - usize::from(bytes[start..line_end].ends_with(b"\r"));
        // The byte order mark has no column.
        let line_start =
            if self.source[line_start..].starts_with('\u{feff}') && start >= line_start + 3 {
                line_start + 3
            } else {
                line_start
            };
        let end = self.floor(span.end.clamp(start, line_end));
        let window_start = if start - line_start > LONGEST {
            self.floor(start - LONGEST / 2)
        } else {
            line_start
        };
        let window_end = self.floor(line_end.min(start.max(window_start) + LONGEST));
        let window = Span::new(window_start, window_end.max(start));
        (window, Span::new(start, end.min(window.end).max(start)))
    }

    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset;
        while !self.source.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::Shown;
    use crate::model::{Diagnostic, Span};

    fn check(source: &str, span: Span) -> String {
        let diagnostic = Diagnostic::error("unknown-attribute", span, "unknown attribute `timout`")
            .label("not ours")
            .way_out("did you mean `timeout`?");
        Shown::plain(source, "a.md", 80).show(&diagnostic)
    }

    #[test]
    fn the_line_is_shown_with_the_place_marked() {
        let source = "\u{feff}# Día\r\n\r\n```bash {timout=5m}\r\nls\r\n```\r\n";
        let start = source.find("timout").expect("it");
        insta::assert_snapshot!(check(source, Span::new(start, start + 9)), @r#"
        error[unknown-attribute]: unknown attribute `timout`
         --> a.md:3:10
          |
        3 | ```bash {timout=5m}
          |          ^^^^^^^^^ not ours
          |
          = help: did you mean `timeout`?
        "#);
        insta::assert_snapshot!(check(source, Span::new(3, source.len())), @r#"
        error[unknown-attribute]: unknown attribute `timout`
         --> a.md:1:1
          |
        1 | # Día
          | ^^^^^ not ours
          |
          = help: did you mean `timeout`?
        "#);
    }

    #[test]
    fn places_at_the_very_ends_and_in_huge_lines_are_shown() {
        for (source, span) in [
            ("", Span::new(0, 0)),
            ("a", Span::new(1, 1)),
            ("a\n", Span::new(2, 2)),
            ("ñ", Span::new(1, 9)),
            ("\u{feff}", Span::new(0, 3)),
        ] {
            assert!(
                check(source, span).contains("unknown attribute"),
                "{source:?}"
            );
        }
        let huge = "ñ".repeat(4 << 20);
        let shown = check(&huge, Span::new(4 << 20, (4 << 20) + 6));
        assert!(
            shown.lines().all(|line| line.chars().count() < 120),
            "{shown}"
        );
    }

    #[test]
    fn what_could_forge_the_terminal_is_not_passed_on() {
        let source = "a \u{1b}[2Kb\u{202e}c";
        let diagnostic = Diagnostic::hint("x", Span::new(0, 1), "m\u{1b}[2K").way_out("w\u{1b}");
        let shown = Shown::plain(source, "p\u{1b}", 80).show(&diagnostic);
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    }
}
