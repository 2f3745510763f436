//! What the header of a WIM says before wimlib may see the file.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::regular;

/// Length of a WIM's header in bytes.
pub(super) const LENGTH: usize = 208;
/// What a WIM begins with.
pub(super) const WIM: &[u8] = b"MSWIM\0\0\0";
/// A file written to be read from a pipe: its header stands at the end.
pub(super) const PIPABLE: &[u8] = b"WLPWM\0\0\0";
/// Where the version of the format stands.
const VERSION: usize = 12;
/// Blob table, XML data, boot metadata, integrity table: 7 bytes of size, flags, 8 bytes of offset, 8 of the size unpacked.
const RESOURCES: [usize; 4] = [48, 72, 96, 124];

/// The header's bytes; `None` when the file has none or cannot be read.
fn read(path: &Path) -> Option<[u8; LENGTH]> {
    let mut file = regular::open(path).ok()?;
    let mut header = [0; LENGTH];
    file.read_exact(&mut header).ok()?;
    if header.starts_with(PIPABLE) {
        let back = i64::try_from(LENGTH).ok()?;
        file.seek(SeekFrom::End(-back)).ok()?;
        file.read_exact(&mut header).ok()?;
    }
    (header.starts_with(WIM) || header.starts_with(PIPABLE)).then_some(header)
}

/// A number of so many bytes, the lowest first.
pub(super) fn number(header: &[u8], at: usize, bytes: usize) -> u64 {
    header[at..at + bytes]
        .iter()
        .rev()
        .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// The version of the format, as the header says it (`0x00010D00` is 1.13).
pub(super) fn version(path: &Path) -> Option<u32> {
    let header = read(path)?;
    u32::try_from(number(&header, VERSION, 4)).ok()
}

/// Whether the blob table is no whole number of entries: wimlib would leave out what stands in the last part.
pub(super) fn ends_amid_entry(path: &Path) -> bool {
    /// Bytes of an entry.
    const ENTRY: u64 = 50;
    read(path).is_some_and(|header| !number(&header, RESOURCES[0] + 16, 8).is_multiple_of(ENTRY))
}

/// Whether a file ends before its header does, before the second one that a pipable file has, or before data that the header
/// names.
pub(super) fn ends_early(path: &Path) -> bool {
    let Ok(mut file) = regular::open(path) else {
        return false;
    };
    let length = file.metadata().map_or(0, |meta| meta.len());
    let mut start = [0; LENGTH];
    if file.read_exact(&mut start).is_err() {
        return true;
    }
    let Some(header) = read(path) else {
        return start.starts_with(PIPABLE);
    };
    RESOURCES
        .iter()
        .any(|&at| number(&header, at + 8, 8).saturating_add(number(&header, at, 7)) > length)
}
