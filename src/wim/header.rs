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

/// The header's bytes and the length of the file; `None` when the file has none or cannot be read.
fn read(path: &Path) -> Option<([u8; LENGTH], u64)> {
    let mut file = regular::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut header = [0; LENGTH];
    file.read_exact(&mut header).ok()?;
    if header.starts_with(PIPABLE) {
        file.seek(SeekFrom::End(-(i64::try_from(LENGTH).ok()?)))
            .ok()?;
        file.read_exact(&mut header).ok()?;
    }
    header.starts_with(WIM).then_some((header, length))
}

/// The version of the format, as the header says it (`0x00010D00` is 1.13).
pub(super) fn version(path: &Path) -> Option<u32> {
    let (header, _) = read(path)?;
    let bytes = header.get(VERSION..VERSION + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// Whether a file ends before its header does, or the header names data behind the end of the file.
pub(super) fn ends_early(path: &Path) -> bool {
    let Ok(mut file) = regular::open(path) else {
        return false;
    };
    let length = file.metadata().map_or(0, |meta| meta.len());
    let mut header = [0; LENGTH];
    if file.read_exact(&mut header).is_err() {
        return true;
    }
    let number = |from: usize, bytes: usize| {
        header[from..from + bytes]
            .iter()
            .rev()
            .fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte))
    };
    RESOURCES
        .iter()
        .any(|&at| number(at + 8, 8).saturating_add(number(at, 7)) > length)
}
