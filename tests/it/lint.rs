#![cfg(feature = "testing")]
//! `runbook lint`: what a person sees of it, and mojibake that is mended.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use runbook::lint::rules;
use runbook::markdown::encoding::Misreading;

use crate::fixture::{Fixture, Outcome};

const GUIDE: &str = "# Guía de operación\n\n- [Índice](#índice)\n- [Restauración](#restauración)\n\n## Índice\n\nAntes de empezar, compruebe la configuración.\n\n## Restauración\n\nLa contraseña está en el gestor.\n";

/// A place in which no program is, so that what is said of programs is the same everywhere.
fn place() -> Fixture {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("bin")).unwrap();
    let bin = fixture.path("bin");
    fixture.env("PATH", bin)
}

fn program(fixture: &Fixture, name: &str) {
    let path = fixture.path("bin").join(name);
    fs::write(&path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn told(fixture: &Fixture, outcome: &Outcome) -> String {
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
    let text = format!(
        "{}--- exit {}\n{}",
        outcome.stdout, outcome.code, outcome.stderr
    );
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    fixture.normalise(&lines.join("\n"))
}

#[test]
fn a_manual_is_told_what_is_doubtful_in_it_on_a_page() {
    let fixture = place().file(
        "manual.md",
        "# Deploy\n\nSee [the top](#deplyo), [setup](setup.md) and [other](other.md#start).\n\n## Log in\n\nThe password is `admin`/`admin1234`, password: admin1234.\n\n```console\n$ export DB=postgres://admin:admin1234@db/shop\n```\n",
    )
    .file("other.md", "# Other\n\n## Start\n\nText.\n");
    insta::assert_snapshot!(told(&fixture, &fixture.run(&["lint", "manual.md"])), @r"
    warning[dead-anchor]: no heading here has the anchor `#deplyo`
     --> manual.md:3:5
      |
    3 | See [the top](#deplyo), [setup](setup.md) and [other](other.md#start).
      |     ^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `#deploy`?

    warning[dead-link]: `setup.md` is not there
     --> manual.md:3:25
      |
    3 | See [the top](#deplyo), [setup](setup.md) and [other](other.md#start).
      |                         ^^^^^^^^^^^^^^^^^
      |
      = help: mend the path, or take the link out

    warning[secret]: a password stands in the text: `ad***`
     --> manual.md:7:48
      |
    7 | The password is `admin`/`ad*******`, password: ad*******.
      |                                                ^^^^^^^^^ also on line 10
      |
      = help: change it, then write a placeholder, or an input with `secret: true`

    1 document: 0 errors, 3 warnings, 0 hints
    --- exit 0
    ");
    let whole = fixture.run(&["lint", "."]).code(0);
    assert!(!whole.stdout.contains("admin1234"), "{whole}");
    whole.says("manual.md\n").says("2 documents: 0 errors, ");
    // Warnings are no failure, unless it is asked for.
    fixture.run(&["lint", "--strict", "manual.md"]).code(2);
    fixture.run(&["lint", "--strict", "other.md"]).code(0);
}

#[test]
fn for_programs_each_finding_has_rule_place_and_way_out() {
    let fixture = place().file("a.md", "# A\n\nñ [x](#y)\n\n- [x](#y)\n- [z](no.md)\n");
    let outcome = fixture.run(&["lint", "--json", "a.md"]).code(0);
    insta::assert_snapshot!(outcome.stdout, @r#"
    {
      "version": 1,
      "documents": [
        {
          "path": "a.md",
          "diagnostics": [
            {
              "severity": "warning",
              "rule": "dead-anchor",
              "message": "no heading here has the anchor `#y`",
              "label": "",
              "way_out": "`runbook list --json FILE` names the anchors",
              "line": 3,
              "column": 3,
              "span": {
                "start": 8,
                "end": 15
              },
              "also": [
                {
                  "line": 5,
                  "column": 3,
                  "span": {
                    "start": 19,
                    "end": 26
                  }
                }
              ]
            },
            {
              "severity": "warning",
              "rule": "dead-link",
              "message": "`no.md` is not there",
              "label": "",
              "way_out": "mend the path, or take the link out",
              "line": 6,
              "column": 3,
              "span": {
                "start": 29,
                "end": 39
              },
              "also": []
            }
          ]
        }
      ],
      "unreadable": [],
      "errors": 0,
      "warnings": 2,
      "hints": 0
    }
    "#);
}

#[test]
fn a_link_to_standard_input_cannot_be_judged_but_its_anchors_can() {
    let fixture = place();
    let text = "# A\n\n[x](no.md) [y](#nowhere)\n";
    let outcome = fixture.command(&["lint", "-"]).stdin(text).run().code(0);
    assert!(outcome.stdout.contains("dead-anchor"), "{outcome}");
    assert!(!outcome.stdout.contains("dead-link"), "{outcome}");
}

#[test]
fn every_rule_that_the_program_knows_is_in_the_table() {
    let pattern =
        regex::Regex::new(r#"(?:Diagnostic::(?:error|warning|hint)|by_kind|\bof|self\.(?:error|fault|doubt))\(\s*(?:[a-z_.]+,\s*)*"([a-z]+(?:-[a-z]+)*)""#)
            .unwrap();
    let mut found = 0;
    for folder in ["src/lint", "src/resolve"] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("tests.rs") || path.ends_with("declare.rs") {
                continue;
            }
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
            for rule in pattern.captures_iter(code) {
                found += 1;
                let is_known = rules::find(&rule[1]).is_some();
                assert!(is_known, "{}: `{}`", path.display(), &rule[1]);
            }
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn programs_that_are_not_here_are_told_with_what_is() {
    let fixture = place().file(
        "a.md",
        "# A\n\n```bash\nnetstat -tlnp\n```\n\n```bash\nnslookup example.org\n```\n",
    );
    for name in ["ss", "getent"] {
        program(&fixture, name);
    }
    let outcome = fixture.run(&["lint", "a.md"]).code(0);
    outcome
        .says("`netstat` is not on this machine; `ss` is")
        .says("`nslookup` is not on this machine; `getent` is");
}

#[test]
fn mojibake_is_told_and_mended_exactly() {
    let damaged = Misreading::MacRoman.damage(GUIDE);
    let fixture = place().file("guide.md", &damaged);
    insta::assert_snapshot!(told(&fixture, &fixture.run(&["lint", "guide.md"])), @r"
warning[mojibake]: 11 characters are damaged: UTF-8 was read as Mac Roman
 --> guide.md:1:3
  |
1 | # Gu√≠a de operaci√≥n
  |   ^^^^^ `Gu√≠a` was `Guía`
  |
  = help: `runbook lint --fix-encoding guide.md`

1 document: 0 errors, 1 warning, 0 hints
--- exit 0
");
    let path = fixture.path("guide.md");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    insta::assert_snapshot!(told(&fixture, &fixture.run(&["lint", "--fix-encoding", "guide.md"])), @r"
    guide.md: mended 11 characters, read as Mac Roman
      `Gu√≠a` is `Guía` again; what it was is in guide.md.bak
    1 document mended, 0 left as they are
    --- exit 0
    ");
    assert_eq!(fixture.read("guide.md"), GUIDE);
    assert_eq!(fixture.read("guide.md.bak"), damaged);
    for name in ["guide.md", "guide.md.bak"] {
        let facts = fs::metadata(fixture.path(name)).unwrap();
        assert_eq!(facts.mode() & 0o777, 0o640, "{name}");
    }
    fixture
        .run(&["lint", "guide.md"])
        .code(0)
        .says("0 warnings");
    // What needs nothing is left alone.
    let before = fs::metadata(&path).unwrap();
    insta::assert_snapshot!(told(&fixture, &fixture.run(&["lint", "--fix-encoding", "guide.md"])), @r"
        guide.md: needs nothing
        0 documents mended, 1 left as it is
        --- exit 0
        ");
    let after = fs::metadata(&path).unwrap();
    assert_eq!(
        (before.ino(), before.mtime_nsec()),
        (after.ino(), after.mtime_nsec())
    );
    // A backup is never written over, and nothing else is left behind.
    fixture.write("guide.md", &damaged);
    fixture.run(&["lint", "--fix-encoding", "."]).code(0);
    assert_eq!(fixture.read("guide.md.bak"), damaged);
    assert_eq!(fixture.read("guide.md.bak.1"), damaged);
    let left: Vec<_> = fs::read_dir(fixture.path("."))
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("guide"))
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
#[allow(clippy::invisible_characters, reason = "mojibake holds them")]
fn for_programs_what_was_mended_is_told_by_field() {
    let fixture = place()
        .file("guide.md", Misreading::Windows1252.damage(GUIDE))
        .file("sound.md", GUIDE)
        .file("bad.md", b"# A\n\n\xff\n");
    let outcome = fixture.run(&["lint", "--fix-encoding", "--json", "."]);
    insta::assert_snapshot!(told(&fixture, &outcome), @r#"
    {
      "version": 1,
      "mended": [
        {
          "path": "guide.md",
          "target": "guide.md",
          "backup": "guide.md.bak",
          "read_as": [
            "Windows-1252"
          ],
          "characters": 11,
          "left": 0,
          "damaged": "GuÃ­a",
          "example": "Guía"
        }
      ],
      "untouched": [
        "sound.md"
      ],
      "failed": [
        "`bad.md` is not UTF-8: byte 5 (line 3, column 1) is 0xff"
      ]
    }
    --- exit 2
    error: `bad.md` is not UTF-8: byte 5 (line 3, column 1) is 0xff
      hint: save it as UTF-8: `iconv -f ENCODING -t UTF-8`
    "#);
}

#[test]
fn a_link_stays_a_link_and_its_file_is_mended() {
    let damaged = Misreading::Windows1252.damage(GUIDE);
    let fixture = place().file("real/guide.md", &damaged);
    symlink("real/guide.md", fixture.path("link.md")).unwrap();
    let outcome = fixture.run(&["lint", "--fix-encoding", "link.md"]);
    insta::assert_snapshot!(told(&fixture, &outcome), @r#"
    link.md → [DIR]/real/guide.md: mended 11 characters, read as Windows-1252
      `GuÃ\u{ad}a` is `Guía` again; what it was is in [DIR]/real/guide.md.bak
    1 document mended, 0 left as they are
    --- exit 0
    "#);
    assert!(
        fs::symlink_metadata(fixture.path("link.md"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(fixture.read("real/guide.md"), GUIDE);
    assert_eq!(fixture.read("real/guide.md.bak"), damaged);
}

#[test]
fn what_may_not_be_written_is_refused_and_stays_as_it_is() {
    let damaged = Misreading::Windows1252.damage(GUIDE);
    let fixture = place()
        .file("locked.md", &damaged)
        .file("twice.md", &damaged);
    let path = fixture.path("locked.md");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    fs::hard_link(fixture.path("twice.md"), fixture.path("other-name")).unwrap();
    let outcome = fixture.run(&["lint", "--fix-encoding", "locked.md", "twice.md", "no.md"]);
    insta::assert_snapshot!(told(&fixture, &outcome), @r"
    0 documents mended, 0 left as they are, 3 errors
    --- exit 4
    error: `locked.md` is read-only
      hint: `chmod u+w locked.md`, or mend a copy
    error: `twice.md` has 2 names (hard links)
      hint: it would be mended under one of them only: mend a copy, and put it in place
    error: `no.md` does not exist
      hint: `runbook list` shows the runbooks of this folder
    ");
    assert_eq!(fixture.read("locked.md"), damaged);
    assert_eq!(fixture.read("twice.md"), damaged);
    assert!(!fixture.path("locked.md.bak").exists());
}

#[test]
fn standard_input_is_mended_to_standard_output() {
    let fixture = place();
    let damaged = Misreading::MacRoman.damage(&Misreading::Windows1252.damage(GUIDE));
    let outcome = fixture
        .command(&["lint", "--fix-encoding", "-"])
        .stdin(&damaged)
        .run()
        .code(0);
    assert_eq!(outcome.stdout, GUIDE);
    insta::assert_snapshot!(outcome.stderr, @r"<stdin>: mended 11 characters, read as Windows-1252, then as Mac Roman");
    let outcome = fixture
        .command(&["lint", "--fix-encoding", "-"])
        .stdin(GUIDE)
        .run()
        .code(0);
    assert_eq!(outcome.stdout, GUIDE);
    for args in [
        &["lint", "--fix-encoding", "-", "a.md"][..],
        &["lint", "--fix-encoding", "--json", "-"],
    ] {
        fixture
            .command(args)
            .stdin(&damaged)
            .run()
            .code(2)
            .says("hint: ");
    }
}

#[test]
fn what_is_not_utf8_is_told_with_its_place_and_what_it_could_be() {
    let latin = |text: &str| -> Vec<u8> { text.chars().map(|c| c as u8).collect() };
    let fixture = place()
        .file("latin.md", latin(GUIDE))
        .file(
            "wide.md",
            GUIDE
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>(),
        )
        .file("one byte.md", [GUIDE.as_bytes(), b"\xff\n"].concat());
    for args in [&["lint"][..], &["lint", "--fix-encoding"]] {
        let mut args = args.to_vec();
        args.extend(["latin.md", "wide.md", "one byte.md"]);
        let outcome = fixture.run(&args).code(2);
        insta::allow_duplicates! {
            insta::assert_snapshot!(outcome.stderr, @r"
        error: `latin.md` is not UTF-8: byte 4 (line 1, column 5) is 0xed
          hint: it could be Latin-1: `iconv -f ISO-8859-1 -t UTF-8 latin.md > utf8.md`
        error: `wide.md` is not text: byte 1 (line 1) is NUL
          hint: it could be UTF-16 without a mark: `iconv -f UTF-16LE -t UTF-8 wide.md > utf8.md`
        error: `one byte.md` is not UTF-8: byte 193 (line 13, column 1) is 0xff
          hint: save it as UTF-8: `iconv -f ENCODING -t UTF-8`
        ");
        }
    }
    assert_eq!(fs::read(fixture.path("latin.md")).unwrap(), latin(GUIDE));
}

#[test]
fn the_seeds_are_told_what_matters_and_nothing_else() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seeds");
    let Ok(entries) = fs::read_dir(&seeds) else {
        eprintln!("the seeds are not here: nothing was looked at");
        return;
    };
    let fixture = place();
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap()[..3].to_owned() + ".md";
        fs::copy(&path, fixture.path(&name)).unwrap();
        fs::set_permissions(fixture.path(&name), fs::Permissions::from_mode(0o644)).unwrap();
        names.push(name);
    }
    names.sort();
    let mut told = Vec::new();
    for name in &names {
        let outcome = fixture.run(&["lint", "--json", name]).code(0);
        let found: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        for it in found["documents"][0]["diagnostics"].as_array().unwrap() {
            // What the machine lacks depends on it, what fences are on the classifier.
            let rule = it["rule"].as_str().unwrap();
            if ["mojibake", "secret", "dead-link", "dead-anchor"].contains(&rule) {
                told.push(format!("{name}:{} {rule}", it["line"]));
            }
        }
        let page = fixture.run(&["lint", name]).stdout;
        assert!(page.lines().count() < 120, "{name}: a page, not a book");
    }
    assert_eq!(
        told,
        [
            "001.md:3 mojibake",
            "001.md:168 secret",
            "001.md:169 secret"
        ]
    );
    let damaged = fs::read(fixture.path("001.md")).unwrap();
    fixture
        .run(&["lint", "--fix-encoding", "."])
        .code(0)
        .says("1 document mended");
    let mended = fixture.read("001.md");
    assert_eq!(Misreading::MacRoman.damage(&mended).as_bytes(), damaged);
    assert!(mended.starts_with("# ⚙️ Operaciones\n"), "{mended}");
}
