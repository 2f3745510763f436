//! The parts of what is known: nodes, attempts, phase, variables, log lines, people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{
    Millis, NodeId, Origin, Outcome, RunOutcome, Severity, Shown, SkipReason, Unit, Who,
};

/// Where a node stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Not yet reached.
    #[default]
    Waiting,
    /// Going on.
    Running,
    /// Failed and waiting for a decision.
    Undecided,
    /// Did not run.
    Skipped(SkipReason),
    /// Through.
    Ended(Outcome),
}

impl Status {
    /// Where the node stands, as a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Undecided => "undecided",
            Self::Skipped(SkipReason::Technician(_)) => "skipped by hand",
            Self::Skipped(_) => "skipped",
            Self::Ended(outcome) => outcome.word(),
        }
    }
}

/// One node's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// Where it stands.
    pub status: Status,
    /// Attempts so far.
    pub attempt: u32,
    /// Name with variables expanded, once started.
    pub title: String,
    /// Start of the latest attempt.
    pub started: Option<Millis>,
    /// End of the latest attempt.
    pub ended: Option<Millis>,
    /// Number of the event with which the first attempt began; 0 before.
    pub first_seq: u64,
    /// Milliseconds of work over all attempts that ended: what they waited for a person is not in it.
    pub spent_millis: u64,
    /// Milliseconds that the latest attempt waited for a person, without the question that is open.
    #[serde(default)]
    pub waited_millis: u64,
    /// Since when the running attempt waits for a person.
    #[serde(default)]
    pub waiting_since: Option<Millis>,
    /// The last [`super::ATTEMPTS_KEPT`] attempts that ended, oldest first.
    pub attempts: Vec<AttemptState>,
}

impl NodeState {
    /// How long the running attempt has worked until `now`, without what it waited for a person.
    pub fn working(&self, now: Millis) -> Option<Duration> {
        // While it waits, its time stands still.
        let until = self.waiting_since.unwrap_or(now);
        let millis = u64::try_from(until.saturating_sub(self.started?)).unwrap_or(0);
        Some(Duration::from_millis(
            millis.saturating_sub(self.waited_millis),
        ))
    }
}

/// An attempt at a step that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptState {
    /// 1, 2, 3 ...
    pub number: u32,
    /// When it began.
    pub started: Option<Millis>,
    /// Milliseconds it worked, without what it waited for a person.
    pub millis: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// A step whose settings were changed for this run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOverride {
    /// Which.
    pub node: NodeId,
    /// The step as text in the document's format.
    pub text: String,
    /// By whom.
    pub by: Who,
    /// When.
    pub at: Millis,
}

/// A cancel that is going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelling {
    /// What is waited for.
    pub waiting_for: String,
    /// It is being killed; else it was asked.
    pub kill: bool,
    /// When it is killed, or given up.
    pub until: Millis,
}

/// A client that is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Who.
    pub who: Who,
    /// Where it comes from: an address when over SSH, else empty.
    pub from: String,
    /// Columns and rows of its terminal; 0 where there is none.
    pub size: (u16, u16),
    /// A console that may hold the pen; else it only looks on.
    pub may_act: bool,
    /// When it came.
    pub since: Millis,
}

/// Who is there. Not part of the journal: it dies with the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Clients that look on, in order of their coming.
    pub attached: Vec<Attached>,
    /// The client that holds the pen.
    pub pen: Option<u32>,
}

impl People {
    /// The client with the pen.
    pub fn holder(&self) -> Option<&Attached> {
        let pen = self.pen?;
        self.attached.iter().find(|a| a.who.client == pen)
    }
}

/// The current phase of the running step and its latest sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseState {
    /// The step.
    pub node: NodeId,
    /// The attempt.
    pub attempt: u32,
    /// The phase in words.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// When it began.
    pub started: Millis,
    /// Done so far; never shrinks.
    pub done: u64,
    /// All there is, as last told; 0 while unknown.
    pub total: u64,
    /// Thousandths for the bar, 0 to 999 until the phase has ended; never shrinks.
    pub permille: Option<u16>,
    /// What is being worked on.
    pub detail: String,
    /// Milliseconds without a sign of life at the latest sample.
    pub silent_millis: u64,
    /// When the latest sample was taken.
    pub sampled: Millis,
    /// Seconds it has been named as stalled for; 0 when it moves.
    pub stalled_seconds: u64,
}

/// Nothing is said of the time left before this much has passed: a rate needs a while.
const RATE_NEEDS: Duration = Duration::from_secs(3);

impl PhaseState {
    /// From its beginning to the latest sample.
    pub fn elapsed(&self) -> Duration {
        let millis = self.sampled.saturating_sub(self.started);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Time left by the rate so far; nothing in the first seconds.
    pub fn time_left(&self) -> Option<Duration> {
        let share = self.permille.filter(|share| *share >= 10)?;
        let elapsed = self.elapsed();
        if elapsed < RATE_NEEDS {
            return None;
        }
        let rest = 1000_u16.saturating_sub(share);
        Some(elapsed.mul_f64(f64::from(rest) / f64::from(share)))
    }
}

/// A variable as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableState {
    /// Name as first set.
    pub name: String,
    /// Value or mask.
    pub value: Shown,
    /// From where.
    pub origin: Origin,
    /// Number of the event that set it.
    pub seq: u64,
    /// When.
    pub at: Millis,
}

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Number of its event.
    pub seq: u64,
    /// When.
    pub at: Millis,
    /// How serious.
    pub severity: Severity,
    /// Component.
    pub component: String,
    /// Text; make it harmless before drawing.
    pub text: String,
    /// The step.
    pub node: Option<NodeId>,
    /// The attempt at it; 0 outside of one.
    pub attempt: u32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// How.
    pub outcome: RunOutcome,
    /// Code of the failing step, or 0.
    pub code: u32,
    /// One sentence.
    pub summary: String,
    /// When.
    pub at: Millis,
}
