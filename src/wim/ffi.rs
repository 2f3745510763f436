//! The C side: the only file that calls wimlib.
#![expect(
    unsafe_code,
    reason = "wimlib is a C library; every call into it is in this file"
)]

use std::cell::Cell;
use std::ffi::{CStr, CString, c_int, c_void};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use wimlib_sys as c;

use super::progress::{Monitor, WimPhase, WimProgress};

/// Most lines of wimlib's messages that are kept for one call.
const LONGEST_TALE: usize = 50;

/// A call that failed: wimlib's number and what it said.
#[derive(Debug)]
pub struct Failure {
    /// `WIMLIB_ERR_...`.
    pub code: u32,
    /// Its messages, without "[ERROR]" and "[WARNING]".
    pub messages: Vec<String>,
}

/// Who watches a call.
pub struct Observer<'a> {
    /// Progress and abort.
    pub monitor: &'a dyn Monitor,
    /// Told of every path that a capture leaves out.
    pub excluded: Option<&'a dyn Fn(&str)>,
}

struct Context<'a> {
    observer: &'a Observer<'a>,
    panicked: Cell<bool>,
}

unsafe extern "C" {
    // From libntfs-3g, which wimlib's NTFS mode is linked with. Its lines would go to standard error, that is
    // into the screen; what matters of them comes back as errno in wimlib's own messages.
    fn ntfs_log_set_handler(handler: *const c_void);
    fn ntfs_log_handler_null();
}

/// wimlib's messages go to one stream per process: a file in memory that is emptied before each call.
struct Messages {
    file: Option<File>,
}

impl Messages {
    fn clear(&mut self) {
        if let Some(file) = &self.file {
            // wimlib opened the file for appending, so its next line starts at the new end. A failure here
            // leaves old lines in place, which is harmless.
            let _ = file.set_len(0);
        }
    }

    fn take(&mut self) -> Vec<String> {
        let Some(file) = &mut self.file else {
            return Vec::new();
        };
        let mut bytes = Vec::new();
        if file.rewind().is_err() || file.read_to_end(&mut bytes).is_err() {
            return Vec::new();
        }
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<String> = text
            .split(['\n', '\r'])
            .map(|line| {
                line.trim_start_matches("[ERROR] ")
                    .trim_start_matches("[WARNING] ")
                    .trim()
                    .to_owned()
            })
            .filter(|line| !line.is_empty())
            .collect();
        let skip = lines.len().saturating_sub(LONGEST_TALE);
        lines.into_iter().skip(skip).collect()
    }
}

fn start() -> Messages {
    // SAFETY: called once, under `OnceLock`, before any other call into wimlib; paths are UTF-8 whatever the locale.
    let code = unsafe { c::wimlib_global_init(flag(c::WIMLIB_INIT_FLAG_ASSUME_UTF8)) };
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

fn turn() -> MutexGuard<'static, Messages> {
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
fn memory_file() -> Option<File> {
    nix::sys::memfd::memfd_create(c"wimforge", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)
        .ok()
        .map(File::from)
}

fn fd_path(file: &File) -> CString {
    CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default()
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

/// Hands one message of wimlib to the observer.
///
/// # Safety
/// `info` is null or points to the union that belongs to `message`.
unsafe fn hand_over(
    message: c::wimlib_progress_msg,
    info: *const c::wimlib_progress_info,
    context: &Context<'_>,
) -> std::ops::ControlFlow<()> {
    use std::ops::ControlFlow::Continue;
    // SAFETY: by this function's contract.
    let Some(info) = (unsafe { info.as_ref() }) else {
        return Continue(());
    };
    let say = |phase, done, total, detail: Option<&str>| {
        context.observer.monitor.update(&WimProgress {
            phase,
            done,
            total,
            detail,
        })
    };
    // SAFETY (every block below): wimlib fills the member named by the message, see the comments in wimlib.h.
    match message {
        c::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_SCAN_BEGIN
        | c::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_SCAN_END => {
            // SAFETY: see above.
            let scan = unsafe { info.scan };
            say(WimPhase::Scanning, scan.num_bytes_scanned, 0, None)
        }
        c::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_SCAN_DENTRY => {
            // SAFETY: see above.
            let scan = unsafe { info.scan };
            // SAFETY: a C string that lives as long as this call.
            let path = unsafe { words(scan.cur_path) };
            let path = path.as_deref();
            if matches!(
                scan.status,
                c::wimlib_progress_info_wimlib_progress_info_scan_WIMLIB_SCAN_DENTRY_EXCLUDED
                    | c::wimlib_progress_info_wimlib_progress_info_scan_WIMLIB_SCAN_DENTRY_UNSUPPORTED
            ) && let Some(excluded) = context.observer.excluded
            {
                excluded(path.unwrap_or_default());
            }
            say(WimPhase::Scanning, scan.num_bytes_scanned, 0, path)
        }
        c::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_WRITE_STREAMS => {
            // SAFETY: see above.
            let write = unsafe { info.write_streams };
            say(
                WimPhase::Writing,
                write.completed_bytes,
                write.total_bytes,
                None,
            )
        }
        c::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_EXTRACT_FILE_STRUCTURE => {
            // SAFETY: see above.
            let extract = unsafe { info.extract };
            say(
                WimPhase::ExtractingStructure,
                extract.current_file_count,
                extract.end_file_count,
                None,
            )
        }
        c::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_EXTRACT_STREAMS => {
            // SAFETY: see above.
            let extract = unsafe { info.extract };
            say(
                WimPhase::Extracting,
                extract.completed_bytes,
                extract.total_bytes,
                None,
            )
        }
        c::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_EXTRACT_METADATA => {
            // SAFETY: see above.
            let extract = unsafe { info.extract };
            say(
                WimPhase::ExtractingMetadata,
                extract.current_file_count,
                extract.end_file_count,
                None,
            )
        }
        c::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_VERIFY_INTEGRITY
        | c::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_CALC_INTEGRITY => {
            // SAFETY: see above.
            let integrity = unsafe { info.integrity };
            say(
                WimPhase::Integrity,
                integrity.completed_bytes,
                integrity.total_bytes,
                None,
            )
        }
        c::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_VERIFY_STREAMS => {
            // SAFETY: see above.
            let verify = unsafe { info.verify_streams };
            say(
                WimPhase::Verifying,
                verify.completed_bytes,
                verify.total_bytes,
                None,
            )
        }
        _ => Continue(()),
    }
}

unsafe extern "C" fn on_progress(
    message: c::wimlib_progress_msg,
    info: *mut c::wimlib_progress_info,
    context: *mut c_void,
) -> c::wimlib_progress_status {
    // SAFETY: registered together with a `Context` that outlives the registration (see `call` and `open`).
    let Some(context) = (unsafe { context.cast::<Context<'_>>().as_ref() }) else {
        return c::wimlib_progress_status_WIMLIB_PROGRESS_STATUS_CONTINUE;
    };
    // A panic must not unwind through C: it becomes an abort of the call and is raised again behind it.
    let flow = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: wimlib passes message and matching union.
        unsafe { hand_over(message, info.cast_const(), context) }
    }));
    match flow {
        Ok(std::ops::ControlFlow::Continue(())) => {
            c::wimlib_progress_status_WIMLIB_PROGRESS_STATUS_CONTINUE
        }
        Ok(std::ops::ControlFlow::Break(())) => {
            c::wimlib_progress_status_WIMLIB_PROGRESS_STATUS_ABORT
        }
        Err(_) => {
            context.panicked.set(true);
            c::wimlib_progress_status_WIMLIB_PROGRESS_STATUS_ABORT
        }
    }
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
    /// Opens a file.
    ///
    /// # Errors
    /// wimlib's.
    pub fn open(path: &CStr, check: bool, observer: &Observer<'_>) -> Result<Self, Failure> {
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
        drop(messages);
        raise(context.panicked.get());
        result?;
        handle.ok_or(Failure {
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
        Ok(messages.take())
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

    /// Adds an NTFS volume as a new image.
    ///
    /// # Errors
    /// wimlib's.
    pub fn add_ntfs(&mut self, add: &AddNtfs<'_>, observer: &Observer<'_>) -> Result<(), Failure> {
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
        .map(drop)
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
            let code =
                unsafe { c::wimlib_set_default_compression_level(level.0.cast_signed(), level.1) };
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
            // SAFETY: plain numbers; 0 is the default.
            unsafe { c::wimlib_set_default_compression_level(level.0.cast_signed(), 0) };
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

/// One entry of an image.
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its path from the root.
    pub path: &'a str,
    /// `FILE_ATTRIBUTE_...`.
    pub attributes: u32,
    /// Reparse tag; 0 without one.
    pub reparse_tag: u32,
    /// Same number, same file; only meaningful with several links.
    pub link_group: u64,
    /// Names this file has.
    pub links: u32,
    /// Bytes of each stream, the unnamed one first.
    pub streams: &'a [u64],
}

struct Walker<'a> {
    each: &'a mut dyn FnMut(&Entry<'_>) -> bool,
    stopped: bool,
    panicked: bool,
}

unsafe extern "C" fn on_entry(entry: *const c::wimlib_dir_entry, context: *mut c_void) -> c_int {
    // SAFETY: `walk` passes a `Walker` that outlives the call and that nobody else uses meanwhile.
    let Some(walker) = (unsafe { context.cast::<Walker<'_>>().as_mut() }) else {
        return 0;
    };
    let go_on = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: wimlib passes a valid entry, or null never.
        let Some(known) = (unsafe { entry.as_ref() }) else {
            return true;
        };
        // SAFETY: null or C strings that live as long as this call.
        let (name, path) = unsafe { (words(known.filename), words(known.full_path)) };
        let count = known.num_named_streams as usize + 1;
        // SAFETY: the array behind the entry holds `num_named_streams + 1` elements (wimlib.h); the pointer is made
        // from `entry`, which covers them, and not from the reference, which does not.
        let streams = unsafe {
            let first = (&raw const (*entry).streams).cast::<c::wimlib_stream_entry>();
            std::slice::from_raw_parts(first, count)
        };
        let sizes: Vec<u64> = streams
            .iter()
            .map(|stream| stream.resource.uncompressed_size)
            .collect();
        (walker.each)(&Entry {
            name: &name.unwrap_or_default(),
            path: &path.unwrap_or_default(),
            attributes: known.attributes,
            reparse_tag: known.reparse_tag,
            link_group: known.hard_link_group_id,
            links: known.num_links,
            streams: &sizes,
        })
    }));
    match go_on {
        Ok(true) => 0,
        Ok(false) => {
            walker.stopped = true;
            -1
        }
        Err(_) => {
            walker.panicked = true;
            -1
        }
    }
}

/// Raises a panic of an observer again, behind the C code.
fn raise(panicked: bool) {
    assert!(!panicked, "an observer of wimlib panicked");
}
