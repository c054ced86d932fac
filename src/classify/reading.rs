//! Document → what each of its fences and pieces is. What a body says by itself is read once for each
//! tag and body, on several threads; what the document around says is added after.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use super::body::{self, BodyPiece};
use super::context::{Context, Said};
use super::excluding::{exclude, find_opposites, typed_inside};
use super::knowledge::Knowledge;
use super::listening::listen;
use super::nature::Form;
use super::placeholders;
use super::surroundings::{Reader, Standing, Surroundings, place, standings};
use super::variables::{Unset, variables};
use super::words::List;
use crate::markdown::Document;
use crate::model::{Doubt, Effect, FenceReading, Nature, Piece, Place, Placeholder, Stands};

/// So many chunks for each thread: a long one holds up nobody else.
const CHUNKS: usize = 16;

/// Less than this is not worth asking for.
const SHORTEST_CHUNK: usize = 16;

/// Fewer bytes than this are read before a second thread would have started.
const WORTH_A_THREAD: usize = 32 * 1024;

/// The same for fences whose bodies are read.
const FENCES_WORTH_A_THREAD: usize = 64;

/// Returns what is made of each fence of `document`, in document order, on up to `threads`
/// threads. The same body under the same tag is read once, and what becomes of it where nothing around
/// says anything is worked out once.
pub fn read(document: &Document<'_>, knowledge: &Knowledge, threads: usize) -> Vec<FenceReading> {
    read_where(document, knowledge, threads, Reader::is_silent)
}

/// Does what [`read`] does; `is_silent` says of which fences nothing is said around.
fn read_where<'d>(
    document: &'d Document<'d>,
    knowledge: &Knowledge,
    threads: usize,
    is_silent: impl Fn(&Reader<'d, 'd>, usize, &Standing) -> bool + Sync,
) -> Vec<FenceReading> {
    let (bodies, of_fence) = bodies(document);
    let bytes: usize = bodies.iter().map(|(_, body)| body.len()).sum();
    let readings = each(
        &bodies,
        threads.min(bytes / WORTH_A_THREAD + 1),
        |_, body| body::read(body.0, &body.1, knowledge),
    );
    let threads = threads.min(document.fences.len() / FENCES_WORTH_A_THREAD + 1);
    let standings = standings(document);
    let around = Reader::new(document);
    let by_itself: Vec<OnceLock<Option<Vec<Said<'_>>>>> =
        bodies.iter().map(|_| OnceLock::new()).collect();
    let mut fences: Vec<Context<'_>> = each(&standings, threads, |index, standing| {
        let of = of_fence[index];
        let (tag, body) = (bodies[of].0, &*bodies[of].1);
        let mut context = Context {
            fence: &document.fences[index],
            standing,
            body,
            pieces: Cow::Borrowed(&[]),
            around: None,
            choices: Vec::new(),
            opposed: Vec::new(),
        };
        let pieces = &readings[of].pieces;
        if is_silent(&around, index, standing)
            && let Some(pieces) =
                by_itself[of].get_or_init(|| by_itself_alone(pieces, tag, body, document))
        {
            context.pieces = Cow::Borrowed(pieces);
            return context;
        }
        let mut surroundings = around.read(index, standing);
        let mut pieces: Vec<Said<'_>> = pieces.iter().map(Said::new).collect();
        listen(&mut pieces, tag, body, &surroundings, document);
        context.opposed = find_opposites(&pieces, || surroundings.speaks_of_restart());
        surroundings.settle();
        context.pieces = Cow::Owned(pieces);
        context.around = Some(Box::new(surroundings));
        context
    });
    typed_inside(&mut fences);
    exclude(&mut fences);
    let unset = variables(&fences, document);
    let done = each(&fences, threads, |index, context| {
        context.finish(document, unset.get(index).map_or(&[], Vec::as_slice))
    });
    release(fences, threads);
    release(by_itself, threads);
    release(readings, threads);
    done
}

/// Gives back what many small pieces of memory hold, on up to `threads` threads.
fn release<T: Send>(mut all: Vec<T>, threads: usize) {
    std::thread::scope(|scope| {
        for left in (2..=threads).rev() {
            let part = all.split_off(all.len() - all.len() / left);
            scope.spawn(move || drop(part));
        }
        drop(all);
    });
}

/// Returns what becomes of the pieces of a body where nothing around says anything; `None` where
/// that depends on what stands there all the same.
fn by_itself_alone<'a>(
    pieces: &'a [BodyPiece],
    tag: &str,
    body: &str,
    document: &Document<'_>,
) -> Option<Vec<Said<'a>>> {
    // The text around may name its file, or say that it is looked at.
    let may_be_a_file = |piece: &BodyPiece| {
        piece.nature == Nature::Data
            || piece.nature == Nature::Listing && piece.form == Some(Form::Source)
            || piece.heard.find(List::WrittenInto).is_some()
    };
    if pieces.iter().any(may_be_a_file) {
        return None;
    }
    let mut pieces: Vec<Said<'_>> = pieces.iter().map(Said::new).collect();
    listen(&mut pieces, tag, body, &Surroundings::default(), document);
    // Or speak of a restart, in words of several lines.
    find_opposites(&pieces, || false)
        .is_empty()
        .then_some(pieces)
}

/// Numbers of bodies by hash, and among equal ones by number: what is compared whole is nearly always the
/// same.
#[expect(
    clippy::disallowed_types,
    reason = "it is only looked into, never gone through"
)]
type Numbers = std::collections::HashMap<(u64, u32), usize>;

/// Returns the different bodies of `document` with their tags, and which one each fence has.
fn bodies<'d>(document: &'d Document<'_>) -> (Vec<(&'d str, Cow<'d, str>)>, Vec<usize>) {
    let mut bodies: Vec<(&str, Cow<'_, str>)> = Vec::new();
    let mut index_of = Numbers::new();
    let mut of_fence = Vec::with_capacity(document.fences.len());
    for fence in &document.fences {
        let body = (document.text(fence.info), document.body(fence));
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let mut key = (hasher.finish(), 0);
        let index = loop {
            match index_of.get(&key) {
                Some(index) if bodies[*index] == body => break *index,
                Some(_) => key.1 += 1,
                None => {
                    index_of.insert(key, bodies.len());
                    bodies.push(body);
                    break bodies.len() - 1;
                }
            }
        };
        of_fence.push(index);
    }
    (bodies, of_fence)
}

/// Does `work` with each of `all`, on up to `threads` threads; returns what comes of it, in order.
fn each<'i, T: Sync, R: Send>(
    all: &'i [T],
    threads: usize,
    work: impl Fn(usize, &'i T) -> R + Sync,
) -> Vec<R> {
    if threads < 2 {
        let all = all.iter().enumerate();
        return all.map(|(index, it)| work(index, it)).collect();
    }
    let size = (all.len() / (threads * CHUNKS)).max(SHORTEST_CHUNK);
    let chunks: Vec<&[T]> = all.chunks(size).collect();
    let done: Vec<Mutex<Vec<R>>> = chunks.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(number) else {
                break;
            };
            let chunk = chunk.iter().enumerate();
            let results = chunk
                .map(|(index, it)| work(number * size + index, it))
                .collect();
            *done[number].lock().expect("nobody else has this number") = results;
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(take);
        }
        take();
    });
    let mut results = Vec::with_capacity(all.len());
    for chunk in done {
        results.extend(chunk.into_inner().expect("no reader panics with the lock"));
    }
    results
}

impl Context<'_> {
    fn finish(&self, document: &Document<'_>, unset: &[Vec<Unset>]) -> FenceReading {
        let fence = self.fence;
        let around = self.around.as_deref();
        let warnings = around.map_or(&[][..], |around| &around.warnings);
        let body_lines = Lines::new(self.body);
        let mut pieces = Vec::with_capacity(self.pieces.len());
        let choices = &self.choices;
        for (index, piece) in self.pieces.iter().enumerate() {
            let unset = unset
                .get(index)
                .map_or_else(Default::default, Vec::as_slice);
            let line = |offset: usize| fence.line + 1 + body_lines.of(offset);
            let (place, place_because) =
                if piece.nature == Nature::Query && piece.form != Some(Form::Python) {
                    (
                        Place::Database,
                        "it is for the console of a database".to_owned(),
                    )
                } else if piece.nature.is_step() {
                    let in_container = piece
                        .understanding
                        .as_ref()
                        .is_some_and(|understood| understood.in_container);
                    match place(&piece.heard, around) {
                        (Place::Container, _) if in_container => (Place::Unknown, String::new()),
                        found => found,
                    }
                } else {
                    (Place::Unknown, String::new())
                };
            let mut doubts: Vec<Doubt> = Vec::new();
            let mut placeholders: Vec<Placeholder> = Vec::new();
            for found in &piece.found {
                let rule = if found.rule == "address" {
                    // What the fence itself makes is its own.
                    let text = &piece.command[found.range.clone()];
                    if piece.effect == Effect::Reads
                        || self.body.contains(&format!("create {text}"))
                    {
                        continue;
                    }
                    "example-value"
                } else {
                    found.rule
                };
                let span = document.place(fence, piece.place(&found.range));
                if doubts.iter().all(|doubt| doubt.because != found.because) {
                    doubts.push(Doubt {
                        rule,
                        because: found.because.clone(),
                        span,
                    });
                }
                if let (Some(name), "placeholder") = (&found.name, rule) {
                    placeholders.push(Placeholder {
                        name: name.clone(),
                        text: piece.command[found.range.clone()].to_owned(),
                        range: found.range.clone(),
                        stands: found.stands,
                        secret: found.secret,
                    });
                }
            }
            for unset in unset {
                let span = document.place(fence, piece.place(&unset.range));
                if !unset.is_set_above && doubts.iter().all(|doubt| doubt.because != unset.because)
                {
                    doubts.push(Doubt {
                        rule: "unset-variable",
                        because: unset.because.clone(),
                        span,
                    });
                }
                placeholders.push(Placeholder {
                    secret: placeholders::is_secret(&unset.name),
                    text: format!("${}", unset.name),
                    name: unset.name.clone(),
                    range: unset.range.clone(),
                    stands: Stands::Variable,
                });
            }
            for (rule, because, range) in piece.doubts.iter() {
                doubts.push(Doubt {
                    rule,
                    because: because.clone(),
                    span: document.place(fence, range.clone()),
                });
            }
            doubts.sort_by_key(|doubt| doubt.span.start);
            placeholders.sort_by_key(|placeholder| placeholder.range.start);
            let is_step = piece.nature.is_step();
            let (hosts, overwrites) = piece
                .understanding
                .as_ref()
                .map(|understood| (understood.hosts.clone(), understood.overwrites.clone()))
                .unwrap_or_default();
            pieces.push(Piece {
                line: line(piece.range.start),
                last_line: line(piece.range.end.saturating_sub(1).max(piece.range.start)),
                range: piece.range.clone(),
                title: piece.title.clone(),
                nature: piece.nature,
                command: if is_step {
                    piece.command.clone()
                } else {
                    String::new()
                },
                language: piece.language.filter(|_| is_step),
                effect: piece.effect,
                because: piece.because.clone().into_owned(),
                place,
                place_because,
                doubts: if is_step { doubts } else { Vec::new() },
                placeholders: if is_step { placeholders } else { Vec::new() },
                hosts,
                overwrites,
                choice: choices
                    .iter()
                    .find(|(piece, _)| *piece == index)
                    .map(|(_, choice)| *choice),
                warnings: if is_step {
                    warnings.to_vec()
                } else {
                    Vec::new()
                },
            });
        }
        let leading = pieces
            .iter()
            .find(|piece| piece.nature.is_step())
            .or(pieces.first());
        let source = document.source.as_bytes();
        let last_line = fence.line
            + memchr::memchr_iter(
                b'\n',
                &source[fence.span.start..fence.span.end.saturating_sub(1).max(fence.span.start)],
            )
            .count() as u32;
        FenceReading {
            line: fence.line,
            last_line,
            span: fence.span,
            section: fence.section as usize,
            tag: document
                .text(fence.info)
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned(),
            nature: leading.map_or(Nature::Listing, |piece| piece.nature),
            because: leading
                .map_or_else(|| "it is empty".to_owned(), |piece| piece.because.clone()),
            pieces,
        }
    }
}

/// Offsets of a body → its lines, from 0.
struct Lines {
    feeds: Vec<usize>,
}

impl Lines {
    fn new(body: &str) -> Self {
        Self {
            feeds: memchr::memchr_iter(b'\n', body.as_bytes()).collect(),
        }
    }

    fn of(&self, offset: usize) -> u32 {
        self.feeds.partition_point(|feed| *feed < offset) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{read, read_where};
    use crate::classify::knowledge::Knowledge;
    use crate::markdown::outline;

    /// Shows each piece as `lines nature offer rules`.
    fn show(document: &str) -> String {
        let document = outline(document);
        let mut shown = Vec::new();
        for fence in read(&document, &Knowledge::built_in(), 1) {
            for piece in &fence.pieces {
                let mut rules: Vec<&str> = piece.doubts.iter().map(|doubt| doubt.rule).collect();
                rules.sort_unstable();
                rules.dedup();
                let line = format!(
                    "{}-{} {} {} {}",
                    piece.line,
                    piece.last_line,
                    piece.nature,
                    piece.offer().name(),
                    rules.join(",")
                );
                shown.push(line.trim_end().to_owned());
            }
        }
        shown.join("; ")
    }

    fn check(before: &str, tag: &str, body: &str, expected: &str) {
        let document = format!("{before}\n\n```{tag}\n{body}\n```\n");
        // Lines are counted from the body's first one.
        let first = before.lines().count().max(1) + 2;
        let shown: Vec<String> = show(&document)
            .split("; ")
            .map(|piece| {
                let Some((lines, rest)) = piece.split_once(' ') else {
                    return piece.to_owned();
                };
                let Some((start, end)) = lines.split_once('-') else {
                    return piece.to_owned();
                };
                let line = |text: &str| text.parse::<usize>().unwrap() - first;
                format!("{}-{} {rest}", line(start), line(end))
            })
            .collect();
        assert_eq!(shown.join("; "), expected, "{document}");
    }

    #[test]
    fn plain_commands_run() {
        for (tag, body) in [
            ("", "sudo systemctl restart nginx"),
            ("bash", "docker compose up -d"),
            ("sh", "sudo apt update && sudo apt install -y nginx"),
            ("bash", "pg_dump shop > backup.sql"),
            ("", "df -h\nfree -m"),
            ("bash", "for i in 1 2; do\n\n  docker restart web$i\ndone"),
            (
                "bash",
                "kubectl apply -f - <<'YAML'\nkind: Namespace\n\nname: x\nYAML",
            ),
            ("bash", "docker compose down && docker compose up -d"),
            (
                "bash",
                "sudo systemctl stop app\nsudo cp app /usr/local/bin/app\nsudo systemctl start app",
            ),
            ("powershell", "docker run -d `\n  --name x `\n  redis"),
            ("python", "pip3 --version"),
        ] {
            let last = body.lines().count();
            check("# Do it", tag, body, &format!("1-{last} command run"));
        }
    }

    #[test]
    fn pieces_have_offers_of_their_own() {
        check(
            "# Backup",
            "bash",
            "# Make one\npg_dump shop > backup.sql\n\n# Restore it\npsql shop < backup.sql\n\n# that was all",
            "1-2 command run; 4-5 command type; 7-7 listing never",
        );
        check(
            "x",
            "bash",
            "{\n  \"a\": 1\n}\ncurl http://localhost/",
            "1-3 data never; 4-4 command run",
        );
        check(
            "x",
            "python",
            "# look\npython3 --version\n\n# end them\nSELECT pg_terminate_backend(pid)\nFROM pg_stat_activity;",
            "1-2 command run; 4-6 query never",
        );
    }

    #[test]
    fn what_is_no_command_never_runs() {
        for (tag, body, nature) in [
            ("bash", "0 2 * * * /usr/bin/x >> /tmp/log 2>&1", "file"),
            ("bash", "{\"a\": 1}", "data"),
            ("bash", "DB_HOST=localhost\nDB_PASSWORD=x", "file"),
            ("python", "streamlit==1.32.0\npandas==2.2.0", "listing"),
            ("python", "├── a\n└── b", "diagram"),
            ("console", "rate(http_requests_total[5m])", "query"),
            ("python", "SELECT 1;", "query"),
            ("", "Internet → Nginx → Django\n           ↓", "diagram"),
            ("", "Status: active\n\nTo   Action\n--   ------", "output"),
            (
                "",
                "[Unit]\nDescription=x\n\n[Service]\nExecStart=/bin/x",
                "file",
            ),
            (
                "",
                "NAME    READY   STATUS\nweb-1   1/1     Running",
                "output",
            ),
            ("", "mysql> SHOW TABLES;\n+--+", "query"),
            (
                "",
                "Now go to the server and restart it.\nThen look at the log.",
                "listing",
            ),
            ("", "make sure the database is running", "listing"),
            ("", "git checkout [OPTIONS] <branch>", "listing"),
            ("", "GET /health HTTP/1.1", "data"),
            ("", "2024-01-01 10:00:00 INFO up", "output"),
            (
                "python",
                "DATABASES = {\n    'default': {\n        'NAME': os.environ.get('X'),\n    }\n}",
                "listing",
            ),
            ("", "FROM python:3.11\nRUN pip install x", "file"),
            ("mermaid", "graph LR", "diagram"),
            (
                "bash",
                "① docker compose up -d\n② docker compose down",
                "listing",
            ),
            ("", "import os\nprint(1)", "listing"),
        ] {
            let last = body.lines().count();
            check("x", tag, body, &format!("1-{last} {nature} never"));
        }
    }

    #[test]
    fn the_text_around_is_heard() {
        for (before, tag, body, expected) in [
            (
                "Expected output:",
                "",
                "nginx is running",
                "1-1 output never",
            ),
            ("Salida esperada:", "", "{\"a\": 1}", "1-1 output never"),
            (
                "Don't do this:",
                "bash",
                "chmod 777 /srv",
                "1-1 command ask counter-example",
            ),
            (
                "NO ejecutar en producción:",
                "bash",
                "docker restart x",
                "1-1 command ask counter-example",
            ),
            (
                "Falsch:",
                "bash",
                "docker restart x",
                "1-1 command ask counter-example",
            ),
            (
                "À ne pas faire :",
                "bash",
                "docker restart x",
                "1-1 command ask counter-example",
            ),
            (
                "Ejemplo:",
                "bash",
                "docker restart x",
                "1-1 command ask example",
            ),
            (
                "Beispiel:",
                "bash",
                "docker restart x",
                "1-1 command ask example",
            ),
            (
                "x",
                "bash",
                "# Sin sudo: falla\ndocker restart x\n\n# Con sudo\nsudo docker restart x",
                "1-2 command ask alternative,counter-example; 4-5 command ask alternative",
            ),
        ] {
            if body.contains("Sin sudo") {
                assert!(
                    show(&format!("{before}\n\n```{tag}\n{body}\n```\n"))
                        .contains("counter-example")
                );
            } else {
                check(before, tag, body, expected);
            }
        }
    }

    #[test]
    fn trouble_is_named_and_orders_are_heard() {
        for (before, expected) in [
            // The heading names what is wrong, not what is wrong to run.
            ("# Der Start schlägt fehl", "1-1 command run"),
            ("Si el correo no funciona:", "1-1 command run"),
            ("# When the queue does not work", "1-1 command run"),
            ("Wrong:", "1-1 command ask counter-example"),
            ("# NEVER DO THESE", "1-1 command ask counter-example"),
            (
                "> No ejecutar en producción",
                "1-1 command ask counter-example",
            ),
        ] {
            check(before, "bash", "docker restart web", expected);
        }
        let behind =
            "# A\n\n```sh\ndocker restart web\n```\n\n> Nicht ausführen, solange kopiert wird.\n";
        assert_eq!(show(behind), "4-4 command ask counter-example");
    }

    #[test]
    fn values_of_the_writer_are_asked_about() {
        for (body, expected) in [
            (
                "git commit -m 'feat: carts'",
                "1-1 command ask example-value",
            ),
            ("git tag v1.4.0", "1-1 command ask example-value"),
            ("qm set 592 --memory 4096", "1-1 command ask example-value"),
            ("qm create 9000 --memory 4096", "1-1 command run"),
            ("qm status 592", "1-1 command run"),
            (
                "mkdir /srv/shop # ajusta la ruta",
                "1-1 command ask example-value",
            ),
            ("zpool scrub poolname", "1-1 command fill placeholder"),
            ("exit", "1-1 command ask remote-shell"),
            // SQL over several lines is an argument, and no Dockerfile.
            (
                "psql -c \"\nSELECT pid\nFROM pg_stat_activity;\"",
                "1-3 command run",
            ),
            ("hostname -f", "1-1 command run"),
        ] {
            check("# Do it", "bash", body, expected);
        }
        let behind =
            "# A\n\n```sh\nmkdir /srv/shop\n```\n\nReplace `shop` with the name of the site.\n";
        assert_eq!(show(behind), "4-4 command ask example-value");
    }

    #[test]
    fn numbered_steps_are_no_alternatives() {
        check(
            "# Setup",
            "bash",
            "# 1. Clone it\ndocker pull web\n\n# 2. Make a folder or a link\nmkdir /srv/web",
            "1-2 command run; 4-5 command run",
        );
    }

    #[test]
    fn what_an_unpacking_restores_is_lost() {
        check(
            "# Restore",
            "bash",
            "tar xzf base.tar.gz -C /srv/data",
            "1-1 command type",
        );
        check(
            "# Install",
            "bash",
            "tar xzf base.tar.gz -C /srv/data",
            "1-1 command run",
        );
    }

    #[test]
    fn what_excludes_each_other_is_asked() {
        check(
            "x",
            "bash",
            "sudo systemctl start nginx\nsudo systemctl stop nginx",
            "1-2 command ask opposite",
        );
        check(
            "# Menu",
            "bash",
            "# Up\ndocker compose up -d\n\n# Down\ndocker compose down",
            "1-2 command ask opposite; 4-5 command ask opposite",
        );
        check(
            "# Restart",
            "bash",
            "docker compose down\ndocker compose up -d",
            "1-2 command run",
        );
        check(
            "x",
            "bash",
            "# Ubuntu\nsudo apt install -y nginx\n\n# CentOS\nsudo yum install -y nginx",
            "1-2 command ask alternative; 4-5 command ask alternative",
        );
        check(
            "x",
            "bash",
            "# Plain\npg_dump a > a.sql\n\n# Small\npg_dump a | gzip > a.gz",
            "1-2 command run; 4-5 command ask alternative",
        );
        let document = "# A\n\n```sh\ndocker restart x\n```\n\nOr:\n\n```sh\ndocker stop x\n```\n";
        assert_eq!(
            show(document),
            "4-4 command run; 10-10 command ask alternative"
        );
        let document = "## Opción A\n\n```sh\ndocker restart x\n```\n\n## Opción B\n\n```sh\ndocker pull y\n```\n";
        assert_eq!(
            show(document),
            "4-4 command ask alternative; 10-10 command ask alternative"
        );
    }

    #[test]
    fn of_several_ways_the_one_that_harms_nobody_or_is_recommended_runs() {
        for (document, said) in [
            (
                "# A\n\n```sh\n# One\ndocker restart x\n\n# Or\ndocker ps\n```\n",
                "4-5 command ask alternative; 7-8 command run",
            ),
            (
                "## Option 1 (recommended)\n\n```sh\ndocker restart x\n```\n\n## Option 2\n\n```sh\ndocker pull y\n```\n",
                "4-4 command run; 10-10 command ask alternative",
            ),
            (
                "# A\n\n```sh\n# 1\ncd /srv\n\n# 2\ngit pull\n\n# 3\ndocker restart x\n```\n\nOr use the script:\n\n```sh\nnpm install\n```\n",
                "4-5 command run; 7-8 command run; 10-11 command run; 17-17 command ask alternative",
            ),
            (
                "# A\n\n## If you use Compose\n\n```sh\ndocker compose pull\n```\n\n## If you use Git\n\n```sh\ngit pull\n```\n",
                "6-6 command ask alternative; 12-12 command ask alternative",
            ),
            (
                "# A\n\n## Alternative methods\n\n### With a file\n\n```sh\ntouch x\nls\n```\n",
                "8-9 command ask alternative",
            ),
            (
                "# A\n\n**a) Slow**\n\n```sh\npg_ctl -m smart stop\n```\n\n**b) Fast**\n\n```sh\npg_ctl -m fast stop\n```\n",
                "6-6 command ask alternative; 12-12 command ask alternative",
            ),
        ] {
            assert_eq!(show(document), said, "{document}");
        }
    }

    #[test]
    fn a_list_to_choose_from_is_no_procedure() {
        for (document, said) in [
            (
                "# A\n\n## Start\n\n```sh\nsystemctl start x\n```\n\n## Stop\n\n```sh\nsystemctl stop x\n```\n",
                "6-6 command run; 12-12 command ask opposite",
            ),
            (
                "# A\n\n## Stop\n\n```sh\nsystemctl stop x\n```\n\n## Start\n\n```sh\nsystemctl start x\n```\n",
                "6-6 command run; 12-12 command run",
            ),
            (
                "# A\n\n```sh\nsystemctl stop x\n```\n\nCopy, then:\n\n```sh\nsystemctl restart x\n```\n",
                "4-4 command run; 10-10 command run",
            ),
            (
                "# A\n\n```sh\nsystemctl stop x\n```\n\nThat was all.\n",
                "4-4 command ask opposite",
            ),
            (
                "# A\n\n```sh\n# If it runs under pm2\npm2 restart x\n\n# Look\npm2 list\n```\n",
                "4-5 command ask alternative; 7-8 command run",
            ),
            (
                "# A\n\n```sh\nnginx -t        # looks\nnginx -s reload # again\nnginx -s stop   # ends\n```\n",
                "4-6 command ask reference",
            ),
            (
                "# A\n\nUseful options:\n\n```sh\n# Quietly\ndocker pull -q x\n\n# Looks\ndocker ps\n```\n",
                "6-7 command ask reference; 9-10 command run",
            ),
            (
                "# A\n\n```sh\n# Stop\ndocker compose stop db\n\n# Copy\ntar czf x.tgz data\n\n# Start\ndocker compose start db\n```\n",
                "4-5 command run; 7-8 command run; 10-11 command run",
            ),
        ] {
            assert_eq!(show(document), said, "{document}");
        }
    }

    #[test]
    fn what_is_typed_in_a_container_or_a_console_is_told_from_what_is_not() {
        for (document, said) in [
            (
                "# A\n\n```sh\n# Look\ndocker exec -it db psql -U app\n\n# Count\ndocker exec db psql -U app -c 'SELECT 1'\n```\n",
                "4-5 interactive hand; 7-8 command run",
            ),
            (
                "# A\n\n```sh\ndocker exec -it web sh\n```\n\n```sh\nls\n```\n\n```sh\ndocker ps\n```\n\n# B\n\n```sh\nls\n```\n",
                "4-4 interactive hand; 8-8 command ask remote-shell; 12-12 command run; 18-18 command run",
            ),
            (
                "# A\n\nInside the container:\n\n```sh\nls\n```\n\nInside the container:\n\n```sh\ndocker exec web ls\n```\n",
                "6-6 command ask remote-shell; 12-12 command run",
            ),
            (
                "# A\n\n```sh\n# Look\nls\n\n# Call\npython manage.py shell\n>>> from x import y\n>>> y()\n```\n",
                "4-5 command run; 7-8 interactive hand; 9-10 query never",
            ),
        ] {
            assert_eq!(show(document), said, "{document}");
        }
    }

    #[test]
    fn a_host_is_confirmed_besides_and_takes_no_offer_back() {
        check(
            "x",
            "bash",
            "ssh deploy@web1 'df -h'",
            "1-1 command run leaves-machine",
        );
    }

    #[test]
    fn examples_are_told_from_files_that_are_called_so() {
        check(
            "x",
            "bash",
            "# Copy the example\ncp .env.example .env",
            "1-2 command run",
        );
        assert_eq!(
            show("# Examples\n\n```sh\nls\n\ntouch x\n```\n"),
            "4-4 command run; 6-6 command ask example"
        );
    }

    #[test]
    fn shells_inside_shells_are_not_run() {
        check(
            "x",
            "bash",
            "ssh deploy@web1\ncd /srv\ngit pull",
            "1-3 command hand interactive,leaves-machine,remote-shell",
        );
        check(
            "x",
            "bash",
            "docker exec -it web bash\n\nls",
            "1-1 interactive hand; 3-3 command ask remote-shell",
        );
    }

    #[test]
    fn sessions_hold_their_commands() {
        check(
            "x",
            "",
            "$ docker ps\nCONTAINER ID\n\n$ uptime\nup",
            "1-2 session run; 4-5 session run",
        );
        check(
            "x",
            "console",
            "root@web1:~# systemctl status nginx\nok",
            "1-2 session run",
        );
        check(
            "x",
            "",
            "C:\\Users\\x>dir",
            "1-1 session ask no-interpreter",
        );
        let document = outline("```\n$ ls -l \\\n  /tmp\ntotal 0\n```\n");
        let readings = read(&document, &Knowledge::built_in(), 1);
        assert_eq!(readings[0].pieces[0].command, "ls -l \\\n  /tmp");
    }

    #[test]
    fn values_are_asked_for_where_they_stand() {
        let source = "> ```sh\n> ssh-keyscan <HOST> > $OUT\n> echo 'x{name}'\n> ```\n";
        let document = outline(source);
        let readings = read(&document, &Knowledge::built_in(), 1);
        let piece = &readings[0].pieces[0];
        for value in &piece.placeholders {
            assert_eq!(&piece.command[value.range.clone()], value.text);
        }
        let texts: Vec<&str> = piece
            .doubts
            .iter()
            .filter(|doubt| doubt.is_a_value())
            .map(|doubt| document.text(doubt.span))
            .collect();
        assert_eq!(texts, ["<HOST>", "$OUT", "{name}"]);
    }

    #[test]
    fn what_a_section_above_sets_is_there_and_what_is_set_later_is_not() {
        let document =
            "# A\n\n```sh\nNS=$(id -un)\necho $NS\n```\n\n# B\n\n```sh\ndocker restart $NS\n```\n";
        assert_eq!(show(document), "4-5 command run; 11-11 command run");
        let document = "# A\n\n```sh\ndocker restart $NS\n```\n\n# B\n\n```sh\nNS=$(id -un)\n```\n";
        assert_eq!(
            show(document),
            "4-4 command fill unset-variable; 10-10 command run"
        );
    }

    #[test]
    fn threads_change_nothing() {
        let mut source = String::new();
        for number in 0..4000 {
            let _ = write!(
                source,
                "# S{}\n\n```sh\n# do {number}\nsudo systemctl restart web{number}\n\nls <X{number}>\n```\n",
                number % 7
            );
        }
        let document = outline(&source);
        let knowledge = Knowledge::built_in();
        assert_eq!(
            read(&document, &knowledge, 1),
            read(&document, &knowledge, 4)
        );
    }

    proptest! {
        #[test]
        fn what_is_shared_is_what_each_fence_would_be(
            parts in proptest::collection::vec((
                "(# )?((Check|expected output|Or|Option|a\\)|1\\.|via|with|replace|change|to your|por|the server|container|recommended|If you use|example|never|wrong|restore|take|effect|restart|paste this into|useful options|Ubuntu|nginx|x|:|\n|`a.yml`|①) ?){0,6}",
                "(sh|yaml|python|)",
                "(# (or|if |output|with this content|x)\n)?(systemctl (start|stop|restart) x|apt install y|yum install y|a: 1|ls|pg_dump x > y|echo \\$A|A=1|docker exec -it x sh)(\nsystemctl stop x| # stop| # or)?",
            ), 1..6),
        ) {
            let mut source = String::new();
            for (around, tag, body) in &parts {
                let _ = write!(source, "{around}\n\n```{tag}\n{body}\n```\n\n");
            }
            let document = outline(&source);
            let knowledge = Knowledge::built_in();
            prop_assert_eq!(
                read(&document, &knowledge, 1),
                read_where(&document, &knowledge, 1, |_, _, _| false),
                "{}", source
            );
        }

        #[test]
        fn any_text_is_read_and_pieces_keep_their_places(
            tag in "(sh|python|powershell||console|sql|yaml|text)",
            body in "(ls|\\$ |# |> |<X>|\\{|\\}|\"|'|=|\\||\\\\|<<E|E|SELECT|;|mysql> |sudo |docker |[ \\n\\n\\t]|ñ|→|\\PC){0,50}",
        ) {
            let source = format!("{body}\n\n```{tag}\n{body}\n```\n\n{body}\n\n> ~~~{tag}\n> {}\n> ~~~\n", body.replace('\n', "\n> "));
            let document = outline(&source);
            let readings = read(&document, &Knowledge::built_in(), 1);
            prop_assert_eq!(readings.len(), document.fences.len());
            for (reading, fence) in readings.iter().zip(&document.fences) {
                let body = document.body(fence);
                let mut end = 0;
                for piece in &reading.pieces {
                    prop_assert!(piece.range.start >= end && piece.range.end <= body.len());
                    end = piece.range.end;
                    let _ = &body[piece.range.clone()];
                    for value in &piece.placeholders {
                        prop_assert!(piece.command.get(value.range.clone()).is_some());
                    }
                    for doubt in &piece.doubts {
                        prop_assert!(source.get(doubt.span.start..doubt.span.end).is_some());
                    }
                }
            }
        }
    }
}
