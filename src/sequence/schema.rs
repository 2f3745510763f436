//! The document: sequence, inputs, groups, steps, conditions. The steps' own settings are in [`super::settings`].
//!
//! Names and defaults are Configuration Manager's (spec sections 1 and 2). Unknown fields are errors;
//! `flatten` and `untagged` are not used. `Some(...)` is never written: the loader reads options as plain values
//! and the content of a step kind without a second pair of parentheses.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::settings;
use crate::input::Check;

/// The schema version this program reads.
pub const SCHEMA: u32 = 1;

/// A whole document.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// Version of this format; see [`SCHEMA`].
    pub schema: u32,
    /// Name, 1 to 100 characters.
    pub name: String,
    /// What it is for, up to 512 characters.
    #[serde(default)]
    pub description: String,
    /// Variables that exist before the first step.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// What a technician is asked before the run, when the variable is empty.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Groups and steps, in order.
    pub steps: Vec<Node>,
}

/// One field of the form before the run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The variable that receives the value.
    pub variable: String,
    /// What the form says.
    pub label: String,
    /// How the value is checked while typing.
    #[serde(default)]
    pub check: Check,
    /// The value offered.
    #[serde(default)]
    pub default: String,
    /// Masked everywhere.
    #[serde(default)]
    pub secret: bool,
    /// May stay empty.
    #[serde(default)]
    pub optional: bool,
}

/// A group or a step.
#[expect(
    clippy::large_enum_variant,
    reason = "a document holds few of them, mostly steps"
)]
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub enum Node {
    /// A group.
    Group(Group),
    /// A step.
    Step(Step),
}

/// A group: runs its children in order until one fails (spec 1.7).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Name, 1 to 100 characters.
    pub name: String,
    /// For people, up to 255 characters.
    #[serde(default)]
    pub description: String,
    /// Whether it runs; none means yes.
    #[serde(default)]
    pub condition: Option<Condition>,
    /// Never runs.
    #[serde(default)]
    pub disabled: bool,
    /// A failure inside does not fail the group above.
    #[serde(default)]
    pub continue_on_error: bool,
    /// The children.
    pub steps: Vec<Node>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Name, 1 to 100 characters; may hold `%variables%`.
    pub name: String,
    /// For people, up to 255 characters.
    #[serde(default)]
    pub description: String,
    /// Whether it runs; none means yes.
    #[serde(default)]
    pub condition: Option<Condition>,
    /// Never runs.
    #[serde(default)]
    pub disabled: bool,
    /// A failure does not fail the group.
    #[serde(default)]
    pub continue_on_error: bool,
    /// Further attempts after a failure, before anybody is asked.
    #[serde(default)]
    pub retry: Option<Retry>,
    /// Seconds after which the step is ended and has failed; none means never.
    #[serde(default)]
    pub timeout: Option<u64>,
    /// Exit codes that are success. Default `0 3010` for commands, `0` for the rest (spec 1.6).
    #[serde(default)]
    pub success_codes: Option<Vec<u32>>,
    /// Ends with this outcome instead of running: for rehearsal and tests.
    #[serde(default)]
    pub simulate: Option<Simulate>,
    /// Doing it a second time does no harm; for commands, of which only the author can know.
    #[serde(default)]
    pub safe_to_repeat: bool,
    /// What it does.
    pub action: Action,
}

impl Step {
    /// What doing it a second time does; `None` when that is safe.
    pub fn repeats(&self) -> Option<String> {
        if self.safe_to_repeat || self.simulate.is_some() {
            return None;
        }
        self.action.repeats().map(str::to_owned)
    }
}

/// Automatic retry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, 2 to 100.
    pub attempts: u32,
    /// Seconds between them.
    #[serde(default)]
    pub delay: u64,
}

/// The outcome of a step that is not to run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum Simulate {
    /// Succeed after this many milliseconds.
    Succeed(u64),
    /// Fail with this code and message.
    Fail(u32, String),
    /// Fail the first N attempts with this code, then succeed.
    FailTimes(u32, u32),
}

/// Conditions (spec 1.8). Text compares without regard to case; numbers and dotted versions compare as such.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub enum Condition {
    /// Every member is true; true when empty.
    All(Vec<Condition>),
    /// At least one member is true; true when empty.
    Any(Vec<Condition>),
    /// No member is true; true when empty.
    None(Vec<Condition>),
    /// The variable has a non-empty value.
    Exists(String),
    /// It has none.
    NotExists(String),
    /// Variable, value.
    Equals(String, String),
    /// True also when the variable is missing.
    NotEquals(String, String),
    /// Variable, value.
    Greater(String, String),
    /// Variable, value.
    GreaterEqual(String, String),
    /// Variable, value.
    Less(String, String),
    /// Variable, value.
    LessEqual(String, String),
    /// With `*` and `?`.
    Like(String, String),
    /// With `*` and `?`.
    NotLike(String, String),
    /// A file exists, and its version or time (UTC) compares as said.
    File {
        /// Path; on the reference machine's volumes, else the boot environment's.
        path: String,
        /// Version of the file, for Windows programs.
        #[serde(default)]
        version: Option<Compare>,
        /// Modification time, `YYYY-MM-DDTHH:MM:SSZ`.
        #[serde(default)]
        modified: Option<Compare>,
    },
    /// A folder exists, and its time compares as said.
    Folder {
        /// Path.
        path: String,
        /// Modification time, `YYYY-MM-DDTHH:MM:SSZ`.
        #[serde(default)]
        modified: Option<Compare>,
    },
    /// A registry value (Windows only).
    Registry {
        /// `HKLM\...`.
        key: String,
        /// Value name; empty for the default value.
        #[serde(default)]
        value: String,
        /// The comparison; none asks whether it exists.
        #[serde(default)]
        data: Option<Compare>,
    },
    /// A WMI query returns at least one row (Windows only).
    Wmi {
        /// Default `root\cimv2`.
        #[serde(default)]
        namespace: Option<String>,
        /// WQL.
        query: String,
    },
    /// Any of these platforms (Windows only).
    OperatingSystemVersion(Vec<String>),
    /// Decimal LCID of the running Windows (Windows only).
    OperatingSystemLanguage(u32),
    /// Installed software by product code (Windows only).
    Software {
        /// `{GUID}`.
        product_code: String,
    },
}

/// A comparison with a literal.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub enum Compare {
    /// Equal.
    Equals(String),
    /// Different.
    NotEquals(String),
    /// Greater.
    Greater(String),
    /// Greater or equal.
    GreaterEqual(String),
    /// Less.
    Less(String),
    /// Less or equal.
    LessEqual(String),
}

/// What a step does. One variant a step kind; the file of the same name in `step/` does the work.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub enum Action {
    /// Set Task Sequence Variable.
    SetVariable(settings::SetVariable),
    /// Run Command Line.
    RunCommandLine(settings::RunCommandLine),
    /// Restart Computer.
    RestartComputer(settings::RestartComputer),
    /// Wait for a technician.
    Pause(settings::Pause),
    /// Format and Partition Disk.
    PartitionDisk(settings::PartitionDisk),
    /// Apply Operating System Image.
    ApplyOperatingSystem(settings::ApplyOperatingSystem),
    /// Apply Windows Settings.
    ApplyWindowsSettings(settings::ApplyWindowsSettings),
    /// Apply Network Settings.
    ApplyNetworkSettings(settings::ApplyNetworkSettings),
    /// Connect to Network Folder.
    ConnectNetworkFolder(settings::ConnectNetworkFolder),
    /// Capture Operating System Image.
    CaptureOperatingSystem(settings::CaptureOperatingSystem),
}

impl Action {
    /// Configuration Manager's name for the step kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SetVariable(_) => "Set Task Sequence Variable",
            Self::RunCommandLine(_) => "Run Command Line",
            Self::RestartComputer(_) => "Restart Computer",
            Self::Pause(_) => "Pause",
            Self::PartitionDisk(_) => "Format and Partition Disk",
            Self::ApplyOperatingSystem(_) => "Apply Operating System Image",
            Self::ApplyWindowsSettings(_) => "Apply Windows Settings",
            Self::ApplyNetworkSettings(_) => "Apply Network Settings",
            Self::ConnectNetworkFolder(_) => "Connect to Network Folder",
            Self::CaptureOperatingSystem(_) => "Capture Operating System Image",
        }
    }

    /// What doing it a second time does to the machine; `None` when that is safe.
    pub fn repeats(&self) -> Option<&'static str> {
        match self {
            Self::SetVariable(_)
            | Self::Pause(_)
            | Self::ApplyWindowsSettings(_)
            | Self::ApplyNetworkSettings(_)
            | Self::ConnectNetworkFolder(_) => None,
            Self::RunCommandLine(_) => Some("the command runs again"),
            Self::RestartComputer(_) => Some("the machine restarts again"),
            Self::PartitionDisk(_) => Some("the disk is wiped again, with all that is on it"),
            Self::ApplyOperatingSystem(_) => {
                Some("the volume must be empty, or is formatted anew and written again")
            }
            Self::CaptureOperatingSystem(_) => {
                Some("the image is written again; a finished one is kept until then")
            }
        }
    }

    /// The CMTrace component that logs for it (spec 4.3).
    pub fn component(&self) -> &'static str {
        match self {
            Self::SetVariable(_) => "TSEnv",
            Self::RunCommandLine(_) => "InstallSoftware",
            Self::RestartComputer(_) | Self::Pause(_) | Self::ConnectNetworkFolder(_) => {
                "TSManager"
            }
            Self::PartitionDisk(_) => "OSDDiskPart",
            Self::ApplyOperatingSystem(_) => "ApplyOperatingSystem",
            Self::ApplyWindowsSettings(_) => "OSDWinSettings",
            Self::ApplyNetworkSettings(_) => "OSDNetSettings",
            Self::CaptureOperatingSystem(_) => "CaptureSystemImage",
        }
    }

    /// How long it takes beside other kinds, for the overall bar.
    pub fn weight(&self) -> u32 {
        match self {
            Self::ApplyOperatingSystem(_) => 30,
            Self::CaptureOperatingSystem(_) => 60,
            Self::PartitionDisk(_) => 4,
            _ => 1,
        }
    }
}
