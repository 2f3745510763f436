//! A right is known only when it was used: a file is made, written, renamed and deleted.
//!
//! An engine that is killed in that moment cannot delete it: the files are named by the run, and the next trial of the
//! same run takes the old ones away.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::codes;

/// A trial file in `folder`, of the run whose scratch folder this is.
pub(super) fn test_file(folder: &Path, scratch: &Path, end: &str) -> PathBuf {
    let mut run = DefaultHasher::new();
    scratch.hash(&mut run);
    folder.join(format!("wimforge-test-{:016x}.{end}", run.finish()))
}

/// Makes an empty file, in place of one that an earlier attempt had to leave.
pub(super) fn fresh(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => File::create_new(path),
    }
}

/// Tries `folder` out; nothing is left behind. The time that the file system (or the server behind it) gave the file.
/// `scratch` is the scratch folder of the run.
///
/// # Errors
/// The system's, with what was being done in front.
pub(super) fn try_out(folder: &Path, scratch: &Path) -> io::Result<SystemTime> {
    let first = test_file(folder, scratch, "tmp");
    let second = test_file(folder, scratch, "end");
    let said = |doing: &str, error: io::Error| codes::said(&format!("{doing} a test file"), error);
    let trial = || {
        let mut file = fresh(&first).map_err(|e| said("making", e))?;
        file.write_all(&[0; 4096])
            .and_then(|()| file.sync_all())
            .map_err(|e| said("writing", e))?;
        drop(file);
        let modified = fs::metadata(&first).and_then(|meta| meta.modified());
        fs::rename(&first, &second).map_err(|e| said("renaming", e))?;
        fs::remove_file(&second).map_err(|e| said("deleting", e))?;
        modified.map_err(|e| said("looking at", e))
    };
    trial().inspect_err(|_| {
        // The trial has failed already; what it left behind is removed as far as that works.
        let _ = fs::remove_file(&first);
        let _ = fs::remove_file(&second);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let run = Path::new("/run/wimforge/runs/1/scratch");
        let age = try_out(folder.path(), run).unwrap().elapsed().unwrap();
        assert!(age.as_secs() < 10, "{age:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let error = try_out(&folder.path().join("missing"), run).unwrap_err();
        assert!(
            error.to_string().starts_with("making a test file"),
            "{error}"
        );
    }

    #[test]
    fn what_a_killed_trial_left_goes_with_the_next_of_the_same_run() {
        let folder = tempfile::tempdir().unwrap();
        let run = Path::new("/run/wimforge/runs/1/scratch");
        let other = Path::new("/run/wimforge/runs/2/scratch");
        for end in ["tmp", "end"] {
            fs::write(test_file(folder.path(), run, end), [0; 4096]).unwrap();
        }
        let of_another = test_file(folder.path(), other, "tmp");
        fs::write(&of_another, []).unwrap();
        try_out(folder.path(), run).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(left, [of_another]);
    }
}
