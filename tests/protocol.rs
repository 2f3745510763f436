//! The control socket of a real engine process against clients that are wrong, slow, dead or many.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wimforge::event::{EventBody, NodeId};
use wimforge::protocol::{CONTRACT, Hello, Push, Refusal, Reply, Request, ToClient, ToEngine};
use wimforge::run_state::RunState;

struct Engine {
    folder: tempfile::TempDir,
    runner: Child,
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.ask(&Request::Cancel { kill: true });
        let _ = self.runner.kill();
        let _ = self.runner.wait();
        // Its engine still writes into the folder that goes away next.
        let begun = Instant::now();
        while self.ask(&Request::Shutdown).is_some() && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Engine {
    /// A run that waits at a Pause step for as long as nobody answers.
    fn start(steps: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sequence = folder.path().join("test.ron");
        std::fs::write(
            &sequence,
            format!("Sequence(schema: 1, name: \"Test\", steps: [{steps}])"),
        )
        .unwrap();
        // An image file as the only disk: no other disk of this machine exists for the run.
        let image = folder.path().join("disk.img");
        std::fs::File::create(&image)
            .unwrap()
            .set_len(16 << 20)
            .unwrap();
        let runner = Command::new(env!("CARGO_BIN_EXE_wimforge"))
            .arg("run")
            .arg(&sequence)
            .args(["--plain", "--ask", "--disk"])
            .arg(format!("0={}", image.display()))
            .env("WIMFORGE_RUNTIME_DIR", folder.path().join("run"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let engine = Self { folder, runner };
        let begun = Instant::now();
        while !engine.socket().exists() || engine.state().is_none_or(|state| !state.has_run()) {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "the engine does not come up"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        engine
    }

    fn socket(&self) -> PathBuf {
        self.folder
            .path()
            .join(format!("run/engine-v{CONTRACT}.sock"))
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    fn greeted(&self, watch: bool) -> UnixStream {
        let mut stream = self.connect();
        send(&mut stream, &ToEngine::Hello(hello(CONTRACT, watch)));
        assert!(matches!(receive(&mut stream), Some(ToClient::Hello(_))));
        stream
    }

    fn ask(&self, request: &Request) -> Option<Reply> {
        let mut stream = UnixStream::connect(self.socket()).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .ok()?;
        send(&mut stream, &ToEngine::Hello(hello(CONTRACT, false)));
        send(&mut stream, &ToEngine::Request(1, request.clone()));
        loop {
            match receive(&mut stream)? {
                ToClient::Reply(1, reply) => return Some(reply),
                ToClient::Refused(_) => return None,
                _ => {}
            }
        }
    }

    fn state(&self) -> Option<RunState> {
        match self.ask(&Request::Status)? {
            Reply::Snapshot(state) => Some(*state),
            _ => None,
        }
    }

    fn wait_for(&self, what: &str, wanted: impl Fn(&RunState) -> bool) -> RunState {
        let begun = Instant::now();
        loop {
            if let Some(state) = self.state()
                && wanted(&state)
            {
                return state;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "waited in vain for {what}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn hello(contract: u32, watch: bool) -> Hello {
    Hello {
        version: "test".to_owned(),
        contract,
        name: "test \u{1b}[31mred".to_owned(),
        watch,
        run: None,
        client: 0,
        ..Hello::default()
    }
}

fn frame(value: &ToEngine) -> Vec<u8> {
    let body = serde_json::to_vec(value).unwrap();
    let mut out = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    out.extend(body);
    out
}

fn send(stream: &mut UnixStream, value: &ToEngine) {
    // A refused client may be closed on already.
    let _ = stream.write_all(&frame(value));
}

fn receive(stream: &mut UnixStream) -> Option<ToClient> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}

const WAIT: &str = "Step(name: \"wait\", action: Pause(message: \"look\")), \
    Step(name: \"end\", action: SetVariable(variable: \"A\", value: \"b\")),";

fn waiting() -> Engine {
    let engine = Engine::start(WAIT);
    engine.wait_for("the question", |state| state.question.is_some());
    engine
}

#[test]
fn the_socket_is_private() {
    let engine = waiting();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&engine.socket()), 0o600);
    assert_eq!(mode(engine.socket().parent().unwrap()), 0o700);
}

#[test]
fn wrong_clients_are_refused_with_a_reason_and_the_run_goes_on() {
    let engine = waiting();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("garbage", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("oversized", u32::MAX.to_be_bytes().to_vec()),
        ("not JSON", [&5u32.to_be_bytes()[..], b"hello"].concat()),
        (
            "a request first",
            frame(&ToEngine::Request(1, Request::Status)),
        ),
        ("deep nesting", {
            let body = vec![b'['; 100_000];
            [&100_000u32.to_be_bytes()[..], &body].concat()
        }),
    ];
    for (what, bytes) in cases {
        let mut stream = engine.connect();
        let _ = stream.write_all(&bytes);
        match receive(&mut stream) {
            Some(ToClient::Refused(Refusal::BadFrame(why))) => assert!(!why.is_empty(), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        assert!(
            receive(&mut stream).is_none(),
            "{what}: the connection stays open"
        );
    }
    let mut stream = engine.connect();
    send(&mut stream, &ToEngine::Hello(hello(CONTRACT + 1, true)));
    match receive(&mut stream) {
        Some(ToClient::Refused(Refusal::WrongContract { ours, theirs })) => {
            assert_eq!((ours, theirs), (CONTRACT, CONTRACT + 1));
        }
        other => panic!("{other:?}"),
    }
    // Garbage after a good hello, and a half frame with the end of the connection behind it.
    let mut stream = engine.greeted(false);
    stream.write_all(&[0, 0, 0, 3, b'x', b'y', b'z']).unwrap();
    assert!(matches!(
        receive(&mut stream),
        Some(ToClient::Refused(Refusal::BadFrame(_)))
    ));
    let mut stream = engine.greeted(false);
    stream.write_all(&[0, 0, 1, 0, b'{']).unwrap();
    drop(stream);
    assert!(engine.state().is_some_and(|state| state.question.is_some()));
}

#[test]
fn a_silent_client_is_refused_after_a_while() {
    let engine = waiting();
    let mut stream = engine.connect();
    let begun = Instant::now();
    assert!(matches!(receive(&mut stream), Some(ToClient::Refused(_))));
    assert!(begun.elapsed() > Duration::from_secs(3));
}

#[test]
fn two_clients_see_the_same_and_one_answer_counts_once() {
    let engine = waiting();
    let mut first = engine.greeted(true);
    let mut second = engine.greeted(true);
    for stream in [&mut first, &mut second] {
        assert!(matches!(
            receive(stream),
            Some(ToClient::Push(Push::Snapshot(_)))
        ));
    }
    let question = engine.state().unwrap().question.unwrap().id;
    let answer = Request::Answer {
        question,
        yes: true,
    };
    assert_eq!(engine.ask(&answer), Some(Reply::Accepted));
    for stream in [&mut first, &mut second] {
        let mut seen = Vec::new();
        loop {
            match receive(stream).unwrap() {
                ToClient::Push(Push::Event(event)) => {
                    let end = matches!(event.body, EventBody::RunFinished { .. });
                    seen.push(event.seq);
                    if end {
                        break;
                    }
                }
                ToClient::Push(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(
            seen.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "gaps: {seen:?}"
        );
    }
    match engine.ask(&answer) {
        Some(Reply::Refused(Refusal::NotAsked | Refusal::NoRun)) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn stale_and_impossible_requests_are_refused() {
    let engine = waiting();
    let retry = Request::Retry {
        node: NodeId(0),
        attempt: 1,
    };
    assert_eq!(
        engine.ask(&retry),
        Some(Reply::Refused(Refusal::StaleAttempt))
    );
    let answer = Request::Answer {
        question: 9_999,
        yes: true,
    };
    assert_eq!(engine.ask(&answer), Some(Reply::Refused(Refusal::NotAsked)));
    let jump = Request::Break {
        node: NodeId(77),
        set: true,
    };
    assert!(matches!(
        engine.ask(&jump),
        Some(Reply::Refused(Refusal::BadValue(_)))
    ));
    assert_eq!(
        engine.ask(&Request::Shutdown),
        Some(Reply::Refused(Refusal::AlreadyRunning))
    );
}

#[test]
fn a_client_that_does_not_read_gets_a_fresh_snapshot_and_delays_nobody() {
    let engine = Engine::start(
        "Step(name: \"wait\", action: Pause(message: \"look\")), \
         Step(name: \"flood\", action: RunCommandLine(command: \"seq 1 60000\")), \
         Step(name: \"hold\", action: Pause(message: \"look\")),",
    );
    engine.wait_for("the question", |state| state.question.is_some());
    let mut slow = engine.greeted(true);
    assert!(matches!(
        receive(&mut slow),
        Some(ToClient::Push(Push::Snapshot(_)))
    ));
    let question = engine.state().unwrap().question.unwrap().id;
    engine.ask(&Request::Answer {
        question,
        yes: true,
    });
    let state = engine.wait_for("the end of the flood", |state| {
        state.current == Some(NodeId(2)) && state.question.is_some()
    });
    // Only now the slow client reads: events without a gap, then a snapshot that jumps ahead.
    let mut seq = 0;
    let mut snapshots = 0;
    while seq < state.seq {
        match receive(&mut slow).unwrap() {
            ToClient::Push(Push::Event(event)) => {
                assert!(
                    seq == 0 || event.seq <= seq + 1,
                    "a gap from {seq} to {}",
                    event.seq
                );
                seq = seq.max(event.seq);
            }
            ToClient::Push(Push::Snapshot(fresh)) => {
                snapshots += 1;
                seq = fresh.seq;
            }
            _ => {}
        }
    }
    assert!(
        snapshots >= 1,
        "the queue is bounded, so a snapshot was due"
    );
}

#[test]
fn fifty_clients_come_and_go_and_leave_no_trace() {
    let engine = waiting();
    for round in 0..3 {
        let clients: Vec<UnixStream> = (0..50).map(|_| engine.greeted(round % 2 == 0)).collect();
        drop(clients);
    }
    assert!(engine.state().is_some_and(|state| state.question.is_some()));
}

#[test]
fn the_runner_dies_and_the_run_does_not_notice() {
    let mut engine = waiting();
    // SIGKILL: the plain client has no chance to say good-bye.
    engine.runner.kill().unwrap();
    engine.runner.wait().unwrap();
    let question = engine.state().unwrap().question.unwrap().id;
    let mut watcher = engine.greeted(true);
    engine.ask(&Request::Answer {
        question,
        yes: true,
    });
    loop {
        match receive(&mut watcher).unwrap() {
            ToClient::Push(Push::Event(event))
                if matches!(event.body, EventBody::RunFinished { .. }) =>
            {
                break;
            }
            _ => {}
        }
    }
}

#[test]
fn ctl_gives_as_many_lines_of_the_log_as_were_asked_for() {
    let engine = Engine::start(
        "Step(name: \"flood\", action: RunCommandLine(command: \"seq -f 'line %.0f.' 1 3000\")), \
         Step(name: \"hold\", action: Pause(message: \"look\")),",
    );
    engine.wait_for("the question", |state| state.question.is_some());
    let lines = |arguments: &[&str]| -> Vec<String> {
        let done = Command::new(env!("CARGO_BIN_EXE_wimforge"))
            .args(["ctl", "log", "--find", "line "])
            .args(arguments)
            .env("WIMFORGE_RUNTIME_DIR", engine.folder.path().join("run"))
            .output()
            .unwrap();
        let Reply::Log(page) = serde_json::from_slice(&done.stdout).unwrap() else {
            panic!("another reply");
        };
        page.lines
            .into_iter()
            .map(|line| line.text)
            .filter(|text| text.starts_with("line "))
            .collect()
    };
    let expected = |numbers: std::ops::RangeInclusive<u32>| -> Vec<String> {
        numbers.map(|n| format!("line {n}.")).collect()
    };
    // More than one page of the engine holds, in either direction.
    assert_eq!(lines(&["--lines", "2500"]), expected(501..=3000));
    let from_the_first = lines(&["--lines", "2500", "--from", "0"]);
    let wanted = expected(1..=3000);
    assert!(from_the_first.len() > 2400 && wanted.starts_with(&from_the_first));
}
