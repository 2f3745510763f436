//! The control socket: one task a client. A client can be slow, wrong or gone; the run does not notice.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, mpsc};
use tokio::time::Instant;

use super::boots::RunEnding;
use super::bundle;
use super::catalog;
use super::dispatcher::Dispatcher;
use super::error::EngineError;
use super::people::{self, attached};
use super::start::{self, EngineOptions, RunThread};
use crate::event::Who;
use crate::protocol::{
    CONTRACT, Hello, LONGEST_PUSH, LONGEST_REQUEST, Push, Refusal, Reply, Request, Role, ToClient,
    ToEngine,
};
use crate::text;
use crate::transport::codec::{FrameError, read_frame, write_frame};
use crate::transport::{Listener, Stream};

/// A client must say hello within this time.
const HELLO: Duration = Duration::from_secs(5);
/// Clients at once; one more is refused.
const CLIENTS: u32 = 200;
/// Least time between two snapshots for a client that falls behind: one for each four thousand of millions of lines
/// would cost more than the lines.
const SNAPSHOTS: Duration = Duration::from_millis(500);
/// Replies and refusals waiting for a client; one that does not read its replies is not read from.
const REPLIES: usize = 64;

/// The engine as its clients see it.
pub struct Server {
    dispatcher: Arc<Dispatcher>,
    options: EngineOptions,
    clients: AtomicU32,
    numbers: AtomicU32,
    /// The client that asked for the engine's end; 0 before.
    ender: AtomicU32,
    shutdown: Notify,
    changed: Notify,
    run: std::sync::Mutex<Option<RunThread>>,
}

impl Server {
    /// A server for this dispatcher; `run` is a run that is going on already (a resumed one).
    pub fn new(
        dispatcher: Arc<Dispatcher>,
        options: EngineOptions,
        run: Option<RunThread>,
    ) -> Self {
        Self {
            dispatcher,
            options,
            clients: AtomicU32::new(0),
            numbers: AtomicU32::new(1),
            ender: AtomicU32::new(0),
            shutdown: Notify::new(),
            changed: Notify::new(),
            run: std::sync::Mutex::new(run),
        }
    }

    /// Serves until nobody needs the engine any more: no run is going on and no client has been there for `linger`, or a
    /// client asked for the end.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(
        self: Arc<Self>,
        mut listener: Listener,
        linger: Duration,
    ) -> Result<Option<RunEnding>, EngineError> {
        let mut idle_since = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(stream) => {
                        let server = Arc::clone(&self);
                        tokio::spawn(async move { server.client(stream).await });
                    }
                    Err(error) => {
                        // Out of descriptors, most likely: wait for one rather than spin or die.
                        tracing::warn!(%error, "accepting a client");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                },
                () = self.shutdown.notified() => break,
                () = self.changed.notified() => {}
                _ = tick.tick() => {}
            }
            let (_, busy) = self.dispatcher.run();
            if busy || self.clients.load(Ordering::Acquire) > 0 {
                idle_since = Instant::now();
            } else if idle_since.elapsed() >= linger {
                break;
            }
        }
        let thread = self.run.lock().ok().and_then(|mut run| run.take());
        Ok(thread.and_then(|thread| thread.join().ok()))
    }

    async fn client(self: Arc<Self>, stream: Stream) {
        let others = self.clients.fetch_add(1, Ordering::AcqRel);
        let number = self.numbers.fetch_add(1, Ordering::AcqRel);
        let user = stream.user();
        let (mut reader, mut writer) = stream.into_split();
        let refusal = if others >= CLIENTS {
            Some(Refusal::NotNow(format!(
                "{CLIENTS} clients are attached already"
            )))
        } else {
            match self.greet(&mut reader).await {
                Ok(hello) => {
                    let clean = |said: &str| text::shorten(&text::harmless(said), 80).into_owned();
                    let who = Who {
                        client: number,
                        name: people::name(&hello, user.as_deref()),
                    };
                    if hello.watch {
                        let from = clean(&hello.from);
                        let client = attached(who.clone(), hello.role, from, hello.size);
                        self.dispatcher.attach(client);
                    }
                    let refusal = self.attend(&mut reader, &mut writer, who, &hello).await;
                    self.dispatcher.detach(number);
                    refusal
                }
                Err(refusal) => refusal,
            }
        };
        if let Some(refusal) = refusal {
            let frame = ToClient::Refused(refusal);
            let _ =
                tokio::time::timeout(HELLO, write_frame(&mut writer, &frame, LONGEST_PUSH)).await;
        }
        self.end_for(number);
        self.clients.fetch_sub(1, Ordering::AcqRel);
        self.changed.notify_one();
    }

    async fn greet<R>(&self, reader: &mut R) -> Result<Hello, Option<Refusal>>
    where
        R: tokio::io::AsyncRead + Unpin,
    {
        let first = tokio::time::timeout(HELLO, read_frame::<ToEngine, _>(reader, LONGEST_REQUEST));
        match first.await {
            Err(_) => Err(Some(Refusal::BadFrame("no hello came".to_owned()))),
            Ok(Err(FrameError::Closed)) => Err(None),
            Ok(Err(error)) => Err(Some(Refusal::BadFrame(error.to_string()))),
            Ok(Ok(ToEngine::Request(..))) => Err(Some(Refusal::BadFrame(
                "the first frame must be a hello".to_owned(),
            ))),
            Ok(Ok(ToEngine::Hello(hello))) if hello.contract != CONTRACT => {
                Err(Some(Refusal::WrongContract {
                    ours: CONTRACT,
                    theirs: hello.contract,
                }))
            }
            Ok(Ok(ToEngine::Hello(hello))) => Ok(hello),
        }
    }

    /// Serves a greeted client until it leaves; a refusal when it broke the protocol.
    async fn attend<R, W>(
        self: &Arc<Self>,
        reader: &mut R,
        writer: &mut W,
        who: Who,
        said: &Hello,
    ) -> Option<Refusal>
    where
        R: tokio::io::AsyncRead + Unpin + Send,
        W: tokio::io::AsyncWrite + Unpin + Send,
    {
        let (run, _) = self.dispatcher.run();
        let client = who.client;
        let hello = ToClient::Hello(Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            contract: CONTRACT,
            name: "engine".to_owned(),
            run,
            client,
            ..Hello::default()
        });
        if write_frame(writer, &hello, LONGEST_PUSH).await.is_err() {
            return None;
        }
        let (replies, mut outgoing) = mpsc::channel::<ToClient>(REPLIES);
        let reading = self.read_requests(reader, who, said.role, replies);
        let writing = self.write_frames(writer, &mut outgoing, said.watch, client);
        tokio::select! {
            refusal = reading => refusal,
            () = writing => None,
        }
    }

    async fn read_requests<R>(
        self: &Arc<Self>,
        reader: &mut R,
        who: Who,
        role: Role,
        replies: mpsc::Sender<ToClient>,
    ) -> Option<Refusal>
    where
        R: tokio::io::AsyncRead + Unpin,
    {
        loop {
            let (id, request) = match read_frame::<ToEngine, _>(reader, LONGEST_REQUEST).await {
                Ok(ToEngine::Request(id, request)) => (id, request),
                Ok(ToEngine::Hello(_)) => {
                    return Some(Refusal::BadFrame("a second hello".to_owned()));
                }
                Err(FrameError::Closed) => return None,
                Err(error) => return Some(Refusal::BadFrame(error.to_string())),
            };
            let server = Arc::clone(self);
            let by = who.clone();
            // Reading sequences and starting a run touch the disk.
            let reply = tokio::task::spawn_blocking(move || server.handle(&by, role, request))
                .await
                .unwrap_or_else(|_| {
                    Reply::Refused(Refusal::NotNow(
                        "the engine failed at this request".to_owned(),
                    ))
                });
            if replies.send(ToClient::Reply(id, reply)).await.is_err() {
                return None;
            }
        }
    }

    async fn write_frames<W>(
        &self,
        writer: &mut W,
        replies: &mut mpsc::Receiver<ToClient>,
        watch: bool,
        client: u32,
    ) where
        W: tokio::io::AsyncWrite + Unpin,
    {
        let mut pushes = None;
        if watch {
            let (state, receiver) = self.dispatcher.subscribe();
            let snapshot = ToClient::Push(Push::Snapshot(Box::new(state)));
            if write_frame(writer, &snapshot, LONGEST_PUSH).await.is_err() {
                return;
            }
            pushes = Some(receiver);
        }
        let mut told = Instant::now();
        // When a client that fell behind gets a fresh snapshot; until then nothing but replies is sent to it.
        let mut behind: Option<Instant> = None;
        loop {
            let frame = match (&mut pushes, behind) {
                (Some(receiver), None) => tokio::select! {
                    biased;
                    Some(reply) = replies.recv() => reply,
                    push = receiver.recv() => match push {
                        Ok(push) => ToClient::Push(push),
                        Err(broadcast::error::RecvError::Lagged(_)) => {
                            behind = Some(told + SNAPSHOTS);
                            continue;
                        }
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                },
                (Some(receiver), Some(due)) => tokio::select! {
                    biased;
                    Some(reply) = replies.recv() => reply,
                    () = tokio::time::sleep_until(due) => {
                        let (state, fresh) = self.dispatcher.subscribe();
                        *receiver = fresh;
                        behind = None;
                        told = Instant::now();
                        ToClient::Push(Push::Snapshot(Box::new(state)))
                    }
                },
                (None, _) => match replies.recv().await {
                    Some(reply) => reply,
                    None => return,
                },
            };
            if write_frame(writer, &frame, LONGEST_PUSH).await.is_err() {
                return;
            }
            if matches!(frame, ToClient::Reply(..)) {
                self.end_for(client);
            }
        }
    }

    /// Ends the engine when this client has asked for that. Called when it knows, or has gone: it shall not lose the
    /// connection before it has its reply.
    fn end_for(&self, client: u32) {
        if self.ender.load(Ordering::Acquire) == client {
            self.shutdown.notify_one();
        }
    }

    fn handle(&self, who: &Who, role: Role, request: Request) -> Reply {
        if let Err(refusal) = self.dispatcher.allow(who, role, &request) {
            return Reply::Refused(refusal);
        }
        match request {
            // Taken by asking, when it was not held already.
            Request::TakePen => Reply::Accepted,
            Request::Shell { open } => {
                self.dispatcher.shell(who, open);
                Reply::Accepted
            }
            Request::Resized { columns, rows } => {
                self.dispatcher.resized(who.client, (columns, rows));
                Reply::Accepted
            }
            Request::ListSequences { folders } => Reply::Sequences(catalog::list(&folders)),
            Request::Describe { sequence } => {
                Reply::Sequences(vec![catalog::describe(&PathBuf::from(sequence))])
            }
            Request::Start(request) => match start::start(&self.dispatcher, &self.options, request)
            {
                Ok(thread) => {
                    if let Ok(mut run) = self.run.lock() {
                        *run = Some(thread);
                    }
                    Reply::Accepted
                }
                Err(EngineError::Busy(_)) => Reply::Refused(Refusal::AlreadyRunning),
                Err(EngineError::Document(text)) => Reply::Refused(Refusal::BadSequence(text)),
                Err(EngineError::Variable(text)) => Reply::Refused(Refusal::BadValue(text)),
                Err(error) => Reply::Refused(Refusal::NotNow(error.to_string())),
            },
            Request::BundleOffers => Reply::Offers(bundle::offers(&self.dispatcher)),
            Request::Bundle { to } => match bundle::of_run(&self.dispatcher, to.trim()) {
                Ok(facts) => Reply::Written(facts.path.display().to_string(), facts.bytes),
                Err(error) => Reply::Refused(Refusal::NotNow(error.to_string())),
            },
            Request::Shutdown => {
                if self.dispatcher.run().1 {
                    Reply::Refused(Refusal::AlreadyRunning)
                } else {
                    self.ender.store(who.client, Ordering::Release);
                    Reply::Accepted
                }
            }
            other => self.dispatcher.request(who, other),
        }
    }
}
