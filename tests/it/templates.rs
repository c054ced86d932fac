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
