//! A partition as its table describes it, and what no table may say of one.

use gpt::disk::LogicalBlockSize;

use crate::platform::types::LayoutEntry;
use crate::units;

/// A partition as its table describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Number, from 1.
    pub(super) number: u32,
    /// The rest.
    pub(super) entry: LayoutEntry,
}

/// The length of a sector as the GPT crate names it; `None` for one that no table here has.
pub(super) fn sector_kind(sector_bytes: u32) -> Option<LogicalBlockSize> {
    match sector_bytes {
        512 => Some(LogicalBlockSize::Lb512),
        4096 => Some(LogicalBlockSize::Lb4096),
        _ => None,
    }
}

/// Sorts out what cannot be: entries behind the end of the disk are cut or left out, and said; so are those that begin in
/// front of `first` or lie on another. Nothing that starts on the disk is hidden.
pub(super) fn out_of_place(
    mut found: Vec<Entry>,
    first: u64,
    bytes: u64,
) -> (Vec<Entry>, Vec<String>) {
    found.sort_by_key(|entry| (entry.entry.start_bytes, entry.number));
    let mut trouble = Vec::new();
    let mut until = (0, 0);
    for found in &mut found {
        let (number, entry) = (found.number, &mut found.entry);
        let end = entry.start_bytes.saturating_add(entry.bytes);
        if entry.bytes == 0 {
            trouble.push(format!("partition {number} ends before it begins"));
            continue;
        }
        if entry.start_bytes < first {
            trouble.push(format!(
                "partition {number} begins at byte {}, on the table itself",
                entry.start_bytes
            ));
        }
        if entry.start_bytes < until.0 {
            trouble.push(format!("partition {number} lies on partition {}", until.1));
        }
        if end > bytes {
            trouble.push(format!(
                "partition {number} ({} from byte {}) ends {} behind the end of the disk",
                units::bytes(entry.bytes),
                entry.start_bytes,
                units::bytes(end - bytes)
            ));
            entry.bytes = bytes.saturating_sub(entry.start_bytes);
        }
        if end > until.0 {
            until = (end, number);
        }
    }
    found.retain(|found| found.entry.bytes > 0);
    (found, trouble)
}
