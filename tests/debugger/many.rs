//! Ten thousand steps: what an event costs must not depend on how many steps there are.

use std::fmt::Write;
use std::time::{Duration, Instant};

use wimforge::event::{NodeId, RunOutcome};
use wimforge::protocol::{LONGEST_PUSH, Push, Request, StepChange, ToClient};
use wimforge::run_state::RunState;

use crate::common::{Bench, document};
use crate::live::{Live, ok};

const STEPS: usize = 10_000;

/// Two waits for the disk each step are the disk's business: where there is a file system in memory, it is used.
fn bench() -> Bench {
    let mut bench = Bench::new();
    if let Ok(folder) = tempfile::tempdir_in("/dev/shm") {
        bench.options.state = folder.path().join("state");
        bench.folder = folder;
    }
    bench
}

fn live(steps: &str, variable: &str) -> Live {
    Live::of(bench(), &document(steps), |request| {
        request.set.push((variable.into(), "TRUE".into()));
    })
}

/// One group around all, a hundred groups in it.
fn steps() -> String {
    let mut text = "Group(name: \"All\", steps: [".to_owned();
    for group in 0..100 {
        let _ = write!(text, "Group(name: \"G{group}\", steps: [");
        for step in 0..STEPS / 100 {
            let number = group * 100 + step;
            let _ = write!(
                text,
                "\nStep(name: \"s{number}\", action: SetVariable(variable: \"V{}\", value: \"{number}\")),",
                number % 50
            );
        }
        text.push_str("]),");
    }
    text.push_str("]),");
    text
}

fn timed<T>(what: &str, most: Duration, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    let took = begun.elapsed();
    // With `--nocapture`: what it took.
    eprintln!("{what}: {took:?}");
    assert!(took < most, "{what} took {took:?}");
    done
}

/// The whole document is checked with a changed step: whoever else asks the engine for something is answered meanwhile.
fn nobody_waits_for_a_change(live: &Live, node: NodeId) {
    let dispatcher = &live.bench.dispatcher;
    let (took, longest) = std::thread::scope(|scope| {
        let changing = scope.spawn(|| {
            let begun = Instant::now();
            let to = StepChange::Settings(vec![("timeout".into(), "60".into())]);
            live.must(Request::OverrideStep { node, to });
            begun.elapsed()
        });
        let mut longest = Duration::ZERO;
        while !changing.is_finished() {
            let begun = Instant::now();
            dispatcher.now();
            longest = longest.max(begun.elapsed());
            std::thread::sleep(Duration::from_millis(1));
        }
        (changing.join().unwrap(), longest)
    });
    eprintln!("a change: {took:?}, of which others waited for {longest:?}");
    assert!(longest < took / 4, "{longest:?} of {took:?}");
    assert!(dispatcher.with_state(|state| state.overrides[0].node == node));
}

#[test]
fn ten_thousand_steps_are_no_trouble() {
    let text = steps() + &ok("last");
    let live = timed("starting", Duration::from_secs(10), || {
        live(&text, "TSDebugMode")
    });
    live.wait("the debugger", |state| state.paused);
    let last = live.node("last");
    let frame = timed("a snapshot", Duration::from_secs(2), || {
        let (state, _) = live.bench.dispatcher.subscribe();
        serde_json::to_vec(&ToClient::Push(Push::Snapshot(Box::new(state)))).unwrap()
    });
    assert!(frame.len() < LONGEST_PUSH / 4, "{} bytes", frame.len());
    timed("the whole run", Duration::from_secs(20), || {
        live.must(Request::RunTo { node: last });
        let begun = Instant::now();
        let held = || {
            live.bench
                .dispatcher
                .with_state(|state| state.paused && state.run_to.is_none())
        };
        while !held() {
            assert!(begun.elapsed() < Duration::from_secs(120));
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let frame = serde_json::to_vec(&live.state()).unwrap();
    assert!(frame.len() < LONGEST_PUSH / 2, "{} bytes", frame.len());
    timed(
        "a question about the last step",
        Duration::from_secs(2),
        || live.ask(Request::DescribeStep { node: last }),
    );
    nobody_waits_for_a_change(&live, last);
    timed("a jump", Duration::from_secs(1), || live.jump("last"));
    live.must(Request::Continue);
    let run = timed("the end and its report", Duration::from_secs(20), || {
        live.finish()
    });
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.state.overall, 1000);
    assert_eq!(run.state.position(), (10_001, 10_001));
    // The sum that is kept is the sum.
    let weights = run.state.weights;
    assert_eq!((weights.all, weights.through), (10_001_000, 10_001_000));
    let folded = timed("folding every event", Duration::from_secs(10), || {
        let mut state = RunState::default();
        for event in &run.events {
            state.apply(event);
        }
        state
    });
    assert_eq!(folded.nodes, run.state.nodes);
}

#[test]
fn a_failure_before_ten_thousand_steps_is_no_trouble_either() {
    let failing = "Step(name: \"bad\", simulate: Fail(5, \"no\"), action: Pause(message: \"x\")),";
    let group = format!(
        "Group(name: \"First\", continue_on_error: true, steps: [{failing}{}]),",
        steps()
    );
    let live = timed("starting", Duration::from_secs(10), || {
        live(&(group + &ok("last")), "Nothing")
    });
    let run = timed("the run", Duration::from_secs(20), || live.finish());
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.word("s9999"), "not run");
    assert_eq!(run.word("last"), "succeeded");
}

#[test]
fn the_kept_sum_is_the_sum_whatever_happens() {
    let live = Live::debugged(
        "Group(name: \"G\", steps: [Step(name: \"1\", action: SetVariable(variable: \"A\", value: \"1\")), \
            Step(name: \"off\", disabled: true, action: SetVariable(variable: \"A\", value: \"1\")), \
            Step(name: \"2\", simulate: Succeed(50), action: Pause(message: \"x\"))]), \
         Group(name: \"H\", condition: Exists(\"Nothing\"), steps: [Step(name: \"3\", action: Pause(message: \"x\"))]), \
         Step(name: \"4\", simulate: FailTimes(1, 5), action: Pause(message: \"x\")), \
         Step(name: \"5\", action: SetVariable(variable: \"A\", value: \"1\")),",
    );
    live.must(Request::Step);
    live.held_before("2");
    live.jump("4");
    live.must(Request::Step);
    live.failed("4", 1);
    live.retry("4", 1);
    live.held_before("5");
    live.jump("1");
    live.must(live.to_node("5", |node| Request::RunTo { node }));
    live.held_before("5");
    live.must(Request::Continue);
    let run = live.finish();
    let mut state = RunState::default();
    let mut highest = 0;
    for event in &run.events {
        state.apply(event);
        // A state that knows no sum so far reckons it from nothing: the same must come out.
        let kept = state.weights;
        let mut anew = RunState {
            weights: wimforge::run_state::Weights::default(),
            ..state.clone()
        };
        anew.apply(&wimforge::event::Event {
            seq: state.seq + 1,
            at: event.at,
            body: wimforge::event::EventBody::StepPhase {
                node: NodeId(0),
                attempt: 1,
                phase: "x".into(),
                unit: wimforge::event::Unit::Nothing,
            },
        });
        anew.apply(&wimforge::event::Event {
            seq: state.seq + 2,
            at: event.at,
            body: wimforge::event::EventBody::StepFinished {
                node: NodeId(u32::MAX - 1),
                attempt: 0,
                outcome: wimforge::event::Outcome::Succeeded,
                millis: 0,
            },
        });
        assert_eq!(anew.weights, kept, "after {event:?}");
        assert!(state.overall >= highest, "the bar moves backwards");
        highest = state.overall;
    }
    assert_eq!(highest, 1000);
}

#[test]
fn documents_of_that_size_are_read_in_no_time() {
    let text = document(&steps());
    let checked = timed("reading", Duration::from_secs(8), || {
        wimforge::sequence::load::read_text("x", &text)
    });
    assert!(checked.is_good());
}
