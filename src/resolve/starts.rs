//! What steps say of how they are started, and cannot be together.

use crate::model::{Diagnostic, Doubt, Effect, Kind, Nature, Step, Task};

/// Adds what is wrong: an error in a declared runbook, in a plain document a doubt of the step.
pub(super) fn check(kind: Kind, steps: &mut [Step], diagnostics: &mut Vec<Diagnostic>) {
    for step in steps {
        fed(step);
        attended(step);
        let Some((message, way_out)) = contradiction(step) else {
            continue;
        };
        let span = step.span;
        let diagnostic = match kind {
            Kind::Declared => Diagnostic::error("flow", span, message),
            Kind::Plain => {
                step.doubts.push(Doubt {
                    rule: "flow",
                    because: message.clone(),
                    span,
                });
                Diagnostic::warning("flow", span, message)
            }
        };
        diagnostics.push(diagnostic.way_out(way_out));
    }
}

// The author says that a person is there to be asked.
fn attended(step: &mut Step) {
    if step.settings.interactive {
        let is_settled = |rule: &str| matches!(rule, "interactive" | "remote-shell" | "prompts");
        step.doubts.retain(|it| !is_settled(it.rule));
    }
}

// A console that is given a file asks nobody, and does whatever stands in the file.
fn fed(step: &mut Step) {
    if step.settings.stdin.is_none() || step.nature != Nature::Interactive {
        return;
    }
    step.nature = Nature::Command;
    step.doubts.retain(|it| it.rule != "interactive");
    if !step.effect_is_explicit() {
        step.effect = Effect::Unknown;
        "it does what stands in its standard input".clone_into(&mut step.because);
    }
}

fn contradiction(step: &Step) -> Option<(String, &'static str)> {
    let (settings, id) = (&step.settings, &step.id);
    let Task::Command { language, .. } = &step.task else {
        return None;
    };
    // They are handed their text on standard input: `target::local` tells how each is started.
    let is_interactive = settings.interactive;
    let hears_its_text = matches!(language.0, "node" | "powershell") && settings.with.is_none();
    if hears_its_text && settings.stdin.is_some() {
        return Some((
            format!(
                "`{id}` cannot be given a standard input: {} reads its text there",
                language.0
            ),
            "read the file in the step itself",
        ));
    }
    if settings.file.is_some() {
        // Of a file that is written, all of these say nothing.
        let of_a_command = [
            ("background", settings.background.is_some()),
            ("with", settings.with.is_some()),
            ("stdin", settings.stdin.is_some()),
            ("interactive", settings.interactive),
        ];
        let said = of_a_command.into_iter().find(|(_, is_said)| *is_said);
        return said.map(|(name, _)| {
            let message = format!("`{id}` becomes a file, and is not run: `{name}` says nothing");
            (message, "take it out, or take `file` out")
        });
    }
    if is_interactive && (hears_its_text || settings.stdin.is_some()) {
        return Some((
            format!("`{id}` cannot have a terminal: its standard input is something else"),
            "take `interactive` out",
        ));
    }
    if is_interactive && settings.background.is_some() {
        return Some((
            format!("`{id}` is a server: it has no terminal"),
            "take `interactive` or `background` out",
        ));
    }
    if settings.record_echo && !is_interactive {
        return Some((
            format!("`record` is said of a step that is `interactive`, and `{id}` is not"),
            "take `record` out: what a step prints is recorded",
        ));
    }
    if settings.with.is_some() && settings.template {
        return Some((
            format!("`{id}` cannot be a template: nobody knows how its interpreter quotes a value"),
            "take `template` out, and read values from variables",
        ));
    }
    None
}
