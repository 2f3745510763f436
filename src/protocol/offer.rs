//! What can be run, and what is asked before it runs.

use serde::{Deserialize, Serialize};

pub use crate::input::Check;

/// A sequence as the picker shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceInfo {
    /// Absolute path.
    pub path: String,
    /// Name; the file's name when it is broken.
    pub name: String,
    /// Description.
    pub description: String,
    /// Steps that are not disabled.
    pub steps: u32,
    /// Disks it partitions.
    pub disks: Vec<u32>,
    /// What it asks.
    pub inputs: Vec<InputInfo>,
    /// Its mistakes, rendered; empty when it is good.
    pub mistakes: String,
    /// The first mistake in one line.
    pub first_mistake: String,
}

/// One input of a sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputInfo {
    /// Variable.
    pub variable: String,
    /// Label.
    pub label: String,
    /// Value offered.
    pub default: String,
    /// Secret.
    pub secret: bool,
    /// May stay empty.
    pub optional: bool,
    /// How it is checked while typing; the engine checks again.
    pub check: Check,
}
