//! Stores what a step prints: byte-exact up to a cap, with a digest over all of it, in bounded
//! memory whatever it prints. Secrets are masked before a byte is counted, digested or stored.
//!
//! The log holds the head (48 MiB) and, once the step is over, the tail (16 MiB). Until then the
//! tail goes round in a ring file beside it. `.idx` tells what came when, on which stream: a line
//! `microseconds stream length` for each stretch of bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::event::Output;
use crate::redact::{Redactor, Texts};
use crate::store::folder::RunFolder;

/// The most that is kept of the beginning: 48 MiB.
pub(super) const HEAD: u64 = 48 << 20;
/// The most that is kept of the end: 16 MiB.
pub(super) const TAIL: u64 = 16 << 20;

// Stretches of one stream that come closer together than this are one line of the index.
const STRETCH: Duration = Duration::from_millis(50);
// So much is redacted at a time: it goes from reader to reader and stays near the processor.
const PIECE: usize = 64 << 10;
// An index never outgrows this; what comes after is one last stretch.
const INDEX: usize = 4 << 20;

/// Which of the two a step printed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

/// The log of one attempt. Makes no file before the first byte.
pub(super) struct OutputLog {
    folder: RunFolder,
    name: String,
    files: Option<Files>,
    hasher: Sha256,
    stored_hasher: Option<Sha256>,
    bytes: u64,
    head: u64,
    tail: u64,
    lost: Option<String>,
    private: bool,
    redacted: [Redacted; 2],
    // What is left of a piece, used again and again.
    clean: Vec<u8>,
}

// What becomes of one stream.
struct Redacted {
    redactor: Redactor,
    // When something came last.
    at: Duration,
}

struct Files {
    log: File,
    ring: Option<File>,
    index: File,
    index_length: usize,
    pending: Option<(Duration, Duration, Stream, u64)>,
}

impl OutputLog {
    /// Returns the log called `name`. Where it is private nothing of it is stored.
    pub(super) fn new(folder: &RunFolder, name: &str, secrets: &Texts, private: bool) -> Self {
        let (head, tail) = caps();
        let redacted = || Redacted {
            redactor: secrets.stream(),
            at: Duration::ZERO,
        };
        Self {
            folder: folder.clone(),
            name: name.to_owned(),
            files: None,
            hasher: Sha256::new(),
            stored_hasher: None,
            bytes: 0,
            head,
            tail,
            lost: None,
            private,
            redacted: [redacted(), redacted()],
            clean: Vec::new(),
        }
    }

    /// Takes what was printed at `at` (since the step's start). Never fails: where the disk does
    /// not take it the rest is only counted and digested, and the record says so.
    pub(super) fn add(&mut self, at: Duration, stream: Stream, bytes: &[u8]) {
        let mut clean = std::mem::take(&mut self.clean);
        for piece in bytes.chunks(PIECE) {
            clean.clear();
            let redacted = &mut self.redacted[stream as usize];
            redacted.at = at;
            redacted.redactor.feed(piece, &mut clean);
            self.keep(at, stream, &clean);
        }
        self.clean = clean;
    }

    /// Masks these secrets too from here on.
    pub(super) fn learn(&mut self, texts: &Texts) {
        for redacted in &mut self.redacted {
            redacted.redactor.learn(texts);
        }
    }

    fn keep(&mut self, at: Duration, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if !self.private {
            self.hasher.update(bytes);
        }
        if self.lost.is_none()
            && !self.private
            && let Err(error) = self.store(at, stream, bytes)
        {
            self.lost = Some(format!(
                "output after byte {} is lost: {error}",
                self.stored_head()
            ));
        }
        self.bytes += bytes.len() as u64;
    }

    fn stored_head(&self) -> u64 {
        self.bytes.min(self.head)
    }

    fn store(&mut self, at: Duration, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if self.files.is_none() {
            self.files = Some(self.open()?);
        }
        let Some(files) = &mut self.files else {
            return Ok(());
        };
        let room = (self.head - self.bytes.min(self.head)).min(bytes.len() as u64) as usize;
        if room > 0 {
            files.log.write_all(&bytes[..room])?;
        }
        if room < bytes.len() {
            if files.ring.is_none() {
                let path = self.folder.path().join(format!("{}.tail", self.name));
                files.ring = Some(
                    self.folder
                        .new_or_empty_file(&path)
                        .map_err(|error| error.source)?,
                );
                // What the log holds now is the head; its digest goes on without the dropped part.
                let mut hasher = Sha256::new();
                copy_range(&self.folder, &self.name, &mut hasher)?;
                self.stored_hasher = Some(hasher);
            }
            if let Some(ring) = &files.ring {
                let from = self.bytes + room as u64 - self.head;
                write_round(ring, self.tail, from, &bytes[room..])?;
            }
        }
        files.note(at, stream, bytes.len() as u64)
    }

    fn open(&self) -> io::Result<Files> {
        let make = |ending: &str| {
            let path = self.folder.path().join(format!("{}.{ending}", self.name));
            self.folder
                .new_or_empty_file(&path)
                .map_err(|error| error.source)
        };
        Ok(Files {
            log: make("log")?,
            ring: None,
            index: make("idx")?,
            index_length: 0,
            pending: None,
        })
    }

    /// Returns when the index is to tell of what came last, as [`add`](Self::add) counts time: who reads
    /// while the step runs knows only what stands there.
    pub(super) fn due(&self) -> Option<Duration> {
        let files = self.files.as_ref()?;
        let pending = files.pending.as_ref()?;
        (files.index_length <= INDEX).then_some(pending.0 + STRETCH)
    }

    /// Lets the index tell of all that came.
    pub(super) fn settle(&mut self) {
        // Where the disk does not take it, sealing finds that too.
        if let Some(files) = &mut self.files
            && let Err(error) = files.flush()
        {
            self.lost = Some(format!("the index of the output is lost: {error}"));
        }
    }

    /// Seals the log: appends the tail, closes the digest. `None` where nothing was printed.
    pub(super) fn seal(mut self) -> Option<Output> {
        for stream in [Stream::Out, Stream::Err] {
            let mut rest = Vec::new();
            let redacted = &mut self.redacted[stream as usize];
            redacted.redactor.finish(&mut rest);
            let at = redacted.at;
            self.keep(at, stream, &rest);
        }
        if self.bytes == 0 {
            return None;
        }
        let mut detected = BTreeMap::new();
        for (what, times) in self.redacted.iter().flat_map(|it| it.redactor.detected()) {
            *detected.entry((*what).to_owned()).or_default() += times;
        }
        let masked = self.redacted.iter().map(|it| it.redactor.masked()).sum();
        if self.private {
            return Some(Output {
                log: String::new(),
                bytes: self.bytes,
                stored: 0,
                digest: String::new(),
                stored_digest: None,
                gap_at: None,
                lost: None,
                masked,
                detected,
            });
        }
        let mut stored = self.stored_head();
        let mut gap_at = None;
        if let Some(files) = &mut self.files {
            let sealed = files.flush().and_then(|()| {
                let Some(ring) = files.ring.take() else {
                    return Ok(0);
                };
                let hasher = self.stored_hasher.get_or_insert_default();
                let total = self.bytes - self.head;
                let count = unroll(
                    &ring_reader(&self.folder, &self.name)?,
                    self.tail,
                    total,
                    |it| {
                        hasher.update(it);
                        files.log.write_all(it)
                    },
                )?;
                drop(ring);
                let path = self.folder.path().join(format!("{}.tail", self.name));
                std::fs::remove_file(path)?;
                Ok(count)
            });
            match sealed {
                Ok(0) => {}
                Ok(tail) => {
                    gap_at = (self.bytes > stored + tail).then_some(stored);
                    stored += tail;
                }
                Err(error) => self.lost = Some(format!("the end of the output is lost: {error}")),
            }
        }
        let path = format!("{}.log", self.name);
        let mut stored_digest = None;
        if let Some(lost) = &self.lost {
            // The log is shorter than was meant: what it holds is what it holds.
            let length = std::fs::metadata(self.folder.path().join(&path)).map_or(0, |it| it.len());
            let mut hasher = Sha256::new();
            let _ = copy_range(&self.folder, &self.name, &mut hasher);
            let output = Output {
                log: path,
                bytes: self.bytes,
                stored: length,
                digest: hex(self.hasher),
                stored_digest: Some(hex(hasher)),
                gap_at: None,
                lost: Some(lost.clone()),
                masked,
                detected,
            };
            return Some(output);
        }
        if stored < self.bytes {
            stored_digest = self.stored_hasher.map(hex);
        }
        let output = Output {
            log: path,
            bytes: self.bytes,
            stored,
            digest: hex(self.hasher),
            stored_digest,
            gap_at,
            lost: None,
            masked,
            detected,
        };
        Some(output)
    }
}

impl Files {
    fn note(&mut self, at: Duration, stream: Stream, length: u64) -> io::Result<()> {
        if let Some((start, last, of, sum)) = &mut self.pending {
            let is_full = self.index_length > INDEX;
            if is_full || (*of == stream && at.saturating_sub(*start) < STRETCH) {
                *last = at;
                *sum += length;
                return Ok(());
            }
        }
        self.flush()?;
        self.pending = Some((at, at, stream, length));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some((start, _, stream, length)) = self.pending.take() {
            let name = match stream {
                Stream::Out => "out",
                Stream::Err => "err",
            };
            let line = format!("{} {name} {length}\n", start.as_micros());
            self.index_length += line.len();
            self.index.write_all(line.as_bytes())?;
        }
        Ok(())
    }
}

fn caps() -> (u64, u64) {
    #[cfg(feature = "testing")]
    if let Some((head, tail)) = std::env::var("RUNBOOK_TEST_CAPS").ok().and_then(|text| {
        text.split_once(',')
            .map(|(h, t)| (h.parse().ok(), t.parse().ok()))
    }) && let (Some(head), Some(tail)) = (head, tail)
    {
        return (head, tail);
    }
    (HEAD, TAIL)
}

fn hex(hasher: Sha256) -> String {
    crate::store::hex(&hasher.finalize())
}

fn copy_range(folder: &RunFolder, name: &str, hasher: &mut Sha256) -> io::Result<()> {
    let mut log = File::open(folder.path().join(format!("{name}.log")))?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = io::Read::read(&mut log, &mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        hasher.update(&buffer[..count]);
    }
}

fn ring_reader(folder: &RunFolder, name: &str) -> io::Result<File> {
    File::open(folder.path().join(format!("{name}.tail")))
}

// Writes bytes that stand at `from` of an endless stream into a ring of `size` bytes.
fn write_round(ring: &File, size: u64, from: u64, bytes: &[u8]) -> io::Result<()> {
    let skip = (bytes.len() as u64).saturating_sub(size);
    let mut at = from + skip;
    let mut rest = &bytes[skip as usize..];
    while !rest.is_empty() {
        let offset = at % size;
        let count = ((size - offset) as usize).min(rest.len());
        ring.write_all_at(&rest[..count], offset)?;
        at += count as u64;
        rest = &rest[count..];
    }
    Ok(())
}

// Hands the last bytes of a stream of `total` bytes to `sink` in their order; returns how many.
fn unroll(
    ring: &File,
    size: u64,
    total: u64,
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    let kept = total.min(size);
    let mut at = total - kept;
    let mut buffer = vec![0; 256 << 10];
    while at < total {
        let offset = at % size;
        let count = (size - offset).min(total - at).min(buffer.len() as u64) as usize;
        ring.read_exact_at(&mut buffer[..count], offset)?;
        sink(&buffer[..count])?;
        at += count as u64;
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Named;

    fn store(chunks: &[&[u8]], head: u64, tail: u64) -> (Vec<u8>, Output) {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(place.path(), "RUN", false, b"").unwrap();
        let mut log = OutputLog::new(&folder, "output/s-1", &Texts::default(), false);
        (log.head, log.tail) = (head, tail);
        for chunk in chunks {
            log.add(Duration::ZERO, Stream::Out, chunk);
        }
        let output = log.seal().unwrap();
        assert_eq!(output.lost, None);
        let bytes = std::fs::read(folder.path().join(&output.log)).unwrap();
        assert_eq!(bytes.len() as u64, output.stored);
        let digest = output.stored_digest.as_ref().unwrap_or(&output.digest);
        assert_eq!(&crate::store::Hash::of(&bytes).hex(), digest);
        (bytes, output)
    }

    #[test]
    fn nothing_printed_makes_no_file() {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(place.path(), "RUN", false, b"").unwrap();
        let output = OutputLog::new(&folder, "output/s-1", &Texts::default(), false).seal();
        assert_eq!(output, None);
        assert_eq!(std::fs::read_dir(folder.outputs()).unwrap().count(), 0);
    }

    #[test]
    fn what_fits_is_stored_to_the_byte() {
        let (bytes, output) = store(&[b"ab\0", b"\xff\n"], 8, 4);
        assert_eq!(bytes, b"ab\0\xff\n");
        assert_eq!(
            (output.bytes, output.stored_digest, output.gap_at),
            (5, None, None)
        );
    }

    #[test]
    fn head_and_tail_are_kept_and_the_gap_is_named() {
        let (bytes, output) = store(&[b"0123456789", b"abcdefghij"], 8, 4);
        assert_eq!(bytes, b"01234567ghij");
        assert_eq!((output.bytes, output.gap_at), (20, Some(8)));
        assert_eq!(
            output.digest,
            crate::store::Hash::of(b"0123456789abcdefghij").hex()
        );
    }

    fn redacted(pieces: &[(Stream, &str)], private: bool) -> (String, Output) {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(place.path(), "RUN", false, b"").unwrap();
        let secrets = Texts::new(vec![Named::new("DB", "hunter2hunter2")]);
        let mut log = OutputLog::new(&folder, "output/s-1", &secrets, private);
        for (stream, piece) in pieces {
            log.add(Duration::ZERO, *stream, piece.as_bytes());
        }
        let output = log.seal().unwrap();
        let files = std::fs::read_dir(folder.outputs()).unwrap().count();
        assert_eq!(files, if private { 0 } else { 2 });
        let path = folder.path().join(&output.log);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        (text, output)
    }

    #[test]
    fn each_stream_is_masked_by_itself_before_it_is_counted() {
        let pieces = [
            (Stream::Out, "a hunter2"),
            (Stream::Err, "b hunter2"),
            (Stream::Out, "hunter2 c\n"),
            (Stream::Err, "h\n"),
            (Stream::Out, "password=admin1234 hunter2hunt"),
        ];
        let (text, output) = redacted(&pieces, false);
        assert_eq!(text, "a b *** c\nhunter2h\npassword=*** hunter2hunt");
        assert_eq!(output.bytes, text.len() as u64);
        assert_eq!(output.digest, crate::store::Hash::of(text.as_bytes()).hex());
        assert_eq!(output.masked, 1);
        assert_eq!(
            output.detected,
            BTreeMap::from([("a password".to_owned(), 1)])
        );
    }

    #[test]
    fn of_a_private_output_only_the_size_is_kept() {
        let (text, output) = redacted(&[(Stream::Out, "a hunter2hunter2")], true);
        assert_eq!(text, "");
        assert_eq!(
            (output.bytes, output.stored, output.log.as_str()),
            (5, 0, "")
        );
        assert_eq!(output.digest, "");
        assert_eq!(output.masked, 1);
    }

    proptest::proptest! {
        #[test]
        fn any_chunks_keep_the_first_and_the_last_bytes(
            chunks in proptest::collection::vec(
                proptest::collection::vec(proptest::num::u8::ANY, 1..40), 1..12),
            head in 1_u64..60,
            tail in 1_u64..60,
        ) {
            let whole: Vec<u8> = chunks.concat();
            let slices: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let (bytes, output) = store(&slices, head, tail);
            let (head, tail) = (head as usize, tail as usize);
            let mut wanted = whole[..whole.len().min(head)].to_vec();
            if whole.len() > head {
                let from = (whole.len() - tail.min(whole.len() - head)).max(head);
                wanted.extend(&whole[from..]);
            }
            proptest::prop_assert_eq!(bytes, wanted);
            proptest::prop_assert_eq!(output.digest, crate::store::Hash::of(&whole).hex());
        }
    }
}
