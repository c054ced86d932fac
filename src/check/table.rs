//! Tables as programs print them → rows by column: aligned with spaces (`docker ps`, `df -h`, `ps
//! aux`, `kubectl get`), with rules (`psql`, `mysql`, Markdown, `pip list`), with tabs.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::plain::plain;

/// A row: the head of each column with what stands under it.
type Row = Vec<(String, String)>;

/// Names of columns that are two words with one space between them, and stand above short values.
const PAIRS: &[(&str, &str)] = &[
    ("Mounted", "on"),
    ("CONTAINER", "ID"),
    ("IMAGE", "ID"),
    ("NETWORK", "ID"),
    ("VOLUME", "NAME"),
    ("LAST", "SEEN"),
    ("NOMINATED", "NODE"),
    ("READINESS", "GATES"),
    ("Local", "Address"),
    ("Foreign", "Address"),
    ("Peer", "Address"),
    ("Local", "Address:Port"),
    ("Peer", "Address:Port"),
    ("Peer", "Address:PortProcess"),
    ("PID/Program", "name"),
];

/// Reads a table. What is none gives no rows; it never fails.
pub(super) fn table(text: &str) -> Vec<Row> {
    let text = plain(text);
    // A tab at the end is an empty cell.
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(' '))
        .collect();
    if let Some(rows) = ruled(&lines) {
        return rows;
    }
    let mut lines = lines.into_iter().filter(|line| !line.trim().is_empty());
    let Some(head) = lines.next() else {
        return Vec::new();
    };
    let rows: Vec<&str> = lines.filter(|line| !is_footer(line)).collect();
    for mark in ['\t', '|'] {
        let parts = head.matches(mark).count();
        if parts > 0 && rows.iter().all(|row| row.matches(mark).count() == parts) {
            let split = |line: &str| -> Vec<String> {
                line.split(mark)
                    .map(|cell| cell.trim().to_owned())
                    .collect()
            };
            let names = split(head);
            return rows.iter().map(|row| joined(&names, split(row))).collect();
        }
    }
    aligned(head, &rows)
}

/// Returns the name of a column as a word: lower case, ASCII, `_` between its parts; `%` is
/// `percent`.
pub(super) fn alias(name: &str) -> String {
    let mut alias = String::new();
    for c in name.nfkd().filter(|c| !is_combining_mark(*c)) {
        if c.is_ascii_alphanumeric() {
            alias.push(c.to_ascii_lowercase());
        } else if c == '%' {
            if !alias.is_empty() && !alias.ends_with('_') {
                alias.push('_');
            }
            alias.push_str("percent_");
        } else if !alias.is_empty() && !alias.ends_with('_') {
            alias.push('_');
        }
    }
    alias.truncate(alias.trim_end_matches('_').len());
    alias
}

fn joined(names: &[String], mut cells: Vec<String>) -> Row {
    cells.resize(names.len(), String::new());
    names.iter().cloned().zip(cells).collect()
}

/// `(3 rows)`, `3 rows in set (0.00 sec)`.
fn is_footer(line: &str) -> bool {
    let line = line.trim();
    let line = line.strip_prefix('(').unwrap_or(line);
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < line.len() && (rest.starts_with(" row)") || rest.starts_with(" rows)"))
        || rest.len() < line.len()
            && (rest.starts_with(" row in set") || rest.starts_with(" rows in set"))
}

/// Whether a line only rules off: dashes, and what stands between them.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.contains("--")
        && line
            .chars()
            .all(|c| matches!(c, '-' | '+' | '|' | ':' | '=' | ' '))
        || line.starts_with('|')
            && line.contains('-')
            && line.chars().all(|c| matches!(c, '-' | '|' | ':' | ' '))
        || line.len() > 1
            && line.chars().all(|c| {
                matches!(
                    c,
                    '─' | '┼'
                        | '├'
                        | '┤'
                        | '┬'
                        | '┴'
                        | '┌'
                        | '┐'
                        | '└'
                        | '┘'
                        | '│'
                        | ' '
                )
            })
            && line.contains('─')
}

/// A table whose head is ruled off.
fn ruled(lines: &[&str]) -> Option<Vec<Row>> {
    let first = lines.iter().position(|line| is_rule(line))?;
    let above = first.checked_sub(1).map(|at| lines[at]);
    let (head, body) = if let Some(head) = above.filter(|line| !line.trim().is_empty()) {
        (head, first + 1)
    } else {
        // `+----+` stands above the head too.
        let head = lines.get(first + 1).copied()?;
        let second = lines.get(first + 2).copied()?;
        if !is_rule(second) {
            return None;
        }
        (head, first + 3)
    };
    let rule = lines[first];
    let bar = if rule.contains('─') { '│' } else { '|' };
    if !head.contains(bar) && (rule.contains('+') || rule.contains(bar)) {
        return None;
    }
    let body: Vec<&str> = lines[body..]
        .iter()
        .copied()
        .take_while(|line| !line.is_empty() && !is_footer(line))
        .filter(|line| !is_rule(line))
        .collect();
    if !head.contains(bar) {
        // `-------  -----`: the dashes say how wide each column is.
        return Some(by_dashes(head, rule, &body));
    }
    let places = crossings(rule);
    let names = cells(head, bar, &places);
    let rows = body
        .iter()
        .filter(|line| line.contains(bar) || names.len() == 1);
    Some(
        rows.map(|row| joined(&names, cells(row, bar, &places)))
            .collect(),
    )
}

/// Returns the columns of characters at which a rule crosses.
fn crossings(rule: &str) -> Vec<usize> {
    let all = rule.chars().enumerate();
    all.filter(|(_, c)| matches!(c, '+' | '┼' | '├' | '┤' | '┬'))
        .map(|(at, _)| at)
        .collect()
}

/// Splits a line at its bars: where the rule crosses, if they stand there; else at each.
fn cells(line: &str, bar: char, places: &[usize]) -> Vec<String> {
    let trimmed = line.trim();
    let is_framed = trimmed.starts_with(bar);
    let characters: Vec<char> = line.chars().collect();
    let stands = |at: &usize| characters.get(*at).is_none_or(|c| *c == bar);
    let mut found: Vec<String> = Vec::new();
    if !places.is_empty() && places.iter().all(stands) {
        let mut start = 0;
        for at in places.iter().copied().chain([characters.len()]) {
            let cell: String = characters
                .get(start..at.min(characters.len()))
                .unwrap_or_default()
                .iter()
                .collect();
            found.push(cell.trim().to_owned());
            start = at + 1;
        }
    } else {
        let mut cell = String::new();
        let mut is_code = false;
        let mut is_escaped = false;
        for c in trimmed.chars() {
            match c {
                '\\' if !is_escaped => {
                    is_escaped = true;
                    continue;
                }
                '`' => is_code = !is_code,
                c if c == bar && !is_escaped && !is_code => {
                    found.push(std::mem::take(&mut cell).trim().to_owned());
                    continue;
                }
                _ => {}
            }
            if std::mem::take(&mut is_escaped) && c != bar {
                cell.push('\\');
            }
            cell.push(c);
        }
        found.push(cell.trim().to_owned());
    }
    if is_framed {
        found.remove(0);
        if trimmed.ends_with(bar) && found.last().is_some_and(String::is_empty) {
            found.pop();
        }
    }
    found
}

fn by_dashes(head: &str, rule: &str, rows: &[&str]) -> Vec<Row> {
    let marks: Vec<char> = rule.chars().collect();
    let starts: Vec<usize> = (0..marks.len())
        .filter(|at| marks[*at] != ' ' && (*at == 0 || marks[at - 1] == ' '))
        .collect();
    let names = cut(head, &starts);
    rows.iter()
        .map(|row| joined(&names, cut(row, &starts)))
        .collect()
}

/// Cuts a line where columns start; the last one runs to the end.
fn cut(line: &str, starts: &[usize]) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    let ends = starts.iter().skip(1).copied().chain([characters.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            let end = end.min(characters.len());
            let cell = characters.get(*start..end).unwrap_or_default();
            cell.iter().collect::<String>().trim().to_owned()
        })
        .collect()
}

/// A word of a head: its text, its columns of characters.
#[derive(Clone, Debug)]
struct Word {
    text: String,
    start: usize,
    end: usize,
}

fn words(line: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut is_inside = false;
    for (at, c) in line.chars().enumerate() {
        if c == ' ' {
            is_inside = false;
            continue;
        }
        match words.last_mut().filter(|_| is_inside) {
            Some(word) => {
                word.text.push(c);
                word.end = at + 1;
            }
            None => words.push(Word {
                text: c.to_string(),
                start: at,
                end: at + 1,
            }),
        }
        is_inside = true;
    }
    words
}

/// A table whose columns are set apart by spaces.
fn aligned(head: &str, rows: &[&str]) -> Vec<Row> {
    if rows.is_empty() {
        return Vec::new();
    }
    let blank = blanks(rows);
    let is_blank = |at: usize| blank.get(at).copied().unwrap_or(true);
    let words = words(head);
    // Docker and kubectl set columns apart by three spaces: one space is inside a name there.
    let gaps = words.windows(2).map(|pair| pair[1].start - pair[0].end);
    let is_wide = gaps.clone().any(|gap| gap > 1) && gaps.clone().all(|gap| gap == 1 || gap >= 3);
    let singles = gaps.filter(|gap| *gap == 1).count();
    let is_wide = is_wide && singles * 4 <= words.len();
    let has_gaps = rows
        .iter()
        .any(|row| row.split_whitespace().count() < words.len());
    let mut columns: Vec<Word> = Vec::new();
    for word in words {
        let Some(last) = columns.last_mut().filter(|last| {
            let is_pair = PAIRS.contains(&(last.text.as_str(), word.text.as_str()));
            let is_one_apart = word.start - last.end == 1;
            is_one_apart && (is_pair || is_wide || has_gaps && !is_blank(last.end))
        }) else {
            columns.push(word);
            continue;
        };
        last.text = format!("{} {}", last.text, word.text);
        last.end = word.end;
    }
    if let Some(first) = columns.first()
        && rows
            .iter()
            .all(|row| row.chars().take(first.start).any(|c| c != ' '))
        && first.start > 0
        && (0..first.start).any(is_blank)
        && !rows.iter().any(|row| row.starts_with(' '))
    {
        // `free` gives its first column no name.
        let unnamed = Word {
            text: "name".to_owned(),
            start: 0,
            end: 0,
        };
        columns.insert(0, unnamed);
    }
    let names: Vec<String> = columns.iter().map(|column| column.text.clone()).collect();
    let counts = || rows.iter().map(|row| row.split_whitespace().count());
    if counts().all(|count| count == names.len()) {
        return rows
            .iter()
            .map(|row| joined(&names, spaced(row, names.len())))
            .collect();
    }
    let starts: Option<Vec<usize>> = std::iter::once(Some(0))
        .chain(
            columns
                .windows(2)
                .map(|pair| border(&pair[0], &pair[1], is_blank)),
        )
        .collect();
    match starts {
        Some(starts) => rows
            .iter()
            .map(|row| joined(&names, cut(row, &starts)))
            .collect(),
        // `ps aux`: long numbers push the rest of their row to the right.
        None => rows
            .iter()
            .map(|row| joined(&names, spaced(row, names.len())))
            .collect(),
    }
}

/// Returns for each column of characters whether it is a space in all rows.
fn blanks(rows: &[&str]) -> Vec<bool> {
    let mut blank: Vec<bool> = Vec::new();
    for row in rows {
        for (at, c) in row.chars().enumerate() {
            if at == blank.len() {
                blank.push(true);
            }
            blank[at] &= c == ' ';
        }
    }
    blank
}

/// Returns where the column of `after` begins: behind the blanks that no row crosses.
fn border(before: &Word, after: &Word, is_blank: impl Fn(usize) -> bool) -> Option<usize> {
    if is_blank(after.start.checked_sub(1)?) {
        // Set to the left, as most are.
        return Some(after.start);
    }
    let mut best: Option<(usize, usize)> = None;
    let mut at = before.end;
    while at < after.start {
        if !is_blank(at) {
            at += 1;
            continue;
        }
        let start = at;
        while at < after.start && is_blank(at) {
            at += 1;
        }
        if best.is_none_or(|(length, _)| at - start >= length) {
            best = Some((at - start, at));
        }
    }
    best.map(|(_, end)| end)
}

/// Splits a line at its spaces into `columns` cells; the last one holds the rest.
fn spaced(line: &str, columns: usize) -> Vec<String> {
    let mut rest = line.trim();
    let mut cells = Vec::with_capacity(columns);
    while cells.len() + 1 < columns && !rest.is_empty() {
        let (cell, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        cells.push(cell.to_owned());
        rest = after.trim_start();
    }
    cells.push(rest.to_owned());
    cells
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{alias, table};

    fn check(text: &str) -> String {
        let rows = table(text);
        let told = rows.iter().map(|row| {
            let cells = row.iter().map(|(name, cell)| format!("{name}={cell}"));
            cells.collect::<Vec<_>>().join(" | ") + "\n"
        });
        told.collect::<String>() + "\n"
    }

    #[test]
    fn what_programs_print_is_read_by_column() {
        let shown = [
            "CONTAINER ID   IMAGE         COMMAND                  CREATED       STATUS                 PORTS                    NAMES\n\
             3f2a1b4c5d6e   nginx:1.27    \"/docker-entrypoint.…\"   2 hours ago   Up 2 hours (healthy)   0.0.0.0:80->80/tcp       web\n\
             0a1b2c3d4e5f   postgres:16   \"docker-entrypoint.s…\"   3 days ago    Up 3 days                                       db\n",
            "Filesystem      Size  Used Avail Use% Mounted on\n\
             /dev/sda1        98G   45G   49G  48% /\n\
             tmpfs           3.9G     0  3.9G   0% /dev/shm\n\
             //nas/share     1.8T  1.7T  100G  95% /mnt/my files\n",
            "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n\
             root           1  0.0  0.1 167744 11520 ?        Ss   Jan01   0:04 /sbin/init splash\n\
             postgres 4012345 12.5  2.0 123456789 99999 ?     Ssl  10:02   1:23 postgres: main  writer\n",
            "NAME                    READY   STATUS    RESTARTS      AGE   NODE     NOMINATED NODE   READINESS GATES\n\
             web-7d4b9c6f5-abcde     1/1     Running   0             3d    node-1   <none>           <none>\n\
             job-x                   0/1     Error     5 (10m ago)   1h    node-2   <none>           <none>\n",
            "| Host | Role `a|b` |\n|:-----|-----------:|\n| web1 | front\\|end |\n| web2 | `x|y` |\n\ntext\n",
            " id |  name  | note \n----+--------+------\n  1 | ann    | a|b\n  2 |        | \n(2 rows)\n\n",
            " count \n-------\n    42\n(1 row)\n",
            "+----+-------+\n| id | name  |\n+----+-------+\n|  1 | ann   |\n|  2 | NULL  |\n+----+-------+\n2 rows in set (0.00 sec)\n",
            "Package    Version\n---------- -------\npip        24.0\nmy package 1.0\n",
            "               total        used        free\nMem:           24105        1044       13976\nSwap:              0           0           0\n",
            "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nLISTEN 0      128          0.0.0.0:2024      0.0.0.0:*          \n",
            "id\tname\n1\tan example\n2\t\n",
            "a|b\n1|2\n(1 row)\n",
            "NAME  MAJ:MIN RM  SIZE RO TYPE MOUNTPOINTS\nvda   254:0    0  256G  0 disk /\nzram0 253:0    0    0B  0 disk \n",
            "\x1b[1mNAME\x1b[0m   AGE\r\nx      1d\r\n",
            "NAME   AGE\n",
            "",
        ]
        .map(check)
        .concat();
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn columns_have_names_that_scripts_can_write() {
        for (name, expected) in [
            ("Use%", "use_percent"),
            ("%CPU", "percent_cpu"),
            ("Mounted on", "mounted_on"),
            ("CONTAINER ID", "container_id"),
            ("Dirección IP", "direccion_ip"),
            ("PID/Program name", "pid_program_name"),
            ("--", ""),
        ] {
            assert_eq!(alias(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_all_rows_have_all_columns(text in "[a-c |+:`\\\\\n\t%ñ─│-]{0,120}") {
            let rows = table(&text);
            for row in &rows {
                prop_assert_eq!(row.len(), rows[0].len());
            }
        }

        #[test]
        fn left_aligned_columns_are_found_whatever_the_cells_hold(
            rows in proptest::collection::vec(proptest::array::uniform3("[a-z]{1,8}( [a-z]{1,8})?"), 1..6)
        ) {
            let width = |at: usize| rows.iter().map(|row| row[at].len()).max().unwrap_or(0).max(6) + 3;
            let line = |cells: [&str; 3]| format!("{:a$}{:b$}{}\n", cells[0], cells[1], cells[2], a = width(0), b = width(1));
            let mut text = line(["NAME", "STATUS", "NOTE"]);
            for row in &rows {
                text.push_str(&line([&row[0], &row[1], &row[2]]));
            }
            let read: Vec<Vec<String>> = table(&text).into_iter().map(|row| row.into_iter().map(|it| it.1).collect()).collect();
            let expected: Vec<Vec<String>> = rows.iter().map(|row| row.to_vec()).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
