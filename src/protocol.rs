//! What clients and engine say to each other over the local socket.
//!
//! Frames are JSON, each with a four-byte big-endian length before it (see `transport`). The first frame of either side
//! is a [`Hello`]; a client then sends [`Request`]s, numbered by itself, and gets exactly one [`Reply`] for each,
//! between [`Push`]es.

mod inspect;
mod offer;

use serde::{Deserialize, Serialize};

pub use inspect::{
    Change, LOG_PAGE, LogPage, LogQuery, Mend, Pattern, ReplayCommand, ReplayState, StepChange,
    StepField, StepText,
};
pub use offer::{Check, InputInfo, SequenceInfo};

use crate::event::{Event, NodeId, Progress};
use crate::run_state::{People, RunState};
use crate::secret::Secret;

/// Number of this contract. Another number is refused with a reason both sides can show.
pub const CONTRACT: u32 = 3;
/// Longest frame a client may send, in bytes.
pub const LONGEST_REQUEST: usize = 256 * 1024;
/// Longest frame the engine may send, in bytes (a snapshot of 10,000 steps fits).
pub const LONGEST_PUSH: usize = 32 * 1024 * 1024;

/// The first frame of either side. Fields added later must have defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the program.
    pub version: String,
    /// [`CONTRACT`].
    pub contract: u32,
    /// From a client: what it is, for people ("console on /dev/pts/3", "plain", "ctl").
    #[serde(default)]
    pub name: String,
    /// From a client: it wants pushes (a console), or only replies (ctl).
    #[serde(default)]
    pub watch: bool,
    /// From a client: what it may do.
    #[serde(default)]
    pub role: Role,
    /// From a client: where it comes from, when over SSH.
    #[serde(default)]
    pub from: String,
    /// From a client: columns and rows of its terminal; 0 where there is none.
    #[serde(default)]
    pub size: (u16, u16),
    /// From the engine: the run's id, when there is one.
    #[serde(default)]
    pub run: Option<String>,
    /// From the engine: the client's number.
    #[serde(default)]
    pub client: u32,
}

/// What a client may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Its requests are carried out at once: `ctl`, and whoever started the run without a console.
    #[default]
    Tool,
    /// A console: acts while it holds the pen.
    Console,
    /// Looks on; every request that would change anything is refused.
    Watcher,
}

/// A secret on its way to the engine. Serialises, unlike [`Secret`]: only requests hold it, only the socket carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireSecret(pub Secret);

impl Serialize for WireSecret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.reveal())
    }
}

impl<'de> Deserialize<'de> for WireSecret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// Where a run starts from and what it may do without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRun {
    /// Absolute path of the sequence.
    pub sequence: String,
    /// Plain variables, name and value.
    pub set: Vec<(String, String)>,
    /// Secret variables.
    pub secrets: Vec<(String, WireSecret)>,
    /// Disks that may be wiped without a question.
    pub confirm_disks: Vec<u32>,
    /// An existing image may be replaced without a question.
    pub confirm_replace: bool,
    /// Nobody will answer: a question without a flag fails the step, a failed step fails the run.
    pub unattended: bool,
    /// Nothing touches the machine: every step only plays its part.
    #[serde(default)]
    pub rehearse: bool,
    /// Go on in spite of blocking pre-flight findings: the word that the check shows.
    #[serde(default)]
    pub override_preflight: Option<String>,
    /// Folder for a bundle after a failed run.
    #[serde(default)]
    pub bundle_to: Option<String>,
}

/// What a client may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The state as a snapshot; reply is [`Reply::Snapshot`].
    Status,
    /// Sequences in these folders and the default ones; reply is [`Reply::Sequences`].
    ListSequences {
        /// Further folders.
        folders: Vec<String>,
    },
    /// What one sequence asks before it starts; reply is [`Reply::Sequences`] with one entry.
    Describe {
        /// Path.
        sequence: String,
    },
    /// Start a run.
    Start(StartRun),
    /// Pause before the next step.
    Pause,
    /// Go on after a pause.
    Continue,
    /// Run one step, then pause again.
    Step,
    /// Run the failed step again. Names the attempt meant: a stale key press is refused.
    Retry {
        /// The step.
        node: NodeId,
        /// The attempt that failed.
        attempt: u32,
    },
    /// Go on without the failed step.
    Skip {
        /// The step.
        node: NodeId,
        /// The attempt that failed.
        attempt: u32,
    },
    /// End the run.
    Cancel {
        /// Kill what runs instead of asking it to end.
        kill: bool,
    },
    /// Answer a yes-or-no question; a yes that destroys something is [`Request::Confirm`].
    Answer {
        /// The question's id.
        question: u32,
        /// Yes or no.
        yes: bool,
    },
    /// Say yes to a question that has a word ([`crate::event::QuestionKind::word`]).
    Confirm {
        /// The question's id.
        question: u32,
        /// The word shown.
        word: String,
    },
    /// Give the secrets a question asks for.
    GiveSecrets {
        /// The question's id.
        question: u32,
        /// Name and value.
        values: Vec<(String, WireSecret)>,
    },
    /// Set a variable; empty deletes it.
    SetVariable {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
    /// Set a secret variable.
    SetSecret {
        /// Name.
        name: String,
        /// Value.
        value: WireSecret,
    },
    /// Make this the next step (only while paused or failed).
    Jump {
        /// The step.
        to: NodeId,
    },
    /// Set or clear a breakpoint.
    Break {
        /// The step.
        node: NodeId,
        /// Set or clear.
        set: bool,
    },
    /// Clear every breakpoint, and take back a [`Request::RunTo`] that was not reached.
    ClearBreaks,
    /// Go on, and pause before this step.
    RunTo {
        /// The step.
        node: NodeId,
    },
    /// Restart the machine, then run the failed step again.
    RestartAndRetry {
        /// The step.
        node: NodeId,
        /// The attempt that failed.
        attempt: u32,
    },
    /// Look at the machine again, as after a change by hand: connections anew, disks probed afresh.
    Mend {
        /// The step.
        node: NodeId,
        /// The attempt that failed.
        attempt: u32,
        /// What to do before the step runs again.
        how: Mend,
    },
    /// The settings of a step as text; reply is [`Reply::Step`].
    DescribeStep {
        /// The step.
        node: NodeId,
    },
    /// Change the settings of a step for this run.
    OverrideStep {
        /// The step.
        node: NodeId,
        /// What becomes of it.
        to: StepChange,
    },
    /// Where the value of a variable came from; reply is [`Reply::History`].
    Explain {
        /// The variable.
        name: String,
    },
    /// Lines of the log; reply is [`Reply::Log`].
    ReadLog(LogQuery),
    /// Do the pre-flight check again.
    Recheck {
        /// The question's id.
        question: u32,
    },
    /// Go on in spite of blocking findings.
    OverridePreflight {
        /// The question's id.
        question: u32,
        /// The word shown.
        word: String,
    },
    /// Write journal, log, report and what is known of the machine into one archive; reply is [`Reply::Written`].
    Bundle {
        /// A folder, a folder of a share (`\\server\share\folder`), or a file name that ends in `.tar.gz`; empty for the
        /// run's folder.
        to: String,
    },
    /// Sticks that a bundle could go to; reply is [`Reply::Offers`].
    BundleOffers,
    /// Take the pen.
    TakePen,
    /// The terminal has another size.
    Resized {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
    /// Steer a recorded run.
    Replay(ReplayCommand),
    /// End the engine; refused while a run is going.
    Shutdown,
}

impl Request {
    /// Whether it only reads: everyone may.
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::ListSequences { .. }
                | Self::Describe { .. }
                | Self::DescribeStep { .. }
                | Self::Explain { .. }
                | Self::ReadLog(_)
                | Self::BundleOffers
                | Self::Resized { .. }
        )
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done, or on its way: the event tells.
    Accepted,
    /// Not done, and why.
    Refused(Refusal),
    /// The state.
    Snapshot(Box<RunState>),
    /// Sequences.
    Sequences(Vec<SequenceInfo>),
    /// A step's settings.
    Step(Box<StepText>),
    /// The values a variable had, oldest first.
    History(Vec<Change>),
    /// Lines of the log.
    Log(LogPage),
    /// Folders, and what they are.
    Offers(Vec<(String, String)>),
    /// A file was written: its path and length in bytes.
    Written(String, u64),
}

/// Why a request was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The other side speaks another contract.
    WrongContract {
        /// Ours.
        ours: u32,
        /// Theirs.
        theirs: u32,
    },
    /// The frame is not one.
    BadFrame(String),
    /// There is no run.
    NoRun,
    /// There is one already.
    AlreadyRunning,
    /// The step named did not fail in that attempt, or has been dealt with.
    StaleAttempt,
    /// That question is not open (any more).
    NotAsked,
    /// Another console holds the pen.
    NoPen(String),
    /// This client only looks on.
    OnlyWatching,
    /// Does not fit the state the run is in; one sentence.
    NotNow(String),
    /// A value is not acceptable; one sentence.
    BadValue(String),
    /// The document has mistakes; rendered with lines and carets.
    BadSequence(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WrongContract { ours, theirs } => write!(
                f,
                "the engine speaks contract {ours}, this client {theirs}: use the same version of wimforge for both"
            ),
            Self::BadFrame(why) => write!(f, "not a frame of this protocol: {why}"),
            Self::NoRun => f.write_str("no run is going"),
            Self::AlreadyRunning => f.write_str("a run is going already: attach to it"),
            Self::StaleAttempt => f.write_str("that attempt is no longer waiting for a decision"),
            Self::NotAsked => f.write_str("that question is no longer open"),
            Self::NoPen(holder) => write!(f, "{holder} holds the pen: press t to take it"),
            Self::OnlyWatching => f.write_str("this console only looks on (--watch)"),
            Self::NotNow(why) | Self::BadValue(why) | Self::BadSequence(why) => f.write_str(why),
        }
    }
}

/// What the engine sends unasked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Push {
    /// The whole state: first thing after hello, and again when this client fell behind.
    Snapshot(Box<RunState>),
    /// A durable event; follows the last one seen without a gap.
    Event(Event),
    /// A sample.
    Progress(Progress),
    /// Who is there has changed.
    People(People),
    /// Where a recorded run stands.
    Replay(ReplayState),
    /// The engine ends; nothing follows.
    Bye(String),
}

/// A frame from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToEngine {
    /// First frame.
    Hello(Hello),
    /// A request with the client's number for it.
    Request(u64, Request),
}

/// A frame from the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToClient {
    /// First frame.
    Hello(Hello),
    /// The reply to the request of that number.
    Reply(u64, Reply),
    /// Unasked.
    Push(Push),
    /// Refused altogether; the connection is closed.
    Refused(Refusal),
}
