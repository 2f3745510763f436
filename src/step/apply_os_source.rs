//! What an image holds, asked before anything is written: whether it can be applied, what will be left out, how much room it takes,
//! and whether every byte of the file is as it was when it was made.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::codes;
use crate::platform::FsKind;
use crate::units;
use crate::wim::{Entry, ImageInfo, Monitor, Wim};

use super::apply_os::wim_error;
use super::apply_os_fat;
use super::apply_os_target::Target;
use super::cx::StepCx;
use super::error::StepError;
use super::fat::FatError;
use super::fat_names::Judge;

/// Attribute bits of an entry ([MS-FSCC] 2.6).
const DIRECTORY: u32 = 0x10;
const REPARSE_POINT: u32 = 0x400;

/// What is known of an image for a volume.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// Bytes it takes on NTFS with its usual clusters.
    pub(super) bytes: u64,
    /// Bytes it takes on the target, the file system's own tables included.
    pub(super) needed: u64,
    /// What will not be applied, one line each.
    pub(super) left_out: Vec<String>,
}

/// What a FAT32 volume makes of the entries.
struct OnFat {
    judge: Judge,
    fault: Option<FatError>,
    lost: Vec<String>,
}

impl OnFat {
    fn entry(&mut self, entry: &Entry<'_>) {
        // The root has no name.
        if self.fault.is_some() || entry.name.is_empty() {
            return;
        }
        let streams = entry.streams.iter().filter(|s| !s.name.is_empty());
        for stream in streams {
            self.lost.push(format!(
                "the stream \"{}\" of \"{}\": FAT32 has none",
                stream.name, entry.path
            ));
        }
        if entry.attributes & REPARSE_POINT != 0 {
            let path = entry.path;
            self.lost
                .push(format!("\"{path}\": FAT32 has no links and reparse points"));
            return;
        }
        let bytes = (entry.attributes & DIRECTORY == 0)
            .then(|| entry.streams.first().map_or(0, |stream| stream.bytes));
        self.fault = self.judge.entry(entry.path, bytes).err();
    }
}

/// What the file system needs for itself: measured volumes stay below this.
fn reserve(volume_bytes: u64) -> u64 {
    (volume_bytes / 50).clamp(8 * units::MIB, 256 * units::MIB)
}

/// Looks at every entry of an image that is to go to a volume.
///
/// # Errors
/// It cannot be applied there, whatever the room.
pub(super) fn look(wim: &Wim, image: &ImageInfo, target: &Target) -> Result<Look, StepError> {
    let cluster = (target.fs != FsKind::Ntfs).then(|| apply_os_fat::cluster_bytes(target));
    let mut fat = cluster.map(|cluster| OnFat {
        judge: Judge::new(cluster),
        fault: None,
        lost: Vec::new(),
    });
    let survey = wim
        .survey(image.index, &mut |entry| {
            if let Some(fat) = &mut fat {
                fat.entry(entry);
            }
        })
        .map_err(wim_error)?;
    let mut look = Look {
        bytes: survey.bytes,
        needed: survey.bytes.saturating_add(reserve(target.bytes)),
        left_out: survey.left_out,
    };
    if let Some((fat, cluster)) = fat.zip(cluster) {
        if let Some(error) = fat.fault {
            let message = format!(
                "image {} \"{}\" cannot be applied to {}: {error}",
                image.index,
                image.name,
                target.name()
            );
            return Err(StepError::because(error.code(), message, error)
                .hint("apply it to an NTFS volume, or take the file out of the image"));
        }
        // Two tables of four bytes a cluster, and the sectors before them.
        let tables = (target.bytes / u64::from(cluster)).saturating_mul(8);
        look.needed = fat
            .judge
            .bytes()
            .saturating_add(tables)
            .saturating_add(units::MIB);
        look.left_out.extend(fat.lost);
    }
    Ok(look)
}

/// Warns of what will be left out: the first `most` entries by name, the others by number.
pub(super) fn warn_left_out(image: &ImageInfo, left_out: &[String], most: usize, cx: &StepCx) {
    for line in left_out.iter().take(most) {
        cx.warn(format!("image {} is applied without {line}", image.index));
    }
    if left_out.len() > most {
        cx.warn(format!(
            "image {} is applied without so many things more: {}",
            image.index,
            left_out.len() - most
        ));
    }
}

/// Refuses a volume that is too small.
pub(super) fn check_room(image: &ImageInfo, target: &Target, look: &Look) -> Result<(), StepError> {
    if look.needed <= target.bytes {
        return Ok(());
    }
    Err(StepError::new(
        codes::DISK_FULL,
        format!(
            "{} is too small: it has {}, and image {} \"{}\" needs {}",
            target.name(),
            units::bytes(target.bytes),
            image.index,
            image.name,
            units::bytes(look.needed)
        ),
    )
    .hint("make the partition larger, or choose another destination"))
}

/// A file as it was when it was read: inode, length, and the two times that a change of its bytes changes.
type Seen = (u64, u64, (i64, i64), (i64, i64));

/// What this process has read from end to end and found sound.
static SOUND: Mutex<Option<HashSet<Vec<Seen>>>> = Mutex::new(None);

/// `None` when a file cannot be looked at: then it is not known again.
fn seen(wim: &Wim) -> Option<Vec<Seen>> {
    wim.files()
        .map(|path| {
            let facts = std::fs::metadata(path).ok()?;
            Some((
                facts.ino(),
                facts.len(),
                (facts.mtime(), facts.mtime_nsec()),
                (facts.ctime(), facts.ctime_nsec()),
            ))
        })
        .collect()
}

/// Reads the whole source once: its integrity table when it has one, else every stream. A file that was read and has not
/// changed since is not read again. Answers a sentence about it.
///
/// # Errors
/// Damaged, truncated, a base or part missing, cancelled.
pub(super) fn check_contents(wim: &Wim, monitor: &dyn Monitor) -> Result<String, StepError> {
    let path = wim.path().display();
    let before = seen(wim);
    let known = |seen: &Vec<Seen>| {
        let sound = SOUND.lock().unwrap_or_else(PoisonError::into_inner);
        sound.as_ref().is_some_and(|all| all.contains(seen))
    };
    if before.as_ref().is_some_and(known) {
        return Ok(format!(
            "{path} is sound: it was read from end to end and has not changed since"
        ));
    }
    let started = Instant::now();
    let how = if wim.info().has_integrity_table && wim.files().count() == 1 {
        drop(Wim::open(wim.path(), true, monitor).map_err(wim_error)?);
        "its integrity table"
    } else {
        wim.verify(monitor).map_err(wim_error)?;
        "the hash of every stream"
    };
    if let Some(before) = before
        && seen(wim).as_ref() == Some(&before)
    {
        SOUND
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_default()
            .insert(before);
    }
    Ok(format!(
        "{path} is sound by {how}, checked in {}",
        units::duration(started.elapsed())
    ))
}

/// Bytes that [`check_contents`] would read.
pub(super) fn bytes_to_read(wim: &Wim) -> u64 {
    wim.files()
        .filter_map(|path| std::fs::metadata(path).ok())
        .map(|facts| facts.len())
        .sum()
}
