//! Settings of a step changed for this run: what is taken, what is refused, what is kept of the original.

use wimforge::event::{EventBody, Origin, RunOutcome};
use wimforge::protocol::{Refusal, Reply, Request, StepChange, StepText, WireSecret};
use wimforge::run_state::Status;
use wimforge::secret::{MASK, Secret};

use crate::common::document;
use crate::live::{Live, RESTART, began, command, failing, group, ok, slow, step};

fn settings(pairs: &[(&str, &str)]) -> StepChange {
    StepChange::Settings(
        pairs
            .iter()
            .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
            .collect(),
    )
}

fn change(live: &Live, name: &str, to: StepChange) {
    live.must(live.to_node(name, |node| Request::OverrideStep { node, to }));
}

fn refused(live: &Live, name: &str, to: StepChange) -> Refusal {
    let node = live.node(name);
    match live.ask(Request::OverrideStep { node, to }) {
        Reply::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn described(live: &Live, name: &str) -> StepText {
    let node = live.node(name);
    match live.ask(Request::DescribeStep { node }) {
        Reply::Step(text) => *text,
        other => panic!("{other:?}"),
    }
}

/// (in force, in the document) of a setting.
fn setting(live: &Live, name: &str, path: &str) -> (String, String) {
    described(live, name)
        .fields
        .into_iter()
        .find(|field| field.path == path)
        .map(|field| (field.value, field.original))
        .unwrap_or_default()
}

#[test]
fn a_failed_step_is_changed_and_tried_again_with_the_change() {
    let live = Live::attended(&(command("1", "exit 3", "") + &ok("2")));
    live.failed("1", 1);
    change(&live, "1", settings(&[("action.command", "\"exit 0\"")]));
    live.retry("1", 1);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(began(&run), ["1", "1", "2"]);
    let told: Vec<(&Option<String>, &str)> = run
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::StepOverridden { text, by, .. } => Some((text, by.name.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, "test");
    assert!(told[0].0.as_ref().unwrap().contains("exit 0"));
    // The document of the run is as it was.
    assert!(run.state.overrides[0].by.name == "test");
}

#[test]
fn the_original_is_kept_and_shown_beside_what_is_in_force() {
    let live = Live::debugged(&(step("1", "timeout: 5,") + &ok("2")));
    let original = described(&live, "1").original;
    assert!(original.contains("timeout: 5"), "{original}");
    change(
        &live,
        "1",
        settings(&[("timeout", "9"), ("continue_on_error", "true")]),
    );
    assert_eq!(setting(&live, "1", "timeout"), ("9".into(), "5".into()));
    assert_eq!(
        setting(&live, "1", "continue_on_error"),
        ("true".into(), String::new())
    );
    // A second change builds on the first, and an empty value takes a setting away.
    change(&live, "1", settings(&[("timeout", "")]));
    assert_eq!(setting(&live, "1", "timeout"), (String::new(), "5".into()));
    assert_eq!(
        setting(&live, "1", "continue_on_error"),
        ("true".into(), String::new())
    );
    assert_eq!(described(&live, "1").original, original);
    let second = live.taken_up();
    second.held_before("1");
    assert_eq!(
        setting(&second, "1", "timeout"),
        (String::new(), "5".into())
    );
    change(&second, "1", StepChange::Original);
    assert_eq!(setting(&second, "1", "timeout"), ("5".into(), "5".into()));
    assert_eq!(second.state().overrides, []);
    let third = second.taken_up();
    third.held_before("1");
    assert_eq!(setting(&third, "1", "timeout"), ("5".into(), "5".into()));
    let sequence = std::fs::read_to_string(third.folder().join("sequence.ron")).unwrap();
    assert_eq!(sequence, document(&(step("1", "timeout: 5,") + &ok("2"))));
}

#[test]
fn a_whole_text_takes_the_place_of_the_step() {
    let live = Live::debugged(&group("G", "", &(ok("1") + &ok("2"))));
    let text = "Step(\n    name: \"renamed %Word%\",\n    action: SetVariable(variable: \"Ran-1\", value: \"other\"),\n)";
    change(&live, "1", StepChange::Text(text.into()));
    live.set("Word", "here");
    live.must(Request::Continue);
    let run = live.finish();
    assert_eq!(began(&run), ["renamed here", "2"]);
    assert_eq!(run.variable("Ran-1").as_deref(), Some("other"));
    assert_eq!(run.state.overrides.len(), 1);
    assert_eq!(run.state.overrides[0].text, text);
}

#[test]
fn mistakes_are_refused_with_their_line_or_setting_and_nothing_changes() {
    let live = Live::debugged(&(ok("1") + &ok("2")));
    let bad = [
        "Step(name: \"x\", action: SetVariable(variable: \"A\", valeu: \"1\"))",
        "Step(name: \"x\", action: SetVariable(variable: \"_A\", value: \"1\"))",
        "Step(name: \"\", action: SetVariable(variable: \"A\", value: \"1\"))",
        "Step(name: \"x\"",
        "not a step",
        "",
    ];
    for text in bad {
        let refusal = refused(&live, "1", StepChange::Text(text.into()));
        let Refusal::BadSequence(why) = &refusal else {
            panic!("{text}: {refusal:?}");
        };
        assert!(why.contains(":1:") && why.contains('^'), "{text}: {why}");
    }
    let lines = "Step(\n    name: \"x\",\n    timeuot: 5,\n    action: SetVariable(variable: \"A\", value: \"1\"),\n)";
    let Refusal::BadSequence(why) = refused(&live, "1", StepChange::Text(lines.into())) else {
        panic!("taken");
    };
    assert!(why.contains(":3:") && why.contains("timeout"), "{why}");
    // Who changes settings is told of these, not of a document that is not to be seen.
    for (path, value, named) in [
        ("timeout", "soon", "timeout: "),
        ("action.variable", "", "`variable`"),
        ("action.nothing", "1", "action.nothing: "),
        ("nothing", "1", "nothing: "),
        ("timeout", "5, disabled: maybe", "timeout: "),
        ("action.value", "\"open", "action.value: "),
    ] {
        let refusal = refused(&live, "1", settings(&[(path, value)]));
        let Refusal::BadValue(why) = &refusal else {
            panic!("{path}: {refusal:?}");
        };
        assert!(why.contains(named), "{path}: {why}");
        for word in ["document", "line ", "column", "sequence", "^", "\n"] {
            assert!(!why.contains(word), "{path}: {why}");
        }
    }
    assert_eq!(live.state().overrides, []);
    live.must(Request::Continue);
    assert_eq!(live.finish().variable("Ran-1").as_deref(), Some("yes"));
}

#[test]
fn another_kind_a_group_and_more_than_one_step_are_refused() {
    let live = Live::debugged(&group("G", "", &(ok("1") + &ok("2"))));
    let one = "Step(name: \"x\", action: SetVariable(variable: \"A\", value: \"1\"))";
    for (text, why) in [
        (
            "Step(name: \"x\", action: Pause(message: \"m\"))".to_owned(),
            "kind",
        ),
        (format!("{one}, {one}"), "exactly one"),
        (
            format!("{one}, Group(name: \"g\", steps: [])"),
            "exactly one",
        ),
        ("Group(name: \"g\", steps: [])".to_owned(), "exactly one"),
        (
            format!("{one}]), Group(name: \"g\", steps: [{one}"),
            "exactly one",
        ),
    ] {
        let said = refused(&live, "1", StepChange::Text(text.clone())).to_string();
        assert!(said.contains(why), "{text}: {said}");
    }
    let said = refused(&live, "G", settings(&[("name", "\"x\"")]));
    assert!(matches!(said, Refusal::BadValue(_)), "{said:?}");
    let node = wimforge::event::NodeId(99);
    let reply = live.ask(Request::DescribeStep { node });
    assert!(
        matches!(reply, Reply::Refused(Refusal::BadValue(_))),
        "{reply:?}"
    );
    assert_eq!(live.state().overrides, []);
}

#[test]
fn a_step_that_runs_is_left_alone() {
    let live = Live::attended(&(slow("1", 500) + &ok("2")));
    live.wait("the step", |state| state.nodes[0].status == Status::Running);
    let said = refused(&live, "1", settings(&[("timeout", "9")]));
    assert!(matches!(said, Refusal::NotNow(_)), "{said:?}");
    // Another one is not.
    change(&live, "2", settings(&[("action.value", "\"changed\"")]));
    assert_eq!(live.finish().variable("Ran-2").as_deref(), Some("changed"));
}

#[test]
fn a_secret_has_no_place_in_a_step() {
    let text = "Sequence(schema: 1, name: \"T\", inputs: [Input(variable: \"Password\", label: \"P\", secret: true, default: \"hunter22\")], \
        steps: [Step(name: \"1\", action: SetVariable(variable: \"A\", value: \"1\"))])";
    let live = Live::of(crate::common::Bench::new(), text, |request| {
        request.set.push(("TSDebugMode".into(), "TRUE".into()));
        let secret = WireSecret(Secret::new("s3cret-word"));
        request.secrets.push(("Other".into(), secret));
    });
    live.wait("the debugger", |state| state.paused);
    for secret in ["s3cret-word", "hunter22", MASK] {
        let value = format!("\"x{secret}x\"");
        let said = refused(&live, "1", settings(&[("action.value", &value)]));
        assert!(matches!(said, Refusal::BadValue(_)), "{secret}: {said:?}");
        assert!(!said.to_string().contains("hunter22"), "{said}");
        let text =
            format!("Step(name: {value}, action: SetVariable(variable: \"A\", value: \"1\"))");
        let said = refused(&live, "1", StepChange::Text(text));
        assert!(matches!(said, Refusal::BadValue(_)), "{secret}: {said:?}");
    }
    // The line that is shown with a mistake is the whole document here, the default of the secret input with it.
    let said = refused(&live, "1", settings(&[("timeout", "soon")])).to_string();
    assert!(
        said.contains("timeout") && !said.contains("hunter22"),
        "{said}"
    );
    let bad =
        "Step(name: \"x\", timeout: soon, action: SetVariable(variable: \"A\", value: \"1\"))";
    let said = refused(&live, "1", StepChange::Text(bad.to_owned())).to_string();
    assert!(said.contains('^') && !said.contains("hunter22"), "{said}");
    change(&live, "1", settings(&[("action.value", "\"%Other%\"")]));
    live.must(Request::Continue);
    assert_eq!(live.finish().variable("A").as_deref(), Some("(masked)"));
}

#[test]
fn condition_and_disabled_are_obeyed() {
    let off = step("off", "disabled: true,");
    let inside = group("G", "disabled: true,", &ok("in"));
    let live = Live::debugged(&(ok("1") + &ok("2") + &ok("3") + &off + &inside + &ok("4")));
    change(
        &live,
        "2",
        settings(&[("condition", "Exists(\"Nothing\")")]),
    );
    change(&live, "3", settings(&[("disabled", "true")]));
    change(&live, "off", settings(&[("disabled", "")]));
    // A group that is disabled disables everything below it (spec 1.7).
    change(&live, "in", settings(&[("disabled", "false")]));
    live.jump("off");
    live.jump("1");
    // Also the step that the run stands before.
    change(&live, "1", settings(&[("disabled", "true")]));
    live.must(Request::Continue);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(began(&run), ["off", "4"]);
}

#[test]
fn retry_timeout_and_continue_on_error_are_obeyed() {
    let live =
        Live::debugged(&(failing("1", "") + &slow("2", 60_000) + &failing("3", "") + &ok("4")));
    change(
        &live,
        "1",
        settings(&[
            ("retry", "Retry(attempts: 3, delay: 0)"),
            ("simulate", "FailTimes(2, 9)"),
        ]),
    );
    change(
        &live,
        "2",
        settings(&[("timeout", "1"), ("continue_on_error", "true")]),
    );
    change(&live, "3", settings(&[("continue_on_error", "true")]));
    live.must(Request::Continue);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(began(&run), ["1", "1", "1", "2", "3", "4"]);
    assert_eq!(
        (run.word("2"), run.word("3")),
        ("failed, ignored", "failed, ignored")
    );
}

#[test]
fn changes_are_obeyed_by_the_engine_that_takes_the_run_up_and_over_a_restart() {
    let live = Live::debugged(&(ok("1") + RESTART + &ok("2") + &ok("3")));
    change(&live, "2", settings(&[("action.value", "\"changed\"")]));
    change(
        &live,
        "3",
        settings(&[("condition", "Exists(\"Nothing\")")]),
    );
    let second = live.taken_up();
    second.held_before("1");
    assert_eq!(second.state().overrides, live.state().overrides);
    second.must(Request::Continue);
    let run = second.finish();
    assert_eq!(run.state.boot, 3);
    assert_eq!(run.variable("Ran-2").as_deref(), Some("changed"));
    assert_eq!(run.word("3"), "skipped");
    assert!(
        run.state
            .variables
            .get("ran-2")
            .is_some_and(|variable| matches!(variable.origin, Origin::Step(_)))
    );
}
