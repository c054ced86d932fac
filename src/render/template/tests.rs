//! What templates say, and that no value becomes code: asked of real interpreters.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const BASH: Language = Language("bash");

fn context(values: &[(&str, Datum)]) -> Context {
    Context {
        inputs: values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        values: [("port".to_owned(), Datum::Number("8080".to_owned()))].into(),
        row: [("host".to_owned(), Datum::Text("web1".to_owned()))].into(),
        run: [("id".to_owned(), Datum::Text("01J".to_owned()))].into(),
        steps: [("build".to_owned(), build())].into(),
    }
}

fn build() -> BTreeMap<String, Datum> {
    let tag = ("tag".to_owned(), text("v1; rm"));
    [
        ("status".to_owned(), Datum::Number("0".to_owned())),
        ("values".to_owned(), Datum::Map(vec![tag])),
    ]
    .into()
}

fn text(text: &str) -> Datum {
    Datum::Text(text.to_owned())
}

/// What the template becomes with `v`, or what is wrong with it, with the place that is marked.
fn rendered(language: &'static str, body: &str, v: &Datum) -> String {
    let secret = Datum::Secret {
        variable: "password".to_owned(),
    };
    let list = Datum::List(vec![text("a b"), text("c")]);
    let context = context(&[("v", v.clone()), ("password", secret), ("list", list)]);
    match render(body, Language(language), &context) {
        Ok(filled) => filled.body,
        Err(fault) => shown(body, &fault),
    }
}

fn shown(body: &str, fault: &Fault) -> String {
    let marked = &body[fault.range.clone()];
    let way_out = fault.way_out.as_deref().unwrap_or("-");
    format!(
        "! {}: {} @ {marked:?} → {way_out}",
        fault.rule, fault.message
    )
}

#[test]
fn a_value_is_written_for_the_language_and_the_place() {
    let hostile = text("it's \"$(id)\" `x` \\ ; a");
    let cases = [
        ("bash", "echo {{ v }} \"{{ v }}\" '{{ v }}' a{{ v }}b"),
        (
            "bash",
            "cat <<EOF\n- {{ v }}\nEOF\ncat <<'EOF'\n- {{ v }}\nEOF\n",
        ),
        (
            "bash",
            "for x in {{ list }}; do echo {{ list | join(',') }}; done",
        ),
        (
            "bash",
            "{% for x in list %}echo {{ loop.index }} {{ x }}\n{% endfor %}",
        ),
        (
            "bash",
            "curl {{ host }}:{{ values.port }}/{{ run.id }} # {{ row.host }}",
        ),
        ("bash", "mysql -p{{ password }} -e '{{ port }}'"),
        (
            "bash",
            "{% if v is defined and v != 'x' %}echo {{ v | upper | trim }}{% endif %}",
        ),
        (
            "bash",
            "docker ps --format '{% raw %}{{.Names}}{% endraw %}'",
        ),
        ("bash", "{% set x %}[{{ v }}]{% endset %}echo '{{ x }}'"),
        (
            "bash",
            "{% macro m(a) %}-{{ a }}{% endmacro %}echo {{ m(v) }}",
        ),
        ("bash", "ls {{ '-la /tmp' | raw }}"),
        (
            "python",
            "x = {{ v }}; y = '{{ v }}'; z = {{ list }}; n = {{ port }}",
        ),
        ("node", "const x = {{ v }}, y = `{{ v }}`, z = {{ list }}"),
        ("powershell", "Write-Host {{ v }} \"{{ v }}\" {{ list }}"),
        (
            "json",
            "{\"a\": {{ v }}, \"b\": \"x{{ v }}\", \"c\": {{ list }}, \"d\": {{ port }}, \"e\": {{ true }}}",
        ),
        (
            "yaml",
            "a: {{ v }}\nb: 'x{{ v }}'\nc: {{ list }}\nd: {{ none }}",
        ),
        ("toml", "a = {{ v }}\nb = \"x{{ v }}\"\nc = {{ list }}"),
        (
            "sqlite",
            "SELECT {{ v }}, 'x{{ v }}' FROM t WHERE a IN ({{ list }}) AND n = {{ -1 }}",
        ),
        ("psql", "SELECT {{ v }}"),
        ("mysql", "SELECT {{ v }}, \"{{ v }}\""),
        ("nginx", "listen {{ port }};"),
    ];
    let mut told = String::new();
    for (language, body) in cases {
        told.push_str(&rendered(language, body, &hostile));
        told.push('\n');
    }
    insta::assert_snapshot!(told);
}

#[test]
fn what_cannot_be_written_is_refused_with_its_place() {
    let hostile = text("a; id");
    let cases = [
        ("bash", "echo {{ w }}"),
        ("bash", "echo {{ inputs.w }}"),
        ("bash", "echo $(( {{ v }} ))"),
        ("bash", "bash -c \"echo {{ v }}\""),
        ("bash", "psql <<EOF\nselect '{{ v }}';\nEOF"),
        ("bash", "echo \"{{ list }}\""),
        ("bash", "echo {{ inputs }}"),
        ("bash", "echo {{ none }}"),
        ("bash", "echo {{ password | upper }}"),
        ("bash", "echo {{ password | raw }}"),
        ("bash", "cat <<'EOF'\n{{ password }}\nEOF\n"),
        ("bash", "{% filter upper %}echo {{ v }}{% endfilter %}"),
        ("bash", "echo {{ v | safe }}"),
        ("bash", "echo {{ v"),
        (
            "bash",
            "{% for x in range(100000) %}{% for y in range(1000) %}x{% endfor %}{% endfor %}",
        ),
        ("bash", "{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}"),
        ("bash", "{% include 'x' %}"),
        ("bash", "echo \u{fdd0}0\u{fdd1} {{ v }}"),
        ("python", "f'{{ v }}'"),
        ("python", "x_{{ v }} = 1"),
        ("json", "// {{ v }}"),
        ("yaml", "a: b {{ v }}\n"),
        ("yaml", "a: |\n  {{ v }}\n"),
        ("sql", "SELECT '{{ '\\\\' }}'"),
        ("psql", "SELECT $x$ {{ v }} $x$"),
        ("mysql", "SELECT 1 -- {{ v }}"),
        ("nginx", "listen {{ v }};"),
        ("json", "[{{ password }}]"),
    ];
    let mut told = String::new();
    for (language, body) in cases {
        told.push_str(&rendered(language, body, &hostile));
        told.push('\n');
    }
    insta::assert_snapshot!(told);
    // Also where what follows happens to open and close the same.
    for (body, value) in [
        ("cat <<EOF\n{{ v }}\nEOF\n", "a\nEOF\nid"),
        (
            "cat <<E\nx{{ v }}y\nE\nprintf 1\n: $\"it's\" $$\n",
            "\nE\nid\n\"); --",
        ),
        ("cat <<'E'\n{{ v }}\nE\n", "E"),
    ] {
        let ended = rendered("bash", body, &text(value));
        assert!(ended.contains("reads otherwise"), "{ended}");
    }
}

/// What is wrong with a template before any value is known, a line each.
fn told(body: &str) -> String {
    let words = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
    let names = Names {
        inputs: words(&["version", "region"]),
        values: words(&["port"]),
        row: words(&["host"]),
        elsewhere: [("late".to_owned(), "`z` captures it".to_owned())].into(),
        steps: [
            (
                "build".to_owned(),
                Gives {
                    names: words(&["tag"]),
                    are_open: false,
                },
            ),
            ("de-ploy".to_owned(), Gives::default()),
        ]
        .into(),
        ..Names::default()
    };
    let faults = check(body, &names);
    let lines: Vec<String> = faults.iter().map(|it| shown(body, it)).collect();
    lines.join("\n")
}

#[test]
fn names_and_filters_are_known_before_the_run() {
    assert_eq!(
        told(
            "{{ version }} {{ inputs.region }} {{ values.port }} {{ row.host }} {{ run.id }} \
             {% for x in range(3) %}{{ loop.index }} {{ x }}{% endfor %}{% set y = 1 %}{{ y | default(2) }} {{.Names}}"
        )
        .lines()
        .count(),
        1
    );
    insta::assert_snapshot!(
        [
            "a\n {{ verson }} {{ inputs.regoin }}",
            "{{ values.prot }} {{ row.hots }} {{ run.ids }}",
            "{{ nothing.like.it }} {{ input.region }}",
            "{{ version | uper }} {{ '| x' | safe }}",
            "a {{ version\n}",
            "{% fi version %}",
            "{% if version %}",
        ]
        .map(told)
        .join("\n--\n")
    );
    assert_eq!(raw("{{ a | raw }} {{ '|raw' }} {% filter raw %}").len(), 2);
    let known = ["a", "b"].map(str::to_owned).into();
    for (body, wanted) in [
        ("{{ inputs.a }} {{ b }} {{ run.id }}", true),
        ("{% for x in range(2) %}{{ x }}{% endfor %}", true),
        ("{{ values.a }}", false),
        ("{{ steps.a.status }}", false),
        ("{{ c }}", false),
        ("{{ inputs.c }}", false),
    ] {
        assert_eq!(is_ready(body, &known), wanted, "{body}");
    }
}

#[test]
fn steps_and_what_they_give_are_known_before_the_run() {
    assert_eq!(
        told(
            "{{ steps.build.values.tag }} {{ steps['de-ploy'].status }} {{ steps.build[\"ms\"] }} {{ 'steps.x' }}"
        ),
        ""
    );
    insta::assert_snapshot!(
        [
            "{{ late }} {{ values.late }}",
            "{{ steps.biuld.status }}",
            "{{ steps.build.values.tga }} {{ steps[\"de-ploy\"].values.x }}",
            "{{ steps.build.stdout }}\n{{ steps.build.statsu }}",
        ]
        .map(told)
        .join("\n--\n"),
        @r#"
    ! template-name: `late` has no value here @ "late" → `z` captures it
    ! template-name: `values.late` has no value here @ "values.late" → `z` captures it
    --
    ! template-name: no step is called `biuld` @ "biuld" → did you mean `build`?
    --
    ! template-name: step `build` gives no `tga` @ "tga" → did you mean `tag`?
    ! template-name: step `de-ploy` gives no `x` @ "x" → capture it: `capture=name`, or `name=value` lines into `$RUNBOOK_OUTPUT`
    --
    ! template-name: a template sees no `stdout` of a step @ "stdout" → capture it: `capture=name` on that step, then `values.name`
    ! template-name: a template sees no `statsu` of a step @ "statsu" → did you mean `status`?
    "#
    );
    let body = "x {{ steps.build.values.tag }} {{ steps[\"build\"].status }}";
    assert_eq!(rendered("bash", body, &text("")), "x 'v1; rm' 0");
}

#[test]
fn a_secret_reaches_the_command_in_a_variable_only() {
    let secret = Datum::Secret {
        variable: "password".to_owned(),
    };
    let context = context(&[("password", secret)]);
    let filled = render("mysql -p{{ password }} \"{{ password }}\"", BASH, &context).unwrap();
    assert_eq!(filled.body, "mysql -p\"${password}\" \"${password}\"");
    assert_eq!(filled.shown, "mysql -p*** \"***\"");
}

fn any_value() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "$(touch hit)",
        "`touch hit`",
        "; touch hit;",
        "\n touch hit\n",
        "' ; touch hit; '",
        "\" ; touch hit; \"",
        "\\",
        "!!",
        "${IFS}",
        "a[$(touch hit)]",
        "2",
        "if",
        "*",
        "~",
        "{a,b}",
        "#",
        "-n",
        "ñ 磁",
        "\\'",
        "$'\\x41'",
        ">hit",
        "&",
        "|touch hit",
        "\nE\ntouch hit\n",
        "E",
        "'); DROP TABLE canary; --",
        "\"); DROP TABLE canary; --",
        "''",
        "*/",
        "\n",
        "--",
        "\u{7f}",
        "\u{2028}",
        "{{ 1 }}",
        "\"",
        "'",
        "\t",
        "\u{1}",
        "\"}, {\"x\": 1",
        "}",
    ]);
    prop::collection::vec(
        prop_oneof![4 => nasty.prop_map(str::to_owned), 1 => "[ -~]{0,6}"],
        0..4,
    )
    .prop_map(|parts| parts.concat())
}

/// Lines that print nothing, and lead a careless reader of quotes astray.
const AROUND: &[&str] = &[
    ": $'it\\'s'",
    ": \"$(echo '\"')\"",
    "# don't",
    ": \"${a:-x}\" ${b:-'y'}",
    "cat > /dev/null <<'Q'\nit's \"\nQ",
    "cat > /dev/null <<Q\n\\$x \"\nQ",
    ": $((1<<2)) $(( (1) ))",
    ": a#'b' \"a'b\" \\' \\\"",
    "case a in a) :;; esac",
    "x=$(case a in a) echo;; esac)",
    "x=$(case a in (a) echo \"'\";; esac)",
    ": `echo \"'\"`",
    "f() { :; }; [[ a =~ (a|b) ]]",
    "a=(1 \"2\"); : ${#a} $#",
    ": \"`echo \\\"`\"",
    "((1 < 2)) && : \"$((1+1))\"",
    ": $\"it's\" $$",
    ": \"${a:-'x'}\"",
];

/// A place for a value, and what is printed of it.
const PLACES: &[(&str, &str, &str)] = &[
    ("printf '%s\\0' {{ v }}", "", ""),
    ("printf '%s\\0' a{{ v }}b", "a", "b"),
    ("printf '%s\\0' \"a {{ v }}\"", "a ", ""),
    ("printf '%s\\0' 'a {{ v }}'", "a ", ""),
    ("x={{ v }} && printf '%s\\0' \"$x\"", "", ""),
    ("printf '%s\\0' \"$(printf %s. {{ v }})\"", "", "."),
    ("printf '%s\\0' $'{{ v }}'", "", ""),
    ("cat <<E\nx{{ v }}y\nE\nprintf '\\0'", "x", "y\n"),
    ("cat <<'E'\nx{{ v }}\nE\nprintf '\\0'", "x", "\n"),
    ("cat <<E\n{{ v }}\nE\nprintf '\\0'", "", "\n"),
    ("cat <<-E\n\t{{ v }}\n\tE\nprintf '\\0'", "", "\n"),
    ("# {{ v }}\nprintf '\\0'", "\u{0}", ""),
    ("printf '%s\\0' `printf %s {{ v }}`", "", ""),
    ("printf '%s\\0' \"${n:-{{ v }}}\"", "", ""),
    (
        "printf '%s\\0' {% for x in [v] %}{{ x }}{% endfor %}",
        "",
        "",
    ),
    ("printf '%s\\0' {{ v | trim }}{{ '' }}", "\u{0}", ""),
];

fn run(program: &str, script: &str, folder: &Path) -> String {
    let file = folder.join("script");
    std::fs::write(&file, script).unwrap();
    let told = duct::cmd!(program, &file)
        .dir(folder)
        .unchecked()
        .stderr_null()
        .stdout_capture()
        .run()
        .unwrap();
    String::from_utf8_lossy(&told.stdout).into_owned()
}

fn shell_case() -> impl Strategy<Value = (String, usize, Vec<usize>, Vec<usize>)> {
    (
        any_value(),
        0..PLACES.len(),
        prop::collection::vec(0..AROUND.len(), 0..3),
        prop::collection::vec(0..AROUND.len(), 0..2),
    )
}

/// Asks a real shell what became of each value.
fn shell_takes(program: &'static str, cases: &[(String, usize, Vec<usize>, Vec<usize>)]) {
    let folder = tempfile::tempdir().unwrap();
    for (value, place, before, after) in cases {
        let (line, head, tail) = PLACES[*place];
        // What another shell reads otherwise, or not at all, says nothing of values.
        let skipped = |it: &str| {
            program == "sh" && (it.contains("[[") || it.contains("a=(") || it.contains("((1 <"))
        };
        let lines = |all: &[usize]| -> String {
            let all = all.iter().map(|it| AROUND[*it]).filter(|it| !skipped(it));
            all.flat_map(|it| [it, "\n"]).collect()
        };
        let body = format!("{}{line}\n{}", lines(before), lines(after));
        let context = context(&[("v", text(value))]);
        let Ok(filled) = render(&body, Language(program), &context) else {
            continue;
        };
        let told = run(program, &filled.body, folder.path());
        assert!(!folder.path().join("hit").exists(), "{}", filled.body);
        // dash loses a byte where a line of a here-document begins like its last one.
        let is_lossy = program == "sh" && line.contains("<<") && !value.is_ascii();
        if is_lossy {
            continue;
        }
        if head != "\u{0}" && !line.contains('`') && !line.contains("${n") && !line.contains("$'{")
        {
            // Tabs before a line of a `<<-` document are the document's.
            let wanted = format!("{head}{value}{tail}\0");
            let is_same = told == wanted
                || line.contains("<<-") && told.replace('\t', "") == wanted.replace('\t', "");
            // `sh` may lack what a line around says.
            assert!(
                is_same || program == "sh" && told.is_empty(),
                "{}\n{told:?}\n{wanted:?}",
                filled.body
            );
        }
    }
}

const JUDGE: &str = r"
import ast, json, sqlite3, sys
for line in sys.stdin:
    language, body, value = json.loads(line)
    if language == 'json':
        assert json.loads(body) == {'a': value, 'b': 'x' + value, 'c': [value], 'd': 8080}, body
    elif language == 'python':
        assert ast.literal_eval(body) == [value, 'x' + value, 'y' + value + 'z', [value]], body
    else:
        db = sqlite3.connect(':memory:')
        db.executescript('CREATE TABLE canary (x); CREATE TABLE t (a, b);')
        db.executescript(body)
        assert db.execute('SELECT a, b FROM t').fetchall() == [(value, 'x' + value)], body
        assert db.execute('SELECT count(*) FROM canary').fetchall() == [(0,)], body
";

const LITERALS: &[(&str, &str)] = &[
    (
        "json",
        "{\"a\": {{ v }}, \"b\": \"x{{ v }}\", \"c\": {{ [v] }}, \"d\": {{ port }}}",
    ),
    (
        "python",
        "[{{ v }}, 'x{{ v }}', \"\"\"y{{ v }}z\"\"\", {{ [v] }}]",
    ),
    (
        "sqlite",
        "INSERT INTO t VALUES ({{ v }}, 'x{{ v }}'); -- it's\n",
    ),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_value_becomes_code_in_bash(cases in prop::collection::vec(shell_case(), 1..24)) {
        shell_takes("bash", &cases);
    }

    #[test]
    fn no_value_becomes_code_in_sh(cases in prop::collection::vec(shell_case(), 1..24)) {
        shell_takes("sh", &cases);
    }

    #[test]
    fn no_value_becomes_code_in_json_python_and_sql(values in prop::collection::vec(any_value(), 1..40)) {
        let mut lines = String::new();
        for value in &values {
            let context = context(&[("v", text(value))]);
            for (language, body) in LITERALS {
                let filled = render(body, Language(language), &context).unwrap();
                lines.push_str(&json!([language, filled.body, value]).to_string());
                lines.push('\n');
            }
        }
        let told = duct::cmd!("python3", "-c", JUDGE)
            .stdin_bytes(lines)
            .unchecked()
            .stderr_capture()
            .run()
            .unwrap();
        prop_assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    }

    #[test]
    fn rendering_never_panics(
        parts in prop::collection::vec(prop::sample::select(vec![
            "{{", "}}", "{%", "%}", " v ", "| raw", "|upper", "for x in v", "endfor", "\"", "'", "`", "$(", ")", "\\",
            "<<E\n", "E\n", "#", "\n", "{#", "#}", "ñ", "((", "${", "}", "if", "endif", "set y", "endset", "$'", "case ",
        ]), 0..16),
        language in prop::sample::select(vec!["bash", "sh", "python", "node", "powershell", "json", "yaml", "toml", "sql", "psql", "mysql", "sqlite", "text"]),
        value in any_value(),
    ) {
        let body = parts.concat();
        let _ = check(&body, &Names::default());
        let _ = render(&body, Language(language), &context(&[("v", text(&value))]));
    }
}
