//! Texts without capitals and accents, and words in them.

use std::borrow::Cow;

use crate::classify::text::place_of;

/// Lowers `text` and takes the accents off its Latin letters.
pub(in crate::classify) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    let mut folded = String::with_capacity(text.len());
    fold_onto(text, &mut folded);
    Cow::Owned(folded)
}

/// Does what [`fold`] does, at the end of `folded`.
pub(super) fn fold_onto(text: &str, folded: &mut String) {
    if text.is_ascii() {
        let from = folded.len();
        folded.push_str(text);
        folded[from..].make_ascii_lowercase();
        return;
    }
    for c in text.chars().flat_map(char::to_lowercase) {
        let plain = match c {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ą' => 'a',
            'ç' | 'ć' | 'č' => 'c',
            'ď' => 'd',
            'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' => 'e',
            'ğ' => 'g',
            'ì' | 'í' | 'î' | 'ï' | 'ı' => 'i',
            'ł' => 'l',
            'ñ' | 'ń' | 'ň' => 'n',
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' => 'o',
            'ř' => 'r',
            'ś' | 'ş' | 'š' => 's',
            'ť' => 't',
            'ù' | 'ú' | 'û' | 'ü' | 'ů' => 'u',
            'ý' => 'y',
            'ź' | 'ż' | 'ž' => 'z',
            'ё' => 'е',
            '’' => '\'',
            'ß' => {
                folded.push('s');
                's'
            }
            // Accents that stand beside their letter.
            '\u{300}'..='\u{36f}' => continue,
            _ => c,
        };
        folded.push(plain);
    }
}

/// Returns the first of `words` that stands in `folded`, as a word.
pub(in crate::classify) fn find<'w>(folded: &str, words: &[&'w str]) -> Option<&'w str> {
    words.iter().copied().find(|word| stands_in(folded, word))
}

fn stands_in(folded: &str, word: &str) -> bool {
    let (word, any_ending) = word
        .strip_suffix('*')
        .map_or((word, false), |word| (word, true));
    let mut from = 0;
    while let Some(at) = place_of(&folded[from..], word) {
        let start = from + at;
        let end = start + word.len();
        let before = folded[..start].chars().next_back();
        let after = folded[end..].chars().next();
        let first = word.chars().next().is_some_and(is_spaced);
        let last = word.chars().next_back().is_some_and(is_spaced);
        if !(first && before.is_some_and(is_spaced))
            && (any_ending || !(last && after.is_some_and(is_spaced)))
        {
            return true;
        }
        from = start + folded[start..].chars().next().map_or(1, char::len_utf8);
    }
    false
}

/// Writing without spaces has no word ends.
pub(super) fn is_spaced(c: char) -> bool {
    c.is_alphanumeric() && !matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}
