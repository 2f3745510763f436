//! `lab prepare` for real: made, looked at by another tool, kept the second time, cancelled without a trace.
//!
//! Needs root, FUSE and the Debian packages `ntfs-3g wimtools`; `WIMFORGE_SKIP_LAB=1` leaves it out.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

#[path = "common/system.rs"]
mod system;

use std::time::Instant;

use system::{names, skip_lab, tool};

use wimforge::cancel::{CancelLevel, CancelToken};
use wimforge::lab::{LabError, PrepareOptions, Prepared, prepare};

fn quiet(options: &PrepareOptions) -> Result<Prepared, LabError> {
    prepare(options, &|_| {}, &|_, _, _| {}, &CancelToken::new())
}

#[test]
fn a_lab_of_two_volumes_is_made_and_kept() {
    if skip_lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut options = PrepareOptions::new(folder.path().join("lab"));
    options.volumes = 2;
    let made = quiet(&options).unwrap();
    assert!(made.made_wim);
    assert_eq!(
        names(&options.dir),
        ["captures", "disk.img", "reference.wim"]
    );
    assert_eq!(std::fs::metadata(&made.disk).unwrap().len(), 8 << 30);

    let wim = made.wim.to_str().unwrap();
    tool("wimlib-imagex", &["verify", wim]);
    let listing = tool("wimlib-imagex", &["dir", wim, "2"]);
    assert!(listing.lines().count() > 5_200);
    for there in [
        "/Windows/System32/config/SYSTEM",
        "/Windows/Panther",
        "/Windows/Boot/EFI/bootmgfw.efi",
        "/Documents and Settings",
        "/Users/Public/relative folder link",
        "/PerfLogs",
        "/Users/Public/Documents/\u{1f4be} disk e\u{301}.txt",
    ] {
        assert!(listing.lines().any(|line| line == there), "{there}");
    }
    let longest = |text: &str| text.encode_utf16().count() == 255;
    let base = |line: &str| line.rsplit('/').next().unwrap_or_default().to_owned();
    assert_eq!(
        listing
            .lines()
            .map(base)
            .filter(|name| longest(name))
            .count(),
        2
    );
    for out in [
        "pagefile.sys",
        "hiberfil.sys",
        "swapfile.sys",
        "tracking.log",
        "Recycle.Bin/",
    ] {
        assert!(!listing.contains(out), "{out} was captured");
    }
    let boot = tool("wimlib-imagex", &["dir", wim, "1"]);
    assert!(boot.contains("/EFI/Microsoft/Boot/BCD"));
    let details = tool("wimlib-imagex", &["dir", wim, "2", "--detailed"]);
    for property in [
        "FILE_ATTRIBUTE_HIDDEN",
        "FILE_ATTRIBUTE_SYSTEM",
        "FILE_ATTRIBUTE_READONLY",
        "FILE_ATTRIBUTE_COMPRESSED",
        "FILE_ATTRIBUTE_SPARSE_FILE",
        "FILE_ATTRIBUTE_REPARSE_POINT",
        "0xa0000003",
        "0xa000000c",
        "\"PROGRA~1\"",
        "\"Zone.Identifier\"",
    ] {
        assert!(details.contains(property), "{property}");
    }
    let info = tool("wimlib-imagex", &["info", wim, "2"]);
    let bytes: u64 = info
        .lines()
        .find_map(|line| line.strip_prefix("Total Bytes:"))
        .and_then(|text| text.trim().parse().ok())
        .unwrap();
    assert!(bytes >= 300_000_000, "{bytes}");

    // Applied by another tool, every link can be looked at and the properties are there.
    let volume = folder.path().join("volume");
    std::fs::File::create(&volume)
        .unwrap()
        .set_len(2 << 30)
        .unwrap();
    tool("mkntfs", &["-Q", "-F", volume.to_str().unwrap()]);
    tool(
        "wimlib-imagex",
        &["apply", wim, "2", volume.to_str().unwrap()],
    );

    // The second time it is there: a run that has the disk attached loses nothing.
    std::fs::write(options.dir.join("captures/old.wim"), "x").unwrap();
    let started = Instant::now();
    let kept = quiet(&options).unwrap();
    assert!(!kept.made_wim);
    assert!(started.elapsed().as_secs() < 5);
    assert!(options.dir.join("captures/old.wim").exists());

    // Another disk size is not taken for the same lab.
    options.disk_bytes = 9 << 30;
    let error = quiet(&options).unwrap_err();
    assert!(matches!(error, LabError::OtherSize { .. }), "{error}");
    assert_eq!(error.exit_code(), 2);

    // A damaged image is made anew.
    options.disk_bytes = 8 << 30;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&made.wim)
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"damage", 1_000_000).unwrap();
    drop(file);
    assert!(quiet(&options).unwrap().made_wim);
    tool("wimlib-imagex", &["verify", wim]);
}

#[test]
fn a_cancelled_lab_leaves_nothing_behind() {
    if skip_lab() {
        return;
    }
    for end_in in ["copying", "capturing"] {
        let folder = tempfile::tempdir().unwrap();
        let options = PrepareOptions::new(folder.path());
        let cancel = CancelToken::new();
        let outcome = prepare(
            &options,
            &|_| {},
            &|phase, _, _| {
                if phase == end_in {
                    cancel.raise(CancelLevel::Asked);
                }
            },
            &cancel,
        );
        let error = outcome.unwrap_err();
        assert!(matches!(error, LabError::Cancelled), "{end_in}: {error}");
        assert_eq!(error.exit_code(), 3);
        assert_eq!(names(folder.path()), ["captures"], "{end_in}");
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(
            !mounts.contains(folder.path().to_str().unwrap()),
            "{end_in}"
        );
    }
}

#[test]
fn a_disk_too_small_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = PrepareOptions::new(folder.path().join("lab"));
    options.disk_bytes = 1 << 30;
    let error = quiet(&options).unwrap_err();
    assert!(error.to_string().contains("at least 2.0 GiB"), "{error}");
    assert!(!options.dir.exists());
}
