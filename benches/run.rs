//! What a step costs against `bash -c true`, and what a step that prints 1 GB costs against `tee`.
//! Prints ratios of this run, both sides taken in turn; asserts nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark reads the clock, starts processes and prints"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const STEPS: usize = 1000;
const ROUNDS: usize = 5;
const GIGABYTE: u64 = 1 << 30;

fn main() {
    let place = tempfile::tempdir().unwrap();
    steps(place.path());
    side_by_side(place.path());
    gigabyte(place.path());
}

fn steps(place: &Path) {
    let mut text = String::from("---\nrunbook: 1\n---\n# Steps\n");
    for number in 0..STEPS {
        writeln!(text, "```bash {{#s{number}}}\ntrue\n```").unwrap();
    }
    let file = place.join("steps.md");
    fs::write(&file, text).unwrap();
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let bare = time(|| {
            for _ in 0..STEPS {
                assert!(
                    quiet("bash")
                        .args(["-c", "true"])
                        .status()
                        .unwrap()
                        .success()
                );
            }
        });
        let ours = time(|| assert!(run(place, &file).wait().unwrap().success()));
        let (bare, ours) = (each(bare), each(ours));
        println!(
            "a step {ours:.2} ms, `bash -c true` {bare:.2} ms: {:.2}×",
            ours / bare
        );
        ratios.push(ours / bare);
    }
    println!(
        "a step, {STEPS} of them: {:.2}× `bash -c true` (median)\n",
        median(&mut ratios)
    );
}

// 64 steps of 0.1 s, of which none waits for another, against as many bare shells at once.
fn side_by_side(place: &Path) {
    let mut text = String::from("---\nrunbook: 1\n---\n# Steps\n");
    for number in 0..64 {
        writeln!(
            text,
            "```bash {{#s{number} needs=\"\" effect=reads}}\nsleep 0.1\n```"
        )
        .unwrap();
    }
    let file = place.join("side-by-side.md");
    fs::write(&file, text).unwrap();
    let (mut all, mut shells, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare = time(|| {
            let shell = |_| quiet("bash").args(["-c", "sleep 0.1"]).spawn().unwrap();
            let started: Vec<Child> = (0..64).map(shell).collect();
            for mut shell in started {
                assert!(shell.wait().unwrap().success());
            }
        });
        let mut command = engine(place, &file);
        command.args(["--jobs", "64"]);
        let ours = time(|| assert!(command.status().unwrap().success()));
        let (bare, ours) = (bare.as_secs_f64(), ours.as_secs_f64());
        println!(
            "64 steps of `sleep 0.1`, --jobs 64: {ours:.3} s, 64 bare shells {bare:.3} s: {:.2}×",
            ours / bare
        );
        all.push(ours);
        shells.push(bare);
        ratios.push(ours / bare);
    }
    println!(
        "64 steps of `sleep 0.1`, --jobs 64: {:.3} s, 64 bare shells {:.3} s: {:.2}× (median)\n",
        median(&mut all),
        median(&mut shells),
        median(&mut ratios)
    );
}

fn gigabyte(place: &Path) {
    let file = place.join("gigabyte.md");
    let body = format!("head -c {GIGABYTE} /dev/zero");
    fs::write(
        &file,
        format!("---\nrunbook: 1\n---\n# G\n```bash\n{body}\n```\n"),
    )
    .unwrap();
    let copy = place.join("copy");
    let mut ratios = Vec::new();
    let mut memory = 0;
    for _ in 0..ROUNDS {
        let tee = time(|| {
            let line = format!("{body} | tee '{}' > /dev/null", copy.display());
            assert!(
                quiet("bash")
                    .args(["-c", &line])
                    .status()
                    .unwrap()
                    .success()
            );
        });
        fs::remove_file(&copy).unwrap();
        let ours = time(|| {
            let mut engine = run(place, &file);
            while engine.try_wait().unwrap().is_none() {
                memory = memory.max(resident(engine.id()));
                sleep(Duration::from_millis(20));
            }
        });
        let (tee, ours) = (tee.as_secs_f64(), ours.as_secs_f64());
        println!(
            "1 GB: ours {ours:.2} s, tee {tee:.2} s: {:.2}× the speed of tee",
            tee / ours
        );
        ratios.push(tee / ours);
    }
    println!(
        "1 GB: {:.2}× the speed of tee (median)",
        median(&mut ratios)
    );
    println!(
        "1 GB: engine and keeper together at most {:.1} MB",
        memory as f64 / 1e3
    );
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn run(place: &Path, file: &Path) -> Child {
    engine(place, file).spawn().unwrap()
}

fn engine(place: &Path, file: &Path) -> Command {
    let mut command = quiet(env!("CARGO_BIN_EXE_runbook"));
    command
        .arg("run")
        .arg(file)
        .env("RUNBOOK_STATE", place.join("state"));
    command
}

// The most that the engine and its keeper ever held, in kB.
fn resident(engine: u32) -> u64 {
    let keepers = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let is_keeper = line.split(|it| *it == 0).nth(1) == Some(b"__keeper");
        (is_keeper && parent(pid) == Some(engine)).then_some(pid)
    });
    keepers.chain([engine]).filter_map(peak).sum()
}

fn field(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|it| it.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn parent(pid: u32) -> Option<u32> {
    field(pid, "PPid:").map(|it| it as u32)
}

fn peak(pid: u32) -> Option<u64> {
    field(pid, "VmHWM:")
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn each(all: Duration) -> f64 {
    all.as_secs_f64() * 1e3 / STEPS as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
