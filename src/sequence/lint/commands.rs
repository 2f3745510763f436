//! Commands that look as if a shell ran them.

use super::super::schema::Action;
use super::super::words::shell_sign;
use super::finding;
use super::outline::Outline;
use crate::event::{Finding, Gravity};

/// Names each command without a shell that holds what only a shell understands.
pub(super) fn shell_signs(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    for place in outline.running() {
        if let Action::RunCommandLine(command) = &place.step.action
            && !command.shell
            && let Some(sign) = shell_sign(&command.command)
        {
            found.push(finding(
                place.id,
                Gravity::Warning,
                "command",
                sign.to_string(),
                "Write `shell: true` to have a shell do it, or put the sign into quotes when it is meant as it stands.",
            ));
        }
    }
}
