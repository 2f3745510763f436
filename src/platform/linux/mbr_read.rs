//! An MBR and the chain of its extended partition, followed with care: a chain may loop, leave its partition or end in the
//! middle of nowhere.

use std::fs::File;
use std::io::Cursor;
use std::os::unix::fs::FileExt;

use mbrman::{MBRHeader, MBRPartitionEntry};

use crate::platform::types::LayoutEntry;

use super::table_entry::{Entry, out_of_place};

/// Longest chain that is followed; Linux itself stops far earlier.
const LONGEST: usize = 256;
/// Type of the one entry that stands for a whole GPT.
const PROTECTIVE: u8 = 0xEE;

/// What the first sector says.
#[derive(Debug)]
pub(super) struct Mbr {
    /// An entry stands for a GPT.
    pub(super) protective: bool,
    /// Partitions that fit the disk, logical ones from number 5.
    pub(super) entries: Vec<Entry>,
    /// What is impossible about it.
    pub(super) trouble: Vec<String>,
}

fn sector(file: &File, at: u64, what: &mut Vec<u8>) -> Option<MBRHeader> {
    what.resize(512, 0);
    file.read_exact_at(what, at).ok()?;
    if at > 0 {
        // A link of a chain has two entries; what lies in the place of the others means nothing.
        what[478..510].fill(0);
    }
    MBRHeader::read_from(&mut Cursor::new(&what[..])).ok()
}

fn entry(number: u32, partition: &MBRPartitionEntry, from: u64, sector_bytes: u64) -> Entry {
    Entry {
        number,
        entry: LayoutEntry {
            start_bytes: (from + u64::from(partition.starting_lba)) * sector_bytes,
            bytes: u64::from(partition.sectors) * sector_bytes,
            type_id: format!("0x{:02x}", partition.sys),
            name: String::new(),
            attributes: u64::from(partition.is_active()),
            active: partition.is_active(),
        },
    }
}

fn used(partition: &MBRPartitionEntry) -> bool {
    partition.is_used() && partition.sectors > 0
}

/// `None` when the first sector is no MBR.
pub(super) fn read(file: &File, bytes: u64, sector_bytes: u32) -> Option<Mbr> {
    let sector_bytes = u64::from(sector_bytes);
    let mut buffer = Vec::new();
    let header = sector(file, 0, &mut buffer)?;
    let mut found = Vec::new();
    let mut extended = Vec::new();
    let mut protective = false;
    for (number, partition) in (1_u32..).zip(header.iter().map(|(_, partition)| partition)) {
        if partition.sys == PROTECTIVE {
            protective = true;
        } else if used(partition) {
            let entry = entry(number, partition, 0, sector_bytes);
            if partition.is_extended() {
                extended.push(entry.clone());
            }
            found.push(entry);
        }
    }
    // The extended partition takes part in the check, but is none that can be used.
    let (mut entries, mut trouble) = out_of_place(found, sector_bytes, bytes);
    entries.retain(|entry| !extended.iter().any(|e| e.number == entry.number));
    if extended.len() > 1 {
        trouble.push(format!("it has {} extended partitions", extended.len()));
    }
    if let Some(first) = extended.first() {
        let (logical, chain) = logical(file, first, bytes, sector_bytes);
        entries.extend(logical);
        trouble.extend(chain);
    }
    Some(Mbr {
        protective,
        entries,
        trouble,
    })
}

/// The logical partitions of an extended one, and what is wrong with their chain.
fn logical(
    file: &File,
    extended: &Entry,
    bytes: u64,
    sector_bytes: u64,
) -> (Vec<Entry>, Vec<String>) {
    let start = extended.entry.start_bytes;
    let end = start.saturating_add(extended.entry.bytes);
    let base = start / sector_bytes;
    let mut found = Vec::new();
    let mut trouble = Vec::new();
    let mut seen = Vec::new();
    let mut buffer = Vec::new();
    let mut at = start;
    let name = format!("the chain of the extended partition {}", extended.number);
    while trouble.is_empty() {
        if at == 0 {
            trouble.push(format!("{name} leads back to the start of the disk"));
            break;
        }
        if seen.contains(&at) {
            trouble.push(format!("{name} runs in a circle"));
            break;
        }
        if !(start..end).contains(&at) || at >= bytes {
            trouble.push(format!("{name} leaves the partition"));
            break;
        }
        if seen.len() >= LONGEST {
            trouble.push(format!("{name} has no end"));
            break;
        }
        seen.push(at);
        let Some(header) = sector(file, at, &mut buffer) else {
            // An extended partition that was never filled has no first link.
            if at == start && buffer.iter().all(|&byte| byte == 0) {
                break;
            }
            trouble.push(format!("{name} breaks off: there is no link at byte {at}"));
            break;
        };
        let mut next = None;
        for (_, partition) in header.iter().filter(|(_, partition)| used(partition)) {
            if partition.is_extended() {
                next = next.or(Some(partition));
                continue;
            }
            let number = 5 + u32::try_from(found.len()).unwrap_or(u32::MAX - 5);
            let logical = entry(number, partition, at / sector_bytes, sector_bytes);
            if logical
                .entry
                .start_bytes
                .saturating_add(logical.entry.bytes)
                > end
            {
                trouble.push(format!(
                    "partition {number} ends behind the extended partition"
                ));
            }
            found.push(logical);
        }
        let Some(next) = next else {
            break;
        };
        at = (base + u64::from(next.starting_lba)) * sector_bytes;
    }
    let (entries, places) = out_of_place(found, sector_bytes, bytes);
    trouble.extend(places);
    (entries, trouble)
}
