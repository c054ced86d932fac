//! Which section of a plain document is walked: chosen by the operator before a run is opened.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::engine::Signals;
use crate::markdown::folded_words;
use crate::model::{Effect, Kind, Runbook, Stands, Step};
use crate::report::clean::{fit, inline, pad, width};
use crate::resolve::select::with_subsections;

use super::exit::ExitCode;
use super::failure::Failure;
use super::list::counted;
use super::print;
use super::prompt::{self, Lines};

const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const KEY: Style = AnsiColor::Cyan.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default();

/// Columns that a heading may take beside what it holds.
const TITLE: usize = 46;

/// A section that holds steps, as it would be run when it is named.
struct Entry {
    section: usize,
    depth: usize,
    steps: usize,
    values: usize,
    destroys: usize,
    on_demand: bool,
}

/// Lets the operator choose among the sections of a plain document that hold steps. Returns them as a
/// request names them; nothing for all that is not on demand, or where there is nothing to choose.
///
/// # Errors
/// Where the operator leaves: no run was opened.
pub fn sections(
    runbook: &Runbook,
    document: &str,
    lines: &mut Lines,
    signals: &Signals,
) -> Result<Vec<String>, Failure> {
    let entries = entries(runbook);
    let is_choice = entries.len() > 1 || entries.iter().any(|it| it.on_demand);
    if runbook.kind == Kind::Declared || !is_choice {
        return Ok(Vec::new());
    }
    let has_rest = runbook.steps.iter().any(|it| !it.on_demand && !it.ticked);
    let heading = format!("Which section of {}?", inline(document));
    print::show(&format!("{STRONG}{heading}{STRONG:#}\n"));
    let mut shown: Vec<usize> = (0..entries.len()).collect();
    loop {
        print::show(&table(runbook, &entries, &shown));
        let all = if has_rest {
            format!(" · {KEY}[a]{KEY:#}ll but on demand")
        } else {
            String::new()
        };
        let question = format!("Words of it, or its number{all} · {KEY}[q]{KEY:#}uit > ");
        let line = prompt::ask(&question, lines, signals);
        match line.as_deref().map(str::trim) {
            None | Some("q" | "quit") => {
                let message = "left before a section was chosen; no run was opened";
                return Err(Failure::new(ExitCode::INTERRUPTED, message));
            }
            Some("a" | "all") if has_rest => return Ok(Vec::new()),
            Some("") => shown = (0..entries.len()).collect(),
            Some(line) => match chosen(runbook, &entries, line) {
                Chosen::These(found) => {
                    for it in &found {
                        let path = runbook.sections[*it].path.join(" / ");
                        print::show(&format!("{FAINT}→ {}{FAINT:#}\n", inline(&path)));
                    }
                    let name = |it: usize| format!("#{}", runbook.sections[it].anchor);
                    return Ok(found.into_iter().map(name).collect());
                }
                Chosen::Several(found) => shown = found,
                Chosen::None => {
                    let line = inline(line);
                    print::show(&format!("No section that holds steps is like `{line}`.\n"));
                    shown = (0..entries.len()).collect();
                }
            },
        }
    }
}

// A section that holds steps itself, and one whose subsections do, where there are several: to name
// it means them all. One that holds everything is `all`.
fn entries(runbook: &Runbook) -> Vec<Entry> {
    let sections = &runbook.sections;
    let runs = |step: &&Step, under: &[usize], named: bool| {
        under.contains(&step.section) && !step.ticked && (named || !step.on_demand)
    };
    let all = runbook.steps.iter();
    let all = all.filter(|it| !it.ticked && !it.on_demand).count();
    let mut entries: Vec<Entry> = Vec::new();
    let mut open: Vec<(u8, bool)> = Vec::new();
    for (index, section) in sections.iter().enumerate().skip(1) {
        let under: Vec<usize> = with_subsections(sections, index).into_iter().collect();
        let steps = runbook.steps.iter();
        let steps: Vec<&Step> = steps
            .filter(|it| runs(it, &under, section.on_demand))
            .collect();
        let own = steps.iter().any(|it| it.section == index);
        let mut holding: Vec<usize> = steps.iter().map(|it| it.section).collect();
        holding.dedup();
        let is_all = !section.on_demand && steps.len() == all;
        let is_listed = own || (holding.len() > 1 && !is_all);
        open.retain(|(level, _)| *level < section.level);
        let depth = open.iter().filter(|(_, listed)| *listed).count();
        open.push((section.level, is_listed));
        if !is_listed {
            continue;
        }
        let mut values: Vec<&str> = steps
            .iter()
            .flat_map(|it| &it.circumstances.placeholders)
            .filter(|it| it.stands != Stands::Variable || std::env::var_os(&it.name).is_none())
            .map(|it| it.name.as_str())
            .collect();
        values.sort_unstable();
        values.dedup();
        entries.push(Entry {
            section: index,
            depth,
            steps: steps.len(),
            values: values.len(),
            destroys: steps
                .iter()
                .filter(|it| it.effect == Effect::Destroys)
                .count(),
            on_demand: section.on_demand,
        });
    }
    entries
}

fn table(runbook: &Runbook, entries: &[Entry], shown: &[usize]) -> String {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).ok();
    let (columns, rows) = size.map_or((80, 24), |it| {
        (usize::from(it.ws_col), usize::from(it.ws_row))
    });
    let columns = if columns == 0 { 80 } else { columns };
    let most = rows.saturating_sub(4).max(8);
    let title = |entry: &Entry| {
        let title = inline(&runbook.sections[entry.section].title).into_owned();
        format!("{:1$}{title}", "", entry.depth * 2)
    };
    let room = shown
        .iter()
        .map(|at| width(&title(&entries[*at])))
        .max()
        .unwrap_or(0)
        .min(TITLE);
    let mut text = String::new();
    for at in shown.iter().take(most) {
        let entry = &entries[*at];
        let mut facts = vec![counted(entry.steps, "step")];
        if entry.values > 0 {
            facts.push(format!("{} to give", counted(entry.values, "value")));
        }
        if entry.destroys > 0 {
            facts.push(format!("{} destroys", entry.destroys));
        }
        if entry.on_demand {
            facts.push("on demand".to_owned());
        }
        let facts = facts.join(" · ");
        let facts = fit(&facts, columns.saturating_sub(room + 8)).into_owned();
        // A person is to stumble over this word.
        let alarm = format!("{FAINT:#}{BAD}destroys{BAD:#}{FAINT}");
        let facts = facts.replace("destroys", &alarm);
        let title = pad(&title(entry), room);
        let _ = writeln!(
            text,
            "{KEY}{:>4}{KEY:#}  {title}  {FAINT}{facts}{FAINT:#}",
            at + 1
        );
    }
    if shown.len() > most {
        let more = counted(shown.len() - most, "more section");
        let _ = writeln!(
            text,
            "{FAINT}      … {more}: type words of the heading{FAINT:#}"
        );
    }
    text
}

#[derive(Debug, PartialEq, Eq)]
enum Chosen {
    /// Indices into `Runbook::sections`.
    These(Vec<usize>),
    /// Indices into the entries.
    Several(Vec<usize>),
    None,
}

fn chosen(runbook: &Runbook, entries: &[Entry], line: &str) -> Chosen {
    let parts = line.split([' ', ',']).filter(|it| !it.is_empty());
    let numbers: Option<Vec<usize>> = parts
        .map(|it| {
            it.parse()
                .ok()
                .filter(|it| (1..=entries.len()).contains(it))
        })
        .collect();
    if let Some(numbers) = numbers.filter(|it| !it.is_empty()) {
        return Chosen::These(numbers.iter().map(|it| entries[it - 1].section).collect());
    }
    let query = folded_words(line);
    let mut best = u32::MAX;
    let mut found = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let path = &runbook.sections[entry.section].path;
        let Some(cost) = distance(&query, path) else {
            continue;
        };
        if cost < best {
            best = cost;
            found.clear();
        }
        if cost == best {
            found.push(at);
        }
    }
    match found.as_slice() {
        [] => Chosen::None,
        [one] => Chosen::These(vec![entries[*one].section]),
        _ => Chosen::Several(found),
    }
}

// How far the words of a query are from a heading with those above it: the worst of them decides, so
// that headings which are met exactly are not lost among those that are merely alike.
fn distance(query: &[String], path: &[String]) -> Option<u32> {
    let (own, above) = path.split_last()?;
    let own = folded_words(own);
    let above: Vec<String> = above.iter().flat_map(|it| folded_words(it)).collect();
    let mut worst = None;
    for word in query {
        let of = |words: &[String]| words.iter().filter_map(|it| unlike(word, it)).min();
        // What only a heading above says counts less.
        let cost = [of(&own), of(&above).map(|it| it + 10)]
            .into_iter()
            .flatten()
            .min()?;
        worst = worst.max(Some(cost));
    }
    worst
}

fn unlike(wanted: &str, word: &str) -> Option<u32> {
    if word == wanted || (word.starts_with(wanted) && wanted.len() > 1) {
        Some(0)
    } else if word.starts_with(wanted) {
        Some(1)
    } else if wanted.len() > 2 && word.contains(wanted) {
        Some(2)
    } else if wanted.chars().count() > 3 && is_typo(wanted, word) {
        Some(3)
    } else if wanted.chars().count() > 2 && is_subsequence(wanted, word) {
        Some(4)
    } else {
        None
    }
}

// One letter wrong, in the word or in as much of it as was typed.
fn is_typo(wanted: &str, word: &str) -> bool {
    let length = wanted.chars().count();
    let beginning: String = word.chars().take(length).collect();
    strsim::osa_distance(wanted, word) <= 1 || strsim::osa_distance(wanted, &beginning) <= 1
}

fn is_subsequence(wanted: &str, word: &str) -> bool {
    let mut letters = word.chars();
    wanted.chars().all(|c| letters.any(|it| it == c)) && word.starts_with(&wanted[..1])
}

#[cfg(test)]
mod tests {
    use super::{Chosen, chosen, entries};
    use crate::model::{Effect, Runbook};

    const MANUAL: &str = "# Manual del servidor\n\n## 1. Instalación\n\n### 1.1 Paquetes 📦\n\n- [ ] a\n\n\
        ### 1.2 Base de datos\n\n- [ ] b\n- [ ] c\n\n## 2. Copias de seguridad\n\n- [ ] d\n\n\
        ## 9. Solución de problemas\n\n### MySQL no conecta\n\n- [ ] e\n\n### Nginx no arranca\n\n\
        - [ ] f\n\n## Índice\n\nprose\n";

    fn runbook() -> Runbook {
        let document = crate::markdown::outline(MANUAL);
        let (mut runbook, _) = crate::resolve::resolve(
            &document,
            "m",
            crate::classify::readings::Readings::default(),
        );
        runbook.steps[1].effect = Effect::Destroys;
        runbook
    }

    fn titles(line: &str) -> Vec<String> {
        let runbook = runbook();
        let entries = entries(&runbook);
        match chosen(&runbook, &entries, line) {
            Chosen::These(found) => found
                .iter()
                .map(|it| runbook.sections[*it].title.clone())
                .collect(),
            Chosen::Several(found) => {
                let title = |at: &usize| &runbook.sections[entries[*at].section].title;
                found.iter().map(|it| format!("? {}", title(it))).collect()
            }
            Chosen::None => Vec::new(),
        }
    }

    #[test]
    fn only_sections_with_steps_are_listed_and_parents_where_they_mean_several() {
        let runbook = runbook();
        let told: Vec<String> = entries(&runbook)
            .iter()
            .map(|it| {
                let title = &runbook.sections[it.section].title;
                format!(
                    "{}{title} {} {}",
                    "  ".repeat(it.depth),
                    it.steps,
                    it.destroys
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "1. Instalación 3 1",
                "  1.1 Paquetes 📦 1 0",
                "  1.2 Base de datos 2 1",
                "2. Copias de seguridad 1 0",
                "9. Solución de problemas 2 0",
                "  MySQL no conecta 1 0",
                "  Nginx no arranca 1 0",
            ]
        );
    }

    #[test]
    fn words_find_a_section_whatever_their_accents_case_and_numbering() {
        for (line, wanted) in [
            ("mysq con", &["MySQL no conecta"][..]),
            ("PAQUETES", &["1.1 Paquetes 📦"]),
            ("instalacion", &["1. Instalación"]),
            ("instalación base", &["1.2 Base de datos"]),
            ("base datos", &["1.2 Base de datos"]),
            ("copais", &["2. Copias de seguridad"]),
            ("nginz", &["Nginx no arranca"]),
            ("no", &["? MySQL no conecta", "? Nginx no arranca"]),
            ("kubernetes", &[]),
            ("3", &["1.2 Base de datos"]),
            ("2, 4", &["1.1 Paquetes 📦", "2. Copias de seguridad"]),
        ] {
            assert_eq!(titles(line), wanted, "{line}");
        }
    }
}
