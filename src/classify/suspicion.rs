//! What makes a command doubtful at a glance: placeholders, and characters that are not what they
//! seem. A wrong run is the worst fault, so that doubt wins.

use std::ops::Range;

use super::language::Kind;
use super::text::{Dialect, Region, regions};

/// Something in a command that a person must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// `placeholder` or `character`.
    pub rule: &'static str,
    /// In words: "`<PORT>` stands for a value".
    pub because: String,
    /// Its bytes in the body.
    pub range: Range<usize>,
    /// What the writer can do.
    pub way_out: &'static str,
}

/// Returns what is doubtful in the `body` of a fence of `kind`, each thing once, in order.
pub fn suspicions(body: &str, kind: Kind) -> Vec<Suspicion> {
    let dialect = match kind {
        Kind::Shell | Kind::Console => Dialect::Shell,
        Kind::Powershell => Dialect::Powershell,
        _ => Dialect::Other,
    };
    // The common case costs a glance: nothing outside ASCII, no angle bracket, no control.
    let is_plain = |byte: u8| matches!(byte, b'\n' | b'\t' | b' '..=b'~') && byte != b'<';
    if body.bytes().all(is_plain) {
        return Vec::new();
    }
    let all = regions(body, dialect);
    let mut found: Vec<Suspicion> = Vec::new();
    let add = |found: &mut Vec<Suspicion>, suspicion: Suspicion| {
        if found.iter().all(|other| other.because != suspicion.because) {
            found.push(suspicion);
        }
    };
    let mut index = 0;
    while let Some((at, c, region)) = all.get(index).copied() {
        if let Some(name) = doubtful(&all, index, dialect) {
            let because = format!("holds {name} (U+{:04X})", c as u32);
            let way_out = "type the command again on a keyboard, in plain characters";
            add(
                &mut found,
                Suspicion {
                    rule: "character",
                    because,
                    range: at..at + c.len_utf8(),
                    way_out,
                },
            );
        }
        if c == '<'
            && matches!(region, Region::Code | Region::Quoted)
            && let Some(last) = placeholder(&all, index, dialect)
        {
            let range = at..all[last].0 + 1;
            let because = format!("`{}` stands for a value", &body[range.clone()]);
            let way_out = "write the value, or declare an input and write `$NAME`";
            add(
                &mut found,
                Suspicion {
                    rule: "placeholder",
                    because,
                    range,
                    way_out,
                },
            );
            index = last;
        }
        index += 1;
    }
    found
}

/// Returns where the placeholder that begins at `start` ends.
fn placeholder(all: &[(usize, char, Region)], start: usize, dialect: Dialect) -> Option<usize> {
    const LONGEST: usize = 60;
    if start > 0 && all[start - 1].1 == '<' {
        return None;
    }
    let first = all.get(start + 1)?.1;
    if !first.is_alphabetic() {
        return None;
    }
    let mut word = String::new();
    for (index, (_, c, region)) in all.iter().enumerate().skip(start + 1).take(LONGEST) {
        match c {
            // `cmd <in >out` are redirections.
            '>' if word.ends_with(' ') => return None,
            '>' if dialect != Dialect::Other || is_for_a_person(&word) => return Some(index),
            '>' => return None,
            _ if c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ') => word.push(*c),
            _ => return None,
        }
        if matches!(region, Region::Comment | Region::HereDocument) {
            return None;
        }
    }
    None
}

/// Tells `<YOUR_TOKEN>` and `<tu dominio>` from the `<div>` of a program's text.
fn is_for_a_person(word: &str) -> bool {
    const POSSESSIVES: &[&str] = &[
        "your", "tu", "tus", "su", "my", "mi", "mis", "the", "el", "la", "seu", "sua", "votre",
        "ton", "ihr", "dein",
    ];
    let has_lower = word.chars().any(char::is_lowercase);
    let mut words = word.split([' ', '_', '-', '.']);
    !has_lower
        || words
            .next()
            .is_some_and(|first| POSSESSIVES.contains(&first))
}

/// Names the character at `index`, where it is one that misleads.
fn doubtful(all: &[(usize, char, Region)], index: usize, dialect: Dialect) -> Option<&'static str> {
    let (_, c, region) = all[index];
    if c.is_ascii() {
        return match c {
            '\n' | '\t' | ' '..='~' => None,
            '\r' => Some("a carriage return inside a line"),
            _ => Some("a control character"),
        };
    }
    match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' => {
            return Some("a mark that turns the direction of writing");
        }
        '\u{80}'..='\u{9f}' => return Some("a control character"),
        '\u{2028}' | '\u{2029}' => return Some("a line end that no shell knows"),
        _ => {}
    }
    // What follows misleads in a command only, not in its remarks.
    if region == Region::Comment {
        return None;
    }
    match c {
        '\u{200d}' if joins_emoji(all, index) => None,
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' | '\u{180e}' => {
            Some("a character without width")
        }
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Some("a space that is not a space")
        }
        '\u{2018}'..='\u{201f}' | '\u{2032}' | '\u{2033}' | '\u{ab}' | '\u{bb}'
            if region == Region::Code && dialect != Dialect::Other =>
        {
            Some("a typographic quote")
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}'
            if region == Region::Code && dialect != Dialect::Other =>
        {
            Some("a dash that is not a hyphen")
        }
        _ => None,
    }
}

fn joins_emoji(all: &[(usize, char, Region)], index: usize) -> bool {
    let is_emoji =
        |c: char| c >= '\u{1f000}' || ('\u{2190}'..='\u{2bff}').contains(&c) || c == '\u{fe0f}';
    index > 0
        && is_emoji(all[index - 1].1)
        && all.get(index + 1).is_some_and(|(_, c, _)| is_emoji(*c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::suspicions;
    use crate::classify::Kind;

    fn check(body: &str, kind: Kind) -> String {
        let found: Vec<_> = suspicions(body, kind)
            .into_iter()
            .map(|found| {
                assert!(!body[found.range].is_empty());
                found.because
            })
            .collect();
        found.join("; ")
    }

    #[test]
    fn placeholders_are_doubted() {
        for (body, expected) in [
            (
                "ssh -p <PUERTO> deploy@<IP>\n",
                "`<PUERTO>` stands for a value; `<IP>` stands for a value",
            ),
            ("cat <two words>", "`<two words>` stands for a value"),
            (
                "echo \"<tu-contraseña>\"",
                "`<tu-contraseña>` stands for a value",
            ),
            ("psql <año>; psql <año>", "`<año>` stands for a value"),
            ("echo '<v1.2_x>'", "`<v1.2_x>` stands for a value"),
            (
                "echo it's <X> # <Y>",
                "`<X>` stands for a value; `<Y>` stands for a value",
            ),
            ("n=$((1 << width))\necho <X>\n", "`<X>` stands for a value"),
        ] {
            assert_eq!(check(body, Kind::Shell), expected, "{body}");
        }
        assert_eq!(
            check("docker run <IMAGE>", Kind::Powershell),
            "`<IMAGE>` stands for a value"
        );
        assert_eq!(
            check("key = '<YOUR_KEY>'", Kind::Python),
            "`<YOUR_KEY>` stands for a value"
        );
        assert_eq!(
            check("f('<tu dominio>')", Kind::Node),
            "`<tu dominio>` stands for a value"
        );
    }

    #[test]
    fn redirections_are_not_doubted() {
        for body in [
            "cat <<EOF > out\n<PORT>\nEOF\necho ok",
            "cat <<-'E O F'\n\t<b>\n\tE O F\n",
            "cat << \"EOF\" | tee x\n<html>\nEOF\n",
            "sort < file > out",
            "sort <file >out",
            "grep x <<<word",
            "grep x <<< \"$word\" > out",
            "diff <(ls a) <(ls b)",
            "make 2>&1 >/dev/null",
            "# use <PORT> here",
            "ls # <PORT>",
            "echo $((1 << 2)) > x",
            "a <<A <<B\n<x>\nA\n<y>\nB\n",
            "exec 3<>file",
            "[[ a < b ]] && [ 2 -gt 1 ]",
        ] {
            assert_eq!(check(body, Kind::Shell), "", "{body}");
        }
        assert_eq!(check("if a <b and c> d: print('<div>')", Kind::Python), "");
        assert_eq!(
            check("class A<T> {}", Kind::Node),
            "`<T>` stands for a value"
        );
    }

    #[test]
    fn characters_that_mislead_are_doubted() {
        for (body, expected) in [
            ("ls\u{a0}-la", "holds a space that is not a space (U+00A0)"),
            (
                "echo “hola”",
                "holds a typographic quote (U+201C); holds a typographic quote (U+201D)",
            ),
            ("ls –la", "holds a dash that is not a hyphen (U+2013)"),
            (
                "# \u{202e}x",
                "holds a mark that turns the direction of writing (U+202E)",
            ),
            ("rm\u{200b} x", "holds a character without width (U+200B)"),
            ("echo \u{1b}[2K", "holds a control character (U+001B)"),
            ("a\rb", "holds a carriage return inside a line (U+000D)"),
            ("echo 'él dijo “sí” – ñandú' # “no” –", ""),
            ("echo 👩\u{200d}💻 ✓ ─ 日本", ""),
        ] {
            assert_eq!(check(body, Kind::Shell), expected, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at_without_a_panic(body in "\\PC{0,80}", tangle in "[<>a'\"\\\\#\\n `-]{0,40}") {
            for kind in [Kind::Shell, Kind::Powershell, Kind::Python] {
                suspicions(&body, kind);
                suspicions(&tangle, kind);
            }
        }
    }
}
