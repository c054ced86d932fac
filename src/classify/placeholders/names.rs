//! Words of a command that are names of nothing: possessives, example hosts, nouns, `x`.

use crate::classify::text::{holds, place_of};
use crate::classify::words;

/// `USERNAME.conf` is a file of somebody's name, which `README.md` is not: returns the name.
pub(super) fn file_of_capitals(text: &str) -> Option<&str> {
    let (stem, _) = text.split_once('.')?;
    let is_capitals = stem.len() > 3 && stem.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    (is_capitals && words::NOUNS.contains(&words::fold(stem))).then_some(stem)
}

/// `dump_TIMESTAMP.sql` is a dump of some time: returns what stands for it.
pub(super) fn segment(text: &str) -> Option<&str> {
    if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        return None;
    }
    // They are in capitals.
    if !text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    text.split(['_', '-', '.'])
        .find(|part| words::SEGMENTS.contains(part))
}

/// `/path/to/x`, `ruta/a/x`.
pub(super) fn is_example_path(text: &str) -> bool {
    if !text.contains('/') {
        return false;
    }
    let folded = words::fold(text);
    let mut parts = folded
        .split(['/', '=', ':', '"', '\'', ' ', '\\'])
        .peekable();
    let mut before = "";
    while let Some(part) = parts.next() {
        if words::PATHS.contains(&part)
            && parts
                .peek()
                .is_some_and(|next| words::PATH_LINKS.contains(next))
        {
            return true;
        }
        if matches!(
            part,
            "path" | "ruta" | "chemin" | "caminho" | "pfad" | "percorso" | "путь"
        ) && before.is_empty()
            && folded.contains(&format!("/{part}/"))
            && folded.find(&format!("/{part}/")).is_some_and(|at| {
                at == 0 || !folded[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.')
            })
        {
            return true;
        }
        before = part;
    }
    false
}

/// Whose a repository or an image is, where nobody in particular is meant.
pub(super) fn is_owner(folded: &str) -> bool {
    words::OWNERS.contains(folded) || words::USERS.contains(folded)
}

/// `carpeta-del-proyecto`, `nombre_bd`, `nomduservice`: nouns for any such thing, joined.
pub(super) fn is_made_of_nouns(folded: &str) -> bool {
    const JOINTS: &[&str] = &[
        "de", "del", "do", "da", "du", "des", "di", "della", "la", "el", "le", "les", "der", "des",
        "van", "von", "y", "et", "e", "und",
    ];
    const NAMES_OF: &[&str] = &[
        "nombredel",
        "nombrede",
        "nomdu",
        "nomdela",
        "nomde",
        "nomedo",
        "nomeda",
        "nomedel",
        "nomede",
    ];
    if NAMES_OF
        .iter()
        .any(|begin| folded.len() > begin.len() + 2 && folded.starts_with(begin))
    {
        return true;
    }
    let mut nouns = 0;
    let mut parts = 0;
    for part in folded.split(['-', '_']) {
        parts += 1;
        if words::NOUNS.contains(part) {
            nouns += 1;
        } else if !JOINTS.contains(&part) {
            return false;
        }
    }
    nouns > 0 && parts > 1
}

/// What stands for a value wherever it stands, in texts too.
pub(super) fn is_strong(folded: &str) -> bool {
    if is_possessive(folded) {
        return true;
    }
    if holds(folded, "xx")
        && (holds(folded, "xxxx")
            || folded.split(['.', '-', '_']).any(|part| part == "xxx")
            || folded == "xxx"
            || folded == "xx"
            || folded.ends_with("_xxx")
            || folded.ends_with("-xxx")
            || folded.starts_with("xxx-"))
    {
        return true;
    }
    // All of them have a month.
    if holds(folded, "mm")
        && [
            "yyyymm",
            "yyyy-mm",
            "yyyy_mm",
            "aaaammdd",
            "aaaa-mm-dd",
            "jjjj-mm-tt",
            "jjjjmmtt",
        ]
        .iter()
        .any(|date| holds(folded, date))
    {
        return true;
    }
    if folded.starts_with("__")
        && folded.ends_with("__")
        && folded.len() > 6
        && !matches!(folded, "__pycache__" | "__init__" | "__main__")
    {
        return true;
    }
    matches!(
        folded,
        "changeme"
            | "change_me"
            | "change-me"
            | "replaceme"
            | "replace_me"
            | "replace-me"
            | "todo"
            | "fixme"
            | "changethis"
            | "change_this"
            | "change-this"
            | "changeit"
            | "replace_with"
            | "yourself"
            | "placeholder"
    ) || folded.starts_with("changeme")
        || folded.starts_with("change_me")
        || folded.starts_with("replace_with")
        || folded.starts_with("replace-with")
        || folded.starts_with("insert_")
        || folded.starts_with("insert-your")
        || is_version_shape(folded)
}

/// `x.x.x.x`, `192.168.x.x`, `v1.x.y`.
fn is_version_shape(folded: &str) -> bool {
    if !folded.contains('.') {
        return false;
    }
    let labels: Vec<&str> = folded
        .strip_prefix('v')
        .unwrap_or(folded)
        .split('.')
        .collect();
    labels.len() > 1
        && labels.iter().all(|label| {
            matches!(*label, "x" | "xx" | "xxx" | "y" | "z" | "n")
                || !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit())
        })
        && labels
            .iter()
            .any(|label| matches!(*label, "x" | "xx" | "xxx" | "y" | "z"))
}

/// `your_password`, `tu-dominio`, `mydomain`.
pub(super) fn is_possessive(folded: &str) -> bool {
    const CJK: &[&str] = &["你的", "您的", "あなたの", "ваш", "твой", "мой"];
    if !folded.is_ascii() && CJK.iter().any(|mark| folded.starts_with(mark)) {
        return true;
    }
    if words::GLUED
        .iter()
        .any(|mark| folded.len() > mark.len() + 1 && folded.starts_with(mark))
    {
        return true;
    }
    if let Some(at) = place_of(folded, "your")
        && (at == 0 || folded[..at].ends_with(['-', '_', '.', '+', '~']))
        && folded.len() > at + 5
    {
        return true;
    }
    let mut parts = folded.split(['_', '-']);
    let first = parts.next().unwrap_or_default();
    let second = parts.next().unwrap_or_default();
    if !second.is_empty()
        && second.chars().next().is_some_and(char::is_alphabetic)
        && words::IS_POSSESSIVE.contains(first)
        && folded != "su-exec"
    {
        return true;
    }
    words::SHORT_POSSESSIVES.rests(folded).any(|rest| {
        words::GLUED_NOUNS.iter().any(|noun| {
            rest.strip_prefix(noun).is_some_and(|after| {
                after.is_empty()
                    || after.starts_with(['-', '_', '.'])
                    || after.bytes().all(|b| b.is_ascii_digit())
            })
        })
    })
}

/// `example.com`, `www.tu-dominio.es`, `host.tld`.
pub(super) fn is_example_host(folded: &str) -> bool {
    const ENDS: &[&str] = &[
        "com", "org", "net", "io", "de", "fr", "es", "it", "br", "pt", "ru", "jp", "cn", "co",
        "uk", "us", "eu", "info", "app", "dev", "tld", "local", "internal", "lan", "test", "ar",
        "mx", "cl", "pe", "ve", "edu", "gov", "ch", "at", "be", "nl", "me", "cloud", "xyz",
        "online", "conf", "crt", "key", "pem", "ai", "tech", "site", "host", "domain", "corp",
        "intern", "рф", "su", "ua", "by", "tw", "hk", "kr", "in", "ca", "au", "biz", "cer", "csr",
    ];
    if !folded.contains('.') {
        return false;
    }
    let labels: Vec<&str> = folded.split('.').collect();
    let [.., second, last] = labels.as_slice() else {
        return false;
    };
    if matches!(*last, "tld" | "invalid")
        || (*last == "example"
            && labels.len() == 2
            && !second.is_empty()
            && !matches!(
                *second,
                "env"
                    | "yml"
                    | "yaml"
                    | "json"
                    | "config"
                    | "settings"
                    | "ini"
                    | "toml"
                    | "conf"
                    | "properties"
                    | "dockerfile"
                    | "compose"
                    | "secrets"
                    | "local"
                    | "docker-compose"
                    | "inventory"
                    | "hosts"
                    | "vars"
                    | "values"
            ))
    {
        return true;
    }
    let third = labels.len().checked_sub(3).map_or("", |at| labels[at]);
    ENDS.contains(last)
        && (words::DOMAINS.contains(second)
            || (matches!(*second, "com" | "co" | "org") && words::DOMAINS.contains(third))
            || is_possessive(second))
}
