//! A look at a single small file of an image.

use std::path::{Path, PathBuf};

use wimlib_sys as c;

use super::error::{WimError, map};
use super::ffi;
use super::file::Wim;

const DOING: &str = "reading a file of the image";

/// A file of an image.
pub struct SmallFile {
    /// Its path as the image writes it, without a slash before it.
    pub path: String,
    /// Where its data lies now; none when it is larger than what was asked for.
    pub copy: Option<PathBuf>,
}

impl Wim {
    /// Copies the file at this path of an image, whose parts are found without regard to case, into the folder `into`,
    /// unless it has more than `most` bytes. The folder is the caller's, to be removed.
    ///
    /// # Errors
    /// [`WimError::BadIndex`]; wimlib's.
    pub fn small_file(
        &self,
        index: u32,
        parts: &[&str],
        most: u64,
        into: &Path,
    ) -> Result<Option<SmallFile>, WimError> {
        self.check_index(index)?;
        let mut found: Option<(String, u64)> = None;
        self.handle
            .walk(index, &mut |entry| {
                let path = entry.path.trim_start_matches('/');
                let mut names = path.split('/');
                let same = parts.iter().all(|part| {
                    names
                        .next()
                        .is_some_and(|name| name.eq_ignore_ascii_case(part))
                }) && names.next().is_none();
                if same
                    && entry.reparse_tag == 0
                    && entry.attributes & c::WIMLIB_FILE_ATTRIBUTE_DIRECTORY == 0
                {
                    let data = entry.streams.iter().find(|stream| stream.name.is_empty());
                    let bytes = data.map_or(0, |stream| stream.bytes);
                    found = Some((path.to_owned(), bytes));
                }
                found.is_none()
            })
            .map_err(|failure| map(failure, &self.path, DOING, None))?;
        let Some((path, bytes)) = found else {
            return Ok(None);
        };
        if bytes > most {
            return Ok(Some(SmallFile { path, copy: None }));
        }
        let bad = |what: String| WimError::BadText { what };
        let inside = ffi::c_text(&format!("/{path}")).ok_or_else(|| bad(path.clone()))?;
        let folder = ffi::c_path(into).ok_or_else(|| bad(into.display().to_string()))?;
        self.handle
            .extract_file(index, &inside, &folder)
            .map_err(|failure| map(failure, &self.path, DOING, None))?;
        let copy = into.join(path.rsplit('/').next().unwrap_or(&path));
        Ok(Some(SmallFile {
            path,
            copy: Some(copy),
        }))
    }
}
