//! What can go wrong with the machine.

use std::path::PathBuf;

use thiserror::Error;

use crate::codes;

use super::types::Refusal;

/// How a tool ended, by its exit code as shells count it.
pub fn ending(code: i32) -> String {
    match code {
        // No tool used here chooses such a code; signals go up to 64.
        137 => "was killed (signal 9)".to_owned(),
        129..=192 => format!("was ended by signal {}", code - 128),
        _ => format!("failed with exit code {code}"),
    }
}

/// Errors of [`super::Machine`], with the object's name in each.
#[derive(Debug, Error)]
pub enum PlatformError {
    /// The system said no; `doing` is a lower-case gerund with the object ("opening /dev/loop0").
    #[error("{doing}: {source}")]
    Io {
        /// What was being done to what.
        doing: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A tool failed.
    #[error("{tool} {}", ending(*.code))]
    Tool {
        /// Program.
        tool: String,
        /// Its exit code, or 128 + signal.
        code: i32,
        /// Last lines of its output.
        tail: Vec<String>,
    },
    /// A tool is not installed.
    #[error("the program {0} is missing; install it and try again")]
    MissingTool(String),
    /// No disk of that number.
    #[error("there is no disk {0}")]
    NoDisk(u32),
    /// No such partition.
    #[error("disk {disk} has no partition {partition}")]
    NoPartition {
        /// Disk number.
        disk: u32,
        /// Partition number.
        partition: u32,
    },
    /// The disk may not be written.
    #[error("disk {number} may not be written: {}", .refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused {
        /// Disk number.
        number: u32,
        /// Every reason.
        refusals: Vec<Refusal>,
    },
    /// The disk is not the one that was confirmed.
    #[error("disk {number} changed since it was confirmed: {what}")]
    Changed {
        /// Disk number.
        number: u32,
        /// What differs.
        what: String,
    },
    /// The disk holds no valid layout for what is asked; the text says why.
    #[error("{0}")]
    Layout(String),
    /// Network or share trouble, told apart (capture failures, section 3).
    #[error("{message}")]
    Share {
        /// HRESULT: 0x80070035 unknown server, 0x80070043 no such share, 0x8007052E logon, 0x80070005 no right ...
        code: u32,
        /// One sentence.
        message: String,
    },
    /// Something is not possible on this system; one sentence.
    #[error("{0}")]
    Unsupported(String),
    /// A file or device is not what it must be.
    #[error("{path}: {what}", path = .path.display())]
    Unfit {
        /// Which.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// Cancelled while waiting.
    #[error("cancelled")]
    Cancelled,
}

impl PlatformError {
    /// Wraps a system error with what was being done.
    pub fn io(doing: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            doing: doing.into(),
            source,
        }
    }

    /// The code Configuration Manager would show: the HRESULT by meaning, or the tool's exit code.
    pub fn code(&self) -> u32 {
        match self {
            Self::Io { source, .. } => codes::from_io(source),
            Self::Tool { code, .. } => code.unsigned_abs(),
            Self::MissingTool(_) => codes::FILE_NOT_FOUND,
            Self::NoDisk(_) => codes::INVALID_DRIVE,
            Self::NoPartition { .. } => codes::NOT_FOUND,
            Self::Refused { refusals, .. } => match refusals.first() {
                Some(Refusal::ReadOnly(_)) => codes::WRITE_PROTECT,
                Some(
                    Refusal::RealDisk(_) | Refusal::BootMedium(_) | Refusal::Unreadable { .. },
                ) => codes::ACCESS_DENIED,
                _ => codes::SHARING_VIOLATION,
            },
            Self::Changed { .. } | Self::Layout(_) => codes::UNEXPECTED,
            Self::Share { code, .. } => *code,
            Self::Unsupported(_) => codes::NOT_SUPPORTED,
            Self::Unfit { .. } => codes::INVALID_DATA,
            Self::Cancelled => codes::CANCELLED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_tool_is_not_one_that_failed() {
        let said = |code| {
            let tool = "mkntfs".to_owned();
            let tail = Vec::new();
            PlatformError::Tool { tool, code, tail }.to_string()
        };
        assert_eq!(said(1), "mkntfs failed with exit code 1");
        assert_eq!(said(137), "mkntfs was killed (signal 9)");
        assert_eq!(said(143), "mkntfs was ended by signal 15");
    }
}
