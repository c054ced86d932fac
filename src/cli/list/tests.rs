#![cfg(test)]

use std::collections::BTreeMap;
use std::path::Path;

use anstream::adapter::strip_str;

use super::{Detail, Page, WIDTH, read_document, text_of};
use crate::markdown::attributes::parse_info;
use crate::markdown::outline;
use crate::model::{Diagnostic, Runbook};
use crate::resolve::testing::{by_hand, read_and_resolve};

fn told(
    source: &str,
    (runbook, diagnostics): (Runbook, Vec<Diagnostic>),
    detail: Detail,
) -> String {
    let page = Page {
        path: Path::new("docs/deploy.md"),
        source,
        runbook: &runbook,
        diagnostics: &diagnostics,
        columns: WIDTH,
    };
    let text = strip_str(&page.told(detail)).to_string();
    for line in text.lines() {
        assert!(crate::report::clean::width(line) <= WIDTH, "{line}");
    }
    text
}

fn check(source: &str, verbose: bool) -> String {
    let detail = if verbose { Detail::Pieces } else { Detail::Map };
    told(source, read_and_resolve(source, "deploy"), detail)
}

/// A manual as they are found, and what its fences are.
const MANUAL: &str = "\
# Guía de operación

```
web → app → base de datos
```

## 1. Preparación del servidor de aplicaciones y de la base de datos

En el servidor:

```bash
# Ver el disco
df -h

# Instalar
apt-get install -y nginx
```

```nginx
server_name tu-dominio.com;
```

## Copias

### Hacer

```bash
pg_dump tienda > /backup/<FECHA>.sql
psql -h $DB_HOST -U tienda -W your_password
```

### Restaurar

Esto borra todo.

```
psql tienda < copia.sql
```

```bash
# Opción A
reboot
# Opción B
shutdown -r now
```

## Revisión

- [ ] Avisar a todos
- [x] Pedir la ventana

```bash
htop
```

## Notas

```json
{}
```
";

const READINGS: &[&[&str]] = &[
    &["1-1 diagram; because arrows between words"],
    &[
        "1-3 command reads; title Ver el disco; because `df` reads; place server \"En el servidor\" stands above",
        "4-5 command changes; title Instalar; because `apt-get install` installs packages; place server \"En el servidor\" stands above",
    ],
    &["1-1 file; because it reads as settings of nginx"],
    &[
        "1-1 command changes; because `>` writes a file; bare FECHA <FECHA>",
        "2-2 command unknown; because what `psql` is fed is not known; variable DB_HOST $DB_HOST; bare your_password your_password; secret; doubt interactive `psql` opens a console",
    ],
    &["1-1 command destroys; because `psql … < file` overwrites what the database holds; warned"],
    &[
        "1-2 command changes; title Opción A; because `reboot` restarts the machine; choice 1; doubt alternative one of several ways",
        "3-4 command changes; title Opción B; because `shutdown` stops the machine; choice 1; doubt alternative one of several ways",
    ],
    &["1-1 interactive reads; because `htop` wants a terminal"],
    &["1-1 data; because it is JSON"],
];

fn manual(detail: Detail) -> String {
    let document = outline(MANUAL);
    told(MANUAL, by_hand(&document, "deploy", READINGS), detail)
}

#[test]
fn a_plain_manual_is_a_map_of_its_sections() {
    insta::assert_snapshot!(manual(Detail::Map), @"
    Guía de operación                                         docs/deploy.md · plain
      8 fences     4 command, 1 interactive, 1 file, 1 data, 1 diagram
      10 steps     2 ready, 1 destroying, 2 to look at, 1 to fill in,
                   2 for a terminal, 2 by hand
      missing      FECHA, $DB_HOST, your_password (a secret)
      on demand    3 steps in Restaurar

                                          reads  changes  destroys  unknown  by hand
    Guía de operación
        no steps: 1 diagram
      1. Preparación del servidor de          1        1         ·        ·        ·
      aplicaciones y de la base de datos
          no steps: 1 file
      Copias
        Hacer                                 ·        1         ·        1        ·
            1 for a terminal · fill in FECHA, $DB_HOST, your_password (a secret)
        Restaurar · on demand                 ·        2         1        ·        ·
            in doubt: 2 alternative · choose 1 of 2
      Revisión                                1        ·         ·        ·        2
          1 for a terminal · 1 ticked
    ");
}

#[test]
fn its_pieces_are_told_with_their_reasons() {
    insta::assert_snapshot!(manual(Detail::Pieces), @r#"
    Guía de operación                                         docs/deploy.md · plain
      8 fences     4 command, 1 interactive, 1 file, 1 data, 1 diagram
      10 steps     2 ready, 1 destroying, 2 to look at, 1 to fill in,
                   2 for a terminal, 2 by hand
      missing      FECHA, $DB_HOST, your_password (a secret)
      on demand    3 steps in Restaurar

                                          reads  changes  destroys  unknown  by hand
    Guía de operación
        4  web → app → base de datos                    diagram                never
           arrows between words
      1. Preparación del servidor de          1        1         ·        ·        ·
      aplicaciones y de la base de datos
       12  Ver el disco                                 command      reads     run
           df -h
           ~1-preparacion-del-servidor-de · `df` reads
           server: "En el servidor" stands above
       15  Instalar                                     command      changes   run
           apt-get install -y nginx
           ~1-preparacion-del-servidor-de-2 · `apt-get install` installs packages
           server: "En el servidor" stands above
       20  server_name tu-dominio.com;                  file                   never
           it reads as settings of nginx
      Copias
        Hacer                                 ·        1         ·        1        ·
            1 for a terminal · fill in FECHA, $DB_HOST, your_password (a secret)
       28  pg_dump tienda > /backup/<FECHA>.sql         command      changes   fill
           ~hacer · `>` writes a file
           fill in FECHA (line 28)
       29  psql -h $DB_HOST -U tienda -W your_password  command      unknown   hand
           ~hacer-2 · what `psql` is fed is not known
           in doubt (interactive): `psql` opens a console
           fill in $DB_HOST (line 29), your_password (a secret) (line 29)
        Restaurar · on demand                 ·        2         1        ·        ·
            in doubt: 2 alternative · choose 1 of 2
       37  psql tienda < copia.sql                      command      destroys  type
           ~restaurar · `psql … < file` overwrites what the database holds
           warning on line 37: psql tienda < copia.sql
       41  Opción A                                     command      changes   ask
           reboot
           ~restaurar-2 · `reboot` restarts the machine
           in doubt (alternative): one of several ways
           one is chosen: this, or line 43
       43  Opción B                                     command      changes   ask
           shutdown -r now
           ~restaurar-3 · `shutdown` stops the machine
           in doubt (alternative): one of several ways
           one is chosen: this, or line 41
      Revisión                                1        ·         ·        ·        2
          1 for a terminal · 1 ticked
       49  [ ] Avisar a todos
           ~avisar-a-todos · a person does it
       50  [x] Pedir la ventana
           ~pedir-la-ventana · a person does it
       53  htop                                         interactive  reads     hand
           ~revision · `htop` wants a terminal
      Notas
       59  {}                                           data                   never
           it is JSON
    "#);
}

#[test]
fn one_of_many_is_told_in_a_few_lines() {
    insta::assert_snapshot!(manual(Detail::Compact), @r#"
    Guía de operación                                         docs/deploy.md · plain
      8 fences     4 command, 1 interactive, 1 file, 1 data, 1 diagram
      10 steps     2 ready, 1 destroying, 2 to look at, 1 to fill in,
                   2 for a terminal, 2 by hand
      missing      FECHA, $DB_HOST, your_password (a secret)
      on demand    3 steps in Restaurar
    "#);
}

#[test]
fn a_runbook_is_listed_in_eighty_columns() {
    let source = "---\nrunbook: 1\ntitle: デプロイ 🛒 de la tienda\ninputs:\n  version: { description: tag to deploy, default: v1, choices: [v1, v2] }\n---\n# Preparación\n```bash {#check .slow effect=reads}\ndf -h\n```\n```bash\nssh <HOST>\n```\n## Vacía\n## A mano\n- [ ] Avisar a **todos** (`@canal`) de que en un momento empieza la ventana de mantenimiento programada\n- [x] hecho\n## Rollback\n```sh {effect=destroys retries=3}\nrm -rf x\n```\n";
    insta::assert_snapshot!(check(source, false), @"
    デプロイ 🛒 de la tienda                               docs/deploy.md · declared
      input version  tag to deploy (default v1) (one of v1, v2)
    Preparación
      check                                  8  bash        reads     .slow
      ~preparacion                          11  bash        unknown
          in doubt: `<HOST>` stands for a value
      A mano
      ~avisar-a-todos-canal-de-que-en-un    16  by hand
          Avisar a todos (@canal) de que en un momento empieza la ventana de manten…
      ~hecho                                17  by hand               ticked
          hecho
      Rollback · on demand
      ~rollback                             19  sh          destroys
      0 errors, 1 warning: `runbook lint docs/deploy.md`
    ");
    insta::assert_snapshot!(check(source, true), @"
    デプロイ 🛒 de la tienda                               docs/deploy.md · declared
      input version  tag to deploy (default v1) (one of v1, v2)
    Preparación
      check                                  8  bash        reads     .slow
          df -h
      ~preparacion                          11  bash        unknown
          ssh <HOST>
          in doubt: `<HOST>` stands for a value
      Vacía
      A mano
      ~avisar-a-todos-canal-de-que-en-un    16  by hand
          Avisar a todos (@canal) de que en un momento empieza la ventana de manten…
      ~hecho                                17  by hand               ticked
          hecho
      Rollback · on demand
      ~rollback                             19  sh          destroys
          rm -rf x
      0 errors, 1 warning: `runbook lint docs/deploy.md`
    ");
    insta::assert_snapshot!(check("text\n", false), @r#"
    deploy                                                    docs/deploy.md · plain
      no steps: nothing in it would run
    "#);
}

/// A seed, and its fences by language.
type Expected = (&'static str, &'static [(&'static str, usize)]);

/// Counted by hand in the four manuals that the project exists for.
#[test]
fn the_seeds_are_read_as_they_are() {
    let expected: &[Expected] = &[
        ("000_16a2d67ec8918db7.txt", &[("", 1)]),
        (
            "001_0dce8c2ff002d009.txt",
            &[
                ("ini", 2),
                ("json", 1),
                ("mermaid", 2),
                ("powershell", 13),
                ("python", 1),
            ],
        ),
        (
            "002_0398b6bd75eb86dc.txt",
            &[("", 2), ("bash", 3), ("env", 1), ("python", 5), ("sql", 2)],
        ),
        (
            "003_35b30ed50e79f912.txt",
            &[
                ("", 9),
                ("bash", 17),
                ("dockerfile", 1),
                ("nginx", 3),
                ("python", 2),
                ("sql", 1),
                ("yaml", 3),
            ],
        ),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seeds");
    if !folder.is_dir() {
        eprintln!(
            "SKIPPED: {} is not there: the seeds were not read",
            folder.display()
        );
        return;
    }
    for (name, languages) in expected {
        let path = folder.join(name);
        let bytes = read_document(&path).expect("a seed can be read");
        let source = text_of(&path, &bytes).expect("a seed is text");
        let document = outline(source);
        let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
        for fence in &document.fences {
            let language = parse_info(document.text(fence.info), 0).language;
            *counted
                .entry(language.map_or("", |(word, _)| word))
                .or_default() += 1;
            assert!(fence.is_closed, "{name}:{}", fence.line);
            // Line n of the body is line `fence.line + 1 + n` of the file.
            for (number, line) in document.body(fence).lines().enumerate() {
                let in_file = source.lines().nth(fence.line as usize + number);
                assert_eq!(
                    in_file.map(str::trim),
                    Some(line.trim()),
                    "{name}:{}",
                    fence.line
                );
            }
        }
        assert_eq!(
            counted.into_iter().collect::<Vec<_>>(),
            *languages,
            "{name}"
        );
        // What they are is held by the hand labels of the classifier.
        let (runbook, _) = read_and_resolve(source, name);
        assert_eq!(runbook.fences.len(), document.fences.len(), "{name}");
    }
}

#[test]
fn a_form_is_counted_and_its_secrets_too() {
    let source = "# Settings\n\n```env\nDB_HOST=localhost\nDB_PASSWORD=changeme\n```\n\n## Look\n\n```bash\ndf -h\n```\n";
    for verbose in [false, true] {
        let told = check(source, verbose);
        assert!(told.contains("form: 2 values, 1 secret (line 3)"), "{told}");
        assert!(!told.contains("changeme") || verbose, "{told}");
    }
}
