//! What wimlib says: one stream per process, so calls take turns with it.

use std::ffi::{CString, c_void};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use wimlib_sys as c;

use super::flag;

/// Most lines of wimlib's messages that are kept of a call that failed: the last ones say most.
const LONGEST_TALE: usize = 50;
/// Most lines that are kept of a call that went well: each may say what was left out.
pub const MOST_WARNINGS: usize = 10_000;

unsafe extern "C" {
    // From libntfs-3g, which wimlib's NTFS mode is linked with. Its lines would go to standard error, that is
    // into the screen; what matters of them comes back as errno in wimlib's own messages.
    fn ntfs_log_set_handler(handler: *const c_void);
    fn ntfs_log_handler_null();
}

/// wimlib's messages go to one stream per process: a file in memory that is emptied before each call.
pub(super) struct Messages {
    file: Option<File>,
}

impl Messages {
    pub(super) fn clear(&mut self) {
        if let Some(file) = &self.file {
            // wimlib opened the file for appending, so its next line starts at the new end. A failure here
            // leaves old lines in place, which is harmless.
            let _ = file.set_len(0);
        }
    }

    /// The last lines of a call that failed.
    pub(super) fn take(&mut self) -> Vec<String> {
        let lines = self.all();
        let skip = lines.len().saturating_sub(LONGEST_TALE);
        lines.into_iter().skip(skip).collect()
    }

    /// The first lines of a call that went well.
    pub(super) fn warnings(&mut self) -> Vec<String> {
        let mut lines = self.all();
        lines.truncate(MOST_WARNINGS);
        lines
    }

    fn all(&mut self) -> Vec<String> {
        let Some(file) = &mut self.file else {
            return Vec::new();
        };
        let mut bytes = Vec::new();
        if file.rewind().is_err() || file.read_to_end(&mut bytes).is_err() {
            return Vec::new();
        }
        let text = String::from_utf8_lossy(&bytes);
        text.split(['\n', '\r'])
            .map(|line| {
                line.trim_start_matches("[ERROR] ")
                    .trim_start_matches("[WARNING] ")
                    .trim()
                    .to_owned()
            })
            .filter(|line| !line.is_empty())
            .collect()
    }
}

fn start() -> Messages {
    // Exclusions name files as Windows does: `PAGEFILE.SYS` is `pagefile.sys`.
    let flags = c::WIMLIB_INIT_FLAG_ASSUME_UTF8 | c::WIMLIB_INIT_FLAG_DEFAULT_CASE_INSENSITIVE;
    // SAFETY: called once, under `OnceLock`, before any other call into wimlib; paths are UTF-8 whatever the locale.
    let code = unsafe { c::wimlib_global_init(flag(flags)) };
    // SAFETY: both symbols are functions of libntfs-3g of the documented type; the handler ignores its arguments.
    unsafe { ntfs_log_set_handler(ntfs_log_handler_null as *const c_void) };
    let file = (code == 0).then(memory_file).flatten();
    let routed = file.as_ref().is_some_and(|file| {
        let path = fd_path(file);
        // SAFETY: `path` is a C string; wimlib copies nothing of it beyond the call.
        unsafe { c::wimlib_set_error_file_by_name(path.as_ptr()) == 0 }
    });
    if !routed {
        // SAFETY: a plain setter.
        unsafe { c::wimlib_set_print_errors(false) };
    }
    Messages {
        file: file.filter(|_| routed),
    }
}

pub(super) fn turn() -> MutexGuard<'static, Messages> {
    static MESSAGES: OnceLock<Mutex<Messages>> = OnceLock::new();
    MESSAGES
        .get_or_init(|| Mutex::new(start()))
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Whether wimlib's messages can be read; some checks depend on them.
pub fn messages_readable() -> bool {
    turn().file.is_some()
}

/// An unnamed file in memory.
pub(super) fn memory_file() -> Option<File> {
    nix::sys::memfd::memfd_create(c"wimforge", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)
        .ok()
        .map(File::from)
}

pub(super) fn fd_path(file: &File) -> CString {
    CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default()
}
