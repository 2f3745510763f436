//! No disk that holds something is called empty, whatever it holds; libblkid's own programs are the judges.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use wimforge::event::{Answered, QuestionKind};
use wimforge::platform::linux::{LinuxMachine, MachineOptions, examine};
use wimforge::platform::{Machine, TableKind, TableState, show};
use wimforge::sequence::settings::{
    FileSystem, PartitionDisk, PartitionKind, PartitionStyle, Size,
};
use wimforge::step::partition_disk;
use wimforge::step::testing::{RecordingHost, part};

use crate::common::system::{skip_lab, text, tool};
use crate::disk_layouts::{Layout, MIB, layouts, put};
use crate::disk_tables::sfdisk;

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

/// Start and length in bytes of every partition that `sfdisk` finds, extended ones left out, in order of their start.
fn by_sfdisk(image: &Path) -> Vec<(u64, u64)> {
    let dump = tool("sfdisk", &["-d", text(image)]);
    let mut found: Vec<(u64, u64)> = dump
        .lines()
        .filter(|line| line.contains("start=") && !line.contains("type=5"))
        .map(|line| {
            let number = |key: &str| -> u64 {
                let (_, rest) = line.split_once(key).unwrap();
                rest.split(',').next().unwrap().trim().parse().unwrap()
            };
            (number("start=") * 512, number("size=") * 512)
        })
        .collect();
    found.sort_unstable();
    found
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

    if parsed[0]["table"] != "None" && !damaged {
        let own: Vec<(u64, u64)> = parsed[0]["partitions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                (
                    one["start_bytes"].as_u64().unwrap(),
                    one["bytes"].as_u64().unwrap(),
                )
            })
            .collect();
        assert_eq!(own, by_sfdisk(&path), "{name}");
    }

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
    assert!(layouts().count() >= 32);
    for layout in layouts() {
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

/// Disks of 2 MiB with a table each, to be spoilt.
fn tables(folder: &Path) -> Vec<Vec<u8>> {
    [
        "label: gpt\nstart=34, size=1024, name=First\nname=Second\n",
        "label: dos\nstart=64,size=64,type=7\nstart=128,size=3000,type=5\nstart=200,size=64,type=7\nstart=300,size=64,type=83\n",
    ]
    .iter()
    .map(|script| {
        let path = image(folder, 2);
        sfdisk(&path, script);
        std::fs::read(path).unwrap()
    })
    .collect()
}

#[test]
fn a_spoilt_table_is_never_trusted_past_the_disk_and_never_called_empty() {
    const LENGTH: u64 = 2 * MIB;
    let folder = tempfile::tempdir().unwrap();
    let mut random = 0x5EED_u64;
    let mut next = move |below: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(random >> 33).unwrap() % below
    };
    let path = folder.path().join("spoilt.img");
    let mut states = [0; 4];
    for whole in tables(folder.path()) {
        // What is not zero is what a table is read from.
        let meant: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] != 0).collect();
        for _ in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..=next(6) {
                let near = meant[next(meant.len())] + next(16);
                bytes[near.min(whole.len() - 1)] = u8::try_from(next(256)).unwrap();
            }
            std::fs::write(&path, &bytes).unwrap();
            for sector in [512, 4096] {
                let disk = examine(&path, sector).unwrap();
                for partition in &disk.partitions {
                    let end = partition.start_bytes.checked_add(partition.bytes);
                    assert!(partition.bytes > 0 && end.unwrap() <= LENGTH, "{disk:?}");
                }
                assert!(
                    !show::contents(&disk).is_empty() || disk.table != TableKind::None,
                    "{disk:?}"
                );
                states[match disk.contents.table {
                    TableState::Good => 0,
                    TableState::Flawed(_) => 1,
                    TableState::Damaged(_) => 2,
                    TableState::Absent | TableState::Foreign(_) => 3,
                }] += 1;
            }
        }
    }
    // Neither everything nor nothing is damage.
    assert!(states.iter().all(|&count| count > 5), "{states:?}");
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

/// Asks, then wipes.
const SEQUENCE: &str = r#"Sequence(schema: 1, name: "Wipe", steps: [Step(name: "P", action: PartitionDisk(disk: 0, style: Gpt, partitions: [(name: "All", size: Percent(100))]))])"#;

#[test]
fn what_is_wiped_stands_in_the_preflight_the_question_the_log_and_the_report() {
    if skip_lab() {
        return;
    }
    let what = [
        ("NTFS", "NTFS \"Archive\", 64 MiB"),
        ("data in the middle", "not known: first bytes 74 72 65 61"),
        (
            "GPT, entries of the first copy changed",
            "its first copy is damaged (the check sum of its entries is wrong)",
        ),
    ];
    for (name, wanted) in what {
        let layout = layouts().find(|layout| layout.name == name).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = image(folder.path(), layout.mib);
        (layout.make)(&path);
        let (sequence, state) = (folder.path().join("wipe.ron"), folder.path().join("state"));
        std::fs::write(&sequence, SEQUENCE).unwrap();
        let disk = format!("0={}", text(&path));
        let output = Command::new(env!("CARGO_BIN_EXE_wimforge"))
            .args(["run", text(&sequence), "--plain", "--confirm-disk", "0"])
            .args(["--disk", &disk, "--firmware", "uefi"])
            .args(["--state", text(&state)])
            .env("WIMFORGE_RUNTIME_DIR", folder.path().join("runtime"))
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{name}: {said}");
        let (before, after) = said.split_once("wipe disk 0?").unwrap();
        assert!(before.contains("WARNING  disk 0: "), "{name}: {said}");
        // Pre-flight and log in front of the question, then the question itself.
        assert!(before.matches(wanted).count() >= 2, "{name}: {said}");
        let question = after.split_once("answer with").unwrap().0;
        assert!(question.contains(wanted), "{name}: {said}");
        let kept = crate::common::system::files_below(&state);
        let read = |end: &str| {
            let file = kept.iter().find(|file| file.ends_with(end)).unwrap();
            std::fs::read_to_string(file).unwrap().replace("\\\"", "\"")
        };
        for file in ["wimforge.log", "report.json"] {
            assert!(read(file).contains(wanted), "{name}: {file}");
        }
    }
}
