//! Any text as commands of a shell or of PowerShell: every place lies in it, and the answer is the
//! same each time.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use runbook::classify::knowledge::Knowledge;
use runbook::classify::understanding::{Tongue, understand};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::built_in);

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for tongue in [Tongue::Shell, Tongue::Powershell] {
        let found = understand(&text, tongue, &KNOWLEDGE);
        for command in &found.commands {
            assert!(text.get(command.range.clone()).is_some());
        }
        for (_, range) in &found.reads {
            assert!(text.get(range.clone()).is_some());
        }
        let marks = [&found.interactive, &found.endless, &found.prompts, &found.opens];
        for mark in marks.into_iter().flatten() {
            assert!(text.get(mark.range.clone()).is_some());
        }
        assert_eq!(understand(&text, tongue, &KNOWLEDGE), found);
    }
});
