//! What of a document is meant, and with what values: options that all commands share which look at a
//! run before it begins.

use std::path::PathBuf;

use clap::Args;

use crate::event::Request;
use crate::markdown::attributes::nearest;

/// What of a document is meant, and with what values.
#[derive(Debug, Args)]
pub struct SelectArgs {
    /// The document; `-` for standard input
    pub file: PathBuf,
    /// Run only these sections: a heading, or a path of them (`Backups/Restore`)
    pub section: Vec<String>,
    /// Start steps in this folder
    #[arg(short = 'C', long = "directory", value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Answer "run this?" with yes; nothing else
    #[arg(short, long)]
    pub yes: bool,
    /// Let steps run without a terminal: destroys, unknown, overwrite, workstation, host=NAME
    #[arg(long, value_name = "WHAT", value_parser = allowed, value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Give an input, or a placeholder of a plain document, its value
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Read inputs from a file: .yaml, .toml, .json or .env
    #[arg(long, value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// Begin at this step
    #[arg(long, value_name = "STEP")]
    pub from: Option<String>,
    /// End with this step
    #[arg(long, value_name = "STEP")]
    pub to: Option<String>,
    /// Run only these steps
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Leave these steps out
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    pub skip: Vec<String>,
    /// Run only steps with this tag
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tag: Vec<String>,
}

/// What `--allow` allows.
const ALLOWED: &[&str] = &["destroys", "unknown", "overwrite", "workstation"];

fn allowed(text: &str) -> Result<String, String> {
    let is_host = text
        .strip_prefix("host=")
        .is_some_and(|host| !host.is_empty());
    if is_host || ALLOWED.contains(&text) {
        return Ok(text.to_owned());
    }
    let words = ALLOWED.join(", ");
    Err(match nearest(text, ALLOWED.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? There are {words} and host=NAME"),
        None => format!("there are {words} and host=NAME"),
    })
}

impl SelectArgs {
    /// Returns what is asked for.
    pub fn request(&self) -> Request {
        Request {
            sections: self.section.clone(),
            only: self.only.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            skip: self.skip.clone(),
            tags: self.tag.clone(),
            yes: self.yes,
            allow: self.allow.clone(),
            ..Request::default()
        }
    }
}
