//! A step whose body becomes a file: a small program of this same binary, which the keeper starts as it
//! starts any interpreter. What to write reaches it as bodies do, through a file in memory.

use std::error::Error as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::local::{How, Start};
use crate::host::accounts::Ids;
use crate::host::place::Refusal;
use crate::host::replace::{Audience, Wanted, look};
use crate::host::{fault, storage};
use crate::keeper::protocol::Launch;
use crate::keeper::{DUMP_FD, SCRIPT_FD};
use crate::model::WrittenFile;
use crate::redact::Texts;
use crate::store::Hash;

/// The argument by which `main` knows that this is such a step.
pub const ARGUMENT: &str = "__file";

/// What stands before the content: one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    file: WrittenFile,
    uid: Option<u32>,
    gid: Option<u32>,
    /// What the old file is kept under, where it is.
    run: String,
    /// The same for each try of the step.
    key: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secret_lines: Vec<usize>,
}

/// Returns how a step is started that writes `file`, whose owner has the numbers `ids`; `program` is
/// this binary.
pub fn launch(start: Start<'_>, file: WrittenFile, ids: Ids, run: &str, program: &Path) -> Launch {
    let texts = Texts::new(start.secrets.clone());
    let order = Order {
        file,
        uid: ids.0,
        gid: ids.1,
        run: run.to_owned(),
        key: format!("{run}-{}", start.step),
        secret_lines: secret_lines(start.body, &texts),
    };
    // Infallible: names and numbers.
    let mut script = serde_json::to_string(&order).unwrap_or_default();
    script.push('\n');
    script.push_str(start.body);
    let how = How {
        program: program.to_string_lossy().into_owned(),
        args: vec![ARGUMENT.to_owned(), order.file.path],
        script,
        script_on_stdin: false,
        line_offset: 0,
        dumps: false,
        tells: true,
    };
    how.of(start)
}

/// Returns the lines of `body`, from 0, in which one of these secrets stands.
pub fn secret_lines(body: &str, secrets: &Texts) -> Vec<usize> {
    if secrets.secrets().is_empty() {
        return Vec::new();
    }
    let lines = body.split('\n').enumerate();
    lines
        .filter(|(_, line)| {
            // A short one has no other forms.
            let mut all = secrets.secrets().iter();
            secrets.hold(line.as_bytes()) || all.any(|it| line.contains(&it.value))
        })
        .map(|(at, _)| at)
        .collect()
}

/// Writes the file that the keeper hands over; prints what changes. Returns the exit code.
pub fn main() -> u8 {
    fault::role("file");
    match write() {
        Ok(()) => 0,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "{failure}");
            1
        }
    }
}

fn write() -> Result<(), String> {
    let mut script = Vec::new();
    File::open(format!("/dev/fd/{SCRIPT_FD}"))
        .and_then(|mut it| it.read_to_end(&mut script))
        .map_err(|it| format!("nothing was handed over to be written: {it}"))?;
    let head = memchr::memchr(b'\n', &script).ok_or("nothing was handed over to be written")?;
    let order: Order = serde_json::from_slice(&script[..head])
        .map_err(|it| format!("what was handed over cannot be read: {it}"))?;
    let wanted = Wanted {
        content: &script[head + 1..],
        mode: order.file.mode,
        uid: order.uid,
        gid: order.gid,
        parents: order.file.parents,
        secret_lines: &order.secret_lines,
    };
    let told = |refusal: Refusal| {
        let mut text = refusal.to_string();
        if let Some(source) = refusal.source() {
            text = format!("{text}: {source}");
        }
        match refusal.way_out() {
            Some(way_out) => format!("{text}\n{way_out}"),
            None => text,
        }
    };
    let path = Path::new(&order.file.path);
    let found = look(Path::new("."), path, order.file.links, &wanted).map_err(told)?;
    let kept = if order.file.backup {
        found.kept(&wanted, &order.run).map_err(told)?
    } else {
        None
    };
    let beside = kept.as_ref().map(|it| found.path().with_file_name(it));
    let beside = beside.map(|it| it.display().to_string());
    let change = found.change(&wanted, beside.as_deref(), Audience::Record);
    // What is about to change is told before it does: a crash in between leaves a trace.
    let (last, before) = (change.last_line(), change.details());
    let mut out = io::stdout();
    let _ = out.write_all(before.as_bytes()).and_then(|()| out.flush());
    let mark = Hash::of(order.key.as_bytes()).hex();
    found
        .write(
            &wanted,
            kept.as_deref(),
            &mark[..12],
            storage::from_environment(),
        )
        .map_err(told)?;
    let _ = writeln!(out, "{last}");
    // For the line of the step itself, also where nothing that it prints is kept.
    let told = File::options()
        .write(true)
        .open(format!("/dev/fd/{DUMP_FD}"));
    if let Ok(mut told) = told {
        let _ = told.write_all(last.as_bytes());
    }
    Ok(())
}
