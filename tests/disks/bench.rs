//! What the tests share: image files, layouts, other tools.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::platform::{Layout, LayoutEntry, TableKind};
use wimforge::sequence::settings::{
    FileSystem, PartitionDisk, PartitionKind, PartitionStyle, Size,
};
use wimforge::step::error::StepError;
use wimforge::step::testing::part;

pub use crate::system::{text, tool};

pub const MIB: u64 = 1024 * 1024;

pub fn image(folder: &Path, bytes: u64) -> PathBuf {
    let path = folder.join("disk.img");
    File::create(&path).unwrap().set_len(bytes).unwrap();
    path
}

pub fn machine(image: &Path) -> LinuxMachine {
    LinuxMachine::new(MachineOptions {
        attached: vec![(0, image.to_owned())],
        ..MachineOptions::default()
    })
    .unwrap()
}

pub fn uefi() -> PartitionDisk {
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

pub fn bios() -> PartitionDisk {
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

pub fn failure(error: &StepError) -> wimforge::event::Failure {
    error.to_failure()
}

pub fn one_partition() -> Layout {
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

pub fn digest_of(path: &Path) -> Vec<u8> {
    let file = File::open(path).unwrap();
    let mut bytes = vec![0; 2 * usize::try_from(MIB).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}
