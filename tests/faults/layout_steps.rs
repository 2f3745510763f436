//! What steps do with disks that have no table, or one that is damaged: captured as one volume, or refused with the reason.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wimforge::event::Artifact;
use wimforge::platform::Machine;
use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::sequence::settings::{
    ApplyOperatingSystem, CaptureOperatingSystem, Compression, Destination, Existing, ImageSelect,
    ProductKeys, UnsupportedFiles, Verify,
};
use wimforge::step::cx::{StepCx, StepEnd};
use wimforge::step::testing::RecordingHost;
use wimforge::step::{apply_os, capture_os};

use crate::common::system::{skip_lab, text, tool};
use crate::disk_layouts::{MIB, layouts, put};

/// A disk that a layout was made on, and a step's surroundings.
struct Lab {
    folder: tempfile::TempDir,
    disk: PathBuf,
    host: Arc<RecordingHost>,
}

impl Lab {
    fn new(mib: u64, make: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk.img");
        File::create(&disk).unwrap().set_len(mib * MIB).unwrap();
        make(&disk);
        Self {
            folder,
            disk,
            host: RecordingHost::with(&[]),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn with<T>(&self, run: impl FnOnce(&StepCx) -> T) -> T {
        let machine = LinuxMachine::new(MachineOptions {
            attached: vec![(0, self.disk.clone())],
            ..MachineOptions::default()
        });
        run(&self
            .host
            .cx(Arc::new(machine.unwrap()), &self.path("scratch")))
    }

    /// How the step ended, and the image it was to write.
    fn capture(&self) -> (Result<StepEnd, String>, PathBuf) {
        let image = self.path("out.wim");
        let settings = CaptureOperatingSystem {
            destination: text(&image).to_owned(),
            account: String::new(),
            password_variable: None,
            creator: None,
            description: None,
            version: None,
            existing: Existing::Refuse,
            compression: Compression::Fast,
            verify: Verify::Full,
            unsupported_files: UnsupportedFiles::Refuse,
            product_keys: ProductKeys::Remove,
            keep_partial: false,
            exclude: Vec::new(),
        };
        let end = self.with(|cx| capture_os::run(&settings, cx));
        (end.map_err(|error| error.to_failure().message), image)
    }

    /// The failure of an image that is applied to the disk.
    fn apply(&self, destination: Destination) -> String {
        let (tree, image) = (self.path("tree"), self.path("in.wim"));
        std::fs::create_dir_all(&tree).unwrap();
        std::fs::write(tree.join("file"), "contents").unwrap();
        if !image.exists() {
            tool("wimlib-imagex", &["capture", text(&tree), text(&image)]);
        }
        let settings = ApplyOperatingSystem {
            image: text(&image).to_owned(),
            index: ImageSelect::Index(1),
            destination,
            architecture: None,
            verify: true,
        };
        let end = self.with(|cx| apply_os::run(&settings, cx));
        end.unwrap_err().to_failure().message
    }
}

#[test]
fn a_volume_that_takes_a_whole_disk_is_captured() {
    if skip_lab() {
        return;
    }
    let ntfs: fn(&Path) = |disk| {
        tool("mkntfs", &["-q", "-F", "-L", "Archive", text(disk)]);
        let machine = LinuxMachine::new(MachineOptions::default()).unwrap();
        let mounted = machine.mount_ntfs(disk, true).unwrap();
        std::fs::write(mounted.path().join("kept.txt"), "kept").unwrap();
        mounted.close().unwrap();
    };
    let fat32: fn(&Path) = |disk| {
        let file = disk.with_extension("txt");
        std::fs::write(&file, "kept").unwrap();
        tool("mkfs.vfat", &["-F", "32", "-n", "Archive", text(disk)]);
        tool("mcopy", &["-i", text(disk), text(&file), "::kept.txt"]);
    };
    for (kind, make) in [("NTFS", ntfs), ("FAT32", fat32)] {
        let lab = Lab::new(64, make);
        let (end, image) = lab.capture();
        assert_eq!(end, Ok(StepEnd::Done), "{kind}");
        let listed = tool("wimlib-imagex", &["dir", text(&image), "1"]);
        assert!(listed.contains("/kept.txt"), "{kind}: {listed}");
        let about = tool("wimlib-imagex", &["info", text(&image)]);
        assert!(about.to_lowercase().contains("archive"), "{kind}: {about}");
        assert!(lab.host.logged("the whole disk 0"), "{kind}");
    }
}

#[test]
fn a_whole_disk_that_cannot_be_captured_is_named_with_what_it_holds() {
    if skip_lab() {
        return;
    }
    for name in [
        "ext4",
        "data in the middle",
        "FAT16",
        "exFAT",
        "a Sun label",
    ] {
        let layout = layouts().find(|layout| layout.name == name).unwrap();
        let lab = Lab::new(layout.mib, layout.make);
        let (end, image) = lab.capture();
        let message = end.unwrap_err();
        assert!(
            message.starts_with("there is no NTFS or FAT32 volume"),
            "{message}"
        );
        let wanted = match name {
            "data in the middle" => "74 72 65 61 73 75 72 65 |treasure| at byte 30000123",
            "FAT16" => "FAT12 and FAT16 are not supported",
            "exFAT" => "exFAT is not supported",
            "a Sun label" => "a table of the kind sun",
            _ => "ext4 is not a Windows file system",
        };
        assert!(message.contains(wanted), "{name}: {message}");
        assert!(!image.exists());
        assert!(
            lab.host
                .artifacts()
                .iter()
                .any(|made| matches!(made, Artifact::SkippedVolume { .. })),
            "{name}"
        );
    }
}

#[test]
fn nothing_is_captured_from_or_applied_to_a_disk_whose_table_is_damaged() {
    if skip_lab() {
        return;
    }
    let damaged = layouts().filter(|layout| layout.damaged);
    assert!(damaged.clone().count() >= 12);
    for layout in damaged {
        let name = layout.name;
        let lab = Lab::new(layout.mib, layout.make);
        let before = lab.disk.metadata().unwrap().modified().unwrap();
        let (end, image) = lab.capture();
        let explicit = lab.apply(Destination::Partition(0, 1));
        let next = lab.apply(Destination::NextAvailable);
        for message in [end.unwrap_err(), explicit, next] {
            assert!(
                message.contains("its partition table is damaged: "),
                "{name}: {message}"
            );
            assert!(message.contains("sgdisk -e"), "{name}: {message}");
        }
        assert!(!image.exists(), "{name}");
        let after = lab.disk.metadata().unwrap().modified().unwrap();
        assert_eq!(before, after, "{name}: it was written to");
    }
}

#[test]
fn a_volume_that_looks_like_two_things_is_neither_captured_nor_applied_to() {
    if skip_lab() {
        return;
    }
    let lab = Lab::new(64, |disk| {
        tool("sgdisk", &["-n", "1:0:0", "-t", "1:0700", text(disk)]);
        let volume = disk.with_extension("volume");
        File::create(&volume).unwrap().set_len(40 * MIB).unwrap();
        tool("mkntfs", &["-q", "-F", text(&volume)]);
        put(disk, MIB, &std::fs::read(&volume).unwrap());
        put(disk, MIB + 64 * 1024 + 64, b"_BHRfS_M");
    });
    let message = lab.capture().0.unwrap_err();
    assert!(
        message.contains("looks like NTFS and btrfs at once"),
        "{message}"
    );
    let message = lab.apply(Destination::Partition(0, 1));
    assert!(message.contains("holds NTFS and btrfs"), "{message}");
}
