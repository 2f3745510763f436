//! Two engines at once on what only one may have, and state files that are cut, spoilt or from the future.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::plain::{Plain, copy, said, wimforge};

/// Takes half a minute the first time, no time when `again` is there.
const STEPS: &str = r#"
    Step(name: "First", action: SetVariable(variable: "A", value: "1")),
    Step(name: "Long", action: RunCommandLine(shell: true, command: "touch %FOLDER%/begun; test -e %FOLDER%/again || sleep 30")),
    Step(name: "Last", action: SetVariable(variable: "B", value: "2")),
"#;

#[test]
fn of_two_runs_started_at_once_one_wins_and_the_other_says_so() {
    for round in 0..5 {
        let plain = Plain::new(r#"Step(name: "Wait", action: RunCommandLine(command: "sleep 1"))"#);
        let clients: Vec<_> = (0..2).map(|_| plain.run(&[]).spawn().unwrap()).collect();
        let ends: Vec<_> = clients
            .into_iter()
            .map(|client| client.wait_with_output().unwrap())
            .collect();
        let all: Vec<String> = ends.iter().map(said).collect();
        let codes: Vec<_> = ends.iter().map(|end| end.status.code()).collect();
        let lost = codes.iter().position(|code| *code == Some(1));
        let won = codes.iter().position(|code| *code == Some(0));
        let (Some(lost), Some(_)) = (lost, won) else {
            panic!("round {round}: {codes:?}: {all:#?}");
        };
        let words = ["going already", "is running"];
        assert!(
            words.iter().any(|word| all[lost].contains(word)),
            "{}",
            all[lost]
        );
        assert!(all[lost].contains("attach"), "{}", all[lost]);
        let runs = std::fs::read_dir(plain.path("runtime/runs")).unwrap();
        assert_eq!(runs.count(), 1, "round {round}");
    }
}

/// An engine without a run, as one is whose client is about to start it.
fn idle_engine(plain: &Plain) -> Child {
    let runtime = plain.path("runtime");
    let engine = wimforge(&runtime, &["engine"]).spawn().unwrap();
    while !wimforge(&runtime, &["ctl", "status"])
        .status()
        .unwrap()
        .success()
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    engine
}

#[test]
fn an_engine_without_a_run_gets_its_time_before_another_run_ends_it() {
    let plain = Plain::new(r#"Step(name: "One", action: SetVariable(variable: "A", value: "1"))"#);
    let mut idle = idle_engine(&plain);
    let client = plain.run(&[]).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(
        idle.try_wait().unwrap(),
        None,
        "a client may be about to use it"
    );
    let end = client.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(0), "{}", said(&end));
    assert!(idle.wait().unwrap().success());
}

#[test]
fn an_engine_that_somebody_looks_at_is_not_ended_for_another_run() {
    let plain = Plain::new(r#"Step(name: "One", action: SetVariable(variable: "A", value: "1"))"#);
    let mut idle = idle_engine(&plain);
    let runtime = plain.path("runtime");
    let mut watcher = wimforge(&runtime, &["attach", "--plain"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let end = plain.run(&[]).output().unwrap();
    assert_eq!(end.status.code(), Some(1), "{}", said(&end));
    assert!(said(&end).contains("is running already"), "{}", said(&end));
    assert_eq!(idle.try_wait().unwrap(), None);
    watcher.kill().unwrap();
    watcher.wait().unwrap();
    let down = wimforge(&runtime, &["ctl", "shutdown"]).output().unwrap();
    assert!(down.status.success(), "{}", said(&down));
    assert!(idle.wait().unwrap().success());
}

#[test]
fn who_asks_for_the_end_of_an_engine_is_answered_before_it_ends() {
    let plain = Plain::new("");
    for _ in 0..20 {
        let mut idle = idle_engine(&plain);
        let down = wimforge(&plain.path("runtime"), &["ctl", "shutdown"])
            .output()
            .unwrap();
        assert!(down.status.success(), "{}", said(&down));
        assert!(idle.wait().unwrap().success());
    }
}

#[test]
fn of_two_resumes_of_one_run_only_one_has_the_journal() {
    let plain = Plain::new(STEPS);
    let run = plain.interrupted("begun");
    std::fs::remove_file(plain.path("begun")).unwrap();
    // The same run under two sockets: the journal itself must keep the second engine away.
    let first = wimforge(
        &plain.path("one"),
        &["resume", "--plain", run.to_str().unwrap()],
    )
    .spawn()
    .unwrap();
    while !plain.path("begun").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let before = std::fs::read(run.join("journal.jsonl")).unwrap();
    let second = wimforge(
        &plain.path("two"),
        &["resume", "--plain", run.to_str().unwrap()],
    )
    .output()
    .unwrap();
    assert_eq!(second.status.code(), Some(1), "{}", said(&second));
    let words = said(&second);
    assert!(
        words.contains("journal.jsonl is in use by another engine"),
        "{words}"
    );
    let after = std::fs::read(run.join("journal.jsonl")).unwrap();
    assert!(after.starts_with(&before), "the journal was touched");
    let cancelled = wimforge(&plain.path("one"), &["ctl", "cancel", "--kill"])
        .output()
        .unwrap();
    assert!(cancelled.status.success(), "{}", said(&cancelled));
    let first = first.wait_with_output().unwrap();
    assert_eq!(first.status.code(), Some(3), "{}", said(&first));
}

/// What `resume` makes of a copy of the run with one file changed: exit code and words. The file must be as it was given.
fn resumed(plain: &Plain, run: &Path, name: &str, bytes: Option<&[u8]>) -> (i32, String, PathBuf) {
    let folder = tempfile::tempdir_in(plain.folder.path()).unwrap().keep();
    let copied = folder.join("runs").join(run.file_name().unwrap());
    copy(run, &copied);
    let file = copied.join(name);
    match bytes {
        Some(bytes) => std::fs::write(&file, bytes).unwrap(),
        None => std::fs::remove_file(&file).unwrap(),
    }
    let started = Instant::now();
    let output = wimforge(&folder, &["resume", "--plain"]).output().unwrap();
    // Nobody waits for an engine that has given up.
    assert!(started.elapsed() < Duration::from_secs(8), "{name}");
    let code = output.status.code().unwrap_or(-1);
    if code != 0 {
        assert_eq!(
            std::fs::read(&file).ok().as_deref(),
            bytes,
            "{name} was changed: {}",
            said(&output)
        );
    }
    (code, said(&output), file)
}

/// The resume is refused; the words name the file and hold these.
fn refused(plain: &Plain, run: &Path, name: &str, bytes: Option<&[u8]>, words: &[&str]) {
    let (code, text, file) = resumed(plain, run, name, bytes);
    assert_eq!(code, 1, "{text}");
    for word in words.iter().chain([&file.to_str().unwrap()]) {
        assert!(text.contains(word), "no {word:?}: {text}");
    }
}

#[test]
fn a_spoilt_state_is_told_with_file_and_line_and_left_alone() {
    let plain = Plain::new(STEPS);
    let run = plain.interrupted("begun");
    std::fs::write(plain.path("again"), "").unwrap();
    let name = "journal.jsonl";
    let whole = std::fs::read(run.join(name)).unwrap();
    let ends: Vec<usize> = (1..=whole.len())
        .filter(|&at| whole[at - 1] == b'\n')
        .collect();
    assert!(ends.len() > 8, "{} lines", ends.len());

    // Cut: empty, in the header, behind it (no run yet), in the middle of an event, at its end, before the last byte.
    refused(&plain, &run, name, Some(b""), &["line 1", "empty"]);
    refused(
        &plain,
        &run,
        name,
        Some(&whole[..ends[0] - 1]),
        &["line 1", "ends in its first line"],
    );
    let nothing = resumed(&plain, &run, name, Some(&whole[..ends[0]]));
    assert!(
        nothing.0 == 1 && nothing.1.contains("no interrupted run"),
        "{}",
        nothing.1
    );
    for cut in [
        ends[4] - 5,
        ends[4],
        ends[6] + 1,
        whole.len() - 1,
        whole.len(),
    ] {
        let (code, text, file) = resumed(&plain, &run, name, Some(&whole[..cut]));
        assert_eq!(code, 0, "cut at {cut} of {}: {text}", whole.len());
        // What was whole is still there.
        let kept = *ends.iter().filter(|end| **end <= cut).max().unwrap();
        assert!(std::fs::read(file).unwrap().starts_with(&whole[..kept]));
    }

    // Spoilt in the middle: line 5 begins behind the fourth line end.
    let mut spoilt = whole.clone();
    spoilt[ends[3] + 2] = b'#';
    refused(
        &plain,
        &run,
        name,
        Some(&spoilt),
        &["line 5", "not an event"],
    );
    let mut zeros = whole.clone();
    zeros[ends[3]..ends[4] - 1].fill(0);
    refused(&plain, &run, name, Some(&zeros), &["line 5"]);
    let gap = [&whole[..ends[3]], &whole[ends[4]..]].concat();
    refused(&plain, &run, name, Some(&gap), &["line 5", "should stand"]);
    let text = String::from_utf8(whole).unwrap();
    let newer = text.replacen("\"wimforge_journal\":1", "\"wimforge_journal\":2", 1);
    refused(
        &plain,
        &run,
        name,
        Some(newer.as_bytes()),
        &["line 1", "version 2"],
    );
    refused(
        &plain,
        &run,
        name,
        Some(b"\x7fELF\n"),
        &["line 1", "not a wimforge journal"],
    );

    let name = "run.json";
    let whole = std::fs::read_to_string(run.join(name)).unwrap();
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        refused(
            &plain,
            &run,
            name,
            Some(&whole.as_bytes()[..cut]),
            &["line", "damaged"],
        );
    }
    let newer = whole.replacen("\"version\": 1", "\"version\": 9", 1);
    refused(&plain, &run, name, Some(newer.as_bytes()), &["version 9"]);
    let spoilt = whole.replacen("\"disks\": [", "\"disks\": [7", 1);
    assert_ne!(spoilt, whole);
    refused(
        &plain,
        &run,
        name,
        Some(spoilt.as_bytes()),
        &[", line 4: damaged"],
    );
    refused(&plain, &run, name, None, &["No such file"]);

    let name = "sequence.ron";
    let whole = std::fs::read_to_string(run.join(name)).unwrap();
    refused(
        &plain,
        &run,
        name,
        Some(&whole.as_bytes()[..whole.len() - 2]),
        &[":1:42: error"],
    );
    let other = whole.replace("Last", "Very last");
    refused(
        &plain,
        &run,
        name,
        Some(other.as_bytes()),
        &["is not the sequence"],
    );
    refused(&plain, &run, name, None, &["No such file"]);

    // And the run itself was only copied: it can be taken up.
    let runtime = plain.path("runtime");
    let output = wimforge(&runtime, &["resume", "--plain"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}
