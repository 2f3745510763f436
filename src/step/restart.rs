//! Restart Computer (spec 2.1, 1.10). The step only says so; the engine makes the state durable and restarts.

use crate::codes;
use crate::sequence::settings::{self, RestartTarget};

use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;
use super::volumes;

/// Longest message, in characters (spec 2.1).
const LONGEST_MESSAGE: usize = 512;

/// Runs one attempt.
///
/// # Errors
/// Too long a message; a restart from the hard disk when no operating system was applied.
pub fn run(settings: &settings::RestartComputer, cx: &StepCx) -> StepResult {
    let expanded = cx.host.expand(&settings.message);
    let message = if expanded.secret {
        settings.message.clone()
    } else {
        expanded.text
    };
    let characters = message.chars().count();
    if characters > LONGEST_MESSAGE {
        return Err(StepError::new(
            codes::INVALID_PARAMETER,
            format!(
                "the restart message has {characters} characters; at most {LONGEST_MESSAGE} are allowed"
            ),
        ));
    }
    let to_winpe = settings.to == RestartTarget::WindowsPE;
    if !to_winpe && volumes::applied(cx.host.as_ref()).is_empty() {
        return Err(StepError::new(
            codes::NOT_FOUND,
            "the computer cannot restart from the hard disk: no operating system was applied in this run",
        )
        .hint("Put Apply Operating System Image before this step, or restart in Windows PE."));
    }
    cx.info(format!(
        "Restart requested: target {}, timeout {} s",
        settings.to.word(),
        settings.timeout
    ));
    Ok(StepEnd::Restart {
        to_winpe,
        message,
        timeout: settings.timeout,
    })
}
