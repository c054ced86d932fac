//! Any bytes as a document: read, taken apart, every place inside it, resolved.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runbook::classify::reading::Readings;
use runbook::markdown::{decode, outline};
use runbook::resolve::resolve;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = decode(bytes) else {
        return;
    };
    let document = outline(text);
    let mut end = 0;
    for fence in &document.fences {
        assert!(fence.span.start >= end && fence.span.end <= text.len());
        end = fence.span.start;
        let body = document.body(fence);
        let place = document.place(fence, 0..body.len());
        assert!(place.start <= place.end && place.end <= text.len());
    }
    for table in &document.tables {
        runbook::markdown::cells(document.text(table.span));
    }
    runbook::markdown::plain_text(text);
    let (runbook, diagnostics) = resolve(&document, "fuzz", Readings::default());
    for diagnostic in &diagnostics {
        assert!(text.get(diagnostic.span.start..diagnostic.span.end).is_some());
    }
    for step in &runbook.steps {
        assert!(text.get(step.span.start..step.span.end).is_some());
    }
});
