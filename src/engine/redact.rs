//! Every text of an event without secrets: the sink behind journal, stream and state.

use std::borrow::Cow;

use serde_json::Value;

use crate::event::{EventBody, Severity};
use crate::secret::Redactor;

/// Redacts every text of an event.
pub(super) fn event(redactor: &Redactor, body: EventBody) -> EventBody {
    if redactor.secrets().is_empty() {
        return body;
    }
    let Ok(mut value) = serde_json::to_value(&body) else {
        return body;
    };
    let clean = value.clone();
    if !walk(redactor, &mut value) {
        return body;
    }
    serde_json::from_value(value)
        .or_else(|_| serde_json::from_value(text_by_text(redactor, clean)))
        .unwrap_or_else(|_| EventBody::Log {
            severity: Severity::Warning,
            component: "TSManager".to_owned(),
            text: "an event was withheld because it held a secret".to_owned(),
            node: None,
            attempt: 0,
        })
}

fn walk(redactor: &Redactor, value: &mut Value) -> bool {
    match value {
        Value::String(text) => match redactor.redact(text) {
            Cow::Borrowed(_) => false,
            Cow::Owned(clean) => {
                *text = clean;
                true
            }
        },
        // Every one, also after the first that was changed.
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |changed, item| changed | walk(redactor, item)),
        Value::Object(fields) => fields
            .values_mut()
            .fold(false, |changed, item| changed | walk(redactor, item)),
        _ => false,
    }
}

/// For an event that cannot be read back after redaction: a secret is also a word of the events' own vocabulary
/// ("Succeeded", "Engine"). Such a word tells nothing about a secret, and without it the event would be lost.
fn text_by_text(redactor: &Redactor, value: Value) -> Value {
    let mut value = value;
    let mut at = 0;
    loop {
        let mut changed = value.clone();
        let mut left = at;
        let Some(text) = nth(&mut changed, &mut left) else {
            return value;
        };
        if let Cow::Owned(clean) = redactor.redact(text) {
            *text = clean;
            if serde_json::from_value::<EventBody>(changed.clone()).is_ok() {
                value = changed;
            }
        }
        at += 1;
    }
}

/// The text with this number, counted depth first.
fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut String> {
    match value {
        Value::String(text) => {
            if *left == 0 {
                return Some(text);
            }
            *left -= 1;
            None
        }
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(fields) => fields.values_mut().find_map(|item| nth(item, left)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{NodeId, Origin, Outcome, Shown};
    use crate::secret::Secret;

    fn redactor(secrets: &[&str]) -> Redactor {
        let mut redactor = Redactor::default();
        for secret in secrets {
            redactor.add(&Secret::new(*secret));
        }
        redactor
    }

    #[test]
    fn every_text_of_an_event_is_redacted_not_only_the_first() {
        let body = EventBody::BootEnded {
            target: "to hunter22".to_owned(),
            message: "with hunter22".to_owned(),
        };
        let EventBody::BootEnded { target, message } = event(&redactor(&["hunter22"]), body) else {
            panic!("another event");
        };
        assert!(target.starts_with("to ") && !target.contains("hunter22"));
        assert!(message.starts_with("with ") && !message.contains("hunter22"));
    }

    #[test]
    fn a_secret_that_is_a_word_of_the_vocabulary_costs_no_event() {
        let finished = EventBody::StepFinished {
            node: NodeId(3),
            attempt: 1,
            outcome: Outcome::Succeeded,
            millis: 1,
        };
        let secrets = redactor(&["Succeeded", "Engine", "Plain"]);
        assert_eq!(event(&secrets, finished.clone()), finished);
        let set = EventBody::VariableSet {
            name: "A".to_owned(),
            value: Shown::Plain("the Engine".to_owned()),
            origin: Origin::Engine,
        };
        let EventBody::VariableSet { value, origin, .. } = event(&secrets, set) else {
            panic!("another event");
        };
        assert_eq!(origin, Origin::Engine);
        assert_eq!(value, Shown::Plain("the ********".to_owned()));
    }
}
