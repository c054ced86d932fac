#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! A canary goes through everything that a run stores and shows, and must not come out anywhere.

use std::fs;
use std::path::Path;

use runbook::redact::{Named, Texts};

use super::fixture::{Fixture, Outcome};
use super::pty::Desk;

const CANARY: &str = "Zk7'quo \"9%é&kanu";

/// One whose bytes say nothing to YAML, dotenv files or shells.
const CANARY_PLAIN: &str = "hunter2hunter2";

/// Some of its forms, as other programs wrote them.
const FORMS: &[&str] = &[
    CANARY,
    r#"Zk7'quo \"9%é&kanu"#,
    r#"Zk7'\''quo "9%é&kanu"#,
    r#"Zk7\'quo\ \"9%é\&kanu"#,
    "Zk7%27quo%20%229%25%C3%A9%26kanu",
    "Zk7%27quo+%229%25%c3%a9%26kanu",
    "5a6b372771756f20223925c3a9266b616e75",
    "5A6B372771756F20223925C3A9266B616E75",
    "Wms3J3F1byAiOSXDqSZrYW51",
];

const DOCUMENT: &str = r#"---
runbook: 1
inputs:
  DB: { secret: true, from: "env:VAULT_DB" }
---
# A

```bash {#forms}
echo "raw $DB"; echo "raw $DB" >&2
printf 'quoted %q\n' "$DB"
printf '%s' "$DB" | base64
printf 'x%s' "$DB" | base64
printf 'xy%s' "$DB" | base64
printf '%s' "$DB" | od -An -tx1 | tr -d ' \n'; echo
printf '%s' "$DB" | od -An -tx1 | tr -d ' \n' | tr a-f A-F; echo
bash -c 'echo "argv $1"' - "$DB"
for (( i = 0; i < ${#DB}; i++ )); do printf '%s' "${DB:i:1}"; sleep 0.002; done; echo
set -x; : "$DB"; { set +x; } 2> /dev/null
mkdir -p "$HOME/of-$DB"; ls "$HOME"
export URL="x://a:$DB@b" CODED=$(printf 'a:%s' "$DB" | base64 -w0)
cd "$HOME/of-$DB"
```

```bash {#fails}
[ "$URL" = "x://a:$DB@b" ] && [ "$(printf '%s' "$CODED" | base64 -d)" = "a:$DB" ] && echo "same"
[ "$PWD" = "$HOME/of-$DB" ] && echo "there"
[ -e "$HOME/again" ] || { touch "$HOME/again"; eval "false $(printf '%q' "$DB")"; }
```
"#;

fn texts() -> Texts {
    Texts::new(vec![Named::new("DB", CANARY)])
}

#[track_caller]
fn is_clean(what: &str, bytes: &[u8]) {
    let shown = || String::from_utf8_lossy(bytes).into_owned();
    for form in FORMS {
        let found = memchr::memmem::find(bytes, form.as_bytes());
        assert!(found.is_none(), "{form} in {what}:\n{}", shown());
    }
    assert!(!texts().hold(bytes), "{what}:\n{}", shown());
}

/// Looks at every byte below the state folder, and at the names.
#[track_caller]
fn all_clean(state: &Path) {
    let mut seen = 0;
    let mut folders = vec![state.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            is_clean("a name", path.as_os_str().as_encoded_bytes());
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                is_clean(&path.display().to_string(), &bytes);
                seen += bytes.len();
            }
        }
    }
    assert!(seen > 1000, "the state folder is not read as it is meant");
}

#[track_caller]
fn clean(outcome: Outcome) -> Outcome {
    is_clean("stdout", outcome.stdout.as_bytes());
    is_clean("stderr", outcome.stderr.as_bytes());
    outcome
}

fn place() -> Fixture {
    Fixture::new()
        .file("a.md", DOCUMENT)
        .env("VAULT_DB", CANARY)
}

#[test]
fn the_forms_of_the_test_are_forms_of_the_canary() {
    for form in FORMS {
        assert!(texts().hold(form.as_bytes()), "{form}");
    }
}

#[test]
fn a_secret_is_nowhere_but_where_it_is_needed() {
    let place = place();
    let reason = format!("because {CANARY}");
    let outcome = place.run(&["run", "a.md", "--yes", "-v", "--reason", &reason]);
    let outcome = clean(outcome.code(1));
    // It did run, and was masked rather than missing.
    for said in [
        "raw ***",
        "quoted ***",
        "argv ***",
        "same",
        "there",
        "false ***",
    ] {
        assert!(outcome.stdout.contains(said), "{said}: {outcome}");
    }
    all_clean(&place.path("state"));
    let note = format!("it is {CANARY}");
    clean(place.run(&["note", "last", &note]).code(0));
    clean(place.run(&["show", "last"]).code(0)).says("it is ***");
    clean(place.run(&["show", "last", "--json"]).code(0));
    // What was carried is whole again: the secret comes from its source anew.
    let outcome = place.run(&["resume", "--retry-failed", "--json"]);
    clean(outcome.code(0)).says("same\\nthere");
    clean(place.run(&["verify", "last"]).code(0));
    clean(place.run(&["history"]).code(0));
    all_clean(&place.path("state"));
}

#[test]
fn a_keeper_that_panics_does_not_tell_it() {
    let place = place();
    let outcome = place
        .command(&["run", "a.md", "--yes"])
        .env("RUNBOOK_TEST_KEEPER_PANIC", "1")
        .run();
    clean(outcome);
    let note = fs::read_to_string(place.folder().join("keeper.panic")).unwrap();
    assert!(note.contains("while it holds"), "{note}");
    all_clean(&place.path("state"));
}

#[test]
fn a_value_that_was_made_from_a_secret_that_is_gone_is_not_passed_on() {
    let place = place();
    place.run(&["run", "a.md", "--yes"]).code(1);
    let other = |value: &str| {
        place
            .command(&["resume", "--retry-failed"])
            .env("VAULT_DB", value)
            .run()
    };
    let outcome = place.command(&["resume", "--retry-failed"]);
    let outcome = outcome.env("VAULT_DB", "").run().code(4);
    assert!(
        outcome
            .stderr
            .contains("the secret `DB` cannot be had from `env:VAULT_DB`"),
        "{outcome}"
    );
    // With another value than before the step that checks it sees the other one.
    let outcome = other("something-else");
    assert!(!outcome.stdout.contains("same"), "{outcome}");
}

#[test]
fn a_secret_input_is_used_by_templates_and_steps_and_stands_in_no_byte_of_the_state_folder() {
    let kept = "printf '%s\\n' \"$1\" >> \"$HOME/got\"; echo \"got $1\"";
    let text = format!(
        "---\nrunbook: 1\ninputs:\n  user: {{ default: app }}\n  DB: {{ type: secret, from: \"env:VAULT_DB\", pattern: \"Zk.*\", min: 12 }}\n---\n# A\n\n\
         ```bash {{#plain}}\nset -- \"$DB\"; {kept}\n```\n\n\
         ```bash {{#bare template}}\nset -- {{{{ DB }}}}; {kept}\n```\n\n\
         ```bash {{#quoted template}}\nset -- \"{{{{ user }}}}:{{{{ inputs.DB }}}}\"; {kept}; false\n```\n"
    );
    let place = Fixture::new().file("a.md", text).env("VAULT_DB", CANARY);
    let outcome = clean(place.run(&["run", "a.md", "--yes", "-v"]).code(1));
    assert_eq!(
        place.read("home/got"),
        format!("{CANARY}\n{CANARY}\napp:{CANARY}\n"),
        "{outcome}"
    );
    outcome.says("got ***").says("got app:***");
    all_clean(&place.path("state"));
    // The template is rendered, and the secret had, once more.
    clean(place.run(&["resume", "--retry-failed", "--json"]).code(1));
    assert_eq!(place.read("home/got").matches(CANARY).count(), 4);
    clean(place.run(&["show", "last", "--json"]).code(0));
    all_clean(&place.path("state"));
}

#[test]
fn what_is_wrong_with_a_secret_in_a_template_is_told_before_step_one() {
    let text = "---\nrunbook: 1\ninputs:\n  DB: { type: secret, from: \"env:VAULT_DB\" }\n  PIN: { type: secret, required: false }\n---\n# A\n\n\
        ```bash {#s}\ntouch hit\n```\n\n```bash {#t template}\necho '{{ DB | raw }}'\n```\n\n\
        ```python {#u template}\nprint({{ DB }})\n```\n\n```bash {#v template}\necho {{ PIN }}\n```\n";
    let place = Fixture::new().file("a.md", text).env("VAULT_DB", CANARY);
    let outcome = clean(place.run(&["run", "a.md", "--yes"]).code(2));
    assert!(!place.path("hit").exists() && place.runs().is_empty());
    insta::assert_snapshot!(place.normalise(&outcome.stderr), @"
    error: nothing was run:
      a.md:14:15: this template fails: a secret is never written as it is (step `t`)
      a.md:18:10: the value of `DB` does not go there: a secret is written only where a shell quotes it (step `u`)
      a.md:22:9: `PIN` has no value (step `v`)
    ");
}

#[test]
fn secrets_and_other_inputs_that_are_missing_or_wrong_are_told_at_once_and_never_shown() {
    let head = "---\nrunbook: 1\ninputs:\n";
    let told = |inputs: &str, values: &[(&str, &str)], args: &[&str]| {
        let text = format!("{head}{inputs}---\n# A\n\n```bash {{#s}}\ntrue\n```\n");
        let place = Fixture::new()
            .file("a.md", text)
            .file("v.yaml", format!("DB: ['{CANARY_PLAIN}', b]\n"))
            .file("v.env", format!("DB='{CANARY_PLAIN}\n"));
        let all = [&["run", "a.md", "--yes"], args].concat();
        let mut command = place.command(&all);
        for (name, value) in values {
            command = command.env(name, value);
        }
        let outcome = command.run();
        assert!(place.runs().is_empty(), "{outcome}");
        assert!(!outcome.stderr.contains(CANARY_PLAIN), "{outcome}");
        let stderr = place.normalise(&outcome.stderr);
        format!("exit {}\n{stderr}", outcome.code)
    };
    let both = "  name: { description: of the shop }\n  DB: { type: secret, description: its key }\n  copies: { type: number, max: 3, required: false }\n";
    let fits = "  DB: { secret: true, pattern: '[0-9]+' }\n";
    let gone = "  A: { secret: true, from: \"env:GONE_A\" }\n  B: { secret: true, from: \"env:GONE_B\" }\n";
    let db = ("DB", CANARY_PLAIN);
    insta::assert_snapshot!(
        [
            told(both, &[], &[]),
            told(both, &[], &["--set", "copies=4", "--set", &format!("DB={CANARY_PLAIN}")]),
            told(fits, &[db], &[]),
            told("  DB: { type: secret, min: 40 }\n", &[db], &[]),
            told("  DB: { type: secret, max: 9 }\n  name:\n", &[db], &[]),
            told(fits, &[], &["--inputs", "v.yaml"]),
            told(fits, &[], &["--inputs", "v.env"]),
            told(gone, &[], &[]),
            told(&format!("{gone}  name:\n"), &[], &[]),
            told("  DB: { type: secret, secret: false }\n", &[], &[]),
            told("  DB: { type: number, secret: true }\n", &[], &[]),
            told("  DB: { type: secret, choices: [a, b] }\n", &[], &[]),
            told("  DB: { type: secret }\n  url: { default: \"x://{{ DB }}\" }\n", &[db], &[]),
        ]
        .join("\n"),
        @r#"
    exit 2
    error: inputs have no value:
      name: of the shop
      DB: its key
      hint: give them with --set name=VALUE or --inputs FILE; give secrets with --inputs FILE or in the environment (`DB`), or run it on a terminal

    exit 2
    error: inputs have no value, or a wrong one:
      name: of the shop
      the secret `DB` is given with --set, where everybody sees it
      input `copies` cannot be `4` (--set): it is at most 3
      hint: give them with --set name=VALUE or --inputs FILE; put the secret into a file for --inputs FILE, or say where it comes from: `from: env:DB`

    exit 2
    error: input `DB` cannot be this (environment): it has to match the pattern `[0-9]+`
      hint: mend the secret where it comes from

    exit 2
    error: input `DB` cannot be this (environment): it has at least 40 characters
      hint: mend the secret where it comes from

    exit 2
    error: inputs have no value, or a wrong one:
      name
      input `DB` cannot be this (environment): it has at most 9 characters
      hint: give them with --set name=VALUE or --inputs FILE; mend the secret where it comes from

    exit 2
    error: input `DB` cannot be this (--inputs v.yaml): it is one value, not a list
      hint: mend the secret where it comes from

    exit 2
    error: cannot understand inputs in `v.env`
      caused by: line 1 is no NAME=value

    exit 4
    error: secrets cannot be had:
      the secret `A` cannot be had from `env:GONE_A`: the variable `GONE_A` is not set
      the secret `B` cannot be had from `env:GONE_B`: the variable `GONE_B` is not set

    exit 2
    error: inputs have no value, or a wrong one:
      name
      the secret `A` cannot be had from `env:GONE_A`: the variable `GONE_A` is not set
      the secret `B` cannot be had from `env:GONE_B`: the variable `GONE_B` is not set
      hint: give them with --set name=VALUE or --inputs FILE

    exit 2
    error[front-matter-value]: `DB` is a secret by its type, and `secret: false`
     --> a.md:4:23
      |
    4 |   DB: { type: secret, secret: false }
      |                       ^^^^^^
      |
      = help: take one of them out
    error: `a.md` has an error; nothing was run

    exit 2
    error[front-matter-value]: `DB` is a secret, and a number
     --> a.md:4:23
      |
    4 |   DB: { type: number, secret: true }
      |                       ^^^^^^
      |
      = help: take `type` out: a secret is a text
    error: `a.md` has an error; nothing was run

    exit 2
    error[front-matter-value]: the secret `DB` has choices: everybody reads them
     --> a.md:4:23
      |
    4 |   DB: { type: secret, choices: [a, b] }
      |                       ^^^^^^^
      |
      = help: take them out
    error: `a.md` has an error; nothing was run

    exit 2
    error[template-name]: the default of `url`: the secret `DB` goes into no default
     --> a.md:5:19
      |
    5 |   url: { default: "x://{{ DB }}" }
      |                   ^^^^^^^^^^^^^^
      |
      = help: name an input that is no secret
    error: `a.md` has an error; nothing was run
    "#
    );
}

#[test]
fn a_secret_that_does_not_fit_is_asked_for_again_and_an_optional_one_left_out() {
    let desk = Desk::new();
    desk.file(
        "a.md",
        "---\nrunbook: 1\ninputs:\n  DB: { type: secret, pattern: \"Zk.*\" }\n  PIN: { type: secret, required: false }\n---\n# A\n\n```bash {#s}\necho \"got $DB ${PIN-none}\"\n```\n",
    );
    let mut pty = desk.terminal(&["run", "a.md", "-v", "--yes"]);
    pty.expect("DB (unseen): ").send("4711-and-more\n");
    pty.expect("has to match the pattern `Zk.*`")
        .expect("DB (unseen): ")
        .send("Zk7\n");
    pty.expect("fewer than 8 characters")
        .expect("DB (unseen): ")
        .send(&format!("{CANARY}\n"));
    pty.expect("PIN (unseen, Enter leaves it out): ").send("\n");
    pty.expect("got *** none");
    assert_eq!(pty.wait(), 0);
    assert!(!pty.screen().contains("4711"), "{}", pty.screen());
    is_clean("the screen", pty.screen().as_bytes());
    all_clean(&desk.path().join("state"));
}

fn with(input: &str) -> Fixture {
    Fixture::new().file(
        "a.md",
        format!("---\nrunbook: 1\ninputs:\n  DB: {{ {input} }}\n---\n# A\n\n```bash {{#s}}\nprintf '%s\\n' \"$DB\" > \"$HOME/got\"; echo \"got $DB\"\n```\n"),
    )
}

#[test]
fn a_secret_comes_from_where_the_runbook_says() {
    for (input, name, text) in [
        (
            "secret: true, from: \"file:key\"",
            "key",
            "hunter2hunter2\n",
        ),
        (
            "secret: true, from: \"dotenv:x.env#K\"",
            "x.env",
            "A=1\nK='hunter2hunter2'\n",
        ),
        (
            "secret: true, from: \"dotenv:x.env\"",
            "x.env",
            "DB=hunter2hunter2\n",
        ),
    ] {
        let place = with(input).file(name, text);
        let outcome = place.run(&["run", "a.md", "--yes", "-v"]).code(0);
        let outcome = outcome.says("got ***");
        assert_eq!(place.read("home/got"), "hunter2hunter2\n", "{input}");
        assert!(
            outcome
                .stderr
                .contains("everybody on this machine may read"),
            "{outcome}"
        );
    }
    let place = with("secret: true").env("DB", "hunter2hunter2");
    place
        .run(&["run", "a.md", "--yes", "-v"])
        .code(0)
        .says("got ***");
    let place = with("secret: true, from: prompt").file("v.yaml", "DB: hunter2hunter2\n");
    let inputs = ["run", "a.md", "--yes", "-v", "--inputs", "v.yaml"];
    place.run(&inputs).code(0).says("got ***");
}

#[test]
fn resume_reads_the_file_again_that_gave_a_secret() {
    let text = "---\nrunbook: 1\ninputs:\n  DB: { secret: true }\n---\n# A\n```bash {#a idempotent}\ntest -e there && test \"$DB\" = from-the-file\n```\n";
    let fixture = Fixture::new()
        .file("a.md", text)
        .file("v.env", "DB=from-the-file\n");
    fixture.run(&["run", "a.md", "--inputs", "v.env"]).code(1);
    fs::write(fixture.path("there"), "").unwrap();
    fs::rename(fixture.path("v.env"), fixture.path("elsewhere")).unwrap();
    let missed = fixture.run(&["resume", "--retry-failed"]).code(2);
    missed.says("DB").says("--inputs FILE");
    fs::rename(fixture.path("elsewhere"), fixture.path("v.env")).unwrap();
    fixture.run(&["resume", "--retry-failed"]).code(0);
}

#[test]
fn a_secret_that_cannot_be_had_or_kept_stops_before_step_one() {
    let told = |input: &str, args: &[&str], value: Option<&str>| {
        let place = with(input).file("empty", "\n");
        let mut all = vec!["run", "a.md", "--yes"];
        all.extend(args);
        let mut command = place.command(&all);
        if let Some(value) = value {
            command = command.env("DB", value);
        }
        let outcome = command.run();
        assert!(place.runs().is_empty(), "{outcome}");
        format!(
            "exit {}\n{}",
            outcome.code,
            place.normalise(&outcome.stderr)
        )
    };
    insta::assert_snapshot!(
        [
            told("secret: true, from: \"env:GONE\"", &[], None),
            told("secret: true, from: \"file:gone\"", &[], None),
            told("secret: true, from: \"file:empty\"", &[], None),
            told("secret: true, description: \"of the shop\"", &[], None),
            told("secret: true", &["--set", "DB=hunter2hunter2"], None),
            told("secret: true", &[], Some("1234567")),
            told("secret: true, from: \"vault:x\"", &[], None),
            told("secret: true, default: hunter2hunter2", &[], None),
            told("short: true, from: prompt", &[], None),
        ]
        .join("\n"),
        @r#"
    exit 4
    error: the secret `DB` cannot be had from `env:GONE`
      caused by: the variable `GONE` is not set

    exit 4
    error: the secret `DB` cannot be had from `file:gone`
      caused by: cannot read `[DIR]/gone`: No such file or directory (os error 2)

    exit 4
    error: the secret `DB` cannot be had from `file:empty`
      caused by: what it gives is empty

    exit 2
    error: secrets have no value:
      DB: of the shop
      hint: give them with --inputs FILE or in the environment (`DB`), or run it on a terminal

    exit 2
    error: the secret `DB` is given with --set, where everybody sees it
      hint: put the secret into a file for --inputs FILE, or say where it comes from: `from: env:DB`

    exit 2
    error: the secret `DB` has fewer than 8 characters (environment): it would be found everywhere by chance
      hint: take a longer one; or write `short: true`, and whole lines that hold it are masked

    exit 2
    error[front-matter-value]: `from` wants a source
     --> a.md:4:29
      |
    4 |   DB: { secret: true, from: "vault:x" }
      |                             ^^^^^^^^^
      |
      = help: write `from: env:DB_PASSWORD`
    error: `a.md` has an error; nothing was run

    exit 2
    error[front-matter-value]: the secret `DB` has a default: everybody reads it
     --> a.md:4:32
      |
    4 |   DB: { secret: true, default: hunter2hunter2 }
      |                                ^^^^^^^^^^^^^^
      |
      = help: take it out, and say where it comes from: `from: env:NAME`
    error: `a.md` has an error; nothing was run

    exit 2
    error[front-matter-value]: `short` is for secrets
     --> a.md:4:9
      |
    4 |   DB: { short: true, from: prompt }
      |         ^^^^^
      |
      = help: add `secret: true`
    error[front-matter-value]: `from` is for secrets
     --> a.md:4:22
      |
    4 |   DB: { short: true, from: prompt }
      |                      ^^^^
      |
      = help: add `secret: true`
    error: `a.md` has 2 errors; nothing was run
    "#
    );
}

#[test]
fn a_short_secret_masks_the_lines_that_hold_it() {
    let place = with("secret: true, short: true").env("DB", "4711");
    place
        .run(&["run", "a.md", "--yes", "-v"])
        .code(0)
        .says("got ***");
    assert_eq!(place.read("home/got"), "4711\n");
}

#[test]
fn what_nobody_declared_is_masked_and_the_run_says_so() {
    let place = Fixture::new().steps(&[
        (
            "bash {#s}",
            "echo 'password=hunter2'; echo 'Authorization: Bearer 0a1b2c3d4e5f6a7b8c9d'",
        ),
        ("bash {#t}", "echo 'Password: '; echo token: null"),
    ]);
    let said = "2 secrets masked that nobody declared (a password, a token)";
    place.run(&["run", "a.md", "--yes"]).code(0).says(said);
    let log = fs::read_to_string(place.folder().join("output/s-1.log")).unwrap();
    assert_eq!(log, "password=***\nAuthorization: Bearer ***\n");
    let log = fs::read_to_string(place.folder().join("output/t-1.log")).unwrap();
    assert_eq!(log, "Password: \ntoken: null\n");
    place.run(&["show", "last"]).code(0).says(said);
    let transcript = fs::read_to_string(place.folder().join("transcript.md")).unwrap();
    assert_eq!(transcript.matches(said).count(), 1, "{transcript}");
    place.run(&["verify", "last"]).code(0);
}

#[test]
fn what_is_typed_for_a_secret_is_masked_in_output_edits_and_notes() {
    let mut desk = Desk::new();
    let editor = desk.script("editor", "#!/bin/sh\ncp \"$DESK/next\" \"$1\"\n");
    desk.set("EDITOR", editor);
    desk.file(
        "a.md",
        "---\nrunbook: 1\ninputs:\n  DB: { secret: true, from: prompt, description: \"of the shop\" }\n---\n# A\n\n```bash {#s confirm=\"Really?\"}\necho \"got $DB\"\n```\n",
    );
    let mut pty = desk.terminal(&["run", "a.md", "-v"]);
    pty.expect("DB (of the shop, unseen): ")
        .send(&format!("{CANARY}\n"));
    pty.expect("[s]tep").expect(" > ").send("s\n");
    pty.expect("Really?").expect(" > ");
    desk.file(
        "next",
        &format!(
            "echo \"now $DB\"; echo {}\n",
            r#"'Zk7'\''quo "9%é&kanu' and on"#
        ),
    );
    pty.send("e\n").expect(" > ");
    pty.send("n\n").expect("Note").expect(" > ");
    pty.send(&format!("it is {CANARY}\n")).expect(" > ");
    pty.send("q\n");
    assert_eq!(pty.wait(), 3);
    let screen = pty.screen();
    // What a person types as a note is echoed by the terminal itself.
    is_clean(
        "the screen",
        screen.replace(&format!("it is {CANARY}"), "").as_bytes(),
    );
    all_clean(&desk.path().join("state"));
    let mut pty = desk.terminal(&["resume", "-v"]);
    pty.expect("DB (of the shop, unseen): ")
        .send(&format!("{CANARY}\n"));
    pty.expect(" > ").send("s\n");
    pty.expect("Really?").expect(" > ").send("y\n");
    pty.expect("passed");
    assert_eq!(pty.wait(), 0);
    is_clean("the screen", pty.screen().as_bytes());
    all_clean(&desk.path().join("state"));
    assert_eq!(desk.kept("output/s-1.log"), "now ***\n*** and on\n");
    assert!(desk.kept("journal.jsonl").contains("it is ***"));
}

#[test]
fn nothing_that_a_private_step_prints_is_kept_or_shown() {
    let document = "---\nrunbook: 1\n---\n# A\n```bash {#a output=private}\nprintf 'what nobody %s\\n' is-to-see; echo >&2 is-to-\"see\"; exit 3\n```\n";
    let fixture = Fixture::new().file("a.md", document);
    let outcome = fixture.run(&["run", "-v", "a.md"]).code(1);
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!told.contains("nobody is-to-see"), "{told}");
    let output = fixture.folder().join("output");
    let kept = fs::read_dir(output).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "a log was kept");
    let journal = fs::read_to_string(fixture.folder().join("journal.jsonl")).unwrap();
    assert!(journal.contains("\"bytes\":32"), "{journal}");
}
