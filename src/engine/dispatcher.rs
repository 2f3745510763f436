//! The dispatcher owns the truth: state, variables, journal, log and secrets. Nothing else changes them.
//!
//! It is a monitor: executor and clients call it, one at a time; whoever must wait (for an answer, for the end of a pause)
//! sleeps on its condition. Every change is an event that is stamped, redacted, journalled, folded and pushed in one go.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

use super::clock::Steady;
use super::cmtrace::Log;
use super::history::Histories;
use super::journal::Journal;
use super::log_pages::Pages;
use super::redact;
use super::samples::Samples;
use super::waiting::{Answer, CancelTimes, Grants};
use crate::cancel::CancelToken;
use crate::event::{Event, EventBody, Millis, NodeId, Origin, Outcome, Progress, Severity, Shown};
use crate::platform::Machine;
use crate::platform::fake::DisklessMachine;
use crate::protocol::{Check, Push};
use crate::run_state::RunState;
use crate::secret::{Redactor, Secret};
use crate::sequence::schema::Step;
use crate::sequence::variables::{Value, Variables};
use crate::text;

/// Pushes kept for a client that is slow; one that falls further behind gets a fresh snapshot.
const QUEUE: usize = 4_096;

/// Variables with this beginning are durable as soon as they are set and outlive the interruption of their step.
pub(super) const MARK: &str = "_WimforgeMark";

/// The document of a run: its text, for changes of single steps, and how its inputs are checked.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The exact text.
    pub text: String,
    /// Lower-case variable and check of each input.
    pub checks: Vec<(String, Check)>,
    /// Variables of the inputs that are secret.
    pub secret_inputs: Vec<String>,
    /// The variables that it gives a value, empty or not, or asks for; in lower case.
    pub known: BTreeSet<String>,
}

/// A run as it is opened.
pub struct Opening {
    /// Its journal.
    pub journal: Journal,
    /// Its log.
    pub log: Log,
    /// What may be done without asking.
    pub grants: Grants,
    /// The state so far; empty for a new run.
    pub state: RunState,
    /// Where samples of progress are kept.
    pub samples: Option<Samples>,
    /// Its document.
    pub document: Document,
    /// The values variables had so far.
    pub histories: Histories,
    /// Steps whose settings were changed.
    pub overridden: BTreeMap<NodeId, Arc<Step>>,
}

pub(super) struct Inner {
    pub(super) state: RunState,
    pub(super) document: Arc<Document>,
    pub(super) histories: Histories,
    pub(super) overridden: BTreeMap<NodeId, Arc<Step>>,
    /// The log of the run that is over.
    pub(super) pages: Option<Pages>,
    /// The machine of the present boot, for whoever asks about it.
    machine: Weak<dyn Machine>,
    /// When a cancel goes on to its next stage.
    pub(super) cancel_deadline: Option<Instant>,
    pub(super) cancel_times: CancelTimes,
    /// What did not even end when it was killed.
    pub(super) given_up: Option<String>,
    pub(super) variables: Variables,
    pub(super) grants: Grants,
    pub(super) answer: Option<(u32, Answer)>,
    pub(super) step_once: bool,
    pub(super) jump: Option<NodeId>,
    pub(super) cancel: CancelToken,
    /// A run is being started or is going on.
    pub(super) busy: bool,
    pub(super) journal: Option<Journal>,
    log: Option<Log>,
    samples: Option<Samples>,
    pub(super) redactor: Redactor,
    pub(super) next_question: u32,
    pub(super) passed_break: Option<NodeId>,
    /// The step that the run stands before, while it is held there.
    pub(super) held: Option<NodeId>,
    /// The step that was let go and has not ended.
    pub(super) released: Option<NodeId>,
    /// How long the running attempt has waited for people.
    pub(super) waited: Duration,
    /// What the engine does outside of a step: a cancel waits for it as for a step.
    pub(super) doing: Option<&'static str>,
    journal_trouble: bool,
    /// Lines of the log that were not kept because the journal could not be written.
    lines_lost: u64,
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
            inner: Mutex::default(),
            changed: Condvar::new(),
            pushes: broadcast::channel(QUEUE).0,
        }
    }
}

/// An engine without a run.
impl Default for Inner {
    fn default() -> Self {
        Self {
            state: RunState::default(),
            document: Arc::default(),
            histories: Histories::default(),
            overridden: BTreeMap::new(),
            pages: None,
            machine: Weak::<DisklessMachine>::new(),
            cancel_deadline: None,
            cancel_times: CancelTimes::default(),
            given_up: None,
            variables: Variables::default(),
            grants: Grants::default(),
            answer: None,
            step_once: false,
            jump: None,
            cancel: CancelToken::new(),
            busy: false,
            journal: None,
            log: None,
            samples: None,
            redactor: Redactor::default(),
            next_question: 1,
            passed_break: None,
            held: None,
            released: None,
            waited: Duration::ZERO,
            doing: None,
            journal_trouble: false,
            lines_lost: 0,
            clock: Steady::starting(0),
        }
    }
}

impl Inner {
    fn emit(&mut self, pushes: &broadcast::Sender<Push>, body: EventBody) {
        let body = redact::event(&self.redactor, body);
        match &body {
            EventBody::StepStarted { node, .. } | EventBody::RetryScheduled { node, .. } => {
                self.released = Some(*node);
            }
            EventBody::StepFinished { node, .. } | EventBody::Skipped { node, .. }
                if self.released == Some(*node) =>
            {
                self.released = None;
            }
            _ => {}
        }
        self.emit_clean(pushes, body);
    }

    /// Gives the gathered lines of journal and log to the system: a killed engine loses nothing of them.
    pub(super) fn write_through(&mut self) {
        if let Some(journal) = &mut self.journal {
            // Trouble is told at the next edge.
            let _ = journal.write_through();
        }
        if let Some(log) = &self.log {
            log.flush();
        }
    }

    /// For what was redacted already: the log's lines, of which there may be millions.
    fn emit_clean(&mut self, pushes: &broadcast::Sender<Push>, body: EventBody) {
        // The first and the last event of a run stay that, whoever comes and goes.
        if !self.state.goes_on() && !matches!(body, EventBody::RunStarted { .. }) {
            return;
        }
        let event = Event {
            seq: self.state.seq + 1,
            at: self.clock.now(),
            body,
        };
        self.histories.apply(&event, &self.state);
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
        if self.journal.as_ref().is_some_and(Journal::is_stuck) {
            // A step may go on logging for hours: the run must not die of its log.
            self.lines_lost += 1;
            return;
        }
        if self.lines_lost > 0 {
            let lost = std::mem::take(&mut self.lines_lost);
            let line =
                format!("{lost} lines of the log were lost while the journal could not be written");
            self.log(pushes, Severity::Error, "TSManager", &line, None);
        }
        let text = text::shorten(&clean, text::LONGEST_SHOWN).into_owned();
        let attempt = node
            .and_then(|node| self.state.node(node))
            .map_or(0, |node| node.attempt);
        let body = EventBody::Log {
            severity,
            component: component.to_owned(),
            text,
            node,
            attempt,
        };
        self.emit_clean(pushes, body);
    }
}

/// The inputs that are secret are so from the start; not one that was deleted and has a plain value since.
fn declare_inputs(variables: &mut Variables, document: &Document) {
    for name in &document.secret_inputs {
        if variables.get(name).is_none() {
            variables.declare_secret(name);
        }
    }
}

/// Events after which everything must be durable.
fn is_edge(body: &EventBody) -> bool {
    if let EventBody::StepFinished { outcome, .. } = body {
        return !matches!(outcome, Outcome::WillNotRun(_));
    }
    if let EventBody::VariableSet { name, origin, .. } | EventBody::VariableRemoved { name, origin } =
        body
        && (name.starts_with(MARK) || matches!(origin, Origin::Technician(_)))
    {
        // What a technician was told is done, is.
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

    /// Passes on what is not an event: who is there.
    pub(super) fn push(&self, push: Push) {
        let _ = self.pushes.send(push);
    }

    /// Writes a line to log file and event stream.
    pub fn log(&self, severity: Severity, component: &str, line: &str, node: Option<NodeId>) {
        self.lock()
            .log(&self.pushes, severity, component, line, node);
    }

    pub(super) fn log_locked(
        &self,
        inner: &mut Inner,
        severity: Severity,
        component: &str,
        line: &str,
        node: Option<NodeId>,
    ) {
        inner.log(&self.pushes, severity, component, line, node);
    }

    /// Passes a sample on; not journalled.
    pub fn progress(&self, mut progress: Progress) {
        let mut inner = self.lock();
        if let Cow::Owned(clean) = inner.redactor.redact(&progress.detail) {
            progress.detail = clean;
        }
        inner.state.sample(&progress);
        if let Some(samples) = &mut inner.samples {
            samples.keep(&progress);
        }
        if let Some(line) = inner.clock.was_set() {
            inner.log(&self.pushes, Severity::Warning, "TSManager", &line, None);
        }
        drop(inner);
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

    /// Looks at the state without copying it: a run may have ten thousand steps.
    pub fn with_state<T>(&self, read: impl FnOnce(&RunState) -> T) -> T {
        read(&self.lock().state)
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

    /// Whether the document knows a variable of this name, although it may be empty.
    pub fn is_known(&self, name: &str) -> bool {
        self.lock().document.known.contains(&name.to_lowercase())
    }

    /// Opens a run.
    pub fn open(&self, opening: Opening) {
        let mut inner = self.lock();
        let mut variables = Variables::default();
        for variable in opening.state.variables.values() {
            match &variable.value {
                Shown::Plain(value) => {
                    variables.set_engine(&variable.name, Value::Plain(value.clone()));
                }
                // Its value is asked for; whoever sets it before sets a secret.
                Shown::Masked => variables.declare_secret(&variable.name),
            }
        }
        declare_inputs(&mut variables, &opening.document);
        *inner = Inner {
            clock: Steady::starting(opening.state.now),
            state: RunState {
                people: std::mem::take(&mut inner.state.people),
                ..opening.state
            },
            journal: Some(opening.journal),
            log: Some(opening.log),
            samples: opening.samples,
            grants: opening.grants,
            document: Arc::new(opening.document),
            histories: opening.histories,
            overridden: opening.overridden,
            variables,
            // What the engine keeps from one run to the next.
            busy: inner.busy,
            redactor: std::mem::take(&mut inner.redactor),
            next_question: inner.next_question,
            cancel_times: inner.cancel_times,
            ..Inner::default()
        };
        let _ = self
            .pushes
            .send(Push::Snapshot(Box::new(inner.state.clone())));
    }

    /// The inputs that are secret and have no value are secret again: after a resume has deleted what a step had set.
    pub fn declare_secret_inputs(&self) {
        let inner = &mut *self.lock();
        declare_inputs(&mut inner.variables, &inner.document);
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
            inner.pages = Some(Pages::new(journal.path(), journal.index().clone()));
        }
        inner.log = None;
        inner.samples = None;
        self.changed.notify_all();
    }

    /// The machine of the present boot is this one.
    pub(super) fn set_machine(&self, machine: &Arc<dyn Machine>) {
        self.lock().machine = Arc::downgrade(machine);
    }

    /// What a bundle needs beside the run's folder: the state, every secret, the machine while a boot lasts.
    pub(super) fn for_bundle(&self) -> (RunState, Redactor, Option<Arc<dyn Machine>>) {
        let mut inner = self.lock();
        inner.write_through();
        (
            inner.state.clone(),
            inner.redactor.clone(),
            inner.machine.upgrade(),
        )
    }

    /// Remembers a secret, so that every sink masks it.
    pub fn remember_secret(&self, secret: &Secret) {
        self.lock().redactor.add(secret);
    }

    /// What masks the secrets of now.
    pub fn redactor(&self) -> Redactor {
        self.lock().redactor.clone()
    }

    /// The same without waiting; none while another call is going on.
    pub(super) fn redactor_now(&self) -> Option<Redactor> {
        match self.inner.try_lock() {
            Ok(inner) => Some(inner.redactor.clone()),
            Err(TryLockError::Poisoned(held)) => Some(held.into_inner().redactor.clone()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Gives the gathered lines of journal and log to the system.
    pub fn write_through(&self) {
        self.lock().write_through();
    }

    /// Whether a question is open.
    pub fn question_open(&self) -> bool {
        self.lock().state.question.is_some()
    }

    /// The token of the present run.
    pub fn cancel_token(&self) -> CancelToken {
        self.lock().cancel.clone()
    }
}
