//! Secrets that stand in the text. What is found is never repeated in full.

use crate::model::{Diagnostic, Span};
use crate::redact::{MASK, rules};

/// Adds a warning for every secret in `source`.
pub(super) fn check(source: &str, found: &mut Vec<Diagnostic>) {
    for suspect in rules::find(source.as_bytes()) {
        let value = source.get(suspect.range.clone()).unwrap_or_default();
        let start = &value[..shown_length(value)];
        let message = format!("{} stands in the text: `{start}{MASK}`", suspect.what);
        let span = Span::new(suspect.range.start, suspect.range.end);
        let diagnostic = Diagnostic::warning("secret", span, message);
        found.push(
            diagnostic
                .way_out("change it, then write a placeholder, or an input with `secret: true`"),
        );
    }
}

/// Returns how many bytes of a secret may be shown, so that a person knows which one it is.
pub(super) fn shown_length(secret: &str) -> usize {
    if secret.len() < 8 {
        return 0;
    }
    secret.chars().take(2).map(char::len_utf8).sum()
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
