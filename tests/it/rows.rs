#![cfg(feature = "testing")]
//! Steps that run once for every row of a table, together with what orders steps: the same row is meant
//! where both run through one table, all rows where one does not.

use runbook::event::{EventKind, Verdict};
use runbook::host::process;
use runbook::model::StepId;

use crate::fixture::{Fixture, LEDGER};

/// A runbook whose steps run through a table of the rows `a` and `b`: each as attributes and body.
fn through(steps: &[(&str, &str)]) -> Fixture {
    let mut text =
        "---\nrunbook: 1\n---\n# Hosts\n\n| Host |\n|---|\n| a |\n| b |\n\n# Steps\n".to_owned();
    for (attributes, body) in steps {
        text.push_str(&format!(
            "\n```bash {{{attributes}}}\n{LEDGER}\n{body}\n```\n"
        ));
    }
    Fixture::new().file("a.md", text)
}

/// What became of the steps, in the order in which that was decided.
fn told(fixture: &Fixture) -> String {
    let told = fixture.happened().into_iter().filter_map(|it| match it {
        EventKind::StepFinished { step, verdict, .. } => {
            let mark = match verdict {
                Verdict::Ok => "✓",
                Verdict::Failed => "✗",
                Verdict::Skipped => "–",
                Verdict::OperatorAsserted => "●",
            };
            Some(format!("{step}{mark}"))
        }
        EventKind::UndoStarted { steps, .. } => {
            let steps: Vec<&str> = steps.iter().map(StepId::as_str).collect();
            Some(format!("undo({})", steps.join(",")))
        }
        _ => None,
    });
    told.collect::<Vec<_>>().join(" ")
}

#[test]
fn rows_are_ordered_guarded_undone_and_named_row_by_row() {
    // The steps, the arguments, the exit code, and what became of the steps.
    type Case = (
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
        i32,
        &'static str,
    );
    let cases: &[Case] = &[
        (
            &[
                ("#one each=#hosts needs=\"\"", "[ $host = b ]"),
                ("#two each=#hosts needs=one", "true"),
                ("#all needs=two", "true"),
            ],
            &["--on-failure=continue"],
            1,
            "one.a✗ one.b✓ two.b✓",
        ),
        (
            &[
                ("#one each=#hosts needs=\"\"", "true"),
                ("#two needs=one", "true"),
                ("#three each=#hosts needs=two", "true"),
            ],
            &[],
            0,
            "one.a✓ one.b✓ two✓ three.a✓ three.b✓",
        ),
        (
            &[
                ("#on each=#hosts effect=reads", "[ $host = b ]"),
                ("#up each=#hosts if=#on", "true"),
                ("#again each=#hosts unless=#on", "true"),
            ],
            &[],
            0,
            "on.a✗ up.a– on.b✓ up.b✓ on.a✗ again.a✓ on.b✓ again.b–",
        ),
        (
            &[
                ("#off effect=reads", "false"),
                ("#up each=#hosts if=#off", "true"),
            ],
            &[],
            0,
            "off✗ up.a– off✗ up.b–",
        ),
        (
            &[
                ("#up each=#hosts", "touch up-$host; [ $host = a ]"),
                ("#down each=#hosts undo-of=up", "touch down-$host"),
                ("#later each=#hosts", "true"),
                ("#back each=#hosts undo-of=later", "false"),
            ],
            &["--on-failure=undo"],
            1,
            "up.a✓ up.b✗ undo(down.b,down.a) down.b✓ down.a✓",
        ),
        (
            &[
                ("#one each=#hosts exit=0,3", "[ $host = a ] || exit 3"),
                ("#two each=#hosts if=\"steps.one.status == 3\"", "true"),
                ("#three if=\"steps[\\\"one.a\\\"].status == 0\"", "true"),
            ],
            &[],
            0,
            "one.a✓ one.b✓ two.a– two.b✓ three✓",
        ),
    ];
    for (steps, args, code, story) in cases {
        let fixture = through(steps);
        let all: Vec<&str> = ["run", "a.md"].iter().chain(*args).copied().collect();
        fixture.run(&all).code(*code);
        assert_eq!(told(&fixture), *story, "{steps:?}");
    }
}

#[test]
fn what_means_no_row_is_told_before_step_one() {
    for (attributes, message, way_out) in [
        (
            "#x if=\"steps.up.status == 0\"",
            "no step is called `up`",
            "there are `up.a`, `up.b`, `x`",
        ),
        (
            "#x each=#hosts if=\"steps[\\\"up.c\\\"].status == 0\"",
            "no step is called `up.c`",
            "did you mean `up.a`?",
        ),
        (
            "#x undo-of=up",
            "step `up` runs once for every row: none of them is meant",
            "let this step run through it too: `each=#hosts`",
        ),
    ] {
        let fixture = through(&[("#up each=#hosts", "true"), (attributes, "true")]);
        let told = fixture.run(&["run", "a.md"]).code(2);
        told.says(message).says(way_out);
        assert!(fixture.runs().is_empty());
    }
}

#[test]
fn a_kill_in_the_middle_of_the_rows_loses_none_and_repeats_none() {
    let fixture = through(&[
        ("#look each=#hosts effect=reads", "test -e up-$host"),
        (
            "#up each=#hosts unless=#look effect=changes",
            "test -e go || test $host = a || read x < fifo; touch up-$host",
        ),
        ("#down each=#hosts undo-of=up effect=changes", "rm up-$host"),
        ("#use each=#hosts needs=up", "test -e fine || [ $host = a ]"),
    ]);
    let _fifo = fixture.fifo("fifo");
    let running = fixture.spawn(&["run", "a.md"]);
    fixture.until("the second row runs", || fixture.times("up.b") == 1);
    for keeper in fixture.keepers() {
        process::kill(keeper).unwrap();
    }
    running.kill();
    for stray in fixture.processes() {
        process::kill(stray.pid).unwrap();
    }
    fixture.until_quiet();
    fixture.write("go", "");
    // Nobody knows how the second row ended: its own guard tells.
    let resumed = ["resume", "last", "--on-failure=undo"];
    fixture.run(&resumed).code(1);
    assert_eq!(
        told(&fixture),
        "look.a✗ up.a✓ look.b✗ look.b✗ up.b✓ use.a✓ use.b✗ undo(down.b,down.a) down.b✓ down.a✓"
    );
    assert_eq!((fixture.times("up.a"), fixture.times("up.b")), (1, 2));
    // What was undone is to do again, row by row.
    fixture.write("fine", "");
    fixture.run(&["resume", "last", "--retry-failed"]).code(0);
    assert_eq!((fixture.times("up.a"), fixture.times("up.b")), (2, 3));
    assert!(fixture.path("up-a").exists() && fixture.path("up-b").exists());
}
