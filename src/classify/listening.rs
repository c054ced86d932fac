//! What stands around a fence, and in its comments → what that makes of its pieces: printed, written
//! into a file, an example, wrong on purpose, lost for good.

use std::borrow::Cow;

use super::body::{self, BodyPiece};
use super::context::Said;
use super::nature::Form;
use super::surroundings::Surroundings;
use super::text::{Parts, holds, place_of};
use super::ways;
use super::words::{self, Heard, List};
use crate::markdown::Document;
use crate::model::{Effect, Nature};

/// Hears what headings, sentences and comments say of the pieces of `body`.
pub(super) fn listen(
    pieces: &mut [Said<'_>],
    tag: &str,
    body: &str,
    around: &Surroundings,
    document: &Document<'_>,
) {
    let nothing = Heard::default();
    let lead = around.lead().map_or(&nothing, |prose| &prose.text);
    let heading = around.headings.first().map_or(&nothing, |it| &**it);
    let is_lone = pieces.len() == 1;
    let is_untagged = tag.is_empty() || matches!(tag, "text" | "txt" | "plaintext");
    let leads_to_output = says_output(lead);
    let is_to_be_replaced = lead.says_replace()
        || around
            .after
            .first()
            .is_some_and(|after| after.text.says_replace());
    // Behind the fence only what speaks of it: its own block of lines.
    let forbidden = around
        .before
        .iter()
        .take(around.paragraph.max(2))
        .chain(around.after.iter().take(2))
        .map(|prose| &prose.text)
        .chain(around.headings.iter().map(|it| &**it))
        .find_map(|text| text.find(List::Forbids));
    for (index, piece) in pieces.iter_mut().enumerate() {
        let title = &piece.read.heard;
        // Samples of what is printed; a remark under a command is none, whatever it says.
        if (leads_to_output && is_lone || says_output(title))
            && piece.read.because != body::REMARKS_ONLY
            && !matches!(piece.nature, Nature::Diagram | Nature::Session)
        {
            let is_free = piece.nature == Nature::Listing
                || matches!(
                    piece.form,
                    Some(
                        Form::Data
                            | Form::Printed
                            | Form::Log
                            | Form::Prose
                            | Form::Address
                            | Form::Settings
                            | Form::Assignments
                    )
                );
            let is_told = piece.nature.is_step() && is_untagged && leads_to_output;
            if is_free && !piece.nature.is_step() || is_told {
                piece.nature = Nature::Output;
                piece.because = Cow::Borrowed("the text says that this is printed");
            } else if piece.nature.is_step() {
                let whole = piece.range.clone();
                piece.doubt("output", "the text says that this is printed", whole);
            }
        }
        if piece.nature == Nature::Data
            || piece.nature == Nature::Listing && piece.form == Some(Form::Source)
        {
            let is_sample =
                title.find(List::Example).is_some() || lead.find(List::Example).is_some();
            if !is_sample
                && (around.written(document).any(names_a_file) || names_a_file(&piece.title))
                && piece.form != Some(Form::Printed)
                && looks_whole(&body[piece.range.clone()])
            {
                piece.nature = Nature::File;
                piece.because.to_mut().push_str("; the text names its file");
            }
        }
        // A script, or a line of a profile: it is written, not run.
        if piece.nature == Nature::Command
            && lead.find(List::Looks).is_none()
            && (lead.find(List::WrittenInto).is_some() || title.find(List::WrittenInto).is_some())
        {
            piece.nature = Nature::File;
            piece.because = Cow::Borrowed("the text says that it is written into a file");
        }
        // Python for the shell of an application.
        if piece.form == Some(Form::Python)
            && (lead.find(List::Shells).is_some()
                || title.find(List::Shells).is_some()
                || heading.find(List::Shells).is_some())
        {
            piece.nature = Nature::Query;
            piece.because = Cow::Borrowed("it is Python for a shell");
            let text = &body[piece.range.clone()];
            piece.effect = if text.contains("delete(") {
                Effect::Destroys
            } else if [
                "save(",
                ".create(",
                "update(",
                "set_password",
                ".add(",
                "open(",
                "subprocess",
                "os.system",
            ]
            .iter()
            .any(|mark| text.contains(mark))
            {
                Effect::Changes
            } else {
                Effect::Reads
            };
        }
        if !piece.nature.is_step() {
            continue;
        }
        // The writer knows what a program of their own does.
        if piece.effect != Effect::Destroys
            && let Some(word) = title.find(List::Loses)
        {
            piece.effect = Effect::Destroys;
            piece.because = Cow::Owned(format!("its comment says “{word}”"));
        }
        let whole = piece.range.clone();
        for (text, who) in [
            (title, "its comment"),
            (lead, "the text above"),
            (heading, "the heading"),
        ] {
            if let Some(word) = counter_example(text, who == "its comment")
                // To look at what fails harms nobody.
                && !(piece.effect == Effect::Reads && words::FAILURE.contains(&word))
            {
                piece.doubt(
                    "counter-example",
                    format!("{who} says “{word}”: not to be run"),
                    whole.clone(),
                );
            }
            let is_example = match who {
                // An example of what to look at may be looked at.
                "the heading" if piece.effect == Effect::Reads => None,
                "the heading" => text
                    .find(List::Example)
                    .filter(|_| text.each_word().count() < 5),
                // `cp .env.example .env`: the file is the example.
                _ => text
                    .find(List::Example)
                    .filter(|word| !is_aside(text, word))
                    .filter(|_| !names_an_example(&piece.command)),
            };
            if let Some(word) = is_example {
                piece.doubt("example", format!("{who} says “{word}”"), whole.clone());
            }
        }
        if let Some(word) = forbidden {
            piece.doubt(
                "counter-example",
                format!("the text around says “{word}”: not to be run"),
                whole.clone(),
            );
        }
        if piece.effect != Effect::Reads && ways::sets_a_condition(title) {
            piece.doubt(
                "alternative",
                "its comment says when it is meant",
                whole.clone(),
            );
        }
        if index > 0
            && piece.effect != Effect::Reads
            && let Some(word) = words::find(title, words::FORCES)
        {
            piece.doubt(
                "alternative",
                format!(
                    "its comment says “{}”: for when what stands before it did not do",
                    word.trim_end_matches('*')
                ),
                whole.clone(),
            );
        }
        if piece.effect != Effect::Reads
            && let Some(heading) = around.headings.iter().find(|it| ways::opens_other_ways(it))
        {
            piece.doubt(
                "alternative",
                format!("it stands under “{}”", heading.trim()),
                whole.clone(),
            );
        }
        if piece.effect != Effect::Reads || lead.says_replace() {
            if is_to_be_replaced {
                piece.doubt(
                    "example-value",
                    "the text says that a value of it is to be replaced",
                    whole.clone(),
                );
            } else if let Some(word) = around.quotes_to_change(document, &piece.command) {
                piece.doubt(
                    "example-value",
                    format!("the text says that `{word}` is to be changed"),
                    whole.clone(),
                );
            } else if let Some(because) = writers_own(&piece.command) {
                piece.doubt("example-value", because, whole.clone());
            }
        }
        if piece.nature != Nature::Interactive
            && around.says_inside(title)
            && piece
                .read
                .understanding
                .as_ref()
                .is_some_and(|understood| !understood.in_container)
            && !body::drives(piece.read)
        {
            piece.doubt(
                "remote-shell",
                "the text says that it is typed in a container",
                whole.clone(),
            );
        }
        if leaves(&piece.command) {
            piece.doubt(
                "remote-shell",
                "it closes a shell that the text has opened",
                whole.clone(),
            );
        }
        if piece.effect == Effect::Changes
            && (unpacks(piece) || copies_a_backup(piece))
            && (title.find(List::Restores).is_some()
                || heading.find(List::Restores).is_some()
                || lead.find(List::Restores).is_some())
        {
            piece.effect = Effect::Destroys;
            piece.because = Cow::Borrowed("it restores over what is there");
        }
        let text = &body[piece.range.clone()];
        let remarked = if holds(text, "#") { text } else { "" };
        for line in remarked.each_line() {
            let trailing = place_of(line, " # ").map(|at| &line[at + 3..]);
            let remark = line.trim_start().strip_prefix('#').or(trailing);
            if piece.effect != Effect::Reads
                && let Some(word) = remark.and_then(|it| Heard::new(it).find(List::Adjust))
                && (trailing.is_some() || is_told_to(remark.unwrap_or_default(), word))
            {
                piece.doubt(
                    "example-value",
                    format!("its comment says “{}”", word.trim_end_matches('*')),
                    whole.clone(),
                );
            }
            // `npm install # or yarn install`
            if piece.effect != Effect::Reads
                && let Some(remark) = trailing
                && ways::says_alternative(&Heard::new(remark))
            {
                piece.doubt(
                    "alternative",
                    "its remark names another way of doing it",
                    whole.clone(),
                );
            }
            // A remark behind a command may take it back.
            if let Some(remark) = trailing
                && let Some(word) = counter_example(&Heard::new(remark), true)
            {
                piece.doubt(
                    "counter-example",
                    format!("its comment says “{word}”: not to be run"),
                    whole.clone(),
                );
            }
        }
    }
}

/// Whether a line leads to what is printed: `Expected output:`, not "the output is written to a file".
fn says_output(folded: &Heard) -> bool {
    if folded.find(List::Output).is_none() {
        return false;
    }
    if folded.find(List::Looks).is_some()
        && !words::EXPECTED.iter().any(|word| folded.contains(word))
    {
        return false;
    }
    let ends = folded
        .trim_end_matches(['*', '_', '`', ' ', ')'])
        .ends_with([':', '：']);
    (ends && folded.len() < 120) || folded.each_word().count() < 5
}

/// Whether a word of `command` is a file that is an example: `.env.example`.
fn names_an_example(command: &str) -> bool {
    command
        .each_line()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(str::each_word)
        .any(|word| words::find(&words::fold(word), words::EXAMPLE).is_some())
}

fn counter_example(folded: &Heard, is_comment: bool) -> Option<&'static str> {
    // That something does not work is said of the piece in its comment, of the trouble elsewhere.
    let bare = || folded.trim_matches(|c: char| !c.is_alphanumeric());
    if let Some(word) = folded.find(List::Failure)
        && (is_comment || bare() == word)
    {
        return Some(word);
    }
    // One word alone is enough in a comment; in a sentence it must be said of running it.
    let word = folded
        .find(List::CounterExample)
        .or_else(|| folded.find(List::Forbids))?;
    let is_phrase = word.contains(' ') || word.contains('\'') || !word.is_ascii();
    let is_short = folded.each_word().count() < 5;
    (is_comment || is_phrase || is_short).then_some(word)
}

/// Whether a longer sentence gives an example of something in it: neither does it begin with the word,
/// nor does the word lead to the end of it.
fn is_aside(text: &str, word: &str) -> bool {
    /// Beyond so many bytes from either end.
    const FAR: usize = 40;
    words::ASIDES.contains(&word)
        && text
            .find(word)
            .is_some_and(|at| at > FAR / 4 && text.len() - at > FAR)
}

/// Returns why `command` holds something that only its writer can have meant.
fn writers_own(command: &str) -> Option<&'static str> {
    command.each_line().find_map(|line| {
        let line = line.trim_start();
        words::WRITERS_OWN
            .iter()
            .find(|(begin, _)| {
                line.starts_with(begin)
                    || holds(line, "&& ") && line.contains(&format!("&& {begin}"))
            })
            .map(|(_, because)| *because)
    })
}

/// Whether a comment of its own line asks for a change, and does not only say what the command does:
/// `the last backup (adjust the date!)`, not `# adapt the hosts`.
fn is_told_to(remark: &str, word: &str) -> bool {
    let folded = words::fold(remark);
    folded
        .find(word.trim_end_matches('*'))
        .is_some_and(|at| folded[..at].contains(['(', '（', '!', '⚠', '<', '←']))
}

/// Whether a command is only the end of a shell that the text has opened.
fn leaves(command: &str) -> bool {
    let mut lines = command
        .each_line()
        .map(|line| line[..place_of(line, " #").unwrap_or(line.len())].trim())
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .next()
        .is_some_and(|line| matches!(line, "exit" | "logout" | "quit"))
        && lines.next().is_none()
}

/// Whether what it changes is unpacked or copied, which in a restore lies over what is there.
fn unpacks(piece: &BodyPiece) -> bool {
    piece.understanding.as_ref().is_some_and(|understood| {
        understood.commands.iter().any(|known| {
            known.effect == Effect::Changes
                && matches!(
                    known.name.split(' ').next().unwrap_or_default(),
                    "tar" | "gtar" | "bsdtar" | "unzip" | "rsync" | "cpio" | "pax"
                )
        })
    })
}

/// Whether it copies something that is called a backup: in a restore, over what is there.
fn copies_a_backup(piece: &BodyPiece) -> bool {
    piece.command.each_line().any(|line| {
        let mut words = line.each_word().skip_while(|word| *word == "sudo");
        words.next() == Some("cp")
            && words
                .find(|word| !word.starts_with('-'))
                .is_some_and(|from| words::find(&words::fold(from), words::BACKUPS).is_some())
    })
}

/// Whether a text names a file that a fence could be the content of.
fn names_a_file(text: &str) -> bool {
    const ENDS: &[&str] = &[
        ".yml",
        ".yaml",
        ".json",
        ".conf",
        ".cnf",
        ".toml",
        ".ini",
        ".service",
        ".timer",
        ".env",
        ".cfg",
        ".config",
        ".xml",
        ".properties",
        ".tf",
        ".py",
        ".js",
        ".ts",
        ".php",
        ".sh",
        ".html",
        ".rules",
        ".list",
        ".network",
        ".hcl",
        ".local",
        ".d",
        ".sql",
        ".css",
    ];
    text.split(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '`' | '"'
                    | '\''
                    | '('
                    | ')'
                    | '*'
                    | ','
                    | ':'
                    | '<'
                    | '>'
                    | '“'
                    | '”'
                    | '；'
                    | '：'
                    | '、'
                    | '，'
            )
    })
    .any(|word| {
        let word = word.trim_end_matches(['.', ';']);
        matches!(
            word,
            "Dockerfile"
                | "Makefile"
                | "Caddyfile"
                | "Jenkinsfile"
                | "Vagrantfile"
                | "crontab"
                | "nginx.conf"
                | "sshd_config"
        ) || word.len() > 3
            && !word.contains("://")
            && ENDS.iter().any(|end| word.ends_with(end))
            && !word.contains('=')
            || word.starts_with("/etc/") && word.len() > 6
    })
}

/// Whether settings read as a whole file and not as three lines out of it.
fn looks_whole(body: &str) -> bool {
    body.each_line()
        .filter(|line| !line.trim().is_empty())
        .count()
        > 3
}
