//! What the fuzzers found worth keeping, read once more: `fuzz/corpus`.

use std::fs;
use std::path::Path;

use runbook::classify::knowledge::Knowledge;
use runbook::classify::readings::readings;
use runbook::classify::understanding::{Tongue, understand};
use runbook::markdown::{decode, outline};
use runbook::resolve::resolve;

fn kept(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let entries = fs::read_dir(folder.join(target)).unwrap();
    let all: Vec<_> = entries
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(all.len() > 100, "{target}: {}", all.len());
    all
}

#[test]
fn every_kept_document_is_read_and_every_place_lies_in_it() {
    let knowledge = Knowledge::built_in();
    for bytes in kept("document").into_iter().chain(kept("classifier")) {
        let Ok(text) = decode(&bytes) else { continue };
        let document = outline(text);
        let (runbook, diagnostics) = resolve(&document, "kept", readings(&document, &knowledge, 2));
        let spans = runbook.steps.iter().map(|step| step.span);
        let doubts = runbook.steps.iter().flat_map(|step| &step.doubts);
        let spans = spans
            .chain(doubts.map(|doubt| doubt.span))
            .chain(diagnostics.iter().map(|it| it.span));
        for span in spans {
            assert!(text.get(span.start..span.end).is_some(), "{text:?}");
        }
    }
}

#[test]
fn every_kept_command_is_understood_the_same_each_time() {
    let knowledge = Knowledge::built_in();
    for bytes in kept("shell") {
        let text = String::from_utf8_lossy(&bytes);
        for tongue in [Tongue::Shell, Tongue::Powershell] {
            let found = understand(&text, tongue, &knowledge);
            for command in &found.commands {
                assert!(text.get(command.range.clone()).is_some(), "{text:?}");
            }
            assert_eq!(understand(&text, tongue, &knowledge), found);
        }
    }
}
