//! What is written where everybody may read it, a disk or an image, must not be made from a secret.

use crate::codes;
use crate::sequence::settings::PartitionDef;
use crate::sequence::variables::Value;

use super::cx::StepCx;
use super::error::StepError;

/// Refuses a text that was made from a secret variable, or in which a known secret stands in any form. `what` begins the
/// sentence.
///
/// # Errors
/// It is one.
pub(super) fn check(cx: &StepCx, what: &str, text: &str, secret: bool) -> Result<(), StepError> {
    if !secret && !cx.host.redactor().is_in(text) {
        return Ok(());
    }
    Err(StepError::new(
        codes::INVALID_PARAMETER,
        format!("{what} is made from a secret, and everybody who has it could read the secret"),
    )
    .hint("Use a text or a variable that is not secret; a variable that was secret is plain again after it was deleted and set anew."))
}

/// The text of a variable, else of the setting with variables replaced, refused when it is made from a secret.
///
/// # Errors
/// It is.
pub(super) fn value(cx: &StepCx, name: &str, setting: &str) -> Result<String, StepError> {
    let (text, secret) = match cx.host.variable(name) {
        Some(value) => (value.reveal().to_owned(), matches!(value, Value::Secret(_))),
        None => {
            let expanded = cx.host.expand(setting);
            (expanded.text, expanded.secret)
        }
    };
    check(cx, name, &text, secret)?;
    Ok(text)
}

/// Refuses labels and names of partitions that are made from secrets.
///
/// # Errors
/// One is.
pub(super) fn check_labels(cx: &StepCx, partitions: &[PartitionDef]) -> Result<(), StepError> {
    for def in partitions {
        for (what, text) in [("name", &def.name), ("label", &def.label)] {
            let expanded = cx.host.expand(text);
            let what = format!("the {what} of a partition");
            check(cx, &what, &expanded.text, expanded.secret)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::platform::fake::DisklessMachine;
    use crate::secret::Secret;
    use crate::step::cx::Host;
    use crate::step::testing::RecordingHost;

    #[test]
    fn what_is_made_from_a_secret_is_refused_whichever_way_it_got_there() {
        let host = RecordingHost::with(&[("Open", "fine"), ("Copied", "x UGw0bnRlZC1TM2NyZXQ= y")]);
        host.set_engine_variable("P", Value::Secret(Secret::new("Pl4nted-S3cret")));
        host.set_engine_variable("Short", Value::Secret(Secret::new("ab")));
        host.remember_secret(&Secret::new("Pl4nted-S3cret"));
        let cx = host.cx(Arc::new(DisklessMachine::default()), Path::new("/nowhere"));
        assert_eq!(value(&cx, "Open", "").unwrap(), "fine");
        assert_eq!(value(&cx, "None", "by %Open%").unwrap(), "by fine");
        for (name, setting) in [
            ("P", ""),
            ("None", "<%P%>"),
            ("Short", ""),
            ("None", "x%Short%x"),
            ("None", "as it is: Pl4nted-S3cret"),
            ("Copied", ""),
        ] {
            let error = value(&cx, name, setting).unwrap_err().to_string();
            assert!(
                error.starts_with(name) && error.contains("secret"),
                "{error}"
            );
            assert!(!error.contains("Pl4nted"), "{error}");
        }
    }
}
