//! Any text as a script, as an expected output in each form, and as a printed table: judging ends, says
//! the same twice, and names a line of what was judged.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use libfuzzer_sys::fuzz_target;
use runbook::check::{
    Facts, Judgement, Known, Patience, RunFacts, StepFacts, Values, compile, compile_output, judge,
};
use runbook::model::{Check, Expression, Matching, Span};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    // The first part is what is asserted, the second what was printed.
    let (asserted, printed) = text.split_once('\0').unwrap_or((&text, &text));
    let step = StepFacts {
        status: Some(0),
        stdout: printed.into(),
        ..StepFacts::default()
    };
    let (none, run) = (BTreeMap::new(), RunFacts::default());
    let facts = Facts {
        step: Some(&step),
        steps: &BTreeMap::new(),
        inputs: &none,
        values: &none,
        run: &run,
        probed: &[],
        patience: &Patience::endless(),
    };
    let expression = |source: &str| Expression {
        source: source.to_owned(),
        span: Span::default(),
        line: 1,
    };
    let lines = 1 + asserted.matches('\n').count() as u32;
    let known = BTreeSet::new();
    let known = Known {
        steps: &known,
        inputs: &known,
        values: &Values::default(),
        gives: &BTreeMap::new(),
        has_step: true,
    };
    for fault in compile(&expression(asserted), &known) {
        assert!(asserted.get(fault.range).is_some());
    }
    let mut checks = vec![
        Check::Script(expression(asserted)),
        Check::Script(expression("table(step.stdout).len() >= 0")),
    ];
    for matching in [
        Matching::Exact,
        Matching::Contains,
        Matching::Lines,
        Matching::Regex,
        Matching::Json,
    ] {
        let expected = expression(asserted);
        for fault in compile_output(matching, &expected) {
            assert!(asserted.get(fault.range).is_some());
        }
        checks.push(Check::Output { matching, expected });
    }
    for check in &checks {
        let found = judge(check, &facts);
        if let Judgement::Judged(judged) = &found {
            assert!(judged.line >= 1 && judged.line <= lines);
            assert!(judged.holds || !judged.message.is_empty());
        }
        assert_eq!(judge(check, &facts), found);
    }
});
