//! What a technician's decision makes of the nodes: the pointer is moved, a failed step is let go.

use super::{RunState, Status};
use crate::event::{Answered, Millis, NodeId, NodeKind, Outcome, QuestionKind, SkipReason, Who};

impl RunState {
    /// The pointer stands at `to` now. An engine that takes the run up from here must come to that step and no other: the
    /// groups around it are open, nothing before it is waiting or undecided, everything from it on is.
    pub(super) fn jumped(&mut self, to: NodeId, by: &Who, at: Millis) {
        let mut around = vec![to];
        let mut inner = to;
        // Parents come first; a journal may say anything.
        while let Some(parent) = self
            .plan
            .nodes
            .get(inner.index())
            .and_then(|node| node.parent)
            .filter(|parent| *parent < inner)
        {
            around.push(parent);
            inner = parent;
        }
        let before = to.index().min(self.nodes.len());
        for (planned, state) in self.plan.nodes.iter().zip(&mut self.nodes).take(before) {
            if around.contains(&planned.id) {
                if state.status != Status::Running {
                    state.status = Status::Running;
                    state.started.get_or_insert(at);
                    state.ended = None;
                }
                continue;
            }
            match &mut state.status {
                // A group that is left is closed by the walk, with the reason.
                Status::Running if planned.kind == NodeKind::Group => {}
                Status::Waiting
                | Status::Running
                | Status::Undecided
                | Status::Ended(Outcome::Interrupted | Outcome::Aborted) => {
                    state.status = Status::Skipped(SkipReason::Technician(by.clone()));
                    state.ended = Some(at);
                }
                Status::Ended(Outcome::Failed { ignored, .. }) => *ignored = true,
                Status::Ended(_) | Status::Skipped(_) => {}
            }
        }
        for state in self.nodes.iter_mut().skip(before) {
            state.status = Status::Waiting;
            state.ended = None;
        }
        self.current = None;
    }

    /// The open question was answered.
    pub(super) fn answered(&mut self, id: u32, answer: &Answered, by: &Who, at: Millis) {
        let Some(question) = self.question.take_if(|question| question.id == id) else {
            return;
        };
        if let Some(state) = question.node.and_then(|node| self.node_mut(node))
            && let Some(since) = state.waiting_since.take()
        {
            let waited = u64::try_from(at.saturating_sub(since)).unwrap_or(0);
            state.waited_millis = state.waited_millis.saturating_add(waited);
        }
        match question.kind {
            QuestionKind::Preflight { .. } => {
                self.preflight_passed = matches!(answer, Answered::Yes | Answered::Overridden);
                if *answer == Answered::Overridden {
                    self.preflight_overridden = Some(by.clone());
                }
            }
            // Nothing is left to decide: it has failed.
            QuestionKind::Failed { failure, .. } if *answer == Answered::Abort => {
                let state = question.node.and_then(|node| self.node_mut(node));
                if let Some(state) = state.filter(|state| state.status == Status::Undecided) {
                    let ignored = false;
                    state.status = Status::Ended(Outcome::Failed { failure, ignored });
                    state.ended = Some(at);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, EventBody, Plan, PlanNode};

    #[test]
    fn a_plan_that_goes_in_a_circle_and_absurd_times_do_no_harm() {
        let node = |id: u32, parent: u32| PlanNode {
            id: NodeId(id),
            parent: Some(NodeId(parent)),
            depth: 0,
            name: "x".to_owned(),
            kind: NodeKind::Group,
            disabled: false,
            continue_on_error: false,
            weight: 0,
            repeats: None,
        };
        let finished = EventBody::StepFinished {
            node: NodeId(0),
            attempt: 1,
            outcome: Outcome::Succeeded,
            millis: u64::MAX,
        };
        let started = EventBody::RunStarted {
            run: "1".to_owned(),
            folder: String::new(),
            source: String::new(),
            plan: Plan {
                nodes: vec![node(0, 1), node(1, 0), node(2, 2)],
                ..Plan::default()
            },
            unattended: true,
            rehearsal: false,
        };
        let jumped = |to| EventBody::Jumped {
            to: NodeId(to),
            by: Who::engine("x"),
        };
        let bodies = [
            started,
            finished.clone(),
            finished,
            jumped(2),
            jumped(1),
            jumped(u32::MAX),
        ];
        let mut state = RunState::default();
        for (seq, body) in (1..).zip(bodies) {
            let at = Millis::MAX;
            state.apply(&Event { seq, at, body });
        }
        assert_eq!(state.seq, 6);
    }
}
