//! Recordings, rehearsals, bundles, and an engine that dies while a console looks on.

use std::time::Duration;

use crate::pty::{DISK, LIMIT, Place, deaf_engine, key, until};
use crate::system::wait;
use crate::{FAILING, LAST, PAUSE, contains};
use nix::sys::signal::{Signal, kill};

/// The folder of the only run there was.
fn run_folder(place: &Place) -> String {
    let mut runs = std::fs::read_dir(place.path("rt/runs")).unwrap();
    runs.next().unwrap().unwrap().path().display().to_string()
}

#[test]
fn a_recorded_run_is_played_stopped_and_moved_through() {
    let place = Place::new();
    let nap = |name: &str| {
        format!("Step(name: \"Nap {name}\", action: RunCommandLine(command: \"sleep 0.4\")),")
    };
    let steps = format!("{}{}{FAILING}{PAUSE}{LAST}", nap("one"), nap("two"));
    place.sequence("film", "variables: {\"Fix\": \"no\"},", &steps);
    let mut console = place.run("film");
    console.wait_text("FAILED: Look for the fix");
    console.decide("s", "Skip \"");
    console.wait_text("Enter go on");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    let _ = place.ctl(&["shutdown"]);
    until("the engine to end", || place.engine().is_none());
    let folder = run_folder(&place);
    let recorded = std::fs::read(format!("{folder}/journal.jsonl")).unwrap();

    let mut replay = place.start(&["replay", &folder, "--speed", "0.5"]);
    replay.wait_text("REPLAY x0.50");
    replay.keys(" ");
    replay.wait_text("REPLAY, stopped x0.50");
    replay.keys("++");
    replay.wait_text("REPLAY, stopped x2.00");
    replay.keys("-");
    replay.wait_text("REPLAY, stopped x1.00");
    // To a step that is chosen, forwards and back.
    replay.press(key::DOWN, 5);
    replay.wait_text("1 Set Task Sequence Variable");
    replay.keys("g");
    replay.wait_text("step 5 of 5");
    replay.wait_text("stopped");
    replay.press(key::UP, 3);
    replay.wait_text("Run Command Line: succeeded");
    replay.keys("g");
    replay.wait_text("step 2 of 5");
    // Nothing of it can be changed.
    for keys in ["x", "e", "o", "b"] {
        replay.keys(keys);
        replay.wait_text("this is a recording: it can be looked at, not changed");
        replay.keys("1");
        replay.wait_gone("this is a recording");
    }
    // A recorded question stops nothing and is not one that waits for somebody.
    replay.keys("+++++ ");
    replay.wait_text("SUCCEEDED");
    assert!(!contains(&replay.raw(), "WAITING FOR YOU"));
    assert!(!contains(&replay.raw(), "Enter go on"));
    replay.keys(key::RIGHT);
    replay.wait_text("SUCCEEDED");
    replay.keys("q");
    assert_eq!(replay.end(), 0);
    replay.assert_restored();
    let after = std::fs::read(format!("{folder}/journal.jsonl")).unwrap();
    assert!(recorded == after, "the recording was changed");
}

#[test]
fn a_rehearsal_says_so_and_touches_nothing() {
    let place = Place::new();
    let touched = place.path("touched");
    let touch = format!(
        "Step(name: \"Touch\", action: RunCommandLine(command: \"touch {}\")),",
        touched.display()
    );
    place.sequence("act", "", &format!("{touch}{PAUSE}{LAST}"));
    let args = ["run", "--rehearse", "sequences/act.ron", DISK[0], DISK[1]];
    let mut console = place.start(&args);
    console.wait_text("Enter go on");
    console.wait_text("REHEARSAL  WAITING FOR YOU");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
    console.wait_text("This was a rehearsal");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    assert!(!touched.exists());
    // The real one does.
    let mut console = place.run("act");
    console.wait_text("Enter go on");
    assert!(!console.text().contains("REHEARSAL"));
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
    assert!(touched.exists());
}

#[test]
fn a_bundle_is_written_from_the_failure_and_from_the_end() {
    let place = Place::new();
    place.sequence("evidence", "variables: {\"Fix\": \"no\"},", FAILING);
    std::fs::create_dir(place.path("usb")).unwrap();
    let mut console = place.run("evidence");
    console.wait_text("FAILED: Look for the fix");
    console.keys("b");
    console.wait_text("Write a bundle");
    let nowhere = place.path("nowhere").display().to_string();
    console.keys(&format!("{nowhere}\r"));
    // Refused: what was typed is there still.
    console.wait_text("cannot be written");
    console.wait_text("Write a bundle");
    console.wait_text("nowhere_");
    console.keys(&key::BACKSPACE.repeat("nowhere".len()));
    console.keys("usb\r");
    console.wait_text("written, ");
    console.wait_text("FAILED: Look for the fix");
    let bundles = || {
        let all = std::fs::read_dir(place.path("usb")).unwrap();
        all.filter_map(Result::ok)
            .filter(|file| file.file_name().to_string_lossy().ends_with(".tar.gz"))
            .count()
    };
    assert_eq!(bundles(), 1);
    console.abort();
    console.wait_text("FAILED after");
    console.keys("b");
    console.wait_text("Write a bundle");
    console.keys("\r");
    console.wait_text("written, ");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 1);
}

#[test]
fn an_engine_killed_and_resumed_elsewhere_is_found_again() {
    let place = Place::new();
    place.sequence("resumed", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.run("resumed");
    console.wait_text("Enter go on");
    // In the middle of looking at something.
    console.keys(key::ESC);
    console.wait_text("1 Steps");
    console.keys("3/cable");
    console.wait_text("3 Log /cable_");
    kill(place.engine().unwrap(), Signal::SIGKILL).unwrap();
    console.wait_text("NOT CONNECTED");
    console.keys(key::ENTER);
    console.wait_gone("3 Log /cable_");
    let mut resume = place.spawn(&["resume", "--plain"]);
    console.wait_text("WAITING FOR YOU");
    console.wait_gone("NOT CONNECTED");
    console.wait_text("Enter go on");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    assert_eq!(wait(&mut resume, LIMIT), Some(0));
}

#[test]
fn an_engine_that_does_not_answer_leaves_the_console_its_keys() {
    let place = Place::new();
    place.sequence("hangs", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.run("hangs");
    console.wait_text("Enter go on");
    kill(place.engine().unwrap(), Signal::SIGKILL).unwrap();
    console.wait_text("NOT CONNECTED");
    let _deaf = deaf_engine(&place);
    let started = std::time::Instant::now();
    console.keys("?");
    console.wait_text("Help: any key");
    console.keys(key::ESC);
    console.wait_gone("Help: any key");
    console.keys("q");
    assert_eq!(console.end(), 4);
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    console.assert_restored();
}
