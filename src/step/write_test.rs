//! A right is known only when it was used: a file is made, written, renamed and deleted.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::SystemTime;

/// Tries `folder` out; nothing is left behind. The time that the file system (or the server behind it) gave the file.
///
/// # Errors
/// The system's, with what was being done in front.
pub(super) fn try_out(folder: &Path) -> io::Result<SystemTime> {
    let name = uuid::Uuid::new_v4().simple().to_string();
    let first = folder.join(format!("wimforge-test-{name}.tmp"));
    let second = folder.join(format!("wimforge-test-{name}.end"));
    let said = |doing: &str, error: io::Error| {
        io::Error::new(error.kind(), format!("{doing} a test file: {error}"))
    };
    let trial = || {
        let mut file = File::create_new(&first).map_err(|e| said("making", e))?;
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
        let age = try_out(folder.path()).unwrap().elapsed().unwrap();
        assert!(age.as_secs() < 10, "{age:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let error = try_out(&folder.path().join("missing")).unwrap_err();
        assert!(
            error.to_string().starts_with("making a test file"),
            "{error}"
        );
    }
}
