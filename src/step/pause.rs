//! Pause: the sequence waits for a technician.

use crate::event::{Answered, QuestionKind};
use crate::sequence::settings;

use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;

/// Runs one attempt.
///
/// # Errors
/// [`StepError::Cancelled`] when the technician aborts; a failure when nobody may answer.
pub fn run(settings: &settings::Pause, cx: &StepCx) -> StepResult {
    let message = cx.host.expand(&settings.message);
    // A secret has no place on a screen that others may watch.
    let message = if message.secret {
        settings.message.clone()
    } else {
        message.text
    };
    cx.info(format!("Waiting for a technician: {message}"));
    match cx.host.ask(QuestionKind::Pause { message })? {
        Answered::No | Answered::Abort => Err(StepError::Cancelled),
        _ => Ok(StepEnd::Done),
    }
}
