//! System calls that no crate in use wraps, each as a safe function with its own error.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

fn result(code: i64) -> io::Result<i64> {
    if code < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(code)
    }
}

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// Mounts; empty texts stand for nothing.
pub(super) fn mount(
    source: &Path,
    at: &Path,
    kind: &str,
    flags: libc::c_ulong,
    data: &str,
) -> io::Result<()> {
    let (source, at) = (c_path(source)?, c_path(at)?);
    let (kind, data) = (CString::new(kind)?, CString::new(data)?);
    // SAFETY: pointers to strings that live until the call returns.
    let code = unsafe {
        libc::mount(
            source.as_ptr(),
            at.as_ptr(),
            kind.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    };
    result(code.into()).map(drop)
}

/// Mounts what stands at `source` also at `at`, without what is mounted below it.
pub(super) fn bind(source: &Path, at: &Path) -> io::Result<()> {
    mount(source, at, "", libc::MS_BIND, "")
}

/// Mounts what stands at `source` also at `at`, with what is mounted below it.
pub(super) fn bind_all(source: &Path, at: &Path) -> io::Result<()> {
    mount(source, at, "", libc::MS_BIND | libc::MS_REC, "")
}

/// Sets the flags of the mount at `at`.
pub(super) fn remount(at: &Path, flags: libc::c_ulong) -> io::Result<()> {
    let flags = libc::MS_REMOUNT | libc::MS_BIND | flags;
    mount(Path::new(""), at, "", flags, "")
}

const READ_ONLY: u64 = 0x1;

/// Makes every mount from `at` on read-only, and without times of access where that is allowed.
pub(super) fn seal(at: &Path) -> io::Result<()> {
    let (no_atime, atime_mask) = (0x10, 0x70);
    set_mount(at, READ_ONLY | no_atime, atime_mask, libc::AT_RECURSIVE)
        .or_else(|_| set_mount(at, READ_ONLY, 0, libc::AT_RECURSIVE))
}

/// Makes the mount at `at` writable again.
pub(super) fn unseal(at: &Path) -> io::Result<()> {
    let atime_mask = 0x70;
    set_mount(at, 0, READ_ONLY | atime_mask, 0).or_else(|_| set_mount(at, 0, READ_ONLY, 0))
}

fn set_mount(at: &Path, set: u64, clear: u64, flags: i32) -> io::Result<()> {
    let at = c_path(at)?;
    let wanted = [set, clear, 0, 0];
    // SAFETY: `struct mount_attr` is four u64; both live until the call returns.
    let code = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            at.as_ptr(),
            flags,
            wanted.as_ptr(),
            size_of_val(&wanted),
        )
    };
    result(code).map(drop)
}

/// Takes away what is mounted at `at`, and what is mounted below it.
pub(super) fn detach(at: &Path) -> io::Result<()> {
    let at = c_path(at)?;
    // SAFETY: a pointer to a string that lives until the call returns.
    let code = unsafe { libc::umount2(at.as_ptr(), libc::MNT_DETACH) };
    result(code.into()).map(drop)
}

/// Makes `new` the root of this mount namespace; what was is mounted at `old`.
pub(super) fn pivot_root(new: &Path, old: &Path) -> io::Result<()> {
    let (new, old) = (c_path(new)?, c_path(old)?);
    // SAFETY: pointers to strings that live until the call returns.
    let code = unsafe { libc::syscall(libc::SYS_pivot_root, new.as_ptr(), old.as_ptr()) };
    result(code).map(drop)
}

/// Leaves namespaces for new ones.
pub(super) fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: a plain system call; this process has one thread.
    result(unsafe { libc::unshare(flags) }.into()).map(drop)
}

/// Enters the namespaces of the process behind `pidfd`.
pub(super) fn enter(pidfd: BorrowedFd<'_>, flags: i32) -> io::Result<()> {
    // SAFETY: a plain system call; this process has one thread.
    result(unsafe { libc::setns(pidfd.as_raw_fd(), flags) }.into()).map(drop)
}

/// Forks, into new namespaces where `flags` say so. `None` is the child.
///
/// # Safety
/// This process has one thread.
pub(super) unsafe fn fork(flags: i32) -> io::Result<Option<i32>> {
    // SAFETY: without `CLONE_VM` it is a fork; the order of the other arguments, which differs
    // between machines, does not matter where all are zero.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) };
    let pid = result(pid)?;
    Ok((pid > 0).then_some(pid as i32))
}

/// Ends this process without running anything of the library's.
pub(super) fn end(code: i32) -> ! {
    // SAFETY: never returns.
    unsafe { libc::_exit(code) }
}

/// Returns a descriptor of the process `pid`.
pub(super) fn pidfd(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: a plain system call; the descriptor that it returns is ours alone.
    unsafe {
        let fd = result(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
        Ok(OwnedFd::from_raw_fd(fd as RawFd))
    }
}

/// Kills the process `pid`, which is a child of this one, and waits for its end.
pub(super) fn kill_and_wait(pid: i32) {
    // SAFETY: plain system calls.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        while libc::waitpid(pid, ptr::null_mut(), 0) < 0
            && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
        {}
    }
}

/// Sets one of the process's own switches.
pub(super) fn prctl(option: i32, value: u64) -> io::Result<()> {
    // SAFETY: options of this program take one number.
    result(unsafe { libc::prctl(option, value, 0, 0, 0) }.into()).map(drop)
}

/// Keeps, of all capabilities, those in `mask`: permitted and effective, and as the bound of every
/// program that is started from here on. None can be inherited.
pub(super) fn keep_capabilities(mask: u64) -> io::Result<()> {
    const VERSION: u32 = 0x2008_0522;
    // Ambient ones first: they would outlive the others.
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u64)?;
    for capability in 0..64_u64 {
        if mask & (1 << capability) == 0
            && let Err(error) = prctl(libc::PR_CAPBSET_DROP, capability)
        {
            // Beyond the last one that this kernel knows.
            if error.raw_os_error() == Some(libc::EINVAL) {
                break;
            }
            return Err(error);
        }
    }
    let header = [VERSION, 0];
    let (low, high) = (mask as u32, (mask >> 32) as u32);
    let mut data = [0_u32; 6];
    // SAFETY: header and data have the shape of this version; both live until the calls return.
    unsafe {
        result(libc::syscall(
            libc::SYS_capget,
            header.as_ptr(),
            data.as_mut_ptr(),
        ))?;
        let (has_low, has_high) = (data[1], data[4]);
        let data = [
            low & has_low,
            low & has_low,
            0,
            high & has_high,
            high & has_high,
            0,
        ];
        result(libc::syscall(
            libc::SYS_capset,
            header.as_ptr(),
            data.as_ptr(),
        ))?;
    }
    Ok(())
}

/// Returns an extended attribute; `None` where there is none.
pub(super) fn attribute(path: &CStr, name: &CStr) -> Option<Vec<u8>> {
    let mut value = vec![0_u8; 1024];
    loop {
        // SAFETY: strings and buffer live until the call returns.
        let code = unsafe {
            libc::lgetxattr(
                path.as_ptr(),
                name.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        if code >= 0 {
            value.truncate(code as usize);
            return Some(value);
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::ERANGE)
            || value.len() > (64 << 10)
        {
            return None;
        }
        value.resize(value.len() * 64 + 1, 0);
    }
}

/// Returns the names of the extended attributes, each ended by a NUL byte.
pub(super) fn attribute_names(path: &CStr) -> io::Result<Vec<u8>> {
    let mut names = vec![0_u8; 512];
    loop {
        // SAFETY: string and buffer live until the call returns.
        let code =
            unsafe { libc::llistxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
        if code >= 0 {
            names.truncate(code as usize);
            return Ok(names);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) || names.len() > (1 << 20) {
            return Err(error);
        }
        names.resize(names.len() * 16, 0);
    }
}

/// Sets an extended attribute.
pub(super) fn set_attribute(path: &CStr, name: &CStr, value: &[u8]) -> io::Result<()> {
    // SAFETY: strings and buffer live until the call returns.
    let code = unsafe {
        libc::lsetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
    result(code.into()).map(drop)
}

/// Returns the handle that the file system gives the node `name` in `folder`, its type first;
/// `None` where it gives none.
pub(super) fn handle(folder: BorrowedFd<'_>, name: &CStr) -> Option<Vec<u8>> {
    const MOST: usize = 128;
    #[repr(C)]
    struct Handle {
        length: u32,
        kind: i32,
        bytes: [u8; MOST],
    }
    let mut handle = Handle {
        length: MOST as u32,
        kind: 0,
        bytes: [0; MOST],
    };
    let mut mount = 0_i32;
    // SAFETY: `struct file_handle` with as much room as it says; all live until the call returns.
    let code = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            folder.as_raw_fd(),
            name.as_ptr(),
            &raw mut handle,
            &raw mut mount,
            if name.is_empty() {
                libc::AT_EMPTY_PATH
            } else {
                0
            },
        )
    };
    result(code).ok()?;
    let mut bytes = vec![handle.kind as u8];
    bytes.extend_from_slice(handle.bytes.get(..handle.length as usize)?);
    Some(bytes)
}

/// Closes every descriptor from `first` on but those in `keep`, which are in order; of this process
/// alone, where it shared them with another.
pub(super) fn close_others(first: RawFd, keep: &[RawFd]) -> io::Result<()> {
    const UNSHARE: u32 = 1 << 1;
    let mut from = first as u32;
    for it in keep.iter().map(|it| *it as u32).chain([u32::MAX]) {
        if it > from {
            let last = if it == u32::MAX { it } else { it - 1 };
            // SAFETY: a plain system call; the caller uses none of these any more.
            result(unsafe { libc::syscall(libc::SYS_close_range, from, last, UNSHARE) })?;
        }
        if it == u32::MAX {
            break;
        }
        from = from.max(it + 1);
    }
    Ok(())
}
