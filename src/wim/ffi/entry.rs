//! wimlib's entries of an image to a visitor.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use wimlib_sys as c;

use super::words;

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
    /// Each stream, the unnamed one first: of a reparse point, that is its reparse data.
    pub streams: &'a [Stream],
    /// Security descriptor; empty without one.
    pub security: &'a [u8],
}

/// One stream of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Its name; empty for the unnamed one.
    pub name: String,
    /// Bytes; 0 when it is missing.
    pub bytes: u64,
    /// The image refers to data that the file does not hold.
    pub missing: bool,
}

pub(super) struct Walker<'a> {
    pub(super) each: &'a mut dyn FnMut(&Entry<'_>) -> bool,
    pub(super) stopped: bool,
    pub(super) panicked: bool,
}

pub(super) unsafe extern "C" fn on_entry(
    entry: *const c::wimlib_dir_entry,
    context: *mut c_void,
) -> c_int {
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
        let streams: Vec<Stream> = streams
            .iter()
            .map(|stream| Stream {
                // SAFETY: null or a C string that lives as long as this call.
                name: unsafe { words(stream.stream_name) }
                    .unwrap_or_default()
                    .into_owned(),
                bytes: stream.resource.uncompressed_size,
                missing: stream.resource.is_missing() != 0,
            })
            .collect();
        let security = if known.security_descriptor.is_null() {
            &[][..]
        } else {
            // SAFETY: not null, so it points at as many bytes as wimlib says, which live as long as this call.
            unsafe {
                std::slice::from_raw_parts(
                    known.security_descriptor.cast::<u8>(),
                    known.security_descriptor_size,
                )
            }
        };
        (walker.each)(&Entry {
            name: &name.unwrap_or_default(),
            path: &path.unwrap_or_default(),
            attributes: known.attributes,
            reparse_tag: known.reparse_tag,
            link_group: known.hard_link_group_id,
            links: known.num_links,
            streams: &streams,
            security,
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

/// Notes in the `bool` of the caller whether a resource lies in a solid block.
pub(super) unsafe extern "C" fn on_resource(
    resource: *const c::wimlib_resource_entry,
    context: *mut c_void,
) -> c_int {
    // SAFETY: `has_solid_blocks` passes a `bool` that outlives the call and that nobody else uses meanwhile; wimlib passes a valid entry.
    if let (Some(found), Some(resource)) =
        unsafe { (context.cast::<bool>().as_mut(), resource.as_ref()) }
    {
        *found |= resource.packed() != 0;
    }
    0
}
