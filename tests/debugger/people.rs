//! Who is attached and who may act: one console holds the pen. Over a real socket, with a real server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use wimforge::client::{Client, Incoming, Manner, Receiver, Sender};
use wimforge::engine::server::Server;
use wimforge::event::EventBody;
use wimforge::protocol::{Push, Refusal, Reply, Request, Role};
use wimforge::run_state::{People, RunState};
use wimforge::transport::{Endpoint, Listener};

use crate::common::tokio_runtime;
use crate::live::{Live, ok};

/// One that is attached.
pub struct Person {
    sender: Sender,
    receiver: Receiver,
    number: u64,
    /// Everything that was pushed so far.
    pub pushed: Vec<Push>,
    pub client: u32,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Person {
    pub async fn attach(endpoint: &Endpoint, name: &str, manner: &Manner) -> Self {
        let client = Client::connect_patiently(endpoint, name, manner, PATIENCE)
            .await
            .unwrap();
        let number = client.hello().client;
        let (sender, receiver) = client.split();
        Self {
            sender,
            receiver,
            number: 0,
            pushed: Vec::new(),
            client: number,
        }
    }

    pub async fn next(&mut self) -> Incoming {
        timeout(PATIENCE, self.receiver.next())
            .await
            .unwrap()
            .unwrap()
    }

    pub async fn ask(&mut self, request: Request) -> Reply {
        self.number += 1;
        self.sender.send(self.number, request).await.unwrap();
        loop {
            match self.next().await {
                Incoming::Reply(number, reply) => {
                    assert_eq!(number, self.number);
                    return reply;
                }
                Incoming::Push(push) => self.pushed.push(push),
                Incoming::Lost(why) => panic!("{why}"),
            }
        }
    }

    /// Reads pushes until one is as wanted.
    pub async fn until(&mut self, wanted: impl Fn(&Push) -> bool) -> Push {
        if let Some(push) = self.pushed.iter().find(|push| wanted(push)) {
            return push.clone();
        }
        loop {
            match self.next().await {
                Incoming::Push(push) => {
                    self.pushed.push(push.clone());
                    if wanted(&push) {
                        return push;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// How everybody sees a client that calls itself so: its user is what the system says.
fn named(what: &str) -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::current());
    format!("{}@10.0.0.7 ({what})", user.unwrap().unwrap().name)
}

fn manner(role: Role) -> Manner {
    Manner {
        watch: true,
        role,
        from: "10.0.0.7".to_owned(),
        size: (80, 24),
    }
}

/// A run and the socket it is served at; ends when it is dropped.
struct Served {
    live: Live,
    endpoint: Endpoint,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn serve(live: Live) -> Served {
    let endpoint = Endpoint::in_folder(&live.bench.path("socket"));
    let listener = Listener::bind(&endpoint).unwrap();
    let server = Arc::new(Server::new(
        Arc::clone(&live.bench.dispatcher),
        live.bench.options.clone(),
        None,
    ));
    let server = tokio::spawn(async move {
        let _ = server.serve(listener, Duration::from_secs(600)).await;
    });
    Served {
        live,
        endpoint,
        server,
    }
}

impl Served {
    fn people(&self) -> People {
        self.live.state().people
    }

    async fn wait(&self, what: &str, wanted: impl Fn(&People) -> bool) -> People {
        let begun = Instant::now();
        loop {
            let people = self.people();
            if wanted(&people) {
                return people;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "waited in vain for {what}: {people:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn console(&self, name: &str) -> Person {
        Person::attach(&self.endpoint, name, &manner(Role::Console)).await
    }
}

fn no_pen(holder: &str) -> Reply {
    Reply::Refused(Refusal::NoPen(named(holder)))
}

#[test]
fn the_pen_goes_from_hand_to_hand() {
    tokio_runtime().block_on(async {
        let served = serve(Live::debugged(&(ok("1") + &ok("2"))));
        let mut first = served.console("first").await;
        let people = served.wait("the first", |people| people.attached.len() == 1).await;
        assert_eq!(people.pen, Some(first.client));
        assert_eq!(people.attached[0].from, "10.0.0.7");
        let mut second = served.console("second").await;
        served.wait("the second", |people| people.attached.len() == 2).await;
        assert_eq!(second.ask(Request::Step).await, no_pen("first"));
        for reading in [
            Request::Status,
            Request::Explain { name: "A".into() },
            Request::DescribeStep { node: wimforge::event::NodeId(0) },
            Request::ReadLog(wimforge::protocol::LogQuery::default()),
            Request::Resized { columns: 100, rows: 30 },
        ] {
            let reply = second.ask(reading.clone()).await;
            assert!(!matches!(reply, Reply::Refused(_)), "{reading:?}: {reply:?}");
        }
        assert_eq!(second.ask(Request::TakePen).await, Reply::Accepted);
        assert_eq!(served.people().pen, Some(second.client));
        assert_eq!(first.ask(Request::Step).await, no_pen("second"));
        assert_eq!(second.ask(Request::Step).await, Reply::Accepted);
        served.live.held_before("2");
        // The other one sees who has it now.
        let client = second.client;
        let told = first
            .until(|push| matches!(push, Push::Event(event) if matches!(event.body, EventBody::PenTaken { .. })))
            .await;
        assert!(
            matches!(told, Push::Event(event) if matches!(&event.body, EventBody::PenTaken { by } if by.client == client && by.name == named("second")))
        );
        // Whoever has it may say so again: no event.
        let taken = |live: &Live| {
            let events = live.events();
            let taken = |event: &&wimforge::event::Event| matches!(event.body, EventBody::PenTaken { .. });
            events.iter().filter(taken).count()
        };
        assert_eq!(second.ask(Request::TakePen).await, Reply::Accepted);
        assert_eq!(taken(&served.live), 1);
        // The holder leaves: free; the next one who acts has it.
        drop(second);
        served.wait("a free pen", |people| people.pen.is_none()).await;
        assert_eq!(first.ask(Request::Continue).await, Reply::Accepted);
        assert_eq!(served.people().pen, Some(first.client));
        served.live.wait("the end", |state| state.end.is_some());
        assert_eq!(taken(&served.live), 2);
    });
}

#[test]
fn a_console_that_comes_while_the_pen_lies_free_has_it() {
    tokio_runtime().block_on(async {
        let served = serve(Live::debugged(&ok("1")));
        let first = served.console("first").await;
        served
            .wait("the first", |people| people.attached.len() == 1)
            .await;
        drop(first);
        served
            .wait("nobody", |people| {
                people.attached.is_empty() && people.pen.is_none()
            })
            .await;
        let second = served.console("second").await;
        let people = served
            .wait("the second", |people| people.attached.len() == 1)
            .await;
        assert_eq!(people.pen, Some(second.client));
    });
}

#[test]
fn a_watcher_only_reads_and_a_tool_may_always() {
    tokio_runtime().block_on(async {
        let served = serve(Live::debugged(&(ok("1") + &ok("2"))));
        let mut watcher = Person::attach(&served.endpoint, "watcher", &manner(Role::Watcher)).await;
        let people = served
            .wait("the watcher", |people| people.attached.len() == 1)
            .await;
        assert_eq!(people.pen, None, "a watcher gets no pen");
        assert!(!people.attached[0].may_act);
        let node = wimforge::event::NodeId(0);
        for request in [
            Request::Pause,
            Request::Continue,
            Request::Step,
            Request::TakePen,
            Request::ClearBreaks,
            Request::Shutdown,
            Request::Break { node, set: true },
            Request::RunTo { node },
            Request::Jump { to: node },
            Request::Retry { node, attempt: 1 },
            Request::Skip { node, attempt: 1 },
            Request::RestartAndRetry { node, attempt: 1 },
            Request::Cancel { kill: true },
            Request::Answer {
                question: 1,
                yes: true,
            },
            Request::Recheck { question: 1 },
            Request::Bundle { to: String::new() },
            Request::SetVariable {
                name: "A".into(),
                value: "b".into(),
            },
            Request::OverrideStep {
                node,
                to: wimforge::protocol::StepChange::Original,
            },
            Request::Start(wimforge::protocol::StartRun::default()),
            Request::Replay(wimforge::protocol::ReplayCommand::Toggle),
        ] {
            assert_eq!(
                watcher.ask(request.clone()).await,
                Reply::Refused(Refusal::OnlyWatching),
                "{request:?}"
            );
        }
        assert!(matches!(
            watcher.ask(Request::Status).await,
            Reply::Snapshot(_)
        ));
        let size = Request::Resized {
            columns: 60,
            rows: 20,
        };
        assert_eq!(watcher.ask(size).await, Reply::Accepted);
        assert_eq!(served.people().attached[0].size, (60, 20));
        // A console has the pen: the tool goes past it, and does not take it.
        let console = served.console("console").await;
        served
            .wait("the console", |people| people.pen == Some(console.client))
            .await;
        let mut tool = Person::attach(&served.endpoint, "ctl", &Manner::tool()).await;
        assert_eq!(tool.ask(Request::Step).await, Reply::Accepted);
        served.live.held_before("2");
        let people = served.people();
        assert_eq!(people.pen, Some(console.client));
        assert_eq!(
            people.attached.len(),
            2,
            "one that does not look on is not listed"
        );
    });
}

#[test]
fn sizes_and_comings_are_told_to_everybody_once() {
    tokio_runtime().block_on(async {
        let served = serve(Live::debugged(&ok("1")));
        let mut first = served.console("first").await;
        let second = served.console("second").await;
        first
            .until(|push| matches!(push, Push::People(people) if people.attached.len() == 2))
            .await;
        let size = Request::Resized { columns: 132, rows: 43 };
        assert_eq!(first.ask(size.clone()).await, Reply::Accepted);
        first
            .until(|push| matches!(push, Push::People(people) if people.attached[0].size == (132, 43)))
            .await;
        let pushes = first.pushed.len();
        assert_eq!(first.ask(size).await, Reply::Accepted);
        assert_eq!(first.pushed.len(), pushes, "the same size is no news");
        let log = served.live.state().log;
        let said = |text: &str| log.iter().any(|line| line.text == text);
        assert!(said(&format!("{}, 80x24 is attached", named("first"))), "{log:#?}");
        drop(second);
        first
            .until(|push| matches!(push, Push::People(people) if people.attached.len() == 1 && people.attached[0].size.0 == 132))
            .await;
        served.live.wait("the farewell", |state| {
            state.log.iter().any(|line| line.text.starts_with(&format!("{}, 80x24 has left", named("second"))))
        });
    });
}

#[test]
fn a_shell_a_pen_and_a_variable_stand_in_log_and_journal_with_who_it_was() {
    tokio_runtime().block_on(async {
        let served = serve(Live::debugged(&ok("1")));
        let mut first = served.console("first").await;
        let mut second = served.console("second").await;
        served
            .wait("the second", |people| people.attached.len() == 2)
            .await;
        assert_eq!(second.ask(Request::TakePen).await, Reply::Accepted);
        let set = |name: &str, value: &str| Request::SetVariable {
            name: name.into(),
            value: value.into(),
        };
        assert_eq!(second.ask(set("Colour", "red")).await, Reply::Accepted);
        let secret = wimforge::protocol::WireSecret(wimforge::secret::Secret::new("Canary41"));
        let secret = Request::SetSecret {
            name: "Pass".into(),
            value: secret,
        };
        assert_eq!(second.ask(secret).await, Reply::Accepted);
        assert_eq!(second.ask(set("Colour", "")).await, Reply::Accepted);
        // Whoever only looks on may have a shell, too: it is told all the same, and is no hand on the run.
        for open in [true, false] {
            assert_eq!(first.ask(Request::Shell { open }).await, Reply::Accepted);
        }
        assert_eq!(served.people().pen, Some(second.client));
        drop(second);
        served
            .wait("the farewell", |people| people.attached.len() == 1)
            .await;
        let (one, two) = (named("first"), named("second"));
        let log: Vec<String> = served
            .live
            .state()
            .log
            .into_iter()
            .map(|line| line.text)
            .collect();
        for line in [
            format!("{one} has the pen"),
            format!("{two} took the pen from {one}"),
            format!("{two} set the variable Colour to \"red\""),
            format!("{two} set the variable Pass to {}", wimforge::secret::MASK),
            format!("{two} deleted the variable Colour"),
            format!("{one} opened a shell on the machine"),
            format!("{one} came back from the shell"),
            format!("{two}, 80x24 has left, and its pen lies free"),
        ] {
            assert!(log.contains(&line), "{line}: {log:#?}");
        }
        let shells: Vec<(bool, String)> = served
            .live
            .events()
            .iter()
            .filter_map(|event| match &event.body {
                EventBody::ShellChanged { open, by } => Some((*open, by.name.clone())),
                _ => None,
            })
            .collect();
        assert_eq!(shells, [(true, one.clone()), (false, one)]);
        assert!(!format!("{:?}", served.live.events()).contains("Canary41"));
    });
}

#[test]
fn names_of_clients_are_made_harmless() {
    tokio_runtime().block_on(async {
        let served = serve(Live::debugged(&ok("1")));
        let long = format!("\u{1b}[31mred\u{7}\u{202e} {}", "x".repeat(500));
        let _client = served.console(&long).await;
        let people = served
            .wait("the client", |people| people.attached.len() == 1)
            .await;
        let name = &people.attached[0].who.name;
        assert!(
            !name.chars().any(char::is_control) && !name.contains('\u{202e}'),
            "{name:?}"
        );
        assert!(name.len() < 120, "{}", name.len());
    });
}

/// A whole process that is attached and killed: nothing says good-bye for it.
#[test]
fn a_killed_client_disappears_and_its_pen_with_it() {
    tokio_runtime().block_on(async {
        let served = serve(Live::debugged(&ok("1")));
        let folder: PathBuf = served.endpoint.path().parent().unwrap().to_owned();
        let mut other = std::process::Command::new(env!("CARGO_BIN_EXE_wimforge"))
            .args(["attach", "--plain"])
            .env("WIMFORGE_RUNTIME_DIR", &folder)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        served
            .wait("the process", |people| people.attached.len() == 1)
            .await;
        other.kill().unwrap();
        other.wait().unwrap();
        served
            .wait("its end", |people| people.attached.is_empty())
            .await;
        // A console in this process whose connection is cut in the middle of a frame.
        let mut raw = tokio::net::UnixStream::connect(served.endpoint.path())
            .await
            .unwrap();
        let hello = wimforge::protocol::ToEngine::Hello(wimforge::protocol::Hello {
            contract: wimforge::protocol::CONTRACT,
            name: "cut".to_owned(),
            watch: true,
            role: Role::Console,
            ..wimforge::protocol::Hello::default()
        });
        let body = serde_json::to_vec(&hello).unwrap();
        raw.write_all(&u32::try_from(body.len()).unwrap().to_be_bytes())
            .await
            .unwrap();
        raw.write_all(&body).await.unwrap();
        served
            .wait("the console", |people| people.pen.is_some())
            .await;
        raw.write_all(&[0, 0, 1, 0, b'{']).await.unwrap();
        drop(raw);
        served
            .wait("its end", |people| {
                people.attached.is_empty() && people.pen.is_none()
            })
            .await;
    });
}

#[test]
fn the_end_of_a_run_stays_its_last_event_whoever_comes_and_goes() {
    tokio_runtime().block_on(async {
        let served = serve(Live::debugged(&ok("1")));
        let mut console = served.console("console").await;
        assert_eq!(console.ask(Request::Continue).await, Reply::Accepted);
        let state = served.live.wait("the end", |state| state.end.is_some());
        let mut late = served.console("late").await;
        assert_eq!(late.ask(Request::TakePen).await, Reply::Accepted);
        drop(console);
        let people = served
            .wait("only the late one", |people| people.attached.len() == 1)
            .await;
        assert_eq!(
            people.pen,
            Some(late.client),
            "the pen is handed over also after the end"
        );
        served
            .live
            .wait("the report", |_| !served.live.bench.dispatcher.run().1);
        let events = served.live.events();
        assert_eq!(events.last().unwrap().seq, state.seq);
        let shown: RunState = served.live.state();
        assert_eq!(shown.seq, state.seq);
    });
}
