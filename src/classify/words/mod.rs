//! The words by which manuals say what they mean, in English, Spanish, Portuguese, French, German
//! and Italian, and where it is cheap in Dutch, Polish, Turkish, Russian, Chinese and Japanese: data, in one
//! place.
//!
//! All are folded: lower case, without accents of Latin letters. A `*` at the end stands for any ending.

mod folded;
mod heard;
mod said;
mod sets;
mod values;

pub(super) use folded::{find, fold};
pub(super) use heard::{Heard, List};
pub(super) use said::{
    ALTERNATIVE_ASIDES, ALTERNATIVES, ASIDES, BACKUPS, CLOUDS, CONDITIONS, CONSOLES, DRIVERS,
    ENTERS, EXAMPLE, EXPECTED, FAILURE, FORCES, IN_CASE, MEANS, MENU, NOBODIES, NUMBERED,
    NUMBERED_WAY, OPPOSITES, OTHER_WAYS, RESTART, SEGMENTS, STOPS, SWITCHES, TAKES_BACK, TASK,
    WEB_SERVERS, WRITERS_OWN,
};
pub(super) use sets::{Beginnings, Set};
pub(super) use values::{
    BRANCHES, CAPITALS, DIALOGUES, DOMAINS, FILES, FORGES, GLUED, GLUED_NOUNS, HOSTS,
    IS_POSSESSIVE, NAMES, NOUNS, OWNERS, PATH_LINKS, PATHS, PEOPLE, POSSESSIVES, REACHES, SECRETS,
    SHORT_POSSESSIVES, STOP_WORDS, TAKES_TEXT, USERS,
};
