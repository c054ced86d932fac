//! All that a stream goes through before a byte of it is kept: declared secrets, lines with short
//! ones, and what looks like one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::holes::{Form, forms, holes};
use super::lines::Lines;
use super::{Detector, Masker, Named, Patterns};

/// Redacts one stream.
pub struct Redactor {
    masker: Masker,
    lines: Option<Lines>,
    detector: Detector,
    // What one hands to the next.
    masked: Vec<u8>,
    lined: Vec<u8>,
}

impl Redactor {
    /// Returns one that masks `patterns`, and lines with the short ones of `secrets`.
    pub fn new(secrets: &[Named], patterns: Option<Arc<Patterns>>) -> Self {
        Self {
            masker: Masker::new(patterns),
            lines: Lines::new(secrets),
            detector: Detector::default(),
            masked: Vec::new(),
            lined: Vec::new(),
        }
    }

    /// Takes the next bytes of the stream and adds to `out` what is certain by now.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mut next = chunk;
        if self.masker.is_needed() {
            self.masked.clear();
            self.masker.feed(chunk, &mut self.masked);
            next = &self.masked;
        }
        if let Some(lines) = &mut self.lines {
            self.lined.clear();
            lines.feed(next, &mut self.lined);
            next = &self.lined;
        }
        self.detector.feed(next, out);
    }

    /// Ends the stream: adds to `out` what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.masked.clear();
        self.masker.finish(&mut self.masked);
        let mut next = self.masked.as_slice();
        if let Some(lines) = &mut self.lines {
            self.lined.clear();
            lines.feed(next, &mut self.lined);
            lines.finish(&mut self.lined);
            next = &self.lined;
        }
        self.detector.feed(next, out);
        self.detector.finish(out);
    }

    /// Returns how many declared secrets, and lines with one, were masked.
    pub fn masked(&self) -> u64 {
        self.masker.count() + self.lines.as_ref().map_or(0, |it| it.count)
    }

    /// Returns what was masked that nobody declared, and how often.
    pub fn detected(&self) -> &BTreeMap<&'static str, u64> {
        self.detector.found()
    }
}

/// What is known of the secrets of a run: masks texts that stand by themselves, what is recorded of
/// the run and told of it.
#[derive(Clone)]
pub struct Texts {
    secrets: Arc<[Named]>,
    patterns: Option<Arc<Patterns>>,
    forms: Arc<[Form]>,
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.secrets.fmt(f)
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Texts {
    /// Returns one that masks these secrets.
    pub fn new(secrets: Vec<Named>) -> Self {
        let patterns = Patterns::new(&secrets).map(Arc::new);
        let forms = forms(&secrets).into();
        Self {
            secrets: secrets.into(),
            patterns,
            forms,
        }
    }

    /// Returns the secrets.
    pub fn secrets(&self) -> &[Named] {
        &self.secrets
    }

    /// Returns a redactor of a stream.
    pub fn stream(&self) -> Redactor {
        Redactor::new(&self.secrets, self.patterns.clone())
    }

    /// Returns a masker of a stream that somebody looks at while it is printed: it holds no line back,
    /// and so masks neither short secrets nor what only looks like one.
    pub fn masker(&self) -> Masker {
        Masker::new(self.patterns.clone())
    }

    /// Returns `text` as it is stored where it is needed again: with a hole for each secret.
    pub fn holes(&self, text: &[u8]) -> Vec<u8> {
        holes(text, &self.forms)
    }

    /// Whether a secret stands in `text`.
    pub fn hold(&self, text: &[u8]) -> bool {
        let stands = |it: &Form| memchr::memmem::find(text, it.bytes()).is_some();
        self.forms.iter().any(stands)
    }

    /// Returns `text` with every declared secret masked, and how often that was.
    pub fn mask(&self, text: &[u8]) -> (Vec<u8>, u64) {
        let mut masker = Masker::new(self.patterns.clone());
        let mut out = Vec::with_capacity(text.len());
        masker.feed(text, &mut out);
        masker.finish(&mut out);
        let mut count = masker.count();
        if let Some(mut lines) = Lines::new(&self.secrets) {
            let masked = std::mem::take(&mut out);
            lines.feed(&masked, &mut out);
            lines.finish(&mut out);
            count += lines.count;
        }
        (out, count)
    }

    /// Masks every declared secret in `text`.
    pub fn clean(&self, text: &mut String) {
        if self.secrets.is_empty() {
            return;
        }
        let (masked, count) = self.mask(text.as_bytes());
        if count > 0 {
            *text = String::from_utf8_lossy(&masked).into_owned();
        }
    }
}
