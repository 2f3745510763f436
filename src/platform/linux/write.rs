//! The order in which a disk is given its new table; each step is there because leaving it out destroyed
//! somebody's data somewhere.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::libc;

use crate::platform::error::PlatformError;
use crate::platform::types::{Disk, Layout, Refusal};

use super::{loops, same, sys, sysfs, table};

/// How long device nodes may take to appear.
const NODE_TIME: Duration = Duration::from_secs(5);
/// How long a partition may be in somebody's passing use.
const BUSY_TIME: Duration = Duration::from_secs(2);

fn busy(disk: &Disk) -> PlatformError {
    PlatformError::Refused {
        number: disk.number,
        refusals: vec![Refusal::Held {
            node: disk.path.clone(),
            holder: "another program".to_owned(),
        }],
    }
}

/// Opens the disk for nobody else: fails when any part of it is mounted or held.
fn open_exclusively(disk: &Disk) -> Result<File, PlatformError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_EXCL)
        .open(&disk.path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::EBUSY) => busy(disk),
            _ => PlatformError::io(format!("opening {}", disk.path.display()), error),
        })
}

/// Makes the kernel give up its partitions; it refuses when one is in use. Device managers look into new partitions
/// for a moment, so it is tried for a while.
fn release(file: &File, disk: &Disk) -> Result<(), PlatformError> {
    let until = Instant::now() + BUSY_TIME;
    loop {
        match sys::reread_table(file).map_err(|error| (error.raw_os_error(), error)) {
            Ok(()) => return Ok(()),
            Err((Some(libc::EBUSY), _)) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err((Some(libc::EBUSY), _)) => return Err(busy(disk)),
            // A loop device attached without scanning: take them away one by one.
            Err((Some(libc::EINVAL), _)) => {
                loops::forget_partitions(file, &disk.path);
                if sysfs::kernel_partitions(&sysfs::kernel_name(&disk.path)).is_empty() {
                    return Ok(());
                }
                return Err(busy(disk));
            }
            Err((_, error)) => {
                let doing = format!("re-reading the table of {}", disk.path.display());
                return Err(PlatformError::io(doing, error));
            }
        }
    }
}

fn compare(expected: &Disk, found: &Disk) -> Result<(), PlatformError> {
    let what = if expected.path != found.path {
        format!(
            "it was {} and is {}",
            expected.path.display(),
            found.path.display()
        )
    } else if expected.serial != found.serial || expected.model != found.model {
        format!(
            "it was {} {} and is {} {}",
            expected.model, expected.serial, found.model, found.serial
        )
    } else if expected.identity != found.identity {
        format!("it was {} and is {}", expected.identity, found.identity)
    } else if expected.bytes != found.bytes {
        format!("it had {} bytes and has {}", expected.bytes, found.bytes)
    } else if expected.digest != found.digest {
        "what lies on it is not what was shown: the table or a volume changed".to_owned()
    } else {
        return Ok(());
    };
    Err(PlatformError::Changed {
        number: expected.number,
        what,
    })
}

/// What was opened by its name must be the disk that was looked at.
fn is_open(file: &File, disk: &Disk) -> Result<(), PlatformError> {
    let open = same::of_open(file)
        .map_err(|error| PlatformError::io(format!("opening {}", disk.path.display()), error))?;
    let found = same::of_node(&disk.path);
    if open == found {
        return Ok(());
    }
    Err(PlatformError::Changed {
        number: disk.number,
        what: format!("it was {open} when it was opened and is {found}"),
    })
}

fn refuse(disk: &Disk) -> Result<(), PlatformError> {
    if disk.refusals.is_empty() {
        Ok(())
    } else {
        Err(PlatformError::Refused {
            number: disk.number,
            refusals: disk.refusals.clone(),
        })
    }
}

/// Gives `expected` the new table; `probe` looks at the disk afresh.
pub(super) fn layout(
    expected: &Disk,
    layout: &Layout,
    probe: &dyn Fn() -> Result<Disk, PlatformError>,
) -> Result<Vec<PathBuf>, PlatformError> {
    let found = probe()?;
    refuse(&found)?;
    compare(expected, &found)?;
    table::check(layout, found.bytes, found.sector_bytes)?;
    let file = open_exclusively(&found)?;
    release(&file, &found)?;
    // Between the first look and the exclusive opening anything may have happened.
    let found = probe()?;
    let still = refuse(&found)
        .and_then(|()| compare(expected, &found))
        .and_then(|()| is_open(&file, &found));
    if let Err(error) = still {
        // Nothing was written: what the disk holds stays usable.
        make_nodes(&file, &found.path, &wanted_nodes(&found)).ok();
        return Err(error);
    }
    write(&file, &found, layout).inspect_err(|_| {
        table::wipe(&file, found.bytes).ok();
        loops::forget_partitions(&file, &found.path);
    })
}

/// The partitions a disk has, as [`make_nodes`] wants them; none of a damaged table, which the kernel may not take.
pub(super) fn wanted_nodes(disk: &Disk) -> Vec<(u32, u64, u64)> {
    if disk.contents.unusable().is_some() {
        return Vec::new();
    }
    disk.partitions
        .iter()
        .map(|partition| {
            (
                partition.at.partition,
                partition.start_bytes,
                partition.bytes,
            )
        })
        .collect()
}

fn write(file: &File, disk: &Disk, layout: &Layout) -> Result<Vec<PathBuf>, PlatformError> {
    table::wipe_for(file, disk.bytes, layout)
        .map_err(|error| PlatformError::io(format!("wiping {}", disk.path.display()), error))?;
    table::write(file, layout, disk.bytes, disk.sector_bytes)?;
    table::matches(file, layout, disk.bytes, disk.sector_bytes, &disk.path)?;
    release(file, disk)?;
    let wanted: Vec<(u32, u64, u64)> = (1..)
        .zip(&layout.entries)
        .map(|(number, entry)| (number, entry.start_bytes, entry.bytes))
        .collect();
    make_nodes(file, &disk.path, &wanted)
}

/// Destroys the table of a disk.
pub(super) fn wipe(disk: &Disk) -> Result<(), PlatformError> {
    refuse(disk)?;
    let file = open_exclusively(disk)?;
    is_open(&file, disk)?;
    table::wipe(&file, disk.bytes).map_err(|error| {
        PlatformError::io(
            format!("wiping the table of {}", disk.path.display()),
            error,
        )
    })?;
    loops::forget_partitions(&file, &disk.path);
    sys::reread_table(&file).ok();
    Ok(())
}

/// Makes the kernel know exactly these partitions (number, start, length in bytes) and waits for their nodes.
pub(super) fn make_nodes(
    file: &File,
    disk: &Path,
    wanted: &[(u32, u64, u64)],
) -> Result<Vec<PathBuf>, PlatformError> {
    let name = sysfs::kernel_name(disk);
    for (number, kernel) in sysfs::kernel_partitions(&name) {
        let folder = sysfs::folder(&kernel);
        let bytes = |what: &str| sysfs::number(folder.join(what)).map(|sectors| sectors * 512);
        let same = wanted.iter().any(|&(n, start, length)| {
            n == number && bytes("start") == Some(start) && bytes("size") == Some(length)
        });
        if !same {
            loops::forget_partition(file, number).map_err(|error| {
                PlatformError::io(
                    format!(
                        "making the kernel forget partition {number} of {}",
                        disk.display()
                    ),
                    error,
                )
            })?;
        }
    }
    let known = sysfs::kernel_partitions(&name);
    for &(number, start, length) in wanted {
        if known.iter().any(|&(n, _)| n == number) {
            continue;
        }
        match sys::add_partition(file, number, start, length) {
            Err(error) if error.raw_os_error() != Some(libc::EBUSY) => {
                return Err(PlatformError::io(
                    format!(
                        "making the kernel know partition {number} of {}",
                        disk.display()
                    ),
                    error,
                ));
            }
            _ => {}
        }
    }
    let nodes: Vec<PathBuf> = wanted
        .iter()
        .map(|&(number, ..)| sysfs::partition_node(disk, number))
        .collect();
    let until = Instant::now() + NODE_TIME;
    while let Some(missing) = nodes.iter().find(|node| !node.exists()) {
        if Instant::now() > until {
            return Err(PlatformError::io(
                format!("waiting for {}", missing.display()),
                io::ErrorKind::TimedOut.into(),
            ));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(nodes)
}
