//! The little of NTFS that is read without a driver: `$Volume`, MFT record 3, for label and dirty flag.

use std::fs::File;
use std::os::unix::fs::FileExt;

const VOLUME_NAME: u32 = 0x60;
const VOLUME_INFORMATION: u32 = 0x70;
const END: u32 = 0xFFFF_FFFF;
const DIRTY: u16 = 1;

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Puts back the two bytes at the end of each 512-byte piece that the update sequence replaced.
fn fix_up(record: &mut [u8]) -> Option<()> {
    let array = usize::from(word(record, 4)?);
    let count = usize::from(word(record, 6)?);
    let sequence = word(record, array)?;
    for piece in 1..count {
        let end = piece * 512 - 2;
        if word(record, end)? != sequence {
            return None;
        }
        let original = record
            .get(array + 2 * piece..array + 2 * piece + 2)?
            .to_vec();
        record.get_mut(end..end + 2)?.copy_from_slice(&original);
    }
    Some(())
}

/// MFT record 3 of the volume that begins at `start`, fix-ups undone.
fn volume_record(file: &File, start: u64) -> Option<Vec<u8>> {
    let mut boot = [0_u8; 512];
    file.read_exact_at(&mut boot, start).ok()?;
    if &boot[3..11] != b"NTFS    " {
        return None;
    }
    let sector = u64::from(word(&boot, 11)?);
    // Above 128 the byte is a negative power of two (clusters over 64 KiB).
    let cluster = match boot[13] {
        plain @ 1..=128 => sector.checked_mul(u64::from(plain))?,
        coded @ 244.. => sector.checked_mul(1 << (256 - u32::from(coded)))?,
        _ => return None,
    };
    let mft = u64::from_le_bytes(boot[48..56].try_into().ok()?);
    let size = match boot[64] {
        clusters @ 1..=127 => cluster.checked_mul(u64::from(clusters))?,
        coded @ 240.. => 1 << (256 - u32::from(coded)),
        _ => return None,
    };
    if !(512..=65_536).contains(&size) {
        return None;
    }
    let mut record = vec![0; usize::try_from(size).ok()?];
    let at = mft
        .checked_mul(cluster)?
        .checked_add(3 * size)?
        .checked_add(start)?;
    file.read_exact_at(&mut record, at).ok()?;
    if record.get(..4)? != b"FILE" {
        return None;
    }
    fix_up(&mut record)?;
    Some(record)
}

/// The value of a resident attribute.
fn attribute(record: &[u8], wanted: u32) -> Option<&[u8]> {
    let mut at = usize::from(word(record, 20)?);
    loop {
        let kind = long(record, at)?;
        if kind == END {
            return None;
        }
        let length = usize::try_from(long(record, at + 4)?).ok()?;
        if kind == wanted && *record.get(at + 8)? == 0 {
            let size = usize::try_from(long(record, at + 16)?).ok()?;
            let start = at + usize::from(word(record, at + 20)?);
            return record.get(start..start.checked_add(size)?);
        }
        if length < 16 {
            return None;
        }
        at = at.checked_add(length)?;
    }
}

/// The label of the volume that begins at `start`; `None` when there is none or it cannot be read.
pub(super) fn label(file: &File, start: u64) -> Option<String> {
    let record = volume_record(file, start)?;
    let raw = attribute(&record, VOLUME_NAME)?;
    let units: Vec<u16> = raw
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    Some(String::from_utf16_lossy(&units))
}

/// Whether chkdsk is scheduled; `None` when it cannot be read.
pub(super) fn dirty(file: &File) -> Option<bool> {
    let record = volume_record(file, 0)?;
    Some(word(attribute(&record, VOLUME_INFORMATION)?, 10)? & DIRTY != 0)
}
