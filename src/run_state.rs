//! What is known about a run: one fold over events, read by screen, plain output, journal replay and late clients.
//!
//! [`RunState::apply`] takes durable events in order, [`RunState::sample`] takes progress. No clock, no I/O.

mod bar;
mod parts;
mod pointer;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::event::{
    Artifact, Event, EventBody, Failure, Finding, Gravity, Millis, NodeId, NodeKind, Outcome, Plan,
    Question, QuestionKind, SkipReason, Who,
};

use bar::Touched;

pub use bar::Weights;
pub use parts::{
    Attached, AttemptState, Cancelling, LogLine, NodeState, People, PhaseState, RunEnd, Status,
    StepOverride, VariableState,
};

/// Log lines kept in memory; the file keeps all.
pub const LOG_KEPT: usize = 2_000;

/// Attempts kept a node; the journal keeps all.
pub const ATTEMPTS_KEPT: usize = 50;

/// Everything known. Default: an engine without a run.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that are true or not, independent of each other"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// Run id; empty while there is no run.
    pub run: String,
    /// Run folder.
    pub folder: String,
    /// Sequence file.
    pub source: String,
    /// The plan.
    pub plan: Plan,
    /// One a node of the plan.
    pub nodes: Vec<NodeState>,
    /// When it started.
    pub started: Option<Millis>,
    /// No technician is expected.
    pub unattended: bool,
    /// Boots so far.
    pub boot: u32,
    /// Whether the present environment is Windows PE.
    pub in_winpe: bool,
    /// The step that runs or waits for a decision.
    pub current: Option<NodeId>,
    /// The phase of the current step.
    pub phase: Option<PhaseState>,
    /// Variables by lower-case name.
    pub variables: BTreeMap<String, VariableState>,
    /// The last [`LOG_KEPT`] lines.
    pub log: VecDeque<LogLine>,
    /// Lines that were dropped from [`RunState::log`].
    pub log_dropped: u64,
    /// The open question.
    pub question: Option<Question>,
    /// Paused before the next step.
    pub paused: bool,
    /// Cancel was requested.
    pub cancelling: Option<Cancelling>,
    /// Breakpoints.
    pub breakpoints: Vec<NodeId>,
    /// The step of "run to here".
    pub run_to: Option<NodeId>,
    /// Steps with changed settings, in order of their place.
    pub overrides: Vec<StepOverride>,
    /// The latest pre-flight findings; none when there was no check yet.
    pub preflight: Option<Vec<Finding>>,
    /// The pre-flight page was passed.
    pub preflight_passed: bool,
    /// Who went on in spite of blocking findings.
    pub preflight_overridden: Option<Who>,
    /// What the run left on the machine.
    pub left_behind: Vec<String>,
    /// Nothing touches the machine.
    pub rehearsal: bool,
    /// Who is there.
    pub people: People,
    /// What was produced, with the step.
    pub artifacts: Vec<(NodeId, Artifact)>,
    /// The latest failure and its step.
    pub last_failure: Option<(NodeId, Failure)>,
    /// The end.
    pub end: Option<RunEnd>,
    /// Number of the last event applied.
    pub seq: u64,
    /// Time of the last event or sample.
    pub now: Millis,
    /// Thousandths of the whole run; never shrinks, below 1000 until the end.
    pub overall: u16,
    /// What [`RunState::overall`] is reckoned from.
    #[serde(default)]
    pub weights: Weights,
}

impl RunState {
    /// Whether there is a run (ended or not).
    pub fn has_run(&self) -> bool {
        !self.run.is_empty()
    }

    /// Whether there is a run that has not ended.
    pub fn goes_on(&self) -> bool {
        self.has_run() && self.end.is_none()
    }

    /// The state of a node.
    pub fn node(&self, id: NodeId) -> Option<&NodeState> {
        self.nodes.get(id.index())
    }

    fn node_mut(&mut self, id: NodeId) -> Option<&mut NodeState> {
        self.nodes.get_mut(id.index())
    }

    /// The name of a node for people: expanded once it started.
    pub fn title(&self, id: NodeId) -> &str {
        match self.nodes.get(id.index()) {
            Some(node) if !node.title.is_empty() => &node.title,
            _ => self
                .plan
                .nodes
                .get(id.index())
                .map_or("", |node| node.name.as_str()),
        }
    }

    /// (n, m): which step of how many is current. Groups and disabled steps do not count (spec 4.2).
    pub fn position(&self) -> (u32, u32) {
        let mut n = 0;
        let mut m = 0;
        for node in &self.plan.nodes {
            if matches!(node.kind, NodeKind::Step(_)) && !node.disabled {
                m += 1;
                let reached = self.nodes.get(node.id.index()).is_some_and(|s| {
                    !matches!(
                        s.status,
                        Status::Waiting | Status::Ended(Outcome::WillNotRun(_))
                    )
                });
                if reached {
                    n = m;
                }
            }
        }
        (n, m)
    }

    /// Folds one durable event. Events at or below the last number are ignored (a snapshot may overlap the stream).
    pub fn apply(&mut self, event: &Event) {
        if event.seq <= self.seq {
            return;
        }
        self.seq = event.seq;
        self.now = self.now.max(event.at);
        // Most events of a long run are lines and values, which move no bar.
        if matches!(
            event.body,
            EventBody::Log { .. }
                | EventBody::VariableSet { .. }
                | EventBody::VariableRemoved { .. }
                | EventBody::Produced { .. }
        ) {
            self.fold(event);
            return;
        }
        match self.touched(&event.body) {
            // Without a sum so far: a state that did not begin with `RunStarted`.
            Touched::Nodes(nodes) if self.weights.all > 0 => {
                let before = self.through(&nodes);
                self.fold(event);
                let through = self.weights.through.saturating_sub(before);
                self.weights.through = through + self.through(&nodes);
            }
            Touched::All | Touched::Nodes(_) => {
                self.fold(event);
                self.weigh();
            }
            Touched::None => self.fold(event),
        }
        self.update_overall();
    }

    fn fold(&mut self, event: &Event) {
        let at = event.at;
        match &event.body {
            EventBody::RunStarted {
                run,
                folder,
                source,
                plan,
                unattended,
                rehearsal,
            } => {
                *self = Self {
                    run: run.clone(),
                    folder: folder.clone(),
                    source: source.clone(),
                    nodes: vec![NodeState::default(); plan.nodes.len()],
                    plan: plan.clone(),
                    started: Some(at),
                    unattended: *unattended,
                    rehearsal: *rehearsal,
                    people: std::mem::take(&mut self.people),
                    seq: event.seq,
                    now: at,
                    ..Self::default()
                };
            }
            EventBody::BootStarted { boot, in_winpe, .. } => {
                self.boot = *boot;
                self.in_winpe = *in_winpe;
                self.question = None;
                self.cancelling = None;
            }
            EventBody::BootEnded { .. } => self.phase = None,
            EventBody::RunFinished {
                outcome,
                code,
                summary,
            } => {
                self.end = Some(RunEnd {
                    outcome: *outcome,
                    code: *code,
                    summary: summary.clone(),
                    at,
                });
                self.current = None;
                self.phase = None;
                self.question = None;
                self.cancelling = None;
                self.paused = false;
            }
            EventBody::GroupStarted { node } => {
                if let Some(state) = self.node_mut(*node) {
                    state.status = Status::Running;
                    state.started = Some(at);
                    state.ended = None;
                }
            }
            EventBody::GroupFinished { node, outcome } => {
                if let Some(state) = self.node_mut(*node) {
                    state.status = Status::Ended(outcome.clone());
                    state.ended = Some(at);
                }
            }
            EventBody::Skipped { node, reason } => {
                self.skip_below(*node, reason, at);
                if let Some(state) = self.node_mut(*node) {
                    state.status = Status::Skipped(reason.clone());
                    state.ended = Some(at);
                }
                if self.current == Some(*node) {
                    self.current = None;
                }
            }
            EventBody::StepStarted {
                node,
                attempt,
                name,
            } => {
                if let Some(state) = self.node_mut(*node) {
                    state.status = Status::Running;
                    state.attempt = *attempt;
                    if state.first_seq == 0 {
                        state.first_seq = event.seq;
                    }
                    state.title.clone_from(name);
                    state.started = Some(at);
                    state.ended = None;
                    state.waited_millis = 0;
                    state.waiting_since = None;
                }
                self.current = Some(*node);
                self.phase = None;
            }
            EventBody::StepPhase {
                node,
                attempt,
                phase,
                unit,
            } => {
                self.phase = Some(PhaseState {
                    node: *node,
                    attempt: *attempt,
                    name: phase.clone(),
                    unit: *unit,
                    started: at,
                    done: 0,
                    total: 0,
                    permille: None,
                    detail: String::new(),
                    silent_millis: 0,
                    sampled: at,
                    stalled_seconds: 0,
                });
            }
            EventBody::StepFinished {
                node,
                attempt,
                outcome,
                millis,
            } => {
                if let Outcome::Failed { failure, .. } = outcome {
                    self.last_failure = Some((*node, failure.clone()));
                }
                if let Some(state) = self.node_mut(*node) {
                    state.status = Status::Ended(outcome.clone());
                    state.ended = Some(at);
                    state.waiting_since = None;
                    state.spent_millis = state.spent_millis.saturating_add(*millis);
                    if *attempt > 0 {
                        if state.attempts.len() >= ATTEMPTS_KEPT {
                            state.attempts.remove(0);
                        }
                        state.attempts.push(AttemptState {
                            number: *attempt,
                            started: state.started,
                            millis: *millis,
                            outcome: outcome.clone(),
                        });
                    }
                }
                self.phase = None;
            }
            EventBody::Stalled { node, seconds } => {
                if let Some(phase) = self.phase.as_mut().filter(|phase| phase.node == *node) {
                    phase.stalled_seconds = *seconds;
                }
            }
            EventBody::VariableSet {
                name,
                value,
                origin,
            } => {
                let entry = VariableState {
                    name: name.clone(),
                    value: value.clone(),
                    origin: origin.clone(),
                    seq: event.seq,
                    at,
                };
                self.variables.insert(name.to_lowercase(), entry);
            }
            EventBody::VariableRemoved { name, .. } => {
                self.variables.remove(&name.to_lowercase());
            }
            EventBody::Log {
                severity,
                component,
                text,
                node,
                attempt,
            } => {
                if self.log.len() >= LOG_KEPT {
                    self.log.pop_front();
                    self.log_dropped += 1;
                }
                self.log.push_back(LogLine {
                    seq: event.seq,
                    at,
                    severity: *severity,
                    component: component.clone(),
                    text: text.clone(),
                    node: *node,
                    attempt: *attempt,
                });
            }
            EventBody::QuestionAsked { question } => {
                if let (QuestionKind::Failed { .. }, Some(node)) = (&question.kind, question.node)
                    && let Some(state) = self.node_mut(node)
                {
                    state.status = Status::Undecided;
                }
                if let QuestionKind::Preflight { .. } = question.kind {
                    self.preflight_passed = false;
                }
                let asking = question.node.and_then(|node| self.node_mut(node));
                if let Some(state) = asking.filter(|state| state.status == Status::Running) {
                    state.waiting_since = Some(at);
                }
                self.question = Some(question.clone());
            }
            EventBody::QuestionAnswered { id, answer, by } => self.answered(*id, answer, by, at),
            EventBody::PauseChanged { paused, .. } => self.paused = *paused,
            EventBody::BreakpointChanged { node, set, .. } => {
                self.breakpoints.retain(|other| other != node);
                if *set {
                    self.breakpoints.push(*node);
                    self.breakpoints.sort_unstable();
                }
            }
            EventBody::RunTo { node, .. } => self.run_to = *node,
            EventBody::StepOverridden { node, text, by } => {
                self.overrides.retain(|other| other.node != *node);
                if let Some(text) = text {
                    self.overrides.push(StepOverride {
                        node: *node,
                        text: text.clone(),
                        by: by.clone(),
                        at,
                    });
                    self.overrides.sort_by_key(|other| other.node);
                }
            }
            EventBody::PenTaken { by } => self.people.pen = Some(by.client),
            EventBody::Preflight { findings } => {
                // Passed unless a question about it follows.
                self.preflight_passed = findings.iter().all(|f| f.gravity != Gravity::Blocking);
                self.preflight = Some(findings.clone());
            }
            EventBody::CancelRequested {
                waiting_for,
                kill,
                seconds,
                ..
            } => {
                let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX);
                self.cancelling = Some(Cancelling {
                    waiting_for: waiting_for.clone(),
                    kill: *kill,
                    until: at.saturating_add(seconds.saturating_mul(1000)),
                });
            }
            EventBody::CancelGivenUp { .. } => self.cancelling = None,
            EventBody::LeftBehind { items } => self.left_behind.clone_from(items),
            EventBody::Jumped { to, by } => self.jumped(*to, by, at),
            EventBody::Produced { node, artifact } => {
                self.artifacts.push((*node, artifact.clone()));
            }
            EventBody::RetryScheduled { .. } | EventBody::ShellChanged { .. } => {}
        }
    }

    /// Everything below a skipped group is skipped with it.
    fn skip_below(&mut self, node: NodeId, reason: &SkipReason, at: Millis) {
        let below = if *reason == SkipReason::Disabled {
            SkipReason::Disabled
        } else {
            SkipReason::GroupSkipped
        };
        let children = self.below(node);
        for state in self.nodes.iter_mut().skip(node.index() + 1).take(children) {
            state.status = Status::Skipped(below.clone());
            state.ended = Some(at);
        }
    }
}
