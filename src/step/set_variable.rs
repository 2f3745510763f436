//! Set Task Sequence Variable (spec 2.15): the value is expanded first, an empty one deletes, read-only names are refused.

use crate::codes;
use crate::secret::{MASK, Secret};
use crate::sequence::settings;
use crate::sequence::variables::Value;

use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;

/// Runs one attempt.
///
/// # Errors
/// A bad or read-only name, or a value of more than 4,000 characters.
pub fn run(settings: &settings::SetVariable, cx: &StepCx) -> StepResult {
    let name = settings.variable.trim();
    let expanded = cx.host.expand(&settings.value);
    for unresolved in &expanded.unresolved {
        cx.warn(format!(
            "`%{unresolved}%` stays as it is: there is no such variable"
        ));
    }
    let value = if settings.secret || expanded.secret {
        Value::Secret(Secret::new(expanded.text))
    } else {
        Value::Plain(expanded.text)
    };
    if let Value::Secret(secret) = &value {
        cx.host.remember_secret(secret);
    }
    cx.host.set_variable(name, value).map_err(|e| {
        StepError::new(
            codes::INVALID_PARAMETER,
            format!("the variable {name} cannot be set: {e}"),
        )
    })?;
    // Whether it is secret is known only now: a variable that was secret stays so until it is deleted (spec 1.2).
    cx.info(match cx.host.variable(name) {
        None => format!("Deleting the variable {name}"),
        Some(Value::Plain(text)) => format!("Setting the variable {name} to \"{text}\""),
        Some(Value::Secret(_)) => format!("Setting the variable {name} to {MASK}"),
    });
    Ok(StepEnd::Done)
}
