#![cfg(feature = "testing")]
//! `runbook list` as a person and as a program see it.

use insta::assert_snapshot;
use serde_json::Value;

use crate::fixture::Fixture;

const MANUAL: &str = "\
# Running the shop

- [ ] Tell the others

## Look

On the server:

```bash
# The disk
df -h

# Who is here
uptime
```

```
server_name shop.example.org;
```

## Copies

```bash
pg_dump shop > /backup/<DATE>.sql
```

## Rollback

```bash
rm -rf /srv/shop/current
```
";

#[test]
fn a_manual_is_shown_as_a_map() {
    let fixture = Fixture::new().file("manual.md", MANUAL);
    let map = fixture.run(&["list", "manual.md"]).code(0);
    for line in map.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert_snapshot!(map.stdout, @r#"
    Running the shop                                               manual.md · plain
      4 fences     3 command, 1 data
      5 steps      2 ready, 1 destroying, 1 to fill in, 1 by hand
      missing      DATE
      on demand    1 step in Rollback

                                                   reads  changes  destroys  by hand
    Running the shop                                   ·        ·         ·        1
      Look                                             2        ·         ·        ·
          no steps: 1 data
      Copies                                           ·        1         ·        ·
          fill in DATE
      Rollback · on demand                             ·        ·         1        ·
    "#);
}

#[test]
fn several_documents_are_shown_by_their_first_lines() {
    let fixture = Fixture::new()
        .file("docs/manual.md", MANUAL)
        .file("docs/notes.md", "# Notes\n\nNothing.\n")
        .file(
            "docs/shop.md",
            "---\nrunbook: 1\n---\n# Shop\n\n```bash {#look}\nls\n```\n",
        );
    assert_snapshot!(fixture.run(&["list", "docs"]).code(0).stdout, @r#"
    Running the shop                                          docs/manual.md · plain
      4 fences     3 command, 1 data
      5 steps      2 ready, 1 destroying, 1 to fill in, 1 by hand
      missing      DATE
      on demand    1 step in Rollback

    Notes                                                      docs/notes.md · plain
      no steps: nothing in it would run

    Shop                                                     docs/shop.md · declared
    Shop
      look         6  bash        reads
    "#);
}

#[test]
fn json_says_of_each_piece_which_step_it_became() {
    let fixture = Fixture::new().file("manual.md", MANUAL);
    let text = fixture.run(&["list", "--json", "manual.md"]).code(0).stdout;
    let all: Value = serde_json::from_str(&text).unwrap();
    let runbook = &all["runbooks"][0];
    let steps = runbook["steps"].as_array().unwrap();
    let mut became = Vec::new();
    for fence in runbook["fences"].as_array().unwrap() {
        for piece in fence["pieces"].as_array().unwrap() {
            let (line, offer) = (&piece["line"], piece["offer"].as_str().unwrap());
            let Some(id) = piece["step"].as_str() else {
                assert_eq!(offer, "never", "{piece:#}");
                continue;
            };
            let step = steps.iter().find(|step| step["id"] == id).unwrap();
            assert_eq!(step["line"], *line, "{step:#}");
            assert_eq!(step["offer"], offer, "{step:#}");
            assert_eq!(step["text"], piece["command"], "{step:#}");
            assert_eq!(step["section"], fence["section"], "{step:#}");
            became.push(format!("{line} {id} {offer}"));
        }
    }
    assert_snapshot!(became.join("\n"), @r#"
    10 look run
    13 look-2 run
    24 copies fill
    30 rollback type
    "#);
}

#[test]
fn a_fence_that_is_one_step_is_shared_by_its_pieces() {
    let text = "---\nrunbook: 1\n---\n# A\n\n```bash {#both}\n# One\ndf -h\n\n# Two\nuptime\n```\n";
    let fixture = Fixture::new().file("a.md", text);
    let text = fixture.run(&["list", "--json", "a.md"]).code(0).stdout;
    let all: Value = serde_json::from_str(&text).unwrap();
    let pieces = all["runbooks"][0]["fences"][0]["pieces"]
        .as_array()
        .unwrap();
    let steps: Vec<_> = pieces.iter().map(|it| &it["step"]).collect();
    assert_eq!(steps, ["both", "both"]);
}

#[test]
fn hostile_text_cannot_forge_the_page() {
    let text = "# A\u{1b}[2J\n\n```bash\n# \u{202e}\u{1b}]0;x\u{7}\nls \u{1b}[31m\n```\n";
    let fixture = Fixture::new().file("a.md", text);
    for args in [&["list", "a.md"][..], &["list", "-v", "a.md"]] {
        let page = fixture.run(args).code(0).stdout;
        let is_fine = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(page.chars().all(is_fine), "{page:?}");
    }
}

#[test]
fn a_variable_that_a_section_above_sets_is_not_missing() {
    let manual = "# A\n\n```bash\nPOD=$(id -un)\n```\n\n# B\n\n```bash\necho $POD $ZONE_X\n```\n";
    let fixture = Fixture::new().file("m.md", manual);
    let outcome = fixture.run(&["list", "-v", "m.md"]).code(0);
    let told = &outcome.stdout;
    assert!(told.contains("missing      $ZONE_X\n"), "{told}");
    assert!(!told.contains("fill in $POD"), "{told}");
}
