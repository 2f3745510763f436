//! Clients without a terminal: `attach --plain`, and status lines that go on over restarts of the engine.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::pty::{LIMIT, Place, key, until};
use crate::system::wait;
use crate::{FAILING, LAST, PAUSE, SECRET};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A program in the background and what it has said so far.
struct Said {
    child: Child,
    lines: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Said {
    fn start(place: &Place, args: &[&str]) -> Self {
        let mut child = place.spawn(args);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&lines);
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                shared.lock().unwrap().push((Instant::now(), line));
            }
        });
        Self { child, lines }
    }

    fn all(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().map(|(_, line)| line.clone()).collect()
    }

    fn count(&self, text: &str) -> usize {
        self.all().iter().filter(|line| line.contains(text)).count()
    }

    fn wait(&self, text: &str) {
        let started = Instant::now();
        while self.count(text) == 0 {
            assert!(
                started.elapsed() < LIMIT,
                "no line holds {text}: {:#?}",
                self.all()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Waits for its end; the exit code.
    fn end(&mut self) -> Option<i32> {
        wait(&mut self.child, LIMIT)
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        let mut errors = self.child.stderr.take().unwrap();
        errors.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn plain_lines_beside_a_console() {
    let place = Place::new();
    place.sequence(
        "plain",
        "variables: {\"Fix\": \"no\"}, inputs: [Input(variable: \"Password\", label: \"Password\", secret: true)],",
        &format!(
            "{PAUSE}Step(name: \"Copy\", action: SetVariable(variable: \"Copy\", value: \"x%Password%\")),{FAILING}{LAST}"
        ),
    );
    let mut console = place.run("plain");
    console.wait_text("> Password");
    console.keys(SECRET);
    console.keys(key::ENTER);
    console.wait_text("The sequence waits for you");
    let mut leaving = Said::start(&place, &["attach", "--plain"]);
    let mut staying = Said::start(&place, &["attach", "--plain"]);
    for said in [&leaving, &staying] {
        said.wait("attached to \"plain\", step 1 of 4");
    }
    // Ctrl-C leaves; the run goes on.
    leaving.signal(Signal::SIGINT);
    assert_eq!(leaving.end(), Some(5));
    assert!(leaving.errors().contains("detached; the run goes on"));
    assert!(!place.status()["question"].is_null());
    console.keys(key::ENTER);
    staying.wait("answered by root (console on /dev/");
    staying.wait("FAILED: ");
    staying.wait("answer with: wimforge ctl retry|skip|cancel");
    assert_eq!(place.ctl(&["set", "Fix=yes"]).status.code(), Some(0));
    assert_eq!(place.ctl(&["retry"]).status.code(), Some(0));
    staying.wait("SUCCEEDED: ");
    assert_eq!(staying.end(), Some(0));
    let all = staying.all().join("\n");
    assert!(!all.contains(SECRET) && !all.contains('\u{1b}'), "{all}");
    assert!(all.contains("Copy = ********"), "{all}");
    console.wait_text("SUCCEEDED after");
    // Attached after the end it says how it ended, by its code.
    let mut late = Said::start(&place, &["attach", "--plain"]);
    assert_eq!(late.end(), Some(0));
    let _ = place.ctl(&["shutdown"]);
    until("the engine to end", || place.engine().is_none());
    let mut none = place.piped(&["attach", "--plain"]);
    assert_eq!(none.status.code(), Some(1));
    let why = String::from_utf8(std::mem::take(&mut none.stderr)).unwrap();
    assert!(why.contains("no engine is running"), "{why}");
}

/// What the lines say, without the time before it.
fn texts(said: &Said) -> Vec<String> {
    said.all()
        .into_iter()
        .map(|line| {
            let (time, text) = line.split_at("14:31:05Z  ".len());
            assert!(
                time.ends_with("Z  ") && time.as_bytes()[2] == b':',
                "{line}"
            );
            text.to_owned()
        })
        .collect()
}

#[test]
fn status_lines_outlive_engines() {
    let place = Place::new();
    place.sequence(
        "status",
        "variables: {\"Fix\": \"no\"},",
        &format!("{PAUSE}{FAILING}{LAST}"),
    );
    place.sequence("next", "", &format!("{PAUSE}{LAST}"));
    // Before there is an engine.
    let mut said = Said::start(&place, &["attach", "--plain", "--follow"]);
    said.wait("no engine is running: waiting for one");
    let mut console = place.run("status");
    said.wait("step 1 of 3  WAITING: Plug the cable in. (wimforge ctl answer yes)");
    console.wait_text("The sequence waits for you");
    kill(place.engine().unwrap(), Signal::SIGKILL).unwrap();
    said.wait("the engine is gone: waiting for it (wimforge resume)");
    // It looks again every half a second, and says nothing more.
    std::thread::sleep(Duration::from_millis(1200));
    let mut resume = Said::start(&place, &["resume", "--plain"]);
    console.wait_text("The sequence waits for you");
    console.wait_gone("NOT CONNECTED");
    until("the question again", || {
        said.count("WAITING: Plug the cable in.") >= 2
    });
    assert_eq!(said.count("the engine is gone"), 1);
    assert_eq!(place.ctl(&["answer", "yes"]).status.code(), Some(0));
    said.wait("step 2 of 3  WAITING: \"Look for the fix\" failed: ");
    said.wait("(wimforge ctl retry|skip|cancel)");
    assert_eq!(place.ctl(&["set", "Fix=yes"]).status.code(), Some(0));
    assert_eq!(place.ctl(&["retry"]).status.code(), Some(0));
    said.wait("SUCCEEDED: ");
    assert_eq!(resume.end(), Some(0));
    console.wait_text("SUCCEEDED after");
    console.keys(key::ENTER);
    assert_eq!(console.end(), 0);
    // And the run after that, by another engine.
    let mut console = place.run("next");
    console.wait_text("The sequence waits for you");
    said.wait("step 1 of 2  WAITING: Plug the cable in.");
    assert_eq!(said.count("waiting for the next one"), 1);
    console.abort_run();
    said.wait("CANCELLED: ");
    said.signal(Signal::SIGINT);
    assert_eq!(said.end(), Some(0));
    assert_eq!(said.errors(), "");
    let all = texts(&said);
    assert!(
        all.iter()
            .all(|text| !text.contains('\u{1b}') && !text.is_empty())
    );
    assert_eq!(all[0], "no engine is running: waiting for one");
}

#[test]
fn a_status_line_comes_about_every_five_seconds() {
    let place = Place::new();
    place.sequence(
        "beat",
        "",
        "Step(name: \"Sleep\", action: RunCommandLine(command: \"sleep 60\")),",
    );
    let mut console = place.run("beat");
    console.wait_text("running  step 1 of 1");
    let mut said = Said::start(&place, &["attach", "--plain", "--follow"]);
    said.wait("step 1 of 1  Sleep  running");
    until("two more lines", || said.count("step 1 of 1  Sleep") >= 3);
    let lines = said.lines.lock().unwrap().clone();
    for pair in lines.windows(2) {
        let gap = pair[1].0 - pair[0].0;
        assert!(
            gap > Duration::from_secs(4) && gap < Duration::from_secs(8),
            "{gap:?}: {pair:?}"
        );
    }
    // A change is told at once.
    let asked = Instant::now();
    assert_eq!(place.ctl(&["pause"]).status.code(), Some(0));
    said.wait("PAUSING after this step");
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );
    said.signal(Signal::SIGTERM);
    assert_eq!(said.end(), Some(0));
    console.keys("q");
    assert_eq!(console.end(), 5);
}
