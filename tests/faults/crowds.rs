//! Too many of everything: clients that come and go, and a sequence of ten thousand steps.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use wimforge::client::{self, Client, Incoming, Manner};
use wimforge::event::{EventBody, RunOutcome};
use wimforge::protocol::{LONGEST_PUSH, Push, Reply, Request, ToClient};
use wimforge::run_state::RunState;
use wimforge::transport::Endpoint;
use wimforge::transport::codec::write_frame;

use crate::common::{Bench, document, tokio_runtime};
use crate::machine::engine_of;
use crate::plain::{Plain, said, wimforge};

/// Clients at once, and how often each comes anew.
const CLIENTS: u32 = 50;
const VISITS: u32 = 10;

/// Bytes of memory that are the process's own.
fn memory(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

/// One visit: the snapshot must come, then so many events without a gap; gone without a word. Gives the events seen.
async fn visit(runtime: &Path, number: u32, events: u32) -> u32 {
    let endpoint = Endpoint::in_folder(runtime);
    let client = Client::connect(&endpoint, &format!("visitor {number}"), &Manner::follower())
        .await
        .unwrap();
    let (_sender, mut receiver) = client.split();
    let first = tokio::time::timeout(Duration::from_secs(20), receiver.next()).await;
    let Ok(Some(Incoming::Push(Push::Snapshot(state)))) = first else {
        panic!("no snapshot: {first:?}");
    };
    assert_eq!(state.plan.nodes.len(), 3);
    let mut seq = state.seq;
    let mut seen = 0;
    while seen < events {
        match receiver.next().await {
            Some(Incoming::Push(Push::Event(event))) => {
                assert_eq!(event.seq, seq + 1, "an event is missing");
                seq = event.seq;
                seen += 1;
            }
            Some(Incoming::Push(Push::Snapshot(state))) => seq = state.seq,
            Some(Incoming::Lost(why)) => panic!("{why}"),
            Some(_) => {}
            None => break,
        }
    }
    seen
}

#[test]
fn fifty_clients_come_and_go_and_the_run_does_not_notice() {
    let plain = Plain::new(
        r#"Step(name: "Wait", action: RunCommandLine(shell: true, command: "until test -e %FOLDER%/go; do sleep 0.05; done")),
        Step(name: "Talk", action: RunCommandLine(shell: true, command: "i=0; until test -e %FOLDER%/stop; do i=$((i+1)); echo line $i; [ $((i % 40)) = 0 ] && sleep 0.01; done; echo $i lines were said")),
        Step(name: "End", action: SetVariable(variable: "A", value: "1"))"#,
    );
    let client = plain.run(&[]).spawn().unwrap();
    let client = std::thread::spawn(move || client.wait_with_output().unwrap());
    let runtime = plain.path("runtime");
    let limit = Instant::now() + Duration::from_secs(20);
    let tokio = tokio_runtime();
    let state = || {
        tokio.block_on(async {
            let endpoint = Endpoint::in_folder(&runtime);
            match client::ask(&endpoint, "test", Request::Status).await {
                Ok(Reply::Snapshot(state)) => *state,
                _ => RunState::default(),
            }
        })
    };
    while state().current.is_none() {
        assert!(Instant::now() < limit, "the run does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let engine = engine_of(&runtime).unwrap();
    let seen = AtomicU32::new(0);
    let all_visit = |patient: bool| {
        tokio.block_on(all((0..CLIENTS).map(|number| {
            let (runtime, seen) = (&runtime, &seen);
            let events = if patient { number % 7 * 20 } else { 0 };
            async move {
                seen.fetch_add(visit(runtime, number, events).await, Ordering::Relaxed);
            }
        })));
    };
    all_visit(false);
    std::fs::write(plain.path("go"), "").unwrap();
    // What is kept on purpose (the latest lines, the queue of each client) must be full before memory is compared.
    let limit = Instant::now() + Duration::from_secs(60);
    while state().seq < 7_000 {
        assert!(Instant::now() < limit, "the command is too quiet");
        all_visit(true);
    }
    all_visit(true);
    all_visit(true);
    let mut after = vec![memory(engine)];
    for _ in 0..VISITS {
        all_visit(true);
        after.push(memory(engine));
    }
    assert!(seen.load(Ordering::Relaxed) > 5_000, "they saw nothing");
    std::fs::write(plain.path("stop"), "").unwrap();
    let output = client.join().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text:.2000}");
    // No line is lost, however busy the engine was with its visitors.
    let runs = std::fs::read_dir(runtime.join("runs")).unwrap();
    let run = runs.map(|run| run.unwrap().path()).next().unwrap();
    let events = crate::machine::recorded(&run.join("journal.jsonl"));
    let lines: Vec<&str> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Log { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let count = lines
        .iter()
        .filter(|line| line.starts_with("line "))
        .count();
    assert!(
        lines.contains(&format!("{count} lines were said").as_str()),
        "{count} lines came"
    );
    assert!(count > 5_000, "{count}");
    let (first, last) = (after[0], after[after.len() - 1]);
    assert!(
        last < first + (8 << 20) && last < 64 << 20,
        "memory grows: {after:?}"
    );
}

/// Waits for all of them, side by side.
async fn all<F: Future<Output = ()>>(all: impl Iterator<Item = F>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        all.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        if all.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// Steps of the long document, in groups of a hundred.
const STEPS: usize = 10_000;

fn long_document() -> String {
    let mut steps = String::new();
    for number in 0..STEPS {
        if number % 100 == 0 {
            let _ = writeln!(steps, "Group(name: \"Group {number}\", steps: [");
        }
        let _ = writeln!(
            steps,
            "Step(name: \"Step {number}\", action: SetVariable(variable: \"V{}\", value: \"%V{}%{number}\")),",
            number % 50,
            (number + 1) % 50
        );
        if number % 100 == 99 {
            steps.push_str("]),\n");
        }
    }
    // Values grow with what they are made of: the first of each hundred starts anew.
    document(&steps.replace("%V0%", ""))
}

/// The snapshot as it goes to a client, in bytes.
fn snapshot_bytes(state: &RunState) -> usize {
    let frame = ToClient::Push(Push::Snapshot(Box::new(state.clone())));
    let mut wire = Vec::new();
    tokio_runtime()
        .block_on(write_frame(&mut wire, &frame, LONGEST_PUSH))
        .unwrap();
    wire.len()
}

#[test]
fn ten_thousand_steps_run_fit_into_a_snapshot_and_resume() {
    let started = Instant::now();
    let bench = Bench::new();
    let run = bench.run(&long_document());
    assert_eq!(run.outcome(), RunOutcome::Succeeded, "{:?}", run.state.end);
    assert!(
        started.elapsed() < Duration::from_secs(300),
        "{:?}",
        started.elapsed()
    );
    let ended = run
        .events
        .iter()
        .filter(|event| matches!(event.body, EventBody::StepFinished { .. }))
        .count();
    assert_eq!(ended, STEPS);
    let bytes = snapshot_bytes(&run.state);
    assert!(bytes < LONGEST_PUSH / 4, "a snapshot of {bytes} bytes");

    // The journal as a kill in the middle of step 7,001 would have left it.
    let folder = std::path::PathBuf::from(&run.state.folder);
    let path = folder.join("journal.jsonl");
    let whole = std::fs::read_to_string(&path).unwrap();
    let mut done = 0;
    let kept: String = whole
        .split_inclusive('\n')
        .take_while(|line| {
            done += usize::from(line.contains("StepFinished"));
            done <= 7_000
        })
        .collect();
    std::fs::write(&path, &kept[..kept.len() - 20]).unwrap();
    let again = Bench {
        dispatcher: std::sync::Arc::default(),
        ..bench
    };
    let resumed = again.resume(&folder);
    assert_eq!(resumed.outcome(), RunOutcome::Succeeded);
    assert_eq!(resumed.state.boot, 2);
    assert!(resumed.steps().iter().all(|(_, word)| *word == "succeeded"));
    let plain = |state: &RunState| -> Vec<_> {
        let own = state
            .variables
            .values()
            .filter(|variable| variable.name.starts_with('V'));
        own.map(|variable| (variable.name.clone(), variable.value.clone()))
            .collect()
    };
    assert_eq!(plain(&resumed.state), plain(&run.state), "other values");
    assert_eq!(plain(&run.state).len(), 50);
}

#[test]
fn a_client_whose_reader_has_gone_ends_with_its_own_exit_code_and_the_run_goes_on() {
    let plain = Plain::new(
        r#"Step(name: "Long", action: RunCommandLine(shell: true, command: "sleep 1; touch %FOLDER%/through"))"#,
    );
    // Both ends of the output are closed before the first word.
    let deaf = |mut command: Command| {
        let (_, output) = std::io::pipe().unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output);
        command.status().unwrap().code()
    };
    assert_eq!(deaf(plain.run(&[])), Some(1));
    let missing = plain.path("missing.ron");
    let check = wimforge(
        &plain.path("runtime"),
        &["run", missing.to_str().unwrap(), "--plain"],
    );
    assert_eq!(deaf(check), Some(2));
    let script = wimforge(&plain.path("runtime"), &["completions", "bash"]);
    assert_eq!(deaf(script), Some(0));
    let limit = Instant::now() + Duration::from_secs(20);
    while !plain.path("through").exists() {
        assert!(Instant::now() < limit, "the run has ended with its client");
        std::thread::sleep(Duration::from_millis(10));
    }
}
