//! `docs/checks.md` says what checks can do: its tables are the program's, its scripts compile, its
//! expected outputs are what is printed below them.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read its own files has nothing better to say"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use runbook::check::{
    FUNCTIONS, Facts, Judgement, Known, OF_A_RUN, OF_A_STEP, Patience, RunFacts, STANDARD,
    StepFacts, Values, compile, judge, limits,
};
use runbook::markdown::attributes::parse_info;
use runbook::markdown::outline;
use runbook::model::{Check, Expression, Matching, Span};

use crate::docs::{check_block, read};

const PAGE: &str = "docs/checks.md";

#[test]
fn the_tables_of_checks_are_the_programs_own() {
    let mut functions = String::from("| function | gives | for example | |\n|---|---|---|---|\n");
    for it in FUNCTIONS {
        let looks = if it.is_probe { "looks" } else { "" };
        let example = it.example.trim_end_matches("; true");
        // A backtick in a piece of code wants two around it; a bar would end the cell.
        let example = if example.contains('`') {
            format!("`` {example} ``")
        } else {
            format!("`{example}`")
        };
        let example = example.replace('|', "\\|");
        writeln!(
            functions,
            "| `{}` | {} | {example} | {looks} |",
            it.form, it.meaning
        )
        .unwrap();
    }
    check_block(PAGE, "functions", &functions);
    let names: Vec<String> = STANDARD.iter().map(|name| format!("`{name}`")).collect();
    check_block(PAGE, "standard", &format!("{}.\n", names.join(" ")));
    let listed = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(" ")
    };
    let names = format!(
        "| name | what it has |\n|---|---|\n| `step` | {} |\n| `steps[\"id\"]`, `steps.id` | the same, of a step that has ended in this run |\n| `inputs` | the inputs by name |\n| `values` | what steps captured, by name |\n| `run` | {} |\n",
        listed(OF_A_STEP),
        listed(OF_A_RUN)
    );
    check_block(PAGE, "names", &names);
    let limits = format!(
        "| limit | |\n|---|---|\n| operations | {} |\n| what a step printed, in a script | {} MiB |\n| what a step printed, beside an expected output | {} MiB |\n| a text, all texts of a list or map | {} MiB |\n| elements of a list | {} |\n| entries of a map, of all maps of a list | {} |\n| calls within calls | {} |\n| expressions within expressions | {} |\n| a compiled regular expression | {} MiB |\n| bytes that functions read in all | {} GiB |\n",
        limits::OPERATIONS,
        limits::PRINTED >> 20,
        limits::COMPARED >> 20,
        limits::TEXT >> 20,
        limits::LIST,
        limits::MAP,
        limits::CALLS,
        limits::DEPTH,
        limits::REGEX >> 20,
        limits::BYTES >> 30,
    );
    check_block(PAGE, "limits", &limits);
}

fn expression(source: &str) -> Expression {
    Expression {
        source: source.to_owned(),
        span: Span::default(),
        line: 1,
    }
}

/// What the scripts of the page are judged over.
fn judged(check: &Check, printed: &str) -> Judgement {
    let step = StepFacts {
        status: Some(0),
        stdout: printed.into(),
        ..StepFacts::default()
    };
    let inputs = BTreeMap::new();
    let facts = Facts {
        step: Some(&step),
        steps: &BTreeMap::new(),
        inputs: &inputs,
        values: &inputs,
        run: &RunFacts::default(),
        probed: &[],
        patience: &Patience::endless(),
    };
    judge(check, &facts)
}

#[test]
fn the_scripts_of_the_page_compile_and_its_expected_outputs_are_met() {
    let page = read(PAGE);
    let document = outline(&page);
    let none = BTreeSet::new();
    let known = Known {
        steps: &none,
        inputs: &none,
        values: &Values::default(),
        gives: &BTreeMap::new(),
        has_step: true,
    };
    let (mut scripts, mut outputs) = (0, 0);
    let mut script = |source: &str| {
        assert_eq!(compile(&expression(source), &known), [], "{source}");
        scripts += 1;
    };
    for fence in &document.fences {
        let body = document.body(fence);
        match parse_info(document.text(fence.info), 0).language {
            Some(("rhai", _)) => script(&body),
            Some(("markdown", _)) => {
                let inner = outline(&body);
                let mut expected: Option<Check> = None;
                for fence in &inner.fences {
                    let text = inner.body(fence);
                    let info = parse_info(inner.text(fence.info), 0);
                    match info.language {
                        Some(("rhai", _)) => script(&text),
                        Some(("output", _)) => {
                            let matching = match info.attributes[0].value.as_deref() {
                                Some("json") => Matching::Json,
                                _ => Matching::Lines,
                            };
                            expected = Some(Check::Output {
                                matching,
                                expected: expression(&text),
                            });
                        }
                        Some(("text", _)) => {
                            let check = expected.take().unwrap();
                            let Judgement::Judged(judged) = judged(&check, &text) else {
                                panic!("an output needs nothing");
                            };
                            assert!(judged.holds, "{text}{judged:?}");
                            outputs += 1;
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    assert!(scripts >= 2 && outputs >= 3, "{scripts} {outputs}");
}

#[test]
fn the_example_of_disks_reads_what_df_prints() {
    let page = read(PAGE);
    let document = outline(&page);
    let is_script = |fence: &&runbook::markdown::Fence| {
        matches!(
            parse_info(document.text(fence.info), 0).language,
            Some(("rhai", _))
        )
    };
    let fence = document.fences.iter().find(is_script).unwrap();
    let script = Check::Script(expression(&document.body(fence)));
    let df = |share: u32| {
        format!(
            "Filesystem      Size  Used Avail Use% Mounted on\n/dev/sda1        98G   45G   49G  {share}% /\n"
        )
    };
    let holds = |share| match judged(&script, &df(share)) {
        Judgement::Judged(judged) => judged,
        Judgement::Needs(probes) => panic!("{probes:?}"),
    };
    assert!(holds(48).holds);
    let full = holds(95);
    assert_eq!(
        (full.holds, full.message.as_str()),
        (false, "/ is nearly full")
    );
}
