//! From document to flat plan: every group and step depth first, parents before children (spec 1.1, the instruction table).

use super::schema::{Condition, Node, Sequence, Step};
use crate::event::{NodeId, NodeKind, Plan, PlanNode};

/// What stands behind a node of the plan.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeDef {
    /// A group.
    Group {
        /// Whether it runs.
        condition: Option<Condition>,
    },
    /// A step.
    Step(Box<Step>),
}

/// The plan and what the engine needs to run it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedSequence {
    /// What clients see.
    pub plan: Plan,
    /// One a node, by [`NodeId`].
    pub defs: Vec<NodeDef>,
    ends: Vec<usize>,
}

impl PlannedSequence {
    /// Flattens a document.
    pub fn new(sequence: &Sequence) -> Self {
        let mut planned = Self {
            plan: Plan {
                name: sequence.name.clone(),
                description: sequence.description.clone(),
                nodes: Vec::new(),
            },
            defs: Vec::new(),
            ends: Vec::new(),
        };
        planned.add(&sequence.steps, None, 0, false);
        planned
    }

    /// The index after the last descendant of a node.
    pub fn end(&self, id: NodeId) -> usize {
        self.ends.get(id.index()).copied().unwrap_or(self.defs.len())
    }

    fn add(&mut self, nodes: &[Node], parent: Option<NodeId>, depth: u16, off: bool) {
        for node in nodes {
            let index = self.defs.len();
            let id = NodeId(u32::try_from(index).unwrap_or(u32::MAX));
            let (name, disabled, continue_on_error, kind, weight) = match node {
                Node::Group(group) => (
                    &group.name,
                    group.disabled,
                    group.continue_on_error,
                    NodeKind::Group,
                    0,
                ),
                Node::Step(step) => (
                    &step.name,
                    step.disabled,
                    step.continue_on_error,
                    NodeKind::Step(step.action.kind().to_owned()),
                    step.action.weight(),
                ),
            };
            let disabled = disabled || off;
            self.plan.nodes.push(PlanNode {
                id,
                parent,
                depth,
                name: name.clone(),
                kind,
                disabled,
                continue_on_error,
                weight,
            });
            self.ends.push(index + 1);
            match node {
                Node::Group(group) => {
                    let condition = group.condition.clone();
                    self.defs.push(NodeDef::Group { condition });
                    self.add(&group.steps, Some(id), depth.saturating_add(1), disabled);
                    self.ends[index] = self.defs.len();
                }
                Node::Step(step) => self.defs.push(NodeDef::Step(Box::new(step.clone()))),
            }
        }
    }
}
