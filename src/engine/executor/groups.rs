//! Groups: where a run is taken up, what is entered, left and closed (spec 1.7).

use super::{
    COMPONENT, Flow, RETRY_AFTER_RESTART, SkipReason, Undecided, Walk, WalkEnd, codes, node_id,
};
use crate::event::{EventBody, Failure, NodeId, Outcome, Severity};
use crate::run_state::Status;
use crate::sequence::plan::NodeDef;
use crate::sequence::schema::Condition;

/// Whether a group is entered.
pub(super) enum Entry {
    Open,
    Skip(SkipReason),
    /// The walk goes on elsewhere, or ends.
    Not(Flow),
}

impl Walk<'_> {
    /// The first node that is not through, and the groups that are open around it.
    pub(super) fn resume_point(&mut self) -> usize {
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
                    self.undecided = Some(Undecided {
                        node: id,
                        failure: failure.clone(),
                        asked: false,
                    });
                    return at;
                }
                // A technician wanted a restart and then another attempt.
                Status::Undecided if self.is_marked(RETRY_AFTER_RESTART, id) => {
                    self.again = Some(id);
                    return at;
                }
                Status::Undecided => {
                    let failure = state.last_failure.clone().filter(|(node, _)| *node == id);
                    self.undecided = Some(Undecided {
                        node: id,
                        failure: failure.map(|(_, failure)| failure).unwrap_or_default(),
                        asked: true,
                    });
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

    /// Whether a group is entered. A condition that cannot be evaluated is a failure of the group: its own "continue on
    /// error" covers it as a step's does (spec 1.7), else a technician may decide about it.
    pub(super) fn enter(&mut self, id: NodeId, condition: Option<&Condition>) -> Entry {
        loop {
            let failure = match self.group_condition(condition) {
                Ok(None) => return Entry::Open,
                Ok(Some(reason)) => return Entry::Skip(reason),
                Err(failure) => failure,
            };
            let debug = self.debugger_wanted();
            let node = &self.planned.plan.nodes[id.index()];
            let ignored = node.continue_on_error && !debug;
            let line = format!(
                "The group ({}) cannot be entered: {}{}",
                node.name,
                failure.message,
                if ignored { ", failure ignored" } else { "" }
            );
            self.dispatcher
                .log(Severity::Error, COMPONENT, &line, Some(id));
            if ignored {
                self.last_action(&node.name, failure.code, false);
                self.will_not_run(id, id.index() + 1, self.end(id));
                self.close_group(id, Outcome::Failed { failure, ignored });
                return Entry::Not(Flow::Next);
            }
            let decided = if self.absorbed() && !debug {
                Err(Flow::Failed(failure.clone()))
            } else {
                self.decided(id, 0, failure.clone(), debug || self.is_debugged())
            };
            match decided {
                Ok(()) => {}
                Err(flow) => {
                    if let Flow::Failed(_) | Flow::Aborted(_) = &flow {
                        let ignored = false;
                        self.close_group(id, Outcome::Failed { failure, ignored });
                        self.will_not_run(id, id.index() + 1, self.end(id));
                    }
                    return Entry::Not(flow);
                }
            }
        }
    }

    /// The run was cancelled at `id`, before, in or after it.
    pub(super) fn cancelled(&mut self, id: NodeId) -> WalkEnd {
        self.will_not_run(id, id.index(), self.planned.plan.nodes.len());
        while let Some(group) = self.open.pop() {
            self.close_group(group, Outcome::Aborted);
        }
        WalkEnd::Cancelled
    }

    pub(super) fn close_group(&self, group: NodeId, outcome: Outcome) {
        self.dispatcher.emit(EventBody::GroupFinished {
            node: group,
            outcome,
        });
    }

    /// Nodes from `from` to `to` that are still waiting will not run because of `blame`.
    fn will_not_run(&self, blame: NodeId, from: usize, to: usize) {
        let waiting: Vec<usize> = self.dispatcher.with_state(|state| {
            let is_waiting = |at: &usize| state.nodes[*at].status == Status::Waiting;
            (from..to).filter(is_waiting).collect()
        });
        for at in waiting {
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
    /// whole sequence fails. With `all` none goes on: a technician ended the run.
    pub(super) fn fail_groups(
        &mut self,
        culprit: NodeId,
        from: usize,
        failure: &Failure,
        all: bool,
    ) -> Option<usize> {
        let mut from = from;
        while let Some(group) = self.open.pop() {
            let end = self.end(group);
            let ignored = self.planned.plan.nodes[group.index()].continue_on_error && !all;
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
    pub(super) fn move_groups(&mut self, to: NodeId) {
        let mut around: Vec<NodeId> = self.planned.groups_above(to).collect();
        around.reverse();
        for group in self.open.iter().rev().filter(|g| !around.contains(g)) {
            if group.index() > to.index() {
                // It is ahead again.
                continue;
            }
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

    pub(super) fn absorbed(&self) -> bool {
        self.open
            .iter()
            .any(|group| self.planned.plan.nodes[group.index()].continue_on_error)
    }
}
