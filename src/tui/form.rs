//! A form: fields to be filled in, and what for.

use tui_input::Input;

use crate::event::{NodeId, Shown};
use crate::protocol::{Check, StartRun};
use crate::run_state::RunState;

/// Inputs before the run, secrets in the middle of it, or a variable to be changed.
#[derive(Clone, Debug)]
pub struct Form {
    /// Heading.
    pub title: String,
    /// Said above the fields; may be empty.
    pub intro: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Fields.
    pub fields: Vec<FormField>,
    /// The field that has the keys.
    pub at: usize,
    /// Secrets are shown.
    pub reveal: bool,
}

/// What a form is for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// Start this run.
    Start(StartRun),
    /// Answer this question.
    Secrets(u32),
    /// Change a variable (name, value).
    Variable,
    /// Change the settings of this step for this run.
    Step(NodeId),
    /// Write a bundle there.
    Bundle,
}

/// One field.
#[derive(Clone, Default)]
pub struct FormField {
    /// Variable.
    pub variable: String,
    /// Label.
    pub label: String,
    /// What was typed.
    pub input: Input,
    /// Masked.
    pub secret: bool,
    /// What it held when the form was opened.
    pub before: String,
    /// What the document says, where that differs.
    pub document: Option<String>,
    /// May stay empty.
    pub optional: bool,
    /// How it is checked.
    pub check: Check,
}

/// What was typed may be a secret: it is left out.
impl std::fmt::Debug for FormField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormField")
            .field("variable", &self.variable)
            .finish_non_exhaustive()
    }
}

impl Form {
    /// Whether it hides anything.
    pub fn has_secrets(&self) -> bool {
        self.fields.iter().any(|field| field.secret)
    }

    /// Why the value of a field is not acceptable.
    pub fn mistake(&self, at: usize) -> Option<String> {
        let field = self.fields.get(at)?;
        let value = field.input.value();
        let new_setting = matches!(self.purpose, Purpose::Step(_)) && field.variable.is_empty();
        if new_setting && !value.trim().is_empty() && !value.contains(':') {
            return Some("write it as name: value, for example timeout: 600".to_owned());
        }
        field.mistake()
    }

    /// A value typed over one that is secret is secret, too.
    pub fn mask_like(&mut self, state: &RunState) {
        let (Purpose::Variable, [name, value]) = (&self.purpose, &mut self.fields[..]) else {
            return;
        };
        let name = name.input.value().trim().to_lowercase();
        value.secret = state
            .variables
            .get(&name)
            .is_some_and(|variable| variable.value == Shown::Masked);
    }
}

impl FormField {
    /// Why its value is not acceptable.
    pub fn mistake(&self) -> Option<String> {
        let value = self.input.value();
        if value.is_empty() {
            return (!self.optional).then(|| "a value is needed".to_owned());
        }
        self.check.mistake(value)
    }

    /// Why its value, though acceptable, is likely to be wrong.
    pub fn doubt(&self) -> Option<String> {
        self.check.doubt(self.input.value()).map(|(why, _)| why)
    }
}
