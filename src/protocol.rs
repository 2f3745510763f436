//! What clients and engine say to each other over the local socket.
//!
//! Frames are JSON, each with a four-byte big-endian length before it (see `transport`). The first frame of either side
//! is a [`Hello`]; a client then sends [`Request`]s, numbered by itself, and gets exactly one [`Reply`] for each,
//! between [`Push`]es.

use serde::{Deserialize, Serialize};

use crate::event::{Event, NodeId, Progress};
use crate::run_state::RunState;
use crate::secret::Secret;

/// Number of this contract. Another number is refused with a reason both sides can show.
pub const CONTRACT: u32 = 1;
/// Longest frame a client may send, in bytes.
pub const LONGEST_REQUEST: usize = 256 * 1024;
/// Longest frame the engine may send, in bytes (a snapshot of 10,000 steps fits).
pub const LONGEST_PUSH: usize = 32 * 1024 * 1024;

/// The first frame of either side. Fields added later must have defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// From the engine: the run's id, when there is one.
    #[serde(default)]
    pub run: Option<String>,
    /// From the engine: the client's number.
    #[serde(default)]
    pub client: u32,
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
    /// Answer a yes-or-no question.
    Answer {
        /// The question's id.
        question: u32,
        /// Yes or no.
        yes: bool,
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
    /// End the engine; refused while a run is going.
    Shutdown,
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
            Self::NotNow(why) | Self::BadValue(why) | Self::BadSequence(why) => f.write_str(why),
        }
    }
}

/// A sequence as the picker shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceInfo {
    /// Absolute path.
    pub path: String,
    /// Name; the file's name when it is broken.
    pub name: String,
    /// Description.
    pub description: String,
    /// Steps that are not disabled.
    pub steps: u32,
    /// Disks it partitions.
    pub disks: Vec<u32>,
    /// What it asks.
    pub inputs: Vec<InputInfo>,
    /// Its mistakes, rendered; empty when it is good.
    pub mistakes: String,
    /// The first mistake in one line.
    pub first_mistake: String,
}

/// One input of a sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputInfo {
    /// Variable.
    pub variable: String,
    /// Label.
    pub label: String,
    /// Value offered.
    pub default: String,
    /// Secret.
    pub secret: bool,
    /// May stay empty.
    pub optional: bool,
    /// How it is checked.
    pub check: Check,
}

/// How an input is checked while typing; the engine checks again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Check {
    /// Any text.
    #[default]
    Text,
    /// NetBIOS computer name.
    ComputerName,
    /// UNC or local path that ends in `.wim`.
    ImagePath,
    /// `domain\user` or `user@domain`.
    Account,
    /// Whole number, both ends included.
    Number(u64, u64),
    /// One of these.
    OneOf(Vec<String>),
    /// 25 characters in five groups.
    ProductKey,
}

impl Check {
    /// Why `value` is not acceptable; `None` when it is. Empty values are the form's business.
    pub fn mistake(&self, value: &str) -> Option<String> {
        match self {
            Self::Text => None,
            Self::ComputerName => {
                if value.chars().count() > 15 {
                    Some("at most 15 characters".to_owned())
                } else {
                    value
                        .chars()
                        .find(|c| {
                            c.is_whitespace()
                                || c.is_control()
                                || "\\/:*?\"<>|.,~!@#$%^&'(){}".contains(*c)
                        })
                        .map(|c| format!("`{c}` is not allowed in a computer name"))
                }
            }
            Self::ImagePath => {
                if value.ends_with(['\\', '/']) {
                    Some("name a file, not a folder".to_owned())
                } else if value.chars().count() > 255 {
                    Some("at most 255 characters".to_owned())
                } else if !value.to_lowercase().ends_with(".wim") {
                    Some("end with .wim".to_owned())
                } else {
                    None
                }
            }
            Self::Account => {
                let good = value
                    .split_once('\\')
                    .or_else(|| value.split_once('@'))
                    .is_some_and(|(before, after)| !before.is_empty() && !after.is_empty());
                (!good).then(|| "write domain\\user or user@domain".to_owned())
            }
            Self::Number(low, high) => match value.parse::<u64>() {
                Ok(number) if (*low..=*high).contains(&number) => None,
                _ => Some(format!("a whole number from {low} to {high}")),
            },
            Self::OneOf(choices) => (!choices.iter().any(|c| c.eq_ignore_ascii_case(value)))
                .then(|| format!("one of: {}", choices.join(", "))),
            Self::ProductKey => {
                let groups: Vec<&str> = value.split('-').collect();
                let good = groups.len() == 5
                    && groups
                        .iter()
                        .all(|g| g.len() == 5 && g.chars().all(|c| c.is_ascii_alphanumeric()));
                (!good).then(|| "25 letters and digits: AAAAA-BBBBB-CCCCC-DDDDD-EEEEE".to_owned())
            }
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
