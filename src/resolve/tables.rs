//! Tables of the document that steps run through, row by row: `each=#hosts`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::attributes::is_variable;
use crate::markdown::attributes::{nearest, parse_comment, parse_info};
use crate::markdown::{self, Document, Fence, SpeaksFor, cells, folded_words};
use crate::model::{Condition, Diagnostic, Kind, Section, Span, Step, StepId, Table};

/// The most rows that a step runs through.
const MOST: u32 = 10_000;
/// The longest first cell that a step is called by.
const LONGEST_NAME: usize = 24;

/// Returns the tables that something names: by a comment above them, or by an `each=`. What is wrong
/// with them, and with those that name them, is added to `diagnostics`.
pub(super) fn tables(
    document: &Document<'_>,
    sections: &[Section],
    steps: &[Step],
    kind: Kind,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Table> {
    let mut ids = ids(document, kind, diagnostics);
    let mut found: Vec<Table> = Vec::new();
    for step in steps {
        let Some(name) = &step.settings.each else {
            continue;
        };
        if found.iter().any(|it| it.id == *name) {
            continue;
        }
        let span = place(document, step);
        let index = match ids.remove(name) {
            Some(index) => index,
            None => match in_section(document, sections, name) {
                Ok(index) => index,
                Err(because) => {
                    let names = ids.keys().map(String::as_str);
                    let sections = document
                        .tables
                        .iter()
                        .filter_map(|it| Some(sections.get(it.section as usize)?.anchor.as_str()));
                    let near = nearest(name, names.chain(sections).filter(|it| it != name));
                    let way_out = match near {
                        Some(meant) => format!("did you mean `each=#{meant}`?"),
                        None => format!("write `<!-- runbook: #{name} -->` above the table"),
                    };
                    let diagnostic = Diagnostic::error("each", span, because);
                    push(diagnostics, diagnostic.way_out(way_out));
                    continue;
                }
            },
        };
        let table = &document.tables[index];
        let line = table.line;
        if table.rows > MOST {
            let message = format!(
                "the table of line {line} has {} rows; a step runs through {MOST} at most",
                table.rows
            );
            let diagnostic = Diagnostic::error("each", span, message);
            push(
                diagnostics,
                diagnostic.way_out("loop over a file in the step"),
            );
            continue;
        }
        match read(document, table) {
            Ok((columns, rows)) => found.push(Table {
                id: name.clone(),
                columns,
                rows,
                line,
                span: table.span,
            }),
            Err((because, way_out)) => push(
                diagnostics,
                Diagnostic::error("each", table.span, because)
                    .label(format!("step `{}` runs through it", step.id))
                    .way_out(way_out),
            ),
        }
    }
    found
}

/// Returns `step` once for every row of `table`: with the row's columns as variables, and as names of
/// its template. Its id is followed by the first cell of the row, where these are short and all differ,
/// else by the row's number.
pub fn each(step: &Step, table: &Table) -> Vec<Step> {
    let slugs: Vec<String> = table.rows.iter().map(|row| slug(row.first())).collect();
    let all_differ = slugs.iter().collect::<BTreeSet<_>>().len() == slugs.len();
    let are_names = all_differ
        && slugs
            .iter()
            .all(|it| !it.is_empty() && it.chars().count() <= LONGEST_NAME);
    let mut steps = Vec::with_capacity(table.rows.len());
    for (number, row) in table.rows.iter().enumerate() {
        let number = number + 1;
        let suffix = if are_names {
            slugs[number - 1].clone()
        } else {
            number.to_string()
        };
        let mut one = step.clone();
        let settings = Arc::make_mut(&mut one.settings);
        settings.row_of = Some(step.id.clone());
        settings.row_number = number as u32;
        if let Some(id) = StepId::new(&format!("{}.{suffix}", step.id)) {
            one.id = id;
        }
        let first = row.first().map_or("", String::as_str);
        one.title = match first {
            "" => format!("{}: row {number}", step.title),
            first => format!("{}: {first}", step.title),
        };
        settings.row = table
            .columns
            .iter()
            .cloned()
            .zip(row.iter().cloned())
            .collect();
        let mut env = settings.row.clone();
        env.retain(|(name, _)| step.settings.env.iter().all(|(other, _)| other != name));
        env.append(&mut settings.env);
        settings.env = env;
        steps.push(one);
    }
    steps
}

/// The steps that expressions may name.
pub(super) struct Nameable {
    /// From anywhere: a step of a row by an id of its own.
    pub(super) all: BTreeSet<String>,
    /// From a step that runs through this table also those that do, by the id that the document gives
    /// them: the same row is meant.
    pub(super) through: BTreeMap<String, BTreeSet<String>>,
}

/// Returns the steps that expressions of `steps` may name. What is wrong with tables is told elsewhere.
pub(super) fn nameable(
    document: &Document<'_>,
    sections: &[Section],
    steps: &[Step],
    kind: Kind,
) -> Nameable {
    let tables = tables(document, sections, steps, kind, &mut Vec::new());
    let mut all = BTreeSet::new();
    let mut through: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for step in steps {
        let table = step.settings.each.as_ref();
        let table = table.and_then(|name| tables.iter().find(|it| it.id == *name));
        match table {
            None => drop(all.insert(step.id.to_string())),
            Some(table) => {
                all.extend(each(step, table).into_iter().map(|it| it.id.to_string()));
                let same = through.entry(table.id.clone()).or_default();
                same.insert(step.id.to_string());
            }
        }
    }
    for names in through.values_mut() {
        names.extend(all.iter().cloned());
    }
    Nameable { all, through }
}

/// Puts the steps that run through a table in the place of those that say so. What names such a step
/// means all of its rows; a step that runs through the same table, the same row.
pub(super) fn expand(
    document: &Document<'_>,
    steps: Vec<Step>,
    tables: &[Table],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Step> {
    let table_of = |step: &Step| {
        let name = step.settings.each.as_ref()?;
        tables.iter().find(|it| it.id == *name)
    };
    if tables.is_empty() {
        return steps;
    }
    let mut made: BTreeMap<StepId, (String, Vec<StepId>)> = BTreeMap::new();
    let mut all: Vec<(Option<usize>, Step)> = Vec::with_capacity(steps.len());
    for step in steps {
        let Some(table) = table_of(&step) else {
            all.push((None, step));
            continue;
        };
        let rows = each(&step, table);
        let ids = rows.iter().map(|it| it.id.clone()).collect();
        made.insert(step.id, (table.id.clone(), ids));
        all.extend(
            rows.into_iter()
                .enumerate()
                .map(|(row, it)| (Some(row), it)),
        );
    }
    if made.is_empty() {
        return all.into_iter().map(|(_, step)| step).collect();
    }
    for (row, step) in &mut all {
        let own = step.settings.each.clone();
        let of_row = |id: &StepId| -> Option<&StepId> {
            let (table, ids) = made.get(id)?;
            row.filter(|_| own.as_ref() == Some(table))
                .and_then(|row| ids.get(row))
        };
        let settings = Arc::make_mut(&mut step.settings);
        if let Some(needs) = &mut settings.needs {
            *needs = needs
                .iter()
                .flat_map(|id| match (of_row(id), made.get(id)) {
                    (Some(one), _) => vec![one.clone()],
                    (None, Some((_, ids))) => ids.clone(),
                    (None, None) => vec![id.clone()],
                })
                .collect();
        }
        let mut one: Vec<&mut StepId> = Vec::new();
        for condition in [&mut settings.only_if, &mut settings.unless] {
            if let Some(Condition::Step(id)) = condition {
                one.push(id);
            }
        }
        one.extend(&mut settings.undo_of);
        for id in one {
            if let Some(same) = of_row(id) {
                *id = same.clone();
            } else if made.contains_key(id) {
                let message = format!("step `{id}` runs once for every row: none of them is meant");
                let table = &made[id].0;
                push(
                    diagnostics,
                    Diagnostic::error("each", step.span, message)
                        .way_out(format!("let this step run through it too: `each=#{table}`")),
                );
            }
        }
    }
    let steps: Vec<Step> = all.into_iter().map(|(_, step)| step).collect();
    let mut seen: BTreeMap<&StepId, u32> = BTreeMap::new();
    for step in &steps {
        if let Some(line) = seen.insert(&step.id, step.line) {
            let message = format!("two steps are called `{}`", step.id);
            let diagnostic = Diagnostic::error("duplicate-id", place(document, step), message)
                .label(format!("the first stands on line {line}"))
                .way_out("give one of them another id");
            push(diagnostics, diagnostic);
        }
    }
    steps
}

// Once, however many steps say so.
fn push(diagnostics: &mut Vec<Diagnostic>, diagnostic: Diagnostic) {
    if !diagnostics.contains(&diagnostic) {
        diagnostics.push(diagnostic);
    }
}

/// Returns the tables that a comment gives an id, by it.
fn ids(
    document: &Document<'_>,
    kind: Kind,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for comment in &document.comments {
        let SpeaksFor::Table(index) = comment.speaks_for else {
            continue;
        };
        let (attributes, _) = parse_comment(document.text(comment.body), comment.body.start);
        for attribute in &attributes {
            let id = attribute.value.as_deref().unwrap_or_default().trim();
            let fault = if attribute.name != "id" && attribute.name != "name" {
                format!("`{}` is not said of a table", attribute.name)
            } else if id.is_empty() || ids.contains_key(id) {
                format!("`{id}` names no table, or two")
            } else {
                ids.insert(id.to_owned(), index);
                continue;
            };
            let mut diagnostic = Diagnostic::error("each", attribute.span, fault)
                .way_out("write `<!-- runbook: #hosts -->` above a table");
            if kind == Kind::Plain {
                diagnostic.severity = crate::model::Severity::Warning;
            }
            diagnostics.push(diagnostic);
        }
    }
    ids
}

fn in_section(document: &Document<'_>, sections: &[Section], name: &str) -> Result<usize, String> {
    let Some(section) = sections
        .iter()
        .position(|it| it.level > 0 && it.anchor == name)
    else {
        return Err(format!("no table and no section is called `#{name}`"));
    };
    let tables = document.tables.iter().enumerate();
    let mut tables = tables.filter(|(_, it)| it.section as usize == section);
    match (tables.next(), tables.next()) {
        (Some((index, _)), None) => Ok(index),
        (None, _) => Err(format!("section `#{name}` holds no table")),
        (Some((_, first)), Some((_, second))) => Err(format!(
            "section `#{name}` holds more than one table (lines {} and {})",
            first.line, second.line
        )),
    }
}

type Read = (Vec<String>, Vec<Vec<String>>);

/// Returns the names of the columns and the cells of each row; what is wrong, and the way out.
fn read(document: &Document<'_>, table: &markdown::Table) -> Result<Read, (String, String)> {
    let mut text = String::with_capacity(table.span.end - table.span.start);
    for line in document.text(table.span).lines() {
        // What a quote or a list stands before each line.
        text.push_str(line.trim_start_matches([' ', '\t', '>']));
        text.push('\n');
    }
    let mut rows = cells(&text)
        .into_iter()
        .map(|row| row.into_iter().map(|it| it.text.trim().to_owned()));
    let head: Vec<String> = rows.next().map(Iterator::collect).unwrap_or_default();
    let mut columns: Vec<String> = Vec::with_capacity(head.len());
    for title in &head {
        let name = folded_words(title).join("_");
        if !is_variable(&name) || name.starts_with("runbook_") {
            let what = match title.as_str() {
                "" => "a column has no title".to_owned(),
                title => format!("the column `{title}` makes no name"),
            };
            let way_out = "begin its title with a letter from a to z".to_owned();
            return Err((what, way_out));
        }
        if columns.contains(&name) {
            let what = format!("two columns are called `{name}`");
            return Err((what, "give one of them another title".to_owned()));
        }
        columns.push(name);
    }
    let rows: Vec<Vec<String>> = rows.map(Iterator::collect).collect();
    if rows.is_empty() {
        return Err((
            "this table has no rows".to_owned(),
            "write a row, or take `each` out".to_owned(),
        ));
    }
    Ok((columns, rows))
}

// What of a cell can stand in an id.
fn slug(cell: Option<&String>) -> String {
    let mut slug = String::new();
    for c in cell.map_or("", String::as_str).chars() {
        match c {
            c if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') => slug.push(c),
            _ if !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.trim_matches('-').to_owned()
}

/// Returns the place of `each=` where the fence says it itself, else the fence's first line.
fn place(document: &Document<'_>, step: &Step) -> Span {
    let fence: Option<&Fence> = document.fences.iter().find(|it| it.span == step.span);
    let Some(fence) = fence else { return step.span };
    let info = parse_info(document.text(fence.info), fence.info.start);
    let said = info.attributes.iter().find(|it| it.name == "each");
    said.map_or(Span::new(fence.span.start, fence.info.end), |it| it.span)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::testing::read_and_resolve;
    use crate::markdown::line_of;

    /// The steps with their rows, and what is wrong, a line each.
    fn check(rest: &str) -> String {
        let source = format!("---\nrunbook: 1\n---\n{rest}");
        let (runbook, diagnostics) = read_and_resolve(&source, "file");
        let mut told = String::new();
        for step in &runbook.steps {
            let _ = writeln!(told, "{} {:?} {:?}", step.id, step.title, step.settings.env);
        }
        for it in &diagnostics {
            let line = line_of(&source, it.span.start);
            let marked = source[it.span.start..it.span.end]
                .lines()
                .next()
                .unwrap_or_default();
            let way_out = it.way_out.as_deref().unwrap_or("-");
            let _ = writeln!(
                told,
                "! {line}: {}: {} @ {marked:?} → {way_out}",
                it.rule, it.message
            );
        }
        told
    }

    const TABLE: &str = "| Máquina | Dirección IP |\n|---|---|\n| **web1** | `10.0.0.1` |\n| web 2 | 10.0.0.2 a\\|b |\n";

    #[test]
    fn a_step_runs_once_for_every_row_with_its_columns() {
        let fence = "```sh {#check each=#hosts env=\"A=1\"}\nping $direccion_ip\n```\n";
        insta::assert_snapshot!(
            [
                check(&format!("# Hosts\n{TABLE}\n# S\n{fence}")),
                check(&format!("# S\n<!-- runbook: #hosts -->\n{TABLE}\n{fence}")),
                check(&format!(
                    "# Hosts\n> - {}\n# S\n{fence}",
                    TABLE.replace('\n', "\n>   ").trim_end_matches([' ', '>'])
                )),
                check(&format!(
                    "# Hosts\n| a | b |\n|---|---|\n| x | 1 |\n| x | 2 |\n||\n# S\n{fence}"
                )),
            ]
            .join("--\n")
        );
    }

    #[test]
    fn what_is_wrong_with_a_table_is_told_before_the_run() {
        let fence = "```sh {#check each=#hosts}\nls\n```\n";
        let many = format!("| a |\n|---|\n{}", "| x |\n".repeat(10_001));
        let shown: Vec<String> = [
            String::new(),
            "# Host\n| a |\n|---|\n| x |\n".to_owned(),
            "# Hosts\n".to_owned(),
            "# Hosts\n| a |\n|---|\n| x |\n\ntext\n\n| a |\n|---|\n| x |\n".to_owned(),
            "# Hosts\n| a | |\n|---|---|\n| x | y |\n".to_owned(),
            "# Hosts\n| a b | A-B |\n|---|---|\n| x | y |\n".to_owned(),
            "# Hosts\n| 1st | 磁盘 |\n|---|---|\n| x | y |\n".to_owned(),
            "# Hosts\n| a |\n|---|\n".to_owned(),
            format!("# Hosts\n{many}"),
            "<!-- runbook: timeout=1m -->\n| a |\n|---|\n| x |\n".to_owned(),
            "# Hosts\n| a |\n|---|\n| x |\n\n```sh {#check.x}\nls\n```\n".to_owned(),
        ]
        .iter()
        .map(|table| check(&format!("{table}\n{fence}")))
        .collect();
        insta::assert_snapshot!(shown.join("--\n"));
    }
}
