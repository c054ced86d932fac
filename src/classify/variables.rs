//! The fences of a document → which variables of theirs nothing sets before they are read.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::context::Context;
use crate::markdown::Document;

/// A variable that nothing sets before it is read.
pub(super) struct Unset {
    pub(super) name: String,
    pub(super) range: Range<usize>,
    pub(super) because: String,
    /// Something above it in the document sets it, in a section of its own: it has its value where that
    /// has run, and is asked for where it has not.
    pub(super) is_set_above: bool,
}

/// Names that environments have, or that a shell sets by itself.
const ENVIRONMENT: &[&str] = &[
    "HOME",
    "PATH",
    "USER",
    "PWD",
    "OLDPWD",
    "SHELL",
    "HOSTNAME",
    "LANG",
    "LC_ALL",
    "TERM",
    "EDITOR",
    "LOGNAME",
    "TMPDIR",
    "UID",
    "EUID",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "IFS",
    "PPID",
    "BASH_VERSION",
    "BASH_SOURCE",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "DISPLAY",
    "SUDO_USER",
    "OSTYPE",
    "HOSTTYPE",
    "MACHTYPE",
    "PIPESTATUS",
    "FUNCNAME",
    "REPLY",
    "OPTARG",
    "OPTIND",
    "VERSION_CODENAME",
    "ID",
    "VERSION_ID",
    "UBUNTU_CODENAME",
    "GITHUB_WORKSPACE",
    "JAVA_HOME",
    "KUBECONFIG",
    "COMPUTERNAME",
    "USERNAME",
    "USERPROFILE",
    "APPDATA",
    "NVM_DIR",
];

/// Returns what is unset of each piece of each fence; nothing at all for a fence without variables, or
/// for a document without any.
pub(super) fn variables(fences: &[Context<'_>], document: &Document<'_>) -> Vec<Vec<Vec<Unset>>> {
    let speaks = |context: &Context<'_>| {
        context.pieces.iter().any(|piece| {
            let understood = piece.understanding.as_ref();
            understood.is_some_and(|it| !it.reads.is_empty() || !it.sets.is_empty())
        })
    };
    if !fences.iter().any(speaks) {
        return Vec::new();
    }
    // Who sets what first: the section's number, and its heading.
    let mut first_set: BTreeMap<&str, (usize, u32)> = BTreeMap::new();
    for (index, context) in fences.iter().enumerate() {
        for name in context
            .pieces
            .iter()
            .filter(|piece| piece.nature.is_step())
            .filter_map(|piece| piece.understanding.as_ref())
            .flat_map(|understood| &understood.sets)
        {
            first_set
                .entry(name)
                .or_insert((index, context.fence.section));
        }
    }
    let headings: Vec<&str> = document
        .sections()
        .map(|heading| heading.text.as_ref())
        .collect();
    let mut seen: BTreeMap<&str, BTreeSet<Vec<&str>>> = BTreeMap::new();
    let mut all = Vec::with_capacity(fences.len());
    for context in fences {
        if !speaks(context) {
            all.push(Vec::new());
            continue;
        }
        let mut of_fence = Vec::with_capacity(context.pieces.len());
        let chain: LazyCell<Vec<&str>, _> = LazyCell::new(|| {
            context
                .standing
                .headings()
                .iter()
                .map(|it| &***it)
                .collect()
        });
        for piece in context.pieces.iter() {
            let mut unset = Vec::new();
            if let Some(understood) = piece
                .understanding
                .as_ref()
                .filter(|_| piece.nature.is_step())
            {
                let reads_file = !understood.reads.is_empty()
                    && piece.command.lines().any(|line| {
                        line.trim_start().starts_with("source ")
                            || line.trim_start().starts_with(". ")
                            || line.contains("set -a")
                    });
                for (name, range) in &understood.reads {
                    let is_inside = piece.found.iter().any(|found| {
                        found.range.start < range.end && range.start < found.range.end
                    });
                    if ENVIRONMENT.contains(&name.as_str())
                        || reads_file
                        || is_inside
                        || range.end > piece.command.len()
                    {
                        continue;
                    }
                    // Set above, in this section or in one that this one stands in.
                    let is_set = seen.get(name.as_str()).is_some_and(|places| {
                        (0..=chain.len()).any(|from| places.contains(&chain[from..]))
                    });
                    if is_set {
                        continue;
                    }
                    let elsewhere = first_set.get(name.as_str()).map(|(_, section)| *section);
                    let because = match elsewhere {
                        Some(section) if section != context.fence.section => {
                            let heading = (section as usize)
                                .checked_sub(1)
                                .and_then(|index| headings.get(index))
                                .copied()
                                .unwrap_or("the beginning");
                            format!("`${name}` is set in another section: “{heading}”")
                        }
                        Some(_) => format!("`${name}` is set after this only"),
                        None => format!("nothing sets `${name}`"),
                    };
                    unset.push(Unset {
                        name: name.clone(),
                        range: range.clone(),
                        because,
                        is_set_above: seen.contains_key(name.as_str()),
                    });
                }
                for name in &understood.sets {
                    seen.entry(name).or_default().insert(chain.clone());
                }
            }
            of_fence.push(unset);
        }
        all.push(of_fence);
    }
    all
}
