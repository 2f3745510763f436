//! Partitioning and formatting from end to end.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use wimforge::event::{Answered, QuestionKind};
use wimforge::platform::{FsKind, Machine, NtfsState, PartitionRef, TableKind, show};
use wimforge::step::testing::RecordingHost;
use wimforge::step::{partition_disk, volumes};

use crate::bench::{MIB, bios, image, machine, text, tool, uefi};

#[test]
fn uefi_layout_end_to_end() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 2048 * MIB);
    let node;
    {
        let machine = Arc::new(machine(&path));
        let host = RecordingHost::with(&[]);
        host.answer(Answered::Yes);
        let cx = host.cx(machine.clone(), folder.path());
        partition_disk::run(&uefi(), &cx).unwrap();

        let disk = machine.disk(0).unwrap();
        node = disk.path.clone();
        assert_eq!(disk.table, TableKind::Gpt);
        assert_eq!(disk.model, "image file");
        assert_eq!(disk.refusals, []);
        let found: Vec<_> = disk
            .partitions
            .iter()
            .map(|p| {
                (
                    p.type_id.as_str(),
                    p.name.as_str(),
                    p.attributes,
                    p.fs.clone(),
                    p.label.as_str(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (
                    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
                    "System",
                    0,
                    FsKind::Fat32,
                    "SYSTEM"
                ),
                (
                    "e3c9e316-0b5c-4db8-817d-f92df00215ae",
                    "MSR",
                    0,
                    FsKind::None,
                    ""
                ),
                (
                    "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
                    "Windows",
                    0,
                    FsKind::Ntfs,
                    "Windows"
                ),
                (
                    "de94bba4-06d1-4d40-a16a-bfd50179d6ac",
                    "Recovery",
                    0x8000_0000_0000_0001,
                    FsKind::Ntfs,
                    "Recovery"
                ),
            ]
        );
        // The letter of the one partition that gets one, and its variable.
        assert_eq!(host.text("OSDisk"), "C:");
        let windows = PartitionRef {
            disk: 0,
            partition: 3,
        };
        assert_eq!(volumes::by_letter(host.as_ref(), 'C'), Some(windows));
        assert_eq!(volumes::by_letter(host.as_ref(), 'D'), None);
        assert_eq!(
            host.phases(),
            [
                "partitioning disk 0",
                "formatting partition 1 (System, FAT32)",
                "formatting partition 3 (Windows, NTFS)",
                "formatting partition 4 (Recovery, NTFS)"
            ]
        );
        assert!(
            matches!(&host.questions()[..], [QuestionKind::ConfirmDisk(facts)] if facts.bytes == 2048 * MIB && facts.table == "none")
        );

        let verified = tool("sgdisk", &["-v", text(&node)]);
        assert!(verified.contains("No problems found"), "{verified}");
        tool("sfdisk", &["--verify", text(&node)]);
        let fsck = tool("fsck.vfat", &["-n", text(&disk.partitions[0].node)]);
        assert!(
            !fsck.to_lowercase().contains("differ") && !fsck.contains("wrong"),
            "{fsck}"
        );
        for (index, hidden) in [
            (0, disk.partitions[0].start_bytes),
            (2, disk.partitions[2].start_bytes),
        ] {
            let file = File::open(&disk.partitions[index].node).unwrap();
            let mut raw = [0; 4];
            file.read_exact_at(&mut raw, 0x1C).unwrap();
            assert_eq!(
                u64::from(u32::from_le_bytes(raw)) * 512,
                hidden,
                "hidden sectors of {index}"
            );
        }
        let about = tool("ntfsinfo", &["-m", text(&disk.partitions[2].node)]);
        assert!(about.contains("Volume Name: Windows"), "{about}");
        assert_eq!(
            machine.ntfs_state(&disk.partitions[2].node).unwrap(),
            NtfsState::Clean
        );
        let shown = show::disks(&[disk]);
        assert!(shown.contains("NTFS \"Windows\" (basic data)"), "{shown}");
    }
    // Detached, and the whole of it in the file.
    assert_eq!(
        fs::read_to_string(format!(
            "/sys/block/{}/loop/backing_file",
            node.file_name().unwrap().to_str().unwrap()
        ))
        .unwrap_or_default()
        .trim(),
        ""
    );
    let verified = tool("sgdisk", &["-v", text(&path)]);
    assert!(verified.contains("No problems found"), "{verified}");
    // Attached again, the partitions are there at once.
    let again = machine(&path);
    let disk = again.disk(0).unwrap();
    assert!(disk.partitions.iter().all(|p| p.node.exists()));
    assert_eq!(disk.partitions[2].label, "Windows");
}

#[test]
fn bios_layout_end_to_end_over_an_old_gpt() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 2048 * MIB);
    tool("sgdisk", &["-n", "1:0:+100M", "-n", "2:0:0", text(&path)]);
    let machine = Arc::new(machine(&path));
    let host = RecordingHost::with(&[("OSDPartitionStyle", "MBR")]);
    host.answer(Answered::Yes);
    let cx = host.cx(machine.clone(), folder.path());
    assert_eq!(machine.disk(0).unwrap().partitions.len(), 2);
    partition_disk::run(&bios(), &cx).unwrap();
    let disk = machine.disk(0).unwrap();
    assert_eq!(disk.table, TableKind::Mbr);
    let types: Vec<_> = disk
        .partitions
        .iter()
        .map(|p| (p.type_id.as_str(), p.attributes))
        .collect();
    assert_eq!(types, [("0x07", 1), ("0x07", 0), ("0x0c", 0), ("0x27", 0)]);
    tool("sfdisk", &["--verify", text(&disk.path)]);
    let dump = tool("sfdisk", &["-d", text(&disk.path)]);
    assert!(
        dump.contains("label: dos") && dump.contains("type=27") && dump.contains("bootable"),
        "{dump}"
    );
    tool("fsck.vfat", &["-n", text(&disk.partitions[2].node)]);
    tool("ntfsinfo", &["-m", text(&disk.partitions[1].node)]);
    // All four are formatted and get letters in order.
    assert_eq!(
        volumes::by_letter(host.as_ref(), 'F'),
        Some(PartitionRef {
            disk: 0,
            partition: 4
        })
    );

    // And once more: letters do not pile up.
    host.answer(Answered::Yes);
    partition_disk::run(&bios(), &cx).unwrap();
    assert_eq!(
        volumes::by_letter(host.as_ref(), 'C'),
        Some(PartitionRef {
            disk: 0,
            partition: 1
        })
    );
    assert_eq!(volumes::by_letter(host.as_ref(), 'G'), None);
}
