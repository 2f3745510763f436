//! One file out of an image.

use std::ffi::CStr;

use wimlib_sys as c;

use super::{Failure, Handle, flag};

impl Handle {
    /// Extracts the file at `path` into a folder, under its own name; its data only.
    ///
    /// # Errors
    /// wimlib's.
    pub fn extract_file(&self, image: u32, path: &CStr, into: &CStr) -> Result<(), Failure> {
        let flags = c::WIMLIB_EXTRACT_FLAG_NO_PRESERVE_DIR_STRUCTURE
            | c::WIMLIB_EXTRACT_FLAG_NO_ACLS
            | c::WIMLIB_EXTRACT_FLAG_NO_ATTRIBUTES;
        let paths = [path.as_ptr()];
        self.call(None, |wim| {
            // SAFETY: a valid `WIMStruct`, C strings, and a list of one of them that outlives the call.
            unsafe {
                c::wimlib_extract_paths(
                    wim,
                    image.cast_signed(),
                    into.as_ptr(),
                    paths.as_ptr(),
                    paths.len(),
                    flag(flags),
                )
            }
        })
        .map(drop)
    }
}
