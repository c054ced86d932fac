//! The user's rows of commands: the example of the documentation, and rows that cannot be read.

use std::fs;

use serde_json::Value;

use crate::fixture::Fixture;

/// A fixture with this configuration, and a manual with one fence for each command.
fn place(config: &str, commands: &[&str]) -> Fixture {
    let fences: Vec<String> = commands
        .iter()
        .map(|command| format!("```bash\n{command}\n```\n"))
        .collect();
    let fixture = Fixture::new()
        .file("manual.md", format!("# Manual\n\n{}", fences.join("\n")))
        .file("config/runbook/config.toml", config);
    let folder = fixture.path("config");
    fixture.env("XDG_CONFIG_HOME", folder)
}

/// The effect and the offer of each piece.
fn told(fixture: &Fixture) -> Vec<String> {
    let outcome = fixture.run(&["list", "--json", "manual.md"]).code(0);
    let listing: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let fences = listing["runbooks"][0]["fences"].as_array().unwrap();
    fences
        .iter()
        .map(|fence| {
            let piece = &fence["pieces"][0];
            let word = |key: &str| piece[key].as_str().unwrap().to_owned();
            format!("{} {}", word("effect"), word("offer"))
        })
        .collect()
}

#[test]
fn the_rows_of_the_documentation_say_what_it_says() {
    let page = fs::read_to_string("docs/commands.md").unwrap();
    let config = page.split("```toml\n").nth(1).unwrap();
    let config = config.split("```").next().unwrap();
    let commands = [
        "deployctl -e prod status",
        "deployctl release",
        "deployctl release --yes",
        "deployctl purge",
        "deployctl console",
        "deployctl tail",
        "onhost web1 rm -rf cache",
        "deployctl unheard-of",
    ];
    let known = [
        "reads run",
        "changes ask",
        "changes run",
        "destroys type",
        "unknown hand",
        "reads hand",
        "destroys type",
        "unknown ask",
    ];
    assert_eq!(told(&place(config, &commands)), known);
    assert!(
        told(&place("", &commands))
            .iter()
            .all(|it| it.starts_with("unknown"))
    );
}

#[test]
fn rows_that_cannot_be_read_are_an_error_with_their_place() {
    for (config, wanted) in [
        ("[commands]\n\"x\" = \"raeds\"\n", "raeds"),
        ("[commands]\n\"x\" = 3\n", "`x` is to have a text"),
        ("[comands]\n", "`comands` is not known"),
        ("[commands\n", "config.toml"),
    ] {
        let outcome = place(config, &["true"]).run(&["list", "manual.md"]).code(2);
        assert!(outcome.stderr.contains(wanted), "{config}: {outcome}");
        assert!(outcome.stderr.contains("docs/commands.md"), "{outcome}");
    }
}
