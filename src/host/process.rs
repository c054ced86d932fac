//! Processes by `/proc`: who is whose child, who carries which attempt.

use std::collections::BTreeMap;
use std::fs;

use crate::event::Identity;

use super::clock;

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its parent's number.
    pub parent: i32,
    /// Clock ticks since boot.
    pub start_time: u64,
    /// `Z` is a zombie.
    pub state: u8,
    /// The kernel's name for it, at most 15 bytes.
    pub name: String,
}

/// Returns the process `pid`; `None` where there is none.
pub fn look(pid: i32) -> Option<Process> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(&text)
}

// The name stands in parentheses and may hold any byte, so the last `)` ends it.
fn parse(text: &[u8]) -> Option<Process> {
    let open = memchr::memchr(b'(', text)?;
    let close = memchr::memrchr(b')', text)?;
    let pid = std::str::from_utf8(text.get(..open)?)
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.bytes().next()?;
    let parent = fields.next()?.parse().ok()?;
    let start_time = fields.nth(17)?.parse().ok()?;
    let name = String::from_utf8_lossy(text.get(open + 1..close)?).into_owned();
    Some(Process {
        pid,
        parent,
        start_time,
        state,
        name,
    })
}

/// Returns the identity of the process `pid`; `None` where there is none.
pub fn identity(pid: i32) -> Option<Identity> {
    let process = look(pid)?;
    let pid = u32::try_from(pid).ok()?;
    Some(Identity {
        pid,
        start_time: process.start_time,
        boot_id: clock::boot_id(),
    })
}

/// Returns whether that very process lives (a zombie does not).
pub fn is_alive(identity: &Identity) -> bool {
    identity.boot_id == clock::boot_id()
        && look(identity.pid as i32)
            .is_some_and(|it| it.start_time == identity.start_time && it.state != b'Z')
}

/// Returns all processes that `/proc` shows.
pub fn all() -> Vec<Process> {
    let Ok(folder) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    folder
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(look)
        .collect()
}

/// Returns the living descendants of `root` (not itself), parents first.
pub fn descendants(root: i32) -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            open.push(child.pid);
            if child.state != b'Z' {
                found.push(child);
            }
        }
    }
    found
}

/// Returns whether the process was started with `RUNBOOK_ATTEMPT=nonce` in its environment.
pub fn carries(pid: i32, nonce: &str) -> bool {
    let wanted = format!("RUNBOOK_ATTEMPT={nonce}");
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|bytes| {
        bytes
            .split(|byte| *byte == 0)
            .any(|word| word == wanted.as_bytes())
    })
}

/// Returns the attempt that the process was started in; `None` where its environment does not tell,
/// or may not be read.
pub fn attempt_of(pid: i32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environment.split(|byte| *byte == 0).find_map(|word| {
        let nonce = word.strip_prefix(b"RUNBOOK_ATTEMPT=")?;
        Some(String::from_utf8_lossy(nonce).into_owned())
    })
}

/// Returns the living processes that carry the attempt `nonce`, and their descendants.
pub fn of_attempt(nonce: &str) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    for process in all() {
        let known = found.iter().any(|it| it.pid == process.pid);
        if !known && process.state != b'Z' && carries(process.pid, nonce) {
            let below = descendants(process.pid);
            found.push(process);
            for child in below {
                if !found.iter().any(|it| it.pid == child.pid) {
                    found.push(child);
                }
            }
        }
    }
    found
}

/// Ends the process `pid` at once. One that is gone already is no error.
///
/// # Errors
/// Where it is not ours to end.
pub fn kill(pid: i32) -> std::io::Result<()> {
    let Some(pid) = rustix::process::Pid::from_raw(pid) else {
        return Ok(());
    };
    match rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let fields = "S 7 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let it = parse(format!("42 (a) (b c) {fields}").as_bytes()).unwrap();
        assert_eq!(
            (it.pid, it.parent, it.start_time, it.name.as_str()),
            (42, 7, 4711, "a) (b c")
        );
    }

    #[test]
    fn this_process_is_alive_and_another_start_time_is_another_process() {
        let mut me = identity(std::process::id() as i32).unwrap();
        assert!(is_alive(&me));
        me.start_time += 1;
        assert!(!is_alive(&me));
    }
}
