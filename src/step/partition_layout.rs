//! Where each partition of a layout begins and ends: arithmetic only (spec 2.2, 6.4).

use thiserror::Error;

use crate::platform::{BASIC_DATA, LayoutEntry, TableKind};
use crate::sequence::settings::{FileSystem, PartitionDef, PartitionKind, PartitionStyle, Size};
use crate::units::{self, MIB};

/// Partitions start and end at multiples of this, as Windows makes them.
const ALIGN: u64 = MIB;
/// Required by the platform, no drive letter (spec 6.4).
const RECOVERY_ATTRIBUTES: u64 = 0x8000_0000_0000_0001;

/// Why a layout does not fit.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LayoutError {
    /// More than what is left.
    #[error(
        "partition {number} ({name}) needs {} ({wanted} bytes), but only {} ({free} bytes) of the disk are left",
        units::bytes(*wanted), units::bytes(*free)
    )]
    TooLarge {
        /// Number, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// Bytes it is to have.
        wanted: u64,
        /// Bytes left.
        free: u64,
    },
    /// Less than its file system (or anything) needs.
    #[error(
        "partition {number} ({name}) would have {} ({bytes} bytes), but needs at least {} ({least} bytes)",
        units::bytes(*bytes), units::bytes(*least)
    )]
    TooSmall {
        /// Number, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// Bytes it would have.
        bytes: u64,
        /// Bytes it needs.
        least: u64,
    },
    /// More than its file system can have.
    #[error(
        "partition {number} ({name}) would have {} ({bytes} bytes), but FAT32 ends at {} ({most} bytes) here",
        units::bytes(*bytes), units::bytes(*most)
    )]
    TooLargeForFat {
        /// Number, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// Bytes it would have.
        bytes: u64,
        /// Bytes it may have.
        most: u64,
    },
    /// A name or label that the table or the file system cannot hold.
    #[error("partition {number} ({name}): {why}")]
    Text {
        /// Number, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The kind of partition does not exist in this kind of table.
    #[error("partition {number} ({name}): {kind:?} partitions do not exist on {style:?} disks")]
    Kind {
        /// Number, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// Its kind.
        kind: PartitionKind,
        /// The table.
        style: PartitionStyle,
    },
    /// None, or more than the table holds.
    #[error("{count} partitions: a {style:?} disk holds 1 to {most}")]
    Count {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
        /// The table.
        style: PartitionStyle,
    },
    /// More than one active partition.
    #[error("{0} partitions are bootable: a disk starts from one")]
    Active(usize),
}

/// The kind of table for a style.
pub fn table_kind(style: PartitionStyle) -> TableKind {
    match style {
        PartitionStyle::Gpt => TableKind::Gpt,
        PartitionStyle::Mbr => TableKind::Mbr,
    }
}

/// Type id and attributes of a partition; `None` when its kind does not exist in this style. A GPT `Primary` is
/// what Configuration Manager calls basic data; an MBR `Basic` is the default kind and means `Primary`.
fn type_of(def: &PartitionDef, style: PartitionStyle) -> Option<(&'static str, u64)> {
    use PartitionKind as K;
    Some(match (style, def.kind) {
        (PartitionStyle::Gpt, K::Efi) => ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", 0),
        (PartitionStyle::Gpt, K::Msr) => ("e3c9e316-0b5c-4db8-817d-f92df00215ae", 0),
        (PartitionStyle::Gpt, K::Basic | K::Primary) => (BASIC_DATA, 0),
        (PartitionStyle::Gpt, K::Recovery) => {
            ("de94bba4-06d1-4d40-a16a-bfd50179d6ac", RECOVERY_ATTRIBUTES)
        }
        (PartitionStyle::Mbr, K::Basic | K::Primary) => match def.format {
            Some(FileSystem::Fat32) => ("0x0c", 0),
            _ => ("0x07", 0),
        },
        (PartitionStyle::Mbr, K::Recovery) => ("0x27", 0),
        (PartitionStyle::Mbr, K::Hidden) => ("0x17", 0),
        (PartitionStyle::Gpt, K::Hidden) | (PartitionStyle::Mbr, K::Efi | K::Msr) => return None,
    })
}

/// Fewest and most bytes for what the partition is formatted with.
fn sizes(def: &PartitionDef, sector_bytes: u32) -> (u64, u64) {
    match def.format {
        Some(fs) => {
            let (least, most) = fs.sizes(sector_bytes);
            (least.next_multiple_of(ALIGN), most)
        }
        None => (ALIGN, u64::MAX),
    }
}

/// Characters of a partition's name in a GPT (UEFI, "GPT Partition Entry"): UTF-16 units.
const GPT_NAME: usize = 36;

/// What the table or the file system cannot hold of name and label.
fn fault_of_text(def: &PartitionDef, style: PartitionStyle) -> Option<String> {
    let units = def.name.encode_utf16().count();
    if style == PartitionStyle::Gpt && units > GPT_NAME {
        return Some(format!(
            "its name has {units} characters; at most {GPT_NAME} are allowed"
        ));
    }
    if let Some(bad) = def.name.chars().find(|c| c.is_control()) {
        let number = u32::from(bad);
        return Some(format!(
            "its name holds a control character (U+{number:04X})"
        ));
    }
    def.format?.check_label(&def.label).err()
}

/// Bytes at the end of a disk that partitions of this style do not reach, when an MBR counts too few sectors.
pub fn out_of_reach(style: PartitionStyle, disk_bytes: u64, sector_bytes: u32) -> u64 {
    match style {
        PartitionStyle::Gpt => 0,
        PartitionStyle::Mbr => {
            let end = u64::from(u32::MAX) * u64::from(sector_bytes);
            // What rounding takes is not worth a word.
            Some(disk_bytes.saturating_sub(end))
                .filter(|&bytes| bytes > ALIGN)
                .unwrap_or(0)
        }
    }
}

/// Room for partitions: from 1 MiB to the last aligned byte before the backup GPT, or within the reach of an MBR.
fn bounds(style: PartitionStyle, disk_bytes: u64, sector_bytes: u32) -> (u64, u64) {
    let sector = u64::from(sector_bytes);
    let end = match style {
        PartitionStyle::Gpt => disk_bytes.saturating_sub(sector + 16_384),
        PartitionStyle::Mbr => disk_bytes.min(u64::from(u32::MAX) * sector),
    };
    (ALIGN, end / ALIGN * ALIGN)
}

/// Resolves sizes in order; a percentage is of the space still free when the partition's turn comes (spec 2.2).
///
/// # Errors
/// See [`LayoutError`].
pub fn resolve(
    partitions: &[PartitionDef],
    style: PartitionStyle,
    disk_bytes: u64,
    sector_bytes: u32,
) -> Result<Vec<LayoutEntry>, LayoutError> {
    let most = match style {
        PartitionStyle::Gpt => 128,
        PartitionStyle::Mbr => 4,
    };
    if partitions.is_empty() || partitions.len() > most {
        return Err(LayoutError::Count {
            count: partitions.len(),
            most,
            style,
        });
    }
    let active = partitions.iter().filter(|def| def.bootable).count();
    if style == PartitionStyle::Mbr && active > 1 {
        return Err(LayoutError::Active(active));
    }
    let (mut at, end) = bounds(style, disk_bytes, sector_bytes);
    let mut entries = Vec::with_capacity(partitions.len());
    for (number, def) in (1..).zip(partitions) {
        let name = || def.name.clone();
        let (type_id, attributes) = type_of(def, style).ok_or_else(|| LayoutError::Kind {
            number,
            name: name(),
            kind: def.kind,
            style,
        })?;
        let free = end.saturating_sub(at);
        let bytes = match def.size {
            Size::Bytes(bytes) => bytes.checked_next_multiple_of(ALIGN).unwrap_or(u64::MAX),
            Size::MiB(count) => count.saturating_mul(MIB),
            Size::GiB(count) => count.saturating_mul(units::GIB),
            Size::Percent(percent) => percent_of(free, percent) / ALIGN * ALIGN,
        };
        if bytes > free {
            return Err(LayoutError::TooLarge {
                number,
                name: name(),
                wanted: bytes,
                free,
            });
        }
        if let Some(why) = fault_of_text(def, style) {
            return Err(LayoutError::Text {
                number,
                name: name(),
                why,
            });
        }
        let (least, most) = sizes(def, sector_bytes);
        if bytes > most {
            return Err(LayoutError::TooLargeForFat {
                number,
                name: name(),
                bytes,
                most,
            });
        }
        if bytes < least {
            return Err(LayoutError::TooSmall {
                number,
                name: name(),
                bytes,
                least,
            });
        }
        let extra = def
            .attributes
            .iter()
            .filter_map(|&bit| 1_u64.checked_shl(u32::from(bit)))
            .fold(0, |all, bit| all | bit);
        entries.push(LayoutEntry {
            start_bytes: at,
            bytes,
            type_id: type_id.to_owned(),
            name: def.name.clone(),
            attributes: if style == PartitionStyle::Gpt {
                attributes | extra
            } else {
                0
            },
            active: style == PartitionStyle::Mbr && def.bootable,
        });
        at += bytes;
    }
    Ok(entries)
}

fn percent_of(bytes: u64, percent: u8) -> u64 {
    let share = u128::from(bytes) * u128::from(percent.min(100)) / 100;
    u64::try_from(share).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::testing::part;
    use crate::units::GIB;

    fn cm_default() -> Vec<PartitionDef> {
        use PartitionKind as K;
        vec![
            part("EFI", K::Efi, Size::MiB(500), Some(FileSystem::Fat32)),
            part("MSR", K::Msr, Size::MiB(128), None),
            part(
                "Windows",
                K::Basic,
                Size::Percent(99),
                Some(FileSystem::Ntfs),
            ),
            part(
                "Recovery",
                K::Recovery,
                Size::Percent(100),
                Some(FileSystem::Ntfs),
            ),
        ]
    }

    #[test]
    fn percent_is_of_what_is_left_and_the_rest_goes_to_the_last() {
        let entries = resolve(&cm_default(), PartitionStyle::Gpt, 64 * GIB, 512).unwrap();
        // 65,536 MiB: one in front, one behind for the backup table.
        let free = 65_534 - 500 - 128;
        let sizes: Vec<u64> = entries.iter().map(|entry| entry.bytes / MIB).collect();
        assert_eq!(sizes, [500, 128, free * 99 / 100, free - free * 99 / 100]);
        assert!(
            entries
                .iter()
                .all(|e| e.start_bytes % MIB == 0 && e.bytes % MIB == 0)
        );
        assert!(
            entries
                .windows(2)
                .all(|two| two[0].start_bytes + two[0].bytes == two[1].start_bytes)
        );
        let end = entries[3].start_bytes + entries[3].bytes;
        assert_eq!(end, 65_535 * MIB);
        assert_eq!(entries[3].attributes, 0x8000_0000_0000_0001);
    }

    #[test]
    fn too_large_says_how_much_is_missing() {
        let mut parts = cm_default();
        parts[2].size = Size::GiB(10);
        let error = resolve(&parts, PartitionStyle::Gpt, 8 * GIB, 512).unwrap_err();
        assert_eq!(
            error.to_string(),
            "partition 3 (Windows) needs 10 GiB (10737418240 bytes), but only 7.4 GiB (7929331712 bytes) of the disk are left"
        );
        parts[2].size = Size::GiB(u64::MAX);
        assert!(matches!(
            resolve(&parts, PartitionStyle::Gpt, 8 * GIB, 512),
            Err(LayoutError::TooLarge { .. })
        ));
        parts[2].size = Size::Bytes(u64::MAX);
        assert!(matches!(
            resolve(&parts, PartitionStyle::Gpt, 8 * GIB, 512),
            Err(LayoutError::TooLarge { .. })
        ));
    }

    #[test]
    fn nothing_left_is_too_small() {
        use PartitionKind as K;
        let parts = [
            part("a", K::Basic, Size::Percent(100), Some(FileSystem::Ntfs)),
            part("b", K::Basic, Size::Percent(100), Some(FileSystem::Ntfs)),
        ];
        let error = resolve(&parts, PartitionStyle::Gpt, GIB, 512).unwrap_err();
        assert!(
            matches!(
                error,
                LayoutError::TooSmall {
                    number: 2,
                    bytes: 0,
                    ..
                }
            ),
            "{error}"
        );
        let tiny = [part("e", K::Efi, Size::MiB(20), Some(FileSystem::Fat32))];
        assert!(matches!(
            resolve(&tiny, PartitionStyle::Gpt, GIB, 512),
            Err(LayoutError::TooSmall { .. })
        ));
        assert!(resolve(&tiny, PartitionStyle::Gpt, 0, 512).is_err());
    }

    #[test]
    fn an_mbr_ends_at_two_tebibytes_and_four_partitions() {
        use PartitionKind as K;
        let one = [part(
            "w",
            K::Basic,
            Size::Percent(100),
            Some(FileSystem::Ntfs),
        )];
        let entries = resolve(&one, PartitionStyle::Mbr, 4096 * GIB, 512).unwrap();
        assert!(entries[0].start_bytes + entries[0].bytes <= 2048 * GIB);
        assert_eq!(entries[0].type_id, "0x07");
        let five = vec![part("p", K::Primary, Size::MiB(100), None); 5];
        assert!(matches!(
            resolve(&five, PartitionStyle::Mbr, 8 * GIB, 512),
            Err(LayoutError::Count { .. })
        ));
        let efi = [part("e", K::Efi, Size::MiB(100), None)];
        assert!(matches!(
            resolve(&efi, PartitionStyle::Mbr, 8 * GIB, 512),
            Err(LayoutError::Kind { .. })
        ));
        let mut two = vec![part("p", K::Primary, Size::MiB(100), None); 2];
        two[0].bootable = true;
        two[1].bootable = true;
        assert_eq!(
            resolve(&two, PartitionStyle::Mbr, 8 * GIB, 512),
            Err(LayoutError::Active(2))
        );
    }

    #[test]
    fn sizes_in_bytes_are_rounded_up_and_attribute_bits_add_up() {
        let mut def = part("x", PartitionKind::Basic, Size::Bytes(MIB + 1), None);
        def.attributes = vec![60, 62, 200];
        let entries = resolve(&[def], PartitionStyle::Gpt, GIB, 4096).unwrap();
        assert_eq!(entries[0].bytes, 2 * MIB);
        assert_eq!(entries[0].attributes, 0x5000_0000_0000_0000);
    }
}
