//! The exit codes: constants, documented in `docs/exit-codes.md`, and tested.

/// What the process tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode(pub u8);

impl ExitCode {
    /// All went well.
    pub const PASSED: Self = Self(0);
    /// A step or check failed; the run stays open.
    pub const FAILED: Self = Self(1);
    /// Usage, the runbook is invalid, or nothing may run.
    pub const USAGE: Self = Self(2);
    /// Stopped by choice, SIGTERM, a manual item, a missing approval: resumable.
    pub const STOPPED: Self = Self(3);
    /// Environment: a target, tool or store is missing.
    pub const ENVIRONMENT: Self = Self(4);
    /// A look ahead found changes; only with `--detailed-exitcode`.
    pub const CHANGES: Self = Self(5);
    /// A step's outcome is unknown.
    pub const UNKNOWN: Self = Self(6);
    /// Verification failed.
    pub const UNVERIFIED: Self = Self(7);
    /// The journal could not be written.
    pub const JOURNAL: Self = Self(9);
    /// Our bug.
    pub const BUG: Self = Self(70);
    /// Interrupted before a run was opened.
    pub const INTERRUPTED: Self = Self(130);
}
