//! File systems by their signatures, and their labels.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::platform::types::FsKind;

use super::ntfs_record;

/// Reads `length` bytes at `at`; `None` when there are not that many.
fn read(file: &File, at: u64, length: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![0; length];
    file.read_exact_at(&mut buffer, at).ok()?;
    Some(buffer)
}

fn has(file: &File, at: u64, what: &[u8]) -> bool {
    read(file, at, what.len()).is_some_and(|found| found == what)
}

/// File system and label of a node or image file; [`FsKind::None`] when it cannot be read.
pub(super) fn probe(node: &Path) -> (FsKind, String) {
    match File::open(node) {
        Ok(file) => probe_file(&file),
        Err(_) => (FsKind::None, String::new()),
    }
}

/// As [`probe`], for an open file.
pub(super) fn probe_file(file: &File) -> (FsKind, String) {
    let Some(boot) = read(file, 0, 512) else {
        return (FsKind::None, String::new());
    };
    if &boot[3..11] == b"-FVE-FS-" {
        return (FsKind::BitLocker, String::new());
    }
    if &boot[3..11] == b"NTFS    " {
        return (FsKind::Ntfs, ntfs_record::label(file).unwrap_or_default());
    }
    if &boot[3..11] == b"EXFAT   " {
        return (FsKind::ExFat, String::new());
    }
    if &boot[3..11] == b"ReFS\0\0\0\0" {
        return (FsKind::Refs, String::new());
    }
    if boot[510..512] == [0x55, 0xAA] {
        if &boot[82..87] == b"FAT32" {
            let label = fat32_label(file, &boot).unwrap_or_else(|| fat_text(&boot[71..82]));
            return (FsKind::Fat32, label);
        }
        if &boot[54..57] == b"FAT" {
            return (FsKind::Fat, fat_text(&boot[43..54]));
        }
    }
    for (at, what, name) in [
        (1080, &b"\x53\xEF"[..], "ext"),
        (0, b"LUKS\xBA\xBE", "LUKS"),
        (0, b"XFSB", "xfs"),
        (65_600, b"_BHRfS_M", "btrfs"),
        (4086, b"SWAPSPACE2", "swap"),
        (536, b"LVM2 001", "LVM"),
        (32_769, b"CD001", "ISO 9660"),
    ] {
        if has(file, at, what) {
            return (FsKind::Other(name.to_owned()), String::new());
        }
    }
    (FsKind::None, String::new())
}

/// An OEM label; "NO NAME" is none.
fn fat_text(raw: &[u8]) -> String {
    let text: String = raw
        .iter()
        .map(|&b| {
            if b.is_ascii_graphic() || b == b' ' {
                char::from(b)
            } else {
                '?'
            }
        })
        .collect();
    let text = text.trim_end();
    if text == "NO NAME" || raw.iter().all(|&b| b == 0) {
        String::new()
    } else {
        text.to_owned()
    }
}

/// The label in the first cluster of the root folder: what Windows shows.
fn fat32_label(file: &File, boot: &[u8]) -> Option<String> {
    let word = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
    let long = |at: usize| {
        u64::from(u32::from_le_bytes([
            boot[at],
            boot[at + 1],
            boot[at + 2],
            boot[at + 3],
        ]))
    };
    let (sector, cluster) = (word(11), u64::from(boot[13]));
    let (reserved, fats, fat_sectors, root) = (word(14), u64::from(boot[16]), long(36), long(44));
    if !sector.is_power_of_two() || !(512..=4096).contains(&sector) || cluster == 0 {
        return None;
    }
    let data = reserved.checked_add(fats.checked_mul(fat_sectors)?)?;
    let at = data
        .checked_add(root.checked_sub(2)?.checked_mul(cluster)?)?
        .checked_mul(sector)?;
    let folder = read(file, at, usize::try_from(cluster * sector).ok()?)?;
    folder
        .chunks_exact(32)
        .take_while(|entry| entry[0] != 0)
        .find(|entry| entry[0] != 0xE5 && entry[11] & 0x0F == 0x08)
        .map(|entry| fat_text(&entry[..11]))
}
