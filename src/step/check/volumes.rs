//! The volumes that a capture will find: those of now, or those that the sequence makes before.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::platform::{Disk, FsKind, Machine, Partition};
use crate::sequence::settings::UnsupportedFiles;
use crate::step::capture_volumes::{is_reserved, place, probe, reason_to_skip};
use crate::step::capture_whole;
use crate::units;

use super::Checker;

const SUBJECT: &str = "volume";
/// How long a volume is looked through for files that cannot be kept.
const LOOK: Duration = Duration::from_secs(2);

/// A line for each volume; bytes in use in all that will be captured, `None` when that is not known.
pub(super) fn check(unsupported: UnsupportedFiles, c: &mut Checker<'_>) -> Option<u64> {
    c.says("the volumes");
    let mut disks = match c.machine.disks() {
        Ok(disks) => disks,
        Err(error) => {
            c.block(
                SUBJECT,
                format!("the disks cannot be listed: {error}"),
                "Look at `wimforge disks`.",
            );
            return None;
        }
    };
    disks.sort_by_key(|disk| disk.number);
    let mut used = Some(0_u64);
    let mut count = 0;
    let mut reasons = Vec::new();
    for disk in &disks {
        match capture_whole::beside(disk) {
            Ok(None) => {}
            Ok(Some(reason)) => {
                let text = format!("disk {} is not captured: {reason}", disk.number);
                c.warn(SUBJECT, &text, "Move what is needed to an NTFS volume.");
                reasons.push(text);
            }
            Err(error) => {
                count += 1;
                c.fail(
                    SUBJECT,
                    &error,
                    "Mend the table, or leave this disk out of the machine.",
                );
                continue;
            }
        }
        for partition in capture_whole::volumes_of(disk) {
            if c.cancelled() {
                return None;
            }
            match reason_to_skip(disk, &partition) {
                Ok(Some(reason)) => reasons.push(skipped(disk, &partition, &reason, c)),
                Ok(None) => {
                    count += 1;
                    let bytes = volume(partition, unsupported, c);
                    used = used
                        .zip(bytes)
                        .map(|(sum, bytes)| sum.saturating_add(bytes));
                }
                Err(error) => c.fail(SUBJECT, &error, "Leave this volume out of the machine."),
            }
        }
    }
    if count == 0 {
        c.block(
            SUBJECT,
            capture_whole::nothing(&reasons),
            "Connect the disk, or put steps that make and fill one before the capture.",
        );
        return None;
    }
    used
}

/// Gives back what was said.
fn skipped(disk: &Disk, partition: &Partition, reason: &str, c: &mut Checker<'_>) -> String {
    let text = format!("{} is not captured: {reason}", place(partition));
    // What holds no files, or does not belong to the machine, is missed by nobody.
    if partition.fs == FsKind::None || is_reserved(partition) || disk.usb || disk.removable {
        c.fine(SUBJECT, &text);
    } else {
        c.warn(SUBJECT, &text, "Move what is needed to an NTFS volume.");
    }
    text
}

/// Bytes in use.
fn volume(partition: Partition, unsupported: UnsupportedFiles, c: &mut Checker<'_>) -> Option<u64> {
    let at = partition.at;
    let name = place(&partition);
    if let Some(&bytes) = c.applied.get(&at) {
        c.fine(
            SUBJECT,
            format!(
                "{name} will be captured: this sequence applies an image of {} to it",
                units::bytes(bytes)
            ),
        );
        return Some(bytes);
    }
    if c.machine.is_planned(at.disk) {
        c.fine(
            SUBJECT,
            format!("{name} will be captured: this sequence makes it, and applies no image to it"),
        );
        return Some(0);
    }
    c.says(&name);
    let step = c.step.clone();
    let mut lost = None;
    let probed = probe(&step, partition, &mut |root| lost = look(root));
    c.warnings(
        SUBJECT,
        "Let Windows check it with chkdsk before the capture.",
    );
    let volume = match probed {
        Ok(volume) => volume,
        Err(error) => {
            c.fail(SUBJECT, &error, "Mend the volume.");
            return None;
        }
    };
    c.fine(
        SUBJECT,
        format!(
            "{} will be captured: {} in use",
            volume.describe(),
            units::bytes(volume.used_bytes)
        ),
    );
    if let Some(what) = lost {
        const WAY_OUT: &str = "In Windows, run `compact.exe /CompactOS:never`, turn deduplication off, shut down fully and try again.";
        let text = format!("{name} holds {what}, which a capture on Linux cannot keep");
        match unsupported {
            UnsupportedFiles::Refuse => c.block(SUBJECT, text, WAY_OUT),
            UnsupportedFiles::List => c.warn(SUBJECT, text, WAY_OUT),
        }
    }
    Some(volume.used_bytes)
}

/// Looks at programs that Windows compresses first. ntfs-3g shows what it cannot read as a link that names the tag.
fn look(root: &Path) -> Option<&'static str> {
    let until = Instant::now() + LOOK;
    for folder in ["Windows/System32", "Windows", "Program Files"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            if Instant::now() > until {
                return None;
            }
            if !entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                continue;
            }
            let Ok(target) = std::fs::read_link(entry.path()) else {
                continue;
            };
            let target = target.to_string_lossy().to_lowercase();
            if !target.starts_with("unsupported reparse") {
                continue;
            }
            if target.contains("80000017") {
                return Some("system-compressed (WOF) files");
            }
            if target.contains("80000013") {
                return Some("deduplicated files");
            }
        }
    }
    None
}
