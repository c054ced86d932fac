//! The promises of the transition table.

use proptest::prelude::*;

use super::*;
use crate::event::{Decision, EndedBy, Flow, Identity, Operator, Request, Setup};
use crate::model::Effect;

fn id(name: &str) -> StepId {
    StepId::new(name).unwrap()
}

fn opened() -> EventKind {
    let step = |name: &str, language: Option<&str>| PlannedStep {
        id: id(name),
        title: name.to_owned(),
        section: String::new(),
        line: 1,
        language: language.map(str::to_owned),
        body: "true".to_owned(),
        offered: None,
        effect: Effect::Unknown,
        idempotent: false,
        exit: Vec::new(),
        setup: Setup::default(),
        flow: Flow::default(),
    };
    EventKind::RunOpened(Box::new(RunOpened {
        run: "RUN".to_owned(),
        title: String::new(),
        file: String::new(),
        snapshot: String::new(),
        declared: true,
        versions: Vec::new(),
        operator: Operator {
            user: "ana".to_owned(),
            uid: 1,
            sudo_user: None,
            host: "here".to_owned(),
            terminal: false,
        },
        reason: None,
        cwd: "/".to_owned(),
        called_from: "/".to_owned(),
        request: Request::default(),
        inputs: Vec::new(),
        steps: vec![
            step("a", Some("bash")),
            step("b", Some("bash")),
            step("c", None),
        ],
        left_out: Vec::new(),
        environment: Vec::new(),
        before: None,
    }))
}

fn starting(step: &str, attempt: u32, nonce: &str) -> EventKind {
    EventKind::StepStarting(StepStarting {
        step: id(step),
        attempt,
        nonce: nonce.to_owned(),
        identity: Identity {
            pid: 1,
            start_time: 1,
            boot_id: String::new(),
        },
        command: String::new(),
    })
}

fn exited(step: &str, nonce: &str, exit: Exit, ended_by: Option<EndedBy>) -> EventKind {
    EventKind::AttemptExited(Box::new(AttemptExited {
        step: id(step),
        nonce: nonce.to_owned(),
        exit,
        ended_by,
        ms: 1,
        output: None,
        environment: None,
        failed_at: None,
        left_running: Vec::new(),
        remarks: Vec::new(),
        values: BTreeMap::new(),
        unfit: None,
    }))
}

fn finished(step: &str, verdict: Verdict) -> EventKind {
    EventKind::StepFinished {
        step: id(step),
        verdict,
        because: None,
    }
}

fn refused(events: &[EventKind]) -> String {
    let (_, error) = State::fold(events).unwrap_err();
    error.to_string()
}

#[test]
fn ok_needs_an_accepted_exit() {
    let before = [opened(), starting("a", 1, "n")];
    for (exit, ended_by) in [
        (Exit::Code(1), None),
        (Exit::Signal(9), None),
        (Exit::NotStarted(2), None),
        (Exit::Code(0), Some(EndedBy::Timeout)),
    ] {
        let mut events = before.to_vec();
        events.push(exited("a", "n", exit, ended_by));
        events.push(finished("a", Verdict::Ok));
        assert_eq!(
            refused(&events),
            "step.finished of step `a` cannot happen here: its exit is not accepted"
        );
    }
    assert_eq!(
        refused(&[opened(), finished("a", Verdict::Ok)]),
        "step.finished of step `a` cannot happen here: it is still to run"
    );
}

#[test]
fn a_step_that_is_over_does_not_start_again_without_a_decision() {
    let mut events = vec![
        opened(),
        starting("a", 1, "n"),
        exited("a", "n", Exit::Code(0), None),
        finished("a", Verdict::Ok),
        starting("a", 2, "m"),
    ];
    assert_eq!(
        refused(&events),
        "step.starting of step `a` cannot happen here: it is finished"
    );
    events.insert(
        4,
        EventKind::OperatorDecided {
            step: Some(id("a")),
            question: String::new(),
            decision: Decision::Rerun,
            by: "ana".to_owned(),
        },
    );
    assert!(State::fold(&events).is_ok());
}

#[test]
fn an_exit_of_another_attempt_is_not_taken_for_this_one() {
    let events = [
        opened(),
        starting("a", 1, "n"),
        exited("a", "stale", Exit::Code(0), None),
    ];
    assert_eq!(
        refused(&events),
        "attempt.exited of step `a` cannot happen here: it is running"
    );
}

fn any_event() -> impl Strategy<Value = EventKind> {
    let step = prop::sample::select(vec!["a", "b", "c", "d"]);
    let nonce = prop::sample::select(vec!["n", "m"]);
    let exit = prop::sample::select(vec![Exit::Code(0), Exit::Code(1), Exit::Signal(15)]);
    let verdict = prop::sample::select(vec![
        Verdict::Ok,
        Verdict::Failed,
        Verdict::Skipped,
        Verdict::OperatorAsserted,
    ]);
    (0..8_u8, step, nonce, exit, verdict, 1..4_u32).prop_map(
        |(kind, step, nonce, exit, verdict, attempt)| match kind {
            0 | 1 => starting(step, attempt, nonce),
            2 => exited(step, nonce, exit, None),
            3 | 4 => finished(step, verdict),
            5 => EventKind::AttemptUnknown {
                step: id(step),
                nonce: nonce.to_owned(),
                because: String::new(),
            },
            6 => EventKind::OperatorDecided {
                step: Some(id(step)),
                question: String::new(),
                decision: Decision::Rerun,
                by: String::new(),
            },
            _ => EventKind::RunClosed {
                result: Closing::Passed,
                reason: None,
                by: None,
            },
        },
    )
}

proptest! {
    // Whatever comes: what is refused changes nothing, a batch is its events one by one, and
    // the promises hold in every state that can be reached.
    #[test]
    fn the_table_keeps_its_promises(
        events in prop::collection::vec(any_event(), 0..60),
        split in 1..5_usize,
    ) {
        let mut state = State::default();
        state.accept(state.check(&[opened()]).unwrap());
        let mut legal = Vec::new();
        for event in events {
            let before = state.clone();
            if let Ok(accepted) = state.check(std::slice::from_ref(&event)) {
                state.accept(accepted);
                legal.push(event);
            } else {
                prop_assert_eq!(&state, &before);
            }
            for (planned, step) in state.steps() {
                let is_ok = step.phase == Phase::Finished(Verdict::Ok);
                let accepted = step.exited.as_ref().is_some_and(|it| is_accepted(planned, it));
                prop_assert!(!is_ok || accepted);
                prop_assert!(planned.language.is_some() || step.attempts == 0);
            }
            let over = state.steps().all(|(_, step)| step.is_over());
            prop_assert!(state.closed() != Some(Closing::Passed) || over);
        }
        let mut batched = State::default();
        batched.accept(batched.check(&[opened()]).unwrap());
        for batch in legal.chunks(split) {
            let accepted = batched.check(batch);
            prop_assert!(accepted.is_ok(), "{:?}", accepted.err());
            batched.accept(accepted.unwrap());
        }
        prop_assert_eq!(batched, state);
    }
}
