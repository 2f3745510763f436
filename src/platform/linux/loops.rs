//! Loop devices: which are on a file and whose they are, one more for a file, the way out of them.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::libc;

use crate::platform::error::PlatformError;
use crate::platform::types::Refusal;

use super::{hold, leftovers, sys, sysfs};

/// First word of what a loop device of ours is marked with.
const MARK: &str = "wimforge";
/// How long the loop device of an engine that died may take to go.
const GOING: Duration = Duration::from_secs(10);

/// What a loop device has behind it.
pub(super) fn backing_of(name: &str) -> Option<PathBuf> {
    let text = sysfs::line(sysfs::folder(name).join("loop/backing_file"));
    (!text.is_empty()).then(|| PathBuf::from(text))
}

/// The loop devices that have this very file behind them, by kernel name.
pub(super) fn loops_on(image: &Metadata) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir("/sys/block")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| {
            backing_of(name)
                .is_some_and(|path| fs::metadata(path).is_ok_and(|found| hold::same(&found, image)))
        })
        .collect();
    names.sort();
    names
}

/// The loop device that has this whole file behind it.
pub(super) fn whole(image: &Metadata) -> Option<PathBuf> {
    loops_on(image)
        .into_iter()
        .find(|name| {
            let folder = sysfs::folder(name);
            ["loop/offset", "loop/sizelimit"]
                .iter()
                .all(|what| sysfs::number(folder.join(what)) == Some(0))
        })
        .map(|name| Path::new("/dev").join(name))
}

/// What a loop device of this process is marked with.
pub(super) fn mark(look: bool) -> String {
    let process = std::process::id();
    let what = if look { "looks" } else { "runs" };
    format!("{MARK} {what} {process} {}", leftovers::started(process))
}

/// Who put a file on a loop device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// A wimforge that only looks: it reads, and goes in a moment.
    Looker,
    /// A wimforge that has ended, or this one: the device goes as soon as nobody has it open.
    Going,
    /// Somebody else.
    Other,
}

fn owner(name: &str) -> Owner {
    let mark = File::open(Path::new("/dev").join(name))
        .and_then(|device| sys::loop_state(&device))
        .map(|state| state.mark)
        .unwrap_or_default();
    let words: Vec<&str> = mark.split(' ').collect();
    let [MARK, what, process, started] = words[..] else {
        return Owner::Other;
    };
    let Ok(number) = process.parse::<u32>() else {
        return Owner::Other;
    };
    let lives = leftovers::alive(number) && leftovers::started(number).to_string() == started;
    match what {
        "looks" if lives => Owner::Looker,
        _ if !lives || number == std::process::id() => Owner::Going,
        _ => Owner::Other,
    }
}

/// Whether a loop device is there only for somebody who looks.
pub(super) fn only_looks(name: &str) -> bool {
    owner(name) == Owner::Looker
}

/// Takes an image off the loop devices of engines that have ended.
///
/// # Errors
/// Somebody else has the file on a loop device, or one does not go.
pub(super) fn clear_leftovers(
    number: u32,
    path: &Path,
    about: &Metadata,
) -> Result<(), PlatformError> {
    let until = Instant::now() + GOING;
    loop {
        let mut left = loops_on(about);
        left.retain(|name| owner(name) != Owner::Looker);
        if left.is_empty() {
            return Ok(());
        }
        let foreign = left.iter().any(|name| owner(name) == Owner::Other);
        if foreign || Instant::now() > until {
            let refusals = left.into_iter().map(|holder| Refusal::Held {
                node: path.to_owned(),
                holder,
            });
            return Err(PlatformError::Refused {
                number,
                refusals: refusals.collect(),
            });
        }
        for name in left {
            let node = Path::new("/dev").join(&name);
            if let Ok(device) = File::open(&node) {
                forget_partitions(&device, &node);
                // In use for a moment yet, it goes with its last user.
                let _ = sys::loop_clear(&device);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Puts an image on a free loop device; gives back its node and the device, open for reading.
pub(super) fn configure(
    image: &File,
    path: &Path,
    read_only: bool,
    mark: &str,
) -> Result<(PathBuf, File), PlatformError> {
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
        let configured = OpenOptions::new()
            .read(true)
            .write(!read_only)
            .open(&node)
            .and_then(|device| {
                sys::loop_configure(&device, image, read_only, mark)?;
                // Closing what is open for writing makes device managers look: only the reading one stays.
                File::open(&node)
            });
        match configured {
            Ok(device) => return Ok((node, device)),
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

/// Whether this loop device has this file behind it.
pub(super) fn is_attached(node: &Path, backing: &Path) -> bool {
    backing_of(&sysfs::kernel_name(node)).is_some_and(|found| found == backing)
}

/// Makes the kernel forget every partition of a disk; those in use stay.
pub(super) fn forget_partitions(device: &File, node: &Path) {
    for (number, _) in sysfs::kernel_partitions(&sysfs::kernel_name(node)) {
        forget_partition(device, number).ok();
    }
}

/// Makes the kernel forget one partition. Device managers look into new ones for a moment, so it is tried for a while.
pub(super) fn forget_partition(device: &File, number: u32) -> io::Result<()> {
    for _ in 0..20 {
        match sys::delete_partition(device, number) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                std::thread::sleep(Duration::from_millis(50));
            }
            ended => return ended,
        }
    }
    sys::delete_partition(device, number)
}
