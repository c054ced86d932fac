//! Commands → what they do: effect, terminal, hosts, files, variables. Knows programs from a table
//! alone; an unknown program is unknown, never "reads".

use std::ops::Range;

use super::knowledge::Knowledge;
use crate::model::Effect;

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
}

/// Returns what the commands of `body` do.
pub fn understand(body: &str, tongue: Tongue, knowledge: &Knowledge) -> Understanding {
    let _ = (body, tongue, knowledge);
    Understanding {
        sense: Sense::Commands,
        effect: Effect::Unknown,
        because: "nobody said".to_owned(),
        commands: Vec::new(),
        interactive: None,
        endless: None,
        prompts: None,
        opens: None,
        hosts: Vec::new(),
        overwrites: Vec::new(),
        needs: Vec::new(),
        sets: Vec::new(),
        reads: Vec::new(),
        in_container: false,
        verbs: Vec::new(),
    }
}
