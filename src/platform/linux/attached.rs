//! Disks named on the command line: image files on loop devices, which are there as long as this process, and block devices
//! as they are.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::platform::error::PlatformError;
use crate::platform::types::Refusal;

use super::hold::{self, Denied, Hold};
use super::{loops, same, sys, sysfs};

/// A disk of the machine.
#[derive(Debug)]
pub(super) struct Attached {
    /// Disk number.
    pub(super) number: u32,
    /// Device node.
    pub(super) node: PathBuf,
    /// What tells it from every other disk ([`super::same`]).
    pub(super) name: String,
    /// The image file; `None` for a block device taken as it is.
    pub(super) backing: Option<Backing>,
    /// The device, kept open: as long as it is, its number is not given to another file.
    device: Option<File>,
    /// Others are kept away; empty for who only looks.
    holds: Vec<Hold>,
}

/// The image file of a disk.
#[derive(Debug)]
pub(super) struct Backing {
    /// Where it is.
    pub(super) path: PathBuf,
    /// It may not be written.
    pub(super) read_only: bool,
    /// This process has put it on the loop device, and takes it off again.
    ours: bool,
    /// The file as it was.
    about: Metadata,
    state: Option<sys::LoopState>,
}

impl Attached {
    /// A disk that nobody named: one of the machine's own, by the name it is known again by.
    pub(super) fn real(number: u32, node: PathBuf, name: String) -> Self {
        Self {
            number,
            node,
            name,
            backing: None,
            device: None,
            holds: Vec::new(),
        }
    }

    /// A disk that was named, by its open device.
    fn on(
        number: u32,
        node: PathBuf,
        backing: Option<Backing>,
        device: File,
        holds: Vec<Hold>,
    ) -> Self {
        Self {
            number,
            name: same::of_node(&node),
            node,
            backing,
            device: Some(device),
            holds,
        }
    }

    /// Whether this process has put an image file on a loop device for it.
    pub(super) fn is_ours(&self) -> bool {
        self.backing.as_ref().is_some_and(|backing| backing.ours)
    }

    /// The path of the image file.
    pub(super) fn file(&self) -> Option<&Path> {
        self.backing.as_ref().map(|backing| backing.path.as_path())
    }

    /// Who else works on the image file, for those who only look: whoever runs keeps them away.
    pub(super) fn users(&self) -> Vec<Refusal> {
        let Some(path) = self.file().filter(|_| self.holds.is_empty()) else {
            return Vec::new();
        };
        File::open(path).map_or_else(|_| Vec::new(), |image| hold::lockers(image, path))
    }

    /// Why this is not the file any more that was taken, when it is not.
    pub(super) fn estranged(&self) -> Option<Refusal> {
        let backing = self.backing.as_ref()?;
        let other = |what: &str| {
            Some(Refusal::NotTheSame {
                node: backing.path.clone(),
                what: what.to_owned(),
            })
        };
        let now = self
            .device
            .as_ref()
            .and_then(|file| sys::loop_state(file).ok());
        if now.as_ref().map(|state| state.file) != backing.state.as_ref().map(|state| state.file) {
            return other("its loop device has another file behind it now");
        }
        match fs::metadata(&backing.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => other(
                "the file was deleted after it was taken as a disk, and what is written would be lost",
            ),
            Ok(found) if !hold::same(&found, &backing.about) => other(
                "another file has its name since it was taken as a disk, and what is written would be lost",
            ),
            _ => None,
        }
    }
}

/// Takes an image file or a block device as a disk. Who only looks takes no lock, and looks through the loop device of
/// whoever uses the file already.
///
/// # Errors
/// Not a disk, in use, not to be opened; each names who or what.
pub(super) fn attach(number: u32, path: &Path, look: bool) -> Result<Attached, PlatformError> {
    let doing = || format!("opening {} as disk {number}", path.display());
    let path = fs::canonicalize(path).map_err(|error| PlatformError::io(doing(), error))?;
    let about = fs::metadata(&path).map_err(|error| PlatformError::io(doing(), error))?;
    if about.file_type().is_block_device() {
        return device(number, path, look);
    }
    let unfit = |what: &str| unfit(&path, what);
    if !about.is_file() {
        return Err(unfit("neither an image file nor a block device"));
    }
    if about.len() < 512 {
        return Err(unfit(
            "an image file of less than one sector cannot be a disk",
        ));
    }
    let (image, read_only) =
        open_image(&path, &about).map_err(|error| PlatformError::io(doing(), error))?;
    let mut holds = Vec::new();
    if look {
        if let Some(node) = loops::whole(&about) {
            return through(number, node, path, about, read_only);
        }
    } else {
        let own =
            open_anew(&image, !read_only).map_err(|error| PlatformError::io(doing(), error))?;
        let taken = Hold::image(own, &path, !read_only);
        holds.push(taken.map_err(|denied| denied_as(number, denied, doing()))?);
        not_mounted(number, &path, &about)?;
        loops::clear_leftovers(number, &path, &about)?;
    }
    let (node, device) = loops::configure(&image, &path, look || read_only, &loops::mark(look))?;
    let backing = Backing {
        path,
        read_only,
        ours: true,
        about,
        state: sys::loop_state(&device).ok(),
    };
    Ok(Attached::on(number, node, Some(backing), device, holds))
}

fn unfit(path: &Path, what: impl Into<String>) -> PlatformError {
    PlatformError::Unfit {
        path: path.to_owned(),
        what: what.into(),
    }
}

fn denied_as(number: u32, denied: Denied, doing: String) -> PlatformError {
    match denied {
        Denied::Taken(refusals) => PlatformError::Refused { number, refusals },
        Denied::Io(error) => PlatformError::io(doing, error),
    }
}

/// Opens an image for reading and, where that is allowed, for writing; the second says that it is not.
fn open_image(path: &Path, about: &Metadata) -> io::Result<(File, bool)> {
    match OpenOptions::new().read(true).write(true).open(path) {
        // Root may open what has no write bit; the author of the file meant it.
        Ok(image) => Ok((image, about.mode() & 0o222 == 0)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Ok((File::open(path)?, true))
        }
        Err(error) => Err(error),
    }
}

/// The same file once more, by a descriptor that shares nothing with the first, whatever has the file's name by now.
fn open_anew(file: &File, write: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(write)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Takes a block device as it is.
fn device(number: u32, node: PathBuf, look: bool) -> Result<Attached, PlatformError> {
    whole_disk(number, &node)?;
    let doing = || format!("opening {} as disk {number}", node.display());
    let device = File::open(&node).map_err(|error| PlatformError::io(doing(), error))?;
    let holds = if look {
        Vec::new()
    } else {
        hold_device(number, &device, &node)?
    };
    Ok(Attached::on(number, node, None, device, holds))
}

/// Keeps others from a block device, and from the image file behind it.
pub(super) fn hold_device(
    number: u32,
    device: &File,
    node: &Path,
) -> Result<Vec<Hold>, PlatformError> {
    let doing = || format!("locking {}", node.display());
    let own = open_anew(device, false).map_err(|error| PlatformError::io(doing(), error))?;
    let taken = Hold::device(own, node).map_err(|denied| denied_as(number, denied, doing()))?;
    let mut holds = vec![taken];
    let backing = loops::backing_of(&sysfs::kernel_name(node));
    if let Some(path) = backing.filter(|path| path.is_file()) {
        let about = fs::metadata(&path).map_err(|error| PlatformError::io(doing(), error))?;
        let (image, read_only) =
            open_image(&path, &about).map_err(|error| PlatformError::io(doing(), error))?;
        let taken = Hold::image(image, &path, !read_only);
        holds.push(taken.map_err(|denied| denied_as(number, denied, doing()))?);
    }
    Ok(holds)
}

/// Refuses what is only a part of a disk, or lies under something else.
fn whole_disk(number: u32, node: &Path) -> Result<(), PlatformError> {
    let name = sysfs::kernel_name(node);
    let folder = sysfs::folder(&name);
    if folder.join("partition").exists() {
        let disk = fs::canonicalize(&folder)
            .ok()
            .and_then(|real| Some(Path::new("/dev").join(real.parent()?.file_name()?)));
        let disk = disk.map_or_else(String::new, |disk| format!(" of {}", disk.display()));
        return Err(unfit(
            node,
            format!("this is a partition{disk}: give the whole disk"),
        ));
    }
    if sysfs::line(folder.join("dm/uuid")).starts_with("part") {
        return Err(unfit(
            node,
            "this is a partition by device mapper: give the whole disk",
        ));
    }
    if let Some(backing) = loops::backing_of(&name) {
        let part = sysfs::number(folder.join("loop/offset")) != Some(0)
            || sysfs::number(folder.join("loop/sizelimit")) != Some(0);
        let what = match fs::metadata(&backing) {
            _ if part => "is a loop device on a part of",
            Err(_) => "is a loop device on a file that is gone:",
            // Everything that stands against a disk is looked up by its own name.
            Ok(about) if about.file_type().is_block_device() => "is a loop device on",
            Ok(_) => "",
        };
        if !what.is_empty() {
            let text = format!("this {what} {}: give the whole disk", backing.display());
            return Err(unfit(node, text));
        }
    }
    let holders = sysfs::holders(&name);
    if holders.is_empty() {
        return Ok(());
    }
    let refusals = holders.into_iter().map(|holder| Refusal::Held {
        node: node.to_owned(),
        holder,
    });
    Err(PlatformError::Refused {
        number,
        refusals: refusals.collect(),
    })
}

/// A file system may lie in the image itself, without a loop device between (ntfs-3g and others of FUSE).
fn not_mounted(number: u32, path: &Path, about: &Metadata) -> Result<(), PlatformError> {
    let refusals = mounts_of(path, about, &sysfs::mounts()?);
    if refusals.is_empty() {
        return Ok(());
    }
    Err(PlatformError::Refused { number, refusals })
}

/// Where an image file is mounted as it is.
pub(super) fn mounts_of(path: &Path, about: &Metadata, mounts: &[sysfs::Mount]) -> Vec<Refusal> {
    mounts
        .iter()
        .filter(|mount| {
            mount.source.is_absolute()
                && fs::metadata(&mount.source)
                    .is_ok_and(|source| source.is_file() && hold::same(&source, about))
        })
        .map(|mount| Refusal::Mounted {
            node: path.to_owned(),
            at: mount.at.clone(),
        })
        .collect()
}

/// Looks at an image file through the loop device that somebody else has it on.
fn through(
    number: u32,
    node: PathBuf,
    path: PathBuf,
    about: Metadata,
    read_only: bool,
) -> Result<Attached, PlatformError> {
    let device = File::open(&node)
        .map_err(|error| PlatformError::io(format!("opening {}", node.display()), error))?;
    let backing = Backing {
        path,
        read_only,
        ours: false,
        about,
        state: sys::loop_state(&device).ok(),
    };
    Ok(Attached::on(
        number,
        node,
        Some(backing),
        device,
        Vec::new(),
    ))
}

/// Lets a disk go. What this process attached goes with the last who has it open, its partitions first; what others attached
/// stays as it is.
pub(super) fn detach(attached: &Attached) {
    if let Some(device) = attached.device.as_ref().filter(|_| attached.is_ours()) {
        device.sync_all().ok();
        loops::forget_partitions(device, &attached.node);
    }
}
