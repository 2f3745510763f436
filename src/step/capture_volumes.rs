//! Which volumes are captured, and whether they are fit for it.

use std::path::Path;

use crate::codes;
use crate::event::Artifact;
use crate::platform::{Disk, FsKind, NtfsState, Partition, show};
use crate::units;

use super::capture_whole;
use super::cx::StepCx;
use super::error::StepError;
use super::fat;

/// What a volume is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Windows,
    System,
    Recovery,
    Data,
}

/// A volume to be captured.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    pub(super) partition: Partition,
    pub(super) role: Role,
    pub(super) used_bytes: u64,
}

impl Volume {
    /// "disk 0 partition 3 (NTFS, Windows)".
    pub(super) fn describe(&self) -> String {
        format!(
            "{} ({}, {})",
            place(&self.partition),
            self.file_system(),
            self.name()
        )
    }

    pub(super) fn file_system(&self) -> &'static str {
        if self.partition.fs == FsKind::Ntfs {
            "NTFS"
        } else {
            "FAT32"
        }
    }

    /// The image's name.
    pub(super) fn name(&self) -> String {
        match self.role {
            Role::Windows => "Windows".to_owned(),
            Role::System => "System".to_owned(),
            Role::Recovery => "Recovery".to_owned(),
            Role::Data
                if self.partition.label.is_empty()
                    && self.partition.at.partition == capture_whole::WHOLE =>
            {
                format!("Disk {}", self.partition.at.disk)
            }
            Role::Data if self.partition.label.is_empty() => {
                format!(
                    "Disk {} partition {}",
                    self.partition.at.disk, self.partition.at.partition
                )
            }
            Role::Data => self.partition.label.clone(),
        }
    }
}

/// "disk 0 partition 3", or "the whole disk 0".
pub(super) fn place(partition: &Partition) -> String {
    if partition.at.partition == capture_whole::WHOLE {
        return format!("the whole disk {}", partition.at.disk);
    }
    format!(
        "disk {} partition {}",
        partition.at.disk, partition.at.partition
    )
}

/// Every NTFS and FAT32 volume of fixed disks, in disk and partition order; the rest is named with its reason.
pub(super) fn choose(cx: &StepCx) -> Result<Vec<Volume>, StepError> {
    let mut disks = cx
        .machine
        .disks()
        .map_err(|error| StepError::platform("listing the disks", error))?;
    disks.sort_by_key(|disk| disk.number);
    let mut volumes = Vec::new();
    let mut skipped = Vec::new();
    let mut skip = |volume: String, reason: String| {
        let text = format!("{volume} is not captured: {reason}");
        cx.warn(&text);
        skipped.push(text);
        cx.host.produced(Artifact::SkippedVolume { volume, reason });
    };
    for disk in disks {
        if let Some(reason) = capture_whole::beside(&disk)? {
            skip(format!("disk {}", disk.number), reason);
        }
        for partition in capture_whole::volumes_of(&disk) {
            cx.check_cancel()?;
            match reason_to_skip(&disk, &partition)? {
                Some(reason) => skip(place(&partition), reason),
                None => volumes.push(probe(cx, partition, &mut |_| {})?),
            }
        }
    }
    if volumes.is_empty() {
        return Err(StepError::new(
            codes::NOT_FOUND,
            capture_whole::nothing(&skipped),
        ));
    }
    Ok(volumes)
}

/// Why a partition is not captured; an error when nothing may be captured because of it.
pub(super) fn reason_to_skip(
    disk: &Disk,
    partition: &Partition,
) -> Result<Option<String>, StepError> {
    if disk.usb {
        return Ok(Some("it is on a USB disk".to_owned()));
    }
    if disk.removable {
        return Ok(Some("it is on a removable medium".to_owned()));
    }
    Ok(Some(match &partition.fs {
        FsKind::Ntfs | FsKind::Fat32 => return Ok(None),
        FsKind::None | FsKind::Unknown if is_reserved(partition) => {
            "it is the Microsoft reserved partition, which holds no files".to_owned()
        }
        FsKind::BitLocker => {
            return Err(StepError::new(
                codes::NOT_SUPPORTED,
                format!("{} is encrypted with BitLocker", place(partition)),
            )
            .hint("Decrypt it in Windows (manage-bde -off), wait for 100 %, shut down fully and try again; suspending is not enough."));
        }
        FsKind::Fat => "FAT12 and FAT16 are not supported".to_owned(),
        FsKind::ExFat => "exFAT is not supported".to_owned(),
        FsKind::Refs => "ReFS is not supported".to_owned(),
        FsKind::Other(name) => format!("{name} is not a Windows file system"),
        FsKind::Several(kinds) => {
            if let Some(error) = capture_whole::several(&place(partition), partition, kinds) {
                return Err(error);
            }
            let names = show::file_system(&partition.fs);
            format!("it holds {names}, which are no Windows file systems")
        }
        FsKind::Unknown => "it holds data that is not known, and no known file system".to_owned(),
        FsKind::None => "it holds no known file system".to_owned(),
    }))
}

/// The Microsoft reserved partition: whatever lies in it, it holds no files.
pub(super) fn is_reserved(partition: &Partition) -> bool {
    partition.type_id == "e3c9e316-0b5c-4db8-817d-f92df00215ae"
}

/// Measures a volume and refuses one that is unfit; `look` may look around in an NTFS volume, which is mounted for this
/// only.
pub(super) fn probe(
    cx: &StepCx,
    partition: Partition,
    look: &mut dyn FnMut(&Path),
) -> Result<Volume, StepError> {
    let at = place(&partition);
    if let Some(mounted) = partition.mounted_at.first() {
        return Err(StepError::new(
            codes::SHARING_VIOLATION,
            format!(
                "{at} is mounted at {} and would change while it is captured",
                mounted.display()
            ),
        )
        .hint(format!("Run `umount {}` and try again.", mounted.display())));
    }
    if partition.fs == FsKind::Fat32 {
        let space = fat::space(&partition.node)
            .map_err(|error| StepError::because(error.code(), format!("{at}: {error}"), error))?;
        let role = if is_system_type(&partition) {
            Role::System
        } else {
            Role::Data
        };
        return Ok(Volume {
            role,
            used_bytes: space.used_bytes,
            partition,
        });
    }
    fit(cx, &at, &partition.node)?;
    let mounted = cx
        .machine
        .mount_ntfs(&partition.node, false)
        .map_err(|error| StepError::platform(format!("looking into {at}"), error))?;
    let space = cx
        .machine
        .space(mounted.path())
        .map_err(|error| StepError::platform(format!("measuring {at}"), error))?;
    let role = role_of(mounted.path(), &partition);
    look(mounted.path());
    mounted
        .close()
        .map_err(|error| StepError::platform(format!("unmounting {at}"), error))?;
    Ok(Volume {
        role,
        used_bytes: space.total_bytes.saturating_sub(space.free_bytes),
        partition,
    })
}

/// wimlib captures hibernated and unclean volumes without a word (facts B): ask first.
fn fit(cx: &StepCx, at: &str, node: &Path) -> Result<(), StepError> {
    let state = cx
        .machine
        .ntfs_state(node)
        .map_err(|error| StepError::platform(format!("probing {at}"), error))?;
    let refuse = |why: &str, hint: &str| {
        Err(StepError::new(codes::NOT_SUPPORTED, format!("{at}: {why}")).hint(hint))
    };
    match state {
        NtfsState::Clean => Ok(()),
        NtfsState::Dirty => {
            cx.warn(format!(
                "{at} is marked dirty: Windows will run chkdsk at its next start"
            ));
            Ok(())
        }
        NtfsState::Unclean => refuse(
            "Windows was not shut down cleanly",
            "Start Windows, shut it down fully (shutdown /s /f /t 0) and try again.",
        ),
        NtfsState::Hibernated => refuse(
            "Windows is hibernated, shut down fully (shutdown /s /f /t 0)",
            "Fast start-up counts as hibernation: start Windows, run shutdown /s /f /t 0 and try again.",
        ),
        NtfsState::InUse => refuse(
            "the volume is in use",
            "Unmount it, or end what has it open, and try again.",
        ),
        NtfsState::Broken(what) => refuse(
            &format!("the NTFS volume cannot be read: {what}"),
            "Run chkdsk /f on it and try again.",
        ),
    }
}

fn is_system_type(partition: &Partition) -> bool {
    partition.type_id == "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
}

fn role_of(root: &Path, partition: &Partition) -> Role {
    let has = |path: &str| root.join(path).exists();
    if has("Windows/System32") || has("Windows/system32") || has("WINDOWS/system32") {
        Role::Windows
    } else if partition.type_id == "de94bba4-06d1-4d40-a16a-bfd50179d6ac"
        || partition.type_id == "0x27"
        || has("Recovery/WindowsRE")
    {
        Role::Recovery
    } else if is_system_type(partition) || has("bootmgr") || has("Boot/BCD") {
        Role::System
    } else {
        Role::Data
    }
}

/// One line a volume for the log.
pub(super) fn announce(cx: &StepCx, volumes: &[Volume]) {
    for volume in volumes {
        cx.info(format!(
            "{} will be captured: {} in use",
            volume.describe(),
            units::bytes(volume.used_bytes)
        ));
    }
}
