//! A tree (a mounted scratch NTFS volume, as a rule) onto a FAT32 volume.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::cancel::CancelToken;

use super::cx::ProgressCell;
use super::fat::{ATTRIBUTES, FatCopyReport, FatError, Job, PIECE, TIMES, open};
use super::fat_device::Device;
use super::fat_names::Judge;
use super::fat_patch::{Facts, patch};
use super::fat_time::from_ntfs;

/// NTFS time of 1970-01-01.
const UNIX_START: u64 = 116_444_736_000_000_000;
const ARCHIVE: u8 = 0x20;

type Folder<'a> = fatfs::Dir<'a, Device>;

/// Copies everything in `source` onto the FAT32 volume `node`: names, contents, and attributes and times as ntfs-3g
/// gives them (else the system's times and the archive bit). What FAT has no place for (streams, links) is listed
/// in the report. The volume must not be mounted. Progress counts bytes.
///
/// # Errors
/// A file of 4 GiB or more, a name FAT cannot hold, a full volume, cancelled: the volume is incomplete then.
pub fn copy_tree_to_fat(
    source: &Path,
    node: &Path,
    progress: &ProgressCell,
    cancel: &CancelToken,
) -> Result<FatCopyReport, FatError> {
    let mut job = Job {
        volume: node,
        progress,
        cancel,
        report: FatCopyReport::default(),
        total: 0,
    };
    // Refuse before the first byte: what does not fit is found in the tree, not half way through the copy.
    // The room is the caller's affair: the size of the clusters does not matter here.
    job.total = survey(&job, source, Path::new(""), &mut Judge::new(0))?;
    let volume = open(node, true, cancel)?;
    let mut root = Facts::default();
    copy_folder(
        &mut job,
        source,
        Path::new(""),
        &volume.root_dir(),
        &mut root,
    )?;
    volume
        .unmount()
        .map_err(|error| job.explain(|| format!("closing {}", node.display()), error))?;
    let finish = || {
        let mut device = Device::open(node, true, cancel)?;
        patch(&mut device, &root)?;
        device.sync()
    };
    finish().map_err(|error| {
        job.explain(
            || format!("setting attributes on {}", node.display()),
            error,
        )
    })?;
    Ok(job.report)
}

/// Checks names and lengths below `folder`, which is `inside` of the tree; gives the bytes to copy.
fn survey(job: &Job, folder: &Path, inside: &Path, judge: &mut Judge) -> Result<u64, FatError> {
    if job.cancel.is_cancelled() {
        return Err(FatError::Cancelled);
    }
    let mut bytes = 0;
    for entry in list(job, folder)? {
        let path = entry.path();
        let inner = inside.join(entry.file_name());
        let name = inner.to_str().ok_or_else(|| FatError::Name {
            path: inner.clone(),
            why: "it is not Unicode".to_owned(),
        })?;
        let facts = entry
            .metadata()
            .map_err(|error| job.explain(|| format!("looking at {}", path.display()), error))?;
        if facts.is_dir() {
            judge.entry(name, None)?;
            bytes += survey(job, &path, &inner, judge)?;
        } else if facts.is_file() {
            judge.entry(name, Some(facts.len()))?;
            bytes += facts.len();
        }
    }
    Ok(bytes)
}

fn list(job: &Job, folder: &Path) -> Result<Vec<std::fs::DirEntry>, FatError> {
    let read = || {
        let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        Ok(entries)
    };
    read().map_err(|error| job.explain(|| format!("listing {}", folder.display()), error))
}

fn copy_folder(
    job: &mut Job,
    folder: &Path,
    inside: &Path,
    target: &Folder,
    facts: &mut Facts,
) -> Result<(), FatError> {
    for entry in list(job, folder)? {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let inner = inside.join(&name);
        let kind = entry
            .file_type()
            .map_err(|error| job.explain(|| format!("looking at {}", path.display()), error))?;
        if !kind.is_dir() && !kind.is_file() {
            job.report.lost.push(format!(
                "{}: a link or other reparse point",
                inner.display()
            ));
            continue;
        }
        let mut own = facts_of(job, &path, &inner)?;
        if kind.is_dir() {
            let made = target
                .create_dir(&name)
                .map_err(|error| job.explain(|| format!("making /{}", inner.display()), error))?;
            job.report.folders += 1;
            copy_folder(job, &path, &inner, &made, &mut own)?;
        } else {
            copy_file(job, &path, &inner, target, &name)?;
            job.report.files += 1;
        }
        facts.children.insert(name.to_uppercase(), own);
    }
    Ok(())
}

fn copy_file(
    job: &mut Job,
    path: &Path,
    inner: &Path,
    target: &Folder,
    name: &str,
) -> Result<(), FatError> {
    job.progress.detail(&inner.to_string_lossy());
    let mut source = File::open(path)
        .map_err(|error| job.explain(|| format!("opening {}", path.display()), error))?;
    let mut file = target
        .create_file(name)
        .map_err(|error| job.explain(|| format!("making /{}", inner.display()), error))?;
    file.truncate()
        .map_err(|error| job.explain(|| format!("emptying /{}", inner.display()), error))?;
    let mut piece = vec![0; PIECE];
    loop {
        let count = source
            .read(&mut piece)
            .map_err(|error| job.explain(|| format!("reading {}", path.display()), error))?;
        if count == 0 {
            break;
        }
        file.write_all(&piece[..count])
            .map_err(|error| job.explain(|| format!("writing /{}", inner.display()), error))?;
        job.moved(count)?;
    }
    file.flush()
        .map_err(|error| job.explain(|| format!("writing /{}", inner.display()), error))
}

/// Attributes and times, through ntfs-3g's extended attributes where the source has them.
fn facts_of(job: &mut Job, path: &Path, inner: &Path) -> Result<Facts, FatError> {
    let stat = std::fs::symlink_metadata(path)
        .map_err(|error| job.explain(|| format!("looking at {}", path.display()), error))?;
    let get = |what: &str| xattr::get(path, OsStr::new(what)).ok().flatten();
    let attributes = get(ATTRIBUTES)
        .and_then(|value| value.last().copied())
        .unwrap_or(ARCHIVE);
    let ntfs = get(TIMES).filter(|value| value.len() >= 24).map(|value| {
        let at = |n: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&value[n * 8..n * 8 + 8]);
            u64::from_le_bytes(eight)
        };
        (at(0), at(1), at(2))
    });
    let (created, modified, accessed) = ntfs.unwrap_or_else(|| {
        let of = |time: std::io::Result<std::time::SystemTime>| {
            time.ok()
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                .and_then(|since| u64::try_from(since.as_nanos() / 100).ok())
                .map_or(UNIX_START, |ticks| UNIX_START + ticks)
        };
        let modified = of(stat.modified());
        (modified, modified, of(stat.accessed()))
    });
    for name in xattr::list(path).into_iter().flatten() {
        if let Some(stream) = name.to_str().and_then(|name| name.strip_prefix("user.")) {
            job.report
                .lost
                .push(format!("{}: alternate stream {stream}", inner.display()));
        }
    }
    Ok(Facts {
        attributes,
        times: from_ntfs(created, modified, accessed),
        ..Facts::default()
    })
}
