//! Raw image files as disks: loop devices attached for a run and detached after it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;

use crate::platform::error::PlatformError;

use super::{sys, sysfs};

/// A disk that exists because the command line said so.
#[derive(Debug)]
pub(super) struct Attached {
    /// Disk number.
    pub(super) number: u32,
    /// Device node.
    pub(super) node: PathBuf,
    /// The image file; `None` for a block device taken as it is.
    pub(super) backing: Option<PathBuf>,
}

/// Attaches an image file (or takes a block device as it is). An image that still hangs on a loop device, after a
/// killed run, keeps that device.
pub(super) fn attach(number: u32, path: &Path) -> Result<Attached, PlatformError> {
    let doing = || format!("opening {} as disk {number}", path.display());
    let path = fs::canonicalize(path).map_err(|error| PlatformError::io(doing(), error))?;
    let about = fs::metadata(&path).map_err(|error| PlatformError::io(doing(), error))?;
    if about.file_type().is_block_device() {
        return Ok(Attached {
            number,
            node: path,
            backing: None,
        });
    }
    let unfit = |what: &str| PlatformError::Unfit {
        path: path.clone(),
        what: what.to_owned(),
    };
    if !about.is_file() {
        return Err(unfit("neither an image file nor a block device"));
    }
    if about.len() < 512 {
        return Err(unfit(
            "an image file of less than one sector cannot be a disk",
        ));
    }
    if let Some(node) = attached_already(&about) {
        return Ok(Attached {
            number,
            node,
            backing: Some(path),
        });
    }
    let (image, read_only) = match OpenOptions::new().read(true).write(true).open(&path) {
        // Root may open what has no write bit; the author of the file meant it.
        Ok(image) => (image, about.mode() & 0o222 == 0),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            (
                File::open(&path).map_err(|error| PlatformError::io(doing(), error))?,
                true,
            )
        }
        Err(error) => return Err(PlatformError::io(doing(), error)),
    };
    let doing = || format!("attaching {} to a loop device", path.display());
    let control = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/loop-control")
        .map_err(|error| PlatformError::io(doing(), error))?;
    // Another process may take the free device first: ask again.
    let mut last = io::Error::from(io::ErrorKind::ResourceBusy);
    for _ in 0..32 {
        let free = sys::loop_free(&control).map_err(|error| PlatformError::io(doing(), error))?;
        let node = PathBuf::from(format!("/dev/loop{free}"));
        match OpenOptions::new().read(true).write(!read_only).open(&node) {
            Ok(device) => match sys::loop_configure(&device, &image, read_only, &path) {
                Ok(()) => {
                    return Ok(Attached {
                        number,
                        node,
                        backing: Some(path),
                    });
                }
                Err(error) => last = error,
            },
            Err(error) => last = error,
        }
        if !matches!(
            last.raw_os_error(),
            Some(libc::EBUSY | libc::ENOENT | libc::ENXIO)
        ) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(PlatformError::io(doing(), last))
}

/// The loop device that has this very file behind it.
fn attached_already(image: &fs::Metadata) -> Option<PathBuf> {
    for entry in fs::read_dir("/sys/block").ok()?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("loop") {
            continue;
        }
        let backing = sysfs::line(entry.path().join("loop/backing_file"));
        if backing.is_empty() || sysfs::number(entry.path().join("loop/offset")) != Some(0) {
            continue;
        }
        if fs::metadata(&backing)
            .is_ok_and(|found| found.dev() == image.dev() && found.ino() == image.ino())
        {
            return Some(Path::new("/dev").join(name));
        }
    }
    None
}

/// Whether this loop device has this file behind it.
pub(super) fn is_attached(node: &Path, backing: &Path) -> bool {
    let name = sysfs::kernel_name(node);
    let found = sysfs::line(Path::new("/sys/block").join(name).join("loop/backing_file"));
    Path::new(&found) == backing
}

/// Takes the image off its loop device, partitions first.
pub(super) fn detach(attached: &Attached) -> Result<(), PlatformError> {
    if attached.backing.is_none() {
        return Ok(());
    }
    let doing = || format!("detaching {}", attached.node.display());
    let device = File::open(&attached.node).map_err(|error| PlatformError::io(doing(), error))?;
    device.sync_all().ok();
    forget_partitions(&device, &attached.node);
    sys::loop_clear(&device).map_err(|error| PlatformError::io(doing(), error))
}

/// Makes the kernel forget every partition of a disk; those in use stay.
pub(super) fn forget_partitions(device: &File, node: &Path) {
    for (number, _) in sysfs::kernel_partitions(&sysfs::kernel_name(node)) {
        for _ in 0..20 {
            match sys::delete_partition(device, number) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                _ => break,
            }
        }
    }
}
