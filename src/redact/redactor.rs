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
    // For secrets that became known while it ran, each with those that came with it.
    learnt: Vec<Learnt>,
    lines: Option<Lines>,
    detector: Detector,
    // What one hands to the next.
    masked: Vec<u8>,
    lined: Vec<u8>,
}

struct Learnt {
    masker: Masker,
    lines: Option<Lines>,
}

impl Redactor {
    /// Returns one that masks `patterns`, and lines with the short ones of `secrets`.
    pub fn new(secrets: &[Named], patterns: Option<Arc<Patterns>>) -> Self {
        Self {
            masker: Masker::new(patterns),
            learnt: Vec::new(),
            lines: Lines::new(secrets),
            detector: Detector::default(),
            masked: Vec::new(),
            lined: Vec::new(),
        }
    }

    /// Masks these too from here on.
    pub fn learn(&mut self, texts: &Texts) {
        self.learnt.push(Learnt {
            masker: Masker::new(texts.patterns.clone()),
            lines: Lines::new(&texts.secrets),
        });
    }

    /// Takes the next bytes of the stream and adds to `out` what is certain by now.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mut next = chunk;
        if self.masker.is_needed() {
            self.masked.clear();
            self.masker.feed(chunk, &mut self.masked);
            next = &self.masked;
        }
        if !self.learnt.is_empty() {
            let through = next.to_vec();
            self.masked = self.learnt.iter_mut().fold(through, |bytes, it| {
                let mut out = Vec::with_capacity(bytes.len());
                it.feed(&bytes, &mut out);
                out
            });
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
        for it in &mut self.learnt {
            let mut out = Vec::with_capacity(self.masked.len());
            it.feed(&self.masked, &mut out);
            it.finish(&mut out);
            self.masked = out;
        }
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
        let learnt: u64 = self.learnt.iter().map(Learnt::count).sum();
        self.masker.count() + self.lines.as_ref().map_or(0, |it| it.count) + learnt
    }

    /// Returns what was masked that nobody declared, and how often.
    pub fn detected(&self) -> &BTreeMap<&'static str, u64> {
        self.detector.found()
    }
}

impl Learnt {
    fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(lines) = &mut self.lines else {
            return self.masker.feed(chunk, out);
        };
        let mut masked = Vec::with_capacity(chunk.len());
        self.masker.feed(chunk, &mut masked);
        lines.feed(&masked, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let Some(lines) = &mut self.lines else {
            return self.masker.finish(out);
        };
        let mut masked = Vec::new();
        self.masker.finish(&mut masked);
        lines.feed(&masked, out);
        lines.finish(out);
    }

    fn count(&self) -> u64 {
        self.masker.count() + self.lines.as_ref().map_or(0, |it| it.count)
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

    /// Returns one that masks these secrets as well.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = Named>) -> Self {
        let all = self.secrets.iter().cloned();
        Self::new(all.chain(more).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_learnt_on_the_way_is_masked_from_there_on_whatever_the_chunks(
            cuts in proptest::collection::vec(0_usize..40, 0..6),
        ) {
            let first = Texts::new(vec![Named::new("A", "hunter2hunter2")]);
            let mut redactor = first.stream();
            let mut out = Vec::new();
            redactor.feed(b"hunter2hunter2 learntlater ", &mut out);
            redactor.learn(&Texts::new(vec![Named::new("B", "learntlater"), Named::new("C", "4711")]));
            let rest = b"hunter2hunter2-learntlater!\nx 4711 y\nz\n";
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|it| *it <= rest.len()).collect();
            cuts.push(rest.len());
            cuts.sort_unstable();
            let mut at = 0;
            for cut in cuts {
                redactor.feed(&rest[at..cut], &mut out);
                at = cut;
            }
            redactor.finish(&mut out);
            proptest::prop_assert_eq!(
                String::from_utf8(out).unwrap(),
                "*** learntlater ***-***!\nx ***\nz\n"
            );
            proptest::prop_assert_eq!(redactor.masked(), 4);
        }
    }
}
