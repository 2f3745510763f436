//! A [`Host`] that records, and partitions, for the tests of steps (unit and integration). The engine has the real host.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cancel::CancelToken;
use crate::codes;
use crate::event::{Answered, Artifact, QuestionKind, Severity, Unit};
use crate::platform::Machine;
use crate::secret::{Redactor, Secret};
use crate::sequence::settings::{FileSystem, PartitionDef, PartitionKind, Size};
use crate::sequence::variables::{Expanded, Value, VariableError, Variables};

use super::cx::{Host, ProgressCell, StepCx};
use super::error::StepError;

/// What a step did, and what it is told when it asks.
#[derive(Default)]
pub struct RecordingHost {
    variables: Mutex<Variables>,
    log: Mutex<Vec<(Severity, String)>>,
    phases: Mutex<Vec<(String, Unit)>>,
    questions: Mutex<Vec<QuestionKind>>,
    answers: Mutex<VecDeque<Answered>>,
    artifacts: Mutex<Vec<Artifact>>,
    secrets: Mutex<Vec<Secret>>,
    known: Mutex<BTreeSet<String>>,
}

fn hold<T>(cell: &Mutex<T>) -> MutexGuard<'_, T> {
    cell.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RecordingHost {
    /// With these variables (read-only names allowed).
    pub fn with(pairs: &[(&str, &str)]) -> Arc<Self> {
        let host = Self::default();
        for (name, value) in pairs {
            host.set_engine_variable(name, Value::Plain((*value).to_owned()));
        }
        Arc::new(host)
    }

    /// Gives the next question this answer; questions without one fail, as in an unattended run.
    pub fn answer(&self, answer: Answered) {
        hold(&self.answers).push_back(answer);
    }

    /// The text of a variable; empty when missing.
    pub fn text(&self, name: &str) -> String {
        hold(&self.variables).text(name).to_owned()
    }

    /// Every variable with its value, in order of the name.
    pub fn variables(&self) -> Vec<(String, Value)> {
        hold(&self.variables)
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }

    /// Every line logged.
    pub fn lines(&self) -> Vec<(Severity, String)> {
        hold(&self.log).clone()
    }

    /// Whether any line holds `part`.
    pub fn logged(&self, part: &str) -> bool {
        hold(&self.log).iter().any(|(_, line)| line.contains(part))
    }

    /// Every phase entered.
    pub fn phases(&self) -> Vec<String> {
        hold(&self.phases)
            .iter()
            .map(|(phase, _)| phase.clone())
            .collect()
    }

    /// Every question asked.
    pub fn questions(&self) -> Vec<QuestionKind> {
        hold(&self.questions).clone()
    }

    /// Everything produced.
    pub fn artifacts(&self) -> Vec<Artifact> {
        hold(&self.artifacts).clone()
    }

    /// Every secret to be masked.
    pub fn secrets(&self) -> Vec<Secret> {
        hold(&self.secrets).clone()
    }

    /// A context on `machine` with `scratch` as the step's own folder.
    pub fn cx(self: &Arc<Self>, machine: Arc<dyn Machine>, scratch: &Path) -> StepCx {
        StepCx {
            host: Arc::clone(self) as Arc<dyn Host>,
            machine,
            cancel: CancelToken::new(),
            progress: Arc::new(ProgressCell::default()),
            success_codes: vec![0],
            timeout: None,
            scratch: scratch.to_owned(),
        }
    }
}

impl Host for RecordingHost {
    fn variable(&self, name: &str) -> Option<Value> {
        let name = self.name(name).ok()?;
        hold(&self.variables).get(&name).cloned()
    }

    fn name(&self, written: &str) -> Result<String, VariableError> {
        hold(&self.variables).name_over(&Variables::default(), written)
    }

    fn is_known(&self, name: &str) -> bool {
        hold(&self.known).contains(&name.to_lowercase())
    }

    fn expand(&self, text: &str) -> Expanded {
        hold(&self.variables).expand(text)
    }

    fn set_variable(&self, name: &str, value: Value) -> Result<(), VariableError> {
        let name = self.name(name)?;
        hold(&self.variables).set(&name, value)
    }

    fn set_engine_variable(&self, name: &str, value: Value) {
        hold(&self.known).insert(name.to_lowercase());
        hold(&self.variables).set_engine(name, value);
    }

    fn log(&self, severity: Severity, text: &str) {
        hold(&self.log).push((severity, text.to_owned()));
    }

    fn phase(&self, phase: &str, unit: Unit) {
        hold(&self.phases).push((phase.to_owned(), unit));
    }

    fn ask(&self, question: QuestionKind) -> Result<Answered, StepError> {
        hold(&self.questions).push(question);
        hold(&self.answers)
            .pop_front()
            .ok_or_else(|| StepError::new(codes::CANCELLED, "nobody is here to answer"))
    }

    fn produced(&self, artifact: Artifact) {
        hold(&self.artifacts).push(artifact);
    }

    fn remember_secret(&self, secret: &Secret) {
        hold(&self.secrets).push(secret.clone());
    }

    fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        for secret in hold(&self.secrets).iter() {
            redactor.add(secret);
        }
        redactor
    }
}

/// A partition with the defaults of a document; a formatted one is labelled with its name.
pub fn part(
    name: &str,
    kind: PartitionKind,
    size: Size,
    format: Option<FileSystem>,
) -> PartitionDef {
    PartitionDef {
        name: name.to_owned(),
        kind,
        size,
        format,
        label: format.map_or_else(String::new, |_| name.to_owned()),
        quick: true,
        bootable: false,
        attributes: Vec::new(),
        assign_letter: true,
        letter_variable: None,
    }
}
