//! Answer files on a mounted Windows volume.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::{Document, LARGEST, UnattendError, scrub};

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
    let temporary = folder.join(format!("wimforge-{}.tmp", uuid::Uuid::new_v4().simple()));
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

/// Merges into `Windows/Panther/unattend.xml` below `root` (made when missing) what `change` does.
///
/// # Errors
/// No Windows folder, an unusable file, or what the system said.
pub fn merge_volume(
    root: &Path,
    architecture: &str,
    change: &mut dyn FnMut(&mut Document),
) -> Result<PathBuf, UnattendError> {
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
    let existing = find(&panther, &["unattend.xml"])?;
    let mut document = match &existing {
        Some(path) => Document::parse(&read(path)?, &path.display().to_string(), architecture)?,
        None => Document::new(architecture),
    };
    change(&mut document);
    let path = existing.unwrap_or_else(|| panther.join("unattend.xml"));
    write(&path, &document.to_xml()?)?;
    Ok(path)
}

/// Takes the secrets out of every answer file of a mounted Windows volume: `Windows/Panther/unattend.xml`,
/// `Windows/Panther/Unattend/*.xml` and `Windows/System32/Sysprep/unattend.xml`. Says how many there were.
///
/// # Errors
/// An unusable file (its secrets cannot be found then) or what the system said.
pub fn scrub_volume(root: &Path) -> Result<usize, UnattendError> {
    let mut files = Vec::new();
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
