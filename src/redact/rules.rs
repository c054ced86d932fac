//! What looks like a password, a key or a token: rules as data, for texts and for what programs print.
//! A value that only stands for one is none.

use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

// What a pattern's first group is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judged {
    // A secret by its shape.
    Shape,
    /// A password, if it looks like one that somebody uses.
    Password,
    /// A key or token, if it looks like one: longer than a password, and never digits alone.
    Token,
}

struct Rule {
    what: &'static str,
    judged: Judged,
    // Of which one stands in whatever the pattern finds in the output of programs, which do not mix
    // cases as people do.
    words: &'static [&'static str],
    // Its first group is the secret.
    pattern: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        what: "a private key",
        judged: Judged::Shape,
        words: &["-----BEGIN "],
        pattern: r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\s|\\[nr])+([A-Za-z0-9+/=\s>\\]{40,})",
    },
    Rule {
        what: "an AWS key",
        judged: Judged::Shape,
        words: &["AKIA", "ASIA"],
        pattern: r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b",
    },
    Rule {
        what: "a GitHub token",
        judged: Judged::Shape,
        words: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        pattern: r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})",
    },
    Rule {
        what: "a GitLab token",
        judged: Judged::Shape,
        words: &["glpat-"],
        pattern: r"\b(glpat-[A-Za-z0-9_-]{20,})",
    },
    Rule {
        what: "a Slack token",
        judged: Judged::Shape,
        words: &["xox"],
        pattern: r"\b(xox[abeoprs]-[0-9A-Za-z-]{10,})",
    },
    Rule {
        what: "a Slack webhook",
        judged: Judged::Shape,
        words: &["hooks.slack"],
        pattern: r"hooks\.slack\.com/services/(T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{16,})",
    },
    Rule {
        what: "a Stripe key",
        judged: Judged::Shape,
        words: &["k_live_"],
        pattern: r"\b([rs]k_live_[0-9A-Za-z]{16,})",
    },
    Rule {
        what: "a Google key",
        judged: Judged::Shape,
        words: &["AIza"],
        pattern: r"\b(AIza[0-9A-Za-z_-]{35})",
    },
    Rule {
        what: "a SendGrid key",
        judged: Judged::Shape,
        words: &["SG."],
        pattern: r"\b(SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,})",
    },
    Rule {
        what: "a DigitalOcean token",
        judged: Judged::Shape,
        words: &["_v1_"],
        pattern: r"\b(do[opr]_v1_[0-9a-f]{64})\b",
    },
    Rule {
        what: "an npm token",
        judged: Judged::Shape,
        words: &["npm_"],
        pattern: r"\b(npm_[A-Za-z0-9]{36})\b",
    },
    Rule {
        what: "an API key",
        judged: Judged::Shape,
        words: &["sk-"],
        pattern: r"\b(sk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{32,})",
    },
    Rule {
        what: "a JSON web token",
        judged: Judged::Shape,
        words: &["eyJ"],
        pattern: r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
    },
    Rule {
        what: "a token",
        judged: Judged::Token,
        words: &["uthorization", "UTHORIZATION"],
        pattern: r"(?i-u:authorization:[ \t]*(?:bearer|basic|token)[ \t]+)([A-Za-z0-9+/=._~-]{16,})",
    },
    Rule {
        what: "a password",
        judged: Judged::Password,
        words: &["://"],
        pattern: r#"://[^\s/:@"'`<>]*:([^\s@/"'`<>]+)@"#,
    },
    Rule {
        what: "a password",
        judged: Judged::Password,
        words: &["curl"],
        pattern: r#"\bcurl\b[^\n|;]*?\s(?:-u|--user)[ =]?["']?[^\s:"']+:([^\s"'`]+)"#,
    },
    Rule {
        what: "a password",
        judged: Judged::Password,
        words: &["mysql", "mariadb"],
        pattern: r#"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^\n|;]*?\s-p["']?([^\s"'`]+)"#,
    },
    Rule {
        what: "a password",
        judged: Judged::Password,
        words: &["sshpass", "redis-cli"],
        pattern: r#"\b(?:sshpass|redis-cli)\b[^\n|;]*?\s-[pa]\s*["']?([^\s"'`]+)"#,
    },
    Rule {
        what: "a password",
        judged: Judged::Password,
        words: &["pass"],
        pattern: r#"--(?:[a-z-]*-)?(?:password|passwd|passphrase|pass)[= ]["']?([^\s"'`]+)"#,
    },
    Rule {
        what: "a password",
        judged: Judged::Password,
        words: &[
            "pass", "Pass", "PASS", "contrase", "Contrase", "CONTRASE", "kennwort", "Kennwort",
            "KENNWORT", "pwd", "Pwd", "PWD", "clave", "Clave", "CLAVE", "senha", "Senha", "SENHA",
        ],
        pattern: r#"(?i-u:password|passwd|passphrase|contraseña|contrasena|passwort|kennwort|mot de passe|(?:\b|_)(?:pwd|clave|senha))(?:_?\d)?["'`*]{0,4}[ \t]*[:=][ \t"'`*]{0,8}([^\s"'`,;|&]+)"#,
    },
    Rule {
        what: "a token",
        judged: Judged::Token,
        words: &[
            "secret", "Secret", "SECRET", "token", "Token", "TOKEN", "_key", "_KEY", "-key",
            "-Key", "pikey", "piKey", "APIKEY", "sskey", "ssKey", "teKey",
        ],
        pattern: r#"(?i-u:secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key)(?:_?\d)?["'`*]{0,4}[ \t]*[:=][ \t"'`*]{0,8}([^\s"'`,;|&]+)"#,
    },
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

// Compiled when first wanted: most runs want few, and a keeper is small.
static REGEXES: [OnceLock<Regex>; RULES.len()] = [const { OnceLock::new() }; RULES.len()];

/// Something that looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// What it is: `a password`, `an AWS key`.
    pub what: &'static str,
    /// Where its value stands, in bytes.
    pub range: Range<usize>,
}

/// Returns what looks like a secret in `text`; no two of them overlap.
pub fn find(text: &[u8]) -> Vec<Suspect> {
    look(text, |_| true)
}

// The same, by those rules only of which `is_wanted` says that one of their words is there.
pub(super) fn look(text: &[u8], is_wanted: impl Fn(usize) -> bool) -> Vec<Suspect> {
    let mut found: Vec<Suspect> = Vec::new();
    for (number, rule) in RULES.iter().enumerate() {
        if !is_wanted(number) {
            continue;
        }
        let regex = REGEXES[number].get_or_init(|| {
            // Few lines are looked at: a small cache will do.
            RegexBuilder::new(rule.pattern)
                .dfa_size_limit(128 << 10)
                .build()
                .expect("a pattern of ours compiles")
        });
        for captures in regex.captures_iter(text) {
            let Some(secret) = captures.get(1) else {
                continue;
            };
            let Ok(value) = std::str::from_utf8(secret.as_bytes()) else {
                continue;
            };
            let value = value.trim_end_matches([')', ']', '}', '.', ':', '\\']);
            let value = value.trim_end_matches(|c: char| c.is_whitespace() || c == '>');
            let is_one = match rule.judged {
                Judged::Shape => !stands_for_one(value),
                Judged::Password => looks_real(value, 4),
                Judged::Token => looks_real(value, 12) && value.chars().any(char::is_alphabetic),
            };
            let range = secret.start()..secret.start() + value.len();
            let is_known = found
                .iter()
                .any(|it| it.range.start < range.end && range.start < it.range.end);
            if is_one && !is_known {
                found.push(Suspect {
                    what: rule.what,
                    range,
                });
            }
        }
    }
    found
}

/// The words of all rules, and the numbers of the rules that each is a word of. As long as they are no
/// more than 64, several are looked for at once, sixteen bytes in one instruction.
pub(super) fn words() -> Vec<(&'static str, Vec<usize>)> {
    let mut words: Vec<(&'static str, Vec<usize>)> = Vec::new();
    for (number, rule) in RULES.iter().enumerate() {
        for word in rule.words {
            match words.iter_mut().find(|it| it.0 == *word) {
                Some((_, rules)) => rules.push(number),
                None => words.push((word, vec![number])),
            }
        }
    }
    words
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
