//! Why a step failed: what the failure screen, the log and the journal are made of.

use std::error::Error as StdError;

use thiserror::Error;

use crate::codes;
use crate::event::Failure;
use crate::platform::PlatformError;

/// A step's failure, with the code Configuration Manager would show.
#[derive(Debug, Error)]
pub enum StepError {
    /// The technician cancelled; becomes `Outcome::Aborted`, not a failure.
    #[error("cancelled")]
    Cancelled,
    /// Anything else.
    #[error("{message}")]
    Failed {
        /// 32-bit code.
        code: u32,
        /// One sentence that names object and cause.
        message: String,
        /// The typed cause from `wim`, `platform` or the standard library.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
        /// Last lines of a tool's output.
        tail: Vec<String>,
        /// The way out in one sentence.
        hint: Option<String>,
    },
}

impl StepError {
    /// A failure without a deeper cause.
    pub fn new(code: u32, message: impl Into<String>) -> Self {
        Self::Failed {
            code,
            message: message.into(),
            source: None,
            tail: Vec::new(),
            hint: None,
        }
    }

    /// A failure with its cause.
    pub fn because(
        code: u32,
        message: impl Into<String>,
        source: impl StdError + Send + Sync + 'static,
    ) -> Self {
        Self::Failed {
            code,
            message: message.into(),
            source: Some(Box::new(source)),
            tail: Vec::new(),
            hint: None,
        }
    }

    /// Adds the way out.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Failed { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// Adds the last lines of a tool's output.
    #[must_use]
    pub fn tail(mut self, lines: Vec<String>) -> Self {
        if let Self::Failed { tail, .. } = &mut self {
            *tail = lines;
        }
        self
    }

    /// A failure of the machine while `doing` (a gerund with the object: "mounting disk 0 partition 3"), with the code and the
    /// tool's last lines that belong to it.
    pub fn platform(doing: impl std::fmt::Display, error: PlatformError) -> Self {
        if matches!(error, PlatformError::Cancelled) {
            return Self::Cancelled;
        }
        let tail = match &error {
            PlatformError::Tool { tail, .. } => tail.clone(),
            _ => Vec::new(),
        };
        Self::because(error.code(), format!("{doing}: {error}"), error).tail(tail)
    }

    /// For an operating system error: the code by its kind.
    pub fn io(message: impl Into<String>, source: std::io::Error) -> Self {
        Self::because(codes::from_io(&source), message, source)
    }

    /// The event form, chain flattened.
    pub fn to_failure(&self) -> Failure {
        match self {
            Self::Cancelled => Failure {
                code: codes::CANCELLED,
                message: "cancelled".to_owned(),
                ..Failure::default()
            },
            Self::Failed {
                code,
                message,
                source,
                tail,
                hint,
            } => {
                let mut causes = Vec::new();
                let mut next: Option<&(dyn StdError + 'static)> =
                    source.as_deref().map(|s| s as &(dyn StdError + 'static));
                while let Some(cause) = next {
                    let text = cause.to_string();
                    if causes.last() != Some(&text) && &text != message {
                        causes.push(text);
                    }
                    next = cause.source();
                }
                Failure {
                    code: *code,
                    message: message.clone(),
                    causes,
                    tail: tail.clone(),
                    hint: hint.clone(),
                }
            }
        }
    }
}
