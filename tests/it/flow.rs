#![cfg(feature = "testing")]
//! Order, side by side, tries, conditions, failure and undo, from outside.

use runbook::event::{EventKind, Verdict};
use runbook::model::StepId;
use runbook::state::Phase;

use crate::fixture::Fixture;

/// Writes a runbook of these fences and runs it with `args` until it ends with `code`; returns what
/// happened, one word for each event that tells of order.
fn check(fences: &[(&str, &str)], args: &[&str], code: i32) -> (Fixture, String) {
    let fixture = Fixture::new().steps(fences);
    let all: Vec<&str> = ["run", "a.md"].iter().chain(args).copied().collect();
    fixture.run(&all).code(code);
    let story = told(&fixture);
    (fixture, story)
}

fn told(fixture: &Fixture) -> String {
    let told = fixture.happened().into_iter().filter_map(|it| match it {
        EventKind::StepStarting(it) => Some(format!("{}…", it.step)),
        EventKind::StepFinished { step, verdict, .. } => {
            let mark = match verdict {
                Verdict::Ok => "✓",
                Verdict::Failed => "✗",
                Verdict::Skipped => "–",
                Verdict::OperatorAsserted => "●",
            };
            Some(format!("{step}{mark}"))
        }
        EventKind::StepRetrying { step, .. } => Some(format!("{step}↻")),
        EventKind::UndoStarted { steps, .. } => {
            let steps: Vec<&str> = steps.iter().map(StepId::as_str).collect();
            Some(format!("undo({})", steps.join(",")))
        }
        EventKind::RunClosed { .. } => Some("closed".to_owned()),
        _ => None,
    });
    told.collect::<Vec<_>>().join(" ")
}

#[test]
fn steps_that_wait_for_nothing_more_run_side_by_side() {
    let fences = &[
        ("bash {#a needs=\"\"}", "read x < fifo-a"),
        (
            "bash {#b needs=\"\" effect=changes}",
            "echo > fifo-a; read x < fifo-b",
        ),
        ("bash {#c needs=\"\" effect=changes}", "echo > fifo-b"),
        ("bash {#d needs=a,b,c}", "true"),
    ];
    let fixture = Fixture::new().steps(fences);
    let _fifos = (fixture.fifo("fifo-a"), fixture.fifo("fifo-b"));
    // Each waits for another: alone none of the first two would ever end.
    fixture.run(&["run", "a.md", "--jobs", "3"]).code(0);
    let story = told(&fixture);
    assert!(story.starts_with("a… b… c… "), "{story}");
    assert!(story.ends_with(" d… d✓ closed"), "{story}");
    let durable: Vec<i64> = fixture.events().iter().map(|it| it.durable).collect();
    // The three starts are one write and one sync: all saw the same events durable.
    assert_eq!(durable[1], durable[3], "{durable:?}");
}

#[test]
fn what_a_step_leaves_running_is_told_also_while_others_run() {
    let fences = &[
        (
            "bash {#a needs=\"\" effect=changes}",
            "sleep 1000 > /dev/null 2>&1 & echo > fifo-a; echo",
        ),
        (
            "bash {#b needs=\"\" effect=changes}",
            "read x < fifo-a; read x < fifo-b",
        ),
    ];
    let fixture = Fixture::new().steps(fences);
    let (_a, b) = (fixture.fifo("fifo-a"), fixture.fifo("fifo-b"));
    let running = fixture.spawn(&["run", "a.md", "--jobs", "2"]);
    let left = |step: &str| {
        fixture.happened().into_iter().find_map(|it| match it {
            EventKind::AttemptExited(it) if it.step.as_str() == step => Some(it.left_running),
            _ => None,
        })
    };
    fixture.until_ledger(2);
    fixture.until("the first step has ended", || left("a").is_some());
    assert!(b.open());
    running.wait().code(0);
    let (a, b) = (left("a").unwrap(), left("b").unwrap());
    let (pid, name) = a[0].split_once(' ').unwrap();
    assert_eq!((a.len(), name, b.len()), (1, "sleep", 0), "{a:?} {b:?}");
    runbook::host::process::kill(pid.parse().unwrap()).unwrap();
    fixture.until_quiet();
}

#[test]
fn a_failed_need_keeps_what_needs_it_and_nothing_else_from_running() {
    let fences = &[
        ("bash {#a needs=\"\"}", "false"),
        ("bash {#b needs=a}", "true"),
        ("bash {#c needs=\"\"}", "true"),
        ("bash {#d needs=c}", "true"),
        ("bash {#e needs=b}", "true"),
    ];
    let (fixture, story) = check(fences, &["--on-failure", "continue"], 1);
    assert_eq!(story, "a… a✗ c… c✓ d… d✓");
    let shown = fixture.run(&["resume", "last"]).code(1);
    let shown = shown.says("b was not run: needs `a`");
    shown.says("e was not run: needs `b`");
    // Where nobody is asked, and nobody said, nothing more begins.
    for args in [&[][..], &["--on-failure", "stop"]] {
        let (fixture, story) = check(fences, args, 1);
        assert_eq!(story, "a… a✗");
        let resumed = ["resume", "last", "--on-failure", "continue"];
        fixture.run(&resumed).code(1);
        assert_eq!(told(&fixture), "a… a✗ c… c✓ d… d✓");
    }
}

#[test]
fn a_step_sees_the_environment_of_what_it_waits_for() {
    let fences = &[
        ("bash {#a needs=\"\"}", "export A=1; mkdir -p in-a; cd in-a"),
        ("bash {#b needs=\"\"}", "export B=2"),
        (
            "bash {#c needs=a}",
            "test \"$A ${B-none} ${PWD##*/}\" = '1 none in-a'",
        ),
        (
            "bash {#d needs=a,b}",
            "test \"$A $B ${PWD##*/}\" = '1 2 in-a'",
        ),
    ];
    check(fences, &["--jobs", "2"], 0);
    // Two that moved: then the folder is the start folder.
    let fences = &[
        ("bash {#a needs=\"\"}", "mkdir -p in-a; cd in-a"),
        ("bash {#b needs=\"\"}", "mkdir -p in-b; cd in-b"),
        ("bash {#c}", "test -d in-a -a -d in-b"),
    ];
    check(fences, &[], 0);
}

#[test]
fn a_name_that_two_unordered_steps_set_fails_the_step_that_would_see_it() {
    let fences = &[
        ("bash {#a needs=\"\"}", "export WHO=a"),
        ("bash {#b needs=\"\"}", "export WHO=b"),
        ("bash {#c needs=a,b}", "true"),
    ];
    let fixture = Fixture::new().steps(fences);
    let told = fixture.run(&["run", "a.md"]).code(1);
    told.says("`a` and `b` both set `WHO`, and nothing says which of them comes first");
    assert_eq!(fixture.times("c"), 0);
    // One that comes after both decides.
    let fences = &[
        ("bash {#a needs=\"\"}", "export WHO=a"),
        ("bash {#b needs=\"\"}", "export WHO=b"),
        ("bash {#c needs=b,a env=\"X=1\"}", "export WHO=c"),
        ("bash {#d}", "true"),
    ];
    let (fixture, _) = check(
        &[fences[0], ("bash {#b needs=a}", "export WHO=b"), fences[3]],
        &[],
        0,
    );
    assert_eq!(fixture.times("d"), 1);
}

#[test]
fn a_step_is_tried_again_by_itself_and_each_attempt_is_recorded() {
    let body = "echo x >> tries; test \"$(wc -l < tries)\" -ge 3";
    let (fixture, story) = check(
        &[
            ("bash {#s retries=3 every=1ms}", body),
            ("bash {#t}", "true"),
        ],
        &[],
        0,
    );
    assert_eq!(story, "s… s↻ s… s↻ s… s✓ t… t✓ closed");
    assert_eq!(fixture.times("s"), 3);
    let (fixture, story) = check(&[("bash {#s retries=1 every=1ms}", "false")], &[], 1);
    assert_eq!(story, "s… s↻ s… s✗");
    // Who resumes it gives it all its tries again.
    fixture.run(&["resume", "last", "--retry-failed"]).code(1);
    assert_eq!(fixture.times("s"), 4);
}

#[test]
fn pauses_between_tries_double_up_to_the_longest_and_are_recorded() {
    let (fixture, _) = check(&[("bash {#s retries=4 every=1ms..3ms}", "false")], &[], 1);
    let pauses = fixture.happened().into_iter().filter_map(|it| match it {
        EventKind::StepRetrying { pause_ms, .. } => Some(pause_ms),
        _ => None,
    });
    assert_eq!(pauses.collect::<Vec<_>>(), [1, 2, 3, 3]);
    assert_eq!(fixture.times("s"), 5);
}

#[test]
fn a_pause_without_tries_is_an_error_before_step_one() {
    let fixture = Fixture::new().steps(&[("bash {#s every=2s}", "true")]);
    let told = fixture.run(&["run", "a.md"]).code(2);
    told.says("`every` of `s` is a pause between tries, and it is tried once")
        .says("add `retries` or `until`, or take it out");
    assert!(fixture.runs().is_empty());
}

// A run that was killed in the pause of an hour before its second try; the clock stands still.
fn killed_in_a_pause() -> Fixture {
    let body = "echo x >> tries; test \"$(wc -l < tries)\" -ge 2";
    let fixture = Fixture::new().steps(&[("bash {#s retries=1 every=1h}", body)]);
    let running = fixture.spawn(&["run", "a.md"]);
    running.until_said("s is tried again in");
    running.kill();
    fixture.until_quiet();
    fixture
}

#[test]
fn a_kill_in_the_pause_between_tries_is_survived() {
    let fixture = killed_in_a_pause();
    let after = fixture.command(&["resume", "last"]);
    after.env("RUNBOOK_TEST_CLOCK", "1800003600").run().code(0);
    assert_eq!(told(&fixture), "s… s↻ s… s✓ closed");
}

#[test]
fn resume_waits_what_is_left_of_a_pause_unless_it_is_told_not_to() {
    let fixture = killed_in_a_pause();
    let after = fixture.command(&["resume", "last"]);
    let running = after.env("RUNBOOK_TEST_CLOCK", "1800000600").spawn();
    running.until_said("step `s` is tried again in 50m 00s");
    running.kill();
    fixture.until_quiet();
    // A clock that was put back makes no pause longer.
    let before = fixture.command(&["resume", "last"]);
    let running = before.env("RUNBOOK_TEST_CLOCK", "1700000000").spawn();
    running.until_said("step `s` is tried again in 1h 00m");
    running.kill();
    fixture.until_quiet();
    assert_eq!(fixture.times("s"), 1);
    fixture.run(&["resume", "last", "--rerun", "s"]).code(0);
    assert_eq!(told(&fixture), "s… s↻ s… s✓ closed");
}

#[test]
fn a_step_that_reads_tells_whether_another_runs() {
    let fences = &[
        ("bash {#there effect=reads}", "test -e made"),
        ("bash {#make unless=#there}", "touch made"),
        ("bash {#use if=#there}", "cat made"),
        ("bash {#again unless=#there}", "false"),
    ];
    let (fixture, story) = check(fences, &[], 0);
    assert_eq!(
        story,
        "there… there✗ make… make✓ there… there✓ use… use✓ there… there✓ again– closed"
    );
    let skipped = fixture.happened().into_iter().find_map(|it| match it {
        EventKind::StepFinished {
            step,
            because: Some(because),
            ..
        } if step.as_str() == "again" => Some(because),
        _ => None,
    });
    assert_eq!(skipped.unwrap(), "done already: `#there` holds");
}

#[test]
fn an_unknown_outcome_is_told_by_the_guard() {
    let fences = &[
        ("bash {#there effect=reads}", "test -e made"),
        ("bash {#make unless=#there}", "touch made; read x < fifo"),
        ("bash {#after}", "true"),
    ];
    let fixture = Fixture::new().steps(fences);
    let _fifo = fixture.fifo("fifo");
    let running = fixture.spawn(&["run", "a.md"]);
    fixture.until("it was made", || fixture.path("made").exists());
    for keeper in fixture.keepers() {
        runbook::host::process::kill(keeper).unwrap();
    }
    running.wait().code(6);
    for it in fixture.processes() {
        let _ = runbook::host::process::kill(it.pid);
    }
    fixture.until_quiet();
    fixture.run(&["resume", "last"]).code(0);
    assert_eq!(fixture.times("make"), 1);
    assert!(told(&fixture).ends_with("there… there✓ make– after… after✓ closed"));
}

#[test]
fn what_always_runs_does_so_after_a_failure_and_again_when_the_run_goes_on() {
    let fences = &[
        ("bash {#a}", "test -e fine"),
        ("bash {#b}", "true"),
        ("bash {#clean always}", "true"),
    ];
    let (fixture, story) = check(fences, &[], 1);
    assert_eq!(story, "a… a✗ clean… clean✓");
    fixture.write("fine", "");
    fixture.run(&["resume", "last", "--retry-failed"]).code(0);
    assert_eq!(
        told(&fixture),
        "a… a✗ clean… clean✓ a… a✓ b… b✓ clean… clean✓ closed"
    );
}

#[test]
fn an_allowed_failure_is_told_and_gone_on_from() {
    let fixture = Fixture::new().steps(&[("bash {#a allow-fail}", "false"), ("bash {#b}", "true")]);
    let told_of = fixture.run(&["run", "a.md"]).code(0);
    told_of.says("passed · 1 ok, 1 failed as allowed");
    assert_eq!(told(&fixture), "a… a✗ b… b✓ closed");
}

const DEPLOY: &[(&str, &str)] = &[
    ("bash {#one}", "echo one >> log"),
    ("bash {#back-one undo-of=one}", "echo -one >> log"),
    ("bash {#two}", "echo two >> log; test -e fine"),
    ("bash {#back-two undo-of=two}", "echo -two >> log"),
    ("bash {#three}", "echo three >> log"),
    ("bash {#back-three undo-of=three}", "echo -three >> log"),
];

#[test]
fn what_ran_is_undone_the_last_step_first_and_what_did_not_is_not() {
    let (fixture, story) = check(DEPLOY, &["--on-failure=undo"], 1);
    assert_eq!(
        story,
        "one… one✓ two… two✗ undo(back-two,back-one) back-two… back-two✓ back-one… back-one✓"
    );
    assert_eq!(fixture.read("log"), "one\ntwo\n-two\n-one\n");
    // It was undone: nothing goes on by itself.
    fixture.run(&["resume", "last"]).code(1);
    assert_eq!(fixture.read("log"), "one\ntwo\n-two\n-one\n");
    fixture.write("fine", "");
    fixture.run(&["resume", "last", "--retry-failed"]).code(0);
    assert_eq!(
        fixture.read("log"),
        "one\ntwo\n-two\n-one\none\ntwo\nthree\n"
    );
    // Without a failure nothing is undone, and nothing is missing.
    let (fixture, story) = check(&DEPLOY[..2], &["--on-failure=undo"], 0);
    assert_eq!(story, "one… one✓ closed");
    assert_eq!(fixture.read("log"), "one\n");
}

#[test]
fn a_failed_undo_does_not_hide_the_first_failure() {
    let fences = &[
        ("bash {#one}", "true"),
        ("bash {#back-one undo-of=one}", "test -e fine"),
        ("bash {#two}", "false"),
    ];
    let fixture = Fixture::new().steps(fences);
    let told_of = fixture.run(&["run", "a.md", "--on-failure=undo"]).code(1);
    let told_of = told_of.says("✗ 2/2 Steps (3)");
    told_of.says("✗ undo Steps (2)");
    let phase = |step: &str| {
        let state = fixture.state();
        state
            .step(&StepId::new(step).unwrap())
            .unwrap()
            .1
            .phase
            .clone()
    };
    assert_eq!(phase("two"), Phase::Finished(Verdict::Failed));
    assert_eq!(phase("back-one"), Phase::Finished(Verdict::Failed));
    // The undo goes on where it stopped.
    fixture.write("fine", "");
    fixture.run(&["resume", "last", "--retry-failed"]).code(1);
    assert!(
        told(&fixture).contains("back-one✗ back-one… back-one✓"),
        "{}",
        told(&fixture)
    );
}

#[test]
fn a_check_decides_whether_a_step_is_ok_and_shows_both_sides() {
    let text = |wanted: &str| {
        format!(
            "---\nrunbook: 1\n---\n# A\n\n```bash {{#a}}\n{}\necho '{{\"up\":3}}'; echo noise >&2\n```\n\n\
             ```rhai\nassert_eq(json(step.stdout).up, {wanted});\n```\n\n```output {{match=lines}}\n{{\"up\":[..]}}\n```\n\n\
             ```bash {{#b}}\n{}\ntrue\n```\n",
            crate::fixture::LEDGER,
            crate::fixture::LEDGER
        )
    };
    let fixture = Fixture::new().file("a.md", text("3"));
    fixture.run(&["run", "a.md"]).code(0);
    let story = fixture.story();
    let judged = story.iter().filter(|it| *it == "check.judged").count();
    assert_eq!(judged, 2, "{story:?}");
    let fixture = Fixture::new().file("a.md", text("4"));
    let told = fixture.run(&["run", "a.md"]).code(1);
    let told = told.says("assert_eq(json(step.stdout).up, 4)");
    told.says("the check of line 12 fails");
    assert_eq!(fixture.times("b"), 0);
    assert!(!fixture.story().contains(&"a ok".to_owned()));
}

#[test]
fn what_a_check_looked_at_is_recorded_and_a_look_judges_a_file() {
    let text = format!(
        "---\nrunbook: 1\n---\n# A\n\n```bash {{#a}}\n{}\necho hello > made\n```\n\n```rhai\nassert(read(\"made\").contains(\"hello\"));\n```\n",
        crate::fixture::LEDGER
    );
    let fixture = Fixture::new().file("a.md", text);
    fixture.run(&["run", "a.md"]).code(0);
    let story = fixture.story();
    let at = |name: &str| story.iter().position(|it| it == name).unwrap();
    assert!(at("attempt.exited") < at("check.probed"), "{story:?}");
    assert!(at("check.probed") < at("check.judged"), "{story:?}");
    assert!(at("check.judged") < at("a ok"), "{story:?}");
}

#[test]
fn a_step_is_repeated_until_its_condition_holds() {
    let (fixture, story) = check(
        &[(
            "bash {#s every=1ms until=\"step.stdout.contains(\\\"ready\\\")\"}",
            "echo x >> tries; test \"$(wc -l < tries)\" -lt 3 || echo ready",
        )],
        &[],
        0,
    );
    assert_eq!(story, "s… s↻ s… s↻ s… s✓ closed");
    assert_eq!(fixture.times("s"), 3);
}

#[test]
fn expressions_tell_whether_a_step_runs() {
    let fences = &[
        ("bash {#a exit=0,3}", "exit 3"),
        ("bash {#b if=\"steps.a.status == 3\"}", "true"),
        ("bash {#c if=\"steps.a.status == 0\"}", "false"),
        (
            "bash {#d unless=\"steps[\\\"a\\\"].verdict == \\\"ok\\\"\"}",
            "false",
        ),
    ];
    let (_, story) = check(fences, &[], 0);
    assert_eq!(story, "a… a✓ b… b✓ c– d– closed");
}

/// A server that is ready once `ready` is there, and tells `stopped` when it is told to end.
const SERVER: &str =
    "trap 'echo stopped >> served; exit 0' TERM; sleep 0.05; touch ready; sleep 1000 & wait";

#[test]
fn a_server_runs_while_later_steps_do_and_is_stopped_with_all_it_started() {
    let fences = &[
        (
            "bash {#serve background ready=\"file(\\\"ready\\\").exists\"}",
            SERVER,
        ),
        ("bash {#use}", "test -e ready; test ! -e served"),
    ];
    let fixture = Fixture::new().steps(fences);
    fixture.run(&["run", "a.md"]).code(0);
    let story = fixture.story();
    let at = |name: &str| {
        let found = story.iter().position(|it| it == name);
        found.unwrap_or_else(|| panic!("no {name}: {story:?}"))
    };
    assert!(at("service.started") < at("service.ready"), "{story:?}");
    assert!(at("service.ready") < at("starting use 1"), "{story:?}");
    assert!(at("use ok") < at("serve ok"), "{story:?}");
    assert!(at("serve ok") < at("service.stopped"), "{story:?}");
    assert_eq!(fixture.read("served"), "stopped\n");
    fixture.until_quiet();
}

#[test]
fn a_server_that_ends_by_itself_is_a_failure() {
    let fences = &[
        (
            "bash {#serve background ready=\"file(\\\"never\\\").exists\"}",
            "exit 0",
        ),
        ("bash {#use}", "true"),
    ];
    let fixture = Fixture::new().steps(fences);
    let told = fixture.run(&["run", "a.md"]).code(1);
    told.says("the server ended before it was ready: exit code 0");
    assert_eq!(fixture.times("use"), 0);
    let fences = &[
        (
            "bash {#serve background timeout=300ms ready=\"file(\\\"never\\\").exists\"}",
            "sleep 1000",
        ),
        ("bash {#use}", "true"),
    ];
    let fixture = Fixture::new().steps(fences);
    let told = fixture.run(&["run", "a.md"]).code(1);
    told.says("the server ended before it was ready: it timed out");
    assert_eq!(fixture.times("use"), 0);
    fixture.until_quiet();
}

#[test]
fn a_server_outlives_the_engine_and_resume_takes_hold_of_it() {
    let fences = &[
        (
            "bash {#serve background ready=\"file(\\\"ready\\\").exists\"}",
            SERVER,
        ),
        ("bash {#use effect=changes}", "touch told; read x < fifo"),
        ("bash {#after}", "test ! -e served"),
    ];
    let fixture = Fixture::new().steps(fences);
    let fifo = fixture.fifo("fifo");
    let running = fixture.spawn(&["run", "a.md"]);
    fixture.until("the step uses it", || fixture.path("told").exists());
    running.kill();
    assert!(!fixture.processes().is_empty());
    assert!(!fixture.path("served").exists());
    let _ = fifo.open();
    fixture.run(&["resume", "last"]).code(0);
    assert_eq!(fixture.times("serve"), 1);
    assert_eq!(fixture.times("use"), 1);
    assert_eq!(fixture.read("served"), "stopped\n");
    fixture.until_quiet();
}

#[test]
fn a_server_is_stopped_when_the_run_fails_and_started_again_when_it_goes_on() {
    let fences = &[
        (
            "bash {#serve background ready=\"file(\\\"ready\\\").exists\"}",
            SERVER,
        ),
        ("bash {#use}", "test -e fine"),
    ];
    let fixture = Fixture::new().steps(fences);
    fixture.run(&["run", "a.md"]).code(1);
    fixture.until_quiet();
    assert_eq!(fixture.read("served"), "stopped\n");
    fixture.write("fine", "");
    fixture.run(&["resume", "last", "--retry-failed"]).code(0);
    assert_eq!(fixture.times("serve"), 2);
    fixture.until_quiet();
}

#[test]
fn a_server_may_be_left_running() {
    let fences = &[
        (
            "bash {#serve background stop-at=never}",
            "echo $$ > pid; exec sleep 1000",
        ),
        ("bash {#use}", "until test -s pid; do :; done"),
    ];
    let fixture = Fixture::new().steps(fences);
    let told = fixture.run(&["run", "a.md"]).code(0);
    told.says("left running, as `stop-at=never` says");
    let pid: i32 = fixture.read("pid").trim().parse().unwrap();
    assert!(runbook::host::process::look(pid).is_some());
    runbook::host::process::kill(pid).unwrap();
    fixture.until_quiet();
}

#[test]
fn guards_and_undo_are_told_apart_from_the_steps_and_a_no_is_no_failure() {
    let document = "---\nrunbook: 1\n---\n# A\n```bash {#there effect=reads}\nfalse\n```\n```bash {#a unless=#there}\nfalse\n```\n```bash {#back undo-of=a}\ntrue\n```\n";
    let fixture = Fixture::new().file("a.md", document);
    let outcome = fixture.run(&["run", "a.md"]).code(1);
    let told = &outcome.stdout;
    for line in [
        "1 step, on this machine\n",
        "Only where they are called for\n",
        "? check A",
        "no, exit code 1",
        "# asks what to do about a",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    assert!(!told.contains("✗ check"), "{told}");
}
