//! What can fail is found before the wipe, by the real program: labels, sizes, names, files that are none, disks of unusual size and
//! sectors.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::system::detach_loops;
use crate::lab::{inside, skip, text, tool};
use crate::plain::{said, wimforge};

/// A folder with a runtime folder, a document and a sparse disk.
struct Place {
    folder: tempfile::TempDir,
}

/// How a run ended.
struct Ended {
    code: Option<i32>,
    said: String,
    /// Something was written to the disk.
    touched: bool,
}

impl Place {
    fn new(bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("disk.img")).unwrap();
        file.set_len(bytes).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn document(&self, steps: &str) -> PathBuf {
        let path = self.path("ahead.ron");
        let text = format!("Sequence(schema: 1, name: \"Ahead\", steps: [{steps}])");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A WIM with what `fill` puts into a volume.
    fn image(&self, fill: impl FnOnce(&Path)) -> PathBuf {
        let (volume, wim) = (self.path("source.img"), self.path("source.wim"));
        let made = std::fs::File::create(&volume).unwrap();
        made.set_len(64 << 20).unwrap();
        tool("mkntfs", &["-q", "-Q", "-F", text(&volume)]);
        inside(&volume, fill);
        tool(
            "wimlib-imagex",
            &[
                "capture",
                text(&volume),
                text(&wim),
                "One",
                "--compress=XPRESS",
            ],
        );
        wim
    }

    fn run(&self, document: &Path, disk: &Path, more: &[&str]) -> Ended {
        let disk_argument = format!("--disk=0={}", text(disk));
        let start = [
            "run",
            text(document),
            "--plain",
            "--confirm-disk=0",
            &disk_argument,
        ];
        let output = wimforge(&self.path("runtime"), &[&start[..], more].concat())
            .output()
            .unwrap();
        Ended {
            code: output.status.code(),
            said: said(&output),
            touched: self.path("disk.img").metadata().unwrap().blocks() > 0,
        }
    }

    fn run_here(&self, steps: &str, more: &[&str]) -> Ended {
        let document = self.document(steps);
        self.run(&document, &self.path("disk.img"), more)
    }

    /// A partition of the disk as a file of its own.
    fn part(&self, start: u64) -> PathBuf {
        let part = self.path("part.img");
        let from = format!("if={}", text(&self.path("disk.img")));
        let to = format!("of={}", text(&part));
        let skip = format!("skip={}", start >> 20);
        tool(
            "dd",
            &[&from, &to, "bs=1M", &skip, "conv=sparse", "status=none"],
        );
        part
    }
}

impl Ended {
    #[track_caller]
    fn succeeded(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{}", self.said);
        self
    }

    /// Refused with these words, and the disk is as it was.
    #[track_caller]
    fn refused(&self, words: &str) {
        assert_eq!(self.code, Some(1), "{}", self.said);
        assert!(!self.touched, "the disk was wiped\n{}", self.said);
        assert!(
            self.said.contains(words),
            "no \"{words}\" in\n{}",
            self.said
        );
    }
}

type Fill = fn(&Path);

const TIB: u64 = 1 << 40;
const FAT: &str = r#"Step(name: "P", action: PartitionDisk(disk: 0, style: Mbr, partitions: [
    (name: "Data", kind: Primary, size: Percent(100), format: Fat32, label: "F", bootable: true, letter_variable: "OSDisk")]))"#;
const APPLY: &str = r#"Step(name: "A", action: ApplyOperatingSystem(image: "%Image%", destination: Variable("OSDisk")))"#;

#[test]
fn an_image_goes_to_fat32_without_an_override() {
    if skip() {
        return;
    }
    let place = Place::new(100 << 20);
    let wim = place.image(|root| {
        std::fs::create_dir(root.join("EFI")).unwrap();
        std::fs::write(root.join("EFI/boot.efi"), "start").unwrap();
    });
    let image = format!("--set=Image={}", text(&wim));
    let steps = format!("{FAT}, {APPLY}");
    let ended = place.run_here(&steps, &["--firmware=bios", &image]);
    ended.succeeded();
    assert!(!ended.said.contains("with a warning"), "{}", ended.said);
    let part = place.part(1 << 20);
    tool("fsck.fat", &["-n", text(&part)]);
    assert_eq!(
        tool("mtype", &["-i", text(&part), "::EFI/boot.efi"]),
        "start"
    );
}

#[test]
fn what_fat32_cannot_hold_is_found_before_the_wipe() {
    if skip() {
        return;
    }
    let steps = format!("{FAT}, {APPLY}");
    let cases: [(u64, Fill, &str); 5] = [
        (
            100,
            |root| std::fs::write(root.join("a:b"), "x").unwrap(),
            "':' is not allowed",
        ),
        (
            100,
            |root| std::fs::write(root.join("end."), "x").unwrap(),
            "cannot end in a dot",
        ),
        (
            100,
            |root| {
                std::fs::write(root.join("name"), "x").unwrap();
                std::fs::write(root.join("NAME"), "y").unwrap();
            },
            "differs only in case",
        ),
        (
            6000,
            |root| {
                // Sparse: 4 GiB that take no room.
                let file = std::fs::File::create(root.join("large")).unwrap();
                file.set_len(1 << 32).unwrap();
            },
            "FAT32 holds at most 4294967295",
        ),
        (
            40,
            |root| std::fs::write(root.join("full"), crate::lab::noise(39 << 20, 1)).unwrap(),
            "is too small",
        ),
    ];
    for (mebibytes, fill, words) in cases {
        let place = Place::new(mebibytes << 20);
        let image = format!("--set=Image={}", text(&place.image(fill)));
        place
            .run_here(&steps, &["--firmware=bios", &image])
            .refused(words);
    }
    // What FAT32 has no place for is said, and the rest is there.
    let place = Place::new(100 << 20);
    let wim = place.image(|root| {
        std::fs::write(root.join("kept"), "data").unwrap();
        xattr::set(root.join("kept"), "user.stream", b"lost").unwrap();
    });
    let image = format!("--set=Image={}", text(&wim));
    let ended = place.run_here(&steps, &["--firmware=bios", &image]);
    ended.succeeded();
    let warning = "done, with a warning: applied without the stream \"stream\" of \"/kept\"";
    assert!(ended.said.contains(warning), "{}", ended.said);
}

#[test]
fn labels_are_judged_before_the_wipe() {
    if skip() {
        return;
    }
    let part = |fs: &str, label: &str| {
        format!(
            "Step(name: \"P\", action: PartitionDisk(disk: 0, style: Gpt, partitions: [(name: \"W\", size: Percent(100), format: {fs}, label: \"{label}\")]))"
        )
    };
    let set = |value: &str| {
        format!("Step(name: \"S\", action: SetVariable(variable: \"L\", value: \"{value}\"))")
    };
    let long = "n".repeat(33);
    for (fs, label, words) in [
        ("Fat32", "sÿstem", "a FAT32 label cannot hold `ÿ`"),
        ("Fat32", "a.b", "a FAT32 label cannot hold `.`"),
        ("Fat32", "no name", "means that there is none"),
        ("Ntfs", long.as_str(), "at most 32 are allowed"),
    ] {
        let place = Place::new(200 << 20);
        // As it stands in the document, and as a step gives it.
        let document = place.document(&part(fs, label));
        let checked = wimforge(&place.path("runtime"), &["check", text(&document)])
            .output()
            .unwrap();
        assert_eq!(checked.status.code(), Some(2), "{label}");
        assert!(said(&checked).contains(words), "{}", said(&checked));
        let steps = format!("{}, {}", set(label), part(fs, "%L%"));
        place.run_here(&steps, &["--firmware=uefi"]).refused(words);
    }
    for (fs, label, shown) in [
        ("Fat32", "a&b 1", "A&B 1"),
        ("Ntfs", "Größe 日本", "Größe 日本"),
    ] {
        let place = Place::new(200 << 20);
        let steps = format!("{}, {}", set(label), part(fs, "%L%"));
        place.run_here(&steps, &["--firmware=uefi"]).succeeded();
        let part = place.part(1 << 20);
        let found = tool("blkid", &["-p", "-o", "value", "-s", "LABEL", text(&part)]);
        assert_eq!(found.trim(), shown);
    }
}

/// The shipped sequence on a disk whose last partition begins behind what 32 bits count.
#[test]
fn a_disk_of_three_tebibytes_is_built() {
    if skip() {
        return;
    }
    let place = Place::new(3 * TIB);
    let wim = place.image(crate::lab::windows);
    let document =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("sequences/lab-build-and-capture.ron");
    let image = format!("--set=LabImage={}", text(&wim));
    let to = format!(
        "--set=OSDCaptureDestination={}",
        text(&place.path("captured.wim"))
    );
    let disk = place.path("disk.img");
    place
        .run(&document, &disk, &["--firmware=uefi", &image, &to])
        .succeeded();
    let table = tool("sgdisk", &["-p", text(&disk)]);
    let last = table
        .lines()
        .rfind(|line| line.contains("Recovery"))
        .unwrap();
    let start: u64 = last.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(start > u64::from(u32::MAX), "{table}");
    tool("sgdisk", &["-v", text(&disk)]);
    tool(
        "wimlib-imagex",
        &["verify", text(&place.path("captured.wim"))],
    );

    // An MBR reaches two of them, which is said; what lies behind is not asked for.
    let place = Place::new(3 * TIB);
    let mbr = |format: &str| {
        format!(
            "Step(name: \"P\", action: PartitionDisk(disk: 0, style: Mbr, partitions: [(name: \"W\", kind: Primary, size: Percent(100), format: {format}, bootable: true)]))"
        )
    };
    let ended = place.run_here(&mbr("Ntfs"), &["--firmware=bios"]);
    ended.succeeded();
    assert!(ended.said.contains("1.0 TiB stay unused"), "{}", ended.said);
    let place = Place::new(3 * TIB);
    place
        .run_here(
            &mbr("Fat32")
                .replace("style: Mbr", "style: Gpt")
                .replace("kind: Primary, ", "")
                .replace(", bootable: true", ""),
            &["--firmware=uefi"],
        )
        .refused("FAT32 ends at 2.0 TiB");
}

#[test]
fn a_disk_with_sectors_of_4096_bytes_is_built() {
    if skip() {
        return;
    }
    let place = Place::new(1 << 30);
    let wim = place.image(|root| std::fs::write(root.join("file"), "data").unwrap());
    let disk = place.path("disk.img");
    let node = tool("losetup", &["-f", "--show", "-b", "4096", text(&disk)]);
    let steps = r#"Step(name: "P", action: PartitionDisk(disk: 0, style: Gpt, partitions: [
        (name: "E", kind: Efi, size: MiB(MEBIBYTES), format: Fat32, label: "E", letter_variable: "Fat"),
        (name: "W", size: MiB(100), format: Ntfs, label: "W", letter_variable: "OSDisk"),
        (name: "R", size: Percent(100), format: Ntfs)])),
        Step(name: "F", action: ApplyOperatingSystem(image: "%Image%", destination: Variable("Fat"))),
        Step(name: "A", action: ApplyOperatingSystem(image: "%Image%", destination: Variable("OSDisk")))"#;
    let image = format!("--set=Image={}", text(&wim));
    let more = ["--firmware=uefi", "--allow-real-disks", image.as_str()];
    let run = |mebibytes: &str| {
        let document = place.document(&steps.replace("MEBIBYTES", mebibytes));
        place.run(&document, Path::new(node.trim()), &more)
    };
    let small = run("200");
    let built = run("300");
    let sector = tool("sgdisk", &["-p", node.trim()]);
    detach_loops(&disk);
    small.refused("needs at least 259 MiB");
    built.succeeded();
    assert!(
        sector.contains("4096 bytes") || sector.contains("4096/"),
        "{sector}"
    );
    let fat = place.part(1 << 20);
    tool("fsck.fat", &["-n", text(&fat)]);
    let ntfs = place.part(301 << 20);
    inside(&ntfs, |root| {
        assert_eq!(std::fs::read_to_string(root.join("file")).unwrap(), "data");
    });
}

/// Opening a pipe waits for somebody who writes to it, and reading a device may not end.
#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let pipe = path("pipe.ron");
    tool("mkfifo", &[text(&pipe)]);
    let _socket = std::os::unix::net::UnixListener::bind(path("socket.ron")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("device.ron")).unwrap();
    std::fs::create_dir(path("run")).unwrap();
    for name in ["run.json", "journal.jsonl", "sequence.ron"] {
        tool("mkfifo", &[text(&path("run").join(name))]);
    }
    std::fs::write(
        path("good.ron"),
        crate::common::document(
            "Step(name: \"p\", action: SetVariable(variable: \"A\", value: \"b\"))",
        ),
    )
    .unwrap();
    let good = path("good.ron");
    let mut tried = 0;
    for other in ["pipe.ron", "socket.ron", "device.ron"] {
        let other = path(other);
        let secret = format!("--secret=X=file:{}", text(&other));
        let state = format!("--state={}", text(&other));
        let disk = format!("--disk=0={}", text(&other));
        let theme = format!("--theme={}", text(&other));
        let (good, other) = (text(&good), text(&other));
        for arguments in [
            &["check", other][..],
            &["preflight", other],
            &["preflight", good, &secret],
            &["preflight", good, &disk],
            &["run", other, "--plain"],
            &["run", good, "--plain", &secret],
            &["run", good, "--plain", &disk],
            &["run", good, "--plain", &state],
            &["run", good, &theme],
            &["resume", text(&path("run")), "--plain"],
            &["resume", other, "--plain"],
            &["replay", other],
            &["ctl", "override", "0", "--file", other],
        ] {
            let started = Instant::now();
            let output = wimforge(&path("runtime"), arguments).output().unwrap();
            let said = said(&output);
            assert_ne!(output.status.code(), Some(0), "{arguments:?}: {said}");
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "{arguments:?} waited"
            );
            assert!(!said.contains("panicked"), "{arguments:?}: {said}");
            tried += 1;
        }
    }
    println!("no files: {tried} tried, none waits");
}
