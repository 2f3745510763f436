//! The mark that a capture leaves on the Windows volume, so that a second capture of the same machine is noticed.
//!
//! It lies in the state folder, which is never part of an image: what is made from the image has no mark.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::regular;
use crate::text::{harmless, shorten};
use crate::unattend::find_path;

use super::capture_windows::Notice;

/// The state folder on a volume.
pub(super) const FOLDER: &str = "_WimforgeState";
const FILE: &str = "captured.ron";
/// More is no mark of ours.
const LARGEST: u64 = 16 * 1024;
const WAY_OUT: &str = "Build a new reference machine: this one has been through Sysprep already. Each Sysprep uses up a rearm of the licence and can fail \
    on what the first one left, and identities made since (Configuration Manager, domain) would be in every copy.";

/// What stands in the mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Captured {
    /// When, in UTC, RFC 3339.
    at: String,
    /// The image file.
    name: String,
}

/// What a mark on a mounted volume says; nothing when there is none.
pub(super) fn look(root: &Path) -> Option<Notice> {
    let path = find_path(root, &[FOLDER, FILE]).ok()??;
    let notice = |text: String| {
        Some(Notice {
            text,
            way_out: WAY_OUT,
            secret: false,
        })
    };
    let mut text = String::new();
    let read = regular::open(&path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
    match read.ok().and_then(|_| ron::from_str::<Captured>(&text).ok()) {
        Some(mark) => notice(format!(
            "this machine was captured before, on {} as {}: build a new reference machine",
            shorten(&harmless(&mark.at), 40),
            shorten(&harmless(&mark.name), 200)
        )),
        None => notice(
            "this machine was captured before (its mark cannot be read): build a new reference machine"
                .to_owned(),
        ),
    }
}

/// Leaves the mark on a mounted volume.
///
/// # Errors
/// What the system said.
pub(super) fn leave(root: &Path, image: &str) -> std::io::Result<()> {
    let folder = root.join(FOLDER);
    match fs::create_dir(&folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // A link would lead out of the volume.
    if !fs::symlink_metadata(&folder)?.is_dir() {
        return Err(std::io::Error::other(format!("{FOLDER} is no folder")));
    }
    let mark = Captured {
        at: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        name: image.to_owned(),
    };
    let text = ron::to_string(&mark).map_err(std::io::Error::other)?;
    let path = folder.join(FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_read_again_and_a_spoilt_one_still_tells() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(look(root.path()), None);
        for name in ["first.wim", "second \"x\".wim"] {
            leave(root.path(), name).unwrap();
            let notice = look(root.path()).unwrap();
            assert!(
                notice.text.contains(name) && notice.text.contains("on 20"),
                "{notice:?}"
            );
        }
        fs::write(root.path().join(FOLDER).join(FILE), vec![0xFF; 40_000]).unwrap();
        assert!(look(root.path()).unwrap().text.contains("captured before"));
        fs::remove_dir_all(root.path().join(FOLDER)).unwrap();
        std::os::unix::fs::symlink("/tmp", root.path().join(FOLDER)).unwrap();
        assert!(leave(root.path(), "x").is_err());
        assert_eq!(look(root.path()), None);
    }
}
