//! `TSDebugMode`, `TSDebugOnError`, and failures while the run is stepped (spec 4.1).

use wimforge::event::{EventBody, Outcome, RunOutcome};
use wimforge::protocol::{Request, StartRun};
use wimforge::run_state::Status;

use crate::live::{Live, RESTART, began, command, failing, group, ok, slow, step};

fn on_error(request: &mut StartRun) {
    request.set.push(("TSDebugOnError".into(), "True".into()));
}

#[test]
fn debug_mode_stops_before_the_first_step_and_not_again_after_a_restart() {
    let live = Live::debugged(&(ok("1") + RESTART + &ok("2")));
    live.held_before("1");
    assert!(live.state().unattended, "nobody was expected");
    live.must(Request::Continue);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.state.boot, 2);
    let pauses = run
        .events
        .iter()
        .filter(|event| matches!(event.body, EventBody::PauseChanged { paused: true, .. }))
        .count();
    assert_eq!(pauses, 1);
}

#[test]
fn debug_mode_does_not_stop_a_run_that_is_taken_up_in_its_middle() {
    let live = Live::debugged(&(ok("1") + &slow("2", 600) + &ok("3")));
    live.must(Request::Continue);
    live.wait("the second step", |state| {
        state.nodes[1].status == Status::Running
    });
    let run = live.taken_up().finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
}

/// The journal of a run that `TSDebugMode` holds is cut after every event: whatever the moment of the death, nothing runs
/// before a technician says so.
#[test]
fn debug_mode_stops_whatever_the_moment_of_the_death() {
    let live = Live::debugged(&group("A", "", &ok("1")));
    live.held_before("1");
    let journal = std::fs::read_to_string(live.folder().join("journal.jsonl")).unwrap();
    let lines: Vec<&str> = journal.lines().collect();
    let set = lines
        .iter()
        .position(|line| line.contains("TSDebugMode"))
        .unwrap();
    for cut in set + 1..=lines.len() {
        let second = Live::cut(&live.folder(), &lines[..cut]);
        second.wait("the pause", |state| state.paused);
        second.held_before("1");
    }
}

#[test]
fn a_debugged_run_stops_at_the_next_failure_though_it_was_let_go() {
    let live = Live::debugged(&(ok("1") + &failing("2", "") + &ok("3")));
    live.must(Request::Continue);
    live.failed("2", 1);
    live.must(live.to_node("2", |node| Request::Skip { node, attempt: 1 }));
    assert_eq!(live.finish().outcome(), RunOutcome::Succeeded);
}

#[test]
fn without_the_debugger_an_unattended_run_fails_at_once() {
    let run = Live::with(&(failing("1", "") + &ok("2")), |_| {}).finish();
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert_eq!(began(&run), ["1"]);
}

#[test]
fn debug_on_error_asks_in_an_unattended_run() {
    let live = Live::with(&(failing("1", "") + &ok("2")), on_error);
    live.failed("1", 1);
    live.retry("1", 1);
    live.failed("1", 2);
    live.must(live.to_node("1", |node| Request::Skip { node, attempt: 2 }));
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.word("1"), "skipped by hand");
}

#[test]
fn debug_on_error_asks_though_step_or_group_would_ignore_the_failure() {
    for steps in [
        failing("bad", "continue_on_error: true,") + &ok("2"),
        group(
            "G",
            "continue_on_error: true,",
            &(failing("bad", "") + &ok("2")),
        ),
        group(
            "G",
            "continue_on_error: true,",
            &(group("H", "", &(failing("bad", "") + &ok("2")))),
        ),
    ] {
        // Skipped: the run goes on behind the step, in the group.
        let live = Live::with(&(steps.clone() + &ok("3")), on_error);
        live.failed("bad", 1);
        live.must(live.to_node("bad", |node| Request::Skip { node, attempt: 1 }));
        let run = live.finish();
        assert_eq!(run.outcome(), RunOutcome::Succeeded);
        assert_eq!(began(&run), ["bad", "2", "3"]);
        // Cancelled: the technician ended the run; nothing that ignores failures may go on (spec 4.1, "Cancel").
        let live = Live::with(&(steps.clone() + &ok("3")), on_error);
        live.failed("bad", 1);
        live.must(Request::Cancel { kill: false });
        let run = live.finish();
        assert_eq!(run.outcome(), RunOutcome::Failed);
        assert_eq!(began(&run), ["bad"]);
        assert_eq!(run.word("bad"), "failed");
        assert_eq!((run.word("2"), run.word("3")), ("not run", "not run"));
        assert_eq!(run.state.end.unwrap().code, 5);
        // Taken up while it is asked: asked again.
        let live = Live::with(&(steps + &ok("3")), on_error);
        live.failed("bad", 1);
        let second = live.taken_up();
        second.failed("bad", 1);
    }
}

#[test]
fn without_the_debugger_both_ignore_it() {
    let run = Live::with(
        &(failing("1", "continue_on_error: true,")
            + &group("G", "continue_on_error: true,", &failing("2", ""))
            + &ok("3")),
        |_| {},
    )
    .finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.word("1"), "failed, ignored");
    assert_eq!(run.word("G"), "failed, ignored");
}

#[test]
fn a_failure_while_stepping_stops_there_and_can_be_repeated() {
    let flag = tempfile::tempdir().unwrap();
    let flag = flag.path().join("flag");
    let live = Live::debugged(&group(
        "G",
        "continue_on_error: true,",
        &(command(
            "1",
            &format!("test -e {}", flag.display()),
            "continue_on_error: true,",
        ) + &ok("2")
            + &ok("3")),
    ));
    live.must(Request::Step);
    live.failed("1", 1);
    assert!(live.state().paused);
    live.retry("1", 1);
    live.failed("1", 2);
    std::fs::create_dir_all(flag.parent().unwrap()).unwrap();
    std::fs::write(&flag, "").unwrap();
    live.retry("1", 2);
    // Repeated and done: still stepping.
    live.held_before("2");
    live.must(Request::Step);
    live.held_before("3");
    live.must(Request::Continue);
    let run = live.finish();
    std::fs::remove_dir_all(flag.parent().unwrap()).unwrap();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(began(&run), ["1", "1", "1", "2", "3"]);
}

#[test]
fn automatic_attempts_come_before_the_question_and_before_the_failure_is_ignored() {
    let twice = "retry: Retry(attempts: 3, delay: 0),";
    let live = Live::attended(&(failing("1", twice) + &ok("2")));
    live.failed("1", 3);
    live.must(live.to_node("1", |node| Request::Skip { node, attempt: 3 }));
    live.finish();
    let steps = failing("1", &format!("continue_on_error: true, {twice}")) + &ok("2");
    let run = Live::with(&steps, |_| {}).finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(began(&run), ["1", "1", "1", "2"]);
    assert_eq!(run.word("1"), "failed, ignored");
    let ignored: Vec<bool> = run
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::StepFinished {
                outcome: Outcome::Failed { ignored, .. },
                ..
            } => Some(*ignored),
            _ => None,
        })
        .collect();
    assert_eq!(ignored, [false, false, true]);
}

/// A condition that cannot be evaluated while the variable is no time.
const UNKNOWN: &str = "condition: Folder(path: \"/\", modified: Greater(\"%When%\")),";

#[test]
fn a_step_whose_condition_cannot_be_evaluated_is_not_run_by_a_retry() {
    let live = Live::attended(&(step("1", UNKNOWN) + &ok("2")));
    live.failed("1", 1);
    live.retry("1", 1);
    live.failed("1", 2);
    // Also not by another engine.
    let second = live.taken_up();
    second.failed("1", 2);
    second.retry("1", 2);
    second.failed("1", 3);
    let state = second.state();
    assert!(!state.variables.contains_key("ran-1"), "it ran");
    let change = wimforge::protocol::StepChange::Settings(vec![(
        "condition".into(),
        "Exists(\"Wanted\")".into(),
    )]);
    let node = second.node("1");
    second.must(Request::OverrideStep { node, to: change });
    second.retry("1", 3);
    let run = second.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!((run.word("1"), run.word("2")), ("skipped", "succeeded"));
}

#[test]
fn automatic_attempts_do_not_run_it_either() {
    let steps = step(
        "1",
        &format!("{UNKNOWN} retry: Retry(attempts: 3, delay: 0),"),
    );
    let run = Live::with(&steps, |_| {}).finish();
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert_eq!(run.state.nodes[0].attempt, 3);
    assert_eq!(run.variable("Ran-1"), None);
}

#[test]
fn a_group_whose_condition_cannot_be_evaluated_is_decided_about() {
    let steps = group("G", UNKNOWN, &ok("1")) + &ok("2");
    let live = Live::attended(&steps);
    live.failed("G", 0);
    live.retry("G", 0);
    live.failed("G", 0);
    let second = live.taken_up();
    second.failed("G", 0);
    second.must(second.to_node("G", |node| Request::Skip { node, attempt: 0 }));
    let run = second.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(
        (run.word("G"), run.word("1"), run.word("2")),
        ("skipped by hand", "skipped", "succeeded")
    );
    // Stepping: never a failed sequence.
    let live = Live::debugged(&(ok("0") + &steps));
    live.must(Request::Step);
    live.failed("G", 0);
    live.jump("1");
    live.held_before("1");
    live.must(Request::Continue);
    assert_eq!(live.finish().outcome(), RunOutcome::Succeeded);
    // Nobody there: failed, as ever.
    let run = Live::with(&steps, |_| {}).finish();
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert_eq!((run.word("G"), run.word("1")), ("failed", "not run"));
    // Nobody there, and a group above that ignores it.
    let outer = group("Outer", "continue_on_error: true,", &steps) + &ok("3");
    let run = Live::with(&outer, |_| {}).finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(began(&run), ["3"]);
}

#[test]
fn an_attended_run_that_is_given_up_says_failed_and_not_undecided() {
    let live = Live::attended(&(failing("1", "") + &ok("2")));
    live.failed("1", 1);
    live.must(Request::Cancel { kill: false });
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert_eq!(run.word("1"), "failed");
}

#[test]
fn a_run_that_is_cancelled_while_it_is_held_leaves_no_step_waiting() {
    let live = Live::debugged(&group("G", "", &(ok("1") + &ok("2"))));
    live.held_before("1");
    live.must(Request::Cancel { kill: false });
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Cancelled);
    assert_eq!(
        (run.word("G"), run.word("1"), run.word("2")),
        ("aborted", "not run", "not run")
    );
}
