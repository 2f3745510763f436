//! Which volumes are captured, and whether they are fit for it.

use std::io::Read;
use std::path::Path;

use crate::codes;
use crate::event::Artifact;
use crate::platform::{Disk, FsKind, NtfsState, Partition, show};
use crate::regular;
use crate::units;

use super::capture_whole;
use super::cx::StepCx;
use super::error::StepError;
use super::fat::FatError;
use super::fat_check::check::{Remains, check_node, remains};
use super::fat_check::state::FatState;

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
    /// Of how many files something is on it that cannot be in the image.
    pub(super) left_out: u64,
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

/// Why a partition with nothing but the copy of a FAT32 boot sector is left out.
const BACKUP_ONLY: &str = "it holds no known file system, only the backup of a FAT32 boot sector: `fsck.fat` can put it back";

/// What a capture takes and what it leaves out.
pub(super) struct Chosen {
    /// In disk and partition order.
    pub(super) volumes: Vec<Volume>,
    /// "disk 0 partition 4: why", for those that may hold files of this machine.
    pub(super) left_out: Vec<String>,
}

/// Whether a partition that is not captured may hold files of the machine.
pub(super) fn is_missed(disk: &Disk, partition: &Partition, reason: &str) -> bool {
    let holds = partition.fs != FsKind::None && !is_reserved(partition);
    !disk.usb && !disk.removable && (holds || reason == BACKUP_ONLY)
}

/// Every NTFS and FAT32 volume of fixed disks; the rest is named with its reason.
pub(super) fn choose(cx: &StepCx) -> Result<Chosen, StepError> {
    let mut disks = cx
        .machine
        .disks()
        .map_err(|error| StepError::platform("listing the disks", error))?;
    disks.sort_by_key(|disk| disk.number);
    let (mut volumes, mut left_out) = (Vec::new(), Vec::new());
    let mut skipped = Vec::new();
    let mut skip = |volume: String, reason: String| {
        let text = format!("{volume} is not captured: {reason}");
        cx.warn(&text);
        skipped.push(text);
        cx.host.produced(Artifact::SkippedVolume { volume, reason });
    };
    for disk in disks {
        if let Some(reason) = capture_whole::beside(&disk)? {
            left_out.push(format!("disk {}: {reason}", disk.number));
            skip(format!("disk {}", disk.number), reason);
        }
        for partition in capture_whole::volumes_of(&disk) {
            cx.check_cancel()?;
            match reason_to_skip(&disk, &partition)? {
                Some(reason) => {
                    if is_missed(&disk, &partition, &reason) {
                        left_out.push(format!("{}: {reason}", place(&partition)));
                    }
                    skip(place(&partition), reason);
                }
                None => volumes.push(probe(cx, partition, &mut |_, _| {})?),
            }
        }
    }
    if volumes.is_empty() {
        return Err(StepError::new(
            codes::NOT_FOUND,
            capture_whole::nothing(&skipped),
        ));
    }
    Ok(Chosen { volumes, left_out })
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
        FsKind::None | FsKind::Unknown => match remains(&partition.node) {
            Remains::Nothing if partition.fs == FsKind::Unknown => {
                "it holds data that is not known, and no known file system".to_owned()
            }
            Remains::Nothing => "it holds no known file system".to_owned(),
            Remains::Backup => BACKUP_ONLY.to_owned(),
            Remains::Boot => {
                return Err(StepError::new(
                    codes::DISK_CORRUPT,
                    format!(
                        "{} is a FAT32 volume whose boot sector is damaged",
                        place(partition)
                    ),
                )
                .hint(way_out(&partition.node)));
            }
        },
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
    look: &mut dyn FnMut(&Path, Role),
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
        let state = sound(cx, &at, &partition.node)?;
        let role = if is_system_type(&partition) {
            Role::System
        } else {
            Role::Data
        };
        return Ok(Volume {
            role,
            used_bytes: state.used_bytes,
            left_out: state.left_out.count(),
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
    let asleep = is_asleep(mounted.path());
    if !asleep {
        look(mounted.path(), role);
    }
    mounted
        .close()
        .map_err(|error| StepError::platform(format!("unmounting {at}"), error))?;
    if asleep {
        return Err(hibernated(&at));
    }
    Ok(Volume {
        role,
        used_bytes: space.total_bytes.saturating_sub(space.free_bytes),
        left_out: 0,
        partition,
    })
}

fn hibernated(at: &str) -> StepError {
    StepError::new(
        codes::NOT_SUPPORTED,
        format!("{at}: Windows is hibernated, shut down fully (shutdown /s /f /t 0)"),
    )
    .hint("Fast start-up counts as hibernation: start Windows, run shutdown /s /f /t 0 and try again.")
}

fn way_out(node: &Path) -> String {
    format!(
        "Keep a copy of what matters, let `fsck.fat -a {}` or, in Windows, `chkdsk /f` mend the volume, and try again.",
        node.display()
    )
}

/// Whether a FAT32 volume can be read as it was written. What does not hinder a capture goes to the log.
fn sound(cx: &StepCx, at: &str, node: &Path) -> Result<FatState, StepError> {
    let state = check_node(node, &cx.cancel).map_err(|error| match error {
        FatError::Cancelled => StepError::Cancelled,
        error => StepError::because(error.code(), format!("{at}: {error}"), error),
    })?;
    if let Some(why) = state.refusal() {
        return Err(StepError::new(codes::DISK_CORRUPT, format!("{at}: {why}"))
            .hint(way_out(node))
            .tail(state.damage.lines()));
    }
    for line in state.notes.lines() {
        cx.info(format!("{at}: {line}; this loses nothing"));
    }
    for line in state.left_out.lines() {
        cx.warn(format!("{at}: {line}"));
    }
    Ok(state)
}

/// What the first bytes of a hibernation file say while it holds a system: asleep, or half awake.
const ASLEEP: [&[u8]; 3] = [b"hibr", b"rstr", b"horm"];

/// Whether a hibernated system lies in the root folder, whatever the case of the file's name. The probe of ntfs-3g knows the name in
/// lower case only where the file keeps its case.
fn is_asleep(root: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(root) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let mut first = [0; 4];
        entry.file_name().eq_ignore_ascii_case("hiberfil.sys")
            && regular::open(&entry.path())
                .and_then(|mut file| file.read_exact(&mut first))
                .is_ok()
            && ASLEEP.iter().any(|mark| first.eq_ignore_ascii_case(mark))
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
        NtfsState::Hibernated => Err(hibernated(at)),
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
