//! Progress, interruption, and what wimlib says when it fails.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use wimforge::wim::{Monitor, Silent, Wim, WimError, WimPhase, WimProgress, WriteOptions};

use crate::bench::{FAST, ntfs, small};

/// Breaks when `phase` starts; counts signs.
struct Stop(WimPhase, Cell<u32>);

impl Monitor for Stop {
    fn update(&self, progress: &WimProgress<'_>) -> ControlFlow<()> {
        self.1.set(self.1.get() + 1);
        if progress.phase == self.0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[test]
fn a_monitor_ends_every_kind_of_work() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = small(dir.path(), FAST, 4000, true);
    let stop = |phase| Stop(phase, Cell::new(0));
    let aborted = |result: Result<(), WimError>, what: &str| {
        let error = result.expect_err(what);
        assert!(matches!(error, WimError::Aborted), "{what}: {error:?}");
        assert_eq!(error.code(), 0x8007_04C7);
    };
    aborted(
        Wim::open(&path, true, &stop(WimPhase::Integrity)).map(drop),
        "open",
    );
    let wim = Wim::open(&path, false, &Silent).expect("an opened WIM");
    aborted(wim.verify(&stop(WimPhase::Verifying)), "verify");
    for phase in [WimPhase::ExtractingStructure, WimPhase::Extracting] {
        let target = ntfs(dir.path(), "target.img", 64);
        aborted(wim.apply_ntfs(1, &target, &stop(phase)).map(drop), "apply");
    }
    let source = dir.path().join("small.img");
    let mut new = Wim::create(FAST).expect("a new WIM");
    let watch = stop(WimPhase::Scanning);
    let added = new.add_ntfs(&source, "x", &[], &|_| {}, &watch);
    aborted(added.map(drop), "scan");
    let mut new = Wim::create(FAST).expect("a new WIM");
    new.add_ntfs(&source, "x", &[], &|_| {}, &Silent)
        .expect("a captured volume");
    let to = dir.path().join("new.wim");
    aborted(
        new.write(&to, &WriteOptions::default(), &stop(WimPhase::Writing)),
        "write",
    );
}

#[test]
fn progress_reaches_its_total_and_names_paths() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = small(dir.path(), FAST, 4000, true);
    let seen = RefCell::new(Vec::new());
    let watch = |progress: &WimProgress<'_>| {
        seen.borrow_mut()
            .push((progress.phase, progress.done, progress.total));
        ControlFlow::Continue(())
    };
    let wim = Wim::open(&path, true, &watch).expect("an opened WIM");
    wim.verify(&watch).expect("a good WIM");
    let target = ntfs(dir.path(), "target.img", 64);
    wim.apply_ntfs(1, &target, &watch).expect("applied");
    for phase in [
        WimPhase::Integrity,
        WimPhase::Verifying,
        WimPhase::Extracting,
    ] {
        let last = seen
            .borrow()
            .iter()
            .rev()
            .find(|(p, ..)| *p == phase)
            .copied();
        let (_, done, total) = last.unwrap_or_else(|| panic!("no {phase:?}"));
        assert_eq!(done, total, "{phase:?}");
        assert!(total > 0);
    }
}

#[test]
fn a_panicking_observer_does_not_unwind_through_wimlib() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = small(dir.path(), FAST, 100, true);
    let wim = Wim::open(&path, false, &Silent).expect("an opened WIM");
    let bad = |_: &WimProgress<'_>| -> ControlFlow<()> { panic!("on purpose") };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wim.verify(&bad)));
    assert!(caught.is_err());
    wim.verify(&Silent).expect("the handle still works");
}

#[test]
fn troubles_with_the_volume_come_with_what_wimlib_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = small(dir.path(), FAST, 30_000, false);
    let wim = Wim::open(&path, false, &Silent).expect("an opened WIM");
    let blank = dir.path().join("blank.img");
    std::fs::write(&blank, vec![0; 1 << 20]).expect("a file");
    let error = wim.apply_ntfs(1, &blank, &Silent).expect_err("not NTFS");
    assert!(error.to_string().contains("blank.img"), "{error}");
    assert!(!error.messages().is_empty(), "{error:?}");
    let tiny = ntfs(dir.path(), "tiny.img", 16);
    let error = wim.apply_ntfs(1, &tiny, &Silent).expect_err("too small");
    assert!(matches!(error, WimError::Full { .. }), "{error:?}");
    assert_eq!(error.code(), 0x8007_0070);
}
