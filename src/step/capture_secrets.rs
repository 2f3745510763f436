//! What must not reach an image, and what a technician must know of a volume: looked for before the first byte.

use std::path::Path;

use crate::codes;
use crate::platform::FsKind;
use crate::sequence::settings::ProductKeys;
use crate::unattend::{self, Found, Keys, UnattendError};
use crate::units;

use super::capture_mark;
use super::capture_volumes::{Role, Volume};
use super::capture_windows::{self, Notice};
use super::cx::StepCx;
use super::error::StepError;

/// How many findings of a volume are named one by one.
pub(super) const NAMED: usize = 20;

/// The setting as the answer file's part understands it.
pub(super) fn keys(setting: ProductKeys) -> Keys {
    match setting {
        ProductKeys::Remove => Keys::Remove,
        ProductKeys::Keep => Keys::Keep,
    }
}

/// What there is to warn of on a mounted volume: how a Windows was prepared, and an earlier capture.
pub(super) fn notices(root: &Path, role: Role) -> Vec<Notice> {
    let mut notices: Vec<Notice> = capture_mark::look(root).into_iter().collect();
    if role == Role::Windows {
        notices.extend(capture_windows::look(root));
    }
    notices
}

/// A failed search or scrub as the step's failure.
pub(super) fn unusable(cx: &StepCx, volume: &str, error: UnattendError) -> StepError {
    if cx.cancel.is_cancelled() {
        return StepError::Cancelled;
    }
    StepError::because(
        codes::INVALID_DATA,
        format!("{volume}: secrets cannot be taken out: {error}"),
        error,
    )
    .hint("Remove or mend that answer file on the volume, then retry.")
}

/// One line for each password that stays: "/Windows/Setup/Scripts/a.cmd line 3: `net user` with a password".
pub(super) fn leaks(found: &Found) -> Vec<String> {
    let mut lines: Vec<String> = found
        .leaks
        .iter()
        .take(NAMED)
        .map(|leak| format!("{} line {}: {}", leak.path, leak.line, leak.what))
        .collect();
    let more = leak_count(found) - lines.len();
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines
}

/// How many passwords stay on a volume.
pub(super) fn leak_count(found: &Found) -> usize {
    found.leaks.len() + found.more_leaks
}

/// "2 answer files (5 secrets)".
pub(super) fn counted(found: &Found) -> String {
    format!(
        "{} ({})",
        units::count(found.answers.len() as u64, "answer file"),
        units::count(found.secrets() as u64, "secret")
    )
}

fn tell(cx: &StepCx, volume: &str, found: &Found) -> u64 {
    if !found.answers.is_empty() {
        cx.info(format!(
            "secrets were taken out of {} on {volume}",
            counted(found)
        ));
        for (path, count) in &found.answers {
            cx.info(format!(
                "  {path}: {}",
                units::count(*count as u64, "secret")
            ));
        }
    }
    if leak_count(found) > 0 {
        cx.warn(format!(
            "{volume} holds {} in scripts and settings, which will be in the image:",
            units::count(leak_count(found) as u64, "password")
        ));
        for line in leaks(found) {
            cx.warn(format!("  {line}"));
        }
    }
    leak_count(found) as u64
}

/// Looks through the NTFS volumes, warns, and takes the secrets out of their answer files. Gives the number of passwords
/// that stay in other files. A volume without secrets is not written to.
///
/// # Errors
/// An answer file that cannot be read as one, a volume that cannot be mounted, cancelled.
pub(super) fn clean(cx: &StepCx, volumes: &[Volume], keys: Keys) -> Result<u64, StepError> {
    let stop = || cx.cancel.is_cancelled();
    let mut stay = 0;
    for volume in volumes.iter().filter(|v| v.partition.fs == FsKind::Ntfs) {
        cx.check_cancel()?;
        let name = volume.describe();
        let failed = |error| StepError::platform(format!("looking through {name}"), error);
        let node = &volume.partition.node;
        let mounted = cx.machine.mount_ntfs(node, false).map_err(failed)?;
        let looked = unattend::look_volume(mounted.path(), keys, &stop);
        let notices = notices(mounted.path(), volume.role);
        mounted.close().map_err(failed)?;
        for notice in notices {
            cx.warn(format!("{name}: {}. {}", notice.text, notice.way_out));
        }
        let mut found = looked.map_err(|error| unusable(cx, &name, error))?;
        if found.must_be_scrubbed() {
            let mounted = cx.machine.mount_ntfs(node, true).map_err(failed)?;
            let scrubbed = unattend::scrub_volume(mounted.path(), keys, &stop);
            let closed = mounted.close();
            found = scrubbed.map_err(|error| unusable(cx, &name, error))?;
            closed.map_err(failed)?;
        }
        stay += tell(cx, &name, &found);
    }
    Ok(stay)
}

/// The same for the copy that is made of a FAT32 volume; the volume itself is not written to.
///
/// # Errors
/// An answer file that cannot be read as one, cancelled.
pub(super) fn clean_copy(
    cx: &StepCx,
    volume: &Volume,
    root: &Path,
    keys: Keys,
) -> Result<u64, StepError> {
    let name = volume.describe();
    let found = unattend::scrub_volume(root, keys, &|| cx.cancel.is_cancelled())
        .map_err(|error| unusable(cx, &name, error))?;
    Ok(tell(cx, &name, &found))
}

/// Leaves the mark of a capture on the Windows volumes. The image is whole already: what goes wrong is a warning.
pub(super) fn mark(cx: &StepCx, volumes: &[Volume], image: &str) {
    for volume in volumes.iter().filter(|v| v.role == Role::Windows) {
        let marked = cx
            .machine
            .mount_ntfs(&volume.partition.node, true)
            .map_err(|error| error.to_string())
            .and_then(|mounted| {
                let left = capture_mark::leave(mounted.path(), image);
                let closed = mounted.close();
                left.map_err(|error| error.to_string())?;
                closed.map_err(|error| error.to_string())
            });
        if let Err(error) = marked {
            cx.warn(format!(
                "{}: no mark of this capture could be left: {error}. A second capture of this machine will not be noticed.",
                volume.describe()
            ));
        }
    }
}
