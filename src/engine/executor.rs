//! The walk over the plan: groups, conditions, failure, restart (spec 1.1, 1.7). It decides what is next; the dispatcher is
//! told and asked at every edge, so that a run can be taken up from its journal at any moment.

mod ending;

use std::sync::Arc;
use std::time::Instant;

use super::attempt::{Attempt, Ended};
use super::dispatcher::Dispatcher;
use super::preflight::Hold;
use super::waiting::{Decision, Gate};
use crate::codes;
use crate::event::{EventBody, Failure, NodeId, Origin, Outcome, Severity, SkipReason};
use crate::platform::Machine;
use crate::run_state::Status;
use crate::sequence::condition::{self, LocalFiles};
use crate::sequence::plan::{NodeDef, PlannedSequence};
use crate::sequence::schema::{Condition, Step};
use crate::sequence::variables::Value;

const COMPONENT: &str = "TSManager";
/// The step to be run again after a restart; durable at once.
pub(super) const RETRY_AFTER_RESTART: &str = "_WimforgeMarkRetryAfterRestart";

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
    Cancelled,
    Jump(NodeId),
    Restart(Restart),
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
    undecided: Option<(NodeId, Failure)>,
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
            rehearsal: dispatcher.state().rehearsal,
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
            if self.planned.plan.nodes[at].disabled {
                at = self.skip(id, SkipReason::Disabled);
                continue;
            }
            let planned = self.planned;
            at = match &planned.defs[at] {
                NodeDef::Group { condition, .. } => {
                    match self.group_condition(condition.as_ref()) {
                        Ok(Some(reason)) => self.skip(id, reason),
                        Ok(None) => {
                            self.dispatcher.emit(EventBody::GroupStarted { node: id });
                            self.open.push(id);
                            at + 1
                        }
                        Err(failure) => {
                            self.close_group(
                                id,
                                Outcome::Failed {
                                    failure: failure.clone(),
                                    ignored: false,
                                },
                            );
                            self.will_not_run(id, at + 1, self.end(id));
                            match self.fail_groups(id, self.end(id), &failure) {
                                Some(next) => next,
                                None => return WalkEnd::Failed(id, failure),
                            }
                        }
                    }
                }
                NodeDef::Step(step) => match self.step(id, step) {
                    Flow::Next => at + 1,
                    Flow::Cancelled => {
                        self.will_not_run(id, at + 1, planned.plan.nodes.len());
                        while let Some(group) = self.open.pop() {
                            self.close_group(group, Outcome::Aborted);
                        }
                        return WalkEnd::Cancelled;
                    }
                    Flow::Restart(restart) => return WalkEnd::Restart(restart),
                    Flow::Jump(to) => {
                        self.move_groups(to);
                        to.index()
                    }
                    Flow::Failed(failure) => match self.fail_groups(id, at + 1, &failure) {
                        Some(next) => next,
                        None => return WalkEnd::Failed(id, failure),
                    },
                },
            };
        }
    }

    /// The index after the last node below `id`.
    fn end(&self, id: NodeId) -> usize {
        self.planned.end(id).index()
    }

    /// The first node that is not through, and the groups that are open around it.
    fn resume_point(&mut self) -> usize {
        let state = self.dispatcher.state();
        let mut at = 0;
        while at < state.nodes.len() {
            let id = node_id(at);
            let is_group = matches!(self.planned.defs[at], NodeDef::Group { .. });
            match &state.nodes[at].status {
                Status::Waiting => return at,
                Status::Running if is_group => {
                    self.open.push(id);
                    at += 1;
                }
                Status::Skipped(_) | Status::Ended(_) if is_group => at = self.end(id),
                Status::Ended(Outcome::Failed {
                    failure,
                    ignored: false,
                }) => {
                    self.undecided = Some((id, failure.clone()));
                    return at;
                }
                // A technician wanted a restart and then another attempt.
                Status::Undecided if self.retry_is_wanted(id) => return at,
                Status::Undecided => {
                    let failure = state.last_failure.clone().filter(|(node, _)| *node == id);
                    self.undecided = Some((id, failure.map(|(_, f)| f).unwrap_or_default()));
                    return at;
                }
                Status::Running | Status::Ended(Outcome::Interrupted | Outcome::Aborted) => {
                    return at;
                }
                Status::Skipped(_) | Status::Ended(_) => at += 1,
            }
            while let Some(group) = self.open.last().copied()
                && self.end(group) <= at
            {
                // Its last child is through, its end was not recorded.
                self.open.pop();
                self.close_group(group, Outcome::Succeeded);
            }
        }
        at
    }

    /// Whether the restart that has just been was for another attempt at this step; said once.
    fn retry_is_wanted(&self, id: NodeId) -> bool {
        let wanted = self
            .dispatcher
            .with_variables(|variables| variables.text(RETRY_AFTER_RESTART).to_owned());
        if wanted.is_empty() {
            return false;
        }
        self.set(RETRY_AFTER_RESTART, "");
        wanted == id.0.to_string()
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
        if let SkipReason::Condition(text) = &reason {
            let line =
                format!("The condition for the action ({name}) is evaluated to be false: {text}");
            self.dispatcher
                .log(Severity::Info, COMPONENT, &line, Some(id));
        }
        self.dispatcher
            .emit(EventBody::Skipped { node: id, reason });
        end
    }

    fn close_group(&self, group: NodeId, outcome: Outcome) {
        self.dispatcher.emit(EventBody::GroupFinished {
            node: group,
            outcome,
        });
    }

    /// Nodes from `from` to `to` that are still waiting will not run because of `blame`.
    fn will_not_run(&self, blame: NodeId, from: usize, to: usize) {
        let state = self.dispatcher.state();
        for at in from..to {
            if state.nodes[at].status != Status::Waiting {
                continue;
            }
            let node = node_id(at);
            let outcome = Outcome::WillNotRun(blame);
            self.dispatcher.emit(match self.planned.defs[at] {
                NodeDef::Group { .. } => EventBody::GroupFinished { node, outcome },
                NodeDef::Step(_) => EventBody::StepFinished {
                    node,
                    attempt: 0,
                    outcome,
                    millis: 0,
                },
            });
        }
    }

    /// Fails the open groups from the inside out until one continues on error; the index after that one, or none when the
    /// whole sequence fails.
    fn fail_groups(&mut self, culprit: NodeId, from: usize, failure: &Failure) -> Option<usize> {
        let mut from = from;
        while let Some(group) = self.open.pop() {
            let end = self.end(group);
            let ignored = self.planned.plan.nodes[group.index()].continue_on_error;
            self.will_not_run(culprit, from, end);
            let name = &self.planned.plan.nodes[group.index()].name;
            let line = format!(
                "The group ({name}) failed and was aborted (0x{:08X}){}",
                codes::E_ABORT,
                if ignored { ", failure ignored" } else { "" }
            );
            self.dispatcher
                .log(Severity::Error, COMPONENT, &line, Some(group));
            self.close_group(
                group,
                Outcome::Failed {
                    failure: failure.clone(),
                    ignored,
                },
            );
            if ignored {
                return Some(end);
            }
            from = end;
        }
        self.will_not_run(culprit, from, self.planned.plan.nodes.len());
        None
    }

    /// After a jump: groups around the target are open, others are left.
    fn move_groups(&mut self, to: NodeId) {
        let mut around = Vec::new();
        let mut parent = self.planned.plan.nodes[to.index()].parent;
        while let Some(group) = parent {
            around.insert(0, group);
            parent = self.planned.plan.nodes[group.index()].parent;
        }
        for group in self.open.iter().rev().filter(|g| !around.contains(g)) {
            let outcome = Outcome::Warned("left by a jump".to_owned());
            self.close_group(*group, outcome);
        }
        for group in &around {
            if !self.open.contains(group) {
                self.dispatcher
                    .emit(EventBody::GroupStarted { node: *group });
            }
        }
        self.open = around;
    }

    fn absorbed(&self) -> bool {
        self.open
            .iter()
            .any(|group| self.planned.plan.nodes[group.index()].continue_on_error)
    }

    /// A step with all its attempts.
    fn step(&mut self, id: NodeId, planned: &Step) -> Flow {
        let changed = self.dispatcher.overridden(id);
        let mut step = self.in_force(changed.as_deref().unwrap_or(planned));
        let mut failed = self
            .undecided
            .take_if(|(node, _)| *node == id)
            .map(|(_, failure)| failure);
        let resumed_after_failure = failed.is_some();
        if !resumed_after_failure {
            match self.dispatcher.gate(id) {
                Gate::Go => {}
                Gate::Cancelled => return Flow::Cancelled,
                Gate::Jump(to) => return Flow::Jump(to),
            }
            // It may have been changed while the run was paused.
            let changed = self.dispatcher.overridden(id);
            step = self.in_force(changed.as_deref().unwrap_or(planned));
            match self.group_condition(step.condition.as_ref()) {
                Ok(None) => match self.preflight(id, &step) {
                    Ok(()) => {}
                    Err(Hold::Cancelled) => return Flow::Cancelled,
                    Err(Hold::Failed(failure)) => failed = Some(self.not_begun(id, &step, failure)),
                },
                Ok(Some(reason)) => {
                    self.skip(id, reason);
                    return Flow::Next;
                }
                Err(failure) => failed = Some(self.not_begun(id, &step, failure)),
            }
        }
        let mut tried = 0;
        let further = |step: &Step| {
            step.retry
                .as_ref()
                .map_or(0, |retry| retry.attempts.saturating_sub(1))
        };
        loop {
            if let Some(failure) = failed.take() {
                // Where the debugger is wanted, a failure stops and can be repeated, whoever would ignore it (spec 4.1).
                let debug = self.debugger_wanted();
                if step.continue_on_error && !debug {
                    return Flow::Next;
                }
                let attempt = self.attempts(id);
                if tried < further(&step) {
                    tried += 1;
                    if self.wait_for_retry(id, attempt, &step) {
                        return Flow::Cancelled;
                    }
                } else if self.absorbed() && !debug {
                    return Flow::Failed(failure);
                } else {
                    match self.dispatcher.decide(id, attempt, &failure, debug) {
                        Decision::Retry => {}
                        Decision::Mend(how) => self.mend(id, how),
                        Decision::RestartAndRetry => {
                            return Flow::Restart(self.restart_for_retry(id));
                        }
                        Decision::Skip(who) => {
                            let reason = SkipReason::Technician(who);
                            self.dispatcher
                                .emit(EventBody::Skipped { node: id, reason });
                            return Flow::Next;
                        }
                        Decision::Fail => return Flow::Failed(failure),
                        Decision::Cancelled => return Flow::Cancelled,
                        Decision::Jump(to) => return Flow::Jump(to),
                    }
                }
            }
            let changed = self.dispatcher.overridden(id);
            step = self.in_force(changed.as_deref().unwrap_or(planned));
            let attempt = self.attempts(id) + 1;
            self.begin(id, attempt, &step);
            let started = Instant::now();
            let ended = Attempt {
                dispatcher: self.dispatcher,
                machine: &self.machine,
                node: id,
                number: attempt,
                step: &step,
                scratch: &self.scratch,
            }
            .run();
            match ended {
                Ended::Well(end) => return self.finish_well(id, attempt, &step, end, started),
                Ended::Cancelled => {
                    self.finished(id, attempt, Outcome::Aborted, started);
                    return Flow::Cancelled;
                }
                Ended::Failed(failure) => {
                    self.finish_failed(id, attempt, &step, &failure, started);
                    failed = Some(failure);
                }
            }
        }
    }

    /// A failure before the work began.
    fn not_begun(&self, id: NodeId, step: &Step, failure: Failure) -> Failure {
        let attempt = self.attempts(id) + 1;
        self.begin(id, attempt, step);
        self.finish_failed(id, attempt, step, &failure, Instant::now());
        failure
    }

    fn attempts(&self, id: NodeId) -> u32 {
        self.dispatcher.lock().state.nodes[id.index()].attempt
    }

    pub(super) fn set(&self, name: &str, value: impl Into<String>) {
        self.dispatcher
            .set_variable(name, Value::Plain(value.into()), Origin::Engine);
    }

    fn begin(&self, id: NodeId, attempt: u32, step: &Step) {
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

fn node_id(at: usize) -> NodeId {
    NodeId(u32::try_from(at).unwrap_or(u32::MAX))
}
