//! The copy-on-write view of the machine, from outside: what steps did in it is told exactly, and
//! the host is as it was. As root, and where it says so as a user; where the machine cannot, skipped
//! loudly.

mod changes;
mod oracle;
mod refusals;
mod walls;

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use runbook::change::{Aspect, Difference, Kind, What};
use runbook::sandbox::{Effects, Rights, Sandbox, Wanted};

use crate::fixture;

pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_runbook");

/// The user that unprivileged tests run as; nobody's home, nobody's files.
const SECOND_USER: u32 = 47_110;

/// A view, and a folder of the host that it covers.
pub(super) struct View {
    sandbox: Option<Sandbox>,
    pub(super) place: tempfile::TempDir,
    user: Option<u32>,
}

/// How a step ended, and what it printed.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) printed: String,
}

impl View {
    /// Returns a view as root; `None`, and says so, where this machine has none.
    pub(super) fn new() -> Option<Self> {
        Self::sized(None)
    }

    pub(super) fn sized(size: Option<u64>) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            fixture::skip("a view as root needs root");
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        match Sandbox::start(Path::new(PROGRAM), &Wanted { size }) {
            Ok(sandbox) => Some(Self {
                sandbox: Some(sandbox),
                place,
                user: None,
            }),
            Err(refused) => {
                fixture::skip(&refused.to_string());
                None
            }
        }
    }

    /// Prepares the folder before the view is built.
    pub(super) fn prepared(script: &str) -> Option<Self> {
        let mut view = Self::new()?;
        view.sandbox = None;
        view.on_host(script);
        view.sandbox = Some(start().unwrap());
        Some(view)
    }

    pub(super) fn sandbox(&mut self) -> &mut Sandbox {
        self.sandbox.as_mut().unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Runs a script on the host, in the folder.
    pub(super) fn on_host(&self, script: &str) {
        let mut command = bash(script, self.place.path());
        let status = fixture::wait(fixture::spawn(&mut command));
        assert!(status.success(), "{script}");
    }

    /// Runs a step in the view; returns how it ended.
    pub(super) fn run(&self, script: &str) -> Ended {
        let prefix = self.sandbox.as_ref().unwrap().prefix();
        run_with(&prefix, script, self.place.path(), self.user)
    }

    /// Runs a step; returns how it ended and what it did.
    pub(super) fn step(&mut self, script: &str) -> (Ended, Effects) {
        let ended = self.run(script);
        let effects = self.sandbox().effects().unwrap();
        (ended, effects)
    }

    /// Runs a step that succeeds, and tells what it changed below the folder.
    pub(super) fn told(&mut self, script: &str) -> String {
        let (ended, effects) = self.step(script);
        assert_eq!(ended.code, Some(0), "{script}: {}", ended.printed);
        self.tell(&effects)
    }

    /// Tells changes below the folder, a line each, names relative to it.
    pub(super) fn tell(&self, effects: &Effects) -> String {
        let own = self.place.path().as_os_str().as_bytes();
        let below = |it: &&Difference| it.path.starts_with(own) && it.path != own;
        let lines = effects
            .differences
            .iter()
            .filter(below)
            .map(|it| self.line(it));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn line(&self, it: &Difference) -> String {
        let own = self.place.path().as_os_str().as_bytes();
        let name = |path: &[u8]| {
            let rest = path.strip_prefix(own).unwrap_or(path);
            let rest = rest.strip_prefix(b"/").unwrap_or(rest);
            rest.escape_ascii().to_string()
        };
        let kind = |it: Kind| format!("{it:?}").to_lowercase();
        let mut words = vec![name(&it.path), format!("{:?}", it.what).to_lowercase()];
        if let Some(from) = &it.from {
            words.push(format!("from {}", name(from)));
        }
        if let Some(link) = &it.link_to {
            words.push(format!("link to {}", name(link)));
        }
        let kinds = (
            it.before.as_ref().map(|it| it.node.kind),
            it.after.as_ref().map(|it| it.node.kind),
        );
        match (it.what, kinds) {
            (What::Replaced, (Some(old), Some(new))) => {
                words.push(format!("{} by {}", kind(old), kind(new)));
            }
            (_, (old, new)) => {
                let some = new.or(old).unwrap();
                if some != Kind::File {
                    words.push(kind(some));
                }
            }
        }
        let aspects = it.aspects.iter().filter(|it| **it != Aspect::Kind);
        words.extend(aspects.map(|it| format!("{it:?}").to_lowercase()));
        if it.inside > 0 {
            words.push(format!("inside {}", it.inside));
        }
        if it.host_changed {
            words.push("host changed".to_owned());
        }
        words.join(" ")
    }

    /// Tells what was refused, a line each.
    pub(super) fn refused(effects: &Effects) -> Vec<String> {
        let line = |it: &runbook::change::Intent| format!("{}: {}", it.process, it.sort);
        effects.intents.iter().map(line).collect()
    }

    pub(super) fn finish(mut self) -> (Effects, Effects) {
        self.sandbox.take().unwrap().finish().unwrap()
    }
}

pub(super) fn start() -> Result<Sandbox, runbook::sandbox::Refused> {
    Sandbox::start(Path::new(PROGRAM), &Wanted::default())
}

/// Runs a script on the host; returns what it printed.
pub(super) fn on_host_printing(script: &str, folder: &Path) -> String {
    let mut command = bash(script, folder);
    command.stdout(Stdio::piped());
    let mut child = fixture::spawn(&mut command);
    let mut printed = Vec::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut printed)
        .unwrap();
    assert!(fixture::wait(child).success(), "{script}");
    String::from_utf8_lossy(&printed).into_owned()
}

fn bash(script: &str, folder: &Path) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a test is no engine")]
    let mut command = Command::new("/bin/bash");
    command
        .args(["-c", script])
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

pub(super) fn run_with(
    prefix: &[std::ffi::OsString],
    script: &str,
    folder: &Path,
    user: Option<u32>,
) -> Ended {
    #[expect(clippy::disallowed_methods, reason = "a test is no engine")]
    let mut command = Command::new(&prefix[0]);
    command
        .args(&prefix[1..])
        .args(["/bin/bash", "-c", script])
        .current_dir(folder)
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", "/root")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    let mut child = fixture::spawn(&mut command);
    let mut printed = String::new();
    // A step prints little: neither pipe is full before the other is read.
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let status = fixture::wait(child);
    let mut bytes = Vec::new();
    read_what_is_there(&mut out, &mut bytes);
    read_what_is_there(&mut err, &mut bytes);
    printed.push_str(&String::from_utf8_lossy(&bytes));
    Ended {
        code: status.code(),
        signal: std::os::unix::process::ExitStatusExt::signal(&status),
        printed,
    }
}

// What the step started may hold the pipe still.
fn read_what_is_there(pipe: &mut (impl Read + std::os::fd::AsFd), bytes: &mut Vec<u8>) {
    rustix::io::ioctl_fionbio(&*pipe, true).unwrap();
    let mut space = [0; 4096];
    while let Ok(count) = pipe.read(&mut space)
        && count > 0
    {
        bytes.extend_from_slice(&space[..count]);
    }
}

/// A view of another user than root, in a folder that is theirs.
pub(super) fn as_user() -> Option<View> {
    if !rustix::process::geteuid().is_root() {
        fixture::skip("a second user needs root to become it");
        return None;
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let theirs = place.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    for name in ["a", "c"] {
        fs::write(theirs.join(name), "theirs\n").unwrap();
    }
    for path in [place.path(), &theirs, &theirs.join("a"), &theirs.join("c")] {
        std::os::unix::fs::chown(path, Some(SECOND_USER), Some(SECOND_USER)).unwrap();
    }
    // The build folder may be closed to others.
    let program = place.path().join("runbook");
    fs::copy(PROGRAM, &program).unwrap();
    // The supervisor has the rights of whoever starts it.
    let made = on_thread_of(SECOND_USER, move || {
        Sandbox::start(&program, &Wanted::default())
    });
    match made {
        Ok(sandbox) => {
            assert!(matches!(sandbox.ready().rights, Rights::User { .. }));
            Some(View {
                sandbox: Some(sandbox),
                place,
                user: Some(SECOND_USER),
            })
        }
        Err(refused) => {
            fixture::skip(&refused.to_string());
            None
        }
    }
}

/// Runs `work` on a thread that has become another user: rights are those of a thread.
pub(super) fn on_thread_of<T: Send + 'static>(
    user: u32,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let become_and_work = move || {
        // SAFETY: plain system calls, of this thread alone; libc would change all of them.
        unsafe {
            assert_eq!(
                libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()),
                0
            );
            assert_eq!(libc::syscall(libc::SYS_setresgid, user, user, user), 0);
            assert_eq!(libc::syscall(libc::SYS_setresuid, user, user, user), 0);
        }
        work()
    };
    std::thread::spawn(become_and_work).join().unwrap()
}
