use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::{
    FUNCTIONS, Facts, Judgement, Known, Patience, RunFacts, STANDARD, StepFacts, compile, holds,
    judge,
};
use crate::event::Verdict;
use crate::model::{Check, Expression, Fact, Judged, Probe, Span, StepId, Tag};

/// The line that every script of these tests begins on.
const LINE: u32 = 10;

fn expression(source: &str) -> Expression {
    Expression {
        source: source.to_owned(),
        span: Span::default(),
        line: LINE,
    }
}

fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let entries = entries.iter();
    entries
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

/// A world in which most things are known.
struct World {
    step: StepFacts,
    steps: BTreeMap<StepId, StepFacts>,
    inputs: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
    run: RunFacts,
    probed: Vec<(Probe, Fact)>,
    patience: Patience,
}

impl World {
    fn new() -> Self {
        let step = StepFacts {
            status: Some(0),
            stdout: "{\"status\":\"ok\"}\n".into(),
            stderr: "a warning\n".into(),
            ms: 1500,
            attempt: 2,
            verdict: Some(Verdict::Ok),
            values: texts(&[("token", "t1")]),
            ..StepFacts::default()
        };
        let url = "http://127.0.0.1:8000/health".to_owned();
        let found = |value: serde_json::Value| Fact::Found(value);
        Self {
            steps: BTreeMap::from([
                (StepId::new("build").unwrap(), step.clone()),
                (
                    StepId::new("de-ploy").unwrap(),
                    StepFacts {
                        signal: Some(9),
                        ..StepFacts::default()
                    },
                ),
            ]),
            step,
            patience: Patience::endless(),
            inputs: texts(&[("version", "v1.2"), ("replicas", "3")]),
            values: texts(&[("address", "10.0.0.5")]),
            run: RunFacts {
                id: "01J".into(),
                title: "Deploy".into(),
                document: "deploy.md".into(),
                folder: "/srv".into(),
            },
            probed: vec![
                (Probe::Now, found(json!(1_767_322_800_000_i64))),
                (
                    Probe::Http { url },
                    found(
                        json!({"status": 200, "body": "{\"up\":true}", "headers": {"server": "x"}, "ms": 3, "error": ""}),
                    ),
                ),
                (
                    Probe::Tcp {
                        host: "127.0.0.1".into(),
                        port: 5432,
                    },
                    found(json!({"open": true, "error": ""})),
                ),
                (
                    Probe::Tcp {
                        host: "127.0.0.1".into(),
                        port: 1,
                    },
                    Fact::Failed("timed out".into()),
                ),
                (
                    Probe::File {
                        path: "app.conf".into(),
                    },
                    found(
                        json!({"exists": true, "kind": "file", "size": 3, "mode": "0640", "owner": "root", "mtime": 1_767_322_800_000_i64}),
                    ),
                ),
                (
                    Probe::Text {
                        path: "app.conf".into(),
                    },
                    found(json!({"text": "a\nport 80\n", "error": ""})),
                ),
                (
                    Probe::Cert {
                        of: "example.org:443".into(),
                    },
                    found(
                        json!({"days_left": 30, "not_after": 1_769_914_800_000_i64, "subject": "example.org", "issuer": "x", "names": ["example.org"]}),
                    ),
                ),
                (
                    Probe::Disk { path: "/".into() },
                    found(
                        json!({"size": 100, "free": 3_000_000_000_i64, "used": 5, "used_percent": 5}),
                    ),
                ),
                (
                    Probe::Disk {
                        path: "/gone".into(),
                    },
                    Fact::Failed("no such file".into()),
                ),
            ],
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            step: Some(&self.step),
            steps: &self.steps,
            inputs: &self.inputs,
            values: &self.values,
            run: &self.run,
            probed: &self.probed,
            patience: &self.patience,
        }
    }
}

fn told(judgement: &Judgement) -> String {
    let judged = match judgement {
        Judgement::Needs(probes) => return format!("needs {probes:?}"),
        Judgement::Judged(judged) => judged,
    };
    if judged.holds {
        return "holds".to_owned();
    }
    let mut text = format!(
        "{}: {} | {}",
        judged.line, judged.expression, judged.message
    );
    if let (Some(left), Some(right)) = (&judged.left, &judged.right) {
        write!(text, " | {left:?} {right:?}").unwrap();
    }
    for run in &judged.diff {
        let mark = match run.tag {
            Tag::Same => ' ',
            Tag::Left => '-',
            Tag::Right => '+',
        };
        write!(text, "\n    {mark}{}", run.text.trim_end()).unwrap();
    }
    text
}

/// What a fence comes to.
fn check(source: &str) -> String {
    let world = World::new();
    told(&judge(&Check::Script(expression(source)), &world.facts()))
}

#[test]
fn every_example_of_the_table_holds() {
    for function in FUNCTIONS {
        assert_eq!(check(function.example), "holds", "{}", function.example);
        assert!(function.form.starts_with(function.name));
        assert!(!function.meaning.contains('|'));
    }
}

#[test]
fn a_probe_without_its_fact_asks_for_it() {
    for function in FUNCTIONS {
        let world = World::new();
        let facts = Facts {
            probed: &[],
            ..world.facts()
        };
        let judgement = judge(&Check::Script(expression(function.example)), &facts);
        let asks = matches!(&judgement, Judgement::Needs(probes) if probes.len() == 1);
        assert_eq!(asks, function.is_probe, "{}", function.example);
    }
}

#[test]
fn scripts_see_the_step_the_steps_the_inputs_and_the_run() {
    for source in [
        "step.status == 0 && step.signal == () && step.ms < duration(\"2s\") && step.attempt == 2",
        "json(step.stdout).status == \"ok\"",
        "step.stderr.contains(\"warning\") && step.verdict == \"ok\" && !step.truncated",
        "step.values.token == \"t1\"",
        "steps[\"build\"].status == 0 && steps.build.verdict == \"ok\"",
        "steps[\"de-ploy\"].signal == 9 && steps[\"de-ploy\"].status == ()",
        "inputs.version == \"v1.2\" && inputs[\"replicas\"] == \"3\" && \"version\" in inputs",
        "values.address.starts_with(\"10.\")",
        "run.id == \"01J\" && run.title == \"Deploy\" && run.document == \"deploy.md\"",
        "steps.contains(\"build\") && !steps.contains(\"x\") && steps.keys().len() == 2",
        "let rows = table(\"A B\\n1 2\\n3 4\"); rows.all(|r| number(r.A) > 0) && rows.map(|r| r.b).len() == 2",
        "fn twice(x) { x * 2 } twice(2) == 4",
        "let n = 0; for line in lines(\"a\\nb\") { n += 1; } n == 2",
        "now() - date(\"2026-01-02\") == duration(\"3h\") && now() > \"2026-01-01\"",
        "cert(\"example.org:443\").not_after > now() + duration(\"20d\")",
        "!tcp(\"127.0.0.1\", 1)",
        "http(\"http://127.0.0.1:8000/health\").json.up",
        "version(\"v1.10\") > \"1.9\" && version(\"1.0\") == version(\"1.0.0\")",
        "groups(\"a=1\", \"(.)=(.)\")[2] == \"1\" && groups(\"x\", \"(y)\") == ()",
        "`${version(\"1.2\")} ${date(\"2026-01-02\")}` == \"1.2 2026-01-02T00:00:00Z\"",
        "1 == 1.0 && 0.5 < 1",
        "assert(true); 5",
    ] {
        assert_eq!(check(source), "holds", "{source}");
    }
}

#[test]
fn what_fails_shows_its_line_both_sides_and_their_difference() {
    let shown: String = [
        "assert(step.status == 0);\nassert(step.attempt > 2 + 1, \"tries\");",
        "assert(step.status == 0 && step.ms < 10)",
        "let body = json(step.stdout);\n\nassert_eq(\n  body.status,\n  \"down\", \"the API is up\");",
        "assert_eq(step.stdout, \"{\\\"status\\\":\\\"ok\\\"}\")",
        "assert_eq(inputs.replicas, 3)",
        "assert_eq(\"a\\nb\\nc\\n\", \"a\\nB\\nc\\n\")",
        "assert_eq(json(\"[1,2]\"), #{a: 1})",
        "assert_ne(step.status, 0)",
        "assert_match(step.stderr, \"^error\")",
        "assert(step.stdout)",
        "let x = 1;\nx == 2",
        "false",
        "step.status == 0 &&\n  step.attempt == 3",
        "if step.status == 0 { false } else { true }",
        "try { assert_eq(1, 2) } catch { } true",
    ]
    .iter()
    .map(|source| check(source) + "\n")
    .collect();
    insta::assert_snapshot!(shown);
}

#[test]
fn what_errs_loops_or_grows_fails_with_its_line() {
    let shown: String = [
        "let x = 1;\nloop { }",
        "fn f(n) {\n  f(n + 1)\n}\nf(1)",
        "let t = \"x\";\nloop { t += t; }",
        "let t = [1];\nloop { t += t; }",
        "let t = [];\nloop { t = [t, t]; }",
        "let x = ();\nx.y.z",
        "let m = #{a: 1};\nm.b",
        "json(\"nothing\")",
        "json(\"\")",
        "yaml(\"a: [\")",
        "matches(\"a\", \"(\")",
        "matches(\"a\", \"(a{1000}){1000}\")",
        "bytes(\"many\")",
        "date(\"soon\")",
        "version(\"latest\")",
        "disk(\"/gone\").free > 0",
        "steps[\"biuld\"].status == 0",
        "tcp(\"h\", 70000)",
        "1 / 0",
        "9223372036854775807 + 1",
        "[1, 2][5]",
        "throw \"by hand\"",
        "assert_eq(bytes(1, 2), 3)",
        "sleep(1)",
        "exit(true)",
        "let f = |x| x.nothing(); f.call(1)",
        "step.stdout.len(",
        "x",
        "import \"a\" as b;",
        "eval(\"1\")",
        "",
    ]
    .iter()
    .map(|source| check(source) + "\n")
    .collect();
    insta::assert_snapshot!(shown);
}

#[test]
fn a_condition_wants_true_or_false() {
    let world = World::new();
    let check = |source: &str| told(&holds(&expression(source), &world.facts()));
    assert_eq!(check("step.status == 0"), "holds");
    assert_eq!(
        check("step.status"),
        "10: step.status | it gives a number, not true or false"
    );
    assert_eq!(
        check("step.status == 1"),
        "10: step.status == 1 | it does not hold | \"0\" \"1\""
    );
    let before = Facts {
        step: None,
        ..world.facts()
    };
    assert_eq!(
        told(&holds(&expression("inputs.replicas == \"3\""), &before)),
        "holds"
    );
    let judged = told(&holds(&expression("step.status == 0"), &before));
    assert!(judged.starts_with("10: step.status == 0"), "{judged}");
}

#[test]
fn a_check_is_judged_again_from_what_was_recorded() {
    let source = "assert(now() > date(\"2026-01-01\")); assert(tcp(\"127.0.0.1\", 5432)); disk(\"/\").used_percent < 3";
    let script = Check::Script(expression(source));
    let world = World::new();
    let mut probed: Vec<(Probe, Fact)> = Vec::new();
    let mut rounds = 0;
    let first = loop {
        match judge(
            &script,
            &Facts {
                probed: &probed,
                ..world.facts()
            },
        ) {
            Judgement::Judged(judged) => break judged,
            Judgement::Needs(probes) => {
                rounds += 1;
                for probe in probes {
                    let known = world.probed.iter().find(|(it, _)| *it == probe).unwrap();
                    probed.push(known.clone());
                }
            }
        }
    };
    assert_eq!(rounds, 3);
    let stored = serde_json::to_string(&probed).unwrap();
    let probed: Vec<(Probe, Fact)> = serde_json::from_str(&stored).unwrap();
    let again = judge(
        &script,
        &Facts {
            probed: &probed,
            ..world.facts()
        },
    );
    assert_eq!(again, Judgement::Judged(first.clone()));
    let stored = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<Judged>(&stored).unwrap(), first);
    assert!(!first.holds);
}

#[test]
fn what_was_not_there_to_be_looked_at_is_told_with_what_does_not_hold() {
    let mut world = World::new();
    let url = "http://127.0.0.1:1/".to_owned();
    world.probed.extend([
        (
            Probe::Http { url },
            Fact::Found(json!({"error": "connection refused", "ms": 1})),
        ),
        (
            Probe::Tcp {
                host: "db".into(),
                port: 5432,
            },
            Fact::Found(json!({"open": false, "error": "no such name"})),
        ),
    ]);
    let check = |source: &str| told(&judge(&Check::Script(expression(source)), &world.facts()));
    assert_eq!(
        check("assert_eq(http(\"http://127.0.0.1:1/\").status, 200)"),
        "10: assert_eq(http(\"http://127.0.0.1:1/\").status, 200) | nothing is never a number; `http://127.0.0.1:1/`: connection refused | \"()\" \"200\""
    );
    assert_eq!(
        check("tcp(\"db\", 5432)"),
        "10: tcp(\"db\", 5432) | it does not hold; `db`: no such name"
    );
    // What another line looked at is not told.
    assert_eq!(
        check("tcp(\"db\", 5432); 1 == 2"),
        "10: 1 == 2 | it does not hold | \"1\" \"2\""
    );
}

#[test]
fn a_script_that_outlasts_the_clock_falls_at_its_line_and_falls_again_on_a_faster_machine() {
    let source = "let sum = 0;\nfor number in 0..1000 {\n  sum += number;\n}\ntrue";
    let script = Check::Script(expression(source));
    let mut world = World::new();
    assert_eq!(told(&judge(&script, &world.facts())), "holds");
    // A second passes whenever somebody looks.
    let seconds = Cell::new(0);
    world.patience = Patience::new(Duration::from_secs(10), move || {
        Duration::from_secs(seconds.replace(seconds.get() + 1))
    });
    let Judgement::Needs(asked) = judge(&script, &world.facts()) else {
        panic!("it is asked for the fact that its time is over");
    };
    let [Probe::Patience { script: 10, line }] = asked[..] else {
        panic!("{asked:?}");
    };
    assert!((11..=12).contains(&line), "{line}");
    world.patience = Patience::endless();
    world
        .probed
        .push((asked[0].clone(), Fact::Found(json!(10_000))));
    let again = told(&judge(&script, &world.facts()));
    assert!(again.starts_with(&format!("{line}: ")), "{again}");
    assert!(
        again.ends_with("| it had not ended after 10 s, and was ended"),
        "{again}"
    );
    // Another script is not meant.
    let mut other = expression("true");
    other.line = 30;
    assert_eq!(told(&holds(&other, &world.facts())), "holds");
}

/// The faults of an expression, each with what is marked.
fn faults(source: &str, has_step: bool) -> String {
    let steps = BTreeSet::from(["build", "de-ploy"]);
    let inputs = BTreeSet::from(["version", "replicas"]);
    let values = BTreeSet::from(["address"]);
    let known = Known {
        steps: &steps,
        inputs: &inputs,
        values: &values,
        has_step,
    };
    let faults = compile(&expression(source), &known);
    let told = faults.iter().map(|fault| {
        let marked = &source[fault.range.clone()];
        format!("{marked:?}: {} → {}\n", fault.message, fault.way_out)
    });
    told.collect()
}

#[test]
fn names_that_do_not_exist_are_told_with_what_was_meant() {
    let shown: String = [
        "assert(stpe.status == 0);\nstatus == version;",
        "build.status == 0 && nothing",
        "step.stauts == 0 && step.colour",
        "steps[\"biuld\"].status == 0",
        "steps.biuld.status == 0",
        "steps[\"de-ploy\"].stauts",
        "inputs.verison == \"1\" && inputs[\"replica\"] && values.adress",
        "run.nmae",
        "assert(asert(1))",
        "jsn(step.stdout).x",
        "step.stdout.contians(\"x\")",
        "tcp(\"h\")",
        "matches(step.stdout, \"(\")",
        "step.stdout.matches(\"[\")",
        "assert(1 == 1",
        "let x = ;",
        "sleep(5); print(1)",
        "eval(\"1\")",
        "import \"x\" as y;",
        "let ñ = 1; ññ",
        "   ",
    ]
    .map(|source| [source, "\n", &faults(source, true)].concat())
    .concat();
    insta::assert_snapshot!(shown);
    insta::assert_snapshot!(faults("step.status == 0", false), @r#""step": unknown variable `step` → this is judged before its step has run: name another, `steps["id"]`"#);
}

#[test]
fn what_runs_has_no_faults() {
    for function in FUNCTIONS {
        assert_eq!(faults(function.example, true), "", "{}", function.example);
    }
    for source in [
        "fn f(x) { x.len() } let g = |y| f(y) > 2; g.call(\"abc\")",
        "for row in table(step.stdout) { assert(number(row.use_percent) < 90, row.mounted_on); }",
        "let m = #{a: 1}; m.a == 1 && m.keys().len() == 1",
        "steps[\"build\"].values.token == steps.build.values[\"token\"]",
        "[1, 2].filter(|x| x > 1).map(|x| x + 1) == [3]",
        "switch step.status { 0 => true, _ => false }",
        "inputs.keys().len() == 2 && step.values.x == ()",
    ] {
        assert_eq!(faults(source, true), "", "{source}");
    }
}

#[test]
fn the_names_of_the_language_are_sorted_and_none_is_ours() {
    let sorted = STANDARD.is_sorted();
    assert!(sorted);
    for function in FUNCTIONS {
        assert!(!STANDARD.contains(&function.name), "{}", function.name);
    }
}

fn of_a_script() -> impl Strategy<Value = String> {
    let parts = [
        "assert",
        "assert_eq",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "step",
        ".",
        "stdout",
        "status",
        "==",
        "!=",
        "<",
        "&&",
        "||",
        "!",
        "1",
        "0.5",
        "\"a\"",
        "'c'",
        "`x${",
        "}`",
        "let x =",
        "x",
        ";",
        ",",
        "loop",
        "while",
        "if",
        "else",
        "for",
        "in",
        "fn f(a)",
        "f",
        "|y|",
        "#{",
        "a:",
        "json",
        "table",
        "lines",
        "now()",
        "tcp(\"h\",1)",
        "steps",
        "inputs",
        "+",
        "-",
        "*",
        "/",
        "%",
        "try",
        "catch",
        "throw",
        "return",
        "..",
        "switch",
        "=>",
        "\n",
        " ",
        "()",
        "this",
        "?.",
        "\\",
        "/*",
        "//",
        "*/",
        "ñ",
        "sort",
        "push",
        "pad",
        "Fn(\"f\")",
        "call",
        "eval",
        "9999999999999999",
    ];
    proptest::collection::vec(proptest::sample::select(parts.to_vec()), 0..40)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_script_is_judged_and_its_line_is_of_the_fence(source in of_a_script()) {
        let world = World::new();
        if let Judgement::Judged(judged) = judge(&Check::Script(expression(&source)), &world.facts()) {
            let last = LINE + source.matches('\n').count() as u32;
            prop_assert!((LINE..=last).contains(&judged.line), "{judged:?}");
            let again = judge(&Check::Script(expression(&source)), &world.facts());
            prop_assert_eq!(again, Judgement::Judged(judged));
        }
        faults(&source, true);
    }

    #[test]
    fn any_characters_are_judged(source in "\\PC{0,60}") {
        let world = World::new();
        judge(&Check::Script(expression(&source)), &world.facts());
        faults(&source, false);
    }
}
