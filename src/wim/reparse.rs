//! What a reparse tag says about a file: are its contents on the volume, or does it only stand for something?
//!
//! The table holds every tag of [MS-FSCC] 2.1.2.1 "Reparse Tags" (the 55 names there), and `DATALESS_CIM` from the Windows
//! SDK's `ntifs.h`. A tag that is not in it belongs to another vendor's filter (archives, deduplication, encryption): what
//! its files hold cannot be known here.

/// Where the contents of an entry with a reparse tag are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// In the entry: its streams or its reparse data are all there is.
    Here,
    /// It names another file or folder, as a link or a mount point does; the name is all there is.
    Link,
    /// Compressed by the Windows overlay filter (Compact OS, WIMBoot), which only Windows can read.
    Overlay,
    /// In the chunk store of Data Deduplication.
    ChunkStore,
    /// In a cloud, an archive, another layer of a container, or another store that a filter of Windows reads.
    Elsewhere,
    /// Nobody here knows the tag.
    Unknown,
}

/// Attribute of an entry with reparse data.
pub const REPARSE_POINT: u32 = 0x400;
/// "The data of the file is not available immediately": moved to slower storage ([MS-FSCC] 2.6).
pub const OFFLINE: u32 = 0x1000;
/// "The file or directory has no physical representation on the local system; the item is virtual" ([MS-FSCC] 2.6).
pub const RECALL_ON_OPEN: u32 = 0x4_0000;
/// "The file or directory is not fully present locally" ([MS-FSCC] 2.6).
pub const RECALL_ON_DATA_ACCESS: u32 = 0x40_0000;

/// The number of the cloud provider in a cloud tag.
const CLOUD_MASK: u32 = 0xF000;

const TAGS: &[(u32, &str, Contents)] = &[
    (0x0000_0000, "RESERVED_ZERO", Contents::Unknown),
    (0x0000_0001, "RESERVED_ONE", Contents::Unknown),
    (0x0000_0002, "RESERVED_TWO", Contents::Unknown),
    (0xA000_0003, "MOUNT_POINT", Contents::Link),
    (0xC000_0004, "HSM", Contents::Elsewhere),
    (0x8000_0005, "DRIVE_EXTENDER", Contents::Elsewhere),
    (0x8000_0006, "HSM2", Contents::Elsewhere),
    (0x8000_0007, "SIS", Contents::Elsewhere),
    (0x8000_0008, "WIM", Contents::Elsewhere),
    (0x8000_0009, "CSV", Contents::Elsewhere),
    (0x8000_000A, "DFS", Contents::Link),
    (0x8000_000B, "FILTER_MANAGER", Contents::Elsewhere),
    (0xA000_000C, "SYMLINK", Contents::Link),
    (0xA000_0010, "IIS_CACHE", Contents::Elsewhere),
    (0x8000_0012, "DFSR", Contents::Elsewhere),
    (0x8000_0013, "DEDUP", Contents::ChunkStore),
    (0xC000_0014, "APPXSTRM", Contents::Elsewhere),
    (0x8000_0014, "NFS", Contents::Here),
    (0x8000_0015, "FILE_PLACEHOLDER", Contents::Elsewhere),
    (0x8000_0016, "DFM", Contents::Elsewhere),
    (0x8000_0017, "WOF", Contents::Overlay),
    (0x8000_0018, "WCI", Contents::Elsewhere),
    (0x9000_1018, "WCI_1", Contents::Elsewhere),
    (0xA000_0019, "GLOBAL_REPARSE", Contents::Link),
    (0x9000_001A, "CLOUD", Contents::Elsewhere),
    (0x8000_001B, "APPEXECLINK", Contents::Here),
    (0x9000_001C, "PROJFS", Contents::Elsewhere),
    (0xA000_001D, "LX_SYMLINK", Contents::Link),
    (0x8000_001E, "STORAGE_SYNC", Contents::Elsewhere),
    (0x9000_0027, "STORAGE_SYNC_FOLDER", Contents::Elsewhere),
    (0xA000_001F, "WCI_TOMBSTONE", Contents::Elsewhere),
    (0x8000_0020, "UNHANDLED", Contents::Unknown),
    (0x8000_0021, "ONEDRIVE", Contents::Elsewhere),
    (0xA000_0022, "PROJFS_TOMBSTONE", Contents::Elsewhere),
    (0x8000_0023, "AF_UNIX", Contents::Here),
    (0x8000_0024, "LX_FIFO", Contents::Here),
    (0x8000_0025, "LX_CHR", Contents::Here),
    (0x8000_0026, "LX_BLK", Contents::Here),
    (0xA000_0027, "WCI_LINK", Contents::Elsewhere),
    (0xA000_1027, "WCI_LINK_1", Contents::Elsewhere),
    (0xA000_0028, "DATALESS_CIM", Contents::Elsewhere),
];

fn find(tag: u32) -> Option<&'static (u32, &'static str, Contents)> {
    let cloud = tag & !CLOUD_MASK == 0x9000_001A;
    let wanted = if cloud { tag & !CLOUD_MASK } else { tag };
    TAGS.iter().find(|(known, _, _)| *known == wanted)
}

/// Where the contents of an entry with this tag are.
pub fn contents(tag: u32) -> Contents {
    find(tag).map_or(Contents::Unknown, |(_, _, contents)| *contents)
}

/// The tag as [MS-FSCC] calls it, without `IO_REPARSE_TAG_`: "CLOUD_6"; its number when it has no name there.
pub fn name(tag: u32) -> String {
    match find(tag) {
        Some((0x9000_001A, name, _)) if tag & CLOUD_MASK != 0 => {
            format!("{name}_{:X}", (tag & CLOUD_MASK) >> 12)
        }
        Some((_, name, _)) => (*name).to_owned(),
        None => format!("0x{tag:08X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_tag_is_known_and_no_other() {
        // The sixteen cloud providers are one row.
        assert_eq!(TAGS.len() + 15, 56);
        let mut numbers: Vec<u32> = TAGS.iter().map(|(tag, _, _)| *tag).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), TAGS.len());
        for provider in 0..16_u32 {
            let tag = 0x9000_001A | provider << 12;
            assert_eq!(contents(tag), Contents::Elsewhere, "{tag:08x}");
        }
        assert_eq!(name(0x9000_601A), "CLOUD_6");
        assert_eq!(name(0x9000_001A), "CLOUD");
        assert_eq!(name(0x8000_0017), "WOF");
        // Dropbox's archive, one bit beside a cloud tag, one beside a link.
        for (tag, shown) in [
            (0x44, "0x00000044"),
            (0x9001_001A, "0x9001001A"),
            (0xA000_1003, "0xA0001003"),
        ] {
            assert_eq!(
                (contents(tag), name(tag).as_str()),
                (Contents::Unknown, shown)
            );
        }
        for link in [0xA000_0003, 0xA000_000C, 0xA000_001D] {
            assert_eq!(contents(link), Contents::Link);
        }
    }
}
