//! "Set current": the pointer moves, forwards or back, into groups and out of them, and an engine that takes the run up
//! afterwards finds it where it was left.

use wimforge::event::{EventBody, NodeId, Outcome, RunOutcome, SkipReason};
use wimforge::protocol::Request;
use wimforge::run_state::Status;

use crate::live::{Live, RESTART, began, failing, group, not_now, ok, slow, step};

/// Three groups, one of them skipped, one within another.
fn steps() -> String {
    let inner = group("Inner", "", &(ok("b2") + &ok("b3")));
    group("A", "", &(ok("a1") + &ok("a2")))
        + &group("B", "", &(ok("b1") + &inner + &ok("b4")))
        + &group(
            "Off",
            "condition: Exists(\"Nothing\"),",
            &(ok("o1") + &ok("o2")),
        )
        + &group("C", "", &(ok("c1") + &ok("c2")))
}

/// The run stands before `from`, jumps to `to` and goes on, once without and once with an engine that dies in between.
fn jump(from: &str, to: &str, expected: &[&str]) {
    for dies in [false, true] {
        let mut live = Live::debugged(&steps());
        if from != "a1" {
            live.must(live.to_node(from, |node| Request::RunTo { node }));
        }
        live.held_before(from);
        live.jump(to);
        live.held_before(to);
        if dies {
            live = live.taken_up();
            live.held_before(to);
        }
        live.must(Request::Continue);
        let run = live.finish();
        assert_eq!(run.outcome(), RunOutcome::Succeeded);
        assert_eq!(began(&run), expected, "{from} to {to}, death {dies}");
        for (name, node) in run.steps() {
            assert!(
                !["waiting", "running", "undecided"].contains(&node),
                "{from} to {to}, death {dies}: {name} is {node}"
            );
        }
    }
}

#[test]
fn forwards_within_a_group() {
    jump("a1", "a2", &["a2", "b1", "b2", "b3", "b4", "c1", "c2"]);
}

#[test]
fn forwards_over_a_whole_group_into_another_one() {
    jump("a2", "c1", &["a1", "c1", "c2"]);
}

#[test]
fn forwards_into_the_middle_of_a_group_within_a_group() {
    jump("a1", "b3", &["b3", "b4", "c1", "c2"]);
}

#[test]
fn out_of_a_group_within_a_group() {
    jump("b2", "b4", &["a1", "a2", "b1", "b4", "c1", "c2"]);
}

#[test]
fn into_a_group_that_will_be_skipped() {
    jump("a1", "o2", &["o2", "c1", "c2"]);
}

#[test]
fn back_into_a_group_that_was_skipped() {
    jump(
        "c2",
        "o1",
        &[
            "a1", "a2", "b1", "b2", "b3", "b4", "c1", "o1", "o2", "c1", "c2",
        ],
    );
}

#[test]
fn back_into_the_middle_of_a_group_that_has_ended() {
    jump(
        "c1",
        "b3",
        &["a1", "a2", "b1", "b2", "b3", "b4", "b3", "b4", "c1", "c2"],
    );
}

#[test]
fn back_to_the_step_itself_and_to_the_first() {
    jump(
        "a2",
        "a2",
        &["a1", "a2", "b1", "b2", "b3", "b4", "c1", "c2"],
    );
    jump(
        "b1",
        "a1",
        &["a1", "a2", "a1", "a2", "b1", "b2", "b3", "b4", "c1", "c2"],
    );
}

#[test]
fn what_is_jumped_over_says_who_did_it_and_the_group_that_is_left_says_why() {
    let live = Live::debugged(&steps());
    live.must(live.to_node("a2", |node| Request::RunTo { node }));
    live.held_before("a2");
    live.jump("c1");
    live.held_before("c1");
    assert!(
        matches!(live.status("A"), Status::Ended(Outcome::Warned(why)) if why.contains("jump"))
    );
    for name in ["a2", "b1", "Inner", "o1"] {
        assert!(
            matches!(live.status(name), Status::Skipped(SkipReason::Technician(who)) if who.name == "test"),
            "{name}"
        );
    }
    let jumped = live.events().iter().any(|event| {
        matches!(&event.body, EventBody::Jumped { to, by } if *to == live.node("c1") && by.name == "test")
    });
    assert!(jumped);
    // What a technician passed over and then goes back to is ahead again.
    live.jump("a1");
    live.held_before("a1");
    for name in ["a1", "a2", "B", "b1", "Inner", "C", "c1"] {
        assert_eq!(live.status(name), Status::Waiting, "{name}");
    }
    assert_eq!(live.status("A"), Status::Running);
}

#[test]
fn the_pointer_stays_while_a_step_runs_or_the_run_goes() {
    let live = Live::attended(&(slow("1", 400) + &ok("2") + &slow("3", 400)));
    let two = live.node("2");
    let said = live.refused(Request::Jump { to: two });
    assert!(said.contains("paused"), "{said}");
    live.wait("the step", |state| state.current == Some(NodeId(0)));
    live.must(Request::Pause);
    // The pause holds only at the next edge: the step that runs is not to be pulled away from under itself.
    let said = live.refused(Request::Jump { to: NodeId(0) });
    assert!(said.contains("\"1\" runs"), "{said}");
    assert_eq!(live.status("1"), Status::Running);
    live.held_before("2");
    live.jump("3");
    live.must(Request::Continue);
    let run = live.finish();
    assert_eq!(began(&run), ["1", "3"]);
}

#[test]
fn out_of_a_failure_and_the_failed_step_is_not_asked_about_again() {
    for (to, expected) in [("4", vec!["1", "2", "4"]), ("1", vec!["1", "2", "1", "2"])] {
        let live =
            Live::attended(&(ok("1") + &group("G", "", &(failing("2", "") + &ok("3"))) + &ok("4")));
        live.failed("2", 1);
        let question = live.state().question.unwrap().id;
        // Stand still behind the jump, to take the run up there.
        live.must(Request::Pause);
        live.jump(to);
        live.held_before(to);
        let after = live.state();
        assert_eq!(after.question, None);
        let answered = live.events().iter().any(|event| {
            matches!(&event.body, EventBody::QuestionAnswered { id, .. } if *id == question)
        });
        assert!(answered);
        let second = live.taken_up();
        second.held_before(to);
        second.must(Request::Continue);
        if to == "1" {
            second.failed("2", 2);
            let run_so_far: Vec<String> = second
                .events()
                .iter()
                .filter_map(|event| match &event.body {
                    EventBody::StepStarted { name, .. } => Some(name.clone()),
                    _ => None,
                })
                .collect();
            assert_eq!(run_so_far, expected);
        } else {
            let run = second.finish();
            assert_eq!(began(&run), expected);
            assert_eq!(run.outcome(), RunOutcome::Succeeded);
            assert_eq!(run.word("2"), "skipped by hand");
        }
    }
}

#[test]
fn behind_a_failure_that_a_group_absorbed() {
    // The group has ended with a failure; its later step is run by hand, and the engine dies before it.
    let live = Live::debugged(
        &(group(
            "G",
            "continue_on_error: true,",
            &(failing("1", "") + &ok("2")),
        ) + &ok("3")),
    );
    live.must(live.to_node("3", |node| Request::RunTo { node }));
    live.held_before("3");
    live.jump("2");
    live.held_before("2");
    let second = live.taken_up();
    second.held_before("2");
    second.must(Request::Continue);
    let run = second.finish();
    assert_eq!(began(&run), ["1", "2", "3"]);
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.word("1"), "failed, ignored");
}

#[test]
fn over_a_planned_restart_and_its_interrupted_step() {
    let live = Live::debugged(&(ok("1") + RESTART + &ok("2") + &ok("3")));
    live.must(live.to_node("2", |node| Request::RunTo { node }));
    live.held_before("2");
    live.jump("restart");
    live.must(Request::Step);
    live.held_before("2");
    assert_eq!(live.state().boot, 3);
    live.jump("3");
    let second = live.taken_up();
    second.held_before("3");
    second.must(Request::Continue);
    assert_eq!(began(&second.finish()), ["1", "restart", "restart", "3"]);
}

#[test]
fn a_step_whose_condition_is_false_is_skipped_also_after_a_jump_to_it() {
    let live = Live::debugged(&(ok("1") + &step("2", "condition: Exists(\"Wanted\"),") + &ok("3")));
    live.jump("2");
    live.must(Request::Step);
    live.held_before("3");
    assert!(matches!(
        live.status("2"),
        Status::Skipped(SkipReason::Condition(_))
    ));
    live.set("Wanted", "yes");
    live.jump("2");
    live.must(Request::Continue);
    assert_eq!(began(&live.finish()), ["2", "3"]);
}

#[test]
fn a_jump_is_refused_while_a_step_asks() {
    let live = Live::attended(
        &("Step(name: \"look\", action: Pause(message: \"look\")),".to_owned() + &ok("2")),
    );
    live.wait("the question", |state| state.question.is_some());
    assert!(not_now(&live.ask(Request::Jump { to: NodeId(1) })));
    live.must(Request::Pause);
    assert!(not_now(&live.ask(Request::Jump { to: NodeId(1) })));
    assert!(not_now(&live.ask(Request::Step)));
}
