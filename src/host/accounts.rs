//! Whose files are: names of users and groups → numbers, and back.

use std::ffi::{CStr, CString};

use super::machine::find_account;
use crate::model::Owner;

/// What one answer of the system may take; beyond it nobody is asked again.
const LARGEST: usize = 1 << 20;

/// The numbers of a user and a group; `None` for the part of which nothing was said.
pub type Ids = (Option<u32>, Option<u32>);

/// Returns the numbers of `owner`.
///
/// # Errors
/// The user or the group that this machine does not know: "user `app`".
pub fn ids(owner: &Owner) -> Result<Ids, String> {
    let number = |name: &Option<String>, of: fn(&str) -> Option<u32>, what: &str| match name {
        None => Ok(None),
        Some(name) => match name.parse().ok().or_else(|| of(name)) {
            Some(id) => Ok(Some(id)),
            None => Err(format!("{what} `{name}`")),
        },
    };
    Ok((
        number(&owner.user, |it| Some(find_account(it)?.uid), "user")?,
        number(&owner.group, group_id, "group")?,
    ))
}

/// Returns the number of the group `name`.
pub fn group_id(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    asked(|buffer| {
        let mut entry = std::mem::MaybeUninit::<libc::group>::uninit();
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are valid for the lengths given; `found` is checked before use.
        unsafe {
            let code = libc::getgrnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut found,
            );
            (code, (!found.is_null()).then(|| (*found).gr_gid))
        }
    })
}

/// Returns the name of the group `gid`, else its number.
pub fn group_name(gid: u32) -> String {
    let name = asked(|buffer| {
        let mut entry = std::mem::MaybeUninit::<libc::group>::uninit();
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are valid for the lengths given; `found` is checked before use, and its
        // name is copied while the buffer lives.
        unsafe {
            let code = libc::getgrgid_r(
                gid,
                entry.as_mut_ptr(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut found,
            );
            let name = |it: *mut libc::group| CStr::from_ptr((*it).gr_name).to_string_lossy();
            (code, (!found.is_null()).then(|| name(found).into_owned()))
        }
    });
    name.unwrap_or_else(|| gid.to_string())
}

// A group with many members does not fit into what suffices for most.
fn asked<T>(mut ask: impl FnMut(&mut Vec<u8>) -> (i32, Option<T>)) -> Option<T> {
    let mut buffer = vec![0_u8; 16 << 10];
    loop {
        match ask(&mut buffer) {
            (libc::ERANGE, _) if buffer.len() < LARGEST => buffer.resize(buffer.len() * 4, 0),
            (_, found) => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{group_name, ids};
    use crate::model::Owner;

    #[test]
    fn names_become_numbers_and_what_is_unknown_is_named() {
        let check = |text| ids(&Owner::read(text).unwrap());
        assert_eq!(check("root"), Ok((Some(0), None)));
        assert_eq!(check("root:0"), Ok((Some(0), Some(0))));
        assert_eq!(check(":4242"), Ok((None, Some(4242))));
        assert_eq!(
            check("root:nobody-has-this"),
            Err("group `nobody-has-this`".to_owned())
        );
        assert_eq!(group_name(0), "root");
        assert_eq!(group_name(4_242_424), "4242424");
    }
}
