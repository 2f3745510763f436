//! A run that was interrupted, offered before anything else.

use crate::run_state::LogLine;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// Name of the sequence.
    pub name: String,
    /// The run's folder.
    pub folder: String,
    /// What is known of it, a line each.
    pub facts: Vec<String>,
    /// The end of its log, oldest first.
    pub log: Vec<LogLine>,
    /// The chosen row of [`CHOICES`].
    pub row: usize,
    /// First line of the log shown, while it is looked at.
    pub looking: Option<usize>,
    /// Asked before it is archived.
    pub asking: bool,
}

/// What may become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Go on with it.
    Resume,
    /// Look at its log first.
    Look,
    /// Move its folder out of the way.
    Archive,
    /// Leave it where it is and choose a sequence.
    Pick,
}

/// The choices, their keys and what they mean.
pub const CHOICES: [(char, Choice, &str); 4] = [
    ('r', Choice::Resume, "resume it where it stopped"),
    ('l', Choice::Look, "look at the end of its log"),
    (
        'a',
        Choice::Archive,
        "archive it: its folder is moved away, nothing is deleted",
    ),
    (
        'n',
        Choice::Pick,
        "leave it as it is and choose a task sequence",
    ),
];
