//! A disk with sectors that cannot be read: the capture names volume and file, and leaves nothing behind.

use std::path::Path;

use wimforge::event::RunOutcome;

use crate::common::Bench;
use crate::disk::Disk;
use crate::lab::{Engine, copy_disk, noise, skip, text, tool};

/// Where in the disk's image the middle of one file's data lies.
fn place_of(disk: &Path, data: &[u8]) -> u64 {
    let bytes = std::fs::read(disk).unwrap();
    let middle = &data[data.len() / 2..][..512];
    let at = bytes
        .windows(middle.len())
        .step_by(512)
        .position(|sector| sector == middle)
        .unwrap_or_else(|| panic!("the file's data do not stand in {}", disk.display()));
    at as u64 * 512
}

#[test]
fn unreadable_sectors_of_the_source_name_volume_and_file() {
    if skip() {
        return;
    }
    let (drive, bench) = (Disk::new(), Bench::new());
    let image = bench.path("disk.img");
    copy_disk(&image);
    let at = place_of(&image, &noise(1 << 20, 3 + 7));
    let disk = drive.path().join("disk.img");
    std::fs::copy(&image, &disk).unwrap();
    *drive.switches.bad.lock().unwrap() = at..at + 4096;

    let folder = tempfile::tempdir().unwrap();
    let wim = folder.path().join("reference.wim");
    let mut engine = Engine::on(bench, disk);
    engine.capture(&wim);
    engine.go();
    let (attempt, failure) = engine.failure();
    assert!(failure.message.contains(text(&wim)), "{failure:?}");
    assert!(failure.message.contains("Windows"), "{failure:?}");
    assert!(failure.message.contains("noise3.dll"), "{failure:?}");
    assert!(failure.message.contains("cannot be read"), "{failure:?}");
    assert!(failure.hint.is_some(), "{failure:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    // A loose cable: the sectors can be read again.
    drive.switches.heal();
    engine.retry(attempt);
    assert_eq!(engine.end().outcome(), RunOutcome::Succeeded);
    tool("wimlib-imagex", &["verify", text(&wim)]);
}
