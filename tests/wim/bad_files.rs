//! Damaged, foreign and hostile files.

use std::path::Path;

use wimforge::wim::{Silent, Wim, WimError};

use crate::bench::{FAST, ntfs, run, small, text};

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

/// wimlib frees memory twice at such a file: it must not see it.
#[test]
fn two_images_of_one_number_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = small(dir.path(), FAST, 4, false);
    let (source, twice) = (dir.path().join("small.img"), dir.path().join("twice.wim"));
    let mut wim = Wim::create(FAST).expect("a new WIM");
    for name in ["one", "two"] {
        wim.add_ntfs(&source, name, &[], &|_| {}, &Silent)
            .expect("a captured volume");
    }
    wim.write(&twice, &wimforge::wim::WriteOptions::default(), &Silent)
        .expect("a written WIM");
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let mut bytes = std::fs::read(&twice).expect("a WIM");
    let (from, to) = (utf16("INDEX=\"1\""), utf16("INDEX=\"2\""));
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .expect("in the XML data");
    bytes[at..at + to.len()].copy_from_slice(&to);
    std::fs::write(&path, bytes).expect("a file");
    let error = Wim::open(&path, false, &Silent).expect_err("refused");
    assert!(matches!(error, WimError::Corrupt { .. }), "{error:?}");
    assert_eq!(error.messages(), ["two images have the number 2"]);
    assert_eq!(error.code(), 0x8007_000D);
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
