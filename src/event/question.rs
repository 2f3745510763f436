//! What the engine asks a technician, and what a pre-flight check found.

use serde::{Deserialize, Serialize};

use super::{Failure, Millis, NodeId};
use crate::units;

/// A question to the technician. While it is open, the engine waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Unique within the run.
    pub id: u32,
    /// The step that asks, when one does.
    pub node: Option<NodeId>,
    /// What is asked.
    pub kind: QuestionKind,
}

/// The kinds of question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuestionKind {
    /// This disk will be wiped. Answers: Yes, No.
    ConfirmDisk(DiskFacts),
    /// This existing image file will be replaced. Answers: Yes, No.
    ConfirmReplace {
        /// The file.
        path: String,
        /// Its length in bytes.
        bytes: u64,
        /// Its modification time.
        modified: Millis,
    },
    /// A step failed. Answers: Retry, Skip, Abort.
    Failed {
        /// The attempt that failed.
        attempt: u32,
        /// Why.
        failure: Failure,
    },
    /// The sequence waits for a person. Answer: Yes.
    Pause {
        /// What the author wants to say.
        message: String,
    },
    /// The pre-flight page: [`super::EventBody::Preflight`] before it holds the findings. Answers: Yes (nothing is blocking),
    /// Overridden (by typing `word`), Recheck, Abort.
    Preflight {
        /// Findings that block.
        blocking: u32,
        /// The word that overrides them.
        word: String,
    },
    /// Secrets are needed (again, after a resume). Answer: Values.
    Secrets {
        /// Why they are needed.
        reason: String,
        /// The variables.
        variables: Vec<String>,
    },
}

/// The word that lets a disk be wiped.
const WIPE: &str = "wipe";

/// The word that lets an image be replaced.
const REPLACE: &str = "replace";

impl QuestionKind {
    /// The word that says yes where something is destroyed or a check is overridden; none where a plain yes will do.
    pub fn word(&self) -> Option<&str> {
        match self {
            Self::ConfirmDisk(_) => Some(WIPE),
            Self::ConfirmReplace { .. } => Some(REPLACE),
            Self::Preflight {
                blocking: 1..,
                word,
            } => Some(word),
            _ => None,
        }
    }
}

impl Question {
    /// What is asked, in one line without the word that answers it.
    pub fn about(&self) -> String {
        match &self.kind {
            QuestionKind::ConfirmDisk(facts) => format!(
                "wipe disk {} ({}, {})?",
                facts.number,
                facts.path,
                units::bytes(facts.bytes)
            ),
            QuestionKind::ConfirmReplace { path, .. } => format!("replace {path}?"),
            QuestionKind::Failed { failure, .. } => format!("a step failed: {}", failure.message),
            QuestionKind::Pause { message } => message.clone(),
            QuestionKind::Preflight { blocking: 0, .. } => {
                "pre-flight check passed, go on?".to_owned()
            }
            QuestionKind::Preflight { blocking, .. } => format!(
                "go on in spite of {}?",
                units::count(u64::from(*blocking), "blocking pre-flight finding")
            ),
            QuestionKind::Secrets { variables, .. } => {
                format!("secrets are needed: {}", variables.join(", "))
            }
        }
    }

    /// The requests of `wimforge ctl` that answer it, as they are typed after `wimforge `.
    pub fn answers(&self) -> String {
        let id = self.id;
        match (&self.kind, self.kind.word()) {
            (QuestionKind::Preflight { .. }, Some(word)) => {
                format!("ctl recheck, ctl answer {id} {word}, or ctl cancel")
            }
            (_, Some(word)) => format!("ctl answer {id} {word}, or ctl answer {id} no"),
            (QuestionKind::Failed { .. }, None) => "ctl retry|skip|cancel".to_owned(),
            (QuestionKind::Pause { .. }, None) => "ctl answer yes".to_owned(),
            (QuestionKind::Secrets { .. }, None) => "ctl secrets NAME=file:PATH ...".to_owned(),
            (_, None) => "ctl answer yes|no".to_owned(),
        }
    }
}

/// What is known about a disk, as shown before it is wiped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFacts {
    /// The disk number of the task sequence.
    pub number: u32,
    /// Device node.
    pub path: String,
    /// Model, or "image file".
    pub model: String,
    /// Serial number, when there is one.
    pub serial: String,
    /// Size in bytes.
    pub bytes: u64,
    /// GPT, MBR or none, and whether it is damaged.
    pub table: String,
    /// What the disk holds, in one clause; empty in journals of before 0.2.
    #[serde(default)]
    pub found: String,
    /// Everything that is lost, a line each: what is wrong with the table, what lies on the whole disk, each partition with
    /// number, size, file system and label.
    pub contents: Vec<String>,
}

/// How much a pre-flight finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Gravity {
    /// As it should be.
    Fine,
    /// The run may go on; the technician should know.
    Warning,
    /// The run would fail or do harm: goes on only when a technician types the word shown.
    Blocking,
}

/// One line of the pre-flight page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The step it was found for; `None` for the document or the machine as a whole.
    pub node: Option<NodeId>,
    /// What was looked at, in a few words: "disk 0", "capture destination", "clock".
    pub subject: String,
    /// What was found, one sentence.
    pub text: String,
    /// How much it weighs.
    pub gravity: Gravity,
    /// What to do about it, one sentence, safe way first.
    pub way_out: Option<String>,
}

/// An answer, as recorded: values never travel in events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answered {
    /// Yes, go on.
    Yes,
    /// No.
    No,
    /// Run the step again.
    Retry,
    /// Go on without the step.
    Skip,
    /// End the run.
    Abort,
    /// Values were given for these variables.
    Values(Vec<String>),
    /// Go on in spite of blocking findings.
    Overridden,
    /// Look again.
    Recheck,
    /// Restart the machine, then run the step again.
    RestartAndRetry,
}
