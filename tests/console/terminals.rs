//! Terminals of every size and kind, and what may reach them.

use crate::pty::{Console, DISK, Place, key, until};
use crate::{FAILING, LAST, PAUSE, contains};
use nix::sys::signal::Signal;
use std::time::Duration;

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
fn the_smallest_terminal_is_enough_to_start_in() {
    let place = Place::new();
    place.sequence("tiny", "", &format!("{PAUSE}{LAST}"));
    let args = ["run", "sequences/tiny.ron", DISK[0], DISK[1]];
    let mut console = place.start_as(&args, (1, 1), &[]);
    console.wait_text("…");
    until("the question", || {
        let status = place.ctl(&["status"]);
        String::from_utf8_lossy(&status.stdout).contains("Plug the cable in.")
    });
    console.resize(80, 24);
    console.wait_text("Enter go on");
    console.keys("q");
    assert_eq!(console.end(), 5);
    console.assert_restored();
}

#[test]
fn a_line_without_a_size_is_asked_for_it() {
    let place = Place::new();
    place.sequence("serial", "", &format!("{PAUSE}{LAST}"));
    let args = ["run", "sequences/serial.ron", DISK[0], DISK[1]];
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
    assert_eq!(console.end(), 5);
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
    assert_eq!(console.end(), 5);
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
    assert_eq!(console.end(), 5);
}

#[test]
fn signals_give_the_terminal_back() {
    let place = Place::new();
    place.sequence("signals", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.run("signals");
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        console.wait_text("Enter go on");
        console.signal(signal);
        assert_eq!(console.end(), 5, "after {signal}");
        console.assert_restored();
        console = place.start(&["attach"]);
    }
    console.wait_text("Enter go on");
    console.keys("\x03");
    console.wait_text("Cancel the run?");
    console.confirm();
    console.wait_text("CANCELLED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 3);
    console.assert_restored();
}

/// The lengths of the frames among these bytes.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let begin = b"\x1b[?2026h";
    let mut starts: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(begin))
        .collect();
    starts.push(bytes.len());
    starts.windows(2).map(|pair| pair[1] - pair[0]).collect()
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

/// Variables, colours, more than ASCII.
type Case<'a> = (&'a [(&'a str, &'a str)], bool, bool);

#[test]
fn terminals_without_colours_or_unicode_get_none() {
    let place = Place::new();
    place.sequence(
        "plain",
        "variables: {\"Fix\": \"no\"},",
        &format!("{FAILING}{LAST}"),
    );
    let cases: [Case; 5] = [
        (&[], true, true),
        (&[("NO_COLOR", "1")], false, true),
        (&[("TERM", "vt220")], false, true),
        (&[("TERM", "vt220"), ("LC_ALL", "C")], false, false),
        (&[("TERM", "linux"), ("LC_ALL", "")], true, false),
    ];
    for (env, colour, unicode) in cases {
        let args = ["run", "sequences/plain.ron", DISK[0], DISK[1]];
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
    let raw = console.raw().split_off(picker);
    let run = frames(&raw).into_iter().max().unwrap();
    assert!(run <= 6 * 1024, "a frame of the run took {run} bytes");
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
