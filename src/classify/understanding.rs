//! Commands → what they do: effect, terminal, hosts, files, variables. Knows programs from a table
//! alone; an unknown program is unknown, never "reads".

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::accident;
use super::knowledge::{Finding, Knowledge, Reads};
use super::powershell;
use super::shell::{self, Redirect, Script, Simple, Word};
use super::sql::{self, Verdict, weight};
use crate::model::Effect;

mod beyond;

/// Wrappers and texts inside texts are followed so far: `sudo ssh a "bash -c 'eval …'"`.
const DEEPEST: usize = 16;

/// So many commands are judged: a text that is fed to each command of a text would else cost the
/// product of both.
const MOST: usize = 20_000;

/// In which language a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tongue {
    /// bash and its kin.
    Shell,
    /// PowerShell.
    Powershell,
    /// Python as a script.
    Python,
    /// Any other: nothing is known of it.
    Other,
}

/// Whether a text is commands at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sense {
    /// It parses, and every command word is a builtin, known, a path, or defined in it.
    Commands,
    /// It parses, but these command words are known to nobody.
    Strange(Vec<String>),
    /// It does not parse, or it parses by accident; why, in words.
    Nonsense(String),
}

/// One simple command, wrappers looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The program and what of its arguments decided, `docker compose up`.
    pub name: String,
    /// Where it stands in the body, in bytes.
    pub range: Range<usize>,
    /// What it does.
    pub effect: Effect,
    /// Why, in words: "`rm` deletes files".
    pub because: String,
}

/// Something that a command does besides its effect, and where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// In words: "`psql` opens a console".
    pub because: String,
    /// Where, in bytes of the body.
    pub range: Range<usize>,
}

/// What was made of a run of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Understanding {
    /// Whether it is commands at all.
    pub sense: Sense,
    /// The worst of what its commands do: destroys > unknown > changes > reads.
    pub effect: Effect,
    /// Why, in one sentence, naming the command that decided.
    pub because: String,
    /// Its simple commands, in order, those inside loops, functions and substitutions too.
    pub commands: Vec<Known>,
    /// It wants a person at the terminal: an editor, a console, a remote shell.
    pub interactive: Option<Mark>,
    /// It does not end by itself: a server in the foreground, `tail -f`.
    pub endless: Option<Mark>,
    /// It asks questions on the way: `apt install` without `-y`.
    pub prompts: Option<Mark>,
    /// The command after which further lines are typed into another shell or console: `ssh host`,
    /// `docker exec -it x bash`, `sudo -i`, `psql`. Then what follows it runs elsewhere.
    pub opens: Option<Mark>,
    /// It becomes another user first, which may ask for a password.
    pub elevates: Option<Mark>,
    /// The hosts that it logs in to or copies to and from, as written, each once.
    pub hosts: Vec<String>,
    /// Names that `>` would overwrite, literal ones, each once; `/dev/…` left out.
    pub overwrites: Vec<String>,
    /// Files that it reads by `<` or as a script, literal ones, each once.
    pub needs: Vec<String>,
    /// Variables that it sets (assignments, `export`, `read`, `for`), each once.
    pub sets: Vec<String>,
    /// Variables that it reads before it sets them, with each place; without the shell's own and
    /// those with a default (`${X:-y}`).
    pub reads: Vec<(String, Range<usize>)>,
    /// Whether some part runs inside a container (`docker exec`, `kubectl exec`).
    pub in_container: bool,
    /// Whether it stops something (`stop`, `down`, `disable`), for finding opposites.
    pub verbs: Vec<String>,
    /// Nothing but assignments: a settings file as likely as commands.
    pub only_assignments: bool,
}

impl Understanding {
    pub(super) fn new() -> Self {
        Self {
            sense: Sense::Commands,
            effect: Effect::Reads,
            because: String::new(),
            commands: Vec::new(),
            interactive: None,
            endless: None,
            prompts: None,
            opens: None,
            elevates: None,
            hosts: Vec::new(),
            overwrites: Vec::new(),
            needs: Vec::new(),
            sets: Vec::new(),
            reads: Vec::new(),
            in_container: false,
            verbs: Vec::new(),
            only_assignments: false,
        }
    }

    fn nothing(tongue: &str) -> Self {
        Self {
            effect: Effect::Unknown,
            because: format!("nothing is known of {tongue}"),
            ..Self::new()
        }
    }
}

/// Returns what the commands of `body` do.
pub fn understand(body: &str, tongue: Tongue, knowledge: &Knowledge) -> Understanding {
    match tongue {
        Tongue::Shell => understand_shell(body, knowledge),
        Tongue::Powershell => powershell::understand(body, knowledge),
        Tongue::Python => {
            let mut all = Understanding::nothing("what a Python program does");
            if only_prints(body) {
                all.effect = Effect::Reads;
                "the program only prints".clone_into(&mut all.because);
            }
            all
        }
        Tongue::Other => Understanding::nothing("this language"),
    }
}

fn understand_shell(body: &str, knowledge: &Knowledge) -> Understanding {
    let script = shell::read(body);
    let mut judge = Judge {
        knowledge,
        all: Understanding::new(),
        strange: Vec::new(),
        accident: None,
        left: MOST,
    };
    judge.all.sets = script.sets.iter().map(ToString::to_string).collect();
    judge.all.reads = script
        .reads
        .iter()
        .map(|(name, range)| (name.to_string(), range.clone()))
        .collect();
    judge.all.only_assignments = script.assignments > 0 && script.commands.is_empty();
    judge.script(body, &script, &Within::default());
    let Judge {
        mut all,
        strange,
        accident,
        ..
    } = judge;
    all.sense = if let Some(why) = &script.fault {
        Sense::Nonsense(why.clone())
    } else if let Some(why) = accident::of_lines(body).or(accident) {
        Sense::Nonsense(why)
    } else if script.commands.is_empty() && script.assignments == 0 && script.defines.is_empty() {
        Sense::Nonsense("holds no command".to_owned())
    } else if strange.is_empty() {
        Sense::Commands
    } else {
        Sense::Strange(strange)
    };
    conclude(&mut all);
    if let Sense::Nonsense(why) = &all.sense {
        all.effect = Effect::Unknown;
        all.because.clone_from(why);
    }
    all
}

/// Takes the worst of the commands for the whole.
pub(super) fn conclude(all: &mut Understanding) {
    let mut worst: Option<&Known> = None;
    for known in &all.commands {
        if worst.is_none_or(|it| weight(known.effect) > weight(it.effect)) {
            worst = Some(known);
        }
    }
    match worst {
        Some(known) => {
            all.effect = known.effect;
            all.because.clone_from(&known.because);
        }
        None => "only sets variables of the shell".clone_into(&mut all.because),
    }
}

/// What a text inside a text stands in.
#[derive(Clone, Default)]
struct Within {
    /// Where in the body all of it stands, for a text that is not the body itself.
    anchor: Option<Range<usize>>,
    depth: usize,
    /// It is quoted or runs elsewhere: its words are no evidence of what the body is.
    is_text: bool,
    /// On another machine or in a container: its files are not those of this machine.
    elsewhere: bool,
    in_container: bool,
    /// `timeout` ends it.
    is_limited: bool,
    /// What the wrapper passes on as standard input.
    stdin: Option<Stdin>,
    /// What it prints goes to another command, which may end it.
    feeds: bool,
}

/// What a command reads from its standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stdin {
    /// This text.
    Text(String),
    /// A file, by its name.
    File(String),
    /// What another program prints, by its name; and whether it downloads it.
    Program(String, bool),
}

/// Programs that fetch what they print.
const DOWNLOADERS: &[&str] = &["curl", "wget", "fetch", "aria2c", "lwp-request"];

struct Judge<'k> {
    knowledge: &'k Knowledge,
    all: Understanding,
    strange: Vec<String>,
    accident: Option<String>,
    left: usize,
}

fn add(all: &mut Vec<String>, one: impl Into<String>) {
    let one = one.into();
    if !all.contains(&one) {
        all.push(one);
    }
}

impl Judge<'_> {
    fn script(&mut self, text: &str, script: &Script<'_>, within: &Within) {
        self.language(text, script, within);
        let feeders: BTreeSet<usize> = script.commands.iter().filter_map(|it| it.fed_by).collect();
        for (index, command) in script.commands.iter().enumerate() {
            let range = within
                .anchor
                .clone()
                .unwrap_or_else(|| command.range.clone());
            let Some(left) = self.left.checked_sub(1) else {
                return;
            };
            self.left = left;
            if left == 0 {
                let because = "holds more commands than anybody reads".to_owned();
                let within = Within {
                    anchor: Some(range),
                    ..within.clone()
                };
                self.push(&within, "", Effect::Unknown, because);
                return;
            }
            if within.anchor.is_none() && self.accident.is_none() {
                self.accident = accident::of_words(command);
            }
            let program = command.words.first().map_or("", |it| it.text.as_ref());
            let mut stdin = stdin_of(command, script).or_else(|| within.stdin.clone());
            if program == "read" && stdin.is_none() && beyond::feeds_its_loops(text, script) {
                stdin = Some(Stdin::Text(String::new()));
            }
            let within = Within {
                anchor: Some(range.clone()),
                stdin,
                feeds: feeders.contains(&index),
                ..within.clone()
            };
            if !within.is_limited && self.all.endless.is_none() {
                let head = beyond::never_ends(text, index, script)
                    .or_else(|| never_drained(command, script));
                self.all.endless = head.map(|head| Mark {
                    because: format!("`{head}` does not end by itself"),
                    range: range.clone(),
                });
            }
            let first = self.all.commands.len();
            if !command.words.is_empty() {
                self.command(text, command, script, &within);
            }
            self.redirections(text, command, first, &within);
        }
    }

    /// What the text says between its commands: menus, loops without an end, variables that decide
    /// what later commands run.
    fn language(&mut self, text: &str, script: &Script<'_>, within: &Within) {
        let range = within.anchor.clone().unwrap_or(0..text.trim_end().len());
        if self.all.prompts.is_none() && within.stdin.is_none() && beyond::has_menu(text, script) {
            self.all.prompts = Some(Mark {
                because: "`select` asks questions".to_owned(),
                range: range.clone(),
            });
        }
        if self.all.endless.is_none() && !within.is_limited && beyond::has_bare_for(text, script) {
            self.all.endless = Some(Mark {
                because: "`for ((;;))` does not end by itself".to_owned(),
                range,
            });
        }
        for (name, place, effect, because) in beyond::of_variables(text, script) {
            let within = Within {
                anchor: Some(within.anchor.clone().unwrap_or(place)),
                ..within.clone()
            };
            self.push(&within, name, effect, format!("`{name}=` {because}"));
        }
    }

    fn push(&mut self, within: &Within, name: &str, effect: Effect, because: String) {
        self.all.commands.push(Known {
            name: name.to_owned(),
            range: within.anchor.clone().unwrap_or_default(),
            effect,
            because,
        });
    }

    /// What `<` needs and `>` writes; a write makes a reading command a changing one.
    fn redirections(&mut self, text: &str, command: &Simple<'_>, first: usize, within: &Within) {
        for redirect in &command.redirects {
            let (file, over) = match redirect {
                Redirect::From(file) => {
                    if file.literal && !file.text.starts_with("/dev/") && !within.elsewhere {
                        add(&mut self.all.needs, file.text.as_ref());
                    }
                    continue;
                }
                Redirect::Over(file) => (file, true),
                Redirect::Onto(file) => (file, false),
                Redirect::Here(..) => continue,
            };
            let name = file.text.as_ref();
            let (effect, because) = if is_device(name) {
                if !is_disk(name) {
                    continue;
                }
                (
                    Effect::Destroys,
                    format!("`>` writes over the disk `{name}`"),
                )
            } else if over {
                if file.literal && !within.elsewhere {
                    add(&mut self.all.overwrites, name);
                }
                if beyond::prints_nothing(text, command, within.stdin.is_some()) {
                    (Effect::Destroys, format!("`>` empties `{name}`"))
                } else {
                    (Effect::Changes, format!("`>` writes `{name}`"))
                }
            } else {
                (Effect::Changes, format!("`>>` adds to `{name}`"))
            };
            match self.all.commands.get_mut(first) {
                Some(known) if weight(known.effect) < weight(effect) => {
                    known.effect = effect;
                    known.because = because;
                }
                Some(_) => {}
                None => self.push(within, ">", effect, because),
            }
        }
    }

    fn command(&mut self, text: &str, command: &Simple<'_>, script: &Script<'_>, within: &Within) {
        let program = &command.words[0];
        if !program.literal {
            // `$PYTHON x.py`: what it is, only a run can know.
            let name = program.text.trim_matches(['$', '{', '}']);
            if !within.is_text && !script.sets.iter().any(|set| set == name) {
                add(&mut self.strange, program.text.as_ref());
            }
            let because = format!("which program `{}` is, is not known", program.text);
            self.push(within, &program.text, Effect::Unknown, because);
            return;
        }
        if script.defines.contains(program.text.as_ref()) {
            if beyond::multiplies(text, command, script) {
                let because = format!("`{}` starts itself again and again", program.text);
                self.push(within, &program.text, Effect::Destroys, because);
                return;
            }
            let because = format!("`{}` is defined in it", program.text);
            let name = format!("{}()", program.text);
            self.push(within, &name, Effect::Reads, because);
            return;
        }
        let is_quiet = command
            .assigned
            .iter()
            .any(|name| name == "DEBIAN_FRONTEND" || name == "PGPASSWORD");
        let mut within = within.clone();
        if command.in_background {
            within.is_limited = true;
        }
        self.words(&command.words, is_quiet, &within);
        // What is only named here runs later.
        match program.text.as_ref() {
            "alias" => {
                for word in &command.words[1..] {
                    if let Some((_, text)) = word.text.split_once('=') {
                        self.text(text.trim_matches(['\'', '"']), &within);
                    }
                }
            }
            "trap" => {
                if let Some(word) = command.words.get(1)
                    && !word.text.is_empty()
                    && !word.text.starts_with('-')
                {
                    self.text(&word.text, &within);
                }
            }
            _ => {}
        }
    }

    /// Judges a command by its words; wrappers are looked through.
    fn words(&mut self, words: &[Word<'_>], is_quiet: bool, within: &Within) {
        let Some(program) = words.first() else { return };
        let written = program.text.as_ref();
        let name = self.name_of(written);
        let Some(name) = name else {
            if is_a_path(written) {
                if !within.elsewhere {
                    add(&mut self.all.needs, written);
                }
                let rest = words[1..].iter().map(|it| it.text.as_ref());
                self.own(within, written, written, rest);
            } else {
                if !within.is_text {
                    add(&mut self.strange, written);
                }
                let because = format!("nobody knows what `{written}` does");
                self.push(within, written, Effect::Unknown, because);
            }
            return;
        };
        let mut plain: Vec<&str> = words.iter().map(|it| it.text.as_ref()).collect();
        plain[0] = name;
        let Some(finding) = self.knowledge.find(&plain) else {
            return;
        };
        let first = self.all.commands.len();
        self.finding(words, &finding, is_quiet, within);
        if beyond::RUNNERS.contains(&name)
            && let [known] = &mut self.all.commands[first..]
            && known.effect == Effect::Unknown
            && let Some(word) = beyond::word_of_loss(plain[1..].iter().copied())
        {
            known.effect = Effect::Destroys;
            known.because = format!("`{}` says “{word}”", known.name);
        }
        if let Some((effect, because)) = beyond::of_arguments(&plain) {
            let because = format!("`{name}` {because}");
            match self.all.commands.get_mut(first) {
                Some(known) if weight(known.effect) >= weight(effect) => {}
                Some(known) => {
                    known.effect = effect;
                    known.because = because;
                }
                None => self.push(within, name, effect, because),
            }
        }
    }

    /// Returns under which name the table knows a program: `/usr/bin/git` as `git`, `./gradlew` as
    /// `gradlew`. Any other program of the project is not what its name says.
    fn name_of<'w>(&self, written: &'w str) -> Option<&'w str> {
        if !written.contains('/') {
            return self.knowledge.knows(written).then_some(written);
        }
        if self.knowledge.knows(written) {
            return Some(written);
        }
        let (folder, base) = written.rsplit_once('/')?;
        let is_installed = folder.ends_with("bin") && folder.len() > 4;
        let is_the_projects = PROJECTS.contains(&base);
        ((is_installed || is_the_projects) && self.knowledge.knows(base)).then_some(base)
    }

    fn finding(
        &mut self,
        words: &[Word<'_>],
        finding: &Finding<'_>,
        is_quiet: bool,
        within: &Within,
    ) {
        let range = within.anchor.clone().unwrap_or_default();
        let mark = |what: &str| {
            Some(Mark {
                because: format!("`{}` {what}", finding.name),
                range: range.clone(),
            })
        };
        let all = &mut self.all;
        if finding.container {
            all.in_container = true;
        }
        let program = finding.name.split(' ').next().unwrap_or_default();
        if matches!(program, "sudo" | "doas" | "su") && all.elevates.is_none() {
            all.elevates = mark("may ask for a password");
        }
        for host in &finding.hosts {
            add(&mut all.hosts, host.as_str());
        }
        if finding.copies {
            for word in &words[1..] {
                if let Some(host) = host_of_copy(&word.text) {
                    add(&mut all.hosts, host);
                }
            }
        }
        for verb in &finding.verbs {
            add(&mut all.verbs, *verb);
        }
        for word in finding.name.split(' ').skip(1) {
            if VERBS.contains(&word) {
                add(&mut all.verbs, word);
            }
        }
        if !within.elsewhere {
            for file in &finding.writes {
                let word = words.get(file.word);
                if word.is_some_and(|it| it.literal && !it.is_glob()) && !is_device(&file.text) {
                    add(&mut all.overwrites, file.text.as_ref());
                }
            }
            // `manage.py` of the project is known, but it must be there all the same.
            for file in finding.needs.iter().chain(&finding.script) {
                let is_literal = words.get(file.word).is_some_and(|it| it.literal);
                if is_literal && file.text != "-" && !file.text.contains("://") {
                    add(&mut all.needs, file.text.as_ref());
                }
            }
        }

        let inner = finding.inner;
        let has_text = inner.is_some()
            || !(finding.shell.is_empty()
                && finding.sql.is_empty()
                && finding.mongo.is_empty()
                && finding.code.is_empty());
        let is_fed = within.stdin.is_some();
        if finding.interactive && !(is_fed && finding.stdin.is_some()) {
            if all.interactive.is_none() {
                all.interactive = mark(if finding.opens {
                    "opens a shell or a console"
                } else {
                    "wants a person at the terminal"
                });
            }
            if finding.opens && all.opens.is_none() && inner.is_none() {
                all.opens = mark("opens a shell or a console");
            }
        }
        let is_cut = within.feeds && program == "yes";
        if finding.endless && !within.is_limited && !is_cut && all.endless.is_none() {
            all.endless = mark("does not end by itself");
        }
        if finding.asks && !is_fed && !is_quiet && all.prompts.is_none() {
            all.prompts = mark("asks questions");
        }

        // What the texts among its arguments and its standard input do.
        let mut told: Option<(Effect, String)> = None;
        let mut tell = |effect: Effect, because: String| {
            if told
                .as_ref()
                .is_none_or(|(worst, _)| weight(effect) > weight(*worst))
            {
                told = Some((effect, because));
            }
        };
        let says = |verdict: &Verdict| {
            let words = if verdict.words.is_empty() {
                "nothing"
            } else {
                &verdict.words
            };
            format!("`{}` runs {words}", finding.name)
        };
        let is_literal = |index: usize| words.get(index).is_some_and(|it| it.literal);
        for text in &finding.sql {
            let verdict = judged(&text.text, is_literal(text.word), sql::judge);
            tell(verdict.effect, says(&verdict));
        }
        for text in &finding.mongo {
            let verdict = judged(&text.text, is_literal(text.word), sql::judge_mongo);
            tell(verdict.effect, says(&verdict));
        }
        for text in &finding.code {
            if only_prints(&text.text) {
                tell(Effect::Reads, format!("`{}` only prints", finding.name));
            } else {
                tell(
                    Effect::Unknown,
                    format!(
                        "what the program that `{}` is given does is not known",
                        finding.name
                    ),
                );
            }
        }
        let mut texts: Vec<String> = Vec::new();
        if !finding.shell.is_empty() {
            let parts: Vec<&str> = finding.shell.iter().map(|it| it.text.as_ref()).collect();
            texts.push(parts.join(" "));
        }
        let runs_script = finding.script.is_some();
        if let (Some(language), false, false) = (finding.stdin, has_text, runs_script) {
            match (&within.stdin, language) {
                (None, _) | (_, Reads::Data) => {}
                (Some(Stdin::Text(text)), Reads::Sql) => {
                    let verdict = sql::judge(text);
                    tell(verdict.effect, says(&verdict));
                }
                (Some(Stdin::Text(text)), Reads::Mongo) => {
                    let verdict = sql::judge_mongo(text);
                    tell(verdict.effect, says(&verdict));
                }
                (Some(Stdin::Text(text)), Reads::Shell) => texts.push(text.clone()),
                (Some(Stdin::Text(text)), Reads::Program) if only_prints(text) => {
                    tell(Effect::Reads, format!("`{}` only prints", finding.name));
                }
                (Some(Stdin::File(file)), Reads::Sql | Reads::Mongo) => tell(
                    Effect::Destroys,
                    format!("`{}` runs `{file}` over the database", finding.name),
                ),
                (Some(Stdin::Program(from, _)), Reads::Sql | Reads::Mongo) => tell(
                    Effect::Destroys,
                    format!(
                        "`{}` runs what `{from}` prints over the database",
                        finding.name
                    ),
                ),
                (Some(Stdin::Program(from, true)), _) => tell(
                    Effect::Unknown,
                    format!("`{}` runs what `{from}` downloads", finding.name),
                ),
                (Some(Stdin::Program(from, false)), _) => tell(
                    Effect::Unknown,
                    format!("`{}` runs what `{from}` prints", finding.name),
                ),
                (Some(Stdin::File(file)), _) => tell(
                    Effect::Unknown,
                    format!("`{}` runs `{file}`, which nobody has read", finding.name),
                ),
                (Some(Stdin::Text(_)), Reads::Program) => tell(
                    Effect::Unknown,
                    format!(
                        "what the program that `{}` is given does is not known",
                        finding.name
                    ),
                ),
            }
        }

        let replaced = told.is_some() && is_fed && finding.sql.is_empty();
        let mut known = None;
        if let Some(effect) = finding
            .effect
            .filter(|_| !replaced && (texts.is_empty() || !is_fed))
        {
            known = Some((effect, reason(finding, effect)));
        }
        if let Some((effect, because)) = told
            && known
                .as_ref()
                .is_none_or(|(worst, _)| weight(effect) > weight(*worst))
        {
            known = Some((effect, because));
        }
        if let Some(script) = &finding.script {
            // `python manage.py migrate` is what `manage.py migrate` is.
            let base = script.text.rsplit('/').next().unwrap_or_default();
            if self.knowledge.knows(base) && PROJECTS.contains(&base) {
                let mut inner = words[script.word..].to_vec();
                inner[0].text = Cow::Owned(base.to_owned());
                self.words(&inner, is_quiet, within);
                return;
            }
            let rest = words.get(script.word + 1..).unwrap_or_default();
            let rest = rest.iter().map(|it| it.text.as_ref());
            self.own(within, &finding.name, &script.text, rest);
            return;
        }
        if let Some(at) = finding.guest {
            self.guest(words.get(at..).unwrap_or_default(), within);
        }
        let runs_something = inner.is_some() || !texts.is_empty();
        // A wrapper of which nothing else is said does what its command does.
        let known = known.filter(|(effect, _)| {
            !(runs_something && *effect == Effect::Unknown && finding.because.is_empty())
        });
        match known {
            Some((effect, because)) => self.push(within, &finding.name, effect, because),
            None if runs_something => {}
            None => {
                let because = reason(finding, Effect::Unknown);
                self.push(within, &finding.name, Effect::Unknown, because);
            }
        }
        if !runs_something {
            return;
        }
        if within.depth >= DEEPEST {
            let because = format!("`{}` runs commands nested too deeply", finding.name);
            self.push(within, &finding.name, Effect::Unknown, because);
            return;
        }
        let mut inside = within.clone();
        inside.depth += 1;
        inside.is_text |= !finding.hosts.is_empty();
        inside.elsewhere |= finding.container || !finding.hosts.is_empty();
        inside.in_container |= finding.container;
        inside.is_limited |= matches!(program, "timeout" | "nohup" | "setsid" | "screen" | "tmux")
            && !finding.interactive;
        if matches!(program, "xargs" | "parallel") {
            // Its input became arguments.
            inside.stdin = None;
        }
        for text in texts {
            if finding.shell.is_empty() {
                inside.stdin = None;
            }
            self.text(&text, &inside);
        }
        if let Some((first, last)) = inner {
            let inner = &words[first.min(words.len())..last.min(words.len())];
            match inner {
                // `ssh host "a && b"`, `watch 'a | b'`.
                [one] if one.text.contains([' ', '\n', ';', '|', '&']) => {
                    self.text(&one.text, &inside);
                }
                [first, ..] if !first.literal => {
                    let because = format!("which program `{}` is, is not known", first.text);
                    self.push(&inside, &first.text, Effect::Unknown, because);
                }
                _ => {
                    let opened = is_a_shell_alone(inner);
                    if opened && !is_fed {
                        let mark = Some(Mark {
                            because: format!("`{}` opens a shell", finding.name),
                            range: range.clone(),
                        });
                        if self.all.interactive.is_none() {
                            self.all.interactive.clone_from(&mark);
                        }
                        if self.all.opens.is_none() {
                            self.all.opens = mark;
                        }
                    }
                    self.words(inner, is_quiet, &inside);
                }
            }
        }
    }

    /// A program of the project's own: nobody knows what it does, unless its name or its first words say
    /// that it loses something.
    fn own<'w>(
        &mut self,
        within: &Within,
        name: &str,
        program: &'w str,
        arguments: impl Iterator<Item = &'w str>,
    ) {
        let said = std::iter::once(program).chain(arguments);
        let (effect, because) = if let Some(word) = beyond::word_of_loss(said) {
            (Effect::Destroys, format!("`{program}` says “{word}”"))
        } else {
            let because = format!("what the program `{program}` does is not known");
            (Effect::Unknown, because)
        };
        self.push(within, name, effect, because);
    }

    /// What runs in a container that is made for it. What nobody knows belongs to the image.
    fn guest(&mut self, words: &[Word<'_>], within: &Within) {
        if within.depth >= DEEPEST {
            return;
        }
        let mut inside = within.clone();
        inside.depth += 1;
        inside.is_text = true;
        inside.elsewhere = true;
        inside.in_container = true;
        let mut judge = Judge {
            knowledge: self.knowledge,
            all: Understanding::new(),
            strange: Vec::new(),
            accident: None,
            left: self.left,
        };
        judge.words(words, false, &inside);
        self.left = judge.left;
        let counts = |known: &Known| matches!(known.effect, Effect::Changes | Effect::Destroys);
        let commands = judge.all.commands.into_iter();
        self.all.commands.extend(commands.filter(counts));
    }

    fn text(&mut self, text: &str, within: &Within) {
        let script = shell::read(text);
        if script.fault.is_some() {
            let because = format!("`{}` cannot be read as shell", text.trim());
            self.push(within, "sh", Effect::Unknown, because);
            return;
        }
        let within = Within {
            is_text: true,
            ..within.clone()
        };
        self.script(text, &script, &within);
    }
}

/// Returns what a command does with a device that never runs dry, where nothing cuts it off.
fn never_drained(command: &Simple<'_>, script: &Script<'_>) -> Option<String> {
    let endless = |it: &str| matches!(it, "/dev/zero" | "/dev/random" | "/dev/urandom");
    let (program, rest) = command.words.split_first()?;
    if !matches!(program.text.as_ref(), "cat" | "tr") {
        return None;
    }
    let file = rest.iter().find(|it| endless(&it.text)).or_else(|| {
        command.redirects.iter().find_map(|it| match it {
            Redirect::From(file) if endless(&file.text) => Some(file),
            _ => None,
        })
    })?;
    let cuts = |it: &Simple<'_>| {
        it.words
            .first()
            .is_some_and(|it| matches!(it.text.as_ref(), "head" | "dd" | "pv" | "timeout"))
    };
    (!script.commands.iter().any(cuts)).then(|| format!("{} {}", program.text, file.text))
}

/// Programs of a project that are what their name says wherever they stand.
pub(super) const PROJECTS: &[&str] = &[
    "manage.py",
    "artisan",
    "gradlew",
    "mvnw",
    "occ",
    "console",
    "rails",
    "rake",
    "sail",
    "wp",
    "drush",
    "magento",
    "configure",
    "yiic",
    "yii",
    "spark",
    "cake",
    "bundle",
    "django-admin.py",
];

/// Verbs that have an opposite.
const VERBS: &[&str] = &[
    "start",
    "stop",
    "restart",
    "up",
    "down",
    "enable",
    "disable",
    "mask",
    "unmask",
    "create",
    "delete",
    "rm",
    "remove",
    "install",
    "uninstall",
    "purge",
    "backup",
    "restore",
    "import",
    "export",
    "dump",
    "mount",
    "umount",
    "add",
    "del",
    "apply",
    "destroy",
    "attach",
    "detach",
    "join",
    "leave",
    "lock",
    "unlock",
    "drain",
    "cordon",
    "uncordon",
    "pause",
    "unpause",
    "promote",
    "demote",
    "upgrade",
    "rollback",
    "push",
    "pull",
    "load",
    "save",
    "grant",
    "revoke",
    "allow",
    "deny",
    "open",
    "close",
    "init",
    "deinit",
    "on",
    "off",
    "suspend",
    "resume",
    "allow",
    "reject",
];

fn is_a_shell_alone(words: &[Word<'_>]) -> bool {
    let is_shell = |it: &str| {
        let base = it.rsplit('/').next().unwrap_or(it);
        matches!(base, "bash" | "sh" | "zsh" | "ash" | "fish")
    };
    words.first().is_some_and(|it| is_shell(&it.text))
        && words[1..]
            .iter()
            .all(|it| matches!(it.text.as_ref(), "-l" | "-i" | "--login" | "-il" | "-li"))
}

fn reason(finding: &Finding<'_>, effect: Effect) -> String {
    let name = &finding.name;
    if !finding.because.is_empty() {
        return format!("`{name}` {}", finding.because);
    }
    match effect {
        Effect::Reads => format!("`{name}` only looks"),
        Effect::Changes => format!("`{name}` changes something"),
        Effect::Destroys => format!("`{name}` loses something for good"),
        Effect::Unknown if finding.opens => {
            format!("what is typed into the shell or console of `{name}` is not known")
        }
        Effect::Unknown => format!("nobody knows what `{name}` does"),
    }
}

fn judged(text: &str, is_literal: bool, judge: impl Fn(&str) -> Verdict) -> Verdict {
    let verdict = judge(text);
    // A variable alone may hold anything; inside a statement it is a value.
    if !is_literal && text.trim_start().starts_with(['$', '`']) {
        return Verdict {
            effect: Effect::Unknown,
            words: format!("`{text}`"),
        };
    }
    verdict
}

fn is_device(name: &str) -> bool {
    name.starts_with("/dev/")
}

fn is_disk(name: &str) -> bool {
    [
        "sd", "hd", "vd", "xvd", "nvme", "mmcblk", "mapper/", "md", "disk", "loop", "dm-",
    ]
    .iter()
    .any(|it| name["/dev/".len()..].starts_with(it))
}

fn is_a_path(word: &str) -> bool {
    let has_ending = [
        ".sh", ".py", ".pl", ".rb", ".php", ".js", ".bash", ".ps1", ".bat", ".exe",
    ]
    .iter()
    .any(|it| word.ends_with(it) && word.len() > it.len());
    let is_plain = word
        .chars()
        .all(|it| it.is_alphanumeric() || "/._-+~@".contains(it));
    is_plain && !word.contains("//") && (has_ending || word.contains('/') && word.len() > 1)
}

/// Returns the host of `user@host:path`; a path, a drive and an address have none.
fn host_of_copy(word: &str) -> Option<&str> {
    if let Some(rest) = word.strip_prefix("rsync://") {
        return rest.split('/').next();
    }
    let (host, _) = word.split_once(':')?;
    let is_host = host.len() > 1
        && !host.starts_with(['-', '/', '.', '~'])
        && !host.contains(['/', '=', ' ']);
    (is_host && !word.contains("://")).then_some(host)
}

/// Programs in Python, Perl, JavaScript, PHP, Ruby of one kind only: they print something.
fn only_prints(text: &str) -> bool {
    const HARMLESS: &[&str] = &[
        "print(",
        "print ",
        "import ",
        "console.log(",
        "puts ",
        "echo ",
        "p ",
        "from ",
    ];
    const ACTING: &[&str] = &[
        "open(",
        "system",
        "exec",
        "subprocess",
        "remove",
        "unlink",
        "rmtree",
        "write",
        "urlopen",
        "requests",
        "socket",
        "shutil",
        "`",
        "popen",
        "spawn",
        "delete",
        "drop",
        "fs.",
        "setup(",
    ];
    let mut some = false;
    for statement in text.split(['\n', ';']) {
        let statement = statement.trim();
        if statement.is_empty() || statement.starts_with('#') {
            continue;
        }
        some = true;
        if !HARMLESS.iter().any(|it| statement.starts_with(it)) {
            return false;
        }
    }
    some && !ACTING.iter().any(|it| text.contains(it))
}

/// Returns what a command reads from its standard input, by its redirections and its pipe.
fn stdin_of(command: &Simple<'_>, script: &Script<'_>) -> Option<Stdin> {
    for redirect in command.redirects.iter().rev() {
        match redirect {
            Redirect::From(file) if file.text == "/dev/null" => {
                return Some(Stdin::Text(String::new()));
            }
            Redirect::From(file) if file.text == "/dev/tty" => return None,
            Redirect::From(file) => return Some(Stdin::File(file.text.to_string())),
            Redirect::Here(text, _) => return Some(Stdin::Text(text.to_string())),
            _ => {}
        }
    }
    let feeder = script.commands.get(command.fed_by?)?;
    let words = &feeder.words;
    let program = words.first()?;
    let is_literal = words.iter().all(|it| it.literal);
    match program.text.as_ref() {
        "echo" | "printf" if is_literal => {
            let parts: Vec<&str> = words[1..]
                .iter()
                .map(|it| it.text.as_ref())
                .filter(|it| !matches!(*it, "-e" | "-n" | "-ne" | "-en"))
                .collect();
            Some(Stdin::Text(parts.join(" ").replace("\\n", "\n")))
        }
        "cat" if words.len() == 1 => stdin_of(feeder, script),
        name => {
            let mut at = Some(feeder);
            // `curl … | gunzip | sh` downloads as well.
            let mut downloads = false;
            while let Some(it) = at {
                let first = it.words.first().map_or("", |it| it.text.as_ref());
                downloads |= DOWNLOADERS.contains(&first);
                at = it.fed_by.and_then(|from| script.commands.get(from));
            }
            Some(Stdin::Program(name.to_owned(), downloads))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::knowledge::Knowledge;
    use super::{Sense, Tongue, Understanding, understand};
    use crate::model::Effect;

    /// Shows an understanding in one line: what is missing, is not so.
    pub(super) fn show(it: &Understanding) -> String {
        let mut shown = match &it.sense {
            Sense::Commands => it.effect.to_string(),
            Sense::Strange(words) => format!("strange: {}", words.join(" ")),
            Sense::Nonsense(why) => format!("nonsense: {why}"),
        };
        if it.opens.is_some() {
            shown += " opens";
        } else if it.interactive.is_some() {
            shown += " interactive";
        }
        if it.endless.is_some() {
            shown += " endless";
        }
        if it.prompts.is_some() {
            shown += " asks";
        }
        if it.in_container {
            shown += " container";
        }
        for (name, values) in [
            ("host", &it.hosts),
            ("over", &it.overwrites),
            ("needs", &it.needs),
        ] {
            if !values.is_empty() {
                shown = format!("{shown} {name}={}", values.join(","));
            }
        }
        shown
    }

    /// Compares all of a table before it complains, so that one look shows what a row changed.
    fn each_is(cases: &[(&str, &str)]) {
        let knowledge = Knowledge::built_in();
        let wrong: Vec<String> = cases
            .iter()
            .filter_map(|(body, expected)| {
                let it = understand(body, Tongue::Shell, &knowledge);
                let shown = show(&it);
                (shown != *expected).then(|| {
                    format!(
                        "{body}\n    is {shown} ({})\n    not {expected}",
                        it.because
                    )
                })
            })
            .collect();
        assert!(
            wrong.is_empty(),
            "{} of {}:\n{}",
            wrong.len(),
            cases.len(),
            wrong.join("\n")
        );
    }

    fn all_are(expected: &str, bodies: &[&str]) {
        let cases: Vec<(&str, &str)> = bodies.iter().map(|body| (*body, expected)).collect();
        each_is(&cases);
    }

    #[test]
    fn looking_reads() {
        all_are(
            "reads",
            &[
                "ls -la /var/log",
                "cat /etc/hosts | grep -v '^#'",
                "ps aux | grep [n]ginx",
                "df -h && free -m",
                "echo $(date +%F)",
                "systemctl status nginx",
                "systemctl --no-pager status nginx",
                "systemctl is-active nginx",
                "journalctl -u nginx --since today -n 50",
                "docker ps -a",
                "docker -H tcp://x:1 ps",
                "docker compose ps",
                "docker compose -f prod.yml logs --tail=50 web",
                "docker compose logs web",
                "docker inspect -f '{{.State}}' web",
                "docker images | grep shop",
                "docker stats --no-stream",
                "kubectl get pods -n shop",
                "kubectl -n shop get pods -o wide",
                "kubectl logs deploy/web --tail=100",
                "kubectl rollout status deploy/web",
                "kubectl describe pod web-1",
                "kubectl auth can-i get pods",
                "git status",
                "git -C /srv/shop log --oneline -5",
                "git branch -a",
                "git remote -v",
                "git stash list",
                "git config --get user.name",
                "git diff HEAD~1",
                "terraform plan",
                "terraform state list",
                "helm list -A",
                "aws s3 ls",
                "aws ec2 describe-instances --region eu-west-1",
                "aws sts get-caller-identity",
                "gcloud compute instances list",
                "az vm list -g shop",
                "curl -fsS http://127.0.0.1:8000/health",
                "curl -I https://example.org",
                "curl -s -o /dev/null -w '%{http_code}' https://example.org",
                "curl -X GET https://example.org/api",
                "wget -qO- https://example.org",
                "find . -name '*.log' -mtime +30",
                "find . -type f -exec grep -l x {} +",
                "sed -n 1,20p file",
                "awk '{print $1}' access.log | sort | uniq -c | sort -rn | head",
                "tar -tzf backup.tar.gz",
                "tar tf backup.tar",
                "unzip -l a.zip",
                "crontab -l",
                "sudo crontab -l -u www-data",
                "redis-cli ping",
                "redis-cli GET a",
                "redis-cli -h db INFO memory",
                "psql -U shop -d shop -c 'SELECT count(*) FROM a'",
                "psql -l",
                "sudo -u postgres psql -c '\\dt'",
                "mysql -u root -e 'SHOW DATABASES;'",
                "sqlite3 db.sqlite3 'SELECT 1'",
                "echo 'SELECT 1' | psql shop",
                "mongosh --eval 'db.a.find()'",
                "pg_dump -U shop shop",
                "pg_isready -h db",
                "nginx -t",
                "sudo nginx -t",
                "apachectl configtest",
                "ss -tlnp",
                "netstat -tulpn",
                "ip addr",
                "ip a",
                "ip addr show eth0",
                "ip -br link",
                "dig +short example.org",
                "ping -c 4 example.org",
                "openssl x509 -in cert.pem -noout -dates",
                "openssl version",
                "source venv/bin/activate",
                "certbot renew --dry-run",
                "systemctl status",
                "systemctl list-unit-files --state=enabled",
                "echo | openssl s_client -connect example.org:443",
                "certbot certificates",
                "ufw status",
                "sudo iptables -L -n -v",
                "apt list --upgradable",
                "apt-cache policy nginx",
                "dpkg -l | grep nginx",
                "rpm -qa",
                "pip list",
                "pip show django",
                "npm ls",
                "python --version",
                "python3 -c 'print(1)'",
                "node -v",
                "php -v",
                "hostnamectl",
                "timedatectl",
                "uname -a",
                "date",
                "lsblk",
                "mount | grep nfs",
                "crictl ps",
                "zpool status",
                "lvs",
                "mdadm --detail /dev/md0",
                "smartctl -a /dev/sda",
                "fail2ban-client status sshd",
                "supervisorctl status",
                "pm2 list",
                "top -b -n 1",
                "test -f x && echo yes",
                "for i in 1 2 3; do echo $i; done",
                "cat x | while read l; do echo $l; done",
                "if systemctl is-active --quiet nginx; then echo up; fi",
                "[ -d /srv ] || echo no",
                "export A=1",
                "cd /srv/shop",
                "A=$(date)",
                "time ls",
                "env | sort",
                "watch -n1 -g ls",
                "which docker",
                "command -v docker",
                "type ls",
                "true",
                "restic snapshots",
                "borg list repo",
                "rclone ls remote:x",
                "vault status",
                "ansible all -m ping",
                "cmd1() { ls; }; cmd1",
                "base64 -d x",
                "gpg --list-keys",
                "ssh-keygen -l -f key.pub",
                "kill -0 1",
                "sysctl vm.swappiness",
                "cargo --version",
                "go version",
                "flask routes",
                "drush status",
                "wp plugin list",
                "artisan --version",
                "rails routes",
                "getent passwd x",
                "last -n 5",
                "who",
                "df -h > /dev/null 2>&1",
                "ls 2>/dev/null",
            ],
        );
        each_is(&[
            ("php artisan route:list", "reads needs=artisan"),
            ("python manage.py check", "reads needs=manage.py"),
            ("python manage.py showmigrations", "reads needs=manage.py"),
        ]);
        each_is(&[
            ("ansible-playbook site.yml --check", "reads needs=site.yml"),
            ("ansible web -m setup", "reads"),
            ("python3 -m json.tool", "reads"),
            ("python3 -m SimpleHTTPServer", "changes endless"),
            ("docker exec web ls", "reads container"),
            (
                "docker exec -i db psql -U x -c 'SELECT 1'",
                "reads container",
            ),
            (
                "docker compose exec -T web python manage.py showmigrations",
                "reads container",
            ),
            ("kubectl exec web -- ls /", "reads container"),
            (
                "kubectl -n a exec deploy/web -c app -- env",
                "reads container",
            ),
            ("ssh web1 uptime", "reads host=web1"),
            (
                "ssh -p 2222 deploy@web1 'df -h && free -m'",
                "reads host=deploy@web1",
            ),
            (
                "ssh -i key.pem ubuntu@1.2.3.4 systemctl status x",
                "reads host=ubuntu@1.2.3.4",
            ),
        ]);
    }

    #[test]
    fn changing_changes() {
        all_are(
            "changes",
            &[
                "systemctl restart nginx",
                "sudo systemctl stop nginx",
                "systemctl enable --now nginx",
                "service nginx restart",
                "docker compose up -d",
                "docker compose up -d --build web",
                "docker compose down",
                "docker compose restart web",
                "docker-compose pull",
                "docker build -t shop:1 .",
                "docker stop web",
                "kubectl apply -f deploy.yaml",
                "kubectl scale deploy/web --replicas=3",
                "kubectl rollout restart deploy/web",
                "kubectl rollout undo deploy/web",
                "git pull",
                "git pull origin main",
                "git checkout main",
                "git commit -m x",
                "git push origin main",
                "git clone https://example.org/x.git",
                "git reset HEAD~1",
                "git stash",
                "git tag v1",
                "git fetch --all",
                "mkdir -p /srv/shop",
                "cp a b",
                "mv a b",
                "chmod +x x.sh",
                "chown -R www-data: /srv",
                "ln -s a b",
                "touch x",
                "sed -i 's/a/b/' f",
                "sed -i.bak 's/a/b/' f",
                "sudo sed -i -e 's/a/b/' /etc/x",
                "tar -czf b.tar.gz dir",
                "tar xzf b.tar.gz",
                "unzip a.zip",
                "apt-get update",
                "apt update",
                "sudo apt-get install -y nginx",
                "sudo apt install nginx -y",
                "apt-get update && apt-get upgrade -y",
                "pip install -r requirements.txt",
                "pip install --upgrade pip",
                "npm install",
                "npm ci",
                "npm run build",
                "yarn build",
                "composer install --no-dev",
                "bundle install",
                "cargo build --release",
                "go build ./...",
                "python -m venv venv",
                "./manage.py migrate",
                "bundle exec rails db:migrate",
                "curl -X POST -d '{}' http://x/y",
                "curl -O https://example.org/x.tar.gz",
                "wget https://example.org/x.tar.gz",
                "echo 'net.ipv4.ip_forward=1' >> /etc/sysctl.conf",
                "sysctl -w vm.swappiness=10",
                "sysctl -p",
                "certbot renew",
                "ufw allow 22/tcp",
                "kill -9 1234",
                "pkill -f gunicorn",
                "useradd -m deploy",
                "usermod -aG docker deploy",
                "redis-cli SET a b",
                "psql -c 'CREATE DATABASE shop'",
                "sudo -u postgres psql -c \"CREATE USER shop WITH PASSWORD 'x'\"",
                "psql -c \"SELECT pg_cancel_backend(pid) FROM pg_stat_activity\"",
                "mysql -e 'GRANT ALL ON a.* TO b'",
                "createdb shop",
                "helm upgrade --install shop ./chart",
                "terraform init",
                "crontab -l | grep x; touch y",
                "journalctl --rotate",
                "supervisorctl restart all",
                "pm2 restart all",
                "nginx -s reload",
                "a2ensite shop",
                "mount /dev/sdb1 /mnt",
                "swapoff -a",
                "hostnamectl set-hostname x",
                "timedatectl set-timezone UTC",
                "snap install x",
                "brew install x",
                "choco install x -y",
                "restic backup /srv",
                "pg_dump -Fc -f b.dump shop",
                "modprobe x",
                "iptables -A INPUT -p tcp --dport 80 -j ACCEPT",
                "tee -a /etc/x",
                "userdel x",
                "nohup ./gradlew build &",
                "DEBIAN_FRONTEND=noninteractive apt-get install -y x",
                "yes | apt install x",
                "ip link set eth0 up",
                "docker network create x",
                "docker tag a b && docker push b",
                "az group create -n a",
                "aws s3 cp a s3://b",
                "gcloud run deploy x",
            ],
        );
        each_is(&[
            ("python manage.py migrate", "changes needs=manage.py"),
            (
                "python3 manage.py collectstatic --noinput",
                "changes needs=manage.py",
            ),
            ("php artisan migrate --force", "changes needs=artisan"),
            ("php artisan cache:clear", "changes needs=artisan"),
        ]);
        each_is(&[
            ("docker run -d --name x -p 80:80 nginx", "changes container"),
            ("docker run --rm alpine", "changes container"),
            ("ansible-playbook site.yml", "changes needs=site.yml"),
            ("pg_dump shop > b.sql", "changes over=b.sql"),
            ("mysqldump -u root shop > b.sql", "changes over=b.sql"),
            ("echo x | sudo tee /etc/y", "changes over=/etc/y"),
            ("cat > f <<EOF\nDROP TABLE x;\nEOF", "changes over=f"),
            ("cat a b > c", "changes over=c"),
            ("docker logs web > out.log 2>&1", "changes over=out.log"),
            (
                "curl -fsSL https://x.org/k.gpg -o k.gpg",
                "changes over=k.gpg",
            ),
            (
                "sudo sh -c 'echo 1 > /proc/sys/vm/x'",
                "changes over=/proc/sys/vm/x",
            ),
            ("scp a.tar deploy@web1:/srv/", "changes host=deploy@web1"),
            (
                "rsync -avz ./ deploy@web1:/srv/",
                "changes host=deploy@web1",
            ),
            ("ssh web1 'sudo systemctl restart x'", "changes host=web1"),
            (
                "docker exec web python manage.py migrate",
                "changes container",
            ),
            (
                "docker compose run --rm web python manage.py migrate",
                "changes container",
            ),
            ("kubectl exec web -- touch x", "changes container"),
        ]);
    }

    #[test]
    fn destroying_destroys() {
        all_are(
            "destroys",
            &[
                "rm file",
                "rm -rf /srv/x",
                "sudo rm -rf /var/x",
                "find /tmp -mtime +7 -delete",
                "find . -name x | xargs rm -f",
                "find . -name '*.pyc' -exec rm {} \\;",
                "docker compose down -v",
                "docker rm -f web",
                "docker volume rm data",
                "docker volume prune -f",
                "docker system prune -af --volumes",
                "docker system prune -f",
                "kubectl delete pod x",
                "kubectl delete -f x.yaml",
                "kubectl -n a delete deploy x",
                "helm uninstall x",
                "terraform destroy -auto-approve",
                "git reset --hard HEAD~1",
                "git reset --hard origin/main",
                "git clean -fd",
                "git push --force origin main",
                "git push -f",
                "git push --force-with-lease",
                "git checkout -- .",
                "git branch -D x",
                "git stash drop",
                "mkfs.ext4 /dev/sdb1",
                "dd if=/dev/zero of=/dev/sda bs=1M",
                "truncate -s 0 /var/log/x.log",
                "shred -u x",
                "userdel -r x",
                "crontab -r",
                "crontab /tmp/cron",
                "crontab -",
                "echo '* * * * * x' | crontab -",
                "redis-cli FLUSHALL",
                "redis-cli -n 1 flushdb",
                "psql -c 'DROP DATABASE shop'",
                "psql shop -c 'DELETE FROM a WHERE b'",
                "mysql -u root -e \"TRUNCATE a.b\"",
                "mysql -e 'UPDATE a SET b=1'",
                "dropdb shop",
                "pg_restore -d shop b.dump",
                "mongorestore dump/",
                "mongosh --eval 'db.dropDatabase()'",
                "gunzip -c b.sql.gz | psql shop",
                "zcat b.sql.gz | mysql -u root shop",
                "journalctl --vacuum-time=7d",
                "rsync -a --delete a/ b/",
                "aws s3 rm s3://a/b --recursive",
                "aws ec2 terminate-instances --instance-ids i-1",
                "aws s3 sync a s3://b --delete",
                "curl -X DELETE http://x/y",
                "curl -XDELETE http://x/y",
                "iptables -F",
                "wipefs -a /dev/sdb",
                "zfs destroy a/b",
                "zpool destroy a",
                "restic forget --keep-daily 7 --prune",
                "rails db:drop",
                "bash -c 'rm x'",
                "bash -c \"cd /srv && rm -rf x\"",
                "sh -c 'find . -delete'",
                "eval 'rm x'",
                "echo 'rm -rf x' | bash",
                "psql shop <<SQL\nDROP TABLE a;\nSQL",
                "watch -g rm x",
                "env A=1 B=2 rm x",
                "timeout 5 rm x",
                "echo $(rm x)",
                "for f in *; do rm $f; done",
                "ls && rm x",
                "echo x > /dev/sda",
                "qm destroy 100",
                "aws s3 rb s3://x --force",
                "lvremove -f a/b",
            ],
        );
        each_is(&[
            (
                "php artisan migrate:fresh --force",
                "destroys needs=artisan",
            ),
            (
                "python manage.py flush --noinput",
                "destroys needs=manage.py",
            ),
        ]);
        each_is(&[
            (
                "cat b.sql | docker exec -i db psql -U x shop",
                "destroys container",
            ),
            ("psql shop < b.sql", "destroys needs=b.sql"),
            ("mysql -u root shop < b.sql", "destroys needs=b.sql"),
            (
                "docker exec -i db psql -U x shop < b.sql",
                "destroys container needs=b.sql",
            ),
            (
                "docker exec -i db sh -c 'mysql -u root shop' < b.sql",
                "destroys container needs=b.sql",
            ),
            (
                "docker compose exec -T db pg_restore -d shop < b.dump",
                "destroys container needs=b.dump",
            ),
            ("ssh web1 'rm -rf /srv/x'", "destroys host=web1"),
            ("ssh web1 \"sudo rm x\"", "destroys host=web1"),
            (
                "docker exec db psql -c 'DROP TABLE a'",
                "destroys container",
            ),
            ("docker exec db bash -c 'rm x'", "destroys container"),
            (
                "kubectl exec db -- psql -c 'DROP TABLE a'",
                "destroys container",
            ),
        ]);
    }

    #[test]
    fn unknown_stays_unknown() {
        all_are(
            "unknown",
            &[
                "curl -fsSL https://get.docker.com | sh",
                "curl -sSL https://x.org | sudo bash",
                "wget -qO- https://x.org | bash",
                "curl -s https://x | gunzip | sh",
                "echo cm0= | base64 -d | sh",
                "make deploy",
                "npm run deploy",
                "docker frobnicate",
                "git frobnicate",
                "python -c 'import os; os.remove(\"x\")'",
                "cat x | bash",
                "java -jar x.jar",
                "psql -c \"$SQL\"",
                "sudo $X",
            ],
        );
        each_is(&[
            ("ssh web1 'frob x'", "unknown host=web1"),
            ("ssh web1 ./deploy.sh", "unknown host=web1"),
            ("./deploy.sh", "unknown needs=./deploy.sh"),
            ("scripts/x.sh prod", "unknown needs=scripts/x.sh"),
            (
                "scripts/restore-db.sh a.sql",
                "destroys needs=scripts/restore-db.sh",
            ),
            ("bash backup.sh --restore a", "destroys needs=backup.sh"),
            ("./x.sh prod eu restore", "unknown needs=./x.sh"),
            ("make db-reset", "destroys"),
            ("make build", "unknown"),
            ("npm run db:reset", "destroys"),
            ("docker run --rm -v d:/d alpine ls /d", "changes container"),
            (
                "docker run --rm -v d:/d alpine rm -rf /d/x",
                "destroys container",
            ),
            (
                "docker run --rm -v d:/d alpine sh -c 'cd /d && rm -rf x'",
                "destroys container",
            ),
            ("docker run -d x frob --all", "changes container"),
            ("git branch", "reads"),
            ("git branch x", "changes"),
            ("oc adm upgrade", "reads"),
            ("oc adm upgrade --to-latest", "changes"),
            ("pg_ctl -D /srv/data status", "reads"),
            (
                "kafka-log-dirs.sh --describe --bootstrap-server x:9092",
                "reads",
            ),
            ("talosctl -n 1 etcd members", "reads"),
            ("nmcli con mod eth0 ipv4.method auto", "changes"),
            ("bash deploy.sh", "unknown needs=deploy.sh"),
            ("python x.py", "unknown needs=x.py"),
            (
                "sudo python3 scripts/x.py --all",
                "unknown needs=scripts/x.py",
            ),
            ("node server.js", "unknown needs=server.js"),
            ("php x.php", "unknown needs=x.php"),
            ("sh x.sh && ls", "unknown needs=x.sh"),
            ("/opt/x/run.sh", "unknown needs=/opt/x/run.sh"),
        ]);
    }

    #[test]
    fn what_runs_anything_is_not_taken_for_looking() {
        all_are(
            "unknown",
            &[
                "awk 'BEGIN{system(\"touch x\")}'",
                "awk '{print $1 | \"sh\"}' x",
                "awk '{\"date\" | getline d; print d}' x",
                "git -c core.pager='rm -rf x' log",
                "git -c alias.x='!rm y' x",
                "git -c core.sshCommand='sh x' fetch",
                "export LD_PRELOAD=./x.so",
                "LD_PRELOAD=./x.so ls",
                "env LD_PRELOAD=./x.so ls",
                "export BASH_ENV=x",
                "PROMPT_COMMAND='date'",
                "export PATH=/opt/x",
                "export PATH=./bin:$PATH",
                "tar -cf a.tar --checkpoint=1 --checkpoint-action=exec=sh x",
                "tar -xf a.tar --to-command='sh'",
                "tar -I ./x -cf a.tar y",
                "sed 's/a/b/e' x",
                "sed '1e date' x",
                "cat x | xargs -I{} sh -c '{}'",
                "cat x | xargs sh -c",
                "terraform apply -auto-approve",
                "pulumi up --yes",
                "ip link set eth0 down",
                "sudo ifdown eth0",
                "systemctl stop sshd",
                "systemctl disable --now ufw",
                "service ssh stop",
            ],
        );
        all_are(
            "reads",
            &[
                "awk '/a|b/ {print $1}' x",
                "awk '$3 > 80 || $4 > 2 {print $0, ($1 > 2)}' x",
                "awk '{print > \"/dev/stderr\"}' x",
                "awk -F: '{if ($3 >= 1000) print $1\":\"$3}' /etc/passwd",
                "sed -n '/error/p; s/w e/e w/gp' x",
                "sed -e '1,3d' -e '$!N' x",
                "git -c core.pager=cat log",
                "git -c color.ui=always diff",
                "export PATH=$PATH:/usr/local/go/bin",
                "export PATH=\"$PATH:/usr/local/go/bin\"",
                "env -S 'ls -l'",
                "alias ll='ls -l'",
                "IFS=,",
                "ENV=prod",
                "export APP_PATH=/x",
                "cat x | xargs -n1 sh -c 'ls $0'",
                "tar -I zstd -tf a.tar.zst",
                "trap - EXIT",
                "kill -l",
            ],
        );
        all_are(
            "changes",
            &[
                "awk '{print $1 > \"x\"}' y",
                "sed -n '/a/w out' x",
                "sed 's/a/b/w out' x",
                "find . -fprintf x '%p'",
                "history -c",
                "export PATH=/usr/local/go/bin:$PATH",
                "export PATH=\"$HOME/.local/bin:$PATH\"",
                "export PYTHONPATH=/srv/x",
                "tar -I 'zstd -19' -cf a.tar.zst x",
                "kill -15 1234",
                "systemctl restart sshd",
                "ip -4 addr add 10.0.0.1/24 dev eth0",
                "shutdown -c",
                "truncate -s +1G x.img",
            ],
        );
        each_is(&[
            ("ssh -o ProxyCommand='sh x' web1 ls", "unknown host=web1"),
            (
                "ssh -o StrictHostKeyChecking=no -o ConnectTimeout=5 web1 ls",
                "reads host=web1",
            ),
            ("man -P 'sh x' ls", "unknown interactive"),
            ("man -P cat ls", "reads interactive"),
        ]);
    }

    #[test]
    fn what_cannot_be_undone_destroys() {
        all_are(
            "destroys",
            &[
                "env -S 'rm x'",
                "alias ll='rm -rf /'\nll",
                ":(){ :|:& };:",
                "bomb() { bomb | bomb & }; bomb",
                "trap 'rm x' EXIT",
                "chmod -R 777 /",
                "sudo chown -R deploy:deploy /etc/",
                "chmod -R 755 /*",
                "chown -R me ~",
                "tar -xzf x.tar.gz -C /",
                "tar -C / -xf x.tar",
                "mv x /dev/null",
                "cp /dev/null x.log",
                "ln -sf /dev/null /etc/x",
                "sort -o x y",
                "kill -9 -1",
                "pkill -9 nginx",
                "killall -9 nginx",
                "killall -s KILL nginx",
                "docker rmi shop:1",
                "docker image rm shop:1",
                "reboot",
                "sudo shutdown -h now",
                "sudo init 6",
                "systemctl reboot",
            ],
        );
        all_are(
            "destroys over=x.log",
            &[
                "cd /srv && > x.log",
                ": > x.log",
                "true > x.log",
                "cat > x.log",
                "cat /dev/null > x.log",
                "echo -n > x.log",
                "echo \"\" > x.log",
            ],
        );
        each_is(&[
            ("echo x > x.log", "changes over=x.log"),
            ("{ date; ls; } > x.log", "changes over=x.log"),
            ("ls | cat > x.log", "changes over=x.log"),
            ("chmod -R u+rw /srv/x", "changes"),
        ]);
    }

    #[test]
    fn words_of_the_shell_wait_or_ask() {
        all_are(
            "reads endless",
            &[
                "while true; do date; sleep 5; done",
                "while :; do date; done",
                "until curl -fs localhost; do sleep 1; done",
                "while ! nc -z db 5432; do sleep 1; done",
                "for ((;;)); do date; done",
                "yes",
                "cat /dev/urandom",
                "tr -dc a-z < /dev/urandom",
                "sleep infinity",
            ],
        );
        all_are(
            "reads asks",
            &[
                "read -p 'Name: ' NAME",
                "read NAME",
                "while read l; do echo $l; done",
                "select x in a b; do echo $x; done",
            ],
        );
        all_are(
            "reads",
            &[
                "while true; do curl -fs localhost && break; sleep 1; done",
                "i=0; until curl -fs localhost || [ $i -gt 5 ]; do i=$((i+1)); done",
                "timeout 60 bash -c 'until curl -fs localhost; do sleep 1; done'",
                "while [ $i -lt 5 ]; do echo $i; done",
                "yes | head -3",
                "cat /dev/urandom | tr -dc a-z | head -c 32",
                "sleep 5",
                "read A <<< x",
                "echo x | read A",
                "while IFS= read -r l; do echo $l; done <<< 'a'",
                "ls | while read -r l; do echo $l; done",
            ],
        );
        each_is(&[
            ("read A < f", "reads needs=f"),
            ("while read l; do echo $l; done < f", "reads needs=f"),
        ]);
    }

    #[test]
    fn servers_do_not_end() {
        all_are(
            "changes endless",
            &[
                "gunicorn shop.wsgi:application",
                "celery -A shop worker -l info",
                "npm run dev",
                "npm start",
                "yarn dev",
                "docker compose up",
                "docker-compose up",
                "flask run",
                "uvicorn main:app --reload",
                "rails server",
                "python -m http.server 8000",
            ],
        );
        each_is(&[
            (
                "python manage.py runserver 0.0.0.0:8000",
                "changes endless needs=manage.py",
            ),
            ("php artisan serve", "changes endless needs=artisan"),
            ("php artisan queue:work", "changes endless needs=artisan"),
        ]);
        each_is(&[("docker run -p 80:80 nginx", "changes endless container")]);
    }

    #[test]
    fn following_does_not_end() {
        all_are(
            "reads endless",
            &[
                "tail -f /var/log/syslog",
                "tail -n 100 -f x",
                "tail -100f x",
                "journalctl -u nginx -f",
                "journalctl -fu nginx",
                "docker logs -f web",
                "docker compose logs -f --tail=100 web",
                "kubectl logs -f deploy/web",
                "kubectl port-forward svc/web 8080:80",
                "kubectl get pods -w",
                "watch -n 1 df -h",
                "ping example.org",
                "tcpdump -i eth0",
                "docker stats",
                "vmstat 1",
            ],
        );
    }

    #[test]
    fn terminals() {
        all_are("reads interactive endless", &["htop", "top", "less +F x"]);
    }

    #[test]
    fn editors() {
        all_are(
            "changes interactive",
            &[
                "nano /etc/hosts",
                "sudo vim /etc/nginx/nginx.conf",
                "crontab -e",
                "visudo",
                "systemctl edit nginx",
                "git rebase -i HEAD~3",
            ],
        );
    }

    #[test]
    fn consoles() {
        all_are(
            "unknown opens",
            &[
                "psql",
                "psql -U shop -d shop -h localhost",
                "sudo -u postgres psql",
                "mysql -u root shop",
                "sqlite3 db.sqlite3",
                "mongosh",
                "redis-cli",
                "python",
                "rails console",
                "bash",
            ],
        );
        each_is(&[
            ("python manage.py shell", "unknown opens needs=manage.py"),
            ("php artisan tinker", "unknown opens needs=artisan"),
        ]);
        each_is(&[
            ("ssh deploy@web1", "unknown opens host=deploy@web1"),
            ("ssh -p 2222 web1", "unknown opens host=web1"),
            ("docker exec -it web bash", "unknown opens container"),
            ("docker compose exec web sh", "unknown opens container"),
            ("docker exec -it db psql -U x", "unknown opens container"),
            (
                "kubectl exec -it web -- /bin/bash",
                "unknown opens container",
            ),
        ]);
    }

    #[test]
    fn questions() {
        all_are(
            "changes asks",
            &[
                "apt install nginx",
                "sudo apt upgrade",
                "adduser deploy",
                "passwd deploy",
                "ssh-keygen -t ed25519",
                "ufw enable",
                "terraform apply",
                "pip uninstall x",
                "apt-get remove x",
                "htpasswd -c f x",
            ],
        );
        each_is(&[(
            "python manage.py createsuperuser",
            "changes asks needs=manage.py",
        )]);
    }

    #[test]
    fn strange_words_are_told() {
        all_are(
            "strange: frob",
            &["frob x", "sudo frob x", "ls; frob", "echo a | frob"],
        );
    }

    #[test]
    fn what_parses_by_accident_is_told() {
        let knowledge = Knowledge::built_in();
        let wrong: Vec<String> = [
            "sudo apt update to refresh the list of packages",
            "make sure that the server is up",
            "test the connection to the server",
            "install the package",
            "0 3 * * * /usr/bin/backup.sh",
            "*/5 * * * * curl -s http://x",
            "@daily /usr/bin/x",
            "$ ls",
            "root@web1:~# ls",
            "[root@web1 ~]# ls",
            ">>> import os",
            "mysql> SHOW TABLES;",
            "SELECT * FROM a;",
            "CREATE USER shop;",
            "FROM debian:12",
            "RUN apt-get update",
            "import os",
            "from os import path",
            "DEBUG = True",
            "name: shop",
            "[Unit]",
            "[Service]\nExecStart=/usr/bin/x",
            "├── src",
            "usage: ls [options]",
            "docker run [OPTIONS] IMAGE [COMMAND] [ARG...]",
            "ls [-l] file",
            "https://example.org/x",
            "{\n  \"a\": 1\n}",
            "server {\n  listen 80;\n}",
            "GET /api/v1",
            "print('x')",
            "if x (",
            "# only a comment",
            "",
        ]
        .iter()
        .filter_map(|body| {
            let it = understand(body, Tongue::Shell, &knowledge);
            (!matches!(it.sense, Sense::Nonsense(_)) || it.effect != Effect::Unknown)
                .then(|| format!("{body:?} is {}", show(&it)))
        })
        .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn commands_that_look_like_accidents_are_commands() {
        all_are(
            "reads",
            &[
                "# titled\nls",
                "grep -r 'the and your' /srv",
                "echo this is the end of it",
                "ls [a-z]*",
                "ip route get 1.1.1.1",
                "if [ -f x ]; then\n  cat x\nfi",
                "for h in a b; do\n  ping -c1 $h\ndone",
                "cat <<'EOF'\nname: x\nSELECT 1;\nEOF",
                "ls \\\n  -l",
            ],
        );
        each_is(&[
            (
                "cat > x.conf <<EOF\nserver {\n  listen 80;\n}\nEOF",
                "changes over=x.conf",
            ),
            (
                "cat <<EOF | sudo tee /etc/x\n[Unit]\nEOF",
                "changes over=/etc/x",
            ),
            ("ssh web1 <<EOF\ncd /srv\nrm x\nEOF", "destroys host=web1"),
            ("bash <<'EOF'\nls\nEOF", "reads"),
            ("kubectl apply -f - <<EOF\nkind: Pod\nEOF", "changes"),
            ("mysql -u root <<SQL\nSELECT 1;\nSQL", "reads"),
            ("python3 <<EOF\nprint(1)\nEOF", "reads"),
            ("python3 - <<EOF\nimport os; os.remove('x')\nEOF", "unknown"),
            (
                "python manage.py shell <<'EOF'\nA.objects.all().delete()\nEOF",
                "unknown needs=manage.py",
            ),
            (
                "docker exec -i db psql -U x <<SQL\nDROP TABLE a;\nSQL",
                "destroys container",
            ),
        ]);
    }

    #[test]
    fn variables_verbs_and_marks_are_told() {
        let knowledge = Knowledge::built_in();
        let it = understand(
            "VERSION=1\nsudo systemctl stop web\ndocker pull shop:$VERSION\necho $OTHER",
            Tongue::Shell,
            &knowledge,
        );
        assert_eq!(it.sets, ["VERSION"]);
        assert_eq!(it.reads.len(), 1);
        assert_eq!(it.reads[0].0, "OTHER");
        assert_eq!(it.verbs, ["stop", "pull"]);
        assert!(it.elevates.is_some());
        assert!(!it.only_assignments);
        assert_eq!(it.because, "`systemctl stop` stops a service");
        let names: Vec<&str> = it.commands.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["systemctl stop", "docker pull", "echo"]);
        assert!(understand("A=1\nB='x y'", Tongue::Shell, &knowledge).only_assignments);
    }

    #[test]
    fn a_users_rows_win() {
        let rows = |words: &str, facts: &str| {
            Knowledge::built_in().with(&[(words.to_owned(), facts.to_owned())])
        };
        let shown =
            |body: &str, knowledge: &Knowledge| show(&understand(body, Tongue::Shell, knowledge));
        let own = rows("frob status", "reads").unwrap();
        assert_eq!(shown("frob status", &own), "reads");
        assert_eq!(shown("frob other", &own), "unknown");
        assert!(own.knows("frob") && !own.knows("frab"));
        assert_eq!(
            shown("make deploy", &rows("make deploy", "changes").unwrap()),
            "changes"
        );
        assert_eq!(
            shown("ls", &rows("ls", "destroys ; is a joke here").unwrap()),
            "destroys"
        );
        assert_eq!(
            rows("frob", "raeds").unwrap_err(),
            "command `frob`: `raeds` says nothing of a command; did you mean `reads`?"
        );
        assert_eq!(
            rows("frob", "values").unwrap_err(),
            "command `frob`: `values` needs a value"
        );
        assert_eq!(
            rows("x y", "reads destroys").unwrap_err(),
            "command `x y`: one effect only: it cannot be `reads` and `destroys`"
        );
        assert!(rows("frob", "").is_err());
        assert!(rows("", "reads").is_err());
    }

    #[test]
    fn what_no_shell_should_eat_does_no_harm() {
        let knowledge = Knowledge::built_in();
        for text in [
            "$(",
            "bash -c \"bash -c \\\"bash -c ls\\\"\"",
            "sudo sudo sudo",
            "xargs",
            "env",
        ] {
            understand(text, Tongue::Shell, &knowledge);
        }
        let deep = format!("{}ls", "sudo ".repeat(3000));
        understand(&deep, Tongue::Shell, &knowledge);
        let nested = "eval eval ".repeat(2000);
        understand(&nested, Tongue::Shell, &knowledge);
    }

    proptest! {
        #[test]
        fn any_tangle_of_commands_is_understood_without_a_panic(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "sudo ", "bash -c ", "'", "\"", "ssh h ", "docker exec -it x ", "psql ", "-c ",
                    "| ", "< f ", "> f ", "<<E\n", "\nE\n", "find . -exec ", "\\; ", "tar xzf ",
                    "é ", "-", "--", "=", "xargs ", "curl -X ", "DELETE ", "$(", ") ", "&& ", "rm ",
                    "kubectl exec p -- ", "eval ", "-\u{1f600} ", "git ", "python ", "manage.py ",
                ]),
                0..30,
            )
        ) {
            let text: String = parts.concat();
            let knowledge = Knowledge::built_in();
            for tongue in [Tongue::Shell, Tongue::Powershell] {
                let it = understand(&text, tongue, &knowledge);
                for known in &it.commands {
                    prop_assert!(text.get(known.range.clone()).is_some());
                }
            }
        }

        #[test]
        fn any_text_is_understood_without_a_panic(text in "\\PC{0,120}") {
            let knowledge = Knowledge::built_in();
            for tongue in [Tongue::Shell, Tongue::Powershell, Tongue::Python, Tongue::Other] {
                understand(&text, tongue, &knowledge);
            }
        }
    }
}
