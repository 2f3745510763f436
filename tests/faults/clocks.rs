//! The machine's clock is set while a run is going on, by days and years, back and forth: durations stay what they were, and the
//! run can be taken up.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use wimforge::event::{Event, EventBody};

use crate::common::system::shoot;
use crate::lab::skip;
use crate::machine::engine_of;
use crate::plain::{Plain, said, wimforge};

/// A library of Debian's package `faketime` that tells programs another time.
fn library() -> PathBuf {
    let found = Path::new("/usr/lib")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path().join("faketime/libfaketime.so.1"))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("libfaketime is missing: install the package faketime"))
}

/// A clock of the test's own for the programs it starts.
struct Clock {
    file: PathBuf,
}

impl Clock {
    fn new(plain: &Plain) -> Self {
        let clock = Self {
            file: plain.path("time"),
        };
        clock.set("+0d");
        clock
    }

    fn set(&self, offset: &str) {
        // In one go: a reader must not find it empty.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{offset}\n")).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    fn on(&self, mut command: Command) -> Command {
        command
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            // Setting a clock does not touch the one that counts from the start of the machine.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("FAKETIME_DONT_RESET", "1");
        command
    }
}

const STEPS: &str = r#"
    Step(name: "One", action: RunCommandLine(shell: true, command: "touch %FOLDER%/one; sleep 0.7")),
    Step(name: "Two", action: RunCommandLine(shell: true, command: "touch %FOLDER%/two; test -e %FOLDER%/quick || sleep 2")),
    Step(name: "Three", action: RunCommandLine(command: "sleep 0.7")),
"#;

fn until(path: &Path) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(
            Instant::now() < limit,
            "waited in vain for {}",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn run_folder(plain: &Plain) -> PathBuf {
    let mut runs = std::fs::read_dir(plain.path("runtime/runs")).unwrap();
    let run = runs.next().unwrap().unwrap().path();
    assert!(runs.next().is_none(), "two runs");
    run
}

/// Times only grow, and nothing took longer than the test itself.
fn sane(plain: &Plain, output: &Output, real: Duration) -> Vec<Event> {
    let words = said(output);
    assert_eq!(output.status.code(), Some(0), "{words}");
    let folder = run_folder(plain);
    let events = crate::machine::recorded(&folder.join("journal.jsonl"));
    let longest = i64::try_from(real.as_millis()).unwrap() + 1_000;
    for pair in events.windows(2) {
        let gone = pair[1].at - pair[0].at;
        assert!((0..=longest).contains(&gone), "{gone} ms: {pair:?}");
    }
    let mut steps = 0;
    for event in &events {
        if let EventBody::StepFinished { millis, .. } = &event.body {
            assert!(i64::try_from(*millis).unwrap() <= longest, "{event:?}");
            steps += 1;
        }
    }
    assert!(steps >= 3, "{words}");
    // Written a moment after the client has seen the end.
    until(&folder.join("report.json"));
    let report = std::fs::read(folder.join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let all = report["millis"].as_i64().unwrap();
    assert!((1_400..=longest).contains(&all), "{all} ms in the report");
    for line in words.lines().filter(|line| line.contains("done (")) {
        let seconds = line.split("done (").nth(1).unwrap();
        let seconds: f64 = seconds.split(" s)").next().unwrap().parse().unwrap();
        assert!(
            (0.0..=real.as_secs_f64() + 1.0).contains(&seconds),
            "{line}"
        );
    }
    events
}

/// A run under a clock of its own that has come to the step which leaves this file.
fn started(marker: &str) -> (Plain, Clock, Instant, Child) {
    let plain = Plain::new(STEPS);
    let clock = Clock::new(&plain);
    let started = Instant::now();
    let client = clock.on(plain.run(&[])).spawn().unwrap();
    until(&plain.path(marker));
    (plain, clock, started, client)
}

#[test]
fn a_clock_that_jumps_back_and_forth_spoils_no_duration() {
    if skip() {
        return;
    }
    let (plain, clock, started, client) = started("one");
    for offset in [
        "+3d", "-2d", "+10y", "-20y", "+1h", "-1h", "+400d", "+0d", "-3d",
    ] {
        clock.set(offset);
        std::thread::sleep(Duration::from_millis(300));
    }
    let output = client.wait_with_output().unwrap();
    let events = sane(&plain, &output, started.elapsed());
    let told = |event: &Event| format!("{event:?}").contains("the machine's clock was set");
    assert!(
        events.iter().filter(|event| told(event)).count() >= 2,
        "{}",
        said(&output)
    );
    let words = said(&output);
    assert!(
        words.contains("set forward by") && words.contains("set back by"),
        "{words}"
    );
}

#[test]
fn a_run_interrupted_before_the_clock_was_set_back_goes_on() {
    if skip() {
        return;
    }
    let (plain, clock, started, client) = started("two");
    assert!(shoot(engine_of(&plain.path("runtime")).unwrap()));
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    // A battery that is empty: the machine starts years ago.
    clock.set("-20y");
    std::fs::write(plain.path("quick"), "").unwrap();
    let resume = wimforge(&plain.path("runtime"), &["resume", "--plain"]);
    let output = clock.on(resume).output().unwrap();
    sane(&plain, &output, started.elapsed());
}
