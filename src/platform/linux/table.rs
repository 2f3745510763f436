//! Partition tables, read and written.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use gpt::GptConfig;
use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;
use mbrman::{BOOT_ACTIVE, BOOT_INACTIVE, CHS, MBR, MBRPartitionEntry};

use crate::platform::error::PlatformError;
use crate::platform::types::{Layout, LayoutEntry, TableKind};
use crate::units::MIB;

/// A partition as its table describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Number, from 1.
    pub(super) number: u32,
    /// The rest.
    pub(super) entry: LayoutEntry,
}

pub(super) fn sector_kind(sector_bytes: u32) -> Option<LogicalBlockSize> {
    match sector_bytes {
        512 => Some(LogicalBlockSize::Lb512),
        4096 => Some(LogicalBlockSize::Lb4096),
        _ => None,
    }
}

/// The gpt crate trusts these two numbers of a header; a hostile disk must not make it allocate or panic.
fn header_is_sane(file: &File, at: u64) -> bool {
    let mut header = [0_u8; 92];
    if file.read_exact_at(&mut header, at).is_err() || &header[..8] != b"EFI PART" {
        // No header at all: the crate finds that out by itself.
        return true;
    }
    let number = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    number(84) == 128 && number(80) <= 1024
}

fn read_gpt(file: &File, bytes: u64, sector_bytes: u32) -> Option<Vec<Entry>> {
    let sector = u64::from(sector_bytes);
    if !header_is_sane(file, sector) || !header_is_sane(file, bytes.checked_sub(sector)?) {
        return None;
    }
    let file = file.try_clone().ok()?;
    let disk = GptConfig::new()
        .writable(false)
        .logical_block_size(sector_kind(sector_bytes)?)
        .open_from_device(file)
        .ok()?;
    let mut entries = Vec::new();
    for (&number, partition) in disk.partitions() {
        let start = partition.first_lba.checked_mul(sector)?;
        let end = partition.last_lba.checked_add(1)?.checked_mul(sector)?;
        if !partition.is_used() || end <= start || end > bytes {
            continue;
        }
        entries.push(Entry {
            number,
            entry: LayoutEntry {
                start_bytes: start,
                bytes: end - start,
                type_id: partition.part_type_guid.guid.to_string(),
                name: partition.name.clone(),
                attributes: partition.flags,
                active: false,
            },
        });
    }
    Some(entries)
}

fn mbr_entry(number: usize, partition: &MBRPartitionEntry, sector: u64) -> Option<Entry> {
    if partition.is_unused() || partition.is_extended() || partition.sectors == 0 {
        return None;
    }
    Some(Entry {
        number: u32::try_from(number).ok()?,
        entry: LayoutEntry {
            start_bytes: u64::from(partition.starting_lba) * sector,
            bytes: u64::from(partition.sectors) * sector,
            type_id: format!("0x{:02x}", partition.sys),
            name: String::new(),
            attributes: u64::from(partition.is_active()),
            active: partition.is_active(),
        },
    })
}

fn read_mbr(file: &File, bytes: u64, sector_bytes: u32) -> Option<Vec<Entry>> {
    let mut file = file.try_clone().ok()?;
    file.seek(SeekFrom::Start(0)).ok()?;
    let mbr = MBR::read_from(&mut file, sector_bytes).ok()?;
    // A lone protective entry is what is left of a broken GPT.
    if mbr
        .header
        .iter()
        .any(|(_, partition)| partition.sys == 0xEE)
    {
        return None;
    }
    let entries: Vec<Entry> = mbr
        .iter()
        .filter_map(|(number, partition)| mbr_entry(number, partition, u64::from(sector_bytes)))
        .collect();
    // The boot sector of a file system ends in the same two bytes: such a table points past the end.
    entries
        .iter()
        .all(|e| {
            e.entry.start_bytes > 0 && e.entry.start_bytes.saturating_add(e.entry.bytes) <= bytes
        })
        .then_some(entries)
}

/// The table of a disk and its partitions in order of their start.
pub(super) fn read(file: &File, bytes: u64, sector_bytes: u32) -> (TableKind, Vec<Entry>) {
    let (kind, mut entries) = if let Some(entries) = read_gpt(file, bytes, sector_bytes) {
        (TableKind::Gpt, entries)
    } else if let Some(entries) = read_mbr(file, bytes, sector_bytes) {
        (TableKind::Mbr, entries)
    } else {
        (TableKind::None, Vec::new())
    };
    entries.sort_by_key(|entry| (entry.entry.start_bytes, entry.number));
    (kind, entries)
}

/// A digest over geometry, serial number and the regions that hold tables.
pub(super) fn digest(
    file: &File,
    bytes: u64,
    sector_bytes: u32,
    serial: &str,
) -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    (bytes, sector_bytes, serial).hash(&mut hasher);
    let length = bytes.min(MIB);
    let mut region = vec![0; usize::try_from(length).unwrap_or_default()];
    for at in [0, bytes - length] {
        file.read_exact_at(&mut region, at)?;
        region.hash(&mut hasher);
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
    let (kind, found) = read(file, bytes, sector_bytes);
    let same = kind == layout.kind
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
