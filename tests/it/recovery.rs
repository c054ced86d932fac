#![cfg(feature = "testing")]
//! What a crash leaves, row by row of the manual's table, and the commands that look at a run or
//! change its course from outside.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use runbook::event::{EndedBy, EventKind, Exit, Verdict};
use runbook::host::process;
use runbook::model::StepId;
use runbook::state::Phase;
use runbook::store::attempts::{AttemptRecord, Outcome as AttemptOutcome};
use runbook::store::folder::RunFolder;
use runbook::store::journal::Journal;
use runbook::store::verify::verify;

use crate::fixture::{Fifo, Fixture, Running, helper, skip};

/// A step that waits until the test lets it go on.
const WAITS: &str = "echo before\nread -r _ < gate\necho after";

fn waiting(info: &str) -> (Fixture, Fifo) {
    let fixture = Fixture::new().steps(&[(info, WAITS), ("bash {#next}", "echo next")]);
    let gate = fixture.fifo("gate");
    (fixture, gate)
}

/// Starts the run and waits until its first step does.
fn started(fixture: &Fixture) -> Running<'_> {
    let engine = fixture.spawn(&["run", "a.md"]);
    fixture.until_ledger(1);
    engine
}

fn log(fixture: &Fixture, attempt: &str) -> String {
    let path = fixture.folder().join(format!("output/{attempt}.log"));
    fs::read_to_string(path).unwrap_or_default()
}

fn kill_keeper(fixture: &Fixture) {
    let keepers = fixture.keepers();
    assert_eq!(keepers.len(), 1, "{keepers:?}");
    process::kill(keepers[0]).unwrap();
    fixture.until("the keeper is gone", || fixture.keepers().is_empty());
}

/// Leaves a run whose first step ran with nobody to tell how it ended.
fn unknown(info: &str) -> (Fixture, Fifo) {
    let body = "[ -e once ] && exit 0\ntouch once\nread -r _ < gate";
    let fixture = Fixture::new().steps(&[(info, body), ("bash {#next}", "echo next")]);
    let gate = fixture.fifo("gate");
    let engine = started(&fixture);
    engine.signal(libc::SIGKILL);
    kill_keeper(&fixture);
    engine.wait().code(-9);
    assert!(gate.open());
    fixture.until_quiet();
    (fixture, gate)
}

#[test]
fn a_step_that_is_not_recorded_as_starting_was_not_begun_and_runs() {
    let (fixture, gate) = (Fixture::new(), "at");
    let fixture = fixture.steps(&[("bash {#s}", "true")]);
    let at = fixture.fifo(gate);
    let engine = fixture
        .command(&["run", "a.md"])
        .env("RUNBOOK_PAUSE", at.pause("committed"))
        .spawn();
    // The run is open, and nothing else.
    assert_eq!(at.hear(), "committed");
    engine.kill().code(-9);
    assert_eq!(fixture.story(), ["run.opened"]);
    fixture.run(&["resume", "last"]).code(0);
    assert_eq!(fixture.times("s"), 1);
}

#[test]
fn an_attempt_that_was_recorded_and_never_released_is_void_and_its_step_runs() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "true")]);
    let at = fixture.fifo("at");
    let engine = fixture
        .command(&["run", "a.md"])
        .env("RUNBOOK_PAUSE", at.pause("releasing"))
        .spawn();
    assert_eq!(at.hear(), "releasing");
    engine.kill().code(-9);
    fixture.until_quiet();
    assert_eq!(fixture.ledger(), []);
    fixture.run(&["resume", "last"]).code(0);
    assert_eq!(
        fixture.story(),
        [
            "run.opened",
            "starting s 1",
            "run.resumed",
            "attempt.void",
            "starting s 2",
            "attempt.exited",
            "s ok",
            "run.closed"
        ]
    );
    assert_eq!(fixture.times("s"), 1);
}

#[test]
fn resume_attaches_to_a_step_that_runs_and_never_starts_a_second() {
    let (fixture, gate) = waiting("bash {#s}");
    started(&fixture).kill().code(-9);
    assert_eq!(fixture.keepers().len(), 1, "the keeper outlives the engine");
    let resume = fixture.command(&["resume", "last", "-v"]).spawn();
    fixture.until("the resume is recorded", || {
        fixture.story().contains(&"run.resumed".to_owned())
    });
    assert_eq!(fixture.times("s"), 1);
    assert!(gate.open());
    let outcome = resume.wait().code(0).says("after").says("✓ 1/2");
    assert!(outcome.stdout.contains("before"), "{outcome}");
    assert_eq!((fixture.times("s"), fixture.times("next")), (1, 1));
    assert_eq!(
        fixture.story(),
        [
            "run.opened",
            "starting s 1",
            "run.resumed",
            "attempt.exited",
            "s ok",
            "starting next 1",
            "attempt.exited",
            "next ok",
            "run.closed"
        ]
    );
    let log = fs::read_to_string(fixture.folder().join("output/s-1.log")).unwrap();
    assert_eq!(log, "before\nafter\n");
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn a_step_that_ended_without_an_engine_is_imported_and_not_run_again() {
    let (fixture, gate) = waiting("bash {#s}");
    started(&fixture).kill().code(-9);
    assert!(gate.open());
    fixture.until_quiet();
    let outcome = fixture.run(&["resume", "last"]).code(0);
    assert!(outcome.stdout.contains("✓ 1/2"), "{outcome}");
    assert_eq!(fixture.times("s"), 1);
    assert_eq!(
        fixture.story()[..5],
        [
            "run.opened",
            "starting s 1",
            "run.resumed",
            "attempt.exited",
            "s ok"
        ]
    );
}

#[test]
fn a_failure_without_an_engine_is_imported_as_a_failure() {
    let fixture = Fixture::new().steps(&[
        ("bash {#s}", "read -r _ < gate\nfalse"),
        ("bash {#next}", "true"),
    ]);
    let gate = fixture.fifo("gate");
    started(&fixture).kill().code(-9);
    assert!(gate.open());
    fixture.until_quiet();
    fixture.run(&["resume", "last"]).code(1);
    assert_eq!((fixture.times("s"), fixture.times("next")), (1, 0));
}

#[test]
fn a_step_that_lost_its_keeper_is_orphaned_and_nothing_starts_until_it_ended() {
    let (fixture, gate) = waiting("bash {#s}");
    let engine = started(&fixture);
    let step = fixture.state();
    let Phase::Running(starting) = &step.step(&StepId::new("s").unwrap()).unwrap().1.phase else {
        panic!("{step:?}")
    };
    let pid = starting.identity.pid;
    // What it prints after its keeper is gone would end it.
    fixture.until("it has printed", || log(&fixture, "s-1") == "before\n");
    kill_keeper(&fixture);
    engine.wait().code(6).says("is gone");
    for _ in 0..2 {
        let outcome = fixture.run(&["resume", "last"]).code(6);
        assert!(outcome.stderr.contains(&format!("{pid} bash")), "{outcome}");
        assert!(outcome.stderr.contains("Nothing was started"), "{outcome}");
    }
    assert_eq!(fixture.ledger().len(), 1);
    // Not even a decision starts it while it runs.
    fixture
        .run(&["resume", "last", "--decide", "s=rerun"])
        .code(6);
    assert_eq!(fixture.ledger().len(), 1);
    assert!(gate.open());
    fixture.until_quiet();
    fixture
        .run(&["resume", "last"])
        .code(6)
        .says("nobody can know how step `s` ended");
    assert_eq!(fixture.ledger().len(), 1);
    fixture
        .run(&["resume", "last", "--decide", "s=done"])
        .code(0);
    assert_eq!((fixture.times("s"), fixture.times("next")), (1, 1));
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn an_unknown_step_is_not_run_again_by_itself() {
    let (fixture, _gate) = unknown("bash {#s}");
    for _ in 0..2 {
        fixture
            .run(&["resume", "last"])
            .code(6)
            .says("--decide s=done|rerun|skip");
    }
    // Nor do flags that speak of other things.
    fixture.run(&["resume", "last", "--retry-failed"]).code(6);
    fixture
        .run(&["resume", "last", "--decide", "next=skip"])
        .code(6);
    assert_eq!(fixture.ledger().len(), 1);
    let story = fixture.story();
    assert_eq!(
        story.iter().filter(|it| *it == "attempt.unknown").count(),
        1
    );
    fixture
        .run(&["resume", "last", "--decide", "s=rerun"])
        .code(0);
    assert_eq!(fixture.times("s"), 2);
    assert!(fixture.story().contains(&"decided s rerun".to_owned()));
}

#[test]
fn an_unknown_step_can_be_skipped_and_that_is_recorded() {
    let (fixture, _gate) = unknown("bash {#s}");
    fixture
        .run(&["resume", "last", "--decide", "s=skip"])
        .code(0);
    assert_eq!((fixture.times("s"), fixture.times("next")), (1, 1));
    let story = fixture.story();
    assert!(story.contains(&"s skipped".to_owned()), "{story:?}");
}

#[test]
fn an_unknown_step_that_is_idempotent_runs_again_and_the_journal_says_who_decided() {
    let (fixture, _gate) = unknown("bash {#s idempotent}");
    fixture.run(&["resume", "last"]).code(0);
    assert_eq!((fixture.times("s"), fixture.times("next")), (2, 1));
    let by = fixture.happened().into_iter().find_map(|it| match it {
        EventKind::OperatorDecided { by, .. } => Some(by),
        _ => None,
    });
    assert_eq!(by.as_deref(), Some("the runbook (idempotent)"));
}

#[test]
fn a_step_that_exited_without_a_verdict_is_judged_from_its_record() {
    let (fixture, gate) = waiting("bash {#s}");
    started(&fixture).kill().code(-9);
    assert!(gate.open());
    fixture.until_quiet();
    // The seventh operation is the point behind the commit of the imported exit.
    let resume = fixture
        .command(&["resume", "last"])
        .env("RUNBOOK_FAULT", "engine:7:kill");
    resume.run().code(-9);
    assert_eq!(fixture.story().last().unwrap(), "attempt.exited");
    fixture.run(&["resume", "last"]).code(0);
    assert_eq!(fixture.times("s"), 1);
    assert_eq!(
        fixture
            .story()
            .iter()
            .filter(|it| *it == "attempt.exited")
            .count(),
        2
    );
}

#[test]
fn what_is_finished_never_runs_again_without_a_recorded_rerun() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "true"), ("bash {#bad}", "false")]);
    fixture.run(&["run", "a.md"]).code(1);
    for _ in 0..3 {
        fixture.run(&["resume", "last"]).code(1);
    }
    assert_eq!((fixture.times("s"), fixture.times("bad")), (1, 1));
    fixture.run(&["resume", "last", "--rerun", "s"]).code(1);
    assert_eq!((fixture.times("s"), fixture.times("bad")), (2, 1));
    let story = fixture.story().join(" · ");
    assert!(story.contains("decided s rerun · starting s 2"), "{story}");
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn a_passed_run_is_closed_and_resume_says_so() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "true")]);
    fixture.run(&["run", "a.md"]).code(0);
    let before = fixture.story();
    fixture.run(&["resume", "last"]).code(2).says("closed");
    fixture.run(&["resume", "last", "--rerun", "s"]).code(2);
    fixture.run(&["resume"]).code(2).says("no open run");
    assert_eq!(fixture.times("s"), 1);
    assert_eq!(fixture.story(), before);
}

#[test]
fn a_failed_step_is_retried_only_when_asked_or_harmless() {
    let flaky = "[ -e again ] || { touch again; exit 1; }";
    for (info, args, code, times) in [
        ("bash {#s}", &["resume", "last"][..], 1, 1),
        ("bash {#s}", &["resume", "last", "--retry-failed"], 0, 2),
        ("bash {#s idempotent}", &["resume", "last"], 0, 2),
        ("bash {#s effect=reads}", &["resume", "last"], 0, 2),
        ("bash {#s effect=changes}", &["resume", "last"], 1, 1),
        ("bash {#s}", &["resume", "last", "--decide", "s=done"], 0, 1),
        ("bash {#s}", &["resume", "last", "--decide", "s=skip"], 0, 1),
        (
            "bash {#s}",
            &["resume", "last", "--decide", "s=rerun"],
            0,
            2,
        ),
    ] {
        let fixture = Fixture::new().steps(&[(info, flaky)]);
        fixture.run(&["run", "a.md"]).code(1);
        fixture.run(args).code(code);
        assert_eq!(fixture.times("s"), times, "{info} {args:?}");
        let retried = fixture.story().contains(&"decided s rerun".to_owned());
        assert_eq!(retried, times == 2, "{info} {args:?}");
    }
}

#[test]
fn resume_runs_the_snapshot_and_says_loudly_that_the_file_changed() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "[ -e ok ]"), ("bash {#next}", "echo old")]);
    fixture.run(&["run", "a.md"]).code(1);
    let changed = fixture.read("a.md").replace("echo old", "echo new");
    fixture.write("a.md", changed);
    fixture.write("ok", "");
    let outcome = fixture.run(&["resume", "last", "--retry-failed"]).code(0);
    assert!(
        outcome.stderr.contains("has changed since this run began"),
        "{outcome}"
    );
    let log = fs::read_to_string(fixture.folder().join("output/next-1.log")).unwrap();
    assert_eq!(log, "old\n");
    let flagged = fixture
        .happened()
        .iter()
        .any(|it| matches!(it, EventKind::RunResumed(it) if it.file_changed));
    assert!(flagged);
    assert!(fixture.run(&["verify", "last"]).code == 0);
}

#[test]
fn a_document_that_is_gone_does_not_keep_its_run_from_going_on() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "[ -e ok ]")]);
    fixture.run(&["run", "a.md"]).code(1);
    fs::remove_file(fixture.path("a.md")).unwrap();
    fixture.write("ok", "");
    fixture.run(&["resume", "last", "--retry-failed"]).code(0);
}

#[test]
fn resume_without_a_name_takes_the_only_open_run_of_this_folder() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "[ -e ok ]")]);
    fixture.run(&["run", "a.md"]).code(1);
    fs::create_dir(fixture.path("elsewhere")).unwrap();
    fixture
        .command(&["resume"])
        .within("elsewhere")
        .run()
        .code(2)
        .says("no open run was started from this folder");
    fixture.write("ok", "");
    fixture.run(&["resume", "--retry-failed"]).code(0);
}

#[test]
fn environment_and_folder_carry_over_a_resume() {
    let set = "export PLAIN='two words' LINES_=$'a\\nb' QUOTE=\"it's \\\"q\\\"\" BYTES=$'\\xff\\xfe'\nunset DROPPED\nmkdir -p sub\ncd sub";
    let look = "[ \"$PLAIN\" = 'two words' ]\n[ \"$LINES_\" = $'a\\nb' ]\n[ \"$QUOTE\" = \"it's \\\"q\\\"\" ]\n\
                [ \"$BYTES\" = $'\\xff\\xfe' ]\n[ -z \"${DROPPED+set}\" ]\n[ \"${PWD##*/}\" = sub ]\n[ -d ../sub ]\n[ -e ../ok ]";
    let fixture = Fixture::new()
        .env("DROPPED", "inherited")
        .steps(&[("bash {#s}", set), ("bash {#look}", look)]);
    fixture
        .run(&["run", "a.md"])
        .code(1)
        .says(".. [ -e ../ok ]".trim_start_matches(".. "));
    fixture.write("ok", "");
    fixture.run(&["resume", "last", "--retry-failed"]).code(0);
    assert_eq!(fixture.times("s"), 1);
}

#[test]
fn close_ends_an_open_run_for_good() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "false"), ("bash {#next}", "true")]);
    fixture.run(&["run", "a.md"]).code(1);
    fixture.run(&["close", "last"]).code(2);
    fixture
        .run(&["close", "last", "--reason", " "])
        .code(2)
        .says("the reason is empty");
    fixture
        .run(&["close", "last", "--reason", "gave up"])
        .code(0);
    let last = fixture.happened().pop();
    assert!(
        matches!(&last, Some(EventKind::RunClosed { reason: Some(it), by: Some(_), .. }) if it == "gave up"),
        "{last:?}"
    );
    fixture
        .run(&["close", "last", "--reason", "again"])
        .code(2)
        .says("closed already");
    fixture.run(&["resume", "last"]).code(2).says("closed");
    fixture
        .run(&["note", "last", "too late"])
        .code(2)
        .says("takes nothing more");
    fixture.run(&["verify", "last"]).code(0);
    let transcript = fs::read_to_string(fixture.folder().join("transcript.md")).unwrap();
    assert!(transcript.contains("gave up"), "{transcript}");
    assert_eq!(fixture.times("next"), 0);
}

#[test]
fn close_refuses_while_a_step_may_be_running() {
    let (fixture, gate) = waiting("bash {#s}");
    let engine = started(&fixture);
    fixture
        .run(&["close", "last", "--reason", "no"])
        .code(4)
        .says("owned by another engine");
    engine.kill().code(-9);
    fixture
        .run(&["close", "last", "--reason", "no"])
        .code(2)
        .says("may be running");
    assert!(gate.open());
    fixture.until_quiet();
    fixture.run(&["resume", "last"]).code(0);
}

#[test]
fn a_note_is_kept_with_and_without_a_live_engine() {
    let (fixture, gate) = waiting("bash {#s}");
    let engine = started(&fixture);
    fixture.run(&["note", "last", "while it runs"]).code(0);
    fixture.until("the engine keeps the note", || {
        fixture.story().contains(&"note".to_owned())
    });
    engine.kill().code(-9);
    fixture
        .run(&["note", "last", "while it runs alone"])
        .code(0);
    assert!(gate.open());
    fixture.until_quiet();
    fixture.run(&["note", "last", "nobody there"]).code(0);
    fixture.run(&["note", "last", "  "]).code(2);
    fixture.run(&["resume", "last"]).code(0);
    let notes: Vec<String> = fixture
        .happened()
        .into_iter()
        .filter_map(|it| match it {
            EventKind::Note { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(
        notes,
        ["while it runs", "while it runs alone", "nobody there"]
    );
    let transcript = fs::read_to_string(fixture.folder().join("transcript.md")).unwrap();
    assert!(
        notes.iter().all(|it| transcript.contains(it)),
        "{transcript}"
    );
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn stop_ends_the_running_step_with_its_descendants() {
    let body =
        "sleep 1000 &\n(trap '' TERM; sleep 1000) &\nsetsid sleep 1000 &\necho up > up\nwait";
    let fixture = Fixture::new()
        .env("RUNBOOK_TEST_GRACE_MS", "200")
        .steps(&[("bash {#s}", body), ("bash {#next}", "true")]);
    let engine = fixture.spawn(&["run", "a.md"]);
    fixture.until("the step is up", || fixture.read("up").contains("up"));
    fixture
        .run(&["stop", "last"])
        .code(0)
        .says("is being ended");
    engine.wait().code(3).says("runbook resume");
    fixture.until_quiet();
    let ended = fixture.happened().into_iter().find_map(|it| match it {
        EventKind::AttemptExited(it) => it.ended_by,
        _ => None,
    });
    assert_eq!(ended, Some(EndedBy::Stop));
    assert_eq!((fixture.times("s"), fixture.times("next")), (1, 0));
    fixture
        .run(&["stop", "last"])
        .code(2)
        .says("nothing of run");
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn stop_reaches_a_step_whose_engine_is_gone() {
    let (fixture, _gate) = waiting("bash {#s}");
    started(&fixture).kill().code(-9);
    fixture
        .run(&["stop", "last"])
        .code(0)
        .says("is being ended");
    fixture.until_quiet();
    fixture.run(&["resume", "last"]).code(1);
    let (_, s) = fixture
        .state()
        .step(&StepId::new("s").unwrap())
        .map(|(p, s)| (p.clone(), s.clone()))
        .unwrap();
    assert_eq!(s.phase, Phase::Finished(Verdict::Failed));
    assert_eq!(s.exited.unwrap().ended_by, Some(EndedBy::Stop));
    assert_eq!((fixture.times("s"), fixture.times("next")), (1, 0));
}

#[test]
fn a_second_engine_on_one_run_is_refused_and_disturbs_nothing() {
    let (fixture, gate) = waiting("bash {#s}");
    let engine = started(&fixture);
    let outcome = fixture.run(&["resume", "last"]).code(4);
    assert!(
        outcome
            .stderr
            .contains(&format!("process {}", engine.pid())),
        "{outcome}"
    );
    insta::assert_snapshot!(fixture.normalise(&outcome.stderr), @r"
    error: run [ULID] is owned by another engine: process [PID] of root, since 2027-01-15T08:00:00.000Z
      hint: watch it with `runbook show -f [ULID]`, or `runbook stop [ULID]`
    ");
    assert!(gate.open());
    engine.wait().code(0);
    assert_eq!((fixture.times("s"), fixture.times("next")), (1, 1));
}

#[test]
fn of_many_engines_that_resume_at_once_one_goes_on() {
    let (fixture, gate) = waiting("bash {#s}");
    started(&fixture).kill().code(-9);
    let engines: Vec<Running<'_>> = (0..4).map(|_| fixture.spawn(&["resume", "last"])).collect();
    fixture.until("one has resumed", || {
        fixture.story().contains(&"run.resumed".to_owned())
    });
    assert!(gate.open());
    let mut codes: Vec<i32> = engines.into_iter().map(|it| it.wait().code).collect();
    codes.sort_unstable();
    assert_eq!(codes.iter().filter(|it| **it == 0).count(), 1, "{codes:?}");
    assert!(codes.iter().all(|it| [0, 2, 4].contains(it)), "{codes:?}");
    assert_eq!((fixture.times("s"), fixture.times("next")), (1, 1));
    fixture.run(&["verify", "last"]).code(0);
}

/// Returns each file of a folder with its bytes and times.
fn bytes_of(folder: &Path) -> BTreeMap<String, (Vec<u8>, i64, i64, u32)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        let bytes = if about.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        let fact = (bytes, about.mtime(), about.mtime_nsec(), about.mode());
        found.insert(path.display().to_string(), fact);
        if about.is_dir() {
            found.extend(bytes_of(&path));
        }
    }
    found
}

fn look_at_everything(fixture: &Fixture) {
    let before = bytes_of(&fixture.path("state"));
    for args in [
        &["show"][..],
        &["show", "last", "--json"],
        &["show", "last", "--as", "markdown"],
        &["show", "last", "--as", "events"],
        &["history"],
        &["history", "--json"],
        &["verify", "last"],
        &["verify", "last", "--json"],
        &["list", "a.md"],
        &["lint", "a.md"],
    ] {
        let outcome = fixture.run(args);
        let is_silent = outcome.stdout.is_empty() && outcome.stderr.is_empty();
        assert!(!is_silent || args[0] == "lint", "{args:?} says nothing");
        assert!(
            outcome.code != 70 && outcome.code != 101,
            "{args:?}: {outcome}"
        );
    }
    let after = bytes_of(&fixture.path("state"));
    let changed: Vec<&String> = after
        .keys()
        .chain(before.keys())
        .filter(|it| before.get(*it) != after.get(*it))
        .collect();
    assert!(changed.is_empty(), "{changed:?}");
}

#[test]
fn who_only_looks_never_writes_a_byte() {
    let (fixture, gate) = waiting("bash {#s}");
    look_at_nothing(&fixture);
    let engine = started(&fixture);
    let written = |name: &str| fs::read_to_string(fixture.folder().join("output").join(name));
    fixture.until("the output is there, and the index tells of it", || {
        written("s-1.log").is_ok_and(|it| it == "before\n")
            && written("s-1.idx").is_ok_and(|it| it.ends_with(" out 7\n"))
    });
    look_at_everything(&fixture);
    engine.kill().code(-9);
    look_at_everything(&fixture);
    assert!(gate.open());
    fixture.until_quiet();
    look_at_everything(&fixture);
    fixture.run(&["resume", "last"]).code(0);
    fixture.until_quiet();
    look_at_everything(&fixture);
    let journal = fixture.folder().join("journal.jsonl");
    let bytes = fs::read(&journal).unwrap();
    fs::write(&journal, &bytes[..bytes.len() - 7]).unwrap();
    look_at_everything(&fixture);
    fs::write(
        &journal,
        bytes
            .iter()
            .map(|it| if *it == b'4' { b'5' } else { *it })
            .collect::<Vec<u8>>(),
    )
    .unwrap();
    look_at_everything(&fixture);
}

/// Not even the state folder is made by who looks.
fn look_at_nothing(fixture: &Fixture) {
    fixture.run(&["history"]);
    fixture.run(&["show"]).code(2);
    fixture.run(&["verify", "last"]).code(2);
    assert!(!fixture.path("state").exists());
}

#[test]
fn show_follows_a_run_to_its_end_without_a_byte_of_its_own() {
    let (fixture, gate) = waiting("bash {#s}");
    let engine = started(&fixture);
    let follower = fixture.spawn(&["show", "-f", "-v", "last"]);
    follower.until_said("before");
    assert!(gate.open());
    engine.wait().code(0);
    follower.wait().code(0).says("after").says("✓ 2/2");
}

#[test]
fn a_torn_tail_is_set_aside_by_resume_alone() {
    for cut in [1, 20, 200] {
        let fixture = Fixture::new().steps(&[("bash {#s}", "true"), ("bash {#bad}", "[ -e ok ]")]);
        fixture.run(&["run", "a.md"]).code(1);
        let journal = fixture.folder().join("journal.jsonl");
        let bytes = fs::read(&journal).unwrap();
        let torn = &bytes[..bytes.len() - cut];
        fs::write(&journal, torn).unwrap();
        let outcome = fixture.run(&["verify", "last"]).code(7);
        assert_eq!(outcome.stderr.split(':').next(), Some("torn"), "{outcome}");
        fixture.run(&["show"]).code(0);
        fixture.run(&["note", "last", "x"]).code(7).says("torn");
        assert_eq!(fs::read(&journal).unwrap(), torn);
        fixture.write("ok", "");
        fixture.run(&["resume", "last", "--retry-failed"]).code(0);
        let whole = torn.iter().rposition(|it| *it == b'\n').unwrap() + 1;
        assert_eq!(
            fs::read(fixture.folder().join("tail.1")).unwrap(),
            &torn[whole..]
        );
        assert!(fixture.story().contains(&"recovered".to_owned()));
        assert_eq!(fixture.times("s"), 1);
        fixture.run(&["verify", "last"]).code(0);
    }
}

#[test]
fn garbage_behind_the_journal_is_set_aside() {
    for garbage in [
        &b"\0\0\0\0\0\0"[..],
        b"{\"v\":1}\n",
        b"\n",
        b"\xff\xfe\n\n{",
    ] {
        let fixture = Fixture::new().steps(&[("bash {#s}", "[ -e ok ]")]);
        fixture.run(&["run", "a.md"]).code(1);
        let journal = fixture.folder().join("journal.jsonl");
        let mut bytes = fs::read(&journal).unwrap();
        bytes.extend_from_slice(garbage);
        fs::write(&journal, bytes).unwrap();
        fixture.run(&["verify", "last"]).code(7);
        fixture.write("ok", "");
        fixture.run(&["resume", "last", "--retry-failed"]).code(0);
        assert_eq!(fs::read(fixture.folder().join("tail.1")).unwrap(), garbage);
        fixture.run(&["verify", "last"]).code(0);
    }
}

/// Returns whether the flipped byte is in the keeper's last record, and takes nothing from what is
/// known: a crash may have torn it, and then the journal has it all; and nobody else says when it was
/// written, or has to say where the step failed.
fn only_repeats(good: &[u8], bad: &[u8], at: usize) -> bool {
    let last = good[..good.len() - 1]
        .iter()
        .rposition(|it| *it == b'\n')
        .unwrap();
    let Ok(mut record) = serde_json::from_slice::<AttemptRecord>(&bad[last + 1..]) else {
        return at >= last;
    };
    let first: AttemptRecord = serde_json::from_slice(&good[last + 1..]).unwrap();
    record.wall.clone_from(&first.wall);
    record.v = first.v;
    if let (AttemptOutcome::Exited(one), AttemptOutcome::Exited(other)) =
        (&mut record.outcome, &first.outcome)
    {
        one.failed_at.clone_from(&other.failed_at);
    }
    at >= last && record == first
}

const FILES: [&str; 4] = [
    "journal.jsonl",
    "attempts.jsonl",
    "runbook.md",
    "output/s-1.log",
];

/// Flips every byte of a file of a run, and returns the places where `verify` believed it all the
/// same, with the text around.
fn believed(fixture: &Fixture, name: &str) -> Vec<String> {
    let folder = RunFolder::open(&fixture.folder()).unwrap();
    let path = fixture.folder().join(name);
    let good = fs::read(&path).unwrap();
    let mut believed = Vec::new();
    for at in 0..good.len() {
        for bit in [0x01, 0x20] {
            let mut bad = good.clone();
            bad[at] ^= bit;
            fs::write(&path, &bad).unwrap();
            let is_harmless = name == "attempts.jsonl" && only_repeats(&good, &bad, at);
            if verify(&folder).is_ok() && !is_harmless {
                let around = &bad[at.saturating_sub(24)..(at + 8).min(bad.len())];
                believed.push(format!("byte {at}: {}", String::from_utf8_lossy(around)));
            }
        }
    }
    fs::write(&path, &good).unwrap();
    assert!(verify(&folder).is_ok());
    believed
}

#[test]
fn every_flipped_byte_of_a_closed_run_is_found() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "echo out"), ("bash {#t}", "true")]);
    fixture.run(&["run", "a.md"]).code(0);
    for name in FILES {
        let believed = believed(&fixture, name);
        assert!(
            believed.is_empty(),
            "{name}: {} {believed:#?}",
            believed.len()
        );
    }
}

#[test]
fn every_flipped_byte_of_an_open_run_is_found() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "echo out"), ("bash {#t}", "false")]);
    fixture.run(&["run", "a.md"]).code(1);
    for name in FILES {
        let believed = believed(&fixture, name);
        assert!(
            believed.is_empty(),
            "{name}: {} {believed:#?}",
            believed.len()
        );
    }
}

#[test]
fn a_flipped_byte_is_told_by_its_class_and_no_finished_step_runs_again() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "true"), ("bash {#t}", "false")]);
    fixture.run(&["run", "a.md"]).code(1);
    let folder = fixture.folder();
    let good: BTreeMap<&str, Vec<u8>> = ["journal.jsonl", "attempts.jsonl", "transcript.md"]
        .into_iter()
        .map(|name| (name, fs::read(folder.join(name)).unwrap()))
        .collect();
    for name in ["journal.jsonl", "attempts.jsonl"] {
        let length = good[name].len();
        let last = length
            - good[name][..length - 1]
                .iter()
                .rev()
                .position(|it| *it == b'\n')
                .unwrap();
        for at in (0..length).step_by(37).chain((last..length).step_by(11)) {
            for (name, bytes) in &good {
                fs::write(folder.join(name), bytes).unwrap();
            }
            let mut bad = good[name].clone();
            bad[at] ^= 0x01;
            fs::write(folder.join(name), &bad).unwrap();
            let what = format!("{name}, byte {at}");
            let told = fixture.run(&["verify", "last"]);
            if told.code == 7 {
                let class = told.stderr.split(':').next().unwrap();
                assert!(
                    ["corrupt", "torn", "illegal", "missing", "mismatch"].contains(&class),
                    "{what}: {told}"
                );
            }
            let resumed = fixture.run(&["resume", "last", "--retry-failed"]);
            assert!([1, 2, 6, 7].contains(&resumed.code), "{what}: {resumed}");
            fixture.until_quiet();
            assert_eq!(fixture.times("s"), 1, "{what}: {resumed}");
        }
    }
}

#[test]
fn a_full_disk_ends_the_run_with_9_and_leaves_it_resumable() {
    for number in 4..=9 {
        let fixture = Fixture::new().steps(&[("bash {#s}", "true"), ("bash {#t}", "true")]);
        let outcome = fixture
            .command(&["run", "a.md"])
            .env("RUNBOOK_FAULT", format!("engine:{number}:enospc"))
            .run();
        fixture.until_quiet();
        if outcome.code == 0 {
            continue;
        }
        let outcome = outcome.code(9);
        assert!(outcome.stderr.contains("free some space"), "{outcome}");
        fixture.run(&["verify", "last"]).code(0);
        let resumed = fixture.run(&["resume", "last"]);
        assert!(
            [0, 6].contains(&resumed.code),
            "{number}: {outcome}{resumed}"
        );
        assert!(fixture.times("s") <= 1);
    }
}

/// A file system that goes with the test.
struct Mounted<'a>(&'a str);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        assert!(helper("umount", &["-l", self.0]) || std::thread::panicking());
    }
}

#[test]
fn a_disk_that_is_really_full_loses_nothing_that_was_acknowledged() {
    let fill = "head -c 4000000 /dev/zero 2>/dev/null >> \"$RUNBOOK_STATE/fill\" || true";
    let fixture = Fixture::new().steps(&[
        ("bash {#s}", "echo small"),
        ("bash {#t}", fill),
        ("bash {#u}", fill),
        ("bash {#v}", "true"),
    ]);
    let state = fixture.path("state");
    fs::create_dir(&state).unwrap();
    let place = state.to_str().unwrap();
    if !helper(
        "mount",
        &["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", place],
    ) {
        return skip("a tmpfs cannot be mounted");
    }
    let _mounted = Mounted(place);
    let outcome = fixture.run(&["run", "a.md"]).code(9);
    assert!(
        outcome.stderr.contains("No space left on device"),
        "{outcome}"
    );
    assert!(outcome.stderr.contains("free some space"), "{outcome}");
    fixture.until_quiet();
    let done = fixture.state();
    let (_, s) = done.step(&StepId::new("s").unwrap()).unwrap();
    assert_eq!(s.phase, Phase::Finished(Verdict::Ok));
    // Still full: it says so, and harms nothing.
    let outcome = fixture.run(&["resume", "last"]);
    assert!([0, 4, 6, 9].contains(&outcome.code), "{outcome}");
    fs::remove_file(state.join("fill")).unwrap();
    let mut outcome = outcome;
    for _ in 0..6 {
        let _ = fs::remove_file(state.join("fill"));
        let unknown = fixture
            .state()
            .steps()
            .find(|(_, it)| matches!(it.phase, Phase::Unknown { .. }))
            .map(|(it, _)| format!("--decide={}=done", it.id));
        if fixture.state().closed().is_some() {
            break;
        }
        let mut args = vec!["resume", "last"];
        args.extend(unknown.as_deref());
        outcome = fixture.run(&args);
    }
    let closed = fixture.state().closed();
    assert_eq!(closed, Some(runbook::event::Closing::Passed), "{outcome}");
    for step in ["s", "t", "u", "v"] {
        assert_eq!(fixture.times(step), 1, "{step}");
    }
    fixture.until_quiet();
    fixture.run(&["verify", "last"]).code(0);
}

const LEDGER_LINE: &str =
    "printf '%s %s\\n' \"$RUNBOOK_STEP_ID\" \"$RUNBOOK_ATTEMPT\" >> \"$LEDGER\"";

fn document(steps: &[(&str, &str)]) -> String {
    let mut text = "---\nrunbook: 1\n---\n# Steps\n".to_owned();
    for (id, body) in steps {
        text.push_str(&format!(
            "\n```bash {{#{id}}}\n{LEDGER_LINE}\n{body}\n```\n"
        ));
    }
    text
}

#[test]
fn a_mended_document_is_adopted_and_what_has_run_does_not_run_again() {
    let fixture = Fixture::new().file("a.md", document(&[("s", "export A=1"), ("t", "false")]));
    fixture.run(&["run", "a.md"]).code(1);
    let mended = [
        ("s", "export A=1"),
        ("new", "true"),
        ("t", "echo \"A is $A\""),
    ];
    fixture.write("a.md", document(&mended));
    // Without being told to, resume goes on with the snapshot, and says so.
    let outcome = fixture.run(&["resume", "--retry-failed"]).code(1);
    assert!(outcome.stderr.contains("has changed since"), "{outcome}");
    let outcome = fixture.run(&["resume", "--adopt", "-v"]).code(0);
    assert!(outcome.stdout.contains("A is 1"), "{outcome}");
    assert!(outcome.stdout.contains("adopted the document"), "{outcome}");
    let times = ["s", "new", "t"].map(|step| fixture.times(step));
    assert_eq!(times, [1, 1, 3]);
    fixture.run(&["verify", "last"]).code(0);
    let kept = fs::read_to_string(fixture.folder().join("runbook.2.md")).unwrap();
    assert_eq!(kept, document(&mended));
    let transcript = fs::read_to_string(fixture.folder().join("transcript.md")).unwrap();
    assert!(
        transcript.contains("**Snapshot:** `runbook.2.md`, SHA-256"),
        "{transcript}"
    );
    fs::write(fixture.folder().join("runbook.2.md"), "other").unwrap();
    let outcome = fixture.run(&["verify", "last"]).code(7);
    assert!(outcome.stderr.starts_with("mismatch"), "{outcome}");
}

#[test]
fn a_step_that_has_run_and_is_another_now_is_decided_about_before_it_is_adopted() {
    let fixture = Fixture::new().file("a.md", document(&[("s", "true"), ("t", "false")]));
    fixture.run(&["run", "a.md"]).code(1);
    fixture.write("a.md", document(&[("s", "echo more"), ("t", "true")]));
    let before = fixture.happened().len();
    let outcome = fixture.run(&["resume", "--adopt"]).code(2);
    assert!(outcome.stderr.contains("others now: s"), "{outcome}");
    assert_eq!(fixture.happened().len(), before);
    fixture.run(&["resume", "--adopt", "--rerun", "s"]).code(0);
    assert_eq!((fixture.times("s"), fixture.times("t")), (2, 2));
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn a_document_without_what_has_run_or_in_another_order_is_not_adopted() {
    for (steps, because) in [
        (
            &[("renamed", "true"), ("t", "true")][..],
            "which has run, is not in it",
        ),
        (
            &[("t", "true"), ("s", "true")][..],
            "stands in another order",
        ),
    ] {
        let fixture = Fixture::new().file("a.md", document(&[("s", "true"), ("t", "false")]));
        fixture.run(&["run", "a.md"]).code(1);
        fixture.write("a.md", document(steps));
        let before = fixture.happened().len();
        let outcome = fixture.run(&["resume", "--adopt"]).code(2);
        assert!(outcome.stderr.contains(because), "{outcome}");
        assert_eq!(fixture.happened().len(), before);
        assert!(!fixture.folder().join("runbook.2.md").exists());
    }
}

#[test]
fn output_that_the_disk_does_not_take_stops_the_run_before_the_next_step() {
    let fixture = Fixture::new().steps(&[
        ("bash {#s}", "head -c 2000000 /dev/zero | tr '\\0' x"),
        ("bash {#t}", "echo t"),
    ]);
    let state = fixture.path("state");
    fs::create_dir(&state).unwrap();
    let place = state.to_str().unwrap();
    let options = ["-t", "tmpfs", "-o", "size=600k,mode=700", "tmpfs", place];
    if !helper("mount", &options) {
        return skip("a tmpfs cannot be mounted");
    }
    let _mounted = Mounted(place);
    let outcome = fixture.run(&["run", "a.md"]).code(9);
    assert!(
        outcome.stderr.contains("cannot keep what the step printed"),
        "{outcome}"
    );
    fixture.until_quiet();
    assert_eq!((fixture.times("s"), fixture.times("t")), (1, 0));
    fixture.run(&["verify", "last"]).code(0);
    let larger = ["-o", "remount,size=8m", place];
    assert!(helper("mount", &larger));
    fixture.run(&["resume"]).code(0);
    assert_eq!((fixture.times("s"), fixture.times("t")), (1, 1));
    fixture.until_quiet();
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn a_state_folder_that_cannot_be_trusted_is_refused_with_a_way_out() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "true")]);
    let refused = |args: &[&str], why: &str| {
        let outcome = fixture.run(args).code(4);
        assert!(outcome.stderr.contains(why), "{outcome}");
        assert!(outcome.stderr.contains("hint: "), "{outcome}");
    };
    let run = |state: &str, why: &str| {
        refused(&["run", "a.md", "--state-dir", state], why);
    };
    fs::create_dir(fixture.path("real")).unwrap();
    symlink(fixture.path("real"), fixture.path("link")).unwrap();
    run("link", "it is a symlink");
    fs::create_dir(fixture.path("open")).unwrap();
    fs::set_permissions(fixture.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    run("open", "everybody may write to it");
    run("a.md", "it is not a folder");
    run("a.md/below", "Not a directory");
    run("/proc/runbook-state", "cannot create");
    // Root may write to any folder; for it a read-only file system is the same, in the next test.
    if !rustix::process::getuid().is_root() {
        fs::create_dir(fixture.path("mine")).unwrap();
        fs::set_permissions(fixture.path("mine"), fs::Permissions::from_mode(0o500)).unwrap();
        run("mine", "Permission denied");
    }
    assert_eq!(fixture.ledger(), []);
    assert!(fs::read_dir(fixture.path("real")).unwrap().next().is_none());
}

#[test]
fn a_read_only_state_folder_is_refused() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "true")]);
    let state = fixture.path("state");
    fs::create_dir(&state).unwrap();
    let place = state.to_str().unwrap();
    if !helper(
        "mount",
        &["-t", "tmpfs", "-o", "ro,size=64k,mode=700", "tmpfs", place],
    ) {
        return skip("a tmpfs cannot be mounted");
    }
    let outcome = fixture.run(&["run", "a.md"]);
    assert!(helper("umount", &["-l", place]));
    outcome.code(4).says("Read-only file system").says("hint: ");
    assert_eq!(fixture.ledger(), []);
}

#[test]
fn a_run_folder_is_private_and_a_shared_one_is_the_groups() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "echo x")]);
    fixture.run(&["run", "a.md"]).code(0);
    for (path, about) in bytes_of(&fixture.path("state")) {
        assert_eq!(about.3 & 0o077, 0, "{path} is {:o}", about.3);
    }
    let shared = fixture.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o2770)).unwrap();
    fixture
        .run(&["run", "a.md", "--state-dir", "shared"])
        .code(0);
    for (path, about) in bytes_of(&shared) {
        assert_eq!(about.3 & 0o060, 0o060, "{path} is {:o}", about.3);
        assert_eq!(about.3 & 0o007, 0, "{path} is {:o}", about.3);
    }
}

#[test]
fn a_lock_file_that_was_replaced_does_not_let_a_second_engine_write() {
    let (fixture, gate) = waiting("bash {#s}");
    let engine = started(&fixture);
    let lock = fixture.folder().join("lock");
    fs::remove_file(&lock).unwrap();
    fs::write(&lock, "").unwrap();
    for args in [&["resume", "last"][..], &["close", "last", "--reason", "x"]] {
        fixture
            .run(args)
            .code(4)
            .says("another engine")
            .says("hint: ");
    }
    assert!(gate.open());
    engine.wait().code(0);
    assert_eq!((fixture.times("s"), fixture.times("next")), (1, 1));
    fixture.until_quiet();
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn an_exit_is_imported_with_its_environment() {
    let fixture = Fixture::new().steps(&[
        (
            "bash {#s}",
            "export WHO=me\nread -r _ < gate\nexport WHAT=this\nmkdir d; cd d",
        ),
        ("bash {#t}", "echo \"$WHO $WHAT ${PWD##*/}\""),
    ]);
    let gate = fixture.fifo("gate");
    started(&fixture).kill().code(-9);
    assert!(gate.open());
    fixture.until_quiet();
    fixture.run(&["resume", "last"]).code(0);
    let log = fs::read_to_string(fixture.folder().join("output/t-1.log")).unwrap();
    assert_eq!(log, "me this d\n");
}

#[test]
fn a_step_that_a_signal_ended_is_failed_and_says_which() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "kill -SEGV $$")]);
    fixture.run(&["run", "a.md"]).code(1).says("SIGSEGV");
    let exit = fixture.happened().into_iter().find_map(|it| match it {
        EventKind::AttemptExited(it) => Some(it.exit),
        _ => None,
    });
    assert_eq!(exit, Some(Exit::Signal(libc::SIGSEGV)));
}

#[test]
fn a_journal_that_a_stranger_wrote_is_not_gone_on_with() {
    // A whole and well chained record that no engine would have written.
    let fixture = Fixture::new().steps(&[("bash {#s}", "true"), ("bash {#t}", "false")]);
    fixture.run(&["run", "a.md"]).code(1);
    let folder = RunFolder::open(&fixture.folder()).unwrap();
    let clock = runbook::host::clock::Clock::default();
    let (mut journal, _) = Journal::reopen(&folder, &runbook::host::storage::Disk, clock).unwrap();
    let forged = EventKind::StepFinished {
        step: StepId::new("t").unwrap(),
        verdict: Verdict::Ok,
        because: None,
    };
    assert!(
        journal.commit(vec![forged]).is_err(),
        "the table refuses it"
    );
    drop(journal);
    fixture.run(&["verify", "last"]).code(0);
}
