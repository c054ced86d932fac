//! What a person sees of a run.

use std::time::Duration;

use insta::assert_snapshot;
use vte::{Params, Parser, Perform};

use super::{Console, plan};
use crate::event::{Closing, Decision, EndedBy, EventKind, Exit, RunOpened, Verdict};
use crate::report::clean::width;
use crate::report::fixture::{Tape, by_hand, id, look, numbered, opened, person, step};
use crate::report::{Colour, Detail, Ending, Look, Progress, Reporter, Surface};

const PLAIN: Surface = Surface::Plain;
const TERMINAL: Surface = Surface::Terminal;

fn planned(look: Look, opened: &RunOpened) -> String {
    let mut out = Vec::new();
    plan(&mut out, &look, opened).unwrap();
    String::from_utf8(out).unwrap()
}

/// Tells the whole tape, with some live news after each start.
fn raw(tape: &Tape, look: Look, from: usize) -> String {
    let mut out = Vec::new();
    let (past, events) = tape.events.split_at(from);
    let mut console = Console::new(&mut out, look, &tape.logs).with_past(past);
    for event in events {
        console.event(event).unwrap();
        if let EventKind::StepStarting(starting) = &event.kind {
            let step = starting.step.clone();
            let bytes = b"working\n".to_vec();
            console
                .progress(&Progress::Output {
                    step: step.clone(),
                    offset: 9,
                    bytes,
                })
                .unwrap();
            let (elapsed, silent) = (Duration::from_millis(300), Duration::ZERO);
            console
                .progress(&Progress::Tick {
                    step,
                    elapsed,
                    silent,
                })
                .unwrap();
        }
    }
    console
        .finish(&Ending {
            transcript: Some("/state/transcript.md".into()),
        })
        .unwrap();
    String::from_utf8(out).unwrap()
}

fn told(tape: &Tape, look: Look) -> String {
    let text = raw(tape, look, 0);
    match look.surface {
        Surface::Plain => text,
        Surface::Terminal => screen(&text, look.width),
    }
}

/// What a terminal shows in the end; a row that is too long wraps.
fn screen(text: &str, columns: usize) -> String {
    struct Terminal {
        rows: Vec<String>,
        at: usize,
        columns: usize,
    }
    impl Perform for Terminal {
        fn print(&mut self, c: char) {
            if width(&self.rows[self.at]) >= self.columns {
                self.execute(b'\n');
            }
            self.rows[self.at].push(c);
        }
        fn execute(&mut self, byte: u8) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    if self.at == self.rows.len() {
                        self.rows.push(String::new());
                    }
                }
                b'\r' => (),
                byte => panic!("control character {byte}"),
            }
        }
        fn csi_dispatch(&mut self, params: &Params, _: &[u8], _: bool, action: char) {
            let n = params
                .iter()
                .next()
                .map_or(1, |param| usize::from(param[0]));
            match action {
                'A' => self.at -= n,
                'K' => self.rows[self.at].clear(),
                'm' => (),
                action => panic!("sequence {action}"),
            }
        }
    }
    let mut terminal = Terminal {
        rows: vec![String::new()],
        at: 0,
        columns,
    };
    Parser::new().advance(&mut terminal, text.as_bytes());
    terminal.rows.join("\n")
}

fn shop() -> RunOpened {
    opened(vec![
        step("backup", "Back the database up", 12),
        by_hand("announce", "Tell the customers", 20),
        step("deploy", "Deploy", 31),
    ])
}

fn happy() -> Tape {
    let mut tape = Tape::open(shop());
    tape.ok("backup", "dumping\n12 tables\n")
        .decide("announce", Decision::Done, "ana")
        .finish(
            "announce",
            Verdict::OperatorAsserted,
            "ana says that it is done",
        )
        .ok("deploy", "")
        .add(EventKind::RunClosed {
            result: Closing::Passed,
            reason: None,
            by: None,
        });
    tape
}

fn failing() -> Tape {
    let mut tape = Tape::open(shop());
    let text = numbered(1..135, "");
    tape.fails("backup", &text);
    tape
}

#[test]
fn the_plan_comes_first() {
    assert_snapshot!(planned(look(80, PLAIN), &shop()));
}

#[test]
fn the_plan_fits_forty_columns() {
    let mut opened = shop();
    opened.declared = false;
    opened.request.sections = vec!["Deployment / Production".into()];
    opened.request.allow = vec!["destroys".into()];
    opened.request.yes = true;
    assert_snapshot!(planned(look(40, PLAIN), &opened));
}

#[test]
fn what_is_left_out_is_listed_by_reason_and_not_without_end() {
    let mut opened = shop();
    let left = opened.left_out[0].clone();
    opened
        .left_out
        .extend((0..14).map(|n| crate::event::LeftOut {
            id: id(&format!("other-{n}")),
            because: "not selected".into(),
            ..left.clone()
        }));
    let text = planned(look(80, PLAIN), &opened);
    assert!(text.ends_with("    … and 4 more\n"), "{text}");
    assert_eq!(text.matches("  not selected\n").count(), 1);
}

#[test]
fn a_happy_run() {
    assert_snapshot!("happy_plain", told(&happy(), look(80, PLAIN)));
    assert_snapshot!("happy_terminal", told(&happy(), look(80, TERMINAL)));
}

#[test]
fn a_failure_says_where_and_shows_the_end_of_the_output() {
    assert_snapshot!("failing_terminal", told(&failing(), look(80, TERMINAL)));
    assert_snapshot!("failing_narrow", told(&failing(), look(40, TERMINAL)));
}

#[test]
fn colours_are_shown_only_when_asked_for_and_change_no_word() {
    let plain = raw(&failing(), look(80, PLAIN), 0);
    assert!(!plain.contains('\x1b'));
    let painted = raw(
        &failing(),
        Look {
            colour: Colour::Shown,
            ..look(80, PLAIN)
        },
        0,
    );
    assert!(
        painted.contains("\x1b[32m") || painted.contains("\x1b[31m"),
        "{painted:?}"
    );
    assert_eq!(screen(&painted, 200), plain);
    let coloured = planned(
        Look {
            colour: Colour::Shown,
            ..look(80, PLAIN)
        },
        &shop(),
    );
    assert_eq!(screen(&coloured, 200), planned(look(80, PLAIN), &shop()));
}

#[test]
fn another_operator_takes_over_an_unknown_outcome() {
    let mut tape = Tape::open(shop());
    tape.start("backup");
    tape.add(EventKind::Recovered {
        bytes: 34,
        tail: "tail.1".into(),
    });
    tape.resume(person("bob", 1001), "nothing: the machine was restarted");
    tape.add(EventKind::AttemptUnknown {
        step: id("backup"),
        nonce: "backup-1".into(),
        because: "the machine was restarted while it ran".into(),
    });
    assert_snapshot!("unknown", screen(&raw(&tape, look(80, TERMINAL), 2), 80));
    tape.decide("backup", Decision::Rerun, "bob")
        .ok("backup", "")
        .add(EventKind::Note {
            step: Some(id("backup")),
            text: "the disk was full, 磁盘满了".into(),
            by: "bob".into(),
        })
        .decide("announce", Decision::Skip, "bob")
        .finish("announce", Verdict::Skipped, "nobody is awake")
        .add(EventKind::Signal {
            name: "SIGINT".into(),
            action: "stop-after".into(),
        });
    assert_snapshot!("resumed", screen(&raw(&tape, look(80, TERMINAL), 2), 80));
}

#[test]
fn edits_timeouts_remarks_and_what_goes_on_running() {
    let mut tape = Tape::open(shop());
    tape.start("backup")
        .exit("backup", Exit::Signal(15), b"waiting\n", |exited| {
            exited.ended_by = Some(EndedBy::Timeout);
            exited.ms = 600_000;
        })
        .finish("backup", Verdict::Failed, "")
        .add(EventKind::StepEdited {
            step: id("backup"),
            body: "pg_dump -v shop\n".into(),
            diff: "@@ -1 +1 @@\n-pg_dump shop\n+pg_dump -v shop\x1b[2J\n".into(),
        })
        .start("backup")
        .exit("backup", Exit::Code(0), b"done\n", |exited| {
            exited.left_running = vec!["4242 pg_bouncer".into()];
            exited.remarks = vec!["carries no environment: it replaced the EXIT trap".into()];
        })
        .finish("backup", Verdict::Ok, "")
        .add(EventKind::RunClosed {
            result: Closing::Left,
            reason: Some("postponed".into()),
            by: Some("ana".into()),
        });
    assert_snapshot!(told(&tape, look(60, TERMINAL)));
}

#[test]
fn full_output_is_shown_once_whatever_was_lost_on_the_way() {
    let mut tape = Tape::open(shop());
    let text = "one\ntwo\nthree\nfour\n";
    tape.fails("backup", text);
    let full = Look {
        detail: Detail::Full,
        ..look(80, PLAIN)
    };
    let mut out = Vec::new();
    let mut console = Console::new(&mut out, full, &tape.logs);
    let output = |from: usize, to: usize| Progress::Output {
        step: id("backup"),
        offset: from as u64,
        bytes: text.as_bytes()[from..to].to_vec(),
    };
    console.event(&tape.events[0]).unwrap();
    console.event(&tape.events[1]).unwrap();
    console.progress(&output(0, 6)).unwrap();
    console.progress(&output(4, 8)).unwrap();
    console.progress(&output(14, 19)).unwrap();
    for event in &tape.events[2..] {
        console.event(event).unwrap();
    }
    assert_snapshot!(String::from_utf8(out).unwrap(), @r##"
run 01J9ZZZZZZZZZZZZZZZZZZZZZZ
  1/3 Back the database up …
  │ one
  │ two
  │ three
  │ four
✗ 1/3 Back the database up  0.4s
    exit code 1
    deploy.md:42: pg_dump shop
    all of it: output/backup-1.log
"##);
}

#[test]
fn titles_of_any_script_stay_aligned() {
    let mut tape = Tape::open(opened(vec![
        step("a", "Verificación del año", 1),
        step("b", "データベースのバックアップ", 2),
        step("c", "🚀 Despliegue 👩\u{200d}💻", 3),
        step(
            "d",
            "A title that says far more than anyone wants to read in one line of eighty columns",
            4,
        ),
    ]));
    for step in ["a", "b", "c", "d"] {
        tape.ok(step, "");
    }
    let opened = tape.events[0].clone();
    let EventKind::RunOpened(opened) = opened.kind else {
        panic!("opened first")
    };
    let text = told(&tape, look(60, TERMINAL)) + planned(look(80, PLAIN), &opened).as_str();
    assert_snapshot!(text);
}

#[test]
fn nothing_can_forge_the_console() {
    let forged = format!(
        "\x1b]0;pwned\x07\x1b[2J\r✓ 3/3 Deploy  0.1s{}✓ 3/3 Deploy  0.1s\n✓ 3/3 fake\x1b[1A\u{202e}",
        " ".repeat(61)
    );
    let mut opened = opened(vec![step("a", &forged, 1), step("b", "Next", 2)]);
    opened.title.clone_from(&forged);
    opened.reason = Some(forged.clone());
    opened.left_out[0].title.clone_from(&forged);
    opened.operator.user.clone_from(&forged);
    let plan = planned(look(80, PLAIN), &opened);
    let mut tape = Tape::open(opened);
    tape.start("a")
        .exit("a", Exit::Code(1), forged.as_bytes(), |exited| {
            exited.remarks = vec![forged.clone()];
            exited.left_running = vec![forged.clone()];
        })
        .finish("a", Verdict::Failed, &forged)
        .add(EventKind::Note {
            step: None,
            text: forged.clone(),
            by: forged.clone(),
        })
        .add(EventKind::Signal {
            name: forged.clone(),
            action: forged.clone(),
        });
    for look in [look(80, PLAIN), look(80, TERMINAL), look(40, TERMINAL)] {
        let look = Look {
            detail: Detail::Full,
            ..look
        };
        for text in [screen(&plan, 80), told(&tape, look)] {
            for line in text.lines() {
                assert!(!line.starts_with("✓"), "{line:?}\n{text}");
                assert!(line.chars().all(crate::report::clean::is_plain), "{line:?}");
            }
        }
    }
    assert_snapshot!(told(&tape, look(80, TERMINAL)));
}

fn live(news: &[Progress]) -> String {
    let tape = happy();
    let mut out = Vec::new();
    let mut console = Console::new(&mut out, look(60, TERMINAL), &tape.logs);
    for event in &tape.events[..2] {
        console.event(event).unwrap();
    }
    for news in news {
        console.progress(news).unwrap();
    }
    drop(console);
    screen(&String::from_utf8(out).unwrap(), 60)
}

fn tick(elapsed: u64, silent: u64) -> Progress {
    let [elapsed, silent] = [elapsed, silent].map(Duration::from_secs);
    Progress::Tick {
        step: id("backup"),
        elapsed,
        silent,
    }
}

fn grown(offset: u64, bytes: &[u8]) -> Progress {
    Progress::Output {
        step: id("backup"),
        offset,
        bytes: bytes.to_vec(),
    }
}

#[test]
fn the_live_line_tells_the_last_output_and_then_the_silence() {
    let last = |text: String| text.lines().last().unwrap_or_default().to_owned();
    let shown = last(live(&[
        grown(0, b"table 1\n\x1b[31mtab"),
        grown(16, b"le 2\n\n"),
        tick(65, 3),
    ]));
    assert_snapshot!(shown, @r##"
⠹ 1/3 Back the database up  1m 05s  table 2
"##);
    let shown = last(live(&[
        grown(0, "データ".repeat(90).as_bytes()),
        tick(5, 3),
    ]));
    assert_snapshot!(shown, @r##"
⠹ 1/3 Back the database up  5.0s  データデータデータデータ…
"##);
    assert_snapshot!(last(live(&[grown(0, b"x"), tick(95, 65)])), @r##"
⠹ 1/3 Back the database up  1m 35s  silent for 1m 05s
"##);
}

#[test]
fn a_prompt_has_the_terminal_to_itself() {
    let held = [
        tick(1, 0),
        Progress::Suspend,
        Progress::Message("held back".into()),
        tick(2, 0),
    ];
    assert_eq!(live(&held).trim_start().lines().count(), 1);
    let more: Vec<_> = held
        .into_iter()
        .chain([Progress::Resume, tick(3, 0)])
        .collect();
    assert_snapshot!(live(&more), @r##"
run 01J9ZZZZZZZZZZZZZZZZZZZZZZ
    held back
⠙ 1/3 Back the database up  3.0s
"##);
}

#[test]
fn while_someone_is_asked_little_is_held_and_nothing_is_lost() {
    let mut tape = Tape::open(shop());
    let text = numbered(0..40_000, "");
    tape.ok("backup", &text);
    let full = Look {
        detail: Detail::Full,
        ..look(80, PLAIN)
    };
    let mut out = Vec::new();
    let mut console = Console::new(&mut out, full, &tape.logs);
    console.event(&tape.events[0]).unwrap();
    console.event(&tape.events[1]).unwrap();
    console.progress(&Progress::Suspend).unwrap();
    let mut offset = 0;
    for chunk in text.as_bytes().chunks(4096) {
        console.progress(&grown(offset, chunk)).unwrap();
        offset += chunk.len() as u64;
        assert!(console.held.len() < 100_000);
    }
    console.progress(&Progress::Resume).unwrap();
    for event in &tape.events[2..] {
        console.event(event).unwrap();
    }
    let shown = String::from_utf8(out).unwrap();
    let lines: Vec<_> = shown
        .lines()
        .filter_map(|line| line.strip_prefix("  │ "))
        .collect();
    assert!(lines.join("\n") + "\n" == text);
}

#[test]
fn without_a_terminal_silence_is_told_ever_less_often() {
    let tape = happy();
    let mut out = Vec::new();
    let mut console = Console::new(&mut out, look(60, PLAIN), &tape.logs);
    for event in &tape.events[..2] {
        console.event(event).unwrap();
    }
    for second in 1..400 {
        console.progress(&tick(second, second)).unwrap();
    }
    assert_snapshot!(String::from_utf8(out).unwrap(), @r##"
run 01J9ZZZZZZZZZZZZZZZZZZZZZZ
  1/3 Back the database up …
  1/3 silent for 1m 00s
  1/3 silent for 2m 00s
  1/3 silent for 4m 00s
"##);
}
