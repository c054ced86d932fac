//! What a step must not reach, whatever it tries; and what is refused where no view can be had.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use super::*;

// A step that must not succeed in any of its lines; each is told when it does.
fn none_succeeds(lines: &[&str]) {
    let Some(view) = View::prepared("touch f") else {
        return;
    };
    for line in lines {
        let ended = view.run(line);
        assert_ne!(ended.code, Some(0), "{line} succeeded: {}", ended.printed);
    }
}

#[test]
fn the_kernel_cannot_be_reached_around_the_view() {
    none_succeeds(&[
        "mount -o remount,rw /proc/sys",
        "mount -o remount,rw /proc",
        "umount -l /proc/sys",
        "umount -l /proc",
        "umount /sys",
        "umount /",
        "mount -t tmpfs none /mnt",
        "mount --bind / /mnt",
        "unshare -U true",
        "unshare -m true",
        "unshare -n true",
        "unshare -r true",
        "nsenter -t 1 -m true",
        "nsenter -t 1 -U true",
        "mknod d b 8 0",
        "mknod c c 1 3",
        "chroot /proc/1/root true",
        "echo 1 > /proc/sys/kernel/printk",
        "echo b > /proc/sysrq-trigger",
        "echo 1 > /proc/sys/vm/drop_caches",
        "echo x > /proc/1/comm",
        "cat /proc/1/environ",
        "readlink /proc/1/fd/0",
        "cat /proc/1/maps",
        "readlink /proc/1/exe",
        "ls /proc/1/root/",
        "chmod 600 /dev/null",
        "chown 1 /dev/null",
        "rm /dev/null",
        "touch /dev/x",
        "cat /dev/kmsg",
        "ls /dev/vda /dev/sda /dev/nvme0n1 /dev/mem /dev/kvm /dev/fuse",
        "date -s 2001-01-01",
        "hostname other",
        "swapoff -a && false || swapon f",
        "insmod f",
        "dmesg -C",
        "ip link add x type dummy",
    ]);
}

#[test]
fn no_call_gives_rights_back() {
    let Some(view) = View::new() else { return };
    let ended = view.run("grep -E '^Cap(Prm|Eff|Bnd|Amb)|^Seccomp:' /proc/self/status");
    let sys_admin = 1_u64 << 21;
    for line in ended.printed.lines() {
        let (name, value) = line.split_once(':').unwrap();
        if name == "Seccomp" {
            assert_eq!(value.trim(), "2");
            continue;
        }
        let mask = u64::from_str_radix(value.trim(), 16).unwrap();
        assert_eq!(mask & sys_admin, 0, "{line}");
        // Neither the network, nor modules, devices, raw memory, the clock or a reboot.
        for right in [12, 13, 16, 17, 22, 24, 25, 27, 39, 40] {
            assert_eq!(mask & (1 << right), 0, "{line}");
        }
    }
    assert!(ended.printed.lines().count() >= 5, "{}", ended.printed);
    // A program of another user that belongs to root gets no more.
    let ended = view.run(
        "cp /bin/bash b; chmod 4755 b; chmod 755 .; su nobody -s /bin/bash -c './b -p -c \"grep CapEff /proc/self/status; mount -t tmpfs x /mnt\"'",
    );
    assert!(
        !ended.printed.contains("0000003fffffffff"),
        "{}",
        ended.printed
    );
    assert_ne!(ended.code, Some(0));
}

#[test]
fn no_socket_of_the_host_is_reached() {
    if fixture::which("perl").is_none() {
        return fixture::skip("the client is perl");
    }
    let Some(mut view) = View::new() else { return };
    let path = view.path("host.sock");
    let run = PathBuf::from(format!("/run/runbook-test-{}.sock", std::process::id()));
    let abstract_name = format!("runbook-test-{}", std::process::id());
    view.sandbox = None;
    let by_path = UnixListener::bind(&path).unwrap();
    let in_run = UnixListener::bind(&run).unwrap();
    let address = SocketAddr::from_abstract_name(abstract_name.as_bytes());
    let by_name = UnixListener::bind_addr(&address.unwrap()).unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    view.sandbox = Some(start().unwrap());
    let connect = |address: &str| {
        format!(
            "perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, pack(\"Sa*\", 1, {address})) or die \"$!\\n\"'"
        )
    };
    let attempts = [
        connect(&format!("\"{}\"", path.display())),
        connect("\"host.sock\""),
        connect(&format!("\"{}\"", run.display())),
        connect(&format!("\"\\0{abstract_name}\"")),
    ];
    for attempt in &attempts {
        let (ended, effects) = view.step(attempt);
        assert_ne!(ended.code, Some(0), "{attempt}: {}", ended.printed);
        let refused = View::refused(&effects);
        assert_eq!(refused.len(), 1, "{attempt}: {refused:?}");
        assert!(
            refused[0].starts_with("perl: connect to socket "),
            "{refused:?}"
        );
    }
    let (ended, effects) = view.step(&format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port} && read -t 5 -n 1 x <&3"
    ));
    assert_ne!(ended.code, Some(0));
    assert_eq!(
        View::refused(&effects),
        [format!("bash: connect 127.0.0.1:{port}")]
    );
    for listener in [&by_path, &in_run, &by_name] {
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "the host's socket was reached");
    }
    tcp.set_nonblocking(true).unwrap();
    assert!(tcp.accept().is_err(), "the host's port was reached");
    fs::remove_file(run).unwrap();
}

#[test]
fn a_pipe_of_the_host_is_not_written_to() {
    let Some(view) = View::prepared("mkfifo p") else {
        return;
    };
    let host = rustix::fs::open(
        view.path("p"),
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NONBLOCK,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    let ended = view.run("timeout 0.2 bash -c 'echo secret > p'");
    assert_ne!(ended.code, Some(0), "somebody read: {}", ended.printed);
    let mut space = [0; 16];
    assert!(rustix::io::read(&host, &mut space).is_err());
}

#[test]
fn a_way_out_by_an_open_descriptor_is_refused() {
    let Some(view) = View::new() else { return };
    let prefix = view.sandbox.as_ref().unwrap().prefix();
    fs::write(view.path("f"), "").unwrap();
    // Opened for reading alone a file can be opened again, by its descriptor.
    for (what, file) in [("folder", view.path("")), ("file", view.path("f"))] {
        let handed: Stdio = fs::File::open(&file).unwrap().into();
        #[expect(clippy::disallowed_methods, reason = "a test is no engine")]
        let mut command = Command::new(&prefix[0]);
        command
            .args(&prefix[1..])
            .args(["/bin/sh", "-c", "true"])
            .stdin(Stdio::null());
        command.stderr(Stdio::piped()).stdout(handed);
        let mut child = fixture::spawn(&mut command);
        let mut told = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut told)
            .unwrap();
        assert_eq!(fixture::wait(child).code(), Some(127));
        assert!(
            told.contains(&format!("descriptor 1 is a {what} of the host")),
            "{told}"
        );
    }
}

#[test]
fn what_a_step_is_handed_is_not_the_hosts() {
    use std::os::unix::fs::MetadataExt;
    let Some(view) = View::new() else { return };
    let before = fs::metadata("/dev/null").unwrap().mode();
    let ended =
        view.run("chmod 600 /proc/self/fd/0; chown 1 /proc/self/fd/0; echo x > /proc/self/fd/0");
    assert!(
        ended.printed.contains("Read-only file system"),
        "{}",
        ended.printed
    );
    let is = fs::metadata("/dev/null").unwrap();
    assert_eq!((is.mode(), is.uid()), (before, 0));
    // No terminal to type into either.
    assert_ne!(view.run("echo x > /dev/tty").code, Some(0));
}

#[test]
fn a_step_ends_as_it_would_and_keeps_its_folder_and_environment() {
    let Some(view) = View::new() else { return };
    assert_eq!(view.run("exit 7").code, Some(7));
    assert_eq!(view.run("kill -TERM $$").signal, Some(libc::SIGTERM));
    let ended = view.run("pwd; echo $HOME; env | wc -l; ls /proc/self/fd | wc -l");
    let place = view.place.path().display().to_string();
    let lines: Vec<&str> = ended.printed.lines().collect();
    assert_eq!(lines[..2], [place.as_str(), "/root"]);
    // PATH and HOME, and what the shell adds; 0 to 2, and what `ls` opens.
    assert!(lines[2].trim().parse::<u32>().unwrap() <= 6, "{lines:?}");
    assert_eq!(lines[3].trim(), "4");
    assert_eq!(
        view.run("set -o pipefail; cat <(echo x) | grep -q x").code,
        Some(0)
    );
}

#[test]
fn what_is_left_running_is_listed_and_ends_with_the_view() {
    let Some(mut view) = View::new() else { return };
    let (ended, effects) = view.step(
        "exec >/dev/null 2>&1; until_asleep() { until [ \"$(cat /proc/$!/comm)\" = sleep ]; do :; done; }; \
         sleep 31173 & until_asleep; disown; sleep 31174 & until_asleep; true",
    );
    assert_eq!(ended.code, Some(0));
    let names: Vec<&str> = effects
        .left_running
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["sleep", "sleep"]);
    let (last, _) = view.finish();
    assert_eq!(last.left_running.len(), 2);
    assert_eq!(sleeping(), 0, "they live on");
}

// How many of the `sleep`s of these tests live on this machine.
fn sleeping() -> usize {
    let is_ours = |pid: i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line == b"sleep\x0031173\x00" || line == b"sleep\x0031174\x00"
    };
    let all = runbook::host::process::all();
    all.iter()
        .filter(|it| it.state != b'Z' && is_ours(it.pid))
        .count()
}

#[test]
fn a_supervisor_that_is_killed_leaves_nothing() {
    let Some(mut view) = View::new() else { return };
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = mounts();
    let ended = view.run("exec >/dev/null 2>&1; echo x > f; sleep 31175 & disown");
    assert_eq!(ended.code, Some(0));
    let supervisor = view.sandbox().pid();
    let init = runbook::host::process::descendants(supervisor as i32);
    assert_eq!(init[0].name, "view", "{init:?}");
    let space = fs::read_link(format!("/proc/{}/ns/pid", init[0].pid)).unwrap();
    runbook::host::process::kill(supervisor as i32).unwrap();
    let lives = || {
        runbook::host::process::all()
            .into_iter()
            .filter(|it| it.state != b'Z')
            .any(|it| fs::read_link(format!("/proc/{}/ns/pid", it.pid)).is_ok_and(|it| it == space))
    };
    assert!(fixture::holds(std::time::Duration::from_secs(10), || {
        !lives()
    }));
    assert_eq!(mounts(), before);
    assert!(!view.path("f").exists());
    assert!(view.sandbox().effects().is_err());
}

#[test]
fn a_view_ends_when_its_engine_lets_go_of_it() {
    let Some(mut view) = View::new() else { return };
    let supervisor = view.sandbox().pid() as i32;
    assert!(runbook::host::process::look(supervisor).is_some());
    view.sandbox = None;
    assert!(runbook::host::process::look(supervisor).is_none());
}

#[test]
fn where_namespaces_are_denied_the_reason_is_told_and_nothing_is_executed() {
    let Some(view) = View::new() else { return };
    // In a view itself nobody may make namespaces: a machine that denies them.
    let program = view.path("runbook");
    fs::copy(PROGRAM, &program).unwrap();
    drop(view);
    let Some(view) = View::new() else { return };
    let script = format!(
        "exec 3<>/dev/null; perl -e 'use Socket; socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die; \
         use POSIX; my $pid = fork // die; if (!$pid) {{ POSIX::dup2(fileno($b), 3); close $a; $^F = 10; exec \"{PROGRAM}\", \"__sandbox\" or die }} \
         close $b; my $ask = q({{\"Build\":{{\"size\":null}}}}); syswrite $a, pack(\"V\", length $ask) . $ask; \
         sysread $a, my $all, 4096; print substr($all, 4); waitpid $pid, 0'"
    );
    if fixture::which("perl").is_none() {
        return fixture::skip("the engine is perl");
    }
    let ended = view.run(&script);
    assert!(ended.printed.contains("Refused"), "{}", ended.printed);
    assert!(
        ended.printed.contains("no mount namespace of its own"),
        "{}",
        ended.printed
    );
    assert!(ended.printed.contains("not permitted"), "{}", ended.printed);
}

#[test]
fn in_a_chroot_the_reason_is_told() {
    let Some(view) = View::prepared("mkdir -p root/proc root/tmp") else {
        return;
    };
    let root = view.path("root");
    let told = std::thread::spawn(move || {
        // Of this thread alone.
        // SAFETY: plain system calls.
        unsafe {
            assert_eq!(libc::unshare(libc::CLONE_FS | libc::CLONE_NEWNS), 0);
        }
        assert!(fixture::helper("mount", &["--make-rprivate", "/"]));
        let bind = |from: &str, to: &Path| {
            assert!(fixture::helper(
                "mount",
                &["--rbind", from, &to.display().to_string()]
            ));
        };
        bind("/proc", &root.join("proc"));
        for name in ["usr", "lib", "lib64", "bin"] {
            let from = Path::new("/").join(name);
            if from.is_dir() {
                fs::create_dir_all(root.join(name)).unwrap();
                bind(&from.display().to_string(), &root.join(name));
            }
        }
        fs::create_dir(root.join("dev")).unwrap();
        fs::write(root.join("dev/null"), "").unwrap();
        fs::copy(PROGRAM, root.join("runbook")).unwrap();
        rustix::process::chroot(&root).unwrap();
        std::env::set_current_dir("/").unwrap();
        Sandbox::start(Path::new("/runbook"), &Wanted::default()).map(drop)
    })
    .join()
    .unwrap();
    let refused = told.unwrap_err();
    assert_eq!(refused.because, "this process runs in a chroot");
    assert!(refused.way_out.is_some());
}

#[test]
fn an_overlay_for_a_root_is_covered_or_refused_with_its_reason() {
    let Some(view) = View::prepared("mkdir -p base/tmp base/mnt o") else {
        return;
    };
    let place = view.place.path().to_owned();
    let told = std::thread::spawn(move || {
        // SAFETY: plain system calls, of this thread alone.
        unsafe {
            assert_eq!(libc::unshare(libc::CLONE_FS | libc::CLONE_NEWNS), 0);
        }
        let mount = |args: &[&str]| assert!(fixture::helper("mount", args), "{args:?}");
        mount(&["--make-rprivate", "/"]);
        let at = |name: &str| place.join(name).display().to_string();
        mount(&["-t", "tmpfs", "none", &at("o")]);
        for name in ["u", "w", "m"] {
            fs::create_dir(place.join("o").join(name)).unwrap();
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            at("base"),
            at("o/u"),
            at("o/w")
        );
        mount(&["-t", "overlay", "none", "-o", &options, &at("o/m")]);
        fs::copy(PROGRAM, place.join("o/m/runbook")).unwrap();
        for name in ["proc", "usr", "lib", "lib64", "dev", "sys"] {
            let from = Path::new("/").join(name);
            if from.is_dir() {
                fs::create_dir_all(place.join("o/m").join(name)).unwrap();
                mount(&[
                    "--rbind",
                    &from.display().to_string(),
                    &at(&format!("o/m/{name}")),
                ]);
            }
        }
        rustix::process::chdir(place.join("o/m")).unwrap();
        rustix::process::pivot_root(".", "mnt").unwrap();
        rustix::process::chroot(".").unwrap();
        let is_there = Sandbox::start(Path::new("/runbook"), &Wanted::default());
        is_there.map(|it| it.ready().clone())
    })
    .join()
    .unwrap();
    // How deep overlays may be stacked differs from kernel to kernel.
    if let Err(refused) = told {
        assert!(
            !refused.because.is_empty() && refused.way_out.is_some(),
            "{refused}"
        );
    }
}
