//! Disks on loop devices, end to end, judged by other tools.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use wimforge::cancel::{CancelLevel, CancelToken};
use wimforge::codes;
use wimforge::event::{Answered, QuestionKind};
use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::platform::machine::{
    FormatRequest, Mounted, Result as PlatformResult, ShareRequest, Space,
};
use wimforge::platform::{
    Disk, Firmware, FsKind, Layout, LayoutEntry, Machine, NtfsState, PartitionRef, PlatformError,
    Refusal, TableKind, show,
};
use wimforge::sequence::settings::{
    FileSystem, PartitionDef, PartitionDisk, PartitionKind, PartitionStyle, RestartTarget, Size,
};
use wimforge::step::error::StepError;
use wimforge::step::testing::RecordingHost;
use wimforge::step::{partition_disk, volumes};

const MIB: u64 = 1024 * 1024;

macro_rules! lab {
    () => {
        if std::env::var_os("WIMFORGE_SKIP_LAB").is_some() {
            return;
        }
    };
}

fn image(folder: &Path, bytes: u64) -> PathBuf {
    let path = folder.join("disk.img");
    File::create(&path).unwrap().set_len(bytes).unwrap();
    path
}

fn machine(image: &Path) -> LinuxMachine {
    LinuxMachine::new(MachineOptions {
        attached: vec![(0, image.to_owned())],
        ..MachineOptions::default()
    })
    .unwrap()
}

fn part(name: &str, kind: PartitionKind, size: Size, format: Option<FileSystem>) -> PartitionDef {
    PartitionDef {
        name: name.to_owned(),
        kind,
        size,
        format,
        label: if format.is_some() {
            name.to_owned()
        } else {
            String::new()
        },
        quick: true,
        bootable: false,
        attributes: Vec::new(),
        assign_letter: true,
        letter_variable: None,
    }
}

fn uefi() -> PartitionDisk {
    use PartitionKind as K;
    let mut partitions = vec![
        part("System", K::Efi, Size::MiB(260), Some(FileSystem::Fat32)),
        part("MSR", K::Msr, Size::MiB(16), None),
        part(
            "Windows",
            K::Basic,
            Size::Percent(90),
            Some(FileSystem::Ntfs),
        ),
        part(
            "Recovery",
            K::Recovery,
            Size::Percent(100),
            Some(FileSystem::Ntfs),
        ),
    ];
    partitions[0].assign_letter = false;
    partitions[2].letter_variable = Some("OSDisk".to_owned());
    partitions[3].assign_letter = false;
    PartitionDisk {
        disk: 0,
        style: PartitionStyle::Gpt,
        partitions,
    }
}

fn bios() -> PartitionDisk {
    use PartitionKind as K;
    let mut partitions = vec![
        part(
            "Reserved",
            K::Primary,
            Size::MiB(350),
            Some(FileSystem::Ntfs),
        ),
        part(
            "Windows",
            K::Primary,
            Size::Percent(80),
            Some(FileSystem::Ntfs),
        ),
        part(
            "Tools",
            K::Primary,
            Size::Percent(50),
            Some(FileSystem::Fat32),
        ),
        part(
            "Recovery",
            K::Recovery,
            Size::Percent(100),
            Some(FileSystem::Ntfs),
        ),
    ];
    partitions[0].bootable = true;
    PartitionDisk {
        disk: 0,
        style: PartitionStyle::Mbr,
        partitions,
    }
}

/// Runs a tool that must succeed; its output.
fn tool(name: &str, args: &[&str]) -> String {
    let out = Command::new(name)
        .args(args)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{name} is needed for this test: {error}"));
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(
        out.status.success(),
        "{name} {args:?}: {}\n{text}",
        out.status
    );
    text
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn failure(error: &StepError) -> wimforge::event::Failure {
    error.to_failure()
}

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

#[test]
fn ntfs_is_mounted_read_and_written_and_its_dirty_flag_seen() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 64 * MIB);
    tool("mkntfs", &["-Q", "-F", "-L", "Käse", text(&path)]);
    let machine = LinuxMachine::new(MachineOptions::default()).unwrap();
    let mounted = machine.mount_ntfs(&path, true).unwrap();
    let at = mounted.path().to_owned();
    fs::write(at.join("file.txt"), "hello").unwrap();
    mounted.close().unwrap();
    assert!(!at.exists());
    let mounted = machine.mount_ntfs(&path, false).unwrap();
    assert_eq!(
        fs::read_to_string(mounted.path().join("file.txt")).unwrap(),
        "hello"
    );
    assert!(fs::write(mounted.path().join("no"), "x").is_err());
    let at = mounted.path().to_owned();
    drop(mounted);
    assert!(!at.exists());
    assert_eq!(machine.ntfs_state(&path).unwrap(), NtfsState::Clean);

    // Hibernated: hiberfil.sys begins with `hibr`.
    let mounted = machine.mount_ntfs(&path, true).unwrap();
    let mut hibernation = vec![0_u8; 8192];
    hibernation[..4].copy_from_slice(b"hibr");
    fs::write(mounted.path().join("hiberfil.sys"), hibernation).unwrap();
    mounted.close().unwrap();
    assert_eq!(machine.ntfs_state(&path).unwrap(), NtfsState::Hibernated);
    let error = machine.mount_ntfs(&path, true).err().unwrap();
    assert!(error.to_string().contains("hibernated"), "{error}");

    // Not NTFS.
    let other = folder.path().join("zeros");
    File::create(&other).unwrap().set_len(MIB).unwrap();
    assert!(matches!(
        machine.ntfs_state(&other).unwrap(),
        NtfsState::Broken(_)
    ));
    assert!(machine.mount_ntfs(&other, false).is_err());
}

#[test]
fn a_set_dirty_flag_is_found() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 64 * MIB);
    tool("mkntfs", &["-Q", "-F", text(&path)]);
    // $Volume is MFT record 3; its flags are at 10 in the value of attribute 0x70.
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let mut boot = [0_u8; 512];
    file.read_exact_at(&mut boot, 0).unwrap();
    let cluster = u64::from(boot[13]) * 512;
    let mft = u64::from_le_bytes(boot[48..56].try_into().unwrap()) * cluster;
    let mut record = [0_u8; 1024];
    file.read_exact_at(&mut record, mft + 3 * 1024).unwrap();
    let at = 8 * record
        .chunks_exact(8)
        .position(|eight| eight[..4] == [0x70, 0, 0, 0])
        .unwrap();
    let value = u64::try_from(at + usize::from(record[at + 20])).unwrap();
    // The mirror holds the first four records too, and ntfs-3g compares them.
    let mirror = u64::from_le_bytes(boot[56..64].try_into().unwrap()) * cluster;
    for copy in [mft, mirror] {
        file.write_all_at(&[1, 0], copy + 3 * 1024 + value + 10)
            .unwrap();
    }
    drop(file);
    let machine = LinuxMachine::new(MachineOptions::default()).unwrap();
    assert_eq!(machine.ntfs_state(&path).unwrap(), NtfsState::Dirty);
}

fn one_partition() -> Layout {
    Layout {
        kind: TableKind::Gpt,
        entries: vec![LayoutEntry {
            start_bytes: MIB,
            bytes: 100 * MIB,
            type_id: "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7".to_owned(),
            name: "Data".to_owned(),
            attributes: 0,
            active: false,
        }],
    }
}

fn digest_of(path: &Path) -> Vec<u8> {
    let file = File::open(path).unwrap();
    let mut bytes = vec![0; 2 * usize::try_from(MIB).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

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

/// The real machine, but formatting fails at one partition.
struct Failing {
    inner: LinuxMachine,
    at: u32,
    /// Cancel instead of failing.
    cancel: Mutex<Option<CancelToken>>,
}

impl Machine for Failing {
    fn disks(&self) -> PlatformResult<Vec<Disk>> {
        self.inner.disks()
    }
    fn write_layout(&self, expected: &Disk, layout: &Layout) -> PlatformResult<Vec<PathBuf>> {
        self.inner.write_layout(expected, layout)
    }
    fn wipe_table(&self, number: u32) -> PlatformResult<()> {
        self.inner.wipe_table(number)
    }
    fn format(
        &self,
        request: &FormatRequest,
        progress: &dyn Fn(u64, u64),
        log: &dyn Fn(&str),
        cancel: &CancelToken,
    ) -> PlatformResult<()> {
        if request.at.partition == self.at {
            if let Some(token) = self.cancel.lock().unwrap().as_ref() {
                token.raise(CancelLevel::Asked);
            } else {
                return Err(PlatformError::Tool {
                    tool: "mkntfs".to_owned(),
                    code: 1,
                    tail: vec!["Input/output error".to_owned()],
                });
            }
        }
        self.inner.format(request, progress, log, cancel)
    }
    fn ntfs_state(&self, node: &Path) -> PlatformResult<NtfsState> {
        self.inner.ntfs_state(node)
    }
    fn mount_ntfs(&self, node: &Path, writable: bool) -> PlatformResult<Box<dyn Mounted>> {
        self.inner.mount_ntfs(node, writable)
    }
    fn mount_share(
        &self,
        request: &ShareRequest,
        cancel: &CancelToken,
    ) -> PlatformResult<Box<dyn Mounted>> {
        self.inner.mount_share(request, cancel)
    }
    fn space(&self, path: &Path) -> PlatformResult<Space> {
        self.inner.space(path)
    }
    fn firmware(&self) -> Firmware {
        self.inner.firmware()
    }
    fn identity(&self) -> Vec<(String, String)> {
        self.inner.identity()
    }
    fn restart(&self, target: RestartTarget) -> PlatformResult<bool> {
        self.inner.restart(target)
    }
}

#[test]
fn a_failure_or_cancel_leaves_no_valid_table_and_no_letters() {
    lab!();
    for cancelled in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = image(folder.path(), 1024 * MIB);
        let failing = Arc::new(Failing {
            inner: machine(&path),
            at: 4,
            cancel: Mutex::new(None),
        });
        let host = RecordingHost::with(&[]);
        host.answer(Answered::Yes);
        let cx = host.cx(failing.clone(), folder.path());
        if cancelled {
            *failing.cancel.lock().unwrap() = Some(cx.cancel.clone());
        }
        let error = partition_disk::run(&uefi(), &cx).unwrap_err();
        if cancelled {
            assert!(matches!(error, StepError::Cancelled), "{error}");
        } else {
            let said = failure(&error);
            assert_eq!(said.code, 1);
            assert_eq!(said.tail, ["Input/output error"]);
            assert!(
                said.message
                    .contains("the partition table of disk 0 was destroyed"),
                "{}",
                said.message
            );
        }
        let disk = failing.disk(0).unwrap();
        assert_eq!((disk.table, disk.partitions.len()), (TableKind::None, 0));
        assert!(!Path::new(&format!("{}p1", disk.path.display())).exists());
        assert_eq!(volumes::by_letter(host.as_ref(), 'C'), None);
        // A retry works.
        let well = RecordingHost::with(&[]);
        well.answer(Answered::Yes);
        *failing.cancel.lock().unwrap() = Some(CancelToken::new());
        partition_disk::run(&uefi(), &well.cx(failing.clone(), folder.path())).unwrap();
    }
}

#[test]
fn a_full_format_reports_progress_and_obeys_cancel() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 160 * MIB);
    let machine = machine(&path);
    machine
        .write_layout(&machine.disk(0).unwrap(), &one_partition())
        .unwrap();
    let at = PartitionRef {
        disk: 0,
        partition: 1,
    };
    for fs in [FileSystem::Ntfs, FileSystem::Fat32] {
        let request = FormatRequest {
            at,
            fs,
            label: "Data".to_owned(),
            quick: false,
        };
        let seen = Mutex::new(Vec::new());
        machine
            .format(
                &request,
                &|done, total| seen.lock().unwrap().push((done, total)),
                &|_| {},
                &CancelToken::new(),
            )
            .unwrap();
        let seen = seen.into_inner().unwrap();
        assert!(seen.len() > 10, "{fs:?}: {seen:?}");
        assert!(
            seen.windows(2).all(|two| two[0].0 <= two[1].0),
            "{fs:?}: {seen:?}"
        );
        assert_eq!(seen.last(), Some(&(100 * MIB, 100 * MIB)));
        let token = CancelToken::new();
        token.raise(CancelLevel::Asked);
        assert!(matches!(
            machine.format(&request, &|_, _| {}, &|_| {}, &token),
            Err(PlatformError::Cancelled)
        ));
    }
    let quick = FormatRequest {
        at,
        fs: FileSystem::Fat32,
        label: "Data".to_owned(),
        quick: true,
    };
    machine
        .format(&quick, &|_, _| {}, &|_| {}, &CancelToken::new())
        .unwrap();
    let node = machine.disk(0).unwrap().partitions[0].node.clone();
    tool("fsck.vfat", &["-n", text(&node)]);
    let bad = FormatRequest {
        label: "a/b".to_owned(),
        ..quick.clone()
    };
    assert!(
        machine
            .format(&bad, &|_, _| {}, &|_| {}, &CancelToken::new())
            .is_err()
    );
    let missing = FormatRequest {
        at: PartitionRef {
            disk: 0,
            partition: 9,
        },
        ..quick
    };
    assert!(matches!(
        machine.format(&missing, &|_, _| {}, &|_| {}, &CancelToken::new()),
        Err(PlatformError::NoPartition {
            disk: 0,
            partition: 9
        })
    ));
}

#[test]
fn an_image_left_attached_is_taken_over_and_detached() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let first = machine(&path);
    let node = first.disk(0).unwrap().path;
    // As after a kill: nobody detaches.
    std::mem::forget(first);
    let second = machine(&path);
    assert_eq!(second.disk(0).unwrap().path, node);
    assert_eq!(second.disks().unwrap().len(), 1);
    drop(second);
    let name = node.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(
        !fs::read_to_string(format!("/sys/block/{name}/loop/backing_file"))
            .unwrap_or_default()
            .contains("disk.img")
    );
}

#[test]
fn unfit_attachments_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let attach = |path: &Path| {
        LinuxMachine::new(MachineOptions {
            attached: vec![(0, path.to_owned())],
            ..MachineOptions::default()
        })
        .unwrap_err()
        .to_string()
    };
    assert!(attach(&folder.path().join("no.img")).contains("no.img"));
    assert!(attach(folder.path()).contains("neither an image file nor a block device"));
    let empty = folder.path().join("empty.img");
    File::create(&empty).unwrap();
    assert!(attach(&empty).contains("less than one sector"));
}

#[test]
fn real_disks_are_refused_outside_the_boot_medium() {
    lab!();
    let machine = LinuxMachine::new(MachineOptions::default()).unwrap();
    for disk in machine.disks().unwrap() {
        assert!(
            disk.refusals
                .iter()
                .any(|r| matches!(r, Refusal::RealDisk(_))),
            "{disk:?}"
        );
        assert!(!disk.path.to_string_lossy().contains("loop"));
    }
    let space = machine.space(Path::new("/proc/self")).unwrap();
    assert_eq!(space.kind, "proc");
    let root = machine.space(Path::new("/")).unwrap();
    assert!(root.total_bytes >= root.free_bytes && root.total_bytes > 0);
}
