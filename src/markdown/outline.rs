//! The one pass over the text, a part after the other: pulldown-cmark's tree takes ten times the
//! memory of its text, so that it never sees more of a large document than it must.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use memchr::memchr;
use pulldown_cmark::{BrokenLink, CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};

use super::document::{
    Comment, Document, Fence, FrontMatter, Heading, Item, Piece, SpeaksFor, Syntax, Table,
};
use super::indented;
use super::lines::Lines;
use crate::model::Span;

/// The Markdown that is read: GitHub's. Front matter is taken off before.
pub(crate) const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_STRIKETHROUGH);

/// Takes a Markdown text apart. Any string will do; time and memory are linear only for what
/// [`decode`](super::decode) lets through.
pub fn outline(source: &str) -> Document<'_> {
    outline_by(source, PART)
}

/// Bytes that are parsed at once, where the blocks allow it.
const PART: usize = 256 << 10;

fn outline_by(source: &str, part: usize) -> Document<'_> {
    let front_matter = front_matter(source);
    let base = front_matter.map_or_else(|| mark_length(source), |found| found.span.end);
    let mut reader = Reader {
        document: Document {
            source,
            front_matter,
            headings: Vec::new(),
            fences: Vec::new(),
            items: Vec::new(),
            tables: Vec::new(),
            comments: Vec::new(),
            pieces: Vec::new(),
        },
        lines: Lines::new(source),
        section: 0,
        containers: 0,
        text: None,
        items: Vec::new(),
        in_fence: false,
        above: Above::Other,
    };
    let labels = if source.len() - base > part {
        labels(&source[base..])
    } else {
        BTreeSet::new()
    };
    let mut start = base;
    let mut size = part;
    while start < source.len() {
        let least = (start + size).min(source.len());
        let end =
            memchr(b'\n', &source.as_bytes()[least..]).map_or(source.len(), |n| least + n + 1);
        match reader.part(start..end, &labels) {
            Some(next) => {
                start = next;
                size = part;
            }
            None if end == source.len() => break,
            // One block fills it. A block as large as all that is left is read twice at most.
            None => {
                let left = source.len() - start;
                size = if size * 32 >= left { left } else { size * 8 };
            }
        }
    }
    reader.settle(None);
    reader.document
}

/// Returns the labels of link definitions, folded: where a text is read in parts, `[a]` may be
/// defined in another.
fn labels(source: &str) -> BTreeSet<String> {
    let definition = |line: &str| {
        let line = line.trim_start_matches([' ', '>']).strip_prefix('[')?;
        let (label, _) = line.split_once("]:")?;
        Some(folded(label))
    };
    source.split('\n').filter_map(definition).collect()
}

fn folded(label: &str) -> String {
    let words: Vec<_> = label.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// Returns how many bytes of byte order mark stand at the start.
fn mark_length(source: &str) -> usize {
    if source.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    }
}

fn front_matter(source: &str) -> Option<FrontMatter> {
    let start = mark_length(source);
    let mut lines = source[start..].split_inclusive('\n');
    let first = lines.next()?;
    let (syntax, closing): (_, &[&str]) = match first.trim_end() {
        "---" => (Syntax::Yaml, &["---", "..."]),
        "+++" => (Syntax::Toml, &["+++"]),
        _ => return None,
    };
    let body = start + first.len();
    let mut end = body;
    for (number, line) in lines.enumerate() {
        let text = line.trim_end();
        // A rule with a blank line under it opens no front matter.
        if number == 0 && text.is_empty() {
            return None;
        }
        if closing.contains(&text) {
            let span = Span::new(start, end + line.len());
            return Some(FrontMatter {
                syntax,
                span,
                body: Span::new(body, end),
            });
        }
        end += line.len();
    }
    None
}

/// What stands right above the next block.
#[derive(Clone, Copy)]
enum Above {
    /// A heading.
    Heading,
    /// Comments of ours from this index on, and whether they stand under a heading.
    Comments { first: usize, under_heading: bool },
    /// Anything else.
    Other,
}

/// Text that is being gathered, without markup.
struct Gathered<'a> {
    text: Cow<'a, str>,
    end: usize,
}

struct OpenItem<'a> {
    start: usize,
    line: u32,
    codes: u32,
    code: Option<(Cow<'a, str>, Span)>,
    ticked: Option<bool>,
    /// Its own text is over: a block has begun inside it.
    is_past_text: bool,
}

struct Reader<'a> {
    document: Document<'a>,
    lines: Lines<'a>,
    section: u32,
    containers: u32,
    text: Option<Gathered<'a>>,
    items: Vec<OpenItem<'a>>,
    in_fence: bool,
    above: Above,
}

/// Where a reader stood before a block that stands in no other.
struct Mark {
    headings: usize,
    fences: usize,
    items: usize,
    tables: usize,
    comments: usize,
    pieces: usize,
    section: u32,
    above: Above,
}

impl<'a> Reader<'a> {
    /// Reads a part that ends with a line. Where the text goes on after it, the part's last block may
    /// go on too: it is forgotten, and where it begins is returned. `None` where there is nothing to
    /// go on from: at the end of the text, or where one block fills the part, which is forgotten.
    fn part(&mut self, part: Range<usize>, labels: &BTreeSet<String>) -> Option<usize> {
        let is_last = part.end == self.document.source.len();
        let text = &self.document.source[part.clone()];
        let is_defined = |link: BrokenLink<'_>| {
            labels
                .contains(&folded(&link.reference))
                .then_some((CowStr::from(""), CowStr::from("")))
        };
        let callback = (!labels.is_empty()).then_some(is_defined);
        let parser = Parser::new_with_broken_link_callback(text, OPTIONS, callback);
        let begin = self.mark();
        let mut last_block = None;
        let mut depth = 0_u32;
        let mut is_first = true;
        for (event, range) in parser.into_offset_iter() {
            let range = range.start + part.start..range.end + part.start;
            if depth == 0 {
                if !is_first && !is_last {
                    last_block = Some((range.start, self.mark()));
                }
                is_first = false;
            }
            match event {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                _ => {}
            }
            self.read(event, range);
        }
        if is_last {
            return None;
        }
        // For Markdown a lone CR ends a line too.
        let line_of = |start: usize| {
            let before = &self.document.source.as_bytes()[..start];
            memchr::memrchr2(b'\n', b'\r', before).map_or(0, |at| at + 1)
        };
        let next = last_block.map(|(start, mark)| (line_of(start), mark));
        if let Some((next, mark)) = next.filter(|(next, _)| *next > part.start) {
            self.forget(&mark);
            return Some(next);
        }
        self.forget(&begin);
        None
    }

    fn mark(&self) -> Mark {
        Mark {
            headings: self.document.headings.len(),
            fences: self.document.fences.len(),
            items: self.document.items.len(),
            tables: self.document.tables.len(),
            comments: self.document.comments.len(),
            pieces: self.document.pieces.len(),
            section: self.section,
            above: self.above,
        }
    }

    fn forget(&mut self, mark: &Mark) {
        self.document.headings.truncate(mark.headings);
        self.document.fences.truncate(mark.fences);
        self.document.items.truncate(mark.items);
        self.document.tables.truncate(mark.tables);
        self.document.comments.truncate(mark.comments);
        self.document.pieces.truncate(mark.pieces);
        self.section = mark.section;
        self.above = mark.above;
        self.text = None;
    }

    fn read(&mut self, event: Event<'a>, range: Range<usize>) {
        match event {
            Event::Text(text) if self.in_fence => self.code(&text, range),
            Event::Text(text) => self.gather(text, range.end),
            Event::Code(text) => {
                if let Some(item) = self.items.last_mut()
                    && !item.is_past_text
                {
                    item.codes += 1;
                    if item.code.is_none() {
                        let span = Span::new(range.start, range.end);
                        item.code = Some((held(text.clone()), span));
                    }
                }
                self.gather(text, range.end);
            }
            Event::SoftBreak | Event::HardBreak => {
                self.gather(CowStr::Borrowed(" "), range.end);
            }
            Event::InlineHtml(html) if html.starts_with("<!--") => {
                self.comments(range);
                self.settle(None);
            }
            Event::TaskListMarker(ticked) => {
                if let Some(item) = self.items.last_mut() {
                    item.ticked = Some(ticked);
                    self.text = Some(Gathered {
                        text: Cow::Borrowed(""),
                        end: range.end,
                    });
                }
            }
            Event::Start(tag) => self.start(&tag, range),
            Event::End(tag) => self.end(tag),
            Event::Rule => self.settle(None),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'a>, range: Range<usize>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.end_of_text();
                self.settle(None);
                let is_nested = self.containers > 0;
                self.section += u32::from(!is_nested);
                let line = self.lines.line(range.start);
                self.document.headings.push(Heading {
                    text: Cow::Borrowed(""),
                    level: *level as u8,
                    span: Span::new(range.start, range.end),
                    line,
                    is_nested,
                });
                self.text = Some(Gathered {
                    text: Cow::Borrowed(""),
                    end: range.start,
                });
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_)) => {
                self.end_of_text();
                self.settle(Some((
                    SpeaksFor::Fence(self.document.fences.len()),
                    range.start,
                )));
                self.fence(range);
            }
            Tag::CodeBlock(CodeBlockKind::Indented) => {
                self.end_of_text();
                self.settle(None);
                // Its text is no prose.
                self.text = None;
                if indented::is_content(self.document.source, range.start) {
                    self.inner_fences(range);
                }
            }
            Tag::Table(columns) => {
                self.end_of_text();
                self.settle(Some((
                    SpeaksFor::Table(self.document.tables.len()),
                    range.start,
                )));
                let line = self.lines.line(range.start);
                self.document.tables.push(Table {
                    span: Span::new(range.start, range.end),
                    line,
                    section: self.section,
                    columns: columns.len() as u32,
                    rows: 0,
                });
            }
            Tag::TableRow => {
                if let Some(table) = self.document.tables.last_mut() {
                    table.rows += 1;
                }
            }
            Tag::Item => {
                self.containers += 1;
                let line = self.lines.line(range.start);
                self.items.push(OpenItem {
                    start: range.start,
                    line,
                    codes: 0,
                    code: None,
                    ticked: None,
                    is_past_text: false,
                });
            }
            Tag::List(_) => {
                self.end_of_text();
                self.settle(None);
            }
            Tag::BlockQuote(_) => {
                self.end_of_text();
                self.settle(None);
                self.containers += 1;
            }
            Tag::HtmlBlock => {
                self.end_of_text();
                self.html(range);
            }
            Tag::Paragraph => {
                if self.items.last().is_some_and(|item| item.ticked.is_some()) {
                    self.end_of_text();
                }
                self.settle(None);
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                if let (Some(gathered), Some(heading)) =
                    (self.text.take(), self.document.headings.last_mut())
                {
                    heading.text = trimmed(gathered.text);
                }
                if self.containers == 0 {
                    self.above = Above::Heading;
                }
            }
            TagEnd::CodeBlock if self.in_fence => {
                self.in_fence = false;
                self.end_of_fence();
            }
            TagEnd::Paragraph => self.end_of_text(),
            TagEnd::Item => {
                self.end_of_text();
                self.settle(None);
                self.containers -= 1;
                self.items.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.settle(None);
                self.containers -= 1;
            }
            _ => {}
        }
    }

    fn gather(&mut self, text: CowStr<'a>, end: usize) {
        let Some(gathered) = &mut self.text else {
            return;
        };
        gathered.end = end;
        if gathered.text.is_empty() {
            gathered.text = held(text);
        } else {
            gathered.text.to_mut().push_str(&text);
        }
    }

    /// Ends the text of the innermost list item, if that is what is being gathered or counted.
    fn end_of_text(&mut self) {
        let Some(mut item) = self.items.pop() else {
            return;
        };
        if !item.is_past_text {
            item.is_past_text = true;
            let gathered = self.text.take();
            if item.ticked.is_some() || item.codes > 0 {
                let end = gathered
                    .as_ref()
                    .map_or(item.start, |gathered| gathered.end);
                let text = gathered.map_or(Cow::Borrowed(""), |gathered| trimmed(gathered.text));
                let code = item.code.take();
                self.put(&item, code, end, text);
            }
        }
        self.items.push(item);
    }

    fn put(
        &mut self,
        item: &OpenItem<'a>,
        code: Option<(Cow<'a, str>, Span)>,
        end: usize,
        text: Cow<'a, str>,
    ) {
        let line_end = memchr(b'\n', &self.document.source.as_bytes()[item.start..])
            .map_or(self.document.source.len(), |n| item.start + n);
        let end = if end > item.start { end } else { line_end };
        self.document.items.push(Item {
            span: Span::new(item.start, end),
            line: item.line,
            section: self.section,
            ticked: item.ticked,
            codes: item.codes,
            code,
            text,
        });
    }

    fn fence(&mut self, range: Range<usize>) {
        let rest = &self.document.source[range.start..];
        let length = memchr::memchr2(b'\n', b'\r', rest.as_bytes()).unwrap_or(rest.len());
        let opening = &rest[..length];
        let mark = opening.as_bytes().first().copied().unwrap_or(b'`');
        let marks = opening.bytes().take_while(|byte| *byte == mark).count();
        let info = opening[marks..].trim_matches(|c: char| c.is_ascii_whitespace());
        let info_start = range.start + marks + (opening.len() - marks)
            - opening[marks..]
                .trim_start_matches(|c: char| c.is_ascii_whitespace())
                .len();
        let line = self.lines.line(range.start);
        let first = self.document.pieces.len() as u32;
        self.document.fences.push(Fence {
            span: Span::new(range.start, range.end),
            info: Span::new(info_start, info_start + info.len()),
            line,
            section: self.section,
            is_closed: false,
            pieces: first..first,
        });
        self.in_fence = true;
    }

    /// Adds the fences that stand in indented code.
    fn inner_fences(&mut self, range: Range<usize>) {
        for inner in indented::fences(self.document.source, range) {
            let line = self.lines.line(inner.span.start);
            let first = self.document.pieces.len() as u32;
            let pieces = inner.lines.iter().map(|line| Piece {
                start: line.start as u32,
                length: line.len() as i32,
            });
            self.document.pieces.extend(pieces);
            self.document.fences.push(Fence {
                span: Span::new(inner.span.start, inner.span.end),
                info: Span::new(inner.info.start, inner.info.end),
                line,
                section: self.section,
                is_closed: inner.is_closed,
                pieces: first..self.document.pieces.len() as u32,
            });
        }
    }

    fn code(&mut self, text: &str, range: Range<usize>) {
        let start = range.start;
        // Where a tab is cut by the indentation of a list, what is left of it comes as spaces that
        // stand nowhere.
        let length = if range.is_empty() {
            -(text.len() as i32)
        } else {
            text.len() as i32
        };
        let piece = Piece {
            start: start as u32,
            length,
        };
        if let Some(fence) = self.document.fences.last() {
            let is_first = fence.pieces.start as usize == self.document.pieces.len();
            match self.document.pieces.last_mut() {
                Some(last)
                    if !is_first
                        && last.length >= 0
                        && length >= 0
                        && last.start + last.length as u32 == piece.start =>
                {
                    last.length += length;
                }
                _ => self.document.pieces.push(piece),
            }
        }
    }

    fn end_of_fence(&mut self) {
        let end = self.document.pieces.len() as u32;
        let source = self.document.source;
        let Some(fence) = self.document.fences.last_mut() else {
            return;
        };
        fence.pieces.end = end;
        let body_end = self
            .document
            .pieces
            .get(fence.pieces.start as usize..)
            .and_then(<[Piece]>::last)
            .map(|piece| piece.start as usize + piece.length.max(0) as usize);
        let after = match body_end {
            Some(end) => end,
            None => {
                fence.span.start
                    + memchr(b'\n', &source.as_bytes()[fence.span.start..fence.span.end])
                        .unwrap_or(fence.span.end - fence.span.start)
            }
        };
        let mark = source.as_bytes()[fence.span.start];
        let rest = source
            .as_bytes()
            .get(after..fence.span.end)
            .unwrap_or_default();
        fence.is_closed = rest.contains(&mark);
    }

    fn html(&mut self, range: Range<usize>) {
        let before = self.document.comments.len();
        let is_comment = self.document.source[range.start..].starts_with("<!--");
        self.comments(range);
        if self.document.comments.len() == before {
            // Someone else's comment stands between nothing.
            if !is_comment {
                self.settle(None);
            }
            return;
        }
        match self.above {
            Above::Comments { .. } => {}
            Above::Heading => {
                self.above = Above::Comments {
                    first: before,
                    under_heading: true,
                };
            }
            Above::Other => {
                self.above = Above::Comments {
                    first: before,
                    under_heading: false,
                };
            }
        }
    }

    /// Finds our comments in a piece of HTML.
    fn comments(&mut self, range: Range<usize>) {
        let source = self.document.source;
        let mut at = range.start;
        while let Some(open) = source[at..range.end].find("<!--").map(|n| at + n) {
            let inner = open + 4;
            let close = source[inner..range.end]
                .find("-->")
                .map_or(range.end, |n| inner + n);
            at = close;
            let text = &source[inner..close];
            let trimmed = text.trim_start();
            let Some(body) = trimmed.strip_prefix("runbook:") else {
                continue;
            };
            let line = self.lines.line(open);
            self.document.comments.push(Comment {
                span: Span::new(open, (close + 3).min(range.end)),
                body: Span::new(close - body.len(), close),
                line,
                speaks_for: SpeaksFor::Nothing,
            });
        }
    }

    /// Says what the comments right above a block speak for: the block that begins at an offset, if
    /// it can have attributes, or the section whose heading stands above them. Where they could
    /// speak for either, a blank line under them makes them the section's.
    fn settle(&mut self, block: Option<(SpeaksFor, usize)>) {
        let above = std::mem::replace(&mut self.above, Above::Other);
        let Above::Comments {
            first,
            under_heading,
        } = above
        else {
            return;
        };
        let mut next_start = block.map(|(_, start)| start);
        for index in (first..self.document.comments.len()).rev() {
            let comment = &mut self.document.comments[index];
            let touches = next_start.is_some_and(|start| {
                let between = self
                    .document
                    .source
                    .get(comment.span.end..start)
                    .unwrap_or_default();
                between.matches('\n').count() == 1
            });
            comment.speaks_for = match block {
                Some((target, _)) if touches || !under_heading => target,
                _ if under_heading => SpeaksFor::Section(self.section),
                _ => SpeaksFor::Nothing,
            };
            next_start = touches.then_some(comment.span.start);
        }
    }
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => {
            let trimmed = text.trim();
            if trimmed.len() == text.len() {
                Cow::Owned(text)
            } else {
                Cow::Owned(trimmed.to_owned())
            }
        }
    }
}

fn held(text: CowStr<'_>) -> Cow<'_, str> {
    match text {
        CowStr::Borrowed(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.into_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
    use proptest::{collection, sample};
    use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

    use super::{OPTIONS, mark_length, outline, outline_by};
    use crate::markdown::{Document, SpeaksFor};
    use crate::model::Span;

    /// Everything that a document holds, a line each, in document order.
    fn show(document: &Document<'_>) -> String {
        let mut lines: Vec<(usize, String)> = Vec::new();
        if let Some(found) = document.front_matter {
            let body = document.text(found.body);
            lines.push((
                found.span.start,
                format!("front matter {:?} {body:?}", found.syntax),
            ));
        }
        for heading in &document.headings {
            let nested = if heading.is_nested { " nested" } else { "" };
            lines.push((
                heading.span.start,
                format!(
                    "{} heading {} {:?}{nested}",
                    heading.line, heading.level, heading.text
                ),
            ));
        }
        for fence in &document.fences {
            let open = if fence.is_closed { "" } else { " unclosed" };
            lines.push((
                fence.span.start,
                format!(
                    "{} fence {:?} {:?} in {}{open}",
                    fence.line,
                    document.text(fence.info),
                    document.body(fence),
                    fence.section
                ),
            ));
        }
        for item in &document.items {
            lines.push((
                item.span.start,
                format!(
                    "{} item {:?} {:?} codes {} of {:?}",
                    item.line,
                    item.ticked,
                    item.text,
                    item.codes,
                    document.text(item.span)
                ),
            ));
        }
        for table in &document.tables {
            lines.push((
                table.span.start,
                format!("{} table {}×{}", table.line, table.columns, table.rows),
            ));
        }
        for comment in &document.comments {
            lines.push((
                comment.span.start,
                format!(
                    "{} comment {:?} for {:?}",
                    comment.line,
                    document.text(comment.body),
                    comment.speaks_for
                ),
            ));
        }
        lines.sort();
        lines.into_iter().map(|(_, line)| line + "\n").collect()
    }

    fn check(source: &str) -> String {
        show(&outline(source))
    }

    #[test]
    fn fences_stand_anywhere_and_lose_their_indentation() {
        let source = "# A\n\n````bash {#a}\nx\n```\ny\n````\n\n1. one\n\n   ~~~ sh\n   a\n\n     b\n   ~~~\n\n> ```\n> q\n> ```\n\n- > ```js\n  > z\n  > ```\n\n    indented\n\n```py\nend";
        insta::assert_snapshot!(check(source), @r#"
        1 heading 1 "A"
        3 fence "bash {#a}" "x\n```\ny\n" in 1
        11 fence "sh" "a\n\n  b\n" in 1
        17 fence "" "q\n" in 1
        21 fence "js" "z\n" in 1
        27 fence "py" "end" in 1 unclosed
        "#);
    }

    #[test]
    fn crlf_mark_and_tabs_change_no_line_and_no_place() {
        let source = "\u{feff}# Á\r\n\r\n```bash\r\na\r\n\r\nb\r\n```\r\n\r\n-\tx\r\n\r\n\t```sh\r\n\t\tc\r\n\t```\r\n";
        insta::assert_snapshot!(check(source), @r#"
        1 heading 1 "Á"
        3 fence "bash" "a\n\nb\n" in 1
        11 fence "sh" "\tc\n" in 1
        "#);
        let document = outline(source);
        let fence = &document.fences[0];
        assert_eq!(document.body(fence), "a\n\nb\n");
        assert_eq!(document.text(document.place(fence, 3..4)), "b");
        assert_eq!(document.text(document.headings[0].span), "# Á\r\n");
    }

    #[test]
    fn a_fence_that_is_not_closed_is_marked() {
        let source = "- ```sh\n  a\n\ntext\n\n> ```sh\n> b\n\ntext\n\n```sh";
        insta::assert_snapshot!(check(source), @r#"
        1 fence "sh" "a\n\n" in 0 unclosed
        6 fence "sh" "b\n" in 0 unclosed
        11 fence "sh" "" in 0 unclosed
        "#);
    }

    #[test]
    fn tasks_keep_their_text_and_items_their_inline_code() {
        let source = "- [ ] Clone **it** (`git clone`)\n  now\n  - [x] `done`\n    ```sh\n    a\n    ```\n- plain\n- run `a` and `b`\n\n1. [ ] loose\n\n   `not its text`\n2. `c`\n";
        insta::assert_snapshot!(check(source), @r#"
        1 item Some(false) "Clone it (git clone) now" codes 1 of "- [ ] Clone **it** (`git clone`)\n  now"
        3 item Some(true) "done" codes 1 of "- [x] `done`"
        4 fence "sh" "a\n" in 0
        8 item None "" codes 2 of "- run `a` and `b`"
        10 item Some(false) "loose" codes 0 of "1. [ ] loose"
        13 item None "" codes 1 of "2. `c`"
        "#);
    }

    #[test]
    fn front_matter_is_taken_off_and_a_rule_is_none() {
        insta::assert_snapshot!(
            [
                "---\na: 1\n---\n# A\n",
                "\u{feff}---\r\na: 1\r\n---\r\n# A\r\n",
                "+++\na = 1\n+++\n",
                "---\n\ntext\n\n---\n",
                "---\nopen\n",
                "text\n---\na: 1\n---\n"
            ]
            .map(check)
            .join("--\n"),
            @r#"
        front matter Yaml "a: 1\n"
        4 heading 1 "A"
        --
        front matter Yaml "a: 1\r\n"
        4 heading 1 "A"
        --
        front matter Toml "a = 1\n"
        --
        --
        --
        1 heading 2 "text"
        3 heading 2 "a: 1"
        "#
        );
    }

    #[test]
    fn comments_speak_for_what_stands_under_or_above_them() {
        let source = "<!-- runbook: a -->\n\n# H\n<!-- runbook: timeout: 5m -->\n\n<!-- runbook: b -->\n```sh\n```\n\n<!-- runbook:\nx: 1\n-->\n<!-- not ours -->\n\n```sh\n```\n<!-- runbook: #hosts -->\n| a |\n|---|\n| b |\n| c |\n\ntext <!-- runbook: lost -->\n\n## I\n\n<!-- runbook: d -->\n- > <!-- runbook: e -->\n  > ```sh\n  > ```\n";
        insta::assert_snapshot!(check(source), @r#"
        1 comment " a " for Nothing
        3 heading 1 "H"
        4 comment " timeout: 5m " for Section(1)
        6 comment " b " for Fence(0)
        7 fence "sh" "" in 1
        10 comment "\nx: 1\n" for Fence(1)
        15 fence "sh" "" in 1
        17 comment " #hosts " for Table(0)
        18 table 1×2
        23 comment " lost " for Nothing
        25 heading 2 "I"
        27 comment " d " for Section(2)
        28 comment " e " for Fence(2)
        29 fence "sh" "" in 2
        "#);
    }

    #[test]
    fn headings_lose_their_markup_and_count_as_sections_outside_quotes_only() {
        let source =
            "Title\n===\n\n> ## Quoted\n\n## A `b` *c* [d](e) ##\n\n- # In a list\n\n```sh\n```\n";
        insta::assert_snapshot!(check(source), @r#"
        1 heading 1 "Title"
        4 heading 2 "Quoted" nested
        6 heading 2 "A b c d"
        8 heading 1 "In a list" nested
        10 fence "sh" "" in 2
        "#);
    }

    /// Bodies, spans and lines are what pulldown-cmark and a naive count say.
    fn compare(source: &str) {
        let document = outline(source);
        let line = |offset: usize| source[..offset].matches('\n').count() as u32 + 1;
        let sound = |span: Span| {
            assert!(
                source.get(span.start..span.end).is_some(),
                "{span:?} in {source:?}"
            );
        };
        let base = document
            .front_matter
            .map_or_else(|| mark_length(source), |f| f.span.end);
        let mut bodies: Vec<String> = Vec::new();
        let mut in_fence = false;
        for event in Parser::new_ext(&source[base..], OPTIONS) {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => {
                    bodies.push(String::new());
                    in_fence = true;
                }
                Event::End(TagEnd::CodeBlock) => in_fence = false,
                Event::Text(text) if in_fence => bodies.last_mut().expect("a body").push_str(&text),
                _ => {}
            }
        }
        let ours: Vec<_> = document
            .fences
            .iter()
            .map(|fence| document.body(fence))
            .collect();
        assert_eq!(ours, bodies, "{source:?}");
        for fence in &document.fences {
            sound(fence.span);
            sound(fence.info);
            assert_eq!(fence.line, line(fence.span.start));
            let body = document.body(fence);
            for (offset, c) in body
                .char_indices()
                .filter(|(_, c)| !matches!(c, ' ' | '\n'))
            {
                let place = document.place(fence, offset..offset + c.len_utf8());
                assert_eq!(document.text(place), c.to_string());
                // A lone CR ends a line for Markdown, not for us.
                if !source.contains('\r') {
                    let body_line = body[..offset].matches('\n').count() as u32;
                    assert_eq!(line(place.start), fence.line + 1 + body_line, "{source:?}");
                }
            }
        }
        for item in &document.items {
            sound(item.span);
            assert_eq!(item.line, line(item.span.start));
        }
        for heading in &document.headings {
            sound(heading.span);
            assert_eq!(heading.line, line(heading.span.start));
        }
        for comment in &document.comments {
            sound(comment.span);
            sound(comment.body);
            if let SpeaksFor::Fence(index) = comment.speaks_for {
                assert!(document.fences[index].span.start >= comment.span.end);
            }
        }
    }

    fn markdown() -> impl Strategy<Value = String> {
        let part = sample::select(vec![
            "```",
            "~~~",
            "````",
            "\n",
            "\n",
            "\n\n",
            "\r\n",
            "\r",
            " ",
            "  ",
            "    ",
            "\t",
            "> ",
            "- ",
            "1. ",
            "* ",
            "# ",
            "## ",
            "a",
            "ñ",
            "😀",
            "`",
            "[ ] ",
            "[x] ",
            "<!-- runbook: ",
            "-->",
            "| a | b |\n|---|---|\n",
            "---\n",
            "+++\n",
            "{#a}",
            "bash",
            "\\",
            "&amp;",
            "<div>",
            "\u{feff}",
        ]);
        collection::vec(part, 0..40).prop_map(|parts| parts.concat())
    }

    #[test]
    fn links_are_known_across_parts() {
        let source = "# [One] and [two][Late  Label] and [three]\n\ntext\n\n- a\n\n[one]: /x\n\ntext\n\n> [late label]: /y\n";
        assert_eq!(outline(source).headings[0].text, "One and two and [three]");
        assert_eq!(show(&outline_by(source, 4)), show(&outline(source)));
    }

    proptest! {
        #[test]
        fn what_is_read_in_parts_is_the_same(source in markdown(), part in 1_usize..40) {
            assert_eq!(show(&outline_by(&source, part)), show(&outline(&source)), "{source:?}");
        }

        #[test]
        fn any_bytes_are_outlined_without_a_panic(
            bytes in prop_oneof![collection::vec(any::<u8>(), 0..200), Just(b"```".to_vec())]
        ) {
            compare(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn tangles_of_markdown_agree_with_the_parser_and_a_naive_count(source in markdown()) {
            compare(&source);
        }
    }
}
