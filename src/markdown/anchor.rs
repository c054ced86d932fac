//! The anchors that GitHub gives to headings.

use unicode_normalization::char::is_combining_mark;

/// Slugs with the last number that was given to each.
#[expect(
    clippy::disallowed_types,
    reason = "it is only looked into, never gone through"
)]
type Numbers = std::collections::HashMap<String, u32>;

/// Gives anchors to headings in document order, numbering those that repeat.
///
/// As <https://github.com/gjtorikian/html-pipeline> does it: lower case; letters, marks, digits,
/// `_` and `-` stay; spaces become `-`; all else goes.
#[derive(Debug, Default)]
pub struct Anchors {
    seen: Numbers,
}

impl Anchors {
    /// Returns the anchor, without `#`, of the next heading.
    pub fn next(&mut self, heading: &str) -> String {
        let mut slug = String::with_capacity(heading.len());
        let mut rest = heading;
        if heading.is_ascii() {
            slug.extend(heading.bytes().filter_map(|byte| match byte {
                b' ' => Some('-'),
                b'-' | b'_' => Some(char::from(byte)),
                _ if byte.is_ascii_alphanumeric() => Some(char::from(byte.to_ascii_lowercase())),
                _ => None,
            }));
            rest = "";
        }
        for c in rest.chars() {
            match c {
                ' ' => slug.push('-'),
                '-' | '_' => slug.push(c),
                _ if c.is_alphanumeric() || is_combining_mark(c) || c == '\u{fe0f}' => {
                    slug.extend(c.to_lowercase());
                }
                _ => {}
            }
        }
        let Some(times) = self.seen.get(&slug).copied() else {
            self.seen.insert(slug.clone(), 0);
            return slug;
        };
        let mut number = times + 1;
        // A heading may be called `a-1` itself.
        while self.seen.contains_key(&format!("{slug}-{number}")) {
            number += 1;
        }
        let anchor = format!("{slug}-{number}");
        self.seen.insert(slug, number);
        self.seen.insert(anchor.clone(), 0);
        anchor
    }
}

#[cfg(test)]
mod tests {
    use super::Anchors;

    #[test]
    fn anchors_are_those_of_github() {
        let mut anchors = Anchors::default();
        let mut check = |heading: &str, anchor: &str| assert_eq!(anchors.next(heading), anchor);
        check("Índice", "índice");
        check("10. SSL/TLS y Let's Encrypt", "10-ssltls-y-lets-encrypt");
        check("🐳 Despliegue con Docker", "-despliegue-con-docker");
        check("⚙️ Operaciones", "\u{fe0f}-operaciones");
        check("データベース 復旧", "データベース-復旧");
        check("snake_case & more", "snake_case--more");
        check("Logs", "logs");
        check("Logs", "logs-1");
        check("Logs 1", "logs-1-1");
        check("Logs", "logs-2");
        check("", "");
        check("", "-1");
    }
}
