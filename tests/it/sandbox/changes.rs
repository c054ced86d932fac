//! What steps change, told exactly, and the host as it was.

use std::os::unix::fs::MetadataExt;

use runbook::change::{Diff, set_of};
use runbook::redact::{Named, Texts};

use super::*;

// What a step changes below the folder, which was prepared on the host.
fn check(before: &str, step: &str, wanted: &[&str]) {
    let Some(mut view) = View::prepared(before) else {
        return;
    };
    let list = "find . -printf '%P %y %m %U %G %s %l\\n' | sort; find . -type f -exec cat {} +";
    let was = on_host_printing(list, view.place.path());
    assert_eq!(view.told(step), wanted.join("\n"), "{step}");
    let is = on_host_printing(list, view.place.path());
    assert_eq!(is, was, "the host was touched by: {step}");
}

#[test]
fn add_modify_and_delete_of_text_are_exact_diffs() {
    let Some(mut view) = View::prepared("printf 'a\\nb\\nc\\n' > kept; printf 'x\\n' > gone")
    else {
        return;
    };
    let (ended, effects) = view.step("sed -i s/b/B/ kept; printf 'n\\n' > made; rm gone");
    assert_eq!(ended.code, Some(0));
    assert_eq!(
        view.tell(&effects),
        "gone deleted\nkept modified content\nmade added"
    );
    let set = set_of(&effects.differences, &Texts::default());
    let diff = |name: &str| {
        let path = runbook::event::Text::of_bytes(view.path(name).as_os_str().as_bytes());
        let change = set.changes.iter().find(|it| it.path == path).unwrap();
        match &change.diff {
            Some(Diff::Text { hunks, .. }) => hunks.clone(),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(diff("kept"), "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    assert_eq!(diff("made"), "@@ -0,0 +1 @@\n+n\n");
    assert_eq!(diff("gone"), "@@ -1 +0,0 @@\n-x\n");
    assert_eq!(fs::read_to_string(view.path("kept")).unwrap(), "a\nb\nc\n");
    assert!(!view.path("made").exists() && view.path("gone").exists());
}

#[test]
fn a_step_sees_what_the_one_before_did_and_each_is_told_its_own() {
    let Some(mut view) = View::new() else { return };
    assert_eq!(
        view.told("echo one > f; mkdir d"),
        "d added folder\nf added"
    );
    assert_eq!(
        view.told("grep -q one f && echo two >> f"),
        "f modified content"
    );
    assert_eq!(view.told("true"), "");
    assert_eq!(view.told("rm f"), "f deleted");
    let place = view.place.path().to_owned();
    let (_, whole) = view.finish();
    let below = |it: &&Difference| it.path.starts_with(place.as_os_str().as_bytes());
    let told: Vec<&Difference> = whole.differences.iter().filter(below).collect();
    // All of it together: a file that came and went is none.
    assert!(
        told.iter()
            .any(|it| it.what == What::Added && it.path.ends_with(b"/d"))
    );
    assert!(!told.iter().any(|it| it.path.ends_with(b"/f")), "{told:?}");
}

#[test]
fn a_folder_made_anew_is_replaced_and_its_old_children_are_listed() {
    check(
        "mkdir -p d/s; echo a > d/a; echo b > d/s/b",
        "rm -r d; mkdir d; echo n > d/n",
        &[
            "d replaced folder by folder",
            "d/a deleted",
            "d/n added",
            "d/s deleted folder",
            "d/s/b deleted",
        ],
    );
}

#[test]
fn a_new_folder_is_added_and_never_replaced() {
    check(
        "true",
        "mkdir -p n/m; touch n/m/f",
        &["n added folder", "n/m added folder", "n/m/f added"],
    );
}

#[test]
fn every_deleted_entry_is_counted() {
    let wanted: Vec<String> = (1..=32).map(|it| format!("d/{it:02} deleted")).collect();
    let mut wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    wanted.insert(0, "d deleted folder");
    check(
        "mkdir d; for i in $(seq -w 1 32); do echo $i > d/$i; done",
        "rm -r d",
        &wanted,
    );
}

#[test]
fn mode_and_owner_of_files_and_folders_are_told() {
    check(
        "touch f g; mkdir d",
        "chmod 4755 f; chown 33:12 g; chmod 700 d; chown 33 d",
        &[
            "d modified folder mode owner",
            "f modified mode",
            "g modified owner",
        ],
    );
}

#[test]
fn capabilities_and_access_lists_are_told() {
    if fixture::which("setcap").is_none() {
        return fixture::skip("there is no setcap");
    }
    check(
        "cp /bin/true f",
        "setcap cap_net_raw+ep f",
        &["f modified capabilities"],
    );
    if fixture::which("perl").is_none() {
        return fixture::skip("access lists are set by perl");
    }
    // user:33:r-x, with what such a list must hold besides.
    let list = "my $l = pack('V(vvV)5', 2, 1,7,-1, 2,5,33, 4,5,-1, 16,5,-1, 32,5,-1);";
    let set = "my $n = 'system.posix_acl_access'; my $set = `uname -m` =~ /x86_64/ ? 188 : 5;";
    let perl =
        format!("perl -e '{}' f d", format!(
        "{list} {set} for (@ARGV) {{ syscall($set, $_, $n, $l, length $l, 0) == 0 or die $! }}"
    ).replace('\'', "'\\''"));
    check(
        "touch f; mkdir d; chmod 755 f d",
        &perl,
        &["d modified folder accesslist", "f modified accesslist"],
    );
}

#[test]
fn renames_are_exact() {
    check("echo a > f", "mv f g", &["g renamed from f"]);
    check(
        "echo a > f",
        "mv f g; echo b >> g",
        &["g renamed from f content"],
    );
    check(
        "mkdir -p d/s; echo a > d/a; echo b > d/s/b",
        "mv d e",
        &["e renamed from d folder inside 3"],
    );
    check(
        "mkdir a b; echo 1 > a/x; echo 2 > b/y; echo 3 > b/z",
        "mv a t; mv b a; mv t b",
        &[
            "a renamed from b folder inside 2",
            "b renamed from a folder inside 1",
        ],
    );
    check(
        "mkdir d; echo a > d/a; echo b > d/b",
        "mv d e; echo more >> e/a; rm e/b; echo c > e/c",
        &[
            "d/b deleted",
            "e renamed from d folder inside 0",
            "e/a modified from d/a content",
            "e/c added",
        ]
        .map(|it| it.trim_end_matches(" inside 0")),
    );
}

#[test]
fn an_edit_through_one_name_of_a_file_changes_every_name() {
    check(
        "echo a > f; ln f g; mkdir d; ln f d/h",
        "echo b >> f",
        &[
            "d/h modified content",
            "f modified content",
            "g modified content",
        ],
    );
    check(
        "echo a > f",
        "ln f g",
        &["f modified links", "g added link to f"],
    );
}

#[test]
fn an_edit_through_a_name_that_was_deleted_then_shows_at_the_others() {
    check(
        "echo a > f; mkdir d; ln f d/h",
        "echo b >> f; rm f",
        &["d/h modified content links", "f deleted"],
    );
}

#[test]
fn any_sort_of_node_may_take_the_place_of_any_other() {
    let kinds = [
        ("file", "echo x > n"),
        ("folder", "mkdir n; echo c > n/c"),
        ("symlink", "ln -s /dev/null n"),
        ("fifo", "mkfifo n"),
        (
            "socket",
            "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"n\", Listen => 1) or die'",
        ),
    ];
    if fixture::which("perl").is_none() {
        return fixture::skip("sockets are made by perl");
    }
    for (old, make_old) in kinds {
        for (new, make_new) in kinds {
            if old == new {
                continue;
            }
            let mut wanted = vec![format!("n replaced {old} by {new}")];
            if new == "folder" {
                wanted.push("n/c added".to_owned());
            }
            if old == "folder" {
                wanted.push("n/c deleted".to_owned());
            }
            // A link that has another length, or none: only the kind is of interest.
            let Some(mut view) = View::prepared(make_old) else {
                return;
            };
            let told = view.told(&format!("rm -r n; {make_new}"));
            let told: Vec<String> = told
                .lines()
                .map(|it| {
                    it.split(" target")
                        .next()
                        .unwrap()
                        .split(" mode")
                        .next()
                        .unwrap()
                        .to_owned()
                })
                .collect();
            assert_eq!(told, wanted, "{old} to {new}");
        }
    }
}

#[test]
fn a_name_may_hold_any_byte() {
    check(
        "true",
        r"touch $'new\nline' 'co:lon' 'com,ma' 'back\slash' 'sp ace' $'\xff\xfe'; mkdir $'d\n'; touch $'d\n/f'",
        &[
            r"back\\slash added",
            r"co:lon added",
            r"com,ma added",
            r"d\n added folder",
            r"d\n/f added",
            r"new\nline added",
            r"sp ace added",
            r"\xff\xfe added",
        ],
    );
}

#[test]
fn a_touch_changes_times_only() {
    check(
        "touch f; mkdir d",
        "touch -d 2001-01-01 f d",
        &["d timesonly folder times", "f timesonly times"],
    );
}

#[test]
fn what_the_host_changes_meanwhile_is_flagged() {
    let Some(mut view) = View::prepared("echo a > f; echo a > g") else {
        return;
    };
    view.on_host("echo host >> f");
    let told = view.told("echo b > f; echo b > g");
    assert_eq!(told, "f modified content host changed\ng modified content");
}

#[test]
fn what_the_host_changed_stays_flagged_at_later_steps_and_at_the_end() {
    let Some(mut view) = View::prepared("echo a > f; echo a > g") else {
        return;
    };
    view.on_host("chown 33 f");
    let flagged = "f modified content host changed";
    assert_eq!(view.told("echo b > f"), flagged);
    assert_eq!(view.told("echo c > f"), flagged);
    // After the view has read it, and without a trace in its time.
    assert_eq!(view.told("echo b > g"), "g modified content");
    view.on_host("chown 33 g");
    assert_eq!(view.told("echo c > g"), "g modified content host changed");
    let place = view.place.path().to_owned();
    let (_, whole) = view.finish();
    for name in ["f", "g"] {
        let path = place.join(name);
        let of = |it: &&Difference| it.path == path.as_os_str().as_bytes();
        assert!(whole.differences.iter().find(of).unwrap().host_changed);
    }
}

#[test]
fn what_the_host_changes_as_soon_as_the_view_stands_is_flagged_and_what_it_did_before_is_not() {
    let Some(view) = View::new() else { return };
    drop(view);
    // Within one tick of the clock that stamps files; ten times, for it is somewhere in its tick.
    for _ in 0..10 {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::write(path("f"), "a").unwrap();
        fs::write(path("g"), "a").unwrap();
        let mut sandbox = start().unwrap();
        fs::write(path("f"), "host").unwrap();
        let ended = run_with(
            &sandbox.prefix(),
            "echo b > f; echo b > g",
            place.path(),
            None,
        );
        assert_eq!(ended.code, Some(0), "{}", ended.printed);
        let effects = sandbox.effects().unwrap();
        let is_flagged = |name: &str| {
            let of = |it: &&Difference| it.path == path(name).as_os_str().as_bytes();
            let found = effects.differences.iter().find(of);
            found.unwrap().host_changed
        };
        assert_eq!([is_flagged("f"), is_flagged("g")], [true, false]);
    }
}

#[test]
fn what_is_mounted_is_covered_or_said_to_be_hidden() {
    let Some(view) = View::new() else { return };
    let (shm, place) = (
        format!("/dev/shm/runbook-{}", std::process::id()),
        view.path(""),
    );
    drop(view);
    if !Path::new("/dev/shm").is_dir() {
        return fixture::skip("there is no /dev/shm");
    }
    let Some(mut view) = View::prepared("true") else {
        return;
    };
    let (ended, effects) = view.step(&format!("echo x > {shm}"));
    assert_eq!(ended.code, Some(0), "{}", ended.printed);
    assert!(
        effects
            .differences
            .iter()
            .any(|it| it.path == shm.as_bytes())
    );
    assert!(!Path::new(&shm).exists(), "{place:?}");
}

#[test]
fn a_size_that_is_exceeded_fails_the_step_and_not_the_host() {
    let Some(mut view) = View::sized(Some(4 << 20)) else {
        return;
    };
    let (ended, _) = view.step("head -c 16777216 /dev/zero > big");
    assert_eq!(ended.code, Some(1));
    assert!(ended.printed.contains("No space left"), "{}", ended.printed);
    assert!(!view.path("big").exists());
    assert_eq!(view.told("rm big; echo small > f"), "big deleted\nf added");
}

#[test]
fn secrets_are_masked_in_contents_names_and_disguises() {
    let Some(mut view) = View::new() else { return };
    let secret = "hunter2-hunter2";
    let (ended, effects) = view.step(
        "echo password=hunter2-hunter2 > f; printf hunter2-hunter2 | base64 > b; \
         touch hunter2-hunter2.log; mkdir -p etc; echo root:x > etc/shadow; \
         echo KEY=unknown-to-anybody > .env; \
         printf -- '-----BEGIN RSA PRIVATE KEY-----\\nMIIabc\\n' > k",
    );
    assert_eq!(ended.code, Some(0), "{}", ended.printed);
    let texts = Texts::new(vec![Named::new("password", secret)]);
    let set = set_of(&effects.differences, &texts);
    let told = serde_json::to_string(&set).unwrap();
    assert!(told.contains("password=***"), "{told}");
    for canary in [
        secret,
        "aHVudGVyMi1odW50ZXIy",
        "root:x",
        "unknown-to-anybody",
        "MIIabc",
    ] {
        assert!(!told.contains(canary), "{canary} in {told}");
    }
}

#[test]
fn what_package_managers_do_is_previewed() {
    let Some(mut view) = View::new() else { return };
    let script = "set -e; useradd -m previewed 2>&1; id previewed; su previewed -s /bin/sh -c 'echo x > ~/f'; \
        mkdir -p /var/lib/example; echo 1 > /var/lib/example/state; ln -sf /bin/true /usr/local/bin/previewed-tool";
    let (ended, effects) = view.step(script);
    if fixture::which("useradd").is_none() {
        return fixture::skip("there is no useradd");
    }
    assert_eq!(ended.code, Some(0), "{}", ended.printed);
    let paths: Vec<String> = effects
        .differences
        .iter()
        .map(|it| format!("{} {:?}", String::from_utf8_lossy(&it.path), it.what))
        .collect();
    for wanted in [
        "/etc/passwd Modified",
        "/etc/shadow Modified",
        "/home/previewed Added",
        "/home/previewed/f Added",
        "/usr/local/bin/previewed-tool Added",
        "/var/lib/example/state Added",
    ] {
        assert!(
            paths.iter().any(|it| it == wanted),
            "{wanted} in {paths:#?}"
        );
    }
    assert!(
        !fs::read_to_string("/etc/passwd")
            .unwrap()
            .contains("previewed")
    );
    assert!(!Path::new("/home/previewed").exists());
}

#[test]
fn times_of_access_on_the_host_are_left_alone() {
    let Some(mut view) = View::prepared("echo a > f; touch -a -d 2001-01-01 f") else {
        return;
    };
    view.told("cat f; echo b >> f");
    let is = fs::metadata(view.path("f")).unwrap();
    assert!(is.atime() < 1_000_000_000, "{}", is.atime());
    assert_eq!(is.len(), 2);
}
