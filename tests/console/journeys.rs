//! What a technician does, from the picker to the summary.

use crate::pty::{DISK, Place, key};
use crate::{FAILING, LAST, PAUSE, SECRET, contains};
use nix::sys::signal::Signal;

#[test]
fn from_the_picker_through_a_failure_to_the_summary() {
    let place = Place::new();
    place.write(
        "sequences/broken.ron",
        "Sequence(schema: 1, name: \"Broken\", stepz: [])",
    );
    place.sequence(
        "Good one",
        "description: \"Mends itself.\", variables: {\"Fix\": \"no\"}, inputs: [\
         Input(variable: \"Server\", label: \"Server name\", default: \"srv-01\"),\
         Input(variable: \"Password\", label: \"Password\", secret: true)],",
        &format!(
            "Step(name: \"Name the server\", action: SetVariable(variable: \"Seen\", value: \"<%Server%>\")),\
             Step(name: \"Copy the secret\", action: SetVariable(variable: \"Copy\", value: \"x%Password%\")),{FAILING}{LAST}"
        ),
    );
    let mut console = place.picker();
    console.wait_text("Task sequences (2 of 2)");
    console.keys("brok");
    console.wait_text("Task sequences (1 of 2)");
    console.wait_text("broken: ");
    console.keys(key::ENTER);
    console.wait_text("This sequence has mistakes");
    console.wait_text("stepz");
    console.keys(key::ESC);
    console.wait_text("Filter: brok");
    console.keys(key::ESC);
    console.wait_text("Task sequences (2 of 2)");
    console.keys("good");
    console.wait_text("Mends itself.");
    console.keys(key::ENTER);
    console.wait_text("srv-01");
    console.keys(key::TAB);
    console.wait_text("a value is needed");
    console.keys(SECRET);
    console.wait_text(&"•".repeat(SECRET.len()));
    assert!(
        !contains(&console.raw(), SECRET),
        "the secret was drawn while it was masked"
    );
    console.keys(key::F2);
    console.wait_text(SECRET);
    console.keys(key::F2);
    console.wait_gone(SECRET);
    let shown = console.raw().len();
    console.keys(key::ENTER);
    console.wait_text("FAILED: Look for the fix (attempt 1)");
    console.wait_text("code 1");
    console.keys("v");
    console.wait_text("Change a variable");
    console.keys("Fix\r");
    console.wait("the second field", |screen| {
        screen.contents().contains("> Value")
    });
    console.keys("yes\r");
    console.wait_gone("Change a variable");
    console.wait_text("FAILED: Look for the fix (attempt 1)");
    console.decide("r", "Retry \"");
    console.wait_text("SUCCEEDED after");
    console.wait_text("report: ");
    assert!(
        !contains(&console.raw()[shown..], SECRET),
        "the secret was drawn after it was masked again"
    );
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    console.assert_restored();
}

#[test]
fn an_aborted_run_ends_with_code_1_and_gives_the_terminal_back() {
    let place = Place::new();
    place.sequence(
        "abort",
        "variables: {\"Fix\": \"no\"},",
        &format!("{FAILING}{LAST}"),
    );
    let mut console = place.run("abort");
    console.wait_text("FAILED: Look for the fix");
    console.abort();
    console.wait_text("FAILED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 1);
    console.assert_restored();
}

#[test]
fn inputs_given_on_the_command_line_are_not_asked_for() {
    let place = Place::new();
    place.sequence(
        "inputs",
        "inputs: [Input(variable: \"One\", label: \"First label\"), Input(variable: \"Two\", label: \"Second label\", check: Number(1, 9))],",
        "Step(name: \"Both %One% %Two%\", action: SetVariable(variable: \"Sum\", value: \"%One%+%Two%\")),",
    );
    let mut console = place.start(&[
        "run",
        "sequences/inputs.ron",
        "--set",
        "one=1",
        DISK[0],
        DISK[1],
    ]);
    console.wait_text("Second label");
    assert!(!console.text().contains("First label"));
    console.keys("77\r");
    console.wait_text("> Second label: 77_");
    console.keys("\x7f\r");
    console.wait_text("SUCCEEDED after");
    console.keys("2");
    console.wait_text("Sum=1+7");
    console.keys("q");
    assert_eq!(console.end(), 0);
}

#[test]
fn mistakes_are_told_before_the_terminal_is_taken() {
    let place = Place::new();
    place.write(
        "sequences/broken.ron",
        "Sequence(schema: 1, name: \"Broken\", stepz: [])",
    );
    place.sequence("good", "", LAST);
    let cases: [(&[&str], u32, &str); 3] = [
        (&["run", "sequences/broken.ron"], 2, "stepz"),
        (
            &["run", "sequences/good.ron", "--theme", "pink"],
            2,
            "there is no theme",
        ),
        (&["attach"], 1, "no engine is running"),
    ];
    for (args, code, text) in cases {
        let mut console = place.start(args);
        assert_eq!(console.end(), code, "{args:?}:\n{}", console.text());
        assert!(
            console.text().contains(text),
            "{args:?}:\n{}",
            console.text()
        );
        assert!(
            !contains(&console.raw(), "\x1b[?1049h"),
            "{args:?} took the terminal"
        );
        assert_eq!(place.engine(), None, "{args:?} started an engine");
    }
    let piped = place.piped(&["run", "sequences/good.ron"]);
    assert_eq!(piped.status.code(), Some(1));
    assert!(piped.stdout.is_empty());
    let why = String::from_utf8_lossy(&piped.stderr);
    assert!(
        why.contains("needs a terminal") && why.contains("--plain"),
        "{why}"
    );
    assert_eq!(place.engine(), None);
}

#[test]
fn the_shell_of_the_failure_screen_comes_and_goes() {
    let place = Place::new();
    place.sequence(
        "shell",
        "variables: {\"Fix\": \"no\", \"Greeting\": \"hello-run\"}, inputs: [Input(variable: \"Password\", label: \"Password\", secret: true)],",
        &format!("Step(name: \"Copy\", action: SetVariable(variable: \"Copy\", value: \"%Password%\")),{FAILING}{LAST}"),
    );
    let mut console = place.picker();
    console.wait_text("Task sequences (1 of 1)");
    console.keys(key::ENTER);
    console.wait_text("Password");
    console.keys(SECRET);
    console.keys(key::ENTER);
    console.wait_text("FAILED: Look for the fix");
    for round in 0..2 {
        console.keys("!");
        console.wait("the shell's prompt", |screen| {
            let text = screen.contents();
            let come = text.matches("wimforge waits").count() == round + 1;
            come && !screen.alternate_screen()
                && !screen.hide_cursor()
                && text.trim_end().ends_with(['#', '$'])
        });
        console.keys(&format!(
            "echo \"in-$((40 + {round}))-$Greeting-[$Password$Copy]\"\r"
        ));
        console.wait_text(&format!("in-{}-hello-run-[]", 40 + round));
        console.keys("exit 7\r");
        console.wait("the console", vt100::Screen::alternate_screen);
        console.wait_text("FAILED: Look for the fix");
    }
    assert!(!contains(&console.raw(), SECRET));
    console.decide("s", "Skip \"");
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    console.assert_restored();
}

#[test]
fn a_dead_engine_is_told_and_the_console_can_be_left() {
    let place = Place::new();
    place.sequence("dead", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.run("dead");
    console.wait_text("Enter go on");
    nix::sys::signal::kill(place.engine().unwrap(), Signal::SIGKILL).unwrap();
    console.wait_text("NOT CONNECTED");
    console.wait_text("connection lost");
    console.keys("\x03");
    assert_eq!(console.end(), 4);
    console.assert_restored();
    assert!(
        console.text().contains("go on with `wimforge resume`"),
        "{}",
        console.text()
    );
    // The run goes on at the interrupted step.
    let mut console = place.start(&["resume"]);
    console.wait_text("Enter go on");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
}

#[test]
fn a_new_run_does_not_wait_for_the_old_engine_to_go() {
    let place = Place::new();
    place.sequence("again", "", LAST);
    for _ in 0..3 {
        let mut console = place.run("again");
        console.wait_text("SUCCEEDED after");
        console.keys(key::ENTER);
        assert_eq!(console.end(), 0);
    }
    assert_eq!(std::fs::read_dir(place.path("rt/runs")).unwrap().count(), 3);
}

#[test]
fn what_is_pasted_is_typed_where_text_goes_and_answers_nothing() {
    let place = Place::new();
    place.sequence("first", "", &format!("{PAUSE}{LAST}"));
    place.sequence("second", "", LAST);
    let mut console = place.picker();
    console.wait_text("Task sequences (2 of 2)");
    console.keys("\x1b[200~fir\x1b[0mst\r\n\x1b[201~");
    console.wait_text("Filter: fir");
    console.keys(key::ESC);
    console.wait_text("Task sequences (2 of 2)");
    console.keys("first\r");
    console.wait_text("Enter go on");
    console.keys("\x1b[200~q\ryes\r\x1b[201~");
    console.keys("?");
    console.wait_text("Help: any key");
    // No Esc: with the Enter right behind it, it would be one key, Alt-Enter.
    console.keys("z");
    console.wait_text("Enter go on");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
}
