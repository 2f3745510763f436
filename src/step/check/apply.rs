//! Apply Operating System Image: source, image, target, room.

use std::cell::Cell;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::event::Gravity;
use crate::platform::FsKind;
use crate::sequence::settings::ApplyOperatingSystem;
use crate::step::apply_os::{self, Job};
use crate::step::apply_os_target::{self, Target};
use crate::step::{apply_os_fat, apply_os_source, volumes};
use crate::units;
use crate::wim::{ImageInfo, Monitor, Silent, Wim, WimProgress};

use super::Checker;
use super::answer_file;
use super::findings::counted;

const SUBJECT: &str = "image file";
/// So many entries that are left out are findings of their own.
const MOST_NAMED: usize = 10;
/// A file that is read in this time is not worth a word on the way.
const QUIET: Duration = Duration::from_secs(2);
/// How often is said how far the reading is.
const PACE: Duration = Duration::from_secs(5);

pub(super) fn check(settings: &ApplyOperatingSystem, c: &mut Checker<'_>) {
    if rehearse(settings, c).is_none() {
        // Which volume Windows will be on is not known; later steps must not be blamed for it.
        for name in ["_WimforgeAppliedVolumes", "OSDTargetSystemDrive"] {
            c.host.forget_value(name);
        }
    }
}

fn rehearse(settings: &ApplyOperatingSystem, c: &mut Checker<'_>) -> Option<()> {
    let wim = source(settings, c)?;
    c.host.forget();
    let step = c.step.clone();
    let images = match apply_os::selected(settings, &wim, &step) {
        Ok(images) => images,
        Err(error) => {
            c.fail("image", &error, "Choose an image the file has.");
            return None;
        }
    };
    for image in &images {
        c.fine("image", describe(image));
    }
    if let Err(error) = apply_os::check_architecture(settings, wim.path(), &images, &step) {
        c.fail(
            "image",
            &error,
            "Choose an image for this processor, or correct `architecture`.",
        );
    }
    c.warnings("image", "Make sure that it is the right image.");
    c.host.forget();
    let targets = match apply_os_target::choose(&settings.destination, images.len(), &step) {
        Ok(targets) => targets,
        Err(error) => {
            c.fail("destination", &error, "Name a volume that exists.");
            return None;
        }
    };
    c.warnings("destination", "Name the destination in the step.");
    let mut jobs = Vec::new();
    for (image, target) in images.into_iter().zip(targets) {
        if c.cancelled() {
            return None;
        }
        c.says(&format!("room on {}", target.name()));
        jobs.push(room(&wim, image, target, c)?);
    }
    let done = apply_os::finish(&jobs, &step);
    c.result("destination", done);
    contents(settings, &wim, c);
    if let Some(job) = apply_os::windows(&jobs) {
        answer_file::check(&wim, job.image.index, c);
    }
    Some(())
}

/// The image file: there, readable, whole as far as its header tells.
fn source(settings: &ApplyOperatingSystem, c: &mut Checker<'_>) -> Option<Wim> {
    let step = c.step.clone();
    let path = match apply_os::image_path(settings, &step) {
        Ok(path) => path,
        Err(error) => {
            c.fail(SUBJECT, &error, "Name an image file that exists.");
            return None;
        }
    };
    c.says(&path.display().to_string());
    let wim = match Wim::open(&path, false, &Silent) {
        Ok(wim) => wim,
        Err(error) => {
            let error = apply_os::wim_error(error);
            c.fail(
                SUBJECT,
                &error,
                "Name another image file, or copy it again.",
            );
            return None;
        }
    };
    let info = wim.info();
    let table = if info.has_integrity_table {
        "with integrity table"
    } else {
        "without integrity table"
    };
    c.fine(
        SUBJECT,
        format!(
            "{}: {}, {}, {}, {table}",
            path.display(),
            length(&path, info.file_bytes),
            info.compression,
            counted(info.images.len(), "image")
        ),
    );
    if !wim.warnings().is_empty() {
        c.warn(
            SUBJECT,
            wim.warnings().join(" "),
            "Make sure that the file was written to its end.",
        );
    }
    if !settings.verify {
        c.warn(
            SUBJECT,
            "its contents are not checked before the target is emptied, as the step says",
            "Set `verify: true`.",
        );
    }
    Some(wim)
}

fn length(path: &Path, fallback: u64) -> String {
    units::bytes(std::fs::metadata(path).map_or(fallback, |meta| meta.len()))
}

fn describe(image: &ImageInfo) -> String {
    let mut text = format!("image {} \"{}\"", image.index, image.name);
    if let Some(architecture) = image.architecture {
        let _ = write!(text, ", {architecture}");
    }
    if !image.version.is_empty() {
        let _ = write!(text, ", Windows {}", image.version);
    }
    let bytes = image.total_bytes.saturating_sub(image.hard_link_bytes);
    let _ = write!(
        text,
        ", {}, {}",
        units::count(image.files, "file"),
        units::bytes(bytes)
    );
    text
}

/// The volume: large enough, and fit to be written to.
fn room(wim: &Wim, image: ImageInfo, target: Target, c: &mut Checker<'_>) -> Option<Job> {
    let step = c.step.clone();
    let subject = target.name();
    let look = match apply_os_source::look(wim, &image, &target) {
        Ok(look) => look,
        Err(error) => {
            c.fail("image", &error, "Use another image file.");
            return None;
        }
    };
    apply_os_source::warn_left_out(&image, &look.left_out, MOST_NAMED, &step);
    c.warnings("image", "Make sure that nobody needs it.");
    match apply_os_source::check_room(&image, &target, &look) {
        Ok(()) => c.fine(
            &subject,
            format!(
                "{} for image {}, which takes {}",
                units::bytes(target.bytes),
                image.index,
                units::bytes(look.bytes)
            ),
        ),
        Err(error) => c.fail(&subject, &error, "Make the partition larger."),
    }
    let half = volumes::half_written(step.host.as_ref()).contains(&target.at);
    let state = if target.fs != FsKind::Ntfs {
        apply_os_fat::check_scratch(look.bytes, &step)
    } else if half {
        Ok(())
    } else {
        apply_os::check_state(&target, &step)
    };
    if let Err(error) = state {
        c.fail(&subject, &error, "Make room in the scratch folder.");
    }
    if !c.machine.is_planned(target.at.disk) && !half {
        c.warn(
            &subject,
            "is emptied before the image is applied",
            "Make sure nobody needs what is on it.",
        );
    }
    c.warnings(&subject, "Format the volume first.");
    c.applied.insert(target.at, look.bytes);
    Some(Job {
        image,
        target,
        bytes: look.bytes,
        left_out: look.left_out,
    })
}

/// Reads the whole file while nothing is wiped yet, unless the step is held up by something else.
fn contents(settings: &ApplyOperatingSystem, wim: &Wim, c: &mut Checker<'_>) {
    let node = c.node;
    let blocked = c
        .found
        .iter()
        .any(|finding| finding.node == node && finding.gravity == Gravity::Blocking);
    if !settings.verify || blocked || c.cancelled() {
        return;
    }
    let sound = apply_os_source::check_contents(wim, &Reading::new(wim, c));
    match sound {
        Ok(sound) => c.fine(SUBJECT, sound),
        Err(error) => c.fail(SUBJECT, &error, "Copy the image file again."),
    }
}

/// Says how far the reading is and how long it will take.
struct Reading<'a> {
    checker: &'a Checker<'a>,
    path: String,
    started: Instant,
    told: Cell<Option<Instant>>,
}

impl<'a> Reading<'a> {
    fn new(wim: &Wim, c: &'a Checker<'_>) -> Self {
        let path = wim.path().display().to_string();
        let bytes = units::bytes(apply_os_source::bytes_to_read(wim));
        c.says(&format!("all of {path} ({bytes}) is read"));
        Self {
            checker: c,
            path,
            started: Instant::now(),
            told: Cell::new(None),
        }
    }
}

impl Monitor for Reading<'_> {
    fn update(&self, progress: &WimProgress<'_>) -> ControlFlow<()> {
        if self.checker.cancelled() {
            return ControlFlow::Break(());
        }
        let spent = self.started.elapsed();
        let due = match self.told.get() {
            None => spent >= QUIET,
            Some(last) => last.elapsed() >= PACE,
        };
        if due && let Some(share) = units::permille(progress.done, progress.total) {
            self.told.set(Some(Instant::now()));
            let left =
                (share > 0).then(|| spent * u32::from(1000 - share.min(1000)) / u32::from(share));
            let left = left.map_or(String::new(), |left| {
                format!(", about {} left", units::duration(left))
            });
            self.checker
                .says(&format!("{}: {} % read{left}", self.path, share / 10));
        }
        ControlFlow::Continue(())
    }
}
