//! Which file a capture could not read: wimlib gives its number only, and not the volume's name.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::codes;
use crate::platform::FsKind;
use crate::wim::WimError;

use super::capture_target::Target;
use super::capture_volumes::Volume;
use super::cx::StepCx;
use super::error::StepError;

/// A failed read of a captured volume as the step's failure, with volume and file as far as they can be found.
pub(super) fn unreadable(
    cx: &StepCx,
    volumes: &[Volume],
    target: &Target,
    error: WimError,
) -> StepError {
    let words = error.system_words().unwrap_or("damaged").to_owned();
    let what = match &error {
        WimError::Unreadable {
            inode: Some(inode), ..
        } => named(cx, volumes, *inode),
        _ => None,
    };
    let what = what.unwrap_or_else(|| {
        let all: Vec<String> = volumes.iter().map(Volume::describe).collect();
        format!("a file on {}", all.join(" or "))
    });
    StepError::because(
        codes::READ_FAULT,
        format!("writing {}: {what} cannot be read: {words}", target.shown),
        error,
    )
    .hint("Look after the source disk and its cable (smartctl shows its state), then retry: an old image is untouched.")
}

/// "/path on volume": of the only volume, or of the one where the file really cannot be read.
fn named(cx: &StepCx, volumes: &[Volume], inode: u64) -> Option<String> {
    let mut only = None;
    let several = volumes
        .iter()
        .filter(|v| v.partition.fs == FsKind::Ntfs)
        .count()
        > 1;
    for volume in volumes.iter().filter(|v| v.partition.fs == FsKind::Ntfs) {
        // A disk this ill may not be mountable any more: then its name must do.
        let found = cx
            .machine
            .mount_ntfs(&volume.partition.node, false)
            .ok()
            .and_then(|mounted| {
                let path = find(cx, mounted.path(), inode);
                let found = path.map(|path| {
                    let bad = several && !reads(cx, &path);
                    let shown = path.strip_prefix(mounted.path()).unwrap_or(&path);
                    (
                        bad,
                        format!("/{} on {}", shown.display(), volume.describe()),
                    )
                });
                let _ = mounted.close();
                found
            });
        match found {
            Some((true, name)) => return Some(name),
            Some((false, name)) if !several => only = Some(name),
            _ => {}
        }
    }
    only
}

/// The file of that number; ntfs-3g shows the numbers of the master file table.
fn find(cx: &StepCx, root: &Path, inode: u64) -> Option<PathBuf> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        if cx.cancel.is_cancelled() {
            return None;
        }
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let Ok(meta) = entry.metadata() else {
                continue;
            };
            if meta.ino() == inode {
                return Some(entry.path());
            }
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    None
}

fn reads(cx: &StepCx, path: &Path) -> bool {
    struct Nowhere<'a>(&'a StepCx);
    impl std::io::Write for Nowhere<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0.cancel.is_cancelled() {
                // Not `Interrupted`: that would be tried again.
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    crate::regular::open(path)
        .and_then(|mut file| std::io::copy(&mut file, &mut Nowhere(cx)))
        .is_ok()
}
