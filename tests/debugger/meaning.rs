//! What a document means: names made from variables, long numbers, conditions that cannot be evaluated, limits of values,
//! and the variables that Configuration Manager obeys.

use wimforge::engine::start;
use wimforge::event::{EventBody, RunOutcome, Severity};
use wimforge::protocol::Request;
use wimforge::secret::Secret;
use wimforge::sequence::control::UNSUPPORTED;

use crate::common::{Bench, Finished, document};
use crate::live::{Live, group, ok, slow, step};

/// A condition that has no answer.
const NO_ANSWER: &str = r#"condition: File(path: "/etc/passwd", modified: Equals("%BadTime%")),"#;

fn warnings(run: &Finished) -> Vec<String> {
    run.events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Log {
                severity: Severity::Warning,
                text,
                ..
            } => Some(text.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn continue_on_error_covers_a_group_whose_condition_has_no_answer() {
    let run = Bench::new().run(&document(
        &(group(
            "g",
            &format!("{NO_ANSWER} continue_on_error: true,"),
            &(ok("1") + &group("inner", "", &ok("2"))),
        ) + &step(
            "3",
            r#"condition: Equals("_SMSTSLastActionSucceeded", "false"),"#,
        )),
    ));
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    let words: Vec<_> = run.steps();
    assert_eq!(
        words,
        [
            ("g".to_owned(), "failed, ignored"),
            ("1".to_owned(), "not run"),
            ("inner".to_owned(), "not run"),
            ("2".to_owned(), "not run"),
            ("3".to_owned(), "succeeded"),
        ]
    );
    assert_eq!(run.variable("Ran-3").as_deref(), Some("yes"));
}

#[test]
fn without_continue_on_error_such_a_group_fails_what_is_above_it() {
    let inner = group("g", NO_ANSWER, &ok("1"));
    let run = Bench::new().run(&document(&(inner.clone() + &ok("2"))));
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert_eq!(run.word("2"), "not run");
    let outer = group("o", "continue_on_error: true,", &(inner + &ok("2")));
    let run = Bench::new().run(&document(&(outer + &ok("3"))));
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.word("o"), "failed, ignored");
    assert_eq!((run.word("2"), run.word("3")), ("not run", "succeeded"));
}

#[test]
fn a_technician_still_decides_about_such_a_group_where_the_debugger_is_wanted() {
    let steps = group(
        "g",
        &format!("{NO_ANSWER} continue_on_error: true,"),
        &ok("1"),
    ) + &ok("2");
    let live = Live::with(&steps, |request| {
        request.unattended = false;
        request.set.push(("TSDebugOnError".into(), "TRUE".into()));
    });
    let question = live.wait("a question", |state| state.question.is_some());
    let node = question.question.and_then(|q| q.node).unwrap();
    live.set("BadTime", "2001-01-01T00:00:00Z");
    live.must(Request::Retry { node, attempt: 0 });
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    // The condition has an answer now, and it is "no".
    assert_eq!(run.word("g"), "skipped");
}

#[test]
fn names_of_variables_are_made_from_variables() {
    let set = |variable: &str, value: &str| {
        format!(
            "Step(name: \"{variable}\", action: SetVariable(variable: \"{variable}\", value: \"{value}\")),"
        )
    };
    let out = r#"Step(name: "out", action: RunCommandLine(command: "echo said", output_variable: "Out%I%")),"#;
    let steps = set("I", "0")
        + &set("OSDPartitions%I%Size", "50")
        + &set("Copy", "%OSDPartitions0Size%")
        + out
        + &step("yes", r#"condition: Equals("OSDPartitions%I%Size", "50"),"#)
        + &set("OSDPartitions%I%Gone", "x")
        + &set("osdpartitions%i%gone", "");
    let run = Bench::new().run(&document(&steps));
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    for (name, value) in [
        ("OSDPartitions0Size", Some("50")),
        ("Copy", Some("50")),
        ("Out0", Some("said")),
        ("Ran-yes", Some("yes")),
        ("OSDPartitions0Gone", None),
        ("OSDPartitions%I%Size", None),
    ] {
        assert_eq!(
            run.variable(name).as_deref().map(str::trim),
            value,
            "{name}"
        );
    }
}

#[test]
fn a_name_that_comes_out_wrong_fails_its_step_and_tells_no_secret() {
    for (name, said) in [
        ("A%Missing%", "`A%Missing%` is not a variable name"),
        ("%Blank%x", "is not a variable name"),
        ("%Own%", "read-only"),
        ("A%Secret%", "is made from a secret variable"),
    ] {
        let steps =
            format!("Step(name: \"s\", action: SetVariable(variable: \"{name}\", value: \"1\")),");
        let bench = Bench::new();
        let mut request = bench.request(&document(&steps));
        for (name, value) in [("Blank", "a b"), ("Own", "_SMSTSInWinPE")] {
            request.set.push((name.to_owned(), value.to_owned()));
        }
        let secret = wimforge::protocol::WireSecret(Secret::new("Canary77"));
        request.secrets.push(("Secret".to_owned(), secret));
        let thread = bench.start(request);
        let run = bench.finished(thread);
        assert_eq!(run.outcome(), RunOutcome::Failed, "{name}");
        let (_, failure) = run.state.last_failure.clone().unwrap();
        assert!(failure.message.contains(said), "{}", failure.message);
        assert!(!format!("{:?}", run.events).contains("Canary77"));
    }
}

#[test]
fn numbers_beyond_every_register_compare_as_numbers() {
    let run = Bench::new().run(
        r#"Sequence(schema: 1, name: "t", variables: {"Big": "100000000000000000000000000000000000000000"}, steps: [
            Step(name: "more", condition: Greater("Big", "9"), action: SetVariable(variable: "A", value: "1")),
            Step(name: "less", condition: Less("Big", "9"), action: SetVariable(variable: "B", value: "1")),
        ])"#,
    );
    assert_eq!(
        (run.word("more"), run.word("less")),
        ("succeeded", "skipped")
    );
}

#[test]
fn the_limits_of_values_hold_for_the_command_line_and_for_technicians() {
    let long = "x".repeat(4001);
    for (value, said) in [
        (long.as_str(), "4001 characters"),
        ("a\u{1b}[2J", "control character (U+001B)"),
        ("a\0b", "control character (U+0000)"),
    ] {
        let bench = Bench::new();
        let mut request = bench.request(&document(&ok("1")));
        request.set.push(("A".to_owned(), value.to_owned()));
        let Err(error) = start::start(&bench.dispatcher, &bench.options, request) else {
            panic!("{said}: accepted");
        };
        let error = error.to_string();
        assert!(error.contains(said) && !error.contains('\u{1b}'), "{error}");
    }
    let bench = Bench::new();
    let mut request = bench.request(&document(&ok("1")));
    let name = ("OSDComputerName".to_owned(), "not a name".to_owned());
    request.set.push(name);
    let Err(error) = start::start(&bench.dispatcher, &bench.options, request) else {
        panic!("accepted");
    };
    assert!(error.to_string().contains("OSDComputerName"), "{error}");

    let live = Live::debugged(&ok("1"));
    for (value, said) in [(long.as_str(), "4001"), ("\u{9b}31m", "U+009B")] {
        let why = live.refused(Request::SetVariable {
            name: "A".into(),
            value: value.into(),
        });
        assert!(why.contains(said), "{why}");
    }
    live.set("A", "tab\tand\nline");
}

#[test]
fn what_configuration_manager_would_obey_is_refused_by_name() {
    for known in UNSUPPORTED {
        let bench = Bench::new();
        let mut request = bench.request(&document(&ok("1")));
        request
            .set
            .push((known.name.to_lowercase(), "1".to_owned()));
        let thread = bench.start(request);
        let run = bench.finished(thread);
        assert_eq!(run.outcome(), RunOutcome::Succeeded);
        let told = warnings(&run);
        assert!(
            told.iter()
                .any(|line| line.contains(known.name) && line.contains("not supported")),
            "{}: {told:?}",
            known.name
        );
    }
}

#[test]
fn later_restarts_have_the_delay_that_was_set_for_them() {
    let set = |name: &str, value: &str| {
        format!(
            "Step(name: \"{name}\", action: SetVariable(variable: \"{name}\", value: \"{value}\")),"
        )
    };
    let run = Bench::new().run(&document(
        &(set("SMSTSRebootDelayNext", "0")
            + &set("SMSTSRebootDelay", "1")
            + &set("SMSTSRebootRequested", "WinPE")
            + &slow("after", 1)),
    ));
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.variable("SMSTSRebootDelay").as_deref(), Some("0"));
    assert_eq!(run.state.boot, 2);
}
