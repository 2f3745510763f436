//! How the console is left, and what a bare `wimforge` offers first.

use nix::sys::signal::{Signal, kill};

use crate::pty::{DISK, Place, key, until};
use crate::{LAST, PAUSE};

/// Leaves an interrupted run behind.
fn interrupted(place: &Place, name: &str) {
    let console = place.run(name);
    console.wait_text("Enter go on");
    kill(place.engine().unwrap(), Signal::SIGKILL).unwrap();
    console.wait_text("NOT CONNECTED");
    until("the engine to be gone", || place.engine().is_none());
}

#[test]
fn leaving_before_the_end_has_a_code_and_a_line_of_its_own() {
    let place = Place::new();
    place.sequence("leave", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.run("leave");
    for way in [None, Some(Signal::SIGTERM), Some(Signal::SIGHUP)] {
        console.wait_text("Enter go on");
        match way {
            None => console.keys("q"),
            Some(signal) => console.signal(signal),
        }
        assert_eq!(console.end(), 5, "{way:?}");
        let said = console.text();
        assert!(
            said.contains("detached; the run goes on; wimforge attach"),
            "{way:?}: {said}"
        );
        console = place.start(&["attach"]);
    }
    console.wait_text("Enter go on");
    let help = place.piped(&["--help"]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.contains("5  left before the end"), "{help}");
}

#[test]
fn without_a_run_leaving_is_no_success_either() {
    let place = Place::new();
    place.sequence("never", "", LAST);
    let mut console = place.picker();
    console.wait_text("Task sequences (1 of 1)");
    console.keys(key::ESC);
    assert_eq!(console.end(), 5);
    assert!(
        console.text().contains("no run was started"),
        "{}",
        console.text()
    );
}

#[test]
fn an_interrupted_run_is_offered_first_and_resumed() {
    let place = Place::new();
    place.sequence("halted", "", &format!("{LAST}{PAUSE}"));
    interrupted(&place, "halted");
    let mut console = place.picker();
    console.wait_text("A run was interrupted");
    console.wait_text("halted");
    console.wait_text("stopped in step 2 of 2: \"Wait here\"");
    assert_eq!(
        place.engine(),
        None,
        "an engine was started before the choice"
    );
    console.keys("l");
    console.wait_text("Its log");
    console.wait_text("Setting the variable Done");
    console.keys(key::ESC);
    console.wait_text("A run was interrupted");
    // Left, it is as it was.
    console.keys("q");
    assert_eq!(console.end(), 5);
    let mut console = place.picker();
    console.wait_text("A run was interrupted");
    console.keys(key::ENTER);
    console.wait_text("Enter go on");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
}

#[test]
fn an_interrupted_run_is_archived_and_is_gone_from_the_way() {
    let place = Place::new();
    place.sequence("old", "", &format!("{PAUSE}{LAST}"));
    interrupted(&place, "old");
    let mut console = place.start_as(&DISK, (40, 12), &[]);
    console.wait_text("A run was interrupted");
    console.keys(key::DOWN);
    console.keys(key::DOWN);
    console.wait_text(">a  archive it");
    console.keys(key::ENTER);
    console.wait_text("y archive");
    console.confirm();
    console.wait_text("Task sequences (1 of 1)");
    let kept = std::fs::read_dir(place.path("rt/archive")).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().path()).collect();
    assert!(
        kept.len() == 1 && kept[0].join("journal.jsonl").exists(),
        "{kept:?}"
    );
    assert_eq!(std::fs::read_dir(place.path("rt/runs")).unwrap().count(), 0);
    console.keys(key::ESC);
    assert_eq!(console.end(), 5);
}

#[test]
fn a_destructive_question_wants_its_number_and_its_word() {
    let place = Place::new();
    place.sequence(
        "override",
        "",
        "Step(name: \"Copy\", action: ApplyOperatingSystem(image: \"missing.wim\")),",
    );
    let mut console = place.run("override");
    console.wait_text("STOP");
    let asked = place.status()["question"]["id"].as_u64().unwrap();
    let number = asked.to_string();
    let refused = |args: &[&str]| {
        let said = place.ctl(args);
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(said.status.code(), Some(1), "{args:?}: {text}");
        assert!(
            text.contains(&format!("question {number} is open"))
                && text.contains(&format!("ctl answer {number} override")),
            "{args:?}: {text}"
        );
    };
    let stale = (asked + 1).to_string();
    refused(&["answer", "override"]);
    refused(&["answer", "yes"]);
    refused(&["answer", &number, "yes"]);
    refused(&["answer", &stale, "override"]);
    refused(&["override-preflight", "override"]);
    refused(&["override-preflight", &stale, "override"]);
    let done = place.ctl(&["answer", &number, "override"]);
    assert_eq!(done.status.code(), Some(0));
    console.wait_text("FAILED: Copy");
    console.abort();
    console.wait_text("FAILED after");
}
