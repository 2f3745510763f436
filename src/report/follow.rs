//! Prints a run until it has ended: the client behind `--plain` and `--json`.

use std::io::Write;
use std::time::Duration;

use thiserror::Error;

use super::complain::complain;
use super::plain::Plain;
use crate::client::{Client, ClientError, Incoming, Manner, Sender};
use crate::event::{EventBody, LEFT};
use crate::protocol::{Push, Refusal, Reply, Request, StartRun};
use crate::run_state::RunState;
use crate::transport::{Endpoint, Interrupts};

/// How long a just started engine may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Lines for people.
    Plain,
    /// One JSON object a line.
    Json,
}

/// Why following ended early.
#[derive(Debug, Error)]
pub enum FollowError {
    /// No engine, or it refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The output is gone.
    #[error("writing the output: {0}")]
    Output(#[from] std::io::Error),
}

/// What Ctrl-C means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCtrlC {
    /// This command started the run: cancel it; the second time kill what runs; the third time leave.
    Cancel,
    /// Only looking on: leave, the run goes on.
    Leave,
}

/// Where the run is printed to, and how.
enum Printer<W> {
    Plain(Box<Plain<W>>),
    Json(W),
}

impl<W: Write> Printer<W> {
    fn push(&mut self, push: Push) -> std::io::Result<()> {
        match self {
            Self::Plain(plain) => match push {
                Push::Snapshot(state) => plain.snapshot(*state),
                Push::Event(event) => plain.event(&event),
                Push::Progress(progress) => plain.progress(&progress),
                Push::Bye(_) | Push::People(_) | Push::Replay(_) => Ok(()),
            },
            Self::Json(out) => {
                let line = match &push {
                    Push::Event(event) => serde_json::to_string(event),
                    other => serde_json::to_string(other),
                };
                writeln!(out, "{}", line.map_err(std::io::Error::other)?)?;
                out.flush()
            }
        }
    }
}

/// Connects, starts a run when one is given, and prints until it has ended. The result is the exit code.
///
/// # Errors
/// No engine, a refused start other than a bad document, output that cannot be written.
pub async fn follow<W: Write>(
    endpoint: &Endpoint,
    mode: Mode,
    out: W,
    start: Option<StartRun>,
    on_ctrl_c: OnCtrlC,
) -> Result<u8, FollowError> {
    let name = match mode {
        Mode::Plain => "plain",
        Mode::Json => "json",
    };
    let manner = Manner::follower();
    let client = Client::connect_patiently(endpoint, name, &manner, PATIENCE).await?;
    let (mut sender, mut receiver) = client.split();
    let mut printer = match mode {
        Mode::Plain => Printer::Plain(Box::new(Plain::new(out, RunState::default()))),
        Mode::Json => Printer::Json(out),
    };
    let starting = start.is_some();
    if let Some(start) = start {
        sender.send(1, Request::Start(start)).await?;
    }
    let mut interrupts = Interrupts::new()?;
    let mut cancels = 0;
    // A run that ended before this command started another one is not ours.
    let mut ours = !starting;
    loop {
        tokio::select! {
            incoming = receiver.next() => match incoming {
                Some(Incoming::Push(push)) => {
                    if !ours {
                        ours = matches!(&push, Push::Event(event) if matches!(event.body, EventBody::RunStarted { .. }));
                        if !ours {
                            continue;
                        }
                    }
                    let end = ended(&push);
                    printer.push(push)?;
                    if let Some(code) = end {
                        return Ok(code);
                    }
                }
                Some(Incoming::Reply(1, Reply::Refused(refusal))) if starting => {
                    return Ok(refused(&refusal));
                }
                Some(Incoming::Reply(..)) => {}
                Some(Incoming::Lost(_)) | None => {
                    if mode == Mode::Plain {
                        complain("wimforge: the engine is gone; go on with `wimforge resume`");
                    }
                    return Ok(4);
                }
            },
            () = interrupts.next() => {
                if on_ctrl_c == OnCtrlC::Leave {
                    complain("detached; the run goes on; wimforge attach");
                    return Ok(LEFT);
                }
                cancels += 1;
                if cancels > 2 {
                    return Ok(3);
                }
                cancel(&mut sender, cancels).await?;
            }
        }
    }
}

async fn cancel(sender: &mut Sender, times: u64) -> Result<(), ClientError> {
    let kill = times > 1;
    complain(if kill {
        "wimforge: killing what runs; once more to leave"
    } else {
        "wimforge: cancelling; once more to kill what runs"
    });
    sender.send(1 + times, Request::Cancel { kill }).await
}

fn ended(push: &Push) -> Option<u8> {
    match push {
        Push::Event(event) => match &event.body {
            EventBody::RunFinished { outcome, .. } => Some(outcome.exit_code()),
            _ => None,
        },
        Push::Snapshot(state) => state.end.as_ref().map(|end| end.outcome.exit_code()),
        _ => None,
    }
}

fn refused(refusal: &Refusal) -> u8 {
    complain(&refusal.to_string());
    match refusal {
        Refusal::BadSequence(_) | Refusal::BadValue(_) => 2,
        _ => 1,
    }
}
