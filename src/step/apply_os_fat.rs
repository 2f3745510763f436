//! An image onto FAT32: applied to a scratch NTFS volume first, because wimlib's folder mode loses attributes and
//! times, then copied from there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::codes;
use crate::environment;
use crate::units;
use crate::volume_rules;

use super::apply_os_empty::Keep;
use super::apply_os_target::Target;
use super::cx::StepCx;
use super::error::StepError;
use super::fat;

type FatDir<'a> = fatfs::Dir<'a, File>;

/// A sparse NTFS image file; deleted when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The scratch folder is emptied after the step anyway.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn scratch_bytes(image_bytes: u64) -> u64 {
    image_bytes
        .saturating_add(image_bytes / 8)
        .saturating_add(64 * units::MIB)
}

/// Refuses when the scratch folder cannot hold the image.
///
/// # Errors
/// Too little room, or the folder cannot be looked at.
pub fn check_scratch(image_bytes: u64, cx: &StepCx) -> Result<(), StepError> {
    // Before the step has its turn its folder does not exist: the one that it will be made in is looked at.
    let folder = cx
        .scratch
        .ancestors()
        .find(|folder| folder.is_dir())
        .unwrap_or(&cx.scratch);
    let space = cx
        .machine
        .space(folder)
        .map_err(|error| StepError::platform("looking at the scratch folder", error))?;
    let needed = image_bytes.saturating_add(8 * units::MIB);
    if space.free_bytes >= needed {
        return Ok(());
    }
    Err(StepError::new(
        codes::DISK_FULL,
        format!(
            "the scratch folder {} has {} free, but an image for FAT32 needs {} there",
            cx.scratch.display(),
            units::bytes(space.free_bytes),
            units::bytes(needed)
        ),
    ))
}

/// Makes a sparse NTFS volume large enough for an image.
///
/// # Errors
/// No room, or mkntfs is missing or fails.
pub fn scratch(image_bytes: u64, cx: &StepCx) -> Result<Scratch, StepError> {
    let path = cx
        .scratch
        .join(format!("apply-{}.ntfs", uuid::Uuid::new_v4().simple()));
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .and_then(|file| file.set_len(scratch_bytes(image_bytes)));
    let scratch = Scratch(path);
    made.map_err(|error| StepError::io(format!("making {} failed", scratch.0.display()), error))?;
    let out = Command::new("mkntfs")
        .args(["-q", "-Q", "-F"])
        .arg(&scratch.0)
        .env_clear()
        .envs(environment::for_tool())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| StepError::io("mkntfs cannot be started", error))?;
    if out.status.success() {
        return Ok(scratch);
    }
    let tail = String::from_utf8_lossy(&out.stderr)
        .lines()
        .map(str::to_owned)
        .collect();
    Err(StepError::new(
        codes::E_FAIL,
        format!("mkntfs failed for the scratch volume ({})", out.status),
    )
    .tail(tail))
}

/// Empties the FAT32 volume except `keep` and copies what is in the scratch volume. Answers what FAT32 cannot keep.
///
/// # Errors
/// Mounting, reading, writing; full; cancelled. The volume then holds a part.
pub fn copy(
    scratch: &Path,
    target: &Target,
    keep: &Keep,
    cx: &StepCx,
) -> Result<Vec<String>, StepError> {
    let deleted = empty(&target.node, keep, cx).map_err(|error| {
        if cx.cancel.is_cancelled() {
            StepError::Cancelled
        } else {
            StepError::io(format!("emptying {} failed", target.name()), error)
        }
    })?;
    cx.info(format!(
        "{deleted} files and folders deleted from {}",
        target.name()
    ));
    let mounted = cx
        .machine
        .mount_ntfs(scratch, false)
        .map_err(|error| StepError::platform("mounting the scratch volume", error))?;
    let copied = fat::copy_tree_to_fat(mounted.path(), &target.node, &cx.progress, &cx.cancel);
    let closed = mounted
        .close()
        .map_err(|error| StepError::platform("unmounting the scratch volume", error));
    let report = copied.map_err(|error| {
        if cx.cancel.is_cancelled() {
            return StepError::Cancelled;
        }
        let message = format!("copying to {} failed: {error}", target.name());
        StepError::because(error.code(), message, error)
    })?;
    closed?;
    for lost in &report.lost {
        cx.warn(format!("FAT32 cannot keep {lost}"));
    }
    cx.info(format!(
        "{} and {} ({}) copied to {}",
        units::count(report.files, "file"),
        units::count(report.folders, "folder"),
        units::bytes(report.bytes),
        target.name()
    ));
    Ok(report.lost)
}

/// The size of the clusters of a FAT32 volume in bytes: that of the file system that is there, else that which a new one gets.
pub fn cluster_bytes(target: &Target) -> u32 {
    let there = || {
        let mut boot = [0; 90];
        let mut file = OpenOptions::new().read(true).open(&target.node).ok()?;
        file.read_exact(&mut boot).ok()?;
        let sector = u32::from(u16::from_le_bytes([boot[11], boot[12]]));
        (&boot[82..87] == b"FAT32")
            .then(|| sector * u32::from(boot[13]))
            .filter(|bytes| bytes.is_power_of_two())
    };
    there().unwrap_or_else(|| volume_rules::fat32_cluster(target.bytes, 512))
}

/// Deletes what is on a FAT volume, except `keep`; answers how many files and folders.
fn empty(node: &Path, keep: &Keep, cx: &StepCx) -> io::Result<u64> {
    let device = OpenOptions::new().read(true).write(true).open(node)?;
    let volume = fatfs::FileSystem::new(device.try_clone()?, fatfs::FsOptions::new())?;
    let mut deleted = 0;
    clear(&volume.root_dir(), Some(keep), &mut deleted, cx)?;
    volume.unmount()?;
    device.sync_all()?;
    Ok(deleted)
}

fn clear(dir: &FatDir<'_>, keep: Option<&Keep>, deleted: &mut u64, cx: &StepCx) -> io::Result<()> {
    // The list first: entries are removed from the folder that is being read.
    let entries = dir
        .iter()
        .map(|entry| entry.map(|entry| (entry.file_name(), entry.is_dir())))
        .collect::<io::Result<Vec<_>>>()?;
    for (name, folder) in entries {
        if cx.cancel.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if name == "." || name == ".." {
            continue;
        }
        let below = keep.and_then(|keep| keep.below(&name));
        if let Some(below) = below {
            if folder && !below.everything() {
                clear(&dir.open_dir(&name)?, Some(&below), deleted, cx)?;
            }
            continue;
        }
        if folder {
            clear(&dir.open_dir(&name)?, None, deleted, cx)?;
        }
        dir.remove(&name)?;
        *deleted += 1;
        cx.progress.alive();
    }
    Ok(())
}
