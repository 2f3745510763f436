//! TO BE WRITTEN.

use crate::sequence::settings;

use super::cx::{StepCx, StepResult};

/// Runs one attempt.
///
/// # Errors
/// See the module.
pub fn run(_settings: &settings::PartitionDisk, _cx: &StepCx) -> StepResult {
    unimplemented!()
}
