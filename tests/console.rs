//! The real program in a pseudo-terminal, from the picker to the summary.

mod pty;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use pty::{Place, key};

const SECRET: &str = "Tr0ub4dor-and-3";

/// A step that fails until the variable `Fix` is `yes`.
const FAILING: &str = "Step(name: \"Look for the fix\", action: RunCommandLine(command: \"test %Fix% = yes\")),";
/// A step that waits for a technician.
const PAUSE: &str = "Step(name: \"Wait here\", action: Pause(message: \"Plug the cable in.\")),";
const LAST: &str = "Step(name: \"Last one\", action: SetVariable(variable: \"Done\", value: \"all of it\")),";

#[test]
fn from_the_picker_through_a_failure_to_the_summary() {
    let place = Place::new();
    place.write("sequences/broken.ron", "Sequence(schema: 1, name: \"Broken\", stepz: [])");
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
    assert!(!contains(&console.raw(), SECRET), "the secret was drawn while it was masked");
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
    console.wait("the second field", |screen| screen.contents().contains("> Value"));
    console.keys("yes\r");
    console.wait_gone("Change a variable");
    console.wait_text("FAILED: Look for the fix (attempt 1)");
    console.keys("r");
    console.wait_text("SUCCEEDED after");
    console.wait_text("report: ");
    assert!(!contains(&console.raw()[shown..], SECRET), "the secret was drawn after it was masked again");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    console.assert_restored();
}

#[test]
fn an_aborted_run_ends_with_code_1_and_gives_the_terminal_back() {
    let place = Place::new();
    place.sequence("abort", "variables: {\"Fix\": \"no\"},", &format!("{FAILING}{LAST}"));
    let mut console = place.run("abort");
    console.wait_text("FAILED: Look for the fix");
    console.keys("a");
    console.wait_text("FAILED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 1);
    console.assert_restored();
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
