//! The values each variable had, and where they came from. A fold over events, so that a resumed or replayed run knows
//! them, too; bounded, because a sequence may count in a loop.

use std::collections::{BTreeMap, VecDeque};

use crate::event::{Event, EventBody, Origin};
use crate::protocol::Change;
use crate::run_state::RunState;

/// Changes kept a variable; the journal keeps all.
const KEPT: usize = 100;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Histories {
    /// By lower-case name.
    changes: BTreeMap<String, VecDeque<Change>>,
}

impl Histories {
    /// Folds an event; `state` is what was known before it.
    pub fn apply(&mut self, event: &Event, state: &RunState) {
        let (name, value, origin) = match &event.body {
            EventBody::RunStarted { .. } => {
                self.changes.clear();
                return;
            }
            EventBody::VariableSet {
                name,
                value,
                origin,
            } => (name, Some(value.clone()), origin),
            EventBody::VariableRemoved { name, origin } => (name, None, origin),
            _ => return,
        };
        let step = match origin {
            Origin::Step(node) => state.title(*node).to_owned(),
            _ => String::new(),
        };
        let changes = self.changes.entry(name.to_lowercase()).or_default();
        if changes.len() >= KEPT {
            changes.pop_front();
        }
        changes.push_back(Change {
            seq: event.seq,
            at: event.at,
            value,
            origin: origin.clone(),
            step,
        });
    }

    /// The values of a variable, oldest first; empty when it never had one.
    pub fn of(&self, name: &str) -> Vec<Change> {
        self.changes
            .get(&name.trim().to_lowercase())
            .map(|changes| changes.iter().cloned().collect())
            .unwrap_or_default()
    }
}
