//! The template of a document that its transcripts are written by: read before step one, and kept with the
//! run, so that it is told the same way whatever becomes of the file.

use std::io::Read as _;
use std::path::Path;

use super::failure::Failure;
use crate::model::{Diagnostic, Kind, Runbook};
use crate::render::page;

/// The largest template.
const LARGEST: u64 = 1 << 20;

/// Returns the template that `runbook` names, which stands in `folder`; `None` where it names none.
///
/// # Errors
/// What cannot be read, and what is wrong in it.
pub fn template(runbook: &Runbook, folder: &Path) -> Result<Option<String>, Failure> {
    let Some(named) = runbook.transcript.as_ref() else {
        return Ok(None);
    };
    let text = read(&folder.join(&named.file)).map_err(|because| {
        Failure::usage(format!(
            "cannot read `{}`, the template of the transcript",
            named.file
        ))
        .cause(because)
        .hint("name a file beside the document: `transcript: handover.md.j2`")
    })?;
    match page::check(&text) {
        None => Ok(Some(text)),
        Some(fault) => {
            let place = format!("`{}`, line {}", named.file, fault.line);
            let failure = Failure::usage(format!("{place}: {}", fault.message));
            Err(match fault.way_out {
                Some(way_out) => failure.hint(way_out),
                None => failure,
            })
        }
    }
}

/// Says what is wrong with the template that a document names.
pub fn diagnose(runbook: &Runbook, folder: &Path) -> Option<Diagnostic> {
    let named = runbook.transcript.as_ref()?;
    let failure = template(runbook, folder).err()?;
    let mut message = failure.message;
    for cause in failure.causes {
        message.push_str(": ");
        message.push_str(&cause);
    }
    let diagnostic = match runbook.kind {
        Kind::Declared => Diagnostic::error("transcript", named.span, message),
        Kind::Plain => Diagnostic::warning("transcript", named.span, message),
    };
    Some(diagnostic.way_out(failure.hint.unwrap_or_else(|| "mend it".to_owned())))
}

fn read(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    // A FIFO would hold us for ever.
    if !std::fs::metadata(path).map_err(told)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(told)?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(told)?;
    if bytes.len() as u64 > LARGEST {
        return Err("it is larger than 1 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned())
}
