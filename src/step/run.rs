//! From action to step file: the one match.

use crate::sequence::schema::Action;

use super::action_variable::ActionVariable;
use super::cx::{StepCx, StepResult};
use super::{
    apply_network, apply_os, apply_windows, capture_os, connect_folder, partition_disk, pause,
    restart, run_command, set_variable,
};

/// The settings of a step that are action variables.
pub fn action_variables(action: &Action) -> Vec<ActionVariable> {
    match action {
        Action::ApplyOperatingSystem(settings) => apply_os::action_variables(settings),
        Action::ApplyWindowsSettings(settings) => apply_windows::action_variables(settings),
        Action::ApplyNetworkSettings(settings) => apply_network::action_variables(settings),
        Action::CaptureOperatingSystem(settings) => capture_os::action_variables(settings),
        _ => Vec::new(),
    }
}

/// Runs one attempt of a step to its end.
///
/// # Errors
/// Whatever the step says; cancel is an error of its own.
pub fn run(action: &Action, cx: &StepCx) -> StepResult {
    match action {
        Action::SetVariable(settings) => set_variable::run(settings, cx),
        Action::RunCommandLine(settings) => run_command::run(settings, cx),
        Action::RestartComputer(settings) => restart::run(settings, cx),
        Action::Pause(settings) => pause::run(settings, cx),
        Action::PartitionDisk(settings) => partition_disk::run(settings, cx),
        Action::ApplyOperatingSystem(settings) => apply_os::run(settings, cx),
        Action::ApplyWindowsSettings(settings) => apply_windows::run(settings, cx),
        Action::ApplyNetworkSettings(settings) => apply_network::run(settings, cx),
        Action::ConnectNetworkFolder(settings) => connect_folder::run(settings, cx),
        Action::CaptureOperatingSystem(settings) => capture_os::run(settings, cx),
    }
}
