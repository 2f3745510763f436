//! Which volumes the images go to.

use std::path::PathBuf;

use crate::codes;
use crate::platform::{Disk, FsKind, Partition, PartitionRef, Refusal, TableKind, show};
use crate::sequence::settings::Destination;

use super::cx::StepCx;
use super::error::StepError;
use super::volumes;

/// EFI system partition, Microsoft reserved, Windows recovery; the last two are MBR bytes for the same.
const NOT_FOR_ONE_IMAGE: [&str; 5] = [
    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
    "e3c9e316-0b5c-4db8-817d-f92df00215ae",
    "de94bba4-06d1-4d40-a16a-bfd50179d6ac",
    "0xef",
    "0x27",
];

/// A volume an image goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Disk and partition.
    pub at: PartitionRef,
    /// Device node.
    pub node: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// NTFS or FAT32.
    pub fs: FsKind,
}

impl Target {
    /// How messages call it.
    pub fn name(&self) -> String {
        name(self.at)
    }
}

fn name(at: PartitionRef) -> String {
    format!("disk {} partition {}", at.disk, at.partition)
}

/// As many volumes as there are images: the destination and those that follow, in disk and partition order.
///
/// # Errors
/// No such disk, partition or letter; not formatted; not to be written to; too few volumes.
pub fn choose(
    destination: &Destination,
    count: usize,
    cx: &StepCx,
) -> Result<Vec<Target>, StepError> {
    let mut disks = cx
        .machine
        .disks()
        .map_err(|error| StepError::platform("reading the list of disks", error))?;
    disks.sort_by_key(|disk| disk.number);
    for disk in &mut disks {
        disk.partitions.sort_by_key(|partition| partition.at);
    }
    let first = match destination {
        Destination::NextAvailable => None,
        Destination::Partition(disk, partition) => Some(PartitionRef {
            disk: *disk,
            partition: *partition,
        }),
        Destination::Letter(letter) => Some(by_letter(*letter, cx)?),
        Destination::Variable(variable) => Some(by_variable(variable, cx)?),
    };
    let mut targets = Vec::new();
    let mut from = None;
    if let Some(at) = first {
        targets.push(explicit(&disks, at)?);
        from = Some(at);
    }
    let applied = volumes::applied(cx.host.as_ref());
    let mut damaged = String::new();
    for disk in &disks {
        if let Some(why) = disk.contents.unusable() {
            let text = format!("disk {} is passed over: {why}", disk.number);
            cx.warn(&text);
            damaged.push_str("; ");
            damaged.push_str(&text);
            continue;
        }
        for partition in &disk.partitions {
            if targets.len() == count {
                break;
            }
            if from.is_some_and(|from| partition.at <= from)
                || !formatted(partition)
                || applied.contains(&partition.at)
            {
                continue;
            }
            if let Some(why) = refused(disk, partition) {
                cx.warn(format!("{} is passed over: {why}", name(partition.at)));
                continue;
            }
            if count == 1
                && let Some(why) = unfit_for_one(disk, partition)
            {
                cx.info(format!("{} is passed over: {why}", name(partition.at)));
                continue;
            }
            targets.push(Target {
                at: partition.at,
                node: partition.node.clone(),
                bytes: partition.bytes,
                fs: partition.fs.clone(),
            });
        }
    }
    if targets.len() == count {
        for target in &targets {
            cx.info(format!(
                "target: {} ({})",
                target.name(),
                target.node.display()
            ));
        }
        return Ok(targets);
    }
    let message = if count == 1 {
        "there is no formatted NTFS or FAT32 partition without an image to apply to".to_owned()
    } else {
        format!(
            "the image file has {count} images for {count} volumes, but only {} formatted NTFS or FAT32 partitions without an image were found from the destination on",
            targets.len()
        )
    };
    Err(StepError::new(codes::NOT_FOUND, message + &damaged)
        .hint("partition and format the disk first, or name the destination"))
}

fn formatted(partition: &Partition) -> bool {
    matches!(partition.fs, FsKind::Ntfs | FsKind::Fat32)
}

/// Why a partition is not the one for a single image.
fn unfit_for_one(disk: &Disk, partition: &Partition) -> Option<&'static str> {
    if NOT_FOR_ONE_IMAGE.contains(&partition.type_id.to_ascii_lowercase().as_str()) {
        return Some("it is an EFI system, reserved or recovery partition");
    }
    // The active partition of a BIOS layout holds the boot files; Windows goes behind it, when there is a place.
    let active = disk.table == TableKind::Mbr && partition.attributes & 1 == 1;
    let later = || {
        disk.partitions.iter().any(|other| {
            other.at > partition.at
                && formatted(other)
                && !NOT_FOR_ONE_IMAGE.contains(&other.type_id.to_ascii_lowercase().as_str())
        })
    };
    (active && later()).then_some("it is the active system partition")
}

/// Why a partition may not be written to.
fn refused(disk: &Disk, partition: &Partition) -> Option<String> {
    if let Some(at) = partition.mounted_at.first() {
        return Some(format!("it is mounted at {}", at.display()));
    }
    disk.refusals
        .iter()
        .find(|refusal| match refusal {
            // Another partition of the same disk may be in use.
            Refusal::Mounted { node, .. } | Refusal::Held { node, .. } | Refusal::Swap(node) => {
                *node == partition.node || *node == disk.path || Some(node) == disk.backing.as_ref()
            }
            Refusal::BootMedium(_)
            | Refusal::ReadOnly(_)
            | Refusal::RealDisk(_)
            | Refusal::NotTheSame { .. }
            | Refusal::Unreadable { .. } => true,
        })
        .map(ToString::to_string)
}

fn explicit(disks: &[Disk], at: PartitionRef) -> Result<Target, StepError> {
    let missing = |what: String| StepError::new(codes::INVALID_DRIVE, what);
    let disk = disks
        .iter()
        .find(|disk| disk.number == at.disk)
        .ok_or_else(|| missing(format!("there is no disk {}", at.disk)))?;
    if let Some(why) = disk.contents.unusable() {
        return Err(StepError::new(
            codes::NOT_SUPPORTED,
            format!("disk {} may not be written to: {why}", disk.number),
        ));
    }
    let partition = disk
        .partitions
        .iter()
        .find(|partition| partition.at == at)
        .ok_or_else(|| {
            missing(format!(
                "disk {} has no partition {}",
                at.disk, at.partition
            ))
        })?;
    if let Some(why) = refused(disk, partition) {
        return Err(StepError::new(
            codes::ACCESS_DENIED,
            format!("{} may not be written to: {why}", name(at)),
        ));
    }
    if !formatted(partition) {
        let found = match &partition.fs {
            FsKind::None => "is not formatted".to_owned(),
            other => format!("holds {}", show::file_system(other)),
        };
        return Err(StepError::new(
            codes::NOT_SUPPORTED,
            format!("{} {found}: an image is applied to NTFS or FAT32", name(at)),
        ));
    }
    Ok(Target {
        at,
        node: partition.node.clone(),
        bytes: partition.bytes,
        fs: partition.fs.clone(),
    })
}

fn by_letter(letter: char, cx: &StepCx) -> Result<PartitionRef, StepError> {
    volumes::by_letter(cx.host.as_ref(), letter).ok_or_else(|| {
        StepError::new(
            codes::INVALID_DRIVE,
            format!(
                "no volume has the letter {}:, which the step names as its destination",
                letter.to_ascii_uppercase()
            ),
        )
    })
}

/// `c:`, `c` or `1,1`.
fn by_variable(variable: &str, cx: &StepCx) -> Result<PartitionRef, StepError> {
    let value = cx.text(variable);
    let value = value.trim();
    if let Some(at) = volumes::parse_pair(value) {
        return Ok(at);
    }
    let mut chars = value.trim_end_matches(['\\', '/', ':']).chars();
    if let (Some(letter), None) = (chars.next(), chars.next())
        && letter.is_ascii_alphabetic()
    {
        return by_letter(letter, cx);
    }
    Err(StepError::new(
        codes::INVALID_PARAMETER,
        if value.is_empty() {
            format!("the variable {variable}, which is to name the destination, has no value")
        } else {
            format!(
                "the variable {variable} holds \"{value}\", which is neither a drive (c:) nor disk and partition (1,1)"
            )
        },
    ))
}
