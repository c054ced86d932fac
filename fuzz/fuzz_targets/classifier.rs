//! Any text as a manual: pieces stay in their fences, do not overlap, and what is offered to run has
//! no doubt.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use runbook::classify::knowledge::Knowledge;
use runbook::classify::reading::readings;
use runbook::markdown::{decode, outline};
use runbook::model::Offer;
use runbook::resolve::resolve;

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::built_in);

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = decode(bytes) else {
        return;
    };
    let document = outline(text);
    let readings = readings(&document, &KNOWLEDGE, 1);
    assert_eq!(readings.fences.len(), document.fences.len());
    for (fence, reading) in document.fences.iter().zip(&readings.fences) {
        let body = document.body(fence);
        let mut end = 0;
        for piece in &reading.pieces {
            assert!(piece.range.start >= end, "pieces overlap");
            assert!(body.get(piece.range.clone()).is_some(), "a piece beyond its fence");
            assert!(piece.line > reading.line && piece.line <= piece.last_line);
            end = piece.range.end;
            for placeholder in &piece.placeholders {
                assert!(piece.command.get(placeholder.range.clone()).is_some());
            }
            for doubt in &piece.doubts {
                assert!(text.get(doubt.span.start..doubt.span.end).is_some());
            }
            if piece.offer() == Offer::Run {
                assert!(piece.doubts.is_empty() && piece.language.is_some());
            }
        }
    }
    let (runbook, _) = resolve(&document, "fuzz", readings);
    for step in &runbook.steps {
        assert!(text.get(step.span.start..step.span.end).is_some());
    }
});
