//! The links of a document and the anchors that its HTML sets. Follows none: whether a file is there
//! is for others to say.

use std::borrow::Cow;
use std::collections::BTreeSet;

use pulldown_cmark::{Event, Parser, Tag};

use super::Document;
use super::anchor::Anchors;
use super::outline::OPTIONS;
use crate::model::Span;

/// A longer text is read section by section: the parser's tree takes ten times the memory of its
/// text. What a link refers to by a name that is defined in another section is not found then.
const LARGE: usize = 4 << 20;

/// A link or an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its bytes, text included.
    pub span: Span,
    /// Where it leads, as written: `#anchor`, `other.md#anchor`, `https://…`.
    pub target: String,
}

/// What a document links to, and what can be linked to in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// In document order.
    pub links: Vec<Link>,
    /// The anchors of its headings, as GitHub gives them, and those that its HTML sets, folded.
    pub anchors: BTreeSet<String>,
}

impl Links {
    /// Returns those of `document`.
    pub fn of(document: &Document<'_>) -> Self {
        let mut found = Self {
            links: Vec::new(),
            anchors: anchors(document),
        };
        let start = document.front_matter.map_or(0, |it| it.span.end);
        let source = document.source;
        if source.len() - start <= LARGE {
            found.part(source, start, source.len());
            return found;
        }
        let mut at = start;
        for heading in document.sections() {
            if heading.span.start - at > LARGE / 4 {
                found.part(source, at, heading.span.start);
                at = heading.span.start;
            }
        }
        found.part(source, at, source.len());
        found
    }

    fn part(&mut self, source: &str, start: usize, end: usize) {
        let Some(text) = source.get(start..end) else {
            return;
        };
        for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    self.links.push(Link {
                        span: Span::new(start + range.start, start + range.end),
                        target: dest_url.into_string(),
                    });
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    self.anchors.extend(ids(&html).map(folded));
                }
                _ => {}
            }
        }
    }

    /// Returns whether `fragment`, without `#`, leads somewhere in the document.
    pub fn has(&self, fragment: &str) -> bool {
        // An empty one and `top` lead to the top, `L12` to a line on any Git host.
        let fragment = folded(&unescaped(fragment));
        fragment.is_empty()
            || fragment == "top"
            || fragment
                .strip_prefix('l')
                .is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()))
            || self.anchors.contains(fragment.as_str())
            || fragment
                .strip_prefix("user-content-")
                .is_some_and(|it| self.anchors.contains(it))
    }
}

/// Returns the anchors of the headings of `document`, folded, with those that `{#id}` gives.
pub fn anchors(document: &Document<'_>) -> BTreeSet<String> {
    let mut given = Anchors::default();
    let mut all = BTreeSet::new();
    for heading in &document.headings {
        all.insert(folded(&given.next(&heading.text)));
        if let Some((_, rest)) = heading.text.rsplit_once("{#")
            && let Some((id, _)) = rest.split_once(['}', ' '])
        {
            all.insert(folded(id));
        }
    }
    all
}

/// Case and the invisible marks of emoji aside: hosts differ in them, and no reader sees them.
pub(crate) fn folded(anchor: &str) -> String {
    anchor
        .chars()
        .filter(|c| !matches!(c, '\u{fe0e}' | '\u{fe0f}' | '\u{200d}'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Returns `text` with `%C3%B3` read as what it stands for.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(plain).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The values of `id="…"` and `name="…"` in a piece of HTML.
fn ids(html: &str) -> impl Iterator<Item = &str> {
    let is_tag = html.trim_start().starts_with('<') && !html.trim_start().starts_with("<!--");
    ["id=", "name="]
        .into_iter()
        .filter(move |_| is_tag)
        .flat_map(move |name| {
            html.match_indices(name)
                .map(move |(at, _)| &html[at + name.len()..])
        })
        .filter_map(|rest| match rest.chars().next()? {
            quote @ ('"' | '\'') => rest[1..].split(quote).next(),
            _ => rest.split([' ', '>', '/']).next(),
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::{Links, unescaped};
    use crate::markdown::outline;

    #[test]
    fn links_and_anchors_are_found_those_of_code_are_none() {
        let source = "---\nlink: '[no](#no)'\n---\n# Día uno {#uno}\n\n[a](#día-uno) ![b](b.png) [c][ref] <https://x.y>\n`[no](#no)`\n\n```\n[no](#no)\n```\n<a name=\"Viejo\"></a><h2 id='otro'>x</h2>\n\n[ref]: other.md#x\n";
        let found = Links::of(&outline(source));
        let targets: Vec<_> = found
            .links
            .iter()
            .map(|it| format!("{} {}", &source[it.span.start..it.span.end], it.target))
            .collect();
        insta::assert_snapshot!(targets.join("\n"), @r"
        [a](#día-uno) #día-uno
        ![b](b.png) b.png
        [c][ref] other.md#x
        <https://x.y> https://x.y
        ");
        for alive in [
            "",
            "uno",
            "viejo",
            "Viejo",
            "otro",
            "L10",
            "user-content-uno",
        ] {
            assert!(found.has(alive), "{alive}");
        }
        assert!(!found.has("no"));
    }

    #[test]
    fn anchors_are_the_same_written_out_or_escaped() {
        let found = Links::of(&outline("# ⚙️ Operación\n"));
        for alive in ["-operación", "️-operación", "-operaci%C3%B3n", "-Operación"] {
            assert!(found.has(alive), "{alive}");
        }
        assert_eq!(unescaped("100%"), "100%");
        assert_eq!(unescaped("%ff%zz"), "%ff%zz");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[\\[\\]()#<>a%=\"' id\n`!{}-]{0,120}") {
            let found = Links::of(&outline(&text));
            for link in &found.links {
                assert!(text.get(link.span.start..link.span.end).is_some());
                found.has(&link.target);
            }
        }
    }
}
