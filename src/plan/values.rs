//! What a step waits for besides consent: values, hosts, files; and what it is once values or an edit
//! have changed it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::classify::understanding::{self, Understanding};
use crate::classify::{self, Kind as Tagged, language};
use crate::model::{
    Doubt, Effect, Field, Kind, Language, Nature, Placeholder, Span, Stands, Step, StepId, Task,
};
use crate::render::{self, Filled, Unfit, Value};

use super::{Known, Plan};

impl Plan {
    /// Returns what of `step` can be started: its command, or the one that is offered for it.
    pub fn command<'s>(&self, step: &'s Step) -> Option<(Language, &'s str)> {
        match &step.task {
            Task::Command { language, body } => Some((*language, body)),
            Task::ByHand { offered, .. } => {
                offered.as_ref().map(|it| (it.language, it.body.as_str()))
            }
        }
    }

    /// Returns the other selected steps that `step` excludes, of which `is_open` says that they are
    /// still to run.
    pub fn rivals(&self, step: &Step, is_open: impl Fn(&StepId) -> bool) -> Vec<StepId> {
        let Some(choice) = step.circumstances.choice else {
            return Vec::new();
        };
        self.steps()
            .filter(|it| it.circumstances.choice == Some(choice) && it.id != step.id)
            .filter(|it| is_open(&it.id))
            .map(|it| it.id.clone())
            .collect()
    }

    /// Whether the document holds another step that excludes `step`.
    pub fn is_choice(&self, step: &Step) -> bool {
        let choice = step.circumstances.choice;
        let mut steps = self.runbook.steps.iter();
        choice.is_some() && steps.any(|it| it.circumstances.choice == choice && it.id != step.id)
    }

    /// Returns the placeholders of the whole document, each name once, with the line of the first.
    pub fn placeholders(&self) -> Vec<(&Placeholder, u32)> {
        let mut seen = BTreeSet::new();
        let steps = self.runbook.steps.iter();
        steps
            .flat_map(|step| {
                step.circumstances
                    .placeholders
                    .iter()
                    .map(|it| (it, step.line))
            })
            .filter(|(it, _)| seen.insert(it.name.as_str()))
            .collect()
    }

    /// Whether the value called `name` is not to be shown.
    pub fn is_secret(&self, name: &str) -> bool {
        let steps = self.runbook.steps.iter();
        steps
            .flat_map(|step| &step.circumstances.placeholders)
            .any(|it| it.name == name && it.secret)
            || self.field(name).is_some_and(|it| it.secret)
            || self.is_secret_input(name)
    }

    pub(super) fn is_secret_input(&self, name: &str) -> bool {
        let mut inputs = self.runbook.inputs.iter();
        inputs.any(|it| it.name == name && it.is_secret())
    }

    /// Returns the line of the document's forms that is called `name`.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let forms = self.runbook.forms.iter();
        forms.flat_map(|it| &it.fields).find(|it| it.name == name)
    }

    /// Whether the value called `name` is a variable of the environment for some step: what a form of
    /// the document asks for is one for all of them.
    pub fn is_variable(&self, name: &str) -> bool {
        let steps = self.runbook.steps.iter();
        steps
            .flat_map(|step| &step.circumstances.placeholders)
            .any(|it| it.name == name && it.stands == Stands::Variable)
            || self.field(name).is_some()
    }

    /// Returns the variable that carries the secret `name` into a command: always the same one, so
    /// that an edited command still finds it. All steps see an input under its own name.
    pub fn secret_variable(&self, name: &str) -> String {
        if self.is_secret_input(name) {
            return name.to_owned();
        }
        let number = self.placeholders().iter().position(|it| it.0.name == name);
        format!("RUNBOOK_SECRET_{}", number.map_or(0, |it| it + 1))
    }

    /// Returns the secrets that `step` takes from their variables: an edited command may name them.
    pub fn secrets_in<'p>(&'p self, step: &'p Step) -> impl Iterator<Item = &'p str> {
        let body = self.command(step).map_or("", |(_, body)| body);
        self.placeholders()
            .into_iter()
            .filter(|(it, _)| it.secret && body.contains(&self.secret_variable(&it.name)))
            .map(|(it, _)| it.name.as_str())
    }

    /// Says why `text` cannot be the value of `name` in a selected step; `None` where it can.
    pub fn unfit(&self, name: &str, text: &str) -> Option<String> {
        self.steps().find_map(|step| {
            let (language, body) = self.command(step)?;
            let places = step.circumstances.placeholders.iter();
            places
                .filter(|it| it.name == name)
                .find_map(|it| render::fits(body, language, it, text).err())
                .map(|because| format!("{because} (line {})", step.line))
        })
    }

    /// Returns the command of `step` with its values; `None` where it neither is a template nor has
    /// placeholders.
    ///
    /// # Errors
    /// A value that is missing, or does not fit.
    pub fn filled(&self, step: &Step, known: &Known) -> Option<Result<Filled, Unfit>> {
        if let Some(rendered) = self.rendered(step, known) {
            return Some(rendered);
        }
        let (language, body) = self.command(step)?;
        let places = &step.circumstances.placeholders;
        (self.runbook.kind == Kind::Plain && !places.is_empty())
            .then(|| render::fill(body, language, places, &known.values))
    }

    /// Returns why some value of `step` cannot be given at all; `None` where all can.
    pub fn unfillable(&self, step: &Step) -> Option<String> {
        let (language, body) = self.command(step)?;
        step.circumstances.placeholders.iter().find_map(|it| {
            render::unfillable(body, language, it)
                .map(|because| format!("`{}` cannot be filled in: {because}", it.text))
        })
    }

    /// Returns `texts`, which may hold placeholders, with their values where these may be shown.
    pub fn with_values(
        step: &Step,
        texts: &[String],
        values: &BTreeMap<String, Value>,
    ) -> Vec<String> {
        let fill = |text: &String| {
            let mut text = text.clone();
            for place in &step.circumstances.placeholders {
                if let Some(Value::Plain(value)) = values.get(&place.name) {
                    let braced = format!("${{{}}}", place.name);
                    text = text.replace(&place.text, value).replace(&braced, value);
                }
            }
            text
        };
        texts.iter().map(fill).collect()
    }

    /// Returns the hosts that `step` leaves this machine for, without users and paths.
    pub fn hosts(&self, step: &Step, values: &BTreeMap<String, Value>) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        let body = self.command(step).map_or("", |(_, body)| body);
        let places = &step.circumstances.placeholders;
        let is_filled = places.iter().all(|it| values.contains_key(&it.name));
        for text in Self::with_values(step, &step.circumstances.hosts, values) {
            let host = bare_host(&text).to_owned();
            // As long as a value is missing, what stands in its place is no host.
            let is_known = is_filled || body.contains(&text);
            if is_known && !host.is_empty() && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    /// Returns `step` as it would run now: with what a person wrote instead of its body, else with the
    /// values that it has.
    pub fn now<'s>(&self, step: &'s Step, edited: Option<&str>, known: &Known) -> Cow<'s, Step> {
        if let Some(body) = edited {
            return Cow::Owned(self.as_edited(step, body));
        }
        match self.filled(step, known) {
            // What stands in a file is not run; which file it is must be seen.
            Some(_) if step.settings.file.is_some() => match self.file(step, known) {
                Some(Ok(file)) => Cow::Owned(Step {
                    because: crate::model::writes(&file.path),
                    ..step.clone()
                }),
                _ => Cow::Borrowed(step),
            },
            Some(Ok(filled)) if step.settings.template => {
                Cow::Owned(self.as_rendered(step, &filled))
            }
            Some(Ok(filled)) => Cow::Owned(self.as_filled(step, &filled, &known.values)),
            _ => Cow::Borrowed(step),
        }
    }

    /// Returns what `step` does where bash runs it, and why; `None` where that is graver than what it is
    /// shown to do, and more than a change.
    pub fn in_bash(&self, step: &Step) -> Option<(Effect, String)> {
        let body = self.command(step).map_or("", |(_, body)| body);
        let read = understanding::understand(body, understanding::Tongue::Shell, &self.knowledge);
        let most = weight(step.effect).max(weight(Effect::Changes));
        (weight(read.effect) <= most).then_some((read.effect, read.because))
    }

    // A value may make a command another one: `systemctl <ACTION> nginx`. It never makes it harmless.
    fn as_filled(&self, step: &Step, filled: &Filled, values: &BTreeMap<String, Value>) -> Step {
        let mut now = step.clone();
        let read = self.read(step, &filled.body);
        if weight(read.effect) > weight(now.effect) {
            (now.effect, now.because) = (read.effect, read.because.clone());
        }
        now.doubts.extend(unattended(&read));
        let body = self.command(step).map_or("", |(_, body)| body);
        let around = &mut now.circumstances;
        for names in [&mut around.hosts, &mut around.overwrites] {
            // What was read where a value stands is no name; what is read now is.
            names.retain(|it| body.contains(it.as_str()));
            *names = Self::with_values(step, names, values);
        }
        for (all, more) in [
            (&mut around.hosts, read.hosts),
            (&mut around.overwrites, read.overwrites),
        ] {
            for it in more {
                if !all.contains(&it) {
                    all.push(it);
                }
            }
        }
        now
    }

    // A value may make a command one that destroys, unless the author has said what it does.
    fn as_rendered(&self, step: &Step, filled: &Filled) -> Step {
        let mut now = step.clone();
        let read = self.read(step, &filled.shown);
        if read.effect == Effect::Destroys && !step.effect_is_explicit() {
            (now.effect, now.because) = (read.effect, read.because);
        }
        now
    }

    fn read(&self, step: &Step, body: &str) -> Understanding {
        let kind = self.kind(step);
        understanding::understand(body, tongue(kind), &self.knowledge)
    }

    /// Returns the variables that `step` sets, where a step of the document waits for some.
    pub fn sets(&self, step: &Step) -> Vec<String> {
        let waits = |it: &Step| {
            let places = &it.circumstances.placeholders;
            places.iter().any(|place| place.stands == Stands::Variable)
        };
        match self.command(step) {
            Some((_, body)) if self.runbook.steps.iter().any(waits) => self.read(step, body).sets,
            _ => Vec::new(),
        }
    }

    fn kind(&self, step: &Step) -> Tagged {
        self.command(step)
            .and_then(|(language, _)| language::find(language.0))
            .map_or(Tagged::Data, |row| row.kind)
    }

    /// Returns `step` as it is once a person has written `body` instead: in a plain document it is
    /// understood anew, for what was read of the old body says nothing of it.
    pub fn as_edited(&self, step: &Step, body: &str) -> Step {
        let mut edited = step.clone();
        edited.doubts.clear();
        if edited.settings.file.is_none() {
            edited.nature = Nature::Command;
        }
        // What was edited is what the template had made: it runs as it is written.
        Arc::make_mut(&mut edited.settings).template = false;
        match &mut edited.task {
            Task::Command { body: old, .. } => body.clone_into(old),
            Task::ByHand { offered, .. } => {
                if let Some(it) = offered {
                    body.clone_into(&mut it.body);
                }
            }
        }
        if self.runbook.kind == Kind::Declared {
            return edited;
        }
        let kind = self.kind(step);
        let read = self.read(step, body);
        edited.effect = read.effect;
        edited.because.clone_from(&read.because);
        edited.doubts.extend(unattended(&read));
        if kind.is_command() {
            let found = classify::suspicions(body, kind).into_iter();
            let found = found.map(|it| doubt(it.rule, it.because));
            edited.doubts.extend(found);
        }
        let around = &mut edited.circumstances;
        around.hosts = read.hosts;
        around.overwrites = read.overwrites;
        around.placeholders.clear();
        // The document's unset variables may still be read.
        for (place, _) in self.placeholders() {
            let is_read = |(name, _): &&(String, _)| *name == place.name;
            let Some((_, range)) = read.reads.iter().find(is_read) else {
                continue;
            };
            if place.stands != Stands::Variable {
                continue;
            }
            edited.doubts.push(doubt(
                "unset-variable",
                format!("`{}` has no value", place.text),
            ));
            edited.circumstances.placeholders.push(Placeholder {
                range: range.clone(),
                ..place.clone()
            });
        }
        edited
    }
}

fn doubt(rule: &'static str, because: String) -> Doubt {
    Doubt {
        rule,
        because,
        span: Span::default(),
    }
}

// What nobody could attend to while it runs.
fn unattended(read: &Understanding) -> Option<Doubt> {
    [
        ("interactive", &read.interactive),
        ("interactive", &read.opens),
        ("endless", &read.endless),
    ]
    .into_iter()
    .find_map(|(rule, mark)| Some(doubt(rule, mark.as_ref()?.because.clone())))
}

// How careful one must be.
const fn weight(effect: Effect) -> u8 {
    match effect {
        Effect::Reads => 0,
        Effect::Changes => 1,
        Effect::Unknown => 2,
        Effect::Destroys => 3,
    }
}

fn tongue(kind: Tagged) -> understanding::Tongue {
    match kind {
        Tagged::Shell | Tagged::Console => understanding::Tongue::Shell,
        Tagged::Powershell => understanding::Tongue::Powershell,
        Tagged::Python => understanding::Tongue::Python,
        _ => understanding::Tongue::Other,
    }
}

// `deploy@web1:/srv` and `ssh://web1:22` are the host `web1`.
fn bare_host(text: &str) -> &str {
    let text = text.split_once("://").map_or(text, |it| it.1);
    let text = text.rsplit_once('@').map_or(text, |it| it.1);
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match text.split_once(':') {
        // More than one colon: an address of IPv6.
        Some((_, rest)) if rest.contains(':') && !rest.contains('/') => text,
        Some((host, _)) => host,
        None => text,
    }
}
