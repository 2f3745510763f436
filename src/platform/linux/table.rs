//! Partition tables, read and written.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use gpt::GptConfig;
use gpt::mbr::ProtectiveMBR;
use mbrman::{BOOT_ACTIVE, BOOT_INACTIVE, CHS, MBR, MBRPartitionEntry};

use crate::platform::contents::TableState;
use crate::platform::error::PlatformError;
use crate::platform::types::{Layout, TableKind};
use crate::units::MIB;

use super::table_entry::{Entry, sector_kind};
use super::{blkid, table_read};

/// Bytes at the start of a partition that are part of the digest: boot sector and superblocks, with their serial numbers.
const VOLUME_START: u64 = 8192;

/// A digest over geometry, serial number, both ends of the disk (where tables and their backups are) and the start of
/// each partition: a clone with the same table has other volumes in it.
pub(super) fn digest(
    file: &File,
    bytes: u64,
    sector_bytes: u32,
    serial: &str,
    entries: &[Entry],
) -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    (bytes, sector_bytes, serial).hash(&mut hasher);
    let length = bytes.min(MIB);
    let mut region = vec![0; usize::try_from(length).unwrap_or_default()];
    for at in [0, bytes - length] {
        file.read_exact_at(&mut region, at)?;
        region.hash(&mut hasher);
    }
    for Entry { entry, .. } in entries {
        let length = VOLUME_START
            .min(entry.bytes)
            .min(bytes.saturating_sub(entry.start_bytes));
        let mut start = vec![0; usize::try_from(length).unwrap_or_default()];
        // A bad sector in a volume must not stand in the way of wiping it.
        let read = file.read_exact_at(&mut start, entry.start_bytes).is_ok();
        (entry.start_bytes, read, start).hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Zeros from `at`, cut at the end of the disk.
fn zero(file: &File, at: u64, length: u64, disk_bytes: u64) -> io::Result<()> {
    let end = at.saturating_add(length).min(disk_bytes);
    let zeros = vec![0_u8; 64 * 1024];
    let mut at = at;
    while at < end {
        let part = usize::try_from(end - at)
            .unwrap_or(usize::MAX)
            .min(zeros.len());
        file.write_all_at(&zeros[..part], at)?;
        at += part as u64;
    }
    Ok(())
}

/// Destroys whatever table is there: first and last MiB.
pub(super) fn wipe(file: &File, disk_bytes: u64) -> io::Result<()> {
    zero(file, 0, MIB, disk_bytes)?;
    zero(file, disk_bytes.saturating_sub(MIB), MIB, disk_bytes)?;
    file.sync_all()
}

/// Destroys the old table and what could be taken for a file system at the start of the new partitions: the last
/// signature looked at by anybody (btrfs) lies at 64 KiB.
pub(super) fn wipe_for(file: &File, disk_bytes: u64, layout: &Layout) -> io::Result<()> {
    wipe(file, disk_bytes)?;
    for entry in &layout.entries {
        zero(
            file,
            entry.start_bytes,
            entry.bytes.min(128 * 1024),
            disk_bytes,
        )?;
        // Others lie farther in or at the end (ZFS, RAID): the new volume must not be taken for a part of them.
        blkid::wipe(file, entry.start_bytes, entry.bytes)?;
    }
    file.sync_all()
}

fn bad(text: impl std::fmt::Display) -> PlatformError {
    PlatformError::Layout(text.to_string())
}

/// Refuses what a table cannot hold, before anything is written.
pub(super) fn check(layout: &Layout, bytes: u64, sector_bytes: u32) -> Result<(), PlatformError> {
    let sector = u64::from(sector_bytes);
    let (most, first, last) = match layout.kind {
        // Protective MBR, header, 16 KiB of entries; the same without the MBR at the end.
        TableKind::Gpt => (
            128,
            2 * sector + 16_384,
            bytes.saturating_sub(sector + 16_384),
        ),
        TableKind::Mbr => (4, sector, bytes.min((u64::from(u32::MAX)) * sector)),
        TableKind::None => return Err(bad("a layout needs a kind of table")),
    };
    if sector_kind(sector_bytes).is_none() {
        return Err(bad(format!(
            "sectors of {sector_bytes} bytes are not supported"
        )));
    }
    if layout.entries.is_empty() || layout.entries.len() > most {
        return Err(bad(format!(
            "{} partitions: this table holds 1 to {most}",
            layout.entries.len()
        )));
    }
    let mut free_from = first;
    for (index, entry) in layout.entries.iter().enumerate() {
        let end = entry.start_bytes.checked_add(entry.bytes);
        let fits = entry.bytes > 0
            && entry.start_bytes >= free_from
            && end.is_some_and(|end| end <= last)
            && entry.start_bytes.is_multiple_of(sector)
            && entry.bytes.is_multiple_of(sector);
        if !fits {
            return Err(bad(format!(
                "partition {} ({} bytes from {}) overlaps another or does not fit the disk of {bytes} bytes",
                index + 1,
                entry.bytes,
                entry.start_bytes
            )));
        }
        free_from = end.unwrap_or(u64::MAX);
    }
    Ok(())
}

/// Writes the table. The disk's old table must be gone already.
pub(super) fn write(
    file: &File,
    layout: &Layout,
    bytes: u64,
    sector_bytes: u32,
) -> Result<(), PlatformError> {
    match layout.kind {
        TableKind::Gpt => write_gpt(file, layout, bytes, sector_bytes),
        TableKind::Mbr => write_mbr(file, layout, sector_bytes),
        TableKind::None => Err(bad("a layout needs a kind of table")),
    }
}

fn write_gpt(
    file: &File,
    layout: &Layout,
    bytes: u64,
    sector_bytes: u32,
) -> Result<(), PlatformError> {
    let sector = u64::from(sector_bytes);
    let kind = sector_kind(sector_bytes)
        .ok_or_else(|| bad(format!("sectors of {sector_bytes} bytes are not supported")))?;
    let io = |error| PlatformError::io("writing the partition table", error);
    let gpt = |error: gpt::GptError| match error {
        gpt::GptError::Io(error) => PlatformError::io("writing the partition table", error),
        other => bad(other),
    };
    let mut device = file.try_clone().map_err(io)?;
    // The size in a protective MBR saturates at 32 bits.
    let sectors = u32::try_from(bytes / sector - 1).unwrap_or(u32::MAX);
    ProtectiveMBR::with_lb_size(sectors)
        .overwrite_lba0(&mut device)
        .map_err(|error| bad(format!("writing the protective MBR: {error}")))?;
    let mut disk = GptConfig::new()
        .writable(true)
        .logical_block_size(kind)
        .create_from_device(device, None)
        .map_err(gpt)?;
    for (number, entry) in (1_u32..).zip(&layout.entries) {
        let guid = uuid::Uuid::parse_str(&entry.type_id)
            .map_err(|_| bad(format!("`{}` is not a partition type GUID", entry.type_id)))?;
        // The entry holds 36 UTF-16 units.
        let mut name = entry.name.clone();
        while name.encode_utf16().count() > 36 {
            name.pop();
        }
        disk.add_partition_at(
            &name,
            number,
            entry.start_bytes / sector,
            entry.bytes / sector,
            guid.into(),
            entry.attributes,
        )
        .map_err(gpt)?;
    }
    let mut device = disk.write().map_err(gpt)?;
    device.flush().map_err(io)?;
    device.sync_all().map_err(io)
}

fn write_mbr(file: &File, layout: &Layout, sector_bytes: u32) -> Result<(), PlatformError> {
    let sector = u64::from(sector_bytes);
    let io = |error| PlatformError::io("writing the partition table", error);
    let mut device = file.try_clone().map_err(io)?;
    let mut mbr =
        MBR::new_from(&mut device, sector_bytes, rand::random::<[u8; 4]>()).map_err(bad)?;
    for (number, entry) in (1_usize..).zip(&layout.entries) {
        let kind = entry
            .type_id
            .strip_prefix("0x")
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .ok_or_else(|| bad(format!("`{}` is not an MBR partition type", entry.type_id)))?;
        let small =
            |value: u64| u32::try_from(value).map_err(|_| bad("an MBR reaches 2 TiB at most"));
        // No cylinders any more: the mark for "look at the sector numbers", as Windows writes it.
        let beyond = CHS::new(1023, 254, 63);
        mbr[number] = MBRPartitionEntry {
            boot: if entry.active {
                BOOT_ACTIVE
            } else {
                BOOT_INACTIVE
            },
            first_chs: beyond,
            sys: kind,
            last_chs: beyond,
            starting_lba: small(entry.start_bytes / sector)?,
            sectors: small(entry.bytes / sector)?,
        };
    }
    device.seek(SeekFrom::Start(0)).map_err(io)?;
    mbr.write_into(&mut device).map_err(bad)?;
    device.sync_all().map_err(io)
}

/// Whether the table on disk is the layout, and nothing else.
pub(super) fn matches(
    file: &File,
    layout: &Layout,
    bytes: u64,
    sector_bytes: u32,
    node: &Path,
) -> Result<(), PlatformError> {
    let table_read::Found {
        kind,
        state,
        entries: found,
    } = table_read::read(file, bytes, sector_bytes, false);
    let same = kind == layout.kind
        && state == TableState::Good
        && found.len() == layout.entries.len()
        && found.iter().zip(&layout.entries).all(|(found, wanted)| {
            found.entry.start_bytes == wanted.start_bytes
                && found.entry.bytes == wanted.bytes
                && found.entry.type_id.eq_ignore_ascii_case(&wanted.type_id)
        });
    if same {
        Ok(())
    } else {
        Err(PlatformError::Unfit {
            path: node.to_owned(),
            what: "the table read back is not the one written: the medium may be broken".to_owned(),
        })
    }
}
