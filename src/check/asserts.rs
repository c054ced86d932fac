//! `assert` and its kin. `assert` is a form of the language, not a function: it sees the expression
//! that it is handed, and can tell both sides of a comparison that does not hold.

use rhai::{
    Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, ImmutableString, Module,
    NativeCallContext, Position,
};

use super::evaluate::{Fall, reads, session};
use super::{functions, value};

/// A script that tells the sides of [`Session::last`](super::evaluate::Session::last).
pub(super) const SIDES: &str = "tell_sides";

type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

/// Teaches the engine the forms.
pub(super) fn register(engine: &mut Engine) {
    engine.register_custom_syntax_with_state_raw(
        "assert",
        |symbols, next, _| {
            Ok(match symbols.len() {
                1 => Some("(".into()),
                2 => Some("$expr$".into()),
                3 if next == "," => Some(",".into()),
                4 if symbols[3] == "," => Some("$expr$".into()),
                3 | 5 => Some(")".into()),
                _ => None,
            })
        },
        false,
        |context, inputs, _| assert(context, inputs),
    );
    engine.register_custom_syntax_with_state_raw(
        SIDES,
        |_, _, _| Ok(None),
        false,
        |context, _, _| {
            let session = session(context.engine())?;
            let Some(last) = session.last() else {
                return Ok(Dynamic::UNIT);
            };
            let (at, sides) = sides(context, &last)?;
            Err(session.fall(Fall {
                at,
                is_assertion: false,
                message: String::new(),
                sides,
            }))
        },
    );
}

fn assert(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
) -> Result<Dynamic> {
    let Some(condition) = inputs.first() else {
        return Ok(Dynamic::UNIT);
    };
    let found = context.eval_expression_tree(condition)?;
    let session = session(context.engine())?;
    // The form's own place is not handed over: that of what it asserts stands behind its name.
    let at = start(condition);
    let (message, sides) = match found.as_bool() {
        Ok(true) => return Ok(Dynamic::UNIT),
        Ok(false) => {
            let (_, sides) = sides(context, condition)?;
            ("it does not hold".to_owned(), sides)
        }
        Err(_) => {
            let message = format!("`assert` wants true or false, not {}", value::kind(&found));
            (message, None)
        }
    };
    let message = match inputs.get(1) {
        Some(said) => value::shown(&context.eval_expression_tree(said)?),
        None => message,
    };
    Err(session.fall(Fall {
        at,
        is_assertion: true,
        message,
        sides,
    }))
}

/// Returns both sides of the comparison because of which `expression` is not true, and where it
/// stands. Evaluates parts of it once more: only when it does not hold.
fn sides(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    expression: &Expr,
) -> Result<(Position, Option<(Dynamic, Dynamic)>)> {
    match expression {
        Expr::And(parts, _) => {
            for part in parts.iter() {
                let found = context.eval_expression_tree(&part.into())?;
                if found.as_bool() != Ok(true) {
                    return sides(context, part);
                }
            }
        }
        Expr::FnCall(call, _)
            if call.args.len() == 2
                && matches!(&*call.name, "==" | "!=" | "<" | "<=" | ">" | ">=") =>
        {
            let left = context.eval_expression_tree(&(&call.args[0]).into())?;
            let right = context.eval_expression_tree(&(&call.args[1]).into())?;
            return Ok((start(expression), Some((left, right))));
        }
        _ => {}
    }
    Ok((start(expression), None))
}

/// Returns where an expression begins: an operator's own place is between its sides.
pub(super) fn start(expression: &Expr) -> Position {
    match expression {
        Expr::FnCall(call, _) if call.op_token.is_some() && call.args.len() == 2 => {
            start(&call.args[0])
        }
        Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => start(&parts[0]),
        other => other.start_position(),
    }
}

/// Adds the assertions that are functions.
pub(super) fn add(module: &mut Module) {
    module.set_native_fn(
        "assert_eq",
        |context: NativeCallContext, a: Dynamic, b: Dynamic| compared(&context, a, b, true, None),
    );
    module.set_native_fn(
        "assert_eq",
        |context: NativeCallContext, a: Dynamic, b: Dynamic, message: Dynamic| {
            compared(&context, a, b, true, Some(&message))
        },
    );
    module.set_native_fn(
        "assert_ne",
        |context: NativeCallContext, a: Dynamic, b: Dynamic| compared(&context, a, b, false, None),
    );
    module.set_native_fn(
        "assert_ne",
        |context: NativeCallContext, a: Dynamic, b: Dynamic, message: Dynamic| {
            compared(&context, a, b, false, Some(&message))
        },
    );
    module.set_native_fn(
        "assert_match",
        |context: NativeCallContext, text: ImmutableString, regex: ImmutableString| {
            matched(&context, text, regex, None)
        },
    );
    module.set_native_fn(
        "assert_match",
        |context: NativeCallContext,
         text: ImmutableString,
         regex: ImmutableString,
         message: Dynamic| { matched(&context, text, regex, Some(&message)) },
    );
}

fn compared(
    context: &NativeCallContext<'_>,
    left: Dynamic,
    right: Dynamic,
    wanted: bool,
    message: Option<&Dynamic>,
) -> Result<()> {
    reads(context, 0)?;
    if value::is_equal(&left, &right) == wanted {
        return Ok(());
    }
    let (one, other) = (value::kind(&left), value::kind(&right));
    let own = if !wanted {
        "they are the same".to_owned()
    } else if one != other {
        format!("{one} is never {other}")
    } else if value::shown(&left).trim() == value::shown(&right).trim() {
        "they differ in the white space around them: `trim(…)` takes it off".to_owned()
    } else {
        "they differ".to_owned()
    };
    Err(session(context.engine())?.fall(Fall {
        at: context.call_position(),
        is_assertion: true,
        message: message.map_or(own, value::shown),
        sides: Some((left, right)),
    }))
}

fn matched(
    context: &NativeCallContext<'_>,
    text: ImmutableString,
    regex: ImmutableString,
    message: Option<&Dynamic>,
) -> Result<()> {
    reads(context, text.len())?;
    if functions::regex(context, &regex)?.is_match(&text) {
        return Ok(());
    }
    let own = "the regular expression (right) matches nowhere in the text (left)";
    Err(session(context.engine())?.fall(Fall {
        at: context.call_position(),
        is_assertion: true,
        message: message.map_or_else(|| own.to_owned(), value::shown),
        sides: Some((text.into(), regex.into())),
    }))
}
