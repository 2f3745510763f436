//! File systems by their signatures, and their labels: libblkid's word, and that of the boot sector where libblkid has none.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::platform::contents::{FsKind, Held, Unclaimed};

use super::{blkid, ntfs_record, unclaimed};

/// What was found in a part of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// What it is, with label and length.
    pub(super) held: Held,
    /// It stands in the first sector, where otherwise a partition table would be.
    pub(super) in_first_sector: bool,
}

/// Reads `length` bytes at `at`; `None` when there are not that many.
fn read(file: &File, at: u64, length: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![0; length];
    file.read_exact_at(&mut buffer, at).ok()?;
    Some(buffer)
}

/// Everything that these bytes of a file hold, most often one thing or none.
pub(super) fn all(file: &File, start: u64, bytes: u64) -> Vec<Found> {
    let boot = read(file, start, 512).unwrap_or_else(|| vec![0; 512]);
    let mut found: Vec<Found> = blkid::signatures(file, start, bytes)
        .into_iter()
        .map(|signature| {
            let kind = kind(&signature, &boot);
            Found {
                in_first_sector: signature.at.is_some_and(|at| at < 512),
                held: Held {
                    label: label(&kind, file, start, &boot, signature.label),
                    bytes: length(&kind, &boot),
                    kind,
                },
            }
        })
        .collect();
    // A volume whose boot sector says what it is stays one when the rest of it is too broken for libblkid.
    if let Some(kind) = boot_sector(&boot).filter(|kind| found.iter().all(|f| f.held.kind != *kind))
    {
        let held = Held {
            label: label(&kind, file, start, &boot, String::new()),
            bytes: length(&kind, &boot),
            kind,
        };
        found.insert(
            0,
            Found {
                held,
                in_first_sector: true,
            },
        );
    }
    found
}

/// File system and label of a partition.
pub(super) fn probe(file: &File, start: u64, bytes: u64) -> (FsKind, String) {
    let mut found: Vec<Held> = all(file, start, bytes)
        .into_iter()
        .map(|f| f.held)
        .collect();
    match found.len() {
        0 => match unclaimed::look(file, None, start, start.saturating_add(bytes)) {
            Ok(Unclaimed::Zeros { .. }) => (FsKind::None, String::new()),
            _ => (FsKind::Unknown, String::new()),
        },
        1 => {
            let only = found.swap_remove(0);
            (only.kind, only.label)
        }
        _ => {
            let label = found
                .iter()
                .map(|held| held.label.clone())
                .find(|l| !l.is_empty());
            let kinds = found.into_iter().map(|held| held.kind).collect();
            (FsKind::Several(kinds), label.unwrap_or_default())
        }
    }
}

fn kind(signature: &blkid::Signature, boot: &[u8]) -> FsKind {
    match signature.name.as_str() {
        "ntfs" => FsKind::Ntfs,
        "vfat" if signature.version == "FAT32" || &boot[82..87] == b"FAT32" => FsKind::Fat32,
        "vfat" => FsKind::Fat,
        "exfat" => FsKind::ExFat,
        "ReFS" => FsKind::Refs,
        "BitLocker" => FsKind::BitLocker,
        other => FsKind::Other(other.to_owned()),
    }
}

/// What Windows calls its own volumes: in the eight bytes behind the jump, FAT in the field for the type.
fn boot_sector(boot: &[u8]) -> Option<FsKind> {
    if boot[510..512] == [0x55, 0xAA] {
        if &boot[82..87] == b"FAT32" {
            return Some(FsKind::Fat32);
        }
        if &boot[54..57] == b"FAT" {
            return Some(FsKind::Fat);
        }
    }
    match &boot[3..11] {
        b"-FVE-FS-" => Some(FsKind::BitLocker),
        b"NTFS    " => Some(FsKind::Ntfs),
        b"EXFAT   " => Some(FsKind::ExFat),
        b"ReFS\0\0\0\0" => Some(FsKind::Refs),
        _ => None,
    }
}

fn label(kind: &FsKind, file: &File, start: u64, boot: &[u8], of_blkid: String) -> String {
    let own = match kind {
        FsKind::Ntfs => ntfs_record::label(file, start),
        FsKind::Fat32 => {
            Some(fat32_label(file, start, boot).unwrap_or_else(|| fat_text(&boot[71..82])))
        }
        FsKind::Fat if of_blkid.is_empty() => Some(fat_text(&boot[43..54])),
        _ => None,
    };
    own.unwrap_or(of_blkid)
}

/// The length of a file system by its boot sector.
fn length(kind: &FsKind, boot: &[u8]) -> Option<u64> {
    let word = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
    let quad = |at: usize| {
        let mut raw = [0; 8];
        raw.copy_from_slice(&boot[at..at + 8]);
        u64::from_le_bytes(raw)
    };
    let length = match kind {
        // The last sector, with the copy of the boot sector, is not counted.
        FsKind::Ntfs => quad(0x28).checked_add(1)?.checked_mul(word(11)),
        FsKind::Fat | FsKind::Fat32 if word(19) > 0 => word(19).checked_mul(word(11)),
        FsKind::Fat | FsKind::Fat32 => (quad(32) & u64::from(u32::MAX)).checked_mul(word(11)),
        FsKind::ExFat => quad(0x48).checked_mul(1_u64.checked_shl(u32::from(boot[108]))?),
        _ => None,
    };
    length.filter(|&length| length > 0)
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
fn fat32_label(file: &File, start: u64, boot: &[u8]) -> Option<String> {
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
        .checked_mul(sector)?
        .checked_add(start)?;
    let folder = read(file, at, usize::try_from(cluster * sector).ok()?)?;
    folder
        .chunks_exact(32)
        .take_while(|entry| entry[0] != 0)
        .find(|entry| entry[0] != 0xE5 && entry[11] & 0x0F == 0x08)
        .map(|entry| fat_text(&entry[..11]))
}
