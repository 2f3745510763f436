//! Who has a disk: the lock on what this process works on, and the names of those who have it already.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::platform::types::Refusal;
use crate::text::harmless;

/// How long a lock may be in somebody's passing use: udev takes one while it looks, an engine that ends still writes.
const PASSING: Duration = Duration::from_secs(3);

/// Nobody else who asks may write to this file or device while this lives.
///
/// On a file it is an open-file-description lock over every byte, which is what QEMU looks at (its bytes 100 and 200 and on) and
/// what other engines try; on a block device the BSD lock that udev and the tools of util-linux obey (systemd, "Locking
/// Block Device Access"). Both belong to the open file and go with this process, however it ends.
#[derive(Debug)]
pub(super) struct Hold {
    _locked: File,
}

/// Why there is no hold.
#[derive(Debug)]
pub(super) enum Denied {
    /// Somebody has it: one of these for each.
    Taken(Vec<Refusal>),
    /// The system said no.
    Io(io::Error),
}

impl Hold {
    /// Takes an image file by a descriptor of its own: whatever else keeps that descriptor keeps the lock.
    pub(super) fn image(image: File, path: &Path, writable: bool) -> Result<Self, Denied> {
        let about = image.metadata().map_err(Denied::Io)?;
        let lock = range(if writable {
            libc::F_WRLCK
        } else {
            libc::F_RDLCK
        });
        patiently(path, &about, || {
            match fcntl(&image, FcntlArg::F_OFD_SETLK(&lock)) {
                Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
                // A file system without locks: those who have it open are still found.
                Ok(_) | Err(Errno::ENOLCK | Errno::EOPNOTSUPP | Errno::EINVAL) => Ok(true),
                Err(error) => Err(error.into()),
            }
        })?;
        let writers = users(&about, true);
        if !writers.is_empty() {
            return Err(Denied::Taken(named(path, writers)));
        }
        Ok(Self { _locked: image })
    }

    /// Takes an open block device.
    pub(super) fn device(device: File, path: &Path) -> Result<Self, Denied> {
        let about = device.metadata().map_err(Denied::Io)?;
        patiently(path, &about, || match device.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        })?;
        Ok(Self { _locked: device })
    }
}

/// Tries until it is so, or until it is clear that somebody means to keep it.
fn patiently(
    path: &Path,
    about: &Metadata,
    locked: impl Fn() -> io::Result<bool>,
) -> Result<(), Denied> {
    let until = Instant::now() + PASSING;
    while !locked().map_err(Denied::Io)? {
        if Instant::now() > until {
            return Err(Denied::Taken(taken(path, about)));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Every byte of a file, however long it grows.
fn range(kind: i32) -> libc::flock {
    libc::flock {
        #[expect(clippy::cast_possible_truncation, reason = "three small constants")]
        l_type: kind as i16,
        // SEEK_SET is 0.
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Who has a lock on an image file that another process works on, for those who only look.
pub(super) fn lockers(image: impl AsFd, path: &Path) -> Vec<Refusal> {
    let mut lock = range(libc::F_WRLCK);
    let asked = fcntl(image.as_fd(), FcntlArg::F_OFD_GETLK(&mut lock));
    let free = asked.is_err() || i32::from(lock.l_type) == libc::F_UNLCK;
    match fs::metadata(path) {
        Ok(about) if !free => taken(path, &about),
        Ok(about) => named(path, users(&about, true)),
        Err(_) => Vec::new(),
    }
}

/// The programs that have it open; somebody holds the lock, so that there is one refusal at least.
fn taken(path: &Path, about: &Metadata) -> Vec<Refusal> {
    let mut users = users(about, false);
    if users.is_empty() {
        users.push("another program".to_owned());
    }
    named(path, users)
}

fn named(path: &Path, users: Vec<String>) -> Vec<Refusal> {
    users
        .into_iter()
        .map(|holder| Refusal::Held {
            node: path.to_owned(),
            holder,
        })
        .collect()
}

/// The other processes that have this file or device open, by name and number; `writing`: for writing.
fn users(about: &Metadata, writing: bool) -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = std::process::id().to_string();
    processes
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().into_string().ok()?;
            let process = number.bytes().all(|byte| byte.is_ascii_digit());
            if !process || number == own || !has_open(&entry.path(), about, writing) {
                return None;
            }
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            Some(format!("{} (process {number})", harmless(name.trim())))
        })
        .collect()
}

fn has_open(process: &Path, about: &Metadata, writing: bool) -> bool {
    let descriptors = fs::read_dir(process.join("fd"));
    descriptors.into_iter().flatten().flatten().any(|entry| {
        let info = fs::read_to_string(process.join("fdinfo").join(entry.file_name()));
        let info = info.unwrap_or_default();
        // Only what may be the file is asked of its file system: another one may hang, or be just about to be unmounted.
        let may_be = if about.file_type().is_block_device() {
            fs::read_link(entry.path()).is_ok_and(|at| at.starts_with("/dev"))
        } else {
            field(&info, "ino:", 10).is_none_or(|inode| inode == about.ino())
        };
        may_be
            && (!writing || is_for_writing(&info))
            && fs::metadata(entry.path()).is_ok_and(|found| same(&found, about))
    })
}

/// One file, or one block device under whatever name.
pub(super) fn same(one: &Metadata, other: &Metadata) -> bool {
    if one.file_type().is_block_device() && other.file_type().is_block_device() {
        return one.rdev() == other.rdev();
    }
    one.dev() == other.dev() && one.ino() == other.ino()
}

/// A number of an open file's `fdinfo` (proc(5)); `ino` is there since Linux 5.14.
fn field(info: &str, name: &str, radix: u32) -> Option<u64> {
    info.lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix(name)?.trim(), radix).ok())
}

/// The flags stand there in octal; the two lowest bits are the way of access (open(2)).
fn is_for_writing(info: &str) -> bool {
    field(info, "flags:", 8).is_some_and(|flags| flags & 3 != 0)
}
