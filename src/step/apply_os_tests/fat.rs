//! Images that go to FAT32.

use super::*;

#[test]
fn a_system_image_goes_to_fat32_with_its_attributes() {
    let mut lab = Lab::new().with_volumes(1);
    let wim = lab.wim(&["system", "windows"], 20, true);
    let esp = lab.dir.path().join("esp.img");
    std::fs::File::create(&esp)
        .and_then(|file| file.set_len(64 * units::MIB))
        .unwrap();
    run_tool("mkfs.fat", &["-F", "32", esp.to_str().unwrap()]);
    let open = |path: &Path| {
        let device = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        fatfs::FileSystem::new(device, fatfs::FsOptions::new()).unwrap()
    };
    {
        let volume = open(&esp);
        let root = volume.root_dir();
        root.create_dir("EFI").unwrap();
        root.create_dir("EFI/old").unwrap();
        root.create_file("EFI/old/gone.efi").unwrap();
        root.create_dir("_WimforgeState").unwrap();
        root.create_file("_WimforgeState/state").unwrap();
    }
    let bytes = 64;
    let system = partition(1, esp.clone(), bytes, ESP, FsKind::Fat32);
    lab.machine.disks[0].partitions[0] = system;
    let source = lab.dir.path().join("source0.img");
    lab.inside(&source, |root| {
        let file = root.join("Windows/name.txt");
        xattr::set(file, "system.ntfs_attrib_be", &0x07_u32.to_be_bytes()).unwrap();
    });
    // Captured anew, now with a hidden, read-only system file.
    let mut images = Wim::create(WimCompression::Xpress).unwrap();
    for name in ["source0.img", "source1.img"] {
        let node = lab.dir.path().join(name);
        images.add_ntfs(&node, name, &[], &|_| {}, &Silent).unwrap();
    }
    images
        .write(&wim, &WriteOptions::default(), &Silent)
        .unwrap();

    let (result, host, machine, dir) = lab.run(&settings(&wim));
    assert_eq!(result.unwrap(), StepEnd::Done, "{}", host.logged());
    let volume = open(&esp);
    let root = volume.root_dir();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut root.open_file("Windows/name.txt").unwrap(), &mut text)
        .unwrap();
    assert_eq!(text, "system");
    let windows = root.open_dir("Windows").unwrap();
    let entry = windows
        .iter()
        .map(std::result::Result::unwrap)
        .find(|entry| entry.file_name() == "name.txt")
        .unwrap();
    assert_eq!(entry.attributes().bits(), 0x07);
    assert!(root.open_file("_WimforgeState/state").is_ok());
    assert!(root.open_dir("EFI").is_err());
    let applied = read(&machine, "volume0.img", "Windows/name.txt", dir.path());
    assert_eq!(applied.as_deref(), Some("windows"));
    assert_eq!(host.text("_WimforgeAppliedVolumes"), "0,1;0,2");
    drop(windows);
    drop(root);
    drop(volume);
    run_tool("fsck.fat", &["-n", esp.to_str().unwrap()]);
    let left = std::fs::read_dir(dir.path().join("scratch"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "the scratch volume was left behind");
}
