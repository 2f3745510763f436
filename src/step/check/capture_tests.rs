//! Checks of captures and connections: real folders, a real port, a share that leads to a folder.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::bench::{Bench, Checked, ntfs, wim};
use super::{CheckCx, Checker, destination, memory, share};
use crate::cancel::CancelToken;
use crate::event::Finding;
use crate::event::Gravity::{self, Blocking, Fine, Warning};
use crate::platform::{FsKind, Machine, NtfsState, TableState};
use crate::sequence::plan::PlannedSequence;
use crate::sequence::settings::Compression;
use crate::sequence::variables::Variables;
use crate::units::{GIB, MIB};

fn capture(destination: &str, more: &str) -> String {
    format!(
        "Step(name: \"Capture\", action: CaptureOperatingSystem(destination: r\"{destination}\"{more}))"
    )
}

fn machine(volume: &Path) -> Bench {
    std::fs::create_dir_all(volume.join("Windows/System32")).unwrap();
    let mut bench = Bench {
        volume: volume.to_owned(),
        ..Bench::default()
    };
    bench.disks[0].partitions = vec![ntfs(0, 1, 30 * GIB)];
    bench
}

fn names(folder: &Path) -> Vec<String> {
    let mut list: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    list.sort();
    list
}

/// A check of one thing alone.
fn alone(work: impl FnOnce(&mut Checker<'_>)) -> Checked {
    let machine: std::sync::Arc<dyn Machine> = std::sync::Arc::new(Bench::default());
    let cx = CheckCx {
        machine: &machine,
        cancel: &CancelToken::new(),
        variables: &Variables::default(),
        planned: &PlannedSequence::default(),
        scratch: Path::new("/nowhere"),
        progress: &|_| {},
    };
    let mut checker = Checker::new(&cx);
    work(&mut checker);
    Checked {
        found: checker.found,
        said: Vec::new(),
    }
}

#[test]
fn a_destination_is_tried_out_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let volume = tempfile::tempdir().unwrap();
    let bench = machine(volume.path());
    let file = folder.path().join("a/b/x.wim");
    let shown = file.display().to_string();
    let checked = bench.check(&[&capture(&shown, "")], &[]);
    checked
        .no(Blocking)
        .expect(
            Fine,
            "volume",
            "disk 0 partition 1 (NTFS, Windows) will be captured",
        )
        .expect(Fine, destination::SUBJECT, "can be made")
        .expect(Fine, destination::SUBJECT, "renamed and deleted")
        .expect(Fine, destination::SUBJECT, "100 GiB free");
    assert!(
        checked.found.iter().any(|f| f.text.contains("MB/s")),
        "{:#?}",
        checked.found
    );
    assert!(checked.said.iter().any(|s| s.contains("speed")));
    assert_eq!(names(folder.path()), [""; 0]);
    // A file stands where a folder should be.
    std::fs::write(folder.path().join("a"), "x").unwrap();
    bench.check(&[&capture(&shown, "")], &[]).expect(
        Blocking,
        destination::SUBJECT,
        "cannot be made",
    );
    bench
        .check(
            &[&capture("x.wim", "")],
            &[("OSDCaptureDestination", "x.txt")],
        )
        .expect(Blocking, destination::SUBJECT, "does not end in .wim");
}

#[test]
fn a_file_that_is_there_is_told_by_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    let volume = tempfile::tempdir().unwrap();
    let bench = machine(volume.path());
    let source = wim(folder.path());
    let shown = source.display().to_string();
    let check = |more: &str| bench.check(&[&capture(&shown, more)], &[]);
    check("").expect(Blocking, destination::SUBJECT, "exists already");
    check(", existing: Replace").no(Blocking).expect(
        Warning,
        destination::SUBJECT,
        "will be replaced",
    );
    check(", existing: NewName")
        .no(Blocking)
        .expect(Fine, destination::SUBJECT, "date and time");
    check(", existing: Append").no(Blocking).expect(
        Fine,
        destination::SUBJECT,
        "keeps its 1 image;",
    );
    std::fs::write(folder.path().join("source.wim.partial"), "x").unwrap();
    check(", existing: NewName").expect(Warning, destination::SUBJECT, ".partial");
    std::fs::write(&source, "no image").unwrap();
    check(", existing: Append").expect(Blocking, destination::SUBJECT, "nothing can be added");
    assert_eq!(names(folder.path()), ["source.wim", "source.wim.partial"]);
}

#[test]
fn room_is_measured_against_the_volumes() {
    let folder = tempfile::tempdir().unwrap();
    let volume = tempfile::tempdir().unwrap();
    let mut bench = machine(volume.path());
    let step = capture(&folder.path().join("x.wim").display().to_string(), "");
    // The fake measures every folder alike: 60 GiB in use, of which half is needed.
    bench.space.free_bytes = 20 * GIB;
    bench.space.total_bytes = 80 * GIB;
    bench
        .check(&[&step], &[])
        .expect(Blocking, destination::SUBJECT, "too small");
    bench.space.free_bytes = 70 * GIB;
    bench.space.kind = "vfat".to_owned();
    bench
        .check(&[&step], &[])
        .expect(Blocking, destination::SUBJECT, "4 GiB");
    bench.space.free_bytes = 78 * GIB;
    bench
        .check(&[&step], &[])
        .no(Blocking)
        .expect(Warning, destination::SUBJECT, "FAT32");
}

#[test]
fn volumes_unfit_for_a_capture_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let volume = tempfile::tempdir().unwrap();
    let step = capture(&folder.path().join("x.wim").display().to_string(), "");
    let mut bench = machine(volume.path());
    bench.state = NtfsState::Hibernated;
    bench
        .check(&[&step], &[])
        .expect(Blocking, "volume", "hibernated");
    bench.state = NtfsState::Clean;
    // The probe of ntfs-3g does not see it under this name.
    let hibernation = volume.path().join("HIBERFIL.sys");
    std::fs::write(&hibernation, b"HIBR and more").unwrap();
    bench
        .check(&[&step], &[])
        .expect(Blocking, "volume", "hibernated");
    std::fs::write(&hibernation, b"WAKE and more").unwrap();
    bench.check(&[&step], &[]).no(Blocking);
    std::fs::remove_file(hibernation).unwrap();
    bench.state = NtfsState::Dirty;
    bench
        .check(&[&step], &[])
        .no(Blocking)
        .expect(Warning, "volume", "marked dirty");
    bench.state = NtfsState::Clean;
    let mut other = ntfs(0, 2, GIB);
    other.fs = FsKind::ExFat;
    bench.disks[0].partitions.push(other.clone());
    bench
        .check(&[&step], &[])
        .no(Blocking)
        .expect(Warning, "volume", "exFAT is not supported");
    bench.disks[0].partitions[1].fs = FsKind::BitLocker;
    bench
        .check(&[&step], &[])
        .expect(Blocking, "volume", "BitLocker");
    bench.disks[0].partitions[1].fs = FsKind::Unknown;
    bench
        .check(&[&step], &[])
        .no(Blocking)
        .expect(Warning, "volume", "data that is not known");
    bench.disks[0].contents.table = TableState::Damaged("its first copy is gone".to_owned());
    bench.check(&[&step], &[]).expect(
        Blocking,
        "volume",
        "its partition table is damaged: its first copy is gone",
    );
    bench.disks[0].contents.table = TableState::Good;
    bench.disks[0].partitions.clear();
    bench
        .check(&[&step], &[])
        .expect(Blocking, "volume", "no NTFS or FAT32 volume");
    // ntfs-3g shows a compressed program like this.
    let mut compact = machine(volume.path());
    std::os::unix::fs::symlink(
        "unsupported reparse tag 0x80000017",
        volume.path().join("Windows/System32/ntdll.dll"),
    )
    .unwrap();
    compact
        .check(&[&step], &[])
        .expect(Blocking, "volume", "system-compressed");
    let list = step.replace("))", ", unsupported_files: List))");
    compact
        .check(&[&list], &[])
        .no(Blocking)
        .expect(Warning, "volume", "system-compressed");
    compact.disks[0].usb = true;
    compact
        .check(&[&step], &[])
        .expect(Fine, "volume", "USB")
        .expect(Blocking, "volume", "no NTFS or FAT32 volume");
}

#[test]
fn what_the_sequence_makes_before_is_what_will_be_captured() {
    let folder = tempfile::tempdir().unwrap();
    let source = wim(folder.path());
    let mut bench = Bench::default();
    // What is there today does not matter.
    bench.disks[0].partitions = vec![ntfs(0, 1, GIB)];
    bench.state = NtfsState::Hibernated;
    let partition = r#"Step(name: "Partition", action: PartitionDisk(disk: 0, style: Gpt, partitions: [(name: "Windows", size: Percent(50), format: Ntfs, letter_variable: "OSDisk"), (name: "Data", size: Percent(100), format: Ntfs)]))"#;
    let apply = format!(
        "Step(name: \"Apply\", action: ApplyOperatingSystem(image: r\"{}\", destination: Variable(\"OSDisk\")))",
        source.display()
    );
    let step = capture(&folder.path().join("x.wim").display().to_string(), "");
    bench
        .check(&[partition, &apply, &step], &[])
        .no(Blocking)
        .expect(
            Fine,
            "volume",
            "disk 0 partition 1 will be captured: this sequence applies",
        )
        .expect(
            Fine,
            "volume",
            "disk 0 partition 2 will be captured: this sequence makes it",
        );
}

fn share_step(port: u16, more: &str) -> String {
    capture(&format!(r"\\127.0.0.1@{port}\img\sub\x.wim"), more)
}

#[test]
fn a_share_is_reached_part_by_part() {
    let folder = tempfile::tempdir().unwrap();
    let volume = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut bench = machine(volume.path());
    bench.share = Some(folder.path().to_owned());
    bench
        .check(&[&share_step(port, "")], &[])
        .no(Blocking)
        .expect(Fine, destination::SUBJECT, "its address 127.0.0.1")
        .expect(Fine, destination::SUBJECT, "answers on TCP port")
        .expect(Fine, destination::SUBJECT, "logged on")
        .expect(Fine, destination::SUBJECT, "renamed and deleted")
        .expect(Fine, "clock", "within a minute");
    assert_eq!(names(folder.path()), [""; 0]);
    // The account's password is not there: nothing is tried that could lock the account.
    let with = share_step(port, r#", account: "corp\\img""#);
    bench.check(&[&with], &[]).no(Blocking).expect(
        Warning,
        destination::SUBJECT,
        "OSDCaptureAccountPassword",
    );
    let secrets = [("OSDCaptureAccountPassword", "hunter2hunter2")];
    let checked = bench.check_with(&[&with], &[], &secrets, &CancelToken::new());
    checked
        .no(Blocking)
        .expect(Fine, destination::SUBJECT, r"as corp\img");
    assert!(!format!("{:?}", checked.found).contains("hunter2"));
    bench.share = None;
    bench.check(&[&share_step(port, "")], &[]).expect(
        Blocking,
        destination::SUBJECT,
        "refuses the log-on",
    );
    drop(listener);
    bench.check(&[&share_step(port, "")], &[]).expect(
        Blocking,
        destination::SUBJECT,
        "refuses connections",
    );
}

#[test]
fn a_connection_serves_the_steps_that_follow() {
    let folder = tempfile::tempdir().unwrap();
    wim(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut bench = Bench {
        share: Some(folder.path().to_owned()),
        ..Bench::default()
    };
    let connect = format!(
        "Step(name: \"c\", action: ConnectNetworkFolder(path: r\"\\\\127.0.0.1@{port}\\img\", writable: true, folder_variable: \"Share\"))"
    );
    let partition = r#"Step(name: "Partition", action: PartitionDisk(disk: 0, style: Gpt, partitions: [(name: "Windows", size: Percent(100), format: Ntfs, letter_variable: "OSDisk")]))"#;
    let apply = r#"Step(name: "Apply", action: ApplyOperatingSystem(image: "%Share%/source.wim", destination: Variable("OSDisk")))"#;
    bench
        .check(&[&connect, partition, apply], &[])
        .no(Blocking)
        .no(Warning)
        .expect(Fine, "network folder", "logged on")
        .expect(Fine, "network folder", "test file")
        .expect(Fine, "image file", "source.wim");
    // The log-on waits for a password: the image cannot be looked at yet.
    let later = connect.replace(
        "writable: true",
        r#"account: "corp\\img", password_variable: "Pw""#,
    );
    bench
        .check(&[&later, partition, apply], &[])
        .no(Blocking)
        .expect(Warning, "network folder", "`Pw`")
        .expect(Warning, "image file", "only known in the run");
    bench.share = None;
    bench
        .check(&[&connect], &[])
        .expect(Blocking, "network folder", "refuses the log-on");
    let local = |path: &Path| {
        format!(
            "Step(name: \"c\", action: ConnectNetworkFolder(path: \"file:{}\", writable: true))",
            path.display()
        )
    };
    bench
        .check(&[&local(folder.path())], &[])
        .no(Blocking)
        .expect(Fine, "network folder", "can be written");
    bench
        .check(&[&local(&folder.path().join("missing"))], &[])
        .expect(Blocking, "network folder", "missing");
}

#[test]
fn clocks_apart_are_measured() {
    let at = |seconds: i64| {
        let now = SystemTime::now();
        let server = if seconds < 0 {
            now - Duration::from_secs(seconds.unsigned_abs())
        } else {
            now + Duration::from_secs(seconds.unsigned_abs())
        };
        let checked = alone(|c| share::clock(server, now, c));
        (checked.found[0].gravity, checked.found[0].text.clone())
    };
    assert_eq!(at(20).0, Gravity::Fine);
    assert_eq!(at(-120).0, Gravity::Warning);
    let (gravity, text) = at(400);
    assert!(
        gravity == Gravity::Blocking && text.contains("behind the server"),
        "{text}"
    );
    assert!(at(-400).1.contains("ahead of the server"));
}

#[test]
fn speed_and_memory_are_judged() {
    let one = |found: Vec<Finding>| (found[0].gravity, found[0].text.clone());
    let fast =
        one(alone(|c| destination::judge_speed(64 * MIB, Duration::from_millis(500), c)).found);
    assert_eq!(fast, (Fine, "writes about 134.2 MB/s".to_owned()));
    let slow = one(alone(|c| destination::judge_speed(16 * MIB, Duration::from_secs(2), c)).found);
    assert!(
        slow.0 == Warning && slow.1.contains("8.4 MB/s"),
        "{}",
        slow.1
    );
    let memory =
        |compression, free| alone(|c| memory::judge(compression, free, 4, c)).found[0].gravity;
    assert_eq!(memory(Compression::Balanced, 2 * GIB), Fine);
    assert_eq!(memory(Compression::Balanced, 200 * MIB), Warning);
    assert_eq!(memory(Compression::Fast, 50 * MIB), Blocking);
    assert_eq!(memory(Compression::Smallest, 8 * GIB), Fine);
    assert_eq!(memory(Compression::Smallest, GIB), Warning);
    assert_eq!(memory(Compression::Smallest, 500 * MIB), Blocking);
}

#[test]
fn what_an_image_says_is_not_made_from_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let bench = machine(&folder.path().join("v"));
    let target = folder.path().join("x.wim").display().to_string();
    let open = capture(&target, ", description: \"by %Who%\"");
    let secret = [("P", "Pl4nted-S3cret")];
    let check = |step: &str| {
        let cancel = CancelToken::new();
        bench.check_with(&[step], &[("Who", "me")], &secret, &cancel)
    };
    check(&open).no(Gravity::Blocking);
    for more in [
        ", description: \"by %P%\"",
        ", description: \"by Pl4nted-S3cret\"",
        ", description: \"by UGw0bnRlZC1TM2NyZXQ\"",
        ", creator: \"%P%\"",
        ", version: \"%P%\"",
    ] {
        check(&capture(&target, more)).expect(Gravity::Blocking, "image", "made from a secret");
    }
    let path = folder.path().join("%P%.wim").display().to_string();
    check(&capture(&path, "")).expect(Gravity::Blocking, "", "made from a secret");
    for label in ["%P%", "Pl4nted-S3cret"] {
        let disk = format!(
            "Step(name: \"Disk\", action: PartitionDisk(disk: 0, style: Gpt, partitions: [\
             (name: \"w\", size: Percent(100), format: Ntfs, label: \"{label}\")]))"
        );
        check(&disk).expect(Gravity::Blocking, "disk 0", "made from a secret");
    }
}
