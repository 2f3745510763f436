//! The GPT attribute "no default drive letter" (bit 63 of a basic data partition; UEFI specification, table of partition
//! attributes, as Microsoft uses it): a Windows volume that carries it has no letter in Windows PE.

use std::fs::OpenOptions;

use gpt::GptConfig;

use crate::platform::error::PlatformError;
use crate::platform::types::{Disk, FsKind};

const NO_DRIVE_LETTER: u64 = 1 << 63;

/// Clears the attribute on the NTFS partitions of a disk; the numbers of those that had it.
pub(super) fn show_volumes(disk: &Disk) -> Result<Vec<u32>, PlatformError> {
    let hidden: Vec<u32> = disk
        .partitions
        .iter()
        .filter(|p| matches!(p.fs, FsKind::Ntfs) && p.attributes & NO_DRIVE_LETTER != 0)
        .map(|p| p.at.partition)
        .collect();
    if hidden.is_empty() {
        return Ok(hidden);
    }
    if !disk.refusals.is_empty() {
        return Err(PlatformError::Refused {
            number: disk.number,
            refusals: disk.refusals.clone(),
        });
    }
    let doing = || format!("changing the partition table of {}", disk.path.display());
    let failed = |error: gpt::GptError| match error {
        gpt::GptError::Io(error) => PlatformError::io(doing(), error),
        other => PlatformError::Layout(format!("{}: {other}", doing())),
    };
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&disk.path)
        .map_err(|error| PlatformError::io(doing(), error))?;
    let mut table = GptConfig::new()
        .writable(true)
        .logical_block_size(super::table::sector_kind(disk.sector_bytes).ok_or_else(|| {
            PlatformError::Layout(format!(
                "sectors of {} bytes are not supported",
                disk.sector_bytes
            ))
        })?)
        .open_from_device(device)
        .map_err(failed)?;
    let mut partitions = table.partitions().clone();
    for number in &hidden {
        if let Some(partition) = partitions.get_mut(number) {
            partition.flags &= !NO_DRIVE_LETTER;
        }
    }
    table.update_partitions(partitions).map_err(failed)?;
    let device = table.write().map_err(failed)?;
    device
        .sync_all()
        .map_err(|error| PlatformError::io(doing(), error))?;
    Ok(hidden)
}
