//! Apply Operating System Image (spec 2.3): everything is checked before the first byte; the target is emptied
//! except for control files; the image goes onto the unmounted NTFS volume by wimlib, or by way of a scratch NTFS
//! volume onto FAT32.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::cancel::CancelToken;
use crate::codes;
use crate::event::Unit;
use crate::platform::{FsKind, NtfsState, PartitionRef};
use crate::sequence::settings::{self, ImageSelect};
use crate::sequence::variables::Value;
use crate::units;
use crate::wim::{Architecture, ImageInfo, Monitor, Wim, WimError, WimPhase, WimProgress};

use super::action_variable::ActionVariable;
use super::apply_os_empty::{self, Keep};
use super::apply_os_fat;
use super::apply_os_source;
use super::apply_os_target::{self, Target};
use super::cx::{ProgressCell, StepCx, StepEnd, StepResult};
use super::error::StepError;
use super::lost_share;
use super::target;
use super::volumes;

const INDEX: &str = "OSDImageIndex";
/// So many entries that are left out are named in the log; a damaged image may have more than anybody reads.
const MOST_NAMED: usize = 1000;

/// The settings that are action variables.
pub fn action_variables(settings: &settings::ApplyOperatingSystem) -> Vec<ActionVariable> {
    match settings.index {
        ImageSelect::Index(index) => vec![ActionVariable::plain(INDEX, index.to_string())],
        ImageSelect::Name(_) | ImageSelect::All => Vec::new(),
    }
}

/// Hands wimlib's signs of life to the step's progress.
struct Watch {
    cancel: CancelToken,
    progress: Arc<ProgressCell>,
    /// Something was written to the target.
    begun: Cell<bool>,
}

impl Watch {
    fn new(cx: &StepCx) -> Self {
        Self {
            cancel: cx.cancel.clone(),
            progress: Arc::clone(&cx.progress),
            begun: Cell::new(false),
        }
    }
}

impl Monitor for Watch {
    fn update(&self, progress: &WimProgress<'_>) -> ControlFlow<()> {
        match progress.phase {
            // These count entries; the phase counts bytes.
            WimPhase::ExtractingStructure | WimPhase::ExtractingMetadata => {
                self.begun.set(true);
                self.progress.alive();
            }
            _ => self.progress.set(progress.done, progress.total),
        }
        if self.cancel.is_cancelled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// A failure of the WIM module as a step's failure.
pub(super) fn wim_error(error: WimError) -> StepError {
    if matches!(error, WimError::Aborted) {
        return StepError::Cancelled;
    }
    let lost = match &error {
        WimError::Open { source, .. } => lost_share::of_io(false, source),
        // These words are about the volume that is written.
        WimError::Ntfs { .. } => None,
        other => other
            .system_words()
            .and_then(|words| lost_share::of_words(false, words)),
    };
    if let Some(lost) = lost {
        return lost.failure(&error.to_string(), "the share with the image", error);
    }
    let (code, message, tail) = (error.code(), error.to_string(), error.messages().to_vec());
    let way_out = error.way_out();
    let failure = StepError::because(code, message, error).tail(tail);
    match way_out {
        Some(way_out) => failure.hint(way_out),
        None => failure,
    }
}

/// An image and where it goes.
pub(super) struct Job {
    pub(super) image: ImageInfo,
    pub(super) target: Target,
    /// Bytes it will take on NTFS.
    pub(super) bytes: u64,
    /// What will not be applied, one line each.
    pub(super) left_out: Vec<String>,
}

/// Runs one attempt.
///
/// # Errors
/// Source, image, target or room not fit: nothing was written. Later ones say that something was. Cancelled.
pub fn run(settings: &settings::ApplyOperatingSystem, cx: &StepCx) -> StepResult {
    cx.phase("checking the image", Unit::Bytes);
    let path = image_path(settings, cx)?;
    let wim = Wim::open(&path, false, &Watch::new(cx)).map_err(wim_error)?;
    let images = selected(settings, &wim, cx)?;
    check_architecture(settings, &path, &images, cx)?;
    let targets = apply_os_target::choose(&settings.destination, images.len(), cx)?;
    let half = volumes::half_written(cx.host.as_ref());
    let mut jobs = Vec::new();
    for (image, target) in images.into_iter().zip(targets) {
        let look = apply_os_source::look(&wim, &image, &target)?;
        apply_os_source::check_room(&image, &target, &look)?;
        apply_os_source::warn_left_out(&image, &look.left_out, MOST_NAMED, cx);
        if half.contains(&target.at) && target.fs == FsKind::Ntfs {
            // It is formatted anew below: its state does not matter.
        } else if target.fs == FsKind::Ntfs {
            check_state(&target, cx)?;
        } else {
            apply_os_fat::check_scratch(look.bytes, cx)?;
        }
        jobs.push(Job {
            image,
            target,
            bytes: look.bytes,
            left_out: look.left_out,
        });
    }
    if settings.verify {
        let sound = apply_os_source::check_contents(&wim, &Watch::new(cx))?;
        cx.info(sound);
    } else {
        cx.warn(format!(
            "{} is applied without a check of its contents, as the step says",
            path.display()
        ));
    }
    cx.check_cancel()?;

    cx.phase("emptying", Unit::Items);
    let all: Vec<_> = jobs.iter().map(|job| job.target.at).collect();
    // Of what an attempt at other volumes left, nothing is forgotten.
    let others: Vec<_> = half
        .iter()
        .copied()
        .filter(|at| !all.contains(at))
        .collect();
    volumes::mark_writing(cx.host.as_ref(), &[&others[..], &all].concat());
    let written = write(&wim, &path, &jobs, &half, cx);
    // An error closes the volumes in order, unless what wrote to them was killed: then the mark stays, as it does when the
    // engine is killed.
    let mut left = others;
    if written.is_err() {
        left.extend(left_half_written(&jobs, cx));
    }
    volumes::mark_writing(cx.host.as_ref(), &left);
    let lost = written?;
    let end = finish(&jobs, cx)?;
    Ok(match lost.as_slice() {
        [] => end,
        [only] => StepEnd::Warned(format!("applied without {only}")),
        [first, more @ ..] => StepEnd::Warned(format!(
            "applied without {first}, and {} more that the log names",
            more.len()
        )),
    })
}

/// Empties the targets and writes the images. Answers what of them was left out.
fn write(
    wim: &Wim,
    path: &Path,
    jobs: &[Job],
    half: &[PartitionRef],
    cx: &StepCx,
) -> Result<Vec<String>, StepError> {
    let keep = Keep::from_variables(cx);
    for job in jobs {
        if job.target.fs != FsKind::Ntfs {
            continue;
        }
        if half.contains(&job.target.at) {
            apply_os_empty::format_anew(&job.target, cx)?;
        } else {
            apply_os_empty::empty(&job.target, &keep, cx)?;
        }
    }
    let count = jobs.len();
    let mut lost = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        cx.phase(
            &format!("applying image {} of {count}", at + 1),
            Unit::Bytes,
        );
        let started = Instant::now();
        lost.extend(apply(wim, job, &keep, cx)?);
        cx.info(format!(
            "image {} of {} ({}, {}) applied to {} in {}",
            job.image.index,
            path.display(),
            units::count(job.image.files, "file"),
            units::bytes(
                job.image
                    .total_bytes
                    .saturating_sub(job.image.hard_link_bytes)
            ),
            job.target.name(),
            units::duration(started.elapsed())
        ));
    }
    Ok(lost)
}

/// Marks the volumes and sets the outputs. Only after the last image, so that a retry starts with the same volume.
pub(super) fn finish(jobs: &[Job], cx: &StepCx) -> StepResult {
    let host = cx.host.as_ref();
    for job in jobs {
        volumes::mark_applied(host, job.target.at);
    }
    let Some(job) = windows(jobs) else {
        return Ok(StepEnd::Done);
    };
    let letter = volumes::letter_of(host, job.target.at)
        .or_else(|| volumes::assign_letter(host, job.target.at))
        .ok_or_else(|| {
            StepError::new(
                codes::INVALID_DRIVE,
                format!("no drive letter is left for {}", job.target.name()),
            )
        })?;
    cx.host
        .set_variable("OSDTargetSystemDrive", Value::Plain(format!("{letter}:")))
        .map_err(|error| {
            StepError::because(
                codes::INVALID_PARAMETER,
                format!("setting OSDTargetSystemDrive failed: {error}"),
                error,
            )
        })?;
    remember_architecture(job.image.architecture, cx);
    cx.info(format!(
        "OSDTargetSystemDrive is {letter}: ({})",
        job.target.name()
    ));
    Ok(StepEnd::Done)
}

/// The one of several images that brings Windows.
pub(super) fn windows(jobs: &[Job]) -> Option<&Job> {
    jobs.iter()
        .filter(|job| !job.image.version.is_empty() || job.image.architecture.is_some())
        .max_by_key(|job| job.image.total_bytes)
        .or_else(|| jobs.iter().max_by_key(|job| job.image.total_bytes))
}

/// For the answer file: its components name the processor, and Windows reads only those for its own.
fn remember_architecture(found: Option<Architecture>, cx: &StepCx) {
    let name = found.and_then(Architecture::answer_file_name);
    if name.is_none() {
        let said = found.map_or_else(
            || "does not say for which processor it is".to_owned(),
            |other| format!("is for {other}, which answer files have no word for"),
        );
        cx.info(format!(
            "The image {said}: its answer file is written for amd64"
        ));
    }
    let value = Value::Plain(name.unwrap_or("amd64").to_owned());
    cx.host
        .set_engine_variable(target::IMAGE_ARCHITECTURE, value);
}

/// The path of the WIM: variables replaced, relative to the working folder.
pub(super) fn image_path(
    settings: &settings::ApplyOperatingSystem,
    cx: &StepCx,
) -> Result<PathBuf, StepError> {
    let expanded = cx.host.expand(&settings.image);
    let text = expanded.text.trim();
    let text = text.strip_prefix("file:").unwrap_or(text);
    if text.is_empty() {
        return Err(StepError::new(
            codes::INVALID_PARAMETER,
            "the step names no image file",
        ));
    }
    let path = PathBuf::from(text);
    if !path.exists() && !expanded.unresolved.is_empty() {
        return Err(StepError::new(
            codes::FILE_NOT_FOUND,
            format!(
                "the image file {} does not exist, and these variables in its name have no value: {}",
                path.display(),
                expanded.unresolved.join(", ")
            ),
        ));
    }
    Ok(path)
}

pub(super) fn selected(
    settings: &settings::ApplyOperatingSystem,
    wim: &Wim,
    cx: &StepCx,
) -> Result<Vec<ImageInfo>, StepError> {
    let images = wim.info().images;
    let by_index = |index: u32| {
        wim.check_index(index).map_err(wim_error)?;
        Ok(images
            .iter()
            .filter(|image| image.index == index)
            .cloned()
            .collect())
    };
    let variable = cx.text(INDEX);
    if !variable.is_empty() {
        return match variable.trim().parse::<u32>() {
            Ok(index) => by_index(index),
            Err(_) => Err(StepError::new(
                codes::INVALID_PARAMETER,
                format!("{INDEX} is \"{variable}\", which is not an image index (1, 2, 3 ...)"),
            )),
        };
    }
    match &settings.index {
        ImageSelect::Index(index) => by_index(*index),
        ImageSelect::Name(name) => {
            let name = cx.host.expand(name).text;
            let found: Vec<ImageInfo> = images
                .iter()
                .filter(|image| image.name.eq_ignore_ascii_case(name.trim()))
                .cloned()
                .collect();
            if found.len() == 1 {
                return Ok(found);
            }
            let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
            Err(StepError::new(
                codes::INVALID_PARAMETER,
                format!(
                    "{} has {} named \"{name}\"; its images are: {}",
                    wim.path().display(),
                    if found.is_empty() {
                        "no image".to_owned()
                    } else {
                        format!("{} images", found.len())
                    },
                    names.join(", ")
                ),
            ))
        }
        ImageSelect::All if images.is_empty() => Err(StepError::new(
            codes::INVALID_PARAMETER,
            format!("{} holds no image", wim.path().display()),
        )),
        ImageSelect::All => Ok(images),
    }
}

pub(super) fn check_architecture(
    settings: &settings::ApplyOperatingSystem,
    path: &Path,
    images: &[ImageInfo],
    cx: &StepCx,
) -> Result<(), StepError> {
    let Some(wanted) = settings.architecture else {
        return Ok(());
    };
    let wanted = match wanted {
        settings::Architecture::X64 => Architecture::X64,
        settings::Architecture::X86 => Architecture::X86,
        settings::Architecture::Arm64 => Architecture::Arm64,
    };
    for image in images {
        if let Some(found) = image.architecture
            && found != wanted
        {
            return Err(StepError::new(
                codes::NOT_SUPPORTED,
                format!(
                    "image {} \"{}\" of {} is for {found}, but the step asks for {wanted}",
                    image.index,
                    image.name,
                    path.display()
                ),
            ));
        }
    }
    if images.iter().all(|image| image.architecture.is_none()) {
        cx.warn(format!(
            "{} does not say which processor it is for; the step asks for {wanted}",
            path.display()
        ));
    }
    Ok(())
}

pub(super) fn check_state(target: &Target, cx: &StepCx) -> Result<(), StepError> {
    let state = cx
        .machine
        .ntfs_state(&target.node)
        .map_err(|error| StepError::platform(format!("looking at {}", target.name()), error))?;
    let why = match state {
        NtfsState::Clean => return Ok(()),
        NtfsState::Dirty => {
            cx.warn(format!(
                "{} is marked for a check by chkdsk; it is written to all the same",
                target.name()
            ));
            return Ok(());
        }
        NtfsState::Unclean => "its last system was not shut down cleanly".to_owned(),
        NtfsState::Hibernated => "it holds a hibernated Windows".to_owned(),
        NtfsState::InUse => "the volume is in use".to_owned(),
        NtfsState::Broken(why) => why,
    };
    Err(StepError::new(
        codes::INVALID_DATA,
        format!("{} cannot be written to: {why}", target.name()),
    )
    .hint("format the volume first"))
}

/// Volumes whose file system did not survive the writing.
fn left_half_written(jobs: &[Job], cx: &StepCx) -> Vec<PartitionRef> {
    jobs.iter()
        .filter(|job| {
            let state = cx.machine.ntfs_state(&job.target.node);
            job.target.fs == FsKind::Ntfs
                && matches!(state, Ok(NtfsState::Unclean | NtfsState::Broken(_)))
        })
        .map(|job| job.target.at)
        .collect()
}

/// All that was left out: what was known before, and what wimlib warned of while it wrote, which is said here.
fn left_out(warnings: Vec<String>, job: &Job, cx: &StepCx) -> Vec<String> {
    let mut all = job.left_out.clone();
    for line in warnings {
        let what = line.trim_start_matches("Ignoring ");
        if !all.iter().any(|known| known == what) {
            cx.warn(format!("applying image {}: {line}", job.image.index));
            all.push(what.to_owned());
        }
    }
    all
}

/// Answers what of the image was left out.
fn apply(wim: &Wim, job: &Job, keep: &Keep, cx: &StepCx) -> Result<Vec<String>, StepError> {
    cx.check_cancel()?;
    cx.progress.detail(&job.target.name());
    let watch = Watch::new(cx);
    let onto = |node: &Path| {
        wim.apply_ntfs(job.image.index, node, &watch)
            .map_err(wim_error)
    };
    if job.target.fs == FsKind::Ntfs {
        let warnings = onto(&job.target.node).map_err(|error| {
            let state = if watch.begun.get() {
                format!("now holds a part of image {}", job.image.index)
            } else {
                "was emptied and nothing was written to it".to_owned()
            };
            begun(error, job, &state, cx)
        })?;
        return Ok(left_out(warnings, job, cx));
    }
    let scratch = apply_os_fat::scratch(job.bytes, cx)?;
    let warnings = onto(scratch.path())?;
    cx.phase(&format!("copying to {}", job.target.name()), Unit::Bytes);
    let lost = apply_os_fat::copy(scratch.path(), &job.target, keep, cx).map_err(|error| {
        let state = format!("now holds a part of image {}", job.image.index);
        begun(error, job, &state, cx)
    })?;
    let mut all = left_out(warnings, job, cx);
    // Streams and links are known from the image already.
    if all.is_empty() {
        all = lost;
    }
    Ok(all)
}

/// A failure after the first byte says so.
fn begun(error: StepError, job: &Job, state: &str, cx: &StepCx) -> StepError {
    match error {
        StepError::Cancelled => {
            cx.warn(format!(
                "cancelled while image {} was being applied: {} {state}",
                job.image.index,
                job.target.name()
            ));
            StepError::Cancelled
        }
        StepError::Failed {
            code,
            message,
            source,
            tail,
            hint,
        } => StepError::Failed {
            code,
            message: format!(
                "{message}; {} {state}; the step may be retried",
                job.target.name()
            ),
            source,
            tail,
            hint,
        },
    }
}

#[cfg(test)]
#[path = "apply_os_tests.rs"]
mod tests;
