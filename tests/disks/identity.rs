//! Whose a disk is, and whether it is still the one that was taken.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::platform::{Disk, Machine, PlatformError, Refusal};

use crate::bench::{MIB, digest_of, image, machine, one_partition, text, tool};
use crate::system::{attempt, detach_loops, shoot};

fn take(path: &Path, only_look: bool) -> Result<LinuxMachine, PlatformError> {
    LinuxMachine::new(MachineOptions {
        attached: vec![(0, path.to_owned())],
        only_look,
        ..MachineOptions::default()
    })
}

fn look(path: &Path) -> LinuxMachine {
    take(path, true).unwrap()
}

/// What is said to whoever wants it as a disk.
fn refused(path: &Path) -> String {
    take(path, false).unwrap_err().to_string()
}

/// The loop devices on a file, by the outside tool.
fn loops_on(image: &Path) -> Vec<String> {
    tool("losetup", &["-n", "-O", "NAME", "-j", text(image)])
        .lines()
        .map(str::to_owned)
        .collect()
}

fn attach(arguments: &[&str]) -> PathBuf {
    PathBuf::from(tool("losetup", &[&["-f", "--show"], arguments].concat()).trim())
}

/// Detaches it also when the test fails.
struct Foreign(PathBuf);

impl Drop for Foreign {
    fn drop(&mut self) {
        attempt("losetup", &["-d", text(&self.0)]);
    }
}

#[test]
fn who_looks_changes_nothing_beside_who_works() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let working = machine(&path);
    let disk = working.disk(0).unwrap();
    for _ in 0..3 {
        let looking = look(&path);
        let seen = looking.disk(0).unwrap();
        assert_eq!(seen.path, disk.path, "no second device on the same file");
        assert!(
            matches!(&seen.refusals[..], [Refusal::Held { node, .. }] if *node == path),
            "{:?}",
            seen.refusals
        );
        assert!(looking.write_layout(&seen, &one_partition()).is_err());
        assert!(looking.wipe_table(0).is_err());
        drop(looking);
        assert_eq!(loops_on(&path), [text(&disk.path)]);
    }
    working.write_layout(&disk, &one_partition()).unwrap();
    assert_eq!(look(&path).disk(0).unwrap().partitions.len(), 1);
    let nodes: Vec<PathBuf> = working.disk(0).unwrap().partitions[..]
        .iter()
        .map(|partition| partition.node.clone())
        .collect();
    assert!(nodes.iter().all(|node| node.exists()));
}

#[test]
fn who_looks_alone_leaves_nothing_and_may_still_be_told_that_it_may_be_written() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    tool("sgdisk", &["-n", "1:0:+50M", text(&path)]);
    let (before, written) = (digest_of(&path), fs::metadata(&path).unwrap().modified());
    let looking = look(&path);
    let disk = looking.disk(0).unwrap();
    assert_eq!(disk.refusals, []);
    assert_eq!(disk.partitions.len(), 1);
    // Somebody begins to work meanwhile: who looks does not stand in the way.
    let working = machine(&path);
    assert_eq!(working.disk(0).unwrap().refusals, []);
    drop(working);
    drop(looking);
    assert_eq!(loops_on(&path), [""; 0]);
    assert!(digest_of(&path) == before);
    assert_eq!(
        fs::metadata(&path).unwrap().modified().unwrap(),
        written.unwrap()
    );
}

#[test]
fn a_loop_device_of_others_is_looked_through_and_left() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let foreign = Foreign(attach(&[text(&path)]));
    assert_eq!(look(&path).disk(0).unwrap().path, foreign.0);
    assert_eq!(loops_on(&path), [text(&foreign.0)]);
    let said = refused(&path);
    let name = foreign.0.file_name().unwrap().to_str().unwrap();
    assert!(said.contains(&format!("is held by {name}")), "{said}");
    assert_eq!(loops_on(&path), [text(&foreign.0)]);
}

#[test]
fn a_second_engine_is_refused_whatever_name_the_file_has() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let (link, hard) = (folder.path().join("link.img"), folder.path().join("hard"));
    symlink(&path, &link).unwrap();
    fs::hard_link(&path, &hard).unwrap();
    let first = machine(&path);
    let node = first.disk(0).unwrap().path;
    for name in [&path, &link, &hard, &node] {
        let said = refused(name);
        assert!(said.contains("is held by"), "{}: {said}", name.display());
    }
    let twice = LinuxMachine::new(MachineOptions {
        attached: vec![(0, hard), (1, link)],
        ..MachineOptions::default()
    });
    drop(first);
    assert!(twice.is_err());
    // The last way in: the device that another one works on.
    let foreign = Foreign(attach(&[text(&path)]));
    let on_device = machine(&foreign.0);
    let said = refused(&foreign.0);
    assert!(said.contains("is held by"), "{said}");
    drop(on_device);
    take(&foreign.0, false).unwrap();
}

/// An engine on this disk, in a process and with state of its own.
fn engine(image: &Path, state: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wimforge"));
    command
        .args(["run", "--plain", "--ask", "--firmware", "uefi", "--disk"])
        .arg(format!("0={}", image.display()))
        .arg(state.join("wait.ron"))
        .env("WIMFORGE_RUNTIME_DIR", state)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let wait = r#"Sequence(schema: 1, name: "Wait", steps: [
        Step(name: "Wait", action: Pause(message: "wait")),
    ])"#;
    fs::write(state.join("wait.ron"), wait).unwrap();
    command.spawn().unwrap()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_holder_is_named_and_a_killed_one_leaves_nothing() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let mut client = engine(&path, state.path());
    until("the engine attaches its disk", || {
        !loops_on(&path).is_empty()
    });
    let said = refused(&path);
    let seen = look(&path).disk(0).unwrap().refusals;
    let holder = said
        .split("wimforge (process ")
        .nth(1)
        .and_then(|rest| rest.split(')').next())
        .unwrap_or_else(|| panic!("{said}"))
        .to_owned();
    assert!(
        matches!(&seen[..], [Refusal::Held { holder: found, .. }]
            if *found == format!("wimforge (process {holder})")),
        "{seen:?}"
    );
    let before = loops_on(&path);
    let disk = format!("0={}", text(&path));
    let sequence = state.path().join("wait.ron");
    for arguments in [&["disks"][..], &["preflight", text(&sequence)]] {
        let said = Command::new(env!("CARGO_BIN_EXE_wimforge"))
            .args(arguments)
            .args(["--disk", &disk, "--firmware", "uefi"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        assert!(arguments[0] != "disks" || said.contains(&holder), "{said}");
        assert_eq!(loops_on(&path), before, "{arguments:?}");
    }
    shoot(holder.parse().unwrap());
    client.kill().unwrap();
    client.wait().unwrap();
    until("the loop device goes with its engine", || {
        loops_on(&path).is_empty()
    });
    assert_eq!(machine(&path).disk(0).unwrap().refusals, []);
}

#[test]
fn a_file_that_was_deleted_or_replaced_is_not_written() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let kept = folder.path().join("kept.img");
    for replace in [false, true] {
        let taken = machine(&path);
        let disk = taken.disk(0).unwrap();
        fs::rename(&path, &kept).unwrap();
        if replace {
            image(folder.path(), 128 * MIB);
        }
        let before = digest_of(&kept);
        let found = taken.disk(0).unwrap().refusals;
        assert!(
            matches!(&found[..], [Refusal::NotTheSame { node, .. }] if *node == path),
            "{found:?}"
        );
        let error = taken.write_layout(&disk, &one_partition()).unwrap_err();
        assert!(error.to_string().contains("would be lost"), "{error}");
        assert!(taken.wipe_table(0).is_err());
        drop(taken);
        assert!(digest_of(&kept) == before);
        let _ = fs::remove_file(&path);
        fs::rename(&kept, &path).unwrap();
    }
}

#[test]
fn a_clone_is_not_the_disk() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    tool("sgdisk", &["-n", "1:0:+50M", text(&path)]);
    let clone = folder.path().join("clone.img");
    tool("cp", &["--sparse=always", text(&path), text(&clone)]);
    let first = Foreign(attach(&[text(&path)]));
    let confirmed = machine(&first.0).disk(0).unwrap();
    // The number of the loop device is given to the clone: same node, same table, same bytes.
    tool("losetup", &["-d", text(&first.0)]);
    tool("losetup", &[text(&first.0), text(&clone)]);
    let exchanged = machine(&first.0);
    let found = exchanged.disk(0).unwrap();
    assert_eq!(
        (&found.path, &found.digest, &found.serial),
        (&confirmed.path, &confirmed.digest, &confirmed.serial)
    );
    let before = digest_of(&clone);
    let error = exchanged
        .write_layout(&confirmed, &one_partition())
        .unwrap_err();
    assert!(
        matches!(error, PlatformError::Changed { number: 0, .. }),
        "{error}"
    );
    assert!(digest_of(&clone) == before);
    let same = Disk { ..found };
    exchanged.write_layout(&same, &one_partition()).unwrap();
}

#[test]
fn a_number_is_not_given_away_while_it_is_used() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let other = folder.path().join("other.img");
    File::create(&other).unwrap().set_len(128 * MIB).unwrap();
    let taken = machine(&path);
    let node = taken.disk(0).unwrap().path;
    attempt("losetup", &["-d", text(&node)]);
    let given = attempt("losetup", &[text(&node), text(&other)]);
    assert!(!given.status.success());
    let disk = taken.disk(0).unwrap();
    assert_eq!(disk.refusals, []);
    taken.write_layout(&disk, &one_partition()).unwrap();
    drop(taken);
    let listed = tool("sgdisk", &["-p", text(&path)]);
    assert!(listed.contains("\n   1 "), "{listed}");
    detach_loops(&other);
}

#[test]
fn parts_of_disks_and_what_others_use_are_refused_at_the_start() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    tool("sgdisk", &["-n", "1:2048:+100M", text(&path)]);
    {
        let part = Foreign(attach(&["-o", "1048576", text(&path)]));
        let said = refused(&part.0);
        assert!(said.contains("on a part of"), "{said}");
        let name = part.0.file_name().unwrap().to_str().unwrap();
        assert!(refused(&path).contains(&format!("is held by {name}")));
    }
    {
        let whole = machine(&path);
        let disk = whole.disk(0).unwrap();
        let partition = disk.partitions[0].node.clone();
        let said = refused(&partition);
        let wanted = format!(
            "this is a partition of {}: give the whole disk",
            disk.path.display()
        );
        assert!(said.contains(&wanted), "{said}");
        for below in [&partition, &disk.path] {
            let over = Foreign(attach(&[text(below)]));
            let said = refused(&over.0);
            let wanted = format!("this is a loop device on {}", below.display());
            assert!(said.contains(&wanted), "{said}");
        }
    }
    // A file system in the file itself, without a loop device.
    let volume = folder.path().join("volume.img");
    File::create(&volume).unwrap().set_len(32 * MIB).unwrap();
    tool("mkntfs", &["-Q", "-F", "-q", text(&volume)]);
    let at = folder.path().join("mounted");
    fs::create_dir(&at).unwrap();
    for options in ["rw", "ro"] {
        tool("ntfs-3g", &["-o", options, text(&volume), text(&at)]);
        let said = refused(&volume);
        let seen = look(&volume).disk(0).unwrap().refusals;
        tool("umount", &[text(&at)]);
        let by_name = said.contains(text(&at)) || said.contains("ntfs-3g (process");
        assert!(by_name, "{options}: {said}");
        assert!(!seen.is_empty());
    }
    until("ntfs-3g ends", || take(&volume, false).is_ok());
}

#[test]
fn the_lock_of_a_virtual_machine_is_seen_and_ours_is_seen_by_it() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 128 * MIB);
    let socket = folder.path().join("nbd");
    let serve = |mode: Stdio| {
        Command::new("qemu-nbd")
            .args(["-f", "raw", "-t", "-k", text(&socket), text(&path)])
            .stderr(mode)
            .spawn()
            .unwrap_or_else(|error| panic!("qemu-nbd cannot be started: {error}"))
    };
    let mut server = serve(Stdio::inherit());
    until("qemu serves the image", || socket.exists());
    let said = refused(&path);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(said.contains("qemu-nbd (process"), "{said}");
    let _ = fs::remove_file(&socket);
    let taken = machine(&path);
    let output = serve(Stdio::piped()).wait_with_output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("lock"), "{said}");
    drop(taken);
}
