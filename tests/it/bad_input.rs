#![cfg(feature = "testing")]
//! What is not as it should be: each a clear error with the right exit code, nothing lost, nothing
//! half-written. The journal's own faults are among the tests of recovery.

use std::fs;

use crate::fixture::{Fixture, Outcome};

const HEAD: &str = "---\nrunbook: 1\n---\n# A\n\n";

/// Runs the document; returns its exit code and what it said, after checking that nothing of it was
/// run or written.
#[track_caller]
fn refused(name: &str, text: impl AsRef<[u8]>) -> String {
    let fixture = Fixture::new().file(name, text);
    let outcome = fixture.run(&["run", name]);
    assert!(fixture.runs().is_empty(), "a run was opened: {outcome}");
    assert_eq!(fixture.ledger(), []);
    told(&fixture, &outcome)
}

fn told(fixture: &Fixture, outcome: &Outcome) -> String {
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
    assert_eq!(outcome.stdout, "");
    let lines: Vec<&str> = outcome.stderr.lines().map(str::trim_end).collect();
    let text = format!("exit {}\n{}", outcome.code, lines.join("\n"));
    fixture.normalise(&text)
}

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(refused("a.md", ""), @r#"
    exit 2
    error: `a.md` is empty
      hint: write a heading and a fenced code block into it
    "#);
    insta::assert_snapshot!(refused("a.md", "\n \n\t\n"), @r#"
    exit 2
    error: `a.md` is empty
      hint: write a heading and a fenced code block into it
    "#);
    insta::assert_snapshot!(refused("a.md", "---\nrunbook: 1\n---\n"), @r#"
    exit 2
    error: nothing would run in `a.md`
      hint: `runbook list` shows what the document holds
    "#);
}

#[test]
fn a_folder_a_missing_file_and_one_that_may_not_be_read() {
    let fixture = Fixture::new().file("d/a.md", HEAD);
    insta::assert_snapshot!(told(&fixture, &fixture.run(&["run", "d"])), @r#"
    exit 2
    error: `d` is a folder
      hint: name a file in it; `runbook list d` shows them
    "#);
    insta::assert_snapshot!(told(&fixture, &fixture.run(&["run", "missing.md"])), @r#"
    exit 2
    error: `missing.md` does not exist
      hint: `runbook list` shows the runbooks of this folder
    "#);
    insta::assert_snapshot!(told(&fixture, &fixture.run(&["run", "d/a.md/x"])), @r#"
    exit 2
    error: `d/a.md/x` does not exist
      hint: `runbook list` shows the runbooks of this folder
    "#);
    assert!(fixture.runs().is_empty());
}

#[test]
fn a_binary() {
    insta::assert_snapshot!(refused("a.md", b"\x7fELF\x02\x01\x01\0\0\0\xff\xfe\xfd"), @r#"
    exit 2
    error: `a.md` is not text: byte 7 (line 1) is NUL
      hint: name a Markdown file
    "#);
    insta::assert_snapshot!(refused("a.md", b"# A\n\n```bash\necho \xff\n```\n"), @r#"
    exit 2
    error: `a.md` is not UTF-8: byte 18 (line 4, column 6) is 0xff
      hint: save it as UTF-8: `iconv -f ENCODING -t UTF-8`
    "#);
    insta::assert_snapshot!(refused("a.md", b"\xff\xfe#\0 \0A\0"), @r#"
    exit 2
    error: `a.md` is UTF-16, not UTF-8
      hint: it could be UTF-16: `iconv -f UTF-16 -t UTF-8 a.md > utf8.md`
    "#);
}

#[test]
fn every_program_survives_a_binary() {
    let fixture = Fixture::new().env("LANG", "C.UTF-8");
    fs::copy("/proc/self/exe", fixture.path("a.md")).unwrap();
    for args in [
        &["run", "a.md"][..],
        &["list", "a.md"],
        &["lint", "a.md"],
        &["lint", "--fix-encoding", "a.md"],
    ] {
        let outcome = fixture.run(args);
        assert!([0, 2].contains(&outcome.code), "{args:?}: {outcome}");
        assert!(
            outcome.stdout.len() + outcome.stderr.len() < 20_000,
            "{args:?}"
        );
    }
}

#[test]
fn a_hundred_megabytes_of_one_line() {
    let fixture = Fixture::new().file("a.md", vec![b'x'; 100 << 20]);
    insta::assert_snapshot!(told(&fixture, &fixture.run(&["run", "a.md"])), @r#"
    exit 2
    error: `a.md` line 1 is 104857600 bytes long; at most 8388608 are read
      hint: break the line, or move it to a file of its own
    "#);
    let mut text = HEAD.as_bytes().to_vec();
    text.extend_from_slice(b"```bash {#s} ");
    text.resize(20 << 20, b'x');
    let fixture = fixture.file("b.md", text);
    let outcome = fixture.run(&["run", "b.md"]);
    assert_eq!(outcome.code, 2, "{} bytes are told", outcome.stderr.len());
    assert!(
        outcome.stderr.len() < 20_000,
        "{} bytes are told",
        outcome.stderr.len()
    );
}

#[test]
fn front_matter_that_does_not_parse() {
    insta::assert_snapshot!(refused("a.md", "---\nrunbook: 1\ntitle: [a\n---\n# A\n\n```bash {#s}\ntrue\n```\n"), @r#"
    exit 2
    error[front-matter]: this YAML does not parse: unclosed bracket '['
     --> a.md:3:8
      |
    3 | title: [a
      |        ^^
      |
      = help: mend it; text with `:`, `#` or `{` in it wants quotes
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", "---\nrunbook: 1\ninputs: 3\n---\n# A\n\n```bash {#s}\ntrue\n```\n"), @r#"
    exit 2
    error[front-matter-value]: `inputs` wants names and what they are
     --> a.md:3:9
      |
    3 | inputs: 3
      |         ^
      |
      = help: write `inputs: { version: { description: "tag to deploy" } }`
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", "---\nrunbook: 1\nruns: 3\ntitel: x\n---\n# A\n\n```bash {#s}\ntrue\n```\n"), @r#"
    exit 2
    warning[foreign-key]: key `runs` is not ours, and is not read
     --> a.md:3:1
      |
    3 | runs: 3
      | ^^^^
      |
      = help: leave it, if another tool reads it
    error[unknown-key]: unknown key `titel`
     --> a.md:4:1
      |
    4 | titel: x
      | ^^^^^
      |
      = help: did you mean `title`?
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", "+++\nrunbook = 1\ntitle = \n+++\n# A\n\n```bash {#s}\ntrue\n```\n"), @r#"
    exit 2
    error[front-matter]: this TOML does not parse: string values must be quoted, expected literal string
     --> a.md:3:1
      |
    3 | title =
      | ^^^^^^^
      |
      = help: mend it; text with `:`, `#` or `{` in it wants quotes
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", "---\nrunbook: 9\n---\n# A\n\n```bash {#s}\ntrue\n```\n"), @r#"
    exit 2
    error[not-in-this-version]: `runbook: 9` is not in this version
     --> a.md:2:10
      |
    2 | runbook: 9
      |          ^
      |
      = help: write `runbook: 1`
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", "---\nrunbook: 1\nrunbook: 1\n---\n# A\n\n```bash {#s}\ntrue\n```\n"), @r#"
    exit 2
    error[front-matter]: this YAML does not parse: duplicate mapping key: runbook
     --> a.md:3:1
      |
    3 | runbook: 1
      | ^^^^^^^^^^
      |
      = help: mend it; text with `:`, `#` or `{` in it wants quotes
    error: `a.md` has an error; nothing was run
    "#);
}

#[test]
fn front_matter_that_never_ends_or_explodes() {
    let nested = |level: usize| {
        let below = vec![format!("*a{}", level - 1); 9].join(",");
        format!("a{level}: &a{level} [{below}]")
    };
    let levels: Vec<String> = (1..9).map(nested).collect();
    let bomb = format!(
        "---\nrunbook: 1\na0: &a0 [x,x,x,x,x,x,x,x,x]\n{}\n---\n# A\n\n```bash {{#s}}\ntrue\n```\n",
        levels.join("\n")
    );
    for text in [
        "---\nrunbook: 1\n# A\n\n```bash {#s}\ntrue\n```\n".to_owned(),
        bomb,
        format!("---\nrunbook: 1\nx: {}\n---\n", "[".repeat(100_000)),
    ] {
        let fixture = Fixture::new().file("a.md", text);
        let outcome = fixture.run(&["run", "a.md"]);
        assert_eq!(outcome.code, 2, "{outcome}");
        assert!(fixture.runs().is_empty());
    }
}

#[test]
fn two_steps_of_one_id() {
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}```bash {{#s}}\ntrue\n```\n\n```bash {{#s}}\ntrue\n```\n")), @r#"
    exit 2
    error[duplicate-id]: two steps are called `s`
      --> a.md:10:10
       |
    10 | ```bash {#s}
       |          ^^ the first stands on line 6
       |
       = help: give one of them another id
    error: `a.md` has an error; nothing was run
    "#);
}

#[test]
fn needs_in_a_circle_and_needs_of_nothing() {
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}```bash {{#s needs=t}}\ntrue\n```\n\n```bash {{#t needs=s}}\ntrue\n```\n")), @r#"
    exit 2
    error[needs]: these steps need one another in a circle
      --> a.md:10:13
       |
    10 | ```bash {#t needs=s}
       |             ^^^^^^^ `s` (line 6) needs `t` (line 10) needs `s`
       |
       = help: take one of them out
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}```bash {{#s needs=x}}\ntrue\n```\n")), @r#"
    exit 2
    error[needs]: no step is called `x`
     --> a.md:6:13
      |
    6 | ```bash {#s needs=x}
      |             ^^^^^^^
      |
      = help: name a step by its `#id`
    error: `a.md` has an error; nothing was run
    "#);
}

#[test]
fn an_unknown_attribute_or_language() {
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}```bash {{#s timeuot=3s}}\ntrue\n```\n")), @r#"
    exit 2
    error[unknown-attribute]: unknown attribute `timeuot`
     --> a.md:6:13
      |
    6 | ```bash {#s timeuot=3s}
      |             ^^^^^^^^^^
      |
      = help: did you mean `timeout`?
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}```bash {{#s timeout=soon}}\ntrue\n```\n")), @r#"
    exit 2
    error[attribute-value]: `timeout` wants a duration with its unit, not `soon`
     --> a.md:6:13
      |
    6 | ```bash {#s timeout=soon}
      |             ^^^^^^^^^^^^
      |
      = help: write `timeout=5m`
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}```bsh {{#s}}\ntrue\n```\n")), @r#"
    exit 2
    error[unknown-language]: unknown language `bsh`: the fence is not a step
     --> a.md:6:4
      |
    6 | ```bsh {#s}
      |    ^^^
      |
      = help: did you mean `bash`?
    warning[not-a-step]: `id` on a fence that is not a step
     --> a.md:6:9
      |
    6 | ```bsh {#s}
      |         ^^
      |
      = help: give the fence a language that is run, `bash` say, or take it out
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}```bash {{#s\ntrue\n```\n")), @r#"
    exit 2
    error[attributes]: the braces of these attributes are not closed
     --> a.md:6:9
      |
    6 | ```bash {#s
      |         ^^^
      |
      = help: close them with `}`, and every quoted value with its quote
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}```bash {{\"name\": }}\ntrue\n```\n")), @r#"
    exit 2
    error[attributes]: these attributes are no JSON object: a value is neither a string, a number, true nor false
     --> a.md:6:18
      |
    6 | ```bash {"name": }
      |                  ^
      |
      = help: write `{"key": "value"}`, or `{key=value}`
    error: `a.md` has an error; nothing was run
    "#);
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}```bash {{#s}}\necho <PORT>\n```\n")), @r#"
    exit 2
    warning[placeholder]: in doubt, so not run: `<PORT>` stands for a value
     --> a.md:7:6
      |
    7 | echo <PORT>
      |      ^^^^^^
      |
      = help: write the value, or declare an input and write `$NAME`
    error: nothing was run:
      a.md:6: step `s`: `<PORT>` stands for a value
      hint: run it on a terminal, where it can be edited, or mend the document
    "#);
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}```bash {{#s}}\necho a\u{202e}b\n```\n")), @r#"
    exit 2
    warning[character]: in doubt, so not run: holds a mark that turns the direction of writing (U+202E)
     --> a.md:7:7
      |
    7 | echo a�b
      |       ^
      |
      = help: type the command again on a keyboard, in plain characters
    error: nothing was run:
      a.md:6: step `s`: holds a mark that turns the direction of writing (U+202E)
      hint: run it on a terminal, where it can be edited, or mend the document
    "#);
}

#[test]
fn a_document_of_nothing_but_prose() {
    insta::assert_snapshot!(refused("a.md", format!("{HEAD}Just words.\n\n```json\n{{}}\n```\n")), @r#"
    exit 2
    error: nothing would run in `a.md`
      hint: `runbook list` shows what the document holds
    "#);
}

#[test]
fn usage() {
    let fixture = Fixture::new().file("a.md", format!("{HEAD}```bash {{#s}}\ntrue\n```\n"));
    let say = |args: &[&str]| told(&fixture, &fixture.run(args));
    insta::assert_snapshot!(say(&["rnu", "a.md"]), @r#"
    exit 2
    error: unrecognized subcommand 'rnu'

    Usage: runbook <COMMAND>

    For more information, try '--help'.
    "#);
    // The hint speaks of what is on this machine.
    let missing = say(&["resume", "01ZZZZ"]);
    assert!(
        missing.starts_with("exit 2\nerror: no run is called `01ZZZZ` in `[DIR]/state`\n  hint: "),
        "{missing}"
    );
    insta::assert_snapshot!(say(&["resume", "last", "--decide", "s=maybe"]), @r#"
    exit 2
    error: `--decide s=maybe` decides nothing
      hint: write --decide s=done, s=rerun or s=skip
    "#);
    insta::assert_snapshot!(say(&["run", "a.md", "-C", "nowhere"]), @r#"
    exit 4
    error: the start folder `[DIR]/nowhere` is not there
      hint: make it, or name another with -C
    "#);
    assert!(fixture.runs().is_empty());
}

#[test]
fn a_command_with_a_nul_is_not_half_run() {
    let mut text = format!("{HEAD}```bash {{#s}}\necho a").into_bytes();
    text.extend_from_slice(b"\0b\n```\n");
    let fixture = Fixture::new().file("a.md", text);
    let outcome = fixture.run(&["run", "a.md"]);
    assert!([0, 1, 2].contains(&outcome.code), "{outcome}");
    assert!(!outcome.stderr.contains("panicked"));
}
