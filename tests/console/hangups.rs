//! The terminal goes away in the middle of every screen: its console ends, the run does not notice, a new console shows the
//! same.

use std::time::{Duration, Instant};

use crate::pty::{Console, DISK, Place, deaf_engine, key, until};
use crate::{FAILING, LAST, PAUSE};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A console has no longer than this to end.
const SOON: Duration = Duration::from_secs(2);

/// The consoles of a place, shells below them included.
fn consoles(place: &Place) -> Vec<(Pid, String)> {
    let mut all = place.processes();
    // The window is no console, and what it is told to run it runs through a shell.
    all.retain(|(_, line)| !line.contains(" engine ") && !line.starts_with("script "));
    all
}

/// Closes the window in which a console is.
fn close(place: &Place, window: &Console, what: &str) {
    assert!(!consoles(place).is_empty(), "{what}: no console");
    let closed = Instant::now();
    window.signal(Signal::SIGKILL);
    while !consoles(place).is_empty() {
        assert!(
            closed.elapsed() < SOON,
            "{what}: still there: {:?}",
            consoles(place)
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What is typed, one key after the other, and what is there then.
type Way<'a> = (&'a [&'a str], &'a str);

/// Opens a window on the run for every way, goes it, closes the window, and looks for the same run from another one.
fn every_way(place: &Place, start: &[&str], first: &str, ways: &[Way]) {
    let engine = place.engine();
    let before = place.status();
    for (keys, there) in ways {
        let what = format!("{keys:?}");
        let mut window = place.start_in_window(start);
        window.wait_text(first);
        window.one_by_one(keys.iter().copied());
        window.wait_text(there);
        close(place, &window, &what);
        assert_eq!(place.engine(), engine, "{what}");
        let after = place.status();
        for part in [
            "question",
            "paused",
            "current",
            "nodes",
            "variables",
            "end",
            "overrides",
        ] {
            assert_eq!(before[part], after[part], "{what}: {part}");
        }
    }
    let mut console = place.start(start);
    console.wait_text(first);
    console.keys("q");
    console.end();
}

#[test]
fn at_a_failure() {
    let place = Place::new();
    place.write(
        "fail.sh",
        "seq 1 50; echo NT_STATUS_LOGON_FAILURE; exit 7\n",
    );
    let failing =
        "Step(name: \"Look for the fix\", action: RunCommandLine(command: \"/bin/sh fail.sh\")),";
    place.sequence(
        "hang",
        "variables: {\"Fix\": \"no\"},",
        &format!("{failing}{LAST}"),
    );
    let mut first = place.run("hang");
    first.wait_text("FAILED: Look for the fix");
    first.keys("q");
    assert_eq!(first.end(), 5);
    let ways: [Way; 17] = [
        (&[], "FAILED: Look for the fix"),
        (&["?"], "Help: any key"),
        (&["h"], "Hint 1 of"),
        (&["v", "Fix"], " : Fix_"),
        (&["o"], "Change this step for this run"),
        (&["b", "/tm"], "Write a bundle"),
        (&["x"], "Cancel the run?"),
        (&["w"], "Who is here"),
        (&["l"], ">3 Log"),
        (&[key::ESC], "1 Steps"),
        (&[key::ESC, key::DOWN, "g"], "Go on here?"),
        (&[key::ESC, key::DOWN, key::ENTER], "action.variable"),
        (&[key::ESC, "2", "/", "fi"], "2 Variables /fi_"),
        (&[key::ESC, "2", key::ENTER], "latest value first"),
        (&[key::ESC, "3", "/", "line"], "3 Log /line_"),
        (&[key::ESC, "3", key::PAGE_DOWN, "\x1b[5~"], "lines back"),
        (&["!"], "wimforge waits"),
    ];
    every_way(&place, &["attach"], "FAILED: Look for the fix", &ways);
}

#[test]
fn in_a_shell_that_does_not_care() {
    let place = Place::new();
    place.sequence("deaf", "", &format!("{PAUSE}{LAST}"));
    let mut window = place.start_in_window(&["run", "sequences/deaf.ron", DISK[0], DISK[1]]);
    window.wait_text("Enter go on");
    let engine = place.engine();
    window.keys(key::ESC);
    window.wait_text("1 Steps");
    window.keys("!");
    window.wait_text("wimforge waits");
    window.keys("trap '' HUP; touch deaf; sleep 6\r");
    until("the shell to be deaf", || place.path("deaf").exists());
    let is_console = |pid: Pid| {
        let exe = std::fs::read_link(format!("/proc/{pid}/exe"));
        exe.is_ok_and(|exe| exe.ends_with("wimforge"))
    };
    let (console, _) = consoles(&place)
        .into_iter()
        .find(|(pid, _)| is_console(*pid))
        .unwrap();
    let closed = Instant::now();
    window.signal(Signal::SIGKILL);
    while is_console(console) {
        assert!(closed.elapsed() < SOON, "the console waits for its shell");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(place.engine(), engine);
    let again = place.start(&["attach"]);
    again.wait_text("Enter go on");
}

#[test]
fn while_paused_and_while_running_and_at_the_end() {
    let place = Place::new();
    place.sequence(
        "calm",
        "variables: {\"TSDebugMode\": \"true\"},",
        &format!("{LAST}{LAST}"),
    );
    let mut first = place.run("calm");
    first.wait_text("PAUSED");
    first.keys("q");
    assert_eq!(first.end(), 5);
    let ways: [Way; 5] = [
        (&[], "PAUSED"),
        (&[key::DOWN, "g"], "Go on here?"),
        (&[key::DOWN, "o"], "Change this step for this run"),
        (&["e"], "Change a variable"),
        (&["P"], "there was no pre-flight check yet"),
    ];
    every_way(&place, &["attach"], "PAUSED", &ways);
    let mut console = place.start(&["attach"]);
    console.wait_text("PAUSED");
    console.keys("c");
    console.wait_text("SUCCEEDED after");
    console.keys("q");
    assert_eq!(console.end(), 0);
    let ways: [Way; 3] = [
        (&[], "SUCCEEDED after"),
        (&["b"], "Write a bundle"),
        (&[key::TAB, key::TAB], ">3 Log"),
    ];
    every_way(&place, &["attach"], "SUCCEEDED after", &ways);

    let place = Place::new();
    let sleep = "Step(name: \"Sleep\", action: RunCommandLine(command: \"sleep 100\")),";
    place.sequence("busy", "", &format!("{sleep}{LAST}"));
    let mut first = place.run("busy");
    first.wait_text("running  step 1 of 2");
    first.keys("q");
    assert_eq!(first.end(), 5);
    let ways: [Way; 2] = [(&[], "running"), (&["x"], "Cancel the run?")];
    every_way(&place, &["attach"], "running  step 1 of 2", &ways);
}

#[test]
fn before_a_run() {
    let place = Place::new();
    place.write(
        "sequences/broken.ron",
        "Sequence(schema: 1, name: \"Broken\", stepz: [])",
    );
    place.sequence(
        "asks",
        "inputs: [Input(variable: \"Password\", label: \"Password\", secret: true)],",
        LAST,
    );
    let ways: [Way; 4] = [
        (&[], "Task sequences (2 of 2)"),
        (&["brok", key::ENTER], "This sequence has mistakes"),
        (&["asks", key::ENTER, "geheim"], "> Password: ••••••_"),
        (&["?"], "Help: any key"),
    ];
    for (keys, there) in ways {
        let what = format!("{keys:?}");
        let mut window = place.start_in_window(&DISK);
        window.wait_text("Task sequences (2 of 2)");
        window.one_by_one(keys.iter().copied());
        window.wait_text(there);
        close(&place, &window, &what);
    }
    let mut console = place.picker();
    console.wait_text("Task sequences (2 of 2)");
    console.keys(key::ESC);
    assert_eq!(console.end(), 5);
}

/// Steps before which the check asks; nothing of them can succeed.
fn checked(place: &Place) {
    let missing = place.path("missing.wim");
    let apply = format!(
        "Step(name: \"Apply it\", action: ApplyOperatingSystem(image: \"{}\", index: Index(1), destination: Variable(\"OSDisk\"))),",
        missing.display()
    );
    place.sequence("checked", "", &format!("{apply}{LAST}"));
}

#[test]
fn at_the_pre_flight_page() {
    let place = Place::new();
    checked(&place);
    let mut first = place.run("checked");
    first.wait_text("or type override");
    first.keys(key::ESC);
    first.wait_text("1 Steps");
    first.keys("q");
    assert_eq!(first.end(), 5);
    let ways: [Way; 4] = [
        (&[], "blocking"),
        (&["overri"], "Enter: overri_"),
        (&[key::DOWN, "\x03"], "Cancel the run?"),
        (&[key::ESC, "P"], "arrows scroll"),
    ];
    let before = place.status();
    for (keys, there) in ways {
        let mut window = place.start_in_window(&["attach"]);
        window.wait_text("or type override");
        window.one_by_one(keys.iter().copied());
        window.wait_text(there);
        close(&place, &window, &format!("{keys:?}"));
        assert_eq!(place.status()["question"], before["question"]);
    }
    // The word in one go, by whoever comes after; the step then fails by itself.
    let mut console = place.start(&["attach"]);
    console.wait_text("or type override");
    console.keys("overrid\r");
    console.wait_text("type override, or mend it and press F5");
    console.keys("\x1b[15~");
    console.wait("the check to be done again", |screen| {
        let text = screen.contents();
        text.contains("Enter: _") || text.contains("Enter: overrid_")
    });
    until("another question", || {
        place.status()["question"]["id"] != before["question"]["id"]
    });
    console.wait_text("Enter: _");
    console.keys("override\r");
    console.wait_text("FAILED: Apply it");
    console.abort();
    console.wait_text("FAILED after");
    console.wait_text("findings were overridden by root (console on");
}

#[test]
fn at_the_wipe_question_and_at_secrets() {
    if !crate::system::skip_lab() {
        let place = Place::new();
        let wipe = "Step(name: \"Partition\", action: PartitionDisk(disk: 0, style: Gpt, partitions: [(name: \"All\", size: Percent(100), format: Ntfs, label: \"All\")])),";
        place.sequence("wipe", "", wipe);
        let mut first = place.run("wipe");
        first.wait_text("Enter go on");
        first.keys(key::ENTER);
        first.wait_text("Type wipe and Enter");
        first.keys(key::ESC);
        first.wait_text("1 Steps");
        first.keys("q");
        assert_eq!(first.end(), 5);
        let before = place.status();
        let mut window = place.start_in_window(&["attach"]);
        window.wait_text("Type wipe and Enter");
        window.keys("wip");
        window.wait_text("F8 for no: wip_");
        close(&place, &window, "wipe");
        assert_eq!(place.status()["question"], before["question"]);
        // What was typed before does not count.
        let mut console = place.start(&["attach"]);
        console.wait_text("F8 for no: _");
        console.keys("\x1b[19~");
        console.wait_text("FAILED: Partition");
    }
    let place = Place::new();
    place.sequence(
        "secret",
        "inputs: [Input(variable: \"Password\", label: \"Password\", secret: true)],",
        &format!("{PAUSE}{LAST}"),
    );
    let mut console = place.run("secret");
    console.wait_text("> Password");
    console.keys("geheim\r");
    console.wait_text("Enter go on");
    kill(place.engine().unwrap(), Signal::SIGKILL).unwrap();
    console.wait_text("NOT CONNECTED");
    console.keys("q");
    assert_eq!(console.end(), 4);
    let mut window = place.start_in_window(&["resume"]);
    window.wait_text("Secrets are needed");
    window.keys("halb");
    window.wait_text("••••_");
    close(&place, &window, "secrets");
    let mut console = place.start(&["attach"]);
    console.wait_text("> Password: _");
    console.keys("geheim\r");
    console.wait_text("The sequence waits for you");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
}

#[test]
fn without_an_engine() {
    let place = Place::new();
    place.sequence(
        "gone",
        "variables: {\"Fix\": \"no\"},",
        &format!("{FAILING}{PAUSE}{LAST}"),
    );
    let window = place.start_in_window(&["run", "sequences/gone.ron", DISK[0], DISK[1]]);
    window.wait_text("FAILED: Look for the fix");
    kill(place.engine().unwrap(), Signal::SIGKILL).unwrap();
    window.wait_text("NOT CONNECTED");
    // The console is in the middle of its hello.
    let deaf = deaf_engine(&place);
    close(&place, &window, "lost");
    drop(deaf);

    // A recording ends with its terminal, too.
    let runs = std::fs::read_dir(place.path("rt/runs")).unwrap();
    let folder = runs.map(|run| run.unwrap().path()).next().unwrap();
    let folder = folder.display().to_string();
    let window = place.start_in_window(&["replay", &folder, "--speed", "0.1"]);
    window.wait_text("REPLAY");
    close(&place, &window, "replay");
}
