//! The two copies of a GPT, each judged by itself: the gpt crate takes the first header that looks right and never looks at
//! the other copy when that one's entries are damaged.

use std::fs::File;
use std::io::Cursor;
use std::os::unix::fs::FileExt;

use gpt::header::{Header, read_header_from_arbitrary_device};
use gpt::partition::file_read_partitions;

use crate::platform::types::LayoutEntry;

use super::table_entry::{Entry, out_of_place, sector_kind};

/// Most entries that are read; 128 is what everybody makes.
const MOST_ENTRIES: u32 = 1024;

/// One copy of the table.
#[derive(Debug)]
pub(super) enum Copy {
    /// Nothing there says that it is one.
    Absent,
    /// It says that it is one, and is not whole: why.
    Bad(String),
    /// Header and entries have the check sums they should have.
    Whole(Whole),
}

/// What a whole copy says.
#[derive(Debug)]
pub(super) struct Whole {
    /// Its partitions that fit the disk.
    pub(super) entries: Vec<Entry>,
    /// What is impossible about it.
    pub(super) trouble: Vec<String>,
    /// The disk's GUID and where the other copy is.
    pub(super) header: Header,
}

/// The copy whose header lies at `at` bytes, for sectors of `sector_bytes`.
pub(super) fn copy(file: &File, at: u64, bytes: u64, sector_bytes: u32) -> Copy {
    let Some(kind) = sector_kind(sector_bytes) else {
        return Copy::Absent;
    };
    let sector = u64::from(sector_bytes);
    let mut raw = [0_u8; 92];
    if file.read_exact_at(&mut raw, at).is_err() || &raw[..8] != b"EFI PART" {
        return Copy::Absent;
    }
    // The crate reads a header behind one sector only.
    let mut alone = vec![0; kind.as_usize()];
    alone.extend_from_slice(&raw);
    let Ok(header) = read_header_from_arbitrary_device(&mut Cursor::new(alone), kind) else {
        return Copy::Bad("the check sum of its header is wrong".to_owned());
    };
    if header.current_lba.checked_mul(sector) != Some(at) {
        return Copy::Bad(format!(
            "its header belongs in sector {}, not where it lies",
            header.current_lba
        ));
    }
    // The crate trusts these two numbers: a hostile disk must not make it allocate or panic.
    if header.part_size != 128 || header.num_parts > MOST_ENTRIES {
        return Copy::Bad(format!(
            "it has {} entries of {} bytes, which is not supported",
            header.num_parts, header.part_size
        ));
    }
    let Ok(mut file) = file.try_clone() else {
        return Copy::Absent;
    };
    let Ok(partitions) = file_read_partitions(&mut file, &header, kind) else {
        return Copy::Bad("the check sum of its entries is wrong".to_owned());
    };
    let found = partitions
        .into_iter()
        .filter(|(_, partition)| partition.is_used())
        .map(|(number, partition)| Entry {
            number,
            entry: LayoutEntry {
                start_bytes: partition.first_lba.saturating_mul(sector),
                bytes: partition
                    .last_lba
                    .saturating_add(1)
                    .saturating_sub(partition.first_lba)
                    .saturating_mul(sector),
                type_id: partition.part_type_guid.guid.to_string(),
                name: partition.name,
                attributes: partition.flags,
                active: false,
            },
        })
        .collect();
    let (entries, trouble) = out_of_place(found, 2 * sector, bytes);
    Copy::Whole(Whole {
        entries,
        trouble,
        header,
    })
}
