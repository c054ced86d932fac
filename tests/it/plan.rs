#![cfg(feature = "testing")]
//! `runbook plan`: what it tells, that it executes nothing, and that it finds what differs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::fixture::{Fixture, Outcome};

/// A runbook with something of everything that a plan tells.
const DEPLOY: &str = r#"---
runbook: 1
title: Deploy the shop
inputs:
  version: { description: "tag to deploy", pattern: "v\\d+" }
  stage: { default: test }
  token: { secret: true, from: "env:TOKEN" }
---
# Build

```bash {#build .slow timeout=5m}
make VERSION="$version"
```
```rhai
assert(step.status == 0);
```

# Configure

```ini {#conf file=shop.conf mode=0640 backup template}
[shop]
version = {{ version }}
token = {{ token }}
```

```bash {#image-there}
docker image inspect shop
```

```bash {#pull unless=#image-there needs=conf}
docker pull shop
```

```bash {#migrate if='inputs.stage == "prod"' confirm="migrate the database?"}
./migrate
```

```bash {#look if='file("/etc/shop").exists && steps["build"].status == 0'}
ls /etc/shop
```

```bash {#port if='tcp("127.0.0.1", 5432)'}
ls
```

```bash {#back undo-of=pull}
docker rmi shop
```

- [ ] tell the team

```bash {run=never}
echo a sample
```

```json
{"a": "sample"}
```

# Rollback

```bash {#rollback effect=destroys}
rm -rf /srv/shop
```
"#;

/// Returns every file below `path` with its content, mode and time, but what the fixture itself writes.
fn tree(path: &Path) -> BTreeMap<PathBuf, (String, u32, i64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".started") {
                continue;
            }
            let facts = fs::symlink_metadata(&path).unwrap();
            let text = if facts.is_file() {
                String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
            } else {
                String::new()
            };
            if facts.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (text, facts.mode(), facts.mtime_nsec()));
        }
    }
    found
}

fn plan(fixture: &Fixture, args: &[&str]) -> Outcome {
    let all: Vec<&str> = ["plan", "a.md"].iter().chain(args).copied().collect();
    fixture.command(&all).env("TOKEN", "token-canary-1").run()
}

fn json(outcome: &Outcome) -> serde_json::Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

#[test]
fn it_executes_nothing_whatever_the_document_tries() {
    let text = r#"---
runbook: 1
title: "$(touch title) `touch title`"
inputs:
  a: { default: "$(touch default)" }
  b: { default: "{{ a | upper }}`touch default`" }
  c: { secret: true, from: "file:secret" }
env: { X: "$(touch env)" }
requires: [probe]
---
# A

```bash {#guard effect=reads}
touch guard
```
```bash {#one unless=#guard env="Y='$(touch env)'" cwd=.}
touch step
```
```bash {#two if='file("x").exists || inputs.a == "$(touch condition)"' until='tcp("127.0.0.1", 9)'}
touch two
```
```bash {#three template}
touch {{ a | raw }} {{ b }}
```
```bash {#server background ready='file("ready").exists'}
touch server
```
```ini {#conf file="conf" parents=create template}
$(touch content) {{ c }} {{ a | raw }}
```
```ini {#deep file=x/y/conf parents=create}
x
```
```python {#probed}
open("python", "w")
```
```sh {#probed-too}
touch sh
```
```zsh {#zsh}
touch zsh
```
```node {#node}
require("fs").writeFileSync("node", "")
```
```powershell {#pwsh}
New-Item pwsh
```
```bash {#own with=own}
touch own
```
```rhai
assert(file("checked").exists);
```
"#;
    let programs = [
        "bash", "sh", "zsh", "python3", "python", "node", "pwsh", "own", "probe", "git",
    ];
    let mut fixture = Fixture::new()
        .file("a.md", text)
        .file("secret", "a-secret-of-ours")
        .file(
            "home/.config/runbook/config.toml",
            "[interpreters]\nown = \"own {}\"\n",
        );
    let touched = fixture.path("touched").display().to_string();
    for name in programs {
        let path = format!("bin/{name}");
        fixture.write(
            &path,
            format!("#!/bin/sh\necho {name} \"$@\" >> {touched}\n"),
        );
        fs::set_permissions(fixture.path(&path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let bin = fixture.path("bin").into_os_string();
    fixture = fixture.env("PATH", bin);
    let before = tree(&fixture.path(""));
    for args in [
        &["plan", "a.md"][..],
        &["plan", "a.md", "-v"],
        &["plan", "a.md", "--json"],
        &["plan", "a.md", "--as", "markdown"],
        &["plan", "a.md", "--detailed-exitcode"],
    ] {
        let outcome = fixture.run(args);
        let wanted = if args.len() == 3 && args[2].starts_with("--det") {
            5
        } else {
            0
        };
        assert_eq!(outcome.code, wanted, "{outcome}");
        assert_eq!(
            tree(&fixture.path("")),
            before,
            "{args:?}: something was executed or written"
        );
    }
    // The same document does touch files where it is run: the test would notice.
    let run = fixture.run(&["run", "a.md", "--only", "zsh", "--set", "a=x"]);
    assert!(fixture.path("touched").exists(), "{run}");
}

#[test]
fn a_person_sees_steps_inputs_conditions_files_and_what_is_not_part() {
    let fixture = Fixture::new().file("a.md", DEPLOY);
    fixture.write(
        "shop.conf",
        "[shop]\nversion = v1\ntoken = yesterday-canary\n",
    );
    let outcome = plan(&fixture, &["--set", "version=v2"]).code(0);
    insta::assert_snapshot!("person", fixture.normalise(&outcome.stdout));
    assert!(!outcome.stdout.contains("canary"), "{outcome}");
    for line in outcome.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let whole = plan(&fixture, &["--set", "version=v2", "-v"]).code(0);
    assert!(whole.stdout.contains("│ docker pull shop"), "{whole}");
    // Without its values.
    let outcome = fixture.run(&["plan", "a.md"]).code(0);
    insta::assert_snapshot!("without_values", fixture.normalise(&outcome.stdout));
}

#[test]
fn programs_and_pull_requests_see_the_same() {
    let fixture = Fixture::new().file("a.md", DEPLOY);
    fixture.write(
        "shop.conf",
        "[shop]\nversion = v1\ntoken = yesterday-canary\n",
    );
    let args = ["--set", "version=v2"];
    let outcome = plan(&fixture, &[&args[..], &["--json"]].concat()).code(0);
    let told = json(&outcome);
    assert_eq!(told["version"], 1);
    assert_eq!(told["differs"], true);
    insta::assert_snapshot!("json", fixture.normalise(&outcome.stdout));
    let outcome = plan(&fixture, &[&args[..], &["--as", "markdown"]].concat()).code(0);
    insta::assert_snapshot!("markdown", fixture.normalise(&outcome.stdout));
    assert!(!outcome.stdout.contains("canary"), "{outcome}");
}

#[test]
fn a_condition_is_known_where_inputs_alone_decide_and_else_says_when() {
    let fixture = Fixture::new().file("a.md", DEPLOY);
    let answers = |args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let told = json(&plan(&fixture, &args).code(0));
        let steps = told["steps"].as_array().unwrap().clone();
        let told = steps.iter().flat_map(|step| {
            let conditions = step["conditions"].as_array().unwrap().clone();
            conditions.into_iter().map(move |it| {
                format!("{} {} {}", step["id"], it["answer"], it["because"]).replace('"', "")
            })
        });
        told.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(answers(&["--set", "version=v2"]), @r"
    pull later known after step image-there
    migrate fails it does not hold
    look later known after step build
    port later known when it is reached: it looks at 127.0.0.1:5432
    ");
    assert!(answers(&["--set", "version=v2", "--set", "stage=prod"]).contains("migrate holds"));
}

#[test]
fn what_differs_from_the_last_run_is_told_and_nothing_of_its_record_is_written() {
    let text = "---\nrunbook: 1\ninputs: { who: { default: ana } }\n---\n# A\n\n```bash {#one}\necho one\n```\n\n```bash {#two}\necho two\n```\n\n```ini {#conf file=app.conf}\nx\n```\n";
    let fixture = Fixture::new().file("a.md", text);
    let code = |args: &[&str]| {
        let args: Vec<&str> = args
            .iter()
            .copied()
            .chain(["--detailed-exitcode"])
            .collect();
        plan(&fixture, &args).code
    };
    assert_eq!(code(&[]), 5, "there was no run before");
    fixture.run(&["run", "a.md"]).code(0);
    assert_eq!(code(&[]), 0);
    assert_eq!(plan(&fixture, &["--set", "who=bob"]).code, 0);
    assert_eq!(code(&["--set", "who=bob"]), 5, "an input differs");
    fixture.write("app.conf", "y\n");
    assert_eq!(code(&[]), 5, "a file would be written");
    fixture.write("app.conf", "x\n");
    assert_eq!(code(&["--only", "one"]), 5, "steps are left out");
    let changed = text
        .replace("echo two\n", "echo two\necho three\n")
        .replace("#one}", "#one needs=zero}")
        .replace("# A\n", "# A\n\n```bash {#zero}\necho zero\n```\n")
        .replace("```ini {#conf file=app.conf}\nx\n```\n", "");
    fixture.write("a.md", changed);
    assert_eq!(code(&[]), 5, "steps differ");
    let before = tree(&fixture.path("state"));
    let outcome = plan(&fixture, &["--set", "who=bob"]).code(0);
    assert_eq!(tree(&fixture.path("state")), before);
    let since = outcome.stdout.split("Since the last run\n").nth(1).unwrap();
    insta::assert_snapshot!(fixture.normalise(since));
    let outcome = plan(&fixture, &["--as", "markdown"]).code(0);
    let since = outcome
        .stdout
        .split("## Since the last run\n")
        .nth(1)
        .unwrap();
    insta::assert_snapshot!("since_markdown", fixture.normalise(since));
}

#[test]
fn it_chooses_as_run_does() {
    let fixture = Fixture::new().file("a.md", DEPLOY);
    let steps = |args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let told = json(&plan(&fixture, &args).code(0));
        let steps = told["steps"].as_array().unwrap().iter();
        let ids: Vec<String> = steps
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect();
        ids.join(" ")
    };
    assert_eq!(steps(&["Rollback"]), "rollback");
    assert_eq!(steps(&["--tag", "slow"]), "build");
    assert_eq!(steps(&["--only", "build,port"]), "build port");
    assert_eq!(steps(&["--from", "look", "--to", "port"]), "look port");
    let skipped = steps(&["--skip", "conf"]);
    assert!(skipped.split(' ').all(|it| it != "conf"), "{skipped}");
    fixture.run(&["plan", "a.md", "Nowhere"]).code(2);
    fixture.run(&["plan", "a.md", "--only", "nothing"]).code(2);
    fixture.run(&["plan", "a.md", "--set", "nothing=1"]).code(2);
    fixture.run(&["plan", "missing.md"]).code(2);
    let refused = json(&fixture.run(&["plan", "a.md", "Rollback", "--json"]).code(0));
    assert_eq!(refused["refusals"][0]["step"], "rollback");
    let allowed = fixture.run(&["plan", "a.md", "Rollback", "--allow", "destroys", "--json"]);
    assert_eq!(json(&allowed.code(0))["refusals"], serde_json::json!([]));
}

#[test]
fn a_document_does_not_make_a_plan_tell_what_not_everybody_may_read() {
    let text = "---\nrunbook: 1\n---\n# A\n\n```ini {#a file=private.conf}\nx\n```\n\n```ini {#b file=prod.env}\nx\n```\n\n```ini {#c file=public.conf}\nx\n```\n";
    let fixture = Fixture::new().file("a.md", text);
    for (name, mode) in [
        ("private.conf", 0o640),
        ("prod.env", 0o644),
        ("public.conf", 0o644),
    ] {
        fixture.write(name, format!("canary of {name}\n"));
        fs::set_permissions(fixture.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for args in [
        &["plan", "a.md"][..],
        &["plan", "a.md", "--json"],
        &["plan", "a.md", "--as", "markdown"],
    ] {
        let told = fixture.run(args).code(0).stdout;
        assert!(
            !told.contains("canary of private") && !told.contains("canary of prod"),
            "{told}"
        );
        assert!(
            told.contains("-***") && told.contains("canary of public"),
            "{told}"
        );
    }
}

#[test]
fn a_document_with_an_error_has_no_plan() {
    let fixture = Fixture::new().file(
        "a.md",
        "---\nrunbook: 1\n---\n# A\n\n```bash {timout=1m}\nx\n```\n",
    );
    let outcome = fixture
        .run(&["plan", "a.md"])
        .code(2)
        .says("did you mean `timeout`?");
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_manual_that_nobody_annotated_has_a_plan_with_what_it_waits_for() {
    let text = "# Guide\n\n## Install\n\n```bash\nsudo apt-get install -y nginx\nssh deploy@<HOST> uptime\n```\n\n```nginx\nserver {}\n```\n\n- [ ] tell the team\n- [x] done\n\n## Troubleshooting\n\n```bash\nrm -rf /var/cache/nginx\n```\n";
    let fixture = Fixture::new().file("a.md", text);
    let outcome = fixture.run(&["plan", "a.md"]).code(0);
    insta::assert_snapshot!("manual", fixture.normalise(&outcome.stdout));
    let told = json(
        &fixture
            .run(&["plan", "a.md", "--json", "--set", "HOST=web1"])
            .code(0),
    );
    let values = told["inputs"].as_array().unwrap();
    assert_eq!(values[0]["value"], "web1");
    // Nothing at all to run is told as well.
    fixture.write("a.md", "# Nothing\n\ntext\n");
    fixture
        .run(&["plan", "a.md"])
        .code(0)
        .says("Nothing would run");
    let piped = fixture.command(&["plan", "-"]).stdin(text).run().code(0);
    assert!(piped.stdout.contains("<stdin>"), "{piped}");
}

#[test]
fn a_file_that_depends_on_what_runs_before_is_not_guessed() {
    let text = "---\nrunbook: 1\ninputs: { name: {} }\n---\n# A\n\n```ini {#first file=a.conf}\nx\n```\n\n```ini {#second file=a.conf}\ny\n```\n\n```ini {#named file=b.conf template}\n{{ name }}\n```\n\n```ini {#linked file=link}\ny\n```\n\n```bash {#goes}\ncd /tmp\n```\n\n```ini {#after file=a.conf}\nz\n```\n";
    let fixture = Fixture::new().file("a.md", text);
    std::os::unix::fs::symlink("a.conf", fixture.path("link")).unwrap();
    let told = json(&fixture.run(&["plan", "a.md", "--json"]).code(0));
    let steps = told["steps"].as_array().unwrap().iter();
    let known: Vec<String> = steps
        .filter(|it| it["file"].is_object())
        .map(|it| format!("{}: {}", it["id"], it["unknown"]).replace('"', ""))
        .collect();
    insta::assert_snapshot!(fixture.normalise(&known.join("\n")), @r"
    first: null
    second: known after step first, which writes it too
    named: known once `name` has a value
    linked: `[DIR]/link` is a symbolic link to `a.conf`
    after: known after step goes: it may leave the folder
    ");
}

#[test]
fn nothing_of_a_document_or_a_file_is_taken_for_markdown_of_ours() {
    let text = "---\nrunbook: 1\n---\n# A </summary> | **b** `c`\n\n```ini {#conf file=app.conf}\n````\n</details>\n# forged\n```\n";
    let fixture = Fixture::new().file("a.md", text);
    fixture.write("app.conf", "```\n\u{1b}[31mred\n# forged too\n");
    let outcome = fixture.run(&["plan", "a.md", "--as", "markdown"]).code(0);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(!lines.contains(&"# forged") && !lines.contains(&"</details>\n</details>"));
    assert!(!outcome.stdout.contains('\u{1b}'), "{outcome}");
    assert_eq!(
        lines.iter().filter(|it| **it == "</details>").count(),
        1,
        "{outcome}"
    );
    insta::assert_snapshot!(fixture.normalise(&outcome.stdout));
}
