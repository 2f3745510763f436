//! TO BE WRITTEN.

use crate::sequence::settings;

use super::cx::{StepCx, StepResult};

/// The settings that are action variables.
pub fn action_variables(
    _settings: &settings::ApplyWindowsSettings,
) -> Vec<super::run::ActionVariable> {
    Vec::new()
}

/// Runs one attempt.
///
/// # Errors
/// See the module.
pub fn run(_settings: &settings::ApplyWindowsSettings, _cx: &StepCx) -> StepResult {
    unimplemented!()
}
