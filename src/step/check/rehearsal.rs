//! A [`Host`] for steps that are only rehearsed: variables change as the run would change them, nothing else happens.
//! What is only known in the run (the output of a command, a step that may be skipped) is remembered as such.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::{Answered, Artifact, QuestionKind, Severity, Unit};
use crate::secret::{Redactor, Secret};
use crate::sequence::variables::{Expanded, Value, VariableError, Variables};
use crate::step::action_variable::ActionVariable;
use crate::step::cx::Host;
use crate::step::error::StepError;

#[derive(Default)]
struct Inner {
    global: Variables,
    /// The settings of the step being rehearsed that are action variables.
    own: Variables,
    /// Lower-case names of variables whose value in the run is not known.
    unknown: BTreeSet<String>,
    /// Those of `own` that were made from unknown ones, with the names of these.
    own_unknown: BTreeMap<String, String>,
    /// Unknown variables that were read since [`Rehearsal::forget`].
    touched: BTreeSet<String>,
    /// The step being rehearsed may be skipped in the run.
    unsure: bool,
    /// What the document knows, in lower case.
    known: BTreeSet<String>,
    warnings: Vec<String>,
    redactor: Redactor,
}

/// See the module.
#[derive(Default)]
pub(super) struct Rehearsal {
    inner: Mutex<Inner>,
}

fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

impl Inner {
    fn touch(&mut self, text: &str) {
        let text = text.to_lowercase();
        let mut names = text.split('%');
        // What stands before the first sign and behind the last is no name.
        names.next();
        names.next_back();
        let unknown = names.filter(|name| self.unknown.contains(*name));
        self.touched.extend(unknown.map(str::to_owned));
    }

    /// The lower-case name that a document means with `written`; as written when it is none.
    fn meant(&self, written: &str) -> String {
        key(&self
            .global
            .name_over(&self.own, written)
            .unwrap_or_else(|_| written.to_owned()))
    }

    fn store(&mut self, name: &str, value: Value) {
        if let Value::Secret(secret) = &value {
            self.redactor.add(secret);
        }
        if self.unsure || !self.touched.is_empty() {
            if self.global.get(name) != Some(&value) {
                self.unknown.insert(key(name));
            }
        } else {
            self.unknown.remove(&key(name));
        }
        self.global.set_engine(name, value);
    }
}

impl Rehearsal {
    pub(super) fn new(variables: &Variables, known: BTreeSet<String>) -> Self {
        let rehearsal = Self::default();
        {
            let mut inner = rehearsal.hold();
            for (_, value) in variables.iter() {
                if let Value::Secret(secret) = value {
                    inner.redactor.add(secret);
                }
            }
            inner.global = variables.clone();
            inner.known = known;
        }
        rehearsal
    }

    fn hold(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a step: its settings become variables unless these are set already, as the engine does it.
    pub(super) fn enter(&self, settings: Vec<ActionVariable>, unsure: bool) {
        let mut inner = self.hold();
        inner.own = Variables::default();
        inner.own_unknown.clear();
        inner.touched.clear();
        inner.warnings.clear();
        inner.unsure = unsure;
        for setting in settings {
            if inner.global.get(setting.name).is_some() {
                continue;
            }
            inner.touch(setting.value.reveal());
            let mut expanded = inner.global.expand(setting.value.reveal());
            expanded.secret |= setting.value.is_secret();
            inner.own.set_engine(setting.name, expanded.into_value());
            let names = std::mem::take(&mut inner.touched);
            if let Some(first) = names.into_iter().next() {
                inner.own_unknown.insert(key(setting.name), first);
            }
        }
    }

    /// Sets a variable for certain, whatever the step is.
    pub(super) fn set(&self, name: &str, value: &str) {
        let mut inner = self.hold();
        inner.unknown.remove(&key(name));
        inner
            .global
            .set_engine(name, Value::Plain(value.to_owned()));
    }

    /// What the variable will hold is not known.
    pub(super) fn forget_value(&self, name: &str) {
        let mut inner = self.hold();
        let name = inner.meant(name);
        inner.unknown.insert(name);
    }

    /// Whether what the variable will hold is not known.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        let inner = self.hold();
        inner.unknown.contains(&inner.meant(name))
    }

    /// What has been read so far does not matter for what follows.
    pub(super) fn forget(&self) {
        self.hold().touched.clear();
    }

    /// An unknown variable that was read.
    pub(super) fn touched(&self) -> Option<String> {
        self.hold().touched.first().cloned()
    }

    /// The warnings logged since the last call.
    pub(super) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.hold().warnings)
    }

    /// A look at the run's variables.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Variables) -> T) -> T {
        look(&self.hold().global)
    }

    /// `text` without any secret.
    pub(super) fn redact(&self, text: &str) -> String {
        self.hold().redactor.redact(text).into_owned()
    }
}

impl Host for Rehearsal {
    fn variable(&self, name: &str) -> Option<Value> {
        let mut inner = self.hold();
        inner.touch(name);
        let key = inner.meant(name);
        if inner.unknown.contains(&key) {
            inner.touched.insert(key.clone());
        } else if inner.global.get(&key).is_none()
            && let Some(source) = inner.own_unknown.get(&key).cloned()
        {
            inner.touched.insert(source);
        }
        inner
            .global
            .get(&key)
            .or_else(|| inner.own.get(&key))
            .cloned()
    }

    fn name(&self, written: &str) -> Result<String, VariableError> {
        let mut inner = self.hold();
        inner.touch(written);
        inner.global.name_over(&inner.own, written)
    }

    fn is_known(&self, name: &str) -> bool {
        self.hold().known.contains(&key(name))
    }

    fn expand(&self, text: &str) -> Expanded {
        let mut inner = self.hold();
        inner.touch(text);
        inner.global.expand_over(&inner.own, text)
    }

    fn set_variable(&self, name: &str, value: Value) -> Result<(), VariableError> {
        let name = self.name(name)?;
        // The limits are those of the real thing.
        Variables::default().set(&name, value.clone())?;
        self.hold().store(&name, value);
        Ok(())
    }

    fn set_engine_variable(&self, name: &str, value: Value) {
        self.hold().store(name, value);
    }

    fn log(&self, severity: Severity, text: &str) {
        if severity != Severity::Info {
            self.hold().warnings.push(text.to_owned());
        }
    }

    fn phase(&self, _: &str, _: Unit) {}

    fn ask(&self, _: QuestionKind) -> Result<Answered, StepError> {
        Ok(Answered::Yes)
    }

    fn produced(&self, _: Artifact) {}

    fn remember_secret(&self, secret: &Secret) {
        self.hold().redactor.add(secret);
    }

    fn redactor(&self) -> Redactor {
        self.hold().redactor.clone()
    }
}
