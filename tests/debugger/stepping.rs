//! Step, Continue, Pause, Break, RunTo (spec 4.1): what is let go, and where it stops again.

use wimforge::event::{EventBody, NodeId, RunOutcome, Severity};
use wimforge::protocol::{Refusal, Reply, Request};
use wimforge::run_state::Status;

use crate::live::{Live, RESTART, began, failing, group, not_now, ok, slow, step};

fn on(node: NodeId) -> Request {
    Request::Break { node, set: true }
}

fn off(node: NodeId) -> Request {
    Request::Break { node, set: false }
}

#[test]
fn step_runs_one_step_and_stops_before_the_next() {
    let live = Live::debugged(&(group("A", "", &(ok("1") + &ok("2"))) + &ok("3")));
    live.held_before("1");
    live.must(Request::Step);
    live.held_before("2");
    live.must(Request::Step);
    live.held_before("3");
    assert_eq!(live.status("3"), Status::Waiting);
    live.must(Request::Continue);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(began(&run), ["1", "2", "3"]);
    assert!(!run.state.paused);
}

#[test]
fn a_step_that_is_skipped_counts_as_one() {
    let live =
        Live::debugged(&(step("1", "condition: Exists(\"Nothing\"),") + &ok("2") + &ok("3")));
    live.must(Request::Step);
    live.held_before("2");
    live.must(Request::Step);
    live.held_before("3");
    live.must(Request::Continue);
    assert_eq!(began(&live.finish()), ["2", "3"]);
}

#[test]
fn a_key_that_is_held_down_runs_no_more_than_one_step() {
    let live = Live::debugged(&(slow("1", 500) + &ok("2") + &ok("3")));
    live.must(Request::Step);
    live.wait("the first step", |state| state.current == Some(NodeId(0)));
    for _ in 0..20 {
        assert!(not_now(&live.ask(Request::Step)));
    }
    live.held_before("2");
    live.must(Request::Step);
    live.held_before("3");
    live.must(Request::Continue);
    assert_eq!(began(&live.finish()), ["1", "2", "3"]);
}

#[test]
fn step_needs_a_pause_and_pause_a_run_that_goes() {
    let live = Live::attended(&(slow("1", 400) + &ok("2")));
    assert!(not_now(&live.ask(Request::Step)));
    assert!(not_now(&live.ask(Request::Continue)));
    live.wait("the step", |state| state.current == Some(NodeId(0)));
    live.must(Request::Pause);
    assert!(not_now(&live.ask(Request::Pause)));
    live.held_before("2");
    live.must(Request::Continue);
    let run = live.finish();
    let pauses: Vec<(bool, &str)> = run
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::PauseChanged { paused, by } => Some((*paused, by.name.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(pauses, [(true, "test"), (false, "test")]);
}

#[test]
fn nothing_is_accepted_when_the_run_is_over() {
    let live = Live::with(&ok("1"), |_| {});
    let state = live.wait("the end", |state| state.end.is_some());
    // The engine may still be writing the report: also then.
    for request in [
        Request::Pause,
        Request::Step,
        on(NodeId(0)),
        Request::Jump { to: NodeId(0) },
        Request::SetVariable {
            name: "A".into(),
            value: "b".into(),
        },
        Request::Cancel { kill: true },
    ] {
        assert_eq!(live.ask(request), Reply::Refused(Refusal::NoRun));
    }
    // Nor is anything told any more, whoever has something to tell.
    let dispatcher = &live.bench.dispatcher;
    dispatcher.log(Severity::Error, "X", "too late", None);
    dispatcher.emit(EventBody::GroupStarted { node: NodeId(0) });
    let run = live.finish();
    assert_eq!(run.state.seq, state.seq, "the end is the last event");
    let last = &run.events.last().unwrap().body;
    assert!(matches!(last, EventBody::RunFinished { .. }), "{last:?}");
}

#[test]
fn a_breakpoint_stops_before_its_step_each_time_and_can_be_cleared() {
    let live = Live::debugged(&(ok("1") + &ok("2") + &ok("3") + &ok("4")));
    let (two, three, four) = (live.node("2"), live.node("3"), live.node("4"));
    for node in [four, two, three, two] {
        live.must(on(node));
    }
    assert_eq!(live.state().breakpoints, [two, three, four]);
    live.must(off(three));
    live.must(Request::Continue);
    live.held_before("2");
    live.jump("1");
    live.must(Request::Continue);
    live.held_before("2");
    live.must(Request::Continue);
    live.held_before("4");
    live.must(Request::ClearBreaks);
    assert_eq!(live.state().breakpoints, []);
    live.jump("1");
    live.must(Request::Continue);
    let run = live.finish();
    assert_eq!(began(&run), ["1", "1", "2", "3", "1", "2", "3", "4"]);
    let by_engine = run.events.iter().any(|event| {
        matches!(&event.body, EventBody::PauseChanged { paused: true, by } if by.name == "breakpoint")
    });
    assert!(by_engine);
}

#[test]
fn groups_and_steps_that_are_not_there_have_no_breakpoints() {
    let live = Live::debugged(&group("A", "", &ok("1")));
    for node in [NodeId(0), NodeId(9), NodeId(u32::MAX)] {
        for request in [
            on(node),
            Request::RunTo { node },
            Request::Jump { to: node },
        ] {
            let reply = live.ask(request);
            assert!(
                matches!(reply, Reply::Refused(Refusal::BadValue(_))),
                "{reply:?}"
            );
        }
    }
    assert_eq!(live.state().breakpoints, []);
}

#[test]
fn run_to_stops_there_once() {
    let live = Live::debugged(&(ok("1") + &ok("2") + &ok("3") + &ok("4")));
    let three = live.node("3");
    live.must(Request::RunTo { node: three });
    live.held_before("3");
    assert_eq!(live.state().run_to, None);
    live.jump("1");
    live.must(Request::Continue);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(began(&run), ["1", "2", "1", "2", "3", "4"]);
    let marks: Vec<Option<NodeId>> = run
        .events
        .iter()
        .filter_map(|event| match event.body {
            EventBody::RunTo { node, .. } => Some(node),
            _ => None,
        })
        .collect();
    assert_eq!(marks, [Some(three), None]);
}

#[test]
fn run_to_what_the_run_will_not_come_to_is_refused() {
    let off = step("off", "disabled: true,");
    let live = Live::debugged(&(ok("1") + &ok("2") + &off + &ok("3") + &failing("4", "")));
    live.must(Request::Step);
    live.held_before("2");
    for (name, why) in [("1", "not ahead"), ("2", "already"), ("off", "disabled")] {
        let said = live.refused(live.to_node(name, |node| Request::RunTo { node }));
        assert!(said.contains(why), "{name}: {said}");
    }
    let said = live.refused(live.to_node("off", |to| Request::Jump { to }));
    assert!(said.contains("disabled"), "{said}");
    assert_eq!(live.state().run_to, None);
    live.held_before("2");
    live.must(live.to_node("4", |node| Request::RunTo { node }));
    live.held_before("4");
    live.must(Request::Continue);
    live.failed("4", 1);
    let said = live.refused(live.to_node("4", |node| Request::RunTo { node }));
    assert!(said.contains("question"), "{said}");
    let said = live.refused(Request::Step);
    assert!(said.contains("paused") || said.contains("pause"), "{said}");
}

#[test]
fn a_run_to_is_taken_back_with_the_breakpoints() {
    let live = Live::debugged(&(ok("1") + &slow("2", 500) + &ok("3") + &ok("4")));
    live.must(on(live.node("4")));
    live.must(live.to_node("3", |node| Request::RunTo { node }));
    let two = live.node("2");
    live.wait("the step", |state| state.current == Some(two));
    let said = live.refused(Request::RunTo { node: two });
    assert!(said.contains("not ahead"), "the step that runs: {said}");
    assert_eq!(live.state().run_to, Some(live.node("3")));
    live.must(Request::ClearBreaks);
    let state = live.state();
    assert_eq!((state.run_to, state.breakpoints), (None, Vec::new()));
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    let pauses = run
        .events
        .iter()
        .filter(|event| matches!(&event.body, EventBody::PauseChanged { paused: true, .. }));
    assert_eq!(pauses.count(), 1, "only by the debugger");
}

#[test]
fn breakpoints_survive_an_engine_that_died() {
    let live = Live::debugged(&(ok("1") + &ok("2") + &ok("3")));
    live.must(on(live.node("3")));
    live.must(Request::Step);
    live.held_before("2");
    let second = live.taken_up();
    second.held_before("2");
    assert_eq!(second.state().breakpoints, [second.node("3")]);
    second.must(Request::Continue);
    second.held_before("3");
    // And one more death, at the breakpoint itself.
    let third = second.taken_up();
    third.held_before("3");
    third.must(Request::Continue);
    let run = third.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(began(&run), ["1", "2", "3"]);
}

#[test]
fn run_to_survives_an_engine_that_died_on_the_way() {
    let live = Live::debugged(&(slow("1", 700) + &ok("2") + &ok("3") + &ok("4")));
    live.must(live.to_node("3", |node| Request::RunTo { node }));
    live.wait("the first step", |state| state.current == Some(NodeId(0)));
    let second = live.taken_up();
    second.held_before("3");
    assert_eq!(second.state().run_to, None);
    second.must(Request::Continue);
    let run = second.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(began(&run), ["1", "1", "2", "3", "4"]);
}

/// The journal of a run that stopped at "run to here" is cut after every event: whoever takes it up stops there, too.
#[test]
fn run_to_is_kept_whatever_the_moment_of_the_death() {
    let live = Live::debugged(&(ok("1") + &ok("2") + &ok("3")));
    live.must(live.to_node("3", |node| Request::RunTo { node }));
    live.held_before("3");
    live.set("Last", "event");
    let journal = std::fs::read_to_string(live.folder().join("journal.jsonl")).unwrap();
    let lines: Vec<&str> = journal.lines().collect();
    let mark = lines
        .iter()
        .position(|line| line.contains("RunTo"))
        .unwrap();
    // Before the pause is over the run stands where it stood.
    assert!(
        lines[mark + 1].contains("PauseChanged"),
        "{}",
        lines[mark + 1]
    );
    for cut in mark + 2..=lines.len() {
        let second = Live::cut(&live.folder(), &lines[..cut]);
        second.held_before("3");
        assert_eq!(second.state().run_to, None, "cut at {cut}");
    }
}

#[test]
fn breakpoints_and_run_to_survive_a_planned_restart() {
    let steps = ok("1") + RESTART + &ok("2") + RESTART + &ok("3") + &ok("4");
    let live = Live::debugged(&steps);
    live.must(on(live.node("2")));
    live.must(live.to_node("3", |node| Request::RunTo { node }));
    live.held_before("2");
    assert_eq!(live.state().boot, 2);
    live.must(Request::Continue);
    live.held_before("3");
    assert_eq!(live.state().boot, 3);
    live.must(Request::Continue);
    assert_eq!(live.finish().outcome(), RunOutcome::Succeeded);
}
