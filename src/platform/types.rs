//! What the machine has: data only.

use std::path::PathBuf;

use serde::Serialize;

use super::contents::{DiskContents, FsKind};

/// GPT type of the partitions that hold Windows and its data.
pub const BASIC_DATA: &str = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7";

/// A partition by disk number and partition number (as in the table, from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct PartitionRef {
    /// Disk number of the task sequence.
    pub disk: u32,
    /// Partition number, from 1.
    pub partition: u32,
}

/// Firmware the machine was (or, in the lab, is said to be) started by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Firmware {
    /// UEFI.
    Uefi,
    /// BIOS.
    Bios,
}

/// Kind of partition table found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TableKind {
    /// GPT.
    Gpt,
    /// MBR.
    Mbr,
    /// None that is known.
    None,
}

/// State of an NTFS volume that decides whether it may be captured (boot-medium facts B).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum NtfsState {
    /// Fit for reading and writing.
    Clean,
    /// The dirty flag of `$Volume` is set: chkdsk is scheduled.
    Dirty,
    /// `$LogFile` is unclean: Windows was not shut down cleanly.
    Unclean,
    /// hiberfil.sys holds a hibernated Windows (fast start-up included).
    Hibernated,
    /// Mounted or opened by somebody else.
    InUse,
    /// Cannot be read; the text says why.
    Broken(String),
}

/// A partition as found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Disk and number.
    pub at: PartitionRef,
    /// Device node, when the kernel has one.
    pub node: PathBuf,
    /// First byte on the disk.
    pub start_bytes: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// GPT type GUID in lower case, or MBR type byte as `0x07`.
    pub type_id: String,
    /// GPT name; empty for MBR.
    pub name: String,
    /// GPT attribute bits; for MBR bit 0 of this is the active flag.
    pub attributes: u64,
    /// File system by signature.
    pub fs: FsKind,
    /// Volume label, when there is one.
    pub label: String,
    /// Where it is mounted, when it is.
    pub mounted_at: Vec<PathBuf>,
}

/// Why a disk may not be written to; each is shown by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Refusal {
    /// This partition (or the disk) is mounted there.
    Mounted {
        /// Device node.
        node: PathBuf,
        /// Mount point.
        at: PathBuf,
    },
    /// Used as swap.
    Swap(PathBuf),
    /// Held by another device (device mapper, md, loop).
    Held {
        /// Device node.
        node: PathBuf,
        /// Name of the holder.
        holder: String,
    },
    /// The medium this system was started from.
    BootMedium(PathBuf),
    /// Cannot be written.
    ReadOnly(PathBuf),
    /// A real disk outside the boot medium, without `--allow-real-disks`.
    RealDisk(PathBuf),
    /// It is not the disk or file any more that was taken.
    NotTheSame {
        /// Device node or image file.
        node: PathBuf,
        /// What has become of it.
        what: String,
    },
    /// It cannot even be read.
    Unreadable {
        /// Device node.
        node: PathBuf,
        /// The system's error.
        why: String,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mounted { node, at } => write!(
                f,
                "{} is mounted at {}: unmount it first",
                node.display(),
                at.display()
            ),
            Self::Swap(node) => {
                write!(
                    f,
                    "{} is in use as swap: run `swapoff {}`",
                    node.display(),
                    node.display()
                )
            }
            Self::Held { node, holder } => {
                write!(
                    f,
                    "{} is held by {holder}: close that first",
                    node.display()
                )
            }
            Self::BootMedium(node) => {
                write!(f, "{} is what this system runs from", node.display())
            }
            Self::ReadOnly(node) => write!(f, "{} is read-only", node.display()),
            Self::RealDisk(node) => write!(
                f,
                "{} is a real disk and this is not a boot medium: say --allow-real-disks if that is meant",
                node.display()
            ),
            Self::NotTheSame { node, what } => write!(f, "{}: {what}", node.display()),
            Self::Unreadable { node, why } => write!(f, "{} cannot be read: {why}", node.display()),
        }
    }
}

/// A disk as found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Number of the task sequence.
    pub number: u32,
    /// Device node.
    pub path: PathBuf,
    /// The image file behind a loop device.
    pub backing: Option<PathBuf>,
    /// Model; "image file" for one.
    pub model: String,
    /// Serial number; may be empty.
    pub serial: String,
    /// What tells this very disk from every other, a clone of it included, as long as the system runs.
    pub identity: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Logical sector in bytes.
    pub sector_bytes: u32,
    /// Attached by USB.
    pub usb: bool,
    /// Removable medium.
    pub removable: bool,
    /// Partition table.
    pub table: TableKind,
    /// How far the table can be trusted, and what lies outside of partitions.
    pub contents: DiskContents,
    /// Digest over geometry, both ends of the disk and the start of each partition: changes when somebody else changed
    /// the disk, or when it is another disk with the same table.
    pub digest: String,
    /// Partitions in order of their start.
    pub partitions: Vec<Partition>,
    /// Why it may not be written to; empty when it may.
    pub refusals: Vec<Refusal>,
}

/// One entry of a layout to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutEntry {
    /// First byte.
    pub start_bytes: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// GPT type GUID in lower case, or MBR type byte as `0x07`.
    pub type_id: String,
    /// GPT name, up to 36 UTF-16 units.
    pub name: String,
    /// GPT attribute bits.
    pub attributes: u64,
    /// MBR active flag.
    pub active: bool,
}

/// A table to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Kind.
    pub kind: TableKind,
    /// Entries; entry n becomes partition n + 1.
    pub entries: Vec<LayoutEntry>,
}
