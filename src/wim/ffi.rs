//! The C side: the only place that calls wimlib.
#![expect(
    unsafe_code,
    reason = "wimlib is a C library; every call into it is in this module"
)]

mod entry;
mod messages;
mod one_file;
mod progress;

use std::cell::Cell;
use std::ffi::{CStr, CString, c_int};
use std::path::Path;
use std::ptr::{self, NonNull};

use wimlib_sys as c;

use entry::{Walker, on_entry, on_resource};
use messages::{Messages, fd_path, memory_file, turn};
use progress::{Context, on_progress};

pub use entry::{Entry, Stream};
pub use messages::{MOST_WARNINGS, messages_readable};
pub use progress::Observer;

/// A call that failed: wimlib's number and what it said.
#[derive(Debug)]
pub struct Failure {
    /// `WIMLIB_ERR_...`.
    pub code: u32,
    /// Its messages, without `[ERROR]` and `[WARNING]`.
    pub messages: Vec<String>,
}

fn flag(bits: u32) -> c_int {
    bits.cast_signed()
}

/// A path or text as wimlib wants it.
pub fn c_text(text: &str) -> Option<CString> {
    CString::new(text).ok()
}

/// A path as wimlib wants it.
pub fn c_path(path: &Path) -> Option<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes()).ok()
}

/// What a number means in wimlib's words.
pub fn error_text(code: u32) -> String {
    // SAFETY: wimlib returns a constant C string for any number.
    let text = unsafe { c::wimlib_get_error_string(code) };
    if text.is_null() {
        return format!("unknown wimlib error {code}");
    }
    // SAFETY: not null, and constant for the life of the process.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

fn outcome(code: c_int, messages: &mut Messages) -> Result<(), Failure> {
    if code == 0 {
        Ok(())
    } else {
        Err(Failure {
            code: code.cast_unsigned(),
            messages: messages.take(),
        })
    }
}

unsafe extern "C" {
    // From libntfs-3g, which wimlib's NTFS mode is linked with: what is asked before a descriptor is written.
    fn ntfs_valid_descr(descriptor: *const std::ffi::c_char, bytes: std::ffi::c_uint) -> c_int;
}

/// Whether NTFS would take these bytes as a security descriptor.
pub fn is_security_descriptor(bytes: &[u8]) -> bool {
    // The function reads a header before it looks at the length, and the heads of lists that begin in the last bytes.
    const MARGIN: usize = 64;
    let Ok(length) = std::ffi::c_uint::try_from(bytes.len()) else {
        return false;
    };
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len() + MARGIN, 0);
    // SAFETY: `length` readable bytes and a margin behind them; the function only reads.
    unsafe { ntfs_valid_descr(padded.as_ptr().cast(), length) != 0 }
}

/// One `WIMStruct`.
#[derive(Debug)]
pub struct Handle(NonNull<c::WIMStruct>);

// SAFETY: wimlib binds nothing to a thread; a `WIMStruct` may be used by any one thread at a time, and `Handle` is
// not `Sync`.
unsafe impl Send for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the pointer came from wimlib and is not used afterwards.
        unsafe { c::wimlib_free(self.0.as_ptr()) };
    }
}

/// `wimlib_add_image` of an NTFS volume: what it takes.
pub struct AddNtfs<'a> {
    /// Device or image file.
    pub node: &'a CStr,
    /// Name of the new image.
    pub name: &'a CStr,
    /// Text of the capture configuration file.
    pub config: &'a str,
}

impl Handle {
    /// Opens a file. Answers what wimlib warned of, too.
    ///
    /// # Errors
    /// wimlib's.
    pub fn open(
        path: &CStr,
        check: bool,
        observer: &Observer<'_>,
    ) -> Result<(Self, Vec<String>), Failure> {
        let mut messages = turn();
        messages.clear();
        let context = Context {
            observer,
            panicked: Cell::new(false),
        };
        let flags = if check {
            c::WIMLIB_OPEN_FLAG_CHECK_INTEGRITY
        } else {
            0
        };
        let mut wim = ptr::null_mut();
        // SAFETY: `path` is a C string, `wim` a place for the result, and `context` lives until the callback is taken
        // out below.
        let code = unsafe {
            c::wimlib_open_wim_with_progress(
                path.as_ptr(),
                flag(flags),
                &raw mut wim,
                Some(on_progress),
                (&raw const context).cast_mut().cast(),
            )
        };
        let handle = NonNull::new(wim).map(Self);
        if let Some(handle) = &handle {
            // SAFETY: a valid `WIMStruct`; the callback ends here.
            unsafe {
                c::wimlib_register_progress_function(handle.0.as_ptr(), None, ptr::null_mut());
            }
        }
        let result = outcome(code, &mut messages);
        let warnings = messages.warnings();
        drop(messages);
        raise(context.panicked.get());
        result?;
        handle.map(|handle| (handle, warnings)).ok_or(Failure {
            code: c::wimlib_error_code_WIMLIB_ERR_INVALID_PARAM,
            messages: Vec::new(),
        })
    }

    /// A new, empty WIM. `kind`: 1 XPRESS, 2 LZX, 3 LZMS.
    ///
    /// # Errors
    /// wimlib's.
    pub fn create(kind: u32) -> Result<Self, Failure> {
        let mut messages = turn();
        messages.clear();
        let mut wim = ptr::null_mut();
        // SAFETY: `wim` is a place for the result.
        let code = unsafe { c::wimlib_create_new_wim(kind, &raw mut wim) };
        outcome(code, &mut messages)?;
        NonNull::new(wim).map(Self).ok_or(Failure {
            code: c::wimlib_error_code_WIMLIB_ERR_NOMEM,
            messages: Vec::new(),
        })
    }

    /// One call with an observer.
    fn call(
        &self,
        observer: Option<&Observer<'_>>,
        work: impl FnOnce(*mut c::WIMStruct) -> c_int,
    ) -> Result<Vec<String>, Failure> {
        let mut messages = turn();
        messages.clear();
        let wim = self.0.as_ptr();
        let context = observer.map(|observer| Context {
            observer,
            panicked: Cell::new(false),
        });
        if let Some(context) = &context {
            // SAFETY: a valid `WIMStruct`; `context` outlives the registration, which ends below.
            unsafe {
                c::wimlib_register_progress_function(
                    wim,
                    Some(on_progress),
                    ptr::from_ref(context).cast_mut().cast(),
                );
            }
        }
        let code = work(wim);
        if let Some(context) = &context {
            // SAFETY: a valid `WIMStruct`.
            unsafe { c::wimlib_register_progress_function(wim, None, ptr::null_mut()) };
            if context.panicked.get() {
                drop(messages);
                raise(true);
                return Ok(Vec::new());
            }
        }
        outcome(code, &mut messages)?;
        Ok(messages.warnings())
    }

    /// Header data.
    pub fn info(&self) -> c::wimlib_wim_info {
        // SAFETY: the structure is plain numbers, for which zero is valid.
        let mut info: c::wimlib_wim_info = unsafe { std::mem::zeroed() };
        // SAFETY: a valid `WIMStruct` and a place for the result; the call cannot fail.
        unsafe { c::wimlib_get_wim_info(self.0.as_ptr(), &raw mut info) };
        info
    }

    /// A property from the XML data.
    pub fn property(&self, image: u32, key: &CStr) -> Option<String> {
        let image = c_int::try_from(image).ok()?;
        // SAFETY: a valid `WIMStruct` and C string; wimlib refuses images out of range with null.
        let text = unsafe { c::wimlib_get_image_property(self.0.as_ptr(), image, key.as_ptr()) };
        // SAFETY: null, or a C string that lives until the `WIMStruct` changes; it is copied at once.
        unsafe { words(text) }.map(std::borrow::Cow::into_owned)
    }

    /// Sets a property in the XML data.
    ///
    /// # Errors
    /// wimlib's.
    pub fn set_property(&mut self, image: u32, key: &CStr, value: &CStr) -> Result<(), Failure> {
        self.call(None, |wim| {
            // SAFETY: a valid `WIMStruct` and C strings.
            unsafe {
                c::wimlib_set_image_property(wim, image.cast_signed(), key.as_ptr(), value.as_ptr())
            }
        })
        .map(drop)
    }

    /// Computes the SHA-1 of everything.
    ///
    /// # Errors
    /// wimlib's.
    pub fn verify(&self, observer: &Observer<'_>) -> Result<(), Failure> {
        self.call(Some(observer), |wim| {
            // SAFETY: a valid `WIMStruct`.
            unsafe { c::wimlib_verify_wim(wim, 0) }
        })
        .map(drop)
    }

    /// Extracts an image; `ntfs`: to an unmounted volume, else to a folder.
    ///
    /// # Errors
    /// wimlib's.
    pub fn extract(
        &self,
        image: u32,
        target: &CStr,
        ntfs: bool,
        observer: &Observer<'_>,
    ) -> Result<Vec<String>, Failure> {
        let flags = if ntfs { c::WIMLIB_EXTRACT_FLAG_NTFS } else { 0 };
        self.call(Some(observer), |wim| {
            // SAFETY: a valid `WIMStruct` and C string.
            unsafe {
                c::wimlib_extract_image(wim, image.cast_signed(), target.as_ptr(), flag(flags))
            }
        })
    }

    /// Adds an NTFS volume as a new image. Answers wimlib's messages.
    ///
    /// # Errors
    /// wimlib's.
    pub fn add_ntfs(
        &mut self,
        add: &AddNtfs<'_>,
        observer: &Observer<'_>,
    ) -> Result<Vec<String>, Failure> {
        let nowhere = || Failure {
            code: c::wimlib_error_code_WIMLIB_ERR_UNABLE_TO_READ_CAPTURE_CONFIG,
            messages: vec!["no file in memory can be made".to_owned()],
        };
        let mut file = memory_file().ok_or_else(nowhere)?;
        std::io::Write::write_all(&mut file, add.config.as_bytes()).map_err(|_| nowhere())?;
        let config = fd_path(&file);
        // The flags of `wimlib-imagex capture`, without WINCONFIG, which is for callers without a configuration.
        let flags = c::WIMLIB_ADD_FLAG_NTFS
            | c::WIMLIB_ADD_FLAG_VERBOSE
            | c::WIMLIB_ADD_FLAG_EXCLUDE_VERBOSE
            | c::WIMLIB_ADD_FLAG_FILE_PATHS_UNNEEDED;
        self.call(Some(observer), |wim| {
            // SAFETY: a valid `WIMStruct` and C strings; `file` is open until the call is over.
            unsafe {
                c::wimlib_add_image(
                    wim,
                    add.node.as_ptr(),
                    add.name.as_ptr(),
                    config.as_ptr(),
                    flag(flags),
                )
            }
        })
    }

    /// Sets type and chunk size of what will be written.
    ///
    /// # Errors
    /// wimlib's.
    pub fn set_compression(&mut self, kind: u32, chunk_bytes: u32) -> Result<(), Failure> {
        self.call(None, |wim| {
            // SAFETY: a valid `WIMStruct`.
            let code = unsafe { c::wimlib_set_output_compression_type(wim, kind) };
            if code != 0 || chunk_bytes == 0 {
                return code;
            }
            // SAFETY: a valid `WIMStruct`.
            unsafe { c::wimlib_set_output_chunk_size(wim, chunk_bytes) }
        })
        .map(drop)
    }

    /// Writes all images to a new file. `level`: (type, level 1 to 100; 0 is wimlib's default).
    ///
    /// # Errors
    /// wimlib's.
    pub fn write(
        &mut self,
        path: &CStr,
        flags: u32,
        threads: u32,
        level: (u32, u32),
        observer: &Observer<'_>,
    ) -> Result<(), Failure> {
        self.call(Some(observer), |wim| {
            // The level is a setting of the process: safe because calls take turns.
            // SAFETY: plain numbers; wimlib checks them.
            let set = |level: (u32, u32)| unsafe {
                c::wimlib_set_default_compression_level(level.0.cast_signed(), level.1)
            };
            // What is not compressed has no level.
            let compressed = level.0 != c::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_NONE;
            let code = if compressed { set(level) } else { 0 };
            if code != 0 {
                return code;
            }
            // SAFETY: a valid `WIMStruct` and C string.
            let code = unsafe {
                c::wimlib_write(
                    wim,
                    path.as_ptr(),
                    c::WIMLIB_ALL_IMAGES,
                    flag(flags),
                    threads,
                )
            };
            if compressed {
                // 0 is the default.
                set((level.0, 0));
            }
            code
        })
        .map(drop)
    }

    /// Makes the data of other parts of a split WIM known.
    ///
    /// # Errors
    /// wimlib's.
    pub fn reference(&mut self, parts: &[CString]) -> Result<(), Failure> {
        let pointers: Vec<*const c::wimlib_tchar> =
            parts.iter().map(|part| part.as_ptr()).collect();
        let count = u32::try_from(pointers.len()).unwrap_or(u32::MAX);
        self.call(None, |wim| {
            // SAFETY: `count` pointers to C strings that outlive the call.
            unsafe { c::wimlib_reference_resource_files(wim, pointers.as_ptr(), count, 0, 0) }
        })
        .map(drop)
    }

    /// Whether data of several files lie in one block.
    ///
    /// # Errors
    /// wimlib's.
    pub fn has_solid_blocks(&self) -> Result<bool, Failure> {
        let mut found = false;
        self.call(None, |wim| {
            // SAFETY: a valid `WIMStruct`, and a place that outlives the call.
            unsafe {
                c::wimlib_iterate_lookup_table(wim, 0, Some(on_resource), (&raw mut found).cast())
            }
        })?;
        Ok(found)
    }

    /// Copies images of another WIM into this one; `None`: all.
    ///
    /// # Errors
    /// wimlib's.
    pub fn export_from(&mut self, other: &Self, image: Option<u32>) -> Result<(), Failure> {
        let image = image.map_or(c::WIMLIB_ALL_IMAGES, u32::cast_signed);
        self.call(None, |wim| {
            // SAFETY: two valid `WIMStruct`s; null keeps names and descriptions.
            unsafe {
                c::wimlib_export_image(other.0.as_ptr(), image, wim, ptr::null(), ptr::null(), 0)
            }
        })
        .map(drop)
    }

    /// Walks every entry of an image until `each` says `false`. Answers wimlib's messages.
    ///
    /// # Errors
    /// wimlib's.
    pub fn walk(
        &self,
        image: u32,
        each: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<Vec<String>, Failure> {
        let mut walker = Walker {
            each,
            stopped: false,
            panicked: false,
        };
        let place: *mut Walker<'_> = &raw mut walker;
        let result = self.call(None, |wim| {
            // SAFETY: a valid `WIMStruct`, a constant C string, and a `Walker` that outlives the call.
            unsafe {
                c::wimlib_iterate_dir_tree(
                    wim,
                    image.cast_signed(),
                    c"/".as_ptr(),
                    flag(c::WIMLIB_ITERATE_DIR_TREE_FLAG_RECURSIVE),
                    Some(on_entry),
                    place.cast(),
                )
            }
        });
        raise(walker.panicked);
        if walker.stopped {
            Ok(Vec::new())
        } else {
            result
        }
    }
}

/// The words of a C string for as long as the callback lasts.
///
/// # Safety
/// `text` is null or a C string that lives as long as `'a`.
unsafe fn words<'a>(text: *const c::wimlib_tchar) -> Option<std::borrow::Cow<'a, str>> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by this function's contract.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy())
}

/// Raises a panic of an observer again, behind the C code.
fn raise(panicked: bool) {
    assert!(!panicked, "an observer of wimlib panicked");
}
