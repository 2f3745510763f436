//! The walk over the plan: groups, conditions, failure, restart (spec 1.1, 1.7). It decides what is next; the dispatcher is
//! told and asked at every edge, so that a run can be taken up from its journal at any moment.

mod ending;
mod groups;

use std::sync::Arc;
use std::time::Instant;

use super::attempt::{Attempt, Ended};
use super::dispatcher::Dispatcher;
use super::preflight::Hold;
use super::waiting::{Decision, Gate};
use crate::codes;
use crate::event::{EventBody, Failure, NodeId, Origin, Outcome, Severity, SkipReason};
use crate::platform::Machine;
use crate::sequence::condition::{self, LocalFiles};
use crate::sequence::plan::{NodeDef, PlannedSequence};
use crate::sequence::schema::{Condition, Step};
use crate::sequence::settings::RestartTarget;
use crate::sequence::variables::Value;
use groups::Entry;

const COMPONENT: &str = "TSManager";
/// The step to be run again after a restart; durable at once.
pub(super) const RETRY_AFTER_RESTART: &str = "_WimforgeMarkRetryAfterRestart";
/// The step whose condition could not be evaluated: it must be before another attempt, also after an interruption.
const NOT_ADMITTED: &str = "_WimforgeMarkNotAdmitted";

/// A restart that a step asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Windows PE, else hard disk.
    pub to_winpe: bool,
    /// What the technician is told.
    pub message: String,
    /// Seconds the message stands.
    pub timeout: u64,
}

impl Restart {
    /// Where to.
    pub(super) fn to(&self) -> RestartTarget {
        if self.to_winpe {
            RestartTarget::WindowsPE
        } else {
            RestartTarget::HardDisk
        }
    }
}

/// How a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalkEnd {
    /// Every node is through.
    Done,
    /// A step failed the sequence.
    Failed(NodeId, Failure),
    /// Cancelled.
    Cancelled,
    /// The machine restarts; the walk goes on in the next boot.
    Restart(Restart),
}

/// How a step ended, for the walk.
enum Flow {
    Next,
    Failed(Failure),
    /// A technician ended the run after this failure.
    Aborted(Failure),
    Cancelled,
    Jump(NodeId),
    Restart(Restart),
}

/// A failure that nobody has decided about.
struct Undecided {
    node: NodeId,
    failure: Failure,
    /// Somebody was asked already.
    asked: bool,
}

/// One boot's walk.
pub struct Walk<'a> {
    /// The truth.
    pub dispatcher: &'a Arc<Dispatcher>,
    /// What runs.
    pub planned: &'a PlannedSequence,
    /// The machine of this boot.
    pub machine: Arc<dyn Machine>,
    /// Scratch folder for steps.
    pub scratch: std::path::PathBuf,
    /// Groups that are open, outermost first.
    open: Vec<NodeId>,
    /// A step that failed before an interruption and was not decided about.
    undecided: Option<Undecided>,
    /// A step that a technician wanted to be run again after the restart that has just been.
    again: Option<NodeId>,
    /// Nothing touches the machine.
    pub(super) rehearsal: bool,
}

impl<'a> Walk<'a> {
    /// A walk that goes on where the state says the run stands.
    pub fn new(
        dispatcher: &'a Arc<Dispatcher>,
        planned: &'a PlannedSequence,
        machine: Arc<dyn Machine>,
        scratch: std::path::PathBuf,
    ) -> Self {
        Self {
            dispatcher,
            planned,
            machine,
            scratch,
            open: Vec::new(),
            undecided: None,
            again: None,
            rehearsal: dispatcher.with_state(|state| state.rehearsal),
        }
    }

    /// Walks to the end of the plan or of the boot.
    pub fn run(&mut self) -> WalkEnd {
        let mut at = self.resume_point();
        self.open_debugger();
        loop {
            while let Some(group) = self.open.last().copied()
                && self.end(group) <= at
            {
                self.open.pop();
                self.close_group(group, Outcome::Succeeded);
            }
            if at >= self.planned.plan.nodes.len() {
                return WalkEnd::Done;
            }
            let id = node_id(at);
            if self.dispatcher.is_off(id) {
                at = self.skip(id, SkipReason::Disabled);
                continue;
            }
            let planned = self.planned;
            let flow = match &planned.defs[at] {
                NodeDef::Group { condition, .. } => match self.enter(id, condition.as_ref()) {
                    Entry::Open => {
                        self.dispatcher.emit(EventBody::GroupStarted { node: id });
                        self.open.push(id);
                        at += 1;
                        continue;
                    }
                    Entry::Skip(reason) => {
                        at = self.skip(id, reason);
                        continue;
                    }
                    Entry::Not(flow) => flow,
                },
                NodeDef::Step(step) => self.step(id, step),
            };
            let next = self.end(id);
            at = match flow {
                Flow::Next => next,
                Flow::Cancelled => return self.cancelled(id),
                Flow::Restart(restart) => {
                    if self.wait_for_restart(&restart) {
                        return self.cancelled(id);
                    }
                    return WalkEnd::Restart(restart);
                }
                Flow::Jump(to) => {
                    self.move_groups(to);
                    to.index()
                }
                Flow::Failed(failure) => match self.fail_groups(id, next, &failure, false) {
                    Some(next) => next,
                    None => return WalkEnd::Failed(id, failure),
                },
                Flow::Aborted(failure) => {
                    self.fail_groups(id, next, &failure, true);
                    return WalkEnd::Failed(id, failure);
                }
            };
        }
    }

    /// Says before a restart that it comes, for as long as its message stands; true when cancelled.
    fn wait_for_restart(&self, restart: &Restart) -> bool {
        let target = restart.to().word();
        let line = format!("Restarting to {target}: {}", restart.message);
        self.dispatcher.log(Severity::Info, COMPONENT, &line, None);
        let time = std::time::Duration::from_secs(restart.timeout);
        self.dispatcher.cancel_token().wait(time)
    }

    /// The index after the last node below `id`.
    fn end(&self, id: NodeId) -> usize {
        self.planned.end(id).index()
    }

    fn group_condition(
        &self,
        condition: Option<&Condition>,
    ) -> Result<Option<SkipReason>, Failure> {
        let Some(condition) = condition else {
            return Ok(None);
        };
        if self.holds(condition)? {
            Ok(None)
        } else {
            Ok(Some(SkipReason::Condition(condition::describe(condition))))
        }
    }

    fn holds(&self, expression: &Condition) -> Result<bool, Failure> {
        self.dispatcher
            .with_variables(|variables| condition::evaluate(expression, variables, &LocalFiles))
            .map_err(|error| Failure {
                code: codes::E_FAIL,
                message: format!(
                    "the condition {} cannot be evaluated: {error}",
                    condition::describe(expression)
                ),
                ..Failure::default()
            })
    }

    /// Marks a node and everything below as skipped; the next index.
    fn skip(&self, id: NodeId, reason: SkipReason) -> usize {
        let end = self.end(id);
        let name = &self.planned.plan.nodes[id.index()].name;
        let (severity, line) = match &reason {
            SkipReason::Condition(text) => (
                Severity::Info,
                format!("The condition for the action ({name}) is evaluated to be false: {text}"),
            ),
            SkipReason::Technician(who) => (
                Severity::Warning,
                format!("The action ({name}) is skipped by hand: {}", who.name),
            ),
            SkipReason::Disabled => (Severity::Info, format!("The action ({name}) is disabled")),
            SkipReason::GroupSkipped => (
                Severity::Info,
                format!("The action ({name}) is skipped with its group"),
            ),
        };
        self.dispatcher.log(severity, COMPONENT, &line, Some(id));
        self.dispatcher
            .emit(EventBody::Skipped { node: id, reason });
        end
    }

    /// A step with all its attempts.
    fn step(&mut self, id: NodeId, planned: &Step) -> Flow {
        let undecided = self.undecided.take_if(|undecided| undecided.node == id);
        let (mut failed, asked) = match undecided {
            Some(undecided) => (Some(undecided.failure), undecided.asked),
            None => (None, false),
        };
        // Whether its condition is known to be true; what a step itself does to it, does not count.
        let mut admitted = self.again.take_if(|node| *node == id).is_some()
            || failed.is_some() && !self.is_marked(NOT_ADMITTED, id);
        if failed.is_none() {
            match self.dispatcher.gate(id) {
                Gate::Go => {}
                Gate::Cancelled => return Flow::Cancelled,
                Gate::Jump(to) => return Flow::Jump(to),
            }
        }
        let mut step = self.in_force(id, planned);
        let mut tried = 0;
        loop {
            if let Some(failure) = failed.take() {
                // Where the debugger is wanted, a failure stops and can be repeated, whoever would ignore it (spec 4.1).
                let debug = asked || self.debugger_wanted();
                if tried < further(&step) {
                    tried += 1;
                    if self.wait_for_retry(id, self.attempts(id), &step) {
                        return Flow::Cancelled;
                    }
                } else if self.absorbed() && !debug {
                    return Flow::Failed(failure);
                } else {
                    // A failure that is ignored comes this far only where the debugger was wanted when it happened.
                    let insist = debug || step.continue_on_error || self.is_debugged();
                    match self.decided(id, self.attempts(id), failure, insist) {
                        Ok(()) => {}
                        Err(flow) => return flow,
                    }
                }
            }
            // It may have been changed while the run stood.
            let changed = self.dispatcher.overridden(id);
            step = self.in_force(id, planned);
            if step.disabled {
                self.skip(id, SkipReason::Disabled);
                return Flow::Next;
            }
            let held = if admitted {
                None
            } else {
                match self.group_condition(step.condition.as_ref()) {
                    Ok(None) => None,
                    Ok(Some(reason)) => {
                        self.skip(id, reason);
                        return Flow::Next;
                    }
                    Err(failure) => {
                        self.set(NOT_ADMITTED, id.0.to_string());
                        Some(failure)
                    }
                }
            };
            let held = match held {
                Some(failure) => {
                    admitted = false;
                    Some(failure)
                }
                None => match self.preflight(id, &step) {
                    // Its settings were changed while the page was open: everything is looked at anew.
                    Ok(()) if !same(changed.as_ref(), self.dispatcher.overridden(id).as_ref()) => {
                        continue;
                    }
                    Ok(()) => {
                        admitted = true;
                        None
                    }
                    Err(Hold::Cancelled) => return Flow::Cancelled,
                    Err(Hold::Failed(failure)) => {
                        admitted = true;
                        Some(failure)
                    }
                },
            };
            let attempt = self.attempts(id) + 1;
            self.begin(id, attempt, &step, admitted);
            self.dispatcher.begins();
            let started = Instant::now();
            let ended = match held {
                Some(failure) => Ended::Failed(failure),
                None => Attempt {
                    dispatcher: self.dispatcher,
                    machine: &self.machine,
                    node: id,
                    number: attempt,
                    step: &step,
                    scratch: &self.scratch,
                }
                .run(),
            };
            match ended {
                Ended::Well(end) => return self.finish_well(id, attempt, &step, end, started),
                Ended::Cancelled => {
                    self.finished(id, attempt, Outcome::Aborted, started);
                    return Flow::Cancelled;
                }
                Ended::Failed(failure) => {
                    let last = tried >= further(&step);
                    let ignored = step.continue_on_error && last && !self.debugger_wanted();
                    self.finish_failed(id, attempt, &step, &failure, ignored, started);
                    if ignored {
                        return Flow::Next;
                    }
                    failed = Some(failure);
                }
            }
        }
    }

    /// Lets a technician decide about a failure: `Ok` for another attempt.
    fn decided(
        &self,
        id: NodeId,
        attempt: u32,
        failure: Failure,
        insist: bool,
    ) -> Result<(), Flow> {
        match self.dispatcher.decide(id, attempt, &failure, insist) {
            Decision::Retry => Ok(()),
            Decision::Mend(how) => {
                self.mend(id, how);
                if self.dispatcher.cancel_token().is_cancelled() {
                    return Err(Flow::Cancelled);
                }
                Ok(())
            }
            Decision::RestartAndRetry => Err(Flow::Restart(self.restart_for_retry(id))),
            Decision::Skip(who) => {
                self.skip(id, SkipReason::Technician(who));
                Err(Flow::Next)
            }
            Decision::Fail => Err(Flow::Failed(failure)),
            Decision::Abort => Err(Flow::Aborted(failure)),
            Decision::Cancelled => Err(Flow::Cancelled),
            Decision::Jump(to) => Err(Flow::Jump(to)),
        }
    }

    /// Whether an engine variable names this step.
    fn is_marked(&self, mark: &str, id: NodeId) -> bool {
        self.dispatcher
            .with_variables(|variables| variables.text(mark) == id.0.to_string())
    }

    fn attempts(&self, id: NodeId) -> u32 {
        self.dispatcher.lock().state.nodes[id.index()].attempt
    }

    pub(super) fn set(&self, name: &str, value: impl Into<String>) {
        self.dispatcher
            .set_variable(name, Value::Plain(value.into()), Origin::Engine);
    }

    fn begin(&self, id: NodeId, attempt: u32, step: &Step, admitted: bool) {
        let name = self
            .dispatcher
            .with_variables(|variables| variables.expand(&step.name))
            .into_value();
        self.set("_SMSTSCurrentActionName", name.shown());
        self.set("_SMSTSNextInstructionPointer", id.0.to_string());
        self.dispatcher.emit(EventBody::StepStarted {
            node: id,
            attempt,
            name: name.shown().to_owned(),
        });
        // What they were for has been done.
        self.set(RETRY_AFTER_RESTART, "");
        if admitted {
            self.set(NOT_ADMITTED, "");
        }
        let line = format!(
            "Start executing an instruction. Instruction name: '{}'. Type: '{}'. Pointer: {}. Attempt: {attempt}",
            name.shown(),
            step.action.kind(),
            id.0
        );
        self.dispatcher
            .log(Severity::Info, COMPONENT, &line, Some(id));
    }

    /// Waits for the document's retry delay; true when cancelled.
    fn wait_for_retry(&self, id: NodeId, attempt: u32, step: &Step) -> bool {
        let Some(retry) = &step.retry else {
            return false;
        };
        self.dispatcher.emit(EventBody::RetryScheduled {
            node: id,
            attempt,
            of: retry.attempts,
            delay_seconds: retry.delay,
        });
        self.dispatcher
            .cancel_token()
            .wait(std::time::Duration::from_secs(retry.delay))
    }
}

/// Whether a step has the same settings now as then.
fn same(then: Option<&Arc<Step>>, now: Option<&Arc<Step>>) -> bool {
    match (then, now) {
        (Some(then), Some(now)) => Arc::ptr_eq(then, now),
        (None, None) => true,
        _ => false,
    }
}

/// Attempts after the first that the document allows.
fn further(step: &Step) -> u32 {
    step.retry
        .as_ref()
        .map_or(0, |retry| retry.attempts.saturating_sub(1))
}

fn node_id(at: usize) -> NodeId {
    NodeId(u32::try_from(at).unwrap_or(u32::MAX))
}
