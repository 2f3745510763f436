//! The disk that state and log lie on is full: the run says so and goes on, and what was interrupted can be taken up once there is
//! room.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::system::Small;
use crate::common::system::shoot;
use crate::lab::{skip, text};
use crate::machine::engine_of;
use crate::plain::{Plain, said, wimforge};

/// Takes all the room there is.
fn fill(small: &Small) {
    let mut file = std::fs::File::create(small.join("filler")).unwrap();
    while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
}

fn empty(small: &Small) {
    std::fs::remove_file(small.join("filler")).unwrap();
}

fn until(what: &str, wanted: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !wanted() {
        assert!(Instant::now() < limit, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const STEPS: &str = r#"
    Step(name: "Before", action: SetVariable(variable: "A", value: "before")),
    Step(name: "Wait", action: RunCommandLine(shell: true, command: "touch %FOLDER%/one; until test -e %FOLDER%/go-one; do sleep 0.05; done")),
    Step(name: "Talk", action: RunCommandLine(shell: true, command: "seq 1 3000")),
    Step(name: "Stay", action: RunCommandLine(shell: true, command: "touch %FOLDER%/two; until test -e %FOLDER%/go-two; do sleep 0.05; done")),
    Step(name: "After", action: SetVariable(variable: "B", value: "%A% and after")),
"#;

fn start(plain: &Plain, state: &Path) -> std::process::Child {
    plain.run(&["--state", text(state)]).spawn().unwrap()
}

fn touch(path: &Path) {
    std::fs::write(path, "").unwrap();
}

/// The journal of the only run.
fn journal(state: &Path) -> PathBuf {
    let mut runs = std::fs::read_dir(state.join("runs")).unwrap();
    runs.next().unwrap().unwrap().path().join("journal.jsonl")
}

/// A run at its second waiting step, on whose state folder there has been no room since the first.
fn full_in_the_middle() -> (Plain, Small, std::process::Child) {
    let plain = Plain::new(STEPS);
    let small = Small::new(plain.path("state"), "size=2000k");
    let client = start(&plain, &small);
    until("the first step", || plain.path("one").exists());
    fill(&small);
    touch(&plain.path("go-one"));
    until("the second step", || plain.path("two").exists());
    (plain, small, client)
}

#[test]
fn a_full_state_folder_is_told_and_the_run_goes_on() {
    if skip() {
        return;
    }
    let (plain, small, client) = full_in_the_middle();
    // Room again: everything that could not be written meanwhile is written now.
    empty(&small);
    touch(&plain.path("go-two"));
    let output = client.wait_with_output().unwrap();
    let words = said(&output);
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(words.contains("the journal cannot be written"), "{words}");
    assert!(words.contains("No space left on device"), "{words}");
    let events = crate::machine::recorded(&journal(&small));
    let last = events.last().unwrap();
    assert!(format!("{last:?}").contains("RunFinished"), "{last:?}");
    assert!(
        events
            .iter()
            .any(|event| format!("{event:?}").contains("\"3000\""))
    );
}

#[test]
fn an_engine_killed_while_the_state_folder_was_full_is_taken_up_where_there_was_room() {
    if skip() {
        return;
    }
    let (plain, small, client) = full_in_the_middle();
    assert!(shoot(engine_of(&plain.path("runtime")).unwrap()));
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    // Nothing of what was written is lost.
    let before = std::fs::read(journal(&small)).unwrap();
    touch(&plain.path("go-two"));
    empty(&small);
    small.remount("size=4000k");
    let arguments = ["resume", "--plain", "--state", text(&small)];
    let resume = wimforge(&plain.path("runtime"), &arguments).output();
    let output = resume.unwrap();
    let words = said(&output);
    assert_eq!(output.status.code(), Some(0), "{words}");
    let after = std::fs::read(journal(&small)).unwrap();
    let whole = before.iter().rposition(|&byte| byte == b'\n').unwrap();
    assert!(
        after.starts_with(&before[..=whole]),
        "the journal lost something"
    );
    let events = crate::machine::recorded(&journal(&small));
    let value = |event: &wimforge::event::Event| format!("{event:?}").contains("before and after");
    assert!(events.iter().any(value), "{words}");
}

#[test]
fn a_state_folder_that_is_full_from_the_start_refuses_the_run_in_clear_words() {
    if skip() {
        return;
    }
    let plain = Plain::new(STEPS);
    let small = Small::new(plain.path("state"), "size=64k");
    fill(&small);
    let output = start(&plain, &small).wait_with_output().unwrap();
    let words = said(&output);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("No space left on device"), "{words}");
    assert!(words.contains(text(&small)), "{words}");
    empty(&small);
    small.remount("size=2000k");
    touch(&plain.path("go-one"));
    touch(&plain.path("go-two"));
    let output = start(&plain, &small).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}
