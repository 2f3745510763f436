//! Disks as people read them: `wimforge disks`, and the question before one is wiped.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::text::harmless;
use crate::units;

use super::contents::{FsKind, Held, TableState, Unclaimed};
use super::types::{BASIC_DATA, Disk, Partition, Refusal, TableKind};

/// Bytes of unknown data that are shown: as many as fit a line of a screen.
const SHOWN: usize = 8;

/// A file system by name; empty for none.
pub fn file_system(kind: &FsKind) -> Cow<'_, str> {
    Cow::Borrowed(match kind {
        FsKind::Ntfs => "NTFS",
        FsKind::Fat32 => "FAT32",
        FsKind::Fat => "FAT",
        FsKind::ExFat => "exFAT",
        FsKind::Refs => "ReFS",
        FsKind::BitLocker => "BitLocker",
        FsKind::Other(name) => return harmless(name),
        FsKind::Several(kinds) => {
            let names: Vec<_> = kinds.iter().map(file_system).collect();
            return Cow::Owned(names.join(" and "));
        }
        FsKind::Unknown => "data that is not known",
        FsKind::None => "",
    })
}

/// A kind of table by name.
pub fn table(kind: TableKind) -> &'static str {
    match kind {
        TableKind::Gpt => "GPT",
        TableKind::Mbr => "MBR",
        TableKind::None => "none",
    }
}

/// Whether a disk cannot even be read: nothing is known of what it holds.
pub fn unreadable(disk: &Disk) -> bool {
    let mut refusals = disk.refusals.iter();
    refusals.any(|refusal| matches!(refusal, Refusal::Unreadable { .. }))
}

/// The table of a disk in a few words: `GPT`, `GPT, damaged`.
pub fn table_of(disk: &Disk) -> String {
    if unreadable(disk) {
        return "not known".to_owned();
    }
    let kind = table(disk.table);
    match &disk.contents.table {
        TableState::Damaged(_) => format!("{kind}, damaged"),
        TableState::Flawed(_) => format!("{kind}, with a flaw"),
        TableState::Foreign(_) => "of a kind that is not supported".to_owned(),
        TableState::Absent | TableState::Good => kind.to_owned(),
    }
}

/// What lies on the disk as a whole: `NTFS "Archive", 64 MiB`.
pub fn held(held: &Held) -> String {
    let mut line = file_system(&held.kind).into_owned();
    if !held.label.is_empty() {
        let _ = write!(line, " \"{}\"", harmless(&held.label));
    }
    if let Some(bytes) = held.bytes {
        let _ = write!(line, ", {}", units::bytes(bytes));
    }
    line
}

/// Data that nothing known claims: its first bytes and where they lie.
fn unclaimed(at: u64, first: &[u8]) -> String {
    let first = &first[..first.len().min(SHOWN)];
    let hex: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String = first
        .iter()
        .map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        })
        .collect();
    format!(
        "not known: first bytes {} |{text}| at byte {at}",
        hex.join(" ")
    )
}

/// A line for everything found beside the partitions.
fn beside(disk: &Disk) -> Vec<String> {
    let mut lines = Vec::new();
    match &disk.contents.table {
        TableState::Damaged(what) => lines.push(format!("the table is damaged: {what}")),
        TableState::Flawed(what) => lines.push(format!("the table has a flaw: {what}")),
        TableState::Foreign(what) => lines.push(what.clone()),
        TableState::Absent | TableState::Good => {}
    }
    let whole = disk.contents.whole.iter();
    lines.extend(whole.map(|found| format!("on the whole disk: {}", held(found))));
    if let Unclaimed::Data { at, first } = &disk.contents.unclaimed {
        lines.push(unclaimed(*at, first));
    }
    lines
}

/// Everything that is lost when the disk is wiped, a line each; none when nothing was found.
pub fn contents(disk: &Disk) -> Vec<String> {
    let mut lines = beside(disk);
    lines.extend(disk.partitions.iter().map(partition));
    lines
}

/// What the disk holds, in one clause: `holds NTFS "Archive", 64 MiB, without partitions`.
pub fn summary(disk: &Disk) -> String {
    if unreadable(disk) {
        return "cannot be read, so nobody knows what it holds".to_owned();
    }
    let count = disk.partitions.len();
    let partitions = units::count(count as u64, "partition");
    let whole: Vec<String> = disk.contents.whole.iter().map(held).collect();
    let several = if whole.len() > 1 {
        "several things at once: "
    } else {
        ""
    };
    match (count, whole.is_empty(), &disk.contents.unclaimed) {
        (1.., true, _) => format!("holds {partitions}"),
        (1.., false, _) => format!("holds {} and {partitions}", whole.join(" and ")),
        (0, false, _) => format!("holds {several}{}, without partitions", whole.join(" and ")),
        (0, true, Unclaimed::Data { .. }) => "holds data that is not known".to_owned(),
        (0, true, _) if matches!(disk.contents.table, TableState::Foreign(_)) => {
            "holds what is not supported".to_owned()
        }
        (0, true, Unclaimed::Zeros { places }) => {
            format!("holds no partitions, and no data in the {places} places looked at")
        }
        (0, true, Unclaimed::NotLooked) => "holds no partitions".to_owned(),
    }
}

/// What a partition is for, by its type; the type itself when it is not known here.
pub fn partition_type(type_id: &str) -> &str {
    match type_id {
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" | "0xef" => "EFI system",
        "e3c9e316-0b5c-4db8-817d-f92df00215ae" => "Microsoft reserved",
        BASIC_DATA => "basic data",
        "de94bba4-06d1-4d40-a16a-bfd50179d6ac" | "0x27" => "recovery",
        "0fc63daf-8483-4772-8e79-3d69d8477de4" | "0x83" => "Linux",
        "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f" | "0x82" => "Linux swap",
        "0x07" => "NTFS or exFAT",
        "0x0b" | "0x0c" => "FAT32",
        "0x17" => "hidden NTFS",
        other => other,
    }
}

/// One line a partition: `3: 63 GiB NTFS "Windows" (basic data)`.
pub fn partition(partition: &Partition) -> String {
    let mut line = format!(
        "{}: {}",
        partition.at.partition,
        units::bytes(partition.bytes)
    );
    let fs = file_system(&partition.fs);
    if !fs.is_empty() {
        let _ = write!(line, " {fs}");
    }
    if !partition.label.is_empty() {
        let _ = write!(line, " \"{}\"", harmless(&partition.label));
    }
    let _ = write!(line, " ({})", partition_type(&partition.type_id));
    for at in &partition.mounted_at {
        let _ = write!(line, ", mounted at {}", harmless(&at.display().to_string()));
    }
    line
}

/// The text of `wimforge disks`.
pub fn disks(disks: &[Disk]) -> String {
    if disks.is_empty() {
        return "There is no disk.\n".to_owned();
    }
    let mut out = String::new();
    for disk in disks {
        let _ = write!(
            out,
            "Disk {}  {}  {}  {}",
            disk.number,
            disk.path.display(),
            units::bytes(disk.bytes),
            if disk.model.is_empty() {
                "unknown model".into()
            } else {
                harmless(&disk.model)
            },
        );
        if !disk.serial.is_empty() {
            let _ = write!(out, "  serial {}", harmless(&disk.serial));
        }
        if disk.usb {
            out.push_str("  USB");
        }
        if disk.removable {
            out.push_str("  removable");
        }
        out.push('\n');
        if let Some(backing) = &disk.backing {
            let _ = writeln!(
                out,
                "  image file {}",
                harmless(&backing.display().to_string())
            );
        }
        let _ = writeln!(out, "  partition table: {}", table_of(disk));
        let found = contents(disk);
        for line in &found {
            let _ = writeln!(out, "  {line}");
        }
        if found.is_empty() && disk.contents.unclaimed != Unclaimed::NotLooked {
            let _ = writeln!(out, "  {}", summary(disk));
        }
        for refusal in &disk.refusals {
            let _ = writeln!(
                out,
                "  not to be written: {}",
                harmless(&refusal.to_string())
            );
        }
        if disk.refusals.is_empty() {
            out.push_str(if found.is_empty() {
                "  may be written\n"
            } else {
                "  may be written; what it holds is lost then\n"
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::platform::contents::DiskContents;
    use crate::platform::types::PartitionRef;

    fn bare() -> Disk {
        Disk {
            number: 1,
            path: PathBuf::from("/dev/sdb"),
            backing: None,
            model: "ACME".to_owned(),
            serial: String::new(),
            identity: String::new(),
            bytes: units::GIB,
            sector_bytes: 512,
            usb: false,
            removable: false,
            table: TableKind::None,
            contents: DiskContents::default(),
            digest: String::new(),
            partitions: Vec::new(),
            refusals: Vec::new(),
        }
    }

    #[test]
    fn what_is_on_a_disk_without_a_table_is_said_and_what_cannot_be_read_is_not_called_empty() {
        let held = |kind, label: &str, bytes| Held {
            kind,
            label: label.to_owned(),
            bytes,
        };
        let mut disk = bare();
        disk.contents.whole = vec![
            held(FsKind::Ntfs, "Old\u{1b}[2J", Some(units::GIB)),
            held(FsKind::Other("swap".to_owned()), "", None),
        ];
        assert_eq!(
            summary(&disk),
            "holds several things at once: NTFS \"Old\", 1.0 GiB and swap, without partitions"
        );
        assert_eq!(
            contents(&disk),
            [
                "on the whole disk: NTFS \"Old\", 1.0 GiB",
                "on the whole disk: swap"
            ]
        );
        let mut disk = bare();
        disk.contents.table = TableState::Damaged("its first copy is gone".to_owned());
        disk.table = TableKind::Gpt;
        assert_eq!(table_of(&disk), "GPT, damaged");
        assert!(disks(&[disk]).ends_with(
            "  partition table: GPT, damaged\n  the table is damaged: its first copy is gone\n  may be written; what it holds is lost then\n"
        ));
        let mut disk = bare();
        disk.refusals = vec![Refusal::Unreadable {
            node: PathBuf::from("/dev/sdb"),
            why: "Input/output error".to_owned(),
        }];
        assert_eq!(
            summary(&disk),
            "cannot be read, so nobody knows what it holds"
        );
        let shown = disks(&[disk]);
        assert!(shown.contains("partition table: not known\n"), "{shown}");
    }

    #[test]
    fn a_disk_is_shown_with_what_it_holds_and_why_it_is_refused() {
        let disk = Disk {
            number: 0,
            path: PathBuf::from("/dev/sda"),
            backing: None,
            model: "ACME \u{1b}[31m500".to_owned(),
            serial: "S1".to_owned(),
            identity: String::new(),
            bytes: 500 * units::GIB,
            sector_bytes: 512,
            usb: true,
            removable: false,
            table: TableKind::Gpt,
            contents: DiskContents::default(),
            digest: String::new(),
            partitions: vec![Partition {
                at: PartitionRef {
                    disk: 0,
                    partition: 3,
                },
                node: PathBuf::from("/dev/sda3"),
                start_bytes: units::MIB,
                bytes: 63 * units::GIB,
                type_id: "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7".to_owned(),
                name: String::new(),
                attributes: 0,
                fs: FsKind::Ntfs,
                label: "Windows".to_owned(),
                mounted_at: vec![PathBuf::from("/mnt")],
            }],
            refusals: vec![Refusal::ReadOnly(PathBuf::from("/dev/sda"))],
        };
        assert_eq!(
            disks(&[disk]),
            "Disk 0  /dev/sda  500 GiB  ACME 500  serial S1  USB\n  partition table: GPT\n  3: 63 GiB NTFS \"Windows\" (basic data), mounted at /mnt\n  not to be written: /dev/sda is read-only\n"
        );
    }
}
