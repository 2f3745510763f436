//! What can go wrong with a WIM file.

use std::path::{Path, PathBuf};

use thiserror::Error;
use wimlib_sys as c;

use crate::codes;

use super::ffi::{self, Failure};
use super::header;

/// What wimlib said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WimlibCause {
    /// wimlib's error number (`WIMLIB_ERR_...`).
    pub number: u32,
    /// What the number means.
    pub meaning: String,
    /// Its messages, in order.
    pub messages: Vec<String>,
}

impl std::fmt::Display for WimlibCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "wimlib error {}: {}", self.number, self.meaning)?;
        if !self.messages.is_empty() {
            write!(f, ": {}", self.messages.join("; "))?;
        }
        Ok(())
    }
}

impl std::error::Error for WimlibCause {}

impl WimlibCause {
    /// The system's words at the end of the last message that has some: "Input/output error".
    pub fn system_words(&self) -> Option<&str> {
        self.messages
            .iter()
            .rev()
            .find_map(|line| line.rsplit_once(": "))
            .map(|(_, words)| words.trim())
            .filter(|words| !words.is_empty())
    }

    /// The file that could not be read, as wimlib calls it: "Error reading data from NTFS inode 69".
    fn inode(&self) -> Option<u64> {
        self.messages.iter().find_map(|line| {
            let (_, number) = line.split_once("NTFS inode ")?;
            let digits = number
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(number.len());
            number[..digits].parse().ok()
        })
    }
}

impl From<Failure> for WimlibCause {
    fn from(failure: Failure) -> Self {
        Self {
            number: failure.code,
            meaning: ffi::error_text(failure.code),
            messages: failure.messages,
        }
    }
}

/// Errors of [`super::Wim`]; each names the file and the cause in one sentence.
#[derive(Debug, Error)]
pub enum WimError {
    /// Cannot be opened.
    #[error("the image file {path} cannot be opened", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// Something else than a WIM.
    #[error("{path} is not a WIM file{why}", path = .path.display())]
    NotAWim {
        /// The file.
        path: PathBuf,
        /// More about it (": it is a folder, not a file"), or nothing.
        why: String,
    },
    /// A version of the format that nobody here can read.
    #[error("the image file {path} is of version {} of the format (0x{version:08X}), which is not known: wimforge reads 1.13, and 0.14 with solid blocks", version_text(*.version), path = .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// As the header says it: `0x00010D00` is 1.13.
        version: u32,
    },
    /// The image refers to data that are not in the file.
    #[error("{image} of {path} cannot be applied: the base is missing. The data of {} are not in this file but in another one, on which it was made", files(*.count, .entry), path = .path.display())]
    BaseMissing {
        /// The file.
        path: PathBuf,
        /// "image 1", or "an image".
        image: String,
        /// The first file without data; empty when it is not known.
        entry: String,
        /// How many there are; 0 when it is not known.
        count: u64,
    },
    /// An entry that no NTFS volume can take.
    #[error("image {index} of {path} cannot be applied: {entry}: {why}", path = .path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The image.
        index: u32,
        /// Path in the image.
        entry: String,
        /// What is wrong with it.
        why: String,
    },
    /// Ends too early.
    #[error("the image file {path} is truncated: it ends before its own data does", path = .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// wimlib's words.
        #[source]
        source: WimlibCause,
    },
    /// Contents are not what they should be.
    #[error("the image file {path} is damaged", path = .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// wimlib's words.
        #[source]
        source: WimlibCause,
    },
    /// The integrity table does not fit the contents.
    #[error("the image file {path} is damaged: its integrity table does not match its contents", path = .path.display())]
    Integrity {
        /// The file.
        path: PathBuf,
    },
    /// An encrypted ESD.
    #[error("the image file {path} is encrypted; it must be decrypted before it can be applied", path = .path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// A part of a split WIM is missing.
    #[error("the image file {path} is split into {total} parts and part {part} is missing: {missing} was not found", path = .path.display(), missing = .missing.display())]
    SplitPart {
        /// The file.
        path: PathBuf,
        /// The missing part, from 1.
        part: u16,
        /// Parts in all.
        total: u16,
        /// Where it was looked for.
        missing: PathBuf,
    },
    /// Not the first part of a split WIM.
    #[error("{path} is part {part} of {total} of a split WIM: name its first part instead", path = .path.display())]
    NotFirstPart {
        /// The file.
        path: PathBuf,
        /// Which part it is.
        part: u16,
        /// Parts in all.
        total: u16,
    },
    /// No image of that number.
    #[error("{path} has no image {index}: {}", images(*.count, .names), path = .path.display())]
    BadIndex {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        index: u32,
        /// Images there are.
        count: u32,
        /// Their names.
        names: Vec<String>,
    },
    /// An entry that could lead out of the target.
    #[error("image {index} of {path} is refused: it holds an entry with a hostile name ({entry})", path = .path.display())]
    Hostile {
        /// The file.
        path: PathBuf,
        /// The image.
        index: u32,
        /// Which entry, as far as it can be told.
        entry: String,
    },
    /// Nothing may be added to it.
    #[error("nothing can be added to {path}: {why}", path = .path.display())]
    NotAppendable {
        /// The file.
        path: PathBuf,
        /// What forbids it.
        why: String,
    },
    /// The monitor ended the work.
    #[error("cancelled")]
    Aborted,
    /// No room on the target.
    #[error("{place} is full", place = .place.display())]
    Full {
        /// File, device or folder that was written to.
        place: PathBuf,
        /// wimlib's words.
        #[source]
        source: WimlibCause,
    },
    /// The NTFS volume cannot be read or written.
    #[error("{doing} failed in the NTFS volume {node}", node = .node.display())]
    Ntfs {
        /// Gerund.
        doing: &'static str,
        /// Device or image file.
        node: PathBuf,
        /// wimlib's words.
        #[source]
        source: WimlibCause,
    },
    /// A captured volume cannot be read any more while the image is written.
    #[error("a captured volume cannot be read: {}", source.system_words().unwrap_or("the NTFS volume is damaged"))]
    Unreadable {
        /// The file's number on its volume (of the master file table), when wimlib says it.
        inode: Option<u64>,
        /// wimlib's words.
        #[source]
        source: WimlibCause,
    },
    /// A name or value wimlib cannot take (a NUL character in it).
    #[error("{what} holds a NUL character")]
    BadText {
        /// What.
        what: String,
    },
    /// Anything else.
    #[error("{doing} failed")]
    Failed {
        /// Gerund with the object's name.
        doing: String,
        /// wimlib's words.
        #[source]
        source: WimlibCause,
    },
}

/// `0x00010D00` is 1.13.
fn version_text(version: u32) -> String {
    format!("{}.{}", version >> 16, version >> 8 & 0xFF)
}

fn files(count: u64, first: &str) -> String {
    let first = crate::text::harmless(first);
    match count {
        0 => "some files".to_owned(),
        1 => format!("1 file ({first})"),
        _ => format!("{count} files ({first} is the first)"),
    }
}

fn images(count: u32, names: &[String]) -> String {
    let names: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            if name.is_empty() {
                format!("{} (without a name)", at + 1)
            } else {
                format!("{} \"{name}\"", at + 1)
            }
        })
        .collect();
    match count {
        0 => "it has no images".to_owned(),
        1 => format!("it has 1 image, {}", names.join(", ")),
        _ => format!("it has {count} images, {}", names.join(", ")),
    }
}

impl WimError {
    /// The code Configuration Manager would show.
    pub fn code(&self) -> u32 {
        match self {
            Self::Open { source, .. } => codes::from_io(source),
            Self::NotAWim { .. }
            | Self::Truncated { .. }
            | Self::Corrupt { .. }
            | Self::Integrity { .. }
            | Self::Hostile { .. }
            | Self::Unfit { .. } => codes::INVALID_DATA,
            Self::Encrypted { .. } | Self::Version { .. } | Self::NotAppendable { .. } => {
                codes::NOT_SUPPORTED
            }
            Self::SplitPart { .. } | Self::BaseMissing { .. } => codes::FILE_NOT_FOUND,
            Self::NotFirstPart { .. } | Self::BadIndex { .. } | Self::BadText { .. } => {
                codes::INVALID_PARAMETER
            }
            Self::Aborted => codes::CANCELLED,
            Self::Full { .. } => codes::DISK_FULL,
            Self::Unreadable { .. } => codes::READ_FAULT,
            Self::Ntfs { source, .. } | Self::Failed { source, .. } => match source.number {
                c::wimlib_error_code_WIMLIB_ERR_NOMEM => 0x8007_000E,
                c::wimlib_error_code_WIMLIB_ERR_WRITE => codes::WRITE_FAULT,
                c::wimlib_error_code_WIMLIB_ERR_INVALID_PARAM => codes::INVALID_PARAMETER,
                _ => codes::E_FAIL,
            },
        }
    }

    /// What a technician can do, where that is known.
    pub fn way_out(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotAWim { .. } => "Name a WIM, ESD or SWM file.",
            Self::Version { .. } => {
                "Write the image anew with DISM (`/Export-Image`) or `wimlib-imagex export`."
            }
            Self::BaseMissing { .. } => {
                "Make one file of both: `wimlib-imagex export THIS all NEW --ref=BASE`."
            }
            Self::Unfit { .. } | Self::Hostile { .. } => {
                "Take the entry out with `wimlib-imagex update`, or capture the image again."
            }
            Self::SplitPart { .. } => "Put all parts into one folder.",
            _ => return None,
        })
    }

    /// What wimlib said, line by line, for the failure screen.
    pub fn messages(&self) -> &[String] {
        match self {
            Self::Truncated { source, .. }
            | Self::Corrupt { source, .. }
            | Self::Full { source, .. }
            | Self::Ntfs { source, .. }
            | Self::Unreadable { source, .. }
            | Self::Failed { source, .. } => &source.messages,
            _ => &[],
        }
    }

    /// The system's words for what went wrong, where wimlib passed them on: "Input/output error".
    pub fn system_words(&self) -> Option<&str> {
        match self {
            Self::Ntfs { source, .. }
            | Self::Unreadable { source, .. }
            | Self::Failed { source, .. } => source.system_words(),
            _ => None,
        }
    }
}

/// wimlib prints the system's words (no locale is ever set, so they are English).
fn no_room(messages: &[String]) -> bool {
    messages.iter().any(|line| {
        line.contains("No space left on device") || line.contains("Disk quota exceeded")
    })
}

/// Turns a failure of writing the WIM file `path` into an error. What is NTFS then is what the data come from.
pub(super) fn map_write(failure: Failure, path: &Path) -> WimError {
    if failure.code == c::wimlib_error_code_WIMLIB_ERR_NTFS_3G && !no_room(&failure.messages) {
        let source = WimlibCause::from(failure);
        let inode = source.inode();
        return WimError::Unreadable { inode, source };
    }
    map(failure, path, "writing the image file", Some(path))
}

/// Turns a failed write of our own to the WIM file `path` into an error.
pub(super) fn not_written(path: &Path, doing: &'static str, error: &std::io::Error) -> WimError {
    let failure = Failure {
        code: c::wimlib_error_code_WIMLIB_ERR_WRITE,
        messages: vec![format!("{}: {error}", path.display())],
    };
    map(failure, path, doing, Some(path))
}

/// Turns a failure around the WIM file `path` into an error. `place` is what is written to or captured from.
pub(super) fn map(
    failure: Failure,
    path: &Path,
    doing: &'static str,
    place: Option<&Path>,
) -> WimError {
    let path = path.to_path_buf();
    let number = failure.code;
    let source = WimlibCause::from(failure);
    if let Some(place) = place
        && no_room(&source.messages)
    {
        return WimError::Full {
            place: place.to_path_buf(),
            source,
        };
    }
    match number {
        c::wimlib_error_code_WIMLIB_ERR_ABORTED_BY_PROGRESS => WimError::Aborted,
        c::wimlib_error_code_WIMLIB_ERR_NOT_A_WIM_FILE => WimError::NotAWim {
            path,
            why: String::new(),
        },
        c::wimlib_error_code_WIMLIB_ERR_UNKNOWN_VERSION => match header::version(&path) {
            Some(version) => WimError::Version { path, version },
            None => WimError::NotAWim {
                path,
                why: String::new(),
            },
        },
        c::wimlib_error_code_WIMLIB_ERR_RESOURCE_NOT_FOUND => WimError::BaseMissing {
            path,
            image: "an image".to_owned(),
            entry: String::new(),
            count: 0,
        },
        c::wimlib_error_code_WIMLIB_ERR_WIM_IS_ENCRYPTED => WimError::Encrypted { path },
        c::wimlib_error_code_WIMLIB_ERR_INTEGRITY => WimError::Integrity { path },
        c::wimlib_error_code_WIMLIB_ERR_UNEXPECTED_END_OF_FILE
        | c::wimlib_error_code_WIMLIB_ERR_WIM_IS_INCOMPLETE => WimError::Truncated { path, source },
        c::wimlib_error_code_WIMLIB_ERR_DECOMPRESSION
        | c::wimlib_error_code_WIMLIB_ERR_IMAGE_COUNT
        | c::wimlib_error_code_WIMLIB_ERR_INVALID_CHUNK_SIZE
        | c::wimlib_error_code_WIMLIB_ERR_INVALID_COMPRESSION_TYPE
        | c::wimlib_error_code_WIMLIB_ERR_INVALID_HEADER
        | c::wimlib_error_code_WIMLIB_ERR_INVALID_INTEGRITY_TABLE
        | c::wimlib_error_code_WIMLIB_ERR_INVALID_LOOKUP_TABLE_ENTRY
        | c::wimlib_error_code_WIMLIB_ERR_INVALID_METADATA_RESOURCE
        | c::wimlib_error_code_WIMLIB_ERR_INVALID_PART_NUMBER
        | c::wimlib_error_code_WIMLIB_ERR_INVALID_PIPABLE_WIM
        | c::wimlib_error_code_WIMLIB_ERR_INVALID_RESOURCE_HASH
        | c::wimlib_error_code_WIMLIB_ERR_METADATA_NOT_FOUND
        | c::wimlib_error_code_WIMLIB_ERR_XML => WimError::Corrupt { path, source },
        c::wimlib_error_code_WIMLIB_ERR_NTFS_3G => match place {
            Some(node) => WimError::Ntfs {
                doing,
                node: node.to_path_buf(),
                source,
            },
            None => WimError::Failed {
                doing: doing.to_owned(),
                source,
            },
        },
        _ => WimError::Failed {
            doing: match place {
                Some(place) => format!("{doing} ({})", place.display()),
                None => format!("{doing} ({})", path.display()),
            },
            source,
        },
    }
}
