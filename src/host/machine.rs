//! Who and where: the login, the host, random names.

use std::ffi::{CStr, CString};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::event::Operator;

/// Returns the operator of this process; `terminal` says whether someone can be asked.
pub fn operator(terminal: bool) -> Operator {
    let uid = rustix::process::getuid().as_raw();
    let sudo_user = std::env::var("SUDO_USER")
        .ok()
        .filter(|name| !name.is_empty());
    Operator {
        user: user_name(uid),
        uid,
        sudo_user,
        host: host_name(),
        terminal,
    }
}

/// Returns `user` or `user (as root)` for messages and records.
pub fn by(operator: &Operator) -> String {
    match &operator.sudo_user {
        Some(before) if *before != operator.user => format!("{before} (as {})", operator.user),
        _ => operator.user.clone(),
    }
}

/// A user of this system, with all that a process needs to become one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// The home folder.
    pub home: String,
    /// Numeric user id.
    pub uid: u32,
    /// Its first group.
    pub gid: u32,
    /// All its groups.
    pub groups: Vec<u32>,
}

/// Returns the user of this login name, or of this number.
pub fn find_account(user: &str) -> Option<Account> {
    let name = CString::new(user).ok()?;
    // SAFETY: the name is a C string that outlives the call; the rest is `look_up`'s promise.
    let by_name = look_up(|entry, buffer, length, found| unsafe {
        libc::getpwnam_r(name.as_ptr(), entry, buffer, length, found)
    });
    by_name.or_else(|| account(user.parse().ok()?))
}

/// Returns the machine's name.
pub fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Returns the login name of `uid`, else its number.
pub fn user_name(uid: u32) -> String {
    account(uid).map_or_else(|| uid.to_string(), |it| it.name)
}

/// Returns the home folder that the system knows for `uid`.
pub fn home(uid: u32) -> Option<PathBuf> {
    account(uid)
        .map(|it| PathBuf::from(it.home))
        .filter(|it| it.is_dir())
}

fn account(uid: u32) -> Option<Account> {
    // SAFETY: `look_up`'s promise.
    look_up(|entry, buffer, length, found| unsafe {
        libc::getpwuid_r(uid, entry, buffer, length, found)
    })
}

// `ask` is handed pointers that are valid for the length given, and fills what they point to.
fn look_up(
    ask: impl Fn(
        *mut libc::passwd,
        *mut libc::c_char,
        libc::size_t,
        *mut *mut libc::passwd,
    ) -> libc::c_int,
) -> Option<Account> {
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
    let mut found = std::ptr::null_mut();
    let mut buffer = vec![0_u8; 16 * 1024];
    ask(
        entry.as_mut_ptr(),
        buffer.as_mut_ptr().cast(),
        buffer.len(),
        &raw mut found,
    );
    if found.is_null() {
        return None;
    }
    // SAFETY: the entry was found, and its strings stand in `buffer`, which lives on.
    unsafe {
        let text = |it| CStr::from_ptr(it).to_string_lossy().into_owned();
        let (name, gid) = ((*found).pw_name, (*found).pw_gid);
        Some(Account {
            groups: groups(CStr::from_ptr(name), gid),
            name: text(name),
            home: text((*found).pw_dir),
            uid: (*found).pw_uid,
            gid,
        })
    }
}

fn groups(name: &CStr, gid: u32) -> Vec<u32> {
    let mut groups = vec![0; 64];
    loop {
        let mut count = groups.len() as libc::c_int;
        // SAFETY: the name is a C string, `groups` has room for as many as `count` says.
        let fits =
            unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &raw mut count) };
        if fits >= 0 {
            groups.truncate(count.max(0) as usize);
            return groups;
        }
        // More than the kernel lets a process have are no groups at all.
        if groups.len() > 1 << 16 {
            return vec![gid];
        }
        groups.resize(groups.len() * 4, 0);
    }
}

/// Fills `bytes` from the kernel's random source.
pub fn random(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("the kernel has no random numbers: {error}"),
        }
    }
}

/// Returns a new ULID for the time `wall_ms`.
pub fn ulid(wall_ms: i64) -> String {
    let mut entropy = [0_u8; 16];
    random(&mut entropy);
    ulid::Ulid::from_parts(wall_ms as u64, u128::from_be_bytes(entropy)).to_string()
}

/// Returns 26 random characters that name one attempt.
pub fn nonce() -> String {
    let mut entropy = [0_u8; 16];
    random(&mut entropy);
    ulid::Ulid(u128::from_be_bytes(entropy)).to_string()
}
