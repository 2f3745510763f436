//! Processes killed at random moments: the engine, and what it has started. Each run is taken up again until it ends, and its image
//! is the one of a run that nothing happened to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wimforge::event::QuestionKind;
use wimforge::protocol::{Reply, Request};

use crate::common::system::shoot;
use crate::lab::skip;
use crate::machine::{Machine, assert_undisturbed, children, wait};

/// Kills in one run at most; then it may come to its end.
const KILLS_A_RUN: u32 = 12;
/// The longest time between a start and the kill, in milliseconds: an undisturbed run takes twice as long.
const LONGEST: u64 = 700;

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }
}

/// What was killed, for the summary.
#[derive(Debug, Default)]
struct Tally {
    engines: u32,
    children: BTreeMap<String, u32>,
    retries: u32,
    runs: u32,
}

impl Tally {
    fn kills(&self) -> u32 {
        self.engines + self.children.values().sum::<u32>()
    }
}

/// Decides for another attempt where a step has failed because its process was killed.
fn retry_what_failed(machine: &Machine, tally: &mut Tally) {
    let Some(question) = machine.state().and_then(|state| state.question) else {
        return;
    };
    if let QuestionKind::Preflight { .. } = question.kind {
        return;
    }
    let QuestionKind::Failed { attempt, failure } = question.kind else {
        panic!("an unexpected question: {question:?}");
    };
    let words = format!("{} {}", failure.message, failure.causes.join(" "));
    assert!(
        // The last two are the system's for a mount whose process is gone.
        ["killed", "signal", "connection abort", "not connected"]
            .iter()
            .any(|word| words.contains(word)),
        "a killed process is not named as such: {failure:?}"
    );
    let node = question.node.unwrap();
    match machine.ask(Request::Retry { node, attempt }) {
        Some(Reply::Accepted) => tally.retries += 1,
        other => panic!("{other:?}"),
    }
}

/// How long a child is waited for: a loaded machine comes to its next tool late.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits for the engine to have a child, and kills one.
fn kill_child(machine: &Machine, dice: &mut Dice, tally: &mut Tally) -> bool {
    let Some(engine) = machine.engine() else {
        return false;
    };
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && std::path::Path::new(&format!("/proc/{engine}")).exists() {
        let children = children(engine);
        if children.is_empty() {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let (pid, name) = &children[usize::try_from(dice.roll(children.len() as u64)).unwrap()];
        // A child of the engine is born as the engine.
        if name != "wimforge" && shoot(*pid) {
            *tally.children.entry(name.clone()).or_default() += 1;
            return true;
        }
    }
    false
}

/// One run with its kills.
fn disturbed_run(dice: &mut Dice, tally: &mut Tally) {
    let machine = Machine::new("sleep 0.1");
    let mut client = machine.start(machine.run(&[]));
    let mut kills = 0;
    let limit = Instant::now() + Duration::from_secs(120);
    loop {
        assert!(Instant::now() < limit, "no end: {}", machine.said());
        let pause = if kills < KILLS_A_RUN {
            dice.roll(LONGEST)
        } else {
            // Enough: only what failed must be retried.
            100
        };
        let code = wait(&mut client, Duration::from_millis(pause));
        if code.is_none() && kills < KILLS_A_RUN {
            retry_what_failed(&machine, tally);
            // The first tool of a run is the one that formats.
            let a_child = kills == 0 || dice.roll(2) == 0;
            let killed = a_child && kill_child(&machine, dice, tally);
            if killed {
                kills += 1;
                // The step fails of it, or its work was done.
                std::thread::sleep(Duration::from_millis(60));
            } else if let Some(engine) = machine.engine()
                && shoot(engine)
            {
                tally.engines += 1;
                kills += 1;
                let code = wait(&mut client, Duration::from_secs(20));
                assert!(code.is_some(), "the client does not notice");
            }
        }
        if client.try_wait().unwrap().is_none() {
            retry_what_failed(&machine, tally);
            continue;
        }
        let code = wait(&mut client, Duration::ZERO).unwrap();
        if code == 0 || machine.is_over() {
            break;
        }
        let begun = !machine.events().is_empty();
        // Interrupted, or killed before there was a run to speak of; never a crash of the client.
        assert!(
            matches!(code, 1 | 4),
            "exit code {code}: {}",
            machine.said()
        );
        client = machine.start(if begun {
            machine.resume(&[])
        } else {
            machine.run(&[])
        });
    }
    tally.runs += 1;
    assert_undisturbed(&machine.image(), &format!("after {kills} kills"));
    let left: Vec<_> = std::fs::read_dir(machine.path("captures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["reference.wim"]);
}

fn kill_at_random(seed: u64, wanted: u32) {
    if skip() {
        return;
    }
    eprintln!("seed {seed}");
    let mut dice = Dice(seed);
    let mut tally = Tally::default();
    let started = Instant::now();
    while tally.kills() < wanted {
        disturbed_run(&mut dice, &mut tally);
    }
    eprintln!("{tally:?} in {:?}", started.elapsed());
    assert!(tally.engines >= wanted / 4, "{tally:?}");
    // Which tools are hit is chance, but each run begins with one that formats. A test of its own kills the command.
    assert!(tally.children.contains_key("mkntfs"), "{tally:?}");
    assert!(tally.children.len() > 1, "{tally:?}");
}

#[test]
fn a_hundred_kills_at_random_moments() {
    kill_at_random(0x5eed_0001, 100);
}

#[test]
fn a_hundred_more_kills_at_random_moments() {
    kill_at_random(0x5eed_0002, 100);
}

#[test]
fn a_killed_command_fails_its_step_with_a_clear_word_and_retry_goes_on() {
    if skip() {
        return;
    }
    let machine = Machine::new("sleep 1.5");
    let mut client = machine.start(machine.run(&[]));
    let limit = Instant::now() + Duration::from_secs(60);
    let command = loop {
        let found = machine.engine().map(children).unwrap_or_default();
        if let Some((pid, _)) = found.into_iter().find(|(_, name)| name == "sleep") {
            break pid;
        }
        assert!(Instant::now() < limit, "no command: {}", machine.said());
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(shoot(command));
    let failure = loop {
        let question = machine.state().and_then(|state| state.question);
        if let Some(QuestionKind::Failed { failure, .. }) = question.map(|found| found.kind) {
            break failure;
        }
        assert!(Instant::now() < limit, "no failure: {}", machine.said());
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(failure.message.contains("sleep 1.5"), "{failure:?}");
    assert!(failure.message.contains("signal 9"), "{failure:?}");
    assert_eq!(failure.code, 137, "{failure:?}");
    let (code, said) = machine.ctl(&["retry"]);
    assert_eq!(code, 0, "{said}");
    let code = wait(&mut client, Duration::from_secs(60));
    assert_eq!(code, Some(0), "{}", machine.said());
    assert_undisturbed(&machine.image(), "after a killed command");
}
