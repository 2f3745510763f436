//! Capture Operating System Image and FAT32 volumes, on loop devices, checked with other programs.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

#[path = "common/system.rs"]
mod system;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use system::{Small, skip_lab, text, tool};
use wimforge::cancel::{CancelLevel, CancelToken};
use wimforge::codes;
use wimforge::event::{Answered, Artifact};
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

const CREATED: u64 = 133_536_836_974_200_000;
const MODIFIED: u64 = 120_000_000_040_000_000 / 20_000_000 * 20_000_000;
const ACCESSED: u64 = MODIFIED / 864_000_000_000 * 864_000_000_000;

const ANSWER: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend">
  <settings pass="specialize">
    <component name="Microsoft-Windows-UnattendedJoin" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
      <Identification><Credentials><Domain>D</Domain><Username>u</Username><Password>Canary-4711</Password></Credentials></Identification>
    </component>
  </settings>
  <settings pass="oobeSystem">
    <component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
      <UserAccounts><AdministratorPassword><Value>Canary-4711</Value><PlainText>true</PlainText></AdministratorPassword></UserAccounts>
    </component>
  </settings>
</unattend>"#;

fn sparse(path: &Path, mib: u64) {
    fs::File::create(path).unwrap().set_len(mib << 20).unwrap();
}

fn set(path: &Path, attributes: u32, short: Option<&str>) {
    if let Some(short) = short {
        xattr::set(path, "system.ntfs_dos_name", short.as_bytes()).unwrap();
    }
    xattr::set(path, "system.ntfs_attrib_be", &attributes.to_be_bytes()).unwrap();
    let times: Vec<u8> = [CREATED, MODIFIED, ACCESSED]
        .iter()
        .flat_map(|t| t.to_le_bytes())
        .collect();
    xattr::set(path, "system.ntfs_times", &times).unwrap();
}

/// Attributes and the three times.
fn facts(path: &Path) -> (u32, Vec<u8>) {
    let bits = xattr::get(path, "system.ntfs_attrib_be").unwrap().unwrap();
    let times = xattr::get(path, "system.ntfs_times").unwrap().unwrap();
    (
        u32::from_be_bytes(bits[..4].try_into().unwrap()),
        times[..24].to_vec(),
    )
}

fn system_tree(root: &Path) {
    let boot = root.join("EFI/Microsoft/Boot");
    fs::create_dir_all(&boot).unwrap();
    fs::write(boot.join("BCD"), vec![7; 28_672]).unwrap();
    fs::write(boot.join("a long name – naïve €.efi"), vec![1; 1_000_000]).unwrap();
    fs::write(root.join("empty.txt"), "").unwrap();
    set(&boot.join("BCD"), 0x27, None);
    set(
        &boot.join("a long name – naïve €.efi"),
        0x20,
        Some("ALONGN~1.EFI"),
    );
    set(&root.join("empty.txt"), 0x80, None);
    set(&boot, 0x12, None);
    set(&root.join("EFI/Microsoft"), 0x10, None);
    set(&root.join("EFI"), 0x16, None);
}

#[test]
fn fat_keeps_names_attributes_and_times_both_ways() {
    if skip_lab() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let machine = LinuxMachine::new(MachineOptions::default()).unwrap();
    let (one, two, fat) = (
        dir.path().join("1.ntfs"),
        dir.path().join("2.ntfs"),
        dir.path().join("fat"),
    );
    for image in [&one, &two] {
        sparse(image, 64);
        tool("mkntfs", &["-Q", "-F", "-q", text(image)]);
    }
    sparse(&fat, 48);
    tool("mkfs.vfat", &["-F", "32", "-s", "1", text(&fat)]);
    let (progress, cancel) = (ProgressCell::default(), CancelToken::new());

    let source = machine.mount_ntfs(&one, true).unwrap();
    system_tree(source.path());
    let report = copy_tree_to_fat(source.path(), &fat, &progress, &cancel).unwrap();
    assert_eq!(
        (report.files, report.folders, report.bytes),
        (3, 3, 1_028_672)
    );
    assert_eq!(report.lost, Vec::<String>::new());
    tool("fsck.vfat", &["-n", text(&fat)]);
    assert!(tool("7z", &["l", text(&fat)]).contains("a long name – naïve €.efi"));

    let target = machine.mount_ntfs(&two, true).unwrap();
    let back = copy_fat_to_tree(&fat, target.path(), &progress, &cancel).unwrap();
    assert_eq!((back.files, back.folders, back.bytes), (3, 3, 1_028_672));
    for name in [
        "EFI",
        "EFI/Microsoft/Boot",
        "EFI/Microsoft/Boot/BCD",
        "empty.txt",
        "EFI/Microsoft/Boot/a long name – naïve €.efi",
    ] {
        assert_eq!(
            facts(&source.path().join(name)),
            facts(&target.path().join(name)),
            "{name}"
        );
    }
    let long = target
        .path()
        .join("EFI/Microsoft/Boot/a long name – naïve €.efi");
    assert_eq!(fs::read(&long).unwrap(), vec![1; 1_000_000]);
    assert!(
        xattr::get(&long, "system.ntfs_dos_name")
            .unwrap()
            .is_some_and(|n| !n.is_empty())
    );

    fs::write(source.path().join("EMPTY.TXT"), "").unwrap();
    let refused = copy_tree_to_fat(source.path(), &fat, &progress, &cancel).unwrap_err();
    assert!(
        refused.to_string().contains("differs only in case"),
        "{refused}"
    );
    source.close().unwrap();
    target.close().unwrap();
}

struct Lab {
    dir: tempfile::TempDir,
    machine: Arc<LinuxMachine>,
    nodes: Vec<PathBuf>,
}

impl Lab {
    /// ESP, MSR, Windows.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = dir.path().join("disk.img");
        sparse(&disk, 320);
        tool(
            "sgdisk",
            &[
                "-n",
                "1:0:+48M",
                "-t",
                "1:ef00",
                "-n",
                "2:0:+16M",
                "-t",
                "2:0c01",
                "-n",
                "3:0:0",
                "-t",
                "3:0700",
                text(&disk),
            ],
        );
        let attached = || {
            LinuxMachine::new(MachineOptions {
                attached: vec![(0, disk.clone())],
                ..MachineOptions::default()
            })
            .unwrap()
        };
        let machine = attached();
        let nodes: Vec<PathBuf> = machine
            .disk(0)
            .unwrap()
            .partitions
            .iter()
            .map(|p| p.node.clone())
            .collect();
        tool("mkfs.vfat", &["-F", "32", "-s", "1", text(&nodes[0])]);
        tool("mkntfs", &["-Q", "-F", "-q", "-L", "OS", text(&nodes[2])]);
        let scratch = dir.path().join("esp.ntfs");
        sparse(&scratch, 64);
        tool("mkntfs", &["-Q", "-F", "-q", text(&scratch)]);
        let tree = machine.mount_ntfs(&scratch, true).unwrap();
        system_tree(tree.path());
        copy_tree_to_fat(
            tree.path(),
            &nodes[0],
            &ProgressCell::default(),
            &CancelToken::new(),
        )
        .unwrap();
        tree.close().unwrap();
        let lab = Self {
            dir,
            machine: Arc::new(machine),
            nodes,
        };
        lab.windows(|root| {
            fs::create_dir_all(root.join("Windows/System32")).unwrap();
            fs::create_dir_all(root.join("_WimforgeState")).unwrap();
            fs::create_dir_all(root.join("Windows/Panther")).unwrap();
            fs::write(root.join("Windows/Panther/unattend.xml"), ANSWER).unwrap();
            fs::write(root.join("_WimforgeState/secret"), "x").unwrap();
            fs::write(root.join("pagefile.sys"), vec![0; 100_000]).unwrap();
            fs::write(
                root.join("Windows/System32/a.dll"),
                (0..3_000_000u32)
                    .flat_map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes())
                    .collect::<Vec<_>>(),
            )
            .unwrap();
            fs::hard_link(
                root.join("Windows/System32/a.dll"),
                root.join("Windows/b.dll"),
            )
            .unwrap();
            xattr::set(root.join("Windows/b.dll"), "user.stream", b"named").unwrap();
            std::os::unix::fs::symlink("System32", root.join("Windows/link")).unwrap();
            set(&root.join("Windows"), 0x16, None);
        });
        lab
    }

    fn windows(&self, change: impl FnOnce(&Path)) {
        let mounted = self.machine.mount_ntfs(&self.nodes[2], true).unwrap();
        change(mounted.path());
        mounted.close().unwrap();
    }

    fn run(
        &self,
        settings: &CaptureOperatingSystem,
        answer: Option<Answered>,
    ) -> (Arc<RecordingHost>, Result<StepEnd, StepError>) {
        let host = RecordingHost::with(&[]);
        if let Some(answer) = answer {
            host.answer(answer);
        }
        let cx = host.cx(self.machine.clone(), &self.dir.path().join("scratch"));
        let result = capture_os::run(settings, &cx);
        (host, result)
    }
}

fn settings(destination: &Path) -> CaptureOperatingSystem {
    CaptureOperatingSystem {
        destination: text(destination).to_owned(),
        account: String::new(),
        password_variable: None,
        creator: Some("Imaging team".to_owned()),
        description: Some("Reference".to_owned()),
        version: Some("1.2".to_owned()),
        existing: Existing::Refuse,
        compression: Compression::Fast,
        verify: Verify::Full,
        unsupported_files: UnsupportedFiles::Refuse,
        product_keys: ProductKeys::Remove,
        keep_partial: false,
        exclude: Vec::new(),
    }
}

fn code_of(result: Result<StepEnd, StepError>) -> (u32, String) {
    let failure = result.unwrap_err().to_failure();
    (failure.code, failure.message)
}

#[test]
fn volumes_become_images_and_policies_hold() {
    if skip_lab() {
        return;
    }
    let lab = Lab::new();
    let wim = lab.dir.path().join("new/folder/ref.wim");
    let mut wanted = settings(&wim);
    let (host, result) = lab.run(&wanted, None);
    assert_eq!(result.unwrap(), StepEnd::Done, "{:?}", host.lines());
    assert!(host.logged("leaves out /pagefile.sys"));
    assert!(host.logged("leaves out /_WimforgeState"));
    assert!(host.artifacts().iter().any(
        |a| matches!(a, Artifact::SkippedVolume { reason, .. } if reason.contains("reserved"))
    ));
    assert_eq!(
        host.artifacts()
            .iter()
            .filter(|a| matches!(a, Artifact::CapturedVolume { .. }))
            .count(),
        2
    );
    tool("wimlib-imagex", &["verify", text(&wim)]);
    tool("7z", &["t", text(&wim)]);
    let info = tool("wimlib-imagex", &["info", text(&wim)]);
    assert!(
        info.contains("System")
            && info.contains("Windows")
            && info.contains("Reference (Windows, NTFS, OS"),
        "{info}"
    );
    let esp = tool("wimlib-imagex", &["dir", text(&wim), "1", "--detailed"]);
    let entry = |listing: &str, name: &str| {
        listing
            .split("----------------------------------------------------------------------------")
            .find(|e| e.contains(name))
            .map(str::to_owned)
    };
    let bcd = entry(&esp, "Boot/BCD\"").unwrap();
    assert!(bcd.contains("0x00000027"), "{bcd}");
    assert!(bcd.contains("Feb 29 12:34:57 2024"), "{bcd}");
    let long = entry(&esp, "a long name").unwrap();
    assert!(long.contains("Short Name") && long.contains('~'), "{long}");
    let os = tool("wimlib-imagex", &["dir", text(&wim), "2", "--detailed"]);
    assert!(
        os.contains("/Windows/b.dll") && os.contains("stream"),
        "{os}"
    );
    assert!(!os.contains("pagefile") && !os.contains("_WimforgeState"));
    assert!(!wim.with_extension("wim.partial").exists());

    let answer = tool(
        "wimlib-imagex",
        &[
            "extract",
            text(&wim),
            "2",
            "/Windows/Panther/unattend.xml",
            "--to-stdout",
        ],
    );
    assert!(
        answer.contains("UserAccounts") && !answer.contains("Canary"),
        "{answer}"
    );

    // A cancelled attempt is no failure, clears what an interrupted one left, and leaves nothing.
    let late = lab.dir.path().join("late.wim");
    fs::write(lab.dir.path().join("late.wim.partial"), "stale").unwrap();
    let host = RecordingHost::with(&[]);
    let cx = host.cx(lab.machine.clone(), &lab.dir.path().join("scratch"));
    let (token, watched) = (cx.cancel.clone(), host.clone());
    let killer = std::thread::spawn(move || {
        while !watched.phases().iter().any(|phase| phase == "writing") {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        token.raise(CancelLevel::Asked);
    });
    let mut slow = settings(&late);
    slow.compression = Compression::Max;
    let cancelled = capture_os::run(&slow, &cx);
    killer.join().unwrap();
    assert!(
        matches!(cancelled, Err(StepError::Cancelled)),
        "{cancelled:?}"
    );
    assert!(!late.exists() && !lab.dir.path().join("late.wim.partial").exists());
    assert!(host.logged("of an interrupted attempt was removed"));

    let first = fs::read(&wim).unwrap();
    let (code, message) = code_of(lab.run(&wanted, None).1);
    assert_eq!(code, codes::FILE_EXISTS, "{message}");
    wanted.existing = Existing::Replace;
    assert_eq!(
        code_of(lab.run(&wanted, Some(Answered::No)).1).0,
        codes::CANCELLED
    );
    assert_eq!(fs::read(&wim).unwrap(), first);
    let (host, result) = lab.run(&wanted, Some(Answered::Yes));
    assert_eq!(result.unwrap(), StepEnd::Done);
    assert_eq!(host.questions().len(), 1);
    wanted.existing = Existing::NewName;
    assert_eq!(lab.run(&wanted, None).1.unwrap(), StepEnd::Done);
    assert_eq!(fs::read_dir(wim.parent().unwrap()).unwrap().count(), 2);
    wanted.existing = Existing::Append;
    assert_eq!(lab.run(&wanted, None).1.unwrap(), StepEnd::Done);
    let info = tool("wimlib-imagex", &["info", text(&wim)]);
    assert!(
        info.contains("Windows 2") && info.contains("System 2"),
        "{info}"
    );
    tool("wimlib-imagex", &["verify", text(&wim)]);
}

#[test]
fn full_destination_and_unfit_volumes_are_named_and_the_old_image_survives() {
    if skip_lab() {
        return;
    }
    let lab = Lab::new();
    let small = Small::new(lab.dir.path().join("small"), "size=12m");
    let wim = small.join("ref.wim");
    fs::write(&wim, vec![5; 1_000_000]).unwrap();
    let mut wanted = settings(&wim);
    wanted.existing = Existing::Replace;
    // The estimate (half of what is in use) fits, but these 12 MB do not compress.
    let (code, message) = code_of(lab.run(&wanted, Some(Answered::Yes)).1);
    assert!(message.starts_with("writing "), "{message}");
    assert_eq!(code, codes::DISK_FULL, "{message}");
    assert_eq!(fs::read(&wim).unwrap(), vec![5; 1_000_000]);
    assert!(!small.join("ref.wim.partial").exists());
    small.remount("size=64m");
    assert_eq!(
        lab.run(&wanted, Some(Answered::Yes)).1.unwrap(),
        StepEnd::Done
    );
    tool("wimlib-imagex", &["verify", text(&wim)]);

    let other = lab.dir.path().join("other.wim");
    let wanted = settings(&other);
    let mounted = lab.machine.mount_ntfs(&lab.nodes[2], false).unwrap();
    let (code, message) = code_of(lab.run(&wanted, None).1);
    assert_eq!(code, codes::SHARING_VIOLATION, "{message}");
    mounted.close().unwrap();

    lab.windows(|root| {
        fs::write(root.join("wof.dll"), "").unwrap();
        let mut reparse = 0x8000_0017_u32.to_le_bytes().to_vec();
        reparse.extend_from_slice(&[16, 0, 0, 0]);
        reparse.extend_from_slice(&[1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        xattr::set(root.join("wof.dll"), "system.ntfs_reparse_data", &reparse).unwrap();
    });
    let (code, message) = code_of(lab.run(&wanted, None).1);
    assert_eq!(code, codes::NOT_SUPPORTED, "{message}");
    assert!(message.contains("WOF"), "{message}");
    let mut listed = settings(&other);
    listed.unsupported_files = UnsupportedFiles::List;
    let (host, result) = lab.run(&listed, None);
    assert!(matches!(result.unwrap(), StepEnd::Warned(_)));
    assert!(host.logged("/wof.dll"));

    lab.windows(|root| {
        let mut hibernated = vec![0; 8192];
        hibernated[..4].copy_from_slice(b"hibr");
        fs::write(root.join("hiberfil.sys"), hibernated).unwrap();
    });
    let (_, message) = code_of(
        lab.run(&settings(&lab.dir.path().join("third.wim")), None)
            .1,
    );
    assert!(message.contains("hibernated"), "{message}");
}
