//! What left the file system and was refused, told with the process that tried it; and what a user
//! without root can preview.

use super::*;

fn check(step: &str, wanted: &[&str]) {
    let Some(mut view) = View::new() else { return };
    let (_, effects) = view.step(step);
    let told = View::refused(&effects);
    assert_eq!(told, wanted, "{step}");
}

#[test]
fn a_request_fails_at_once_and_is_told_with_host_port_and_method() {
    if fixture::which("curl").is_none() {
        return fixture::skip("there is no curl");
    }
    let Some(mut view) = View::new() else { return };
    let began = runbook::host::clock::since_boot();
    let (ended, effects) = view.step("curl -sS -X POST -d x http://api.example.com/v1?a=1");
    let took = runbook::host::clock::since_boot().saturating_sub(began);
    assert_ne!(ended.code, Some(0));
    assert!(took < std::time::Duration::from_secs(4), "{took:?}");
    assert_eq!(
        View::refused(&effects),
        ["curl: connect api.example.com:80 POST /v1?a=1"],
        "{}",
        ended.printed
    );
    let (ended, effects) = view.step("curl -sS https://api.example.org:8443/");
    assert_ne!(ended.code, Some(0));
    assert_eq!(
        View::refused(&effects),
        ["curl: connect api.example.org:8443 (TLS to api.example.org)"],
        "{}",
        ended.printed
    );
}

#[test]
fn a_connection_by_address_is_told_by_its_address() {
    check(
        "exec 3<>/dev/tcp/192.0.2.7/5432; read -t 2 -n 1 x <&3",
        &["bash: connect 192.0.2.7:5432"],
    );
    check(
        "echo x > /dev/udp/192.0.2.7/514",
        &["bash: send to 192.0.2.7:514 (UDP)"],
    );
    check(
        "getent hosts db.example.org",
        &["getent: look up db.example.org"],
    );
}

#[test]
fn what_listens_in_the_view_is_no_intent() {
    if fixture::which("perl").is_none() {
        return fixture::skip("the server is perl");
    }
    let server = "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => \"127.0.0.1\", \
        LocalPort => 8080, Listen => 1, ReuseAddr => 1) or die; open F, \">ready\"; close F; \
        while ($c = $s->accept) { print $c \"hello\\n\"; close $c }'";
    let Some(mut view) = View::new() else { return };
    let (ended, effects) = view.step(&format!(
        "exec 2>/dev/null; {server} >/dev/null & until [ -e ready ]; do read -t 0.02 < <(sleep 1); done; \
         exec 3<>/dev/tcp/127.0.0.1/8080; read x <&3; echo $x"
    ));
    assert_eq!(ended.printed, "hello\n");
    assert_eq!(View::refused(&effects), Vec::<String>::new());
    // In the next step too.
    let (ended, effects) = view.step("exec 3<>/dev/tcp/127.0.0.1/8080; read x <&3; echo $x");
    assert_eq!(ended.printed, "hello\n");
    assert_eq!(View::refused(&effects), Vec::<String>::new());
}

#[test]
fn signals_to_the_host_and_calls_to_its_kernel_are_told() {
    let me = std::process::id();
    let name = runbook::host::process::look(me as i32).unwrap().name;
    let Some(mut view) = View::new() else { return };
    let (ended, effects) = view.step(&format!("kill -9 {me}"));
    assert_ne!(ended.code, Some(0));
    assert_eq!(
        View::refused(&effects),
        [format!("bash: send signal 9 to process {me} ({name})")]
    );
    drop(view);
    check("mount -t tmpfs none /mnt", &["mount: mount /mnt"]);
    check("date -s 2001-01-01", &["date: set the clock"]);
    check(
        "hostname other",
        &["hostname: set the name of the host other"],
    );
    check("unshare -n true", &["unshare: make a namespace"]);
    check("mknod d b 8 0", &["mknod: mknod d"]);
    let first = runbook::host::process::look(1).unwrap().name;
    check(
        "kill -TERM 1",
        &[&format!("bash: send signal 15 to process 1 ({first})")],
    );
    check("sleep 5 & kill $!; wait; true", &[]);
    check("cat <<< here | sort > f; ls -la / > g", &[]);
}

#[test]
fn other_families_of_sockets_are_refused() {
    if fixture::which("perl").is_none() {
        return fixture::skip("the client is perl");
    }
    check(
        "perl -e 'use Socket; socket(my $s, 40, SOCK_STREAM, 0) and die \"open\"'",
        &["perl: open a socket of family 40"],
    );
}

#[test]
fn the_same_refusal_in_a_loop_is_counted() {
    let Some(mut view) = View::new() else { return };
    let (_, effects) = view.step("for i in 1 2 3; do kill -TERM 999999; done");
    assert_eq!(effects.intents.len(), 1);
    assert_eq!(effects.intents[0].times, 3);
}

#[test]
fn a_user_previews_their_own_files() {
    let Some(mut view) = as_user() else { return };
    let told = view.told("id -u; echo x > f; mkdir d; echo y > d/g; ln -s f l");
    assert_eq!(told, "d added folder\nd/g added\nf added\nl added symlink");
    let told = view.told("echo z >> f; mv d/g g; rm l");
    assert_eq!(
        told,
        "f modified content\ng renamed from d/g\nl deleted symlink"
    );
    // What was there before: by what it holds and when it was written.
    assert_eq!(
        view.told("mv theirs/a theirs/b"),
        "theirs/b renamed from theirs/a"
    );
    assert_eq!(
        view.told("echo more >> theirs/b"),
        "theirs/b modified content"
    );
    assert_eq!(view.told("chmod 600 theirs/c"), "theirs/c modified mode");
    assert!(view.path("theirs/a").exists() && !view.path("f").exists());
}

#[test]
fn a_user_cannot_write_what_is_not_theirs_in_a_preview_either() {
    let Some(mut view) = as_user() else { return };
    for line in [
        "echo x > /etc/runbook-test",
        "echo x >> /etc/passwd",
        "touch /runbook-test",
        "mkdir /usr/runbook-test",
        "cat /etc/shadow",
        "chown root f",
        "unshare -U true",
        "mount -t tmpfs none /mnt",
    ] {
        let (ended, _) = view.step(line);
        assert_ne!(ended.code, Some(0), "{line}");
    }
    assert!(!Path::new("/etc/runbook-test").exists());
}

#[test]
fn a_program_with_rights_of_its_own_is_told_of() {
    let Some(mut view) = as_user() else { return };
    let (_, effects) = view.step("su -c true < /dev/null");
    let refused = View::refused(&effects);
    assert!(
        refused.iter().any(|it| it.contains("su with its rights")),
        "{refused:?}"
    );
}
