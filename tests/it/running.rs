#![cfg(feature = "testing")]
//! What steps see, print and may do: languages, environment, inputs, choices, output, limits.

use std::fs;
use std::path::Path;

use runbook::event::{AttemptExited, EndedBy, Event, EventKind, Output};
use runbook::host::process;

use crate::fixture::{Fixture, Outcome, helper, skip, which};

/// Returns the ends of attempts of the only run.
fn ends(fixture: &Fixture) -> Vec<AttemptExited> {
    let of = |it| match it {
        EventKind::AttemptExited(it) => Some(*it),
        _ => None,
    };
    fixture.happened().into_iter().filter_map(of).collect()
}

fn printed(fixture: &Fixture, step: &str) -> String {
    let path = fixture.folder().join(format!("output/{step}-1.log"));
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn output(fixture: &Fixture) -> Output {
    ends(fixture).remove(0).output.unwrap()
}

/// Returns the SHA-256 of a file as another program computes it.
fn digest(fixture: &Fixture, path: &Path) -> String {
    let sum = fixture.path("sum");
    let line = format!("sha256sum < '{}' > '{}'", path.display(), sum.display());
    assert!(helper("sh", &["-c", &line]));
    fixture.read("sum")[..64].to_owned()
}

/// Returns the line of `text` that holds `mark`, from 1.
fn line_of(text: &str, mark: &str) -> usize {
    text.lines().position(|it| it.contains(mark)).unwrap() + 1
}

#[test]
fn every_language_runs_and_tells_where_it_failed() {
    for (language, program, fine, bad, command) in [
        (
            "bash",
            "bash",
            "[ -n \"$BASH_VERSION\" ]",
            "ls /missing # here",
            "ls /missing",
        ),
        ("sh", "sh", "true", "ls /missing # here", "ls /missing"),
        ("shell", "sh", "true", "ls /missing # here", "ls /missing"),
        (
            "zsh",
            "zsh",
            "[ -n \"$ZSH_VERSION\" ]",
            "ls /missing # here",
            "",
        ),
        (
            "python",
            "python3",
            "import sys",
            "raise KeyError(1) # here",
            "KeyError",
        ),
        (
            "node",
            "node",
            "let a = 1;",
            "throw new Error('x') // here",
            "",
        ),
        (
            "js",
            "node",
            "let a = 1;",
            "throw new Error('x') // here",
            "",
        ),
    ] {
        if which(program).is_none() {
            skip(&format!("{program} is missing"));
            continue;
        }
        let text =
            format!("---\nrunbook: 1\n---\n# A\n\n```{language} {{#s}}\n{fine}\n{bad}\n```\n");
        let fixture = Fixture::new().file("a.md", &text);
        let outcome = fixture.run(&["run", "a.md"]).code(1);
        let place = format!("a.md:{}", line_of(&text, "here"));
        assert!(
            outcome.stdout.contains(&place),
            "{language}: no {place}\n{outcome}"
        );
        let at = ends(&fixture).remove(0).failed_at.unwrap();
        assert!(at.command.contains(command), "{language}: {at:?}");
        let text = text.replace(bad, "");
        let fixture = Fixture::new().file("a.md", &text);
        fixture.run(&["run", "a.md"]).code(0);
    }
}

#[test]
fn a_failure_names_its_line_wherever_the_fence_stands() {
    let head = "---\nrunbook: 1\n---\n# A\n\n";
    let cases = [
        (
            "in a list",
            format!("{head}1. first\n\n   ```bash {{#s}}\n   true\n\n   false # here\n   ```\n"),
        ),
        (
            "in a quote",
            format!("{head}> ```bash {{#s}}\n> true\n> false # here\n> ```\n"),
        ),
        (
            "in a list in a quote",
            format!("{head}> - x\n>\n>   ```bash {{#s}}\n>   false # here\n>   ```\n"),
        ),
        (
            "with CRLF",
            format!("{head}```bash {{#s}}\ntrue\nfalse # here\n```\n").replace('\n', "\r\n"),
        ),
        (
            "with a BOM",
            format!("\u{feff}{head}```bash {{#s}}\ntrue\nfalse # here\n```\n"),
        ),
        (
            "in a function",
            format!("{head}```bash {{#s}}\nf() {{\n  false # here\n}}\nf\n```\n"),
        ),
        (
            "in a subshell",
            format!("{head}```bash {{#s}}\n(true; false) # here\n```\n"),
        ),
        (
            "behind a heredoc",
            format!("{head}```bash {{#s}}\ncat <<'EOF'\na\nb\nEOF\nfalse # here\n```\n"),
        ),
        (
            "in python's function",
            format!("{head}```python {{#s}}\ndef f():\n    return 1/0 # here\nf()\n```\n"),
        ),
        (
            "in python's syntax",
            format!("{head}```python {{#s}}\nx = 1\ndef # here\n```\n"),
        ),
        (
            "with an unset variable",
            format!("{head}```bash {{#s}}\ntrue\necho $nothing_sets_it # here\n```\n"),
        ),
        (
            "with a program that is not there",
            format!("{head}```bash {{#s}}\ntrue\nno-such-program # here\n```\n"),
        ),
        (
            "far down",
            format!(
                "{head}{}```bash {{#s}}\nfalse # here\n```\n",
                "text\n\n".repeat(3000)
            ),
        ),
    ];
    for (what, text) in cases {
        let fixture = Fixture::new().file("a.md", &text);
        let outcome = fixture.run(&["run", "a.md"]).code(1);
        let wanted = line_of(&text, "# here") as u32;
        let at = ends(&fixture).remove(0).failed_at;
        assert_eq!(at.map(|it| it.line), Some(wanted), "{what}\n{outcome}");
    }
}

/// Runs each body as a declared step; returns those that did not end as wanted.
fn wrong(language: &str, wanted: i32, bodies: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for body in bodies {
        let text = format!("---\nrunbook: 1\n---\n# A\n\n```{language} {{#s}}\n{body}\n```\n");
        let fixture = Fixture::new().file("a.md", text);
        let outcome = fixture.run(&["run", "a.md"]);
        if outcome.code != wanted {
            wrong.push(format!("`{body}` ends with {}: {outcome}", outcome.code));
        }
    }
    wrong
}

#[test]
fn a_reader_that_had_enough_is_no_failure() {
    let wrong = wrong(
        "bash",
        0,
        &[
            "yes | head -1",
            "yes | head -1\necho after",
            "yes | cat | head -1",
            "yes | head -1 | cat",
            "seq 100000 | head -2 | tail -1 >/dev/null",
            "x=$(yes | head -1)\n[ \"$x\" = y ]",
            "x=\"$(yes | head -1)\"; [ \"$x\" = y ]",
            "(yes | head -1)",
            "(yes | head -1)\ntrue",
            "f() { yes | head -1; }\nf",
            "f() { yes | head -1; }\nf\ntrue",
            "for i in 1 2; do yes | head -1; done",
            "if yes | head -1; then :; fi",
            "while yes | head -1; do break; done",
            "yes | head -1 > out; [ \"$(cat out)\" = y ]",
            "yes | head -1; yes | head -2; yes | head -3",
            "{ yes | head -1; }",
            "set -- $(yes | head -2); [ $# = 2 ]",
        ],
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_failure_in_a_pipeline_is_one() {
    let wrong = wrong(
        "bash",
        1,
        &[
            "false | cat",
            "false | cat\ntrue",
            "cat missing | head -1",
            "yes | false",
            "yes | head -1 | false",
            "yes | (head -1; exit 3)",
            "yes | head -1\nfalse\ntrue",
            "yes | head -1; false | cat; true",
            "f() { yes | head -1; false; }\nf\ntrue",
            "f() { false; true; }\nf",
            "(false; true)",
            "x=$(false)\ntrue",
            "x=$(false | cat)\ntrue",
            "bash -c 'exit 141'",
            "bash -c 'kill -PIPE $$'\ntrue",
            "exit 141",
            "true && false",
            "for i in 1 2; do false; done",
            "echo ${nothing_sets_it}",
        ],
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_handles_its_failure_does_not_fail() {
    let bodies = [
        "false || true",
        "if false; then :; fi",
        "! true || true",
        "while false; do :; done",
        "false && true\ntrue",
        "false || echo handled",
    ];
    for language in ["bash", "sh"] {
        let wrong = wrong(language, 0, &bodies);
        assert!(wrong.is_empty(), "{language}: {}", wrong.join("\n"));
    }
}

#[test]
fn an_unset_variable_fails_only_in_a_declared_runbook() {
    // A variable that is named as such is asked for.
    let text = "# A\n\n```bash\nname=nothing_sets_it; echo \"[${!name}]\"\n```\n";
    let fixture = Fixture::new().file("p.md", text);
    fixture
        .run(&["run", "p.md", "A", "--yes", "--allow", "unknown"])
        .code(0);
    let wrong = wrong("bash", 1, &["echo \"[$nothing_sets_it]\""]);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn what_replaces_its_trap_or_itself_carries_nothing_and_says_so() {
    for body in [
        "exec true",
        "trap - EXIT",
        "trap 'true' EXIT",
        "kill -KILL $$",
    ] {
        let fixture =
            Fixture::new().steps(&[("bash {#s allow}", &format!("export LOST=here\n{body}"))]);
        fixture.run(&["run", "a.md"]).code(2);
        let fixture = Fixture::new().steps(&[
            ("bash {#s}", &format!("export LOST=here\n{body}")),
            ("bash {#t}", "echo \"[${LOST-nothing}]\""),
        ]);
        let outcome = fixture.run(&["run", "a.md"]);
        let end = ends(&fixture).remove(0);
        assert!(end.environment.is_none(), "{body}: {end:?}");
        if body.starts_with("kill") {
            assert_eq!(outcome.code, 1, "{outcome}");
            continue;
        }
        assert_eq!(outcome.code, 0, "{body}: {outcome}");
        assert!(
            end.remarks
                .iter()
                .any(|it| it.contains("carries no environment")),
            "{body}: {end:?}"
        );
        assert_eq!(printed(&fixture, "t"), "[nothing]\n", "{body}");
    }
}

#[test]
fn environment_and_folder_carry_over_between_steps() {
    let fixture = Fixture::new().env("DROPPED", "inherited").steps(&[
        ("bash {#a}", "export PLAIN='two  words' EMPTY= LINES_=$'a\\nb\\n' QUOTE=\"it's \\\"q\\\" \\$x \\`y\\`\" BYTES=$'\\xff\\xfe' UNI=ñ漢🎉 EQ=a=b=c\nlocal_=only\nf() { :; }\nunset DROPPED\nmkdir -p 'sub dir'\ncd 'sub dir'"),
        ("bash {#b}", "[ \"$PLAIN\" = 'two  words' ]; [ \"${EMPTY-unset}\" = '' ]; [ \"$LINES_\" = $'a\\nb\\n' ]\n[ \"$QUOTE\" = \"it's \\\"q\\\" \\$x \\`y\\`\" ]\n[ \"$BYTES\" = $'\\xff\\xfe' ]; [ \"$UNI\" = ñ漢🎉 ]; [ \"$EQ\" = a=b=c ]\n[ -z \"${DROPPED+set}\" ]; [ -z \"${local_+set}\" ]\n! type f 2>/dev/null\n[ \"${PWD##*/}\" = 'sub dir' ]\nexport PLAIN=changed; unset EQ"),
        ("python {#c}", "import os\ne = os.environb\nassert e[b'PLAIN'] == b'changed' and e[b'BYTES'] == b'\\xff\\xfe' and e[b'LINES_'] == b'a\\nb\\n'\nassert b'EQ' not in e and os.getcwd().endswith('sub dir')\nos.environ['PY'] = 'from \"python\"\\nline'\nos.environb[b'PYB'] = b'\\xfe'\ndel os.environ['UNI']\nos.makedirs('deeper'); os.chdir('deeper')"),
        ("bash {#d}", "[ \"$PY\" = $'from \"python\"\\nline' ]; [ \"$PYB\" = $'\\xfe' ]; [ -z \"${UNI+set}\" ]; [ \"${PWD##*/}\" = deeper ]; [ \"$PLAIN\" = changed ]"),
        ("sh {#e}", "[ \"$PLAIN\" = changed ]; export FROM_SH='a b'; cd .."),
        ("bash {#f cwd=home}", "[ \"$FROM_SH\" = 'a b' ]; [ \"${PWD##*/}\" = home ]"),
        ("bash {#g}", "[ \"${PWD##*/}\" != deeper ]"),
    ]);
    let outcome = fixture.run(&["run", "a.md"]);
    assert_eq!(outcome.code, 0, "{outcome}");
}

#[test]
fn a_failed_step_carries_nothing_on() {
    let fixture = Fixture::new().steps(&[
        ("bash {#s}", "export BAD=1\nfalse"),
        ("bash {#t}", "echo \"[${BAD-nothing}]\""),
    ]);
    fixture.run(&["run", "a.md"]).code(1);
    fixture
        .run(&["resume", "last", "--decide", "s=skip"])
        .code(0);
    assert_eq!(printed(&fixture, "t"), "[nothing]\n");
}

#[test]
fn a_step_knows_its_run_its_id_and_its_key() {
    let fixture = Fixture::new().env("RUNBOOK_RUN_ID", "stale").steps(&[(
        "bash {#s}",
        "echo \"$RUNBOOK_RUN_ID $RUNBOOK_STEP_ID $RUNBOOK_IDEMPOTENCY_KEY\"",
    )]);
    fixture.run(&["run", "a.md"]).code(0);
    let run = fixture
        .folder()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(printed(&fixture, "s"), format!("{run} s {run}-s\n"));
}

const INPUTS: &str = "---\nrunbook: 1\ninputs:\n  a: { description: \"the first\" }\n  b: { description: \"the second\", default: dflt }\n  c: { choices: [x, y] }\n---\n# A\n\n```bash {#s}\necho \"$a|$b|$c\"\n```\n";

#[test]
fn inputs_come_from_everywhere_in_their_order() {
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 7] = [
        (&["--set", "a=1", "--set", "c=x"], &[], "1|dflt|x\n"),
        (&["--inputs", "i.yaml"], &[], "no|1.10|y\n"),
        (&["--inputs", "i.toml"], &[], "1.10|b|x\n"),
        (
            &["--inputs", "i.json", "--set", "b=set"],
            &[("a", "env")],
            "js|set|x\n",
        ),
        (
            &["--inputs", "i.env"],
            &[("b", "env"), ("c", "x")],
            "dot env|env|x\n",
        ),
        (
            &["--set", "a=set"],
            &[("a", "env"), ("b", ""), ("c", "y")],
            "set||y\n",
        ),
        (
            &["--set", "a=$(touch pwned) `x` \"q\" 'q'", "--set", "c=x"],
            &[],
            "$(touch pwned) `x` \"q\" 'q'|dflt|x\n",
        ),
    ];
    for (args, env, wanted) in cases {
        let fixture = Fixture::new()
            .file("a.md", INPUTS)
            .file("i.yaml", "a: no\nb: 1.10\nc: y\n")
            .file("i.json", "{\"a\": \"js\", \"b\": \"json\", \"c\": \"x\"}")
            .file("i.env", "a=\"dot env\"\n")
            .file("i.toml", "a = 1.10\nb = 'b'\nc = 'x'\n");
        let mut command = fixture.command(&[&["run", "a.md"], args].concat());
        for (name, value) in env {
            command = command.env(name, value);
        }
        let outcome = command.run();
        assert_eq!(outcome.code, 0, "{args:?}: {outcome}");
        assert_eq!(printed(&fixture, "s"), wanted, "{args:?}");
        assert!(!fixture.path("pwned").exists());
    }
}

#[test]
fn inputs_survive_a_resume_without_being_given_again() {
    let fixture = Fixture::new().file(
        "a.md",
        format!("{INPUTS}\n```bash {{#t}}\n[ -e ok ] && echo \"$a|$b|$c\"\n```\n"),
    );
    fixture
        .run(&["run", "a.md", "--set", "a=1", "--set", "c=x"])
        .code(1);
    fixture.write("ok", "");
    fixture
        .command(&["resume", "last", "--retry-failed"])
        .env("a", "other")
        .run()
        .code(0);
    let log = fs::read_to_string(fixture.folder().join("output/t-2.log")).unwrap();
    assert_eq!(log, "1|dflt|x\n");
}

#[test]
fn what_is_wrong_with_inputs_is_told_before_step_one() {
    let fixture = Fixture::new()
        .file("a.md", INPUTS)
        .file("bad.yaml", "a: [1]\n")
        .file("bad.json", "{")
        .file("x.txt", "a=1");
    let told = |args: &[&str]| {
        fixture.normalise(
            &fixture
                .run(&[&["run", "a.md"], args].concat())
                .code(2)
                .stderr,
        )
    };
    insta::assert_snapshot!(told(&[]), @r"
    error: inputs have no value:
      a: the first
      c
      hint: give them with --set a=VALUE or --inputs FILE
    ");
    insta::assert_snapshot!(told(&["--set", "a=1", "--set", "c=z"]), @r"
    error: input `c` cannot be `z` (--set): it is one of: x, y
    ");
    insta::assert_snapshot!(told(&["--set", "aa=1"]), @r"
    error: the runbook has no input `aa` (--set)
      hint: `runbook list` shows its inputs
    ");
    insta::assert_snapshot!(told(&["--set", "a"]), @r"
    error: `--set a` names no value
      hint: write --set a=VALUE
    ");
    insta::assert_snapshot!(told(&["--inputs", "bad.yaml", "--set", "c=x"]), @"error: input `a` cannot be `1` (--inputs bad.yaml): it is one value, not a list");
    insta::assert_snapshot!(told(&["--inputs", "x.txt"]), @r"
    error: cannot understand inputs in `x.txt`
      caused by: its ending says nothing of its format
      hint: name it .yaml, .toml, .json or .env
    ");
    insta::assert_snapshot!(told(&["--inputs", "missing.env"]), @r"
    error: cannot read inputs from `missing.env`
      caused by: No such file or directory (os error 2)
    ");
    fixture
        .run(&["run", "a.md", "--inputs", "bad.json"])
        .code(2);
    assert!(fixture.runs().is_empty(), "no run was opened");
}

#[test]
fn flags_choose_among_the_steps() {
    let text = "---\nrunbook: 1\n---\n# Doc\n\n## One\n\n```bash {#a .t}\ntrue\n```\n\n## Two\n\n```bash {#b}\ntrue\n```\n\n### Three\n\n```bash {#c .t .u}\ntrue\n```\n\n## Rollback\n\n```bash {#d}\ntrue\n```\n";
    for (args, wanted) in [
        (&[][..], "a b c"),
        (&["--from", "b"], "b c"),
        (&["--to", "b"], "a b"),
        (&["--from", "b", "--to", "b"], "b"),
        (&["--only", "a,c"], "a c"),
        (&["--skip", "b"], "a c"),
        (&["--tag", "t"], "a c"),
        (&["--tag", "u"], "c"),
        (&["--tag", "t", "--skip", "a"], "c"),
        (&["Two"], "b c"),
        (&["two/three"], "c"),
        (&["Three"], "c"),
        (&["Rollback"], "d"),
        (&["Rollback", "One"], "a d"),
    ] {
        let fixture = Fixture::new().file("a.md", text);
        let outcome = fixture.run(&[&["run", "a.md"], args].concat());
        assert_eq!(outcome.code, 0, "{args:?}: {outcome}");
        let ran: Vec<String> = fixture
            .happened()
            .into_iter()
            .filter_map(|it| match it {
                EventKind::StepStarting(it) => Some(it.step.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(ran.join(" "), wanted, "{args:?}");
    }
    for args in [
        &["--from", "zz"][..],
        &["--only", "zz"],
        &["--skip", "zz"],
        &["--tag", "zz"],
        &["Nowhere"],
        &["--from", "c", "--to", "a"],
        &["--skip", "a,b,c"],
    ] {
        let fixture = Fixture::new().file("a.md", text);
        let outcome = fixture.run(&[&["run", "a.md"], args].concat());
        assert_eq!(outcome.code, 2, "{args:?}: {outcome}");
        assert!(fixture.runs().is_empty());
    }
}

#[test]
fn a_plain_document_runs_only_what_is_named_and_allowed() {
    let text =
        "# Doc\n\n## One\n\n```bash\nbash one.sh\n```\n\n## Two\n\n```bash\necho two > two\n```\n";
    for (args, code) in [
        (&[][..], 2),
        (&["--yes"], 2),
        (&["One"], 2),
        (&["One", "--yes"], 2),
        (&["--yes", "--allow", "unknown"], 2),
        (&["One", "--allow", "unknown"], 2),
        (&["One", "--yes", "--allow", "unknown"], 0),
    ] {
        let fixture = Fixture::new()
            .file("p.md", text)
            .file("one.sh", "echo one > one\n");
        let outcome = fixture.run(&[&["run", "p.md"], args].concat());
        assert_eq!(outcome.code, code, "{args:?}: {outcome}");
        assert_eq!(fixture.path("one").exists(), code == 0, "{args:?}");
        assert!(!fixture.path("two").exists());
    }
}

#[test]
fn what_destroys_or_asks_does_not_run_without_a_person() {
    for (info, allowed) in [
        ("bash {#s effect=destroys}", true),
        ("bash {#s confirm=\"sure?\"}", false),
    ] {
        let fixture = Fixture::new().steps(&[("bash {#first}", "true"), (info, "true")]);
        fixture
            .run(&["run", "a.md"])
            .code(2)
            .says("nothing was run");
        fixture.run(&["run", "a.md", "--yes"]).code(2);
        assert_eq!(fixture.ledger(), []);
        assert!(fixture.runs().is_empty());
        fixture
            .run(&["run", "a.md", "--allow", "destroys"])
            .code(if allowed { 0 } else { 2 });
    }
}

#[test]
fn a_run_stops_in_front_of_what_a_person_does() {
    let text = "---\nrunbook: 1\n---\n# A\n\n```bash {#s}\necho s >> ran\n```\n\n- [ ] Look at the lights\n- [x] Done before\n\n```bash {#t}\necho t >> ran\n```\n";
    let fixture = Fixture::new().file("a.md", text);
    fixture
        .run(&["run", "a.md"])
        .code(3)
        .says("is done by a person");
    assert_eq!(fixture.read("ran"), "s\n");
    let id = fixture
        .state()
        .open_steps()
        .next()
        .unwrap()
        .0
        .id
        .to_string();
    fixture.run(&["resume", "last"]).code(3);
    fixture
        .run(&["resume", "last", "--decide", &format!("{id}=rerun")])
        .code(2)
        .says("it has not run");
    fixture
        .run(&["resume", "last", "--decide", &format!("{id}=done")])
        .code(0);
    assert_eq!(fixture.read("ran"), "s\nt\n");
    assert!(
        fixture.story().contains(&format!("{id} operatorasserted")),
        "{:?}",
        fixture.story()
    );
}

#[test]
fn what_this_version_does_not_perform_is_refused_before_step_one() {
    let fixture = Fixture::new().steps(&[("bash {#s}", "true")]);
    for args in [
        &["run", "a.md", "--dry-run"][..],
        &["run", "a.md", "--on", "web=x"],
        &["run", "a.md", "--report", "junit=x"],
        &["preview", "a.md"],
    ] {
        fixture.run(args).code(2).says("not in this version");
    }
    for info in ["on=web", "preview=x"] {
        let fixture = Fixture::new().steps(&[
            ("bash {#s}", "true"),
            (&format!("bash {{#t {info}}}"), "true"),
        ]);
        let outcome = fixture.run(&["run", "a.md"]);
        assert_eq!(outcome.code, 2, "{info}: {outcome}");
        assert!(
            outcome.stderr.contains("not in this version"),
            "{info}: {outcome}"
        );
        assert_eq!(fixture.ledger(), [], "{info}");
        assert!(fixture.runs().is_empty(), "{info}");
    }
    let front = "targets:\n  web: { ssh: [a] }";
    let fixture = Fixture::new().file(
        "a.md",
        format!("---\nrunbook: 1\n{front}\n---\n# A\n\n```bash {{#s}}\ntrue\n```\n"),
    );
    fixture
        .run(&["run", "a.md"])
        .code(2)
        .says("not in this version");
}

const TYPES: &str = "---\nrunbook: 1\ninputs:\n  name: { pattern: 'v[0-9]+', max: 4 }\n  copies: { type: number, min: 1, max: 9, default: 2 }\n  \
    sure: { type: bool, default: no }\n  file: { type: path, required: false }\n  hosts: { type: list, min: 1 }\n  \
    db: { default: \"{{ name }}-{{ hosts | first }}\" }\n---\n# A\n\n```bash {#s}\necho \"$name|$copies|$sure|${file-none}|$hosts|$db\"\n```\n";

#[test]
fn inputs_have_types_and_their_defaults_may_use_those_before_them() {
    let printed = |args: &[&str]| {
        let fixture = Fixture::new()
            .file("a.md", TYPES)
            .file(
                "i.yaml",
                "name: v1\ncopies: 3\nsure: yes\nhosts: [web1, 'web 2']\nfile: ./x\n",
            )
            .file(
                "i.json",
                "{\"name\": \"v2\", \"sure\": true, \"hosts\": [\"a\"], \"db\": \"own\"}",
            )
            .file("i.toml", "name = 'v3'\nhosts = ['a', 'b']\n")
            .file(".env.shop", "name=v4\nhosts=a,b\n");
        fixture.run(&[&["run", "a.md"], args].concat()).code(0);
        fixture.normalise(&printed(&fixture, "s"))
    };
    let shown = [
        printed(&["--inputs", "i.yaml"]),
        printed(&["--inputs", "i.json"]),
        printed(&["--inputs", "i.toml", "--set", "sure=on"]),
        printed(&["--inputs", ".env.shop", "--set", "hosts=c"]),
    ]
    .join("--\n");
    insta::assert_snapshot!(shown);
}

#[test]
fn every_missing_and_every_wrong_input_is_told_at_once() {
    let fixture = Fixture::new().file("a.md", TYPES);
    let told = |args: &[&str]| {
        let outcome = fixture.run(&[&["run", "a.md"], args].concat()).code(2);
        assert!(fixture.runs().is_empty(), "{outcome}");
        fixture.normalise(&outcome.stderr)
    };
    let shown = [
        told(&[
            "--set",
            "copies=many",
            "--set",
            "sure=maybe",
            "--set",
            "name=v12345",
        ]),
        told(&["--set", "name=x1", "--set", "copies=10", "--set", "hosts=,"]),
        told(&["--set", "name=v1", "--set", "hosts=a", "--set", "file="]),
    ]
    .join("--\n");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_missing_interpreter_matters_only_for_chosen_steps() {
    let fixture = Fixture::new().file("a.md", "---\nrunbook: 1\n---\n# A\n\n```bash {#s}\necho s > ran\n```\n\n```node {#n}\nlet a = 1\n```\n");
    fs::create_dir(fixture.path("bin")).unwrap();
    std::os::unix::fs::symlink(which("bash").unwrap(), fixture.path("bin/bash")).unwrap();
    let bin = fixture.path("bin");
    let outcome = fixture
        .command(&["run", "a.md"])
        .env("PATH", &bin)
        .run()
        .code(4);
    insta::assert_snapshot!(outcome.stderr, @r"
    error: this machine lacks:
      node or nodejs for `n` (line 10)
      hint: put it there, or leave the steps out with --skip
    ");
    assert!(!fixture.path("ran").exists());
    assert!(fixture.runs().is_empty());
    fixture
        .command(&["run", "a.md", "--skip", "n"])
        .env("PATH", &bin)
        .run()
        .code(0);
    assert_eq!(fixture.read("ran"), "s\n");
}

#[test]
fn a_console_fence_runs_what_stands_behind_its_prompts() {
    let fixture = Fixture::new().file("a.md", "---\nrunbook: 1\n---\n# A\n\n```console {#s}\n$ echo one > one\nthis is output\n$ cat <<EOF > two\n> two\n> EOF\n```\n");
    let outcome = fixture.run(&["run", "a.md"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(
        (fixture.read("one"), fixture.read("two")),
        ("one\n".to_owned(), "two\n".to_owned())
    );
}

#[test]
fn a_daemon_lives_on_and_is_named() {
    let fixture = Fixture::new().steps(&[
        (
            "bash {#s}",
            "sleep 1000 >/dev/null 2>&1 </dev/null &\necho $! > pid\nuntil [ \"$(cat /proc/$!/comm)\" = sleep ]; do :; done",
        ),
        ("bash {#t}", "true"),
    ]);
    fixture.run(&["run", "a.md"]).code(0);
    let pid: i32 = fixture.read("pid").trim().parse().unwrap();
    fixture.expect(pid);
    let left = ends(&fixture).remove(0).left_running;
    assert_eq!(left, [format!("{pid} sleep")]);
    assert!(
        process::look(pid).is_some_and(|it| it.state != b'Z'),
        "it is kept alive"
    );
    fixture.until_quiet();
}

#[test]
fn a_daemon_that_holds_the_pipes_neither_hangs_the_run_nor_dies_of_it() {
    let body = "(trap 'echo pipe > died' PIPE; while :; do echo tick || echo pipe > died; sleep 0.02; done) &\necho $! > pid";
    let fixture = Fixture::new().steps(&[("bash {#s}", body), ("bash {#t}", "true")]);
    fixture.run(&["run", "a.md"]).code(0);
    let pid: i32 = fixture.read("pid").trim().parse().unwrap();
    assert!(
        ends(&fixture)[0]
            .left_running
            .iter()
            .any(|it| it.starts_with(&format!("{pid} ")))
    );
    assert_eq!(fixture.keepers().len(), 1, "somebody reads what it prints");
    let child = || process::descendants(pid).first().map(|it| it.pid);
    let before = child();
    fixture.until("it goes on", || child() != before);
    assert!(!fixture.path("died").exists());
    process::kill(pid).unwrap();
    fixture.until_quiet();
}

#[test]
fn a_step_without_descriptors_or_input_ends_well() {
    let wrong = wrong(
        "bash",
        0,
        &[
            "exec 0<&- 1>&- 2>&-\ntrue",
            "cat\nread -r x || true",
            "exec 3<&- 18<&-; true",
            "[ \"$(cat | wc -c)\" = 0 ]",
        ],
    );
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn what_a_step_prints_is_kept_byte_for_byte() {
    let body = "head -c 300000 /dev/urandom > copy\nprintf '\\0\\r\\n\\033[2J\\377no end' >> copy\ncat copy";
    let fixture = Fixture::new().steps(&[("bash {#s}", body)]);
    let outcome = fixture.command(&["run", "a.md", "-v"]).run().code(0);
    assert!(
        !outcome.stdout.contains("\u{1b}[2J"),
        "an escape sequence reached the console"
    );
    let log = fs::read(fixture.folder().join("output/s-1.log")).unwrap();
    assert_eq!(log, fs::read(fixture.path("copy")).unwrap());
    let output = output(&fixture);
    assert_eq!(
        (output.bytes, output.stored),
        (log.len() as u64, log.len() as u64)
    );
    assert_eq!(output.digest, digest(&fixture, &fixture.path("copy")));
    assert_eq!((output.stored_digest, output.gap_at), (None, None));
    fixture.run(&["show", "last", "--as", "markdown"]).code(0);
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn a_line_that_never_ends_is_kept_whole() {
    let fixture =
        Fixture::new().steps(&[("bash {#s}", "head -c 3000000 /dev/zero | tr '\\0' x; false")]);
    let outcome = fixture.run(&["run", "a.md"]).code(1);
    assert!(
        outcome.stdout.len() < 100_000,
        "{} bytes on the console",
        outcome.stdout.len()
    );
    assert_eq!(output(&fixture).stored, 3_000_000);
}

#[test]
fn output_beyond_the_cap_keeps_its_head_and_tail_and_the_digest_of_all() {
    for (body, total) in [
        ("seq 1 10000 | tee copy", 48_894),
        ("head -c 1501 /dev/zero | tee copy", 1501),
        ("head -c 1500 /dev/zero | tee copy", 1500),
        ("head -c 1001 /dev/zero | tee copy", 1001),
        ("head -c 1000 /dev/zero | tee copy", 1000),
        (
            "for i in $(seq 300); do echo $i.........; done | tee copy",
            3792,
        ),
    ] {
        let fixture = Fixture::new()
            .env("RUNBOOK_TEST_CAPS", "1000,500")
            .steps(&[("bash {#s}", body)]);
        fixture.run(&["run", "a.md"]).code(0);
        let copy = fs::read(fixture.path("copy")).unwrap();
        let path = fixture.folder().join("output/s-1.log");
        let log = fs::read(&path).unwrap();
        let output = output(&fixture);
        assert_eq!(output.bytes, total, "{body}");
        assert_eq!(
            output.digest,
            digest(&fixture, &fixture.path("copy")),
            "{body}"
        );
        if total > 1500 {
            assert_eq!(output.stored, 1500, "{body}");
            assert_eq!(
                log,
                [&copy[..1000], &copy[copy.len() - 500..]].concat(),
                "{body}"
            );
            assert_eq!(
                output.stored_digest,
                Some(digest(&fixture, &path)),
                "{body}"
            );
            assert_eq!(output.gap_at, Some(1000), "{body}");
        } else {
            assert_eq!(log, copy, "{body}");
            assert_eq!(
                (output.stored_digest, output.gap_at),
                (None, None),
                "{body}"
            );
        }
        fixture.run(&["verify", "last"]).code(0);
    }
}

/// Returns the most memory of its own that the process ever had, in KiB: what is mapped from files is
/// the program itself, which is large where it is not optimised, and is shared.
fn peak(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let number = |name: &str| -> u64 {
        let line = text.lines().find_map(|it| it.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    number("VmHWM:") - number("RssFile:")
}

#[test]
fn much_output_takes_little_memory() {
    let body = "head -c 200000000 /dev/zero | tr '\\0' '\\n'\ntouch printed\nread -r _ < gate";
    let fixture = Fixture::new().steps(&[("bash {#s}", body)]);
    let gate = fixture.fifo("gate");
    let engine = fixture.spawn(&["run", "a.md"]);
    fixture.until("all is printed", || fixture.path("printed").exists());
    let (ours, keepers) = (peak(engine.pid()), peak(fixture.keepers()[0]));
    assert!(gate.open());
    engine.wait().code(0);
    assert!(
        ours + keepers < 12 * 1024,
        "engine {ours} KiB, keeper {keepers} KiB"
    );
    let output = output(&fixture);
    assert_eq!(output.bytes, 200_000_000);
    assert_eq!(output.stored, 64 << 20);
    fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn a_timeout_ends_all_that_a_step_started() {
    let body = "trap '' TERM\n(trap '' TERM; sleep 1000; sleep 1000) &\nsetsid bash -c 'trap \"\" TERM; sleep 1000; sleep 1000' &\nsleep 1000; sleep 1000";
    let fixture = Fixture::new()
        .env("RUNBOOK_TEST_GRACE_MS", "100")
        .steps(&[("bash {#s timeout=300ms}", body), ("bash {#t}", "true")]);
    let outcome = fixture.run(&["run", "a.md"]).code(1);
    fixture.until_quiet();
    assert_eq!(
        ends(&fixture)[0].ended_by,
        Some(EndedBy::Timeout),
        "{outcome}"
    );
    assert_eq!((fixture.times("s"), fixture.times("t")), (1, 0));
}

#[test]
fn a_step_that_obeys_its_timeout_is_failed_all_the_same() {
    let fixture = Fixture::new().steps(&[(
        "bash {#s timeout=200ms}",
        "trap 'exit 0' TERM\nsleep 1000 & wait",
    )]);
    fixture.run(&["run", "a.md"]).code(1);
    assert_eq!(ends(&fixture)[0].ended_by, Some(EndedBy::Timeout));
}

#[test]
fn a_signal_without_a_terminal_ends_the_step_and_leaves_the_run_resumable() {
    for (signal, name) in [(libc::SIGTERM, "SIGTERM"), (libc::SIGINT, "SIGINT")] {
        let body = "[ -e ok ] && exit 0\n(trap '' TERM INT; sleep 1000; sleep 1000) &\ntouch up\nsleep 1000";
        let fixture = Fixture::new()
            .env("RUNBOOK_TEST_GRACE_MS", "100")
            .steps(&[("bash {#s}", body)]);
        let engine = fixture.spawn(&["run", "a.md"]);
        fixture.until("the step is up", || fixture.path("up").exists());
        engine.signal(signal);
        engine.wait().code(3).says("runbook resume");
        fixture.until_quiet();
        assert_eq!(ends(&fixture)[0].ended_by, Some(EndedBy::Stop), "{name}");
        let recorded = fixture.happened().iter().any(|it| matches!(it, EventKind::Signal { name: it, action } if it == name && action == "terminate"));
        assert!(recorded, "{name}");
        fixture.write("ok", "");
        fixture.run(&["resume", "last", "--retry-failed"]).code(0);
        fixture.run(&["verify", "last"]).code(0);
    }
}

#[test]
fn a_hang_up_or_a_wish_to_detach_leaves_the_step_running() {
    for (signal, args) in [
        (libc::SIGHUP, &["run", "a.md"][..]),
        (libc::SIGTERM, &["run", "a.md", "--on-term=detach"]),
    ] {
        let fixture = Fixture::new().steps(&[
            ("bash {#s}", "read -r _ < gate; echo done"),
            ("bash {#t}", "true"),
        ]);
        let gate = fixture.fifo("gate");
        let engine = fixture.spawn(args);
        fixture.until_ledger(1);
        engine.signal(signal);
        engine.wait().code(3).says("detached");
        assert_eq!(fixture.keepers().len(), 1);
        let resume = fixture.spawn(&["resume", "last"]);
        fixture.until("resumed", || {
            fixture.story().contains(&"run.resumed".to_owned())
        });
        assert!(gate.open());
        resume.wait().code(0);
        assert_eq!((fixture.times("s"), fixture.times("t")), (1, 1));
    }
}

#[test]
fn json_is_a_line_of_json_each() {
    let fixture = Fixture::new().steps(&[
        ("bash {#s}", "printf 'a\\xff\\n\"b\"'"),
        ("python {#t}", "raise SystemExit(3)"),
    ]);
    let outcome: Outcome = fixture.run(&["run", "a.md", "--json"]).code(1);
    let lines: Vec<serde_json::Value> = outcome
        .stdout
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let durable: Vec<Event> = lines
        .iter()
        .filter(|it| it.get("seq").is_some())
        .map(|it| serde_json::from_value(it.clone()).unwrap())
        .collect();
    assert_eq!(durable, fixture.events());
    assert!(lines.iter().all(|it| it["kind"].is_string()));
    for args in [
        &["list", "a.md", "--json"][..],
        &["lint", "a.md", "--json"],
        &["history", "--json"],
        &["show", "--json"],
        &["verify", "last", "--json"],
    ] {
        let text = fixture.run(args).stdout;
        let it: Result<serde_json::Value, _> = serde_json::from_str(&text);
        assert!(it.is_ok(), "{args:?}: {text}");
    }
}

#[test]
fn the_document_may_come_through_standard_input() {
    let fixture = Fixture::new();
    let text = "---\nrunbook: 1\n---\n# A\n\n```bash {#s}\n[ -e ok ]\n```\n";
    fixture.command(&["run", "-"]).stdin(text).run().code(1);
    fixture.write("ok", "");
    fixture.run(&["resume", "last", "--retry-failed"]).code(0);
}

#[test]
fn exit_codes_of_a_step_that_count_as_ok() {
    let fixture = Fixture::new().steps(&[
        ("bash {#s exit=0,3}", "exit 3"),
        ("bash {#t exit=1}", "exit 0"),
    ]);
    fixture.run(&["run", "a.md"]).code(1);
    assert!(fixture.story().contains(&"s ok".to_owned()));
    assert!(fixture.story().contains(&"t failed".to_owned()));
}

#[test]
fn a_large_body_and_a_large_environment_reach_the_step() {
    let body = format!("x='{}'\n[ ${{#x}} = 300000 ]", "y".repeat(300_000));
    let fixture = Fixture::new()
        .env("BIG", "z".repeat(100_000))
        .steps(&[("bash {#s}", &body), ("bash {#t}", "[ ${#BIG} = 100000 ]")]);
    let outcome = fixture.run(&["run", "a.md"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

#[test]
fn what_a_piece_of_a_manual_sets_is_there_for_the_pieces_after_it() {
    let manual =
        "# A\n```bash\nWHERE=$(echo here)\n```\n# B\n```bash\necho \"it is $WHERE\"\n```\n";
    for language in ["bash", "sh", "zsh"] {
        if which(language).is_none() {
            skip(&format!("{language} is not here"));
            continue;
        }
        let manual = manual.replace("bash", language);
        let fixture = Fixture::new().file("m.md", &manual);
        fixture.run(&["run", "m.md", "A", "B", "--yes"]).code(0);
        assert_eq!(printed(&fixture, "b"), "it is here\n", "{language}");
    }
    // Alone it has nothing to say it with.
    let fixture = Fixture::new().file("m.md", manual);
    let outcome = fixture.run(&["run", "m.md", "B", "--yes"]).code(2);
    assert!(
        outcome.stderr.contains("`WHERE` has no value"),
        "{}",
        outcome.stderr
    );
}
