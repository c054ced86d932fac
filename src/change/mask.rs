//! Files of which nobody is to see the content, whatever it is: by their names, and by how they
//! begin.

const NAMES: &[&str] = &[
    ".env",
    ".pgpass",
    ".netrc",
    ".my.cnf",
    ".git-credentials",
    ".vault-token",
    ".npmrc",
    ".pypirc",
    ".htpasswd",
    "shadow",
    "shadow-",
    "gshadow",
    "gshadow-",
    "opasswd",
    "credentials.json",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_ecdsa_sk",
    "id_ed25519_sk",
    "master.key",
];
const ENDINGS: &[&str] = &[
    ".key",
    ".p12",
    ".pfx",
    ".jks",
    ".keystore",
    ".kdbx",
    ".ppk",
    ".env",
    "_rsa_key",
    "_dsa_key",
    "_ecdsa_key",
    "_ed25519_key",
    ".key.pem",
    "-key.pem",
    "privkey.pem",
    ".gpg",
    ".age",
];
const FOLDERS: &[&str] = &[
    "/etc/ssl/private/",
    "/.gnupg/",
    "/private-keys-v1.d/",
    "/.aws/",
    "/etc/sudoers.d/secrets/",
    "/etc/letsencrypt/archive/",
    "/etc/letsencrypt/live/",
    "/run/secrets/",
    "/.password-store/",
];
const PATHS: &[&str] = &[
    "/.docker/config.json",
    "/.kube/config",
    "/etc/ppp/chap-secrets",
];

/// Returns why nobody is to see what stands at `path`; `None` where it may be seen.
pub fn hidden_by_path(path: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(path);
    let name = text.rsplit('/').next().unwrap_or_default();
    let is_environment = name.starts_with(".env.") || name.starts_with(".env-");
    let is_named = NAMES.contains(&name) || ENDINGS.iter().any(|it| name.ends_with(it));
    let is_placed = FOLDERS.iter().any(|it| text.contains(it));
    let is_there = PATHS.iter().any(|it| text.ends_with(it));
    (is_environment || is_named || is_placed || is_there)
        .then_some("a file of this name holds secrets")
}

/// Returns why nobody is to see a content that begins as this one does.
pub(super) fn hidden_by_content(content: &[u8]) -> Option<&'static str> {
    let begin = memchr::memmem::find(content, b"-----BEGIN ")?;
    let line = content[begin..].split(|byte| *byte == b'\n').next()?;
    memchr::memmem::find(line, b"PRIVATE KEY").map(|_| "it holds a private key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_secrets_by_its_name_is_hidden() {
        for path in [
            "/etc/shadow",
            "/etc/gshadow-",
            "/srv/app/.env",
            "/srv/app/.env.local",
            "/srv/app/prod.env",
            "/home/a/.ssh/id_ed25519",
            "/etc/ssh/ssh_host_rsa_key",
            "/etc/ssl/private/x.pem",
            "/etc/nginx/tls.key",
            "/root/.aws/credentials",
            "/root/.docker/config.json",
        ] {
            assert!(hidden_by_path(path.as_bytes()).is_some(), "{path}");
        }
        for path in [
            "/etc/passwd",
            "/srv/environment",
            "/home/a/.ssh/id_ed25519.pub",
            "/etc/hosts",
            "/srv/keys.md",
            "/srv/tls.crt",
        ] {
            assert!(hidden_by_path(path.as_bytes()).is_none(), "{path}");
        }
        assert!(hidden_by_content(b"x\n-----BEGIN RSA PRIVATE KEY-----\nabc").is_some());
        assert!(hidden_by_content(b"-----BEGIN CERTIFICATE-----\nabc").is_none());
    }
}
