//! What can be run, and what is asked before it runs.

use serde::{Deserialize, Serialize};

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
    /// How it is checked.
    pub check: Check,
}

/// How an input is checked while typing; the engine checks again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Check {
    /// Any text.
    #[default]
    Text,
    /// NetBIOS computer name.
    ComputerName,
    /// UNC or local path that ends in `.wim`.
    ImagePath,
    /// `domain\user` or `user@domain`.
    Account,
    /// Whole number, both ends included.
    Number(u64, u64),
    /// One of these.
    OneOf(Vec<String>),
    /// 25 characters in five groups.
    ProductKey,
}

impl Check {
    /// The form that Configuration Manager fixes for a variable, by its lower-case name (spec 2).
    pub fn of_variable(name: &str) -> Option<Self> {
        let truth = || Self::OneOf(vec!["true".to_owned(), "false".to_owned()]);
        Some(match name {
            "osdcomputername" => Self::ComputerName,
            "osdjoinaccount" | "osdcaptureaccount" => Self::Account,
            "osdcapturedestination" => Self::ImagePath,
            "osdproductkey" => Self::ProductKey,
            "tsdebugmode" | "tsdebugonerror" => truth(),
            _ => return None,
        })
    }

    /// Why `value` is not acceptable; `None` when it is. Empty values are the form's business.
    pub fn mistake(&self, value: &str) -> Option<String> {
        match self {
            Self::Text => None,
            Self::ComputerName => {
                if value.chars().count() > 15 {
                    Some("at most 15 characters".to_owned())
                } else {
                    value
                        .chars()
                        .find(|c| {
                            c.is_whitespace()
                                || c.is_control()
                                || "\\/:*?\"<>|.,~!@#$%^&'(){}".contains(*c)
                        })
                        .map(|c| format!("`{c}` is not allowed in a computer name"))
                }
            }
            Self::ImagePath => {
                if value.ends_with(['\\', '/']) {
                    Some("name a file, not a folder".to_owned())
                } else if value.chars().count() > 255 {
                    Some("at most 255 characters".to_owned())
                } else if !value.to_lowercase().ends_with(".wim") {
                    Some("end with .wim".to_owned())
                } else {
                    None
                }
            }
            Self::Account => {
                let good = value
                    .split_once('\\')
                    .or_else(|| value.split_once('@'))
                    .is_some_and(|(before, after)| !before.is_empty() && !after.is_empty());
                (!good).then(|| "write domain\\user or user@domain".to_owned())
            }
            Self::Number(low, high) => match value.parse::<u64>() {
                Ok(number) if (*low..=*high).contains(&number) => None,
                _ => Some(format!("a whole number from {low} to {high}")),
            },
            Self::OneOf(choices) => (!choices.iter().any(|c| c.eq_ignore_ascii_case(value)))
                .then(|| format!("one of: {}", choices.join(", "))),
            Self::ProductKey => {
                let groups: Vec<&str> = value.split('-').collect();
                let good = groups.len() == 5
                    && groups
                        .iter()
                        .all(|g| g.len() == 5 && g.chars().all(|c| c.is_ascii_alphanumeric()));
                (!good).then(|| "25 letters and digits: AAAAA-BBBBB-CCCCC-DDDDD-EEEEE".to_owned())
            }
        }
    }
}
