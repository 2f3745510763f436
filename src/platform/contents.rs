//! What lies on a disk outside of its partitions, and how far its table can be trusted.

use serde::Serialize;

/// File system found in a partition, by its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum FsKind {
    /// NTFS.
    Ntfs,
    /// FAT32.
    Fat32,
    /// FAT12 or FAT16.
    Fat,
    /// exFAT.
    ExFat,
    /// ReFS.
    Refs,
    /// BitLocker (`-FVE-FS-`).
    BitLocker,
    /// Something else, by the name that libblkid gives it ("ext4", "swap", `crypto_LUKS`).
    Other(String),
    /// More than one signature: nobody can say which counts.
    Several(Vec<FsKind>),
    /// No signature known, but data.
    Unknown,
    /// No signature known, and no data where it was looked.
    None,
}

/// How far a partition table can be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum TableState {
    /// There is none that is known.
    #[default]
    Absent,
    /// Every copy of it is whole, and what it says is possible.
    Good,
    /// It can be used, but something about it is not as it should be: one sentence.
    Flawed(String),
    /// What it says is not to be relied on: what is wrong, and where the partitions that are shown come from.
    Damaged(String),
    /// libblkid knows it, this program does not: its kind and its partitions.
    Foreign(String),
}

/// A file system, a RAID member, an encrypted container or such that begins where the disk begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// What it is.
    pub kind: FsKind,
    /// Its label, when it has one.
    pub label: String,
    /// Its length in bytes, where its first sector tells.
    pub bytes: Option<u64>,
}

/// What there is where nothing known claims the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Unclaimed {
    /// Partitions or signatures were found: nobody looked further.
    #[default]
    NotLooked,
    /// Zeros only, in so many places at the start, in the middle and at the end. Elsewhere there may be anything.
    Zeros {
        /// Places looked at.
        places: usize,
    },
    /// Something.
    Data {
        /// Where its first byte lies on the disk.
        at: u64,
        /// The first bytes from there on.
        first: Vec<u8>,
    },
}

/// All that is known of a disk beside its partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiskContents {
    /// State of the table.
    pub table: TableState,
    /// What lies on the disk as a whole, in the order libblkid finds it.
    pub whole: Vec<Held>,
    /// What there is, when there are neither partitions nor signatures.
    pub unclaimed: Unclaimed,
}

impl DiskContents {
    /// Why the partitions of this disk must not be read or written one by one: what is wrong with the table and how it
    /// is mended; `None` when they may.
    pub fn unusable(&self) -> Option<String> {
        match &self.table {
            TableState::Damaged(what) => Some(format!(
                "its partition table is damaged: {what}. Mend it first (GPT: `sgdisk -e DISK`, or `gdisk DISK` with r, then b or c, \
                 then w; MBR: `sfdisk --dump` and `fdisk`), or make a new one with Format and Partition Disk"
            )),
            _ => None,
        }
    }
}
