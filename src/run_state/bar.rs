//! The bar of the whole run. A run may have ten thousand steps and ten events each: a sum over all steps for every event
//! would take longer than the steps, so the sum is kept and only what an event touches is counted anew.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{RunState, Status};
use crate::event::{EventBody, NodeId, Outcome, Progress, QuestionKind, RunOutcome};
use crate::units;

/// The weights of the plan's steps that are not disabled, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// Of all.
    pub all: u64,
    /// Of those that are through; what runs is not among them.
    pub through: u64,
}

/// The nodes whose status an event may change.
pub(super) enum Touched {
    None,
    Nodes(Range<usize>),
    All,
}

impl RunState {
    pub(super) fn touched(&self, body: &EventBody) -> Touched {
        let one = |node: NodeId| Touched::Nodes(node.index()..node.index().saturating_add(1));
        match body {
            EventBody::StepStarted { node, .. } | EventBody::StepFinished { node, .. } => {
                one(*node)
            }
            EventBody::Skipped { node, .. } => {
                Touched::Nodes(node.index()..node.index() + 1 + self.below(*node))
            }
            EventBody::QuestionAsked { question } => match (&question.kind, question.node) {
                (QuestionKind::Failed { .. }, Some(node)) => one(node),
                _ => Touched::None,
            },
            EventBody::QuestionAnswered { id, .. } => match &self.question {
                Some(question) if question.id == *id => question.node.map_or(Touched::None, one),
                _ => Touched::None,
            },
            EventBody::RunStarted { .. } | EventBody::Jumped { .. } => Touched::All,
            _ => Touched::None,
        }
    }

    /// How many nodes stand below one.
    pub(super) fn below(&self, node: NodeId) -> usize {
        let Some(depth) = self.plan.nodes.get(node.index()).map(|n| n.depth) else {
            return 0;
        };
        self.plan.nodes[node.index() + 1..]
            .iter()
            .take_while(|child| child.depth > depth)
            .count()
    }

    /// The weights of the steps of `nodes` that are through.
    pub(super) fn through(&self, nodes: &Range<usize>) -> u64 {
        let end = nodes.end.min(self.plan.nodes.len()).min(self.nodes.len());
        let Some(plan) = self.plan.nodes.get(nodes.start..end) else {
            return 0;
        };
        plan.iter()
            .zip(&self.nodes[nodes.start..end])
            .filter(|(planned, _)| !planned.disabled)
            .filter(|(_, state)| match &state.status {
                // What failed or never ran is no progress.
                Status::Ended(outcome) => !matches!(
                    outcome,
                    Outcome::Failed { ignored: false, .. }
                        | Outcome::Aborted
                        | Outcome::Interrupted
                        | Outcome::WillNotRun(_)
                ),
                Status::Skipped(_) => true,
                _ => false,
            })
            .map(|(planned, _)| u64::from(planned.weight) * 1000)
            .sum()
    }

    /// Sums everything up anew.
    pub(super) fn weigh(&mut self) {
        self.weights = Weights {
            all: self
                .plan
                .nodes
                .iter()
                .filter(|node| !node.disabled)
                .map(|node| u64::from(node.weight) * 1000)
                .sum(),
            through: self.through(&(0..self.nodes.len())),
        };
    }

    /// Folds a sample: no bar moves backwards, whatever the tool says.
    pub fn sample(&mut self, progress: &Progress) {
        self.now = self.now.max(progress.at);
        let Some(phase) = self
            .phase
            .as_mut()
            .filter(|phase| phase.node == progress.node && phase.attempt == progress.attempt)
        else {
            return;
        };
        phase.done = phase.done.max(progress.done);
        phase.total = progress.total;
        phase.sampled = progress.at;
        phase.silent_millis = progress.silent_millis;
        phase.detail.clone_from(&progress.detail);
        if let Some(now) = units::permille(progress.done, progress.total) {
            phase.permille = Some(now.min(999).max(phase.permille.unwrap_or(0)));
        }
        self.update_overall();
    }

    pub(super) fn update_overall(&mut self) {
        if self
            .end
            .as_ref()
            .is_some_and(|end| end.outcome == RunOutcome::Succeeded)
        {
            self.overall = 1000;
            return;
        }
        let done = self.weights.through + self.running();
        if let Some(now) = units::permille(done, self.weights.all) {
            self.overall = now.min(999).max(self.overall);
        }
    }

    /// What the running step has done of its weight, in thousandths.
    fn running(&self) -> u64 {
        let Some((phase, share)) = self.phase.as_ref().and_then(|p| Some((p, p.permille?))) else {
            return 0;
        };
        let at = phase.node.index();
        match (self.plan.nodes.get(at), self.nodes.get(at)) {
            (Some(planned), Some(state))
                if state.status == Status::Running && !planned.disabled =>
            {
                // A step has several phases and says nothing of how many: the last quarter is kept back.
                u64::from(planned.weight) * u64::from(share) * 3 / 4
            }
            _ => 0,
        }
    }
}
