//! The real program in a pseudo-terminal, from the picker to the summary.

mod pty;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use pty::{Console, Place, key};

const SECRET: &str = "Tr0ub4dor-and-3";

/// A step that fails until the variable `Fix` is `yes`.
const FAILING: &str =
    "Step(name: \"Look for the fix\", action: RunCommandLine(command: \"test %Fix% = yes\")),";
/// A step that waits for a technician.
const PAUSE: &str = "Step(name: \"Wait here\", action: Pause(message: \"Plug the cable in.\")),";
const LAST: &str =
    "Step(name: \"Last one\", action: SetVariable(variable: \"Done\", value: \"all of it\")),";

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
    console.keys("r");
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

/// Whether a text is among the bytes.
fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn every_size_is_drawn_and_none_crashes() {
    let place = Place::new();
    place.sequence(
        "sizes",
        "variables: {\"Fix\": \"no\"},",
        &format!("{PAUSE}{FAILING}{LAST}"),
    );
    let mut console = place.run("sizes");
    console.wait_text("Enter go on");
    let sizes = [
        (80, 24),
        (60, 20),
        (40, 12),
        (1, 1),
        (19, 5),
        (20, 6),
        (200, 60),
        (80, 24),
    ];
    let through = |console: &Console, text: &str| {
        for (columns, rows) in sizes {
            console.resize(columns, rows);
            console.wait(&format!("a screen of {columns}x{rows}"), |screen| {
                let last = screen
                    .rows(0, columns)
                    .nth(usize::from(rows) - 1)
                    .unwrap_or_default();
                match (columns, rows) {
                    (1, 1) => screen.contents() == "…",
                    (19, 5) => screen.contents().starts_with("wimforge: enlarge"),
                    (20, 6) => !last.trim().is_empty(),
                    _ => screen.contents().contains(text) && !last.trim().is_empty(),
                }
            });
        }
    };
    through(&console, "Plug the cable in.");
    console.keys(key::ENTER);
    console.wait_text("FAILED: Look for the fix");
    through(&console, "FAILED: Look for the fix");
    // The panels, too, and the help over them.
    console.keys(key::ESC);
    console.wait_text("1 Steps");
    through(&console, "1 Steps");
    console.keys("?");
    console.wait_text("Help: any key");
    through(&console, "Help: any key");
    console.keys(key::ENTER);
    console.wait_gone("Help: any key");
    console.keys(key::ESC);
    console.wait_text("FAILED: Look for the fix");
    console.abort();
    console.wait_text("FAILED after");
    through(&console, "FAILED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 1);
    console.assert_restored();
}

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
    assert_eq!(first.end(), 0);
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
        &["run", "sequences/two.ron", "--disk", "0=disk.img"],
        (60, 20),
        &[],
    );
    small.wait_text("Enter go on");
    let mut large = place.start_as(&["attach"], (132, 43), &[]);
    large.wait_text("Enter go on");
    large.keys(key::ENTER);
    for console in [&small, &large] {
        console.wait_text("FAILED: Look for the fix (attempt 1)");
    }
    small.keys("r");
    for console in [&small, &large] {
        console.wait_text("FAILED: Look for the fix (attempt 2)");
    }
    large.keys("s");
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
fn signals_give_the_terminal_back() {
    let place = Place::new();
    place.sequence("signals", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.run("signals");
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        console.wait_text("Enter go on");
        console.signal(signal);
        assert_eq!(console.end(), 0, "after {signal}");
        console.assert_restored();
        console = place.start(&["attach"]);
    }
    console.wait_text("Enter go on");
    console.keys("\x03");
    console.wait_text("Cancel the run?");
    console.keys("y");
    console.wait_text("CANCELLED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 3);
    console.assert_restored();
}

/// The numbers of every SGR sequence.
fn sgr(bytes: &[u8]) -> Vec<u32> {
    let text = String::from_utf8_lossy(bytes);
    text.split("\x1b[")
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            rest[end..].starts_with('m').then(|| rest[..end].to_owned())
        })
        .flat_map(|numbers| {
            numbers
                .split(';')
                .filter_map(|n| n.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn is_colour(number: u32) -> bool {
    matches!(number, 30..=38 | 40..=48 | 90..=97 | 100..=107)
}

#[test]
fn terminals_without_colours_or_unicode_get_none() {
    let place = Place::new();
    place.sequence(
        "plain",
        "variables: {\"Fix\": \"no\"},",
        &format!("{FAILING}{LAST}"),
    );
    type Environment<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Environment<'_>, bool, bool); 5] = [
        (&[], true, true),
        (&[("NO_COLOR", "1")], false, true),
        (&[("TERM", "vt220")], false, true),
        (&[("TERM", "vt220"), ("LC_ALL", "C")], false, false),
        (&[("TERM", "linux"), ("LC_ALL", "")], true, false),
    ];
    for (env, colour, unicode) in cases {
        let args = ["run", "sequences/plain.ron", "--disk", "0=disk.img"];
        let mut console = place.start_as(&args, (80, 24), env);
        console.wait_text("FAILED: Look for the fix");
        console.keys(key::ESC);
        console.wait_text("1 Steps");
        console.keys(key::ESC);
        console.wait_text("FAILED: Look for the fix");
        console.abort();
        console.wait_text("FAILED after");
        console.keys(key::ENTER);
        assert_eq!(console.end(), 1);
        console.assert_restored();
        let raw = console.raw();
        assert_eq!(
            sgr(&raw).into_iter().any(is_colour),
            colour,
            "colours with {env:?}"
        );
        assert_eq!(!raw.is_ascii(), unicode, "more than ASCII with {env:?}");
        // Old terminals print what they do not know.
        let synchronized = contains(&raw, "\x1b[?2026h");
        assert!(
            colour || !synchronized || env[0].0 == "NO_COLOR",
            "synchronized updates with {env:?}"
        );
        let _ = place.ctl(&["shutdown"]);
    }
}

#[test]
fn the_first_screen_takes_few_bytes_and_waiting_takes_next_to_none() {
    let place = Place::new();
    place.sequence("bytes", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.picker();
    console.wait_text("Task sequences (1 of 1)");
    let picker = console.raw().len();
    assert!(picker <= 6 * 1024, "the picker took {picker} bytes");
    console.keys(key::ENTER);
    console.wait_text("The sequence waits for you");
    console.wait_text("Enter go on");
    let run = console.raw().len() - picker;
    assert!(run <= 6 * 1024, "the run screen took {run} bytes");
    // What is measured here is what comes while nothing happens: time has to pass.
    let before = console.raw().len();
    std::thread::sleep(Duration::from_secs(3));
    let idle = console.raw().split_off(before);
    assert!(
        idle.len() <= 60,
        "{} bytes in 3 s of waiting: {}",
        idle.len(),
        String::from_utf8_lossy(&idle).escape_debug()
    );
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
    console.wait_text("Enter leave");
    let before = console.raw().len();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(
        console.raw().len(),
        before,
        "the summary is drawn again and again"
    );
}

#[test]
fn hostile_output_never_reaches_the_terminal() {
    let place = Place::new();
    place.write(
        "evil.sh",
        "printf '\\033]0;PWNED-title\\007\\033]52;c;UFdORUQ=\\007\\033[2J\\033[1;1HPWNED-home\\n'\n\
         printf '\\033[?1049l\\033[?25h\\033c\\033P+q544e\\033\\\\ \\302\\2331;31mC1 \\377\\376 bad\\n'\n\
         printf 'over\\rwritten\\b\\b\\b \\a \\342\\200\\256right to left\\n'\n\
         head -c 1048576 /dev/zero | tr '\\000' A\n\
         printf '\\nthe end of it\\n'\n\
         exit 9\n",
    );
    place.sequence(
        "evil",
        "description: \"de\\u{1b}[31mscription\",",
        "Step(name: \"na\\u{1b}]0;PWNED-name\\u{7}me\", action: RunCommandLine(command: \"/bin/sh evil.sh\")),",
    );
    let mut console = place.picker();
    console.wait_text("Task sequences (1 of 1)");
    console.keys(key::ENTER);
    console.wait_text("FAILED: name");
    console.wait_text("code 9");
    console.wait_text("the end of it");
    // The panels with the log, too.
    console.keys(key::ESC);
    console.wait_text("3 Log");
    console.keys("3");
    console.wait_text(">3 Log");
    console.keys("\x1b[5~");
    console.wait_text("lines back");
    console.keys(key::ESC);
    console.wait_text("the end of it");
    let raw = console.raw();
    for bad in [
        "\x1b]",
        "\x1bP",
        "\x1bc",
        "\x07",
        "\x08",
        "\x1b[?1049l",
        "\x1b[?25h",
        "PWNED-title",
        "PWNED-name",
        "\u{9b}",
        "\u{202e}",
    ] {
        assert!(!contains(&raw, bad), "{bad:?} reached the terminal");
    }
    assert!(
        std::str::from_utf8(&raw).is_ok(),
        "broken UTF-8 reached the terminal"
    );
    assert!(raw.len() < 64 * 1024, "{} bytes were drawn", raw.len());
    console.wait_text("FAILED: name");
    console.abort();
    console.wait_text("FAILED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 1);
    console.assert_restored();
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
    console.keys("s");
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    console.assert_restored();
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
fn a_line_without_a_size_is_asked_for_it() {
    let place = Place::new();
    place.sequence("serial", "", &format!("{PAUSE}{LAST}"));
    let args = ["run", "sequences/serial.ron", "--disk", "0=disk.img"];
    // The terminal knows better than the kernel.
    let mut console = place.start_unsized(&args, (132, 43), true);
    console.wait_text("The sequence waits for you");
    console.wait("the whole width", |screen| {
        screen
            .rows(0, 132)
            .next()
            .is_some_and(|row| row.trim_end().chars().count() > 120)
    });
    console.wait("the last row", |screen| {
        screen
            .rows(0, 132)
            .nth(42)
            .is_some_and(|row| row.contains("detach"))
    });
    console.keys("q");
    assert_eq!(console.end(), 0);
    // A line that says nothing is taken for 80x24.
    let mut console = place.start_unsized(&["attach"], (132, 43), false);
    console.wait_text("The sequence waits for you");
    console.wait("24 rows", |screen| {
        screen
            .rows(0, 132)
            .nth(23)
            .is_some_and(|row| row.contains("detach"))
    });
    console.wait("80 columns", |screen| {
        screen
            .rows(0, 132)
            .next()
            .is_some_and(|row| row.trim_end().chars().count() <= 80)
    });
    console.keys("q");
    assert_eq!(console.end(), 0);
}

#[test]
fn a_spoilt_screen_is_mended_with_ctrl_l() {
    let place = Place::new();
    place.sequence("mend", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.run("mend");
    console.wait_text("Enter go on");
    let whole = console.text();
    console.spoil("\x1b[2J\x1b[5;1Hbroadcast message from root");
    assert_ne!(console.text(), whole);
    console.keys("\x0c");
    console.wait_gone("broadcast message");
    console.wait_text("Enter go on");
    console.wait_text("detach");
    console.keys("q");
    assert_eq!(console.end(), 0);
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
    console.keys(key::ESC);
    console.wait_text("Enter go on");
    console.keys(key::ENTER);
    console.wait_text("SUCCEEDED after");
}

#[test]
fn a_closed_terminal_ends_the_console_and_not_the_run() {
    let place = Place::new();
    place.sequence("closed", "", &format!("{PAUSE}{LAST}"));
    let window = place.start_in_window("run sequences/closed.ron --disk 0=disk.img");
    window.wait_text("Enter go on");
    let engine = place.engine().unwrap();
    window.signal(Signal::SIGKILL);
    pty::until("the console to end", || {
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
        "--disk",
        "0=disk.img",
    ]);
    console.wait_text("Second label");
    assert!(!console.text().contains("First label"));
    console.keys("77\r");
    console.wait_text("> Second label: 77_");
    console.keys("\x7f\r");
    console.wait_text("SUCCEEDED after");
    console.keys("2");
    console.wait_text("Sum=1+7");
    console.keys(key::ENTER);
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
    pty::until("the run to end without its console", || {
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
