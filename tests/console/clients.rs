//! Several clients, and clients that vanish: the run does not notice.

use crate::pty::{DISK, Place, key, until};
use crate::{FAILING, LAST, PAUSE, contains};
use nix::sys::signal::Signal;
use std::time::Instant;

#[test]
fn the_engine_outlives_a_killed_console_and_another_one_attaches() {
    let place = Place::new();
    place.sequence("outlive", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.run("outlive");
    console.wait_text("Enter go on");
    let engine = place.engine().unwrap();
    console.signal(Signal::SIGKILL);
    console.end();
    drop(console);
    assert_eq!(
        place.engine(),
        Some(engine),
        "the engine died with its console"
    );
    let mut console = place.start(&["attach"]);
    console.wait_text("Enter go on");
    console.wait_text("outlive");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    console.assert_restored();
    assert_eq!(place.engine(), Some(engine));
}

#[test]
fn a_console_without_arguments_attaches_and_q_leaves_the_run_alone() {
    let place = Place::new();
    place.sequence("detach", "", &format!("{PAUSE}{LAST}"));
    let mut first = place.run("detach");
    first.wait_text("Enter go on");
    first.keys("q");
    assert_eq!(first.end(), 5);
    first.assert_restored();
    let mut second = place.start(&[]);
    second.wait_text("Enter go on");
    // A second run is refused in one sentence, in a terminal that was never taken.
    let mut third = place.run("detach");
    third.wait_text("an engine is running already");
    assert_eq!(third.end(), 1);
    assert!(!contains(&third.raw(), "\x1b[?1049h"));
    second.keys(key::ENTER);
    second.wait_text("SUCCEEDED after");
    second.keys(key::ENTER);
    assert_eq!(second.end(), 0);
}

#[test]
fn two_consoles_of_different_sizes_see_the_same_run() {
    let place = Place::new();
    place.sequence(
        "two",
        "variables: {\"Fix\": \"no\"},",
        &format!("{PAUSE}{FAILING}{LAST}"),
    );
    let mut small = place.start_as(
        &["run", "sequences/two.ron", DISK[0], DISK[1]],
        (60, 20),
        &[],
    );
    small.wait_text("Enter go on");
    let mut large = place.start_as(&["attach"], (132, 43), &[]);
    large.wait_text("Plug the cable in.");
    large.wait_text("t take the pen");
    // The first one holds the pen: the other looks on until it takes it.
    large.keys(key::ENTER);
    large.wait_text("holds the pen: press t to take it");
    large.keys("t");
    large.wait_text("you hold the pen");
    small.wait_text("you look on");
    large.keys(key::ENTER);
    for console in [&small, &large] {
        console.wait_text("FAILED: Look for the fix (attempt 1)");
    }
    small.keys("r");
    small.wait_text("holds the pen");
    small.keys("t");
    small.wait_text("you hold the pen");
    small.decide("r", "Retry \"");
    for console in [&small, &large] {
        console.wait_text("FAILED: Look for the fix (attempt 2)");
    }
    large.keys("t");
    large.wait_text("you hold the pen");
    large.decide("s", "Skip \"");
    for console in [&mut small, &mut large] {
        console.wait_text("SUCCEEDED after");
        console.keys(key::ENTER);
        assert_eq!(console.end(), 0);
        console.assert_restored();
    }
}

#[test]
fn ctl_answers_beside_the_console() {
    let place = Place::new();
    place.sequence(
        "ctl",
        "variables: {\"Fix\": \"no\"},",
        &format!("{PAUSE}{FAILING}{LAST}"),
    );
    let mut console = place.run("ctl");
    console.wait_text("Enter go on");
    let status = place.ctl(&["status"]);
    assert_eq!(status.status.code(), Some(0));
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert!(
        status.to_string().contains("Plug the cable in."),
        "{status}"
    );
    assert_eq!(
        place.ctl(&["retry"]).status.code(),
        Some(1),
        "nothing has failed yet"
    );
    assert_eq!(place.ctl(&["answer", "yes"]).status.code(), Some(0));
    console.wait_text("FAILED: Look for the fix");
    assert_eq!(place.ctl(&["set", "Fix=yes"]).status.code(), Some(0));
    assert_eq!(place.ctl(&["retry"]).status.code(), Some(0));
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
}

#[test]
fn a_closed_terminal_ends_the_console_and_not_the_run() {
    let place = Place::new();
    place.sequence("closed", "", &format!("{PAUSE}{LAST}"));
    let window = place.start_in_window(&["run", "sequences/closed.ron", DISK[0], DISK[1]]);
    window.wait_text("Enter go on");
    let engine = place.engine().unwrap();
    window.signal(Signal::SIGKILL);
    until("the console to end", || {
        place
            .processes()
            .iter()
            .all(|(_, line)| !line.contains(" run "))
    });
    assert_eq!(place.engine(), Some(engine));
    let mut console = place.start(&["attach"]);
    console.wait_text("Enter go on");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
}

#[test]
fn a_flood_of_output_is_drawn_in_few_bytes_and_a_sleeping_console_catches_up() {
    let place = Place::new();
    place.write(
        "flood.sh",
        "i=0; while [ $i -lt 10000 ]; do i=$((i + 1)); echo \"line $i of the flood, which is as long as lines are\"; done\n",
    );
    let flood = "Step(name: \"Flood\", action: RunCommandLine(command: \"/bin/sh flood.sh\")),";
    place.sequence("flood", "", &format!("{PAUSE}{flood}{PAUSE}{flood}{LAST}"));
    let mut console = place.run("flood");
    console.wait_text("Enter go on");
    let before = console.raw().len();
    let started = Instant::now();
    console.keys(key::ENTER);
    console.wait("the second pause", |screen| {
        let text = screen.contents();
        text.contains("Enter go on") && text.contains("step 3 of 5")
    });
    let drawn = console.raw().len() - before;
    // About 30 frames a second, each at most a log panel's worth.
    let most = 16 * 1024 + 100_000 * usize::try_from(started.elapsed().as_secs() + 1).unwrap();
    assert!(
        drawn <= most,
        "{drawn} bytes were drawn in {:?}",
        started.elapsed()
    );
    console.keys(key::ENTER);
    console.wait_gone("Enter go on");
    console.signal(Signal::SIGSTOP);
    until("the run to end without its console", || {
        let status = place.ctl(&["status"]);
        let state: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        !state["Snapshot"]["end"].is_null()
    });
    console.signal(Signal::SIGCONT);
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    console.assert_restored();
}

#[test]
fn a_console_that_only_watches_is_refused_everything() {
    let place = Place::new();
    place.sequence(
        "watch",
        "variables: {\"Fix\": \"no\"},",
        &format!("{PAUSE}{FAILING}{LAST}"),
    );
    let mut first = place.run("watch");
    first.wait_text("Enter go on");
    let mut watching = place.start_as(&["attach", "--watch"], (100, 30), &[]);
    watching.wait_text("only watching  WAITING FOR YOU");
    watching.wait_text("Plug the cable in.");
    assert!(!watching.text().contains("Enter go on"));
    for keys in ["\r", "x", "t"] {
        watching.keys(keys);
        watching.wait_text("this console only looks on (--watch)");
        watching.keys("w");
        watching.wait_text("Who is here");
        watching.keys(key::ESC);
        watching.wait_gone("Who is here");
    }
    first.wait_text("2 here, you hold the pen");
    first.keys("w");
    first.wait_text("100x30, since");
    first.wait_text("looks on");
    first.keys(key::ESC);
    first.wait_text("Enter go on");
    first.keys(key::ENTER);
    // It sees what the other one does, and can look closer by itself.
    watching.wait_text("FAILED: Look for the fix (attempt 1)");
    for keys in ["r", "s", "v", "o"] {
        watching.keys(keys);
        watching.wait_text("this console only looks on (--watch)");
        watching.keys(key::DOWN);
        watching.wait_gone("this console only looks on");
    }
    watching.keys(key::ESC);
    watching.wait_text("1 Steps");
    watching.keys("3/exit code\r");
    watching.wait_text(">3 Log /exit code");
    watching.keys("q");
    assert_eq!(watching.end(), 5);
    watching.assert_restored();
    first.wait_gone("2 here");
    assert_eq!(place.status()["question"]["kind"]["Failed"]["attempt"], 1);
    first.decide("s", "Skip \"");
    first.wait_text("SUCCEEDED after");
}

#[test]
fn a_pen_that_is_left_lies_free() {
    let place = Place::new();
    place.sequence("pen", "", &format!("{PAUSE}{LAST}"));
    let mut first = place.run("pen");
    first.wait_text("Enter go on");
    let mut second = place.start(&["attach"]);
    second.wait_text("2 here, you look on");
    second.wait_text("t take the pen");
    first.keys("q");
    assert_eq!(first.end(), 5);
    second.wait_gone("t take the pen");
    second.wait_text("Enter go on");
    second.keys(key::ENTER);
    second.wait_text("SUCCEEDED after");
}
