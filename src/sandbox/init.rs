//! The first process of the view: mounts what only the view's own namespaces may mount, brings up a
//! network that leads nowhere, gives away every right, and reaps. When it ends the kernel ends
//! everything in the view with it; it ends when its supervisor does.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use super::{Refused, sys, wire};

/// The namespaces of the view.
pub(super) const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// Runs in the new process; never returns. It waits on `line` for a byte, by when its user namespace
/// has its map, and answers with its namespaces or a reason.
pub(super) fn run(line: OwnedFd) -> ! {
    // A signal when the supervisor ends, however it does. It may have ended already: then the line
    // is closed, and there is no byte.
    let _ = sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64);
    let _ = sys::prctl(libc::PR_SET_NAME, c"view".as_ptr() as u64);
    let mut byte = [0];
    if rustix::io::read(&line, &mut byte) != Ok(1) {
        sys::end(1);
    }
    match prepare() {
        Ok(open) => {
            if wire::send_with(line.as_fd(), b"r", &open).is_err() {
                sys::end(1);
            }
        }
        Err(refused) => {
            let text = serde_json::to_vec(&refused).unwrap_or_default();
            let _ = rustix::io::write(&line, &text);
            sys::end(1);
        }
    }
    reap(line.as_raw_fd())
}

fn prepare() -> Result<Vec<OwnedFd>, Refused> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |it: io::Error| Refused {
            what,
            because: it.to_string(),
            way_out: None,
        }
    };
    let restricted = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let proc = Path::new("/proc");
    fresh("proc", proc, restricted).map_err(|it| Refused {
        what: "the view can have no `/proc` of its own".to_owned(),
        because: format!("parts of the machine's are hidden, as in a container: {it}"),
        way_out: Some("run the preview on the machine itself".to_owned()),
    })?;
    // No namespaces within: those would give every right over themselves. Said here and by the
    // filter of system calls.
    for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"] {
        let file = format!("/proc/sys/user/max_{kind}_namespaces");
        if fs::exists(&file).unwrap_or_default() {
            fs::write(&file, "0").map_err(failed("namespaces within the view cannot be barred"))?;
        }
    }
    // All of it: root owns `/proc/sys` and `/proc/sysrq-trigger`, and is root here too.
    sys::remount(proc, restricted | libc::MS_RDONLY)
        .map_err(failed("`/proc` cannot be made read-only"))?;
    let sys_folder = Path::new("/sys");
    let flags = restricted | libc::MS_RDONLY;
    fresh("sysfs", sys_folder, flags)
        .or_else(|_| {
            sys::mount(
                Path::new("none"),
                sys_folder,
                "tmpfs",
                flags,
                "size=4k,mode=555",
            )
        })
        .map_err(failed("the view can have no `/sys` of its own"))?;
    sys::mount(
        Path::new("devpts"),
        Path::new("/dev/pts"),
        "devpts",
        libc::MS_NOSUID | libc::MS_NOEXEC,
        "newinstance,ptmxmode=0666,mode=620",
    )
    .map_err(failed("the view can have no terminals of its own"))?;
    lead_nowhere().map_err(failed("the view's network cannot be set up"))?;
    // By these the supervisor and the steps find their way in: nobody can open them once this
    // process is closed, which it must be, for its program is the host's.
    let open = |path: &str| {
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
        Ok(rustix::fs::open(path, flags, rustix::fs::Mode::empty())?)
    };
    let names = wire::NAMESPACES.map(|it| format!("/proc/self/ns/{it}"));
    let mut all = Vec::new();
    for path in names.iter().map(String::as_str).chain(["/proc"]) {
        all.push(open(path).map_err(failed("the view's namespaces cannot be opened"))?);
    }
    sys::prctl(libc::PR_SET_DUMPABLE, 0).map_err(failed("the view's init cannot be closed"))?;
    sys::keep_capabilities(0).map_err(failed("the view's init cannot give its rights away"))?;
    Ok(all)
}

// The kernel allows a new one that shows no more than the old one did, by its times of access too.
fn fresh(kind: &str, at: &Path, flags: libc::c_ulong) -> io::Result<()> {
    let mount = |atime| sys::mount(Path::new(kind), at, kind, flags | atime, "");
    mount(0)
        .or_else(|_| mount(libc::MS_NOATIME))
        .or_else(|_| mount(libc::MS_STRICTATIME))
}

fn socket(family: i32, kind: i32) -> io::Result<OwnedFd> {
    // SAFETY: a plain system call; the descriptor is ours alone.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

// Every address is this host's: whatever a step connects to arrives at the recorder.
fn lead_nowhere() -> io::Result<()> {
    let inet = socket(libc::AF_INET, libc::SOCK_DGRAM)?;
    // SAFETY: a zeroed `ifreq` is one; the pointer lives until the call returns.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        if libc::ioctl(inet.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: a plain system call; the descriptor is ours alone.
    let netlink = unsafe {
        let fd = libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC,
            libc::NETLINK_ROUTE,
        );
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(fd)
    };
    route(netlink.as_fd(), libc::AF_INET as u8)?;
    // A kernel without IPv6 has no way out by it either.
    let _ = route(netlink.as_fd(), libc::AF_INET6 as u8);
    Ok(())
}

// `ip route add local default dev lo table local`, as a message of rtnetlink.
fn route(netlink: BorrowedFd<'_>, family: u8) -> io::Result<()> {
    const LOOPBACK: u32 = 1;
    let (table, protocol, scope, kind) = (255, 4, 254, 2);
    let mut message = Vec::with_capacity(64);
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE) as u16;
    message.extend_from_slice(&36_u32.to_ne_bytes());
    message.extend_from_slice(&libc::RTM_NEWROUTE.to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&1_u32.to_ne_bytes());
    message.extend_from_slice(&0_u32.to_ne_bytes());
    message.extend_from_slice(&[family, 0, 0, 0, table, protocol, scope, kind]);
    message.extend_from_slice(&0_u32.to_ne_bytes());
    message.extend_from_slice(&8_u16.to_ne_bytes());
    message.extend_from_slice(&libc::RTA_OIF.to_ne_bytes());
    message.extend_from_slice(&LOOPBACK.to_ne_bytes());
    let flags = rustix::net::SendFlags::empty();
    rustix::net::send(netlink, &message, flags)?;
    let mut answer = [0; 256];
    let (_, count) = rustix::net::recv(netlink, &mut answer[..], rustix::net::RecvFlags::empty())?;
    let code = answer.get(16..20).filter(|_| count >= 20);
    let code = code
        .and_then(|it| it.try_into().ok())
        .map_or(-libc::EIO, i32::from_ne_bytes);
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(-code))
    }
}

// Waits for orphans, and for the end of the supervisor.
fn reap(line: RawFd) -> ! {
    let _ = sys::close_others(0, &[line]);
    // SAFETY: plain system calls on memory of this function.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        let signals = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC);
        loop {
            while libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) > 0 {}
            let watch = |fd| libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            };
            let mut watched = [watch(line), watch(signals)];
            libc::poll(watched.as_mut_ptr(), 2, -1);
            if watched[0].revents != 0 {
                sys::end(0);
            }
            let mut space = [0_u8; 512];
            if watched[1].revents != 0 {
                libc::read(signals, space.as_mut_ptr().cast(), space.len());
            }
        }
    }
}
