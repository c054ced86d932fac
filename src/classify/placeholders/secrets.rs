//! Secrets whose value stands in a command.

use crate::classify::text::place_of;
use crate::classify::words;

/// Whether the name of a value says that it must not be shown.
pub(in crate::classify) fn is_secret(name: &str) -> bool {
    let folded = words::fold(name);
    words::SECRETS.iter().any(|word| match *word {
        "key" | "pass" | "pwd" | "clave" | "cle" | "chave" => folded
            .split(|c: char| !c.is_alphanumeric())
            .any(|part| part == *word),
        word => folded.contains(word),
    })
}

/// A secret's value written down: `PASSWORD=hunter2`, `"password": "admin"`.
/// Whether a login to a server of this machine is the one that everybody has there.
fn is_own_default(login: &str, password: &str, rest: &str) -> bool {
    let is_here = ["@localhost", "@127.0.0.1"]
        .iter()
        .any(|host| rest.contains(host));
    let user = login.split(':').next().unwrap_or_default();
    is_here && (password == user || matches!(password, "postgres" | "root" | "password" | "guest"))
}

pub(super) fn literal_secret(text: &str) -> Option<String> {
    const KEYS: &[&str] = &[
        "password",
        "passwd",
        "secret",
        "token",
        "api_key",
        "apikey",
        "api-key",
        "secret_key",
        "access_key",
        "secretkey",
        "contrasena",
        "contraseña",
        "senha",
        "passwort",
        "kennwort",
        "motdepasse",
        "mot_de_passe",
        "-pass",
        "_pass",
        "_pwd",
        "requirepass",
        "密码",
        "пароль",
    ];
    // A value stands behind one of these.
    if !text.bytes().any(|it| matches!(it, b'=' | b':')) {
        return None;
    }
    let lower = text.to_lowercase();
    // `postgres://user:pass@host`.
    if let Some((_, rest)) = lower.split_once("://")
        && let Some((login, _)) = rest
            .split(['/', '?'])
            .next()
            .unwrap_or_default()
            .rsplit_once('@')
        && let Some((_, password)) = login.split_once(':')
        && !password.is_empty()
        && !password.starts_with(['$', '<', '{'])
        // `postgres:postgres@localhost` is nobody's secret.
        && !is_own_default(login, password, rest)
    {
        return Some("a secret's value stands in the command".to_owned());
    }
    for key in KEYS {
        let mut from = 0;
        while let Some(found) = place_of(&lower[from..], key) {
            let end = from + found + key.len();
            from = end;
            let rest = lower[end..].trim_start_matches(['"', '\'', '\\']);
            let Some(value) = rest.strip_prefix(['=', ':']) else {
                continue;
            };
            let value = value.trim_start().trim_start_matches(['"', '\'', '\\']);
            let is_literal = value
                .chars()
                .next()
                .is_some_and(|c| c.is_alphanumeric() || matches!(c, '!' | '@' | '#' | '*'))
                && !value.starts_with("file")
                && !value.starts_with("env")
                && !matches!(
                    value.trim_end_matches(['"', '\'']),
                    "true" | "false" | "no" | "yes" | "none"
                );
            if is_literal {
                return Some("a secret's value stands in the command".to_owned());
            }
        }
    }
    None
}

/// `IDENTIFIED BY 'x'`, `PASSWORD 'x'` inside a text.
pub(super) fn takes_sql_secret(text: &str) -> bool {
    if !text.contains(['\'', '"']) {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    [
        "identified by '",
        "password '",
        "identified by \"",
        "identified by \\'",
        "password('",
    ]
    .iter()
    .any(|mark| {
        lower
            .find(mark)
            .is_some_and(|at| !lower[at + mark.len()..].starts_with(['$', '\'', '<']))
    })
}
