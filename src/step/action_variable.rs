//! A step's own setting under its variable's name.

use crate::sequence::variables::Value;

/// An action variable: a step's own setting under its variable's name (spec 1.2). The engine puts it in before
/// the step unless the variable is set already, and takes it out afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionVariable {
    /// The variable.
    pub name: &'static str,
    /// The setting, `%variables%` not yet expanded.
    pub value: Value,
}

impl ActionVariable {
    /// A plain setting.
    pub fn plain(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: Value::Plain(value.into()),
        }
    }
}
