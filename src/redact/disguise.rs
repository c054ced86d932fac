//! The forms in which a secret appears in what programs print.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::LEAST;

/// One form of a secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Disguise {
    /// Which form: always the same for the same form, so that it can be made again from the value.
    /// `raw` is the value itself.
    pub(super) label: String,
    /// How it looks.
    pub(super) bytes: Vec<u8>,
}

/// The least that is looked for of a secret under [`LEAST`] characters in another encoding: less
/// stands in every line.
const LEAST_ENCODED: usize = 4;

/// Returns the forms of `value`, each once; the value itself is the first.
pub(super) fn disguises(value: &str) -> Vec<Disguise> {
    let mut all = Collected::default();
    for (prefix, text) in variants(value) {
        all.forms_of(&prefix, &text);
    }
    all.found
}

// The value, and what becomes of it where line breaks change.
fn variants(value: &str) -> Vec<(String, String)> {
    let mut variants = vec![(String::new(), value.to_owned())];
    let mut add = |label: String, text: String| {
        if text.chars().count() >= LEAST && variants.iter().all(|(_, it)| *it != text) {
            variants.push((label, text));
        }
    };
    add("trimmed.".to_owned(), value.trim().to_owned());
    if value.contains(['\n', '\r']) {
        let lf = value.replace("\r\n", "\n");
        add("lf.".to_owned(), lf.clone());
        add("crlf.".to_owned(), lf.replace('\n', "\r\n"));
        add("flat.".to_owned(), lf.trim().replace('\n', " "));
        add("escaped.".to_owned(), lf.trim().replace('\n', "\\n"));
        for (number, line) in lf.split('\n').enumerate() {
            add(format!("line{number}."), line.to_owned());
            add(format!("line{number}.trimmed."), line.trim().to_owned());
        }
    }
    variants
}

#[derive(Default)]
struct Collected {
    found: Vec<Disguise>,
    seen: BTreeSet<Vec<u8>>,
}

impl Collected {
    fn add(&mut self, prefix: &str, label: &str, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        if !bytes.is_empty() && self.seen.insert(bytes.clone()) {
            let label = format!("{prefix}{label}");
            self.found.push(Disguise { label, bytes });
        }
    }

    fn forms_of(&mut self, prefix: &str, text: &str) {
        self.add(prefix, "raw", text);
        self.quoted(prefix, text);
        self.url(prefix, text);
        self.encoded(prefix, text.as_bytes());
    }

    fn quoted(&mut self, prefix: &str, text: &str) {
        let json = json(text, Json::default());
        self.add(prefix, "json.json", self::json(&json, Json::default()));
        self.add(prefix, "json", json);
        for (label, form) in Json::FORMS {
            self.add(prefix, label, self::json(text, *form));
        }
        self.add(prefix, "single", text.replace('\'', r"'\''"));
        self.add(prefix, "single.double", text.replace('\'', r#"'"'"'"#));
        self.add(prefix, "double", escaped(text, |c| "\\\"$`".contains(c)));
        self.add(prefix, "backslash.bash", bash_backslashes(text));
        let ruby = |c: char| !c.is_alphanumeric() && !"_-.,:+/@\n".contains(c);
        let ruby = escaped(text, ruby).replace('\n', "'\n'");
        self.add(prefix, "backslash.ruby", ruby);
        let perl = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_';
        self.add(prefix, "backslash.perl", escaped(text, perl));
        for (label, form) in Ansi::FORMS {
            self.add(prefix, label, ansi(text, *form));
        }
        self.add(prefix, "sql", text.replace('\'', "''"));
        self.add(prefix, "csv", text.replace('"', "\"\""));
        let xml = text.replace('&', "&amp;");
        let xml = xml.replace('<', "&lt;").replace('>', "&gt;");
        self.add(prefix, "xml", xml.clone());
        for (label, double, single) in [
            ("xml.double", "&quot;", "'"),
            ("xml.39", "&quot;", "&#39;"),
            ("xml.apos", "&quot;", "&apos;"),
            ("xml.x27", "&quot;", "&#x27;"),
            ("xml.34", "&#34;", "&#39;"),
        ] {
            let both = xml.replace('"', double).replace('\'', single);
            self.add(prefix, label, both);
        }
    }

    fn url(&mut self, prefix: &str, text: &str) {
        for (name, safe) in [
            ("strict", "-._~"),
            ("component", "-._~!*'()"),
            ("path", "-._~/"),
            ("uri", "-._~!*'();/?:@&=+$,#"),
            ("form", "-._*"),
        ] {
            for (space, shown) in [("percent", "%20"), ("plus", "+")] {
                for is_upper in [true, false] {
                    let case = if is_upper { "upper" } else { "lower" };
                    let is_safe =
                        |byte: u8| byte.is_ascii_alphanumeric() || safe.as_bytes().contains(&byte);
                    let url = percent(text.as_bytes(), is_safe, shown, is_upper);
                    self.add(prefix, &format!("url.{name}.{space}.{case}"), url);
                }
            }
        }
        for is_upper in [true, false] {
            let case = if is_upper { "upper" } else { "lower" };
            let url = percent(text.as_bytes(), |_| false, "%20", is_upper);
            self.add(prefix, &format!("url.all.{case}"), url);
        }
    }

    fn encoded(&mut self, prefix: &str, bytes: &[u8]) {
        let lower = hex(bytes);
        let upper = lower.to_ascii_uppercase();
        // `xxd -p` breaks its lines at 60.
        for (label, text) in [("hex", lower), ("hex.upper", upper)] {
            self.long_enough(prefix, label, &text);
            self.wrapped(prefix, label, &text, &[60]);
        }
        for (name, alphabet) in [("base64", STANDARD), ("base64url", URL)] {
            for before in 0..3 {
                let (core, tail, padding) = base64(bytes, alphabet, before);
                let label = format!("{name}.{before}");
                self.long_enough(prefix, &label, &core);
                let ended = format!("{core}{tail}");
                let padded = format!("{ended}{padding}");
                self.long_enough(prefix, &format!("{label}.end"), &ended);
                self.long_enough(prefix, &format!("{label}.padded"), &padded);
                if before == 0 {
                    // `openssl` breaks its lines at 64, `base64` at 76.
                    self.wrapped(prefix, &label, &core, &[64, 76]);
                    self.wrapped(prefix, &format!("{label}.padded"), &padded, &[64, 76]);
                }
            }
        }
    }

    fn long_enough(&mut self, prefix: &str, label: &str, text: &str) {
        if text.len() >= LEAST_ENCODED {
            self.add(prefix, label, text);
        }
    }

    fn wrapped(&mut self, prefix: &str, label: &str, text: &str, widths: &[usize]) {
        for width in widths.iter().filter(|width| text.len() > **width) {
            let lines: Vec<&str> = text
                .as_bytes()
                .chunks(*width)
                .filter_map(|it| std::str::from_utf8(it).ok())
                .collect();
            self.add(prefix, &format!("{label}.lf{width}"), lines.join("\n"));
            self.add(prefix, &format!("{label}.crlf{width}"), lines.join("\r\n"));
        }
    }
}

// How a JSON string is escaped, besides what must be.
#[derive(Clone, Copy, Default)]
struct Json {
    slash: bool,
    markup: bool,
    ascii: bool,
    upper: bool,
}

impl Json {
    const PLAIN: Self = Self {
        slash: false,
        markup: false,
        ascii: false,
        upper: false,
    };
    const FORMS: &[(&str, Self)] = &[
        (
            "json.slash",
            Self {
                slash: true,
                ..Self::PLAIN
            },
        ),
        (
            "json.markup",
            Self {
                markup: true,
                ..Self::PLAIN
            },
        ),
        (
            "json.ascii",
            Self {
                ascii: true,
                ..Self::PLAIN
            },
        ),
        (
            "json.ascii.upper",
            Self {
                ascii: true,
                upper: true,
                ..Self::PLAIN
            },
        ),
        (
            "json.ascii.slash",
            Self {
                ascii: true,
                slash: true,
                ..Self::PLAIN
            },
        ),
    ];
}

fn json(text: &str, form: Json) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '/' if form.slash => out.push_str("\\/"),
            _ if c < ' '
                || (form.ascii && !c.is_ascii())
                || (form.markup && "<>&\u{2028}\u{2029}".contains(c)) =>
            {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = if form.upper {
                        write!(out, "\\u{unit:04X}")
                    } else {
                        write!(out, "\\u{unit:04x}")
                    };
                }
            }
            _ => out.push(c),
        }
    }
    out
}

// How a shell, or a language whose strings look alike, writes what is no plain character.
#[derive(Clone, Copy)]
struct Ansi {
    // What stands for a byte without a letter of its own.
    octal: bool,
    ascii: bool,
    // Whether bell, backspace and the like have letters.
    letters: bool,
    escape: char,
    quote: bool,
}

impl Ansi {
    const FORMS: &[(&str, Self)] = &[
        (
            "ansi",
            Self {
                octal: true,
                ascii: false,
                letters: true,
                escape: 'E',
                quote: true,
            },
        ),
        (
            "ansi.ascii",
            Self {
                octal: true,
                ascii: true,
                letters: true,
                escape: 'E',
                quote: true,
            },
        ),
        (
            "ansi.hex",
            Self {
                octal: false,
                ascii: false,
                letters: true,
                escape: 'e',
                quote: true,
            },
        ),
        (
            "repr",
            Self {
                octal: false,
                ascii: false,
                letters: false,
                escape: 'x',
                quote: true,
            },
        ),
        (
            "repr.double",
            Self {
                octal: false,
                ascii: false,
                letters: false,
                escape: 'x',
                quote: false,
            },
        ),
        (
            "repr.bytes",
            Self {
                octal: false,
                ascii: true,
                letters: false,
                escape: 'x',
                quote: true,
            },
        ),
    ];
}

fn ansi(text: &str, form: Ansi) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        let letter = match byte {
            b'\\' => Some('\\'),
            b'\'' if form.quote => Some('\''),
            b'\n' => Some('n'),
            b'\r' => Some('r'),
            b'\t' => Some('t'),
            7 if form.letters => Some('a'),
            8 if form.letters => Some('b'),
            11 if form.letters => Some('v'),
            12 if form.letters => Some('f'),
            27 if form.letters => Some(form.escape),
            _ => None,
        };
        let is_plain = (b' '..127).contains(&byte) || (byte >= 128 && !form.ascii);
        match letter {
            Some(letter) => out.extend([b'\\', letter as u8]),
            None if is_plain => out.push(byte),
            None if form.octal => out.extend(format!("\\{byte:03o}").bytes()),
            None => out.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    out
}

fn escaped(text: &str, is_special: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_special(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

// As `printf %q` of bash writes it.
fn bash_backslashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let is_tilde = c == '~' && (at == 0 || text[..at].ends_with([':', '=']));
        if " \t'\"\\|&;()<>!{}*[?]^$`,".contains(c) || is_tilde || (c == '#' && at == 0) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn percent(bytes: &[u8], is_safe: impl Fn(u8) -> bool, space: &str, is_upper: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' ' => out.push_str(space),
            _ if is_safe(*byte) => out.push(char::from(*byte)),
            _ if is_upper => drop(write!(out, "%{byte:02X}")),
            _ => drop(write!(out, "%{byte:02x}")),
        }
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// The digits that are the same whatever stands around, when `before` bytes stand before in the group
// of three; the digit that follows when nothing comes after; and its padding.
fn base64(bytes: &[u8], alphabet: &[u8; 64], before: usize) -> (String, String, &'static str) {
    let bit = |at: usize| -> usize {
        let byte = (at / 8).checked_sub(before).and_then(|it| bytes.get(it));
        byte.map_or(0, |it| usize::from(it >> (7 - at % 8) & 1))
    };
    let digit = |at: usize| {
        let value = (0..6).fold(0, |sum, it| sum << 1 | bit(at * 6 + it));
        char::from(alphabet[value])
    };
    let bits = (before + bytes.len()) * 8;
    let (first, end) = ((before * 8).div_ceil(6), bits / 6);
    let core = (first..end).map(digit).collect();
    match bits % 6 {
        2 => (core, digit(end).to_string(), "=="),
        4 => (core, digit(end).to_string(), "="),
        _ => (core, String::new(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(value: &str) -> Vec<String> {
        let text = |it: Disguise| String::from_utf8_lossy(&it.bytes).into_owned();
        disguises(value).into_iter().map(text).collect()
    }

    // What each program printed for this value, by hand.
    #[test]
    fn a_value_appears_as_programs_print_it() {
        let value = "p@ss w'rd/\"1\\é+x";
        let forms = forms(value);
        for wanted in [
            value,
            r#"p@ss w'rd/\"1\\é+x"#,
            r#"p@ss w'rd\/\"1\\\u00e9+x"#,
            "p%40ss%20w%27rd%2F%221%5C%C3%A9%2Bx",
            "p%40ss%20w%27rd%2f%221%5c%c3%a9%2bx",
            "p%40ss+w%27rd%2F%221%5C%C3%A9%2Bx",
            "p%40ss%20w'rd%2F%221%5C%C3%A9%2Bx",
            "p%40ss%20w%27rd/%221%5C%C3%A9%2Bx",
            r#"p@ss w'\''rd/"1\é+x"#,
            r#"p@ss w'"'"'rd/"1\é+x"#,
            r#"p@ss w\'rd/"1\\é+x"#,
            r#"p@ss w\'rd/"1\\\303\251+x"#,
            r#"p@ss\ w\'rd/\"1\\é+x"#,
            r#"p@ss w'rd/\"1\\é+x"#,
            "p@ss w''rd/\"1\\é+x",
            "p@ss w&#39;rd/&quot;1\\é+x",
            "7040737320772772642f22315cc3a92b78",
            "7040737320772772642F22315CC3A92B78",
            "cEBzcyB3J3JkLyIxXMOpK3g=",
            "cEBzcyB3J3JkLyIxXMOpK3g",
            "cEBzcyB3J3JkLyIxXMOpK3",
            "BAc3MgdydyZC8iMVzDqSt4",
            "wQHNzIHcncmQvIjFcw6kre",
        ] {
            assert!(forms.iter().any(|it| it.contains(wanted)), "{wanted}");
        }
    }

    #[test]
    fn a_text_of_many_lines_appears_by_its_lines_and_without_them() {
        let forms = forms("first line\nsecond line\nend\n");
        for wanted in [
            "first line",
            "second line",
            "first line\nsecond line\nend",
            "first line\r\nsecond line\r\nend\r\n",
            "first line second line end",
            "first line\\nsecond line\\nend",
            "c2Vjb25kIGxpbm",
        ] {
            assert!(forms.iter().any(|it| it == wanted), "{wanted:?}");
        }
        assert!(!forms.iter().any(|it| it == "end"));
    }

    #[test]
    fn a_long_value_appears_with_the_line_breaks_of_its_encoder() {
        let value = "0123456789".repeat(8);
        let forms = forms(&value);
        let base64 = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\nNzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODk=";
        assert!(forms.iter().any(|it| it == base64));
        assert!(
            forms
                .iter()
                .any(|it| it.lines().next().map(str::len) == Some(60))
        );
    }

    #[test]
    fn a_plain_word_has_few_forms() {
        assert!(disguises("hunter2hunter2").len() < 20);
        assert_eq!(disguises("hunter2hunter2")[0].label, "raw");
    }

    proptest::proptest! {
        #[test]
        fn forms_are_made_again_from_the_value(value in "\\PC{8,40}") {
            let again: Vec<_> = disguises(&value).into_iter().map(|it| (it.label, it.bytes)).collect();
            let labels: BTreeSet<_> = again.iter().map(|it| it.0.clone()).collect();
            proptest::prop_assert_eq!(labels.len(), again.len());
            let twice: Vec<_> = disguises(&value).into_iter().map(|it| (it.label, it.bytes)).collect();
            proptest::prop_assert_eq!(again, twice);
        }
    }
}
