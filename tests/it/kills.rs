#![cfg(feature = "testing")]
//! The kill test: SIGKILL for the engine, the keeper and both at once at every durable operation of
//! a run, half-written lines and failing disks too; then resume until it passed. Whatever was
//! killed: nothing acknowledged is lost, no step runs twice without a recorded decision, and none
//! is ok without an accepted exit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use runbook::event::{Decision, EndedBy, EventKind, Exit, Verdict};
use runbook::model::StepId;
use runbook::state::{Phase, State};

use crate::fixture::{Fixture, LEDGER, Outcome};

/// `one` and `three` may not be repeated, `two` may.
fn three_steps() -> Fixture {
    let text = format!(
        "---\nrunbook: 1\n---\n# one\n\n```bash {{#one capture=given}}\n{LEDGER}\nexport CARRIED=from-one\necho given-by-one\n```\n\n\
         # two\n\n```bash {{#two idempotent}}\n{LEDGER}\necho \"two of $CARRIED\"\necho \"two=$given\" >> \"$RUNBOOK_OUTPUT\"\n```\n\n\
         # three\n\n```bash {{#three}}\n{LEDGER}\n[ \"$CARRIED $two\" = \"from-one given-by-one\" ]\n```\n"
    );
    Fixture::new().file("a.md", text)
}

/// Returns how many durable operations and points an undisturbed run has in `role`: the first
/// number at which a kill changes nothing.
fn operations(role: &'static str) -> u32 {
    static COUNTS: [OnceLock<u32>; 2] = [OnceLock::new(), OnceLock::new()];
    let (cell, least) = match role {
        "engine" => (&COUNTS[0], 20),
        // Its syncs may be fewer than its records.
        _ => (&COUNTS[1], 6),
    };
    *cell.get_or_init(|| {
        let count = (1..200)
            .find(|number| {
                let fixture = three_steps();
                let fault = format!("{role}:{number}:kill");
                let invocation = fixture
                    .command(&["run", "a.md"])
                    .env("RUNBOOK_FAULT", fault);
                let is_undisturbed = invocation.run().code == 0;
                fixture.until_quiet();
                is_undisturbed
            })
            .expect("at some number nothing is disturbed")
            - 1;
        assert!(
            count >= least,
            "only {count} operations of the {role} are counted"
        );
        count
    })
}

/// Kills at each operation of a run, and resumes until it passed.
fn at_every_operation(role: &'static str, fault: &str) {
    for number in 1..=operations(role) {
        let fault = format!("{role}:{number}:{fault}");
        let fixture = three_steps();
        let first = fixture
            .command(&["run", "a.md"])
            .env("RUNBOOK_FAULT", &fault)
            .run();
        survive(&fixture, &fault, first);
    }
}

/// Resumes until the run passed, and holds what must hold after each session and at the end.
fn survive(fixture: &Fixture, fault: &str, first: Outcome) {
    let mut acknowledged = BTreeSet::new();
    let mut log = format!("{fault}\nrun: {first}");
    let mut last = first;
    for round in 0.. {
        assert!(round < 12, "it does not come to an end:\n{log}");
        assert!(
            [-9, 0, 1, 2, 3, 6, 7, 9, 4].contains(&last.code),
            "no exit code of ours:\n{log}"
        );
        acknowledged.extend(ticked(&last.stdout));
        if fixture.runs().is_empty() {
            // Its opening did not reach the disk: nothing half-written stays, and nothing ran.
            assert_eq!(last.code, 9, "{log}");
            assert!(last.stderr.contains("no run was opened"), "{log}");
            assert!(fixture.ledger().is_empty(), "{log}");
            assert!(acknowledged.is_empty(), "{log}");
            return;
        }
        hold(fixture, &acknowledged, &log);
        let state = State::fold(&fixture.happened()).unwrap();
        if state.closed().is_some() {
            break;
        }
        let mut args = vec!["resume".to_owned(), "last".to_owned()];
        if last.stderr.contains("goes on by itself") {
            fixture.until_quiet();
        } else if last.code == 1 {
            args.push("--retry-failed".to_owned());
        } else if last.code == 6
            && let Some((planned, _)) = state
                .steps()
                .find(|(_, it)| matches!(it.phase, Phase::Unknown { .. }))
        {
            // Half of the time a person looked, and found that it had been done.
            let ran = fixture
                .ledger()
                .iter()
                .any(|it| it.0 == planned.id.as_str());
            let what = if ran && planned.id.as_str() == "three" {
                "done"
            } else {
                "rerun"
            };
            args.push(format!("--decide={}={what}", planned.id));
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        last = fixture.run(&args);
        log.push_str(&format!("{args:?}: {last}"));
        if last.code == 7 {
            // It was killed before its opening was on the disk: then nothing of it ran.
            assert!(last.stderr.contains("was never opened"), "{log}");
            assert!(fixture.ledger().is_empty(), "{log}");
            assert!(acknowledged.is_empty(), "{log}");
            return;
        }
    }
    let state = fixture.state();
    for (planned, step) in state.steps() {
        let is_done = matches!(
            step.phase,
            Phase::Finished(Verdict::Ok | Verdict::OperatorAsserted)
        );
        assert!(is_done, "{} is {:?}\n{log}", planned.id, step.phase);
        assert!(
            fixture.times(planned.id.as_str()) > 0,
            "{} never ran\n{log}",
            planned.id
        );
    }
    let verified = fixture.run(&["verify", "last"]);
    assert_eq!(verified.code, 0, "{verified}\n{log}");
}

/// Returns the steps that stdout says are done: `✓ 1/3 one  0.0s`.
fn ticked(stdout: &str) -> BTreeSet<String> {
    stdout
        .lines()
        .filter_map(|line| {
            let mut words = line.strip_prefix("✓ ")?.split_whitespace();
            words
                .next()?
                .contains('/')
                .then(|| words.next().unwrap().to_owned())
        })
        .collect()
}

/// Holds the invariants on what is on the disk now.
fn hold(fixture: &Fixture, acknowledged: &BTreeSet<String>, log: &str) {
    let events = fixture.happened();
    let state = match State::fold(&events) {
        Ok(state) => state,
        Err((at, error)) => panic!("event {at} is illegal: {error}\n{log}"),
    };
    for step in acknowledged {
        let id = StepId::new(step).unwrap();
        let (_, found) = state.step(&id).unwrap();
        assert_eq!(
            found.phase,
            Phase::Finished(Verdict::Ok),
            "`{step}` was acknowledged, and that is lost\n{log}"
        );
    }
    if let Err(broken) = promises(&events, &fixture.ledger()) {
        panic!("{broken}\n{log}");
    }
}

/// Says which promise the events of a run, and the ledger of what really ran, break.
pub fn promises(events: &[EventKind], ledger: &[(String, String)]) -> Result<(), String> {
    let mut attempts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut void: BTreeSet<&str> = BTreeSet::new();
    let mut may_start: BTreeMap<&str, bool> = BTreeMap::new();
    let mut accepted: BTreeMap<&str, bool> = BTreeMap::new();
    let mut unknown: BTreeSet<&str> = BTreeSet::new();
    let mut guards: BTreeSet<StepId> = BTreeSet::new();
    let mut undoes: BTreeMap<&str, &str> = BTreeMap::new();
    let mut servers: BTreeSet<&str> = BTreeSet::new();
    let hold = |holds: bool, otherwise: String| holds.then_some(()).ok_or(otherwise);
    for event in events {
        match event {
            EventKind::RunOpened(opened) => {
                for it in &opened.steps {
                    guards.extend(it.flow.guards());
                    let of = it.flow.undo_of.as_ref();
                    undoes.extend(of.map(|of| (it.id.as_str(), of.as_str())));
                    servers.extend(it.flow.background.then_some(it.id.as_str()));
                }
            }
            EventKind::StepRetrying { step, .. } | EventKind::ServiceStopped { step, .. } => {
                may_start.insert(step.as_str(), true);
            }
            EventKind::UndoStarted { steps, .. } => {
                may_start.extend(steps.iter().map(|it| (it.as_str(), true)));
            }
            EventKind::StepStarting(it) => {
                let step = it.step.as_str();
                // What only tells whether another step runs is asked as often as one likes.
                let is_guard = guards.contains(&it.step);
                hold(
                    may_start.insert(step, false).unwrap_or(true) || is_guard,
                    format!("`{step}` starts again, and nobody decided that"),
                )?;
                hold(
                    unknown.is_empty() || is_guard,
                    format!("`{step}` starts while {unknown:?} is unknown"),
                )?;
                attempts.entry(step).or_default().push(&it.nonce);
                accepted.insert(step, false);
            }
            EventKind::AttemptVoid { step, nonce, .. } => {
                may_start.insert(step.as_str(), true);
                void.insert(nonce);
            }
            EventKind::AttemptUnknown { step, .. } => drop(unknown.insert(step.as_str())),
            EventKind::AttemptExited(it) => {
                let step = it.step.as_str();
                let is_fine = if servers.contains(step) {
                    it.ended_by == Some(EndedBy::End)
                } else {
                    it.exit == Exit::Code(0) && it.ended_by.is_none()
                };
                accepted.insert(step, is_fine);
            }
            EventKind::OperatorDecided {
                step: Some(step),
                decision,
                ..
            } => {
                unknown.remove(step.as_str());
                if *decision == Decision::Rerun {
                    may_start.insert(step.as_str(), true);
                }
            }
            EventKind::StepFinished {
                step,
                verdict: Verdict::Ok,
                ..
            } => {
                hold(
                    accepted.get(step.as_str()) == Some(&true),
                    format!("`{step}` is ok without an accepted exit"),
                )?;
                // What is undone is to do again.
                if let Some(of) = undoes.get(step.as_str()) {
                    may_start.insert(of, true);
                }
            }
            EventKind::StepFinished { step, verdict, .. } => {
                unknown.remove(step.as_str());
                // Done by hand, it is undone as well.
                if *verdict == Verdict::OperatorAsserted
                    && let Some(of) = undoes.get(step.as_str())
                {
                    may_start.insert(of, true);
                }
            }
            _ => {}
        }
    }
    let mut seen = BTreeSet::new();
    for (step, nonce) in ledger {
        let known = attempts.get(step.as_str());
        hold(
            known.is_some_and(|it| it.contains(&nonce.as_str())),
            format!("`{step}` ran without a record of its start"),
        )?;
        hold(
            !void.contains(nonce.as_str()),
            format!("a void attempt of `{step}` ran"),
        )?;
        hold(
            seen.insert(nonce),
            format!("an attempt of `{step}` ran twice"),
        )?;
    }
    Ok(())
}

#[test]
fn a_kill_of_the_engine_at_every_operation_is_survived() {
    at_every_operation("engine", "kill");
}

#[test]
fn a_kill_of_the_engine_in_the_middle_of_every_line_is_survived() {
    at_every_operation("engine", "torn");
}

#[test]
fn a_kill_of_engine_and_keeper_at_every_operation_of_the_engine_is_survived() {
    at_every_operation("engine", "both");
}

#[test]
fn a_disk_that_fails_at_every_operation_of_the_engine_is_survived() {
    at_every_operation("engine", "eio");
}

#[test]
fn a_full_disk_at_every_operation_of_the_engine_is_survived() {
    at_every_operation("engine", "enospc");
}

#[test]
fn a_kill_of_the_keeper_at_every_operation_is_survived() {
    at_every_operation("keeper", "kill");
}

#[test]
fn a_kill_of_the_keeper_in_the_middle_of_every_line_is_survived() {
    at_every_operation("keeper", "torn");
}

#[test]
fn a_kill_of_engine_and_keeper_at_every_operation_of_the_keeper_is_survived() {
    at_every_operation("keeper", "both");
}

#[test]
fn a_disk_that_fails_at_every_operation_of_the_keeper_is_survived() {
    at_every_operation("keeper", "eio");
    at_every_operation("keeper", "enospc");
}

#[test]
fn a_kill_of_the_resume_itself_is_survived() {
    // Where the first session stops: unknown after a kill of both, and running after one of the engine.
    for first in [
        "engine:7:both",
        "engine:7:kill",
        "keeper:4:kill",
        "engine:14:torn",
    ] {
        for second in 1..=14 {
            let second = format!("engine:{second}:kill");
            let fixture = three_steps();
            let run = fixture
                .command(&["run", "a.md"])
                .env("RUNBOOK_FAULT", first)
                .run();
            let mut acknowledged = ticked(&run.stdout);
            hold(&fixture, &acknowledged, first);
            let resume = fixture
                .command(&["resume", "last"])
                .env("RUNBOOK_FAULT", &second)
                .run();
            acknowledged.extend(ticked(&resume.stdout));
            let log = format!("{first}, then {second}: {run}{resume}");
            hold(&fixture, &acknowledged, &log);
            survive(&fixture, &log, resume);
        }
    }
}

/// A server, a step that is undone, and one that fails until somebody has mended what it looks at.
fn undone() -> Fixture {
    let text = format!(
        "---\nrunbook: 1\n---\n# one\n\n```bash {{#serve background}}\n{LEDGER}\nexec sleep 1000\n```\n\n\
         ```bash {{#do idempotent}}\n{LEDGER}\n```\n\n\
         ```bash {{#back undo-of=do idempotent}}\n{LEDGER}\n```\n\n\
         ```bash {{#fail effect=changes}}\n{LEDGER}\ntest -e mended\n```\n"
    );
    Fixture::new().file("a.md", text)
}

#[test]
fn a_kill_in_the_middle_of_an_undo_or_beside_a_server_is_survived() {
    let mut disturbed = 0;
    for (role, fault) in [("engine", "kill"), ("engine", "both"), ("keeper", "kill")] {
        for number in 1..60 {
            let fixture = undone();
            let name = format!("{role}:{number}:{fault}");
            let first = fixture
                .command(&["run", "a.md", "--on-failure=undo"])
                .env("RUNBOOK_FAULT", &name)
                .run();
            if first.code == 1 && !first.stderr.contains("panic") && ended_well(&fixture) {
                // At this number nothing was disturbed.
                fixture.until_quiet();
                break;
            }
            disturbed += 1;
            undo_survives(&fixture, &name, first);
        }
    }
    assert!(disturbed > 30, "{disturbed}");
}

fn ended_well(fixture: &Fixture) -> bool {
    let state = fixture.state();
    let phase = |id: &str| &state.step(&StepId::new(id).unwrap()).unwrap().1.phase;
    *phase("back") == Phase::Finished(Verdict::Ok) && *phase("serve") == Phase::Pending
}

/// Resumes until what ran was undone; then mends, and goes on until the run passed.
fn undo_survives(fixture: &Fixture, fault: &str, first: Outcome) {
    let mut log = format!("{fault}\nrun: {first}");
    let mut last = first;
    for round in 0.. {
        assert!(round < 16, "it does not come to an end:\n{log}");
        if fixture.runs().is_empty() {
            assert_eq!(last.code, 9, "{log}");
            return;
        }
        hold(fixture, &BTreeSet::new(), &log);
        let state = State::fold(&fixture.happened()).unwrap();
        if state.closed().is_some() {
            break;
        }
        // Servers that lost their keeper are ended by a person.
        for it in fixture.processes() {
            if last.code == 6 && it.name == "sleep" {
                let _ = runbook::host::process::kill(it.pid);
            }
        }
        let mut args = vec!["resume".to_owned(), "last".to_owned()];
        let unknown = state
            .steps()
            .find(|(_, it)| matches!(it.phase, Phase::Unknown { .. }));
        if let Some((planned, _)) = unknown {
            args.push(format!("--decide={}=rerun", planned.id));
        } else if round > 5 || (last.code == 1 && ended_well(fixture)) {
            fixture.write("mended", "");
            args.push("--retry-failed".to_owned());
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        last = fixture.run(&args);
        log.push_str(&format!("{args:?}: {last}"));
        if last.code == 7 {
            assert!(last.stderr.contains("was never opened"), "{log}");
            return;
        }
    }
    fixture.until_quiet();
    let verified = fixture.run(&["verify", "last"]);
    assert_eq!(verified.code, 0, "{verified}\n{log}");
}
