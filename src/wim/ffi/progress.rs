//! wimlib's progress messages to an observer.

use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wimlib_sys as c;

use super::words;
use crate::wim::progress::{Monitor, WimPhase, WimProgress};

/// Who watches a call.
pub struct Observer<'a> {
    /// Progress and abort.
    pub monitor: &'a dyn Monitor,
    /// Told of every path that a capture leaves out.
    pub excluded: Option<&'a dyn Fn(&str)>,
}

pub(super) struct Context<'a> {
    pub(super) observer: &'a Observer<'a>,
    pub(super) panicked: Cell<bool>,
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

pub(super) unsafe extern "C" fn on_progress(
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
