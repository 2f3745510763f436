//! Cancel: asked, killed, given up. Each is said with the seconds left, nothing hangs, and what stays behind is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wimforge::engine::waiting::CancelTimes;
use wimforge::event::{Event, EventBody, Origin, RunOutcome};
use wimforge::protocol::Request;
use wimforge::run_state::Status;

use crate::common::{Finished, document};
use crate::live::{Live, command, failing, group, not_now, ok, slow};
use crate::machine::{Knobs, OneDisk, partition};

fn times(live: &Live, asked: u64, killed: u64) {
    live.bench.dispatcher.set_cancel_times(CancelTimes {
        asked: Duration::from_millis(asked),
        killed: Duration::from_millis(killed),
    });
}

/// What was said about the cancel, in one word each.
fn stages(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::CancelRequested {
                kill,
                by,
                waiting_for,
                seconds,
            } => {
                let what = if *kill { "kill" } else { "ask" };
                Some(format!("{what} by {} {seconds}: {waiting_for}", by.name))
            }
            EventBody::CancelGivenUp { waiting_for } => Some(format!("given up: {waiting_for}")),
            EventBody::LeftBehind { .. } => Some("left behind".to_owned()),
            EventBody::RunFinished { outcome, .. } => Some(format!("{outcome:?}")),
            _ => None,
        })
        .collect()
}

/// Processes of this machine whose command line holds this.
fn processes(marker: &str) -> usize {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .filter(|entry| entry.file_name().to_string_lossy() != std::process::id().to_string())
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(marker))
        .count()
}

fn ended(begun: Instant, within: u64, run: &Finished) {
    assert!(
        begun.elapsed() < Duration::from_secs(within),
        "{:?}: {:?}",
        begun.elapsed(),
        stages(&run.events)
    );
}

#[test]
fn a_command_that_does_not_obey_is_killed_with_its_children() {
    let marker = format!("31{}", std::process::id());
    let stubborn = format!(
        "trap '' TERM; (trap '' TERM; sleep {marker}.5) & echo started; while true; do sleep {marker}; done"
    );
    let live = Live::attended(&(command("stubborn", &stubborn, "") + &ok("2")));
    times(&live, 1_000, 9_000);
    live.wait("the command", |state| {
        state.log.iter().any(|line| line.text.contains("started"))
    });
    let patience = Instant::now();
    while processes(&marker) < 2 {
        assert!(patience.elapsed() < Duration::from_secs(10), "no processes");
        std::thread::sleep(Duration::from_millis(20));
    }
    let begun = Instant::now();
    live.must(Request::Cancel { kill: false });
    let state = live.state();
    let cancelling = state.cancelling.unwrap();
    assert!(!cancelling.kill && cancelling.until > state.now);
    assert_eq!(cancelling.waiting_for, "the step \"stubborn\"");
    let killed = live.wait("the kill", |state| {
        state.cancelling.as_ref().is_some_and(|c| c.kill) || state.end.is_some()
    });
    assert!(begun.elapsed() > Duration::from_millis(900));
    drop(killed);
    let run = live.finish();
    ended(begun, 5, &run);
    assert_eq!(run.outcome(), RunOutcome::Cancelled);
    assert_eq!(
        stages(&run.events),
        [
            "ask by test 1: the step \"stubborn\"",
            "kill by the time limit of the cancel 9: the step \"stubborn\"",
            "Cancelled"
        ]
    );
    assert_eq!(
        (run.word("stubborn"), run.word("2")),
        ("aborted", "not run")
    );
    assert_eq!(processes(&marker), 0);
}

#[test]
fn a_kill_wastes_no_time() {
    let marker = format!("32{}", std::process::id());
    let stubborn = format!("trap '' TERM; echo started; while true; do sleep {marker}; done");
    let live = Live::attended(&command("stubborn", &stubborn, ""));
    live.wait("the command", |state| {
        state.log.iter().any(|line| line.text.contains("started"))
    });
    let begun = Instant::now();
    live.must(Request::Cancel { kill: true });
    let run = live.finish();
    ended(begun, 3, &run);
    assert_eq!(
        stages(&run.events),
        ["kill by test 15: the step \"stubborn\"", "Cancelled"]
    );
    assert_eq!(processes(&marker), 0);
}

#[test]
fn asking_again_gives_what_hangs_no_more_time() {
    let knobs = Arc::new(Knobs::default());
    Knobs::set(&knobs.format_hangs, true);
    let live = Live::on(
        OneDisk(Arc::clone(&knobs)),
        &partition("disk", ""),
        |request| {
            request.confirm_disks = vec![0];
        },
    );
    times(&live, 600, 600);
    live.wait("the format", |state| {
        state.log.iter().any(|line| line.text == "formatting")
    });
    let begun = Instant::now();
    live.must(Request::Cancel { kill: false });
    while live.state().end.is_none() {
        let reply = live.ask(Request::Cancel { kill: false });
        assert!(
            !matches!(reply, wimforge::protocol::Reply::Accepted),
            "{reply:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
        assert!(begun.elapsed() < Duration::from_secs(8), "it hangs");
    }
    Knobs::set(&knobs.format_hangs, false);
    let run = live.finish();
    assert_eq!(stages(&run.events).len(), 5, "{:?}", stages(&run.events));
}

#[test]
fn a_step_that_hears_nothing_is_given_up_and_told_and_says_nothing_any_more() {
    let knobs = Arc::new(Knobs::default());
    Knobs::set(&knobs.format_hangs, true);
    let live = Live::on(
        OneDisk(Arc::clone(&knobs)),
        &group("G", "", &(partition("disk", "") + &ok("2"))),
        |request| request.confirm_disks = vec![0],
    );
    times(&live, 400, 400);
    live.wait("the format", |state| {
        state.log.iter().any(|line| line.text == "formatting")
    });
    let begun = Instant::now();
    live.must(Request::Cancel { kill: false });
    live.wait("the end", |state| state.end.is_some());
    assert!(begun.elapsed() < Duration::from_secs(4));
    let state = live.state();
    assert_eq!(state.left_behind.len(), 1);
    assert!(state.left_behind[0].contains("the step \"disk\" still works"));
    assert_eq!(state.cancelling, None);
    // The same engine runs something else, and only now the step comes back to life.
    live.wait("the end of the thread", |_| !live.bench.dispatcher.run().1);
    let seq = live.state().seq;
    let mut request = live.bench.request(&document(&slow("other", 700)));
    request.set.push(("OSDisk".into(), "mine".into()));
    let dispatcher = Arc::clone(&live.bench.dispatcher);
    let first = live.events();
    let second = live.bench.start(request);
    live.wait("the other run", |state| {
        state
            .nodes
            .first()
            .is_some_and(|node| node.status == Status::Running)
    });
    Knobs::set(&knobs.format_hangs, false);
    second.join().unwrap();
    let other = dispatcher.state();
    assert!(other.seq > 10 && first.last().unwrap().seq == seq);
    assert!(
        !other
            .log
            .iter()
            .any(|line| line.text.contains("formatted after all")),
        "the dead step speaks in the next run"
    );
    assert!(!other.variables.contains_key("_wimforgevolumec"));
    let run = live.finish();
    assert_eq!(
        stages(&run.events),
        [
            "ask by test 0: the step \"disk\"",
            "kill by the time limit of the cancel 0: the step \"disk\"",
            "given up: the step \"disk\"",
            "left behind",
            "Cancelled"
        ]
    );
}

#[test]
fn a_pre_flight_check_that_hears_nothing_is_given_up_too() {
    let knobs = Arc::new(Knobs::default());
    let live = Live::on(
        OneDisk(Arc::clone(&knobs)),
        &(slow("wait", 500) + &partition("disk", "") + &ok("2")),
        |request| request.confirm_disks = vec![0],
    );
    times(&live, 400, 400);
    live.wait("the first step", |state| state.current.is_some());
    Knobs::set(&knobs.disks_hang, true);
    live.wait("the check", |state| {
        state
            .log
            .iter()
            .any(|line| line.text.starts_with("Pre-flight"))
    });
    std::thread::sleep(Duration::from_millis(150));
    let begun = Instant::now();
    live.must(Request::Cancel { kill: false });
    live.wait("the end", |state| state.end.is_some());
    assert!(begun.elapsed() < Duration::from_secs(4));
    Knobs::set(&knobs.disks_hang, false);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Cancelled);
    assert_eq!(
        stages(&run.events),
        [
            "ask by test 0: the pre-flight check",
            "kill by the time limit of the cancel 0: the pre-flight check",
            "given up: the pre-flight check",
            "left behind",
            "Cancelled"
        ]
    );
    assert_eq!(knobs.written(), 0);
    assert_eq!((run.word("disk"), run.word("2")), ("not run", "not run"));
}

#[test]
fn mending_that_hangs_is_given_up_too() {
    let knobs = Arc::new(Knobs::default());
    Knobs::set(&knobs.rescan_hangs, true);
    let live = Live::on(
        OneDisk(Arc::clone(&knobs)),
        &(failing("bad", "") + &ok("2")),
        |request| request.unattended = false,
    );
    times(&live, 300, 300);
    live.failed("bad", 1);
    live.must(live.to_node("bad", |node| Request::Mend {
        node,
        attempt: 1,
        how: wimforge::protocol::Mend::Rescan,
    }));
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    live.must(Request::Cancel { kill: false });
    live.wait("the end", |state| state.end.is_some());
    assert!(begun.elapsed() < Duration::from_secs(4));
    Knobs::set(&knobs.rescan_hangs, false);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Cancelled);
    assert_eq!(
        stages(&run.events)[2..],
        [
            "given up: a look at the machine",
            "left behind",
            "Cancelled"
        ]
    );
    assert_eq!(run.state.nodes[0].attempt, 1, "it was not tried again");
}

#[test]
fn shares_that_do_not_let_go_keep_no_run_from_its_end() {
    let knobs = Arc::new(Knobs::default());
    Knobs::set(&knobs.disconnect_hangs, true);
    let live = Live::on(OneDisk(Arc::clone(&knobs)), &slow("1", 400), |_| {});
    times(&live, 300, 300);
    live.wait("the step", |state| state.current.is_some());
    // As the step that connects a share notes it.
    let connected = wimforge::sequence::variables::Value::Plain("/mnt/share".into());
    live.bench
        .dispatcher
        .set_variable("_WimforgeConnections", connected, Origin::Engine);
    live.wait("the end of the step", |state| {
        matches!(state.nodes[0].status, Status::Ended(_))
    });
    std::thread::sleep(Duration::from_millis(200));
    assert!(live.state().end.is_none());
    live.must(Request::Cancel { kill: false });
    live.wait("the end", |state| state.end.is_some());
    Knobs::set(&knobs.disconnect_hangs, false);
    let run = live.finish();
    let said = |what: &str| run.state.log.iter().any(|line| line.text.contains(what));
    assert!(said("/mnt/share may still be connected"));
    assert!(
        stages(&run.events).contains(&"given up: the shares to be disconnected".to_owned()),
        "{:?}",
        stages(&run.events)
    );
}

#[test]
fn a_cancel_where_nothing_runs_ends_at_once() {
    let steps = |first: String| first + &ok("2");
    let held = Live::debugged(&steps(ok("1")));
    held.held_before("1");
    let asks = Live::attended(&steps(
        "Step(name: \"1\", action: Pause(message: \"look\")),".to_owned(),
    ));
    asks.wait("the question", |state| state.question.is_some());
    let retries = Live::attended(&steps(failing(
        "1",
        "retry: Retry(attempts: 2, delay: 300),",
    )));
    retries.wait("the failure", |state| state.nodes[0].attempts.len() == 1);
    for live in [held, asks, retries] {
        let begun = Instant::now();
        live.must(Request::Cancel { kill: false });
        let run = live.finish();
        assert_eq!(run.outcome(), RunOutcome::Cancelled);
        ended(begun, 2, &run);
        assert_eq!(run.word("2"), "not run");
        assert_eq!(run.state.question, None);
    }
    // A failure that is asked about: killed, the run is cancelled; else it has failed.
    let live = Live::attended(&steps(failing("1", "")));
    live.failed("1", 1);
    live.must(Request::Cancel { kill: true });
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Cancelled);
    assert_eq!(run.word("1"), "failed");
}

#[test]
fn between_two_steps_nobody_is_waited_for() {
    let live = Live::debugged(&(ok("1") + &ok("2")));
    live.must(Request::Step);
    live.held_before("2");
    live.must(Request::Cancel { kill: false });
    let run = live.finish();
    assert_eq!(
        stages(&run.events),
        ["ask by test 30: the next step's edge", "Cancelled"]
    );
}

#[test]
fn a_cancelled_run_is_not_taken_up() {
    let live = Live::attended(&slow("1", 5_000));
    live.wait("the step", |state| state.current.is_some());
    live.must(Request::Cancel { kill: false });
    live.wait("the end", |state| state.end.is_some());
    let folder = wimforge::engine::run_folder::RunFolder::at(live.folder());
    let other = crate::common::Bench::new();
    // The engine lets go of the journal when it has written the report.
    live.wait("the report", |_| !live.bench.dispatcher.run().1);
    let error = wimforge::engine::start::resume(
        &other.dispatcher,
        &other.options,
        folder,
        Vec::new(),
        wimforge::engine::waiting::Grants::default(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("has ended"), "{error}");
    assert!(!other.dispatcher.run().1, "the engine is free again");
    assert!(not_now(&live.ask(Request::Pause)) || live.state().end.is_some());
}
