//! What a running step sees of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::dispatcher::Dispatcher;
use super::waiting::{Answer, AskError};
use crate::codes;
use crate::event::{Answered, Artifact, EventBody, NodeId, Origin, QuestionKind, Severity, Unit};
use crate::secret::{Redactor, Secret};
use crate::sequence::variables::{
    Expanded, Value, VariableError, Variables, check_name, check_value,
};
use crate::step::action_variable::ActionVariable;
use crate::step::cx::Host;
use crate::step::error::StepError;

/// One attempt's view: the run's variables first, then the step's own settings (spec 1.2).
pub struct StepHost {
    dispatcher: Arc<Dispatcher>,
    node: NodeId,
    attempt: u32,
    component: &'static str,
    own: Variables,
    /// Nobody waits for the step any more: what it still says and sets must not get into the next run.
    left: AtomicBool,
}

impl StepHost {
    /// Puts the step's settings in under their variables' names, unless those are set already.
    pub fn new(
        dispatcher: Arc<Dispatcher>,
        node: NodeId,
        attempt: u32,
        component: &'static str,
        settings: Vec<ActionVariable>,
    ) -> Self {
        let mut own = Variables::default();
        for setting in settings {
            let (global, value) = dispatcher.with_variables(|variables| {
                let mut expanded = variables.expand(setting.value.reveal());
                expanded.secret |= setting.value.is_secret();
                (variables.get(setting.name).is_some(), expanded.into_value())
            });
            if value.reveal().is_empty() && !global {
                continue;
            }
            let line = if global {
                format!(
                    "Set a global environment variable {}: it was set before this step and wins over the step's setting",
                    setting.name
                )
            } else {
                format!(
                    "Set a local default variable {} = {}",
                    setting.name,
                    value.shown()
                )
            };
            dispatcher.log(Severity::Info, component, &line, Some(node));
            if !global {
                own.set_engine(setting.name, value);
            }
        }
        Self {
            dispatcher,
            node,
            attempt,
            component,
            own,
            left: AtomicBool::new(false),
        }
    }

    /// From now on nothing that the step says or sets is heard.
    pub fn leave(&self) {
        self.left.store(true, Ordering::Release);
    }

    fn is_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }
}

impl Host for StepHost {
    fn variable(&self, name: &str) -> Option<Value> {
        let name = self.name(name).ok()?;
        self.dispatcher
            .with_variables(|variables| variables.get(&name).cloned())
            .or_else(|| self.own.get(&name).cloned())
    }

    fn name(&self, written: &str) -> Result<String, VariableError> {
        self.dispatcher
            .with_variables(|variables| variables.name_over(&self.own, written))
    }

    fn is_known(&self, name: &str) -> bool {
        self.dispatcher.is_known(name)
    }

    fn expand(&self, text: &str) -> Expanded {
        self.dispatcher
            .with_variables(|variables| variables.expand_over(&self.own, text))
    }

    fn set_variable(&self, name: &str, value: Value) -> Result<(), VariableError> {
        let name = self.name(name)?;
        check_name(&name)?;
        check_value(&name, value.reveal())?;
        self.set_engine_variable(&name, value);
        Ok(())
    }

    fn set_engine_variable(&self, name: &str, value: Value) {
        if self.is_left() {
            return;
        }
        self.dispatcher
            .set_variable(name, value, Origin::Step(self.node));
    }

    fn log(&self, severity: Severity, text: &str) {
        if self.is_left() {
            return;
        }
        self.dispatcher
            .log(severity, self.component, text, Some(self.node));
    }

    fn phase(&self, phase: &str, unit: Unit) {
        if self.is_left() {
            return;
        }
        self.dispatcher.emit(EventBody::StepPhase {
            node: self.node,
            attempt: self.attempt,
            phase: phase.to_owned(),
            unit,
        });
    }

    fn ask(&self, question: QuestionKind) -> Result<Answered, StepError> {
        if self.is_left() {
            return Err(StepError::Cancelled);
        }
        match self.dispatcher.ask(Some(self.node), question) {
            Ok(Answer::Yes) => Ok(Answered::Yes),
            Ok(Answer::Retry) => Ok(Answered::Retry),
            Ok(Answer::Values(values)) => {
                let names = values.iter().map(|(name, _)| name.clone()).collect();
                for (name, value) in values {
                    self.set_engine_variable(&name, Value::Secret(value));
                }
                Ok(Answered::Values(names))
            }
            Ok(_) => Ok(Answered::No),
            Err(AskError::Cancelled) => Err(StepError::Cancelled),
            Err(AskError::Unattended(why)) => Err(StepError::new(codes::CANCELLED, why)),
        }
    }

    fn produced(&self, artifact: Artifact) {
        if self.is_left() {
            return;
        }
        self.dispatcher.emit(EventBody::Produced {
            node: self.node,
            artifact,
        });
    }

    fn remember_secret(&self, secret: &Secret) {
        self.dispatcher.remember_secret(secret);
    }

    fn redactor(&self) -> Redactor {
        self.dispatcher.redactor()
    }
}
