//! A recorded run, played back: serves the protocol from a journal as an engine serves it from a run, so that the same
//! console shows it. Nothing is changed, no machine is needed.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::error::EngineError;
use super::history::Histories;
use super::journal::{self, Events, Journal};
use super::log_pages::{Index, Pages};
use super::requests::{changed, describe_step};
use super::run_folder::RunFolder;
use super::samples::Recorded;
use crate::event::{Event, EventBody, Millis, NodeId, Progress};
use crate::protocol::{
    CONTRACT, Hello, LONGEST_PUSH, LONGEST_REQUEST, Push, Refusal, ReplayCommand, ReplayState,
    Reply, Request, ToClient, ToEngine,
};
use crate::run_state::RunState;
use crate::sequence::load;
use crate::transport::codec::{read_frame, write_frame};
use crate::transport::{Listener, Stream};

/// How often the position is told while it plays.
const TELL: Duration = Duration::from_millis(500);
/// How often events that are due are looked for.
const TICK: Duration = Duration::from_millis(50);
/// More events than this at once go as a snapshot.
const BATCH: usize = 1_000;
/// Microseconds times hundredths of the speed in a recorded millisecond.
const PER_MILLISECOND: i64 = 1_000 * 100;
/// A client must say hello within this time.
const HELLO: Duration = Duration::from_secs(5);
/// States that are kept along a tape, for whoever moves back.
const KEPT: u64 = 16;
/// Least events between two of them.
const LEAST_APART: u64 = 1_000;

/// A journal that has been looked through.
pub struct Tape {
    folder: RunFolder,
    /// The text of the sequence; empty when it is not there.
    document: String,
    index: Index,
    first: Millis,
    last: Millis,
    /// The event with which each step began first.
    starts: BTreeMap<NodeId, u64>,
}

impl Tape {
    /// Looks through the journal of a run folder.
    ///
    /// # Errors
    /// No journal there, damaged, of another version, or empty.
    pub fn open(folder: &RunFolder) -> Result<Self, EngineError> {
        let path = folder.journal();
        let (mut first, mut last) = (None, 0);
        let mut starts = BTreeMap::new();
        let index = journal::read(&path, &mut |event| {
            first.get_or_insert(event.at);
            // A clock that was set back does not shorten the tape.
            last = event.at.max(last);
            if let EventBody::StepStarted { node, .. } = event.body {
                starts.entry(node).or_insert(event.seq);
            }
        })?;
        let Some(first) = first else {
            return Err(EngineError::Journal {
                path,
                line: 1,
                what: "nothing was recorded".to_owned(),
            });
        };
        Ok(Self {
            folder: folder.clone(),
            document: crate::regular::read_to_string(&folder.sequence()).unwrap_or_default(),
            index,
            first,
            last,
            starts,
        })
    }
}

/// The tape in the machine.
struct Player {
    tape: Tape,
    events: Events,
    /// Read, but not yet due.
    ahead: Option<Event>,
    /// The bars' movements, where they were recorded.
    samples: Option<Peekable<Recorded>>,
    state: RunState,
    histories: Histories,
    /// In order; the first one before the first event.
    kept: Vec<Kept>,
    /// Milliseconds since the first event.
    at: Millis,
    /// Played on top of `at`, in parts of [`PER_MILLISECOND`]: at a low speed a tick is less than one.
    rest: i64,
    speed: u32,
    playing: bool,
    since: Instant,
}

/// What was known at a place of the tape.
struct Kept {
    /// Where the next event begins in the journal.
    offset: u64,
    state: RunState,
    histories: Histories,
}

impl Player {
    fn new(tape: Tape, speed: u32) -> Result<Self, EngineError> {
        let events = Journal::events(&tape.folder.journal())?;
        let start = Kept {
            offset: events.offset(),
            state: RunState::default(),
            histories: Histories::default(),
        };
        Ok(Self {
            samples: Recorded::open(&tape.folder.samples()).map(Iterator::peekable),
            tape,
            events,
            ahead: None,
            state: RunState::default(),
            histories: Histories::default(),
            kept: vec![start],
            at: 0,
            rest: 0,
            speed: in_range(speed),
            playing: true,
            since: Instant::now(),
        })
    }

    fn status(&self) -> ReplayState {
        ReplayState {
            at: self.at,
            length: self.length(),
            speed: self.speed,
            playing: self.playing,
        }
    }

    fn length(&self) -> Millis {
        self.tape.last.saturating_sub(self.tape.first).max(0)
    }

    /// Lets time pass; the events that are due now.
    fn advance(&mut self) -> Vec<Event> {
        let passed = self.since.elapsed();
        self.since = Instant::now();
        if !self.playing {
            return Vec::new();
        }
        let passed = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        let played = passed
            .saturating_mul(i64::from(self.speed))
            .saturating_add(self.rest);
        self.rest = played % PER_MILLISECOND;
        self.at = self
            .at
            .saturating_add(played / PER_MILLISECOND)
            .min(self.length());
        let mut due = Vec::new();
        self.fold_until(self.at, u64::MAX, &mut |event| {
            // More than a batch goes as a snapshot: of millions none but the state is kept.
            if due.len() <= BATCH {
                due.push(event.clone());
            }
        });
        if self.at >= self.length() {
            self.playing = false;
        }
        due
    }

    /// Folds every event up to a time and a number, whichever comes first.
    fn fold_until(&mut self, at: Millis, seq: u64, each: &mut dyn FnMut(&Event)) {
        let until = self.tape.first.saturating_add(at);
        loop {
            if self.ahead.is_none() {
                self.ahead = self.next();
            }
            let due = self
                .ahead
                .take_if(|next| next.at <= until && next.seq <= seq);
            let Some(event) = due else {
                return;
            };
            self.histories.apply(&event, &self.state);
            self.state.apply(&event);
            self.keep();
            each(&event);
        }
    }

    /// The next whole event; none at the end, or where a torn line ends the journal.
    fn next(&mut self) -> Option<Event> {
        let mut event = self.events.next()?.ok()?;
        if let EventBody::RunStarted { folder, .. } = &mut event.body {
            // Where it lies now: it may have been moved or copied.
            *folder = self.tape.folder.path().display().to_string();
        }
        Some(event)
    }

    /// Keeps what is known now, when the last time was long ago.
    fn keep(&mut self) {
        let apart = (self.tape.index.last() / KEPT).max(LEAST_APART);
        let last = self.kept.last().map_or(0, |kept| kept.state.seq);
        if self.state.seq >= last + apart {
            self.kept.push(Kept {
                offset: self.events.offset(),
                state: self.state.clone(),
                histories: self.histories.clone(),
            });
        }
    }

    /// Takes the latest state that was kept and is not too late, unless what is known now is not, either, and later.
    fn wind(&mut self, not_too_late: impl Fn(&RunState) -> bool) -> Result<(), EngineError> {
        let fits = |kept: &Kept| not_too_late(&kept.state);
        let kept = &self.kept[self.kept.iter().rposition(fits).unwrap_or(0)];
        if not_too_late(&self.state) && self.state.seq >= kept.state.seq {
            return Ok(());
        }
        self.events.go_to(kept.offset, kept.state.seq)?;
        self.ahead = None;
        self.state.clone_from(&kept.state);
        self.histories.clone_from(&kept.histories);
        self.samples = Recorded::open(&self.tape.folder.samples()).map(Iterator::peekable);
        Ok(())
    }

    /// Moves to a time, forwards or back.
    fn seek(&mut self, at: Millis) -> Result<(), EngineError> {
        let at = at.clamp(0, self.length());
        let until = self.tape.first.saturating_add(at);
        self.wind(|state| state.now <= until)?;
        self.at = at;
        self.since = Instant::now();
        self.fold_until(at, u64::MAX, &mut |_| {});
        self.sample();
        Ok(())
    }

    fn seek_step(&mut self, node: NodeId) -> Result<bool, EngineError> {
        let Some(seq) = self.tape.starts.get(&node).copied() else {
            return Ok(false);
        };
        self.wind(|state| state.seq < seq)?;
        self.fold_until(Millis::MAX, seq, &mut |_| {});
        self.at = self.state.now.saturating_sub(self.tape.first);
        self.since = Instant::now();
        self.sample();
        Ok(true)
    }

    /// The latest sample that is due, folded.
    fn sample(&mut self) -> Option<Progress> {
        let until = self.tape.first.saturating_add(self.at);
        let samples = self.samples.as_mut()?;
        let mut latest = None;
        while let Some(due) = samples.next_if(|sample| sample.at <= until) {
            latest = Some(due);
        }
        if let Some(progress) = &latest {
            self.state.sample(progress);
        }
        latest
    }

    /// What is pushed after a request that moved or changed the playing.
    fn after(&self, moved: bool) -> Vec<Push> {
        let mut pushes = Vec::new();
        if moved {
            pushes.push(Push::Snapshot(Box::new(self.state.clone())));
        }
        pushes.push(Push::Replay(self.status()));
        pushes
    }

    fn request(&mut self, request: Request) -> (Reply, Vec<Push>) {
        let refused = |why: String| (Reply::Refused(Refusal::NotNow(why)), Vec::new());
        match request {
            Request::Status => (Reply::Snapshot(Box::new(self.state.clone())), Vec::new()),
            Request::Explain { name } => (Reply::History(self.histories.of(&name)), Vec::new()),
            Request::ReadLog(query) => {
                // Only what has been played so far.
                let pages = Pages::new(
                    &self.tape.folder.journal(),
                    self.tape.index.until(self.state.seq),
                );
                match pages.read(&query) {
                    Ok(page) => (Reply::Log(page), Vec::new()),
                    Err(why) => (Reply::Refused(Refusal::BadValue(why)), Vec::new()),
                }
            }
            Request::DescribeStep { node } => {
                let document = load::read_text("", &self.tape.document);
                let known = document
                    .sequence
                    .map(|sequence| sequence.redactor())
                    .unwrap_or_default();
                let step = changed(&self.state, node)
                    .and_then(|text| describe_step(&self.tape.document, text, &known, node));
                (step.unwrap_or_else(Reply::Refused), Vec::new())
            }
            // Nothing here depends on the size of a terminal.
            Request::Resized { .. } => (Reply::Accepted, Vec::new()),
            Request::Replay(command) => match self.steer(command) {
                Ok(Some(moved)) => (Reply::Accepted, self.after(moved)),
                Ok(None) => refused("that step never ran in this recording".to_owned()),
                Err(error) => refused(error.to_string()),
            },
            _ => refused("this is a recording: it can be looked at, not changed".to_owned()),
        }
    }

    /// Whether the position was moved; none when there is nothing to move to.
    fn steer(&mut self, command: ReplayCommand) -> Result<Option<bool>, EngineError> {
        match command {
            ReplayCommand::Toggle => {
                if self.at >= self.length() && !self.playing {
                    self.seek(0)?;
                    self.playing = true;
                    return Ok(Some(true));
                }
                self.playing = !self.playing;
                self.since = Instant::now();
                Ok(Some(false))
            }
            ReplayCommand::Speed(speed) => {
                self.speed = in_range(speed);
                Ok(Some(false))
            }
            ReplayCommand::Move(by) => {
                self.seek(self.at.saturating_add(by))?;
                Ok(Some(true))
            }
            ReplayCommand::ToStep(node) => Ok(self.seek_step(node)?.then_some(true)),
        }
    }
}

fn in_range(speed: u32) -> u32 {
    speed.clamp(1, 1_000_000)
}

/// Plays a tape to every console that attaches, one after the other, until this is dropped. `speed` is in hundredths of
/// the recorded speed.
///
/// # Errors
/// The journal cannot be read (any more).
pub async fn serve(tape: Tape, speed: u32, mut listener: Listener) -> Result<(), EngineError> {
    let mut player = Player::new(tape, speed)?;
    loop {
        match listener.accept().await {
            Ok(stream) => show(&mut player, stream).await,
            Err(error) => {
                return Err(EngineError::File {
                    doing: "accepting",
                    path: PathBuf::from("a console"),
                    source: error,
                });
            }
        }
    }
}

/// Reads a client's frames in a task of its own: a frame must not be dropped half-way.
async fn read_all<R: AsyncRead + Unpin>(mut reader: R, forward: mpsc::Sender<ToEngine>) {
    while let Ok(frame) = read_frame::<ToEngine, _>(&mut reader, LONGEST_REQUEST).await {
        if forward.send(frame).await.is_err() {
            return;
        }
    }
}

async fn show(player: &mut Player, stream: Stream) {
    let (reader, mut writer) = stream.into_split();
    let (forward, mut incoming) = mpsc::channel(16);
    let reading = tokio::spawn(read_all(reader, forward));
    // A client that leaves is no trouble: the next one may come.
    let _ = converse(player, &mut incoming, &mut writer).await;
    reading.abort();
}

async fn converse<W: AsyncWrite + Unpin>(
    player: &mut Player,
    incoming: &mut mpsc::Receiver<ToEngine>,
    writer: &mut W,
) -> Option<()> {
    // One that says nothing must not keep the next one waiting.
    let first = tokio::time::timeout(HELLO, incoming.recv()).await.ok()?;
    let Some(ToEngine::Hello(said)) = first else {
        return None;
    };
    if said.contract != CONTRACT {
        let refusal = Refusal::WrongContract {
            ours: CONTRACT,
            theirs: said.contract,
        };
        return send(writer, &ToClient::Refused(refusal)).await;
    }
    let hello = Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        contract: CONTRACT,
        name: "replay".to_owned(),
        client: 1,
        ..Hello::default()
    };
    send(writer, &ToClient::Hello(hello)).await?;
    // The plan is there from the first frame on.
    if player.state.seq == 0 {
        player.fold_until(0, 1, &mut |_| {});
    }
    player.since = Instant::now();
    for push in player.after(true) {
        send(writer, &ToClient::Push(push)).await?;
    }
    let mut told = Instant::now();
    loop {
        let playing = player.playing;
        let frame = tokio::select! {
            frame = incoming.recv() => Some(frame?),
            () = tokio::time::sleep(TICK), if playing => None,
        };
        match frame {
            Some(ToEngine::Hello(_)) => return None,
            Some(ToEngine::Request(id, request)) => {
                let (reply, pushes) = player.request(request);
                send(writer, &ToClient::Reply(id, reply)).await?;
                for push in pushes {
                    send(writer, &ToClient::Push(push)).await?;
                }
            }
            None => {
                let due = player.advance();
                if due.len() > BATCH {
                    let snapshot = Push::Snapshot(Box::new(player.state.clone()));
                    send(writer, &ToClient::Push(snapshot)).await?;
                } else {
                    for event in due {
                        send(writer, &ToClient::Push(Push::Event(event))).await?;
                    }
                }
                if let Some(progress) = player.sample() {
                    send(writer, &ToClient::Push(Push::Progress(progress))).await?;
                }
                if told.elapsed() >= TELL || !player.playing {
                    told = Instant::now();
                    send(writer, &ToClient::Push(Push::Replay(player.status()))).await?;
                }
            }
        }
    }
}

async fn send<W: AsyncWrite + Unpin>(writer: &mut W, frame: &ToClient) -> Option<()> {
    write_frame(writer, frame, LONGEST_PUSH).await.ok()
}
