//! A capture's destination that becomes full, or fails: the step says which file and why, the old image stays, nothing is left
//! beside it, and another attempt succeeds once there is room.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use wimforge::codes;
use wimforge::event::{Failure, RunOutcome};

use crate::disk::{Disk, Switches};
use crate::lab::{Engine, skip, text, tool};

const OLD: &[u8] = b"the image of last week";

/// Bytes that an undisturbed capture of the disk writes.
fn undisturbed() -> u64 {
    static BYTES: OnceLock<u64> = OnceLock::new();
    *BYTES.get_or_init(|| {
        let disk = Disk::new();
        let mut engine = Engine::new();
        engine.capture(&disk.path().join("first.wim"));
        engine.go();
        assert_eq!(engine.end().outcome(), RunOutcome::Succeeded);
        let bytes = std::fs::metadata(disk.path().join("first.wim"))
            .unwrap()
            .len();
        assert!(bytes > 5 << 20, "the trial is too small: {bytes}");
        bytes
    })
}

/// Captures while `fault` is on, looks, turns it off and tries again.
fn survives(fault: impl FnOnce(&Switches), judge: impl FnOnce(&Failure, &Path)) {
    let disk = Disk::new();
    let image = disk.path().join("reference.wim");
    std::fs::write(&image, OLD).unwrap();
    let mut engine = Engine::new();
    engine.capture(&image);
    disk.switches.written.store(0, Ordering::SeqCst);
    fault(&disk.switches);
    engine.go();
    let (attempt, failure) = engine.failure();
    judge(&failure, &image);
    assert_eq!(std::fs::read(&image).unwrap(), OLD, "the old image");
    assert_eq!(disk.names(), ["reference.wim"], "something is left");
    disk.switches.heal();
    engine.retry(attempt);
    let run = engine.end();
    assert_eq!(run.outcome(), RunOutcome::Succeeded, "{:?}", run.state.end);
    tool("wimlib-imagex", &["verify", text(&image)]);
    assert_eq!(disk.names(), ["reference.wim"]);
}

fn is_full(failure: &Failure, image: &Path) {
    assert_eq!(failure.code, codes::DISK_FULL, "{failure:?}");
    assert!(failure.message.contains(text(image)), "{failure:?}");
    assert!(failure.message.contains("is full"), "{failure:?}");
    let hint = failure.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("Make room"), "{failure:?}");
}

fn cannot_be_written(failure: &Failure, image: &Path) {
    assert!(failure.message.contains(text(image)), "{failure:?}");
    assert!(
        failure.message.contains("Input/output error"),
        "{failure:?}"
    );
    assert!(failure.hint.is_some(), "{failure:?}");
}

fn full_at(percent: u64) {
    if skip() {
        return;
    }
    let room = OLD.len() as u64 + undisturbed() * percent / 100;
    survives(
        |switches| switches.capacity.store(room, Ordering::SeqCst),
        is_full,
    );
}

#[test]
fn full_at_one_percent() {
    full_at(1);
}

#[test]
fn full_at_half() {
    full_at(50);
}

#[test]
fn full_at_ninety_nine_percent() {
    full_at(99);
}

#[test]
fn a_destination_full_from_the_start_is_told_before_anything_is_written() {
    if skip() {
        return;
    }
    survives(
        |switches| {
            switches
                .capacity
                .store(OLD.len() as u64 + 100, Ordering::SeqCst);
        },
        |failure, image| {
            assert_eq!(failure.code, codes::DISK_FULL, "{failure:?}");
            let folder = image.parent().unwrap();
            assert!(failure.message.contains(text(folder)), "{failure:?}");
            let causes = failure.causes.join(" ");
            assert!(causes.contains("No space left"), "{failure:?}");
        },
    );
}

fn failing(percent: u64, times: i64) {
    if skip() {
        return;
    }
    let from = undisturbed() * percent / 100;
    survives(
        |switches| {
            switches.failing_from.store(from, Ordering::SeqCst);
            switches.failing.store(times, Ordering::SeqCst);
        },
        cannot_be_written,
    );
}

#[test]
fn writes_that_fail_for_a_while() {
    failing(50, 3);
}

#[test]
fn writes_that_fail_from_half_on_for_ever() {
    failing(50, -1);
}

#[test]
fn writes_that_fail_at_the_very_end() {
    failing(99, 1);
}

/// Without the switch being turned off: one failed write, then `retry` alone.
#[test]
fn a_fault_that_is_over_by_itself_needs_a_retry_only() {
    if skip() {
        return;
    }
    let disk = Disk::new();
    let image = disk.path().join("reference.wim");
    let mut engine = Engine::new();
    engine.capture(&image);
    disk.switches.written.store(0, Ordering::SeqCst);
    disk.switches
        .failing_from
        .store(undisturbed() / 3, Ordering::SeqCst);
    disk.switches.failing.store(2, Ordering::SeqCst);
    engine.go();
    let mut attempts = 0;
    loop {
        let state = engine.bench.wait_for("the next turn", |state| {
            state.end.is_some() || state.question.is_some()
        });
        if state.end.is_some() {
            break;
        }
        attempts += 1;
        assert!(attempts <= 2, "{:?}", state.question);
        assert_eq!(disk.names(), [""; 0]);
        let (attempt, _) = engine.failure();
        engine.retry(attempt);
    }
    assert!(attempts >= 1, "nothing failed");
    assert_eq!(engine.end().outcome(), RunOutcome::Succeeded);
    tool("wimlib-imagex", &["verify", text(&image)]);
    assert_eq!(disk.names(), ["reference.wim"]);
}

#[test]
fn a_slow_destination_can_be_left() {
    if skip() {
        return;
    }
    let disk = Disk::new();
    let image = disk.path().join("reference.wim");
    std::fs::write(&image, OLD).unwrap();
    let mut engine = Engine::new();
    engine.capture(&image);
    disk.switches.delay.store(100, Ordering::SeqCst);
    disk.switches.written.store(0, Ordering::SeqCst);
    engine.go();
    engine.bench.wait_for("the first bytes", |state| {
        let writing = |phase: &wimforge::run_state::PhaseState| phase.name == "writing";
        state.phase.as_ref().is_some_and(writing)
            && disk.switches.written.load(Ordering::SeqCst) > 100_000
    });
    let asked = std::time::Instant::now();
    let cancel = wimforge::protocol::Request::Cancel { kill: false };
    engine
        .bench
        .dispatcher
        .request(&crate::common::who(), cancel);
    assert_eq!(engine.end().outcome(), RunOutcome::Cancelled);
    let waited = asked.elapsed();
    assert!(waited < std::time::Duration::from_secs(5), "{waited:?}");
    assert_eq!(std::fs::read(&image).unwrap(), OLD);
    assert_eq!(disk.names(), ["reference.wim"]);
}

/// A share whose server is gone in the middle: not a folder that has vanished, nor a bad disk.
#[test]
fn a_share_that_dies_in_the_middle_is_called_that() {
    if skip() {
        return;
    }
    for (number, code) in [
        (112, codes::BAD_NETPATH),
        (101, codes::BAD_NETPATH),
        (110, codes::BAD_NETPATH),
        (116, codes::NETNAME_DELETED),
    ] {
        let disk = Disk::new();
        let image = disk.path().join("reference.wim");
        std::fs::write(&image, OLD).unwrap();
        let mut engine = Engine::new();
        engine.capture(&image);
        disk.switches.written.store(0, Ordering::SeqCst);
        let half = undisturbed() / 2;
        disk.switches.gone_from.store(half, Ordering::SeqCst);
        disk.switches.gone.store(number, Ordering::SeqCst);
        engine.go();
        let (attempt, failure) = engine.failure();
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(failure.message.contains(text(&image)), "{failure:?}");
        assert!(failure.message.contains("was lost"), "{failure:?}");
        assert!(!failure.message.contains("vanished"), "{failure:?}");
        let hint = failure.hint.clone().unwrap_or_default();
        assert!(hint.contains("connect the share again"), "{failure:?}");
        let best = wimforge::hints::best(&failure, "Capture Operating System Image");
        assert_eq!(best[0].hint.number, 38, "{failure:?}");

        disk.switches.heal();
        assert_eq!(std::fs::read(&image).unwrap(), OLD, "the old image");
        engine.retry(attempt);
        assert_eq!(engine.end().outcome(), RunOutcome::Succeeded);
        assert_eq!(disk.names(), ["reference.wim"]);
    }
}
