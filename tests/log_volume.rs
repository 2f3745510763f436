//! A step that logs ten million lines, in a real engine process with a client that looks on: how long it takes, what
//! memory it needs, how fast the log can be read, and that an engine that was killed behind it can be taken up.
//!
//! It takes some minutes and three gigabytes of disk. With `WIMFORGE_QUICK=1` in the environment it is half a million lines.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

#[path = "common/system.rs"]
mod system;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wimforge::client::{self, Client, Incoming, Manner};
use wimforge::event::{NodeId, RunOutcome};
use wimforge::protocol::{LogPage, LogQuery, Pattern, Push, Reply, Request, StartRun, WireSecret};
use wimforge::run_state::{LOG_KEPT, RunState};
use wimforge::secret::Secret;
use wimforge::transport::Endpoint;

/// What the log may add to the memory of an engine.
const GROWTH_KIB: u64 = 40 * 1024;

/// Every line is looked through for these.
const SECRETS: [(&str, &str); 3] = [
    ("Password", "Pl4nted-S3cret"),
    ("Other", "another Secret of th3 run"),
    ("Key", "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"),
];

fn lines() -> u64 {
    if system::asked("WIMFORGE_QUICK") {
        500_000
    } else {
        10_000_000
    }
}

struct Engine {
    process: Child,
    endpoint: Endpoint,
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Engine {
    fn start(folder: &Path, more: &[&str]) -> Self {
        // An image file as the only disk: no other disk of this machine exists for the run.
        let image = folder.join("disk.img");
        std::fs::File::create(&image)
            .unwrap()
            .set_len(16 << 20)
            .unwrap();
        let runtime = folder.join("run");
        let process = Command::new(env!("CARGO_BIN_EXE_wimforge"))
            .args(["engine", "--linger", "600000", "--disk"])
            .arg(format!("0={}", image.display()))
            .args(more)
            .env("WIMFORGE_RUNTIME_DIR", &runtime)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            process,
            endpoint: Endpoint::in_folder(&runtime),
        }
    }

    async fn ask(&self, request: Request) -> Reply {
        client::ask(&self.endpoint, "test", request).await.unwrap()
    }

    /// Waits until it answers.
    async fn up(&mut self, patience: Duration) {
        let begun = Instant::now();
        while client::ask(&self.endpoint, "test", Request::Status)
            .await
            .is_err()
        {
            assert!(
                self.process.try_wait().unwrap().is_none(),
                "the engine ended"
            );
            assert!(begun.elapsed() < patience, "the engine does not come up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn state(&self) -> RunState {
        match self.ask(Request::Status).await {
            Reply::Snapshot(state) => *state,
            other => panic!("{other:?}"),
        }
    }

    async fn wait(
        &self,
        what: &str,
        patience: Duration,
        wanted: impl Fn(&RunState) -> bool,
    ) -> RunState {
        let begun = Instant::now();
        loop {
            let state = self.state().await;
            if wanted(&state) {
                return state;
            }
            assert!(
                begun.elapsed() < patience,
                "waited in vain for {what}: {:?}",
                state.log.back()
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// A line of `/proc/PID/status`, in KiB: `VmRSS` is the memory now, `VmHWM` the most it ever was.
    fn memory(&self, what: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        status
            .lines()
            .find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok())
            .unwrap()
    }

    async fn read(&self, query: LogQuery) -> LogPage {
        let begun = Instant::now();
        let reply = self.ask(Request::ReadLog(query.clone())).await;
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(1), "{query:?} took {took:?}");
        match reply {
            Reply::Log(page) => page,
            other => panic!("{other:?}"),
        }
    }
}

/// Reads everything that an engine sends, as a console does; how many pushes there were.
async fn look_on(endpoint: Endpoint) -> u64 {
    let manner = Manner {
        watch: true,
        ..Manner::default()
    };
    let client = Client::connect(&endpoint, "looks on", &manner)
        .await
        .unwrap();
    let (_sender, mut receiver) = client.split();
    let (mut seq, mut pushes) = (0, 0);
    while let Some(incoming) = receiver.next().await {
        match incoming {
            Incoming::Push(Push::Event(event)) => {
                assert!(
                    seq == 0 || event.seq == seq + 1,
                    "a gap: {seq}, then {}",
                    event.seq
                );
                seq = event.seq;
            }
            Incoming::Push(Push::Snapshot(state)) => seq = state.seq,
            Incoming::Lost(_) => break,
            _ => {}
        }
        pushes += 1;
    }
    pushes
}

/// The numbers of the lines of the flood among these.
fn number(page: &LogPage) -> Vec<u64> {
    let number = |text: &str| text.strip_prefix("line ")?.parse().ok();
    page.lines
        .iter()
        .filter_map(|line| number(&line.text))
        .collect()
}

#[tokio::test]
async fn ten_million_lines() {
    let lines = lines();
    let folder =
        tempfile::tempdir_in(std::env::var_os("TMPDIR").unwrap_or_else(|| "/var/tmp".into()))
            .unwrap();
    let sequence = folder.path().join("flood.ron");
    std::fs::write(
        &sequence,
        format!(
            "Sequence(schema: 1, name: \"Flood\", steps: [\
             Step(name: \"flood\", action: RunCommandLine(command: \"seq -f 'line %.0f' 1 {lines}\")),\
             Step(name: \"hold\", action: Pause(message: \"look\")),\
             Step(name: \"end\", action: SetVariable(variable: \"A\", value: \"b\"))])"
        ),
    )
    .unwrap();
    let mut engine = Engine::start(folder.path(), &[]);
    engine.up(Duration::from_secs(20)).await;
    let endpoint = engine.endpoint.clone();
    // On a thread of its own: what is measured here must not wait for it.
    let watcher = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(look_on(endpoint))
    });
    let before = engine.memory("VmRSS");
    let begun = Instant::now();
    let start = StartRun {
        sequence: sequence.display().to_string(),
        secrets: SECRETS
            .map(|(name, value)| (name.to_owned(), WireSecret(Secret::new(value))))
            .to_vec(),
        ..StartRun::default()
    };
    assert_eq!(engine.ask(Request::Start(start)).await, Reply::Accepted);
    let patience = Duration::from_secs(1_200);
    let state = engine
        .wait("the end of the flood", patience, |state| {
            state.question.is_some()
        })
        .await;
    let took = begun.elapsed();
    let most = engine.memory("VmHWM");
    println!(
        "{lines} lines in {took:?}, {:?} each; memory {before} KiB before, {most} KiB at most",
        took / u32::try_from(lines).unwrap()
    );
    assert!(took < Duration::from_secs(180), "{took:?}");
    assert!(most - before < GROWTH_KIB, "{before} KiB became {most} KiB");
    assert_eq!(state.log.len(), LOG_KEPT);
    assert!(state.log_dropped > lines - LOG_KEPT as u64);
    check_pages(&engine, lines, state.seq).await;
    let most = engine.memory("VmHWM");
    assert!(
        most - before < GROWTH_KIB,
        "reading: {before} KiB became {most} KiB"
    );

    // Killed and taken up: the whole journal is read, and none of it kept.
    let run = PathBuf::from(&state.folder);
    drop(engine);
    let pushes = watcher.join().unwrap();
    println!("{pushes} pushes to the client that looked on");
    let begun = Instant::now();
    let mut more = vec!["--resume".to_owned(), run.display().to_string()];
    for (name, value) in SECRETS {
        let file = folder.path().join(name);
        std::fs::write(&file, value).unwrap();
        more.push("--secret".to_owned());
        more.push(format!("{name}=file:{}", file.display()));
    }
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let mut engine = Engine::start(folder.path(), &more);
    engine.up(Duration::from_secs(300)).await;
    println!(
        "taken up in {:?}, {} KiB at most",
        begun.elapsed(),
        engine.memory("VmHWM")
    );
    let again = engine
        .wait("the question", patience, |state| state.question.is_some())
        .await;
    assert!(engine.memory("VmHWM") < before + GROWTH_KIB);
    assert_eq!(again.nodes[0].status, state.nodes[0].status);
    assert!(again.log_dropped > lines - LOG_KEPT as u64);
    check_pages(&engine, lines, again.seq).await;
    let question = again.question.unwrap().id;
    let begun = Instant::now();
    let answer = Request::Answer {
        question,
        yes: true,
    };
    assert_eq!(engine.ask(answer).await, Reply::Accepted);
    let end = engine
        .wait("the end", patience, |state| state.end.is_some())
        .await;
    assert_eq!(end.end.unwrap().outcome, RunOutcome::Succeeded);
    while !run.join("report.html").exists() {
        assert!(begun.elapsed() < patience, "no report");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "report after {:?}, {} KiB at most",
        begun.elapsed(),
        engine.memory("VmHWM")
    );
    assert!(engine.memory("VmHWM") < before + GROWTH_KIB);
    let records: u64 = std::fs::read_dir(&run)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "log"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(
        records > lines * 100,
        "the log file holds only {records} bytes"
    );
}

/// Begin, middle and end of the log, and a line that is looked for.
async fn check_pages(engine: &Engine, lines: u64, seq: u64) {
    let from = |from, forward| LogQuery {
        from,
        forward,
        most: 500,
        node: Some(NodeId(0)),
        ..LogQuery::default()
    };
    let begin = number(&engine.read(from(0, true)).await);
    assert_eq!(begin[..3], [1, 2, 3]);
    // The lines are events one after the other, but for a handful between them.
    let middle = number(&engine.read(from(seq / 2, true)).await);
    assert!(middle.len() > 400 && middle.windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert!(middle[0].abs_diff(lines / 2) < 1_000, "{}", middle[0]);
    let back = number(&engine.read(from(seq / 2 + 1, false)).await);
    assert_eq!(back.last().map(|last| last + 1), middle.first().copied());
    let end = number(&engine.read(from(u64::MAX, false)).await);
    assert_eq!(end.last().copied(), Some(lines));
    // A search goes on page by page, each in bounded time.
    let searching = Instant::now();
    let wanted = lines / 2 + 5_000;
    let mut query = LogQuery {
        find: Some(Pattern {
            text: format!("^line {wanted}$"),
            regex: true,
        }),
        ..from(seq / 2, true)
    };
    loop {
        let page = engine.read(query.clone()).await;
        if !page.lines.is_empty() {
            assert_eq!(number(&page), [wanted]);
            break;
        }
        assert!(
            !page.end && searching.elapsed() < Duration::from_secs(30),
            "not found"
        );
        query.from = page.through;
    }
}
