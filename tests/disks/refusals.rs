//! Disks that must be left alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use wimforge::codes;
use wimforge::event::{Answered, QuestionKind};
use wimforge::platform::{Disk, Machine, PlatformError, Refusal};
use wimforge::sequence::settings::{FileSystem, PartitionDisk, PartitionKind, Size};
use wimforge::step::partition_disk;
use wimforge::step::testing::{RecordingHost, part};

use crate::bench::{MIB, digest_of, failure, image, machine, one_partition, text, tool, uefi};

#[test]
fn a_mounted_partition_is_refused_by_name() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let machine = Arc::new(machine(&path));
    let disk = machine.disk(0).unwrap();
    let nodes = machine.write_layout(&disk, &one_partition()).unwrap();
    tool("mkntfs", &["-Q", "-F", text(&nodes[0])]);
    let mounted = machine.mount_ntfs(&nodes[0], true).unwrap();
    let disk = machine.disk(0).unwrap();
    assert_eq!(disk.partitions[0].mounted_at, [mounted.path().to_owned()]);
    let host = RecordingHost::with(&[]);
    let cx = host.cx(machine.clone(), folder.path());
    let said = failure(&partition_disk::run(&uefi(), &cx).unwrap_err());
    assert_eq!(said.code, codes::SHARING_VIOLATION);
    let wanted = format!(
        "{} is mounted at {}",
        nodes[0].display(),
        mounted.path().display()
    );
    assert!(said.message.contains(&wanted), "{}", said.message);
    assert!(
        host.questions().is_empty(),
        "nobody is asked about a disk that is refused"
    );
    assert!(matches!(
        machine.write_layout(&disk, &one_partition()),
        Err(PlatformError::Refused { .. })
    ));
    assert!(machine.wipe_table(0).is_err());
    mounted.close().unwrap();
    assert_eq!(machine.disk(0).unwrap().refusals, []);
}

#[test]
fn read_only_held_and_open_disks_are_refused() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    {
        let machine = machine(&path);
        let disk = machine.disk(0).unwrap();
        assert_eq!(disk.refusals, [Refusal::ReadOnly(path.clone())]);
        assert!(matches!(
            machine.write_layout(&disk, &one_partition()),
            Err(PlatformError::Refused { .. })
        ));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let machine = machine(&path);
    let disk = machine.disk(0).unwrap();
    // A second loop device on top of the first holds it.
    let over = tool("losetup", &["-f", "--show", text(&disk.path)])
        .trim()
        .to_owned();
    let held = machine.disk(0).unwrap().refusals;
    let refused = machine.write_layout(&disk, &one_partition());
    tool("losetup", &["-d", &over]);
    let name = over.trim_start_matches("/dev/").to_owned();
    assert_eq!(
        held,
        [Refusal::Held {
            node: disk.path.clone(),
            holder: name
        }]
    );
    assert!(matches!(refused, Err(PlatformError::Refused { .. })));
    // Another loop device on the same file would not see our writes.
    let beside = tool("losetup", &["-f", "--show", text(&path)])
        .trim()
        .to_owned();
    let held = machine.disk(0).unwrap().refusals;
    tool("losetup", &["-d", &beside]);
    assert!(
        matches!(&held[..], [Refusal::Held { node, .. }] if *node == path),
        "{held:?}"
    );
    machine.write_layout(&disk, &one_partition()).unwrap();
}

#[test]
fn swap_is_refused() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let machine = machine(&path);
    let nodes = machine
        .write_layout(&machine.disk(0).unwrap(), &one_partition())
        .unwrap();
    tool("mkswap", &[text(&nodes[0])]);
    tool("swapon", &[text(&nodes[0])]);
    let refusals = machine.disk(0).unwrap().refusals;
    tool("swapoff", &[text(&nodes[0])]);
    assert!(
        refusals.contains(&Refusal::Swap(nodes[0].clone())),
        "{refusals:?}"
    );
}

#[test]
fn a_disk_that_changed_since_it_was_confirmed_is_left_alone() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let machine = machine(&path);
    let disk = machine.disk(0).unwrap();
    tool("sgdisk", &["-n", "1:0:+50M", text(&disk.path)]);
    let before = digest_of(&disk.path);
    let error = machine.write_layout(&disk, &one_partition()).unwrap_err();
    assert!(
        matches!(&error, PlatformError::Changed { number: 0, .. }),
        "{error}"
    );
    assert!(before == digest_of(&disk.path), "nothing may be written");
    let other = Disk {
        serial: "other".to_owned(),
        identity: String::new(),
        ..machine.disk(0).unwrap()
    };
    assert!(matches!(
        machine.write_layout(&other, &one_partition()),
        Err(PlatformError::Changed { .. })
    ));
}

#[test]
fn no_and_too_small_write_nothing() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 200 * MIB);
    tool("sgdisk", &["-n", "1:0:+50M", text(&path)]);
    let before = digest_of(&path);
    let machine = Arc::new(machine(&path));
    let host = RecordingHost::with(&[]);
    let cx = host.cx(machine.clone(), folder.path());
    let said = failure(&partition_disk::run(&uefi(), &cx).unwrap_err());
    assert_eq!(said.code, codes::UNEXPECTED);
    assert!(
        said.message
            .contains("partition 1 (System) needs 260 MiB (272629760 bytes)"),
        "{}",
        said.message
    );
    assert!(host.questions().is_empty());

    let small = PartitionDisk {
        partitions: vec![part(
            "Data",
            PartitionKind::Basic,
            Size::Percent(100),
            Some(FileSystem::Ntfs),
        )],
        ..uefi()
    };
    host.answer(Answered::No);
    let said = failure(&partition_disk::run(&small, &cx).unwrap_err());
    assert_eq!(said.code, codes::CANCELLED);
    assert!(
        matches!(&host.questions()[..], [QuestionKind::ConfirmDisk(facts)] if facts.contents.len() == 1)
    );
    assert!(partition_disk::run(&small, &cx).is_err(), "nobody answers");
    let missing = PartitionDisk { disk: 7, ..uefi() };
    let said = failure(&partition_disk::run(&missing, &cx).unwrap_err());
    assert_eq!(said.code, codes::INVALID_DRIVE);
    drop(cx);
    drop(machine);
    assert!(before == digest_of(&path), "nothing may be written");
}
