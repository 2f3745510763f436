//! Image files as disks, and real disks outside the boot medium.

use std::fs::File;
use std::path::Path;

use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::platform::{Machine, Refusal};

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
