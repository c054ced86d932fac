use proptest::prelude::{prop_assert_eq, proptest};

use super::{Heard, LISTS, List, is_phrase};
use crate::classify::words::said::{ALTERNATIVE, REPLACE};
use crate::classify::words::{find, fold};

#[test]
fn words_are_found_whole_and_without_accents() {
    assert_eq!(fold("Atención: ÇA, Größe"), "atencion: ca, grosse");
    assert_eq!(fold("Użytkownik, ŁĄKA"), "uzytkownik, laka");
    assert_eq!(fold("KULLANICI, ığşİ"), "kullanici, igsi");
    assert_eq!(find(&fold("Salida:"), &["salida"]), Some("salida"));
    assert_eq!(find("outputs", &["output"]), None);
    assert_eq!(find("restarting", &["restart*"]), Some("restart*"));
    assert_eq!(find("下面是输出：", &["输出"]), Some("输出"));
    assert_eq!(find("❌ no", &["❌"]), Some("❌"));
    assert_eq!(find("для", &["дл"]), None);
}

const ALL: [List; 23] = [
    List::Output,
    List::Looks,
    List::Example,
    List::CounterExample,
    List::Phrase,
    List::NumberedWay,
    List::Systems,
    List::Warning,
    List::Loses,
    List::Workstation,
    List::Server,
    List::ServerHeadings,
    List::Container,
    List::Restart,
    List::Shells,
    List::Forbids,
    List::Failure,
    List::Restores,
    List::Adjust,
    List::WrittenInto,
    List::Options,
    List::Recommended,
    List::Bridges,
];

fn check(text: &str) {
    let heard = Heard::new(text);
    for list in ALL {
        let words: Vec<&str> = LISTS[list as usize]
            .iter()
            .copied()
            .filter(|word| list != List::Phrase || is_phrase(word))
            .collect();
        assert_eq!(
            heard.find(list),
            find(&fold(text), &words),
            "{list:?} {text:?}"
        );
    }
}

/// What `says_alternative` leaves out before it asks.
#[test]
fn phrases_begin_with_a_letter() {
    let phrases = ALTERNATIVE.iter().filter(|word| is_phrase(word));
    assert!(phrases.clone().count() > 10);
    for phrase in phrases {
        assert!(phrase.starts_with(char::is_alphanumeric), "{phrase}");
    }
}

#[test]
fn what_replaces_is_heard_by_the_word_between() {
    for (first, second) in REPLACE {
        let heard = Heard::new(&format!("{first}x a{second}b"));
        assert!(heard.says_replace(), "{first} {second}");
    }
    assert!(!Heard::new("replace it").says_replace());
}

#[test]
fn each_word_is_heard() {
    for word in LISTS.iter().flat_map(|list| list.iter()) {
        let stem = word.trim_end_matches('*');
        for (before, after) in [
            ("", ""),
            (" ", ":"),
            ("x", ""),
            ("", "x"),
            ("或", "或"),
            ("é", "ü"),
        ] {
            check(&format!("{before}{stem}{after}"));
        }
    }
}

proptest! {
    #[test]
    fn what_is_heard_is_what_is_found(words in proptest::collection::vec((0..23_usize, 0..200_usize, "( |, |x|或||\\PC)"), 0..8)) {
        let mut text = String::new();
        for (list, index, end) in words {
            let list = LISTS[list];
            text.push_str(list[index % list.len()].trim_end_matches('*'));
            text.push_str(&end);
        }
        check(&text);
        prop_assert_eq!(Heard::new(&text).to_string(), fold(&text));
    }
}
