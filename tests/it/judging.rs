#![cfg(feature = "testing")]
//! What is judged while a run goes on, from outside: what a server has printed, scripts that do not
//! end, and verdicts that a kill took.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runbook::event::EventKind;
use runbook::model::{Fact, Probe};

use crate::fixture::{Fixture, LEDGER};

/// What was looked at, in the order of the record.
fn looks(fixture: &Fixture) -> Vec<(Probe, Fact)> {
    let happened = fixture.happened().into_iter();
    let looks = happened.filter_map(|it| match it {
        EventKind::CheckProbed { look, fact, .. } => Some((look, fact)),
        _ => None,
    });
    looks.collect()
}

#[test]
fn a_server_is_ready_when_it_says_so_on_the_stream_that_is_meant() {
    let ready =
        "ready=\"step.stderr.contains(\\\"listening\\\") && step.stdout == \\\"hello\\n\\\"\"";
    let serve = format!("bash {{#serve background {ready}}}");
    let fences = &[
        (
            serve.as_str(),
            "echo hello; echo listening >&2; touch printed; sleep 1000",
        ),
        ("bash {#use}", "test -e printed"),
    ];
    let fixture = Fixture::new().steps(fences);
    fixture.run(&["run", "a.md"]).code(0);
    let bytes = "hello\nlistening\n".len();
    assert_eq!(
        looks(&fixture),
        [(Probe::Printed, Fact::Found(bytes.into()))]
    );
    fixture.until_quiet();
}

#[test]
fn a_server_that_never_says_so_is_told_with_what_was_seen_last() {
    let serve = "bash {#serve background timeout=300ms ready=\"step.stdout.contains(\\\"up\\\")\"}";
    let fixture =
        Fixture::new().steps(&[(serve, "echo down; sleep 1000"), ("bash {#use}", "true")]);
    let told = fixture.run(&["run", "a.md"]).code(1);
    told.says("the server ended before it was ready: it timed out");
    let seen = looks(&fixture);
    assert!(
        matches!(seen[..], [(Probe::Printed, Fact::Found(_))]),
        "{seen:?}"
    );
    fixture.until_quiet();
}

#[test]
fn of_a_server_that_prints_much_the_last_of_it_tells() {
    let ready = "ready=\"step.stdout.ends_with(\\\"up\\n\\\") && step.truncated\"";
    let serve = format!("bash {{#serve background {ready}}}");
    let body = "head -c 2000000 /dev/zero | tr '\\0' x; echo up; sleep 1000";
    let fixture = Fixture::new().steps(&[(&serve, body), ("bash {#use}", "true")]);
    fixture.run(&["run", "a.md"]).code(0);
    assert_eq!(
        looks(&fixture),
        [(Probe::Printed, Fact::Found(2_000_003.into()))]
    );
    fixture.until_quiet();
}

#[test]
fn a_script_that_outlasts_the_clock_fails_at_its_line_and_stays_failed() {
    let text = format!(
        "---\nrunbook: 1\n---\n# A\n\n```bash {{#a}}\n{LEDGER}\ntrue\n```\n\n\
         ```rhai\nlet sum = 0;\nfor number in 0..1000 {{\n  sum += number;\n}}\ntrue\n```\n"
    );
    let fixture = Fixture::new().file("a.md", text);
    let run = fixture.command(&["run", "a.md"]);
    let told = run.env("RUNBOOK_TEST_PATIENCE_MS", "0").run().code(1);
    told.says("it had not ended after 0 s, and was ended");
    let asked = looks(&fixture);
    assert!(
        matches!(
            asked[..],
            [(Probe::Patience { script: 12, .. }, Fact::Found(_))]
        ),
        "{asked:?}"
    );
    // With a clock that is not so strict the same script holds, for the next attempt.
    fixture.run(&["resume", "last", "--retry-failed"]).code(0);
    assert_eq!(fixture.times("a"), 2);
}

/// Answers on loopback, and counts how often it was asked; to who asks for a page it gives a long one.
fn counting(page: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            counted.fetch_add(1, Ordering::SeqCst);
            if !page.is_empty() {
                let _ = stream.read(&mut [0; 1024]);
                let body = page.repeat(4000);
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
            }
        }
    });
    (port, count)
}

#[test]
fn what_was_looked_at_before_a_kill_is_not_looked_at_again_and_the_verdict_comes_of_it() {
    let mut between = Vec::new();
    for what in ["kill", "torn"] {
        for number in 1.. {
            assert!(number < 200, "at some number nothing is disturbed");
            let (tcp, tried) = counting("");
            let (http, asked) = counting("x");
            let text = format!(
                "---\nrunbook: 1\n---\n# A\n\n```bash {{#a}}\n{LEDGER}\n```\n\n```rhai\n\
                 assert(tcp(\"127.0.0.1\", {tcp}));\n\
                 assert(http(\"http://127.0.0.1:{http}/\").status == 200);\n```\n"
            );
            let fixture = Fixture::new().file("a.md", text);
            let fault = format!("engine:{number}:{what}");
            let run = fixture.command(&["run", "a.md"]);
            let code = run.env("RUNBOOK_FAULT", &fault).run().code;
            fixture.until_quiet();
            if code == 0 {
                break;
            }
            if fixture.runs().is_empty() {
                continue;
            }
            let happened = fixture.happened();
            let has = |wanted: fn(&EventKind) -> bool| happened.iter().any(wanted);
            let is_between = has(|it| matches!(it, EventKind::AttemptExited(_)))
                && !has(|it| matches!(it, EventKind::StepFinished { .. }));
            if !is_between {
                continue;
            }
            let recorded = looks(&fixture).len();
            let count = || (tried.load(Ordering::SeqCst), asked.load(Ordering::SeqCst));
            let before = count();
            fixture.run(&["resume", "last"]).code(0);
            let again = |is_recorded: bool| usize::from(!is_recorded);
            assert_eq!(
                count(),
                (
                    before.0 + again(recorded >= 1),
                    before.1 + again(recorded >= 2)
                ),
                "{fault}: {recorded} looks were recorded"
            );
            assert_eq!(fixture.times("a"), 1, "{fault}");
            assert_eq!(looks(&fixture).len(), 2, "{fault}");
            between.push(recorded);
        }
    }
    between.sort_unstable();
    // A kill before the looks were recorded, and one in the middle of them.
    assert!(between.contains(&0) && between.contains(&1), "{between:?}");
}
