//! What a capture says of a Windows volume, and what it keeps out of the image: secrets, marks, contents that are not there.
//!
//! `hives/SOFTWARE` and `hives/SYSTEM` were made with `hivexregedit --merge` (Windows 10 Pro, edition `Professional`).

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

#[path = "common/system.rs"]
mod system;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use system::{files_below, skip_lab, text, tool};
use wimforge::cancel::CancelToken;
use wimforge::codes;
use wimforge::platform::Machine;
use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::sequence::settings::{
    CaptureOperatingSystem, Compression, Existing, ProductKeys, UnsupportedFiles, Verify,
};
use wimforge::step::capture_os;
use wimforge::step::cx::{ProgressCell, StepEnd};
use wimforge::step::error::StepError;
use wimforge::step::fat::{copy_fat_to_tree, copy_tree_to_fat};
use wimforge::step::testing::RecordingHost;

const CANARY: &str = "HunterCanary7";
const KEY: &str = "KKKKK-KKKKK-CANAR-YKEYK-KKKKK";
/// A password in scripts, which stay as they are.
const STAYS: &str = "ScriptCanary8";

const PLACES: [&str; 18] = [
    "Windows/Panther/unattend.xml",
    "Windows/Panther/Autounattend.xml",
    "Windows/Panther/unattend-original.xml",
    "Windows/Panther/Unattend/Unattend.xml",
    "Windows/Panther/UnattendGC/a/b/x.xml",
    "Windows/System32/Sysprep/UNATTEND.XML",
    "Windows/System32/Sysprep/Panther/unattend.xml",
    "Windows/System32/config/systemprofile/y.xml",
    "Windows/unattend.xml",
    "Windows/Setup/Scripts/unattend.xml",
    "Windows/Provisioning/z.xml",
    "unattend.xml",
    "autounattend.xml",
    "$OEM$/$1/unattend.xml",
    "Recovery/OEM/unattend.xml",
    "Recovery/AutoApply/unattend.xml",
    "MININT/Unattend.txt",
    "Users/u/Desktop/answers.xml",
];

fn answer() -> String {
    let hidden: Vec<u8> = format!("{CANARY}AdministratorPassword")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let hidden = base64::engine::general_purpose::STANDARD.encode(hidden);
    format!(
        r#"<?xml version="1.0"?><u:unattend xmlns:u="urn:schemas-microsoft-com:unattend">
<!-- https://generator.invalid/?AccountPassword0={CANARY}&x=1 -->
<u:settings pass="specialize"><u:component name="Microsoft-Windows-Shell-Setup"><u:ProductKey>{KEY}</u:ProductKey></u:component>
<u:component name="Microsoft-Windows-Deployment"><u:RunSynchronous><u:RunSynchronousCommand><u:Path>net user local {CANARY} /add</u:Path></u:RunSynchronousCommand></u:RunSynchronous></u:component></u:settings>
<u:settings pass="oobeSystem"><u:component name="Microsoft-Windows-Shell-Setup"><u:UserAccounts><u:AdministratorPassword><u:Value>{hidden}</u:Value></u:AdministratorPassword>
<u:LocalAccounts><u:LocalAccount><u:Password><u:Value>{CANARY}</u:Value></u:Password></u:LocalAccount></u:LocalAccounts></u:UserAccounts></u:component></u:settings>
</u:unattend>"#
    )
}

/// As UTF-16 when the number is odd.
fn coded(index: usize) -> Vec<u8> {
    if index.is_multiple_of(2) {
        answer().into_bytes()
    } else {
        format!("\u{feff}{}", answer())
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect()
    }
}

fn put(root: &Path, place: &str, bytes: &[u8]) {
    let path = root.join(place);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Whether bytes hold a text as UTF-8, UTF-16LE, or base64 of either.
fn holds(bytes: &[u8], wanted: &str) -> bool {
    let wide: Vec<u8> = wanted.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut forms = vec![wanted.as_bytes().to_vec(), wide];
    for form in forms.clone() {
        for shift in 0..3 {
            let padded = [vec![0; shift], form.clone()].concat();
            let code = base64::engine::general_purpose::STANDARD_NO_PAD.encode(padded);
            forms.push(code.as_bytes()[(shift * 4).div_ceil(3)..code.len() - 2].to_vec());
        }
    }
    forms.iter().any(|form| {
        bytes
            .windows(form.len())
            .any(|part| part == form.as_slice())
    })
}

struct Lab {
    dir: tempfile::TempDir,
    machine: Arc<LinuxMachine>,
    nodes: Vec<PathBuf>,
}

impl Lab {
    /// A FAT32 system partition, Windows, data.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = dir.path().join("disk.img");
        fs::File::create(&disk).unwrap().set_len(200 << 20).unwrap();
        let parts = "-n 1:0:+48M -t 1:ef00 -n 2:0:+100M -t 2:0700 -n 3:0:0 -t 3:0700";
        let arguments: Vec<&str> = parts.split(' ').chain([text(&disk)]).collect();
        tool("sgdisk", &arguments);
        let machine = LinuxMachine::new(MachineOptions {
            attached: vec![(0, disk)],
            ..MachineOptions::default()
        })
        .unwrap();
        let partitions = machine.disk(0).unwrap().partitions;
        let nodes: Vec<PathBuf> = partitions.iter().map(|p| p.node.clone()).collect();
        tool("mkfs.vfat", &["-F", "32", "-s", "1", text(&nodes[0])]);
        tool("mkntfs", &["-Q", "-F", "-q", "-L", "OS", text(&nodes[1])]);
        tool("mkntfs", &["-Q", "-F", "-q", "-L", "Data", text(&nodes[2])]);
        let lab = Self {
            dir,
            machine: Arc::new(machine),
            nodes,
        };
        lab.volume(1, |root| {
            let hives = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hives");
            for hive in ["SOFTWARE", "SYSTEM"] {
                let bytes = fs::read(hives.join(hive)).unwrap();
                put(root, &format!("Windows/System32/config/{hive}"), &bytes);
            }
            put(root, "Windows/explorer.exe", &[7; 5000]);
        });
        lab
    }

    fn volume<T>(&self, index: usize, work: impl FnOnce(&Path) -> T) -> T {
        let mounted = self.machine.mount_ntfs(&self.nodes[index], true).unwrap();
        let result = work(mounted.path());
        mounted.close().unwrap();
        result
    }

    fn wim(&self) -> PathBuf {
        self.dir.path().join("out/ref.wim")
    }

    fn run(
        &self,
        change: impl FnOnce(&mut CaptureOperatingSystem),
    ) -> (Arc<RecordingHost>, Result<StepEnd, StepError>) {
        let mut settings = CaptureOperatingSystem {
            destination: text(&self.wim()).to_owned(),
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
        change(&mut settings);
        let host = RecordingHost::with(&[]);
        let cx = host.cx(self.machine.clone(), &self.dir.path().join("scratch"));
        let result = capture_os::run(&settings, &cx);
        (host, result)
    }

    /// All files of an image, extracted by somebody else's program.
    fn extracted(&self, index: &str) -> PathBuf {
        let folder = self.dir.path().join(format!("image{index}"));
        tool(
            "wimlib-imagex",
            &["apply", text(&self.wim()), index, text(&folder)],
        );
        folder
    }
}

#[test]
fn no_planted_secret_reaches_an_image_and_what_stays_is_said() {
    if skip_lab() {
        return;
    }
    let lab = Lab::new();
    lab.volume(1, |root| {
        for (index, place) in PLACES.iter().enumerate() {
            put(root, place, &coded(index));
        }
        let script = format!("@echo off\r\nnet user a {STAYS} /add\r\n");
        put(
            root,
            "Windows/Setup/Scripts/SetupComplete.cmd",
            script.as_bytes(),
        );
    });
    lab.volume(2, |root| put(root, "Autounattend.XML", &coded(0)));
    let tree = lab.dir.path().join("esp");
    put(&tree, "unattend.xml", &coded(1));
    let (progress, cancel) = (ProgressCell::default(), CancelToken::new());
    let image = lab.dir.path().join("esp.ntfs");
    let empty = |path: &Path| {
        fs::File::create(path).unwrap().set_len(64 << 20).unwrap();
        tool("mkntfs", &["-Q", "-F", "-q", text(path)]);
    };
    empty(&image);
    let mounted = lab.machine.mount_ntfs(&image, true).unwrap();
    put(mounted.path(), "unattend.xml", &coded(1));
    copy_tree_to_fat(mounted.path(), &lab.nodes[0], &progress, &cancel).unwrap();
    mounted.close().unwrap();

    let (host, result) = lab.run(|_| ());
    let StepEnd::Warned(words) = result.unwrap() else {
        panic!("{:?}", host.lines());
    };
    assert_eq!(
        words,
        "scripts, settings or the registry with 1 secret are in the image: see the log"
    );
    for said in [
        "secrets were taken out of 18 answer files (90 secrets) on disk 0 partition 2",
        "secrets were taken out of 1 answer file (5 secrets) on disk 0 partition 3",
        "secrets were taken out of 1 answer file (5 secrets) on disk 0 partition 1",
        "/Windows/Setup/Scripts/SetupComplete.cmd line 2: `net user` with a password",
    ] {
        assert!(host.logged(said), "{said}: {:#?}", host.lines());
    }
    for canary in [CANARY, STAYS, KEY] {
        assert!(!host.logged(canary), "{canary} in the log");
    }
    let mut looked = 0;
    for index in ["1", "2", "3"] {
        for file in files_below(&lab.extracted(index)) {
            let bytes = fs::read(&file).unwrap();
            assert!(
                !holds(&bytes, CANARY) && !holds(&bytes, KEY),
                "{}",
                file.display()
            );
            looked += 1;
        }
    }
    assert!(looked >= PLACES.len() + 6, "only {looked} files");
    // The system partition itself is not written to.
    let back = lab.dir.path().join("back.ntfs");
    empty(&back);
    let mounted = lab.machine.mount_ntfs(&back, true).unwrap();
    copy_fat_to_tree(&lab.nodes[0], mounted.path(), &progress, &cancel).unwrap();
    assert!(holds(
        &fs::read(mounted.path().join("unattend.xml")).unwrap(),
        CANARY
    ));
    mounted.close().unwrap();

    // Keys by choice; a file that cannot be looked through ends the capture before its first byte.
    lab.volume(1, |root| put(root, "unattend.xml", &coded(0)));
    let other = lab.dir.path().join("other.wim");
    let (_, result) = lab.run(|settings| {
        text(&other).clone_into(&mut settings.destination);
        settings.product_keys = ProductKeys::Keep;
    });
    assert!(matches!(result.unwrap(), StepEnd::Warned(_)));
    let kept = lab.volume(1, |root| fs::read(root.join("unattend.xml")).unwrap());
    assert!(holds(&kept, KEY) && !holds(&kept, CANARY));
    lab.volume(1, |root| {
        put(root, "Recovery/OEM/x.xml", b"<unattend><Password>");
    });
    let third = lab.dir.path().join("third.wim");
    let (_, result) = lab.run(|settings| text(&third).clone_into(&mut settings.destination));
    let failure = result.unwrap_err().to_failure();
    assert_eq!(failure.code, codes::INVALID_DATA);
    assert!(
        failure.message.contains("/Recovery/OEM/x.xml"),
        "{failure:?}"
    );
}

#[test]
fn flags_are_the_edition_as_wimlib_has_it() {
    if skip_lab() {
        return;
    }
    let lab = Lab::new();
    let (host, result) = lab.run(|_| ());
    assert_eq!(result.unwrap(), StepEnd::Done, "{:?}", host.lines());
    let other = lab.dir.path().join("other.wim");
    let node = text(&lab.nodes[1]);
    tool(
        "wimlib-imagex",
        &["capture", node, text(&other), "--compress=none"],
    );
    let xml = |wim: &Path, index: &str| {
        let out = lab.dir.path().join("x.xml");
        tool(
            "wimlib-imagex",
            &["info", text(wim), "--extract-xml", text(&out)],
        );
        let units: Vec<u16> = fs::read(out)
            .unwrap()
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        let all = String::from_utf16(&units).unwrap();
        let image = all
            .split("<IMAGE ")
            .find(|part| part.starts_with(&format!("INDEX=\"{index}\"")))
            .unwrap();
        let part = |tag: &str| {
            let open = format!("<{tag}>");
            image
                .split_once(&open)
                .map(|(_, rest)| rest.split_once('<').unwrap().0.to_owned())
        };
        (part("FLAGS"), part("EDITIONID"))
    };
    let wanted = (
        Some("Professional".to_owned()),
        Some("Professional".to_owned()),
    );
    assert_eq!(xml(&other, "1"), wanted);
    assert_eq!(xml(&lab.wim(), "2"), wanted);
    for index in ["1", "3"] {
        assert_eq!(xml(&lab.wim(), index), (None, None));
    }
}

#[test]
fn contents_that_are_elsewhere_are_refused_or_listed() {
    if skip_lab() {
        return;
    }
    let lab = Lab::new();
    let tags: [(&str, u32); 7] = [
        ("one.docx", 0x9000_601A),
        ("two.docx", 0x9000_601A),
        ("three.docx", 0x9000_001A),
        ("archived", 0xC000_0004),
        ("layer", 0x8000_0018),
        ("projected", 0x9000_001C),
        ("vendor", 0x8000_0FFF),
    ];
    lab.volume(1, |root| {
        for (name, tag) in tags {
            let place = format!("Users/u/OneDrive/{name}");
            put(root, &place, b"");
            let mut data = tag.to_le_bytes().to_vec();
            data.extend([16, 0, 0, 0]);
            data.extend([0; 16]);
            xattr::set(root.join(&place), "system.ntfs_reparse_data", &data).unwrap();
        }
        put(root, "offline", b"x");
        let bits = 0x1020_u32.to_be_bytes();
        xattr::set(root.join("offline"), "system.ntfs_attrib_be", &bits).unwrap();
    });
    let (_, result) = lab.run(|_| ());
    let failure = result.unwrap_err().to_failure();
    assert_eq!(failure.code, codes::NOT_SUPPORTED);
    for part in [
        "6 files or folders whose contents are stored elsewhere",
        "1 files or folders with a reparse tag",
        "1 files or folders marked as offline",
    ] {
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    assert!(!lab.wim().exists());
    let (host, result) = lab.run(|settings| settings.unsupported_files = UnsupportedFiles::List);
    assert!(
        matches!(result.unwrap(), StepEnd::Warned(words) if words.contains("8 files could not be kept"))
    );
    for line in [
        "/Users/u/OneDrive/one.docx (CLOUD_6)",
        "/Users/u/OneDrive/archived (HSM)",
        "/Users/u/OneDrive/vendor (0x80000FFF)",
        "  /offline",
    ] {
        assert!(host.logged(line), "{line}");
    }
}

#[test]
fn a_second_capture_of_a_machine_is_noticed_and_the_image_has_no_mark() {
    if skip_lab() {
        return;
    }
    let lab = Lab::new();
    let (host, result) = lab.run(|_| ());
    assert_eq!(result.unwrap(), StepEnd::Done);
    assert!(!host.logged("captured before"));
    assert!(
        host.logged("Windows was not generalized with Sysprep: there is no Sysprep_succeeded.tag")
    );
    let mark = |root: &Path| fs::read_to_string(root.join("_WimforgeState/captured.ron"));
    assert!(lab.volume(1, mark).unwrap().contains("ref.wim"));
    assert!(
        lab.volume(2, mark).is_err(),
        "only Windows volumes are marked"
    );
    assert!(!lab.extracted("2").join("_WimforgeState").exists());
    let (host, result) = lab.run(|settings| settings.existing = Existing::NewName);
    assert_eq!(result.unwrap(), StepEnd::Done);
    assert!(
        host.logged("this machine was captured before, on 20"),
        "{:?}",
        host.lines()
    );
    assert!(host.logged("ref.wim: build a new reference machine"));

    // A failed capture leaves none.
    let fresh = Lab::new();
    fresh.volume(1, |root| {
        put(root, "x", b"");
        let data = [
            0x9000_601A_u32.to_le_bytes().to_vec(),
            vec![16, 0, 0, 0],
            vec![0; 16],
        ]
        .concat();
        xattr::set(root.join("x"), "system.ntfs_reparse_data", &data).unwrap();
    });
    assert!(fresh.run(|_| ()).1.is_err());
    assert!(fresh.volume(1, mark).is_err());
}
