//! Looking closer: lines of the log, the history of a value, the settings of a step, a recorded run.

use serde::{Deserialize, Serialize};

use crate::event::{Millis, NodeId, Origin, Severity, Shown};
use crate::run_state::LogLine;

/// What is done before a failed step runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mend {
    /// The kernel reads the partition tables again.
    Rescan,
    /// The step connects anew. What an earlier Connect to Network Folder connected stays; a jump back to it connects again.
    Reconnect,
    /// The GPT attribute "no default drive letter" is cleared on the machine's NTFS partitions.
    ClearAttribute,
}

/// Which lines of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// Number of the event to start behind (forward) or before (backward); backward from [`u64::MAX`] is the end.
    pub from: u64,
    /// Towards newer lines.
    pub forward: bool,
    /// Lines at most; the engine caps it at [`LOG_PAGE`].
    pub most: u32,
    /// Least severe lines.
    pub severity: Option<Severity>,
    /// Only of this step.
    pub node: Option<NodeId>,
    /// Only of this attempt.
    pub attempt: Option<u32>,
    /// Only lines that hold this.
    pub find: Option<Pattern>,
}

/// Lines that one [`LogPage`] holds at most.
pub const LOG_PAGE: u32 = 1_000;

/// What a line must hold; upper and lower case are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// Text or regular expression.
    pub text: String,
    /// A regular expression (of the crate `regex`: no look-around, linear time).
    pub regex: bool,
}

/// Lines of the log, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<LogLine>,
    /// The event up to which was looked; the next query goes on there.
    pub through: u64,
    /// Nothing is left in that direction.
    pub end: bool,
}

/// A value that a variable had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Number of the event.
    pub seq: u64,
    /// When.
    pub at: Millis,
    /// The value; `None` when it was removed.
    pub value: Option<Shown>,
    /// From where.
    pub origin: Origin,
    /// The step's name, when a step set it; else empty.
    pub step: String,
}

/// A step's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepText {
    /// Which.
    pub node: NodeId,
    /// The settings in force, one a line: name and value in the document's format.
    pub fields: Vec<StepField>,
    /// The whole step as the document has it.
    pub original: String,
}

/// What becomes of a step's settings for this run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepChange {
    /// As the document has it.
    Original,
    /// The whole step in the document's format.
    Text(String),
    /// Some settings, by path and value as in [`StepField`]; an empty value takes a setting away.
    Settings(Vec<(String, String)>),
}

/// One setting of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepField {
    /// Its path within the step: `timeout`, `action.image`.
    pub path: String,
    /// Its value in the document's format, on one line; empty when it is not set.
    pub value: String,
    /// Its value in the document.
    pub original: String,
    /// What it may be, as in the document; a word with values of its own ends in `(...)`. Empty where any text or number
    /// will do.
    #[serde(default)]
    pub allowed: Vec<String>,
}

/// How to steer a recorded run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplayCommand {
    /// Stop or go on.
    Toggle,
    /// Hundredths of the recorded speed.
    Speed(u32),
    /// This many milliseconds on, or back.
    Move(i64),
    /// To the start of a step.
    ToStep(NodeId),
}

/// Where a recorded run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayState {
    /// Milliseconds since the run's start.
    pub at: i64,
    /// Milliseconds in all.
    pub length: i64,
    /// Hundredths of the recorded speed.
    pub speed: u32,
    /// Going on.
    pub playing: bool,
}
