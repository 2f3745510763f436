//! `wimforge attach --plain --follow`: one status line now and then, for machines without a terminal. It outlives the engine:
//! when that is gone it looks for the next one, until it is interrupted.

use std::io::Write;
use std::time::Duration;

use tokio::time::Instant;

use super::follow::FollowError;
use super::plain::time_of_day;
use crate::client::{Client, ClientError, Incoming, Manner, Receiver, Sender};
use crate::codes;
use crate::event::{Millis, NodeId, Question, QuestionKind, Unit};
use crate::protocol::Push;
use crate::run_state::{PhaseState, RunState, Status};
use crate::text::harmless;
use crate::transport::{Endpoint, Interrupts};
use crate::units;

/// How often a line is due while nothing changes.
const EVERY: Duration = Duration::from_secs(5);
/// How often a lost engine is looked for.
const AGAIN: Duration = Duration::from_millis(500);

/// Prints status lines until it is interrupted. The result is the exit code, 0.
///
/// # Errors
/// The engine refuses this client; output that cannot be written.
pub async fn watch<W: Write>(endpoint: &Endpoint, out: W) -> Result<u8, FollowError> {
    let mut interrupts = Interrupts::new()?;
    let mut teller = Teller::new(out);
    let mut connection: Option<(Sender, Receiver)> = None;
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = interrupts.next() => return Ok(0),
            incoming = next(&mut connection) => match incoming {
                Some(Incoming::Push(push)) => {
                    if teller.push(push, now())? {
                        due = Instant::now() + EVERY;
                    }
                }
                Some(Incoming::Reply(..)) => {}
                Some(Incoming::Lost(_)) | None => {
                    connection = None;
                    due = Instant::now();
                    teller.lost(now())?;
                }
            },
            () = tokio::time::sleep_until(due), if connection.is_some() => {
                teller.tick(now())?;
                due = Instant::now() + EVERY;
            }
            client = connect(endpoint, due), if connection.is_none() => match client {
                Ok(client) => {
                    connection = Some(client.split());
                    due = Instant::now() + EVERY;
                }
                Err(error @ ClientError::Refused(_)) => return Err(error.into()),
                Err(_) => {
                    teller.lost(now())?;
                    due = Instant::now() + AGAIN;
                }
            },
        }
    }
}

fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

async fn connect(endpoint: &Endpoint, at: Instant) -> Result<Client, ClientError> {
    tokio::time::sleep_until(at).await;
    Client::connect(endpoint, "status lines", &Manner::follower()).await
}

async fn next(connection: &mut Option<(Sender, Receiver)>) -> Option<Incoming> {
    match connection {
        Some((_, receiver)) => receiver.next().await,
        None => std::future::pending().await,
    }
}

/// What a line is about: another one is due at once when it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct About {
    run: String,
    step: Option<(NodeId, u32)>,
    phase: String,
    stalled: bool,
    question: Option<u32>,
    paused: bool,
    cancelling: Option<bool>,
    ended: bool,
}

impl About {
    fn of(state: &RunState) -> Self {
        let step = running(state).map(|id| (id, state.node(id).map_or(0, |n| n.attempt)));
        Self {
            run: state.run.clone(),
            step,
            phase: state
                .phase
                .as_ref()
                .map(|p| p.name.clone())
                .unwrap_or_default(),
            stalled: state.phase.as_ref().is_some_and(|p| p.stalled_seconds > 0),
            question: state.question.as_ref().map(|question| question.id),
            paused: state.paused,
            cancelling: state.cancelling.as_ref().map(|c| c.kill),
            ended: state.end.is_some(),
        }
    }
}

/// The step that is at work.
fn running(state: &RunState) -> Option<NodeId> {
    state
        .current
        .filter(|id| state.node(*id).is_some_and(|n| n.status == Status::Running))
}

/// Writes the lines.
struct Teller<W> {
    out: W,
    state: RunState,
    told: Option<About>,
    /// The loss was told; none before the first try.
    lost: Option<bool>,
}

impl<W: Write> Teller<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            state: RunState::default(),
            told: None,
            lost: None,
        }
    }

    /// Takes what came; whether a line was written.
    fn push(&mut self, push: Push, now: Millis) -> std::io::Result<bool> {
        match push {
            Push::Snapshot(state) => {
                if self.lost == Some(true) {
                    self.write(now, "connected")?;
                }
                self.lost = Some(false);
                self.state = *state;
            }
            Push::Event(event) => self.state.apply(&event),
            Push::Progress(progress) => {
                self.state.sample(&progress);
                return Ok(false);
            }
            Push::People(_) | Push::Replay(_) | Push::Bye(_) => return Ok(false),
        }
        let about = About::of(&self.state);
        // Between two steps nothing is at work: no line says so.
        let between = about.step.is_none()
            && about.question.is_none()
            && !about.paused
            && self.state.goes_on();
        if between || self.told.as_ref() == Some(&about) {
            return Ok(false);
        }
        self.told = Some(about);
        let text = line(&self.state, now);
        self.write(now, &text)?;
        Ok(true)
    }

    /// Time has passed. A run that has ended, or is none, says so once.
    fn tick(&mut self, now: Millis) -> std::io::Result<()> {
        if !self.state.goes_on() {
            return Ok(());
        }
        let text = line(&self.state, now);
        self.write(now, &text)
    }

    /// No engine is there: said once.
    fn lost(&mut self, now: Millis) -> std::io::Result<()> {
        if self.lost == Some(true) {
            return Ok(());
        }
        let text = match self.lost {
            None => "no engine is running: waiting for one",
            Some(_) if self.state.goes_on() => {
                "the engine is gone: waiting for it (wimforge resume)"
            }
            Some(_) => "the engine has ended: waiting for the next one",
        };
        self.lost = Some(true);
        self.told = None;
        self.write(now, text)
    }

    fn write(&mut self, now: Millis, text: &str) -> std::io::Result<()> {
        writeln!(self.out, "{}  {}", time_of_day(now), one_line(text))?;
        self.out.flush()
    }
}

/// Whatever a step or a tool calls something: one line, nothing a terminal obeys.
fn one_line(text: &str) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>();
    // Two blanks part what a line says; they are put in by [`line`].
    if joined.len() < 2 || !text.contains(['\n', '\r', '\t']) {
        return harmless(text).into_owned();
    }
    harmless(&joined.join(" ")).into_owned()
}

/// How a run stands, in one line.
fn line(state: &RunState, now: Millis) -> String {
    if !state.has_run() {
        return "no run is going".to_owned();
    }
    let (n, m) = state.position();
    let mut parts = Vec::new();
    if state.rehearsal {
        parts.push("REHEARSAL".to_owned());
    }
    if let Some(end) = &state.end {
        let code = match end.code {
            0 => String::new(),
            code => format!(" [{}]", codes::show(code)),
        };
        parts.push(format!("{}: {}{code}", end.outcome.word(), end.summary));
        return parts.join("  ");
    }
    parts.push(format!("step {n} of {m}"));
    if let Some(cancelling) = &state.cancelling {
        parts.push(format!("CANCELLING: waits for {}", cancelling.waiting_for));
        return parts.join("  ");
    }
    if let Some(question) = &state.question {
        let title = question.node.map_or("", |node| state.title(node));
        parts.push(format!("WAITING: {}", asked(question, title)));
        return parts.join("  ");
    }
    match running(state) {
        Some(id) => {
            let attempt = state.node(id).map_or(0, |node| node.attempt);
            let again = match attempt {
                0 | 1 => String::new(),
                more => format!(" (attempt {more})"),
            };
            parts.push(format!("{}{again}", state.title(id)));
            if let Some(phase) = &state.phase {
                parts.extend(progress(phase, now));
            }
            if state.paused {
                parts.push("PAUSING after this step".to_owned());
            }
        }
        None if state.paused => parts.push("PAUSED (wimforge ctl continue)".to_owned()),
        None => {}
    }
    parts.join("  ")
}

/// The phase and how far it is.
fn progress(phase: &PhaseState, now: Millis) -> Vec<String> {
    let mut parts = vec![phase.name.clone()];
    if let Some(share) = phase.permille {
        parts.push(format!("{} %", share / 10));
    } else if phase.unit == Unit::Bytes && phase.done > 0 {
        parts.push(units::bytes(phase.done));
    }
    if phase.stalled_seconds > 0 {
        let silent = phase.silent_millis / 1000;
        let since = u64::try_from(now.saturating_sub(phase.sampled)).unwrap_or(0) / 1000;
        let seconds = silent.saturating_add(since).max(phase.stalled_seconds);
        parts.push(format!("STALLED: no sign of life for {seconds} s"));
        return parts;
    }
    if phase.unit == Unit::Bytes {
        parts.extend(units::rate(phase.done, phase.elapsed()));
    }
    parts.extend(phase.time_left().map(left));
    parts
}

fn left(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 90 {
        format!("{seconds} s left")
    } else {
        format!("{} min left", seconds.div_ceil(60))
    }
}

/// What is asked, and how to answer without a console.
fn asked(question: &Question, title: &str) -> String {
    let what = match &question.kind {
        QuestionKind::Failed { failure, .. } => {
            format!("\"{title}\" failed: {}", failure.message)
        }
        _ => question.about(),
    };
    format!("{what} (wimforge {})", question.answers())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeKind;
    use crate::event::{
        DiskFacts, Event, EventBody, Failure, Outcome, Plan, PlanNode, Progress, RunOutcome, Who,
    };

    const START: Millis = 1_773_498_665_000;

    struct Told {
        teller: Teller<Vec<u8>>,
        seq: u64,
        at: Millis,
    }

    impl Told {
        fn run() -> Self {
            let node = |at: u32, name: &str| PlanNode {
                id: NodeId(at),
                parent: None,
                depth: 0,
                name: name.to_owned(),
                kind: NodeKind::Step("Run Command Line".to_owned()),
                disabled: false,
                continue_on_error: false,
                weight: 1,
                repeats: None,
            };
            let mut told = Self {
                teller: Teller::new(Vec::new()),
                seq: 0,
                at: START,
            };
            told.push(Push::Snapshot(Box::default()));
            told.event(EventBody::RunStarted {
                run: "r".to_owned(),
                folder: "/r".to_owned(),
                source: "s.ron".to_owned(),
                plan: Plan {
                    nodes: vec![
                        node(0, "Partition"),
                        node(1, "Apply Image"),
                        node(2, "Last"),
                    ],
                    ..Plan::default()
                },
                unattended: false,
                rehearsal: false,
            });
            told
        }

        fn push(&mut self, push: Push) -> bool {
            self.teller.push(push, self.at).unwrap()
        }

        fn event(&mut self, body: EventBody) -> bool {
            self.seq += 1;
            let event = Event {
                seq: self.seq,
                at: self.at,
                body,
            };
            self.push(Push::Event(event))
        }

        fn start(&mut self, node: u32) -> bool {
            let name = self.teller.state.plan.nodes[node as usize].name.clone();
            self.event(EventBody::StepStarted {
                node: NodeId(node),
                attempt: 1,
                name,
            })
        }

        fn lines(&mut self) -> Vec<String> {
            let text = String::from_utf8(std::mem::take(&mut self.teller.out)).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    fn failure(message: &str) -> Failure {
        Failure {
            code: 5,
            message: message.to_owned(),
            ..Failure::default()
        }
    }

    #[test]
    fn a_line_says_step_share_rate_and_time_left() {
        let mut told = Told::run();
        told.start(1);
        told.event(EventBody::StepPhase {
            node: NodeId(1),
            attempt: 1,
            phase: "applying image 1".to_owned(),
            unit: Unit::Bytes,
        });
        told.at += 100_000;
        assert!(!told.push(Push::Progress(Progress {
            node: NodeId(1),
            attempt: 1,
            at: told.at,
            done: 4_500 * units::MIB,
            total: 10_000 * units::MIB,
            silent_millis: 0,
            detail: String::new(),
        })));
        told.teller.tick(told.at).unwrap();
        assert_eq!(
            told.lines(),
            [
                "14:31:05Z  no run is going",
                "14:31:05Z  step 2 of 3  Apply Image",
                "14:31:05Z  step 2 of 3  Apply Image  applying image 1",
                "14:32:45Z  step 2 of 3  Apply Image  applying image 1  45 %  45 MiB/s  3 min left",
            ]
        );
    }

    #[test]
    fn every_change_tells_at_once_and_the_same_thing_only_when_it_is_due() {
        let mut told = Told::run();
        let by = Who::engine("ctl");
        told.lines();
        assert!(told.start(0));
        assert!(!told.event(EventBody::VariableRemoved {
            name: "X".to_owned(),
            origin: crate::event::Origin::Engine,
        }));
        assert!(told.event(EventBody::PauseChanged {
            paused: true,
            by: by.clone()
        }));
        assert!(told.event(EventBody::StepFinished {
            node: NodeId(0),
            attempt: 1,
            outcome: Outcome::Succeeded,
            millis: 1,
        }));
        assert!(!told.event(EventBody::PauseChanged { paused: false, by }));
        assert!(told.start(1));
        assert!(told.event(EventBody::QuestionAsked {
            question: Question {
                id: 7,
                node: Some(NodeId(1)),
                kind: QuestionKind::ConfirmDisk(DiskFacts::default()),
            },
        }));
        told.teller.tick(told.at).unwrap();
        assert!(told.event(EventBody::RunFinished {
            outcome: RunOutcome::Failed,
            code: 5,
            summary: "\"Apply Image\" failed: two\nlines".to_owned(),
        }));
        // Said once.
        told.teller.tick(told.at).unwrap();
        let lines = told.lines();
        let texts: Vec<&str> = lines.iter().map(|l| &l["14:31:05Z  ".len()..]).collect();
        assert_eq!(
            texts,
            [
                "step 1 of 3  Partition",
                "step 1 of 3  Partition  PAUSING after this step",
                "step 1 of 3  PAUSED (wimforge ctl continue)",
                "step 2 of 3  Apply Image",
                "step 2 of 3  WAITING: wipe disk 0 (, 0 bytes)? (wimforge ctl answer 1 wipe, or ctl answer 1 no)",
                "step 2 of 3  WAITING: wipe disk 0 (, 0 bytes)? (wimforge ctl answer 1 wipe, or ctl answer 1 no)",
                "FAILED: \"Apply Image\" failed: two lines [0x00000005 (5)]",
            ]
        );
    }

    #[test]
    fn a_lost_engine_is_told_once_and_a_new_one_too() {
        let mut told = Told::run();
        told.start(0);
        told.lines();
        let state = told.teller.state.clone();
        for _ in 0..3 {
            told.teller.lost(told.at).unwrap();
        }
        assert!(told.push(Push::Snapshot(Box::new(state))));
        let lines = told.lines();
        let texts: Vec<&str> = lines.iter().map(|l| &l["14:31:05Z  ".len()..]).collect();
        assert_eq!(
            texts,
            [
                "the engine is gone: waiting for it (wimforge resume)",
                "connected",
                "step 1 of 3  Partition",
            ]
        );
    }

    #[test]
    fn every_question_names_its_answer() {
        let message = "a\nb\u{1b}[2J".to_owned();
        for (kind, wanted) in [
            (
                QuestionKind::Pause { message },
                "a b (wimforge ctl answer yes)",
            ),
            (
                QuestionKind::Failed {
                    attempt: 1,
                    failure: failure("no space"),
                },
                "\"Last\" failed: no space (wimforge ctl retry|skip|cancel)",
            ),
            (
                QuestionKind::Preflight {
                    blocking: 2,
                    word: "override".to_owned(),
                },
                "go on in spite of 2 blocking pre-flight findings? (wimforge ctl recheck, ctl answer 7 override, or ctl cancel)",
            ),
            (
                QuestionKind::Preflight {
                    blocking: 0,
                    word: "override".to_owned(),
                },
                "pre-flight check passed, go on? (wimforge ctl answer yes|no)",
            ),
            (
                QuestionKind::Secrets {
                    reason: String::new(),
                    variables: vec!["A".to_owned(), "B".to_owned()],
                },
                "secrets are needed: A, B (wimforge ctl secrets NAME=file:PATH ...)",
            ),
        ] {
            let question = Question {
                id: 7,
                node: None,
                kind,
            };
            assert_eq!(one_line(&asked(&question, "Last")), wanted);
        }
    }
}
