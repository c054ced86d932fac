//! `runbook init`: the beginning of a runbook, or the declared copy of a manual. Executes nothing,
//! and overwrites nothing that it was not told to.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use super::config::Config;
use super::document::{name_of, read_document, shown, text_of};
use super::exit::ExitCode;
use super::failure::Failure;
use super::list::counted;
use super::print;
use crate::host::machine::nonce;
use crate::markdown::outline;
use crate::model::Severity;
use crate::report::clean::{block, inline, wrap_words};
use crate::resolve::{Declared, Fate, NotDeclared, declare};

/// Where a starting runbook is written when nobody says.
const FILE: &str = "runbook.md";
const START: &str = include_str!("init/start.md");
const WIDTH: usize = 80;
/// A diff of a large manual must not take longer than a person waits; it only gets coarser.
const PATIENCE: Duration = Duration::from_secs(2);

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const PLACE: Style = AnsiColor::Cyan.on_default();
const FAINT: Style = Style::new().dimmed();

/// Arguments of `runbook init`.
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// Where a starting runbook is written; `-` prints it [default: runbook.md]
    #[arg(conflicts_with = "from")]
    file: Option<PathBuf>,
    /// Make a declared copy of this manual, and print it; `-` is standard input
    #[arg(long, value_name = "MANUAL")]
    from: Option<PathBuf>,
    /// Write the copy to this file, and tell what is left to decide
    #[arg(short, long, value_name = "FILE", requires = "from")]
    output: Option<PathBuf>,
    /// Print what the copy changes as a unified diff
    #[arg(long, requires = "from", conflicts_with = "output")]
    diff: bool,
    /// Overwrite a file that is there
    #[arg(long)]
    force: bool,
}

/// Runs it.
pub fn run(args: &InitArgs) -> Result<ExitCode, Failure> {
    match &args.from {
        Some(from) => copy(args, from),
        None => start(args),
    }
}

fn start(args: &InitArgs) -> Result<ExitCode, Failure> {
    let path = args.file.as_deref().unwrap_or(Path::new(FILE));
    if path.as_os_str() == "-" {
        print::out(START)?;
        return Ok(ExitCode::PASSED);
    }
    write(path, START, args.force)?;
    let name = shown(path);
    let name = inline(&name);
    print::out(&format!(
        "wrote {name}\n  runbook lint {name}\n  runbook run {name}\n"
    ))?;
    Ok(ExitCode::PASSED)
}

fn copy(args: &InitArgs, from: &Path) -> Result<ExitCode, Failure> {
    let config = Config::load()?;
    let bytes = read_document(from)?;
    let source = text_of(from, &bytes)?;
    let document = outline(source);
    let (runbook, _) = config.resolve(&document, &name_of(from));
    let declared = declare(&document, &runbook).map_err(|why| refused(from, &why))?;
    let (_, found) = config.resolve(&outline(&declared.text), &name_of(from));
    let errors = found
        .iter()
        .filter(|it| it.severity == Severity::Error)
        .count();
    match &args.output {
        Some(path) if path.as_os_str() != "-" => {
            if is_same_file(from, path) {
                let name = shown(path);
                return Err(Failure::usage(format!("`{name}` is the manual itself"))
                    .hint("write the copy beside it, compare, and then move it"));
            }
            write(path, &declared.text, args.force)?;
            print::out(&summary(&declared, Some(path), errors))?;
        }
        _ if args.diff => {
            print::out(&unified(source, &declared.text, &shown(from)))?;
            print::show(&summary(&declared, None, errors));
        }
        _ => {
            if std::io::stdout().is_terminal() {
                print::out(&block(&declared.text))?;
            } else {
                print::verbatim(&declared.text)?;
            }
            print::show(&summary(&declared, None, errors));
        }
    }
    Ok(ExitCode::PASSED)
}

fn refused(from: &Path, why: &NotDeclared) -> Failure {
    let failure = Failure::usage(format!("`{}`: {why}", shown(from)));
    match why {
        NotDeclared::Already => failure.hint("`runbook lint` and `runbook list` read it as it is"),
        NotDeclared::FrontMatter { .. } => failure.hint("mend it first; `runbook lint` shows it"),
    }
}

/// Tells what was decided, and what a person has to decide.
fn summary(declared: &Declared, path: Option<&Path>, errors: usize) -> String {
    let mut text = String::new();
    let mut say = |words: &str| {
        writeln!(text, "{words}").expect("writing to a string does not fail");
    };
    let name = path.map(|path| inline(&shown(path)).into_owned());
    if let Some(name) = &name {
        say(&format!("wrote {name}"));
    }
    let number = |fate| {
        declared
            .decisions
            .iter()
            .filter(|it| it.fate == fate)
            .count()
    };
    for (number, what) in [
        (number(Fate::Runs), "as the manual has it"),
        (number(Fate::Confirmed), "asked for first (confirm)"),
        (number(Fate::ByHand), "by hand (run=manual)"),
        (number(Fate::Left), "not run until you decide (run=never)"),
    ] {
        if number > 0 {
            say(&format!("  {:<10} {what}", counted(number, "step")));
        }
    }
    let samples = number(Fate::Sample);
    if samples > 0 {
        let what = "tagged as commands, and none (run=never)";
        say(&format!("  {:<10} {what}", counted(samples, "fence")));
    }
    if declared.tasks > 0 {
        let what = "made of list items and tables (- [ ])";
        say(&format!("  {:<10} {what}", counted(declared.tasks, "task")));
    }
    for (names, what) in [
        (&declared.inputs, "inputs"),
        (&declared.secrets, "secrets, taken from the environment"),
    ] {
        if !names.is_empty() {
            let words = format!("{what}: {}", names.join(", "));
            for row in wrap_words(&words, WIDTH - 2) {
                say(&format!("  {row}"));
            }
        }
    }
    let open: Vec<_> = declared
        .decisions
        .iter()
        .filter(|it| matches!(it.fate, Fate::Left | Fate::ByHand | Fate::Confirmed))
        .collect();
    if !open.is_empty() {
        say("to decide, by line of the copy:");
    }
    for it in open {
        let word = match it.fate {
            Fate::ByHand => "by hand",
            Fate::Confirmed => "confirm",
            _ => "not run",
        };
        let id = it
            .id
            .as_ref()
            .map_or_else(String::new, |id| format!("{id}: "));
        let words = format!("{id}{}", it.because);
        let words = inline(&words);
        for (number, row) in wrap_words(&words, WIDTH - 17).iter().enumerate() {
            if number == 0 {
                say(&format!("  {:>5}  {word:<8}{row}", it.line_in_copy));
            } else {
                say(&format!("{:15}{row}", ""));
            }
        }
    }
    if errors > 0 {
        let what = counted(errors, "error");
        say(&format!(
            "the manual itself has {what} that a runbook must not have: `runbook lint` shows them"
        ));
    }
    match name {
        Some(name) => say(&format!("  runbook lint {name}\n  runbook list {name}")),
        None => say(&format!(
            "{FAINT}nothing was written: `--output FILE` writes the copy{FAINT:#}"
        )),
    }
    text
}

/// Returns the difference as `diff -u` prints it, with colours.
fn unified(before: &str, after: &str, name: &str) -> String {
    let name = inline(name);
    let mut text = format!("--- {name}\n+++ {name} (declared)\n");
    let diff = TextDiff::configure()
        .timeout(PATIENCE)
        .diff_lines(before, after);
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        let _ = writeln!(text, "{PLACE}{}{PLACE:#}", hunk.header());
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', REMOVED),
                ChangeTag::Insert => ('+', ADDED),
                ChangeTag::Equal => (' ', Style::new()),
            };
            let line = change.value().trim_end_matches(['\n', '\r']);
            let _ = writeln!(text, "{style}{sign}{}{style:#}", inline(line));
            if change.missing_newline() {
                let _ = writeln!(text, "\\ No newline at end of file");
            }
        }
    }
    text
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    real(one).is_some_and(|one| real(other) == Some(one))
}

/// Writes `text` to `path`, whole or not at all.
///
/// # Errors
/// A file that is there already, unless `force`; what the disk does not take.
fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let name = shown(path);
    let failed =
        |error: std::io::Error| Failure::environment(format!("cannot write `{name}`")).cause(error);
    let there = || {
        Failure::usage(format!("`{name}` is there already"))
            .hint("take another name, or `--force` to overwrite it")
    };
    if path.is_dir() {
        return Err(Failure::usage(format!("`{name}` is a folder")).hint("name a file in it"));
    }
    if !force && fs::symlink_metadata(path).is_ok() {
        return Err(there());
    }
    // What a symbolic link leads to is overwritten, not the link.
    let target = if force {
        fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
    } else {
        path.to_owned()
    };
    let beside = target.with_file_name(format!(".runbook-{}", nonce()));
    let written = fill(&beside, text, &target).and_then(|()| {
        if force {
            fs::rename(&beside, &target)
        } else {
            // A link is made only where nothing stands: nobody's file is lost in between.
            fs::hard_link(&beside, &target)
        }
    });
    let taken = match written {
        // Some file systems know no links.
        Err(error) if !force && is_no_link(&error) => create(&target, text),
        other => other,
    };
    let _ = fs::remove_file(&beside);
    match taken {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(there()),
        Err(error) => Err(failed(error)),
        Ok(()) => Ok(()),
    }
}

fn fill(path: &Path, text: &str, like: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    if let Ok(facts) = fs::metadata(like) {
        file.set_permissions(facts.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn is_no_link(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unsupported | ErrorKind::PermissionDenied
    )
}
