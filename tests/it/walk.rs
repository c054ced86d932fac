#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! An operator walks a manual that nobody wrote for this tool, on a terminal of 80 columns.

use insta::assert_snapshot;

use super::fixture::Fixture;
use super::pty::{Desk, Pty};

/// Every case that a walk knows.
const MANUAL: &str = r#"# Manual de la tienda

Cómo se opera la tienda en línea.

## 1. Comprobar

Antes de **nada** mira que quede sitio y que la [aplicación](https://tienda.test)
escuche en su puerto:

```bash
# Espacio libre
echo "queda sitio"

# Puerto de la aplicación
echo "puerto <PUERTO>" | tee -a registro
```

## 2. Copia de seguridad

La copia tarda unos minutos.

```bash
echo "copia de <PUERTO>" > copia.sql
```

> ⚠️ **Atención**: sobrescribe la copia anterior.

## 3. Conectar

En tu computadora:

```bash
ssh deploy@<SERVIDOR> uptime
```

## 4. Servicio

```bash
# Opción A: arrancar
echo arrancar >> registro

# Opción B: parar
echo parar >> registro
```

## 5. Base de datos

```bash
echo "clave=<TU_PASSWORD>" | wc -c >> registro
```

## 6. Limpieza

```bash
rm -rf cache
```

```bash
tail -f registro
```

## Solución de problemas

### MySQL no conecta

```bash
echo "mysql no conecta" >> registro
```

### Nginx no arranca

```bash
echo "nginx no arranca" >> registro
```
"#;

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.file("tienda.md", MANUAL);
    desk.script("ssh", "#!/bin/sh\necho \"ssh $*\" >> \"$DESK/registro\"\n");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", desk.path().display());
    desk.set("PATH", path);
    desk
}

/// What a person sees, whoever runs the tests wherever.
fn seen(desk: &Desk, pty: &mut Pty) -> String {
    let operator = runbook::host::machine::operator(false);
    let (user, host) = (&operator.user, &operator.host);
    desk.same(&pty.screen())
        .replace(&format!("{user} decided on {host}"), "ana decided on web1")
        .replace(&format!("{user} confirmed"), "ana confirmed")
        .replace(&format!("this is `{host}`"), "this is `web1`")
}

fn walk(desk: &Desk, sections: &[&str]) -> Pty {
    let mut args = vec!["run", "tienda.md"];
    args.extend(sections);
    desk.terminal(&args)
}

#[test]
fn a_section_is_chosen_by_a_few_letters_before_anything_is_opened() {
    let desk = desk();
    let mut pty = walk(&desk, &[]);
    pty.expect("[q]uit > ");
    assert_snapshot!("sections", seen(&desk, &mut pty));
    pty.send("kubernetes\n")
        .expect("No section that holds steps is like `kubernetes`")
        .expect("[q]uit > ");
    pty.send("no\n")
        .expect("Nginx no arranca")
        .expect("[q]uit > ");
    pty.send("mysq con\n")
        .expect("→ Manual de la tienda / Solución de problemas / MySQL no conecta")
        .expect("[r]un")
        .expect(" > ");
    pty.send("r\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("registro"), "mysql no conecta\n");
}

#[test]
fn who_leaves_at_the_choice_has_opened_no_run() {
    let desk = desk();
    for leaves in ["q\n", "\u{4}", "\u{3}"] {
        let mut pty = walk(&desk, &[]);
        pty.expect("[q]uit > ").send(leaves);
        assert_eq!(pty.wait(), 130);
    }
    assert!(!desk.path().join("state/runs").exists());
}

#[test]
fn what_a_person_sees_on_the_way_through_a_manual() {
    let desk = desk();
    let copy = desk.file("copia.sql", "la copia de ayer\n");
    // Two days before the clock that stands still.
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000 - 172_800);
    let copy = std::fs::OpenOptions::new().append(true).open(copy).unwrap();
    copy.set_modified(then).unwrap();
    std::fs::create_dir(desk.path().join("cache")).unwrap();
    let mut pty = walk(&desk, &[]);
    pty.expect("[q]uit > ").send("a\n");
    pty.expect("[rest] of section").expect(" > ");
    assert_snapshot!("reads", seen(&desk, &mut pty));
    // The rest of the section holds a value: that is asked for, and seen before it runs.
    pty.send("rest\n")
        .expect("Value for `<PUERTO>`")
        .expect(" > ");
    pty.send("80; rm -rf cache\n")
        .expect("puerto 80; rm -rf cache")
        .expect(" > ");
    assert_snapshot!("filled", seen(&desk, &mut pty));
    pty.send("r\n")
        .expect("copia de 80; rm")
        .expect("it would be overwritten")
        .expect(" > ");
    assert!(desk.path().join("cache").exists());
    assert_snapshot!("overwrites", seen(&desk, &mut pty));
    pty.send("\n").expect("type r").expect(" > ");
    assert_eq!(desk.read("copia.sql"), "la copia de ayer\n");
    pty.send("r\n").expect("[h]ere").expect(" > ");
    assert_snapshot!("workstation", seen(&desk, &mut pty));
    assert_eq!(desk.read("copia.sql"), "copia de 80; rm -rf cache\n");
    pty.send("h\n")
        .expect("Value for `<SERVIDOR>`")
        .expect(" > ");
    pty.send("a b\n")
        .expect("That value does not go there")
        .expect(" > ");
    pty.send("db1\n")
        .expect("It leaves this machine for `db1`")
        .expect(" > ");
    assert_snapshot!("host", seen(&desk, &mut pty));
    pty.send("\n").expect("[y]es").expect(" > ");
    pty.send("y\n").expect("[Enter] run").expect(" > ");
    pty.send("r\n").expect("exclude each other").expect(" > ");
    assert_snapshot!("choice", seen(&desk, &mut pty));
    pty.send("3\n").expect("no answer").expect(" > ");
    pty.send("2\n")
        .expect("skipped")
        .expect("the other was chosen")
        .expect(" > ");
    pty.send("r\n")
        .expect("Value for `<TU_PASSWORD>`")
        .expect(" > ");
    pty.send("s3creto'\"$x\n").expect("clave=***").expect(" > ");
    assert_snapshot!("secret", seen(&desk, &mut pty));
    pty.send("r\n").expect("Type `6-limpieza`").expect(" > ");
    pty.send("r\n").expect("type its id").expect(" > ");
    pty.send("6-limpieza\n")
        .expect("[d]one elsewhere")
        .expect(" > ");
    assert_snapshot!("endless", seen(&desk, &mut pty));
    pty.send("r\n").expect("no answer").expect(" > ");
    pty.send("d\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(
        desk.read("registro"),
        "puerto 80; rm -rf cache\nssh deploy@db1 uptime\nparar\n18\n"
    );
    assert!(!desk.path().join("cache").exists());
    let journal = desk.kept("journal.jsonl");
    for told in [
        r#""kind":"value.given","name":"PUERTO","value":"80; rm -rf cache""#,
        r#""kind":"value.given","name":"TU_PASSWORD","source""#,
        r#""kind":"host.confirmed","host":"db1""#,
        r#""kind":"workstation.decided","decision":"here""#,
        "the other was chosen: 4-servicio-2",
        r#"+echo \"clave=***\""#,
    ] {
        assert!(journal.contains(told), "{told}\n{journal}");
    }
    let transcript = desk.kept("transcript.md");
    for told in [
        "+echo \"copia de 80; rm -rf cache\"",
        "leave this machine for db1",
    ] {
        assert!(transcript.contains(told), "{told}\n{transcript}");
    }
    assert_eq!(holding(&desk, "s3creto"), Vec::<String>::new());
}

/// The files that the run left which hold `text`.
fn holding(desk: &Desk, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![desk.path().join("state")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path)
                .is_ok_and(|it| memchr::memmem::find(&it, text.as_bytes()).is_some())
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// A manual with a form of its own, chores in a list and a table of tasks.
const CHORES: &str = r#"# Turno de la tienda

## Ajustes

```env
TIENDA_HOST=localhost
TIENDA_PUERTO=8080
TIENDA_PASSWORD=cambiame
TIENDA_EXTRA=
```

## Comprobar

```bash
echo "host $TIENDA_HOST, puerto $TIENDA_PUERTO" >> registro
```

```bash
printf %s "$TIENDA_PASSWORD" | wc -c >> registro
```

## A mano

- Borrar lo viejo: `rm -rf cache`
- Mirar el disco: `df -h`
- Avisar al equipo: `touch avisado`

| Tarea | Quién |
|-------|-------|
| Revisar las copias | operador |
| Crear la marca con `touch marca` | operador |
"#;

#[test]
fn a_form_of_the_document_is_filled_in_once_and_its_secret_is_seen_nowhere() {
    let desk = desk();
    desk.file("turno.md", CHORES);
    let mut pty = desk.terminal(&["run", "turno.md", "Comprobar", "Ajustes"]);
    pty.expect("[Enter] leave it > ");
    assert_snapshot!("form", seen(&desk, &mut pty));
    pty.send("y\n")
        .expect("TIENDA_HOST [localhost]")
        .expect(": ");
    pty.send("\n").expect("TIENDA_PUERTO [8080]").expect(": ");
    pty.send("9090\n")
        .expect("TIENDA_PASSWORD (unseen")
        .expect(": ");
    pty.send("c4nario-largo\n")
        .expect("TIENDA_EXTRA (Enter")
        .expect(": ");
    pty.send("\n").expect("[r]un").expect(" > ");
    assert!(!pty.screen().contains("c4nario"), "{}", pty.screen());
    pty.send("r\n").expect("[r]un").expect(" > ");
    pty.send("r\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("registro"), "host localhost, puerto 9090\n13\n");
    assert_eq!(holding(&desk, "c4nario"), [""; 0]);
}

#[test]
fn a_form_may_be_left_and_is_filled_by_set_without_a_terminal() {
    let desk = desk();
    desk.file("turno.md", CHORES);
    let mut pty = desk.terminal(&["run", "turno.md", "Comprobar", "Ajustes"]);
    pty.expect("[Enter] leave it > ").send("\n");
    pty.expect("Value for `$TIENDA_HOST`")
        .expect(" > ")
        .send("\n");
    pty.expect("[q]uit > ").send("q\n");
    assert_eq!(pty.wait(), 3);
    let mut pty = desk.terminal(&["run", "turno.md", "Ajustes", "Comprobar"]);
    pty.expect("[Enter] leave it > ").ctrl('c');
    assert_eq!(pty.wait(), 130);
    let fixture = place().file("turno.md", CHORES);
    let given = [
        "run",
        "turno.md",
        "Comprobar",
        "--yes",
        "--set",
        "TIENDA_HOST=db1",
        "--set",
        "TIENDA_PUERTO=1",
        "--set",
        "TIENDA_PASSWORD=abc",
        "--set",
        "TIENDA_EXTRA=x",
    ];
    fixture.run(&given).code(0);
    assert_eq!(fixture.read("registro"), "host db1, puerto 1\n3\n");
    fixture
        .run(&[
            "run",
            "turno.md",
            "Comprobar",
            "--yes",
            "--set",
            "TIENDA_HOTS=x",
        ])
        .code(2)
        .says("did you mean `TIENDA_HOST`?");
}

#[test]
fn what_a_list_or_a_table_asks_for_is_run_done_or_skipped() {
    let desk = desk();
    desk.file("turno.md", CHORES);
    std::fs::create_dir(desk.path().join("cache")).unwrap();
    let mut pty = desk.terminal(&["run", "turno.md", "A mano"]);
    pty.expect("Borrar lo viejo").expect(" > ");
    assert_snapshot!("chore_that_destroys", seen(&desk, &mut pty));
    // Enter and `r` do not run what destroys.
    pty.send("r\n").expect(" > ");
    assert!(desk.path().join("cache").exists());
    pty.send("d\n").expect("Mirar el disco").expect(" > ");
    assert_snapshot!("chore_that_reads", seen(&desk, &mut pty));
    pty.send("r\n").expect("Avisar al equipo").expect(" > ");
    pty.send("s\n").expect(" > ").send("no hace falta\n");
    pty.expect("Revisar las copias").expect(" > ");
    assert_snapshot!("task_of_a_table", seen(&desk, &mut pty));
    pty.send("d\n").expect("Crear la marca").expect(" > ");
    pty.send("r\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert!(desk.path().join("cache").exists() && desk.path().join("marca").exists());
    assert!(!desk.path().join("avisado").exists());
}

#[test]
fn a_task_of_a_declared_runbook_offers_its_command_too() {
    let desk = desk();
    desk.file(
        "turno.md",
        "---\nrunbook: 1\n---\n# Turno\n\n- [ ] Crear la marca: `touch marca`\n- [ ] Avisar\n",
    );
    let mut pty = desk.terminal(&["run", "turno.md", "--yes"]);
    pty.expect("[r]un it").expect("[d]one").expect(" > ");
    pty.send("r\n")
        .expect("Avisar")
        .expect("[d]one")
        .expect(" > ");
    pty.send("d\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert!(desk.path().join("marca").exists());
}

#[test]
fn what_only_its_tag_makes_powershell_is_run_by_bash_once_that_is_agreed() {
    let desk = desk();
    desk.file(
        "turno.md",
        "# Turno\n\n```powershell\necho hola >> registro\n```\n\n```powershell\n$env:X = 1\necho $env:X >> registro\n```\n",
    );
    let mut pty = desk.terminal(&["run", "turno.md"]);
    pty.expect("so that bash can run it").expect(" > ");
    assert_snapshot!("other_shell", seen(&desk, &mut pty));
    // Enter is not enough, and neither is `r`.
    pty.send("\n").expect(" > ").send("r\n").expect(" > ");
    assert!(!desk.path().join("registro").exists());
    pty.send("turno\n")
        .expect("nothing here runs powershell")
        .expect(" > ");
    // What is PowerShell's own is never offered.
    pty.send("r\n")
        .expect(" > ")
        .send("turno-2\n")
        .expect(" > ");
    pty.send("q\n");
    assert_eq!(pty.wait(), 3);
    assert_eq!(desk.read("registro"), "hola\n");
    let recorded = holding(
        &desk,
        "its fence is tagged `powershell`: is bash to run it?",
    );
    assert_ne!(recorded, [""; 0], "the agreement is recorded");
    let fixture = place().file(
        "turno.md",
        "# A\n\n```powershell\necho hola >> registro\n```\n",
    );
    let outcome = fixture.run(&["run", "turno.md", "A", "--yes"]);
    assert_ne!(outcome.code, 0, "{outcome}");
    assert!(!fixture.path("registro").exists(), "nobody agreed");
}

#[test]
fn what_was_answered_is_remembered_by_resume_but_no_secret() {
    let desk = desk();
    let mut pty = walk(&desk, &[]);
    pty.expect("[q]uit > ").send("1 3 5\n");
    pty.expect("[Enter] run").expect(" > ").send("\n");
    pty.expect("Value for `<PUERTO>`")
        .expect(" > ")
        .send("80\n");
    pty.expect("puerto 80").expect(" > ").send("r\n");
    pty.expect("[h]ere").expect(" > ").send("a\n");
    pty.expect("Value for `<SERVIDOR>`")
        .expect(" > ")
        .send("db1\n");
    pty.expect("[y]es").expect(" > ").send("y\n");
    pty.expect("[r]un").expect(" > ").send("q\n");
    assert_eq!(pty.wait(), 3);
    let mut pty = desk.terminal(&["resume"]);
    // Nothing of all that is asked again.
    pty.expect("resumed")
        .expect("ssh deploy@db1 uptime")
        .expect("[r]un")
        .expect(" > ");
    let screen = pty.screen();
    assert!(
        !screen.contains("Value for") && !screen.contains("[h]ere"),
        "{screen}"
    );
    pty.send("r\n")
        .expect("Value for `<TU_PASSWORD>`")
        .expect(" > ")
        .send("abc\n");
    pty.expect("clave=***").expect(" > ").send("q\n");
    assert_eq!(pty.wait(), 3);
    let mut pty = desk.terminal(&["resume"]);
    pty.expect("Value for `<TU_PASSWORD>`")
        .expect(" > ")
        .send("abcdef\n");
    pty.expect("clave=***")
        .expect(" > ")
        .send("r\n")
        .expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(
        desk.read("registro"),
        "puerto 80\nssh deploy@db1 uptime\n13\n"
    );
}

#[test]
fn an_edited_command_is_understood_anew() {
    let mut desk = desk();
    let editor = desk.script("editor", "#!/bin/sh\ncp \"$DESK/next\" \"$1\"\n");
    desk.set("EDITOR", editor);
    desk.file("copia.sql", "la copia de ayer\n");
    let mut pty = walk(&desk, &["MySQL no conecta"]);
    pty.expect("[r]un").expect(" > ");
    desk.file("next", "rm -rf copia.sql\n");
    pty.send("e\n")
        .expect("Type `mysql-no-conecta` to run it")
        .expect(" > ");
    desk.file("next", "top\n");
    pty.send("e\n").expect("[d]one elsewhere").expect(" > ");
    desk.file("next", "echo nada > copia.sql\n");
    pty.send("e\n")
        .expect("it would be overwritten")
        .expect(" > ");
    desk.file("next", "cat copia.sql\n");
    // Enter alone never runs what a person wrote, also where it reads.
    pty.send("e\n").expect("[r]un").expect(" > ").send("\n");
    pty.expect("type r")
        .expect(" > ")
        .send("r\n")
        .expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("copia.sql"), "la copia de ayer\n");
}

#[test]
fn a_value_may_be_left_to_other_answers_and_a_failed_step_be_tried_again() {
    let desk = desk();
    let text = "# Fallo\n\n```bash\ntest -e <ARCHIVO> && echo bien >> registro\n```\n";
    desk.file("fallo.md", text);
    let mut pty = desk.terminal(&["run", "fallo.md"]);
    pty.expect("Value for `<ARCHIVO>`").expect(" > ").send("\n");
    pty.expect("[v]alue").expect(" > ").send("v\n");
    pty.expect("Value for `<ARCHIVO>`")
        .expect(" > ")
        .send("un archivo\n");
    pty.expect("test -e 'un archivo'").expect(" > ").send("r\n");
    pty.expect("[r]etry").expect(" > ");
    desk.file("un archivo", "");
    pty.send("r\n").expect("passed");
    assert_eq!(pty.wait(), 0);
    assert_eq!(desk.read("registro"), "bien\n");
}

#[test]
fn what_is_typed_for_a_secret_is_not_shown_and_the_terminal_is_given_back() {
    let desk = desk();
    let mut pty = walk(&desk, &["Base de datos"]);
    pty.expect("Value for `<TU_PASSWORD>`")
        .expect(" > ")
        .ctrl('z');
    pty.expect("");
    drop(pty);
    let mut pty = walk(&desk, &["Base de datos"]);
    pty.expect("Value for `<TU_PASSWORD>`")
        .expect(" > ")
        .send("visible?\n");
    pty.expect("clave=***").expect(" > ");
    assert!(!pty.screen().contains("visible?"), "{}", pty.screen());
    pty.send("q\n");
    assert_eq!(pty.wait(), 3);
    // Left in the middle of it the terminal shows again what is typed: `wait` looks.
    let mut pty = walk(&desk, &["Base de datos"]);
    pty.expect("Value for `<TU_PASSWORD>`")
        .expect(" > ")
        .ctrl('d');
    assert_eq!(pty.wait(), 3);
}

fn place() -> Fixture {
    Fixture::new().file("tienda.md", MANUAL)
}

#[test]
fn without_a_terminal_all_that_is_missing_is_told_at_once() {
    let place = place();
    let outcome = place
        .run(&["run", "tienda.md", "Manual de la tienda", "--yes"])
        .code(2);
    assert_snapshot!("headless", place.normalise(&outcome.stderr));
    assert!(place.runs().is_empty());
}

#[test]
fn without_a_terminal_values_come_from_set_and_inputs() {
    let place = place();
    place.write("v.yaml", "PUERTO: \"81\"\nOTRO: x\n");
    let section = ["run", "tienda.md", "Comprobar", "--yes"];
    let with = |more: &[&'static str]| [&section[..], more].concat();
    place
        .run(&with(&["--set", "PUERT=80"]))
        .code(2)
        .says("did you mean `PUERTO`?");
    place.run(&with(&[])).code(2).says("--set NAME=VALUE");
    place
        .run(&with(&["--set", "PUERTO=8 0;"]))
        .code(0)
        .says("PUERTO: 8 0;");
    place.run(&with(&["--inputs", "v.yaml"])).code(0);
    assert_eq!(place.read("registro"), "puerto 8 0;\npuerto 81\n");
    place
        .run(&[
            "run",
            "tienda.md",
            "Conectar",
            "--yes",
            "--set",
            "SERVIDOR=a b",
        ])
        .code(2)
        .says("`SERVIDOR` cannot have this value (--set)");
}

#[test]
fn without_a_terminal_a_file_a_host_a_choice_and_a_workstation_are_refused_unless_allowed() {
    let place = place();
    place.write("copia.sql", "la copia de ayer\n");
    let copy = ["run", "tienda.md", "Copia", "--yes", "--set", "PUERTO=80"];
    let copy: Vec<&str> = copy
        .into_iter()
        .map(|it| {
            if it == "Copia" {
                "Copia de seguridad"
            } else {
                it
            }
        })
        .collect();
    place.run(&copy).code(2).says("--allow overwrite");
    assert_eq!(place.read("copia.sql"), "la copia de ayer\n");
    let allowed: Vec<&str> = copy
        .iter()
        .copied()
        .chain(["--allow", "overwrite"])
        .collect();
    place.run(&allowed).code(0);
    assert_eq!(place.read("copia.sql"), "copia de 80\n");
    let connect = [
        "run",
        "tienda.md",
        "Conectar",
        "--yes",
        "--set",
        "SERVIDOR=db1",
    ];
    place.run(&connect).code(2).says("--allow workstation");
    let connect = [&connect[..], &["--allow", "workstation,unknown"]].concat();
    place.run(&connect).code(2).says("--allow host=db1");
    place
        .run(&["run", "tienda.md", "Servicio", "--yes"])
        .code(2)
        .says("exclude each other")
        .says("--skip");
    place
        .run(&[
            "run",
            "tienda.md",
            "Servicio",
            "--yes",
            "--skip",
            "4-servicio",
        ])
        .code(0);
    assert_eq!(place.read("registro"), "parar\n");
    place
        .run(&[
            "run",
            "tienda.md",
            "Servicio",
            "--yes",
            "--allow",
            "hosts=a",
        ])
        .code(2)
        .says("host=NAME");
}
