//! Holds what the front page of the crate promises of its layout.

#[cfg(not(feature = "testing"))]
#[test]
fn the_integration_tests_need_the_feature_testing() {
    panic!("almost nothing was tested: run `cargo test --features testing`");
}

use std::fs;
use std::path::{Path, PathBuf};

/// The first floor that touches the machine; what is declared above it is pure.
const FIRST_IMPURE: &str = "host";

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns the modules in the order of `lib.rs`, lowest first.
fn modules() -> Vec<String> {
    let text = fs::read_to_string(source().join("lib.rs")).unwrap();
    let names: Vec<String> = text
        .lines()
        .filter_map(|line| {
            Some(
                line.trim()
                    .strip_prefix("pub mod ")?
                    .strip_suffix(';')?
                    .to_owned(),
            )
        })
        .collect();
    assert!(
        names.len() > 10,
        "lib.rs is not read as it is meant: {names:?}"
    );
    names
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .flat_map(|entry| files_below(&entry.unwrap().path()))
        .filter(|it| it.extension().is_some_and(|it| it == "rs"))
        .collect();
    files.sort();
    files
}

fn files_of(module: &str) -> Vec<PathBuf> {
    let mut files = files_below(&source().join(format!("{module}.rs")));
    files.extend(files_below(&source().join(module)));
    assert!(!files.is_empty(), "module {module} has no file");
    files
}

/// Returns the lines of code with their numbers: no comments, and nothing from the tests on, which
/// stand last in a file.
fn code(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .iter()
        .zip(lines.iter().skip(1))
        .position(|(first, second)| {
            first.trim() == "#[cfg(test)]" && second.trim_start().starts_with("mod ")
        });
    lines[..tests.unwrap_or(lines.len())]
        .iter()
        .enumerate()
        .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default()))
        .collect()
}

/// Returns the first segments of the `crate::…` paths of a line, also of `crate::{a, b}`.
fn crate_paths(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in line.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            let mut name = String::new();
            for it in group.chars() {
                match it {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    it if depth == 0 && start && (it.is_alphanumeric() || it == '_') => {
                        name.push(it);
                        continue;
                    }
                    ' ' => continue,
                    _ => start = false,
                }
                if !name.is_empty() {
                    found.push(std::mem::take(&mut name));
                }
            }
            found.extend((!name.is_empty()).then_some(name));
        } else {
            let end = rest.find(|it: char| !it.is_alphanumeric() && it != '_');
            found.push(rest[..end.unwrap_or(rest.len())].to_owned());
        }
    }
    found
}

#[test]
fn a_module_uses_only_modules_declared_above_it() {
    let modules = modules();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (floor, module) in modules.iter().enumerate() {
        for file in files_of(module) {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in code(&text) {
                for used in crate_paths(line) {
                    seen += 1;
                    let Some(below) = modules.iter().position(|it| *it == used) else {
                        wrong.push(format!("{}:{number}: no module `{used}`", file.display()));
                        continue;
                    };
                    if below > floor {
                        wrong.push(format!(
                            "{}:{number}: `{module}` must not use `{used}`, which stands above it",
                            file.display()
                        ));
                    }
                }
            }
        }
    }
    assert!(
        seen > 100,
        "only {seen} uses were found: the test looks at the wrong thing"
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_paths_of_a_line_are_found_also_in_braces() {
    let found = |line| crate_paths(line).join(" ");
    assert_eq!(found("use crate::host::clock::{self, Clock};"), "host");
    assert_eq!(
        found("use crate::{event::{A, B}, model, state::State};"),
        "event model state"
    );
    assert_eq!(
        found("x(crate::report::clean::inline(text), crate::plan::a)"),
        "report plan"
    );
}

#[test]
fn pure_floors_touch_nothing() {
    let banned = [
        "std::fs",
        "std::process",
        "std::env",
        "std::net",
        "SystemTime",
        "Instant::now",
        "rustix",
        "libc::",
        "duct::",
        "tempfile",
    ];
    let mut wrong = Vec::new();
    let modules = modules();
    let pure: Vec<&String> = modules
        .iter()
        .take_while(|it| *it != FIRST_IMPURE)
        .collect();
    assert!(pure.len() >= 8 && pure.len() < modules.len(), "{pure:?}");
    for module in pure {
        for file in files_of(module) {
            let is_test = file.file_name().is_some_and(|it| it == "tests.rs");
            let text = fs::read_to_string(&file).unwrap();
            if is_test || text.starts_with("#![cfg(test)]") {
                continue;
            }
            for (number, line) in code(&text) {
                for word in banned {
                    if line.contains(word) {
                        wrong.push(format!("{}:{number}: {word}", file.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_source_holds_what_is_not_done() {
    let banned = ["todo!(", "dbg!(", "unimplemented!(", "TODO", "FIXME", "XXX"];
    let mut wrong = Vec::new();
    for file in files_below(&source()) {
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            for word in banned {
                // Placeholders are what the classifier looks for.
                if line.contains(word)
                    && !(word.chars().all(char::is_uppercase) && line.contains('"'))
                {
                    wrong.push(format!("{}:{}: {word}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    for module in modules() {
        let files = files_of(&module);
        let first = files
            .iter()
            .find(|it| it.ends_with("mod.rs") || it.ends_with(format!("{module}.rs")))
            .unwrap();
        let text = fs::read_to_string(first).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} does not open with a paragraph",
            first.display()
        );
    }
}
