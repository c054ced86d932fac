#![cfg(test)]

use std::fmt::Write as _;

use super::{Declared, Fate, NotDeclared, declare};
use crate::markdown::outline;
use crate::model::{Kind, Severity};
use crate::resolve::resolve;
use crate::resolve::testing::{by_hand, read_and_resolve};

/// The copy, and a line for each decision. It must be declared, and without an error.
fn check(source: &str, readings: &[&[&str]]) -> String {
    let document = outline(source);
    let (runbook, _) = by_hand(&document, "deploy", readings);
    let declared = declare(&document, &runbook).unwrap();
    let mut text = declared.text.clone();
    let (copy, found) = read_and_resolve(&declared.text, "deploy");
    assert_eq!(copy.kind, Kind::Declared, "{text}");
    for it in &found {
        assert_ne!(it.severity, Severity::Error, "{it:?}\n{text}");
    }
    text.push_str("----\n");
    for it in &declared.decisions {
        let id = it.id.as_ref().map_or("-", |id| id.as_str());
        writeln!(
            text,
            "{} → {} {id} {:?}: {}",
            it.line, it.line_in_copy, it.fate, it.because
        )
        .unwrap();
        // The line of the copy is the opening of the fence that the decision is about.
        let line = declared.text.lines().nth(it.line_in_copy as usize - 1);
        assert!(
            line.is_some_and(|it| it.contains("```") || it.contains("~~~")),
            "{it:?}\n{text}"
        );
    }
    text
}

#[test]
fn fences_are_split_and_each_piece_gets_what_was_decided_of_it() {
    let source = "\
# Guía

Antes de nada:

```python
# Ver
df -h

# Borrar
rm -rf /srv/x

raro --hazlo
```
```bash title=\"x\"
htop
```
~~~~
$ ls
a b
$ pwd
~~~~

```bash
crontab entry
```

```sql
select 1;
```

```bash
# Opción A
reboot
# Opción B
shutdown -r now
```

Texto `final`.
";
    insta::assert_snapshot!(check(source, &[
        &[
            "1-2 command reads",
            "4-5 command destroys; because `rm -rf` deletes files",
            "7-7 command unknown; because `raro` is known to nobody",
        ],
        &["1-1 interactive reads; because `htop` wants a terminal"],
        &["1-2 session reads", "3-3 session reads"],
        &["1-1 file; because lines of a crontab"],
        &["1-1 query"],
        &["1-2 command changes; choice 1; doubt alternative one of several ways", "3-4 command changes; choice 1; doubt alternative one of several ways"],
    ]), @r#"
    ---
    runbook: 1
    title: "Guía"
    ---

    # Guía

    Antes de nada:

    ```bash {#guia}
    # Ver
    df -h
    ```

    ```bash {#guia-2 effect=destroys confirm="This destroys: 'rm -rf' deletes files. Run it?"}
    # Borrar
    rm -rf /srv/x
    ```

    <!-- to decide: say effect=reads, effect=changes or effect=destroys, and take confirm out -->
    ```bash {#guia-3 confirm="'raro' is known to nobody. Run it?"}
    raro --hazlo
    ```
    <!-- by hand: `htop` wants a terminal -->
    ```bash title="x" {#guia-4 run=manual}
    htop
    ```
    ~~~~console {#guia-5}
    $ ls
    a b
    ~~~~

    ~~~~console {#guia-6}
    $ pwd
    ~~~~

    <!-- no step: file: lines of a crontab -->
    ```bash {run=never}
    crontab entry
    ```

    ```sql {run=never}
    select 1;
    ```

    <!-- not run: an alternative to `shutdown -r now`: keep one -->
    ```bash {#guia-7 run=never}
    # Opción A
    reboot
    ```

    <!-- not run: an alternative to `reboot`: keep one -->
    ```bash {#guia-8 run=never}
    # Opción B
    shutdown -r now
    ```

    Texto `final`.
    ----
    6 → 10 guia Runs: 
    9 → 15 guia-2 Confirmed: This destroys: `rm -rf` deletes files. Run it?
    12 → 21 guia-3 Confirmed: `raro` is known to nobody. Run it?
    15 → 25 guia-4 ByHand: `htop` wants a terminal
    18 → 28 guia-5 Runs: 
    20 → 33 guia-6 Runs: 
    24 → 38 - Sample: file: lines of a crontab
    32 → 47 guia-7 Left: an alternative to `shutdown -r now`: keep one
    34 → 53 guia-8 Left: an alternative to `reboot`: keep one
    "#);
}

#[test]
fn placeholders_become_references_where_their_quoting_is_known() {
    let source = "\
# A

- En la lista:
  ```bash
  scp x <HOST>:/srv/\"x-<DÍA>\" && echo 'de <NOMBRE>'
  ```

> ```sh
> psql -W tu_clave -p $PUERTO
> ```

```
cat <<'F'
<X>
F
```

```env
PUERTO=5432
CLAVE_API_KEY=hunter2
OTRO=nada
```
";
    insta::assert_snapshot!(check(source, &[
        &["1-1 command changes; bare HOST <HOST>; double DÍA <DÍA>; single NOMBRE <NOMBRE>"],
        &["1-1 command changes; bare tu_clave tu_clave; secret; variable PUERTO $PUERTO"],
        &["1-3 command changes; plain X <X>"],
        &["1-3 file"],
    ]), @r#"
    ---
    runbook: 1
    title: "A"
    inputs:
      host: { description: "for <HOST> of line 5" }
      dia: { description: "for <DÍA> of line 5" }
      nombre: { description: "for <NOMBRE> of line 5" }
      PUERTO: { description: "for $PUERTO of line 9; the manual shows 5432" }
    # Secrets. Values of inputs stand in the record, so these are no inputs: set them in the
    # environment in which `runbook` is called.
    #   TU_CLAVE: for tu_clave of line 9
    # Settings that the manual shows and no step reads. What is to be asked for goes under
    # `inputs`; every step sees it as a variable then.
    #  CLAVE_API_KEY: { description: "a secret, line 20" }
    #  OTRO: { description: "line 21 shows nada" }
    ---

    # A

    - En la lista:
      ```bash {#a}
      scp x "$host":/srv/"x-${dia}" && echo 'de '"$nombre"''
      ```

    > ```bash {#a-2}
    > psql -W "$TU_CLAVE" -p $PUERTO
    > ```

    <!-- by hand: a value is to be put in for `<X>`: how it is quoted there is not known -->
    ```bash {#a-3 run=manual}
    cat <<'F'
    <X>
    F
    ```

    ```env
    PUERTO=5432
    CLAVE_API_KEY=hunter2
    OTRO=nada
    ```
    ----
    5 → 21 a Runs: 
    9 → 25 a-2 Runs: 
    13 → 30 a-3 ByHand: a value is to be put in for `<X>`: how it is quoted there is not known
    "#);
}

#[test]
fn what_is_in_doubt_is_left_out_with_its_reason() {
    let source = "# A\n```bash {linenums=1 .x}\nrm -rf /\n```\n<!-- runbook: timeout=5m -->\n```bash\nssh host\n\nls\n```\n- ```\n  ls\n  ```\n```bash\nscp x web1:\n```\n```bash\nls\n";
    insta::assert_snapshot!(check(source, &[
        &["1-1 command destroys; doubt counter-example the text says not to --> run it"],
        &["1-1 interactive changes; doubt interactive `ssh` opens a shell", "3-3 command reads; doubt remote-shell typed in the shell of `host`"],
        &["1-1 command reads; place workstation \"on your computer\""],
        &["1-1 command changes; host web1; doubt leaves-machine it reaches `web1`"],
        &["1-1 command reads; place server \"on the server\""],
    ]), @r#"
    ---
    runbook: 1
    title: "A"
    ---

    # A
    <!-- not run: the text says not to -- > run it -->
    ```bash linenums=1 {#a .x run=never}
    rm -rf /
    ```
    <!-- by hand: `ssh` opens a shell -->
    <!-- runbook: timeout=5m -->
    ```bash {#a-2 run=manual}
    ssh host
    ```

    <!-- not run: typed in the shell of `host` -->
    ```bash {#a-3 timeout=5m run=never}
    ls
    ```
    - ```bash {#a-4 confirm="This is meant for your own computer ('on your computer'). Run it?"}
      ls
      ```
    ```bash {#a-5 confirm="This reaches web1. Run it?"}
    scp x web1:
    ```
    <!-- not run: the fence is not closed -->
    ```bash {#a-6 run=never}
    ls
    ```
    ----
    3 → 8 a Left: the text says not to --> run it
    7 → 13 a-2 ByHand: `ssh` opens a shell
    9 → 18 a-3 Left: typed in the shell of `host`
    12 → 21 a-4 Confirmed: This is meant for your own computer ("on your computer"). Run it?
    15 → 24 a-5 Confirmed: This reaches web1. Run it?
    18 → 28 a-6 Left: the fence is not closed
    "#);
}

#[test]
fn front_matter_of_others_is_kept() {
    let tops = [
        "\u{feff}---\r\nlayout: x\r\n---\r\n# A\r\n\r\n```bash\r\nls\r\n```\r\n",
        "+++\ntitle = \"T\"\n[extra]\na = 1\n+++\n```bash\nls\n```\n",
        "---\ninputs: 3\n---\n# A\n```bash\nls\n```\n",
        "---\n- a\n---\n```bash\nls\n```\n",
    ];
    let shown = tops
        .map(|source| check(source, &[&["1-1 command reads; variable HOST ls"]]))
        .join("======\n");
    insta::assert_snapshot!(shown, @r#"
    ﻿---
    runbook: 1
    title: "A"
    inputs:
      HOST: { description: "for ls of line 7" }
    layout: x
    ---
    # A

    ```bash {#a}
    ls
    ```
    ----
    7 → 10 a Runs: 
    ======
    +++
    runbook = 1
    inputs.HOST = { description = "for ls of line 7" }
    title = "T"
    [extra]
    a = 1
    +++
    ```bash {#t}
    ls
    ```
    ----
    7 → 8 t Runs: 
    ======
    ---
    inputs: 3
    ---

    ```yaml {runbook}
    runbook: 1
    title: "A"
    inputs:
      HOST: { description: "for ls of line 6" }
    ```
    # A
    ```bash {#a}
    ls
    ```
    ----
    6 → 12 a Runs: 
    ======
    ---
    - a
    ---

    ```yaml {runbook}
    runbook: 1
    title: "deploy"
    inputs:
      HOST: { description: "for ls of line 5" }
    ```
    ```bash {#deploy}
    ls
    ```
    ----
    5 → 11 deploy Runs:
    "#);
}

#[test]
fn what_is_declared_or_broken_is_refused() {
    let refused = |source: &str| {
        let document = outline(source);
        let (runbook, _) = resolve(
            &document,
            "x",
            crate::classify::readings::Readings::default(),
        );
        declare(&document, &runbook).unwrap_err()
    };
    assert_eq!(refused("---\nrunbook: 1\n---\n"), NotDeclared::Already);
    let broken = refused("---\ntitle: x\na: [\n---\n");
    assert!(
        matches!(&broken, NotDeclared::FrontMatter { line: 3, .. }),
        "{broken:?}"
    );
}

/// Declares what the classifier makes of `source`.
fn declared(source: &str) -> Option<Declared> {
    let document = outline(source);
    let (runbook, found) = read_and_resolve(source, "x");
    // What is wrong in the manual already is not the copy's to mend.
    if found.iter().any(|it| it.severity == Severity::Error) {
        return None;
    }
    declare(&document, &runbook).ok()
}

proptest::proptest! {
    #[test]
    fn any_manual_has_a_copy_that_is_declared_and_keeps_its_steps(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "# A\n", "## Rollback\n", "```bash\n", "```\n", "```console\n", "~~~~ python\n", "~~~~\n", "ls -l\n", "\n",
            "$ df -h\n", "> b\n", "rm -rf /srv/x\n", "ssh deploy@<HOST>\n", "echo \"<HOST>\" '$X' $X\n", "- [ ] x\n", "- ", "  ", "> ",
            "\r\n", "```sh {#b hl=2}\n", "```{.bash .x}\n", "SELECT 1;\n", "KEY=1\n", "# nota\n", "psql -W your_password\n", "\u{feff}",
            "<!-- runbook: timeout=1m -->\n", "---\n", "title: x\n", "```bsh\n", "nano x\n", "1. ",
        ]), 0..25)
    ) {
        let source = parts.concat();
        if let Some(declared) = declared(&source) {
            let (copy, found) = read_and_resolve(&declared.text, "x");
            assert_eq!(copy.kind, Kind::Declared, "{source:?}\n{}", declared.text);
            for it in &found {
                assert_ne!(it.severity, Severity::Error, "{it:?}\n{source:?}\n{}", declared.text);
            }
            for it in declared.decisions.iter().filter(|it| matches!(it.fate, Fate::Runs | Fate::Confirmed | Fate::ByHand)) {
                let id = it.id.as_ref().unwrap();
                assert!(copy.steps.iter().any(|step| step.id == *id), "{id}\n{source:?}\n{}", declared.text);
            }
        }
    }
}

#[test]
fn what_a_list_or_a_table_asks_for_becomes_a_checklist() {
    let source = "# Turno\n\n- Mirar el disco: `df -h`\n- nada: `nombre`\n  1) Reiniciar con `systemctl restart nginx`\n- [ ] ya `df -h`\n\n\
        | Tarea | Cómo |\n|---|---|\n| Ver *todo* | `docker ps` y más |\n| Avisar a <todos> | |\n\n> | Tarea |\n> |---|\n> | citada |\n\nFin.\n";
    let (runbook, _) = read_and_resolve(source, "turno");
    let document = outline(source);
    let declared = declare(&document, &runbook).unwrap();
    let (copy, found) = read_and_resolve(&declared.text, "turno");
    assert!(
        found.iter().all(|it| it.severity != Severity::Error),
        "{found:?}"
    );
    let mut told = format!("{}----\n{} tasks\n", declared.text, declared.tasks);
    for step in &copy.steps {
        let crate::model::Task::ByHand { text, offered } = &step.task else {
            panic!("{step:?}");
        };
        let offered = offered.as_ref().map(|it| &it.body);
        writeln!(told, "{} {text:?} {offered:?}", step.id).unwrap();
    }
    insta::assert_snapshot!(told);
}
