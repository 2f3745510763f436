//! What a WIM holds and how one is written: data only.

use wimlib_sys as c;

/// What Windows itself never captures: DISM's default exclusion list, as wimlib has it for Windows volumes.
pub fn windows_exclusions() -> &'static [&'static str] {
    &[
        "/$ntfs.log",
        "/hiberfil.sys",
        "/pagefile.sys",
        "/swapfile.sys",
        "/System Volume Information",
        "/RECYCLER",
        "/$RECYCLE.BIN",
        "/$Recycle.Bin",
        "/Windows/CSC",
    ]
}

/// How file data is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WimCompression {
    /// XPRESS, chunks of 32 KiB.
    Xpress,
    /// LZX, chunks of 32 KiB.
    Lzx {
        /// 1 to 100; 50 is wimlib's own default, 20 about as tight as DISM's "maximum".
        level: u32,
    },
    /// LZMS in solid blocks: the smallest and slowest; DISM calls it "recovery".
    LzmsSolid,
}

impl WimCompression {
    pub(super) fn kind(self) -> u32 {
        match self {
            Self::Xpress => c::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_XPRESS,
            Self::Lzx { .. } => c::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZX,
            Self::LzmsSolid => c::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZMS,
        }
    }

    pub(super) fn chunk_bytes(self) -> u32 {
        match self {
            Self::Xpress | Self::Lzx { .. } => 32 * 1024,
            Self::LzmsSolid => 0,
        }
    }

    pub(super) fn level(self) -> u32 {
        match self {
            Self::Lzx { level } => level,
            Self::Xpress | Self::LzmsSolid => 0,
        }
    }
}

/// How a WIM is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// With an integrity table.
    pub integrity: bool,
    /// The call returns only when the data is on the medium.
    pub fsync: bool,
    /// Threads that compress; 0: one per processor.
    pub threads: u32,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            integrity: true,
            fsync: true,
            threads: 0,
        }
    }
}

/// Processor an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 32-bit x86.
    X86,
    /// 64-bit x86.
    X64,
    /// 32-bit ARM.
    Arm,
    /// 64-bit ARM.
    Arm64,
    /// Another one, by its `PROCESSOR_ARCHITECTURE` number.
    Other(u32),
}

impl Architecture {
    /// The word of answer files for it (`processorArchitecture`), when they have one.
    pub fn answer_file_name(self) -> Option<&'static str> {
        match self {
            Self::X64 => Some("amd64"),
            Self::X86 => Some("x86"),
            Self::Arm64 => Some("arm64"),
            Self::Arm => Some("arm"),
            Self::Other(_) => None,
        }
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::X86 => f.write_str("x86"),
            Self::X64 => f.write_str("x64"),
            Self::Arm => f.write_str("ARM"),
            Self::Arm64 => f.write_str("ARM64"),
            Self::Other(number) => write!(f, "processor architecture {number}"),
        }
    }
}

/// What the XML data say about one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageInfo {
    /// From 1.
    pub index: u32,
    /// Name; may be empty.
    pub name: String,
    /// Description; may be empty.
    pub description: String,
    /// Edition ("Professional"); may be empty.
    pub flags: String,
    /// Processor, when the image says so.
    pub architecture: Option<Architecture>,
    /// Bytes of all files and streams; each hard link counts anew.
    pub total_bytes: u64,
    /// How much of it is hard links counted again: `total_bytes - hard_link_bytes` is what applying writes.
    pub hard_link_bytes: u64,
    /// Files.
    pub files: u64,
    /// Folders.
    pub dirs: u64,
    /// `10.0.19045.3803`; empty when the image does not say.
    pub version: String,
    /// Program that made it (`CREATOR`); may be empty.
    pub creator: String,
}

/// What header and XML data say about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WimInfo {
    /// Images in it.
    pub image_count: u32,
    /// Whether it can be checked quickly.
    pub has_integrity_table: bool,
    /// Which part of a split WIM, from 1.
    pub part_number: u16,
    /// Parts of a split WIM; 1 for a whole one.
    pub total_parts: u16,
    /// Compression by name: "none", "XPRESS", "LZX", "LZMS".
    pub compression: &'static str,
    /// Chunk in bytes.
    pub chunk_bytes: u32,
    /// Bytes of the file, without XML data and integrity table.
    pub file_bytes: u64,
    /// The images, in order.
    pub images: Vec<ImageInfo>,
}
