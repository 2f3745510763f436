//! What wimlib says while it works.

use std::ops::ControlFlow;

/// What wimlib is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WimPhase {
    /// Reading the tree of a volume that is to be captured; the total is unknown.
    Scanning,
    /// Compressing and writing file data.
    Writing,
    /// Creating files and folders; counts entries, not bytes.
    ExtractingStructure,
    /// Writing file data to the target.
    Extracting,
    /// Setting times and the like; counts entries, not bytes.
    ExtractingMetadata,
    /// Computing every stream's SHA-1.
    Verifying,
    /// Checking or computing the integrity table.
    Integrity,
}

/// One sign of life.
#[derive(Clone, Copy, Debug)]
pub struct WimProgress<'a> {
    /// What is being done.
    pub phase: WimPhase,
    /// Bytes done (entries in the two phases that count entries).
    pub done: u64,
    /// All there is; 0 while unknown. Shrinks while writing, as duplicates are found.
    pub total: u64,
    /// The path being worked on, when wimlib says it.
    pub detail: Option<&'a str>,
}

/// Watches a long call and may end it. Called from wimlib's callback: return quickly, do not call into wimlib.
pub trait Monitor {
    /// A sign of life; [`ControlFlow::Break`] aborts the call with [`super::WimError::Aborted`].
    fn update(&self, progress: &WimProgress<'_>) -> ControlFlow<()>;
}

/// A monitor that neither watches nor aborts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn update(&self, _progress: &WimProgress<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: Fn(&WimProgress<'_>) -> ControlFlow<()>> Monitor for F {
    fn update(&self, progress: &WimProgress<'_>) -> ControlFlow<()> {
        self(progress)
    }
}
