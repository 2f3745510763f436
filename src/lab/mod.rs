//! A machine to try things out on: a sparse disk image, and a reference image with a Windows-shaped tree.
//!
//! Nothing of Windows is in it: the files are this system's own, in the places and with the properties that
//! files have on a Windows volume.

mod prepare;
mod raw;
mod special;
mod tree;

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::cancel::{CancelLevel, CancelToken};
use crate::platform::{Firmware, PlatformError};
use crate::transport::Interrupts;
use crate::units;
use crate::wim::WimError;

pub use prepare::{PrepareOptions, Prepared, prepare};

/// What can go wrong with a lab; each says what to do where that helps.
#[derive(Debug, Error)]
pub enum LabError {
    /// The system said no.
    #[error("{doing} {path}: {source}", path = .path.display())]
    Io {
        /// A gerund.
        doing: String,
        /// The object.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A program is not installed.
    #[error(
        "the program {0} is missing; install the Debian package ntfs-3g (apt-get install ntfs-3g) and try again"
    )]
    MissingTool(&'static str),
    /// A program failed.
    #[error("{tool} failed: {said}")]
    Tool {
        /// Program.
        tool: &'static str,
        /// Its last line.
        said: String,
    },
    /// A mount or the like failed.
    #[error("making the lab's volume: {0}{hint}", hint = hint(.0))]
    Platform(#[from] PlatformError),
    /// The capture failed.
    #[error(transparent)]
    Wim(WimError),
    /// Nothing could be read.
    #[error("there are no files to be read in {0}")]
    NothingToCopy(PathBuf),
    /// Not enough room.
    #[error(
        "{dir} has {free} free and the lab needs {needed}; name a folder with more room",
        dir = .dir.display(), free = units::bytes(*.free), needed = units::bytes(*.needed)
    )]
    NoRoom {
        /// The folder.
        dir: PathBuf,
        /// Bytes free.
        free: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// The disk would not hold the image.
    #[error(
        "a disk of {asked} is too small for the lab: at least {least} (--size)",
        asked = units::bytes(*.asked), least = units::bytes(*.least)
    )]
    TooSmall {
        /// Bytes asked for.
        asked: u64,
        /// Bytes needed.
        least: u64,
    },
    /// A disk of another length is there.
    #[error(
        "{path} is there already with {found} bytes, not {asked}: --force makes it anew, --size {found} keeps it",
        path = .path.display()
    )]
    OtherSize {
        /// The disk image.
        path: PathBuf,
        /// Its bytes.
        found: u64,
        /// Bytes asked for.
        asked: u64,
    },
    /// Ended by the user.
    #[error("cancelled; nothing half-made was left behind")]
    Cancelled,
}

/// What helps against a failed mount.
fn hint(error: &PlatformError) -> &'static str {
    match error {
        PlatformError::Tool { tool, .. } if tool == "ntfs-3g" => {
            " (mounting needs root and a kernel with FUSE: is /dev/fuse there?)"
        }
        PlatformError::Io { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            " (run it as root)"
        }
        _ => "",
    }
}

impl LabError {
    pub(crate) fn io(doing: &str, path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            doing: doing.to_owned(),
            path: path.to_owned(),
            source,
        }
    }

    /// Exit code of the program: 1 failed, 2 bad usage, 3 cancelled.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Cancelled => 3,
            Self::TooSmall { .. } | Self::OtherSize { .. } => 2,
            _ => 1,
        }
    }
}

/// Shows lines on standard error, and a rewritten line of progress when that is a terminal.
struct Screen {
    terminal: bool,
    shown: RefCell<(Instant, bool)>,
}

impl Screen {
    fn line(&self, text: &str) {
        let mut shown = self.shown.borrow_mut();
        let clear = if shown.1 { "\r\u{1b}[K" } else { "" };
        shown.1 = false;
        // Standard error that went away is no reason to stop.
        writeln!(std::io::stderr(), "{clear}lab: {text}").ok();
    }

    fn progress(&self, phase: &str, done: u64, total: u64) {
        let mut shown = self.shown.borrow_mut();
        if !self.terminal || shown.0.elapsed() < Duration::from_millis(200) {
            return;
        }
        let share = units::permille(done, total)
            .map(|share| format!(" {} %", (share / 10).min(99)))
            .unwrap_or_default();
        let mut out = std::io::stderr();
        write!(out, "\r\u{1b}[Klab: {phase}{share}").ok();
        out.flush().ok();
        *shown = (Instant::now(), true);
    }
}

/// Raises the token on Ctrl-C or a polite kill.
fn listen(cancel: &CancelToken) {
    let cancel = cancel.clone();
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        else {
            return;
        };
        runtime.block_on(async {
            if let Ok(mut interrupts) = Interrupts::new() {
                interrupts.next().await;
                cancel.raise(CancelLevel::Asked);
            }
        });
    });
}

/// `wimforge lab prepare`: makes the lab in `dir` and says what it did on standard error.
///
/// # Errors
/// See [`prepare`].
pub fn command(
    dir: &Path,
    disk_bytes: u64,
    firmware: Firmware,
    volumes: u32,
    force: bool,
) -> Result<(), LabError> {
    let cancel = CancelToken::new();
    listen(&cancel);
    let screen = Screen {
        terminal: std::io::stderr().is_terminal(),
        shown: RefCell::new((Instant::now(), false)),
    };
    let options = PrepareOptions {
        dir: dir.to_owned(),
        disk_bytes,
        firmware,
        volumes,
        force,
    };
    let outcome = prepare(
        &options,
        &|line| screen.line(line),
        &|phase, done, total| screen.progress(phase, done, total),
        &cancel,
    );
    if outcome.is_err() && screen.shown.borrow().1 {
        writeln!(std::io::stderr()).ok();
    }
    outcome.map(drop)
}
