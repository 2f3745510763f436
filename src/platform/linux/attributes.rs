//! The GPT attribute "no default drive letter" (bit 63 of a basic data partition; UEFI specification, table of partition
//! attributes, as Microsoft uses it): a Windows volume that carries it has no letter in Windows PE. Recovery and system
//! partitions carry it on purpose.

use std::fs::OpenOptions;

use gpt::GptConfig;

use crate::platform::contents::FsKind;
use crate::platform::error::PlatformError;
use crate::platform::types::{BASIC_DATA, Disk};

const NO_DRIVE_LETTER: u64 = 1 << 63;

/// Clears the attribute on the basic data partitions of a disk that hold NTFS; the numbers of those that had it.
pub(super) fn show_volumes(disk: &Disk) -> Result<Vec<u32>, PlatformError> {
    let hidden: Vec<u32> = disk
        .partitions
        .iter()
        .filter(|p| p.type_id == BASIC_DATA && p.fs == FsKind::Ntfs)
        .filter(|p| p.attributes & NO_DRIVE_LETTER != 0)
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
    if let Some(why) = disk.contents.unusable() {
        return Err(PlatformError::Layout(format!("{}: {why}", doing())));
    }
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
        .logical_block_size(
            super::table_entry::sector_kind(disk.sector_bytes).ok_or_else(|| {
                PlatformError::Layout(format!(
                    "sectors of {} bytes are not supported",
                    disk.sector_bytes
                ))
            })?,
        )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::contents::DiskContents;
    use crate::platform::types::{Partition, PartitionRef, TableKind};
    use crate::units::MIB;

    #[test]
    fn a_windows_volume_is_shown_and_a_recovery_partition_stays_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::File::create(&path)
            .and_then(|file| file.set_len(64 * MIB))
            .unwrap();
        let out = std::process::Command::new("sgdisk")
            .args(["-n", "1:0:+20M", "-t", "1:0700", "-A", "1:set:63"])
            .args(["-n", "2:0:+20M", "-t", "2:2700", "-A", "2:set:63"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(out.status.success(), "{out:?}");
        let table = || GptConfig::new().open(&path).unwrap().partitions().clone();
        let disk = Disk {
            number: 0,
            path: path.clone(),
            backing: None,
            model: String::new(),
            serial: String::new(),
            identity: String::new(),
            bytes: 64 * MIB,
            sector_bytes: 512,
            usb: false,
            removable: false,
            table: TableKind::Gpt,
            contents: DiskContents::default(),
            digest: String::new(),
            partitions: table()
                .iter()
                .map(|(&partition, found)| Partition {
                    at: PartitionRef { disk: 0, partition },
                    node: path.clone(),
                    start_bytes: 0,
                    bytes: 20 * MIB,
                    type_id: found.part_type_guid.guid.to_string().to_lowercase(),
                    name: String::new(),
                    attributes: found.flags,
                    fs: FsKind::Ntfs,
                    label: String::new(),
                    mounted_at: Vec::new(),
                })
                .collect(),
            refusals: Vec::new(),
        };
        assert_eq!(show_volumes(&disk).unwrap(), [1]);
        let flags: Vec<u64> = table().values().map(|found| found.flags).collect();
        assert_eq!(flags, [0, NO_DRIVE_LETTER]);
    }
}
