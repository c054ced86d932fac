//! Who and where: the login, the host, random names.

use std::ffi::CStr;
use std::path::PathBuf;

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

/// Returns the machine's name.
pub fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Returns the login name of `uid`, else its number.
pub fn user_name(uid: u32) -> String {
    account(uid).map_or_else(|| uid.to_string(), |it| it.0)
}

/// Returns the home folder that the system knows for `uid`.
pub fn home(uid: u32) -> Option<PathBuf> {
    account(uid)
        .map(|it| PathBuf::from(it.1))
        .filter(|it| it.is_dir())
}

fn account(uid: u32) -> Option<(String, String)> {
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
    let mut found = std::ptr::null_mut();
    let mut buffer = vec![0_u8; 16 * 1024];
    // SAFETY: all pointers are valid for the lengths given; `found` is checked before use.
    unsafe {
        libc::getpwuid_r(
            uid,
            entry.as_mut_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            &raw mut found,
        );
        if found.is_null() {
            return None;
        }
        let text = |it| CStr::from_ptr(it).to_string_lossy().into_owned();
        Some((text((*found).pw_name), text((*found).pw_dir)))
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
