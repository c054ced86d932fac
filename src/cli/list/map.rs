//! A plain document, as `list` tells it: a map of its sections, what their steps do to the world,
//! what is missing, what a person must look at. Nothing that is needed to decide is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use anstyle::Style;

use super::json::line_in;
use super::{DANGER, DOUBT, Detail, FAINT, GOOD, Page, counted, line, step_of};
use crate::markdown::Lines;
use crate::model::{
    Effect, FenceReading, Form, Nature, Offer, Piece, Placeholder, Runbook, Section, Span, Stands,
    Step, Task,
};
use crate::report::clean::{fit, inline, pad, width, wrap_words};

/// Columns before the words of a total.
const LABEL: usize = 13;
/// A line of a command is shown in so many rows, and of alternatives so many lines are named.
const ROWS: usize = 4;
const CHOICES: usize = 12;
/// The title of what stands above all headings.
const NO_SECTION: &str = "before the first heading";

/// Adds the totals and, as `detail` says, the sections and their pieces.
pub(super) fn show(text: &mut String, page: &Page<'_>, detail: Detail) {
    let runbook = page.runbook;
    let sections = holdings(runbook);
    totals(text, page, &sections);
    if detail == Detail::Compact {
        return;
    }
    let shown = shown_sections(runbook, &sections, detail);
    if shown.is_empty() {
        return;
    }
    text.push('\n');
    let table = Columns::of(&sections, page.columns);
    if runbook.steps.is_empty() {
        line(
            text,
            format_args!("  {FAINT}no step stands in these{FAINT:#}"),
        );
    } else {
        table.head(text);
    }
    let mut lines = Lines::new(page.source);
    for index in shown {
        let holding = &sections[index];
        table.row(text, &runbook.sections[index], holding, detail);
        let indent = indent(&runbook.sections[index]) + 4;
        for row in rows(&holding.details(detail), " · ", page.columns - indent) {
            line(text, format_args!("{:indent$}{FAINT}{row}{FAINT:#}", ""));
        }
        if detail == Detail::Pieces {
            for entry in holding.entries() {
                entry.show(text, page, &mut lines);
            }
        }
    }
}

/// What one section holds.
#[derive(Default)]
struct Holding<'r> {
    steps: Vec<&'r Step>,
    fences: Vec<&'r FenceReading>,
    forms: Vec<&'r Form>,
    /// The steps of the whole document, for finding what became of a piece.
    all: &'r [Step],
}

fn holdings(runbook: &Runbook) -> Vec<Holding<'_>> {
    let mut sections: Vec<Holding<'_>> = Vec::new();
    sections.resize_with(runbook.sections.len(), || Holding {
        all: &runbook.steps,
        ..Holding::default()
    });
    for step in &runbook.steps {
        sections[step.section].steps.push(step);
    }
    for fence in &runbook.fences {
        if let Some(section) = sections.get_mut(fence.section) {
            section.fences.push(fence);
        }
    }
    for form in &runbook.forms {
        if let Some(section) = sections.get_mut(form.section) {
            section.forms.push(form);
        }
    }
    sections
}

/// Returns the indexes of the sections that are told, those around them included.
fn shown_sections(runbook: &Runbook, sections: &[Holding<'_>], detail: Detail) -> Vec<usize> {
    let mut shown = BTreeSet::new();
    let mut open: Vec<usize> = Vec::new();
    for (index, section) in runbook.sections.iter().enumerate() {
        open.retain(|above| runbook.sections[*above].level < section.level);
        let holding = &sections[index];
        let is_told = !holding.steps.is_empty()
            || !holding.forms.is_empty()
            || (detail == Detail::Pieces && !holding.fences.is_empty());
        if is_told {
            shown.extend(open.iter().copied());
            shown.insert(index);
        }
        if section.level > 0 {
            open.push(index);
        }
    }
    shown.into_iter().collect()
}

impl<'r> Holding<'r> {
    fn effects(&self, effect: Effect) -> usize {
        self.commands().filter(|step| step.effect == effect).count()
    }

    fn commands(&self) -> impl Iterator<Item = &'r Step> {
        let steps = self.steps.iter().copied();
        steps.filter(|step| matches!(step.task, Task::Command { .. }))
    }

    fn by_hand(&self) -> usize {
        self.steps.len() - self.commands().count()
    }

    fn is_step(&self, fence: &FenceReading) -> bool {
        let became = |piece: &Piece| step_of(piece, fence.line, fence.span, self.all).is_some();
        fence.pieces.iter().any(became)
    }

    /// What there is to know before one begins, in a few words each.
    fn details(&self, detail: Detail) -> Vec<String> {
        let mut details = Vec::new();
        let mut say = |number: usize, words: &str| {
            if number > 0 {
                details.push(format!("{number} {words}"));
            }
        };
        let mut choices: BTreeMap<u32, usize> = BTreeMap::new();
        for choice in self.steps.iter().filter_map(|it| it.circumstances.choice) {
            *choices.entry(choice).or_default() += 1;
        }
        let offers = |offer: Offer| self.commands().filter(|it| it.offer() == offer).count();
        say(offers(Offer::Hand), "for a terminal");
        let offered =
            |step: &&&Step| matches!(&step.task, Task::ByHand { offered, .. } if offered.is_some());
        say(
            self.steps.iter().filter(offered).count(),
            "with a command offered",
        );
        say(self.steps.iter().filter(|it| it.ticked).count(), "ticked");
        let rules = self.rules();
        if !rules.is_empty() {
            details.push(format!("in doubt: {}", rules.join(", ")));
        }
        for number in choices.values().filter(|number| **number > 1) {
            details.push(format!("choose 1 of {number}"));
        }
        let missing = missing(self.steps.iter().copied());
        if !missing.is_empty() {
            details.push(format!("fill in {}", missing.join(", ")));
        }
        let forms = self.forms.iter();
        details.extend(forms.map(|it| format!("form: {} (line {})", it.told(), it.line)));
        // With its pieces shown a fence speaks for itself.
        if detail != Detail::Pieces {
            let others = natures(self.fences.iter().copied().filter(|it| !self.is_step(it)));
            if !others.is_empty() {
                details.push(format!("no steps: {}", others.join(", ")));
            }
        }
        details
    }

    /// The rules that put steps in doubt, each with how often: values aside, they are told by name.
    fn rules(&self) -> Vec<String> {
        let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
        for step in self.commands().filter(|it| it.offer() == Offer::Ask) {
            let of_step: BTreeSet<&str> = step
                .doubts
                .iter()
                .filter(|it| !it.is_a_value())
                .map(|it| it.rule)
                .collect();
            for rule in of_step {
                *rules.entry(rule).or_default() += 1;
            }
        }
        rules
            .into_iter()
            .map(|(rule, number)| format!("{number} {rule}"))
            .collect()
    }

    /// What `-v` tells, in the order of the file.
    fn entries(&self) -> Vec<Entry<'r>> {
        let mut entries: Vec<Entry<'r>> = Vec::new();
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for fence in &self.fences {
            for piece in &fence.pieces {
                let step = step_of(piece, fence.line, fence.span, self.all);
                told.extend(step.map(|it| it.id.as_str()));
                entries.push(Entry::Piece { fence, piece, step });
            }
        }
        let others = self.steps.iter().copied();
        let others = others.filter(|step| !told.contains(step.id.as_str()));
        entries.extend(others.map(Entry::Other));
        entries.sort_by_key(Entry::line);
        entries
    }
}

/// The columns of the map: those that hold something.
struct Columns {
    /// Columns for the titles.
    titles: usize,
    heads: Vec<(&'static str, Style, Count)>,
}

#[derive(Clone, Copy)]
enum Count {
    Of(Effect),
    ByHand,
}

impl Count {
    fn of(self, holding: &Holding<'_>) -> usize {
        match self {
            Self::Of(effect) => holding.effects(effect),
            Self::ByHand => holding.by_hand(),
        }
    }
}

impl Columns {
    fn of(sections: &[Holding<'_>], columns: usize) -> Self {
        let all = [
            ("reads", GOOD, Count::Of(Effect::Reads)),
            ("changes", Style::new(), Count::Of(Effect::Changes)),
            ("destroys", DANGER, Count::Of(Effect::Destroys)),
            ("unknown", DOUBT, Count::Of(Effect::Unknown)),
            ("by hand", Style::new(), Count::ByHand),
        ];
        let heads: Vec<_> = all
            .into_iter()
            .filter(|(.., count)| sections.iter().any(|it| count.of(it) > 0))
            .collect();
        let taken: usize = heads.iter().map(|(name, ..)| name.len() + 2).sum();
        Self {
            titles: columns.saturating_sub(taken).max(20),
            heads,
        }
    }

    fn head(&self, text: &mut String) {
        let mut row = " ".repeat(self.titles);
        for (name, ..) in &self.heads {
            row.push_str("  ");
            row.push_str(name);
        }
        line(text, format_args!("{FAINT}{row}{FAINT:#}"));
    }

    fn row(&self, text: &mut String, section: &Section, holding: &Holding<'_>, detail: Detail) {
        let indent = indent(section);
        let title = match section.title.as_str() {
            "" => NO_SECTION,
            title => title,
        };
        let mark = if section.on_demand {
            " · on demand"
        } else {
            ""
        };
        let title = inline(title).into_owned() + mark;
        let has_steps = !holding.steps.is_empty();
        let style = match (has_steps, detail) {
            (true, _) => Style::new().bold(),
            (false, Detail::Pieces) if !holding.fences.is_empty() => Style::new().bold(),
            (false, _) => FAINT,
        };
        // The title is what a person names the section by: it is never cut.
        let rows = wrap_words(&title, self.titles.saturating_sub(indent).max(12));
        for (number, row) in rows.iter().enumerate() {
            let mut counts = String::new();
            if number == 0 && has_steps {
                for (name, style, count) in &self.heads {
                    let number = count.of(holding);
                    let room = name.len() + 2;
                    let told = if number == 0 {
                        format!("{:>room$}", "·")
                    } else {
                        format!("{style}{number:>room$}{style:#}")
                    };
                    counts.push_str(&told);
                }
            }
            let filled = pad(row, self.titles.saturating_sub(indent).max(width(row)));
            let filled = if counts.is_empty() {
                row
            } else {
                filled.as_str()
            };
            line(
                text,
                format_args!("{:indent$}{style}{filled}{style:#}{counts}", ""),
            );
        }
    }
}

fn indent(section: &Section) -> usize {
    usize::from(section.level.saturating_sub(1)) * 2
}

/// Something that `-v` tells.
enum Entry<'r> {
    Piece {
        fence: &'r FenceReading,
        piece: &'r Piece,
        step: Option<&'r Step>,
    },
    /// A step that no reading made: an item, or a fence that only its tag made one.
    Other(&'r Step),
}

impl Entry<'_> {
    fn line(&self) -> u32 {
        match self {
            Self::Piece { piece, .. } => piece.line,
            Self::Other(step) => step.line,
        }
    }

    fn show(&self, text: &mut String, page: &Page<'_>, lines: &mut Lines<'_>) {
        match self {
            Self::Piece { fence, piece, step } => {
                let first = first_line(page, fence, piece);
                let title = if piece.title.is_empty() {
                    first
                } else {
                    piece.title.as_str()
                };
                let offer = match step {
                    Some(step) => step.offer(),
                    None => Offer::Never,
                };
                Self::head(
                    text,
                    page,
                    piece.line,
                    title,
                    piece.nature,
                    piece.effect,
                    offer,
                );
                if !piece.title.is_empty() && first != piece.title {
                    for row in first_rows(&inline(first), page.columns.saturating_sub(7)) {
                        line(text, format_args!("{:7}{FAINT}{row}{FAINT:#}", ""));
                    }
                }
                let because = if piece.because.is_empty() {
                    &fence.because
                } else {
                    &piece.because
                };
                Self::because(text, page, *step, because);
                let Some(step) = step else {
                    return;
                };
                let at = |it: &Placeholder| line_in(&piece.command, &it.range, piece.line);
                Self::around(text, page, step, lines, &at);
            }
            Self::Other(step) => {
                let (words, nature) = match &step.task {
                    Task::Command { body, .. } => (body.trim_start(), step.nature),
                    Task::ByHand { text, .. } => (text.trim_start(), Nature::Command),
                };
                let words = words.lines().next().unwrap_or_default();
                if let Task::ByHand { offered, .. } = &step.task {
                    let mark = if step.ticked { "[x]" } else { "[ ]" };
                    let words = format!("{:>5}  {mark} {words}", step.line);
                    page.rows(text, 0, Style::new(), &words);
                    Self::because(text, page, Some(step), &step.because);
                    if let Some(offered) = offered {
                        page.rows(
                            text,
                            7,
                            FAINT,
                            &format!("offered: {}", offered.body.trim_end()),
                        );
                    }
                } else {
                    Self::head(
                        text,
                        page,
                        step.line,
                        words,
                        nature,
                        step.effect,
                        step.offer(),
                    );
                    Self::because(text, page, Some(step), &step.because);
                }
                Self::around(text, page, step, lines, &|_| step.line);
            }
        }
    }

    fn head(
        text: &mut String,
        page: &Page<'_>,
        number: u32,
        title: &str,
        nature: Nature,
        effect: Effect,
        offer: Offer,
    ) {
        let style = match offer {
            Offer::Run => GOOD,
            Offer::Type => DANGER,
            Offer::Ask | Offer::Fill => DOUBT,
            Offer::Hand | Offer::Never => FAINT,
        };
        let effect = if nature.is_step() {
            effect.to_string()
        } else {
            String::new()
        };
        let room = page.columns.saturating_sub(7 + 2 + 11 + 2 + 8 + 2 + 5);
        let title = inline(title.trim());
        let mut rows = first_rows(&title, room);
        let title = pad(&rows.remove(0), room);
        line(
            text,
            format_args!(
                "{number:>5}  {title}  {nature:<11}  {effect:<8}  {style}{}{style:#}",
                offer.name()
            ),
        );
        for row in rows {
            line(text, format_args!("{:7}{row}", ""));
        }
    }

    fn because(text: &mut String, page: &Page<'_>, step: Option<&Step>, because: &str) {
        let words = match step {
            Some(step) => {
                let derived = if step.id_is_explicit { "" } else { "~" };
                format!("{derived}{} · {because}", step.id)
            }
            None => because.to_owned(),
        };
        page.rows(text, 7, FAINT, words.trim_end_matches(" · "));
    }

    fn around(
        text: &mut String,
        page: &Page<'_>,
        step: &Step,
        lines: &mut Lines<'_>,
        at: &dyn Fn(&Placeholder) -> u32,
    ) {
        let around = &step.circumstances;
        if !around.place_because.is_empty() {
            let words = format!("{}: {}", around.place, around.place_because);
            page.rows(text, 7, FAINT, &words);
        }
        for doubt in step.doubts.iter().filter(|it| !it.is_a_value()) {
            let words = format!("in doubt ({}): {}", doubt.rule, doubt.because);
            page.rows(text, 7, DOUBT, &words);
        }
        if waits(step).next().is_some() {
            let mut values: Vec<String> = Vec::new();
            for it in waits(step) {
                let words = format!("{} (line {})", named(it), at(it));
                if !values.contains(&words) {
                    values.push(words);
                }
            }
            page.rows(text, 7, DOUBT, &format!("fill in {}", values.join(", ")));
        }
        let list = |it: &[String]| it.join(", ");
        // A doubt may have told of the hosts already.
        let is_told = step.doubts.iter().any(|it| it.rule == "leaves-machine");
        let hosts = if is_told {
            &[]
        } else {
            around.hosts.as_slice()
        };
        for (words, what) in [
            (list(hosts), "reaches"),
            (list(&around.overwrites), "overwrites"),
        ] {
            if !words.is_empty() {
                page.rows(text, 7, FAINT, &format!("{what} {words}"));
            }
        }
        if let Some(choice) = around.choice {
            let of = |other: &&Step| other.circumstances.choice == Some(choice);
            // Steps stand in the order of their sections.
            let steps = &page.runbook.steps;
            let first = steps.partition_point(|it| it.section < step.section);
            let others: Vec<String> = steps[first..]
                .iter()
                .take_while(|it| it.section == step.section)
                .filter(of)
                .filter(|other| other.id != step.id)
                .map(|other| other.line.to_string())
                .take(CHOICES)
                .collect();
            if !others.is_empty() {
                let words = format!("one is chosen: this, or line {}", others.join(", "));
                page.rows(text, 7, DOUBT, &words);
            }
        }
        for warning in &around.warnings {
            let words = format!(
                "warning on line {}: {}",
                lines.line(warning.start),
                said(page, *warning)
            );
            page.rows(text, 7, DANGER, &words);
        }
    }
}

/// Returns the first rows of `text`, at least one, with a `…` where more would follow.
fn first_rows(text: &str, columns: usize) -> Vec<String> {
    let all = wrap_words(text, columns);
    let is_cut = all.len() > ROWS;
    let mut rows: Vec<String> = all.into_iter().take(ROWS).map(str::to_owned).collect();
    if is_cut && let Some(last) = rows.last_mut() {
        *last = fit(&format!("{last} …"), columns).into_owned();
    }
    rows
}

/// Returns the first row of what stands at `span`.
fn said<'a>(page: &Page<'a>, span: Span) -> &'a str {
    let text = page.source.get(span.start..span.end).unwrap_or_default();
    text.trim().lines().next().unwrap_or_default()
}

/// Returns the first line of a piece as it stands in the file.
fn first_line<'r>(page: &Page<'r>, fence: &FenceReading, piece: &'r Piece) -> &'r str {
    let is_told = |line: &&str| !line.trim().is_empty();
    // What runs says more than a prompt or a title.
    let mut command = piece.command.lines().filter(is_told);
    let is_code = |line: &&str| !line.trim_start().starts_with('#');
    if let Some(first) = command.clone().find(is_code).or_else(|| command.next()) {
        return first;
    }
    let inside = page.source.get(fence.span.start..fence.span.end);
    let offset = piece.line.saturating_sub(fence.line) as usize;
    let mut lines = inside.unwrap_or_default().lines().skip(offset);
    lines.find(is_told).unwrap_or_default()
}

fn totals(text: &mut String, page: &Page<'_>, sections: &[Holding<'_>]) {
    let runbook = page.runbook;
    let total = |text: &mut String, label: &str, style: Style, words: &[String]| {
        let rows = rows(words, ", ", page.columns.saturating_sub(LABEL + 2));
        for (number, row) in rows.iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            line(text, format_args!("  {label:<LABEL$}{style}{row}{style:#}"));
        }
    };
    if !runbook.fences.is_empty() {
        let words = natures(runbook.fences.iter());
        total(
            text,
            &counted(runbook.fences.len(), "fence"),
            Style::new(),
            &words,
        );
    }
    if runbook.steps.is_empty() {
        line(
            text,
            format_args!("  {FAINT}no steps: nothing in it would run{FAINT:#}"),
        );
        return;
    }
    let commands = || sections.iter().flat_map(Holding::commands);
    let offers = |offer: Offer| commands().filter(|step| step.offer() == offer).count();
    let by_hand: usize = sections.iter().map(Holding::by_hand).sum();
    let words = [
        (offers(Offer::Run), "ready"),
        (offers(Offer::Type), "destroying"),
        (offers(Offer::Ask), "to look at"),
        (offers(Offer::Fill), "to fill in"),
        (offers(Offer::Hand), "for a terminal"),
        (by_hand, "by hand"),
    ];
    let words = counts(words.into_iter());
    total(
        text,
        &counted(runbook.steps.len(), "step"),
        Style::new(),
        &words,
    );
    let missing = missing(runbook.steps.iter());
    if !missing.is_empty() {
        total(text, "missing", DOUBT, &missing);
    }
    let on_demand = runbook.steps.iter().filter(|it| it.on_demand).count();
    if on_demand > 0 {
        let mut words = on_demand_sections(runbook);
        if let Some(first) = words.first_mut() {
            *first = format!("{} in {first}", counted(on_demand, "step"));
        }
        total(text, "on demand", Style::new(), &words);
    }
}

/// Returns the titles of the outermost sections that are on demand and hold steps.
fn on_demand_sections(runbook: &Runbook) -> Vec<String> {
    let mut titles: Vec<String> = Vec::new();
    let mut depth = None;
    for (index, section) in runbook.sections.iter().enumerate() {
        if depth.is_some_and(|level| section.level <= level) {
            depth = None;
        }
        if !section.on_demand || depth.is_some() {
            continue;
        }
        depth = Some(section.level);
        let below = runbook.sections[index + 1..]
            .iter()
            .take_while(|it| it.level > section.level)
            .count();
        // Steps stand in the order of their sections.
        let first = runbook.steps.partition_point(|step| step.section < index);
        let step = runbook.steps.get(first);
        if step.is_some_and(|step| step.section <= index + below) {
            titles.push(section.title.clone());
        }
    }
    titles
}

/// Returns the values that steps wait for, each name once.
fn missing<'r>(steps: impl Iterator<Item = &'r Step>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for it in steps.flat_map(waits) {
        let name = named(it);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Returns the values that a step waits for: a variable that something above it sets is no such one.
fn waits(step: &Step) -> impl Iterator<Item = &Placeholder> {
    let is_unset = |it: &&Placeholder| {
        let name = format!("`${}`", it.name);
        let mut doubts = step.doubts.iter();
        it.stands != Stands::Variable
            || doubts.any(|doubt| doubt.rule == "unset-variable" && doubt.because.contains(&name))
    };
    step.circumstances.placeholders.iter().filter(is_unset)
}

fn named(placeholder: &Placeholder) -> String {
    let mark = if placeholder.stands == Stands::Variable {
        "$"
    } else {
        ""
    };
    let secret = if placeholder.secret {
        " (a secret)"
    } else {
        ""
    };
    format!("{mark}{}{secret}", placeholder.name)
}

/// Returns `3 file, 1 query`.
fn natures<'r>(fences: impl Iterator<Item = &'r FenceReading>) -> Vec<String> {
    let mut numbers: BTreeMap<Nature, usize> = BTreeMap::new();
    for fence in fences {
        *numbers.entry(fence.nature).or_default() += 1;
    }
    counts(numbers.into_iter().map(|(nature, number)| (number, nature)))
}

fn counts<T: Display>(counts: impl Iterator<Item = (usize, T)>) -> Vec<String> {
    counts
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect()
}

/// Returns `parts` in rows of at most `columns`, broken between two parts where that is possible.
fn rows(parts: &[String], between: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(20);
    let mut rows: Vec<String> = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let mut part = inline(part).into_owned();
        if number + 1 < parts.len() {
            part.push_str(between.trim_end());
        }
        match rows.last_mut() {
            Some(row) if width(row) + 1 + width(&part) <= columns => {
                row.push(' ');
                row.push_str(&part);
            }
            _ => rows.extend(wrap_words(&part, columns).into_iter().map(str::to_owned)),
        }
    }
    rows
}
