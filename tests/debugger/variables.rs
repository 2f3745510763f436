//! Variables changed by a technician: who did it, what is refused, what stays secret; and where every value came from.

use std::path::PathBuf;

use wimforge::event::{EventBody, NodeId, Origin, Shown};
use wimforge::protocol::{Change, Refusal, Reply, Request, WireSecret};
use wimforge::secret::{MASK, Secret};

use crate::common::Bench;
use crate::common::system::holding;
use crate::live::{Live, ok, slow};

fn set(name: &str, value: &str) -> Request {
    Request::SetVariable {
        name: name.into(),
        value: value.into(),
    }
}

fn set_secret(name: &str, value: &str) -> Request {
    Request::SetSecret {
        name: name.into(),
        value: WireSecret(Secret::new(value)),
    }
}

fn explain(live: &Live, name: &str) -> Vec<Change> {
    match live.ask(Request::Explain { name: name.into() }) {
        Reply::History(changes) => changes,
        other => panic!("{other:?}"),
    }
}

/// Every value and who set it, in one word each.
fn words(changes: &[Change]) -> Vec<String> {
    changes
        .iter()
        .map(|change| {
            let value = match &change.value {
                Some(Shown::Plain(text)) => text.clone(),
                Some(Shown::Masked) => MASK.to_owned(),
                None => "(removed)".to_owned(),
            };
            let origin = match &change.origin {
                Origin::Technician(who) => who.name.clone(),
                Origin::Step(_) => format!("step {}", change.step),
                other => format!("{other:?}"),
            };
            format!("{value} by {origin}")
        })
        .collect()
}

#[test]
fn a_technician_sets_adds_and_deletes_and_the_events_say_who() {
    let live = Live::debugged(&ok("1"));
    live.set("New", "one");
    live.set("new", "two");
    live.set(" NEW ", "two");
    live.set("New", "");
    live.set("Never", "");
    let events = live.events();
    let written = events.last().map(|event| event.seq);
    assert_eq!(written, Some(live.state().seq), "the journal lags behind");
    let told: Vec<String> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::VariableSet {
                name,
                value: Shown::Plain(value),
                origin: Origin::Technician(who),
            } => Some(format!("{name}={value} by {} {}", who.name, who.client)),
            EventBody::VariableRemoved {
                name,
                origin: Origin::Technician(who),
            } => Some(format!("{name} removed by {}", who.name)),
            _ => None,
        })
        .collect();
    // "two" a second time and the deletion of what is not there change nothing and are no events.
    assert_eq!(
        told,
        [
            "New=one by test 7",
            "new=two by test 7",
            "New removed by test"
        ]
    );
    assert!(!live.state().variables.contains_key("new"));
    live.set("New", "three");
    let second = live.taken_up();
    let state = second.wait("the pause", |state| state.paused);
    assert_eq!(
        state.variables["new"].value,
        Shown::Plain("three".to_owned()),
        "what a technician set survives the engine"
    );
}

#[test]
fn names_that_are_not_a_technicians_are_refused() {
    let live = Live::debugged(&ok("1"));
    let before = live.state();
    for name in [
        "_SMSTSInWinPE",
        " _x",
        "_WimforgeMarkRetryAfterRestart",
        "",
        " ",
        "1x",
        "a b",
        "a%b",
        "ä",
        "a=b",
        &"a".repeat(257),
    ] {
        for request in [set(name, "v"), set(name, ""), set_secret(name, "secret-v")] {
            let reply = live.ask(request);
            assert!(
                matches!(reply, Reply::Refused(Refusal::BadValue(_))),
                "{name}: {reply:?}"
            );
        }
    }
    assert_eq!(live.state().variables, before.variables);
}

const DOCUMENT: &str = r#"Sequence(
    schema: 1,
    name: "Test",
    variables: { "FromDocument": "d", "Both": "document" },
    inputs: [
        Input(variable: "Count", label: "Count", check: Number(1, 5), default: "2"),
        Input(variable: "Colour", label: "Colour", check: OneOf(["red", "blue"]), default: "red"),
        Input(variable: "Both", label: "Both", default: "input"),
        Input(variable: "Password", label: "Password", secret: true, optional: true),
    ],
    steps: [
        Step(name: "one", action: SetVariable(variable: "Both", value: "from %_SMSTSCurrentActionName%")),
        Step(name: "two", action: SetVariable(variable: "Copy", value: "x%Password%x")),
        Step(name: "three", action: SetVariable(variable: "Both", value: "")),
    ],
)"#;

fn debugged(text: &str) -> Live {
    let live = Live::of(Bench::new(), text, |request| {
        request.set.push(("TSDebugMode".into(), "TRUE".into()));
        request.set.push(("Both".into(), "set".into()));
    });
    live.wait("the debugger", |state| state.paused);
    live
}

#[test]
fn values_are_checked_as_the_form_checks_them() {
    let live = debugged(DOCUMENT);
    for (name, bad, good) in [
        ("Count", "6", "5"),
        ("count", "x", "1"),
        ("Colour", "green", "BLUE"),
        ("OSDComputerName", "a name", "REF-02"),
        ("OSDComputerName", &"x".repeat(16), "%SomethingElse%-01"),
        (
            "osdcapturedestination",
            "\\\\s\\share\\",
            "\\\\s\\share\\a.wim",
        ),
        ("OSDCaptureAccount", "nobody", "lab\\nobody"),
        ("OSDProductKey", "AAAAA", "W269N-WFGWX-YVC9B-4J6C9-T83GX"),
        ("TSDebugOnError", "perhaps", "true"),
    ] {
        let reply = live.ask(set(name, bad));
        let Reply::Refused(Refusal::BadValue(why)) = reply else {
            panic!("{name}={bad}: {reply:?}");
        };
        assert!(why.starts_with(name), "{why}");
        assert_eq!(live.ask(set(name, good)), Reply::Accepted, "{name}={good}");
        assert_eq!(live.ask(set(name, "")), Reply::Accepted, "{name} deleted");
    }
    // A secret is checked without being shown.
    let reply = live.ask(set_secret("OSDProductKey", "hunter22-hunter22"));
    let Reply::Refused(why) = reply else {
        panic!("{reply:?}");
    };
    assert!(!why.to_string().contains("hunter"), "{why}");
}

#[test]
fn too_long_a_value_is_refused_and_the_longest_is_not() {
    let live = Live::debugged(&ok("1"));
    live.set("Long", &"ä".repeat(4_000));
    let reply = live.ask(set("Long", &"ä".repeat(4_001)));
    let Reply::Refused(Refusal::BadValue(why)) = reply else {
        panic!("{reply:?}");
    };
    assert!(why.contains("4001") && why.contains("4000"), "{why}");
    let reply = live.ask(set_secret("Long", &"x".repeat(4_001)));
    assert!(matches!(reply, Reply::Refused(Refusal::BadValue(_))));
    assert_eq!(
        live.state().variables["long"].value,
        Shown::Plain("ä".repeat(4_000))
    );
}

#[test]
fn every_value_says_where_it_came_from_also_after_a_resume() {
    let live = debugged(DOCUMENT);
    live.set("Both", "mine");
    live.must(Request::Step);
    live.held_before("two");
    assert_eq!(
        words(&explain(&live, " bOTH ")),
        [
            "document by Document",
            "input by Input",
            "set by CommandLine",
            "mine by test",
            "from one by step one"
        ]
    );
    assert_eq!(words(&explain(&live, "FromDocument")), ["d by Document"]);
    assert_eq!(
        words(&explain(&live, "TSDebugMode")),
        ["TRUE by CommandLine"]
    );
    assert_eq!(
        explain(&live, "_SMSTSInWinPE")[0].origin,
        Origin::Engine,
        "the engine's own are explained, too"
    );
    assert_eq!(explain(&live, "NeverHeardOf"), []);
    let both = explain(&live, "Both");
    assert!(both.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert!(both.iter().all(|change| change.at > 0));
    let second = live.taken_up();
    second.wait("the pause", |state| state.boot == 2 && state.paused);
    assert_eq!(explain(&second, "Both"), both, "the same list");
    second.must(Request::Continue);
    second.wait("the end", |state| state.end.is_some());
    // After the end it can still be asked.
    let last = explain(&second, "Both");
    assert_eq!(words(&last)[5..], ["(removed) by step three"]);
    assert_eq!(last[4].origin, Origin::Step(NodeId(0)));
}

#[test]
fn the_list_of_values_is_bounded() {
    let live = Live::debugged(&ok("1"));
    for n in 0..130 {
        live.set("Counter", &n.to_string());
    }
    let all = words(&explain(&live, "Counter"));
    assert_eq!(all.len(), 100);
    assert_eq!((&*all[0], &*all[99]), ("30 by test", "129 by test"));
    let second = live.taken_up();
    second.wait("the pause", |state| state.paused);
    assert_eq!(words(&explain(&second, "Counter")), all);
}

#[test]
fn a_secret_of_a_technician_reaches_no_sink() {
    let canary = "c4nary \"quoted\" \\ back";
    let live = debugged(DOCUMENT);
    live.must(set_secret("Password", canary));
    // As a part of something plain it is still one.
    live.must(set("Plain", &format!("user:{canary}@host")));
    live.must(Request::Step);
    live.held_before("two");
    live.must(Request::Step);
    live.held_before("three");
    let changes = explain(&live, "Password");
    assert_eq!(words(&changes), [format!("{MASK} by test")]);
    assert_eq!(
        words(&explain(&live, "Copy")),
        [format!("{MASK} by step two")]
    );
    assert_eq!(words(&explain(&live, "Plain")), [format!("{MASK} by test")]);
    let snapshot = serde_json::to_string(&live.state()).unwrap();
    assert!(!snapshot.contains("c4nary"));
    live.must(Request::Continue);
    live.wait("the end", |state| state.end.is_some());
    live.wait("the report", |_| !live.bench.dispatcher.run().1);
    for form in [canary, "c4nary", "quoted\\\" \\\\\\\\ back"] {
        assert_eq!(holding(&live.folder(), form, 4), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_secret_that_is_a_word_of_the_engines_own_breaks_nothing() {
    // Words of the events' vocabulary as passwords: the run's own story must stay readable.
    let live = Live::debugged(&(ok("1") + &ok("2")));
    for (name, secret) in [
        ("A", "Succeeded"),
        ("B", "Engine"),
        ("C", "Plain"),
        ("D", "Info"),
    ] {
        live.must(set_secret(name, secret));
    }
    live.must(Request::Step);
    live.held_before("2");
    let second = live.taken_up();
    // Secrets do not survive an engine: nobody is there to give them again, so it stands where it was.
    second.wait("the question", |state| {
        state.nodes[0].status
            == wimforge::run_state::Status::Ended(wimforge::event::Outcome::Succeeded)
    });
    drop(second);
    live.must(Request::Continue);
    let run = live.finish();
    assert_eq!(run.outcome(), wimforge::event::RunOutcome::Succeeded);
    assert_eq!((run.word("1"), run.word("2")), ("succeeded", "succeeded"));
}

#[test]
fn a_variable_can_be_set_while_a_step_runs_and_stays_when_that_step_is_interrupted() {
    let live = Live::attended(&(slow("1", 700) + &ok("2")));
    live.wait("the step", |state| state.current.is_some());
    live.set("Mine", "kept");
    // A killed engine loses nothing that is older than a moment.
    std::thread::sleep(std::time::Duration::from_millis(250));
    let run = live.taken_up().finish();
    assert_eq!(run.variable("Mine").as_deref(), Some("kept"));
}
