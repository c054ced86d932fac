//! The table of languages: what a fence's tag says that it is.

use crate::model::Language;

/// What the fences of a language are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Commands of a POSIX-like shell.
    Shell,
    /// A session: prompted lines are commands, the rest is what they printed.
    Console,
    /// PowerShell; never fed to another shell.
    Powershell,
    /// Python.
    Python,
    /// JavaScript run by node.
    Node,
    /// A query for a database.
    Sql,
    /// A check of the step above it.
    Check,
    /// What a step is expected to print.
    Output,
    /// A sample: data, settings, source of other languages.
    Data,
    /// A picture in words.
    Diagram,
}

impl Kind {
    /// Whether a fence of this kind is a command that an interpreter of this version runs.
    pub const fn is_command(self) -> bool {
        matches!(
            self,
            Self::Shell | Self::Console | Self::Powershell | Self::Python | Self::Node
        )
    }
}

/// One language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name; how `runbook` calls it everywhere.
    pub name: &'static str,
    /// Other tags that mean it.
    pub aliases: &'static [&'static str],
    /// What its fences are.
    pub kind: Kind,
}

impl Row {
    /// Returns its name as steps keep it.
    pub const fn language(&self) -> Language {
        Language(self.name)
    }
}

const fn row(name: &'static str, aliases: &'static [&'static str], kind: Kind) -> Row {
    Row {
        name,
        aliases,
        kind,
    }
}

/// What only an interpreter of the user's config runs, and no row names.
pub const OTHER: Language = Language("other");

/// All languages. What is not in it is a listing.
pub const TABLE: &[Row] = &[
    row("bash", &[], Kind::Shell),
    row("sh", &[], Kind::Shell),
    row("shell", &[], Kind::Shell),
    row("zsh", &[], Kind::Shell),
    row(
        "console",
        &[
            "shell-session",
            "shellsession",
            "sh-session",
            "bash-session",
        ],
        Kind::Console,
    ),
    row("powershell", &["pwsh", "ps1", "ps"], Kind::Powershell),
    row("python", &["py", "python3"], Kind::Python),
    row("node", &["js", "javascript"], Kind::Node),
    row("sql", &[], Kind::Sql),
    row("psql", &["postgres", "postgresql", "pgsql"], Kind::Sql),
    row("mysql", &["mariadb"], Kind::Sql),
    row("sqlite", &["sqlite3"], Kind::Sql),
    row("rhai", &[], Kind::Check),
    row("output", &[], Kind::Output),
    row("json", &["json5", "jsonc", "jsonl", "ndjson"], Kind::Data),
    row("yaml", &["yml"], Kind::Data),
    row("toml", &[], Kind::Data),
    row(
        "ini",
        &["cfg", "conf", "properties", "desktop", "systemd"],
        Kind::Data,
    ),
    row("env", &["dotenv"], Kind::Data),
    row("nginx", &[], Kind::Data),
    row(
        "apache",
        &["apacheconf", "caddyfile", "caddy", "haproxy"],
        Kind::Data,
    ),
    row("dockerfile", &["docker", "containerfile"], Kind::Data),
    row("xml", &["svg", "plist"], Kind::Data),
    row(
        "html",
        &["htm", "jinja", "jinja2", "django", "vue", "svelte"],
        Kind::Data,
    ),
    row("css", &["scss", "sass", "less"], Kind::Data),
    row("diff", &["patch"], Kind::Data),
    row(
        "text",
        &["txt", "plaintext", "plain", "none", "log", "logs", "ascii"],
        Kind::Data,
    ),
    row(
        "markdown",
        &["md", "mdx", "rst", "adoc", "asciidoc", "tex", "latex"],
        Kind::Data,
    ),
    row("csv", &["tsv"], Kind::Data),
    row("http", &["rest", "curlrc"], Kind::Data),
    row("cron", &["crontab"], Kind::Data),
    row(
        "hcl",
        &["terraform", "tf", "rego", "cue", "nix", "jsonnet", "dhall"],
        Kind::Data,
    ),
    row(
        "promql",
        &["logql", "graphql", "gql", "kusto", "kql", "cypher", "regex"],
        Kind::Data,
    ),
    row(
        "makefile",
        &[
            "make", "mk", "just", "justfile", "cmake", "groovy", "gradle",
        ],
        Kind::Data,
    ),
    row("protobuf", &["proto", "thrift", "avro"], Kind::Data),
    row(
        "cmd",
        &[
            "bat", "batch", "dos", "fish", "ksh", "csh", "tcsh", "ash", "dash", "nu",
        ],
        Kind::Data,
    ),
    row(
        "source",
        &[
            "rust",
            "rs",
            "go",
            "golang",
            "c",
            "cpp",
            "c++",
            "h",
            "java",
            "kotlin",
            "kt",
            "scala",
            "swift",
            "objc",
            "cs",
            "csharp",
            "c#",
            "fsharp",
            "vb",
            "php",
            "ruby",
            "rb",
            "perl",
            "pl",
            "lua",
            "r",
            "julia",
            "typescript",
            "ts",
            "tsx",
            "jsx",
            "dart",
            "elixir",
            "erlang",
            "haskell",
            "hs",
            "ocaml",
            "clojure",
            "clj",
            "lisp",
            "elisp",
            "scheme",
            "awk",
            "sed",
            "vim",
            "viml",
            "zig",
            "nim",
            "asm",
            "wasm",
            "solidity",
            "starlark",
            "bazel",
            "tcl",
            "math",
            "pascal",
            "fortran",
            "cobol",
            "ada",
            "plsql",
            "tsql",
        ],
        Kind::Data,
    ),
    row("mermaid", &[], Kind::Diagram),
    row("plantuml", &["puml"], Kind::Diagram),
    row("dot", &["graphviz", "d2", "ditaa"], Kind::Diagram),
];

/// Returns the language that `tag` means, case aside.
pub fn find(tag: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| {
        row.name.eq_ignore_ascii_case(tag)
            || row.aliases.iter().any(|it| it.eq_ignore_ascii_case(tag))
    })
}

/// Returns all names and aliases, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .flat_map(|row| std::iter::once(row.name).chain(row.aliases.iter().copied()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Kind, find, names};

    #[test]
    fn every_tag_means_one_language() {
        let all: Vec<_> = names().collect();
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), different.len());
        assert!(all.iter().all(|name| *name == name.to_ascii_lowercase()));
    }

    #[test]
    fn tags_are_found_by_alias_and_case_aside() {
        assert_eq!(find("Shell-Session").map(|row| row.name), Some("console"));
        assert_eq!(find("PS1").map(|row| row.kind), Some(Kind::Powershell));
        assert_eq!(find("bsh"), None);
    }
}
