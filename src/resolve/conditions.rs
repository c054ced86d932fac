//! `if=`, `unless=`, `until=`, `ready=` → what must hold, and what is wrong in it, told at its place.

use std::sync::Arc;

use super::fences::Judging;
use crate::check::{self, Fault, Known};
use crate::markdown::attributes::nearest;
use crate::markdown::line_of;
use crate::model::{
    Condition, Diagnostic, Doubt, Effect, Expression, Kind, Service, Severity, Span, Step,
};

/// A condition as it stands in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stated {
    /// The attribute.
    pub(super) name: &'static str,
    /// Its value.
    pub(super) value: String,
    /// Name and value.
    pub(super) span: Span,
}

/// Gives the steps their conditions, and tells of what is wrong in them.
pub(super) fn attach(
    judging: &Judging<'_, '_>,
    kind: Kind,
    steps: &mut [Step],
    stated: &[(usize, Stated)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let document = judging.document;
    for (of, it) in stated {
        let mut tell = |step: &mut Step, rule: &'static str, span, message: String, way_out| {
            let mut diagnostic = Diagnostic::error(rule, span, message).way_out(way_out);
            if kind == Kind::Plain {
                diagnostic.severity = Severity::Warning;
                step.doubts.push(Doubt {
                    rule,
                    because: diagnostic.message.clone(),
                    span,
                });
            }
            diagnostics.push(diagnostic);
        };
        let value = it.value.trim();
        if matches!(it.name, "if" | "unless")
            && let Some(id) = value.strip_prefix('#')
        {
            let step = match named(steps, *of, id, it.name) {
                Ok(found) => Condition::Step(steps[found].id.clone()),
                Err((message, way_out)) => {
                    tell(&mut steps[*of], "expression", it.span, message, way_out);
                    continue;
                }
            };
            put(&mut steps[*of], it.name, step);
            continue;
        }
        let places = Places::of(document.text(it.span), &it.value);
        let span = places.span(it.span, 0..it.value.len());
        let expression = Expression {
            source: it.value.clone(),
            span,
            line: line_of(document.source, span.start),
        };
        let after = matches!(it.name, "until" | "ready");
        let compile = |known: &Known<'_>| check::compile(&expression, known);
        for fault in judging.faults(Some(*of), after, compile) {
            let Fault {
                range,
                message,
                way_out,
            } = fault;
            let span = places.span(it.span, range);
            tell(&mut steps[*of], "expression", span, message, way_out);
        }
        put(&mut steps[*of], it.name, Condition::Holds(expression));
    }
}

fn put(step: &mut Step, name: &str, condition: Condition) {
    let settings = Arc::make_mut(&mut step.settings);
    match (name, condition) {
        ("if", condition) => settings.only_if = Some(condition),
        ("unless", condition) => settings.unless = Some(condition),
        ("until", Condition::Holds(expression)) => settings.until = Some(expression),
        ("ready", Condition::Holds(expression)) => {
            let service = settings.background.get_or_insert_with(Service::default);
            service.ready = Some(expression);
        }
        _ => {}
    }
}

/// Returns the step that a condition names: one that only reads, so that asking changes nothing.
fn named(steps: &[Step], of: usize, id: &str, name: &str) -> Result<usize, (String, String)> {
    let Some(found) = steps.iter().position(|step| step.id.as_str() == id) else {
        let way_out = nearest(id, steps.iter().map(|step| step.id.as_str())).map_or_else(
            || "name a step by its `#id`".to_owned(),
            |meant| format!("did you mean `#{meant}`?"),
        );
        return Err((format!("no step is called `{id}`"), way_out));
    };
    let step = &steps[found];
    if found == of {
        let way_out = "name a step that looks whether it is needed".to_owned();
        Err((format!("`{name}` of step `{id}` names itself"), way_out))
    } else if !step.id_is_explicit {
        let message = format!("`{name}` wants an id that the document gives; `{id}` is derived");
        Err((
            message,
            format!("write `{{#{id}}}` on the fence of line {}", step.line),
        ))
    } else if step.effect != Effect::Reads {
        let message = format!(
            "`{name}` wants a step that reads; what `{id}` does is {}",
            step.effect
        );
        let way_out = "name one that only looks; `effect=reads` says that it does".to_owned();
        Err((message, way_out))
    } else {
        Ok(found)
    }
}

/// Where the bytes of a value stand in its attribute.
struct Places {
    /// For each byte of the value, and its end; nothing where it is not known.
    at: Vec<usize>,
}

impl Places {
    /// Finds `value` in `text`, `name="value"` or `name: value`, in which quotes may be escaped.
    fn of(text: &str, value: &str) -> Self {
        let unknown = Self { at: Vec::new() };
        let Some(mark) = text.find(['=', ':']) else {
            return unknown;
        };
        let after = text[mark + 1..].trim_start();
        let after = after.strip_prefix(['"', '\'']).unwrap_or(after);
        let start = text.len() - after.len();
        let mut at = Vec::with_capacity(value.len() + 1);
        let mut raw = text[start..].char_indices().peekable();
        for c in value.chars() {
            let Some((mut offset, mut found)) = raw.next() else {
                return unknown;
            };
            if found == '\\'
                && let Some((next, escaped)) =
                    raw.next_if(|(_, it)| matches!(it, '\\' | '"' | '\''))
            {
                (offset, found) = (next, escaped);
            }
            if found != c {
                return unknown;
            }
            at.extend((0..c.len_utf8()).map(|byte| start + offset + byte));
        }
        at.push(raw.peek().map_or(text.len(), |(offset, _)| start + offset));
        Self { at }
    }

    /// Returns the bytes in the file of the bytes `range` of the value; the whole attribute where
    /// they are not known.
    fn span(&self, attribute: Span, range: std::ops::Range<usize>) -> Span {
        match (self.at.get(range.start), self.at.get(range.end)) {
            (Some(start), Some(end)) => Span::new(attribute.start + start, attribute.start + end),
            _ => attribute,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Places;
    use crate::model::Span;

    #[test]
    fn a_value_is_found_in_its_attribute_also_where_quotes_are_escaped() {
        let check = |text: &str, value: &str, what: &str| {
            let start = value.find(what).unwrap();
            let places = Places::of(text, value);
            let span = places.span(Span::new(0, text.len()), start..start + what.len());
            text[span.start..span.end].to_owned()
        };
        assert_eq!(check("if=a==1", "a==1", "1"), "1");
        assert_eq!(
            check(r#"if="x[\"b\"].ñ == c""#, "x[\"b\"].ñ == c", "ñ == c"),
            "ñ == c"
        );
        assert_eq!(
            check("until: step.status == 0", "step.status == 0", "status"),
            "status"
        );
        assert_eq!(
            check("\"if\":\"a\\u0020b\"", "a b", "b"),
            "\"if\":\"a\\u0020b\""
        );
    }
}
