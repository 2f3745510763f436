//! The volumes that a capture will find: those of now, or those that the sequence makes before.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::platform::{Disk, Machine, Partition};
use crate::sequence::settings::{CaptureOperatingSystem, UnsupportedFiles};
use crate::step::capture_secrets;
use crate::step::capture_volumes::{is_missed, place, probe, reason_to_skip};
use crate::step::capture_whole;
use crate::unattend::{self, Found};
use crate::units;
use crate::wim::reparse::{self, Contents};

use super::Checker;

const SUBJECT: &str = "volume";
/// Folders below a user's own that are looked into, too.
const USERS_DEPTH: usize = 3;
/// How long a volume is looked through for files that cannot be kept.
const LOOK: Duration = Duration::from_secs(2);

/// A line for each volume; bytes in use in all that will be captured, `None` when that is not known.
pub(super) fn check(settings: &CaptureOperatingSystem, c: &mut Checker<'_>) -> Option<u64> {
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
                    let bytes = volume(partition, settings, c);
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
    if is_missed(disk, partition, reason) {
        c.warn(SUBJECT, &text, "Move what is needed to an NTFS volume.");
    } else {
        c.fine(SUBJECT, &text);
    }
    text
}

/// Bytes in use.
fn volume(
    partition: Partition,
    settings: &CaptureOperatingSystem,
    c: &mut Checker<'_>,
) -> Option<u64> {
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
    let keys = capture_secrets::keys(settings.product_keys);
    let stop = || step.cancel.is_cancelled();
    let (mut lost, mut secrets, mut root_seen) = (None, None, Vec::new());
    let probed = probe(&step, partition, &mut |root, role| {
        lost = look(root);
        secrets = Some(unattend::look_volume(root, keys, &stop));
        root_seen = capture_secrets::notices(root, role);
    });
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
        const WAY_OUT: &str = "In Windows, run `compact.exe /CompactOS:never`, turn deduplication off, bring back what a cloud holds, shut down fully and try again.";
        let text = format!("{name} holds {what}, which a capture on Linux cannot keep");
        match settings.unsupported_files {
            UnsupportedFiles::Refuse => c.block(SUBJECT, text, WAY_OUT),
            UnsupportedFiles::List => c.warn(SUBJECT, text, WAY_OUT),
        }
    }
    for notice in root_seen {
        c.warn(SUBJECT, format!("{name}: {}", notice.text), notice.way_out);
    }
    match secrets {
        Some(Ok(found)) => tell_secrets(&name, &found, c),
        Some(Err(error)) if !c.cancelled() => {
            let error = capture_secrets::unusable(&step, &name, error);
            c.fail(SUBJECT, &error, "Mend or remove that answer file.");
        }
        _ => {}
    }
    Some(volume.used_bytes)
}

/// What answer files and scripts hold that is secret.
fn tell_secrets(name: &str, found: &Found, c: &mut Checker<'_>) {
    if !found.answers.is_empty() {
        let what = capture_secrets::counted(found);
        c.fine(
            SUBJECT,
            format!("{name}: before the capture, secrets are taken out of {what}"),
        );
    }
    for line in capture_secrets::leaks(found) {
        c.warn(
            SUBJECT,
            format!("{name}: a password would be in the image: {line}"),
            "Delete the file or take the password out of it, in Windows or before the capture.",
        );
    }
}

/// Looks at programs that Windows compresses first, and at what users keep in a cloud. ntfs-3g shows what it cannot read as
/// a link that names the tag.
fn look(root: &Path) -> Option<String> {
    let until = Instant::now() + LOOK;
    let mut folders: VecDeque<(PathBuf, usize)> = [
        ("Windows/System32", 0),
        ("Windows", 0),
        ("Program Files", 0),
        ("Users", USERS_DEPTH),
    ]
    .map(|(folder, deeper)| (root.join(folder), deeper))
    .into();
    while let Some((folder, deeper)) = folders.pop_front() {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries.flatten() {
            if Instant::now() > until {
                return None;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => {}
                Ok(kind) if kind.is_dir() && deeper > 0 => {
                    folders.push_back((entry.path(), deeper - 1));
                    continue;
                }
                _ => continue,
            }
            let Ok(target) = std::fs::read_link(entry.path()) else {
                continue;
            };
            if let Some(what) = unreadable_tag(&target.to_string_lossy()) {
                return Some(what);
            }
        }
    }
    None
}

/// What the files are that ntfs-3g shows with this link target; `None` for real links and for what is complete in itself.
fn unreadable_tag(target: &str) -> Option<String> {
    let (_, number) = target
        .strip_prefix("unsupported reparse")?
        .rsplit_once("0x")?;
    let digits: String = number.chars().take_while(char::is_ascii_hexdigit).collect();
    let tag = u32::from_str_radix(&digits, 16).ok()?;
    match reparse::contents(tag) {
        Contents::Here | Contents::Link => None,
        Contents::Overlay => Some("system-compressed (WOF) files".to_owned()),
        Contents::ChunkStore => Some("deduplicated files".to_owned()),
        Contents::Elsewhere => Some(format!(
            "files whose contents are stored elsewhere ({})",
            reparse::name(tag)
        )),
        Contents::Unknown => Some(format!(
            "files with a reparse tag that is not known ({})",
            reparse::name(tag)
        )),
    }
}
