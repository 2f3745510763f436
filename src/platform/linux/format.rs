//! File systems made: NTFS by mkntfs, FAT32 by the fatfs crate.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

use fatfs::{FatType, FormatVolumeOptions};

use crate::cancel::CancelToken;
use crate::platform::error::PlatformError;
use crate::platform::machine::FormatRequest;
use crate::platform::types::{Disk, Partition};
use crate::sequence::settings::FileSystem;
use crate::units::{self, MIB};
use crate::volume_rules;

use super::tool;

/// Makes NTFS.
pub(super) fn ntfs(
    request: &FormatRequest,
    disk: &Disk,
    partition: &Partition,
    progress: &dyn Fn(u64, u64),
    log: &dyn Fn(&str),
    cancel: &CancelToken,
) -> Result<(), PlatformError> {
    volume_rules::ntfs_label(&request.label).map_err(PlatformError::Layout)?;
    // A loop device has no geometry: mkntfs would write 0 hidden sectors and a BIOS would not start Windows from it.
    let start = hidden_sectors(partition.start_bytes, disk.sector_bytes);
    let mut args: Vec<OsString> = Vec::new();
    if request.quick {
        args.push("-Q".into());
    }
    args.push("-F".into());
    if !request.label.is_empty() {
        args.extend(["-L".into(), OsString::from(&request.label)]);
    }
    for (flag, value) in [
        ("-p", start.to_string()),
        ("-H", "255".to_owned()),
        ("-S", "63".to_owned()),
        ("-s", disk.sector_bytes.to_string()),
    ] {
        args.extend([flag.into(), value.into()]);
    }
    args.push(partition.node.as_os_str().to_owned());
    let done = Cell::new(0);
    let ended = tool::run("mkntfs", &args, cancel, &mut |line| {
        if let Some(percent) = percentage(line) {
            // The last percents are the file system itself: 100 % only when the tool has ended.
            done.set(percent.min(99));
            if !request.quick {
                progress(partition.bytes / 100 * done.get(), partition.bytes);
            }
        } else if !line.trim().is_empty() {
            log(&format!("mkntfs: {line}"));
        }
    })?;
    ended.success("mkntfs")?;
    sync(partition)?;
    progress(partition.bytes, partition.bytes);
    Ok(())
}

/// How many sectors stand before a partition, as its boot sector counts them for a BIOS. 32 bits: a partition that begins behind
/// them is only reached by UEFI, which does not look at this number, and has 0.
fn hidden_sectors(start_bytes: u64, sector_bytes: u32) -> u32 {
    u32::try_from(start_bytes / u64::from(sector_bytes)).unwrap_or(0)
}

/// The number before the last percent sign of a progress display ("Initializing device with zeroes:  42%").
fn percentage(line: &str) -> Option<u64> {
    let before = line.trim_end().strip_suffix('%')?.trim_end();
    let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    before[before.len() - digits..]
        .parse()
        .ok()
        .filter(|&percent| percent <= 100)
}

fn sync(partition: &Partition) -> Result<(), PlatformError> {
    File::open(&partition.node)
        .and_then(|file| file.sync_all())
        .map_err(|error| PlatformError::io(format!("flushing {}", partition.node.display()), error))
}

/// Makes FAT32.
pub(super) fn fat32(
    request: &FormatRequest,
    disk: &Disk,
    partition: &Partition,
    progress: &dyn Fn(u64, u64),
    cancel: &CancelToken,
) -> Result<(), PlatformError> {
    let node = &partition.node;
    let io = |error| PlatformError::io(format!("formatting {} with FAT32", node.display()), error);
    let (least, most) = FileSystem::Fat32.sizes(disk.sector_bytes);
    if !(least..=most).contains(&partition.bytes) {
        return Err(PlatformError::Layout(format!(
            "partition {} of {} is no size for FAT32, which goes from {} to {} here",
            partition.at.partition,
            units::bytes(partition.bytes),
            units::bytes(least),
            units::bytes(most),
        )));
    }
    let sectors = u32::try_from(partition.bytes / u64::from(disk.sector_bytes)).map_err(|_| {
        PlatformError::Layout(format!(
            "partition {} is too large for FAT32",
            partition.at.partition
        ))
    })?;
    let sector = u16::try_from(disk.sector_bytes).map_err(|_| {
        PlatformError::Layout(format!(
            "sectors of {} bytes do not suit FAT32",
            disk.sector_bytes
        ))
    })?;
    let label = volume_rules::fat_label(&request.label).map_err(PlatformError::Layout)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(node)
        .map_err(io)?;
    if !request.quick {
        zeros(&file, partition.bytes, progress, cancel).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => PlatformError::Cancelled,
            _ => io(error),
        })?;
    }
    let mut options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_sector(sector)
        .total_sectors(sectors)
        .bytes_per_cluster(volume_rules::fat32_cluster(
            partition.bytes,
            disk.sector_bytes,
        ))
        .sectors_per_track(63)
        .heads(255)
        .volume_id(rand::random());
    if let Some(label) = label {
        options = options.volume_label(label);
    }
    fatfs::format_volume(&mut file, options).map_err(io)?;
    // fatfs writes 0 hidden sectors; boot code reads the partition's start here. Sector 6 is the copy.
    let start = hidden_sectors(partition.start_bytes, disk.sector_bytes);
    for at in [0, 6 * u64::from(sector)] {
        file.write_all_at(&start.to_le_bytes(), at + 0x1C)
            .map_err(io)?;
    }
    file.sync_all().map_err(io)?;
    progress(partition.bytes, partition.bytes);
    Ok(())
}

/// Zeros over the whole volume, flushed now and then so that the progress is true.
fn zeros(
    file: &File,
    bytes: u64,
    progress: &dyn Fn(u64, u64),
    cancel: &CancelToken,
) -> io::Result<()> {
    let block = vec![0_u8; 1024 * 1024];
    let mut at = 0;
    while at < bytes {
        if cancel.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let part = usize::try_from(bytes - at)
            .unwrap_or(usize::MAX)
            .min(block.len());
        file.write_all_at(&block[..part], at)?;
        at += part as u64;
        if at.is_multiple_of(64 * MIB) {
            file.sync_data()?;
        }
        progress(at.min(bytes - bytes / 100), bytes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_found_at_the_end_only() {
        assert_eq!(
            percentage("Initializing device with zeroes:  42%"),
            Some(42)
        );
        assert_eq!(percentage("  7%"), Some(7));
        assert_eq!(percentage("100% - Done."), None);
        assert_eq!(percentage("%"), None);
        assert_eq!(percentage("999%"), None);
    }

    #[test]
    fn sectors_that_do_not_fit_the_boot_sector_are_not_counted() {
        assert_eq!(hidden_sectors(MIB, 512), 2048);
        assert_eq!(hidden_sectors(MIB, 4096), 256);
        assert_eq!(hidden_sectors(u64::from(u32::MAX) * 512, 512), u32::MAX);
        assert_eq!(hidden_sectors(2 << 40, 512), 0);
        assert_eq!(hidden_sectors(2 << 40, 4096), 1 << 29);
    }
}
