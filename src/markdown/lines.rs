//! Offsets → lines, without an index of the whole file.

use memchr::memchr_iter;

/// Returns the line, from 1, on which byte `offset` of `source` stands. Lines end with LF.
pub fn line_of(source: &str, offset: usize) -> u32 {
    let before = &source.as_bytes()[..offset.min(source.len())];
    memchr_iter(b'\n', before).count() as u32 + 1
}

/// Counts lines from one offset to the next: asked in rising order, the whole file is read once.
#[derive(Debug)]
pub struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    /// Returns a counter that stands at the start of `source`.
    pub fn new(source: &'a str) -> Self {
        Self {
            bytes: source.as_bytes(),
            at: 0,
            line: 1,
        }
    }

    /// Returns the line, from 1, of byte `offset`; an offset before the last one costs the way back.
    pub fn line(&mut self, offset: usize) -> u32 {
        let offset = offset.min(self.bytes.len());
        if offset >= self.at {
            self.line += memchr_iter(b'\n', &self.bytes[self.at..offset]).count() as u32;
        } else {
            self.line -= memchr_iter(b'\n', &self.bytes[offset..self.at]).count() as u32;
        }
        self.at = offset;
        self.line
    }
}
