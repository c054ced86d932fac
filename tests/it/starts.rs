#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! How a step is started: as another user, with a file for its standard input.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use runbook::host::machine::find_account;

use crate::fixture::{Fixture, Outcome, skip};

/// A user that every system has, and that is not ours.
const OTHER: &str = "nobody";

fn is_root() -> bool {
    let is_root = rustix::process::getuid().is_root();
    if !is_root {
        skip("only root runs a step as another user");
    }
    is_root
}

/// A place that the other user may enter and write to.
fn shared() -> Fixture {
    let fixture = Fixture::new();
    fs::set_permissions(fixture.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    fixture
}

/// What the steps of `fences` print, and how the run ends; `LEDGER` is not written.
fn check(fixture: Fixture, fences: &[(&str, &str)]) -> (Fixture, Outcome) {
    let mut text = "---\nrunbook: 1\n---\n# Steps\n".to_owned();
    for (info, body) in fences {
        text.push_str(&format!("\n```{info}\n{body}\n```\n"));
    }
    let fixture = fixture.file("a.md", text);
    let outcome = fixture.run(&["run", "-v", "a.md"]);
    (fixture, outcome)
}

#[test]
fn a_step_of_another_user_is_that_user_in_every_way() {
    if !is_root() {
        return;
    }
    let home = find_account(OTHER).unwrap();
    let told = format!(
        "I am nobody {} {} home {} {} {}",
        home.uid, home.gid, home.home, home.name, home.name
    );
    let body = r#"echo "I am $(id -un) $(id -ru) $(id -rg) home $HOME $USER $LOGNAME"
echo "by its name" > /dev/stdout
echo "and beside it" > /dev/stderr
export LEFT=behind
touch made"#;
    let (fixture, outcome) = check(
        shared(),
        &[
            ("bash {#theirs user=nobody}", body),
            ("bash {#ours}", r#"echo "$(id -ru) $HOME ${LEFT-nothing}""#),
        ],
    );
    outcome
        .code(0)
        .says(&told)
        .says("by its name")
        .says("and beside it")
        .says(&format!("0 {} nothing", fixture.path("home").display()))
        .says("bash as nobody");
    let made = std::os::unix::fs::MetadataExt::uid(&fs::metadata(fixture.path("made")).unwrap());
    assert_eq!(made, home.uid);
}

#[test]
fn a_step_of_another_user_has_no_group_and_no_capability_of_ours() {
    if !is_root() {
        return;
    }
    let body = "grep -E '^(Groups|Cap(Eff|Prm|Amb))' /proc/self/status | tr -s '\\t ' ' '";
    let (_, outcome) = check(shared(), &[("bash {#who user=nobody}", body)]);
    let groups = find_account(OTHER).unwrap().groups;
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    outcome
        .code(0)
        .says(&format!("Groups: {}", groups.join(" ")))
        .says("CapPrm: 0000000000000000")
        .says("CapEff: 0000000000000000")
        .says("CapAmb: 0000000000000000");
}

#[test]
fn every_language_runs_as_another_user() {
    if !is_root() {
        return;
    }
    let (_, outcome) = check(
        shared(),
        &[
            ("sh {#sh user=nobody}", "echo \"sh $(id -un)\""),
            (
                "python {#py user=nobody}",
                "import os\nprint('python', os.getuid() != 0, os.environ['LOGNAME'])",
            ),
        ],
    );
    outcome.code(0).says("sh nobody").says("python True nobody");
}

#[test]
fn what_the_other_user_may_not_enter_or_read_fails_and_says_so() {
    if !is_root() {
        return;
    }
    let fixture = shared().file("secret.txt", "for root alone\n");
    let closed = fs::Permissions::from_mode(0o600);
    fs::set_permissions(fixture.path("secret.txt"), closed).unwrap();
    let (fixture, outcome) = check(
        fixture,
        &[("bash {#read user=nobody stdin=secret.txt}", "cat")],
    );
    let text = outcome
        .code(1)
        .says("cannot read `secret.txt` in")
        .says("as `nobody` for its")
        .says("standard input: Permission denied")
        .to_string();
    assert!(!text.contains("for root alone"), "{text}");
    fs::create_dir(fixture.path("shut")).unwrap();
    let closed = fs::Permissions::from_mode(0o700);
    fs::set_permissions(fixture.path("shut"), closed).unwrap();
    check(fixture, &[("bash {#go user=nobody cwd=shut}", "pwd")])
        .1
        .code(1)
        .says("shut` as `nobody`:\n    Permission denied");
}

#[test]
fn a_user_that_is_not_there_is_told_before_step_one() {
    let (fixture, outcome) = check(
        Fixture::new(),
        &[
            ("bash {#first}", "touch ran"),
            ("bash {#theirs user=no-such-user}", "true"),
        ],
    );
    outcome
        .code(4)
        .says("user `no-such-user` for `theirs` (line 10)");
    assert!(!fixture.path("ran").exists());
}

#[test]
fn who_is_not_root_is_told_before_step_one_and_shown_a_way() {
    let text = "---\nrunbook: 1\n---\n# A\n```bash {#first}\ntouch ran\n```\n```bash {#theirs user=root}\ntrue\n```\n```bash {#mine user=nobody}\nid -un\n```\n";
    let fixture = shared().file("a.md", text);
    if !is_root() {
        return;
    }
    let nobody = find_account(OTHER).unwrap();
    let state = fixture.path("of-nobody");
    let run = |args: &[&str]| {
        let command = fixture.command(args).env("RUNBOOK_STATE", &state);
        command.user(nobody.uid, nobody.gid).run()
    };
    run(&["run", "a.md"])
        .code(4)
        .says("only root can run a step as another user:")
        .says("a.md:8: step `theirs`: user `root`")
        .says("write `sudo -u root …` in the step");
    assert!(!fixture.path("ran").exists());
    // To run as oneself nobody need be root.
    run(&["run", "-v", "a.md", "--only", "mine"])
        .code(0)
        .says("│ nobody");
}

#[test]
fn standard_input_is_the_file_or_empty() {
    let fixture = Fixture::new().file("data/rows.csv", "one\ntwo\n");
    let (_, outcome) = check(
        fixture,
        &[
            ("bash {#nothing}", "wc -c"),
            ("bash {#rows stdin=data/rows.csv}", "sort -r"),
            (
                "bash {#below cwd=data stdin=rows.csv}",
                "read -r first; echo \"first: $first\"",
            ),
            (
                "python {#py stdin=data/rows.csv}",
                "import sys\nprint('python read', len(sys.stdin.read()))",
            ),
        ],
    );
    outcome
        .code(0)
        .says("│ 0\n")
        .says("│ two\n  │ one\n")
        .says("first: one")
        .says("python read 8")
        .says("bash < data/rows.csv");
}

#[test]
fn a_standard_input_that_is_not_there_fails_the_step_by_its_name() {
    let (_, outcome) = check(
        Fixture::new(),
        &[
            ("bash {#make}", "echo made > later.txt"),
            ("bash {#later stdin=later.txt}", "cat"),
            ("bash {#never stdin=no/such.txt}", "echo ran"),
        ],
    );
    let text = outcome
        .code(1)
        .says("│ made")
        .says("cannot read `no/such.txt` in")
        .says("for its standard input:\n    No such file or directory")
        .to_string();
    assert!(!text.contains("│ ran"), "{text}");
}

#[test]
fn standard_input_is_a_file_and_not_what_another_step_printed() {
    check(
        Fixture::new(),
        &[
            ("bash {#dump}", "touch ran"),
            ("bash {#load stdin=\"#dump\"}", "cat"),
        ],
    )
    .1
    .code(2)
    .says("`stdin` wants a file; what a step printed is not handed on");
}

/// A fixture whose user has these rows of `[interpreters]`.
fn configured(rows: &str) -> Fixture {
    Fixture::new().file(
        "home/.config/runbook/config.toml",
        format!("[interpreters]\n{rows}"),
    )
}

#[test]
fn an_interpreter_of_the_users_own_runs_the_body_as_it_stands() {
    let fixture = configured("count = \"awk -f {}\"\nupper = [\"tr\", \"a-z\", \"A-Z\"]\n")
        .file("rows.txt", "1\n2\n3\n");
    let (_, outcome) = check(
        fixture,
        &[
            (
                "awk {#sum with=count stdin=rows.txt}",
                "{ sum += $1 }\nEND { print \"sum\", sum, ENVIRON[\"FROM\"] }",
            ),
            ("text {#loud with=upper env=\"A=1\"}", "said aloud"),
            ("bash {#after}", "echo \"after: ${A-nothing}\""),
        ],
    );
    outcome
        .code(0)
        .says("sum 6")
        .says("SAID ALOUD")
        .says("after: nothing")
        .says("count < rows.txt");
}

#[test]
fn an_interpreter_that_nobody_configured_is_told_before_step_one_with_a_way_out() {
    let steps = [
        ("bash {#first}", "touch ran"),
        ("ruby {#near with=rubi}", "puts 1"),
        ("perl {#far with=perl}", "print 1"),
    ];
    let (fixture, outcome) = check(configured("ruby = \"ruby {}\"\n"), &steps);
    let text = fixture.normalise(
        &outcome
            .code(2)
            .says("no interpreter is called `rubi` in your configuration")
            .says("did you mean `ruby`?")
            .says("no interpreter is called `perl` in your configuration")
            .says("add a row to `[interpreters]` of")
            .to_string(),
    );
    assert!(text.contains("perl = \"program {}\""), "{text}");
    assert!(!fixture.path("ran").exists());
}

#[test]
fn an_interpreter_whose_program_is_missing_is_a_matter_of_the_machine() {
    let (fixture, outcome) = check(
        configured("deploy = \"no-such-program {}\"\n"),
        &[
            ("bash {#first}", "touch ran"),
            ("sh {#it with=deploy}", "x"),
        ],
    );
    outcome
        .code(4)
        .says("no-such-program, interpreter `deploy` of `it` (line 10)");
    assert!(!fixture.path("ran").exists());
}

#[test]
fn an_interpreter_that_reads_its_text_from_standard_input_has_no_other() {
    check(
        configured("upper = \"tr a-z A-Z\"\n"),
        &[("text {#it with=upper stdin=a.md}", "x")],
    )
    .1
    .code(2)
    .says("interpreter `upper` reads its text from standard input itself");
    let (_, outcome) = check(
        configured("upper = \"tr a-z A-Z\"\n"),
        &[
            ("node {#js stdin=a.md}", "1"),
            ("text {#shown with=upper template}", "{{ run.id }}"),
        ],
    );
    outcome
        .code(2)
        .says("node reads its text there")
        .says("nobody knows how its interpreter quotes a value");
}

#[test]
fn a_plain_document_names_no_interpreter() {
    let fixture =
        configured("upper = \"tr a-z A-Z\"\n").file("a.md", "# A\n```sh {with=upper}\nls\n```\n");
    fixture
        .run(&["run", "a.md", "A", "--yes"])
        .code(2)
        .says("`with` is read in declared runbooks only");
}

#[test]
fn a_console_that_is_given_a_file_is_of_unknown_effect_and_wants_nobody() {
    let text = "---\nrunbook: 1\n---\n# A\n```bash {#load stdin=dump.sql}\npsql shop\n```\n";
    let fixture = Fixture::new().file("a.md", text);
    fixture.run(&["list", "a.md"]).code(0).says("unknown");
    let listed = fixture.run(&["list", "a.md", "--json"]).code(0).stdout;
    assert!(
        listed.contains("it does what stands in its standard input"),
        "{listed}"
    );
}

#[test]
fn what_another_user_leaves_behind_reaches_no_step_of_ours() {
    if !is_root() {
        return;
    }
    // Whoever is that user can write where the shell leaves its environment.
    let body = "export LD_PRELOAD=/tmp/evil.so PATH=/tmp/evil:$PATH\ncd /tmp\n\
                printf 'S\\0\\0\\0/tmp\\0declare -x FORGED=\"yes\"\\n' > /proc/$$/fd/19";
    let (fixture, outcome) = check(
        shared(),
        &[
            ("bash {#theirs user=nobody}", body),
            (
                "bash {#ours}",
                r#"case $PATH in *evil*) echo "found it";; esac; echo "${LD_PRELOAD-none} ${FORGED-none} in $PWD""#,
            ),
        ],
    );
    let path = fixture.path("");
    let told = format!("none none in {}", path.display());
    let text = outcome.code(0).says(told.trim_end_matches('/')).to_string();
    assert!(!text.contains("found it"), "{text}");
}
