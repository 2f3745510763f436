//! What is captured is what is applied, and other tools read it.

use wimforge::wim::{Silent, Wim, WimCompression, WriteOptions};

use crate::bench::{FAST, Mount, capture, ntfs, run, small, text, xattr};

#[test]
fn a_captured_volume_is_read_by_other_tools_and_applies_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let source = ntfs(dir.path(), "source.img", 64);
    {
        let mount = Mount::new(&source, &dir.path().join("mnt"));
        let root = &mount.0;
        std::fs::create_dir_all(root.join("Windows/System32")).expect("folders");
        std::fs::create_dir_all(root.join("_WimforgeState")).expect("folders");
        std::fs::write(root.join("_WimforgeState/x"), "state").expect("a file");
        std::fs::write(root.join("Windows/a.txt"), vec![b'a'; 200_000]).expect("a file");
        std::fs::hard_link(
            root.join("Windows/a.txt"),
            root.join("Windows/System32/b.txt"),
        )
        .expect("a link");
        std::fs::write(root.join("Windows/a.txt:note"), "a stream").expect("a stream");
        std::fs::write(root.join("pagefile.sys"), vec![1; 100_000]).expect("a file");
    }
    let wim = dir.path().join("x.wim");
    let left_out = capture(&source, &wim, WimCompression::Lzx { level: 20 });
    for wanted in ["pagefile.sys", "_WimforgeState"] {
        assert!(
            left_out.iter().any(|path| path.ends_with(wanted)),
            "{wanted} is not in {left_out:?}"
        );
    }
    run("wimlib-imagex", &["verify", text(&wim)]);
    run("7z", &["t", text(&wim)]);
    let info = run("wimlib-imagex", &["info", text(&wim)]);
    assert!(info.contains("disk 0, partition 3"), "{info}");
    assert!(info.contains("Chunk Size:     32768 bytes"), "{info}");

    let opened = Wim::open(&wim, true, &Silent).expect("an opened WIM");
    let info = opened.info();
    assert_eq!(info.image_count, 1);
    assert!(info.has_integrity_table);
    assert_eq!(info.compression, "LZX");
    assert_eq!(info.images[0].name, "Windows");
    let image = &info.images[0];
    assert_eq!(image.total_bytes - image.hard_link_bytes, 200_008);
    opened.verify(&Silent).expect("a good WIM");
    opened.refuse_hostile_names(1).expect("good names");

    let target = ntfs(dir.path(), "target.img", 64);
    opened.apply_ntfs(1, &target, &Silent).expect("applied");
    let mount = Mount::new(&target, &dir.path().join("mnt2"));
    let a = std::fs::read(mount.0.join("Windows/a.txt")).expect("a file");
    assert_eq!(a, vec![b'a'; 200_000]);
    let stream = std::fs::read_to_string(mount.0.join("Windows/System32/b.txt:note"));
    assert_eq!(stream.expect("the link's stream"), "a stream");
    assert!(!mount.0.join("pagefile.sys").exists());
    assert!(!mount.0.join("_WimforgeState").exists());
}

#[test]
fn attributes_times_links_and_reparse_points_survive_the_round_trip() {
    const KEPT: [&str; 3] = [
        "system.ntfs_attrib_be",
        "system.ntfs_times",
        "system.ntfs_acl",
    ];
    let dir = tempfile::tempdir().expect("a folder");
    let source = ntfs(dir.path(), "source.img", 64);
    // A junction to \??\D:\Users, which no capture may rewrite: it leads out of the volume.
    let target: Vec<u8> = "\\??\\D:\\Users\0D:\\Users\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut junction = Vec::new();
    junction.extend(0xA000_0003_u32.to_le_bytes());
    junction.extend(
        u16::try_from(8 + target.len())
            .expect("short")
            .to_le_bytes(),
    );
    for number in [0_u16, 0, 24, 26, 16] {
        junction.extend(number.to_le_bytes());
    }
    junction.extend(&target);
    // "\??\D:\Users" is 12 characters: 24 bytes and a NUL of 2.
    let long = "ä".repeat(255);
    {
        let mount = Mount::new(&source, &dir.path().join("mnt"));
        let root = &mount.0;
        std::fs::create_dir_all(root.join("Progrém Files/empty")).expect("folders");
        std::fs::write(root.join(&long), "long").expect("a file");
        std::fs::write(root.join("h.txt"), "hidden").expect("a file");
        xattr::set(root.join("h.txt"), KEPT[0], &0x27_u32.to_be_bytes()).expect("attributes");
        let mut times = Vec::new();
        for time in [
            132_000_000_000_000_001_u64,
            131_000_000_000_000_007,
            133_000_000_000_000_009,
        ] {
            times.extend(time.to_le_bytes());
        }
        xattr::set(root.join("h.txt"), KEPT[1], &times).expect("times");
        let sparse = std::fs::File::create(root.join("sparse")).expect("a file");
        sparse.set_len(20 << 20).expect("a sparse file");
        std::fs::create_dir(root.join("junction")).expect("a folder");
        xattr::set(root.join("junction"), "system.ntfs_reparse_data", &junction)
            .expect("a junction");
    }
    let wim = dir.path().join("x.wim");
    capture(&source, &wim, FAST);
    let copy = ntfs(dir.path(), "copy.img", 64);
    let opened = Wim::open(&wim, true, &Silent).expect("an opened WIM");
    opened.apply_ntfs(1, &copy, &Silent).expect("applied");
    let room = opened.survey(1, &mut |_| {}).expect("good names").bytes;
    assert!(room < 1 << 20, "a sparse file counts with {room} bytes");

    let before = Mount::new(&source, &dir.path().join("before"));
    let after = Mount::new(&copy, &dir.path().join("after"));
    for name in [
        "h.txt",
        &long,
        "Progrém Files",
        "Progrém Files/empty",
        "junction",
        "sparse",
    ] {
        for what in KEPT {
            let (mut old, mut new) = (
                xattr(&before.0.join(name), what),
                xattr(&after.0.join(name), what),
            );
            if what == KEPT[1] {
                // The fourth time, of the last change of the record, has no place in a WIM; the third, of the last
                // access, moves when a test looks.
                old.truncate(16);
                new.truncate(16);
            }
            assert_eq!(old, new, "{what} of {name}");
        }
    }
    assert_eq!(
        xattr(&after.0.join("junction"), "system.ntfs_reparse_data"),
        junction
    );
    let long = std::fs::read_to_string(after.0.join(&long)).expect("the long name");
    assert_eq!(long, "long");
    let meta = std::fs::metadata(after.0.join("sparse")).expect("the sparse file");
    assert_eq!(meta.len(), 20 << 20);
    assert!(std::os::unix::fs::MetadataExt::blocks(&meta) < 100);
}

#[test]
fn every_compression_is_what_other_tools_say_it_is() {
    for (compression, kind) in [
        (WimCompression::Xpress, "XPRESS"),
        (WimCompression::Lzx { level: 50 }, "LZX"),
        (WimCompression::LzmsSolid, "LZMS"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let wim = small(dir.path(), compression, 300, true);
        let info = run("wimlib-imagex", &["info", text(&wim)]);
        assert!(
            info.contains(&format!("Compression:    {kind}")),
            "{kind}: {info}"
        );
        run("wimlib-imagex", &["verify", text(&wim)]);
        let opened = Wim::open(&wim, true, &Silent).expect("an opened WIM");
        assert_eq!(opened.info().compression, kind);
    }
}

#[test]
fn images_of_two_files_end_up_in_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let old = small(dir.path(), FAST, 100, true);
    let opened = Wim::open(&old, false, &Silent).expect("an opened WIM");
    let mut new = Wim::create(FAST).expect("a new WIM");
    new.append_from(&opened, None).expect("taken over");
    let source = dir.path().join("small.img");
    let index = new
        .add_ntfs(&source, "two", &[], &|_| {}, &Silent)
        .expect("a captured volume");
    assert_eq!(index, 2);
    let to = dir.path().join("new.wim");
    new.write(&to, &WriteOptions::default(), &Silent)
        .expect("a written WIM");
    run("wimlib-imagex", &["verify", text(&to)]);
    let names: Vec<String> = Wim::open(&to, true, &Silent)
        .expect("an opened WIM")
        .info()
        .images
        .into_iter()
        .map(|image| image.name)
        .collect();
    assert_eq!(names, ["one", "two"]);
}
