//! Templates, and steps that run once for every row of a table, from outside.

use std::fs;

use runbook::event::EventKind;

use crate::fixture::{Fixture, Outcome};

/// Runs the document with these arguments; returns how it ended, and what its steps printed.
fn run(text: &str, args: &[&str]) -> (Fixture, Outcome, String) {
    let fixture = Fixture::new().file("a.md", text);
    let outcome = fixture.run(&[&["run", "a.md"], args].concat());
    let mut printed = String::new();
    if let Some(folder) = fixture.runs().first() {
        let mut logs: Vec<_> = fs::read_dir(folder.join("output"))
            .into_iter()
            .flatten()
            .map(|it| it.unwrap().path())
            .filter(|it| it.extension().is_some_and(|it| it == "log"))
            .collect();
        logs.sort();
        for log in logs {
            let name = log.file_name().unwrap().to_str().unwrap().to_owned();
            printed.push_str(&format!("{name}: {}", fs::read_to_string(log).unwrap()));
        }
    }
    (fixture, outcome, printed)
}

const INPUTS: &str = "---\nrunbook: 1\ninputs:\n  name: {}\n  hosts: { type: list, default: [a, b] }\n  note: { required: false }\n---\n# A\n\n";

#[test]
fn a_template_is_rendered_recorded_and_run_and_its_values_are_no_code() {
    let text = format!(
        "{INPUTS}```bash {{#s template}}\necho {{{{ name }}}} \"{{{{ name }}}}\"{{% for h in hosts %}} {{{{ h }}}}{{% endfor %}} {{{{ run.title }}}}\n```\n\n\
         ```bash {{#plain}}\necho '{{{{.Names}}}}' '{{{{ name }}}}'\n```\n"
    );
    let hostile = "$(touch hit); `touch hit` 'q' \"";
    let (fixture, outcome, printed) = run(&text, &["--set", &format!("name={hostile}")]);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(
        printed,
        format!("plain-1.log: {{{{.Names}}}} {{{{ name }}}}\ns-1.log: {hostile} {hostile} a b A\n")
    );
    assert!(!fixture.path("hit").exists());
    let recorded = fixture.happened().into_iter().find_map(|it| match it {
        EventKind::StepFilled { step, body, .. } => Some((step, body)),
        _ => None,
    });
    let (step, body) = recorded.expect("what runs is recorded");
    assert_eq!(step.as_str(), "s");
    assert!(
        body.contains("'$(touch hit); `touch hit` '\\''q'\\'' \"'"),
        "{body}"
    );
}

#[test]
fn what_is_wrong_with_a_template_is_told_before_step_one() {
    let told = |body: &str, args: &[&str]| {
        let first = "```bash {#first}\necho first >> ran\n```\n\n";
        let text = format!("{INPUTS}{first}```bash {{#s template}}\n{body}\n```\n");
        let (fixture, outcome, _) = run(&text, &[&["--set", "name=x;y"], args].concat());
        assert_eq!(outcome.code, 2, "{outcome}");
        assert!(
            !fixture.path("ran").exists() && fixture.runs().is_empty(),
            "{outcome}"
        );
        fixture.normalise(&outcome.stderr)
    };
    let shown = [
        told("echo {{ nmae }}", &[]),
        told("echo {{ name", &[]),
        told("echo a\n  echo {{ note }}", &[]),
        told(
            "echo ok {{ note | default('-') }}\necho $(( {{ name }} ))",
            &[],
        ),
    ];
    insta::assert_snapshot!(shown.join("--\n"));
}

#[test]
fn a_step_runs_once_for_every_row_and_each_row_has_its_own_verdict() {
    let text = "---\nrunbook: 1\n---\n# Hosts\n\n| Host | Dirección IP |\n|---|---|\n| web1 | `192.0.2.1` |\n| web2 | 192.0.2.2 |\n| web3 | 192.0.2.3 |\n\n\
        # Check\n\n```bash {#check each=#hosts env=\"A=1\"}\necho \"$host $direccion_ip $A\"\n[ \"$host\" != web2 ] || [ -e fixed ]\n```\n\n```bash {#end}\necho end\n```\n";
    let (fixture, outcome, printed) = run(text, &[]);
    assert_eq!(outcome.code, 1, "{outcome}");
    assert_eq!(
        printed,
        "check.web1-1.log: web1 192.0.2.1 1\ncheck.web2-1.log: web2 192.0.2.2 1\n"
    );
    fixture.write("fixed", "");
    fixture.run(&["resume", "--retry-failed"]).code(0);
    assert!(fixture.folder().join("output/check.web3-1.log").exists());
    assert!(
        !fixture.folder().join("output/check.web1-2.log").exists(),
        "a row that is ok runs once"
    );
    let (_, outcome, printed) = run(text, &["--only", "check", "--skip", "check.web2"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(
        printed,
        "check.web1-1.log: web1 192.0.2.1 1\ncheck.web3-1.log: web3 192.0.2.3 1\n"
    );
}

#[test]
fn a_table_that_is_missing_is_an_error_before_step_one() {
    let text = "---\nrunbook: 1\n---\n# Host\n\n| a |\n|---|\n| x |\n\n```bash {#s each=#hosts}\necho s >> ran\n```\n";
    let (fixture, outcome, _) = run(text, &[]);
    assert_eq!(outcome.code, 2, "{outcome}");
    assert!(fixture.runs().is_empty());
    insta::assert_snapshot!(fixture.normalise(&outcome.stderr));
}

/// A run of a document whose transcript `template` writes, until it ends with `code`.
fn handed_over(template: &str, code: i32) -> (Fixture, Outcome, String) {
    let document = "---\nrunbook: 1\ntranscript: pages/handover.md.j2\ninputs:\n  who: { default: \"*ana*\" }\n  key: { secret: true, from: \"env:KEY\" }\n---\n# Shop\n\n```bash {#a}\necho \"for $who with $key\"\n```\n```rhai\nstep.stdout.contains(\"for\")\n```\n";
    let fixture = Fixture::new()
        .file("a.md", document)
        .file("pages/handover.md.j2", template)
        .env("KEY", "hunter2-and-more");
    let outcome = fixture.run(&["run", "a.md"]).code(code);
    let transcript = match fixture.runs().pop() {
        Some(run) => fs::read_to_string(run.join("transcript.md")).unwrap(),
        None => String::new(),
    };
    (fixture, outcome, transcript)
}

#[test]
fn a_transcript_is_written_by_the_template_of_its_document() {
    let template = "# {{ run.title }}: {{ run.result }}\n{% for it in inputs %}\n{{ it.name }} is {{ it.value }}\n{% endfor %}\n{% for step in steps %}\n{{ step.attempts[0].output | fence }}\n{{ step.attempts[0].checks[0].holds }}\n{% endfor %}\n{% for it in record %}\n{{ it.what }}\n{% endfor %}\n";
    let (fixture, outcome, transcript) = handed_over(template, 0);
    assert!(!outcome.stderr.contains("warning"), "{outcome}");
    let (page, evidence) = transcript.split_once("\n## Evidence\n").unwrap();
    let told = "# Shop: passed\nwho is \\*ana\\*\n```text\nfor *ana* with ***\n```\n\ntrue\nvalue of key: \\*\\*\\* (by ";
    assert!(page.starts_with(told), "{page}");
    assert!(evidence.contains("Head of the chain"), "{evidence}");
    fixture.run(&["verify", "last"]).code(0);
    // Whatever becomes of the file, the run is told the same way.
    fixture.write("pages/handover.md.j2", "changed");
    fixture.run(&["note", "last", "all well"]).code(2);
}

#[test]
fn a_note_is_told_by_the_template_that_the_run_began_with() {
    let template = "{% for it in record %}\n{{ it.what }}\n{% endfor %}\n";
    let document = "---\nrunbook: 1\ntranscript: page.j2\n---\n# A\n```bash {#a}\nfalse\n```\n";
    let fixture = Fixture::new()
        .file("a.md", document)
        .file("page.j2", template);
    fixture.run(&["run", "a.md"]).code(1);
    fixture.write("page.j2", "changed");
    fixture.run(&["note", "last", "all *well*"]).code(0);
    let transcript = fs::read_to_string(fixture.folder().join("transcript.md")).unwrap();
    assert!(transcript.contains(": all \\*well\\*\n"), "{transcript}");
}

#[test]
fn a_template_that_fails_at_the_end_never_breaks_a_run() {
    for (template, because) in [
        ("\n{{ steps[7].title }}", "line 2: undefined value"),
        ("{{ run.title | nofilter }}", "line 1: unknown filter"),
        (
            "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
            "line 1: it does not come to an end",
        ),
    ] {
        let (fixture, outcome, transcript) = handed_over(template, 0);
        outcome.says(&format!(
            "warning: the transcript is not written by its template: {because}"
        ));
        assert!(
            transcript.contains("## Versions and environment"),
            "{transcript}"
        );
        fixture.run(&["verify", "last"]).code(0);
    }
}

#[test]
fn a_template_that_is_wrong_or_not_there_is_told_before_step_one() {
    let (fixture, outcome, _) = handed_over("a\n{% for it in stpes %}{% endfor %}", 2);
    outcome.says("`pages/handover.md.j2`, line 2: nothing is called `stpes`");
    assert!(fixture.runs().is_empty());
    let found = fixture.run(&["lint", "a.md"]).code(2);
    found
        .says("error[transcript]: `pages/handover.md.j2`, line 2: nothing is called `stpes`")
        .says("a.md:3:13")
        .says("did you mean `steps`?");
    fs::remove_file(fixture.path("pages/handover.md.j2")).unwrap();
    let outcome = fixture.run(&["run", "a.md"]).code(2);
    outcome.says("cannot read `pages/handover.md.j2`, the template of the transcript");
    assert!(fixture.runs().is_empty());
}

#[test]
fn the_template_of_the_documentation_tells_a_run() {
    let page = crate::docs::read("docs/record.md");
    let (_, rest) = page.split_once("```jinja\n").unwrap();
    let (template, _) = rest.split_once("```\n").unwrap();
    let (_, outcome, transcript) = handed_over(template, 0);
    assert!(!outcome.stderr.contains("warning"), "{outcome}");
    assert!(transcript.contains("| Shop | ✓ ok |"), "{transcript}");
}
