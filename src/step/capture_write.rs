//! The work itself: scan every volume into one WIM, write it beside the target, verify it.

use std::cell::Cell;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::codes;
use crate::environment;
use crate::event::Unit;
use crate::platform::FsKind;
use crate::sequence::settings::{Compression, UnsupportedFiles, Verify};
use crate::unattend::Keys;
use crate::units;
use crate::wim::{Wim, WimCompression, WimError, WimPhase, WimProgress, WriteOptions};

use super::capture_names::Names;
use super::capture_secrets::clean_copy;
use super::capture_survey::{Survey, is_excluded};
use super::capture_target::Target;
use super::capture_unreadable::unreadable;
use super::capture_volumes::{Volume, place};
use super::cx::StepCx;
use super::error::StepError;
use super::fat;
use super::lost_share;

/// What wimlib's solid LZMS needs for each thread (chunks of 64 MiB; capture failures 55).
pub(super) const SOLID_BYTES_A_THREAD: u64 = 640 * units::MIB;

/// What the technician wants in the image.
pub(super) struct Wishes {
    pub(super) creator: String,
    pub(super) description: String,
    pub(super) version: String,
    pub(super) exclude: Vec<String>,
    pub(super) compression: Compression,
    pub(super) verify: Verify,
    pub(super) unsupported: UnsupportedFiles,
    pub(super) keys: Keys,
}

/// One image made.
pub(super) struct Made {
    pub(super) index: u32,
    pub(super) bytes: u64,
    pub(super) files: u64,
}

/// What [`write`] gives.
pub(super) struct Written {
    pub(super) made: Vec<Made>,
    /// Files that could not be kept.
    pub(super) lost: u64,
    /// Secrets in scripts of FAT32 volumes.
    pub(super) secrets: u64,
}

/// A wimlib error as a step's failure.
pub(super) fn wim_failed(doing: &str, target: &Target, error: WimError) -> StepError {
    if matches!(error, WimError::Aborted) {
        return StepError::Cancelled;
    }
    let words = error.system_words();
    let told = match &error {
        // These words are about the volume that is read.
        WimError::Ntfs { .. } | WimError::Unreadable { .. } => None,
        _ => words.and_then(|words| lost_share::of_words(target.remote, words)),
    };
    if let Some(lost) = target.lost(told) {
        return lost.failure(doing, &target.shown, error);
    }
    let vanished = target.file.parent().is_some_and(|folder| !folder.is_dir());
    let code = if vanished {
        codes::PATH_NOT_FOUND
    } else {
        error.code()
    };
    let cause = match words {
        _ if vanished => "the destination folder has vanished".to_owned(),
        Some(words) if code == codes::WRITE_FAULT => {
            format!("the destination cannot be written: {words}")
        }
        _ => error.to_string(),
    };
    let failure = StepError::because(code, format!("{doing}: {cause}"), error);
    if code == codes::DISK_FULL {
        failure.hint("Make room at the destination or choose another, then retry: the old image is untouched.")
    } else if vanished {
        failure.hint("Connect the destination again, then retry.")
    } else if code == codes::WRITE_FAULT {
        failure.hint("Look after the destination (disk, cable, network) or choose another, then retry: an old image is untouched.")
    } else {
        failure
    }
}

fn watch(cx: &StepCx, during_write: bool) -> impl Fn(&WimProgress<'_>) -> ControlFlow<()> {
    let in_table = Cell::new(false);
    move |progress| {
        if cx.cancel.is_cancelled() {
            return ControlFlow::Break(());
        }
        if during_write && progress.phase == WimPhase::Integrity && !in_table.replace(true) {
            cx.phase("making the integrity table", Unit::Bytes);
        }
        cx.progress.set(progress.done, progress.total);
        if let Some(detail) = progress.detail {
            cx.progress.detail(detail);
        }
        ControlFlow::Continue(())
    }
}

pub(super) fn compression(
    cx: &StepCx,
    wanted: Compression,
) -> Result<(WimCompression, u32), StepError> {
    Ok(match wanted {
        Compression::Fast => (WimCompression::Xpress, 0),
        Compression::Balanced => (WimCompression::Lzx { level: 20 }, 0),
        Compression::Max => (WimCompression::Lzx { level: 50 }, 0),
        Compression::Smallest => {
            cx.warn("solid LZMS: DISM of Windows 8 and older, and some deployment tools, cannot read this image");
            let available = cx.machine.memory().unwrap_or_default();
            let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
            let threads = (available / SOLID_BYTES_A_THREAD).min(processors);
            if threads == 0 {
                return Err(StepError::new(
                    0x8007_000E,
                    format!(
                        "solid LZMS needs about {} of memory and {} are free",
                        units::bytes(SOLID_BYTES_A_THREAD),
                        units::bytes(available)
                    ),
                )
                .hint("Choose the compression Balanced or Max."));
            }
            cx.info(format!(
                "{} of memory free: {threads} threads",
                units::bytes(available)
            ));
            (
                WimCompression::LzmsSolid,
                u32::try_from(threads).unwrap_or(1),
            )
        }
    })
}

/// Scans, writes and verifies `target.partial`.
pub(super) fn write(
    cx: &StepCx,
    volumes: &[Volume],
    target: &Target,
    wishes: &Wishes,
) -> Result<Written, StepError> {
    let (mut wim, threads) = start(cx, target, wishes)?;
    let mut names: Vec<String> = wim
        .info()
        .images
        .into_iter()
        .map(|image| image.name)
        .collect();
    let (mut lost, mut secrets) = (0, 0);
    let mut indexes = Vec::new();
    let mut scratches = Vec::new();
    for volume in volumes {
        cx.check_cancel()?;
        cx.phase(
            &format!(
                "scanning {} ({}, {})",
                place(&volume.partition),
                volume.name(),
                volume.file_system()
            ),
            Unit::Bytes,
        );
        let node = if volume.partition.fs == FsKind::Fat32 {
            let (scratch, not_kept) = fat_as_ntfs(cx, volume, wishes.keys, &mut secrets)?;
            scratches.push(Scratch(scratch.clone()));
            lost += not_kept;
            scratch
        } else {
            volume.partition.node.clone()
        };
        let name = free_name(&volume.name(), &names);
        let survey = std::cell::RefCell::new(Survey::default());
        let index = wim
            .add_ntfs(
                &node,
                &name,
                &wishes.exclude,
                &|path| {
                    if is_excluded(path, &wishes.exclude) {
                        cx.info(format!("{} leaves out {path}", volume.describe()));
                    } else {
                        survey.borrow_mut().drop_path(path);
                    }
                },
                &watch(cx, false),
            )
            .map_err(|error| {
                wim_failed(&format!("scanning {}", volume.describe()), target, error)
            })?;
        names.push(name);
        let mut survey = survey.into_inner();
        survey
            .look(&wim, index)
            .map_err(|error| wim_failed("looking for files that cannot be kept", target, error))?;
        lost += survey.judge(cx, &volume.describe(), wishes.unsupported)?;
        lost += Names::look(&wim, index)
            .map_err(|error| wim_failed("looking for names that cannot be kept", target, error))?
            .judge(cx, &volume.describe(), wishes.unsupported)?;
        lost += volume.left_out;
        describe(&mut wim, index, volume, wishes)
            .map_err(|error| wim_failed("describing the image", target, error))?;
        indexes.push(index);
    }
    cx.phase("writing", Unit::Bytes);
    let options = WriteOptions {
        integrity: true,
        fsync: true,
        threads,
    };
    let written = wim.write(&target.partial, &options, &watch(cx, true));
    drop(wim);
    match written {
        Ok(()) => {}
        Err(error @ WimError::Unreadable { .. }) => {
            return Err(unreadable(cx, volumes, target, error));
        }
        Err(error) => {
            return Err(wim_failed(
                &format!("writing {}", target.shown),
                target,
                error,
            ));
        }
    }
    let made = verify(cx, target, wishes.verify, &indexes)?;
    Ok(Written {
        made,
        lost,
        secrets,
    })
}

/// The WIM that images will be added to, a new one or one that keeps those it has, and the threads that will compress.
fn start(cx: &StepCx, target: &Target, wishes: &Wishes) -> Result<(Wim, u32), StepError> {
    let Some(old) = &target.append_to else {
        let (kind, threads) = compression(cx, wishes.compression)?;
        return Wim::create(kind)
            .map(|wim| (wim, threads))
            .map_err(|error| wim_failed("making the image", target, error));
    };
    let mut wim = Wim::open_to_append(old, true, &watch(cx, false))
        .map_err(|error| wim_failed("reading the images that are kept", target, error))?;
    let wanted = if wim.is_solid() {
        Compression::Smallest
    } else if wishes.compression == Compression::Smallest {
        Compression::Balanced
    } else {
        wishes.compression
    };
    let (kind, threads) = compression(cx, wanted)?;
    if !wim.compress_alike(kind) || wanted != wishes.compression {
        cx.warn(format!(
            "{} is compressed with {}{}: a WIM has one kind of compression, so what is added is compressed alike",
            target.shown,
            wim.info().compression,
            if wim.is_solid() { " in solid blocks" } else { "" }
        ));
    }
    if let Some(index) = wim.boot_index() {
        cx.info(format!(
            "image {index} stays the one that {} boots",
            target.shown
        ));
    }
    Ok((wim, threads))
}

fn verify(
    cx: &StepCx,
    target: &Target,
    how: Verify,
    indexes: &[u32],
) -> Result<Vec<Made>, StepError> {
    let failed = |error| wim_failed(&format!("verifying {}", target.shown), target, error);
    if how != Verify::None {
        cx.phase("verifying", Unit::Bytes);
    }
    let monitor = watch(cx, false);
    let wim = Wim::open(&target.partial, how != Verify::None, &monitor).map_err(failed)?;
    if how == Verify::Full {
        wim.verify(&monitor).map_err(failed)?;
    }
    let images = wim.info().images;
    Ok(images
        .into_iter()
        .filter(|image| indexes.contains(&image.index))
        .map(|image| Made {
            index: image.index,
            bytes: image.total_bytes,
            files: image.files,
        })
        .collect())
}

fn free_name(wanted: &str, taken: &[String]) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2;
    while taken.contains(&name) {
        name = format!("{wanted} {number}");
        number += 1;
    }
    name
}

fn describe(wim: &mut Wim, index: u32, volume: &Volume, wishes: &Wishes) -> Result<(), WimError> {
    let label = if volume.partition.label.is_empty() {
        "no label"
    } else {
        &volume.partition.label
    };
    let facts = format!(
        "{}, {}, {label}, {}",
        volume.name(),
        volume.file_system(),
        units::bytes(volume.partition.bytes)
    );
    let description = if wishes.description.is_empty() {
        facts
    } else {
        format!("{} ({facts})", wishes.description)
    };
    wim.set_image_property(index, "DESCRIPTION", &description)?;
    // FLAGS is the edition, which wimlib reads from the volume's registry.
    for (key, value) in [("CREATOR", &wishes.creator), ("VERSION", &wishes.version)] {
        if !value.is_empty() {
            wim.set_image_property(index, key, value)?;
        }
    }
    Ok(())
}

/// A scratch image that goes away with its owner.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // The engine empties the folder too; a failure here only costs room until then.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The FAT32 volume as an NTFS image file, from which wimlib keeps attributes, short names and times.
/// With it, of how much something could not be kept.
fn fat_as_ntfs(
    cx: &StepCx,
    volume: &Volume,
    keys: Keys,
    secrets: &mut u64,
) -> Result<(PathBuf, u64), StepError> {
    let at = &volume.partition.at;
    std::fs::create_dir_all(&cx.scratch)
        .map_err(|error| StepError::io("making the scratch folder", error))?;
    let image = cx
        .scratch
        .join(format!("fat-{}-{}.ntfs", at.disk, at.partition));
    let guard = Scratch(image.clone());
    // Sparse: only what is copied takes room. The journal of a small NTFS volume has at most 64 MiB.
    let bytes = volume.used_bytes + volume.used_bytes / 4 + 96 * units::MIB;
    File::create(&image)
        .and_then(|file| file.set_len(bytes))
        .map_err(|error| StepError::io(format!("making {}", image.display()), error))?;
    make_ntfs(&image)?;
    let mounted = cx
        .machine
        .mount_ntfs(&image, true)
        .map_err(|error| StepError::platform("mounting the scratch volume", error))?;
    let report = fat::copy_fat_to_tree(
        &volume.partition.node,
        mounted.path(),
        &cx.progress,
        &cx.cancel,
    );
    let cleaned = clean_copy(cx, volume, mounted.path(), keys);
    let closed = mounted.close();
    let report = report.map_err(|error| match error {
        fat::FatError::Cancelled => StepError::Cancelled,
        error => StepError::because(
            error.code(),
            format!("reading {}: {error}", volume.describe()),
            error,
        ),
    })?;
    *secrets += cleaned?;
    closed.map_err(|error| StepError::platform("unmounting the scratch volume", error))?;
    let lost = report.lost.len() as u64;
    for line in report.lost {
        cx.warn(format!("{}: not kept: {line}", volume.describe()));
    }
    std::mem::forget(guard);
    Ok((image, lost))
}

fn make_ntfs(image: &Path) -> Result<(), StepError> {
    let output = Command::new("mkntfs")
        .args(["-Q", "-F", "-q", "-p", "0", "-H", "255", "-S", "63"])
        .arg(image)
        .env_clear()
        .envs(environment::for_tool())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| StepError::io("starting mkntfs (package ntfs-3g)", error))?;
    if output.status.success() {
        return Ok(());
    }
    let tail = String::from_utf8_lossy(&output.stderr)
        .lines()
        .map(str::to_owned)
        .collect();
    Err(StepError::new(
        codes::E_FAIL,
        format!(
            "mkntfs could not format {} ({})",
            image.display(),
            output.status
        ),
    )
    .tail(tail))
}
