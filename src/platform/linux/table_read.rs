//! Which partition table a disk has, and how far it can be trusted.

use std::fs::File;

use crate::platform::contents::TableState;
use crate::platform::types::TableKind;
use crate::text::harmless;
use crate::units;

use super::blkid;
use super::gpt_read::{self, Copy, Whole};
use super::mbr_read::{self, Mbr};
use super::table_entry::Entry;

/// The table of a disk.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) kind: TableKind,
    pub(super) state: TableState,
    /// In order of their start.
    pub(super) entries: Vec<Entry>,
}

/// What the backup says, where it is only told of.
fn list(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "no partitions".to_owned();
    }
    let list: Vec<String> = entries
        .iter()
        .map(|found| {
            let size = units::bytes(found.entry.bytes);
            match found.entry.name.as_str() {
                "" => format!("{}: {size}", found.number),
                name => format!("{}: {size} \"{}\"", found.number, harmless(name)),
            }
        })
        .collect();
    list.join(", ")
}

fn same(one: &Whole, other: &Whole) -> bool {
    one.header.disk_guid == other.header.disk_guid && one.entries == other.entries
}

fn damaged(kind: TableKind, trouble: &[String], entries: Vec<Entry>) -> Found {
    Found {
        kind,
        state: TableState::Damaged(trouble.join("; ")),
        entries,
    }
}

/// The table of a disk. `bare`: its first sector belongs to a file system, whatever it looks like.
pub(super) fn read(file: &File, bytes: u64, sector_bytes: u32, bare: bool) -> Found {
    let sector = u64::from(sector_bytes);
    // Tools that write a table leave the name of an older file system in front of it.
    let mbr = mbr_read::read(file, bytes, sector_bytes).filter(|mbr| {
        !bare || mbr.trouble.is_empty() && (mbr.protective || !mbr.entries.is_empty())
    });
    let primary = gpt_read::copy(file, sector, bytes, sector_bytes);
    let backup = gpt_read::copy(
        file,
        (bytes / sector).saturating_sub(1) * sector,
        bytes,
        sector_bytes,
    );
    let whole = |copy: &Copy| matches!(copy, Copy::Whole(_));
    let mut found = None;
    if !whole(&primary) && !whole(&backup) {
        found = other_sectors(file, bytes, sector_bytes);
    }
    let mut found = found
        .or_else(|| decide(mbr, primary, backup, bare))
        .unwrap_or_else(no_table);
    if found.kind == TableKind::None || found.entries.is_empty() && found.state == TableState::Good
    {
        found = foreign(file, bytes).unwrap_or(found);
    }
    found
        .entries
        .sort_by_key(|entry| (entry.entry.start_bytes, entry.number));
    found
}

/// `None` when there is neither GPT nor MBR.
fn decide(mbr: Option<Mbr>, primary: Copy, backup: Copy, bare: bool) -> Option<Found> {
    let protective = mbr.as_ref().is_some_and(|mbr| mbr.protective);
    // An MBR that stands for itself: firmware, Windows and Linux take it before any GPT.
    let says_something = |mbr: &Mbr| !mbr.entries.is_empty() || !mbr.trouble.is_empty();
    match (mbr, primary, backup) {
        (Some(mbr), Copy::Whole(gpt), _) if !protective && says_something(&mbr) => {
            let mut trouble = mbr.trouble;
            trouble.push(format!(
                "beside the MBR there is a GPT with {}, and nobody can say which of the two counts",
                list(&gpt.entries)
            ));
            Some(damaged(TableKind::Mbr, &trouble, mbr.entries))
        }
        (Some(mbr), primary, backup) if !protective && says_something(&mbr) => {
            Some(of_mbr(mbr, &primary, &backup))
        }
        (_, Copy::Whole(gpt), backup) => Some(of_gpt(gpt, &backup, protective)),
        (_, primary, Copy::Whole(backup)) => {
            let what = match primary {
                Copy::Bad(why) => format!("its first copy is damaged ({why})"),
                _ if bare => "its first copy was overwritten by a file system".to_owned(),
                _ => "its first copy is gone".to_owned(),
            };
            let mut trouble = vec![format!(
                "{what}; its backup at the end of the disk is whole, and says what is shown here"
            )];
            trouble.extend(backup.trouble);
            Some(damaged(TableKind::Gpt, &trouble, backup.entries))
        }
        (mbr, primary, backup) => {
            let bad = [&primary, &backup]
                .iter()
                .any(|c| matches!(c, Copy::Bad(_)));
            if protective || bad {
                let say = |which, copy| match copy {
                    Copy::Bad(why) => format!("its {which} is damaged ({why})"),
                    _ => format!("its {which} is gone"),
                };
                let trouble = [say("first copy", primary), say("backup", backup)];
                let entries = mbr.map(|mbr| mbr.entries).unwrap_or_default();
                return Some(damaged(TableKind::Gpt, &trouble, entries));
            }
            mbr.map(|mbr| of_mbr(mbr, &primary, &backup))
        }
    }
}

fn of_mbr(mbr: Mbr, primary: &Copy, backup: &Copy) -> Found {
    if !mbr.trouble.is_empty() {
        return damaged(TableKind::Mbr, &mbr.trouble, mbr.entries);
    }
    let state = match (primary, backup) {
        (Copy::Absent, Copy::Absent) => TableState::Good,
        (_, Copy::Whole(old)) => TableState::Flawed(format!(
            "the backup of an older GPT lies at the end of the disk ({})",
            list(&old.entries)
        )),
        _ => TableState::Flawed("remains of an older GPT lie on the disk".to_owned()),
    };
    Found {
        kind: TableKind::Mbr,
        state,
        entries: mbr.entries,
    }
}

fn of_gpt(gpt: Whole, backup: &Copy, protective: bool) -> Found {
    let mut trouble = gpt.trouble.clone();
    if !protective {
        trouble.push(
            "the protective MBR is missing: Windows and Linux do not see this table".to_owned(),
        );
    }
    if !trouble.is_empty() {
        return damaged(TableKind::Gpt, &trouble, gpt.entries);
    }
    let state = match backup {
        Copy::Whole(backup) if same(&gpt, backup) => TableState::Good,
        Copy::Whole(backup) => TableState::Flawed(format!(
            "the backup at the end of the disk says otherwise: {}",
            list(&backup.entries)
        )),
        Copy::Bad(why) => TableState::Flawed(format!("its backup is damaged: {why}")),
        Copy::Absent => TableState::Flawed("it has no backup at the end of the disk".to_owned()),
    };
    Found {
        kind: TableKind::Gpt,
        state,
        entries: gpt.entries,
    }
}

/// A GPT that was made where sectors had another length, as by an adapter that is not there any more.
fn other_sectors(file: &File, bytes: u64, sector_bytes: u32) -> Option<Found> {
    let other = if sector_bytes == 512 { 4096 } else { 512 };
    match gpt_read::copy(file, u64::from(other), bytes, other) {
        Copy::Whole(gpt) => {
            let mut trouble = vec![format!(
                "it was made for sectors of {other} bytes, and this disk has sectors of {sector_bytes} bytes"
            )];
            trouble.extend(gpt.trouble);
            Some(damaged(TableKind::Gpt, &trouble, gpt.entries))
        }
        _ => None,
    }
}

fn no_table() -> Found {
    Found {
        kind: TableKind::None,
        state: TableState::Absent,
        entries: Vec::new(),
    }
}

/// What libblkid knows beside GPT and MBR.
fn foreign(file: &File, bytes: u64) -> Option<Found> {
    let table = blkid::table(file, bytes)?;
    if matches!(table.name.as_str(), "dos" | "gpt" | "PMBR") {
        return None;
    }
    let partitions = if table.partitions.is_empty() {
        "no partitions".to_owned()
    } else {
        table.partitions.join(", ")
    };
    Some(Found {
        state: TableState::Foreign(format!(
            "a table of the kind {}, which is not supported, with {partitions}",
            harmless(&table.name)
        )),
        ..no_table()
    })
}
