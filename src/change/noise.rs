//! What changes beside the point: caches, locks, logs and records of package managers. Data, and a
//! small matcher. Folded where it is shown, always counted.

use serde::{Deserialize, Serialize};

/// Why a change is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// Can be made again at any time.
    Cache,
    /// Says who is at work.
    Lock,
    /// What a package manager or a service says of itself.
    Log,
    /// What a package manager knows of its packages.
    Records,
    /// Only the times of a folder changed.
    Times,
}

impl Noise {
    /// Returns the word for several of it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cache => "caches",
            Self::Lock => "lock files",
            Self::Log => "logs",
            Self::Records => "records of package managers",
            Self::Times => "times of folders",
        }
    }
}

// `/x/` at the beginning is a folder from the root; `/x` is a path, or with `*` at its end the
// beginning of one; `x/` without a slash before it is a folder anywhere; `*x` is an ending.
const TABLE: &[(Noise, &str)] = &[
    (Noise::Lock, "/var/lib/dpkg/lock*"),
    (Noise::Lock, "/var/lib/apt/lists/lock"),
    (Noise::Lock, "/var/cache/apt/archives/lock"),
    (Noise::Lock, "/var/lib/rpm/.rpm.lock"),
    (Noise::Lock, "/var/lib/pacman/db.lck"),
    (Noise::Lock, "/var/lib/dpkg/triggers/Lock"),
    (Noise::Lock, "/lib/apk/db/lock"),
    (Noise::Lock, "/etc/.pwd.lock"),
    (Noise::Lock, "/run/lock/"),
    (Noise::Lock, "/run/xtables.lock"),
    (Noise::Cache, "/var/cache/"),
    (Noise::Cache, "/var/lib/apt/lists/"),
    (Noise::Cache, "/var/lib/pacman/sync/"),
    (Noise::Cache, "/etc/ld.so.cache"),
    (Noise::Cache, ".cache/"),
    (Noise::Cache, "__pycache__/"),
    (Noise::Cache, ".pytest_cache/"),
    (Noise::Cache, ".mypy_cache/"),
    (Noise::Cache, "_cacache/"),
    (Noise::Cache, "*.pyc"),
    (Noise::Log, "/var/log/apt/"),
    (Noise::Log, "/var/log/dpkg.log"),
    (Noise::Log, "/var/log/alternatives.log"),
    (Noise::Log, "/var/log/dnf*"),
    (Noise::Log, "/var/log/yum.log"),
    (Noise::Log, "/var/log/pacman.log"),
    (Noise::Log, "/var/log/apk.log"),
    (Noise::Log, "/var/log/lastlog"),
    (Noise::Log, "/var/log/faillog"),
    (Noise::Log, "/var/log/wtmp"),
    (Noise::Log, "/var/log/btmp"),
    (Noise::Log, "/var/log/journal/"),
    (Noise::Log, "_logs/"),
    (Noise::Records, "/var/lib/dpkg/"),
    (Noise::Records, "/var/lib/rpm/"),
    (Noise::Records, "/var/lib/dnf/"),
    (Noise::Records, "/var/lib/pacman/local/"),
    (Noise::Records, "/var/lib/apt/"),
    (Noise::Records, "/lib/apk/db/"),
];

impl Noise {
    /// Returns what sort of noise a change at `path` is; `None` where it is to the point.
    pub fn at(path: &[u8]) -> Option<Self> {
        let matches = |pattern: &str| {
            let bytes = pattern.as_bytes();
            if let Some(ending) = bytes.strip_prefix(b"*") {
                path.ends_with(ending)
            } else if let Some(beginning) = bytes.strip_suffix(b"*") {
                path.starts_with(beginning)
            } else if bytes.starts_with(b"/") && bytes.ends_with(b"/") {
                path.starts_with(bytes)
            } else if bytes.starts_with(b"/") {
                path == bytes
            } else {
                let folder = [b"/", bytes].concat();
                memchr::memmem::find(path, &folder).is_some()
            }
        };
        TABLE
            .iter()
            .find(|(_, pattern)| matches(pattern))
            .map(|it| it.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_told_from_what_matters() {
        let check = |path: &str, wanted| assert_eq!(Noise::at(path.as_bytes()), wanted, "{path}");
        check("/var/lib/dpkg/lock-frontend", Some(Noise::Lock));
        check("/var/lib/dpkg/status", Some(Noise::Records));
        check("/var/log/apt/history.log", Some(Noise::Log));
        check("/root/.npm/_cacache/x", Some(Noise::Cache));
        check("/srv/app/__pycache__/a.pyc", Some(Noise::Cache));
        check("/home/ana/.cache/x", Some(Noise::Cache));
        check("/srv/app/Cargo.lock", None);
        check("/srv/package-lock.json", None);
        check("/var/log/nginx/access.log", None);
        check("/etc/nginx/nginx.conf", None);
        check("/var/cachet/x", None);
    }
}
