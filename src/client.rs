//! The client's half of the protocol, shared by console, plain output and `ctl`.

use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::protocol::{
    CONTRACT, Hello, LONGEST_PUSH, LONGEST_REQUEST, Push, Refusal, Reply, Request, Role, ToClient,
    ToEngine,
};
use crate::transport::codec::{FrameError, read_frame, write_frame};
use crate::transport::{Endpoint, Stream};

/// The engine must answer the hello within this time.
const HELLO: Duration = Duration::from_secs(5);
/// Frames read ahead of the consumer; the engine sends a snapshot to a client that falls further behind.
const AHEAD: usize = 256;

/// Why there is no conversation with an engine.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nothing listens there.
    #[error("no engine is running (nothing listens at {path}): start one with `wimforge` or `wimforge run`", path = .path.display())]
    NoEngine {
        /// The socket.
        path: std::path::PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The engine refuses this client.
    #[error("the engine refused this client: {0}")]
    Refused(Refusal),
    /// No hello in time.
    #[error("the engine did not answer within {} seconds", HELLO.as_secs())]
    Silent,
    /// The connection broke.
    #[error("the connection to the engine was lost: {0}")]
    Lost(String),
}

impl From<FrameError> for ClientError {
    fn from(error: FrameError) -> Self {
        Self::Lost(error.to_string())
    }
}

/// What comes from the engine.
#[derive(Debug)]
pub enum Incoming {
    /// Unasked.
    Push(Push),
    /// The reply to the request of that number.
    Reply(u64, Reply),
    /// The end; nothing follows.
    Lost(String),
}

/// How a client presents itself.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// It wants events, not only replies.
    pub watch: bool,
    /// What it may do.
    pub role: Role,
    /// Where it comes from, when over SSH.
    pub from: String,
    /// Columns and rows of its terminal; 0 where there is none.
    pub size: (u16, u16),
}

impl Manner {
    /// Only replies: `ctl`.
    pub fn tool() -> Self {
        Self {
            from: address(),
            ..Self::default()
        }
    }

    /// Events without a console: plain lines, JSON.
    pub fn follower() -> Self {
        Self {
            watch: true,
            from: address(),
            ..Self::default()
        }
    }

    /// A console with this terminal; `only_watch` never acts.
    pub fn console(size: (u16, u16), only_watch: bool) -> Self {
        let role = if only_watch {
            Role::Watcher
        } else {
            Role::Console
        };
        Self {
            watch: true,
            role,
            from: address(),
            size,
        }
    }
}

/// The other end of the SSH connection this process lives in; empty when there is none.
fn address() -> String {
    std::env::var("SSH_CONNECTION")
        .ok()
        .and_then(|text| text.split_whitespace().next().map(str::to_owned))
        .unwrap_or_default()
}

/// The name that was logged on with before `sudo`; empty when there was none.
fn login() -> String {
    std::env::var("SUDO_USER").unwrap_or_default()
}

/// A name with the terminal at the other end of this process, when there is one: `ctl on /dev/ttyS0`.
pub fn at_terminal(name: &str) -> String {
    let terminal = [0, 1, 2].iter().find_map(|number| {
        let path = std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
        let terminal = path.starts_with("/dev/pts") || path.to_str()?.starts_with("/dev/tty");
        terminal.then_some(path)
    });
    match terminal {
        Some(path) => format!("{name} on {}", path.display()),
        None => name.to_owned(),
    }
}

/// Connected and greeted.
pub struct Client {
    hello: Hello,
    sender: Sender,
    receiver: Receiver,
}

/// Sends requests.
pub struct Sender {
    writer: Box<dyn AsyncWrite + Send + Unpin>,
}

/// Yields what comes. Dropping it ends the reading.
pub struct Receiver {
    incoming: mpsc::Receiver<Incoming>,
    reader: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Client {
    /// Connects and says hello. `name` is for people.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn connect(
        endpoint: &Endpoint,
        name: &str,
        manner: &Manner,
    ) -> Result<Self, ClientError> {
        let stream = Stream::connect(endpoint)
            .await
            .map_err(|source| ClientError::NoEngine {
                path: endpoint.path().to_owned(),
                source,
            })?;
        Self::greet(stream, name, manner).await
    }

    /// Like [`Client::connect`], but waits for an engine that is just starting.
    ///
    /// # Errors
    /// As [`Client::connect`], after `patience`.
    pub async fn connect_patiently(
        endpoint: &Endpoint,
        name: &str,
        manner: &Manner,
        patience: Duration,
    ) -> Result<Self, ClientError> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            match Self::connect(endpoint, name, manner).await {
                Err(ClientError::NoEngine { .. }) if tokio::time::Instant::now() < end => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                other => return other,
            }
        }
    }

    /// Says hello over a stream that is connected.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn greet(stream: Stream, name: &str, manner: &Manner) -> Result<Self, ClientError> {
        let (reader, mut writer) = stream.into_split();
        let hello = ToEngine::Hello(Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            contract: CONTRACT,
            name: if manner.role == Role::Tool {
                at_terminal(name)
            } else {
                name.to_owned()
            },
            watch: manner.watch,
            role: manner.role,
            from: manner.from.clone(),
            login: login(),
            size: manner.size,
            run: None,
            client: 0,
        });
        let mut reader = reader;
        let conversation = async {
            write_frame(&mut writer, &hello, LONGEST_REQUEST).await?;
            match read_frame::<ToClient, _>(&mut reader, LONGEST_PUSH).await? {
                ToClient::Hello(hello) if hello.contract == CONTRACT => Ok(hello),
                ToClient::Hello(hello) => Err(ClientError::Refused(Refusal::WrongContract {
                    ours: hello.contract,
                    theirs: CONTRACT,
                })),
                ToClient::Refused(refusal) => Err(ClientError::Refused(refusal)),
                _ => Err(ClientError::Lost("the engine did not say hello".to_owned())),
            }
        };
        let hello = tokio::time::timeout(HELLO, conversation)
            .await
            .map_err(|_| ClientError::Silent)??;
        let (forward, incoming) = mpsc::channel(AHEAD);
        let reader = tokio::spawn(read_all(reader, forward));
        Ok(Self {
            hello,
            sender: Sender {
                writer: Box::new(writer),
            },
            receiver: Receiver { incoming, reader },
        })
    }

    /// The engine's hello.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The two directions apart.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

/// A task of its own: reading a frame must not be dropped half-way.
async fn read_all<R>(mut reader: R, forward: mpsc::Sender<Incoming>)
where
    R: AsyncRead + Unpin,
{
    loop {
        let incoming = match read_frame::<ToClient, _>(&mut reader, LONGEST_PUSH).await {
            Ok(ToClient::Push(push)) => Incoming::Push(push),
            Ok(ToClient::Reply(id, reply)) => Incoming::Reply(id, reply),
            Ok(ToClient::Hello(_)) => continue,
            Ok(ToClient::Refused(refusal)) => Incoming::Lost(refusal.to_string()),
            Err(error) => Incoming::Lost(error.to_string()),
        };
        let last = matches!(incoming, Incoming::Lost(_));
        if forward.send(incoming).await.is_err() || last {
            return;
        }
    }
}

impl Sender {
    /// Sends a request; the reply carries the same number.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, id: u64, request: Request) -> Result<(), ClientError> {
        let frame = ToEngine::Request(id, request);
        write_frame(&mut self.writer, &frame, LONGEST_REQUEST).await?;
        Ok(())
    }
}

impl Receiver {
    /// The next thing; `None` after [`Incoming::Lost`]. Safe in `select!`.
    pub async fn next(&mut self) -> Option<Incoming> {
        self.incoming.recv().await
    }
}

/// One request, one reply.
///
/// # Errors
/// See [`ClientError`].
pub async fn ask(endpoint: &Endpoint, name: &str, request: Request) -> Result<Reply, ClientError> {
    let client = Client::connect(endpoint, name, &Manner::tool()).await?;
    let (mut sender, mut receiver) = client.split();
    sender.send(1, request).await?;
    loop {
        match receiver.next().await {
            Some(Incoming::Reply(1, reply)) => return Ok(reply),
            Some(Incoming::Lost(why)) => return Err(ClientError::Lost(why)),
            Some(_) => {}
            None => return Err(ClientError::Lost("no reply".to_owned())),
        }
    }
}
