//! Set Task Sequence Variable (spec 2.15): name and value are expanded first, an empty one deletes, read-only names are refused.

use crate::codes;
use crate::secret::{MASK, Secret};
use crate::sequence::settings;
use crate::sequence::variables::Value;

use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;

/// Runs one attempt.
///
/// # Errors
/// A bad or read-only name, one that is made from a secret, or a value past the limits.
pub fn run(settings: &settings::SetVariable, cx: &StepCx) -> StepResult {
    let cannot = |name: &str, why: &dyn std::fmt::Display| {
        StepError::new(
            codes::INVALID_PARAMETER,
            format!("the variable {name} cannot be set: {why}"),
        )
    };
    let written = settings.variable.trim();
    let name = cx.host.name(written).map_err(|e| cannot(written, &e))?;
    let name = name.as_str();
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
    cx.host
        .set_variable(name, value)
        .map_err(|e| cannot(name, &e))?;
    // Whether it is secret is known only now: a variable that was secret stays so until it is deleted (spec 1.2).
    cx.info(match cx.host.variable(name) {
        None => format!("Deleting the variable {name}"),
        Some(Value::Plain(text)) => format!("Setting the variable {name} to \"{text}\""),
        Some(Value::Secret(_)) => format!("Setting the variable {name} to {MASK}"),
    });
    Ok(StepEnd::Done)
}
