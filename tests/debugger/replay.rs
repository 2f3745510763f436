//! A recorded run, played back over a real socket to a real client.

use std::path::Path;
use std::time::{Duration, Instant};

use wimforge::client::{Client, Manner};
use wimforge::engine::bundle;
use wimforge::engine::replay::{Tape, serve};
use wimforge::engine::run_folder::RunFolder;
use wimforge::event::{Event, NodeId};
use wimforge::protocol::{
    LogQuery, Push, Refusal, ReplayCommand, ReplayState, Reply, Request, Role, StartRun, StepChange,
};
use wimforge::run_state::RunState;
use wimforge::transport::{Endpoint, Listener};

use crate::common::{Finished, tokio_runtime};
use crate::live::{Live, command, failing, group, ok, slow};
use crate::people::Person;

/// A recorded run: its folder, and what was known at its end.
struct Recorded {
    folder: tempfile::TempDir,
    run: Finished,
}

fn recorded() -> Recorded {
    let steps = ok("1")
        + &group(
            "G",
            "continue_on_error: true,",
            &(slow("2", 300) + &failing("3", "")),
        )
        + &slow("4", 300)
        + &ok("5");
    record(&steps)
}

fn record(steps: &str) -> Recorded {
    let live = Live::with(steps, |request| {
        request.set.push(("Given".into(), "at the start".into()));
    });
    live.wait("the report", |state| {
        state.end.is_some() && !live.bench.dispatcher.run().1
    });
    let folder = tempfile::tempdir().unwrap();
    crate::live::copy(&live.folder(), folder.path());
    let run = live.finish();
    Recorded { folder, run }
}

/// A player and its socket.
struct Played {
    endpoint: Endpoint,
    server: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Drop for Played {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn play(recorded: &Path, speed: u32) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::in_folder(folder.path());
    let listener = Listener::bind(&endpoint).unwrap();
    let tape = Tape::open(&RunFolder::at(recorded)).unwrap();
    let server = tokio::spawn(async move {
        let _ = serve(tape, speed, listener).await;
    });
    Played {
        endpoint,
        server,
        _folder: folder,
    }
}

impl Played {
    async fn attach(&self) -> Person {
        let manner = Manner {
            watch: true,
            role: Role::Console,
            ..Manner::default()
        };
        Person::attach(&self.endpoint, "console", &manner).await
    }
}

/// What a client knows after everything that was pushed to it; events must follow each other without a gap.
fn folded(pushed: &[Push]) -> (RunState, Vec<Event>, Option<ReplayState>) {
    let mut state = RunState::default();
    let mut events = Vec::new();
    let mut stands = None;
    for push in pushed {
        match push {
            Push::Snapshot(fresh) => state = (**fresh).clone(),
            Push::Event(event) => {
                assert_eq!(event.seq, state.seq + 1, "a gap or a repetition");
                state.apply(event);
                events.push(event.clone());
            }
            Push::Replay(replay) => stands = Some(*replay),
            _ => {}
        }
    }
    (state, events, stands)
}

async fn to_the_end(person: &mut Person) {
    let at_end = |push: &Push| matches!(push, Push::Replay(r) if r.at == r.length && !r.playing);
    if !person.pushed.iter().any(at_end) {
        person.until(at_end).await;
    }
}

async fn steer(person: &mut Person, command: ReplayCommand) -> Reply {
    person.ask(Request::Replay(command)).await
}

#[test]
fn every_event_comes_in_order_and_the_end_is_the_same() {
    let recorded = recorded();
    tokio_runtime().block_on(async {
        let played = play(recorded.folder.path(), 100);
        let mut person = played.attach().await;
        let begun = Instant::now();
        to_the_end(&mut person).await;
        // At the recorded speed it takes as long as it took.
        assert!(begun.elapsed() > Duration::from_millis(500));
        let Push::Snapshot(first) = &person.pushed[0] else {
            panic!("no snapshot first");
        };
        assert_eq!(first.seq, 1, "it begins with the plan");
        assert_eq!(first.plan, recorded.run.state.plan);
        let (state, events, _) = folded(&person.pushed);
        assert_eq!(
            events,
            recorded.run.events[1..],
            "every event, and as it was recorded"
        );
        let mut expected = recorded.run.state.clone();
        expected.people = state.people.clone();
        expected.now = state.now;
        // It was copied: its files are where it is played from.
        expected.folder = recorded.folder.path().display().to_string();
        assert_eq!(state, expected);
    });
}

#[test]
fn faster_is_faster_and_a_huge_speed_comes_as_a_snapshot_or_events_without_gaps() {
    let recorded = recorded();
    tokio_runtime().block_on(async {
        for speed in [1_000, u32::MAX] {
            let played = play(recorded.folder.path(), speed);
            let begun = Instant::now();
            let mut person = played.attach().await;
            to_the_end(&mut person).await;
            assert!(
                begun.elapsed() < Duration::from_millis(500),
                "{:?}",
                begun.elapsed()
            );
            assert_eq!(folded(&person.pushed).0.end, recorded.run.state.end);
        }
    });
}

#[test]
fn the_lowest_speed_moves_still() {
    let recorded = recorded();
    tokio_runtime().block_on(async {
        let played = play(recorded.folder.path(), 1);
        let mut person = played.attach().await;
        assert_eq!(
            steer(&mut person, ReplayCommand::Speed(0)).await,
            Reply::Accepted
        );
        person
            .until(|push| matches!(push, Push::Replay(r) if r.speed == 1 && r.at >= 5))
            .await;
        let begun = Instant::now();
        person
            .until(|push| matches!(push, Push::Replay(r) if r.at >= 15))
            .await;
        let took = begun.elapsed();
        assert!(
            took > Duration::from_millis(400) && took < Duration::from_secs(5),
            "{took:?}"
        );
    });
}

#[test]
fn it_can_be_stopped_and_moved() {
    let recorded = recorded();
    let length = recorded.run.events.last().unwrap().at - recorded.run.events[0].at;
    tokio_runtime().block_on(async {
        let played = play(recorded.folder.path(), 100);
        let mut person = played.attach().await;
        assert_eq!(
            steer(&mut person, ReplayCommand::Toggle).await,
            Reply::Accepted
        );
        person
            .until(|push| matches!(push, Push::Replay(r) if !r.playing))
            .await;
        // Stopped: nothing comes.
        let before = folded(&person.pushed).0.seq;
        tokio::time::sleep(Duration::from_millis(400)).await;
        let Reply::Snapshot(state) = person.ask(Request::Status).await else {
            panic!("no snapshot");
        };
        assert_eq!(state.seq, before);
        // On, back, beyond both ends.
        for (by, at) in [
            (length / 2, None),
            (-10, None),
            (i64::MIN, Some(0)),
            (i64::MAX, Some(length)),
        ] {
            person.pushed.clear();
            assert_eq!(
                steer(&mut person, ReplayCommand::Move(by)).await,
                Reply::Accepted
            );
            person.until(|push| matches!(push, Push::Replay(_))).await;
            let (state, _, stands) = folded(&person.pushed);
            let stands = stands.unwrap();
            assert_eq!(stands.length, length);
            if let Some(at) = at {
                assert_eq!(stands.at, at);
            }
            let first = recorded.run.events[0].at;
            let expected = recorded
                .run
                .events
                .iter()
                .filter(|event| event.at - first <= stands.at)
                .map(|event| event.seq)
                .max()
                .unwrap();
            assert_eq!(state.seq, expected, "moved by {by}");
        }
        // At the end "go on" begins anew.
        person.pushed.clear();
        assert_eq!(
            steer(&mut person, ReplayCommand::Toggle).await,
            Reply::Accepted
        );
        person
            .until(|push| matches!(push, Push::Replay(r) if r.playing))
            .await;
        assert!(folded(&person.pushed).0.end.is_none());
    });
}

#[test]
fn it_goes_to_a_step_and_knows_no_more_than_was_played() {
    let recorded = recorded();
    let node = |name: &str| {
        let nodes = &recorded.run.state.plan.nodes;
        nodes.iter().find(|node| node.name == name).unwrap().id
    };
    tokio_runtime().block_on(async {
        let played = play(recorded.folder.path(), 100);
        let mut person = played.attach().await;
        steer(&mut person, ReplayCommand::Toggle).await;
        person
            .until(|push| matches!(push, Push::Replay(r) if !r.playing))
            .await;
        for name in ["4", "1", "5", "4"] {
            person.pushed.clear();
            let reply = steer(&mut person, ReplayCommand::ToStep(node(name))).await;
            assert_eq!(reply, Reply::Accepted);
            person.until(|push| matches!(push, Push::Replay(_))).await;
            let (state, _, _) = folded(&person.pushed);
            assert_eq!(state.current, Some(node(name)));
            assert_eq!(state.node(node(name)).unwrap().first_seq, state.seq);
        }
        let (state, _, _) = folded(&person.pushed);
        for group in [node("G"), NodeId(99)] {
            let reply = steer(&mut person, ReplayCommand::ToStep(group)).await;
            assert!(
                matches!(reply, Reply::Refused(Refusal::NotNow(_))),
                "{reply:?}"
            );
        }
        // The log, values and steps: up to here.
        let Reply::Log(page) = person
            .ask(Request::ReadLog(LogQuery {
                from: u64::MAX,
                most: 1_000,
                ..LogQuery::default()
            }))
            .await
        else {
            panic!("no log");
        };
        assert!(page.end && !page.lines.is_empty());
        assert!(page.lines.iter().all(|line| line.seq <= state.seq));
        let explain = |name: &str| Request::Explain { name: name.into() };
        let Reply::History(known) = person.ask(explain("Ran-1")).await else {
            panic!("no history");
        };
        assert_eq!((known.len(), &*known[0].step), (1, "1"));
        assert_eq!(
            person.ask(explain("Ran-5")).await,
            Reply::History(Vec::new())
        );
        let Reply::Step(step) = person.ask(Request::DescribeStep { node: node("5") }).await else {
            panic!("no step");
        };
        assert!(step.original.contains("Ran-5"));
        let to_end = steer(&mut person, ReplayCommand::Move(i64::MAX)).await;
        assert_eq!(to_end, Reply::Accepted);
        let Reply::History(known) = person.ask(explain("Ran-5")).await else {
            panic!("no history");
        };
        assert_eq!(known.len(), 1);
    });
}

#[test]
fn whoever_moves_back_does_not_begin_at_the_start_again() {
    let steps = command("1", "seq 1 20000", "") + &slow("2", 100) + &ok("3");
    let recorded = record(&steps);
    tokio_runtime().block_on(async {
        let played = play(recorded.folder.path(), 100);
        let mut person = played.attach().await;
        steer(&mut person, ReplayCommand::Move(i64::MAX)).await;
        to_the_end(&mut person).await;
        // What was played is not needed again: the first half of the journal could as well be gone.
        let journal = recorded.folder.path().join("journal.jsonl");
        let mut bytes = std::fs::read(&journal).unwrap();
        let half = bytes.len() / 2;
        bytes[..half].fill(b'x');
        std::fs::write(&journal, bytes).unwrap();
        for name in ["3", "2", "3"] {
            let nodes = &recorded.run.state.plan.nodes;
            let node = nodes.iter().find(|node| node.name == name).unwrap().id;
            person.pushed.clear();
            let reply = steer(&mut person, ReplayCommand::ToStep(node)).await;
            assert_eq!(reply, Reply::Accepted);
            person.until(|push| matches!(push, Push::Replay(_))).await;
            let (state, _, _) = folded(&person.pushed);
            assert_eq!(state.current, Some(node));
            let mut expected = RunState::default();
            for event in &recorded.run.events[..usize::try_from(state.seq).unwrap()] {
                expected.apply(event);
            }
            assert_eq!(state.nodes, expected.nodes);
            assert_eq!(state.variables, expected.variables);
            assert_eq!(state.log, expected.log);
            assert_eq!(state.weights, expected.weights);
        }
    });
}

#[test]
fn nothing_can_be_changed() {
    let recorded = recorded();
    let journal = std::fs::read(recorded.folder.path().join("journal.jsonl")).unwrap();
    tokio_runtime().block_on(async {
        let played = play(recorded.folder.path(), 100);
        let mut person = played.attach().await;
        let node = NodeId(0);
        for request in [
            Request::Pause,
            Request::Step,
            Request::Continue,
            Request::Cancel { kill: true },
            Request::Jump { to: node },
            Request::Break { node, set: true },
            Request::RunTo { node },
            Request::Retry { node, attempt: 1 },
            Request::Answer {
                question: 1,
                yes: true,
            },
            Request::SetVariable {
                name: "A".into(),
                value: "b".into(),
            },
            Request::OverrideStep {
                node,
                to: StepChange::Original,
            },
            Request::Start(StartRun::default()),
            Request::TakePen,
            Request::Bundle { to: String::new() },
            Request::Shutdown,
        ] {
            let reply = person.ask(request.clone()).await;
            assert!(
                matches!(&reply, Reply::Refused(Refusal::NotNow(why)) if why.contains("recording")),
                "{request:?}: {reply:?}"
            );
        }
        // The size of the terminal changes nothing that was recorded: a console may say it.
        let size = Request::Resized {
            columns: 60,
            rows: 20,
        };
        assert_eq!(person.ask(size).await, Reply::Accepted);
        to_the_end(&mut person).await;
        assert_eq!(folded(&person.pushed).0.end, recorded.run.state.end);
    });
    assert_eq!(
        std::fs::read(recorded.folder.path().join("journal.jsonl")).unwrap(),
        journal
    );
}

#[test]
fn one_console_after_the_other_and_one_that_says_nothing() {
    let recorded = recorded();
    tokio_runtime().block_on(async {
        let played = play(recorded.folder.path(), 100_000);
        let mut first = played.attach().await;
        to_the_end(&mut first).await;
        drop(first);
        let mut second = played.attach().await;
        second.until(|push| matches!(push, Push::Replay(_))).await;
        assert_eq!(folded(&second.pushed).0.end, recorded.run.state.end);
        assert_eq!(
            steer(&mut second, ReplayCommand::Toggle).await,
            Reply::Accepted
        );
        to_the_end(&mut second).await;
        drop(second);
        // Whoever connects and is silent must not keep the next one out for ever.
        let silent = tokio::net::UnixStream::connect(played.endpoint.path())
            .await
            .unwrap();
        let begun = Instant::now();
        loop {
            match Client::connect(&played.endpoint, "third", &Manner::tool()).await {
                Ok(_) => break,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error}"),
            }
        }
        drop(silent);
    });
}

#[test]
fn a_folder_that_was_moved_is_taken_up_and_bundled_where_it_is() {
    let live = Live::debugged(&ok("1"));
    let second = live.taken_up();
    second.held_before("1");
    let folder = second.folder();
    assert_eq!(second.state().folder, folder.display().to_string());
    let facts = bundle::of_run(&second.bench.dispatcher, "").unwrap();
    assert_eq!(facts.path.parent(), Some(&*folder));
}

#[test]
fn damaged_torn_and_empty_journals() {
    let recorded = recorded();
    let path = recorded.folder.path().join("journal.jsonl");
    let whole = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let error = |text: &str| {
        std::fs::write(&path, text).unwrap();
        match Tape::open(&RunFolder::at(recorded.folder.path())) {
            Ok(_) => panic!("taken"),
            Err(error) => error.to_string(),
        }
    };
    let damaged = whole.replacen("\"seq\":7,", "\"seq\":8,", 1);
    let said = error(&damaged);
    assert!(
        said.contains("line 8") && said.contains("where 7"),
        "{said}"
    );
    let rubbish = format!("{}\nrubbish\n{}\n", lines[..4].join("\n"), lines[4]);
    assert!(error(&rubbish).contains("line 5"), "{}", error(&rubbish));
    assert!(error("").contains("empty"), "{}", error(""));
    let header = format!("{}\n", lines[0]);
    assert!(error(&header).contains("nothing was recorded"));
    assert!(error("hello\n").contains("not a wimforge journal"));
    let newer = whole.replacen("\"wimforge_journal\":1", "\"wimforge_journal\":9", 1);
    assert!(error(&newer).contains("version 9"));
    std::fs::remove_file(&path).unwrap();
    assert!(Tape::open(&RunFolder::at(recorded.folder.path())).is_err());
    // Torn in its last line: the rest is played.
    let cut = lines[..20].join("\n") + "\n{\"seq\":20,\"at\":17";
    std::fs::write(&path, cut).unwrap();
    tokio_runtime().block_on(async {
        let played = play(recorded.folder.path(), 100_000);
        let mut person = played.attach().await;
        to_the_end(&mut person).await;
        assert_eq!(folded(&person.pushed).0.seq, 19);
    });
}
