//! No disk that holds something is called empty, whatever it holds; libblkid's own programs are the judges.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use wimforge::event::{Answered, QuestionKind};
use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::platform::{Machine, TableKind, TableState, show};
use wimforge::sequence::settings::{
    FileSystem, PartitionDisk, PartitionKind, PartitionStyle, Size,
};
use wimforge::step::partition_disk;
use wimforge::step::testing::{RecordingHost, part};

use crate::common::system::{skip_lab, text, tool};
use crate::disk_layouts::{LAYOUTS, Layout, MIB, put};

fn image(folder: &Path, mib: u64) -> std::path::PathBuf {
    let path = folder.join("disk.img");
    File::create(&path).unwrap().set_len(mib * MIB).unwrap();
    path
}

fn machine(image: &Path) -> LinuxMachine {
    LinuxMachine::new(MachineOptions {
        attached: vec![(0, image.to_owned())],
        ..MachineOptions::default()
    })
    .unwrap()
}

/// Type and label of every signature that `wipefs` finds, tables left out.
fn oracle(image: &Path) -> Vec<(String, String)> {
    let found = tool("wipefs", &["-J", text(image)]);
    if found.trim().is_empty() {
        return Vec::new();
    }
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    found["signatures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (word(&one["type"]), word(&one["label"])))
        .filter(|(kind, _)| !["dos", "gpt", "PMBR", "sun", "sgi"].contains(&kind.as_str()))
        .collect()
}

fn disks(image: &Path, runtime: &Path, json: bool) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wimforge"));
    command
        .args(["disks", "--disk", &format!("0={}", text(image))])
        .env("WIMFORGE_RUNTIME_DIR", runtime);
    if json {
        command.arg("--json");
    }
    let output = command.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}{output:?}");
    shown
}

fn one(layout: &Layout) {
    let name = layout.name;
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), layout.mib);
    (layout.make)(&path);
    let before = path.metadata().unwrap().modified().unwrap();

    let shown = disks(&path, folder.path(), false);
    for wanted in layout.shown {
        assert!(shown.contains(wanted), "{name}: no {wanted:?} in\n{shown}");
    }
    assert!(!shown.contains("no data in the"), "{name}:\n{shown}");
    assert!(shown.contains("what it holds is lost"), "{name}:\n{shown}");
    let lower = shown.to_lowercase();
    for (kind, label) in oracle(&path) {
        let kind = kind.to_lowercase().replace("vfat", "fat");
        assert!(lower.contains(&kind), "{name}: wipefs says {kind}\n{shown}");
        assert!(
            shown.contains(&label),
            "{name}: wipefs says {label}\n{shown}"
        );
    }
    let json = disks(&path, folder.path(), true);
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    let damaged = parsed[0]["contents"]["table"]["Damaged"].is_string();
    assert_eq!(damaged, layout.damaged, "{name}: {json}");

    // The question names it all, and no means no.
    let machine = Arc::new(machine(&path));
    let disk = machine.disk(0).unwrap();
    let host = RecordingHost::with(&[]);
    host.answer(Answered::No);
    let cx = host.cx(machine.clone(), folder.path());
    let wish = PartitionDisk {
        disk: 0,
        style: PartitionStyle::Mbr,
        partitions: vec![part(
            "All",
            PartitionKind::Primary,
            Size::Percent(100),
            None,
        )],
    };
    if layout.mib > 2 {
        partition_disk::run(&wish, &cx).unwrap_err();
        let questions = host.questions();
        let [QuestionKind::ConfirmDisk(facts)] = &questions[..] else {
            panic!("{name}: {questions:?}");
        };
        assert_eq!(facts.contents, show::contents(&disk), "{name}");
        assert!(!facts.contents.is_empty(), "{name}");
        assert_eq!(facts.found, show::summary(&disk), "{name}");
    }
    drop(cx);
    drop(machine);
    let after = path.metadata().unwrap().modified().unwrap();
    assert_eq!(before, after, "{name}: looking changed it");
}

#[test]
fn no_disk_that_holds_something_is_called_empty() {
    if skip_lab() {
        return;
    }
    assert!(LAYOUTS.len() >= 32, "{}", LAYOUTS.len());
    for layout in LAYOUTS {
        one(layout);
    }
}

#[test]
fn only_a_disk_of_zeros_is_called_empty_and_where_it_was_looked_is_said() {
    if skip_lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 64);
    let shown = disks(&path, folder.path(), false);
    assert!(
        shown
            .contains("partition table: none\n  holds no partitions, and no data in the 65 places"),
        "{shown}"
    );
    assert!(shown.ends_with("  may be written\n"), "{shown}");
}

#[test]
fn a_disk_with_the_same_table_but_another_volume_is_another_disk() {
    if skip_lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 64);
    tool("sgdisk", &["-n", "1:10M:0", text(&path)]);
    let digest = || machine(&path).disk(0).unwrap().digest;
    let blank = digest();
    assert_eq!(blank, digest());
    // Byte 72 of an NTFS boot sector is the serial number of the volume.
    put(&path, 10 * MIB + 72, &[1]);
    let other = digest();
    assert_ne!(blank, other);
    put(&path, 64 * MIB - 20_000, &[1]);
    assert_ne!(other, digest());
}

#[test]
fn marks_of_old_members_do_not_survive_in_new_partitions() {
    if skip_lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 64);
    // As far in as ZFS and as near to the end as a RAID can be, for the partition that is to come.
    for uberblock in 0..16 {
        put(
            &path,
            MIB + (128 + uberblock) * 1024,
            &0x00ba_b10c_u64.to_le_bytes(),
        );
        put(
            &path,
            MIB + (384 + uberblock) * 1024,
            &0x00ba_b10c_u64.to_le_bytes(),
        );
    }
    put(&path, MIB + 64 * 1024 + 64, b"_BHRfS_M");
    put(&path, MIB + MIB, &[0x0D, 0xD0, 0x01, 0xC0]);
    let machine = Arc::new(machine(&path));
    let host = RecordingHost::with(&[]);
    host.answer(Answered::Yes);
    let cx = host.cx(machine.clone(), folder.path());
    let wish = PartitionDisk {
        disk: 0,
        style: PartitionStyle::Gpt,
        partitions: vec![part(
            "All",
            PartitionKind::Basic,
            Size::Percent(100),
            Some(FileSystem::Ntfs),
        )],
    };
    partition_disk::run(&wish, &cx).unwrap();
    let disk = machine.disk(0).unwrap();
    assert_eq!(
        (disk.table, &disk.contents.table),
        (TableKind::Gpt, &TableState::Good)
    );
    let shown = show::partition(&disk.partitions[0]);
    assert!(shown.contains("MiB NTFS \"All\" ("), "{shown}");
    let found = oracle(&disk.partitions[0].node);
    assert_eq!(found, [("ntfs".to_owned(), "All".to_owned())]);
}
