//! Files whose content is a secret by what they are called.

/// Names of files, whole.
const NAMES: &[&str] = &[
    "shadow",
    "shadow-",
    "gshadow",
    "gshadow-",
    ".netrc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".npmrc",
    ".pypirc",
    "credentials",
    ".git-credentials",
    ".vault-token",
];
/// Ends of names.
const ENDINGS: &[&str] = &[
    ".pem",
    ".key",
    ".p12",
    ".pfx",
    ".jks",
    ".keystore",
    ".kdbx",
    ".env",
];
/// Beginnings of names.
const BEGINNINGS: &[&str] = &[".env", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];

/// Whether what stands in the file at `path` is not to be shown, whatever it is.
pub fn is_private(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    // A public key is none.
    if name.to_ascii_lowercase().ends_with(".pub") {
        return false;
    }
    NAMES.contains(&name)
        || BEGINNINGS.iter().any(|it| name.starts_with(it))
        || ENDINGS
            .iter()
            .any(|it| name.to_ascii_lowercase().ends_with(it))
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn files_of_secrets_are_known_by_their_names() {
        for path in [
            "/etc/shadow",
            "a/.env.local",
            "prod.env",
            "/root/.ssh/id_rsa",
            "tls/SITE.KEY",
        ] {
            assert!(is_private(path), "{path}");
        }
        for path in [
            "/etc/passwd",
            "id_rsa.pub",
            "environment",
            "keys.conf",
            "/etc/nginx.conf",
        ] {
            assert!(!is_private(path), "{path}");
        }
    }
}
