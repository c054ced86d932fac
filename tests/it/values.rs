#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! Values that steps give to later steps: `capture=`, `$RUNBOOK_OUTPUT`, `secret`, `from: "#step"`.

use std::fs;
use std::path::Path;

use runbook::event::EventKind;
use runbook::redact::{Named, Texts};
use runbook::state::{Phase, State};

use super::fixture::{Fixture, LEDGER};
use super::pty::Desk;

/// A declared runbook with this front matter and these fences, each `info⏎body`.
fn document(head: &str, fences: &[(&str, &str)]) -> String {
    let mut text = format!("---\nrunbook: 1\n{head}---\n# A\n");
    for (info, body) in fences {
        text.push_str(&format!("\n```{info}\n{body}\n```\n"));
    }
    text
}

fn place(head: &str, fences: &[(&str, &str)]) -> Fixture {
    Fixture::new().file("a.md", document(head, fences))
}

const KEEP: &str = "printf '%s\\n'";

#[test]
fn what_a_step_prints_and_writes_is_there_in_the_environment_checks_and_templates_of_later_steps() {
    let fixture = place(
        "",
        &[
            (
                "bash {#version capture=version}",
                "echo '  1.2 3'; echo; echo note >&2",
            ),
            (
                "bash {#bash}",
                "echo \"host=db1\" >> \"$RUNBOOK_OUTPUT\"\nprintf 'notes<<EOF\\none = 1\\n\\ntwo\\nEOF\\n' | tee -a \"$RUNBOOK_OUTPUT\" > /dev/null",
            ),
            ("sh {#sh}", "echo \"sh=$host\" >> \"$RUNBOOK_OUTPUT\""),
            (
                "python {#python}",
                "import os\nwith open(os.environ['RUNBOOK_OUTPUT'], 'a') as out:\n    print('py=' + os.environ['sh'], file=out)",
            ),
            (
                "bash {#kept}",
                "printf '%s|' \"$version\" \"$host\" \"$notes\" \"$sh\" \"$py\" > kept; export host=other",
            ),
            (
                "rhai",
                "assert_eq(values.version, \"1.2 3\");\nassert_eq(steps.python.values.py, \"db1\");\nassert_eq(values.host, \"db1\");\nassert(steps[\"bash\"].values.notes.contains(\"two\"));",
            ),
            ("bash {#if if=\"values.py == \\\"db1\\\"\"}", "true"),
            (
                "bash {#template template}",
                "printf '%s|' {{ values.version }} \"{{ host }}\" {{ steps.python.values.py }} {{ steps[\"sh\"].status }} \"$host\" > rendered",
            ),
            ("bash {#last capture=last}", "echo \"got $version\""),
            (
                "rhai",
                "assert_eq(values.last, step.values.last);\nassert_eq(values.last, \"got 1.2 3\");",
            ),
        ],
    );
    let outcome = fixture.run(&["run", "a.md"]).code(0);
    assert_eq!(
        fixture.read("kept"),
        "1.2 3|db1|one = 1\n\ntwo|db1|db1|",
        "{outcome}"
    );
    assert_eq!(fixture.read("rendered"), "1.2 3|db1|db1|0|other|");
    outcome
        .says("version = 1.2 3")
        .says("notes = one = 1 … (3 lines)");
    let shown = fixture.run(&["show", "last", "--json"]).code(0);
    shown.says(r#""values":{"version":"1.2 3"}"#);
    fixture.run(&["show", "last"]).code(0).says("py = db1");
    fixture.run(&["list", "a.md"]).code(0).says("gives version");
    let transcript = fs::read_to_string(fixture.folder().join("transcript.md")).unwrap();
    assert!(transcript.contains("version = 1.2 3"), "{transcript}");
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn a_value_is_that_of_the_attempt_that_was_accepted_and_survives_a_resume() {
    let fixture = place(
        "",
        &[
            (
                "bash {#a capture=x retries=2 every=1ms}",
                "echo try >> tries; echo \"$(wc -l < tries)\"; echo \"k=$(wc -l < tries)\" >> \"$RUNBOOK_OUTPUT\"",
            ),
            ("rhai", "assert(step.values.x == \"2\");"),
            (
                "bash {#b}",
                "echo \"$x $k\" >> kept; [ -e again ] || { touch again; false; }",
            ),
            ("bash {#c if=#never}", "true"),
            ("bash {#never effect=reads}", "false"),
        ],
    );
    fixture.run(&["run", "a.md"]).code(1);
    fixture.run(&["resume", "--retry-failed"]).code(0);
    assert_eq!(fixture.read("kept"), "2 2\n2 2\n");
    assert_eq!(fixture.read("tries").lines().count(), 2);
}

/// How a run ends whose step does this: the exit code, and what is said.
fn told(fence: (&str, &str), more: &str) -> String {
    let inputs = "inputs: { taken: { default: t } }\n";
    let fixture = place(
        inputs,
        &[
            fence,
            (
                "bash {#after}",
                "echo \"after ${x-none} ${k-none}\" > after",
            ),
        ],
    );
    let outcome = fixture.run(&["run", "a.md"]);
    let show = fixture.run(&["show", "last", "--json"]).stdout;
    let because = show.split("\"because\":\"").nth(1).unwrap_or_default();
    let because = because.split("\",\"edited").next().unwrap_or_default();
    let state = fixture.path("state");
    assert!(
        more.is_empty() || !holds(&state, more),
        "{more} stands in the state folder"
    );
    format!("exit {}: {because}{}", outcome.code, fixture.read("after"))
}

// Whether these bytes stand in a file below the folder that is not the document itself.
fn holds(folder: &Path, text: &str) -> bool {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path)
                && memchr::memmem::find(&bytes, text.as_bytes()).is_some()
            {
                return true;
            }
        }
    }
    false
}

#[test]
fn what_can_be_no_value_fails_the_step_and_says_what_would_be_right() {
    let capture = "bash {#a capture=x}";
    let write = |line: &str| format!("printf '{line}' >> \"$RUNBOOK_OUTPUT\"");
    let all = [
        told((capture, "true"), ""),
        told((capture, "printf ' \\n a\\n b \\n\\n'"), ""),
        told((capture, "printf 'a\\xffb'"), ""),
        told((capture, "printf 'a\\0b'"), ""),
        told((capture, "head -c 3000000 /dev/zero | tr '\\0' x"), ""),
        told((capture, "echo out; exit 3"), ""),
        told(("bash {#a capture=x exit=3}", "echo out; exit 3"), ""),
        told(("bash {#a}", &write("k=1\\n\\nno line\\n")), ""),
        told(("bash {#a}", &write("k<<END\\n1\\n")), ""),
        told(("bash {#a}", &write("taken=1\\n")), ""),
        told(("bash {#a}", &write("PATH=/tmp\\n")), ""),
        told(
            (
                "bash {#a}",
                "head -c 3000000 /dev/zero > \"$RUNBOOK_OUTPUT\"",
            ),
            "",
        ),
        told(
            ("bash {#a capture=x secret}", "echo 4711; echo 4711 >&2"),
            "",
        ),
        told(("bash {#a capture=x secret}", "true"), ""),
        told(("bash {#a secret}", &write("k=1234567\\n")), ""),
        told(
            (capture, "echo ghp_$(printf 'A%.0s' {1..36})"),
            "ghp_AAAAAAA",
        ),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    exit 0: after  none

    exit 0: after a
     b none

    exit 1: what it prints is no value: it is not UTF-8
    exit 1: what it prints is no value: it holds a NUL
    exit 1: what it prints is too large for a value: more than 65536 bytes; write it to a file and print the path of that
    exit 1: 
    exit 0: after out none

    exit 1: line 3 of `$RUNBOOK_OUTPUT` is neither `name=value` nor `name<<END`
    exit 1: line 1 of `$RUNBOOK_OUTPUT` opens a value whose end does not come
    exit 1: line 1 of `$RUNBOOK_OUTPUT` gives `taken`, which is an input: take another name
    exit 1: line 1 of `$RUNBOOK_OUTPUT` begins with what is no name: it is a variable that steers programs
    exit 1: it wrote 3000000 bytes into `$RUNBOOK_OUTPUT`, which takes 1048576; write them to a file and give its path
    exit 1: the secret `x` that it gives has fewer than 8 characters: it would be found everywhere by chance; let it be longer, or no secret
    exit 1: the secret `x` that it gives is empty
    exit 1: the secret `k` that it gives has fewer than 8 characters: it would be found everywhere by chance; let it be longer, or no secret
    exit 0: after ghp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA none
    ");
}

#[test]
fn what_makes_no_sense_is_told_before_step_one() {
    let fixture = place(
        "inputs: { DB: { secret: true, from: \"#late\" }, region: { default: eu } }\n",
        &[
            (
                "bash {#first template}",
                "touch ran; echo {{ values.version }} {{ DB }} {{ steps.ver.values.vresion }}",
            ),
            ("bash {#ver capture=version}", "echo 1"),
            ("bash {#twice capture=version}", "echo 1"),
            ("bash {#input capture=region}", "echo 1"),
            ("bash {#late}", "echo x"),
            ("rhai", "assert(values.versoin == \"1\");"),
        ],
    );
    let outcome = fixture.run(&["run", "a.md"]).code(2);
    assert!(!fixture.path("ran").exists() && fixture.runs().is_empty());
    insta::assert_snapshot!(fixture.normalise(&outcome.stderr), @r##"
    error[template-name]: `values.version` has no value here
     --> a.md:8:20
      |
    8 | touch ran; echo {{ values.version }} {{ DB }} {{ steps.ver.values.vresion }}
      |                    ^^^^^^^^^^^^^^
      |
      = help: `ver` gives it, and does not come before this step
    error[template-name]: `DB` has no value here
     --> a.md:8:41
      |
    8 | touch ran; echo {{ values.version }} {{ DB }} {{ steps.ver.values.vresion }}
      |                                         ^^
      |
      = help: `late` gives it, and does not come before this step
    error[template-name]: step `ver` gives no `vresion`
     --> a.md:8:67
      |
    8 | touch ran; echo {{ values.version }} {{ DB }} {{ steps.ver.values.vresion }}
      |                                                                   ^^^^^^^
      |
      = help: did you mean `version`?
    error[capture]: two steps capture `version`
      --> a.md:15:17
       |
    15 | ```bash {#twice capture=version}
       |                 ^^^^^^^^^^^^^^^ `ver` of line 11 does too
       |
       = help: give one of them another name
    error[capture]: `region` is an input: what is captured needs another name
      --> a.md:19:17
       |
    19 | ```bash {#input capture=region}
       |                 ^^^^^^^^^^^^^^
       |
       = help: take another name; or say `from: "#input"` of the input, where it is a secret
    error[expression]: no step captures `versoin`
      --> a.md:28:15
       |
    28 | assert(values.versoin == "1");
       |               ^^^^^^^
       |
       = help: did you mean `version`?
    error: `a.md` has 6 errors; nothing was run
    "##);
    fixture
        .run(&["lint", "a.md"])
        .code(2)
        .says("two steps capture `version`");
}

#[test]
fn a_row_gives_its_value_to_its_own_row_alone() {
    let fixture = Fixture::new().file(
        "a.md",
        "---\nrunbook: 1\n---\n# Hosts\n\n| host |\n|---|\n| web1 |\n| web2 |\n\n\
         ```bash {#ask each=#hosts capture=port needs=\"\"}\necho \"80-$host\"; echo \"k=$host\" >> \"$RUNBOOK_OUTPUT\"\n```\n\n\
         ```bash {#use each=#hosts needs=ask}\necho \"$host $port $k\" >> kept\n```\n\n\
         ```bash {#last needs=use template}\necho \"${port-none}\" {{ steps[\"ask.web2\"].values.port }} >> kept\n```\n\n\
         ```rhai\nassert(steps[\"ask.web1\"].values.port == \"80-web1\");\n```\n",
    );
    fixture.run(&["run", "a.md", "--jobs", "2"]).code(0);
    let mut kept: Vec<String> = fixture.read("kept").lines().map(str::to_owned).collect();
    kept.sort();
    assert_eq!(
        kept,
        ["none 80-web2", "web1 80-web1 web1", "web2 80-web2 web2"]
    );
}

#[test]
fn two_steps_that_nothing_orders_do_not_give_one_name_two_values() {
    let give = |value: &str| format!("echo k={value} >> \"$RUNBOOK_OUTPUT\"");
    let (one, other) = (give("1"), give("2"));
    let fixture = place(
        "",
        &[
            ("bash {#a needs=\"\"}", one.as_str()),
            ("bash {#b needs=\"\"}", other.as_str()),
            ("bash {#alone needs=a}", "echo $k > alone"),
            ("bash {#both needs=a,b}", "echo $k > both"),
        ],
    );
    fixture
        .run(&["run", "a.md"])
        .code(1)
        .says("`a` and `b` both set `k`");
    assert_eq!(fixture.read("alone"), "1\n");
    assert!(!fixture.path("both").exists());
}

#[test]
fn a_template_whose_value_no_step_gave_fails_in_its_turn() {
    let fixture = place(
        "",
        &[
            ("bash {#no effect=reads}", "false"),
            ("bash {#a if=#no capture=x}", "echo 1"),
            ("bash {#b template}", "touch ran; echo {{ x }}"),
        ],
    );
    fixture
        .run(&["run", "a.md"])
        .code(1)
        .says("`x` has no value");
    assert!(!fixture.path("ran").exists());
}

const CANARY: &str = "canary-Zk7quo9-kanu";

// What stands in no byte of the state folder, in none of its forms.
#[track_caller]
fn is_clean(state: &Path, shown: &[&str]) {
    let texts = Texts::new(vec![Named::new("x", CANARY)]);
    let mut folders = vec![state.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            assert!(
                !texts.hold(path.as_os_str().as_encoded_bytes()),
                "{}",
                path.display()
            );
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                assert!(!texts.hold(&bytes), "{}:\n{text}", path.display());
                seen += bytes.len();
            }
        }
    }
    assert!(seen > 1000, "the state folder is not read as it is meant");
    for text in shown {
        assert!(!texts.hold(text.as_bytes()), "{text}");
    }
}

/// A step `login` gives the canary as `token`, another writes it, a third is the source of an input.
fn secrets(login: &str) -> Fixture {
    let keep = format!("{KEEP} \"$token $written $DB\" >> \"$HOME/got\"");
    let login_info = format!("bash {{#login capture=token secret{login}}}");
    let login = format!(
        "{LEDGER}\ncat \"$HOME/vault\"; cat \"$HOME/vault\" >&2; export URL=\"x://$(cat \"$HOME/vault\")@h\"; : $(set -x; : \"$URL\")"
    );
    let write = format!(
        "{LEDGER}\nprintf 'written<<E\\n%s\\nE\\n' \"$(cat \"$HOME/vault-2\")\" >> \"$RUNBOOK_OUTPUT\"; cat \"$HOME/vault-2\""
    );
    let fetch = format!("{LEDGER}\ncat \"$HOME/vault-3\"");
    let text = document(
        "inputs: { DB: { secret: true, from: \"#fetch\", pattern: \"canary-.*\" } }\n",
        &[
            (&login_info, &login),
            ("bash {#write secret idempotent}", &write),
            ("bash {#fetch idempotent}", &fetch),
            (
                "bash {#plain capture=plain}",
                &format!("{KEEP} \"$URL\" >> \"$HOME/got\"; unset URL; echo \"of $token\""),
            ),
            (
                "bash {#unrelated}",
                "echo unrelated; [ -e \"$HOME/again\" ] || { touch \"$HOME/again\"; false; }",
            ),
            (
                "bash {#use}",
                &format!(
                    "{keep}; echo \"$token $written $DB $plain $(printf %s \"$token\" | base64)\" | tee /dev/stderr; touch \"$HOME/at-$token\"; ls \"$HOME\""
                ),
            ),
            (
                "bash {#template template}",
                "echo {{ token }} \"{{ DB }}\" {{ plain }}",
            ),
            (
                "rhai",
                "assert(values.token != \"\", values.token);\nassert_eq(step.stdout, values.plain);",
            ),
        ],
    );
    Fixture::new()
        .file("a.md", text)
        .file("home/vault", format!("{CANARY}\n"))
        .file("home/vault-2", format!("{CANARY}-two\n"))
        .file("home/vault-3", format!("{CANARY}-three\n"))
}

#[test]
fn a_secret_that_a_step_gave_is_nowhere_and_the_step_is_offered_again_on_resume() {
    let fixture = secrets(" effect=changes");
    let first = fixture
        .run(&["run", "a.md", "-v"])
        .code(1)
        .says("token = ***");
    is_clean(&fixture.path("state"), &[&first.stdout, &first.stderr]);
    // What a step reads is lost; one that does not read it starts.
    let refused = fixture.run(&["resume", "--retry-failed"]).code(3);
    assert_eq!(fixture.times("login"), 1, "{refused}");
    let refused = refused.says("unrelated");
    assert_eq!(fixture.read("home/got").lines().count(), 1);
    insta::assert_snapshot!(fixture.normalise(&refused.stderr), @"step `fetch` reads `URL`, which only step `login` can give again: `runbook resume [ULID] --rerun login` goes on");
    // What can be run again without harm is.
    let last = fixture
        .run(&["resume", "--rerun", "login", "--json"])
        .code(1);
    assert_eq!(
        fixture.read("home/got"),
        format!("x://{CANARY}@h\n{CANARY} {CANARY}-two {CANARY}-three\n"),
        "{last}"
    );
    let times = ["login", "write", "fetch"].map(|it| fixture.times(it));
    assert_eq!(times, [2, 2, 2]);
    let state = fixture.path("state");
    for args in [
        &["show", "last"][..],
        &["show", "last", "--json"],
        &["show", "last", "--as", "events"],
        &["history"],
        &["verify", "last"],
    ] {
        let shown = fixture.run(args).code(0);
        is_clean(&state, &[&shown.stdout, &shown.stderr]);
    }
    is_clean(
        &state,
        &[&refused.stdout, &refused.stderr, &last.stdout, &last.stderr],
    );
}

#[test]
fn a_secret_that_a_step_gave_can_be_given_by_a_file_instead() {
    let fixture = secrets(" effect=changes").file("given.yaml", format!("token: {CANARY}\n"));
    fixture.run(&["run", "a.md"]).code(1);
    let outcome = fixture.run(&["resume", "--retry-failed", "--inputs", "given.yaml"]);
    let outcome = outcome.code(1);
    assert_eq!(fixture.times("login"), 1, "{outcome}");
    assert!(
        fixture
            .read("home/got")
            .ends_with(&format!("\n{CANARY} {CANARY}-two {CANARY}-three\n")),
        "{outcome}"
    );
    is_clean(&fixture.path("state"), &[&outcome.stdout, &outcome.stderr]);
}

#[test]
fn on_a_terminal_the_step_runs_again_or_the_value_is_typed() {
    for (answer, then, times) in [
        ("r\n", None, "2"),
        ("v\n", Some(format!("{CANARY}\n")), "1"),
    ] {
        let desk = Desk::new();
        desk.file("home-vault", &format!("{CANARY}\n"));
        desk.file(
            "a.md",
            &document(
                "",
                &[
                    ("bash {#login capture=token secret effect=changes}", "echo x >> times; cat home-vault"),
                    ("bash {#fail}", "[ -e again ] || { touch again; false; }"),
                    ("bash {#use}", "[ \"$token\" = \"$(cat home-vault)\" ]; echo \"got $token\"; wc -l < times"),
                ],
            ),
        );
        let mut pty = desk.terminal(&["run", "a.md", "--yes"]);
        pty.expect("[r]etry").send("q\n");
        assert_eq!(pty.wait(), 3);
        let mut pty = desk.terminal(&["resume", "-v"]);
        pty.expect("[r]etry").send("r\n");
        pty.expect("reads `token`, which only step `login` can give again")
            .expect("[r]un it again")
            .send(answer);
        if let Some(then) = then {
            pty.expect("not shown").send(&then);
        }
        pty.expect("got ***").expect(times);
        assert_eq!(pty.wait(), 0);
        is_clean(&desk.path().join("state"), &[&pty.screen()]);
    }
}

#[test]
fn a_declared_secret_in_a_value_comes_from_its_source_again() {
    let fixture = place(
        "inputs: { DB: { secret: true, from: \"env:VAULT\" } }\n",
        &[
            ("bash {#a capture=url}", "echo \"x://a:$DB@h {secret:DB}\""),
            (
                "bash {#b}",
                &format!(
                    "{KEEP} \"$url\" >> \"$HOME/got\"; [ -e again ] || {{ touch again; false; }}"
                ),
            ),
        ],
    )
    .env("VAULT", CANARY);
    let outcome = fixture
        .run(&["run", "a.md", "-v"])
        .code(1)
        .says("url = x://a:***@h");
    fixture.run(&["resume", "--retry-failed"]).code(0);
    let line = format!("x://a:{CANARY}@h {{secret:DB}}\n");
    assert_eq!(fixture.read("home/got"), format!("{line}{line}"));
    is_clean(&fixture.path("state"), &[&outcome.stdout]);
}

#[test]
fn what_runs_beside_is_masked_from_the_moment_a_secret_is_known() {
    let fixture = place(
        "",
        &[
            (
                "bash {#server background ready=\"file(\\\"up\\\").exists\"}",
                "touch up; until [ -e go ]; do sleep 0.05; done; echo \"server says $(cat \"$HOME/vault\")\"; touch said; sleep 1000",
            ),
            ("bash {#login capture=token secret}", "cat \"$HOME/vault\""),
            ("bash {#use}", "touch go; until [ -e said ]; do sleep 0.05; done"),
        ],
    )
    .file("home/vault", CANARY);
    let outcome = fixture
        .run(&["run", "a.md", "-v"])
        .code(0)
        .says("server says ***");
    is_clean(&fixture.path("state"), &[&outcome.stdout]);
}

#[test]
fn a_secret_that_does_not_fit_its_input_or_whose_step_is_left_out_is_told() {
    let head = "inputs: { DB: { secret: true, from: \"#fetch\", pattern: \"[0-9]+\" } }\n";
    let fences = [
        ("bash {#fetch}", "cat \"$HOME/vault\""),
        ("bash {#use}", "touch ran; echo \"$DB\""),
    ];
    let fixture = place(head, &fences).file("home/vault", CANARY);
    let outcome = fixture.run(&["run", "a.md"]).code(1);
    let outcome = outcome.says("what it prints cannot be the secret `DB`: it has to match");
    is_clean(&fixture.path("state"), &[&outcome.stdout, &outcome.stderr]);
    assert!(!fixture.path("ran").exists());
    let refused = fixture.run(&["run", "a.md", "--only", "use"]).code(2);
    refused.says("the secret `DB` is what step `fetch` prints, which is not part of this run");
    let given = fixture.path("given.env");
    fs::write(&given, "DB=12345678\n").unwrap();
    fixture
        .run(&["run", "a.md", "--only", "use", "--inputs", "given.env"])
        .code(0);
}

#[test]
fn a_kill_at_any_moment_loses_no_value_and_tells_no_secret() {
    for role in ["engine", "keeper"] {
        for number in 1.. {
            assert!(number < 120, "{role} is never undisturbed");
            let login = format!("{LEDGER}\ncat \"$HOME/vault\"");
            let fixture = place(
                "",
                &[
                    ("bash {#plain idempotent capture=plain}", "echo given"),
                    ("bash {#login idempotent capture=token secret}", &login),
                    (
                        "bash {#use idempotent}",
                        "[ \"$plain $token\" = \"given $(cat \"$HOME/vault\")\" ]; echo \"$token\"",
                    ),
                ],
            )
            .file("home/vault", CANARY);
            let fault = format!("{role}:{number}:kill");
            let first = fixture
                .command(&["run", "a.md"])
                .env("RUNBOOK_FAULT", &fault)
                .run();
            let is_undisturbed = first.code == 0;
            let mut last = first;
            for round in 0.. {
                assert!(round < 6, "{fault}: {last}");
                fixture.until_quiet();
                let is_closed = fixture.runs().is_empty()
                    || State::fold(&fixture.happened()).unwrap().closed().is_some();
                if is_closed || last.stderr.contains("was never opened") {
                    break;
                }
                last = fixture.run(&["resume", "last", "--retry-failed"]);
            }
            if fixture.runs().is_empty() || last.stderr.contains("was never opened") {
                continue;
            }
            let state = fixture.state();
            for (planned, step) in state.steps() {
                let is_ok = matches!(step.phase, Phase::Finished(runbook::event::Verdict::Ok));
                assert!(is_ok, "{fault}: {} is {:?}\n{last}", planned.id, step.phase);
            }
            // It ran again only by a decision that is recorded.
            let decided = fixture.happened();
            let decided = decided.iter().filter(|it| {
                matches!(it, EventKind::OperatorDecided { step: Some(step), .. } if step.as_str() == "login")
            });
            assert!(fixture.times("login") <= 1 + decided.count(), "{fault}");
            is_clean(&fixture.path("state"), &[&last.stdout, &last.stderr]);
            if is_undisturbed {
                break;
            }
        }
    }
}
