//! WIM files against NTFS image files, judged by other tools.
#![allow(
    clippy::expect_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wimforge::wim::{
    Monitor, Silent, Wim, WimCompression, WimError, WimPhase, WimProgress, WriteOptions,
};

fn run(program: &str, args: &[&str]) -> String {
    let out = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    assert!(
        out.status.success(),
        "{program} {args:?}: {}\n{}{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A fresh NTFS image file.
fn ntfs(dir: &Path, name: &str, mib: u64) -> PathBuf {
    let path = dir.join(name);
    std::fs::File::create(&path)
        .and_then(|file| file.set_len(mib * 1024 * 1024))
        .expect("a sparse file");
    run("mkntfs", &["-q", "-Q", "-F", text(&path)]);
    path
}

/// An NTFS image file mounted by ntfs-3g; unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(image: &Path, at: &Path) -> Self {
        std::fs::create_dir_all(at).expect("a mount point");
        run(
            "ntfs-3g",
            &[
                "-o",
                "streams_interface=windows,noatime",
                text(image),
                text(at),
            ],
        );
        Self(at.to_path_buf())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        for _ in 0..50 {
            let done = Command::new("umount")
                .arg(&self.0)
                .stderr(Stdio::null())
                .status();
            if done.is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

fn capture(image: &Path, wim: &Path, compression: WimCompression) -> Vec<String> {
    let left_out = RefCell::new(Vec::new());
    let mut new = Wim::create(compression).expect("a new WIM");
    let index = new
        .add_ntfs(
            image,
            "Windows",
            &["/_WimforgeState".to_owned(), "[odd] name".to_owned()],
            &|path| left_out.borrow_mut().push(path.to_owned()),
            &Silent,
        )
        .expect("a captured volume");
    assert_eq!(index, 1);
    new.set_image_property(1, "DESCRIPTION", "disk 0, partition 3")
        .expect("a description");
    new.write(wim, &WriteOptions::default(), &Silent)
        .expect("a written WIM");
    left_out.into_inner()
}

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

/// A WIM of one small volume; `integrity` as told.
fn small(dir: &Path, compression: WimCompression, kib: usize, integrity: bool) -> PathBuf {
    let source = ntfs(dir, "small.img", 64);
    {
        let mount = Mount::new(&source, &dir.join("small.mnt"));
        std::fs::create_dir(mount.0.join("dir")).expect("a folder");
        let data: Vec<u8> = (0_u32..)
            .map(|number| number.wrapping_mul(2_654_435_761))
            .flat_map(u32::to_le_bytes)
            .take(kib * 1024)
            .collect();
        std::fs::write(mount.0.join("dir/bulk.bin"), data).expect("a file");
        std::fs::write(mount.0.join("dir/zz"), "hello").expect("a file");
    }
    let path = dir.join("small.wim");
    let mut wim = Wim::create(compression).expect("a new WIM");
    wim.add_ntfs(&source, "one", &[], &|_| {}, &Silent)
        .expect("a captured volume");
    let options = WriteOptions {
        integrity,
        ..WriteOptions::default()
    };
    wim.write(&path, &options, &Silent).expect("a written WIM");
    path
}

const FAST: WimCompression = WimCompression::Xpress;

fn xattr(path: &Path, name: &str) -> Vec<u8> {
    xattr::get(path, name)
        .ok()
        .flatten()
        .unwrap_or_else(|| panic!("{} has no {name}", path.display()))
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
    let room = opened.survey(1).expect("good names");
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
fn bad_sources_are_named_with_their_cause() {
    let dir = tempfile::tempdir().expect("a folder");
    let good = small(dir.path(), FAST, 300, true);
    let bytes = std::fs::read(&good).expect("a WIM");
    let bad = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        let error = Wim::open(&path, false, &Silent).expect_err(name);
        let message = error.to_string();
        assert!(message.contains(name), "{message}");
        error
    };
    for keep in [60, 208, 5000, bytes.len() - 100] {
        let error = bad("cut.wim", &bytes[..keep]);
        assert!(
            matches!(error, WimError::Truncated { .. }),
            "{keep}: {error:?}"
        );
    }
    let error = bad("garbage.wim", &[0x5a; 4096]);
    assert!(matches!(error, WimError::NotAWim { .. }), "{error:?}");
    let error = bad("nothing.wim", &[]);
    assert!(
        matches!(error, WimError::NotAWim { .. } | WimError::Truncated { .. }),
        "{error:?}"
    );
    let error = Wim::open(&dir.path().join("not there.wim"), false, &Silent).expect_err("none");
    assert_eq!(error.code(), 0x8007_0002);
    let error = Wim::open(dir.path(), false, &Silent).expect_err("a folder");
    assert!(matches!(error, WimError::NotAWim { .. }), "{error:?}");

    let opened = Wim::open(&good, false, &Silent).expect("an opened WIM");
    let error = opened
        .apply_ntfs(3, &dir.path().join("none"), &Silent)
        .expect_err("no image 3");
    assert_eq!(error.code(), 0x8007_0057);
    assert!(
        error
            .to_string()
            .ends_with("has no image 3: it has 1 image, 1 \"one\"")
    );
}

#[test]
fn an_encrypted_image_file_is_named_as_such() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = small(dir.path(), FAST, 4, false);
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let mut bytes = std::fs::read(&path).expect("a WIM");
    // The last one: each image has a size as well.
    let find = |what: &[u8]| {
        bytes
            .windows(what.len())
            .rposition(|window| window == what)
            .expect("in the XML data")
    };
    // The mark of an encrypted ESD takes the place of the file's size, padded to its length.
    let (from, until) = (find(&utf16("<TOTALBYTES>")), find(&utf16("</TOTALBYTES>")));
    let length = (until - from) / 2 + "</TOTALBYTES>".len();
    let mark = format!("{:length$}", "<ESD><ENCRYPTED/></ESD>");
    bytes[from..from + 2 * length].copy_from_slice(&utf16(&mark));
    std::fs::write(&path, bytes).expect("a file");
    let error = Wim::open(&path, false, &Silent).expect_err("encrypted");
    assert!(matches!(error, WimError::Encrypted { .. }), "{error:?}");
    assert!(
        error.to_string().contains("small.wim is encrypted"),
        "{error}"
    );
}

#[test]
fn damage_is_found_by_the_table_and_by_the_hashes() {
    for integrity in [true, false] {
        let dir = tempfile::tempdir().expect("a folder");
        let path = small(dir.path(), FAST, 300, integrity);
        let mut bytes = std::fs::read(&path).expect("a WIM");
        for byte in &mut bytes[4000..4100] {
            *byte ^= 0x11;
        }
        std::fs::write(&path, bytes).expect("a file");
        let error = if integrity {
            Wim::open(&path, true, &Silent).expect_err("damaged")
        } else {
            let wim = Wim::open(&path, true, &Silent).expect("nothing to check with");
            wim.verify(&Silent).expect_err("damaged")
        };
        assert_eq!(error.code(), 0x8007_000D, "{error:?}");
        assert!(error.to_string().contains("is damaged"), "{error}");
    }
}

#[test]
fn a_missing_part_is_named_and_all_parts_apply() {
    let dir = tempfile::tempdir().expect("a folder");
    let whole = small(dir.path(), FAST, 4000, false);
    let first = dir.path().join("part.swm");
    run("wimlib-imagex", &["split", text(&whole), text(&first), "1"]);
    let second = dir.path().join("part2.swm");
    assert!(second.is_file(), "the WIM was not split");

    let opened = Wim::open(&first, false, &Silent).expect("all parts");
    opened.verify(&Silent).expect("good parts");
    let target = ntfs(dir.path(), "target.img", 64);
    opened.apply_ntfs(1, &target, &Silent).expect("applied");
    drop(opened);

    let error = Wim::open(&second, false, &Silent).expect_err("not the first");
    assert!(error.to_string().contains("is part 2 of"), "{error}");
    std::fs::remove_file(&second).expect("removed");
    let error = Wim::open(&first, false, &Silent).expect_err("a part is missing");
    assert!(
        error.to_string().contains("part 2 is missing") && error.to_string().contains("part2.swm"),
        "{error}"
    );
}

/// Patches the name of `dir/zz` in an uncompressed metadata resource and mends the SHA-1 the table has of it.
fn rename_zz(wim: &Path, to: &str) {
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let mut bytes = std::fs::read(wim).expect("a WIM");
    let find =
        |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let number = |bytes: &[u8], at: usize| {
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
    };
    let at = |number: u64| usize::try_from(number).expect("a small file");
    // Header: the blob table's resource header lies at 48: 7 bytes of size, flags, offset, original size.
    let table = at(number(&bytes, 56));
    let table_bytes = at(number(&bytes, 64));
    // Table entries: resource header (24), part (2), reference count (4), SHA-1 (20). Flag 2: metadata.
    let entry = (table..table + table_bytes)
        .step_by(50)
        .find(|&entry| bytes[entry + 7] & 2 != 0)
        .expect("a metadata resource");
    assert_eq!(bytes[entry + 7] & 4, 0, "the metadata is compressed");
    let (from, size) = (
        at(number(&bytes, entry + 8)),
        at(number(&bytes, entry + 16)),
    );
    let digest = |bytes: &[u8]| -> Vec<u8> {
        let file = wim.with_extension("metadata");
        std::fs::write(&file, bytes).expect("a file");
        let sum = run("sha1sum", &[text(&file)]);
        (0..20)
            .map(|i| u8::from_str_radix(&sum[i * 2..i * 2 + 2], 16).expect("a digest"))
            .collect()
    };
    assert_eq!(
        bytes[entry + 30..entry + 50],
        digest(&bytes[from..from + size])
    );
    let place = from + find(&bytes[from..from + size], &utf16("zz\0")).expect("the name");
    bytes[place..place + 4].copy_from_slice(&utf16(to));
    let new = digest(&bytes[from..from + size]);
    bytes[entry + 30..entry + 50].copy_from_slice(&new);
    std::fs::write(wim, bytes).expect("a file");
}

#[test]
fn hostile_names_are_refused() {
    for name in ["..", "a/", "\\a", "a\0"] {
        let dir = tempfile::tempdir().expect("a folder");
        let compressed = small(dir.path(), FAST, 4, false);
        let wim = dir.path().join("hostile.wim");
        run(
            "wimlib-imagex",
            &[
                "export",
                text(&compressed),
                "1",
                text(&wim),
                "--compress=none",
            ],
        );
        let opened = Wim::open(&wim, false, &Silent).expect("an opened WIM");
        opened.refuse_hostile_names(1).expect("good names so far");
        rename_zz(&wim, name);
        let opened = Wim::open(&wim, true, &Silent).expect("an opened WIM");
        opened.verify(&Silent).expect("the hashes were mended");
        let error = opened.refuse_hostile_names(1).expect_err(name);
        assert!(
            matches!(error, WimError::Hostile { .. }) && error.to_string().contains("dir"),
            "{name:?}: {error:?}"
        );
    }
}

/// Breaks when `phase` starts; counts signs.
struct Stop(WimPhase, Cell<u32>);

impl Monitor for Stop {
    fn update(&self, progress: &WimProgress<'_>) -> ControlFlow<()> {
        self.1.set(self.1.get() + 1);
        if progress.phase == self.0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[test]
fn a_monitor_ends_every_kind_of_work() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = small(dir.path(), FAST, 4000, true);
    let stop = |phase| Stop(phase, Cell::new(0));
    let aborted = |result: Result<(), WimError>, what: &str| {
        let error = result.expect_err(what);
        assert!(matches!(error, WimError::Aborted), "{what}: {error:?}");
        assert_eq!(error.code(), 0x8007_04C7);
    };
    aborted(
        Wim::open(&path, true, &stop(WimPhase::Integrity)).map(drop),
        "open",
    );
    let wim = Wim::open(&path, false, &Silent).expect("an opened WIM");
    aborted(wim.verify(&stop(WimPhase::Verifying)), "verify");
    for phase in [WimPhase::ExtractingStructure, WimPhase::Extracting] {
        let target = ntfs(dir.path(), "target.img", 64);
        aborted(wim.apply_ntfs(1, &target, &stop(phase)), "apply");
    }
    let source = dir.path().join("small.img");
    let mut new = Wim::create(FAST).expect("a new WIM");
    let watch = stop(WimPhase::Scanning);
    let added = new.add_ntfs(&source, "x", &[], &|_| {}, &watch);
    aborted(added.map(drop), "scan");
    let mut new = Wim::create(FAST).expect("a new WIM");
    new.add_ntfs(&source, "x", &[], &|_| {}, &Silent)
        .expect("a captured volume");
    let to = dir.path().join("new.wim");
    aborted(
        new.write(&to, &WriteOptions::default(), &stop(WimPhase::Writing)),
        "write",
    );
}

#[test]
fn progress_reaches_its_total_and_names_paths() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = small(dir.path(), FAST, 4000, true);
    let seen = RefCell::new(Vec::new());
    let watch = |progress: &WimProgress<'_>| {
        seen.borrow_mut()
            .push((progress.phase, progress.done, progress.total));
        ControlFlow::Continue(())
    };
    let wim = Wim::open(&path, true, &watch).expect("an opened WIM");
    wim.verify(&watch).expect("a good WIM");
    let target = ntfs(dir.path(), "target.img", 64);
    wim.apply_ntfs(1, &target, &watch).expect("applied");
    for phase in [
        WimPhase::Integrity,
        WimPhase::Verifying,
        WimPhase::Extracting,
    ] {
        let last = seen
            .borrow()
            .iter()
            .rev()
            .find(|(p, ..)| *p == phase)
            .copied();
        let (_, done, total) = last.unwrap_or_else(|| panic!("no {phase:?}"));
        assert_eq!(done, total, "{phase:?}");
        assert!(total > 0);
    }
}

#[test]
fn a_panicking_observer_does_not_unwind_through_wimlib() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = small(dir.path(), FAST, 100, true);
    let wim = Wim::open(&path, false, &Silent).expect("an opened WIM");
    let bad = |_: &WimProgress<'_>| -> ControlFlow<()> { panic!("on purpose") };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wim.verify(&bad)));
    assert!(caught.is_err());
    wim.verify(&Silent).expect("the handle still works");
}

#[test]
fn troubles_with_the_volume_come_with_what_wimlib_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = small(dir.path(), FAST, 30_000, false);
    let wim = Wim::open(&path, false, &Silent).expect("an opened WIM");
    let blank = dir.path().join("blank.img");
    std::fs::write(&blank, vec![0; 1 << 20]).expect("a file");
    let error = wim.apply_ntfs(1, &blank, &Silent).expect_err("not NTFS");
    assert!(error.to_string().contains("blank.img"), "{error}");
    assert!(!error.messages().is_empty(), "{error:?}");
    let tiny = ntfs(dir.path(), "tiny.img", 16);
    let error = wim.apply_ntfs(1, &tiny, &Silent).expect_err("too small");
    assert!(matches!(error, WimError::Full { .. }), "{error:?}");
    assert_eq!(error.code(), 0x8007_0070);
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
