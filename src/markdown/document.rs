//! What a Markdown file holds, by its bytes.

use std::borrow::Cow;
use std::ops::Range;

use crate::model::Span;

/// A Markdown file, taken apart. Borrows the text; holds places, not copies.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    /// The file as it was read.
    pub source: &'a str,
    /// What stands between the `---` or `+++` lines at the top.
    pub front_matter: Option<FrontMatter>,
    /// In document order, those inside lists and quotes included.
    pub headings: Vec<Heading<'a>>,
    /// Fenced code blocks in document order; indented code is none.
    pub fences: Vec<Fence>,
    /// List items that are tasks or hold inline code, in document order.
    pub items: Vec<Item<'a>>,
    /// In document order.
    pub tables: Vec<Table>,
    /// Comments of the form `<!-- runbook: … -->`, in document order.
    pub comments: Vec<Comment>,
    pub(super) pieces: Vec<Piece>,
}

/// A part of a fence's body: bytes of the source, or spaces that a tab stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: u32,
    /// Bytes of the source; negative for that many spaces that stand nowhere.
    pub(super) length: i32,
}

/// In which language front matter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Between `---` lines.
    Yaml,
    /// Between `+++` lines.
    Toml,
}

/// The front matter of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrontMatter {
    /// Its language.
    pub syntax: Syntax,
    /// The marks included.
    pub span: Span,
    /// What stands between the marks.
    pub body: Span,
}

/// A heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading<'a> {
    /// Its text without markup.
    pub text: Cow<'a, str>,
    /// 1 to 6.
    pub level: u8,
    /// The heading's bytes.
    pub span: Span,
    /// From 1.
    pub line: u32,
    /// Stands in a list or quote: it has an anchor, but opens no section.
    pub is_nested: bool,
}

/// A fenced code block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// From the opening marks to the closing ones.
    pub span: Span,
    /// The info string, trimmed, as it stands in the file.
    pub info: Span,
    /// The line of the opening marks, from 1. Line `n` of the body (from 0) is line `line + 1 + n`.
    pub line: u32,
    /// How many headings that are not nested stand above it: 0 for none.
    pub section: u32,
    /// Whether closing marks were found before the file, list or quote ended.
    pub is_closed: bool,
    pub(super) pieces: Range<u32>,
}

/// A list item that is a task or holds inline code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its mark and its own text; what is nested in it is left out.
    pub span: Span,
    /// From 1.
    pub line: u32,
    /// As for a fence.
    pub section: u32,
    /// `Some(true)` for `[x]`, `Some(false)` for `[ ]`.
    pub ticked: Option<bool>,
    /// How many pieces of inline code its own text holds.
    pub codes: u32,
    /// The first piece of inline code of its own text, and where it stands, backticks included.
    pub code: Option<(Cow<'a, str>, Span)>,
    /// A task's text without markup; empty for other items.
    pub text: Cow<'a, str>,
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its bytes.
    pub span: Span,
    /// The line of its head, from 1.
    pub line: u32,
    /// As for a fence.
    pub section: u32,
    /// Its columns.
    pub columns: u32,
    /// Its rows, the head not counted.
    pub rows: u32,
}

/// What a comment speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeaksFor {
    /// The fence of this index: the comment stands above it.
    Fence(usize),
    /// The table of this index: the comment stands above it.
    Table(usize),
    /// The section of this number (as `Fence::section`): the comment stands under its heading.
    Section(u32),
    /// Nothing that could have attributes.
    Nothing,
}

/// A comment `<!-- runbook: … -->`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    /// From `<!--` to `-->`.
    pub span: Span,
    /// What stands after `runbook:`.
    pub body: Span,
    /// From 1.
    pub line: u32,
    /// What it speaks for.
    pub speaks_for: SpeaksFor,
}

impl<'a> Document<'a> {
    /// Returns the text at `span`; empty where the span is not of this document.
    pub fn text(&self, span: Span) -> &'a str {
        self.source.get(span.start..span.end).unwrap_or_default()
    }

    /// Returns the headings that open sections, in document order: the first opens section 1.
    pub fn sections(&self) -> impl Iterator<Item = &Heading<'a>> {
        self.headings.iter().filter(|heading| !heading.is_nested)
    }

    /// Returns the fence's body: indentation of lists and quotes removed, LF line ends. Borrowed
    /// where it stands in the file as it is.
    pub fn body(&self, fence: &Fence) -> Cow<'a, str> {
        match self.pieces(fence) {
            [] => Cow::Borrowed(""),
            [piece] if piece.length >= 0 => Cow::Borrowed(self.piece(*piece)),
            pieces => {
                let mut body = String::with_capacity(fence.span.end - fence.span.start);
                for piece in pieces {
                    body.push_str(self.piece(*piece));
                }
                Cow::Owned(body)
            }
        }
    }

    /// Returns the bytes in the file of the bytes `range` of the fence's body; what is beyond it is
    /// taken for its end.
    pub fn place(&self, fence: &Fence, range: Range<usize>) -> Span {
        let body_end = || {
            self.pieces(fence).last().map_or(fence.info.end, |piece| {
                piece.start as usize + usize::try_from(piece.length).unwrap_or(0)
            })
        };
        let start = self.offset(fence, range.start).unwrap_or_else(body_end);
        let last = range.end.checked_sub(1).filter(|last| *last >= range.start);
        let end = last.map_or(start, |last| {
            self.offset(fence, last)
                .map_or_else(body_end, |offset| offset + 1)
        });
        Span::new(start, end.max(start))
    }

    fn offset(&self, fence: &Fence, offset: usize) -> Option<usize> {
        let mut left = offset;
        for piece in self.pieces(fence) {
            let length = piece.length.unsigned_abs() as usize;
            if left < length {
                return Some(piece.start as usize + if piece.length >= 0 { left } else { 0 });
            }
            left -= length;
        }
        None
    }

    fn pieces(&self, fence: &Fence) -> &[Piece] {
        &self.pieces[fence.pieces.start as usize..fence.pieces.end as usize]
    }

    fn piece(&self, piece: Piece) -> &'a str {
        let length = piece.length.unsigned_abs() as usize;
        if piece.length >= 0 {
            &self.source[piece.start as usize..piece.start as usize + length]
        } else {
            &"    "[..length.min(4)]
        }
    }
}
