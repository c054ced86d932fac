//! A fence and its pieces, with what the document around makes of them.

use std::borrow::Cow;
use std::ops::{Deref, Range};
use std::sync::Arc;

use super::body::{self, BodyPiece, Reason};
use super::surroundings::{Standing, Surroundings};
use super::words::Heard;
use crate::markdown::Fence;
use crate::model::{Effect, Nature};

/// A piece of a body, and what the document around makes of it.
#[derive(Clone)]
pub(super) struct Said<'a> {
    pub(super) read: &'a BodyPiece,
    pub(super) nature: Nature,
    pub(super) effect: Effect,
    pub(super) because: Cow<'a, str>,
    pub(super) doubts: Cow<'a, [Reason]>,
}

impl<'a> Said<'a> {
    pub(super) fn new(read: &'a BodyPiece) -> Self {
        Self {
            read,
            nature: read.nature,
            effect: read.effect,
            because: Cow::Borrowed(&read.because),
            doubts: Cow::Borrowed(&read.doubts),
        }
    }

    pub(super) fn doubt(
        &mut self,
        rule: &'static str,
        because: impl Into<String>,
        range: Range<usize>,
    ) {
        body::add(self.doubts.to_mut(), rule, because, range);
    }
}

impl Deref for Said<'_> {
    type Target = BodyPiece;

    fn deref(&self) -> &BodyPiece {
        self.read
    }
}

/// A fence with what stands around it.
pub(super) struct Context<'a> {
    pub(super) fence: &'a Fence,
    pub(super) standing: &'a Standing,
    pub(super) body: &'a str,
    /// Shared with the other fences of the same body, until something is said of this one.
    pub(super) pieces: Cow<'a, [Said<'a>]>,
    /// `None` where nothing around says anything.
    pub(super) around: Option<Box<Surroundings>>,
    /// For each piece that is one of several ways: the number they share.
    pub(super) choices: Vec<(usize, u32)>,
    /// The pieces that hold a command and its opposite, or one of the two.
    pub(super) opposed: Vec<usize>,
}

impl Context<'_> {
    /// Returns the sentence that leads to the fence, where something is said around it.
    pub(super) fn lead(&self) -> Option<&Heard> {
        let lead = self.around.as_ref()?.lead()?;
        Some(&lead.text)
    }

    /// Returns the folded titles that it stands under, innermost first.
    pub(super) fn headings(&self) -> &[Arc<Heard>] {
        self.standing.headings()
    }

    /// Whether the sentence above offers the fence as one of several ways.
    pub(super) fn is_another_way(&self) -> bool {
        self.around.as_ref().is_some_and(|it| it.is_another_way)
    }

    /// Whether anything of it could be one of several ways.
    pub(super) fn may_tell_of_ways(&self) -> bool {
        let mut pieces = self.pieces.iter();
        self.around.is_some()
            || self.pieces.len() > 1
            || pieces.any(|piece| piece.nature.is_step() && !piece.ways.are_none())
    }
}
