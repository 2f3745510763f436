//! One attempt at one step: a thread of its own, sampled ten times a second, cancelled and timed from outside.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::dispatcher::Dispatcher;
use super::host::StepHost;
use super::waiting::Patience;
use crate::cancel::{CancelLevel, CancelToken};
use crate::codes;
use crate::event::{EventBody, Failure, NodeId, Progress, Unit};
use crate::platform::Machine;
use crate::sequence::schema::{Action, Simulate, Step};
use crate::step::cx::{Host, ProgressCell, StepCx, StepEnd, StepResult};
use crate::step::error::StepError;
use crate::step::run;
use crate::units;

/// How often progress is sampled.
const SAMPLE: Duration = Duration::from_millis(100);
/// Silence after which a step is named as stalled, and again after each further such time.
const STALLED: Duration = Duration::from_secs(30);
/// From the request to end to the kill, when a time limit expired.
const GRACE: Duration = Duration::from_secs(10);

/// How an attempt ended.
#[derive(Debug)]
pub enum Ended {
    /// Well.
    Well(StepEnd),
    /// Not well.
    Failed(Failure),
    /// The run was cancelled.
    Cancelled,
}

/// What an attempt needs.
pub struct Attempt<'a> {
    /// The truth.
    pub dispatcher: &'a Arc<Dispatcher>,
    /// The machine.
    pub machine: &'a Arc<dyn Machine>,
    /// The step's node.
    pub node: NodeId,
    /// Number of this attempt.
    pub number: u32,
    /// The step.
    pub step: &'a Step,
    /// Scratch folder; made before and emptied after.
    pub scratch: &'a Path,
}

impl Attempt<'_> {
    /// Runs it to its end.
    pub fn run(&self) -> Ended {
        let host = Arc::new(StepHost::new(
            Arc::clone(self.dispatcher),
            self.node,
            self.number,
            self.step.action.component(),
            run::action_variables(&self.step.action),
        ));
        if let Err(error) = std::fs::create_dir_all(self.scratch) {
            let doing = format!("creating the scratch folder {}", self.scratch.display());
            return Ended::Failed(StepError::io(doing, error).to_failure());
        }
        let cx = StepCx {
            host: Arc::clone(&host) as Arc<dyn Host>,
            machine: Arc::clone(self.machine),
            cancel: CancelToken::new(),
            progress: Arc::new(ProgressCell::default()),
            success_codes: success_codes(self.step),
            timeout: self.step.timeout.map(Duration::from_secs),
            scratch: self.scratch.to_owned(),
        };
        let ended = self.watch(&cx, &host);
        let _ = std::fs::remove_dir_all(self.scratch);
        ended
    }

    /// Starts the step's thread and looks after it until it ends.
    fn watch(&self, cx: &StepCx, host: &StepHost) -> Ended {
        let (done, ended) = channel();
        let step = self.step.clone();
        let number = self.number;
        let inside = cx.clone();
        let thread = std::thread::Builder::new()
            .name("step".to_owned())
            .spawn(move || {
                let result = match &step.simulate {
                    Some(outcome) => simulate(outcome, number, &inside),
                    None => run::run(&step.action, &inside),
                };
                // The receiver waits until this thread is done.
                let _ = done.send(result);
            });
        let thread = match thread {
            Ok(thread) => thread,
            Err(error) => {
                return Ended::Failed(
                    StepError::io("starting the step's thread", error).to_failure(),
                );
            }
        };
        let run_cancel = self.dispatcher.cancel_token();
        let limit = self.time_limit();
        let started = Instant::now();
        let mut timed_out = false;
        let mut sampler = Sampler::default();
        let result = loop {
            match ended.recv_timeout(SAMPLE) {
                Ok(result) => break Some(result),
                Err(RecvTimeoutError::Disconnected) => break None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            cx.cancel.raise(run_cancel.level());
            if self.dispatcher.escalate() == Patience::GivenUp {
                // The thread stays behind: nothing ends it but the end of this process.
                host.leave();
                return Ended::Cancelled;
            }
            if let Some(limit) = limit
                && started.elapsed() > limit
            {
                timed_out = true;
                cx.cancel.raise(if started.elapsed() > limit + GRACE {
                    CancelLevel::Kill
                } else {
                    CancelLevel::Asked
                });
            }
            sampler.sample(self, cx);
            self.dispatcher.write_through();
        };
        sampler.sample(self, cx);
        let panic = thread.join().err().map(|payload| {
            let text = payload.downcast_ref::<&str>().map(ToString::to_string);
            text.or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_default()
        });
        match result {
            Some(Ok(end)) => Ended::Well(end),
            Some(Err(StepError::Cancelled)) if !run_cancel.is_cancelled() && timed_out => {
                Ended::Failed(Failure {
                    code: codes::TIMEOUT,
                    message: format!(
                        "the step did not end within its {}",
                        units::count(self.step.timeout.unwrap_or_default(), "second")
                    ),
                    ..Failure::default()
                })
            }
            Some(Err(StepError::Cancelled)) => Ended::Cancelled,
            Some(Err(error)) => {
                if run_cancel.is_cancelled() {
                    Ended::Cancelled
                } else {
                    Ended::Failed(error.to_failure())
                }
            }
            None => Ended::Failed(Failure {
                code: codes::E_FAIL,
                message: "the step ended by an internal error of wimforge".to_owned(),
                causes: panic.into_iter().collect(),
                hint: Some("this is a bug: please report it with the run folder".to_owned()),
                ..Failure::default()
            }),
        }
    }

    /// Commands kill their own tree at their limit; the engine steps in only if they do not.
    fn time_limit(&self) -> Option<Duration> {
        let limit = Duration::from_secs(self.step.timeout?);
        Some(match self.step.action {
            Action::RunCommandLine(_) => limit + GRACE,
            _ => limit,
        })
    }
}

/// Turns readings of the progress cell into samples and stall events.
#[derive(Default)]
struct Sampler {
    version: u64,
    stalled_for: u64,
    since_silent_push: u32,
}

impl Sampler {
    fn sample(&mut self, attempt: &Attempt<'_>, cx: &StepCx) {
        let reading = cx.progress.sample();
        let silent = reading.alive.elapsed();
        // A silent tool is reported once a second: the screen shows how long it has been silent.
        self.since_silent_push += 1;
        let changed = reading.version != self.version;
        if !changed && attempt.dispatcher.question_open() {
            // Waiting for a person is not silence: nothing to report, and no stall when the work goes on.
            cx.progress.alive();
            return;
        }
        if !changed && self.since_silent_push < 10 {
            return;
        }
        self.since_silent_push = 0;
        self.version = reading.version;
        let steps = silent.as_secs() / STALLED.as_secs();
        if steps != self.stalled_for {
            self.stalled_for = steps;
            attempt.dispatcher.emit(EventBody::Stalled {
                node: attempt.node,
                seconds: steps * STALLED.as_secs(),
            });
        }
        attempt.dispatcher.progress(Progress {
            node: attempt.node,
            attempt: attempt.number,
            at: attempt.dispatcher.now(),
            done: reading.done,
            total: reading.total,
            silent_millis: u64::try_from(silent.as_millis()).unwrap_or(u64::MAX),
            detail: reading.detail,
        });
    }
}

fn success_codes(step: &Step) -> Vec<u32> {
    match (&step.success_codes, &step.action) {
        (Some(codes), _) => codes.clone(),
        (None, Action::RunCommandLine(_)) => vec![0, 3010],
        (None, _) => vec![0],
    }
}

/// The outcome a document asks for instead of the real work.
fn simulate(outcome: &Simulate, attempt: u32, cx: &StepCx) -> StepResult {
    let fail = |code: u32, message: &str| Err(StepError::new(code, message.to_owned()));
    match outcome {
        Simulate::Succeed(millis) => {
            cx.host.phase("simulating", Unit::Permille);
            let pieces = 20u64;
            for piece in 0..pieces {
                cx.progress.set(piece * 1000 / pieces, 1000);
                if cx.cancel.wait(Duration::from_millis(millis / pieces)) {
                    return Err(StepError::Cancelled);
                }
            }
            Ok(StepEnd::Done)
        }
        Simulate::Fail(code, message) => fail(*code, message),
        Simulate::FailTimes(times, code) if attempt <= *times => {
            fail(*code, &format!("simulated failure {attempt} of {times}"))
        }
        Simulate::FailTimes(..) => Ok(StepEnd::Done),
    }
}
