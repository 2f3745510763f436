//! What comes on the line of the real console: noise, pastes, halves of keys.

use std::time::{Duration, Instant};

use crate::pty::{Place, key, until};
use crate::{FAILING, LAST, PAUSE};

/// A byte that looks random (xorshift64*).
fn random(state: &mut u64) -> u8 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8
}

#[test]
fn a_megabyte_of_noise_at_a_failure_decides_nothing_and_a_person_is_heard_again() {
    let place = Place::new();
    place.sequence(
        "noise",
        "variables: {\"Fix\": \"no\"},",
        &format!("{FAILING}{LAST}"),
    );
    let mut console = place.run("noise");
    console.wait_text("FAILED: Look for the fix");
    let before = place.status();
    let mut state = 42;
    for _ in 0..64 {
        let bytes: Vec<u8> = (0..16 * 1024).map(|_| random(&mut state)).collect();
        console.bytes(&bytes);
    }
    let after = place.status();
    for part in [
        "question",
        "paused",
        "end",
        "nodes",
        "variables",
        "cancelling",
    ] {
        assert_eq!(before[part], after[part], "{part}");
    }
    console.wait_text("orders wait");
    std::thread::sleep(Duration::from_millis(3_500));
    // Whatever the noise has opened, it is left with Esc, and the question comes back.
    let asked = Instant::now();
    while !console.text().contains("FAILED: Look for the fix") {
        assert!(
            asked.elapsed() < Duration::from_secs(20),
            "{}",
            console.text()
        );
        console.one_by_one([key::ESC]);
    }
    console.decide("s", "Skip \"");
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
}

#[test]
fn a_paste_of_any_length_is_read_without_a_further_key() {
    let place = Place::new();
    place.sequence("paste", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.run("paste");
    console.wait_text("Enter go on");
    for (name, before, behind, length) in [
        ("Marked", "\x1b[200~", "\x1b[201~", 3_900),
        ("Bare", "", "", 3_900),
        ("Short", "", "", 1_100),
    ] {
        console.keys(key::ESC);
        console.wait_text("1 Steps");
        console.keys("i");
        console.wait_text("Change a variable");
        console.keys(name);
        console.wait_text(name);
        console.keys("\r");
        console.wait("the second field", |screen| {
            screen.contents().contains("> Value")
        });
        let end = format!("end-of-{name}");
        let text = format!("{}{end}", "0123456789".repeat(length / 10));
        console.keys(&format!("{before}{text}{behind}"));
        console.wait_text(&end);
        std::thread::sleep(Duration::from_millis(200));
        console.keys("\r");
        console.wait_gone("Change a variable");
        until("the whole value", || {
            let status = place.status();
            status["variables"][name.to_lowercase()]["value"]["Plain"] == *text
        });
        console.keys(key::ESC);
        console.wait_text("Enter go on");
    }
}

#[test]
fn half_a_key_holds_nothing_up() {
    let place = Place::new();
    place.sequence("half", "", &format!("{PAUSE}{LAST}"));
    let mut console = place.run("half");
    console.wait_text("Enter go on");
    for half in ["\x1b[", "\x1b[1", "\x1bO"] {
        console.keys(half);
        std::thread::sleep(Duration::from_millis(60));
        // Another client changes something: it is drawn all the same.
        let name = format!("Seen{}", half.len());
        assert_eq!(
            place.ctl(&["set", &format!("{name}=1")]).status.code(),
            Some(0)
        );
        console.resize(100, 30);
        console.wait("the new size", |screen| {
            screen
                .rows(0, 100)
                .nth(29)
                .is_some_and(|row| !row.trim().is_empty())
        });
        console.resize(80, 24);
    }
    console.bytes(b"\x1b[");
    console.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(console.end(), 5);
}
