//! Runs a script over facts, within limits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, LanguageCorePackage, LogicPackage, MoreStringPackage,
    Package as _,
};
use rhai::{
    AST, Dynamic, Engine, EvalAltResult, Expr, Map, Module, NativeCallContext, OptimizationLevel,
    ParseError, Position, Scope, Stmt,
};

use super::facts::{Facts, StepFacts};
use super::{asserts, functions, value};
use crate::model::{Fact, Probe, StepId};

/// How far a script may go. These are no clock, so that a check comes to the same on a slow machine: what
/// one operation can cost is bounded by the sizes, and so the whole is. The clock of the caller is the
/// last resort: see [`Patience`](super::Patience).
pub mod limits {
    /// Operations: about a hundred thousand turns of a short loop.
    pub const OPERATIONS: u64 = 400_000;
    /// Bytes that our functions may read in all.
    pub const BYTES: u64 = 1 << 30;
    /// Bytes of what a step printed that a script reads.
    pub const PRINTED: usize = 1 << 20;
    /// Bytes of a text, or of all texts of a list or map: a table holds each of its cells twice.
    pub const TEXT: usize = 2 << 20;
    /// Bytes of what a step printed that is compared with an expected output.
    pub const COMPARED: usize = 16 << 20;
    /// Elements of a list, those of the lists in it included.
    pub const LIST: usize = 20_000;
    /// Entries of a map, or of all maps of a list.
    pub const MAP: usize = 40_000;
    /// Calls within calls.
    pub const CALLS: usize = 16;
    /// Expressions within expressions.
    pub const DEPTH: usize = 48;
    /// Bytes of a compiled regular expression.
    pub const REGEX: usize = 1 << 20;
}

/// What a script has come to.
pub(super) enum Outcome {
    /// Its last value.
    Came(Dynamic),
    /// It does not hold, or did not end.
    Fell(Fall),
    /// It asks for these.
    Needs(Vec<Probe>),
    /// Its time was over when it had come here.
    Late(Position),
}

/// What is said of a script that came to `false`, and not to an error.
pub const FALSE: &str = "it does not hold";

/// Why a script does not hold.
#[derive(Clone, Debug)]
pub(super) struct Fall {
    pub(super) at: Position,
    /// Whether a call of an assertion stands there.
    pub(super) is_assertion: bool,
    pub(super) message: String,
    pub(super) sides: Option<(Dynamic, Dynamic)>,
}

/// What a script and its functions share while it runs.
pub(super) struct Session {
    probed: Vec<(Probe, Fact)>,
    missing: RefCell<Vec<Probe>>,
    fall: RefCell<Option<Fall>>,
    read: Cell<u64>,
    pub(super) regexes: RefCell<BTreeMap<String, regex::Regex>>,
    /// The last expression of the script, when its sides are asked for.
    last: RefCell<Option<Expr>>,
}

impl Session {
    /// Returns what was found, or ends the script and asks for it.
    pub(super) fn fact(&self, probe: Probe, at: Position) -> Result<Fact, Box<EvalAltResult>> {
        if let Some((_, fact)) = self.probed.iter().find(|(known, _)| *known == probe) {
            return Ok(fact.clone());
        }
        self.missing.borrow_mut().push(probe);
        Err(ended(at))
    }

    /// Ends the script: it does not hold.
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "as the evaluator wants its errors"
    )]
    pub(super) fn fall(&self, fall: Fall) -> Box<EvalAltResult> {
        let at = fall.at;
        self.fall.borrow_mut().get_or_insert(fall);
        ended(at)
    }

    pub(super) fn last(&self) -> Option<Expr> {
        self.last.borrow().clone()
    }
}

/// What no script can catch.
#[expect(
    clippy::unnecessary_box_returns,
    reason = "as the evaluator wants its errors"
)]
fn ended(at: Position) -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::UNIT, at).into()
}

/// Returns what the running script shares with its functions.
pub(super) fn session(engine: &Engine) -> Result<Rc<Session>, Box<EvalAltResult>> {
    let tag = engine.default_tag().clone();
    tag.try_cast::<Rc<Session>>()
        .ok_or_else(|| ended(Position::NONE))
}

/// Counts bytes that a function is about to read.
pub(super) fn reads(
    context: &NativeCallContext<'_>,
    bytes: usize,
) -> Result<(), Box<EvalAltResult>> {
    let session = session(context.engine())?;
    // Whatever a function does costs something.
    session.read.set(session.read.get() + bytes as u64 + 256);
    if session.read.get() > limits::BYTES {
        return Err(session.fall(Fall {
            at: context.call_position(),
            is_assertion: false,
            message: format!(
                "its functions have read more than {} GiB, and it was ended",
                limits::BYTES >> 30
            ),
            sides: None,
        }));
    }
    Ok(())
}

/// A step as scripts see it: what it printed is copied when it is asked for.
#[derive(Clone)]
pub(super) struct StepView(pub(super) Rc<StepFacts>);

/// The steps as scripts see them.
#[derive(Clone)]
pub(super) struct StepsView(pub(super) Rc<BTreeMap<StepId, StepFacts>>);

thread_local! {
    /// What all scripts have in common takes most of the time that an engine costs.
    static SHARED: Vec<Rc<Module>> = vec![
        LanguageCorePackage::new().as_shared_module(),
        ArithmeticPackage::new().as_shared_module(),
        BasicStringPackage::new().as_shared_module(),
        BasicIteratorPackage::new().as_shared_module(),
        BasicFnPackage::new().as_shared_module(),
        LogicPackage::new().as_shared_module(),
        BasicMathPackage::new().as_shared_module(),
        BasicArrayPackage::new().as_shared_module(),
        BasicMapPackage::new().as_shared_module(),
        MoreStringPackage::new().as_shared_module(),
        // The last one wins.
        Rc::new(functions::module()),
    ];
}

/// Returns an engine with all functions and limits. It prints nothing, reads nothing, and waits for
/// nothing.
pub(super) fn engine(probed: &[(Probe, Fact)]) -> Engine {
    let mut engine = Engine::new_raw();
    SHARED.with(|modules| {
        for module in modules {
            engine.register_global_module(module.clone());
        }
    });
    engine
        .set_optimization_level(OptimizationLevel::None)
        .set_max_operations(limits::OPERATIONS)
        .set_max_call_levels(limits::CALLS)
        .set_max_expr_depths(limits::DEPTH, limits::DEPTH)
        .set_max_string_size(limits::TEXT)
        .set_max_array_size(limits::LIST)
        .set_max_map_size(limits::MAP)
        .set_max_functions(64)
        .set_max_variables(256)
        .set_max_strings_interned(256)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .disable_symbol("eval");
    asserts::register(&mut engine);
    engine.set_default_tag(Dynamic::from(Rc::new(Session {
        probed: probed.to_vec(),
        missing: RefCell::default(),
        fall: RefCell::default(),
        read: Cell::new(0),
        regexes: RefCell::default(),
        last: RefCell::default(),
    })));
    engine
}

/// The names that every script knows.
pub(super) const NAMES: &[&str] = &["step", "steps", "inputs", "values", "run"];

/// Returns the scope of a script, with `step` where there is one.
pub(super) fn scope(facts: &Facts<'_>) -> Scope<'static> {
    let texts = |texts: &BTreeMap<String, String>| -> Map {
        let entries = texts.iter();
        entries
            .map(|(name, text)| (name.as_str().into(), text.as_str().into()))
            .collect()
    };
    let run = [
        ("id", &facts.run.id),
        ("title", &facts.run.title),
        ("document", &facts.run.document),
        ("folder", &facts.run.folder),
    ];
    let run: Map = run
        .into_iter()
        .map(|(name, text)| (name.into(), text.as_str().into()))
        .collect();
    let mut scope = Scope::new();
    if let Some(step) = facts.step {
        scope.push_dynamic("step", Dynamic::from(StepView(Rc::new(step.clone()))));
    }
    scope.push_dynamic(
        "steps",
        Dynamic::from(StepsView(Rc::new(facts.steps.clone()))),
    );
    scope.push_dynamic("inputs", texts(facts.inputs).into());
    scope.push_dynamic("values", texts(facts.values).into());
    scope.push_dynamic("run", run.into());
    scope
}

/// Runs `source` over `facts`. Never panics, and always ends.
pub(super) fn evaluate(source: &str, facts: &Facts<'_>) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| run(source, facts))).unwrap_or_else(|_| {
        Outcome::Fell(Fall {
            at: Position::NONE,
            is_assertion: false,
            message: "the evaluator broke down over it".to_owned(),
            sides: None,
        })
    })
}

/// The clock is read once in so many operations.
const GLANCE: u64 = 64;

fn run(source: &str, facts: &Facts<'_>) -> Outcome {
    let mut engine = engine(facts.probed);
    let is_late = Rc::new(Cell::new(false));
    let (is_over, late) = (facts.patience.begin(), Rc::clone(&is_late));
    engine.on_progress(move |operations| {
        let is_time = operations % GLANCE == 0 && is_over();
        late.set(late.get() || is_time);
        // Nothing in the script can catch it.
        is_time.then_some(Dynamic::UNIT)
    });
    let mut scope = scope(facts);
    let tree = match engine.compile_with_scope(&scope, source) {
        Ok(tree) => tree,
        Err(error) => return Outcome::Fell(of_syntax(&error)),
    };
    let result = engine.eval_ast_with_scope::<Dynamic>(&mut scope, &tree);
    let Ok(session) = session(&engine) else {
        return Outcome::Needs(Vec::new());
    };
    // Before all else: a script may have caught what followed from it.
    if let Some(fall) = session.fall.borrow_mut().take() {
        return Outcome::Fell(fall);
    }
    let missing = session.missing.take();
    if !missing.is_empty() {
        return Outcome::Needs(missing);
    }
    if let (true, Err(error)) = (is_late.get(), &result) {
        return Outcome::Late(of_error(error).at);
    }
    match result {
        Ok(value) if value.as_bool() == Ok(false) => {
            Outcome::Fell(of_last(&engine, &session, &mut scope, &tree))
        }
        Ok(value) => Outcome::Came(value),
        Err(error) => Outcome::Fell(of_error(&error)),
    }
}

/// Why a script whose last value is `false` does not hold: with both sides of its last comparison.
fn of_last(engine: &Engine, session: &Session, scope: &mut Scope<'_>, tree: &AST) -> Fall {
    let last = match tree.statements().last() {
        Some(Stmt::Expr(last)) => Some((**last).clone()),
        Some(Stmt::FnCall(call, at)) => Some(Expr::FnCall(call.clone(), *at)),
        _ => None,
    };
    let mut fall = Fall {
        at: last.as_ref().map_or(Position::NONE, asserts::start),
        is_assertion: false,
        message: FALSE.to_owned(),
        sides: None,
    };
    *session.last.borrow_mut() = last;
    let Ok(sides) = engine.compile_with_scope(scope, asserts::SIDES) else {
        return fall;
    };
    let whole = tree.clone_functions_only().merge(&sides);
    // What falls in here is only the telling.
    let _ = engine.eval_ast_with_scope::<Dynamic>(scope, &whole);
    if let Some(told) = session.fall.borrow_mut().take() {
        fall.sides = told.sides;
        if !told.at.is_none() {
            fall.at = told.at;
        }
    }
    fall
}

fn of_syntax(error: &ParseError) -> Fall {
    Fall {
        at: error.position(),
        is_assertion: false,
        message: functions::words(&error.err_type().to_string()),
        sides: None,
    }
}

/// Returns the words for what the evaluator says, and the innermost place that it knows.
fn of_error(error: &EvalAltResult) -> Fall {
    let mut at = error.position();
    let mut inner = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, cause, _) = inner {
        inner = cause;
        if !inner.position().is_none() {
            at = inner.position();
        }
    }
    let message = match inner {
        EvalAltResult::ErrorTooManyOperations(_) => format!(
            "it was ended after {} operations: does it loop?",
            limits::OPERATIONS
        ),
        EvalAltResult::ErrorStackOverflow(_) => {
            format!("it calls itself more than {} deep", limits::CALLS)
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => format!(
            "too large: {} (at most {} MiB of text, {} elements)",
            what.to_lowercase(),
            limits::TEXT >> 20,
            limits::LIST
        ),
        EvalAltResult::ErrorRuntime(value, _) if value.is_unit() => "it throws".to_owned(),
        EvalAltResult::ErrorRuntime(value, _) => value::shown(value),
        other => {
            let mut other = other.to_string();
            // The place is told apart.
            if let Some(end) = other.rfind(" (line ") {
                other.truncate(end);
            }
            functions::words(&other)
        }
    };
    Fall {
        at,
        is_assertion: false,
        message,
        sides: None,
    }
}
