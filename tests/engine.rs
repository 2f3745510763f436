//! Engine rules on real documents: groups, conditions, last-action variables, retry, decisions, restart, resume.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

mod common;

use common::system::holding;
use common::{Bench, document, who};
use wimforge::event::{EventBody, NodeId, Outcome, QuestionKind, RunOutcome};
use wimforge::protocol::{Refusal, Reply, Request};
use wimforge::run_state::Status;

fn ok(name: &str) -> String {
    format!(
        "Step(name: \"{name}\", action: SetVariable(variable: \"Ran-{name}\", value: \"yes\")),"
    )
}

fn failing(name: &str, more: &str) -> String {
    format!(
        "Step(name: \"{name}\", {more} simulate: Fail(5, \"no\"), action: Pause(message: \"x\")),"
    )
}

fn group(name: &str, more: &str, steps: &str) -> String {
    format!("Group(name: \"{name}\", {more} steps: [{steps}]),")
}

#[test]
fn a_failure_skips_the_rest_and_fails_the_sequence() {
    let text = document(
        &(group("A", "", &(ok("1") + &failing("2", "") + &ok("3")))
            + &group("B", "", &(ok("4") + &ok("5")))),
    );
    let run = Bench::new().run(&text);
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert_eq!(run.state.end.as_ref().unwrap().code, 5);
    let words: Vec<_> = run.steps().into_iter().map(|(_, word)| word).collect();
    assert_eq!(
        words,
        [
            "failed",
            "succeeded",
            "failed",
            "not run",
            "not run",
            "not run",
            "not run"
        ]
    );
}

#[test]
fn continue_on_error_of_the_step_goes_on_in_the_group() {
    let text = document(
        &(group(
            "A",
            "",
            &(ok("1") + &failing("2", "continue_on_error: true,") + &ok("3")),
        ) + &group("B", "", &(ok("4") + &ok("5")))),
    );
    let run = Bench::new().run(&text);
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.word("2"), "failed, ignored");
    assert_eq!(
        (run.word("3"), run.word("4"), run.word("5")),
        ("succeeded", "succeeded", "succeeded")
    );
}

#[test]
fn continue_on_error_of_the_group_skips_its_rest_and_goes_on_after_it() {
    let text = document(
        &(group(
            "A",
            "continue_on_error: true,",
            &(ok("1") + &failing("2", "") + &ok("3")),
        ) + &group("B", "", &ok("4"))),
    );
    let run = Bench::new().run(&text);
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(
        (run.word("A"), run.word("3"), run.word("B")),
        ("failed, ignored", "not run", "succeeded")
    );
}

#[test]
fn the_inner_group_absorbs_before_the_outer_one_sees_it() {
    let inner = group(
        "Inner",
        "continue_on_error: true,",
        &(failing("1", "") + &ok("2")),
    );
    let run = Bench::new().run(&document(&group("Outer", "", &(inner + &ok("3")))));
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(
        (run.word("Outer"), run.word("2"), run.word("3")),
        ("succeeded", "not run", "succeeded")
    );
}

#[test]
fn an_ignored_failure_stays_in_the_last_action_variables_until_another_step_runs() {
    let text = document(
        &(group("Work", "continue_on_error: true,", &failing("2", ""))
            + &group(
                "Mend",
                "condition: Equals(\"_SMSTSLastActionSucceeded\", \"false\"),",
                &("Step(name: \"skipped\", condition: Exists(\"Nothing\"), action: Pause(message: \"x\")),".to_owned()
                    + "Step(name: \"save\", action: SetVariable(variable: \"Saved\", value: \"%_SMSTSLastActionRetCode%\")),"),
            )
            + &group("Not", "condition: Equals(\"_SMSTSLastActionSucceeded\", \"false\"),", &ok("never"))),
    );
    let run = Bench::new().run(&text);
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.variable("Saved").as_deref(), Some("5"));
    assert_eq!(
        (run.word("skipped"), run.word("Not"), run.word("never")),
        ("skipped", "skipped", "skipped")
    );
    assert_eq!(
        run.variable("_SMSTSLastActionName").as_deref(),
        Some("save")
    );
}

#[test]
fn disabled_nodes_and_empty_groups_do_no_harm() {
    let text = document(
        &(group("Off", "disabled: true,", &failing("1", ""))
            + &group("Empty", "", "")
            + &failing("2", "disabled: true,")
            + &ok("3")),
    );
    let run = Bench::new().run(&text);
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(
        (run.word("1"), run.word("Empty"), run.word("2")),
        ("skipped", "succeeded", "skipped")
    );
    assert_eq!(run.state.position(), (1, 1));
}

#[test]
fn automatic_retry_runs_the_attempts_the_document_allows() {
    let step = |attempts: u32| {
        document(&format!(
            "Step(name: \"flaky\", retry: Retry(attempts: {attempts}, delay: 0), simulate: FailTimes(2, 7), action: Pause(message: \"x\")),"
        ))
    };
    let run = Bench::new().run(&step(3));
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.state.nodes[0].attempt, 3);
    let run = Bench::new().run(&step(2));
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert_eq!(run.state.nodes[0].attempt, 2);
}

#[test]
fn a_technician_changes_a_variable_and_retries_in_place() {
    let bench = Bench::new();
    let text = document(
        "Step(name: \"look\", action: RunCommandLine(command: \"test -d %Folder%\")),\
         Step(name: \"after\", action: SetVariable(variable: \"Done\", value: \"1\")),",
    );
    let mut request = bench.request(&text);
    request.unattended = false;
    request
        .set
        .push(("Folder".to_owned(), "/nonexistent-folder".to_owned()));
    let thread = bench.start(request);
    let state = bench.wait_for("the failure", |state| state.question.is_some());
    assert_eq!(state.nodes[0].status, Status::Undecided);
    let QuestionKind::Failed { attempt, failure } = &state.question.as_ref().unwrap().kind else {
        panic!("another question");
    };
    assert_eq!((*attempt, failure.code), (1, 1));
    let ask = |request| bench.dispatcher.request(&who(), request);
    let node = NodeId(0);
    assert_eq!(
        ask(Request::Retry { node, attempt: 9 }),
        Reply::Refused(Refusal::StaleAttempt)
    );
    let refused = ask(Request::SetVariable {
        name: "_SMSTSInWinPE".into(),
        value: "x".into(),
    });
    assert!(matches!(refused, Reply::Refused(Refusal::BadValue(_))));
    assert_eq!(ask(Request::Retry { node, attempt: 1 }), Reply::Accepted);
    bench.wait_for("the second failure", |state| {
        matches!(&state.question, Some(q) if matches!(q.kind, QuestionKind::Failed { attempt: 2, .. }))
    });
    let set = Request::SetVariable {
        name: "Folder".into(),
        value: "/".into(),
    };
    assert_eq!(ask(set), Reply::Accepted);
    assert_eq!(ask(Request::Retry { node, attempt: 2 }), Reply::Accepted);
    let run = bench.finished(thread);
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.state.nodes[0].attempt, 3);
    assert_eq!(ask(Request::Pause), Reply::Refused(Refusal::NoRun));
}

#[test]
fn skip_and_abort_do_what_they_say() {
    for (skip, outcome) in [(true, RunOutcome::Succeeded), (false, RunOutcome::Failed)] {
        let bench = Bench::new();
        let mut request = bench.request(&document(&(failing("1", "") + &ok("2"))));
        request.unattended = false;
        let thread = bench.start(request);
        bench.wait_for("the failure", |state| state.question.is_some());
        let decision = if skip {
            Request::Skip {
                node: NodeId(0),
                attempt: 1,
            }
        } else {
            Request::Cancel { kill: false }
        };
        assert_eq!(bench.dispatcher.request(&who(), decision), Reply::Accepted);
        let run = bench.finished(thread);
        assert_eq!(run.outcome(), outcome);
        assert_eq!(run.word("2"), if skip { "succeeded" } else { "not run" });
    }
}

#[test]
fn cancel_ends_a_command_and_its_children() {
    let bench = Bench::new();
    let marker = bench.path("alive");
    let text = document(&format!(
        "Step(name: \"long\", action: RunCommandLine(command: \"(sleep 300; touch {}) & echo started; wait\", shell: true)),",
        marker.display()
    ));
    let thread = bench.start(bench.request(&text));
    bench.wait_for("the command", |state| {
        state.log.iter().any(|line| line.text.contains("started"))
    });
    let reply = bench
        .dispatcher
        .request(&who(), Request::Cancel { kill: false });
    assert_eq!(reply, Reply::Accepted);
    let begun = std::time::Instant::now();
    let run = bench.finished(thread);
    assert_eq!(run.outcome(), RunOutcome::Cancelled);
    assert_eq!(run.word("long"), "aborted");
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
}

#[test]
fn pause_step_and_breakpoints_hold_the_run_at_edges() {
    let bench = Bench::new();
    let slow = "Step(name: \"slow\", simulate: Succeed(400), action: Pause(message: \"x\")),";
    let thread = bench.start(bench.request(&document(
        &(slow.to_owned() + &ok("1") + &ok("2") + &ok("3")),
    )));
    let ask = |request| bench.dispatcher.request(&who(), request);
    bench.wait_for("the first step", |state| state.current == Some(NodeId(0)));
    assert_eq!(ask(Request::Pause), Reply::Accepted);
    bench.wait_for("its end", |state| {
        matches!(state.nodes[0].status, Status::Ended(_))
    });
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(bench.dispatcher.state().nodes[1].status, Status::Waiting);
    assert_eq!(ask(Request::Step), Reply::Accepted);
    bench.wait_for("one step", |state| {
        matches!(state.nodes[1].status, Status::Ended(_))
    });
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(bench.dispatcher.state().nodes[2].status, Status::Waiting);
    assert_eq!(
        ask(Request::Break {
            node: NodeId(3),
            set: true
        }),
        Reply::Accepted
    );
    assert_eq!(ask(Request::Continue), Reply::Accepted);
    bench.wait_for("the breakpoint", |state| {
        state.paused && matches!(state.nodes[2].status, Status::Ended(_))
    });
    assert_eq!(bench.dispatcher.state().nodes[3].status, Status::Waiting);
    assert_eq!(ask(Request::Continue), Reply::Accepted);
    assert_eq!(bench.finished(thread).outcome(), RunOutcome::Succeeded);
}

#[test]
fn a_step_with_a_time_limit_is_ended_by_it() {
    let text = document(
        "Step(name: \"slow\", timeout: 1, simulate: Succeed(60000), action: Pause(message: \"x\")),",
    );
    let run = Bench::new().run(&text);
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert_eq!(run.state.end.unwrap().code, wimforge::codes::TIMEOUT);
}

#[test]
fn an_unattended_run_never_waits_for_a_person() {
    let run = Bench::new().run(&document(
        "Step(name: \"ask\", action: Pause(message: \"look\")),",
    ));
    assert_eq!(run.outcome(), RunOutcome::Failed);
}

#[test]
fn a_restart_ends_the_boot_and_goes_on_with_the_next_step() {
    let text = document(
        "Step(name: \"before\", action: SetVariable(variable: \"Before\", value: \"%_SMSTSInWinPE%\")),\
         Step(name: \"restart\", action: SetVariable(variable: \"SMSTSRebootRequested\", value: \"WinPE\")),\
         Step(name: \"after\", action: SetVariable(variable: \"After\", value: \"%_SMSTSInWinPE%\")),",
    );
    let run = Bench::new().run(&text);
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.state.boot, 2);
    assert_eq!(run.variable("Before").as_deref(), Some("true"));
    assert_eq!(run.variable("After").as_deref(), Some("true"));
    let ended = run
        .events
        .iter()
        .filter(|e| matches!(e.body, EventBody::BootEnded { .. }))
        .count();
    assert_eq!(ended, 1);
}

#[test]
fn a_variable_set_before_wins_over_a_steps_setting_and_secrets_reach_no_sink() {
    let bench = Bench::new();
    let canary = "c4nary-S3cret-value";
    let text = document(
        "Step(name: \"show %Pw%\", action: RunCommandLine(command: \"cat %File%\", output_variable: \"Out\")),\
         Step(name: \"copy\", action: SetVariable(variable: \"Copy\", value: \"x%Pw%x\")),",
    );
    let file = bench.path("file");
    std::fs::write(&file, format!("the tool says {canary}\n")).unwrap();
    let mut request = bench.request(&text);
    request
        .set
        .push(("File".to_owned(), file.display().to_string()));
    let secret = wimforge::protocol::WireSecret(wimforge::secret::Secret::new(canary));
    request.secrets.push(("Pw".to_owned(), secret));
    let thread = bench.start(request);
    let run = bench.finished(thread);
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(run.variable("Copy").as_deref(), Some("(masked)"));
    // Journal, log, sequence, run.json and report at least.
    let found = holding(bench.folder.path(), canary, 5);
    assert_eq!(found, Vec::<std::path::PathBuf>::new());
    let snapshot = serde_json::to_string(&run.state).unwrap();
    assert!(!snapshot.contains(canary));
}

/// The journal of a finished run is cut after every event; each cut is resumed. Finished steps must not run again, the
/// result must be that of the undisturbed run.
#[test]
fn a_run_killed_after_any_event_resumes_to_the_same_end() {
    let steps = |log: &std::path::Path| {
        let mark = |name: &str| {
            format!(
                "Step(name: \"{name}\", action: RunCommandLine(command: \"echo {name} >> {}\", shell: true)),",
                log.display()
            )
        };
        document(
            &(group(
                "A",
                "",
                &(mark("a1")
                    + &mark("a2")
                    + "Step(name: \"restart\", action: SetVariable(variable: \"SMSTSRebootRequested\", value: \"WinPE\")),"),
            ) + &group("Off", "condition: Exists(\"Nothing\"),", &mark("off"))
                + &group(
                    "B",
                    "continue_on_error: true,",
                    &(mark("b1") + &failing("bad", "") + &mark("b2")),
                )
                + "Step(name: \"set\", action: SetVariable(variable: \"Result\", value: \"%_SMSTSLastActionRetCode%\")),"
                + &mark("c1")),
        )
    };
    let reference = Bench::new();
    let whole = reference.run(&steps(&reference.path("ran")));
    assert_eq!(whole.outcome(), RunOutcome::Succeeded);
    let journal =
        std::fs::read_to_string(std::path::Path::new(&whole.state.folder).join("journal.jsonl"))
            .unwrap();
    let lines: Vec<&str> = journal.lines().collect();
    let mut edges = 0;
    for cut in 2..lines.len() {
        let event = &whole.events[cut - 2];
        // Log lines change nothing: cut at everything else.
        if matches!(event.body, EventBody::Log { .. }) {
            continue;
        }
        edges += 1;
        let bench = Bench::new();
        let ran = reference.path("ran");
        std::fs::write(&ran, "").unwrap();
        let folder = bench.path("state/runs/1");
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["sequence.ron", "run.json"] {
            std::fs::copy(
                std::path::Path::new(&whole.state.folder).join(name),
                folder.join(name),
            )
            .unwrap();
        }
        std::fs::write(folder.join("journal.jsonl"), lines[..cut].join("\n") + "\n").unwrap();
        let finished_before: Vec<NodeId> = whole.events[..cut - 1]
            .iter()
            .filter_map(|event| match &event.body {
                EventBody::StepFinished {
                    node,
                    outcome: Outcome::Succeeded,
                    ..
                } => Some(*node),
                _ => None,
            })
            .collect();
        let resumed = bench.resume(&folder);
        assert_eq!(
            resumed.outcome(),
            RunOutcome::Succeeded,
            "cut after {event:?}"
        );
        assert_eq!(
            resumed.variable("Result").as_deref(),
            Some("5"),
            "cut after {event:?}"
        );
        let words = |run: &common::Finished| run.steps();
        assert_eq!(words(&resumed), words(&whole), "cut after {event:?}");
        let again = std::fs::read_to_string(&ran).unwrap();
        for node in finished_before {
            let name = &whole.state.plan.nodes[node.index()].name;
            assert!(
                !again.lines().any(|line| line == name),
                "{name} ran twice, cut after {event:?}"
            );
        }
    }
    assert!(edges >= 40, "only {edges} cuts");
}

#[test]
fn a_step_that_was_running_says_that_it_was_interrupted() {
    let first = Bench::new();
    let whole = first.run(&document(&(ok("1") + &ok("2"))));
    let journal =
        std::fs::read_to_string(std::path::Path::new(&whole.state.folder).join("journal.jsonl"))
            .unwrap();
    let started = journal
        .lines()
        .position(|line| {
            line.contains("StepStarted") && line.contains("\"attempt\":1,\"name\":\"2\"")
        })
        .unwrap();
    let bench = Bench::new();
    let folder = bench.path("state/runs/1");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["sequence.ron", "run.json"] {
        std::fs::copy(
            std::path::Path::new(&whole.state.folder).join(name),
            folder.join(name),
        )
        .unwrap();
    }
    let kept: Vec<&str> = journal.lines().take(started + 1).collect();
    std::fs::write(
        folder.join("journal.jsonl"),
        kept.join("\n") + "\n{\"seq\":9",
    )
    .unwrap();
    let run = bench.resume(&folder);
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.state.nodes[1].attempt, 2);
    assert!(run.events.iter().any(|event| matches!(
        &event.body,
        EventBody::StepFinished {
            outcome: Outcome::Interrupted,
            ..
        }
    )));
}
