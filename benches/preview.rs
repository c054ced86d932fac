//! What a preview costs: the view against `unshare -m`, a step in it against the same step outside,
//! many small files, and the diff of many entries. As root. Prints ratios of this run, both sides
//! taken in turn; asserts nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark reads the clock, starts processes and prints"
)]

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use runbook::sandbox::{Sandbox, Wanted};

const PROGRAM: &str = env!("CARGO_BIN_EXE_runbook");
const ROUNDS: usize = 15;
const STEPS: usize = 40;

fn main() {
    if !rustix::process::geteuid().is_root() {
        println!("a view as root needs root");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    ready();
    step(place.path());
    appends(place.path());
    entries(place.path());
}

fn start() -> Sandbox {
    Sandbox::start(Path::new(PROGRAM), &Wanted::default()).unwrap()
}

fn ready() {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let line = ["unshare", "-m", "true"].map(OsString::from);
        theirs.push(time(|| run(&line, Path::new("/"))));
        let began = Instant::now();
        let sandbox = start();
        ours.push(began.elapsed());
        sandbox.finish().unwrap();
    }
    tell(
        "a view is ready, against `unshare -m true`",
        ours,
        theirs,
        "at most 3",
    );
}

fn step(place: &Path) {
    let sandbox = start();
    let inside = bash(sandbox.prefix(), "true");
    let outside = bash(Vec::new(), "true");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..STEPS {
        theirs.push(time(|| run(&outside, place)));
        ours.push(time(|| run(&inside, place)));
    }
    tell(
        "a step in it, against `bash -c true`",
        ours,
        theirs,
        "at most 1.5",
    );
}

fn appends(place: &Path) {
    let folder = place.join("small");
    fs::create_dir(&folder).unwrap();
    for number in 0..2000 {
        fs::write(folder.join(number.to_string()), "small\n").unwrap();
    }
    let script = "for f in *; do echo more >> $f; done";
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        theirs.push(time(|| run(&bash(Vec::new(), script), &folder)));
        let sandbox = start();
        ours.push(time(|| run(&bash(sandbox.prefix(), script), &folder)));
        drop(sandbox);
    }
    tell("appending to 2,000 small files", ours, theirs, "at most 4");
}

fn entries(place: &Path) {
    let script = "mkdir many; cd many; for d in $(seq 100); do mkdir $d; for f in $(seq 199); do \
        echo $f > $d/$f; done; done";
    let mut all = Vec::new();
    for _ in 0..5 {
        let mut sandbox = start();
        run(&bash(sandbox.prefix(), script), place);
        let began = Instant::now();
        let effects = sandbox.effects().unwrap();
        all.push(began.elapsed());
        assert!(effects.differences.len() >= 20_000);
    }
    println!(
        "the diff of 20,000 entries: {:.3} s (median; wanted: under 0.5)",
        median(all).as_secs_f64()
    );
}

fn bash(mut prefix: Vec<OsString>, script: &str) -> Vec<OsString> {
    prefix.extend(["/bin/bash".into(), "-c".into(), script.into()]);
    prefix
}

fn run(line: &[OsString], folder: &Path) {
    let status = Command::new(&line[0])
        .args(&line[1..])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{line:?}");
}

fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn tell(what: &str, ours: Vec<Duration>, theirs: Vec<Duration>, wanted: &str) {
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "{what}: {:.2} ms against {:.2} ms, {:.2} times (wanted: {wanted})",
        ours.as_secs_f64() * 1000.0,
        theirs.as_secs_f64() * 1000.0,
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
}
