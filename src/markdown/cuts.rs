//! Where a text may be cut so that several threads read it. A guess: who reads up to a cut tells whether a
//! block begins there.

use memchr::{memchr, memmem, memrchr};

/// Headings that are looked at for one cut: comments of a shell look like them.
const TRIES: usize = 64;

/// Returns where lines begin that are headings by their looks and stand in no fence, rising, one less than
/// `threads` at most, in even distances from `base` on.
pub(super) fn cuts(source: &str, base: usize, threads: usize) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut counted = base;
    let mut is_fenced = false;
    for number in 1..threads {
        let about = base + (source.len() - base) / threads * number;
        let headings =
            memmem::find_iter(&source.as_bytes()[about..], "\n#").map(|at| about + at + 1);
        // The search for the cut before may have come further than here.
        let begun = counted;
        for at in headings.filter(|at| *at >= begun).take(TRIES) {
            is_fenced ^= marks(&source.as_bytes()[counted..at]) % 2 == 1;
            counted = at;
            if !is_fenced && is_heading(&source[at..]) {
                // The end of the text is no block's.
                if memchr(b'\n', &source.as_bytes()[at..])
                    .is_some_and(|n| at + n + 1 < source.len())
                    && cuts.last() != Some(&at)
                {
                    cuts.push(at);
                }
                break;
            }
        }
    }
    cuts
}

/// Returns how many lines of `text` begin with the marks of a fence. `text` begins with a line.
fn marks(text: &[u8]) -> usize {
    ["```", "~~~"]
        .iter()
        .flat_map(|mark| memmem::find_iter(text, mark))
        .filter(|at| {
            let line = memrchr(b'\n', &text[..*at]).map_or(0, |feed| feed + 1);
            text[line..*at]
                .iter()
                .all(|byte| matches!(byte, b' ' | b'\t' | b'>' | b'-' | b'*' | b'.' | b'0'..=b'9'))
        })
        .count()
}

fn is_heading(text: &str) -> bool {
    let rest = text.trim_start_matches('#');
    (1..=6).contains(&(text.len() - rest.len())) && rest.starts_with(' ')
}

#[cfg(test)]
mod tests {
    use super::cuts;

    fn check(source: &str, threads: usize, expected: &[&str]) {
        let lines: Vec<_> = cuts(source, 0, threads)
            .into_iter()
            .map(|at| source[at..].lines().next().unwrap_or_default())
            .collect();
        assert_eq!(lines, expected, "{source}");
    }

    #[test]
    fn a_text_is_cut_at_headings_and_not_at_comments_of_a_shell() {
        let section = "\n\n```sh\n# comment\n\n# comment\nls\n```\n\n- ~~~\n  # comment\n  ~~~\n";
        let sections = ["# A", "## B", "### C", "# D"].map(|it| it.to_owned() + section);
        let source = format!("What stands before the headings.\n\n{}", sections.concat());
        check(&source, 1, &[]);
        check(&source, 2, &["### C"]);
        check(&source, 4, &["## B", "### C", "# D"]);
        check("text\n#text\n####### text\n # text\n", 2, &[]);
        // The search for the first cut goes beyond where the second begins.
        let fences = "text\n```\n# a\n# b\n# c\n# d\n# e\n# f\n```\n\n# A\n\n# B\n\ntext\n";
        check(fences, 8, &["# A", "# B"]);
        // Nothing stands behind it.
        check("# A\n\n# B", 2, &[]);
    }
}
