//! `rhai` and `output` fences of a declared document → checks of a step: of the nearest command
//! above in their section, or of the one that `of=` names.

use crate::check::{self, Fault, Known};
use crate::markdown::attributes::nearest;
use crate::markdown::{Document, Fence};
use crate::model::{Check, Diagnostic, Expression, Matching, Span, Step};

/// A check that is not a step's yet.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// Its fence.
    pub(super) fence: usize,
    /// What it is.
    pub(super) check: Check,
    /// The index of the nearest command above in its section.
    pub(super) above: Option<usize>,
    /// The step that it names, and where.
    pub(super) of: Option<(String, Span)>,
}

/// Returns the text of a fence as an expression.
pub(super) fn expression(document: &Document<'_>, fence: &Fence) -> Expression {
    let source = document.body(fence).into_owned();
    Expression {
        span: document.place(fence, 0..source.len()),
        source,
        line: fence.line + 1,
    }
}

/// Returns the check of a fence of expected output.
pub(super) fn output(document: &Document<'_>, fence: &Fence, matching: Matching) -> Check {
    Check::Output {
        matching,
        expected: expression(document, fence),
    }
}

/// Gives the steps their checks, and tells of what is wrong in them.
pub(super) fn attach<'k>(
    document: &Document<'_>,
    steps: &mut [Step],
    pending: Vec<Pending>,
    known: &dyn Fn(Option<&Step>) -> Known<'k>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for it in pending {
        let fence = &document.fences[it.fence];
        let opening = Span::new(fence.span.start, fence.info.end);
        let found = match &it.of {
            None => it.above.ok_or_else(|| {
                let message = "there is no command above this check in its section".to_owned();
                let way_out = "put it under the step that it judges, or name that: `of=#id`";
                (opening, message, way_out.to_owned())
            }),
            Some((id, span)) => named(steps, id, *span),
        };
        let step = found.as_ref().ok().map(|at| &steps[*at]);
        let faults = match &it.check {
            Check::Script(script) => check::compile(script, &known(step)),
            Check::Output { matching, expected } => check::compile_output(*matching, expected),
        };
        for fault in faults {
            let Fault {
                range,
                message,
                way_out,
            } = fault;
            let place = document.place(fence, range);
            // An empty fence has no place of its own.
            let place = if place.start == place.end {
                Span::new(fence.span.start, fence.info.end)
            } else {
                place
            };
            diagnostics.push(Diagnostic::error("expression", place, message).way_out(way_out));
        }
        match found {
            Ok(step) => steps[step].checks.push(it.check),
            Err((span, message, way_out)) => {
                diagnostics.push(Diagnostic::error("check", span, message).way_out(way_out));
            }
        }
    }
}

/// Returns the step that `of=` names.
fn named(steps: &[Step], id: &str, span: Span) -> Result<usize, (Span, String, String)> {
    let Some(found) = steps.iter().position(|step| step.id.as_str() == id) else {
        let way_out = nearest(id, steps.iter().map(|step| step.id.as_str())).map_or_else(
            || "name a step by its `#id`".to_owned(),
            |meant| format!("did you mean `of=#{meant}`?"),
        );
        return Err((span, format!("no step is called `{id}`"), way_out));
    };
    let step = &steps[found];
    if !step.id_is_explicit {
        let message = format!("`of` wants an id that the document gives; `{id}` is derived");
        let way_out = format!("write `{{#{id}}}` on the fence of line {}", step.line);
        return Err((span, message, way_out));
    }
    if !matches!(step.task, crate::model::Task::Command { .. }) {
        let message = format!("a person does step `{id}`: there is nothing to judge");
        return Err((span, message, "name a command".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::testing::read_and_resolve;
    use crate::markdown::line_of;
    use crate::model::{Check, Condition, Severity};

    /// Steps with what is asserted of them, then what is wrong, with its place and column.
    fn check(source: &str) -> String {
        let (runbook, diagnostics) = read_and_resolve(source, "file");
        let mut text = String::new();
        for step in &runbook.steps {
            write!(text, "{}", step.id).unwrap();
            for check in &step.checks {
                match check {
                    Check::Script(it) => write!(text, " script {}:{:?}", it.line, it.source),
                    Check::Output { matching, expected } => {
                        write!(
                            text,
                            " {matching:?} {}:{:?}",
                            expected.line, expected.source
                        )
                    }
                }
                .unwrap();
            }
            let settings = &step.settings;
            let conditions = [("if", &settings.only_if), ("unless", &settings.unless)];
            for (name, condition) in conditions {
                match condition {
                    Some(Condition::Step(id)) => write!(text, " {name} #{id}").unwrap(),
                    Some(Condition::Holds(it)) => {
                        write!(text, " {name} {}:{:?}", it.line, it.source).unwrap();
                    }
                    None => {}
                }
            }
            if let Some(it) = &settings.until {
                write!(text, " until {:?}", it.source).unwrap();
            }
            if let Some(it) = settings
                .background
                .as_ref()
                .and_then(|it| it.ready.as_ref())
            {
                write!(text, " ready {:?}", it.source).unwrap();
            }
            for doubt in &step.doubts {
                write!(text, " doubt {}", doubt.rule).unwrap();
            }
            text.push('\n');
        }
        // What is refused is another test's.
        for it in diagnostics
            .iter()
            .filter(|it| it.rule != "not-in-this-version")
        {
            let start = it.span.start;
            let column = start - source[..start].rfind('\n').map_or(0, |at| at + 1) + 1;
            let marked = source[start..it.span.end]
                .lines()
                .next()
                .unwrap_or_default();
            let mark = if it.severity == Severity::Error {
                '!'
            } else {
                '?'
            };
            let way_out = it.way_out.as_deref().unwrap_or("-");
            let line = line_of(source, start);
            writeln!(
                text,
                "{mark} {line}:{column}: {}: {} @ {marked:?} → {way_out}",
                it.rule, it.message
            )
            .unwrap();
        }
        text
    }

    fn declared(rest: &str) -> String {
        check(&format!(
            "---\nrunbook: 1\ninputs: {{ version: {{}} }}\n---\n{rest}"
        ))
    }

    #[test]
    fn a_check_is_of_the_nearest_command_above_in_its_section_or_of_the_one_that_it_names() {
        insta::assert_snapshot!(declared("# A\n```sh {#a}\n1\n```\n- [ ] by hand\n\n> ```rhai\n> step.status == 0;\n>   steps.a.ms < 5\n> ```\n```sh {#b}\n2\n```\n```output {match=json of=#a}\n{}\n```\n```output\na sample\n```\n```output {match=regex}\n\\d+\n```\n```output {of=a}\nx\n```\n## B\n```rhai {of=b}\ninputs.version == \"1\"\n```\n```rhai {run=never}\nnothing(\n```\n"), @r#"
        a script 12:"step.status == 0;\n  steps.a.ms < 5\n" Json 19:"{}\n" Lines 28:"x\n"
        by-hand
        b Regex 25:"\\d+\n" script 32:"inputs.version == \"1\"\n"
        "#);
    }

    #[test]
    fn what_is_wrong_in_a_check_is_told_at_its_place() {
        insta::assert_snapshot!(declared("# A\n```rhai\ntrue\n```\n```sh {#aa match=lines}\n1\n```\n- ```rhai\n  let ñ_ = 1;\n  ```\n- > ```rhai\n  > assert(true);\n  > assert(stpe.status == 0);\n  > ```\n```rhai {match=json}\nsteps[\"ab\"].status == inputs.verison\n```\n```rhai\n```\n```output {match=jsn}\n```\n```output {match=json}\n{\n  \"a\": }\n```\n```output {match=lines}\nup {\\d(} days\n```\n```output {match=regex of=#ab}\n(\n```\n```json {of=aa}\n{}\n```\n```sh\n2\n```\n```rhai {of=a}\ntrue\n```\n- [ ] do `it` {#h}\n"), @r#"
        aa script 13:"let ñ_ = 1;\n" script 16:"assert(true);\nassert(stpe.status == 0);\n" script 20:"steps[\"ab\"].status == inputs.verison\n" script 23:"" Json 27:"{\n  \"a\": }\n" Lines 31:"up {\\d(} days\n"
        a
        do-it-h
        ! 6:1: check: there is no command above this check in its section @ "```rhai" → put it under the step that it judges, or name that: `of=#id`
        ! 9:12: check: `match` on a fence that judges nothing @ "match=lines" → tag the fence `output`, or take the word out
        ! 13:7: expression: this is no expression: unexpected 'ñ' @ "ñ_" → see `docs/checks.md` for how checks are written
        ! 17:12: expression: unknown variable `stpe` @ "stpe" → did you mean `step`?
        ! 19:10: check: `match` on a script: it says itself what must hold @ "match=json" → take it out, or tag the fence `output`
        ! 20:8: expression: no step is called `ab` @ "ab" → there are `a`, `aa`, `do-it-h`
        ! 20:30: expression: no input is called `verison` @ "verison" → did you mean `version`?
        ! 22:1: expression: there is no expression @ "```rhai" → write one: `step.status == 0`
        ! 24:12: attribute-value: `jsn` is none of exact, lines, contains, regex, json @ "match=jsn" → write `match=json`
        ! 28:8: expression: what is expected is no JSON: expected value @ "}" → mend it; a list ends in `"..."` where more may follow
        ! 31:5: expression: `\d(` is no regular expression: unclosed group @ "\\d(" → mend it; `{…}` holds a regular expression
        ! 33:24: check: no step is called `ab` @ "of=#ab" → name a step by its `#id`
        ! 34:1: expression: `(` is no regular expression: unclosed group @ "(" → mend it
        ! 36:10: check: `of` on a fence that judges nothing @ "of=aa" → tag the fence `output`, or take the word out
        ! 42:10: check: `of` wants an id that the document gives; `a` is derived @ "of=a" → write `{#a}` on the fence of line 39
        "#);
    }

    #[test]
    fn conditions_are_steps_or_expressions_and_are_compiled() {
        insta::assert_snapshot!(declared("# A\n```sh {#look effect=reads}\n1\n```\n```sh {#a if=#look unless=\"inputs.version == \\\"1\\\"\" until=\"step.status == 0\"}\n2\n```\n<!-- runbook:\nname: b\nbackground: true\nready: tcp(\"127.0.0.1\", 80) && stpe.ms > 0\n-->\n```sh\n3\n```\n```sh {#c if=\"step.status == 0\" unless=#a until=\"x(\"}\n4\n```\n```sh {#d if=#d unless=#lok ready= until=\"steps.a.stdot == \\\"\\\\n\\\"\"}\n5\n```\n"), @r#"
        look
        a if #look unless 9:"inputs.version == \"1\"" until "step.status == 0"
        b ready "tcp(\"127.0.0.1\", 80) && stpe.ms > 0"
        c if 20:"step.status == 0" until "x("
        d until "steps.a.stdot == \"\\n\""
        ! 15:32: expression: unknown variable `stpe` @ "stpe" → did you mean `step`?
        ! 20:15: expression: unknown variable `step` @ "step" → this is judged before its step has run: name another, `steps["id"]`
        ! 20:33: expression: `unless` wants a step that reads; what `a` does is unknown @ "unless=#a" → name one that only looks; `effect=reads` says that it does
        ! 20:51: expression: this is no expression: expecting ')' to close the arguments list of this function call 'x' @ "(" → see `docs/checks.md` for how checks are written
        ! 23:11: expression: `if` of step `d` names itself @ "if=#d" → name a step that looks whether it is needed
        ! 23:17: expression: no step is called `lok` @ "unless=#lok" → did you mean `#look`?
        ! 23:29: attribute-value: `ready` wants a value, not `` @ "ready=" → write `ready=…`
        ! 23:51: expression: a step has no `stdot` @ "stdot" → did you mean `stdout`?
        "#);
    }

    #[test]
    fn a_plain_document_judges_nothing_and_its_broken_conditions_are_doubts() {
        insta::assert_snapshot!(check("# A\n```sh\nls\n```\n```rhai\nnothing(\n```\n```output {match=lines}\nx\n```\n```sh {if=\"nothing(\"}\nls\n```\n"), @r#"
        a
        a-2 if 11:"nothing(" doubt expression
        ? 5:4: not-a-step: a `rhai` fence is not a step in this version @ "rhai" → -
        ? 11:19: expression: this is no expression: expecting ')' to close the arguments list of this function call 'nothing' @ "(" → see `docs/checks.md` for how checks are written
        "#);
    }
}
