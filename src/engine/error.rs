//! What can go wrong with an engine, apart from its steps.

use std::path::PathBuf;

use thiserror::Error;

use crate::platform::PlatformError;

/// Errors that end the engine or refuse a start.
#[derive(Debug, Error)]
pub enum EngineError {
    /// A file of the run could not be read or written.
    #[error("{doing} {path}: {source}", path = .path.display())]
    File {
        /// A gerund: "writing".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The document has mistakes; the text shows them with lines and carets.
    #[error("{0}")]
    Document(String),
    /// A variable given at the start is not acceptable.
    #[error("{0}")]
    Variable(String),
    /// Nothing to resume.
    #[error("there is no interrupted run in {}", .0.display())]
    NothingToResume(PathBuf),
    /// The run is over.
    #[error("the run in {} has ended: start it anew with `wimforge run`", .0.display())]
    Ended(PathBuf),
    /// A journal that cannot be used.
    #[error("{path}, line {line}: {what}", path = .path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// Why.
        what: String,
    },
    /// The archive of a run could not be written; nothing of it is left.
    #[error("the bundle {path} cannot be written: {what}", path = .path.display())]
    Bundle {
        /// The archive, or what was given as its place.
        path: PathBuf,
        /// Cause and way out.
        what: String,
    },
    /// Another engine has the run or the socket.
    #[error("{0}")]
    Busy(String),
    /// The machine.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The socket.
    #[error("opening the control socket: {0}")]
    Socket(String),
}

impl EngineError {
    /// For `map_err`: names what was done to which file.
    pub fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            doing,
            path,
            source,
        }
    }
}
