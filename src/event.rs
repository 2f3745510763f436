//! What can be said about a run: one closed vocabulary, data only.
//!
//! Two classes. An [`Event`] is durable: numbered, stamped, journalled, never dropped. A [`Progress`] is a
//! sample: only the latest of a step matters, and it may be lost. [`crate::run_state::RunState`] is the fold.

mod question;

use serde::{Deserialize, Serialize};

pub use question::{Answered, DiskFacts, Finding, Gravity, Question, QuestionKind};

/// Milliseconds since 1970-01-01 UTC.
pub type Millis = i64;

/// A node of the plan (group or step): its index in [`Plan::nodes`], which is depth first, parents first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The index into [`Plan::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The whole sequence as it will run, announced before the first step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The sequence's name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Every group and step, depth first.
    pub nodes: Vec<PlanNode>,
}

/// One group or step of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanNode {
    /// Its place in the plan.
    pub id: NodeId,
    /// The group it belongs to; `None` at the top.
    pub parent: Option<NodeId>,
    /// Nesting depth; 0 at the top.
    pub depth: u16,
    /// The name as written (may hold `%variables%`).
    pub name: String,
    /// Group, or step with the name of its kind in Configuration Manager's words ("Apply Operating System Image").
    pub kind: NodeKind,
    /// Disabled by itself or by a group above it.
    pub disabled: bool,
    /// A failure does not fail the group above.
    pub continue_on_error: bool,
    /// How long this step takes beside others, for the overall bar; 0 for groups.
    pub weight: u32,
    /// What doing it a second time does; `None` when the step declares itself safe to repeat. Groups: `None`.
    #[serde(default)]
    pub repeats: Option<String>,
}

/// Group or step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeKind {
    /// A group.
    Group,
    /// A step, by the name of its kind.
    Step(String),
}

/// How serious a log line is; CMTrace types 1 to 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Type 1.
    Info,
    /// Type 2.
    Warning,
    /// Type 3.
    Error,
}

/// Who did something: a client of the engine, or the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The client's number in this engine; 0 for the command line and the engine itself.
    pub client: u32,
    /// For people: "root@10.0.0.7 (console on /dev/pts/3)", "root (ctl)", "--confirm-disk".
    pub name: String,
}

impl Who {
    /// The engine itself, or a flag of the command line.
    pub fn engine(name: &str) -> Self {
        Self {
            client: 0,
            name: name.to_owned(),
        }
    }
}

/// A variable's value as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// Not secret.
    Plain(String),
    /// Secret: present, not shown.
    Masked,
}

/// Where a variable's value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// The engine, before the first step or as last-action variable.
    Engine,
    /// The document's `variables`.
    Document,
    /// An input of the document, typed or defaulted.
    Input,
    /// `--set` or `--secret`.
    CommandLine,
    /// A technician, while the run was going.
    Technician(Who),
    /// A step.
    Step(NodeId),
}

/// Why a node did not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkipReason {
    /// It or a group above it is disabled.
    Disabled,
    /// Its condition was false; the text says which.
    Condition(String),
    /// A group above it was skipped for its condition.
    GroupSkipped,
    /// A technician skipped it after a failure.
    Technician(Who),
}

/// Why something failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// 32-bit code, HRESULT where it is Windows', else the tool's exit code.
    pub code: u32,
    /// One sentence that names object and cause.
    pub message: String,
    /// The chain below it, outermost first.
    pub causes: Vec<String>,
    /// The last lines of the tool's output, when a tool was involved.
    pub tail: Vec<String>,
    /// The way out, when one is known: one sentence.
    pub hint: Option<String>,
}

/// How a step or group ended: a closed vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// All done.
    Succeeded,
    /// Done, with something to know; the text says what.
    Warned(String),
    /// Failed. `ignored` when "continue on error" or a technician let the run go on.
    Failed {
        /// Why.
        failure: Failure,
        /// The run goes on all the same.
        ignored: bool,
    },
    /// Cancelled while running.
    Aborted,
    /// Never started because of the step named.
    WillNotRun(NodeId),
    /// The engine died while it ran; it will run again.
    Interrupted,
}

/// How the whole run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunOutcome {
    /// Exit code 0.
    Succeeded,
    /// Exit code 1.
    Failed,
    /// Exit code 3.
    Cancelled,
}

impl Outcome {
    /// The outcome as a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Warned(_) => "warned",
            Self::Failed { ignored: true, .. } => "failed, ignored",
            Self::Failed { .. } => "failed",
            Self::Aborted => "aborted",
            Self::WillNotRun(_) => "not run",
            Self::Interrupted => "interrupted",
        }
    }
}

impl RunOutcome {
    /// The outcome as a word that stands out.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The exit code of `wimforge run` for this outcome.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Succeeded => 0,
            Self::Failed => 1,
            Self::Cancelled => 3,
        }
    }
}

/// The exit code of a client that is left before the run's end, which goes on without it.
pub const LEFT: u8 = 5;

/// What a running phase counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Files, partitions, lines.
    Items,
    /// Thousandths, from tools that only print a percentage.
    Permille,
    /// Nothing countable: the phase is alive or not.
    Nothing,
}

/// Something worth telling at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Artifact {
    /// A volume became an image.
    CapturedVolume {
        /// Index in the WIM, from 1.
        index: u32,
        /// What it was: "disk 0 partition 3, NTFS, Windows".
        volume: String,
        /// Bytes of file data in the volume.
        bytes: u64,
        /// Files.
        files: u64,
    },
    /// A volume was not captured.
    SkippedVolume {
        /// Which.
        volume: String,
        /// Why.
        reason: String,
    },
    /// A file was written.
    File {
        /// Where.
        path: String,
        /// Its length in bytes.
        bytes: u64,
        /// What it is.
        what: String,
    },
}

/// A durable event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// 1, 2, 3 ... within the run, without gaps.
    pub seq: u64,
    /// When.
    pub at: Millis,
    /// What.
    pub body: EventBody,
}

/// Everything that can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventBody {
    /// The first event of a run.
    RunStarted {
        /// The run's id: name of its folder.
        run: String,
        /// Where its files lie.
        folder: String,
        /// The sequence file it came from.
        source: String,
        /// What will run.
        plan: Plan,
        /// No technician is expected.
        unattended: bool,
        /// Nothing touches the machine: every step only plays its part.
        #[serde(default)]
        rehearsal: bool,
    },
    /// An engine took up an interrupted run, or started again after a planned restart.
    BootStarted {
        /// 1 for the first.
        boot: u32,
        /// Whether the new environment is Windows PE.
        in_winpe: bool,
        /// The previous boot ended without being planned.
        unplanned: bool,
    },
    /// A planned restart.
    BootEnded {
        /// "WinPE" or "HD".
        target: String,
        /// What the sequence says about it.
        message: String,
    },
    /// The last event of a run.
    RunFinished {
        /// How.
        outcome: RunOutcome,
        /// 0, or the code of the failing step.
        code: u32,
        /// One sentence.
        summary: String,
    },
    /// A group's children start.
    GroupStarted {
        /// Which.
        node: NodeId,
    },
    /// A group is through.
    GroupFinished {
        /// Which.
        node: NodeId,
        /// How.
        outcome: Outcome,
    },
    /// A group or step does not run.
    Skipped {
        /// Which.
        node: NodeId,
        /// Why.
        reason: SkipReason,
    },
    /// An attempt at a step starts.
    StepStarted {
        /// Which.
        node: NodeId,
        /// 1, 2, 3 ...
        attempt: u32,
        /// Its name with variables expanded.
        name: String,
    },
    /// The step entered a phase ("formatting partition 3").
    StepPhase {
        /// Which.
        node: NodeId,
        /// The attempt.
        attempt: u32,
        /// The phase in words.
        phase: String,
        /// What its progress counts.
        unit: Unit,
    },
    /// An attempt ended.
    StepFinished {
        /// Which.
        node: NodeId,
        /// The attempt.
        attempt: u32,
        /// How.
        outcome: Outcome,
        /// Milliseconds it worked, without what it waited for a person.
        millis: u64,
    },
    /// The document's retry setting starts another attempt after a while.
    RetryScheduled {
        /// Which.
        node: NodeId,
        /// The attempt that failed.
        attempt: u32,
        /// Attempts in all.
        of: u32,
        /// Seconds until the next.
        delay_seconds: u64,
    },
    /// A step reports stalled or moving again.
    Stalled {
        /// Which.
        node: NodeId,
        /// Seconds without a sign; 0 when it moves again.
        seconds: u64,
    },
    /// A variable has a new value.
    VariableSet {
        /// Its name.
        name: String,
        /// Its value, masked when secret.
        value: Shown,
        /// From where.
        origin: Origin,
    },
    /// A variable is gone.
    VariableRemoved {
        /// Its name.
        name: String,
        /// By what.
        origin: Origin,
    },
    /// A line of the log.
    Log {
        /// How serious.
        severity: Severity,
        /// CMTrace component: "TSManager", "OSDDiskPart".
        component: String,
        /// One line, redacted and at most [`crate::text::LONGEST_SHOWN`] bytes.
        text: String,
        /// The step it belongs to.
        node: Option<NodeId>,
        /// The attempt at that step; 0 outside of one.
        #[serde(default)]
        attempt: u32,
    },
    /// The engine waits for an answer.
    QuestionAsked {
        /// The question.
        question: Question,
    },
    /// Somebody answered.
    QuestionAnswered {
        /// The question's id.
        id: u32,
        /// The answer, without values.
        answer: Answered,
        /// Who.
        by: Who,
    },
    /// The run was paused before the next step, or goes on.
    PauseChanged {
        /// Paused now.
        paused: bool,
        /// By whom.
        by: Who,
    },
    /// A breakpoint was set or cleared.
    BreakpointChanged {
        /// Where.
        node: NodeId,
        /// Set or cleared.
        set: bool,
        /// By whom.
        by: Who,
    },
    /// "Run to here": the run pauses before this step once.
    RunTo {
        /// Where; `None` when it was reached or taken back.
        node: Option<NodeId>,
        /// By whom.
        by: Who,
    },
    /// A step's settings were changed for this run; the document stays as it is.
    StepOverridden {
        /// Which.
        node: NodeId,
        /// The step as text in the document's format; `None` goes back to the document.
        text: Option<String>,
        /// By whom.
        by: Who,
    },
    /// A console took the pen: requests of other consoles are refused.
    PenTaken {
        /// Who has it now.
        by: Who,
    },
    /// A console stepped aside for a shell on the machine, or came back from it.
    ShellChanged {
        /// It runs now.
        open: bool,
        /// Whose it is.
        by: Who,
    },
    /// What the pre-flight check found.
    Preflight {
        /// In the order of the steps.
        findings: Vec<Finding>,
    },
    /// Somebody, or the time limit of a cancel, wants the run to end.
    CancelRequested {
        /// Kill what runs; else it is asked to end.
        kill: bool,
        /// By whom.
        by: Who,
        /// What is waited for.
        waiting_for: String,
        /// Seconds until what still runs is killed, or, after that, given up.
        #[serde(default)]
        seconds: u64,
    },
    /// What was to be cancelled did not even end when it was killed: the engine waits no longer.
    CancelGivenUp {
        /// What was waited for.
        waiting_for: String,
    },
    /// What the run leaves on the machine though it should not.
    LeftBehind {
        /// One sentence each, with the way to remove it.
        items: Vec<String>,
    },
    /// The technician moved the pointer.
    Jumped {
        /// The next step to run.
        to: NodeId,
        /// By whom.
        by: Who,
    },
    /// Something for the summary.
    Produced {
        /// The step.
        node: NodeId,
        /// What.
        artifact: Artifact,
    },
}

/// A sample of the running step: dropped when there is no time for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The step.
    pub node: NodeId,
    /// The attempt.
    pub attempt: u32,
    /// When it was sampled.
    pub at: Millis,
    /// Counted so far, in the phase's unit.
    pub done: u64,
    /// All there is; 0 while unknown. May shrink (deduplication): readers must not move backwards.
    pub total: u64,
    /// Milliseconds since the tool last gave a sign of life.
    pub silent_millis: u64,
    /// What is being worked on right now (a file name, "partition 2"); may be empty.
    pub detail: String,
}
