//! The outline, and all that `runbook list` does with a document, classification included, against a
//! bare pulldown-cmark pass over the same bytes; and the start-up of `runbook list` against that of
//! `/bin/true`. Prints ratios of this run; asserts nothing. `cargo bench --bench outline -- "50 bodies"`
//! measures the documents with that in their names only.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark reads the clock, starts processes and prints"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::hint::black_box;
use std::num::NonZero;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pulldown_cmark::{Options, Parser};
use runbook::classify::knowledge::Knowledge;
use runbook::classify::readings::readings;
use runbook::markdown::{decode, outline_on};
use runbook::resolve::resolve;

/// Counts what is allocated now, and the most that ever was since it was asked last: while it is told
/// to, for threads that count together wait for each other longer than for memory.
struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands every request on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
            PEAK.fetch_max(now, Ordering::Relaxed);
        }
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNTS.load(Ordering::Relaxed) {
            NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            // As where it moves: both are there for a moment.
            let now = NOW.fetch_add(size, Ordering::Relaxed) + size;
            PEAK.fetch_max(now, Ordering::Relaxed);
            NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    println!(
        "{:<26} {:>9} {:>9} {:>9} {:>7} {:>12}",
        "document", "size", "bare", "ours", "ratio", "memory/size"
    );
    let distinct = fences(10_000, 10_000);
    let ten = manual(10 << 20);
    measure("10,000 fences", &distinct, 9);
    measure("10 MB manual", &ten, 9);
    for size in [25, 50, 100] {
        measure(&format!("{size} MB manual"), &manual(size << 20), 3);
    }
    println!("with classification, as `runbook list`:");
    compare("10,000 fences, 50 bodies", &fences(10_000, 50), 9, listed);
    compare("10,000 fences, all differ", &distinct, 9, listed);
    compare("100,000 fences, 50 bodies", &fences(100_000, 50), 3, listed);
    for size in [1, 10, 50, 100] {
        let rounds = if size > 10 { 3 } else { 9 };
        compare(
            &format!("{size} MB manual"),
            &manual(size << 20),
            rounds,
            listed,
        );
    }
    println!("the outline, of documents that are one block:");
    for (name, line) in [
        ("10 MB of `[`", "["),
        ("10 MB of `*a `", "*a "),
        ("10 MB of list items", "- a\n"),
        ("10 MB of quoted lists", "> - a\n> \n"),
        ("10 MB of backticks", "a ` b `` c ``` d\n"),
        ("10 MB of table rows", "| a | b |\n|---|---|\n| c | d |\n\n"),
        ("10 MB of links", "[a](<b "),
        ("10 MB of HTML", "<a <!-- <?"),
    ] {
        // Lines of at most 4 MiB: longer ones are refused.
        let mut text = String::new();
        while text.len() < 10 << 20 {
            text.push_str(line);
            if !line.ends_with('\n') && text.len() % (4 << 20) < line.len() {
                text.push('\n');
            }
        }
        measure(name, &text, 1);
    }
    start_up();
}

fn bare(source: &str) -> usize {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
    Parser::new_ext(source, options).count()
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

fn ours(source: &str) -> usize {
    let Ok(text) = decode(source.as_bytes()) else {
        return 0;
    };
    let document = outline_on(text, threads());
    document.fences.len() + document.headings.len()
}

fn listed(source: &str) -> usize {
    let Ok(text) = decode(source.as_bytes()) else {
        return 0;
    };
    let threads = threads();
    let document = outline_on(text, threads);
    let readings = readings(&document, &Knowledge::built_in(), threads);
    resolve(&document, "bench", readings).0.steps.len()
}

fn measure(name: &str, source: &str, rounds: usize) {
    compare(name, source, rounds, ours);
}

fn compare(name: &str, source: &str, rounds: usize, ours: fn(&str) -> usize) {
    let mut wanted = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    if wanted.next().is_some_and(|it| !name.contains(&it)) {
        return;
    }
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (times, pass) in times.iter_mut().zip([bare, ours]) {
            let start = Instant::now();
            black_box(pass(black_box(source)));
            times.push(start.elapsed());
        }
    }
    NOW.store(0, Ordering::Relaxed);
    PEAK.store(0, Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    black_box(ours(black_box(source)));
    COUNTS.store(false, Ordering::Relaxed);
    let peak = PEAK.load(Ordering::Relaxed);
    let [bare, ours] = times.map(median);
    println!(
        "{name:<26} {:>6.1} MB {:>6.1} ms {:>6.1} ms {:>7.2} {:>12.2}",
        source.len() as f64 / 1e6,
        bare.as_secs_f64() * 1e3,
        ours.as_secs_f64() * 1e3,
        ours.as_secs_f64() / bare.as_secs_f64(),
        // The text itself is held too.
        (peak + source.len()) as f64 / source.len() as f64,
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn fences(number: usize, bodies: usize) -> String {
    let mut text = String::from("# Runbook\n\n");
    for n in 0..number {
        if n % 5 == 0 {
            write!(text, "## Section {n}\n\n").unwrap();
        }
        let body = n % bodies;
        write!(
            text,
            "Check that *service* {n} is up before `step` {n} begins.\n\n```bash\n# Look at it\nsystemctl status service-{body} --no-pager\njournalctl -u service-{body} | tail -20\n```\n\n"
        )
        .unwrap();
    }
    text
}

fn manual(size: usize) -> String {
    let mut text = String::with_capacity(size + 2000);
    let mut n = 0;
    while text.len() < size {
        n += 1;
        write!(
            text,
            "## {n}. Configuración del servicio\n\nLa plataforma corre en **contenedores** sobre un servidor; cada servicio tiene su propia red, sus propios volúmenes y sus [registros](https://example.org/{n}).\nLa persona encargada debe poder mantenerla funcionando, resolver problemas comunes y realizar tareas de mantenimiento.\n\n- Revisar `docker ps` y los logs\n- Hacer `git pull` y reconstruir\n- [ ] Avisar al equipo\n\n| Tarea | Frecuencia |\n|-------|------------|\n| Verificar | Semanal |\n| Respaldar | Diario |\n\n```bash\n# Respaldo\npg_dump servicio_{n} | gzip > respaldo_{n}.gz\n```\n\n1. Primero\n\n   ```sh\n   ls -la /srv/{n}\n   ```\n\n> Nota: *importante* para el servicio {n}.\n\n"
        )
        .unwrap();
    }
    text
}

fn start_up() {
    let folder = std::env::temp_dir().join(format!("runbook-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("ten.md");
    std::fs::write(&file, fences(10, 10)).unwrap();
    let runbook = env!("CARGO_BIN_EXE_runbook");
    let file_name = file.to_str().unwrap();
    let commands: [(&str, &[&str]); 3] = [
        ("/bin/true", &[]),
        (runbook, &["--version"]),
        (runbook, &["list", file_name]),
    ];
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..200 {
        for (times, (program, arguments)) in times.iter_mut().zip(commands) {
            let start = Instant::now();
            let status = Command::new(program)
                .args(arguments)
                .stdout(Stdio::null())
                .status()
                .unwrap();
            times.push(start.elapsed());
            assert!(status.success());
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let [bare, version, list] = times.map(|times| median(times).as_secs_f64() * 1e3);
    println!(
        "start-up: /bin/true {bare:.2} ms, --version +{:.2} ms, list of ten steps +{:.2} ms",
        version - bare,
        list - bare
    );
}
