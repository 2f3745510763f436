//! How a variable of the run is set: what it becomes, and what is told of it.

use super::dispatcher::{Dispatcher, Inner};
use crate::event::{EventBody, Origin, Severity, Shown};
use crate::secret::{MASK, Secret};
use crate::sequence::control;
use crate::sequence::variables::Value;

impl Dispatcher {
    /// Sets a variable the engine's way (any name); empty deletes. Says nothing when nothing changes.
    pub fn set_variable(&self, name: &str, value: Value, origin: Origin) {
        let mut inner = self.lock();
        self.set_variable_locked(&mut inner, name, value, origin);
    }

    pub(super) fn set_variable_locked(
        &self,
        inner: &mut Inner,
        name: &str,
        value: Value,
        origin: Origin,
    ) {
        let value = inner.variables.as_kept(name, value);
        if let Value::Secret(secret) = &value {
            inner.redactor.add(secret);
        }
        if inner.variables.get(name) == Some(&value)
            || (value.reveal().is_empty() && inner.variables.get(name).is_none())
        {
            return;
        }
        // A plain value that holds a known secret is one.
        let value = match value {
            Value::Plain(text) if inner.redactor.is_in(&text) => Value::Secret(Secret::new(text)),
            other => other,
        };
        let caution = match &value {
            Value::Secret(secret) => secret.caution(),
            Value::Plain(_) => None,
        };
        let body = if value.reveal().is_empty() {
            EventBody::VariableRemoved {
                name: name.to_owned(),
                origin,
            }
        } else {
            EventBody::VariableSet {
                name: name.to_owned(),
                value: match &value {
                    Value::Plain(text) => Shown::Plain(text.clone()),
                    Value::Secret(_) => Shown::Masked,
                },
                origin,
            }
        };
        let told = match &body {
            EventBody::VariableSet {
                value,
                origin: Origin::Technician(who),
                ..
            } => Some(match value {
                Shown::Plain(value) => {
                    format!("{} set the variable {name} to \"{value}\"", who.name)
                }
                Shown::Masked => format!("{} set the variable {name} to {MASK}", who.name),
            }),
            EventBody::VariableRemoved {
                origin: Origin::Technician(who),
                ..
            } => Some(format!("{} deleted the variable {name}", who.name)),
            _ => None,
        };
        let unsupported = control::unsupported(name).filter(|_| !value.reveal().is_empty());
        inner.variables.set_engine(name, value);
        // Said first: the event that follows takes the lines to the disk with it.
        if let Some(line) = told {
            self.log_locked(inner, Severity::Info, "TSManager", &line, None);
        }
        if let Some(known) = unsupported {
            let line = format!("{known}. {}", known.instead);
            self.log_locked(inner, Severity::Warning, "TSManager", &line, None);
        }
        if let Some(caution) = caution {
            let line = format!("the secret {name} has {caution}");
            self.log_locked(inner, Severity::Warning, "TSManager", &line, None);
        }
        self.emit_locked(inner, body);
    }
}
