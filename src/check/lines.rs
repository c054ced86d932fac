//! Expected lines beside printed ones: `...` stands for any lines, `[..]` for any text in a line,
//! `{regex}` for what the expression matches; `{unordered}` as the first line lets the others come in
//! any order.

use std::ops::Range;
use std::time::Duration;

use regex::Regex;
use similar::{ChangeTag, TextDiff};

use super::difference;
use super::functions::compiled;
use crate::model::{Run, Tag};

/// As the first line: the others may come in any order.
pub(super) const UNORDERED: &str = "{unordered}";
/// Comparisons of a line with a line, each counted by its length in blocks of 64 bytes.
const MOST: u64 = 40_000_000;
/// After this long the rest of a difference is told as it is.
const DEADLINE: Duration = Duration::from_millis(200);

/// An expected line.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    /// `...`
    Any,
    /// Nothing in it is a wildcard.
    Text(String),
    /// A group for each wildcard.
    Form(String, Regex),
}

impl Pattern {
    fn matches(&self, line: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(text) => text == line,
            Self::Form(_, regex) => regex.is_match(line),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Any => "...",
            Self::Text(text) | Self::Form(text, _) => text,
        }
    }
}

/// What is expected, read.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    patterns: Vec<Pattern>,
    is_unordered: bool,
}

/// What is wrong in an expected line: its bytes in the line, and why.
pub(super) type Wrong = (usize, Range<usize>, String);

impl Expected {
    /// Reads expected lines. A wildcard that cannot be read is text, and told.
    pub(super) fn read(text: &str) -> (Self, Vec<Wrong>) {
        let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        while lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        let is_unordered = lines.first().is_some_and(|line| line.trim() == UNORDERED);
        let mut wrong = Vec::new();
        let patterns = lines.iter().enumerate().skip(usize::from(is_unordered));
        let patterns = patterns
            .map(|(at, line)| pattern(line, at, &mut wrong))
            .collect();
        let expected = Self {
            patterns,
            is_unordered,
        };
        (expected, wrong)
    }

    /// Returns lines that stand somewhere in what is printed, as they are written.
    pub(super) fn somewhere(text: &str) -> Self {
        let lines = text.lines().map(|line| Pattern::Text(line.to_owned()));
        let any = || std::iter::once(Pattern::Any);
        Self {
            patterns: any().chain(lines).chain(any()).collect(),
            is_unordered: false,
        }
    }
}

/// Reads one expected line.
fn pattern(line: &str, at: usize, wrong: &mut Vec<Wrong>) -> Pattern {
    if line.trim() == "..." {
        return Pattern::Any;
    }
    let mut form = String::from(r"\A");
    let mut is_form = false;
    let mut start = 0;
    while start < line.len() {
        let rest = &line[start..];
        if rest.starts_with("[..]") {
            form.push_str("(.*?)");
            is_form = true;
            start += 4;
            continue;
        }
        if rest.starts_with('{')
            && let Some(inner) = braced(rest).filter(|inner| is_regex(inner))
        {
            match compiled(&format!("(?:{inner})")) {
                Ok(_) => {
                    // It may also stand there as it is written.
                    let literal = regex::escape(&rest[..inner.len() + 2]);
                    form.extend(["(", &literal, "|(?:", inner, "))"]);
                    is_form = true;
                    start += inner.len() + 2;
                    continue;
                }
                Err(_) if inner.contains('\\') => {
                    let message = compiled(inner).err().unwrap_or_default();
                    wrong.push((at, start + 1..start + 1 + inner.len(), message));
                }
                Err(_) => {}
            }
        }
        let length = rest.chars().next().map_or(1, char::len_utf8);
        form.push_str(&regex::escape(&rest[..length]));
        start += length;
    }
    form.push_str(r"\z");
    match compiled(&form) {
        Ok(regex) if is_form => Pattern::Form(line.to_owned(), regex),
        Err(message) if is_form => {
            wrong.push((at, 0..line.len(), message));
            Pattern::Text(line.to_owned())
        }
        _ => Pattern::Text(line.to_owned()),
    }
}

/// Returns what stands in the braces that `text` begins with.
fn braced(text: &str) -> Option<&str> {
    let mut depth = 0_u32;
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if std::mem::take(&mut is_escaped) => {}
            '\\' => is_escaped = true,
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(&text[1..at]);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether what stands in braces is meant as an expression: JSON and plain words are text.
fn is_regex(inner: &str) -> bool {
    !inner.starts_with(['"', '\'', ' '])
        && inner.contains(['\\', '.', '*', '+', '?', '|', '^', '$', '(', '['])
}

/// How expected lines and printed ones compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// As expected.
    Same,
    /// Not so: the expected line that is missing, from 0, if it is one; and the difference.
    Differs(Option<usize>, Vec<Run>),
    /// There was too much to compare.
    TooMuch,
}

/// Compares lines.
pub(super) fn compare(expected: &Expected, printed: &[&str]) -> Compared {
    let mut left = MOST;
    let found = if expected.is_unordered {
        in_any_order(&expected.patterns, printed, &mut left)
    } else {
        in_order(&expected.patterns, printed, &mut left)
    };
    match found {
        None => Compared::TooMuch,
        Some(true) => Compared::Same,
        Some(false) => {
            let (missing, runs) = if expected.is_unordered {
                let found = assigned(&expected.patterns, printed, &mut MOST.clone());
                unordered_difference(&expected.patterns, printed, &found.unwrap_or_default())
            } else {
                ordered_difference(&expected.patterns, printed)
            };
            let shift = usize::from(expected.is_unordered);
            Compared::Differs(missing.map(|at| at + shift), runs)
        }
    }
}

/// Takes the cost of one comparison off; `None` where nothing is left.
fn pay(left: &mut u64, line: &str) -> Option<()> {
    *left = left.checked_sub(1 + line.len() as u64 / 64)?;
    Some(())
}

/// Whether the lines match in their order. What stands between two `...` is best found as early as
/// possible: so only the last `...` is ever gone back to, and the cost is the product of the lengths.
fn in_order(patterns: &[Pattern], printed: &[&str], left: &mut u64) -> Option<bool> {
    let (mut at, mut line) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while line < printed.len() {
        match patterns.get(at) {
            Some(Pattern::Any) => {
                at += 1;
                back = Some((at, line));
                continue;
            }
            Some(pattern) => {
                pay(left, printed[line])?;
                if pattern.matches(printed[line]) {
                    at += 1;
                    line += 1;
                    continue;
                }
            }
            None => {}
        }
        let Some((after, from)) = back else {
            return Some(false);
        };
        at = after;
        line = from + 1;
        back = Some((after, line));
    }
    let rest = patterns[at..].iter();
    Some(rest.into_iter().all(|it| matches!(it, Pattern::Any)))
}

fn in_any_order(patterns: &[Pattern], printed: &[&str], left: &mut u64) -> Option<bool> {
    let is_open = patterns.iter().any(|it| matches!(it, Pattern::Any));
    let wanted = patterns.len()
        - patterns
            .iter()
            .filter(|it| matches!(it, Pattern::Any))
            .count();
    if wanted > printed.len() || !is_open && wanted < printed.len() {
        return Some(false);
    }
    let assigned = assigned(patterns, printed, left)?;
    Some(assigned.iter().flatten().count() == wanted)
}

/// Returns for each printed line the expected one that it is taken for, so that as many as possible
/// are: a maximal matching, by augmenting paths.
fn assigned(patterns: &[Pattern], printed: &[&str], left: &mut u64) -> Option<Vec<Option<usize>>> {
    let mut taken: Vec<Option<usize>> = vec![None; printed.len()];
    let mut fits: Vec<Vec<usize>> = Vec::with_capacity(patterns.len());
    for pattern in patterns {
        let mut of_this = Vec::new();
        if !matches!(pattern, Pattern::Any) {
            for (at, line) in printed.iter().enumerate() {
                pay(left, line)?;
                if pattern.matches(line) {
                    of_this.push(at);
                }
            }
        }
        fits.push(of_this);
    }
    for at in 0..patterns.len() {
        // Breadth first: the way back from a free line is kept, nothing recurses.
        let mut came: Vec<Option<usize>> = vec![None; printed.len()];
        let mut queue = std::collections::VecDeque::from([at]);
        let mut free = None;
        'search: while let Some(pattern) = queue.pop_front() {
            for line in fits[pattern].iter().copied() {
                pay(left, "")?;
                if came[line].is_some() {
                    continue;
                }
                came[line] = Some(pattern);
                match taken[line] {
                    None => {
                        free = Some(line);
                        break 'search;
                    }
                    Some(other) => queue.push_back(other),
                }
            }
        }
        while let Some(line) = free {
            let Some(pattern) = came[line] else {
                break;
            };
            free = taken.iter().position(|it| *it == Some(pattern));
            taken[line] = Some(pattern);
            if let Some(before) = free {
                taken[before] = None;
            }
            if pattern == at {
                break;
            }
        }
    }
    Some(taken)
}

fn whole(tag: Tag, text: &str, greyed: bool) -> Run {
    Run {
        tag,
        text: difference::with_end(text),
        greyed,
    }
}

/// Returns a printed line that is as expected: what wildcards stand for is greyed.
fn as_expected(pattern: &Pattern, line: &str) -> Vec<Run> {
    let captures = match pattern {
        Pattern::Form(_, regex) => regex.captures(line),
        Pattern::Any => return vec![whole(Tag::Same, line, true)],
        Pattern::Text(_) => None,
    };
    let Some(captures) = captures else {
        return vec![whole(Tag::Same, line, false)];
    };
    let mut runs: Vec<Run> = Vec::new();
    let mut add = |text: &str, greyed: bool| {
        if !text.is_empty() {
            runs.push(Run {
                tag: Tag::Same,
                text: text.to_owned(),
                greyed,
            });
        }
    };
    let mut at = 0;
    for part in captures.iter().skip(1).flatten() {
        if part.start() >= at {
            add(&line[at..part.start()], false);
            add(part.as_str(), true);
            at = part.end();
        }
    }
    add(&line[at..], false);
    match runs.last_mut() {
        Some(last) => last.text.push('\n'),
        None => runs.push(whole(Tag::Same, line, false)),
    }
    runs
}

fn ordered_difference(patterns: &[Pattern], printed: &[&str]) -> (Option<usize>, Vec<Run>) {
    // A printed line is told apart by the expected line that it matches, so that the two are one.
    let old: Vec<&str> = patterns.iter().map(Pattern::text).collect();
    let mut next = 0;
    let mut left = MOST;
    let mut found = |line: &str| -> Option<usize> {
        let around = (next..patterns.len()).chain(0..next);
        for at in around {
            pay(&mut left, line)?;
            if !matches!(patterns[at], Pattern::Any) && patterns[at].matches(line) {
                next = at + 1;
                return Some(at);
            }
        }
        None
    };
    let taken: Vec<Option<usize>> = printed.iter().map(|line| found(line)).collect();
    let new: Vec<&str> = printed
        .iter()
        .zip(&taken)
        .map(|(line, at)| at.map_or(*line, |at| patterns[at].text()))
        .collect();
    let diff = TextDiff::configure()
        .timeout(DEADLINE)
        .diff_slices(&old, &new);
    let mut runs = Vec::new();
    let mut missing = None;
    for op in diff.ops() {
        let is_any = |at: usize| matches!(patterns[at], Pattern::Any);
        let is_open = op.old_range().any(is_any);
        for change in diff.iter_changes(op) {
            match (change.tag(), change.old_index(), change.new_index()) {
                (ChangeTag::Equal, Some(at), Some(line)) => {
                    runs.extend(as_expected(&patterns[at], printed[line]));
                }
                // `...` may stand for nothing.
                (ChangeTag::Delete, Some(at), _) if is_any(at) => {}
                (ChangeTag::Delete, Some(at), _) => {
                    missing = missing.or(Some(at));
                    runs.push(whole(Tag::Left, patterns[at].text(), false));
                }
                (_, _, Some(line)) => {
                    let tag = if is_open { Tag::Same } else { Tag::Right };
                    runs.push(whole(tag, printed[line], is_open));
                }
                _ => {}
            }
        }
    }
    (missing, folded(runs))
}

fn unordered_difference(
    patterns: &[Pattern],
    printed: &[&str],
    taken: &[Option<usize>],
) -> (Option<usize>, Vec<Run>) {
    let is_open = patterns.iter().any(|it| matches!(it, Pattern::Any));
    let mut missing = None;
    let mut runs = Vec::new();
    for (at, pattern) in patterns.iter().enumerate() {
        if !matches!(pattern, Pattern::Any) && !taken.contains(&Some(at)) {
            missing = missing.or(Some(at));
            runs.push(whole(Tag::Left, pattern.text(), false));
        }
    }
    for (at, line) in printed.iter().enumerate() {
        match taken.get(at).copied().flatten() {
            Some(pattern) => runs.extend(as_expected(&patterns[pattern], line)),
            None if is_open => runs.push(whole(Tag::Same, line, true)),
            None => runs.push(whole(Tag::Right, line, false)),
        }
    }
    (missing, folded(runs))
}

/// Leaves lines out that are far from what differs.
pub(super) fn folded(runs: Vec<Run>) -> Vec<Run> {
    const AROUND: usize = 3;
    // Lines, each of one run or several.
    let mut lines: Vec<Vec<Run>> = Vec::new();
    let mut is_open = false;
    for run in runs {
        let ends = run.text.ends_with('\n');
        match lines.last_mut().filter(|_| is_open) {
            Some(line) => line.push(run),
            None => lines.push(vec![run]),
        }
        is_open = !ends;
    }
    let differs = |line: &Vec<Run>| line.iter().any(|run| run.tag != Tag::Same);
    let places: Vec<usize> = (0..lines.len()).filter(|at| differs(&lines[*at])).collect();
    let mut shown = vec![false; lines.len()];
    for at in places {
        let end = (at + AROUND + 1).min(lines.len());
        shown[at.saturating_sub(AROUND)..end].fill(true);
    }
    let mut folded = Vec::new();
    let mut hidden: Vec<Vec<Run>> = Vec::new();
    let fold = |folded: &mut Vec<Run>, hidden: &mut Vec<Vec<Run>>| match hidden.len() {
        // To say that a line is left out takes a line too.
        0 | 1 => folded.extend(hidden.drain(..).flatten()),
        lines => {
            folded.push(difference::left_out(lines));
            hidden.clear();
        }
    };
    for (line, is_shown) in lines.into_iter().zip(shown) {
        if is_shown {
            fold(&mut folded, &mut hidden);
            folded.extend(line);
        } else {
            hidden.push(line);
        }
    }
    fold(&mut folded, &mut hidden);
    difference::shortened(folded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Compared, Expected, MOST, compare, in_any_order, in_order};

    fn check(expected: &str, printed: &str) -> bool {
        let (expected, _) = Expected::read(expected);
        let printed: Vec<&str> = printed.lines().collect();
        compare(&expected, &printed) == Compared::Same
    }

    #[test]
    fn wildcards_stand_for_what_the_documentation_says() {
        for (expected, printed) in [
            ("a\nb", "a\nb"),
            ("...", ""),
            ("...", "a\nb"),
            ("a\n...\nz", "a\nz"),
            ("a\n...\nz", "a\nb\nz\nz"),
            ("...\nb\n...\nd\n...", "a\nb\nb\nc\nd"),
            ("up [..] days", "up 3 days"),
            ("a[..]", "a"),
            (
                "{\"status\":\"ok\",\"uptime\":[..]}",
                "{\"status\":\"ok\",\"uptime\":12.5}",
            ),
            ("uptime {\\d+} days", "uptime 12 days"),
            ("id {[0-9a-f]{8}}!", "id 0123abcd!"),
            ("{a|b}c", "bc"),
            ("{a|b}c", "{a|b}c"),
            ("{}", "{}"),
            ("{ok}", "{ok}"),
            ("  {\\d+}", "  7"),
            ("a.c", "a.c"),
            ("{unordered}\nb\na", "a\nb"),
            ("{unordered}\nx[..]\nxa", "xa\nxb"),
            ("{unordered}\na\n...", "c\na\nb"),
            ("{unordered}\n...", ""),
            ("a\n\n", "a"),
        ] {
            assert!(check(expected, printed), "{expected:?} {printed:?}");
        }
        for (expected, printed) in [
            ("a\nb", "a"),
            ("a", "a\nb"),
            ("a\n...\nz", "a\nz\ny"),
            ("up [..] days", "up 3 hours"),
            ("uptime {\\d+} days", "uptime x days"),
            ("{}", ""),
            ("{ok}", "ok"),
            ("a.c", "abc"),
            ("{unordered}\nb\na", "a\nb\nc"),
            ("{unordered}\na\na", "a\nb"),
            ("{unordered}\na\nc\n...", "a\nb"),
            ("...\nb\n...\nb\n...", "a\nb\nc"),
            (" ...x", "a"),
        ] {
            assert!(!check(expected, printed), "{expected:?} {printed:?}");
        }
    }

    #[test]
    fn an_expression_that_does_not_compile_is_told() {
        let (_, wrong) = Expected::read("a\nb {\\d(} c\n{x(}");
        assert_eq!(wrong.len(), 1);
        assert_eq!((wrong[0].0, wrong[0].1.clone()), (1, 3..6));
    }

    #[test]
    fn many_wildcards_cost_the_product_and_no_more() {
        let expected = "...\na\n".repeat(300) + "b";
        let printed = "a\n".repeat(3000);
        let (read, _) = Expected::read(&expected);
        let lines: Vec<&str> = printed.lines().collect();
        let mut left = MOST;
        assert_eq!(in_order(&read.patterns, &lines, &mut left), Some(false));
        assert!(MOST - left <= 601 * 3000 * 2, "{}", MOST - left);
        let line = "[..]a".repeat(200);
        assert!(!check(&line, &"a".repeat(199)));
        assert!(check(&line, &"a".repeat(4000)));
        let unordered = format!("{{unordered}}\n{}", "[..]\n".repeat(1500));
        let (read, _) = Expected::read(&unordered);
        let mut left = MOST;
        in_any_order(&read.patterns, &lines[..1500], &mut left);
    }

    /// What the forms mean, without any care for the cost.
    fn naive(patterns: &[&str], printed: &[&str]) -> bool {
        match patterns {
            [] => printed.is_empty(),
            ["...", rest @ ..] => (0..=printed.len()).any(|at| naive(rest, &printed[at..])),
            [first, rest @ ..] => {
                let fits = |line: &&str| *first == "[..]" || first == line;
                printed.first().is_some_and(fits) && naive(rest, &printed[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn lines_match_as_the_plain_definition_says(
            patterns in proptest::collection::vec(proptest::sample::select(vec!["...", "[..]", "a", "b"]), 0..8),
            printed in proptest::collection::vec(proptest::sample::select(vec!["a", "b", "c"]), 0..8),
        ) {
            let found = check(&patterns.join("\n"), &printed.join("\n"));
            prop_assert_eq!(found, naive(&patterns, &printed));
        }

        #[test]
        fn any_expectation_is_compared_and_every_printed_line_is_told(
            expected in "[a-c\\[\\].{}\\\\+\n ]{0,40}",
            printed in proptest::collection::vec("[a-c ]{0,4}", 0..6),
        ) {
            let (read, _) = Expected::read(&expected);
            let lines: Vec<&str> = printed.iter().map(String::as_str).collect();
            if let Compared::Differs(_, runs) = compare(&read, &lines) {
                prop_assert!(runs.iter().all(|run| run.text.matches('\n').count() <= 1));
                prop_assert!(runs.last().is_none_or(|run| run.text.ends_with('\n')));
            }
        }
    }
}
