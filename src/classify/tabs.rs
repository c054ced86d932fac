//! Tabs of a documentation site: the same thing in several ways, of which the reader sees one at a time. A
//! plain text shows all of them, one after the other.

/// What a line of prose says of tabs. Lines are folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark<'t> {
    /// A tab of this title begins.
    Opens(&'t str),
    /// Each fence that follows is a tab.
    Group,
    /// A tab or a group ends.
    Closes,
    /// A set of tabs begins or ends.
    Border,
}

/// Where a fence stands, as far as tabs go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    /// A tab of this title begins above it, and perhaps a new set of tabs.
    First {
        title: String,
        is_new_set: bool,
        /// For a tab that holds only what is indented under its mark: how far that is.
        under: Option<usize>,
    },
    /// It stands in a group of fences each of which is a tab.
    Group,
    /// Behind the last tab.
    Behind,
}

/// Returns what a line says of tabs.
pub(super) fn mark(line: &str) -> Option<Mark<'_>> {
    let line = line.trim();
    match line.as_bytes().first()? {
        // MkDocs: `=== "Ubuntu"`
        b'=' => {
            let title = line.strip_prefix("===")?.trim_start_matches(['!', '+']);
            let title = title.strip_prefix(' ')?.trim();
            let is_quoted = title.len() > 2 && title.starts_with(['"', '\'']);
            is_quoted.then(|| Mark::Opens(title.trim_matches(['"', '\''])))
        }
        // Docusaurus, Nextra, Mintlify: `<TabItem value="apt">`
        b'<' => {
            let name = line[1..].split([' ', '>', '/']).find(|it| !it.is_empty())?;
            let is_end = line[1..].starts_with('/');
            match name {
                "tabitem" | "tab" | "tab-item" if is_end => Some(Mark::Closes),
                "tabitem" | "tab" | "tab-item" => Some(Mark::Opens(
                    ["label=", "title=", "value=", "name="]
                        .iter()
                        .find_map(|key| quoted(&line[line.find(key)? + key.len()..]))
                        .unwrap_or(line),
                )),
                "tabs" | "codegroup" | "tab-group" | "codetabs" => Some(Mark::Border),
                _ => None,
            }
        }
        // GitBook, Hugo: `{% tab title="Linux" %}`
        b'{' => {
            let inside = line
                .trim_start_matches(['{', '%', '<', '-', ' '])
                .trim_end_matches(['}', '%', '>', '-', ' ']);
            let name = inside.split(' ').next()?;
            match name {
                "tab" => Some(Mark::Opens(
                    inside
                        .find(['"', '\''])
                        .and_then(|at| quoted(&inside[at..]))
                        .unwrap_or(inside),
                )),
                "endtab" | "/tab" => Some(Mark::Closes),
                "tabs" | "endtabs" | "/tabs" | "tabpane" | "/tabpane" => Some(Mark::Border),
                _ => None,
            }
        }
        // VitePress and MyST: `::: code-group`, `:::{tab-item} Ubuntu`
        b':' => {
            let rest = line.trim_start_matches(':');
            if line.len() - rest.len() < 3 {
                return None;
            }
            let rest = rest.trim();
            let name = rest.split([' ', '{', '}']).find(|it| !it.is_empty());
            match name {
                None => Some(Mark::Closes),
                Some("code-group") => Some(Mark::Group),
                Some("tab-set" | "tabs") => Some(Mark::Border),
                Some(name @ ("tab-item" | "tab")) => {
                    let at = rest.find(name)? + name.len();
                    Some(Mark::Opens(rest[at..].trim_matches(['}', ' ', '@'])))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Returns what stands between the quotes that `text` begins with.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    let inside = &text[1..];
    inside.find(quote).map(|end| &inside[..end])
}

/// Returns where a fence stands by the lines above it, nearest first, each with its indentation.
pub(super) fn tab_of<'t>(above: impl Iterator<Item = (&'t str, usize)>) -> Option<Tab> {
    let mut tab: Option<(&str, usize, Option<usize>)> = None;
    for (line, indentation) in above {
        match (mark(line), tab) {
            (Some(Mark::Opens(title)), None) => {
                let under = line.starts_with("===").then_some(indentation);
                tab = Some((title, indentation, under));
            }
            (Some(Mark::Group), None) => return Some(Tab::Group),
            (Some(Mark::Closes | Mark::Border), None) => return Some(Tab::Behind),
            (None, None) => {}
            (Some(Mark::Border | Mark::Group), Some((title, _, under))) => {
                return Some(first(title, true, under));
            }
            (Some(_), Some((title, _, under))) => return Some(first(title, false, under)),
            // What stands as far left as the tab is in none.
            (None, Some((title, of_tab, under))) => {
                if indentation <= of_tab {
                    return Some(first(title, true, under));
                }
            }
        }
    }
    tab.map(|(title, _, under)| first(title, false, under))
}

fn first(title: &str, is_new_set: bool, under: Option<usize>) -> Tab {
    Tab::First {
        title: title.to_owned(),
        is_new_set,
        under,
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, Tab, mark, tab_of};

    #[test]
    fn tabs_of_many_sites_are_told() {
        for (line, expected) in [
            ("=== \"ubuntu\"", Some(Mark::Opens("ubuntu"))),
            ("===! 'mac os'", Some(Mark::Opens("mac os"))),
            ("===", None),
            ("=== bare", None),
            ("<tabs>", Some(Mark::Border)),
            ("</tabs>", Some(Mark::Border)),
            (
                "<tabitem value=\"apt\" label=\"debian\">",
                Some(Mark::Opens("debian")),
            ),
            ("<tab title='npm'>", Some(Mark::Opens("npm"))),
            ("</tabitem>", Some(Mark::Closes)),
            ("<table>", None),
            ("{% tabs %}", Some(Mark::Border)),
            ("{% tab title=\"linux\" %}", Some(Mark::Opens("linux"))),
            ("{% endtab %}", Some(Mark::Closes)),
            ("{{< tab \"helm\" >}}", Some(Mark::Opens("helm"))),
            ("{{< /tab >}}", Some(Mark::Closes)),
            ("{% include x %}", None),
            ("::: code-group", Some(Mark::Group)),
            (":::", Some(Mark::Closes)),
            (":::{tab-item} windows", Some(Mark::Opens("windows"))),
            ("::: tip", None),
            (": a definition", None),
        ] {
            assert_eq!(mark(line), expected, "{line}");
        }
    }

    #[test]
    fn a_set_of_tabs_ends_where_the_text_goes_on_beside_it() {
        let check = |lines: &[(&str, usize)], expected: Option<Tab>| {
            assert_eq!(tab_of(lines.iter().copied()), expected, "{lines:?}");
        };
        let tab = |title: &str, is_new_set, under| {
            Some(Tab::First {
                title: title.to_owned(),
                is_new_set,
                under,
            })
        };
        let first = |title: &str, is_new_set| tab(title, is_new_set, Some(0));
        check(&[("run:", 4), ("=== \"a\"", 0)], first("a", false));
        check(&[("=== \"b\"", 0), ("that was a", 4)], first("b", false));
        check(&[("=== \"b\"", 0), ("more", 0)], first("b", true));
        check(
            &[("<tab title='b'>", 0), ("</tab>", 0)],
            tab("b", false, None),
        );
        check(
            &[("<tab title='b'>", 0), ("<tabs>", 0)],
            tab("b", true, None),
        );
        check(&[("then", 0), ("</tabs>", 0)], Some(Tab::Behind));
        check(&[("::: code-group", 0)], Some(Tab::Group));
        check(&[("then", 0)], None);
    }
}
