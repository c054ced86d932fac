//! Commands that this machine lacks, and what is here instead.

use std::collections::{BTreeMap, BTreeSet};

use super::{Surveyed, by_kind, listed};
use crate::classify::knowledge::Knowledge;
use crate::classify::powershell::is_powershells_own;
use crate::classify::understanding::{Tongue, understand};
use crate::classify::{Kind as Tagged, language};
use crate::markdown::Document;
use crate::model::{Diagnostic, Kind, Runbook, Span};

/// A program, and those that may stand in for it, the best first.
pub const INSTEAD: &[(&str, &[&str])] = &[
    ("docker-compose", &["docker compose", "podman-compose"]),
    ("docker compose", &["docker-compose", "podman compose"]),
    ("docker", &["podman", "nerdctl"]),
    ("podman", &["docker"]),
    ("python", &["python3"]),
    ("python3", &["python"]),
    ("python2", &["python3"]),
    ("pip", &["pip3"]),
    ("pip3", &["pip"]),
    ("netstat", &["ss"]),
    ("ss", &["netstat"]),
    ("ifconfig", &["ip"]),
    ("route", &["ip"]),
    ("arp", &["ip"]),
    ("iwconfig", &["iw"]),
    ("brctl", &["bridge"]),
    ("nslookup", &["dig", "host", "getent"]),
    ("dig", &["drill", "host", "getent"]),
    ("host", &["dig", "getent"]),
    ("traceroute", &["tracepath", "mtr"]),
    ("telnet", &["nc", "curl"]),
    ("nc", &["ncat", "socat"]),
    ("netcat", &["nc", "ncat"]),
    ("wget", &["curl"]),
    ("curl", &["wget"]),
    ("http", &["curl"]),
    ("service", &["systemctl", "rc-service"]),
    ("systemctl", &["service", "rc-service"]),
    ("chkconfig", &["systemctl", "update-rc.d"]),
    ("apt", &["dnf", "yum", "zypper", "apk", "pacman", "brew"]),
    (
        "apt-get",
        &["dnf", "yum", "zypper", "apk", "pacman", "brew"],
    ),
    ("dnf", &["yum", "apt-get", "zypper", "apk"]),
    ("yum", &["dnf", "apt-get", "zypper", "apk"]),
    ("apk", &["apt-get", "dnf"]),
    ("zypper", &["apt-get", "dnf"]),
    ("pacman", &["apt-get", "dnf"]),
    ("brew", &["apt-get", "dnf"]),
    ("dpkg", &["rpm", "apk"]),
    ("rpm", &["dpkg", "apk"]),
    ("ufw", &["firewall-cmd", "nft", "iptables"]),
    ("firewall-cmd", &["ufw", "nft", "iptables"]),
    ("iptables", &["nft"]),
    ("mysql", &["mariadb"]),
    ("mysqldump", &["mariadb-dump"]),
    ("mysqladmin", &["mariadb-admin"]),
    ("mariadb", &["mysql"]),
    ("nano", &["vi", "vim"]),
    ("vim", &["vi", "nano"]),
    ("htop", &["top"]),
    ("node", &["nodejs"]),
    ("nodejs", &["node"]),
    ("yarn", &["npm", "pnpm"]),
    ("pnpm", &["npm"]),
    ("kubectl", &["k3s", "microk8s", "oc"]),
    ("terraform", &["tofu"]),
    ("sudo", &["doas"]),
    ("adduser", &["useradd"]),
    ("useradd", &["adduser"]),
    ("mail", &["mailx", "sendmail"]),
    ("which", &["command"]),
    ("md5sum", &["openssl"]),
    ("shasum", &["sha256sum"]),
    ("sha256sum", &["shasum"]),
    ("tree", &["find"]),
    ("lsb_release", &["hostnamectl"]),
    ("ntpdate", &["chronyd", "timedatectl"]),
    ("redis-cli", &["valkey-cli"]),
];

/// Words that a shell performs by itself.
const BUILT_IN: &[&str] = &[
    ".",
    ":",
    "[",
    "[[",
    "alias",
    "bg",
    "break",
    "builtin",
    "caller",
    "cd",
    "command",
    "continue",
    "declare",
    "dirs",
    "disown",
    "echo",
    "enable",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "getopts",
    "hash",
    "help",
    "history",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "time",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
];

/// Programs whose first argument is a program of its own, that may be missing by itself.
const WITH_PARTS: &[&str] = &["docker compose", "docker buildx", "podman compose"];

/// Programs that reach another machine or container: what they start there is not looked for here.
const REACHING: &[&str] = &[
    "ssh",
    "scp",
    "sftp",
    "rsync",
    "docker",
    "docker-compose",
    "docker compose",
    "podman",
    "kubectl",
    "oc",
    "vagrant",
    "multipass",
    "lxc",
    "nerdctl",
];

/// Adds a finding for each program that has a stand-in here, and one for all those that have none.
pub(super) fn check(
    document: &Document<'_>,
    runbook: &Runbook,
    knowledge: &Knowledge,
    surveyed: &Surveyed<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let mut missing: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    let mut here: BTreeMap<String, bool> = BTreeMap::new();
    let written = runbook.steps.iter().filter(|it| it.settings.file.is_some());
    let written: BTreeSet<Span> = written.map(|it| it.span).collect();
    for (fence, reading) in document.fences.iter().zip(&runbook.fences) {
        // What becomes a file is not run here.
        if written.contains(&fence.span) {
            continue;
        }
        for piece in reading.pieces.iter().filter(|it| it.nature.is_step()) {
            let is_shell = piece.language.is_some_and(|it| {
                let kind = language::find(it.0).map(|row| row.kind);
                match kind {
                    Some(Tagged::Shell | Tagged::Console) => true,
                    // Nothing in it is PowerShell's own: any shell runs it.
                    Some(Tagged::Powershell) => !is_powershells_own(&piece.command),
                    _ => false,
                }
            });
            if !is_shell {
                continue;
            }
            // What does not read as commands starts nothing.
            if piece
                .doubts
                .iter()
                .any(|doubt| matches!(doubt.rule, "unreadable" | "company" | "output"))
            {
                continue;
            }
            let understood = understand(&piece.command, Tongue::Shell, knowledge);
            let is_away = understood.in_container || !piece.hosts.is_empty();
            for known in &understood.commands {
                let text = piece.command.get(known.range.clone()).unwrap_or_default();
                let Some(program) = program(&known.name).and_then(|it| started_by(it, text)) else {
                    continue;
                };
                // Whoever reads this has it.
                if program == "runbook" || is_away && !REACHING.contains(&program.as_str()) {
                    continue;
                }
                let is_here = *here
                    .entry(program.clone())
                    .or_insert_with(|| (surveyed.has)(&program));
                if !is_here {
                    let place = document.place(fence, place_in_body(piece, &known.range));
                    missing.entry(program).or_default().push(place);
                }
            }
        }
    }
    let mut without: Vec<(String, Vec<Span>)> = Vec::new();
    for (program, places) in missing {
        let instead = INSTEAD
            .iter()
            .find(|(name, _)| *name == program)
            .and_then(|(_, others)| others.iter().find(|other| (surveyed.has)(other)));
        let Some(instead) = instead else {
            without.push((program, places));
            continue;
        };
        let message = format!("`{program}` is not on this machine; `{instead}` is");
        found.push(of(runbook.kind, message, places).way_out(format!(
            "write `{instead}` where the manual is for machines like this one"
        )));
    }
    if without.is_empty() {
        return;
    }
    without.sort_by_key(|(_, places)| places[0].start);
    let names: Vec<&str> = without.iter().map(|(name, _)| name.as_str()).collect();
    let message = match names.len() {
        1 => format!("{} is not on this machine", listed(&names, 1)),
        number => format!(
            "{number} programs are not on this machine: {}",
            listed(&names, 5)
        ),
    };
    let places = without
        .iter()
        .flat_map(|(_, places)| places.iter().copied())
        .collect();
    found.push(
        of(runbook.kind, message, places)
            .way_out("install what is meant to run here; `requires:` says so before step one"),
    );
}

fn of(kind: Kind, message: String, mut places: Vec<Span>) -> Diagnostic {
    places.sort_unstable();
    places.dedup();
    by_kind(kind, "missing-command", places[0], message).also(places[1..].iter().copied())
}

/// Where in the body of its fence something stands that is known by its place in the command. The
/// two are the same, but for the prompts of a session: then the piece as a whole is marked.
fn place_in_body(
    piece: &crate::model::Piece,
    range: &std::ops::Range<usize>,
) -> std::ops::Range<usize> {
    if piece.range.len() < piece.command.trim_end().len()
        || piece.nature == crate::model::Nature::Session
    {
        return piece.range.clone();
    }
    piece.range.start + range.start..(piece.range.start + range.end).min(piece.range.end)
}

/// Returns the program of a command that is known as `name`; `None` where nothing could be looked
/// for.
fn program(name: &str) -> Option<String> {
    let first = name.split_whitespace().next()?;
    let is_name = |c: char| c.is_alphanumeric() || "-_.+".contains(c);
    if BUILT_IN.contains(&first) || !first.chars().all(is_name) {
        return None;
    }
    let two = WITH_PARTS.iter().find(|it| {
        name == **it
            || name
                .strip_prefix(**it)
                .is_some_and(|it| it.starts_with(' '))
    });
    Some(two.map_or(first, |it| *it).to_owned())
}

/// Programs that run a program of the project, which itself is no program of the machine.
const INTERPRETERS: &[&str] = &[
    "python", "python3", "php", "ruby", "node", "perl", "bash", "sh",
];

/// Returns what starts `program` in the command `text`: for `python app/manage.py migrate`, python.
fn started_by(program: String, text: &str) -> Option<String> {
    let mut before = None;
    for word in text.split_whitespace() {
        let base = word.rsplit('/').next().unwrap_or_default();
        if base == program {
            return match before {
                Some(interpreter) => Some(interpreter),
                None if word.contains('/') => None,
                None => Some(program),
            };
        }
        before = INTERPRETERS
            .contains(&word)
            .then(|| word.to_owned())
            .or_else(|| before.filter(|_| word.starts_with('-')));
    }
    Some(program)
}

#[cfg(test)]
mod tests {
    use super::{INSTEAD, program, started_by};

    #[test]
    fn a_program_of_the_project_is_started_by_its_interpreter() {
        for (name, text, wanted) in [
            (
                "manage.py",
                "sudo python -u app/manage.py migrate",
                Some("python"),
            ),
            ("gradlew", "./gradlew build", None),
            (
                "docker compose",
                "docker compose up",
                Some("docker compose"),
            ),
            ("nginx", "sudo nginx -t", Some("nginx")),
        ] {
            let found = started_by(name.to_owned(), text);
            assert_eq!(found.as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn the_program_of_a_command_is_its_first_word_or_two() {
        for (name, wanted) in [
            ("docker compose up", Some("docker compose")),
            ("docker composer", Some("docker")),
            ("apt install", Some("apt")),
            ("cd", None),
            ("./deploy.sh", None),
            ("$CMD", None),
            ("", None),
        ] {
            assert_eq!(program(name).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn no_program_stands_in_for_itself() {
        for (name, others) in INSTEAD {
            assert!(!others.contains(name), "{name}");
            assert_eq!(
                INSTEAD.iter().filter(|it| it.0 == *name).count(),
                1,
                "{name}"
            );
        }
    }
}
