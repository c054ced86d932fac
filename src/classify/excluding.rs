//! The fences of a document → which pieces exclude each other: alternatives, opposites, ways under
//! headings side by side; and what is typed elsewhere because of what stands before it.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use super::body;
use super::context::{Context, Said};
use super::side_by_side;
use super::text::Parts;
use super::ways::{
    is_first_way, is_lettered, is_recommended, names_a_case, names_the_means, numbered_way, system,
    web_server,
};
use super::words::{self, List};
use crate::markdown::Document;
use crate::model::Effect;

/// As far apart sections stand side by side.
const SIBLINGS: usize = 6;

/// As many pieces make a procedure.
const PROCEDURE: usize = 3;

/// A fence that ends in the shell of a container or a node: the fences after it, in its section, are
/// typed there.
pub(super) fn typed_inside(fences: &mut [Context<'_>]) {
    let mut inside: Option<(u32, String)> = None;
    for context in fences {
        if inside
            .as_ref()
            .is_some_and(|(section, _)| *section != context.fence.section)
        {
            inside = None;
        }
        if let Some((_, because)) = &inside {
            for piece in context.pieces.to_mut() {
                if piece.nature.is_step() && !body::drives(piece.read) {
                    let whole = piece.range.clone();
                    let because = format!("{because}: what follows is typed there");
                    piece.doubt("remote-shell", because, whole);
                }
            }
        }
        let last = context.pieces.iter().rfind(|piece| piece.nature.is_step());
        if let Some(because) = last.and_then(|piece| body::opens_inside(piece.read)) {
            inside = Some((context.fence.section, because));
        }
    }
}

/// Finds pieces that are alternatives or opposites of each other.
pub(super) fn exclude(fences: &mut [Context<'_>], document: &Document<'_>) {
    let mut next = 1;
    let mut start = 0;
    while start < fences.len() {
        let section = fences[start].fence.section;
        let length = fences[start..]
            .iter()
            .take_while(|context| context.fence.section == section)
            .count();
        let group = &mut fences[start..start + length];
        if group.iter().any(Context::may_tell_of_ways) {
            alternatives(group, &mut next);
        }
        for context in group.iter_mut() {
            opposites(context, &mut next);
        }
        start += length;
    }
    sibling_sections(fences, &mut next);
    side_by_side::tabs(fences, document, &mut next);
    side_by_side::chores(fences, document);
    side_by_side::taken_back(fences);
    undoing_sections(fences);
    stopped_for_good(fences);
}

/// Stops what nothing in the document after it starts again: from a list to choose from, rather than a
/// step on the way.
fn stopped_for_good(fences: &mut [Context<'_>]) {
    let stops = |context: &Context<'_>| context.pieces.iter().any(|piece| piece.has_opposite);
    if !fences.iter().any(stops) {
        return;
    }
    let mut started: BTreeSet<String> = BTreeSet::new();
    for context in fences.iter_mut().rev() {
        for at in (0..context.pieces.len()).rev() {
            let piece = &context.pieces[at];
            let Some(understood) = piece
                .read
                .understanding
                .as_ref()
                .filter(|_| piece.nature.is_step() && piece.may_start)
            else {
                continue;
            };
            let mut stops = false;
            for known in understood.commands.iter().rev() {
                let Some(text) = piece.read.command.get(known.range.clone()) else {
                    continue;
                };
                let words = bare_words(text);
                let with = |at: usize, word: &str| {
                    let mut words = words.clone();
                    words[at] = word;
                    words.join(" ")
                };
                let undone = words.iter().enumerate().find_map(|(at, word)| {
                    let does: Vec<&str> = words::OPPOSITES
                        .iter()
                        .filter(|(_, undoes)| undoes == word)
                        .map(|(does, _)| *does)
                        .collect();
                    (at > 0 && words::STOPS.contains(word) && !does.is_empty())
                        .then_some((at, does))
                });
                if let Some((at, does)) = undone {
                    stops |= !does
                        .iter()
                        .chain(&["restart"])
                        .any(|word| started.contains(&with(at, word)));
                }
                started.insert(words.join(" "));
            }
            let is_told = piece
                .doubts
                .iter()
                .any(|(rule, _, _)| matches!(*rule, "alternative" | "opposite" | "reference"));
            if stops && !is_told && piece.effect == Effect::Changes {
                let whole = piece.range.clone();
                let because = "nothing after it starts again what it stops";
                context.pieces.to_mut()[at].doubt("opposite", because, whole);
            }
        }
    }
}

/// The words of a command as far as opposites go.
fn bare_words(command: &str) -> Vec<&str> {
    let words = command.each_word();
    words
        .filter(|word| !word.starts_with('-') && *word != "sudo")
        .collect()
}

/// `Start the service`, then `Stop the service`, as sections side by side: a list to choose from. The
/// other way round they are a procedure.
fn undoing_sections(fences: &mut [Context<'_>]) {
    let alone: Vec<Option<Vec<&str>>> = fences.iter().map(alone).collect();
    let undone: Vec<usize> = (1..fences.len())
        .filter(|at| {
            let Some(undoes) = &alone[*at] else {
                return false;
            };
            (at.saturating_sub(SIBLINGS)..*at).any(|before| {
                let (does, undone) = (&fences[before], &fences[*at]);
                does.fence.section != undone.fence.section
                    && alone[before]
                        .as_ref()
                        .and_then(|does| opposite(does, undoes))
                        .is_some_and(|(forward, _)| forward)
                    && does.headings().get(1..) == undone.headings().get(1..)
            })
        })
        .collect();
    drop(alone);
    for at in undone {
        for piece in fences[at].pieces.to_mut() {
            if piece.nature.is_step() {
                let whole = piece.range.clone();
                let because = "it undoes what stands before it: one of them is meant";
                piece.doubt("opposite", because, whole);
            }
        }
    }
}

/// The words of the only command of a fence.
pub(super) fn alone<'a>(context: &Context<'a>) -> Option<Vec<&'a str>> {
    let mut steps = context.pieces.iter().filter(|piece| piece.nature.is_step());
    let step = steps.next().filter(|_| steps.next().is_none())?.read;
    let mut commands = step.understanding.as_ref()?.commands.iter();
    let mut commands = commands.by_ref().filter(|known| known.name != "cd");
    let known = commands.next().filter(|_| commands.next().is_none())?;
    step.command.get(known.range.clone()).map(bare_words)
}

/// Marks pieces of one choice. The first `taken` of them are the way to take unless another is chosen.
pub(super) fn choose(
    fences: &mut [Context<'_>],
    members: &[(usize, usize)],
    taken: usize,
    because: &str,
    next: &mut u32,
) {
    if members.is_empty() {
        return;
    }
    // `Option A`, then `Option B`: what joins a choice later is part of it.
    let joined = members.iter().find_map(|(fence, piece)| {
        fences[*fence]
            .choices
            .iter()
            .find(|(index, _)| index == piece)
            .map(|(_, choice)| *choice)
    });
    let number = joined.unwrap_or(*next);
    for (at, (fence, piece)) in members.iter().enumerate() {
        let context = &mut fences[*fence];
        // What only looks harms nobody, whichever way is taken.
        if context.pieces[*piece].effect == Effect::Reads
            || context.choices.iter().any(|(index, _)| index == piece)
        {
            continue;
        }
        let whole = context.pieces[*piece].range.clone();
        context.choices.push((*piece, number));
        let is_recommended = is_recommended(&context.pieces[*piece].heard);
        if at >= taken && !is_recommended {
            context.pieces.to_mut()[*piece].doubt("alternative", because.to_owned(), whole);
        }
    }
    *next += 1;
}

fn alternatives(group: &mut [Context<'_>], next: &mut u32) {
    let steps: Vec<(usize, usize)> = group
        .iter()
        .enumerate()
        .flat_map(|(fence, context)| {
            context
                .pieces
                .iter()
                .enumerate()
                .filter(|(_, piece)| piece.nature.is_step())
                .map(move |(piece, _)| (fence, piece))
        })
        .collect();
    // By words: `or`, `Option B`, ①.
    for (at, (fence, piece)) in steps.iter().enumerate() {
        let context = &group[*fence];
        let is_first_of_fence = steps
            .get(at.wrapping_sub(1))
            .is_none_or(|(before, _)| before != fence);
        let by_title = context.pieces[*piece].read.ways.is_another;
        let by_lead = is_first_of_fence && context.is_another_way();
        if !(by_title || by_lead) {
            continue;
        }
        let lead = context.lead();
        let mut members = Vec::new();
        if at > 0 {
            let before = steps[at - 1];
            if by_title && !by_lead && before.0 == *fence {
                members.push(before);
            } else if by_lead && !is_first_way(lead) {
                // All of the fence before is the other way where the sentence between them says so:
                // but a procedure of many pieces is the way, and this is another.
                let from = steps[..at].partition_point(|(fence, _)| *fence < before.0);
                if at - from < PROCEDURE {
                    members.extend(&steps[from..at]);
                }
            }
        }
        // `Or …` between two fences: the first is the way, unless the other is chosen. In one fence, and
        // where ways have numbers, it is a menu.
        let is_menu = by_title || lead.is_some_and(|it| numbered_way(it, it).is_some());
        let taken = if is_menu { 0 } else { members.len() };
        if by_lead && lead.is_some_and(is_recommended) {
            // It is the way to take.
        } else if by_lead {
            members.extend(steps[at..].iter().take_while(|(other, _)| other == fence));
        } else {
            // What follows in the fence is part of a way with a number, up to the next one.
            let title = &context.pieces[*piece].heard;
            let is_numbered = numbered_way(title, title).is_some();
            let rest = steps[at..].iter().take_while(|(other, _)| other == fence);
            let more = rest.skip(1).take_while(|(fence, piece)| {
                is_numbered && !group[*fence].pieces[*piece].read.ways.is_another
            });
            members.push((*fence, *piece));
            members.extend(more);
        }
        choose(
            group,
            &members,
            taken,
            "the text offers it as one of several ways",
            next,
        );
    }
    // `Via Helm:`, `Via Terraform:`.
    let by_means: Vec<(usize, usize)> = steps
        .iter()
        .filter(|(fence, _)| {
            let lead = group[*fence].lead();
            lead.is_some_and(|text| names_the_means(text))
        })
        .copied()
        .collect();
    if by_means.first().map(|it| it.0) != by_means.last().map(|it| it.0) {
        choose(
            group,
            &by_means,
            0,
            "the text offers it as one of several ways",
            next,
        );
    }
    // By systems that stand side by side as titles or leads.
    let mut named: Vec<((usize, usize), &str)> = Vec::new();
    for (fence, piece) in &steps {
        let context = &group[*fence];
        let read = context.pieces[*piece].read;
        let of_lead = || system(context.lead()?).filter(|_| read.heard.is_empty());
        if let Some(name) = read.ways.system.or_else(of_lead) {
            named.push(((*fence, *piece), name));
        }
    }
    let different: BTreeSet<&str> = named.iter().map(|(_, name)| *name).collect();
    if different.len() > 1 {
        let members: Vec<_> = named.iter().map(|(member, _)| *member).collect();
        choose(group, &members, 0, "it is for one of several systems", next);
    }
    // By package managers: nobody installs with two of them.
    let managed: Vec<((usize, usize), &str)> = steps
        .iter()
        .filter_map(|(fence, piece)| {
            let piece_of = &group[*fence].pieces[*piece];
            let family = piece_of.read.ways.manager;
            family
                .filter(|_| piece_of.effect != Effect::Reads)
                .map(|family| ((*fence, *piece), family))
        })
        .collect();
    let families: BTreeSet<&str> = managed.iter().map(|(_, family)| *family).collect();
    let systems = families
        .iter()
        .filter(|family| {
            matches!(
                **family,
                "apt" | "rpm" | "brew" | "apk" | "pacman" | "windows" | "pkg"
            )
        })
        .count();
    let scripts = families
        .iter()
        .filter(|family| matches!(**family, "npm" | "yarn" | "pnpm"))
        .count();
    let is_told_already = named.len() > 1
        && managed
            .iter()
            .filter(|(member, _)| named.binary_search_by_key(member, |(it, _)| *it).is_ok())
            .count()
            > 1;
    if (systems > 1 || scripts > 1) && !is_told_already {
        let members: Vec<_> = managed
            .iter()
            .filter(|(_, family)| {
                (systems > 1
                    && matches!(
                        *family,
                        "apt" | "rpm" | "brew" | "apk" | "pacman" | "windows" | "pkg"
                    ))
                    || (scripts > 1 && matches!(*family, "npm" | "yarn" | "pnpm"))
            })
            .map(|(member, _)| *member)
            .collect();
        choose(
            group,
            &members,
            0,
            "another package manager stands beside it: one of them is meant",
            next,
        );
    }
    variants(group, next);
    lettered(group, next);
    for context in group.iter_mut() {
        list_to_choose_from(context);
    }
    // A menu inside one run of lines: trailing `# or`, `①`, two package managers.
    for context in group.iter_mut() {
        let is_menu = |piece: &Said<'_>| piece.nature.is_step() && piece.ways.is_menu;
        if !context.pieces.iter().any(is_menu) {
            continue;
        }
        for piece in context.pieces.to_mut() {
            if is_menu(piece) {
                let whole = piece.range.clone();
                piece.doubt("menu", "it holds several ways of doing the same", whole);
            }
        }
    }
}

/// `a) Smart`, `b) Fast` above one command each, which differ in a word: one of them is meant.
fn lettered(group: &mut [Context<'_>], next: &mut u32) {
    let mut members: Vec<(usize, usize)> = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for (index, context) in group.iter().enumerate() {
        let mut steps = context.pieces.iter().enumerate();
        let mut steps = steps.by_ref().filter(|(_, piece)| piece.nature.is_step());
        let (Some((at, piece)), None) = (steps.next(), steps.next()) else {
            continue;
        };
        if !context.lead().is_some_and(|lead| is_lettered(lead)) {
            continue;
        }
        let text: Vec<&str> = piece.read.command.each_word().collect();
        let differing = words.iter().zip(&text).filter(|(a, b)| a != b).count();
        let is_like = words.is_empty() || words.len() == text.len() && differing < 2;
        if !is_like {
            break;
        }
        words = text;
        members.push((index, at));
    }
    if members.len() > 1 {
        choose(
            group,
            &members,
            0,
            "the text offers it as one of several ways",
            next,
        );
    }
}

/// A cheat sheet: a run of commands each of which has its own remark behind it. What of the fence does
/// more than look is chosen from, not run in a row.
fn list_to_choose_from(context: &mut Context<'_>) {
    let is_list = |piece: &Said<'_>| piece.nature.is_step() && piece.ways.is_list;
    let is_list = context.pieces.iter().any(is_list)
        || context
            .lead()
            .is_some_and(|lead| lead.find(List::Options).is_some());
    if !is_list {
        return;
    }
    for piece in context.pieces.to_mut() {
        if piece.nature.is_step() && piece.effect != Effect::Reads {
            let whole = piece.range.clone();
            let because = "it is one of a list to choose from";
            piece.doubt("reference", because, whole);
        }
    }
}

/// The same command with other options or another redirection, side by side under comments of their
/// own: a plain and a compressed backup. One of them is meant.
fn variants(group: &mut [Context<'_>], next: &mut u32) {
    for fence in 0..group.len() {
        if group[fence].pieces.len() < 2 {
            continue;
        }
        let mut seen: BTreeMap<Vec<String>, Vec<(usize, String)>> = BTreeMap::new();
        for (index, piece) in group[fence].pieces.iter().enumerate() {
            // Numbered steps are a procedure, however alike.
            let is_one = piece.nature.is_step()
                && piece.effect == Effect::Changes
                && (index == 0 || !piece.title.is_empty())
                && !is_numbered(&piece.title);
            let Some(known) = piece
                .understanding
                .as_ref()
                .and_then(|understood| understood.commands.first())
                .filter(|_| is_one)
            else {
                continue;
            };
            let Some(text) = piece.command.get(known.range.clone()) else {
                continue;
            };
            // A line or two, one of them a comment: a script is no variant of another.
            if piece
                .command
                .each_line()
                .filter(|line| !line.trim_start().starts_with('#'))
                .count()
                > 2
                || text.contains("dry-run")
            {
                continue;
            }
            // `Get-Item`, and no program from elsewhere.
            let is_cmdlet = piece.language.is_some_and(|it| it.0 == "powershell")
                && text.each_word().next().is_some_and(|it| {
                    it.contains('-') && it.starts_with(|c: char| c.is_ascii_uppercase())
                });
            let key: Vec<String> = text
                .split(['|', '>', '<', ';', '&'])
                .next()
                .unwrap_or_default()
                .each_word()
                .filter(|word| !word.starts_with('-') && *word != "sudo")
                // There every value has a name: the second word is what the command is about.
                .take(if is_cmdlet { 2 } else { usize::MAX })
                .map(str::to_owned)
                .collect();
            let body: String = piece
                .command
                .each_line()
                .filter(|line| !line.trim_start().starts_with('#'))
                .collect();
            if key.len() > 1 {
                seen.entry(key).or_default().push((index, body));
            }
        }
        for members in seen.into_values() {
            let different: BTreeSet<&String> = members.iter().map(|(_, body)| body).collect();
            if different.len() > 1 {
                let pieces: Vec<(usize, usize)> =
                    members.iter().map(|(index, _)| (fence, *index)).collect();
                choose(
                    group,
                    &pieces,
                    1,
                    "the same command stands beside it in another form: one of them is meant",
                    next,
                );
            }
        }
    }
}

/// `2. Stop it`
fn is_numbered(title: &str) -> bool {
    let rest = title.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < title.len() && rest.starts_with(['.', ')'])
}

/// `Option A` and `Option B` as headings side by side, or `Ubuntu` and `CentOS`.
fn sibling_sections(fences: &mut [Context<'_>], next: &mut u32) {
    let mut ways: BTreeMap<(String, &'static str), Vec<(usize, String)>> = BTreeMap::new();
    for (index, context) in fences.iter().enumerate() {
        if context.standing.is_silent() {
            continue;
        }
        for (depth, heading) in context.headings().iter().enumerate().take(2) {
            let parent = || {
                let above = context.headings()[depth + 1..].iter();
                above.map(|it| &***it).collect::<Vec<&str>>().join("\n")
            };
            if let Some(way) = numbered_way(heading, heading) {
                ways.entry((parent(), "way"))
                    .or_default()
                    .push((index, way.to_owned()));
                break;
            }
            if names_a_case(heading) {
                let way = heading.to_string();
                ways.entry((parent(), "case"))
                    .or_default()
                    .push((index, way));
                break;
            }
            if let Some(name) = web_server(heading) {
                let way = name.to_owned();
                ways.entry((parent(), "system"))
                    .or_default()
                    .push((index, way));
                break;
            }
            if let Some(name) = system(heading)
                && heading.each_word().count() < 4
                && (depth == 0 || name != "linux")
            {
                ways.entry((parent(), "system"))
                    .or_default()
                    .push((index, name.to_owned()));
                break;
            }
        }
    }
    for ((_, kind), members) in ways {
        let different: BTreeSet<&String> = members.iter().map(|(_, way)| way).collect();
        if different.len() < 2 {
            continue;
        }
        let steps = |(fence, _): &(usize, String)| -> Vec<(usize, usize)> {
            let all = fences[*fence].pieces.iter().enumerate();
            let all = all.filter(|(_, piece)| piece.nature.is_step());
            all.map(|(piece, _)| (*fence, piece)).collect()
        };
        let is_recommended = |fence: usize| {
            let mut headings = fences[fence].headings().iter().take(2);
            headings.any(|heading| is_recommended(heading))
        };
        // A machine has one system, and nobody here knows which.
        let way = (kind != "system")
            .then(|| members.iter().find(|(fence, _)| is_recommended(*fence)))
            .flatten()
            .map(|(_, way)| way.clone());
        let (main, others): (Vec<_>, Vec<_>) = members
            .into_iter()
            .partition(|(_, name)| way.as_ref() == Some(name));
        let mut pieces: Vec<(usize, usize)> = main.iter().flat_map(steps).collect();
        let taken = pieces.len();
        pieces.extend(others.iter().flat_map(steps));
        choose(
            fences,
            &pieces,
            taken,
            "its heading names one of several ways",
            next,
        );
    }
}

/// A command as far as opposites go: its words, and which of them is a verb.
struct Act<'a> {
    piece: usize,
    words: Vec<&'a str>,
    end: usize,
    /// Where it stands in its piece.
    start: usize,
}

/// Finds start and stop of the same thing in the pieces of one fence: a menu, unless they make a
/// sequence, which they do where a restart is spoken of.
pub(super) fn find_opposites(
    pieces: &[Said<'_>],
    speaks_of_restart: impl FnOnce() -> bool,
) -> Vec<usize> {
    if !pieces.iter().any(|piece| piece.read.has_opposite) {
        return Vec::new();
    }
    let mut acts: Vec<Act<'_>> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let read = piece.read;
        let Some(understood) = read
            .understanding
            .as_ref()
            .filter(|_| piece.nature.is_step())
        else {
            continue;
        };
        for known in &understood.commands {
            let Some(text) = read.command.get(known.range.clone()) else {
                continue;
            };
            acts.push(Act {
                piece: index,
                words: bare_words(text),
                start: known.range.start,
                end: known.range.end,
            });
        }
    }
    if acts.len() < 2 {
        return Vec::new();
    }
    let speaks_of_restart = LazyCell::new(speaks_of_restart);
    let mut members: BTreeSet<usize> = BTreeSet::new();
    // Neighbours within reach: a long script is a sequence.
    for (at, first) in acts.iter().enumerate() {
        for (distance, second) in acts[at + 1..].iter().enumerate().take(12) {
            let Some((forward, _)) = opposite(&first.words, &second.words) else {
                continue;
            };
            let is_same_piece = first.piece == second.piece;
            let title = &pieces[first.piece].heard;
            let is_joined = is_same_piece
                && pieces[first.piece]
                    .command
                    .get(first.end..second.start)
                    .is_some_and(|between| between.contains("&&") || between.contains(';'));
            // Stop … start: a sequence where something stands between, or where a restart is spoken of.
            let is_sequence = !forward
                && (distance > 0
                    || !is_same_piece
                    || title.find(List::Restart).is_some()
                    || *speaks_of_restart);
            if !is_joined && !is_sequence {
                members.insert(first.piece);
                members.insert(second.piece);
            }
        }
    }
    members.into_iter().collect()
}

/// Marks what was found to be opposed.
fn opposites(context: &mut Context<'_>, next: &mut u32) {
    let members = std::mem::take(&mut context.opposed);
    if members.is_empty() {
        return;
    }
    for piece in members {
        let whole = context.pieces[piece].range.clone();
        context.pieces.to_mut()[piece].doubt(
            "opposite",
            "its opposite stands in the same fence: one of them is meant",
            whole,
        );
        if context.choices.iter().all(|(index, _)| *index != piece) {
            context.choices.push((piece, *next));
        }
    }
    *next += 1;
}

/// Whether two commands undo each other; `true` where the first one is the one that does.
pub(super) fn opposite(first: &[&str], second: &[&str]) -> Option<(bool, &'static str)> {
    if first.len() != second.len() {
        return None;
    }
    let mut differing = first.iter().zip(second).filter(|(a, b)| a != b);
    let (a, b) = differing.next()?;
    if differing.next().is_some() {
        return None;
    }
    // `paused=true`, then `paused=false`.
    let is_switched = |a: &str, b: &str| {
        words::SWITCHES
            .iter()
            .any(|(on, off)| a.contains(on) && a.replace(on, off) == b)
    };
    if is_switched(a, b) || is_switched(b, a) {
        return Some((true, "true"));
    }
    words::OPPOSITES.iter().find_map(|(does, undoes)| {
        if a == does && b == undoes {
            Some((true, *does))
        } else if a == undoes && b == does {
            Some((false, *does))
        } else {
            None
        }
    })
}
