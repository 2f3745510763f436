//! The machine as a whole: rights and tools.

use crate::event::NodeId;
use crate::platform::Machine;
use crate::sequence::schema::{Action, Step};

use super::Checker;

/// Whether the step handles disks or volumes.
fn handles_volumes(action: &Action) -> bool {
    matches!(
        action,
        Action::PartitionDisk(_)
            | Action::ApplyOperatingSystem(_)
            | Action::ApplyWindowsSettings(_)
            | Action::ApplyNetworkSettings(_)
            | Action::CaptureOperatingSystem(_)
    )
}

pub(super) fn check(steps: &[(NodeId, &Step)], c: &mut Checker<'_>) {
    if !steps.iter().any(|(_, step)| handles_volumes(&step.action)) {
        return;
    }
    c.says("the machine");
    match c.machine.privileged() {
        Some(false) => c.block(
            "rights",
            "this program does not run as root: it can neither partition nor mount",
            "Start wimforge as root.",
        ),
        Some(true) => c.fine("rights", "running as root"),
        None => {}
    }
    let tools = c.machine.tools();
    for tool in tools.iter().filter(|tool| tool.path.is_none()) {
        c.block(
            "tools",
            format!("the program {} is missing", tool.name),
            &format!("Install the package {}.", tool.package),
        );
    }
    if !tools.is_empty() && tools.iter().all(|tool| tool.path.is_some()) {
        let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
        c.fine("tools", format!("{} are there", names.join(", ")));
    }
}
