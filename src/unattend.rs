//! The answer file: taking its secrets out before a volume is captured.

use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;
use xmltree::{Element, XMLNode};

/// What Windows itself leaves in place of a password it has used.
const DELETED: &str = "*SENSITIVE*DATA*DELETED*";
/// Folders in which Windows looks for answer files (Windows Setup, implicit search order).
const FOLDERS: [&str; 4] = [
    "",
    "Windows/Panther",
    "Windows/Panther/Unattend",
    "Windows/System32/Sysprep",
];

/// An answer file that cannot be cleaned.
#[derive(Debug, Error)]
pub enum UnattendError {
    /// The system said no.
    #[error("reading or writing {path}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// Not XML.
    #[error("{path} is not an answer file: {what}", path = .path.display())]
    Xml {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        what: String,
    },
}

/// Replaces every password in the answer files of the volume mounted at `root`; answers how many files were changed.
///
/// # Errors
/// A file that cannot be read, parsed or written: the volume must not be captured then.
pub fn scrub_volume(root: &Path) -> Result<usize, UnattendError> {
    let mut changed = 0;
    for folder in FOLDERS {
        let Some(folder) = descend(root, folder) else {
            continue;
        };
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().to_lowercase();
            if !entry.file_type().is_ok_and(|kind| kind.is_file())
                || !matches!(name.as_str(), "unattend.xml" | "autounattend.xml")
            {
                continue;
            }
            let path = entry.path();
            let io = |source| UnattendError::Io {
                path: path.clone(),
                source,
            };
            let xml = |what: String| UnattendError::Xml {
                path: path.clone(),
                what,
            };
            let bytes = fs::read(&path).map_err(io)?;
            let mut document =
                Element::parse(bytes.as_slice()).map_err(|error| xml(error.to_string()))?;
            if scrub(&mut document, false) {
                let mut out = Vec::new();
                document
                    .write(&mut out)
                    .map_err(|error| xml(error.to_string()))?;
                fs::write(&path, out).map_err(io)?;
                changed += 1;
            }
        }
    }
    Ok(changed)
}

/// `path` below `root` without regard to case, as Windows sees it.
fn descend(root: &Path, path: &str) -> Option<PathBuf> {
    path.split('/')
        .filter(|part| !part.is_empty())
        .try_fold(root.to_owned(), |at, part| {
            fs::read_dir(at)
                .ok()?
                .flatten()
                .find(|entry| {
                    entry
                        .file_name()
                        .to_string_lossy()
                        .eq_ignore_ascii_case(part)
                })
                .map(|entry| entry.path())
        })
}

/// Texts inside an element whose name ends in "Password" (all but `PlainText`, which says how it is written).
fn scrub(element: &mut Element, inside: bool) -> bool {
    let secret = inside || element.name.ends_with("Password");
    let mut changed = false;
    for child in &mut element.children {
        match child {
            XMLNode::Element(child) if child.name != "PlainText" => changed |= scrub(child, secret),
            XMLNode::Text(text) | XMLNode::CData(text)
                if secret && !text.trim().is_empty() && text != DELETED =>
            {
                DELETED.clone_into(text);
                changed = true;
            }
            _ => {}
        }
    }
    changed
}
