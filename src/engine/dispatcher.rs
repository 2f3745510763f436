//! The dispatcher owns the truth: state, variables, journal, log and secrets. Nothing else changes them.
//!
//! It is a monitor: executor and clients call it, one at a time; whoever must wait (for an answer, for the end of a pause)
//! sleeps on its condition. Every change is an event that is stamped, redacted, journalled, folded and pushed in one go.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use super::clock::Steady;
use super::cmtrace::Log;
use super::journal::Journal;
use crate::cancel::{CancelLevel, CancelToken};
use crate::event::{
    Answered, Event, EventBody, Failure, Millis, NodeId, Origin, Outcome, Progress, Question,
    QuestionKind, Severity, Shown, Who,
};
use crate::protocol::Push;
use crate::run_state::RunState;
use crate::secret::{Redactor, Secret};
use crate::sequence::variables::{Value, Variables};
use crate::text;

/// Pushes kept for a client that is slow; one that falls further behind gets a fresh snapshot.
const QUEUE: usize = 4_096;

/// Variables with this beginning are durable as soon as they are set and outlive the interruption of their step.
pub(super) const MARK: &str = "_WimforgeMark";

/// The answer to a question as the engine uses it (events carry [`Answered`]).
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Yes,
    No,
    Retry,
    Skip(Who),
    Abort,
    Jump(NodeId),
    Values(Vec<(String, Secret)>),
}

/// What may be done without asking.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Disks that may be wiped.
    pub confirm_disks: Vec<u32>,
    /// An existing image may be replaced.
    pub confirm_replace: bool,
    /// Nobody will answer.
    pub unattended: bool,
}

/// Whether a step may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Go,
    /// The run ends.
    Cancelled,
    /// Another step is next.
    Jump(NodeId),
}

/// What to do about a failed step.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Another attempt.
    Retry,
    /// Go on without it.
    Skip(Who),
    /// Fail the sequence.
    Fail,
    /// The run was cancelled.
    Cancelled,
    /// Another step is next.
    Jump(NodeId),
}

/// Why a question got no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// The run was cancelled.
    Cancelled,
    /// Nobody may answer; the text says which flag would.
    Unattended(String),
}

pub(super) struct Inner {
    pub(super) state: RunState,
    pub(super) variables: Variables,
    pub(super) grants: Grants,
    pub(super) answer: Option<(u32, Answer)>,
    pub(super) step_once: bool,
    pub(super) jump: Option<NodeId>,
    pub(super) cancel: CancelToken,
    /// A run is being started or is going on.
    pub(super) busy: bool,
    journal: Option<Journal>,
    log: Option<Log>,
    redactor: Redactor,
    next_question: u32,
    passed_break: Option<NodeId>,
    journal_trouble: bool,
    clock: Steady,
}

/// See the module.
pub struct Dispatcher {
    pub(super) inner: Mutex<Inner>,
    pub(super) changed: Condvar,
    pushes: broadcast::Sender<Push>,
}

impl Default for Dispatcher {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                state: RunState::default(),
                variables: Variables::default(),
                grants: Grants::default(),
                answer: None,
                step_once: false,
                jump: None,
                cancel: CancelToken::new(),
                busy: false,
                journal: None,
                log: None,
                redactor: Redactor::default(),
                next_question: 1,
                passed_break: None,
                journal_trouble: false,
                clock: Steady::starting(0),
            }),
            changed: Condvar::new(),
            pushes: broadcast::channel(QUEUE).0,
        }
    }
}

/// Redacts every text of an event.
fn redact(redactor: &Redactor, body: EventBody) -> EventBody {
    fn walk(redactor: &Redactor, value: &mut serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => match redactor.redact(text) {
                std::borrow::Cow::Borrowed(_) => false,
                std::borrow::Cow::Owned(clean) => {
                    *text = clean;
                    true
                }
            },
            // Every one, also after the first that was changed.
            serde_json::Value::Array(items) => items
                .iter_mut()
                .fold(false, |changed, item| changed | walk(redactor, item)),
            serde_json::Value::Object(fields) => fields
                .values_mut()
                .fold(false, |changed, item| changed | walk(redactor, item)),
            _ => false,
        }
    }
    let Ok(mut value) = serde_json::to_value(&body) else {
        return body;
    };
    if walk(redactor, &mut value) {
        // A redacted enum tag cannot be read back: then nothing of the event may be shown.
        serde_json::from_value(value).unwrap_or_else(|_| EventBody::Log {
            severity: Severity::Warning,
            component: "TSManager".to_owned(),
            text: "an event was withheld because it held a secret".to_owned(),
            node: None,
        })
    } else {
        body
    }
}

impl Inner {
    fn emit(&mut self, pushes: &broadcast::Sender<Push>, body: EventBody) {
        let body = redact(&self.redactor, body);
        let event = Event {
            seq: self.state.seq + 1,
            at: self.clock.now(),
            body,
        };
        self.state.apply(&event);
        if let Some(journal) = &mut self.journal {
            let edge = is_edge(&event.body);
            let written = journal
                .append(&event)
                .and_then(|()| match (edge, &event.body) {
                    (true, _) => journal.flush(),
                    // A phase survives a killed engine at once; a power cut may take it.
                    (false, EventBody::StepPhase { .. }) => journal.write_through(),
                    (false, _) => Ok(()),
                });
            let trouble = written.err();
            // Nobody listening is fine.
            let _ = pushes.send(Push::Event(event));
            match trouble {
                Some(error) if !self.journal_trouble => {
                    self.journal_trouble = true;
                    self.log(
                        pushes,
                        Severity::Error,
                        "TSManager",
                        &format!("the journal cannot be written, a crash now could not be resumed: {error}"),
                        None,
                    );
                }
                None if edge => self.journal_trouble = false,
                _ => {}
            }
        } else {
            let _ = pushes.send(Push::Event(event));
        }
    }

    fn log(
        &mut self,
        pushes: &broadcast::Sender<Push>,
        severity: Severity,
        component: &str,
        line: &str,
        node: Option<NodeId>,
    ) {
        let clean = self.redactor.redact(line);
        if let Some(log) = &self.log {
            log.write(self.clock.now(), severity, component, &clean);
        }
        let shown = text::shorten(&clean, text::LONGEST_SHOWN).into_owned();
        self.emit(
            pushes,
            EventBody::Log {
                severity,
                component: component.to_owned(),
                text: shown,
                node,
            },
        );
    }
}

/// Events after which everything must be durable.
fn is_edge(body: &EventBody) -> bool {
    if let EventBody::StepFinished { outcome, .. } = body {
        return !matches!(outcome, Outcome::WillNotRun(_));
    }
    if let EventBody::VariableSet { name, .. } = body
        && name.starts_with(MARK)
    {
        return true;
    }
    !matches!(
        body,
        EventBody::Log { .. }
            | EventBody::VariableSet { .. }
            | EventBody::VariableRemoved { .. }
            | EventBody::StepPhase { .. }
            | EventBody::Stalled { .. }
            | EventBody::Produced { .. }
            | EventBody::GroupStarted { .. }
            | EventBody::GroupFinished { .. }
            | EventBody::Skipped { .. }
    )
}

impl Dispatcher {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn emit_locked(&self, inner: &mut Inner, body: EventBody) {
        inner.emit(&self.pushes, body);
        self.changed.notify_all();
    }

    /// Records that something happened.
    pub fn emit(&self, body: EventBody) {
        self.emit_locked(&mut self.lock(), body);
    }

    /// Writes a line to log file and event stream.
    pub fn log(&self, severity: Severity, component: &str, line: &str, node: Option<NodeId>) {
        self.lock()
            .log(&self.pushes, severity, component, line, node);
    }

    /// Passes a sample on; not journalled.
    pub fn progress(&self, progress: Progress) {
        let mut inner = self.lock();
        inner.state.sample(&progress);
        if let Some(line) = inner.clock.was_set() {
            inner.log(&self.pushes, Severity::Warning, "TSManager", &line, None);
        }
        let _ = self.pushes.send(Push::Progress(progress));
    }

    /// State and stream from the same moment; the state says what time it is.
    pub fn subscribe(&self) -> (RunState, broadcast::Receiver<Push>) {
        let inner = self.lock();
        let mut state = inner.state.clone();
        state.now = inner.clock.now();
        (state, self.pushes.subscribe())
    }

    /// Now, as the run counts it.
    pub fn now(&self) -> Millis {
        self.lock().clock.now()
    }

    /// A copy of the state.
    pub fn state(&self) -> RunState {
        self.lock().state.clone()
    }

    /// The run's id, and whether a run is going on.
    pub fn run(&self) -> (Option<String>, bool) {
        let inner = self.lock();
        let id = inner.state.has_run().then(|| inner.state.run.clone());
        (id, inner.busy)
    }

    /// Reads variables.
    pub fn with_variables<T>(&self, read: impl FnOnce(&Variables) -> T) -> T {
        read(&self.lock().variables)
    }

    /// Opens a run: its journal, log, what it may do, and the state so far (empty for a new one).
    pub fn open(&self, journal: Journal, log: Log, grants: Grants, state: RunState) {
        let mut inner = self.lock();
        inner.variables = Variables::default();
        for variable in state.variables.values() {
            if let Shown::Plain(value) = &variable.value {
                let value = Value::Plain(value.clone());
                inner.variables.set_engine(&variable.name, value);
            }
        }
        inner.clock = Steady::starting(state.now);
        inner.state = state;
        inner.journal = Some(journal);
        inner.log = Some(log);
        inner.grants = grants;
        inner.answer = None;
        inner.step_once = false;
        inner.jump = None;
        inner.passed_break = None;
        inner.cancel = CancelToken::new();
        let _ = self
            .pushes
            .send(Push::Snapshot(Box::new(inner.state.clone())));
    }

    /// Claims the engine for a run; false when there is one.
    pub fn claim(&self) -> bool {
        !std::mem::replace(&mut self.lock().busy, true)
    }

    /// The run is over, or did not start: files are closed.
    pub fn release(&self) {
        let mut inner = self.lock();
        inner.busy = false;
        if let Some(mut journal) = inner.journal.take() {
            let _ = journal.flush();
        }
        inner.log = None;
        self.changed.notify_all();
    }

    /// Remembers a secret, so that every sink masks it.
    pub fn remember_secret(&self, secret: &Secret) {
        self.lock().redactor.add(secret);
    }

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
            Value::Plain(text) if inner.redactor.redact(&text) != text => {
                Value::Secret(Secret::new(text))
            }
            other => other,
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
        inner.variables.set_engine(name, value);
        self.emit_locked(inner, body);
    }

    /// Gives the journal's gathered lines to the system.
    pub fn write_through(&self) {
        if let Some(journal) = &mut self.lock().journal {
            // Trouble is told at the next edge.
            let _ = journal.write_through();
        }
    }

    /// Whether a question is open.
    pub fn question_open(&self) -> bool {
        self.lock().state.question.is_some()
    }

    /// The token of the present run.
    pub fn cancel_token(&self) -> CancelToken {
        self.lock().cancel.clone()
    }

    /// Waits until the step may start: not while paused, not at a breakpoint.
    pub fn gate(&self, node: NodeId) -> Gate {
        let mut inner = self.lock();
        if inner.state.breakpoints.contains(&node)
            && inner.passed_break != Some(node)
            && !inner.state.paused
        {
            let by = Who {
                client: 0,
                name: "breakpoint".to_owned(),
            };
            self.emit_locked(&mut inner, EventBody::PauseChanged { paused: true, by });
        }
        loop {
            if inner.cancel.is_cancelled() {
                return Gate::Cancelled;
            }
            if let Some(to) = inner.jump.take() {
                inner.passed_break = None;
                return Gate::Jump(to);
            }
            if std::mem::take(&mut inner.step_once) || !inner.state.paused {
                inner.passed_break = Some(node);
                return Gate::Go;
            }
            inner = self.wait(inner);
        }
    }

    fn wait<'a>(&self, inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        // The cancel token has a condition of its own; half a second bounds the delay.
        self.changed
            .wait_timeout(inner, std::time::Duration::from_millis(500))
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Asks and waits. Flags answer first; without one an unattended run gets an error.
    pub(super) fn ask(&self, node: Option<NodeId>, kind: QuestionKind) -> Result<Answer, AskError> {
        let mut inner = self.lock();
        let granted = match &kind {
            QuestionKind::ConfirmDisk(facts)
                if inner.grants.confirm_disks.contains(&facts.number) =>
            {
                Some(format!("--confirm-disk {}", facts.number))
            }
            QuestionKind::ConfirmReplace { .. } if inner.grants.confirm_replace => {
                Some("--confirm-replace".to_owned())
            }
            _ => None,
        };
        if granted.is_none() && inner.grants.unattended {
            return Err(AskError::Unattended(match &kind {
                QuestionKind::ConfirmDisk(facts) => format!(
                    "disk {} ({}, {}) would be wiped and nobody is there to confirm it: pass --confirm-disk {}",
                    facts.number,
                    facts.model,
                    crate::units::bytes(facts.bytes),
                    facts.number
                ),
                QuestionKind::ConfirmReplace { path, .. } => format!(
                    "{path} exists and nobody is there to confirm that it is replaced: pass --confirm-replace"
                ),
                QuestionKind::Secrets { variables, .. } => format!(
                    "secrets are needed again: pass --secret for {}",
                    variables.join(", ")
                ),
                QuestionKind::Pause { .. } | QuestionKind::Failed { .. } => {
                    "the sequence waits for a technician and the run is unattended: start it with --ask".to_owned()
                }
            }));
        }
        let unused = u32::try_from(inner.state.seq)
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let id = inner.next_question.max(unused);
        inner.next_question = id.saturating_add(1);
        inner.answer = None;
        let question = Question { id, node, kind };
        self.emit_locked(&mut inner, EventBody::QuestionAsked { question });
        if let Some(name) = granted {
            let by = Who { client: 0, name };
            let answer = Answered::Yes;
            self.emit_locked(&mut inner, EventBody::QuestionAnswered { id, answer, by });
            return Ok(Answer::Yes);
        }
        loop {
            match inner.answer.take() {
                Some((answered, answer)) if answered == id => return Ok(answer),
                _ => {}
            }
            if inner.cancel.is_cancelled() {
                let by = Who {
                    client: 0,
                    name: "cancel".to_owned(),
                };
                let answer = Answered::Abort;
                self.emit_locked(&mut inner, EventBody::QuestionAnswered { id, answer, by });
                return Err(AskError::Cancelled);
            }
            inner = self.wait(inner);
        }
    }

    /// What to do about a failed step: asks, or fails an unattended run.
    pub fn decide(&self, node: NodeId, attempt: u32, failure: &Failure) -> Decision {
        let kind = QuestionKind::Failed {
            attempt,
            failure: failure.clone(),
        };
        match self.ask(Some(node), kind) {
            Ok(Answer::Retry) => Decision::Retry,
            Ok(Answer::Skip(who)) => Decision::Skip(who),
            Ok(Answer::Jump(to)) => Decision::Jump(to),
            Ok(_) | Err(AskError::Unattended(_)) => Decision::Fail,
            Err(AskError::Cancelled) => Decision::Cancelled,
        }
    }

    /// Raises the cancel level of the run.
    pub(super) fn cancel_locked(&self, inner: &mut Inner, kill: bool, by: Who) {
        let waiting_for = inner.state.current.map_or_else(
            || "the next step's edge".to_owned(),
            |node| format!("the step \"{}\"", inner.state.title(node)),
        );
        self.emit_locked(
            inner,
            EventBody::CancelRequested {
                kill,
                by,
                waiting_for,
            },
        );
        inner.cancel.raise(if kill {
            CancelLevel::Kill
        } else {
            CancelLevel::Asked
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn every_text_of_an_event_is_redacted_not_only_the_first() {
        let mut redactor = Redactor::default();
        redactor.add(&Secret::new("hunter22"));
        let body = EventBody::BootEnded {
            target: "to hunter22".to_owned(),
            message: "with hunter22".to_owned(),
        };
        let EventBody::BootEnded { target, message } = redact(&redactor, body) else {
            panic!("another event");
        };
        assert!(target.starts_with("to ") && !target.contains("hunter22"));
        assert!(message.starts_with("with ") && !message.contains("hunter22"));
    }
}
