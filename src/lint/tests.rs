//! What the rules say, by documents and by readings that a classifier could have made of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Beside, Surveyed, further, lint, masked, merge};
use crate::classify::knowledge::Knowledge;
use crate::classify::readings::Readings;
use crate::markdown::encoding::Misreading;
use crate::markdown::{Document, Lines, outline};
use crate::model::{
    Diagnostic, Doubt, Effect, FenceReading, Language, Nature, Piece, Place, Placeholder, Severity,
    Span, Stands,
};
use crate::resolve::resolve;

/// What a classifier makes of a piece: its nature, its language, its effect, the rules of its
/// doubts.
type Said = (
    Nature,
    Option<&'static str>,
    Effect,
    &'static [&'static str],
);

const SHELL: Said = (Nature::Command, Some("bash"), Effect::Changes, &[]);

/// One piece for each paragraph of each fence.
fn readings(document: &Document<'_>, said: &[Said]) -> Readings {
    let mut said = said.iter();
    let mut readings = Readings::default();
    for fence in &document.fences {
        let body = document.body(fence).into_owned();
        let mut pieces = Vec::new();
        let mut start = 0;
        for text in body.split_inclusive("\n\n") {
            let (nature, language, effect, rules) = *said.next().unwrap_or(&SHELL);
            let range = start..start + text.trim_end().len();
            let line = fence.line + 1 + body[..start].matches('\n').count() as u32;
            start += text.len();
            let span = document.place(fence, range.clone());
            let doubt = |rule: &&'static str| Doubt {
                rule,
                because: format!("because of `{}`", text.lines().next().unwrap_or_default()),
                span,
            };
            let command = text.trim_end().to_owned();
            let placeholders = ["<PORT>", "your_host", "$TOKEN"]
                .iter()
                .filter_map(|text| {
                    let at = command.find(text)?;
                    Some(Placeholder {
                        name: text.trim_matches(['<', '>', '$']).to_owned(),
                        text: (*text).to_owned(),
                        range: at..at + text.len(),
                        stands: if text.starts_with('$') {
                            Stands::Variable
                        } else {
                            Stands::Bare
                        },
                        secret: false,
                    })
                })
                .collect();
            pieces.push(Piece {
                last_line: line + text.trim_end().matches('\n').count() as u32,
                range,
                line,
                title: String::new(),
                nature,
                command,
                language: language.map(Language),
                effect,
                because: format!("it {effect}"),
                place: Place::Unknown,
                place_because: String::new(),
                doubts: rules.iter().map(doubt).collect(),
                placeholders,
                hosts: Vec::new(),
                overwrites: Vec::new(),
                choice: rules.contains(&"choice").then_some(1),
                warnings: Vec::new(),
            });
        }
        let tag = document.text(fence.info).split([' ', '{']).next();
        readings.fences.push(FenceReading {
            line: fence.line,
            last_line: fence.line,
            span: fence.span,
            section: fence.section as usize,
            tag: tag.unwrap_or_default().to_owned(),
            nature: pieces.first().map_or(Nature::Listing, |it| it.nature),
            because: "its first word says so".to_owned(),
            pieces,
        });
    }
    readings
}

fn diagnose(source: &str, said: &[Said]) -> Vec<Diagnostic> {
    let document = outline(source);
    let (runbook, resolved) = resolve(&document, "manual", readings(&document, said));
    let beside = |path: &str| match path {
        "there.png" | "folder" => Beside::There,
        "other.md" => Beside::Markdown(BTreeSet::from(["día-dos".to_owned()])),
        _ => Beside::Missing,
    };
    let surveyed = Surveyed {
        name: "manual.md",
        beside: &beside,
        has: &|program| ["docker", "docker compose", "ss", "python3", "ls"].contains(&program),
    };
    let linted = lint(&document, &runbook, &Knowledge::built_in(), &surveyed);
    merge(resolved, linted)
}

/// What is said of `source`, a finding a paragraph.
fn check(source: &str, said: &[Said]) -> String {
    let mut text = String::new();
    let mut lines = Lines::new(source);
    for found in diagnose(source, said) {
        let mark = match found.severity {
            Severity::Error => '!',
            Severity::Warning => '?',
            Severity::Hint => '-',
        };
        let marked = &source[found.span.start..found.span.end];
        let marked = marked.lines().next().unwrap_or_default();
        let line = lines.line(found.span.start);
        let _ = writeln!(text, "{mark} {line} {}: {}", found.rule, found.message);
        let _ = write!(text, "  @ {marked:?}");
        for words in [found.label.clone(), further(&found, &mut lines)] {
            if !words.is_empty() {
                let _ = write!(text, " [{words}]");
            }
        }
        let _ = writeln!(text, "\n  → {}", found.way_out.as_deref().unwrap_or("-"));
        assert!(super::rules::find(found.rule).is_some(), "{}", found.rule);
    }
    text
}

const DECLARED: &str = "---\nrunbook: 1\n---\n# A\n\n";

#[test]
fn links_that_lead_nowhere_are_told_with_the_one_that_was_meant() {
    let source = "# Día uno\n\n[a](#día-uno) [b](#dia-uno) [c](#nada-de-eso) [d](other.md) [e](other.md#día-dos)\n[f](other.md#dia-dos) [g](missing.md) ![h](there.png) ![i](no.png) [j](folder/)\n[k](https://x.y/z) [l](/abs) [m](mailto:a@b) [n](<{{url}}>) [o](#) [p](no.png?raw=1)\n";
    insta::assert_snapshot!(check(source, &[]), @r#"
    ? 3 dead-anchor: no heading here has the anchor `#dia-uno`
      @ "[b](#dia-uno)"
      → did you mean `#día-uno`?
    ? 3 dead-anchor: no heading here has the anchor `#nada-de-eso`
      @ "[c](#nada-de-eso)"
      → `runbook list --json FILE` names the anchors
    ? 4 dead-anchor: no heading of `other.md` has the anchor `#dia-dos`
      @ "[f](other.md#dia-dos)"
      → did you mean `#día-dos`?
    ? 4 dead-link: `missing.md` is not there
      @ "[g](missing.md)"
      → mend the path, or take the link out
    ? 4 dead-link: `no.png` is not there
      @ "![i](no.png)" [also on line 5]
      → mend the path, or take the link out
    ? 4 dead-link: `folder/` is not there
      @ "[j](folder/)"
      → mend the path, or take the link out
    "#);
}

#[test]
fn damage_to_an_anchor_is_told_once_as_mojibake() {
    let text = "# Índice\n\n- [Configuración](#-configuración)\n- [Gestión](#gestion-de-nada)\n\n## 🗄️ Configuración\n\nAquí está la gestión de préstamos.\n";
    let damaged = Misreading::MacRoman.damage(text);
    insta::assert_snapshot!(check(&damaged, &[]), @r#"
    ? 1 mojibake: 11 characters are damaged: UTF-8 was read as Mac Roman
      @ "√çndice" [`√çndice` was `Índice`]
      → `runbook lint --fix-encoding manual.md`
    ? 4 dead-anchor: no heading here has the anchor `#gestion-de-nada`
      @ "[Gesti√≥n](#gestion-de-nada)"
      → `runbook list --json FILE` names the anchors
    "#);
}

#[test]
fn fences_that_are_not_what_they_say() {
    let fence = |tag: &str, text: &str| format!("```{tag}\n{text}\n```\n\n");
    let source = [
        fence("python", "python manage.py migrate"),
        fence("bash", "0 2 * * * /backup.sh"),
        fence("console", "rate(http_requests_total[5m])"),
        fence("python", "python check.py\n\nSELECT 1;"),
        fence("bash", "ls"),
        fence("python", "DATABASES = {}"),
        fence("powershell", "docker ps"),
        fence("text", "ls"),
        fence("python", "├── a"),
    ]
    .concat();
    let said: [Said; 10] = [
        SHELL,
        (Nature::File, None, Effect::Unknown, &[]),
        (Nature::Query, None, Effect::Unknown, &[]),
        SHELL,
        (Nature::Query, None, Effect::Unknown, &[]),
        SHELL,
        (Nature::File, None, Effect::Unknown, &[]),
        SHELL,
        SHELL,
        (Nature::Diagram, None, Effect::Unknown, &[]),
    ];
    let mislabelled: String = check(&source, &said)
        .split_inclusive('\n')
        .skip_while(|line| !line.contains("mislabelled"))
        .collect();
    insta::assert_snapshot!(mislabelled, @r#"
    ? 1 mislabelled: tagged `python`, and its text is shell commands
      @ "```python" [`python manage.py migrate` is a shell's]
      → tag it `bash`
    - 2 missing-command: `python` is not on this machine; `python3` is
      @ "python manage.py migrate" [also on line 14]
      → write `python3` where the manual is for machines like this one
    ? 5 mislabelled: tagged `bash`, and its text is the content of a file
      @ "```bash" [its first word says so]
      → tag it its own format (`env`, `cron`, `ini`), or `text`
    ? 9 mislabelled: tagged `console`, and its text is queries
      @ "```console" [its first word says so]
      → tag it the query's language, or `text`
    ? 35 mislabelled: tagged `python`, and its text is a picture
      @ "```python" [its first word says so]
      → tag it `text`
    "#);
}

#[test]
fn what_excludes_one_another_and_what_stands_still() {
    let source = "# A\n\n```bash\npg_dump x > b.sql\n\npsql x < b.sql\n```\n\n```bash\nnpm start\n\nsystemctl stop x\n```\n\n```bash\npsql\n```\n\n```bash\ntail -f x\n```\n";
    let said: [Said; 6] = [
        (Nature::Command, Some("bash"), Effect::Changes, &["choice"]),
        (Nature::Command, Some("bash"), Effect::Destroys, &["choice"]),
        (Nature::Command, Some("bash"), Effect::Changes, &["endless"]),
        (
            Nature::Command,
            Some("bash"),
            Effect::Changes,
            &["alternative"],
        ),
        (
            Nature::Interactive,
            Some("bash"),
            Effect::Unknown,
            &["interactive"],
        ),
        (Nature::Command, Some("bash"), Effect::Reads, &["endless"]),
    ];
    insta::assert_snapshot!(check(source, &said), @r#"
    - 4 opposites: one of the commands of this fence is meant, not all in a row
      @ "pg_dump x > b.sql" [because of `pg_dump x > b.sql`] [also on line 12]
      → give each a fence, and a heading, of its own
    - 4 missing-command: 5 programs are not on this machine: `pg_dump`, `psql`, `npm`, `systemctl` and `tail`
      @ "pg_dump x" [also on lines 6, 10, 12, 16 and 20]
      → install what is meant to run here; `requires:` says so before step one
    - 10 endless: a command does not end by itself: nothing after it is reached
      @ "npm start" [because of `npm start`] [also on line 20]
      → use what ends or goes to the background (`-d`, `--tail 50`)
    - 16 interactive: a command wants a person at the terminal
      @ "psql" [because of `psql`]
      → give it a file or an option, or leave it to a person: `run=manual`
    "#);
}

#[test]
fn declared_steps_are_held_to_more() {
    let source = format!(
        "{DECLARED}```bash {{#wipe}}\nrm -rf data\n```\n\n```bash {{#asked confirm=\"sure?\"}}\nrm -rf data\n```\n\n```bash {{#ask}}\napt install x\n```\n\n```text\ntail -f x\n```\n"
    );
    let said: [Said; 4] = [
        (Nature::Command, Some("bash"), Effect::Destroys, &[]),
        (Nature::Command, Some("bash"), Effect::Destroys, &[]),
        (Nature::Command, Some("bash"), Effect::Changes, &["prompts"]),
        (Nature::Command, Some("bash"), Effect::Reads, &["endless"]),
    ];
    insta::assert_snapshot!(check(&source, &said), @r#"
    ? 6 no-confirm: step `wipe` destroys, and asks nothing before
      @ "```bash {#wipe}" [it destroys]
      → say what is lost: `confirm="delete the old backups?"`
    - 6 no-undo: 3 steps change something, and no step undoes them: `wipe`, `asked` and `ask`
      @ "```bash {#wipe}" [it destroys] [also on lines 10 and 14]
      → where it should be as before after a failure, a step with `undo-of=wipe`
    ? 7 missing-command: 3 programs are not on this machine: `rm`, `apt` and `tail`
      @ "rm -rf data" [also on lines 11, 15 and 19]
      → install what is meant to run here; `requires:` says so before step one
    ? 15 prompts: a command asks questions: it hangs where nobody answers
      @ "apt install x" [because of `apt install x`]
      → give the option that answers them (`-y`, `--noinput`)
    "#);
}

/// The rules that speak of what is left open, each with its lines.
fn left_open(source: &str, effects: &[Effect], doubts: &'static [&'static str]) -> String {
    let said = |effect: &Effect| (Nature::Command, Some("bash"), *effect, doubts);
    let said: Vec<Said> = effects.iter().map(said).collect();
    let open = ["no-undo", "untried-dump", "endless"];
    let found = diagnose(source, &said);
    let found = found.iter().filter(|it| open.contains(&it.rule));
    let mut lines = Lines::new(source);
    let told = found.map(|it| {
        let weight = match it.severity {
            Severity::Hint => "hint",
            _ => "warning",
        };
        let places = std::iter::once(&it.span).chain(&it.also);
        let places: Vec<String> = places.map(|it| lines.line(it.start).to_string()).collect();
        format!("{} {weight} {}", it.rule, places.join(","))
    });
    told.collect::<Vec<_>>().join("; ")
}

#[test]
fn changes_that_nothing_undoes_are_told_in_one_line() {
    let check = |fences: &[(&str, Effect)]| {
        let mut source = DECLARED.to_owned();
        for (info, _) in fences {
            write!(source, "```bash {{{info}}}\ntouch x\n```\n").unwrap();
        }
        let effects: Vec<Effect> = fences.iter().map(|it| it.1).collect();
        left_open(&source, &effects, &[])
    };
    let (reads, changes, destroys) = (Effect::Reads, Effect::Changes, Effect::Destroys);
    assert_eq!(check(&[("#a", reads), ("#b", Effect::Unknown)]), "");
    assert_eq!(
        check(&[("#a", changes), ("#b", reads), ("#c", destroys)]),
        "no-undo hint 6,12"
    );
    assert_eq!(
        check(&[("#a", changes), ("#b undo-of=a", changes), ("#c", changes)]),
        "no-undo hint 12"
    );
    // A server is stopped; what cleans up is to stay.
    let own_end = [("#a background", changes), ("#b always", destroys)];
    assert_eq!(check(&own_end), "");
}

#[test]
fn a_dump_that_nothing_reads_is_told() {
    let check = |declared: bool, bodies: &[&str]| {
        let mut source = if declared { DECLARED } else { "# Backup\n\n" }.to_owned();
        for body in bodies {
            write!(source, "```bash\n{body}\n```\n").unwrap();
        }
        left_open(&source, &vec![Effect::Reads; bodies.len()], &[])
    };
    for body in [
        "pg_dump shop > shop.sql",
        "docker exec db mysqldump shop | gzip > shop.gz",
    ] {
        assert_eq!(check(true, &[body]), "untried-dump warning 7", "{body}");
        assert_eq!(check(false, &[body]), "untried-dump hint 4", "{body}");
        for after in [
            "pg_restore --list shop.dump",
            "gzip -t shop.gz",
            "psql try < shop.sql",
        ] {
            assert_eq!(check(true, &[body, after]), "", "{body}; {after}");
            assert_eq!(check(false, &[body, after]), "", "{body}; {after}");
        }
        assert_ne!(check(true, &[body, "ls -l shop.sql"]), "", "{body}");
    }
    assert_eq!(check(true, &["# pg_dump shop\ntrue", "echo pg_dumper"]), "");
    let judged = format!(
        "{DECLARED}```bash {{#a}}\npg_dump shop > shop.sql\n```\n```rhai\nfile(\"shop.sql\").size > 1000\n```\n"
    );
    assert_eq!(left_open(&judged, &[Effect::Reads], &[]), "");
}

#[test]
fn a_server_that_is_said_to_be_one_is_no_step_that_never_ends() {
    let check = |info: &str| {
        let source = format!("{DECLARED}```bash {{{info}}}\nnpm start\n```\n");
        left_open(&source, &[Effect::Reads], &["endless"])
    };
    assert_eq!(check("#serve"), "endless warning 7");
    assert_eq!(check("#serve background"), "");
}

#[test]
fn values_that_are_left_to_the_reader_are_told_once() {
    let source = "# A\n\n```bash\nssh -p <PORT> your_host\n```\n\n```bash\nnc your_host <PORT>\n```\n\n```bash\ncurl -H $TOKEN x\n```\n";
    let said: [Said; 3] = [
        (
            Nature::Command,
            Some("bash"),
            Effect::Changes,
            &["placeholder"],
        ),
        (
            Nature::Command,
            Some("bash"),
            Effect::Changes,
            &["placeholder"],
        ),
        (
            Nature::Command,
            Some("bash"),
            Effect::Changes,
            &["unset-variable"],
        ),
    ];
    insta::assert_snapshot!(check(source, &said), @r#"
    - 4 placeholder: 2 words that stand for values: `<PORT>` and `your_host`
      @ "ssh -p <PORT> your_host" [also on line 8]
      → declare inputs, and write `"$NAME"` where they are used
    - 4 missing-command: 3 programs are not on this machine: `ssh`, `nc` and `curl`
      @ "ssh -p" [also on lines 8 and 12]
      → install what is meant to run here; `requires:` says so before step one
    - 12 unset-variable: a variable that nothing in the document sets: `$TOKEN`
      @ "curl -H $TOKEN x"
      → declare inputs of these names, or set them in a step before
    "#);
}

#[test]
fn programs_that_are_not_here_are_told_with_what_is() {
    let source = "# A\n\n```bash\ndocker-compose up -d\n```\n\n```bash\nnetstat -tlnp\n\ndocker-compose ps\n```\n\n```bash\ncertbot renew\n\ncelery -A x worker\n\nls -la\n```\n";
    insta::assert_snapshot!(check(source, &[]), @r#"
    - 4 missing-command: `docker-compose` is not on this machine; `docker compose` is
      @ "docker-compose up -d" [also on line 10]
      → write `docker compose` where the manual is for machines like this one
    - 8 missing-command: `netstat` is not on this machine; `ss` is
      @ "netstat -tlnp"
      → write `ss` where the manual is for machines like this one
    - 14 missing-command: 2 programs are not on this machine: `certbot` and `celery`
      @ "certbot renew" [also on line 16]
      → install what is meant to run here; `requires:` says so before step one
    "#);
}

#[test]
fn secrets_are_masked_where_their_line_is_shown() {
    let source = "- `admin` (password: `admin1234`)\n- otra vez: password=admin1234\n- ñ PASSWORD=Verano2024ñ!\n";
    let found = diagnose(source, &[]);
    insta::assert_snapshot!(masked(source, &found), @r"
    - `admin` (password: `ad*******`)
    - otra vez: password=ad*******
    - ñ PASSWORD=Ve***********
    ");
    insta::assert_snapshot!(check(source, &[]), @r#"
    ? 1 secret: a password stands in the text: `ad***`
      @ "admin1234" [also on line 2]
      → change it, then write a placeholder, or an input with `secret: true`
    ? 3 secret: a password stands in the text: `Ve***`
      @ "Verano2024ñ!"
      → change it, then write a placeholder, or an input with `secret: true`
    "#);
}

#[test]
fn a_thing_is_said_once_with_all_its_places() {
    let at = |line: usize| Span::new(line * 2, line * 2 + 1);
    let source = "a\n".repeat(40);
    let found = merge(
        vec![
            Diagnostic::warning("x", at(3), "same").way_out("w"),
            Diagnostic::warning("y", at(1), "other"),
        ],
        vec![
            Diagnostic::hint("x", at(3), "dropped: said of this place already"),
            Diagnostic::warning("x", at(0), "same").way_out("w"),
            Diagnostic::warning("x", at(9), "same")
                .way_out("w")
                .also([at(20), at(30)]),
        ],
    );
    let mut lines = Lines::new(&source);
    let told: Vec<String> = found
        .iter()
        .map(|it| format!("{} {}", it.message, further(it, &mut lines)))
        .collect();
    assert_eq!(told, ["same also on lines 4, 10, 21 and 31", "other "]);
    let many = Diagnostic::hint("x", at(0), "m").also((1..9).map(at));
    assert_eq!(
        further(&many, &mut lines),
        "also on lines 2, 3, 4, 5, 6 and 3 more"
    );
}
