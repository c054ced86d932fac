//! What is wrong in an expression, told before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rhai::{ASTNode, Expr, FnCallExpr, ParseErrorType, Position, Scope, Stmt};

use super::evaluate::{NAMES, engine, limits};
use super::functions::{FUNCTIONS, OF_A_RUN, OF_A_STEP, REFUSED, STANDARD, compiled, find, words};
use super::source;
use crate::markdown::attributes::nearest;
use crate::model::Expression;

/// What is wrong at one place of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The bytes of `Expression::source`.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub way_out: String,
}

/// What a document has that an expression may name.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The ids of its steps.
    pub steps: &'a BTreeSet<&'a str>,
    /// The names of its inputs.
    pub inputs: &'a BTreeSet<&'a str>,
    /// The values that it may name.
    pub values: &'a Values,
    /// What steps give, by their ids.
    pub gives: &'a BTreeMap<String, Gives>,
    /// Whether there is a `step`: not where a condition stands before its step has run.
    pub has_step: bool,
}

/// Values that steps give, as far as an expression or a template may name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Those that the steps before it capture.
    pub names: BTreeSet<String>,
    /// Those that it may not name, and why.
    pub elsewhere: BTreeMap<String, String>,
    /// A step before it writes into `$RUNBOOK_OUTPUT`: names that only a run knows.
    pub are_open: bool,
}

/// The values that one step gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gives {
    /// What it captures.
    pub names: BTreeSet<String>,
    /// It writes into `$RUNBOOK_OUTPUT`: names that only a run knows.
    pub are_open: bool,
}

impl Gives {
    /// Says why it gives no `name`, and what is right; `None` where it does, or may.
    pub fn lacks(&self, step: &str, name: &str) -> Option<(String, String)> {
        if self.are_open || self.names.contains(name) {
            return None;
        }
        let all = || self.names.iter().map(String::as_str);
        let way_out = match nearest(name, all()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if self.names.is_empty() => {
                "capture it: `capture=name`, or `name=value` lines into `$RUNBOOK_OUTPUT`"
                    .to_owned()
            }
            None => format!("it gives {}", listed(all())),
        };
        Some((format!("step `{step}` gives no `{name}`"), way_out))
    }
}

/// Names that are told in one expression.
const MOST: usize = 8;

/// Returns what is wrong in `expression`: syntax, and names that do not exist, in their order. An
/// expression without faults may still fail over the values that it finds.
pub fn compile(expression: &Expression, known: &Known<'_>) -> Vec<Fault> {
    let text = expression.source.as_str();
    let found = std::panic::catch_unwind(|| compiled_text(text, known));
    found.unwrap_or_else(|_| {
        vec![Fault {
            range: 0..text.len(),
            message: "the evaluator broke down over this expression".to_owned(),
            way_out: "write it in a simpler way".to_owned(),
        }]
    })
}

fn compiled_text(text: &str, known: &Known<'_>) -> Vec<Fault> {
    if text.trim().is_empty() {
        return vec![Fault {
            range: 0..text.len(),
            message: "there is no expression".to_owned(),
            way_out: "write one: `step.status == 0`".to_owned(),
        }];
    }
    let engine = engine(&[]);
    let mut scope = Scope::new();
    for name in NAMES {
        if *name != "step" || known.has_step {
            scope.push(*name, ());
        }
    }
    let mut faults = Vec::new();
    let tree = loop {
        let error = match engine.compile_with_scope(&scope, text) {
            Ok(tree) => break tree,
            Err(error) => error,
        };
        let at = source::offset(text, error.position());
        let range = source::word(text, at);
        match error.err_type() {
            // The next one is found once this one is known.
            ParseErrorType::VariableUndefined(name) if faults.len() < MOST => {
                faults.push(variable(name, range, known));
                scope.push(name.clone(), ());
            }
            kind => {
                faults.push(syntax(kind, range, text));
                return faults;
            }
        }
    };
    let own: BTreeSet<String> = tree.iter_functions().map(|it| it.name.to_owned()).collect();
    let mut walk = Walk {
        text,
        known,
        own: &own,
        faults: &mut faults,
    };
    tree.walk(&mut |path| {
        walk.node(path);
        true
    });
    faults.sort_by_key(|fault| fault.range.start);
    faults.dedup();
    faults.truncate(MOST);
    faults
}

fn variable(name: &str, range: Range<usize>, known: &Known<'_>) -> Fault {
    let message = format!("unknown variable `{name}`");
    let functions = FUNCTIONS.iter().map(|it| it.name);
    let way_out = if name == "step" {
        "this is judged before its step has run: name another, `steps[\"id\"]`".to_owned()
    } else if known.inputs.contains(name) {
        format!("write `inputs.{name}`")
    } else if known.values.names.contains(name) {
        format!("write `values.{name}`")
    } else if OF_A_STEP.contains(&name) {
        format!("write `step.{name}`")
    } else if let Some(step) = known.steps.get(name) {
        format!("write `steps[\"{step}\"]`")
    } else if let Some(meant) = nearest(name, NAMES.iter().copied()) {
        format!("did you mean `{meant}`?")
    } else if let Some(meant) = nearest(name, functions) {
        format!("did you mean `{meant}(…)`?")
    } else {
        format!(
            "there are {}; others begin with `let`",
            listed(NAMES.iter().copied())
        )
    };
    Fault {
        range,
        message,
        way_out,
    }
}

fn syntax(kind: &ParseErrorType, range: Range<usize>, text: &str) -> Fault {
    // At the end there is nothing to mark but what stands before it.
    let range = if range.is_empty() {
        let end = text.trim_end().len();
        let start = text[..end].char_indices().last().map_or(0, |(at, _)| at);
        start..end
    } else {
        range
    };
    let refused = REFUSED
        .iter()
        .find(|(name, _)| *name == &text[range.clone()]);
    if let Some((name, because)) = refused {
        return Fault {
            range,
            message: format!("`{name}` is not for checks"),
            way_out: (*because).to_owned(),
        };
    }
    let (message, way_out) = match kind {
        ParseErrorType::ExprTooDeep => (
            format!(
                "expressions stand more than {} deep in one another",
                limits::DEPTH
            ),
            "split it with `let`".to_owned(),
        ),
        ParseErrorType::Reserved(word) => (
            format!("`{word}` is a word of the language"),
            "take another name".to_owned(),
        ),
        ParseErrorType::UnexpectedEOF => (
            "the script ends too soon".to_owned(),
            "close what is open: quotes, parentheses, braces".to_owned(),
        ),
        kind => (
            format!("this is no expression: {}", words(&kind.to_string())),
            "see `docs/checks.md` for how checks are written".to_owned(),
        ),
    };
    Fault {
        range,
        message,
        way_out,
    }
}

struct Walk<'w> {
    text: &'w str,
    known: &'w Known<'w>,
    own: &'w BTreeSet<String>,
    faults: &'w mut Vec<Fault>,
}

impl Walk<'_> {
    fn node(&mut self, path: &[ASTNode<'_>]) {
        let Some(node) = path.last() else {
            return;
        };
        match node {
            ASTNode::Stmt(Stmt::FnCall(call, at)) | ASTNode::Expr(Expr::FnCall(call, at)) => {
                self.call(call, *at, false);
            }
            ASTNode::Expr(Expr::MethodCall(call, at)) => self.call(call, *at, true),
            ASTNode::Expr(Expr::Dot(pair, _, _) | Expr::Index(pair, _, _)) => {
                self.member(&pair.lhs, &pair.rhs);
            }
            _ => {}
        }
    }

    fn fault(&mut self, at: Position, message: String, way_out: String) {
        let start = source::offset(self.text, at);
        // A place that is not known, or stands on a mark before the name, marks what is there.
        let range = match self.text[start..].chars().next() {
            Some('.' | '"' | '[') => {
                let word = source::word(self.text, start + 1);
                start + 1..word.end.max(start + 1)
            }
            _ => source::word(self.text, start),
        };
        self.faults.push(Fault {
            range,
            message,
            way_out,
        });
    }

    fn call(&mut self, call: &FnCallExpr, at: Position, is_method: bool) {
        let name = call.name.as_str();
        if call.op_token.is_some() || self.own.contains(name) || is_made_up(name) {
            return;
        }
        let given = call.args.len() + usize::from(is_method);
        if let Some((_, because)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            let message = format!("`{name}` is not for checks");
            return self.fault(at, message, (*because).to_owned());
        }
        if let Some(function) = find(name) {
            let (least, most) = function.takes;
            if !(least..=most).contains(&given) && !STANDARD.contains(&name) {
                let message = format!("`{name}` takes {}, not {given}", count(least, most));
                self.fault(at, message, format!("write `{}`", function.form));
            }
            // What a regular expression is made of is often known.
            let pattern = call.args.get(1 - usize::from(is_method));
            if let ("matches" | "groups" | "assert_match", Some(Expr::StringConstant(text, place))) =
                (name, pattern)
                && let Err(message) = compiled(text)
            {
                self.fault(
                    *place,
                    message,
                    "mend it; a `\\` in `\"…\"` is written `\\\\`".into(),
                );
            }
            return;
        }
        if STANDARD.contains(&name) {
            return;
        }
        let message = format!("unknown function `{name}`");
        let known = FUNCTIONS
            .iter()
            .map(|it| it.name)
            .chain(STANDARD.iter().copied());
        let way_out = match nearest(name, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`docs/checks.md` names all functions".to_owned(),
        };
        self.fault(at, message, way_out);
    }

    /// `left.right` or `left[right]`.
    fn member(&mut self, left: &Expr, right: &Expr) {
        let Some(of) = variable_of(left) else {
            // `steps["x"].status`
            if let Expr::Index(pair, _, _) = left
                && variable_of(&pair.lhs) == Some("steps")
                && let Some((name, at)) = member_name(right)
            {
                self.of(name, at, "a step", OF_A_STEP.iter().copied());
            }
            return;
        };
        let Some((name, at)) = member_name(right) else {
            return;
        };
        let known = self.known;
        match of {
            "step" if known.has_step => self.of(name, at, "a step", OF_A_STEP.iter().copied()),
            "run" => self.of(name, at, "a run", OF_A_RUN.iter().copied()),
            "steps" => {
                self.named(name, at, "no step is called", known.steps);
                // `steps["x"].status`, as it is chained.
                if let Expr::Dot(pair, _, _) | Expr::Index(pair, _, _) = right
                    && let Some((member, at)) = member_name(&pair.rhs)
                {
                    self.of(member, at, "a step", OF_A_STEP.iter().copied());
                    if let Expr::Dot(pair, _, _) | Expr::Index(pair, _, _) = &pair.rhs
                        && member == "values"
                        && known.steps.contains(name)
                        && let Some((value, at)) = member_name(&pair.rhs)
                    {
                        let none = Gives::default();
                        let gives = known.gives.get(name).unwrap_or(&none);
                        if let Some((message, way_out)) = gives.lacks(name, value) {
                            self.fault(at, message, way_out);
                        }
                    }
                }
            }
            "inputs" => self.named(name, at, "no input is called", known.inputs),
            "values" if known.values.are_open => {}
            "values" => {
                if let Some(because) = known.values.elsewhere.get(name) {
                    let message = format!("`{name}` has no value here");
                    self.fault(at, message, because.clone());
                } else {
                    let names = known.values.names.iter().map(String::as_str).collect();
                    self.named(name, at, "no step captures", &names);
                }
            }
            _ => {}
        }
    }

    fn of<'n>(
        &mut self,
        name: &str,
        at: Position,
        what: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        if known.clone().any(|it| it == name) {
            return;
        }
        let way_out = match nearest(name, known.clone()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it has {}", listed(known)),
        };
        self.fault(at, format!("{what} has no `{name}`"), way_out);
    }

    fn named(&mut self, name: &str, at: Position, what: &str, known: &BTreeSet<&str>) {
        if known.contains(name) {
            return;
        }
        let all = known.iter().copied();
        let way_out = match nearest(name, all.clone()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => "there is none in this document".to_owned(),
            None => format!("there are {}", listed(all)),
        };
        self.fault(at, format!("{what} `{name}`"), way_out);
    }
}

/// A function of the evaluator's own making, as for a closure.
fn is_made_up(name: &str) -> bool {
    name.starts_with("anon$") || name.contains('$')
}

fn variable_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Variable(variable, _, _) => Some(variable.1.as_str()),
        _ => None,
    }
}

/// Returns the first name that is taken out of what stands on the left.
fn member_name(right: &Expr) -> Option<(&str, Position)> {
    match right {
        Expr::Property(property, at) => Some((property.2.as_str(), *at)),
        Expr::StringConstant(text, at) => Some((text.as_str(), *at)),
        Expr::Dot(pair, _, _) | Expr::Index(pair, _, _) => member_name(&pair.lhs),
        _ => None,
    }
}

fn count(least: usize, most: usize) -> String {
    match (least, most) {
        (0, 0) => "no value".to_owned(),
        (1, 1) => "one value".to_owned(),
        (least, most) if least == most => format!("{least} values"),
        (least, most) => format!("{least} or {most} values"),
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}
