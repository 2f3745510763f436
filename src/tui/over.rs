//! What can lie over the panels of the run screen.

use tui_input::Input;

use super::form::Form;
use crate::event::NodeId;
use crate::protocol::{Change, Request, StepText};

/// What lies over the panels of the run screen.
#[derive(Clone, Debug, Default)]
pub enum Over {
    /// Nothing.
    #[default]
    Nothing,
    /// Keys go into the filter or search of the panel.
    Typing,
    /// Really cancel?
    Cancel,
    /// Really go on at this step?
    Jump {
        /// The step.
        to: NodeId,
        /// First line shown.
        top: usize,
    },
    /// One step closer.
    Step(StepCard),
    /// Where a value came from.
    Explain(Explained),
    /// Who is there; the first line shown.
    People(usize),
    /// Hints for the failure.
    Hints {
        /// The chosen one.
        row: usize,
        /// First line of it shown.
        top: usize,
    },
    /// The findings of the pre-flight check once more; the first line shown.
    Findings(usize),
    /// The pre-flight page: its question, the word as far as typed, the first line shown.
    Preflight {
        /// The question.
        id: u32,
        /// The overriding word, as far as typed.
        typed: Input,
        /// First line shown.
        top: usize,
    },
    /// A variable to be changed.
    Form(Form),
    /// The word that destroys something, as far as typed, and the question it is for: what was typed for one disk must
    /// not wipe another.
    Word(u32, Input),
    /// Really do that with the failed step?
    Confirm(Confirm),
    /// The question was put aside to look at the run.
    Aside(u32),
}

/// What a second key is wanted for.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// The question it is about.
    pub question: u32,
    /// Heading.
    pub title: String,
    /// What it means.
    pub text: String,
    /// What the key does, in a word or two.
    pub does: &'static str,
    /// What is sent then.
    pub request: Request,
    /// First line shown.
    pub top: usize,
}

/// A step looked at closely.
#[derive(Clone, Debug, Default)]
pub struct StepCard {
    /// Which.
    pub node: NodeId,
    /// The request for its settings.
    pub request: u64,
    /// Its settings, when they have come.
    pub text: Option<StepText>,
    /// Why they cannot be had.
    pub trouble: Option<String>,
    /// They are to be changed as soon as they come.
    pub edit: bool,
    /// First line shown.
    pub top: usize,
}

/// The values a variable had.
#[derive(Clone, Debug, Default)]
pub struct Explained {
    /// Its name.
    pub name: String,
    /// The request for its values.
    pub request: u64,
    /// The values, oldest first, when they have come.
    pub changes: Option<Vec<Change>>,
    /// The chosen one, counted from the latest.
    pub row: usize,
}
