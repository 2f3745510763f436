//! What an apply or a partitioning would fail of is found before the disk is wiped.

use std::path::Path;
use std::time::{Duration, Instant};

use super::bench::{Bench, disk, wim};
use crate::event::Gravity::{Blocking, Fine, Warning};
use crate::platform::machine::Space;
use crate::units::{GIB, MIB};

const TIB: u64 = 1024 * GIB;

fn set(name: &str, value: &str) -> String {
    format!("Step(name: \"Set\", action: SetVariable(variable: \"{name}\", value: \"{value}\"))")
}

fn partition(style: &str, partitions: &str) -> String {
    format!(
        "Step(name: \"P\", action: PartitionDisk(disk: 0, style: {style}, partitions: [{partitions}]))"
    )
}

fn one(more: &str) -> String {
    partition("Gpt", &format!("(name: \"W\", size: Percent(100), {more})"))
}

fn apply(image: &Path) -> String {
    format!(
        "Step(name: \"A\", action: ApplyOperatingSystem(image: \"{}\", destination: Partition(0, 1)))",
        image.display()
    )
}

/// The scratch folder of a step does not exist before its turn.
#[test]
fn an_image_for_fat32_needs_room_where_its_scratch_folder_will_be() {
    let folder = tempfile::tempdir().unwrap();
    let source = wim(folder.path());
    let steps = [one("format: Fat32"), apply(&source)];
    let steps = [steps[0].as_str(), steps[1].as_str()];
    let mut bench = Bench::default();
    bench.check(&steps, &[]).no(Blocking).no(Warning).expect(
        Fine,
        "image file",
        "is sound by its integrity table",
    );
    bench.space = Space {
        free_bytes: MIB,
        ..bench.space
    };
    bench
        .check(&steps, &[])
        .expect(Blocking, "disk 0 partition 1", "scratch folder");
}

#[test]
fn labels_and_names_are_judged_with_the_values_of_the_run() {
    let bench = Bench::default();
    let fat = one("format: Fat32, label: \"%L%\"");
    let ntfs = one("format: Ntfs, label: \"%L%\"");
    let long = "x".repeat(33);
    for (step, label, why) in [
        (&fat, "sÿstem", "`ÿ`"),
        (&fat, "twelve chars", "12 characters"),
        (&fat, "a/b", "`/`"),
        (&ntfs, long.as_str(), "33 characters"),
    ] {
        bench
            .check(&[&set("L", label), step], &[])
            .expect(Blocking, "disk 0", why);
        bench
            .check(&[step], &[("L", label)])
            .expect(Blocking, "disk 0", why);
    }
    for (step, label) in [(&fat, "SYSTEM"), (&ntfs, "Größe"), (&ntfs, &long[..32])] {
        bench
            .check(&[&set("L", label), step], &[])
            .no(Blocking)
            .no(Warning);
    }
    // Set by a command: only the run knows.
    let command =
        r#"Step(name: "c", action: RunCommandLine(command: "/bin/echo", output_variable: "L"))"#;
    bench
        .check(&[command, &fat], &[("L", "a/b")])
        .no(Blocking)
        .expect(Warning, "disk 0", "only known in the run");
    bench
        .check(&[&fat], &[])
        .expect(Warning, "partition W", "no value: L");
    let named = partition("Gpt", "(name: \"%N%\", size: Percent(100), format: Ntfs)");
    bench
        .check(&[&named], &[("N", &"n".repeat(37))])
        .expect(Blocking, "disk 0", "37 characters");
}

#[test]
fn volumes_have_their_sizes_and_an_mbr_its_reach() {
    let large = |bytes: u64, sector_bytes: u32| Bench {
        disks: vec![crate::platform::Disk {
            sector_bytes,
            ..disk(0, bytes)
        }],
        ..Bench::default()
    };
    let fat = one("format: Fat32");
    large(3 * TIB, 512)
        .check(&[&fat], &[])
        .expect(Blocking, "disk 0", "FAT32 ends at 2.0 TiB");
    large(2 * TIB, 512).check(&[&fat], &[]).no(Blocking);
    large(200 * MIB, 512).check(&[&fat], &[]).no(Blocking);
    // 65,525 clusters of 4096 bytes are more than a disk of 200 MiB has.
    large(200 * MIB, 4096)
        .check(&[&fat], &[])
        .expect(Blocking, "disk 0", "needs at least 259 MiB");
    large(9 * MIB, 512)
        .check(&[&one("format: Ntfs")], &[])
        .expect(Blocking, "disk 0", "needs at least 8.0 MiB");

    let mbr = partition(
        "Mbr",
        "(name: \"W\", kind: Primary, size: Percent(100), format: Ntfs, bootable: true)",
    );
    let bios = [("_SMSTSBootUEFI", "false")];
    large(3 * TIB, 512)
        .check(&[&mbr], &bios)
        .no(Blocking)
        .expect(
            Warning,
            "disk 0",
            "an MBR reaches 2.0 TiB of its 3.0 TiB: 1.0 TiB stay unused",
        );
    for reached in [large(2 * TIB, 512), large(3 * TIB, 4096)] {
        let checked = reached.check(&[&mbr], &bios);
        assert!(!checked.has(Warning, "disk 0", "unused"));
    }
}

#[test]
fn a_damaged_image_is_found_before_the_disk_is_wiped() {
    let folder = tempfile::tempdir().unwrap();
    let source = wim(folder.path());
    let steps = [one("format: Ntfs"), apply(&source)];
    let steps = [steps[0].as_str(), steps[1].as_str()];
    let bench = Bench::default();
    bench.check(&steps, &[]).no(Blocking).expect(
        Fine,
        "image file",
        "is sound by its integrity table",
    );
    // Not read twice; but anew when it has changed.
    bench
        .check(&steps, &[])
        .expect(Fine, "image file", "has not changed since");
    let mut bytes = std::fs::read(&source).unwrap();
    bytes[220] ^= 1;
    std::fs::write(&source, bytes).unwrap();
    bench
        .check(&steps, &[])
        .expect(Blocking, "image", "is damaged");
}

#[test]
fn a_pipe_in_place_of_an_image_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.wim");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let started = Instant::now();
    Bench::default()
        .check(&[&one("format: Ntfs"), &apply(&pipe)], &[])
        .expect(Blocking, "image file", "not a file");
    assert!(started.elapsed() < Duration::from_secs(5));
}
