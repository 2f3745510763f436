//! The debugger on the real program: settings, jumps, stops, where a value came from, the shell.

use crate::pty::{Console, DISK, Place, key, until};
use crate::{LAST, PAUSE, SECRET, contains};

/// Pauses before the first step.
const DEBUG: &str = "variables: {\"TSDebugMode\": \"true\"},";

/// Steps that each leave a line in the file `trace`.
fn tracing(place: &Place, names: &[&str]) -> String {
    let trace = place.path("trace");
    let steps: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                "Step(name: \"Step {name}\", action: RunCommandLine(command: \"echo {name} >> {}\", shell: true)),",
                trace.display()
            )
        })
        .collect();
    steps.concat()
}

fn trace(place: &Place) -> String {
    place.read("trace").split_whitespace().collect()
}

#[test]
fn a_failure_its_hint_a_changed_setting_and_success() {
    let place = Place::new();
    place.write(
        "fail.sh",
        "[ \"$1\" = yes ] && exit 0\nfor i in 1 2 3 4 5 6 7 8 9; do echo \"tool line $i\"; done\necho NT_STATUS_LOGON_FAILURE\nexit 7\n",
    );
    let command = "Step(name: \"Use the share\", timeout: 600, action: RunCommandLine(command: \"/bin/sh fail.sh no\")),";
    place.sequence("settings", "", &format!("{command}{LAST}"));
    let mut console = place.run("settings");
    console.wait_text("FAILED: Use the share (attempt 1)");
    console.wait_text("hint: Password or right is wrong.");
    console.wait_text("tool line 9");
    console.keys("h");
    console.wait_text("Hint 1 of");
    console.wait_text("found by: the line \"NT_STATUS_LOGON_FAILURE\"");
    console.keys(key::ESC);
    console.wait_text("FAILED: Use the share");
    console.keys("o");
    console.wait_text("Change this step for this run");
    console.wait_text("> action.command");
    console.press(key::BACKSPACE, 3);
    // A mistake is told and nothing typed is lost.
    console.keys("yes\r");
    console.wait_text("; a text stands in quotes");
    console.wait_text("fail.sh yes_");
    console.keys("\"\r");
    console.wait_gone("Change this step for this run");
    console.wait_text("FAILED: Use the share (attempt 1)");
    console.decide("r", "Retry \"");
    console.wait_text("SUCCEEDED after");
    // What was changed is known, beside what the document says.
    console.press(key::UP, 3);
    console.wait_text("changed; Run Command Line: succeeded");
    console.keys(key::ENTER);
    console.wait_text("attempt 2 at");
    console.wait_text("changed for this run by root (console on");
    console.wait_text("(document: \"/bin/sh fail.sh no\")");
    console.keys(key::ESC);
    console.wait_gone("attempt 2 at");
    console.keys("q");
    assert_eq!(console.end(), 0);
    assert!(!place.read("sequences/settings.ron").contains("fail.sh yes"));
    console.assert_restored();
}

#[test]
fn back_by_a_jump_that_says_what_is_done_twice() {
    let place = Place::new();
    let steps = tracing(&place, &["a", "b", "c"]);
    place.sequence("jump", DEBUG, &format!("{steps}{LAST}"));
    let mut console = place.run("jump");
    console.wait_text("PAUSED");
    assert_eq!(trace(&place), "");
    console.keys("n");
    console.wait_text("PAUSED  step 1 of 4");
    console.keys("n");
    console.wait_text("PAUSED  step 2 of 4");
    assert_eq!(trace(&place), "ab");
    console.press(key::UP, 3);
    console.wait_text("Run Command Line: succeeded");
    console.keys("g");
    console.wait_text("The next step will be \"Step a\".");
    console.wait_text("Done twice: \"Step a\": the command runs again.");
    console.wait_text("Done twice: \"Step b\": the command runs again.");
    // Anything but y goes back.
    console.keys("n");
    console.wait_gone("Done twice");
    console.wait_text("PAUSED  step 2 of 4");
    console.keys("g");
    console.wait_text("Done twice");
    console.confirm();
    console.wait_text("PAUSED  step 0 of 4");
    console.keys("c");
    console.wait_text("SUCCEEDED after");
    assert_eq!(trace(&place), "ababc");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
}

#[test]
fn a_run_goes_to_a_step_stops_at_breakpoints_and_all_are_cleared() {
    let place = Place::new();
    let steps = tracing(&place, &["a", "b", "c", "d", "e"]);
    place.sequence("stops", DEBUG, &steps);
    let mut console = place.run("stops");
    console.wait_text("PAUSED");
    console.press(key::DOWN, 2);
    console.keys("k");
    console.wait_text("breakpoint; Run Command Line");
    console.press(key::DOWN, 1);
    console.keys("u");
    // The breakpoint lies before it.
    console.wait_text("PAUSED  step 2 of 5");
    assert_eq!(trace(&place), "ab");
    console.keys("c");
    console.wait_text("PAUSED  step 3 of 5");
    assert_eq!(trace(&place), "abc");
    // One more at the last one, then none any more.
    console.press(key::DOWN, 1);
    console.keys("k");
    console.wait_text("breakpoint; Run Command Line");
    // A step that was passed cannot be run to: the run would go on to its end.
    console.press(key::UP, 4);
    console.keys("u");
    console.wait_text("that step has been passed: g goes back to it");
    console.keys("K");
    console.wait_gone("●");
    console.keys("c");
    console.wait_text("SUCCEEDED after");
    assert_eq!(trace(&place), "abcde");
}

#[test]
fn where_a_value_came_from_leads_to_the_log_of_that_moment() {
    let place = Place::new();
    let set = |value: &str| {
        format!(
            "Step(name: \"Say {value}\", action: SetVariable(variable: \"Seen\", value: \"{value}\")),"
        )
    };
    let noise = "Step(name: \"Noise\", action: RunCommandLine(command: \"seq 1 60\")),";
    let steps = format!("{}{noise}{}{noise}{PAUSE}{LAST}", set("one"), set("two"));
    place.sequence("explain", "", &steps);
    let mut console = place.run("explain");
    console.wait_text("Enter go on");
    console.keys(key::ESC);
    console.wait_text("1 Steps");
    console.keys("2/seen\r");
    console.wait_text("2 Variables /seen");
    console.keys(key::ENTER);
    console.wait_text("Seen: latest value first");
    console.wait_text("step \"Say two\": = two");
    console.wait_text("step \"Say one\": = one");
    console.keys(key::DOWN);
    console.keys(key::ENTER);
    console.wait_text(">3 Log not at the end, Esc follows");
    console.wait_text("Setting the variable Seen to \"one\"");
    assert!(
        !console.text().contains("Seen to \"two\""),
        "{}",
        console.text()
    );
    // Changed from there.
    console.keys("2");
    console.keys(key::ENTER);
    console.wait_text("latest value first");
    console.keys("e");
    console.wait_text("> Value (empty deletes it): two_");
    console.keys(" and a half\r");
    console.wait_text("Seen=two and a half");
    console.keys(key::ENTER);
    console.wait_text("console on /dev/");
    console.keys(key::ESC);
    console.wait_gone("latest value first");
    console.keys(key::ESC);
    console.wait_text("Enter go on");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
}

/// A run whose step waits for the file `go`, and one after it.
fn waiting(place: &Place) -> Console {
    let go = place.path("go");
    place.write("wait.sh", "while ! test -e \"$1\"; do sleep 0.05; done\n");
    let wait = format!(
        "Step(name: \"Wait for it\", action: RunCommandLine(command: \"/bin/sh wait.sh {}\")),",
        go.display()
    );
    let after = tracing(place, &["after"]);
    place.sequence(
        "shell",
        "variables: {\"Greeting\": \"hello-run\"}, inputs: [Input(variable: \"Password\", label: \"Password\", secret: true)],",
        &format!(
            "Step(name: \"Copy\", action: SetVariable(variable: \"Copy\", value: \"x%Password%\")),{wait}{after}{LAST}"
        ),
    );
    let mut console = place.run("shell");
    console.wait_text("> Password");
    console.keys(SECRET);
    console.keys(key::ENTER);
    console.wait_text("running  step 2 of 4");
    console
}

fn shell(console: &mut Console, round: usize) {
    console.keys("!");
    // On the raw bytes, for the screen may have scrolled.
    until("the shell", || {
        let raw = console.raw();
        raw.windows(14).filter(|w| *w == b"wimforge waits").count() == round
    });
    console.wait("the shell's prompt", |screen| {
        !screen.alternate_screen() && screen.contents().trim_end().ends_with(['#', '$'])
    });
}

#[test]
fn a_shell_in_a_moving_run_pauses_it_and_every_way_out_leads_back() {
    let place = Place::new();
    let mut console = waiting(&place);
    let ends = [
        "exit\r",
        "\x04",
        "kill -9 $$\r",
        // Interrupted in the middle of something, and with something stopped left behind.
        "sleep 1000\r\x03exit\r",
        "sleep 1000\r\x1akill -9 $$\r",
        "stty raw -echo; kill -9 $$\r",
    ];
    for (at, end) in ends.iter().enumerate() {
        shell(&mut console, at + 1);
        if at == 0 {
            assert_eq!(place.status()["paused"], true);
            console.keys("echo \"in-$Greeting-[$Password$Copy]\"; env | grep -c -i passw\r");
            console.wait_text("in-hello-run-[]");
            // The step that was running comes to its end; the next one waits.
            place.write("go", "");
            until("the step to end", || {
                place.status()["nodes"][1]["status"]["Ended"] == "Succeeded"
            });
        }
        // A key or a line at a time, as they are typed.
        for part in end.split_inclusive(['\r', '\x03', '\x1a']) {
            console.keys(part);
            std::thread::sleep(std::time::Duration::from_millis(150));
        }
        console.wait("the console", vt100::Screen::alternate_screen);
        console.wait_text("back from the shell; the run is paused, c goes on");
        console.wait_text("PAUSED  step 2 of 4");
        assert_eq!(trace(&place), "");
        // It obeys its keys, and draws.
        console.keys("?");
        console.wait_text("Help: any key");
        console.keys(key::ESC);
        console.wait_gone("Help: any key");
    }
    assert!(!contains(&console.raw(), SECRET));
    console.keys("c");
    console.wait_text("SUCCEEDED after");
    assert_eq!(trace(&place), "after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    console.assert_restored();
    assert!(
        console.echoes(),
        "the terminal was left as the killed shell left it"
    );
}

#[test]
fn a_shell_leaves_the_run_alone_where_the_console_only_watches() {
    let place = Place::new();
    let _first = waiting(&place);
    let mut watching = place.start(&["attach", "--watch"]);
    watching.wait_text("only watching  running");
    watching.keys("!");
    watching.wait_text("cannot be paused for a shell");
    assert_eq!(place.status()["paused"], false);
    watching.keys("q");
    assert_eq!(watching.end(), 5);
    assert!(!contains(&watching.raw(), "wimforge waits"));
}

#[test]
fn a_new_size_is_known_after_the_shell() {
    let place = Place::new();
    place.sequence("size", "", &format!("{PAUSE}{LAST}"));
    let args = ["run", "sequences/size.ron", DISK[0], DISK[1]];
    let mut console = place.start_as(&args, (80, 24), &[]);
    console.wait_text("Enter go on");
    console.keys(key::ESC);
    console.wait_text("1 Steps");
    shell(&mut console, 1);
    console.resize(100, 30);
    console.keys("exit\r");
    console.wait("the console", vt100::Screen::alternate_screen);
    console.keys("w");
    console.wait_text("100x30");
}
