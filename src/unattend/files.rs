//! Answer files on a mounted Windows volume.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::{Document, LARGEST, SCRUBBED, UnattendError, scrub};

/// How the name of a half-written answer file begins and ends.
const LEFT: &str = "wimforge-";
const LEFT_END: &str = ".tmp";

fn io(doing: String) -> impl FnOnce(std::io::Error) -> UnattendError {
    move |source| UnattendError::Io { doing, source }
}

/// Finds `parts` below `root` without regard to case, as Windows does. Never follows a link: on a mounted volume an
/// absolute one would lead out of it.
fn find(root: &Path, parts: &[&str]) -> Result<Option<PathBuf>, UnattendError> {
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
    let file = File::open(path).map_err(io(doing()))?;
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

/// Removes what an engine that was killed while it wrote has left in a folder: it may hold passwords, and would be captured.
fn remove_leftovers(folder: &Path) -> Result<(), UnattendError> {
    for entry in fs::read_dir(folder).map_err(io(format!("reading {}", folder.display())))? {
        let entry = entry.map_err(io(format!("reading {}", folder.display())))?;
        let ours = entry.file_name().to_str().is_some_and(|name| {
            name.strip_prefix(LEFT)
                .and_then(|rest| rest.strip_suffix(LEFT_END))
                .is_some_and(|middle| {
                    middle.len() == 32 && middle.bytes().all(|byte| byte.is_ascii_hexdigit())
                })
        });
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

/// Takes the secrets out of every answer file of a mounted Windows volume: `Windows/Panther/unattend.xml`,
/// `Windows/Panther/Unattend/*.xml` and `Windows/System32/Sysprep/unattend.xml`. Says how many there were. Half-written ones of
/// an engine that was killed are removed.
///
/// # Errors
/// An unusable file (its secrets cannot be found then) or what the system said.
pub fn scrub_volume(root: &Path) -> Result<usize, UnattendError> {
    let mut files = Vec::new();
    for folder in [
        &["Windows", "Panther"][..],
        &["Windows", "Panther", "Unattend"],
        &["Windows", "System32", "Sysprep"],
    ] {
        if let Some(folder) = find(root, folder)? {
            remove_leftovers(&folder)?;
        }
    }
    files.extend(find(root, &["Windows", "Panther", "unattend.xml"])?);
    files.extend(find(
        root,
        &["Windows", "System32", "Sysprep", "unattend.xml"],
    )?);
    if let Some(folder) = find(root, &["Windows", "Panther", "Unattend"])? {
        for entry in fs::read_dir(&folder).map_err(io(format!("reading {}", folder.display())))? {
            let path = entry
                .map_err(io(format!("reading {}", folder.display())))?
                .path();
            if path
                .extension()
                .is_some_and(|e| e.eq_ignore_ascii_case("xml"))
                && path.symlink_metadata().is_ok_and(|meta| meta.is_file())
            {
                files.push(path);
            }
        }
    }
    let mut total = 0;
    for path in files {
        let (clean, count) = scrub(&read(&path)?, &path.display().to_string())?;
        if count > 0 {
            write(&path, &clean)?;
            total += count;
        }
    }
    Ok(total)
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
        assert_eq!(scrub_volume(root.path()).unwrap(), 0);
        assert_eq!(left(&panther), ["Unattend"]);
        assert!(left(&panther.join("Unattend")).is_empty() && left(&sysprep).is_empty());
        leave();
        merge_volume(root.path(), "amd64", &mut |_| Ok(())).unwrap();
        assert_eq!(left(&panther).len(), 2, "the answer file and Unattend");
        assert_eq!(fs::read_dir(&panther).unwrap().count(), 2 + others.len());
    }
}
