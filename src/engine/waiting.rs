//! Where the executor waits for people: at a breakpoint, at a question, for the end of a pause, for a cancel to take effect.

use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::dispatcher::{Dispatcher, Inner};
use crate::cancel::CancelLevel;
use crate::event::{Answered, EventBody, Failure, NodeId, Question, QuestionKind, Who};
use crate::protocol::Mend;
use crate::run_state::Status;
use crate::secret::Secret;

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
    Recheck,
    Override,
    RestartAndRetry,
    Mend(Mend),
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
    /// The word that overrides blocking pre-flight findings, given beforehand.
    pub override_preflight: Option<String>,
    /// Where a bundle goes after a failed run.
    pub bundle_to: Option<String>,
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
    /// Another attempt, after this.
    Mend(Mend),
    /// Another attempt, after a restart of the machine.
    RestartAndRetry,
    /// Go on without it.
    Skip(Who),
    /// Nobody is there to decide: the step has failed, its groups decide.
    Fail,
    /// A technician ended the run: nothing above the step may go on.
    Abort,
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

/// How long a cancel waits for what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelTimes {
    /// From the request to the kill.
    pub asked: Duration,
    /// From the kill to giving up.
    pub killed: Duration,
}

impl Default for CancelTimes {
    fn default() -> Self {
        Self {
            asked: Duration::from_secs(30),
            killed: Duration::from_secs(15),
        }
    }
}

/// What a cancel does with the step that still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Waits for it.
    Waits,
    /// Waits no longer.
    GivenUp,
}

impl Dispatcher {
    /// Waits until the step may start: not while paused, not at a breakpoint.
    pub fn gate(&self, node: NodeId) -> Gate {
        let mut inner = self.lock();
        inner.released = None;
        let run_to = inner.state.run_to == Some(node);
        let stop = if run_to {
            Some("run to here")
        } else if inner.state.breakpoints.contains(&node) && inner.passed_break != Some(node) {
            Some("breakpoint")
        } else {
            None
        };
        if let Some(name) = stop {
            let by = Who::engine(name);
            if !inner.state.paused {
                let by = by.clone();
                self.emit_locked(&mut inner, EventBody::PauseChanged { paused: true, by });
            }
            // In this order: an engine that dies in between has paused, and clears the mark when it comes back.
            if run_to {
                self.emit_locked(&mut inner, EventBody::RunTo { node: None, by });
            }
            inner.step_once = false;
        }
        inner.held = Some(node);
        let gate = loop {
            if inner.cancel.is_cancelled() {
                break Gate::Cancelled;
            }
            if let Some(to) = inner.jump.take() {
                inner.passed_break = None;
                break Gate::Jump(to);
            }
            if std::mem::take(&mut inner.step_once) || !inner.state.paused {
                inner.passed_break = Some(node);
                inner.released = Some(node);
                break Gate::Go;
            }
            inner = self.wait(inner);
        };
        inner.held = None;
        gate
    }

    fn wait<'a>(&self, mut inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        // Nothing else may come for hours: what was said last must not be lost with a killed engine.
        inner.write_through();
        // The cancel token has a condition of its own; half a second bounds the delay.
        self.changed
            .wait_timeout(inner, std::time::Duration::from_millis(500))
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Pauses the run before the next step, as `by` wants it.
    pub(super) fn pause_for(&self, by: &str) {
        let mut inner = self.lock();
        if !inner.state.paused {
            let by = Who::engine(by);
            self.emit_locked(&mut inner, EventBody::PauseChanged { paused: true, by });
        }
    }

    /// Asks and waits. Flags answer first; without one an unattended run gets an error.
    pub(super) fn ask(&self, node: Option<NodeId>, kind: QuestionKind) -> Result<Answer, AskError> {
        self.ask_even(node, kind, false)
    }

    /// Asks and waits; with `insist` also in an unattended run, where the document or a technician wanted the debugger.
    fn ask_even(
        &self,
        node: Option<NodeId>,
        kind: QuestionKind,
        insist: bool,
    ) -> Result<Answer, AskError> {
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
            QuestionKind::Preflight { blocking, word }
                if *blocking > 0 && inner.grants.override_preflight.as_ref() == Some(word) =>
            {
                Some("--override-preflight".to_owned())
            }
            // Nothing stops the run: it is written down that the check was passed, and by whom.
            QuestionKind::Preflight { blocking: 0, .. } if inner.grants.unattended => {
                Some("the unattended run".to_owned())
            }
            _ => None,
        };
        if granted.is_none() && inner.grants.unattended && !insist {
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
                QuestionKind::Preflight { blocking, word } => format!(
                    "the pre-flight check found {blocking} blocking and nobody is there to decide: mend that, or pass --override-preflight {word}"
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
        let (given, answer) = match &kind {
            QuestionKind::Preflight { blocking, .. } if *blocking > 0 => {
                (Answer::Override, Answered::Overridden)
            }
            _ => (Answer::Yes, Answered::Yes),
        };
        let question = Question { id, node, kind };
        self.emit_locked(&mut inner, EventBody::QuestionAsked { question });
        let asked = Instant::now();
        if let Some(name) = granted {
            let by = Who { client: 0, name };
            self.emit_locked(&mut inner, EventBody::QuestionAnswered { id, answer, by });
            return Ok(given);
        }
        loop {
            match inner.answer.take() {
                Some((answered, answer)) if answered == id => {
                    inner.waited += asked.elapsed();
                    return Ok(answer);
                }
                _ => {}
            }
            if inner.cancel.is_cancelled() {
                let by = Who::engine("cancel");
                let answer = Answered::Abort;
                self.emit_locked(&mut inner, EventBody::QuestionAnswered { id, answer, by });
                inner.waited += asked.elapsed();
                return Err(AskError::Cancelled);
            }
            inner = self.wait(inner);
        }
    }

    /// An attempt begins: nobody has been waited for.
    pub(super) fn begins(&self) {
        self.lock().waited = Duration::ZERO;
    }

    /// How long the attempt that ends has waited for people.
    pub(super) fn waited(&self) -> Duration {
        self.lock().waited
    }

    /// What to do about a failed step: asks, or fails an unattended run. `insist` asks there, too.
    pub fn decide(&self, node: NodeId, attempt: u32, failure: &Failure, insist: bool) -> Decision {
        let kind = QuestionKind::Failed {
            attempt,
            failure: failure.clone(),
        };
        match self.ask_even(Some(node), kind, insist) {
            Ok(Answer::Retry) => Decision::Retry,
            Ok(Answer::Mend(how)) => Decision::Mend(how),
            Ok(Answer::RestartAndRetry) => Decision::RestartAndRetry,
            Ok(Answer::Skip(who)) => Decision::Skip(who),
            Ok(Answer::Jump(to)) => Decision::Jump(to),
            Ok(_) => Decision::Abort,
            Err(AskError::Unattended(_)) => Decision::Fail,
            Err(AskError::Cancelled) => Decision::Cancelled,
        }
    }

    /// Raises the cancel level of the run. What does not end in time is killed, and given up in the end.
    pub(super) fn cancel_locked(&self, inner: &mut Inner, kill: bool, by: Who) {
        let time = if kill {
            inner.cancel_times.killed
        } else {
            inner.cancel_times.asked
        };
        let waiting_for = waits_for(inner);
        inner.cancel_deadline = Some(Instant::now() + time);
        let body = EventBody::CancelRequested {
            kill,
            by,
            waiting_for,
            seconds: time.as_secs(),
        };
        self.emit_locked(inner, body);
        inner.cancel.raise(if kill {
            CancelLevel::Kill
        } else {
            CancelLevel::Asked
        });
    }

    /// Takes a cancel to its next stage when its time is up; called while a step runs.
    pub(super) fn escalate(&self) -> Patience {
        let mut inner = self.lock();
        if inner
            .cancel_deadline
            .is_none_or(|deadline| Instant::now() < deadline)
        {
            return Patience::Waits;
        }
        if inner.cancel.level() == CancelLevel::Kill {
            inner.cancel_deadline = None;
            let waiting_for = waits_for(&inner);
            inner.given_up = Some(waiting_for.clone());
            self.emit_locked(&mut inner, EventBody::CancelGivenUp { waiting_for });
            return Patience::GivenUp;
        }
        let by = Who::engine("the time limit of the cancel");
        self.cancel_locked(&mut inner, true, by);
        Patience::Waits
    }

    /// What did not even end when it was killed.
    pub(super) fn given_up(&self) -> Option<String> {
        self.lock().given_up.clone()
    }

    /// Says what the engine does outside of a step, so that a cancel can name it.
    pub(super) fn set_doing(&self, doing: Option<&'static str>) {
        self.lock().doing = doing;
    }

    /// Where a bundle goes after a failed run.
    pub(super) fn bundle_to(&self) -> Option<String> {
        self.lock().grants.bundle_to.clone()
    }

    /// How long a cancel waits for what runs.
    pub fn set_cancel_times(&self, times: CancelTimes) {
        self.lock().cancel_times = times;
    }
}

fn waits_for(inner: &Inner) -> String {
    if let Some(doing) = inner.doing {
        return doing.to_owned();
    }
    let running = |node: &NodeId| {
        let status = inner.state.node(*node).map(|state| &state.status);
        status == Some(&Status::Running)
    };
    inner.state.current.filter(running).map_or_else(
        || "the next step's edge".to_owned(),
        |node| format!("the step \"{}\"", inner.state.title(node)),
    )
}
