//! Answer files on a mounted Windows volume.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::regular;

use super::places::{Leak, search};
use super::scrub::{Keys, scrub};
use super::{Document, LARGEST, SCRUBBED, UnattendError};

/// How the name of a half-written answer file begins and ends.
const LEFT: &str = "wimforge-";
const LEFT_END: &str = ".tmp";

fn io(doing: String) -> impl FnOnce(std::io::Error) -> UnattendError {
    move |source| UnattendError::Io { doing, source }
}

/// Finds `parts` below `root` without regard to case, as Windows does. Never follows a link: on a mounted volume an
/// absolute one would lead out of it.
pub(crate) fn find(root: &Path, parts: &[&str]) -> Result<Option<PathBuf>, UnattendError> {
    let mut at = root.to_owned();
    for part in parts {
        let entries = match fs::read_dir(&at) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(io(format!("reading {}", at.display()))(e)),
        };
        let mut found = None;
        for entry in entries {
            let entry = entry.map_err(io(format!("reading {}", at.display())))?;
            let matches = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(part));
            if matches && !entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                found = Some(entry.path());
            }
        }
        let Some(next) = found else { return Ok(None) };
        at = next;
    }
    Ok(Some(at))
}

fn read(path: &Path) -> Result<Vec<u8>, UnattendError> {
    let doing = || format!("reading {}", path.display());
    let file = regular::open(path).map_err(io(doing()))?;
    let mut bytes = Vec::new();
    // One byte more than allowed, so that the parser sees that there is too much.
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(io(doing()))?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), UnattendError> {
    let doing = || format!("writing {}", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = folder.join(format!("{LEFT}{}{LEFT_END}", uuid::Uuid::new_v4().simple()));
    let result = (|| {
        let mut file = File::create_new(&temporary)?;
        file.write_all(bytes)?;
        if let Ok(meta) = fs::metadata(path) {
            // A volume without permissions of this kind refuses; its files have none to keep.
            let _ = file.set_permissions(meta.permissions());
        }
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result.map_err(io(doing()))
}

/// Whether a file of this name is an answer file that an engine had half written when it was killed.
pub(super) fn is_leftover(name: &str) -> bool {
    name.strip_prefix(LEFT)
        .and_then(|rest| rest.strip_suffix(LEFT_END))
        .is_some_and(|middle| {
            middle.len() == 32 && middle.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// Removes what an engine that was killed while it wrote has left in a folder: it may hold passwords, and would be captured.
fn remove_leftovers(folder: &Path) -> Result<(), UnattendError> {
    for entry in fs::read_dir(folder).map_err(io(format!("reading {}", folder.display())))? {
        let entry = entry.map_err(io(format!("reading {}", folder.display())))?;
        let ours = entry.file_name().to_str().is_some_and(is_leftover);
        if ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let path = entry.path();
            fs::remove_file(&path).map_err(io(format!("removing {}", path.display())))?;
        }
    }
    Ok(())
}

/// An answer file that settings were merged into.
#[derive(Debug)]
pub struct Merged {
    /// Where it is.
    pub path: PathBuf,
    /// What somebody who knows the file should hear, a sentence each.
    pub notes: Vec<String>,
}

/// Merges into `Windows/Panther/unattend.xml` below `root` (made when missing) what `change` does. Passes that Setup
/// has marked as processed are to be processed anew; what it left in place of secrets is taken out.
///
/// # Errors
/// No Windows folder, an unusable file, a change that is refused, or what the system said.
pub fn merge_volume(
    root: &Path,
    architecture: &str,
    change: &mut dyn FnMut(&mut Document) -> Result<(), UnattendError>,
) -> Result<Merged, UnattendError> {
    let windows = find(root, &["Windows"])?.ok_or_else(|| {
        io(format!(
            "looking for the Windows folder in {}",
            root.display()
        ))(ErrorKind::NotFound.into())
    })?;
    let panther = if let Some(folder) = find(&windows, &["Panther"])? {
        folder
    } else {
        let folder = windows.join("Panther");
        fs::create_dir(&folder).map_err(io(format!("making {}", folder.display())))?;
        folder
    };
    remove_leftovers(&panther)?;
    let existing = find(&panther, &["unattend.xml"])?;
    let mut document = match &existing {
        Some(path) => {
            // The mount folder means nothing to anybody.
            let name = path.strip_prefix(root).unwrap_or(path);
            Document::parse(&read(path)?, &name.display().to_string(), architecture)?
        }
        None => Document::new(architecture),
    };
    let mut notes = Vec::new();
    let foreign = document.foreign_only();
    if !foreign.is_empty() {
        notes.push(format!(
            "The answer file was made for {} only; Windows for {architecture} reads none of its other settings",
            foreign.join(" and ")
        ));
    }
    if let Some(first) = find(&panther, &["Unattend", "unattend.xml"])? {
        let name = first
            .strip_prefix(root)
            .unwrap_or(&first)
            .display()
            .to_string();
        notes.push(format!(
            "{name} is in the image: Windows Setup may read it in place of Panther/unattend.xml, and with it none of these settings"
        ));
    }
    change(&mut document)?;
    for place in document.remove_scrubbed() {
        notes.push(format!(
            "{place} held {SCRUBBED}, which Windows Setup would take for its value: it was taken out of the answer file"
        ));
    }
    let passes = document.unmark();
    if !passes.is_empty() {
        notes.push(format!(
            "An earlier Windows Setup had marked {} of the answer file as processed; it is processed again",
            passes.join(" and ")
        ));
    }
    let path = existing.unwrap_or_else(|| panther.join("unattend.xml"));
    write(&path, &document.to_xml()?)?;
    Ok(Merged { path, notes })
}

/// What a volume holds that must not reach an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Answer files with secrets: path below the root of the volume, and how many there are in it.
    pub answers: Vec<(String, usize)>,
    /// Half-written answer files of an engine that was killed.
    pub leftovers: usize,
    /// Passwords in scripts, registry files and settings. They are left as they are.
    pub leaks: Vec<Leak>,
    /// How many more of those there are.
    pub more_leaks: usize,
}

impl Found {
    /// Whether [`scrub_volume`] has something to change.
    pub fn must_be_scrubbed(&self) -> bool {
        !self.answers.is_empty() || self.leftovers > 0
    }

    /// Secrets in all answer files together.
    pub fn secrets(&self) -> usize {
        self.answers.iter().map(|(_, count)| count).sum()
    }
}

/// Looks through a mounted volume for answer files with secrets and for other files with passwords; changes nothing.
/// `stop` ends the search early.
///
/// # Errors
/// An unusable answer file (its secrets cannot be found then), what the system said, or stopped.
pub fn look_volume(
    root: &Path,
    keys: Keys,
    stop: &dyn Fn() -> bool,
) -> Result<Found, UnattendError> {
    volume(root, keys, stop, false)
}

/// Takes the secrets out of every answer file of a mounted volume, wherever [`look_volume`] finds one, and removes the
/// half-written ones of an engine that was killed. Says what there was.
///
/// # Errors
/// As [`look_volume`].
pub fn scrub_volume(
    root: &Path,
    keys: Keys,
    stop: &dyn Fn() -> bool,
) -> Result<Found, UnattendError> {
    volume(root, keys, stop, true)
}

fn volume(
    root: &Path,
    keys: Keys,
    stop: &dyn Fn() -> bool,
    change: bool,
) -> Result<Found, UnattendError> {
    let places = search(root, stop)?;
    let mut found = Found {
        leftovers: places.leftovers.len(),
        leaks: places.leaks,
        more_leaks: places.more_leaks,
        ..Found::default()
    };
    for path in places.leftovers.iter().filter(|_| change) {
        fs::remove_file(path).map_err(io(format!("removing {}", path.display())))?;
    }
    for path in places.answers {
        let below = path.strip_prefix(root).unwrap_or(&path);
        let name = format!("/{}", below.display());
        let clean = scrub(&read(&path)?, &name, keys)?;
        if clean.secrets == 0 {
            continue;
        }
        if change {
            replace(&path, &clean.bytes)?;
        }
        found.answers.push((name, clean.secrets));
    }
    found.answers.sort();
    Ok(found)
}

/// Writes a file anew. One with several names keeps them all: a new file would leave the old text under the others.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), UnattendError> {
    let links = fs::metadata(path).map_or(1, |meta| meta.nlink());
    if links < 2 {
        return write(path, bytes);
    }
    File::options()
        .write(true)
        .truncate(true)
        .open(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(io(format!("writing {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_written_answer_files_of_a_killed_engine_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let panther = root.path().join("Windows/Panther");
        let sysprep = root.path().join("Windows/System32/Sysprep");
        let others = ["wimforge-notes.tmp", "setup.tmp", "wimforge-1.log"];
        let leave = || {
            for folder in [&panther, &panther.join("Unattend"), &sysprep] {
                fs::create_dir_all(folder).unwrap();
                let left = format!("wimforge-{}.tmp", uuid::Uuid::new_v4().simple());
                fs::write(folder.join(left), "<Password>").unwrap();
                for other in others {
                    fs::write(folder.join(other), "").unwrap();
                }
            }
        };
        let left = |folder: &Path| {
            let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
            let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
            names.retain(|name| others.iter().all(|other| name != other));
            names
        };
        leave();
        let found = scrub_volume(root.path(), Keys::Remove, &|| false).unwrap();
        assert_eq!((found.answers.len(), found.leftovers), (0, 3));
        assert_eq!(left(&panther), ["Unattend"]);
        assert!(left(&panther.join("Unattend")).is_empty() && left(&sysprep).is_empty());
        leave();
        merge_volume(root.path(), "amd64", &mut |_| Ok(())).unwrap();
        assert_eq!(left(&panther).len(), 2, "the answer file and Unattend");
        assert_eq!(fs::read_dir(&panther).unwrap().count(), 2 + others.len());
    }
}
