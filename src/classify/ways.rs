//! A folded text → whether it tells of several ways of doing the same, and which one it names.

use super::tabs;
use super::text::{Parts, holds};
use super::understanding::Known;
use super::words::{self, Heard, List};

/// Whether a line of prose says nothing of the fence beside it: no word that is asked for stands in it,
/// and it offers no way.
pub(super) fn is_silent(line: &Heard) -> bool {
    line.is_empty_of_words()
        && !line.says_replace()
        && !says_alternative(line)
        && !names_the_means(line)
        && !is_lettered(line)
        && tabs::mark(line).is_none()
}

/// The same of a heading.
pub(super) fn is_silent_heading(heading: &Heard) -> bool {
    heading.is_empty_of_words()
        && numbered_way(heading, heading).is_none()
        && !opens_other_ways(heading)
        && !names_a_case(heading)
        && web_server(heading).is_none()
}

/// `Or use …`, `Manually (alternative)`, as a heading.
pub(super) fn opens_other_ways(heading: &str) -> bool {
    begins_with(heading, words::OTHER_WAYS)
        || heading.split('(').skip(1).any(|aside| {
            words::ALTERNATIVE_ASIDES
                .iter()
                .any(|word| aside.starts_with(word))
        })
}

/// `If you use …`, as a heading.
pub(super) fn names_a_case(heading: &str) -> bool {
    begins_with(heading, words::IN_CASE)
}

/// `If …`, as a comment: it says when a command is meant.
pub(super) fn sets_a_condition(comment: &str) -> bool {
    begins_with(comment, words::CONDITIONS)
}

fn begins_with(text: &str, beginnings: &[&str]) -> bool {
    let text = text.trim_start();
    beginnings.iter().any(|words| text.starts_with(words))
}

/// The server that is all of a heading.
pub(super) fn web_server(heading: &str) -> Option<&'static str> {
    let heading = heading.trim();
    let mut servers = words::WEB_SERVERS.iter();
    servers.find(|name| heading == **name).copied()
}

/// Whether a text says that what follows stands in place of what came before.
pub(super) fn says_alternative(folded: &Heard) -> bool {
    let text = folded.trim_start_matches(|c: char| !c.is_alphanumeric());
    let first = text
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    // `or`, `o`, `ou` begin the line; longer words may stand anywhere in a short one.
    let begins = matches!(
        first,
        "or" | "o"
            | "ou"
            | "oder"
            | "oppure"
            | "ofwel"
            | "lub"
            | "albo"
            | "veya"
            | "или"
            | "либо"
            | "alternatively"
            | "alternative"
            | "alternativa"
            | "alternativamente"
            | "alternativ"
            | "sinon"
            | "instead"
            | "stattdessen"
            | "autrement"
            | "也可以"
            | "或者"
            | "或"
            | "または"
            | "あるいは"
            | "もしくは"
    );
    let begins = begins
        || ["或", "也可", "または", "あるいは", "もしくは"]
            .iter()
            .any(|mark| text.starts_with(mark));
    // Steps are numbered; what is numbered is no way of doing the step before.
    let is_numbered = text
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .starts_with(['.', ')'])
        && text.starts_with(|c: char| c.is_ascii_digit());
    // One word must begin the line or be all of it; several may stand in a short one.
    let has_phrase = || {
        folded.find(List::Phrase).is_some()
            || words::ALTERNATIVES.contains(text.trim_end_matches(|c: char| !c.is_alphanumeric()))
    };
    !is_numbered && (begins || has_phrase() && text.each_word().count() < 12)
        || numbered_way(folded, text).is_some()
}

/// `Via Helm:`, short and with nothing else to say.
pub(super) fn names_the_means(lead: &str) -> bool {
    let lead = lead.trim_matches(|c: char| !c.is_alphanumeric() && c != ':');
    let mut words = lead.each_word();
    lead.ends_with(':')
        && words
            .next()
            .is_some_and(|first| words::MEANS.contains(&first))
        && (1..4).contains(&words.count())
}

/// Whether a text says of several ways that this is the one to take.
pub(super) fn is_recommended(heard: &Heard) -> bool {
    heard.find(List::Recommended).is_some()
}

/// `Method 1:` begins a row of ways: what stands before it is none of them.
pub(super) fn is_first_way(lead: Option<&Heard>) -> bool {
    let way =
        lead.and_then(|it| numbered_way(it, it.trim_start_matches(|c: char| !c.is_alphanumeric())));
    way.is_some_and(|way| matches!(way, "1" | "a" | "one" | "uno" | "un" | "eins" | "i" | "①"))
}

/// `option a`, `método 2`, `way 1:`: the name of the way.
pub(super) fn numbered_way<'t>(heard: &Heard, folded: &'t str) -> Option<&'t str> {
    if folded.starts_with(words::MENU) {
        return folded.each_word().next();
    }
    heard.find(List::NumberedWay)?;
    let mut all = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    while let Some(word) = all.next() {
        if words::NUMBERED_WAY.contains(&word)
            && let Some(number) = all.clone().next()
            && (number.chars().count() == 1
                || matches!(
                    number,
                    "one" | "two" | "three" | "uno" | "dos" | "eins" | "zwei" | "ii" | "iii"
                ))
        {
            return Some(number);
        }
        if ["方法", "方式", "方案", "选项"]
            .iter()
            .any(|way| word.starts_with(way) && word.chars().count() == 3)
        {
            return Some(word);
        }
    }
    None
}

/// The system that a title names, where it says little else: `Ubuntu/Debian`, `macOS:`.
pub(super) fn system(folded: &Heard) -> Option<&'static str> {
    folded
        .find(List::Systems)
        .filter(|_| folded.each_word().count() <= 5)
}

/// `a) …`, `(b) …`
pub(super) fn is_lettered(lead: &str) -> bool {
    let mut letters = lead.trim_start_matches(['(', '*', '_', ' ']).chars();
    letters.next().is_some_and(|c| c.is_ascii_lowercase()) && letters.next() == Some(')')
}

/// What a piece says by itself of ways of doing the same.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ways {
    /// Its comment offers it in place of what stands before it.
    pub(super) is_another: bool,
    /// The system that its comment names.
    pub(super) system: Option<&'static str>,
    /// The family of the first package manager in it.
    pub(super) manager: Option<&'static str>,
    /// A cheat sheet: a run of commands each of which has its own remark behind it.
    pub(super) is_list: bool,
    /// It holds several ways itself.
    pub(super) is_menu: bool,
}

impl Ways {
    /// Returns what the title, the text and the commands of a step say.
    pub(super) fn of(title: &Heard, text: &str, commands: &[Known]) -> Self {
        Self {
            is_another: says_alternative(title),
            system: system(title),
            manager: commands.iter().find_map(|known| {
                let program = program(known);
                let mut families = FAMILIES.iter();
                families
                    .find(|(_, names)| names.contains(&program))
                    .map(|(family, _)| *family)
            }),
            is_list: is_remarked(text),
            is_menu: is_menu(text, commands),
        }
    }

    /// Whether it says nothing of them.
    pub(super) const fn are_none(&self) -> bool {
        !self.is_another
            && self.system.is_none()
            && self.manager.is_none()
            && !self.is_list
            && !self.is_menu
    }
}

fn program(known: &Known) -> &str {
    known.name.split(' ').next().unwrap_or_default()
}

/// The families of package managers that install.
const FAMILIES: &[(&str, &[&str])] = &[
    ("apt", &["apt", "apt-get", "aptitude"]),
    ("rpm", &["yum", "dnf", "zypper", "microdnf"]),
    ("brew", &["brew"]),
    ("apk", &["apk"]),
    ("pacman", &["pacman", "yay"]),
    ("windows", &["choco", "winget", "scoop"]),
    ("snap", &["snap"]),
    ("npm", &["npm"]),
    ("yarn", &["yarn"]),
    ("pnpm", &["pnpm"]),
    ("pkg", &["pkg"]),
    ("poetry", &["poetry"]),
    ("uv", &["uv"]),
    ("docker-compose", &["docker-compose"]),
    ("podman", &["podman"]),
];

/// Whether nearly all lines of code have their own remark behind them.
fn is_remarked(text: &str) -> bool {
    if !holds(text, " # ") {
        return false;
    }
    let lines = text.each_line();
    let lines = lines.filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let (all, remarked) = lines.fold((0, 0), |(all, remarked), line| {
        (all + 1, remarked + usize::from(line.contains(" # ")))
    });
    all > 2 && remarked * 5 >= all * 4
}

/// Whether a run of lines holds several ways: `①`, two package managers.
fn is_menu(text: &str, commands: &[Known]) -> bool {
    let is_marked = !text.is_ascii()
        && text
            .each_line()
            .any(|line| line.trim_start().starts_with(words::MENU));
    if is_marked {
        return true;
    }
    let mut managers = commands.iter().filter_map(|known| match program(known) {
        "apt" | "apt-get" => Some("apt"),
        "yum" | "dnf" => Some("rpm"),
        name @ ("brew" | "apk" | "pacman" | "zypper" | "choco" | "winget") => Some(name),
        _ => None,
    });
    let has_several = managers
        .next()
        .is_some_and(|first| managers.any(|other| other != first));
    has_several && !holds(text, "||") && !holds(text, "if ")
}
