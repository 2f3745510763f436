//! FAT32 volumes without a kernel driver: into a scratch NTFS volume (from which wimlib captures attributes, short names
//! and times, which its directory mode loses) and back from one.
//!
//! The way was measured (boot-medium facts, B). fatfs reads and writes names and contents; attributes, times and short
//! names go through ntfs-3g's extended attributes on one side and `fat_patch` on the other.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use fatfs::{FileSystem, FsOptions};
use thiserror::Error;

use crate::cancel::CancelToken;
use crate::codes;

use super::cx::ProgressCell;
use super::fat_device::Device;
use super::fat_time::{CodePage437, date_to_ntfs, to_ntfs};

pub use super::fat_write::copy_tree_to_fat;

pub(super) const ATTRIBUTES: &str = "system.ntfs_attrib_be";
pub(super) const TIMES: &str = "system.ntfs_times";
pub(super) const SHORT_NAME: &str = "system.ntfs_dos_name";
/// Deeper than any tree that FAT's 260 character paths allow; a damaged volume may point back at itself.
pub(super) const DEEPEST: usize = 130;
/// FAT's own limit for one folder (2 MiB of 32 byte entries).
const MOST_ENTRIES: usize = 65_536;
pub(super) const PIECE: usize = 256 * 1024;

static CODE_PAGE: CodePage437 = CodePage437;

/// What went wrong with a FAT volume.
#[derive(Debug, Error)]
pub enum FatError {
    /// The system said no; `doing` names the object.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done to what.
        doing: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// Not a FAT32 volume, or a damaged one.
    #[error("{volume}: {what}", volume = .volume.display())]
    Corrupt {
        /// The volume.
        volume: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// FAT32 holds files of less than 4 GiB only.
    #[error("{path} has {bytes} bytes, and FAT32 holds at most 4294967295 in a file", path = .path.display())]
    TooBig {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// A name that FAT cannot hold.
    #[error("FAT32 cannot hold the name of {path}: {why}", path = .path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// Which rule.
        why: String,
    },
    /// No room.
    #[error("{volume} is full", volume = .volume.display())]
    Full {
        /// The volume.
        volume: PathBuf,
    },
    /// Somebody cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl FatError {
    /// The Windows code for it.
    pub fn code(&self) -> u32 {
        match self {
            Self::Io { source, .. } => codes::from_io(source),
            Self::Corrupt { .. } => codes::INVALID_DATA,
            Self::TooBig { .. } | Self::Name { .. } => codes::NOT_SUPPORTED,
            Self::Full { .. } => codes::DISK_FULL,
            Self::Cancelled => codes::CANCELLED,
        }
    }
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FatCopyReport {
    /// Files.
    pub files: u64,
    /// Folders, the root not counted.
    pub folders: u64,
    /// Bytes of file data.
    pub bytes: u64,
    /// What the other side cannot hold, one line each ("EFI/x: alternate stream y").
    pub lost: Vec<String>,
}

/// Room on a FAT volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FatSpace {
    /// Bytes in use.
    pub used_bytes: u64,
    /// Bytes for files and folders in all.
    pub total_bytes: u64,
}

pub(super) struct Job<'a> {
    pub(super) volume: &'a Path,
    pub(super) progress: &'a ProgressCell,
    pub(super) cancel: &'a CancelToken,
    pub(super) report: FatCopyReport,
    pub(super) total: u64,
}

impl Job<'_> {
    /// Turns an error of fatfs (which knows only kinds and English) into ours.
    pub(super) fn explain(
        &self,
        doing: impl FnOnce() -> String,
        source: std::io::Error,
    ) -> FatError {
        if self.cancel.is_cancelled() {
            return FatError::Cancelled;
        }
        let text = source.to_string();
        if text.contains("No space left") || source.kind() == std::io::ErrorKind::WriteZero {
            return FatError::Full {
                volume: self.volume.to_owned(),
            };
        }
        FatError::Io {
            doing: doing(),
            source,
        }
    }

    pub(super) fn moved(&mut self, count: usize) -> Result<(), FatError> {
        self.report.bytes += count as u64;
        self.progress
            .set(self.report.bytes, self.total.max(self.report.bytes));
        if self.cancel.is_cancelled() {
            return Err(FatError::Cancelled);
        }
        Ok(())
    }
}

pub(super) fn open(
    node: &Path,
    writable: bool,
    cancel: &CancelToken,
) -> Result<FileSystem<Device>, FatError> {
    let device = Device::open(node, writable, cancel).map_err(|source| FatError::Io {
        doing: format!("opening {}", node.display()),
        source,
    })?;
    let options = FsOptions::new()
        .update_accessed_date(false)
        .oem_cp_converter(&CODE_PAGE);
    let volume = FileSystem::new(device, options).map_err(|source| FatError::Corrupt {
        volume: node.to_owned(),
        what: format!("this is no sound FAT volume: {source}"),
    })?;
    if volume.fat_type() == fatfs::FatType::Fat32 {
        Ok(volume)
    } else {
        Err(FatError::Corrupt {
            volume: node.to_owned(),
            what: "this is FAT12 or FAT16, not FAT32".to_owned(),
        })
    }
}

/// How full a FAT32 volume is.
///
/// # Errors
/// Not FAT32, damaged, unreadable.
pub fn space(node: &Path) -> Result<FatSpace, FatError> {
    let cancel = CancelToken::new();
    let volume = open(node, false, &cancel)?;
    let stats = volume.stats().map_err(|source| FatError::Io {
        doing: format!("counting the free clusters of {}", node.display()),
        source,
    })?;
    let cluster = u64::from(stats.cluster_size());
    let total_bytes = u64::from(stats.total_clusters()) * cluster;
    let free = u64::from(stats.free_clusters()) * cluster;
    Ok(FatSpace {
        used_bytes: total_bytes.saturating_sub(free),
        total_bytes,
    })
}

/// Recreates the FAT32 volume `node` in `target`, a folder on an NTFS volume mounted by ntfs-3g: names, contents,
/// attributes, the three times (FAT's local time taken as UTC) and short names. The volume is opened read-only.
/// Progress counts bytes.
///
/// # Errors
/// Damaged source, unreadable source, no room in the target, cancelled.
pub fn copy_fat_to_tree(
    node: &Path,
    target: &Path,
    progress: &ProgressCell,
    cancel: &CancelToken,
) -> Result<FatCopyReport, FatError> {
    let total = space(node)?.used_bytes;
    let volume = open(node, false, cancel)?;
    let mut job = Job {
        volume: node,
        progress,
        cancel,
        report: FatCopyReport::default(),
        total,
    };
    // fatfs asserts on some kinds of damage; that must not take the step's thread with it.
    let copied = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        copy_folder(&mut job, &volume.root_dir(), target, Path::new(""), 0)
    }));
    match copied {
        Ok(result) => result.map(|()| job.report),
        Err(_) => Err(FatError::Corrupt {
            volume: node.to_owned(),
            what: "its folders contradict each other; check it with fsck.vfat or chkdsk".to_owned(),
        }),
    }
}

type Folder<'a> = fatfs::Dir<'a, Device>;
type Entry<'a> = fatfs::DirEntry<'a, Device>;

fn copy_folder(
    job: &mut Job,
    folder: &Folder,
    target: &Path,
    inside: &Path,
    depth: usize,
) -> Result<(), FatError> {
    let damaged = |what: &str| FatError::Corrupt {
        volume: job.volume.to_owned(),
        what: format!("/{}: {what}", inside.display()),
    };
    if depth > DEEPEST {
        return Err(damaged("folders are nested without end"));
    }
    let mut entries = Vec::new();
    for (count, entry) in folder.iter().enumerate() {
        if count > MOST_ENTRIES {
            return Err(damaged("the folder has no end"));
        }
        let entry = entry.map_err(|source| {
            job.explain(
                || format!("reading the folder /{}", inside.display()),
                source,
            )
        })?;
        entries.push(entry);
    }
    for entry in entries {
        let name = entry.file_name();
        if name == "." || name == ".." {
            continue;
        }
        if name.contains(['/', '\0']) || name.is_empty() {
            return Err(damaged(&format!("the name {name:?} is not one")));
        }
        let (path, inner) = (target.join(&name), inside.join(&name));
        if entry.is_dir() {
            std::fs::create_dir(&path)
                .map_err(|source| job.explain(|| format!("making {}", path.display()), source))?;
            job.report.folders += 1;
            copy_folder(job, &entry.to_dir(), &path, &inner, depth + 1)?;
        } else {
            copy_file(job, &entry, &path, &inner)?;
            job.report.files += 1;
        }
        keep_facts(job, &entry, &path, &inner)?;
    }
    Ok(())
}

fn copy_file(job: &mut Job, entry: &Entry, path: &Path, inner: &Path) -> Result<(), FatError> {
    job.progress.detail(&inner.to_string_lossy());
    let mut target = File::create_new(path)
        .map_err(|source| job.explain(|| format!("making {}", path.display()), source))?;
    let mut source = entry.to_file();
    let mut piece = vec![0; PIECE];
    let mut copied = 0u64;
    loop {
        let count = source
            .read(&mut piece)
            .map_err(|error| job.explain(|| format!("reading /{}", inner.display()), error))?;
        if count == 0 {
            break;
        }
        target
            .write_all(&piece[..count])
            .map_err(|error| job.explain(|| format!("writing {}", path.display()), error))?;
        copied += count as u64;
        job.moved(count)?;
    }
    if copied == entry.len() {
        Ok(())
    } else {
        Err(FatError::Corrupt {
            volume: job.volume.to_owned(),
            what: format!(
                "/{} is cut short: {copied} of {} bytes",
                inner.display(),
                entry.len()
            ),
        })
    }
}

/// Short name, attributes and times, in this order: each of the first two changes the times.
fn keep_facts(job: &mut Job, entry: &Entry, path: &Path, inner: &Path) -> Result<(), FatError> {
    let set = |job: &Job, what: &str, value: &[u8]| {
        xattr::set(path, OsStr::new(what), value).map_err(|source| {
            job.explain(|| format!("setting {what} of {}", path.display()), source)
        })
    };
    let short = entry.short_file_name();
    let long = entry.file_name();
    // ntfs-3g gives every name a second, short one only where they differ.
    if short.to_uppercase() != long.to_uppercase()
        && let Err(error) = set(job, SHORT_NAME, short.as_bytes())
    {
        job.report
            .lost
            .push(format!("{}: short name {short} ({error})", inner.display()));
    }
    // The folder bit is the file system's own; a plain file without any bit is "normal".
    let bits = u32::from(entry.attributes().bits()) & 0x27;
    let bits = match (entry.is_dir(), bits) {
        (true, bits) => bits | 0x10,
        (false, 0) => 0x80,
        (false, bits) => bits,
    };
    set(job, ATTRIBUTES, &bits.to_be_bytes())?;
    // 1980-01-01, where FAT's counting starts, stands for "never set".
    let start = to_ntfs(fatfs::DateTime {
        date: fatfs::Date {
            year: 1980,
            month: 1,
            day: 1,
        },
        time: fatfs::Time {
            hour: 0,
            min: 0,
            sec: 0,
            millis: 0,
        },
    })
    .unwrap_or(0);
    let modified = to_ntfs(entry.modified()).unwrap_or(start);
    let created = to_ntfs(entry.created()).unwrap_or(modified);
    let accessed = date_to_ntfs(entry.accessed()).unwrap_or(modified);
    let mut times = Vec::with_capacity(24);
    for time in [created, modified, accessed] {
        times.extend_from_slice(&time.to_le_bytes());
    }
    set(job, TIMES, &times)
}
