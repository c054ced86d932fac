//! Secrets that stand in the text. Patterns are data; a value that only stands for one is none.
//! What is found is never repeated in full.

use std::sync::LazyLock;

use regex::Regex;

use crate::model::{Diagnostic, Span};

/// What a pattern's first group is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// A secret by its shape.
    Shape,
    /// A password, if it looks like one that somebody uses.
    Password,
    /// A key or token, if it looks like one: longer than a password, and never digits alone.
    Token,
}

/// What it is, how it is judged, and the pattern; the first group is the secret.
const PATTERNS: &[(&str, Judged, &str)] = &[
    (
        "a private key",
        Judged::Shape,
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+([A-Za-z0-9+/=\s>]{40,})",
    ),
    (
        "an AWS key",
        Judged::Shape,
        r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b",
    ),
    (
        "a GitHub token",
        Judged::Shape,
        r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})",
    ),
    (
        "a GitLab token",
        Judged::Shape,
        r"\b(glpat-[A-Za-z0-9_-]{20,})",
    ),
    (
        "a Slack token",
        Judged::Shape,
        r"\b(xox[abeoprs]-[0-9A-Za-z-]{10,})",
    ),
    (
        "a Slack webhook",
        Judged::Shape,
        r"hooks\.slack\.com/services/(T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{16,})",
    ),
    (
        "a Stripe key",
        Judged::Shape,
        r"\b([rs]k_live_[0-9A-Za-z]{16,})",
    ),
    ("a Google key", Judged::Shape, r"\b(AIza[0-9A-Za-z_-]{35})"),
    (
        "a SendGrid key",
        Judged::Shape,
        r"\b(SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,})",
    ),
    (
        "a DigitalOcean token",
        Judged::Shape,
        r"\b(do[opr]_v1_[0-9a-f]{64})\b",
    ),
    ("an npm token", Judged::Shape, r"\b(npm_[A-Za-z0-9]{36})\b"),
    (
        "an API key",
        Judged::Shape,
        r"\b(sk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{32,})",
    ),
    (
        "a JSON web token",
        Judged::Shape,
        r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
    ),
    (
        "a token",
        Judged::Token,
        r"(?i-u:authorization:[ \t]*(?:bearer|basic|token)[ \t]+)([A-Za-z0-9+/=._~-]{16,})",
    ),
    (
        "a password",
        Judged::Password,
        r#"://[^\s/:@"'`<>]*:([^\s@/"'`<>]+)@"#,
    ),
    (
        "a password",
        Judged::Password,
        r#"\bcurl\b[^\n|;]*?\s(?:-u|--user)[ =]?["']?[^\s:"']+:([^\s"'`]+)"#,
    ),
    (
        "a password",
        Judged::Password,
        r#"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^\n|;]*?\s-p["']?([^\s"'`]+)"#,
    ),
    (
        "a password",
        Judged::Password,
        r#"\b(?:sshpass|redis-cli)\b[^\n|;]*?\s-[pa]\s*["']?([^\s"'`]+)"#,
    ),
    (
        "a password",
        Judged::Password,
        r#"--(?:[a-z-]*-)?(?:password|passwd|passphrase|pass)[= ]["']?([^\s"'`]+)"#,
    ),
    (
        "a password",
        Judged::Password,
        r#"(?i-u:password|passwd|passphrase|contraseña|contrasena|passwort|kennwort|mot de passe|(?:\b|_)(?:pwd|clave|senha))(?:_?\d)?["'`*]{0,4}[ \t]*[:=][ \t"'`*]{0,8}([^\s"'`,;|&]+)"#,
    ),
    (
        "a token",
        Judged::Token,
        r#"(?i-u:secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key)(?:_?\d)?["'`*]{0,4}[ \t]*[:=][ \t"'`*]{0,8}([^\s"'`,;|&]+)"#,
    ),
];

/// Parts of words that nobody's secret holds, in the languages of manuals: such a value says what
/// is to stand in its place.
const STANDS_FOR_ONE: &[&str] = &[
    "your",
    "tu-",
    "tu_",
    "su-",
    "su_",
    "sua-",
    "seu-",
    "sua_",
    "seu_",
    "mi-",
    "mi_",
    "my-",
    "my_",
    "votre",
    "dein",
    "ihr-",
    "ihr_",
    "change",
    "cambia",
    "cámbia",
    "mude",
    "ändern",
    "placeholder",
    "password",
    "passwort",
    "passwd",
    "contrase",
    "senha",
    "motdepasse",
    "secret",
    "secreto",
    "token",
    "clave",
    "key",
    "llave",
    "chave",
    "schlüssel",
    "schluessel",
    "credential",
    "example",
    "ejemplo",
    "exemplo",
    "exemple",
    "beispiel",
    "here",
    "aqui",
    "aquí",
    "segur",
    "secure",
    "sicher",
    "strong",
    "fuerte",
    "forte",
    "stark",
    "random",
    "aleator",
    "aléato",
    "zufall",
    "generat",
    "generad",
    "xxx",
    "todo",
    "insert",
    "replace",
    "reemplaz",
    "dummy",
    "sample",
    "muestra",
    "string",
    "value",
    "valor",
    "redacted",
    "hidden",
    "null",
    "none",
    "undefined",
    "vault",
    "env.",
    "process.",
    "getenv",
    "foobar",
    "user:",
    "pass:",
    "minim",
    "mínim",
];

/// Adds a warning for every secret in `source`.
pub(super) fn check(source: &str, found: &mut Vec<Diagnostic>) {
    static ALL: LazyLock<Vec<(&str, Judged, Regex)>> = LazyLock::new(|| {
        PATTERNS
            .iter()
            .map(|(what, judged, pattern)| {
                (
                    *what,
                    *judged,
                    Regex::new(pattern).expect("a pattern of ours compiles"),
                )
            })
            .collect()
    });
    let mut seen: Vec<Span> = Vec::new();
    for (what, judged, regex) in ALL.iter() {
        for captures in regex.captures_iter(source) {
            let Some(secret) = captures.get(1) else {
                continue;
            };
            let value = secret
                .as_str()
                .trim_end_matches([')', ']', '}', '.', ':', '\\']);
            let value = value.trim_end_matches(|c: char| c.is_whitespace() || c == '>');
            let is_one = match judged {
                Judged::Shape => !stands_for_one(value),
                Judged::Password => looks_real(value, 4),
                Judged::Token => looks_real(value, 12) && value.chars().any(char::is_alphabetic),
            };
            let span = Span::new(secret.start(), secret.start() + value.len());
            let is_known = seen
                .iter()
                .any(|other| other.start < span.end && span.start < other.end);
            if !is_one || is_known {
                continue;
            }
            seen.push(span);
            let start = &value[..shown_length(value)];
            let message = format!("{what} stands in the text: `{start}***`");
            let diagnostic = Diagnostic::warning("secret", span, message);
            found.push(
                diagnostic.way_out(
                    "change it, then write a placeholder, or an input with `secret: true`",
                ),
            );
        }
    }
}

/// Returns how many bytes of a secret may be shown, so that a person knows which one it is.
pub(super) fn shown_length(secret: &str) -> usize {
    if secret.len() < 8 {
        return 0;
    }
    secret.chars().take(2).map(char::len_utf8).sum()
}

fn stands_for_one(value: &str) -> bool {
    let lower = value.to_lowercase();
    let mut letters: Vec<char> = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    letters.sort_unstable();
    letters.dedup();
    // `xxxxxxxx`, `ghp_xxxxxxxx`, `1234…`, and AWS's own `AKIAIOSFODNN7EXAMPLE`.
    letters.len() < 3
        || lower.contains("xxxx")
        || lower.contains("example")
        || lower.contains("your")
        || lower.contains("...")
        || value.contains('…')
}

/// Whether somebody may use `value`, rather than it saying what to write.
fn looks_real(value: &str, least: usize) -> bool {
    let lower = value.to_lowercase();
    let length = value.chars().count();
    let is_text = (least..=200).contains(&length)
        && !value.contains([
            '$', '<', '>', '{', '}', '(', ')', '[', ']', '…', '*', '\\', '%',
        ])
        && !value.starts_with(['/', '.', '~', '@', '!', '#', '-', ':', '='])
        && !lower.contains("://")
        && !lower.contains("...");
    if !is_text || stands_for_one(value) || STANDS_FOR_ONE.iter().any(|it| lower.contains(it)) {
        return false;
    }
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let letters = value.chars().filter(|c| c.is_alphabetic()).count();
    if letters == 0 {
        return digits == length && least <= 4;
    }
    // `30min`, `v1.2`, `HS256`: a size, a version, an algorithm.
    let unit = lower.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_measure = unit.len() < lower.len()
        && matches!(
            unit,
            "s" | "ms" | "m" | "min" | "mins" | "h" | "d" | "days" | "k" | "kb" | "mb" | "gb"
        );
    let name = lower.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
    let is_name = matches!(
        name,
        "v" | "hs"
            | "rs"
            | "es"
            | "ps"
            | "sha"
            | "md"
            | "aes"
            | "argon"
            | "bcrypt"
            | "scrypt"
            | "ed"
            | "utf"
            | "base"
            | "oauth"
            | "pbkdf"
            | "utf8mb"
            | "rsa"
            | "ecdsa"
    );
    let has_sign = value.contains(['!', '@', '#', '^', '+', '?', '&']);
    !is_measure && !is_name && (digits > 0 || has_sign)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::check;
    use crate::lint::masked;

    fn found(source: &str) -> String {
        let mut found = Vec::new();
        check(source, &mut found);
        let shown = masked(source, &found);
        assert_eq!(shown.len(), source.len());
        for diagnostic in &found {
            let secret = &source[diagnostic.span.start..diagnostic.span.end];
            assert!(
                !diagnostic.message.contains(secret),
                "{}",
                diagnostic.message
            );
            assert!(!shown.contains(secret), "{shown}");
        }
        let all: Vec<_> = found.iter().map(|it| it.message.as_str()).collect();
        all.join("; ")
    }

    #[test]
    fn secrets_are_found_and_not_repeated() {
        let long = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
        for (source, start) in [
            (
                "(password: `admin1234`, rol: ADMIN)",
                "a password stands in the text: `ad***`",
            ),
            (
                "-d '{\"username\":\"admin\",\"password\":\"admin1234\"}'",
                "a password",
            ),
            ("dbPassword: 'Zorro77'", "a password"),
            ("DB_PASSWORD=Tr0ub4dor&3", "a password"),
            ("contraseña: Verano2024!", "a password"),
            (
                "**Password:** `hunter2`",
                "a password stands in the text: `***`",
            ),
            ("psql postgres://app:s3cr3tly@db/app", "a password"),
            ("curl -u admin:qwerty99 https://x", "a password"),
            ("mysql -u root -pToor99 shop", "a password"),
            ("sshpass -p 'Zx9!kk' ssh a@b", "a password"),
            ("tool --password=kk99zz", "a password"),
            ("AWS_ACCESS_KEY_ID=AKIA2E3VJX7QJ4ABCDEF", "an AWS key"),
            (&format!("ghp_{long}"), "a GitHub token"),
            ("xoxb-123456789012-abcdefABCDEF", "a Slack token"),
            ("Authorization: Bearer 0a1b2c3d4e5f6a7b8c9d", "a token"),
            ("API_KEY=9f8e7d6c5b4a39281706", "a token"),
            (
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w",
                "a JSON web token",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq3hZ8Jm0Zk1q2w3e4r5t6y7u8i9o0p\nabcd\n-----END",
                "a private key",
            ),
        ] {
            assert!(
                found(source).starts_with(start),
                "{source}: {}",
                found(source)
            );
        }
    }

    #[test]
    fn what_stands_for_a_secret_is_none() {
        for source in [
            "MYSQL_PASSWORD=tu-password-seguro",
            "DB_PASSWORD=your_password",
            "SECRET_KEY=tu-clave-secreta-muy-larga-y-aleatoria",
            "DB_PASSWORD=contraseña-segura-de-la-base-de-datos",
            "RESEND_API_KEY=re_xxxxxxxxxxxxx",
            "password: changeme",
            "password: <PASSWORD>",
            "PASSWORD=${DB_PASSWORD}",
            "MYSQL_PASSWORD=$env:MYSQL_PASSWORD",
            "'PASSWORD': os.environ.get('DB_PASSWORD'), # tu-contraseña",
            "ACCESS_TOKEN_EXPIRE_MINUTES=30",
            "token: 3600s",
            "ALGORITHM=HS256; JWT_SECRET: HS256",
            "password: string(64), NOT NULL",
            "db_password: { secret: true, from: \"env:DB_PASSWORD\" }",
            "POSTGRES_PASSWORD: xxxxxxxx",
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "https://user:password@example.com",
            "postgres://postgres:postgres@localhost/x",
            "curl -u user:pass https://x",
            "mysql -u root -p shop",
            "ssh-keygen -t ed25519 -C x",
            "Password: (deja vacío)",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
            "la clave: par de valores",
            "Authorization: Bearer $TOKEN",
            "password = \"{{ vault_db }}\"",
            "password: /run/secrets/db1",
        ] {
            assert_eq!(found(source), "", "{source}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at_without_a_panic(text in "(password|ñ|key|: |=|`|\"|admin9|://|@|\\PC|\n){0,30}") {
            found(&text);
        }
    }
}
