//! What the state of a run forgets and its journal keeps: attempts, boots, who interfered, what was confirmed, warnings.
//!
//! Gathered in one pass over the events, in memory that does not grow with the log.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Serialize, Serializer};

use super::clock;
use super::error::EngineError;
use super::journal::Journal;
use crate::event::{
    Answered, Event, EventBody, Failure, Finding, Gravity, Millis, NodeId, Origin, Outcome,
    Question, QuestionKind, Severity, Shown, Who,
};
use crate::run_state::RunState;
use crate::{text, units};

/// Warnings and errors of the log that are kept, the first ones; the log itself has all.
pub const NOTES_KEPT: usize = 200;
/// Longest value of a variable in the text of an intervention, in bytes.
const LONGEST_VALUE: usize = 200;
/// Longest text of a changed step in an intervention, in bytes.
const LONGEST_STEP: usize = 1_000;

/// A time for machines: `2026-11-23T09:45:38+01:00`.
pub(super) fn iso(at: Millis) -> String {
    clock::zoned(at)
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields by reference"
)]
fn as_iso<S: Serializer>(at: &Millis, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&iso(*at))
}

#[expect(clippy::ref_option, reason = "serde hands fields by reference")]
fn as_iso_or_none<S: Serializer>(at: &Option<Millis>, to: S) -> Result<S::Ok, S::Error> {
    at.map(iso).serialize(to)
}

/// One boot of the run.
#[derive(Clone, Debug, Serialize)]
pub struct Boot {
    /// 1 for the first.
    pub boot: u32,
    /// When it began.
    #[serde(serialize_with = "as_iso")]
    pub started: Millis,
    /// Whether it was Windows PE.
    pub in_winpe: bool,
    /// The boot before it did not end in order.
    pub unplanned: bool,
    /// Where its planned restart went, with the sequence's words.
    pub restart: Option<String>,
}

/// One attempt at a step.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// The step.
    pub node: u32,
    /// 1, 2, 3 ...
    pub attempt: u32,
    /// Its name with variables expanded.
    pub name: String,
    /// The boot it ran in.
    pub boot: u32,
    /// When it began.
    #[serde(serialize_with = "as_iso")]
    pub started: Millis,
    /// When it ended; none when nobody saw the end.
    #[serde(serialize_with = "as_iso_or_none")]
    pub ended: Option<Millis>,
    /// Milliseconds it worked, as far as known; what it waited for a person is not in it.
    pub millis: u64,
    /// Milliseconds it waited for a person.
    #[serde(skip_serializing_if = "is_zero")]
    pub waited_millis: u64,
    /// How it ended, as [`Outcome::word`]; "not ended" when the run ended first.
    pub outcome: &'static str,
    /// What there is to know though it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Longest time without a sign of life that was told, in seconds; 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub stalled_seconds: u64,
    /// The document's own retry followed, after this many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retried_after_seconds: Option<u64>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields by reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Something a technician did to the run.
#[derive(Clone, Debug, Serialize)]
pub struct Intervention {
    #[serde(skip)]
    seq: u64,
    /// When.
    #[serde(serialize_with = "as_iso")]
    pub at: Millis,
    /// Who, for people.
    pub by: String,
    /// In a word or two: "variable", "retry", "run to".
    pub kind: &'static str,
    /// What was done, one sentence without its subject.
    pub text: String,
}

/// A guard that stood in the way and was told to stand aside.
#[derive(Clone, Debug, Serialize)]
pub struct Override {
    /// When.
    #[serde(serialize_with = "as_iso")]
    pub at: Millis,
    /// Who, or which flag of the command line.
    pub by: String,
    /// What was guarded: "disk 0", a file.
    pub subject: String,
    /// What was allowed, and what was there before.
    pub text: String,
}

/// A warning or error of the log.
#[derive(Clone, Debug, Serialize)]
pub struct Note {
    /// When.
    #[serde(serialize_with = "as_iso")]
    pub at: Millis,
    /// Warning or error.
    pub severity: Severity,
    /// CMTrace component.
    pub component: String,
    /// The line.
    pub text: String,
    /// The step it belongs to.
    pub node: Option<NodeId>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Every boot.
    pub boots: Vec<Boot>,
    /// Every attempt, in order of their start.
    pub attempts: Vec<Attempt>,
    /// What technicians did.
    pub interventions: Vec<Intervention>,
    /// What was allowed.
    pub overrides: Vec<Override>,
    /// The first [`NOTES_KEPT`] warnings and errors of the log.
    pub notes: Vec<Note>,
    /// How many more there were.
    pub notes_dropped: u64,
    /// Why the journal could be read in part only.
    pub damage: Option<String>,
    /// Asked and not yet answered.
    pub(super) question: Option<Question>,
    /// When it was asked.
    pub(super) asked: Millis,
    /// What blocked at the latest pre-flight check.
    pub(super) blocking: Vec<Finding>,
}

impl Evidence {
    /// Reads the events once. An error among them ends the reading and is kept as [`Evidence::damage`]: what was read
    /// until then is evidence all the same.
    pub fn gather(
        state: &RunState,
        events: impl Iterator<Item = Result<Event, EngineError>>,
    ) -> Self {
        let mut evidence = Self::default();
        for event in events {
            match event {
                Ok(event) => evidence.take(state, event),
                Err(error) => {
                    evidence.damage = Some(error.to_string());
                    break;
                }
            }
        }
        evidence
    }

    /// As [`Evidence::gather`], from a run's journal; one that cannot be opened is damage too.
    pub fn of_journal(state: &RunState, path: &Path) -> Self {
        match Journal::events(path) {
            Ok(events) => Self::gather(state, events),
            Err(error) => Self::gather(state, std::iter::once(Err(error))),
        }
    }

    /// The attempts at each step, by its number in the plan.
    pub fn by_step(&self) -> BTreeMap<u32, Vec<&Attempt>> {
        let mut all: BTreeMap<u32, Vec<&Attempt>> = BTreeMap::new();
        for attempt in &self.attempts {
            all.entry(attempt.node).or_default().push(attempt);
        }
        all
    }

    fn take(&mut self, state: &RunState, event: Event) {
        let (seq, at) = (event.seq, event.at);
        let did = |evidence: &mut Self, by: &Who, kind, text| {
            evidence.interventions.push(Intervention {
                seq,
                at,
                by: by.name.clone(),
                kind,
                text,
            });
        };
        match event.body {
            EventBody::BootStarted {
                boot,
                in_winpe,
                unplanned,
            } => self.boots.push(Boot {
                boot,
                started: at,
                in_winpe,
                unplanned,
                restart: None,
            }),
            EventBody::BootEnded { target, message } => {
                if let Some(boot) = self.boots.last_mut() {
                    boot.restart = Some(format!("to {target}: {message}"));
                }
            }
            EventBody::StepStarted {
                node,
                attempt,
                name,
            } => self.attempts.push(Attempt {
                node: node.0,
                attempt,
                name,
                boot: self.boots.last().map_or(0, |boot| boot.boot),
                started: at,
                ended: None,
                millis: 0,
                waited_millis: 0,
                outcome: "not ended",
                warning: None,
                failure: None,
                stalled_seconds: 0,
                retried_after_seconds: None,
            }),
            EventBody::StepFinished {
                node,
                attempt,
                outcome,
                millis,
            } => self.finished(node, attempt, outcome, millis, at),
            EventBody::RetryScheduled {
                node,
                attempt,
                delay_seconds,
                ..
            } => {
                if let Some(record) = self.attempt(node, attempt) {
                    record.retried_after_seconds = Some(delay_seconds);
                }
            }
            EventBody::Stalled { node, seconds } => {
                let last = self.attempts.iter_mut().rev().find(|a| a.node == node.0);
                if let Some(record) = last {
                    record.stalled_seconds = record.stalled_seconds.max(seconds);
                }
            }
            EventBody::VariableSet {
                name,
                value,
                origin: Origin::Technician(by),
            } => {
                let value = match &value {
                    Shown::Plain(value) => {
                        format!("\"{}\"", text::shorten(value, LONGEST_VALUE))
                    }
                    Shown::Masked => "a secret value".to_owned(),
                };
                did(self, &by, "variable", format!("set {name} to {value}"));
            }
            EventBody::VariableRemoved {
                name,
                origin: Origin::Technician(by),
            } => did(self, &by, "variable", format!("removed {name}")),
            EventBody::Log {
                severity: severity @ (Severity::Warning | Severity::Error),
                component,
                text,
                node,
                ..
            } => {
                if self.notes.len() < NOTES_KEPT {
                    self.notes.push(Note {
                        at,
                        severity,
                        component,
                        text,
                        node,
                    });
                } else {
                    self.notes_dropped += 1;
                }
            }
            EventBody::QuestionAsked { question } => {
                self.question = Some(question);
                self.asked = at;
            }
            EventBody::QuestionAnswered { id, answer, by } => {
                let asked = self.question.take_if(|question| question.id == id);
                let waited = u64::try_from(at.saturating_sub(self.asked)).unwrap_or(0);
                let node = asked.as_ref().and_then(|question| question.node);
                let last = self.attempts.last_mut();
                if let Some(record) =
                    last.filter(|a| Some(NodeId(a.node)) == node && a.outcome == "not ended")
                {
                    record.waited_millis = record.waited_millis.saturating_add(waited);
                }
                if let Some(done) = self.answered(state, asked, &answer, &by, at) {
                    did(self, &by, done.0, done.1);
                }
            }
            EventBody::PauseChanged { paused: true, by } => {
                did(
                    self,
                    &by,
                    "pause",
                    "paused the run before the next step".to_owned(),
                );
            }
            EventBody::PauseChanged { paused: false, by } => {
                did(self, &by, "continue", "let the run go on".to_owned());
            }
            EventBody::BreakpointChanged { node, set, by } => {
                let what = if set { "set" } else { "cleared" };
                let text = format!("{what} a breakpoint at \"{}\"", state.title(node));
                did(self, &by, "breakpoint", text);
            }
            EventBody::CancelRequested {
                kill,
                by,
                waiting_for,
                ..
            } => {
                let how = if kill {
                    "cancelled at once"
                } else {
                    "cancelled"
                };
                did(
                    self,
                    &by,
                    "cancel",
                    format!("{how} the run during {waiting_for}"),
                );
            }
            EventBody::Jumped { to, by } => {
                // After a failure a jump is recorded as an answer first.
                if self
                    .interventions
                    .last()
                    .is_some_and(|last| last.kind == "skip" && last.seq + 1 == seq)
                {
                    self.interventions.pop();
                }
                let text = format!("moved the pointer to \"{}\"", state.title(to));
                did(self, &by, "jump", text);
            }
            EventBody::RunTo { node: Some(to), by } => {
                let text = format!("ran on to \"{}\"", state.title(to));
                did(self, &by, "run to", text);
            }
            EventBody::RunTo { node: None, by } if by.client != 0 => {
                did(self, &by, "run to", "took back a run to a step".to_owned());
            }
            EventBody::StepOverridden { node, text, by } => {
                let what = match text {
                    Some(text) => format!("changed to {}", text::shorten(&text, LONGEST_STEP)),
                    None => "put back as in the document".to_owned(),
                };
                let text = format!("settings of \"{}\" {what}", state.title(node));
                did(self, &by, "settings", text);
            }
            EventBody::PenTaken { by } => did(self, &by, "pen", "took the pen".to_owned()),
            EventBody::ShellChanged { open, by } => {
                let what = if open {
                    "opened a shell on the machine"
                } else {
                    "came back from the shell"
                };
                did(self, &by, "shell", what.to_owned());
            }
            EventBody::CancelGivenUp { waiting_for } => {
                let text = format!("{waiting_for} did not even end when it was killed");
                self.note(at, Severity::Error, text);
            }
            EventBody::LeftBehind { items } => {
                for item in items {
                    self.note(
                        at,
                        Severity::Warning,
                        format!("left on the machine: {item}"),
                    );
                }
            }
            EventBody::Preflight { findings } => {
                self.blocking = findings
                    .into_iter()
                    .filter(|finding| finding.gravity == Gravity::Blocking)
                    .collect();
            }
            EventBody::RunTo { node: None, .. }
            | EventBody::RunStarted { .. }
            | EventBody::RunFinished { .. }
            | EventBody::GroupStarted { .. }
            | EventBody::GroupFinished { .. }
            | EventBody::Skipped { .. }
            | EventBody::StepPhase { .. }
            | EventBody::VariableSet { .. }
            | EventBody::VariableRemoved { .. }
            | EventBody::Log { .. }
            | EventBody::Produced { .. } => {}
        }
    }

    fn note(&mut self, at: Millis, severity: Severity, text: String) {
        self.notes.push(Note {
            at,
            severity,
            component: "TSManager".to_owned(),
            text,
            node: None,
        });
    }

    fn attempt(&mut self, node: NodeId, attempt: u32) -> Option<&mut Attempt> {
        if attempt == 0 {
            // A step that never ran has none: ten thousand of them must not be looked for among ten thousand others.
            return None;
        }
        self.attempts
            .iter_mut()
            .rev()
            .find(|record| record.node == node.0 && record.attempt == attempt)
    }

    fn finished(&mut self, node: NodeId, attempt: u32, outcome: Outcome, millis: u64, at: Millis) {
        // A step that never ran has no attempt.
        let Some(record) = self.attempt(node, attempt) else {
            return;
        };
        record.outcome = outcome.word();
        // Nobody saw an interrupted attempt end: the event is from the next boot.
        if outcome != Outcome::Interrupted {
            record.ended = Some(at);
            record.millis = millis;
        }
        match outcome {
            Outcome::Warned(what) => record.warning = Some(what),
            Outcome::Failed { failure, .. } => record.failure = Some(failure),
            _ => {}
        }
    }

    /// Keeps what was allowed; the kind and text of the intervention when the answer is one of a technician.
    fn answered(
        &mut self,
        state: &RunState,
        asked: Option<Question>,
        answer: &Answered,
        by: &Who,
        at: Millis,
    ) -> Option<(&'static str, String)> {
        let question = asked?;
        match (&question.kind, answer) {
            (QuestionKind::ConfirmDisk(disk), Answered::Yes) => {
                let mut text = format!(
                    "may be wiped: {}, {}, {}, table {}",
                    disk.path,
                    disk.model,
                    units::bytes(disk.bytes),
                    disk.table
                );
                if !disk.serial.is_empty() {
                    text.push_str(", serial ");
                    text.push_str(&disk.serial);
                }
                if !disk.contents.is_empty() {
                    text.push_str("; it held ");
                    text.push_str(&disk.contents.join("; "));
                } else if !disk.found.is_empty() {
                    text.push_str("; it ");
                    text.push_str(&disk.found);
                }
                self.allowed(at, by, format!("disk {}", disk.number), text);
                return None;
            }
            (
                QuestionKind::ConfirmReplace {
                    path,
                    bytes,
                    modified,
                },
                Answered::Yes,
            ) => {
                let text = format!(
                    "may be replaced: a file of {}, last changed {}",
                    units::bytes(*bytes),
                    iso(*modified)
                );
                self.allowed(at, by, path.clone(), text);
                return None;
            }
            (QuestionKind::Preflight { .. }, Answered::Overridden) => {
                for finding in std::mem::take(&mut self.blocking) {
                    let subject = format!("pre-flight: {}", finding.subject);
                    self.allowed(at, by, subject, finding.text);
                }
                return None;
            }
            (QuestionKind::Preflight { .. }, _) => return None,
            _ => {}
        }
        if by.client == 0 {
            return None;
        }
        let step = question
            .node
            .map(|node| format!(" \"{}\"", state.title(node)))
            .unwrap_or_default();
        let failed = match &question.kind {
            QuestionKind::Failed { attempt, .. } => format!(" after attempt {attempt} failed"),
            _ => String::new(),
        };
        Some(match answer {
            Answered::Retry => ("retry", format!("retried{step}{failed}")),
            Answered::Skip => ("skip", format!("went on without{step}{failed}")),
            Answered::RestartAndRetry => (
                "retry",
                format!("restarted the machine to retry{step}{failed}"),
            ),
            Answered::Overridden | Answered::Recheck => return None,
            Answered::Abort => ("abort", format!("ended the run at{step}{failed}")),
            Answered::Yes => ("answer", format!("answered yes at{step}")),
            Answered::No => ("answer", format!("answered no at{step}")),
            Answered::Values(names) => ("answer", format!("gave values for {}", names.join(", "))),
        })
    }

    fn allowed(&mut self, at: Millis, by: &Who, subject: String, text: String) {
        self.overrides.push(Override {
            at,
            by: by.name.clone(),
            subject,
            text,
        });
    }
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
