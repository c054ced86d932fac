//! The time, by the wall and since boot.

use std::sync::OnceLock;
use std::time::Duration;

/// Tells the time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    fixed: Option<i64>,
}

impl Clock {
    /// Returns the machine's clock; in a `testing` build one that stands still at
    /// `$RUNBOOK_TEST_CLOCK` (seconds since 1970) where that is set.
    pub fn from_environment() -> Self {
        #[cfg(feature = "testing")]
        if let Some(text) = std::env::var_os("RUNBOOK_TEST_CLOCK") {
            return Self {
                fixed: text.to_str().and_then(|text| text.parse().ok()),
            };
        }
        Self { fixed: None }
    }

    /// Returns UTC in milliseconds since 1970.
    pub fn wall_ms(self) -> i64 {
        if let Some(seconds) = self.fixed {
            return seconds * 1000;
        }
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }

    /// Returns UTC as RFC 3339 with milliseconds: `2026-11-22T04:05:06.789Z`.
    pub fn wall(self) -> String {
        let now = jiff::Timestamp::from_millisecond(self.wall_ms()).unwrap_or_default();
        format!("{now:.3}")
    }

    /// Returns the time since boot, suspended time included (`CLOCK_BOOTTIME`).
    pub fn since_boot(self) -> Duration {
        if self.fixed.is_some() {
            return Duration::ZERO;
        }
        since_boot()
    }
}

/// Returns the time since boot whatever the clock says: for timeouts, which must end.
pub fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Returns the kernel's boot id; empty where `/proc` does not tell it.
pub fn boot_id() -> String {
    static BOOT_ID: OnceLock<String> = OnceLock::new();
    BOOT_ID
        .get_or_init(|| {
            std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .map(|text| text.trim().to_owned())
                .unwrap_or_default()
        })
        .clone()
}
