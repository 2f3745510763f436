//! A capture that adds to a WIM leaves it what it was: what `wimlib-imagex append` keeps is the measure.

use std::path::Path;

use wimforge::codes;
use wimforge::step::cx::StepEnd;

use crate::lab::{noise, skip, text, tool};
use crate::volumes::{capture, disk_of};

/// Lines of the header that belong to the file and not to its images.
fn header(wim: &Path) -> Vec<String> {
    const KEPT: [&str; 6] = [
        "GUID",
        "Boot Index",
        "Flags",
        "Wim Version",
        "Chunk Size",
        "Magic Characters",
    ];
    let all = tool("wimlib-imagex", &["info", text(wim), "--header"]);
    let wanted = |line: &&str| KEPT.iter().any(|word| line.trim_start().starts_with(word));
    let mut lines: Vec<String> = all.lines().filter(wanted).map(str::to_owned).collect();
    assert!(lines.len() >= 5, "{all}");
    let more = tool("wimlib-imagex", &["info", text(wim)]);
    let compression = more.lines().find(|line| line.starts_with("Compression:"));
    lines.push(compression.unwrap().to_owned());
    lines
}

/// The XML data of the first image, byte by byte.
fn first_image(wim: &Path) -> String {
    let file = wim.with_extension("xml");
    tool(
        "wimlib-imagex",
        &["info", text(wim), &format!("--extract-xml={}", text(&file))],
    );
    let units: Vec<u16> = std::fs::read(file)
        .unwrap()
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let xml = String::from_utf16(&units).unwrap();
    let from = xml.find("<IMAGE INDEX=\"1\"").unwrap();
    let to = xml[from..].find("</IMAGE>").unwrap();
    xml[from..from + to].to_owned()
}

/// A folder with a link in it, so that the file's header says that links are mended.
fn boot_tree(folder: &Path) {
    std::fs::create_dir_all(folder.join("Boot")).unwrap();
    std::fs::write(folder.join("Boot/boot.bin"), noise(100_000, 4)).unwrap();
    std::fs::write(folder.join("text"), "a line\n".repeat(9000)).unwrap();
    std::os::unix::fs::symlink("Boot/boot.bin", folder.join("link")).unwrap();
}

fn small_disk(folder: &Path) -> std::path::PathBuf {
    let (volume, disk) = (folder.join("volume.img"), folder.join("disk.img"));
    std::fs::File::create(&volume)
        .unwrap()
        .set_len(36 << 20)
        .unwrap();
    tool("mkfs.fat", &["-F", "32", "-s", "1", text(&volume)]);
    let file = folder.join("small.bin");
    std::fs::write(&file, noise(50_000, 9)).unwrap();
    tool("mcopy", &["-i", text(&volume), text(&file), "::/"]);
    disk_of(&volume, "c", &disk);
    disk
}

#[test]
fn an_append_keeps_what_belongs_to_the_file() {
    if skip() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    boot_tree(&tree);
    let disk = small_disk(folder.path());
    // Another kind of compression than the step's own (Fast) is said.
    for (number, (options, said)) in [
        (&["--compress=XPRESS"][..], ""),
        (&["--compress=LZX"], "compressed with LZX:"),
        (&["--compress=none"], "compressed with none:"),
        (
            &["--compress=LZX", "--chunk-size=65536"],
            "compressed with LZX:",
        ),
        (&["--compress=LZMS"], "compressed with LZMS:"),
        (&["--solid"], "compressed with LZMS in solid blocks:"),
        (&["--compress=XPRESS", "--pipable"], ""),
    ]
    .into_iter()
    .enumerate()
    {
        let wim = folder.path().join(format!("{number}.wim"));
        let make = [
            "capture",
            text(&tree),
            text(&wim),
            "Böot",
            "a <description> & \"more\"",
            "--boot",
            "--image-property",
            "WINDOWS/EDITIONID=Core",
        ];
        tool("wimlib-imagex", &[&make[..], options].concat());
        let theirs = folder.path().join(format!("{number}-theirs.wim"));
        std::fs::copy(&wim, &theirs).unwrap();
        let before = (header(&wim), first_image(&wim));
        assert!(
            before
                .0
                .iter()
                .any(|line| line.contains("Boot Index") && line.ends_with("= 1"))
        );

        let got = capture(&disk, &wim, "");
        assert!(
            matches!(got.result, Ok(StepEnd::Done)),
            "{options:?}: {:?}\n{}",
            got.result,
            got.log
        );
        assert!(got.log.contains("image 1 stays the one"), "{}", got.log);
        assert_eq!(
            got.log.contains("so what is added is compressed alike"),
            !said.is_empty(),
            "{}",
            got.log
        );
        assert!(got.log.contains(said), "{}", got.log);
        tool(
            "wimlib-imagex",
            &["append", text(&tree), text(&theirs), "More"],
        );
        let after = header(&wim);
        assert_eq!(after, before.0, "{options:?}");
        assert_eq!(after, header(&theirs), "{options:?}");
        let xml = first_image(&wim);
        if options.contains(&"--pipable") {
            // A file for pipes has its XML data in another place; they are as wimlib writes them.
            assert_eq!(xml.replace("&quot;", "\""), before.1);
        } else {
            assert_eq!(xml, before.1, "{options:?}");
        }
        tool("wimlib-imagex", &["verify", text(&wim)]);
        let back = folder.path().join(format!("back-{number}"));
        tool("wimlib-imagex", &["apply", text(&wim), "2", text(&back)]);
        assert_eq!(
            std::fs::read(back.join("small.bin")).unwrap(),
            noise(50_000, 9)
        );
        tool(
            "wimlib-imagex",
            &["apply", text(&wim), "1", text(&back.join("first"))],
        );
        assert_eq!(
            std::fs::read(back.join("first/Boot/boot.bin")).unwrap(),
            noise(100_000, 4)
        );
    }
}

#[test]
fn a_wim_that_may_not_grow_is_named() {
    if skip() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    boot_tree(&tree);
    let disk = small_disk(folder.path());
    let wim = folder.path().join("locked.wim");
    tool(
        "wimlib-imagex",
        &["capture", text(&tree), text(&wim), "One"],
    );
    let split = folder.path().join("split.wim");
    tool(
        "wimlib-imagex",
        &["split", text(&wim), text(&split), "0.05"],
    );
    tool(
        "wimlib-imagex",
        &[
            "info",
            text(&wim),
            "--no-check",
            "--boot",
            "--image-property=X=1",
            "1",
        ],
    );
    // The flag that DISM calls read-only, in the header: 0x04 at 16.
    let mut bytes = std::fs::read(&wim).unwrap();
    bytes[16] |= 0x04;
    std::fs::write(&wim, &bytes).unwrap();
    for (file, why) in [(&wim, "marked read-only"), (&split, "split into parts")] {
        let before = std::fs::read(file).unwrap();
        let failure = capture(&disk, file, "").result.unwrap_err().to_failure();
        assert_eq!(failure.code, codes::NOT_SUPPORTED, "{failure:?}");
        assert!(failure.message.contains(why), "{failure:?}");
        assert!(std::fs::read(file).unwrap() == before, "{why}");
    }
}
