//! What a step sees of the world.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::cancel::CancelToken;
use crate::event::{Answered, Artifact, QuestionKind, Severity, Unit};
use crate::platform::Machine;
use crate::secret::{Redactor, Secret};
use crate::sequence::variables::{Expanded, Value, VariableError};

use super::error::StepError;

/// What the engine offers a running step. Implemented by the engine; tests have their own.
pub trait Host: Send + Sync {
    /// The value of a variable, action variables of this step included. The name may be as a document writes it, see
    /// [`Host::name`].
    fn variable(&self, name: &str) -> Option<Value>;
    /// Whether the document knows a variable of this name, although it may be empty.
    fn is_known(&self, name: &str) -> bool;
    /// `%name%` replaced.
    fn expand(&self, text: &str) -> Expanded;
    /// A variable's name as a document writes it, `%variables%` in it replaced (spec 1.3).
    ///
    /// # Errors
    /// A secret went in: names are shown.
    fn name(&self, written: &str) -> Result<String, VariableError>;
    /// Sets a variable as the sequence would; empty deletes. The name may be as a document writes it.
    ///
    /// # Errors
    /// Bad or read-only name, a value past the limits.
    fn set_variable(&self, name: &str, value: Value) -> Result<(), VariableError>;
    /// Sets an output of the engine's own (`_...` names allowed).
    fn set_engine_variable(&self, name: &str, value: Value);
    /// Writes one line to log and event stream (redacted and shortened there).
    fn log(&self, severity: Severity, text: &str);
    /// Enters a phase: a durable event. Progress starts at nothing.
    fn phase(&self, phase: &str, unit: Unit);
    /// Asks and waits; an unattended run answers from its flags or fails.
    ///
    /// # Errors
    /// [`StepError::Cancelled`], or a failure when nobody may answer.
    fn ask(&self, question: QuestionKind) -> Result<Answered, StepError>;
    /// Something for the summary.
    fn produced(&self, artifact: Artifact);
    /// Remembers a secret so that every sink masks it.
    fn remember_secret(&self, secret: &Secret);
    /// What masks the secrets of now.
    fn redactor(&self) -> Redactor;
}

/// The latest progress of the running step. The step (or wimlib's callback) stores, the executor samples.
#[derive(Debug, Default)]
pub struct ProgressCell {
    inner: Mutex<Sample>,
}

/// One reading of a [`ProgressCell`].
#[derive(Clone, Debug)]
pub struct Sample {
    /// Done so far.
    pub done: u64,
    /// All there is; 0 while unknown.
    pub total: u64,
    /// What is being worked on; may be empty.
    pub detail: String,
    /// The last sign of life.
    pub alive: Instant,
    /// Counts stores; a sampler that sees the same number has nothing new.
    pub version: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            done: 0,
            total: 0,
            detail: String::new(),
            alive: Instant::now(),
            version: 0,
        }
    }
}

impl ProgressCell {
    /// Stores a reading; also a sign of life.
    pub fn set(&self, done: u64, total: u64) {
        let mut sample = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        sample.done = done;
        sample.total = total;
        sample.alive = Instant::now();
        sample.version += 1;
    }

    /// Says what is being worked on.
    pub fn detail(&self, text: &str) {
        let mut sample = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        sample.detail.clear();
        sample.detail.push_str(text);
        sample.alive = Instant::now();
        sample.version += 1;
    }

    /// A sign of life without a number.
    pub fn alive(&self) {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .alive = Instant::now();
    }

    /// Back to nothing, for a new phase.
    pub fn reset(&self) {
        let mut sample = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let version = sample.version + 1;
        *sample = Sample {
            version,
            ..Sample::default()
        };
    }

    /// The latest reading.
    pub fn sample(&self) -> Sample {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What a step is given.
#[derive(Clone)]
pub struct StepCx {
    /// The engine's side.
    pub host: Arc<dyn Host>,
    /// The machine.
    pub machine: Arc<dyn Machine>,
    /// Ends the work.
    pub cancel: CancelToken,
    /// Where progress goes.
    pub progress: Arc<ProgressCell>,
    /// Exit codes that count as success.
    pub success_codes: Vec<u32>,
    /// Seconds after which a command is killed.
    pub timeout: Option<std::time::Duration>,
    /// A private folder for this step's scratch files; emptied afterwards.
    pub scratch: PathBuf,
}

impl StepCx {
    /// Logs information.
    pub fn info(&self, text: impl AsRef<str>) {
        self.host.log(Severity::Info, text.as_ref());
    }

    /// Logs a warning.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.host.log(Severity::Warning, text.as_ref());
    }

    /// The text of a variable; empty when missing.
    pub fn text(&self, name: &str) -> String {
        self.host
            .variable(name)
            .map(|value| value.reveal().to_owned())
            .unwrap_or_default()
    }

    /// Enters a phase and resets progress.
    pub fn phase(&self, phase: &str, unit: Unit) {
        self.progress.reset();
        self.host.phase(phase, unit);
    }

    /// Ends the step when somebody cancelled.
    ///
    /// # Errors
    /// [`StepError::Cancelled`].
    pub fn check_cancel(&self) -> Result<(), StepError> {
        if self.cancel.is_cancelled() {
            Err(StepError::Cancelled)
        } else {
            Ok(())
        }
    }
}

/// How a step went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepEnd {
    /// Done.
    Done,
    /// Done, with something to know.
    Warned(String),
    /// Done; exit code of a command (for `_SMSTSLastActionRetCode`), 3010 asks for a restart.
    Exit(u32),
    /// The engine is to restart the machine and go on with the next step.
    Restart {
        /// Windows PE, else hard disk.
        to_winpe: bool,
        /// What the technician is told.
        message: String,
        /// Seconds the message stands.
        timeout: u64,
    },
}

/// What every step returns.
pub type StepResult = Result<StepEnd, StepError>;
