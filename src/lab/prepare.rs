//! Makes the lab: an NTFS volume in a file, filled, captured by [`crate::wim`], and an empty disk beside it.

use std::cell::Cell;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cancel::CancelToken;
use crate::environment;
use crate::platform::linux::{LinuxMachine, MachineOptions};
use crate::platform::{Firmware, Machine};
use crate::units::{self, GIB, MIB};
use crate::wim::{Silent, Wim, WimCompression, WimError, WimProgress, WriteOptions};

use super::{LabError, special, tree};

/// Marks an image as made by this version of the lab; a lab of another mark is made anew.
const CREATOR: &str = "wimforge lab 1";
/// Length of the scratch volume; only what is written takes room.
const WINDOWS_BYTES: u64 = 2 * GIB;
const SYSTEM_BYTES: u64 = 100 * MIB;
/// Room the making takes: the volume and the image beside it.
const ROOM: u64 = 900 * MIB;
/// Smallest disk the shipped sequence fits on.
const SMALLEST_DISK: u64 = 2 * GIB;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct PrepareOptions {
    /// The lab's folder; made when it is not there.
    pub dir: PathBuf,
    /// Length of the disk in bytes.
    pub disk_bytes: u64,
    /// Which boot files the System image holds.
    pub firmware: Firmware,
    /// Images in the WIM: 1 (Windows) or 2 (System and Windows).
    pub volumes: u32,
    /// Make everything anew.
    pub force: bool,
}

impl PrepareOptions {
    /// A lab of 8 GiB in `dir`, UEFI, one image.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            disk_bytes: 8 * GIB,
            firmware: Firmware::Uefi,
            volumes: 1,
            force: false,
        }
    }
}

/// What is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The disk image.
    pub disk: PathBuf,
    /// The reference image.
    pub wim: PathBuf,
    /// Where the shipped sequence captures to.
    pub captures: PathBuf,
    /// False when the reference image was there already.
    pub made_wim: bool,
}

/// Tells what is done: whole lines, and `(phase, done, total)`.
pub(super) struct Telling<'a> {
    pub report: &'a dyn Fn(&str),
    pub progress: &'a dyn Fn(&str, u64, u64),
    pub cancel: &'a CancelToken,
}

/// Makes the lab; what is there and good already is kept.
///
/// # Errors
/// A tool or room is missing, the system's errors, cancelled. Nothing half-made stays behind.
pub fn prepare(
    options: &PrepareOptions,
    report: &dyn Fn(&str),
    progress: &dyn Fn(&str, u64, u64),
    cancel: &CancelToken,
) -> Result<Prepared, LabError> {
    if options.disk_bytes < SMALLEST_DISK {
        return Err(LabError::TooSmall {
            asked: options.disk_bytes,
            least: SMALLEST_DISK,
        });
    }
    let telling = Telling {
        report,
        progress,
        cancel,
    };
    let prepared = Prepared {
        disk: options.dir.join("disk.img"),
        wim: options.dir.join("reference.wim"),
        captures: options.dir.join("captures"),
        made_wim: options.force || !good(&prepared_wim(options), options),
    };
    fs::create_dir_all(&prepared.captures)
        .map_err(|error| LabError::io("creating", &prepared.captures, error))?;
    if prepared.made_wim {
        make_wim(options, &prepared.wim, &telling)?;
    } else {
        report(&format!(
            "{} is there already: kept (--force makes it anew)",
            prepared.wim.display()
        ));
    }
    make_disk(options, &prepared.disk, report)?;
    Ok(prepared)
}

fn prepared_wim(options: &PrepareOptions) -> PathBuf {
    options.dir.join("reference.wim")
}

fn image_names(options: &PrepareOptions) -> Vec<(&'static str, String)> {
    let system = match options.firmware {
        Firmware::Uefi => "boot files for UEFI",
        Firmware::Bios => "boot files for BIOS",
    };
    let mut names = Vec::new();
    if options.volumes == 2 {
        names.push(("System", format!("Lab: {system} (stand-ins)")));
    }
    names.push((
        "Windows",
        "Lab: a Windows-shaped tree with files of this system's /usr; no Windows in it".to_owned(),
    ));
    names
}

/// Whether the reference image is whole and the one asked for.
fn good(path: &Path, options: &PrepareOptions) -> bool {
    if !path.is_file() {
        return false;
    }
    let Ok(wim) = Wim::open(path, true, &Silent) else {
        return false;
    };
    let info = wim.info();
    let wanted = image_names(options);
    info.has_integrity_table
        && info.images.len() == wanted.len()
        && info
            .images
            .iter()
            .zip(&wanted)
            .all(|(image, (name, description))| {
                image.name == *name && image.description == *description && image.creator == CREATOR
            })
}

/// A file that goes away unless it is kept.
struct Scratch(PathBuf);

impl Scratch {
    /// A name of our own in the lab's folder: `/tmp` may be small.
    fn new(dir: &Path, end: &str) -> Self {
        Self(dir.join(format!(".{:016x}.{end}", rand::random::<u64>())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

fn sparse(path: &Path, bytes: u64) -> Result<(), LabError> {
    File::create(path)
        .and_then(|file| file.set_len(bytes))
        .map_err(|error| LabError::io("creating", path, error))
}

/// An NTFS volume in a sparse file.
fn make_volume(path: &Path, bytes: u64, label: &str) -> Result<(), LabError> {
    sparse(path, bytes)?;
    let output = Command::new("mkntfs")
        // Hidden sectors and geometry as on a disk, so that mkntfs has nothing to guess.
        .args([
            "-Q", "-F", "-p", "2048", "-H", "255", "-S", "63", "-L", label,
        ])
        .arg(path)
        .env_clear()
        .envs(environment::for_tool())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                LabError::MissingTool("mkntfs")
            } else {
                LabError::io("formatting", path, error)
            }
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(LabError::Tool {
        tool: "mkntfs",
        said: said
            .lines()
            .last()
            .unwrap_or("it said nothing")
            .trim()
            .to_owned(),
    })
}

fn make_wim(options: &PrepareOptions, to: &Path, telling: &Telling) -> Result<(), LabError> {
    let started = Instant::now();
    let machine = LinuxMachine::new(MachineOptions::default())?;
    let free = machine.space(&options.dir)?.free_bytes;
    if free < ROOM {
        return Err(LabError::NoRoom {
            dir: options.dir.clone(),
            free,
            needed: ROOM,
        });
    }
    let mut volumes = Vec::new();
    for (name, description) in image_names(options) {
        let volume = Scratch::new(&options.dir, "volume");
        if name == "System" {
            make_volume(&volume.0, SYSTEM_BYTES, "System")?;
            let mount = machine.mount_ntfs(&volume.0, true)?;
            special::boot_volume(mount.path(), options.firmware == Firmware::Uefi)?;
            mount.close()?;
        } else {
            make_volume(&volume.0, WINDOWS_BYTES, "Windows")?;
            let mount = machine.mount_ntfs(&volume.0, true)?;
            fill(mount.path(), telling)?;
            mount.close()?;
        }
        volumes.push((name, description, volume));
    }
    let part = Scratch::new(&options.dir, "wim");
    let mut wim = Wim::create(WimCompression::Xpress).map_err(LabError::from)?;
    let monitor = watch(telling);
    for (name, description, volume) in &volumes {
        let excluded = Cell::new(0_u32);
        let index = wim
            .add_ntfs(
                &volume.0,
                name,
                &[],
                &|_| excluded.set(excluded.get() + 1),
                &monitor,
            )
            .map_err(LabError::from)?;
        for (key, value) in [
            ("DESCRIPTION", description.as_str()),
            ("CREATOR", CREATOR),
            // 9: x64, so that a check of the architecture can be tried out.
            ("WINDOWS/ARCH", if *name == "Windows" { "9" } else { "" }),
        ] {
            if !value.is_empty() {
                wim.set_image_property(index, key, value)?;
            }
        }
        if excluded.get() > 0 {
            (telling.report)(&format!(
                "captured volume {name}; left out {} entries that Windows never captures (page file, hibernation file, ...)",
                excluded.get()
            ));
        }
    }
    wim.write(&part.0, &WriteOptions::default(), &monitor)
        .map_err(LabError::from)?;
    drop(wim);
    fs::rename(&part.0, to).map_err(|error| LabError::io("naming", to, error))?;
    let bytes = fs::metadata(to).map_or(0, |meta| meta.len());
    (telling.report)(&format!(
        "made {}: {} in {}",
        to.display(),
        units::bytes(bytes),
        units::duration(started.elapsed())
    ));
    Ok(())
}

/// Passes wimlib's progress on, ten times a second at most, and the cancelling back.
fn watch<'a>(telling: &'a Telling<'a>) -> impl Fn(&WimProgress<'_>) -> ControlFlow<()> + 'a {
    let last: Cell<Option<Instant>> = Cell::new(None);
    move |at| {
        if telling.cancel.is_cancelled() {
            return ControlFlow::Break(());
        }
        let due = last
            .get()
            .is_none_or(|last| last.elapsed() > Duration::from_millis(100));
        if due {
            last.set(Some(Instant::now()));
            (telling.progress)("capturing", at.done, at.total);
        }
        ControlFlow::Continue(())
    }
}

fn fill(volume: &Path, telling: &Telling) -> Result<(), LabError> {
    let root = Path::new("/usr");
    let found = tree::survey(root, telling.cancel)?;
    let plan = tree::choose(&found, tree::FILES, tree::BYTES);
    if plan.is_empty() {
        return Err(LabError::NothingToCopy(root.to_owned()));
    }
    special::prepare_volume(volume)?;
    let (files, bytes) = tree::write(
        root,
        volume,
        &plan,
        &|done, total| (telling.progress)("copying", done, total),
        telling.cancel,
    )?;
    let repeated = plan.iter().filter(|file| file.copy > 0).count();
    let note = if repeated > 0 {
        format!(" (this system is small: {repeated} of them repeat others with altered content)")
    } else {
        String::new()
    };
    (telling.report)(&format!(
        "copied {files} files, {}, from {}{note}",
        units::bytes(bytes),
        root.display()
    ));
    let paths: Vec<PathBuf> = plan
        .into_iter()
        .map(|file| file.to)
        .filter(|path| volume.join(path).is_file())
        .collect();
    if telling.cancel.is_cancelled() {
        return Err(LabError::Cancelled);
    }
    special::add(volume, &paths, telling.report)
}

/// The empty disk. One that is there is kept as it is: it may hold a machine that was built.
fn make_disk(options: &PrepareOptions, path: &Path, report: &dyn Fn(&str)) -> Result<(), LabError> {
    match fs::metadata(path) {
        Ok(meta) if !options.force => {
            if meta.len() != options.disk_bytes {
                return Err(LabError::OtherSize {
                    path: path.to_owned(),
                    found: meta.len(),
                    asked: options.disk_bytes,
                });
            }
            let used = meta.blocks() * 512;
            report(&format!(
                "{} is there already: kept, {} of {} in use (--force makes it anew)",
                path.display(),
                units::bytes(used),
                units::bytes(meta.len())
            ));
            return Ok(());
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(LabError::io("looking at", path, error));
        }
        _ => {}
    }
    // Under a new name first: a run that has the old one attached keeps it.
    let new = Scratch::new(&options.dir, "disk");
    sparse(&new.0, options.disk_bytes)?;
    fs::rename(&new.0, path).map_err(|error| LabError::io("naming", path, error))?;
    report(&format!(
        "made {}: an empty disk of {} (sparse)",
        path.display(),
        units::bytes(options.disk_bytes)
    ));
    Ok(())
}

impl From<WimError> for LabError {
    fn from(error: WimError) -> Self {
        match error {
            WimError::Aborted => Self::Cancelled,
            other => Self::Wim(other),
        }
    }
}
