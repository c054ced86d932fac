#![cfg(feature = "testing")]
//! `runbook init`: the beginning of a runbook, and declared copies of manuals.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use crate::fixture::Fixture;

const MANUAL: &str = "\
# Mover la tienda

Antes de nada, ver el disco:

```python
# Ver el disco
df -h

# Borrar lo viejo
rm -rf /srv/tienda/viejo
```

```bash
ssh <SERVIDOR>
```

```env
DB_HOST=localhost
DB_PASSWORD=hunter2hunter2
```
";

/// What `lint --json` finds, by severity.
fn lint(fixture: &Fixture, name: &str) -> (u64, Value) {
    let text = fixture.run(&["lint", "--json", name]).stdout;
    let found: Value = serde_json::from_str(&text).unwrap();
    (found["errors"].as_u64().unwrap(), found)
}

fn steps(fixture: &Fixture, name: &str) -> Value {
    let text = fixture.run(&["list", "--json", name]).code(0).stdout;
    serde_json::from_str::<Value>(&text).unwrap()["runbooks"][0].clone()
}

#[test]
fn a_starting_runbook_is_written_once() {
    let fixture = Fixture::new();
    assert_snapshot!(fixture.run(&["init"]).code(0).stdout, @r#"
    wrote runbook.md
      runbook lint runbook.md
      runbook run runbook.md
    "#);
    let (_, found) = lint(&fixture, "runbook.md");
    assert_eq!(
        (&found["errors"], &found["warnings"]),
        (&Value::from(0), &Value::from(0)),
        "{found:#}"
    );
    let written = fixture.read("runbook.md");
    assert_eq!(steps(&fixture, "runbook.md")["kind"], "declared");
    fixture.write("runbook.md", "mine");
    assert_snapshot!(fixture.run(&["init"]).code(2).stderr, @r#"
    error: `runbook.md` is there already
      hint: take another name, or `--force` to overwrite it
    "#);
    assert_eq!(fixture.read("runbook.md"), "mine");
    fixture.run(&["init", "--force"]).code(0);
    assert_eq!(fixture.read("runbook.md"), written);
    assert_eq!(fixture.run(&["init", "-"]).code(0).stdout, written);
    fixture.run(&["init", "other.md"]).code(0);
    assert_eq!(fixture.read("other.md"), written);
    let left: Vec<_> = fs::read_dir(fixture.path(""))
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".runbook"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_manual_is_copied_and_what_is_left_to_decide_is_told() {
    let fixture = Fixture::new().file("manual.md", MANUAL);
    let told = fixture
        .run(&["init", "--from", "manual.md", "-o", "shop.md"])
        .code(0);
    assert_snapshot!(told.stdout, @r#"
    wrote shop.md
      1 step     as the manual has it
      1 step     asked for first (confirm)
      1 step     by hand (run=manual)
    to decide, by line of the copy:
         19  confirm mover-la-tienda-2: This destroys: `rm` deletes files. Run it?
         25  by hand mover-la-tienda-3: `ssh` opens a shell or a console
      runbook lint shop.md
      runbook list shop.md
    "#);
    let copy = fixture.read("shop.md");
    assert_snapshot!(copy, @r#"
    ---
    runbook: 1
    title: "Mover la tienda"
    # Settings that the manual shows and no step reads. What is to be asked for goes under
    # `inputs`; every step sees it as a variable then.
    #  DB_HOST: { description: "line 18 shows localhost" }
    #  DB_PASSWORD: { description: "a secret, line 19" }
    ---

    # Mover la tienda

    Antes de nada, ver el disco:

    ```bash {#mover-la-tienda}
    # Ver el disco
    df -h
    ```

    ```bash {#mover-la-tienda-2 effect=destroys confirm="This destroys: 'rm' deletes files. Run it?"}
    # Borrar lo viejo
    rm -rf /srv/tienda/viejo
    ```

    <!-- by hand: `ssh` opens a shell or a console -->
    ```bash {#mover-la-tienda-3 run=manual}
    ssh <SERVIDOR>
    ```

    ```env
    DB_HOST=localhost
    DB_PASSWORD=hunter2hunter2
    ```
    "#);
    assert_eq!(
        copy.matches("hunter2hunter2").count(),
        1,
        "a secret's value:\n{copy}"
    );
    assert_eq!(lint(&fixture, "shop.md").0, 0);
    let printed = fixture.run(&["init", "--from", "manual.md"]).code(0);
    assert_eq!(printed.stdout, copy);
    assert_eq!(fixture.read("manual.md"), MANUAL);
    // Standard input is a manual too.
    let piped = fixture
        .command(&["init", "--from", "-"])
        .stdin(MANUAL)
        .run()
        .code(0);
    assert_eq!(piped.stdout, copy);
}

#[test]
fn the_difference_is_shown_before_anything_is_written() {
    let fixture = Fixture::new().file("manual.md", "# A\n\n```\nls -l\n```\n");
    let shown = fixture
        .run(&["init", "--from", "manual.md", "--diff"])
        .code(0);
    assert_snapshot!(shown, @r#"
    exit: 0
    --- stdout
    --- manual.md
    +++ manual.md (declared)
    @@ -1,5 +1,10 @@
    +---
    +runbook: 1
    +title: "A"
    +---
    +
     # A
     
    -```
    +```bash {#a}
     ls -l
     ```
    --- stderr
      1 step     as the manual has it
    nothing was written: `--output FILE` writes the copy
    "#);
}

#[test]
fn nothing_is_overwritten_that_was_not_meant() {
    let fixture = Fixture::new()
        .file("manual.md", MANUAL)
        .file("there.md", "mine")
        .file("declared.md", "---\nrunbook: 1\n---\n# A\n")
        .file("broken.md", "---\na: [\n---\n# A\n");
    let mut told = String::new();
    for args in [
        &["init", "--from", "manual.md", "-o", "there.md"][..],
        &["init", "--from", "manual.md", "-o", "manual.md", "--force"],
        &["init", "--from", "manual.md", "-o", "."],
        &["init", "--from", "declared.md"],
        &["init", "--from", "broken.md"],
        &["init", "--from", "none.md"],
    ] {
        told += &fixture.run(args).code(2).stderr;
    }
    assert_snapshot!(told, @r#"
    error: `there.md` is there already
      hint: take another name, or `--force` to overwrite it
    error: `manual.md` is the manual itself
      hint: write the copy beside it, compare, and then move it
    error: `.` is a folder
      hint: name a file in it
    error: `declared.md`: it is a declared runbook already
      hint: `runbook lint` and `runbook list` read it as it is
    error: `broken.md`: its front matter does not parse (line 2): unclosed bracket '['
      hint: mend it first; `runbook lint` shows it
    error: `none.md` does not exist
      hint: `runbook list` shows the runbooks of this folder
    "#);
    assert_eq!(fixture.read("there.md"), "mine");
    assert_eq!(fixture.read("manual.md"), MANUAL);
    // A link is followed, with `--force` only.
    std::os::unix::fs::symlink(fixture.path("there.md"), fixture.path("link.md")).unwrap();
    fixture
        .run(&["init", "--from", "manual.md", "-o", "link.md"])
        .code(2);
    fixture
        .run(&["init", "--from", "manual.md", "-o", "link.md", "--force"])
        .code(0);
    assert!(fixture.read("there.md").starts_with("---\nrunbook: 1\n"));
    assert!(fixture.path("link.md").is_symlink());
}

#[test]
fn a_copy_runs_with_its_values_quoted_for_their_places() {
    let manual = "# Saludar\n\n```\n$ echo <UNO>/x \"a <DOS> b\" 'c <TRES> d'\na/x b c\n```\n";
    let fixture = Fixture::new().file("manual.md", manual);
    fixture
        .run(&["init", "--from", "manual.md", "-o", "copy.md"])
        .code(0);
    let hostile = "$(touch ran) `touch ran` \"'; touch ran #";
    let set = |name: &str| format!("{name}={name} {hostile}");
    let (one, two, three) = (set("uno"), set("dos"), set("tres"));
    let outcome = fixture
        .run(&[
            "run", "-v", "copy.md", "--set", &one, "--set", &two, "--set", &three,
        ])
        .code(0);
    let printed = format!("uno {hostile}/x a dos {hostile} b c tres {hostile} d");
    assert!(outcome.stdout.contains(&printed), "{outcome}");
    assert!(!fixture.path("ran").exists());
}

#[test]
fn the_starting_runbook_runs() {
    let fixture = Fixture::new();
    fixture.run(&["init"]).code(0);
    fixture
        .run(&["run", "runbook.md", "--only", "look"])
        .code(0);
    // What it asks before is not run without an answer.
    fixture
        .run(&["run", "runbook.md"])
        .code(2)
        .says("Leave a mark");
}

/// Returns what runs: comments and blank lines aside.
fn what_runs(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.trim_start().starts_with('#'))
        .collect()
}

#[test]
fn the_seeds_become_runbooks_that_keep_their_steps() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seeds");
    if !folder.is_dir() {
        eprintln!(
            "SKIPPED: {} is not there: no seed was declared",
            folder.display()
        );
        return;
    }
    let mut kept = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let fixture = Fixture::new().file("manual.md", &bytes);
        fixture
            .run(&["init", "--from", "manual.md", "-o", "copy.md"])
            .code(0);
        let (errors, found) = lint(&fixture, "copy.md");
        assert_eq!(errors, 0, "{found:#}");
        let plain = steps(&fixture, "manual.md");
        let copy = steps(&fixture, "copy.md");
        assert_eq!(copy["kind"], "declared");
        let copied = copy["steps"].as_array().unwrap();
        for step in plain["steps"].as_array().unwrap() {
            if step["offer"] != "run" {
                continue;
            }
            kept += 1;
            let there = copied.iter().find(|it| it["id"] == step["id"]);
            let there = there.unwrap_or_else(|| panic!("{step:#}\n{}", fixture.read("copy.md")));
            assert_eq!(
                what_runs(there["text"].as_str().unwrap()),
                what_runs(step["text"].as_str().unwrap())
            );
            assert_eq!(there["task"], "command");
            assert_eq!(there["id_is_explicit"], true);
            assert_eq!(there["doubts"], Value::Array(Vec::new()), "{there:#}");
        }
        // What was not offered as it stands does not run unasked in the copy.
        for step in copied.iter().filter(|it| it["task"] == "command") {
            let before = plain["steps"].as_array().unwrap();
            let before = before.iter().find(|it| it["id"] == step["id"]).unwrap();
            if !matches!(before["offer"].as_str(), Some("run" | "fill")) {
                let line = step["line"].as_u64().unwrap() as usize;
                let text = fixture.read("copy.md");
                let opening = text.lines().nth(line - 1).unwrap();
                assert!(opening.contains("confirm="), "{opening}\n{before:#}");
            }
        }
        // Taken out again, what was added leaves the prose as it was.
        let text = fixture.read("copy.md").replace("[ ] ", "");
        let source = String::from_utf8(bytes).unwrap();
        for line in source
            .lines()
            .filter(|it| !it.trim_start().starts_with("```"))
        {
            assert!(text.contains(&line.replace("[ ] ", "")), "{line}");
        }
    }
    assert!(kept > 10, "{kept} steps");
}

#[test]
fn the_checklist_of_a_copy_offers_the_commands_of_the_manual() {
    let manual = "# Turno\n\n- Crear la marca: `touch marca`\n\n| Tarea |\n|---|\n| Crear otra con `touch otra` |\n";
    let fixture = Fixture::new().file("manual.md", manual);
    let told = fixture
        .run(&["init", "--from", "manual.md", "-o", "turno.md"])
        .code(0);
    assert!(
        told.stdout
            .contains("2 tasks    made of list items and tables (- [ ])"),
        "{told}"
    );
    assert_eq!(lint(&fixture, "turno.md").0, 0);
    let steps = steps(&fixture, "turno.md");
    let offered: Vec<&str> = steps["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["offered"]["text"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(offered, ["touch marca", "touch otra"], "{steps:#}");
}
