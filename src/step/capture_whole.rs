//! Disks that are captured without a partition: a file system that begins where the disk begins, and why others are not.

use crate::codes;
use crate::platform::{
    Disk, FsKind, Partition, PartitionRef, Refusal, TableState, Unclaimed, show,
};

use super::error::StepError;

/// The number of a volume that is a whole disk: no table has it.
pub(super) const WHOLE: u32 = 0;

/// What a capture looks at on this disk, in order: its partitions, or the one volume that takes all of it.
pub(super) fn volumes_of(disk: &Disk) -> Vec<Partition> {
    let mut partitions = disk.partitions.clone();
    partitions.sort_by_key(|partition| partition.at.partition);
    if let ([], [first, others @ ..]) = (&partitions[..], &disk.contents.whole[..])
        && disk.contents.table == TableState::Absent
    {
        let fs = if others.is_empty() {
            first.kind.clone()
        } else {
            let whole = disk.contents.whole.iter();
            FsKind::Several(whole.map(|held| held.kind.clone()).collect())
        };
        partitions.push(Partition {
            at: PartitionRef {
                disk: disk.number,
                partition: WHOLE,
            },
            node: disk.path.clone(),
            start_bytes: 0,
            bytes: disk.bytes,
            type_id: String::new(),
            name: String::new(),
            attributes: 0,
            fs,
            label: first.label.clone(),
            mounted_at: disk
                .refusals
                .iter()
                .filter_map(|refusal| match refusal {
                    Refusal::Mounted { node, at } if *node == disk.path => Some(at.clone()),
                    _ => None,
                })
                .collect(),
        });
    }
    partitions
}

/// Why a disk holds something that no volume of it shows; `None` when there is nothing to say.
///
/// # Errors
/// The table is damaged: what would be captured by it may be anything.
pub(super) fn beside(disk: &Disk) -> Result<Option<String>, StepError> {
    if disk.usb || disk.removable {
        return Ok(None);
    }
    if show::unreadable(disk) {
        return Ok(Some(format!("it {}", show::summary(disk))));
    }
    if let Some(why) = disk.contents.unusable() {
        return Err(StepError::new(
            codes::NOT_SUPPORTED,
            format!("disk {} is not captured: {why}", disk.number),
        )
        .hint("Mend the partition table, or leave this disk out of the machine, then try again."));
    }
    let shown = !volumes_of(disk).is_empty();
    let unclaimed = matches!(disk.contents.unclaimed, Unclaimed::Data { .. });
    let foreign = matches!(disk.contents.table, TableState::Foreign(_));
    if shown || !(unclaimed || foreign || !disk.contents.whole.is_empty()) {
        return Ok(None);
    }
    Ok(Some(format!(
        "it {}: only NTFS and FAT32 volumes are captured ({})",
        show::summary(disk),
        show::contents(disk).join("; ")
    )))
}

/// What the only disk that could have been captured has instead.
pub(super) fn nothing(reasons: &[String]) -> String {
    let mut text = "there is no NTFS or FAT32 volume on a fixed disk to capture".to_owned();
    for reason in reasons {
        text.push_str("; ");
        text.push_str(reason);
    }
    text
}

/// A volume with an NTFS or FAT32 signature and others beside it: which one counts decides about somebody's data.
pub(super) fn several(place: &str, partition: &Partition, kinds: &[FsKind]) -> Option<StepError> {
    let windows = |kind: &FsKind| matches!(kind, FsKind::Ntfs | FsKind::Fat32);
    kinds.iter().any(windows).then(|| {
        StepError::new(
            codes::NOT_SUPPORTED,
            format!(
                "{place} looks like {} at once, and nobody can say which of them counts",
                show::file_system(&partition.fs)
            ),
        )
        .hint(format!(
            "If the others are leftovers, remove their marks with wipefs (look first: `wipefs {0}`), then try again.",
            partition.node.display()
        ))
    })
}
