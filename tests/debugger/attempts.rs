//! Attempts are counted and listed; a restart of the machine before another one.

use wimforge::event::{EventBody, Outcome, RunOutcome};
use wimforge::protocol::{Mend, Refusal, Reply, Request};
use wimforge::run_state::{ATTEMPTS_KEPT, Status};

use crate::live::{Live, command, failing, group, ok, step};

#[test]
fn each_attempt_is_listed_with_its_failure() {
    let twice = "Step(name: \"flaky\", simulate: FailTimes(2, 7), action: Pause(message: \"x\")),";
    let live = Live::attended(twice);
    live.failed("flaky", 1);
    live.retry("flaky", 1);
    live.failed("flaky", 2);
    let second = live.taken_up();
    second.failed("flaky", 2);
    second.retry("flaky", 2);
    let run = second.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    let node = &run.state.nodes[0];
    assert_eq!((node.attempt, node.attempts.len()), (3, 3));
    for (at, attempt) in node.attempts.iter().enumerate() {
        assert_eq!(attempt.number as usize, at + 1);
        assert!(attempt.started.is_some());
        match &attempt.outcome {
            Outcome::Failed { failure, ignored } if at < 2 => {
                assert_eq!((failure.code, *ignored), (7, false));
                assert!(failure.message.contains(&format!("{} of 2", at + 1)));
            }
            Outcome::Succeeded if at == 2 => {}
            other => panic!("attempt {}: {other:?}", at + 1),
        }
    }
    let spent: u64 = node.attempts.iter().map(|attempt| attempt.millis).sum();
    assert_eq!(node.spent_millis, spent);
}

#[test]
fn the_list_is_bounded_and_the_count_is_not() {
    let many = ATTEMPTS_KEPT + 20;
    let steps = failing("bad", &format!("retry: Retry(attempts: {many}, delay: 0),"));
    let run = Live::with(&steps, |_| {}).finish();
    let node = &run.state.nodes[0];
    assert_eq!(node.attempt as usize, many);
    assert_eq!(node.attempts.len(), ATTEMPTS_KEPT);
    assert_eq!(node.attempts[0].number as usize, many - ATTEMPTS_KEPT + 1);
    assert_eq!(node.attempts.last().unwrap().number as usize, many);
}

#[test]
fn an_interrupted_attempt_is_one_of_them() {
    let live = Live::attended(&crate::live::slow("1", 600));
    live.wait("the step", |state| state.nodes[0].status == Status::Running);
    let run = live.taken_up().finish();
    let outcomes: Vec<&Outcome> = run.state.nodes[0]
        .attempts
        .iter()
        .map(|attempt| &attempt.outcome)
        .collect();
    assert_eq!(outcomes, [&Outcome::Interrupted, &Outcome::Succeeded]);
}

#[test]
fn restart_and_retry_runs_the_step_again_in_the_next_boot() {
    let live = Live::attended(&group("G", "", &(failing("bad", "") + &ok("after"))));
    live.failed("bad", 1);
    let node = live.node("bad");
    let stale = Request::RestartAndRetry { node, attempt: 7 };
    assert_eq!(live.ask(stale), Reply::Refused(Refusal::StaleAttempt));
    live.must(Request::RestartAndRetry { node, attempt: 1 });
    live.failed("bad", 2);
    let now = live.state();
    assert_eq!(now.boot, 2);
    assert!(
        !now.variables
            .values()
            .any(|variable| variable.name == "_WimforgeMarkRetryAfterRestart"),
        "the mark was for one attempt"
    );
    // Once more: the question is asked, nothing is retried by itself.
    live.must(live.to_node("bad", |node| Request::Skip { node, attempt: 2 }));
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.word("after"), "succeeded");
    let ended: Vec<&str> = run
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::BootEnded { message, .. } => Some(message.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ended, ["\"bad\" is tried again after it"]);
}

/// The journal of a run with "restart and retry" is cut after every event behind the decision: the run goes on to its end,
/// the step runs again, and no attempt is lost or doubled.
#[test]
fn restart_and_retry_survives_an_engine_that_dies_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tries");
    std::fs::write(&file, "").unwrap();
    let needs = command(
        "needs",
        &format!("echo x >> {0}; test $(wc -l < {0}) -ge 2", file.display()),
        "condition: NotExists(\"Broken\"),",
    );
    let live = Live::with(&(needs + &ok("after")), |request| {
        request.unattended = true;
        request.set.push(("TSDebugOnError".into(), "TRUE".into()));
    });
    live.failed("needs", 1);
    // What the step left makes its condition false: it is to be run again all the same.
    live.set("Broken", "yes");
    live.must(live.to_node("needs", |node| Request::RestartAndRetry {
        node,
        attempt: 1,
    }));
    let kept = tempfile::tempdir().unwrap();
    let state = live.wait("the end", |state| state.end.is_some());
    assert_eq!((state.boot, state.nodes[0].attempt), (2, 2));
    crate::live::copy(&live.folder(), kept.path());
    assert_eq!(live.finish().outcome(), RunOutcome::Succeeded);
    let journal = std::fs::read_to_string(kept.path().join("journal.jsonl")).unwrap();
    let lines: Vec<&str> = journal.lines().collect();
    let asked = lines
        .iter()
        .position(|line| line.contains("_WimforgeMarkRetryAfterRestart"))
        .unwrap();
    let again = lines
        .iter()
        .position(|line| line.contains("StepStarted") && line.contains("\"attempt\":2"))
        .unwrap();
    assert!(again > asked + 5);
    for cut in asked + 1..=again {
        // The file says what was before: one try.
        std::fs::write(&file, "x\n").unwrap();
        let run = Live::cut(kept.path(), &lines[..cut]).finish();
        assert_eq!(run.outcome(), RunOutcome::Succeeded, "cut at {cut}");
        assert_eq!(run.state.nodes[0].attempt, 2, "cut at {cut}");
        let tries = std::fs::read_to_string(&file).unwrap();
        assert_eq!(tries.lines().count(), 2, "cut at {cut}");
    }
}

#[test]
fn rescan_looks_at_the_machine_and_tries_again() {
    let twice = "Step(name: \"flaky\", simulate: FailTimes(2, 7), action: Pause(message: \"x\")),";
    let live = Live::attended(twice);
    let node = live.node("flaky");
    live.failed("flaky", 1);
    let how = Mend::Rescan;
    let stale = Request::Mend {
        node,
        attempt: 2,
        how,
    };
    assert_eq!(live.ask(stale), Reply::Refused(Refusal::StaleAttempt));
    live.must(Request::Mend {
        node,
        attempt: 1,
        how,
    });
    live.failed("flaky", 2);
    let said = |live: &Live, what: &str| {
        let now = live.state();
        assert!(
            now.log.iter().any(|line| line.text.contains(what)),
            "nothing says {what}"
        );
    };
    said(&live, "0 disks were probed afresh");
    // What this machine cannot do is said, and the step runs again all the same.
    live.must(Request::Mend {
        node,
        attempt: 2,
        how: Mend::ClearAttribute,
    });
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert!(
        run.state
            .log
            .iter()
            .any(|line| line.text.contains("mending did not work"))
    );
}

#[test]
fn a_restart_that_is_cancelled_while_its_message_stands_ends_the_run() {
    let steps = step("1", "")
        + "Step(name: \"restart\", action: RestartComputer(to: WindowsPE, message: \"soon\", timeout: 60)),"
        + &ok("2");
    let live = Live::attended(&steps);
    live.wait("the message", |state| {
        state.log.iter().any(|line| line.text.contains("soon"))
    });
    live.must(Request::Cancel { kill: false });
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Cancelled);
    assert_eq!(run.word("2"), "not run");
    assert_eq!(run.state.boot, 1);
}

#[test]
fn the_time_that_a_step_waits_for_a_person_is_not_its_own() {
    let live = Live::attended(
        "Step(name: \"1\", action: Pause(message: \"look\")),Step(name: \"2\", simulate: Succeed(200), action: Pause(message: \"x\")),",
    );
    let state = live.wait("the question", |state| state.question.is_some());
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    let node = state
        .question
        .clone()
        .and_then(|question| question.node)
        .unwrap();
    // While it waits, its time stands still.
    let now = live.state();
    let working = now.nodes[node.index()].working(i64::MAX).unwrap();
    assert!(working.as_millis() < 1_000, "{working:?}");
    let question = state.question.unwrap().id;
    live.must(Request::Answer {
        question,
        yes: true,
    });
    let run = live.finish();
    assert_eq!(run.word("1"), "succeeded");
    let (first, second) = (&run.state.nodes[0], &run.state.nodes[1]);
    assert!(first.spent_millis < 1_000, "{first:?}");
    assert!(first.waited_millis >= 1_000, "{first:?}");
    assert!(
        second.spent_millis >= 150 && second.waited_millis == 0,
        "{second:?}"
    );
    let events = run.events.into_iter().map(Ok);
    let evidence = wimforge::engine::evidence::Evidence::gather(&run.state, events);
    let told = &evidence.attempts[0];
    assert!(
        told.waited_millis >= 1_000 && told.millis < 1_000,
        "{told:?}"
    );
}
