//! Faults and barriers that the project's own tests ask for. Does nothing without the feature
//! `testing`.
//!
//! `RUNBOOK_FAULT=engine:7:kill` ends the engine with SIGKILL at its seventh durable operation;
//! `torn` writes half of the bytes first, `eio` and `enospc` let it fail, `both` kills the keeper
//! and the engine at once. `RUNBOOK_PAUSE=NAME:FIFO` waits at the point NAME until FIFO is read.

#[cfg(feature = "testing")]
mod active {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

    /// What a durable operation is to suffer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Fault {
        /// Nothing.
        None,
        /// SIGKILL before it.
        Kill,
        /// Half of it, then SIGKILL.
        Torn,
        /// It fails with EIO.
        Eio,
        /// It fails with ENOSPC.
        Enospc,
        /// SIGKILL to the other process (engine or keeper) and to this one.
        Both,
    }

    static ROLE: OnceLock<&'static str> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static PEER: AtomicI32 = AtomicI32::new(0);

    /// Says which process this is: `engine`, `keeper` or `file`.
    pub fn role(role: &'static str) {
        let _ = ROLE.set(role);
    }

    /// Says which process `both` kills besides this one.
    pub fn peer(pid: i32) {
        PEER.store(pid, Ordering::Relaxed);
    }

    /// Counts one durable operation and returns what it is to suffer.
    pub fn next() -> Fault {
        let Ok(text) = std::env::var("RUNBOOK_FAULT") else {
            return Fault::None;
        };
        let mut parts = text.split(':');
        let (role, at, what) = (parts.next(), parts.next(), parts.next());
        if role != ROLE.get().copied() {
            return Fault::None;
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
        if at.and_then(|at| at.parse::<u64>().ok()) != Some(count) {
            return Fault::None;
        }
        match what {
            Some("kill") => Fault::Kill,
            Some("torn") => Fault::Torn,
            Some("eio") => Fault::Eio,
            Some("enospc") => Fault::Enospc,
            Some("both") => Fault::Both,
            _ => Fault::None,
        }
    }

    /// Ends this process as a power cut would.
    pub fn die() -> ! {
        let me = rustix::process::getpid();
        let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }

    /// Ends the other process and this one.
    pub fn die_both() -> ! {
        if let Some(peer) = rustix::process::Pid::from_raw(PEER.load(Ordering::Relaxed)) {
            let _ = rustix::process::kill_process(peer, rustix::process::Signal::KILL);
        }
        die()
    }

    /// A place between durable operations: counts as one, so that a test can kill there.
    pub fn point(name: &str) {
        match next() {
            Fault::Kill | Fault::Torn => die(),
            Fault::Both => die_both(),
            _ => {}
        }
        if let Ok(text) = std::env::var("RUNBOOK_PAUSE")
            && let Some((at, fifo)) = text.split_once(':')
            && at == name
        {
            let _ = std::fs::write(fifo, name);
            let _ = std::fs::read(fifo);
        }
    }
}

#[cfg(feature = "testing")]
pub use active::{Fault, die, die_both, next, peer, point, role};

/// Says which process this is: `engine`, `keeper` or `file`.
#[cfg(not(feature = "testing"))]
pub fn role(_role: &'static str) {}

/// Says which process `both` kills besides this one.
#[cfg(not(feature = "testing"))]
pub fn peer(_pid: i32) {}

/// A place between durable operations.
#[cfg(not(feature = "testing"))]
pub fn point(_name: &str) {}
