//! The filter of system calls that every step runs under: a fixed table of our own.
//!
//! It makes nothing safe that the namespaces and the missing capabilities do not: it takes away what
//! reaches around them (`io_uring`, namespaces within, sockets of other families), and it notifies
//! the supervisor of what a person should hear of. Calls that are *refused* are answered with an
//! error whatever the supervisor sees; calls that are *told* of go on, and fail or lead nowhere by
//! themselves.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// What becomes of a call that the table names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It fails with this error, and nobody is told.
    Quietly(i32),
    /// The supervisor is told, and it fails with this error.
    Refuse(i32, &'static str),
    /// The supervisor is told, and it goes on.
    Tell,
}

const EPERM: i32 = libc::EPERM;

/// Calls that meet the same whatever their arguments.
pub(super) const RULES: &[(i64, Rule)] = &[
    // Not even there: libraries fall back to what can be looked at.
    (libc::SYS_io_uring_setup, Rule::Quietly(libc::ENOSYS)),
    (libc::SYS_io_uring_enter, Rule::Quietly(libc::ENOSYS)),
    (libc::SYS_io_uring_register, Rule::Quietly(libc::ENOSYS)),
    (libc::SYS_clone3, Rule::Quietly(libc::ENOSYS)),
    // Keys belong to the user, not to a namespace.
    (libc::SYS_keyctl, Rule::Quietly(libc::ENOSYS)),
    (libc::SYS_add_key, Rule::Quietly(libc::ENOSYS)),
    (libc::SYS_request_key, Rule::Quietly(libc::ENOSYS)),
    (libc::SYS_userfaultfd, Rule::Quietly(EPERM)),
    (libc::SYS_perf_event_open, Rule::Quietly(EPERM)),
    (libc::SYS_fanotify_init, Rule::Quietly(EPERM)),
    (libc::SYS_open_by_handle_at, Rule::Quietly(EPERM)),
    (libc::SYS_mount, Rule::Refuse(EPERM, "mount")),
    (libc::SYS_umount2, Rule::Refuse(EPERM, "umount")),
    (libc::SYS_move_mount, Rule::Refuse(EPERM, "mount")),
    (libc::SYS_open_tree, Rule::Refuse(EPERM, "mount")),
    (libc::SYS_fsopen, Rule::Refuse(EPERM, "mount")),
    (libc::SYS_fsmount, Rule::Refuse(EPERM, "mount")),
    (libc::SYS_fspick, Rule::Refuse(EPERM, "mount")),
    (libc::SYS_mount_setattr, Rule::Refuse(EPERM, "mount")),
    (libc::SYS_pivot_root, Rule::Refuse(EPERM, "pivot_root")),
    (libc::SYS_setns, Rule::Refuse(EPERM, "setns")),
    (libc::SYS_reboot, Rule::Refuse(EPERM, "reboot")),
    (libc::SYS_kexec_load, Rule::Refuse(EPERM, "kexec")),
    (
        libc::SYS_init_module,
        Rule::Refuse(EPERM, "load a kernel module"),
    ),
    (
        libc::SYS_finit_module,
        Rule::Refuse(EPERM, "load a kernel module"),
    ),
    (
        libc::SYS_delete_module,
        Rule::Refuse(EPERM, "unload a kernel module"),
    ),
    (libc::SYS_swapon, Rule::Refuse(EPERM, "swapon")),
    (libc::SYS_swapoff, Rule::Refuse(EPERM, "swapoff")),
    (libc::SYS_acct, Rule::Refuse(EPERM, "acct")),
    (libc::SYS_quotactl, Rule::Refuse(EPERM, "quotactl")),
    (libc::SYS_settimeofday, Rule::Refuse(EPERM, "set the clock")),
    (
        libc::SYS_clock_settime,
        Rule::Refuse(EPERM, "set the clock"),
    ),
    (
        libc::SYS_sethostname,
        Rule::Refuse(EPERM, "set the name of the host"),
    ),
    (
        libc::SYS_setdomainname,
        Rule::Refuse(EPERM, "set the domain of the host"),
    ),
    (libc::SYS_bpf, Rule::Refuse(EPERM, "bpf")),
    (libc::SYS_connect, Rule::Tell),
    (libc::SYS_sendmsg, Rule::Tell),
    (libc::SYS_sendmmsg, Rule::Tell),
    (libc::SYS_kill, Rule::Tell),
    (libc::SYS_tgkill, Rule::Tell),
];

/// Calls that are told of where the steps are a user's: programs that would gain rights.
const OF_USERS: [i64; 2] = [libc::SYS_execve, libc::SYS_execveat];

const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u32
    | 0x80;

/// Families of sockets that do not leave the view.
const FAMILIES: [i32; 5] = [
    libc::AF_UNSPEC,
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

const ALLOWED: u32 = 0x7fff_0000;
const TOLD: u32 = 0x7fc0_0000;
const FAILS: u32 = 0x0005_0000;

#[cfg(target_arch = "x86_64")]
const MACHINE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const MACHINE: u32 = 0xc000_00b7;

// Offsets in `struct seccomp_data`; the low halves of arguments.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

type Instruction = libc::sock_filter;

const fn load(offset: u32) -> Instruction {
    instruction(0x20, 0, 0, offset)
}

const fn and(mask: u32) -> Instruction {
    instruction(0x54, 0, 0, mask)
}

// Goes on with the next instruction where it is equal, else skips `other`.
const fn unless_equal(value: u32, other: u8) -> Instruction {
    instruction(0x15, 0, other, value)
}

const fn end(action: u32) -> Instruction {
    instruction(0x06, 0, 0, action)
}

const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

/// Returns the program.
pub(super) fn program(is_root: bool) -> Vec<Instruction> {
    let mut all = vec![
        load(ARCHITECTURE),
        // Another machine's calls have other numbers, which this table does not know.
        instruction(0x15, 1, 0, MACHINE),
        end(FAILS | libc::ENOSYS as u32),
        load(NUMBER),
    ];
    if cfg!(target_arch = "x86_64") {
        // The x32 calls have numbers from here on.
        all.push(instruction(0x35, 0, 1, 0x4000_0000));
        all.push(end(FAILS | libc::ENOSYS as u32));
    }
    for (number, rule) in RULES {
        let action = match rule {
            Rule::Quietly(error) => FAILS | *error as u32,
            Rule::Refuse(..) | Rule::Tell => TOLD,
        };
        all.extend([unless_equal(*number as u32, 1), end(action)]);
    }
    if !is_root {
        for number in OF_USERS {
            all.extend([unless_equal(number as u32, 1), end(TOLD)]);
        }
    }
    for number in [libc::SYS_clone, libc::SYS_unshare] {
        // Of `clone` the lowest byte is a signal.
        let mask = if number == libc::SYS_clone {
            NAMESPACES & !0xff
        } else {
            NAMESPACES
        };
        all.extend([
            unless_equal(number as u32, 5),
            load(argument(0)),
            and(mask),
            instruction(0x15, 1, 0, 0),
            end(TOLD),
            end(ALLOWED),
        ]);
    }
    all.extend([unless_equal(
        libc::SYS_socket as u32,
        3 + FAMILIES.len() as u8,
    )]);
    all.push(load(argument(0)));
    for (at, family) in FAMILIES.iter().enumerate() {
        all.push(instruction(
            0x15,
            (FAMILIES.len() - at) as u8,
            0,
            *family as u32,
        ));
    }
    all.extend([end(TOLD), end(ALLOWED)]);
    // Only with an address: on a connection it is a plain write.
    all.extend([
        unless_equal(libc::SYS_sendto as u32, 6),
        load(argument(4)),
        instruction(0x15, 0, 2, 0),
        load(argument(4) + 4),
        instruction(0x15, 1, 0, 0),
        end(TOLD),
        end(ALLOWED),
    ]);
    // Whoever may type into a terminal may run commands there.
    all.extend([
        unless_equal(libc::SYS_ioctl as u32, 5),
        load(argument(1)),
        instruction(0x15, 1, 0, libc::TIOCSTI as u32),
        instruction(0x15, 0, 1, libc::TIOCLINUX as u32),
        end(FAILS | EPERM as u32),
        end(ALLOWED),
    ]);
    let mut devices = vec![(libc::SYS_mknodat, 2)];
    #[cfg(target_arch = "x86_64")]
    devices.push((libc::SYS_mknod, 1));
    for (number, mode) in devices {
        all.extend([
            unless_equal(number as u32, 6),
            load(argument(mode)),
            and(libc::S_IFMT),
            instruction(0x15, 1, 0, libc::S_IFCHR),
            instruction(0x15, 0, 1, libc::S_IFBLK),
            end(TOLD),
            end(ALLOWED),
        ]);
    }
    #[cfg(target_arch = "x86_64")]
    for number in [libc::SYS_iopl, libc::SYS_ioperm] {
        all.extend([unless_equal(number as u32, 1), end(FAILS | EPERM as u32)]);
    }
    all.push(end(ALLOWED));
    all
}

/// Puts this process, and all that it becomes, under the filter; returns where it is told of.
///
/// # Errors
/// Where the kernel has no such filters.
pub(super) fn install(is_root: bool) -> io::Result<OwnedFd> {
    const SET_MODE_FILTER: u64 = 1;
    const NEW_LISTENER: u64 = 1 << 3;
    const WAIT_KILLABLE: u64 = 1 << 5;
    let mut program = program(is_root);
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // An older kernel does not know the second flag: there a signal makes a call start again.
    for flags in [NEW_LISTENER | WAIT_KILLABLE, NEW_LISTENER] {
        // SAFETY: the program lives until the call returns; the descriptor is ours alone.
        unsafe {
            let fd = libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, flags, &raw const filter);
            if fd >= 0 {
                return Ok(OwnedFd::from_raw_fd(fd as i32));
            }
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL) {
            break;
        }
    }
    Err(io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    // What the kernel would do: runs the program on one call.
    fn run(program: &[Instruction], machine: u32, number: i64, arguments: [u64; 6]) -> u32 {
        let word = |offset: u32| -> u32 {
            match offset {
                NUMBER => number as u32,
                ARCHITECTURE => machine,
                offset => {
                    let value = arguments[(offset as usize - 16) / 8];
                    if offset % 8 == 0 {
                        value as u32
                    } else {
                        (value >> 32) as u32
                    }
                }
            }
        };
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let it = &program[at];
            let mut jump = |holds: bool| at += usize::from(if holds { it.jt } else { it.jf });
            match it.code {
                0x20 => accumulator = word(it.k),
                0x54 => accumulator &= it.k,
                0x15 => jump(accumulator == it.k),
                0x35 => jump(accumulator >= it.k),
                0x06 => return it.k,
                other => panic!("{other:#x}"),
            }
            at += 1;
        }
    }

    fn check(is_root: bool, number: i64, arguments: &[u64], wanted: u32) {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let found = run(&program(is_root), MACHINE, number, all);
        assert_eq!(found, wanted, "call {number} {arguments:?}");
    }

    #[test]
    fn every_call_meets_its_rule() {
        let eperm = FAILS | EPERM as u32;
        let missing = FAILS | libc::ENOSYS as u32;
        check(true, libc::SYS_read, &[], ALLOWED);
        check(true, libc::SYS_io_uring_setup, &[], missing);
        check(true, libc::SYS_mount, &[], TOLD);
        check(true, libc::SYS_clone, &[libc::SIGCHLD as u64], ALLOWED);
        check(true, libc::SYS_clone, &[libc::CLONE_NEWUSER as u64], TOLD);
        check(true, libc::SYS_unshare, &[libc::CLONE_FS as u64], ALLOWED);
        check(true, libc::SYS_unshare, &[libc::CLONE_NEWNET as u64], TOLD);
        check(true, libc::SYS_socket, &[libc::AF_UNIX as u64], ALLOWED);
        check(true, libc::SYS_socket, &[libc::AF_NETLINK as u64], ALLOWED);
        check(true, libc::SYS_socket, &[libc::AF_VSOCK as u64], TOLD);
        check(true, libc::SYS_socket, &[libc::AF_ALG as u64], TOLD);
        check(true, libc::SYS_sendto, &[3, 0, 0, 0, 0], ALLOWED);
        check(true, libc::SYS_sendto, &[3, 0, 0, 0, 8], TOLD);
        check(true, libc::SYS_sendto, &[3, 0, 0, 0, 1 << 40], TOLD);
        check(true, libc::SYS_ioctl, &[0, libc::TIOCSTI], eperm);
        check(true, libc::SYS_ioctl, &[0, libc::TIOCLINUX], eperm);
        check(true, libc::SYS_ioctl, &[0, libc::TIOCGWINSZ], ALLOWED);
        check(
            true,
            libc::SYS_mknodat,
            &[0, 0, u64::from(libc::S_IFIFO)],
            ALLOWED,
        );
        check(
            true,
            libc::SYS_mknodat,
            &[0, 0, u64::from(libc::S_IFBLK)],
            TOLD,
        );
        check(
            true,
            libc::SYS_mknodat,
            &[0, 0, u64::from(libc::S_IFCHR)],
            TOLD,
        );
        check(true, libc::SYS_execve, &[], ALLOWED);
        check(false, libc::SYS_execve, &[], TOLD);
        check(false, libc::SYS_getpid, &[], ALLOWED);
    }

    #[test]
    fn calls_of_another_machine_are_not_there() {
        let i386 = 0x4000_0003;
        for number in 0..500 {
            let found = run(&program(true), i386, number, [0; 6]);
            assert_eq!(found, FAILS | libc::ENOSYS as u32);
        }
    }

    #[test]
    fn nothing_is_killed_and_every_program_fits() {
        let all = program(false);
        assert!(all.len() < 4096);
        let kills = |it: &Instruction| it.code == 0x06 && it.k & 0x8000_0000 != 0;
        assert!(!all.iter().any(kills));
        let returns = all.last().unwrap();
        assert_eq!((returns.code, returns.k), (0x06, ALLOWED));
    }
}
