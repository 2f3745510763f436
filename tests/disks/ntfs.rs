//! NTFS volumes: mounted, and their dirty flag.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::platform::{Machine, NtfsState};

use crate::bench::{MIB, image, text, tool};

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
