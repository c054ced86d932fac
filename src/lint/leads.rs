//! Links that lead nowhere: files beside the document, headings in it and in them.

use super::{Beside, Surveyed};
use crate::markdown::links::{Links, folded, unescaped};
use crate::markdown::{Document, attributes::nearest, outline};
use crate::model::{Diagnostic, Span};

/// Adds a warning for every link that leads nowhere. `mended` is the text as it was before it became
/// mojibake: damage to an anchor is told once, for the document, not for each link.
pub(super) fn check(
    document: &Document<'_>,
    mended: Option<&str>,
    surveyed: &Surveyed<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let here = Links::of(document);
    let sound = mended.map(|text| Links::of(&outline(text)));
    let sound = sound.filter(|sound| sound.links.len() == here.links.len());
    for (index, link) in here.links.iter().enumerate() {
        let target = link.target.trim();
        let diagnostic = if let Some(fragment) = target.strip_prefix('#') {
            let is_alive = here.has(fragment)
                || sound.as_ref().is_some_and(|sound| {
                    let target = &sound.links[index].target;
                    target.strip_prefix('#').is_some_and(|it| sound.has(it))
                });
            if is_alive {
                continue;
            }
            anchor(link.span, fragment, "no heading here", &here)
        } else if let Some(diagnostic) = file(link.span, target, surveyed) {
            diagnostic
        } else {
            continue;
        };
        found.push(diagnostic);
    }
}

fn anchor(span: Span, fragment: &str, whose: &str, known: &Links) -> Diagnostic {
    let fragment = unescaped(fragment);
    let message = format!("{whose} has the anchor `#{fragment}`");
    let wanted = folded(&fragment);
    let near = nearest(&wanted, known.anchors.iter().map(String::as_str)).or_else(|| {
        // Numbering and emoji come and go: what is left of both decides.
        let bare = |anchor: &str| -> String {
            let words = anchor.trim_start_matches(|c: char| !c.is_alphabetic());
            words.replace("--", "-")
        };
        let mut alike = known.anchors.iter().filter(|it| bare(it) == bare(&wanted));
        alike
            .next()
            .filter(|_| alike.next().is_none())
            .map(String::as_str)
    });
    Diagnostic::warning("dead-anchor", span, message).way_out(near.map_or_else(
        || "`runbook list --json FILE` names the anchors".to_owned(),
        |near| format!("did you mean `#{near}`?"),
    ))
}

/// Returns what is wrong with a link to a file; nothing for what leads elsewhere.
fn file(span: Span, target: &str, surveyed: &Surveyed<'_>) -> Option<Diagnostic> {
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    let path = unescaped(path.split('?').next()?);
    let is_elsewhere = path.is_empty()
        || path.starts_with(['/', '\\', '~'])
        || path.contains(['<', '>', '{', '}', '$', '*', '@', '…'])
        || path
            .split_once(':')
            .is_some_and(|(scheme, _)| !scheme.contains('/'));
    if is_elsewhere {
        return None;
    }
    // Sites are made of Markdown under other names.
    let stem = path
        .strip_suffix(".html")
        .unwrap_or(&path)
        .trim_end_matches('/');
    let candidates = [
        path.to_string(),
        format!("{stem}.md"),
        format!("{stem}/index.md"),
        format!("{stem}/README.md"),
    ];
    let mut beside = Beside::Missing;
    for candidate in &candidates {
        beside = (surveyed.beside)(candidate);
        if beside != Beside::Missing {
            break;
        }
    }
    match beside {
        Beside::Unknown | Beside::There => None,
        Beside::Missing => Some(
            Diagnostic::warning("dead-link", span, format!("`{path}` is not there"))
                .way_out("mend the path, or take the link out"),
        ),
        Beside::Markdown(anchors) => {
            let known = Links {
                links: Vec::new(),
                anchors,
            };
            if known.has(fragment) {
                return None;
            }
            Some(anchor(
                span,
                fragment,
                &format!("no heading of `{path}`"),
                &known,
            ))
        }
    }
}
