#![cfg(feature = "testing")]
//! Fences that become files: what is written, what is told of it, what is refused, and that no kill
//! leaves half a file.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::fixture::{Fixture, Outcome};

/// Returns a fixture with a declared runbook of these fences, `info⏎body` each, and this front matter.
fn fences(front: &str, fences: &[(&str, &str)]) -> Fixture {
    let mut text = format!("---\nrunbook: 1\n{front}---\n# Files\n");
    for (info, body) in fences {
        text.push_str(&format!("\n```{info}\n{body}```\n"));
    }
    Fixture::new().file("a.md", text)
}

/// Returns what the step `id` printed in the only run.
fn printed(fixture: &Fixture, id: &str) -> String {
    let log = fixture.folder().join(format!("output/{id}-1.log"));
    fixture.normalise(&fs::read_to_string(log).unwrap_or_default())
}

/// Runs a fence that writes `app.conf`, which holds `before`; returns what the step printed.
fn check(before: Option<&str>, info: &str, body: &str) -> (Fixture, Outcome, String) {
    let fixture = fences(
        "",
        &[(&format!("ini {{#conf file=app.conf {info}}}"), body)],
    );
    if let Some(text) = before {
        fixture.write("app.conf", text);
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(fixture.path("app.conf"), mode).unwrap();
    }
    let outcome = fixture.run(&["run", "a.md"]);
    let told = printed(&fixture, "conf");
    (fixture, outcome, told)
}

fn mode(fixture: &Fixture, name: &str) -> u32 {
    fs::metadata(fixture.path(name)).unwrap().mode() & 0o7777
}

/// Returns the names in the test's folder that begin like the file, hidden ones too.
fn beside(fixture: &Fixture) -> Vec<String> {
    let names = fs::read_dir(fixture.path("")).unwrap();
    let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|it| it.contains("app.conf")).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_created_changed_or_left_alone_and_the_step_says_which() {
    let body = "[a]\nport = 1\n\n  # exact: \\ $x `y` {{z}}\n";
    let (fixture, outcome, told) = check(None, "mode=0600", body);
    outcome.code(0);
    assert_eq!(fixture.read("app.conf"), body);
    assert_eq!(mode(&fixture, "app.conf"), 0o600);
    insta::assert_snapshot!("created", told);

    let (fixture, outcome, told) = check(Some("[a]\nport = 2\n"), "", "[a]\nport = 1\n");
    outcome.code(0);
    assert_eq!(fixture.read("app.conf"), "[a]\nport = 1\n");
    assert_eq!(mode(&fixture, "app.conf"), 0o640, "it keeps what it had");
    insta::assert_snapshot!("changed", told);

    let fixture = fences("", &[("ini {#conf file=app.conf mode=0644}", "x\n")]);
    fixture.write("app.conf", "x\n");
    let before = fs::metadata(fixture.path("app.conf")).unwrap();
    fixture.run(&["run", "a.md"]).code(0).says("unchanged");
    let after = fs::metadata(fixture.path("app.conf")).unwrap();
    let facts = |it: &fs::Metadata| (it.ino(), it.mtime_nsec(), it.ctime_nsec());
    assert_eq!(facts(&before), facts(&after), "nothing was written");
    insta::assert_snapshot!(printed(&fixture, "conf"), @"unchanged [DIR]/app.conf");
    assert_eq!(beside(&fixture), ["app.conf"]);
}

#[test]
fn mode_and_owner_change_without_another_content() {
    let (fixture, outcome, told) = check(Some("x\n"), "mode=4711 owner=4242:4243", "x\n");
    let facts = fs::metadata(fixture.path("app.conf")).unwrap();
    if !rustix::process::geteuid().is_root() {
        assert_eq!(outcome.code, 1);
        return;
    }
    outcome.code(0);
    assert_eq!((facts.uid(), facts.gid()), (4242, 4243));
    assert_eq!(mode(&fixture, "app.conf"), 0o4711);
    insta::assert_snapshot!(told, @r"
    mode 0640 → 4711
    owner root:root → 4242:4243
    changed [DIR]/app.conf
    ");
}

#[test]
fn a_new_content_keeps_owner_mode_and_attributes_of_the_old_one() {
    let fixture = fences("", &[("ini {#conf file=app.conf}", "new\n")]);
    fixture.write("app.conf", "old\n");
    let path = fixture.path("app.conf");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(4242), Some(4243)).unwrap();
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    // Not every file system has them.
    let flags = rustix::fs::XattrFlags::empty();
    let _ = rustix::fs::setxattr(&path, "user.note", b"kept", flags);
    fixture.run(&["run", "a.md"]).code(0);
    let facts = fs::metadata(&path).unwrap();
    assert_eq!(fixture.read("app.conf"), "new\n");
    assert_eq!(mode(&fixture, "app.conf"), 0o604);
    if rustix::process::geteuid().is_root() {
        assert_eq!((facts.uid(), facts.gid()), (4242, 4243));
    }
    let mut value = [0_u8; 16];
    if let Ok(length) = rustix::fs::getxattr(&path, "user.note", &mut value) {
        assert_eq!(&value[..length], b"kept");
    }
}

#[test]
fn what_it_held_is_kept_beside_it_once_for_each_run() {
    let (fixture, outcome, told) = check(Some("old\n"), "backup", "new\n");
    outcome.code(0);
    let names = beside(&fixture);
    assert_eq!(names.len(), 2, "{names:?}");
    let run = fixture.folder().file_name().unwrap().to_owned();
    assert_eq!(names[1], format!("app.conf.before-{}", run.display()));
    assert_eq!(fixture.read(&names[1]), "old\n");
    assert_eq!(mode(&fixture, &names[1]), 0o640);
    insta::assert_snapshot!(told, @r"
    --- [DIR]/app.conf
    +++ [DIR]/app.conf
    @@ -1 +1 @@
    -old
    +new
    what it held is kept as [DIR]/app.conf.before-[ULID]
    changed [DIR]/app.conf
    ");
    // Nothing is lost where nothing differs.
    fixture.run(&["run", "a.md"]).code(0);
    assert_eq!(beside(&fixture), names);
}

#[test]
fn folders_are_made_only_where_that_is_said() {
    let text = |info: &str| {
        fences(
            "",
            &[(&format!("ini {{#conf file=x/y/app.conf {info}}}"), "x\n")],
        )
    };
    let fixture = text("");
    fixture.run(&["run", "a.md"]).code(1);
    let told = fs::read_to_string(fixture.folder().join("output/conf-1.log")).unwrap();
    insta::assert_snapshot!(fixture.normalise(&told), @r"
    the folder `[DIR]/x/y` is not there
    say `parents=create`, or make it in a step before
    ");
    assert!(!fixture.path("x").exists());
    let fixture = text("parents=create");
    fixture.run(&["run", "a.md"]).code(0);
    assert_eq!(fixture.read("x/y/app.conf"), "x\n");
}

#[test]
fn what_is_no_file_is_refused_and_so_is_a_link_unless_it_is_to_be_followed() {
    let made = |make: &dyn Fn(&Fixture), info: &str| {
        let fixture = fences(
            "",
            &[(&format!("ini {{#conf file=app.conf {info}}}"), "new\n")],
        );
        fixture.write("real.conf", "old\n");
        make(&fixture);
        let outcome = fixture.run(&["run", "a.md"]);
        let told = printed(&fixture, "conf");
        (fixture, outcome.code, told)
    };
    let link = |fixture: &Fixture| {
        std::os::unix::fs::symlink("real.conf", fixture.path("app.conf")).unwrap();
    };
    let (fixture, code, told) = made(&link, "");
    assert_eq!((code, fixture.read("real.conf").as_str()), (1, "old\n"));
    insta::assert_snapshot!(told, @r"
    `[DIR]/app.conf` is a symbolic link to `real.conf`
    name the file that it leads to, or say `symlink=follow` if that is to be written
    ");
    let (fixture, code, told) = made(&link, "symlink=follow");
    assert_eq!((code, fixture.read("real.conf").as_str()), (0, "new\n"));
    assert!(told.ends_with("changed [DIR]/real.conf\n"), "{told}");
    assert!(
        fs::symlink_metadata(fixture.path("app.conf"))
            .unwrap()
            .is_symlink()
    );
    let circle = |fixture: &Fixture| {
        std::os::unix::fs::symlink("app.conf", fixture.path("app.conf")).unwrap();
    };
    let (_, code, told) = made(&circle, "symlink=follow");
    assert_eq!(code, 1);
    assert!(told.contains("too many symbolic links"), "{told}");
    let folder = |fixture: &Fixture| fs::create_dir(fixture.path("app.conf")).unwrap();
    let (_, code, told) = made(&folder, "");
    assert_eq!(
        (code, told.as_str()),
        (1, "`[DIR]/app.conf` is a folder, not a file\n")
    );
    let fifo = |fixture: &Fixture| drop(fixture.fifo("app.conf"));
    let (_, code, told) = made(&fifo, "");
    assert_eq!(
        (code, told.as_str()),
        (1, "`[DIR]/app.conf` is a FIFO, not a file\n")
    );
}

#[test]
fn a_link_among_the_folders_is_followed_only_where_root_or_the_user_made_it() {
    let fixture = fences("", &[("ini {#conf file=link/app.conf}", "new\n")]);
    fs::create_dir(fixture.path("real")).unwrap();
    std::os::unix::fs::symlink("real", fixture.path("link")).unwrap();
    fixture.run(&["run", "a.md"]).code(0);
    assert_eq!(fixture.read("real/app.conf"), "new\n");
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let fixture = fences("", &[("ini {#conf file=link/app.conf}", "new\n")]);
    fs::create_dir(fixture.path("real")).unwrap();
    std::os::unix::fs::symlink("real", fixture.path("link")).unwrap();
    std::os::unix::fs::lchown(fixture.path("link"), Some(4242), None).unwrap();
    fixture.run(&["run", "a.md"]).code(1);
    assert!(printed(&fixture, "conf").contains("a symbolic link that another user made"));
    assert!(!fixture.path("real/app.conf").exists());
}

#[test]
fn what_cannot_be_said_of_a_file_is_an_error_before_step_one() {
    let mut told = String::new();
    for info in [
        "ini {#a file=x mode=rw-r--r--}",
        "ini {#a file=x mode=0999}",
        "ini {#a file=x owner=a:b:c}",
        "ini {#a file=x parents=yes}",
        "ini {#a file=x symlink=yes}",
        "ini {#a file=~/x}",
        "ini {#a file=$HOME/x}",
        "ini {#a file=x/}",
        "ini {#a mode=0600}",
        "ini {#a file=x background}",
        "ini {#a file=\"{{ name }}\"}",
        "ini {#a file=\"x{{ name }}\" template}",
        "ini file=x",
    ] {
        let fixture = fences("", &[(info, "y\n")]);
        let outcome = fixture.run(&["run", "a.md"]);
        assert_eq!(outcome.code, 2, "{info}: {outcome}");
        assert!(!fixture.path("x").exists(), "{info}");
        told.push_str(&format!("{info}\n{}\n", fixture.normalise(&outcome.stderr)));
    }
    insta::assert_snapshot!(told);
    let fixture = fences(
        "",
        &[
            ("bash {#first}", "touch first\n"),
            ("ini {#a file=x owner=nobody-is-called-so}", "y\n"),
        ],
    );
    fixture
        .run(&["run", "a.md"])
        .code(4)
        .says("user `nobody-is-called-so` for `a`");
    assert!(!fixture.path("first").exists());
    // A plain document writes nothing, and says why.
    let fixture = Fixture::new().file("a.md", "# A\n\n```ini {file=x}\ny\n```\n");
    fixture
        .run(&["lint", "a.md"])
        .says("`file` is read in declared runbooks only");
}

#[test]
fn templates_rows_conditions_and_undo_work_with_files() {
    let front = "inputs:\n  port: { type: number, default: 80 }\n";
    let text = format!(
        "---\nrunbook: 1\n{front}---\n# Hosts\n\n| name | zone |\n|---|---|\n| web1 | a |\n| web2 | b |\n\n\
         ```json {{#host each=#hosts file=\"{{{{ name }}}}.json\" template}}\n{{\"zone\": {{{{ zone }}}}, \"port\": {{{{ port }}}}}}\n```\n\n\
         ```bash {{#script file=run.sh mode=0755 template}}\necho {{{{ port }}}} '{{{{ port }}}}'\n```\n\n\
         ```ini {{#never file=never if=false}}\nx\n```\n\n\
         ```ini {{#back file=current undo-of=switch}}\nold\n```\n\n\
         ```ini {{#switch file=current}}\nnew\n```\n\n```bash {{#fails}}\nfalse\n```\n"
    );
    let fixture = Fixture::new().file("a.md", text);
    fixture.run(&["run", "a.md", "--on-failure=undo"]).code(1);
    assert_eq!(
        fixture.read("web1.json"),
        "{\"zone\": \"a\", \"port\": 80}\n"
    );
    assert_eq!(
        fixture.read("web2.json"),
        "{\"zone\": \"b\", \"port\": 80}\n"
    );
    assert_eq!(fixture.read("run.sh"), "echo 80 '80'\n");
    assert!(!fixture.path("never").exists());
    assert_eq!(fixture.read("current"), "old\n");
}

#[test]
fn a_value_never_climbs_out_of_the_path_that_was_written() {
    let front = "inputs: { name: {} }\n";
    for name in ["../x", "..", "a/../../b", "x y", "x;y", "a\nb"] {
        let fixture = fences(front, &[("ini {#a file=\"d/{{ name }}\" template}", "y\n")]);
        fs::create_dir(fixture.path("d")).unwrap();
        let outcome = fixture.run(&["run", "a.md", "--set", &format!("name={name}")]);
        assert_eq!(outcome.code, 2, "{name}: {outcome}");
        assert_eq!(
            fs::read_dir(fixture.path("d")).unwrap().count(),
            0,
            "{name}"
        );
    }
}

#[test]
fn a_secret_reaches_the_file_and_nothing_else_and_the_one_of_yesterday_is_not_told() {
    let front = "inputs:\n  token: { secret: true, from: \"env:TOKEN\" }\n";
    let body = "{\"user\": \"app\",\n \"token\": {{ token }}}\n";
    let fixture = fences(
        front,
        &[("json {#conf file=app.json mode=0600 template}", body)],
    );
    fixture.write(
        "app.json",
        "{\"user\": \"app\",\n \"token\": \"yesterday-canary\"}\n",
    );
    let canary = "today\"canary\\1";
    let outcome = fixture
        .command(&["run", "a.md", "-v"])
        .env("TOKEN", canary)
        .run()
        .code(0);
    assert_eq!(
        fixture.read("app.json"),
        "{\"user\": \"app\",\n \"token\": \"today\\\"canary\\\\1\"}\n"
    );
    let shown = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(
        shown.contains("-***") && shown.contains("\"***\""),
        "{shown}"
    );
    let mut files = vec![fixture.path("state")];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(path).unwrap().map(|it| it.unwrap().path()));
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let name = path.display();
        assert!(!text.contains("yesterday-canary"), "{name}");
        assert!(
            !text.contains("today\\\"canary") && !text.contains(canary),
            "{name}"
        );
    }
    assert!(!shown.contains("yesterday-canary") && !shown.contains("canary"));
}

#[test]
fn a_secret_that_cannot_be_quoted_is_refused_before_step_one_without_a_word_of_it() {
    let front = "inputs:\n  token: { secret: true, from: \"env:TOKEN\" }\n";
    let fixture = fences(
        front,
        &[
            ("bash {#first}", "touch first\n"),
            (
                "ini {#conf file=app.conf template}",
                "token = {{ token }}\n",
            ),
        ],
    );
    let outcome = fixture
        .command(&["run", "a.md"])
        .env("TOKEN", "semi;colon;canary")
        .run()
        .code(2)
        .says("a secret does not go there");
    assert!(!outcome.stderr.contains('`') || !outcome.stderr.contains("`;`"));
    assert!(!fixture.path("first").exists());
    let fixture = fences(
        front,
        &[(
            "ini {#conf file=app.conf template}",
            "token = {{ token | raw }}\n",
        )],
    );
    fixture
        .command(&["run", "a.md"])
        .env("TOKEN", "semi;colon;canary")
        .run()
        .code(0);
    assert_eq!(fixture.read("app.conf"), "token = semi;colon;canary\n");
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_file_or_the_new_one_and_resume_writes_it() {
    let old = "old\n".repeat(3000);
    let new = "new\n".repeat(3000);
    let mut undisturbed = None;
    for number in 1..20 {
        for fault in ["kill", "torn", "eio", "enospc"] {
            let fixture = fences("", &[("ini {#conf file=app.conf backup}", &new)]);
            fixture.write("app.conf", &old);
            let outcome = fixture
                .command(&["run", "a.md"])
                .env("RUNBOOK_FAULT", format!("file:{number}:{fault}"))
                .run();
            fixture.until_quiet();
            let text = fixture.read("app.conf");
            assert!(text == old || text == new, "{fault} at {number}: torn");
            for name in beside(&fixture) {
                let is_kept = name.contains(".before-");
                assert!(
                    !is_kept || fixture.read(&name) == old,
                    "{fault} at {number}: {name}"
                );
            }
            if outcome.code == 0 {
                if fault == "kill" {
                    undisturbed = undisturbed.or(Some(number));
                }
                continue;
            }
            let outcome = fixture.run(&["resume", "last", "--retry-failed"]);
            assert_eq!(outcome.code, 0, "{fault} at {number}: {outcome}");
            assert_eq!(fixture.read("app.conf"), new);
            let names = beside(&fixture);
            assert_eq!(names.len(), 2, "{fault} at {number}: {names:?}");
            assert_eq!(fixture.read(&names[1]), old);
        }
        if undisturbed == Some(number) {
            break;
        }
    }
    let count = undisturbed.expect("at some number nothing is disturbed");
    assert!(count > 5, "only {count} moments were tried");
}

#[test]
fn a_file_whose_outcome_nobody_knows_is_written_again() {
    let fixture = fences("", &[("ini {#conf file=app.conf}", "new\n")]);
    fixture
        .command(&["run", "a.md"])
        .env("RUNBOOK_FAULT", "engine:9:both")
        .run();
    fixture.until_quiet();
    fixture.run(&["resume", "last"]).code(0);
    assert_eq!(fixture.read("app.conf"), "new\n");
}

#[test]
fn the_content_is_in_no_command_line_and_no_name() {
    // What other users see of a step while it waits at its gate is its program and its path.
    let fixture = fences("", &[("ini {#conf file=app.conf}", "canary\n")]);
    let outcome = fixture.run(&["run", "a.md"]).code(0);
    assert!(!outcome.stderr.contains("canary"));
    let source = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/target/file.rs"));
    assert!(
        source
            .unwrap()
            .contains("args: vec![ARGUMENT.to_owned(), order.file.path]")
    );
}
